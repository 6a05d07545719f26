"""One approved letter to many people, each exactly once, one recipient per message."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from incident_flows.core.facts import Facts
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import IllegalTransitionError
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.draft import chosen
from incident_flows.services.notify import Sent, delivery_key, settle, work_off
from incident_flows.services.people import blocks


def broadcast(desk: Desk, ref: str, notice: Any, *, actor: Actor, now: datetime) -> Sent:
    """Plan a delivery for every recipient who reads the notice's language, then send what is planned.

    Planning again plans nothing twice: the ledger's key is unique per text, reader and way. So a broken-off
    broadcast is simply continued.
    """
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        if tx.people.count(incident.id) == 0:
            raise IllegalTransitionError(
                f"{ref} has no recipients; `breach recipients {ref} import FILE.csv` takes them in. Told by other "
                f"means? `breach notify {ref} {notice.ref} --filed-as HOW-AND-WHEN`"
            )
        state = tx.notices.get(ref, notice.ref).state
        if state == "failed":
            tx.deliveries.plan_failed_again(notice.id)
        if state != "sending":
            tx.notices.move(notice.id, state, "sending")
            write_journal(
                tx,
                desk,
                at=now,
                actor=actor.name,
                act="sending",
                ref=ref,
                subject=notice.ref,
                payload={
                    "sha256": notice.sha256,
                    "channel": desk.channel.name,
                    "people": tx.people.count(incident.id),
                },
            )
        desk.reached("broadcast:started")
    planned = plan_deliveries(desk, ref, notice)
    work_off(desk, notice.id, now=now)
    sent = settle(desk, ref, notice.ref, actor=actor.name, now=now)
    if planned == 0 and not sent.counts:
        sent.next = f"no recipient reads {notice.language}; withdraw it by drafting anew"
    return sent


def plan_deliveries(desk: Desk, ref: str, notice: Any) -> int:
    """Plan one delivery per recipient, a thousand to a transaction; return how many recipients it concerns."""
    known = desk.library.notices.languages("people")
    with desk.database.read() as tx:
        others = {
            one.language for one in tx.notices.list(ref) if one.kind == "people" and one.state != "withdrawn"
        }
        Facts.model_validate(tx.incidents.facts(ref).facts)
    concerned = 0
    for block in blocks(desk, ref):
        rows = [
            {
                "key": delivery_key(desk, ref, notice, f"p{person.number}"),
                "channel": desk.channel.name,
                "person": person.number,
            }
            for person in block.people
            if person.email and _language(person, known, others, desk) == notice.language
        ]
        concerned += len(rows)
        with desk.database.write() as tx:
            tx.deliveries.plan(notice.id, rows)
        desk.reached("broadcast:page-planned")
    return concerned


def _language(person: Any, known: list[str], drafted: set[str], desk: Desk) -> str:
    """Return the language of the letter this person gets, among those drafted."""
    wanted = chosen(person.language, person.place, known, desk)
    if wanted in drafted:
        return wanted
    return "en" if "en" in drafted else min(drafted)
