"""One incident as its room shows it: what to do next, what runs, what is open, what was decided. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incident_flows.core.lifecycle import effective_status
from incident_flows.services.close import Unfinished, against_closing
from incident_flows.services.desk import Desk
from incident_flows.services.follow import Followed, followed_in
from incident_flows.services.letters import account, counts_of
from incident_flows.services.public_notice import Standing, standing
from incident_flows.services.tasks import tasks
from incident_flows.services.wall import Clock, first_of, wall
from incident_flows.storage.wall import Only

ALL_CLOCKS = 1000
JOURNAL_PAGE = 200


@dataclass(frozen=True)
class Todo:
    """What has to be done next.

    Attributes:
        what: One of the wall's words, or `close` or `nothing`.
        clock: The clock it is done for, if one.
        notice: The notice it is done with, if one.
    """

    what: str
    clock: Clock | None = None
    notice: str | None = None


@dataclass(frozen=True)
class Room:
    """One incident whole, as stored rows.

    Attributes:
        result: The newest answer, in the shape of contract §4.
        clocks: What runs, soonest first.
        waiting: Decisions that need a second person, by subject.
    """

    incident: Any
    facts: Any
    result: Mapping[str, Any]
    clocks: tuple[Clock, ...]
    obligations: Sequence[Any]
    notices: Sequence[Any]
    decisions: Sequence[Any]
    waiting: Mapping[str, Any]
    recipients: int
    deliveries: Mapping[str, int]
    unfinished: Sequence[Unfinished]
    todo: Todo

    def groups(self) -> list[tuple[str, list[Any]]]:
        """Return the obligations by where they stand: to be met, may apply, met, not owed, gone."""
        found: dict[str, list[Any]] = {name: [] for name in ("open", "perhaps", "met", "not-owed", "gone")}
        for row in self.obligations:
            found[group_of(row)].append(row)
        for rows in (found["open"], found["perhaps"]):
            rows.sort(key=lambda row: (row.effective_at is None, row.effective_at or row.id, row.id))
        return [(name, rows) for name, rows in found.items() if rows]


def group_of(row: Any) -> str:
    """Return where an obligation stands, in one word."""
    if row.standing != "live":
        return "gone"
    if row.met_at is not None:
        return "met"
    if effective_status(row.status, row.decided) == "not-owed":
        return "not-owed"
    return "perhaps" if row.reach == "unknown" and row.decided is None else "open"


def room(desk: Desk, ref: str, *, now: datetime) -> Room:
    """Return one incident.

    Raises:
        NotFoundError: There is none of that number; the message names near ones.
    """
    with desk.database.read() as tx:
        incident = tx.incidents.get(ref)
        facts = tx.incidents.facts(ref)
        result = tx.incidents.assessment(ref).result
        obligations = tx.obligations.list(ref)
        notices = tx.notices.list(ref)
        decisions = tx.incidents.decisions(ref)
        unfinished = against_closing(tx, ref) if incident.state == "open" else []
        recipients = tx.people.count(incident.id)
        deliveries = counts_of(tx, incident.id)
    clocks = wall(desk, now=now, only=Only(incident=ref), limit=ALL_CLOCKS).clocks
    return Room(
        incident=incident,
        facts=facts,
        result=result,
        clocks=clocks,
        obligations=obligations,
        notices=notices,
        decisions=decisions,
        waiting=_waiting(decisions, obligations, result),
        recipients=recipients,
        deliveries=deliveries,
        unfinished=unfinished,
        todo=_todo(incident, clocks, notices, unfinished),
    )


def tasks_of(desk: Desk, ref: str) -> list[dict[str, Any]]:
    """Return the checklist of the incident's scenario; empty while none is known."""
    with desk.database.read() as tx:
        tx.incidents.get(ref)
        return tasks(tx, desk, ref)


def _waiting(
    decisions: Sequence[Any], obligations: Sequence[Any], result: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the last decision of each subject that is not in force because a second person has not said it."""
    in_force = {row.oid: row.decided for row in obligations}
    last = {row.subject: row for row in decisions}
    return {
        subject: row
        for subject, row in last.items()
        if row.second_by is None
        and (
            (subject != "risk" and row.answer == "not-owed" and in_force.get(subject) != "not-owed")
            or (subject == "risk" and _lowered(row, result))
        )
    }


def _lowered(row: Any, result: Mapping[str, Any]) -> bool:
    rank = {"unlikely": 0, "risk": 1, "high-risk": 2, "high": 2, "undetermined": 2}
    proposed = (row.proposed or {}).get("at_least", "undetermined")
    return rank[row.answer] < rank.get(proposed, 2) and rank[row.answer] < rank[result["risk"]["level"]]


def _todo(
    incident: Any, clocks: Sequence[Clock], notices: Sequence[Any], unfinished: Sequence[Unfinished]
) -> Todo:
    if incident.state == "closed":
        return Todo("nothing")
    for state, what in (("in-doubt", "resolve"), ("failed", "retry")):
        for row in notices:
            if row.state == state:
                clock = next((one for one in clocks if one.notice == row.ref), None)
                return Todo(what, clock, row.ref)
    if (first := first_of(clocks)) is not None:
        return Todo(first.next, first, first.notice)
    return Todo("nothing" if unfinished else "close")


def history(desk: Desk, ref: str) -> list[dict[str, Any]]:
    """Return every version of the facts, the newest first: when, who, from where, and which facts changed."""
    with desk.database.read() as tx:
        rows = tx.incidents.facts_history(ref)
    return [
        {
            "version": row.version,
            "learned_at": row.learned_at,
            "recorded_at": row.recorded_at,
            "by": row.by,
            "source": row.source,
            "changed": list(_leaves(row.change)),
        }
        for row in reversed(rows)
    ]


def _leaves(change: Any, prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in change.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping) and value and path not in ("people.total", "people.by_place"):
            found += _leaves(value, path)
        elif path != "format":
            found.append((path, value))
    return found


def timeline(desk: Desk, ref: str, *, before: int | None = None) -> tuple[list[Any], int | None]:
    """Return the newest entries of an incident's journal, newest first, and the number to ask for older ones."""
    with desk.database.read() as tx:
        tx.incidents.get(ref)
        rows = list(tx.journal.last(ref, JOURNAL_PAGE + 1, before=before))
    older = rows[1].seq if len(rows) > JOURNAL_PAGE else None
    return rows[-JOURNAL_PAGE:][::-1], older


def notice_of(desk: Desk, ref: str, notice_ref: str) -> tuple[Any, Any | None, Mapping[str, int]]:
    """Return a notice, the one it supersedes if any, and its deliveries by state."""
    with desk.database.read() as tx:
        notice = tx.notices.get(ref, notice_ref)
        before = tx.notices.get(ref, notice.supersedes) if notice.supersedes else None
        return notice, before, counts_of(tx, notice.incident_id, notice.id)


def progress_of(desk: Desk, ref: str) -> tuple[list[dict[str, Any]], Standing]:
    """Return how far the letters of each notice are, and how things stand with a public notice."""
    with desk.database.read() as tx:
        incident = tx.incidents.get(ref)
        runs = [one for one in account(desk, tx, incident.id) if one["mode"] is not None]
        return runs, standing(tx, desk, ref)


def imports_of(desk: Desk, ref: str) -> tuple[Sequence[Any], Mapping[str, Mapping[str, int]], Followed]:
    """Return the files of people taken in, newest first; per notice its deliveries; and what became of them."""
    with desk.database.read() as tx:
        incident = tx.incidents.get(ref)
        sent = {
            row.ref: counts_of(tx, incident.id, row.id)
            for row in tx.notices.list(ref)
            if row.state != "withdrawn"
        }
        followed = followed_in(tx, ref)
        imports = tx.people.imports(incident.id)[::-1]
    return imports, {name: counts for name, counts in sent.items() if counts}, followed
