"""The engine: one process with Prefect's server, a runner for every deployment, and a clock of its own.

Three threads. The main one waits for Ctrl-C. One ticks, whatever Prefect does. One holds Prefect: its server
in this very process, so that even kill -9 leaves no orphan behind, and the runner. Prefect is imported in
that thread, after its environment is set; nothing of it is imported by this module.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from incident_flows.errors import BreachError, InputError, UnreachableError
from incident_flows.flows import connected
from incident_flows.flows.ticker import Ticker
from incident_flows.settings import Settings, is_loopback, kept_secret

if TYPE_CHECKING:
    import uvicorn
    from prefect.runner import Runner

HOST = "127.0.0.1"
RUNS_AT_A_TIME = 3
LOOK_FOR_RUNS_EVERY = 2  # seconds
AGAIN_AFTER = 10.0  # seconds between attempts to reach a Prefect that does not answer
LET_RUNS_END = 2.0  # seconds a flow run has to end by itself when the engine stops
STOPS_WITHIN = 10.0
Tell = Callable[[str], None]


def prefect_environment(
    settings: Settings, environ: Mapping[str, str], *, debug: bool = False
) -> dict[str, str]:
    """Return the whole environment with Prefect's part of it put right.

    With PREFECT_API_URL set on purpose, that server and everything else the user set for it hold. Otherwise
    none of the user's PREFECT_* variables do: the engine has a Prefect of its own.
    """
    ours = {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO" if debug else "CRITICAL",
        connected.ENGINE_PID: str(os.getpid()),
    }
    if settings.prefect_api_url:
        return {**environ, **ours}
    home = settings.home / "prefect"
    port = settings.prefect_port
    host, secret = settings.prefect_host, board_secret(settings)
    return {
        **{name: value for name, value in environ.items() if not name.startswith("PREFECT_")},
        **ours,
        **({} if secret is None else {f"PREFECT_{one}AUTH_STRING": secret for one in ("SERVER_API_", "API_")}),
        connected.CONSOLE: settings.console_url or f"http://{HOST}:{settings.port}",
        "PREFECT_HOME": str(home),
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        "PREFECT_API_URL": f"http://{_reached(host)}:{port}/api",
        "PREFECT_SERVER_API_HOST": host,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://{HOST}:{port},http://localhost:{port}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,orphans",
        "PREFECT_RUNNER_POLL_FREQUENCY": str(LOOK_FOR_RUNS_EVERY),
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    }


def board_secret(settings: Settings) -> str | None:
    """Return what Prefect asks of everybody, made on first use; None while all of it stays on loopback."""
    if is_loopback(settings.host) and is_loopback(settings.prefect_host):
        return None
    return kept_secret(settings.home / "keys" / "prefect.auth", lambda: f"breach:{secrets.token_urlsafe(24)}")


def _reached(host: str) -> str:
    return HOST if host in ("0.0.0.0", "::") else host


def ui_address(settings: Settings) -> str:
    """Return where people look at the board."""
    if settings.prefect_api_url:
        return without_password(settings.prefect_api_url).removesuffix("/").removesuffix("/api")
    return f"http://{_reached(settings.prefect_host)}:{settings.prefect_port}"


def without_password(url: str) -> str:
    """Return an address as it may be printed.

    >>> without_password("https://ana:secret@prefect.example:4200/api")
    'https://prefect.example:4200/api'
    """
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def reserve_port(port: int, host: str = HOST) -> socket.socket:
    """Return a socket bound to the port, so that nobody takes it while Prefect starts.

    Raises:
        UnreachableError: Somebody has it already.
    """
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        reserved.bind((host, port))
    except OSError as error:
        reserved.close()
        raise UnreachableError(
            f"port {port} on {host} cannot be used for Prefect: {error.strerror}.\n"
            "Does the engine run already (`breach status`)? If not, set BREACH_PREFECT_PORT to a free port."
        ) from None
    return reserved


class Engine:
    """Runs until it is told to stop.

    Args:
        settings: Where everything is.
        tell: Told each line a person should read.
    """

    def __init__(self, settings: Settings, *, tell: Tell, debug: bool = False) -> None:
        self._settings, self._tell, self._debug = settings, tell, debug
        self._stop = threading.Event()
        self._socket = None if settings.prefect_api_url else reserve_port(settings.prefect_port, settings.prefect_host)
        self._ticker = Ticker(connected.desk, now=connected.now, trouble=self._trouble)
        self._prefect = threading.Thread(target=self._hold_prefect, name="prefect", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None

    def run(self) -> None:
        """Start everything, wait for Ctrl-C or SIGTERM, stop everything."""
        before = {one: signal.signal(one, self._told_to_stop) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._ticker.start()
            _set(os.environ, prefect_environment(self._settings, os.environ, debug=self._debug))
            self._prefect.start()
            while not self._stop.wait(0.5):
                pass
        finally:
            self._end()
            for one, what in before.items():
                signal.signal(one, what)

    def _told_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _trouble(self, line: str) -> None:
        self._tell(f"! {line}")

    def _end(self) -> None:
        ends = time.monotonic() + STOPS_WITHIN
        if self._loop is not None and self._ending is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._ending.set)
        self._ticker.stop()
        self._prefect.join(max(0.0, ends - time.monotonic()))
        _end_children(0.0)
        if self._socket is not None:
            self._socket.close()

    # Prefect, in its own thread

    def _hold_prefect(self) -> None:
        # Ctrl-C reaches every process of the terminal. Flow runs should end when the engine says so, not with
        # a traceback each: a blocked signal stays blocked in the processes this thread starts.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            asyncio.run(self._with_prefect())
        except BreachError as error:
            self._trouble(f"{error}\n  Reminders go on without the board.")
        except Exception as error:  # the edge of the thread: reminders go on whatever Prefect does
            if self._debug:
                logging.getLogger(__name__).exception("Prefect stopped")
            self._trouble(
                f"Prefect stopped ({type(error).__name__}); reminders go on without the board. "
                "Start again with --debug to see why"
            )

    async def _with_prefect(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        if self._stop.is_set():
            return
        server = None if self._socket is None else await asyncio.to_thread(_own_server, self._debug)
        serving = None
        if server is not None and not self._ending.is_set():
            serving = asyncio.create_task(server.serve(sockets=[self._socket]))  # type: ignore[list-item]
        try:
            await self._serve_while_it_answers(serving)
        finally:
            if server is not None and serving is not None:
                server.should_exit = True
                await asyncio.wait([serving], timeout=5)

    async def _serve_while_it_answers(self, serving: asyncio.Task[None] | None) -> None:
        """Run the runner; when Prefect goes away, say so once and try again until it is back."""
        assert self._ending is not None
        told = False
        while not self._ending.is_set():
            try:
                await self._until_it_answers(serving)
                if self._ending.is_set():
                    return
                told = False
                await self._serve()
            except (
                Exception
            ) as error:  # what a runner dies of is Prefect's business; ours is to start another
                if self._debug:
                    logging.getLogger(__name__).exception("the runner stopped")
                if isinstance(error, BreachError) and not isinstance(error, UnreachableError):
                    raise
                if serving is not None and serving.done():
                    raise UnreachableError(
                        "Prefect's server has stopped; stop the engine and start it again."
                    ) from None
                if not told:
                    told = True
                    said = (
                        str(error)
                        if isinstance(error, BreachError)
                        else f"Prefect failed ({type(error).__name__})."
                    )
                    self._trouble(f"{said}\n  Reminders go on; the board follows once Prefect answers again.")
                await self._pause(AGAIN_AFTER)

    async def _until_it_answers(self, serving: asyncio.Task[None] | None) -> None:
        from prefect.client.orchestration import get_client

        assert self._ending is not None
        patience = time.monotonic() + (120 if serving is not None else 5)
        async with get_client() as client:
            while not self._ending.is_set():
                if serving is not None and serving.done():
                    raise UnreachableError("Prefect's server did not start; --debug shows why.")
                if await client.api_healthcheck() is None:
                    return
                if time.monotonic() > patience:
                    raise UnreachableError(
                        f"Prefect does not answer at {ui_address(self._settings)} "
                        + ("(PREFECT_API_URL)." if serving is None else "(BREACH_PREFECT_PORT).")
                    )
                await self._pause(0.2)

    async def _serve(self) -> None:
        from prefect.client.orchestration import get_client
        from prefect.runner import Runner

        from incident_flows.flows.automations import apply_automations
        from incident_flows.flows.deployments import serve_all, tidy_up

        assert self._ending is not None
        runner = Runner(name="breach", pause_on_shutdown=False, limit=RUNS_AT_A_TIME)
        async with get_client() as client:
            if self._socket is not None:
                await tidy_up(client, now=connected.now())
            ids = await serve_all(runner)
            await apply_automations(client, ids)
            await self._free_the_mirror()
            await client.create_flow_run_from_deployment(ids["watch"], name="tick at start")
        self._tell(f"Prefect UI: {ui_address(self._settings)} (ready)")
        running = asyncio.create_task(runner.start())
        ending = asyncio.create_task(self._ending.wait())
        await asyncio.wait([running, ending], return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if running.done():
            running.result()
            return
        await _stop(runner, running)

    async def _free_the_mirror(self) -> None:
        """Give back the lease of a process of this machine that is dead; nobody else will."""
        from incident_flows.flows.mirror import ALONE

        desk, now = connected.desk(), connected.now()
        with desk.database.write() as tx:
            holder = tx.leases.holder(ALONE, now)
            if holder is not None and _is_dead(holder):
                tx.leases.release(ALONE, holder)

    async def _pause(self, seconds: float) -> None:
        assert self._ending is not None
        try:
            await asyncio.wait_for(self._ending.wait(), seconds)
        except TimeoutError:
            return


def _set(environ: MutableMapping[str, str], wanted: Mapping[str, str]) -> None:
    for name in [name for name in environ if name not in wanted]:
        del environ[name]
    environ.update(wanted)


def _own_server(debug: bool) -> uvicorn.Server:
    """Return Prefect's server, made but not started; takes seconds, mostly imports."""
    import uvicorn
    from prefect.server.api.server import create_app

    Path(os.environ["PREFECT_HOME"]).mkdir(mode=0o700, parents=True, exist_ok=True)
    return uvicorn.Server(
        uvicorn.Config(
            create_app(final=True),
            log_level="info" if debug else "critical",
            access_log=False,
            timeout_graceful_shutdown=2,
            lifespan="on",
        )
    )


async def _stop(runner: Runner, running: asyncio.Task[None]) -> None:
    """Start no further run, let those at hand end for a moment, end the rest."""
    runner._scheduled_run_poller.stopping = True  # no public way to stop polling without killing what runs
    ends = time.monotonic() + LET_RUNS_END
    while multiprocessing.active_children() and time.monotonic() < ends:
        await asyncio.sleep(0.05)
    await asyncio.to_thread(_end_children, 1.0)
    running.cancel()
    await asyncio.wait([running], timeout=3)


def _end_children(grace: float) -> None:
    children = multiprocessing.active_children()
    for child in children:
        child.terminate()
    ends = time.monotonic() + grace
    for child in children:
        child.join(max(0.0, ends - time.monotonic()))
        if child.is_alive():
            child.kill()
            child.join(1)


def _is_dead(owner: str) -> bool:
    """Return whether the owner of a lease, `host:process:…`, is a process of this machine that is gone."""
    host, _, rest = owner.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def run(settings: Settings, *, tell: Tell, debug: bool = False) -> None:
    """Run the engine until Ctrl-C; what went wrong for good is raised before anything has started."""
    if settings.prefect_api_url and not settings.prefect_api_url.startswith(("http://", "https://")):
        raise InputError("PREFECT_API_URL: is no address; write http://HOST:PORT/api")
    Engine(settings, tell=tell, debug=debug).run()
