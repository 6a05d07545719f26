"""Second addresses: whoever's letter did not arrive at the first one gets it at the other, once; then comes paper.

Who that is was put down when the events were counted, in the same transaction; here it is made into batches of
their own in the same ledger. A person is settled and their batch stored together, so nothing is left out or
done twice, whatever arrives late.
"""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incident_flows.errors import NotApprovedError
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.exact import require_approved
from incident_flows.services.letters import LARGEST_BATCH, letter_of, numbers_of, packed_numbers, window_of
from incident_flows.services.packing import batch_format, seal
from incident_flows.services.people import Person, open_block
from incident_flows.services.wordings import addresses_of, key_for, letters_key, reader_of
from incident_flows.storage.database import Tx
from notifications.letters import Reader

AT_ONCE = 5000  # people settled in one transaction
ENGINE = "engine"
BY_POST = "by-post"


@dataclass
class Tried:
    """What was made of people a letter did not reach: sent to a second address, or there is none."""

    planned: int = 0
    without: int = 0


def queue_refused(desk: Desk, notice: Any, *, now: datetime) -> int:
    """Put down people whose first address the provider refused; return how many were not known yet."""
    with desk.database.write() as tx:
        lost = [
            (number, "refused")
            for row in tx.letters.without_mail(notice.id)
            if row.error_kind == "refused" and row.address == 1
            for number in numbers_of(row.numbers)
        ]
        return tx.seconds.add(notice.id, notice.incident_id, lost, now) if lost else 0


def plan_second(desk: Desk, ref: str, notice: Any, *, now: datetime) -> Tried:
    """Plan the letter anew, to the second address, for everybody it is due for.

    Raises:
        NotApprovedError: The text is not the one that was approved.
    """
    done, why = Tried(), Counter[str]()
    with desk.database.read() as tx:
        run = tx.letters.run(notice.id)
        if run is None or run.switch != "go" or run.people is None or not tx.seconds.due(notice.id, 1):
            return done
        require_approved(tx, desk, ref, notice)
    while _page(desk, ref, notice, run, done, why, now=now):
        desk.reached("second:planned")
    with desk.database.write() as tx:
        write_journal(
            tx, desk, at=now, actor=ENGINE, act="second-addresses", ref=ref, subject=notice.ref,
            payload={"people": done.planned, "without": done.without, "because": dict(sorted(why.items()))},
        )  # fmt: skip
    return done


def go_on_second(desk: Desk, notices: Sequence[int], *, now: datetime) -> int:
    """Plan and send what is due at second addresses, for a tick; return to how many people letters went.

    Args:
        notices: By number, those that have somebody due or a batch to leave.
    """
    from incident_flows.services.broadcast import go_on

    sent = 0
    with desk.database.read() as tx:
        rows = [tx.notices.by_id(one) for one in notices]
    for notice in rows:
        try:
            plan_second(desk, notice.incident_ref, notice, now=now)
        except NotApprovedError:
            continue  # whoever sends or verifies is told; a tick goes on with the others
        sent += go_on(desk, notice.incident_ref, notice.ref, now=now)
    return sent


def _page(
    desk: Desk, ref: str, notice: Any, run: Any, done: Tried, why: Counter[str], *, now: datetime
) -> bool:
    """Settle some of those who are due; return whether there were any."""
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        rows = tx.seconds.due(notice.id, AT_ONCE)
        if not rows:
            return False
        batches: dict[str, list[tuple[int, Reader]]] = defaultdict(list)
        none: list[int] = []
        printed = BY_POST in tx.people.exception_counts(incident.id)
        for person in _people(tx, desk, incident, [row.number for row in rows]):
            reader = _second(desk, notice, person)
            held = tx.people.exception(incident.id, person.number) if printed else None
            if reader is None or (held is not None and held.state == BY_POST):
                none.append(person.number)
            else:
                batches[key_for(person, notice.variants) or ""].append((person.number, reader))
        tx.seconds.settle(notice.id, none, "none")
        most = min([LARGEST_BATCH, *(many for _, many in window_of(desk.sending_limit))])
        for key, people in batches.items():
            for some in _apart(people, most):
                _plan(tx, desk, incident, notice, run, key, some)
                done.planned += len(some)
        done.without += len(none)
        why.update(row.why for row in rows)
        desk.reached("second:before-commit")
    return True


def _people(tx: Tx, desk: Desk, incident: Any, numbers: Sequence[int]) -> Iterator[Person]:
    """Yield people by number; each block is opened once."""
    at = 0
    while at < len(numbers):
        block = tx.people.block_of(incident.id, numbers[at])
        opened = open_block(desk, incident, block)
        while at < len(numbers) and numbers[at] < block.first + block.count:
            yield opened[numbers[at] - block.first]
            at += 1


def _second(desk: Desk, notice: Any, person: Person) -> Reader | None:
    found = addresses_of(person)
    if len(found) < 2:
        return None
    named = reader_of(person, nobody=desk.library.notices.nobody(notice.language))
    return Reader(found[1], named.name if named else None)


def _apart(people: Sequence[tuple[int, Reader]], most: int) -> Iterator[list[tuple[int, Reader]]]:
    """Yield the people in batches, an address once in each: one twice would have the whole request refused."""
    some: list[tuple[int, Reader]] = []
    seen: set[str] = set()
    for number, reader in people:
        plain = reader.email.casefold()
        if some and (len(some) == most or plain in seen):
            yield some
            some, seen = [], set()
        some.append((number, reader))
        seen.add(plain)
    if some:
        yield some


def _plan(
    tx: Tx, desk: Desk, incident: Any, notice: Any, run: Any, key: str, people: Sequence[tuple[int, Reader]]
) -> None:
    form, nonce = batch_format(desk), secrets.token_hex(12)
    numbers = [number for number, _ in people]
    packed = form.pack([reader for _, reader in people], letter_of(desk, notice, key), run.tag)
    if tx.seconds.settle(notice.id, numbers, "planned", nonce) != len(numbers):
        raise AssertionError("somebody settled second addresses without the incident's lock")
    tx.letters.add(
        [
            {
                "notice_id": notice.id, "incident_id": incident.id, "wave": max(run.wave, 1), "address": 2,
                "variant": letters_key(notice.language, key), "template_sha256": notice.sha256,
                "count": len(numbers), "numbers": packed_numbers(numbers), "nonce": nonce, "form": form.name,
                "sealed": seal(desk, incident.wrapped_key, incident.ref, nonce, packed),
            }
        ]
    )  # fmt: skip
