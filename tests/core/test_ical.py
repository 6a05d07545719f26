"""The calendar is one that calendar programs read: breaks, folds, escapes, stable ids, alarms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from incident_flows.core.ical import calendar, uid_of

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
ROW: dict[str, Any] = {
    "incident": "INC-2026-0001", "obligation": "eu-gdpr/tell-authority@es-aepd", "end": "deadline", "status": "owed",
    "addressee": "Agencia Española, de Protección; de Datos y de otras cosas que hacen larga la línea",
    "effective_at": "2026-11-23T17:00:00Z", "due_local": None, "cite": "Art. 33(1)", "standard": "72 hours",
}  # fmt: skip


def _unfolded(text: str) -> list[str]:
    return text.replace("\r\n ", "").split("\r\n")


def test_lines_end_as_they_must_and_none_is_longer_than_75_octets() -> None:
    text = calendar([ROW], now=NOW)
    assert text.endswith("END:VCALENDAR\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))


def test_an_event_stands_at_the_end_of_the_period_with_alarms_before_it() -> None:
    lines = _unfolded(calendar([ROW], now=NOW))
    assert "DTSTART:20261123T170000Z" in lines
    assert [line for line in lines if line.startswith("TRIGGER")] == [
        "TRIGGER:-P1D",
        "TRIGGER:-PT4H",
        "TRIGGER:-PT1H",
    ]
    assert any(
        line.startswith(r"SUMMARY:INC-2026-0001: tell Agencia Española\, de Protección\; de")
        for line in lines
    )
    assert lines.count("BEGIN:VALARM") == lines.count("END:VALARM") == 3


def test_the_id_of_an_event_does_not_change_when_its_deadline_moves() -> None:
    moved = {**ROW, "effective_at": "2026-11-22T17:00:00Z"}
    uids = [
        line
        for row in (ROW, moved)
        for line in _unfolded(calendar([row], now=NOW))
        if line.startswith("UID:")
    ]
    assert len(set(uids)) == 1
    assert uid_of("INC-2026-0002", ROW["obligation"]) != uid_of("INC-2026-0001", ROW["obligation"])


def test_what_is_provisional_is_tentative_and_what_has_no_end_is_left_out() -> None:
    lines = _unfolded(calendar([{**ROW, "end": "provisional"}, {**ROW, "effective_at": None}], now=NOW))
    assert "STATUS:TENTATIVE" in lines
    assert lines.count("BEGIN:VEVENT") == 1
