"""In front of every request: is it for this house, who sends it, and what the answer must carry.

Sessions and forms are tied together: a form's secret is derived from the session's cookie, or, before signing
in, from a cookie that only this house sets. Programs need neither: the API takes a token and no cookie, and no
token opens a page.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from incident_flows.console.page import page, status_of
from incident_flows.console.problem import API, PROGRAMS, PROVEN_BY_ITSELF, problem
from incident_flows.console.signed import SignInFirstError
from incident_flows.console.texts import texts_of
from incident_flows.errors import BreachError, PermissionDeniedError
from incident_flows.services.desk import Desk
from incident_flows.services.sign_in import Session, session_of
from incident_flows.services.tokens import Held, token_held
from incident_flows.settings import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
STRANGERS_MOST = 64 * 1024  # bytes of a body from somebody who is not signed in
MOST = 210_000_000  # a list of people may have 200 million
HOUSE_COOKIE = "breach_form"
CSP = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
NO_COOKIES = (*PROGRAMS, "/calendar/")  # each with a proof of its own in the request
SIGNED_MOST = 5_000_000  # bytes of a signed callback or alert
API_MOST = 30_000_000  # attachments and dossiers
OPEN_API = "/api/v1/openapi.json"


def session_cookie(settings: Settings) -> str:
    """Return the name of the session's cookie; over https one that no other host can set."""
    return "__Host-breach" if settings.console_is_https else "breach"


def form_secret(cookie: str) -> str:
    """Return what a form must carry, given the cookie it goes with."""
    return hmac.digest(cookie.encode(), b"form", "sha256").hex()


def allowed_hosts(settings: Settings) -> frozenset[str]:
    """Return the names this console answers to."""
    found = {"127.0.0.1", "localhost", "[::1]", *settings.console_hosts}
    if settings.console_url:
        found.add(urlsplit(settings.console_url).hostname or "")
    if settings.host not in ("0.0.0.0", "::"):
        found.add(settings.host)
    return frozenset(found)


class Gate:
    """ASGI middleware around the whole console."""

    def __init__(
        self, app: ASGIApp, *, desk: Callable[[], Desk], settings: Settings, clock: Callable[[], datetime]
    ) -> None:
        self._app, self._desk, self._settings, self._clock = app, desk, settings, clock
        self._hosts = allowed_hosts(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, path, unsafe = Headers(scope=scope), scope["path"], scope["method"] not in SAFE
        dressed = self._dressed(send, path)
        if _name(headers.get("host", "")) not in self._hosts:
            words = "unknown host; BREACH_CONSOLE_HOSTS names those that are answered\n"
            await PlainTextResponse(words, 400)(scope, receive, dressed)
            return
        state = scope.setdefault("state", {})
        state["actor"] = state["session"] = state["token"] = None
        if unsafe and self._foreign(headers, scope):
            await self._told(403, texts_of().say("error.foreign"), scope, dressed)
            return
        cookies = {} if path.startswith(NO_COOKIES) else _cookies(headers)
        session = None
        if not path.startswith("/static/"):
            word = cookies.get(session_cookie(self._settings), "")
            try:
                session = await run_in_threadpool(self._session, word)
            except BreachError as error:
                await self._told(503, str(error), scope, dressed)
                return
            known = word if session is not None else cookies.get(HOUSE_COOKIE, "")
            if len(known) < 20:
                known = secrets.token_urlsafe(24)
                dressed = self._dressed(send, path, house=known)
            state["cookie"], state["csrf"] = word, form_secret(known)
            state["session"] = session
            state["actor"] = session.actor if session is not None and session.stage == "full" else None
        if path.startswith(API) and path != OPEN_API:
            try:
                held = await run_in_threadpool(self._token, headers)
            except BreachError as error:
                await self._told(status_of(error), str(error), scope, dressed)
                return
            state["token"], state["actor"] = held, held.actor
        if unsafe:
            most = self._most(path, known=session is not None)
            length = headers.get("content-length") or ("" if "transfer-encoding" in headers else "0")
            if not length.isdigit():
                await self._told(411, texts_of().say("error.no_length"), scope, dressed)
                return
            if int(length) > most:
                words = texts_of().say("error.too_large", size=f"{int(length):,}", most=f"{most:,}")
                await self._told(413, words, scope, dressed)
                return
        await self._app(scope, receive, dressed)

    def _most(self, path: str, *, known: bool) -> int:
        """Return how long a body may be."""
        if path.startswith(PROVEN_BY_ITSELF):
            return SIGNED_MOST
        if path.startswith(API):
            return MOST if path.endswith("/recipients/import") else API_MOST
        return MOST if known else STRANGERS_MOST

    def _token(self, headers: Headers) -> Held:
        kind, _, word = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            raise SignInFirstError("send a token: Authorization: Bearer …; `breach token add` makes one")
        try:
            return token_held(self._desk(), word.strip(), now=self._clock())
        except PermissionDeniedError as error:
            raise SignInFirstError(str(error)) from None

    def _session(self, word: str) -> Session | None:
        return session_of(self._desk(), word, now=self._clock()) if word else None

    def _scheme(self, scope: Scope) -> str:
        return "https" if self._settings.console_is_https else str(scope["scheme"])

    def _foreign(self, headers: Headers, scope: Scope) -> bool:
        """Return whether a browser says that another site made the request."""
        own = f"{self._scheme(scope)}://{headers.get('host')}"
        site = headers.get("sec-fetch-site")
        return headers.get("origin") not in (None, own) or site not in (None, "same-origin", "none")

    async def _told(self, status: int, words: str, scope: Scope, send: Send) -> None:
        async def nothing() -> Message:
            return {"type": "http.disconnect"}

        if scope["path"].startswith(PROGRAMS):
            await problem(words, status)(scope, nothing, send)
            return
        request = Request(scope)
        await page(request, "error.html", status=status, message=words)(scope, nothing, send)

    def _dressed(self, send: Send, path: str, house: str | None = None) -> Send:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in always(self._settings, path):
                    headers.setdefault(name, value)
                if house is not None and headers.get("content-type", "").startswith("text/html"):
                    answer = Response()
                    answer.set_cookie(
                        HOUSE_COOKIE, house, httponly=True, samesite="lax",
                        secure=self._settings.console_is_https,
                    )  # fmt: skip
                    headers.append("set-cookie", answer.headers["set-cookie"])
            await send(message)

        return dressed


def always(settings: Settings, path: str) -> Iterable[tuple[str, str]]:
    """Return the headers every answer carries."""
    yield "content-security-policy", CSP
    yield "x-content-type-options", "nosniff"
    yield "x-frame-options", "DENY"
    yield "referrer-policy", "same-origin"  # `no-referrer` would make browsers send forms from origin `null`
    yield "cross-origin-opener-policy", "same-origin"
    yield "cross-origin-resource-policy", "same-origin"
    yield "permissions-policy", "camera=(), geolocation=(), microphone=()"
    yield "cache-control", "public, max-age=300" if path.startswith("/static/") else "no-store"
    if settings.console_is_https:
        yield "strict-transport-security", "max-age=31536000; includeSubDomains"


def _name(host: str) -> str:
    name, _, port = host.rpartition(":")
    return (name if name and port.isdigit() else host).lower()


def _cookies(headers: Headers) -> dict[str, str]:
    try:
        return {name: one.value for name, one in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


async def own_form(request: Request) -> None:
    """Refuse a form that this house did not make for this very browser; runs before every route.

    Raises:
        PermissionDeniedError: It lacks the secret, or has another's.
    """
    if request.method in SAFE or request.url.path.startswith(NO_COOKIES):
        return
    said = request.headers.get("x-csrf-token") or ""
    kind = request.headers.get("content-type", "")
    if not said and kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        said = str((await request.form()).get("csrf") or "")
    if not hmac.compare_digest(said.encode(), str(request.state.csrf).encode()):
        raise PermissionDeniedError(texts_of().say("error.stale_form"))
