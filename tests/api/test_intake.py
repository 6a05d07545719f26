"""Signed alerts and events: whose bytes they are is settled before they are read, and twice is once."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.testclient import TestClient

from incident_flows.services.follow import count, events_unused
from incident_flows.services.intake import Intake, signing_key
from incident_flows.services.show import show
from incident_flows.services.watch import status
from notifications.webhook import sign
from tests.api.conftest import Programs

OLD, NEW, OTHER = "an old secret of 24 bytes!", "whsec_" + base64.b64encode(b"n" * 32).decode(), "x" * 32
ALERT = {
    "timestamp": "2026-11-22T08:30:00.123+0100", "id": "1795383000.1234", "agent": {"id": "007", "name": "shop-db"},
    "rule": {"level": 12, "id": "5720", "description": "Many failures by jane@acme.example", "groups": ["sshd"]},
    "full_log": "Failed password for jane from 203.0.113.7",
}  # fmt: skip


@pytest.fixture
def gate(programs_on_each: Programs) -> Programs:
    programs_on_each.desk.intake = (
        Intake("wazuh", "aimigos-studio", (signing_key(OLD), signing_key(NEW))),
        Intake("wazuh", "nero-studio", (signing_key(OTHER),)),
    )
    return programs_on_each


def _signed(body: bytes, secret: str, at: datetime) -> dict[str, str]:
    headers = sign(body, key=signing_key(secret), delivery_id="msg-1", now=at)
    del headers["webhook-key-id"]  # the scheme has none
    return headers


def _post(gate: Programs, body: bytes, headers: dict[str, str], source: str = "wazuh") -> Any:
    return gate.holding(None).post(f"/intake/{source}", content=body, headers=headers)


def test_a_signed_alert_opens_one_incident_however_often_it_comes(gate: Programs) -> None:
    body = json.dumps(ALERT).encode()
    first = _post(gate, body, _signed(body, OLD, gate.house.now))
    assert first.status_code == 200
    [taken] = first.json()
    assert (taken["id"], taken["created"]) == ("INC-2026-0001", True)
    gate.house.advance(minutes=4)
    again = _post(gate, body, _signed(body, NEW, gate.house.now))  # the other secret of a rotation
    assert [(one["id"], one["created"], one["fresh"]) for one in again.json()] == [("INC-2026-0001", False, False)]
    whole = show(gate.desk, "INC-2026-0001")
    assert whole["organisation"] == "aimigos-studio"
    assert whole["opened_by"] == "intake wazuh"
    assert "jane" not in json.dumps(whole)
    # Whose secret signed it says whose systems they are.
    assert show(gate.desk, _post(gate, body + b" ", _signed(body + b" ", OTHER, gate.house.now)).json()[0]["id"])


def test_nothing_unsigned_changed_stale_or_of_another_product_is_believed(gate: Programs) -> None:
    body = json.dumps(ALERT).encode()
    good = _signed(body, OLD, gate.house.now)
    forged = [
        _post(gate, body, {}),
        _post(gate, body.replace(b"5720", b"5721"), good),
        _post(gate, body, _signed(body, "a secret nobody here knows", gate.house.now)),
        _post(gate, body, {**good, "webhook-timestamp": str(int(gate.house.now.timestamp()) + 1)}),
        _post(gate, body, good, "splunk"),
        _post(gate, b"{" * 100, _signed(body, OLD, gate.house.now)),
    ]
    assert {one.status_code for one in forged} == {401}
    assert len({one.content for one in forged}) == 1  # which of them is not said
    gate.house.advance(minutes=6)
    stale = [
        _post(gate, body, good),
        _post(gate, body, {**good, "webhook-signature": "v1,AAAA"}),
        _post(gate, body, good, "splunk"),
    ]
    assert {one.status_code for one in stale} == {401}
    assert "outside the window of 300 seconds" in stale[0].json()["detail"]
    assert len({one.content for one in stale}) == 1  # signature and source are not looked at before
    assert gate.journal() == []


def test_a_genuine_alert_that_cannot_be_used_is_told_why_and_stores_nothing(gate: Programs) -> None:
    for body, says in (
        (b'{"id": 7,\n "rule" 1}', "from line 2, column 9 on"),
        (b"[]", "holds no alert"),
        (b'{"rule": {}}', "has no id"),
    ):
        answer = _post(gate, body, _signed(body, OLD, gate.house.now))
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert says in answer.json()["detail"]
    assert gate.journal() == []


def test_a_long_delivery_is_refused_unread(programs: Programs) -> None:
    for path in ("/intake/wazuh", "/callbacks/sendgrid"):
        long = programs.holding(None).post(path, content=b"x" * 5_000_001)
        assert (long.status_code, long.json()["detail"].count("5,000,00")) == (413, 2)  # what came, what may
        assert programs.holding(None).post(path, content=iter([b"x"])).status_code == 411


def test_a_country_nobody_knows_stops_nothing_and_is_asked(gate: Programs) -> None:
    gate.desk.intake = (Intake("generic", "aimigos-studio", (signing_key(OLD),)),)
    body = json.dumps({
        "id": "a-1", "name": "Leak", "seen_by": "a probe", "facts": {"people": {"by_place": {"ES": 3, "Atlantis": 7}}},
    }).encode()  # fmt: skip
    [taken] = _post(gate, body, _signed(body, OLD, gate.house.now), "generic").json()
    assert taken["created"] is True
    assert "Atlantis" in taken["asks"]["people.by_place"]
    assert taken["kept"] == 5  # id, name, seen_by and both places: what no fact was made of lies in the evidence


def test_a_program_with_a_token_hands_alerts_in_without_a_signature(programs: Programs) -> None:
    program = programs.program("anna", ["open"])
    answer = program.post("/api/v1/alerts/wazuh?organisation=aimigos-studio", json=ALERT)
    assert [one["created"] for one in answer.json()] == [True]
    assert programs.program("anna", ["read"]).post("/api/v1/alerts/wazuh", json=ALERT).status_code == 403


# Events of the provider


@pytest.fixture
def key(programs_on_each: Programs) -> ec.EllipticCurvePrivateKey:
    made = ec.generate_private_key(ec.SECP256R1())
    public = made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    programs_on_each.desk.event_keys = (base64.b64encode(public).decode(),)
    return made


def _event_headers(key: ec.EllipticCurvePrivateKey, body: bytes, at: datetime) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    signature = base64.b64encode(key.sign(stamp.encode() + body, ec.ECDSA(SHA256()))).decode()
    return {
        "x-twilio-email-event-webhook-timestamp": stamp, "x-twilio-email-event-webhook-signature": signature,
    }  # fmt: skip


def _waiting(programs: Programs) -> int:
    with programs.desk.database.read() as tx:
        return tx.fates.waiting()


EVENTS = json.dumps([
    {"email": "ana@people.example", "event": "delivered", "timestamp": 1795334400, "n": "b" * 22, "i": "3"},
]).encode()  # fmt: skip


def test_signed_events_are_put_down_and_forged_ones_get_no_detail(
    programs_on_each: Programs, key: ec.EllipticCurvePrivateKey
) -> None:
    programs, now = programs_on_each, programs_on_each.house.now
    provider: TestClient = programs.holding(None)
    good = _event_headers(key, EVENTS, now)
    assert provider.post("/callbacks/sendgrid", content=EVENTS, headers=good).status_code == 204
    assert _waiting(programs) == 1
    for body, headers in (
        (EVENTS, {}),
        (EVENTS + b" ", good),
        (EVENTS, _event_headers(ec.generate_private_key(ec.SECP256R1()), EVENTS, now)),
        (b"{", good),
    ):
        answer = provider.post("/callbacks/sendgrid", content=body, headers=headers)
        assert (answer.status_code, answer.json()["detail"]) == (403, "nothing was believed")
    broken = b'{"not": "a list"}'
    signed = _event_headers(key, broken, now)
    assert provider.post("/callbacks/sendgrid", content=broken, headers=signed).status_code == 422
    assert _waiting(programs) == 1


def test_events_that_cannot_be_used_are_counted_by_the_day(
    programs_on_each: Programs, key: ec.EllipticCurvePrivateKey
) -> None:
    house, provider = programs_on_each.house, programs_on_each.holding(None)
    strange = [{"event": "telepathy", "n": "a", "i": "0", "timestamp": 1}, 7]
    for event in ({"event": "delivered", "n": "nobody's", "i": "0", "timestamp": 1}, *strange):
        body = json.dumps([event]).encode()
        headers = _event_headers(key, body, house.now)
        assert provider.post("/callbacks/sendgrid", content=body, headers=headers).status_code == 204
    count(house.desk, now=house.now)
    assert events_unused(house.desk, now=house.now) == {"days": 7, "strange": 2, "unknown": 1}
    house.advance(days=8)
    body = json.dumps(strange).encode()
    provider.post("/callbacks/sendgrid", content=body, headers=_event_headers(key, body, house.now))
    assert status(house.desk, now=house.now)["events_unused"] == {"days": 7, "strange": 2, "unknown": 0}


def test_while_no_key_is_set_up_nothing_is_believed(programs: Programs) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    headers = _event_headers(key, EVENTS, programs.house.now)
    assert programs.holding(None).post("/callbacks/sendgrid", content=EVENTS, headers=headers).status_code == 403
    programs.desk.event_keys = ("bm8ga2V5",)  # ours is broken: the provider shall try again
    assert programs.holding(None).post("/callbacks/sendgrid", content=EVENTS, headers=headers).status_code == 503
    assert _waiting(programs) == 0


def test_the_same_alert_several_times_at_once_opens_one_incident(gate: Programs) -> None:
    body = json.dumps(ALERT).encode()
    headers, begin = _signed(body, OLD, gate.house.now), Barrier(6)

    def post(_: int) -> Any:
        begin.wait(30)
        return _post(gate, body, headers)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(post, range(6)))
    assert {one.status_code for one in answers} == {200}
    taken = [one.json()[0] for one in answers]
    assert {one["id"] for one in taken} == {"INC-2026-0001"}
    assert [sum(one[what] for one in taken) for what in ("created", "fresh")] == [1, 1]
    assert [one.act for one in gate.journal()].count("opened") == 1
