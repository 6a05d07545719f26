"""What the README shows a reader is what the command prints."""

from __future__ import annotations

import pytest

from tests.cli import readme
from tests.cli.readme import BLOCK, Step, played, printed_by, stage, steps_of
from tests.cli.terminal import ROOT, Terminal

PAGE = (ROOT / "README.md").read_text()


def test_every_session_of_the_readme_prints_what_it_shows() -> None:
    with stage() as breach:
        for block in BLOCK.finditer(PAGE):
            steps = steps_of(block["body"]) or []
            printed = [printed_by(breach, step) for step in steps]
            if any(step.printed for step in steps):  # else the page only says what to type
                assert printed == [step.printed for step in steps], (
                    "bring it up to date: python -m tests.cli.readme"
                )


def test_a_page_is_brought_up_to_date_and_then_stays(breach: Terminal) -> None:
    page = (
        "# Page\n\n```console\n$ breach list\nold words\n$ breach open \\\n    nowhere.yaml\n```\n\n"
        "```console\n$ make run\n```\n\n```console\n$ breach up --sample\n```\n\n```\n$ breach list\n```\n"
    )
    now = played(page, breach)
    assert now == page.replace(
        "old words", "No incident is recorded. `breach open FACTS` opens one."
    ).replace(
        "    nowhere.yaml\n",
        "    nowhere.yaml\nbreach: nowhere.yaml: there is no such file; check the path\n",
    )
    assert played(now, breach) == now


def test_steps_are_told_apart_by_their_prompt() -> None:
    assert steps_of("$ breach list\na\n\nb\n$ breach clocks\n") == [
        Step("$ breach list\n", "a\n\nb\n"),
        Step("$ breach clocks\n", ""),
    ]
    assert steps_of("$ breach notify X --filed-as 'A B'\n") == [
        Step("$ breach notify X --filed-as 'A B'\n", "")
    ]
    for other in (
        "",
        "words\n",
        "$ make test\n",
        "$ breach list\n$ ls\n",
        "$ breach up\n",
        "$ breach watch --loop\n",
    ):
        assert steps_of(other) is None


def test_the_folder_a_session_was_played_in_is_not_shown(breach: Terminal) -> None:
    breach.settings["BREACH_MASTER_KEY"] = ""
    (breach.home / "keys").mkdir()
    (breach.home / "keys" / "master.key").write_text("x")
    (breach.home / "keys" / "master.key").chmod(0o644)
    printed = printed_by(breach, Step("$ breach list\n", ""))
    assert f"{readme.HOME_SHOWN}/keys/master.key: other users may read" in printed


def test_a_session_that_breaks_is_no_session(breach: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    from incident_flows.services import show

    monkeypatch.setattr(show, "list_incidents", lambda *_, **__: 1 / 0)
    with pytest.raises(AssertionError, match="unforeseen"):
        printed_by(breach, Step("$ breach list\n", ""))
