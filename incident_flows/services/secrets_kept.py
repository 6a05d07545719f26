"""What proves somebody: passwords, codes of the second factor, recovery codes, random words."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from datetime import datetime
from functools import cache
from typing import Any

from incident_flows.errors import InputError
from incident_flows.services.desk import Desk
from incident_flows.storage.database import Tx

SHORTEST, LONGEST = 12, 256  # characters of a password
RECOVERY_CODES = 10
STEP = 30  # seconds a code of the second factor stands for
KEY = "access-key"
OWNER = "accounts"  # what the sealed seeds are bound to
_AT_ONCE = threading.BoundedSemaphore(2)  # stretching takes 64 MiB each: strangers must not fill the memory


def random_word() -> str:
    """Return 256 bits as a word that fits an address or a cookie."""
    return secrets.token_urlsafe(32)


def hashed(word: str) -> str:
    """Return what is stored of a random word; it needs no salt, being random itself."""
    return hashlib.sha256(word.encode()).hexdigest()


@cache
def _hasher() -> Any:
    from argon2 import PasswordHasher

    return PasswordHasher()


def stretched(password: str, *, account: str) -> str:
    """Return a password as it is stored.

    Raises:
        InputError: Too short, too long, or the account's own name; nothing else is demanded of it.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(
            f"the password: write {SHORTEST} to {LONGEST} characters; a sentence is easy to keep in mind"
        )
    if account.casefold() in password.casefold() and len(password) < len(account) + SHORTEST:
        raise InputError("the password: holds the name of the account and little else; choose another")
    if len(set(password)) < 5:
        raise InputError("the password: is one character again and again; choose another")
    with _AT_ONCE:
        found: str = _hasher().hash(password)
    return found


@cache
def _of_nobody() -> str:
    found: str = _hasher().hash(random_word())
    return found


def password_fits(stored: str | None, password: str) -> bool:
    """Return whether a password is the one stored; takes as long where there is none."""
    from argon2.exceptions import Argon2Error, InvalidHashError

    with _AT_ONCE:
        try:
            _hasher().verify(stored or _of_nobody(), password[: LONGEST + 1])
        except (Argon2Error, InvalidHashError):
            return False
    return stored is not None


def house_key(desk: Desk) -> bytes:
    """Return the wrapped key of what belongs to no incident, made on first use."""
    with desk.database.read() as tx:
        known = tx.leases.get(KEY)
    if known is None:
        fresh = desk.vault.new_incident_key().hex()
        with desk.database.write() as tx:
            known = tx.leases.put_once(KEY, fresh)
    return bytes.fromhex(known)


def house_sign(desk: Desk, purpose: str, text: str) -> str:
    """Return a keyed hash under the house's own key."""
    return desk.vault.sign(house_key(desk), purpose, text)


def seed_address(seed: str, account: str) -> str:
    """Return what the QR code says."""
    import pyotp

    return pyotp.TOTP(seed).provisioning_uri(name=account, issuer_name="Breach engine")


def step_of(seed: str, code: str, now: datetime) -> int | None:
    """Return the 30-second step a code is of, one before or after the present one allowed; None if of none."""
    import pyotp

    said = "".join(code.split())
    if not (said.isascii() and said.isdigit() and len(said) == 6):
        return None
    here = int(now.timestamp()) // STEP
    fits = [step for step in (here - 1, here, here + 1)
            if hmac.compare_digest(pyotp.TOTP(seed).at(step * STEP), said)]  # fmt: skip
    return fits[-1] if fits else None


def recovery_codes() -> list[str]:
    """Return fresh recovery codes, to be shown once: 80 bits each."""
    found = [secrets.token_hex(10) for _ in range(RECOVERY_CODES)]
    return ["-".join(one[i : i + 5] for i in range(0, 20, 5)) for one in found]


def plain_code(code: str) -> str:
    """Return a recovery code as it is hashed, however it was typed."""
    return "".join(code.split()).replace("-", "").lower()


def code_fits(tx: Tx, desk: Desk, key: bytes, account_id: int, code: str, now: datetime) -> bool:
    """Return whether a code is this account's and was not used, without using it up."""
    has = tx.access.credential(account_id)
    if has is None or has.second is None:
        return False
    step = _step(desk, key, has, code, now)
    return step > has.second_step if step is not None else hashed(plain_code(code)) in has.recovery


def _step(desk: Desk, key: bytes, has: Any, code: str, now: datetime) -> int | None:
    seed = desk.vault.open_(key, OWNER, f"second-{has.account_id}", has.second).decode()
    return step_of(seed, code, now)


def code_taken(tx: Tx, desk: Desk, key: bytes, account_id: int, code: str, now: datetime) -> str | None:
    """Use a code up; return what kind it was, or None if it is none of this account's, or was used before."""
    has = tx.access.credential(account_id)
    if has is None or has.second is None:
        return None
    step = _step(desk, key, has, code, now)
    if step is not None:
        return "code" if tx.access.take_step(account_id, step) else None
    mark = hashed(plain_code(code))
    if mark not in has.recovery:
        return None
    tx.access.set_credential(account_id, now, recovery=[one for one in has.recovery if one != mark])
    return "recovery-code"
