"""Plays a scenario on the real engine with a fast clock, in an installation of its own.

A drill has its own database, outbox and key: a clock that runs through three days in a second must not touch a
real incident. What it plays with is the engine itself: the same verbs, ticks, reminders and records. The team
is played too: `diligent` drafts, has approved and files what it can half an hour after each piece of news;
`idle` does nothing, which shows who would be called when, and what would be missed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from incident_flows.core.facts import Facts
from incident_flows.core.instants import show_utc
from incident_flows.core.lifecycle import ROLES, Actor, effective_status
from incident_flows.core.scenario import Inject, Scenario, dated, offset
from incident_flows.errors import IllegalTransitionError
from incident_flows.services.approve import approve
from incident_flows.services.close import close
from incident_flows.services.desk import Desk, checked_facts
from incident_flows.services.draft import Wanted, draft
from incident_flows.services.notify import notify
from incident_flows.services.open import open_incident
from incident_flows.services.update import change_facts
from incident_flows.services.watch import tick

Team = Literal["diligent", "idle"]
TEAMS: tuple[Team, ...] = ("diligent", "idle")
WORKS_AFTER = timedelta(minutes=30)  # of each piece of news
AS_WRITTEN = Wanted(as_written=True)  # nobody translates in an exercise
STAGES = 4  # a filing may start a later one: rounds of drafting
LONGEST = timedelta(days=14)  # of a drill
AFTERWARDS = timedelta(hours=2)  # after the last deadline, to see what is told then

CONTACT = {"name": "Contact of the drill", "email": "contact@drill.example"}
HANDLER = Actor("drill-handler", "drill-handler", frozenset(ROLES))
APPROVER = Actor("drill-approver", "drill-approver", frozenset(ROLES))


@dataclass
class Report:
    """What happened, and which clocks held.

    Attributes:
        entries: Instant, kind (news, clock, reminder, act, missed, end) and sentence, in order.
        obligations: Every one that was owed, with its end, when it was met, and whether that was in time;
            `held` is None where the law gives no number or nothing is due yet.
    """

    scenario: str
    title: str
    organisation: str
    team: str
    started_at: datetime
    ref: str = ""
    ended_at: datetime | None = None
    entries: list[tuple[datetime, str, str]] = field(default_factory=list)
    obligations: list[dict[str, Any]] = field(default_factory=list)
    reminders: int = 0
    closed: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what `breach drill --json` prints."""
        counted = [one["held"] for one in self.obligations]
        return {
            "drill": True,
            "scenario": self.scenario,
            "organisation": self.organisation,
            "team": self.team,
            "incident": self.ref,
            "started_at": show_utc(self.started_at),
            "ended_at": show_utc(self.ended_at) if self.ended_at else None,
            "held": counted.count(True),
            "missed": counted.count(False),
            "open": counted.count(None),
            "reminders": self.reminders,
            "closed": self.closed,
            "obligations": self.obligations,
            "timeline": [
                {"at": show_utc(at), "kind": kind, "text": text} for at, kind, text in self.entries
            ],
        }


class Play:
    """One drill.

    Args:
        desk: An installation of its own; its database is empty.
        scenario: What is played.
        start: `T`, the beginning of the story.
        organisation: Whose breach it is; None takes the scenario's.
        team: How the team behaves.
        tell: Told each entry as it happens.
    """

    def __init__(
        self, desk: Desk, scenario: Scenario, *, start: datetime, organisation: str | None = None,
        team: Team = "diligent", tell: Callable[[datetime, str, str], None] = lambda at, kind, text: None,
    ) -> None:  # fmt: skip
        self._desk, self._scenario, self._team, self._tell = desk, scenario, team, tell
        self._start = self._now = start
        self._organisation = organisation or scenario.drill.organisation
        self._clocks: dict[str, datetime | None] = {}
        self._missed: set[str] = set()
        self._report = Report(scenario.id, scenario.title, self._organisation, team, start)

    def run(self) -> Report:
        """Play it to the end, and return what happened."""
        with self._desk.database.write() as tx:
            for person in (HANDLER, APPROVER):
                tx.accounts.ensure(person.name, list(ROLES), self._start)
        plan: list[tuple[datetime, int, Inject | None]] = []
        for number, inject in enumerate(self._scenario.drill.injects):
            at = self._start + offset(inject.at)
            plan += [(at, number, inject), (at + WORKS_AFTER, 1000 + number, None)]
        for at, _, news in sorted(plan, key=lambda one: one[:2]):
            self._until(at)
            if news is not None:
                self._learn(news)
            elif self._team == "diligent":
                self._work()
        self._until(min(self._last_end(), self._start + LONGEST) + AFTERWARDS)
        self._end()
        return self._report

    def _until(self, end: datetime) -> None:
        """Let time pass, a tick whenever a step is due, as the engine does."""
        while True:
            with self._desk.database.read() as tx:
                due = tx.steps.next_due()
            if due is None or due > end:
                break
            self._now = max(due, self._now)
            self._pass()
        self._now = max(end, self._now)
        self._pass()

    def _pass(self) -> None:
        done = tick(self._desk, now=self._now)
        for one in done.reminders:
            self._report.reminders += 1
            self._say("reminder", one["title"])
        self._look_for_missed()

    def _look_for_missed(self) -> None:
        for row in self._rows():
            over = row.due_at is not None and row.due_at <= self._now
            if row.running and over and _owed(row) and row.oid not in self._missed:
                self._missed.add(row.oid)
                self._say("missed", f"{row.addressee_name}: the time ran out at {_at(row.due_at)}")

    def _learn(self, inject: Inject) -> None:
        self._say("news", inject.happens)
        facts = dated(inject.facts, self._start)
        if not self._report.ref:
            facts = {"format": 1, "organisation": self._organisation, "title": self._scenario.title, **facts}
            facts["breach"] = {"scenario": self._scenario.id, **facts.get("breach", {})}
            read = checked_facts(self._desk, facts, name=f"{self._scenario.id}.yaml")
            opened = open_incident(
                self._desk, read, actor=HANDLER, now=self._now, source=f"drill {self._scenario.id}", drill=True
            )
            self._report.ref = opened.ref
            self._stand_in(read)
        elif facts:
            change_facts(
                self._desk, self._report.ref, facts, actor=HANDLER, now=self._now,
                source=f"drill {self._scenario.id}",
            )  # fmt: skip
        self._tell_clocks()

    def _stand_in(self, facts: Facts) -> None:
        """Lend the organisation a contact if its profile names none: a finding, and no reason to stop."""
        if facts.organisation.dpo is not None:
            return
        self._say("act", f"{facts.organisation.id}: the profile names no data protection officer or contact; "
                         "every notice needs one. The drill lends its own")  # fmt: skip
        change_facts(
            self._desk, self._report.ref, {"organisation": {"dpo": CONTACT}}, actor=HANDLER, now=self._now,
            source="drill",
        )  # fmt: skip

    def _tell_clocks(self) -> None:
        before, self._clocks = self._clocks, {}
        for row in self._rows():
            if not row.running or not _owed(row):
                continue
            end = row.due_at or row.provisional_due_at or row.target_at
            self._clocks[row.oid] = end
            if row.oid not in before:
                self._say("clock", f"{row.addressee_name}: {_how_long(row, end)} ({row.cite})")
            elif before[row.oid] != end:
                self._say("clock", f"{row.addressee_name}: moved, {_how_long(row, end)}")
        for oid in before.keys() - self._clocks.keys():
            self._say("clock", f"{oid}: no longer running")

    def _work(self) -> None:
        for _ in range(STAGES):
            drafted, _skipped = draft(
                self._desk, self._report.ref, None, actor=HANDLER, now=self._now, more=AS_WRITTEN
            )
            ready = [one.notice for one in drafted if one.notice.state == "awaiting-approval"]
            for one in drafted:
                if one.fresh and one.notice.state == "draft":
                    empty = [item["label"] for item in one.notice.missing if item.get("required")]
                    self._say("act", f"{one.notice.ref} cannot go out yet; still empty: {', '.join(empty)}")
            for notice in ready:
                self._send(notice)
            if not ready:
                return
            self._tell_clocks()

    def _send(self, notice: Any) -> None:
        ref = self._report.ref
        try:
            approve(self._desk, ref, notice.ref, actor=APPROVER, now=self._now)
        except IllegalTransitionError as error:
            self._say("act", f"{notice.ref} is not approved: {str(error).splitlines()[0]}")
            return
        filed = f"DRILL {self._now:%Y-%m-%d %H:%M}Z"
        notify(self._desk, ref, notice.ref, actor=HANDLER, now=self._now, filed_as=filed)
        self._say("act", f"{notice.ref} drafted, approved by a second person and filed: {notice.subject}")

    def _last_end(self) -> datetime:
        ends = [row.due_at for row in self._rows() if row.running and row.due_at is not None]
        return max(ends, default=self._now)

    def _end(self) -> None:
        report = self._report
        report.ended_at = self._now
        if not report.ref:
            return
        for row in self._rows():
            if not _owed(row) or row.standing != "live":
                continue
            met, end = row.met_at, row.due_at
            held = None if end is None or (met is None and end > self._now) else met is not None and met < end
            report.obligations.append(
                {
                    "id": row.oid,
                    "addressee": row.addressee_name,
                    "due_at": show_utc(end) if end else None,
                    "met_at": show_utc(met) if met else None,
                    "margin_seconds": round((end - met).total_seconds()) if end and met else None,
                    "held": held,
                }
            )
        try:
            close(self._desk, report.ref, actor=HANDLER, now=self._now)
            report.closed = True
            self._say("end", "the incident is closed")
        except IllegalTransitionError as error:
            self._say("end", str(error))

    def _rows(self) -> list[Any]:
        if not self._report.ref:
            return []
        with self._desk.database.read() as tx:
            return list(tx.obligations.list(self._report.ref))

    def _say(self, kind: str, text: str) -> None:
        self._report.entries.append((self._now, kind, text))
        self._tell(self._now, kind, text)


def _owed(row: Any) -> bool:
    return row.addressee_kind != "record" and effective_status(row.status, row.decided) == "owed"


def _at(end: datetime) -> str:
    return f"{end:%a %d %b %H:%M}Z"


def _how_long(row: Any, end: datetime | None) -> str:
    if end is None:
        return "owed, without a number in the law"
    if row.due_at is None:
        return f"provisional end {_at(end)}" if row.provisional_due_at else f"house target {_at(end)}"
    return f"due {_at(end)}"
