"""Who on the list already has a letter, and who has none: one letter a person, whatever its language."""

from __future__ import annotations

from typing import Any

from incident_flows.services.desk import Desk
from incident_flows.services.draft import chosen
from incident_flows.services.letters import numbers_of
from incident_flows.services.people import blocks
from incident_flows.services.phases import FILED
from incident_flows.storage.database import Tx


def in_other_letters(tx: Tx, ref: str, notice: Any) -> bytearray:
    """Return a byte per number, 1 for those who have a letter about the same by another notice.

    A person's language may be settled anew between two letters, so that both would take them for their reader.
    """
    covers = _covers(notice)
    others = [
        one.id
        for one in tx.notices.list(ref)
        if one.kind == "people" and one.id != notice.id and one.phase == notice.phase and covers & _covers(one)
    ]
    return _marked(tx, others)


def without_letter(tx: Tx, ref: str) -> int:
    """Return how many people on the list are in no letter, once the letters are out; 0 while any is to go."""
    letters = _letters(tx, ref)
    if not letters or any(one.state not in FILED for one in letters):
        return 0
    have = _marked(tx, [one.id for one in letters])
    listed = tx.people.count(letters[0].incident_id)
    return max(listed - sum(have), 0) if have else 0


def languages_left_out(desk: Desk, ref: str) -> list[str]:
    """Return the languages those are written to in who are on the list and in no letter, all letters being out."""
    with desk.database.read() as tx:
        if not without_letter(tx, ref):
            return []
        have = _marked(tx, [one.id for one in _letters(tx, ref)])
    known = desk.library.notices.languages("people")
    spoken = {
        (person.language, person.place)
        for block in blocks(desk, ref)
        for person in block.people
        if person.number >= len(have) or not have[person.number]
    }
    return sorted({chosen(language, place, known, desk) for language, place in spoken})


def _letters(tx: Tx, ref: str) -> list[Any]:
    return [one for one in tx.notices.list(ref) if one.kind == "people" and one.state != "withdrawn"]


def _covers(notice: Any) -> set[str]:
    return set(notice.route.get("covers") or [notice.oid])


def _marked(tx: Tx, notices: list[int]) -> bytearray:
    found = bytearray()
    for notice_id in notices:
        for packed in tx.letters.numbers(notice_id, withdrawn=False):
            numbers = numbers_of(packed)
            if (most := max(numbers)) >= len(found):
                found.extend(bytes(most + 1 - len(found)))
            for number in numbers:
                found[number] = 1
    return found
