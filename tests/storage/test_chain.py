"""The seal can be checked by anybody, without a database."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest

from incident_flows.errors import TamperedError
from incident_flows.storage.chain import (
    GENESIS,
    NOTHING_YET,
    Head,
    canonical,
    seal_of,
    sealed,
    stamp,
    verify_chain,
    verify_incident_chain,
)

Entry = dict[str, Any]


def entry(seq: int, ref: str | None, prev: str, incident_prev: str) -> Entry:
    unsealed = {
        "seq": seq,
        "at": "2026-11-20T12:00:00.000000Z",
        "actor": "ana",
        "act": "open",
        "incident_ref": ref,
        "subject": "x",
        "lawbook_sha256": None,
        "payload": {"é": 1.5},
        "prev_hash": prev,
        "incident_prev": incident_prev,
    }
    return {**unsealed, "hash": seal_of(unsealed)}


@pytest.fixture
def chain() -> list[Entry]:
    """Return entries on A, B, A, none, A."""
    one = entry(1, "A", GENESIS, GENESIS)
    two = entry(2, "B", one["hash"], GENESIS)
    three = entry(3, "A", two["hash"], one["hash"])
    four = entry(4, None, three["hash"], GENESIS)
    return [one, two, three, four, entry(5, "A", four["hash"], three["hash"])]


def test_the_seal_is_the_hash_of_the_canonical_form() -> None:
    # sha256 of the line below, computed with sha256sum
    line = (
        '{"act":"open","actor":"ana","at":"2026-11-20T12:00:00.000000Z","incident_prev":"' + "0" * 64 + '",'
        '"incident_ref":"A","lawbook_sha256":null,"payload":{"é":1.5},"prev_hash":"' + "0" * 64 + '",'
        '"seq":1,"subject":"x"}'
    )
    assert seal_of(json.loads(line)) == "5bd50cf11886c39c64ca431f593a99b9c3c9952f86b821f83a0d4c6bffcb316e"
    assert entry(1, "A", GENESIS, GENESIS)["hash"] == seal_of(json.loads(line))


def test_sealing_what_is_written_already_gives_the_same_seal(chain: list[Entry]) -> None:
    chain[3]["payload"] = {"a\"}": ["\u2028", {"b": None}], "10": 1e22, "2": -0.0}
    for one in chain:
        one["hash"] = seal_of(one)
        before = {key: one[key] for key in sorted(one) if key < "payload" and key != "hash"}
        after = {key: one[key] for key in one if key > "payload"}
        seal, whole = sealed(before, canonical(one["payload"]).decode(), after)
        assert (seal, json.loads(whole)) == (one["hash"], one)


def test_an_untouched_chain_is_counted(chain: list[Entry]) -> None:
    assert verify_chain(chain) == 5
    assert verify_chain(iter(chain), head=Head(5, chain[-1]["hash"])) == 5
    assert verify_chain([]) == verify_chain([], head=NOTHING_YET) == 0
    mine = [chain[0], chain[2], chain[4]]
    assert verify_incident_chain(mine) == verify_incident_chain(mine, head=Head(5, chain[4]["hash"])) == 3
    assert verify_incident_chain([]) == 0


def test_a_chain_survives_being_written_as_json(chain: list[Entry]) -> None:
    assert verify_chain(json.loads(json.dumps(chain, indent=2))) == 5


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ([0, 1, 3, 4], "Entry 3 is missing"),
        ([1, 2, 3, 4], "Entry 1 is missing"),
        ([0, 2, 1, 3, 4], "Entry 2 is missing"),
        ([0, 0, 1, 2, 3, 4], "Entry 2 is out of place"),
        ([0, 1, 2, 3], "Entry 5 is missing"),
        ([], "Entry 1 is missing"),
    ],
)
def test_what_is_missing_or_moved_is_named(chain: list[Entry], order: list[int], says: str) -> None:
    with pytest.raises(TamperedError, match=says):
        verify_chain([chain[number] for number in order], head=Head(5, chain[-1]["hash"]))


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ([0, 4], "Entry 5 does not follow entry 1"),
        ([2, 4], "Entry 3 does not follow entry 0"),
        ([0, 4, 2], "Entry 5 does not follow entry 1"),
        ([0, 0], "Entry 1 is out of place"),
        ([0, 1, 2, 4], "Entry 2 is about another incident"),
        ([0, 2], "Entry 4 is missing"),
    ],
)
def test_in_one_incident_too(chain: list[Entry], order: list[int], says: str) -> None:
    with pytest.raises(TamperedError, match=says):
        verify_incident_chain([chain[number] for number in order], head=Head(5, chain[4]["hash"]))


@pytest.mark.parametrize("field", ["seq", "at", "actor", "payload", "prev_hash", "incident_prev", "hash"])
def test_an_entry_without_a_field_or_with_one_more_is_refused(chain: list[Entry], field: str) -> None:
    without = {name: value for name, value in chain[1].items() if name != field}
    for odd in (without, {**chain[1], "note": "not sealed"}):
        for verify in (verify_chain, verify_incident_chain):
            with pytest.raises(TamperedError, match="does not have the fields"):
                verify([chain[0], odd])


@pytest.mark.parametrize(
    "change", [{"seq": True}, {"seq": "2"}, {"payload": {1, 2}}, {"payload": float("nan")}, {"act": "\ud800"}]
)
def test_an_entry_no_json_could_hold_is_refused(chain: list[Entry], change: Entry) -> None:
    with pytest.raises(TamperedError):
        verify_chain([chain[0], {**chain[1], **change}])


def test_an_incident_chain_that_skips_one_is_found_in_the_whole(chain: list[Entry]) -> None:
    forged = entry(5, "A", chain[3]["hash"], chain[0]["hash"])
    with pytest.raises(TamperedError, match="Entry 5 does not follow entry 3, the one before it on A"):
        verify_chain([*chain[:4], forged])


def test_an_instant_without_zone_has_no_stamp() -> None:
    with pytest.raises(ValueError, match="no offset"):
        stamp(datetime(2026, 11, 20))  # noqa: DTZ001


def test_checking_needs_no_database_library() -> None:
    script = (
        "import sys, incident_flows.storage.chain;"
        "print([name for name in ('sqlalchemy', 'sqlmodel', 'pydantic', 'prefect') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
