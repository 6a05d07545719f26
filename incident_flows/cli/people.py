"""The verb for the people to be told: who they are as counts, taking them in, what was refused, shredding."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from incident_flows.cli import common, render
from incident_flows.cli.common import As, Because, Json, edge

if TYPE_CHECKING:
    from incident_flows.services.recipients import Imported, Progress

LINES_SHOWN = 200
NOTED = {
    "languages_unknown": "with a language that is no code of one: taken in, and written to in the language of "
    "their place, else English",
    "birth_dates_set_aside": "with an impossible date of birth: taken in without it; nobody "
    "knows whether they are of age",
    "minors_alone": "under age without a guardian on the list: their letter is addressed to the parent or "
    "guardian, at the minor's own address",
}


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command("recipients")(edge(recipients))


def recipients(
    incident: Annotated[str, typer.Argument(metavar="ID", help="Such as INC-2026-0001.")],
    what: Annotated[str | None, typer.Argument(metavar="[import|refused|shred]")] = None,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="CSV or spreadsheet.")] = None,
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", help="Default: the one the header line uses.")
    ] = None,
    encoding: Annotated[
        str, typer.Option("--encoding", help="Default: UTF-8; such as cp1252, utf-16.")
    ] = "utf-8",
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="OURS=HEADING",
            help="Which column is email, second-email, name, language, place, postal, guardian-name, "
            "guardian-email, birth-date; may be repeated.",
        ),
    ] = None,
    sheet: Annotated[str | None, typer.Option("--sheet", help="Of a spreadsheet with several.")] = None,
    expect: Annotated[int | None, typer.Option("--expect", help="Refuse another number of rows.")] = None,
    refused: Annotated[
        Path | None,
        typer.Option(
            "--refused", metavar="FILE.csv", help="Write the refused rows there, with their reasons."
        ),
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Say what would happen; store nothing.")] = False,
    because: Because = "",
    json: Json = False,
    as_: As = None,
) -> None:
    """The people to be told, as counts; take them in, list what was refused, shred them for good."""
    if what is None:
        _counts(incident, json=json)
    elif what == "import":
        if file is None:
            raise common.misused(f"name the list: `breach recipients {incident} import FILE.csv`")
        if delimiter == r"\t":
            delimiter = "\t"
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            raise common.misused("--delimiter: write one character, such as ;")
        with _progress(json) as progress:
            from incident_flows.services.recipients import import_recipients

            desk = common.desk()
            done = import_recipients(
                desk,
                incident,
                file,
                actor=common.actor(desk, as_),
                now=common.now(),
                delimiter=delimiter,
                encoding=encoding,
                columns=_columns(column or []),
                sheet=sheet,
                expect=expect,
                refused_to=refused,
                preview=preview,
                progress=progress,
            )
        _imported(incident, done, preview=preview, refused_to=refused, json=json)
    elif what == "refused":
        _refused(incident, json=json)
    elif what == "shred":
        _shred(incident, because=because, json=json, as_=as_)
    else:
        raise common.misused(
            f"{what!r} is no action; write import FILE, refused or shred, or nothing for counts"
        )


def _columns(given: list[str]) -> dict[str, str]:
    from incident_flows.services.people_rows import NAMES

    found: dict[str, str] = {}
    for one in given:
        ours, equals, heading = one.partition("=")
        if not equals or ours not in NAMES:
            raise common.misused(f"--column: write OURS=HEADING, OURS being one of {', '.join(NAMES)}")
        found[ours] = heading
    return found


@contextmanager
def _progress(json: bool) -> Iterator[Progress | None]:
    """Show a bar with rate and time left where somebody watches."""
    if json or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as Left

    columns = (
        TextColumn("people"), BarColumn(), TaskProgressColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"), Left(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("people", total=None, rate="")

        def shown(done: int, total: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, total=total, rate=f"{speed:,.0f}/s" if speed else "")

        yield shown


def _imported(incident: str, done: Imported, *, preview: bool, refused_to: Path | None, json: bool) -> None:
    from incident_flows.services.recipients import imported_json
    from incident_flows.services.story import in_words

    if json:
        render.print_json({**imported_json(done), **({"preview": True} if preview else {})})
        return
    if preview:
        for ours, headings in done.columns.items():
            render.say(f"  {ours}: {', '.join(headings)}")
        for one in done.shown:
            render.say("  " + ", ".join(str(value or "–") for value in one.values()))
    render.say(
        f"{incident}: {_many(done.total, 'row')}: {done.accepted} {'would be ' if preview else ''}taken in, "
        f"{_many(done.duplicates, 'duplicate')}, {done.refused_total} refused"
        + (f"; by post only: {done.by_post}" if done.by_post else "")
    )
    for rows, total, prefix in (
        (done.refused, done.refused_total, "line"),
        (done.warned, len(done.warned), "look at line"),
    ):
        for line, reason in rows[:LINES_SHOWN]:
            render.say(f"  {prefix} {line}: {reason}")
        if total > LINES_SHOWN:
            render.say(f"  … and {total - LINES_SHOWN} more (--json lists them)")
    for differs in done.differs:
        render.say(f"  ! {in_words(differs)}")
    if done.differs:
        render.say(f"  → correct the facts or the list, or say why: `breach explain {incident} KEY --because TEXT`")
    noted = imported_json(done)
    for key, says in NOTED.items():
        if noted[key]:
            render.say(f"  → {noted[key]} {says}")
    if refused_to is not None:
        render.say(f"  refused rows: {refused_to} (holds personal data; delete it after use)")


def _counts(incident: str, *, json: bool) -> None:
    from incident_flows.services.recipients import recipients as counted

    found = counted(common.desk(), incident)
    if json:
        render.print_json(found)
        return
    render.say(f"{incident}: {found['people']} people" + (" (shredded)" if found["shredded"] else ""))
    for what in ("languages", "places", "exceptions", "deliveries"):
        counts: dict[str, Any] = found[what]
        if counts:
            render.say(f"  {what}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    for one in found["imports"]:
        render.say(
            f"  {one['at'][:16]}Z by {one['by']}: {one['accepted']} taken in, "
            f"{_many(one['duplicates'], 'duplicate')}, {one['refused']} refused"
        )
    if found["shred_due"]:
        render.say(f"  to be shredded: {found['shred_due']}")


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _refused(incident: str, *, json: bool) -> None:
    from incident_flows.services.recipients import refused_rows

    rows = refused_rows(common.desk(), incident)
    if json:
        render.print_json(rows)
        return
    for row in rows:
        render.say(f"list {row['import']}, line {row['line']}: {row['because']}")
    if not rows:
        render.say(f"{incident}: no row was refused")


def _shred(incident: str, *, because: str, json: bool, as_: str | None) -> None:
    from incident_flows.services.shred import shred

    desk = common.desk()
    done = shred(desk, incident, because=because, actor=common.actor(desk, as_), now=common.now())
    if json:
        render.print_json(done.to_json())
        return
    if done.in_force:
        render.say(
            f"{incident}: {done.people} people shredded; their key is destroyed, counts and keyed hashes stay"
        )
        left = common.settings().outbox
        if desk.channel.name == "outbox" and left.is_dir() and any(left.iterdir()):
            render.say(f"  → letters written to {left} are files of their own, in clear: delete them too.")
    else:
        render.say(f"{incident}: not shredded yet: {done.waits_because}")
