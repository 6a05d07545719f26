"""Opening an incident by questions on a terminal: the few that decide most; *don't know* is an answer."""

from __future__ import annotations

from typing import Any

import typer

from incident_flows.core.facts import Breach, Data
from incident_flows.core.instants import parse_instant
from incident_flows.knowledge.library import Library

UNKNOWN = ""


def asked(library: Library) -> dict[str, Any]:
    """Return facts from a person's answers; what they leave empty stays unknown."""
    typer.echo("Leave empty what is not known: unknown is an answer, and its clock runs all the same.")
    facts: dict[str, Any] = {"format": 1, "organisation": organisation(library)}
    put(facts, "title", typer.prompt("What happened, in a few words", default=UNKNOWN, show_default=False))
    put(facts, "role", choice("Your role", ("controller", "joint-controller", "processor")))
    moments: dict[str, Any] = {}
    put(moments, "detected_at", instant("First noticed at (2026-11-20T18:00:00+01:00)"))
    put(moments, "aware_at", instant("Sure that personal data are affected since"))
    breach: dict[str, Any] = {}
    kinds = many("What was lost", ("confidentiality", "integrity", "availability"))
    put(breach, "kinds", kinds)
    put(breach, "cause", choice("Cause", _words(Breach, "cause")))
    put(breach, "exposure", choice("Who has the data", _words(Breach, "exposure")))
    data: dict[str, Any] = {}
    put(data, "kinds", many("Which data", tuple(library.lawbook.words["data_kinds"])))
    put(data, "protection", choice("How they were protected", _words(Data, "protection")))
    people: dict[str, Any] = {}
    put(people, "total", _number("How many people"))
    put(people, "by_place", _places(library))
    facts |= {
        key: value
        for key, value in (("moments", moments), ("breach", breach), ("data", data), ("people", people))
        if value
    }
    return facts


def put(facts: dict[str, Any], key: str, value: Any) -> None:
    if value not in (UNKNOWN, None, [], {}):
        facts[key] = value


def _words(model: Any, name: str) -> tuple[str, ...]:
    from incident_flows.knowledge.lawbook import _literals

    return tuple(sorted(word for word in _literals(model, name) if word.islower() or "-" in word))


def organisation(library: Library) -> str:
    known = library.profiles.ids()
    while True:
        answer = str(typer.prompt(f"Organisation ({', '.join(known)})"))
        if answer in known:
            return answer
        typer.echo(f"{answer!r} has no profile; write one of {', '.join(known)}")


def choice(question: str, words: tuple[str, ...]) -> str:
    while True:
        answer = str(
            typer.prompt(f"{question} ({' · '.join(words)})", default=UNKNOWN, show_default=False)
        ).strip()
        if answer in (*words, UNKNOWN):
            return answer
        typer.echo(f"{answer!r} is none of these")


def many(question: str, words: tuple[str, ...]) -> list[str]:
    while True:
        answer = str(
            typer.prompt(
                f"{question}, separated by spaces ({' '.join(words)})", default=UNKNOWN, show_default=False
            )
        )
        given = answer.replace(",", " ").split()
        wrong = [word for word in given if word not in words]
        if not wrong:
            return given
        typer.echo(f"{', '.join(wrong)}: none of these")


def _number(question: str) -> int | None:
    while True:
        answer = str(typer.prompt(question, default=UNKNOWN, show_default=False)).strip()
        if not answer:
            return None
        if answer.isdigit():
            return int(answer)
        typer.echo("write a whole number")


def instant(question: str) -> str:
    while True:
        answer = str(typer.prompt(question, default=UNKNOWN, show_default=False)).strip()
        try:
            return answer and parse_instant(answer).isoformat()
        except ValueError as error:
            typer.echo(str(error))


def _places(library: Library) -> dict[str, int]:
    while True:
        answer = str(
            typer.prompt("Where they live, such as ES=120 GB=900", default=UNKNOWN, show_default=False)
        )
        found: dict[str, int] = {}
        for pair in answer.replace(",", " ").split():
            place, _, count = pair.partition("=")
            if place in library.lawbook.places and count.isdigit():
                found[place] = int(count)
            else:
                typer.echo(f"{pair!r}: write PLACE=COUNT with an ISO code, such as DE-BW=40")
                break
        else:
            return found
