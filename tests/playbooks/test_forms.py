"""Every form is filled in for one breach and compared field by field; every form's data hold together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from incident_flows.core.dossier import About, Dossier, Standing, dossier_of
from incident_flows.core.facts import Facts
from incident_flows.core.forms import Filled, fill
from incident_flows.errors import KnowledgeError
from incident_flows.knowledge.facts_files import facts_from, merged
from incident_flows.knowledge.files import Document, read_yaml
from incident_flows.knowledge.form_terms import WordsOf
from incident_flows.knowledge.forms import Forms
from incident_flows.knowledge.library import Library

CASES = Path(__file__).parents[1] / "cases" / "forms"
SPOKEN = ("en", "es", "de", "ru")
WANTED = {
    "gb-ico", "es-aepd", "fr-cnil", "ie-dpc", "de-bw", "de-land", "nl-ap", "it-garante", "pl-uodo", "se-imy",
    "ru-rkn", "ru-rkn-results", "us-hhs", "us-ca-ag", "us-tx-ag", "us-ny", "us-wa-ag", "au-oaic", "br-anpd",
    "kr-pipc", "sg-pdpc", "article-33",
}  # fmt: skip


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.load(cache=tmp_path_factory.mktemp("cache"))


def facts_of(library: Library, change: dict[str, Any]) -> Facts:
    data = merged(read_yaml(CASES / "_facts.yaml").data, change)
    return facts_from(Document("case", data), lawbook=library.lawbook, profiles=library.profiles)


def filled_in(library: Library, case: dict[str, Any]) -> tuple[Filled, Dossier]:
    authority = library.lawbook.authorities[case["authority"]]
    form = library.forms.form_for(authority.id, case["duty"])
    phase = case.get("phase", "initial")
    about = About(
        authority=authority.id,
        place=authority.region or authority.place,
        cite=None,
        late=case.get("late", False),
        phase=phase,
    )
    questions = library.lawbook.dossier
    dossier = dossier_of(
        facts_of(library, case.get("facts", {})),
        questions.values(),
        incident="INC-2026-0001",
        standing=Standing(risk="high", people_owed=True),
        about=about,
        groups=library.lawbook.groups,
    )
    language = library.forms.language(form, authority)
    english = library.forms.terms("en", authority.zone)
    # Where only the form speaks a language, the answers are compared in English.
    terms = library.forms.terms(language, authority.zone) if language in SPOKEN else WordsOf(
        language, library.notices.wording.words("en"), authority.zone, library.notices.wording.authority_names
    )
    filled = fill(
        form, dossier, phase, fields=questions, terms=terms, english=english,
        phased=case.get("phased", False), written_in="en",
    )  # fmt: skip
    return filled, dossier


def seen(filled: Filled) -> dict[str, Any]:
    """A field's lines where it is answered; else its state, with the form's own term for not known."""
    return {
        field.id: list(field.value) if field.state == "answered" else " ".join((field.state, *field.value))
        for field in filled.fields
    }


@pytest.mark.parametrize("case", sorted(path.stem for path in CASES.glob("[!_]*.yaml")))
def test_the_form_is_filled_field_by_field(library: Library, case: str) -> None:
    data = read_yaml(CASES / f"{case}.yaml").data
    filled, _ = filled_in(library, data)
    assert filled.form == data["form"]
    assert list(seen(filled)) == list(data["fields"]), "in the authority's order, none left out"
    assert seen(filled) == data["fields"]


def test_every_form_asked_for_is_there_and_has_a_filled_example(library: Library) -> None:
    assert set(library.forms.all) == {*WANTED, "article-34"}
    assert {path.stem for path in CASES.glob("[!_]*.yaml")} == WANTED


@pytest.mark.parametrize("name", sorted(WANTED))
def test_a_form_says_where_each_field_is_known_from(library: Library, name: str) -> None:
    form = library.forms.all[name]
    assert form.sources
    assert any(source.basis == "read" for source in form.sources), "the law's own list at least"
    assert form.known_gaps, "no live form was opened; each says what is not known about it"
    for field in form.fields():
        assert field.limit is None or field.limit.confidence == "unconfirmed", "no source gives a limit"
    listed = [row for row in library.forms.listing() if row["form"] == name]
    assert sum(listed[0]["confidence"].values()) == listed[0]["fields"] == len(list(form.fields()))


def test_an_authority_without_a_form_of_its_own_gets_the_contents_of_the_law(library: Library) -> None:
    forms = library.forms
    assert forms.form_for("at-dsb", "eu-gdpr/tell-authority").id == "article-33"
    assert forms.form_for("gb-ico", "uk-gdpr/tell-authority").id == "gb-ico"
    assert forms.form_for("gb-ico", "uk-pecr/first-notice").id == "article-33", "another law, another form"
    assert forms.form_for("ru-rkn", "ru-152fz/report-investigation").id == "ru-rkn-results"


def test_a_text_over_its_limit_is_flagged_with_its_length_and_never_cut(library: Library) -> None:
    story = "x" * 4_001
    case = {"authority": "es-aepd", "duty": "eu-gdpr/tell-authority", "facts": {"narrative": {"what_happened": story}}}
    filled, _ = filled_in(library, case)
    field = next(field for field in filled.fields if field.id == "what_happened")
    assert (field.state, field.length, field.value) == ("too-long", 4_001, (story,))
    assert "1 over" in (field.note or "")
    assert not field.stops, "this house's own limit warns; only a limit of the form's own stops"
    assert field.model_copy(update={"limit_confirmed": True}).stops


def test_what_the_law_lets_follow_stops_only_a_notice_that_is_not_phased(library: Library) -> None:
    case = {
        "authority": "es-aepd", "duty": "eu-gdpr/tell-authority",
        "facts": {"narrative": {"consequences": None, "what_happened": None}},
    }  # fmt: skip
    whole, _ = filled_in(library, case)
    assert [field.id for field in whole.stopping()] == ["what_happened", "consequences"]
    assert whole.completeness().missing == ("Summary of the incident", "Likely consequences")
    phased, _ = filled_in(library, {**case, "phased": True})
    assert [field.id for field in phased.stopping()] == ["what_happened"]
    assert phased.completeness().asked == phased.completeness().answered + len(
        (*phased.completeness().unknown, *phased.completeness().missing)
    )


def test_a_dossier_and_a_filled_form_survive_json_whole(library: Library) -> None:
    case = read_yaml(CASES / "br-anpd.yaml").data
    filled, dossier = filled_in(library, case)
    again = Dossier.from_json(dossier.to_json())
    assert again == dossier
    assert set(again.entries) == set(library.lawbook.dossier)
    assert again.entries["elderly_number"].owner == "anna"
    assert str(again.entries["elderly_number"].follows_on) == "2026-12-01"
    assert again.entries["children_number"].because == "the shop sells to adults only"
    assert Filled.model_validate(filled.to_json()) == filled


def test_answers_nobody_asks_for_or_of_another_kind_are_refused(library: Library) -> None:
    with pytest.raises(Exception, match="is no question of the dossier") as caught:
        facts_of(library, {
            "dossier": {"sizes": 3, "size": "many", "what_happened": "x", "severity": "bad"},
            "references": {"es-aped": "1"},
        })  # fmt: skip
    faults = "\n".join(caught.value.faults)  # type: ignore[attr-defined]
    assert "dossier.sizes: is no question of the dossier (did you mean size?)" in faults
    assert "dossier.size: 'many' is no number" in faults
    assert "dossier.what_happened: is answered by narrative.what_happened" in faults
    assert "dossier.severity: 'bad' is not one of negligible" in faults
    assert "references: 'es-aped' is no authority" in faults


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("ask: what_happened\n", "ask: what_hapened\n", "what_hapened' is no question of the dossier (did you mean"),
        ("label: {es: Origen, en: Origin}", "label: {en: Origin}", "origin: has no es"),
        ("      internal: {es: Interno, en: Internal}\n", "", "codes: has no term for internal"),
        ("authorities: [es-aepd]", "authorities: [es-aped]", "authority 'es-aped' is none"),
        ("limit: 4000", "limit: 0", "0 is below 1"),
        ("    confidence: recalled\n", "", "confidence: is missing and needed"),
    ],
)
def test_a_fault_in_a_form_is_named_with_its_line(
    library: Library, tmp_path: Path, old: str, new: str, fault: str
) -> None:
    for folder in ("forms", "notices"):
        (tmp_path / folder).mkdir()
    for path in (library.root / "forms").glob("*.yaml"):
        (tmp_path / "forms" / path.name).write_bytes(path.read_bytes())
    path = tmp_path / "forms" / "es-aepd.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(KnowledgeError) as caught:
        _ = Forms(tmp_path, library.lawbook).all
    [found] = [line for line in caught.value.faults if fault in line]
    assert found.startswith("forms/es-aepd.yaml:")
    line = int(found.split(":")[1])
    assert abs(line - text[: text.index(old)].count("\n") - 1) <= 12, "the field's own line, or near"
