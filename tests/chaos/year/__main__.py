"""The simulated year alone, without the other harnesses."""

from __future__ import annotations

import argparse
import sys

from tests.chaos.year import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    figures = main(parser.parse_args().quick)
    sys.exit(1 if figures["missed"] or figures["doubled"] or figures["lost"] else 0)
