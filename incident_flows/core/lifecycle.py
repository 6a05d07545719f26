"""Which state may follow which, and which role may move it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from incident_flows.errors import IllegalTransitionError, PermissionDeniedError

ROLES = ("reporter", "handler", "approver", "counsel", "auditor", "admin")

# What each role may do. `admin` runs accounts and settings, and is no substitute for the others.
MAY: dict[str, frozenset[str]] = {
    "read": frozenset({"handler", "approver", "counsel", "auditor"}),
    "triage": frozenset({"handler"}),
    "open": frozenset({"reporter", "handler"}),
    "update": frozenset({"handler"}),
    "decide": frozenset({"handler", "approver", "counsel"}),
    "draft": frozenset({"handler", "counsel"}),
    "approve": frozenset({"approver", "counsel"}),
    "notify": frozenset({"handler", "approver"}),
    "recipients": frozenset({"handler"}),
    "acknowledge": frozenset({"handler", "approver", "counsel"}),
    "close": frozenset({"handler", "approver"}),
    "dossier": frozenset({"handler", "approver", "counsel", "auditor"}),
    "accounts": frozenset({"admin"}),
}

_IN_WORDS = {"recipients": "take in or shred recipients", "accounts": "keep accounts", "dossier": "export the dossier"}

NOTICE_MOVES: dict[str, frozenset[str]] = {
    "draft": frozenset({"awaiting-approval", "withdrawn"}),
    "awaiting-approval": frozenset({"approved", "draft", "withdrawn"}),
    "approved": frozenset({"sending", "filed", "withdrawn"}),
    "sending": frozenset({"sent", "in-doubt", "failed", "approved"}),
    "in-doubt": frozenset({"sent", "sending", "failed", "filed"}),
    "failed": frozenset({"sending", "filed", "withdrawn"}),
    "sent": frozenset(),
    "filed": frozenset(),
    "withdrawn": frozenset(),
}


def in_words(verb: str) -> str:
    """Return what a verb of `MAY` lets somebody do, to stand behind *may* and *may not*.

    >>> in_words("recipients"), in_words("draft")
    ('take in or shred recipients', 'draft')
    """
    return _IN_WORDS.get(verb, verb)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts.

    Attributes:
        name: The account.
        person: The natural person behind it; two accounts of one person are one pair of eyes.
        roles: What the account may do.
        scopes: Verbs a token is for; None where no token acts. Scope and role both decide.
    """

    name: str
    person: str
    roles: frozenset[str]
    scopes: frozenset[str] | None = None

    def require(self, verb: str, *, to: str | None = None) -> None:
        """Raise PermissionDeniedError unless one of the actor's roles, and the token if one acts, may do `verb`.

        Args:
            to: What it is done for, if that has a name of its own.
        """
        if self.scopes is not None and verb not in self.scopes:
            raise PermissionDeniedError(
                f"this token of {self.name} may not {to or in_words(verb)}: it is for "
                f"{', '.join(sorted(self.scopes))}; "
                f"`breach token add NAME --scope {verb}` makes another"
            )
        if not self.roles & MAY[verb]:
            needed = " or ".join(sorted(MAY[verb]))
            raise PermissionDeniedError(
                f"{self.name} may not {to or in_words(verb)}: that needs the role {needed}; "
                f"`breach account add {self.name} --role …` gives it"
            )


def check_notice_move(ref: str, state: str, new: str) -> None:
    """Raise IllegalTransitionError unless a notice may go from `state` to `new`."""
    if new not in NOTICE_MOVES[state]:
        follows = ", ".join(sorted(NOTICE_MOVES[state])) or "nothing"
        raise IllegalTransitionError(f"{ref} is {state}; {new} cannot follow. What can follow: {follows}")


def effective_status(status: str, decided: str | None) -> str:
    """Return what is worked on: a person's decision over the engine's answer.

    >>> effective_status("undetermined", None)
    'undetermined'
    >>> effective_status("owed", "not-owed")
    'not-owed'
    """
    return decided or status


def all_done(states: Iterable[str]) -> bool:
    """Return whether nothing is planned, claimed, in doubt, or held by the provider until its time any more."""
    return not {"planned", "claimed", "in-doubt", "scheduled"} & set(states)
