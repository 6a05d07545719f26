"""Makes Prefect show what our database says: a run per phase, a table of deadlines, a page of status.

A mirror only. What was last shown is marked in our database under the id of the Prefect server's own board;
a new or emptied server has another id, so everything is shown again. A failing mirror stops no clock.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from prefect import tags
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.exceptions import ObjectNotFound
from prefect.variables import Variable

from incident_flows.flows.phases import FLOW_OF
from incident_flows.services.board import Board, boards
from incident_flows.services.desk import Desk

BOARD_ID = "breach_board_id"


def mirror(desk: Desk, *, now: datetime) -> int:
    """Show every incident; return how many had changed since they were last shown."""
    board_id, fresh = _board_id()
    changed = 0
    for board in boards(desk, now=now, closed_too=True):
        key = f"board/{board_id}/{board.ref}"
        with desk.database.read() as tx:
            mark: dict[str, Any] = tx.leases.get(key) or {}
        if mark.get("fingerprint") == board.fingerprint:
            if board.state == "open":
                _refresh(board, mark, now=now)
            continue
        mark = _show(board, mark, now=now)
        with desk.database.write() as tx:
            tx.leases.put(key, mark)
        changed += 1
    _wall(desk, board_id, now=now, fresh=fresh)
    return changed


def _board_id() -> tuple[str, bool]:
    known = Variable.get(BOARD_ID, default=None)
    if known is not None:
        return str(known), False
    fresh = uuid.uuid4().hex[:12]
    Variable.set(BOARD_ID, fresh)
    return fresh, True


def _show(board: Board, mark: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Run the flow of every phase whose words changed, and make new versions of the artifacts."""
    shown = dict(mark.get("phases") or {})
    for phase in board.phases:
        words = f"{phase.state}: {phase.message}"
        if shown.get(phase.key) != words:
            with tags(board.ref, phase.key, board.organisation, *(["drill"] if board.drill else []), *board.places[:20]):
                FLOW_OF[phase.key](board.ref, return_state=True)
            shown[phase.key] = words
    key = board.ref.lower()
    clocks = create_table_artifact(
        key=f"{key}-clocks", table=clock_rows(board.clocks, now=now), description=f"Deadlines of {board.ref}, soonest first"
    )
    status = create_markdown_artifact(
        key=f"{key}-status", markdown=status_page(board, now=now), description=f"Where {board.ref} stands"
    )
    return {"fingerprint": board.fingerprint, "phases": shown, "clocks": str(clocks), "status": str(status)}


def _refresh(board: Board, mark: Mapping[str, Any], *, now: datetime) -> None:
    """Bring the times left up to date in the versions that stand, instead of making one a minute."""
    with get_client(sync_client=True) as client:
        _update(client, mark.get("clocks"), clock_rows(board.clocks, now=now))
        _update(client, mark.get("status"), status_page(board, now=now))


def _update(client: SyncPrefectClient, artifact_id: str | None, data: Any) -> None:
    if artifact_id is None:
        return
    try:
        client.update_artifact(artifact_id=uuid.UUID(artifact_id), artifact=ArtifactUpdate(data=_as_stored(data)))
    except ObjectNotFound:
        return  # pruned: the next change makes a new one


def _as_stored(data: Any) -> Any:
    import json

    return data if isinstance(data, str) else json.dumps(data)


def _wall(desk: Desk, board_id: str, *, now: datetime, fresh: bool) -> None:
    """One table over all incidents, under a key that never changes."""
    rows = [
        {"incident": board.ref, **row}
        for board in boards(desk, now=now)
        for row in clock_rows(board.clocks, now=now)
    ]
    key = f"board/{board_id}"
    with desk.database.read() as tx:
        artifact_id = None if fresh else tx.leases.get(key)
    if artifact_id is not None:
        with get_client(sync_client=True) as client:
            try:
                client.update_artifact(artifact_id=uuid.UUID(artifact_id), artifact=ArtifactUpdate(data=_as_stored(rows)))
                return
            except ObjectNotFound:
                pass
    made = create_table_artifact(key="wall-of-clocks", table=rows, description="All running clocks, soonest first")
    with desk.database.write() as tx:
        tx.leases.put(key, str(made))


def clock_rows(clocks: Iterable[Mapping[str, Any]], *, now: datetime) -> list[dict[str, Any]]:
    """Return clocks as a table artifact shows them."""
    return [
        {
            "tell": row["addressee"],
            "by (their time)": row["due_local"] or "—",
            "by (UTC)": row["effective_at"] or "no number in law",
            "end": row["end"],
            "left": _left(row["effective_at"], now),
            "article": row["cite"] or "",
            "status": row["status"],
        }
        for row in clocks
    ]


def _left(end: str | None, now: datetime) -> str:
    if end is None:
        return "—"
    seconds = int((datetime.fromisoformat(end.replace("Z", "+00:00")) - now).total_seconds())
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"{'OVERDUE ' if seconds <= 0 else ''}{hours} h {minutes:02} min"


def status_page(board: Board, *, now: datetime) -> str:
    """Return the status of an incident as markdown: phases, notices, deliveries, questions."""
    lines = [
        f"# {board.ref}{' · DRILL' if board.drill else ''}", "", f"{board.organisation} · {board.state} · as of {now:%Y-%m-%d %H:%M} UTC", "",
        "| phase | state | |", "|---|---|---|",
        *(f"| {phase.key} | **{phase.state}** | {phase.message} |" for phase in board.phases),
    ]
    if board.notices:
        lines += ["", "## Notices", "", "| notice | obligation | state | language | text (SHA-256) | empty fields |", "|---|---|---|---|---|---|"]
        lines += [
            f"| {one['id']} | {one['obligation']} | {one['state']} | {one['language']} | {one['sha256']} | {one['missing']} |"
            for one in board.notices
        ]
    if board.deliveries:
        lines += ["", "## Deliveries", "", ", ".join(f"{count} {state}" for state, count in board.deliveries.items())]
    if board.questions:
        lines += ["", "## To be found out", "", *(f"- `{fact}`" for fact in board.questions)]
    if board.decisions:
        lines += ["", "## To be decided", "", *(f"- `{subject}`" for subject in board.decisions)]
    return "\n".join(lines)
