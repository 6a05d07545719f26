"""Calls the team about the engine itself, once for a while: ticks stopped, a deadline undecided, sending fails."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from incident_flows.services.audit import raise_alarm
from incident_flows.services.desk import Desk
from incident_flows.services.watch import status

Because = Literal["ticks-stopped", "deadline-undecided", "delivery-failing"]
AGAIN_AFTER = timedelta(minutes=30)
_TEXT = {
    "ticks-stopped": "The clocks have not been looked at since {since}. Start the engine: `breach up`; until it "
    "runs, `breach watch` does what is due once.",
    "deadline-undecided": "{subject}: the deadline is near and nobody has decided yet. `breach show {incident}`",
    "delivery-failing": "{subject}: sending fails or its outcome is not known. `breach show {incident}`",
}


def page_team(desk: Desk, because: Because, *, now: datetime, incident: str = "", subject: str = "") -> bool:
    """Raise the alarm unless it was raised a short while ago, or there is no reason any more.

    Returns:
        Whether anybody was called.
    """
    alive = status(desk, now=now)
    if because == "ticks-stopped" and alive["ticking"]:
        return False
    mark = f"paged/{because}/{incident}/{subject}"
    with desk.database.write() as tx:
        last = tx.leases.get(mark)
        if last is not None and abs(now - datetime.fromisoformat(last)) < AGAIN_AFTER:
            return False
        tx.leases.put(mark, now.isoformat())
    about = f"{incident} {subject}".strip() or "an incident"
    text = _TEXT[because].format(since=alive["last_tick"] or "ever", incident=incident, subject=about)
    raise_alarm(desk, text, {"because": because, "incident": incident, "subject": subject}, now=now)
    return True
