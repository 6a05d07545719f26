"""Prefect's own scheduled runs: prints how many seconds so many due runs of an empty flow take."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.runner import Runner
from prefect.states import Scheduled


@flow
def null(number: int) -> None:
    """Do nothing."""


async def main(count: int) -> float:
    """Return the seconds from the runner's start to the last run's end."""
    over = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.COMPLETED])))
    async with get_client() as client:
        for _ in range(600):
            if await client.api_healthcheck() is None:
                break
            await asyncio.sleep(0.1)
        runner = Runner(name="bench", query_seconds=0.5, limit=8, pause_on_shutdown=False)
        deployment = await runner.aadd_flow(null, name="null")
        past = datetime.now(UTC) - timedelta(seconds=5)
        for number in range(count):
            await client.create_flow_run_from_deployment(
                deployment, parameters={"number": number}, state=Scheduled(scheduled_time=past)
            )
        started = time.perf_counter()
        running = asyncio.create_task(runner.start())
        by_name = FlowRunSort.NAME_ASC
        while len(await client.read_flow_runs(flow_run_filter=over, sort=by_name, limit=200)) < count:
            await asyncio.sleep(0.1)
        took = time.perf_counter() - started
        running.cancel()
        await asyncio.wait([running], timeout=5)
    return took


if __name__ == "__main__":
    print(asyncio.run(main(int(sys.argv[1]))), flush=True)
