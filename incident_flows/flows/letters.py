"""One flow run per wave of letters, in tasks of a hundred requests. Prefect gets ids and counts, nothing else.

The service does the work and holds the lease, so a run beside the terminal or a tick does nothing twice; a
run that dies is continued by the next tick, or by another run.
"""

from __future__ import annotations

from typing import Annotated, Any

from prefect import State, flow, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed
from pydantic import Field

from incident_flows.flows import connected
from incident_flows.flows.guard import guarded
from incident_flows.flows.phases import Ref
from incident_flows.services.broadcast import send_packed, waves_to_send
from incident_flows.services.desk import Desk
from incident_flows.services.notify import settle

LETTERS = "letters/letters"
BATCHES_A_TASK = 100
Notice = Annotated[str, Field(pattern=r"^N-\d{4,}$", description="Such as N-0001")]
Wave = Annotated[int, Field(ge=0, le=20)]


@task(name="send batches", task_run_name="{incident} {notice} wave {wave} part {part}", persist_result=False)
def send_part(incident: str, notice: str, wave: int, part: int) -> dict[str, float | str | None]:
    """Send up to a hundred requests of one wave; return why it ended and how far it is, in counts."""
    desk, now = connected.desk(), connected.now()
    with desk.database.read() as tx:
        row = tx.notices.get(incident, notice)
    done = send_packed(desk, incident, row, actor="engine", now=now, batches=BATCHES_A_TASK, wave=wave)
    settle(desk, incident, notice, actor="engine", now=connected.now())
    progress = done.progress
    told = progress.people - progress.left + progress.sent
    return {
        "ended": done.ended,
        "because": done.because,
        "percent": round(100 * told / progress.people, 1) if progress.people else 100.0,
        "rate": round(progress.rate, 1),
    }


@flow(name="letters", flow_run_name="{incident} · {notice} · wave {wave}", persist_result=False)
@guarded()
def send_wave(incident: Ref, notice: Notice, wave: Wave) -> State[None]:
    """Send one wave of letters, up to its end or to whatever stops it."""
    shown: Any = create_progress_artifact(0.0, description=f"{incident} {notice}: letters, wave {wave}")
    part = 1
    while True:
        done = send_part(incident, notice, wave, part)
        percent = float(done["percent"] or 0.0)
        said = f"{incident} {notice}: wave {wave}, {percent} % told, {done['rate']} people a second"
        update_progress_artifact(shown, percent, description=said)
        if done["ended"] != "budget":
            break
        part += 1
    names = {"done": "Sent", "wave": "Sent", "elsewhere": "SentElsewhere", "waits": "Waits"}
    ended = str(done["ended"])
    return Completed(name=names.get(ended, ended.capitalize()), message=str(done["because"] or f"wave {wave} is out"))


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
