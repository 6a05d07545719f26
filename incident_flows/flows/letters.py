"""One flow run per wave of letters, in tasks of a hundred requests. Prefect gets ids and counts, nothing else.

The service does the work and holds the lease, so a run beside the terminal or a tick does nothing twice; a
run that dies is continued by the next tick, or by another run.
"""

from __future__ import annotations

from typing import Annotated

from prefect import State, flow, get_run_logger, task
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed
from pydantic import Field

from incident_flows.flows import connected
from incident_flows.flows.guard import guarded, told
from incident_flows.flows.mirror import mirror
from incident_flows.flows.phases import Ref
from incident_flows.services.broadcast import send_packed, waves_to_send
from incident_flows.services.desk import Desk
from incident_flows.services.notify import settle

LETTERS = "letters/letters"
BATCHES_A_TASK = 100
Notice = Annotated[str, Field(pattern=r"^N-\d{4,}$", description="Such as N-0001")]
Wave = Annotated[int, Field(ge=0, le=20)]


@task(name="send batches", task_run_name="{incident} {notice} wave {wave} part {part}", persist_result=False)
def send_part(incident: str, notice: str, wave: int, part: int) -> dict[str, str | None]:
    """Send up to a hundred requests of one wave; return how it ended, and why."""
    desk, now = connected.desk(), connected.now()
    with desk.database.read() as tx:
        row = tx.notices.get(incident, notice)
    done = send_packed(desk, incident, row, actor="engine", now=now, batches=BATCHES_A_TASK, wave=wave)
    settle(desk, incident, notice, actor="engine", now=connected.now())
    return {"ended": done.ended, "because": done.because}


@flow(name="letters", flow_run_name="{incident} · {notice} · wave {wave}", persist_result=False)
@guarded()
def send_wave(incident: Ref, notice: Notice, wave: Wave) -> State[None]:
    """Send one wave of letters, up to its end or to whatever stops it."""
    part = 1
    while True:
        done = send_part(incident, notice, wave, part)
        _show(incident)
        if done["ended"] != "budget":
            break
        part += 1
    names = {"done": "Sent", "wave": "Sent", "elsewhere": "SentElsewhere", "waits": "Waits"}
    ended = str(done["ended"])
    return Completed(name=names.get(ended, ended.capitalize()), message=str(done["because"] or f"wave {wave} is out"))


def _show(incident: str) -> None:
    """Bring the progress on the board up to date, if the board can be reached; letters go on without it."""
    try:
        mirror(connected.desk(), now=connected.now(), only=incident)
    except Exception as error:  # the picture is old, nothing else
        get_run_logger().warning("the board is not up to date: %s", told(error))


def begin_waves(desk: Desk) -> int:
    """Begin a run for every wave that nobody is sending; return how many."""
    begun = 0
    now = connected.now()
    for ref, notice, wave in waves_to_send(desk, now=now):
        with get_client(sync_client=True) as client:
            try:
                deployment = client.read_deployment_by_name(LETTERS)
            except ObjectNotFound:
                return begun  # nobody serves it: ticks and the terminal send
            client.create_flow_run_from_deployment(
                deployment.id,
                parameters={"incident": ref, "notice": notice, "wave": wave},
                idempotency_key=f"{ref}/{notice}/{wave}/{now:%Y%m%d%H%M}",
            )
        begun += 1
    return begun
