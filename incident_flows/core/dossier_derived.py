"""Answers of the dossier that follow from several facts: one rule each, by the name the data call it.

A rule answers a plain value, None where it is not known, or `NotApplicable` with the reason. No rule
guesses: where a fact leaves it open, so does the rule. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from incident_flows.core.dossier import About, NotApplicable, Rule, Standing
from incident_flows.core.facts import Contact, Facts

# What the scenario words of facts files say about the way a breach came about; others say nothing.
CATEGORY: Mapping[str, str] = {
    "stolen-device": "device-stolen",
    "misdirected-mail": "wrong-recipient",
    "database-leak": "unauthorised-access",
    "credential-stuffing": "unauthorised-access",
    "insider": "unauthorised-access",
    "public-exposure": "publication",
    "ransomware": "ransomware",
}
SPECIAL = frozenset(
    (
        "health", "health-insurance", "biometric", "genetic", "sex-life", "ethnicity", "religion",
        "political-opinion", "trade-union",
    )
)  # fmt: skip
VULNERABLE = frozenset(("children", "patients", "vulnerable"))


def _establishment(facts: Facts, standing: Standing, about: About) -> Any:
    spots = facts.organisation.establishments
    if not spots:
        return None
    return next((spot for spot in spots if spot.main), spots[0] if len(spots) == 1 else None)


def _address(facts: Facts, standing: Standing, about: About) -> Any:
    spot = _establishment(facts, standing, about)
    return spot.address if spot is not None else None


def _country(facts: Facts, standing: Standing, about: About) -> Any:
    spot = _establishment(facts, standing, about)
    return spot.place if spot is not None else None


def _usable(contact: Contact | None) -> bool:
    return bool(contact and not contact.placeholder and contact.name and (contact.email or contact.phone))


def _contact(facts: Facts, standing: Standing, about: About) -> Any:
    organisation = facts.organisation
    return next((one for one in (organisation.dpo, *organisation.contacts) if _usable(one)), None)


def _dpo(facts: Facts, standing: Standing, about: About) -> Any:
    return facts.organisation.dpo if _usable(facts.organisation.dpo) else None


def _contact_part(part: str) -> Rule:
    def rule(facts: Facts, standing: Standing, about: About) -> Any:
        found = _contact(facts, standing, about)
        return getattr(found, part) if found is not None else None

    return rule


def _representatives(facts: Facts, standing: Standing, about: About) -> Any:
    named = facts.organisation.representatives
    if named is None:
        return None
    if not named:
        return NotApplicable("no representative is named")
    return [contact for _, contact in sorted(named.items()) if _usable(contact)] or None


def _processors(facts: Facts, standing: Standing, about: About) -> Any:
    """None where there are some: that the organisation uses one does not involve it in this breach."""
    return NotApplicable("there are no processors") if facts.organisation.processors == () else None


def _partners(role: str) -> Rule:
    def rule(facts: Facts, standing: Standing, about: About) -> Any:
        partners = getattr(facts.organisation, role)
        if partners is None:
            return None
        return [one.name for one in partners] or NotApplicable(f"there are no {role}")

    return rule


def _late(facts: Facts, standing: Standing, about: About) -> Any:
    return about.late


def _lateness_reason(facts: Facts, standing: Standing, about: About) -> Any:
    reasons = facts.narrative.delay_reasons
    if reasons:
        return reasons
    return NotApplicable("the notice is not late") if about.late is False else None


def _phase(facts: Facts, standing: Standing, about: About) -> Any:
    return about.phase


def _cite(facts: Facts, standing: Standing, about: About) -> Any:
    return about.cite


def _reference(facts: Facts, standing: Standing, about: About) -> Any:
    known = facts.references.get(about.authority or "")
    if known:
        return known
    if about.authority not in facts.moments.authority_told_at and about.phase == "initial":
        return NotApplicable("nothing was filed there before")
    return None


def _told_before_at(facts: Facts, standing: Standing, about: About) -> Any:
    told = facts.moments.authority_told_at.get(about.authority or "")
    return told or (NotApplicable("nothing was filed there before") if about.phase == "initial" else None)


def _elsewhere(facts: Facts, standing: Standing, about: About) -> Any:
    """People outside the addressee's country, by place."""
    places = facts.people.by_place
    if not places or about.place is None:
        return None
    home = about.place.split("-")[0]
    found = {code: count for code, count in places.items() if code.split("-")[0] != home and count}
    return found if found or _all_placed(facts) else None


def _cross_border(facts: Facts, standing: Standing, about: About) -> Any:
    places = facts.people.by_place
    if places is None:
        return None
    if len({code.split("-")[0] for code, count in places.items() if count}) > 1:
        return True
    return False if _all_placed(facts) else None


def _all_placed(facts: Facts) -> bool:
    """Whether the places are known to hold everybody."""
    total = facts.people.total
    return total is not None and total.at_most == sum((facts.people.by_place or {}).values())


def _by_place(facts: Facts, standing: Standing, about: About) -> Any:
    places = facts.people.by_place
    return {code: count for code, count in places.items() if count} or None if places else None


def _people_there(facts: Facts, standing: Standing, about: About) -> Any:
    """People living in the addressee's place; None while some may live there or elsewhere."""
    people = facts.people
    if people.by_place is None or about.place is None:
        return None
    wider = any(about.place.startswith(f"{code}-") and count for code, count in people.by_place.items())
    inside = sum(
        count
        for code, count in people.by_place.items()
        if code == about.place or code.startswith(f"{about.place}-")
    )
    placed = sum(people.by_place.values())
    whole = people.total is not None and people.total.at_most == placed
    return inside if not wider and (whole or inside) else None


def _intentional(facts: Facts, standing: Standing, about: About) -> Any:
    cause = facts.breach.cause
    return None if cause is None else cause.startswith("malicious")


def _origin(facts: Facts, standing: Standing, about: About) -> Any:
    """Inside or outside, where the cause says so; a mistake may be a processor's."""
    return {"malicious-insider": "internal", "malicious-outsider": "external"}.get(facts.breach.cause or "")


def _category(facts: Facts, standing: Standing, about: About) -> Any:
    return CATEGORY.get(facts.breach.scenario or "")


def _kind(kind: str) -> Rule:
    def rule(facts: Facts, standing: Standing, about: About) -> Any:
        kinds = facts.breach.kinds
        return None if kinds is None else kind in kinds

    return rule


def _special(facts: Facts, standing: Standing, about: About) -> Any:
    kinds = facts.data.kinds
    return None if kinds is None else bool(SPECIAL.intersection(kinds))


def _has(*wanted: str) -> Rule:
    def rule(facts: Facts, standing: Standing, about: About) -> Any:
        kinds = facts.data.kinds
        return None if kinds is None else bool(set(wanted).intersection(kinds))

    return rule


def _key(facts: Facts, standing: Standing, about: About) -> Any:
    data = facts.data
    if data.protection is None:
        return None
    if data.protection != "encrypted":
        return NotApplicable("the data were not encrypted")
    return {True: "exposed", False: "safe", None: "unknown"}[data.key_exposed]


def _unintelligible(facts: Facts, standing: Standing, about: About) -> Any:
    data = facts.data
    if data.protection is None:
        return None
    if data.protection != "encrypted":
        return False if data.protection == "none" else None
    return None if data.key_exposed is None else not data.key_exposed


def _group(*wanted: str) -> Rule:
    """Yes if one of the groups is named; never no, for the customers who are named may be children too."""

    def rule(facts: Facts, standing: Standing, about: About) -> Any:
        return True if set(wanted).intersection(facts.people.groups or ()) else None

    return rule


def _risk(facts: Facts, standing: Standing, about: About) -> Any:
    return "high-risk" if standing.risk == "high" else standing.risk


def _people_told(facts: Facts, standing: Standing, about: About) -> Any:
    if facts.moments.people_told_at is not None:
        return "told"
    if standing.people_owed is None:
        return None
    return "will-be-told" if standing.people_owed else "not-told"


def _people_told_at(facts: Facts, standing: Standing, about: About) -> Any:
    if facts.moments.people_told_at is not None:
        return facts.moments.people_told_at
    return NotApplicable("the people need not be told") if standing.people_owed is False else None


def _others_told(facts: Facts, standing: Standing, about: About) -> Any:
    told = {key: when for key, when in facts.moments.authority_told_at.items() if key != about.authority}
    return sorted(told) or NotApplicable("no other authority has been told so far")


def _measure(word: str) -> Rule:
    def rule(facts: Facts, standing: Standing, about: About) -> Any:
        measures = facts.harm.measures
        return None if measures is None else (word in measures or None)

    return rule


def _hold(facts: Facts, standing: Standing, about: About) -> Any:
    return True if facts.holds else None


RULES: Mapping[str, Rule] = {
    "address": _address,
    "availability": _kind("availability"),
    "breach_category": _category,
    "by_place": _by_place,
    "children": _group("children"),
    "cite": _cite,
    "confidentiality": _kind("confidentiality"),
    "contact": _contact,
    "contact_email": _contact_part("email"),
    "contact_name": _contact_part("name"),
    "contact_phone": _contact_part("phone"),
    "controllers": _partners("controllers"),
    "country": _country,
    "cross_border": _cross_border,
    "dpo": _dpo,
    "elsewhere": _elsewhere,
    "first_notice_at": _told_before_at,
    "hold": _hold,
    "integrity": _kind("integrity"),
    "intentional": _intentional,
    "key": _key,
    "late": _late,
    "lateness_reason": _lateness_reason,
    "monitoring_offered": _measure("monitoring-offered"),
    "origin": _origin,
    "others_told": _others_told,
    "people_there": _people_there,
    "people_told": _people_told,
    "people_told_at": _people_told_at,
    "phase": _phase,
    "police_informed": _measure("police-informed"),
    "processors": _processors,
    "reference": _reference,
    "representatives": _representatives,
    "risk": _risk,
    "special_categories": _special,
    "ssn": _has("ssn"),
    "unintelligible": _unintelligible,
    "vulnerable": _group(*VULNERABLE),
}
