"""The one-minute lane on a terminal: seven questions for a message that reached one wrong reader."""

from __future__ import annotations

from typing import Any

import typer

from incident_flows.cli import questions
from incident_flows.knowledge.library import Library
from incident_flows.services.quick import REACTIONS, READERS, everyday_facts


def quickly_asked(library: Library) -> dict[str, Any]:
    """Return facts of the everyday case; what it is by definition (a mistake, readable, not lost) is stated."""
    typer.echo("A message that reached one wrong reader. Seven questions; leave empty what is not known.")
    organisation = questions.organisation(library)
    role = questions.choice("Your role", ("controller", "joint-controller", "processor"))
    aware_at = questions.instant("Sure of it since (2026-11-20T18:00:00+01:00)")
    data_kinds = questions.many("Which data", tuple(library.lawbook.words["data_kinds"]))
    reader = questions.choice("Who got it", tuple(READERS))
    reaction = questions.choice("What they did since", tuple(REACTIONS))
    people = _people(library)
    return everyday_facts(
        organisation,
        role=role,
        aware_at=aware_at,
        data_kinds=data_kinds,
        reader=reader,
        reaction=reaction,
        by_place=people.get("by_place"),
        groups=people.get("groups"),
    )


def _people(library: Library) -> dict[str, Any]:
    """Ask whom the data are about: places with counts, and groups, in one line; the places are then all there are."""
    groups = library.lawbook.words["groups"]
    while True:
        answer = str(
            typer.prompt(
                "Whose data: where and how many, and of which groups (ES=3 customers)",
                default="",
                show_default=False,
            )
        )
        by_place: dict[str, int] = {}
        found: list[str] = []
        wrong: list[str] = []
        for word in answer.replace(",", " ").split():
            place, sign, count = word.partition("=")
            if sign and place in library.lawbook.places and count.isdigit():
                by_place[place] = int(count)
            elif word in groups:
                found.append(word)
            else:
                wrong.append(word)
        if not wrong:
            people: dict[str, Any] = {}
            if by_place:
                people["by_place"] = by_place
            if found:
                people["groups"] = found
            return people
        typer.echo(f"{', '.join(wrong)}: write PLACE=COUNT with an ISO code, or a group: {' '.join(groups)}")
