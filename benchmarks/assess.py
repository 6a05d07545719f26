"""How fast an answer comes: the whole process from the shell, and warm in one process.

The peer of the whole process is a bare interpreter start that imports nothing; the peer of the warm rate is
the target of a thousand assessments per second on one core. QUICK=1 takes fewer turns.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from statistics import median

from incident_flows.knowledge.facts_files import read_facts
from incident_flows.knowledge.library import Library

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "playbooks" / "samples" / "aimigos-studio.yaml"
TODAY = date(2026, 11, 22)
TARGET_PER_SECOND = 1000


def main(quick: bool) -> None:
    """Print one line per claim."""
    whole_process(turns=7 if quick else 25)
    warm(seconds=2.0 if quick else 10.0)


def whole_process(*, turns: int) -> None:
    """`breach assess FACTS --json` against `python -c pass`, in turn, so that both meet the same machine."""
    with tempfile.TemporaryDirectory() as home:
        environ = {
            **os.environ,
            "BREACH_HOME": home,
            "PYTHONPYCACHEPREFIX": f"{home}/bytecode",
            "PYTHONDONTWRITEBYTECODE": "",
        }
        ours = [sys.executable, "-m", "incident_flows.cli.main", "assess", str(SAMPLE), "--json"]
        bare = [sys.executable, "-I", "-S", "-c", "pass"]
        first = _seconds(ours, environ)  # compiles lawbook and bytecode
        _seconds(bare, environ)
        mine, theirs = [], []
        for _ in range(turns):
            mine.append(_seconds(ours, environ))
            theirs.append(_seconds(bare, environ))
    print(
        f"assess: first start, compiling the lawbook: {first:.2f} s; slowest of {turns} later "
        f"ones: {max(mine):.3f} s"
    )
    _line("assess", median(mine), median(theirs), "s-per-process")


def _seconds(command: list[str], environ: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, env=environ, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def warm(*, seconds: float) -> None:
    """Assessments per second of CPU time in one process, one core, without and with their JSON."""
    library = Library.load(cache=None)
    facts = read_facts(SAMPLE, lawbook=library.lawbook, profiles=library.profiles)
    library.assess(facts, today=TODAY)
    count, begun = 0, time.process_time()
    while time.process_time() - begun < seconds:
        library.assess(facts, today=TODAY)
        count += 1
    rate = count / (time.process_time() - begun)
    with_json, begun = 0, time.process_time()
    while time.process_time() - begun < seconds / 2:
        library.assess(facts, today=TODAY).to_json()
        with_json += 1
    print(f"assess: with its JSON {with_json / (time.process_time() - begun):.0f} per second")
    _line("assess", rate, TARGET_PER_SECOND, "assessments-per-core-second")


def _line(name: str, ours: float, peer: float, unit: str) -> None:
    print(f"bench: {name} ours={ours:.4g} best_peer={peer:.4g} ratio={ours / peer:.3g} unit={unit}")


if __name__ == "__main__":
    main(os.environ.get("QUICK") == "1")
