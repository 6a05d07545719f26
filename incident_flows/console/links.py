"""Addresses that work without signing in, because whoever has them was given them: reminders and calendars."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import PlainTextResponse, Response

from incident_flows.console.page import desk_of, now_of, page
from incident_flows.console.signed import stranger
from incident_flows.core.ical import calendar
from incident_flows.services.acknowledge import acknowledge_by_link, verified
from incident_flows.services.set_up import whose_calendar
from incident_flows.services.show import clocks

router = APIRouter(dependencies=[Depends(stranger)])
Token = Annotated[str, Path(max_length=400)]


@router.get("/a/{token}")
def ask(request: Request, token: Token) -> Response:
    """Show what a reminder's link would do; mail scanners follow links, so nothing is done yet."""
    desk = desk_of(request)
    link = verified(desk, token, now=now_of(request))
    with desk.database.read() as tx:
        step = tx.steps.get(link.step)
    return page(request, "acknowledge.html", token=token, link=link, obligation=step.oid, done=None)


@router.post("/a/{token}")
def take(request: Request, token: Token) -> Response:
    """Acknowledge the reminder, for the person it was sent to."""
    done = acknowledge_by_link(desk_of(request), token, now=now_of(request))
    return page(request, "acknowledge.html", token=token, link=done, obligation=done.obligation, done=done)


@router.get("/calendar/{word}.ics")
def feed(request: Request, word: Annotated[str, Path(max_length=100)]) -> Response:
    """Return the running clocks as a calendar; addressees and articles, nobody's data."""
    desk, now = desk_of(request), now_of(request)
    whose_calendar(desk, word, now=now)
    text = calendar(clocks(desk, None, now=now), now=now)
    return PlainTextResponse(text, media_type="text/calendar; charset=utf-8")


@router.get("/health")
def health() -> Response:
    """Say that the console answers."""
    return PlainTextResponse("ok\n")
