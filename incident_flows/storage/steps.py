"""Steps: reminders, escalations and planned sends, each a row with an instant that fires once.

A tick claims what is due under a lease, acts, and records; a lapsed lease is claimed again, for a
reminder may rather come late than never. The auditor's question is asked in other words on purpose.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    SQLColumnExpression,
    TextClause,
    bindparam,
    case,
    func,
    select,
    text,
    update,
)
from sqlmodel import col

from incident_flows.errors import IllegalTransitionError, NotFoundError
from incident_flows.storage.columns import Instant, sqlite_text
from incident_flows.storage.rows import Noun, literally, table_of
from incident_flows.storage.tables import UNFIRED, StepRow

_FIRED = text(
    """
    UPDATE step
    SET state = CASE WHEN step.acknowledged_at IS NOT NULL THEN 'acknowledged' ELSE 'fired' END,
        fired_at = :at, late_seconds = done.late, late_because = done.because, claimed_until = NULL,
        detail = coalesce(done.detail, step.detail)
    FROM json_to_recordset(CAST(:document AS json))
        AS done(id bigint, late double precision, because text, detail json)
    WHERE step.id = done.id AND step.claimed_by = :owner AND step.fired_at IS NULL
    """
).bindparams(bindparam("at", type_=Instant))


_FIRED_SQLITE = """
    UPDATE step
    SET state = CASE WHEN acknowledged_at IS NOT NULL THEN 'acknowledged' ELSE 'fired' END,
        fired_at = ?, late_seconds = ?, late_because = ?, claimed_until = NULL, detail = coalesce(?, detail)
    WHERE id = ? AND claimed_by = ? AND fired_at IS NULL
"""
_ODD = "state <> 'claimed' OR claimed_by <> :owner OR fired_at IS NOT NULL"
_CHANGED = text(
    f"""
    WITH held AS MATERIALIZED (
        SELECT id, state, claimed_by, fired_at FROM step
        WHERE id IN (SELECT CAST(value AS bigint) FROM json_array_elements_text(CAST(:ids AS json)))
        ORDER BY id FOR UPDATE)
    SELECT id, state, claimed_by, fired_at IS NOT NULL FROM held WHERE {_ODD}
    """
)
_CHANGED_SQLITE = text(  # it has one writer, so nothing need be held
    f"""
    SELECT id, state, claimed_by, fired_at IS NOT NULL FROM step
    WHERE id IN (SELECT value FROM json_each(:ids)) AND ({_ODD})
    """
)
_JSON = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True)
class Fired:
    """What is recorded of one step that fired.

    Attributes:
        step_id: The step.
        late_seconds: How long after its instant.
        late_because: Why, if late.
        detail: What was done; replaces what was planned, if given.
    """

    step_id: int
    late_seconds: float = 0.0
    late_because: str | None = None
    detail: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class PlannedRow:
    """One step to store, as its row has it."""

    incident_id: int
    incident_ref: str
    oid: str
    name: str
    plan_version: int
    due_at: datetime
    detail: Mapping[str, Any]


class Steps(Noun):
    """Steps, planned per obligation and plan version, claimed and fired by number."""

    def plan(
        self,
        incident_id: int,
        oid: str,
        plan_version: int,
        steps: Iterable[tuple[str, datetime, Mapping[str, Any]]],
    ) -> int:
        """Store the steps (name, due_at, detail) of one plan; those known already stay as they are.

        Returns:
            How many were new.
        """
        fixed = {
            "incident_id": incident_id,
            "incident_ref": self._ref(incident_id),
            "oid": oid,
            "plan_version": plan_version,
            "state": "pending",
        }
        return self._insert_new(
            StepRow,
            [
                {**fixed, "name": name, "due_at": due_at, "detail": dict(detail)}
                for name, due_at, detail in steps
            ],
        )

    def cancel(self, incident_id: int, oid: str | None = None, before_version: int | None = None) -> int:
        """Cancel what has not fired: of one obligation's older plans, or of the whole incident.

        One that is being fired at this moment is cancelled too, yet `fired` by its claimer still counts.

        Returns:
            How many were cancelled.
        """
        statement = update(StepRow).where(
            col(StepRow.incident_id) == incident_id, col(StepRow.state).in_(("pending", "claimed"))
        )
        if oid is not None:
            statement = statement.where(col(StepRow.oid) == oid)
        if before_version is not None:
            statement = statement.where(col(StepRow.plan_version) < before_version)
        return self._run(statement.values(state="cancelled", claimed_until=None))

    def claim(self, now: datetime, owner: str, lease: timedelta, limit: int) -> Sequence[Any]:
        """Take up to `limit` steps for `owner`, soonest first: lapsed claims, then what is due.

        No two owners hold the same step at once. What is returned has a step's columns, and is lighter
        than a row of the table.
        """
        lapsed = (literally("step.state = 'claimed'"), col(StepRow.claimed_until) <= now)
        due = (literally("step.state = 'pending'"), col(StepRow.due_at) <= now)
        claimed = self._take(lapsed, col(StepRow.claimed_until), now, owner, lease, limit)
        if len(claimed) < limit:
            claimed += self._take(due, col(StepRow.due_at), now, owner, lease, limit - len(claimed))
        return sorted(claimed, key=lambda row: (row.due_at, row.id))

    def _take(
        self,
        which: tuple[TextClause, ColumnElement[bool]],
        first: SQLColumnExpression[Any],
        now: datetime,
        owner: str,
        lease: timedelta,
        limit: int,
    ) -> list[Any]:
        chosen = select(col(StepRow.id)).where(*which).order_by(first).limit(limit)
        table = table_of(StepRow)
        claimed = self._session.connection().execute(
            update(table)
            .where(table.c.id.in_(self._free(chosen)))
            .values(
                state="claimed",
                claimed_by=owner,
                claimed_until=now + lease,
                claims=table.c.claims + 1,
            )
            .returning(table)
        )
        return list(claimed.all())

    def fired(
        self,
        step_id: int,
        at: datetime,
        late_seconds: float = 0.0,
        late_because: str | None = None,
        detail: Mapping[str, Any] | None = None,
        *,
        owner: str,
    ) -> StepRow:
        """Store that a claimed step has fired, once.

        Args:
            step_id: The step.
            at: When it fired.
            late_seconds: How long after its instant.
            late_because: Why, if late.
            detail: What was done; replaces what was planned, if given.
            owner: Who claimed it.

        Raises:
            IllegalTransitionError: It fired already, or another owner holds it by now.
        """
        values: dict[str, Any] = {
            "state": case((col(StepRow.acknowledged_at).is_not(None), "acknowledged"), else_="fired"),
            "fired_at": at,
            "late_seconds": late_seconds,
            "late_because": late_because,
            "claimed_until": None,
        }
        if detail is not None:
            values["detail"] = dict(detail)
        fired = self._one(
            update(StepRow)
            .where(
                col(StepRow.id) == step_id,
                col(StepRow.claimed_by) == owner,
                col(StepRow.fired_at).is_(None),
            )
            .values(**values)
            .returning(StepRow)
        )
        if fired is None:
            known = self.get(step_id)
            holder = f" by {known.claimed_by}" if known.claimed_by else ""
            raise IllegalTransitionError(
                f"{known.incident_ref}: step {known.name} ({step_id}) is {known.state}{holder}; "
                f"{owner} cannot fire it"
            )
        return fired

    def fired_all(self, results: Sequence[Fired], at: datetime, *, owner: str) -> Sequence[int]:
        """Store that many claimed steps have fired, in one sweep.

        Returns:
            The numbers of those that had fired already, or that another owner holds by now.
        """
        record = self._fired_at_once if self._postgresql else self._fired_one_by_one
        touched = record(results, at, owner)
        if touched == len(results):
            return []
        ids = [done.step_id for done in results]
        mine = self._session.scalars(
            select(col(StepRow.id)).where(
                col(StepRow.id).in_(ids), col(StepRow.claimed_by) == owner, col(StepRow.fired_at) == at
            )
        )
        return sorted(set(ids) - set(mine))

    def _fired_at_once(self, results: Sequence[Fired], at: datetime, owner: str) -> int:
        """Hand all results over as one document: a statement for each would be a message for each."""
        if not results:
            return 0
        document = [
            {"id": done.step_id, "late": done.late_seconds, "because": done.late_because, "detail": done.detail}
            for done in results
        ]
        result = self._session.connection().execute(
            _FIRED, {"at": at, "owner": owner, "document": json.dumps(document, allow_nan=False)}
        )
        return result.rowcount

    def _fired_one_by_one(self, results: Sequence[Fired], at: datetime, owner: str) -> int:
        """Hand the results straight to the driver: what stands between costs more than the update."""
        if not results:
            return 0
        fired_at = sqlite_text(at)
        rows = [
            (
                fired_at, done.late_seconds, done.late_because,
                None if done.detail is None else _JSON.encode(done.detail), done.step_id, owner,
            )
            for done in results
        ]  # fmt: skip
        return self._session.connection().exec_driver_sql(_FIRED_SQLITE, rows).rowcount

    def changed(self, ids: Sequence[int], *, owner: str) -> Mapping[int, tuple[str, str | None, bool]]:
        """Return those of `ids` that are no longer what their claimer left: claimed, its own, and not fired.

        Returns:
            State, last claimer, and whether it fired. None of `ids` changes before this transaction ends.
        """
        found = self._session.connection().execute(
            _CHANGED if self._postgresql else _CHANGED_SQLITE, {"ids": json.dumps(list(ids)), "owner": owner}
        )
        return {number: (state, holder, bool(fired)) for number, state, holder, fired in found.all()}

    def plan_many(self, rows: Iterable[PlannedRow]) -> int:
        """Store steps of many plans; those known already stay as they are. Return how many were new."""
        return self._insert_new(StepRow, [{**row.__dict__, "state": "pending"} for row in rows])

    def named(self, incident_id: int, oid: str, name: str, plan_version: int) -> StepRow | None:
        """Return the step of that name in that plan, if there is one."""
        return self._one(
            select(StepRow).where(
                col(StepRow.incident_id) == incident_id,
                col(StepRow.oid) == oid,
                col(StepRow.name) == name,
                col(StepRow.plan_version) == plan_version,
            )
        )

    def stop_chain(self, incident_id: int, oid: str, base: str, plan_version: int) -> int:
        """Cancel what would still follow on a step if nobody acknowledged it; return how many rows."""
        return self._run(
            update(StepRow)
            .where(
                col(StepRow.incident_id) == incident_id,
                col(StepRow.oid) == oid,
                col(StepRow.plan_version) == plan_version,
                col(StepRow.name).startswith(f"{base}/", autoescape=True),
                col(StepRow.state).in_(("pending", "claimed")),
            )
            .values(state="cancelled", claimed_until=None)
        )

    def cut_leases(self, until: datetime) -> int:
        """Let no claim last beyond `until`: after a clock that was set back, none would lapse in time."""
        return self._run(
            update(StepRow)
            .where(literally("step.state = 'claimed'"), col(StepRow.claimed_until) > until)
            .values(claimed_until=until)
        )

    def acknowledge(self, step_id: int, by: str, at: datetime) -> StepRow:
        """Store that somebody has seen a step; the first one counts, and it no longer escalates.

        Raises:
            IllegalTransitionError: It was cancelled, so there is nothing to acknowledge.
        """
        acknowledged = self._one(
            update(StepRow)
            .where(
                col(StepRow.id) == step_id,
                col(StepRow.acknowledged_at).is_(None),
                col(StepRow.state) != "cancelled",
            )
            .values(state="acknowledged", acknowledged_by=by, acknowledged_at=at, claimed_until=None)
            .returning(StepRow)
        )
        if acknowledged is not None:
            return acknowledged
        known = self.get(step_id)
        if known.acknowledged_at is None:
            raise IllegalTransitionError(
                f"{known.incident_ref}: step {known.name} ({step_id}) was cancelled; its deadline has moved"
            )
        return known

    def get(self, step_id: int) -> StepRow:
        """Return one step."""
        found = self._one(select(StepRow).where(col(StepRow.id) == step_id))
        if found is None:
            raise NotFoundError(f"no step has the number {step_id}")
        return found

    def list(self, incident_id: int) -> Sequence[StepRow]:
        """Return all steps of an incident, soonest first, cancelled ones included."""
        return self._all(
            select(StepRow)
            .where(col(StepRow.incident_id) == incident_id)
            .order_by(col(StepRow.due_at), col(StepRow.id))
        )

    def upcoming(self, incident_id: int | None = None, limit: int = 100) -> Sequence[StepRow]:
        """Return pending steps, soonest first, of one incident or of all."""
        statement = select(StepRow).where(literally("step.state = 'pending'"))
        if incident_id is not None:
            statement = statement.where(col(StepRow.incident_id) == incident_id)
        return self._all(statement.order_by(col(StepRow.due_at), col(StepRow.id)).limit(limit))

    def next_due(self) -> datetime | None:
        """Return the instant of the soonest pending step, or None."""
        return self._session.scalar(
            select(func.min(col(StepRow.due_at))).where(literally("step.state = 'pending'"))
        )

    def next_lapse(self) -> datetime | None:
        """Return when the soonest claim lapses, or None while nobody holds one."""
        return self._session.scalar(
            select(func.min(col(StepRow.claimed_until))).where(literally("step.state = 'claimed'"))
        )

    def due_unfired(self, now: datetime, grace: timedelta, limit: int = 1000) -> Sequence[StepRow]:
        """Return what should have happened `grace` ago and has not: the auditor's question.

        It looks at what was recorded, not at how far a claim has come, so that a mistake in claiming
        does not hide itself.
        """
        return self._all(
            select(StepRow)
            .where(literally(UNFIRED), col(StepRow.due_at) <= now - grace)
            .order_by(col(StepRow.due_at))
            .limit(limit)
        )
