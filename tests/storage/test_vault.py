"""What is sealed opens with the right key, for the right incident and purpose, and never after shredding."""

from __future__ import annotations

import base64
import stat
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from incident_flows.errors import StorageError, TamperedError
from incident_flows.storage.database import Database
from incident_flows.storage.people import NewBlock
from incident_flows.storage.tables import IncidentRow
from incident_flows.storage.vault import Vault, load_or_create_master_key, master_key_from_text

MASTER = bytes(range(32))
REF = "INC-2026-0001"


@pytest.fixture
def vault() -> Vault:
    return Vault(MASTER)


def test_what_is_sealed_opens_again(vault: Vault) -> None:
    wrapped = vault.new_incident_key()
    for data in (b"", b"ana@example.org", b"x" * 1_000_000):
        sealed = vault.seal(wrapped, REF, "recipient", data)
        assert vault.open_(wrapped, REF, "recipient", sealed) == data
        assert Vault(MASTER).open_(wrapped, REF, "recipient", sealed) == data  # after a restart
        assert not data or data not in sealed


def test_the_same_text_is_sealed_differently_each_time(vault: Vault) -> None:
    wrapped = vault.new_incident_key()
    assert vault.seal(wrapped, REF, "p", b"x") != vault.seal(wrapped, REF, "p", b"x")
    assert vault.new_incident_key() != wrapped


def test_another_incident_purpose_or_key_does_not_open_it(vault: Vault) -> None:
    wrapped = vault.new_incident_key()
    sealed = vault.seal(wrapped, REF, "recipient", b"x")
    with pytest.raises(TamperedError, match="belongs to another incident"):
        vault.open_(wrapped, "INC-2026-0002", "recipient", sealed)
    with pytest.raises(TamperedError):
        vault.open_(wrapped, REF, "letter", sealed)
    with pytest.raises(TamperedError):
        vault.open_(vault.new_incident_key(), REF, "recipient", sealed)


@pytest.mark.parametrize("changed", [0, 1, 13, -1])
def test_a_changed_byte_is_found(vault: Vault, changed: int) -> None:
    wrapped = vault.new_incident_key()
    sealed = bytearray(vault.seal(wrapped, REF, "recipient", b"some text"))
    sealed[changed] ^= 1
    with pytest.raises(TamperedError):
        vault.open_(wrapped, REF, "recipient", bytes(sealed))
    with pytest.raises(TamperedError):
        vault.open_(wrapped, REF, "recipient", b"\x01short")


def test_another_master_key_is_named_as_the_reason(vault: Vault) -> None:
    wrapped = vault.new_incident_key()
    other = Vault(bytes(32))
    with pytest.raises(StorageError, match="not the one it was made with"):
        other.seal(wrapped, REF, "p", b"x")
    assert other.fingerprint != vault.fingerprint
    assert vault.fingerprint == Vault(MASTER).fingerprint
    with pytest.raises(StorageError, match="32 bytes"):
        Vault(b"short")


def test_addresses_are_looked_up_without_capitals_and_per_incident(vault: Vault) -> None:
    wrapped = vault.new_incident_key()
    found = vault.address_hmac(wrapped, "Ana@Example.org")
    assert len(found) == 64
    for same in ("ana@example.org", " ANA@EXAMPLE.ORG "):
        assert vault.address_hmac(wrapped, same) == found
    assert vault.address_hmac(wrapped, "mu\u0308ller@x.de") == vault.address_hmac(wrapped, "Müller@x.de")
    assert vault.address_hmac(wrapped, "anna@example.org") != found
    assert vault.address_hmac(vault.new_incident_key(), "ana@example.org") != found


def test_after_shredding_nothing_opens(
    vault: Vault,
    database: Database,
    open_incident: Callable[..., IncidentRow],
    noon: datetime,
) -> None:
    wrapped = vault.new_incident_key()
    incident = open_incident(database, wrapped_key=wrapped)
    sealed = vault.seal(wrapped, incident.ref, "recipient", b"ana@example.org")
    digest = vault.address_digest(wrapped, "ana@example.org")
    with database.write() as tx:
        tx.people.add_block(incident.id, NewBlock(0, 1, sealed, digest, [(None, None, 1)]))
        (block,) = tx.people.blocks(incident.id)
        assert vault.open_(wrapped, incident.ref, "recipient", block.sealed) == b"ana@example.org"
        tx.people.shred(incident.id)
    vault.forget()
    with database.read() as tx:
        shredded = tx.incidents.get(incident.ref).wrapped_key
    with pytest.raises(StorageError, match="shredded"):
        vault.open_(shredded, incident.ref, "recipient", sealed)
    with pytest.raises(StorageError, match="shredded"):
        vault.address_hmac(shredded, "ana@example.org")
    with pytest.raises(StorageError, match="shredded"):
        vault.open_(wrapped, incident.ref, "recipient", None)


def test_the_key_file_is_made_once_for_this_user_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    key = load_or_create_master_key(path)
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create_master_key(path) == key
    assert [found.name for found in path.parent.iterdir()] == ["master.key"]


def test_those_who_make_the_key_at_once_get_the_same(tmp_path: Path) -> None:
    path, start, keys = tmp_path / "master.key", threading.Barrier(8), list[bytes]()

    def make() -> None:
        start.wait()
        keys.append(load_or_create_master_key(path))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_key_file_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    load_or_create_master_key(path)
    path.chmod(0o640)
    with pytest.raises(StorageError, match="chmod 600"):
        load_or_create_master_key(path)


@pytest.mark.parametrize("content", [b"", b"s3cret", b"\xff" * 32, base64.b64encode(b"short")])
def test_a_file_that_holds_no_key_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StorageError, match="cannot be read: it must be 32 bytes") as caught:
        load_or_create_master_key(path)
    assert "s3cret" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_place_where_no_key_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"file.*cannot be read or made"):
        load_or_create_master_key(tmp_path / "file" / "master.key")


def test_a_key_may_be_written_as_base64_or_hexadecimal() -> None:
    assert master_key_from_text(base64.b64encode(MASTER).decode() + "\n") == MASTER
    assert master_key_from_text(MASTER.hex()) == MASTER
    with pytest.raises(StorageError):
        master_key_from_text("z" * 64)
