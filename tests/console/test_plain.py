"""Refusals in the words of the pages: no option of the terminal, and no command that has a button."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from incident_flows.console.plain import COMMANDS, OPTIONS, for_people
from incident_flows.console.texts import texts_of
from incident_flows.knowledge.languages import language_named

SERVICES = Path(__file__).parents[2] / "incident_flows" / "services"
# what is done at a terminal only: no page has a button for it
TERMINAL_ONLY = {
    "account add", "account bind", "drill", "letters", "recipients shred", "up", "verify", "watch",
}  # fmt: skip
# messages no page shows: mails to the team, the record's own read-me, and what closing lists for a terminal
NO_PAGE = {"page_team.py", "fire.py", "dossier.py"}


def _messages() -> Iterator[tuple[str, str]]:
    """Every text in the services that names an option or a command, its blanks filled with what may stand there."""
    for path in sorted(SERVICES.rglob("*.py")):
        tree = ast.parse(path.read_text())
        docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        within = {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.JoinedStr)
            for part in ast.walk(node)
            if part is not node
        }
        for node in ast.walk(tree):
            if id(node) in docs | within:
                continue
            text = None
            if isinstance(node, ast.JoinedStr):
                text = "".join(
                    str(part.value) if isinstance(part, ast.Constant) else _blank(ast.unparse(part))
                    for part in node.values
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            if text and (re.search(r"(?<![\w-])--[a-z]", text) or "`breach " in text):
                yield path.name, text


def _blank(code: str) -> str:
    return "N-0001" if "notice" in code or "last" in code else "INC-2026-0001" if "ref" in code else "X"


MESSAGES = [pair for pair in _messages() if pair[0] not in NO_PAGE and not pair[1].startswith("breach ")]


def test_there_are_messages_to_look_at() -> None:
    assert len(MESSAGES) > 70


@pytest.mark.parametrize(("where", "message"), MESSAGES)
def test_no_message_of_a_service_reaches_a_page_in_the_terminals_words(where: str, message: str) -> None:
    shown = for_people(message, texts_of())
    left = re.findall(r"`breach ([^`]+)`", shown)
    named = [re.sub(r" [A-Z]\S*", "", command.replace("\n", " ")) for command in left]
    assert [one for one in named if not one.startswith(tuple(TERMINAL_ONLY))] == [], where
    outside = re.sub(r"`[^`]*`", "", shown)
    assert not re.search(r"(?<![\w-])--[a-z]", outside), f"{where}: {shown}"
    assert "`" not in outside


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("INC-2026-0001 is closed; `breach close INC-2026-0001 --reopen` opens it again",
         "INC-2026-0001 is closed; “Open it again” on the page “Close” opens it again"),
        ("--because: a decision needs its reason; write one sentence",
         "“Because”: a decision needs its reason; write one sentence"),
        ("wave 1 is out; look at it, then --resume",
         "wave 1 is out; look at it, then press “Go on” on the page of the notice"),
        ("read it again with `breach show INC-2026-0001 --notice N-0002`",
         "read it again with the page of N-0002"),
        ("once delivered: `breach notify INC-2026-0001 N-0001 --filed-as REFERENCE`",
         "once delivered: “Record it” on the page of N-0001"),
        ("a person confirms it (--to MAILBOX) or files by hand",
         "a person confirms it (“A mailbox you have checked yourself”) or files by hand"),
        ("`breach account add NAME --role handler` creates it", "`breach account add NAME --role handler` creates it"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_button_and_its_page(message: str, shown: str) -> None:
    assert for_people(message, texts_of()) == shown


def test_every_button_and_field_named_has_its_text() -> None:
    keys = {*OPTIONS.values(), *(key for _, button, page in COMMANDS for key in (button, page) if key)}
    assert [key for key in keys if key not in texts_of()] == []


def test_a_language_is_named_and_its_code_stays_beside_it() -> None:
    assert language_named("el") == "Modern Greek (el)"
    assert language_named("pt-BR") == "Portuguese, Brazil (pt-BR)"
    assert language_named("") == ""
    assert language_named("no language") == "no language"
