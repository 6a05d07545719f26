"""Verbs about notices before they leave: drafting, approval, differences, an authority's questions, documents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from incident_flows.cli import common, render
from incident_flows.cli.common import As, Because, Json, edge
from incident_flows.core.instants import show_utc
from incident_flows.errors import InputError

NOTICE = Annotated[str, typer.Argument(metavar="NOTICE", help="Such as N-0001.")]
ID = Annotated[str, typer.Argument(metavar="ID", help="Such as INC-2026-0001.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    for verb in (draft, approve, reject, explain, asked, document):
        app.command(verb.__name__.rstrip("_"))(edge(verb))


def draft(
    incident: ID,
    obligation: Annotated[str | None, typer.Argument(metavar="[OBLIGATION]")] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="Instead of the addressee's own.")
    ] = None,
    phased: Annotated[
        bool,
        typer.Option("--phased", help="Say `not yet known, will follow` where the law lets facts follow."),
    ] = False,
    as_written: Annotated[
        bool,
        typer.Option("--as-written", help="Accept free text in the language it is in, without a translation."),
    ] = False,
    phase: Annotated[
        str | None,
        typer.Option("--phase", metavar="PHASE", help="supplementary, final or withdrawal, after a first filing."),
    ] = None,
    because: Annotated[
        str, typer.Option("--because", metavar="TEXT", help="Why a notice is withdrawn; the addressee reads it.")
    ] = "",
    answer: Annotated[
        str | None, typer.Option("--answer", metavar="TEXT", help="The answer to an authority's question.")
    ] = None,
    with_: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="ID", help="A similar breach to tell of in the same filing."),
    ] = None,
    attach: Annotated[
        list[Path] | None,
        typer.Option("--attach", metavar="FILE", help="A file that goes with it; approved with the text."),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="The public notice for people whom nothing else reaches.")
    ] = False,
    text: Annotated[bool, typer.Option("--text", help="Print the texts too.")] = False,
    json: Json = False,
    as_: As = None,
) -> None:
    """Render the notice, and list every field that is still empty."""
    from incident_flows.services.draft import Wanted
    from incident_flows.services.draft import draft as drafted
    from incident_flows.services.route import routes
    from incident_flows.services.show import drafted_json

    desk, now = common.desk(), common.now()
    done, skipped = drafted(
        desk,
        incident,
        obligation,
        actor=common.actor(desk, as_),
        now=now,
        more=Wanted(
            language=language,
            phased=phased,
            as_written=as_written,
            phase=phase,
            because=because,
            answer=answer,
            bundled=tuple(with_ or ()),
            attached=tuple(_content(path) for path in attach or ()),
            public=public,
        ),
    )
    shown = drafted_json(desk, incident, done, skipped)
    if json:
        render.print_json(shown)
        return
    for one, more in zip(done, shown["notices"], strict=True):
        row = one.notice
        render.say(
            f"{row.ref} {row.state} · {row.oid} · {row.language} · SHA-256 {row.sha256[:12]}"
            + ("" if one.fresh else " (as before)")
        )
        if one.replaces:
            render.say(f"  replaces {one.replaces}, which is withdrawn")
        if one.fallback:
            render.say(f"  ! {one.fallback}")
        for line in _remarks(incident, row, more):
            render.say(line)
        if row.variants:
            render.say(
                f"  other wordings, under the same hash: {', '.join(sorted(row.variants))} "
                f"(`breach show {incident} --notice {row.ref} --variant KEY`)"
            )
        if row.changes:
            kinds = ("changed", "added", "open")
            counts = ", ".join(f"{len(row.changes[kind])} {kind}" for kind in kinds)
            render.say(f"  {row.phase} to {row.changes['since']}: {counts}")
        for item in row.missing:
            render.say(f"  {_lack(row, item)}: {item['label']} ({item['field']})")
        if more["form_open"]:
            render.say(f"  the form's open questions: {', '.join(more['form_open'])}")
        for gap in more["differs"]:
            render.say(f"  ≠ {gap['key']}: {gap['before']} in {gap['told_in']}, {gap['now']} here: nobody says why")
        if obligation is not None:
            with desk.database.read() as tx:
                ways = {one["obligation"]: one["because"] for one in routes(tx, desk, incident, today=now.date())}
            render.say(*(f"  → {line}" for line in ways.get(row.oid, [])))
        if text or obligation is not None:
            render.say("", row.subject, "", row.text)
    for gap in skipped:
        if obligation is not None or "not owed" not in gap.because:
            render.say(f"  – {gap.oid}: {gap.because}")


def _lack(row: Any, item: dict[str, Any]) -> str:
    from incident_flows.knowledge.notice_answers import (  # brings words and calendars along
        LANGUAGE,
        about_language,
    )

    if item["field"] == LANGUAGE:
        return "asked" if item["required"] else "asked, stops nothing"
    if item["required"]:
        return "empty"
    return "as written" if about_language(item["field"]) else "unknown" if row.phase == "final" else "to follow"


def _remarks(ref: str, row: Any, more: dict[str, Any]) -> list[str]:
    lines = []
    if more["english"]:
        lines.append(f"  in English: breach show {ref} --notice {row.ref} --english")
    lines += [f"  ! {line}" for line in more["list"]]
    plain = more["reading"]
    if plain and plain["lix"] is None:
        lines.append(f"  reading: LIX says nothing about {row.language}")
    elif plain:
        hard = "; write shorter sentences and plainer words" if plain["too_hard"] else ""
        mark = "!" if plain["too_hard"] else " "
        lines.append(f"  {mark} reading: LIX {plain['lix']}, limit {plain['limit']}{hard}".replace("    ", "  "))
    return lines


def approve(
    incident: ID,
    notice: NOTICE,
    sha256: Annotated[
        str | None,
        typer.Option("--sha256", metavar="HASH", help="The hash, or its beginning, that you read."),
    ] = None,
    json: Json = False,
    as_: As = None,
) -> None:
    """Approve one exact text, by a person who did not draft it."""
    from incident_flows.services.approve import approve as approved
    from incident_flows.services.approve import waits_for
    from incident_flows.services.show import notice_json

    desk = common.desk()
    row = approved(desk, incident, notice, actor=common.actor(desk, as_), now=common.now(), sha256=sha256)
    waiting = waits_for(desk, row)
    line = f"{row.ref} approved by {row.approved_by or row.approvals[-1]['by']}: SHA-256 {row.sha256}"
    if row.kind == "people":
        with desk.database.read() as tx:
            run = tx.letters.run(row.id)
        line += f"\n  with a list of {run.listed} people, in all languages" if run is not None else ""
    for part, why in waiting.items() if row.state != "approved" else ():
        line += f"\n  it still waits for {part}: {why}"
    _print_notice(notice_json(row), json, line)


def reject(incident: ID, notice: NOTICE, because: Because = "", json: Json = False, as_: As = None) -> None:
    """Send a notice back to its drafter, with the reason."""
    from incident_flows.services.approve import reject as rejected
    from incident_flows.services.show import notice_json

    desk = common.desk()
    row = rejected(desk, incident, notice, because=because, actor=common.actor(desk, as_), now=common.now())
    _print_notice(notice_json(row), json, f"{row.ref} rejected by {row.rejected_by}: {row.rejected_because}")


def _print_notice(row: dict[str, Any], json: bool, line: str) -> None:
    if json:
        render.print_json(row)
    else:
        render.say(line)


def _content(path: Path) -> tuple[str, bytes]:
    try:
        return path.name, path.read_bytes()
    except OSError as error:
        raise InputError(f"--attach {path}: cannot be read: {error.strerror}; name a file") from None


def explain(
    incident: ID,
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY...]", help="Such as people.total; without any, all.")
    ] = None,
    because: Annotated[
        str | None, typer.Option("--because", metavar="TEXT", help="The reason, in one sentence.")
    ] = None,
    json: Json = False,
    as_: As = None,
) -> None:
    """Say why filings of an incident say different things; without --because, list what differs."""
    from incident_flows.services.story import explain as explained
    from incident_flows.services.story import story_of

    desk = common.desk()
    if because is not None:
        explained(desk, incident, keys or [], because=because, actor=common.actor(desk, as_), now=common.now())
    story = story_of(desk, incident)
    if json:
        render.print_json(story)
        return
    for one in story["open"]:
        render.say(
            f"  ≠ {one['key']}: {one['before']} in {one['told_in']}, {one['now']} in {one['differs_in']}: "
            "nobody says why"
        )
    for one in story["explained"]:
        render.say(f"  ✓ {one['key']}: {one['before']} in {one['notice']}, then {one['now']}: {one['because']}")
    if not (story["open"] or story["explained"]):
        render.say(f"{incident}: all filings say the same")


def asked(
    incident: ID,
    obligation: Annotated[str, typer.Argument(metavar="OBLIGATION", help="What the question is about.")],
    question: Annotated[str, typer.Option("--question", metavar="TEXT", help="In the authority's own words.")],
    received: Annotated[str, typer.Option("--received", metavar="INSTANT", help="When it arrived.")],
    due: Annotated[str, typer.Option("--due", metavar="INSTANT", help="By when it is to be answered.")],
    json: Json = False,
    as_: As = None,
) -> None:
    """Record an authority's own question: a clock of its own, answered by a notice."""
    from incident_flows.services.question import asked as recorded

    received_at, due_at = common.instant("--received", received), common.instant("--due", due)
    desk = common.desk()
    row = recorded(
        desk,
        incident,
        obligation,
        question=question,
        received=received_at,
        due=due_at,
        actor=common.actor(desk, as_),
        now=common.now(),
    )
    due_local = (row.detail or {}).get("due_local")
    local = f"{render.wall(due_local)} = " if due_local else ""
    if json:
        render.print_json({"id": incident, "obligation": row.oid, "due_at": show_utc(row.due_at)})
    else:
        render.say(
            f"{row.oid}: due {local}{render.utc(show_utc(row.due_at))}",
            f"  → breach draft {incident} {row.oid} --answer TEXT",
        )


def document(
    incident: ID,
    notice: Annotated[
        str | None, typer.Argument(metavar="[NOTICE]", help="Such as N-0001; without it, the whole record.")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write it as PDF.")] = False,
    html: Annotated[bool, typer.Option("--html", help="Write it as the HTML its readers get.")] = False,
    json: Json = False,
    folder: Annotated[Path, typer.Option("--folder", help="Where to write it.")] = Path(),
    as_: As = None,
) -> None:
    """Write a notice, or the accountability record, as PDF or HTML; or print it as JSON."""
    from incident_flows.services.document import notice_document, notice_html, record_document, written

    desk = common.desk()
    common.actor(desk, as_).require("dossier")
    if html:
        if notice is None:
            raise common.misused("--html: name a notice; the record is written as PDF or JSON")
        page, sha256 = notice_html(desk, incident, notice)
        path = written(folder, f"{incident}-{notice}.html", page)
        render.say(str(path), f"SHA-256 {sha256}")
        if not pdf:
            return
    data, content = (
        record_document(desk, incident) if notice is None else notice_document(desk, incident, notice)
    )
    if json:
        render.print_json(data)
    if pdf or not json:
        path = written(folder, f"{incident}-{notice or 'record'}.pdf", content)
        if not json:
            render.say(str(path))


def standing(whole: dict[str, Any]) -> None:
    """Print what was filed to whom and what is still owed, why the route is what it is, and what differs."""
    for chain in whole["filings"]:
        if not chain["filed"]:
            continue
        done = ", ".join(f"{one['notice']} {one['phase']}" for one in chain["filed"])
        render.say(f"  {chain['addressee']}: filed {done}")
        for one in chain["owed"]:
            end = f"by {render.utc(one['by'])}" if one["by"] else one["standard"]
            render.say(f"    still owed: {one['obligation']}, {end}")
        if chain["still_open"] and chain["owed"]:
            render.say(f"    still open: {', '.join(chain['still_open'])}")
    for one in whole["routes"]:
        render.say(f"  {one['addressee']}: {one['because'][0]}")
    for one in whole["story"]["open"]:
        render.say(f"  ≠ {one['key']}: {one['before']} in {one['told_in']}, {one['now']} in {one['differs_in']}")
