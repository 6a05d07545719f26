"""What a flow says when it fails. Prefect stores messages, logs and tracebacks: none of them may hold facts.

A refusal of ours is told in its own words, with quoted values blotted out unless they came from the form
itself; anything unforeseen is told by its type and place in the code, never by its text.
"""

from __future__ import annotations

import functools
import inspect
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

from prefect import State
from prefect.states import Failed

from incident_flows.errors import BreachError

_P = ParamSpec("_P")
_ADDRESS = re.compile(r"\S+@\S+")
_QUOTED = re.compile(r"(?<!\w)'[^'\n]*'|\"[^\"\n]*\"")
LONGEST = 1500


def guarded(*, own_words: bool = False) -> Callable[[Callable[_P, State[None]]], Callable[_P, State[None]]]:
    """Turn every exception of a flow into a failed state that is safe to store.

    Args:
        own_words: Whether quoted values may be repeated: only where all of them came from the form.
    """

    def around(flow: Callable[_P, State[None]]) -> Callable[_P, State[None]]:
        @functools.wraps(flow)
        def run(*args: _P.args, **kwargs: _P.kwargs) -> State[None]:
            try:
                return flow(*args, **kwargs)
            except BreachError as error:
                return Failed(name="Refused", message=told(error, own_words=own_words))
            except Exception as error:  # the outermost edge: recorded without what it quotes
                return Failed(name="Broken", message=told(error))

        # Prefect makes the form from the signature, and would look for the annotations' names in this module.
        run.__signature__ = inspect.signature(flow, eval_str=True)  # type: ignore[attr-defined]
        return run

    return around


def told(error: Exception, *, own_words: bool = False) -> str:
    """Return what may be stored of an error.

    >>> told(BreachError("title: 'Ana lost it' is too long; ask ana@example.org"))
    "title: '…' is too long; ask …"
    """
    if not isinstance(error, BreachError):
        where = traceback.extract_tb(error.__traceback__)
        ours = next((one for one in reversed(where) if "incident_flows" in one.filename), None)
        place = f" at {Path(ours.filename).name}:{ours.lineno}" if ours else ""
        return f"something unforeseen happened ({type(error).__name__}{place}); nothing is half-done"
    text = _ADDRESS.sub("…", str(error))
    return (text if own_words else _QUOTED.sub("'…'", text))[:LONGEST]
