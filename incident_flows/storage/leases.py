"""Leases: who may do a thing alone, and until when; and marks, small values of this installation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select
from sqlmodel import col

from incident_flows.storage.rows import Noun
from incident_flows.storage.tables import LeaseRow, MarkRow


class Leases(Noun):
    """Leases and marks, found by name."""

    def take(self, name: str, owner: str, now: datetime, ttl: timedelta) -> bool:
        """Take or extend a lease; False while another owner holds it."""
        upsert = self._upsert(LeaseRow).values(name=name, owner=owner, until=now + ttl)
        return bool(
            self._run(
                upsert.on_conflict_do_update(
                    index_elements=["name"],
                    set_={"owner": upsert.excluded.owner, "until": upsert.excluded.until},
                    where=or_(col(LeaseRow.owner) == owner, col(LeaseRow.until) <= now),
                )
            )
        )

    def release(self, name: str, owner: str) -> bool:
        """Give a lease back; False if it is not this owner's any more."""
        return bool(
            self._run(delete(LeaseRow).where(col(LeaseRow.name) == name, col(LeaseRow.owner) == owner))
        )

    def holder(self, name: str, now: datetime) -> str | None:
        """Return who holds a lease at `now`, if anybody."""
        return self._session.scalar(
            select(col(LeaseRow.owner)).where(col(LeaseRow.name) == name, col(LeaseRow.until) > now)
        )

    def put(self, name: str, value: Any) -> None:
        """Store a mark: a value JSON can hold, replacing the one before."""
        upsert = self._upsert(MarkRow).values(name=name, value=value)
        self._run(
            upsert.on_conflict_do_update(index_elements=["name"], set_={"value": upsert.excluded.value})
        )

    def put_once(self, name: str, value: Any) -> Any:
        """Store a mark unless there is one, and return the one that stands: the first wins."""
        self._insert_new(MarkRow, [{"name": name, "value": value}])
        return self.get(name)

    def add(self, name: str, counts: Mapping[str, int]) -> None:
        """Add to a mark that holds counts; nothing is lost where several add at once."""
        self._insert_new(MarkRow, [{"name": name, "value": {}}])
        held = self._one(select(MarkRow).where(col(MarkRow.name) == name).with_for_update())
        before: Mapping[str, int] = {} if held is None else held.value
        self.put(name, {key: before.get(key, 0) + counts.get(key, 0) for key in {*before, *counts}})

    def get(self, name: str, default: Any = None) -> Any:
        """Return a mark, or `default`."""
        found = self._one(select(MarkRow).where(col(MarkRow.name) == name))
        return default if found is None else found.value

    def marks(self, prefix: str, limit: int = 1000) -> Mapping[str, Any]:
        """Return the marks whose names begin with `prefix`, by name."""
        begin = select(MarkRow).where(col(MarkRow.name).startswith(prefix, autoescape=True))
        found = self._session.scalars(begin.order_by(col(MarkRow.name)).limit(limit))
        return {row.name: row.value for row in found}

    def forget(self, names: Iterable[str]) -> None:
        """Take marks away; those that are not there are passed over."""
        self._run(delete(MarkRow).where(col(MarkRow.name).in_(list(names))))
