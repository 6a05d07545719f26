"""A request with a key of its own is done once: the same one again gets the same answer.

Only what was done is remembered. A request that was refused did nothing, so its key is free again. A claim whose
holder died lapses, and the request may be done again then: every verb is safe to repeat.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from incident_flows.errors import IllegalTransitionError, InputError
from incident_flows.services.desk import Desk
from incident_flows.services.secrets_kept import OWNER, house_key, house_sign, random_word

CLAIM = timedelta(minutes=5)
KEPT = timedelta(hours=24)
LARGEST = 5_000_000  # bytes of an answer that is kept
LONGEST = 200  # characters of a key


@dataclass(frozen=True)
class Answer:
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Claimed:
    """A request under way: its name, and the word that shows whose it is."""

    name: str
    claim: str


def claim(desk: Desk, token_id: int, key: str, request: str, *, now: datetime) -> Claimed | Answer:
    """Claim a key of a token for a request; return the answer if it was done before.

    Args:
        request: A digest of everything that was asked.

    Raises:
        InputError: The key is empty, too long, or holds more than plain characters.
        IllegalTransitionError: It was used for another request, or this one is being worked on.
    """
    if not 0 < len(key) <= LONGEST or not key.isascii() or not key.isprintable():
        raise InputError(f"Idempotency-Key: write 1 to {LONGEST} plain characters, such as a UUID")
    name = house_sign(desk, "request-key", f"{token_id}\n{key}")
    asked = house_sign(desk, "request", request)
    mine = random_word()
    with desk.database.write() as tx:
        row = tx.named_requests.claim(
            name, request=asked, claim=mine, until=now + CLAIM, expires_at=now + KEPT, now=now
        )
    if row.claim == mine:
        return Claimed(name, mine)
    if row.request != asked:
        raise IllegalTransitionError(
            "Idempotency-Key: was used for another request; name each request by a key of its own"
        )
    if row.answer is None:
        raise IllegalTransitionError(
            "Idempotency-Key: this very request is being worked on; ask again in a moment for its answer"
        )
    head, _, body = desk.vault.open_(house_key(desk), OWNER, f"answer-{name}", row.answer).partition(b"\n")
    kept = json.loads(head)
    return Answer(kept["status"], kept["headers"], body)


def keep(desk: Desk, claimed: Claimed, answer: Answer) -> None:
    """Remember what was answered; what was refused, or is too large, is forgotten and its key free again."""
    if answer.status >= 300 or len(answer.body) > LARGEST:
        release(desk, claimed)
        return
    head = json.dumps({"status": answer.status, "headers": answer.headers}).encode()
    sealed = desk.vault.seal(house_key(desk), OWNER, f"answer-{claimed.name}", head + b"\n" + answer.body)
    with desk.database.write() as tx:
        tx.named_requests.answer(claimed.name, claimed.claim, sealed)


def release(desk: Desk, claimed: Claimed) -> None:
    """Forget a request nothing came of."""
    with desk.database.write() as tx:
        tx.named_requests.release(claimed.name, claimed.claim)
