"""How hard a text is to read, by LIX: words per sentence plus the share of long words. Pure, no dictionary.

Björnsson's LIX (1968) needs nothing but letters, blanks and stops, so it works in every language that puts
blanks between words. It says nothing in Japanese, Korean or Chinese.
"""

from __future__ import annotations

import re

LONG = 7  # letters from which a word counts as long

_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
_END = re.compile(r"[.!?:;·](?=\s|$)|\n")  # · and ; are the Greek stop and question mark
_NAME = re.compile(r"\S*[@/\d]\S*|\[[^\]]*\]")  # addresses, numbers and marks are not read as prose


def lix(text: str) -> int | None:
    """Return the score, rounded; None for a text without words. Up to 40 reads easily, above 60 hardly.

    A line's end ends a sentence, so that headings and lists are read as what they are.

    >>> lix("We lost a laptop. It held your name.")
    4
    >>> lix("12.") is None
    True
    """
    prose = _NAME.sub(" ", text)
    words = _WORD.findall(prose)
    if not words:
        return None
    sentences = sum(1 for part in _END.split(prose) if _WORD.search(part))
    long = sum(1 for word in words if sum(sign.isalpha() for sign in word) >= LONG)
    return round(len(words) / sentences + 100 * long / len(words))
