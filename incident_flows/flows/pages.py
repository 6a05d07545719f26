"""The artifacts of an incident: clocks, status, obligations with reasons, notices, letters, timeline. Pure.

What Prefect stores is seen by more people, and kept for longer, than the record: ids, counts, laws, authorities
and instants only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from incident_flows.services.board import SHOWN_OF_A_CLOCK, Board, digest

REASONS = 20
NOT_OWED = 40


@dataclass(frozen=True)
class Page:
    """One artifact of an incident.

    Attributes:
        part: The end of its key.
        of: The phase whose run it is shown with.
        data: Rows of a table, markdown, or a share in per cent.
        words: Its description.
        same: A digest of what is shown, times left aside.
        versions: Whether a change makes a new version; else the one version is brought up to date.
        timed: Whether it tells times left, which every tick brings up to date.
    """

    part: str
    type: Literal["table", "markdown", "progress"]
    of: str
    data: Any
    words: str
    same: str
    versions: bool = True
    timed: bool = False


def pages(board: Board, *, now: datetime, console: str | None) -> Iterator[Page]:
    """Yield the artifacts of an incident.

    Args:
        now: The moment the times left are counted from.
        console: Where the console is, for links; None if nobody reaches it from here.
    """
    clocks = [[row[key] for key in SHOWN_OF_A_CLOCK] for row in board.clocks]
    yield Page(
        "clocks", "table", "detection-and-triage", clock_rows(board.clocks, now=now),
        f"Deadlines of {board.ref}, soonest first; as of {now:%Y-%m-%d %H:%M} UTC", digest(clocks), timed=True,
    )  # fmt: skip
    yield Page(
        "status", "markdown", "close", status_page(board, now=now, console=console), f"Where {board.ref} stands",
        digest([board.state, board.phases, board.tellings, board.notices, board.questions, board.decisions]),
        timed=True,
    )  # fmt: skip
    for part, of, text, words in (
        ("obligations", "risk-assessment", obligations_page(board, console=console), "What is owed, and why"),
        ("notices", "authority-notification", notices_page(board, console=console), "The notices"),
    ):
        yield Page(part, "markdown", of, text, f"{words}: {board.ref}", digest(text))
    text = timeline_page(board, console=console)
    yield Page(
        "timeline", "markdown", "close", text, f"What happened: {board.ref}", digest(text), versions=False
    )
    for one in board.progress:
        states = ", ".join(f"{many} {state}" for state, many in one.states.items())
        words = f"{board.ref} {one.notice}: {one.told} of {one.people} people told; {states}"
        yield Page(
            f"{one.notice.lower()}-letters", "progress", "people-notification", one.percent, words, digest(words),
            versions=False,
        )  # fmt: skip


def status_page(board: Board, *, now: datetime, console: str | None) -> str:
    """Return the status of an incident as markdown: addressees, phases, questions, decisions."""
    lines = [
        _title(board, "", console),
        "",
        f"{board.organisation} · {board.state} · as of {now:%Y-%m-%d %H:%M} UTC",
        "",
    ]
    if board.tellings:
        lines += _table(
            ("tell", "state", ""), ((one.name, f"**{one.state}**", one.message) for one in board.tellings)
        )
    lines += ["", *_table(("phase", "state", ""), ((p.key, f"**{p.state}**", p.message) for p in board.phases))]
    if board.deliveries:
        counts = ", ".join(f"{count} {state}" for state, count in board.deliveries.items())
        lines += ["", "## Deliveries", "", counts]
    if board.decisions:
        lines += ["", "## To be decided", "", *(f"- `{subject}`" for subject in board.decisions)]
    if board.questions:
        lines += ["", "## To be found out", "", *(f"- `{fact}`" for fact in board.questions)]
    return "\n".join(lines)


def obligations_page(board: Board, *, console: str | None) -> str:
    """Return the obligations as markdown, each with its reasons; those nobody owes in a line each."""
    sure = [one for one in board.obligations if one["reach"] == "yes" or one["decided"]]
    lines = [_title(board, "what is owed, and why", console)]
    for status, head in (("undetermined", "Undetermined: worked on as if owed"), ("owed", "Owed")):
        ones = [one for one in sure if one["status"] == status]
        if ones:
            lines += ["", f"## {head}"]
        for one in ones:
            met = " · met" if one["met"] else ""
            doubt = f" · confidence {one['confidence']}" if one["confidence"] else ""
            link = f" · [open]({console}/incidents/{board.ref}/duties/{one['id']})" if console else ""
            lines += ["", f"### {one['addressee']}", "", f"`{one['id']}` · {one['cite']}{doubt}{met}{link}", ""]
            if one["decided"]:
                lines.append("- **decided by a person**")
            lines += [f"- {reason}" for reason in one["because"][:REASONS]]
            if one["missing"]:
                lines.append(f"- **would settle it:** {', '.join(f'`{fact}`' for fact in one['missing'])}")
    maybe = [one for one in board.obligations if one["reach"] == "unknown" and not one["decided"]]
    if maybe:
        facts = sorted({fact for one in maybe for fact in one["missing"]})
        unknown = ", ".join(f"`{fact}`" for fact in facts)
        lines += ["", f"## {len(maybe)} duties may apply", "", f"It is not known: {unknown}"]
    lifted = [one for one in sure if one["status"] == "not-owed"]
    if lifted:
        lines += ["", "## Not owed", ""]
        lines += [f"- `{one['id']}`: {_lifted(one)}" for one in lifted[:NOT_OWED]]
        if len(lifted) > NOT_OWED:
            lines.append(f"- … and {len(lifted) - NOT_OWED} more")
    return "\n".join(lines)


def _lifted(one: Mapping[str, Any]) -> str:
    if one["decided"]:
        return "decided by a person"
    return str(one["because"][0]) if one["because"] else one["title"]


def notices_page(board: Board, *, console: str | None) -> str:
    """Return the notices as markdown: state, hash, what comes next, links."""
    lines = [_title(board, "notices", console), ""]
    if not board.notices:
        return "\n".join([*lines, f"Nothing is drafted yet: `breach draft {board.ref}`."])
    names = {one.oid: one.name for one in board.tellings}
    heads = ("notice", "to", "phase", "state", "next", "language", "text (SHA-256)")
    lines += _table(
        heads,
        (
            (
                f"[{one['id']}]({console}/incidents/{board.ref}/notices/{one['id']})" if console else one["id"],
                names.get(one["obligation"], f"`{one['obligation']}`"),
                one["phase"], f"**{one['state']}**", _next(one, board.ref), one["language"], f"`{one['sha256']}`",
            )
            for one in board.notices
        ),
    )  # fmt: skip
    return "\n".join(lines)


def _next(one: Mapping[str, Any], ref: str) -> str:
    state, name = one["state"], one["id"]
    if state == "draft":
        return f"{one['missing']} fields are empty" if one["missing"] else "to be submitted"
    if state == "awaiting-approval":
        return f"somebody else approves it: run *{ref} · approve {name}*"
    if state == "approved":
        send = f"`breach notify {ref} {name}`"
        if one["route"] in (None, "email"):
            return send
        where = f"[file it]({one['url']})" if one["url"] else "file it"
        return f"{where}, then {send[:-1]} --filed-as …`"
    if state == "in-doubt":
        return f"find out whether it arrived: `breach notify {ref} {name} --in-doubt …`"
    return "look at it" if state == "failed" else ""


def timeline_page(board: Board, *, console: str | None) -> str:
    """Return the last entries of the sealed journal as markdown, the newest first; who and why stand there only."""
    rows = (
        (f"{one['at']:%Y-%m-%d %H:%M:%S}", one["act"], f"`{one['subject']}`" if one["subject"] else "", one["seq"],
         f"`{one['hash']}`")
        for one in board.timeline
    )  # fmt: skip
    heads = ("when (UTC)", "what", "about", "entry", "hash")
    return "\n".join([_title(board, "timeline", console), "", *_table(heads, rows)])


def _title(board: Board, about: str, console: str | None) -> str:
    name = f"[{board.ref}]({console}/incidents/{board.ref})" if console else board.ref
    return f"# {name}{' · DRILL' if board.drill else ''}{f' · {about}' if about else ''}"


def _table(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    heads = list(heads)
    return [
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |" for row in rows),
    ]


def clock_rows(running: Iterable[Mapping[str, Any]], *, now: datetime) -> list[dict[str, Any]]:
    """Return clocks as a table artifact shows them."""
    return [
        {
            "tell": row["addressee"],
            "left": left(row["effective_at"], now, row["end"]),
            "by (their time)": _on_the_wall(row["due_local"]),
            "by (UTC)": row["effective_at"] or "no number in law",
            "end": row["end"],
            "status": row["status"],
            "article": row["cite"] or "",
        }
        for row in running
    ]


def _on_the_wall(local: str | None) -> str:
    """Return a local instant as people read it.

    >>> _on_the_wall("2026-11-23T18:00:00+01:00[Europe/Madrid]")
    'Mon 23 Nov 2026 18:00 Europe/Madrid'
    """
    if not local:
        return "—"
    instant, _, zone = local.partition("[")
    return f"{datetime.fromisoformat(instant):%a %d %b %Y %H:%M} {zone.rstrip(']')}"


def left(end: str | None, now: datetime, kind: str = "deadline") -> str:
    """Return the time left until an end, or since it; only a deadline is overdue."""
    if end is None:
        return "—"
    seconds = int((datetime.fromisoformat(end.replace("Z", "+00:00")) - now).total_seconds())
    hours, minutes = divmod(abs(seconds) // 60, 60)
    text = f"{hours} h {minutes:02} min"
    if seconds > 0:
        return text
    if kind == "deadline":
        return f"OVERDUE {text}"
    return f"{'house target' if kind == 'target' else 'provisional end'} passed {text} ago"
