"""Whose order arrived when: an authority's order starts the clocks of its own law, and of no other. Pure."""

from __future__ import annotations

from datetime import datetime

from incident_flows.core.facts import Facts
from incident_flows.core.law import Lawbook, Regime

WHOSE_ORDER = (
    "moments.order_received_at does not say whose order it was: if it was another authority's, decide that "
    "this is not owed, or record it as moments.order_received_at.AUTHORITY"
)


def order_at(
    facts: Facts, regime: Regime, lawbook: Lawbook, *, authority: str | None = None
) -> datetime | None:
    """Return when an order under a regime arrived; None if none did.

    Args:
        authority: The only one whose order counts; None: any authority of the regime.
    """
    given = facts.moments.order_received_at
    if given is None or isinstance(given, datetime):
        return given
    if authority is not None:
        return given.get(authority)
    theirs = _authorities_of(regime, lawbook)
    return min((when for key, when in given.items() if not theirs or key in theirs), default=None)


def _authorities_of(regime: Regime, lawbook: Lawbook) -> set[str]:
    """Return the authorities a regime's duties name, or find by a scheme; none for a regime that names none."""
    named = [duty.to for duty in regime.duties.values() if duty.to.kind == "authority"]
    schemes = {to.scheme for to in named if to.scheme}
    found = {to.id for to in named if to.id}
    found |= {
        key for key, row in lawbook.authorities.items() if schemes & {one.scheme for one in row.competence}
    }
    return found
