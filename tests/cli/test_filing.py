"""Filings at the terminal: phases, differences, questions, papers."""

from __future__ import annotations

import pytest

from tests.cli.terminal import Terminal

REF, AEPD = "INC-2026-0001", "eu-gdpr/tell-authority@es-aepd"


def test_from_a_first_filing_to_its_supplement_a_question_and_the_papers(opened: Terminal) -> None:
    opened("facts", REF, "organisation.dpo={name: Ana Ruiz, email: dpo@aimigos.example}")
    assert "Arts 55 and 56" in opened("draft", REF, AEPD)
    opened("account", "add", "boris", "--role", "approver")
    opened("approve", REF, "N-0001", "--as", "boris")
    opened("notify", REF, "N-0001", "--filed-as", "AEPD-77")
    assert "is none; write initial" in opened.refused("draft", REF, AEPD, "--phase", "second")
    assert "needs its reason" in opened.refused("draft", REF, AEPD, "--phase", "withdrawal")

    assert "! people.total is 1100, but people.by_place adds up to 1020" in opened(
        "facts", REF, "people.total=1100"
    )
    drafted = opened("draft", REF, AEPD, "--phase", "supplementary")
    assert "  ≠ people.by_place: 1100 in people.total, 1020 here: nobody says why\n" in drafted
    opened("facts", REF, "people.by_place.GB=980")
    again = opened("draft", REF, AEPD, "--phase", "supplementary")
    assert "  replaces N-0002 (supplementary, awaiting-approval), which is withdrawn\n" in again
    assert "2 changed, 0 added, " in again
    assert "  the form's open questions: " in again
    assert "≠ people.by_place: 1100" not in again
    assert "breach explain" in opened.refused("approve", REF, "N-0003", "--as", "boris")
    assert "--because: say why" in opened.refused("explain", REF, "--because", "")
    assert "nobody says why" in opened("explain", REF)
    assert "✓ people.total: 1020 in N-0001, then 1100: found later" in opened(
        "explain", REF, "--because", "found later"
    )
    opened("approve", REF, "N-0003", "--as", "boris")

    question = ("--question", "¿Cifrado?", "--received", "2026-11-20T10:00:00+01:00")
    assert "has no offset" in opened.refused("asked", REF, AEPD, *question, "--due", "2026-12-01T10:00:00")
    assert "due Tue 01 Dec 2026 10:00 Europe/Madrid = 2026-12-01 09:00Z\n" in opened(
        "asked", REF, AEPD, *question, "--due", "2026-12-01T10:00:00+01:00"
    )
    assert "--answer: is empty" in opened.refused("draft", REF, "question/q-0001@es-aepd", "--answer", " ")
    assert "Respuesta" in opened("draft", REF, "question/q-0001@es-aepd", "--answer", "No.").title()
    assert "filed N-0001 initial" in opened("show", REF)

    opened("document", REF, "N-0001", "--folder", opened.home)
    opened("document", REF, "--folder", opened.home)
    for name in ("N-0001", "record"):
        assert (opened.home / f"{REF}-{name}.pdf").read_bytes().startswith(b"%PDF-1.7")
    assert "no notice N-0009" in opened.refused("document", REF, "N-0009")


@pytest.mark.parametrize("name", ["bad name/../x", "-x", "x" * 65, "two\nlines"])
def test_an_account_has_a_name_that_fits_a_link_and_a_line(opened: Terminal, name: str) -> None:
    assert "is no name for an account" in opened.refused("account", "add", "--role", "handler", "--", name)
