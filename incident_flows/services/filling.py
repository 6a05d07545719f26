"""Fills authorities' forms from the dossier of an incident, and says how complete they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from incident_flows.core.dossier import About, Phase, Standing, dossier_of
from incident_flows.core.facts import Facts
from incident_flows.core.form_text import as_text
from incident_flows.core.forms import Filled, FilledField, fill
from incident_flows.core.lifecycle import effective_status
from incident_flows.knowledge.forms import ENGLISH, LETTER
from incident_flows.knowledge.notice_answers import Missing, is_late
from incident_flows.services.desk import Desk
from incident_flows.storage.database import Tx

CONTENT = "obligation.content"  # one key for each content a law names and a text has no place for
NO_HARM = "no_harm"  # the kind of notice that states such a finding
PORTALS = ("portal", "form", "login")
_ABOUT_THE_SENDER = {"filing", "organisation"}
PHASE_OF: Mapping[str, Phase] = {"supplementary": "supplementary", "results": "final"}


def standing_of(tx: Tx, ref: str) -> Standing:
    """Return what was derived and decided about the risk and about telling the people."""
    risk = tx.incidents.assessment(ref).result["risk"]["level"]
    told = [
        effective_status(row.status, row.decided)
        for row in tx.obligations.list(ref)
        if row.addressee_kind == "people" and row.standing == "live" and row.kind == "law"
    ]
    owed = True if "owed" in told else None if "undetermined" in told or not told else False
    return Standing(risk=None if risk == "undetermined" else risk, people_owed=owed)


def phase_of(desk: Desk, duty: str) -> Phase:
    """Return which of several filings the notice under a duty is, where nothing else says so."""
    return PHASE_OF.get(desk.library.notices.notice_kind(duty), "initial")


def fill_for(
    desk: Desk,
    facts: Facts,
    row: Any,
    *,
    incident: str,
    standing: Standing,
    now: datetime,
    phase: Phase | None = None,
    phased: bool = False,
) -> Filled | None:
    """Return the form an obligation's authority takes, filled in.

    Args:
        row: The obligation.
        phase: Which of several filings; None: what the duty says.
        phased: Whether what the law lets follow may be left open.

    Returns:
        None where the addressee is neither an authority nor the people, or is not known yet; and for a finding
        that no harm is likely, which has no place in a form that reports a breach.
    """
    authority = desk.library.lawbook.authorities.get(row.addressee_id or "")
    forms = desk.library.forms
    if row.addressee_kind == "people":
        return _letter(desk, facts, incident=incident, standing=standing)
    if row.addressee_kind != "authority" or authority is None:
        return None
    if desk.library.notices.notice_kind(row.duty) == NO_HARM:
        return None
    form = forms.form_for(authority.id, row.duty)
    now_phase = phase or phase_of(desk, row.duty)
    about = About(
        authority=authority.id,
        place=authority.region or authority.place,
        cite=row.cite,
        late=is_late(row.detail or {}, now),
        phase=now_phase,
    )
    questions = desk.library.lawbook.dossier
    dossier = dossier_of(
        facts, questions.values(), incident=incident, standing=standing, about=about,
        groups=desk.library.lawbook.groups,
    )
    language = forms.language(form, authority)
    return fill(
        form,
        dossier,
        now_phase,
        fields=questions,
        terms=forms.terms(language, authority.zone),
        english=forms.terms(ENGLISH, authority.zone),
        phased=phased,
        written_in=facts.narrative.language.partition("-")[0] if facts.narrative.language else None,
        translations=_translated(facts, language),
    )


def _translated(facts: Facts, language: str) -> dict[str, str]:
    found = facts.translations.get(language)
    texts = found.model_dump(exclude_none=True, exclude={"language"}) if found else {}
    return {f"narrative.{name}": str(text).strip() for name, text in texts.items() if str(text).strip()}


def open_questions(desk: Desk, filled: Filled | None, *, final: bool = False) -> dict[str, FilledField]:
    """Return the open questions of a form about the breach itself, by their key in the facts.

    Who files and what the organisation is are no facts of the breach, so no notice promises them.

    Args:
        final: Leave out what the form's own term for *not known* answers for good.
    """
    if filled is None:
        return {}
    questions = desk.library.lawbook.dossier
    groups = {
        one.id: {questions[name].group for name in one.ask}
        for one in desk.library.forms.all[filled.form].fields()
    }
    found: dict[str, FilledField] = {}
    for one in filled.fields:
        open_ = one.state in ("unknown", "missing-required") and not (final and one.value)
        if open_ and groups.get(one.id, set()) - _ABOUT_THE_SENDER:
            found.setdefault(one.key, one)
    return found


def _letter(desk: Desk, facts: Facts, *, incident: str, standing: Standing) -> Filled:
    """Return what the letter to the people has to say, as far as it is known."""
    forms, questions = desk.library.forms, desk.library.lawbook.dossier
    english = forms.terms(ENGLISH, None)
    groups = desk.library.lawbook.groups
    dossier = dossier_of(
        facts, questions.values(), incident=incident, standing=standing, about=About(), groups=groups
    )
    return fill(forms.all[LETTER], dossier, "initial", fields=questions, terms=english, english=english)


def open_in_form(form: Mapping[str, Any] | None) -> list[str]:
    """Return the questions of a filled form that nothing answers yet, in English."""
    fields = (form or {}).get("fields") or ()
    return [str(one["label_english"]) for one in fields if one["state"] in ("unknown", "missing-required")]


def with_form(missing: Iterable[Missing], filled: Filled | None) -> tuple[Missing, ...]:
    """Return the missing fields of a notice's text with those of its form, each key once."""
    found = {(one.field, one.label if one.field == CONTENT else ""): one for one in missing}
    for field in filled.fields if filled else ():
        follows = field.may_follow and field.state == "unknown" and not field.value
        if not field.stops and not follows:
            continue
        label = field.label_english if field.state != "too-long" else f"{field.label_english} (too long)"
        known = found.get((field.key, ""), Missing(field.key, label, False))
        found[field.key, ""] = replace(known, required=known.required or field.stops)
    return tuple(found.values())


def to_copy(notice: Any) -> str:
    """Return what a person copies: the form in the portal's order, or the letter, with the form as its annex.

    A form is filled in for one breach: where several are told of, the text says what the others are.
    """
    text = str(notice.text)
    if not notice.form:
        return text
    filled = Filled.model_validate(notice.form)
    if (notice.route or {}).get("kind") in PORTALS and not (notice.route or {}).get("bundles"):
        return as_text(filled)
    return text if filled.generic else f"{text}\n{as_text(filled)}"


def completeness(tx: Tx, desk: Desk, ref: str, *, now: datetime) -> list[dict[str, Any]]:
    """Return, for each authority still to be told or told, how much of what it asks is answered."""
    facts = Facts.model_validate(tx.incidents.facts(ref).facts)
    standing = standing_of(tx, ref)
    rows: list[dict[str, Any]] = []
    for row in tx.obligations.list(ref):
        if row.standing != "live" or effective_status(row.status, row.decided) == "not-owed":
            continue
        if row.reach == "unknown" and row.decided is None:
            continue
        if row.addressee_kind == "people" and any(one["form"] == LETTER for one in rows):
            continue  # all duties to tell the people share one letter
        filled = fill_for(desk, facts, row, incident=ref, standing=standing, now=now)
        if filled is not None:
            rows.append(
                {
                    "obligation": row.oid,
                    "addressee": row.addressee_name,
                    "form": filled.form,
                    "phase": filled.phase,
                    **filled.completeness().to_json(),
                }
            )
    return rows


def dossier_json(tx: Tx, desk: Desk, ref: str) -> dict[str, Any]:
    """Return the incident's dossier: every question answered, unknown, or not applicable."""
    facts = Facts.model_validate(tx.incidents.facts(ref).facts)
    questions = desk.library.lawbook.dossier
    groups = desk.library.lawbook.groups
    found = dossier_of(facts, questions.values(), incident=ref, standing=standing_of(tx, ref), groups=groups)
    return {**found.to_json(), "counts": found.counts()}
