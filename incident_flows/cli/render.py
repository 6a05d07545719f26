"""What the terminal shows: tables for people, JSON for programs; UTC and the addressee's wall clock."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

SPECIAL = ("organisation.statuses", "organisation.sectors", "findings.")
LONGEST_TABLE = 24  # rows; more are easier read as lines
NARROWEST = 110  # columns a table of deadlines needs when nobody's terminal says otherwise


def print_json(value: Any, *, line: bool = False) -> None:
    """Print JSON; on one line where several objects follow each other."""
    if line:
        print(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    else:
        print(json.dumps(value, ensure_ascii=False, indent=2))


def say(*lines: str) -> None:
    """Print plain lines."""
    for line in lines:
        print(line)


def table(columns: Iterable[str], rows: Iterable[Iterable[str]], *, title: str | None = None) -> None:
    """Print a table; wraps to the terminal, or to a fixed width where there is none."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    width = max(shutil.get_terminal_size((NARROWEST, 24)).columns, 60) if sys.stdout.isatty() else NARROWEST
    shown = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(cell.replace("[", r"\[") for cell in row))
    console = Console(width=width, highlight=False, soft_wrap=False)
    with console.capture() as printed:
        console.print(shown)
    say(*(line.rstrip() for line in printed.get().splitlines()))  # no blanks at the end of a line, for pipes


def time_left(end: datetime | None, now: datetime, kind: str = "deadline") -> str:
    """Return the time left in words, in the two largest units; only a deadline can be overdue.

    Args:
        end: The end.
        now: The present instant.
        kind: What the end is: a deadline, provisional, or a target.

    >>> from datetime import UTC
    >>> time_left(datetime(2026, 11, 23, 17, tzinfo=UTC), datetime(2026, 11, 22, 11, 30, tzinfo=UTC))
    '1 d 5 h'
    >>> time_left(datetime(2026, 11, 22, 11, tzinfo=UTC), datetime(2026, 11, 22, 11, 30, tzinfo=UTC))
    'OVERDUE 30 min'
    >>> time_left(datetime(2026, 11, 22, 11, tzinfo=UTC), datetime(2026, 11, 22, 11, 30, tzinfo=UTC), "target")
    'passed 30 min ago'
    """
    if end is None:
        return "—"
    seconds = int((end - now).total_seconds())
    days, rest = divmod(abs(seconds), 86_400)
    hours, rest = divmod(rest, 3600)
    minutes = rest // 60
    text = f"{days} d {hours} h" if days else f"{hours} h {minutes} min" if hours else f"{minutes} min"
    if seconds > 0:
        return text
    return f"OVERDUE {text}" if kind == "deadline" else f"passed {text} ago"


def utc(text: str | None) -> str:
    """Return an instant of our JSON in a short form."""
    return text.replace("T", " ").replace(":00Z", "Z") if text else "—"


def wall(text: str | None) -> str:
    """Return a local instant as people read it: `Mon 23 Nov 2026 18:00 Europe/Madrid`."""
    if not text:
        return "—"
    instant, _, zone = text.partition("[")
    return f"{datetime.fromisoformat(instant):%a %d %b %Y %H:%M} {zone.rstrip(']')}"


def deadlines(
    rows: Iterable[Mapping[str, Any]], *, now: datetime, incident: bool = False, forecast: bool = False
) -> None:
    """Print clocks as a table: addressee, local and UTC time, time left, article.

    Args:
        rows: The clocks.
        now: The present instant.
        incident: Whether to name the incident.
        forecast: Whether to show the chance to miss each.
    """
    shown = []
    rows = list(rows)
    if not rows:
        return
    for row in rows:
        end = (
            datetime.fromisoformat(row["effective_at"].replace("Z", "+00:00"))
            if row["effective_at"]
            else None
        )
        kind = {"provisional": " provisional", "target": " house target"}.get(row["end"], "") if end else ""
        by = (
            "no number in law"
            if row["end"] == "target"
            else wall(row["due_local"])
            if end
            else "no number in law"
        )
        shown.append(
            (
                *([row["incident"]] if incident else []),
                row["addressee"],
                by,
                utc(row["effective_at"]) + kind,
                time_left(end, now, row["end"]),
                cited(row),
                row["status"],
                *([_percent(row.get("chance_to_miss"))] if forecast else []),
            )
        )
    if len(rows) > LONGEST_TABLE:
        _listed(rows, shown, incident=incident)
        return
    head = (
        *(["incident"] if incident else []),
        "tell",
        "by (their time)",
        "UTC",
        "left",
        "article",
        "status",
        *(["may miss"] if forecast else []),
    )
    table(head, shown)


def _percent(chance: float | None) -> str:
    return "—" if chance is None else f"{chance:.0%}"


def _listed(rows: list[Mapping[str, Any]], shown: list[tuple[str, ...]], *, incident: bool) -> None:
    """Print clocks as two lines each: what a table would fold into columns of single words."""
    for row, cells in zip(rows, shown, strict=True):
        named, (tell, by, at, left, article, *rest) = cells[:incident], cells[incident:]
        where = f"{row['jurisdiction']}: " if row.get("jurisdiction") else ""
        say(f" {at:<32} {left:<20} {' · '.join([*named, *rest])}")
        say(f"     {where}{tell} · {by} · {article}")


def cited(row: Mapping[str, Any]) -> str:
    """Return the article of a row; how sure the row is stands with it unless it is beyond doubt."""
    sure = row.get("confidence") in (None, "high")
    return (row["cite"] or "") + ("" if sure else f" (confidence {row['confidence']})")


def assessment(
    result: Mapping[str, Any], *, now: datetime, explain: bool = False, everything: bool = False
) -> None:
    """Print an assessment for a person: risk, deadlines, what is open, what would settle it."""
    risk = result["risk"]
    say(
        f"Law as of {result['law_as_of']} ({result['law_as_of_because']}), "
        f"lawbook {result['lawbook']['version']}"
    )
    scores = ", ".join(
        f"{one['id']} {one['score'] if one['score'] is not None else ''} {one['band'] or ''}".strip()
        for one in risk["methods"][:1]
    )
    say(f"Risk to people: {risk['level'].upper()}" + (f" ({scores})" if scores else ""))
    for sentence in risk["because"][:6]:
        say(f"  · {sentence}")
    for change in risk.get("would_change", [])[:3]:
        say(f"  ↔ {change['because']}")
    obligations = result["obligations"]
    sure = [
        one
        for one in obligations
        if one["status"] != "not-owed" and one["reach"] == "yes" and one["addressee"]["kind"] != "record"
    ]
    perhaps = [one for one in obligations if one["status"] == "undetermined" and one["reach"] == "unknown"]
    deadlines([_clock(one) for one in sure], now=now)
    if perhaps:
        _perhaps(perhaps, now=now, everything=everything)
    doubtful = [one for one in sure if one["confidence"] != "high"]
    for one in doubtful:
        doubts = f"; {one['doubts']}" if one["doubts"] else ""
        say(f"  ! {one['duty']}: confidence {one['confidence']}{doubts}")
    if result["promises"]:
        say("Promised, beside the law:")
        for one in result["promises"]:
            say(
                f"  · {one['kind']}: {one['standard']}"
                + (f", by {utc(one['due_at'])}" if one["due_at"] else "")
            )
    if result["not_covered"]:
        say("NOT COVERED by this lawbook, which is no answer:")
        for gap in result["not_covered"]:
            say(f"  ! {gap['place']}: {gap['because']}")
    lifted = [one for one in obligations if one["status"] == "not-owed"]
    if lifted:
        say("Not owed:")
        for one in lifted if everything else lifted[:8]:
            say(f"  · {one['id']}: {one['because'][0] if one['because'] else one['standard']}")
        if not everything and len(lifted) > 8:
            say(f"  … and {len(lifted) - 8} more (--all)")
    if result["questions"]:
        say("To be found out, the most pressing first:")
        for question in result["questions"][:10]:
            say(f"  ? {question['fact']}: {question['because']}")
    if explain:
        explained(obligations if everything else [one for one in obligations if one["reach"] == "yes"])


def explained(obligations: Iterable[Mapping[str, Any]]) -> None:
    """Print, per obligation, the path through its rule in plain words, and the clause it ends with."""
    for one in obligations:
        say("", f"{one['addressee']['name']} — {one['title']}: {one['status'].upper()} ({one['id']})")
        say(*(f"  {line}" for line in one.get("trace", ()) if line != f"{one['cite']}: {one['standard']}"))
        say(f"  Clause: {cited(one)}: {one['standard']}")
        clock = one["clock"]
        if clock and one["status"] != "not-owed":
            since = f", {utc(clock['started_at'])}" if clock["started_at"] else ", not recorded yet"
            say(f"  Clock: from {clock['starts']}{since}")
        say(*(f"  · {line}" for line in one["because"]))
        if one["missing"]:
            say(f"  ? open while not known: {', '.join(one['missing'])}")
        if one["doubts"]:
            say(f"  ! doubts: {one['doubts']}")


def _clock(one: Mapping[str, Any]) -> dict[str, Any]:
    end = one["due_at"] or one["provisional_due_at"] or one["target_at"]
    local = one["due_local"]
    if local is None and end:
        local = None
    return {
        "addressee": one["addressee"]["name"],
        "effective_at": end,
        "due_local": local,
        "end": "deadline" if one["due_at"] else "provisional" if one["provisional_due_at"] else "target",
        "standard": one["standard"],
        "cite": one["cite"],
        "confidence": one["confidence"],
        "status": one["status"],
        "jurisdiction": one["jurisdiction"],
    }


def _perhaps(perhaps: list[Mapping[str, Any]], *, now: datetime, everything: bool) -> None:
    """Print what may apply: laws that ask only where and whom first, laws for special bodies as a count."""
    regimes = {one["duty"].split("/")[0] for one in perhaps}
    special = [one for one in perhaps if any(path.startswith(SPECIAL) for path in one["missing"])]
    general = [one for one in perhaps if one not in special]
    say(
        f"May apply, not determined: {len(perhaps)} duties of {len(regimes)} laws. "
        "Provisional, shortest first:"
    )
    ended = [one for one in general if one["due_at"] or one["provisional_due_at"]]
    deadlines([_clock(one) for one in (perhaps if everything else ended[:8])], now=now)
    if not everything:
        rest = len(general) - min(8, len(ended))
        say(
            f"  … and {rest} more, and {len(special)} duties of bodies of special status or incidents of "
            "special weight (--all)"
        )
