"""Verbs around reminders: acknowledge one, see who is on call, see or renew an incident's ladder."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from incident_flows.cli import common, render
from incident_flows.cli.common import As, Json, edge
from incident_flows.errors import InputError

if TYPE_CHECKING:
    from incident_flows.core.rota import Rota


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    for verb in (acknowledge, rota, ladder):
        app.command(verb.__name__)(edge(verb))


def acknowledge(
    incident: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    which: Annotated[
        str | None,
        typer.Argument(metavar="[STEP]", help="A step's number or an obligation; else all told."),
    ] = None,
    token: Annotated[
        str | None, typer.Option("--token", help="The token of a link, instead of ID and STEP.")
    ] = None,
    json: Json = False,
    as_: As = None,
) -> None:
    """Say that you have seen a reminder: nobody else is called for it. The clock goes on."""
    from incident_flows.services import acknowledge as service

    desk, now = common.desk(), common.now()
    if (incident is None) == (token is None):
        raise InputError("acknowledge: name an incident, or give the --token of a link")
    if token is not None:
        found = [service.acknowledge_by_link(desk, token, now=now)]
    else:
        found = service.acknowledge(desk, incident or "", which, actor=common.actor(desk, as_), now=now)
    if json:
        render.print_json([one.to_json() for one in found])
        return
    if not found:
        render.say("Nothing that was told is unacknowledged.")
    for one in found:
        before = f" (already by {one.by})" if one.again else f"; {one.stopped} further calls stopped"
        render.say(
            f"{one.incident} {one.obligation} {one.name}: acknowledged by {one.by}{before}. The clock goes on."
        )


def rota(
    at: Annotated[str | None, typer.Option("--at", metavar="INSTANT", help="Then, not now.")] = None,
    check: Annotated[
        Path | None, typer.Option("--check", metavar="FILE", help="Check a file; change nothing.")
    ] = None,
    use: Annotated[Path | None, typer.Option("--use", metavar="FILE", help="Put a file in force.")] = None,
    json: Json = False,
    as_: As = None,
) -> None:
    """Who of the team is told first, who next, and who may not be disturbed now."""
    from incident_flows.knowledge.rota import read_rota
    from incident_flows.wiring import home_of

    settings, now = common.settings(), _instant(at) if at else common.now()
    if check is not None or use is not None:
        chosen = read_rota(use or check or Path())
        if use is not None:
            home_of(settings)
            _put_in_force(use, chosen, settings.rota, as_)
        name = (use or check or Path()).name
        render.say(
            f"{name}: {len(chosen.persons)} persons, {len(chosen.levels)} levels: no fault"
            + (f"; in force from now on ({settings.rota})" if use is not None else "")
        )
        return
    current = read_rota(settings.rota) if settings.rota.exists() else None
    if current is None:
        paths = len(settings.paging)
        if json:
            render.print_json({"in_force": False, "levels": [], "paging_addresses": paths})
        else:
            render.say(
                f"No rota is in force: everybody in BREACH_PAGING is called ({paths} addresses). "
                "`breach rota --use FILE` puts one in force; playbooks/policies/rota.yaml is an example."
            )
        return
    rows = _levels(current, now)
    if json:
        render.print_json({"in_force": True, "at": now.isoformat(), "levels": rows})
    else:
        render.table(
            ("level", "told", "instead of, away", "quiet until (far from a deadline)", "next after"),
            [
                (
                    one["level"],
                    ", ".join(one["told"]) or "nobody",
                    "; ".join(one["notes"]),
                    ", ".join(f"{name} {until}" for name, until in one["quiet_until"].items()),
                    f"{one['wait_minutes']} min",
                )
                for one in rows
            ],
        )


def _levels(current: Rota, at: datetime) -> list[dict[str, Any]]:
    from incident_flows.core.rota import call_for, quiet_until, wait_minutes

    settings = common.settings()
    library = None
    if any(one.holidays for one in current.persons.values()):
        from incident_flows.wiring import library_from

        library = library_from(settings)

    def is_holiday(calendar: str, day: Any) -> bool:
        return library is not None and day.weekday() < 5 and not library.open_days(calendar).is_open(day)

    found = []
    for number, level in enumerate(current.levels):
        call = call_for(current, level=number, at=at, near=True)
        told = call.persons if call is not None and call.level == number else ()
        quiet = {
            name: until for name in told if (until := quiet_until(current, name, at, is_holiday)) is not None
        }
        found.append(
            {
                "level": level.name,
                "told": list(told),
                "notes": list(call.notes)
                if call is not None and call.level == number
                else ["everybody is away"],
                "quiet_until": {name: until.strftime("%Y-%m-%d %H:%MZ") for name, until in quiet.items()},
                "wait_minutes": wait_minutes(current, number, None),
            }
        )
    return found


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"--at: {text!r} is no instant; write 2026-11-20T18:00:00+01:00") from None
    if found.utcoffset() is None:
        raise InputError(f"--at: {text!r} has no offset; write 2026-11-20T18:00:00+01:00")
    return found


def _put(content: bytes, path: Path) -> None:
    """Replace the file at once or not at all; only its owner may read it, for it may hold pager addresses."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".rota.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        Path(draft).unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def _put_in_force(source: Path, chosen: Rota, path: Path, as_: str | None) -> None:
    from incident_flows.services.desk import write_journal

    desk, now = common.desk(), common.now()
    actor = common.actor(desk, as_)
    actor.require("accounts")
    with desk.database.write() as tx:
        payload = {"persons": sorted(chosen.persons), "levels": [one.name for one in chosen.levels]}
        write_journal(
            tx, desk, at=now, actor=actor.name, act="rota-changed", ref=None, subject="rota", payload=payload
        )
        _put(source.read_bytes(), path)


def ladder(
    incident: Annotated[str, typer.Argument(metavar="ID")],
    renew: Annotated[bool, typer.Option("--renew", help="Give it the ladders of today's policy.")] = False,
    because: Annotated[
        str, typer.Option("--because", metavar="TEXT", help="The reason, in a sentence.")
    ] = "",
    json: Json = False,
    as_: As = None,
) -> None:
    """The ladder of reminders an incident keeps, from its opening until somebody renews it."""
    from incident_flows.services import ladder as service

    desk, now = common.desk(), common.now()
    if renew:
        done = service.renew_ladder(desk, incident, because=because, actor=common.actor(desk, as_), now=now)
        if json:
            render.print_json(done)
        else:
            render.say(
                f"{incident}: {done['replanned']} clocks planned anew"
                if done["changed"]
                else f"{incident}: as before"
            )
        return
    kept = service.ladder_of(desk, incident)
    if json:
        render.print_json(kept)
        return
    for name, one in kept["ladders"].items():
        rungs = ", ".join(rung["name"] for rung in one["rungs"])
        render.say(
            f"{name}: {rungs}; overdue every {one['overdue_every_minutes']} min, {one['overdue_times']} times"
        )
    if not kept["same_as_policy"]:
        render.say("The policy has changed since: `breach ladder ID --renew --because TEXT` takes it over.")
