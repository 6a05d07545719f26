"""Every scenario holds together and can be drilled; a drill touches nothing real; tasks are ticked off."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from incident_flows.core.scenario import PHASES
from incident_flows.errors import IllegalTransitionError, NotFoundError
from incident_flows.knowledge.library import Library
from incident_flows.knowledge.scenarios import check_scenarios, read_scenario, scenario_ids
from incident_flows.services.draft import draft
from incident_flows.services.drill import Play, Report
from incident_flows.services.show import show
from incident_flows.services.tasks import done, tasks
from incident_flows.services.update import change_facts

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
ROOT = Path(__file__).parents[2] / "playbooks"


class _Relay:
    """A way out of the house that counts what left."""

    name = "smtp"

    def __init__(self) -> None:
        self.sent = 0

    def send(self, message: Any, *, now: datetime) -> Any:
        self.sent += 1
        raise AssertionError("nothing of a drill may leave")


def _play(house: Any, scenario: str, **how: Any) -> Report:
    return Play(house.desk, read_scenario(ROOT, scenario), start=START, **how).run()


def test_every_scenario_holds_together() -> None:
    assert check_scenarios(ROOT) == []
    assert len(scenario_ids(ROOT)) >= 8
    for id_ in scenario_ids(ROOT):
        scenario = read_scenario(ROOT, id_)
        assert all(scenario.tasks.of(phase) for phase in PHASES), id_


@pytest.mark.parametrize("scenario", scenario_ids(ROOT))
def test_every_story_can_be_played_by_the_team_it_is_written_for(
    sqlite_url: str, open_database: Any, library: Library, scenario: str
) -> None:
    house = _house(open_database(sqlite_url), library)
    report = _play(house, scenario)
    assert any(kind == "clock" for _, kind, _ in report.entries)
    instants = [at for at, _, _ in report.entries]
    assert instants == sorted(instants)
    assert show(house.desk, report.ref)["drill"] is True


def _house(database: Any, library: Library) -> Any:
    from incident_flows.services.desk import Desk
    from incident_flows.storage.vault import Vault
    from notifications.memory import MemoryChannel
    from tests.services.conftest import House, NullPager

    channel, pager = MemoryChannel(), NullPager()
    desk = Desk(
        database=database, library=library, vault=Vault(b"k" * 32), channel=channel, pager=pager, owner="drill",
        sender="DRILL <drill@localhost.invalid>",
    )  # fmt: skip
    return House(desk, channel, pager)


def test_a_diligent_team_holds_every_clock_and_closes(house: Any) -> None:
    report = _play(house, "stolen-device").to_json()
    assert (report["held"], report["missed"], report["closed"]) == (2, 0, True)
    with house.desk.database.read() as tx:
        subjects = [one.subject for one in tx.notices.list(report["incident"])]
    assert subjects
    assert all(subject.startswith("DRILL") for subject in subjects)


def test_a_letter_in_a_language_nobody_reads_any_more_does_not_stand_in_the_way(house: Any) -> None:
    report = _play(house, "credential-stuffing").to_json()
    assert report["closed"] is True
    assert all(one["met_at"] for one in report["obligations"])


def test_an_idle_team_is_called_by_every_rung_and_misses_what_it_does_not_do(house: Any) -> None:
    report = _play(house, "stolen-device", team="idle").to_json()
    assert (report["held"], report["missed"]) == (0, 2)
    called = [one["text"] for one in report["timeline"] if one["kind"] == "reminder"]
    assert any("Agencia" in text and "one hour left" in text for text in called)
    assert any("overdue" in text for text in called)
    missed = [one for one in report["timeline"] if one["kind"] == "missed"]
    assert [one["at"] for one in missed] == sorted(
        one["due_at"] for one in report["obligations"] if one["held"] is False
    )


def test_a_drill_never_sends_by_a_real_channel(house: Any) -> None:
    from incident_flows.services.approve import approve
    from incident_flows.services.desk import checked_facts
    from incident_flows.services.notify import notify
    from incident_flows.services.open import open_incident

    facts = checked_facts(house.desk, {"format": 1, "organisation": "aimigos-studio"}, name="x")
    ref = open_incident(
        house.desk, facts, actor=house.person(), now=house.now, source="x", drill=True
    ).ref
    with house.desk.database.write() as tx:
        text = {"subject": "S", "text": "T", "html": None}
        from incident_flows.services.exact import exact_sha256

        tx.notices.add(
            ref, oid="x", kind="authority", phase="initial", language="en", state="awaiting-approval", **text,
            sha256=exact_sha256("S", "T", None), missing=[], drafted_by="anna", drafted_at=house.now,
            route={"kind": "email", "email": "office@authority.example", "checked_on": house.now.date().isoformat()},
        )  # fmt: skip
    approve(house.desk, ref, "N-0001", actor=house.person("boris"), now=house.now)
    sender = _Relay()
    with pytest.raises(IllegalTransitionError, match="is a drill"):
        notify(
            replace(house.desk, channel=sender), ref, "N-0001", actor=house.person(), now=house.now,
            to="office@authority.example",
        )  # fmt: skip
    assert sender.sent == 0


def test_the_tasks_of_a_scenario_are_ticked_off_once_and_by_name(house: Any) -> None:
    ref = house.open("aimigos-studio")
    with house.desk.database.read() as tx:
        listed = tasks(tx, house.desk, ref)
    assert [one["phase"] for one in listed] == sorted((one["phase"] for one in listed), key=PHASES.index)
    assert next(one for one in listed if one["id"] == "lock-and-wipe")["due_at"] == "2026-11-20T17:10:00Z"
    assert done(house.desk, ref, "lock-and-wipe", actor=house.person(), now=house.now, note="confirmed by the vendor")
    assert not done(house.desk, ref, "lock-and-wipe", actor=house.person("boris"), now=house.now)
    one = next(one for one in show(house.desk, ref)["tasks"] if one["id"] == "lock-and-wipe")
    assert (one["done_by"], one["note"]) == ("anna", "confirmed by the vendor")
    with pytest.raises(NotFoundError, match="no task 'dance'"):
        done(house.desk, ref, "dance", actor=house.person(), now=house.now)


def test_without_a_known_scenario_there_is_no_checklist(house: Any) -> None:
    ref = house.open("aimigos-studio")
    change_facts(
        house.desk, ref, {"breach": {"scenario": None}}, actor=house.person(), now=house.now, source="test"
    )
    assert show(house.desk, ref)["tasks"] == []
    with pytest.raises(NotFoundError, match=r"breach\.scenario="):
        done(house.desk, ref, "lock-and-wipe", actor=house.person(), now=house.now)


def test_drafting_again_keeps_letters_somebody_reads(house: Any) -> None:
    ref = house.open("aimigos-studio")
    draft(house.desk, ref, None, actor=house.person(), now=house.now)
    draft(house.desk, ref, None, actor=house.person(), now=house.now)
    with house.desk.database.read() as tx:
        letters = [one for one in tx.notices.list(ref) if one.kind == "people" and one.state != "withdrawn"]
    assert sorted(one.language for one in letters) == ["en", "es"]
