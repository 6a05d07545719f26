"""The desk of the process a flow runs in, and the moment it runs at. The one place where flows meet the edge.

Knows nothing of Prefect. A process that a flow run was started in ends with the engine that started it, even
if that one was killed: it looks every second whether its parent is still there.
"""

from __future__ import annotations

import os
import threading
import time
import zoneinfo
from datetime import datetime
from functools import lru_cache

from incident_flows import clock
from incident_flows.core.lifecycle import Actor
from incident_flows.services.desk import Desk, acting
from incident_flows.settings import Settings
from incident_flows.wiring import desk_from

ENGINE_PID = "_BREACH_ENGINE_PID"  # set by the engine for the processes it starts
CONSOLE = "_BREACH_CONSOLE"  # likewise: its address, where board and console are on one machine


def own_zone_data() -> None:
    """Use the pinned zone data of this product, not whatever the machine has."""
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()


@lru_cache(maxsize=1)
def desk() -> Desk:
    """Return the connected parts, once per process."""
    own_zone_data()
    connected: Desk = desk_from(Settings.from_environment())
    return connected


def now() -> datetime:
    """Return the present instant."""
    return clock.now()


def console() -> str | None:
    """Return where people who look at the board find the console; None if it is not known."""
    return os.environ.get(CONSOLE) or Settings.from_environment().console_url


def actor(name: str | None) -> Actor:
    """Return the account named in a form; without a name, the operating-system user of the engine."""
    own = Settings.from_environment().actor
    return acting(desk(), name or own, now=now(), create=not name and not os.environ.get("BREACH_ACTOR"))


def _end_with_the_engine(engine: int) -> None:
    while os.getppid() == engine:
        time.sleep(1)
    os._exit(1)


_engine = os.environ.get(ENGINE_PID, "")
if _engine.isdigit() and int(_engine) == os.getppid():
    threading.Thread(target=_end_with_the_engine, args=(int(_engine),), name="parent", daemon=True).start()
