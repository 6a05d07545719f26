"""Escalation by a rota: who is told first, who next, who not at night; paths that fail; approvals that wait."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from incident_flows.core.rota import Rota
from incident_flows.errors import InputError
from incident_flows.knowledge.rota import RotaFile, read_rota
from incident_flows.services.acknowledge import acknowledge
from incident_flows.services.draft import draft
from incident_flows.services.update import change_facts
from incident_flows.services.watch import status, tick
from notifications import OutcomeUnknownError, TransientError

AEPD = "eu-gdpr/tell-authority@es-aepd"
POLICIES = Path(__file__).parents[2] / "playbooks" / "policies"
NIGHT = [{"from": "22:00", "until": "07:00"}]


class Paths:
    """Pagers of single persons: remembers which address was told what; those in `broken` fail."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.broken: set[str] = set()

    def __call__(self, addresses: tuple[str, ...]) -> Any:
        paths = self

        class One:
            def page(self, title: str, body: str) -> list[tuple[str, bool]]:
                ok = addresses[0] not in paths.broken
                if ok:
                    paths.told.append((addresses[0], title))
                return [("1-test", ok)]

        return One()


class Fixed:
    """A rota that stands in no file."""

    fault = None

    def __init__(self, rota: Rota) -> None:
        self.rota = rota

    def current(self) -> Rota:
        return self.rota


@pytest.fixture
def paths(house: Any) -> Paths:
    found = Paths()
    house.desk.pager_for = found
    house.desk.secret = {"ANNA_PAGER": "anna"}.get
    house.desk.rota_file = Fixed(Rota.model_validate({
        "escalate_after_minutes": 10,
        "quiet": NIGHT,
        "persons": {
            "anna": {"zone": "Europe/Madrid", "email": "anna@acme.example", "paths": ["$ANNA_PAGER", "mail"]},
            "boris": {"zone": "Europe/Berlin", "paths": ["boris"]},
            "chloe": {"zone": "Europe/London", "paths": ["paging"]},
        },
        "levels": [{"name": "first", "persons": ["anna"]}, {"name": "second", "persons": ["boris"]},
                   {"name": "third", "persons": ["chloe"]}],
    }))  # fmt: skip
    return found


def _steps(house: Any, ref: str, prefix: str) -> dict[str, Any]:
    with house.desk.database.read() as tx:
        rows = tx.steps.list(tx.incidents.get(ref).id)
    return {row.name: row for row in rows if row.oid == AEPD and row.name.startswith(prefix)}


def _at(house: Any, text: str) -> None:
    house.now = datetime.fromisoformat(text).replace(tzinfo=UTC)
    tick(house.desk, now=house.now)


def test_who_does_not_acknowledge_is_followed_by_the_next_one_after_ten_minutes(
    house: Any, paths: Paths
) -> None:
    ref = house.open("aimigos-studio")
    _at(house, "2026-11-23T13:00")
    assert {who for who, _ in paths.told} == {"anna"}
    chained = _steps(house, ref, "t-4h")["t-4h/1"]
    assert (chained.state, chained.due_at) == ("pending", datetime(2026, 11, 23, 13, 10, tzinfo=UTC))
    _at(house, "2026-11-23T13:10")
    assert [who for who, _ in paths.told][-1] == "boris"
    _at(house, "2026-11-23T13:20")
    assert any("4 hours left" in title for title, _ in house.pager.pages), "chloe, over the house's own pager"
    assert "t-4h/3" not in _steps(house, ref, "t-4h"), "there is nobody after the third level"


def test_acknowledging_stops_the_chain_and_not_the_clock(house: Any, paths: Paths) -> None:
    ref = house.open("aimigos-studio")
    _at(house, "2026-11-23T13:00")
    seen = acknowledge(
        house.desk, ref, str(_steps(house, ref, "t-4h")["t-4h"].id), actor=house.person(), now=house.now
    )
    assert (seen[0].stopped, seen[0].by) == (1, "anna")
    paths.told.clear()
    _at(house, "2026-11-23T13:10")
    assert _steps(house, ref, "t-4h")["t-4h/1"].state == "cancelled"
    assert not [title for who, title in paths.told if "Agencia" in title and ": 4 hours left" in title]
    _at(house, "2026-11-23T16:00")
    assert any("one hour left" in title for _, title in paths.told)
    _at(house, "2026-11-23T17:00")
    due = _steps(house, ref, "due")["due"]
    acknowledge(house.desk, ref, str(due.id), actor=house.person(), now=house.now)
    _at(house, "2026-11-23T18:00")
    assert _steps(house, ref, "overdue")["overdue-1"].state == "fired"


def test_a_reminder_in_the_night_waits_for_the_morning_unless_the_end_is_near(
    house: Any, paths: Paths
) -> None:
    house.now = datetime(2026, 11, 21, 0, tzinfo=UTC)
    ref = house.open("aimigos-studio")
    _at(house, "2026-11-22T05:00")  # half: 06:00 in Madrid
    half = _steps(house, ref, "half")
    assert half["half"].state == "fired"
    assert half["half"].detail["held_until"] == "2026-11-22T06:00:00+00:00"
    assert not paths.told
    _at(house, "2026-11-22T06:00")
    assert _steps(house, ref, "half")["half/1"].state == "fired"
    assert {who for who, _ in paths.told} == {"anna"}
    paths.told.clear()
    _at(house, "2026-11-23T05:00")  # twelve hours before the end: also at 06:00 in Madrid
    assert any("12 hours left" in title for _, title in paths.told)


def test_a_path_that_fails_falls_through_to_the_next_and_is_recorded(house: Any, paths: Paths) -> None:
    paths.broken.add("anna")
    ref = house.open("aimigos-studio")
    _at(house, "2026-11-23T13:00")
    told = _steps(house, ref, "t-4h")["t-4h"].detail
    assert told["paths"] == [{"path": "anna: 1-test", "ok": False}, {"path": "anna: mail", "ok": True}]
    assert any("4 hours left" in message.subject for message in house.channel.messages)
    with house.desk.database.read() as tx:
        entry = next(row for row in tx.journal.entries(ref) if row.payload.get("step") == "t-4h")
    assert entry.payload["paths"] == told["paths"]


def test_a_person_nobody_reaches_gives_way_to_the_next_level_at_once(house: Any, paths: Paths) -> None:
    paths.broken.add("anna")
    house.channel.fail_next(TransientError("the relay is full"), times=50)
    ref = house.open("aimigos-studio")
    _at(house, "2026-11-23T13:00")
    told = _steps(house, ref, "t-4h")["t-4h"].detail
    assert (told["to"], told["level"]) == (["boris"], 1)


def test_mail_whose_outcome_is_unknown_does_not_count_as_reached(house: Any, paths: Paths) -> None:
    paths.broken.add("anna")
    house.channel.fail_next(OutcomeUnknownError("no answer"), accepted=True, times=50)
    ref = house.open("aimigos-studio")
    _at(house, "2026-11-23T13:00")
    assert _steps(house, ref, "t-4h")["t-4h"].detail["to"] == ["boris"]


def test_when_no_path_works_it_is_tried_again_in_five_minutes(house: Any) -> None:
    class Dead:
        def page(self, title: str, body: str) -> list[tuple[str, bool]]:
            return [("1-dead", False)]

    working, house.desk.pager = house.desk.pager, Dead()
    ref = house.open("aimigos-studio")
    _at(house, "2026-11-23T13:00")
    again = _steps(house, ref, "t-4h")["t-4h/1"]
    assert again.due_at == datetime(2026, 11, 23, 13, 5, tzinfo=UTC)
    house.desk.pager = working
    _at(house, "2026-11-23T13:05")
    assert any("4 hours left" in title for title, _ in house.pager.pages)
    assert "t-4h/2" not in _steps(house, ref, "t-4h")


def test_an_approval_nobody_gives_escalates_like_everything_else(house: Any, paths: Paths) -> None:
    contact = {"name": "Data Protection Officer", "email": "dpo@aimigos.example", "phone": "+34 900 000 000"}
    ref = house.open("aimigos-studio")
    change_facts(
        house.desk,
        ref,
        {"organisation": {"dpo": contact}},
        actor=house.person(),
        now=house.now,
        source="test",
    )
    drafted = draft(house.desk, ref, AEPD, actor=house.person("boris"), now=house.now, phased=True)
    assert drafted
    house.advance(hours=9, minutes=30)  # 17:30: less than a day before the end, and it waited for hours
    tick(house.desk, now=house.now)
    calls = _steps(house, ref, "approval")
    assert calls, "a call for the approval is planned"
    first = calls["approval-N-0001-1"]
    assert first.state == "fired"
    assert any("waits for approval" in title for _, title in paths.told)
    assert calls["approval-N-0001-1/1"].state == "pending", "and goes on to the next person"
    assert calls["approval-N-0001-2"].state == "pending", "and is called again later"
    with house.desk.database.write() as tx:
        notice = tx.notices.get(ref, "N-0001")
        tx.notices.move(notice.id, "awaiting-approval", "withdrawn")
    paths.told.clear()
    house.now = calls["approval-N-0001-2"].due_at
    tick(house.desk, now=house.now)
    assert not [title for _, title in paths.told if "waits for approval" in title]
    assert "is withdrawn by now" in _steps(house, ref, "approval")["approval-N-0001-2"].detail["shown"]


def test_the_example_is_a_rota_and_a_file_is_read_again_when_it_changes(tmp_path: Path, house: Any) -> None:
    assert set(read_rota(POLICIES / "rota.yaml").persons) == {"anna", "boris", "chloe"}
    file = RotaFile(tmp_path / "rota.yaml")
    assert file.current() is None
    file.path.write_text((POLICIES / "rota.yaml").read_text())
    kept = file.current()
    assert kept is not None
    file.path.write_text("persons: {anna: {zone: Nowhere}}\n")
    assert file.current() is kept, "a broken file leaves the rota in force"
    assert file.fault is not None
    assert "rota.yaml:1" in file.fault
    house.desk.rota_file = file
    assert status(house.desk, now=house.now)["rota"]["in_force"]
    with pytest.raises(InputError, match="no time zone"):
        read_rota(file.path)
    file.path.unlink()
    assert file.current() is None
