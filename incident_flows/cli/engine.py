"""Verbs that keep the engine alive: up, watch, status, doctor."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING, Annotated

import typer

from incident_flows.cli import common, render
from incident_flows.cli.common import Json, edge
from incident_flows.errors import UnreachableError
from incident_flows.settings import Settings

if TYPE_CHECKING:
    from incident_flows.services.desk import Desk
    from incident_flows.services.watch import Tick

SAMPLE = "aimigos-studio"
SAMPLE_KEY = "sample"
SHOWN = 40  # rows at start; the rest is one verb away


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    for verb in (up, console, watch, status, doctor):
        app.command(verb.__name__)(edge(verb))


def up(
    sample: Annotated[bool, typer.Option("--sample", help="Open one sample incident, once.")] = False,
) -> None:
    """Start the engine: Prefect, reminders, the console. Ctrl-C stops everything."""
    from incident_flows.cli.consoling import announce, beside
    from incident_flows.flows import connected
    from incident_flows.flows.engine import Engine, ui_address

    settings = common.settings()
    engine = Engine(settings, tell=_tell, debug=common.debugging())
    alone = only_engine_of(settings.home)
    desk, now = connected.desk(), connected.now()
    if sample:
        _open_sample(desk, now=now)
    _print_clocks(desk, now=now)
    render.say(f"Notices go to: {_channel_words(settings)}")
    served = beside(settings, _tell)
    if served is not None:
        announce(desk, settings, now=now)
    render.say(f"Prefect UI: {ui_address(settings)} (starting)", "Ctrl-C stops everything.")
    _flush()
    try:
        engine.run()
    finally:
        if served is not None:
            served.stop()
        alone.close()
    render.say("Stopped. Every clock stands in the database; `breach up` goes on with it.")


def only_engine_of(home: Path) -> IO[str]:
    """Return what keeps a second engine from this folder as long as it is open; a killed process lets go of it.

    Raises:
        UnreachableError: One is running.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = (home / "engine.lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(kept, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        kept.seek(0)
        number = kept.read(20).strip()
        kept.close()
        raise UnreachableError(
            f"{home}: an engine runs on this folder already{f', process {number}' if number else ''}.\n"
            "Use that one (`breach status`), stop it first, or set BREACH_HOME to another folder."
        ) from None
    kept.truncate(0)
    kept.write(str(os.getpid()))
    kept.flush()
    return kept


def console() -> None:
    """Serve the console alone, without Prefect and without ticking. Ctrl-C stops it."""
    from incident_flows.cli.consoling import announce, server
    from incident_flows.flows import connected

    settings = common.settings()
    desk = connected.desk()
    served = server(settings, _tell)
    announce(desk, settings, now=connected.now())
    render.say("Ctrl-C stops it. Reminders fire only while `breach up` or `breach watch` runs.")
    _flush()
    ending = _told_to_stop()
    served.start()
    while served.answering and not ending.wait(0.5):
        pass
    served.stop()


def _told_to_stop() -> threading.Event:
    ending = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        ending.set()

    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, stop)
    return ending


def _tell(line: str) -> None:
    print(line, flush=True)


def _flush() -> None:
    sys.stdout.flush()


def _open_sample(desk: Desk, *, now: datetime) -> None:
    from incident_flows.knowledge.facts_files import read_facts
    from incident_flows.services.open import open_incident

    path = desk.library.root / "samples" / f"{SAMPLE}.yaml"
    facts = read_facts(path, lawbook=desk.library.lawbook, profiles=desk.library.profiles)
    opened = open_incident(
        desk, facts, actor=common.actor(desk, None), now=now, source=path.name, request_key=SAMPLE_KEY
    )
    render.say(f"{opened.ref}: {facts.title}" + (" (opened)" if opened.created else " (as before)"))


def _print_clocks(desk: Desk, *, now: datetime) -> None:
    from incident_flows.services.show import clocks

    rows = clocks(desk, None, now=now)
    if rows:
        render.deadlines(rows[:SHOWN], now=now, incident=True)
        if len(rows) > SHOWN:
            render.say(f"… and {len(rows) - SHOWN} more: `breach clocks`")
    else:
        render.say("No clock is running. `breach open FACTS` opens an incident.")


def _channel_words(settings: Settings) -> str:
    if settings.sendgrid_api_key or settings.smtp_url:
        return "SendGrid" if settings.sendgrid_api_key else "your SMTP relay"
    return f"the outbox {settings.outbox} (no mail provider is set up)"


def watch(
    loop: Annotated[bool, typer.Option("--loop", help="Go on until Ctrl-C; needs no Prefect.")] = False,
    json: Json = False,
) -> None:
    """One tick: fires everything due, once. The same code the scheduler runs."""
    from incident_flows.flows import connected
    from incident_flows.services.watch import tick

    def told(done: Tick) -> None:
        if json:
            render.print_json(done.to_json(), line=loop)
        elif done.reminders or not loop:
            for one in done.reminders:
                late = f" (late by {one['late_seconds'] / 60:.0f} min)" if one["late_seconds"] > 90 else ""
                render.say(f"{one['title']}{late}")
            render.say(
                f"{done.at:%Y-%m-%d %H:%M:%S}Z: {done.fired} fired, {done.late} of them late, "
                f"{done.sent} sent, {done.in_doubt} in doubt, {done.missed} missed"
            )
        _flush()

    desk = connected.desk()
    if not loop:
        told(tick(desk, now=connected.now()))
        return
    _until_told_to_stop(desk, told)


def _until_told_to_stop(desk: Desk, told: Callable[[Tick], None]) -> None:
    from incident_flows.flows import connected
    from incident_flows.flows.ticker import Ticker

    ending = _told_to_stop()
    ticker = Ticker(
        lambda: desk,
        now=connected.now,
        tell=told,
        trouble=lambda line: print(f"breach: {line}", file=sys.stderr, flush=True),
    )
    ticker.start()
    while not ending.wait(0.5):
        pass
    ticker.stop()


def status(json: Json = False) -> None:
    """Is the engine alive: last tick, next step, anything due and not fired. Exit 1 if nothing ticks."""
    from incident_flows.console.server import address_of, local_address
    from incident_flows.flows.engine import without_password
    from incident_flows.services.watch import status as stated

    settings = common.settings()
    found = stated(common.desk(), now=common.now())
    url = prefect_url(settings)
    found["prefect"] = {"url": without_password(url), "answers": answers(url)}
    found["console"] = {"url": address_of(settings), "answers": answers(local_address(settings))}
    if json:
        render.print_json(found)
    else:
        since = found["seconds_since_tick"]
        ticked = f"{since} s ago" if since is not None else "never"
        render.say(
            f"{'Ticking' if found['ticking'] else 'NOT TICKING'}: last tick {ticked}",
            f"Next step: {found['next_step'] or 'none planned'}",
            f"Open incidents: {found['open_incidents']}; due and not fired: {found['due_and_unfired']}; "
            f"sends in doubt: {found['in_doubt']}",
            f"Prefect {without_password(url)}: "
            + ("answers" if found["prefect"]["answers"] else "does not answer"),
            f"Console {address_of(settings)}: "
            + ("answers" if found["console"]["answers"] else "does not answer"),
        )
    if not found["ticking"]:
        raise common.fail(
            "nothing ticks, so no reminder will fire. "
            "Start `breach up`, or `breach watch --loop` without Prefect"
        )


def prefect_url(settings: Settings) -> str:
    """Return the address of Prefect's API; it may hold a password."""
    from incident_flows.flows.engine import ui_address

    return (settings.prefect_api_url or f"{ui_address(settings)}/api").rstrip("/")


def answers(url: str) -> bool:
    """Return whether a Prefect server answers there."""
    import httpx

    try:
        return httpx.get(f"{url}/health", timeout=2, trust_env=False).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def doctor(json: Json = False) -> None:
    """What is misconfigured, and what to do about it. Exit 1 if something must be mended."""
    from incident_flows.cli.doctor import examine
    from incident_flows.flows.connected import own_zone_data

    own_zone_data()
    found = examine(common.settings())
    if json:
        render.print_json([one.to_json() for one in found])
    else:
        for one in found:
            then = f"\n     → {one.then}" if one.then else ""
            render.say(f"{one.level:<4} {one.name}: {one.words}{then}")
    if any(one.level == "fail" for one in found):
        raise typer.Exit(common.REFUSED)
