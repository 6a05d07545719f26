"""How fast a list of people is taken in, checked, sealed and durable, beside what one would write oneself.

The peer reads with csv.DictReader, checks with email-validator, seals each row with AES-GCM and stores an object per
person with SQLModel's add_all, a thousand to a transaction, on a unique index of keyed hashes; its journal mode and
durability are ours. Both start from the same file, in turn. QUICK=1 takes fewer rows.
"""

from __future__ import annotations

import csv
import hmac
import json
import os
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
PLACES = ("ES", "DE", "GB", "FR", "IT")


def main(quick: bool) -> None:
    """Print one line per claim."""
    ours, peer, rounds = (30_000, 3_000, 1) if quick else (1_000_000, 50_000, 3)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        files = {rows: _file(home / f"{rows}.csv", rows) for rows in {ours, peer}}
        mine, theirs = [], []
        for turn in range(rounds):
            mine.append(_ours(home / f"ours-{turn}", files[ours], ours))
            theirs.append(_peer(home / f"peer-{turn}.db", files[peer], peer))
        memory = _memory(home / "memory", files[ours])
    ratio = median(mine) / median(theirs)
    print(
        f"import: {ours} rows, {rounds} rounds, {min(mine):.0f} to {max(mine):.0f} rows/s; the writing process "
        f"took {memory:.0f} MB at its most; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print(
        f"bench: import ours={median(mine):.0f} best_peer={median(theirs):.0f} ratio={ratio:.1f} unit=rows/s",
        flush=True,
    )


def _file(path: Path, rows: int) -> Path:
    chance = random.Random(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "name", "language", "place"])
        for number in range(rows):
            place = chance.choice(PLACES)
            domain = f"mail{chance.randrange(2000)}.example" if number % 20 else f"own{number}.example"
            writer.writerow([f"person.{number}@{domain}", f"Ána García {number}", place.lower(), place])
    return path


def _ours(home: Path, file: Path, rows: int) -> float:
    from incident_flows.services.recipients import import_recipients

    desk, actor, ref = _incident(home)
    begun, used = time.perf_counter(), sum(os.times()[:4])
    done = import_recipients(desk, ref, file, actor=actor, now=NOW, expect=rows)
    took, used = time.perf_counter() - begun, sum(os.times()[:4]) - used
    print(
        f"import: {used / rows * 1e6:.1f} us of processor time a row, workers and system included", flush=True
    )
    desk.database.dispose()
    assert done.accepted == rows, done.refused[:3]
    return rows / took


def _incident(home: Path):  # type: ignore[no-untyped-def]
    from incident_flows.knowledge.facts_files import read_facts
    from incident_flows.knowledge.library import Library
    from incident_flows.services.desk import Desk, acting
    from incident_flows.services.open import open_incident
    from incident_flows.storage.database import Database
    from incident_flows.storage.vault import Vault
    from notifications.memory import MemoryChannel

    home.mkdir()
    database = Database(f"sqlite:///{home / 'breach.db'}")
    database.migrate()
    library = Library.load(cache=home.parent / "cache")
    desk = Desk(database=database, library=library, vault=Vault(b"k" * 32), channel=MemoryChannel())
    actor = acting(desk, "bench", now=NOW, create=True)
    sample = Path(__file__).parent.parent / "playbooks" / "samples" / "aimigos-studio.yaml"
    facts = read_facts(sample, lawbook=library.lawbook, profiles=library.profiles)
    return desk, actor, open_incident(desk, facts, actor=actor, now=NOW, source="bench").ref


def _memory(home: Path, file: Path) -> float:
    """Return the MB a process of its own takes at its most, from its start on, while it takes the list in."""
    import subprocess

    program = (
        "import resource, sys; from pathlib import Path; from benchmarks import importing as one\n"
        "from incident_flows.services.recipients import import_recipients\n"
        "desk, actor, ref = one._incident(Path(sys.argv[1]))\n"
        "import_recipients(desk, ref, Path(sys.argv[2]), actor=actor, now=one.NOW)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    root = Path(__file__).parent.parent
    answer = subprocess.run(
        [sys.executable, "-c", program, str(home), str(file)],
        check=True, cwd=root, capture_output=True, text=True,
    )  # fmt: skip
    return int(answer.stdout) / 1024


def _peer(path: Path, file: Path, rows: int) -> float:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from email_validator import validate_email
    from sqlalchemy import event
    from sqlmodel import Field, Session, SQLModel, create_engine

    class PeerPerson(SQLModel, table=True):
        __table_args__ = {"extend_existing": True}
        id: int | None = Field(default=None, primary_key=True)
        address_hmac: str = Field(unique=True)
        sealed: bytes
        language: str
        place: str

    engine = create_engine(f"sqlite:///{path}")

    def durable(connection, record):  # type: ignore[no-untyped-def]
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    event.listen(engine, "connect", durable)
    PeerPerson.__table__.create(engine)  # type: ignore[attr-defined]
    cipher, key = AESGCM(b"k" * 32), b"l" * 32
    begun = time.perf_counter()
    with file.open(encoding="utf-8-sig", newline="") as opened, Session(engine) as session:
        batch: list[PeerPerson] = []
        for row in csv.DictReader(opened, strict=True):
            email = validate_email(row["email"], check_deliverability=False).normalized
            nonce = os.urandom(12)
            person = json.dumps({"email": email, "name": row["name"]}).encode()
            batch.append(
                PeerPerson(
                    address_hmac=hmac.digest(key, email.casefold().encode(), "sha256").hex(),
                    sealed=nonce + cipher.encrypt(nonce, person, b"INC-2026-0001"),
                    language=row["language"],
                    place=row["place"],
                )
            )
            if len(batch) == 1000:
                session.add_all(batch)
                session.commit()
                session.expunge_all()
                batch = []
        session.add_all(batch)
        session.commit()
    took = time.perf_counter() - begun
    engine.dispose()
    SQLModel.metadata.remove(PeerPerson.__table__)  # type: ignore[attr-defined]
    return rows / took


if __name__ == "__main__":
    main("--quick" in sys.argv or os.environ.get("QUICK") == "1")
