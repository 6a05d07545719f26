"""One story: what the filings of an incident say, key by key, and where they differ. Pure.

A filing says what the facts it was drafted from say, and what its form makes of them. Two known values that
cannot both be true are a difference; one known and one unknown are not, nor is a number inside bounds given
earlier. What was stated and is no longer stated at all is one, for a reader would have to be told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# What is compared. What may rightly grow with time, such as measures taken, is not among it.
FACTS = (
    "role",
    "breach.kinds", "breach.cause", "breach.exposure", "breach.acquired", "breach.medium",
    "data.kinds", "data.protection", "data.key_exposed", "data.backup", "data.records", "data.already_public",
    "people.total", "people.by_place", "people.groups",
    "harm.expected",
)  # fmt: skip
GROUPS = ("moments", "dossier")  # all their single values
_NOT_MOMENTS = ("authority_told_at", "submitted_at", "submitted_complete", "order_received_at")


@dataclass(frozen=True)
class Said:
    """What one filing says.

    Attributes:
        notice: Its ref.
        scope: Whose part it is about; only filings of one scope tell one story.
        values: By key; unknown keys are absent.
        grows: Keys whose answers may rightly change as work goes on; they are not compared.
    """

    notice: str
    scope: str
    values: Mapping[str, Any]
    grows: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Difference:
    """Two filings that say different things.

    Attributes:
        notice: The earlier one.
        now: None where the later one no longer says anything.
    """

    key: str
    notice: str
    before: Any
    now: Any

    @property
    def told_apart_by(self) -> tuple[str, str, str]:
        """What an explanation is given for: the key and both values."""
        return self.key, canonical(self.before), canonical(self.now)


def said(notice: str, scope: str, facts: Mapping[str, Any], form: Mapping[str, Any] | None = None) -> Said:
    """Return what a filing says, from the facts it was drafted from and its filled form."""
    values: dict[str, Any] = {}
    for path in FACTS:
        value: Any = facts
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        values[path] = value
    for group in GROUPS:
        for name, value in (facts.get(group) or {}).items():
            if group == "moments" and (name in _NOT_MOMENTS or isinstance(value, Mapping)):
                continue
            values[f"{group}.{name}"] = value.get("value") if isinstance(value, Mapping) else value
    grows: set[str] = set()
    for one in (form or {}).get("fields") or ():
        if one.get("grows"):
            grows.add(str(one.get("key")))
            continue
        if one.get("state") == "answered" and _compared(str(one.get("key", ""))):
            values[f"form.{(form or {})['form']}.{one['id']}"] = list(one.get("value") or ())
    known = {key: value for key, value in values.items() if value not in (None, [], (), {})}
    return Said(notice, scope, known, frozenset(grows))


def _compared(key: str) -> bool:
    return key in FACTS or key.partition(".")[0] in GROUPS


def differences(now: Said, earlier: Iterable[Said]) -> list[Difference]:
    """Return where a filing says another thing than earlier ones of its scope; each pair of values once.

    A form's own term is reported only where the facts behind it are the same: else the fact is.
    """
    found: dict[tuple[str, str, str], Difference] = {}
    for one in earlier:
        if one.scope != now.scope or one.notice == now.notice:
            continue
        facts_differ = False
        for key, before in one.values.items():
            if key in one.grows or key in now.grows:
                continue
            form = key.startswith("form.")
            if form and (facts_differ or key not in now.values):
                continue
            value = now.values.get(key)
            if value is None or not agrees(before, value):
                facts_differ |= not form
                difference = Difference(key, one.notice, before, value)
                found.setdefault(difference.told_apart_by, difference)
    return list(found.values())


def unplaced(facts: Mapping[str, Any]) -> Difference | None:
    """Return how the places fall short of the number of people; None where they do not, or nobody can tell.

    >>> found = unplaced({"people": {"total": {"at_least": 2000, "at_most": 2000}, "by_place": {"ES": 1020}}})
    >>> found.key, shown(found.before), shown(found.now)
    ('people.by_place', '2000', '1020')
    """
    people = facts.get("people") or {}
    total, places = people.get("total") or {}, people.get("by_place") or {}
    placed = sum(places.values())
    if not places or placed >= total.get("at_least", 0):
        return None
    return Difference("people.by_place", "people.total", dict(total), {"at_least": placed, "at_most": placed})


def agrees(before: Any, now: Any) -> bool:
    """Return whether both can be true: the same, the same instant, the same set, or within the earlier bounds.

    >>> agrees({"at_least": 900, "at_most": 1500}, {"at_least": 1020, "at_most": 1020})
    True
    >>> agrees("2026-11-20T18:00:00+01:00", "2026-11-20T17:00:00Z"), agrees(["name"], ["name", "email"])
    (True, False)
    """
    if canonical(before) == canonical(now):
        return True
    if isinstance(before, Mapping) and "at_least" in before and isinstance(now, Mapping):
        top, most = before.get("at_most"), now.get("at_most")
        inside = top is None or (most is not None and most <= top)
        return bool(now.get("at_least", 0) >= before["at_least"] and inside)
    return False


def canonical(value: Any) -> str:
    """Return a value as JSON that is equal for equal statements: instants in UTC, sets in order."""
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return sorted((_plain(one) for one in value), key=str)
    if isinstance(value, str) and len(value) > 18 and value[10:11] == "T":
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return value
        return at.timestamp() if at.tzinfo else value
    return value


def shown(value: Any) -> str:
    """Return a value as a person reads it.

    >>> shown({"at_least": 1020, "at_most": 1020}), shown(["name", "email"]), shown(None)
    ('1020', 'name, email', 'no longer stated')
    """
    if value is None:
        return "no longer stated"
    if isinstance(value, Mapping) and "at_least" in value:
        low, high = value["at_least"], value.get("at_most")
        return str(low) if low == high else f"{low} to {'?' if high is None else high}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {one}" for key, one in sorted(value.items()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(one) for one in value)
    return str(value)
