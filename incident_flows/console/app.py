"""The console as one app: pages, their styles, the headers that keep them ours, and errors in one to three lines."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from incident_flows.console import acts, lawbook, opening, room, wall
from incident_flows.console.page import page, status_of
from incident_flows.console.texts import texts_of
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import BreachError
from incident_flows.services.desk import Desk

STATIC = Path(__file__).parent / "static"
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
LARGEST = 210_000_000  # bytes of a form with a file; a list of people may have 200 million
Who = Callable[[Request], Actor | None]
_log = logging.getLogger(__name__)


def nobody(request: Request) -> Actor | None:
    """Return that nobody is signed in."""
    return None


def create_app(desk: Callable[[], Desk], *, clock: Callable[[], datetime], who: Who = nobody) -> FastAPI:
    """Return the console.

    Args:
        desk: Gives the connected parts.
        clock: Gives the present instant.
        who: Says who is signed in; without it nobody reads or writes anything.
    """
    app = FastAPI(title="breach", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk, app.state.clock, app.state.who = desk, clock, who
    app.middleware("http")(_guarded)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for module in (wall, opening, acts, room, lawbook):
        app.include_router(module.router)
    app.add_exception_handler(BreachError, _refused)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)
    return app


async def _guarded(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse what another site sends in a reader's name, and put the headers on every answer."""
    answer = _foreign(request) or await go_on(request)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    if not request.url.path.startswith("/static/"):
        answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def _foreign(request: Request) -> Response | None:
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return None
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > LARGEST:
        return _told(request, texts_of().say("error.too_large"), 413)
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    same = site in (None, "same-origin", "none") and (
        origin is None or urlsplit(origin).netloc == request.headers.get("host")
    )
    return None if same else _told(request, texts_of().say("error.foreign"), 403)


def _told(request: Request, message: str, status: int) -> Response:
    return page(request, "error.html", status=status, message=message)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, BreachError)
    return _told(request, str(error), status_of(error))


def _misread(request: Request, error: Exception) -> Response:
    """Name the fields that do not fit, never what was in them."""
    assert isinstance(error, RequestValidationError)
    fields = sorted({str(one["loc"][-1]) for one in error.errors()})
    return _told(request, texts_of().say("error.misread", fields=", ".join(fields)), 422)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    texts = texts_of()
    message = texts.say("error.not_found") if error.status_code == 404 else texts.say("error.method")
    return _told(request, message, error.status_code)


def _failed(request: Request, error: Exception) -> Response:
    _log.error("console: %s on %s", type(error).__name__, request.scope.get("route"))
    return _told(request, texts_of().say("error.failed"), 500)
