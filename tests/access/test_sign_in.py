"""Getting in: a link, a password, a second factor, a session; and everything that must not get in."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest

from incident_flows.core.lifecycle import ROLES
from incident_flows.errors import NotFoundError, PermissionDeniedError
from incident_flows.services.set_up import choose_password, set_disabled, set_up_link
from incident_flows.services.sign_in import IDLE, LASTS, PER_ACCOUNT, PER_ADDRESS, REFUSED
from tests.access.conftest import Browser, House

PASSWORD = "the heron waits at the weir"
WRONG = "the heron waits at the mill"


def set_up(house: House, name: str) -> tuple[Browser, str, list[str]]:
    """Set an account up by its pages; return the browser, the seed and the recovery codes."""
    admin = house.actor("root") if name != "root" else house.actor(name)
    word = set_up_link(house.desk, name, actor=admin, now=house.now).word
    browser = house.browser()
    sent = browser.send_form(f"/set-up/{word}", password=PASSWORD, again=PASSWORD)
    assert sent.status_code == 303
    seed = _seed(browser)
    done = browser.send_form("/second", code=pyotp.TOTP(seed).at(house.now))
    assert done.status_code == 200, done.text
    return browser, seed, re.findall(r"<li>([0-9a-f-]{23})</li>", done.text)


def _seed(browser: Browser) -> str:
    found = re.search(r'id="seed">([A-Z2-7]{32})<', browser.get("/second").text)
    assert found is not None
    return found[1]


@pytest.fixture
def ready(house: House) -> tuple[House, str, list[str]]:
    """Return a house whose approver has a password, a second factor and recovery codes."""
    house.account("root", "admin")
    house.account("anna", "handler", "approver")
    _, seed, codes = set_up(house, "anna")
    house.advance(minutes=1)
    return house, seed, codes


def signs_in(house: House, password: str = PASSWORD, code: str | None = None, name: str = "anna") -> Browser:
    browser = house.browser()
    if browser.send_form("/sign-in", name=name, password=password).status_code == 303 and code is not None:
        browser.send_form("/sign-in/code", code=code)
    return browser


def is_in(browser: Browser) -> bool:
    return browser.get("/you").status_code == 200


def test_a_link_sets_up_password_and_second_factor_and_then_both_let_in(
    ready: tuple[House, str, list[str]],
) -> None:
    house, seed, codes = ready
    assert len(set(codes)) == 10
    browser = signs_in(house)
    assert not is_in(browser)  # half-way is not in
    assert browser.get("/").headers["location"].startswith("/sign-in")
    before = browser.cookies["breach"]
    answer = browser.send_form("/sign-in/code", code=pyotp.TOTP(seed).at(house.now), to="/incidents")
    assert answer.headers["location"] == "/incidents"
    assert is_in(browser)
    assert browser.cookies["breach"] != before  # a new session, so none that somebody planted
    assert [act for act in house.acts() if act != "account-created"] == [
        "set-up-link-made", "password-chosen", "second-factor-set", "signed-in", "signed-in",
    ]  # fmt: skip


def test_a_code_works_once_and_neither_does_an_older_one(ready: tuple[House, str, list[str]]) -> None:
    house, seed, _ = ready
    code, older = pyotp.TOTP(seed).at(house.now), pyotp.TOTP(seed).at(house.now - timedelta(seconds=30))
    assert is_in(signs_in(house, code=code))
    assert not is_in(signs_in(house, code=code))
    assert not is_in(signs_in(house, code=older))
    house.advance(seconds=30)
    assert is_in(signs_in(house, code=pyotp.TOTP(seed).at(house.now)))


def test_a_recovery_code_works_once_however_it_is_typed(ready: tuple[House, str, list[str]]) -> None:
    house, _, codes = ready
    assert is_in(signs_in(house, code=codes[3].upper().replace("-", " ")))
    assert not is_in(signs_in(house, code=codes[3]))
    assert is_in(signs_in(house, code=codes[4]))


def test_a_second_factor_cannot_be_replaced_by_who_has_only_the_password(
    ready: tuple[House, str, list[str]],
) -> None:
    house, _, _ = ready
    browser = signs_in(house)
    assert browser.get("/second").status_code == 303
    assert browser.send_form("/second", code="000000").status_code == 401


def test_wrong_name_wrong_password_and_a_shut_door_are_answered_alike(
    ready: tuple[House, str, list[str]],
) -> None:
    house, _, _ = ready
    browser = house.browser()

    def answer(name: str, password: str) -> tuple[int, str]:
        sent = browser.send_form("/sign-in", name=name, password=password)
        return sent.status_code, re.sub(r'value="[0-9a-f]{64}"', "", sent.text)

    unknown = answer("nobody", PASSWORD)
    assert unknown[0] == 403
    assert REFUSED in unknown[1]
    assert {answer("anna", WRONG) for _ in range(PER_ACCOUNT)} == {unknown}
    assert answer("anna", PASSWORD) == unknown  # shut, though the password is right
    assert house.acts().count("sign-in-shut") == 1
    house.advance(minutes=15)
    assert answer("anna", PASSWORD)[0] == 303


def test_guessing_codes_shuts_the_door_too(ready: tuple[House, str, list[str]]) -> None:
    house, _, codes = ready
    browser = signs_in(house)
    for _ in range(PER_ACCOUNT):
        assert browser.send_form("/sign-in/code", code="000000").status_code == 403
    assert browser.send_form("/sign-in/code", code=codes[0]).status_code == 403
    house.advance(minutes=15)
    assert is_in(signs_in(house, code=codes[0]))  # not used up by the try that was refused


def test_one_address_cannot_try_every_name(ready: tuple[House, str, list[str]]) -> None:
    house, seed, _ = ready
    with house.desk.database.write() as tx:
        from incident_flows.services.secrets_kept import house_sign
        from incident_flows.services.sign_in import WITHIN

        door = house_sign(house.desk, "tried", "address testclient")
        for _ in range(PER_ADDRESS):
            tx.access.count_try(door, house.now, WITHIN)
    assert not is_in(signs_in(house, code=pyotp.TOTP(seed).at(house.now)))


def test_a_session_ends_by_idling_by_age_by_hand_and_when_the_account_is_barred(house: House) -> None:
    house.account("root", "admin")
    house.account("anna", "handler")
    idle, worked, left, elsewhere = (house.browser("anna") for _ in range(4))
    shown = left.get("/you").text
    assert shown.count("<tr>") == 5
    assert left.send_form("/sign-out").status_code == 303
    assert not is_in(left)
    assert is_in(elsewhere)
    for _ in range(int(LASTS / (IDLE / 2)) - 1):
        house.advance(seconds=IDLE.total_seconds() / 2)
        assert is_in(worked)
    assert not is_in(idle)
    house.advance(seconds=IDLE.total_seconds() / 2)
    assert not is_in(worked)  # used all the time, and over all the same
    one, other = house.browser("anna"), house.browser("anna")
    assert one.send_form("/sign-out-everywhere").status_code == 303
    assert not is_in(other)
    barred = house.browser("anna")
    set_disabled(house.desk, "anna", True, actor=house.actor("root"), now=house.now)
    assert not is_in(barred)


def test_one_cannot_end_sessions_of_others(house: House) -> None:
    house.account("anna", "handler")
    house.account("boris", "handler")
    anna, boris = house.browser("anna"), house.browser("boris")
    with house.desk.database.read() as tx:
        [session] = tx.access.sessions(tx.accounts.get("anna").id, house.now, timedelta(hours=1))
    boris.send_form("/you/sessions", which=str(session.id))
    assert is_in(anna)


def test_a_set_up_link_works_once_for_a_day_and_ends_what_was(ready: tuple[House, str, list[str]]) -> None:
    house, _, codes = ready
    root = house.actor("root")
    old = set_up_link(house.desk, "anna", actor=root, now=house.now).word
    new = set_up_link(house.desk, "anna", actor=root, now=house.now).word
    assert house.browser().get(f"/set-up/{old}").status_code == 404
    browser = signs_in(house, code=codes[0])
    for password, again in (
        ("short", "short"),
        (PASSWORD, WRONG),
        ("a" * 20, "a" * 20),
        ("anna" * 3, "anna" * 3),
    ):
        refused = house.browser().send_form(f"/set-up/{new}", password=password, again=again)
        assert refused.status_code == 422
        assert password not in refused.text
    assert is_in(browser)
    choose_password(house.desk, new, "another heron altogether", now=house.now)
    assert not is_in(browser)
    with pytest.raises(NotFoundError, match="used"):
        choose_password(house.desk, new, "another heron altogether", now=house.now)
    late = set_up_link(house.desk, "anna", actor=root, now=house.now).word
    house.advance(hours=24)
    assert house.browser().get(f"/set-up/{late}").status_code == 404


def test_only_an_administrator_makes_links_for_others(house: House) -> None:
    house.account("anna", *[role for role in ROLES if role != "admin"])
    house.account("boris", "handler")
    with pytest.raises(PermissionDeniedError, match="accounts"):
        set_up_link(house.desk, "boris", actor=house.actor("anna"), now=house.now)


def test_the_database_holds_nothing_that_lets_anybody_in(ready: tuple[House, str, list[str]]) -> None:
    house, seed, codes = ready
    root = house.actor("root")
    link = set_up_link(house.desk, "anna", actor=root, now=house.now).word
    cookie = house.browser("anna").cookies["breach"]
    with house.desk.database._engine.connect() as connection:
        dump = "\n".join(str(one) for one in connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]
    for secret in (PASSWORD, seed, codes[0], codes[0].replace("-", ""), link, cookie):
        assert secret not in dump
    assert "testclient" not in dump  # nor from where somebody came


def test_reading_roles_without_the_policy_need_no_second_factor(house: House) -> None:
    house.account("root", "admin")
    house.account("carl", "auditor")
    word = set_up_link(house.desk, "carl", actor=house.actor("root"), now=house.now).word
    browser = house.browser()
    browser.send_form(f"/set-up/{word}", password=PASSWORD, again=PASSWORD)
    assert is_in(browser)
    assert browser.get("/").status_code == 200
    fresh = house.browser()
    sent = fresh.send_form("/sign-in", name="carl", password=PASSWORD, to="//evil.example")
    assert sent.headers["location"] == "/"


def test_who_may_read_nothing_begins_at_their_own_account(house: House) -> None:
    house.account("root", "admin")
    house.account("rita", "reporter")
    word = set_up_link(house.desk, "rita", actor=house.actor("root"), now=house.now).word
    choose_password(house.desk, word, PASSWORD, now=house.now)
    browser = house.browser()
    assert browser.send_form("/sign-in", name="rita", password=PASSWORD).headers["location"] == "/you"
    assert browser.get("/you").status_code == 200
    assert browser.get("/").status_code == 403
