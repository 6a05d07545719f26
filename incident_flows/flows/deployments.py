"""What stands in prefect.yaml, served by a runner; and order after a kill: nothing dead stays running.

prefect.yaml is the one list of deployments, for `breach up` and for `prefect deploy --all` alike.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import Flow, State
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.runner import Runner
from prefect.states import Crashed, Scheduled

from incident_flows.errors import KnowledgeError
from incident_flows.flows.forms import TAKEN_OUT
from incident_flows.knowledge.files import read_yaml

FILE = "prefect.yaml"
PAGE = 200


@dataclass(frozen=True)
class Deployment:
    """One entry of prefect.yaml."""

    name: str
    entrypoint: str
    description: str | None
    tags: tuple[str, ...]
    interval: timedelta | None

    @property
    def flow(self) -> Flow[..., Any]:
        """The flow behind the entrypoint, such as incident_flows/flows/watch.py:watch."""
        path, _, name = self.entrypoint.partition(":")
        module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        flow: Flow[..., Any] = getattr(module, name)
        return flow


def prefect_file() -> Path:
    """Return where prefect.yaml is."""
    here = Path(__file__).resolve().parent
    file = next((one / FILE for one in (here.parent.parent, here) if (one / FILE).is_file()), None)
    if file is None:
        raise KnowledgeError(f"{FILE}: not found beside the package; reinstall it, or run from a checkout")
    return file


def deployments() -> list[Deployment]:
    """Return what stands in prefect.yaml, beside the package in a checkout, in it when installed.

    Raises:
        KnowledgeError: There is no such file, or an entry is not what is expected.
    """
    file = prefect_file()
    try:
        return [_deployment(entry) for entry in read_yaml(file).data["deployments"]]
    except (KeyError, TypeError, ValueError) as error:
        raise KnowledgeError(f"{file}: a deployment needs name, entrypoint, schedules: {error}") from None


def _deployment(entry: Any) -> Deployment:
    schedules = entry.get("schedules") or []
    if len(schedules) > 1 or any(set(one) != {"interval"} for one in schedules):
        raise ValueError(f"{entry['name']}: one schedule with an interval in seconds, or none")
    interval = timedelta(seconds=float(schedules[0]["interval"])) if schedules else None
    return Deployment(
        entry["name"], entry["entrypoint"], entry.get("description"), tuple(entry.get("tags") or ()), interval
    )


async def serve_all(runner: Runner) -> dict[str, UUID]:
    """Give every deployment to the runner; return their ids by name.

    No concurrency limit on any of them: a killed run would hold its slot (seen for minutes), so what must
    not overlap holds a lease in our own database.
    """
    found: dict[str, UUID] = {}
    for one in deployments():
        flow = one.flow
        found[one.name] = await runner.aadd_flow(
            flow,
            name=one.name,
            description=one.description or flow.description,
            tags=list(one.tags),
            interval=one.interval,
            paused=False,
        )
    return found


async def tidy_up(client: PrefectClient, *, now: datetime) -> int:
    """Put the board in order after a stop, on a server nobody else uses; return how many runs were touched.

    What still counts as running died with the engine. A form being read is offered anew, a report being taken
    in is taken in again (once, by its key), a tick is simply over. Ticks that were missed are not made up
    for: one tick does what is due.
    """
    touched = 0
    died = FlowRunFilterStateName(any_=["Running", "Pending", "Cancelling"])  # phases have names of their own
    async for run in _runs(client, FlowRunFilter(state=FlowRunFilterState(name=died))):
        await _end(client, run)
        touched += 1
    late = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime(before_=now),
    )
    async for run in _runs(client, late):
        if run.auto_scheduled:
            await client.delete_flow_run(run.id)
            touched += 1
    return touched


async def _end(client: PrefectClient, run: FlowRun) -> None:
    if "sha256" in run.parameters:
        await client.delete_flow_run(run.id)
        return
    if "subject" in run.parameters and "because" not in run.parameters:
        await client.delete_flow_run(run.id)
        return
    if "report" in run.parameters:
        await client.set_flow_run_state(run.id, Scheduled(name="OnceMore"), force=True)
        return
    if "because" in run.parameters:
        await client.update_flow_run(run.id, parameters={**run.parameters, "because": TAKEN_OUT})
    over: State[None] = Crashed(
        name="Interrupted", message="the engine stopped while this ran; the next tick goes on"
    )
    await client.set_flow_run_state(run.id, over, force=True)


async def _runs(client: PrefectClient, which: FlowRunFilter) -> AsyncIterator[FlowRun]:
    """Yield the runs that are found now; each is changed before the next page is read."""
    seen: set[UUID] = set()
    while True:
        page = await client.read_flow_runs(
            flow_run_filter=which, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=PAGE
        )
        fresh = [run for run in page if run.id not in seen]
        if not fresh:
            return
        for run in fresh:
            seen.add(run.id)
            yield run
