"""What the sending of letters shares: the house's policy, the list that is approved, who reads what, the account.

A person is known by their number within the incident; addresses exist in sealed form and in memory only.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from incident_flows.core.instants import show_utc
from incident_flows.errors import InputError
from incident_flows.knowledge.files import read_yaml
from incident_flows.services.desk import Desk
from incident_flows.services.draft import chosen
from incident_flows.services.people import Person
from incident_flows.services.wordings import texts_of
from incident_flows.storage.database import Tx
from notifications.letters import Letter
from notifications.message import Address

Mode = Literal["ask", "at-most-one-duplicate-batch", "zero"]
MODES: tuple[Mode, ...] = ("ask", "at-most-one-duplicate-batch", "zero")
SENDER_LEASE = timedelta(seconds=60)
LARGEST_BATCH = 1000
SEEDS_WAVE = 0
_RANGE = struct.Struct("<BiI")  # nine bytes, which no list of fours has
_LIMIT = re.compile(r"(\d{1,9})/(hour|day)")
_WINDOW = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Policy:
    """How letters leave; see playbooks/policies/sending.yaml."""

    mode: Mode
    connections: int
    schedule: timedelta
    waves: tuple[float, ...]
    waves_from: int
    pause_after: frozenset[int]
    brake_percent: float
    brake_people: int
    of_age: int | None = None

    def wave_of(self, position: int, listed: int) -> int:
        """Return the wave of the person at this place of the list, from 0; the waves count from 1."""
        if listed < self.waves_from:
            return 1
        passed = 0.0
        for wave, share in enumerate(self.waves, start=1):
            passed += share
            if position * 100 < passed * listed:
                return wave
        return len(self.waves) + 1


def policy_of(desk: Desk) -> Policy:
    """Return the house's policy.

    Raises:
        InputError: The file says what cannot be.
    """
    said = read_yaml(desk.library.root / "policies" / "sending.yaml").data
    try:
        mode = said["mode"]
        if mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}")
        return Policy(
            mode=mode,
            connections=min(max(int(said["connections"]), 1), 10),
            schedule=timedelta(minutes=float(said["schedule_minutes"])),
            waves=tuple(float(share) for share in said["waves"]),
            waves_from=int(said["waves_from"]),
            pause_after=frozenset(int(wave) for wave in said["pause_after"]),
            brake_percent=float(said["brake"]["percent"]),
            brake_people=int(said["brake"]["people"]),
            of_age=None if said.get("of_age") is None else int(said["of_age"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"policies/sending.yaml: cannot be used: {error}") from None


def limits_of(text: str | None) -> dict[str, int]:
    """Return how many people may be written to per hour or day, from `5000/hour` or `5000/hour,80000/day`.

    >>> limits_of("5000/hour,80000/day")
    {'hour': 5000, 'day': 80000}
    """
    found: dict[str, int] = {}
    for part in (text or "").replace(" ", "").split(","):
        if not part:
            continue
        match = _LIMIT.fullmatch(part)
        if match is None or int(match[1]) == 0:
            raise InputError("BREACH_SENDING_LIMIT: write it as 5000/hour, 80000/day, or both with a comma")
        found[match[2]] = int(match[1])
    return found


def window_of(limits: Mapping[str, int]) -> list[tuple[timedelta, int]]:
    """Return limits as windows of time with the most people in each."""
    return [(_WINDOW[unit], most) for unit, most in limits.items()]


def list_of(tx: Tx, incident_id: int) -> tuple[str, int]:
    """Return the digest of the list of people, in order, and how many they are.

    It is made over keyed hashes of the addresses, so it gives none of them away and stays when they are shredded.
    """
    digest = hashlib.sha256()
    for first, digests in tx.people.digests(incident_id):
        digest.update(b"%d:" % first + digests)
    return digest.hexdigest(), tx.people.count(incident_id)


def variant(desk: Desk, person: Person, known: list[str], drafted: set[str]) -> str:
    """Return the key of the letter this person gets, among those drafted: its language."""
    wanted = chosen(person.language, person.place, known, desk)
    if wanted in drafted:
        return wanted
    return "en" if "en" in drafted else min(drafted)


def letter_of(desk: Desk, notice: Any, key: str = "") -> Letter:
    """Return one wording of the letter as approved, with the sender set up here."""
    from incident_flows.services.notify import sender_of

    subject, text, html = texts_of(notice, key)
    return Letter(
        sender=sender_of(desk),
        subject=subject,
        text=text,
        html=html,
        key=f"{notice.incident_ref}/{notice.ref}/{notice.sha256[:16]}",
        headers=(("X-Breach-Notice", notice.sha256),),
    )


def letter_key(notice: Any, number: int, channel: str) -> str:
    """Return the idempotency key of one person's copy, for channels that take one message at a time."""
    way = "outbox" if channel == "outbox" else "mail"
    return f"{notice.incident_ref}/{notice.ref}/{notice.sha256[:16]}/{number}/{way}"


def seed_addresses(desk: Desk) -> list[str]:
    """Return the team's own addresses, to which every letter goes first."""
    return [Address(email).email for email in desk.seeds]


def lease_of(notice_id: int) -> str:
    """Return the name of the lease that keeps two senders apart."""
    return f"letters/{notice_id}"


def numbers_of(packed: bytes) -> list[int]:
    """Return the numbers of the people of a batch, in the order of the copies."""
    if len(packed) == _RANGE.size:
        _, first, count = _RANGE.unpack(packed)
        return list(range(first, first + count))
    return [number for (number,) in struct.iter_unpack("<i", packed)]


def number_at(packed: bytes, place: int) -> int:
    """Return the number of one person of a batch, without looking at the others.

    >>> number_at(packed_numbers([7, 70000]), 1), number_at(packed_numbers([7, 8, 9]), 1)
    (70000, 8)
    """
    if len(packed) == _RANGE.size:
        return int(_RANGE.unpack(packed)[1]) + place
    return int.from_bytes(packed[4 * place : 4 * place + 4], "little")


def packed_numbers(numbers: list[int]) -> bytes:
    """Return numbers as a batch keeps them: four bytes each, or first and count where none is left out.

    >>> numbers_of(packed_numbers([7, 70000])), numbers_of(packed_numbers([7, 8, 9]))
    ([7, 70000], [7, 8, 9])
    """
    if numbers and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return _RANGE.pack(0, numbers[0], len(numbers))
    return struct.pack(f"<{len(numbers)}i", *numbers)


def counts_of(tx: Tx, incident_id: int, notice_id: int | None = None) -> dict[str, int]:
    """Return how many deliveries are in each state: single messages and letters to people together."""
    found = dict(tx.deliveries.counts(incident_id, notice_id))
    for state, many in tx.letters.counts(incident_id, notice_id).items():
        found[state] = found.get(state, 0) + many
    return found


def account(desk: Desk, tx: Tx, incident_id: int, *, now: datetime | None = None) -> list[dict[str, Any]]:
    """Return what `show` prints of the letters of an incident: per notice, how far and how fast."""
    found = []
    for run in tx.letters.runs(incident_id):
        notice = tx.notices.by_id(run.notice_id)
        waves: dict[int, dict[str, int]] = {}
        for wave, state, _batches, people in tx.letters.waves(run.notice_id):
            waves.setdefault(wave, {})[state] = people
        found.append(
            {
                "notice": notice.ref,
                "list_sha256": run.list_sha256,
                "listed": run.listed,
                "list_approved_by": run.approved_by,
                "mode": run.mode,
                "switch": run.switch,
                "because": run.because,
                "people": run.people,
                "states": tx.letters.counts(incident_id, run.notice_id),
                "second": tx.letters.counts(incident_id, run.notice_id, address=2),
                "waves": [{"wave": wave, "states": states} for wave, states in sorted(waves.items())],
                "rate_per_second": run.detail.get("rate"),
                "seconds_left": run.detail.get("left"),
                "limit": run.detail.get("limit"),
                "resume_at": show_utc(run.resume_at) if run.resume_at else None,
            }
        )
    return found


def batches_json(tx: Tx, incident_id: int) -> list[dict[str, Any]]:
    """Return the ledger of an incident's letters as evidence: which text left for how many, when, known as what."""
    found = []
    for run in tx.letters.runs(incident_id):
        for row in tx.letters.ledger(run.notice_id):
            found.append(
                {
                    "notice": tx.notices.by_id(run.notice_id).ref,
                    "wave": row.wave,
                    "people": 0 if row.seed else row.count,
                    "address": row.address,
                    "state": row.state,
                    "replaced": row.replaced,
                    "sha256": row.template_sha256,
                    "nonce": row.nonce,
                    "channel": row.channel,
                    "provider_id": row.x_message_id,
                    "claimed_at": show_utc(row.claimed_at) if row.claimed_at else None,
                    "done_at": show_utc(row.done_at) if row.done_at else None,
                    "send_at": show_utc(row.send_at) if row.send_at else None,
                    "error": row.error_kind,
                    "resolved_by": row.resolved_by,
                }
            )
    return found
