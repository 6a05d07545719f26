"""Opening an incident by questions that change the outcome, one at a time; and the quick lane.

Nothing is stored before *open*: what was answered travels in the form itself and is checked at every step by
the models and the lawbook the terminal uses. *Not known* is an answer, and its clock runs all the same.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from incident_flows.console.acts import SOURCE, label_of, zone_of
from incident_flows.console.fields import Field, Form, at, field_for, put
from incident_flows.console.page import desk_of, form_of, goes_to, now_of, page, status_of, view_of, words_of
from incident_flows.console.signed import may
from incident_flows.console.texts import texts_of
from incident_flows.core.assessment import Assessment
from incident_flows.core.facts import Facts
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import BreachError, InputError
from incident_flows.services.desk import Desk, checked_facts
from incident_flows.services.open import open_incident
from incident_flows.services.quick import REACTIONS, READERS, everyday_facts, open_quickly

router = APIRouter()
Opener = Annotated[Actor, Depends(may("open"))]
Sent = Annotated[Form, Depends(form_of)]
START = ("title", "moments.detected_at", "moments.aware_at")
OF_THE_ORGANISATION = "organisation."
LONGEST = 200_000  # characters of carried answers
SOONEST = 6


class Wizard:
    """What was answered and asked so far.

    Attributes:
        answers: As a facts file would say them; the organisation by its id.
        more: What was answered about the organisation, laid over its profile.
        asked: The questions so far, in order, whatever the answer.
        key: Names the request, so that sending it twice opens one incident.
    """

    def __init__(self, form: Mapping[str, str]) -> None:
        carried = form.get("carried", "")
        if len(carried) > LONGEST:
            raise InputError(texts_of().say("open.too_long"))
        try:
            state = json.loads(carried) if carried else {}
            self.answers: dict[str, Any] = dict(state.get("answers", {}))
            self.more: dict[str, Any] = dict(state.get("more", {}))
            self.asked: list[str] = [str(path) for path in state.get("asked", [])]
            self.key: str = str(state.get("key") or secrets.token_urlsafe(16))[:64]
        except (ValueError, TypeError, AttributeError):
            raise InputError(texts_of().say("open.broken")) from None

    def carried(self) -> str:
        """Return the state as the next form carries it."""
        return json.dumps(
            {"answers": self.answers, "more": self.more, "asked": self.asked, "key": self.key},
            ensure_ascii=False,
        )

    def put(self, path: str, value: Any) -> None:
        """Keep one answer; None is *not known*."""
        if path.startswith(OF_THE_ORGANISATION):
            put(self.more, path.removeprefix(OF_THE_ORGANISATION), value)
        else:
            put(self.answers, path, value)
            group = path.partition(".")[0]
            if self.answers.get(group) == {}:
                del self.answers[group]

    def back(self) -> str | None:
        """Take the last answer away and return its question; None before the first."""
        if not self.asked:
            return None
        last = self.asked.pop()
        self.put(last, None)
        return last

    def whole(self, desk: Desk) -> dict[str, Any]:
        """Return everything as one facts file."""
        id_ = str(self.answers.get("organisation", ""))
        if not self.more:
            return {"format": 1, **self.answers}
        profile = desk.library.profiles.get(id_).model_dump(mode="json", exclude_defaults=True)
        return {"format": 1, **self.answers, "organisation": {**profile, **self.more}}


@router.get("/open")
def start(request: Request, actor: Opener) -> Response:
    """Ask what everything hangs on: whose data, and since when."""
    return _start(request, Wizard({}), Form(()))


def _start(
    request: Request, wizard: Wizard, given: Form, *, refused: str | None = None, status: int = 200
) -> Response:
    desk = desk_of(request)
    return page(
        request,
        "open_start.html",
        status=status,
        carried=wizard.carried(),
        wizard=wizard,
        profiles=profiles_of(desk),
        fields=[_field(desk, path) for path in START],
        stored=wizard.answers,
        tz=view_of(request).tz,
        given=given,
        refused=refused,
    )


def profiles_of(desk: Desk) -> list[tuple[str, str]]:
    """Return the organisations there are, by id and name."""
    found = []
    for id_ in desk.library.profiles.ids():
        try:
            one = desk.library.profiles.get(id_)
        except BreachError:
            continue  # doctor says what is wrong with the file
        found.append((id_, one.trading_name or one.legal_name or id_))
    return found


def _field(desk: Desk, path: str) -> Field:
    field = field_for(path, words_of(desk))
    if field is None:
        raise InputError(texts_of().say("open.broken"))
    return field


@router.post("/open")
def go_on(request: Request, actor: Opener, form: Sent) -> Response:
    """Take one answer and ask what decides most of what is left; or open the incident."""
    desk = desk_of(request)
    wizard = Wizard(form)
    question = form.get("question", "start")
    going = form.get("go", "answer")
    again: Callable[[str, int], Response]
    if question == "start":
        again = lambda refused, status: _start(request, wizard, form, refused=refused, status=status)  # noqa: E731
    else:
        again = lambda refused, status: _ask(  # noqa: E731
            request, Wizard(form), question, given=form, refused=refused, status=status
        )
    try:
        if going == "back":
            last = wizard.back()
            return _start(request, wizard, Form(())) if last is None else _ask(request, wizard, last)
        if going != "open" or question == "start":
            _take(desk, wizard, question, form, unknown=going == "unknown")
        facts = checked_facts(desk, wizard.whole(desk), name=texts_of().say("open.name"))
        if going == "open":
            opened = open_incident(
                desk,
                facts,
                actor=actor,
                now=now_of(request),
                source=SOURCE,
                drill="drill" in form,
                request_key=f"console:{wizard.key}",
            )
            return goes_to(f"/incidents/{opened.ref}", "opened")
        return _ask(request, wizard, None, facts=facts)
    except BreachError as error:
        return again(str(error), status_of(error))


def _take(desk: Desk, wizard: Wizard, question: str, form: Form, *, unknown: bool) -> None:
    if question == "start":
        if form.get("organisation", "") not in desk.library.profiles.ids():
            raise InputError(texts_of().say("open.no_organisation"))
        wizard.answers["organisation"] = form["organisation"]
        paths: tuple[str, ...] = START
    else:
        paths = (question,)
    faults: list[str] = []
    for path in paths:
        try:
            value = (
                None if unknown else _field(desk, path).read(form, zone=zone_of(form), label=label_of(path))
            )
            wizard.put(path, value)
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(faults)
    if question != "start" and question not in wizard.asked:
        wizard.asked.append(question)


def _ask(
    request: Request,
    wizard: Wizard,
    question: str | None,
    *,
    facts: Facts | None = None,
    given: Form | None = None,
    refused: str | None = None,
    status: int = 200,
) -> Response:
    """Return the page of one question; of the most pressing one if none is named."""
    desk = desk_of(request)
    facts = facts or checked_facts(desk, wizard.whole(desk), name=texts_of().say("open.name"))
    found = desk.library.assess(facts, today=now_of(request).date())
    words = words_of(desk)
    left = [
        (one, field)
        for one in found.questions
        if one["fact"] not in wizard.asked and (field := field_for(one["fact"], words)) is not None
    ]
    because: str | None = None
    asking: Field | None = None
    if question is not None:
        because = next((one["because"] for one in found.questions if one["fact"] == question), None)
        asking = _field(desk, question)
    elif left:
        because, asking = left[0][0]["because"], left[0][1]
    return page(
        request,
        "open_question.html",
        status=status,
        carried=wizard.carried(),
        wizard=wizard,
        field=asking,
        because=because,
        meaning=words.get("findings", {}),
        left=len(left),
        outcome=_outcome(found),
        stored={
            "organisation": wizard.more,
            **{k: v for k, v in wizard.answers.items() if k != "organisation"},
        },
        said_so_far=[(path, _said(wizard, path)) for path in wizard.asked],
        tz=view_of(request).tz,
        given=given or Form(()),
        refused=refused,
    )


def _said(wizard: Wizard, path: str) -> Any:
    if path.startswith(OF_THE_ORGANISATION):
        return at(wizard.more, path.removeprefix(OF_THE_ORGANISATION))
    return at(wizard.answers, path)


def _outcome(found: Assessment) -> dict[str, Any]:
    """Return what the answers so far come to."""
    told = [one for one in found.obligations if one.addressee.kind != "record"]
    sure = [one for one in told if one.status != "not-owed" and one.reach.value == "yes"]
    return {
        "risk": found.risk.level,
        "owed": sum(one.status == "owed" for one in sure),
        "undetermined": sum(one.status == "undetermined" for one in sure),
        "perhaps": sum(one.status == "undetermined" and one.reach.value == "unknown" for one in told),
        "soonest": [
            {
                "name": one.addressee.name,
                "at": one.effective_due_at,
                "zone": one.addressee.zone,
                "status": one.status,
            }
            for one in sure[:SOONEST]
        ],
    }


@router.get("/open/quick")
def quick(request: Request, actor: Opener) -> Response:
    """Ask the seven questions of a message that reached one wrong reader."""
    return _quick(request, Form(()))


def _quick(request: Request, given: Form, *, refused: str | None = None, status: int = 200) -> Response:
    desk = desk_of(request)
    return page(
        request,
        "open_quick.html",
        status=status,
        profiles=profiles_of(desk),
        fields=_quick_fields(desk),
        tz=view_of(request).tz,
        given=given,
        refused=refused,
    )


def _quick_fields(desk: Desk) -> list[Field]:
    plain = tuple((word, None) for word in READERS), tuple((word, None) for word in REACTIONS)
    return [
        _field(desk, "role"),
        _field(desk, "moments.aware_at"),
        _field(desk, "data.kinds"),
        Field("quick.reader", "choice", plain[0]),
        Field("quick.reaction", "choice", plain[1]),
        _field(desk, "people.by_place"),
        _field(desk, "people.groups"),
    ]


@router.post("/open/quick")
def quickly(request: Request, actor: Opener, form: Sent) -> Response:
    """Open, decide and close at once; or say why it stays open."""
    desk = desk_of(request)
    try:
        if form.get("organisation", "") not in desk.library.profiles.ids():
            raise InputError(texts_of().say("open.no_organisation"))
        zone = zone_of(form)
        said = {
            field.path: field.read(form, zone=zone, label=label_of(field.path))
            for field in _quick_fields(desk)
        }
        facts = checked_facts(
            desk,
            everyday_facts(
                form["organisation"],
                role=said["role"],
                aware_at=said["moments.aware_at"],
                data_kinds=said["data.kinds"],
                reader=said["quick.reader"],
                reaction=said["quick.reaction"],
                by_place=said["people.by_place"],
                groups=said["people.groups"],
            ),
            name=texts_of().say("open.name"),
        )
        done = open_quickly(desk, facts, actor=actor, now=now_of(request), source=f"{SOURCE}, quick lane")
    except BreachError as error:
        return _quick(request, form, refused=str(error), status=status_of(error))
    if done.closed:
        return RedirectResponse(f"/incidents/{done.ref}/close?done=quick", status_code=303)
    return page(request, "open_quick_done.html", quick=done, actor=actor)
