"""Who must be told: competence rules of the authority directory, applied to one situation. Pure.

The rules are data (`playbooks/authorities/schemes.yaml` and each authority's `competence`); this module
only follows them. Where they lead to nobody in particular, the addressee stays open and says what is
missing; it is never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from incident_flows.core.conditions import evaluate
from incident_flows.core.law import Authority, Lawbook, Regime, Scheme, SchemeRoute, To
from incident_flows.core.situation import Situation
from incident_flows.core.truth import YES, Outcome, Truth, unknown

UNSTATED = (
    "organisation.statuses is not recorded: a public body, church or other body of "
    "special status may answer to "
    "another authority"
)
PEOPLE_NAMES = {
    "people": "the people affected",
    "controller": "the controller",
    "record": "the organisation's own record",
}


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a notice is for.

    Attributes:
        kind: authority, people, controller, record or other.
        id: Directory id; None while the addressee is not known.
        name: What people call it.
        zone: Whose wall clock ends its days; None if nobody's is known.
        calendar: Whose open days count, such as DE-BW.
        key: The part of an obligation's id after the @.
        known: Yes, or unknown with the facts that would tell.
        candidates: Ids of the authorities it may turn out to be.
        because: Sentences on how it was found.
    """

    kind: str
    id: str | None
    name: str
    zone: str | None
    key: str
    calendar: str | None = None
    known: Outcome = YES
    candidates: tuple[str, ...] = ()
    because: tuple[str, ...] = field(default=())


def addressees_for(to: To, *, regime: Regime, lawbook: Lawbook, situation: Situation) -> list[Addressee]:
    """Return everybody a duty's notice goes to in this situation; at least one, perhaps not yet known."""
    if to.kind != "authority":
        return _others(to, regime, lawbook, situation)
    if to.id is not None:
        return [_authority(lawbook.authorities[to.id])]
    assert to.scheme is not None
    scheme = lawbook.schemes[to.scheme]
    if situation.facts.organisation.statuses is not None:
        return _by_scheme(scheme, to.scheme, lawbook, situation)
    # A special authority's competence follows from a special status (public body, church, Union institution).
    # Unstated, the general authority is told and the doubt said: telling nobody would help nobody.
    found = _by_scheme(scheme, to.scheme, lawbook, _without_status(situation))
    return [replace(one, because=(*one.because, UNSTATED)) for one in found]


def _without_status(situation: Situation) -> Situation:
    facts = situation.facts
    organisation = facts.organisation.model_copy(update={"statuses": ()})
    return replace(situation, facts=facts.model_copy(update={"organisation": organisation}))


def _others(to: To, regime: Regime, lawbook: Lawbook, situation: Situation) -> list[Addressee]:
    zone = regime.zone or lawbook.zones.get(regime.place) or lawbook.general_zones.get(regime.place)
    if to.kind == "controller":
        partners = situation.facts.organisation.controllers
        if partners:
            return [
                Addressee(
                    "controller",
                    partner.id,
                    partner.name,
                    zone,
                    f"controller-{partner.id}",
                    because=(f"it works for {partner.name}",),
                )
                for partner in partners
                if to.id in (None, partner.id)
            ]
    name = to.name or PEOPLE_NAMES.get(to.kind, to.id or to.kind)
    return [Addressee(to.kind, to.id, name, zone, to.id or to.kind, calendar=regime.place)]


def _authority(authority: Authority, *because: str) -> Addressee:
    return Addressee(
        "authority",
        authority.id,
        authority.name,
        authority.zone,
        authority.id,
        calendar=authority.calendar or authority.region or authority.place,
        because=because,
    )


def _by_scheme(scheme: Scheme, name: str, lawbook: Lawbook, situation: Situation) -> list[Addressee]:
    open_for: list[str] = []
    for route, condition in scheme.ways:
        outcome = YES if condition is None else evaluate(condition, situation)
        if outcome.truth is Truth.UNKNOWN:
            open_for.extend(word for word in outcome.missing if word not in open_for)
            continue
        if outcome.truth is Truth.YES:
            if open_for:
                break  # an earlier way may be the right one: do not guess
            found = _along(route, scheme, name, lawbook, situation)
            return [replace(one, because=(*one.because, f"{route.because} ({route.cite})")) for one in found]
    missing = tuple(open_for) or ("organisation.establishments",)
    return [_open(scheme, lawbook, unknown(*missing))]


def _open(
    scheme: Scheme,
    lawbook: Lawbook,
    why: Outcome,
    *,
    place: str | None = None,
    candidates: tuple[Authority, ...] = (),
) -> Addressee:
    zones = {one.zone for one in candidates}
    called = (
        scheme.undetermined
        if place is None
        else f"{scheme.undetermined} ({lawbook.places.get(place, place)})"
    )
    return Addressee(
        "authority",
        None,
        called,
        zones.pop() if len(zones) == 1 else None,
        f"{place.lower()}-undetermined" if place else "undetermined",
        known=why,
        candidates=tuple(one.id for one in candidates),
    )


def _along(
    route: SchemeRoute, scheme: Scheme, name: str, lawbook: Lawbook, situation: Situation
) -> list[Addressee]:
    if route.by == "place":
        return [
            _competent(route.place or scheme.area, scheme, name, lawbook, situation, "organisation.statuses")
        ]
    if route.by == "residence":
        return _where_people_live(scheme, name, lawbook, situation)
    spots = [
        spot
        for spot in situation.facts.organisation.establishments or ()
        if situation.inside(spot.place, scheme.area)
    ]
    path = "organisation.establishments"
    if route.by == "main-establishment" and len(spots) > 1:
        main = [spot for spot in spots if spot.main]
        if len(main) != 1:
            authorities = [_competent(spot.place, scheme, name, lawbook, situation, path) for spot in spots]
            ids = tuple(
                dict.fromkeys(id_ for one in authorities for id_ in ((one.id,) if one.id else one.candidates))
            )
            return [
                _open(
                    scheme,
                    lawbook,
                    unknown(f"{path}.main"),
                    candidates=tuple(lawbook.authorities[id_] for id_ in ids),
                )
            ]
        spots = main
    found = [_competent(spot.place, scheme, name, lawbook, situation, path) for spot in spots]
    return list({one.key: one for one in found}.values())


def _where_people_live(scheme: Scheme, name: str, lawbook: Lawbook, situation: Situation) -> list[Addressee]:
    by_place = situation.facts.people.by_place or {}
    codes = [code for code, count in by_place.items() if count and situation.inside(code, scheme.area)]
    path = "people.by_place"
    found = [_competent(code, scheme, name, lawbook, situation, path) for code in codes]
    least, most = situation.people_count(scheme.area)
    if most is None or most > least:
        missing = "people.total" if by_place and situation.facts.people.total is None else path
        found.append(_open(scheme, lawbook, unknown(missing)))
    unique = {one.key: one for one in found}
    return list(unique.values()) or [_open(scheme, lawbook, unknown(path))]


def _competent(
    place: str, scheme: Scheme, name: str, lawbook: Lawbook, situation: Situation, path: str
) -> Addressee:
    """Return the one authority competent for `place`, or an open addressee with the candidates."""
    here: list[tuple[int, Authority]] = []
    narrower: list[tuple[int, Authority]] = []
    special: list[Authority] = []
    perhaps: list[Authority] = []
    missing: list[str] = []
    for authority, claim, inside in lawbook.competent_near(name, place):
        if claim.condition is None:
            (here if inside else narrower).append((len(claim.place), authority))
            continue
        outcome = evaluate(claim.condition, situation)
        if outcome.truth is Truth.UNKNOWN:
            perhaps.append(authority)
            missing.extend(word for word in outcome.missing if word not in missing)
        elif outcome.truth is Truth.YES and inside:
            special.append(authority)
        elif outcome.truth is Truth.YES:
            narrower.append((len(claim.place), authority))
    if len(special) == 1 and not perhaps:
        return _authority(special[0])
    longest = max((length for length, _ in here), default=0)
    general = [authority for length, authority in here if length == longest]
    if not special and not perhaps and len(general) == 1 and not narrower_only(general, narrower):
        return _authority(general[0])
    candidates = {one.id: one for one in (*special, *perhaps, *(general or [one for _, one in narrower]))}
    return _open(
        scheme, lawbook, unknown(*(missing or [path])), place=place, candidates=tuple(candidates.values())
    )


def narrower_only(general: list[Authority], narrower: list[tuple[int, Authority]]) -> bool:
    """Return whether only narrower places have an authority, so that the place given is too wide."""
    return not general and bool(narrower)
