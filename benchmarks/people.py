"""Telling many people: letters per second past one TLS double that renders and hashes every one of them.

All contenders deliver the same letters, each once, to the same double on a core of its own; what it rendered is
compared by one digest. The peers are what a user would otherwise write: the sendgrid library with a thousand
personalizations a request and a ledger line per message (expert use), the same library call by call, anymail's
merge, one Prefect task per letter; and our own sender with its ledger taken out. Each sends a few letters first
that are not counted, ours two requests on the connection it goes on with, so that neither imports nor the first use
of a statement are measured; rounds are interleaved, and each figure is a median. The slow peers send fewer letters;
their rate is what counts.
"""

from __future__ import annotations

import contextlib
import datetime as clock
import html
import ipaddress
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from incident_flows.knowledge.library import Library
from incident_flows.services.broadcast import send_packed
from incident_flows.services.letters import letter_of
from incident_flows.services.packing import opened
from notifications.letters import NAME_MARK
from tests.chaos.letters.people import name_of
from tests.chaos.letters.run import Double, Stage, go_on, packed, prepared

SUBJECT = "About your data"
TEXT = f"Hello {NAME_MARK},\n\n" + "On Friday a laptop with data about you was stolen from a car. " * 42
HTML = f"<html lang='en'><body><p>Hello {NAME_MARK},</p>" + (
    "<p>On Friday a laptop with data about you was stolen from a car.</p>" * 52 + "</body></html>"
)
WARM_UP = 3_000  # letters
SENDER, SENDER_NAME = "privacy@aimigos.example", "Data protection"


def main(quick: bool) -> None:
    """Print one line per peer, then the claim; in the long run also a million letters in flat memory."""
    count, rounds = (20_000, 1) if quick else (100_000, 3)
    with tempfile.TemporaryDirectory(prefix="breach-bench-") as name:
        folder = Path(name)
        certificate, key, bundle = _certificate(folder)
        os.environ["SSL_CERT_FILE"] = bundle
        provider = Double(tls=(certificate, key), core=_last_core())
        try:
            with _first_core():
                _compare(folder, provider, count=count, rounds=rounds, quick=quick)
                _ledger(folder, provider, count=2 * count, rounds=1 if quick else 9)
        finally:
            provider.close()
            del os.environ["SSL_CERT_FILE"]
        if not quick:
            _million(folder, certificate, key, bundle)


def _compare(folder: Path, provider: Double, *, count: int, rounds: int, quick: bool) -> None:
    library = Library.load(cache=None)
    many: dict[str, Callable[[int, int], float]] = {
        "ours": lambda turn, count: _ours(folder / f"ours-{turn}.db", library, provider, count),
        "ours without ledger": lambda turn, count: _without_ledger(
            folder / f"ours-{turn}.db", library, provider, count
        ),
        "sendgrid library x1,000, ledger line each": lambda turn, count: _expert(
            folder / f"peer-{turn}.db", provider, count
        ),
        "anymail merge x1,000": lambda turn, count: _anymail(provider, max(count // (10 if quick else 5), 1000)),
    }
    few = 20 if quick else 200
    one_each: dict[str, Callable[[int, int], float]] = {
        "sendgrid library, one call each": lambda turn, count: _one_call_each(provider, few),
    }
    if quick:
        print("people: one Prefect task each: in the long run only, its server takes half a minute to start")
    else:
        one_each["one Prefect task each"] = lambda turn, count: _prefect(folder, provider, few)
    rates: dict[str, list[float]] = {name: [] for name in [*many, *one_each]}
    digests: dict[tuple[str, int], str] = {}
    for run in many.values():
        with contextlib.suppress(ImportError):
            run(-1, WARM_UP)
    for figures in _processor.values():
        figures.clear()
    for turn in range(rounds):
        for name, run in [*many.items(), *(one_each.items() if turn == 0 else ())]:
            provider.set(clear=True)
            try:
                rate = run(turn, count)
            except ImportError as error:
                print(f"people: {name} left out: {error}")
                continue
            account = provider.account()
            assert (account["doubled"], account["shown_together"], account["foreign"]) == (0, 0, 0), (name, account)
            same = digests.setdefault(("digest", account["people"]), account["digest"])
            assert account["digest"] == same, f"{name} delivered other letters"
            rates[name].append(rate)
    medians = {name: median(found) for name, found in rates.items() if found}
    ours = medians["ours"]
    for name, found in rates.items():
        if found:
            low, high = f"{min(found):,.0f}", f"{max(found):,.0f}"
            ratio = ours / medians[name]
            print(f"people: {name}: {medians[name]:,.0f} letters/s ({low} to {high}); ours is {ratio:.3g}x")
    expert = medians["sendgrid library x1,000, ledger line each"]
    whole = 1 / (1 / ours + 1 / _packing[0])
    print(f"people: packing: {_packing[0]:,.0f} letters/s; packed and sent {whole:,.0f}, {whole / expert:.3g}x")
    mine, theirs = (median(_processor[name]) for name in ("ours", "expert"))
    print(f"people: by processor time: {theirs / mine:.3g}x ({1e6 * mine:.2f} and {1e6 * theirs:.1f} us a letter)")
    print(f"bench: people ours={ours:.4g} best_peer={expert:.4g} ratio={ours / expert:.3g} unit=letters/s", flush=True)


def _ledger(folder: Path, provider: Double, *, count: int, rounds: int) -> None:
    """What the ledger costs: the same sender with and without it, by turns, on longer runs than the peers can do."""
    library = Library.load(cache=None)
    for figures in _processor.values():
        figures.clear()
    ours: list[float] = []
    bare: list[float] = []
    for turn in range(rounds):
        database = folder / f"ledger-{turn}.db"
        for rates, run in ((ours, _ours), (bare, _without_ledger)):
            provider.set(clear=True)
            rates.append(run(database, library, provider, count))
            assert provider.set() >= count // 1000
    account = provider.account()
    assert (account["people"], account["doubled"], account["foreign"]) == (count, 0, 0), account
    kept = median(ours) / median(bare)
    by_turn = sorted(one / other for one, other in zip(ours, bare, strict=True))
    mine, without = (median(_processor[name]) for name in ("ours", "without"))
    print(
        f"people: with the ledger {median(ours):,.0f} letters/s ({min(ours):,.0f} to {max(ours):,.0f}), without "
        f"{median(bare):,.0f} ({min(bare):,.0f} to {max(bare):,.0f}): it leaves {kept:.0%} of the rate "
        f"({by_turn[0]:.0%} to {by_turn[-1]:.0%} by turn; target 60 %), {without / mine:.0%} by processor time"
    )


_packing = [1.0]
_processor: dict[str, list[float]] = {"ours": [], "without": [], "expert": []}


def _stage(database: Path, library: Library, provider: Double, count: int) -> Stage:
    stage = Stage(f"sqlite:///{database}", library, provider.url)
    prepared(stage, count=count, text=TEXT, html=HTML)
    began = time.perf_counter()
    packed(stage, "at-most-one-duplicate-batch")
    _packing[0] = max(_packing[0], count / (time.perf_counter() - began))
    return stage


_stages: dict[Path, Stage] = {}


def _ours(database: Path, library: Library, provider: Double, count: int) -> float:
    stage = _stages[database] = _stage(database, library, provider, count)
    desk = stage.desk()
    with desk.database.read() as tx:
        notice = tx.notices.get(stage.ref, stage.notice)
    before = send_packed(desk, stage.ref, notice, actor="anna", now=stage.now, batches=2).progress.sent
    began, worked = time.perf_counter(), time.process_time()
    assert go_on(stage, desk)
    took = time.perf_counter() - began
    _processor["ours"].append((time.process_time() - worked) / (count - before))
    desk.database.dispose()
    return (count - before) / took


def _without_ledger(database: Path, library: Library, provider: Double, count: int) -> float:
    """The same batches, read, opened and posted the same way; nothing is claimed, nothing recorded."""
    from sqlalchemy import bindparam

    from incident_flows.services.wire import Job, Wire
    from incident_flows.storage.letter_statements import LIGHT, TABLE

    stage = _stages[database]
    desk = stage.desk()
    assert desk.batches is not None
    with desk.database.read() as tx:
        notice = tx.notices.get(stage.ref, stage.notice)
        run = tx.letters.run(notice.id)
        wrapped = tx.incidents.get(stage.ref).wrapped_key
    assert run is not None
    one = (TABLE.c.notice_id == notice.id, TABLE.c.id > bindparam("after"))
    every = LIGHT.where(*one).order_by(TABLE.c.id).limit(16)
    began, worked = time.perf_counter(), time.process_time()
    head, after = desk.batches.head(letter_of(desk, notice), run.tag or ""), 0
    with Wire(desk.batches, width=1) as wire:
        while True:
            with desk.database.read() as tx:
                rows = tx.letters._session.execute(every, {"after": after}).all()
            if not rows:
                break
            after = rows[-1].id
            for row in rows:
                packed = opened(desk, wrapped, stage.ref, row.nonce, row.sealed)
                if wire.full:
                    assert all(one.error is None for one in wire.answered(wait=True))
                wire.post(Job(row, packed, None, None, stage.now, head))
        while wire.under_way:
            wire.answered(wait=True)
    took = time.perf_counter() - began
    _processor["without"].append((time.process_time() - worked) / count)
    desk.database.dispose()
    return count / took


def _people(count: int) -> Iterator[list[tuple[str, str]]]:
    for first in range(0, count, 1000):
        yield [(f"person{n}@people.example", name_of(n)) for n in range(first, min(first + 1000, count))]


def _expert(database: Path, provider: Double, count: int) -> float:
    """The library as its best users use it: a thousand to a request, and a durable line per message."""
    from sendgrid import SendGridAPIClient
    from sendgrid.helpers.mail import Content, From, Mail, Personalization, Substitution, To

    ledger = sqlite3.connect(database, isolation_level=None)
    ledger.execute("PRAGMA journal_mode=WAL")
    ledger.execute("PRAGMA synchronous=FULL")
    ledger.execute("CREATE TABLE message (email TEXT PRIMARY KEY, state TEXT, message_id TEXT)")
    api = SendGridAPIClient("SG.key", host=provider.url)
    began, worked = time.perf_counter(), time.process_time()
    for page in _people(count):
        mail = Mail()
        mail.from_email = From(SENDER, SENDER_NAME)
        mail.subject = SUBJECT
        mail.add_content(Content("text/plain", TEXT.replace(f" {NAME_MARK}", "-t-")))
        mail.add_content(Content("text/html", HTML.replace(f" {NAME_MARK}", "-h-")))
        for email, name in page:
            one = Personalization()
            one.add_to(To(email))
            one.add_substitution(Substitution("-t-", f" {name}"))
            one.add_substitution(Substitution("-h-", html.escape(f" {name}")))
            mail.add_personalization(one)
        ledger.execute("BEGIN")
        ledger.executemany("INSERT INTO message VALUES (?, 'claimed', NULL)", [(email,) for email, _ in page])
        ledger.execute("COMMIT")
        answer = api.send(mail)
        known_as = answer.headers.get("X-Message-Id")
        ledger.execute("BEGIN")
        ledger.executemany(
            "UPDATE message SET state = 'accepted', message_id = ? WHERE email = ?",
            [(known_as, email) for email, _ in page],
        )
        ledger.execute("COMMIT")
    took = time.perf_counter() - began
    _processor["expert"].append((time.process_time() - worked) / count)
    ledger.close()
    return count / took


def _letter(email: str, name: str) -> Any:
    from sendgrid.helpers.mail import Content, From, Mail, To

    mail = Mail(from_email=From(SENDER, SENDER_NAME), to_emails=To(email), subject=SUBJECT)
    mail.add_content(Content("text/plain", TEXT.replace(f" {NAME_MARK}", f" {name}")))
    mail.add_content(Content("text/html", HTML.replace(f" {NAME_MARK}", html.escape(f" {name}"))))
    return mail


def _one_call_each(provider: Double, count: int) -> float:
    from sendgrid import SendGridAPIClient

    api = SendGridAPIClient("SG.key", host=provider.url)
    began = time.perf_counter()
    for page in _people(count):
        for email, name in page:
            api.send(_letter(email, name))
    return count / (time.perf_counter() - began)


def _anymail(provider: Double, count: int) -> float:
    """django-anymail's merge, a thousand to a request, on one connection."""
    if find_spec("anymail") is None:
        raise ImportError("django-anymail is not installed")
    import logging
    import warnings

    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(ANYMAIL={"SENDGRID_API_KEY": "SG.key", "SENDGRID_MERGE_FIELD_FORMAT": "-{}-"})
        django.setup()
    from anymail.backends.sendgrid import EmailBackend
    from django.core.mail import EmailMultiAlternatives

    logging.getLogger("anymail").setLevel(logging.ERROR)
    os.environ["REQUESTS_CA_BUNDLE"] = os.environ["SSL_CERT_FILE"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        backend = EmailBackend(api_url=f"{provider.url}/v3/")
        backend.open()
        began = time.perf_counter()
        for page in _people(count):
            mail = EmailMultiAlternatives(
                SUBJECT,
                TEXT.replace(f" {NAME_MARK}", "-t-"),
                f"{SENDER_NAME} <{SENDER}>",
                [email for email, _ in page],
            )
            mail.attach_alternative(HTML.replace(f" {NAME_MARK}", "-h-"), "text/html")
            mail.merge_data = {email: {"t": f" {name}", "h": html.escape(f" {name}")} for email, name in page}
            backend.send_messages([mail])
        took = time.perf_counter() - began
        backend.close()
    del os.environ["REQUESTS_CA_BUNDLE"]
    return count / took


_PREFECT = """
import sys, time, logging
logging.disable(logging.CRITICAL)
from prefect import flow, task
from benchmarks.people import _letter, _people
from sendgrid import SendGridAPIClient
api = SendGridAPIClient("SG.key", host=sys.argv[1])

@task(persist_result=False)
def send(email, name):
    api.send(_letter(email, name))

@flow(persist_result=False)
def all_of_them(count):
    began = time.perf_counter()
    for page in _people(count):
        for email, name in page:
            send(email, name)
    return time.perf_counter() - began

print("took", all_of_them(int(sys.argv[2])), flush=True)
"""


def _prefect(folder: Path, provider: Double, count: int) -> float:
    """One Prefect task per letter, each a call of the library, on a server of its own."""
    environ = {**os.environ, "PREFECT_HOME": str(folder / "prefect"), "PREFECT_LOGGING_LEVEL": "CRITICAL"}
    environ |= {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}
    environ |= {"PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true", "DO_NOT_TRACK": "1"}
    environ.pop("PREFECT_API_URL", None)
    done = subprocess.run(
        [sys.executable, "-c", _PREFECT, provider.url, str(count)],
        env=environ, capture_output=True, text=True, timeout=300, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    line = next((line for line in done.stdout.splitlines() if line.startswith("took ")), None)
    if line is None:
        raise ImportError(f"Prefect did not run: {done.stderr.strip().splitlines()[-1:]}")
    return count / float(line.split()[1])


def _million(folder: Path, certificate: str, key: str, bundle: str) -> None:
    """Pack and send a million in a process of its own, whose memory is looked at."""
    code = "from benchmarks.people import _million_here; _million_here()"
    environ = {**os.environ, "SSL_CERT_FILE": bundle, "STAGE": str(folder), "TLS": f"{certificate}\n{key}"}
    subprocess.run([sys.executable, "-c", code], env=environ, cwd=Path(__file__).parent.parent, check=True)


def _million_here() -> None:
    count = int(os.environ.get("PEOPLE", "1000000"))
    certificate, key = os.environ["TLS"].split("\n")
    provider = Double(tls=(certificate, key), core=_last_core())
    try:
        with _first_core():
            library = Library.load(cache=None)
            _ = library.notices
            stage = Stage(f"sqlite:///{os.environ['STAGE']}/million.db", library, provider.url)
            prepared(stage, count=count, text=TEXT, html=HTML)
            began = time.perf_counter()
            packed(stage, "at-most-one-duplicate-batch")
            middle = time.perf_counter()
            desk = stage.desk()
            assert go_on(stage, desk)
            ended = time.perf_counter()
            desk.database.dispose()
        accepted = provider.set()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"people: {count:,} letters packed in {middle - began:.1f} s and sent in {ended - middle:.1f} s "
            f"({accepted} requests), {memory:.0f} MB at most (target 200)",
            flush=True,
        )
    finally:
        provider.close()


def _certificate(folder: Path) -> tuple[str, str, str]:
    """Return certificate, key, and the usual bundle of authorities with this one in it."""
    import certifi
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "provider")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - clock.timedelta(days=1))
        .not_valid_after(now + clock.timedelta(days=2))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    paths = [folder / "certificate.pem", folder / "key.pem", folder / "bundle.pem"]
    paths[0].write_bytes(pem)
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    paths[2].write_bytes(Path(certifi.where()).read_bytes() + pem)
    return str(paths[0]), str(paths[1]), str(paths[2])


def _last_core() -> int | None:
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return cores[-1] if len(cores) > 1 else None


@contextlib.contextmanager
def _first_core() -> Iterator[None]:
    """Keep off the core the double runs on."""
    last = _last_core()
    if last is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before - {last})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


if __name__ == "__main__":
    main("--quick" in sys.argv)
