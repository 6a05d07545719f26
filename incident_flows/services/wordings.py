"""The wordings of a letter to the people: one for everybody, others for places whose law asks, and for guardians.

A wording is known by its key within a notice: "" for the notice's own text, a place such as `US-CA`, `guardian`,
or both: `US-CA+guardian`. They are drafted, approved and hashed together with the notice they belong to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from incident_flows.core.facts import Facts
from incident_flows.knowledge.notice_answers import Missing
from incident_flows.knowledge.notice_values import Values
from incident_flows.services.people import Person
from incident_flows.storage.database import Tx
from notifications.letters import Reader

if TYPE_CHECKING:
    from incident_flows.knowledge.inserts import Insert
    from incident_flows.services.desk import Desk

OWN = ""  # the notice's own text
GUARDIAN = "guardian"
PLUS = "+"


def guarded(person: Person) -> bool:
    """Return whether a letter is worded for whoever cares for a person.

    That is so for every known minor, whose guardian reads at the minor's own address where the list names none;
    and for whoever has a guardian and is not known to be of age.
    """
    return bool(person.minor or ((person.guardian_name or person.guardian_email) and person.minor is None))


def addresses_of(person: Person) -> list[str]:
    """Return where a person's letter may go by mail, in the order they are tried; each address once."""
    first = (guarded(person) and person.guardian_email) or person.email
    found = [one for one in (first, person.second_email) if one]
    return found[:1] if len(found) == 2 and found[0].casefold() == found[1].casefold() else found


def reader_of(person: Person, *, nobody: str = "") -> Reader | None:
    """Return to whom a person's letter goes, under the name it speaks of; None if by post only.

    Args:
        nobody: What a letter to a guardian says where the name is not known.
    """
    found = addresses_of(person)
    if not found:
        return None
    reader = Reader(found[0], person.name)
    return Reader(found[0], nobody) if guarded(person) and not reader.usable_name else reader


def key_for(person: Person, variants: Collection[str]) -> str | None:
    """Return the key of the wording a person gets; None where theirs is not among those of the notice."""
    place = place_key(person.place, variants)
    if not guarded(person):
        return place
    key = f"{place}{PLUS}{GUARDIAN}" if place else GUARDIAN
    return key if key in variants else None


def place_key(place: str | None, variants: Collection[str]) -> str:
    """Return the wording of a place, or of the country it lies in; else the notice's own."""
    for one in (place, place.partition("-")[0]) if place else ():
        if one in variants:
            return one
    return OWN


def unplaced(place: str | None, variants: Collection[str]) -> bool:
    """Return whether nobody can say if somebody's state has a wording of its own, for it is not known."""
    parts = {key.partition("-")[0] for key in variants if "-" in key}
    return bool(parts) and (place is None or place in parts) and place_key(place, variants) == OWN


def letters_key(language: str, key: str) -> str:
    """Return how a batch calls its wording."""
    return f"{language}{PLUS}{key}" if key else language


def key_of(batch_variant: str) -> str:
    """Return the key of a batch's wording.

    >>> key_of("en+US-CA+guardian"), key_of("en")
    ('US-CA+guardian', '')
    """
    return batch_variant.partition(PLUS)[2]


def texts_of(notice: Any, key: str) -> tuple[str, str, str | None]:
    """Return subject, text and HTML of one wording of a notice."""
    if not key:
        return notice.subject, notice.text, notice.html
    one: Mapping[str, Any] = notice.variants[key]
    return one["subject"], one["text"], one["html"]


# Drafting


def inserts_for(
    tx: Tx, desk: Desk, incident_id: int, rows: Sequence[Any], facts: Facts, language: str
) -> list[Insert]:
    """Return what the laws of single places want in the letter in this language, for the places its readers live in.

    Raises:
        InputError: A text enclosed for a letter cannot be used.
    """
    by_place = contents_by_place(desk, rows)
    places = {place for place in readers_places(tx, desk, incident_id, facts, language) if place}
    inserts, words = desk.library.notices.inserts, desk.library.notices.wording.words(language)
    english = Values(facts, desk.library.notices.wording.words("en"), None)
    return [
        inserts.insert(place, contents, facts, words, english.place(place))
        for place, contents in sorted(by_place.items())
        if any(one == place or one.startswith(f"{place}-") for one in places) and inserts.needed(contents, facts)
    ]


def contents_by_place(desk: Desk, rows: Iterable[Any]) -> dict[str, list[str]]:
    """Return by place what the laws of that place want in the letter."""
    found: dict[str, list[str]] = {}
    for row in rows:
        regime = desk.library.lawbook.regimes.get(row.duty.partition("/")[0])
        if _applies(row) and regime is not None and regime.place in desk.library.lawbook.places:
            found.setdefault(regime.place, []).extend((row.detail or {}).get("content", ()))
    return found


def readers_places(tx: Tx, desk: Desk, incident_id: int, facts: Facts, language: str) -> set[str | None]:
    """Return where those who read a language live, by the list; while there is none, by the facts.

    A language nobody reads is one that everybody is to be written to in, for a person asked for it.
    """
    from incident_flows.services.draft import chosen

    known = set(desk.library.notices.languages("people"))
    pairs = tx.people.languages(incident_id) or [(None, place) for place in facts.people.by_place or {}]
    of = {place for spoken, place in pairs if chosen(spoken, place, known, desk) == language}
    return of or {place for _, place in pairs}


def lacking(tx: Tx, desk: Desk, notice: Any) -> str | None:
    """Return what the list now asks of a letter's wordings that it has not; None where nothing is lacking."""
    if tx.people.guarded(notice.incident_id) and GUARDIAN not in notice.variants:
        return "people written to through a guardian are on the list, and the letter has no wording for them"
    covers = set((notice.route or {}).get("covers") or [notice.oid])
    rows = [row for row in tx.obligations.list(notice.incident_ref) if row.oid in covers]
    facts = Facts.model_validate(tx.incidents.facts(notice.incident_ref).facts)
    wanted = {one.place for one in inserts_for(tx, desk, notice.incident_id, rows, facts, notice.language)}
    if without := sorted(wanted - set(notice.variants)):
        return f"people in {', '.join(without)} are on the list, and the letter has no wording for them"
    return None


def contents_elsewhere(desk: Desk, rows: Iterable[Any], facts: Facts) -> list[str]:
    """Return what the laws want that ask for no wording of their own: what the letter's own text is to answer."""
    inserts = desk.library.notices.inserts
    apart = {place for place, found in contents_by_place(desk, rows).items() if inserts.needed(found, facts)}
    found: dict[str, None] = {}
    for row in rows:
        regime = desk.library.lawbook.regimes.get(row.duty.partition("/")[0])
        if _applies(row) and (regime is None or regime.place not in apart):
            found |= dict.fromkeys((row.detail or {}).get("content", ()))
    return list(found)


def _applies(row: Any) -> bool:
    """Return whether a law has something to say; of one that only may have, nothing is asked of the letter yet."""
    return row.reach != "unknown" or row.decided is not None


def beyond(missing: Iterable[Missing], known: Iterable[Missing]) -> list[Missing]:
    """Return what a wording lacks that nothing before it lacked."""
    before = {(one.field, one.label) for one in known}
    return [one for one in missing if (one.field, one.label) not in before]
