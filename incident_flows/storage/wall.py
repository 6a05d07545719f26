"""The clocks that run now, a page of them, without what only one incident's own page needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, case, func, or_, select
from sqlmodel import col

from incident_flows.storage.database import Tx
from incident_flows.storage.rows import literally
from incident_flows.storage.tables import IncidentRow, JournalRow, NoticeRow, ObligationRow

RUNNING = "obligation.running"  # literally, so that the partial index answers


@dataclass(frozen=True, slots=True)
class WallRow:
    """One running clock, or the soonest of those of an incident whose laws may not apply at all.

    Attributes:
        title: Of the incident.
        duties: How many such laws there are; 0 for a clock whose law applies.
    """

    incident_ref: str
    title: str
    organisation_id: str
    drill: bool
    oid: str
    kind: str
    addressee_kind: str
    addressee_name: str
    status: str
    decided: str | None
    due_at: datetime | None
    provisional_due_at: datetime | None
    target_at: datetime | None
    due_on: date | None
    zone: str | None
    cite: str | None
    confidence: str | None
    effective_at: datetime | None
    duties: int = 0


@dataclass(frozen=True, slots=True)
class Only:
    """What the wall is narrowed to; None means everything.

    Attributes:
        incident: One incident's ref.
        person: An account: incidents in whose journal it has acted.
        words: All of them stand in the incident's ref, title or organisation, or in the addressee's name.
        drills: False leaves exercises out.
    """

    incident: str | None = None
    person: str | None = None
    words: tuple[str, ...] = ()
    drills: bool = True


@dataclass(frozen=True, slots=True)
class Counts:
    """Of everything the wall is narrowed to, shown or not."""

    clocks: int
    incidents: int
    overdue: int
    near: int
    undecided: int


_COLUMNS = (
    ObligationRow.incident_ref,
    IncidentRow.title,
    IncidentRow.organisation_id,
    IncidentRow.drill,
    ObligationRow.oid,
    ObligationRow.kind,
    ObligationRow.addressee_kind,
    ObligationRow.addressee_name,
    ObligationRow.status,
    ObligationRow.decided,
    ObligationRow.due_at,
    ObligationRow.provisional_due_at,
    ObligationRow.target_at,
    ObligationRow.due_on,
    ObligationRow.zone,
    ObligationRow.cite,
    ObligationRow.confidence,
    ObligationRow.effective_at,
)


def _perhaps() -> Any:
    return and_(col(ObligationRow.reach) == "unknown", col(ObligationRow.decided).is_(None))


def _narrowed(only: Only) -> list[Any]:
    """Return the conditions of a narrowing, over obligations joined with their incidents."""
    found: list[Any] = [literally(RUNNING)]
    if only.incident is not None:
        found.append(col(ObligationRow.incident_ref) == only.incident)
    if not only.drills:
        found.append(col(IncidentRow.drill).is_(False))
    for word in only.words:
        found.append(
            or_(
                *(
                    func.lower(col(column)).contains(word.lower(), autoescape=True)
                    for column in (
                        IncidentRow.ref,
                        IncidentRow.title,
                        IncidentRow.organisation_id,
                        ObligationRow.addressee_name,
                    )
                )
            )
        )
    if only.person is not None:
        acted = select(col(JournalRow.seq)).where(
            col(JournalRow.incident_ref) == col(ObligationRow.incident_ref),
            col(JournalRow.actor) == only.person,
        )
        found.append(acted.exists())
    return found


def page(tx: Tx, only: Only, *, limit: int) -> list[WallRow]:
    """Return the soonest clocks of laws that apply, those without an instant last."""
    at = col(ObligationRow.effective_at)
    base = (
        select(*(col(column) for column in _COLUMNS))
        .join(IncidentRow, col(IncidentRow.id) == col(ObligationRow.incident_id))
        .where(
            *_narrowed(only),
            or_(col(ObligationRow.reach) != "unknown", col(ObligationRow.decided).is_not(None)),
        )
    )
    connection = tx.obligations._session.connection()
    dated = connection.execute(
        base.where(at.is_not(None)).order_by(at, col(ObligationRow.id)).limit(limit)
    ).all()
    undated: Sequence[Any] = ()
    if len(dated) < limit:
        undated = connection.execute(
            base.where(at.is_(None)).order_by(col(ObligationRow.id)).limit(limit - len(dated))
        ).all()
    return [WallRow(*row) for row in (*dated, *undated)]


def perhaps(tx: Tx, only: Only, *, limit: int) -> list[WallRow]:
    """Return one row for each incident with laws that may apply: the soonest of them, and how many there are."""
    here, at = col(ObligationRow.incident_id), col(ObligationRow.effective_at)
    narrow = select(
        col(ObligationRow.id).label("id"),
        at.label("at"),
        func.count().over(partition_by=here).label("duties"),
        func.row_number()
        .over(partition_by=here, order_by=(at.is_(None), at, col(ObligationRow.id)))
        .label("place"),
    ).where(*_narrowed(only), _perhaps())
    if only.words or not only.drills:
        narrow = narrow.join(IncidentRow, col(IncidentRow.id) == here)
    ranked = narrow.subquery()
    first = (
        select(ranked.c.id, ranked.c.at, ranked.c.duties)
        .where(ranked.c.place == 1)
        .order_by(ranked.c.at.is_(None), ranked.c.at, ranked.c.id)
        .limit(limit)
        .subquery()
    )
    found = tx.obligations._session.connection().execute(
        select(*(col(column) for column in _COLUMNS), first.c.duties)
        .join(IncidentRow, col(IncidentRow.id) == here)
        .join(first, first.c.id == col(ObligationRow.id))
        .order_by(first.c.at.is_(None), first.c.at, first.c.id)
    )
    return [WallRow(*row) for row in found]


def counts(tx: Tx, only: Only, *, now: datetime, near_at: datetime) -> Counts:
    """Return how many clocks run, in how many incidents, and how many of them are overdue, near, undecided.

    What may not apply at all counts as undecided, and is neither overdue nor near.
    """
    at, due = col(ObligationRow.effective_at), col(ObligationRow.due_at)
    applies = or_(col(ObligationRow.reach) != "unknown", col(ObligationRow.decided).is_not(None))
    undecided = func.coalesce(col(ObligationRow.decided), col(ObligationRow.status)) == "undetermined"

    def how_many(condition: Any) -> Any:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    statement = select(
        how_many(applies),
        func.count(func.distinct(col(ObligationRow.incident_id))),
        how_many(and_(applies, due.is_not(None), due <= now)),
        how_many(and_(applies, at > now, at <= near_at)),
        how_many(undecided),
    ).where(*_narrowed(only))
    if only.words or not only.drills:  # nothing else asks the incident
        statement = statement.join(IncidentRow, col(IncidentRow.id) == col(ObligationRow.incident_id))
    row = tx.obligations._session.connection().execute(statement).one()
    return Counts(*(int(value) for value in row))


def notices_of(tx: Tx, refs: Collection[str]) -> list[tuple[str, str, str, str, str, bool]]:
    """Return incident, obligation, kind, notice, state and whether fields are missing, of notices not done with."""
    row = NoticeRow
    found = tx.notices._session.connection().execute(
        select(
            col(row.incident_ref), col(row.oid), col(row.kind), col(row.ref), col(row.state), col(row.missing)
        )
        .join(IncidentRow, col(IncidentRow.id) == col(row.incident_id))
        .where(
            col(IncidentRow.ref).in_(refs),
            col(row.state).in_(("draft", "awaiting-approval", "approved", "sending", "in-doubt", "failed")),
        )
        .order_by(col(row.id))
    )
    return [
        (ref, oid, kind, notice, state, bool(missing)) for ref, oid, kind, notice, state, missing in found
    ]
