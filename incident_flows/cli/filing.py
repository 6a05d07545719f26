"""Verbs about filings: their documents, what differs between them, what an authority asks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incident_flows.cli import common, render
from incident_flows.cli.common import As, Json, edge

ID = Annotated[str, typer.Argument(metavar="ID", help="Such as INC-2026-0001.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    for verb in (document,):
        app.command(verb.__name__.rstrip("_"))(edge(verb))


def document(
    incident: ID,
    notice: Annotated[
        str | None, typer.Argument(metavar="[NOTICE]", help="Such as N-0001; without it, the whole record.")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write it as PDF.")] = False,
    json: Json = False,
    folder: Annotated[Path, typer.Option("--folder", help="Where to write it.")] = Path(),
    as_: As = None,
) -> None:
    """Write a notice, or the accountability record, as PDF; or print it as JSON."""
    from incident_flows.services.document import notice_document, record_document, written

    desk = common.desk()
    common.actor(desk, as_).require("dossier")
    data, content = (
        record_document(desk, incident) if notice is None else notice_document(desk, incident, notice)
    )
    if json:
        render.print_json(data)
    if pdf or not json:
        path = written(folder, f"{incident}-{notice or 'record'}.pdf", content)
        if not json:
            render.say(str(path))
