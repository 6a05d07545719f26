"""What playbooks/README.md tells a lawyer is true: the list of tests, the worked change, the fault it shows."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from incident_flows.core.conditions import TESTS, parse_condition
from incident_flows.core.facts import Facts
from incident_flows.core.law import Clock, Duty, Exception_, Regime, Version
from incident_flows.errors import KnowledgeError
from incident_flows.knowledge.files import parse_yaml
from incident_flows.knowledge.law_listing import changes, in_words
from incident_flows.knowledge.lawbook import playbooks_root
from incident_flows.knowledge.library import Library

README = (playbooks_root() / "README.md").read_text("utf-8")


def between(name: str) -> str:
    return README.split(f"<!-- {name}: begin -->")[1].split(f"<!-- {name}: end -->")[0]


def worked_change() -> str:
    return between("worked change").strip().removeprefix("```yaml\n").removesuffix("```")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(shutil.copytree(playbooks_root(), tmp_path / "playbooks"))


def carry_out(root: Path, version: str) -> None:
    """Do what the two steps say, to a copy of the file."""
    path = root / "law" / "gg-dpl.yaml"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    duty = lines.index("  tell-authority:\n")
    history = lines.index("    history:\n", duty)
    since = next(number for number in range(history, len(lines)) if "applies_from:" in lines[number])
    lines.insert(since + 1, "      applies_until: 2027-02-28\n")
    lines.insert(history + 1, version)
    path.write_text("".join(lines), "utf-8")


def test_every_test_of_a_condition_stands_in_the_table_and_no_other() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", between("tests"), re.MULTILINE)
    assert sorted(listed) == sorted(TESTS)
    assert len(set(listed)) == len(listed)


def test_every_example_of_the_table_is_a_condition() -> None:
    examples = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", between("tests"), re.MULTILINE)
    assert len(examples) == len(TESTS)
    for name, example in examples:
        [(used, _)] = parse_yaml(example, "README.md").data.items()
        assert used == name
        parse_condition(parse_yaml(example, "README.md").data, place="GB")


def test_the_example_of_a_law_file_is_one() -> None:
    example = README.split("```yaml\n")[1].split("```")[0]
    data = parse_yaml(example, "README.md").data
    data.pop("words")
    regime = Regime.model_validate(data)
    assert regime.faults() == []
    assert list(regime.duties) == ["tell-authority"]


def test_the_keys_it_explains_are_keys_of_the_format() -> None:
    keys = {
        name
        for shape in (Regime, Duty, Version, Clock, Exception_)
        for name, field in shape.model_fields.items()
        for name in (name, field.alias or name)
    }
    for key in (
        "follows",
        "follows_if_incomplete",
        "arises_on",
        "order",
        "hold",
        "relief",
        "guidance",
        "calendar",
        "burden",
        "known_gaps",
        "also_from",
        "voluntary",
        "penalty",
        "late",
        "content",
        "counting",
        "roll",
    ):
        assert key in keys
        assert f"`{key}" in README or f"{key}:" in README, key


def test_the_worked_change_changes_the_deadline_from_its_day_on(root: Path) -> None:
    carry_out(root, worked_change())
    library = Library.load(cache=None, root=root)

    def due(at: datetime) -> datetime | None:
        facts = Facts.model_validate(
            {
                "organisation": {
                    "id": "acme",
                    "establishments": [{"place": "GG", "main": True}],
                    "statuses": [],
                },
                "role": "controller",
                "moments": {"aware_at": at.isoformat()},
                "breach": {"kinds": ["confidentiality"], "exposure": "hostile"},
                "people": {"total": 10, "by_place": {"GG": 10}},
                "harm": {"expected": "high-risk", "because": "fraud"},
            }
        )
        rows = {one.duty: one for one in library.assess(facts, today=date(2026, 11, 22)).obligations}
        return rows["gg-dpl/tell-authority"].running.due_at

    assert due(datetime(2027, 2, 28, 10, tzinfo=UTC)) == datetime(2027, 3, 3, 10, tzinfo=UTC)
    assert due(datetime(2027, 3, 1, 10, tzinfo=UTC)) == datetime(2027, 3, 3, 10, tzinfo=UTC)
    found = {one["duty"]: one for one in changes(library.lawbook, date(2027, 2, 28), date(2027, 3, 1))}
    assert found["gg-dpl/tell-authority"]["change"] == "changes"
    shown = "\n".join(in_words(library.lawbook, "gg-dpl/tell-authority")["lines"])
    assert "From 2027-03-01" in shown
    assert "until 2027-02-28" in shown


def test_a_typo_in_the_worked_change_is_caught_as_the_text_says(root: Path) -> None:
    shown = re.search(r"^gg-dpl\.yaml:(\d+): (.+)$", README, re.MULTILINE)
    assert shown is not None
    carry_out(root, worked_change().replace("standard:", "standrad:"))
    with pytest.raises(KnowledgeError) as caught:
        Library.load(cache=None, root=root)
    said = [fault for fault in caught.value.faults if "standrad" in fault]
    assert said == [shown[0]]


def test_forgetting_to_end_the_old_version_is_caught(root: Path) -> None:
    carry_out(root, worked_change())
    path = root / "law" / "gg-dpl.yaml"
    path.write_text(path.read_text("utf-8").replace("      applies_until: 2027-02-28\n", ""), "utf-8")
    with pytest.raises(KnowledgeError, match="two versions apply on 2027-03-01"):
        Library.load(cache=None, root=root)


def test_it_says_that_it_is_no_legal_advice_and_names_every_folder() -> None:
    assert "not legal advice" in README
    for folder in playbooks_root().iterdir():
        if folder.is_dir() and not folder.name.startswith("_"):
            assert f"`{folder.name}/`" in README, folder.name
