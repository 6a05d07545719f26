"""What looks like an e-mail address, so that none slips into a place that must hold none."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Any sign that mail software or a reader takes for "at"; obligation ids such as
# eu-gdpr/tell-authority@es-aepd have no dot and top-level name after it. Linear in the text's length.
_LOCAL = r"[^\s@＠﹫<>\"',;:()\[\]]"
# The sign comes first, so that the search leaps from sign to sign; what stands before it is looked at after.
_FROM_AT_ON = re.compile(rf"[@＠﹫](?<={_LOCAL}[@＠﹫])(?:[\w-]+[.．。])+[^\W\d_]{{2,}}")
_BEFORE_AT = re.compile(rf"{_LOCAL}+$")
_LONGEST_LOCAL = 320


def addresses_in(text: str) -> Iterator[str]:
    """Yield everything in `text` that looks like an e-mail address.

    >>> list(addresses_in("told ana@example.org <bo@example.co.uk> by phone"))
    ['ana@example.org', 'bo@example.co.uk']
    >>> list(addresses_in("eu-gdpr/tell-authority@es-aepd"))
    []
    """
    for found in _FROM_AT_ON.finditer(text):
        before = _BEFORE_AT.search(text[max(0, found.start() - _LONGEST_LOCAL) : found.start()])
        yield (before.group() if before else "") + found.group()


def looks_at(text: str) -> bool:
    """Say whether `text` holds any sign read as "at"; without one it holds no address."""
    return "@" in text or "＠" in text or "﹫" in text


def looks_like_address(text: str) -> bool:
    """Say whether `text` contains what looks like an e-mail address."""
    return _FROM_AT_ON.search(text) is not None
