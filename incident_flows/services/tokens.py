"""Tokens: what a program shows to act as an account, for some verbs, for some time; shown once, stored hashed.

A token never does more than its account's roles, and less wherever its scopes end. What takes two people takes
a one-time code beside it, as at every other door.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from incident_flows.core.instants import show_utc
from incident_flows.core.lifecycle import MAY, Actor
from incident_flows.errors import InputError, PermissionDeniedError, StorageError
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.secrets_kept import hashed, random_word
from incident_flows.storage.database import Tx

SCOPES = tuple(sorted(set(MAY) - {"accounts", "triage"}))  # people alone say who may act, and what a report is
BEGINS = "breach_"  # so that scanners find tokens that were left in code
PREFIX = len(BEGINS) + 4  # characters shown
LASTS = timedelta(days=365)
LONGEST = timedelta(days=3660)
NOTE_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Held:
    """A token that works: its number, and who acts by it."""

    id: int
    ref: str
    actor: Actor


def add_token(
    desk: Desk, name: str, *, scopes: Sequence[str], expires_at: datetime | None, actor: Actor, now: datetime
) -> tuple[dict[str, Any], str]:
    """Make a token for one's own account; return how it is listed, and the token itself, which is shown this once.

    Args:
        name: What the program is called.
        scopes: Verbs it is for.
        expires_at: From when it works no more; a year from now if not given.

    Raises:
        InputError: No name, no scope, one that is none, or an end that is past or years away.
        PermissionDeniedError: The account itself may not do one of them.
    """
    wrong = sorted(set(scopes) - set(SCOPES))
    if wrong or not scopes:
        raise InputError(f"--scope {', '.join(wrong) or '(none)'}: choose among {', '.join(SCOPES)}")
    if not 0 < len(name.strip()) <= 80 or not name.isprintable():
        raise InputError("name: write what the program is called, in at most 80 characters")
    ends = expires_at or now + LASTS
    if not now < ends <= now + LONGEST:
        raise InputError("--expires: write a day to come, at most ten years away, such as 2027-06-30")
    for verb in scopes:
        actor.require(verb)
    word = BEGINS + random_word()
    with desk.database.write() as tx:
        row = tx.tokens.add(
            sha256=hashed(word), account_id=tx.accounts.get(actor.name).id, name=name.strip(),
            prefix=word[:PREFIX], scopes=sorted(set(scopes)), created_at=now, expires_at=ends,
        )  # fmt: skip
        write_journal(
            tx, desk, at=now, actor=actor.name, act="token-made", ref=None, subject=row.ref,
            payload={"name": row.name, "scopes": list(row.scopes), "expires_at": show_utc(ends)},
        )  # fmt: skip
    return _json(row, actor.name, now), word


def list_tokens(desk: Desk, *, actor: Actor, now: datetime, everybodys: bool = False) -> list[dict[str, Any]]:
    """Return one's own tokens, or everybody's for an administrator, the newest first; never the secret."""
    if everybodys:
        actor.require("accounts")
    with desk.database.read() as tx:
        names = {row.id: row.name for row in tx.accounts.list()}
        rows = tx.tokens.list(None if everybodys else tx.accounts.get(actor.name).id)
    return [_json(row, names[row.account_id], now) for row in rows]


def revoke_token(desk: Desk, ref: str, *, actor: Actor, now: datetime) -> dict[str, Any]:
    """Let a token work no more, at once; one's own, or anybody's for an administrator.

    Raises:
        NotFoundError: There is no such token.
    """
    with desk.database.write() as tx:
        row = tx.tokens.get(ref)
        owner = tx.access.account(row.account_id).name
        if owner != actor.name:
            actor.require("accounts")
        if tx.tokens.revoke(ref, by=actor.name, at=now):
            _journal_end(tx, desk, ref, actor.name, {"of": owner}, now)
        return _json(tx.tokens.get(ref), owner, now)


def revoke_all(tx: Tx, desk: Desk, account_id: int, *, by: str, now: datetime) -> int:
    """Let no token of an account work any more: its owner begins anew, or is barred."""
    ended = tx.tokens.revoke_all(account_id, by=by, at=now)
    if ended:
        _journal_end(tx, desk, "all", by, {"of": tx.access.account(account_id).name, "tokens": ended}, now)
    return ended


def _journal_end(tx: Tx, desk: Desk, ref: str, by: str, payload: dict[str, Any], now: datetime) -> None:
    write_journal(tx, desk, at=now, actor=by, act="token-revoked", ref=None, subject=ref, payload=payload)


def token_held(desk: Desk, word: str, *, now: datetime) -> Held:
    """Return who acts by a token.

    Raises:
        PermissionDeniedError: It is none, has expired or was revoked, or its account is barred; which is not said.
    """
    found = None
    if word.startswith(BEGINS) and len(word) <= 100:
        with desk.database.read() as tx:
            found = tx.tokens.by_hash(hashed(word))
    if found is None or found[1].disabled or found[0].revoked_at is not None or found[0].expires_at <= now:
        raise PermissionDeniedError("that token does not work, any more or at all; `breach token add` makes one")
    row, account = found
    if row.used_at is None or row.used_at <= now - NOTE_EVERY:
        with suppress(StorageError), desk.database.write() as tx:  # who only reads may do so on a full disk
            tx.tokens.used(row.id, now)
    actor = Actor(account.name, account.person, frozenset(account.roles), frozenset(row.scopes))
    return Held(row.id, row.ref, actor)


def _json(row: Any, account: str, now: datetime) -> dict[str, Any]:
    state = "revoked" if row.revoked_at is not None else "expired" if row.expires_at <= now else "works"
    return {
        "id": row.ref, "name": row.name, "account": account, "prefix": row.prefix, "scopes": list(row.scopes),
        "state": state, "created_at": show_utc(row.created_at), "expires_at": show_utc(row.expires_at),
        "used_at": show_utc(row.used_at) if row.used_at else None, "revoked_by": row.revoked_by,
    }  # fmt: skip
