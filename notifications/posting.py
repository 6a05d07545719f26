"""One HTTP POST that is made once, and what its failure means for the message in it.

The only module that knows httpx's exceptions. The question behind every line is whether the other side can
have accepted the message: *certainly not* is transient or permanent, everything else is unknown. Nothing
here retries, follows a redirect, or lets a text of the other side into an error.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from notifications.errors import NotificationError, OutcomeUnknownError, PermanentError, TransientError

# No header of a provider may silence us for longer: a legal deadline may be nearer than its reset.
LONGEST_RETRY_AFTER_SECONDS = 3600.0

# Raised before a byte of the request has left: name lookup, connection, TLS handshake, our own pool, proxy.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


def timeouts(seconds: float) -> httpx.Timeout:
    """Return explicit limits for connecting, writing, reading and waiting for a free connection."""
    return httpx.Timeout(seconds, connect=min(10.0, seconds), pool=min(10.0, seconds))


def checked_url(url: str, *, channel: str) -> str:
    """Return `url` without a trailing slash, or refuse it.

    Plain http is for doubles on this machine only: anywhere else it would show the key and the letter.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        parsed = httpx.URL()
    host = parsed.raw_host.decode("ascii")
    if parsed.scheme not in {"http", "https"} or not re.fullmatch(r"[A-Za-z0-9._:-]+", host):
        raise PermanentError(f"{channel}: the address is not an https:// URL", channel=channel)
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise PermanentError(f"{channel}: the URL must hold no password, query or fragment", channel=channel)
    if parsed.scheme == "http" and not is_loopback(host):
        raise PermanentError(f"{channel}: plain http is for this machine only; use https", channel=channel)
    return str(parsed).rstrip("/")


def is_loopback(host: str) -> bool:
    """Tell whether `host` names this machine, without asking the DNS."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def post_once(
    client: httpx.Client,
    url: str,
    *,
    channel: str,
    content: bytes,
    headers: Mapping[str, str],
    timeout: httpx.Timeout,
) -> httpx.Response:
    """Send `content` and return whatever answer arrives.

    Raises:
        TransientError: No connection came about; nothing was sent.
        OutcomeUnknownError: The connection failed once the request was under way. A write error is counted
            here as well: how much had arrived cannot be known.
    """
    failure: NotificationError
    try:
        return client.post(
            url, content=content, headers=dict(headers), timeout=timeout, follow_redirects=False
        )
    except _NOT_SENT as error:
        failure = TransientError(
            f"{channel}: no connection ({type(error).__name__}); nothing was sent", channel=channel
        )
    except httpx.RequestError as error:
        failure = OutcomeUnknownError(
            f"{channel}: the connection failed before the answer ({type(error).__name__}); "
            "the message may have been accepted. Check before sending again",
            channel=channel,
        )
    raise failure  # here, not in the handler: httpx's error carries the request, and with it the message


def failure_of(
    response: httpx.Response, *, channel: str, now: datetime, fields: tuple[str, ...] = ()
) -> NotificationError:
    """Return the error an answer other than the expected one stands for.

    A 5xx is unknown rather than transient: gateways send it for requests that a machine behind them has
    long accepted.
    """
    status = response.status_code
    about = f" about {', '.join(fields)}" if fields else ""
    if status in {408, 429}:
        return TransientError(
            f"{channel}: not now (HTTP {status}); nothing was accepted",
            channel=channel,
            status=status,
            retry_after_seconds=retry_after_seconds(response.headers, now=now),
        )
    if status in {401, 403}:
        return PermanentError(
            f"{channel}: the key was refused, or may not do this (HTTP {status}){about}; check it",
            channel=channel,
            status=status,
            fields=fields,
        )
    if 300 <= status < 500:
        return PermanentError(
            f"{channel}: the request was refused (HTTP {status}){about}",
            channel=channel,
            status=status,
            fields=fields,
        )
    return OutcomeUnknownError(
        f"{channel}: unclear answer (HTTP {status}); the message may have been accepted. "
        "Check before sending again",
        channel=channel,
        status=status,
    )


def retry_after_seconds(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Return how long to wait by `Retry-After`, else by `X-RateLimit-Reset`, at most an hour.

    `Retry-After` is a number of seconds or a date; SendGrid's reset is the Unix time at which the window
    ends. Nonsense counts as silence: None.
    """
    seconds = _seconds_until(headers.get("retry-after"), now)
    if seconds is None:
        seconds = _seconds_until(headers.get("x-ratelimit-reset"), now)
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def _seconds_until(value: str | None, now: datetime) -> float | None:
    if value is None or not value.isascii() or len(value) > 40:
        return None
    if value.strip().isdigit():
        number = float(value)
        return number - now.timestamp() if number > 1_000_000_000 else number
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
