"""Settings in, connected parts out: library, database, vault, channel, pager."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from incident_flows.errors import InputError, StorageError
from incident_flows.knowledge.library import Library
from incident_flows.settings import Settings

if TYPE_CHECKING:  # the database and the channels are imported by those who need them
    from incident_flows.services.desk import Desk, Pager
    from incident_flows.services.intake import Intake
    from incident_flows.storage.database import Database
    from incident_flows.storage.vault import Vault
    from notifications import Channel
    from notifications.letters import BatchChannel

KEY_MARK = "master-key"  # holds the fingerprint of the key this database was first used with


def library_from(settings: Settings) -> Library:
    """Return the knowledge of this installation; needs no database."""
    return Library.load(cache=settings.cache, profiles=settings.organisations, root=settings.playbooks)


def home_of(settings: Settings) -> None:
    """Create the installation's folder, readable by its owner only."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(
            f"BREACH_HOME {settings.home}: cannot be created: {error.strerror}; "
            "set BREACH_HOME to a folder you own"
        ) from None


def desk_from(settings: Settings, *, library: Library | None = None, migrate: bool = True) -> Desk:
    """Return the desk: everything a verb needs, connected. Imports the database only now."""
    from incident_flows.knowledge.rota import RotaFile
    from incident_flows.services.desk import Desk
    from incident_flows.services.letters import limits_of
    from incident_flows.storage.database import Database

    home_of(settings)
    database = Database(settings.database_url)
    if migrate:
        database.migrate()
    return Desk(
        database=database,
        library=library or library_from(settings),
        vault=_vault(settings, database),
        channel=channel_from_settings(settings),
        pager=_pager(settings),
        sender=settings.sender,
        batches=_batches(settings),
        seeds=_seeds(settings),
        sending_limit=limits_of(settings.sending_limit),
        owner=f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}",
        rota_file=RotaFile(settings.rota),
        pager_for=_pager_of,
        secret=os.environ.get,
        event_keys=settings.event_keys,
        intake=intake_from(settings),
        poller=_poller(settings),
        heartbeat=_heartbeat(settings),
        monotonic=time.monotonic,
        acknowledge_at=f"{settings.console_url}/a/" if settings.console_url else None,
    )


def drill_desk_from(settings: Settings, library: Library, name: str) -> tuple[Desk, Path]:
    """Return a desk that shares nothing with the real one but the playbooks, and the folder it lives in.

    Its database, its outbox and its key are its own; it calls nobody.
    """
    from incident_flows.services.desk import Desk
    from incident_flows.storage.database import Database
    from incident_flows.storage.vault import Vault
    from notifications import channel_from

    home_of(settings)
    folder = settings.home / "drills" / name
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise InputError(f"{folder}: cannot be created: {error.strerror}; wait a second, or make room") from None
    database = Database(f"sqlite:///{folder / 'drill.db'}")
    database.migrate()
    desk = Desk(
        database=database, library=library, vault=Vault(os.urandom(32)), owner="drill",
        channel=channel_from("outbox", folder=folder / "outbox"), sender="DRILL <drill@localhost.invalid>",
    )  # fmt: skip
    return desk, folder


def _vault(settings: Settings, database: Database) -> Vault:
    """Return the vault; under another key than the database began with, one that makes no new keys.

    Clocks, lists and reminders need no key, so they go on. What was sealed stays as it is, to be read with
    its own key; nothing is sealed under a second one, where it would later be looked for in vain.
    """
    from incident_flows.storage.vault import Vault, load_or_create_master_key

    class OtherKey(Vault):
        def new_incident_key(self) -> NoReturn:
            raise StorageError(
                f"This is not the master key of this installation (it is {self.fingerprint}, not {known}).\n"
                "Set BREACH_MASTER_KEY, or put back the key file, as it was. Nothing was lost or changed."
            )

    key = settings.master_key or load_or_create_master_key(settings.key_file)
    vault = Vault(key)
    with database.read() as tx:
        known = tx.leases.get(KEY_MARK)
    if known is None:
        try:
            with database.write() as tx:
                known = tx.leases.put_once(KEY_MARK, vault.fingerprint)
        except StorageError:
            return vault  # a verb that only reads works on a database that cannot be written to
    return vault if known == vault.fingerprint else OtherKey(key)


def channel_from_settings(settings: Settings) -> Channel:
    """Return the way mail leaves: SendGrid, else SMTP, else the outbox."""
    from notifications import NotificationError, channel_from

    key, relay = settings.sendgrid_api_key, settings.smtp_url
    try:
        if key:
            return channel_from("sendgrid", api_key=key, url=settings.sendgrid_url)
        if relay:
            return channel_from("smtp", url=relay)
    except NotificationError as error:
        raise InputError(
            f"{'SENDGRID_API_KEY, BREACH_SENDGRID_URL' if key else 'BREACH_SMTP_URL'}: {error}"
        ) from None
    return channel_from("outbox", folder=settings.outbox)


def _batches(settings: Settings) -> BatchChannel | None:
    """Return the way a thousand letters leave in one request, if there is one."""
    from notifications import NotificationError
    from notifications.sendgrid_batches import SendGridBatches

    if not settings.sendgrid_api_key:
        return None
    try:
        return SendGridBatches(settings.sendgrid_api_key, base_url=settings.sendgrid_url)
    except NotificationError as error:
        raise InputError(f"SENDGRID_API_KEY, BREACH_SENDGRID_URL: {error}") from None


def _poller(settings: Settings) -> Any:
    """Return what asks SendGrid, where no key says that it calls us."""
    from notifications import NotificationError
    from notifications.sendgrid_polling import SendGridPolling

    if not settings.sendgrid_api_key or settings.event_keys:
        return None
    try:
        return SendGridPolling(settings.sendgrid_api_key, base_url=settings.sendgrid_url)
    except NotificationError as error:
        raise InputError(f"SENDGRID_API_KEY, BREACH_SENDGRID_URL: {error}") from None


def _seeds(settings: Settings) -> tuple[str, ...]:
    from notifications import Address, NotificationError

    try:
        return tuple(Address(one).email for one in settings.seeds)
    except NotificationError as error:
        raise InputError(f"BREACH_SEED_ADDRESSES: {error}") from None


def intake_from(settings: Settings) -> tuple[Intake, ...]:
    """Return who may hand in alerts by a signature.

    Raises:
        InputError: A secret is too short; none is shown.
    """
    from incident_flows.services.intake import Intake, signing_key
    from notifications import NotificationError

    found = []
    for source, organisation, secrets in settings.intake:
        try:
            keys = tuple(signing_key(one, number) for number, one in enumerate(secrets))
        except NotificationError as error:
            raise InputError(
                f"BREACH_INTAKE: {source}@{organisation}: {error}; `openssl rand -hex 32` makes one"
            ) from None
        found.append(Intake(source, organisation, keys))
    return tuple(found)


def _pager_of(addresses: tuple[str, ...]) -> Pager:
    """Return a pager for one person's own addresses."""
    from notifications.paging import Pager as Apprise

    return Apprise(addresses)


def _heartbeat(settings: Settings) -> Callable[[], bool] | None:
    """Return what tells somebody outside that a tick ran; None if nobody is to be told."""
    url = settings.heartbeat_url
    if url is None:
        return None

    def beat() -> bool:
        import httpx

        try:
            return httpx.get(url, timeout=3, follow_redirects=True).is_success
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    return beat


def _pager(settings: Settings) -> Pager | None:
    if not settings.paging:
        return None
    from notifications import NotificationError
    from notifications.paging import Pager as Apprise

    try:
        return Apprise(settings.paging)
    except NotificationError as error:
        raise InputError(f"BREACH_PAGING: {error}") from None
