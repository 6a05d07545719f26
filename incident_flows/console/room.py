"""The room of one incident, part by part: what is next, facts, obligations, notices, people, timeline, closing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from incident_flows.console.charts import bar
from incident_flows.console.differences import Piece, around_changes, differences
from incident_flows.console.fields import Form, field_for, sections
from incident_flows.console.lacks import lacks_of
from incident_flows.console.page import desk_of, now_of, page, view_of, words_of
from incident_flows.console.signed import reads
from incident_flows.console.texts import texts_of
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import NotFoundError
from incident_flows.services.document import notice_document, notice_html
from incident_flows.services.filling import open_in_form
from incident_flows.services.follow import events_unused
from incident_flows.services.room import (
    Room,
    history,
    imports_of,
    notice_of,
    progress_of,
    room,
    tasks_of,
    timeline,
)
from incident_flows.services.story import story_of

router = APIRouter(prefix="/incidents/{ref}")
Reader = Annotated[Actor, Depends(reads)]
QUESTIONS_SHOWN = 12
PERHAPS_SHOWN = 40
LATER = ("supplementary", "final", "withdrawal")  # what may follow on a first filing
FATES = ("delivered", "processed", "waiting", "deferred", "blocked", "bounced", "dropped")


def shown(
    request: Request, ref: str, part: str, *, refused: str | None = None, status: int = 200, **more: Any
) -> Response:
    """Return one part of the room; after a refusal with its reason and what was filled in."""
    here = room(desk_of(request), ref, now=now_of(request))
    context = PARTS[part](request, here, **more)
    given = more.get("given", Form(()))
    return page(
        request,
        f"room_{part}.html",
        status=status,
        **{"room": here, "ref": ref, "part": part, "refused": refused, "given": given} | context,
    )


def _summary(request: Request, here: Room, **_: Any) -> dict[str, Any]:
    return {
        "fields": _questions(request, here),
        "meaning": words_of(desk_of(request)).get("findings", {}),
    }


def _questions(request: Request, here: Room) -> list[dict[str, Any]]:
    """Return the questions that still decide something, with the field that answers each, if one does."""
    words = words_of(desk_of(request))
    return [
        {**question, "field": field_for(question["fact"], words)} for question in here.result["questions"]
    ]


def _facts(request: Request, here: Room, **_: Any) -> dict[str, Any]:
    desk, view = desk_of(request), view_of(request)
    words = words_of(desk)
    return {
        "questions": _questions(request, here),
        "first": QUESTIONS_SHOWN,
        "sections": sections(words),
        "findings": [
            field
            for word in here.facts.facts.get("findings", {})
            if (field := field_for(f"findings.{word}", words))
        ],
        "stored": here.facts.facts,
        "history": history(desk, here.incident.ref),
        "tz": view.tz,
        "meaning": words.get("findings", {}),
    }


def _duties(request: Request, here: Room, **_: Any) -> dict[str, Any]:
    return {"groups": here.groups(), "first": PERHAPS_SHOWN}


def _duty(request: Request, here: Room, oid: str, **_: Any) -> dict[str, Any]:
    row = next((one for one in here.obligations if one.oid == oid), None)
    if row is None:
        raise NotFoundError(texts_of().say("room.no_duty", ref=here.incident.ref))
    return {
        "row": row,
        "notices": [one for one in here.notices if oid in (one.route or {}).get("covers", [one.oid])],
        "decided": [one for one in here.decisions if one.subject == oid],
        "phases": LATER,
    }


def _risk(request: Request, here: Room, **_: Any) -> dict[str, Any]:
    return {"decided": [one for one in here.decisions if one.subject == "risk"]}


def _notices(request: Request, here: Room, drafted: Any = None, **_: Any) -> dict[str, Any]:
    answered = {
        oid
        for one in here.notices
        if one.state != "withdrawn"
        for oid in (one.route or {}).get("covers", [one.oid])
    }
    lacking = [
        row
        for name, rows in here.groups()
        if name == "open"
        for row in rows
        if row.addressee_kind != "record" and row.oid not in answered
    ]
    return {"lacking": lacking, "drafted": drafted}


def _notice(request: Request, here: Room, notice: str, sent: Any = None, **_: Any) -> dict[str, Any]:
    desk = desk_of(request)
    row, before, deliveries = notice_of(desk, here.incident.ref, notice)
    covers = (row.route or {}).get("covers", [row.oid])
    return {
        "notice": row,
        "before": before,
        "pieces": _changed(before, row) if before else [],
        "form": ((row.form or {}).get("fields") or ()),
        "form_open": open_in_form(row.form),
        "lacks": lacks_of(desk, row),
        "stored": here.facts.facts,
        "tz": view_of(request).tz,
        "deliveries": deliveries,
        "parts": bar(deliveries),
        "duties": [one for one in here.obligations if one.oid in covers],
        "sent": sent,
        "differs": [one for one in story_of(desk, here.incident.ref)["open"] if one["differs_in"] == row.ref],
        "run": next((one for one in progress_of(desk, here.incident.ref)[0] if one["notice"] == row.ref), None),
    }


def _changed(before: Any, row: Any) -> list[Piece]:
    return around_changes(differences(f"{before.subject}\n\n{before.text}", f"{row.subject}\n\n{row.text}"))


def _people(request: Request, here: Room, imported: Any = None, **_: Any) -> dict[str, Any]:
    imports, deliveries, followed = imports_of(desk_of(request), here.incident.ref)
    runs, public = progress_of(desk_of(request), here.incident.ref)
    return {
        "runs": runs,
        "public": public,
        "seconds": [(name, counts, bar(counts, order=FATES)) for name, counts in followed.second.items()],
        "imports": imports,
        "bars": [(name, counts, bar(counts)) for name, counts in deliveries.items()],
        "fates": [(name, counts, bar(counts, order=FATES)) for name, counts in followed.by_notice.items()],
        "followed": followed,
        "unused": events_unused(desk_of(request), now=now_of(request)),
        "imported": imported,
    }


def _timeline(request: Request, here: Room, before: int | None = None, **_: Any) -> dict[str, Any]:
    entries, older = timeline(desk_of(request), here.incident.ref, before=before)
    return {"entries": entries, "older": older, "names": _names(here)}


def _tasks(request: Request, here: Room, **_: Any) -> dict[str, Any]:
    return {"tasks": tasks_of(desk_of(request), here.incident.ref)}


def _names(here: Room) -> dict[str, str]:
    """Return whom each obligation tells, by its id."""
    return {row.oid: row.addressee_name for row in here.obligations}


def _close(request: Request, here: Room, **_: Any) -> dict[str, Any]:
    return {"names": _names(here), "cites": {row.oid: row.cite or "" for row in here.obligations}}


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "summary": _summary,
    "facts": _facts,
    "duties": _duties,
    "duty": _duty,
    "risk": _risk,
    "notices": _notices,
    "notice": _notice,
    "people": _people,
    "tasks": _tasks,
    "timeline": _timeline,
    "close": _close,
}


@router.get("")
def summary(request: Request, ref: str, actor: Reader) -> Response:
    """Show what is next, what runs and how it stands."""
    return shown(request, ref, "summary")


@router.get("/facts")
def facts(request: Request, ref: str, actor: Reader) -> Response:
    """Show the facts, their history, and the questions that still decide something."""
    return shown(request, ref, "facts")


@router.get("/duties")
def duties(request: Request, ref: str, actor: Reader) -> Response:
    """Show all obligations."""
    return shown(request, ref, "duties")


@router.get("/duties/{oid:path}")
def duty(request: Request, ref: str, oid: str, actor: Reader) -> Response:
    """Show one obligation with its reasons."""
    return shown(request, ref, "duty", oid=oid)


@router.get("/risk")
def risk(request: Request, ref: str, actor: Reader) -> Response:
    """Show the risk to people with its reasons."""
    return shown(request, ref, "risk")


@router.get("/notices")
def notices(request: Request, ref: str, actor: Reader) -> Response:
    """Show the notices, and what has none yet."""
    return shown(request, ref, "notices")


@router.get("/notices/{notice}")
def notice(request: Request, ref: str, notice: str, actor: Reader) -> Response:
    """Show one notice: its exact text, and how it differs from the one before."""
    return shown(request, ref, "notice", notice=notice)


@router.get("/people")
def people(request: Request, ref: str, actor: Reader) -> Response:
    """Show how many people are to be told, and what became of the letters."""
    return shown(request, ref, "people")


@router.get("/tasks")
def tasks(request: Request, ref: str, actor: Reader) -> Response:
    """Show the checklist of the scenario."""
    return shown(request, ref, "tasks")


@router.get("/notices/{notice}/pdf")
def notice_pdf(request: Request, ref: str, notice: str, actor: Reader) -> Response:
    """Give one notice as PDF."""
    _, content = notice_document(desk_of(request), ref, notice)
    name = f'inline; filename="{ref}-{notice}.pdf"'
    return Response(content, media_type="application/pdf", headers={"Content-Disposition": name})


@router.get("/notices/{notice}/page")
def notice_page(request: Request, ref: str, notice: str, actor: Reader) -> Response:
    """Give the page of an approved notice as a file to publish; it is never shown inside the console."""
    content, sha256 = notice_html(desk_of(request), ref, notice)
    name = f'attachment; filename="{ref}-{notice}.html"'
    return Response(content, media_type="text/html", headers={"Content-Disposition": name, "ETag": f'"{sha256}"'})


@router.get("/timeline")
def the_timeline(
    request: Request, ref: str, actor: Reader, before: Annotated[int | None, Query(ge=1)] = None
) -> Response:
    """Show the journal, newest first."""
    return shown(request, ref, "timeline", before=before)


@router.get("/close")
def close(request: Request, ref: str, actor: Reader) -> Response:
    """Show what stands against closing."""
    return shown(request, ref, "close")
