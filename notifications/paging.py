"""Waking the team up: chat, telephone and paging services, through apprise.

For the team only, never for recipients: these services give no receipt, know no idempotency, and keep what
they are told. A page therefore says that something is due, not whose data it is about.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from types import ModuleType
from typing import NamedTuple

from notifications.errors import PermanentError


class PageAttempt(NamedTuple):
    """What became of one path.

    Attributes:
        path: Position and service, such as `2-slack`; no part of the address, which is a secret throughout.
        ok: The service took the page over.
    """

    path: str
    ok: bool


class Pager:
    """Pages over several paths, the preferred one first.

    Args:
        urls: Apprise addresses, such as `slack://…`; see its documentation for the services.

    Raises:
        PermanentError: An entry is not an address at all. Whether its service exists shows when paging:
            one bad path must not keep the others from being used.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._paths = [(_label(number, url), url) for number, url in enumerate(urls, start=1)]

    def __repr__(self) -> str:
        return f"Pager({', '.join(self.paths)})"

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the labels of all paths, in order."""
        return tuple(label for label, _ in self._paths)

    def page(self, title: str, body: str, *, every_path: bool = False) -> list[PageAttempt]:
        """Try the paths in order until one takes the page, and return each attempt made.

        No attempt with `ok` means that nobody was paged: the list is empty when there are no paths. This
        never raises for a failing service.

        Args:
            title: One line.
            body: Plain text, without data of the people affected.
            every_path: Go on after a success, for an alarm that must reach several places.
        """
        attempts: list[PageAttempt] = []
        for label, url in self._paths:
            attempts.append(PageAttempt(path=label, ok=_notify(url, title, body)))
            if attempts[-1].ok and not every_path:
                break
        return attempts


def _notify(url: str, title: str, body: str) -> bool:
    """Hand one page to one service.

    Apprise turns failures of a service, whatever they are, into False.
    """
    with _quiet():
        service = _apprise().Apprise()
        # add() is False for an address without a service. Text: apprise would otherwise guess the format.
        return bool(service.add(url) and service.notify(body=body, title=title, body_format="text"))


@cache
def _apprise() -> ModuleType:
    """Import apprise with its services: only when paging, because it takes long and few programs page."""
    with warnings.catch_warnings():
        # Its services import the deprecated imghdr, on the first use of any of them (1.13.1 on Python 3.11).
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise

        apprise.Apprise.instantiate("json://localhost")
    return apprise


class _SecretsStayHere(logging.Filter):
    """Drops what apprise and its HTTP client log while we page: parts of addresses, and texts."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _paging.get()


_paging: ContextVar[bool] = ContextVar("paging", default=False)
_filter = _SecretsStayHere()


@contextmanager
def _quiet() -> Iterator[None]:
    for name in ("apprise", "urllib3.connectionpool"):
        logging.getLogger(name).addFilter(_filter)  # adding it again does nothing
    token = _paging.set(True)
    try:
        yield
    finally:
        _paging.reset(token)


def _label(number: int, url: str) -> str:
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+]{0,30})://", url)
    if scheme is None:
        raise PermanentError(
            f"paging: address {number} has no service; write one like slack://… (the rest is kept secret)"
        )
    return f"{number}-{scheme[1].lower()}"
