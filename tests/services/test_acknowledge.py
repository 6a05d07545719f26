"""Acknowledging: from the terminal, by a link that is ours, once; what has not fired cannot be seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incident_flows.core.lifecycle import Actor
from incident_flows.errors import IllegalTransitionError, InputError, NotFoundError, PermissionDeniedError
from incident_flows.services.acknowledge import (
    acknowledge,
    acknowledge_by_link,
    token_for,
    verified,
)
from incident_flows.services.ladder import ladder_of, renew_ladder
from incident_flows.services.watch import tick

AEPD = "eu-gdpr/tell-authority@es-aepd"


@pytest.fixture
def told(house: Any) -> tuple[str, int]:
    """Return an incident and a step of it that fired."""
    ref = house.open("aimigos-studio")
    house.now = datetime(2026, 11, 23, 13, tzinfo=UTC)
    tick(house.desk, now=house.now)
    with house.desk.database.read() as tx:
        rows = tx.steps.list(tx.incidents.get(ref).id)
    return ref, next(row.id for row in rows if row.oid == AEPD and row.name == "t-4h")


def test_all_that_was_told_is_acknowledged_at_once_and_again_does_nothing(house: Any, told: Any) -> None:
    ref, _ = told
    seen = acknowledge(house.desk, ref, None, actor=house.person(), now=house.now)
    assert {one.by for one in seen} == {"anna"}
    assert acknowledge(house.desk, ref, None, actor=house.person("boris"), now=house.now) == []
    with house.desk.database.read() as tx:
        acts = [row for row in tx.journal.entries(ref) if row.act == "acknowledged"]
    assert len(acts) == len(seen)


def test_the_first_acknowledgement_counts(house: Any, told: Any) -> None:
    ref, step = told
    acknowledge(house.desk, ref, str(step), actor=house.person("boris"), now=house.now)
    (again,) = acknowledge(house.desk, ref, str(step), actor=house.person(), now=house.advance(minutes=1))
    assert (again.by, again.again) == ("boris", True)


def test_what_has_not_fired_cannot_be_acknowledged(house: Any, told: Any) -> None:
    ref, _ = told
    with house.desk.database.read() as tx:
        (later, *_) = [row for row in tx.steps.upcoming() if row.name == "t-1h"]
    with pytest.raises(IllegalTransitionError, match="not fired"):
        acknowledge(house.desk, ref, str(later.id), actor=house.person(), now=house.now)
    with pytest.raises(NotFoundError):
        acknowledge(house.desk, ref, "999999", actor=house.person(), now=house.now)
    with pytest.raises(NotFoundError, match="did you mean"):
        acknowledge(house.desk, ref, AEPD[:-1], actor=house.person(), now=house.now)
    with pytest.raises(PermissionDeniedError):
        acknowledge(house.desk, ref, None, actor=Actor("eve", "eve", frozenset({"auditor"})), now=house.now)


def test_a_link_acknowledges_for_the_person_it_was_sent_to_and_only_once(house: Any, told: Any) -> None:
    ref, step = told
    token = token_for(house.desk, ref, step, by="boris", expires_at=house.now + timedelta(hours=1))
    link = verified(house.desk, token, now=house.now)
    assert (link.incident, link.step, link.by, link.used) == (ref, step, "boris", None)
    assert acknowledge_by_link(house.desk, token, now=house.now).by == "boris"
    again = acknowledge_by_link(house.desk, token, now=house.now)
    assert again.again
    assert verified(house.desk, token, now=house.now).used == "boris"
    with house.desk.database.read() as tx:
        assert [row.payload["via"] for row in tx.journal.entries(ref) if row.act == "acknowledged"] == [
            "link"
        ]


@pytest.mark.parametrize("part", [0, 1, 2, 3, 4])
def test_a_link_changed_anywhere_is_refused(house: Any, told: Any, part: int) -> None:
    ref, step = told
    house.open("aimigos-studio")
    words = token_for(house.desk, ref, step, by="boris", expires_at=house.now + timedelta(hours=1)).split(".")
    words[part] = ["INC-2026-0002", str(step + 1), "9999999999", "anna", "0" * 64][part]
    with pytest.raises(InputError, match="not made here"):
        verified(house.desk, ".".join(words), now=house.now)


@pytest.mark.parametrize("token", ["", "x", "INC-2026-9999.1.9999999999.anna." + "0" * 64, "a.b.c.d.e"])
def test_what_is_no_link_is_refused_in_the_same_words(house: Any, token: str) -> None:
    with pytest.raises(InputError, match="not made here"):
        acknowledge_by_link(house.desk, token, now=house.now)


def test_a_link_expires(house: Any, told: Any) -> None:
    ref, step = told
    token = token_for(house.desk, ref, step, by="boris", expires_at=house.now + timedelta(hours=1))
    with pytest.raises(PermissionDeniedError, match="expired"):
        verified(house.desk, token, now=house.advance(hours=1))


def test_an_incident_keeps_its_ladder_until_somebody_renews_it(house: Any) -> None:
    ref = house.open("aimigos-studio")
    ladders = dict(house.desk.ladders)
    default = ladders["default"]
    house.desk.__dict__["ladders"] = {
        **ladders, "default": default.model_copy(update={"rungs": default.rungs[:1] + default.rungs[-1:]})
    }  # fmt: skip

    def pending() -> list[str]:
        with house.desk.database.read() as tx:
            rows = tx.steps.list(tx.incidents.get(ref).id)
        return [row.name for row in rows if row.oid == AEPD and row.state == "pending"]

    tick(house.desk, now=house.now)
    assert "t-4h" in pending()
    assert ladder_of(house.desk, ref)["same_as_policy"] is False
    done = renew_ladder(
        house.desk, ref, because="a calmer ladder was agreed", actor=house.person(), now=house.now
    )
    assert done["changed"]
    assert pending() == ["half", "due"]
    assert ladder_of(house.desk, ref)["same_as_policy"] is True
    with pytest.raises(InputError, match="because"):
        renew_ladder(house.desk, ref, because=" ", actor=house.person(), now=house.now)
