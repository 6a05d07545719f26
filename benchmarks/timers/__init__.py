"""How fast due steps are claimed, told to a path that leads nowhere, and recorded; and what a tick costs.

Ours is the whole guarantee: claimed durably before, recorded durably after, journalled in a hash chain, late
ones with their reason. The peers do the same work beside it in the same run: APScheduler with its SQLAlchemy
store, procrastinate on the same PostgreSQL, DBOS on SQLite, and Prefect's own scheduled runs. Each contender
plays with the number of steps that it can take in reasonable time; what is compared is steps a second.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.timers.latency import latency
from benchmarks.timers.ours import fire, idle, postgresql
from benchmarks.timers.peers import rates as peer_rates
from incident_flows.knowledge.library import Library


def main(quick: bool) -> None:
    """Print one line per claim; the long run has the million pending steps, the quick one a tenth."""
    library = Library.load(cache=None)
    many = 100_000 if quick else 1_000_000
    ours: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="breach-timers-") as folder, postgresql() as server:
        urls = {"sqlite": f"sqlite:///{folder}/breach.db"}
        if server is not None:
            urls["postgresql"] = server
        for kind, url in urls.items():
            ours[kind] = fire(url, library, kind)
            idle(url, library, kind, many)
        latency(f"sqlite:///{folder}/latency.db", library, seconds=8 if quick else 60)
        rates = peer_rates(Path(folder), server, quick=quick)
    best = max(rates, key=lambda name: rates[name]) if rates else None
    for kind, rate in ours.items():
        beside = (
            f"best_peer={best}:{rates[best]:.0f} ratio={rate / rates[best]:.1f}"
            if best
            else "best_peer=none ratio=-"
        )
        print(f"bench: timers ours={kind}:{rate:.0f} {beside} unit=steps/s", flush=True)
