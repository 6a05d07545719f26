"""Takes in the people to be told from a list: every row accepted, a duplicate, or refused with a reason.

People are sealed in the incident's vault, a block at a time, before they touch the database; a refused row is
reported by its line and the reason, never by its content, unless the person asks for it in a file of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from incident_flows.core.facts import People
from incident_flows.core.lifecycle import Actor
from incident_flows.core.listed import against_facts
from incident_flows.core.story import Difference
from incident_flows.errors import IllegalTransitionError, InputError, StorageError
from incident_flows.knowledge.languages import language_codes
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.letters import policy_of
from incident_flows.services.packed import Packed, alone_in, guarded_in, pack, unpack
from incident_flows.services.people import purpose_of, summary_of
from incident_flows.services.people_file import Asked, Listed, PeopleFile
from incident_flows.services.people_rows import BIRTH_SET_ASIDE, UNKNOWN_LANGUAGE, Layout, minors_from
from incident_flows.services.people_workers import PackedBlock, Result, results
from incident_flows.services.refused_file import RefusedFile
from incident_flows.services.seen import Seen
from incident_flows.storage.database import Tx
from incident_flows.storage.people import DIGEST_BYTES, NewBlock

BATCH = 1000  # people to a block
BLOCKS_AT_ONCE = 8  # blocks to a transaction
LISTED = 10_000  # refused rows that are named one by one; more than that is a wrong file
SHOWN = 5  # people of a preview

Progress = Callable[[int, int], None]


@dataclass
class Imported:
    """What taking in a file did, or would do.

    Attributes:
        refused: Line number (from 1, the header being 1) and reason, of the first `LISTED` rows not taken in.
        refused_total: How many rows were not taken in.
        warned: Line and what to look at, of the first `LISTED` rows taken in with a doubt.
        by_post: People taken in without an address, who can be reached by post only.
        minors_alone: Minors taken in who have no guardian on the list.
        noted: How many rows had a language or a date of birth that could not be used.
        differs: Where the whole list, this file with what was there, contradicts the facts.
        columns: Our names of the columns used, with their headings.
        shown: Of a preview: the first people, masked.
    """

    accepted: int = 0
    duplicates: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    refused_total: int = 0
    total: int = 0
    warned: list[tuple[int, str]] = field(default_factory=list)
    by_post: int = 0
    minors_alone: int = 0
    noted: Counter[str] = field(default_factory=Counter)
    differs: list[Difference] = field(default_factory=list)
    columns: dict[str, list[str]] = field(default_factory=dict)
    shown: list[dict[str, Any]] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count a piece of the file."""
        self.total += result.rows
        self.refused_total += len(result.refused)
        self.refused += result.refused[: LISTED - len(self.refused)]
        self.warned += result.warned[: LISTED - len(self.warned)]
        self.noted += result.noted


def import_recipients(
    desk: Desk,
    ref: str,
    path: Path,
    *,
    actor: Actor,
    now: datetime,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    columns: dict[str, str] | None = None,
    sheet: str | None = None,
    expect: int | None = None,
    refused_to: Path | None = None,
    preview: bool = False,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Imported:
    """Take in a list with a header line and an address column.

    The file is read twice: whole, to be sure that it is a list; then piece by piece, stored some blocks to a
    transaction, so that a long list fills no memory and holds up no reminder. Broken off between, it is simply
    taken in again: nobody is stored twice.

    Args:
        columns: Headings of columns that are not recognised, by our names of them.
        sheet: Of a spreadsheet that has several.
        expect: How many rows there must be; anything else is refused.
        refused_to: A new file for the refused rows, with line and reason.
        preview: Say what would happen, and store nothing.
        progress: Told the rows done and the rows there are.
        workers: Processes that read; None for what suits the file, 0 for this one.

    Raises:
        InputError: Not CSV, a quote left open, the wrong encoding, no address column, nobody in it, another
            number of rows than expected; nothing is taken in.
        IllegalTransitionError: The incident is closed.
    """
    actor.require("recipients")
    file = PeopleFile(path, Asked(encoding, delimiter, columns or {}, sheet))
    export = None
    try:
        listed = file.listed
        if expect is not None and expect != listed.rows:
            raise InputError(
                f"{path.name}: has {listed.rows} rows where {expect} were expected; nothing was taken in"
            )
        export = RefusedFile(refused_to, listed.header) if refused_to is not None else None
        with desk.database.read() as tx:
            intake = _Intake(desk, tx, ref, preview=preview)
        if not preview:
            with desk.database.write() as tx:
                tx.incidents.lock(ref)
                intake.import_id = tx.people.begin_import(
                    intake.incident.id, listed.sha256, now, actor.name
                ).id
        done = intake.result
        done.columns = {
            ours: [listed.header[place] for place in places] for ours, places in listed.columns.items()
        }
        layout = Layout(
            width=len(listed.header),
            columns=listed.columns,
            delimiter=listed.delimiter,
            places=frozenset(desk.library.lawbook.places),
            languages=language_codes() if "language" in listed.columns else {},
            lookup_key=desk.vault.lookup_key(intake.incident.wrapped_key),
            minors_from=minors_from(now.date(), policy_of(desk).of_age),
            today=now.date(),
            keep_refused=export is not None,
        )
        found = results(file.pieces(), layout, block=BATCH, size=listed.size, workers=workers)
        for result in found:
            intake.take(result, now=now)
            if export is not None:
                export.write(result.refused, result.refused_values)
            if progress is not None:
                progress(done.total, listed.rows)
        done.differs = against_facts(intake.told, intake.listed)
        if not preview:
            _finish(desk, ref, intake, listed, actor=actor.name, now=now)
    finally:
        file.close()
        if export is not None:
            export.close()
    return done


class _Intake:
    """The writing end: one process that knows who is there already."""

    def __init__(self, desk: Desk, tx: Tx, ref: str, *, preview: bool) -> None:
        self.incident = tx.incidents.get(ref)
        if self.incident.state == "closed":
            raise IllegalTransitionError(f"{ref} is closed; `breach close {ref} --reopen` opens it again")
        desk.vault.address_hmac(self.incident.wrapped_key, "the master key is the right one")
        self.result = Imported()
        self.import_id: int | None = None
        self._desk, self._preview = desk, preview
        self._seen = Seen()
        self.told = People.model_validate(tx.incidents.facts(ref).facts.get("people") or {})
        self.listed: Counter[str | None] = Counter()
        for (_, place), count in tx.people.by_language_and_place(self.incident.id).items():
            self.listed[place] += count
        self._others: set[bytes] = set()
        self._end = 0
        for first, digests in tx.people.digests(self.incident.id):
            self._seen.add_new(digests)
            self._end = first + len(digests) // DIGEST_BYTES

    def take(self, result: Result, *, now: datetime) -> None:
        """Store what a piece of the file holds, some blocks to a transaction."""
        done = self.result
        done.add(result)
        if self._preview:
            self._show(result)
        blocks = [block for one in result.blocks if (block := self._new(one)).count]
        for start in range(0, len(blocks), BLOCKS_AT_ONCE):
            part = blocks[start : start + BLOCKS_AT_ONCE]
            stored = part if self._preview else self._store(part, now=now)
            done.accepted += sum(block.count for block in stored)
            done.by_post += sum(len(block.without_address) for block in stored)
            done.minors_alone += sum(block.alone for block in stored)
            for _, place, count in (one for block in stored for one in block.summary):
                self.listed[place] += count

    def _show(self, result: Result) -> None:
        for block in result.blocks:
            if len(self.result.shown) < SHOWN:
                people = unpack(block.packed)[: SHOWN - len(self.result.shown)]
                self.result.shown += [_masked(one) for one in people]

    def _new(self, block: PackedBlock) -> PackedBlock:
        """Return a block without those who are there already."""
        known = self._seen.add_new(block.digests)
        return self._without(block, set(known)) if known else block

    def _without(self, block: PackedBlock, places: set[int]) -> PackedBlock:
        self.result.duplicates += len(places)
        kept = [place for place in range(block.count) if place not in places]
        people = unpack(block.packed)
        new = [people[place] for place in kept]
        digests = b"".join(
            block.digests[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES] for place in kept
        )
        without = [place for place, one in enumerate(new) if not one[0]]
        return PackedBlock(
            len(new), pack(new), digests, summary_of(new), without, guarded_in(new), alone_in(new)
        )

    def _store(self, blocks: Sequence[PackedBlock], *, now: datetime) -> list[PackedBlock]:
        desk, incident, stored = self._desk, self.incident, list[PackedBlock]()
        try:
            with desk.database.write() as tx:
                current = tx.incidents.lock(incident.ref)
                if current.wrapped_key is None or current.state == "closed":
                    raise IllegalTransitionError(
                        f"{incident.ref} was closed or its people were shredded meanwhile; "
                        f"{self.result.accepted} people were taken in before"
                    )
                first = tx.people.count(incident.id)
                if first != self._end:
                    self._others |= self._of_others(tx)
                for block in blocks:
                    new = self._apart_from(block)
                    if not new.count:
                        continue
                    sealed = desk.vault.seal(
                        incident.wrapped_key, incident.ref, purpose_of(first), new.packed
                    )
                    row = NewBlock(first, new.count, sealed, new.digests, new.summary, new.guarded, new.alone)
                    tx.people.add_block(incident.id, row, self.import_id)
                    for place in new.without_address:
                        tx.people.except_(incident.id, first + place, "no-address", now)
                    first += new.count
                    stored.append(new)
        except StorageError as error:
            raise StorageError(
                f"{error}\n{self.result.accepted} people were taken in before; import the file again for the rest."
            ) from None
        self._end = first
        desk.reached("recipients:batch-stored")
        return stored

    def _of_others(self, tx: Tx) -> set[bytes]:
        """Return the digests of people somebody else took in since we looked."""
        found: set[bytes] = set()
        for _, digests in tx.people.digests(self.incident.id, after=self._end - 1):
            self._seen.add_new(digests)
            found.update(
                digests[start : start + DIGEST_BYTES] for start in range(0, len(digests), DIGEST_BYTES)
            )
        return found

    def _apart_from(self, block: PackedBlock) -> PackedBlock:
        """Return a block without those others took in after it was compared with who is there."""
        others = self._others
        if not others:
            return block
        known = {
            place
            for place in range(block.count)
            if block.digests[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES] in others
        }
        return self._without(block, known) if known else block


def _finish(
    desk: Desk, ref: str, intake: _Intake, listed: Listed, *, actor: str, now: datetime
) -> None:
    done = intake.result
    assert intake.import_id is not None
    with desk.database.write() as tx:
        tx.people.finish_import(
            intake.import_id, done.accepted, done.refused_total, done.duplicates, done.refused
        )
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor,
            act="recipients-imported",
            ref=ref,
            subject=ref,
            payload={
                "file_sha256": listed.sha256,
                "accepted": done.accepted,
                "duplicates": done.duplicates,
                "refused": done.refused_total,
                "rows": done.total,
                "by_post": done.by_post,
                "minors_alone": done.minors_alone,
                "noted": dict(done.noted),
                "differs": [one.key for one in done.differs],
            },
        )


def _masked(person: Packed) -> dict[str, Any]:
    """Return a person of a preview, so that columns can be checked and nobody is read out.

    >>> _masked(["ana@people.example", "Ana", "es", None])["email"]
    'a***@p***.example'
    """
    local, _, domain = person[0].rpartition("@")
    host, _, top = domain.rpartition(".")
    email = f"{local[:1]}***@{host[:1]}***.{top}" if local else None
    name = f"{person[1][:1]}***" if person[1] else None
    return {"email": email, "name": name, "language": person[2], "place": person[3]}


def imported_json(imported: Imported) -> dict[str, Any]:
    """Return what `--json` prints."""
    found = {
        "rows": imported.total,
        "accepted": imported.accepted,
        "duplicates": imported.duplicates,
        "refused_total": imported.refused_total,
        "refused": [{"line": line, "because": reason} for line, reason in imported.refused],
        "warned": [{"line": line, "because": reason} for line, reason in imported.warned],
        "by_post": imported.by_post,
        "differs": [{"key": one.key, "facts": one.before, "list": one.now} for one in imported.differs],
        "minors_alone": imported.minors_alone,
        "languages_unknown": imported.noted[UNKNOWN_LANGUAGE],
        "birth_dates_set_aside": imported.noted[BIRTH_SET_ASIDE],
        "columns": imported.columns,
    }
    return {**found, "shown": imported.shown} if imported.shown else found


def recipients(desk: Desk, ref: str) -> dict[str, Any]:
    """Return who is to be told, as counts: by language, place and state; and the files they came from."""
    from incident_flows.core.instants import show_utc
    from incident_flows.services.shred import retention_of

    with desk.database.read() as tx:
        incident = tx.incidents.get(ref)
        pairs = tx.people.by_language_and_place(incident.id)
        languages, places = dict[str, int](), dict[str, int]()
        for (language, place), count in pairs.items():
            languages[language or "unknown"] = languages.get(language or "unknown", 0) + count
            places[place or "unknown"] = places.get(place or "unknown", 0) + count
        return {
            "id": ref,
            "people": tx.people.count(incident.id),
            "languages": dict(sorted(languages.items())),
            "places": dict(sorted(places.items())),
            "exceptions": tx.people.exception_counts(incident.id),
            "deliveries": dict(tx.deliveries.counts(incident.id)),
            "imports": [
                {
                    "at": show_utc(row.at),
                    "by": row.by,
                    "file_sha256": row.file_sha256,
                    "accepted": row.accepted,
                    "duplicates": row.duplicates,
                    "refused": row.refused,
                }
                for row in tx.people.imports(incident.id)
            ],
            "shredded": incident.wrapped_key is None,
            "shred_due": retention_of(desk, tx, incident),
        }


def refused_rows(desk: Desk, ref: str) -> list[dict[str, Any]]:
    """Return the refused rows of every file taken in, by line and reason."""
    with desk.database.read() as tx:
        incident = tx.incidents.get(ref)
        return [
            {"import": number, "file_sha256": row.file_sha256, "line": line, "because": reason}
            for number, row in enumerate(tx.people.imports(incident.id), start=1)
            for line, reason in row.refused_rows
        ]
