"""Incidents: assess, open, list, show, clocks, acknowledge, tasks, close, dossier, verify."""

from __future__ import annotations

import tempfile
import zipfile
from datetime import date
from pathlib import Path as File
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from incident_flows.console.api import asked, shapes
from incident_flows.console.api.base import (
    PROBLEMS,
    SOURCE,
    V1,
    At,
    Now,
    Once,
    Ref,
    Upload,
    answered,
    file_of,
)
from incident_flows.console.signed import may
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import InputError
from incident_flows.services import show as shown
from incident_flows.services.acknowledge import acknowledge
from incident_flows.services.close import close, reopen
from incident_flows.services.desk import checked_facts
from incident_flows.services.dossier import dossier, verify_database, verify_file
from incident_flows.services.open import open_incident, opened_json
from incident_flows.services.tasks import done, tasks

router = APIRouter(prefix=V1, route_class=Once, responses=PROBLEMS, tags=["incidents"])
Reads = Annotated[Actor, Depends(may("read"))]
UNPACKED = 500_000_000  # bytes of a dossier's members together
ZIP: dict[str, Any] = {
    "description": "The sealed record",
    "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
}


@router.post("/assess", response_model=shapes.Assessment)
def assess(
    body: asked.FactsFile,
    desk: At,
    now: Now,
    actor: Reads,
    as_of: Annotated[date | None, Query(description="Use the law of that day")] = None,
    what_if: Annotated[bool, Query(description="Count bills as law; never for a live clock")] = False,
    explain: Annotated[bool, Query(description="With the path through each rule")] = False,
) -> Response:
    """Say what would be owed on these facts; writes nothing."""
    facts = checked_facts(desk, body.whole(), name="facts")
    found = desk.library.assess(facts, today=now.date(), as_of=as_of, proposals=what_if, explain=explain)
    return answered(found.to_json())


@router.post(
    "/incidents",
    response_model=shapes.Opened,
    status_code=201,
    responses={200: {"model": shapes.Opened, "description": "It was open already under this key"}},
)
def open_(
    request: Request, body: asked.FactsFile, desk: At, now: Now, actor: Annotated[Actor, Depends(may("open"))]
) -> Response:
    """Open an incident: facts stored, answer derived, clocks started. With an Idempotency-Key it opens one for good."""
    key = request.headers.get("idempotency-key")
    opened = open_incident(
        desk, checked_facts(desk, body.whole(), name="facts"), actor=actor, now=now, source=SOURCE,
        request_key=f"api:{request.state.token.id}:{key}" if key else None,
    )  # fmt: skip
    where = {"location": f"{V1}/incidents/{opened.ref}"}
    return answered(opened_json(opened), 201 if opened.created else 200, where)


@router.get("/incidents", response_model=list[shapes.Line])
def incidents(
    desk: At, actor: Reads, state: Annotated[Literal["open", "closed"] | None, Query()] = None
) -> Response:
    """List incidents, the newest first, with their soonest clock."""
    return answered(shown.list_incidents(desk, state=state))


@router.get("/incidents/{ref}", response_model=shapes.Incident)
def show(desk: At, now: Now, ref: Ref, actor: Reads) -> Response:
    """Show one incident: facts, obligations, notices, deliveries, steps, the end of its journal."""
    return answered(shown.show(desk, ref, now=now))


@router.get("/clocks", response_model=list[shapes.Clock])
def clocks(desk: At, now: Now, actor: Reads) -> Response:
    """List all running clocks, soonest first."""
    return answered(shown.clocks(desk, None, now=now))


@router.get("/incidents/{ref}/clocks", response_model=list[shapes.Clock])
def clocks_of(desk: At, now: Now, ref: Ref, actor: Reads) -> Response:
    """List the running clocks of one incident, soonest first."""
    return answered(shown.clocks(desk, ref, now=now))


@router.post("/incidents/{ref}/acknowledge", response_model=list[shapes.Acknowledged])
def acknowledged(
    desk: At, now: Now, ref: Ref, body: asked.Which, actor: Annotated[Actor, Depends(may("acknowledge"))]
) -> Response:
    """Say that reminders were seen: nobody else is called for them. The clocks go on."""
    found = acknowledge(desk, ref, body.which, actor=actor, now=now, via="api")
    return answered([one.to_json() for one in found])


@router.get("/incidents/{ref}/tasks", response_model=list[shapes.Task])
def checklist(desk: At, ref: Ref, actor: Reads) -> Response:
    """List the tasks of the incident's scenario; none while no scenario is known."""
    with desk.database.read() as tx:
        tx.incidents.get(ref)
        return answered(tasks(tx, desk, ref))


@router.post("/incidents/{ref}/tasks", response_model=shapes.Task)
def task(
    desk: At, now: Now, ref: Ref, body: asked.Done, actor: Annotated[Actor, Depends(may("acknowledge"))]
) -> Response:
    """Record that a task is done."""
    done(desk, ref, body.task, actor=actor, now=now, note=body.note)
    with desk.database.read() as tx:
        return answered(next(one for one in tasks(tx, desk, ref) if one["id"] == body.task))


@router.post("/incidents/{ref}/close", response_model=shapes.State)
def closed(desk: At, now: Now, ref: Ref, actor: Annotated[Actor, Depends(may("close"))]) -> Response:
    """Close; refused with a list while any obligation is undecided or unmet."""
    row = close(desk, ref, actor=actor, now=now)
    return answered({"id": row.ref, "state": row.state})


@router.post("/incidents/{ref}/reopen", response_model=shapes.State)
def reopened(
    desk: At, now: Now, ref: Ref, body: asked.Reason, actor: Annotated[Actor, Depends(may("close"))]
) -> Response:
    """Open a closed incident again."""
    if not body.because.strip():
        raise InputError("because: say in a sentence why it is opened again")
    row = reopen(desk, ref, because=body.because, actor=actor, now=now)
    return answered({"id": row.ref, "state": row.state})


@router.post("/incidents/{ref}/dossier", response_class=Response, responses={200: ZIP})
def record(desk: At, now: Now, ref: Ref, actor: Annotated[Actor, Depends(may("dossier"))]) -> Response:
    """Give the accountability record of Article 33(5) as one file; that it was given stands in the journal."""
    with tempfile.TemporaryDirectory() as folder:
        path = dossier(desk, ref, actor=actor, now=now, folder=File(folder))
        name, content = path.name, path.read_bytes()
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/zip", headers=headers)


@router.get("/verify", response_model=shapes.Verified)
def verify_journal(desk: At, actor: Reads) -> Response:
    """Check the whole journal of this installation; 409 if anything was changed, cut or reordered."""
    return answered(verify_database(desk))


@router.post("/verify", response_model=shapes.Verified, openapi_extra=file_of("application/zip"))
def verify(actor: Reads, upload: Upload) -> Response:
    """Check a dossier: 409 if anything in it was changed, is missing or stands in another order."""
    with tempfile.TemporaryDirectory() as folder:
        path = File(folder) / "dossier.zip"
        with path.open("wb") as kept:
            while chunk := upload.read(1 << 20):
                kept.write(chunk)
        try:
            with zipfile.ZipFile(path) as archive:
                unpacked = sum(one.file_size for one in archive.infolist())
        except (zipfile.BadZipFile, OSError, ValueError):
            unpacked = 0  # no archive: said below, in the words of the verb
        if unpacked > UNPACKED:
            raise InputError(f"dossier: unpacks to {unpacked} bytes; one has at most {UNPACKED}")
        return answered(verify_file(path))
