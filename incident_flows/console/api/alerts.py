"""Alerts of programs that hold a token; those that sign instead come in at `/intake`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response

from incident_flows.console.api import shapes
from incident_flows.console.api.base import PROBLEMS, V1, At, Now, Once, Upload, answered, file_of
from incident_flows.console.signed import may
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import InputError
from incident_flows.knowledge.alerts import read_mapping, source_ids
from incident_flows.services.alerts import LARGEST, take_in

router = APIRouter(prefix=f"{V1}/alerts", route_class=Once, responses=PROBLEMS, tags=["alerts"])


@router.get("", response_model=list[shapes.Source])
def sources(desk: At, actor: Annotated[Actor, Depends(may("open"))]) -> Response:
    """List the products whose alerts can be read."""
    root = desk.library.root
    known = [read_mapping(root, id_) for id_ in source_ids(root)]
    return answered([{"id": one.id, "title": one.title, "source": one.source.cite} for one in known])


@router.post("/{source}", response_model=list[shapes.Alerted], openapi_extra=file_of("application/json"))
def taken_in(
    desk: At,
    now: Now,
    source: Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}$")],
    organisation: Annotated[str, Query(min_length=1, max_length=100, description="Whose systems they are")],
    actor: Annotated[Actor, Depends(may("open"))],
    upload: Upload,
) -> Response:
    """Open an incident from an alert as the product writes it, once; the same alert later only adds."""
    body = upload.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise InputError(f"{source}: a delivery has at most {LARGEST} bytes")
    found = take_in(desk, source, body, organisation=organisation, actor=actor, now=now)
    return answered([one.to_json() for one in found])
