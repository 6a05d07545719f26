"""Every exception of the product, in one tree; nothing here imports anything of ours.

BreachError
├─ InputError              a file, a field or a word a person wrote; says where and what instead
├─ KnowledgeError          a law, authority, playbook or notice file that does not hold together
├─ NoApplicableLawError    no version of a duty covers the date asked for
├─ AmbiguousDeadlineError  the law leaves the end of a period open; nothing is rounded silently
├─ NotFoundError           no incident, notice, obligation or account of that name
├─ IllegalTransitionError  a state may not follow another
├─ NotApprovedError        these very bytes were not approved
├─ PermissionDeniedError   the acting person may not do this
├─ StorageError            the database cannot be read or written
├─ TamperedError           the journal or a dossier was changed, cut or reordered
└─ UnreachableError        a server the verb needs does not answer

A message says what happened, where, and what to do next, in one to three lines. It never holds
personal data of affected people, nor a secret.
"""

from __future__ import annotations

from collections.abc import Sequence


class BreachError(Exception):
    """Base of all; carries the lines a person is shown."""


class InputError(BreachError):
    """What a person gave cannot be used as it stands; nothing was stored.

    Args:
        faults: One line each: where, what is wrong, what to write instead.
    """

    def __init__(self, faults: str | Sequence[str]) -> None:
        self.faults = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))


class KnowledgeError(InputError):
    """A file under playbooks/ is wrong; the lawbook does not load until all faults are fixed."""


class NoApplicableLawError(BreachError):
    """A duty has no version for the date asked for."""


class AmbiguousDeadlineError(BreachError):
    """The end of a period needs rounding the law does not settle."""


class NotFoundError(BreachError):
    """Nothing of that name is stored."""


class IllegalTransitionError(BreachError):
    """The state asked for may not follow the present one."""


class NotApprovedError(BreachError):
    """The text to be sent is not, byte for byte, the text that was approved."""


class PermissionDeniedError(BreachError):
    """The acting person lacks the role, or would be their own second pair of eyes."""


class StorageError(BreachError):
    """The database refused: read-only, full, locked or gone. Nothing was half-written."""


class TamperedError(BreachError):
    """A sealed record does not match its seal."""


class UnreachableError(BreachError):
    """A server this verb needs does not answer."""
