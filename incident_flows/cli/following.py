"""Verbs for letters after they left: states by the provider's events, replies, calls; letters on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incident_flows.cli import common, render
from incident_flows.cli.common import As, Json, edge


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command("follow")(edge(follow))
    app.command("letters")(edge(letters))


def follow(
    id_: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    events: Annotated[
        Path | None, typer.Option("--events", metavar="FILE", help="Events of the provider, as it posted them.")
    ] = None,
    replies: Annotated[int, typer.Option("--replies", help="Add so many people who wrote back.")] = 0,
    calls: Annotated[int, typer.Option("--calls", help="Add so many people who called.")] = 0,
    as_: As = None,
    json: Json = False,
) -> None:
    """Show what became of an incident's letters; add to the counts of replies and calls; take in events from a file."""
    from incident_flows.knowledge.files import read_bytes
    from incident_flows.services.follow import answers, count, followed, receive

    if id_ is None and events is None:
        raise common.misused("name an incident, or --events FILE")
    desk, now = common.desk(), common.now()
    if events is not None:
        common.actor(desk, as_).require("notify")
        received = receive(desk, read_bytes(events), now=now)
        counted = count(desk, now=now)
        if id_ is None:
            if json:
                render.print_json({**counted.to_json(), "strange": received.strange})
                return
            render.say(
                f"{received.events} events read, {counted.events} new, {counted.repeated} repeated, "
                f"{counted.unknown} about no letter of ours, {received.strange} of no known kind; "
                f"{counted.batches} batches changed, {counted.proved} in doubt settled."
            )
            return
    assert id_ is not None
    if replies or calls:
        found = answers(desk, id_, replies=replies, calls=calls, actor=common.actor(desk, as_), now=now)
    else:
        found = followed(desk, id_)
    if json:
        render.print_json({"id": id_, **found.to_json()})
        return
    for notice, counts in found.by_notice.items():
        render.say(f"{notice}: " + ", ".join(f"{number:,} {word}" for word, number in counts.items()))
    for notice, counts in found.second.items():
        told = ", ".join(f"{number:,} {word}" for word, number in counts.items())
        render.say(f"{notice}, second addresses: {told}")
    if not found.by_notice:
        render.say(f"{id_}: no event of the provider yet about any letter.")
    render.say(f"Counted in all: {found.replies} replies, {found.calls} calls.")


def letters(
    id_: Annotated[str, typer.Argument(metavar="ID")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="A new folder for the files.")],
    again: Annotated[bool, typer.Option("--again", help="Also those given out before.")] = False,
    as_: As = None,
    json: Json = False,
) -> None:
    """Write letters to print, and their list, for everybody no e-mail reached; each person once."""
    from incident_flows.services.by_post import give_out

    desk = common.desk()
    done = give_out(desk, id_, out, actor=common.actor(desk, as_), now=common.now(), again=again)
    if json:
        render.print_json(done.to_json())
        return
    render.say(*(f"{out / name}" for name in done.files))
    render.say(
        f"{done.letters} letters to print, {done.before} given out before, {done.unreachable} people without a "
        "postal address either."
    )
    if done.waiting:
        render.say(f"{done.waiting} people have a second address, which the next tick tries first.")
    if done.unreachable:
        from incident_flows.services.public_notice import standing

        with desk.database.read() as tx:
            render.say(*standing(tx, desk, id_).lines(id_))
