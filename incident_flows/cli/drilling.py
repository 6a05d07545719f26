"""Verbs around scenarios: drill one; tick off the tasks of an incident's."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from incident_flows.cli import common, render
from incident_flows.cli.common import As, Json, edge

MARK = {"news": "»", "clock": "◷", "reminder": "☎", "act": "✓", "missed": "✗", "end": "·"}


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command("drill")(edge(drill))
    app.command("task")(edge(task))


def drill(
    scenario: Annotated[str | None, typer.Argument(metavar="[SCENARIO]")] = None,
    organisation: Annotated[
        str | None, typer.Option("--organisation", metavar="ID", help="Whose breach; default: the scenario's.")
    ] = None,
    team: Annotated[
        str, typer.Option("--team", help="diligent: does what it can; idle: does nothing, to see who is called.")
    ] = "diligent",
    json: Json = False,
) -> None:
    """Play a scenario on the real engine with a fast clock, mail to an outbox of its own; without one, list them."""
    from incident_flows.knowledge.scenarios import read_scenario, scenario_ids
    from incident_flows.services.drill import TEAMS, Play
    from incident_flows.wiring import drill_desk_from, library_from

    settings = common.settings()
    library = library_from(settings)
    if scenario is None:
        known = [read_scenario(library.root, id_) for id_ in scenario_ids(library.root)]
        if json:
            render.print_json([{"id": one.id, "title": one.title, "about": one.about} for one in known])
        else:
            render.table(("scenario", "what"), ((one.id, f"{one.title}. {one.about}") for one in known))
        return
    if team not in TEAMS:
        raise common.misused(f"--team: {team!r:.40} is none; write {' or '.join(TEAMS)}")
    read, now = read_scenario(library.root, scenario), common.now()
    desk, folder = drill_desk_from(settings, library, f"{now:%Y%m%dT%H%M%SZ}-{read.id}")
    try:
        if not json:
            render.say(f"DRILL · {read.title}", read.about, "")
        playing = Play(
            desk, read, start=now.replace(second=0, microsecond=0), organisation=organisation,
            team=TEAMS[TEAMS.index(team)],
            tell=_quiet if json else _tell,
        )  # fmt: skip
        report = playing.run()
    finally:
        desk.database.dispose()
    whole = {**report.to_json(), "folder": str(folder)}
    if json:
        render.print_json(whole)
        return
    render.say("")
    render.table(
        ("told", "by", "met", "held"),
        (
            (
                one["addressee"], render.utc(one["due_at"]), render.utc(one["met_at"]),
                {True: "yes", False: "NO", None: "no number, or not yet due"}[one["held"]],
            )
            for one in whole["obligations"]
        ),
    )  # fmt: skip
    render.say(
        f"DRILL over: {whole['held']} clocks held, {whole['missed']} missed, {whole['open']} without a number or "
        f"not yet due; {whole['reminders']} reminders.",
        f"Its record: {folder}",
    )


def _quiet(at: datetime, kind: str, text: str) -> None:
    return None


def _tell(at: datetime, kind: str, text: str) -> None:
    first, *rest = text.splitlines()
    render.say(f"{at:%a %d %b %H:%M}Z {MARK[kind]} {first}", *(f"                   {line}" for line in rest))


def task(
    id_: Annotated[str, typer.Argument(metavar="ID")],
    name: Annotated[str | None, typer.Argument(metavar="[TASK]")] = None,
    note: Annotated[str | None, typer.Option("--note", help="What to remember about it.")] = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """List the tasks of an incident's scenario, or record that one is done."""
    from incident_flows.services.tasks import done, tasks

    desk = common.desk()
    fresh = None
    if name is not None:
        fresh = done(desk, id_, name, actor=common.actor(desk, as_), now=common.now(), note=note)
    with desk.database.read() as tx:
        tx.incidents.get(id_)
        found = tasks(tx, desk, id_)
    if json:
        render.print_json(found if name is None else next(one for one in found if one["id"] == name))
        return
    if name is not None:
        render.say(f"{id_}: {name} " + ("is done." if fresh else "was done before."))
        return
    if not found:
        render.say(f"{id_} has no checklist: its scenario is not known (`breach facts {id_} breach.scenario=ID`).")
        return
    render.table(
        ("task", "when", "what", "who", "done"),
        (
            (one["id"], one["phase"], one["do"], one["who"], f"{one['done_by']} {render.utc(one['done_at'])}"
             if one["done_at"] else (f"by {render.utc(one['due_at'])}" if one["due_at"] else "—"))
            for one in found
        ),
    )  # fmt: skip
