"""Renders notices: facts and an obligation in, a text in the addressee's language out, and what it lacks.

The wording stands in playbooks/notices; how facts become words, in `notice_answers.py`. The same facts,
obligation and files always give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from incident_flows.core.facts import Facts
from incident_flows.core.law import Authority
from incident_flows.errors import KnowledgeError
from incident_flows.knowledge.inserts import Insert, Inserts
from incident_flows.knowledge.notice_answers import Answers, Missing, Rendered
from incident_flows.knowledge.notice_templates import Templates
from incident_flows.knowledge.notice_words import Wording

KINDS = ("authority", "people", "controller", "other", "public", "record")
LABELS_IN = "en"  # the language in which people are told what is missing

_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)
_GAPS = re.compile(r"\n{3,}")


class Notices:
    """The notices of one playbooks folder.

    Args:
        root: The playbooks folder.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "notices"
        self._wording = Wording(self._folder)
        self._templates = Templates(self._folder)
        self.inserts = Inserts(root)

    @property
    def wording(self) -> Wording:
        """The words of all languages."""
        return self._wording

    def languages(self, kind: str) -> list[str]:
        """Return the languages there are templates in for a kind of addressee.

        Raises:
            KnowledgeError: There is no such kind.
        """
        if kind not in KINDS:
            raise KnowledgeError(f"notices/{kind}: no such kind of notice; known: {', '.join(KINDS)}")
        found = (path.name.removesuffix(".txt.j2") for path in (self._folder / kind).glob("*.txt.j2"))
        return sorted(name for name in found if not name.startswith("_"))

    def nobody(self, language: str) -> str:
        """Return what stands in a letter to a guardian where the name of the person they care for is not known."""
        return self._wording.words(language).say("letter_guardian_nobody")

    def to_guardian(self, language: str, name: str) -> str:
        """Return how whoever cares for a person is addressed where the list does not name them."""
        return self._wording.words(language).say("letter_guardian", name=name)

    def notice_kind(self, duty: str) -> str:
        """Return initial, supplementary or results, as the duty's notice is called."""
        return self._wording.layouts.notice_kind(duty)

    def render(
        self, kind: str, language: str, *, facts: Facts, obligation: Mapping[str, Any],
        authority: Authority | None, incident_ref: str, on: date, phased: bool = False,
        notice_kind: str | None = None, as_written: bool = False, insert: Insert | None = None,
        guardian: bool = False, asked_in_form: Mapping[str, str] | None = None, unknown_because: str | None = None,
    ) -> Rendered:
        """Return one notice, with every field it still lacks.

        Args:
            kind: authority, people, controller, other, public or record.
            obligation: As an assessment shows it (contract §4).
            authority: The addressee's row in the directory, if it is an authority.
            on: The day the notice is drafted for; an instant (`datetime`) is compared exactly. It decides
                whether the notice is late, and appears in the text of a public page only.
            phased: Facts the law lets follow are written as such and stop nothing.
            as_written: A person accepts free text in the language it was written in.
            notice_kind: initial, supplementary or results; None for the duty's own.
            insert: What the law of one place wants in a letter to its people.
            guardian: A letter about a minor or ward, to whoever cares for them.
            asked_in_form: Open questions of the authority's form, by their key in the facts.
            unknown_because: In a final notice, the line that says why the rest stays unknown.

        Raises:
            KnowledgeError: No template in that language, or one that does not hold together.
            InputError: A fact cannot be put into a notice: too long, or with control characters.
        """
        known = self.languages(kind)
        if language not in known:
            raise KnowledgeError(
                f"notices/{kind}/{language}.txt.j2: there is no such template; "
                f"there is {', '.join(known) or 'none'}"
            )
        layouts = self._wording.layouts
        layout = layouts.layout(kind, str(obligation["duty"]))
        answers = Answers(
            facts, self._wording.words(language), self._wording.words(LABELS_IN), kind=kind,
            obligation=obligation, authority=authority, incident_ref=incident_ref, on=on, phased=phased,
            as_written=as_written,
            notice_kind=notice_kind or layouts.notice_kind(str(obligation["duty"])),
            open_content=layouts.unanswered(layout, tuple(obligation.get("content") or ()), insert),
            insert=insert, guardian=guardian, asked_in_form=asked_in_form, unknown_because=unknown_because,
            authority_names=lambda: self._wording.authority_names,
        )
        text = self._templates.render(f"{kind}/{language}.txt.j2", answers.values(layout))
        html = None
        if (self._folder / kind / f"{language}.html.j2").is_file():
            html = _tidy(self._templates.render(f"{kind}/{language}.html.j2", answers.values(layout)))
        if kind == "people":
            answers.note_open_content()
        text = _tidy(text)
        return Rendered(answers.subject(layout), text, html, language, (*answers.missing(), *answers.lacks(text)))


def _tidy(text: str) -> str:
    """Return the text without trailing blanks and without gaps of more than one line."""
    return _GAPS.sub("\n\n", _TRAILING.sub("", text)).strip() + "\n"


__all__ = ["KINDS", "Missing", "Notices", "Rendered"]
