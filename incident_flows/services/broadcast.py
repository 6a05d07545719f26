"""One approved letter to many people, each exactly once; begun, gone on with, paused, resumed, stopped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from incident_flows.core.lifecycle import Actor
from incident_flows.errors import IllegalTransitionError, InputError, NotApprovedError
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.doubts import CANCELLED_AT_ONCE, MARGIN
from incident_flows.services.follow import count
from incident_flows.services.letters import MODES, lease_of, letter_of, list_of, policy_of
from incident_flows.services.notify import settle
from incident_flows.services.packing import pack
from incident_flows.services.refusals import BY_ENGINE
from incident_flows.services.second import plan_second, queue_refused
from incident_flows.services.sending import Progress, Round, send_round
from incident_flows.services.sent import Sent
from notifications import NotificationError

ONE_BY_ONE = "one-by-one"  # the mode of channels that take one message at a time
TICK_SECONDS = 20.0  # how long one tick sends; reminders must not wait longer


def broadcast(
    desk: Desk,
    ref: str,
    notice: Any,
    *,
    actor: Actor,
    now: datetime,
    mode: str | None = None,
    seconds: float | None = None,
    tell: Callable[[Progress], None] | None = None,
) -> Sent:
    """Pack a letter for everybody who reads its language, then send what is packed.

    Broken off anywhere, it is simply continued by the same call or by the next tick.
    """
    begin(desk, ref, notice, actor=actor, now=now, mode=mode)
    done = send_packed(desk, ref, notice, actor=actor.name, now=now, seconds=seconds, tell=tell)
    sent = settle(desk, ref, notice.ref, actor=actor.name, now=now)
    sent.ended, sent.resume_at = done.ended, done.resume_at
    if not sent.counts:
        sent.next = f"no recipient reads {notice.language}; withdraw it by drafting anew"
    elif done.because is not None and sent.state == "sending":
        until = f" until {done.resume_at:%H:%M:%S} UTC" if done.resume_at else ""
        resume = f"`breach notify {ref} {notice.ref} --resume`"
        sent.next = f"{done.because}{until}; {resume if done.ended == 'paused' else 'the next tick goes on with it'}"
    return sent


def to_second_addresses(
    desk: Desk, ref: str, notice: Any, *, now: datetime, tell: Callable[[Progress], None] | None = None
) -> Sent:
    """Send a letter that is out to second addresses, for people it did not reach at their first one."""
    with desk.database.read() as tx:
        known = notice.id in tx.seconds.notices()
    if known:
        count(desk, now=now)
        plan_second(desk, ref, notice, now=now)
        send_packed(desk, ref, notice, actor="engine", now=now, tell=tell)
    sent = settle(desk, ref, notice.ref, actor="engine", now=now)
    with desk.database.read() as tx:
        second = tx.letters.counts(notice.incident_id, notice.id, address=2)
    told = ", ".join(f"{many} {state}" for state, many in sorted(second.items()))
    sent.next = f"letters to second addresses: {told}" if known and second else "nothing: it is done already"
    return sent


def begin(desk: Desk, ref: str, notice: Any, *, actor: Actor, now: datetime, mode: str | None = None) -> None:
    """Check that text and list are those approved, and write down that sending begins.

    Raises:
        NotApprovedError: The list has changed since its approval.
        InputError: The mode does not exist, or cannot be had with this way of sending.
    """
    letter_of(desk, notice)  # refuses without a sender, before anything is written
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        if tx.people.count(incident.id) == 0:
            raise IllegalTransitionError(
                f"{ref} has no recipients; `breach recipients {ref} import FILE.csv` takes them in. Told by other "
                f"means? `breach notify {ref} {notice.ref} --filed-as HOW-AND-WHEN`"
            )
        run = tx.letters.run(notice.id)
        state = tx.notices.get(ref, notice.ref).state
        if run is None or (run.people is None and run.packed_until < 0):
            sha256, listed = list_of(tx, incident.id)
            if run is None or run.list_sha256 != sha256:
                before = "before" if run is None else f"{run.listed} people then, {listed} now"
                raise NotApprovedError(
                    f"{notice.ref}: the list of people is not the one that was approved ({before}); "
                    f"`breach approve {ref} {notice.ref}` approves text and list"
                )
        if run.mode is None or run.mode == ONE_BY_ONE or mode is not None:
            run = tx.letters.change(notice.id, mode=_mode(desk, mode, run.mode), started_at=run.started_at or now)
        if run.switch == "paused" and run.detail.get(BY_ENGINE):
            run = tx.letters.change(notice.id, switch="go", because=None, detail={**run.detail, BY_ENGINE: False})
            tx.letters.plan_again(notice.id, ("rejected",))
        elif state == "failed" and run.switch == "go":
            tx.letters.plan_again(notice.id, ("rejected",))
        if desk.batches_name != "outbox":
            tx.letters.plan_again(notice.id, ("accepted",), channel="outbox")
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
                    "list_sha256": run.list_sha256,
                    "channel": desk.batches_name,
                    "mode": run.mode,
                    "people": run.listed,
                },
            )
        desk.reached("broadcast:started")


def _mode(desk: Desk, wanted: str | None, before: str | None) -> str:
    if wanted is not None and wanted not in MODES:
        raise InputError(f"--mode: {wanted!r} is no mode; write {' or '.join(MODES)}")
    if desk.batches is None:
        if wanted == "zero":
            raise InputError(
                f"--mode zero: needs a provider that can call letters back (SENDGRID_API_KEY), not {desk.channel.name}"
            )
        return ONE_BY_ONE
    if wanted is not None and before not in (None, ONE_BY_ONE, wanted):
        raise InputError(f"--mode: sending has begun in mode {before}, which stays")
    return wanted or policy_of(desk).mode


def send_packed(
    desk: Desk,
    ref: str,
    notice: Any,
    *,
    actor: str,
    now: datetime,
    batches: int | None = None,
    seconds: float | None = None,
    wave: int | None = None,
    tell: Callable[[Progress], None] | None = None,
) -> Round:
    """Pack what is not packed yet, and do one round of sending."""
    with desk.database.write() as tx:
        tx.letters.released(now)
        run = tx.letters.run(notice.id)
    if run is None:
        return Round("paused", "its list was never approved")
    if run.switch != "go":
        return Round("stopped" if run.switch == "stopped" else "paused", run.because)
    if run.people is None:
        pack(desk, ref, notice, actor=actor, now=now)
    done = send_round(desk, ref, notice, now=now, batches=batches, seconds=seconds, wave=wave, tell=tell)
    queue_refused(desk, notice, now=now)
    return done


def go_on(desk: Desk, ref: str, notice_ref: str, *, now: datetime) -> int:
    """Go on with a broadcast, for a tick; return to how many people letters went."""
    with desk.database.read() as tx:
        notice = tx.notices.get(ref, notice_ref)
        run = tx.letters.run(notice.id)
    if run is None or (run.resume_at is not None and run.resume_at > now and run.switch == "go"):
        with desk.database.write() as tx:
            tx.letters.released(now)
        return 0
    return send_packed(desk, ref, notice, actor="engine", now=now, seconds=TICK_SECONDS).progress.sent


def waves_to_send(desk: Desk, *, now: datetime) -> list[tuple[str, str, int]]:
    """Return incident, notice and wave of letters that could leave now and that nobody is sending."""
    found = []
    with desk.database.read() as tx:
        for notice in tx.notices.in_state("sending"):
            run = tx.letters.run(notice.id) if notice.kind == "people" else None
            if run is None or run.switch != "go" or (run.resume_at is not None and run.resume_at > now):
                continue
            first = tx.letters.first_wave(notice.id)
            if first is not None and tx.leases.holder(lease_of(notice.id), now) is None:
                found.append((notice.incident_ref, notice.ref, first[0]))
    return found


def switch_letters(
    desk: Desk,
    ref: str,
    notice_ref: str,
    wanted: Literal["paused", "go", "stopped"],
    *,
    because: str,
    actor: Actor,
    now: datetime,
) -> Sent:
    """Pause, resume or stop the letters of a notice; a sender at work obeys before its next request.

    Stopping also calls back what a provider holds until its time, as far as it still lets us.
    """
    actor.require("notify")
    called_back = missed = batches = 0
    with desk.database.write() as tx:
        tx.incidents.lock(ref)
        notice = tx.notices.get(ref, notice_ref)
        run = tx.letters.run(notice.id)
        if run is None or run.started_at is None:
            raise IllegalTransitionError(f"{notice_ref}: no letters of it are under way")
        before = run.switch
        tx.letters.change(
            notice.id, switch=wanted, because=None if wanted == "go" else because or "by a person", resume_at=None
        )
        withdrawn = tx.letters.withdraw(notice.id) if wanted == "stopped" else 0
        if wanted == "go":
            tx.letters.plan_again(notice.id, ("rejected",))
        if wanted == "go" and before == "stopped":
            tx.letters.plan_again(notice.id, ("cancelled",))
        if wanted == "go" and notice.state == "failed":
            tx.notices.move(notice.id, "failed", "sending")
        scheduled = tx.letters.scheduled(notice.id) if wanted == "stopped" else []
    for row in scheduled:
        in_time = row.send_at is not None and row.send_at - MARGIN > now
        if in_time and batches < CANCELLED_AT_ONCE and _called_back(desk, row, now=now):
            batches += 1
            called_back += row.count
        else:
            missed += row.count
    with desk.database.write() as tx:
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor.name,
            act={"paused": "letters-paused", "go": "letters-resumed", "stopped": "letters-stopped"}[wanted],
            ref=ref,
            subject=notice_ref,
            payload={
                "because": because, "withdrawn": withdrawn, "called_back": called_back, "not_called_back": missed,
            },
        )  # fmt: skip
    sent = settle(desk, ref, notice_ref, actor=actor.name, now=now)
    if missed:
        sent.next = f"{missed} letters are with the provider already and could not be called back"
    elif wanted != "go" and sent.state == "sent":
        sent.next = "nothing was left to hold back: every letter has left"
    elif wanted != "go":
        sent.next = f"`breach notify {ref} {notice_ref} --resume` goes on"
    return sent


def _called_back(desk: Desk, row: Any, *, now: datetime) -> bool:
    try:
        if desk.batches is None or not desk.batches.cancel(row.batch_id, now=now.timestamp()):
            return False
    except NotificationError:
        return False
    with desk.database.write() as tx:
        return tx.letters.set(row.id, "accepted", state="cancelled", error_kind="called back")
