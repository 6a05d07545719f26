"""Later filings to one addressee: which one came last, what the next is, and what is still owed.

A chain is everything filed to one addressee under one body of law. Each filing after the first is written as a
difference to the last one; a supplementary notice that leaves something open leaves the duty owed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from incident_flows.core.facts import Facts
from incident_flows.core.instants import show_local, show_utc
from incident_flows.core.lifecycle import effective_status
from incident_flows.core.scope import scoped
from incident_flows.errors import IllegalTransitionError, InputError
from incident_flows.knowledge.filing_texts import Earlier
from incident_flows.knowledge.notice_answers import about_language
from incident_flows.services.desk import Desk
from incident_flows.storage.database import Tx

Phase = Literal["initial", "supplementary", "final", "withdrawal", "answer"]
PHASES: tuple[Phase, ...] = ("initial", "supplementary", "final", "withdrawal")
FILED = ("sent", "filed")
QUESTION = "question"


def chain_of(oid: str) -> tuple[str, str]:
    """Return which chain an obligation belongs to: its body of law and its addressee.

    >>> chain_of("eu-gdpr/tell-authority-more@es-aepd")
    ('eu-gdpr', 'es-aepd')
    """
    duty, _, addressee = oid.partition("@")
    return duty.partition("/")[0], addressee


def filed_in(tx: Tx, ref: str, oid: str, notices: Sequence[Any] | None = None) -> list[Any]:
    """Return what was filed in an obligation's chain, oldest first; answers to questions are not among it.

    Args:
        notices: Those of the incident, if they are at hand.
    """
    found = [
        one
        for one in (tx.notices.list(ref) if notices is None else notices)
        if one.state in FILED and one.phase != "answer" and chain_of(one.oid) == chain_of(oid)
    ]
    return sorted(found, key=lambda one: (one.sent_at or one.filed_at, one.id))


def last_filed(tx: Tx, ref: str, oid: str) -> Any | None:
    """Return the last filing of the chain, unless it took everything back."""
    found = filed_in(tx, ref, oid)
    return found[-1] if found else None


def phase_for(tx: Tx, desk: Desk, ref: str, row: Any, wanted: str | None) -> Phase:
    """Return the phase the next notice has.

    Raises:
        InputError: No such phase, or it does not fit what was filed.
    """
    if row.kind == QUESTION:
        if wanted not in (None, "answer"):
            raise InputError(f"--phase: {row.oid} is a question; its notice is the answer, without a phase")
        return "answer"
    last = last_filed(tx, ref, row.oid)
    if wanted is None:
        again = last is not None and (last.oid == row.oid or _only_if_incomplete(desk, row.duty))
        return "supplementary" if again else "initial"
    phase = next((one for one in PHASES if one == wanted), None)
    if phase is None:
        raise InputError(f"--phase: {wanted!r} is none; write {', '.join(PHASES)}")
    if wanted == "initial" and last is not None:
        raise InputError(f"--phase: {last.ref} was filed already, so the next is supplementary, final or withdrawal")
    if wanted != "initial":
        if row.addressee_kind == "people":
            raise InputError("--phase: people get letters, which have no phases")
        if last is None:
            raise InputError(f"--phase: nothing was filed under {row.oid} yet, so the first notice is initial")
        if last.phase == "withdrawal":
            raise InputError(f"--phase: {last.ref} took the notice back; nothing follows it")
    return phase


def _only_if_incomplete(desk: Desk, duty: str) -> bool:
    regime, _, key = duty.partition("/")
    book = desk.library.lawbook.regimes.get(regime)
    found = book.duties.get(key) if book else None
    return found is not None and any(one.follows_if_incomplete for one in found.history)


def require_not_replaced(tx: Tx, ref: str, notice: Any) -> None:
    """Refuse what is done with a withdrawn notice, naming the one that stands in its place.

    Raises:
        IllegalTransitionError: It is withdrawn.
    """
    if notice.state != "withdrawn":
        return
    successors = {one.supersedes: one for one in tx.notices.list(ref) if one.supersedes}
    last = successors.get(notice.ref)
    while last is not None and last.state == "withdrawn" and last.ref in successors:
        last = successors[last.ref]
    instead = (
        f"{last.ref} ({last.phase}, {last.state}) stands in its place: `breach show {ref} --notice {last.ref}`"
        if last is not None
        else f"nothing replaces it; `breach draft {ref} {notice.oid}` drafts it anew"
    )
    raise IllegalTransitionError(f"{notice.ref} ({notice.phase}) is withdrawn; {instead}")


def leaves_open(notice: Any) -> list[str]:
    """Return what a notice leaves to follow, in English; a text still to be translated is no open question."""
    return [str(item["label"]) for item in notice.missing if not about_language(str(item.get("field")))]


def earlier_of(tx: Tx, ref: str, notice: Any) -> Earlier:
    """Return a filed notice as a later one refers to it, with the facts it was drafted from."""
    stored = tx.incidents.facts(ref, notice.facts_version).facts
    return Earlier(
        notice.ref,
        notice.sent_at or notice.filed_at,
        notice.filed_as,
        Facts.model_validate(scoped(stored, notice.scope)),
    )


def successor(tx: Tx, desk: Desk, ref: str, row: Any) -> Any:
    """Return the obligation a later filing answers: the stage that follows if something was left open."""
    regime, _, key = row.duty.partition("/")
    book = desk.library.lawbook.regimes.get(regime)
    for name, duty in (book.duties.items() if book else ()):
        follows = any(one.follows == key and one.follows_if_incomplete for one in duty.history)
        if not follows:
            continue
        for other in tx.obligations.list(ref):
            same = other.duty == f"{regime}/{name}" and chain_of(other.oid) == chain_of(row.oid)
            if same and other.standing == "live" and _owed(other):
                return other
    return row


def _owed(row: Any) -> bool:
    return row.met_at is None and effective_status(row.status, row.decided) != "not-owed"


def require_reasons_for_delay(tx: Tx, ref: str, notice: Any, *, now: datetime) -> None:
    """Refuse a first notice after its deadline that does not say why it is late, where the law asks why."""
    if notice.kind != "authority" or notice.phase not in ("initial", "answer") or notice.facts_version is None:
        return
    told_of = [(ref, notice.oid, notice.facts_version)]
    bundles = (notice.route or {}).get("bundles") or ()
    told_of += [(str(one["incident"]), str(one["obligation"]), None) for one in bundles]
    for incident, oid, version in told_of:
        row = tx.obligations.get(incident, oid)
        late = (row.detail or {}).get("late")
        if row.due_at is None or row.due_at > now or not late:
            continue
        facts = tx.incidents.facts(incident, version).facts
        if (facts.get("narrative") or {}).get("delay_reasons"):
            continue
        raise IllegalTransitionError(
            f"{notice.ref} cannot be approved: {incident} was due {show_utc(row.due_at)}, and it does not give the "
            f"reasons for the delay ({row.cite}: {late}).\n"
            f"`breach facts {incident} narrative.delay_reasons=TEXT`, then draft again"
        )


def filings_json(tx: Tx, ref: str) -> list[dict[str, Any]]:
    """Return, per addressee, what was filed and what is still owed, by when."""
    notices = tx.notices.list(ref)
    chains: dict[tuple[str, str], dict[str, Any]] = {}
    rows = [row for row in tx.obligations.list(ref) if row.addressee_kind in ("authority", "controller", "other")]
    for row in rows:
        filed = filed_in(tx, ref, row.oid, notices) if row.kind != QUESTION else []
        owed = row.running and effective_status(row.status, row.decided) != "not-owed" and row.reach != "unknown"
        if not filed and not owed:
            continue
        chain = chains.setdefault(
            chain_of(row.oid) if row.kind != QUESTION else (row.oid, ""),
            {
                "addressee": row.addressee_name,
                "filed": [
                    {
                        "notice": one.ref,
                        "phase": one.phase,
                        "at": show_utc(one.sent_at or one.filed_at),
                        "reference": one.filed_as,
                    }
                    for one in filed
                ],
                "still_open": leaves_open(filed[-1]) if filed else [],
                "owed": [],
            },
        )
        if owed:
            end = row.due_at or row.provisional_due_at or row.target_at
            chain["owed"].append(
                {
                    "obligation": row.oid,
                    "kind": row.kind,
                    "by": show_utc(end) if end else None,
                    "by_local": show_local(end, row.zone) if end and row.zone else None,
                    "standard": (row.detail or {}).get("standard"),
                }
            )
    return list(chains.values())
