"""`breach drill` and `breach task` from the shell."""

from __future__ import annotations

from pathlib import Path

from tests.cli.terminal import Terminal

SAMPLE = Path(__file__).parents[2] / "playbooks" / "samples" / "aimigos-studio.yaml"


def test_scenarios_are_listed_and_one_is_played_without_touching_the_house(breach: Terminal) -> None:
    breach("open", str(SAMPLE))
    before = breach.json("list")
    known = [one["id"] for one in breach.json("drill")]
    assert "ransomware" in known
    said = breach("drill", "misdirected-mail")
    assert said.startswith("DRILL · Message to the wrong reader")
    assert "DRILL over:" in said
    folder = Path(said.rstrip().rpartition("Its record: ")[2])
    assert (folder / "drill.db").is_file()
    assert breach.json("list") == before


def test_an_unknown_scenario_names_those_there_are(breach: Terminal) -> None:
    said = breach.refused("drill", "alien-landing")
    assert "there is no scenario 'alien-landing'" in said
    assert "ransomware" in said


def test_a_task_is_listed_and_ticked_off(breach: Terminal) -> None:
    breach("open", str(SAMPLE))
    assert "lock-and-wipe" in breach("task", "INC-2026-0001")
    assert "is done" in breach("task", "INC-2026-0001", "lock-and-wipe", "--note", "vendor confirms")
    assert "was done before" in breach("task", "INC-2026-0001", "lock-and-wipe")
    done = next(one for one in breach.json("task INC-2026-0001") if one["id"] == "lock-and-wipe")
    assert done["note"] == "vendor confirms"
    assert "no task" in breach.refused("task", "INC-2026-0001", "dance")
