"""Deliveries: what leaves the house, planned and claimed durably before the act, recorded after it.

A claim whose lease lapsed is never claimed again: whether it left is unknown, so it is shown as a
leftover, becomes *in doubt*, and is resolved by evidence or by a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import and_, func, or_, select, update
from sqlmodel import col

from incident_flows.errors import IllegalTransitionError, NotFoundError
from incident_flows.storage.rows import Noun, literally
from incident_flows.storage.tables import DeliveryRow, NoticeRow

Recorded = Literal["sent", "delivered-to-outbox", "in-doubt", "failed", "planned"]
Outcome = Literal["sent", "delivered-to-outbox", "failed", "planned", "withdrawn"]
_OPTIONAL: Mapping[str, Any] = {"person": None, "bytes_sha256": None, "sealed": None, "retry_at": None}


class Deliveries(Noun):
    """Deliveries of notices to their readers, found by their number or their idempotency key."""

    def plan(self, notice_id: int, rows: Sequence[Mapping[str, Any]]) -> int:
        """Store what is to be delivered; keys known already are left as they are.

        Args:
            notice_id: The notice.
            rows: Per delivery: `key` and `channel`; optionally person, bytes_sha256, sealed,
                retry_at (not to be claimed before).

        Returns:
            How many were new.
        """
        incident_id = self._session.scalar(
            select(col(NoticeRow.incident_id)).where(col(NoticeRow.id) == notice_id)
        )
        if incident_id is None:
            raise NotFoundError(f"no notice has the number {notice_id}")
        fixed = {
            "notice_id": notice_id,
            "incident_id": incident_id,
            "state": "planned",
            "attempts": 0,
            "receipt": {},
        }
        return self._insert_new(DeliveryRow, [{**_OPTIONAL, **row, **fixed} for row in rows])

    def claim(
        self, notice_id: int | None, owner: str, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[DeliveryRow]:
        """Take up to `limit` planned deliveries for `owner`, of one notice or of any.

        No two owners ever get the same one, and none is given twice.
        """
        planned = (
            select(col(DeliveryRow.id))
            .where(
                literally("delivery.state = 'planned'"),
                or_(col(DeliveryRow.retry_at).is_(None), col(DeliveryRow.retry_at) <= now),
            )
            .order_by(col(DeliveryRow.id))
            .limit(limit)
        )
        if notice_id is not None:
            planned = planned.where(col(DeliveryRow.notice_id) == notice_id)
        claimed = self._all(
            update(DeliveryRow)
            .where(col(DeliveryRow.id).in_(self._free(planned)))
            .values(
                state="claimed",
                attempts=col(DeliveryRow.attempts) + 1,
                claimed_by=owner,
                claimed_at=now,
                claimed_until=now + lease,
                retry_at=None,
            )
            .returning(DeliveryRow)
        )
        return sorted(claimed, key=lambda row: row.id)

    def record(
        self,
        delivery_id: int,
        state: Recorded,
        at: datetime,
        owner: str | None = None,
        provider_id: str | None = None,
        receipt: Mapping[str, Any] | None = None,
        error_kind: str | None = None,
        retry_at: datetime | None = None,
    ) -> DeliveryRow:
        """Store what came of a claimed delivery, once.

        The claimer, named by `owner`, may also record after its lease lapsed and somebody put the
        delivery in doubt: what it saw is the evidence.

        Args:
            delivery_id: The delivery.
            state: What came of it; *planned* gives it back, not to be claimed before `retry_at`, and
                only where it is certain that nothing left.
            at: When that was known.
            owner: Who claimed it; without it any claimed delivery may be recorded, as for leftovers.
            provider_id: The channel's own id for the message.
            receipt: The channel's answer.
            error_kind: What kind of failure, in one word.
            retry_at: See `state`.

        Raises:
            IllegalTransitionError: It is not claimed (by this owner), so the outcome is known already.
        """
        here = col(DeliveryRow.state) == "claimed"
        if owner is not None:
            mine = col(DeliveryRow.claimed_by) == owner
            here = and_(mine, or_(here, col(DeliveryRow.state) == "in-doubt"))
        values: dict[str, Any] = {"state": state, "claimed_until": None, "error_kind": error_kind}
        if state == "planned":
            values |= {"claimed_by": None, "claimed_at": None, "retry_at": retry_at}
        elif state != "in-doubt":
            values["done_at"] = at
        if provider_id is not None:
            values["provider_id"] = provider_id
        if receipt is not None:
            values["receipt"] = dict(receipt)
        recorded = self._one(
            update(DeliveryRow)
            .where(col(DeliveryRow.id) == delivery_id, here)
            .values(**values)
            .returning(DeliveryRow)
        )
        if recorded is None:
            raise self._other_state(delivery_id, f"claimed{f' by {owner}' if owner else ''}", state)
        return recorded

    def resolve(self, delivery_id: int, outcome: Outcome, by: str, at: datetime) -> DeliveryRow:
        """Settle a delivery in doubt by evidence or by a person's word; *planned* sends it again.

        Raises:
            IllegalTransitionError: It is not in doubt.
        """
        again = outcome == "planned"
        values: dict[str, Any] = {"state": outcome, "resolved_by": by, "done_at": None if again else at}
        if again:
            values |= {"claimed_by": None, "claimed_at": None}
        resolved = self._one(
            update(DeliveryRow)
            .where(col(DeliveryRow.id) == delivery_id, col(DeliveryRow.state) == "in-doubt")
            .values(**values)
            .returning(DeliveryRow)
        )
        if resolved is None:
            raise self._other_state(delivery_id, "in-doubt", outcome)
        return resolved

    def plan_failed_again(self, notice_id: int) -> int:
        """Plan anew what was refused for certain, once somebody has mended the cause; return how many."""
        return self._run(
            update(DeliveryRow)
            .where(col(DeliveryRow.notice_id) == notice_id, col(DeliveryRow.state) == "failed")
            .values(
                state="planned", attempts=0, claimed_by=None, claimed_at=None, done_at=None, retry_at=None
            )
        )

    def withdraw(self, notice_id: int) -> int:
        """Withdraw what is planned for a notice and not claimed yet; return how many."""
        return self._run(
            update(DeliveryRow)
            .where(col(DeliveryRow.notice_id) == notice_id, literally("state = 'planned'"))
            .values(state="withdrawn")
        )

    def leftovers(self, now: datetime, limit: int = 1000) -> Sequence[DeliveryRow]:
        """Return claimed deliveries whose lease lapsed: nobody knows whether they left."""
        return self._all(
            select(DeliveryRow)
            .where(literally("delivery.state = 'claimed'"), col(DeliveryRow.claimed_until) <= now)
            .order_by(col(DeliveryRow.claimed_until))
            .limit(limit)
        )

    def in_doubt(self, incident_id: int | None = None, limit: int = 1000) -> Sequence[DeliveryRow]:
        """Return deliveries whose outcome is unknown, of one incident or of all."""
        statement = (
            select(DeliveryRow)
            .where(literally("delivery.state = 'in-doubt'"))
            .order_by(col(DeliveryRow.incident_id), col(DeliveryRow.id))
            .limit(limit)
        )
        if incident_id is not None:
            statement = statement.where(col(DeliveryRow.incident_id) == incident_id)
        return self._all(statement)

    def get(self, delivery_id: int) -> DeliveryRow:
        """Return one delivery."""
        found = self._one(select(DeliveryRow).where(col(DeliveryRow.id) == delivery_id))
        if found is None:
            raise NotFoundError(f"no delivery has the number {delivery_id}")
        return found

    def by_key(self, key: str) -> DeliveryRow | None:
        """Return the delivery planned under an idempotency key, if any."""
        return self._one(select(DeliveryRow).where(col(DeliveryRow.key) == key))

    def page(self, notice_id: int, after_id: int = 0, limit: int = 1000) -> Sequence[DeliveryRow]:
        """Return deliveries of a notice by number, those after `after_id`."""
        return self._all(
            select(DeliveryRow)
            .where(col(DeliveryRow.notice_id) == notice_id, col(DeliveryRow.id) > after_id)
            .order_by(col(DeliveryRow.id))
            .limit(limit)
        )

    def counts(self, incident_id: int, notice_id: int | None = None) -> dict[str, int]:
        """Return how many deliveries of an incident, or of one of its notices, are in each state."""
        state = col(DeliveryRow.state)
        statement = select(state, func.count()).where(col(DeliveryRow.incident_id) == incident_id)
        if notice_id is not None:
            statement = statement.where(col(DeliveryRow.notice_id) == notice_id)
        return {row[0]: row[1] for row in self._session.execute(statement.group_by(state))}

    def _other_state(self, delivery_id: int, expected: str, wanted: str) -> IllegalTransitionError:
        known = self.get(delivery_id)
        holder = f" by {known.claimed_by}" if known.state == "claimed" else ""
        return IllegalTransitionError(
            f"delivery {delivery_id} is {known.state}{holder}, not {expected}; it cannot become {wanted}"
        )
