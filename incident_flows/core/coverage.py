"""Places of a breach of which the lawbook knows nothing, so that silence is never read as law. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from incident_flows.core.conditions import evaluate
from incident_flows.core.facts import CountRange, Establishment, Facts, Organisation, People
from incident_flows.core.law import Lawbook
from incident_flows.core.reach import ESTABLISHED, PEOPLE
from incident_flows.core.situation import Situation
from incident_flows.core.truth import Truth


@dataclass(frozen=True, slots=True)
class Gap:
    """A place that no regime of the lawbook speaks of.

    Attributes:
        place: Its code.
        because: What was looked for, and what to do.
    """

    place: str
    because: str


def not_covered(situation: Situation, lawbook: Lawbook) -> list[Gap]:
    """Return the places where people live or the organisation sits that no regime reaches by itself.

    A regime for special bodies only (a hospital, a listed company) covers no place: whether it applies or
    not, the ordinary law of the place stays unknown. A row saying *no duty* does cover it.
    """
    people = [code for code, count in (situation.facts.people.by_place or {}).items() if count]
    spots = [spot.place for spot in situation.facts.organisation.establishments or ()]
    found = []
    for code in dict.fromkeys((*people, *spots)):
        ties = [kind for kind, codes in ((PEOPLE, people), (ESTABLISHED, spots)) if code in codes]
        if any(_covers(kind, code, situation.as_of, lawbook) for kind in ties):
            continue
        who = (
            "people live"
            if ties == [PEOPLE]
            else "the organisation is established"
            if ties == [ESTABLISHED]
            else ("people live and the organisation is established")
        )
        found.append(
            Gap(
                code,
                (
                    f"{who} in {lawbook.places.get(code, code)}, and no general law of that place as of "
                    f"{situation.as_of.isoformat()} is in this lawbook: a gap, not an answer; ask counsel "
                    "there"
                ),
            )
        )
    return found


def _covers(kind: str, code: str, day: date, lawbook: Lawbook) -> bool:
    key = (kind, code, day)
    if key not in lawbook.covered:
        lawbook.covered[key] = _is_covered(kind, code, day, lawbook)
    return lawbook.covered[key]


def _is_covered(kind: str, code: str, day: date, lawbook: Lawbook) -> bool:
    lives = kind == PEOPLE
    organisation = Organisation(
        id="anybody",
        establishments=() if lives else (Establishment(place=code, main=True),),
        statuses=(),
        sectors=(),
        markets=(code,),
    )
    people = People(total=CountRange(at_least=int(lives), at_most=int(lives)), by_place={code: int(lives)})
    ordinary = Situation(
        Facts(organisation=organisation, role="controller", people=people), lawbook.groups, day
    )
    return any(
        evaluate(regime.reach, ordinary).truth is not Truth.NO
        and any(duty.version_on(day) is not None for duty in regime.duties.values())
        for regime in (lawbook.regimes[id_] for id_ in sorted(lawbook.reach_index.worth_asking(ordinary)))
    )
