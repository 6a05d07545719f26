"""Signing in with name, password and code, and signing out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from incident_flows.console.gate import session_cookie
from incident_flows.console.page import page
from incident_flows.console.signed import Owner, stranger
from incident_flows.core.lifecycle import MAY
from incident_flows.errors import PermissionDeniedError
from incident_flows.services.sign_in import Stage, session_of, show_code, sign_in, sign_out

router = APIRouter()
Said = Annotated[str, Form(max_length=400)]


def first(request: Request) -> str:
    """Return the way to the sign-in that leads back to the page asked for."""
    session = request.state.session
    if session is not None and session.stage == "enrol":
        return "/second"
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return "/sign-in" if asked == "/" else f"/sign-in?to={quote(asked, safe='')}"


def local(to: str) -> str:
    """Return a path of this house; `/` for anything else.

    >>> local("/open?x=1"), local("//evil.example"), local("/\\\\evil.example"), local("https://evil.example")
    ('/open?x=1', '/', '/', '/')
    """
    parts = urlsplit(to.replace("\\", "/"))
    here = to.startswith("/") and not parts.netloc and not parts.scheme and to.isprintable()
    return to if here and not to.startswith(("//", "/\\")) else "/"


def address_of(request: Request) -> str:
    """Return where a request comes from, as far as the proxy in front says."""
    return request.client.host if request.client else ""


def device_of(request: Request) -> str:
    """Return what the browser calls itself."""
    return request.headers.get("user-agent", "")[:120]


def _home(request: Request, word: str) -> str:
    """Return where somebody begins: the clocks, or their account if their roles read nothing."""
    session = session_of(request.app.state.desk(), word, now=request.app.state.clock())
    return "/" if session is not None and session.actor.roles & MAY["read"] else "/you"


def let_in(request: Request, word: str, stage: Stage, to: str) -> Response:
    """Return the way on for somebody whose session has begun, with its cookie."""
    settings = request.app.state.settings
    way = {
        "full": local(to) if to != "/" else _home(request, word),
        "second": f"/sign-in/code?to={quote(local(to), safe='')}",
        "enrol": "/second",
    }
    answer = RedirectResponse(way[stage], 303)
    answer.set_cookie(
        session_cookie(settings),
        word,
        httponly=True,
        samesite="lax",
        secure=settings.console_is_https,
        path="/",
    )
    return answer


@router.get("/sign-in", dependencies=[Depends(stranger)])
def ask(request: Request, to: str = "/") -> Response:
    """Ask for name and password."""
    return _asked(request, to)


def _asked(request: Request, to: str, *, refused: str | None = None, status: int = 200) -> Response:
    sso = request.app.state.settings.oidc_issuer is not None
    return page(request, "sign_in.html", to=local(to), refused=refused, sso=sso, status=status)


@router.post("/sign-in", dependencies=[Depends(stranger)])
def take(request: Request, name: Said, password: Said, to: Said = "/") -> Response:
    """Check name and password."""
    try:
        word, stage = sign_in(
            request.app.state.desk(), name, password, address=address_of(request), device=device_of(request),
            second_for=request.app.state.settings.second_factor, now=request.app.state.clock(),
        )  # fmt: skip
    except PermissionDeniedError as error:
        return _asked(request, to, refused=str(error), status=403)
    return let_in(request, word, stage, to)


@router.get("/sign-in/code", dependencies=[Depends(stranger)])
def ask_code(request: Request, to: str = "/") -> Response:
    """Ask for the second factor."""
    return page(request, "sign_in_code.html", to=local(to))


@router.post("/sign-in/code", dependencies=[Depends(stranger)])
def take_code(request: Request, code: Said, to: Said = "/") -> Response:
    """Check the second factor."""
    try:
        word = show_code(
            request.app.state.desk(), request.state.cookie, code, address=address_of(request),
            device=device_of(request), now=request.app.state.clock(),
        )  # fmt: skip
    except PermissionDeniedError as error:
        return page(request, "sign_in_code.html", to=local(to), refused=str(error), status=403)
    return let_in(request, word, "full", to)


@router.post("/sign-out")
def leave(request: Request, session: Owner) -> Response:
    """End this session."""
    sign_out(request.app.state.desk(), session, now=request.app.state.clock())
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(session_cookie(request.app.state.settings), path="/")
    return answer
