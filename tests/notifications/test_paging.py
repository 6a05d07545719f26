"""Paging the team, against real little servers in the place of chat services."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from notifications import PermanentError
from notifications.paging import PageAttempt, Pager

Service = tuple[int, list[dict[str, str]]]


@pytest.fixture
def service(serve: Callable[..., int]) -> Callable[[int], Service]:
    """Return a starter of services that answer every page with one HTTP status, and remember it."""

    def start(status: int) -> Service:
        pages: list[dict[str, str]] = []

        def talk(connection: socket.socket) -> None:
            connection.settimeout(5)
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65536)
            head, _, body = received.partition(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
            while len(body) < int(lengths[0].split()[1]):
                body += connection.recv(65536)
            pages.append(json.loads(body))
            answer = f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            connection.sendall(answer.encode())

        return serve(talk), pages

    return start


def test_the_first_path_that_takes_the_page_ends_the_search(service: Callable[[int], Service]) -> None:
    (first, pages), (second, others) = service(200), service(200)

    attempts = Pager([f"json://127.0.0.1:{first}", f"json://127.0.0.1:{second}"]).page(
        "Due in 4 h", "INC-2026-0001"
    )

    assert attempts == [PageAttempt(path="1-json", ok=True)]
    assert [(page["title"], page["message"]) for page in pages] == [("Due in 4 h", "INC-2026-0001")]
    assert others == []


def test_a_failing_path_falls_through_to_the_next_and_is_recorded(
    service: Callable[[int], Service], free_port: int
) -> None:
    (broken, _), (working, pages) = service(500), service(200)
    urls = [
        f"json://127.0.0.1:{free_port}",
        "nosuchservice://token",
        "slack://not-a-token",
        f"json://127.0.0.1:{broken}",
        f"json://127.0.0.1:{working}",
    ]

    attempts = Pager(urls).page("Due in 4 h", "INC-2026-0001")

    assert attempts == [
        ("1-json", False),
        ("2-nosuchservice", False),
        ("3-slack", False),
        ("4-json", False),
        ("5-json", True),
    ]
    assert len(pages) == 1


def test_every_path_is_paged_when_asked_for(service: Callable[[int], Service]) -> None:
    (first, pages), (second, others) = service(200), service(200)
    pager = Pager([f"json://127.0.0.1:{first}", f"json://127.0.0.1:{second}"])

    attempts = pager.page("Due in 4 h", "INC-2026-0001", every_path=True)

    assert [attempt.ok for attempt in attempts] == [True, True]
    assert len(pages) == len(others) == 1


def test_without_a_path_nobody_was_paged() -> None:
    assert Pager([]).page("Due in 4 h", "INC-2026-0001") == []


def test_no_label_and_no_log_line_shows_a_secret(free_port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    urls = [f"json://mailer:opensesame@127.0.0.1:{free_port}/opensesame", "slack://opensesame/opensesame/x"]
    pager = Pager(urls)

    attempts = pager.page("Due in 4 h", "INC-2026-0001")

    assert pager.paths == ("1-json", "2-slack")
    assert "opensesame" not in repr(pager) + repr(attempts) + caplog.text
    assert "INC-2026" not in caplog.text


def test_others_may_go_on_logging_through_apprise(free_port: int, caplog: pytest.LogCaptureFixture) -> None:
    Pager([f"json://127.0.0.1:{free_port}"]).page("Due in 4 h", "INC-2026-0001")

    logging.getLogger("apprise").warning("from somebody else")

    assert "from somebody else" in caplog.text


@pytest.mark.parametrize("url", ["", "opensesame", "https//opensesame", "://opensesame"])
def test_an_entry_that_is_no_address_is_refused_by_its_number(url: str) -> None:
    with pytest.raises(PermanentError, match="address 2") as caught:
        Pager(["json://127.0.0.1", url])

    assert "opensesame" not in str(caught.value)


def test_nothing_slow_is_imported_before_it_is_needed() -> None:
    program = (
        "import sys, notifications, notifications.paging, notifications.outbox, notifications.memory;"
        "slow = {'apprise', 'httpx', 'sendgrid', 'cryptography', 'requests'};"
        "print(*slow & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")
