"""BREACH_* environment variables, typed. Read at the edge only; secrets never leave in text or repr."""

from __future__ import annotations

import base64
import binascii
import getpass
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from incident_flows.errors import InputError

KNOWN = (
    "BREACH_HOME",
    "BREACH_DATABASE_URL",
    "BREACH_SENDGRID_URL",
    "BREACH_SMTP_URL",
    "BREACH_PAGING",
    "BREACH_MASTER_KEY",
    "BREACH_SENDGRID_WEBHOOK_KEYS",
    "BREACH_INTAKE",
    "BREACH_ACTOR",
    "BREACH_SENDER",
    "BREACH_SENDING_LIMIT",
    "BREACH_SEED_ADDRESSES",
    "BREACH_PLAYBOOKS",
    "BREACH_PORT",
    "BREACH_PREFECT_PORT",
    "BREACH_HEARTBEAT_URL",
    "BREACH_HOST",
    "BREACH_PREFECT_HOST",
    "BREACH_CONSOLE_URL",
    "BREACH_CONSOLE_HOSTS",
    "BREACH_PROXIES",
    "BREACH_SECOND_FACTOR",
    "BREACH_OIDC_ISSUER",
    "BREACH_OIDC_CLIENT_ID",
    "BREACH_OIDC_CLIENT_SECRET",
    "BREACH_OIDC_ROLES",
)
SECOND_FACTOR = ("approver", "counsel", "admin")


@dataclass(frozen=True)
class Settings:
    """What the environment says.

    Attributes:
        home: Folder of database, outbox, keys, and the engine's own Prefect.
        database_url: SQLAlchemy URL; may hold a password, so it is never shown.
        sender: The address notices come from, `Name <mailbox>`.
        sending_limit: How many people a provider lets us write to, such as `5000/hour,80000/day`.
        seeds: The team's own addresses, which get every letter to people first.
        prefect_api_url: A Prefect server to use instead of starting one.
        host: Where the console listens; loopback unless told otherwise.
        prefect_host: Where the engine's own Prefect listens.
        console_url: Where people reach the console, through a proxy that ends TLS; links in mail need it.
        console_hosts: Further names the console answers to.
        intake: Who may hand in alerts by a signature: product, organisation, secrets.
        proxies: Addresses whose word on where a request came from is taken.
        second_factor: Roles that sign in with a second factor.
        oidc_roles: A claim of the company's sign-on and which of its values stand for which role.
    """

    home: Path
    database_url: str = field(repr=False)
    sendgrid_api_key: str | None = field(default=None, repr=False)
    sendgrid_url: str = "https://api.sendgrid.com"
    smtp_url: str | None = field(default=None, repr=False)
    paging: tuple[str, ...] = field(default=(), repr=False)
    master_key: bytes | None = field(default=None, repr=False)
    actor: str = ""
    sender: str | None = None
    sending_limit: str | None = None
    seeds: tuple[str, ...] = ()
    playbooks: Path | None = None
    port: int = 4280
    prefect_port: int = 4290
    prefect_api_url: str | None = None
    heartbeat_url: str | None = field(default=None, repr=False)
    event_keys: tuple[str, ...] = ()
    intake: tuple[tuple[str, str, tuple[str, ...]], ...] = field(default=(), repr=False)
    host: str = "127.0.0.1"
    prefect_host: str = "127.0.0.1"
    console_url: str | None = None
    console_hosts: tuple[str, ...] = ()
    proxies: str = "127.0.0.1"
    second_factor: tuple[str, ...] = SECOND_FACTOR
    oidc_issuer: str | None = None
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    oidc_roles: str = ""

    @property
    def console_is_https(self) -> bool:
        """Whether browsers reach the console over TLS."""
        return bool(self.console_url and self.console_url.startswith("https://"))

    @property
    def outbox(self) -> Path:
        """Folder of .eml files for notices while no mail provider is set up."""
        return self.home / "outbox"

    @property
    def cache(self) -> Path:
        """Folder of compiled lawbooks."""
        return self.home / "cache"

    @property
    def key_file(self) -> Path:
        """The master key, where BREACH_MASTER_KEY does not give it."""
        return self.home / "keys" / "master.key"

    @property
    def rota(self) -> Path:
        """Who of the team is told when; without the file, everybody in BREACH_PAGING."""
        return self.home / "rota.yaml"

    @property
    def organisations(self) -> Path:
        """Folder of this installation's own organisation profiles."""
        return self.home / "organisations"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Return the settings of the environment.

        Raises:
            InputError: A variable cannot be used; the message names it and never shows a secret.
        """
        env = os.environ if environ is None else environ
        home = Path(env["BREACH_HOME"]).expanduser() if env.get("BREACH_HOME") else _default_home()
        unknown = sorted(name for name in env if name.startswith("BREACH_") and name not in KNOWN)
        if unknown:
            raise InputError(
                [
                    f"{name}: no setting of that name{_near(name)}; unset it. Known: {', '.join(KNOWN)}"
                    for name in unknown
                ]
            )
        return cls(
            home=home,
            database_url=_psycopg(env.get("BREACH_DATABASE_URL")) or f"sqlite:///{home / 'breach.db'}",
            sendgrid_api_key=env.get("SENDGRID_API_KEY") or None,
            sendgrid_url=env.get("BREACH_SENDGRID_URL") or "https://api.sendgrid.com",
            smtp_url=env.get("BREACH_SMTP_URL") or None,
            paging=tuple(env.get("BREACH_PAGING", "").split()),
            master_key=_key(env.get("BREACH_MASTER_KEY")),
            actor=env.get("BREACH_ACTOR") or _operating_system_user(),
            sender=env.get("BREACH_SENDER") or None,
            sending_limit=env.get("BREACH_SENDING_LIMIT") or None,
            seeds=tuple(env.get("BREACH_SEED_ADDRESSES", "").replace(",", " ").split()),
            playbooks=Path(env["BREACH_PLAYBOOKS"]) if env.get("BREACH_PLAYBOOKS") else None,
            port=_port(env, "BREACH_PORT", 4280),
            prefect_port=_port(env, "BREACH_PREFECT_PORT", 4290),
            prefect_api_url=env.get("PREFECT_API_URL") or None,
            heartbeat_url=env.get("BREACH_HEARTBEAT_URL") or None,
            **_console(env),
            event_keys=tuple(env.get("BREACH_SENDGRID_WEBHOOK_KEYS", "").split()),
            intake=tuple(_intake(one, n) for n, one in enumerate(env.get("BREACH_INTAKE", "").split(), 1)),
        )


def _intake(text: str, number: int) -> tuple[str, str, tuple[str, ...]]:
    whose, _, secrets = text.partition("=")
    source, _, organisation = whose.partition("@")
    if not (source and organisation and all(secrets.split(","))):
        raise InputError(
            f"BREACH_INTAKE: entry {number} cannot be read; write SOURCE@ORGANISATION=SECRET, two secrets with a "
            "comma during a rotation, and a space between entries"
        )
    return source, organisation, tuple(secrets.split(","))


def _console(env: Mapping[str, str]) -> dict[str, Any]:
    url = (env.get("BREACH_CONSOLE_URL") or "").rstrip("/")
    if url and (not url.startswith(("https://", "http://")) or url.count("/") != 2):
        raise InputError("BREACH_CONSOLE_URL: is no address of a host; write https://breach.example.org")
    host = env.get("BREACH_HOST") or "127.0.0.1"
    if not is_loopback(host) and not url.startswith("https://"):
        raise InputError(
            f"BREACH_HOST: {host} is reached from other machines, and nothing says that TLS ends in front.\n"
            "Set BREACH_CONSOLE_URL=https://… to the address of the proxy, or unset BREACH_HOST."
        )
    second = env.get("BREACH_SECOND_FACTOR")
    roles = SECOND_FACTOR if second is None else tuple(one for one in second.split() if one != "none")
    issuer = env.get("BREACH_OIDC_ISSUER") or None
    if issuer and not env.get("BREACH_OIDC_CLIENT_ID"):
        raise InputError("BREACH_OIDC_CLIENT_ID: is missing; BREACH_OIDC_ISSUER alone lets nobody in")
    return {
        "host": host,
        "prefect_host": env.get("BREACH_PREFECT_HOST") or "127.0.0.1",
        "console_url": url or None,
        "console_hosts": tuple(env.get("BREACH_CONSOLE_HOSTS", "").lower().split()),
        "proxies": env.get("BREACH_PROXIES") or "127.0.0.1",
        "second_factor": roles,
        "oidc_issuer": issuer.rstrip("/") if issuer else None,
        "oidc_client_id": env.get("BREACH_OIDC_CLIENT_ID", ""),
        "oidc_client_secret": env.get("BREACH_OIDC_CLIENT_SECRET", ""),
        "oidc_roles": env.get("BREACH_OIDC_ROLES", ""),
    }


def is_loopback(host: str) -> bool:
    """Return whether a name or address is this machine only.

    >>> is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("example.org")
    (True, True, False, False)
    """
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """Return a secret kept in a file only its owner can read, made on first use."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(make())
    except FileExistsError:
        pass
    return path.read_text().strip()


def _near(name: str) -> str:
    close = get_close_matches(name, KNOWN, n=1, cutoff=0.8)
    return f" (did you mean {close[0]}?)" if close else ""


def _default_home() -> Path:
    from platformdirs import user_data_path

    return user_data_path("breach", appauthor=False)


def _operating_system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"


def _psycopg(url: str | None) -> str | None:
    """Let `postgresql://` mean the driver that is installed."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1) if url else None


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name)
    if not text:
        return default
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise InputError(f"{name}: {text!r} is no port; write a number from 1 to 65535")
    return int(text)


def _key(text: str | None) -> bytes | None:
    if not text:
        return None
    for decode in (bytes.fromhex, lambda value: base64.b64decode(value, validate=True)):
        try:
            key = decode(text)
        except (ValueError, binascii.Error):
            continue
        if len(key) == 32:
            return key
    raise InputError(
        "BREACH_MASTER_KEY: is no 32-byte key; write 64 hexadecimal digits (`openssl rand -hex 32`)"
    )
