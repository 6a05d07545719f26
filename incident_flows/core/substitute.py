"""When a public notice may stand in for letters: the lines a law draws, and which of them are passed. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict


class Substitute(BaseModel):
    """The cases in which a law lets a public notice stand in for telling each person.

    Attributes:
        cost_over_usd: Telling everybody would cost more than this.
        people_over: More people than this are to be told.
        contact_missing: For those whose contact details are missing or do not work.
        posted_days: How long it has to stand, where the sources say.
        note: What else the sources say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    cost_over_usd: int | None = None
    people_over: int | None = None
    contact_missing: bool = False
    posted_days: int | None = None
    note: str | None = None


@dataclass(frozen=True)
class Ground:
    """One line that is passed.

    Attributes:
        place: Whose law.
        what: contact, people or cost.
        have: What there is: people not reached, people to be told, US dollars.
        line: What the law's line is; 0 for a single person without contact.
        duty: Of the lawbook.
    """

    place: str
    what: str
    have: int
    line: int
    duty: str
    cite: str
    confidence: str
    posted_days: int | None = None
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)

    def said(self) -> str:
        """Return it in words."""
        return {
            "contact": f"{self.have:,} people in {self.place} cannot be reached",
            "people": f"{self.have:,} people in {self.place}, more than {self.line:,}",
            "cost": f"telling everybody would cost USD {self.have:,}, more than {self.line:,}",
        }[self.what]


def grounds(
    rule: Substitute, *, place: str, unreached: int, people: int | None, cost_usd: int | None, duty: str, cite: str,
    confidence: str,
) -> list[Ground]:  # fmt: skip
    """Return the lines of one law that are passed; what is not known passes none.

    Args:
        unreached: People of the place whom neither mail nor post reaches.
        people: People of the place to be told.
        cost_usd: What telling everybody would cost, as a person estimated it.
    """
    found = []
    if rule.contact_missing and unreached:
        found.append(("contact", unreached, 0))
    if rule.people_over is not None and people is not None and people > rule.people_over:
        found.append(("people", people, rule.people_over))
    if rule.cost_over_usd is not None and cost_usd is not None and cost_usd > rule.cost_over_usd:
        found.append(("cost", cost_usd, rule.cost_over_usd))
    return [
        Ground(place, what, have, line, duty, cite, confidence, rule.posted_days, rule.note)
        for what, have, line in found
    ]
