"""Answers one question of a notice where the notice is read; the answer is a fact like any other."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from incident_flows.console.acts import SOURCE, Sent, again, zone_of
from incident_flows.console.fields import Form, put
from incident_flows.console.lacks import DOSSIER, Lack, lacks_of
from incident_flows.console.page import desk_of, goes_to, now_of, tried
from incident_flows.console.signed import may
from incident_flows.console.texts import texts_of
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import InputError
from incident_flows.services.desk import Desk
from incident_flows.services.room import notice_of
from incident_flows.services.update import change_facts

router = APIRouter(prefix="/incidents/{ref}")
LINES = ("list", "persons")  # questions whose answer is several, one a line
WAYS = ("answer", "not-applicable", "later")


@router.post("/notices/{notice}/answer")
def answered(
    request: Request, ref: str, notice: str, actor: Annotated[Actor, Depends(may("update"))], form: Sent
) -> Response:
    """Keep the answer to one question of a notice; the notice itself stays as it is until it is drafted again."""

    def act() -> Response:
        desk, key = desk_of(request), form.get("key", "")
        row, _, _ = notice_of(desk, ref, notice)
        lack = next((one for one in lacks_of(desk, row) if one.key == key and one.field is not None), None)
        if lack is None:
            raise InputError(texts_of().say("answering.not_asked"))
        change: dict[str, Any] = {}
        put(change, key, _answer(desk, lack, form, zone_of(form)))
        change_facts(desk, ref, change, actor=actor, now=now_of(request), source=f"{SOURCE}: {notice}")
        return goes_to(f"/incidents/{ref}/notices/{notice}", "answered")

    return tried(act, again(request, ref, "notice", form, notice=notice))


def _answer(desk: Desk, lack: Lack, form: Form, zone: ZoneInfo) -> Any:
    way, texts = form.get("way", "answer"), texts_of()
    if way not in WAYS or (way != "answer" and not lack.settled):
        raise InputError(f"{lack.label}: {texts.say('answering.no_way')}")
    if way == "not-applicable":
        return {"not_applicable": _written(form, "because", f"{lack.label}: {texts.say('answering.why')}")}
    if way == "later":
        return {
            "owner": _written(form, "owner", f"{lack.label}: {texts.say('answering.who')}"),
            "follows_on": form.get("follows_on", "").strip() or None,
        }
    assert lack.field is not None
    value = lack.field.read(form, zone=zone, label=lack.label)
    if value is None:
        raise InputError(f"{lack.label}: {texts.say('answering.nothing')}")
    question = desk.library.lawbook.dossier.get(lack.key.removeprefix(DOSSIER)) if lack.settled else None
    if question is not None and question.type in LINES and isinstance(value, str):
        return [line.strip() for line in value.splitlines() if line.strip()]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _written(form: Form, name: str, label: str) -> str:
    text = form.get(name, "").strip()
    if not text:
        raise InputError(label)
    return text
