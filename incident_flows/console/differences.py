"""How one text differs from another, word by word, as pieces a page marks as taken out or put in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

_WORDS = re.compile(r"\n|[^\S\n]+|[^\s]+")
_LONGEST = 40_000  # words; above it lines are compared


@dataclass(frozen=True)
class Piece:
    """A stretch of text that is in both, only in the old one, only in the new one, or in both and not shown."""

    kind: Literal["same", "gone", "new", "left-out"]
    text: str


def differences(old: str, new: str) -> list[Piece]:
    """Return the pieces that, without the gone ones, make up `new`, and without the new ones `old`.

    >>> [(one.kind, one.text) for one in differences("on Monday we saw", "on Tuesday we saw")]
    [('same', 'on '), ('gone', 'Monday'), ('new', 'Tuesday'), ('same', ' we saw')]
    >>> differences("the same", "the same")
    [Piece(kind='same', text='the same')]
    """
    if old == new:
        return [Piece("same", new)] if new else []
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    if len(before) + len(after) > _LONGEST:
        before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    pieces: list[Piece] = []
    gone = new = ""
    for what, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        same = "".join(after[c:d]) if what == "equal" else ""
        if same and same.isspace() and "\n" not in same and (gone or new):
            gone, new = gone + same, new + same  # a blank alone does not part two changes
        elif same:
            pieces += [*_change(gone, new), Piece("same", same)]
            gone = new = ""
        else:
            gone, new = gone + "".join(before[a:b]), new + "".join(after[c:d])
    return [*pieces, *_change(gone, new)]


def _change(gone: str, new: str) -> list[Piece]:
    return [*([Piece("gone", gone)] if gone else []), *([Piece("new", new)] if new else [])]


def around_changes(pieces: list[Piece], *, around: int = 160) -> list[Piece]:
    """Return the pieces with what is in both cut down to whole words within `around` characters of a change.

    >>> [one.kind for one in around_changes([Piece("same", "x" * 900), Piece("new", "y")], around=10)]
    ['left-out', 'same', 'new']
    """
    found: list[Piece] = []
    for number, one in enumerate(pieces):
        before = around if number > 0 else 0
        after = around if number < len(pieces) - 1 else 0
        if one.kind != "same" or len(one.text) <= 2 * around + 40:
            found.append(one)
            continue
        if before:
            found.append(Piece("same", one.text[:before].rpartition(" ")[0] or one.text[:before]))
        found.append(Piece("left-out", ""))
        if after:
            found.append(Piece("same", one.text[-after:].partition(" ")[2] or one.text[-after:]))
    return found
