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
from incident_flows.flows.runs import Made, bring, lines
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
    if not _alone(desk, wait=wait):
        return Shown(alone=False)
    try:
        with get_client(sync_client=True) as client:
            round_ = _Round(desk, Made(client, board_id()), now, connected.console())
            if only is not None:
                _look(round_, board_of(desk, only, now=now))
            else:
                _look_at_all(round_)
                _wall(round_)
                _upcoming(round_)
                tell_events(desk, round_.made.board_id, ticked_at=now)
            return round_.shown
    finally:
        with desk.database.write() as tx:
            tx.leases.release(ALONE, desk.owner)


@dataclass
class _Round:
    """One round: the server it shows things on, and what it did so far."""

    desk: Desk
    made: Made
    now: datetime
    console: str | None
    shown: Shown = field(default_factory=Shown)

    def mark(self, about: str) -> str:
        """Return the name of a mark of this board."""
        return f"board/{self.made.board_id}/{about}"


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


def _look_at_all(round_: _Round) -> None:
    """Look at what is open, and at what was open when it was last shown; on a fresh board, at the closed ones too."""
    desk, now, key = round_.desk, round_.now, open_key(round_.made.board_id)
    with desk.database.read() as tx:
        before: list[str] | None = tx.leases.get(key)
    since = now - board_policy(desk).closed if before is None else None
    open_now = open_refs(desk, closed_since=since)
    known = set(before or ())
    to_show = [*(ref for ref in open_now if ref not in known), *(before or ())]  # what is new comes first
    if before is None:
        with desk.database.write() as tx:
            tx.leases.put(key, to_show)
    ends = time.monotonic() + PATIENCE
    kept: list[str] = []
    for number, board in enumerate(boards(desk, now=now, refs=to_show)):
        if number and time.monotonic() > ends:
            round_.shown.left = len(to_show) - number
            kept = [*to_show[number:], *kept]  # those left over come first the next time
            break
        _look(round_, board)
        if board.state == "open":
            kept.append(board.ref)
        elif board.closed_at is not None:
            _closed(desk, round_.made.board_id, board.ref, board.closed_at)
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


def _look(round_: _Round, board: Board) -> None:
    desk, shown = round_.desk, round_.shown
    with desk.database.write() as tx:
        tx.leases.take(ALONE, desk.owner, connected.now(), LEASE)
        mark: dict[str, Any] = tx.leases.get(round_.mark(board.ref)) or {}
    shown.decisions[board.ref] = board.decisions if board.state == "open" else ()
    wanted = list(pages(board, now=round_.now, console=round_.console))
    if mark.get("fingerprint") != board.fingerprint:
        _show(round_, board, wanted, mark)
        shown.changed += 1
    elif board.state == "open" and not _refreshed(round_.made.client, mark, wanted):
        _show(round_, board, wanted, mark)  # deleted in Prefect: make new ones


def _show(round_: _Round, board: Board, wanted: Iterable[Page], mark: Mapping[str, Any]) -> None:
    """Bring every run into its state, and the artifacts up to date: a new version of what changed."""
    client = round_.made.client
    known: dict[str, dict[str, Any]] = dict(mark.get("pages") or {})

    def marked(runs: Mapping[str, Any], fingerprint: str | None = None) -> None:
        with round_.desk.database.write() as tx:
            tx.leases.put(
                round_.mark(board.ref), {"fingerprint": fingerprint, "runs": dict(runs), "pages": known}
            )

    runs = bring(round_.made, lines(board), mark.get("runs") or mark.get("phases") or {}, marked)
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


def _wall(round_: _Round) -> None:
    """One table over all incidents, under a key that never changes."""
    now = round_.now
    running = clocks(round_.desk, None, now=now)
    rows = [
        {"incident": row["incident"], **shown}
        for row, shown in zip(running, clock_rows(running[:WALL_ROWS], now=now), strict=False)
    ]
    words = f"Running clocks, soonest first: {len(rows)} of {len(running)}; as of {now:%Y-%m-%d %H:%M} UTC"
    _stands(round_, f"board/{round_.made.board_id}", "wall-of-clocks", rows, words)


def _upcoming(round_: _Round) -> None:
    """One table of what the engine will tell the team next, and when."""
    now = round_.now
    with round_.desk.database.read() as tx:
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
    _stands(round_, round_.mark("upcoming"), "upcoming-steps", rows, words)


def _stands(round_: _Round, mark: str, key: str, rows: list[dict[str, Any]], words: str) -> None:
    """Bring the one table of this key up to date; make it if it is not there."""
    with round_.desk.database.read() as tx:
        known = tx.leases.get(mark)
    if _updated(round_.made.client, known, rows, words):
        return
    table = ArtifactCreate(type="table", key=key, data=json.dumps(rows), description=words)
    made = str(round_.made.client.create_artifact(table).id)
    with round_.desk.database.write() as tx:
        tx.leases.put(mark, made)
