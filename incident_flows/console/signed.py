"""Who reads and who may act. Nobody, unless the sign-in has said who it is."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request

from incident_flows.console.texts import texts_of
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import PermissionDeniedError


def reads(request: Request) -> Actor:
    """Return who is signed in."""
    actor: Actor | None = request.app.state.who(request)
    if actor is None:
        raise PermissionDeniedError(texts_of().say("error.sign_in"))
    request.state.actor = actor
    return actor


def may(verb: str) -> Callable[[Request], Actor]:
    """Return what lets only those pass whose role may do `verb`."""

    def passes(request: Request) -> Actor:
        actor = reads(request)
        actor.require(verb)
        return actor

    return passes
