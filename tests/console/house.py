"""A headless browser before a console on loopback; every page is looked at for what no page may have."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from incident_flows.services.sign_in import open_session

CHROMIUM = Path("/usr/bin/chromium")
ZONE = "America/New_York"

LOOKED_AT = Path(__file__).with_name("look.js").read_text().partition("\n")[2]


class Person:
    """Somebody at a browser of their own, signed in or not."""

    def __init__(self, console: Console, name: str | None, *, width: int = 1280, dark: bool = False) -> None:
        self.console, self.name = console, name
        self.context = console.browser.new_context(
            viewport={"width": width, "height": 900 if width > 500 else 800},
            color_scheme="dark" if dark else "light",
            timezone_id=ZONE,
        )
        cookies = [{"name": "breach_zone", "value": ZONE, "url": console.url}]
        if name:
            cookies.append({"name": "breach", "value": signed_in(console.house, name), "url": console.url})
        self.context.add_cookies(cookies)
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.page.on("console", lambda message: console.said.append(f"{self.page.url}: {message.text}"))
        self.page.on("pageerror", lambda error: console.said.append(f"{self.page.url}: {error}"))
        self.page.on("request", lambda request: console.asked.append(request.url))

    def goes(self, path: str, status: int = 200) -> Any:
        """Open a page, and look at it."""
        answer = self.page.goto(self.console.url + path)
        assert answer.status == status, f"{path}: {answer.status}"
        self.looks()
        return self.page

    def presses(self, name: str) -> Any:
        """Press a button, and look at the page that comes."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).click()
        self.looks()
        return self.page

    def looks(self) -> None:
        """Find what the page lacks."""
        faults = self.page.evaluate(LOOKED_AT)
        assert faults == [], f"{self.page.url}: {faults}"

    def keeps(self, name: str) -> None:
        """Keep a picture of the whole page."""
        self.page.screenshot(path=self.console.artefacts / f"{name}.png", full_page=True)


def signed_in(house: Any, name: str) -> str:
    """Return the cookie of a session."""
    with house.desk.database.read() as tx:
        account = tx.accounts.get(name).id
    return open_session(house.desk, account, stage="full", how="test", now=house.now)


class Console:
    """A console on loopback.

    Attributes:
        said: What browsers complained of.
        asked: Every address a browser asked for.
    """

    def __init__(self, url: str, browser: Any, house: Any, artefacts: Path) -> None:
        self.url, self.browser, self.house, self.artefacts = url, browser, house, artefacts
        self.said: list[str] = []
        self.asked: list[str] = []

    def person(self, name: str | None = "anna", **how: Any) -> Person:
        """Seat somebody at a browser of their own."""
        return Person(self, name, **how)

    def elsewhere(self) -> list[str]:
        """Return what was asked for elsewhere than on loopback."""
        return [url for url in self.asked if urlsplit(url).hostname != "127.0.0.1"]


@contextmanager
def served(app: Any, house: Any, artefacts: Path) -> Iterator[Console]:
    """Serve an app on a free port of loopback, with a browser before it."""
    import uvicorn
    from playwright.sync_api import sync_playwright

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        free.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        thread.start()
        try:
            with sync_playwright() as player:
                browser = player.chromium.launch(
                    executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-dev-shm-usage"]
                )
                yield Console(f"http://127.0.0.1:{free.getsockname()[1]}", browser, house, artefacts)
                browser.close()
        finally:
            server.should_exit = True
            thread.join(10)
