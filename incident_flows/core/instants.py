"""Instants as people write them: date, time, offset, and perhaps a zone in brackets. Pure parsing.

`2026-11-20T18:00:00+01:00` and `2026-11-20T18:00:00+01:00[Europe/Madrid]` are instants;
`2026-11-20T18:00:00` is not, because nobody can say when that was.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, PlainSerializer

_SHAPE = re.compile(
    r"(?P<local>\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)"
    r"(?P<offset>[Zz]|[+-]\d{2}:?\d{2})?"
    r"(?:\[(?P<zone>[A-Za-z0-9_+\-/]+)\])?"
)
WRITE = "write 2026-11-20T18:00:00+01:00"


def parse_instant(text: object) -> datetime:
    """Return the instant a person wrote, keeping their offset.

    Raises:
        ValueError: No date and time, no offset, a date that does not exist, an unknown zone, or a
            local time that does not exist in the zone given (a skipped hour in spring).

    >>> parse_instant("2026-11-20T18:00:00+01:00").isoformat()
    '2026-11-20T18:00:00+01:00'
    >>> parse_instant("2026-11-20T18:00:00+01:00[Europe/Madrid]").utcoffset()
    datetime.timedelta(seconds=3600)
    """
    if isinstance(text, datetime):
        if text.tzinfo is None:
            raise ValueError(f"{text.isoformat()} has no offset; {WRITE}")
        return text
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not an instant; {WRITE}")
    match = _SHAPE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not an instant; {WRITE}")
    local, offset, zone = match["local"].upper().replace(" ", "T"), match["offset"], match["zone"]
    if offset is None:
        raise ValueError(f"{text} has no offset, so it names no instant; {WRITE}")
    try:
        instant = datetime.fromisoformat(local + offset.upper())
    except ValueError as error:
        raise ValueError(f"{text} does not exist: {error}; {WRITE}") from None
    if zone is not None:
        _check_zone(instant, local, offset, zone)
    return instant


def _check_zone(instant: datetime, local: str, offset: str, zone: str) -> None:
    try:
        seen = instant.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{zone} is not a time zone; write one such as Europe/Madrid") from None
    if seen.replace(tzinfo=None) != instant.replace(tzinfo=None):
        raise ValueError(
            f"{local} does not exist in {zone} at offset {offset}; that clock then shows {seen.isoformat()}"
        )


def show_local(instant: datetime, zone: str) -> str:
    """Return `instant` on the wall clock of `zone`, with offset and zone name.

    >>> show_local(datetime(2026, 11, 23, 17, tzinfo=UTC), "Europe/Madrid")
    '2026-11-23T18:00:00+01:00[Europe/Madrid]'
    """
    return f"{instant.astimezone(ZoneInfo(zone)).isoformat()}[{zone}]"


def show_utc(instant: datetime) -> str:
    """Return `instant` in UTC with a Z, whole seconds where there is no fraction.

    >>> show_utc(parse_instant("2026-11-20T18:00:00+01:00"))
    '2026-11-20T17:00:00Z'
    """
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    PlainSerializer(lambda value: value.isoformat(), return_type=str, when_used="json"),
]
