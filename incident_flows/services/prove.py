"""Who acts, shown by a code of the second factor: for doors that have no sign-in of their own."""

from __future__ import annotations

from datetime import datetime

from incident_flows.core.lifecycle import Actor
from incident_flows.errors import PermissionDeniedError
from incident_flows.services.desk import Desk, acting
from incident_flows.services.secrets_kept import code_taken, house_key
from incident_flows.services.sign_in import PER_ACCOUNT, REFUSED_CODE, doors_of, doors_shut, wrong_try


def proved(desk: Desk, name: str, code: str, *, now: datetime) -> Actor:
    """Use up one code of an account, and return who that is; wrong tries count as they do at sign-in.

    Raises:
        PermissionDeniedError: No such account, no second factor, a wrong or a used code, or too many tries;
            which of them is not said.
    """
    name = name.strip()[:200]
    doors, key = doors_of(desk, name, ""), house_key(desk)
    taken = None
    with desk.database.write() as tx:
        row = next((one for one in tx.accounts.list() if one.name == name and not one.disabled), None)
        shut = doors_shut(tx, doors, now)
        if row is not None and not shut:
            taken = code_taken(tx, desk, key, row.id, code[:60], now)
        if taken is not None:
            for door, most in doors.items():
                if most == PER_ACCOUNT:
                    tx.access.forget_tries(door)
    if taken is None:
        if not shut:
            wrong_try(desk, doors, None if row is None else row.name, now)
        raise PermissionDeniedError(REFUSED_CODE)
    return acting(desk, name, now=now)
