"""A filled form as plain text, to copy into a portal field by field. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from incident_flows.core.forms import SURENESS, Filled, FilledField

MARKS = {"unconfirmed": "†", "recalled": "‡", "secondary": "§", "read": ""}


def as_text(filled: Filled) -> str:
    """Return the form in the portal's order: number, label, answer, and what is to be known about the field."""
    lines = [filled.title, *_head(filled), ""]
    section, part, number = None, 0, 0
    for field in filled.fields:
        if field.section != section:
            section, part, number = field.section, part + 1, 0
            lines += [f"{part}  {section}", ""]
        number += 1
        lines += [*_field(field, f"{part}.{number}", english=filled.language != "en"), ""]
    done = filled.completeness()
    lines.append(f"{done.answered} of {done.asked} fields asked are answered ({done.share:.0%}).")
    return "\n".join(lines)


def _head(filled: Filled) -> Iterator[str]:
    if filled.generic:
        yield "This authority's own form is not described here: copy from these answers what its form asks."
    if filled.labels == "ours":
        yield "The labels are ours; the portal may word and order its fields otherwise."
    for word, mark in MARKS.items():
        if mark and any(field.confidence == word for field in filled.fields):
            yield f"{mark} {SURENESS[word]}"  # type: ignore[index]


def _field(field: FilledField, number: str, *, english: bool) -> Iterator[str]:
    beside = f" / {field.label_english}" if english and field.label_english != field.label else ""
    mark = MARKS[field.confidence]
    star = " *" if field.required else ""
    yield f"{number}  {field.label}{beside}{star}{f' {mark}' if mark else ''}"
    for line in field.value:
        yield from (f"    {one}" if one else "" for one in line.splitlines() or [""])
    if field.english and field.english != field.value and field.state == "answered":
        yield f"    = {'; '.join(field.english)}"[:400]
    if field.state == "answered" and field.note:
        yield f"    [{field.note}]"
    if field.state == "missing-required":
        yield f"    [EMPTY: {field.note}; give {field.key}]"
    elif field.state == "not-applicable":
        yield f"    — ({field.note or 'not applicable'})"
    elif field.state == "unknown":
        who = f"; {field.owner} finds out" if field.owner else ""
        when = f" by {field.follows_on}" if field.follows_on else ""
        yield f"    [{field.note}{who}{when}]"
    if field.limit is not None and field.length:
        over = field.note if field.state == "too-long" else ""
        yield f"    ({field.length} of {field.limit} characters{f': TOO LONG, {over}' if over else ''})"
