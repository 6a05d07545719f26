"""Letters to people: runs and their packed batches, each claimed durably before it leaves.

What happens between two requests of a sender is in `letter_turns.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import and_, delete, func, or_, select, update
from sqlmodel import col

from incident_flows.errors import NotFoundError
from incident_flows.storage.letter_statements import (
    BODY,
    CLAIM,
    GATE,
    LIGHT,
    PLANNED,
    READY,
    TABLE,
)
from incident_flows.storage.rows import Noun, literally
from incident_flows.storage.tables_letters import LetterBatchRow, LetterBodyRow, LetterRunRow

OPEN = ("claimed", "in-doubt", "quarantined")
_OPEN = literally("letter_batch.state in ('claimed', 'in-doubt', 'quarantined')")
_SCHEDULED = literally("letter_batch.state = 'accepted' AND letter_batch.send_at IS NOT NULL")
_BATCH: Mapping[str, Any] = {
    "seed": False, "state": "planned", "address": 1, "replaced": False, "progress": 0, "attempts": 0, "unknowns": 0,
    "channel": None, "batch_id": None, "send_at": None, "x_message_id": None, "error_kind": None, "claimed_by": None,
    "claimed_at": None, "retry_at": None, "done_at": None, "resolved_by": None,
}  # fmt: skip


class Letters(Noun):
    """Runs, by their notice's number, and batches, by their own."""

    def run(self, notice_id: int) -> LetterRunRow | None:
        """Return the run of a notice, if its list was ever approved."""
        return self._one(select(LetterRunRow).where(col(LetterRunRow.notice_id) == notice_id))

    def runs(self, incident_id: int) -> Sequence[LetterRunRow]:
        """Return the runs of an incident, by notice."""
        return self._all(
            select(LetterRunRow)
            .where(col(LetterRunRow.incident_id) == incident_id)
            .order_by(col(LetterRunRow.notice_id))
        )

    def approve(self, notice_id: int, **values: Any) -> LetterRunRow:
        """Store which list was approved with a notice; a newer approval replaces an older."""
        fixed = {"switch": "go", "packed_until": -1, "wave": 0, "detail": {}}
        upsert = self._upsert(LetterRunRow).values(notice_id=notice_id, **fixed, **values)
        self._run(upsert.on_conflict_do_update(index_elements=["notice_id"], set_=values))
        run = self.run(notice_id)
        assert run is not None
        return run

    def change(self, notice_id: int, **values: Any) -> LetterRunRow:
        """Change fields of a run."""
        changed = self._one(
            update(LetterRunRow)
            .where(col(LetterRunRow.notice_id) == notice_id)
            .values(**values)
            .returning(LetterRunRow)
        )
        if changed is None:
            raise NotFoundError(f"no letters were approved for the notice of number {notice_id}")
        return changed

    # Batches

    def add(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Store packed batches, and under their nonces what is in them."""
        bodies = [
            {"nonce": row["nonce"], "incident_id": row["incident_id"], "sealed": row["sealed"]}
            for row in rows
            if row["sealed"] is not None
        ]
        self._insert_new(LetterBodyRow, bodies)
        return self._insert_new(
            LetterBatchRow,
            [{**_BATCH, **{name: value for name, value in row.items() if name != "sealed"}} for row in rows],
        )

    def body(self, nonce: str) -> bytes | None:
        """Return what is in a batch, as it was sealed; None once it is gone."""
        return self._session.scalar(select(BODY.c.sealed).where(BODY.c.nonce == nonce))

    def get(self, batch_id: int) -> LetterBatchRow:
        """Return one batch."""
        found = self._one(select(LetterBatchRow).where(col(LetterBatchRow.id) == batch_id))
        if found is None:
            raise NotFoundError(f"no batch of letters has the number {batch_id}")
        return found

    def by_nonce(self, nonce: str) -> LetterBatchRow | None:
        """Return the batch a provider's event is about, if it is ours."""
        return self._one(select(LetterBatchRow).where(col(LetterBatchRow.nonce) == nonce))

    def page(self, notice_id: int, after_id: int = 0, limit: int = 100) -> Sequence[LetterBatchRow]:
        """Return batches of a notice by number, those after `after_id`."""
        return self._all(
            select(LetterBatchRow)
            .where(col(LetterBatchRow.notice_id) == notice_id, col(LetterBatchRow.id) > after_id)
            .order_by(col(LetterBatchRow.id))
            .limit(limit)
        )

    def numbers(self, notice_id: int, *, withdrawn: bool = True) -> Sequence[bytes]:
        """Return the numbers of the people in each batch of a notice, the team's left out."""
        row = LetterBatchRow
        found = select(col(row.numbers)).where(col(row.notice_id) == notice_id, col(row.seed).is_(False))
        if not withdrawn:
            found = found.where(col(row.state) != "withdrawn")
        return list(self._session.scalars(found))

    def ledger(self, notice_id: int) -> Sequence[Any]:
        """Return what is known of every batch of a notice, without the letters themselves."""
        row = LetterBatchRow
        return self._session.execute(
            select(
                col(row.wave), col(row.seed), col(row.count), col(row.state), col(row.replaced),
                col(row.template_sha256), col(row.nonce), col(row.channel), col(row.x_message_id),
                col(row.claimed_at), col(row.done_at), col(row.send_at), col(row.error_kind), col(row.resolved_by),
                col(row.address),
            )
            .where(col(row.notice_id) == notice_id)
            .order_by(col(row.id))
        ).all()  # fmt: skip

    def planned(self, notice_id: int, wave: int, now: datetime, *, limit: int = 8) -> Sequence[LetterBatchRow]:
        """Return batches of a wave that may be claimed now, the first ones first."""
        row = LetterBatchRow
        return self._all(
            select(row)
            .where(
                PLANNED,
                col(row.notice_id) == notice_id,
                col(row.wave) <= wave,
                or_(col(row.retry_at).is_(None), col(row.retry_at) <= now),
            )
            .order_by(col(row.wave), col(row.id))
            .limit(limit)
        )

    def ready(self, notice_id: int, wave: int, now: datetime, *, limit: int) -> Sequence[Any]:
        """Return the same batches as `planned`, with no more of each than posting it takes."""
        given = {"notice": notice_id, "upto": wave, "now": now, "most": limit}
        return self._session.connection().execute(READY, given).all()

    def one_ready(self, batch_id: int) -> Any:
        """Return one batch, whatever its state, as `ready` does."""
        return self._session.connection().execute(LIGHT.where(TABLE.c.id == batch_id)).one()

    def first_wave(self, notice_id: int) -> tuple[int, datetime | None] | None:
        """Return the first wave with planned batches, and when the first of them may be claimed."""
        row = LetterBatchRow
        found = self._session.execute(
            select(col(row.wave), col(row.retry_at))
            .where(PLANNED, col(row.notice_id) == notice_id)
            .order_by(col(row.wave), col(row.retry_at).nulls_first())
            .limit(1)
        ).first()
        return None if found is None else (found[0], found[1])

    def open(self, notice_id: int | None, states: Collection[str] = OPEN) -> Sequence[LetterBatchRow]:
        """Return batches whose outcome is not settled."""
        row = LetterBatchRow
        statement = select(row).where(_OPEN, col(row.state).in_(states)).order_by(col(row.id))
        if notice_id is not None:
            statement = statement.where(col(row.notice_id) == notice_id)
        return self._all(statement)

    def gate(self, notice_id: int, lease: str, owner: str) -> Literal["go", "paused", "stopped", "lost"]:
        """Return whether `owner` may go on sending: its lease holds and nobody stopped it."""
        found = self._session.execute(GATE, {"the": notice_id, "lease": lease}).first()
        if found is None or found[1] != owner:
            return "lost"
        switch: Literal["go", "paused", "stopped"] = found[0]
        return switch

    def claim(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Claim planned batches; False, and nothing is claimed, if one was taken by somebody else.

        Args:
            rows: Per batch: the, owner, at, through, batch, due.
        """
        connection = self._session.connection()
        return all(connection.execute(CLAIM, row).rowcount == 1 for row in rows)

    def set(self, the: int, expected: str | Collection[str], **values: Any) -> bool:
        """Change a batch if it is in a state the caller saw; return whether it was.

        With `sealed`, its copies are replaced, or destroyed if that is None; a nonce goes with new ones.
        """
        states = {expected} if isinstance(expected, str) else set(expected)
        renewed, sealed = "sealed" in values, values.pop("sealed", None)
        before = self.get(the) if renewed else None
        done = self._run(
            update(LetterBatchRow)
            .where(col(LetterBatchRow.id) == the, col(LetterBatchRow.state).in_(sorted(states)))
            .values(**values)
        )
        if done and before is not None:
            self._run(delete(LetterBodyRow).where(col(LetterBodyRow.nonce) == before.nonce))
            if sealed is not None:
                nonce = values.get("nonce", before.nonce)
                body = {"nonce": nonce, "incident_id": before.incident_id, "sealed": sealed}
                self._insert_new(LetterBodyRow, [body])
        return bool(done)

    def replace(self, row: LetterBatchRow, state: str, parts: Sequence[Mapping[str, Any]], at: datetime) -> bool:
        """Let `parts` take over the people of a batch, which keeps its evidence and loses its letters."""
        if not self.set(
            row.id, row.state, state=state, replaced=True, sealed=None, done_at=at, error_kind=row.error_kind
        ):
            return False
        same = {
            name: getattr(row, name)
            for name in ("notice_id", "incident_id", "wave", "variant", "seed", "template_sha256", "form", "address")
        }
        self.add([{**same, **part} for part in parts])
        return True

    def released(self, now: datetime) -> Sequence[int]:
        """Mark scheduled batches whose time has come, and return the notices they are of."""
        row = LetterBatchRow
        found = self._session.scalars(
            update(row)
            .where(_SCHEDULED, col(row.send_at) <= now)
            .values(state="released")
            .returning(col(row.notice_id)),
            execution_options={"synchronize_session": False},
        )
        return sorted(set(found))

    def scheduled(self, notice_id: int) -> Sequence[LetterBatchRow]:
        """Return batches the provider holds until their time, the last ones first."""
        return self._all(
            select(LetterBatchRow)
            .where(_SCHEDULED, col(LetterBatchRow.notice_id) == notice_id)
            .order_by(col(LetterBatchRow.send_at).desc())
        )

    def called_back(self, now: datetime) -> tuple[int, datetime | None]:
        """Return how many batches the provider keeps as called back until their time, and the first such time."""
        row = LetterBatchRow
        found = self._session.execute(
            select(func.count(), func.min(col(row.send_at))).where(
                col(row.state) == "cancelled", col(row.batch_id).is_not(None), col(row.send_at) > now
            )
        ).one()
        return found[0], found[1]

    def first_claimed(self, since: datetime) -> datetime | None:
        """Return when the first letters left that a provider took in batches since an instant; None if none did."""
        row = LetterBatchRow
        taken = (col(row.state).in_(("accepted", "released")), col(row.channel) == "sendgrid")
        return self._session.scalar(select(func.min(col(row.claimed_at))).where(col(row.claimed_at) > since, *taken))

    def left_since(self, since: datetime, after_id: int, limit: int = 20) -> Sequence[LetterBatchRow]:
        """Return batches a provider took since an instant, the team's left out, those above `after_id`."""
        row = LetterBatchRow
        return self._all(
            select(row)
            .where(
                col(row.claimed_at) > since,
                col(row.id) > after_id,
                col(row.state).in_(("accepted", "released")),
                col(row.channel) == "sendgrid",
                col(row.seed).is_(False),
            )
            .order_by(col(row.id))
            .limit(limit)
        )

    def held_back(self, now: datetime) -> list[LetterBatchRow]:
        """Return batches that were called back and whose time has not come."""
        row = LetterBatchRow
        return self._all(
            select(row)
            .where(col(row.state) == "cancelled", col(row.batch_id).is_not(None), col(row.send_at) > now)
            .order_by(col(row.send_at))
        )

    def withdraw(self, notice_id: int) -> int:
        """Cancel what is planned and not claimed; return how many people that is."""
        row = LetterBatchRow
        planned = and_(PLANNED, col(row.notice_id) == notice_id)
        people = self._session.scalar(select(func.sum(col(row.count))).where(planned)) or 0
        self._run(update(row).where(planned).values(state="cancelled"))
        return int(people)

    def plan_again(self, notice_id: int, states: Collection[str], *, channel: str | None = None) -> int:
        """Plan anew what certainly reached nobody: refused, or lying in the outbox; return how many batches."""
        row = LetterBatchRow
        chosen = and_(
            col(row.notice_id) == notice_id,
            col(row.state).in_(sorted(states)),
            col(row.replaced).is_(False),
            col(row.nonce).in_(select(BODY.c.nonce)),
            *(() if channel is None else (col(row.channel) == channel,)),
        )
        return self._run(
            update(row)
            .where(chosen)
            .values(state="planned", attempts=0, progress=0, retry_at=None, done_at=None, error_kind=None)
        )

    # Counts, in people

    def counts(self, incident_id: int, notice_id: int | None = None, *, address: int = 1) -> dict[str, int]:
        """Return how many people's letters are in each state, in the words of deliveries.

        Those to second addresses are counted by themselves, for their people are counted already.

        *In doubt* are those only a person can resolve; what the sender itself looks into counts as claimed.
        """
        row = LetterBatchRow
        whole = func.sum(col(row.count))
        done = func.sum(col(row.progress))
        kinds = (
            col(row.state),
            col(row.channel),
            col(row.send_at).is_not(None),
            col(row.error_kind),
        )
        statement = (
            select(*kinds, whole, done)
            .where(col(row.incident_id) == incident_id, col(row.replaced).is_(False), col(row.seed).is_(False))
            .where(col(row.address) == address)
            .group_by(*kinds)
        )
        if notice_id is not None:
            statement = statement.where(col(row.notice_id) == notice_id)
        found: dict[str, int] = {}

        def count(word: str, people: int) -> None:
            if people:
                found[word] = found.get(word, 0) + int(people)

        for state, channel, is_scheduled, kind, people, passed in self._session.execute(statement):
            sent = "delivered-to-outbox" if channel == "outbox" else "sent"
            if state in ("planned", "claimed"):
                count(sent, passed)
                count(state, people - passed)
            elif state == "in-doubt" and kind == "resolving":
                count("claimed", people)
            elif state == "accepted":
                count("scheduled" if is_scheduled else sent, people)
            elif state == "quarantined":
                count({"margin": "in-doubt", "post": "by-post"}.get(kind, state), people)
            else:
                words = {"released": "sent", "rejected": "failed", "cancelled": "withdrawn"}
                count(words.get(state, state), people)
        return found

    def waves(self, notice_id: int) -> Sequence[tuple[int, str, int, int]]:
        """Return wave, state, batches and people of a notice at their first address, what was replaced left out."""
        row = LetterBatchRow
        found = self._session.execute(
            select(col(row.wave), col(row.state), func.count(), func.sum(col(row.count)))
            .where(col(row.notice_id) == notice_id, col(row.replaced).is_(False), col(row.address) == 1)
            .group_by(col(row.wave), col(row.state))
            .order_by(col(row.wave), col(row.state))
        )
        return [(wave, state, batches, int(people)) for wave, state, batches, people in found]

    def claimed_since(self, at: datetime) -> tuple[int, datetime | None]:
        """Return to how many people letters have left since an instant, and when the first of them did."""
        row = LetterBatchRow
        found = self._session.execute(
            select(func.sum(col(row.count)), func.min(col(row.claimed_at))).where(
                col(row.claimed_at) > at, col(row.channel) != "outbox"
            )
        ).one()
        return int(found[0] or 0), found[1]

    def exceptions(self, notice_id: int) -> Sequence[LetterBatchRow]:
        """Return batches whose people the provider certainly refused."""
        row = LetterBatchRow
        return self._all(
            select(row)
            .where(
                col(row.notice_id) == notice_id,
                col(row.state).in_(("rejected", "quarantined")),
                col(row.error_kind) == "refused",
                col(row.replaced).is_(False),
            )
            .order_by(col(row.id))
        )

    def without_mail(self, notice_id: int) -> Sequence[LetterBatchRow]:
        """Return batches whose people no e-mail went to: refused by the provider, or without an address."""
        row = LetterBatchRow
        return self._all(
            select(row)
            .where(
                col(row.notice_id) == notice_id,
                col(row.state).in_(("rejected", "quarantined")),
                col(row.error_kind).in_(("post", "refused")),
                col(row.replaced).is_(False),
                col(row.seed).is_(False),
            )
            .order_by(col(row.id))
        )
