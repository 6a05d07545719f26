"""What a person reads before they decide: the engine's answer with its reasons, and what would settle it.

In ids, counts, laws and words of the vocabulary: a form shows it where more people may look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from incident_flows.core.instants import show_local, show_utc
from incident_flows.services.decide import RISK
from incident_flows.services.desk import Desk

REASONS = 12


def grounds_of(desk: Desk, ref: str, subject: str) -> str:
    """Return, as markdown, the grounds for deciding the risk or an obligation.

    Raises:
        NotFoundError: There is no such incident or obligation.
    """
    with desk.database.read() as tx:
        if subject == RISK:
            result = tx.incidents.assessment(ref).result
            lines = list(_risk(ref, result["risk"], result["questions"]))
        else:
            lines = list(_obligation(ref, tx.obligations.get(ref, subject)))
    return "\n".join(lines)


def _risk(ref: str, risk: Mapping[str, Any], questions: list[Any]) -> Iterator[str]:
    yield f"**{ref}**: decide the risk to people"
    yield ""
    says = risk.get("proposal") or risk["level"]
    yield f"The engine says **{says}** (between {risk.get('at_least')} and {risk.get('at_most')}):"
    yield ""
    for one in risk.get("methods", ()):
        if one["band"]:
            yield f"- {one['id']}: {one['band']}"
    facts = ", ".join(f"`{one['fact']}`" for one in questions[:6])
    if facts:
        yield f"- not known: {facts}"


def _obligation(ref: str, row: Any) -> Iterator[str]:
    detail: Mapping[str, Any] = row.detail or {}
    yield f"**{ref}**: {detail.get('title', row.oid)} — {row.addressee_name}"
    yield ""
    yield f"`{row.oid}` · {row.cite or ''}{f' · confidence {row.confidence}' if row.confidence else ''}"
    yield ""
    yield f"The engine says **{row.status}**. {_end(row)}"
    yield ""
    yield from (f"- {reason}" for reason in list(detail.get("because", ()))[:REASONS])
    missing = ", ".join(f"`{fact}`" for fact in detail.get("missing", ()))
    if missing:
        yield f"- would settle it: {missing}"


def _end(row: Any) -> str:
    for end, word in (
        (row.due_at, "Deadline"),
        (row.provisional_due_at, "Provisional end"),
        (row.target_at, "House target"),
    ):
        if end is not None:
            there = f" = {show_local(end, row.zone)}" if row.zone else ""
            return f"{word}: {show_utc(end)}{there}."
    return "No number in law."
