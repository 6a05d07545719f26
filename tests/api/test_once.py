"""A request that names itself is done once, on both databases: repeated, changed, at the same time, broken off."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text

from incident_flows.errors import IllegalTransitionError
from incident_flows.services.once import Claimed, claim
from incident_flows.services.watch import tick
from tests.api.conftest import FACTS, V1, Programs

KEY = {"Idempotency-Key": "5f8a"}
AT = f"{V1}/incidents"


def _opened(programs: Programs) -> int:
    return [one.act for one in programs.journal()].count("opened")


def test_the_same_request_gets_the_same_answer_and_another_under_its_key_none(programs_on_each: Programs) -> None:
    programs = programs_on_each
    program = programs.program()
    first = program.post(AT, json=FACTS, headers=KEY)
    again = program.post(AT, json=FACTS, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    other = program.post(AT, json={**FACTS, "title": "Another"}, headers=KEY)
    assert (other.status_code, other.headers["content-type"]) == (409, "application/problem+json")
    assert program.post(f"{V1}/assess", json=FACTS, headers=KEY).status_code == 409  # another route is another request
    assert _opened(programs) == 1
    # A key is its token's own, and no way around a role that was taken away.
    assert programs.program("boris").post(AT, json=FACTS, headers=KEY).status_code == 201
    assert _opened(programs) == 2
    with programs.desk.database.write() as tx:
        tx.accounts.set_roles("anna", ["auditor"])
    assert program.post(AT, json=FACTS, headers=KEY).status_code == 403


def test_what_was_refused_did_nothing_and_leaves_its_key_free(programs: Programs) -> None:
    program = programs.program()
    assert program.post(AT, json={**FACTS, "organisation": "nobody"}, headers=KEY).status_code == 422
    assert program.post(AT, json=FACTS, headers=KEY).status_code == 201


def test_a_key_outlives_its_answer_where_an_incident_is_opened(programs: Programs) -> None:
    program = programs.program()
    program.post(AT, json=FACTS, headers=KEY)
    programs.house.advance(hours=25)
    late = program.post(AT, json=FACTS, headers=KEY)
    assert (late.status_code, late.json()) == (200, {"id": "INC-2026-0001", "created": False})


def test_ten_at_the_same_time_do_it_once(programs_on_each: Programs) -> None:
    programs = programs_on_each
    ref = programs.house.open("aimigos-studio")
    at, body = f"{AT}/{ref}/decisions", {"subject": "risk", "answer": "high-risk", "because": "bank data"}
    program, begin = programs.program(), Barrier(10)

    def call(_: int) -> Any:
        begin.wait(30)
        return program.post(at, json=body, headers=KEY)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(call, range(10)))
    assert {one.status_code for one in answers} <= {200, 409}
    assert any(one.status_code == 200 for one in answers)
    assert len({one.content for one in answers if one.status_code == 200}) == 1
    assert [one.act for one in programs.journal(ref)].count("decided") == 1
    assert program.post(at, json=body, headers=KEY).headers["idempotency-replayed"] == "true"


def test_a_claim_whose_holder_died_lapses_and_may_be_taken_over_by_the_same_request_only(
    programs_on_each: Programs,
) -> None:
    desk, house = programs_on_each.desk, programs_on_each.house
    assert isinstance(claim(desk, 1, "k", "request", now=house.now), Claimed)
    for minutes in (0, 4):
        house.advance(minutes=minutes)
        with pytest.raises(IllegalTransitionError, match="Idempotency-Key"):
            claim(desk, 1, "k", "request", now=house.now)
    house.advance(minutes=2)
    with pytest.raises(IllegalTransitionError, match="another request"):
        claim(desk, 1, "k", "another", now=house.now)
    assert isinstance(claim(desk, 1, "k", "request", now=house.now), Claimed)


def test_a_list_is_named_by_its_bytes(programs: Programs) -> None:
    ref = programs.house.open("aimigos-studio")
    program, at = programs.program(), f"{AT}/{ref}/recipients/import"
    rows = "email\nana@people.example\n"
    named = {**KEY, "content-type": "text/csv"}
    first = program.post(at, content=rows, headers=named)
    assert program.post(at, content=rows, headers=named).json() == first.json()  # not: one duplicate
    assert program.post(at, content=rows + "ben@people.example\n", headers=named).status_code == 409
    other = {**named, "content-type": "text/csv; charset=utf-16"}
    assert program.post(at, content=rows, headers=other).status_code == 409  # the same bytes, read otherwise


def _kept(programs: Programs) -> int:
    with programs.desk.database._engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM named_request")).scalar_one())


def test_a_tick_forgets_answers_after_a_day(programs_on_each: Programs) -> None:
    programs = programs_on_each
    assert programs.program("anna").post(f"{V1}/assess", json=FACTS, headers=KEY).status_code == 200
    for hours, left in ((23, 1), (2, 0)):
        tick(programs.desk, now=programs.house.advance(hours=hours))
        assert _kept(programs) == left
