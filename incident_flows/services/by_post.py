"""Letters on paper for people whom no e-mail reaches: ready to print, listed, and recorded as given out.

Who that is says the ledger: addresses the provider could not reach, and people taken in without one. The files
hold personal data; they are made where the user says, readable by their owner only, and never again for a
person who was given out before, unless asked.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from incident_flows.core.lifecycle import Actor
from incident_flows.errors import IllegalTransitionError, InputError
from incident_flows.knowledge.documents import Block, Page, letter_blocks
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.follow import unreached_people
from incident_flows.services.letters import numbers_of
from incident_flows.services.people import Person, blocks
from incident_flows.services.wordings import addresses_of, guarded, key_for, texts_of
from incident_flows.storage.database import Tx
from notifications.letters import NAME_MARK

IN_A_FILE = 500  # letters
BY_POST = "by-post"
UNREACHABLE = "unreachable"
NO_ADDRESS = "no e-mail address"
REFUSED = "the provider refused the address"
_FORMULA = tuple("=+-@\t\r＝＋－＠")  # a spreadsheet takes a cell that begins so for a formula


@dataclass
class GivenOut:
    """What was made.

    Attributes:
        letters: People whose letter lies in the files.
        before: People whose letter was given out earlier, and is not in them.
        unreachable: People without a postal address either.
        waiting: People whose second address is still to be tried.
        files: Names, with the SHA-256 of each.
    """

    letters: int = 0
    before: int = 0
    unreachable: int = 0
    waiting: int = 0
    files: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what `breach letters --json` prints."""
        return {
            "letters": self.letters, "before": self.before, "unreachable": self.unreachable,
            "waiting": self.waiting, "files": self.files,
        }  # fmt: skip


def give_out(
    desk: Desk, ref: str, folder: Path, *, actor: Actor, now: datetime, again: bool = False
) -> GivenOut:
    """Write the letters of everybody no e-mail reached into a new folder, and record who they were.

    Args:
        folder: Where the files go; made, or empty.
        again: Also those given out before, as when the files were lost.

    Raises:
        IllegalTransitionError: Nobody's letter was ever approved, or everybody was reached.
        InputError: The folder holds something already, or cannot be made.
    """
    actor.require("recipients")
    with desk.database.read() as tx:
        incident = tx.incidents.get(ref)
        wanted = _without_mail(tx, incident.id)
        letters = {
            run.notice_id: tx.notices.by_id(run.notice_id) for run in tx.letters.runs(incident.id)
        }
        known = {one.number: one.state for one in _exceptions(tx, incident.id)}
        tried = {notice_id: tx.seconds.states(notice_id) for notice_id in letters}
    if not wanted:
        raise IllegalTransitionError(
            f"{ref}: as far as is known every letter reached somebody's mailbox, or none has left yet; "
            f"`breach follow {ref}` shows what the provider said"
        )
    done = GivenOut()
    chosen = {number: why for number, why in wanted.items() if again or known.get(number) != BY_POST}
    done.before = len(wanted) - len(chosen)
    where = _folder(folder)
    by_letter: dict[int, list[tuple[Person, str]]] = defaultdict(list)
    homeless: list[Person] = []
    for person in _people(desk, ref, chosen):
        notice_id, why = chosen[person.number]
        untried = tried[notice_id].get(person.number) not in ("none", "planned")
        if untried and why != NO_ADDRESS and len(addresses_of(person)) > 1 and known.get(person.number) != BY_POST:
            done.waiting += 1
            continue
        if person.postal:
            by_letter[notice_id].append((person, why))
        else:
            homeless.append(person)
    for notice_id, people in sorted(by_letter.items()):
        _write(desk, where, letters[notice_id], people, done, now=now)
    done.unreachable = len(homeless)
    desk.reached("by-post:written")
    with desk.database.write() as tx:
        tx.incidents.lock(ref)
        for people in by_letter.values():
            for person, why in people:
                tx.people.except_(incident.id, person.number, BY_POST, now, {"because": why})
                done.letters += 1
        for person in homeless:
            more = {"because": chosen[person.number][1], "place": person.place}
            tx.people.except_(incident.id, person.number, UNREACHABLE, now, more)
        write_journal(
            tx, desk, at=now, actor=actor.name, act="letters-given-out", ref=ref, subject="letters",
            payload=done.to_json(),
        )  # fmt: skip
    return done


def _without_mail(tx: Tx, incident_id: int) -> dict[int, tuple[int, str]]:
    """Return by number the notice a person's letter is of, and why no e-mail reached them."""
    found: dict[int, tuple[int, str]] = {}
    for run in tx.letters.runs(incident_id):
        for number, why in unreached_people(tx, incident_id, run.notice_id).items():
            found[number] = (run.notice_id, why)
        tried = {number for number, state in tx.seconds.states(run.notice_id).items() if state == "planned"}
        for row in tx.letters.without_mail(run.notice_id):
            why = NO_ADDRESS if row.error_kind == "post" else REFUSED
            lost = [one for one in numbers_of(row.numbers) if row.address == 2 or one not in tried]
            found |= dict.fromkeys(lost, (run.notice_id, why))
    return found


def _exceptions(tx: Tx, incident_id: int) -> Iterator[Any]:
    after = -1
    while page := tx.people.exceptions(incident_id, after=after):
        yield from page
        after = page[-1].number


def _people(desk: Desk, ref: str, wanted: dict[int, Any]) -> Iterator[Person]:
    if not wanted:
        return
    last = max(wanted)
    for block in blocks(desk, ref, after=min(wanted) - 1):
        yield from (one for one in block.people if one.number in wanted)
        if block.first + len(block.people) > last:
            return


def _folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(folder.iterdir()):
            raise InputError(f"{folder}: holds something already; name a new folder, since each lot is for one print")
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}; name another place") from None
    return folder


def _write(
    desk: Desk, folder: Path, notice: Any, people: list[tuple[Person, str]], done: GivenOut, *, now: datetime
) -> None:
    for part, first in enumerate(range(0, len(people), IN_A_FILE), start=1):
        some = people[first : first + IN_A_FILE]
        name = f"{notice.incident_ref}-{notice.ref}-{notice.language}-{part:03}"
        pdf = desk.library.documents.pdf(
            Page(
                title=notice.subject, blocks=_pages(desk, notice, [person for person, _ in some]), on=now,
                language=notice.language, footer=f"{notice.incident_ref} · {notice.ref}", sha256=notice.sha256,
            )
        )  # fmt: skip
        _keep(folder / f"{name}.pdf", pdf, done)
        _keep(folder / f"{name}.csv", _table(desk, notice, some), done)


def _pages(desk: Desk, notice: Any, people: list[Person]) -> list[Block]:
    nobody = desk.library.notices.nobody(notice.language)
    found: list[Block] = []
    for person in people:
        key = key_for(person, notice.variants)
        # A list taken in before letters had wordings for guardians is still spoken to by the guardian's name.
        name = _to(desk, notice, person) if key is None else person.name or (nobody if guarded(person) else None)
        subject, text, html = texts_of(notice, key or "")
        found.append({"kind": "break"})
        found += [{"kind": "para", "text": line} for line in (_to(desk, notice, person), *person.postal) if line]
        said = text.replace(f" {NAME_MARK}", NAME_MARK).replace(NAME_MARK, f" {name}" if name else "")
        found += letter_blocks(subject, said, html)
    return found


def _to(desk: Desk, notice: Any, person: Person) -> str | None:
    """Return the name on the envelope: for a minor the guardian's, or that it is for whoever cares for them."""
    if not guarded(person) or person.guardian_name or not person.name:
        return person.guardian_name if guarded(person) and person.guardian_name else person.name
    return desk.library.notices.to_guardian(notice.language, person.name)


def _table(desk: Desk, notice: Any, people: list[tuple[Person, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    lines = max(len(person.postal) for person, _ in people)
    writer.writerow(
        ["number", "name", *(f"line {place}" for place in range(1, lines + 1)), "language", "notice", "because"]
    )
    for person, why in people:
        to = _to(desk, notice, person)
        postal = [*person.postal, *[""] * (lines - len(person.postal))]
        cells = [str(person.number), to or "", *postal, notice.language, notice.ref, why]
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return text.getvalue().encode("utf-8-sig")


def _keep(path: Path, content: bytes, done: GivenOut) -> None:
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(f"{path.name}: cannot be written: {error.strerror}; nothing was recorded") from None
    done.files[path.name] = hashlib.sha256(content).hexdigest()
