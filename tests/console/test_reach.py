"""What the room's page of people says of letters: how fast, how long, second addresses, who nothing reaches."""

from __future__ import annotations

import re
from typing import Any

from starlette.testclient import TestClient

from incident_flows.services.approve import approve
from incident_flows.services.update import change_facts
from tests.console.house import signed_in

HERE = {"Origin": "http://127.0.0.1"}


def test_the_page_of_people_says_how_far_letters_are_and_who_nothing_reaches(app: Any, house: Any) -> None:
    desk, ref = house.desk, house.open("aimigos-studio")
    with desk.database.write() as tx:
        incident = tx.incidents.get(ref)
        notice = tx.notices.add(
            ref, oid="eu-gdpr/tell-people@people", kind="people", phase="initial", language="en", state="sending",
            subject="S", text="T", html=None, sha256="0" * 64, missing=[], drafted_by="anna", drafted_at=house.now,
            route={"kind": "people"},
            variants={"US-CA": {"subject": "Notice of Data Breach", "text": "X", "html": None}},
        )  # fmt: skip
        tx.letters.approve(
            notice.id, incident_id=incident.id, list_sha256="b" * 64, listed=5, approved_by="boris",
            approved_at=house.now,
        )  # fmt: skip
        figures = {"rate": 1234.4, "left": 56, "limit": {"hour": 5000}}
        tx.letters.change(notice.id, mode="zero", people=5, switch="paused", because="looks odd", detail=figures)
        same = {
            "notice_id": notice.id, "incident_id": incident.id, "wave": 1, "variant": "en", "sealed": None,
            "template_sha256": "0" * 64, "form": "sendgrid", "channel": "sendgrid",
        }  # fmt: skip
        tx.letters.add([
            {**same, "count": 2, "numbers": b"\0" * 8, "nonce": "n1", "state": "accepted"},
            {**same, "count": 1, "numbers": b"\0" * 4, "nonce": "n2", "state": "planned", "address": 2},
        ])  # fmt: skip
        tx.people.except_(incident.id, 0, "unreachable", house.now, {"place": "ES"})
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as browser:
        browser.cookies.set("breach", signed_in(house, "anna"))
        page = browser.get(f"/incidents/{ref}/people").text
        for words in (
            "mode zero", "Paused", "looks odd", "1,234 people a second", "56 s to go", "at most 5,000 an hour",
            "to second addresses: 1 Planned", "1 person is reached by neither mail nor post.",
        ):  # fmt: skip
            assert words in " ".join(page.split()), words
        letter = browser.get(f"/incidents/{ref}/notices/{notice.ref}").text
        assert "The wording for US-CA, which the hash covers too" in letter
        assert "Notice of Data Breach" in letter


def test_a_public_notice_is_drafted_and_its_page_given_out_once_approved(app: Any, house: Any) -> None:
    desk, ref = house.desk, house.open("aimigos-studio")
    known = {
        "organisation": {"dpo": {"name": "Ana Ruiz", "email": "dpo@aimigos.example"}},
        "findings": {"individual-notice-disproportionate": True},
    }
    change_facts(desk, ref, known, actor=house.person("anna"), now=house.now, source="call")
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as browser:
        browser.cookies.set("breach", signed_in(house, "anna"))
        with desk.database.write() as tx:
            tx.people.except_(tx.incidents.get(ref).id, 0, "unreachable", house.now, {"place": "ES"})
        people = browser.get(f"/incidents/{ref}/people").text
        assert "Draft the public notice" in people
        [secret] = set(re.findall(r'name="csrf" value="([^"]+)"', people))
        drafted = browser.post(f"/incidents/{ref}/draft", data={"csrf": secret, "public": "1"}, headers=HERE)
        assert drafted.status_code < 400
        with desk.database.read() as tx:
            notice = next(one for one in tx.notices.list(ref) if one.kind == "public")
        assert browser.get(f"/incidents/{ref}/notices/{notice.ref}/page").status_code >= 400
        approve(desk, ref, notice.ref, actor=house.person("boris"), now=house.now)
        page = browser.get(f"/incidents/{ref}/notices/{notice.ref}/page")
        assert page.content == notice.html.encode()
        assert page.headers["content-disposition"].startswith("attachment")
