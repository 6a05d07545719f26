"""Reads playbooks/scenarios: checklists and stories; every fault with its file and line."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from incident_flows.core.scenario import Scenario
from incident_flows.errors import InputError, KnowledgeError, NotFoundError
from incident_flows.knowledge.files import faults_of, read_yaml


def scenario_ids(root: Path) -> list[str]:
    """Return the ids of the scenarios of a playbooks folder."""
    return sorted(path.stem for path in (root / "scenarios").glob("*.yaml"))


def read_scenario(root: Path, id_: str) -> Scenario:
    """Return one scenario.

    Raises:
        NotFoundError: There is none of that id.
        KnowledgeError: Its file does not hold together; one line per fault.
    """
    path = root / "scenarios" / f"{id_}.yaml"
    if id_ not in scenario_ids(root):
        known = ", ".join(scenario_ids(root)) or "none"
        raise NotFoundError(f"there is no scenario {id_!r:.60}; there is {known}")
    document = read_yaml(path)
    try:
        found = Scenario.model_validate(document.data)
    except ValidationError as error:
        raise KnowledgeError(faults_of(error, document)) from None
    if found.id != id_:
        raise KnowledgeError(f"{path.name}: id is {found.id!r}; write {id_}, as the file is called")
    return found


def check_scenarios(root: Path) -> list[str]:
    """Return every fault in the scenarios of a folder."""
    faults: list[str] = []
    for id_ in scenario_ids(root):
        try:
            read_scenario(root, id_)
        except InputError as error:
            faults += error.faults
    return faults
