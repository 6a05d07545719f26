"""One's own account: set up by a link, a second factor, sessions, the calendar's address."""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import Response
from markupsafe import Markup

from incident_flows.console.gate import session_cookie
from incident_flows.console.page import desk_of, goes_to, now_of, page, status_of
from incident_flows.console.signed import Owner, half_way, stranger
from incident_flows.console.signing_in import Said, device_of, let_in
from incident_flows.errors import InputError, PermissionDeniedError
from incident_flows.services.secrets_kept import LONGEST, SHORTEST, seed_address
from incident_flows.services.set_up import (
    calendar_link,
    choose_password,
    has_calendar,
    offered_seed,
    revoke_calendar,
    set_second,
    whose_link,
)
from incident_flows.services.sign_in import Session, Stage, open_session, own_sessions, sign_out
from incident_flows.services.sign_in import sign_out_everywhere as everywhere
from incident_flows.storage.database import Tx

router = APIRouter()
HalfWay = Annotated[Session, Depends(half_way)]
Word = Annotated[str, Path(max_length=100)]


@router.get("/set-up/{word}", dependencies=[Depends(stranger)])
def ask_password(request: Request, word: Word) -> Response:
    """Ask the owner of an account for a password."""
    return _ask_password(request, word)


def _ask_password(request: Request, word: str, refused: str | None = None, status: int = 200) -> Response:
    name = whose_link(desk_of(request), word, now=now_of(request))
    return page(
        request,
        "set_up.html",
        word=word,
        account=name,
        least=SHORTEST,
        most=LONGEST,
        refused=refused,
        status=status,
    )


@router.post("/set-up/{word}", dependencies=[Depends(stranger)])
def take_password(request: Request, word: Word, password: Said, again: Said) -> Response:
    """Take the password and go on to the second factor."""
    desk, now = desk_of(request), now_of(request)
    try:
        if password != again:
            raise InputError("the two passwords differ; type the same twice")
        account = choose_password(desk, word, password, now=now)
    except InputError as error:
        return _ask_password(request, word, str(error), 422)
    with desk.database.read() as tx:
        needs = _needs_second(request, tx, account)
    stage: Stage = "enrol" if needs else "full"
    cookie = open_session(desk, account, stage=stage, how="set-up link", device=device_of(request), now=now)
    return let_in(request, cookie, stage, "/second")


def _needs_second(request: Request, tx: Tx, account: int) -> bool:
    return bool(set(tx.access.account(account).roles) & set(request.app.state.settings.second_factor))


@router.get("/second")
def ask_second(request: Request, session: HalfWay) -> Response:
    """Show the key of a second factor, as a picture and as text."""
    return _ask_second(request, session)


def _ask_second(
    request: Request, session: Session, refused: str | None = None, status: int = 200
) -> Response:
    seed = offered_seed(desk_of(request), session)
    picture = segno.make(seed_address(seed, session.actor.name), micro=False).svg_inline(
        scale=4, border=4, dark="#000", light="#fff", svgclass=None, lineclass=None
    )
    return page(
        request,
        "second.html",
        picture=Markup(picture),
        seed=seed,
        session=session,
        refused=refused,
        status=status,
    )


@router.post("/second")
def take_second(request: Request, session: HalfWay, code: Said) -> Response:
    """Take the second factor; show the recovery codes, this once."""
    desk, now = desk_of(request), now_of(request)
    try:
        codes = set_second(desk, session, code, now=now)
    except (InputError, PermissionDeniedError) as error:
        return _ask_second(request, session, str(error), status_of(error))
    answer = page(request, "recovery.html", codes=codes)
    if session.stage != "full":  # a session that could do less ends here; a new one begins
        sign_out(desk, session, now=now)
        word = open_session(
            desk,
            session.account_id,
            stage="full",
            how="new second factor",
            device=device_of(request),
            now=now,
        )
        let_in_already = let_in(request, word, "full", "/")
        answer.headers.append("set-cookie", let_in_already.headers["set-cookie"])
    return answer


@router.get("/you")
def you(request: Request, session: Owner) -> Response:
    """Show one's own account."""
    return _you(request, session)


def _you(request: Request, session: Session, calendar: str | None = None) -> Response:
    desk = desk_of(request)
    with desk.database.read() as tx:
        has = tx.access.credential(session.account_id)
    return page(
        request,
        "you.html",
        sessions=own_sessions(desk, session, now=now_of(request)),
        roles=sorted(session.actor.roles),
        second=has is not None and has.second is not None,
        calendar=calendar,
        has_calendar=has_calendar(desk, session),
    )


@router.post("/you/sessions")
def end_session(request: Request, session: Owner, which: Annotated[int, Form()]) -> Response:
    """End one of one's own sessions."""
    sign_out(desk_of(request), session, now=now_of(request), which=which)
    return goes_to("/you", "session_ended")


@router.post("/sign-out-everywhere")
def leave_everywhere(request: Request, session: Owner) -> Response:
    """End all of one's own sessions, this one too."""
    everywhere(desk_of(request), session.account_id, actor=session.actor, now=now_of(request))
    answer = goes_to("/sign-in", "left")
    answer.delete_cookie(session_cookie(request.app.state.settings), path="/")
    return answer


@router.post("/you/calendar")
def new_calendar(request: Request, session: Owner) -> Response:
    """Make the secret address of one's calendar, and show it this once."""
    session.actor.require("read")
    link = calendar_link(desk_of(request), session, now=now_of(request))
    base = request.app.state.settings.console_url or str(request.base_url).rstrip("/")
    return _you(request, session, f"{base}/calendar/{link.word}.ics")


@router.post("/you/calendar/revoke")
def no_calendar(request: Request, session: Owner) -> Response:
    """Take the secret address of one's calendar away."""
    revoke_calendar(desk_of(request), session, now=now_of(request))
    return goes_to("/you", "calendar_revoked")
