"""What the law's evaluation says of itself, in the words of the pages: labels for paths of facts, words for codes.

The stored lines stay as they are, for programs and for the record; this is only how a page shows them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from incident_flows.console.texts import Texts
from incident_flows.core.instants import parse_instant

_PARTS = "organisation|breach|data|people|harm|moments|findings|narrative|holds|risk"
_PATH = rf"(?:(?:{_PARTS})(?:\.[a-z][a-z0-9_-]*)+|role)"
_CODE = r"[a-z0-9][a-z0-9-]*"
_LISTED = re.compile(
    rf"(?P<path>{_PATH}): (?P<how>(?:none of |no |also |only |name with )?)"
    rf"(?P<codes>{_CODE}(?:, {_CODE})*)(?P<rest>, which .*)?"
)
_IS = re.compile(rf"(?P<path>{_PATH}) is (?P<value>{_CODE}|\d{{4}}-\d\d-\d\dT\S+)(?P<rest>(?:, key \w+| \(.*\))?)")
_ANYWHERE = re.compile(rf"(?<![\w./@-]){_PATH}(?![\w@/])")
_MOMENT = re.compile(r"(?<![\w./@“])[a-z]+(?:_[a-z]+)*_(?:at|from|until|since|complete)(?!\w)")


def in_words(line: str, texts: Texts, moment: Callable[[datetime], str]) -> str:
    """Return a reason as a page shows it.

    Args:
        texts: Of the reader's language.
        moment: Says an instant in the reader's zone.
    """
    if found := _LISTED.fullmatch(line):
        codes = ", ".join(_code(one, texts) for one in found["codes"].split(", "))
        return f"{_label(found['path'], texts)}: {found['how']}{codes}{found['rest'] or ''}"
    if found := _IS.fullmatch(line):
        value = found["value"]
        said = moment(parse_instant(value)) if "T" in value else _code(value, texts)
        return f"{_label(found['path'], texts)}: {said}{found['rest']}"
    line = _ANYWHERE.sub(lambda path: f"“{_label(path[0], texts)}”" if path[0] != "role" else "role", line)
    return _MOMENT.sub(lambda name: _quoted_moment(name[0], texts), line)


def _label(path: str, texts: Texts) -> str:
    if path.startswith("findings."):
        return texts.say("reason.finding", what=path.removeprefix("findings.").replace("-", " "))
    known = texts.word("fact", path)
    return path.rpartition(".")[2].replace("_", " ").replace("-", " ").capitalize() if known == path else known


def _quoted_moment(name: str, texts: Texts) -> str:
    path = f"moments.{name}"
    known = texts.word("fact", path)
    return name if known == path else f"“{known}”"


def _code(code: str, texts: Texts) -> str:
    if code in ("true", "false"):
        code = {"true": "yes", "false": "no"}[code]
    known = texts.word("answer", code)
    return code.replace("-", " ") if known == code else known[0].lower() + known[1:]
