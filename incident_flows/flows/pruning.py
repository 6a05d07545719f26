"""Takes old runs and versions off the board, by policies/board.yaml, and puts back what somebody deleted.

A bounded piece of work each tick. Nothing is lost by it: what the board showed stands in our own record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import TERMINAL_STATES
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from incident_flows.core.instants import parse_instant
from incident_flows.flows.mirror import board_id, closed_key, forget, open_key
from incident_flows.services.board_policy import BoardPolicy, board_policy
from incident_flows.services.desk import Desk

OTHERS = ("form", "letters", "alarm")  # tags of the deployments, beside those of ticks and of the mirror's own runs
PAGE = 200


def prune(desk: Desk, *, now: datetime) -> int:
    """Do one tick's share; return how many runs and versions were deleted."""
    policy, id_ = board_policy(desk), board_id()
    left = policy.at_once
    with get_client(sync_client=True) as client:
        for tag, before in (("tick", now - policy.ticks), *((tag, now - policy.others) for tag in OTHERS)):
            left -= _delete_runs(client, _ended(client, tag, before, limit=left))
        left -= _closed(desk, client, policy, id_, left, now=now)
        left -= _looked_through(desk, client, policy, id_, left, now=now)
    return policy.at_once - left


def _ended(client: SyncPrefectClient, tag: str, before: datetime, *, limit: int) -> Sequence[UUID]:
    if limit < 1:
        return ()
    ended = FlowRunFilter(
        tags=FlowRunFilterTags(all_=["breach", tag]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=sorted(TERMINAL_STATES))),
        end_time=FlowRunFilterEndTime(before_=before),
    )
    return _runs(client, ended, limit=min(limit, PAGE))


def _runs(client: SyncPrefectClient, which: FlowRunFilter, *, limit: int = PAGE) -> list[UUID]:
    found = client.read_flow_runs(
        flow_run_filter=which, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=limit
    )
    return [run.id for run in found]


def _delete_runs(client: SyncPrefectClient, ids: Iterable[UUID]) -> int:
    deleted = 0
    for id_ in ids:
        try:
            client.delete_flow_run(id_)
        except ObjectNotFound:
            continue
        deleted += 1
    return deleted


def _closed(
    desk: Desk, client: SyncPrefectClient, policy: BoardPolicy, id_: str, left: int, *, now: datetime
) -> int:
    """Take incidents off that were closed long ago, one after the other."""
    with desk.database.read() as tx:
        closed: dict[str, str] = tx.leases.get(closed_key(id_)) or {}
    deleted = 0
    for ref, at in sorted(closed.items()):
        if deleted >= left or datetime.fromisoformat(at) >= now - policy.closed:
            continue
        runs = _runs(client, FlowRunFilter(tags=FlowRunFilterTags(all_=[ref])))
        deleted += _delete_runs(client, runs)
        versions = _versions(client, ref, most=PAGE)
        for one in versions:
            client.delete_artifact(UUID(one["id"]))
        deleted += len(versions)
        if len(runs) < PAGE and len(versions) < PAGE:
            forget(desk, id_, ref)
    return deleted


def _looked_through(
    desk: Desk, client: SyncPrefectClient, policy: BoardPolicy, id_: str, left: int, *, now: datetime
) -> int:
    """Look through the next few incidents: delete old versions, and have made again what is gone."""
    cursor = f"board/{id_}/looked-through"
    with desk.database.read() as tx:
        refs = sorted(tx.leases.get(open_key(id_)) or [])
        last: str = tx.leases.get(cursor) or ""
    after = [ref for ref in refs if ref > last]
    chosen = [*after, *refs[: len(refs) - len(after)]][: policy.checked]
    deleted = 0
    for ref in chosen:
        versions = _versions(client, ref)
        old = _old(versions, policy, now=now)[: max(0, left - deleted)]
        for version in old:
            client.delete_artifact(version)
        deleted += len(old)
        _have_made_again(desk, client, id_, ref, there={one["id"] for one in versions})
    if chosen:
        with desk.database.write() as tx:
            tx.leases.put(cursor, chosen[-1])
    return deleted


def _old(versions: Iterable[Mapping[str, str]], policy: BoardPolicy, *, now: datetime) -> list[UUID]:
    """Return those of these versions, newest first, that are too many of their key or too old; the oldest first."""
    by_key: dict[str, list[Mapping[str, str]]] = {}
    for one in versions:
        by_key.setdefault(one["key"], []).append(one)
    return [
        UUID(one["id"])
        for ones in by_key.values()
        for number, one in enumerate(ones)
        if number and (number >= policy.versions or parse_instant(one["created"]) < now - policy.versions_for)
    ][::-1]


def _versions(client: SyncPrefectClient, ref: str, *, most: int | None = None) -> list[dict[str, str]]:
    """Return the versions of an incident's artifacts, the newest first; `most` of them, or all."""
    found: list[dict[str, str]] = []
    while True:
        # Not client.read_artifacts: it sends fields without a value, which the server refuses.
        which = {"artifacts": {"key": {"like_": f"{ref.lower()}-%"}}, "sort": "CREATED_DESC"}
        page = client.request(
            "POST", "/artifacts/filter", json={**which, "limit": most or PAGE, "offset": len(found)}
        ).json()
        found += ({name: one[name] for name in ("id", "key", "created")} for one in page)
        if most or len(page) < PAGE:
            return found


def _have_made_again(desk: Desk, client: SyncPrefectClient, id_: str, ref: str, *, there: set[str]) -> None:
    """Forget of a run or an artifact that is gone that it was shown; the next tick makes it again."""
    key = f"board/{id_}/{ref}"
    with desk.database.read() as tx:
        mark: Mapping[str, Any] = tx.leases.get(key) or {}
    runs, pages = dict(mark.get("runs") or {}), dict(mark.get("pages") or {})
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(one["run"]) for one in runs.values()]))
    stand = {str(run) for run in _runs(client, wanted)} if runs else set()
    left = {
        "runs": {name: one for name, one in runs.items() if one["run"] in stand},
        "pages": {name: one for name, one in pages.items() if one["id"] in there},
    }
    if left != {"runs": runs, "pages": pages}:
        with desk.database.write() as tx:
            tx.leases.put(key, {"fingerprint": None, **left})
