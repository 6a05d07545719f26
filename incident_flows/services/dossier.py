"""The accountability record (Art. 33(5)): everything about an incident in one sealed file, and its checker.

The file is a zip with fixed times and order, so the same record gives the same bytes. It carries its part
of the journal's chain, the SHA-256 of every member, and a checker that runs with Python alone. Of the people
affected it holds counts and keyed hashes, never an address or a name.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from incident_flows.core.instants import show_utc
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import InputError, TamperedError
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.document import notice_pdf, record_document
from incident_flows.services.filling import dossier_json
from incident_flows.services.letters import batches_json
from incident_flows.services.show import notice_json, show
from incident_flows.storage.chain import FIELDS, stamp, verify_incident_chain

FORMAT = 1
EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip knows no earlier time; a fixed one keeps the bytes the same
MANIFEST = "manifest.json"


def dossier(desk: Desk, ref: str, *, actor: Actor, now: datetime, folder: Path) -> Path:
    """Write the incident's dossier into `folder` and return its path; the export itself is journalled first."""
    actor.require("dossier")
    with desk.database.write() as tx:
        tx.incidents.get(ref)
        write_journal(
            tx, desk, at=now, actor=actor.name, act="dossier-exported", ref=ref, subject=ref, payload={}
        )
    members = _members(desk, ref)
    manifest = {
        "format": FORMAT,
        "incident": ref,
        "exported_at": show_utc(now),
        "exported_by": actor.name,
        "journal": {
            "entries": members["journal.jsonl"].count(b"\n"),
            "head": _head(members["journal.jsonl"]),
        },
        "members": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(members.items())},
    }
    content = _zipped({**members, MANIFEST: _json(manifest)})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{ref}-dossier.zip"
        temporary = path.with_suffix(".part")
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise InputError(
            f"{folder}: the dossier cannot be written: {error.strerror}; choose another --folder"
        ) from None
    return path


def _members(desk: Desk, ref: str) -> dict[str, bytes]:
    with desk.database.read() as tx:
        incident = tx.incidents.get(ref)
        notices = [notice_json(row, text=True) for row in tx.notices.list(ref)]
        facts = [
            {
                "version": row.version,
                "learned_at": show_utc(row.learned_at),
                "recorded_at": show_utc(row.recorded_at),
                "by": row.by,
                "source": row.source,
                "facts": row.facts,
                "change": row.change,
            }
            for row in tx.incidents.facts_history(ref)
        ]
        assessments = [
            {
                "version": row.version,
                "facts_version": row.facts_version,
                "assessed_at": show_utc(row.assessed_at),
                "lawbook_version": row.lawbook_version,
                "lawbook_sha256": row.lawbook_sha256,
                "result": row.result,
            }
            for row in tx.incidents.assessment_history(ref)
        ]
        letters = batches_json(tx, incident.id)
        imports = [
            {
                "file_sha256": row.file_sha256,
                "accepted": row.accepted,
                "refused": row.refused,
                "duplicates": row.duplicates,
                "at": show_utc(row.at),
                "by": row.by,
            }
            for row in tx.people.imports(incident.id)
        ]
        journal = [entry_json(row) for row in tx.journal.entries(ref)]
        questions = dossier_json(tx, desk, ref)
        documents = {
            f"documents/{row.ref}.pdf": notice_pdf(desk, incident, row)
            for row in tx.notices.list(ref)
            if row.state != "withdrawn"
        }
    documents["documents/record.pdf"] = record_document(desk, ref)[1]
    whole = show(desk, ref)
    whole.pop("journal")
    return {
        **documents,
        "incident.json": _json(whole),
        "facts.json": _json(facts),
        "dossier.json": _json(questions),
        "assessments.json": _json(assessments),
        "notices.json": _json(notices),
        "imports.json": _json(imports),
        "letters.json": _json(letters),
        "journal.jsonl": b"".join(_line(entry) for entry in journal),
        "verify.py": package_files("incident_flows.storage").joinpath("chain.py").read_bytes(),
        "README.txt": _readme(ref).encode(),
    }


def entry_json(row: Any) -> dict[str, Any]:
    """Return a journal entry as the chain's hashes were made over it."""
    return {name: stamp(row.at) if name == "at" else getattr(row, name) for name in FIELDS}


def _head(journal: bytes) -> str | None:
    lines = journal.splitlines()
    return str(json.loads(lines[-1])["hash"]) if lines else None


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _zipped(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(members.items()):
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def _readme(ref: str) -> str:
    return (
        f"Record of incident {ref}.\n\n"
        "manifest.json names the SHA-256 of every other member and the head of the journal.\n"
        "journal.jsonl holds one entry a line; each carries the hash of the one before it.\n"
        "`breach verify FILE` checks all of it. Without the program: `python verify.py journal.jsonl`.\n"
    )


def verify_file(path: Path) -> dict[str, Any]:
    """Check a dossier offline: every member against the manifest, and the journal's chain.

    Raises:
        TamperedError: A member or an entry was changed, is missing, or stands in another order.
        InputError: The file is no dossier.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            content = {name: archive.read(name) for name in archive.namelist()}
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
        raise InputError(f"{path.name}: is no dossier, or a damaged one ({type(error).__name__})") from None
    if MANIFEST not in content:
        raise InputError(f"{path.name}: is no dossier: it has no {MANIFEST}")
    try:
        manifest = json.loads(content.pop(MANIFEST))
        named, journal = dict(manifest["members"]), manifest["journal"]
    except (ValueError, KeyError, TypeError):
        raise TamperedError(f"{path.name}: {MANIFEST} is damaged") from None
    if set(named) != set(content):
        odd = ", ".join(sorted(set(named) ^ set(content)))
        raise TamperedError(f"{path.name}: members differ from the manifest: {odd}")
    for name, sha256 in named.items():
        if hashlib.sha256(content[name]).hexdigest() != sha256:
            raise TamperedError(f"{path.name}: {name} was changed after it was sealed")
    try:
        entries = [json.loads(line) for line in content["journal.jsonl"].splitlines()]
    except ValueError:
        raise TamperedError(f"{path.name}: journal.jsonl is damaged") from None
    count = verify_incident_chain(entries)
    if count != journal["entries"] or (entries and entries[-1]["hash"] != journal["head"]):
        raise TamperedError(f"{path.name}: the journal's end was cut off")
    return {
        "file": path.name,
        "incident": manifest["incident"],
        "entries": count,
        "members": len(named),
        "whole": True,
    }


def verify_database(desk: Desk) -> dict[str, Any]:
    """Check the whole journal of this installation."""
    with desk.database.read() as tx:
        return {"entries": tx.journal.verify(), "whole": True}
