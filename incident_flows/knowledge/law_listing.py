"""The lawbook as lists and words: what is covered, one duty whole, its health, what changed between dates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from incident_flows.core.conditions import describe
from incident_flows.core.law import Authority, Clock, Duty, Lawbook, Regime, Source, Version
from incident_flows.core.substitute import Substitute
from incident_flows.errors import InputError, NotFoundError
from incident_flows.knowledge.files import Document, read_yaml

STALE = timedelta(days=365)


def rows(book: Lawbook, *, place: str | None = None) -> list[dict[str, Any]]:
    """Return one row per version of a duty and row of the fact base it was written from.

    Raises:
        NotFoundError: `place` is none that any regime of the lawbook belongs to.
    """
    if place is not None and all(regime.place != place for regime in book.regimes.values()):
        named = ", ".join(sorted({regime.place for regime in book.regimes.values()}))
        raise NotFoundError(f"--place: no regime of {place!r}; there are some of {named}")
    return [
        _row(regime, key, duty, version, source_id)
        for regime in book.regimes.values()
        if place is None or regime.place == place
        for key, duty in regime.duties.items()
        for version in duty.history
        for source_id in (version.source_id, *version.also_from)
    ]


def _row(regime: Regime, key: str, duty: Duty, version: Version, source_id: str) -> dict[str, Any]:
    return {
        "duty": f"{regime.id}/{key}",
        "source_id": source_id,
        "jurisdiction": regime.place,
        "title": duty.title,
        "addressee": duty.to.id or duty.to.scheme or duty.to.name or duty.to.kind,
        "addressee_kind": duty.to.kind,
        "cite": version.source.cite,
        "status": version.status,
        "applies_from": _iso(version.applies_from),
        "applies_until": _iso(version.applies_until),
        "confidence": version.source.confidence,
        "basis": version.source.basis,
        "read_on": version.source.read_on.isoformat(),
        "standard": version.standard,
        "periods": [str(clock.period) for clock in version.clock if clock.period],
    }


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def excluded_rows(book: Lawbook) -> list[dict[str, str]]:
    """Return the rows of the fact base that are left out, with the reason."""
    return [{"source_id": row, "because": because} for row, because in sorted(book.excluded.items())]


# One duty


def in_words(book: Lawbook, duty_id: str, *, cases: Path | None = None) -> dict[str, Any]:
    """Return a duty's history, conditions, sources and doubts, as lines and as values.

    Args:
        book: The lawbook.
        duty_id: `regime/duty`.
        cases: The folder of tested situations; those that name the duty are listed. None where there is none.

    Raises:
        NotFoundError: No such duty; the message names near ones.
    """
    found = book.duty(duty_id)
    if found is None:
        raise NotFoundError(
            f"{duty_id}: no such duty{_nearest(book, duty_id)}; `breach law list` shows them all"
        )
    regime, duty = found
    tested = situations_of(duty_id, cases) if cases is not None and cases.is_dir() else None
    to = book.authorities.get(duty.to.id or "")
    whom = to.name if to else duty.to.name or duty.to.id
    lines = [
        f"{duty_id}: {duty.title}",
        f"{regime.title} ({book.places.get(regime.place, regime.place)})",
        f"Reaches a breach if {describe(regime.reach)}.",
        f"By the {' or '.join(duty.by)}, to {whom or duty.to.kind}{_found_by(duty)}.",
    ]
    for version in duty.history:
        lines += ["", *_version_lines(regime, version)]
    if regime.known_gaps:
        lines += ["", "Known gaps:", *(f"  · {gap}" for gap in regime.known_gaps)]
    if tested is not None:
        lines += ["", "Tested by:" if tested else "Tested by: no situation of tests/cases names it."]
        lines += [f"  · {one['title']} ({one['file']}:{one['line']})" for one in tested]
    return {
        "duty": duty_id,
        "regime": regime.id,
        "jurisdiction": regime.place,
        "title": duty.title,
        "by": list(duty.by),
        "to": duty.to.model_dump(mode="json", exclude_none=True),
        "reach": describe(regime.reach),
        "known_gaps": list(regime.known_gaps),
        "tested_by": tested,
        "lines": lines,
        "history": [
            {
                **version.model_dump(mode="json", by_alias=True, exclude_defaults=True),
                "in_words": _version_lines(regime, version),
            }
            for version in duty.history
        ],
    }


def _nearest(book: Lawbook, duty_id: str) -> str:
    from difflib import get_close_matches

    regime = book.regimes.get(duty_id.partition("/")[0])
    if regime is not None:
        return f"; {regime.id} has {', '.join(f'{regime.id}/{key}' for key in regime.duties)}"
    known = [f"{regime.id}/{key}" for regime in book.regimes.values() for key in regime.duties]
    close = get_close_matches(duty_id, known, n=3)
    return (
        f"; did you mean {' or '.join(close)}"
        if close
        else "; write regime/duty, such as eu-gdpr/tell-authority"
    )


def _found_by(duty: Duty) -> str:
    return f", found by the competence scheme {duty.to.scheme}" if duty.to.scheme else ""


def _version_lines(regime: Regime, version: Version) -> list[str]:
    return [*_standing(version), *(f"  {line}" for line in (*_rule(regime, version), *_pedigree(version)))]


def _standing(version: Version) -> list[str]:
    until = f" until {version.applies_until}" if version.applies_until else ""
    sources = ", ".join((version.source_id, *version.also_from))
    return [f"From {version.applies_from or 'the beginning'}{until} ({version.status}), row {sources}:"]


def _rule(regime: Regime, version: Version) -> Iterator[str]:
    yield version.standard
    if version.when is not None:
        yield f"When {describe(regime.condition(version.when))}."
    for exception in version.unless:
        cite = f" ({exception.cite})" if exception.cite else ""
        shown = "; has to be shown" if exception.burden == "shown" else ""
        yield f"Unless {describe(regime.condition(exception.if_))}: {exception.because}{cite}{shown}."
    if version.follows:
        only = ", only while something was left open" if version.follows_if_incomplete else ""
        yield f"A later stage of {regime.id}/{version.follows}{only}."
    if version.arises_on:
        yield f"Arises only once {version.arises_on} is recorded."
    for clock in version.clock:
        yield f"Clock: {_clock_words(regime, clock)}."
    order = version.order
    for word, duties in (
        ("before", order.before),
        ("no later than", order.not_after),
        ("after", order.after),
    ):
        yield from (f"Made {word} {other}." for other in duties)
    if version.hold is not None:
        yield f"Law enforcement: {version.hold.text}."
    yield from (f"Must contain: {item}" for item in version.content)
    if version.substitute is not None:
        yield f"A public notice may stand in: {_substitute_words(version.substitute)}."
    if version.late:
        yield f"If late: {version.late}."
    if version.voluntary:
        yield f"Where nothing is owed: {version.voluntary}"
    if version.penalty:
        yield f"Penalty: {version.penalty}."


def _substitute_words(rule: Substitute) -> str:
    cases = [
        f"cost above USD {rule.cost_over_usd:,}" if rule.cost_over_usd is not None else "",
        f"more than {rule.people_over:,} people" if rule.people_over is not None else "",
        "contact details missing" if rule.contact_missing else "",
    ]
    more = [f"at least {rule.posted_days} days" if rule.posted_days else "", rule.note or ""]
    return "; ".join(filter(None, [" or ".join(filter(None, cases)), *more]))


def _pedigree(version: Version) -> Iterator[str]:
    source = version.source
    yield (
        f"{source.cite}; read {source.read_on} by {source.read_by} ({source.basis}), "
        f"{confidence_words(source)}."
    )
    yield from source.urls
    if source.text:
        yield f"“{source.text}”"
    if source.doubts:
        yield f"Doubts: {source.doubts}"
    if version.notes:
        yield f"Note: {version.notes}"


def confidence_words(source: Source) -> str:
    """Return how sure the row is; anything below high stands out."""
    return "confidence high" if source.confidence == "high" else f"CONFIDENCE {source.confidence.upper()}"


def _clock_words(regime: Regime, clock: Clock) -> str:
    said = [f"{clock.period or 'no number'} from {clock.starts.name}"]
    if clock.counting != "plain":
        said.append(f"counted by {clock.counting}")
    if clock.calendar not in ("addressee",) and clock.period and clock.period.unit == "business-days":
        said.append(f"by the calendar of {clock.calendar}")
    if clock.roll:
        said.append("moved to the next open day by the law itself")
    if clock.relief:
        said.append(
            "noon of the next open day is accepted"
            + ("" if clock.relief is True else f" if {describe(regime.condition(clock.relief))}")
        )
    if clock.guidance:
        said.append("guidance, not law")
    if clock.when is not None:
        said.append(f"only if {describe(regime.condition(clock.when))}")
    return ", ".join(said)


def situations_of(duty_id: str, folder: Path) -> list[dict[str, Any]]:
    """Return title, file and line of every tested situation that expects something of the duty."""
    found = []
    for path in sorted(folder.glob("*.yaml")):
        if duty_id not in path.read_text("utf-8", errors="replace"):
            continue
        try:
            document = read_yaml(path)
        except InputError:
            continue  # its own test says what is wrong with it
        found += [
            {"title": str(case.get("title")), "file": path.name, "line": document.line(("cases", number))}
            for number, case in _cases(document)
            if any(str(id_).partition("@")[0] == duty_id for id_ in case.get("expect") or ())
        ]
    return found


def _cases(document: Document) -> Iterator[tuple[int, dict[str, Any]]]:
    cases = document.data.get("cases") if isinstance(document.data, dict) else None
    for number, case in enumerate(cases or ()):
        if isinstance(case, dict):
            yield number, case


# Health


def health(book: Lawbook, *, on: date) -> dict[str, Any]:
    """Return counts and warnings; faults would have kept the lawbook from loading.

    Warnings: rows and authorities read more than a year before `on` or after it, low confidence, authorities
    without a route, rows of the fact base both left out and used.
    """
    versions = [
        (f"{regime.id}/{key}", version)
        for regime in book.regimes.values()
        for key, duty in regime.duties.items()
        for version in duty.history
    ]
    warnings = [line for name, version in versions for line in _row_warnings(name, version, on)]
    for authority in book.authorities.values():
        warnings += _authority_warnings(authority, on)
    used: dict[str, set[str]] = {}
    for name, version in versions:
        for row in (version.source_id, *version.also_from):
            used.setdefault(row, set()).add(name.partition("/")[0])
    warnings += [
        f"{row}: left out, and yet the source of {', '.join(sorted(used[row]))}"
        for row in sorted(used.keys() & book.excluded)
    ]
    return {
        "version": book.version,
        "sha256": book.sha256,
        "regimes": len(book.regimes),
        "duties": len({name for name, _ in versions}),
        "versions": len(versions),
        "authorities": len(book.authorities),
        "excluded": len(book.excluded),
        "confidence": dict(sorted(Counter(version.source.confidence for _, version in versions).items())),
        "shared_rows": {row: sorted(regimes) for row, regimes in sorted(used.items()) if len(regimes) > 1},
        "warnings": list(dict.fromkeys(warnings)),
    }


def _row_warnings(name: str, version: Version, on: date) -> Iterator[str]:
    source = version.source
    if on - source.read_on > STALE:
        yield f"{name}: read on {source.read_on}, more than a year ago"
    if source.read_on > on:
        yield f"{name}: read on {source.read_on}, which has not come yet"
    if source.confidence == "low":
        yield f"{name}: confidence low: {source.doubts or 'no doubt written out'}"


def _authority_warnings(authority: Authority, on: date) -> Iterator[str]:
    if authority.route.kind == "unknown":
        yield f"{authority.id}: no route is known"
    if on - authority.read_on > STALE:
        yield f"{authority.id}: read on {authority.read_on}, more than a year ago"
    if authority.read_on > on:
        yield f"{authority.id}: read on {authority.read_on}, which has not come yet"


# Changes


def changes(book: Lawbook, first: date, second: date) -> list[dict[str, Any]]:
    """Return the duties whose version on `second` is another than on `first`, the earliest change first."""
    found = []
    for regime in book.regimes.values():
        for key, duty in regime.duties.items():
            before, after = duty.version_on(first), duty.version_on(second)
            told = after or before
            if before is after or told is None:
                continue
            on = after.applies_from if after is not None else _ended(before)
            found.append(
                {
                    "duty": f"{regime.id}/{key}",
                    "title": duty.title,
                    "jurisdiction": regime.place,
                    "change": "begins" if before is None else "ends" if after is None else "changes",
                    "before": _brief(before),
                    "after": _brief(after),
                    "on": _iso(on),
                    "cite": told.source.cite,
                    "confidence": told.source.confidence,
                    "source_id": told.source_id,
                }
            )
    return sorted(found, key=lambda one: (one["on"] or "", one["duty"]))


def _ended(version: Version | None) -> date | None:
    """Return the first day on which a version applied no more."""
    return (
        version.applies_until + timedelta(days=1) if version is not None and version.applies_until else None
    )


def _brief(version: Version | None) -> str | None:
    if version is None:
        return None
    periods = [f"{clock.period} from {clock.starts.name}" for clock in version.clock if clock.period]
    return f"{version.standard} [{'; '.join(periods)}]" if periods else version.standard
