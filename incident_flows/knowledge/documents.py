"""Typesets documents as PDF/A by the layout of playbooks/documents: same content, same bytes.

Whatever a person wrote travels as data, never as markup. The typefaces come from Python packages and from the
typesetter itself, never from the machine, so a document looks the same everywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from html import unescape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from incident_flows.errors import KnowledgeError

STANDARD = "a-2a"  # PDF/A-2a: tagged, every character has a glyph and a meaning
_FONT_PACKAGES = ("matplotlib_fontja", "koreanize_matplotlib")  # found, never imported: they would load matplotlib
_JAPANESE, _KOREAN = "IPAexGothic", "NanumGothic"
_NO_GLYPH = re.compile(r'the text `"(.+?)"` could not be displayed', re.DOTALL)
_ESCAPED = re.compile(r"\\u\{([0-9a-fA-F]+)\}")
_HEADING = re.compile(r"\d{1,2}\. \S.*")
_HTML_HEADING = re.compile(r"<h2>(.*?)</h2>")
_ROW = re.compile(r"- ([^:：]{1,120}[:：]) ?(.+)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]")

Block = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Page:
    """A document's content.

    Attributes:
        blocks: In their order; kinds as in playbooks/documents/page.typ.
        language: Decides hyphenation and which typeface draws Han characters.
        on: The moment the document speaks for; the only time in the file.
        sha256: Of what was approved, for the footer; "" for none.
        watermark: A word across every page, such as DRAFT; "" for none.
        paper: `a4` or `us-letter`.
    """

    title: str
    blocks: Sequence[Block]
    on: datetime
    language: str = "en"
    author: str = ""
    footer: str = ""
    sha256: str = ""
    watermark: str = ""
    paper: str = "a4"


@dataclass
class Documents:
    """The typesetter of one playbooks folder.

    Args:
        root: The playbooks folder.
    """

    root: Path

    def pdf(self, page: Page) -> bytes:
        """Return the document as PDF/A.

        A character that no typeface has is written as its code, such as [U+1F600], and a note says so; it is
        never left out.

        Raises:
            KnowledgeError: The layout file does not hold together.
        """
        import typst

        absent: set[str] = set()
        for _ in range(20):  # each round names characters; a text uses few alphabets
            content = json.dumps(self._content(page, absent), ensure_ascii=False)
            try:
                made = self._compiler.compile(
                    sys_inputs={"content": content}, format="pdf", pdf_standards=[STANDARD],
                    timestamp=int(page.on.timestamp()),
                )  # fmt: skip
            except typst.TypstError as error:
                found = _characters(f"{error.message}\n{error.diagnostic}") - absent
                if not found:
                    raise KnowledgeError(f"documents/page.typ: {error.message}") from None
                absent |= found
                continue
            assert isinstance(made, bytes)
            return made
        raise KnowledgeError("documents/page.typ: the text has too many characters that no typeface has")

    @cached_property
    def _compiler(self) -> Any:
        import typst

        folder = self.root / "documents"
        fonts = typst.Fonts(include_system_fonts=False, font_paths=[str(path) for path in font_folders()])
        return typst.Compiler(
            input=str(folder / "page.typ"), root=str(folder), font_paths=fonts, ignore_system_fonts=True
        )

    def _content(self, page: Page, absent: set[str]) -> Mapping[str, Any]:
        at = page.on.astimezone(UTC)
        blocks = [_drawable(block, absent) for block in page.blocks]
        if absent:
            codes = ", ".join(sorted(_code(one) for one in absent))
            note = f"Characters that no typeface at hand can draw are written as their Unicode number: {codes}."
            blocks.append({"kind": "warning", "text": note})
        han_first = [_KOREAN, _JAPANESE] if page.language == "ko" else [_JAPANESE, _KOREAN]
        return {
            "title": _drawable(page.title, absent),
            "author": _drawable(page.author, absent),
            "language": page.language,
            "fonts": [*han_first, "DejaVu Sans Mono"],
            "paper": page.paper,
            "watermark": _drawable(page.watermark, absent),
            "footer": _drawable(page.footer, absent),
            "sha256": page.sha256,
            "date": {
                name: getattr(at, name) for name in ("year", "month", "day", "hour", "minute", "second")
            },
            "blocks": blocks,
        }


def font_folders() -> list[Path]:
    """Return the folders of the typeface packages, without importing them.

    Raises:
        KnowledgeError: A package is not installed.
    """
    found = []
    for name in _FONT_PACKAGES:
        spec = find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            raise KnowledgeError(f"the package {name} is missing, so there is no typeface; `make setup` installs it")
        found.append(Path(next(iter(spec.submodule_search_locations))) / "fonts")
    return found


def blocks_of(text: str) -> list[Block]:
    """Return a notice's plain text as blocks: the same words, set as headings, rows and paragraphs.

    >>> [block["kind"] for block in blocks_of("TITLE\\n\\n- To: AEPD\\n\\n1. Who\\nWe do.\\n- one thing\\n")]
    ['title', 'row', 'heading', 'para', 'item']
    """
    found: list[Block] = []
    for number, line in enumerate(text.splitlines()):
        row = _ROW.fullmatch(line)
        if not line.strip():
            continue
        if number == 0:
            found.append({"kind": "title", "text": line})
        elif _HEADING.fullmatch(line):
            found.append({"kind": "heading", "text": line})
        elif row is not None:
            found.append({"kind": "row", "label": row[1], "text": row[2]})
        elif line.startswith("- "):
            found.append({"kind": "item", "text": line[2:]})
        else:
            found.append({"kind": "para", "text": line})
    return found


def letter_blocks(subject: str, text: str, html: str | None) -> list[Block]:
    """Return a letter's plain text as blocks under its subject; its HTML says which lines are headings.

    >>> letter = letter_blocks("S", "Good day,\\n\\nWhat & why\\n\\nIt.\\n", "<h2>What &amp; why</h2>")
    >>> [block["kind"] for block in letter]
    ['title', 'para', 'heading', 'para']
    """
    headings = {unescape(one) for one in _HTML_HEADING.findall(html or "")}
    blocks = blocks_of(f"{subject}\n{text}")
    for block in blocks:
        if block["kind"] == "para" and block["text"] in headings:
            block["kind"] = "heading"
    return blocks


def _characters(diagnostic: str) -> set[str]:
    """Return the characters the typesetter says no typeface has."""
    found: set[str] = set()
    for text in _NO_GLYPH.findall(diagnostic):
        plain = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), text)
        found |= {one for one in plain if ord(one) > 0x7E}
    return found


def _drawable(value: Any, absent: set[str]) -> Any:
    """Return a block with line breaks kept, control characters gone, and absent characters as their codes."""
    if isinstance(value, str):
        return "".join(_code(one) if one in absent else one for one in _CONTROL.sub(" ", value))
    if isinstance(value, Mapping):
        return {key: _drawable(one, absent) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_drawable(one, absent) for one in value]
    return value


def _code(character: str) -> str:
    return f"[U+{ord(character):04X}]"
