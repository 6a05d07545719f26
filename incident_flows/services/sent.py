"""What sending did for one notice, as people and programs read it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any


@dataclass
class Sent:
    """What notifying did for one notice.

    Attributes:
        state: The notice's state afterwards.
        counts: Deliveries by state.
        form: For a portal: what to copy there, field by field.
        next: What a person has to do now, if anything.
    """

    notice: str
    state: str
    counts: dict[str, int] = field(default_factory=dict)
    form: str | None = None
    next: str | None = None
    ended: str | None = None  # why a round of letters ended
    resume_at: datetime | None = None  # when it may go on

    def to_json(self) -> dict[str, Any]:
        """Return what `breach notify --json` prints of one notice."""
        found = asdict(self)
        resume_at = found.pop("resume_at")
        ended = found.pop("ended")
        if ended is not None:
            found |= {"ended": ended, "resume_at": resume_at.isoformat() if resume_at else None}
        return found
