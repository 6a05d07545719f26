"""`make bench`: every claim, one line each. QUICK (or --quick) keeps the whole under a minute."""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from importlib.util import find_spec

CLAIMS = ("assess", "timers", "people", "import", "webhook", "wall")
MODULES = {"import": "importing"}


def main() -> None:
    """Run every benchmark there is."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick or os.environ.get("QUICK") == "1"
    for claim in CLAIMS:
        module = f"benchmarks.{MODULES.get(claim, claim)}"
        if find_spec(module) is not None:
            import_module(module).main(quick)


if __name__ == "__main__":
    main()
