"""Reads playbooks/law and playbooks/authorities into one lawbook; all faults together, or it does not load.

The compiled lawbook is kept in a cache file named after the digest of every file it was made from and of
the code that reads them, so a changed file is never answered from an old cache.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from incident_flows.core import conditions as condition_shapes
from incident_flows.core import dossier as dossier_shapes
from incident_flows.core import facts as fact_shapes
from incident_flows.core import law as law_shapes
from incident_flows.core.law import Authority, Lawbook, Regime, Scheme
from incident_flows.errors import InputError, KnowledgeError
from incident_flows.knowledge import dossier_fields as dossier_reading
from incident_flows.knowledge import files as yaml_reading
from incident_flows.knowledge.files import Document, faults_of, read_bytes, read_yaml, validated
from incident_flows.knowledge.law_check import Known, _literals, misfits, walk

SHAPE = "2026-11-22.3"  # changes whenever the compiled form does, so that older caches are not read
FOLDERS = ("law", "authorities", "policies")
QUESTIONS = "forms/_fields.yaml"
KEEP = {"outline": 100}  # cache files of a kind; of others 4: as many playbooks folders may be in use in turn
READERS = (
    sys.modules[__name__], law_shapes, condition_shapes, fact_shapes, dossier_shapes, dossier_reading, yaml_reading
)  # fmt: skip


class _Head(BaseModel):
    """playbooks/law/_lawbook.yaml."""

    model_config = ConfigDict(extra="forbid")

    version: str
    released_on: str
    excluded: dict[str, str] = {}


class _RegimeFile(Regime):
    """A law file: a regime, with the words it adds to the vocabulary."""

    words: dict[str, dict[str, str]] = Field(default_factory=dict)


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
    kept = cache / f"lawbook-{_key(digest)}.json" if cache else None
    if (
        kept is not None
        and (body := _unsealed(kept)) is not None
        and (found := _revived(body, digest)) is not None
    ):
        return found
    book = compile_lawbook(root, digest)
    if kept is not None:
        _seal(kept, book.model_dump_json(by_alias=True, exclude_defaults=True).encode())
    keep_outline(root, digest, cache=cache)
    return book


def load_data(path: Path, *, cache: Path | None = None) -> Any:
    """Return the values of a YAML file, from the cache if its very bytes were read before.

    Raises:
        InputError: What `read_yaml` would say.
    """
    if cache is None:
        return read_yaml(path).data
    digest = hashlib.sha256(read_bytes(path)).hexdigest()
    kept = cache / f"{path.stem}-{_key(digest)}.json"
    if (body := _unsealed(kept)) is not None:
        return json.loads(body)
    data = read_yaml(path).data
    _seal(kept, json.dumps(data, ensure_ascii=False).encode())
    return data


def keep_outline(root: Path, digest: str, *, cache: Path | None) -> None:
    """Remember the digest of each file, so that a later lawbook can say what changed since this one."""
    if cache is not None:
        files = {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in _files(root)
        }
        if digest_of(root) == digest:  # nothing was written meanwhile
            _seal(_outline(cache, digest), json.dumps(files).encode())


def changed_regimes(first: str, second: str, *, cache: Path | None) -> frozenset[str] | None:
    """Return the regimes whose files differ between two lawbooks; None if more does, or nobody knows.

    Args:
        first: The digest of one lawbook.
        second: That of another.
        cache: Where outlines of lawbooks are kept.
    """
    if cache is None:
        return None
    one, other = _unsealed(_outline(cache, first)), _unsealed(_outline(cache, second))
    if one is None or other is None:
        return None
    before, after = json.loads(one), json.loads(other)
    differing = {name for name in {**before, **after} if before.get(name) != after.get(name)}
    # Version, date and rows left out (law/_*.yaml) stand in no answer.
    laws = {name for name in differing if name.startswith("law/") and not name.startswith("law/_")}
    if any(not name.startswith("law/") for name in differing):
        return None
    return frozenset(name.removeprefix("law/").removesuffix(".yaml") for name in laws)


def _outline(cache: Path, digest: str) -> Path:
    return cache / f"outline-{_key(digest)}.json"


def kept_marks(cache: Path | None, under: str) -> dict[str, list[Any]]:
    """Return the marks left by `keep_marks` under the same words and the same code; else none."""
    body = _unsealed(_marks(cache, under)) if cache is not None else None
    found: dict[str, list[Any]] = json.loads(body) if body is not None else {}
    return found


def keep_marks(cache: Path | None, under: str, marks: Mapping[str, list[Any]]) -> None:
    """Remember marks in the cache."""
    if cache is not None:
        _seal(_marks(cache, under), json.dumps(marks, separators=(",", ":")).encode())


def _marks(cache: Path, under: str) -> Path:
    return cache / f"marks-{_key(under)}.json"


def compile_lawbook(root: Path, digest: str) -> Lawbook:
    """Read every file; raise all their faults together."""
    faults: list[str] = []
    documents: dict[str, Document] = {}
    unread: list[str] = []
    for path in _files(root):
        try:
            documents[str(path.relative_to(root))] = read_yaml(path)
        except InputError as error:
            faults.extend(error.faults)
            unread.append(_text(path))
    book = _Compiler(documents, faults, "\n".join(unread)).book(digest)
    if faults or book is None:
        count = len(faults)
        raise KnowledgeError(
            [*faults, f"{count} fault{'s' * (count != 1)}: no deadline can be computed until they are fixed."]
        )
    return book


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _files(root: Path) -> list[Path]:
    return sorted(
        path for pattern in (*(f"{one}/*.yaml" for one in FOLDERS), QUESTIONS) for path in root.glob(pattern)
    )


def _key(digest: str) -> str:
    """Return the name under which files of this digest are kept: another reading code has another name."""
    return hashlib.sha256(f"{digest}\0{_reader()}".encode()).hexdigest()[:32]


@functools.cache
def _reader() -> str:
    """Return the digest of the code that reads the files, and of the place names it takes in."""
    seal = hashlib.sha256(SHAPE.encode())
    for module in READERS:
        path = module.__file__
        seal.update(Path(path).read_bytes() if path and Path(path).is_file() else b"?")
    folder = importlib.util.find_spec("pycountry")
    places = Path(folder.origin).parent / "databases" if folder and folder.origin else None
    for file in sorted(places.glob("iso3166-*.json")) if places else ():
        seal.update(f"\0{file.name}\0{file.stat().st_size}\0{file.stat().st_mtime_ns}".encode())
    return seal.hexdigest()


def _revived(body: bytes, digest: str) -> Lawbook | None:
    """Return the lawbook of a cache file; None if it is not what the digest promises."""
    collecting = gc.isenabled()
    gc.disable()  # tens of thousands of small values that all stay: nothing to collect meanwhile
    try:
        book = Lawbook.model_validate_json(body)
    except ValidationError:
        return None
    finally:
        if collecting:
            gc.enable()
    return book if book.sha256 == digest else None


def _unsealed(kept: Path) -> bytes | None:
    """Return what a cache file holds; None if there is none, or half of one, or a changed one."""
    try:
        raw = kept.read_bytes()
    except OSError:
        return None
    seal, _, body = raw.partition(b"\n")
    return body if hashlib.sha256(body).hexdigest().encode() == seal else None


def _seal(kept: Path, body: bytes) -> None:
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
        kept.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=kept.parent, prefix=".kept-")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        os.replace(name, kept)
        kind = kept.stem.rpartition("-")[0]
        older = sorted(
            kept.parent.glob(f"{kind}-*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True
        )
        for path in older[KEEP.get(kind, 4) :]:
            path.unlink(missing_ok=True)


class _Compiler:
    """Gathers the parts and checks that they fit each other."""

    def __init__(self, documents: Mapping[str, Document], faults: list[str], unread: str = "") -> None:
        self.documents = documents
        self.faults = faults
        self.unread = unread
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
        questions = {}
        if QUESTIONS in self.documents:
            questions = dossier_reading.questions_in(self.documents[QUESTIONS], self.words, self.faults)
        groups = {name: frozenset(members) for name, members in places.groups.items()} if places else {}
        known_places = _all_places(places.more if places else {})
        if places is not None:
            self.faults.extend(misfits(self.documents, self._known(frozenset({*groups, *known_places}))))
        if head is None or places is None or schemes is None or self.faults:
            self.faults[:] = list(dict.fromkeys(self.faults))
            return None
        return Lawbook(
            version=head.version,
            sha256=digest,
            regimes=self.regimes,
            authorities=self.authorities,
            schemes=schemes.schemes,
            groups=groups,
            places=known_places,
            zones=places.zones,
            words=self.words,
            targets=targets.data if targets else {},
            dossier=questions,
            excluded=head.excluded | self._excluded(),
        )

    def _known(self, areas: frozenset[str]) -> Known:
        """What the files name, valid or not: one with a typo elsewhere still defines its duties and words."""
        duties, authorities, words = (
            set[str](),
            set[str](),
            {kind: set(known) for kind, known in self.words.items()},
        )
        for name, document in self.documents.items():
            folder, _, file = name.partition("/")
            data = document.data if isinstance(document.data, dict) else {}
            if folder == "law" and not file.startswith("_"):
                duties |= {f"{data.get('id')}/{key}" for key in _keys(data.get("duties"))}
                for kind, added in data["words"].items() if isinstance(data.get("words"), dict) else ():
                    words.setdefault(kind, set()).update(_keys(added))
            elif folder == "authorities":
                authorities.update(_keys(data.get("authorities")))
        schemes = self.documents.get("authorities/schemes.yaml")
        named = _keys(schemes.data.get("schemes")) if schemes and isinstance(schemes.data, dict) else []
        return Known(
            areas=areas,
            duties=frozenset(duties),
            authorities=frozenset(authorities),
            schemes=frozenset(named),
            words=words,
            unsure=self.unread,
        )

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
                    self.faults.append(
                        f"{document.where(('words', kind, word))}: {word!r} means something else already"
                    )
        regime = Regime.model_validate(read.model_dump(exclude={"words"}, by_alias=True))
        if f"{regime.id}.yaml" != document.name:
            self.faults.append(f"{document.where(('id',))}: id {regime.id!r} should be the file's name")
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


def _keys(raw: Any) -> list[str]:
    return [str(key) for key in raw] if isinstance(raw, dict) else []


def _all_places(more: Mapping[str, str]) -> dict[str, str]:
    import pycountry  # read only when the lawbook is compiled

    found = {country.alpha_2: country.name for country in pycountry.countries}
    found.update({part.code: part.name for part in pycountry.subdivisions})
    found.update(more)
    return found


__all__ = ["_literals", "compile_lawbook", "digest_of", "load_data", "load_lawbook", "playbooks_root", "walk"]
