"""What every page of the console is made with: the desk, the reader's view, the form sent, the template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from incident_flows.console.fields import Form
from incident_flows.console.plain import for_people
from incident_flows.console.reasons import in_words
from incident_flows.console.signed import SignInFirstError
from incident_flows.console.texts import texts_of
from incident_flows.console.view import View, span, zone_options
from incident_flows.errors import (
    BreachError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
    StorageError,
    UnreachableError,
)
from incident_flows.knowledge.languages import language_named
from incident_flows.knowledge.scenarios import scenario_ids
from incident_flows.services.desk import Desk

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """Return the templates, every value escaped and none allowed to be missing."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = texts_of()
    found.globals |= {
        "zone_options": zone_options,
        "t": texts.say,
        "word": texts.word,
        "lang": texts.language,
        "span": span,
        "plain": lambda line: for_people(line, texts),
        "language": language_named,
    }
    return found


def desk_of(request: Request) -> Desk:
    """Return the connected parts the app works with."""
    return cast(Desk, request.app.state.desk())


def words_of(desk: Desk) -> Mapping[str, Mapping[str, str]]:
    """Return the vocabulary of a facts file: the lawbook's words, and the scenarios there are."""
    names = {id_: id_.replace("-", " ") for id_ in scenario_ids(desk.library.root)}
    return {**desk.library.lawbook.words, "scenarios": names}


def now_of(request: Request) -> datetime:
    """Return the present instant."""
    return cast(datetime, request.app.state.clock())


def view_of(request: Request) -> View:
    """Return how this reader sees instants and colours."""
    return View.of(request.cookies, now=now_of(request))


async def form_of(request: Request) -> Form:
    """Return the form that was sent, files aside."""
    return Form((await request.form()).multi_items())


_STATUS: tuple[tuple[type[BreachError], int], ...] = (
    (SignInFirstError, 401),
    (PermissionDeniedError, 403),
    (NotFoundError, 404),
    (InputError, 422),
    (StorageError, 503),
    (UnreachableError, 503),
)


def status_of(error: BreachError) -> int:
    """Return the HTTP status an error is told with."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 409)


def page(request: Request, name: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Return a rendered page."""
    done = request.query_params.get("done", "")
    texts, view = texts_of(), view_of(request)
    whole = {
        "request": request,
        "path": request.url.path,
        "view": view,
        "reason": lambda line: in_words(line, texts, view.local),
        "said": texts.say(f"done.{done}") if f"done.{done}" in texts else None,
        "refused": None,
        "given": Form(()),
        **shared(request),
        **context,
    }
    return HTMLResponse(environment().get_template(name).render(whole), status_code=status)


def shared(request: Request) -> dict[str, Any]:
    """Return what every template needs of the one who reads."""
    return {"actor": getattr(request.state, "actor", None), "csrf": getattr(request.state, "csrf", "")}


def goes_to(path: str, done: str) -> RedirectResponse:
    """Return the way on after something was done, with the sentence that says so."""
    return RedirectResponse(f"{path}?done={done}", status_code=303)


def tried(act: Callable[[], Response], again: Callable[[str, int], Response]) -> Response:
    """Do `act`; where it is refused, show the page `again` with the reason and what was filled in."""
    try:
        return act()
    except BreachError as error:
        if isinstance(error, NotFoundError):
            raise
        return again(str(error), status_of(error))
