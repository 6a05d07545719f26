"""Reads playbooks/intake: how the alerts of each product are read; and finds their values by JMESPath."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jmespath
import pycountry
from jmespath.exceptions import JMESPathError
from pydantic import ValidationError

from incident_flows.core.alerts import Mapping_, UnusableError, harmless, laid_in, leaves, read_value
from incident_flows.core.law import Lawbook
from incident_flows.errors import InputError, KnowledgeError, NotFoundError
from incident_flows.knowledge.files import faults_of, read_yaml

MOST = 500  # alerts in one delivery


@dataclass(frozen=True)
class Alert:
    """One alert as read.

    Attributes:
        key: What names it for good, within its source.
        title: For people; without personal data.
        facts: A fragment of a facts file: what could be read without guessing.
        asks: What could not, by fact, with the reason.
        unused: Paths of the alert no fact was made of; kept as evidence with the whole.
        whole: The alert itself. It may hold personal data.
    """

    key: str
    title: str
    facts: dict[str, Any]
    asks: dict[str, str]
    unused: tuple[str, ...]
    whole: Any


def source_ids(root: Path) -> list[str]:
    """Return the products whose alerts can be read."""
    return sorted(path.stem for path in (root / "intake").glob("*.yaml"))


def read_mapping(root: Path, id_: str) -> Mapping_:
    """Return how the alerts of one product are read.

    Raises:
        NotFoundError: There is no such mapping.
        KnowledgeError: Its file does not hold together; one line per fault.
    """
    if id_ not in source_ids(root):
        raise NotFoundError(f"no alerts of {id_!r:.60} can be read; there is {', '.join(source_ids(root))}")
    document = read_yaml(root / "intake" / f"{id_}.yaml")
    try:
        found = Mapping_.model_validate(document.data)
    except ValidationError as error:
        raise KnowledgeError(faults_of(error, document)) from None
    faults = [] if found.id == id_ else [f"{id_}.yaml: id is {found.id!r}; write {id_}, as the file is called"]
    for path in (found.each, found.key, found.name, *(take.path for take in found.takes)):
        try:
            jmespath.compile(path)
        except JMESPathError:
            faults.append(f"{id_}.yaml: {path!r} is no JMESPath expression")
    if faults:
        raise KnowledgeError(faults)
    return found


def check_mappings(root: Path) -> list[str]:
    """Return every fault in the mappings of a folder."""
    faults: list[str] = []
    for id_ in source_ids(root):
        try:
            read_mapping(root, id_)
        except InputError as error:
            faults += error.faults
    return faults


def places_of(lawbook: Lawbook) -> dict[str, str]:
    """Return our code of each place, by lower-case code and English name."""
    found = {code.lower(): code for code in lawbook.places}
    for country in pycountry.countries:
        if country.alpha_2 in lawbook.places:
            for name in (country.name, country.alpha_3, getattr(country, "common_name", country.name)):
                found.setdefault(name.lower(), country.alpha_2)
    return found


def read_alerts(mapping: Mapping_, delivery: Any, *, lawbook: Lawbook) -> list[Alert]:
    """Return the alerts of one delivery.

    Raises:
        InputError: It is not a delivery of this product, or one of its alerts has no key.
    """
    found = jmespath.search(mapping.each, delivery)
    alerts = found if isinstance(found, list) else [found]
    if not alerts or any(not isinstance(one, dict) for one in alerts):
        raise InputError(
            f"{mapping.id}: holds no alert where {mapping.title} puts one ({mapping.each}); is it another product's?"
        )
    if len(alerts) > MOST:
        raise InputError(f"{mapping.id}: {len(alerts)} alerts in one delivery; send at most {MOST}")
    places = places_of(lawbook)
    return [_alert(mapping, one, number, places) for number, one in enumerate(alerts, 1)]


def _alert(mapping: Mapping_, whole: Any, number: int, places: dict[str, str]) -> Alert:
    key = jmespath.search(mapping.key, whole)
    if not isinstance(key, str | int | float) or isinstance(key, bool) or not str(key).strip():
        raise InputError(
            f"{mapping.id}: alert {number} has no {mapping.key}, so nobody can tell whether it came before; "
            f"is it another product's?"
        )
    facts: dict[str, Any] = {}
    asks: dict[str, str] = {}
    used: set[str] = set()
    for take in mapping.takes:
        value = jmespath.search(take.path, whole)
        if value is None or value in ("", [], {}):
            continue
        try:
            facts = laid_in(facts, take.to, read_value(take, value, places=places))
            used.add(take.path.replace('"', ""))
        except UnusableError as error:
            asks[take.to] = f"{take.path} {error}"
    name = jmespath.search(mapping.name, whole)
    title = harmless(f"{mapping.title}: {name}" if name else mapping.title)
    unused = tuple(path for path in leaves(whole) if path not in used)
    return Alert(str(key), title, facts, asks, unused, whole)
