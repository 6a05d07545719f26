"""Brings an approved notice to its addressee, once, and keeps the receipt; or records how it was filed.

Every send is an intent first: planned in the ledger with its sealed address, claimed before the act,
recorded after it. A claim that is never recorded is in doubt, and only evidence or a person resolves it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any

from incident_flows.core.instants import show_utc
from incident_flows.core.lifecycle import Actor, all_done, check_notice_move
from incident_flows.errors import (
    IllegalTransitionError,
    InputError,
    NotApprovedError,
    StorageError,
    TamperedError,
)
from incident_flows.services.desk import FRESH_DAYS, LEASE, Desk, write_journal
from incident_flows.services.exact import exact_of, require_approved
from incident_flows.services.filling import to_copy
from incident_flows.services.letters import counts_of
from incident_flows.services.people import person
from incident_flows.services.phases import require_not_replaced
from incident_flows.services.references import correct_reference, require_not_corrected
from incident_flows.services.sent import Sent
from incident_flows.services.told import told
from incident_flows.storage.tables import NoticeState
from notifications import (
    Address,
    Message,
    NotificationError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
)

MAX_ATTEMPTS = 20
RETRY = timedelta(minutes=1)
UNSET_SENDER = "Sender not set <sender-not-set@breach.example>"
SET_SENDER = "set it, such as BREACH_SENDER='Data protection <privacy@your.domain>', before mail leaves the house"


def notify(
    desk: Desk,
    ref: str,
    notice_ref: str | None,
    *,
    actor: Actor,
    now: datetime,
    filed_as: str | None = None,
    filed_at: datetime | None = None,
    because: str = "",
    to: str | None = None,
    mode: str | None = None,
    tell: Callable[[Any], None] | None = None,
) -> list[Sent]:
    """Send what is approved, or record a filing.

    Args:
        notice_ref: One notice; None for all that are approved.
        filed_as: The addressee's reference, for a notice a person filed or delivered by other means.
        filed_at: When, if before `now`; never before its approval.
        because: Why the reference of a filing is corrected.
        to: An e-mail route a person confirms for an authority whose own is not freshly checked.
        mode: For letters to people, what becomes of requests in doubt; None: as the policy says.
        tell: For letters to people, told how far they are.
    """
    actor.require("notify")
    with desk.database.read() as tx:
        tx.incidents.get(ref)
        if notice_ref is None:
            notices = [one for one in tx.notices.list(ref) if one.state in ("approved", "sending", "failed")]
        else:
            notices = [tx.notices.get(ref, notice_ref)]
            require_not_replaced(tx, ref, notices[0])
    if filed_at is not None and filed_as is None:
        raise InputError("--filed-at goes with --filed-as REFERENCE")
    if filed_as is not None:
        if notice_ref is None:
            raise InputError("--filed-as: name the notice that was filed, such as N-0001")
        if because and notices[0].state == "filed":
            return [correct_reference(desk, ref, notice_ref, filed_as, because=because, actor=actor, now=now)]
        return [record_filing(desk, ref, notice_ref, filed_as, actor=actor, now=now, at=filed_at)]
    if not notices:
        raise IllegalTransitionError(
            f"{ref}: nothing is approved; `breach draft {ref}`, then `breach approve {ref} NOTICE`"
        )
    return [_send(desk, ref, one, actor=actor, now=now, to=to, mode=mode, tell=tell) for one in notices]


def _send(
    desk: Desk,
    ref: str,
    notice: Any,
    *,
    actor: Actor,
    now: datetime,
    to: str | None,
    mode: str | None,
    tell: Callable[[Any], None] | None,
) -> Sent:
    if notice.kind == "people" and notice.state in ("sent", "filed"):
        from incident_flows.services.broadcast import to_second_addresses

        return to_second_addresses(desk, ref, notice, now=now, tell=tell)
    if notice.state in ("sent", "filed"):
        return Sent(notice.ref, notice.state, next="nothing: it is done already")
    if notice.state not in ("approved", "sending", "failed"):
        raise NotApprovedError(
            f"{notice.ref} is {notice.state}, so nothing is sent; it must be approved first"
        )
    with desk.database.read() as tx:
        require_approved(tx, desk, ref, tx.notices.get(ref, notice.ref))
    if notice.kind == "people":
        from incident_flows.services.broadcast import broadcast

        return broadcast(desk, ref, notice, actor=actor, now=now, mode=mode, tell=tell)
    address = _route_address(notice, to, on=now.date())
    if address is not None and notice.attachments:
        address = None  # a mail carries no attachments: readers are advised not to open them
    if address is not None:
        sender_of(desk)  # refuses without a sender, before anything is written
    if address is None:
        return Sent(
            notice.ref,
            notice.state,
            form=to_copy(notice),
            next=f"file it ({notice.route.get('text', 'no route known')}"
            f"{'; ' + notice.route['url'] if notice.route.get('url') else ''}), then "
            f"`breach notify {ref} {notice.ref} --filed-as REFERENCE`",
        )
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        if incident.drill and desk.channel.name not in ("outbox", "memory"):
            raise IllegalTransitionError(
                f"{ref} is a drill: its mail goes to an outbox only, and here it would leave the house by "
                f"{desk.channel.name}; `breach drill SCENARIO` plays in a house of its own"
            )
        fresh = tx.notices.get(ref, notice.ref)
        check_notice_move(notice.ref, fresh.state, "sending") if fresh.state != "sending" else None
        key = delivery_key(desk, ref, notice, "addressee")
        sealed = desk.vault.seal(
            incident.wrapped_key, ref, f"delivery:{key}", json.dumps({"to": address}).encode()
        )
        tx.deliveries.plan(notice.id, [{"key": key, "channel": desk.channel.name, "sealed": sealed}])
        if fresh.state == "failed":
            tx.deliveries.plan_failed_again(notice.id)
        if fresh.state != "sending":
            tx.notices.move(notice.id, fresh.state, "sending")
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
                "route_confirmed_by": actor.name if to else None,
                "route_confirmed": to if notice.kind == "authority" else None,
            },
            staff=(address,) if notice.kind == "authority" else (),
        )
        desk.reached("notify:planned")
    work_off(desk, notice.id, now=now)
    return settle(desk, ref, notice.ref, actor=actor.name, now=now)


def _route_address(notice: Any, to: str | None, *, on: date) -> str | None:
    route: Mapping[str, Any] = notice.route or {}
    if to is not None:
        return Address(to).email
    if route.get("kind") != "email" or not route.get("email"):
        return None
    if notice.kind == "authority":
        checked = route.get("checked_on")
        if not checked or (on - date.fromisoformat(checked)).days > FRESH_DAYS:
            return None
    return str(route["email"])


def delivery_key(desk: Desk, ref: str, notice: Any, reader: str) -> str:
    """Return the ledger's key: the same text to the same reader the same way is one delivery, for ever."""
    way = "outbox" if desk.channel.name == "outbox" else "mail"
    return f"{ref}/{notice.ref}/{notice.sha256[:16]}/{reader}/{way}"


def work_off(desk: Desk, notice_id: int | None, *, now: datetime, limit: int = 1) -> int:
    """Send what is planned, `limit` at a time, until nothing is left that may be tried now.

    A sender that dies puts as many in doubt as it had claimed, so the limit is low.

    Each is claimed in a transaction of its own before the act and recorded after it.
    """
    done, started = 0, monotonic()
    while True:
        at = now + timedelta(seconds=monotonic() - started)  # a long round of sending outlives its first lease
        with desk.database.write() as tx:
            claimed = tx.deliveries.claim(notice_id, desk.owner, at, LEASE, limit)
        if not claimed:
            return done
        desk.reached("notify:claimed")
        for row in claimed:
            _deliver(desk, row, now=at)
            done += 1


def _deliver(desk: Desk, row: Any, *, now: datetime) -> None:
    with desk.database.read() as tx:
        notice = tx.notices.by_id(row.notice_id)
        incident = tx.incidents.get(notice.incident_ref)
    outcome: dict[str, Any]
    raw: bytes | None = None
    try:
        if row.person is not None:
            email = person(desk, incident.ref, row.person).email
        else:
            opened = desk.vault.open_(incident.wrapped_key, incident.ref, f"delivery:{row.key}", row.sealed)
            email = json.loads(opened)["to"]
    except (StorageError, TamperedError) as error:  # nothing left the house: wait for the right key
        with desk.database.write() as tx:
            tx.deliveries.record(
                row.id,
                "planned",
                now,
                owner=desk.owner,
                retry_at=now + RETRY,
                error_kind="the address cannot be opened",
                receipt={"error": str(error)},
            )
        return
    try:
        if not row.key.startswith(f"{incident.ref}/{notice.ref}/{exact_of(notice)[:16]}/"):
            raise PermanentError("the text is not the one that was approved; nothing was sent")
        message = Message(
            to=Address(email),
            sender=sender_of(desk),
            subject=notice.subject,
            text=notice.text,
            html=notice.html,
            key=row.key,
            headers={"X-Breach-Notice": notice.sha256},
        )
        receipt = desk.channel.send(message, now=now)
        raw = receipt.raw if row.person is None else None  # letters to people: their hash is enough
        desk.reached("notify:accepted")
        outcome = {
            "state": receipt.state,
            "provider_id": receipt.provider_id,
            "receipt": {
                "channel": receipt.channel,
                "accepted_at": receipt.accepted_at.isoformat(),
                "bytes_sha256": receipt.sha256,
                **receipt.detail,
            },
        }
    except TransientError as error:
        wait = timedelta(seconds=error.retry_after_seconds) if error.retry_after_seconds else RETRY
        again = row.attempts < MAX_ATTEMPTS
        outcome = {
            "state": "planned" if again else "failed",
            "error_kind": "not accepted, may be tried again",
            "retry_at": now + wait if again else None,
            "receipt": _error(error),
        }
    except OutcomeUnknownError as error:
        outcome = {
            "state": "in-doubt",
            "error_kind": "no answer after the message left",
            "receipt": _error(error),
        }
    except PermanentError as error:
        outcome = {"state": "failed", "error_kind": "refused", "receipt": _error(error)}
    with desk.database.write() as tx:
        tx.deliveries.record(row.id, owner=desk.owner, at=now, **outcome)
        if raw is not None:
            sealed = desk.vault.seal(incident.wrapped_key, incident.ref, f"sent:{row.key}", raw)
            tx.filings.keep_copy(row.id, sha256=hashlib.sha256(raw).hexdigest(), sealed=sealed, at=now)
    desk.reached("notify:recorded")


def _error(error: NotificationError) -> dict[str, Any]:
    return {"error": str(error), "status": error.status}


def sender_of(desk: Desk) -> Address:
    """Return whom notices come from; in the outbox also without one set."""
    text = desk.sender
    if text is None:
        if desk.channel.name not in ("outbox", "memory"):
            raise PermanentError(f"BREACH_SENDER is not set, so nothing was sent: {SET_SENDER}")
        text = UNSET_SENDER
    name, _, rest = text.partition("<")
    return Address(rest.rstrip("> ").strip(), name.strip() or None) if rest else Address(text.strip())


def settle(desk: Desk, ref: str, notice_ref: str, *, actor: str, now: datetime) -> Sent:
    """Bring a notice's state into line with its deliveries; meet its obligation once everybody is told."""
    with desk.database.write() as tx:
        tx.incidents.lock(ref)
        notice = tx.notices.get(ref, notice_ref)
        counts = counts_of(tx, notice.incident_id, notice.id)
        if notice.state not in ("sending", "in-doubt"):
            return Sent(notice_ref, notice.state, counts)
        new = _letters_state(counts) if notice.kind == "people" else _state_from(counts)
        if new != notice.state:
            fields = {"sent_at": now} if new == "sent" else {}
            notice = tx.notices.move(notice.id, notice.state, new, **fields)
            write_journal(
                tx,
                desk,
                at=now,
                actor=actor,
                act=f"notice-{new}",
                ref=ref,
                subject=notice_ref,
                payload={"deliveries": counts, "sha256": notice.sha256},
            )
        if new == "sent":
            told(tx, desk, ref, notice, by=notice_ref, actor=actor, now=now)
        desk.reached("notify:settled")
    return Sent(notice_ref, new, counts, next=_next(ref, notice_ref, new, counts, unsigned=desk.sender is None))


def _state_from(counts: Mapping[str, int]) -> NoticeState:
    present = {state for state, count in counts.items() if count}
    if "in-doubt" in present:
        return "in-doubt"
    if not all_done(present):
        return "sending"
    if "sent" in present:
        return "sent"
    return "approved" if "delivered-to-outbox" in present else "failed"


def _letters_state(counts: Mapping[str, int]) -> NoticeState:
    """Return the state of a notice to people: under way while anything can still leave, never *sent* if stopped."""
    present = {state for state, count in counts.items() if count}
    if present & {"planned", "claimed", "scheduled"}:
        return "sending"
    return "failed" if "withdrawn" in present and "in-doubt" not in present else _state_from(counts)


def _next(ref: str, notice_ref: str, state: str, counts: Mapping[str, int], *, unsigned: bool) -> str | None:
    if state == "approved":
        many = counts.get("delivered-to-outbox", 0)
        lie = "1 message lies in the outbox and is" if many == 1 else f"{many} messages lie in the outbox and are"
        return (
            f"{lie} not sent: no mail provider is set up. Once delivered: "
            f"`breach notify {ref} {notice_ref} --filed-as REFERENCE`"
        ) + (f".\n    BREACH_SENDER is not set, so they come from {UNSET_SENDER}: {SET_SENDER}" if unsigned else "")
    if state == "in-doubt":
        return (
            "whether it arrived is not known; look at the provider, then "
            f"`breach notify {ref} {notice_ref} --in-doubt arrived|not-arrived --because TEXT`"
        )
    if state == "failed":
        return (
            f"refused: see `breach show {ref}`; after mending the cause, `breach notify {ref} {notice_ref}` tries again"
        )
    return "the next tick goes on with it" if state == "sending" else None


def _page_of(notice: Any) -> dict[str, str]:
    """Return the hash of the page a public notice is, as anybody can compute it from the file."""
    if notice.kind != "public" or notice.html is None:
        return {}
    return {"page_sha256": hashlib.sha256(notice.html.encode()).hexdigest()}


def record_filing(
    desk: Desk, ref: str, notice_ref: str, filed_as: str, *, actor: Actor, now: datetime, at: datetime | None = None
) -> Sent:
    """Record that a person filed or delivered an approved notice, under the addressee's reference.

    Args:
        at: When that was, if it is recorded afterwards; duties are met at that instant.

    Raises:
        InputError: The reference is empty, or `at` lies in the future.
        NotApprovedError: These bytes were not approved, or not yet at `at`.
    """
    at = at or now
    if at > now:
        raise InputError(f"--filed-at: {show_utc(at)} lies in the future; record a filing once it is made")
    if not filed_as.strip():
        raise InputError("--filed-as: write the reference you were given, or how and when it was delivered")
    with desk.database.write() as tx:
        tx.incidents.lock(ref)
        notice = tx.notices.get(ref, notice_ref)
        if notice.state == "filed" and notice.filed_as == filed_as:
            return Sent(notice_ref, "filed", counts_of(tx, notice.incident_id, notice.id))
        require_not_corrected(ref, notice, filed_as)
        check_notice_move(notice_ref, notice.state, "filed")
        if notice.approved_by is None:
            raise NotApprovedError(f"{notice_ref} was never approved; approve the text that was filed first")
        require_approved(tx, desk, ref, notice)
        if notice.approved_at is not None and at < notice.approved_at:
            raise NotApprovedError(
                f"{notice_ref} was approved at {show_utc(notice.approved_at)}, after {show_utc(at)}: "
                "what was filed then was not yet approved"
            )
        notice = tx.notices.move(
            notice.id, notice.state, "filed", filed_as=filed_as, filed_by=actor.name, filed_at=at
        )
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor.name,
            act="filed",
            ref=ref,
            subject=notice_ref,
            payload={
                "filed_as": filed_as,
                "filed_at": at.isoformat(),
                "sha256": notice.sha256,
                "obligation": notice.oid,
                **_page_of(notice),
            },
        )
        told(tx, desk, ref, notice, by=f"{notice_ref}, filed as {filed_as}", actor=actor.name, now=now, at=at)
        counts = counts_of(tx, notice.incident_id, notice.id)
    return Sent(notice_ref, "filed", counts)


def resolve_doubt(
    desk: Desk, ref: str, notice_ref: str, outcome: str, *, because: str, actor: Actor, now: datetime
) -> Sent:
    """A person says, on evidence, whether what was in doubt arrived; only then may it be sent again."""
    actor.require("notify")
    from incident_flows.services.doubts import resolve_letters

    if outcome not in ("arrived", "not-arrived"):
        raise InputError(f"--in-doubt: {outcome!r} is no answer; write arrived or not-arrived")
    if not because.strip():
        raise InputError("--because: say on what evidence")
    with desk.database.write() as tx:
        tx.incidents.lock(ref)
        notice = tx.notices.get(ref, notice_ref)
        rows = [row for row in tx.deliveries.in_doubt(notice.incident_id) if row.notice_id == notice.id]
        letters = resolve_letters(tx, notice.id, outcome, by=actor.name, at=now)
        if not rows and not letters:
            raise IllegalTransitionError(f"{notice_ref}: nothing of it is in doubt")
        for row in rows:
            tx.deliveries.resolve(
                row.id, "sent" if outcome == "arrived" else "planned", by=actor.name, at=now
            )
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor.name,
            act="doubt-resolved",
            ref=ref,
            subject=notice_ref,
            payload={"outcome": outcome, "because": because, "deliveries": len(rows) + letters},
        )
        if outcome == "not-arrived" and notice.state == "in-doubt":
            tx.notices.move(notice.id, "in-doubt", "sending")
    return settle(desk, ref, notice_ref, actor=actor.name, now=now)
