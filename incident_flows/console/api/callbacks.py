"""What the provider of mail says became of letters: its signed events, put down at once and counted by the tick."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from incident_flows.console.page import desk_of, now_of
from incident_flows.console.problem import problem
from incident_flows.console.signed import stranger
from incident_flows.services.follow import receive
from notifications.errors import PermanentError, SignatureError
from notifications.webhook import SENDGRID_FRESHNESS, outside_window

router = APIRouter()
REFUSED = "nothing was believed"
TIME = "x-twilio-email-event-webhook-timestamp"
STALE = f"{TIME}: is older than 25 hours, or ahead of our clock; nothing was believed"


@router.post("/callbacks/sendgrid", dependencies=[Depends(stranger)])
async def sendgrid(request: Request) -> Response:
    """Take events; an answer other than 2xx makes the provider repeat them for a day."""
    desk, now, headers = desk_of(request), now_of(request), dict(request.headers)
    if outside_window(headers, now=now, name=TIME, oldest=SENDGRID_FRESHNESS):  # known or not, signed or not
        return problem(STALE, 403)
    if not desk.event_keys:  # a door that is not set up reads nothing
        return problem(REFUSED, 403)
    body = await request.body()

    def taken() -> Response:
        try:
            receive(desk, body, now=now, headers=headers)
        except SignatureError:
            return problem(REFUSED, 403)
        except PermanentError:  # a key of ours that is none: the provider repeats, and `breach doctor` says it
            return problem(REFUSED, 503)
        return Response(status_code=204)

    return await run_in_threadpool(taken)
