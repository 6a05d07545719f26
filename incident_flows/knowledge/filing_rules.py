"""The house's rules on filings, from playbooks/policies: who has to approve, what may be bundled."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from incident_flows.errors import InputError, KnowledgeError
from incident_flows.knowledge.files import Model, read_yaml, validated


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ApprovalPolicy(_Data):
    """Who has to approve beside the second pair of eyes.

    Attributes:
        counsel: By regime or by duty (`regime/duty`): why counsel has to see it.
    """

    counsel: dict[str, str] = {}

    def counsel_for(self, duties: Iterable[str]) -> str | None:
        """Return why counsel has to approve a notice under these duties; None if counsel need not."""
        for duty in duties:
            found = self.counsel.get(duty) or self.counsel.get(duty.partition("/")[0])
            if found:
                return found
        return None


class BundlingRule(_Data):
    """Under which conditions one filing may tell of several breaches.

    Attributes:
        within_hours: The breaches became known no further apart than this; the sources give no number, so it is
            the house's.
    """

    cite: str
    because: str
    within_hours: Annotated[int, Field(ge=1)]
    source_id: str | None = None


class BundlingPolicy(_Data):
    """Which duties allow one filing for several similar breaches; all others do not."""

    duties: dict[str, BundlingRule] = {}


def load_approval(root: Path) -> ApprovalPolicy:
    """Return policies/approval.yaml."""
    return _load(ApprovalPolicy, root, "approval")


def load_bundling(root: Path) -> BundlingPolicy:
    """Return policies/bundling.yaml."""
    return _load(BundlingPolicy, root, "bundling")


def _load(model: type[Model], root: Path, name: str) -> Model:
    try:
        return validated(model, read_yaml(root / "policies" / f"{name}.yaml"))
    except InputError as error:
        raise KnowledgeError([f"policies/{fault}" for fault in error.faults]) from None
