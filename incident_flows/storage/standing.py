"""Open incidents as they stand, page by page: newest facts and newest answer of each, in one query a page."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Text, and_, cast, or_, select
from sqlmodel import col

from incident_flows.storage.database import Tx
from incident_flows.storage.tables import AssessmentRow, DecisionRow, FactsRow, IncidentRow, ObligationRow

PAGE = 250  # incidents; an answer is some fifty kilobytes


@dataclass(frozen=True, slots=True)
class Standing:
    """One open incident.

    Attributes:
        ref: The incident.
        facts: Everything known, as stored.
        facts_version: Of those facts.
        assessment_version: Of the newest answer; 0 if there is none.
        assessed_facts: The version of the facts that answer was derived from.
        lawbook_sha256: The lawbook it was derived under.
        versions: Of the calendars and zone data it was derived with.
        assessed_at: When.
        result: The answer, as JSON text.
        finding: The last decision about the risk: the answer, and whether a second person stands behind it.
    """

    ref: str
    facts: dict[str, Any]
    facts_version: int
    assessment_version: int
    assessed_facts: int | None
    lawbook_sha256: str | None
    versions: dict[str, Any] | None
    assessed_at: datetime | None
    result: str | None
    finding: tuple[str, bool] | None = None


def open_standing(tx: Tx, *, with_results: bool = True) -> Iterator[list[Standing]]:
    """Yield all open incidents in pages, the oldest first."""
    after = 0
    while page := _page(tx, after, with_results):
        after = page[-1][0]
        yield [standing for _, standing in page]


def _page(tx: Tx, after: int, with_results: bool) -> list[tuple[int, Standing]]:
    connection = tx.incidents._session.connection()  # a reading of several nouns in one transaction of theirs
    newest = and_(
        col(AssessmentRow.incident_id) == col(IncidentRow.id),
        col(AssessmentRow.version) == col(IncidentRow.assessment_version),
    )
    known = and_(
        col(FactsRow.incident_id) == col(IncidentRow.id),
        col(FactsRow.version) == col(IncidentRow.facts_version),
    )
    result = cast(col(AssessmentRow.result), Text) if with_results else cast(None, Text)
    rows = connection.execute(
        select(
            col(IncidentRow.id),
            col(IncidentRow.ref),
            col(FactsRow.facts),
            col(IncidentRow.facts_version),
            col(IncidentRow.assessment_version),
            col(AssessmentRow.facts_version),
            col(AssessmentRow.lawbook_sha256),
            col(AssessmentRow.versions),
            col(AssessmentRow.assessed_at),
            result,
        )
        .select_from(IncidentRow)
        .join(FactsRow, known)
        .outerjoin(AssessmentRow, newest)
        .where(col(IncidentRow.state) == "open", col(IncidentRow.id) > after)
        .order_by(col(IncidentRow.id))
        .limit(PAGE)
    ).all()
    decided = connection.execute(
        select(col(DecisionRow.incident_id), col(DecisionRow.answer), col(DecisionRow.second_by))
        .where(col(DecisionRow.subject) == "risk", col(DecisionRow.incident_id).in_([row[0] for row in rows]))
        .order_by(col(DecisionRow.id))
    ).all()
    findings = {incident: (answer, second is not None) for incident, answer, second in decided}
    return [
        (
            row[0],
            Standing(
                ref=row[1],
                facts=row[2],
                facts_version=row[3],
                assessment_version=row[4],
                assessed_facts=row[5],
                lawbook_sha256=row[6],
                versions=row[7],
                assessed_at=row[8],
                result=row[9],
                finding=findings.get(row[0]),
            ),
        )
        for row in rows
    ]


def refs_under(tx: Tx, regimes: Collection[str]) -> set[str]:
    """Return the incidents that ever had an obligation under one of the regimes."""
    if not regimes:
        return set()
    connection = tx.obligations._session.connection()
    under = or_(*(col(ObligationRow.duty).startswith(f"{id_}/", autoescape=True) for id_ in sorted(regimes)))
    return set(connection.scalars(select(col(ObligationRow.incident_ref)).where(under).distinct()))
