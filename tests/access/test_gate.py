"""What stands before every page: the host asked for, forms of our own only, sizes, and headers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from incident_flows.settings import Settings
from tests.access.conftest import HERE, House


def test_every_answer_carries_its_headers_and_content_is_kept_nowhere(house: House) -> None:
    browser = house.browser()
    for path in ("/sign-in", "/nothing-there", "/static/console.css"):
        headers = browser.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in headers
    assert browser.get("/sign-in").headers["cache-control"] == "no-store"


@pytest.fixture
def behind_tls(settings: Settings) -> Settings:
    return replace(settings, console_url="https://breach.example.org", host="0.0.0.0")


def test_over_https_cookies_are_secure_and_browsers_are_told_to_stay_there(
    house: House, behind_tls: Settings
) -> None:
    there = House(house.desk, behind_tls, house._opened)
    there.account("anna")
    browser = there.browser(base_url="https://breach.example.org")
    answer = browser.get("/sign-in")
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
    assert "secure" in answer.headers["set-cookie"].lower()
    left = there.browser("anna", base_url="https://breach.example.org").send_form("/sign-out")
    assert left.headers["set-cookie"].startswith("__Host-breach=")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:4280", ""]
)
def test_a_name_that_is_not_ours_is_not_answered(house: House, host: str) -> None:
    answer = house.browser().get("/sign-in", headers={"host": host})
    assert answer.status_code == 400
    assert "BREACH_CONSOLE_HOSTS" in answer.text


def test_a_form_without_our_secret_or_with_anothers_is_refused(house: House) -> None:
    house.account("anna")
    signed = house.browser("anna")
    assert signed.post("/sign-out").status_code == 403
    assert signed.post("/sign-out", data={"csrf": "0" * 64}).status_code == 403
    assert (
        signed.post("/sign-out", content=b"csrf", headers={"content-type": "text/plain"}).status_code == 403
    )
    other = house.browser("anna")
    page = other.get("/sign-in").text
    secret = page.split('name="csrf" value="')[1][:64]
    assert signed.post("/sign-out", data={"csrf": secret}).status_code == 403
    assert other.post("/sign-out", data={"csrf": secret}).status_code == 303


def test_a_form_sent_from_another_origin_is_refused_even_with_the_secret(house: House) -> None:
    house.account("anna")
    browser = house.browser("anna")
    secret = browser.get("/sign-in").text.split('name="csrf" value="')[1][:64]
    for origin in ("https://evil.example", "null", "http://127.0.0.1:9999"):
        answer = browser.post("/sign-out", data={"csrf": secret}, headers={"origin": origin})
        assert answer.status_code == 403, origin
    assert browser.post("/sign-out", data={"csrf": secret}, headers={"origin": HERE}).status_code == 303


def test_strangers_cannot_send_much_nor_without_saying_how_much(house: House) -> None:
    browser = house.browser()
    assert browser.post("/sign-in", data={"name": "x" * 70_000, "password": "y"}).status_code == 413
    assert browser.post("/sign-in", content=iter([b"name=x"])).status_code == 411


def test_what_is_wrong_with_a_form_is_said_without_repeating_it(house: House) -> None:
    answer = house.browser().send_form("/sign-in", name="ana.secret@example.org" + "x" * 400, password="y")
    assert answer.status_code == 422
    assert "fit: name" in answer.text
    assert "ana.secret" not in answer.text


def test_a_fault_of_ours_is_one_line_and_no_traceback(house: House) -> None:
    def broken() -> None:
        raise RuntimeError("ana@example.org")

    house.app.get("/broken")(broken)
    from starlette.testclient import TestClient

    with TestClient(house.app, base_url=HERE, raise_server_exceptions=False) as browser:
        answer = browser.get("/broken")
    assert answer.status_code == 500
    assert "ana@" not in answer.text
    assert "frame-ancestors" in answer.headers["content-security-policy"]
    assert "Traceback" not in answer.text
