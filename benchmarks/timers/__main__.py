"""`python -m benchmarks.timers [--quick]`."""

import sys

from benchmarks.timers import main

main("--quick" in sys.argv)
