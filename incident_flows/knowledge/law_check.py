"""Do the files fit each other? One line for every reference, place or word that leads nowhere.

Works on the files as read, not as validated, so that one file's typo hides nothing in the others. What a
file that could not be used might have defined is not held against the files that refer to it.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from typing import Any, get_args

from pydantic import BaseModel

from incident_flows.core import facts as fact_shapes
from incident_flows.core.conditions import Condition, ConditionError, Is, Not, parse_condition
from incident_flows.knowledge.files import Document

Path = tuple[str | int, ...]


def _literals(model: type[BaseModel], name: str) -> frozenset[str]:
    annotation: Any = model.model_fields[name].annotation
    found = set(get_args(annotation))
    for part in get_args(annotation):
        found |= set(get_args(part))
    return frozenset(str(word) for word in found)


# Tests whose words stand in a list of the lawbook, and tests whose words are fixed by the facts file.
VOCABULARY = {
    "status": "statuses",
    "sector": "sectors",
    "data": "data_kinds",
    "elements": "data_kinds",
    "finding": "findings",
    "groups": "groups",
    "measures": "measures",
}
FIXED = {
    "role": _literals(fact_shapes.Facts, "role"),
    "cause": _literals(fact_shapes.Breach, "cause"),
    "exposure": _literals(fact_shapes.Breach, "exposure"),
    "medium": _literals(fact_shapes.Breach, "medium"),
    "kind": frozenset(get_args(fact_shapes.BreachKind)),
    "backup": _literals(fact_shapes.Data, "backup"),
    "harm": _literals(fact_shapes.Harm, "expected"),
}


def walk(condition: Condition) -> Iterator[Is]:
    """Yield every single test of a condition."""
    if isinstance(condition, Is):
        yield condition
    elif isinstance(condition, Not):
        yield from walk(condition.part)
    else:
        for part in condition.parts:
            yield from walk(part)


@dataclass(frozen=True)
class Known:
    """What the files may refer to.

    Attributes:
        areas: Places and groups of places.
        duties: Ids, `regime/duty`.
        authorities: Ids.
        schemes: Names of competence schemes.
        words: Words of each list.
        unsure: The text of files that could not be used: whatever they might define is let pass.
    """

    areas: frozenset[str]
    duties: frozenset[str]
    authorities: frozenset[str]
    schemes: frozenset[str]
    words: Mapping[str, Iterable[str]]
    unsure: str = ""

    def duty(self, name: str) -> bool:
        """Return whether `regime/duty` is there, or may be in a file that cannot be read."""
        return name in self.duties or self._perhaps(name.partition("/")[2] or name)

    def one_of(self, kind: Iterable[str], word: str) -> bool:
        """Return whether `word` is among `kind`, or may be in a file that cannot be read."""
        return word in kind or self._perhaps(word)

    def _perhaps(self, word: str) -> bool:
        return bool(self.unsure) and f"{word}:" in self.unsure


def misfits(documents: Mapping[str, Document], known: Known) -> Iterator[str]:
    """Yield one line per fault, `file:line: …`, for every document of `law/` and `authorities/`."""
    for name, document in documents.items():
        folder, _, file = name.partition("/")
        if not isinstance(document.data, Mapping):
            continue
        if folder == "law" and not file.startswith("_"):
            yield from _law_file(document, known)
        elif name == "authorities/schemes.yaml":
            yield from _schemes(document, known)
        elif name == "authorities/places.yaml":
            yield from _places(document, known)
        elif folder == "authorities":
            yield from _authorities(document, known)


# Law files


def _law_file(document: Document, known: Known) -> Iterator[str]:
    data = document.data
    place = data.get("place")
    if isinstance(place, str) and place not in known.areas:
        yield (
            f"{document.where(('place',))}: place {place!r} is neither a place nor a "
            f"group{_near(place, known.areas)}"
        )
    yield from _zone(document, data.get("zone"), ("zone",))
    yield from _condition(document, data.get("applies"), ("applies",), place, known)
    regime = str(data.get("id") or document.name.removesuffix(".yaml"))
    duties = data.get("duties")
    for key, duty in duties.items() if isinstance(duties, Mapping) else ():
        if isinstance(duty, Mapping):
            at: Path = ("duties", key)
            yield from _addressee(document, duty.get("to"), (*at, "to"), known)
            for number, version in enumerate(_list(duty.get("history"))):
                if isinstance(version, Mapping):
                    yield from _version(
                        document, version, (*at, "history", number), regime, place, duties, known
                    )
            yield from _history(document, _list(duty.get("history")), at)


def _addressee(document: Document, to: Any, at: Path, known: Known) -> Iterator[str]:
    if not isinstance(to, Mapping) or to.get("kind") != "authority":
        return
    id_, scheme = to.get("id"), to.get("scheme")
    if isinstance(id_, str) and not known.one_of(known.authorities, id_):
        yield (
            f"{document.where(at)}: authority {id_!r} stands in no file of "
            f"authorities/{_near(id_, known.authorities)}"
        )
    if isinstance(scheme, str) and not known.one_of(known.schemes, scheme):
        yield f"{document.where(at)}: scheme {scheme!r} is not in schemes.yaml{_near(scheme, known.schemes)}"


def _version(
    document: Document,
    version: Mapping[str, Any],
    at: Path,
    regime: str,
    place: Any,
    duties: Mapping[str, Any],
    known: Known,
) -> Iterator[str]:
    yield from _condition(document, version.get("when"), (*at, "when"), place, known)
    for number, exception in enumerate(_list(version.get("unless"))):
        if isinstance(exception, Mapping):
            yield from _condition(document, exception.get("if"), (*at, "unless", number, "if"), place, known)
    raw = version.get("clock")
    for number, clock in enumerate(_list(raw)):
        if isinstance(clock, Mapping):
            here = (*at, "clock", number) if isinstance(raw, list) else (*at, "clock")
            yield from _clock(document, clock, here, regime, place, known)
    order = version.get("order")
    for key, references in order.items() if isinstance(order, Mapping) else ():
        for reference in _list(references):
            if isinstance(reference, str) and not known.duty(reference):
                yield f"{document.where((*at, 'order', key))}: {reference!r} is no duty; write regime/duty"
    follows = version.get("follows")
    if isinstance(follows, str) and follows not in duties:
        yield (
            f"{document.where((*at, 'follows'))}: follows: {follows!r} is no duty of "
            f"{regime}{_near(follows, duties)}"
        )
    arises = version.get("arises_on")
    if isinstance(arises, str):
        kind, _, word = arises.partition(".")
        moments = fact_shapes.Moments.model_fields
        if not (kind == "findings" and word) and arises not in moments:
            yield (
                f"{document.where((*at, 'arises_on'))}: arises_on: {arises!r} is no "
                f"moment{_near(arises, moments)}"
            )
        elif word and not known.one_of(known.words.get("findings", ()), word):
            yield f"{document.where((*at, 'arises_on'))}: arises_on: {word!r} is no word of findings"


def _clock(
    document: Document, clock: Mapping[str, Any], at: Path, regime: str, place: Any, known: Known
) -> Iterator[str]:
    yield from _condition(document, clock.get("when"), (*at, "when"), place, known)
    if clock.get("relief") not in (None, True, False):
        yield from _condition(document, clock.get("relief"), (*at, "relief"), place, known)
    starts = clock.get("starts")
    submitted = starts.get("submitted") if isinstance(starts, Mapping) else None
    if isinstance(submitted, str) and not known.duty(
        submitted if "/" in submitted else f"{regime}/{submitted}"
    ):
        yield f"{document.where((*at, 'starts'))}: submitted: {submitted!r} is no duty"
    calendar = clock.get("calendar")
    if (
        isinstance(calendar, str)
        and calendar not in ("addressee", "organisation")
        and calendar not in known.areas
    ):
        yield (
            f"{document.where((*at, 'calendar'))}: calendar: {calendar!r} is neither addressee, "
            "organisation nor a place"
        )


def _history(document: Document, history: list[Any], at: Path) -> Iterator[str]:
    """Two versions of one duty must not both apply on a day: which of them counts would be an accident."""
    live: list[tuple[str, str, int]] = []
    for number, version in enumerate(history):
        if not isinstance(version, Mapping) or version.get("status") in ("proposal", "repealed"):
            continue
        rows = [version.get("source_id"), *_list(version.get("also_from"))]
        twice = sorted({str(row) for row in rows if row is not None and rows.count(row) > 1})
        if twice:
            yield f"{document.where((*at, 'history', number))}: also_from: {', '.join(twice)} is named twice"
        begins, ends = version.get("applies_from"), version.get("applies_until")
        if begins and ends and str(ends) < str(begins):
            yield (
                f"{document.where((*at, 'history', number))}: applies_until {ends} lies before "
                f"applies_from {begins}"
            )
        source = version.get("source")
        if isinstance(source, Mapping) and not str(source.get("cite") or "").strip():
            yield f"{document.where((*at, 'history', number, 'source'))}: cite: is empty; name the article"
        live.append(
            (str(version.get("applies_from") or ""), str(version.get("applies_until") or "9999"), number)
        )
    live.sort()
    for (_, until, first), (since, _, second) in pairwise(live):
        if since <= until:
            yield (
                f"{document.where((*at, 'history', min(first, second)))}: two versions apply on "
                f"{since or 'the first day'}; "
                "end the older one with applies_until the day before"
            )


# Authorities, schemes, places


def _authorities(document: Document, known: Known) -> Iterator[str]:
    rows = document.data.get("authorities")
    for id_, row in rows.items() if isinstance(rows, Mapping) else ():
        if not isinstance(row, Mapping):
            continue
        at: Path = ("authorities", id_)
        yield from _zone(document, row.get("zone"), (*at, "zone"))
        for field in ("place", "region"):
            code = row.get(field)
            if isinstance(code, str) and code not in known.areas:
                yield (
                    f"{document.where((*at, field))}: {field}: {code!r} is no place{_near(code, known.areas)}"
                )
        for number, claim in enumerate(_list(row.get("competence"))):
            if not isinstance(claim, Mapping):
                continue
            here = (*at, "competence", number)
            scheme, place = claim.get("scheme"), claim.get("place")
            if isinstance(scheme, str) and not known.one_of(known.schemes, scheme):
                yield (
                    f"{document.where((*here, 'scheme'))}: scheme {scheme!r} is not in "
                    f"schemes.yaml{_near(scheme, known.schemes)}"
                )
            if isinstance(place, str) and place not in known.areas:
                yield (
                    f"{document.where((*here, 'place'))}: competent for {place!r}, which is no "
                    f"place{_near(place, known.areas)}"
                )
            yield from _condition(document, claim.get("when"), (*here, "when"), place, known)


def _schemes(document: Document, known: Known) -> Iterator[str]:
    schemes = document.data.get("schemes")
    for name, scheme in schemes.items() if isinstance(schemes, Mapping) else ():
        if not isinstance(scheme, Mapping):
            continue
        at: Path = ("schemes", name)
        area = scheme.get("area")
        if isinstance(area, str) and area not in known.areas:
            yield (
                f"{document.where((*at, 'area'))}: area {area!r} is neither a place nor a "
                f"group{_near(area, known.areas)}"
            )
        for number, route in enumerate(_list(scheme.get("routes"))):
            if isinstance(route, Mapping):
                here = (*at, "routes", number)
                yield from _condition(document, route.get("when"), (*here, "when"), area, known)
                place = route.get("place")
                if isinstance(place, str) and place not in known.areas:
                    yield (
                        f"{document.where((*here, 'place'))}: place: {place!r} is no "
                        f"place{_near(place, known.areas)}"
                    )


def _places(document: Document, known: Known) -> Iterator[str]:
    groups, zones = document.data.get("groups"), document.data.get("zones")
    for group, members in groups.items() if isinstance(groups, Mapping) else ():
        for number, code in enumerate(_list(members)):
            if isinstance(code, str) and code not in known.areas:
                # Some groups name parts of a place by codes of their own, for facts written with them.
                if code.partition("-")[0] in known.areas and "-" in code:
                    continue
                yield (
                    f"{document.where(('groups', group, number))}: groups: {code!r} is no "
                    f"place{_near(code, known.areas)}"
                )
    for place, zone in zones.items() if isinstance(zones, Mapping) else ():
        if place not in known.areas:
            yield (
                f"{document.where(('zones', place))}: zones: {place!r} is no place{_near(place, known.areas)}"
            )
        yield from _zone(document, zone, ("zones", place))


def _zone(document: Document, zone: Any, at: Path) -> Iterator[str]:
    if isinstance(zone, str) and zone not in _zones():
        yield f"{document.where(at)}: zone: {zone!r} is no time zone{_near(zone, _zones())}"


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


# Conditions


def _condition(document: Document, raw: Any, at: Path, place: Any, known: Known) -> Iterator[str]:
    if raw is None:
        return
    try:
        tests = list(walk(parse_condition(raw, place=str(place))))
    except ConditionError as error:
        yield f"{document.where(at)}: {at[-1]}: {error}"
        return
    for test in tests:
        for wrong in _wrong_words(test, known):
            yield f"{document.where(at)}: {test.test}: {wrong}"


def _wrong_words(test: Is, known: Known) -> Iterator[str]:
    argument = test.argument
    if test.test in ("established", "people_in", "markets"):
        yield from (_no_area(area, known) for area in argument if area not in known.areas)
    elif test.test == "residents":
        area = argument.get("place", test.place)
        if area not in known.areas:
            yield _no_area(area, known)
    elif test.test == "moment":
        moments = fact_shapes.Moments.model_fields
        yield from (
            f"{name!r} is no moment{_near(name, moments)}" for name in argument if name not in moments
        )
    elif test.test in FIXED:
        yield from (
            f"{word!r} is not one of {', '.join(sorted(FIXED[test.test]))}"
            for word in argument
            if word not in FIXED[test.test]
        )
    elif test.test in VOCABULARY:
        kind = VOCABULARY[test.test]
        words = known.words.get(kind, ())
        given = (
            [word for group in argument.values() for word in group]
            if isinstance(argument, Mapping)
            else argument
        )
        yield from (
            f"{word!r} is no word of {kind}{_near(word, words)}; correct it, or add it to words: "
            "with its meaning"
            for word in given
            if not known.one_of(words, word)
        )


def _no_area(area: str, known: Known) -> str:
    return f"{area!r} is neither a place nor a group{_near(area, known.areas)}"


def _near(word: str, words: Iterable[str]) -> str:
    close = get_close_matches(word, [one for one in words if isinstance(one, str)], n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _list(raw: Any) -> list[Any]:
    return raw if isinstance(raw, list) else [] if raw is None else [raw]
