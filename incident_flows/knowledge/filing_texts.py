"""Writes what is particular to later filings: what changed since the last one, a withdrawal, an answer.

The same facts and words always give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from incident_flows.core.facts import Facts
from incident_flows.core.law import Authority
from incident_flows.knowledge.filing_words import FilingWords
from incident_flows.knowledge.notice_answers import Missing, about_language
from incident_flows.knowledge.notice_values import Values
from incident_flows.knowledge.notice_words import Wording, Words

_BECAUSE = "because"  # asked of the person who drafts, not of the facts
_OWN = ("organisation.registration",)  # asked for in some notices only: not a change of the story


@dataclass(frozen=True)
class Earlier:
    """The filing a later one refers to.

    Attributes:
        reference: The addressee's own, if it gave one.
    """

    notice: str
    at: datetime
    reference: str | None
    facts: Facts


@dataclass(frozen=True)
class Change:
    """One field that reads differently than in the last filing."""

    field: str
    label: str
    before: str | None
    now: str | None


@dataclass(frozen=True)
class Changes:
    """A filing's difference to the one before it."""

    since: str
    changed: tuple[Change, ...]
    added: tuple[Change, ...]
    open: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "since": self.since,
            "changed": [asdict(one) for one in self.changed],
            "added": [asdict(one) for one in self.added],
            "open": list(self.open),
        }


class FilingTexts:
    """The texts of later filings, in the languages there are words in.

    Args:
        words: The fixed words of filings.
        wording: Those of notices, for the names of fields and values.
    """

    def __init__(self, words: FilingWords, wording: Wording) -> None:
        self._words = words
        self._wording = wording

    def changes(
        self, language: str, earlier: Earlier, facts: Facts, missing: Sequence[Missing], *, zone: str | None
    ) -> Changes:
        """Return what a filing from `facts` says differently than the earlier one."""
        words = self._wording.words(language)
        before, now = Values(earlier.facts, words, zone), Values(facts, words, zone)
        changed: list[Change] = []
        added: list[Change] = []
        for field, label in words.fields.items():
            if field in _OWN:
                continue
            old, new = _line(before.value(field)), _line(now.value(field))
            if old == new:
                continue
            (changed if old else added).append(Change(field, label, old, new))
        names: dict[str, str] = {}
        for one in missing:
            if one.field != _BECAUSE and not about_language(one.field):
                names.setdefault(one.field, _label(words, one))
        return Changes(earlier.notice, tuple(changed), tuple(added), tuple(names.values()))

    def changes_text(
        self, language: str, phase: str, earlier: Earlier, changes: Changes, reasons: Mapping[str, str]
    ) -> str:
        """Return the part that stands before a supplementary or final notice.

        Args:
            reasons: By field: why it is different now.
        """

        def say(key: str, **blanks: str) -> str:
            return self._words.say(language, key, **blanks)

        lines = [say(phase), "", say("changes", **self._since(language, earlier)) + ":"]
        if changes.changed:
            lines += ["", say("changed")]
            for one in changes.changed:
                now = one.now or say("no_longer")
                lines.append("- " + say("was_now", field=one.label, before=one.before or "", now=now))
                if one.field in reasons:
                    lines.append(f"  {say('reason')}: {reasons[one.field]}")
        if changes.added:
            lines += ["", say("added"), *(f"- {one.label}: {one.now}" for one in changes.added)]
        if not (changes.changed or changes.added):
            lines += ["", say("nothing_changed")]
        if phase == "final":
            pass  # what stays unknown stands at the end of the notice, with the reason
        elif changes.open:
            lines += ["", say("open"), *(f"- {one}" for one in changes.open)]
        else:
            lines += ["", say("nothing_open")]
        return "\n".join(lines) + "\n"

    def withdrawal(
        self,
        language: str,
        earlier: Earlier,
        facts: Facts,
        *,
        authority: Authority | None,
        addressee: str,
        ref: str,
        because: str,
    ) -> str:
        """Return the text that takes a notice back."""
        text = self._words.say(language, "withdrawn", **self._since(language, earlier))
        reason = self._words.say(language, "reason")
        body = [text, f"{reason}: {because}"]
        return self._letter(language, "withdrawal", facts, authority, addressee, ref, body)

    def answer(
        self,
        language: str,
        facts: Facts,
        *,
        authority: Authority | None,
        addressee: str,
        ref: str,
        received: datetime,
        question: str,
        answer: str | None,
    ) -> str:
        """Return the answer to an authority's question; a bracketed mark while there is none."""
        zone = authority.zone if authority else None
        asked = self._words.say(
            language, "question", date=Values(facts, self._wording.words(language), zone).day(received)
        )
        head = self._words.say(language, "answer_head")
        said = answer or self._words.say(language, "empty", field=head)
        return self._letter(
            language, "answer", facts, authority, addressee, ref, [f"{asked}:", question, "", f"{head}:", said]
        )

    def bundled(self, language: str, refs: Sequence[str]) -> str:
        """Return the sentence that a notice covers several breaches."""
        return self._words.say(language, "bundled", refs=", ".join(refs))

    def one_breach(self, language: str, ref: str) -> str:
        """Return the heading of one breach among several."""
        return self._words.say(language, "one_breach", ref=ref)

    def reason(self, language: str, because: str | None) -> str:
        """Return the line that gives a reason; a bracketed mark while there is none."""
        head = self._words.say(language, "reason")
        return f"{head}: {because or self._words.say(language, 'empty', field=head)}"

    def phase(self, language: str, phase: str) -> str:
        """Return what a filing of this phase is called."""
        return self._words.say(language, phase)

    def _since(self, language: str, earlier: Earlier) -> dict[str, str]:
        words = self._wording.words(language)
        reference = (
            self._words.say(language, "your_reference", reference=earlier.reference) if earlier.reference else ""
        )
        return {
            "notice": earlier.notice,
            "date": Values(earlier.facts, words, None).day(earlier.at),
            "reference": reference,
        }

    def _letter(
        self,
        language: str,
        phase: str,
        facts: Facts,
        authority: Authority | None,
        addressee: str,
        ref: str,
        body: Sequence[str],
    ) -> str:
        words = self._wording.words(language)
        values = Values(facts, words, authority.zone if authority else None)
        to = (authority.name_native or authority.name) if authority else addressee
        sender = _line(values.value("organisation.legal_name")) or _line(values.value("organisation.name"))
        contact = _line(values.value("organisation.dpo"))
        rows = [
            (words.say("row_to"), to),
            (words.say("row_reference"), ref),
            (words.say("row_legal_name"), sender or self._empty(language, words, "organisation.legal_name")),
            (words.say("row_contact"), contact or self._empty(language, words, "organisation.dpo")),
        ]
        lines = [self._words.say(language, phase), "", *(f"- {label}: {text}" for label, text in rows), "", *body]
        return "\n".join(lines) + "\n"

    def _empty(self, language: str, words: Words, field: str) -> str:
        return self._words.say(language, "empty", field=words.field(field))


def _label(words: Words, missing: Missing) -> str:
    return words.fields.get(missing.field, missing.label)


def _line(value: Any) -> str | None:
    if isinstance(value, list | tuple):
        return "; ".join(value) or None
    return value or None
