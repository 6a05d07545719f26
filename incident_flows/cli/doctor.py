"""What `breach doctor` looks at, each with what to do about it. Prints no secret; makes only the cache."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import zoneinfo
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from incident_flows.errors import BreachError
from incident_flows.settings import Settings, is_loopback

Level = Literal["ok", "warn", "fail"]
LITTLE = 1_000_000_000  # bytes free on the disk: soon trouble
NOTHING = 100_000_000  # trouble


@dataclass(frozen=True)
class Found:
    """One thing looked at: whether it is in order, what was seen, and what to do."""

    name: str
    level: Level
    words: str
    then: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what `breach doctor --json` prints."""
        return asdict(self)


def examine(settings: Settings) -> list[Found]:
    """Look at everything; one fault hides no other."""
    found: list[Found] = []
    for look in _LOOKS:
        try:
            found.extend(look(settings))
        except (BreachError, OSError) as error:
            words = error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
            first, _, rest = words.partition("\n")
            found.append(Found(look.__name__.strip("_").replace("_", " "), "fail", first, rest))
    return found


def _home(settings: Settings) -> Iterator[Found]:
    home = settings.home
    if not home.exists():
        yield Found("home", "warn", f"{home} does not exist yet", "`breach up` makes it")
        return
    mode = stat.S_IMODE(home.stat().st_mode)
    if not os.access(home, os.W_OK):
        yield Found("home", "fail", f"{home} cannot be written to", "set BREACH_HOME to a folder you own")
    elif mode & 0o077:
        yield Found("home", "warn", f"{home} can be read by other users", f"chmod 700 {home}")
    else:
        yield Found("home", "ok", str(home))
    free = shutil.disk_usage(home).free
    level: Level = "fail" if free < NOTHING else "warn" if free < LITTLE else "ok"
    yield Found("disk", level, f"{free / 1e9:.1f} GB free", "" if level == "ok" else "free some space")


def _database(settings: Settings) -> Iterator[Found]:
    from incident_flows.storage.database import Database

    if _not_made_yet(settings):
        yield Found("database", "warn", "not made yet", "`breach up` makes it")
        return
    database = Database(settings.database_url, lock_seconds=5)
    try:
        database.check()
        yield Found("database", "ok", f"{database.place}: writable, tables of this version")
    finally:
        database.dispose()


def _not_made_yet(settings: Settings) -> bool:
    """Return whether the database is a file that is still to be made; connecting would make it."""
    path = settings.database_url.partition(":///")[2].partition("?")[0]
    return settings.database_url.startswith("sqlite") and not Path(path).exists()


def _key(settings: Settings) -> Iterator[Found]:
    file = settings.key_file
    if settings.master_key is not None:
        yield Found("master key", "ok", "from BREACH_MASTER_KEY")
    elif not file.exists():
        lost = not _not_made_yet(settings)
        yield Found(
            "master key",
            "fail" if lost else "warn",
            f"{file} is not there",
            "put its copy back: without it no recipient can be read" if lost else "`breach up` makes it",
        )
    elif stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield Found("master key", "fail", f"{file} can be read by other users", f"chmod 600 {file}")
    else:
        yield Found("master key", "ok", f"{file}, for its owner only", "keep a copy elsewhere")


def _lawbook(settings: Settings) -> Iterator[Found]:
    from incident_flows.wiring import library_from

    book = library_from(settings).lawbook
    yield Found("lawbook", "ok", f"{book.version}, {len(book.regimes)} regimes, SHA-256 {book.sha256}")


def _zones(settings: Settings) -> Iterator[Found]:
    import tzdata  # type: ignore[import-untyped]

    zoneinfo.ZoneInfo.no_cache("Europe/Madrid")
    if zoneinfo.TZPATH:
        words = f"the machine's, from {zoneinfo.TZPATH[0]}; pinned is {tzdata.IANA_VERSION}"
        yield Found("zone data", "warn", words, "reinstall: `make setup`")
    else:
        yield Found("zone data", "ok", f"{tzdata.IANA_VERSION}, as pinned")


def _channel(settings: Settings) -> Iterator[Found]:
    from incident_flows.wiring import channel_from_settings

    channel_from_settings(settings)
    if settings.sendgrid_api_key:
        yield Found("mail", "ok", f"SendGrid at {settings.sendgrid_url}")
    elif settings.smtp_url:
        yield Found("mail", "ok", "an SMTP relay (BREACH_SMTP_URL)")
    else:
        yield Found(
            "mail",
            "warn",
            "no provider: notices stay in the outbox and are never called sent",
            "set SENDGRID_API_KEY or BREACH_SMTP_URL",
        )


def _sender(settings: Settings) -> Iterator[Found]:
    mails = bool(settings.sendgrid_api_key or settings.smtp_url)
    if settings.sender:
        yield Found("sender", "ok", settings.sender)
    else:
        yield Found(
            "sender",
            "fail" if mails else "warn",
            "BREACH_SENDER is not set: "
            + ("nothing is sent" if mails else "mail in the outbox carries a sender nobody can answer"),
            'write BREACH_SENDER="Data protection <privacy@your.domain>"',
        )


def _paging(settings: Settings) -> Iterator[Found]:
    if settings.paging:
        yield Found("paging", "ok", f"{len(settings.paging)} paths")
    else:
        yield Found(
            "paging",
            "warn",
            "no path to the team: reminders show on the board only",
            "set BREACH_PAGING to apprise addresses, apart by spaces",
        )


def _intake(settings: Settings) -> Iterator[Found]:
    from incident_flows.wiring import intake_from, library_from

    if not settings.intake:
        yield Found("intake", "ok", "no program hands in signed alerts", "BREACH_INTAKE lets some")
        return
    from incident_flows.knowledge.alerts import source_ids

    library = library_from(settings)
    known = source_ids(library.root)
    for one in intake_from(settings):
        name = f"{one.source}@{one.organisation}"
        if one.source not in known:
            yield Found("intake", "fail", f"{name}: no such product", f"write one of {', '.join(known)}")
        elif one.organisation not in library.profiles.ids():
            yield Found("intake", "fail", f"{name}: no such organisation", "write the id of a profile")
        elif len(one.keys) > 1:
            yield Found("intake", "ok", f"{name}: {len(one.keys)} secrets", "take the old one away after the change")
        else:
            yield Found("intake", "ok", f"{name}: signed alerts are taken at /intake/{one.source}")


def _callbacks(settings: Settings) -> Iterator[Found]:
    from notifications import NotificationError
    from notifications.webhook import check_sendgrid_key

    keys = settings.event_keys
    for number, key in enumerate(keys, 1):
        try:
            check_sendgrid_key(key)
        except NotificationError:
            words = f"BREACH_SENDGRID_WEBHOOK_KEYS: key {number} is no ECDSA P-256 key, so no event is believed"
            yield Found("events", "fail", words, "copy it again from SendGrid's settings")
            return
    if keys:
        near = is_loopback(settings.host) and settings.console_url is None
        yield Found(
            "events",
            "warn" if near else "ok",
            f"{len(keys)} keys; SendGrid posts to /callbacks/sendgrid"
            + (", which it cannot reach on loopback" if near else ""),
            "set BREACH_CONSOLE_URL to the proxy's address" if near else "",
        )
        yield from _events_unused(settings)
    elif settings.sendgrid_api_key:
        fault = _polling_fault(settings)
        yield Found(
            "events",
            "fail" if fault else "warn",
            f"SendGrid is asked for failed addresses and cannot be: {fault}"
            if fault
            else "SendGrid is asked for failed addresses every ten minutes; nobody learns which letters were delivered",
            ("give the key *Suppressions*, or " if fault else "")
            + "set BREACH_SENDGRID_WEBHOOK_KEYS, and its webhook to …/callbacks/sendgrid",
        )


def _events_unused(settings: Settings) -> Iterator[Found]:
    from incident_flows.clock import now
    from incident_flows.services.follow import unused
    from incident_flows.storage.database import Database

    if _not_made_yet(settings):
        return
    database = Database(settings.database_url, lock_seconds=5)
    try:
        with database.read() as tx:
            seen = unused(tx, now=now())
    finally:
        database.dispose()
    words = (
        f"in {seen['days']} days {seen['unknown']} about no letter of ours and {seen['strange']} of no known kind"
    )
    much = seen["unknown"] or seen["strange"]
    then = "events of other mail of the same SendGrid account are harmless; others mean that states are missing"
    yield Found("events not used", "warn" if much else "ok", words, then if much else "")


def _polling_fault(settings: Settings) -> str | None:
    """Return why SendGrid could not be asked the last time, if so."""
    from incident_flows.services.polling import STATE
    from incident_flows.storage.database import Database

    if _not_made_yet(settings):
        return None
    database = Database(settings.database_url, lock_seconds=5)
    try:
        with database.read() as tx:
            said = (tx.leases.get(STATE) or {}).get("fault")
    finally:
        database.dispose()
    return None if said is None else str(said)


def _prefect(settings: Settings) -> Iterator[Found]:
    from incident_flows.cli.engine import answers, prefect_url
    from incident_flows.flows.engine import without_password

    url = without_password(prefect_url(settings))
    if answers(prefect_url(settings)):
        yield Found("Prefect", "ok", f"answers at {url}")
    elif settings.prefect_api_url:
        words = f"does not answer at {url} (PREFECT_API_URL)"
        yield Found("Prefect", "fail", words, "start it, or unset the variable")
    else:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", settings.prefect_port))
            except OSError as error:
                words = f"port {settings.prefect_port} cannot be used: {error.strerror}"
                yield Found("Prefect", "fail", words, "set BREACH_PREFECT_PORT to a free port")
                return
        yield Found("Prefect", "ok", f"port {settings.prefect_port} is free; the engine is not running")


def _console(settings: Settings) -> Iterator[Found]:
    from incident_flows.cli.engine import answers
    from incident_flows.console.server import address_of, listening, local_address

    if answers(local_address(settings)):
        yield Found("console", "ok", f"answers at {address_of(settings)}")
        return
    try:
        listening(settings).close()
    except BreachError as error:
        yield Found("console", "warn", str(error).partition("\n")[0], "set BREACH_PORT to a free port")
        return
    yield Found("console", "ok", f"port {settings.port} is free; the console is not running")


def _four_eyes(settings: Settings) -> Iterator[Found]:
    from incident_flows.storage.database import Database

    if _not_made_yet(settings):
        people = 0
    else:
        database = Database(settings.database_url, lock_seconds=5)
        try:
            with database.read() as tx:
                people = len({row.person for row in tx.accounts.list() if not row.disabled})
        finally:
            database.dispose()
    if people >= 2:
        yield Found("four eyes", "ok", f"{people} people have accounts")
    else:
        yield Found(
            "four eyes",
            "warn",
            "one person cannot approve what they drafted themselves",
            "`breach account add NAME --role approver`",
        )


def _outbox(settings: Settings) -> Iterator[Found]:
    folder = next(one for one in (settings.outbox, *settings.outbox.parents) if one.exists())
    if os.access(folder, os.W_OK):
        yield Found("outbox", "ok", str(settings.outbox))
    else:
        yield Found("outbox", "fail", f"{folder} cannot be written to", f"chmod u+w {folder}")


_LOOKS = (
    _home,
    _database,
    _key,
    _lawbook,
    _zones,
    _channel,
    _sender,
    _paging,
    _intake,
    _callbacks,
    _prefect,
    _console,
    _four_eyes,
    _outbox,
)
