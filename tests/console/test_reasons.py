"""Reasons of the law in the words of the pages."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from incident_flows.console.reasons import in_words
from incident_flows.console.texts import texts_of
from incident_flows.knowledge.facts_files import read_facts
from incident_flows.knowledge.library import Library

SAMPLES = sorted((Path(__file__).parents[2] / "playbooks" / "samples").glob("*.yaml"))
RAW = re.compile(
    r"\b(?:organisation|breach|data|people|harm|moments|findings|narrative)\.[a-z_]+|\b[a-z]+_(?:at|from|until)\b"
)


def said(line: str) -> str:
    return in_words(line, texts_of(), lambda at: f"{at:%a %H:%M}")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("organisation.statuses: none of hipaa-covered, telecom", "Special statuses: none of hipaa covered, telecom"),
        ("data.kinds: name with bank-account", "Which data: name with bank account"),
        ("data.kinds: ssn, which needs no name beside it", "Which data: ssn, which needs no name beside it"),
        ("data.protection is encrypted, key safe", "How they were protected: encrypted, key safe"),
        ("breach.acquired is true", "Were they taken or seen: yes"),
        ("breach.cause is malicious-outsider", "Cause: an outsider who meant harm"),
        ("findings.misuse-not-possible is false", "The finding “misuse not possible”: no"),
        ("moments.aware_at is 2026-11-20T18:00:00+01:00 (from 2018-05-25)",
         "Reasonably certain that personal data are affected since: Fri 18:00 (from 2018-05-25)"),
        ("arises only once moments.order_received_at is recorded, and it is not",
         "arises only once “Order received” is recorded, and it is not"),
        ("counted from detected_at; should_have_known_at not recorded",
         "counted from “First noticed”; “Should have been known since” not recorded"),
        ("the role here is controller", "the role here is controller"),
        ("established in DE-BW", "established in DE-BW"),
    ],
)  # fmt: skip
def test_a_reason_is_said_in_the_words_of_the_page(line: str, shown: str) -> None:
    assert said(line) == shown


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_no_reason_of_any_duty_shows_a_path_or_a_code(sample: Path, library: Library) -> None:
    facts = read_facts(sample, lawbook=library.lawbook, profiles=library.profiles)
    found = library.assess(facts, today=date(2026, 11, 22), explain=True)
    lines = {line for one in found.obligations for line in one.because}
    assert len(lines) >= 10
    coded = re.compile(r"^[\w.]+(?:: | is )")
    assert any(coded.match(line) for line in lines), "the lines are not raw to begin with"
    for line in lines:
        assert not RAW.search(said(line)), line


def test_every_method_of_risk_has_a_title(library: Library) -> None:
    facts = read_facts(SAMPLES[0], lawbook=library.lawbook, profiles=library.profiles)
    methods = library.assess(facts, today=date(2026, 11, 22), explain=True).risk.methods
    assert len(methods) > 5
    assert [one.id for one in methods if texts_of().word("method", one.id) == one.id] == []
