"""Letters through channels that take one message for one person: a relay, or the outbox.

The ledger's row says how far it is, written before every message: the person at that place may or may not have
been written to when a sender dies, and nobody else is in doubt.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from incident_flows.services.doubts import set_apart
from incident_flows.services.letters import letter_key, numbers_of
from incident_flows.services.packing import format_called, unseal
from incident_flows.services.refusals import BY_ENGINE
from incident_flows.storage.database import Tx
from notifications import Channel, InvalidMessageError, OutcomeUnknownError, PermanentError, TransientError
from notifications.outbox import OutboxChannel

if TYPE_CHECKING:
    from incident_flows.services.sending import _Sender

FILES_A_FOLDER = 1000  # the outbox lists its folder for every message
ABOUT_US = ("connection", "log-in", "sender")  # steps of a relay that concern no reader
MAX_ATTEMPTS = 20
RETRY = timedelta(minutes=1)


def send_batch_one_by_one(sender: _Sender, row: Any) -> None:
    """Send the copies of one batch that are not sent yet."""
    desk, notice = sender.desk, sender.notice
    channel = desk.channel
    if isinstance(channel, OutboxChannel) and sender.round.progress.people > FILES_A_FOLDER:
        channel = OutboxChannel(channel.folder / f"{sender.ref}-{notice.ref}" / f"batch-{row.id:06}")
    claim = {
        "the": row.id, "owner": desk.owner, "at": sender.at(), "through": channel.name, "batch": None, "due": None,
    }  # fmt: skip
    with desk.database.write() as tx:
        if not sender._may(tx) or not sender._fits(row.count - row.progress) or not tx.letters.claim([claim]):
            return
    sender.budget = None if sender.budget is None else sender.budget - 1
    row.channel, row.attempts, row.state = channel.name, row.attempts + 1, "claimed"
    desk.reached("notify:claimed")
    sending = _Batch(sender, row, channel)
    while sending.place < row.count:
        sender._renew()
        with desk.database.write() as tx:
            if not sender._may(tx):
                sending.give_back(tx)
                return
            tx.letters.set(row.id, "claimed", progress=sending.place)
        if not sending.send_next():
            return
        sender._measure()
    if row.count:
        with desk.database.write() as tx:
            tx.letters.set(
                row.id, "claimed", state="accepted", progress=row.count, done_at=sender.at(), error_kind=None
            )
    desk.reached("notify:recorded")


class _Batch:
    """One claimed batch, copy by copy."""

    def __init__(self, sender: _Sender, row: Any, channel: Channel) -> None:
        self.sender, self.row, self.channel, self.place = sender, row, channel, row.progress
        desk = sender.desk
        self.numbers = numbers_of(row.numbers)
        with desk.database.read() as tx:
            packed = unseal(desk, tx, sender.wrapped, sender.ref, row)
        self.readers = format_called(desk, row.form).readers(packed, sender.worded(row), sender.run.tag)

    def send_next(self) -> bool:
        """Send the copy at hand and record what came of it; return whether to go on with the next."""
        sender = self.sender
        try:
            key = letter_key(sender.notice, self.numbers[self.place], self.channel.name)
            self.channel.send(sender.worded(self.row).message(self.readers[self.place], key=key), now=sender.at())
        except InvalidMessageError:
            self._apart(state="quarantined", error_kind="address")
        except TransientError as error:
            wait = timedelta(seconds=error.retry_after_seconds) if error.retry_after_seconds else RETRY
            retry_at = sender.at() + wait
            if error.status is None:  # nobody answers at all: the batch waits where it is
                with sender.desk.database.write() as tx:
                    self.give_back(tx, retry_at=retry_at, error_kind="not accepted, may be tried again")
                sender.end("waits", "the relay does not answer", retry_at)
                return False
            gone = self.row.attempts >= MAX_ATTEMPTS
            self._apart(
                state="rejected" if gone else "planned", error_kind="not accepted", retry_at=None if gone else retry_at
            )
        except OutcomeUnknownError:
            self._apart(state="in-doubt", error_kind="no answer after the message left")
        except PermanentError as error:
            if error.fields and error.fields[0] in ABOUT_US:
                because = f"the relay refuses us: {error}"
                self._apart(state="rejected", error_kind="letter refused")
                with sender.desk.database.write() as tx:
                    self.give_back(tx)
                    run = tx.letters.run(sender.notice.id)
                    seen = {**(run.detail if run else {}), BY_ENGINE: True}
                    tx.letters.change(sender.notice.id, switch="paused", because=because, detail=seen)
                sender.end("paused", because)
                return False
            self._apart(state="rejected", error_kind="refused")
        else:
            sender.desk.reached("notify:accepted")
            sender.round.progress.sent += 0 if self.row.seed else 1
            self.place += 1
        return True

    def give_back(self, tx: Tx, **values: Any) -> None:
        """Plan the rest again; what is sent stays sent."""
        tx.letters.set(self.row.id, "claimed", state="planned", progress=self.place, claimed_by=None, **values)

    def _apart(self, **values: Any) -> None:
        sender = self.sender
        with sender.desk.database.write() as tx:
            set_apart(tx, sender.desk, sender.ref, self.row, sender.wrapped, self.place, done_at=sender.at(), **values)
        del self.numbers[self.place], self.readers[self.place]
        if not self.numbers:
            self.row.count = 0
