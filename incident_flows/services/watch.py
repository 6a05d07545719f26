"""One tick: fires everything due, once; goes on with approved sends; finds what died half-way; audits itself.

The same code from Prefect's schedule, from `breach watch`, and from cron. It needs no memory of earlier
ticks: what is due and undone is a row, and however many ticks were missed, each row fires once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from incident_flows.core.escalation import approval_call, kinds_of, ladder_for
from incident_flows.services.assess import ladders_of
from incident_flows.services.audit import audit, beat, check_clock, due_and_unfired
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.fire import ENGINE, Firings, fire_due
from incident_flows.services.follow import count as count_events
from incident_flows.services.follow import unused
from incident_flows.storage.database import Tx

BATCH = 200
TICK_EVERY = timedelta(seconds=60)  # also with nothing due: for sends, leftovers and the audit
TICKING_WITHIN = timedelta(minutes=3)


@dataclass
class Tick:
    """What one tick did.

    Attributes:
        fired: Steps, each once.
        late: How many of them late.
        sent: Deliveries.
        in_doubt: Sends and reminders whose process died half-way.
        missed: Due a while ago and not fired even now.
        jumped: Seconds by which the host's clock jumped since the tick before.
        reminders: What fired, one by one.
    """

    at: datetime
    fired: int = 0
    late: int = 0
    sent: int = 0
    in_doubt: int = 0
    missed: int = 0
    jumped: float | None = None
    reminders: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return what `breach watch --json` prints."""
        return {**asdict(self), "at": self.at.isoformat()}


def tick(desk: Desk, *, now: datetime) -> Tick:
    """Do everything that is due at `now`."""
    done = Tick(now)
    seen = _look(desk, now=now)
    done.jumped = check_clock(desk, now=now, last=seen.last)
    if seen.leftovers:
        _leftovers(desk, done, now=now)
    if seen.approvals:
        with desk.database.write() as tx:
            for incident_id, oid, version, step in seen.approvals:
                tx.steps.plan(incident_id, oid, version, [step])
    firings = Firings()
    if seen.due or seen.approvals or desk.unrecorded:
        firings = fire_due(desk, now=now, last=seen.last)
    done.fired, done.late, done.reminders = firings.fired, firings.late, firings.reminders
    done.in_doubt += firings.in_doubt
    _go_on_sending(desk, done, seen.sending, now=now)
    if desk.poller is not None:
        from incident_flows.services.polling import poll

        poll(desk, now=now)
    count_events(desk, now=now)
    with desk.database.read() as tx:
        second = tx.seconds.notices()
    if second:
        from incident_flows.services.second import go_on_second

        done.sent += go_on_second(desk, second, now=now)
    done.missed = audit(desk, now=now)
    if not done.missed:
        beat(desk, now=now)
    with desk.database.write() as tx:
        tx.leases.put("last-tick", now.isoformat())
        tx.named_requests.tidy(now)
    return done


@dataclass
class _Seen:
    """What one look at the database finds to be done.

    Attributes:
        last: When the tick before this one ran.
        due: Whether a step is due, or a claim lapsed.
        leftovers: Whether a sender died.
        approvals: Calls to be planned for notices that wait: incident, obligation, plan version, step.
        sending: Notices under way: number, incident, ref, kind.
    """

    last: datetime | None
    due: bool
    leftovers: bool
    approvals: list[Any]
    sending: list[tuple[int, str, str, str]]


def _look(desk: Desk, *, now: datetime) -> _Seen:
    with desk.database.read() as tx:
        last = tx.leases.get("last-tick")
        instants = (tx.steps.next_due(), tx.steps.next_lapse())
        waiting = tx.notices.in_state("awaiting-approval", limit=BATCH * 10)
        return _Seen(
            last=datetime.fromisoformat(last) if last else None,
            due=any(one is not None and one <= now for one in instants),
            leftovers=bool(tx.deliveries.leftovers(now, limit=1)),
            approvals=[
                call for one in waiting if (call := _approval_call(tx, desk, one, now=now)) is not None
            ],
            sending=[
                (one.id, one.incident_ref, one.ref, one.kind)
                for one in tx.notices.in_state("sending", limit=BATCH)
            ],
        )


def next_wake(desk: Desk, now: datetime) -> datetime:
    """Return when a loop should tick next: the soonest step or lapsing claim, at most a minute away.

    It costs two looks into an index. Ask again every second: another process may plan a step meanwhile.
    """
    with desk.database.read() as tx:
        found = [one for one in (tx.steps.next_due(), tx.steps.next_lapse()) if one is not None]
    return max(now, min([*found, now + TICK_EVERY]))


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
        refs = {
            (tx.notices.by_id(row.notice_id).incident_ref, tx.notices.by_id(row.notice_id).ref)
            for row in rows
        }
        for ref, notice_ref in sorted(refs):
            write_journal(
                tx,
                desk,
                at=now,
                actor=ENGINE,
                act="in-doubt",
                ref=ref,
                subject=notice_ref,
                payload={
                    "deliveries": sum(1 for row in rows if tx.notices.by_id(row.notice_id).ref == notice_ref)
                },
            )
    done.in_doubt += len(rows)
    from incident_flows.services.notify import settle

    for ref, notice_ref in sorted(refs):
        settle(desk, ref, notice_ref, actor=ENGINE, now=now)


def _approval_call(tx: Tx, desk: Desk, notice: Any, *, now: datetime) -> Any | None:
    """Return the first call for a notice that waits for approval, unless it is planned; the rest follows from it.

    A moved deadline cancels the calls with the other steps of its plan, and they are planned anew.
    """
    ref, oid = notice.incident_ref, notice.oid
    incident, row = tx.incidents.get(ref), tx.obligations.get(ref, oid)
    end_at = row.due_at or row.provisional_due_at or row.target_at
    if not row.running or end_at is None:
        return None
    ladder = ladder_for(ladders_of(incident, desk), kinds_of(row.duty, row.kind, row.addressee_kind))
    call = approval_call(
        ladder.approval, notice_ref=notice.ref, waiting_since=notice.drafted_at, end_at=end_at
    )
    if call is None or tx.steps.named(incident.id, oid, call.name, row.plan_version) is not None:
        return None
    detail = {
        **call.detail,
        "end_at": end_at.isoformat(),
        "addressee": row.addressee_name,
        "wake_within": ladder.wake_within_minutes,
        **(
            {} if ladder.escalate_after_minutes is None else {"escalate_after": ladder.escalate_after_minutes}
        ),
        **({} if call.due_at > now else {"planned_at": now.isoformat()}),
    }
    return incident.id, oid, row.plan_version, (call.name, call.due_at, detail)


def _go_on_sending(
    desk: Desk, done: Tick, sending: Sequence[tuple[int, str, str, str]], *, now: datetime
) -> None:
    """Approved sends that were begun and broken off, or were not accepted and may be tried again."""
    if not sending:
        return
    from incident_flows.services.notify import settle, work_off

    for notice_id, ref, notice_ref, kind in sending:
        if kind == "people":
            from incident_flows.services.broadcast import go_on

            done.sent += go_on(desk, ref, notice_ref, now=now)
        else:
            done.sent += work_off(desk, notice_id, now=now)
        settle(desk, ref, notice_ref, actor=ENGINE, now=now)


def status(desk: Desk, *, now: datetime) -> dict[str, Any]:
    """Return whether the clocks are alive: last tick, next step, anything due and unfired, clock jumps."""
    last = _last_tick(desk)
    overdue = due_and_unfired(desk, now=now)
    with desk.database.read() as tx:
        next_due = tx.steps.next_due()
        doubts = len(tx.deliveries.in_doubt()) + len(tx.letters.open(None, ("in-doubt", "quarantined")))
        opened = len(tx.incidents.list(state="open", limit=1000))
        events = unused(tx, now=now)
        clock, heartbeat = tx.leases.get("clock"), tx.leases.get("heartbeat")
    rota = desk.rota
    return {
        "last_tick": last.isoformat() if last else None,
        "seconds_since_tick": round((now - last).total_seconds()) if last else None,
        "ticking": last is not None and abs(now - last) < TICKING_WITHIN,
        "next_step": next_due.isoformat() if next_due else None,
        "due_and_unfired": len(overdue),
        "in_doubt": doubts,
        "open_incidents": opened,
        "clock": clock or {"jumps": 0, "last_jump_at": None, "last_jump_seconds": None},
        "heartbeat": heartbeat,
        "events_unused": events,
        "rota": {
            "in_force": rota is not None,
            "fault": desk.rota_file.fault if desk.rota_file is not None else None,
        },
    }
