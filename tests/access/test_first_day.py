"""The first day at a browser: the link from the terminal, a password, a second factor, out, and in again."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pyotp
import pytest
import uvicorn

from incident_flows.services.set_up import link_at_start
from tests.access.conftest import House

CHROMIUM = Path("/usr/bin/chromium")
LOOKED_AT = (Path(__file__).parents[1] / "console" / "look.js").read_text().partition("\n")[2]
PASSWORD = "the heron waits at the weir"


@pytest.fixture
def served(house: House) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        free.listen()
        server = uvicorn.Server(uvicorn.Config(house.app, log_level="error", lifespan="off"))
        thread = Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{free.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip(f"no browser: {CHROMIUM} is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_context(viewport={"width": 1000, "height": 900}).new_page()
        page.set_default_timeout(10_000)
        yield page
        browser.close()


def test_from_the_printed_link_to_the_wall_and_in_again(
    house: House, served: str, page: Any, request: pytest.FixtureRequest
) -> None:
    pictures = request.config.rootpath / ".artefacts" / "console"
    pictures.mkdir(parents=True, exist_ok=True)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    house.account("root")
    link = link_at_start(house.desk, house.actor("root"), now=house.now)
    assert link is not None

    def looks(name: str) -> None:
        assert page.evaluate(LOOKED_AT) == [], name
        page.screenshot(path=pictures / f"{name}.png", full_page=True)

    page.goto(f"{served}/set-up/{link.word}")
    looks("set-up")
    page.get_by_label("Choose a password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="Second factor").wait_for()
    looks("second-factor")
    box = page.locator(".qr svg").bounding_box()
    assert box["width"] > 150  # large enough for a phone
    seed = page.locator("#seed").inner_text()
    page.get_by_label("The code the app shows now").fill(pyotp.TOTP(seed).at(house.now))
    page.get_by_role("button", name="Take this second factor").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()
    looks("recovery-codes")
    page.get_by_role("link", name="I have kept them").click()
    assert page.get_by_role("link", name="Signed in as root").is_visible()
    page.get_by_role("link", name="Signed in as root").click()
    page.wait_for_url("**/you")
    looks("account")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/sign-in")
    looks("sign-in")
    house.advance(minutes=1)
    page.goto(f"{served}/open")
    page.get_by_label("Account").fill("root")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Code of your authenticator app").fill(pyotp.TOTP(seed).at(house.now))
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/open")
    assert link_at_start(house.desk, house.actor("root"), now=house.now) is None  # never printed again
    page.goto(f"{served}/report")
    looks("report")
    page.get_by_label("What happened, when, and where").fill("A laptop is lost.")
    page.get_by_role("button", name="Report it").click()
    page.get_by_text("REP-2026-0001").wait_for()
    page.goto(f"{served}/reports")
    looks("reports")
    assert [line for line in said if "Content Security Policy" in line or "error" in line.lower()] == []
