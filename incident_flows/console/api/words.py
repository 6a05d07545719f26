"""Messages as programs can use them: the options and commands of the terminal in the words of the API."""

from __future__ import annotations

import re

_OPTIONS = {
    "--encoding": "encoding=", "--delimiter": "delimiter=", "--column": "column=", "--sheet": "sheet=",
    "--because": "because", "--phase": "phase", "--answer": "answer", "--with": "bundled", "--attach": "attachments",
    "--filed-as": "reference", "--filed-at": "at", "--in-doubt": "outcome", "--mode": "mode", "--to": "to",
    "--question": "question", "--received": "received", "--due": "due", "--place": "place", "--scope": "scope",
    "--expires": "expires", "--resume": "to", "--language": "language", "--public": "the terminal's --public",
    "--folder": "folder",
}  # fmt: skip
_AT = "/api/v1/incidents"
_COMMANDS = (  # how a command begins, and the request that does the same
    (r"close (\S+) --reopen", rf"POST {_AT}/\1/reopen"),
    (r"facts --words", "GET /api/v1/facts/words"),
    (r"facts (\S+)", rf"PATCH {_AT}/\1/facts"),
    (r"show (\S+) --notice (\S+)", rf"GET {_AT}/\1/notices/\2"),
    (r"show (\S+)", rf"GET {_AT}/\1"),
    (r"explain (\S+)", rf"POST {_AT}/\1/explanations"),
    (r"decide (\S+)", rf"POST {_AT}/\1/decisions"),
    (r"draft (\S+)(?!.*--public)", rf"POST {_AT}/\1/drafts"),
    (r"notify (\S+) (\S+) --resume", rf"POST {_AT}/\1/notices/\2/letters"),
    (r"notify (\S+) (\S+) --filed-as", rf"POST {_AT}/\1/notices/\2/filed"),
    (r"notify (\S+) (\S+) --in-doubt", rf"POST {_AT}/\1/notices/\2/doubt"),
    (r"notify (\S+)", rf"POST {_AT}/\1/notify"),
    (r"recipients (\S+) shred", rf"POST {_AT}/\1/recipients/shred"),
    (r"recipients (\S+) import", rf"POST {_AT}/\1/recipients/import"),
)
_COMMAND = re.compile(r"`breach ([^`]+)`")
_OPTION = re.compile("(?:" + "|".join(sorted(_OPTIONS, key=len, reverse=True)) + r")(?![a-z-])([ :])?")


def for_programs(message: str) -> str:
    """Return a message in the API's words; commands that have no route stay commands.

    >>> for_programs("list.csv:2: is not UTF-8 text; say what it is: --encoding cp1252")
    'list.csv:2: is not UTF-8 text; say what it is: encoding=cp1252'
    >>> for_programs("INC-2026-0001 is closed; `breach close INC-2026-0001 --reopen` opens it again")
    'INC-2026-0001 is closed; `POST /api/v1/incidents/INC-2026-0001/reopen` opens it again'
    >>> for_programs("--because: a decision needs its reason; write one sentence")
    'because: a decision needs its reason; write one sentence'
    """
    kept = re.split(r"(`[^`]+`)", _COMMAND.sub(_request, message))
    return "".join(part if part.startswith("`") else _OPTION.sub(_field, part) for part in kept)


def _request(command: re.Match[str]) -> str:
    for begins, request in _COMMANDS:
        found = re.match(begins, command[1])
        if found is not None:
            return f"`{found.expand(request)}`"
    return command[0]


def _field(option: re.Match[str]) -> str:
    name, after = _OPTIONS[option[0].rstrip(" :")], option[1] or ""
    if name.endswith("="):
        return name if after == " " else f"{name[:-1]}{after}"
    return f"{name}{after}"
