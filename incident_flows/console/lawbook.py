"""The lawbook to look things up in, and the rota of who is told."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from incident_flows.console.page import desk_of, now_of, page
from incident_flows.console.signed import reads
from incident_flows.core.law import Lawbook
from incident_flows.core.lifecycle import Actor
from incident_flows.core.rota import on_duty
from incident_flows.errors import InputError
from incident_flows.knowledge.law_listing import in_words, rows

router = APIRouter()
Reader = Annotated[Actor, Depends(reads)]
FOUND_AT_MOST = 300


@router.get("/law")
def law(
    request: Request,
    actor: Reader,
    place: Annotated[str, Query(max_length=20)] = "",
    q: Annotated[str, Query(max_length=200)] = "",
    on: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """List jurisdictions; the duties of one, or those that words are found in; as of a day."""
    book = desk_of(request).library.lawbook
    day = _day(on, now_of(request).date())
    places = sorted({regime.place for regime in book.regimes.values()})
    found: list[dict[str, Any]] = []
    if place in places or q.strip():
        found = [
            one
            for one in rows(book, place=place if place in places else None)
            if _applies(one, day) and all(word in _text(book, one) for word in q.lower().split())
        ]
    return page(
        request,
        "law.html",
        tiles=_tiles(book, day),
        place=place if place in places else "",
        place_name=book.places.get(place, place),
        q=q,
        day=day,
        rows=_once(found)[:FOUND_AT_MOST],
        count=len(_once(found)),
        book=book,
        actor=actor,
    )


def _day(text: str, today: date) -> date:
    if not text:
        return today
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"on: {text!r} is not a date; write 2026-11-20") from None


def _applies(row: dict[str, Any], day: date) -> bool:
    return (row["applies_from"] or "") <= day.isoformat() <= (row["applies_until"] or "9999")


def _text(book: Lawbook, row: dict[str, Any]) -> str:
    name = book.places.get(row["jurisdiction"], "")
    return " ".join(
        str(part)
        for part in (row["duty"], row["title"], row["cite"], row["standard"], row["addressee"], name)
    ).lower()


def _once(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each version of a duty once, however many rows of the fact base stand behind it."""
    return list({(one["duty"], one["applies_from"]): one for one in found}.values())


def _tiles(book: Lawbook, day: date) -> list[dict[str, Any]]:
    """Return one tile for each country or union, its parts counted in; by name."""
    duties: Counter[str] = Counter()
    doubtful: Counter[str] = Counter()
    parts: dict[str, set[str]] = {}
    for regime in book.regimes.values():
        country = regime.place.partition("-")[0]
        parts.setdefault(country, set()).add(regime.place)
        for duty in regime.duties.values():
            version = duty.version_on(day)
            if version is not None:
                duties[country] += 1
                doubtful[country] += version.source.confidence != "high"
    names = {country: book.places.get(country, country) for country in parts}
    return [
        {
            "place": country,
            "name": names[country],
            "parts": sorted(
                ((part, book.places.get(part, part)) for part in parts[country] if part != country),
                key=lambda one: one[1],
            ),
            "own": country in parts[country],
            "duties": duties[country],
            "doubtful": doubtful[country],
        }
        for country in sorted(parts, key=lambda one: names[one])
    ]


@router.get("/law/{duty:path}")
def duty(
    request: Request, duty: str, actor: Reader, on: Annotated[str, Query(max_length=10)] = ""
) -> Response:
    """Show one duty: its history, conditions, sources, doubts."""
    desk = desk_of(request)
    cases = Path(desk.library.root).parent / "tests" / "cases"
    found = in_words(desk.library.lawbook, duty, cases=cases if cases.is_dir() else None)
    book = desk.library.lawbook
    to = book.authorities.get(found["to"].get("id", ""))
    return page(
        request,
        "duty.html",
        duty=found,
        regime=book.regimes[found["regime"]],
        place_name=book.places.get(found["jurisdiction"], found["jurisdiction"]),
        to=to,
        day=_day(on, now_of(request).date()),
        actor=actor,
    )


@router.get("/rota")
def rota(request: Request, actor: Reader) -> Response:
    """Show who is told first, and who next; no addresses."""
    desk, now = desk_of(request), now_of(request)
    found = desk.rota
    levels = []
    if found is not None:
        levels = [
            {
                "name": level.name,
                "now": on_duty(found, level, now),
                "rotation": level.rotation,
                "persons": level.persons,
                "after": level.after_minutes,
            }
            for level in found.levels
        ]
    return page(
        request,
        "rota.html",
        rota=found,
        levels=levels,
        fault=desk.rota_file.fault if desk.rota_file else None,
        actor=actor,
    )
