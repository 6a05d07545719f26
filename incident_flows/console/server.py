"""Serves the console in a thread of its own. Whatever becomes of it, clocks and reminders go on."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from incident_flows.errors import UnreachableError
from incident_flows.services.desk import Desk
from incident_flows.settings import Settings

if TYPE_CHECKING:
    import uvicorn

STOPS_WITHIN = 5.0  # seconds


def address_of(settings: Settings) -> str:
    """Return where people open the console."""
    return settings.console_url or local_address(settings)


def local_address(settings: Settings) -> str:
    """Return where this machine reaches the console."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{settings.port}"


def listening(settings: Settings) -> socket.socket:
    """Return a socket bound to the console's port.

    Raises:
        UnreachableError: Somebody has it already.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((settings.host, settings.port))
        found.listen(128)
    except OSError as error:
        found.close()
        raise UnreachableError(
            f"port {settings.port} on {settings.host} cannot be used for the console: {error.strerror}.\n"
            "Set BREACH_PORT to a free port."
        ) from None
    return found


class ConsoleServer:
    """The console, from `start` to `stop`.

    Args:
        trouble: Told in one line if it ends by itself.
    """

    def __init__(
        self,
        desk: Callable[[], Desk],
        *,
        clock: Callable[[], datetime],
        settings: Settings,
        trouble: Callable[[str], None],
    ) -> None:
        self._desk, self._clock, self._settings, self._trouble = desk, clock, settings, trouble
        self._server: uvicorn.Server | None = None
        self._stopping = False
        self._socket = listening(settings)
        self._thread = threading.Thread(target=self._hold, name="console", daemon=True)

    def start(self) -> None:
        """Begin to answer; returns at once."""
        self._thread.start()

    @property
    def answering(self) -> bool:
        """Whether it has not ended by itself."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Answer what is being asked, then nothing more."""
        self._stopping = True
        ends = time.monotonic() + STOPS_WITHIN
        while self._thread.is_alive() and time.monotonic() < ends:
            if self._server is not None:
                self._server.should_exit = True
            self._thread.join(0.1)
        self._socket.close()

    def _hold(self) -> None:
        try:
            import uvicorn

            from incident_flows.console.app import create_app

            app = create_app(self._desk, clock=self._clock, settings=self._settings)
            self._server = uvicorn.Server(
                uvicorn.Config(
                    app,
                    log_level="critical",
                    access_log=False,
                    lifespan="off",
                    server_header=False,
                    proxy_headers=self._settings.console_url is not None,
                    forwarded_allow_ips=self._settings.proxies,
                    timeout_graceful_shutdown=2,
                    limit_concurrency=200,
                )
            )
            if not self._stopping:
                self._server.run(sockets=[self._socket])
            if not self._stopping:
                self._trouble("the console stopped; reminders go on without it. Start again to have it back")
        except Exception as error:  # the edge of the thread: reminders go on whatever the console does
            self._trouble(f"the console stopped ({type(error).__name__}); reminders go on without it")
