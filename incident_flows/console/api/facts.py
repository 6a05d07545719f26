"""Facts and decisions: the vocabulary, every version, a change, a person's word."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from incident_flows.console.api import asked, shapes
from incident_flows.console.api.base import (
    PROBLEMS,
    SOURCE,
    V1,
    At,
    Code,
    Now,
    Once,
    Ref,
    answered,
    shown_to_be,
)
from incident_flows.console.signed import may
from incident_flows.core.instants import parse_instant
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import InputError
from incident_flows.services.decide import decide
from incident_flows.services.show import facts_history
from incident_flows.services.update import change_facts

router = APIRouter(prefix=V1, route_class=Once, responses=PROBLEMS, tags=["facts"])
Reads = Annotated[Actor, Depends(may("read"))]


@router.get("/facts/words", response_model=dict[str, dict[str, Any]])
def words(desk: At, actor: Reads) -> Response:
    """Return the words of a facts file with their meaning, by kind."""
    book = desk.library.lawbook
    return answered({**book.words, "dossier": {name: one.question for name, one in book.dossier.items()}})


@router.get("/incidents/{ref}/facts", response_model=list[shapes.Version])
def history(desk: At, ref: Ref, actor: Reads) -> Response:
    """Return every version of the facts, the first one first."""
    return answered(facts_history(desk, ref))


@router.patch("/incidents/{ref}/facts", response_model=shapes.Updated)
def change(
    desk: At, now: Now, ref: Ref, body: asked.Change, actor: Annotated[Actor, Depends(may("update"))]
) -> Response:
    """Add or correct facts; the old ones stay in the record. Answers anew."""
    try:
        learned_at = parse_instant(body.learned_at) if body.learned_at else None
    except ValueError as error:
        raise InputError(f"learned_at: {error}") from None
    updated = change_facts(
        desk, ref, body.change, actor=actor, now=now, source=SOURCE, learned_at=learned_at
    )
    return answered(updated.to_json())


@router.post("/incidents/{ref}/decisions", response_model=shapes.Decided)
def decided(
    desk: At,
    now: Now,
    ref: Ref,
    body: asked.Decision,
    actor: Annotated[Actor, Depends(may("decide"))],
    code: Code = None,
) -> Response:
    """Decide an obligation or the risk. What lowers protection takes two people, and a Breach-Code of each."""
    proof = shown_to_be(desk, actor, code, now=now)
    done = decide(
        desk, ref, body.subject, body.answer, because=body.because, actor=actor, now=now,
        proved=proof is not None, proof=proof,
    )  # fmt: skip
    return answered(done.to_json())
