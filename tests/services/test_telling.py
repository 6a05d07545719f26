"""What one addressee's line on the board says, for every way a notice can stand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from incident_flows.services.telling import Progress, Telling, tellings

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def _row(**but: Any) -> Any:
    row = {
        "oid": "uk-gdpr/tell-authority@gb-ico", "duty": "uk-gdpr/tell-authority", "addressee_kind": "authority",
        "addressee_id": "gb-ico", "reach": "yes", "status": "owed", "decided": None, "running": True, "met_at": None,
        "due_at": NOW + timedelta(hours=9), "provisional_due_at": None, "target_at": None, "detail": {},
    }  # fmt: skip
    return SimpleNamespace(**{**row, **but})


def _people(law: str, **but: Any) -> Any:
    row = _row(oid=f"{law}/tell-people@people", duty=f"{law}/tell-people", addressee_kind="people", addressee_id=None)
    return SimpleNamespace(**{**vars(row), "due_at": None, **but})


def _notice(state: str, ref: str = "N-0001", **but: Any) -> Any:
    notice = {"ref": ref, "oid": "uk-gdpr/tell-authority@gb-ico", "state": state, "missing": [], "route": {}}
    return SimpleNamespace(**{**notice, **but})


def _one(row: Any, *notices: Any, progress: tuple[Progress, ...] = ()) -> Telling:
    [found] = tellings([row], notices, progress, now=NOW)
    return found


@pytest.mark.parametrize(
    ("but", "states", "state", "done"),
    [
        ({}, (), "ClockStarted", False),
        ({"due_at": None, "provisional_due_at": NOW}, (), "ProvisionalClock", False),
        ({"due_at": None}, (), "Owed", False),
        ({"status": "undetermined"}, (), "Undecided", False),
        ({"status": "undetermined", "decided": "owed"}, (), "ClockStarted", False),
        ({"status": "undetermined"}, ("draft",), "Drafting", False),
        ({}, ("awaiting-approval",), "AwaitingApproval", False),
        ({}, ("approved",), "Approved", False),
        ({}, ("sending",), "Sending", False),
        ({}, ("failed",), "Failed", False),
        ({}, ("filed",), "MoreToFile", False),
        ({}, ("filed", "draft"), "Drafting", False),
        ({}, ("withdrawn",), "ClockStarted", False),
        ({"due_at": NOW}, (), "Overdue", False),
        ({"due_at": NOW}, ("awaiting-approval",), "Overdue", False),
        ({"due_at": NOW}, ("sending",), "Sending", False),
        ({"due_at": NOW}, ("in-doubt",), "InDoubt", False),
        ({"due_at": None, "provisional_due_at": NOW - timedelta(days=1)}, (), "ProvisionalClock", False),
        ({"running": False, "met_at": NOW}, ("filed",), "Filed", True),
        ({"running": False, "met_at": NOW}, ("sent",), "Sent", True),
        ({"running": False, "met_at": NOW, "due_at": NOW - timedelta(days=1)}, ("filed",), "Filed", True),
        ({"running": False, "met_at": NOW}, (), "Met", True),
        ({"running": False, "decided": "not-owed"}, (), "NotOwed", True),
    ],
)
def test_the_state_that_speaks(but: dict[str, Any], states: tuple[str, ...], state: str, done: bool) -> None:
    found = _one(_row(**but), *(_notice(one) for one in states))
    assert (found.state, found.done) == (state, done)


def test_what_nobody_works_on_has_no_line() -> None:
    idle = [
        _row(reach="unknown", status="undetermined"), _row(running=False, status="not-owed"),
        _row(addressee_kind="record", oid="uk-gdpr/keep-record@record"),
    ]  # fmt: skip
    assert tellings(idle, (), (), now=NOW) == ()
    assert _one(_row(reach="unknown", status="undetermined", decided="owed")).state == "ClockStarted"


def test_one_letter_stands_under_every_law_it_covers() -> None:
    rows = [_people("eu-gdpr"), _people("uk-gdpr")]
    covers = {"covers": [row.oid for row in rows]}
    found = tellings(rows, [_notice("approved", oid=rows[0].oid, route=covers)], (), now=NOW)
    assert [(one.name, one.state) for one in found] == [
        ("notice to people · eu-gdpr", "Approved"), ("notice to people · uk-gdpr", "Approved"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("states", "state"),
    [({"delivered": 45}, "Delivered"), ({"delivered": 44, "bounced": 1}, "Sent"), ({"sent": 45}, "Sent")],
)
def test_letters_are_delivered_once_the_provider_said_so_of_all(states: dict[str, int], state: str) -> None:
    row = _people("eu-gdpr", running=False, met_at=NOW)
    progress = (Progress("N-0001", 45, 45, states),)
    found = _one(row, _notice("sent", oid=row.oid), progress=progress)
    assert found.state == state
    assert "45 of 45 told" in found.message


def test_names_are_short_and_no_two_alike() -> None:
    def named(*oids: str) -> list[str]:
        rows = [
            _row(oid=oid, duty=oid.partition("@")[0], addressee_id=oid.partition("@")[2]) for oid in oids
        ]
        return [one.name for one in tellings(rows, (), (), now=NOW)]

    assert named("uk-gdpr/tell-authority@gb-ico") == ["ICO notice"]
    assert named("us-ca/tell-authority@us-ca-ag") == ["CA AG notice"]
    assert named("uk-gdpr/tell-authority@gb-ico", "uk-pecr/tell-authority@gb-ico") == [
        "ICO notice · uk-gdpr", "ICO notice · uk-pecr",
    ]  # fmt: skip
    assert named("uk-gdpr/tell-authority-more@gb-ico") == ["ICO notice · more"]
