"""Watches the tick: anything due and unfired, a clock that jumped, and a sign of life to somebody outside.

The auditor asks the database in words of its own, and raises its alarm by another path than the reminders it
found missing: mail to the team first, then the pager; what neither took lies in the outbox and the journal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from incident_flows.services.call import mail
from incident_flows.services.desk import LEASE, Desk, write_journal

AUDIT_GRACE = timedelta(minutes=5)
ALARM_AGAIN_AFTER = timedelta(minutes=30)
JUMP = timedelta(seconds=5)  # further apart than this, wall and monotonic clock no longer tell the same time
REST_AFTER_FAILURE = timedelta(seconds=60)  # a heartbeat that fails must not slow every tick
NAMED = 500  # steps an alarm names, one by one
UNSURE = "unsure/"  # marks of steps of which nobody knows whether they reached anybody
ENGINE = "engine"


def due_and_unfired(desk: Desk, *, now: datetime) -> Sequence[Any]:
    """Return what should have fired a while ago and has not."""
    with desk.database.read() as tx:
        return tx.steps.due_unfired(now, AUDIT_GRACE)


def audit(desk: Desk, *, now: datetime) -> int:
    """Look for anything due and unfired, raise an alarm if there is, and return how many there are.

    Steps that were not told a third time, because they may have been told already, raise one too. They stand
    in the database until it is raised, so that a process that dies in between takes nothing with it.
    """
    with desk.database.read() as tx:
        overdue = tx.steps.due_unfired(now, AUDIT_GRACE)
        unsure = tx.leases.marks(UNSURE, limit=NAMED)
    if overdue:
        first = overdue[0]
        which = f"{first.incident_ref} {first.oid} {first.name}, due {first.due_at.isoformat()}"
        text = f"{len(overdue)} reminders are due and not fired; the first: {which}"
        _alarm_once(
            desk,
            text,
            {"due_and_unfired": len(overdue), "first": first.oid, "due_at": first.due_at.isoformat()},
            now=now,
        )
    if unsure:
        _tell_doubt(desk, unsure, now=now)
    return len(overdue)


def _tell_doubt(desk: Desk, unsure: Mapping[str, str], *, now: datetime) -> None:
    with desk.database.write() as tx:
        if not tx.leases.take(UNSURE, desk.owner, now, LEASE):
            return  # another process tells it; should it die, the next tick does
    steps = list(unsure.values())
    text = "It is not known whether these reminders reached anybody: " + "; ".join(steps)
    raise_alarm(desk, text, {"in_doubt": len(steps), "steps": steps}, now=now)
    with desk.database.write() as tx:
        tx.leases.forget(unsure)
        tx.leases.release(UNSURE, desk.owner)


def _alarm_once(desk: Desk, text: str, payload: dict[str, Any], *, now: datetime) -> None:
    """Raise the alarm unless the same one was raised a short while ago and has not grown."""
    with desk.database.read() as tx:
        last = tx.leases.get("last-alarm") or {}
    fresh = last and abs(now - datetime.fromisoformat(last["at"])) < ALARM_AGAIN_AFTER
    if fresh and payload["due_and_unfired"] <= last["count"]:
        return
    raise_alarm(desk, text, payload, now=now)
    with desk.database.write() as tx:
        tx.leases.put("last-alarm", {"at": now.isoformat(), "count": payload["due_and_unfired"]})


def raise_alarm(desk: Desk, text: str, payload: dict[str, Any], *, now: datetime) -> None:
    """Tell the team that the engine itself is in trouble: mail, then the pager; journal every attempt."""
    title = "Breach engine: reminders need a person to look"
    rota = desk.rota
    paths: list[dict[str, Any]] = []
    for name, person in rota.persons.items() if rota is not None else ():
        if person.email:
            key = f"alarm-{now:%Y%m%dT%H%M%S}-{name}"
            paths.append(
                {"path": f"{name}: mail", "ok": mail(desk, person.email, title, text, key=key, now=now)}
            )
    if not any(one["ok"] for one in paths):
        desk.reached("audit:paging")
        paths += [
            {"path": path, "ok": ok}
            for path, ok in (desk.pager.page(title, text) if desk.pager is not None else ())
        ]
    if not any(one["ok"] for one in paths) and desk.sender is not None:
        own = desk.sender.partition("<")[2].rstrip("> ") or desk.sender
        key = f"alarm-{now:%Y%m%dT%H%M%S}-sender"
        paths.append({"path": "sender: mail", "ok": mail(desk, own, title, text, key=key, now=now)})
    with desk.database.write() as tx:
        write_journal(
            tx,
            desk,
            at=now,
            actor=ENGINE,
            act="audit-alarm",
            ref=None,
            subject="steps",
            payload={**payload, "paths": paths},
        )


def beat(desk: Desk, *, now: datetime) -> bool | None:
    """Call the address outside that waits for ticks; None if there is none, or it rests after a failure."""
    if desk.heartbeat is None:
        return None
    with desk.database.read() as tx:
        last = tx.leases.get("heartbeat") or {}
    if (
        last
        and not last["ok"]
        and timedelta(0) <= now - datetime.fromisoformat(last["at"]) < REST_AFTER_FAILURE
    ):
        return None
    ok = bool(desk.heartbeat())
    with desk.database.write() as tx:
        tx.leases.put("heartbeat", {"at": now.isoformat(), "ok": ok})
    return ok


def check_clock(desk: Desk, *, now: datetime, last: datetime | None) -> float | None:
    """Compare the host's clock with itself; journal a jump and return its seconds, None if there was none.

    Two signs: the wall clock and the monotonic one went different ways between two ticks of this process; or
    the wall clock is now before the last tick that is stored, whoever ran it. Claims are then cut to one
    lease, for under a clock that was set back none of them would lapse in time.
    """
    jump = None
    if desk.monotonic is not None:
        here = (now, desk.monotonic())
        if desk.ticked is not None:
            before, at = desk.ticked
            jump = now - before - timedelta(seconds=here[1] - at)
        desk.ticked = here
    by = "wall and monotonic clock of one process"
    if (jump is None or abs(jump) < JUMP) and last is not None and now - last < -JUMP:
        jump, by = now - last, "the last tick that is stored"
    if jump is None or abs(jump) < JUMP:
        return None
    seconds = round(jump.total_seconds(), 1)
    with desk.database.write() as tx:
        known = tx.leases.get("clock") or {}
        tx.leases.put(
            "clock",
            {
                "jumps": known.get("jumps", 0) + 1,
                "last_jump_at": now.isoformat(),
                "last_jump_seconds": seconds,
            },
        )
        if seconds < 0:
            tx.steps.cut_leases(now + LEASE)
        write_journal(
            tx,
            desk,
            at=now,
            actor=ENGINE,
            act="clock-jumped",
            ref=None,
            subject="clock",
            payload={"seconds": seconds, "seen_by": by, "last_tick": last.isoformat() if last else None},
        )
    return seconds
