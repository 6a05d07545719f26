"""The verb that takes in an alert of a monitoring system from a file or a pipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from incident_flows.cli import common, render
from incident_flows.cli.common import As, Json, edge


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command("alert")(edge(alert))


def alert(
    source: Annotated[str | None, typer.Argument(metavar="[SOURCE]")] = None,
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="JSON; - or nothing reads standard input.")] = "-",
    organisation: Annotated[
        str | None, typer.Option("--organisation", metavar="ID", help="Whose systems they are.")
    ] = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Open an incident from an alert of a monitoring system, once; without a source, list those that are known."""
    from incident_flows.knowledge.alerts import read_mapping, source_ids

    if source is None:
        from incident_flows.wiring import library_from

        root = library_from(common.settings()).root
        known = [read_mapping(root, id_) for id_ in source_ids(root)]
        if json:
            render.print_json([{"id": one.id, "title": one.title, "source": one.source.cite} for one in known])
        else:
            render.table(("source", "product", "by"), ((one.id, one.title, one.source.cite) for one in known))
        return
    if organisation is None:
        raise common.misused("--organisation: name the profile whose systems raised the alert")
    from incident_flows.errors import InputError
    from incident_flows.knowledge.files import read_bytes
    from incident_flows.services.alerts import take_in

    if file == "-" and sys.stdin.isatty():
        raise InputError("alert: name a file, or pipe the alert in")
    body = sys.stdin.buffer.read() if file == "-" else read_bytes(Path(file))
    desk = common.desk()
    found = take_in(
        desk, source, body, organisation=organisation, actor=common.actor(desk, as_), now=common.now()
    )
    if json:
        render.print_json([one.to_json() for one in found])
        return
    for one in found:
        what = "opened" if one.created else "added to" if one.fresh else "known already"
        render.say(f"{one.ref}: {what}; {one.kept} values kept as evidence")
        render.say(*(f"  ? {fact}: {why}" for fact, why in one.asks.items()))
