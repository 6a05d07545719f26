"""Compares what was told, as the book has it, with what had to be; reads the tables in plain SQL."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.chaos.year.world import CHAIN, OID, Case, expected


@dataclass
class Figures:
    """What the year did."""

    kills: int = 0
    missed: int = 0
    doubled: int = 0
    lost: int = 0
    in_doubt: int = 0
    late_max_s: int = 0
    beyond_max_s: int = 0
    steps: int = 0
    pages: int = 0
    chains: int = 0
    acknowledged: int = 0
    restarts: int = 0
    jumps: int = 0
    ticks: int = 0
    points: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def line(self) -> str:
        return (
            f"chaos: kills={self.kills} missed={self.missed} doubled={self.doubled} lost={self.lost} "
            f"in_doubt={self.in_doubt} late_max_s={self.late_max_s}"
        )


def check(
    figures: Figures, query: Callable[[str], Sequence[Sequence[Any]]], book: Path, world: Sequence[Case],
    *, until: datetime, excused: Callable[[datetime, datetime], timedelta],
) -> None:  # fmt: skip
    """Count what was missed, doubled, lost and in doubt, and how late what was told.

    Args:
        figures: Where the counts go.
        query: Runs plain SQL.
        book: What the pager was asked to tell.
        world: What the year was made of.
        until: When the play ended; what is due within the last hour is left out.
        excused: How much of a span nothing could tick in.
    """
    rows = query(
        "SELECT id, incident_ref, name, plan_version, state, due_at, fired_at, acknowledged_at, detail FROM step"
    )
    by_id = {row[0]: row for row in rows}
    by_key = {(row[1], row[2], row[3]): row for row in rows}
    told: dict[int, list[dict[str, Any]]] = defaultdict(list)
    alarms: set[str] = set()
    for line in book.read_text().splitlines():
        page = json.loads(line)
        if "alarm" in page:
            alarms.update(page["alarm"].partition("reached anybody: ")[2].split("; "))
        else:
            told[page["id"]].append(page)
    figures.steps, figures.pages = len(rows), sum(len(pages) for pages in told.values())
    wanted = {key: due for case in world for key, due in expected(case).items()}
    for key, due in wanted.items():
        if due > until - timedelta(hours=1):
            continue
        row = by_key.get(key)
        pages = told.get(row[0], []) if row else []
        if not pages:
            if row and _words(row) in alarms:
                figures.in_doubt += 1  # claimed twice by processes that died; a person was told to look
                continue
            figures.missed += 1
            figures.faults.append(f"missed {key} due {due.isoformat()}: {row[4] if row else 'no row'}")
            continue
        at = datetime.fromisoformat(pages[0]["at"])
        _late(figures, key, due, at, excused)
        _chain(figures, row, told, by_key, alarms, until)
    for step, pages in told.items():
        row = by_id.get(step)
        base = (row[1], row[2].partition("/")[0], row[3]) if row else None
        if row is None or base not in wanted:
            figures.doubled += 1
            figures.faults.append(f"told what was not due: {row}")
        sure = [page for page in pages[1:] if not page["doubt"]]
        figures.doubled += len(sure) + max(len(pages) - 2 - len(sure), 0)
        figures.in_doubt += sum(1 for page in pages if page["doubt"])
        if sure:
            figures.faults.append(f"doubled {row[1:4] if row else step}: {pages}")
        if (
            row is not None
            and row[6] is None
            and row[4] not in ("cancelled", "acknowledged")
            and _instant(row[5]) < until - timedelta(hours=1)
        ):
            figures.lost += 1
            figures.faults.append(f"told, and not recorded: {row[:5]}")


def _late(
    figures: Figures, key: Any, due: datetime, at: datetime, excused: Callable[[datetime, datetime], timedelta]
) -> None:  # fmt: skip
    late = (at - due).total_seconds()
    if late < -0.001:
        figures.doubled += 1
        figures.faults.append(f"told before its time: {key} {due} {at}")
    figures.late_max_s = max(figures.late_max_s, round(late))
    beyond = round(late - excused(due, at).total_seconds())
    if beyond > figures.beyond_max_s:
        figures.beyond_max_s = beyond
    if beyond > 300:
        figures.faults.append(
            f"late by {late:.0f} s, {beyond} s beyond any outage: {key} due {due} told {at}"
        )


def _chain(figures: Figures, row: Any, told: Any, by_key: Any, alarms: set[str], until: datetime) -> None:
    """After 15 minutes without an acknowledgement the second person is told, and nobody otherwise."""
    follows = by_key.get((row[1], f"{row[2]}/1", row[3]))
    detail = row[8] if isinstance(row[8], dict) else json.loads(row[8])
    if row[7] is not None:
        figures.acknowledged += 1
        seen, chained = _instant(row[7]), told.get(follows[0], []) if follows else []
        if any(datetime.fromisoformat(page["at"]) > seen + CHAIN for page in chained):
            figures.doubled += 1
            figures.faults.append(f"told on after it was acknowledged: {row[:5]}")
        return
    if row[4] == "cancelled" or "not told a third time" in str(detail.get("shown")):
        return
    if row[6] is None or _instant(row[6]) + CHAIN > until - timedelta(hours=1):
        return
    if follows is None or (not told.get(follows[0]) and follows[4] not in ("cancelled", "acknowledged")):
        if follows is not None and _words(follows) in alarms:
            figures.in_doubt += 1  # as above
            return
        figures.missed += 1
        figures.faults.append(f"nobody was told after {row[:5]}: {follows[:5] if follows else 'no row'}")
    else:
        figures.chains += 1


def _words(row: Sequence[Any]) -> str:
    """Return a step as an alarm names it."""
    return f"{row[1]} {OID} {row[2]}"


def _instant(value: Any) -> datetime:
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
