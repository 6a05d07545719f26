"""A scenario: what to do before, during and after such a breach, and a story to drill it with. Pure.

The instants of the story are written relative to its beginning, `T`: `T+1h30m`, `T-2d`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Phase = Literal["before", "during", "after"]
PHASES: tuple[Phase, ...] = ("before", "during", "after")

_OFFSET = re.compile(r"T(?:(?P<sign>[+-])(?=\d)(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?)?")
_SPAN = re.compile(r"(?=\d)(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?")


def offset(text: str) -> timedelta:
    """Return how far from the beginning an instant of a story lies.

    >>> offset("T+1h30m"), offset("T")
    (datetime.timedelta(seconds=5400), datetime.timedelta(0))

    Raises:
        ValueError: It is no such instant.
    """
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r:.40} is no instant of a story; write T, T+30m, T+2h or T-1d")
    span = timedelta(days=int(found["d"] or 0), hours=int(found["h"] or 0), minutes=int(found["m"] or 0))
    return -span if found["sign"] == "-" else span


def _is_offset(text: str) -> str:
    offset(text)
    return text


def _is_span(text: str) -> str:
    if _SPAN.fullmatch(text) is None:
        raise ValueError(f"{text!r:.40} is no length of time; write 30m, 4h or 2d")
    return text


Offset = Annotated[str, AfterValidator(_is_offset)]
Span = Annotated[str, AfterValidator(_is_span)]


def span(text: str) -> timedelta:
    """Return a length of time written as `4h` or `2d`."""
    return offset(f"T+{text}")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Part):
    """Where a checklist comes from."""

    cite: str
    url: str | None = None


class Task(_Part):
    """One thing to do.

    Attributes:
        id: Unique within the scenario.
        do: What, in a sentence.
        who: Whose it is, by function: IT, handler, approver, management, communications …
        within: How soon after the breach was noticed; None where nothing says.
        because: Why it is on the list.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    do: str
    who: str
    within: Span | None = None
    because: str | None = None


class Tasks(_Part):
    """The checklist, by phase."""

    before: tuple[Task, ...]
    during: tuple[Task, ...]
    after: tuple[Task, ...]

    def of(self, phase: Phase) -> tuple[Task, ...]:
        """Return the tasks of one phase."""
        found: tuple[Task, ...] = getattr(self, phase)
        return found


class Inject(_Part):
    """Something the team of a drill learns.

    Attributes:
        at: When they learn it.
        happens: What they are told.
        facts: What is then known, a fragment of a facts file; its instants may be offsets.
    """

    at: Offset
    happens: str
    facts: dict[str, Any] = Field(default_factory=dict)


class Drill(_Part):
    """The story.

    Attributes:
        organisation: Whose breach it is, unless the player says otherwise.
        injects: What happens; the first one opens the incident.
    """

    organisation: str
    injects: Annotated[tuple[Inject, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        instants = [offset(inject.at) for inject in self.injects]
        if instants != sorted(instants) or instants[0] != timedelta(0):
            raise ValueError("injects begin at T and follow each other in time")
        return self


class Scenario(_Part):
    """One kind of breach: checklist and story."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    title: str
    about: str
    reviewed_on: date
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    tasks: Tasks
    drill: Drill

    @model_validator(mode="after")
    def _ids_once(self) -> Self:
        ids = [task.id for phase in PHASES for task in self.tasks.of(phase)]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"tasks: {', '.join(twice)} is used twice; every task has an id of its own")
        return self


def dated(value: Any, start: datetime) -> Any:
    """Return facts of a story with every offset replaced by an instant, in ISO form.

    >>> from datetime import UTC
    >>> dated({"moments": {"aware_at": "T+1h"}, "title": "T"}, datetime(2026, 11, 23, 9, tzinfo=UTC))
    {'moments': {'aware_at': '2026-11-23T10:00:00+00:00'}, 'title': 'T'}
    """
    return {
        key: _instants(part, start) if key == "moments" else part for key, part in dict(value).items()
    }


def _instants(value: Any, start: datetime) -> Any:
    if isinstance(value, Mapping):
        return {key: _instants(part, start) for key, part in value.items()}
    return (start + offset(value)).isoformat() if isinstance(value, str) and value.startswith("T") else value
