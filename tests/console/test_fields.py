"""Forms of facts: what is shown comes back unchanged, only what is changed changes, unknown stays unknown."""

from __future__ import annotations

from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from incident_flows.console.fields import SECTIONS, Field, Form, change_from, field_for, put, sections
from incident_flows.core.facts import Facts, Moments
from incident_flows.errors import InputError
from incident_flows.knowledge.facts_files import dumped, merged, read_facts
from incident_flows.knowledge.library import Library
from tests.cli.terminal import SAMPLES

MADRID = ZoneInfo("Europe/Madrid")
ALL = ["nero-studio", "aimigos-studio", "nero-ag", "video-gen", "terran-studio"]


def label(path: str) -> str:
    return path


def _fields(library: Library) -> list[Field]:
    return [field for _, fields in sections(library.lawbook.words) for field in fields]


def _sent(facts: dict[str, Any], fields: list[Field], zone: ZoneInfo = MADRID, **other: str) -> Form:
    pairs: list[tuple[str, str]] = []
    for field in fields:
        pairs.append((f"{field.path}?", "1"))
        shown = field.shown(facts, zone)
        if field.path in other:
            pairs.append((field.path, other[field.path]))
        elif isinstance(shown, list):
            pairs += [(field.path, word) for word in shown]
        elif shown is not None:
            pairs.append((field.path, shown))
    return Form(pairs)


@pytest.mark.parametrize("sample", ALL)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Madrid", "Asia/Kolkata", "America/St_Johns"])
def test_a_form_sent_back_as_it_came_changes_nothing(library: Library, sample: str, zone: str) -> None:
    facts = dumped(read_facts(SAMPLES / f"{sample}.yaml", lawbook=library.lawbook, profiles=library.profiles))
    fields = _fields(library)
    assert (
        change_from(_sent(facts, fields, ZoneInfo(zone)), facts, fields, zone=ZoneInfo(zone), label=label)
        == {}
    )


def test_only_what_was_changed_changes_and_a_place_no_longer_named_is_taken_away(library: Library) -> None:
    facts = dumped(
        read_facts(SAMPLES / "aimigos-studio.yaml", lawbook=library.lawbook, profiles=library.profiles)
    )
    fields = _fields(library)
    form = _sent(
        facts, fields, **{"people.by_place": "ES=100 PT=3", "breach.medium": "", "people.total": "900-"}
    )
    change = change_from(form, facts, fields, zone=MADRID, label=label)
    assert change == {
        "people": {"by_place": {"ES": 100, "GB": None, "PT": 3}, "total": {"at_least": 900, "at_most": None}},
        **({"breach": {"medium": None}} if "medium" in facts["breach"] else {}),
    }
    after = merged(facts, change)
    assert after["people"]["by_place"] == {"ES": 100, "PT": 3}
    assert Facts.model_validate(after).people.total.at_most is None  # type: ignore[union-attr]
    assert after["moments"] == facts["moments"]


def test_none_of_these_is_known_and_nothing_ticked_is_not_known(library: Library) -> None:
    field = field_for("harm.measures", library.lawbook.words)
    assert field is not None
    assert field.read(Form([]), zone=MADRID, label="x") is None
    assert field.read(Form([("harm.measures", "-none-")]), zone=MADRID, label="x") == []
    with pytest.raises(InputError, match="none of these"):
        field.read(Form([("harm.measures", "-none-"), ("harm.measures", "restored")]), zone=MADRID, label="x")
    with pytest.raises(InputError, match="offered"):
        field.read(Form([("harm.measures", "magic")]), zone=MADRID, label="x")


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("moments.aware_at", "2026-11-20T18:00", "2026-11-20T18:00:00+01:00"),
        ("moments.aware_at", "2026-07-20T18:00", "2026-07-20T18:00:00+02:00"),
        ("moments.aware_at", "2026-07-20T18:00:00-05:00", "2026-07-20T18:00:00-05:00"),
        ("people.total", "1020", 1020),
        ("people.total", "900-1500", {"at_least": 900, "at_most": 1500}),
        ("people.by_place", "es=120, us-ca=40", {"ES": 120, "US-CA": 40}),
        ("organisation.establishments", "es main, PT", [{"place": "ES", "main": True}, {"place": "PT"}]),
        ("data.unavailable_hours", "1,5", 1.5),
        ("breach.acquired", "no", False),
        ("findings.danger-to-life", "yes", True),
    ],
)
def test_what_a_person_writes_is_read(library: Library, path: str, text: str, expected: Any) -> None:
    field = field_for(path, library.lawbook.words)
    assert field is not None
    assert field.read(Form([(path, text)]), zone=MADRID, label=path) == expected


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("moments.aware_at", "2026-03-29T02:30", "skipped"),
        ("moments.aware_at", "2026-10-25T02:30", "twice"),
        ("moments.aware_at", "yesterday", "no date and time"),
        ("people.total", "1.020", "whole number"),
        ("people.total", "minus one", "whole number"),
        ("people.by_place", "ES", "PLACE=COUNT"),
        ("people.by_place", "ES=1 es=2", "twice"),
        ("breach.cause", "aliens", "offered"),
        ("organisation.establishments", "ES chief", "main"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_name_and_never_repeated(
    library: Library, path: str, text: str, says: str
) -> None:
    field = field_for(path, library.lawbook.words)
    assert field is not None
    with pytest.raises(InputError, match=says) as refused:
        field.read(Form([(path, text)]), zone=MADRID, label="Here")
    assert str(refused.value).startswith("Here: ")
    assert text not in str(refused.value).replace("such as ES", "")


def test_every_question_of_the_samples_can_be_answered_or_is_known_not_to_be(library: Library) -> None:
    from datetime import date

    cannot = set()
    for sample in ALL:
        facts = read_facts(SAMPLES / f"{sample}.yaml", lawbook=library.lawbook, profiles=library.profiles)
        for question in library.assess(facts, today=date(2026, 11, 22)).questions:
            if field_for(question["fact"], library.lawbook.words) is None:
                cannot.add(question["fact"])
    assert cannot <= {"risk.level", "holds", "organisation.controllers"}


def test_every_single_fact_of_the_model_has_a_field(library: Library) -> None:
    recorded = {"authority_told_at", "submitted_at", "submitted_complete"}  # the ledger's own
    shown = {field.path for field in _fields(library)}
    for group in SECTIONS:
        model = next(one for one in (Facts.model_fields[group].annotation,) if one is not None)
        for name in model.model_fields:
            if group != "harm" and name not in recorded:
                assert f"{group}.{name}" in shown, f"{group}.{name}"
    assert get_args(Moments.model_fields["aware_at"].annotation)


def test_a_path_that_leads_nowhere_has_no_field(library: Library) -> None:
    for path in (
        "nowhere",
        "moments.nowhere",
        "findings.no-such-word",
        "moments.submitted_at",
        "title.x",
        "holds",
    ):
        assert field_for(path, library.lawbook.words) is None
    facts: dict[str, Any] = {}
    put(facts, "people.total", 1)
    put(facts, "people.total", None)
    assert facts == {"people": {}}
