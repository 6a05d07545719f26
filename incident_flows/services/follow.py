"""Follows letters after they left: the provider's events, put down at once, counted by the next tick.

An event proves that its batch was accepted: a batch in doubt, or about to be sent again, is settled by it.
The absence of events proves nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from incident_flows.core.fates import STATES, Event, Fates, counts_of, event_of, read_events, unreached
from incident_flows.core.json_faults import why_not_json
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import InputError
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.letters import number_at
from incident_flows.storage.database import Tx
from notifications.webhook import SENDGRID_FRESHNESS, verify_sendgrid_events

LARGEST = 5_000_000  # bytes of one callback
AT_ONCE = 200_000  # events counted in one transaction
UNUSED = "events-unused:"  # marks, one a day: how many events were of no known kind, or about no letter of ours
UNUSED_KEPT = timedelta(days=30)
UNUSED_SHOWN = 7  # days
ANSWERED = "answers-counted"
BY_EVENT = "an event of the provider"


@dataclass
class Received:
    """What came of one callback: events put down, and those about no letter of ours or of no known kind."""

    events: int = 0
    strange: int = 0


@dataclass
class Counted:
    """What counting did: new events, repeated ones, those of unknown letters, batches settled by proof."""

    events: int = 0
    repeated: int = 0
    unknown: int = 0
    batches: int = 0
    proved: int = 0

    def to_json(self) -> dict[str, int]:
        """Return what `breach follow --json` prints."""
        return asdict(self)


def receive(
    desk: Desk, body: bytes, *, now: datetime, headers: Mapping[str, str] | None = None,
    freshness: timedelta | None = SENDGRID_FRESHNESS,
) -> Received:  # fmt: skip
    """Put down the events of one callback, durably, without the addresses in them.

    Args:
        body: As received: the signature is over these bytes.
        headers: Of a callback from outside, whose signature is checked; None for a file a person hands in.
        freshness: How old a signature may be.

    Raises:
        SignatureError: Nobody we know signed it, or too long ago; nothing was believed.
        InputError: It is no list of events.
    """
    if len(body) > LARGEST:
        raise InputError(f"events: {len(body)} bytes; a callback has at most {LARGEST}")
    if headers is not None:
        verify_sendgrid_events(body, headers, public_keys=desk.event_keys, now=now, freshness=freshness)
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(
            f"events: is not JSON{why_not_json(error)}; hand in what the provider posted, as it came"
        ) from None
    if not isinstance(given, list):
        raise InputError("events: is not a list of events; hand in what the provider posted, as it came")
    events, strange = read_events(given)
    if events or strange:
        kept = orjson.dumps([[one.nonce, one.place, one.rank, one.at] for one in events])
        with desk.database.write() as tx:
            if events:
                tx.fates.put_down(now, len(events), kept)
            if strange:
                _not_used(tx, now, strange=strange)
    return Received(len(events), strange)


def _not_used(tx: Tx, now: datetime, **counts: int) -> None:
    old = f"{UNUSED}{now.astimezone(UTC).date() - UNUSED_KEPT}"
    tx.leases.forget(name for name in tx.leases.marks(UNUSED) if name < old)
    tx.leases.add(f"{UNUSED}{now.astimezone(UTC).date()}", counts)


def unused(tx: Tx, *, now: datetime) -> dict[str, int]:
    """Return how many events of the last days were of no known kind (`strange`) or about no letter of ours."""
    since = f"{UNUSED}{now.astimezone(UTC).date() - timedelta(days=UNUSED_SHOWN - 1)}"
    found = Counter({"strange": 0, "unknown": 0})
    for name, counts in tx.leases.marks(UNUSED).items():
        if name >= since:
            found.update(counts)
    return {"days": UNUSED_SHOWN, **found}


def events_unused(desk: Desk, *, now: datetime) -> dict[str, int]:
    """Return the same for a page."""
    with desk.database.read() as tx:
        return unused(tx, now=now)


def count(desk: Desk, *, now: datetime) -> Counted:
    """Count everything that was put down into the states of the letters."""
    done = Counted()
    while True:
        with desk.database.write() as tx:
            taken = tx.fates.take(AT_ONCE)
            if not taken:
                return done
            by_nonce: dict[str, list[Event]] = defaultdict(list)
            for row in taken:
                for nonce, place, rank, at in orjson.loads(row.body):
                    by_nonce[nonce].append(event_of(nonce, place, STATES[rank], at))
            _count(tx, desk, by_nonce, done, now=now)
            desk.reached("follow:before-commit")


def _count(tx: Tx, desk: Desk, by_nonce: Mapping[str, Sequence[Event]], done: Counted, *, now: datetime) -> None:
    batches = tx.fates.batches(by_nonce)
    unknown = sum(len(events) for nonce, events in by_nonce.items() if nonce not in batches)
    if unknown:
        _not_used(tx, now, unknown=unknown)
    known = tx.fates.of([batch.id for batch in batches.values()])
    rows = []
    lost: dict[int, tuple[Any, list[tuple[int, str]]]] = {}
    for nonce, batch in batches.items():
        stored = known.get(batch.id)
        fates = Fates.of(batch.count, *((stored.states, stored.seen) if stored else ()))
        fates.apply(by_nonce[nonce])
        done.events += fates.counted
        done.repeated += fates.repeated
        if fates.counted:
            last = max(one.at for one in by_nonce[nonce])
            rows.append(
                {
                    "batch_id": batch.id, "incident_id": batch.incident_id, "notice_id": batch.notice_id,
                    "states": bytes(fates.states), "seen": bytes(fates.seen),
                    "counted": fates.counted + (stored.counted if stored else 0),
                    "repeated": fates.repeated + (stored.repeated if stored else 0),
                    "last_at": datetime.fromtimestamp(last, UTC),
                }
            )  # fmt: skip
        if fates.lost and batch.address == 1 and not batch.seed:
            lost[batch.id] = (batch, [(place, STATES[fates.states[place]]) for place in fates.lost])
        done.proved += _proves(tx, desk, batch, now=now)
    tx.fates.save(rows)
    for id_, numbers in tx.fates.numbers(lost).items():
        batch, places = lost[id_]
        people = [(number_at(numbers, place), why) for place, why in places]
        tx.seconds.add(batch.notice_id, batch.incident_id, people, now)
    done.batches += len(rows)
    done.unknown += unknown


def _proves(tx: Tx, desk: Desk, batch: Any, *, now: datetime) -> bool:
    """Settle a batch nobody knew the outcome of: there is an event about it, so the provider has it."""
    doubtful = batch.state == "in-doubt" or (batch.state == "quarantined" and batch.error_kind == "margin")
    again = batch.state == "planned" and batch.error_kind == "sent again"
    if not doubtful and not again:
        return False
    if not tx.letters.set(
        batch.id, batch.state, state="released", resolved_by=BY_EVENT, done_at=now, progress=batch.count,
        error_kind=None, retry_at=None,
    ):  # fmt: skip
        return False
    ref = tx.notices.by_id(batch.notice_id)
    write_journal(
        tx, desk, at=now, actor="engine", act="doubt-resolved", ref=ref.incident_ref, subject=ref.ref,
        payload={"outcome": "arrived", "because": BY_EVENT, "people": batch.count},
    )  # fmt: skip
    return True


@dataclass(frozen=True)
class Followed:
    """What is known of an incident's letters after they left.

    Attributes:
        by_notice: Per notice, how many people's letters are in which state by the provider's events.
        second: The same of those that went to a second address.
        replies: Answers people wrote, as counted by hand.
        calls: Calls of people, likewise.
    """

    by_notice: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    second: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    replies: int = 0
    calls: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what `breach follow ID --json` prints."""
        return asdict(self)


def followed(desk: Desk, ref: str) -> Followed:
    """Return what became of an incident's letters."""
    with desk.database.read() as tx:
        return followed_in(tx, ref)


def followed_in(tx: Tx, ref: str) -> Followed:
    """The same within a transaction."""
    incident = tx.incidents.get(ref)
    names = {one.id: one.ref for one in tx.notices.list(ref)}
    found: dict[str, Counter[str]] = defaultdict(Counter)
    second: dict[str, Counter[str]] = defaultdict(Counter)
    for notice_id, address, states, _ in tx.fates.states(incident.id):
        (found if address == 1 else second)[names[notice_id]].update(counts_of(states))
    answered = [row.payload for row in tx.journal.entries(ref, limit=100_000) if row.act == ANSWERED]
    return Followed(
        {name: dict(counts) for name, counts in sorted(found.items())},
        {name: dict(counts) for name, counts in sorted(second.items())},
        sum(one.get("replies", 0) for one in answered),
        sum(one.get("calls", 0) for one in answered),
    )


def unreached_people(tx: Tx, incident_id: int, notice_id: int | None = None) -> dict[int, str]:
    """Return by number who was not reached, and the word for why.

    Whoever's letter is on its way to a second address, or did not come back from there, is not among them.
    """
    first: dict[int, dict[int, str]] = defaultdict(dict)
    second: dict[int, dict[int, str]] = defaultdict(dict)
    for notice, address, states, numbers in tx.fates.states(incident_id, notice_id):
        into = (first if address == 1 else second)[notice]
        for place, word in unreached(states):
            into[number_at(numbers, place)] = word
    found: dict[int, str] = {}
    for notice in {*first, *second}:
        tried = {number for number, state in tx.seconds.states(notice).items() if state == "planned"}
        found |= {number: why for number, why in first[notice].items() if number not in tried}
        found |= second[notice]
    return found


def answers(
    desk: Desk, ref: str, *, replies: int, calls: int, actor: Actor, now: datetime
) -> Followed:
    """Record how many people wrote back or called since the last count.

    Raises:
        InputError: A number is negative, or both are 0.
    """
    actor.require("acknowledge")
    if replies < 0 or calls < 0 or not replies + calls:
        raise InputError("follow: count replies or calls, by a number above 0")
    with desk.database.write() as tx:
        tx.incidents.lock(ref)
        write_journal(
            tx, desk, at=now, actor=actor.name, act=ANSWERED, ref=ref, subject="letters",
            payload={"replies": replies, "calls": calls},
        )  # fmt: skip
        return followed_in(tx, ref)
