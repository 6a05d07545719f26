"""What every route of the API shares: a strict body, a key that makes a request once, errors, the proof of a person.

Answers are the very objects `--json` prints; the models in `shapes` describe them and change nothing.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import IO, Annotated, Any, cast

from fastapi import Depends, Header, Path, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from incident_flows.console.api.shapes import Problem
from incident_flows.console.gate import SAFE
from incident_flows.console.page import desk_of, now_of
from incident_flows.console.problem import MEDIA_TYPE
from incident_flows.console.signed import May
from incident_flows.core.json_faults import why_not_json
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import InputError
from incident_flows.services.desk import Desk
from incident_flows.services.once import Answer, claim, keep, release
from incident_flows.services.prove import Proof, proof_of

V1 = "/api/v1"
SOURCE = "API"
IN_MEMORY = 1 << 20  # bytes of a file that need not go to the disk
KEPT_HEADERS = ("content-type", "content-disposition", "location")
DEEPEST = 40  # brackets within brackets
FAULTS = 3  # named of one body
_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,39}")

Ref = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,40}$", description="An incident, such as INC-2026-0001")]
NoticeRef = Annotated[str, Path(pattern=r"^[A-Za-z0-9.-]{1,60}$", description="A notice, such as N-0001")]
Code = Annotated[
    str | None,
    Header(
        alias="Breach-Code",
        max_length=60,
        description="A one-time code of the account's second factor; what takes two people takes it",
    ),
]

_TITLES = {
    401: "No token, or one that does not work", 403: "Role, scope or four eyes forbid it", 404: "There is none",
    409: "The present state forbids it", 411: "No length", 413: "Too long",
    422: "The request cannot be used as it stands", 503: "The database refuses",
}  # fmt: skip
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": title, "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}}
    for status, title in _TITLES.items()
}


def answered(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return what `--json` prints, as it is."""
    return JSONResponse(value, status, headers=headers)


def at_desk(request: Request) -> Desk:
    """Return the connected parts, on which every write names the token that did it."""
    desk = copy.copy(desk_of(request))
    desk.token = request.state.token.ref
    return desk


def at_now(request: Request) -> datetime:
    """Return the present instant."""
    return now_of(request)


At = Annotated[Desk, Depends(at_desk)]
Now = Annotated[datetime, Depends(at_now)]


def shown_to_be(desk: Desk, actor: Actor, code: str | None, *, now: datetime) -> Proof | None:
    """Return the proof that came with the request, if one did; the act it is for uses it up.

    Raises:
        PermissionDeniedError: It is no code of this account, or was used.
    """
    return None if code is None else proof_of(desk, actor.name, code, now=now)


def misread(errors: Sequence[Any]) -> str:
    """Return where a request does not fit and why, never what was in it."""
    lines = [
        f"{'.'.join(str(part)[:40] for part in one['loc'])}: {one['msg']}" for one in errors[:FAULTS]
    ]
    more = len(errors) - FAULTS
    return "\n".join(lines) + (f"; and {more} more" if more > 0 else "")


class Once(APIRoute):
    """A route whose body is read strictly, and whose request is done once if it names itself."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handler = super().get_route_handler()
        takes_json = self.body_field is not None
        asks = [one.call for one in self.dependant.dependencies if isinstance(one.call, May)]

        async def once(request: Request) -> Response:
            for allowed in asks:  # before anything is read or answered again
                allowed(request)
            if request.method in SAFE:
                return await handler(request)
            if takes_json:
                content = await request.body()
                kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
                if content and kind and kind != "application/json" and not kind.endswith("+json"):
                    raise InputError(f"Content-Type: is {kind!r:.60}; write application/json")
                read_strictly(content)
                digest = hashlib.sha256(content).hexdigest()
            else:
                request.state.upload, digest = await _spooled(request)
            try:
                return await _once(request, handler, digest)
            finally:
                if not takes_json:
                    request.state.upload.close()

        return once


async def _once(request: Request, handler: Any, digest: str) -> Response:
    key = request.headers.get("idempotency-key")
    if key is None:
        return cast(Response, await handler(request))
    desk, now, token = desk_of(request), now_of(request), request.state.token
    kind = request.headers.get("content-type", "")
    asked = "\n".join((request.method, request.url.path, request.url.query, kind, digest))
    mine = await run_in_threadpool(lambda: claim(desk, token.id, key, asked, now=now))
    if isinstance(mine, Answer):
        return Response(mine.body, mine.status, headers={**mine.headers, "idempotency-replayed": "true"})
    try:
        response: Response = await handler(request)
    except Exception:
        await run_in_threadpool(release, desk, mine)
        raise
    headers = {name: value for name, value in response.headers.items() if name in KEPT_HEADERS}
    await run_in_threadpool(keep, desk, mine, Answer(response.status_code, headers, bytes(response.body)))
    return response


async def _spooled(request: Request) -> tuple[IO[bytes], str]:
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed when the request was answered
    digest = hashlib.sha256()
    try:
        async for chunk in request.stream():
            digest.update(chunk)
            await run_in_threadpool(file.write, chunk)
    except BaseException:  # whoever sends broke off
        file.close()
        raise
    file.seek(0)
    return cast(IO[bytes], file), digest.hexdigest()


def uploaded(request: Request) -> IO[bytes]:
    """Return the file that was sent; it is gone when the request was answered."""
    return cast(IO[bytes], request.state.upload)


Upload = Annotated[IO[bytes], Depends(uploaded)]


def file_of(*kinds: str, required: bool = True) -> dict[str, Any]:
    """Return how OpenAPI names a body that is a file."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds}
    return {"requestBody": {"required": required, "content": content}}


def read_strictly(content: bytes) -> Any:
    """Return JSON without duplicate keys, numbers that are none, or characters no text has.

    Raises:
        InputError: It is not JSON, or holds one of them.
    """
    if not content.strip():
        return None

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
            name = f"{twice!r} " if _NAME.fullmatch(twice) else ""
            raise InputError(f"body: the key {name}stands twice in one object; write each once")
        return found

    def no_number(text: str) -> Any:
        raise InputError(f"body: {text} is no number; leave out what is not known")

    try:
        found = json.loads(content.decode("utf-8-sig"), object_pairs_hook=unique, parse_constant=no_number)
        _plain(found, 0)
    except (ValueError, RecursionError) as error:
        raise InputError(f"body: is not JSON{why_not_json(error)}; write one object, in UTF-8") from None
    return found


def _plain(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise InputError(f"body: more than {DEEPEST} levels deep")
    if isinstance(value, str):
        value.encode()  # half a character of UTF-16 is none
        if "\0" in value:
            raise InputError("body: holds the character U+0000, which no text has")
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise InputError("body: a number is too large")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _plain(key, depth + 1)
            _plain(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _plain(inner, depth + 1)
