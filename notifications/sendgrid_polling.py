"""Asking SendGrid what became of letters, where it cannot call us: its lists of failed addresses, called-back batches.

What is asked changes nothing there, so every failure may be tried again. Deliveries cannot be asked for: SendGrid
keeps them in an activity feed that is bought separately.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import httpx
import orjson

from notifications.errors import NotificationError, PermanentError, TransientError
from notifications.posting import checked_url, failure_of, timeouts
from notifications.sendgrid import DEFAULT_URL

Failed = Literal["bounces", "blocks", "invalid_emails"]
FAILED: tuple[Failed, ...] = ("bounces", "blocks", "invalid_emails")
PAGE = 500  # the most SendGrid gives at once


@dataclass(frozen=True, slots=True)
class FailedAddress:
    """An address mail did not get through to, and the Unix time of it."""

    email: str = field(repr=False)
    at: int


class SendGridPolling:
    """Reads lists of failed addresses and the status of scheduled requests.

    Args:
        api_key: Needs *Suppressions* (read) and *Scheduled Sends*.
        base_url: The EU region, or a double for tests.
        client: To swap the transport or share connections; closed by whoever made it.
        timeout_seconds: Longest wait for one step of an exchange.
    """

    name = "sendgrid"

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str = DEFAULT_URL,
        client: httpx.Client | None = None,
        timeout_seconds: float = 30.0,
    ) -> None:
        if not re.fullmatch(r"[\x21-\x7e]+", api_key):
            raise PermanentError("sendgrid: the API key must be one printable word", channel=self.name)
        self._base = f"{checked_url(base_url, channel=self.name)}/v3"
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json"}
        self._timeout = timeouts(timeout_seconds)
        self._client = client or httpx.Client()

    def failed(self, which: Failed, *, since: int, until: int, offset: int, now: float) -> list[FailedAddress]:
        """Return one page of the addresses that failed between two Unix times, both inclusive.

        Raises:
            TransientError: Not now, or no answer; ask again.
            PermanentError: The key may not do this, or the answer makes no sense.
        """
        asked = {"start_time": since, "end_time": until, "limit": PAGE, "offset": offset}
        rows = self._get(f"suppression/{which}", asked, now)
        if not isinstance(rows, list):
            raise PermanentError(f"sendgrid: the list of {which} makes no sense", channel=self.name)
        return [
            FailedAddress(row["email"], row["created"])
            for row in rows
            if isinstance(row, Mapping) and isinstance(row.get("email"), str) and isinstance(row.get("created"), int)
        ]

    def scheduled(self, batch_id: str, *, now: float) -> str | None:
        """Return what was ordered for a scheduled batch, *cancel* or *pause*; None if nothing was. Errors as above."""
        rows = self._get(f"user/scheduled_sends/{batch_id}", {}, now)
        found = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
        return next((str(row.get("status")) for row in found if row.get("batch_id") == batch_id), None)

    def _get(self, path: str, asked: Mapping[str, int], now: float) -> Any:
        failure: NotificationError
        try:
            response = self._client.get(
                f"{self._base}/{path}", params=dict(asked), headers=self._headers, timeout=self._timeout,
                follow_redirects=False,
            )  # fmt: skip
        except httpx.RequestError as error:
            failure = TransientError(f"sendgrid: no answer ({type(error).__name__})", channel=self.name)
        else:
            if response.status_code == httpx.codes.NOT_FOUND:
                return []
            if response.status_code == httpx.codes.OK:
                try:
                    return orjson.loads(response.content)
                except orjson.JSONDecodeError:
                    failure = PermanentError("sendgrid: the answer is not JSON", channel=self.name)
            elif response.status_code >= 500:
                status = response.status_code
                failure = TransientError(f"sendgrid: not now (HTTP {status})", channel=self.name, status=status)
            else:
                failure = failure_of(response, channel=self.name, now=datetime.fromtimestamp(now, UTC))
        raise failure  # here, not in the handler: httpx's error carries the request, and with it the key
