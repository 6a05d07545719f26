"""One run on the board per phase and per addressee, in the state our database says. No process stands behind it."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prefect import Flow, State
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound

from incident_flows.flows.phases import FLOW_OF, one_notice
from incident_flows.services.board import Board
from incident_flows.services.telling import RED

OURS = "breach"
NOTICE = "notice"  # the deployment, and the tag, of the run of one addressee


@dataclass(frozen=True)
class Line:
    """One run as it should stand.

    Attributes:
        key: A phase, or an obligation's id.
        deployment: Which one the run is of.
    """

    key: str
    deployment: str
    flow: Flow[..., Any]
    name: str
    parameters: Mapping[str, str]
    tags: tuple[str, ...]
    state: str
    message: str
    done: bool

    @property
    def words(self) -> str:
        """Everything of it that is seen: name and tags in a line, then state and message."""
        return "\n".join((self.head, f"{self.state}: {self.message}"))

    @property
    def head(self) -> str:
        """Name and tags."""
        return " ".join((self.name, *sorted(self.tags)))

    def as_state(self) -> State[None]:
        """Return its state: running as long as something is left to do, red where a person has to act at once."""
        kind = StateType.COMPLETED if self.done else StateType.RUNNING
        return State(type=StateType.FAILED if self.state in RED else kind, name=self.state, message=self.message)


def lines(board: Board) -> Iterator[Line]:
    """Yield the runs of an incident: its phases, and each addressee it is or was to be told to."""
    drill = ("drill",) if board.drill else ()
    for phase in board.phases:
        flow = FLOW_OF[phase.key]
        yield Line(
            phase.key, phase.key, flow, f"{board.ref} · {flow.name}", {"incident": board.ref},
            (OURS, "phase", board.ref, phase.key, board.organisation, *drill, *board.places[:20]),
            phase.state, phase.message, phase.done,
        )  # fmt: skip
    for one in board.tellings:
        yield Line(
            one.oid, NOTICE, one_notice, f"{board.ref} · {one.name}",
            {"incident": board.ref, "obligation": one.oid},
            (OURS, NOTICE, board.ref, one.phase, board.organisation, *drill, *one.tags),
            one.state, one.message, one.done,
        )  # fmt: skip


@dataclass
class Made:
    """Where runs are made: the server's client, its board's id, and the deployments asked for so far."""

    client: SyncPrefectClient
    board_id: str
    _deployments: dict[str, uuid.UUID | None] = field(default_factory=dict)

    def deployment(self, line: Line) -> uuid.UUID | None:
        """Return the deployment a line is a run of; None where nobody serves it."""
        name = f"{line.flow.name}/{line.deployment}"
        if name not in self._deployments:
            try:
                self._deployments[name] = self.client.read_deployment_by_name(name).id
            except ObjectNotFound:
                self._deployments[name] = None
        return self._deployments[name]


def bring(
    made: Made, wanted: Iterator[Line], known: Mapping[str, Mapping[str, str]],
    mark: Callable[[dict[str, dict[str, str]]], None],
) -> dict[str, dict[str, str]]:  # fmt: skip
    """Bring every run into its state, make those there are not, remove those that stand for nothing any more.

    Args:
        known: Per key the id of its run and the words it was last shown with.
        mark: Told what is known after each change, so that a process that dies makes no run twice.

    Returns:
        What is known now.
    """
    now = {key: dict(one) for key, one in known.items()}
    keys = set()
    for line in wanted:
        keys.add(line.key)
        before = now.get(line.key, {})
        if before.get("words") != line.words:
            now[line.key] = {"run": _shown(made, line, before), "words": line.words}
            mark(now)
    for key in set(now) - keys:
        with contextlib.suppress(ObjectNotFound):
            made.client.delete_flow_run(uuid.UUID(now.pop(key)["run"]))
        mark(now)
    return now


def _shown(made: Made, line: Line, before: Mapping[str, str]) -> str:
    """Bring the one run of a line into its present state, and return its id; make it if there is none."""
    client, state = made.client, line.as_state()
    if "run" in before:
        try:
            if before.get("words", "").partition("\n")[0] != line.head:
                client.update_flow_run(uuid.UUID(before["run"]), name=line.name, tags=line.tags)
            client.set_flow_run_state(uuid.UUID(before["run"]), state, force=True)
            return before["run"]
        except ObjectNotFound:
            pass  # deleted in Prefect: it is ours to make again
    deployment = made.deployment(line)
    if deployment is None:
        run = client.create_flow_run(
            line.flow, name=line.name, parameters=dict(line.parameters), tags=line.tags, state=state
        )
        return str(run.id)
    run = client.create_flow_run_from_deployment(
        deployment, name=line.name, parameters=dict(line.parameters), tags=line.tags, state=state,
        idempotency_key=f"{made.board_id}/{line.parameters['incident']}/{line.key}",
    )  # fmt: skip
    if run.state is None or (run.state.name, run.state.message) != (line.state, line.message):
        client.set_flow_run_state(run.id, state, force=True)  # made before, by a process that died then
    return str(run.id)
