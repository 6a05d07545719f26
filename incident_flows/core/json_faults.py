"""Says where a text ends to be JSON, without what stands there. Pure."""

from __future__ import annotations

import json


def why_not_json(error: Exception) -> str:
    """Return what a JSON reader's error says, as the end of "is not JSON".

    >>> try:
    ...     json.loads('{"a": 1,\\n "b" 2}')
    ... except ValueError as error:
    ...     why_not_json(error)
    " from line 2, column 6 on: Expecting ':' delimiter"
    """
    if isinstance(error, json.JSONDecodeError):
        return f" from line {error.lineno}, column {error.colno} on: {error.msg.partition(': line ')[0]}"
    if isinstance(error, UnicodeDecodeError):
        return f": byte {error.start + 1} is not UTF-8"
    if isinstance(error, UnicodeEncodeError):
        return ": holds half a character (a lone surrogate, \\ud800 to \\udfff)"
    return ": too many levels within each other" if isinstance(error, RecursionError) else ""
