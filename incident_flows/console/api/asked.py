"""What programs send: the shapes of requests. An unknown key is refused, as everywhere."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Sentence = Annotated[str, Field(max_length=5000, description="The reason; no names of affected people")]
Id = Annotated[str, Field(min_length=1, max_length=200)]


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FactsFile(BaseModel):
    """A facts file; a missing key means unknown. `GET /api/v1/facts/words` has the vocabulary."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "format": 1, "title": "Laptop stolen", "organisation": "aimigos-studio",
                "moments": {"aware_at": "2026-11-20T18:00:00+01:00"},
                "people": {"by_place": {"ES": 120, "GB": 900}},
            }
        },
    )  # fmt: skip
    format: Literal[1] = 1
    organisation: str | dict[str, Any]
    title: str | None = None
    role: str | None = None
    moments: dict[str, Any] | None = None
    breach: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    people: dict[str, Any] | None = None
    harm: dict[str, Any] | None = None

    def whole(self) -> dict[str, Any]:
        """Return what was sent, as it was sent."""
        return {"format": 1, **self.model_dump(exclude_unset=True)}


class Change(Asked):
    """Facts to be laid over those so far; null makes one unknown again."""

    change: dict[str, Any]
    learned_at: Annotated[
        str | None, Field(default=None, max_length=80, description="When it became known, if earlier than now")
    ]


class Decision(Asked):
    """A person's decision on an obligation or on `risk`."""

    subject: Annotated[Id, Field(description="An obligation's id, or risk")]
    answer: Literal["owed", "not-owed", "unlikely", "risk", "high-risk"]
    because: Sentence


class Attachment(Asked):
    """A file that goes with a notice."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    base64: str


class Draft(Asked):
    """What is to be drafted; without an obligation, all that is to be written."""

    obligation: Id | None = None
    language: Annotated[str | None, Field(default=None, max_length=20)]
    phased: bool = False
    as_written: bool = False
    phase: Literal["initial", "supplementary", "final", "withdrawal"] | None = None
    because: Sentence = ""
    answer: Annotated[str | None, Field(default=None, max_length=100_000)]
    bundled: Annotated[list[Id], Field(default_factory=list, max_length=50)]
    attachments: Annotated[list[Attachment], Field(default_factory=list, max_length=20)]


class Approval(Asked):
    """One exact text."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="Of the text that was read, whole")]


class Reason(Asked):
    """Why."""

    because: Sentence


class Explanation(Asked):
    """Why filings of an incident say different things."""

    keys: Annotated[
        list[Id], Field(default_factory=list, max_length=100, description="Such as people.total; without, all")
    ]
    because: Sentence


class Question(Asked):
    """What an authority asks of its own accord, and by when."""

    obligation: Id
    question: Annotated[str, Field(min_length=1, max_length=20_000)]
    received: Annotated[str, Field(max_length=80, description="An instant with its offset")]
    due: Annotated[str, Field(max_length=80, description="An instant with its offset")]


class Sending(Asked):
    """What is to be sent; without a notice, all that is approved."""

    notice: Id | None = None
    to: Annotated[
        str | None, Field(default=None, max_length=320, description="An authority's mailbox somebody checked")
    ]
    mode: Literal["ask", "at-most-one-duplicate-batch", "zero"] | None = None


class Filing(Asked):
    """How a notice was filed or delivered by hand."""

    reference: Annotated[str, Field(min_length=1, max_length=1000)]
    at: Annotated[str | None, Field(max_length=40, description="When, with its offset; now if absent")] = None
    because: Annotated[str, Field(max_length=2000, description="Why the reference of a filing is corrected")] = ""


class Doubt(Asked):
    """Whether a notice in doubt arrived, and on what evidence."""

    outcome: Literal["arrived", "not-arrived"]
    because: Sentence


class Switch(Asked):
    """Pause, resume or stop letters to people."""

    to: Literal["paused", "go", "stopped"]
    because: Sentence = ""


class Which(Asked):
    """Which reminders were seen; without, all that were told."""

    which: Annotated[str | None, Field(default=None, max_length=200)]


class Done(Asked):
    """A task that is done."""

    task: Id
    note: Annotated[str | None, Field(default=None, max_length=500)]
