"""Errors as programs read them: RFC 9457, the same one to three lines a person gets."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"
API = "/api/"
PROVEN_BY_ITSELF = ("/intake/", "/callbacks/")  # each request carries its own proof
PROGRAMS = (API, *PROVEN_BY_ITSELF)


def problem(message: str, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return an error for a program."""
    more = {"www-authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse(
        {"type": "about:blank", "title": message.partition("\n")[0], "status": status, "detail": message},
        status,
        headers={**more, **(headers or {})},
        media_type=MEDIA_TYPE,
    )
