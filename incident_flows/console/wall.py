"""The wall of clocks, the list of incidents, and how a reader wants to see them."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from incident_flows.console.page import desk_of, now_of, page
from incident_flows.console.signed import reads, stranger
from incident_flows.console.view import THEME_COOKIE, THEMES, ZONE_COOKIE, zones
from incident_flows.core.lifecycle import Actor
from incident_flows.services.show import list_incidents
from incident_flows.services.wall import SHOWN, wall
from incident_flows.storage.wall import Only

router = APIRouter()
MOST = 1000
A_YEAR = 365 * 24 * 3600


@router.get("/")
def the_wall(
    request: Request,
    actor: Annotated[Actor, Depends(reads)],
    q: Annotated[str, Query(max_length=200)] = "",
    incident: Annotated[str, Query(max_length=40)] = "",
    person: Annotated[str, Query(max_length=80)] = "",
    drills: bool = True,
    shown: Annotated[int, Query(ge=1, le=MOST)] = SHOWN,
) -> Response:
    """Show all clocks, soonest first; narrowed by incident, person and words."""
    only = Only(incident.strip() or None, person.strip() or None, tuple(q.split()[:8]), drills)
    asked: dict[str, Any] = {"q": q, "incident": incident, "person": person, "drills": drills, "shown": shown}
    desk = desk_of(request)
    found = wall(desk, now=now_of(request), only=only, limit=shown)
    fragment = request.headers.get("X-Fragment") == "1"
    persons: list[str] = []
    if not fragment:
        with desk.database.read() as tx:
            persons = sorted(row.name for row in tx.accounts.list() if not row.disabled)
    return page(
        request,
        "_clocks.html" if fragment else "wall.html",
        wall=found,
        asked=asked,
        here="/?" + urlencode({key: value for key, value in asked.items() if value not in ("", SHOWN, True)}),
        persons=persons,
        actor=actor,
        more_shown=min(MOST, shown + SHOWN),
    )


@router.get("/incidents")
def incidents(request: Request, actor: Annotated[Actor, Depends(reads)], closed: bool = False) -> Response:
    """List the open incidents, or the closed ones."""
    rows = list_incidents(desk_of(request), state="closed" if closed else "open")
    return page(request, "incidents.html", rows=rows, closed=closed, actor=actor)


@router.get("/view", dependencies=[Depends(stranger)])
def view(request: Request, zone: str = "", theme: str = "", back: str = "/") -> Response:
    """Keep the reader's zone and theme in their browser, and go back."""
    to = urlsplit(back)
    local = back if back.startswith("/") and not back.startswith(("//", "/\\")) and not to.netloc else "/"
    answer = RedirectResponse(local, status_code=303)
    secure = request.url.scheme == "https"
    for name, value, known in ((ZONE_COOKIE, zone, zones()), (THEME_COOKIE, theme, THEMES)):
        if value in known:
            answer.set_cookie(name, value, max_age=A_YEAR, samesite="lax", secure=secure)
    return answer
