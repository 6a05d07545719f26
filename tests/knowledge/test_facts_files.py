"""Facts and profiles as people write them, and changes laid over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from incident_flows.errors import InputError, NotFoundError
from incident_flows.knowledge.facts_files import Profiles, change_from, merged

ODD_IDS = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "a\\b",
    "a.b",
    "-a",
    "a-",
    "a--b",
    "a b",
    "ä",
    "a\n",
    "a" * 41,
    "a\0",
]


def test_own_profiles_win_over_those_shipped(tmp_path: Path) -> None:
    (tmp_path / "nero-ag.yaml").write_text("id: nero-ag\nlegal_name: Ours\n")
    assert Profiles.at(tmp_path).get("nero-ag").legal_name == "Ours"
    assert Profiles.at(tmp_path).get("video-gen").id == "video-gen"


@pytest.mark.parametrize("id_", ODD_IDS)
def test_an_id_never_leads_out_of_the_folder(tmp_path: Path, id_: str) -> None:
    (tmp_path / "x.yaml").write_text("id: x\n")
    (tmp_path / "own").mkdir()
    with pytest.raises(NotFoundError, match="has no profile"):
        Profiles.at(tmp_path / "own").get(id_)


def test_a_change_sets_one_key_and_leaves_its_neighbours() -> None:
    old = {"people": {"total": 3, "by_place": {"ES": 1}}, "role": "controller"}
    change = change_from(["people.by_place.GB=2", "role=null"])
    assert merged(old, change) == {"people": {"total": 3, "by_place": {"ES": 1, "GB": 2}}}
    assert old == {"people": {"total": 3, "by_place": {"ES": 1}}, "role": "controller"}


def test_values_of_a_change_are_read_like_a_facts_file() -> None:
    change = change_from(
        ["data.kinds=[name, email]", "breach.acquired=true", "people.by_place.NO=3", "title=NO"]
    )
    assert change == {
        "data": {"kinds": ["name", "email"]},
        "breach": {"acquired": True},
        "people": {"by_place": {"NO": 3}},
        "title": "NO",
    }


@pytest.mark.parametrize("pair", ["", "=", "a", "a..b=1", ".a=1", "a.=1", "a.b.c.d.e.f.g.h.i=1"])
def test_a_key_must_name_a_fact(pair: str) -> None:
    with pytest.raises(InputError):
        change_from([pair])
