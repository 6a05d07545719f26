"""The connected parts every verb works with, handed in by `wiring`; and who is acting."""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from incident_flows.core.escalation import Ladder
from incident_flows.core.facts import Facts
from incident_flows.core.lifecycle import ROLES, Actor
from incident_flows.core.rota import Rota
from incident_flows.errors import InputError, NotFoundError, PermissionDeniedError
from incident_flows.knowledge.files import Document, read_yaml
from incident_flows.knowledge.library import Library
from incident_flows.knowledge.rota import RotaFile
from incident_flows.storage.database import Database, Tx
from incident_flows.storage.vault import Vault
from notifications import Channel
from notifications.letters import BatchChannel

if TYPE_CHECKING:
    from incident_flows.services.intake import Intake

LEASE = timedelta(seconds=60)  # how long a claim holds before its holder counts as dead
_NAME = re.compile(r"[^\W_](?:[\w.@+-]{0,62}[^\W_])?")  # goes into links, journal lines and commands
FRESH_DAYS = 180  # how long a checked route may be used without a person confirming it


class Pager(Protocol):
    """Calls the team; tries every path and says which worked."""

    def page(self, title: str, body: str) -> Sequence[tuple[str, bool]]: ...


@dataclass
class Desk:
    """Database, knowledge, vault, channel and pager of one installation.

    Attributes:
        channel: How mail leaves: SendGrid, SMTP, or the outbox.
        batches: How letters to many leave; None: one by one through `channel`.
        seeds: The team's own addresses, which get every letter first.
        sending_limit: The most people a provider lets us write to, per `hour` or `day`.
        pager: How the team is called; None if no path is set up.
        sender: `Name <mailbox>` of the notices; None if not set.
        rota_file: Who of the team is told when; None or no file: everybody the pager reaches.
        pager_for: Makes a pager for a person's own addresses.
        secret: Gives the address a rota calls `$NAME`; None if there is none.
        event_keys: Public keys under which the provider's events are believed; two during a rotation.
        intake: Who may hand in alerts by a signature.
        poller: Asks the provider what became of letters, where it cannot call us; None if it can, or nobody can.
        heartbeat: Tells somebody outside that a tick ran and found nothing missed; False if that failed.
        monotonic: Seconds that no one sets; with it jumps of the clock are seen. None under a frozen clock.
        acknowledge_at: Address of the page that takes links, the token to be added; None while there is none.
        token: The token a program acts with, such as T-0001; it stands in the journal with every write.
        unrecorded: What was paged and could not be recorded yet; the next tick does it first.
    """

    database: Database
    library: Library
    vault: Vault
    channel: Channel
    pager: Pager | None = None
    sender: str | None = None
    batches: BatchChannel | None = None
    seeds: tuple[str, ...] = ()
    sending_limit: Mapping[str, int] = field(default_factory=dict)
    owner: str = field(default_factory=lambda: f"{getpass.getuser()}")
    rota_file: RotaFile | None = None
    pager_for: Callable[[tuple[str, ...]], Pager] | None = None
    secret: Callable[[str], str | None] = field(default=lambda name: None, repr=False)
    event_keys: Sequence[str] = ()
    intake: Sequence[Intake] = ()
    poller: Any = None
    heartbeat: Callable[[], bool] | None = None
    monotonic: Callable[[], float] | None = None
    acknowledge_at: str | None = None
    token: str | None = None
    unrecorded: list[Any] = field(default_factory=list, repr=False)
    ticked: tuple[datetime, float] | None = None
    on_step: Callable[[str], None] | None = None  # where a test or the chaos harness may cut in

    @property
    def batches_name(self) -> str:
        """By which way letters to many leave."""
        return self.channel.name if self.batches is None else self.batches.name

    @cached_property
    def _escalation(self) -> dict[str, Any]:
        found: dict[str, Any] = read_yaml(self.library.root / "policies" / "escalation.yaml").data
        return found

    @cached_property
    def ladders(self) -> dict[str, Ladder]:
        """Reminder ladders by duty, kind of rule or kind of addressee."""
        return {name: Ladder.model_validate(ladder) for name, ladder in self._escalation["ladders"].items()}

    @property
    def estimates(self) -> Mapping[str, Mapping[str, float]]:
        """How long what is to be done takes, by the playbook."""
        found: Mapping[str, Mapping[str, float]] = self._escalation.get("estimates", {})
        return found

    @property
    def rota(self) -> Rota | None:
        """Who of the team is told when, as the file says now."""
        return None if self.rota_file is None else self.rota_file.current()

    def is_holiday(self, calendar: str, day: date) -> bool:
        """Return whether a day is a holiday in a calendar; weekends are none."""
        return day.weekday() < 5 and not self.library.open_days(calendar).is_open(day)

    def reached(self, point: str) -> None:
        """Mark a point at which a crash would be worst; does nothing in ordinary life."""
        if self.on_step is not None:
            self.on_step(point)


def acting(desk: Desk, name: str, *, now: datetime, create: bool = False) -> Actor:
    """Return the account called `name`.

    Args:
        create: Whether to create it with every role when there is none: the operating-system user, on first use.

    Raises:
        NotFoundError: No such account.
        PermissionDeniedError: The account is disabled.
    """
    with desk.database.read() as tx:
        row = _account(tx, name)
    if row is None:
        if not create:
            raise NotFoundError(
                f"there is no account {name!r}; `breach account add {name} --role handler` creates it"
            )
        with desk.database.write() as tx:
            row = tx.accounts.ensure(name, list(ROLES), now)
            tx.journal.write(
                at=now,
                actor=name,
                act="account-created",
                incident_ref=None,
                subject=name,
                payload={"roles": list(ROLES), "because": "first use by the operating-system user"},
                lawbook_sha256=None,
            )
    if row.disabled:
        raise PermissionDeniedError(f"the account {name!r} is disabled")
    return Actor(row.name, row.person, frozenset(row.roles))


def _account(tx: Tx, name: str) -> Any | None:
    try:
        return tx.accounts.get(name)
    except NotFoundError:
        return None


def add_account(
    desk: Desk, name: str, *, roles: list[str], person: str | None, actor: Actor, now: datetime
) -> Mapping[str, Any]:
    """Add an account; `person` tells two accounts of one natural person apart from two people."""
    actor.require("accounts")
    wrong = sorted(set(roles) - set(ROLES))
    if wrong or not roles:
        raise InputError(f"role {', '.join(wrong) or '(none)'}: choose among {', '.join(ROLES)}")
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r:.60}: is no name for an account; write up to 64 letters and digits, with . _ @ + - between them"
        )
    if person is not None and (not person.strip() or not person.isprintable() or len(person) > 100):
        raise InputError("--person: write a name in at most 100 characters, on one line")
    with desk.database.write() as tx:
        row = tx.accounts.add(name=name, person=person or name, roles=roles, at=now)
        tx.journal.write(
            at=now,
            actor=actor.name,
            act="account-created",
            incident_ref=None,
            subject=name,
            payload={"roles": roles, "person": person or name},
            lawbook_sha256=None,
        )
    return {"name": row.name, "person": row.person, "roles": list(row.roles)}


def facts_of(desk: Desk, stored: Mapping[str, Any]) -> Facts:
    """Return facts as stored, validated again."""
    return Facts.model_validate(dict(stored))


def checked_facts(desk: Desk, data: Mapping[str, Any], *, name: str) -> Facts:
    """Return facts from plain data, checked against models and lawbook; all faults at once."""
    from incident_flows.knowledge.facts_files import facts_from

    return facts_from(
        Document(name, dict(data)), lawbook=desk.library.lawbook, profiles=desk.library.profiles
    )


def write_journal(
    tx: Tx,
    desk: Desk,
    *,
    at: datetime,
    actor: str,
    act: str,
    ref: str | None,
    subject: str,
    payload: Mapping[str, Any],
    staff: Collection[str] = (),
) -> None:
    """Append one sealed entry, naming the lawbook in force at the desk.

    Args:
        staff: Addresses of authorities or of our own people, which the journal may hold.
    """
    tx.journal.write(
        at=at,
        actor=actor,
        act=act,
        incident_ref=ref,
        subject=subject,
        payload=dict(payload) if desk.token is None else {**payload, "token": desk.token},
        lawbook_sha256=desk.library.lawbook.sha256,
        staff=staff,
    )
