"""Plays the sessions that a page shows, and writes what they print: `python -m tests.cli.readme [PAGE.md]`.

A session is a block marked `console` all of whose commands are `$ breach …`. Sessions of a page are played in
order, in one new installation, at one frozen moment, from a folder that looks like this repository's root. A
block with a command that does not end by itself, such as `breach up`, is not played.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from incident_flows import clock
from tests.cli.terminal import ROOT, Terminal

BLOCK = re.compile(r"^```console\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = "$ "
ENDLESS = (("up",), ("watch", "--loop"))
HOME_SHOWN = "~/.local/share/breach"  # what readers see instead of the folder the session was played in


@dataclass(frozen=True)
class Step:
    """One command of a session, and what it prints.

    Attributes:
        typed: The line or lines as they stand on the page, prompt included.
        printed: Everything up to the next prompt.
    """

    typed: str
    printed: str

    @property
    def words(self) -> list[str]:
        """Return the words after `breach`."""
        return shlex.split(self.typed.removeprefix(PROMPT).replace("\\\n", " "))[1:]


def steps_of(body: str) -> list[Step] | None:
    """Return the steps of a block, or None if it is no session of ours, or one without end."""
    steps: list[Step] = []
    lines = iter(body.splitlines(keepends=True))
    for line in lines:
        if line.startswith(PROMPT):
            typed = line
            while typed.endswith("\\\n"):
                typed += next(lines, "\n")
            steps.append(Step(typed, ""))
        elif steps:
            steps[-1] = Step(steps[-1].typed, steps[-1].printed + line)
        else:
            return None
    if not steps or not all(
        step.typed.startswith((f"{PROMPT}breach ", f"{PROMPT}breach\n")) for step in steps
    ):
        return None
    if any(set(endless) <= set(step.words) for step in steps for endless in ENDLESS):
        return None
    return steps


def played(page: str, breach: Terminal) -> str:
    """Return the page with what its sessions print now."""

    def play(block: re.Match[str]) -> str:
        steps = steps_of(block["body"])
        if steps is None:
            return block[0]
        body = "".join(step.typed + printed_by(breach, step) for step in steps)
        return f"```console\n{body}```"

    return BLOCK.sub(play, page)


def printed_by(breach: Terminal, step: Step) -> str:
    """Run one command and return what a person would see of it."""
    said = breach.run(*step.words)
    if "unforeseen" in said.err:
        raise AssertionError(f"{step.typed}{said.err}")
    return (said.out + said.err).replace(str(breach.home), HOME_SHOWN)


@contextmanager
def stage() -> Iterator[Terminal]:
    """Give a new installation at a frozen moment, in a folder that looks like this repository's root."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        home, root = Path(folder, "home"), Path(folder, "root")
        home.mkdir(mode=0o700)
        root.mkdir()
        for part in ROOT.iterdir():
            (root / part.name).symlink_to(part)
        breach = Terminal(home)
        os.chdir(root)
        try:
            with mock.patch.object(clock, "now", return_value=breach.now):
                yield breach
        finally:
            os.chdir(before)


def main() -> int:
    """Rewrite what the sessions of a page print, in place."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "README.md"
    page = path.read_text()
    with stage() as breach:
        now = played(page, breach)
    if now != page:
        path.write_text(now)
    print(f"{path.name}: {'brought up to date' if now != page else 'is up to date'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
