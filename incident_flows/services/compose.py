"""Puts a notice together: the rendered text, and what its phase, its bundle or its question adds to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from incident_flows.core.dossier import Phase
from incident_flows.core.facts import Facts
from incident_flows.core.forms import Filled
from incident_flows.core.instants import parse_instant
from incident_flows.core.law import Authority
from incident_flows.core.scope import scoped
from incident_flows.errors import InputError
from incident_flows.knowledge.notice_answers import Missing, Rendered, about_language
from incident_flows.knowledge.notice_values import TEXT_LIMIT, Values, checked
from incident_flows.services.bundle import Bundled, bundle
from incident_flows.services.desk import Desk
from incident_flows.services.filling import fill_for, open_questions, standing_of, with_form
from incident_flows.services.phases import earlier_of, last_filed
from incident_flows.services.wordings import (
    GUARDIAN,
    PLUS,
    beyond,
    contents_by_place,
    contents_elsewhere,
    inserts_for,
)
from incident_flows.storage.database import Tx

if TYPE_CHECKING:
    from incident_flows.knowledge.inserts import Insert
    from incident_flows.services.draft import Wanted

_FORM_PHASES: Mapping[str, Phase] = {"supplementary": "supplementary", "final": "final"}
_NOTICE_KINDS = {"supplementary": "supplementary", "final": "supplementary"}


@dataclass(frozen=True)
class Composed:
    """A notice before it is stored.

    Attributes:
        facts: As far as the addressee hears of them.
        scope: Whose part that is; "" for everything.
        form: The authority's form as filled in; empty where it has none.
        changes: Against the last filing; empty for a first one.
        bundles: Other incidents it tells of, with their obligations.
        variants: Further wordings of a letter to the people, by key.
    """

    subject: str
    text: str
    html: str | None
    missing: tuple[Missing, ...]
    facts: Facts
    scope: str = ""
    form: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    bundles: tuple[Mapping[str, str], ...] = ()
    variants: Mapping[str, Any] = field(default_factory=dict)


def compose(
    tx: Tx,
    desk: Desk,
    ref: str,
    rows: Sequence[Any],
    stored: Any,
    language: str,
    *,
    kind: str,
    phase: str,
    merged: Mapping[str, Any],
    asked: Wanted,
    now: datetime,
) -> Composed:
    """Return the notice on one obligation (several for the people's letter), in one phase.

    Args:
        stored: The facts row it is made from.
        kind: Of notice, such as people or public.
        merged: The obligation it is rendered for, as JSON.

    Raises:
        InputError: A withdrawal without its reason, or breaches that may not be bundled.
    """
    row = rows[0]
    scope = (row.addressee_id or "") if row.addressee_kind == "controller" else ""
    facts = Facts.model_validate(scoped(stored.facts, scope))
    authority: Authority | None = desk.library.lawbook.authorities.get(row.addressee_id or "")
    if phase == "answer":
        return _answer(desk, ref, row, facts, authority, language, asked.answer)
    if phase == "withdrawal":
        return _withdrawal(tx, desk, ref, row, facts, authority, language, scope, because=asked.because)
    inserts: list[Insert] = []
    if kind == "people":
        inserts = inserts_for(tx, desk, tx.incidents.get(ref).id, rows, facts, language)
        merged = {**merged, "content": contents_elsewhere(desk, rows, facts)}
    filled = None  # the letter to the people has its own template, and names itself what it lacks
    if row.addressee_kind == "authority":
        filled = fill_for(
            desk,
            facts,
            row,
            incident=ref,
            standing=standing_of(tx, ref),
            now=now,
            phase=_FORM_PHASES.get(phase),
            phased=asked.phased or phase == "supplementary",
        )
    final = phase == "final"
    questions = {
        key: (one.label if filled and filled.language == language else one.label_english).replace(": ", " – ")
        for key, one in open_questions(
            desk, filled, final=final or (filled is not None and filled.phase == "final")
        ).items()
    }
    reason = checked("--because", asked.because, limit=TEXT_LIMIT) if final else None
    rendered = desk.library.notices.render(
        kind,
        language,
        facts=facts,
        obligation=merged,
        authority=authority,
        incident_ref=ref,
        on=now,
        phased=asked.phased or phase == "supplementary",
        as_written=asked.as_written,
        notice_kind=_NOTICE_KINDS.get(phase),
        asked_in_form=questions,
        unknown_because=desk.library.filing_texts.reason(language, reason) if final else None,
    )
    text, missing = rendered.text, with_form(rendered.missing, filled)
    for_good = [one.label for one in missing if not (one.required or about_language(one.field))]
    if final and (for_good or questions) and not reason:
        named = ", ".join(dict.fromkeys([*for_good, *_english(filled, questions)]))
        missing = (*missing, Missing("because", f"why this stays unknown for good (--because TEXT): {named}", True))
    variants: dict[str, Any] = {}
    if kind == "people":
        by_place, guarded = contents_by_place(desk, rows), tx.people.guarded(tx.incidents.get(ref).id)
        wanted = [(one, by_place[one.place]) for one in inserts]
        variants, lacks = _wordings(
            desk, ref, facts, rendered, wanted, guarded=guarded, merged=merged, asked=asked, now=now
        )
        missing = (*missing, *lacks)
    bundled: tuple[Bundled, ...] = ()
    if asked.bundled:
        bundled = bundle(tx, desk, ref, row, facts, asked.bundled)
        text, more = _with_others(desk, language, ref, rendered, bundled, authority, now=now, asked=asked)
        missing = (*missing, *more)
    subject, changes = rendered.subject, {}
    last = last_filed(tx, ref, row.oid)
    if phase in ("supplementary", "final") and last is not None and last.facts_version is not None:
        texts = desk.library.filing_texts
        earlier = earlier_of(tx, ref, last)
        in_form = [Missing(key, label, False) for key, label in questions.items()]
        found = texts.changes(
            language, earlier, facts, (*missing, *in_form), zone=authority.zone if authority else None
        )
        reasons = {one.key: one.because for one in tx.filings.explanations(ref)}
        text = texts.changes_text(language, phase, earlier, found, reasons) + "\n" + text
        subject = f"{subject} – {texts.phase(language, phase)}"
        changes = found.to_json() | ({"because": reason} if reason else {})
    return Composed(
        subject,
        text,
        rendered.html,
        tuple(missing),
        facts,
        scope=scope,
        form=filled.to_json() if filled else {},
        changes=changes,
        bundles=tuple({"incident": one.ref, "obligation": one.row.oid} for one in bundled),
        variants=variants,
    )


def _english(filled: Filled | None, questions: Mapping[str, str]) -> list[str]:
    return [one.label_english for one in (filled.fields if filled else ()) if one.key in questions and not one.value]


def _wordings(
    desk: Desk, ref: str, facts: Facts, own: Rendered, inserts: Sequence[tuple[Insert, Sequence[str]]], *,
    guarded: bool, merged: Mapping[str, Any], asked: Wanted, now: datetime,
) -> tuple[dict[str, Any], list[Missing]]:  # fmt: skip
    """Return the letter's further wordings by key, and what they lack beyond its own text."""
    wanted: list[tuple[str, Insert | None, Sequence[str]]] = [(one.place, one, content) for one, content in inserts]
    if guarded:
        wanted.append((GUARDIAN, None, merged.get("content", ())))
        wanted += [(f"{one.place}{PLUS}{GUARDIAN}", one, content) for one, content in inserts]
    found: dict[str, Any] = {}
    missing: list[Missing] = []
    for key, insert, content in wanted:
        one = desk.library.notices.render(
            "people", own.language, facts=facts, authority=None, incident_ref=ref, on=now, phased=asked.phased,
            obligation={**merged, "content": list(dict.fromkeys(content))}, as_written=asked.as_written,
            insert=insert, guardian=key.endswith(GUARDIAN),
        )  # fmt: skip
        found[key] = {"subject": one.subject, "text": one.text, "html": one.html}
        missing += beyond(one.missing, (*own.missing, *missing))
    return found, missing


def _withdrawal(
    tx: Tx,
    desk: Desk,
    ref: str,
    row: Any,
    facts: Facts,
    authority: Authority | None,
    language: str,
    scope: str,
    *,
    because: str,
) -> Composed:
    reason = checked("--because", because, limit=TEXT_LIMIT)
    if not reason:
        raise InputError("--because: a withdrawal needs its reason; write one sentence the addressee will read")
    texts = desk.library.filing_texts
    last = last_filed(tx, ref, row.oid)
    assert last is not None  # phase_for refused the rest
    earlier = earlier_of(tx, ref, last)
    text = texts.withdrawal(
        language, earlier, facts, authority=authority, addressee=row.addressee_name, ref=ref, because=reason
    )
    subject = f"{texts.phase(language, 'withdrawal')}: {last.ref} ({ref})"
    return Composed(
        subject, text, None, _contact_missing(desk, facts), facts, scope=scope,
        changes={"since": last.ref, "changed": [], "added": [], "open": []},
    )  # fmt: skip


def _answer(
    desk: Desk,
    ref: str,
    row: Any,
    facts: Facts,
    authority: Authority | None,
    language: str,
    answer: str | None,
) -> Composed:
    detail = row.detail or {}
    said = checked("--answer", answer, limit=TEXT_LIMIT)
    if answer is not None and not said:
        raise InputError("--answer: is empty; write the answer, or leave it out to see what is asked")
    texts = desk.library.filing_texts
    text = texts.answer(
        language,
        facts,
        authority=authority,
        addressee=row.addressee_name,
        ref=ref,
        received=parse_instant(detail["clock"]["started_at"]),
        question=detail["question"],
        answer=said,
    )
    missing = _contact_missing(desk, facts)
    if not said:
        missing = (Missing("answer", "the answer to the question (--answer TEXT)", True), *missing)
    return Composed(f"{texts.phase(language, 'answer')} ({ref})", text, None, missing, facts)


def _contact_missing(desk: Desk, facts: Facts) -> tuple[Missing, ...]:
    words = desk.library.notices.wording.words("en")
    values = Values(facts, words, None)
    return tuple(
        Missing(path, words.field(path), True)
        for path in ("organisation.legal_name", "organisation.dpo")
        if not values.value(path)
    )


def _with_others(
    desk: Desk,
    language: str,
    ref: str,
    rendered: Rendered,
    bundled: Sequence[Bundled],
    authority: Authority | None,
    *,
    now: datetime,
    asked: Wanted,
) -> tuple[str, tuple[Missing, ...]]:
    """Return one text for several breaches, each whole, and what the others of them lack."""
    texts = desk.library.filing_texts
    parts = [texts.bundled(language, [ref, *(one.ref for one in bundled)]), "", texts.one_breach(language, ref), ""]
    parts.append(rendered.text)
    missing: list[Missing] = []
    for one in bundled:
        other = desk.library.notices.render(
            one.row.addressee_kind,
            language,
            facts=one.facts,
            obligation=one.row.detail,
            authority=authority,
            incident_ref=one.ref,
            on=now,
            phased=asked.phased,
            as_written=asked.as_written,
        )
        parts += [texts.one_breach(language, one.ref), "", other.text]
        missing += [Missing(f"{one.ref}: {lack.field}", lack.label, lack.required) for lack in other.missing]
    return "\n".join(parts), tuple(missing)
