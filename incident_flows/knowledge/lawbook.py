"""Reads playbooks/law and playbooks/authorities into one lawbook; all faults come together, or it does not load.

The compiled lawbook is kept in a cache file named after the digest of every file it was made from and of
the code that reads them, so a changed file is never answered from an old cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from incident_flows.core import facts as fact_shapes
from incident_flows.core.conditions import AnyOf, Condition, ConditionError, Is, Not, parse_condition
from incident_flows.core.law import Authority, Lawbook, Regime, Scheme
from incident_flows.errors import InputError, KnowledgeError
from incident_flows.knowledge.files import Document, faults_of, read_yaml, validated

SHAPE = "2026-11-22.3"  # changes whenever the compiled form does, so that older caches are not read
FOLDERS = ("law", "authorities", "policies")


class _Head(BaseModel):
    """playbooks/law/_lawbook.yaml."""

    model_config = ConfigDict(extra="forbid")

    version: str
    released_on: str
    excluded: dict[str, str] = {}


class _RegimeFile(Regime):
    """A law file: a regime, with the words it adds to the vocabulary."""

    words: dict[str, dict[str, str]] = {}


class _AuthorityFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str
    authorities: dict[str, Any]


class _Places(BaseModel):
    """playbooks/authorities/places.yaml."""

    model_config = ConfigDict(extra="forbid")

    groups: dict[str, tuple[str, ...]]
    more: dict[str, str] = {}
    zones: dict[str, str] = {}


class _Schemes(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schemes: dict[str, Scheme]


def playbooks_root() -> Path:
    """Return the folder of the installed playbooks."""
    return Path(str(package_files("playbooks")))


def digest_of(root: Path) -> str:
    """Return the SHA-256 over names and contents of every file the lawbook is made from."""
    seal = hashlib.sha256(SHAPE.encode())
    for path in _files(root):
        content = path.read_bytes()
        seal.update(f"\0{path.relative_to(root)}\0{len(content)}\0".encode())
        seal.update(content)
    return seal.hexdigest()


def load_lawbook(root: Path | None = None, *, cache: Path | None = None) -> Lawbook:
    """Return the lawbook of the files under `root`, from the cache if its digest fits.

    Args:
        root: The playbooks folder; default: the installed one.
        cache: A folder for compiled lawbooks; None reads the files each time.

    Raises:
        KnowledgeError: Every fault of every file, one line each.
    """
    root = root or playbooks_root()
    digest = digest_of(root)
    kept = cache / f"lawbook-{digest[:32]}.json" if cache else None
    if kept is not None and (found := _from_cache(kept, digest)) is not None:
        return found
    book = compile_lawbook(root, digest)
    if kept is not None:
        _keep(kept, book)
    return book


def compile_lawbook(root: Path, digest: str) -> Lawbook:
    """Read every file; raise all their faults together."""
    faults: list[str] = []
    documents: dict[str, Document] = {}
    for path in _files(root):
        try:
            documents[str(path.relative_to(root))] = read_yaml(path)
        except InputError as error:
            faults.extend(error.faults)
    book = _Compiler(documents, faults).book(digest)
    if faults or book is None:
        count = len(faults)
        raise KnowledgeError([*faults, f"{count} fault{'s' * (count != 1)}: no deadline can be computed until they are fixed."])
    return book


def _files(root: Path) -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (root / folder).glob("*.yaml"))


def _from_cache(kept: Path, digest: str) -> Lawbook | None:
    try:
        raw = kept.read_bytes()
    except OSError:
        return None
    seal, _, body = raw.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != seal:
        return None  # half-written or damaged: compile anew
    try:
        book = Lawbook.model_validate_json(body)
    except ValidationError:
        return None
    return book if book.sha256 == digest else None


def _keep(kept: Path, book: Lawbook) -> None:
    body = book.model_dump_json(by_alias=True, exclude_defaults=True).encode()
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
        kept.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=kept.parent, prefix=".lawbook-")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        os.replace(name, kept)


class _Compiler:
    """Gathers the parts and checks that they fit each other."""

    def __init__(self, documents: Mapping[str, Document], faults: list[str]) -> None:
        self.documents = documents
        self.faults = faults
        self.regimes: dict[str, Regime] = {}
        self.authorities: dict[str, Authority] = {}
        self.words: dict[str, dict[str, str]] = {}

    def book(self, digest: str) -> Lawbook | None:
        head = self._part("law/_lawbook.yaml", _Head)
        places = self._part("authorities/places.yaml", _Places)
        schemes = self._part("authorities/schemes.yaml", _Schemes)
        words = self.documents.get("policies/words.yaml")
        targets = self.documents.get("policies/targets.yaml")
        if words is not None:
            self.words = {key: dict(value) for key, value in words.data.items()}
        for name, document in self.documents.items():
            folder, _, file = name.partition("/")
            if file.startswith("_") or file in ("places.yaml", "schemes.yaml"):
                continue
            if folder == "law":
                self._regime(document)
            elif folder == "authorities":
                self._authority_file(document)
        if head is None or places is None or schemes is None or self.faults:
            return None
        book = Lawbook(
            version=head.version,
            sha256=digest,
            regimes=self.regimes,
            authorities=self.authorities,
            schemes=schemes.schemes,
            groups={name: frozenset(members) for name, members in places.groups.items()},
            places=_all_places(places.more),
            zones=places.zones,
            words=self.words,
            targets=targets.data if targets else {},
            excluded=head.excluded | self._excluded(),
        )
        self.faults.extend(_misfits(book, self.documents))
        return book

    def _part(self, name: str, model: type[Any]) -> Any:
        document = self.documents.get(name)
        if document is None:
            self.faults.append(f"playbooks/{name}: is missing")
            return None
        try:
            return validated(model, document)
        except InputError as error:
            self.faults.extend(error.faults)
            return None

    def _excluded(self) -> dict[str, str]:
        """Rows of the fact base left out, from every law/_excluded_*.yaml."""
        found: dict[str, str] = {}
        for name, document in self.documents.items():
            if name.startswith("law/_excluded"):
                found.update({str(row): str(because) for row, because in (document.data or {}).items()})
        return found

    def _regime(self, document: Document) -> None:
        try:
            read = validated(_RegimeFile, document)
        except InputError as error:
            self.faults.extend(error.faults)
            return
        for kind, words in read.words.items():
            known = self.words.setdefault(kind, {})
            for word, meaning in words.items():
                if known.setdefault(word, meaning) != meaning:
                    self.faults.append(f"{document.where(('words', kind, word))}: {word!r} means something else already")
        regime = Regime.model_validate(read.model_dump(exclude={"words"}, by_alias=True))
        if f"{regime.id}.yaml" != document.name:
            self.faults.append(f"{document.where(('id',))}: id {regime.id!r} should be the file's name")
        self.faults.extend(f"{_locate(document, fault)}: {fault}" for fault in regime.faults())
        self.regimes[regime.id] = regime

    def _authority_file(self, document: Document) -> None:
        try:
            read = validated(_AuthorityFile, document)
        except InputError as error:
            self.faults.extend(error.faults)
            return
        for id_, raw in read.authorities.items():
            at = ("authorities", id_)
            if id_ in self.authorities:
                self.faults.append(f"{document.where(at)}: {id_!r} stands in another file too")
                continue
            try:
                self.authorities[id_] = Authority.model_validate({"id": id_, **(raw or {})})
            except ValidationError as error:
                self.faults.extend(faults_of(error, document, at))


def _locate(document: Document, fault: str) -> str:
    path: list[str | int] = []
    for part in fault.partition(":")[0].split("."):
        name, _, number = part.partition("[")
        path.append(name)
        if number:
            path.append(int(number.rstrip("]")))
    return document.where(tuple(path))


def _all_places(more: Mapping[str, str]) -> dict[str, str]:
    import pycountry  # read only when the lawbook is compiled

    found = {country.alpha_2: country.name for country in pycountry.countries}
    found.update({part.code: part.name for part in pycountry.subdivisions})
    found.update(more)
    return found


def walk(condition: Condition) -> Iterator[Is]:
    """Yield every single test of a condition."""
    if isinstance(condition, Is):
        yield condition
    elif isinstance(condition, Not):
        yield from walk(condition.part)
    else:
        for part in condition.parts:
            yield from walk(part)


def _literals(model: type[BaseModel], name: str) -> frozenset[str]:
    annotation: Any = model.model_fields[name].annotation
    found = set(get_args(annotation))
    for part in get_args(annotation):
        found |= set(get_args(part))
    return frozenset(str(word) for word in found)


VOCABULARY = {
    "status": "statuses", "sector": "sectors", "data": "data_kinds", "elements": "data_kinds",
    "finding": "findings", "groups": "groups", "measures": "measures",
}
FIXED = {
    "role": _literals(fact_shapes.Facts, "role"),
    "cause": _literals(fact_shapes.Breach, "cause"),
    "exposure": _literals(fact_shapes.Breach, "exposure"),
    "medium": _literals(fact_shapes.Breach, "medium"),
    "kind": frozenset(get_args(fact_shapes.BreachKind)),
    "backup": _literals(fact_shapes.Data, "backup"),
    "harm": _literals(fact_shapes.Harm, "expected"),
}


def _misfits(book: Lawbook, documents: Mapping[str, Document]) -> Iterator[str]:
    """Yield one line for every reference, place or word that leads nowhere."""
    known_areas = set(book.groups) | set(book.places)
    for regime in book.regimes.values():
        document = documents[f"law/{regime.id}.yaml"]
        if regime.place not in known_areas:
            yield f"{document.where(('place',))}: place {regime.place!r} is neither a place nor a group"
        for raw, path in _conditions(regime):
            try:
                parts = list(walk(parse_condition(raw, place=regime.place)))
            except ConditionError:
                continue  # reported already, with its place
            for test in parts:
                for wrong in _unknown_words(test, book, known_areas):
                    yield f"{document.where(path)}: {test.test}: {wrong}"
        for key, duty in regime.duties.items():
            at: tuple[str | int, ...] = ("duties", key)
            if duty.to.kind == "authority":
                if duty.to.id and duty.to.id not in book.authorities:
                    yield f"{document.where((*at, 'to'))}: authority {duty.to.id!r} stands in no file of authorities/"
                if duty.to.scheme and duty.to.scheme not in book.schemes:
                    yield f"{document.where((*at, 'to'))}: scheme {duty.to.scheme!r} is not in schemes.yaml"
            for number, version in enumerate(duty.history):
                here = (*at, "history", number)
                references = (*version.order.before, *version.order.not_after, *version.order.after)
                for reference in references:
                    if book.duty(reference) is None:
                        yield f"{document.where((*here, 'order'))}: {reference!r} is no duty; write regime/duty"
                for clock in version.clock:
                    name = clock.starts.submitted
                    if name and book.duty(name if "/" in name else f"{regime.id}/{name}") is None:
                        yield f"{document.where((*here, 'clock'))}: submitted: {name!r} is no duty"
    for id_, authority in book.authorities.items():
        for competence in authority.competence:
            if competence.scheme not in book.schemes:
                yield f"authorities: {id_}: scheme {competence.scheme!r} is not in schemes.yaml"
            if competence.place not in known_areas:
                yield f"authorities: {id_}: competent for {competence.place!r}, which is no place"


def _conditions(regime: Regime) -> Iterator[tuple[Any, tuple[str | int, ...]]]:
    if regime.applies is not None:
        yield regime.applies, ("applies",)
    for key, duty in regime.duties.items():
        for number, version in enumerate(duty.history):
            at: tuple[str | int, ...] = ("duties", key, "history", number)
            if version.when is not None:
                yield version.when, (*at, "when")
            for index, exception in enumerate(version.unless):
                yield exception.if_, (*at, "unless", index)
            for clock in version.clock:
                if clock.when is not None:
                    yield clock.when, (*at, "clock")


def _unknown_words(test: Is, book: Lawbook, known_areas: set[str]) -> Iterator[str]:
    argument = test.argument
    if test.test in ("established", "people_in", "markets"):
        yield from (f"{area!r} is neither a place nor a group" for area in argument if area not in known_areas)
    elif test.test == "residents":
        if argument.get("place", test.place) not in known_areas:
            yield f"{argument.get('place', test.place)!r} is neither a place nor a group"
    elif test.test == "moment":
        yield from (f"{name!r} is no moment" for name in argument if name not in fact_shapes.Moments.model_fields)
    elif test.test in FIXED:
        yield from (f"{word!r} is not one of {', '.join(sorted(FIXED[test.test]))}" for word in argument if word not in FIXED[test.test])
    elif test.test in VOCABULARY:
        known = book.words.get(VOCABULARY[test.test], {})
        words = [word for group in argument.values() for word in group] if isinstance(argument, Mapping) else argument
        yield from (
            f"{word!r} is no word of {VOCABULARY[test.test]}; add it to words: with its meaning"
            for word in words
            if word not in known
        )


__all__ = ["AnyOf", "compile_lawbook", "digest_of", "load_lawbook", "playbooks_root", "walk"]
