"""`breach law list | show | check | diff | reassess` from the shell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "playbooks" / "samples"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def breach(home: Path, *words: str, check: bool = True, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "incident_flows.cli.main", *words],
        env={**os.environ, "BREACH_HOME": str(home), **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=check,
        timeout=120,
    )


def test_the_list_as_json_has_one_object_a_row(home: Path) -> None:
    found = json.loads(breach(home, "law", "list", "--json").stdout)
    assert len(found) > 500
    assert {
        "duty",
        "source_id",
        "jurisdiction",
        "addressee",
        "cite",
        "status",
        "applies_from",
        "applies_until",
        "confidence",
        "read_on",
    } <= found[0].keys()


def test_the_list_for_people_says_how_many_rows_are_in_doubt(home: Path) -> None:
    said = breach(home, "law", "list", "--place", "GB").stdout
    assert "confidence" in said
    assert "rows are below high confidence" in said


def test_a_place_without_a_regime_is_refused(home: Path) -> None:
    done = breach(home, "law", "list", "--place", "Germany", check=False)
    assert (done.returncode, "no regime of 'Germany'" in done.stderr) == (1, True)


def test_rows_left_out_come_with_a_reason(home: Path) -> None:
    found = json.loads(breach(home, "law", "list", "--excluded", "--json").stdout)
    assert all(one["source_id"] and one["because"] for one in found)


def test_a_duty_is_shown_with_the_situations_that_test_it(home: Path) -> None:
    said = breach(home, "law", "show", "eu-gdpr/tell-authority").stdout
    assert "An unlikely risk is only recorded (eu-gdpr.yaml:" in said
    found = json.loads(breach(home, "law", "show", "eu-gdpr/tell-authority", "--json").stdout)
    assert found["history"][0]["source"]["cite"].startswith("Regulation (EU) 2016/679, Art. 33(1)")
    assert found["tested_by"]


def test_a_duty_of_a_folder_without_situations_is_shown_without_them(home: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(ROOT / "playbooks", tmp_path / "playbooks")
    said = breach(home, "law", "show", "eu-gdpr/tell-authority", BREACH_PLAYBOOKS=str(copy)).stdout
    assert "Tested by" not in said


def test_an_unknown_duty_is_refused_with_what_there_is(home: Path) -> None:
    done = breach(home, "law", "show", "eu-gdpr/tell", check=False)
    assert done.returncode == 1
    assert "eu-gdpr/tell-authority" in done.stderr


def test_the_shipped_files_have_no_fault(home: Path) -> None:
    assert breach(home, "law", "check").stdout.splitlines()[-1].endswith("no fault")
    assert json.loads(breach(home, "law", "check", "--json").stdout)["regimes"] > 100


def test_a_difference_of_dates_is_shown(home: Path) -> None:
    found = json.loads(breach(home, "law", "diff", "2018-05-24", "2018-05-25", "--json").stdout)
    assert {"duty": "eu-gdpr/tell-authority", "change": "begins", "on": "2018-05-25"}.items() <= next(
        one for one in found if one["duty"] == "eu-gdpr/tell-authority"
    ).items()
    assert all(one["incidents"] == [] for one in found)
    assert not (home / "breach.db").exists(), "asking about the law makes no database"
    done = breach(home, "law", "diff", "2018-05-24", "25.5.2018", check=False)
    assert (done.returncode, "write 2026-11-20" in done.stderr) == (1, True)


def test_open_incidents_are_named_and_answered_anew(tmp_path: Path) -> None:
    home, copy = tmp_path / "home", Path(shutil.copytree(ROOT / "playbooks", tmp_path / "playbooks"))

    def here(*words: str) -> str:
        return breach(home, *words, BREACH_PLAYBOOKS=str(copy)).stdout

    ref = json.loads(here("open", str(SAMPLES / "aimigos-studio.yaml"), "--json"))["id"]
    changed = json.loads(here("law", "diff", "2018-05-24", "2018-05-25", "--json"))
    assert next(one for one in changed if one["duty"] == "eu-gdpr/tell-authority")["incidents"] == [ref]
    assert "breach law reassess" in here("law", "diff", "2018-05-24", "2018-05-25")
    assert "1 answered under it already" in here("law", "reassess")
    path = copy / "law" / "uk-gdpr.yaml"
    path.write_text(path.read_text("utf-8").replace("period: 72 hours", "period: 71 hours", 1), "utf-8")
    assert f"{ref}: uk-gdpr/tell-authority@gb-ico" in here("law", "reassess")
    report = json.loads(here("law", "reassess", "--json"))
    assert {"open": 1, "skipped": 1, "same": 0, "changed": [], "failed": []}.items() <= report.items()
