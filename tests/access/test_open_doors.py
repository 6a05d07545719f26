"""What works without signing in: the reporter form, a reminder's link, a calendar's address."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from incident_flows.console.app import create_app
from incident_flows.errors import IllegalTransitionError
from incident_flows.knowledge.facts_files import read_facts
from incident_flows.services.acknowledge import token_for
from incident_flows.services.open import open_incident
from incident_flows.services.report import ALL_TOGETHER, PER_ADDRESS, accept, dismiss, hand_in, read_reports
from incident_flows.services.watch import tick
from tests.access.conftest import Browser, House
from tests.cli.terminal import SAMPLES

STORY = "Zebulon Quill's laptop was stolen"
REACH = "zebulon@quill.example"


def report(browser: Browser) -> int:
    return browser.send_form("/report", told=STORY, contact=REACH).status_code


def test_a_report_waits_sealed_until_a_handler_makes_an_incident_of_it(house: House) -> None:
    house.account("anna", "handler")
    answer = house.browser().send_form("/report", told=STORY, contact=REACH)
    assert "REP-2026-0001" in answer.text
    assert STORY not in answer.text
    with house.desk.database.read() as tx:
        assert tx.incidents.list("open") == []
    anna = house.browser("anna")
    page = anna.get("/reports").text
    assert "Zebulon Quill" in page
    assert REACH in page
    unnamed = anna.send_form("/reports/REP-2026-0001/accept", title=" ", organisation="aimigos-studio")
    assert unnamed.status_code == 422
    done = anna.send_form("/reports/REP-2026-0001/accept", title="Laptop lost", organisation="aimigos-studio")
    assert done.headers["location"].startswith("/incidents/INC-2026-0001")
    assert "Zebulon" not in anna.get("/incidents/INC-2026-0001").text
    assert "Zebulon" not in anna.get("/reports").text
    with house.desk.database.read() as tx:
        facts = tx.incidents.facts("INC-2026-0001").facts
        journal = " ".join(str((row.subject, row.payload)) for row in tx.journal.entries())
        assert set(facts) <= {"format", "title", "organisation"}  # nothing was guessed from the report
    assert "Zebulon" not in journal
    assert "quill" not in journal
    assert {"report-received", "report-accepted"} <= set(house.acts())
    with house.desk.database._engine.connect() as connection:
        dump = "\n".join(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]
    assert "Zebulon" not in dump


def test_a_report_is_dealt_with_once(house: House) -> None:
    house.account("anna", "handler")
    anna, now = house.actor("anna"), house.now
    ref = hand_in(house.desk, STORY, "", address="x", now=now)
    opened = accept(house.desk, ref, title="Laptop", organisation="aimigos-studio", actor=anna, now=now)
    assert (
        accept(house.desk, ref, title="Again", organisation="aimigos-studio", actor=anna, now=now) == opened
    )
    with pytest.raises(IllegalTransitionError, match="before"):
        dismiss(house.desk, ref, because="a test", actor=anna, now=now)
    other = hand_in(house.desk, STORY, "", address="x", now=now)
    dismiss(house.desk, other, because="a test", actor=anna, now=now)
    with pytest.raises(IllegalTransitionError, match="before"):
        accept(house.desk, other, title="Laptop", organisation="aimigos-studio", actor=anna, now=now)
    assert read_reports(house.desk, actor=anna) == []
    with house.desk.database.read() as tx:
        assert len(tx.incidents.list("open")) == 1


def test_reports_are_counted_by_address_and_altogether_across_restarts(house: House) -> None:
    browser = house.browser()
    assert [report(browser) for _ in range(PER_ADDRESS + 1)] == [200] * PER_ADDRESS + [429]
    house.app = create_app(lambda: house.desk, clock=lambda: house.now, settings=house.settings)
    assert report(house.browser()) == 429
    for number in range(ALL_TOGETHER - PER_ADDRESS):
        hand_in(house.desk, STORY, "", address=f"198.51.100.{number}", now=house.now)
    with pytest.raises(Exception, match="too many"):
        hand_in(house.desk, STORY, "", address="203.0.113.1", now=house.now)
    house.advance(hours=1)
    assert report(house.browser()) == 200


def test_too_long_and_empty_reports_are_refused_unrepeated(house: House) -> None:
    browser = house.browser()
    long = browser.send_form("/report", told=STORY * 150)
    assert long.status_code == 422
    assert "Zebulon" not in long.text
    assert browser.send_form("/report", told="  ").status_code == 422
    assert house.acts() == []


@pytest.fixture
def told(house: House) -> tuple[House, str, int]:
    """Return a house where a reminder fired, and its step."""
    house.account("anna", "handler")
    facts = read_facts(
        SAMPLES / "aimigos-studio.yaml",
        lawbook=house.desk.library.lawbook, profiles=house.desk.library.profiles,
    )  # fmt: skip
    ref = open_incident(house.desk, facts, actor=house.actor("anna"), now=house.now, source="x").ref
    house.advance(hours=20)
    tick(house.desk, now=house.now)
    with house.desk.database.read() as tx:
        fired = [row for row in tx.steps.list(tx.incidents.get(ref).id) if row.state == "fired"]
    return house, ref, fired[0].id


def test_looking_at_a_reminders_link_does_nothing_and_pressing_acknowledges_once(
    told: tuple[House, str, int],
) -> None:
    house, ref, step = told
    token = token_for(house.desk, ref, step, by="anna", expires_at=house.now + timedelta(hours=1))
    browser = house.browser()

    def seen() -> str | None:
        with house.desk.database.read() as tx:
            by: str | None = tx.steps.get(step).acknowledged_by
        return by

    for _ in range(3):  # as mail scanners do
        assert browser.get(f"/a/{token}").status_code == 200
        assert browser.head(f"/a/{token}").status_code in (200, 405)
    assert seen() is None
    assert browser.post(f"/a/{token}").status_code == 403  # another page's form
    assert seen() is None
    assert "Seen by anna" in browser.send_form(f"/a/{token}").text
    assert seen() == "anna"
    assert "seen before" in browser.send_form(f"/a/{token}").text
    assert house.acts().count("acknowledged") == 1
    assert browser.get(f"/a/{token[:-1]}x").status_code == 422
    house.advance(hours=1)
    assert browser.get(f"/a/{token}").status_code == 403


def test_a_calendar_is_read_by_its_secret_until_it_is_taken_away(told: tuple[House, str, int]) -> None:
    house, ref, _ = told
    anna, anybody = house.browser("anna"), house.browser()
    shown = anna.send_form("/you/calendar").text
    [path] = re.findall(r"/calendar/[\w-]+\.ics", shown)
    feed = anybody.get(path)
    assert feed.headers["content-type"].startswith("text/calendar")
    assert f"SUMMARY:{ref}" in feed.text
    assert "Laptop" not in feed.text
    assert not re.findall(r"/calendar/[\w-]+\.ics", anna.get("/you").text)  # shown once
    [newer] = re.findall(r"/calendar/[\w-]+\.ics", anna.send_form("/you/calendar").text)
    assert anybody.get(path).status_code == 404
    anna.send_form("/you/calendar/revoke")
    assert anybody.get(newer).status_code == 404
    assert {"calendar-made", "calendar-revoked"} <= set(house.acts())
