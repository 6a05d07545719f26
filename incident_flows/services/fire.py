"""Fires what is due: claimed, paged, recorded, in batches; what follows on a step is planned with its record.

The claim is the intent, durable before the page; the record is durable after it. A batch holds as many steps
as are paged within a moment, so that a process that dies leaves few whose page may or may not have gone out.
Such a step is claimed a second time when its lease lapses, and its page then says the doubt; it is never
claimed for a third page, but recorded as in doubt and told by another path.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from incident_flows.core.escalation import (
    OVERDUE,
    ApprovalCalls,
    approval_call,
    chain_next,
    is_last_before_overdue,
    ladder_for,
    next_overdue,
    overdue_after,
)
from incident_flows.core.rota import Rota
from incident_flows.services.assess import ladders_of
from incident_flows.services.audit import UNSURE
from incident_flows.services.call import Told, call_team
from incident_flows.services.desk import LEASE, Desk, write_journal
from incident_flows.services.shred import shred_on_schedule
from incident_flows.storage.database import Tx
from incident_flows.storage.steps import Fired, PlannedRow

LATE_AFTER = timedelta(seconds=90)  # a tick a minute is on time
ENGINE = "engine"
LARGEST = 2000  # steps of one batch
MOMENT = 0.1  # seconds of paging that one batch may take
PAGES_AT_MOST = 2  # the second says that it may be the second
_OF_THE_ROW = ("paths", "to", "notes", "held_until", "shown", "doubt", "planned_at", "tries", "level")


@dataclass
class Firings:
    """What firing did in one tick."""

    fired: int = 0
    late: int = 0
    in_doubt: int = 0
    reminders: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Page:
    """A step that was paged, or need not be, and is to be recorded.

    Attributes:
        row: The step as claimed.
        at: When it was paged.
        told: What became of it.
    """

    row: Any
    at: datetime
    title: str
    late: float
    because: str | None
    doubt: str | None
    told: Told


def fire_due(desk: Desk, *, now: datetime, last: datetime | None) -> Firings:
    """Fire everything due at `now`, once.

    Args:
        desk: The connected parts.
        now: The instant.
        last: When the tick before this one ran, for saying why something is late.
    """
    done = Firings()
    moment = _Moment(desk, now)
    rota = desk.rota
    size = LARGEST if desk.pager is None and rota is None else 1
    while True:
        pages: list[Page] = list(desk.unrecorded)
        with desk.database.write() as tx:
            recorded = _record(tx, desk, pages) if pages else []
            at = moment.now()
            rows = tx.steps.claim(at, desk.owner, LEASE, size)
        desk.unrecorded = []
        _count(done, pages, recorded)
        if not rows:
            return done
        desk.reached("watch:claimed")
        started = time.perf_counter()
        for row in rows:
            desk.unrecorded.append(_page(desk, row, rota=rota, at=at, last=last))
            desk.reached("watch:paged")
        took = time.perf_counter() - started
        size = min(size * 4, LARGEST) if took < MOMENT / 4 else max(1, size // 2) if took > MOMENT else size
    return done


class _Moment:
    """The present instant, as it goes on during a long tick; frozen where the clock is."""

    def __init__(self, desk: Desk, now: datetime) -> None:
        self._now, self._monotonic = now, desk.monotonic
        self._started = desk.monotonic() if desk.monotonic is not None else 0.0

    def now(self) -> datetime:
        if self._monotonic is None:
            return self._now
        return self._now + timedelta(seconds=self._monotonic() - self._started)


def _page(desk: Desk, row: Any, *, rota: Rota | None, at: datetime, last: datetime | None) -> Page:
    late = max((at - row.due_at).total_seconds(), 0.0)
    doubt = None
    if row.claims > 1:
        doubt = "a process died while it told this; it may have been told before"
    because = _late_because(row, at, last) if late > LATE_AFTER.total_seconds() else None
    detail: Mapping[str, Any] = row.detail
    title = f"{row.incident_ref} · {detail.get('addressee', row.oid)}: {_words(row)}"
    if row.claims > PAGES_AT_MOST:
        told = Told(said={"shown": "not told a third time; it may have been told twice, or not at all"})
        return Page(row, at, title, late, because, doubt, told)
    if "approval" in detail and (dropped := _no_longer_waiting(desk, row)):
        return Page(row, at, title, late, None, None, Told(said={"shown": dropped, "needless": True}))
    body = f"{row.oid}\nEnd of the period: {detail.get('end_at')}"
    if "shred" in detail:
        said = shred_on_schedule(desk, row.incident_ref, now=at)
        if "against" not in said:
            return Page(row, at, title, late, because, doubt, Told(said=dict(said)))
        body = "Not shredded, because:\n" + "\n".join(said["against"][:20])
    if detail.get("target"):
        body += "\nThis is a target of the house: the law names no number."
    elif detail.get("provisional"):
        body += "\nThis end is provisional: something that decides it is not known yet."
    if because:
        body += f"\nThis reminder is {late / 60:.0f} minutes late: {because}."
    if doubt:
        body += f"\nIn doubt: {doubt}."
    body += f"\nAcknowledge: breach acknowledge {row.incident_ref} {row.id}"
    return Page(row, at, title, late, because, doubt, call_team(desk, row, title, body, rota=rota, at=at))


def _words(row: Any) -> str:
    """Return what a step says; only a deadline is called overdue."""
    detail: Mapping[str, Any] = row.detail
    text = str(detail.get("text", row.name))
    if not row.name.startswith(OVERDUE) or not detail.get("provisional"):
        return text
    return text.replace("overdue", "house target passed" if detail.get("target") else "provisional end passed", 1)


def _late_because(row: Any, at: datetime, last: datetime | None) -> str:
    if row.claims > 1:
        return "the process that held it died"
    planned = row.detail.get("planned_at")
    if planned and datetime.fromisoformat(planned) >= row.due_at:
        return f"its instant had passed when it was planned, {planned}"
    if last is not None and last >= row.due_at:
        return "the tick before was not done with what was due"
    since = f"since {last.isoformat()}" if last else "ever before"
    return f"no tick ran between its instant and now (none {since})"


def _no_longer_waiting(desk: Desk, row: Any) -> str | None:
    notice_ref = row.detail["approval"]["notice"]
    with desk.database.read() as tx:
        state = tx.notices.get(row.incident_ref, notice_ref).state
    return None if state == "awaiting-approval" else f"nobody was called: {notice_ref} is {state} by now"


def _record(tx: Tx, desk: Desk, pages: Sequence[Page]) -> list[Page]:
    """Record what was paged, and plan what follows; return those that were still ours to record."""
    changed = tx.steps.changed([page.row.id for page in pages], owner=desk.owner)
    said = {page.row.id: _said(page) for page in pages}
    # Recorded already: the commit went through, and its answer was lost.
    refused = {step_id for step_id, (_, _, fired) in changed.items() if fired}
    for at in {page.at for page in pages}:
        results = [
            Fired(page.row.id, page.late, page.because, {**page.row.detail, **said[page.row.id]})
            for page in pages
            if page.at == at and page.row.id not in refused
        ]
        refused.update(tx.steps.fired_all(results, at, owner=desk.owner))
    mine = [page for page in pages if page.row.id not in refused]
    following: list[PlannedRow] = []
    for page in pages:
        row = page.row
        state, holder, _ = changed.get(row.id, ("claimed", desk.owner, False))
        payload: dict[str, Any] = {"step": row.name, "due_at": row.due_at.isoformat()}
        if row.id in refused:
            if holder != desk.owner:
                write_journal(
                    tx,
                    desk,
                    at=page.at,
                    actor=ENGINE,
                    act="reminded-twice",
                    ref=row.incident_ref,
                    subject=row.oid,
                    payload={
                        **payload,
                        "because": "another process took the step over while this one told it",
                    },
                )
            continue
        payload |= {"late_seconds": round(page.late), "late_because": page.because, **said[row.id]}
        write_journal(
            tx,
            desk,
            at=page.at,
            actor=ENGINE,
            act="reminded",
            ref=row.incident_ref,
            subject=row.oid,
            payload=payload,
        )
        if row.claims > PAGES_AT_MOST:  # with the record: whoever comes next raises the alarm, should we die
            tx.leases.put(f"{UNSURE}{row.id}", f"{row.incident_ref} {row.oid} {row.name}")
        if state != "cancelled":
            following += _following(tx, desk, page, seen=state == "acknowledged")
    tx.steps.plan_many(following)
    desk.reached("watch:before-fired")
    return mine


def _said(page: Page) -> dict[str, Any]:
    return {**page.told.to_json(), **({"doubt": page.doubt} if page.doubt else {})}


def _following(tx: Tx, desk: Desk, page: Page, *, seen: bool) -> list[PlannedRow]:
    """Return what comes after a step: the next people of its chain, the next call of its kind."""
    row, told = page.row, page.told
    if "/" in row.name and (told.next_at is None or seen):
        return []
    planned = {key: value for key, value in row.detail.items() if key not in _OF_THE_ROW}
    found: list[tuple[str, datetime, dict[str, Any]]] = []
    if told.next_at is not None and not seen:
        chained = {key: value for key, value in planned.items() if key not in ("overdue",)}
        found.append((chain_next(row.name), told.next_at, {**chained, **told.next_detail}))
    if "/" not in row.name:
        end_at = datetime.fromisoformat(planned["end_at"]) if planned.get("end_at") else None
        if end_at is not None and (after := _overdue(tx, desk, row, planned, end_at)) is not None:
            provisional = planned.get("provisional", False)
            found.append((after.name, after.due_at, {**planned, **after.detail, "provisional": provisional}))
        if end_at is not None and "approval" in planned and not told.said.get("needless"):
            waits = planned["approval"]
            again = approval_call(
                ApprovalCalls.model_validate({key: waits[key] for key in ApprovalCalls.model_fields}),
                notice_ref=waits["notice"],
                waiting_since=datetime.fromisoformat(waits["since"]),
                end_at=end_at,
                number=waits["number"] + 1,
            )
            if again is not None:
                found.append((again.name, again.due_at, {**planned, **again.detail}))
    return [
        PlannedRow(row.incident_id, row.incident_ref, row.oid, name, row.plan_version, due_at, detail)
        for name, due_at, detail in found
    ]


def _overdue(tx: Tx, desk: Desk, row: Any, planned: Mapping[str, Any], end_at: datetime) -> Any:
    if "overdue" in planned:
        return overdue_after(planned["overdue"], end_at=end_at)
    if "approval" in planned or (not row.name.startswith("overdue") and row.due_at != end_at):
        return None
    # planned by a version that did not write down how often
    ladder = ladder_for(ladders_of(tx.incidents.get(row.incident_ref), desk), (row.oid.rpartition("@")[2],))
    return (
        next_overdue(ladder, end_at=end_at, name=row.name)
        if is_last_before_overdue(row.name, ladder)
        else None
    )


def _count(done: Firings, pages: Sequence[Page], recorded: Sequence[Page]) -> None:
    for page in recorded:
        row = page.row
        done.fired += 1
        done.late += page.because is not None
        done.in_doubt += page.doubt is not None
        one = {
            "incident": row.incident_ref,
            "obligation": row.oid,
            "step": row.name,
            "title": page.title,
            "late_seconds": round(page.late),
        }
        done.reminders.append({**one, "doubt": page.doubt} if page.doubt else one)
