"""The public notice that stands in for letters: when a law allows it, and whether one is published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from incident_flows.core.facts import Facts
from incident_flows.core.instants import show_utc
from incident_flows.core.lifecycle import effective_status
from incident_flows.core.substitute import Ground, grounds
from incident_flows.errors import IllegalTransitionError
from incident_flows.services.desk import Desk
from incident_flows.storage.database import Tx

PUBLIC = "public"  # kind of notice, and the id of the addressee
UNREACHABLE = "unreachable"
FINDING = "individual-notice-disproportionate"
TASK = "public-notice"


@dataclass
class Standing:
    """Whether a public notice may or must stand in, and what there is of it.

    Attributes:
        unreachable: People whom neither mail nor post reaches.
        grounds: Lines of law that are passed.
        finding: Regimes that allow it where a person finds that telling each would take a disproportionate effort,
            which nobody has said yet, one way or the other.
        owed: Obligations to tell the public, live and not met.
        notices: Public notices that were not withdrawn, as id, state, published as, until when it has to stand.
    """

    unreachable: int = 0
    grounds: list[Ground] = field(default_factory=list)
    finding: list[str] = field(default_factory=list)
    owed: list[str] = field(default_factory=list)
    notices: list[dict[str, Any]] = field(default_factory=list)

    @property
    def called_for(self) -> bool:
        """Return whether somebody should see to it: a line is passed and no notice is published."""
        return bool(self.grounds or self.owed) and not any(one["published_as"] for one in self.notices)

    def to_json(self) -> dict[str, Any]:
        """Return what `show --json` holds of it."""
        return {
            "unreachable": self.unreachable, "grounds": [one.to_json() for one in self.grounds],
            "finding": self.finding, "owed": self.owed, "notices": self.notices, "called_for": self.called_for,
        }  # fmt: skip

    def lines(self, ref: str) -> list[str]:
        """Return it in words, for the terminal."""
        found = [f"  ⚑ a public notice may stand in: {one.said()} ({one.cite})" for one in self.grounds]
        if self.unreachable and self.finding:
            found.append(
                f"  ? {self.unreachable} people cannot be reached: would telling each take a disproportionate effort "
                f"({', '.join(self.finding)})? `breach facts {ref} findings.{FINDING}=true` says so"
            )
        if self.called_for and not self.notices:
            found.append(f"    `breach draft {ref} --public` writes the page")
        for one in self.notices:
            where = f"published as {one['published_as']}" if one["published_as"] else one["state"]
            until = f", to stand until {one['until']} at least" if one["until"] else ""
            found.append(f"  {one['id']} public notice: {where}{until}")
        return found


def standing(tx: Tx, desk: Desk, ref: str) -> Standing:
    """Return how things stand with the public notice of an incident."""
    incident = tx.incidents.get(ref)
    facts = Facts.model_validate(tx.incidents.facts(ref).facts)
    day = tx.incidents.assessment(ref).law_as_of
    unreached = _unreached(tx, incident.id)
    done = Standing(max(sum(unreached.values()), facts.people.unreachable or 0))
    rows = [row for row in tx.obligations.list(ref) if row.standing == "live"]
    for row in rows:
        status = effective_status(row.status, row.decided)
        if row.addressee_id == PUBLIC and status != "not-owed" and row.met_at is None:
            done.owed.append(row.oid)
        if row.addressee_kind == "people" and status != "not-owed":
            done.grounds += _grounds(desk, row, facts, unreached, day)
    if facts.findings.get(FINDING) is None:
        done.finding = _open_finding(desk, rows)
    for notice in tx.notices.list(ref):
        if notice.kind == PUBLIC and notice.state != "withdrawn":
            until = (notice.route or {}).get("posted_days")
            stands = (notice.filed_at + timedelta(days=until)).date() if notice.filed_at and until else None
            done.notices.append(
                {
                    "id": notice.ref, "state": notice.state, "language": notice.language,
                    "published_as": notice.filed_as, "by": notice.filed_by,
                    "at": show_utc(notice.filed_at) if notice.filed_at else None,
                    "until": stands.isoformat() if stands else None,
                }
            )  # fmt: skip
    return done


def rows_for_public(tx: Tx, desk: Desk, ref: str) -> Sequence[Any]:
    """Return the obligations a public notice is drafted for: those to tell the public, or to tell the people.

    Raises:
        IllegalTransitionError: Nothing is known that would let it stand in for letters.
    """
    now = standing(tx, desk, ref)
    by_oid = {row.oid: row for row in tx.obligations.list(ref)}
    if now.owed:
        return [by_oid[oid] for oid in now.owed]
    duties = {one.duty for one in now.grounds}
    if found := [row for row in by_oid.values() if row.duty in duties and row.addressee_kind == "people"]:
        return found
    raise IllegalTransitionError(
        f"{ref}: no law is known to let a public notice stand in for letters here. After `breach letters {ref} --out "
        f"FOLDER` it is known whom nothing reaches; `breach facts {ref} findings.{FINDING}=true` records that telling "
        "each would take a disproportionate effort"
    )


def posted_days(tx: Tx, desk: Desk, ref: str) -> int | None:
    """Return how long the page has to stand by the laws whose lines are passed; None where none says."""
    return max((one.posted_days for one in standing(tx, desk, ref).grounds if one.posted_days), default=None)


def task(tx: Tx, desk: Desk, ref: str) -> dict[str, Any] | None:
    """Return the task of publishing, as the checklist shows tasks; None while nothing calls for it."""
    now = standing(tx, desk, ref)
    published = next((one for one in now.notices if one["published_as"]), None)
    if not now.called_for and published is None:
        return None
    why = "; ".join(f"{one.said()} ({one.cite})" for one in now.grounds) or ", ".join(now.owed)
    return {
        "id": TASK, "phase": "during", "do": "publish a public notice for people nothing else reaches",
        "who": "the data protection officer", "because": why, "due_at": None,
        "done_at": published["at"] if published else None, "done_by": published["by"] if published else None,
        "note": published["published_as"] if published else None,
    }  # fmt: skip


def _grounds(
    desk: Desk, row: Any, facts: Facts, unreached: Counter[str], day: date
) -> list[Ground]:
    found = desk.library.lawbook.duty(row.duty)
    version = found[1].version_on(day) if found else None
    if found is None or version is None or version.substitute is None:
        return []
    place = found[0].place
    return grounds(
        version.substitute,
        place=place,
        unreached=sum(count for one, count in unreached.items() if one == place or one.startswith(f"{place}-")),
        people=(facts.people.by_place or {}).get(place),
        cost_usd=facts.people.notice_cost_usd,
        duty=row.duty,
        cite=version.source.cite,
        confidence=version.source.confidence,
    )


def _open_finding(desk: Desk, rows: Sequence[Any]) -> list[str]:
    """Return the regimes in play that have a duty to tell the public on that finding."""
    regimes = {row.duty.partition("/")[0] for row in rows if row.addressee_kind == "people"}
    return sorted(
        id_
        for id_ in regimes
        if (regime := desk.library.lawbook.regimes.get(id_)) is not None
        and any(
            version.arises_on == f"findings.{FINDING}" for duty in regime.duties.values() for version in duty.history
        )
    )


def _unreached(tx: Tx, incident_id: int) -> Counter[str]:
    """Return how many people neither mail nor post reaches, by place; "" where it is not known."""
    found: Counter[str] = Counter()
    after = -1
    while page := tx.people.exceptions(incident_id, UNREACHABLE, after):
        found.update(str((row.detail or {}).get("place") or "") for row in page)
        after = page[-1].number
    return found
