"""Signing in and out: a password, a code, a session; too many wrong tries shut the door for a while.

The answer to a wrong name, a wrong password and a shut door is the same, and takes as long.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from incident_flows.core.lifecycle import Actor
from incident_flows.errors import PermissionDeniedError
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.secrets_kept import (
    code_taken,
    hashed,
    house_key,
    house_sign,
    password_fits,
    random_word,
)
from incident_flows.storage.access import FULL
from incident_flows.storage.database import Tx

Stage = Literal["full", "second", "enrol"]

IDLE = timedelta(hours=1)
LASTS = timedelta(hours=12)
HALF_WAY = timedelta(minutes=10)  # to show the second factor
PER_ACCOUNT, PER_ADDRESS, WITHIN = 5, 30, timedelta(minutes=15)
NOTE_EVERY = timedelta(minutes=1)  # how exactly it is known when a session was last used
REFUSED = (
    "that name and password do not let anybody in, or there were too many tries; "
    f"after {int(WITHIN.total_seconds() // 60)} minutes it is taken again"
)
REFUSED_CODE = (
    "that code does not let anybody in; each works once. Wait for the next one, or use a recovery code"
)


@dataclass(frozen=True)
class Session:
    """Who sits at a browser.

    Attributes:
        stage: full, or what is still to be shown or set up.
    """

    id: int
    account_id: int
    actor: Actor
    stage: Stage


def doors_of(desk: Desk, name: str, address: str) -> Mapping[str, int]:
    """Return what wrong tries are counted under, hashed, with how many are borne."""
    found = {house_sign(desk, "tried", f"account {name.casefold()}"): PER_ACCOUNT}
    if address:
        found[house_sign(desk, "tried", f"address {address}")] = PER_ADDRESS
    return found


def doors_shut(tx: Tx, doors: Mapping[str, int], now: datetime) -> bool:
    return any(tx.access.tried(door, now) >= most for door, most in doors.items())


def wrong_try(desk: Desk, doors: Mapping[str, int], name: str | None, now: datetime) -> None:
    """Count a wrong try; the moment a door shuts stands in the journal, once."""
    with desk.database.write() as tx:
        for door, most in doors.items():
            if tx.access.count_try(door, now, WITHIN) == most:
                kind = "account" if most == PER_ACCOUNT else "address"
                write_journal(
                    tx, desk, at=now, actor="console", act="sign-in-shut", ref=None,
                    subject=name if kind == "account" and name else kind,
                    payload={"kind": kind, "tries": most, "minutes": int(WITHIN.total_seconds() // 60)},
                )  # fmt: skip


def sign_in(
    desk: Desk,
    name: str,
    password: str,
    *,
    address: str,
    device: str,
    second_for: Collection[str],
    now: datetime,
) -> tuple[str, Stage]:
    """Check a password and open a session.

    Args:
        address: Where the browser is, for counting wrong tries; stored hashed only.
        device: What the browser calls itself.
        second_for: Roles that need a second factor.

    Returns:
        The cookie's value, and what is still to be shown.

    Raises:
        PermissionDeniedError: Not let in; why is not said.
    """
    name = name.strip()[:200]
    doors = doors_of(desk, name, address)
    with desk.database.read() as tx:
        row = next((one for one in tx.accounts.list() if one.name == name), None)
        has = None if row is None else tx.access.credential(row.id)
        shut = doors_shut(tx, doors, now)
    fits = password_fits(None if has is None else has.password, password)
    if row is None or has is None or not fits or shut or row.disabled:
        if not shut:
            wrong_try(desk, doors, None if row is None else row.name, now)
        raise PermissionDeniedError(REFUSED)
    stage: Stage = "second" if has.second else "enrol" if set(row.roles) & set(second_for) else "full"
    return open_session(desk, row.id, stage=stage, how="password", device=device, now=now), stage


def open_session(
    desk: Desk, account_id: int, *, stage: Stage, how: str, device: str = "", now: datetime
) -> str:
    """Open a session for somebody who has proved who they are; return the cookie's value."""
    word = random_word()
    with desk.database.write() as tx:
        tx.access.tidy(now)
        tx.access.open_session(
            sha256=hashed(word), account_id=account_id, stage=stage, created_at=now, seen_at=now,
            expires_at=now + (LASTS if stage == "full" else HALF_WAY), device=device[:120],
        )  # fmt: skip
        if stage == FULL:
            name = tx.access.account(account_id).name
            write_journal(
                tx, desk, at=now, actor=name, act="signed-in", ref=None, subject=name, payload={"by": how}
            )
    return word


def show_code(desk: Desk, cookie: str, code: str, *, address: str, device: str, now: datetime) -> str:
    """Check the second factor of a session that is half-way; return the cookie of a new, full one.

    Raises:
        PermissionDeniedError: No such session, or not this account's code, or one used before.
    """
    session = session_of(desk, cookie, now=now)
    if session is None or session.stage != "second":
        raise PermissionDeniedError("the sign-in took too long; begin again")
    doors, key = doors_of(desk, session.actor.name, address), house_key(desk)
    with desk.database.write() as tx:
        kind = None
        if not doors_shut(tx, doors, now):
            kind = code_taken(tx, desk, key, session.account_id, code[:60], now)
        if kind is not None:
            tx.access.end_session(session.account_id, session.id)
            for door, most in doors.items():
                if most == PER_ACCOUNT:
                    tx.access.forget_tries(door)
    if kind is None:
        wrong_try(desk, doors, session.actor.name, now)
        raise PermissionDeniedError(REFUSED_CODE)
    how = f"password and {kind}"
    return open_session(desk, session.account_id, stage="full", how=how, device=device, now=now)


def session_of(desk: Desk, cookie: str, *, now: datetime) -> Session | None:
    """Return who a cookie stands for; None if for nobody, any more."""
    if not cookie or len(cookie) > 100:
        return None
    with desk.database.read() as tx:
        found = tx.access.session(hashed(cookie))
    if found is None:
        return None
    row, account = found
    if account.disabled or row.expires_at <= now or row.seen_at <= now - IDLE:
        return None
    if row.seen_at <= now - NOTE_EVERY:
        with desk.database.write() as tx:
            tx.access.seen(row.id, now)
    actor = Actor(account.name, account.person, frozenset(account.roles))
    return Session(row.id, account.id, actor, row.stage)  # type: ignore[arg-type]


def sign_out(desk: Desk, session: Session, *, now: datetime, which: int | None = None) -> None:
    """End this session, or another of the same account."""
    with desk.database.write() as tx:
        if tx.access.end_session(session.account_id, which or session.id) and session.stage == FULL:
            _journal_out(tx, desk, session.actor.name, {"sessions": 1}, now)


def sign_out_everywhere(desk: Desk, account_id: int, *, actor: Actor, now: datetime) -> int:
    """End all sessions of an account; return how many there were."""
    with desk.database.write() as tx:
        ended = tx.access.end_sessions(account_id)
        _journal_out(tx, desk, actor.name, {"sessions": ended, "of": tx.access.account(account_id).name}, now)
    return ended


def _journal_out(tx: Tx, desk: Desk, name: str, payload: Mapping[str, Any], now: datetime) -> None:
    write_journal(tx, desk, at=now, actor=name, act="signed-out", ref=None, subject=name, payload=payload)


def own_sessions(desk: Desk, session: Session, *, now: datetime) -> Sequence[Mapping[str, Any]]:
    """Return the sessions of the same account, the newest first."""
    with desk.database.read() as tx:
        rows = tx.access.sessions(session.account_id, now, IDLE)
    return [
        {"id": row.id, "device": row.device, "created_at": row.created_at, "seen_at": row.seen_at,
         "this": row.id == session.id}
        for row in rows
    ]  # fmt: skip
