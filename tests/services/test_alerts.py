"""Alerts of monitoring systems: each product's own shape, the same alert twice, what is asked, what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from incident_flows.core.alerts import harmless
from incident_flows.errors import InputError, NotFoundError
from incident_flows.knowledge.alerts import check_mappings, source_ids
from incident_flows.services.alerts import TakenIn, take_in
from incident_flows.services.show import show
from incident_flows.services.update import change_facts

ROOT = Path(__file__).parents[2] / "playbooks"

ALERTS: dict[str, Any] = {
    "microsoft-sentinel": {
        "objectSchemaType": "Incident", "objectEventType": "Create",
        "object": {
            "id": "/subscriptions/0/providers/Microsoft.SecurityInsights/Incidents/7a1f",
            "properties": {
                "title": "Mass download by jane.doe@acme.example", "severity": "High", "status": "New",
                "firstActivityTimeUtc": "2026-11-22T21:14:03.2210000Z", "createdTimeUtc": "2026-11-22T21:30:11Z",
                "additionalData": {"tactics": ["Exfiltration"]},
            },
        },
    },
    "splunk": {
        "sid": "scheduler__admin__search__RMD5_at_1795383000_1", "search_name": "Outgoing volume", "owner": "admin",
        "result": {"_time": "1795383000", "src_user": "jane", "bytes": "3221225472"},
    },
    "elastic-security": {
        "hits": {"hits": [{"_source": {
            "@timestamp": "2026-11-22T21:30:00.000Z", "kibana.alert.uuid": "f00d", "kibana.alert.severity": "high",
            "kibana.alert.rule.name": "Unusual data egress", "kibana.alert.original_time": "2026-11-22T21:14:00.000Z",
            "user": {"name": "jane"},
        }}]},
    },
    "wazuh": {
        "timestamp": "2026-11-22T22:30:00.123+0100", "id": "1795383000.1234", "location": "/var/log/auth.log",
        "rule": {"level": 12, "id": "5720", "description": "Multiple authentication failures", "groups": ["sshd"]},
        "agent": {"id": "007", "name": "shop-db"}, "full_log": "Failed password for jane from 203.0.113.7",
    },
    "thehive": {
        "operation": "Create", "objectType": "Case", "objectId": "~4120",
        "object": {
            "_id": "~4120", "title": "Leaked bucket", "severity": 3, "startDate": 1795378440000,
            "_createdAt": 1795383000000, "tags": ["s3"],
        },
    },
    "crowdstrike": {
        "metadata": {"eventType": "DetectionSummaryEvent", "eventCreationTime": 1795383000000, "offset": 1},
        "event": {
            "DetectId": "ldt:abc:1", "DetectName": "Ransomware", "ProcessStartTime": 1795378440,
            "ComputerName": "SHOP-DB", "UserName": "ACME\\jane", "SeverityName": "Critical",
        },
    },
    "veris": {
        "schema_version": "1.3.7", "incident_id": "0BAD-CAFE", "summary": "Accounts of users were opened",
        "timeline": {"incident": {"year": 2026, "month": 11}}, "actor": {"external": {"variety": ["Unaffiliated"]}},
        "action": {"hacking": {"variety": ["Use of stolen creds"]}},
        "attribute": {"confidentiality": {"data": [{"variety": "Credentials", "amount": 5200}], "data_total": 5200}},
    },
    "generic": {
        "id": "own-1", "name": "Honeytoken touched",
        "facts": {
            "moments": {"detected_at": "2026-11-22T21:30:00Z"},
            "people": {"total": 12, "by_place": {"Spain": 10, "gb": 2}},
            "colour": "red",
        },
    },
}  # fmt: skip
DETECTED = "2026-11-22T21:30:00"


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _take(house: Any, source: str, alert: Any, organisation: str = "nero-ag") -> list[TakenIn]:
    body = alert if isinstance(alert, bytes) else json.dumps(alert).encode()
    return take_in(house.desk, source, body, organisation=organisation, actor=house.person(), now=house.now)


def test_every_mapping_holds_together_and_is_tried_here() -> None:
    assert check_mappings(ROOT) == []
    assert set(source_ids(ROOT)) == set(ALERTS)


@on_sqlite
@pytest.mark.parametrize("source", sorted(ALERTS))
def test_an_alert_opens_one_incident_however_often_it_arrives(house: Any, source: str) -> None:
    (first,) = _take(house, source, ALERTS[source])
    (again,) = _take(house, source, ALERTS[source])
    assert (first.created, first.fresh) == (True, True)
    assert (again.ref, again.created, again.fresh) == (first.ref, False, False)
    whole = show(house.desk, first.ref)
    assert len(whole["evidence"]) == 1
    moments = whole["facts"].get("moments", {})
    if source == "veris":
        assert moments == {}
        assert whole["facts"]["breach"] == {"kinds": ["confidentiality"], "cause": "malicious-outsider"}
        assert whole["facts"]["data"] == {"kinds": ["credentials"], "records": 5200}
    elif source == "wazuh":
        assert moments["detected_at"].startswith("2026-11-22T22:30:00+01:00")
    else:
        assert moments["detected_at"].startswith(DETECTED[:13]), moments
    assert "aware_at" not in moments
    assert whole["assessment"]["questions"]


def test_no_person_of_an_alert_is_readable_anywhere(house: Any, sqlite_url: str) -> None:
    for source, alert in ALERTS.items():
        for taken in _take(house, source, alert):
            said = json.dumps(show(house.desk, taken.ref))
            assert "jane" not in said, source
            assert "203.0.113.7" not in said
    with house.desk.database.read() as tx:
        rows = tx.evidence.list(tx.incidents.get("INC-2026-0001").id)
        incident = tx.incidents.get("INC-2026-0001")
        kept = house.desk.vault.open_(
            incident.wrapped_key, "INC-2026-0001", f"evidence:{rows[0].key}", rows[0].sealed
        )
    assert json.loads(kept) == ALERTS["microsoft-sentinel"]


def test_a_later_state_of_the_alert_fills_gaps_and_overrules_nobody(house: Any) -> None:
    (first,) = _take(house, "generic", ALERTS["generic"])
    change_facts(
        house.desk, first.ref, {"people": {"total": 40}}, actor=house.person(), now=house.now, source="phone"
    )
    later = json.loads(json.dumps(ALERTS["generic"]))
    later["facts"]["people"]["total"] = 13
    later["facts"]["breach"] = {"medium": "electronic"}
    (second,) = _take(house, "generic", later)
    assert (second.ref, second.created, second.fresh) == (first.ref, False, True)
    facts = show(house.desk, first.ref)["facts"]
    assert facts["people"]["total"] == {"at_least": 40, "at_most": 40}
    assert facts["breach"]["medium"] == "electronic"
    assert len(show(house.desk, first.ref)["evidence"]) == 2


def test_an_unknown_country_stops_nothing_and_is_asked(house: Any) -> None:
    alert = {"id": "x", "facts": {"people": {"total": 3, "by_place": {"ES": 2, "Ruritania": 1}}}}
    (taken,) = _take(house, "generic", alert)
    assert "Ruritania" in taken.asks["people.by_place"]
    facts = show(house.desk, taken.ref)["facts"]
    assert facts["people"]["total"] == {"at_least": 3, "at_most": 3}
    assert facts["people"].get("by_place") is None
    assert any("by_place" in one["fact"] for one in show(house.desk, taken.ref)["assessment"]["questions"])


@on_sqlite
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("moments.detected_at", "2026-11-22T21:30:00"),
        ("moments.detected_at", "yesterday"),
        ("breach.cause", "bad luck"),
        ("breach.acquired", "yes"),
        ("data.records", -4),
        ("data.records", True),
        ("role", ["controller"]),
        ("breach.kinds", ["confidentiality", "dignity"]),
    ],
)
def test_a_value_that_would_have_to_be_guessed_is_asked(house: Any, path: str, value: Any) -> None:
    head, _, tail = path.partition(".")
    alert = {"id": f"{path}-{value}", "facts": {head: {tail: value} if tail else value}}
    (taken,) = _take(house, "generic", alert)
    assert path in taken.asks
    facts = show(house.desk, taken.ref)["facts"]
    assert not (facts.get(head) or {}) if tail else head not in facts


@on_sqlite
@pytest.mark.parametrize(
    ("source", "body", "says"),
    [
        ("wazuh", b"{", "is not JSON"),
        ("wazuh", b"[1, 2]", "holds no alert"),
        ("wazuh", b'{"rule": {"description": "x"}}', "has no id"),
        ("wazuh", b'{"id": true}', "has no id"),
        ("wazuh", b"[" * 200_000, "is not JSON"),
        ("elastic-security", b'{"hits": {"hits": []}}', "no"),
    ],
)
def test_what_is_no_alert_is_refused_and_nothing_is_stored(
    house: Any, source: str, body: bytes, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        _take(house, source, body)
    with house.desk.database.read() as tx:
        assert not tx.incidents.list(limit=10)


def test_an_unknown_product_or_organisation_is_refused(house: Any) -> None:
    with pytest.raises(NotFoundError, match="wazuh"):
        _take(house, "crystal-ball", {})
    with pytest.raises(InputError, match="acme-of-nowhere"):
        _take(house, "wazuh", ALERTS["wazuh"], organisation="acme-of-nowhere")


def test_titles_hold_no_person() -> None:
    assert harmless("Logon of ACME\\jane from 2001:db8:0:0::1 by j@x.example") == (
        "Logon of [account] from [network address] by [address]"
    )
    assert len(harmless("x" * 500)) == 120
