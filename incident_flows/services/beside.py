"""What the team needs beside a notice in a language it may not read: the same in English, and how plain it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from incident_flows.core.readability import lix
from incident_flows.services.compose import compose
from incident_flows.services.desk import Desk
from incident_flows.services.story import in_words, list_differences
from incident_flows.storage.database import Tx

ENGLISH = "en"
_BY_HAND = ("withdrawal", "answer")  # their body is what a person wrote, not what the facts say


@dataclass(frozen=True)
class Reading:
    """How plain a letter is.

    Attributes:
        lix: The score; None where it says nothing about the language.
        limit: Above it the letter should be made plainer.
    """

    lix: int | None
    limit: int | None

    @property
    def too_hard(self) -> bool:
        """Whether the letter is above its limit."""
        return self.lix is not None and self.limit is not None and self.lix > self.limit

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {**asdict(self), "too_hard": self.too_hard}


def reading(desk: Desk, notice: Any) -> Reading | None:
    """Return how plain a letter to people is; None for every other notice."""
    if notice.kind != "people":
        return None
    limit = desk.library.notices.wording.words(notice.language).lix_limit
    return Reading(None if limit is None else lix(notice.text), limit)


def beside(tx: Tx, desk: Desk, ref: str, notice: Any) -> dict[str, Any]:
    """Return what helps the team with one draft: English, plainness, and whether a lawyer read the fixed words."""
    plain = reading(desk, notice)
    return {
        "english": english(tx, desk, ref, notice),
        "reading": plain.to_json() if plain else None,
        "list": on_the_list(tx, ref, notice),
        "words_reviewed": desk.library.notices.wording.words(notice.language).reviewed,
    }


def on_the_list(tx: Tx, ref: str, notice: Any) -> list[str]:
    """Return what is to be known of the people a letter goes to: where list and facts differ, and minors alone."""
    if notice.kind != "people":
        return []
    lines = [in_words(one) for one in list_differences(tx, ref)]
    if alone := tx.people.minors_alone(notice.incident_id):
        lines.append(
            f"{alone} under age without a guardian on the list: the letter is addressed to the parent or guardian, "
            "at the minor's own address"
        )
    return lines


def english(tx: Tx, desk: Desk, ref: str, notice: Any) -> dict[str, str] | None:
    """Return subject and text of the same notice in English, from the facts it was drafted from.

    It is for reading only: it is not stored, approved or sent.

    Returns:
        None if the notice is in English, or is a person's own words.
    """
    from incident_flows.services.draft import Wanted, merged

    if notice.language == ENGLISH or notice.phase in _BY_HAND:
        return None
    stored = tx.incidents.facts(ref, notice.facts_version)
    covers = set((notice.route or {}).get("covers") or ()) | {notice.oid}
    rows = [row for row in tx.obligations.list(ref) if row.oid in covers]
    rows.sort(key=lambda row: row.oid != notice.oid)
    made = compose(
        tx, desk, ref, rows, stored, ENGLISH, kind=notice.kind, phase=notice.phase, merged=merged(rows),
        asked=Wanted(because=(notice.changes or {}).get("because", "")), now=notice.drafted_at,
    )  # fmt: skip
    return {"subject": made.subject, "text": made.text}
