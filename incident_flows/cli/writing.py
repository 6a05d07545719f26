"""Verbs that write: each prints what it did, takes --json, and is safe to repeat."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from incident_flows.cli import common, render
from incident_flows.cli.common import As, Because, Json, edge
from incident_flows.errors import InputError

ID = Annotated[str, typer.Argument(metavar="ID", help="Such as INC-2026-0001.")]
NOTICE = Annotated[str, typer.Argument(metavar="NOTICE", help="Such as N-0001.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    for verb in (open_, facts, decide, notify, close, dossier):
        app.command(verb.__name__.rstrip("_"))(edge(verb))


def open_(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FACTS]", help="A facts file; without it, questions on a terminal."),
    ] = None,
    json: Json = False,
    as_: As = None,
    key: Annotated[
        str | None, typer.Option("--key", help="Names the request: the same key opens one incident.")
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="A message to one wrong reader: decide and close at once, or say why not."
        ),
    ] = False,
) -> None:
    """Open an incident: facts stored, answer derived, clocks started."""
    from incident_flows.knowledge.facts_files import read_facts
    from incident_flows.services.desk import checked_facts
    from incident_flows.services.open import open_incident, opened_json

    desk, now = common.desk(), common.now()
    if file is not None:
        facts = read_facts(file, lawbook=desk.library.lawbook, profiles=desk.library.profiles)
        source = file.name
    elif sys.stdin.isatty():
        from incident_flows.cli.questions import asked
        from incident_flows.cli.quick import quickly_asked

        answers = (quickly_asked if quick else asked)(desk.library)
        facts, source = checked_facts(desk, answers, name="answers"), "questions on a terminal"
    else:
        raise common.misused("name a facts file, or run it on a terminal to be asked")
    if quick:
        _quick(desk, facts, actor=common.actor(desk, as_), now=now, source=source, json=json)
        return
    opened = open_incident(
        desk, facts, actor=common.actor(desk, as_), now=now, source=source, request_key=key
    )
    if json:
        render.print_json(opened_json(opened))
        return
    render.say(opened.ref if opened.created else f"{opened.ref} (was open already under this key)")
    if opened.assessment is not None:
        render.assessment(opened.assessment.to_json(), now=now)


def _quick(desk: Any, facts: Any, *, actor: Any, now: Any, source: str, json: bool) -> None:
    from incident_flows.services.quick import open_quickly

    done = open_quickly(desk, facts, actor=actor, now=now, source=source)
    if json:
        render.print_json(
            {"id": done.ref, "closed": done.closed, "risk": done.risk, "because": list(done.because)}
        )
        return
    render.say(f"{done.ref}: " + ("decided, recorded and closed" if done.closed else "stays open"))
    render.say(*(f"  · {line}" for line in done.because))
    if not done.closed:
        render.say(f"  → breach show {done.ref}")


def facts(
    incident: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    change: Annotated[list[str] | None, typer.Argument(metavar="[FILE | key=value...]")] = None,
    words: Annotated[
        bool, typer.Option("--words", help="Print the words of a facts file with their meaning.")
    ] = False,
    history: Annotated[bool, typer.Option("--history", help="Print every version of the facts.")] = False,
    learned: Annotated[
        str | None,
        typer.Option("--learned", metavar="INSTANT", help="When it became known, if earlier than now."),
    ] = None,
    json: Json = False,
    as_: As = None,
) -> None:
    """Add or correct facts; the old ones stay in the record. Re-assesses."""
    from incident_flows.core.instants import parse_instant
    from incident_flows.knowledge.facts_files import change_from
    from incident_flows.knowledge.files import read_yaml

    if words:
        _words(json)
        return
    if incident is None:
        raise common.misused("name the incident, such as INC-2026-0001 (or --words)")
    desk, now = common.desk(), common.now()
    if history or not change:
        _history(desk, incident, json)
        return
    file, pairs = common.path_or_pairs(change)
    laid: Any = change_from(pairs) if file is None else _checked_change(desk, incident, read_yaml(file))
    from incident_flows.services.update import change_facts

    try:
        at = parse_instant(learned) if learned else None
    except ValueError as error:
        raise InputError(f"--learned: {error}") from None
    updated = change_facts(
        desk,
        incident,
        laid,
        actor=common.actor(desk, as_),
        now=now,
        source=file.name if file else "key=value",
        learned_at=at,
    )
    if json:
        render.print_json(updated.to_json())
        return
    render.say(
        f"{incident}: facts version {updated.version}"
        + (f"; changed {', '.join(updated.changed)}" if updated.changed else "; nothing changed")
    )
    render.say(*(f"! {one}" for one in updated.remarks))
    if updated.assessment is not None:
        render.assessment(updated.assessment.to_json(), now=now)


def _checked_change(desk: Any, incident: str, document: Any) -> dict[str, Any]:
    """Return a file's change of facts, checked with the facts so far, while its lines are still known."""
    from dataclasses import replace

    from incident_flows.knowledge.facts_files import facts_from, merged

    if not isinstance(document.data, dict):
        raise InputError(f"{document.name}: should be a set of `key: value` lines")
    with desk.database.read() as tx:
        so_far = tx.incidents.facts(incident).facts
    whole = replace(document, data=merged(so_far, document.data))
    facts_from(whole, lawbook=desk.library.lawbook, profiles=desk.library.profiles)
    return dict(document.data)


def _words(json: bool) -> None:
    from incident_flows.wiring import library_from

    book = library_from(common.settings()).lawbook
    words = {**book.words, "dossier": {name: one.question for name, one in book.dossier.items()}}
    if json:
        render.print_json(words)
        return
    for kind, meanings in words.items():
        render.say("", f"{kind}:", *(f"  {word}: {meaning}" for word, meaning in meanings.items()))


def _history(desk: Any, incident: str, json: bool) -> None:
    from incident_flows.services.show import facts_history

    found = facts_history(desk, incident)
    if json:
        render.print_json(found)
    else:
        render.table(
            ("version", "learned", "recorded", "by", "source"),
            [
                (str(one["version"]), one["learned_at"], one["recorded_at"], one["by"], one["source"])
                for one in found
            ],
        )


def decide(
    incident: ID,
    subject: Annotated[str, typer.Argument(metavar="OBLIGATION", help="An obligation's id, or `risk`.")],
    answer: Annotated[
        str, typer.Argument(metavar="owed|not-owed", help="For risk: unlikely, risk or high-risk.")
    ],
    because: Because = "",
    json: Json = False,
    as_: As = None,
) -> None:
    """A named person's decision where the engine says undetermined, or overruling it."""
    from incident_flows.services.decide import decide as decided

    desk = common.desk()
    result = decided(
        desk, incident, subject, answer, because=because, actor=common.actor(desk, as_), now=common.now()
    )
    if json:
        render.print_json(result.to_json())
    elif result.in_force:
        second = f" and {result.second_by}" if result.second_by else ""
        render.say(f"{incident}: {subject} is decided: {answer} (by {result.by}{second})")
    else:
        render.say(
            f"{incident}: {subject}: {answer} is recorded, not in force: {result.waits_because}",
            f"The second person: breach decide {incident} {subject} {answer} --because TEXT --as NAME",
        )


def notify(
    incident: ID,
    notice: Annotated[str | None, typer.Argument(metavar="[NOTICE]")] = None,
    filed_as: Annotated[
        str | None, typer.Option("--filed-as", metavar="REFERENCE", help="Record a filing made by hand.")
    ] = None,
    filed_at: Annotated[
        str | None, typer.Option("--filed-at", metavar="INSTANT", help="When it was filed, if not now.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="MAILBOX", help="An authority's mailbox you have checked yourself."),
    ] = None,
    in_doubt: Annotated[
        str | None,
        typer.Option(
            "--in-doubt", metavar="arrived|not-arrived", help="Resolve a send whose outcome is not known."
        ),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option("--mode", help="Letters: ask, at-most-one-duplicate-batch or zero; default: the house's policy."),
    ] = None,
    pause: Annotated[bool, typer.Option("--pause", help="Letters: hold before the next request.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Letters: go on after --pause or --stop, those called back too.")
    ] = False,
    stop: Annotated[
        bool,
        typer.Option("--stop", help="Letters: withdraw what has not left, call back what the provider still holds."),
    ] = False,
    because: Because = "",
    json: Json = False,
    as_: As = None,
) -> None:
    """Send what is approved and keep the receipt; for portals, print the filled form."""
    from incident_flows.cli.letters import switched, with_progress
    from incident_flows.services.notify import resolve_doubt

    desk, now = common.desk(), common.now()
    acting = common.actor(desk, as_)
    if sum((pause, resume, stop, in_doubt is not None, filed_as is not None)) > 1:
        raise common.misused("--pause, --resume, --stop, --in-doubt, --filed-as: one at a time")
    if notice is None and (in_doubt is not None or pause or resume or stop):
        raise common.misused("name the notice, such as N-0001")
    if in_doubt is not None:
        done = [resolve_doubt(desk, incident, notice or "", in_doubt, because=because, actor=acting, now=now)]
    elif pause or stop:
        wanted = "paused" if pause else "stopped"
        done = [switched(desk, incident, notice or "", wanted, because=because, actor=acting, now=now)]
    else:
        at = None if filed_at is None else common.instant("--filed-at", filed_at)
        if resume:
            switched(desk, incident, notice or "", "go", because=because, actor=acting, now=now)
        done = with_progress(
            desk, incident, notice, actor=acting, now=now, filed_as=filed_as, filed_at=at, to=to, mode=mode,
            shown=not json, because=because,
        )  # fmt: skip
    if json:
        render.print_json([one.to_json() for one in done])
        return
    for one in done:
        counts = ", ".join(f"{count} {state}" for state, count in one.counts.items() if count)
        render.say(f"{one.notice}: {one.state}" + (f" ({counts})" if counts else ""))
        if one.form:
            render.say("", one.form)
        if one.next:
            render.say(f"  → {one.next}")


def close(
    incident: ID,
    reopen: Annotated[bool, typer.Option("--reopen", help="Open it again.")] = False,
    because: Because = "",
    json: Json = False,
    as_: As = None,
) -> None:
    """Close; refuses while any obligation is undecided or unmet, and lists them."""
    from incident_flows.services import close as closing

    desk, now = common.desk(), common.now()
    acting = common.actor(desk, as_)
    row = (
        closing.reopen(desk, incident, because=because, actor=acting, now=now)
        if reopen
        else closing.close(desk, incident, actor=acting, now=now)
    )
    if json:
        render.print_json({"id": row.ref, "state": row.state})
    else:
        render.say(
            f"{row.ref} is {row.state}"
            + (f"; its record: `breach dossier {row.ref}`" if row.state == "closed" else "")
        )


def dossier(
    incident: ID,
    folder: Annotated[Path, typer.Option("--folder", help="Where to write it.")] = Path(),
    json: Json = False,
    as_: As = None,
) -> None:
    """Export the accountability record of Article 33(5); `breach verify FILE` checks it offline."""
    from incident_flows.services.dossier import dossier as exported

    desk = common.desk()
    path = exported(desk, incident, actor=common.actor(desk, as_), now=common.now(), folder=folder)
    if json:
        render.print_json({"id": incident, "file": str(path)})
    else:
        render.say(str(path))
