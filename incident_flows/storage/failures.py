"""What a database says when it refuses, turned into one to three lines a person can act on.

Messages of drivers may quote stored values or a password, so none is passed on: each refusal is
recognised and put into our own words, and what is not recognised is named by its code only.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from incident_flows.errors import StorageError

_NOTHING = "Nothing was half-written."

# (part of the driver's message, what it means, what to do)
_SQLITE = (
    ("readonly database", "is read-only", "Make the file and its folder writable for this user."),
    (
        "unable to open database",
        "is not set up, or cannot be opened",
        "Run `breach up` once, and check that its folder exists and is writable.",
    ),
    ("disk is full", "cannot grow: the disk is full", "Free some space, then repeat the command."),
    ("database is locked", "is locked by another process", "Repeat in a moment; `breach status` shows who."),
    ("database table is locked", "is locked by another process", "Repeat in a moment."),
    ("malformed", "is damaged", "Restore the last backup; keep this file as evidence."),
    ("not a database", "is not a database", "Point BREACH_DATABASE_URL at another file."),
    ("disk i/o error", "cannot be read or written: the disk reports an error", "Check the disk."),
    ("no such table", "has not been set up", "Start the engine once with `breach up`."),
    ("no such column", "was set up by another version", "Start the engine once with `breach up`."),
)
_POSTGRESQL = {
    "28P01": ("refuses the password", "Correct it in BREACH_DATABASE_URL."),
    "28000": ("refuses this user", "Correct the user in BREACH_DATABASE_URL, or let it in at the server."),
    "3D000": ("does not exist on that server", "Create it, or correct BREACH_DATABASE_URL."),
    "25006": ("is read-only", "Point BREACH_DATABASE_URL at the primary server."),
    "42501": ("does not let this user do that", "Let the user own the tables of this product."),
    "53100": ("cannot grow: the disk is full", "Free some space, then repeat the command."),
    "53300": ("takes no more connections", "Raise max_connections, or stop a worker."),
    "55P03": ("is locked by another process", "Repeat in a moment."),
    "40P01": ("had to break a deadlock", "Repeat the command."),
    "40001": ("was changed by another process at the same time", "Repeat the command."),
    "57P01": ("was shut down by its administrator", "Repeat when it is up again."),
    "57P03": ("is starting up or shutting down", "Repeat in a moment."),
    "42P01": ("has not been set up", "Start the engine once with `breach up`."),
    "42703": ("was set up by another version", "Start the engine once with `breach up`."),
}
_CONNECTING = (
    ("password authentication failed", "28P01"),
    ("no password supplied", "28P01"),
    ("no pg_hba.conf entry", "28000"),
    ("role ", "28000"),
    ("database ", "3D000"),
    ("too many clients", "53300"),
    ("remaining connection slots", "53300"),
    ("starting up", "57P03"),
    ("shutting down", "57P03"),
)


def place_of(url: URL) -> str:
    """Return how messages call the database: its file, or user, host and name, never a password."""
    if url.get_backend_name() == "sqlite":
        return f"database {url.database}"
    user = f"{url.username}@" if url.username else ""
    host = url.host or url.normalized_query.get("host", ("local socket",))[0]
    port = f":{url.port}" if url.port else ""
    return f"database {url.database or ''} at {user}{host}{port}"


def failure_of(error: BaseException, *, place: str, reading: bool) -> BaseException:
    """Return what to raise instead of `error`: a StorageError, or the mistake of our own inside it.

    Args:
        error: What SQLAlchemy or the driver raised.
        place: How to call the database, see `place_of`.
        reading: Whether it happened in a reading transaction.
    """
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig  # a value our own code should not have passed, such as an instant without zone
    if isinstance(error, PoolTimeoutError):
        return StorageError(
            f"The {place} is busy: all connections are taken. {_NOTHING}\nRepeat in a moment."
        )
    if isinstance(error, SQLAlchemyError) and not isinstance(error, DBAPIError):
        return error  # a mistake in our own statements; a person could not act on it
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = str(cause).lower()
    code = getattr(cause, "sqlstate", None)
    if reading and (code == "25006" or "readonly database" in text):
        return StorageError(f"The {place} is being read only; a reading transaction tried to write.")
    if code is None and isinstance(cause, sqlite3.Error):
        for part, what, then in _SQLITE:
            if part in text:
                return StorageError(f"The {place} {what}. {_NOTHING}\n{then}")
        code = str(getattr(cause, "sqlite_errorname", type(cause).__name__))
    elif code is None and type(cause).__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout"):
        return _not_connected(text, place)
    elif code is None and "0x00" in text:
        return StorageError(f"The {place} cannot hold a NUL character in a text. {_NOTHING}")
    code = code or type(cause).__name__
    if code in _POSTGRESQL:
        what, then = _POSTGRESQL[code]
        return StorageError(f"The {place} {what}. {_NOTHING}\n{then}")
    if code[:2] in ("08", "57"):
        return StorageError(f"The {place} closed the connection. {_NOTHING}\nRepeat when it is up again.")
    rule = _rule_of(cause)
    return StorageError(f"The {place} refused a statement ({code}{rule}). {_NOTHING}")


def _not_connected(text: str, place: str) -> StorageError:
    for part, code in _CONNECTING:
        if part in text and "fatal" in text:
            what, then = _POSTGRESQL[code]
            return StorageError(f"The {place} {what}. {_NOTHING}\n{then}")
    return StorageError(
        f"The {place} cannot be reached. {_NOTHING}\n"
        "Check that the server runs and that host and port in BREACH_DATABASE_URL are right."
    )


def _rule_of(cause: BaseException) -> str:
    """Return the name of the constraint that was broken; it is ours, so it holds no data."""
    name = getattr(getattr(cause, "diag", None), "constraint_name", None)
    if name:
        return f", {name}"
    text = str(cause)
    return f", {text.partition(': ')[2]}" if text.startswith("UNIQUE constraint failed: ") else ""
