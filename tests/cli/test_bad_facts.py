"""Facts files nobody could work with: each is refused in a line that says where, what, and what instead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.terminal import ROOT, SAMPLES, Terminal

GOOD = "organisation: aimigos-studio\n"
DAY = "2026-11-20T"


@dataclass(frozen=True)
class Bad:
    """A file and what must be said about it; `lines` of its faults."""

    content: str | bytes
    says: tuple[str, ...]
    lines: int = 1
    name: str = "facts.yaml"
    fragment: bool = True  # also wrong as a change of facts


BAD = {
    "unreadable YAML": Bad(f"{GOOD}people: {{total: 3\n", ("facts.yaml:", "is not YAML", "check quotes")),
    "YAML with a tab": Bad(f"{GOOD}people:\n\ttotal: 3\n", ("facts.yaml:3: is not YAML",)),
    "two documents": Bad(f"{GOOD}---\n{GOOD}", ("facts.yaml:2: is not YAML",)),
    "a list": Bad("- a\n- b\n", ("facts.yaml: should be a set of `key: value` lines",)),
    "a sentence": Bad("a laptop was stolen\n", ("facts.yaml: should be a set of `key: value` lines",)),
    "a duplicate key": Bad(
        f"{GOOD}people:\n  total: 3\n  total: 4\n",
        ("facts.yaml:4: key 'total' stands already on line 3; keep one",),
    ),
    "an unknown key": Bad(
        f"{GOOD}people:\n  totl: 3\n",
        ("facts.yaml:3: people.totl: is no key of this format", "remove it or check"),
    ),
    "an unknown key at the top": Bad(f"{GOOD}peple: 3\n", ("facts.yaml:2: peple: is no key of this format",)),
    "a time without offset": Bad(
        f"{GOOD}moments:\n  aware_at: {DAY}18:00:00\n",
        (
            "facts.yaml:3: moments.aware_at: ",
            "has no offset, so it names no instant",
            "write 2026-11-20T18:00:00+01:00",
        ),
    ),
    "a date for an instant": Bad(
        f"{GOOD}moments: {{aware_at: 2026-11-20}}\n",
        ("facts.yaml:2: moments.aware_at: ", "is not an instant; write"),
    ),
    "a local time that never was": Bad(
        f"{GOOD}moments:\n  aware_at: 2026-03-29T02:30:00+01:00[Europe/Berlin]\n",
        (
            "facts.yaml:3: moments.aware_at: 2026-03-29T02:30:00 does not exist in Europe/Berlin",
            "that clock then shows 2026-03-29T03:30:00+02:00",
        ),
    ),
    "an offset the zone did not have": Bad(
        f"{GOOD}moments: {{aware_at: '{DAY}18:00:00+02:00[Europe/Berlin]'}}\n",
        ("facts.yaml:2: moments.aware_at: ", "does not exist in Europe/Berlin at offset +02:00"),
    ),
    "a zone that is none": Bad(
        f"{GOOD}moments: {{aware_at: '{DAY}18:00:00+01:00[Europe/Atlantis]'}}\n",
        ("facts.yaml:2: moments.aware_at: Europe/Atlantis is not a time zone; write one such as",),
    ),
    "a day that never was": Bad(
        f"{GOOD}moments: {{aware_at: 2026-02-30T18:00:00Z}}\n",
        (
            "facts.yaml:2: moments.aware_at: 2026-02-30T18:00:00Z does not exist",
            "write 2026-11-20T18:00:00+01:00",
        ),
    ),
    "an unknown country": Bad(
        f"{GOOD}people:\n  by_place:\n    ES: 2\n    XX: 3\n",
        ("facts.yaml:5: people.by_place: 'XX' is no country or state; write an ISO code such as ES",),
    ),
    "an unknown state": Bad(
        f"{GOOD}people: {{by_place: {{US-ZZ: 3}}}}\n",
        ("facts.yaml:2: people.by_place: 'US-ZZ' is no country or state; write an ISO code",),
    ),
    "a country by its name": Bad(
        f"{GOOD}people: {{by_place: {{Spain: 3}}}}\n",
        ("facts.yaml:2: people.by_place.Spain", "does not have the right form"),
    ),
    "an unknown place of business": Bad(
        "organisation:\n  id: acme\n  establishments:\n  - {place: YY, main: true}\n",
        ("facts.yaml:4: organisation.establishments: 'YY' is no country or state",),
    ),
    "aware before it occurred": Bad(
        f"{GOOD}moments:\n  occurred_from: {DAY}18:00:00+01:00\n  aware_at: {DAY}17:00:00+01:00\n",
        (
            "facts.yaml:2: moments: aware_at 2026-11-20T17:00:00+01:00 lies before occurred_from",
            "correct one of the two",
        ),
    ),
    "ended before it began": Bad(
        f"{GOOD}moments:\n  occurred_from: {DAY}18:00:00+01:00\n  occurred_until: {DAY}18:00:00+02:00\n",
        ("facts.yaml:2: moments: occurred_until", "lies before occurred_from"),
    ),
    "fewer people than nobody": Bad(
        f"{GOOD}people:\n  total: -3\n", ("facts.yaml:3: people.total: -3 people cannot be; write 0 or more",)
    ),
    "fewer people than nobody in a place": Bad(
        f"{GOOD}people:\n  by_place: {{ES: -3}}\n",
        ("facts.yaml:3: people.by_place.ES: -3 is below 0; write 0 or more",),
    ),
    "half a person": Bad(
        f"{GOOD}people: {{total: 2.5}}\n",
        ("facts.yaml:2: people.total: 2.5 is not a whole number of people; write",),
    ),
    "half a person in a place": Bad(
        f"{GOOD}people: {{by_place: {{ES: 2.5}}}}\n",
        ("facts.yaml:2: people.by_place.ES: 2.5 is not a whole number; write",),
    ),
    "people in words": Bad(
        f"{GOOD}people: {{total: some}}\n",
        ("facts.yaml:2: people.total: 'some' is not a whole number of people",),
    ),
    "people true": Bad(
        f"{GOOD}people: {{by_place: {{ES: true}}}}\n",
        ("facts.yaml:2: people.by_place.ES: true is not a whole number",),
    ),
    "bounds the wrong way round": Bad(
        f"{GOOD}people: {{total: {{at_least: 9, at_most: 3}}}}\n",
        ("facts.yaml:2: people.total: at_most 3 is below at_least 9",),
    ),
    "more in places than in all": Bad(
        f"{GOOD}people:\n  total: 10\n  by_place: {{ES: 6, GB: 5}}\n",
        (
            "facts.yaml:2: people: by_place adds up to 11, more than total 10; ",
            "correct the total or the places",
        ),
    ),
    "an unknown organisation": Bad(
        "organisation: aimigo-studio\n",
        (
            "facts.yaml:1: organisation 'aimigo-studio' has no profile (did you mean aimigos-studio or",
            "known: aimigos-studio, nero-ag",
            "Write one of them, or the profile itself",
        ),
    ),
    "no organisation": Bad(
        "title: Laptop\n", ("facts.yaml:1: organisation: is missing and needed",), fragment=False
    ),
    "a way out of the folder": Bad(
        "organisation: ../../../../etc/passwd\n",
        ("facts.yaml:1: organisation '../../../../etc/passwd' has no profile",),
    ),
    "an absolute path": Bad(
        "organisation: /etc/passwd\n", ("facts.yaml:1: organisation '/etc/passwd' has no profile",)
    ),
    "an endless organisation": Bad(
        f"organisation: {'a' * 5000}\n", ("facts.yaml:1: organisation 'aaaa", "… has no profile")
    ),
    "an organisation that is a number": Bad(
        "organisation: 42\n", ("facts.yaml:1: organisation: 42 should be a set of `key: value` lines",)
    ),
    "an empty file": Bad("", ("facts.yaml: is empty; write at least `organisation: ID`",)),
    "a blank file": Bad(" \n\n", ("facts.yaml: is empty",)),
    "only a comment": Bad("# nothing yet\n", ("facts.yaml: is empty",)),
    "a binary file": Bad(
        b"\x7fELF\x02\x01\x01\0\0\0", ("facts.yaml: is not text but binary data; write YAML or JSON",)
    ),
    "another encoding": Bad(
        f"{GOOD}title: caf\xe9\n".encode("latin-1"), ("facts.yaml:2: is not UTF-8 text; save the file as",)
    ),
    "UTF-16": Bad(
        GOOD.encode("utf-16"), ("facts.yaml: is not text but binary data; write YAML or JSON in UTF-8",)
    ),
    "a control character": Bad(
        f"{GOOD}title: \x1b[2J\n", ("facts.yaml:2: holds a character no text file has", "remove it")
    ),
    "a control character in disguise": Bad(
        f'{GOOD}title: "\\e[2J"\n', ("facts.yaml:2: holds the control character U+001B; remove it",)
    ),
    "deeper than deep, in flow": Bad(
        "a: " + "[" * 100_000, ("facts.yaml: is nested more than 60 levels deep",)
    ),
    "deeper than deep, in blocks": Bad(
        "- " * 100_000 + "x", ("facts.yaml: is nested more than 60 levels deep",)
    ),
    "an alias": Bad(
        f"{GOOD}data: &a {{kinds: [name]}}\nharm: *a\n",
        ("facts.yaml:2: aliases (&name, *name) are not used here; write it out",),
    ),
    "an alias of itself": Bad(f"{GOOD}data: &a [*a]\n", ("facts.yaml:2: aliases",)),
    "a tag": Bad(
        f"{GOOD}title: !!python/object:os.system {{}}\n",
        ("facts.yaml:2: tags such as !!python/object:os.system are not used here; write",),
    ),
    "a tag of our own": Bad(
        f"{GOOD}title: !env HOME\n", ("facts.yaml:2: tags such as !env are not used here",)
    ),
    "another format": Bad(
        f"format: 2\n{GOOD}", ("facts.yaml:1: format 2 is not known; this engine reads format 1",)
    ),
    "a word that is none": Bad(
        f"{GOOD}data: {{kinds: [name, emial]}}\n",
        (
            "facts.yaml:2: data.kinds: 'emial' is no word of data_kinds (did you mean email",
            "breach facts --words",
        ),
    ),
    "a choice that is none": Bad(
        f"{GOOD}breach:\n  cause: mistakes\n",
        ("facts.yaml:3: breach.cause: 'mistakes' is not one of", "(did you mean mistake?)"),
    ),
    "neither true nor false": Bad(
        f"{GOOD}breach: {{acquired: maybe}}\n",
        ("facts.yaml:2: breach.acquired: 'maybe' is neither true nor false; write",),
    ),
    "a list that is none": Bad(
        f"{GOOD}data: {{kinds: name}}\n", ("facts.yaml:2: data.kinds: 'name' should be a list",)
    ),
    "an infinite number": Bad(
        f"{GOOD}data: {{unavailable_hours: 1e999}}\n", ("facts.yaml:2: a number is too large to be one",)
    ),
    "many faults at once": Bad(
        f"{GOOD}moments: {{aware_at: today}}\npeople: {{total: few}}\nbreach: {{cause: luck}}\n",
        ("facts.yaml:2: moments.aware_at", "facts.yaml:3: people.total", "facts.yaml:4: breach.cause"),
        lines=3,
    ),
    "JSON cut off": Bad(
        '{"organisation": "aimigos-studio",\n', ("facts.json:", "is not JSON"), name="facts.json"
    ),
    "JSON with a duplicate key": Bad(
        '{"organisation": "aimigos-studio",\n "people": {\n  "total": 3,\n  "total": 4}}',
        ("facts.json:4: key 'total' stands already on line 3; keep one",),
        name="facts.json",
    ),
    "JSON with an unknown key": Bad(
        '{\n\t"organisation": "aimigos-studio",\n\t"people": {\n\t\t"totl": 3}}',
        ("facts.json:4: people.totl: is no key of this format",),
        name="facts.json",
    ),
    "JSON with an unknown word in a list": Bad(
        '{"organisation": "aimigos-studio",\n"data": {"kinds": [\n"name",\n"emial"]}}',
        ("facts.json:4: data.kinds: 'emial' is no word of data_kinds",),
        name="facts.json",
    ),
    "JSON that is a list": Bad(
        '["aimigos-studio"]', ("facts.json: should be a set of `key: value` lines",), name="facts.json"
    ),
    "JSON with no number": Bad(
        '{"organisation": "aimigos-studio", "data": {"unavailable_hours": NaN}}',
        ("facts.json: holds a number that is none, or is too long",),
        name="facts.json",
    ),
    "JSON with a number of 5000 digits": Bad(
        '{"organisation": "aimigos-studio", "people": {"total": ' + "9" * 5000 + "}}",
        ("facts.json: holds a number that is none, or is too long",),
        name="facts.json",
    ),
    "JSON with half a character": Bad(
        '{"organisation": "aimigos-studio",\n"title": "\\ud800"}',
        ("facts.json:2: holds the control character U+D800; remove it",),
        name="facts.json",
    ),
    "JSON with a NUL": Bad(
        '{"organisation": "aimigos-studio",\n"title": "a\\u0000b"}',
        ("facts.json:2: holds the control character U+0000; remove it",),
        name="facts.json",
    ),
    "JSON deeper than deep": Bad(
        "[" * 100_000 + "]" * 100_000, ("facts.json: is nested more than 60",), name="facts.json"
    ),
    "JSON a little too deep": Bad(
        '{"a":' * 70 + "1" + "}" * 70, ("facts.json: is nested more than 60",), name="facts.json"
    ),
    "an empty JSON file": Bad("", ("facts.json: is empty",), name="facts.json"),
}


def _written(bad: Bad, folder: Path) -> Path:
    path = folder / bad.name
    path.write_bytes(bad.content.encode() if isinstance(bad.content, str) else bad.content)
    return path


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_facts_file_that_cannot_be_used_is_refused(bare: Terminal, tmp_path: Path, bad: Bad) -> None:
    path = _written(bad, tmp_path)
    verbs: list[tuple[str, ...]] = [("assess",), ("open",)]
    if bad.fragment:
        verbs.append(("facts", "INC-2026-0001"))
    for verb in verbs:
        said = bare.refused(*verb, path, lines=bad.lines)
        for part in bad.says:
            assert part in said


def test_a_bomb_of_aliases_is_refused_at_once(breach: Terminal, tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    path = tmp_path / "facts.yaml"
    path.write_text("\n".join(lines))
    said = breach.refused("assess", path, lines=51)
    assert "facts.yaml:1: aliases (&name, *name) are not used here; write it out" in said
    assert said.splitlines()[-1].startswith("… and ")


@pytest.mark.parametrize("verb", ["assess", "open"])
@pytest.mark.parametrize("name", ["facts.yaml", "facts.json"])
def test_fifty_megabytes_are_refused(breach: Terminal, tmp_path: Path, verb: str, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(b"title: ")
        file.truncate(50_000_000)
    said = breach.refused(verb, path)
    assert f"{name}: 50 MB is too large; the limit is 5 MB" in said
    assert "breach recipients ID import" in said


def test_a_file_without_end_is_refused(breach: Terminal) -> None:
    assert "zero: more than 5 MB is too large" in breach.refused("assess", "/dev/zero")


def test_an_organisation_of_fifty_megabytes_is_refused(breach: Terminal, tmp_path: Path) -> None:
    (breach.home / "organisations").mkdir()
    with (breach.home / "organisations" / "acme.yaml").open("wb") as file:
        file.truncate(50_000_000)
    (tmp_path / "facts.yaml").write_text("organisation: acme\n")
    assert "acme.yaml: 50 MB is too large; the limit is 5 MB" in breach.refused("open", "facts.yaml")


def test_faults_of_a_profile_are_named_in_its_own_file(breach: Terminal, tmp_path: Path) -> None:
    (breach.home / "organisations").mkdir()
    (breach.home / "organisations" / "acme.yaml").write_text("id: acme\nlegal_nam: ACME\n")
    (tmp_path / "facts.yaml").write_text("organisation: acme\n")
    assert "acme.yaml:2: legal_nam: is no key of this format" in breach.refused("open", "facts.yaml")


def test_a_profile_under_another_name_is_refused(breach: Terminal, tmp_path: Path) -> None:
    (breach.home / "organisations").mkdir()
    (breach.home / "organisations" / "acme.yaml").write_text("id: acme-ltd\n")
    (tmp_path / "facts.yaml").write_text("organisation: acme\n")
    assert "acme.yaml:1: id 'acme-ltd' should be the file's name" in breach.refused("open", "facts.yaml")


def test_a_missing_file_is_refused(breach: Terminal) -> None:
    assert "absent.yaml: there is no such file; check the path" in breach.refused("open", "absent.yaml")


def test_a_folder_is_refused(breach: Terminal, tmp_path: Path) -> None:
    assert f"{tmp_path}: is a folder; name one file in it" in breach.refused("open", tmp_path)
    assert f"{tmp_path}: is a folder; name one file in it" in breach.refused("assess", tmp_path)


def test_a_path_longer_than_any_is_refused(breach: Terminal) -> None:
    assert "cannot be read: File name too long; check the path" in breach.refused("open", "a" * 5000)


def test_a_file_without_permission_is_refused(
    breach: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "facts.yaml"
    path.write_text(GOOD)
    path.chmod(0)
    if os.geteuid() == 0:  # root may read every file: let the system say what it says to others
        really = Path.open

        def as_somebody_else(self: Path, *args: object, **options: object) -> object:
            if self == path:
                raise PermissionError(13, "Permission denied", str(self))
            return really(self, *args, **options)  # type: ignore[call-overload]

        monkeypatch.setattr(Path, "open", as_somebody_else)
    assert "facts.yaml: may not be read by this user; change its permissions" in breach.refused("open", path)


def test_good_files_are_answered_beside_bad_ones(breach: Terminal, tmp_path: Path) -> None:
    (tmp_path / "facts.yaml").write_text("organisation: nobody\n")
    said = breach.run(
        "assess", SAMPLES / "nero-ag.yaml", tmp_path / "facts.yaml", SAMPLES / "nero-ag-2016.yaml", "--json"
    )
    assert said.code == 1
    assert [json.loads(line)["format"] for line in said.out.splitlines()] == [1, 1]
    assert said.err.startswith("breach: facts.yaml:1: organisation 'nobody' has no profile")


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ("people.total=few", "people.total: 'few' is not a whole number of people"),
        ("people.total=-1", "people.total: -1 people cannot be"),
        ("people.totl=1", "people.totl: is no key of this format"),
        ("people.by_place.XX=3", "people.by_place: 'XX' is no country or state"),
        ("people.total=10 people.by_place.ES=11", "by_place adds up to 11, more than total 10"),
        ("moments.aware_at=2026-11-20T18:00:00", "has no offset"),
        (
            f"moments.occurred_from={DAY}18:00:00Z moments.aware_at={DAY}17:00:00Z",
            "lies before occurred_from",
        ),
        ("organisation=nobody", "organisation 'nobody' has no profile"),
        ("organisation=../nero-ag", "organisation '../nero-ag' has no profile"),
        ("people.total={1", "people.total:"),
        ("=3", "write key=value, such as people.total=120"),
        (".=3", "is no key of a facts file"),
        (".".join("a" * 2000) + "=1", "is no key of a facts file"),
        ("title=" + "[" * 100_000, "title: is nested more than 60 levels deep"),
        ("people=3 people.total=4", "people is given twice, once as a value and once as a group"),
        ("people.total 3", "'people.total': write key=value, such as people.total=120"),
    ],
)
def test_a_wrong_pair_is_refused(bare: Terminal, pairs: str, says: str) -> None:
    assert says in bare.refused("facts", "INC-2026-0001", *pairs.split(" "))


def test_an_unknown_incident_is_refused(bare: Terminal, tmp_path: Path) -> None:
    (tmp_path / "facts.yaml").write_text("people: {total: 3}\n")
    for words in (("people.total=3",), (tmp_path / "facts.yaml",), ("--history",)):
        assert "INC-2026-0009" in bare.refused("facts", "INC-2026-0009", *words)


def test_a_wrong_moment_of_learning_is_refused(bare: Terminal) -> None:
    said = bare.refused("facts", "INC-2026-0001", "people.total=2000", "--learned", "yesterday")
    assert "--learned: 'yesterday' is not an instant; write 2026-11-20T18:00:00+01:00" in said


@pytest.mark.parametrize(
    "content",
    [f"{GOOD}people: {{total: -3}}\n", "a: " + "[" * 1_000_000, "\0", "organisation: ../../x\n"],
    ids=["a fault", "a million brackets", "binary", "a way out"],
)
def test_the_installed_command_refuses_too(tmp_path: Path, compiled: Path, content: str) -> None:
    (tmp_path / "cache").symlink_to(compiled)
    (tmp_path / "facts.yaml").write_text(content)
    env = {name: value for name, value in os.environ.items() if not name.startswith("BREACH_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "incident_flows.cli.main", "open", tmp_path / "facts.yaml"],
        env=env | {"BREACH_HOME": str(tmp_path)}, cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("breach: facts.yaml")
    assert len(done.stderr.splitlines()) == 1
