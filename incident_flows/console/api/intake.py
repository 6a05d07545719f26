"""Signed alerts: a program that shares a secret with us posts what a product wrote; no token, no cookie."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from incident_flows.console.page import desk_of, now_of
from incident_flows.console.problem import problem
from incident_flows.console.signed import stranger
from incident_flows.services.intake import intake
from notifications.errors import SignatureError

router = APIRouter()
FORGED = "the signature does not fit; nothing was believed"


@router.post("/intake/{source}", dependencies=[Depends(stranger)])
async def take(request: Request, source: Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}$")]) -> Response:
    """Take in one delivery; who may send it is proved by its signature over id, time and the bytes themselves."""
    desk, now, headers = desk_of(request), now_of(request), dict(request.headers)
    if source not in {one.source for one in desk.intake}:  # a door that is not set up reads nothing
        return problem(FORGED, 401)
    body = await request.body()

    def taken() -> Response:
        try:
            found = intake(desk, source, body, headers, now=now)
        except SignatureError:
            return problem(FORGED, 401)
        return JSONResponse([one.to_json() for one in found])

    return await run_in_threadpool(taken)
