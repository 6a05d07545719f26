"""Obligations: the engine's answer per duty and addressee, a person's decision, the moment it was met.

Whatever moves or ends a clock gives the obligation a new `plan_version`; its steps of older versions
are then cancelled and new ones planned under the new number, in the same transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import and_, case, false, func, insert, or_, select, true, update
from sqlalchemy.orm import Session
from sqlmodel import col

from incident_flows.errors import NotFoundError
from incident_flows.storage.rows import Noun, literally, nearest
from incident_flows.storage.tables import Answer, IncidentRow, ObligationRow

_NEEDED = frozenset({"oid", "duty", "addressee_kind", "addressee_name", "status"})
_OPTIONAL: Mapping[str, Any] = {
    "source_id": None,
    "kind": "law",
    "addressee_id": None,
    "reach": "yes",
    "due_at": None,
    "provisional_due_at": None,
    "target_at": None,
    "due_on": None,
    "zone": None,
    "cite": None,
    "confidence": None,
    "detail": {},
}
ASKED = "question"
_MOVES_THE_CLOCK = frozenset({"status", "standing", "due_at", "provisional_due_at", "target_at"})


@dataclass(frozen=True)
class Change:
    """What one assessment changed about one obligation.

    Attributes:
        oid: The obligation.
        kind: It is new, changed, or gone from the answer; one that returns is *changed*.
        before: As it stood, None if new.
        after: As it stands.
        fields: The columns that differ, sorted; empty if new.
    """

    oid: str
    kind: Literal["new", "changed", "gone"]
    before: ObligationRow | None
    after: ObligationRow
    fields: tuple[str, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether its steps must be planned anew, under `after.plan_version`."""
        return self.before is None or self.before.plan_version != self.after.plan_version


class Obligations(Noun):
    """Obligations, found by the incident's ref and their own id."""

    def sync(self, ref: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[Change]:
        """Make the stored obligations say what the newest assessment says; return what changed.

        Decisions, and that an obligation was met, stay. One that is no longer in the answer is kept
        with standing *gone*.

        Args:
            ref: The incident.
            rows: One mapping per obligation, by column: oid, duty, addressee_kind, addressee_name and
                status are needed; decided, met_* and plan_version are not for the engine to say.
        """
        incident = self._incident(ref, lock=True)
        wanted = [_complete(row) for row in rows]
        if len({row["oid"] for row in wanted}) != len(wanted):
            raise ValueError(f"{ref}: one obligation is answered twice")
        before = {row.oid: row for row in self.list(ref)}
        touched: list[tuple[str, tuple[str, ...]]] = []
        for row in wanted:
            known = before.get(row["oid"])
            if known is None:
                self._run(
                    insert(ObligationRow).values(
                        incident_id=incident.id, incident_ref=ref, standing="live", plan_version=1, **row
                    )
                )
                touched.append((row["oid"], ()))
            elif fields := self._rewrite(known, {**row, "standing": "live"}):
                touched.append((row["oid"], fields))
        answered = {row["oid"] for row in wanted}
        for oid, known in before.items():
            if known.kind == ASKED:
                continue  # an authority's question is no answer of the engine
            if oid not in answered and self._rewrite(known, {"standing": "gone"}):
                touched.append((oid, ("standing",)))
        settle(self._session, incident.id)
        after = {row.oid: row for row in self.list(ref)}
        return [_change(before.get(oid), after[oid], fields) for oid, fields in touched]

    def add_question(self, ref: str, row: Mapping[str, Any]) -> ObligationRow:
        """Store an authority's own question as an obligation; assessments leave it alone.

        Args:
            ref: The incident.
            row: By column, as for `sync`; its oid is numbered here: `question/q-NUMBER@ADDRESSEE`.
        """
        incident = self._incident(ref, lock=True)
        number = self._next_number(f"{ref} questions")
        oid = f"{ASKED}/q-{number:04}@{row['addressee_id']}"
        detail = {**row["detail"], "id": oid, "duty": f"{ASKED}/q-{number:04}"}
        whole = _complete({**row, "oid": oid, "duty": detail["duty"], "kind": ASKED, "detail": detail})
        self._run(
            insert(ObligationRow).values(
                incident_id=incident.id, incident_ref=ref, standing="live", plan_version=1, **whole
            )
        )
        settle(self._session, incident.id)
        return self.get(ref, oid)

    def get(self, ref: str, oid: str) -> ObligationRow:
        """Return one obligation, or raise NotFoundError naming the nearest ids."""
        found = self._one(
            select(ObligationRow).where(
                col(ObligationRow.incident_id) == self._incident_id(ref), col(ObligationRow.oid) == oid
            )
        )
        if found is None:
            near = nearest(oid, [row.oid for row in self.list(ref)])
            raise NotFoundError(f"{ref}: no obligation {oid}{near}; `breach show {ref}` lists them")
        return found

    def list(self, ref: str) -> Sequence[ObligationRow]:
        """Return all obligations of an incident, those gone included, in the order they came up."""
        return self._all(
            select(ObligationRow)
            .where(col(ObligationRow.incident_id) == self._incident_id(ref))
            .order_by(col(ObligationRow.id))
        )

    def decide(self, ref: str, oid: str, answer: Answer | None) -> ObligationRow:
        """Store a person's answer, or take it back with None; the engine's own answer stays beside it."""
        known = self._held(ref, oid)
        return known if known.decided == answer else self._replanned(known, decided=answer)

    def meet(self, ref: str, oid: str, at: datetime, by: str) -> ObligationRow:
        """Store that the obligation was met; the first time counts.

        Args:
            ref: The incident.
            oid: The obligation.
            at: When it was met.
            by: The notice that met it, or what did.
        """
        known = self._held(ref, oid)
        return known if known.met_at is not None else self._replanned(known, met_at=at, met_by=by)

    def unmeet(self, ref: str, oid: str) -> ObligationRow:
        """Take back that the obligation was met; its clock runs again."""
        known = self._held(ref, oid)
        return known if known.met_at is None else self._replanned(known, met_at=None, met_by=None)

    def replan(self, ref: str, oid: str) -> ObligationRow:
        """Give the obligation a new plan_version without any other change, as for another ladder."""
        return self._replanned(self._held(ref, oid))

    def open_clocks(self, limit: int = 100) -> Sequence[ObligationRow]:
        """Return what still runs in open incidents, soonest first, those without an instant last.

        The instant is the due one, else the provisional one, else the house target. What is decided or
        found *not owed* does not run. The cost does not grow with closed incidents.
        """
        at = col(ObligationRow.effective_at)
        running = select(ObligationRow).where(literally("obligation.running"))
        dated = self._all(
            running.where(at.is_not(None)).order_by(at, col(ObligationRow.id)).limit(limit),
        )
        if len(dated) == limit:
            return dated
        undated = running.where(at.is_(None)).order_by(col(ObligationRow.id)).limit(limit - len(dated))
        return [*dated, *self._all(undated)]

    def _rewrite(self, known: ObligationRow, row: Mapping[str, Any]) -> tuple[str, ...]:
        """Store what differs and return the names of the columns that did."""
        fields = tuple(sorted(name for name, value in row.items() if getattr(known, name) != value))
        if fields:
            values = {name: row[name] for name in fields}
            if _MOVES_THE_CLOCK.intersection(fields):
                values["plan_version"] = known.plan_version + 1
            self._run(update(ObligationRow).where(col(ObligationRow.id) == known.id).values(**values))
        return fields

    def _held(self, ref: str, oid: str) -> ObligationRow:
        """Return an obligation that nobody else changes before this transaction ends."""
        self._incident(ref, lock=True)
        return self.get(ref, oid)

    def _replanned(self, known: ObligationRow, **values: Any) -> ObligationRow:
        self._run(
            update(ObligationRow)
            .where(col(ObligationRow.id) == known.id)
            .values(plan_version=col(ObligationRow.plan_version) + 1, **values)
        )
        settle(self._session, known.incident_id)
        return self.get(known.incident_ref, known.oid)


def settle(session: Session, incident_id: int) -> None:
    """Make `effective_at` and `running` agree with everything they follow from."""
    row = ObligationRow
    effective = func.coalesce(col(row.due_at), col(row.provisional_due_at), col(row.target_at))
    is_open = (
        select(col(IncidentRow.id))
        .where(col(IncidentRow.id) == incident_id, col(IncidentRow.state) == "open")
        .exists()
    )
    running = case(
        (
            and_(
                col(row.standing) == "live",
                col(row.met_at).is_(None),
                func.coalesce(col(row.decided), col(row.status)) != "not-owed",
                is_open,
            ),
            true(),
        ),
        else_=false(),
    )
    stale = or_(col(row.effective_at).is_distinct_from(effective), col(row.running).is_distinct_from(running))
    session.execute(
        update(row)
        .where(col(row.incident_id) == incident_id, stale)
        .values(effective_at=effective, running=running),
        execution_options={"synchronize_session": False},
    )


def _complete(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return every column the engine answers for, as it will come back from the database."""
    missing, unknown = _NEEDED - row.keys(), row.keys() - _NEEDED - _OPTIONAL.keys()
    if missing or unknown:
        raise ValueError(f"obligation row: missing {sorted(missing)}, unknown {sorted(unknown)}")
    whole = {**_OPTIONAL, **row}
    whole["detail"] = json.loads(json.dumps(whole["detail"], allow_nan=False))
    return whole


def _change(before: ObligationRow | None, after: ObligationRow, fields: tuple[str, ...]) -> Change:
    kind: Literal["new", "changed", "gone"] = (
        "new" if before is None else "gone" if after.standing == "gone" else "changed"
    )
    return Change(oid=after.oid, kind=kind, before=before, after=after, fields=fields)
