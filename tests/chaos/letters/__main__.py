"""`python -m tests.chaos.letters`: two hundred kills on a million letters in each mode; --quick is short."""

from __future__ import annotations

import argparse

from tests.chaos.letters import MODES, main

parser = argparse.ArgumentParser()
parser.add_argument("--quick", action="store_true")
parser.add_argument("--people", type=int)
parser.add_argument("--kills", type=int)
parser.add_argument("--mode", choices=MODES)
given = parser.parse_args()
main(
    quick=given.quick, people=given.people, kills=given.kills, modes=(given.mode,) if given.mode else MODES
)
