"""A lawbook with bad files does not load: every fault of every file at once, each with file and line."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from incident_flows.errors import KnowledgeError
from incident_flows.knowledge.lawbook import digest_of, load_data, load_lawbook, playbooks_root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the shipped playbooks that a test may spoil."""
    for folder in ("law", "authorities", "policies"):
        shutil.copytree(playbooks_root() / folder, tmp_path / "playbooks" / folder)
    return tmp_path / "playbooks"


def change(root: Path, name: str, old: str, new: str) -> int:
    """Replace the first `old` by `new` and return the line on which it stands."""
    path = root / name
    text = path.read_text("utf-8")
    assert old in text, f"{name} holds no {old!r}"
    path.write_text(text.replace(old, new, 1), "utf-8")
    return text[: text.index(old)].count("\n") + 1


def faults(root: Path) -> list[str]:
    with pytest.raises(KnowledgeError) as caught:
        load_lawbook(root)
    return list(caught.value.faults)


SPOILED = [
    pytest.param(
        "law/eu-gdpr.yaml",
        "standard: without",
        "standrad: without",
        "no key of this format",
        id="typo in a key",
    ),
    pytest.param("law/ch-dsg.yaml", "applies_from: ", "applies_from: 2023-13-01 # ", "date", id="bad date"),
    pytest.param("law/uk-gdpr.yaml", "period: 72 hours", "period: 72 hurs", "is no period", id="bad period"),
    pytest.param(
        "law/tr-kvkk.yaml", "title: ", "title: twice\ntitle: ", "stands already on line", id="duplicate key"
    ),
    pytest.param(
        "law/eu-gdpr.yaml",
        "{finding: restricted-by-national-law}",
        "{finding: restricted-by-natural-law}",
        "no word of findings (did you mean restricted-by-national-law?)",
        id="unknown word",
    ),
    pytest.param(
        "law/eu-gdpr.yaml", "{risk: unlikely}", "{rsik: unlikely}", "'rsik' is no test", id="bad condition"
    ),
    pytest.param(
        "law/eu-gdpr.yaml", "{risk: unlikely}", "{risk: low}", "levels are", id="bad argument of a condition"
    ),
    pytest.param(
        "law/uk-gdpr.yaml",
        "id: gb-ico",
        "id: gb-ioc",
        "stands in no file of authorities/",
        id="unknown authority",
    ),
    pytest.param(
        "law/eu-gdpr.yaml", "scheme: gdpr}", "scheme: gdrp}", "is not in schemes.yaml", id="unknown scheme"
    ),
    pytest.param(
        "law/eu-gdpr.yaml", "place: EEA", "place: EAA", "neither a place nor a group", id="unknown place"
    ),
    pytest.param(
        "law/eu-gdpr.yaml", "starts: aware_at", "starts: awear_at", "is no moment", id="unknown moment"
    ),
    pytest.param(
        "law/eu-gdpr.yaml",
        "follows: tell-authority",
        "follows: tell-autority",
        "is no duty of eu-gdpr",
        id="unknown stage",
    ),
    pytest.param(
        "law/eu-gdpr.yaml", "confidence: high", "confidence: sure", "is not one of", id="unknown confidence"
    ),
    pytest.param(
        "law/eu-gdpr.yaml", "id: eu-gdpr", "id: eu-gpdr", "should be the file's name", id="id unlike the file"
    ),
    pytest.param(
        "authorities/schemes.yaml",
        "{established: EEA}",
        "{established: EAA}",
        "neither a place",
        id="place in a route",
    ),
    pytest.param(
        "authorities/schemes.yaml",
        "{status: eu-institution}",
        "{status: eu-institutoin}",
        "no word of statuses",
        id="word in a route",
    ),
    pytest.param(
        "authorities/eu.yaml", "zone: Europe/", "zone: Urope/", "is no time zone", id="zone of an authority"
    ),
    pytest.param(
        "authorities/eu.yaml",
        "scheme: gdpr,",
        "scheme: gdprr,",
        "is not in schemes.yaml",
        id="scheme an authority claims",
    ),
    pytest.param(
        "authorities/places.yaml",
        "  US: America/New_York",
        "  US: America/New_Yrok",
        "is no time zone",
        id="zone of a place",
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "says"), SPOILED)
def test_one_bad_line_keeps_the_lawbook_from_loading_and_is_named(
    root: Path, name: str, old: str, new: str, says: str
) -> None:
    line = change(root, name, old, new)
    found = faults(root)
    file = Path(name).name
    about = [fault for fault in found if says in fault]
    assert about, found
    [where] = {match[1] for fault in about if (match := re.match(rf"{re.escape(file)}:(\d+): ", fault))} or {
        None
    }
    assert where is not None, about
    assert abs(int(where) - line) <= 6, f"{about} is far from line {line}"
    assert found[-1].endswith("no deadline can be computed until they are fixed.")


def test_all_faults_of_all_files_come_at_once(root: Path) -> None:
    planted = {
        "eu-gdpr.yaml": "no key of this format",
        "ch-dsg.yaml": "date",
        "uk-gdpr.yaml": "is no period",
        "tr-kvkk.yaml": "stands already",
        "il-regs11.yaml": "history: is empty",
        "nl-wbp.yaml": "is no test",
        "at-dsg-2000.yaml": "no word of",
        "je-dpl.yaml": "stands in no file of authorities/",
        "schemes.yaml": "neither a place nor a group",
    }
    change(root, "law/eu-gdpr.yaml", "standard: without", "standrad: without")
    change(root, "law/ch-dsg.yaml", "applies_from: ", "applies_from: 2023-13-01 # ")
    change(root, "law/uk-gdpr.yaml", "period: 72 hours", "period: 72 hurs")
    change(root, "law/tr-kvkk.yaml", "title: ", "title: twice\ntitle: ")
    change(
        root,
        "law/il-regs11.yaml",
        "duties:",
        "duties:\n  spoilt: {title: x, to: {kind: people}, history: []}",
    )
    change(root, "law/nl-wbp.yaml", "{established: NL}", "{estblished: NL}")
    change(root, "law/at-dsg-2000.yaml", "systematic-serious-misuse}", "systematic-misuse}")
    change(root, "law/je-dpl.yaml", "kind: authority, id: ", "kind: authority, id: no-")
    change(root, "authorities/schemes.yaml", "area: EEA", "area: EAA")
    found = faults(root)
    for file, says in planted.items():
        assert any(fault.startswith(f"{file}:") and says in fault for fault in found), (file, found)
    assert sum("eu-gdpr" in fault for fault in found) == 2, (
        "the key that is none, and the key that is missing for it"
    )
    assert found[-1].startswith(f"{len(planted) + 1} faults"), found


def test_a_typo_in_one_place_of_a_file_does_not_hide_another_in_the_same_file(root: Path) -> None:
    change(root, "law/eu-gdpr.yaml", "standard: without", "standrad: without")
    change(root, "law/eu-gdpr.yaml", "{finding: restricted-by-national-law}", "{finding: restricted}")
    found = faults(root)
    assert any("standrad" in fault for fault in found)
    assert any("'restricted' is no word" in fault for fault in found)


def test_a_file_that_cannot_be_read_is_not_held_against_those_that_refer_to_it(root: Path) -> None:
    change(root, "authorities/uk.yaml", "title: ", "title: twice\ntitle: ")
    found = faults(root)
    assert len(found) == 2, found


def test_two_versions_of_a_duty_may_not_both_apply_on_a_day(root: Path) -> None:
    (root / "law" / "zz-made-up.yaml").write_text(
        MADE_UP
        + VERSION.format(row="made-up-1", since="2020-01-01", more="")
        + VERSION.format(row="made-up-2", since="2019-01-01", more="")
    )
    [fault, _] = faults(root)
    assert fault.startswith("zz-made-up.yaml:")
    assert "two versions apply on 2020-01-01" in fault


def test_versions_that_follow_each_other_load(root: Path) -> None:
    (root / "law" / "zz-made-up.yaml").write_text(
        MADE_UP
        + VERSION.format(row="made-up-1", since="2020-01-01", more="")
        + VERSION.format(row="made-up-2", since="2019-01-01", more="\n      applies_until: 2019-12-31")
    )
    assert "zz-made-up" in load_lawbook(root).regimes


def test_a_version_that_ends_before_it_begins_is_refused(root: Path) -> None:
    (root / "law" / "zz-made-up.yaml").write_text(
        MADE_UP
        + VERSION.format(row="made-up-1", since="2020-01-01", more="\n      applies_until: 2019-12-31")
    )
    assert "lies before applies_from" in faults(root)[0]


def test_a_row_without_article_is_refused(root: Path) -> None:
    text = MADE_UP + VERSION.format(row="made-up-1", since="2020-01-01", more="")
    (root / "law" / "zz-made-up.yaml").write_text(text.replace("cite: 'A made-up act, s. 1'", "cite: ''"))
    assert "cite: is empty" in faults(root)[0]


MADE_UP = """\
id: zz-made-up
title: A made-up act
place: SE
duties:
  tell-people:
    title: Tell the people
    to: {kind: people}
    history:
"""
VERSION = """\
    - source_id: {row}
      applies_from: {since}{more}
      clock: {{starts: aware_at, period: 72 hours}}
      standard: within 72 hours
      source: {{cite: 'A made-up act, s. 1', read_on: 2026-11-22, basis: read, confidence: high}}
"""


# The cache


def test_the_cache_gives_the_same_lawbook(root: Path, tmp_path: Path) -> None:
    first, second = load_lawbook(root, cache=tmp_path / "cache"), load_lawbook(root, cache=tmp_path / "cache")
    assert first == second == load_lawbook(root)


def test_a_changed_law_file_is_never_answered_from_the_cache(root: Path, tmp_path: Path) -> None:
    old = load_lawbook(root, cache=tmp_path / "cache")
    change(root, "law/uk-gdpr.yaml", "period: 72 hours", "period: 71 hours")
    new = load_lawbook(root, cache=tmp_path / "cache")
    assert old.sha256 != new.sha256
    assert new.sha256 == digest_of(root)
    assert "71" in new.regimes["uk-gdpr"].model_dump_json()


def test_a_file_added_or_removed_is_noticed(root: Path, tmp_path: Path) -> None:
    load_lawbook(root, cache=tmp_path / "cache")
    (root / "law" / "zz-made-up.yaml").write_text(
        MADE_UP + VERSION.format(row="r-1", since="2020-01-01", more="")
    )
    assert "zz-made-up" in load_lawbook(root, cache=tmp_path / "cache").regimes
    (root / "law" / "zz-made-up.yaml").unlink()
    assert "zz-made-up" not in load_lawbook(root, cache=tmp_path / "cache").regimes


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda raw: raw.replace(b"72", b"71", 1), id="a number changed"),
        pytest.param(lambda raw: raw[: len(raw) // 2], id="cut in half"),
        pytest.param(lambda raw: b"", id="emptied"),
        pytest.param(lambda raw: b"\x00" * 100, id="overwritten"),
    ],
)
def test_a_tampered_cache_is_compiled_anew(root: Path, tmp_path: Path, spoil) -> None:
    cache = tmp_path / "cache"
    honest = load_lawbook(root, cache=cache)
    [kept] = cache.glob("lawbook-*.json")
    spoiled = spoil(kept.read_bytes())
    assert spoiled != kept.read_bytes()
    kept.write_bytes(spoiled)
    assert load_lawbook(root, cache=cache) == honest
    assert kept.read_bytes() != spoiled, "and the cache is mended"


def test_the_cache_of_other_reading_code_is_not_used(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    load_lawbook(root, cache=cache)
    monkeypatch.setattr("incident_flows.knowledge.lawbook._reader", lambda: "another version of the code")
    load_lawbook(root, cache=cache)
    assert len(list(cache.glob("lawbook-*.json"))) == 2


def test_old_cache_files_are_cleared_away(root: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for number in range(7):
        load_data(root / "policies" / "targets.yaml", cache=cache)
        (root / "policies" / "targets.yaml").write_text(f"people: {{hours: {number}}}\n")
    assert len(list(cache.glob("targets-*.json"))) == 4


def test_a_cache_that_cannot_be_written_costs_time_and_nothing_else(root: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert load_lawbook(root, cache=tmp_path / "cache").sha256 == digest_of(root)


def test_policy_data_are_kept_by_their_very_bytes(root: Path, tmp_path: Path) -> None:
    path, cache = root / "policies" / "targets.yaml", tmp_path / "cache"
    first = load_data(path, cache=cache)
    assert load_data(path, cache=cache) == first == json.loads(json.dumps(first))
    path.write_text("people: {hours: 1}\n")
    assert load_data(path, cache=cache) == {"people": {"hours": 1}}
