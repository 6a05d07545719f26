"""Notices: draft, read, explain, approve, send back, send, file, resolve a doubt; questions of authorities."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from incident_flows.console.api import asked, shapes
from incident_flows.console.api.base import (
    PROBLEMS,
    V1,
    At,
    Code,
    NoticeRef,
    Now,
    Once,
    Ref,
    answered,
    shown_to_be,
)
from incident_flows.console.signed import may
from incident_flows.core.instants import parse_instant
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import InputError, PermissionDeniedError
from incident_flows.services import show
from incident_flows.services.approve import approve, reject
from incident_flows.services.broadcast import switch_letters
from incident_flows.services.draft import Wanted, draft
from incident_flows.services.follow import followed
from incident_flows.services.notify import notify, resolve_doubt
from incident_flows.services.question import asked as record_question
from incident_flows.services.story import explain, story_of

router = APIRouter(prefix=f"{V1}/incidents/{{ref}}", route_class=Once, responses=PROBLEMS, tags=["notices"])
Reads = Annotated[Actor, Depends(may("read"))]
Drafts = Annotated[Actor, Depends(may("draft"))]
Notifies = Annotated[Actor, Depends(may("notify"))]
Approves = Annotated[Actor, Depends(may("approve"))]
NO_CODE = (
    "approving takes a person: send a one-time code of the account's second factor as Breach-Code, "
    "or do it in the console or the terminal"
)


@router.post("/drafts", response_model=shapes.Drafts)
def drafted(
    desk: At, now: Now, ref: Ref, body: asked.Draft, actor: Drafts
) -> Response:
    """Render notices, and list every field that is still empty."""
    more = Wanted(
        language=body.language, phased=body.phased, as_written=body.as_written, phase=body.phase,
        because=body.because, answer=body.answer, bundled=tuple(body.bundled),
        attached=tuple((one.name, _content(one)) for one in body.attachments),
    )  # fmt: skip
    done, skipped = draft(desk, ref, body.obligation, actor=actor, now=now, more=more)
    return answered(show.drafted_json(desk, ref, done, skipped))


def _content(one: asked.Attachment) -> bytes:
    try:
        return base64.b64decode(one.base64, validate=True)
    except (binascii.Error, ValueError):
        raise InputError("attachments: base64 is none; encode the file's bytes by RFC 4648") from None


@router.get("/notices/{notice}", response_model=shapes.Notice)
def read(
    desk: At,
    ref: Ref,
    notice: NoticeRef,
    actor: Reads,
    english: Annotated[bool, Query(description="The same in English, for reading only")] = False,
    variant: Annotated[
        str | None, Query(max_length=60, description="Another wording of a letter, such as US-CA")
    ] = None,
) -> Response:
    """Return one notice with its exact text."""
    return answered(show.one_notice(desk, ref, notice, in_english=english, variant=variant))


@router.post("/notices/{notice}/approve", response_model=shapes.Notice)
def approved(
    desk: At, now: Now, ref: Ref, notice: NoticeRef, body: asked.Approval, actor: Approves, code: Code = None
) -> Response:
    """Approve one exact text, by a person who did not draft it; takes a Breach-Code."""
    if (proof := shown_to_be(desk, actor, code, now=now)) is None:
        raise PermissionDeniedError(NO_CODE)
    done = approve(desk, ref, notice, actor=actor, now=now, sha256=body.sha256, proof=proof)
    return answered(show.notice_json(done))


@router.post("/notices/{notice}/reject", response_model=shapes.Notice)
def rejected(
    desk: At, now: Now, ref: Ref, notice: NoticeRef, body: asked.Reason, actor: Approves, code: Code = None
) -> Response:
    """Send a text back to its drafter, with the reason; takes a Breach-Code."""
    if (proof := shown_to_be(desk, actor, code, now=now)) is None:
        raise PermissionDeniedError(NO_CODE)
    done = reject(desk, ref, notice, because=body.because, actor=actor, now=now, proof=proof)
    return answered(show.notice_json(done))


@router.post("/explanations", response_model=shapes.Story)
def explained(desk: At, now: Now, ref: Ref, body: asked.Explanation, actor: Drafts) -> Response:
    """Say why filings of the incident say different things."""
    explain(desk, ref, body.keys, because=body.because, actor=actor, now=now)
    return answered(story_of(desk, ref))


@router.get("/story", response_model=shapes.Story)
def story(desk: At, ref: Ref, actor: Reads) -> Response:
    """Return where filings of the incident say different things."""
    return answered(story_of(desk, ref))


@router.post("/questions", response_model=shapes.Asked)
def questioned(
    desk: At, now: Now, ref: Ref, body: asked.Question, actor: Annotated[Actor, Depends(may("update"))]
) -> Response:
    """Record an authority's own question: a clock of its own, answered by a notice."""
    row = record_question(
        desk, ref, body.obligation, question=body.question, received=_instant("received", body.received),
        due=_instant("due", body.due), actor=actor, now=now,
    )  # fmt: skip
    return answered({"id": ref, "obligation": row.oid, "due_at": row.due_at.isoformat()})


def _instant(name: str, text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None


@router.get("/letters", response_model=shapes.Followed)
def letters(desk: At, ref: Ref, actor: Reads) -> Response:
    """Return what became of the incident's letters, by the provider's events."""
    return answered({"id": ref, **followed(desk, ref).to_json()})


@router.post("/notify", response_model=list[shapes.Sent])
def sent(desk: At, now: Now, ref: Ref, body: asked.Sending, actor: Notifies) -> Response:
    """Send what is approved and keep the receipt; for a portal, return the filled form."""
    done = notify(desk, ref, body.notice, actor=actor, now=now, to=body.to, mode=body.mode)
    return answered([one.to_json() for one in done])


@router.post("/notices/{notice}/filed", response_model=list[shapes.Sent])
def filed(desk: At, now: Now, ref: Ref, notice: NoticeRef, body: asked.Filing, actor: Notifies) -> Response:
    """Record how a person filed or delivered a notice."""
    at = None if body.at is None else _instant("at", body.at)
    done = notify(
        desk, ref, notice, actor=actor, now=now, filed_as=body.reference, filed_at=at,
        because=body.because,
    )
    return answered([one.to_json() for one in done])


@router.post("/notices/{notice}/doubt", response_model=shapes.Sent)
def resolved(desk: At, now: Now, ref: Ref, notice: NoticeRef, body: asked.Doubt, actor: Notifies) -> Response:
    """Say, on evidence, whether a notice in doubt arrived."""
    done = resolve_doubt(desk, ref, notice, body.outcome, because=body.because, actor=actor, now=now)
    return answered(done.to_json())


@router.post("/notices/{notice}/letters", response_model=shapes.Sent)
def switched(desk: At, now: Now, ref: Ref, notice: NoticeRef, body: asked.Switch, actor: Notifies) -> Response:
    """Pause, resume or stop letters to people before the next request."""
    done = switch_letters(desk, ref, notice, body.to, because=body.because, actor=actor, now=now)
    return answered(done.to_json())
