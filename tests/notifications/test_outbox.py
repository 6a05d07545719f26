"""The outbox: one whole file per key, durable, and honest about disks."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from notifications import Address, Message, NotificationError, PermanentError, TransientError, channel_from
from notifications.outbox import OutboxChannel

Check = Callable[[NotificationError], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "outbox"


def test_the_file_name_holds_a_moment_and_a_hash_and_no_person(
    folder: Path, message: Message, now: datetime
) -> None:
    receipt = channel_from("outbox", folder=folder).send(message, now=now)

    (path,) = folder.iterdir()
    assert re.fullmatch(r"20261122T093015Z-[0-9a-f]{32}\.eml", path.name)
    assert receipt.provider_id == path.name
    assert "INC-2026" not in path.name


def test_only_the_owner_can_read_what_lies_in_the_outbox(
    folder: Path, message: Message, now: datetime
) -> None:
    OutboxChannel(folder).send(message, now=now)

    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_same_key_twice_is_one_file_and_the_same_receipt(
    folder: Path, message: Message, now: datetime
) -> None:
    first = OutboxChannel(folder).send(message, now=now)
    second = OutboxChannel(folder).send(message, now=now + timedelta(days=2))

    assert second == first
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("change", [{"text": "Other\n"}, {"to": Address("bob@people.example")}])
def test_the_same_key_for_another_message_is_refused(
    folder: Path,
    message: Message,
    now: datetime,
    assert_says_nothing_personal: Check,
    change: dict[str, object],
) -> None:
    channel = OutboxChannel(folder)
    channel.send(message, now=now)
    (path,) = folder.iterdir()
    before = path.read_bytes()

    with pytest.raises(PermanentError, match="same key") as caught:
        channel.send(replace(message, **change), now=now)  # type: ignore[arg-type]

    assert [entry.read_bytes() for entry in folder.iterdir()] == [before]
    assert_says_nothing_personal(caught.value)


def test_many_senders_of_one_key_at_once_leave_one_file(
    folder: Path, message: Message, now: datetime
) -> None:
    with ThreadPoolExecutor(8) as pool:
        receipts = list(
            pool.map(
                lambda second: OutboxChannel(folder).send(message, now=now + timedelta(seconds=second)),
                range(16),
            )
        )

    assert len(list(folder.iterdir())) == 1
    assert len({receipt.sha256 for receipt in receipts}) == 1


def test_a_slow_disk_that_takes_a_few_bytes_at_a_time_gets_the_whole_file(
    folder: Path, message: Message, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = OutboxChannel(folder / "whole").send(message, now=now)
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: write(handle, bytes(content[:7])))

    assert OutboxChannel(folder / "slow").send(message, now=now).sha256 == whole.sha256


def test_the_leftover_of_a_crash_is_not_taken_for_a_message(
    folder: Path, message: Message, now: datetime
) -> None:
    receipt = OutboxChannel(folder).send(message, now=now)
    (path,) = folder.iterdir()
    path.rename(folder / f".{path.name}.tmp")
    (folder / f".{path.name}.tmp").write_bytes(b"half a mess")

    assert OutboxChannel(folder).send(message, now=now) == receipt
    assert [entry.name for entry in folder.iterdir()] == [path.name]


# --- disks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOSPC, TransientError, "disk is full"),
        (errno.EDQUOT, TransientError, "quota"),
        (errno.EIO, TransientError, "input/output"),
        (errno.EROFS, PermanentError, "read-only"),
        (errno.EACCES, PermanentError, "no permission"),
        (errno.ELOOP, PermanentError, "cannot be used"),
    ],
)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "rename"])
def test_a_failing_disk_is_told_apart_and_leaves_no_half_file(
    folder: Path,
    message: Message,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    assert_says_nothing_personal: Check,
    number: int,
    kind: type[NotificationError],
    words: str,
    call: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "anna.nowak@people.example")

    folder.mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(kind, match=words) as caught:
            OutboxChannel(folder).send(message, now=now)

    assert list(folder.iterdir()) == []
    assert str(folder) in str(caught.value)
    assert_says_nothing_personal(caught.value)


def test_after_space_was_made_the_same_message_is_accepted(
    folder: Path, message: Message, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(TransientError):
            OutboxChannel(folder).send(message, now=now)

    OutboxChannel(folder).send(message, now=now)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not stop the superuser")
def test_a_folder_without_write_permission_is_permanent(
    folder: Path, message: Message, now: datetime
) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o500)

    with pytest.raises(PermanentError, match="no permission"):
        OutboxChannel(folder).send(message, now=now)


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_in_the_place_of_the_folder_is_permanent(
    tmp_path: Path, message: Message, now: datetime, below: str
) -> None:
    (tmp_path / "outbox").write_text("not a folder")

    with pytest.raises(PermanentError, match="file"):
        OutboxChannel(tmp_path / "outbox" / below).send(message, now=now)
