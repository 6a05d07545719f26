"""Who may call what. Every route of the console says one of four things; a test walks all of them.

`may(verb)`: a signed-in account with a role for it. `own`: whoever is signed in, about their own account.
`stranger`: open without signing in. Reading pages are `reads`, the same as `may("read")`.
"""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from incident_flows.console.texts import texts_of
from incident_flows.core.lifecycle import MAY, Actor
from incident_flows.errors import PermissionDeniedError
from incident_flows.services.sign_in import Session


class SignInFirstError(PermissionDeniedError):
    """Nobody is signed in, or not all the way."""


class May:
    """Lets only those pass whose role may do a verb, and gives the route who they are."""

    def __init__(self, verb: str) -> None:
        if verb not in MAY:
            raise ValueError(f"{verb}: no verb of core/lifecycle.py")
        self.verb = verb

    def __call__(self, request: Request) -> Actor:
        """Return who is signed in."""
        actor = getattr(request.state, "actor", None)
        if not isinstance(actor, Actor):
            raise SignInFirstError(texts_of().say("error.sign_in"))
        actor.require(self.verb)
        return actor


def may(verb: str) -> May:
    """Return what lets only those pass whose role may do `verb`."""
    return May(verb)


reads = May("read")


def own(request: Request) -> Session:
    """Return the session of whoever is signed in: for what they do to their own account."""
    session = getattr(request.state, "session", None)
    if session is None or session.stage != "full":
        raise SignInFirstError(texts_of().say("error.sign_in"))
    return cast(Session, session)


def half_way(request: Request) -> Session:
    """Return a session that may still lack its second factor; good for nothing but setting that up."""
    session = getattr(request.state, "session", None)
    if session is None or session.stage == "second":
        raise SignInFirstError(texts_of().say("error.sign_in"))
    return cast(Session, session)


def stranger(request: Request) -> None:
    """Let everybody pass: the few doors that stand open without signing in."""


Reader = Annotated[Actor, Depends(reads)]
Owner = Annotated[Session, Depends(own)]
