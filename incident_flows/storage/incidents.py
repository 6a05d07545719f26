"""Incidents and what is known, answered and decided about them: facts, assessments, decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import col

from incident_flows.errors import IllegalTransitionError, NotFoundError
from incident_flows.storage.obligations import settle
from incident_flows.storage.rows import Noun
from incident_flows.storage.tables import AssessmentRow, DecisionRow, FactsRow, IncidentRow, IncidentState


class Incidents(Noun):
    """Incidents, found by their ref such as `INC-2026-0001`."""

    def open(
        self,
        title: str,
        organisation_id: str,
        drill: bool,
        opened_at: datetime,
        opened_by: str,
        wrapped_key: bytes | None,
        ladder: Any,
        request_key: str | None = None,
    ) -> IncidentRow:
        """Store a new incident and give it the next ref of its year, counted in UTC.

        A `request_key` that was used before gives back the incident it opened then.
        """
        if opened_at.utcoffset() is None:
            raise ValueError(f"{opened_at.isoformat()} has no offset, so it names no instant")
        if request_key is not None and (known := self.by_request_key(request_key)):
            return known
        series = f"INC-{opened_at.astimezone(UTC).year}"
        number = self._next_number(series)
        if request_key is not None and (known := self.by_request_key(request_key)):
            self._give_back(series)  # the same request came twice at once; the other one was first
            return known
        opened = self._one(
            insert(IncidentRow)
            .values(
                ref=f"{series}-{number:04}",
                title=title,
                organisation_id=organisation_id,
                drill=drill,
                opened_at=opened_at,
                opened_by=opened_by,
                wrapped_key=wrapped_key,
                ladder=ladder,
                request_key=request_key,
            )
            .returning(IncidentRow)
        )
        assert opened is not None
        return opened

    def get(self, ref: str) -> IncidentRow:
        """Return an incident, or raise NotFoundError naming the nearest refs."""
        return self._incident(ref)

    def by_request_key(self, key: str) -> IncidentRow | None:
        """Return the incident that was opened under this key, if any."""
        return self._one(select(IncidentRow).where(col(IncidentRow.request_key) == key))

    def list(
        self, state: IncidentState | None = None, limit: int = 100, after: str | None = None
    ) -> Sequence[IncidentRow]:
        """Return incidents, newest first; `after` is the last ref of the page before."""
        statement = select(IncidentRow).order_by(col(IncidentRow.id).desc()).limit(limit)
        if state is not None:
            statement = statement.where(col(IncidentRow.state) == state)
        if after is not None:
            statement = statement.where(col(IncidentRow.id) < self._incident_id(after))
        return self._all(statement)

    def lock(self, ref: str) -> IncidentRow:
        """Return an incident, holding it against other writers until the transaction ends."""
        return self._incident(ref, lock=True)

    def close(self, ref: str, at: datetime) -> IncidentRow:
        """Close an open incident; its clocks leave the wall."""
        return self._turn(ref, "open", "closed", at)

    def reopen(self, ref: str) -> IncidentRow:
        """Open a closed incident again; its unmet clocks return to the wall."""
        return self._turn(ref, "closed", "open", None)

    def rename(self, ref: str, title: str) -> IncidentRow:
        """Give an incident another title."""
        return self._change(ref, title=title)

    def set_ladder(self, ref: str, ladder: Any) -> IncidentRow:
        """Give an incident another ladder of reminders; it keeps it until somebody changes it again."""
        return self._change(ref, ladder=ladder)

    def _turn(self, ref: str, old: str, new: str, at: datetime | None) -> IncidentRow:
        found = self._incident(ref, lock=True)
        if found.state != old:
            raise IllegalTransitionError(
                f"{ref} is {found.state}; only an incident that is {old} becomes {new}"
            )
        turned = self._change(ref, state=new, closed_at=at)
        settle(self._session, found.id)
        return turned

    def _change(self, ref: str, **values: Any) -> IncidentRow:
        changed = self._one(
            update(IncidentRow).where(col(IncidentRow.ref) == ref).values(**values).returning(IncidentRow)
        )
        return self._incident(ref) if changed is None else changed

    # Facts

    def add_facts(
        self,
        ref: str,
        facts: Mapping[str, Any],
        change: Mapping[str, Any],
        learned_at: datetime,
        recorded_at: datetime,
        by: str,
        source: str,
    ) -> int:
        """Append the facts as they are known now, whole, and return their version, from 1.

        Args:
            ref: The incident.
            facts: Everything known after this change.
            change: What was added or corrected.
            learned_at: When the organisation learned it.
            recorded_at: When it was written down here.
            by: Who wrote it down.
            source: Where it comes from.
        """
        incident = self._incident(ref, lock=True)
        version = incident.facts_version + 1
        self._run(
            insert(FactsRow).values(
                incident_id=incident.id,
                version=version,
                learned_at=learned_at,
                recorded_at=recorded_at,
                by=by,
                source=source,
                facts=dict(facts),
                change=dict(change),
            )
        )
        self._change(ref, facts_version=version)
        return version

    def facts(self, ref: str, version: int | None = None, as_known_at: datetime | None = None) -> FactsRow:
        """Return the facts: the newest, one version, or the newest learned up to an instant.

        Raises:
            NotFoundError: No such version, or nothing was known then.
        """
        statement = select(FactsRow).where(col(FactsRow.incident_id) == self._incident_id(ref))
        if version is not None:
            statement = statement.where(col(FactsRow.version) == version)
        if as_known_at is not None:
            statement = statement.where(col(FactsRow.learned_at) <= as_known_at)
        found = self._one(statement.order_by(col(FactsRow.version).desc()).limit(1))
        if found is None:
            which = f"version {version}" if version is not None else "facts known at that moment"
            raise NotFoundError(f"{ref}: no {which}; `breach show {ref}` lists what is known since when")
        return found

    def facts_history(self, ref: str) -> Sequence[FactsRow]:
        """Return all versions of the facts, oldest first."""
        return self._all(
            select(FactsRow)
            .where(col(FactsRow.incident_id) == self._incident_id(ref))
            .order_by(col(FactsRow.version))
        )

    # Assessments

    def add_assessment(
        self,
        ref: str,
        facts_version: int,
        lawbook_version: str,
        lawbook_sha256: str,
        law_as_of: date,
        versions: Mapping[str, Any],
        result: Mapping[str, Any],
        assessed_at: datetime,
    ) -> int:
        """Append an assessment, whole, and return its version, from 1.

        Args:
            ref: The incident.
            facts_version: The facts it was derived from.
            lawbook_version: The lawbook, as people call it.
            lawbook_sha256: The lawbook, exactly.
            law_as_of: The civil date whose law was applied.
            versions: Of the zone and holiday data, by name.
            result: The answer, in the shape of `breach assess --json`.
            assessed_at: When.
        """
        incident = self._incident(ref, lock=True)
        version = incident.assessment_version + 1
        self._run(
            insert(AssessmentRow).values(
                incident_id=incident.id,
                version=version,
                facts_version=facts_version,
                lawbook_version=lawbook_version,
                lawbook_sha256=lawbook_sha256,
                law_as_of=law_as_of,
                versions=dict(versions),
                result=dict(result),
                assessed_at=assessed_at,
            )
        )
        self._change(ref, assessment_version=version)
        return version

    def assessment(self, ref: str, version: int | None = None) -> AssessmentRow:
        """Return the newest assessment, or one version; NotFoundError if there is none."""
        statement = select(AssessmentRow).where(col(AssessmentRow.incident_id) == self._incident_id(ref))
        if version is not None:
            statement = statement.where(col(AssessmentRow.version) == version)
        found = self._one(statement.order_by(col(AssessmentRow.version).desc()).limit(1))
        if found is None:
            which = "not assessed yet" if version is None else f"no assessment {version}"
            raise NotFoundError(f"{ref}: {which}")
        return found

    def assessment_history(self, ref: str) -> Sequence[AssessmentRow]:
        """Return all assessments, oldest first."""
        return self._all(
            select(AssessmentRow)
            .where(col(AssessmentRow.incident_id) == self._incident_id(ref))
            .order_by(col(AssessmentRow.version))
        )

    # Decisions

    def add_decision(
        self,
        ref: str,
        subject: str,
        answer: str,
        because: str,
        by: str,
        at: datetime,
        proposed: Any = None,
        second_by: str | None = None,
    ) -> DecisionRow:
        """Append a named person's decision, with what the engine proposed at that moment."""
        decided = self._one(
            insert(DecisionRow)
            .values(
                incident_id=self._incident_id(ref),
                subject=subject,
                answer=answer,
                because=because,
                by=by,
                at=at,
                proposed={} if proposed is None else proposed,
                second_by=second_by,
                second_at=at if second_by else None,
            )
            .returning(DecisionRow)
        )
        assert decided is not None
        return decided

    def decisions(self, ref: str) -> Sequence[DecisionRow]:
        """Return all decisions of an incident, oldest first."""
        return self._all(
            select(DecisionRow)
            .where(col(DecisionRow.incident_id) == self._incident_id(ref))
            .order_by(col(DecisionRow.id))
        )

    def second(self, decision_id: int, by: str, at: datetime) -> DecisionRow:
        """Add the second person to a decision that has none yet."""
        seconded = self._one(
            update(DecisionRow)
            .where(col(DecisionRow.id) == decision_id, col(DecisionRow.second_by).is_(None))
            .values(second_by=by, second_at=at)
            .returning(DecisionRow)
        )
        if seconded is None:
            known = self._one(select(DecisionRow).where(col(DecisionRow.id) == decision_id))
            if known is None:
                raise NotFoundError(f"no decision {decision_id}")
            raise IllegalTransitionError(f"decision {decision_id} was seconded by {known.second_by} already")
        return seconded
