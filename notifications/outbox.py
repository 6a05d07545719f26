"""Messages as `.eml` files in a folder: the default, for drills and for hands-on sending.

What lies here was delivered to a folder and to nobody else, and its receipt says so. File names carry a hash
and a moment, never an address, because names of files show up in listings, backups and error reports.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from notifications.channel import Receipt, require_zone
from notifications.errors import NotificationError, PermanentError, TransientError
from notifications.message import Message, message_id_for, to_mime

_MOMENT = "%Y%m%dT%H%M%SZ"

_RETRY = {
    errno.ENOSPC: "the disk is full; free some space, the message will be tried again",
    errno.EDQUOT: "the disk quota is used up; free some space, the message will be tried again",
    errno.EIO: "the disk answers with an input/output error; check it, the message will be tried again",
    errno.EMFILE: "too many files are open; the message will be tried again",
    errno.ENFILE: "too many files are open; the message will be tried again",
}
_GIVE_UP = {
    errno.EACCES: "no permission to write there; grant it or choose another folder",
    errno.EPERM: "no permission to write there; grant it or choose another folder",
    errno.EROFS: "it is on a read-only file system; choose another folder",
    errno.ENOTDIR: "a part of that path is a file; choose another folder",
    errno.EEXIST: "a file stands in its place; choose another folder",
}


class OutboxChannel:
    """Writes each message as one file, readable by its owner only.

    A key always leads to the same file: sending it again finds the file and returns the receipt it had,
    so a send interrupted at any point may simply be repeated.

    Args:
        folder: Created when missing.
    """

    name = "outbox"

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def __repr__(self) -> str:
        return f"OutboxChannel({str(self.folder)!r})"

    def send(self, message: Message, *, now: datetime) -> Receipt:
        """Put `message` into the folder, durably, once per key.

        Raises:
            TransientError: The disk is full or failing; nothing, or the whole file, is there.
            PermanentError: The folder cannot be written to, or the key belongs to another message.
        """
        moment = require_zone(now).astimezone(UTC).replace(microsecond=0)
        digest = hashlib.sha256(message.key.encode()).hexdigest()[:32]
        failure: NotificationError
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(self.folder):
                # A listing for each send: fine for thousands of files, not meant for millions.
                ending = f"Z-{digest}.eml"
                present = [name for name in os.listdir(self.folder) if name.endswith(ending)]
                if present:
                    return self._receipt_again(message, self.folder / present[0])
                content = _bytes_of(message, moment)
                path = self.folder / f"{moment.strftime(_MOMENT)}-{digest}.eml"
                _write_atomically(path, content)
            return self._receipt(path, content, moment)
        except OSError as error:
            failure = self._failure(error.errno)
        raise failure  # outside the handler, so that the cause, which may quote more, is not chained

    def _receipt_again(self, message: Message, path: Path) -> Receipt:
        """Return the receipt the file at `path` was given when it was written."""
        moment = datetime.strptime(path.name.partition("-")[0], _MOMENT).replace(tzinfo=UTC)
        content = path.read_bytes()
        if content != _bytes_of(message, moment):
            raise PermanentError(
                f"outbox: {path.name} holds another text under the same key; "
                "nothing was written. Use a new key for a new text",
                channel=self.name,
            )
        return self._receipt(path, content, moment)

    def _receipt(self, path: Path, content: bytes, moment: datetime) -> Receipt:
        return Receipt(
            channel=self.name,
            provider_id=path.name,
            state="delivered-to-outbox",
            accepted_at=moment,
            sha256=hashlib.sha256(content).hexdigest(),
            raw=content,
        )

    def _failure(self, number: int | None) -> NotificationError:
        if number in _RETRY:
            return TransientError(f"outbox folder {self.folder}: {_RETRY[number]}", channel=self.name)
        reason = _GIVE_UP.get(number or 0) or f"cannot be used ({os.strerror(number or 0)})"
        return PermanentError(f"outbox folder {self.folder}: {reason}", channel=self.name)


def _bytes_of(message: Message, moment: datetime) -> bytes:
    return to_mime(message, date=moment, message_id=message_id_for(message))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one sender at a time look for a key and write it; the system frees the lock of a killed one."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is either whole or not there, even after a power cut.

    A leftover of an earlier crash bears the same temporary name and is overwritten.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        os.rename(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)  # the name of the file is only durable once its folder is
    finally:
        os.close(directory)
