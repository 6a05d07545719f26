"""Follows letters by asking, where the provider cannot call us: who of its failed addresses got a letter from here.

What is found is put down like the provider's own events and counted by the same code. A tick asks now and then, a
few questions at most, and goes on where the last one stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson

from incident_flows.core.fates import Event, event_of
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.letters import letter_of
from incident_flows.services.packing import format_called, opened
from incident_flows.services.wordings import key_of
from notifications import NotificationError
from notifications.sendgrid_polling import FAILED, PAGE, Failed, FailedAddress

EVERY = timedelta(minutes=10)
FOLLOWED = timedelta(days=7)  # how long after it left a letter is asked about
QUESTIONS = 6  # to the provider, in one tick
OVERLAP = 3600  # seconds: a list may be behind by so much
STATE = "polling"  # mark: where the questions stopped


class Poller(Protocol):
    """Answers what became of addresses and batches; errors are those of a channel."""

    def failed(self, which: Failed, *, since: int, until: int, offset: int, now: float) -> list[FailedAddress]: ...

    def scheduled(self, batch_id: str, *, now: float) -> str | None: ...


@dataclass
class Polled:
    """What asking did: questions, events put down, batches called back anew."""

    questions: int = 0
    events: int = 0
    called_back: int = 0
    fault: str | None = None


def poll(desk: Desk, *, now: datetime) -> Polled:
    """Ask, if it is time and there is anything to ask about."""
    done = Polled()
    poller: Poller | None = desk.poller
    if poller is None:
        return done
    with desk.database.read() as tx:
        state: dict[str, Any] = tx.leases.get(STATE) or {}
        asked_at = state.get("asked_at")
        if asked_at and now - datetime.fromisoformat(asked_at) < EVERY:
            return done
        first = tx.letters.first_claimed(now - FOLLOWED)
        held = tx.letters.held_back(now)
    if first is None and not held:
        return done
    failed: dict[str, dict[Failed, int]] = {}
    try:
        _still_called_back(desk, poller, held, done, now=now)
        if first is not None:
            _ask(poller, state, failed, done, now=now)
    except NotificationError as error:
        done.fault = str(error)
    if failed:
        _put_down(desk, failed, done, now=now)
        desk.reached("polling:before-state")
    with desk.database.write() as tx:  # after the events: what is asked twice is counted once
        tx.leases.put(STATE, {**state, "asked_at": now.isoformat(), "fault": done.fault})
    return done


def _ask(
    poller: Poller, state: dict[str, Any], found: dict[str, dict[Failed, int]], done: Polled, *, now: datetime
) -> None:
    """Add to `found` by address on which lists it stands, and since when; moves `state` on with every answer."""
    for which in FAILED:
        at = dict(state.get(which) or {"since": 0, "until": int(now.timestamp()), "offset": 0})
        while done.questions < QUESTIONS:
            page = poller.failed(
                which, since=at["since"], until=at["until"], offset=at["offset"], now=now.timestamp()
            )
            done.questions += 1
            for one in page:
                found.setdefault(one.email.casefold(), {})[which] = one.at
            if len(page) < PAGE:
                until = int((now + EVERY).timestamp())  # when the list will be asked for next, at the soonest
                state[which] = {"since": max(at["until"] - OVERLAP, 0), "until": until, "offset": 0}
                break
            at["offset"] += PAGE
            state[which] = dict(at)


def _put_down(desk: Desk, failed: Mapping[str, Mapping[Failed, int]], done: Polled, *, now: datetime) -> None:
    """Put events down for every copy that went to one of these addresses."""
    for row, readers in _letters(desk, now=now):
        claimed = int(row.claimed_at.timestamp())
        events = [
            event
            for place, email in enumerate(readers)
            if (lists := failed.get(email)) and (event := _event(row.nonce, place, lists, claimed)) is not None
        ]
        if events:
            kept = orjson.dumps([[one.nonce, one.place, one.rank, one.at] for one in events])
            with desk.database.write() as tx:
                tx.fates.put_down(now, len(events), kept)
            done.events += len(events)


def _event(nonce: str, place: int, lists: Mapping[Failed, int], claimed: int) -> Event | None:
    """Return what the lists say about one copy; None if nothing.

    An address that had failed before is not written to again by the provider; one that is merely blocked is.
    """
    if "blocks" in lists and lists["blocks"] >= claimed:
        return event_of(nonce, place, "blocked", lists["blocks"])
    for which in ("bounces", "invalid_emails"):
        if which in lists:
            at = lists[which]
            return event_of(nonce, place, "bounced" if at >= claimed else "dropped", max(at, claimed))
    return None


def _letters(desk: Desk, *, now: datetime) -> Iterator[tuple[Any, list[str]]]:
    """Yield each batch that left lately, with the addresses of its copies."""
    after = 0
    while True:
        with desk.database.read() as tx:
            rows = tx.letters.left_since(now - FOLLOWED, after)
            found = [(row, tx.notices.by_id(row.notice_id)) for row in rows]
            keys = {
                ref: tx.incidents.get(ref).wrapped_key for ref in {notice.incident_ref for _, notice in found}
            }
            bodies = {row.id: tx.letters.body(row.nonce) for row, _ in found}
            tags = {notice.id: run.tag for _, notice in found if (run := tx.letters.run(notice.id)) is not None}
        if not found:
            return
        for row, notice in found:
            if bodies[row.id] is None:
                continue  # shredded
            packed = opened(desk, keys[notice.incident_ref], notice.incident_ref, row.nonce, bodies[row.id])
            letter = letter_of(desk, notice, key_of(row.variant))
            readers = format_called(desk, row.form).readers(packed, letter, tags[notice.id])
            yield row, [one.email.casefold() for one in readers]
        after = found[-1][0].id


def _still_called_back(desk: Desk, poller: Poller, held: list[Any], done: Polled, *, now: datetime) -> None:
    """See to it that the provider still holds back what was called back, until its time is over."""
    for row in held[: max(QUESTIONS - done.questions, 0)]:
        done.questions += 1
        if poller.scheduled(row.batch_id, now=now.timestamp()) == "cancel" or desk.batches is None:
            continue
        again = desk.batches.cancel(row.batch_id, now=now.timestamp())
        done.called_back += again
        with desk.database.write() as tx:
            notice = tx.notices.by_id(row.notice_id)
            write_journal(
                tx, desk, at=now, actor="engine", act="called-back-again", ref=notice.incident_ref, subject=notice.ref,
                payload={"people": row.count, "taken": again},
            )  # fmt: skip
