"""Messages as people at a page can use them: the options and commands of the terminal as fields and buttons.

What has no button anywhere in the console stays a command of the terminal.
"""

from __future__ import annotations

import re

from incident_flows.console.texts import Texts

# an option, and the label of the field that asks the same; those under `terminal.` are said without quotes
OPTIONS = {
    "--because": "form.because", "--answer": "question.answer", "--with": "phase.with",
    "--filed-as": "notice.reference", "--filed-at": "notice.filed_at", "--in-doubt": "notice.arrived_q",
    "--to": "notice.to", "--question": "question.text", "--received": "question.received", "--due": "question.due",
    "--language": "notices.language", "--public": "people.public", "--encoding": "people.encoding",
    "--column": "people.column", "--sheet": "people.sheet", "--expires": "tokens.until", "--pdf": "notice.pdf",
    "--scope": "terminal.scope", "--phase": "terminal.phase", "--mode": "terminal.mode", "--folder": "terminal.folder",
    "--attach": "terminal.attach", "--person": "terminal.person", "--delimiter": "terminal.delimiter",
    "--resume": "terminal.resume", "--as": "terminal.as",
}  # fmt: skip
# how a command begins, the button that does the same (none: the page itself shows it), and the button's page
COMMANDS: tuple[tuple[str, str | None, str], ...] = (
    (r"close \S+ --reopen", "close.reopen", "room.close"),
    (r"acknowledge", "room.seen", "room.summary"),
    (r"facts", "facts.save", "room.facts"),
    (r"show \S+ --notice (?P<what>N-\d+)", None, "room.notices"),
    (r"show (?P<what>INC-[\w-]+)", None, "room.summary"),
    (r"show", None, "room.summary"),
    (r"explain", "story.do", "room.notices"),
    (r"decide", "duty.do_decide", "room.duties"),
    (r"draft .*--public", "people.draft_public", "room.people"),
    (r"draft .*--phase", "notices.draft", "room.duties"),
    (r"draft", "notices.draft", "room.notices"),
    (r"approve \S+ (?P<what>N-\d+)", "notice.do_approve", "room.notices"),
    (r"approve", "notice.do_approve", "room.notices"),
    (r"notify \S+ (?P<what>N-\d+) --resume", "letters.do_resume", "room.notices"),
    (r"notify \S+ (?P<what>N-\d+) --filed-as \S+ --because", "notice.do_correct", "room.notices"),
    (r"notify \S+ (?P<what>N-\d+) --filed-as", "notice.do_filed", "room.notices"),
    (r"notify \S+ (?P<what>N-\d+) --in-doubt", "notice.do_doubt", "room.notices"),
    (r"notify \S+ (?P<what>N-\d+)", "notice.do_send", "room.notices"),
    (r"notify .*--filed-as", "notice.do_filed", "room.notices"),
    (r"notify", "notice.do_send", "room.notices"),
    (r"recipients \S+ import", "people.do_import", "room.people"),
    (r"recipients \S+$", None, "room.people"),
    (r"follow", None, "room.people"),
    (r"token add", "tokens.make", "tokens.title"),
)
_COMMAND = re.compile(r"`breach ([^`]+)`")
_OPTION = re.compile(
    r"(?<![\w-])(" + "|".join(sorted(OPTIONS, key=len, reverse=True)) + r")(?![a-z-])"
    r"(?: (?:TEXT|REFERENCE|MAILBOX)\b)?"
)


def for_people(message: str, texts: Texts) -> str:
    """Return a message in the words of the pages; commands that no page has a button for stay commands."""
    kept = re.split(r"(`[^`]+`)", _COMMAND.sub(lambda found: _button(found, texts), message))
    return "".join(
        part if part.startswith("`") else _OPTION.sub(lambda found: _field(found[1], texts), part)
        for part in kept
    )


def _button(command: re.Match[str], texts: Texts) -> str:
    for begins, button, page in COMMANDS:
        found = re.match(rf"{begins}(?![\w-])", command[1].replace("\n", " "))
        if found is None:
            continue
        what = found.groupdict().get("what")
        there = (
            texts.say("terminal.page_of", what=what)
            if what
            else texts.say("terminal.page", page=texts.say(page))
        )
        return texts.say("terminal.button", button=texts.say(button), there=there) if button else there
    return command[0]


def _field(option: str, texts: Texts) -> str:
    key = OPTIONS[option]
    group, _, name = key.partition(".")
    return texts.word("terminal", name) if group == "terminal" else f"“{texts.say(key)}”"
