"""Automations of prefect.yaml, put in place on the server; those of earlier versions are taken away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.events.schemas.automations import Automation, AutomationCore
from pydantic import ValidationError

from incident_flows.errors import KnowledgeError
from incident_flows.flows.deployments import prefect_file
from incident_flows.knowledge.files import read_yaml

OURS = "breach"  # tag of what this product made


async def apply_automations(client: PrefectClient, deployments: Mapping[str, UUID]) -> list[str]:
    """Make every automation of prefect.yaml stand as written; return their names.

    Args:
        client: Of the server.
        deployments: Ids of the deployments by name, for the runs automations start.
    """
    wanted = {one.name: one for one in automations(deployments)}
    for standing in await _standing(client):
        if OURS not in (standing.tags or []):
            continue
        new = wanted.pop(standing.name, None)
        if new is None:
            await client.delete_automation(standing.id)
        elif _said(new) != _said(standing):
            await client.update_automation(standing.id, new)
    names = [one.name for one in automations(deployments)]
    for new in wanted.values():
        await client.create_automation(new)
    return names


async def _standing(client: PrefectClient) -> list[Automation]:
    # Not client.read_automations: without an order the server refuses it.
    answer = await client.request("POST", "/automations/filter", json={"sort": "NAME_ASC", "limit": 200})
    return [Automation.model_validate(one) for one in answer.json()]


def automations(deployments: Mapping[str, UUID]) -> list[AutomationCore]:
    """Return the automations of prefect.yaml.

    Raises:
        KnowledgeError: An entry is not what Prefect expects, or starts a deployment there is not.
    """
    file = prefect_file()
    found = []
    for entry in read_yaml(file).data.get("automations") or []:
        try:
            actions = [_action(one, deployments) for one in entry["actions"]]
            found.append(AutomationCore.model_validate({"enabled": True, **entry, "actions": actions, "tags": [OURS]}))
        except (KeyError, TypeError, ValidationError) as error:
            raise KnowledgeError(f"{file.name}: automation {entry.get('name')!r}: {error}") from None
    return found


def _action(one: Mapping[str, Any], deployments: Mapping[str, UUID]) -> dict[str, Any]:
    name = one.get("deployment")
    if name is None:
        return dict(one)
    rest = {key: value for key, value in one.items() if key != "deployment"}
    return {**rest, "type": "run-deployment", "source": "selected", "deployment_id": str(deployments[name])}


def _said(one: AutomationCore) -> dict[str, Any]:
    said = one.model_dump(mode="json", include={"name", "description", "enabled", "trigger", "actions"})
    said["trigger"].pop("id", None)
    return said
