"""Verbs on the lawbook: what it covers, one duty whole, health of the files, what changed, answering anew."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from incident_flows.cli import common, render
from incident_flows.cli.common import As, Json, edge
from incident_flows.errors import InputError

if TYPE_CHECKING:
    from incident_flows.knowledge.library import Library

HELP = "The lawbook: what is covered, one duty with its sources, health of the files."
SHOWN_WARNINGS = 40


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    law = typer.Typer(help=HELP, no_args_is_help=True)
    for verb in (list_, show, check, forms, diff, reassess):
        law.command(verb.__name__.rstrip("_"))(edge(verb))
    app.add_typer(law, name="law")


def _library() -> Library:
    from incident_flows.wiring import library_from

    return library_from(common.settings())


def list_(
    json: Json = False,
    excluded: Annotated[
        bool, typer.Option("--excluded", help="Rows of the fact base left out, with the reason.")
    ] = False,
    place: Annotated[
        str | None, typer.Option("--place", metavar="CODE", help="Only regimes of that place.")
    ] = None,
) -> None:
    """Every duty: source, jurisdiction, addressee, article, dates, confidence."""
    from incident_flows.knowledge.law_listing import excluded_rows, rows

    book = _library().lawbook
    found: list[dict[str, Any]] = excluded_rows(book) if excluded else rows(book, place=place)
    if json:
        render.print_json(found)
    elif excluded:
        render.table(("row", "because"), [(one["source_id"], one["because"]) for one in found])
    else:
        render.table(
            ("duty", "addressee", "article", "applies from", "status", "confidence"),
            [
                (
                    one["duty"],
                    one["addressee"],
                    one["cite"],
                    one["applies_from"] or "",
                    one["status"],
                    one["confidence"],
                )
                for one in found
            ],
        )
        duties = len({one["duty"] for one in found})
        doubtful = sum(one["confidence"] != "high" for one in found)
        render.say(f"{len(found)} rows of {duties} duties; {doubtful} rows are below high confidence")


def show(
    duty: Annotated[str, typer.Argument(metavar="DUTY", help="Such as eu-gdpr/tell-authority.")],
    json: Json = False,
) -> None:
    """One duty: its history, conditions in words, sources, doubts, and the situations it is tested by."""
    from incident_flows.knowledge.law_listing import in_words

    library = _library()
    found = in_words(library.lawbook, duty, cases=_cases(library.root))
    if json:
        render.print_json(found)
    else:
        render.say(*found["lines"])


def _cases(root: Path) -> Path | None:
    """Return the folder of tested situations, which stands beside the playbooks in a working copy only."""
    folder = root.parent / "tests" / "cases"
    return folder if folder.is_dir() else None


def check(json: Json = False) -> None:
    """Walk every file: ids, dates, articles, words, references, routes, rows older than a year."""
    from incident_flows.errors import KnowledgeError
    from incident_flows.knowledge.alerts import check_mappings
    from incident_flows.knowledge.law_listing import health
    from incident_flows.knowledge.scenarios import check_scenarios

    library = _library()
    faults = [*check_scenarios(library.root), *check_mappings(library.root)]
    try:
        read = len(library.forms.all)
    except KnowledgeError as error:
        faults.extend(error.faults)
    if faults:
        raise KnowledgeError(faults)
    found = {**health(library.lawbook, on=common.now().date()), "forms": read}
    if json:
        render.print_json(found)
        return
    warnings = found["warnings"]
    render.say(*(f"  ! {line}" for line in warnings[:SHOWN_WARNINGS]))
    if len(warnings) > SHOWN_WARNINGS:
        render.say(f"  … and {len(warnings) - SHOWN_WARNINGS} more warnings (--json)")
    sure = ", ".join(f"{count} {level}" for level, count in found["confidence"].items())
    render.say(
        f"lawbook {library.lawbook.version}: {found['regimes']} regimes, {found['duties']} duties in "
        f"{found['versions']} versions "
        f"(confidence: {sure}), {found['authorities']} authorities, {found['forms']} forms; "
        f"{len(warnings)} warnings, no fault"
    )


def forms(json: Json = False) -> None:
    """Authorities' forms: fields, languages, and how surely each field is known."""
    found = _library().forms.listing()
    if json:
        render.print_json(found)
        return
    render.table(
        ("authority", "form", "languages", "fields", "required", "known from"),
        [
            (
                one["authority"] or "every other",
                one["form"],
                ", ".join(one["languages"]) or "the addressee's",
                str(one["fields"]),
                str(one["required"]),
                ", ".join(f"{count} {how}" for how, count in one["confidence"].items()),
            )
            for one in found
        ],
    )


def diff(
    first: Annotated[str, typer.Argument(metavar="DATE")],
    second: Annotated[str, typer.Argument(metavar="DATE")],
    json: Json = False,
) -> None:
    """What changed in the law between two dates, and which open incidents have a clock under it."""
    from incident_flows.knowledge.law_listing import changes

    book = _library().lawbook
    found = changes(book, _day(first), _day(second))
    touched = _incidents_under({one["duty"] for one in found})
    for one in found:
        one["incidents"] = touched.get(one["duty"], [])
    if json:
        render.print_json(found)
        return
    render.table(
        ("duty", "change", "on", "from", "to", "article", "open incidents"),
        [
            (
                one["duty"],
                one["change"],
                one["on"] or "—",
                one["before"] or "—",
                one["after"] or "—",
                render.cited(one),
                ", ".join(one["incidents"]) or "—",
            )
            for one in found
        ],
    )
    incidents = {ref for one in found for ref in one["incidents"]}
    render.say(f"{len(found)} changes; {len(incidents)} open incidents have a clock under one of them")
    if incidents:
        render.say(
            "An incident is judged by the law of the day it became known; after a change of the files,"
        )
        render.say("`breach law reassess` answers every open incident anew and says what moved.")


def reassess(
    json: Json = False,
    as_: As = None,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", help="At most so many.", min=1)] = None,
) -> None:
    """Answer every open incident anew after the lawbook changed; stores only what became different."""
    from incident_flows.services.reassess import reassess_all

    desk = common.desk()
    actor = common.actor(desk, as_)
    report = reassess_all(
        desk,
        actor=actor,
        now=common.now(),
        limit=limit,
        progress=None if json else lambda done, of: render.say(f"  {done} of {of}"),
    )
    if json:
        render.print_json(report.to_json())
        return
    for line in report.lines():
        render.say(line)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"DATE: {text!r} is not a date; write 2026-11-20") from None


def _incidents_under(duties: set[str]) -> dict[str, list[str]]:
    """Return the open incidents with a clock under each of the duties; none where no database is."""
    settings = common.settings()
    if settings.database_url.startswith("sqlite") and not (settings.home / "breach.db").exists():
        return {}
    from incident_flows.services.show import incidents_under

    return incidents_under(common.desk(), duties)
