"""Opens an incident: facts stored, answer derived, clocks started, all in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incident_flows.core.assessment import Assessment
from incident_flows.core.facts import Facts
from incident_flows.core.lifecycle import Actor
from incident_flows.knowledge.facts_files import dumped
from incident_flows.services.assess import frozen_ladders, reassess
from incident_flows.services.desk import Desk, write_journal


@dataclass(frozen=True)
class Opened:
    """What opening did.

    Attributes:
        ref: The incident's id, such as INC-2026-0001.
        created: False if the same request had opened it before.
        assessment: The answer; None if the incident was there already.
    """

    ref: str
    created: bool
    assessment: Assessment | None


def open_incident(
    desk: Desk,
    facts: Facts,
    *,
    actor: Actor,
    now: datetime,
    source: str,
    drill: bool = False,
    request_key: str | None = None,
) -> Opened:
    """Open an incident on these facts.

    Args:
        desk: The connected parts.
        facts: Checked facts; unknown ones missing.
        actor: Who opens it.
        now: The moment of opening.
        source: Where the facts came from, such as a file's name.
        drill: Whether this is an exercise; its mail goes to the outbox only.
        request_key: Names the request: the same key opens one incident, however often it arrives.
    """
    actor.require("open")
    with desk.database.write() as tx:
        if request_key is not None and (known := tx.incidents.by_request_key(request_key)) is not None:
            return Opened(known.ref, False, None)
        key = desk.vault.new_incident_key()
        incident = tx.incidents.open(
            title=facts.title or f"Breach at {facts.organisation.trading_name or facts.organisation.id}",
            organisation_id=facts.organisation.id,
            drill=drill,
            opened_at=now,
            opened_by=actor.name,
            wrapped_key=key,
            ladder=frozen_ladders(desk),
            request_key=request_key,
        )
        if incident.wrapped_key != key:  # the same request came twice at once, and the other one was first
            return Opened(incident.ref, False, None)
        stored = dumped(facts)
        tx.incidents.add_facts(
            incident.ref,
            facts=stored,
            change=stored,
            learned_at=now,
            recorded_at=now,
            by=actor.name,
            source=source,
        )
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor.name,
            act="opened",
            ref=incident.ref,
            subject=incident.ref,
            payload={
                "title": incident.title,
                "organisation": facts.organisation.id,
                "source": source,
                "drill": drill,
            },
        )
        assessment = reassess(tx, desk, incident.ref, actor=actor.name, now=now)
        desk.reached("open:before-commit")
    desk.reached("open:committed")
    return Opened(incident.ref, True, assessment)


def opened_json(opened: Opened) -> dict[str, Any]:
    """Return what `breach open --json` prints."""
    result: dict[str, Any] = {"id": opened.ref, "created": opened.created}
    if opened.assessment is not None:
        result["assessment"] = opened.assessment.to_json()
    return result
