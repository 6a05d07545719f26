"""Accounts of this installation: the name somebody acts under, their roles, the person behind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import col

from incident_flows.errors import InputError, NotFoundError
from incident_flows.storage.rows import Noun, nearest
from incident_flows.storage.tables import AccountRow


class Accounts(Noun):
    """Accounts, found by name."""

    def ensure(self, name: str, roles: Sequence[str], at: datetime) -> AccountRow:
        """Return the account of that name, made with these roles if there was none.

        One that exists keeps the roles it has.
        """
        self._insert_new(AccountRow, [_values(name, name, roles, at)])
        return self.get(name)

    def add(self, name: str, person: str, roles: Sequence[str], at: datetime) -> AccountRow:
        """Store a new account.

        Args:
            name: What its owner types after `--as`.
            person: The natural person; two accounts of one person are one pair of eyes.
            roles: What it may do.
            at: When it was made.

        Raises:
            InputError: The name is taken.
        """
        if not self._insert_new(AccountRow, [_values(name, person, roles, at)]):
            raise InputError(f"account {name}: there is one of that name already; choose another name")
        return self.get(name)

    def get(self, name: str) -> AccountRow:
        """Return an account, disabled ones included, or raise NotFoundError naming the nearest."""
        found = self._one(select(AccountRow).where(col(AccountRow.name) == name))
        if found is None:
            near = nearest(name, [row.name for row in self.list()])
            raise NotFoundError(f"no account {name}{near}; `breach account add {name} --role …` makes it")
        return found

    def list(self) -> Sequence[AccountRow]:
        """Return all accounts, by name."""
        return self._all(select(AccountRow).order_by(col(AccountRow.name)))

    def set_roles(self, name: str, roles: Sequence[str]) -> AccountRow:
        """Give an account these roles instead of those it had."""
        return self._change(name, roles=list(roles))

    def set_disabled(self, name: str, disabled: bool) -> AccountRow:
        """Bar an account from acting, or let it act again; it is never deleted."""
        return self._change(name, disabled=disabled)

    def _change(self, name: str, **values: object) -> AccountRow:
        changed = self._one(
            update(AccountRow).where(col(AccountRow.name) == name).values(**values).returning(AccountRow)
        )
        return self.get(name) if changed is None else changed


def _values(name: str, person: str, roles: Sequence[str], at: datetime) -> dict[str, object]:
    return {"name": name, "person": person, "roles": list(roles), "created_at": at, "disabled": False}
