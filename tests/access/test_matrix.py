"""Which role may do what, cell by cell; and that every route of the console asks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from httpx import Response

from incident_flows.console.signed import May, half_way, own, stranger
from incident_flows.core.lifecycle import MAY, ROLES, Actor, in_words
from incident_flows.errors import PermissionDeniedError
from incident_flows.services.tokens import SCOPES
from tests.access.conftest import House, token_of

# What each role may do: handwritten, so that a slip in the code shows here.
TABLE = """
              reporter handler approver counsel auditor admin
read             -        x       x        x       x      -
triage           -        x       -        -       -      -
open             x        x       -        -       -      -
update           -        x       -        -       -      -
decide           -        x       x        x       -      -
draft            -        x       -        x       -      -
approve          -        -       x        x       -      -
notify           -        x       x        -       -      -
recipients       -        x       -        -       -      -
acknowledge      -        x       x        x       -      -
close            -        x       x        -       -      -
dossier          -        x       x        x       x      -
accounts         -        -       -        -       -      x
"""
# These take a body and write nothing: facts to be answered on, a record to be checked.
ONLY_ANSWER = {"/api/v1/assess", "/api/v1/verify"}
# Doors that write and stand open without signing in; each proves something else, or is counted.
OPEN = {
    "/sign-in", "/sign-in/code", "/set-up/{word}",  # how one gets in
    "/a/{token}",  # a signed link
    "/report",  # the reporter form
    "/intake/{source}", "/callbacks/sendgrid",  # a signature over the bytes
}  # fmt: skip


def _cells() -> Iterator[tuple[str, str, bool]]:
    head, *lines = [line.split() for line in TABLE.strip().splitlines()]
    for verb, *marks in lines:
        for role, mark in zip(head, marks, strict=True):
            yield verb, role, mark == "x"


CELLS = list(_cells())


def test_the_table_names_every_verb_and_every_role() -> None:
    assert {verb for verb, _, _ in CELLS} == set(MAY)
    assert {role for _, role, _ in CELLS} == set(ROLES)
    assert len(CELLS) == len(MAY) * len(ROLES)


@pytest.mark.parametrize(("verb", "role", "allowed"), CELLS)
def test_a_role_may_what_the_table_says(verb: str, role: str, allowed: bool) -> None:
    actor = Actor("anna", "anna", frozenset({role}))
    if allowed:
        actor.require(verb)
    else:
        with pytest.raises(PermissionDeniedError, match=f"may not {in_words(verb)}"):
            actor.require(verb)


def _asks(dependant: Dependant) -> Iterator[object]:
    for one in dependant.dependencies:
        yield one.call
        yield from _asks(one)


def _routes(house: House) -> list[tuple[RouteContext, object]]:
    found = []
    for route in iter_route_contexts(house.app.routes):
        if route.path != "/static":
            asked = [
                one
                for one in _asks(route.dependant)
                if isinstance(one, May) or one in (own, half_way, stranger)
            ]
            asked = [one for one in asked if one is not stranger] or asked
            assert len(set(asked)) == 1, f"{route.path} says not, or twice, who may call it"
            found.append((route, asked[0]))
    return found


def _writes(route: RouteContext) -> bool:
    return bool(route.methods - {"GET", "HEAD", "OPTIONS"})


def test_every_route_says_who_may_call_it_and_no_other_writes_without_signing_in(house: House) -> None:
    routes = _routes(house)
    assert len(routes) > 90
    assert {route.path for route, asked in routes if asked is stranger and _writes(route)} == OPEN
    reading = {
        route.path
        for route, asked in routes
        if isinstance(asked, May) and asked.verb == "read" and _writes(route)
    }
    assert reading == ONLY_ANSWER  # being allowed to read writes nothing


def _path(route: RouteContext) -> str:
    return re.sub(r"\{[^}]*\}", "nothing", route.path.replace("{ref}", "INC-2026-0001"))


@pytest.mark.parametrize("role", [None, *ROLES])
def test_every_route_lets_in_exactly_the_roles_of_its_verb(house: House, role: str | None) -> None:
    if role is not None:
        house.account("somebody", role)
    browser = house.browser(None if role is None else "somebody")
    secret = browser.get("/sign-in").text.split('name="csrf" value="')[1][:64]
    wrong = []
    for route, asked in _routes(house):
        if not isinstance(asked, May) or route.path.startswith("/api/"):
            continue
        write = _writes(route)
        answer = browser.post(_path(route), data={"csrf": secret}) if write else browser.get(_path(route))
        denied = answer.status_code == 403 and f"may not {in_words(asked.verb)}" in answer.text
        if role is None:
            right = (
                answer.status_code == 401
                if write
                else answer.headers.get("location", "").startswith("/sign-in")
            )
        else:
            right = denied != (role in MAY[asked.verb]) and answer.status_code < 500
        if not right:
            wrong.append((sorted(route.methods), route.path, asked.verb, answer.status_code))
    assert wrong == []
    assert set(house.acts()) <= {"signed-in"}  # and nothing came of it


def _calls(house: House, word: str | None) -> Iterator[tuple[RouteContext, May, Response]]:
    """Call every route of the API as a program would, with what no route can use."""
    browser = house.browser()
    headers = {} if word is None else {"authorization": f"Bearer {word}"}
    for route, asked in _routes(house):
        if isinstance(asked, May) and route.path.startswith("/api/"):
            method = next(iter(route.methods - {"HEAD"}))
            body = {} if method == "GET" else {"json": {}}
            yield route, asked, browser.request(method, _path(route), headers=headers, **body)


def test_no_route_of_the_api_answers_without_a_token_or_to_a_session(house: House) -> None:
    house.account("somebody")
    signed_in = house.browser("somebody")
    for route, _, answer in _calls(house, None):
        assert answer.status_code == 401, route.path
        assert answer.headers["content-type"] == "application/problem+json"
    assert signed_in.get("/api/v1/incidents").status_code == 401


@pytest.mark.parametrize("role", ROLES)
def test_every_route_of_the_api_lets_in_exactly_the_roles_of_its_verb(house: House, role: str) -> None:
    word = token_of(house, house.account("somebody", role), scopes=SCOPES)
    wrong = [
        (route.path, asked.verb, answer.status_code)
        for route, asked, answer in _calls(house, word)
        if (answer.status_code == 403 and f"may not {in_words(asked.verb)}" in answer.text) == (role in MAY[asked.verb])
        or answer.status_code >= 500
    ]
    assert wrong == []
    assert house.acts() == []


@pytest.mark.parametrize("scope", SCOPES)
def test_every_route_of_the_api_lets_in_exactly_the_scope_of_its_verb(house: House, scope: str) -> None:
    word = token_of(house, house.account("somebody"), scopes=[scope])
    wrong = [
        (route.path, asked.verb, answer.status_code)
        for route, asked, answer in _calls(house, word)
        if (answer.status_code == 403 and f"may not {in_words(asked.verb)}" in answer.text) == (scope == asked.verb)
        or answer.status_code >= 500
    ]
    assert wrong == []
