"""A named person's decision: owed or not owed, or the level of risk; a second person where it lowers protection."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from incident_flows.core.lifecycle import Actor
from incident_flows.errors import IllegalTransitionError, InputError, PermissionDeniedError
from incident_flows.services.assess import plan_steps
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.prove import Proof
from incident_flows.services.update import store_change
from incident_flows.storage.database import Tx
from incident_flows.storage.tables import Answer

RISK = "risk"
RISK_ANSWERS = ("unlikely", "risk", "high-risk")
ANSWERS = ("owed", "not-owed")
_RANK = {"unlikely": 0, "risk": 1, "high": 2, "high-risk": 2, "undetermined": 2}


@dataclass(frozen=True)
class Decided:
    """What became of a decision: in force, or waiting for a second person."""

    ref: str
    subject: str
    answer: str
    by: str
    second_by: str | None
    in_force: bool
    waits_because: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what `breach decide --json` prints."""
        found = asdict(self)
        return {"id": found.pop("ref"), **found}


def decide(
    desk: Desk,
    ref: str,
    subject: str,
    answer: str,
    *,
    because: str,
    actor: Actor,
    now: datetime,
    proved: bool = True,
    proof: Proof | None = None,
) -> Decided:
    """Record a decision on an obligation (owed, not-owed) or on `risk` (unlikely, risk, high-risk).

    Overruling an *owed* to *not-owed*, and lowering the risk below what the engine proposes, take a second
    person: the first call waits, and the same decision by somebody else puts it in force.

    Args:
        proved: Whether the actor has shown who they are; if not, nothing that takes two people is taken.
        proof: Of who decides, used up with the decision.

    Raises:
        InputError: No reason, or an answer that is none.
        PermissionDeniedError: The role is missing, or the second person is the first.
    """
    actor.require("decide")
    if not because.strip():
        raise InputError("--because: a decision needs its reason; write one sentence")
    allowed = RISK_ANSWERS if subject == RISK else ANSWERS
    if answer == "high" and subject == RISK:
        answer = "high-risk"
    if answer not in allowed:
        raise InputError(f"{answer!r} is no answer for {subject}; write {' or '.join(allowed)}")
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        if proof is not None:
            proof.take(tx)
        if incident.state == "closed":
            raise IllegalTransitionError(f"{ref} is closed; `breach close {ref} --reopen` opens it again")
        proposed = _proposed(tx, ref, subject)
        waiting = _waiting(tx, ref, subject, answer)
        lowers = _lowers(subject, answer, proposed)
        if not proved and (waiting is not None or lowers):
            raise PermissionDeniedError(
                f"{subject}: {answer} lowers protection and takes two people who show who they are; "
                "give a one-time code of your account, or decide in the console or the terminal"
            )
        if waiting is not None:
            return _second(tx, desk, ref, waiting, actor=actor, now=now)
        tx.incidents.add_decision(
            ref, subject=subject, answer=answer, because=because, by=actor.name, at=now, proposed=proposed
        )
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor.name,
            act="decided",
            ref=ref,
            subject=subject,
            payload={"answer": answer, "because": because, "proposed": proposed, "waits_for_second": lowers},
        )
        if lowers:
            why = (
                f"it lowers what the engine says ({proposed['says']}); a second person has to decide the same"
            )
            return Decided(ref, subject, answer, actor.name, None, False, why)
        _put_in_force(tx, desk, ref, subject, answer, because, by=actor.name, now=now)
        desk.reached("decide:before-commit")
    return Decided(ref, subject, answer, actor.name, None, True)


def _proposed(tx: Tx, ref: str, subject: str) -> dict[str, Any]:
    if subject == RISK:
        risk = tx.incidents.assessment(ref).result["risk"]
        return {
            "says": risk.get("proposal") or risk["level"],
            "at_least": risk.get("at_least", risk["level"]),
        }
    row = tx.obligations.get(ref, subject)
    return {"says": row.status, "because": list((row.detail or {}).get("because", []))[:10]}


def _lowers(subject: str, answer: str, proposed: dict[str, Any]) -> bool:
    if subject == RISK:
        return _RANK[answer] < _RANK[proposed["at_least"]]
    return answer == "not-owed" and proposed["says"] == "owed"


def _waiting(tx: Tx, ref: str, subject: str, answer: str) -> Any | None:
    """The latest decision on the subject, if it waits for a second person to say the same."""
    for row in reversed(tx.incidents.decisions(ref)):
        if row.subject == subject:
            waits = (
                row.second_by is None
                and row.answer == answer
                and _lowers(subject, answer, row.proposed or {})
            )
            return row if waits else None
    return None


def _second(tx: Tx, desk: Desk, ref: str, row: Any, *, actor: Actor, now: datetime) -> Decided:
    first = tx.accounts.get(row.by)
    if first.person == actor.person:
        raise PermissionDeniedError(
            f"{actor.name} and {row.by} are the same person; lowering protection takes a second one. "
            "`breach account add NAME --role approver` creates an account for somebody else"
        )
    tx.incidents.second(row.id, by=actor.name, at=now)
    write_journal(
        tx,
        desk,
        at=now,
        actor=actor.name,
        act="decision-seconded",
        ref=ref,
        subject=row.subject,
        payload={"answer": row.answer, "first": row.by},
    )
    _put_in_force(tx, desk, ref, row.subject, row.answer, row.because, by=f"{row.by}, {actor.name}", now=now)
    return Decided(ref, row.subject, row.answer, row.by, actor.name, True)


def _put_in_force(
    tx: Tx, desk: Desk, ref: str, subject: str, answer: str, because: str, *, by: str, now: datetime
) -> None:
    if subject == RISK:
        change = {"harm": {"expected": answer, "because": because, "by": by}}
        updated = store_change(tx, desk, ref, change, actor=by, now=now, source="decision on the risk")
        if updated.assessment is None:
            plan_steps(tx, desk, ref, now=now)
        return
    tx.obligations.decide(ref, subject, cast(Answer, answer))  # checked against ANSWERS
    plan_steps(tx, desk, ref, now=now)
