"""Who has an account, in which role, and who is the same person as somebody else."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from incident_flows.console.page import desk_of, page
from incident_flows.console.signed import may
from incident_flows.core.lifecycle import Actor

router = APIRouter()


@router.get("/accounts")
def accounts(request: Request, actor: Annotated[Actor, Depends(may("accounts"))]) -> Response:
    """List the accounts; they are made and changed on the terminal."""
    with desk_of(request).database.read() as tx:
        rows = tx.accounts.list()
    people = Counter(row.person for row in rows if not row.disabled)
    return page(request, "accounts.html", rows=rows, people=people, actor=actor)
