"""Tokens of one's own account: what programs show to act as it, made and revoked here, shown once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from incident_flows.console.fields import Form
from incident_flows.console.page import desk_of, form_of, goes_to, now_of, page, tried
from incident_flows.console.signed import Owner
from incident_flows.console.texts import texts_of
from incident_flows.core.lifecycle import MAY
from incident_flows.errors import InputError
from incident_flows.services.sign_in import Session
from incident_flows.services.tokens import LASTS, SCOPES, add_token, list_tokens, revoke_token

router = APIRouter(prefix="/you/tokens")


@router.get("")
def tokens(request: Request, session: Owner) -> Response:
    """List one's own tokens; the secret of none."""
    return _tokens(request, session)


def _tokens(
    request: Request, session: Session, *, made: str | None = None, refused: str | None = None,
    status: int = 200, given: Form | None = None,
) -> Response:  # fmt: skip
    now = now_of(request)
    return page(
        request,
        "tokens.html",
        tokens=list_tokens(desk_of(request), actor=session.actor, now=now),
        scopes=[one for one in SCOPES if session.actor.roles & MAY[one]],
        until=(now + LASTS).date().isoformat(),
        made=made,
        refused=refused,
        status=status,
        given=given or Form(()),
    )


@router.post("")
def make(request: Request, session: Owner, form: Annotated[Form, Depends(form_of)]) -> Response:
    """Make a token, and show it this once."""

    def act() -> Response:
        try:
            last = date.fromisoformat(form.get("expires", ""))
        except ValueError:
            raise InputError(texts_of().say("tokens.no_day")) from None
        _, word = add_token(
            desk_of(request), form.get("name", ""), scopes=form.all("scope"),
            expires_at=datetime.combine(last, time(23, 59, 59), UTC), actor=session.actor, now=now_of(request),
        )  # fmt: skip
        return _tokens(request, session, made=word)

    return tried(act, lambda refused, status: _tokens(request, session, refused=refused, status=status, given=form))


@router.post("/{ref}/revoke")
def revoke(request: Request, ref: str, session: Owner) -> Response:
    """Let a token work no more."""
    revoke_token(desk_of(request), ref, actor=session.actor, now=now_of(request))
    return goes_to("/you/tokens", "token_revoked")
