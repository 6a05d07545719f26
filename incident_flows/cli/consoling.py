"""The console beside the engine: started, announced, and never in the way of the clocks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from incident_flows.cli import accounts, render
from incident_flows.console.server import ConsoleServer, address_of
from incident_flows.errors import BreachError
from incident_flows.settings import Settings

if TYPE_CHECKING:
    from incident_flows.services.desk import Desk


def server(settings: Settings, tell: Callable[[str], None]) -> ConsoleServer:
    """Return the console, its port taken, not answering yet.

    Raises:
        UnreachableError: Somebody has the port.
    """
    from incident_flows.flows import connected

    return ConsoleServer(
        connected.desk, clock=connected.now, settings=settings, trouble=lambda line: tell(f"! {line}")
    )


def beside(settings: Settings, tell: Callable[[str], None]) -> ConsoleServer | None:
    """Return the console, answering; None, with the reason told, where it cannot be served."""
    try:
        served = server(settings, tell)
    except BreachError as error:
        tell(f"! {error}\n  Reminders go on without the console.")
        return None
    served.start()
    return served


def announce(desk: Desk, settings: Settings, *, now: datetime) -> None:
    """Say where the console is, and, on this machine only, how the first person gets in."""
    render.say(f"Console: {address_of(settings)}")
    first = accounts.first_link(desk, now=now) if settings.console_url is None else None
    if first is not None:
        render.say("Nobody can sign in yet. This link sets up your account, once, within 30 minutes:", first)
