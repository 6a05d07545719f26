"""Calls the team for one step: whom the rota names, over their paths, until one works; all of it recorded.

Without a rota everybody the pager reaches is called. A path that fails falls through to the person's next
one, a person nobody reaches to the next level, and a rota that reaches nobody to the pager.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from incident_flows.core.escalation import is_near
from incident_flows.core.rota import MAIL, PAGING, Person, Rota, call_for, wait_minutes
from incident_flows.services.desk import Desk
from notifications import Address, Message, NotificationError, OutcomeUnknownError

NO_PAGING = "on the board only: no paging is set up"
NOBODY = "on the board only: no path worked"
AGAIN_AFTER = timedelta(minutes=5)  # when no path worked at all
AGAIN_TIMES = 24
WAKE_WITHIN = 720


@dataclass
class Told:
    """What became of calling the team for a step.

    Attributes:
        paths: Each attempt, in order: which path, and whether it took the page.
        to: The persons reached.
        level: The rota's level that was told; None without a rota.
        next_at: When the next row of the chain is due, if nobody acknowledges; None if none follows.
        next_detail: What that row carries beside what this one does.
        said: Whatever else belongs into the record.
    """

    paths: list[dict[str, Any]] = field(default_factory=list)
    to: list[str] = field(default_factory=list)
    level: int | None = None
    next_at: datetime | None = None
    next_detail: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def worked(self) -> bool:
        """Whether any path took the page."""
        return any(one["ok"] for one in self.paths)

    def to_json(self) -> dict[str, Any]:
        """Return what is recorded."""
        found: dict[str, Any] = {"paths": self.paths}
        if self.to:
            found["to"] = self.to
        if self.level is not None:
            found["level"] = self.level
        return {**found, **self.said}


def call_team(desk: Desk, row: Any, title: str, body: str, *, rota: Rota | None, at: datetime) -> Told:
    """Call whoever is to be told of a step now.

    Args:
        desk: The connected parts.
        row: The step as claimed.
        title: One line.
        body: Plain text, nothing of the people affected.
        rota: The rota in force; None for everybody.
        at: The present instant.
    """
    told = Told()
    if rota is None:
        _everybody(desk, told, title, body)
    else:
        _by_rota(desk, told, row, title, body, rota=rota, at=at)
    if told.paths and not told.worked:
        _once_more(told, row, at)
    return told


def _everybody(desk: Desk, told: Told, title: str, body: str) -> None:
    if desk.pager is None:
        told.said["shown"] = NO_PAGING if not told.paths else NOBODY
        return
    told.paths += [{"path": path, "ok": ok} for path, ok in desk.pager.page(title, body)]
    if not told.worked:
        told.said["shown"] = NOBODY


def _by_rota(desk: Desk, told: Told, row: Any, title: str, body: str, *, rota: Rota, at: datetime) -> None:
    detail: Mapping[str, Any] = row.detail
    end_at = datetime.fromisoformat(detail["end_at"]) if detail.get("end_at") else None
    wake = detail.get("wake_within", WAKE_WITHIN)
    near = is_near(end_at, at=at, wake_within_minutes=wake)
    level = detail.get("level", 0)
    while (call := call_for(rota, level=level, at=at, near=near, is_holiday=desk.is_holiday)) is not None:
        told.level = call.level
        if call.notes:
            told.said["notes"] = [*told.said.get("notes", []), *call.notes]
        if call.held_until is not None:
            latest = end_at - timedelta(minutes=wake) if end_at is not None else call.held_until
            told.next_at = min(call.held_until, latest)
            told.next_detail = {"level": call.level}
            told.said["held_until"] = told.next_at.isoformat()
            told.said["shown"] = "on the board; held because of quiet hours far from the deadline"
            return
        for name in call.persons:
            if _person(desk, told, row, name, rota.persons[name], title, body, at=at):
                told.to.append(name)
        if told.to:
            if call.level + 1 < len(rota.levels):
                minutes = wait_minutes(rota, call.level, detail.get("escalate_after"))
                told.next_at = at + timedelta(minutes=minutes)
                told.next_detail = {"level": call.level + 1}
            return
        level = call.level + 1
    _everybody(desk, told, title, body)


def _once_more(told: Told, row: Any, at: datetime) -> None:
    tries = row.detail.get("tries", 0) + 1
    if tries <= AGAIN_TIMES:
        told.next_at, told.next_detail = at + AGAIN_AFTER, {"tries": tries}


def _person(
    desk: Desk, told: Told, row: Any, name: str, person: Person, title: str, body: str, *, at: datetime
) -> bool:
    from incident_flows.services.acknowledge import link_for

    link = link_for(desk, row, by=name, now=at)
    text = f"{body}\nAcknowledge with one click: {link}" if link else body
    for path in person.paths:
        if path == MAIL:
            attempts = [
                (
                    MAIL,
                    mail(
                        desk,
                        person.email or "",
                        title,
                        text,
                        key=f"step-{row.id}-{row.claims}-{name}",
                        now=at,
                    ),
                )
            ]
        else:
            attempts = _page(desk, path, title, text)
        told.paths += [{"path": f"{name}: {label}", "ok": ok} for label, ok in attempts]
        if any(ok for _, ok in attempts):
            return True
    return False


def _page(desk: Desk, path: str, title: str, body: str) -> list[tuple[str, bool]]:
    if path == PAGING:
        return (
            list(desk.pager.page(title, body))
            if desk.pager is not None
            else [("paging is not set up", False)]
        )
    address = desk.secret(path[1:]) if path.startswith("$") else path
    if not address or desk.pager_for is None:
        return [(f"{path} is not set" if path.startswith("$") else "no pager", False)]
    try:
        return list(desk.pager_for((address,)).page(title, body))
    except NotificationError:
        return [("an address that is none", False)]


def mail(desk: Desk, email: str, title: str, body: str, *, key: str, now: datetime) -> bool:
    """Send one message to one of the team; True if the next machine took it over.

    What lies in the outbox has reached nobody. What may have arrived counts as not: a second word is better
    than none.
    """
    sender = desk.sender or f"Breach engine <{email}>"
    name, _, rest = sender.partition("<")
    try:
        address = (
            Address(rest.rstrip("> ").strip(), name.strip() or None) if rest else Address(sender.strip())
        )
        receipt = desk.channel.send(
            Message(to=Address(email), sender=address, subject=title, text=body, key=key), now=now
        )
    except OutcomeUnknownError:
        return False
    except NotificationError:
        return False
    return receipt.state == "sent"
