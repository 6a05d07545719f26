"""Setting an account up: a link that works once, a password, a second factor with its recovery codes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from incident_flows.core.lifecycle import Actor
from incident_flows.errors import InputError, NotFoundError, PermissionDeniedError
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.secrets_kept import (
    OWNER,
    hashed,
    house_key,
    house_sign,
    plain_code,
    random_word,
    recovery_codes,
    step_of,
    stretched,
)
from incident_flows.services.sign_in import Session
from incident_flows.services.tokens import revoke_all
from incident_flows.storage.database import Tx

SET_UP, CALENDAR = "set-up", "calendar"
LINK_LASTS = timedelta(hours=24)
AT_START = timedelta(minutes=30)  # of the link the engine prints at its first start
NO_LINK = "this link was used, has expired, or was not made here; an administrator makes a new one"


@dataclass(frozen=True)
class Link:
    """A secret address: its last part, and until when it works."""

    word: str
    expires_at: datetime | None


def set_up_link(desk: Desk, name: str, *, actor: Actor, now: datetime, lasts: timedelta = LINK_LASTS) -> Link:
    """Make the link by which the owner of an account chooses their password; older ones work no more."""
    if actor.name != name:
        actor.require("accounts")
    word = random_word()
    with desk.database.write() as tx:
        row = tx.accounts.get(name)
        if row.disabled:
            raise PermissionDeniedError(f"the account {name!r} is disabled")
        tx.access.drop_links(row.id, SET_UP)
        tx.access.add_link(
            sha256=hashed(word), account_id=row.id, purpose=SET_UP, created_at=now, expires_at=now + lasts
        )
        write_journal(
            tx, desk, at=now, actor=actor.name, act="set-up-link-made", ref=None, subject=name,
            payload={"hours": lasts.total_seconds() / 3600},
        )  # fmt: skip
    return Link(word, now + lasts)


def link_at_start(desk: Desk, actor: Actor, *, now: datetime) -> Link | None:
    """Return a link for who starts the engine, as long as nobody at all can sign in."""
    with desk.database.read() as tx:
        if any((has := tx.access.credential(row.id)) and has.password for row in tx.accounts.list()):
            return None
    return set_up_link(desk, actor.name, actor=actor, now=now, lasts=AT_START)


def whose_link(desk: Desk, word: str, *, now: datetime) -> str:
    """Return the account a set-up link is for; changes nothing.

    Raises:
        NotFoundError: It does not work, any more or at all.
    """
    with desk.database.read() as tx:
        return _of_link(tx, word, now)[1]


def _of_link(tx: Tx, word: str, now: datetime) -> tuple[int, str, int]:
    link = tx.access.link(hashed(word), SET_UP, now)
    if link is None or (account := tx.access.account(link.account_id)).disabled:
        raise NotFoundError(NO_LINK)
    return link.id, account.name, account.id


def choose_password(desk: Desk, word: str, password: str, *, now: datetime) -> int:
    """Use a set-up link up: a new password, no second factor, no session, no token. Return the account's number.

    Raises:
        InputError: The password does not do; the link still works.
        NotFoundError: The link does not work.
    """
    name = whose_link(desk, word, now=now)
    stored = stretched(password, account=name)
    with desk.database.write() as tx:
        link, name, account = _of_link(tx, word, now)
        if not tx.access.use_link(link, now):
            raise NotFoundError(NO_LINK)
        tx.access.set_credential(account, now, password=stored, second=None, recovery=[])
        ended = tx.access.end_sessions(account)
        revoke_all(tx, desk, account, by=name, now=now)
        write_journal(
            tx, desk, at=now, actor=name, act="password-chosen", ref=None, subject=name,
            payload={"sessions_ended": ended},
        )  # fmt: skip
    return account


def offered_seed(desk: Desk, session: Session) -> str:
    """Return the seed this session may set up: the same until it is used, derived, so that none is stored."""
    with desk.database.read() as tx:
        has = tx.access.credential(session.account_id)
    since = "" if has is None else has.changed_at.isoformat()
    made = house_sign(desk, "second-seed", f"{session.account_id} {session.id} {since}")
    return base64.b32encode(bytes.fromhex(made)[:20]).decode()


def set_second(desk: Desk, session: Session, code: str, *, now: datetime) -> Sequence[str]:
    """Take the offered seed as the account's second factor once a code shows that the app has it.

    Returns:
        The recovery codes, shown this once.

    Raises:
        InputError: The code is not of this seed.
    """
    seed = offered_seed(desk, session)
    step = step_of(seed, code, now)
    if step is None:
        raise InputError(
            "that is not the code of this key; look at the time of the device, and type the newest"
        )
    codes, key = recovery_codes(), house_key(desk)
    account = session.account_id
    with desk.database.write() as tx:
        has = tx.access.credential(account)
        if has is not None and has.second is not None and session.stage != "full":
            raise PermissionDeniedError("there is a second factor already; sign in with it to change it")
        tx.access.set_credential(
            account, now,
            second=desk.vault.seal(key, OWNER, f"second-{account}", seed.encode()),
            second_step=step,
            recovery=[hashed(plain_code(one)) for one in codes],
        )  # fmt: skip
        write_journal(
            tx, desk, at=now, actor=session.actor.name, act="second-factor-set", ref=None,
            subject=session.actor.name, payload={"recovery_codes": len(codes)},
        )  # fmt: skip
    return codes


def calendar_link(desk: Desk, session: Session, *, now: datetime) -> Link:
    """Make the secret address of an account's calendar; an older one works no more."""
    word = random_word()
    with desk.database.write() as tx:
        tx.access.drop_links(session.account_id, CALENDAR)
        tx.access.add_link(
            sha256=hashed(word), account_id=session.account_id, purpose=CALENDAR, created_at=now
        )
        write_journal(
            tx, desk, at=now, actor=session.actor.name, act="calendar-made", ref=None,
            subject=session.actor.name, payload={},
        )  # fmt: skip
    return Link(word, None)


def revoke_calendar(desk: Desk, session: Session, *, now: datetime) -> None:
    """Take the secret address of an account's calendar away."""
    with desk.database.write() as tx:
        if tx.access.drop_links(session.account_id, CALENDAR):
            write_journal(
                tx, desk, at=now, actor=session.actor.name, act="calendar-revoked", ref=None,
                subject=session.actor.name, payload={},
            )  # fmt: skip


def has_calendar(desk: Desk, session: Session) -> bool:
    """Return whether an account has a calendar address."""
    with desk.database.read() as tx:
        return tx.access.has_link(session.account_id, CALENDAR)


def whose_calendar(desk: Desk, word: str, *, now: datetime) -> Actor:
    """Return whose calendar a secret address is.

    Raises:
        NotFoundError: Nobody's, any more or at all; or theirs who may not read.
    """
    with desk.database.read() as tx:
        link = tx.access.link(hashed(word), CALENDAR, now)
        row = None if link is None else tx.access.account(link.account_id)
    if row is None or row.disabled:
        raise NotFoundError("there is no calendar at this address")
    actor = Actor(row.name, row.person, frozenset(row.roles))
    actor.require("read")
    return actor


def set_disabled(desk: Desk, name: str, disabled: bool, *, actor: Actor, now: datetime) -> None:
    """Bar an account from acting and end its sessions and tokens, or let it act again."""
    actor.require("accounts")
    if disabled and actor.name == name:
        raise PermissionDeniedError("nobody bars their own account; another administrator does")
    with desk.database.write() as tx:
        row = tx.accounts.set_disabled(name, disabled)
        ended = tx.access.end_sessions(row.id) if disabled else 0
        if disabled:
            revoke_all(tx, desk, row.id, by=actor.name, now=now)
        write_journal(
            tx, desk, at=now, actor=actor.name, act="account-barred" if disabled else "account-let-in",
            ref=None, subject=name, payload={"sessions_ended": ended},
        )  # fmt: skip
