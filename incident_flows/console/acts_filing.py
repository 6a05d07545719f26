"""What filings and letters need beyond draft, approve and send: explain, correct a reference, switch, a question."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from incident_flows.console.acts import Sent, again, moment, zone_of
from incident_flows.console.fields import Form
from incident_flows.console.page import desk_of, goes_to, now_of, tried
from incident_flows.console.signed import may
from incident_flows.console.texts import texts_of
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import InputError
from incident_flows.services.broadcast import switch_letters
from incident_flows.services.notify import notify
from incident_flows.services.question import asked
from incident_flows.services.story import explain

router = APIRouter(prefix="/incidents/{ref}")
SWITCH: dict[str, Literal["paused", "go", "stopped"]] = {"pause": "paused", "resume": "go", "stop": "stopped"}


@router.post("/notices/{notice}/explain")
def explained(
    request: Request, ref: str, notice: str, actor: Annotated[Actor, Depends(may("draft"))], form: Sent
) -> Response:
    """Say why this notice tells other things than an earlier one, or than the list of people."""

    def act() -> Response:
        keys = form.all("key")
        if not keys:
            raise InputError(texts_of().say("story.no_key"))
        explain(desk_of(request), ref, keys, because=form.get("because", ""), actor=actor, now=now_of(request))
        return goes_to(f"/incidents/{ref}/notices/{notice}", "explained")

    return tried(act, again(request, ref, "notice", form, notice=notice))


@router.post("/notices/{notice}/reference")
def corrected(
    request: Request, ref: str, notice: str, actor: Annotated[Actor, Depends(may("notify"))], form: Sent
) -> Response:
    """Correct the reference a filing was recorded under; the journal keeps both."""

    def act() -> Response:
        notify(
            desk_of(request), ref, notice, actor=actor, now=now_of(request),
            filed_as=form.get("filed_as", "").strip(), because=form.get("because", ""),
        )  # fmt: skip
        return goes_to(f"/incidents/{ref}/notices/{notice}", "corrected")

    return tried(act, again(request, ref, "notice", form, notice=notice))


@router.post("/notices/{notice}/switch")
def switched(
    request: Request, ref: str, notice: str, actor: Annotated[Actor, Depends(may("notify"))], form: Sent
) -> Response:
    """Pause, resume or stop letters; a sender at work obeys before its next request."""

    def act() -> Response:
        wanted = SWITCH.get(form.get("switch", ""))
        if wanted is None:
            raise InputError(texts_of().say("letters.no_switch"))
        switch_letters(
            desk_of(request), ref, notice, wanted,
            because=form.get("because", "").strip(), actor=actor, now=now_of(request),
        )  # fmt: skip
        return goes_to(f"/incidents/{ref}/notices/{notice}", f"switched_{wanted}")

    return tried(act, again(request, ref, "notice", form, notice=notice))


@router.post("/questions")
def questioned(
    request: Request, ref: str, actor: Annotated[Actor, Depends(may("update"))], form: Sent
) -> Response:
    """Record what an authority asks and by when: a clock of its own."""
    oid = form.get("obligation", "")

    def act() -> Response:
        zone = zone_of(form)
        row = asked(
            desk_of(request), ref, oid, question=form.get("question", ""),
            received=_given(form, "received", zone), due=_given(form, "due", zone),
            actor=actor, now=now_of(request),
        )  # fmt: skip
        return goes_to(f"/incidents/{ref}/duties/{row.oid}", "questioned")

    return tried(act, again(request, ref, "duty", form, oid=oid))


def _given(form: Form, name: str, zone: ZoneInfo) -> datetime:
    found = moment(form, name, zone, f"question.{name}")
    if found is None:
        raise InputError(f"{texts_of().say(f'question.{name}')}: {texts_of().say('question.when')}")
    return found
