"""Tokens: scope and role both decide, they end at once, and the journal names them; no token stands for a person."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from incident_flows.errors import InputError, PermissionDeniedError
from incident_flows.services.prove import Proof, proof_of
from incident_flows.services.set_up import choose_password, set_disabled, set_up_link
from incident_flows.services.show import show
from incident_flows.services.shred import shred
from incident_flows.services.tokens import add_token, list_tokens, revoke_token
from tests.api.conftest import FACTS, V1, Programs
from tests.services.test_notify import OFFICER

REF = "INC-2026-0001"


def test_what_a_program_writes_stands_in_the_journal_with_its_token(programs: Programs) -> None:
    program = programs.program("anna", ["open", "read", "update"])
    opened = program.post(f"{V1}/incidents", json=FACTS)
    assert opened.status_code == 201
    assert opened.headers["location"] == f"{V1}/incidents/{REF}"
    changed = program.patch(f"{V1}/incidents/{REF}/facts", json={"change": {"breach": {"medium": "paper"}}})
    assert changed.json()["changed"] == ["breach.medium"]
    entries = programs.journal(REF)
    assert {(one.actor, one.payload["token"]) for one in entries} == {("anna", "T-0001")}
    # …and what a person does at the same desk carries none.
    programs.house.open("nero-studio")
    assert all("token" not in one.payload for one in programs.journal("INC-2026-0002"))


def test_an_answer_is_what_the_terminal_prints(programs: Programs) -> None:
    programs.house.open("aimigos-studio")
    program = programs.program()
    assert program.get(f"{V1}/incidents/{REF}").json() == show(programs.desk, REF, now=programs.house.now)


def test_a_token_is_shown_once_and_stored_hashed(programs: Programs, sqlite_url: str) -> None:
    actor, now = programs.house.person(), programs.house.now
    row, word = add_token(programs.desk, "siem", scopes=["read"], expires_at=None, actor=actor, now=now)
    assert word.startswith(row["prefix"])
    [listed] = list_tokens(programs.desk, actor=actor, now=now)
    assert word not in str(listed)
    programs.desk.database.clear_traces()
    with open(sqlite_url.removeprefix("sqlite:///"), "rb") as file:
        assert word.encode() not in file.read()
    assert all(word not in str(one.payload) for one in programs.journal())


def test_it_works_until_its_end_until_revoked_and_while_its_account_acts(programs: Programs) -> None:
    house, desk = programs.house, programs.desk
    anna, boris = house.person("anna"), house.person("boris")
    program = programs.program("anna", ["read"])
    assert program.get(f"{V1}/incidents").status_code == 200
    assert list_tokens(desk, actor=anna, now=house.now)[0]["used_at"] == "2026-11-22T08:00:00Z"
    with desk.database.write() as tx:
        tx.accounts.add("carl", "carl", ["handler"], house.now)
    carl = house.person("carl")
    with pytest.raises(PermissionDeniedError):  # another's, by no administrator
        revoke_token(desk, "T-0001", actor=carl, now=house.now)
    revoke_token(desk, "T-0001", actor=boris, now=house.now)
    answer = program.get(f"{V1}/incidents")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")

    program = programs.program("anna", ["read"])
    set_disabled(desk, "anna", True, actor=boris, now=house.now)
    assert program.get(f"{V1}/incidents").status_code == 401
    set_disabled(desk, "anna", False, actor=boris, now=house.now)
    assert program.get(f"{V1}/incidents").status_code == 401  # it does not come back to life

    program = programs.program("anna", ["read"])
    choose_password(desk, set_up_link(desk, "anna", actor=anna, now=house.now).word, "a long sentence", now=house.now)
    assert program.get(f"{V1}/incidents").status_code == 401  # its owner begins anew

    program = programs.program("anna", ["read"])
    house.advance(days=366)
    assert program.get(f"{V1}/incidents").status_code == 401


def test_roles_taken_away_are_gone_for_its_tokens_too(programs: Programs) -> None:
    program = programs.program("anna", ["read", "open"])
    with programs.desk.database.write() as tx:
        tx.accounts.set_roles("anna", ["reporter"])
    assert program.get(f"{V1}/incidents").status_code == 403
    assert program.post(f"{V1}/incidents", json=FACTS).status_code == 201


@pytest.mark.parametrize("scopes", [[], ["accounts"], ["everything"]])
def test_a_token_for_nothing_for_accounts_or_for_what_is_no_verb_is_not_made(
    programs: Programs, scopes: list[str]
) -> None:
    with pytest.raises(InputError, match="--scope"):
        programs.program("anna", scopes)


def test_a_token_opens_no_page_and_a_session_no_api(programs: Programs) -> None:
    program = programs.program()
    assert program.get("/incidents", follow_redirects=False).status_code == 303
    assert program.post("/you/tokens", data={"name": "x", "scope": "read"}).status_code == 403


def test_a_text_is_approved_by_a_person_who_shows_a_code_and_did_not_draft_it(programs: Programs) -> None:
    programs.house.open("aimigos-studio")
    handler = programs.program("anna")
    assert handler.patch(f"{V1}/incidents/{REF}/facts", json={"change": OFFICER}).status_code == 200
    wanted = {"obligation": "eu-gdpr/tell-authority"}
    [notice] = handler.post(f"{V1}/incidents/{REF}/drafts", json=wanted).json()["notices"]
    at = f"{V1}/incidents/{REF}/notices/{notice['id']}/approve"
    programs.with_second_factor("anna")
    programs.with_second_factor("boris")
    approver = programs.program("boris")
    exact = {"sha256": notice["sha256"]}

    assert "Breach-Code" in approver.post(at, json=exact).json()["detail"]
    assert approver.post(at, json=exact, headers={"Breach-Code": "000000"}).status_code == 403
    drafter = handler.post(at, json=exact, headers={"Breach-Code": programs.code()})
    assert drafter.status_code == 403
    assert "Breach-Code" not in drafter.json()["detail"]  # the code was good; four eyes are two people
    code = {"Breach-Code": programs.code()}
    assert approver.post(at, json={"sha256": "0" * 64}, headers=code).status_code == 409
    done = approver.post(at, json=exact, headers=code)  # what was refused used no code up
    assert (done.status_code, done.json()["approved_by"]) == (200, "boris")
    assert approver.post(at, json=exact, headers=code).status_code == 403  # what was done did


def test_a_code_given_to_two_acts_at_once_does_one_of_them(programs_on_each: Programs) -> None:
    programs = programs_on_each
    programs.with_second_factor("anna")
    code, actor = programs.code(), programs.house.person("anna")
    refs = [programs.house.open("aimigos-studio") for _ in range(2)]
    proofs = [proof_of(programs.desk, "anna", code, now=programs.house.now) for _ in refs]
    started = Barrier(len(refs))

    def shredded(ref: str, proof: Proof) -> bool:
        started.wait(10)
        try:
            shred(programs.desk, ref, because="test", actor=actor, now=programs.house.now, proof=proof)
        except PermissionDeniedError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(shredded, refs, proofs)) == [False, True]


def test_what_lowers_protection_is_not_decided_by_a_token_alone(programs: Programs) -> None:
    programs.house.open("aimigos-studio")
    programs.with_second_factor("anna")
    at, said = f"{V1}/incidents/{REF}/decisions", {"subject": "risk", "answer": "unlikely", "because": "no harm"}
    program = programs.program("anna")
    assert program.post(at, json=said).status_code == 403
    waits = program.post(at, json=said, headers={"Breach-Code": programs.code()})
    assert (waits.status_code, waits.json()["in_force"]) == (200, False)
    raises = {"subject": "risk", "answer": "high-risk", "because": "bank data"}
    assert program.post(at, json=raises).json()["in_force"] is True


def test_people_are_not_shredded_by_a_token_alone(programs: Programs) -> None:
    ref = programs.house.open("aimigos-studio")
    program = programs.program("anna")
    answer = program.post(f"{V1}/incidents/{ref}/recipients/shred", json={"because": "no longer needed"})
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")


def test_a_list_of_people_goes_in_and_only_counts_come_out(programs: Programs) -> None:
    ref = programs.house.open("aimigos-studio")
    program = programs.program("anna")
    rows = "email,name,language\nana@people.example,Ana,es\nno address,Ben,en\n"
    at = f"{V1}/incidents/{ref}/recipients"
    seen = program.post(f"{at}/import?preview=true", content=rows, headers={"content-type": "text/csv"})
    assert (seen.json()["accepted"], program.get(at).json()["people"]) == (1, 0)
    done = program.post(f"{at}/import", content=rows, headers={"content-type": "text/csv"})
    assert (done.json()["accepted"], done.json()["refused_total"]) == (1, 1)
    assert program.get(at).json()["people"] == 1
    for answer in (done, program.get(at), program.get(f"{at}/refused"), program.get(f"{V1}/incidents/{ref}")):
        assert "ana@" not in answer.text
        assert "Ana" not in answer.text


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"organisation": "a", "organisation": "b"}', "the key 'organisation' stands twice"),
        (b'{"organisation": "aimigos-studio", "people": {"total": NaN}}', "NaN is no number"),
        (b'{"organisation": "aimigos-studio", "title": "a\\u0000b"}', "U+0000"),
        (b'{"organisation": "aimigos-studio", "title": "\\ud800"}', "half a character"),
        (b'{"organisation": "aimigos-studio",\n "role" 1}', "not JSON from line 2, column 9 on"),
        (b'{"title": "caf\xe9"}', "byte 15 is not UTF-8"),
        (b"[" * 100_000, "not JSON"),
        (b'{"organisation": "aimigos-studio", "moments": {"aware_at": "2026-11-20T18:00:00"}}', "has no offset"),
        (b'{"organisation": "nobody"}', "nobody"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_in_three_lines_and_stores_nothing(
    programs: Programs, body: bytes, says: str
) -> None:
    program = programs.program("anna")
    for path in ("/assess", "/incidents"):
        answer = program.post(V1 + path, content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert says in answer.json()["detail"]
        assert len(answer.json()["detail"].splitlines()) <= 3
    assert program.get(f"{V1}/incidents").json() == []


def test_a_dossier_goes_out_and_a_changed_one_does_not_pass(programs: Programs) -> None:
    ref = programs.house.open("aimigos-studio")
    program = programs.program("anna")
    given = program.post(f"{V1}/incidents/{ref}/dossier")
    assert given.headers["content-type"] == "application/zip"
    assert program.post(f"{V1}/verify", content=given.content).json()["whole"] is True
    assert "dossier" in [one.act for one in programs.journal(ref)][-1]
    cut = given.content.replace(b'"actor":"anna"', b'"actor":"eve"')
    damaged = program.post(f"{V1}/verify", content=cut[:-40])
    assert damaged.status_code == 422
    assert "is no dossier" in damaged.json()["detail"]
    assert program.get(f"{V1}/verify").json()["whole"] is True


def test_what_a_token_may_not_is_refused_before_its_body_is_read(programs: Programs) -> None:
    program = programs.program("anna", ["read"])
    assert program.post(f"{V1}/incidents", content=b"{").status_code == 403
    assert program.post(f"{V1}/incidents/{REF}/recipients/import", content=b"x" * 1000).status_code == 403


def test_an_authoritys_question_and_an_explanation_come_by_program_too(programs: Programs) -> None:
    programs.house.open("aimigos-studio")
    program, at = programs.program("anna"), f"{V1}/incidents/{REF}"
    asked = {
        "obligation": "eu-gdpr/tell-authority@es-aepd", "question": "How many children?",
        "received": "2026-11-22T08:00:00+01:00", "due": "2026-11-25T12:00:00+01:00",
    }  # fmt: skip
    assert program.post(f"{at}/questions", json=asked).json()["due_at"].startswith("2026-11-25T11:00:00")
    assert "offset" in program.post(f"{at}/questions", json={**asked, "due": "2026-11-25T12:00:00"}).json()["detail"]
    assert program.get(f"{at}/story").json()["open"] == []
    nothing = program.post(f"{at}/explanations", json={"keys": ["people.total"], "because": "counted anew"})
    assert nothing.status_code == 422
    assert program.get(f"{at}/letters").json()["by_notice"] == {}


def test_a_list_is_read_as_the_request_says_and_refused_in_the_words_of_the_api(programs: Programs) -> None:
    ref = programs.house.open("aimigos-studio")
    program, at = programs.program("anna"), f"{V1}/incidents/{ref}/recipients/import"
    body = "email,name\nj@acme.example,José\n".encode("cp1252")

    def says(kind: str, query: str = "") -> str:
        answer = program.post(at + query, content=body, headers={"content-type": kind})
        assert answer.status_code == 422
        assert "--" not in answer.json()["detail"]
        return str(answer.json()["detail"])

    assert "say what it is: encoding=cp1252" in says("text/csv")
    assert "say one, or the same" in says("text/csv; charset=cp1252", "?encoding=utf-8")
    assert "encoding: 'klingon' is not known" in says("text/csv; charset=klingon")
    assert "'application/json' is no list" in says("application/json")
    assert "column=email: no column has that heading" in says("text/csv; charset=cp1252", "?column=email=Mail")
    for kind, query in (("text/csv; charset=windows-1252", "?encoding=cp1252"), ("text/csv", "?encoding=cp1252")):
        answer = program.post(at + query, content=body, headers={"content-type": kind})
        assert (answer.status_code, answer.json()["refused_total"]) == (200, 0), answer.text
