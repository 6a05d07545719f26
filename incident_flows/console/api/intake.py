"""Signed alerts: a program that shares a secret with us posts what a product wrote; no token, no cookie."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from incident_flows.console.page import desk_of, now_of
from incident_flows.console.problem import problem
from incident_flows.console.signed import stranger
from incident_flows.core.instants import show_utc
from incident_flows.services.intake import intake
from notifications.errors import SignatureError
from notifications.webhook import WINDOW_SECONDS, outside_window

router = APIRouter()
FORGED = "the signature does not fit; nothing was believed"


def stale(now: datetime) -> str:
    """Return what a sender with a wrong clock is told, whatever it signed with."""
    return (
        f"webhook-timestamp: lies outside the window of {WINDOW_SECONDS} seconds around our clock, {show_utc(now)}; "
        "nothing was believed. Set the sender's clock, and sign with the time of sending"
    )


@router.post("/intake/{source}", dependencies=[Depends(stranger)])
async def take(request: Request, source: Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}$")]) -> Response:
    """Take in one delivery; who may send it is proved by its signature over id, time and the bytes themselves."""
    desk, now, headers = desk_of(request), now_of(request), dict(request.headers)
    if outside_window(headers, now=now):  # before source and signature are looked at, so it tells nothing of them
        return problem(stale(now), 401)
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
