"""One tick: fires everything due, once; goes on with approved sends; finds what died half-way; audits itself.

The same code from Prefect's schedule, from `breach watch`, and from cron. It needs no memory of earlier
ticks: what is due and undone is a row, and however many ticks were missed, each row fires once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from incident_flows.core.escalation import is_last_before_overdue, ladder_for, next_overdue
from incident_flows.services.assess import ladders_of
from incident_flows.services.desk import LEASE, Desk, write_journal
from incident_flows.services.notify import settle, work_off

BATCH = 200
LATE_AFTER = timedelta(seconds=90)  # a tick a minute is on time
AUDIT_GRACE = timedelta(minutes=5)
ENGINE = "engine"


@dataclass
class Tick:
    """What one tick did."""

    at: datetime
    fired: int = 0
    late: int = 0
    sent: int = 0
    in_doubt: int = 0
    missed: int = 0
    reminders: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return what `breach watch --json` prints."""
        return {**asdict(self), "at": self.at.isoformat()}


def tick(desk: Desk, *, now: datetime) -> Tick:
    """Do everything that is due at `now`."""
    done = Tick(now)
    last = _last_tick(desk)
    _leftovers(desk, done, now=now)
    _fire(desk, done, now=now, last=last)
    _go_on_sending(desk, done, now=now)
    _audit(desk, done, now=now)
    with desk.database.write() as tx:
        tx.leases.put("last-tick", now.isoformat())
    return done


def _last_tick(desk: Desk) -> datetime | None:
    with desk.database.read() as tx:
        value = tx.leases.get("last-tick")
    return datetime.fromisoformat(value) if value else None


def _leftovers(desk: Desk, done: Tick, *, now: datetime) -> None:
    """Claims nobody recorded: the sender died after claiming. Whether the message left is not known."""
    with desk.database.write() as tx:
        rows = tx.deliveries.leftovers(now)
        for row in rows:
            tx.deliveries.record(row.id, "in-doubt", now, error_kind="sender died between claim and record")
        refs = {(tx.notices.by_id(row.notice_id).incident_ref, tx.notices.by_id(row.notice_id).ref) for row in rows}
        for ref, notice_ref in sorted(refs):
            write_journal(
                tx, desk, at=now, actor=ENGINE, act="in-doubt", ref=ref, subject=notice_ref,
                payload={"deliveries": sum(1 for row in rows if tx.notices.by_id(row.notice_id).ref == notice_ref)},
            )
    done.in_doubt += len(rows)
    for ref, notice_ref in sorted(refs):
        settle(desk, ref, notice_ref, actor=ENGINE, now=now)


def _fire(desk: Desk, done: Tick, *, now: datetime, last: datetime | None) -> None:
    while True:
        with desk.database.write() as tx:
            rows = tx.steps.claim(now, desk.owner, LEASE, BATCH)
        if not rows:
            return
        desk.reached("watch:claimed")
        for row in rows:
            _fire_one(desk, row, done, now=now, last=last)


def _fire_one(desk: Desk, row: Any, done: Tick, *, now: datetime, last: datetime | None) -> None:
    late = max((now - row.due_at).total_seconds(), 0.0)
    because = None
    if late > LATE_AFTER.total_seconds():
        since = f"since {last.isoformat()}" if last else "ever before"
        because = f"no tick ran between its instant and now (none {since})"
        done.late += 1
    title = f"{row.incident_ref} · {row.detail.get('addressee', row.oid)}: {row.detail.get('text', row.name)}"
    body = f"{row.oid}\nEnd of the period: {row.detail.get('end_at')}" + (
        "\nThis end is provisional: something that decides it is not known yet." if row.detail.get("provisional") else ""
    )
    if because:
        body += f"\nThis reminder is {late / 60:.0f} minutes late: {because}."
    paths = desk.pager.page(title, body) if desk.pager is not None else []
    desk.reached("watch:paged")
    told = {"paths": [{"path": path, "ok": ok} for path, ok in paths]} if paths else {"paths": [], "shown": "on the board only: no paging is set up"}
    with desk.database.write() as tx:
        tx.steps.fired(
            row.id, owner=desk.owner, at=now, late_seconds=late, late_because=because, detail={**row.detail, **told}
        )
        write_journal(
            tx, desk, at=now, actor=ENGINE, act="reminded", ref=row.incident_ref, subject=row.oid,
            payload={"step": row.name, "due_at": row.due_at.isoformat(), "late_seconds": round(late), "late_because": because, **told},
        )
        _call_again(tx, desk, row)
        desk.reached("watch:before-fired")
    done.fired += 1
    done.reminders.append({"incident": row.incident_ref, "obligation": row.oid, "step": row.name, "title": title, "late_seconds": round(late)})


def _call_again(tx: Any, desk: Desk, row: Any) -> None:
    """After the end itself, plan the next call in the same transaction; it is cancelled once the duty is met."""
    incident = tx.incidents.get(row.incident_ref)
    kind = row.oid.rpartition("@")[2]
    ladder = ladder_for(ladders_of(incident, desk), (kind,))
    if incident.state != "open" or not is_last_before_overdue(row.name, ladder):
        return
    end_at = datetime.fromisoformat(row.detail["end_at"])
    step = next_overdue(ladder, end_at=end_at, name=row.name)
    if step is not None:
        detail = {**row.detail, **step.detail, "provisional": row.detail.get("provisional", False)}
        tx.steps.plan(row.incident_id, row.oid, row.plan_version, [(step.name, step.due_at, detail)])


def _go_on_sending(desk: Desk, done: Tick, *, now: datetime) -> None:
    """Approved sends that were begun and broken off, or were not accepted and may be tried again."""
    with desk.database.read() as tx:
        open_ = [(one.id, one.incident_ref, one.ref, one.kind) for one in tx.notices.in_state("sending", limit=BATCH)]
    for notice_id, ref, notice_ref, kind in open_:
        if kind == "people":
            from incident_flows.services.broadcast import plan_deliveries

            with desk.database.read() as tx:
                notice = tx.notices.get(ref, notice_ref)
            plan_deliveries(desk, ref, notice)
        done.sent += work_off(desk, notice_id, now=now)
        settle(desk, ref, notice_ref, actor=ENGINE, now=now)


def _audit(desk: Desk, done: Tick, *, now: datetime) -> None:
    """Look, by a query of its own, for anything due and unfired; raise it by another way than the tick."""
    with desk.database.read() as tx:
        overdue = tx.steps.due_unfired(now, AUDIT_GRACE)
    done.missed = len(overdue)
    if not overdue:
        return
    with desk.database.write() as tx:
        write_journal(
            tx, desk, at=now, actor=ENGINE, act="audit-alarm", ref=None, subject="steps",
            payload={"due_and_unfired": len(overdue), "first": overdue[0].oid, "due_at": overdue[0].due_at.isoformat()},
        )
    if desk.pager is not None:
        desk.pager.page("breach engine: reminders are due and not fired", f"{len(overdue)} of them; first {overdue[0].oid}")


def status(desk: Desk, *, now: datetime) -> dict[str, Any]:
    """Return whether the clocks are alive: last tick, next step, anything due and unfired."""
    last = _last_tick(desk)
    with desk.database.read() as tx:
        next_due = tx.steps.next_due()
        overdue = tx.steps.due_unfired(now, AUDIT_GRACE)
        doubts = len(tx.deliveries.in_doubt())
        opened = len(tx.incidents.list(state="open", limit=1000))
    return {
        "last_tick": last.isoformat() if last else None,
        "seconds_since_tick": round((now - last).total_seconds()) if last else None,
        "ticking": last is not None and now - last < timedelta(minutes=3),
        "next_step": next_due.isoformat() if next_due else None,
        "due_and_unfired": len(overdue), "in_doubt": doubts, "open_incidents": opened,
    }
