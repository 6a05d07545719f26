"""What counts as saying another thing, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from incident_flows.core.scope import scoped
from incident_flows.core.story import agrees, differences, said, shown

EXACT = {"at_least": 1020, "at_most": 1020}


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        (EXACT, EXACT, True),
        ({"at_least": 900, "at_most": 1500}, EXACT, True),
        ({"at_least": 900, "at_most": None}, EXACT, True),
        (EXACT, {"at_least": 900, "at_most": 1500}, False),  # taking back a figure is a change of the story
        ({"at_least": 0, "at_most": 1000}, EXACT, False),
        ("2026-11-20T18:00:00+01:00", "2026-11-20T17:00:00+00:00", True),
        ("2026-11-20T18:00:00+01:00", "2026-11-20T18:00:00+00:00", False),
        (["name", "email"], ["email", "name"], True),
        (["name"], ["name", "email"], False),
        ("mistake", "malicious-outsider", False),
        ({"ES": 120}, {"ES": 120, "FR": 3}, False),
        (True, False, False),
    ],
)
def test_what_cannot_both_be_true_differs(before: Any, now: Any, same: bool) -> None:
    assert agrees(before, now) is same


def test_a_new_answer_is_no_difference_and_one_taken_back_is() -> None:
    first = said("N-0001", "", {"breach": {"cause": "mistake"}})
    more = said("N-0002", "", {"breach": {"cause": "mistake"}, "people": {"total": EXACT}})
    assert differences(more, [first]) == []
    [one] = differences(said("N-0003", "", {}), [first])
    assert (one.key, shown(one.before), shown(one.now)) == ("breach.cause", "mistake", "no longer stated")


def test_a_form_that_says_another_thing_from_the_same_facts_is_found() -> None:
    facts = {"breach": {"cause": "mistake"}}

    def form(value: str) -> dict[str, Any]:
        field = {"id": "cause", "key": "breach.cause", "state": "answered", "value": [value]}
        return {"form": "gb-ico", "fields": [field]}

    found = differences(said("N-0002", "", facts, form("Cyber")), [said("N-0001", "", facts, form("Non-cyber"))])
    assert [one.key for one in found] == ["form.gb-ico.cause"]


def test_a_controller_hears_of_its_own_part_only() -> None:
    facts = {
        "organisation": {"id": "h", "controllers": [{"id": "a"}, {"id": "b"}]},
        "people": {"total": EXACT, "groups": ["customers"]},
        "data": {"kinds": ["name", "health"], "protection": "none"},
        "scopes": {"a": {"people": {"total": {"at_least": 7, "at_most": 7}}}},
    }
    mine, other = scoped(facts, "a"), scoped(facts, "b")
    assert mine["people"] == {"total": {"at_least": 7, "at_most": 7}}
    assert other["people"] == {}, "what was not recorded for it is unknown, never the whole"
    assert mine["data"] == {"protection": "none"}
    assert [one["id"] for one in mine["organisation"]["controllers"]] == ["a"]
    assert "scopes" not in mine
