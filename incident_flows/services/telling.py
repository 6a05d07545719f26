"""What the board shows of each addressee: one line of states per obligation, from clock to filing.

Only ids, counts, laws, authorities and instants, as everything on the board.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incident_flows.core.fates import counts_of as fates_of
from incident_flows.core.instants import show_utc
from incident_flows.core.lifecycle import effective_status
from incident_flows.services.letters import counts_of
from incident_flows.storage.database import Tx

PHASE_OF_KIND = {
    "authority": "authority-notification",
    "controller": "authority-notification",
    "other": "authority-notification",
    "people": "people-notification",
}
AT_MOST = 60  # addressees of one incident that get a line of their own
RED = ("InDoubt", "Failed", "Overdue")
_UNDER_WAY = (
    ("approved", "Approved"),
    ("awaiting-approval", "AwaitingApproval"),
    ("draft", "Drafting"),
)
_OUT = ("sent", "delivered-to-outbox")


@dataclass(frozen=True)
class Telling:
    """One addressee of one incident.

    Attributes:
        oid: The obligation.
        name: Short, and the only one of this name in the incident, such as `ICO notice`.
        phase: The phase it belongs to.
        state: A speaking name, such as AwaitingApproval.
        message: One sentence of ids, counts and instants.
        done: Whether nothing more happens to it.
        tags: Law, jurisdiction, authority.
    """

    oid: str
    name: str
    phase: str
    state: str
    message: str
    done: bool
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    """How far the letters of one notice are, in people."""

    notice: str
    people: int
    told: int
    states: Mapping[str, int]

    @property
    def percent(self) -> float:
        """Share of the people who were told."""
        return round(100 * self.told / self.people, 1) if self.people else 0.0


def tellings(
    obligations: Iterable[Any], notices: Sequence[Any], progress: Iterable[Progress], *, now: datetime
) -> tuple[Telling, ...]:
    """Return a line for each obligation that is worked on, was met, or was decided away by a person."""
    by_oid: dict[str, list[Any]] = {}
    for notice in notices:
        if notice.state != "withdrawn":
            for oid in dict.fromkeys((notice.oid, *(notice.route or {}).get("covers", ()))):
                by_oid.setdefault(oid, []).append(notice)
    far = {one.notice: one for one in progress}
    rows = [
        row
        for row in obligations
        if row.addressee_kind in PHASE_OF_KIND
        and (row.reach == "yes" or row.decided is not None)
        and (row.running or row.met_at is not None or row.decided == "not-owed")
    ][:AT_MOST]
    names = _names(rows)
    found = []
    for row in rows:
        state, message = _state(row, by_oid.get(row.oid, []), far, now=now)
        law = (row.duty.split("/")[0], (row.detail or {}).get("jurisdiction"))
        found.append(
            Telling(
                row.oid,
                names[row.oid],
                PHASE_OF_KIND[row.addressee_kind],
                state,
                message,
                not row.running and state not in RED,
                tuple(filter(None, (*law, row.addressee_id if row.addressee_kind == "authority" else None))),
            )
        )
    return tuple(found)


def _names(rows: Sequence[Any]) -> dict[str, str]:
    """Return a name per obligation: what two of them would share gets the law, and then the whole id, behind it."""
    names = {row.oid: _name(row) for row in rows}
    for fuller in ({row.oid: row.duty.split("/")[0] for row in rows}, {row.oid: row.oid for row in rows}):
        often = Counter(names.values())
        names = {
            row.oid: f"{_name(row)} · {fuller[row.oid]}" if often[names[row.oid]] > 1 else names[row.oid]
            for row in rows
        }
    return names


def _name(row: Any) -> str:
    duty = row.duty.partition("/")[2].removeprefix("tell-").replace("-", " ")
    key = row.oid.partition("@")[2]
    if row.addressee_kind != "authority":
        return f"notice to {duty or key}"
    short = key.partition("-")[2].replace("-", " ").upper() or key
    more = duty.removeprefix("authority").strip()
    return f"{short} notice · {more}" if more else f"{short} notice"


def _state(
    row: Any, notices: Sequence[Any], far: Mapping[str, Progress], *, now: datetime
) -> tuple[str, str]:
    end = _end(row)
    said = ", ".join(_said(one, far) for one in notices[-4:])
    message = "; ".join(filter(None, (end, said)))
    states = [one.state for one in notices]
    if row.met_at is not None:
        return _met(notices, far), "; ".join(filter(None, (f"met {show_utc(row.met_at)}", said)))
    if effective_status(row.status, row.decided) == "not-owed":
        return "NotOwed", "decided by a person"
    for state, name in (("in-doubt", "InDoubt"), ("sending", "Sending")):
        if state in states:
            return name, message
    if row.due_at is not None and row.due_at <= now and row.running:
        return "Overdue", message
    if "failed" in states:
        return "Failed", message
    for state, name in _UNDER_WAY:
        if state in states:
            return name, message
    if states:
        return "MoreToFile", message
    if row.status == "undetermined" and row.decided is None:
        return "Undecided", message
    if row.due_at is not None:
        return "ClockStarted", message
    return ("ProvisionalClock" if row.provisional_due_at is not None else "Owed"), message


def _met(notices: Sequence[Any], far: Mapping[str, Progress]) -> str:
    last = next((one for one in reversed(notices) if one.state in ("filed", "sent")), None)
    if last is None:
        return "Met"
    if last.state == "filed":
        return "Filed"
    states = far[last.ref].states if last.ref in far else {}
    return "Delivered" if states and set(states) == {"delivered"} else "Sent"


def _end(row: Any) -> str:
    """Return the end that is worked towards, in words."""
    if row.due_at is not None:
        return f"deadline {show_utc(row.due_at)}"
    if row.provisional_due_at is not None:
        return f"provisional end {show_utc(row.provisional_due_at)}"
    return f"house target {show_utc(row.target_at)}" if row.target_at is not None else "no number in law"


def _said(notice: Any, far: Mapping[str, Progress]) -> str:
    words = f"{notice.ref} {notice.state}"
    if notice.state == "draft" and notice.missing:
        words += f", {len(notice.missing)} fields empty"
    if notice.ref in far:
        words += f", {far[notice.ref].told} of {far[notice.ref].people} told"
    return words


def progress_of(tx: Tx, incident_id: int, notices: Iterable[Any]) -> tuple[Progress, ...]:
    """Return how far the letters of each notice to people are; only of those that have any."""
    found = []
    for notice in notices:
        if notice.kind != "people":
            continue
        states = {state: many for state, many in counts_of(tx, incident_id, notice.id).items() if many}
        people = sum(many for state, many in states.items() if state != "withdrawn")
        if not people:
            continue
        told = sum(states.get(state, 0) for state in _OUT)
        fates: Counter[str] = Counter()
        for _, _, reported, _ in tx.fates.states(incident_id, notice.id):
            fates.update(fates_of(reported))
        if fates:  # what the provider reported later is told instead of our own `sent`
            followed = {word: many for word, many in fates.items() if many}
            rest = states.get("sent", 0) - sum(followed.values())
            states = {word: many for word, many in states.items() if word != "sent"} | followed
            if rest > 0:
                states["sent"] = rest
        found.append(Progress(notice.ref, people, told, dict(sorted(states.items()))))
    return tuple(found)
