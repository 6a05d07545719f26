"""Keys per incident: what is sealed with them dies with them.

The master key wraps one random key per incident; from that key come, apart from each other, the one
that seals (AES-256-GCM, bound to incident and purpose) and the one under which addresses are looked up
(HMAC-SHA-256). Whoever destroys the wrapped key has shredded everything sealed under it, backups of
the database included. Nothing here touches a database.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import os
import secrets
import stat
import tempfile
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from incident_flows.errors import StorageError, TamperedError

KEY_BYTES = 32
_NONCE_BYTES = 12
_FORMAT = b"\x01"  # first byte of everything sealed: AES-256-GCM, 12 bytes of nonce, then the text
_CACHED = 4096  # incidents whose unwrapped keys are kept in memory


class _Keys(NamedTuple):
    sealing: AESGCM
    lookup: bytes


class Vault:
    """Seals and opens with keys that are themselves sealed by the master key.

    Args:
        master_key: 32 random bytes; without them nothing sealed can ever be read again.
    """

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != KEY_BYTES:
            raise StorageError(f"The master key must be {KEY_BYTES} bytes; this one is {len(master_key)}.")
        self._wrapping = AESGCM(_derived(master_key, b"breach wrap incident keys"))
        self._fingerprint = _derived(master_key, b"breach master key fingerprint")[:8].hex()
        self._unwrapped = lru_cache(maxsize=_CACHED)(self._unwrap)

    @property
    def fingerprint(self) -> str:
        """What tells master keys apart and gives nothing of them away."""
        return self._fingerprint

    def new_incident_key(self) -> bytes:
        """Return a new random key, wrapped; store it with its incident."""
        return _sealed(self._wrapping, secrets.token_bytes(KEY_BYTES), b"incident key")

    def seal(self, wrapped: bytes | None, incident_ref: str, purpose: str, data: bytes) -> bytes:
        """Return `data` readable only with this key, for this incident and purpose."""
        return _sealed(self._keys(wrapped).sealing, data, _bound_to(incident_ref, purpose))

    def open_(self, wrapped: bytes | None, incident_ref: str, purpose: str, sealed: bytes | None) -> bytes:
        """Return what was sealed.

        Raises:
            TamperedError: It was changed, or sealed for another incident or purpose.
            StorageError: It or its key was shredded, or the master key is another one.
        """
        keys = self._keys(wrapped)
        if sealed is None:
            raise StorageError(f"{incident_ref}: this record was shredded and cannot be read again.")
        try:
            return _opened(keys.sealing, sealed, _bound_to(incident_ref, purpose))
        except InvalidTag:
            raise TamperedError(
                f"{incident_ref}: a sealed record ({purpose}) was changed, or belongs to another incident."
            ) from None

    def address_hmac(self, wrapped: bytes | None, address: str) -> str:
        """Return under what an address is looked up; capitals and outer spaces make no difference."""
        plain = unicodedata.normalize("NFC", address.strip()).casefold()
        return hmac.digest(self._keys(wrapped).lookup, plain.encode(), "sha256").hex()

    def address_digest(self, wrapped: bytes | None, address: str) -> bytes:
        """Return the first 16 bytes of the address's HMAC, as they stand in a block of people."""
        return bytes.fromhex(self.address_hmac(wrapped, address))[:16]

    def lookup_key(self, wrapped: bytes | None) -> bytes:
        """Return the key addresses are looked up under, for a worker that takes people in; never store it."""
        return self._keys(wrapped).lookup

    def sign(self, wrapped: bytes | None, purpose: str, text: str) -> str:
        """Return the HMAC of a text for one purpose; it can be made and checked only with this incident's key."""
        message = b"\0".join((b"sign", purpose.encode(), text.encode()))  # no address holds a NUL
        return hmac.digest(self._keys(wrapped).lookup, message, "sha256").hex()

    def forget(self) -> None:
        """Drop all unwrapped keys from memory; call it after shredding one."""
        self._unwrapped.cache_clear()

    def _keys(self, wrapped: bytes | None) -> _Keys:
        if wrapped is None:
            raise StorageError("The key of this incident was shredded; its people cannot be read again.")
        return self._unwrapped(wrapped)

    def _unwrap(self, wrapped: bytes) -> _Keys:
        try:
            key = _opened(self._wrapping, wrapped, b"incident key")
        except InvalidTag:
            raise StorageError(
                "The master key does not open this incident's key: it is not the one it was made with.\n"
                "Set BREACH_MASTER_KEY, or put back the key file, as it was when the incident was opened."
            ) from None
        return _Keys(
            sealing=AESGCM(_expanded(key, b"breach seal")), lookup=_expanded(key, b"breach address lookup")
        )


def master_key_from_text(text: str) -> bytes:
    """Return the key written as base64 (44 characters) or hexadecimal (64), as in BREACH_MASTER_KEY.

    Raises:
        StorageError: It is neither; the message does not repeat it.
    """
    plain = text.strip()
    try:
        key = bytes.fromhex(plain) if len(plain) == 2 * KEY_BYTES else base64.b64decode(plain, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise StorageError(
            "The master key cannot be read: it must be 32 bytes, written as base64 or hexadecimal.\n"
            "Make one with: openssl rand -base64 32"
        )
    return key


def load_or_create_master_key(path: Path) -> bytes:
    """Return the key in the file, made on first use; of two processes that make it, one wins.

    Raises:
        StorageError: It cannot be read or made, is no key, or other users may read it.
    """
    try:
        if not path.exists():
            _create(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise StorageError(f"{path}: other users may read the master key; run: chmod 600 {path}")
        text = path.read_bytes().decode("ascii", "replace")
    except OSError as error:
        raise StorageError(f"{path}: the master key cannot be read or made: {error.strerror}.") from None
    try:
        return master_key_from_text(text)
    except StorageError as error:
        raise StorageError(f"{path}: {error}") from None


def _create(path: Path, content: bytes) -> None:
    """Make the file with its whole content, readable by this user only, unless somebody was faster."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        os.unlink(draft)


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(key)


def _expanded(key: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(algorithm=SHA256(), length=KEY_BYTES, info=purpose).derive(key)


def _bound_to(incident_ref: str, purpose: str) -> bytes:
    return json.dumps([incident_ref, purpose]).encode()


def _sealed(cipher: AESGCM, data: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _FORMAT + nonce + cipher.encrypt(nonce, data, bound_to)


def _opened(cipher: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    if sealed[:1] != _FORMAT or len(sealed) < 1 + _NONCE_BYTES + 16:
        raise InvalidTag
    nonce = sealed[1 : 1 + _NONCE_BYTES]
    return cipher.decrypt(nonce, sealed[1 + _NONCE_BYTES :], bound_to)
