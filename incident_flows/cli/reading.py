"""Verbs that only read: assess, list, show, clocks, verify, status, doctor, law."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from incident_flows.cli import common, filing, law, render
from incident_flows.cli.common import Json, edge
from incident_flows.errors import InputError

OVERDUE = 3


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    for verb in (assess, list_, show, clocks, verify):
        app.command(verb.__name__.rstrip("_"))(edge(verb))
    law.register(app)


def assess(
    files: Annotated[list[Path], typer.Argument(metavar="FACTS...", help="Facts files, YAML or JSON.")],
    json: Json = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show the path through each rule.")] = False,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="Use the law of that date.")
    ] = None,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Count bills as law. Never for a live clock.")
    ] = False,
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
            render.say(
                f"{facts.title or path.name} — {facts.organisation.trading_name or facts.organisation.id}"
            )
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
            (
                one["id"] + (" DRILL" if one["drill"] else ""),
                one["title"],
                one["organisation"],
                one["state"],
                render.utc(one["next_due_at"]),
            )
            for one in rows
        ],
    )


def letters_line(letters: dict[str, Any]) -> str:
    """Return one line about the letters of a notice."""
    waves = max((one["wave"] for one in letters["waves"]), default=0)
    in_waves = "1 wave" if waves == 1 else f"{waves} waves"
    parts = [f"Letters {letters['notice']}: {letters['people']} people in {in_waves}, mode {letters['mode']}"]
    if letters["switch"] != "go":
        parts.append(f"{letters['switch']}: {letters['because']}")
    if letters["rate_per_second"]:
        parts.append(f"{letters['rate_per_second']:,.0f} a second")
    if letters["seconds_left"]:
        parts.append(f"{letters['seconds_left']} s to go")
    if letters["second"]:
        parts.append("second addresses: " + ", ".join(f"{many} {state}" for state, many in letters["second"].items()))
    if letters["limit"]:
        parts.append("limit " + ", ".join(f"{most} a {unit}" for unit, most in letters["limit"].items()))
    if letters["resume_at"]:
        parts.append(f"goes on {letters['resume_at']}")
    return " · ".join(parts)


def show(
    incident: Annotated[str, typer.Argument(metavar="ID")],
    json: Json = False,
    notice: Annotated[
        str | None, typer.Option("--notice", metavar="NOTICE", help="One notice with its exact text.")
    ] = None,
    english: Annotated[
        bool, typer.Option("--english", help="With --notice: the same notice in English, for reading only.")
    ] = False,
    variant: Annotated[
        str | None,
        typer.Option("--variant", metavar="KEY", help="With --notice: another wording of a letter, such as US-CA."),
    ] = None,
) -> None:
    """One incident: facts, obligations, notices, deliveries, steps, journal."""
    from incident_flows.services import show as shown
    from incident_flows.services.public_notice import standing

    desk, now = common.desk(), common.now()
    if notice is not None:
        row = shown.one_notice(desk, incident, notice, in_english=english, variant=variant)
        if json:
            render.print_json(row)
        else:
            render.say(
                f"{row['id']} {row['state']} · {row['obligation']} · SHA-256 {row['sha256']}",
                "",
                row["subject"],
                "",
                row["text"],
            )
            if row["variants"] and variant is None:
                render.say(
                    "",
                    f"Other wordings: {', '.join(row['variants'])} (--variant KEY); the hash covers them all.",
                )
            if row["form"]:
                from incident_flows.core.form_text import as_text
                from incident_flows.core.forms import Filled

                render.say(as_text(Filled.model_validate(row["form"])))
        return
    whole = shown.show(desk, incident, now=now)
    if json:
        render.print_json(whole)
        return
    drill = " DRILL" if whole["drill"] else ""
    render.say(f"{whole['id']}{drill} · {whole['title']} · {whole['organisation']} · {whole['state']}")
    render.say(
        f"Risk to people: {whole['assessment']['risk']['level'].upper()}; facts version {whole['facts_version']}"
    )
    render.deadlines(shown.clocks(desk, incident, now=now), now=now)
    met = [one for one in whole["obligations"] if one["met_at"]]
    for one in met:
        render.say(f"  ✓ {one['id']}: {one['met_by']} ({render.utc(one['met_at'])})")
    for one in whole["completeness"]:
        empty = f"; required and empty: {', '.join(one['missing'])}" if one["missing"] else ""
        render.say(
            f"  ▤ {one['addressee']}: {one['answered']} of {one['asked']} answers ({one['share']:.0%}){empty}"
        )
    for one in whole["notices"]:
        if one["state"] == "withdrawn":
            continue  # replaced by a later text; --json shows it
        empty = f"; empty: {', '.join(item['label'] for item in one['missing'])}" if one["missing"] else ""
        spoken = f"{one['language']} (and {', '.join(one['variants'])})" if one["variants"] else one["language"]
        render.say(f"  {one['id']} {one['state']} · {one['obligation']} · {spoken} · {one['sha256'][:12]}{empty}")
    filing.standing(whole)
    if whole["deliveries"]:
        render.say(
            "Deliveries: " + ", ".join(f"{count} {state}" for state, count in whole["deliveries"].items())
        )
    for letters in whole["letters"]:
        if letters["mode"] is not None:
            render.say(letters_line(letters))
    with desk.database.read() as tx:
        render.say(*standing(tx, desk, incident).lines(incident))
    for question in whole["assessment"]["questions"][:5]:
        render.say(f"  ? {question['fact']}: {question['because']}")


def clocks(
    incident: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    json: Json = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 3 if a legal deadline has passed unmet.")
    ] = False,
    ics: Annotated[bool, typer.Option("--ics", help="Print a calendar, for calendar programs.")] = False,
) -> None:
    """Running clocks, soonest first."""
    from incident_flows.core.ical import calendar
    from incident_flows.services import show as shown

    desk, now = common.desk(), common.now()
    rows = shown.clocks(desk, incident, now=now)
    if ics:
        print(calendar(rows, now=now), end="")
    elif json:
        render.print_json(rows)
    elif rows:
        render.deadlines(rows, now=now, incident=incident is None, forecast=True)
    else:
        render.say("No clock is running.")
    if check and any(row["overdue"] for row in rows):
        raise typer.Exit(OVERDUE)


def verify(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A dossier; without it, this installation's journal."),
    ] = None,
    json: Json = False,
) -> None:
    """Check a dossier offline, or the journal: anything changed, missing or reordered is found."""
    from incident_flows.services import dossier

    result = dossier.verify_file(file) if file is not None else dossier.verify_database(common.desk())
    if json:
        render.print_json(result)
    else:
        render.say(
            f"whole: {result['entries']} journal entries"
            + (f", {result['members']} members" if "members" in result else "")
        )
