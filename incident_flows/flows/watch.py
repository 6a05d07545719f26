"""The tick, on Prefect's schedule: everything due is done, then the board is refreshed. Ends at once.

Two ticks at a time do no harm (rows are claimed). What shows the board holds a lease of our own, so that a
second tick leaves it alone. Prefect's concurrency limits are not used for it; a killed run would hold their
slot.
"""

from __future__ import annotations

from prefect import State, flow, get_run_logger
from prefect.states import Completed, Failed

from incident_flows.flows import connected
from incident_flows.flows.approving import offer_approvals
from incident_flows.flows.asking import offer_forms
from incident_flows.flows.guard import guarded, told
from incident_flows.flows.letters import begin_waves
from incident_flows.flows.mirror import mirror
from incident_flows.flows.pruning import prune
from incident_flows.services.watch import tick


@flow(name="watch", flow_run_name="tick", persist_result=False)
@guarded()
def watch() -> State[None]:
    """Fire what is due, go on with approved sends, audit, and show it all."""
    desk, now = connected.desk(), connected.now()
    done = tick(desk, now=now)
    did = f"{done.fired} fired ({done.late} late), {done.sent} sent"
    get_run_logger().info("%s, %s in doubt, %s missed", did, done.in_doubt, done.missed)
    try:
        shown = mirror(desk, now=now)
        offered = offer_forms(shown) + offer_approvals(desk, shown) if shown.alone else 0
        begin_waves(desk)
        if shown.alone:
            prune(desk, now=now)
    except Exception as error:  # the clocks are kept; only the picture of them is old
        return Failed(name="NotShown", message=f"{did}; the board is not up to date: {told(error)}")
    name = "Missed" if done.missed else "InDoubt" if done.in_doubt else "Ticked"
    if not shown.alone:
        return Completed(name=name, message=f"{did}; another run shows the board")
    later = f", {shown.left} to be shown by the next tick" if shown.left else ""
    return Completed(
        name=name, message=f"{did}; {shown.changed} incidents changed, {offered} forms offered{later}"
    )
