"""Running clocks as a calendar that any calendar program reads (RFC 5545). Pure.

One event per clock, at its end, with alarms before it. The UID follows from incident and obligation alone, so
that a moved deadline moves the event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

ALARMS = ("-P1D", "-PT4H", "-PT1H")
_FOLD = 75  # octets of one line, its break not counted


def calendar(rows: Iterable[Mapping[str, Any]], *, now: datetime, name: str = "Breach deadlines") -> str:
    """Return the calendar of these clocks, as `breach clocks --json` has them; those without an end left out.

    Args:
        rows: The clocks.
        now: When the calendar is made.
        name: What calendar programs call it.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//breach-engine//deadlines//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{_text(name)}",
        f"X-WR-CALNAME:{_text(name)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT15M",
    ]
    for row in rows:
        if row["effective_at"]:
            lines += _event(row, now)
    lines.append("END:VCALENDAR")
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def uid_of(incident: str, obligation: str) -> str:
    """Return the UID of a clock's event, the same for ever.

    >>> uid_of("INC-2026-0001", "eu-gdpr/tell-authority@es-aepd")
    'inc-2026-0001-2fc727549505a2c4@breach-engine.invalid'
    """
    digest = hashlib.sha256(f"{incident}\n{obligation}".encode()).hexdigest()[:16]
    return f"{incident.lower()}-{digest}@breach-engine.invalid"


def _event(row: Mapping[str, Any], now: datetime) -> list[str]:
    end = datetime.fromisoformat(row["effective_at"].replace("Z", "+00:00"))
    sure = row["end"] == "deadline" and row["status"] == "owed"
    said = {"provisional": " (provisional)", "target": " (house target, not law)"}.get(row["end"], "")
    summary = f"{row['incident']}: tell {row['addressee']}{said}"
    about = [row["obligation"], row["cite"], row["standard"], f"status: {row['status']}"]
    if row.get("due_local"):
        about.append(f"on the addressee's clock: {row['due_local']}")
    lines = [
        "BEGIN:VEVENT",
        f"UID:{uid_of(row['incident'], row['obligation'])}",
        f"DTSTAMP:{_stamp(now)}",
        f"DTSTART:{_stamp(end)}",
        f"SUMMARY:{_text(summary)}",
        f"DESCRIPTION:{_text(chr(10).join(str(one) for one in about if one))}",
        f"STATUS:{'CONFIRMED' if sure else 'TENTATIVE'}",
        "TRANSP:TRANSPARENT",
        f"CATEGORIES:{_text(row['incident'])}",
    ]
    for before in ALARMS:
        lines += [
            "BEGIN:VALARM",
            "ACTION:DISPLAY",
            f"TRIGGER:{before}",
            f"DESCRIPTION:{_text(summary)}",
            "END:VALARM",
        ]
    return [*lines, "END:VEVENT"]


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    """Return a text as a property value.

    >>> _text("a,b; c\\n")
    'a\\\\,b\\\\; c\\\\n'
    """
    escaped = value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\r\n", "\n").replace("\n", "\\n").replace("\r", "")


def _folded(line: str) -> str:
    """Break a line before its 76th octet, never inside a character."""
    parts: list[str] = []
    part, size = "", 0
    for character in line:
        width = len(character.encode())
        if size + width > _FOLD:
            parts.append(part)
            part, size = " ", 1
        part, size = part + character, size + width
    return "\r\n".join([*parts, part])
