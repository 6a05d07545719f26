"""Documents for paper and for programs: every notice and the accountability record, as PDF and JSON.

A notice's PDF shows what was approved and nothing else that a reader could take for it: its text, its form and
the names of its attachments, with the hash they were approved under in the footer. What is not approved yet, or
only an exercise, says so across every page.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from incident_flows.core.instants import show_utc
from incident_flows.errors import IllegalTransitionError, InputError
from incident_flows.knowledge.documents import Block, Page, blocks_of, letter_blocks
from incident_flows.knowledge.notice_values import language_mark
from incident_flows.services.desk import Desk
from incident_flows.services.exact import require_approved
from incident_flows.services.show import notice_json, show

APPROVED = ("approved", "sending", "sent", "filed", "in-doubt", "failed")
UNCONFIRMED = "†"


def notice_document(desk: Desk, ref: str, notice_ref: str) -> tuple[dict[str, Any], bytes]:
    """Return one notice as JSON and as PDF; the same notice always gives the same bytes."""
    with desk.database.read() as tx:
        incident = tx.incidents.get(ref)
        row = tx.notices.get(ref, notice_ref)
    return notice_json(row, text=True), notice_pdf(desk, incident, row)


def notice_html(desk: Desk, ref: str, notice_ref: str) -> tuple[bytes, str]:
    """Return the page of an approved notice, byte for byte, and its SHA-256.

    Raises:
        IllegalTransitionError: It is not approved, or has no HTML.
        NotApprovedError: It is not the text that was approved.
    """
    with desk.database.read() as tx:
        row = tx.notices.get(ref, notice_ref)
        if row.html is None:
            raise IllegalTransitionError(f"{notice_ref}: has no HTML; --pdf writes it as PDF")
        if row.state not in APPROVED:
            raise IllegalTransitionError(
                f"{notice_ref} is {row.state}: nobody should publish it yet; `breach approve {ref} {notice_ref}` first"
            )
        require_approved(tx, desk, ref, row)
    page = row.html.encode()
    return page, hashlib.sha256(page).hexdigest()


def notice_pdf(desk: Desk, incident: Any, row: Any) -> bytes:
    """Return one stored notice as PDF/A."""
    words, language = desk.library.filing_words, row.language
    marks = [words.say(language, "drill")] if incident.drill else []
    if row.state not in APPROVED:
        marks.append(words.say(language, "draft"))
    people = row.kind == "people"
    blocks = letter_blocks(row.subject, row.text, row.html) if people else blocks_of(row.text)
    for key, one in sorted(row.variants.items()):
        blocks += [{"kind": "break"}, {"kind": "heading", "text": f"{key}: {one['subject']}"}, *blocks_of(one["text"])]
    blocks += form_blocks(desk, row)
    blocks += [
        {"kind": "item", "text": f"{one['name']} (SHA-256 {one['sha256']})"}
        for one in getattr(row, "attachments", None) or ()
    ]
    return desk.library.documents.pdf(
        Page(
            title=row.subject,
            blocks=blocks,
            on=row.drafted_at,
            language=language,
            footer=f"{row.incident_ref} · {row.ref} · {row.subject}"[:150],
            sha256=row.sha256,
            watermark=" · ".join(marks),
        )
    )


def form_blocks(desk: Desk, row: Any) -> list[Block]:
    """Return the authority's form as filled for a notice, field by field; what is unconfirmed bears a mark."""
    form: Mapping[str, Any] = getattr(row, "form", None) or {}
    fields: Sequence[Mapping[str, Any]] = form.get("fields") or ()
    if not fields:
        return []
    words = desk.library.filing_words
    blocks: list[Block] = [{"kind": "heading", "text": f"{words.say(row.language, 'form')}: {form['title']}"}]
    by_section: dict[str, list[list[str]]] = {}
    doubtful = False
    for one in fields:
        unconfirmed = one.get("confidence") != "read"
        doubtful |= unconfirmed
        value = "\n".join(one.get("value") or ()) or _without_value(desk, row.language, one)
        if (foreign := one.get("untranslated")) is not None:
            value = f"{language_mark(desk.library.notices.wording.words(row.language), foreign)} {value}"
        label = f"{one['label']} {UNCONFIRMED}" if unconfirmed else one["label"]
        by_section.setdefault(one.get("section") or "", []).append([label, value])
    for section, rows in by_section.items():
        blocks.append({"kind": "table", "caption": section, "headers": [], "widths": [2, 3], "rows": rows})
    if doubtful:
        blocks.append({"kind": "warning", "text": words.say(row.language, "unconfirmed")})
    return blocks


def _without_value(desk: Desk, language: str, field: Mapping[str, Any]) -> str:
    """Return what stands in a field without an answer: that it is open, that it is unknown, or a dash."""
    if field["state"] == "missing-required":
        return desk.library.filing_words.say(language, "empty", field=str(field["label"]))
    if field["state"] == "not-applicable":
        return "–"
    return desk.library.notices.wording.words(language).say("unknown")


def record_document(desk: Desk, ref: str) -> tuple[dict[str, Any], bytes]:
    """Return the accountability record of an incident as JSON and as PDF, in English."""
    whole = show(desk, ref)
    with desk.database.read() as tx:
        whole["journal"] = [
            {
                "seq": row.seq,
                "at": show_utc(row.at),
                "actor": row.actor,
                "act": row.act,
                "subject": row.subject,
                "hash": row.hash,
            }
            for row in tx.journal.entries(ref)
        ]
        at = [row.at for row in tx.journal.entries(ref)][-1]
    return whole, _record_pdf(desk, whole, at=at)


def _record_pdf(desk: Desk, whole: Mapping[str, Any], *, at: datetime) -> bytes:
    head = whole["journal"][-1]["hash"] if whole["journal"] else ""
    risk = whole["assessment"]["risk"]
    blocks: list[Block] = [
        {"kind": "title", "text": f"Record of the personal data breach {whole['id']}"},
        *_rows(
            ("Title", whole["title"]),
            ("Organisation", whole["organisation"]),
            ("State", whole["state"]),
            ("Opened", f"{_minute(whole['opened_at'])} by {whole['opened_by']}"),
            ("Closed", _minute(whole["closed_at"], "not closed")),
            ("Risk to people", risk["level"]),
            ("Lawbook", f"{whole['assessment']['lawbook']['version']}, law as of {whole['assessment']['law_as_of']}"),
            ("Recipients taken in", str(whole["recipients"])),
        ),
        {"kind": "heading", "text": "Facts"},
        *_facts(whole["facts"]),
        {"kind": "heading", "text": "Effects and reasons for the risk"},
        *({"kind": "item", "text": reason} for reason in risk["because"]),
        {"kind": "heading", "text": "Who had to be told"},
        {
            "kind": "table",
            "headers": ["Obligation", "Status", "Due", "Met", "Article"],
            "widths": [5, 2, 3, 4, 4],
            "rows": [
                [
                    f"{one['addressee']['name']} ({one['id']})",
                    one["decided"] or one["status"],
                    _minute(one["due_at"] or one["target_at"]),
                    f"{_minute(one['met_at'])} by {one['met_by']}" if one["met_at"] else "–",
                    one["cite"] or "–",
                ]
                for one in whole["obligations"]
                if (one["decided"] or one["status"]) != "not-owed" or one["met_at"]
            ],
        },
        {"kind": "heading", "text": "Why others were not told"},
        *(
            {"kind": "item", "text": f"{one['id']}: {'; '.join(one['because'][:3]) or one['standard']}"}
            for one in whole["obligations"]
            if (one["decided"] or one["status"]) == "not-owed" and not one["met_at"]
        ),
        {"kind": "heading", "text": "Decisions"},
        {
            "kind": "table",
            "headers": ["When", "Who", "What", "Answer", "Because"],
            "widths": [3, 3, 4, 2, 6],
            "rows": [
                [
                    _minute(one["at"]),
                    one["by"] + (f", {one['second_by']}" if one["second_by"] else ""),
                    one["subject"],
                    one["answer"],
                    one["because"],
                ]
                for one in whole["decisions"]
            ],
        },
        {"kind": "heading", "text": "Notices"},
        {
            "kind": "table",
            "headers": ["Notice", "To", "Phase", "State", "Drafted, approved", "SHA-256"],
            "widths": [2, 4, 2, 2, 4, 4],
            "rows": [
                [
                    one["id"],
                    one["obligation"],
                    one["phase"],
                    " ".join(
                        part
                        for part in (
                            one["state"],
                            one["filed_as"],
                            _minute(one["sent_at"] or one["filed_at"], ""),
                        )
                        if part
                    ),
                    f"{one['drafted_by']}, {one['approved_by'] or '–'}",
                    f"{one['sha256'][:32]} {one['sha256'][32:]}",
                ]
                for one in whole["notices"]
            ],
        },
        *_story(whole.get("story") or {}),
        {"kind": "heading", "text": "Journal"},
        {
            "kind": "table",
            "headers": ["#", "When", "Who", "Act", "About", "Seal"],
            "widths": [1, 4, 3, 3, 5, 3],
            "rows": [
                [str(one["seq"]), _minute(one["at"]), one["actor"], one["act"], one["subject"], one["hash"][:16]]
                for one in whole["journal"]
            ],
        },
    ]
    return desk.library.documents.pdf(
        Page(
            title=f"Record of {whole['id']}",
            blocks=blocks,
            on=at,
            footer=f"{whole['id']} · record of Article 33(5), as of journal entry "
            f"{whole['journal'][-1]['seq'] if whole['journal'] else 0}",
            sha256=head,
            watermark=desk.library.filing_words.say("en", "drill") if whole["drill"] else "",
        )
    )


def _story(story: Mapping[str, Any]) -> list[Block]:
    rows = [
        [
            one["label"],
            f"{one['before']} ({one['notice']})",
            one["now"],
            one["because"],
            f"{one['by']}, {_minute(one['at'])}",
        ]
        for one in story.get("explained") or ()
    ]
    if not rows:
        return []
    return [
        {"kind": "heading", "text": "What filings say differently, and why"},
        {
            "kind": "table",
            "headers": ["What", "Before", "Then", "Because", "Who"],
            "widths": [3, 4, 3, 5, 3],
            "rows": rows,
        },
    ]


def _minute(instant: str | None, otherwise: str = "–") -> str:
    """Return an instant as the record shows it, to the minute in UTC."""
    return f"{instant[:10]} {instant[11:16]}Z" if instant else otherwise


def _rows(*pairs: tuple[str, str | None]) -> list[Block]:
    return [{"kind": "row", "label": f"{label}:", "text": text or "–"} for label, text in pairs]


def _facts(facts: Any, prefix: str = "") -> list[Block]:
    """Return every fact that is known, one row each; the organisation's profile by its name only."""
    found: list[Block] = []
    for key, value in facts.items():
        path = f"{prefix}{key}"
        if value in (None, {}, [], "") or path in ("format", "organisation.claims", "organisation.ask"):
            continue
        if isinstance(value, Mapping):
            found += _facts(value, f"{path}.")
        else:
            found.append({"kind": "row", "label": f"{path}:", "text": _shown(value)})
    return found


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def as_json(document: Mapping[str, Any]) -> bytes:
    """Return a document's JSON as bytes."""
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def written(folder: Path, name: str, content: bytes) -> Path:
    """Write a document whole or not at all, and return its path."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        temporary = path.with_suffix(".part")
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise InputError(
            f"{folder}: {name} cannot be written: {error.strerror}; choose another --folder"
        ) from None
    return path
