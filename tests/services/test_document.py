"""Documents are the same bytes every time, lose no letter of any alphabet, and read nothing as markup."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypdf
import pypdfium2
import pytest

from incident_flows.knowledge.documents import Documents, Page, blocks_of
from incident_flows.knowledge.filing_words import FilingWords
from incident_flows.services.approve import approve
from incident_flows.services.document import notice_document, record_document
from incident_flows.services.dossier import dossier
from incident_flows.services.draft import draft
from incident_flows.services.story import explain
from incident_flows.services.update import change_facts

ROOT = Path(__file__).parents[2] / "playbooks"
AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SAID = {
    "es": "Notificación de una violación de la seguridad: ñandú, Perpetuo Cielo Azul, 1.020 €",
    "en": "Notification of a personal data breach: the “laptop” – £1,020",
    "de": "Meldung einer Verletzung: Größe, Straße, Äpfel, Übung",
    "ru": "Уведомление о неправомерной передаче персональных данных, ёж",
    "ja": "個人データの漏えい等に関する報告書：氏名、電子メールアドレス（千二十人）",
    "ko": "개인정보 유출 신고서: 이름, 전자우편 주소, 은행 계좌번호",
    "el": "Γνωστοποίηση παραβίασης δεδομένων προσωπικού χαρακτήρα: ΐ ώ Ϋ",
    "pl": "Zgłoszenie naruszenia ochrony danych: zażółć gęślą jaźń",
    "tr": "Kişisel veri ihlali bildirimi: İĞŞ ığş",
}


def _read(content: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages).split())


def _dark(content: bytes) -> float:
    """Return the share of the first page that is not white."""
    grey = pypdfium2.PdfDocument(content)[0].render(scale=0.5).to_pil().convert("L")
    counts = grey.histogram()
    return sum(counts[:250]) / sum(counts)


@pytest.mark.parametrize("language", SAID)
def test_every_alphabet_arrives_on_paper(language: str) -> None:
    words = FilingWords(ROOT)
    text = f"{SAID[language]}\n\n1. {SAID[language]}\n- {words.say(language, 'reason')}: {SAID[language]}\n"
    made = Documents(ROOT).pdf(
        Page(title=SAID[language], blocks=blocks_of(text), on=AT, language=language, sha256="5" * 64)
    )
    read = _read(made)
    assert read.replace(" ", "").count(SAID[language].replace(" ", "")) == 3
    assert "[U+" not in read, "no character may fall back to its code"
    assert "5" * 64 in read
    assert _dark(made) > 0.005


def test_a_character_without_a_glyph_is_named_and_never_dropped() -> None:
    made = Documents(ROOT).pdf(Page(title="T", blocks=[{"kind": "para", "text": "name 😀 ไทย"}], on=AT))
    read = _read(made)
    assert "name [U+1F600] [U+0E44][U+0E17][U+0E22]" in read
    assert "no typeface" in read


def test_what_a_person_wrote_is_never_markup() -> None:
    hostile = '#import "/etc/passwd" #sys.inputs.content *b* $x^2$ \\ @ref <label> = head // gone /* gone */ `code`'
    blocks = [
        {"kind": "para", "text": hostile},
        {"kind": "row", "label": hostile, "text": hostile},
        {"kind": "table", "headers": [hostile], "widths": [1], "rows": [[hostile]]},
    ]
    read = _read(Documents(ROOT).pdf(Page(title=hostile, blocks=blocks, on=AT, footer=hostile, watermark="#x")))
    assert read.replace(" ", "").count(hostile.replace(" ", "")) == 6


def test_the_same_notice_gives_the_same_bytes_and_shows_its_state(house: Any) -> None:
    ref = house.open("aimigos-studio")
    officer = {"dpo": {"name": "Ana Ruiz", "email": "dpo@aimigos.example"}}
    change_facts(house.desk, ref, {"organisation": officer}, actor=house.person(), now=house.now, source="call")
    [one], _ = draft(house.desk, ref, "eu-gdpr/tell-authority", actor=house.person(), now=house.now)
    drafted = notice_document(house.desk, ref, one.notice.ref)[1]
    assert "BORRADOR" in _read(drafted)
    explain(house.desk, ref, [], because="a part of them", actor=house.person("anna"), now=house.now)
    approve(house.desk, ref, one.notice.ref, actor=house.person("boris"), now=house.now)
    data, approved = notice_document(house.desk, ref, one.notice.ref)
    read = _read(approved)
    assert "BORRADOR" not in read
    assert data["sha256"] in read
    assert "Perpetual Cielo Azul SL" in read
    assert "1 / 3" in read
    assert approved == notice_document(house.desk, ref, one.notice.ref)[1]
    assert pypdf.PdfReader(io.BytesIO(approved)).xmp_metadata is not None


def test_a_letter_on_paper_has_the_headings_of_its_mail(house: Any) -> None:
    ref = house.open("aimigos-studio")
    made, _ = draft(house.desk, ref, "uk-gdpr/tell-people@people", actor=house.person(), now=house.now)
    letter = next(one.notice for one in made if one.notice.language == "en")
    reader = pypdf.PdfReader(io.BytesIO(notice_document(house.desk, ref, letter.ref)[1]))
    listed = [str(one.title) for part in reader.outline for one in (part if isinstance(part, list) else [part])]
    assert listed[0] == letter.subject
    assert {"What happened", "What you can do", "Whom you can ask"} <= set(listed)
    assert "Good day," not in listed


def test_the_record_names_every_obligation_and_ends_with_the_seal(house: Any, tmp_path: Path) -> None:
    ref = house.open("aimigos-studio")
    data, content = record_document(house.desk, ref)
    read = _read(content)
    for one in data["obligations"]:
        assert one["id"].replace(" ", "") in read.replace(" ", ""), one["id"]
    assert data["journal"][-1]["hash"] in read
    path = dossier(house.desk, ref, actor=house.person(), now=house.now, folder=tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("documents/record.pdf").startswith(b"%PDF")


def test_the_typefaces_are_found_without_loading_matplotlib() -> None:
    code = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from incident_flows.knowledge.documents import Documents, Page\n"
        f"Documents(Path({str(ROOT)!r})).pdf(Page(title='T', blocks=[], on=datetime(2026, 1, 1, tzinfo=UTC)))\n"
        "print(sorted(name for name in sys.modules if name.startswith('matplotlib')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
