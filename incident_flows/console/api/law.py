"""The lawbook: what it covers, one duty whole, what changed between two days."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response

from incident_flows.console.api import shapes
from incident_flows.console.api.base import PROBLEMS, V1, At, Once, answered
from incident_flows.console.signed import may
from incident_flows.core.lifecycle import Actor
from incident_flows.knowledge.law_listing import changes, excluded_rows, in_words, rows
from incident_flows.services.show import incidents_under

router = APIRouter(prefix=f"{V1}/law", route_class=Once, responses=PROBLEMS, tags=["law"])
Reads = Annotated[Actor, Depends(may("read"))]
Part = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,80}$")]


@router.get("", response_model=list[shapes.Duty])
def duties(
    desk: At,
    actor: Reads,
    place: Annotated[str | None, Query(max_length=20, description="Only regimes of that place")] = None,
) -> Response:
    """List every duty: source, jurisdiction, addressee, article, dates, confidence."""
    return answered(rows(desk.library.lawbook, place=place))


@router.get("/excluded", response_model=list[shapes.Excluded])
def excluded(desk: At, actor: Reads) -> Response:
    """List the rows of the fact base that are left out, with the reason."""
    return answered(excluded_rows(desk.library.lawbook))


@router.get("/forms", response_model=list[dict[str, Any]])
def forms(desk: At, actor: Reads) -> Response:
    """List authorities' forms: fields, languages, and how surely each field is known."""
    return answered(desk.library.forms.listing())


@router.get("/changes", response_model=list[shapes.Change])
def changed(
    desk: At, actor: Reads, first: Annotated[date, Query()], second: Annotated[date, Query()]
) -> Response:
    """List what changed in the law between two days, and which open incidents have a clock under it."""
    found = changes(desk.library.lawbook, first, second)
    touched = incidents_under(desk, {one["duty"] for one in found})
    return answered([{**one, "incidents": touched.get(one["duty"], [])} for one in found])


@router.get("/duties/{regime}/{duty}", response_model=shapes.DutyWhole)
def one(desk: At, actor: Reads, regime: Part, duty: Part) -> Response:
    """Return one duty: its history, conditions in words, sources and doubts."""
    return answered(in_words(desk.library.lawbook, f"{regime}/{duty}"))
