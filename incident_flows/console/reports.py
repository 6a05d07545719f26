"""The reporter form, open without signing in, and what a handler makes of what it took."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from incident_flows.console.opening import profiles_of
from incident_flows.console.page import desk_of, goes_to, now_of, page, status_of
from incident_flows.console.signed import may, stranger
from incident_flows.console.signing_in import Said, address_of
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import InputError, PermissionDeniedError
from incident_flows.services.report import CONTACT_MOST, MOST, accept, dismiss, hand_in, read_reports

router = APIRouter()
Triage = Annotated[Actor, Depends(may("triage"))]
Told = Annotated[str, Form(max_length=20_000)]


@router.get("/report", dependencies=[Depends(stranger)])
def ask(request: Request) -> Response:
    """Ask what happened."""
    return page(request, "report.html", ref=None, most=MOST, contact_most=CONTACT_MOST)


@router.post("/report", dependencies=[Depends(stranger)])
def take(request: Request, told: Told, contact: Told = "") -> Response:
    """Take a report; of what was written nothing is repeated."""
    try:
        ref = hand_in(desk_of(request), told, contact, address=address_of(request), now=now_of(request))
    except (InputError, PermissionDeniedError) as error:
        status = 429 if isinstance(error, PermissionDeniedError) else status_of(error)
        return page(
            request, "report.html", ref=None, most=MOST, contact_most=CONTACT_MOST, refused=str(error),
            status=status,
        )  # fmt: skip
    return page(request, "report.html", ref=ref, most=MOST, contact_most=CONTACT_MOST)


@router.get("/reports")
def reports(request: Request, actor: Triage) -> Response:
    """Show what was reported and not dealt with yet."""
    return _reports(request, actor)


def _reports(request: Request, actor: Actor, refused: str | None = None, status: int = 200) -> Response:
    desk = desk_of(request)
    profiles = profiles_of(desk)
    return page(
        request, "reports.html", reports=read_reports(desk, actor=actor), profiles=profiles, refused=refused,
        status=status,
    )  # fmt: skip


@router.post("/reports/{ref}/accept")
def take_on(request: Request, ref: str, actor: Triage, title: Said = "", organisation: Said = "") -> Response:
    """Make an incident of a report."""
    try:
        opened = accept(
            desk_of(request), ref, title=title, organisation=organisation, actor=actor, now=now_of(request)
        )
    except InputError as error:
        return _reports(request, actor, str(error), 422)
    return goes_to(f"/incidents/{opened}", "opened")


@router.post("/reports/{ref}/dismiss")
def turn_down(request: Request, ref: str, actor: Triage, because: Said = "") -> Response:
    """Say why a report is no incident."""
    try:
        dismiss(desk_of(request), ref, because=because, actor=actor, now=now_of(request))
    except InputError as error:
        return _reports(request, actor, str(error), 422)
    return goes_to("/reports", "report_dismissed")
