"""The five real organisations, each from open to a closed incident with a verified dossier."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from incident_flows.errors import IllegalTransitionError
from incident_flows.services.approve import approve
from incident_flows.services.close import close
from incident_flows.services.decide import decide
from incident_flows.services.dossier import dossier, verify_file
from incident_flows.services.draft import Wanted, draft
from incident_flows.services.notify import notify
from incident_flows.services.show import clocks, show
from incident_flows.services.update import change_facts

FINAL = Wanted(phase="final", because="Nobody can find it out any more.", as_written=True)
OFFICER = {"name": "Data Protection Officer", "email": "dpo@organisation.example", "phone": "+49 721 000000"}


def _answers(ref_facts: dict[str, Any], **organisation: Any) -> dict[str, Any]:
    return {**ref_facts, "organisation": {"dpo": OFFICER, **organisation}}


def _obligations(house: Any, ref: str) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in show(house.desk, ref)["assessment"]["obligations"]}


def _owed_authorities(house: Any, ref: str) -> dict[str, str]:
    return {
        id_: one["due_at"]
        for id_, one in _obligations(house, ref).items()
        if one["status"] == "owed" and one["addressee"]["kind"] == "authority" and one["due_at"]
    }


def _finish(house: Any, ref: str, folder: Path) -> Path:
    """Draft, approve by another person, file, decide what is left, close, export."""
    anna, boris = house.person("anna"), house.person("boris")
    house.advance(minutes=10)
    for round_ in range(3):  # later stages appear once the first notices are filed
        drafted, skipped = draft(house.desk, ref, None, actor=anna, now=house.now, more=Wanted(as_written=True))
        for gap in skipped:
            if "--phase final" in gap.because:  # what was never found out: no more will come
                drafted += draft(
                    house.desk, ref, gap.oid, actor=anna, now=house.now, more=FINAL
                )[0]
        empty = {item["field"] for one in drafted for item in one.notice.missing if item["required"]}
        # The number of a first notice is known only once that is filed.
        assert empty <= ({"references"} if round_ == 0 else set()), empty
        for one in drafted:
            if one.notice.state == "awaiting-approval":
                approve(house.desk, ref, one.notice.ref, actor=boris, now=house.now)
                notify(
                    house.desk,
                    ref,
                    one.notice.ref,
                    actor=anna,
                    now=house.now,
                    filed_as=f"REF-{round_}-{one.notice.ref}",
                )
    with house.desk.database.read() as tx:
        rows = [
            row
            for row in tx.obligations.list(ref)
            if row.running and row.status == "undetermined" and row.decided is None
        ]
    for row in rows:
        decide(
            house.desk,
            ref,
            row.oid,
            "not-owed",
            because="asked counsel; it does not apply",
            actor=anna,
            now=house.now,
        )
    assert close(house.desk, ref, actor=anna, now=house.now).state == "closed"
    path = dossier(house.desk, ref, actor=anna, now=house.now, folder=folder)
    assert verify_file(path)["whole"] is True
    return path


def test_b_spain_and_britain_are_told_at_the_same_instant_and_the_case_closes(
    house: Any, tmp_path: Path
) -> None:
    ref = house.open("aimigos-studio")
    assert _owed_authorities(house, ref) == {
        "eu-gdpr/tell-authority@es-aepd": "2026-11-23T17:00:00Z",
        "uk-gdpr/tell-authority@gb-ico": "2026-11-23T17:00:00Z",
    }
    local = {one["id"]: one["due_local"] for one in _obligations(house, ref).values()}
    assert local["eu-gdpr/tell-authority@es-aepd"] == "2026-11-23T18:00:00+01:00[Europe/Madrid]"
    assert local["uk-gdpr/tell-authority@gb-ico"] == "2026-11-23T17:00:00+00:00[Europe/London]"
    with pytest.raises(IllegalTransitionError, match="es-aepd"):
        close(house.desk, ref, actor=house.person(), now=house.now)
    change_facts(house.desk, ref, _answers({}), actor=house.person(), now=house.now, source="call")
    path = _finish(house, ref, tmp_path)
    with zipfile.ZipFile(path) as archive:
        notices = json.loads(archive.read("notices.json"))
    languages = {one["obligation"]: one["language"] for one in notices if one["state"] == "filed"}
    assert languages["eu-gdpr/tell-authority@es-aepd"] == "es"
    assert languages["uk-gdpr/tell-authority@gb-ico"] == "en"


def test_c_karlsruhe_answers_to_stuttgart_within_72_hours_today(house: Any, tmp_path: Path) -> None:
    ref = house.open("nero-ag")
    assert _owed_authorities(house, ref) == {"eu-gdpr/tell-authority@de-bw": "2026-11-23T08:00:00Z"}
    change_facts(house.desk, ref, _answers({}), actor=house.person(), now=house.now, source="call")
    _finish(house, ref, tmp_path)


def test_c_in_2016_section_42a_speaks_without_any_72_hours(house: Any) -> None:
    ref = house.open("nero-ag-2016")
    found = _obligations(house, ref)
    assert not [id_ for id_ in found if id_.startswith("eu-gdpr/")]
    old = found["de-bdsg-2009/tell-authority@de-bw"]
    assert old["status"] in ("owed", "undetermined")
    assert old["due_at"] is None
    assert old["target_at"] is not None, "a house target may stand beside it, never as law"
    assert "72" not in old["standard"]


def test_d_moscow_hears_within_24_and_72_hours_of_one_start(house: Any, tmp_path: Path) -> None:
    ref = house.open("video-gen")
    assert _owed_authorities(house, ref) == {
        "ru-152fz/tell-authority@ru-rkn": "2026-11-22T20:30:00Z",
        "ru-152fz/report-investigation@ru-rkn": "2026-11-24T20:30:00Z",
    }
    people = _obligations(house, ref)["ru-152fz/tell-people@people"]
    assert people["status"] == "not-owed"
    change_facts(
        house.desk,
        ref,
        _answers(
            {"dossier": {"investigation": "Учётная запись взломана."}},
            legal_name="ООО «Пример»",
            registration="ИНН 7700000000",
        ),
        actor=house.person(),
        now=house.now,
        source="operator found",
    )
    _finish(house, ref, tmp_path)


@pytest.mark.parametrize("sample", ["nero-studio", "terran-studio"])
def test_a_and_e_are_asked_about_and_no_authority_is_guessed(house: Any, sample: str) -> None:
    ref = house.open(sample)
    found = _obligations(house, ref)
    gdpr = found["eu-gdpr/tell-authority@undetermined"]
    assert gdpr["status"] == "undetermined"
    assert gdpr["addressee"]["id"] is None
    assert gdpr["due_at"] is not None, "the clock runs while it is asked"
    asked = {question["fact"] for question in show(house.desk, ref)["assessment"]["questions"]}
    assert {"organisation.establishments", "people.by_place", "role"} <= asked
    rows = clocks(house.desk, ref, now=house.now)
    assert any(row["end"] == "provisional" for row in rows)


def test_e_data_called_anonymised_are_personal_all_the_same(house: Any, tmp_path: Path) -> None:
    ref = house.open("terran-studio")
    found = _obligations(house, ref)
    assert found["ru-152fz/tell-authority@ru-rkn"]["status"] == "undetermined"
    assert (
        found[
            "in-certin/tell-authority@in-certin"
            if "in-certin/tell-authority@in-certin" in found
            else next(id_ for id_ in found if id_.startswith("in-certin"))
        ]["status"]
        == "undetermined"
    )
    change_facts(
        house.desk,
        ref,
        _answers(
            {
                "role": "controller",
                "people": {"total": 40, "by_place": {"GE": 40}, "groups": ["customers"]},
                "data": {"unavailable_hours": 0, "backup": "complete"},
            },
            legal_name="Terran Studio LLC",
            establishments=[{"place": "GE", "main": True}],
            statuses=[],
            sectors=["media"],
            markets=["GE"],
        ),
        actor=house.person(),
        now=house.now,
        source="answers",
    )
    assert set(_owed_authorities(house, ref)) == {"ge-2023/tell-authority@ge-pdps"}
    _finish(house, ref, tmp_path)


def test_a_once_answered_the_lead_authority_is_told(house: Any, tmp_path: Path) -> None:
    ref = house.open("nero-studio")
    change_facts(
        house.desk,
        ref,
        _answers(
            {
                "role": "controller",
                "people": {"total": 300, "by_place": {"PL": 250, "DE": 50}, "groups": ["customers"]},
                "breach": {"acquired": True},
            },
            legal_name="Nero Studio sp. z o.o.",
            establishments=[{"place": "PL", "main": True}],
            statuses=[],
            markets=["PL", "DE"],
        ),
        actor=house.person(),
        now=house.now,
        source="answers",
    )
    assert _owed_authorities(house, ref) == {"eu-gdpr/tell-authority@pl-uodo": "2026-11-23T11:30:00Z"}
    promised = show(house.desk, ref)["assessment"]["promises"]
    assert {one["kind"] for one in promised} == {"policy"}, "promises are kept apart from law"
    _finish(house, ref, tmp_path)


def test_a_dossier_that_was_touched_is_found_out(house: Any, tmp_path: Path) -> None:
    ref = house.open("nero-ag")
    path = dossier(house.desk, ref, actor=house.person(), now=house.now, folder=tmp_path)
    assert verify_file(path)["whole"] is True
    with zipfile.ZipFile(path) as archive:
        journal = archive.read("journal.jsonl")
        (tmp_path / "verify.py").write_bytes(archive.read("verify.py"))
    (tmp_path / "journal.jsonl").write_bytes(journal)
    alone = [sys.executable, "-I", str(tmp_path / "verify.py"), str(tmp_path / "journal.jsonl")]
    done = subprocess.run(alone, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "whole" in done.stdout
    lines = journal.splitlines(keepends=True)
    (tmp_path / "journal.jsonl").write_bytes(b"".join([lines[0].replace(b"anna", b"emma"), *lines[1:]]))
    assert subprocess.run(alone, capture_output=True, check=False, cwd=tmp_path).returncode == 1
