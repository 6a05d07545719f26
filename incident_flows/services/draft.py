"""Renders notices from facts and templates, and lists every field that is still empty."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from incident_flows.core.facts import Facts
from incident_flows.core.law import Authority
from incident_flows.core.lifecycle import Actor, effective_status
from incident_flows.errors import IllegalTransitionError, NotFoundError
from incident_flows.knowledge.notices import Notices, Rendered
from incident_flows.services.desk import Desk, write_journal
from incident_flows.storage.database import Tx

OPEN_STATES = ("draft", "awaiting-approval", "approved")
UNDER_WAY = ("sending", "sent", "filed", "in-doubt", "failed")  # a second text would be a second notice
FALLBACK_LANGUAGE = "en"
DRILL = "DRILL ·"
DRILL_LINE = "DRILL: this is an exercise. Nothing has happened, and nobody needs to do anything."


@dataclass(frozen=True)
class Drafted:
    """One notice as it now stands.

    Attributes:
        notice: The stored row.
        fresh: Whether this text is new; False if it had been drafted before, word for word.
        fallback: Why it is not in the language wanted, if it is not.
    """

    notice: Any
    fresh: bool
    fallback: str | None = None


@dataclass(frozen=True)
class Skipped:
    """An obligation for which nothing can be drafted, and why."""

    oid: str
    because: str


def text_sha256(subject: str, text: str, html: str | None) -> str:
    """Return the hash approvals are given for: subject, plain text and HTML, nothing else."""
    exact = json.dumps([subject, text, html], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(exact.encode()).hexdigest()


def draft(
    desk: Desk,
    ref: str,
    oid: str | None,
    *,
    actor: Actor,
    now: datetime,
    language: str | None = None,
    phased: bool = False,
) -> tuple[list[Drafted], list[Skipped]]:
    """Draft the notice of one obligation, or of every one that is still to be met.

    Args:
        language: Instead of the addressee's own.
        phased: Write *not yet known, to follow* where a fact is missing, as phased notices may.
    """
    actor.require("draft")
    notices = desk.library.notices
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        if incident.state == "closed":
            raise IllegalTransitionError(f"{ref} is closed; `breach close {ref} --reopen` opens it again")
        facts = Facts.model_validate(tx.incidents.facts(ref).facts)
        drafted: list[Drafted] = []
        skipped: list[Skipped] = []
        for rows in _letters(_wanted(tx, ref, oid), skipped, asked=oid is not None):
            languages = _languages(tx, desk, incident.id, rows[0], facts, language)
            if rows[0].addressee_kind == "people" and language is None:
                _withdraw_others(tx, desk, ref, languages, actor=actor, now=now)
            for wanted in languages:
                drafted.append(
                    _one(tx, desk, notices, ref, rows, facts, wanted, actor=actor, now=now, phased=phased)
                )
        desk.reached("draft:before-commit")
    return drafted, skipped


def _withdraw_others(
    tx: Tx, desk: Desk, ref: str, languages: Iterable[str], *, actor: Actor, now: datetime
) -> None:
    """Withdraw drafts of the letter in languages that nobody reads, by what is now known of the people.

    Such a draft would stand in the way for good: the people count as told when every letter is out.
    """
    known = set(desk.library.notices.languages("people"))
    wanted = {one if one in known else FALLBACK_LANGUAGE for one in languages}
    for notice in tx.notices.list(ref):
        if notice.kind == "people" and notice.state in OPEN_STATES and notice.language not in wanted:
            tx.notices.move(notice.id, notice.state, "withdrawn")
            write_journal(
                tx, desk, at=now, actor=actor.name, act="withdrawn", ref=ref, subject=notice.ref,
                payload={"because": f"by the facts as now known nobody is written to in {notice.language}"},
            )  # fmt: skip


def _letters(rows: list[Any], skipped: list[Skipped], *, asked: bool) -> list[list[Any]]:
    """Return the obligations each notice answers: one apiece, but all duties to tell the people share one letter.

    Nobody should get two letters about one breach because two laws ask for one.
    """
    found: list[list[Any]] = []
    people: list[Any] = []
    for row in rows:
        why_not = _cannot(row, asked=asked)
        if why_not:
            skipped.append(Skipped(row.oid, why_not))
        elif row.addressee_kind == "people":
            people.append(row)
        else:
            found.append([row])
    return [*found, people] if people else found


def _wanted(tx: Tx, ref: str, oid: str | None) -> list[Any]:
    rows = tx.obligations.list(ref)
    if oid is None:
        return [row for row in rows if row.addressee_kind != "record"]
    found = [row for row in rows if row.oid == oid or row.duty == oid]
    if found and found[0].addressee_kind == "people":
        return [row for row in rows if row.addressee_kind == "people"]
    if not found:
        known = ", ".join(row.oid for row in rows if row.status != "not-owed")[:400]
        raise NotFoundError(f"{ref} has no obligation {oid!r}; it has {known}")
    return found


def _cannot(row: Any, *, asked: bool) -> str | None:
    if row.standing != "live":
        return "the present facts no longer give rise to it"
    if row.met_at is not None:
        return f"met by {row.met_by}"
    if effective_status(row.status, row.decided) == "not-owed":
        return "not owed"
    if row.addressee_kind == "authority" and row.addressee_id is None:
        missing = ", ".join((row.detail or {}).get("missing", []))
        return f"the authority is not known yet: answer {missing}"
    if row.reach == "unknown" and row.decided is None and not asked:
        return "it is not known whether this law applies: answer the questions first"
    return None


def _languages(
    tx: Tx, desk: Desk, incident_id: int, row: Any, facts: Facts, language: str | None
) -> list[str]:
    if language is not None:
        return [language]
    if row.addressee_kind == "authority":
        return list(desk.library.lawbook.authorities[row.addressee_id].languages[:1])
    if row.addressee_kind == "people":
        return people_languages(tx, desk, incident_id, facts)
    return list(facts.organisation.languages[:1]) or [FALLBACK_LANGUAGE]


def people_languages(tx: Tx, desk: Desk, incident_id: int, facts: Facts) -> list[str]:
    """Return the languages letters are needed in: the recipients' own, else those of where they live."""
    known = set(desk.library.notices.languages("people"))
    wanted = {chosen(language, place, known, desk) for language, place in tx.people.languages(incident_id)}
    if not wanted:
        wanted = {chosen(None, place, known, desk) for place in facts.people.by_place or {}}
    return sorted(wanted) or [FALLBACK_LANGUAGE]


def chosen(language: str | None, place: str | None, known: Iterable[str], desk: Desk) -> str:
    """Return the language a person is written to in: their own, else their place's, else English."""
    known = set(known)
    candidates = [language] if language else []
    if not language and place:
        candidates = [
            spoken
            for authority in desk.library.lawbook.authorities.values()
            if authority.place == place.split("-")[0] and authority.scope == "general"
            for spoken in authority.languages[:1]
        ]
    return next((spoken for spoken in candidates if spoken in known), FALLBACK_LANGUAGE)


def _one(
    tx: Tx,
    desk: Desk,
    notices: Notices,
    ref: str,
    rows: list[Any],
    facts: Facts,
    wanted: str,
    *,
    actor: Actor,
    now: datetime,
    phased: bool,
) -> Drafted:
    row = rows[0]
    known = notices.languages(row.addressee_kind)
    language = wanted if wanted in known else FALLBACK_LANGUAGE
    fallback = (
        None if language == wanted else f"no template in {wanted!r}: written in English, to be translated"
    )
    authority: Authority | None = desk.library.lawbook.authorities.get(row.addressee_id or "")
    rendered: Rendered = notices.render(
        row.addressee_kind,
        language,
        facts=facts,
        obligation=_merged(rows),
        authority=authority,
        incident_ref=ref,
        on=now,
        phased=phased,
    )
    if tx.incidents.get(ref).drill:
        rendered = marked_as_drill(rendered)
    sha256 = text_sha256(rendered.subject, rendered.text, rendered.html)
    older = None
    for notice in tx.notices.list(ref):
        same = notice.kind == "people" if row.addressee_kind == "people" else notice.oid == row.oid
        if same and notice.language == language and notice.state in UNDER_WAY:
            return Drafted(notice, False, fallback)
        if same and notice.language == language and notice.state in OPEN_STATES:
            if notice.sha256 == sha256:
                return Drafted(notice, False, fallback)
            older = notice
    if older is not None:
        tx.notices.move(older.id, older.state, "withdrawn")
    required = [item.to_json() for item in rendered.missing]
    stops = any(item.required for item in rendered.missing)
    notice = tx.notices.add(
        ref,
        oid=row.oid,
        kind=row.addressee_kind,
        phase="initial",
        language=language,
        state="draft" if stops else "awaiting-approval",
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        sha256=sha256,
        missing=required,
        drafted_by=actor.name,
        drafted_at=now,
        route={**_route(authority, row, facts), "covers": [one.oid for one in rows]},
        supersedes=older.ref if older else None,
    )
    write_journal(
        tx,
        desk,
        at=now,
        actor=actor.name,
        act="drafted",
        ref=ref,
        subject=notice.ref,
        payload={
            "obligation": row.oid,
            "covers": [one.oid for one in rows],
            "sha256": sha256,
            "language": language,
            "state": notice.state,
            "missing": [item.field for item in rendered.missing],
            "supersedes": older.ref if older else None,
            "fallback": fallback,
            "phased": phased,
        },
    )
    return Drafted(notice, True, fallback)


def marked_as_drill(rendered: Rendered) -> Rendered:
    """Return a notice that nobody can take for a real one."""
    return replace(
        rendered,
        subject=f"{DRILL} {rendered.subject}",
        text=f"{DRILL_LINE}\n\n{rendered.text}",
        html=None if rendered.html is None else rendered.html.replace("<body>", f"<body><p>{DRILL_LINE}</p>", 1),
    )


def _merged(rows: list[Any]) -> dict[str, Any]:
    """Return the obligation a notice is rendered for; several are one, with all their articles and contents."""
    merged = dict(rows[0].detail or {})
    merged["cite"] = "; ".join(dict.fromkeys(row.cite for row in rows if row.cite))
    merged["content"] = list(
        dict.fromkeys(item for row in rows for item in (row.detail or {}).get("content", []))
    )
    return merged


def _route(authority: Authority | None, row: Any, facts: Facts) -> dict[str, Any]:
    """Return how the notice may leave: the authority's route, or the controller's contact; never a placeholder."""
    if authority is not None:
        return authority.route.model_dump(mode="json", exclude_none=True)
    if row.addressee_kind == "controller":
        for partner in facts.organisation.controllers or ():
            if partner.id == row.addressee_id and partner.contact and not partner.contact.placeholder:
                return {"kind": "email", "text": "the contract's contact", "email": partner.contact.email}
    if row.addressee_kind == "people":
        return {"kind": "people", "text": "one letter each to the recipients of this incident"}
    return {
        "kind": "unknown",
        "text": "no route is known: tell them by other means and record it with --filed-as",
    }
