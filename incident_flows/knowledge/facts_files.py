"""Reads facts files and organisation profiles, and checks places and words against the lawbook.

The core's models check shapes; here stands what needs the lawbook: does this place exist, is this a word
of the vocabulary, is this organisation known. All faults come together, with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from incident_flows.core.dossier import fault_in
from incident_flows.core.facts import Facts, Organisation
from incident_flows.core.law import Lawbook
from incident_flows.errors import InputError, NotFoundError
from incident_flows.knowledge.files import Document, faults_of, parse_yaml, read_yaml, validated
from incident_flows.knowledge.lawbook import playbooks_root

_ID = re.compile(r"[A-Za-z0-9]{1,40}(-[A-Za-z0-9]{1,40}){0,4}")
_DEEPEST = 8  # parts of a key such as people.by_place.ES


@dataclass(frozen=True)
class Profiles:
    """Organisation profiles: those shipped, and those of this installation, which win.

    Attributes:
        folders: Where profiles are looked for, the first hit counting.
    """

    folders: tuple[Path, ...]

    @classmethod
    def at(cls, own: Path | None = None) -> Profiles:
        """Return the shipped profiles, with the installation's `own` folder before them."""
        shipped = playbooks_root() / "organisations"
        return cls((own, shipped) if own else (shipped,))

    def ids(self) -> list[str]:
        """Return the ids of all profiles."""
        return sorted({path.stem for folder in self.folders for path in folder.glob("*.yaml")})

    def get(self, id_: str) -> Organisation:
        """Return one profile.

        Raises:
            NotFoundError: No profile of that id; the message names those there are.
            InputError: The profile's file has faults.
        """
        for folder in (
            self.folders if _ID.fullmatch(id_) else ()
        ):  # an id is no path: nothing leads out of the folder
            path = folder / f"{id_}.yaml"
            if path.is_file():
                document = read_yaml(path)
                organisation = validated(Organisation, document)
                if organisation.id != id_:
                    raise InputError(
                        f"{document.where(('id',))}: id {organisation.id!r} should be the file's name"
                    )
                return organisation
        raise NotFoundError(
            f"organisation {_short(id_)} has no profile{_near(id_, self.ids())}; "
            f"known: {', '.join(self.ids())}. "
            "Write one of them, or the profile itself under organisation:"
        )


def read_facts(path: Path, *, lawbook: Lawbook, profiles: Profiles) -> Facts:
    """Return the facts of a file.

    Raises:
        InputError: Every fault, with file and line.
    """
    return facts_from(read_yaml(path), lawbook=lawbook, profiles=profiles)


def facts_from(document: Document, *, lawbook: Lawbook, profiles: Profiles) -> Facts:
    """Return the facts of a document already read."""
    data = document.data
    if not isinstance(data, dict):
        raise InputError(
            f"{document.name}: should be a set of `key: value` lines, beginning with organisation"
        )
    faults: list[str] = []
    if isinstance(data.get("organisation"), str):
        try:
            profile = profiles.get(data["organisation"])
            data = {**data, "organisation": profile.model_dump(mode="json", exclude_defaults=True)}
        except NotFoundError as error:
            faults.append(f"{document.where(('organisation',))}: {error}")
            data = {**data, "organisation": {"id": "unknown"}}
    if data.get("format") not in (None, 1):
        faults.append(
            f"{document.where(('format',))}: format {_short(data['format'])} is not known; "
            "this engine reads format 1"
        )
        data = {**data, "format": 1}
    try:
        facts = Facts.model_validate(data)
    except ValidationError as error:
        raise InputError([*faults, *faults_of(error, document)]) from None
    faults.extend(faults_in(facts, lawbook=lawbook, document=document))
    if faults:
        raise InputError(faults)
    return facts


def faults_in(facts: Facts, *, lawbook: Lawbook, document: Document) -> list[str]:
    """Return one line for each unknown place or word in the facts."""
    faults: list[str] = []

    def places(codes: Iterable[str], *path: str | int, keyed: bool = False) -> None:
        for number, code in enumerate(codes):
            if code not in lawbook.places:
                at = (*path, code) if keyed else (*path, number)
                near = _near(code, lawbook.places)
                faults.append(
                    f"{document.where(at)}: {'.'.join(map(str, path))}: {_short(code)} is no country or "
                    f"state; write an ISO code such as ES, US-CA or DE-BW{near}"
                )

    def words(given: Sequence[str] | None, kind: str, *path: str | int) -> None:
        known = lawbook.words.get(kind, {})
        for number, word in enumerate(given or ()):
            if word not in known:
                faults.append(
                    f"{document.where((*path, number))}: {'.'.join(map(str, path))}: {_short(word)} is no "
                    f"word of {kind}{_near(word, known)}; `breach facts --words` prints them"
                )

    organisation = facts.organisation
    places([spot.place for spot in organisation.establishments or ()], "organisation", "establishments")
    places(organisation.markets or (), "organisation", "markets")
    places(facts.people.by_place or (), "people", "by_place", keyed=True)
    for number, hold in enumerate(facts.holds):
        places(hold.places, "holds", number, "places")
    words(facts.data.kinds, "data_kinds", "data", "kinds")
    words(facts.people.groups, "groups", "people", "groups")
    words(facts.harm.measures, "measures", "harm", "measures")
    words(organisation.statuses, "statuses", "organisation", "statuses")
    words(organisation.sectors, "sectors", "organisation", "sectors")
    for word in facts.findings:
        if word not in lawbook.words.get("findings", {}):
            faults.append(
                f"{document.where(('findings', word))}: findings: {_short(word)} is no word of findings"
                f"{_near(word, lawbook.words.get('findings', {}))}; `breach facts --words` prints them"
            )
    faults.extend(_dossier_faults(facts, lawbook, document))
    return faults


def _dossier_faults(facts: Facts, lawbook: Lawbook, document: Document) -> list[str]:
    """Return one line for each stored answer, order or reference that nothing asks for or nobody gave."""
    faults: list[str] = []
    for name, answer in facts.dossier.items() if lawbook.dossier else ():
        where = f"{document.where(('dossier', name))}: dossier.{name:.60}"
        question = lawbook.dossier.get(name)
        if question is None:
            faults.append(
                f"{where}: is no question of the dossier{_near(name, lawbook.dossier)}; "
                "`breach facts --words` prints them"
            )
        elif fault := fault_in(question, answer):
            faults.append(f"{where}: {fault}")
    orders = facts.moments.order_received_at
    for path, ids in (
        (("moments", "order_received_at"), orders if isinstance(orders, dict) else {}),
        (("references",), facts.references),
    ):
        faults.extend(
            f"{document.where((*path, id_))}: {'.'.join(path)}: {_short(id_)} is no authority"
            f"{_near(id_, lawbook.authorities)}; write an id such as es-aepd"
            for id_ in ids
            if id_ not in lawbook.authorities
        )
    return faults


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _near(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word[:80], list(known), n=2)
    return f" (did you mean {' or '.join(close)}?)" if close else ""


def change_from(pairs: Sequence[str]) -> dict[str, Any]:
    """Return the change that `key=value` words ask for, as a nested mapping.

    `people.by_place.ES=120` sets one place; `breach.kinds=[confidentiality]` a list; `key=null` makes a fact
    unknown again. Values are read as YAML.

    >>> change_from(["people.total=12", "moments.aware_at=2026-11-20T18:00:00+01:00"])["people"]
    {'total': 12}
    """
    change: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key.strip():
            raise InputError(f"{pair!r}: write key=value, such as people.total=120")
        parsed = parse_yaml(value, key).data if value.strip() else None
        at = change
        *path, last = key.strip().split(".")
        if len(path) >= _DEEPEST or not all((*path, last)):
            raise InputError(
                f"{_short(key)}: is no key of a facts file; write key=value, such as people.total=120"
            )
        for part in path:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                raise InputError(f"{pair!r}: {part} is given twice, once as a value and once as a group")
        at[last] = parsed
    return change


def merged(old: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return `old` with `change` laid over it; null removes a key, that is, makes it unknown."""
    new = dict(old)
    for key, value in change.items():
        if value is None:
            new.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(new.get(key), Mapping):
            new[key] = merged(new[key], value)
        else:
            new[key] = dict(value) if isinstance(value, Mapping) else value
    return new


def dumped(facts: Facts) -> dict[str, Any]:
    """Return facts as stored: JSON values, unknown ones left out."""
    return facts.model_dump(mode="json", exclude_defaults=True) | {"format": 1}
