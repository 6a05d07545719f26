"""What is done in the room of an incident: each a form, the same service as on the terminal, and a page after it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, File, Request, UploadFile
from fastapi.responses import Response

from incident_flows.console.fields import Field, Form, change_from, field_for, sections
from incident_flows.console.page import desk_of, form_of, goes_to, now_of, tried, words_of
from incident_flows.console.room import shown
from incident_flows.console.signed import may
from incident_flows.console.texts import texts_of
from incident_flows.console.view import zones
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import IllegalTransitionError, InputError
from incident_flows.services.acknowledge import acknowledge
from incident_flows.services.approve import approve, reject
from incident_flows.services.close import close, reopen
from incident_flows.services.decide import decide
from incident_flows.services.desk import Desk
from incident_flows.services.dossier import dossier
from incident_flows.services.draft import Wanted, draft
from incident_flows.services.notify import notify, resolve_doubt
from incident_flows.services.people_file import SHEETS
from incident_flows.services.recipients import import_recipients
from incident_flows.services.tasks import done
from incident_flows.services.update import change_facts

router = APIRouter(prefix="/incidents/{ref}")
Sent = Annotated[Form, Depends(form_of)]
SOURCE = "console"


def zone_of(form: Form) -> ZoneInfo:
    """Return the zone a form's wall clocks are in."""
    zone = form.get("zone", "UTC")
    if zone not in zones():
        raise InputError(texts_of().say("form.no_zone"))
    return ZoneInfo(zone)


def label_of(path: str) -> str:
    """Return how a fact is called."""
    return texts_of().word("fact", path)


def again(request: Request, ref: str, part: str, form: Form, **more: Any) -> Callable[[str, int], Response]:
    """Return what shows a part of the room once more after a refusal, with what was filled in."""
    return lambda refused, status: shown(
        request, ref, part, refused=refused, status=status, given=form, **more
    )


@router.post("/facts")
def facts(
    request: Request, ref: str, actor: Annotated[Actor, Depends(may("update"))], form: Sent
) -> Response:
    """Change what the form changed; refused if somebody else changed the facts since it was made."""
    desk, now = desk_of(request), now_of(request)

    def act() -> Response:
        with desk.database.read() as tx:
            stored = tx.incidents.facts(ref)
        if form.get("version") != str(stored.version):
            raise IllegalTransitionError(texts_of().say("facts.stale", by=stored.by))
        zone = zone_of(form)
        change = change_from(form, stored.facts, _fields(desk, form), zone=zone, label=label_of)
        if not change:
            return goes_to(f"/incidents/{ref}/facts", "unchanged")
        updated = change_facts(
            desk, ref, change, actor=actor, now=now, source=_source(form),
            learned_at=moment(form, "learned_at", zone, "facts.learned"),
        )  # fmt: skip
        return goes_to(f"/incidents/{ref}/facts", "facts" if updated.changed else "unchanged")

    return tried(act, again(request, ref, "facts", form))


def _fields(desk: Desk, form: Form) -> list[Field]:
    words = words_of(desk)
    known = {field.path: field for _, fields in sections(words) for field in fields}
    asked = [name[:-1] for name in form if name.endswith("?") and name[:-1] not in known]
    return [*known.values(), *(field for path in asked if (field := field_for(path, words)))]


def _source(form: Form) -> str:
    said = form.get("source", "").strip()[:200]
    return f"{SOURCE}: {said}" if said else SOURCE


def moment(form: Form, name: str, zone: ZoneInfo, label: str) -> datetime | None:
    """Return the instant a form's wall clock shows in its zone; None if it is empty.

    Raises:
        InputError: It is no instant, or one that summer time skips or doubles.
    """
    text = Field(name, "instant").read(
        Form([(name, form.get(name, ""))]), zone=zone, label=texts_of().say(label)
    )
    return datetime.fromisoformat(text) if text else None


@router.post("/decide")
def decided(
    request: Request, ref: str, actor: Annotated[Actor, Depends(may("decide"))], form: Sent
) -> Response:
    """Decide the risk, or whether an obligation is owed."""
    subject = form.get("subject", "")
    to = f"/incidents/{ref}/risk" if subject == "risk" else f"/incidents/{ref}/duties/{subject}"

    def act() -> Response:
        said = decide(
            desk_of(request),
            ref,
            subject,
            form.get("answer", ""),
            because=form.get("because", ""),
            actor=actor,
            now=now_of(request),
        )
        return goes_to(to, "decided" if said.in_force else "waits")

    part: dict[str, Any] = {"part": "risk"} if subject == "risk" else {"part": "duty", "oid": subject}
    return tried(act, again(request, ref, form=form, **part))


@router.post("/draft")
def drafted(
    request: Request, ref: str, actor: Annotated[Actor, Depends(may("draft"))], form: Sent
) -> Response:
    """Draft one notice, or all that are to be written."""

    def act() -> Response:
        rows, skipped = draft(
            desk_of(request),
            ref,
            form.get("obligation") or None,
            actor=actor,
            now=now_of(request),
            more=Wanted(
                language=form.get("language") or None, phased="phased" in form,
                as_written="as_written" in form, public="public" in form,
                phase=form.get("phase") or None, because=form.get("because", "").strip(),
                answer=form.get("answer"), bundled=tuple(form.get("with", "").replace(",", " ").split()),
            ),
        )
        if len(rows) == 1:
            one = rows[0]
            return goes_to(
                f"/incidents/{ref}/notices/{one.notice.ref}", "drafted" if one.fresh else "as_before"
            )
        return shown(request, ref, "notices", drafted=(rows, skipped))

    if form.get("from") == "duty":  # where a phase or an answer was asked for
        return tried(act, again(request, ref, "duty", form, oid=form.get("obligation", "")))
    return tried(act, again(request, ref, "notices", form))


@router.post("/notices/{notice}/approve")
def approved(
    request: Request, ref: str, notice: str, actor: Annotated[Actor, Depends(may("approve"))], form: Sent
) -> Response:
    """Approve the very text the page showed."""

    def act() -> Response:
        if len(form.get("sha256", "")) != 64:
            raise InputError(texts_of().say("notice.no_hash"))
        approve(desk_of(request), ref, notice, actor=actor, now=now_of(request), sha256=form.get("sha256"))
        return goes_to(f"/incidents/{ref}/notices/{notice}", "approved")

    return tried(act, again(request, ref, "notice", form, notice=notice))


@router.post("/notices/{notice}/reject")
def rejected(
    request: Request, ref: str, notice: str, actor: Annotated[Actor, Depends(may("approve"))], form: Sent
) -> Response:
    """Send a text back to its drafter."""

    def act() -> Response:
        reject(
            desk_of(request),
            ref,
            notice,
            because=form.get("because", ""),
            actor=actor,
            now=now_of(request),
        )
        return goes_to(f"/incidents/{ref}/notices/{notice}", "rejected")

    return tried(act, again(request, ref, "notice", form, notice=notice))


@router.post("/notices/{notice}/send")
def sent(
    request: Request, ref: str, notice: str, actor: Annotated[Actor, Depends(may("notify"))], form: Sent
) -> Response:
    """Send an approved notice; for a portal, show what is to be filed there."""

    def act() -> Response:
        [outcome] = notify(
            desk_of(request),
            ref,
            notice,
            actor=actor,
            now=now_of(request),
            to=form.get("to", "").strip() or None,
        )
        return shown(request, ref, "notice", notice=notice, sent=outcome)

    return tried(act, again(request, ref, "notice", form, notice=notice))


@router.post("/notices/{notice}/filed")
def filed(
    request: Request, ref: str, notice: str, actor: Annotated[Actor, Depends(may("notify"))], form: Sent
) -> Response:
    """Record how a person filed or delivered a notice."""

    def act() -> Response:
        notify(
            desk_of(request),
            ref,
            notice,
            actor=actor,
            now=now_of(request),
            filed_as=form.get("filed_as", "").strip(),
            filed_at=moment(form, "filed_at", zone_of(form), "notice.filed_at"),
        )
        return goes_to(f"/incidents/{ref}/notices/{notice}", "filed")

    return tried(act, again(request, ref, "notice", form, notice=notice))


@router.post("/notices/{notice}/doubt")
def resolved(
    request: Request, ref: str, notice: str, actor: Annotated[Actor, Depends(may("notify"))], form: Sent
) -> Response:
    """Say, on evidence, whether a notice in doubt arrived."""

    def act() -> Response:
        resolve_doubt(
            desk_of(request),
            ref,
            notice,
            form.get("outcome", ""),
            because=form.get("because", ""),
            actor=actor,
            now=now_of(request),
        )
        return goes_to(f"/incidents/{ref}/notices/{notice}", "resolved")

    return tried(act, again(request, ref, "notice", form, notice=notice))


@router.post("/people")
def people(
    request: Request,
    ref: str,
    actor: Annotated[Actor, Depends(may("recipients"))],
    file: Annotated[UploadFile, File()],
    form: Sent,
) -> Response:
    """Take in a file of the people to be told; it is kept only as long as it is read."""

    def act() -> Response:
        with tempfile.TemporaryDirectory() as folder:
            suffix = Path(file.filename or "").suffix.lower()
            path = Path(folder) / f"people{suffix if suffix in ('.csv', '.txt', '.tsv', *SHEETS) else '.csv'}"
            with path.open("wb") as kept:
                while chunk := file.file.read(1 << 20):
                    kept.write(chunk)
            column = form.get("column", "").strip()
            taken = import_recipients(
                desk_of(request), ref, path, actor=actor, now=now_of(request),
                encoding=form.get("encoding", "") or "utf-8", sheet=form.get("sheet", "").strip() or None,
                columns={"email": column} if column else None,
            )  # fmt: skip
        return shown(request, ref, "people", imported=taken)

    return tried(act, again(request, ref, "people", form))


@router.post("/acknowledge")
def acknowledged(
    request: Request, ref: str, actor: Annotated[Actor, Depends(may("acknowledge"))], form: Sent
) -> Response:
    """Say that the reminders told so far were seen."""

    def act() -> Response:
        acknowledge(
            desk_of(request), ref, form.get("which") or None, actor=actor, now=now_of(request), via="console"
        )
        return goes_to(f"/incidents/{ref}", "acknowledged")

    return tried(act, again(request, ref, "summary", form))


@router.post("/tasks")
def task_done(
    request: Request, ref: str, actor: Annotated[Actor, Depends(may("acknowledge"))], form: Sent
) -> Response:
    """Record that a task of the checklist is done."""

    def act() -> Response:
        note = form.get("note", "").strip()[:500] or None
        done(desk_of(request), ref, form.get("task", ""), actor=actor, now=now_of(request), note=note)
        return goes_to(f"/incidents/{ref}/tasks", "task")

    return tried(act, again(request, ref, "tasks", form))


@router.post("/close")
def closed(
    request: Request, ref: str, actor: Annotated[Actor, Depends(may("close"))], form: Sent
) -> Response:
    """Close the incident, or open it again."""

    def act() -> Response:
        if "reopen" in form:
            because = form.get("because", "").strip()
            if not because:
                raise InputError(texts_of().say("close.no_reason"))
            reopen(desk_of(request), ref, because=because, actor=actor, now=now_of(request))
            return goes_to(f"/incidents/{ref}", "reopened")
        close(desk_of(request), ref, actor=actor, now=now_of(request))
        return goes_to(f"/incidents/{ref}/close", "closed")

    return tried(act, again(request, ref, "close", form))


@router.post("/dossier")
def record(request: Request, ref: str, actor: Annotated[Actor, Depends(may("dossier"))]) -> Response:
    """Give the accountability record as one file; that it was given stands in the journal."""

    def act() -> Response:
        with tempfile.TemporaryDirectory() as folder:
            path = dossier(desk_of(request), ref, actor=actor, now=now_of(request), folder=Path(folder))
            content = path.read_bytes()
        return Response(
            content,
            media_type="application/zip",
            headers={"Content-Disposition": f'attachment; filename="{path.name}"'},
        )

    return tried(act, again(request, ref, "close", Form(())))
