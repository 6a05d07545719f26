"""Verbs that only read: assess, list, show, clocks, verify, status, doctor, law."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from incident_flows.cli import common, render
from incident_flows.cli.common import Json, edge
from incident_flows.errors import InputError

OVERDUE = 3


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    for verb in (assess, list_, show, clocks, verify):
        app.command(verb.__name__.rstrip("_"))(edge(verb))
    law = typer.Typer(help="The lawbook: what is covered, one duty with its sources, health of the files.", no_args_is_help=True)
    for part in (law_list, law_show, law_check, law_diff):
        law.command(part.__name__.removeprefix("law_"))(edge(part))
    app.add_typer(law, name="law")


def assess(
    files: Annotated[list[Path], typer.Argument(metavar="FACTS...", help="Facts files, YAML or JSON.")],
    json: Json = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show the path through each rule.")] = False,
    as_of: Annotated[str | None, typer.Option("--as-of", metavar="DATE", help="Use the law of that date.")] = None,
    what_if: Annotated[bool, typer.Option("--what-if", help="Count bills as law. Never for a live clock.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="List every duty.")] = False,
) -> None:
    """What would be owed on these facts. Writes nothing; needs no database and no Prefect."""
    from incident_flows.knowledge.facts_files import read_facts
    from incident_flows.wiring import library_from

    day = _day(as_of, "--as-of") if as_of else None
    library = library_from(common.settings())
    now = common.now()
    faults: list[str] = []
    for path in files:
        try:
            facts = read_facts(path, lawbook=library.lawbook, profiles=library.profiles)
        except InputError as error:
            faults.extend(error.faults)
            continue
        found = library.assess(facts, today=now.date(), as_of=day, proposals=what_if, explain=explain)
        result = found.to_json()
        if what_if:
            result["what_if"] = "bills are counted as law here; nothing of this drives a clock"
        if json:
            render.print_json(result, line=len(files) > 1)
        else:
            render.say(f"{facts.title or path.name} — {facts.organisation.trading_name or facts.organisation.id}")
            render.assessment(result, now=now, explain=explain, everything=everything)
    if faults:
        raise InputError(faults)


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option}: {text!r} is not a date; write 2026-11-20") from None


def list_(
    json: Json = False,
    state: Annotated[str | None, typer.Option("--state", help="open or closed.")] = None,
) -> None:
    """All incidents, the newest first, with their soonest clock."""
    from incident_flows.services.show import list_incidents

    if state not in (None, "open", "closed"):
        raise InputError(f"--state: {state!r}: write open or closed")
    rows = list_incidents(common.desk(), state="open" if state == "open" else "closed" if state else None)
    if json:
        render.print_json(rows)
        return
    if not rows:
        render.say("No incident is recorded. `breach open FACTS` opens one.")
        return
    render.table(
        ("incident", "what", "organisation", "state", "next clock (UTC)"),
        [
            (one["id"] + (" DRILL" if one["drill"] else ""), one["title"], one["organisation"], one["state"], render.utc(one["next_due_at"]))
            for one in rows
        ],
    )


def show(
    incident: Annotated[str, typer.Argument(metavar="ID")],
    json: Json = False,
    notice: Annotated[str | None, typer.Option("--notice", metavar="NOTICE", help="One notice with its exact text.")] = None,
) -> None:
    """One incident: facts, obligations, notices, deliveries, steps, journal."""
    from incident_flows.services import show as shown

    desk, now = common.desk(), common.now()
    if notice is not None:
        with desk.database.read() as tx:
            row = shown.notice_json(tx.notices.get(incident, notice), text=True)
        if json:
            render.print_json(row)
        else:
            render.say(f"{row['id']} {row['state']} · {row['obligation']} · SHA-256 {row['sha256']}", "", row["subject"], "", row["text"])
        return
    whole = shown.show(desk, incident)
    if json:
        render.print_json(whole)
        return
    render.say(f"{whole['id']}{' DRILL' if whole['drill'] else ''} · {whole['title']} · {whole['organisation']} · {whole['state']}")
    render.say(f"Risk to people: {whole['assessment']['risk']['level'].upper()}; facts version {whole['facts_version']}")
    render.deadlines(shown.clocks(desk, incident, now=now), now=now)
    met = [one for one in whole["obligations"] if one["met_at"]]
    for one in met:
        render.say(f"  ✓ {one['id']}: {one['met_by']} ({render.utc(one['met_at'])})")
    for one in whole["notices"]:
        empty = f"; empty: {', '.join(item['label'] for item in one['missing'])}" if one["missing"] else ""
        render.say(f"  {one['id']} {one['state']} · {one['obligation']} · {one['language']} · {one['sha256'][:12]}{empty}")
    if whole["deliveries"]:
        render.say("Deliveries: " + ", ".join(f"{count} {state}" for state, count in whole["deliveries"].items()))
    for question in whole["assessment"]["questions"][:5]:
        render.say(f"  ? {question['fact']}: {question['because']}")


def clocks(
    incident: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    json: Json = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 3 if a legal deadline has passed unmet.")] = False,
) -> None:
    """Running clocks, soonest first."""
    from incident_flows.services import show as shown

    desk, now = common.desk(), common.now()
    rows = shown.clocks(desk, incident, now=now)
    if json:
        render.print_json(rows)
    elif rows:
        render.deadlines(rows, now=now, incident=incident is None)
    else:
        render.say("No clock is running.")
    if check and any(row["overdue"] and row["end"] == "deadline" for row in rows):
        raise typer.Exit(OVERDUE)


def verify(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A dossier; without it, this installation's journal.")] = None,
    json: Json = False,
) -> None:
    """Check a dossier offline, or the journal: anything changed, missing or reordered is found."""
    from incident_flows.services import dossier

    result = dossier.verify_file(file) if file is not None else dossier.verify_database(common.desk())
    if json:
        render.print_json(result)
    else:
        render.say(f"whole: {result['entries']} journal entries" + (f", {result['members']} members" if "members" in result else ""))


def law_list(
    json: Json = False,
    excluded: Annotated[bool, typer.Option("--excluded", help="Rows of the fact base left out, with the reason.")] = False,
    place: Annotated[str | None, typer.Option("--place", metavar="CODE", help="Only regimes of that place.")] = None,
) -> None:
    """Every duty: source, jurisdiction, addressee, article, dates, confidence."""
    from incident_flows.knowledge.law_listing import excluded_rows, rows
    from incident_flows.wiring import library_from

    book = library_from(common.settings()).lawbook
    found: list[dict[str, Any]] = excluded_rows(book) if excluded else rows(book, place=place)
    if json:
        render.print_json(found)
    elif excluded:
        render.table(("row", "because"), [(one["source_id"], one["because"]) for one in found])
    else:
        render.table(
            ("duty", "addressee", "article", "applies from", "status", "confidence"),
            [(one["duty"], one["addressee"], one["cite"], one["applies_from"] or "", one["status"], one["confidence"]) for one in found],
        )
        render.say(f"{len(found)} versions of {len({one['duty'] for one in found})} duties")


def law_show(duty: Annotated[str, typer.Argument(metavar="DUTY", help="Such as eu-gdpr/tell-authority.")], json: Json = False) -> None:
    """One duty: its history, conditions in words, sources and doubts."""
    from incident_flows.knowledge.law_listing import in_words
    from incident_flows.wiring import library_from

    found = in_words(library_from(common.settings()).lawbook, duty)
    if json:
        render.print_json(found)
    else:
        render.say(*found["lines"])


def law_check(json: Json = False) -> None:
    """Walk every file: ids, dates, articles, words, references, routes, rows older than a year."""
    from incident_flows.knowledge.law_listing import health
    from incident_flows.wiring import library_from

    book = library_from(common.settings()).lawbook
    found = health(book, on=common.now().date())
    if json:
        render.print_json(found)
    else:
        render.say(*(f"  ! {line}" for line in found["warnings"][:40]))
        if len(found["warnings"]) > 40:
            render.say(f"  … and {len(found['warnings']) - 40} more warnings (--json)")
        render.say(f"lawbook {book.version}: {found['regimes']} regimes, {found['duties']} duties, {found['authorities']} authorities; no fault")


def law_diff(
    first: Annotated[str, typer.Argument(metavar="DATE")],
    second: Annotated[str, typer.Argument(metavar="DATE")],
    json: Json = False,
) -> None:
    """What changed in the law between two dates, and for which open incidents."""
    from incident_flows.knowledge.law_listing import changes
    from incident_flows.wiring import library_from

    book = library_from(common.settings()).lawbook
    found = changes(book, _day(first, "DATE"), _day(second, "DATE"))
    touched = _incidents_under({one["duty"] for one in found})
    for one in found:
        one["incidents"] = touched.get(one["duty"], [])
    if json:
        render.print_json(found)
        return
    render.table(
        ("duty", "change", "from", "to", "open incidents"),
        [(one["duty"], one["change"], one["before"] or "—", one["after"] or "—", ", ".join(one["incidents"]) or "—") for one in found],
    )
    render.say(f"{len(found)} changes")


def _incidents_under(duties: set[str]) -> dict[str, list[str]]:
    settings = common.settings()
    if settings.database_url.startswith("sqlite") and not (settings.home / "breach.db").exists():
        return {}
    found: dict[str, list[str]] = {}
    with common.desk().database.read() as tx:
        for row in tx.obligations.open_clocks(limit=1_000_000):
            if row.duty in duties and row.incident_ref not in found.setdefault(row.duty, []):
                found[row.duty].append(row.incident_ref)
    return found
