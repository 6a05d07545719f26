"""The lawbook as lists and words: what is covered, one duty in full, its health, what changed between dates."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from incident_flows.core.conditions import describe, parse_condition
from incident_flows.core.law import Clock, Duty, Lawbook, Regime, Version
from incident_flows.errors import NotFoundError

STALE = timedelta(days=365)


def rows(book: Lawbook, *, place: str | None = None) -> list[dict[str, Any]]:
    """Return one row per version of a duty and row of the fact base it was written from."""
    found = []
    for regime in book.regimes.values():
        if place is not None and regime.place != place:
            continue
        for key, duty in regime.duties.items():
            for version in duty.history:
                for source_id in (version.source_id, *version.also_from):
                    found.append(_row(regime, key, duty, version, source_id))
    return found


def _row(regime: Regime, key: str, duty: Duty, version: Version, source_id: str) -> dict[str, Any]:
    return {
        "duty": f"{regime.id}/{key}", "source_id": source_id, "jurisdiction": regime.place, "title": duty.title,
        "addressee": duty.to.id or duty.to.scheme or duty.to.name or duty.to.kind, "addressee_kind": duty.to.kind,
        "cite": version.source.cite, "status": version.status,
        "applies_from": version.applies_from.isoformat() if version.applies_from else None,
        "applies_until": version.applies_until.isoformat() if version.applies_until else None,
        "confidence": version.source.confidence, "basis": version.source.basis,
        "read_on": version.source.read_on.isoformat(), "standard": version.standard,
        "periods": [str(clock.period) for clock in version.clock if clock.period],
    }


def excluded_rows(book: Lawbook) -> list[dict[str, str]]:
    """Return the rows of the fact base that are left out, with the reason."""
    return [{"source_id": row, "because": because} for row, because in sorted(book.excluded.items())]


def in_words(book: Lawbook, duty_id: str) -> dict[str, Any]:
    """Return a duty's history, conditions, sources and doubts, as lines and as values."""
    found = book.duty(duty_id)
    if found is None:
        raise NotFoundError(f"{duty_id}: no such duty; `breach law list` shows them (write regime/duty, such as eu-gdpr/tell-authority)")
    regime, duty = found
    lines = [
        f"{duty_id}: {duty.title}", f"{regime.title} ({regime.place})",
        f"Reaches a breach if {describe(regime.reach)}.", f"By the {' or '.join(duty.by)}, to {duty.to.name or duty.to.id or duty.to.scheme or duty.to.kind}.",
    ]
    for version in duty.history:
        lines += ["", *_version_lines(regime, version)]
    if regime.known_gaps:
        lines += ["", "Known gaps:", *(f"  · {gap}" for gap in regime.known_gaps)]
    return {
        "duty": duty_id, "regime": regime.id, "title": duty.title, "lines": lines,
        "history": [version.model_dump(mode="json", by_alias=True, exclude_defaults=True) for version in duty.history],
    }


def _version_lines(regime: Regime, version: Version) -> list[str]:
    until = f" until {version.applies_until}" if version.applies_until else ""
    lines = [f"From {version.applies_from or 'the beginning'}{until} ({version.status}), row {version.source_id}:", f"  {version.standard}"]
    if version.when is not None:
        lines.append(f"  When {describe(parse_condition(version.when, place=regime.place))}.")
    for exception in version.unless:
        shown = "; has to be shown" if exception.burden == "shown" else ""
        lines.append(f"  Unless {describe(parse_condition(exception.if_, place=regime.place))}: {exception.because}{shown}.")
    lines += [f"  Clock: {_clock_words(clock)}." for clock in version.clock]
    for word, duties in (("before", version.order.before), ("no later than", version.order.not_after), ("after", version.order.after)):
        lines += [f"  Made {word} {other}." for other in duties]
    if version.hold is not None:
        lines.append(f"  Law enforcement: {version.hold.text}.")
    lines += [f"  Must contain: {item}" for item in version.content]
    source = version.source
    lines.append(f"  {source.cite}; read {source.read_on} ({source.basis}), confidence {source.confidence}.")
    lines += [f"  {url}" for url in source.urls]
    if source.doubts:
        lines.append(f"  Doubts: {source.doubts}")
    if version.notes:
        lines.append(f"  Note: {version.notes}")
    return lines


def _clock_words(clock: Clock) -> str:
    length = str(clock.period) if clock.period else "no number"
    return f"{length} from {clock.starts.name}" + (", counted by " + clock.counting if clock.counting != "plain" else "") + (
        " (guidance, not law)" if clock.guidance else ""
    )


def health(book: Lawbook, *, on: date) -> dict[str, Any]:
    """Return counts and warnings; faults would have kept the lawbook from loading.

    Warnings: rows read more than a year before `on`, confidence below high, authorities without a route.
    """
    warnings: list[str] = []
    duties = 0
    for regime in book.regimes.values():
        for key, duty in regime.duties.items():
            duties += 1
            for version in duty.history:
                if on - version.source.read_on > STALE:
                    warnings.append(f"{regime.id}/{key}: read on {version.source.read_on}, more than a year ago")
                if version.source.confidence == "low":
                    warnings.append(f"{regime.id}/{key}: confidence low: {version.source.doubts or 'no doubt written out'}")
    for authority in book.authorities.values():
        if authority.route.kind == "unknown":
            warnings.append(f"{authority.id}: no route is known")
        if on - authority.read_on > STALE:
            warnings.append(f"{authority.id}: read on {authority.read_on}, more than a year ago")
    return {
        "version": book.version, "sha256": book.sha256, "regimes": len(book.regimes), "duties": duties,
        "authorities": len(book.authorities), "excluded": len(book.excluded), "warnings": warnings,
    }


def changes(book: Lawbook, first: date, second: date) -> list[dict[str, Any]]:
    """Return the duties whose version on `second` is another than on `first`."""
    found = []
    for regime in book.regimes.values():
        for key, duty in regime.duties.items():
            before, after = duty.version_on(first), duty.version_on(second)
            if before is after:
                continue
            change = "begins" if before is None else "ends" if after is None else "changes"
            found.append({
                "duty": f"{regime.id}/{key}", "change": change,
                "before": _brief(before), "after": _brief(after),
                "on": str(after.applies_from if after is not None else before.applies_until if before else None),
                "cite": (after or before).source.cite,  # type: ignore[union-attr]
            })
    return sorted(found, key=lambda one: (one["on"], one["duty"]))


def _brief(version: Version | None) -> str | None:
    if version is None:
        return None
    periods = [f"{clock.period} from {clock.starts.name}" for clock in version.clock if clock.period]
    return f"{version.standard} [{'; '.join(periods)}]" if periods else version.standard
