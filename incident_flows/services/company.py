"""Somebody a company's sign-on vouches for, and the one account that is theirs.

Who is tied to which account is said by an administrator, never guessed from a name or mailbox. Roles are the
account's own, unless a mapping says which values of a claim stand for which role.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from incident_flows.core.lifecycle import ROLES, Actor
from incident_flows.errors import InputError, PermissionDeniedError
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.sign_in import open_session


def bind(desk: Desk, name: str, subject: str, *, issuer: str, actor: Actor, now: datetime) -> None:
    """Tie an account to one person of the company's sign-on, for good.

    Raises:
        InputError: The account is another person's, or the person has another account.
    """
    actor.require("accounts")
    with desk.database.write() as tx:
        row = tx.accounts.get(name)
        tx.access.bind_subject(row.id, issuer, subject, now)
        write_journal(
            tx, desk, at=now, actor=actor.name, act="account-bound", ref=None, subject=name,
            payload={"issuer": issuer, "subject": subject},
        )  # fmt: skip


def roles_of(mapping: str, claims: Mapping[str, Any]) -> list[str] | None:
    """Return the roles a mapping gives somebody; None if there is no mapping.

    >>> roles_of("groups: ir-team=handler dpo=approver", {"groups": ["dpo", "all"]})
    ['approver']
    >>> roles_of("", {"groups": ["dpo"]}) is None
    True

    Raises:
        InputError: The mapping cannot be read.
    """
    if not mapping.strip():
        return None
    claim, _, pairs = mapping.partition(":")
    wanted = [pair.partition("=") for pair in pairs.split()]
    if not wanted or any(role not in ROLES for _, _, role in wanted):
        raise InputError(
            "BREACH_OIDC_ROLES: cannot be read; write `CLAIM: VALUE=ROLE VALUE=ROLE`, "
            f"with roles among {', '.join(ROLES)}"
        )
    said = claims.get(claim.strip(), [])
    has = {said} if isinstance(said, str) else {str(one) for one in said} if isinstance(said, list) else set()
    return sorted({role for value, _, role in wanted if value in has})


def sign_in_by_company(
    desk: Desk, issuer: str, claims: Mapping[str, Any], *, mapping: str, device: str, now: datetime
) -> str:
    """Open a session for somebody whose token was verified; return the cookie's value.

    Raises:
        PermissionDeniedError: No account is theirs, it is barred, or the mapping gives it no role.
    """
    subject, roles = str(claims["sub"]), roles_of(mapping, claims)
    with desk.database.read() as tx:
        row = tx.access.account_of_subject(issuer, subject)
    if row is None:
        raise PermissionDeniedError(
            "the company's sign-on knows you, and no account here is yours yet.\n"
            f"An administrator ties one to you: breach account bind NAME {subject}"
        )
    if row.disabled or roles == []:
        raise PermissionDeniedError("your account is barred, or the company's sign-on gives it no role")
    if roles is not None and roles != sorted(row.roles):
        with desk.database.write() as tx:
            tx.accounts.set_roles(row.name, roles)
            write_journal(
                tx, desk, at=now, actor="company sign-on", act="roles-changed", ref=None, subject=row.name,
                payload={"roles": roles, "before": list(row.roles)},
            )  # fmt: skip
    return open_session(desk, row.id, stage="full", how="company sign-on", device=device, now=now)
