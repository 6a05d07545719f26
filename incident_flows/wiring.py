"""Settings in, connected parts out: library, database, vault, channel, pager."""

from __future__ import annotations

import os
import socket
import uuid
from typing import TYPE_CHECKING

from incident_flows.errors import InputError
from incident_flows.knowledge.library import Library
from incident_flows.settings import Settings

if TYPE_CHECKING:  # the database and the channels are imported by those who need them
    from incident_flows.services.desk import Desk, Pager
    from notifications import Channel


def library_from(settings: Settings) -> Library:
    """Return the knowledge of this installation; needs no database."""
    return Library.load(cache=settings.cache, profiles=settings.organisations, root=settings.playbooks)


def home_of(settings: Settings) -> None:
    """Create the installation's folder, readable by its owner only."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(f"BREACH_HOME {settings.home}: cannot be created: {error.strerror}; set BREACH_HOME to a folder you own") from None


def desk_from(settings: Settings, *, library: Library | None = None, migrate: bool = True) -> Desk:
    """Return the desk: everything a verb needs, connected. Imports the database only now."""
    from incident_flows.services.desk import Desk
    from incident_flows.storage.database import Database
    from incident_flows.storage.vault import Vault, load_or_create_master_key

    home_of(settings)
    database = Database(settings.database_url)
    if migrate:
        database.migrate()
    key = settings.master_key or load_or_create_master_key(settings.key_file)
    return Desk(
        database=database,
        library=library or library_from(settings),
        vault=Vault(key),
        channel=channel_from_settings(settings),
        pager=_pager(settings),
        sender=settings.sender,
        owner=f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}",
    )


def channel_from_settings(settings: Settings) -> Channel:
    """Return the way mail leaves: SendGrid, else SMTP, else the outbox."""
    from notifications import channel_from

    if settings.sendgrid_api_key:
        return channel_from("sendgrid", api_key=settings.sendgrid_api_key, url=settings.sendgrid_url)
    if settings.smtp_url:
        return channel_from("smtp", url=settings.smtp_url)
    return channel_from("outbox", folder=settings.outbox)


def _pager(settings: Settings) -> Pager | None:
    if not settings.paging:
        return None
    from notifications.paging import Pager as Apprise

    return Apprise(settings.paging)
