"""Makes Prefect show what our database says: a run per phase, a table of deadlines, a page of status.

A phase is one run, in the state the phase is in: running as long as something is left to do, with the states
it went through behind it. No process stands behind it.

A mirror only. What was last shown is marked in our database under the id of the Prefect server's own board;
a new or emptied server has another id, so everything is shown again. A failing mirror stops no clock.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import httpx
from prefect import State
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound
from prefect.variables import Variable

from incident_flows.flows import connected
from incident_flows.flows.events import tell_events
from incident_flows.flows.phases import FLOW_OF
from incident_flows.services.board import Board, Phase, boards, open_refs
from incident_flows.services.desk import Desk
from incident_flows.services.show import clocks

BOARD_ID = "breach_board_id"
ALONE = "mirror"  # the lease: two mirrors at a time would show everything twice
LEASE = timedelta(seconds=30)  # extended at every incident
PATIENCE = 40.0  # seconds for one round; what is left comes with the next tick
WALL_ROWS = 300
UPCOMING_ROWS = 100


@dataclass
class Shown:
    """What one round did.

    Attributes:
        alone: False if another process was showing things, so this one did nothing.
        changed: How many incidents had changed since they were last shown.
        decisions: What a person could decide now, by the incidents looked at: `risk`, or obligation ids.
        left: How many incidents the next round has to look at first.
    """

    alone: bool = True
    changed: int = 0
    decisions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left: int = 0


def mirror(desk: Desk, *, now: datetime, only: str | None = None, wait: float = 0.0) -> Shown:
    """Show every incident, or `only` one.

    Args:
        desk: The connected parts.
        now: The moment the times left are counted from.
        only: The incident to show; without it, all of them and the wall.
        wait: Seconds to wait for another mirror to end.
    """
    shown = Shown()
    if not _alone(desk, wait=wait):
        return Shown(alone=False)
    try:
        board_id = _board_id()
        if only is not None:
            _look(desk, board_id, next(boards(desk, now=now, refs=[only])), shown, now=now)
        else:
            _look_at_all(desk, board_id, shown, now=now)
            _wall(desk, board_id, now=now)
            _upcoming(desk, board_id, now=now)
            tell_events(desk, board_id, ticked_at=now)
    finally:
        with desk.database.write() as tx:
            tx.leases.release(ALONE, desk.owner)
    return shown


def _alone(desk: Desk, *, wait: float) -> bool:
    until = time.monotonic() + wait
    while True:
        with desk.database.write() as tx:
            if tx.leases.take(ALONE, desk.owner, connected.now(), LEASE):
                return True
        if time.monotonic() >= until:
            return False
        time.sleep(0.2)


def _board_id() -> str:
    known = Variable.get(BOARD_ID, default=None)
    if known is not None:
        return str(known)
    fresh = uuid.uuid4().hex[:12]
    Variable.set(BOARD_ID, fresh)
    return fresh


def _look_at_all(desk: Desk, board_id: str, shown: Shown, *, now: datetime) -> None:
    """Look at what is open, and at what was open when it was last shown; on a fresh board, at everything."""
    key = f"board/{board_id}/open"
    with desk.database.read() as tx:
        before: list[str] | None = tx.leases.get(key)
    open_now = open_refs(desk, closed_too=before is None)
    to_show = list(dict.fromkeys([*open_now, *(before or [])]))
    if before is None:
        with desk.database.write() as tx:
            tx.leases.put(key, to_show)
    ends = time.monotonic() + PATIENCE
    kept: list[str] = []
    for number, board in enumerate(boards(desk, now=now, refs=to_show)):
        if time.monotonic() > ends:
            shown.left = len(to_show) - number
            kept = [*to_show[number:], *kept]  # those left over come first the next time
            break
        _look(desk, board_id, board, shown, now=now)
        if board.state == "open":
            kept.append(board.ref)
    if kept != before:
        with desk.database.write() as tx:
            tx.leases.put(key, kept)


def _look(desk: Desk, board_id: str, board: Board, shown: Shown, *, now: datetime) -> None:
    key = f"board/{board_id}/{board.ref}"
    with desk.database.write() as tx:
        tx.leases.take(ALONE, desk.owner, connected.now(), LEASE)
        mark: dict[str, Any] = tx.leases.get(key) or {}
    shown.decisions[board.ref] = board.decisions if board.state == "open" else ()
    if mark.get("fingerprint") != board.fingerprint:
        _show(desk, key, board, mark, now=now)
        shown.changed += 1
    elif board.state == "open":
        _refresh(desk, key, board, mark, now=now)


def _show(desk: Desk, key: str, board: Board, mark: Mapping[str, Any], *, now: datetime) -> None:
    """Bring the run of every phase that changed into its state, and make new versions of the artifacts."""
    phases = dict(mark.get("phases") or {})
    with get_client(sync_client=True) as client:
        for phase in board.phases:
            words = f"{phase.state}: {phase.message}"
            known: dict[str, str] = phases.get(phase.key) or {}
            if known.get("words") == words:
                continue
            phases[phase.key] = {"run": _shown(client, board, phase, known.get("run")), "words": words}
            _marked(desk, key, {**mark, "fingerprint": None, "phases": phases})
        name = board.ref.lower()
        made = _made(
            client,
            ArtifactCreate(
                type="table",
                key=f"{name}-clocks",
                data=json.dumps(clock_rows(board.clocks, now=now)),
                description=_clocks_words(board, now=now),
                flow_run_id=uuid.UUID(phases["detection-and-triage"]["run"]),
            ),
        )
        page = _made(
            client,
            ArtifactCreate(
                type="markdown",
                key=f"{name}-status",
                data=status_page(board, now=now),
                description=_status_words(board),
                flow_run_id=uuid.UUID(phases["close"]["run"]),
            ),
        )
    _marked(
        desk, key, {"fingerprint": board.fingerprint, "phases": phases, "clocks": made, "status": page}
    )


def _clocks_words(board: Board, *, now: datetime) -> str:
    return f"Deadlines of {board.ref}, soonest first; as of {now:%Y-%m-%d %H:%M} UTC"


def _status_words(board: Board) -> str:
    return f"Where {board.ref} stands"


def _made(client: SyncPrefectClient, artifact: ArtifactCreate) -> str:
    """Make a new version of an artifact; return its id."""
    return str(client.create_artifact(artifact).id)


def _shown(client: SyncPrefectClient, board: Board, phase: Phase, run_id: str | None) -> str:
    """Bring the one run of a phase into its present state, and return its id; make it if there is none."""
    state: State[None] = State(type=_type_of(phase), name=phase.state, message=phase.message)
    if run_id is not None:
        try:
            client.set_flow_run_state(uuid.UUID(run_id), state, force=True)
            return run_id
        except ObjectNotFound:
            pass  # deleted in Prefect: it is ours to make again
    flow = FLOW_OF[phase.key]
    name = f"{board.ref} · {flow.name}"
    said = [board.ref, phase.key, board.organisation, *(["drill"] if board.drill else []), *board.places[:20]]
    parameters = {"incident": board.ref}
    try:
        deployment = client.read_deployment_by_name(f"{flow.name}/{phase.key}")
    except ObjectNotFound:  # nobody serves the phases here
        run = client.create_flow_run(flow, name=name, parameters=parameters, tags=said, state=state)
    else:
        run = client.create_flow_run_from_deployment(
            deployment.id, name=name, parameters=parameters, tags=said, state=state
        )
    return str(run.id)


def _type_of(phase: Phase) -> StateType:
    """Running until nothing more happens in it; red where a person has to settle something."""
    if phase.state in ("InDoubt", "Failed"):
        return StateType.FAILED
    return StateType.COMPLETED if phase.done else StateType.RUNNING


def _marked(desk: Desk, key: str, mark: Mapping[str, Any]) -> None:
    with desk.database.write() as tx:
        tx.leases.put(key, dict(mark))


def _refresh(desk: Desk, key: str, board: Board, mark: Mapping[str, Any], *, now: datetime) -> None:
    """Bring the times left up to date in the versions that stand, instead of making one a minute."""
    with get_client(sync_client=True) as client:
        there = _updated(
            client,
            mark.get("clocks"),
            clock_rows(board.clocks, now=now),
            _clocks_words(board, now=now),
        ) and _updated(client, mark.get("status"), status_page(board, now=now), _status_words(board))
    if not there:  # deleted or pruned in Prefect: make new ones
        _show(desk, key, board, mark, now=now)


def _updated(client: SyncPrefectClient, artifact_id: str | None, data: Any, description: str) -> bool:
    """Put new data into an artifact; False if there is none of that id any more."""
    if artifact_id is None:
        return False
    stored = data if isinstance(data, str) else json.dumps(data)
    update = ArtifactUpdate(data=stored, description=description).model_dump(mode="json", exclude_unset=True)
    try:
        # Not client.update_artifact: that one adds an event with the whole table, every minute for each.
        client.request("PATCH", "/artifacts/{id}", json=update, path_params={"id": artifact_id})
    except httpx.HTTPStatusError as error:
        if error.response.status_code == HTTPStatus.NOT_FOUND:
            return False
        raise
    return True


def _wall(desk: Desk, board_id: str, *, now: datetime) -> None:
    """One table over all incidents, under a key that never changes."""
    running = clocks(desk, None, now=now)
    rows = [
        {"incident": row["incident"], **shown}
        for row, shown in zip(running, clock_rows(running[:WALL_ROWS], now=now), strict=False)
    ]
    words = f"Running clocks, soonest first: {len(rows)} of {len(running)}; as of {now:%Y-%m-%d %H:%M} UTC"
    _stands(desk, f"board/{board_id}", "wall-of-clocks", rows, words)


def _upcoming(desk: Desk, board_id: str, *, now: datetime) -> None:
    """One table of what the engine will tell the team next, and when."""
    with desk.database.read() as tx:
        steps = tx.steps.upcoming(limit=UPCOMING_ROWS)
    rows = [
        {
            "at (UTC)": f"{step.due_at:%Y-%m-%d %H:%M}",
            "in": _left(step.due_at.isoformat(), now),
            "incident": step.incident_ref,
            "about": step.detail.get("addressee", step.oid),
            "says": step.detail.get("text", step.name),
            "obligation": step.oid,
        }
        for step in steps
    ]
    words = f"What the team will be told next: {len(rows)} steps; as of {now:%Y-%m-%d %H:%M} UTC"
    _stands(desk, f"board/{board_id}/upcoming", "upcoming-steps", rows, words)


def _stands(desk: Desk, mark: str, key: str, rows: list[dict[str, Any]], words: str) -> None:
    """Bring the one table of this key up to date; make it if it is not there."""
    with desk.database.read() as tx:
        known = tx.leases.get(mark)
    with get_client(sync_client=True) as client:
        if _updated(client, known, rows, words):
            return
        table = ArtifactCreate(type="table", key=key, data=json.dumps(rows), description=words)
        made = _made(client, table)
    with desk.database.write() as tx:
        tx.leases.put(mark, made)


def clock_rows(running: Iterable[Mapping[str, Any]], *, now: datetime) -> list[dict[str, Any]]:
    """Return clocks as a table artifact shows them."""
    return [
        {
            "tell": row["addressee"],
            "left": _left(row["effective_at"], now),
            "by (their time)": _on_the_wall(row["due_local"]),
            "by (UTC)": row["effective_at"] or "no number in law",
            "end": row["end"],
            "status": row["status"],
            "article": row["cite"] or "",
        }
        for row in running
    ]


def _on_the_wall(local: str | None) -> str:
    """Return a local instant as people read it.

    >>> _on_the_wall("2026-11-23T18:00:00+01:00[Europe/Madrid]")
    'Mon 23 Nov 2026 18:00 Europe/Madrid'
    """
    if not local:
        return "—"
    instant, _, zone = local.partition("[")
    return f"{datetime.fromisoformat(instant):%a %d %b %Y %H:%M} {zone.rstrip(']')}"


def _left(end: str | None, now: datetime) -> str:
    if end is None:
        return "—"
    seconds = int((datetime.fromisoformat(end.replace("Z", "+00:00")) - now).total_seconds())
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"{'OVERDUE ' if seconds <= 0 else ''}{hours} h {minutes:02} min"


def status_page(board: Board, *, now: datetime) -> str:
    """Return the status of an incident as markdown: phases, notices, deliveries, questions."""
    lines = [
        f"# {board.ref}{' · DRILL' if board.drill else ''}",
        "",
        f"{board.organisation} · {board.state} · as of {now:%Y-%m-%d %H:%M} UTC",
        "",
        "| phase | state | |",
        "|---|---|---|",
        *(f"| {phase.key} | **{phase.state}** | {phase.message} |" for phase in board.phases),
    ]
    if board.notices:
        lines += [
            "",
            "## Notices",
            "",
            "| notice | obligation | state | language | text (SHA-256) | empty fields |",
        ]
        lines += ["|---|---|---|---|---|---|"]
        lines += [
            f"| {one['id']} | {one['obligation']} | {one['state']} | {one['language']} "
            f"| {one['sha256']} | {one['missing']} |"
            for one in board.notices
        ]
    if board.deliveries:
        counts = ", ".join(f"{count} {state}" for state, count in board.deliveries.items())
        lines += ["", "## Deliveries", "", counts]
    if board.questions:
        lines += ["", "## To be found out", "", *(f"- `{fact}`" for fact in board.questions)]
    if board.decisions:
        lines += ["", "## To be decided", "", *(f"- `{subject}`" for subject in board.decisions)]
    return "\n".join(lines)
