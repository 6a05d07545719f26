"""The desk of the process a flow runs in, and the moment it runs at. The one place where flows touch the edge."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from incident_flows import clock
from incident_flows.core.lifecycle import Actor
from incident_flows.services.desk import Desk, acting
from incident_flows.settings import Settings
from incident_flows.wiring import desk_from


@lru_cache(maxsize=1)
def desk() -> Desk:
    """Return the connected parts, once per process."""
    return desk_from(Settings.from_environment())


def now() -> datetime:
    """Return the present instant."""
    return clock.now()


def actor(name: str | None) -> Actor:
    """Return the account named in a form; without a name, the operating-system user of the engine."""
    own = Settings.from_environment().actor
    return acting(desk(), name or own, now=now(), create=not name)
