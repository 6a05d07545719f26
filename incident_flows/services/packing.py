"""Packs approved letters: the people of one notice, in waves, in sealed batches that only have to be posted.

Broken off, it goes on after the last person whose batch is stored; nobody is packed twice or left out.
"""

from __future__ import annotations

import secrets
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incident_flows.errors import NotApprovedError
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.left_out import in_other_letters
from incident_flows.services.letters import (
    LARGEST_BATCH,
    SEEDS_WAVE,
    letter_of,
    numbers_of,
    packed_numbers,
    policy_of,
    seed_addresses,
    variant,
    window_of,
)
from incident_flows.services.people import Person, blocks
from incident_flows.services.wordings import OWN, key_for, letters_key, reader_of, unplaced
from incident_flows.storage.database import Tx
from notifications.letters import Letter, PlainBatches, Reader

OF_THE_LETTER = ("notice_id", "incident_id", "wave", "variant", "seed", "template_sha256", "form", "address")
AT_ONCE = 16  # batches to a transaction
PLAIN = PlainBatches()


def batch_format(desk: Desk) -> Any:
    """Return what packs for the way letters leave here."""
    return PLAIN if desk.batches is None else desk.batches


def format_called(desk: Desk, form: str) -> Any:
    """Return what packed a batch, which may have been another way of sending than today's."""
    if form == PLAIN.name:
        return PLAIN
    if desk.batches is not None and desk.batches.name == form:
        return desk.batches
    from notifications.sendgrid_batches import SendGridFormat

    return SendGridFormat()


def seal(desk: Desk, wrapped: bytes | None, ref: str, nonce: str, packed: bytes) -> bytes:
    """Return a packed batch, compressed and sealed under its nonce."""
    return desk.vault.seal(wrapped, ref, f"letters:{nonce}", zlib.compress(packed, 1))


def opened(desk: Desk, wrapped: bytes | None, ref: str, nonce: str, sealed: bytes | None) -> bytes:
    """Return what `seal` was given."""
    return zlib.decompress(desk.vault.open_(wrapped, ref, f"letters:{nonce}", sealed))


def unseal(desk: Desk, tx: Tx, wrapped: bytes | None, ref: str, row: Any) -> bytes:
    """Return what is in a batch."""
    return opened(desk, wrapped, ref, row.nonce, tx.letters.body(row.nonce))


def pack_anew(
    desk: Desk, ref: str, notice: Any, row: Any, wrapped: bytes | None, letter: Letter, tag: str
) -> Any:
    """Return a planned batch packed for the way letters leave now; copies that left the old way stay with it."""
    old, new = format_called(desk, row.form), batch_format(desk)
    with desk.database.read() as tx:
        readers = old.readers(unseal(desk, tx, wrapped, ref, row), letter, tag)
    numbers = numbers_of(row.numbers)
    nonce = secrets.token_hex(12)
    rest = {
        "count": len(readers) - row.progress,
        "numbers": packed_numbers(numbers[row.progress :]),
        "nonce": nonce,
        "sealed": seal(desk, wrapped, ref, nonce, new.pack(readers[row.progress :], letter, tag)),
        "form": new.name,
    }
    with desk.database.write() as tx:
        if row.progress == 0:
            tx.letters.set(row.id, "planned", **rest)
            return tx.letters.one_ready(row.id)
        tx.letters.set(
            row.id, "planned", state="accepted", count=row.progress, numbers=packed_numbers(numbers[: row.progress]),
            sealed=None, done_at=row.claimed_at,
        )  # fmt: skip
        tx.letters.add([{**{name: getattr(row, name) for name in OF_THE_LETTER}, **rest}])
        fresh = tx.letters.by_nonce(nonce)
        assert fresh is not None
        return tx.letters.one_ready(fresh.id)


def pack(desk: Desk, ref: str, notice: Any, *, actor: str, now: datetime) -> int:
    """Pack everybody who reads this notice and is not packed yet; return how many people it has in all."""
    return _Packer(desk, ref, notice, now=now).run(actor)


@dataclass
class _Open:
    """A batch of one wording that still takes people."""

    key: str
    numbers: list[int] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)

    def clear(self) -> None:
        self.numbers, self.readers, self.addresses = [], [], set()


class _Packer:
    def __init__(self, desk: Desk, ref: str, notice: Any, *, now: datetime) -> None:
        self.desk, self.ref, self.notice, self.now = desk, ref, notice, now
        self.letters = {key: letter_of(desk, notice, key) for key in (OWN, *notice.variants)}
        self.nobody = desk.library.notices.nobody(notice.language) if notice.variants else ""
        self.format = batch_format(desk)
        self.policy = policy_of(desk)
        with desk.database.write() as tx:
            self.incident = tx.incidents.get(ref)
            run = tx.letters.run(notice.id)
            assert run is not None
            if run.tag is None:
                run = tx.letters.change(notice.id, tag=secrets.token_hex(8))
            self.run_row = run
            self.drafted = {
                one.language for one in tx.notices.list(ref) if one.kind == "people" and one.state != "withdrawn"
            }
        self.known = desk.library.notices.languages("people")
        most = [many for _, many in window_of(desk.sending_limit)]
        self.largest = min([LARGEST_BATCH, *most])
        self.rows: list[dict[str, Any]] = []
        self.open = {key: _Open(key) for key in self.letters}
        self.by_post: list[int] = []
        self.wave = 0
        self.unnamed = self.unplaced = 0
        self.last = -1
        self.done: set[int] = set()

    def run(self, actor: str) -> int:
        after = self.run_row.packed_until
        if after < 0:
            self._seeds()
        elif self.notice.variants:  # batches of several wordings fill up side by side, so the last number says little
            after, self.done = -1, self._packed_before()
        with self.desk.database.read() as tx:
            elsewhere = in_other_letters(tx, self.ref, self.notice)
        listed, mine = self.run_row.listed, dict[tuple[str | None, str | None], bool]()
        for block in blocks(self.desk, self.ref, after=after):
            for person in block.people:
                spoken = (person.language, person.place)
                if spoken not in mine:
                    letter = variant(self.desk, person, self.known, self.drafted)
                    mine[spoken] = letter == self.notice.language
                if person.number < len(elsewhere) and elsewhere[person.number]:
                    continue
                if mine[spoken] and person.number not in self.done:
                    self._take(person, self.policy.wave_of(person.number, listed))
        self._close()
        self._store()
        with self.desk.database.write() as tx:
            whole = sum(many for wave, _, _, many in tx.letters.waves(self.notice.id) if wave != SEEDS_WAVE)
            tx.letters.change(self.notice.id, people=whole)
            write_journal(
                tx,
                self.desk,
                at=self.now,
                actor=actor,
                act="letters-packed",
                ref=self.ref,
                subject=self.notice.ref,
                payload={
                    "people": whole,
                    "list_sha256": self.run_row.list_sha256,
                    "sha256": self.notice.sha256,
                    "names_left_out": self.unnamed,
                    **({"place_not_known": self.unplaced} if self.notice.variants else {}),
                },
            )
        return whole

    def _packed_before(self) -> set[int]:
        with self.desk.database.read() as tx:
            rows = tx.letters.numbers(self.notice.id)
        return {number for row in rows for number in numbers_of(row)}

    def _seeds(self) -> None:
        """Give the team every wording."""
        addresses = seed_addresses(self.desk)
        if addresses:
            for key in self.letters:
                readers = [Reader(email, self.nobody) for email in dict.fromkeys(addresses)]
                self._row(key, readers, list(range(-len(readers), 0)), SEEDS_WAVE, seed=True)

    def _take(self, person: Person, wave: int) -> None:
        reader = reader_of(person, nobody=self.nobody)
        if reader is None:
            self.by_post.append(person.number)
            return
        key = key_for(person, self.letters)
        if key is None:
            raise NotApprovedError(
                f"{self.notice.ref}: somebody is written to through a guardian, and the letter has no wording for "
                f"them; draft it anew (`breach draft {self.ref} {self.notice.oid}`) and approve that"
            )
        if wave != self.wave:
            self._close()
            self.wave = wave
        batch = self.open[key]
        plain = reader.email.casefold()
        if len(batch.readers) == self.largest or plain in batch.addresses:
            self._closed(batch)
        batch.numbers.append(person.number)
        batch.readers.append(reader)
        batch.addresses.add(plain)
        self.unnamed += bool(person.name and not reader.usable_name)
        self.unplaced += len(self.letters) > 1 and unplaced(person.place, self.letters)

    def _close(self) -> None:
        for batch in self.open.values():
            self._closed(batch)

    def _closed(self, batch: _Open) -> None:
        if batch.readers:
            self._row(batch.key, batch.readers, batch.numbers, self.wave)
            batch.clear()
        if self.by_post:
            self._without_address()
        if len(self.rows) >= AT_ONCE:
            self._store()

    def _row(self, key: str, readers: list[Reader], numbers: list[int], wave: int, *, seed: bool = False) -> None:
        nonce = secrets.token_hex(12)
        packed = self.format.pack(readers, self.letters[key], self.run_row.tag)
        self.rows.append(
            {
                **self._same(wave),
                "variant": letters_key(self.notice.language, key),
                "seed": seed,
                "count": len(readers),
                "numbers": packed_numbers(numbers),
                "sealed": seal(self.desk, self.incident.wrapped_key, self.ref, nonce, packed),
                "form": self.format.name,
                "nonce": nonce,
            }
        )
        self.last = max(self.last, numbers[-1])

    def _without_address(self) -> None:
        """Keep an account of people who can be told by post only."""
        for first in range(0, len(self.by_post), LARGEST_BATCH):
            numbers = self.by_post[first : first + LARGEST_BATCH]
            self.rows.append(
                {
                    **self._same(max(self.wave, 1)),
                    "count": len(numbers),
                    "numbers": packed_numbers(numbers),
                    "form": PLAIN.name,
                    "nonce": secrets.token_hex(12),
                    "sealed": None,
                    "state": "quarantined",
                    "error_kind": "post",
                }
            )
        self.last = max(self.last, self.by_post[-1])
        self.by_post = []

    def _same(self, wave: int) -> dict[str, Any]:
        return {
            "notice_id": self.notice.id,
            "incident_id": self.incident.id,
            "wave": wave,
            "variant": self.notice.language,
            "template_sha256": self.notice.sha256,
            "seed": False,
            "state": "planned",
            "error_kind": None,
        }

    def _store(self) -> None:
        if not self.rows:
            return
        with self.desk.database.write() as tx:
            tx.letters.add(self.rows)
            tx.letters.change(self.notice.id, packed_until=max(self.last, self.run_row.packed_until))
        self.rows = []
        self.desk.reached("broadcast:page-planned")
