"""Loads the risk policy, playbooks/policies/risk.yaml, or refuses it with every fault at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from incident_flows.core.risk.policy import RiskPolicy
from incident_flows.errors import KnowledgeError

__all__ = ["RiskPolicy", "load_risk_policy"]


def load_risk_policy(data: Mapping[str, Any], *, name: str = "risk.yaml") -> RiskPolicy:
    """Return the policy with all its rules compiled.

    Args:
        data: The file as read by `files.read_yaml`.
        name: What messages call it.

    Raises:
        KnowledgeError: One line per fault: an unknown key or word, a rule that mixes raising and lowering.
    """
    try:
        return RiskPolicy.model_validate(data)
    except ValidationError as error:
        raise KnowledgeError(
            [
                f"{name}: {'.'.join(str(part) for part in fault['loc']) or 'the policy'}: "
                f"{fault['msg'].removeprefix('Value error, ')}; no risk can be assessed until this is fixed"
                for fault in error.errors(include_url=False)
            ]
        ) from None
