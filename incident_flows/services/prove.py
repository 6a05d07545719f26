"""Who acts, shown by a code of the second factor: for doors that have no sign-in of their own.

A code is looked at first and used up by the act itself, in the same transaction: what is refused costs none, and
of two acts with one code only one is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from incident_flows.core.lifecycle import Actor
from incident_flows.errors import PermissionDeniedError
from incident_flows.services.desk import Desk, acting
from incident_flows.services.secrets_kept import code_fits, code_taken, house_key
from incident_flows.services.sign_in import PER_ACCOUNT, REFUSED_CODE, doors_of, doors_shut, wrong_try
from incident_flows.storage.database import Tx


@dataclass(frozen=True)
class Proof:
    """A code that fits an account and was not used; whoever does the act uses it up.

    Attributes:
        actor: Whom it shows.
    """

    actor: Actor
    _desk: Desk = field(repr=False)
    _key: bytes = field(repr=False)
    _doors: Mapping[str, int] = field(repr=False)
    _account_id: int
    _code: str = field(repr=False)
    _now: datetime

    def take(self, tx: Tx) -> None:
        """Use the code up within the transaction of what it is for; if that is rolled back, so is this.

        Raises:
            PermissionDeniedError: It was used meanwhile.
        """
        if code_taken(tx, self._desk, self._key, self._account_id, self._code, self._now) is None:
            raise PermissionDeniedError(REFUSED_CODE)
        for door, most in self._doors.items():
            if most == PER_ACCOUNT:
                tx.access.forget_tries(door)


def proof_of(desk: Desk, name: str, code: str, *, now: datetime) -> Proof:
    """Look at a code of an account without using it up; wrong tries count as they do at sign-in.

    Raises:
        PermissionDeniedError: No such account, no second factor, a wrong or a used code, or too many tries;
            which of them is not said.
    """
    name, code = name.strip()[:200], code[:60]
    doors, key = doors_of(desk, name, ""), house_key(desk)
    with desk.database.read() as tx:
        row = next((one for one in tx.accounts.list() if one.name == name and not one.disabled), None)
        shut = doors_shut(tx, doors, now)
        fits = row is not None and not shut and code_fits(tx, desk, key, row.id, code, now)
    if row is None or not fits:
        if not shut:
            wrong_try(desk, doors, None if row is None else row.name, now)
        raise PermissionDeniedError(REFUSED_CODE)
    return Proof(acting(desk, name, now=now), desk, key, doors, row.id, code, now)
