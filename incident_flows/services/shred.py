"""Destroys what is known of the people of an incident: by a person's word, or when the house's policy says so.

The incident's key goes, and with it every block of people, packed letter and address, in backups of the database
too. What stays: counts, states, the journal, and keyed hashes, which say nothing of anybody without the key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from incident_flows.core.escalation import PlannedStep
from incident_flows.core.instants import show_utc
from incident_flows.core.lifecycle import Actor, effective_status
from incident_flows.errors import InputError, PermissionDeniedError
from incident_flows.knowledge.files import read_yaml
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.prove import Proof
from incident_flows.storage.database import Tx

RETENTION = "retention/people@people"  # what its steps stand under, beside obligations
SHRED = "shred"
_ENGINE = "engine"


@dataclass(frozen=True)
class Shredded:
    """What became of shredding: done, or waiting for a second person."""

    ref: str
    people: int
    in_force: bool
    by: str
    second_by: str | None = None
    waits_because: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        found = asdict(self)
        return {"id": found.pop("ref"), **found}


@dataclass(frozen=True)
class Retention:
    """The house's policy, in days from closing."""

    keep: timedelta
    tell_before: timedelta
    again_after: timedelta


def policy_of(desk: Desk) -> Retention:
    """Return the policy.

    Raises:
        InputError: The file says what cannot be.
    """
    data = read_yaml(desk.library.root / "policies" / "retention.yaml").data
    try:
        said = data["people"]
        keep, before, again = (
            int(said[key]) for key in ("keep_days", "tell_days_before", "again_after_days")
        )
    except (KeyError, TypeError, ValueError):
        raise InputError(
            "policies/retention.yaml: people needs keep_days, tell_days_before and again_after_days, in whole days"
        ) from None
    if keep < 0 or before < 0 or again < 1:
        raise InputError("policies/retention.yaml: days cannot be negative, and again_after_days is 1 at least")
    return Retention(timedelta(days=keep), timedelta(days=before), timedelta(days=again))


def shred(
    desk: Desk, ref: str, *, because: str, actor: Actor, now: datetime, proof: Proof | None = None
) -> Shredded:
    """Shred the people of an incident.

    While anything is owed to them or on its way, it takes a second person: the first call waits, and the same
    by somebody else does it. Shredding what is shredded already changes nothing.

    Args:
        proof: Of who asks, used up with the shredding, or with the first word for it.

    Raises:
        InputError: No reason.
        PermissionDeniedError: The role is missing, or the second person is the first.
    """
    actor.require("recipients")
    if not because.strip():
        raise InputError("--because: shredding cannot be undone; say in a sentence why the data are not needed")
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        if proof is not None:
            proof.take(tx)
        people = tx.people.count(incident.id)
        if incident.wrapped_key is None:
            return Shredded(ref, people, True, actor.name)
        against = still_needed(tx, ref, incident)
        first = None
        if against:
            first = _first_word(tx, ref, now=now)
            if first is None or tx.accounts.get(first.by).person == actor.person:
                return _asked(tx, desk, ref, against, first, people, because=because, actor=actor, now=now)
            tx.incidents.second(first.id, by=actor.name, at=now)
        _destroy(tx, desk, incident, against, because=because, by=actor.name, now=now)
    desk.vault.forget()
    desk.database.clear_traces()
    by, second = (actor.name, None) if first is None else (first.by, actor.name)
    return Shredded(ref, people, True, by, second)


def still_needed(tx: Tx, ref: str, incident: Any) -> list[str]:
    """Return what the people's data are still needed for."""
    found = [
        f"{row.oid} is {effective_status(row.status, row.decided)} and not met"
        for row in tx.obligations.list(ref)
        if row.addressee_kind == "people"
        and row.standing == "live"
        and row.met_at is None
        and effective_status(row.status, row.decided) != "not-owed"
    ]
    found += [
        f"{notice.ref} is {notice.state}"
        for notice in tx.notices.list(ref)
        if notice.kind == "people" and notice.state in ("approved", "sending", "in-doubt", "failed")
    ]
    counts = tx.deliveries.counts(incident.id)
    found += [
        f"{counts[state]} deliveries are {state}"
        for state in ("planned", "claimed", "in-doubt")
        if counts.get(state)
    ]
    return found


def _first_word(tx: Tx, ref: str, *, now: datetime) -> Any | None:
    """Return the word of the person who asked first, if it still waits; after a week it must be given anew."""
    for row in reversed(tx.incidents.decisions(ref)):
        if row.subject == SHRED and row.second_by is None and now - row.at < timedelta(days=7):
            return row
    return None


def _asked(
    tx: Tx,
    desk: Desk,
    ref: str,
    against: list[str],
    first: Any | None,
    people: int,
    *,
    because: str,
    actor: Actor,
    now: datetime,
) -> Shredded:
    if first is not None and first.by != actor.name:
        raise PermissionDeniedError(
            f"{actor.name} and {first.by} are the same person; shredding what is still needed takes a second one. "
            "`breach account add NAME --role handler` creates an account for somebody else"
        )
    if first is None:
        tx.incidents.add_decision(
            ref, subject=SHRED, answer="shred", because=because, by=actor.name, at=now, proposed=against[:20]
        )
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor.name,
            act="shredding-asked",
            ref=ref,
            subject=ref,
            payload={"because": because, "still_needed": against[:20]},
        )
    why = (
        f"{'; '.join(against[:5])}; a second person has to say the same: "
        f"`breach recipients {ref} shred --because TEXT --as NAME`"
    )
    return Shredded(ref, people, False, actor.name, None, why)


def _destroy(
    tx: Tx, desk: Desk, incident: Any, against: list[str], *, because: str, by: str, now: datetime
) -> None:
    proof = desk.vault.sign(
        incident.wrapped_key, "list of people", _list_sha256(tx, incident.id)
    )
    tx.people.shred(incident.id)
    tx.steps.cancel(incident.id, RETENTION)
    write_journal(
        tx,
        desk,
        at=now,
        actor=by,
        act="people-shredded",
        ref=incident.ref,
        subject=incident.ref,
        payload={
            "people": tx.people.count(incident.id),
            "because": because,
            "still_needed": against[:20],
            "deliveries": dict(tx.deliveries.counts(incident.id)),
            "list_proof": proof,
        },
    )
    desk.reached("shred:before-commit")


def _list_sha256(tx: Tx, incident_id: int) -> str:
    digest = hashlib.sha256()
    for _, digests in tx.people.digests(incident_id):
        digest.update(digests)
    return digest.hexdigest()


# On schedule


def plan_retention(tx: Tx, desk: Desk, incident: Any, *, now: datetime) -> None:
    """Plan the shredding of a closed incident's people, and the word to the team before it."""
    if incident.wrapped_key is None:
        return
    policy = policy_of(desk)
    due = now + policy.keep
    text = "the data of the people are shredded, as the policy says; `breach recipients ID` shows what there is"
    steps = [PlannedStep(SHRED, due, {"shred": True, "text": text, "addressee": "retention"})]
    if policy.tell_before < policy.keep:
        text = f"the data of the people will be shredded at {show_utc(due)}"
        steps.append(
            PlannedStep("shred-soon", due - policy.tell_before, {"text": text, "addressee": "retention"})
        )
    _plan(tx, incident.id, steps)


def cancel_retention(tx: Tx, incident_id: int) -> None:
    """Take the planned shredding back: the incident is open again."""
    tx.steps.cancel(incident_id, RETENTION)


def _plan(tx: Tx, incident_id: int, steps: list[PlannedStep]) -> None:
    newest = max((one.plan_version for one in tx.steps.list(incident_id) if one.oid == RETENTION), default=0)
    tx.steps.cancel(incident_id, RETENTION)
    planned = [(one.name, one.due_at, one.detail) for one in steps]
    tx.steps.plan(incident_id, RETENTION, newest + 1, planned)


def retention_of(desk: Desk, tx: Tx, incident: Any) -> str | None:
    """Return when the people of an incident will be shredded, if that is planned."""
    planned = (
        one.due_at
        for one in tx.steps.list(incident.id)
        if one.oid == RETENTION and one.name == SHRED and one.state in ("pending", "claimed")
    )
    return next((show_utc(due) for due in planned), None)


def shred_on_schedule(desk: Desk, ref: str, *, now: datetime) -> Mapping[str, Any]:
    """Shred because the policy's time is over; what stands against it is told, and looked at again later.

    Returns:
        What the step's record says; `against` if somebody has to be told.
    """
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        if incident.wrapped_key is None:
            return {"shown": "the people were shredded before", "needless": True}
        against = still_needed(tx, ref, incident)
        if incident.state != "closed":
            against.insert(0, f"{ref} is open again")
        if against:
            again = now + _again_after(desk)
            detail = {"shred": True, "text": "the data of the people are shredded", "addressee": "retention"}
            _plan_again(tx, incident.id, again, detail)
            return {"against": against}
        _destroy(tx, desk, incident, [], because="policies/retention.yaml", by=_ENGINE, now=now)
    desk.vault.forget()
    desk.database.clear_traces()
    return {"shown": "shredded; counts and keyed hashes stay"}


def _again_after(desk: Desk) -> timedelta:
    """Return the policy's word; a file that cannot be read must not stop the tick."""
    try:
        return policy_of(desk).again_after
    except InputError:
        return timedelta(days=7)


def _plan_again(tx: Tx, incident_id: int, at: datetime, detail: Mapping[str, Any]) -> None:
    newest = max((one.plan_version for one in tx.steps.list(incident_id) if one.oid == RETENTION), default=0)
    tx.steps.plan(incident_id, RETENTION, newest + 1, [(SHRED, at, detail)])
