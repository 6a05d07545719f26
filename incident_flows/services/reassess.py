"""Answers every open incident anew after the law changed, and stores only what became different.

An incident last answered under this very lawbook, with these calendars and these facts, is not asked again;
nor is one whose lawbook differs in regimes only that never touched it and cannot reach it.
One that was asked and gave the same answer is remembered in the cache, by everything its answer depends on,
so that the next run need not ask it; losing the cache costs time, nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from incident_flows.core.assessment import Assessment, law_date, obligation_json
from incident_flows.core.facts import Facts
from incident_flows.core.lifecycle import Actor
from incident_flows.core.situation import Situation
from incident_flows.knowledge.facts_files import Profiles
from incident_flows.knowledge.lawbook import changed_regimes, keep_marks, kept_marks
from incident_flows.knowledge.library import Library
from incident_flows.services.assess import reassess
from incident_flows.services.desk import Desk, write_journal
from incident_flows.storage.database import Tx
from incident_flows.storage.standing import Standing, open_standing, refs_under

ALONE = 400  # incidents up to which starting helpers costs more than they save
TOGETHER = 25  # incidents written in one transaction
Progress = Callable[[int, int], None]
COMPARED = ("obligations", "promises", "not_covered", "law_as_of")


@dataclass
class Report:
    """What answering anew came to.

    Attributes:
        lawbook: The version answered under.
        open: Open incidents looked at.
        skipped: Of those, how many were answered under this lawbook already.
        same: How many gave the same answer.
        changed: Those that did not, with what moved in each.
        failed: Those that could not be answered, and why.
    """

    lawbook: str
    open: int = 0
    skipped: int = 0
    same: int = 0
    changed: dict[str, list[str]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "lawbook": self.lawbook,
            "open": self.open,
            "skipped": self.skipped,
            "same": self.same,
            "changed": [{"incident": ref, "obligations": moved} for ref, moved in self.changed.items()],
            "failed": [{"incident": ref, "because": because} for ref, because in self.failed.items()],
        }

    def lines(self) -> list[str]:
        """Return the report for a person."""
        said = [
            f"lawbook {self.lawbook}: {self.open} open incidents; {self.skipped} answered under it already, "
            f"{self.same} the same, {len(self.changed)} changed, {len(self.failed)} not answered"
        ]
        for ref, moved in self.changed.items():
            shown = ", ".join(moved[:4]) + (f" and {len(moved) - 4} more" if len(moved) > 4 else "")
            said.append(f"  {ref}: {shown or 'reasons or wording'}")
        return said + [f"  ! {ref}: {because}" for ref, because in self.failed.items()]


def reassess_all(
    desk: Desk,
    *,
    actor: Actor,
    now: datetime,
    limit: int | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Report:
    """Answer all open incidents under the desk's lawbook; write those whose answer is another than before.

    Args:
        desk: The connected parts.
        actor: Who asked for it.
        now: The present instant.
        limit: Ask at most so many; the skipped ones do not count.
        progress: Told how many of how many are done.
        workers: Helper processes; default: two where it pays, none for few incidents.
    """
    actor.require("update")
    report = Report(lawbook=desk.library.lawbook.version)
    marks = kept_marks(desk.library.cache, _under(desk.library))
    asked = _to_be_asked(desk, report, marks)
    if limit is not None:
        asked = asked[:limit]
    for done, verdict in enumerate(_answers(desk, asked, now.date(), workers), start=1):
        standing, moved = verdict
        if isinstance(moved, str):
            report.failed[standing.ref] = moved
        elif moved is None:
            report.same += 1
            if not _by_day_of_asking(standing):
                marks[standing.ref] = _mark(standing)
        else:
            report.changed[standing.ref] = moved
        if progress is not None and (done % 500 == 0 or done == len(asked)):
            progress(done, len(asked))
    _write(desk, list(report.changed), actor=actor, now=now)
    if asked:
        with desk.database.write() as tx:
            write_journal(
                tx,
                desk,
                at=now,
                actor=actor.name,
                act="reassessed",
                ref=None,
                subject=report.lawbook,
                payload={
                    "open": report.open,
                    "asked": len(asked),
                    "same": report.same,
                    "changed": len(report.changed),
                    "failed": len(report.failed),
                },
            )
    keep_marks(desk.library.cache, _under(desk.library), marks)
    return report


def _write(desk: Desk, refs: Sequence[str], *, actor: Actor, now: datetime) -> None:
    """Store the new answers, some in each transaction; one closed meanwhile is left alone."""
    for first in range(0, len(refs), TOGETHER):
        with desk.database.write() as tx:
            for ref in refs[first : first + TOGETHER]:
                if tx.incidents.get(ref).state == "open":
                    reassess(tx, desk, ref, actor=actor.name, now=now)


# Which incidents need asking


def _under(library: Library) -> str:
    """Return what an answer depends on beside facts and findings: law, policies, calendars, zone data."""
    return json.dumps([library.lawbook.sha256, library.versions], sort_keys=True)


def _to_be_asked(desk: Desk, report: Report, marks: dict[str, list[Any]]) -> list[str]:
    """Return the incidents whose answer may have become another one."""
    asked: list[str] = []
    with desk.database.read() as tx:
        untouched = _Untouched(desk.library, tx)
        for page in open_standing(tx, with_results=False):
            for one in page:
                report.open += 1
                if marks.get(one.ref) == _mark(one):
                    report.skipped += 1
                elif untouched(one):
                    report.skipped += 1
                    marks[one.ref] = _mark(one)
                else:
                    asked.append(one.ref)
    return asked


class _Untouched:
    """Tells incidents that no change of the law since their last answer can have touched.

    Untouched are: one answered under this lawbook; and one whose lawbook differs from this in regimes only
    that neither gave it any obligation then nor can reach it now.
    """

    def __init__(self, library: Library, tx: Tx) -> None:
        self._library = library
        self._tx = tx
        self._since: dict[str, frozenset[str] | None] = {}
        self._had: dict[str, set[str]] = {}

    def __call__(self, one: Standing) -> bool:
        book = self._library.lawbook
        if one.versions != self._library.versions or one.assessed_facts != one.facts_version:
            return False
        if one.lawbook_sha256 is None or _by_day_of_asking(one):
            return False
        changed = self._changed_since(one.lawbook_sha256)
        if changed is None:
            return False
        if not changed:
            return True
        if one.ref in self._had[one.lawbook_sha256]:
            return False
        facts = Facts.model_validate(one.facts)
        [day, _] = law_date(facts) or (date.min, "")
        return not changed & book.reach_index.worth_asking(Situation(facts, book.groups, day))

    def _changed_since(self, sha256: str) -> frozenset[str] | None:
        if sha256 not in self._since:
            now = self._library.lawbook.sha256
            same = sha256 == now
            changed = frozenset() if same else changed_regimes(sha256, now, cache=self._library.cache)
            self._since[sha256] = changed
            self._had[sha256] = refs_under(self._tx, changed or ())
        return self._since[sha256]


def _mark(one: Standing) -> list[Any]:
    """Return what tells this incident's state from every other it ever had."""
    at = one.assessed_at.isoformat() if one.assessed_at else None
    return [one.assessment_version, one.facts_version, at, list(one.finding) if one.finding else None]


def _by_day_of_asking(one: Standing) -> bool:
    """Return whether the answer depends on today: no moment at all is known."""
    return law_date(Facts.model_validate(one.facts)) is None


# Asking


def _answers(
    desk: Desk, refs: Sequence[str], today: date, workers: int | None
) -> Iterator[tuple[Standing, list[str] | str | None]]:
    """Yield each incident with what moved: None for nothing, a text where it could not be answered."""
    wanted = set(refs)
    if workers is None:
        workers = 2 if len(refs) > ALONE and (os.cpu_count() or 1) > 1 else 0
    with desk.database.read() as tx:
        pages = ([one for one in page if one.ref in wanted] for page in open_standing(tx))
        asked = (page for page in pages if page)
        if not workers:
            for page in asked:
                yield from zip(page, _compared(desk.library, page, today), strict=True)
            return
        library = desk.library
        with ProcessPoolExecutor(
            workers,
            mp_context=get_context("spawn"),
            initializer=_start,
            initargs=(library.root, library.profiles, library.cache, library.lawbook.sha256),
        ) as pool:
            while batch := list(islice(asked, workers * 2)):
                answers = [pool.submit(_compared_there, page, today) for page in batch]
                for page, answer in zip(batch, answers, strict=True):
                    yield from zip(page, answer.result(), strict=True)


_there: list[Library] = []  # in a helper process: its library


def _start(root: Path, profiles: Profiles, cache: Path | None, sha256: str) -> None:
    from incident_flows.knowledge.lawbook import load_lawbook

    book = load_lawbook(root, cache=cache)
    if book.sha256 != sha256:
        raise RuntimeError("the law files changed while incidents were being answered; run it again")
    _there[:] = [Library(book, profiles, root, cache)]


def _compared_there(page: list[Standing], today: date) -> list[list[str] | str | None]:
    return list(_compared(_there[0], page, today))


def _compared(library: Library, page: Iterable[Standing], today: date) -> Iterator[list[str] | str | None]:
    for one in page:
        try:
            facts = Facts.model_validate(one.facts)
        except ValidationError as error:
            first = error.errors()[0]["msg"]
            yield f"its stored facts do not fit this version: {first}; correct them with `breach facts`"
            continue
        confirmed = one.finding is not None and one.finding[1] and one.finding[0] == facts.harm.expected
        yield _moved(one, library.assess(facts, today=today, confirmed=confirmed))


def _moved(one: Standing, assessment: Assessment) -> list[str] | None:
    """Return the obligations whose row differs; None if the whole answer is the same as the stored one."""
    if one.result is None or one.assessed_facts != one.facts_version:
        return []
    before, after = json.loads(one.result), _essence(assessment)
    if all(before.get(key) == value for key, value in after.items() if key != "risk") and all(
        before["risk"].get(key) == value for key, value in after["risk"].items()
    ):
        return None
    old = {row["id"]: row for key in ("obligations", "promises") for row in before.get(key, ())}
    new = {row["id"]: row for key in ("obligations", "promises") for row in after[key]}
    return sorted(id_ for id_ in {**old, **new} if old.get(id_) != new.get(id_))


def _essence(assessment: Assessment) -> dict[str, Any]:
    """Return what makes an answer another one: everything but lawbook, versions, questions and what-ifs."""
    risk = assessment.risk
    return {
        "law_as_of": assessment.as_of.isoformat(),
        "risk": {"level": risk.level, "owed_to": risk.owed_to, "because": list(risk.because)},
        "obligations": [obligation_json(one) for one in assessment.obligations],
        "promises": [obligation_json(one) for one in assessment.promises],
        "not_covered": [{"place": gap.place, "because": gap.because} for gap in assessment.gaps],
    }
