"""Renders notices from facts and templates, and lists every field that is still empty."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from incident_flows.core.facts import Facts
from incident_flows.core.law import Authority
from incident_flows.core.lifecycle import Actor, effective_status
from incident_flows.errors import IllegalTransitionError, InputError, NotFoundError
from incident_flows.services.compose import Composed, compose
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.exact import exact_sha256
from incident_flows.services.phases import FILED, QUESTION, earlier_of, last_filed, phase_for, successor
from incident_flows.services.public_notice import PUBLIC, posted_days, rows_for_public
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
        replaces: The notice withdrawn for it, with its phase.
    """

    notice: Any
    fresh: bool
    fallback: str | None = None
    replaces: str | None = None


@dataclass(frozen=True)
class Skipped:
    """An obligation for which nothing can be drafted, and why."""

    oid: str
    because: str


@dataclass(frozen=True)
class Wanted:
    """What a person asks of a draft beyond the ordinary.

    Attributes:
        language: Instead of the addressee's own.
        phased: Write *not yet known, to follow* where a fact is missing, as phased notices may.
        as_written: Free text in another language than the notice's is accepted as it stands.
        phase: initial, supplementary, final or withdrawal; None for what comes next.
        because: Why a notice is withdrawn.
        answer: To the authority's question.
        bundled: Other incidents the same filing tells of.
        attached: Files that go with it: name and content.
        public: The notice that stands in for letters to people nothing else reaches.
    """

    language: str | None = None
    phased: bool = False
    as_written: bool = False
    phase: str | None = None
    because: str = ""
    answer: str | None = None
    bundled: tuple[str, ...] = ()
    attached: tuple[tuple[str, bytes], ...] = ()
    public: bool = False


def draft(
    desk: Desk,
    ref: str,
    oid: str | None,
    *,
    actor: Actor,
    now: datetime,
    language: str | None = None,
    phased: bool = False,
    more: Wanted | None = None,
) -> tuple[list[Drafted], list[Skipped]]:
    """Draft the notice of one obligation, or of every one that is still to be met.

    Args:
        language: Instead of the addressee's own.
        phased: Write *not yet known, to follow* where a fact is missing, as phased notices may.
        more: What else is asked of it; language and phased then stand in there.
    """
    actor.require("draft")
    asked = more or Wanted(language=language, phased=phased)
    if asked.public and (oid or asked.phase or asked.answer or asked.bundled or asked.attached):
        raise InputError("--public: stands alone, or with --language; what it answers is found by itself")
    if oid is None and (asked.phase or asked.answer or asked.bundled or asked.attached):
        raise InputError("name the obligation: --phase, --answer, --with and --attach are about one notice")
    from incident_flows.services.left_out import languages_left_out

    late = [] if asked.public else languages_left_out(desk, ref)
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        if incident.state == "closed":
            raise IllegalTransitionError(f"{ref} is closed; `breach close {ref} --reopen` opens it again")
        stored = tx.incidents.facts(ref)
        facts = Facts.model_validate(stored.facts)
        drafted: list[Drafted] = []
        skipped: list[Skipped] = []
        found = [] if asked.public else _wanted(tx, ref, oid)
        if asked.phase not in (None, "initial"):
            found = [successor(tx, desk, ref, row) if asked.phase != "withdrawal" else row for row in found]
        if asked.phase is None:
            found = [row for row in found if not _nothing_new(tx, desk, ref, row, facts, skipped)]
        groups = _letters(
            found, skipped, asked=oid is not None, again=asked.phase not in (None, "initial"), late=bool(late)
        )
        if asked.public:
            groups = [list(rows_for_public(tx, desk, ref))]
        for rows in groups:
            kind = kind_of(rows[0], asked)
            languages = _languages(tx, desk, incident.id, rows[0], facts, asked.language, kind=kind)
            if kind == "people" and late and asked.phase is None:
                languages = late
            elif kind == "people" and asked.language is None:
                _withdraw_others(tx, desk, ref, languages, actor=actor, now=now)
            for wanted in languages:
                made = _one(
                    tx, desk, incident, rows, stored, wanted, actor=actor, now=now, asked=asked, late=bool(late)
                )
                drafted.append(made)
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


def _nothing_new(tx: Tx, desk: Desk, ref: str, row: Any, facts: Facts, skipped: list[Skipped]) -> bool:
    """Return whether a supplement was filed and nothing has changed since; then another would say nothing."""
    if row.met_at is not None or row.kind == QUESTION:
        return False
    last = last_filed(tx, ref, row.oid)
    if last is None or last.oid != row.oid or last.facts_version is None or last.scope:
        return False
    changes = desk.library.filing_texts.changes("en", earlier_of(tx, ref, last), facts, (), zone=None)
    if changes.changed or changes.added:
        return False
    skipped.append(
        Skipped(
            row.oid,
            f"nothing has changed since {last.ref}, which left something open: give the facts, or "
            f"`breach draft {ref} {row.oid} --phase final` says that no more will come",
        )
    )
    return True


def _letters(
    rows: list[Any], skipped: list[Skipped], *, asked: bool, again: bool = False, late: bool = False
) -> list[list[Any]]:
    """Return the obligations each notice answers: one apiece, but those to tell the people share one letter.

    Nobody should get two letters about one breach because two laws ask for one. So does a controller get one
    package, though both the law and its contract ask for it.
    """
    found: dict[str, list[Any]] = {}
    for row in rows:
        met = row.met_at is not None and not (late and row.addressee_kind == "people")
        why_not = None if again else _cannot(row, asked=asked, met=met)
        if why_not:
            skipped.append(Skipped(row.oid, why_not))
            continue
        shared = row.addressee_kind == "people" or (row.addressee_kind == "controller" and row.addressee_id)
        found.setdefault(f"{row.addressee_kind} {row.addressee_id}" if shared else row.oid, []).append(row)
    letters = [sorted(one, key=lambda row: row.kind != "law") for one in found.values()]
    return sorted(letters, key=lambda one: one[0].addressee_kind == "people")


def _wanted(tx: Tx, ref: str, oid: str | None) -> list[Any]:
    rows = tx.obligations.list(ref)
    if oid is None:
        return [row for row in rows if row.addressee_kind != "record"]
    found = [row for row in rows if row.oid == oid or row.duty == oid]
    if found and found[0].addressee_kind == "people":
        return [row for row in rows if row.addressee_kind == "people"]
    if found and found[0].addressee_kind == "controller":
        told = {row.addressee_id for row in found}
        return [row for row in rows if row.addressee_kind == "controller" and row.addressee_id in told]
    if not found:
        known = ", ".join(row.oid for row in rows if row.status != "not-owed")[:400]
        raise NotFoundError(f"{ref} has no obligation {oid!r}; it has {known}")
    return found


def _cannot(row: Any, *, asked: bool, met: bool) -> str | None:
    if row.standing != "live":
        return "the present facts no longer give rise to it"
    if met:
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
    tx: Tx, desk: Desk, incident_id: int, row: Any, facts: Facts, language: str | None, *, kind: str
) -> list[str]:
    if language is not None:
        return [language]
    if row.addressee_kind == "authority":
        return list(desk.library.lawbook.authorities[row.addressee_id].languages[:1])
    if kind in ("people", PUBLIC):
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
    incident: Any,
    rows: list[Any],
    stored: Any,
    wanted: str,
    *,
    actor: Actor,
    now: datetime,
    asked: Wanted,
    late: bool,
) -> Drafted:
    ref, row = incident.ref, rows[0]
    kind = kind_of(row, asked)
    known = desk.library.notices.languages(kind)
    language = wanted if wanted in known else FALLBACK_LANGUAGE
    fallback = (
        None if language == wanted else f"no template in {wanted!r}: written in English, to be translated"
    )
    first = asked.public or (kind == "people" and late and asked.phase is None)
    phase = "initial" if first else phase_for(tx, desk, ref, row, asked.phase)
    made = compose(
        tx, desk, ref, rows, stored, language, kind=kind, phase=phase, merged=merged(rows), asked=asked, now=now
    )
    if incident.drill:
        made = marked_as_drill(made)
    attachments = [{"name": name, "sha256": hashlib.sha256(one).hexdigest()} for name, one in asked.attached]
    sha256 = exact_sha256(made.subject, made.text, made.html, made.form, attachments, made.variants)
    older = None
    for notice in tx.notices.list(ref):
        same = notice.oid == row.oid or (kind in ("people", PUBLIC) and notice.kind == kind)
        if not same or (notice.kind == PUBLIC) != (kind == PUBLIC) or notice.language != language:
            continue
        if notice.state in FILED and (phase != "initial" or (kind == "people" and late)):
            continue  # the one before; this is a further one, or for those it did not go to
        if notice.state in UNDER_WAY:
            return Drafted(notice, False, fallback)
        if notice.state in OPEN_STATES:
            if notice.sha256 == sha256 and notice.phase == phase:
                return Drafted(notice, False, fallback)
            older = notice
    was = older.state if older is not None else ""
    if older is not None:
        tx.notices.move(older.id, older.state, "withdrawn")
    authority: Authority | None = desk.library.lawbook.authorities.get(row.addressee_id or "")
    covers = [one.oid for one in rows if kind != PUBLIC or one.addressee_id == PUBLIC]
    route = {**_route(authority, row, made.facts), "covers": covers}
    if kind == PUBLIC:
        route |= {
            "kind": PUBLIC, "text": "publish the page, then record its address with --filed-as",
            "posted_days": posted_days(tx, desk, ref),
        }  # fmt: skip
    if made.bundles:
        route["bundles"] = list(made.bundles)
    notice = tx.notices.add(
        ref,
        oid=row.oid,
        kind=kind,
        phase=phase,
        language=language,
        state="draft" if any(item.required for item in made.missing) else "awaiting-approval",
        subject=made.subject,
        text=made.text,
        html=made.html,
        sha256=sha256,
        missing=[item.to_json() for item in made.missing],
        drafted_by=actor.name,
        drafted_at=now,
        route=route,
        supersedes=older.ref if older else None,
        form=made.form,
        facts_version=stored.version,
        scope=made.scope,
        changes=made.changes,
        attachments=attachments,
        variants=made.variants,
    )
    for one, (_, content) in zip(attachments, asked.attached, strict=True):
        sealed = desk.vault.seal(incident.wrapped_key, ref, f"attachment:{notice.ref}:{one['sha256']}", content)
        tx.filings.attach(notice.id, name=one["name"], sha256=one["sha256"], sealed=sealed)
    said = {
        "obligation": row.oid,
        "covers": covers,
        "sha256": sha256,
        "phase": phase,
        "language": language,
        "state": notice.state,
        "missing": [item.field for item in made.missing],
        "supersedes": older.ref if older else None,
        "fallback": fallback,
        "phased": asked.phased,
        **({"as_written": True} if asked.as_written else {}),
        **({"bundles": list(made.bundles)} if made.bundles else {}),
        **({"variants": sorted(made.variants)} if made.variants else {}),
        **({"since": made.changes["since"]} if made.changes else {}),
    }
    write_journal(
        tx, desk, at=now, actor=actor.name, act="drafted", ref=ref, subject=notice.ref, payload=said
    )
    for other in made.bundles:
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor.name,
            act="bundled",
            ref=other["incident"],
            subject=other["obligation"],
            payload={"told_in": ref, "notice": notice.ref, "sha256": sha256},
        )
    return Drafted(notice, True, fallback, f"{older.ref} ({older.phase}, {was})" if older else None)


def kind_of(row: Any, asked: Wanted) -> str:
    """Return what kind of notice an obligation is answered by."""
    return PUBLIC if asked.public or row.addressee_id == PUBLIC else str(row.addressee_kind)


def marked_as_drill(rendered: Composed) -> Composed:
    """Return a notice that nobody can take for a real one."""
    return replace(
        rendered,
        subject=f"{DRILL} {rendered.subject}",
        text=f"{DRILL_LINE}\n\n{rendered.text}",
        html=_with_drill_line(rendered.html),
        variants={
            key: {
                "subject": f"{DRILL} {one['subject']}",
                "text": f"{DRILL_LINE}\n\n{one['text']}",
                "html": _with_drill_line(one["html"]),
            }
            for key, one in rendered.variants.items()
        },
    )


def _with_drill_line(html: str | None) -> str | None:
    return None if html is None else html.replace("<body>", f"<body><p>{DRILL_LINE}</p>", 1)


def merged(rows: list[Any]) -> dict[str, Any]:
    """Return the obligation a notice is rendered for; several are one, with all their articles and contents."""
    found = dict(rows[0].detail or {})
    found["cite"] = "; ".join(dict.fromkeys(row.cite for row in rows if row.cite))
    found["content"] = list(
        dict.fromkeys(item for row in rows for item in (row.detail or {}).get("content", []))
    )
    return found


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
