"""What an alert of a monitoring system says about a breach: values found in it become facts, or questions. Pure.

An alert is a machine's report. It tells when something was noticed and what kind of thing it was; it never
tells that personal data are affected for sure, so it starts no clock that waits for somebody's knowledge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Reading = Literal["text", "instant", "seconds", "milliseconds", "count", "words", "places", "flag"]

_ADDRESS = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
_NETWORK = re.compile(
    r"\b\d{1,3}(?:\.\d{1,3}){3}\b|(?<![\w:])(?:[0-9a-fA-F:]*::[0-9a-fA-F:]*|(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4})"
)
_ACCOUNT = re.compile(r"\b[A-Za-z0-9.-]+\\[A-Za-z0-9._$-]+")
_SPACE_OFFSET = re.compile(r"([+-]\d{2})(\d{2})$")
LONGEST_TITLE = 120  # characters


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Take(_Part):
    """One value of an alert, and the fact it becomes.

    Attributes:
        to: The fact, such as moments.detected_at.
        path: Where it stands in the alert, in JMESPath.
        read: How it is to be read.
        words: The alert's words and ours; several of ours make a list. A word that is not listed is not guessed.
    """

    to: str
    path: str
    read: Reading = "text"
    words: dict[str, str | list[str]] = Field(default_factory=dict)


class Source(_Part):
    """Where the shape of an alert is documented."""

    cite: str
    url: str | None = None


class Mapping_(_Part):
    """How the alerts of one product are read.

    Attributes:
        id: The product.
        each: JMESPath to the alerts of one delivery; the delivery itself is one by default.
        key: JMESPath to what names the alert for good: the same key is the same alert.
        name: JMESPath to the kind of alert, for the title; never a person.
        takes: Values that become facts.
        read_on: When the documentation was read.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    title: str
    source: Source
    read_on: date
    each: str = "@"
    key: str
    name: str
    takes: tuple[Take, ...]


class UnusableError(ValueError):
    """A value is not what it should be; says what is asked instead."""


def harmless(text: str) -> str:
    """Return a name of an alert without addresses, accounts and network addresses, short enough for a title.

    >>> harmless("Sign-in of jane.doe@acme.example from 203.0.113.7")
    'Sign-in of [address] from [network address]'
    """
    plain = _NETWORK.sub("[network address]", _ADDRESS.sub("[address]", _ACCOUNT.sub("[account]", text)))
    plain = " ".join(plain.split())
    return plain if len(plain) <= LONGEST_TITLE else plain[: LONGEST_TITLE - 1] + "…"


def read_value(take: Take, value: Any, *, places: Mapping[str, str]) -> Any:
    """Return the fact a value stands for.

    Args:
        take: How to read it.
        value: As found in the alert; never None.
        places: Our code of each place, by lower-case name or code.

    Raises:
        UnusableError: It cannot be read without guessing; the message asks for the fact.
    """
    if take.words:
        return _in_our_words(take, value)
    match take.read:
        case "instant":
            return _instant(str(value))
        case "seconds" | "milliseconds":
            return _since_epoch(value, 1000 if take.read == "milliseconds" else 1)
        case "count":
            return _count(value)
        case "places":
            return _places(value, places)
        case "flag":
            if isinstance(value, bool):
                return value
            raise UnusableError("is neither true nor false")
        case _:
            return str(value)


def _in_our_words(take: Take, value: Any) -> Any:
    given = [str(one) for one in value] if isinstance(value, list) else [str(value)]
    ours: list[str] = []
    unknown = [one for one in given if one.lower() not in take.words]
    for one in given:
        word = take.words.get(one.lower(), [])
        ours += [word] if isinstance(word, str) else word
    if unknown:  # a list of ours is complete, so half of one would be wrong
        raise UnusableError(f"has no word of ours for {', '.join(unknown)[:120]}")
    if take.read == "words":
        return sorted(set(ours))
    if len(set(ours)) != 1:
        raise UnusableError(f"says several things at once: {', '.join(sorted(set(ours)))}")
    return ours[0] if ours[0] not in ("true", "false") else ours[0] == "true"


def _instant(text: str) -> str:
    try:
        found = datetime.fromisoformat(_SPACE_OFFSET.sub(r"\1:\2", text.strip()))
    except ValueError:
        raise UnusableError("is no instant") from None
    if found.tzinfo is None:
        raise UnusableError("has no offset, so it names no instant")
    return found.replace(microsecond=0).isoformat()


def _since_epoch(value: Any, unit: int) -> str:
    try:
        seconds = float(value) / unit
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds))).isoformat()
    except (TypeError, ValueError, OverflowError):
        raise UnusableError("is no count of seconds") from None


def _count(value: Any) -> int:
    if isinstance(value, bool) or not str(value).strip().isdigit():
        raise UnusableError("is no number of people or records")
    return int(str(value))


def _places(value: Any, known: Mapping[str, str]) -> dict[str, int]:
    if not isinstance(value, Mapping):
        raise UnusableError("does not say how many people live where")
    found: dict[str, int] = {}
    strange = []
    for name, number in value.items():
        code = known.get(str(name).strip().lower())
        if code is None:
            strange.append(str(name)[:40])
        else:
            found[code] = found.get(code, 0) + _count(number)
    if strange:
        raise UnusableError(f"names places nobody knows: {', '.join(strange)}")
    return found


def laid_in(facts: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return facts with a value at a dotted path.

    >>> laid_in({"breach": {"cause": "mistake"}}, "breach.medium", "paper")
    {'breach': {'cause': 'mistake', 'medium': 'paper'}}
    """
    head, _, rest = path.partition(".")
    return {**facts, head: laid_in(facts.get(head) or {}, rest, value) if rest else value}


def at_path(facts: Any, path: str) -> Any:
    """Return what stands at a dotted path; None if nothing does."""
    for part in path.split("."):
        facts = facts.get(part) if isinstance(facts, Mapping) else None
    return facts


def leaves(value: Any, prefix: str = "") -> list[str]:
    """Return the paths of every value in an alert, without the values.

    >>> leaves({"rule": {"id": 1, "groups": ["a"]}})
    ['rule.groups', 'rule.id']
    """
    if isinstance(value, Mapping) and value:
        found = [one for key in value for one in leaves(value[key], f"{prefix}.{key}" if prefix else str(key))]
        return sorted(found)
    return [prefix]
