"""The console as one app: its gate, its pages, and errors in one to three lines. Served by `breach up`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from incident_flows.console import (
    account,
    accounts,
    acts,
    acts_filing,
    answering,
    company,
    lawbook,
    links,
    opening,
    reports,
    room,
    signing_in,
    tokens,
    wall,
)
from incident_flows.console.api import API_ROUTERS, callbacks, intake
from incident_flows.console.api.base import misread
from incident_flows.console.api.words import for_programs
from incident_flows.console.gate import SAFE, Gate, always, own_form
from incident_flows.console.page import page, status_of
from incident_flows.console.problem import API, PROGRAMS, problem
from incident_flows.console.signed import SignInFirstError
from incident_flows.console.texts import texts_of
from incident_flows.errors import BreachError
from incident_flows.services.desk import Desk
from incident_flows.settings import Settings
from notifications import NotificationError

STATIC = Path(__file__).parent / "static"
ROUTERS: tuple[APIRouter, ...] = tuple(
    module.router
    for module in (
        wall, opening, acts, acts_filing, answering, room, lawbook, accounts, signing_in, account, tokens, links,
        reports, company, intake, callbacks,
    )
)  # fmt: skip
_log = logging.getLogger(__name__)


def create_app(desk: Callable[[], Desk], *, clock: Callable[[], datetime], settings: Settings) -> FastAPI:
    """Return the console.

    Args:
        desk: Gives the connected parts; called for every request.
        clock: Gives the present instant.
        settings: Where it is served and how people get in.
    """
    app = FastAPI(
        title="breach",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(own_form)],
    )
    app.state.desk, app.state.clock, app.state.settings = desk, clock, settings
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in (*ROUTERS, *API_ROUTERS):
        app.include_router(router)
    app.add_middleware(Gate, desk=desk, settings=settings, clock=clock)
    app.add_exception_handler(BreachError, _refused)
    app.add_exception_handler(NotificationError, _not_taken)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)
    return app


def _told(request: Request, message: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as a page, or as JSON (RFC 9457) where a program asks."""
    if request.url.path.startswith(PROGRAMS):
        return problem(for_programs(message), status, headers)
    answer = page(request, "error.html", status=status, message=message)
    answer.headers.update(headers or {})
    return answer


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, BreachError)
    reads = request.method in SAFE and not request.url.path.startswith(PROGRAMS)
    if isinstance(error, SignInFirstError) and reads:
        return RedirectResponse(signing_in.first(request), 303)
    return _told(request, str(error), status_of(error))


async def _not_taken(request: Request, error: Exception) -> Response:
    """Tell what the way of sending says before anything left."""
    return _told(request, str(error), 409)


async def _misread(request: Request, error: Exception) -> Response:
    """Name the fields that do not fit, never what was in them."""
    assert isinstance(error, RequestValidationError)
    if request.url.path.startswith(API):
        return _told(request, misread(error.errors()), 422)
    fields = sorted({str(one["loc"][-1]) for one in error.errors()})
    return _told(request, texts_of().say("error.misread", fields=", ".join(fields)), 422)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    texts = texts_of()
    message = texts.say("error.not_found") if error.status_code == 404 else texts.say("error.method")
    return _told(request, message, error.status_code, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    # the type only: texts of errors may hold what was sent
    _log.error("console: %s on %s", type(error).__name__, request.scope.get("route"))
    path = request.url.path  # this answer passes the gate no more
    return _told(request, texts_of().say("error.failed"), 500, dict(always(request.app.state.settings, path)))
