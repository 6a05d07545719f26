"""Signed alerts of programs: whose they are is shown by the secret they were signed with, before they are read.

The scheme is that of standardwebhooks.com: HMAC-SHA256 over id, timestamp and the raw body. A delivery that comes
again within the window adds nothing, since each alert is known by its own key.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from incident_flows.core.lifecycle import Actor
from incident_flows.services.alerts import TakenIn, take_in
from incident_flows.services.desk import Desk
from notifications.errors import PermanentError, SignatureError
from notifications.webhook import SigningKey, verify


@dataclass(frozen=True)
class Intake:
    """Who may hand in alerts of a product without an account.

    Attributes:
        source: The product: a file in playbooks/intake.
        organisation: Whose systems raise them.
        keys: Shared with the sender; two during a rotation.
    """

    source: str
    organisation: str
    keys: tuple[SigningKey, ...]


def signing_key(secret: str, number: int = 0) -> SigningKey:
    """Return the key of a secret as it is written in a setting.

    Raises:
        PermanentError: It has fewer than 24 bytes, or should be base64 and is not.
    """
    if not secret.startswith("whsec_"):  # as the libraries of standardwebhooks.com write them
        return SigningKey(f"k{number}", secret.encode())
    try:
        return SigningKey(f"k{number}", base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except (binascii.Error, ValueError):
        raise PermanentError("webhook: a secret begins with whsec_ and is not base64 after it") from None


def intake(
    desk: Desk, source: str, body: bytes, headers: Mapping[str, str], *, now: datetime
) -> list[TakenIn]:
    """Take in a signed delivery, as an actor that may do nothing but open; its secret says whose systems they are.

    Args:
        body: As received: the signature is over these bytes.

    Raises:
        SignatureError: Nobody we know signed it for this product, or too long ago; nothing was believed.
        InputError: It is genuine and cannot be used.
    """
    for one in desk.intake:
        if one.source != source:
            continue
        for key in one.keys:  # the sender need not say which
            try:
                verify(body, {**headers, "webhook-key-id": key.id}, keys=[key], now=now)
            except SignatureError:
                continue
            actor = Actor(f"intake {source}", f"intake {source}", frozenset({"reporter"}))
            return take_in(desk, source, body, organisation=one.organisation, actor=actor, now=now)
    raise SignatureError("intake: no known secret made this signature, or too long ago; nothing was believed")
