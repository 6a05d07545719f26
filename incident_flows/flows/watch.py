"""The tick, on Prefect's schedule: everything due is done, then the board is refreshed. Ends at once.

Two ticks at a time do no harm (rows are claimed), but are of no use either: a lease of our own lets the
second one return. Prefect's concurrency limits are not used for it; a killed run would hold their slot.
"""

from __future__ import annotations

from datetime import timedelta

from prefect import State, flow, get_run_logger
from prefect.states import Completed

from incident_flows.flows import connected
from incident_flows.flows.forms import offer_forms
from incident_flows.flows.mirror import mirror
from incident_flows.services.watch import tick

LEASE = timedelta(seconds=50)


@flow(name="watch", flow_run_name="tick", persist_result=False)
def watch() -> State[None]:
    """Fire what is due, go on with approved sends, audit, and show it all."""
    desk, now = connected.desk(), connected.now()
    with desk.database.write() as tx:
        alone = tx.leases.take("mirror", desk.owner, now, LEASE)
    done = tick(desk, now=now)
    if not alone:
        return Completed(name="Ticked", message=f"{done.fired} fired; another tick shows the board")
    try:
        changed = mirror(desk, now=now)
        offered = offer_forms(desk, now=now)
    finally:
        with desk.database.write() as tx:
            tx.leases.release("mirror", desk.owner)
    get_run_logger().info("fired %s, late %s, sent %s, in doubt %s, missed %s", done.fired, done.late, done.sent, done.in_doubt, done.missed)
    name = "Missed" if done.missed else "InDoubt" if done.in_doubt else "Ticked"
    return Completed(name=name, message=f"{done.fired} fired ({done.late} late), {changed} incidents changed, {offered} forms offered")
