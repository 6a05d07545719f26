"""One filing for several similar breaches, where a source allows it; else the reason why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from incident_flows.core.facts import Facts
from incident_flows.core.lifecycle import effective_status
from incident_flows.errors import InputError
from incident_flows.services.desk import Desk
from incident_flows.storage.database import Tx


@dataclass(frozen=True)
class Bundled:
    """Another incident that the same filing tells of."""

    ref: str
    row: Any
    facts: Facts


def bundle(tx: Tx, desk: Desk, ref: str, row: Any, facts: Facts, others: Sequence[str]) -> tuple[Bundled, ...]:
    """Return the other incidents, if they may be told of in one filing with this one.

    Raises:
        InputError: The duty allows no bundle, or the breaches are not similar; each reason on a line of its own.
    """
    rule = desk.library.bundling.duties.get(row.duty)
    if rule is None:
        allowed = ", ".join(sorted(desk.library.bundling.duties)) or "none"
        raise InputError(
            f"--with: no source at hand allows one filing for several breaches under {row.duty}; file each on its "
            f"own (allowed: {allowed})"
        )
    found, faults = [], []
    for other in dict.fromkeys(others):
        if other == ref:
            raise InputError(f"--with: {other} is this incident itself; name another")
        incident = tx.incidents.lock(other)
        theirs = Facts.model_validate(tx.incidents.facts(other).facts)
        same = [one for one in tx.obligations.list(other) if one.oid == row.oid and one.standing == "live"]
        reasons = _against(facts, theirs, timedelta(hours=rule.within_hours))
        if incident.state != "open":
            reasons.append("it is closed")
        if not same or effective_status(same[0].status, same[0].decided) == "not-owed":
            reasons.append(f"it has no {row.oid} to be met")
        elif same[0].met_at is not None:
            reasons.append(f"its {row.oid} was met by {same[0].met_by}")
        if reasons:
            faults.append(f"--with {other}: {'; '.join(reasons)}. It is filed on its own ({rule.cite}: {rule.because})")
        else:
            found.append(Bundled(other, same[0], theirs))
    if faults:
        raise InputError(faults)
    return tuple(found)


def _against(mine: Facts, theirs: Facts, within: timedelta) -> list[str]:
    """Return why two breaches are not similar enough; what is unknown is not similar."""
    reasons = []
    if mine.organisation.id != theirs.organisation.id:
        reasons.append(f"it happened to {theirs.organisation.id}, another organisation")
    for name, one, other in (
        ("breach.kinds", mine.breach.kinds, theirs.breach.kinds),
        ("breach.cause", mine.breach.cause, theirs.breach.cause),
        ("data.kinds", mine.data.kinds, theirs.data.kinds),
    ):
        if one is None or other is None:
            reasons.append(f"{name} is not known of both, so nobody can say that they are similar")
        elif (set(one) if not isinstance(one, str) else one) != (set(other) if not isinstance(other, str) else other):
            reasons.append(f"{name} differs")
    first, second = mine.moments.aware_at, theirs.moments.aware_at
    if first is None or second is None:
        reasons.append("moments.aware_at is not known of both")
    elif abs(first - second) > within:
        reasons.append(f"they became known more than {int(within.total_seconds() // 3600)} hours apart")
    return reasons
