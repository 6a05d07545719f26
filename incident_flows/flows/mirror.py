"""Makes Prefect show what our database says: a run per phase and addressee, and the artifacts of each incident.

A run is in the state its phase or notice is in, with the states it went through behind it (see runs); the
artifacts are made in pages.

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
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.variables import Variable

from incident_flows.flows import connected
from incident_flows.flows.events import tell_events
from incident_flows.flows.pages import Page, clock_rows, left, pages
from incident_flows.flows.runs import bring, lines
from incident_flows.services.board import Board, board_of, boards, open_refs
from incident_flows.services.board_policy import board_policy
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
        id_, console = board_id(), connected.console()
        if only is not None:
            _look(desk, id_, board_of(desk, only, now=now), shown, now=now, console=console)
        else:
            _look_at_all(desk, id_, shown, now=now, console=console)
            _wall(desk, id_, now=now)
            _upcoming(desk, id_, now=now)
            tell_events(desk, id_, ticked_at=now)
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


def board_id() -> str:
    """Return the id of the board of this Prefect server; a fresh one where there is none."""
    known = Variable.get(BOARD_ID, default=None)
    if known is not None:
        return str(known)
    fresh = uuid.uuid4().hex[:12]
    Variable.set(BOARD_ID, fresh)
    return fresh


def _look_at_all(
    desk: Desk, board_id: str, shown: Shown, *, now: datetime, console: str | None
) -> None:
    """Look at what is open, and at what was open when it was last shown; on a fresh board, at the closed ones too."""
    key = open_key(board_id)
    with desk.database.read() as tx:
        before: list[str] | None = tx.leases.get(key)
    since = now - board_policy(desk).closed if before is None else None
    open_now = open_refs(desk, closed_since=since)
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
        _look(desk, board_id, board, shown, now=now, console=console)
        if board.state == "open":
            kept.append(board.ref)
        elif board.closed_at is not None:
            _closed(desk, board_id, board.ref, board.closed_at)
    if kept != before:
        with desk.database.write() as tx:
            tx.leases.put(key, kept)


def open_key(board_id: str) -> str:
    """Return under which mark the incidents stand that every round looks at."""
    return f"board/{board_id}/open"


def closed_key(board_id: str) -> str:
    """Return under which mark the closed incidents stand that are still shown, with when they were closed."""
    return f"board/{board_id}/closed"


def _closed(desk: Desk, board_id: str, ref: str, at: datetime) -> None:
    with desk.database.write() as tx:
        closed = tx.leases.get(closed_key(board_id)) or {}
        tx.leases.put(closed_key(board_id), {**closed, ref: at.isoformat()})


def forget(desk: Desk, board_id: str, ref: str) -> None:
    """Forget that a closed incident is shown."""
    with desk.database.write() as tx:
        closed = dict(tx.leases.get(closed_key(board_id)) or {})
        closed.pop(ref, None)
        tx.leases.put(closed_key(board_id), closed)
        tx.leases.forget([f"board/{board_id}/{ref}"])


def _look(
    desk: Desk, board_id: str, board: Board, shown: Shown, *, now: datetime, console: str | None
) -> None:
    key = f"board/{board_id}/{board.ref}"
    with desk.database.write() as tx:
        tx.leases.take(ALONE, desk.owner, connected.now(), LEASE)
        mark: dict[str, Any] = tx.leases.get(key) or {}
    shown.decisions[board.ref] = board.decisions if board.state == "open" else ()
    wanted = list(pages(board, now=now, console=console))
    with get_client(sync_client=True) as client:
        if mark.get("fingerprint") != board.fingerprint:
            _show(desk, client, board_id, board, wanted, mark)
            shown.changed += 1
        elif board.state == "open" and not _refreshed(client, mark, wanted):
            _show(desk, client, board_id, board, wanted, mark)  # deleted in Prefect: make new ones


def _show(
    desk: Desk, client: SyncPrefectClient, board_id: str, board: Board, wanted: Iterable[Page], mark: Mapping[str, Any]
) -> None:
    """Bring every run into its state, and the artifacts up to date: a new version of what changed."""
    key = f"board/{board_id}/{board.ref}"
    known: dict[str, dict[str, Any]] = dict(mark.get("pages") or {})

    def marked(runs: Mapping[str, Any], fingerprint: str | None = None) -> None:
        with desk.database.write() as tx:
            tx.leases.put(key, {"fingerprint": fingerprint, "runs": dict(runs), "pages": known})

    runs = bring(client, board_id, lines(board), mark.get("runs") or mark.get("phases") or {}, marked)
    for page in wanted:
        before = known.get(page.part) or {}
        fresh = page.versions and before.get("same") != page.same
        if fresh or not _updated(client, before.get("id"), page.data, page.words):
            artifact = ArtifactCreate(
                type=page.type,
                key=f"{board.ref.lower()}-{page.part}",
                data=page.data if page.type != "table" else json.dumps(page.data),
                description=page.words,
                flow_run_id=uuid.UUID(runs[page.of]["run"]),
            )
            known[page.part] = {"id": str(client.create_artifact(artifact).id)}
        known[page.part] = {"id": known[page.part]["id"], "same": page.same}
        marked(runs)
    marked(runs, board.fingerprint)


def _refreshed(client: SyncPrefectClient, mark: Mapping[str, Any], wanted: Iterable[Page]) -> bool:
    """Bring the times left up to date in the versions that stand, instead of making one a minute."""
    known = mark.get("pages") or {}
    return all(
        _updated(client, (known.get(page.part) or {}).get("id"), page.data, page.words)
        for page in wanted
        if page.timed
    )


def _updated(client: SyncPrefectClient, artifact_id: str | None, data: Any, description: str) -> bool:
    """Put new data into an artifact; False if there is none of that id any more."""
    if artifact_id is None:
        return False
    stored = json.dumps(data) if isinstance(data, list) else data
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
            "in": left(step.due_at.isoformat(), now),
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
        made = str(client.create_artifact(table).id)
    with desk.database.write() as tx:
        tx.leases.put(mark, made)
