"""The authority directory holds the whole fact base, claims no more than it, and finds somebody everywhere.

`authority_rows.csv` and `us_recipients.csv` are the fact base's ids, zones and confidence, kept here so that
the repository can prove itself alone.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from incident_flows.core.addressees import Addressee, addressees_for
from incident_flows.core.conditions import parse_condition
from incident_flows.core.facts import Facts
from incident_flows.core.law import Authority, Lawbook, Scheme, To
from incident_flows.core.situation import Situation
from incident_flows.core.truth import Truth
from incident_flows.knowledge.calendars import Calendars
from incident_flows.knowledge.files import read_yaml
from incident_flows.knowledge.lawbook import load_lawbook, playbooks_root, walk

HERE = Path(__file__).parent
BOOK: Lawbook = load_lawbook()
DIRECTORY = playbooks_root() / "authorities"
CONFIDENCE = ("low", "medium", "high")
LAENDER = ("BW", "BY", "BE", "BB", "HB", "HH", "HE", "MV", "NI", "NW", "RP", "SL", "SN", "ST", "SH", "TH")
MEMBER_STATES = (
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV",
    "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE",
)  # fmt: skip
EEA = (*MEMBER_STATES, "IS", "LI", "NO")
STATES = (
    "AK", "AL", "AR", "AZ", "CA", "CO", "CT", "DC", "DE", "FL", "GA", "GU", "HI", "IA", "ID", "IL",
    "IN", "KS", "KY", "LA", "MA", "MD", "ME", "MI", "MN", "MO", "MS", "MT", "NC", "ND", "NE", "NH",
    "NJ", "NM", "NV", "NY", "OH", "OK", "OR", "PA", "PR", "RI", "SC", "SD", "TN", "TX", "UT", "VA",
    "VI", "VT", "WA", "WI", "WV", "WY",
)  # fmt: skip


def _rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _all(rows: dict[str, Any]) -> list[Any]:
    return [pytest.param(row, id=id_) for id_, row in sorted(rows.items())]


def _told(
    scheme: str,
    *places: str,
    statuses: list[str] | None = None,
    main: str | None = None,
    people: dict[str, int] | None = None,
) -> list[Addressee]:
    by_place = people or {"ES": 1}
    facts = Facts.model_validate(
        {
            "organisation": {
                "id": "acme",
                "establishments": [{"place": place, "main": place == main} for place in places],
                "statuses": statuses or [],
                "sectors": ["other"],
            },
            "people": {"total": sum(by_place.values()), "by_place": by_place},
        }
    )
    situation = Situation(facts=facts, groups=BOOK.groups, as_of=date(2026, 11, 22))
    to = To(kind="authority", scheme=scheme)
    return addressees_for(to, regime=BOOK.regimes["eu-gdpr"], lawbook=BOOK, situation=situation)


def _only(found: list[Addressee]) -> Addressee:
    [one] = found
    return one


# --- the fact base, whole and no more ----------------------------------------------------------


def test_every_authority_of_the_fact_base_stands_in_exactly_one_file() -> None:
    standing = Counter(
        id_
        for path in DIRECTORY.glob("*.yaml")
        if path.name not in ("places.yaml", "schemes.yaml")
        for id_ in read_yaml(path).data["authorities"]
    )
    ids = [row["id"] for row in _rows("authority_rows.csv")]
    assert len(ids) == len(set(ids)) == 66 + 91
    assert [id_ for id_ in ids if standing[id_] != 1] == []
    assert {id_: count for id_, count in standing.items() if count > 1} == {}


@pytest.mark.parametrize("row", _all({row["id"]: row for row in _rows("authority_rows.csv")}))
def test_zone_languages_and_place_are_those_of_the_fact_base(row: dict[str, str]) -> None:
    authority = BOOK.authorities[row["id"]]
    assert authority.zone == row["zone"]
    assert authority.languages == tuple(row["languages"].split())
    assert row["place"] in (authority.place, authority.region)


@pytest.mark.parametrize("row", _all({row["id"]: row for row in _rows("authority_rows.csv")}))
def test_confidence_is_not_above_the_fact_base(row: dict[str, str]) -> None:
    confidence = BOOK.authorities[row["id"]].confidence
    assert CONFIDENCE.index(confidence) <= CONFIDENCE.index(row["confidence"])


def test_every_office_that_united_states_rows_name_has_a_row_or_a_scheme() -> None:
    for row in _rows("us_recipients.csv"):
        kind, _, name = row["authority"].rpartition(" ")
        assert name in (BOOK.schemes if kind == "scheme" else BOOK.authorities), row


# --- each row can be used ----------------------------------------------------------------------


@pytest.mark.parametrize("authority", _all(BOOK.authorities))
def test_nobody_has_a_placeholder_for_a_contact(authority: Authority) -> None:
    given = (
        authority.contact.name, authority.contact.email, authority.contact.phone, authority.address,
        authority.route.email, authority.route.url, authority.website,
    )  # fmt: skip
    for text in filter(None, given):
        assert not re.search(r"[\[\]<>{}]|general knowledge|example\.|TODO|xxx", text), text
    for email in filter(None, (authority.contact.email, authority.route.email)):
        assert re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", email), email
    assert not authority.contact.placeholder


@pytest.mark.parametrize("authority", _all(BOOK.authorities))
def test_every_route_says_how_and_only_a_route_seen_may_send_by_itself(authority: Authority) -> None:
    route = authority.route
    assert route.text.strip()
    assert (route.email is not None) == (route.kind == "email")
    if route.checked_on is not None:
        assert route.checked is not None
        assert route.checked.startswith("page seen on compilation")
        assert authority.basis == "read"
    if authority.basis == "recalled":
        assert route.checked_on is None


@pytest.mark.parametrize("authority", _all(BOOK.authorities))
def test_zone_and_calendar_exist(authority: Authority) -> None:
    ZoneInfo(authority.zone)
    assert authority.calendar is not None
    known = BOOK.places.keys() | {"EU"}
    assert authority.calendar in known
    assert authority.place in known
    assert authority.region is None or authority.region in known
    # The institutions of the Union keep holidays of their own; the package lists none of Ukraine in wartime.
    unlisted = authority.calendar in {"EU", "UA"}
    assert unlisted or Calendars({"format": 1}).open_days(authority.calendar).covers(2026)


def test_the_zone_of_every_state_of_the_united_states_is_known() -> None:
    for state in STATES:
        ZoneInfo(BOOK.zones[f"US-{state}"])
        offices = [a for a in BOOK.authorities.values() if a.region == f"US-{state}"]
        assert {office.zone for office in offices} == {BOOK.zones[f"US-{state}"]}


@pytest.mark.parametrize("name", sorted(BOOK.schemes))
def test_conditions_of_schemes_and_competences_can_be_read(name: str) -> None:
    scheme: Scheme = BOOK.schemes[name]
    known = BOOK.places.keys() | BOOK.groups.keys()
    assert scheme.area in known
    raw = [route.when for route in scheme.routes]
    for authority in BOOK.authorities.values():
        raw += [row.when for row in authority.competence if row.scheme == name]
    for condition in filter(None, raw):
        for test in walk(parse_condition(condition, place=scheme.area)):
            assert test.test in ("status", "established"), test
    for route in scheme.routes:
        assert route.place is None or route.place in known | {"EU"}


# --- routing of the GDPR -----------------------------------------------------------------------


@pytest.mark.parametrize("place", [*EEA, *(f"DE-{land}" for land in LAENDER), "AX"])
def test_every_state_and_land_leads_to_an_authority(place: str) -> None:
    one = _only(_told("gdpr", place, main=place))
    if place == "DE":
        assert one.id is None
        assert len(one.candidates) == len(LAENDER)
    else:
        assert one.id is not None
        authority = BOOK.authorities[one.id]
        assert place in (authority.place, authority.region) or (place, one.id) == ("AX", "fi-tietosuoja")


@pytest.mark.parametrize("land", LAENDER)
def test_a_land_has_its_own_authority_for_public_bodies_too(land: str) -> None:
    one = _only(_told("gdpr", f"DE-{land}", statuses=["public-body"]))
    assert one.id == ("de-by-baylfd" if land == "BY" else f"de-{land.lower()}")


@pytest.mark.parametrize("land", LAENDER)
def test_old_german_law_looked_to_the_land_of_the_seat(land: str) -> None:
    one = _only(_told("gdpr-2016-de", f"DE-{land}", main=f"DE-{land}"))
    assert one.id == ("de-by-baylda" if land == "BY" else f"de-{land.lower()}")


@pytest.mark.parametrize("status", ["telecom", "postal-operator", "national-public-body"])
@pytest.mark.parametrize("place", ["DE", "DE-BY", "DE-NW"])
def test_the_federal_commissioner_has_telecoms_post_and_the_federation(place: str, status: str) -> None:
    statuses = ["public-body", status] if status == "national-public-body" else [status]
    assert _only(_told("gdpr", place, statuses=statuses)).id == "de-bfdi"


@pytest.mark.parametrize("place", ["DE", "DE-BY"])
def test_a_church_has_only_church_authorities_as_candidates(place: str) -> None:
    catholic = _only(_told("gdpr", place, statuses=["catholic-church-body"]))
    assert catholic.id is None
    assert len(catholic.candidates) == 5
    assert all(id_.startswith("de-kath-") for id_ in catholic.candidates)
    protestant = _only(_told("gdpr", place, statuses=["protestant-church-body"]))
    assert set(protestant.candidates) == {"de-ekd", "de-ev-landeskirche"}


@pytest.mark.parametrize(
    ("place", "statuses", "id_"),
    [
        ("ES-CT", [], "es-aepd"),
        ("ES-CT", ["public-body"], "es-apdcat"),
        ("ES-B", ["public-body"], "es-apdcat"),
        ("ES-SS", ["public-body"], "es-avpd"),
        ("ES-SE", ["public-body"], "es-ctpda"),
        ("ES-MD", ["public-body"], "es-aepd"),
        ("ES-A", ["public-body"], "es-aepd"),
        ("ES-CT", ["public-body", "national-public-body"], "es-aepd"),
        ("ES", ["public-body", "national-public-body"], "es-aepd"),
        ("BE-VLG", [], "be-apd-gba"),
        ("BE-WAL", ["public-body"], "be-apd-gba"),
        ("AX", [], "fi-tietosuoja"),
    ],
)
def test_regional_public_bodies_have_their_own_authority(place: str, statuses: list[str], id_: str) -> None:
    assert _only(_told("gdpr", place, statuses=statuses)).id == id_


@pytest.mark.parametrize(
    ("place", "candidates"),
    [
        ("ES", {"es-aepd", "es-apdcat", "es-avpd", "es-ctpda"}),  # which region?
        ("BE-VAN", {"be-apd-gba", "be-vtc"}),  # the Flemish commission's standing is disputed
        ("AX", set[str]()),  # the inspectorate of Åland is in no fact row
    ],
)
def test_a_public_body_whose_authority_is_not_known_is_left_open(place: str, candidates: set[str]) -> None:
    one = _only(_told("gdpr", place, statuses=["public-body"]))
    assert one.id is None
    assert one.known.truth is Truth.UNKNOWN
    assert set(one.candidates) == candidates


# --- the other schemes -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nis2", "dora", "cra", "eidas", "cer", "psd2"])
@pytest.mark.parametrize("place", MEMBER_STATES)
def test_schemes_without_a_directory_leave_the_addressee_open(name: str, place: str) -> None:
    one = _only(_told(name, place, main=place))
    assert one.id is None
    assert one.known.truth is Truth.UNKNOWN
    assert one.key == f"{place.lower()}-undetermined"


@pytest.mark.parametrize(
    ("place", "id_"),
    [("BE", "be-apd-gba"), ("FR", "fr-cnil"), ("IE", "ie-dpc"), ("LU", "lu-cnpd"), ("PL", None)],
)
def test_telecom_breaches_go_where_the_fact_base_says_and_nowhere_else(place: str, id_: str | None) -> None:
    assert _only(_told("telecom", place, statuses=["telecom"])).id == id_


def test_german_telecom_breaches_stay_open_between_the_two_that_are_both_told() -> None:
    assert set(_only(_told("telecom", "DE-NW", statuses=["telecom"])).candidates) == {"de-bnetza", "de-bfdi"}


@pytest.mark.parametrize(
    ("status", "id_"),
    [
        ("occ-supervised", "us-occ"),
        ("frb-supervised", "us-frb"),
        ("fdic-supervised", "us-fdic"),
        ("ncua-insured", "us-ncua"),
    ],
)
def test_a_bank_tells_the_regulator_that_supervises_it(status: str, id_: str) -> None:
    assert _only(_told("us-bank", "US-NY", statuses=[status])).id == id_


def test_territories_are_meant_under_either_of_their_codes() -> None:
    facts = Facts.model_validate(
        {"organisation": {"id": "acme"}, "people": {"total": 3, "by_place": {"PR": 1, "US-PR": 2}}}
    )
    situation = Situation(facts=facts, groups=BOOK.groups, as_of=date(2026, 11, 22))
    for code in ("PR", "US-PR"):
        assert situation.people_count(code) == (3, 3)
    assert situation.people_count("US") == (3, 3)
    assert situation.people_count("US-CA") == (0, 0)
