"""`breach assess` from the shell: fast, pure, readable; the lawbook from a cache that is never stale."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "playbooks" / "samples"
AIMIGOS = SAMPLES / "aimigos-studio.yaml"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def breach(home: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "incident_flows.cli.main", *words],
        env={**os.environ, "BREACH_HOME": str(home)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=check,
        timeout=60,
    )


def test_the_whole_answer_comes_as_json(home: Path) -> None:
    found = json.loads(breach(home, "assess", str(AIMIGOS), "--json").stdout)
    assert found["format"] == 1
    assert found["risk"]["level"] == "high"
    row = next(one for one in found["obligations"] if one["id"] == "eu-gdpr/tell-authority@es-aepd")
    assert row["due_at"] == "2026-11-23T17:00:00Z"
    assert row["due_local"] == "2026-11-23T18:00:00+01:00[Europe/Madrid]"
    assert (row["status"], row["source_id"], row["confidence"]) == ("owed", "gdpr-33-1-sa", "high")
    assert found["not_covered"] == []


def test_several_files_give_one_object_a_line(home: Path) -> None:
    lines = breach(home, "assess", str(AIMIGOS), str(SAMPLES / "nero-ag.yaml"), "--json").stdout.splitlines()
    assert [json.loads(line)["organisation"] for line in lines] == ["aimigos-studio", "nero-ag"]


def test_the_same_facts_give_the_same_bytes_in_every_process(home: Path) -> None:
    def once(seed: str) -> str:
        environ = {**os.environ, "BREACH_HOME": str(home), "PYTHONHASHSEED": seed}
        command = [sys.executable, "-m", "incident_flows.cli.main", "assess", str(AIMIGOS), "--json"]
        return subprocess.run(
            command, env=environ, cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout

    assert once("1") == once("2")


def test_neither_prefect_nor_a_database_is_imported(home: Path) -> None:
    program = (
        "import sys\nsys.argv = ['breach', 'assess', sys.argv[1], '--json']\n"
        "from incident_flows.cli.main import app\n"
        "try:\n    app(prog_name='breach')\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = [n for n in ('prefect', 'sqlalchemy', 'sqlmodel', 'alembic', 'fastapi', 'pycountry', 'babel', 'httpx',"
        " 'rich', 'jinja2', 'cryptography', 'sendgrid') if n in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    breach(home, "assess", str(AIMIGOS))  # compiles the lawbook, which needs more
    done = subprocess.run(
        [sys.executable, "-c", program, str(AIMIGOS)],
        env={**os.environ, "BREACH_HOME": str(home)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_nothing_but_the_cache_is_written(home: Path) -> None:
    breach(home, "assess", str(AIMIGOS))
    assert {path.name for path in home.iterdir()} == {"cache"}


def test_the_path_through_each_rule_is_explained_with_its_clause(home: Path) -> None:
    said = breach(home, "assess", str(AIMIGOS), "--explain").stdout
    begin = said.index("OWED (eu-gdpr/tell-authority@es-aepd)")
    part = said[begin : said.index("\n\n", begin)]
    for piece in (
        "reaches this breach if it is established in EEA or people live in EEA: yes (established in ES)",
        "duty of controller or joint-controller: yes (role is controller)",
        "unless the risk to people is unlikely: no (risk to people is high)",
        "Clause: Regulation (EU) 2016/679, Art. 33(1) and (3)",
        "Clock: from aware_at, 2026-11-20 17:00Z",
        "72 hours elapse from the start",
    ):
        assert piece in part, (piece, part)


def test_doubts_are_shown_wherever_a_row_is(home: Path, tmp_path: Path) -> None:
    facts = tmp_path / "facts.yaml"
    facts.write_text(
        "organisation: {id: acme, establishments: [{place: TH, main: true}], statuses: [], sectors: []}\n"
        "role: controller\nmoments: {aware_at: '2026-11-20T18:00:00+07:00'}\nbreach: {kinds: [confidentiality]}\n"
        "people: {total: 10, by_place: {TH: 10}}\nharm: {expected: high-risk, because: fraud}\n"
    )
    found = json.loads(breach(home, "assess", str(facts), "--json").stdout)
    doubtful = [
        one for one in found["obligations"] if one["confidence"] != "high" and one["status"] == "owed"
    ]
    said = breach(home, "assess", str(facts)).stdout
    for one in doubtful:
        assert f"! {one['duty']}: confidence {one['confidence']}" in said


def test_a_place_no_law_speaks_of_is_said_aloud(home: Path, tmp_path: Path) -> None:
    facts = tmp_path / "facts.yaml"
    facts.write_text(
        "organisation: {id: acme, establishments: [{place: GP, main: true}]}\nrole: controller\n"
        "moments: {aware_at: '2026-11-20T18:00:00-04:00'}\npeople: {total: 10, by_place: {GP: 7, TD: 3}}\n"
    )
    found = json.loads(breach(home, "assess", str(facts), "--json").stdout)
    assert [gap["place"] for gap in found["not_covered"]] == ["GP", "TD"]
    said = breach(home, "assess", str(facts)).stdout
    assert "NOT COVERED" in said
    assert "Guadeloupe" in said


def test_every_fault_of_every_file_is_named_and_nothing_is_answered_for_them(
    home: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("organisation: aimigos-studio\nrole: owner\npeople: {by_place: {XX: 3}}\n")
    done = breach(home, "assess", str(bad), check=False)
    assert done.returncode == 1
    assert "bad.yaml:2" in done.stderr


def test_a_lawbook_with_a_fault_answers_nothing(home: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(ROOT / "playbooks", tmp_path / "playbooks"))
    path = copy / "law" / "uk-gdpr.yaml"
    path.write_text(path.read_text("utf-8").replace("period: 72 hours", "period: 72 hurs", 1), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "incident_flows.cli.main", "assess", str(AIMIGOS)],
        env={**os.environ, "BREACH_HOME": str(home), "BREACH_PLAYBOOKS": str(copy)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "uk-gdpr.yaml:" in done.stderr
    assert "no deadline can be computed" in done.stderr


def test_a_bill_counts_only_in_a_what_if(home: Path) -> None:
    live = json.loads(breach(home, "assess", str(AIMIGOS), "--json").stdout)
    supposed = json.loads(breach(home, "assess", str(AIMIGOS), "--json", "--what-if").stdout)
    assert "what_if" in supposed
    assert "what_if" not in live

    def due(result: dict[str, object], id_: str) -> object:
        return next((one["due_at"] for one in result["obligations"] if one["id"] == id_), None)  # type: ignore[index,attr-defined]

    assert due(live, "eu-omnibus/tell-authority@es-aepd") is None


def test_the_law_of_another_day_may_be_asked_for(home: Path) -> None:
    found = json.loads(breach(home, "assess", str(AIMIGOS), "--json", "--as-of", "2017-01-01").stdout)
    assert found["law_as_of"] == "2017-01-01"
    assert not any(one["duty"] == "eu-gdpr/tell-authority" for one in found["obligations"])
    done = breach(home, "assess", str(AIMIGOS), "--as-of", "2017-13-01", check=False)
    assert (done.returncode, "is not a date" in done.stderr) == (1, True)


# Sixty places at once


MANY = ROOT / "tests" / "cases" / "many-jurisdictions.yaml"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The facts of the situation that touches sixty places."""
    import yaml

    path = tmp_path_factory.mktemp("many") / "many.yaml"
    data = yaml.safe_load(MANY.read_text("utf-8").replace("NO:", "'NO':"))
    path.write_text(json.dumps({**data["base"], **data["cases"][0].get("facts", {})}, default=str))
    return path


def test_sixty_places_at_once_give_one_complete_list_soonest_first(home: Path, many: Path) -> None:
    found = json.loads(breach(home, "assess", str(many), "--json").stdout)
    places = json.loads(many.read_text())["people"]["by_place"]
    assert len(places) == 60
    live = [one for one in found["obligations"] if one["status"] != "not-owed"]
    ends = [one["due_at"] or one["provisional_due_at"] or one["target_at"] for one in live]
    dated = [datetime.fromisoformat(end.replace("Z", "+00:00")) for end in ends if end]
    assert dated == sorted(dated)
    assert None not in ends[: len(dated)], "those without any instant come last"
    assert len(dated) > 60
    assert len({one["id"] for one in found["obligations"]}) == len(found["obligations"])
    rows = json.loads(breach(home, "law", "list", "--json").stdout)
    jurisdiction = {row["duty"]: row["jurisdiction"] for row in rows}
    told = {jurisdiction[one["duty"]] for one in found["obligations"]}
    groups = {"EEA": {"DE", "FR", "ES", "IT", "NL", "PL", "SE", "NO", "IE", "AT"}, "EU": set()}
    silent = {
        place
        for place in places
        if not {place, place.partition("-")[0], *(g for g, members in groups.items() if place in members)}
        & told
    } - {gap["place"] for gap in found["not_covered"]}
    assert silent == set()


def test_sixty_places_can_be_read_on_a_terminal(home: Path, many: Path) -> None:
    said = breach(home, "assess", str(many)).stdout
    lines = said.splitlines()
    assert max(len(line) for line in lines if "─" in line or "  " in line) < 1200
    assert any("Information Commissioner" in line for line in lines)
    assert said.count("OVERDUE") + said.count(" d ") > 40
