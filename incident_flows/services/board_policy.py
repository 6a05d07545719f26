"""How long the board keeps what it showed: playbooks/policies/board.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from incident_flows.errors import InputError
from incident_flows.knowledge.files import read_yaml
from incident_flows.services.desk import Desk


@dataclass(frozen=True)
class BoardPolicy:
    """How long, how many; see the file."""

    ticks: timedelta
    others: timedelta
    versions: int
    versions_for: timedelta
    closed: timedelta
    at_once: int
    checked: int


def board_policy(desk: Desk) -> BoardPolicy:
    """Return the house's policy.

    Raises:
        InputError: The file says what cannot be.
    """
    said = read_yaml(desk.library.root / "policies" / "board.yaml").data
    try:
        policy = BoardPolicy(
            ticks=timedelta(hours=float(said["ticks"]["keep_hours"])),
            others=timedelta(days=float(said["others"]["keep_days"])),
            versions=int(said["versions"]["keep"]),
            versions_for=timedelta(days=float(said["versions"]["keep_days"])),
            closed=timedelta(days=float(said["closed"]["keep_days"])),
            at_once=int(said["at_once"]["deleted"]),
            checked=int(said["at_once"]["checked"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"policies/board.yaml: cannot be used: {error}") from None
    if policy.versions < 1 or policy.at_once < 1 or policy.checked < 0 or policy.ticks < timedelta(hours=1):
        raise InputError("policies/board.yaml: keeps at least one version, ticks for an hour, and deletes at least one")
    return policy
