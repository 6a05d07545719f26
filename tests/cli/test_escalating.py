"""Reminders from the terminal: acknowledged, by whom they are told, as a calendar, on which ladder."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from tests.cli.terminal import SAMPLES, Terminal

ROTA = SAMPLES.parent / "policies" / "rota.yaml"


def test_a_reminder_is_acknowledged_and_its_clock_goes_on(opened: Terminal) -> None:
    opened.now = datetime(2026, 11, 23, 13, tzinfo=UTC)
    opened("watch")
    said = opened("acknowledge", "INC-2026-0001")
    assert "acknowledged by" in said
    assert "The clock goes on." in said
    assert "Nothing that was told is unacknowledged." in opened("acknowledge", "INC-2026-0001")
    assert json.loads(opened("acknowledge", "INC-2026-0001", "--json")) == []


def test_a_rota_is_checked_put_in_force_and_shown(breach: Terminal, tmp_path: Path) -> None:
    assert "everybody in BREACH_PAGING" in breach("rota")
    assert "no fault" in breach("rota", "--check", ROTA)
    assert "in force from now on" in breach("rota", "--use", ROTA)
    shown = json.loads(breach("rota", "--at", "2026-11-24T10:00:00+01:00", "--json"))
    assert [level["told"] for level in shown["levels"]] == [["boris"], ["chloe"], ["anna", "boris", "chloe"]]
    assert "on-call" in breach("rota")
    (tmp_path / "wrong.yaml").write_text("persons: {anna: {zone: Nowhere}}\nlevels: []\n")
    refused = breach.run("rota", "--use", tmp_path / "wrong.yaml")
    assert "wrong.yaml:1" in refused.err
    assert "on-call" in breach("rota"), "the one in force stays"


def test_the_clocks_are_a_calendar(opened: Terminal) -> None:
    text = opened("clocks", "--ics")
    assert text.startswith("BEGIN:VCALENDAR")
    assert "DTSTART:20261123T170000Z" in text
    assert text == opened("clocks", "--ics")


def test_the_clocks_say_how_likely_each_is_missed(opened: Terminal) -> None:
    rows = json.loads(opened("clocks", "--json"))
    assert all(0 <= row["chance_to_miss"] <= 1 for row in rows if row["effective_at"])
    assert "may miss" in opened("clocks")


def test_an_incident_shows_its_ladder(opened: Terminal) -> None:
    assert "default: half, t-24h" in opened("ladder", "INC-2026-0001")
    again = opened("ladder", "INC-2026-0001", "--renew", "--because", "agreed")
    assert "as before" in again
