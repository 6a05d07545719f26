"""What every command shares: the edge where clock and settings are read, and faults become lines and exit codes."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from incident_flows import clock
from incident_flows.errors import BreachError
from incident_flows.settings import Settings

if TYPE_CHECKING:
    from incident_flows.core.lifecycle import Actor
    from incident_flows.services.desk import Desk

Command = TypeVar("Command", bound=Callable[..., Any])
REFUSED = 1

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
As = Annotated[str | None, typer.Option("--as", metavar="NAME", help="The acting account; default: BREACH_ACTOR or you.")]
Because = Annotated[str, typer.Option("--because", metavar="TEXT", help="The reason, in a sentence.")]


def fail(message: str) -> typer.Exit:
    """Print a refusal on stderr and return the exit to raise."""
    print(f"breach: {message}", file=sys.stderr)
    return typer.Exit(REFUSED)


def edge(command: Command) -> Command:
    """Turn every expected failure into one to three lines and exit 1; anything else is a defect, and says so."""

    @functools.wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except (BreachError, _notification_error()) as error:
            if debugging():
                traceback.print_exc()
            raise fail(str(error)) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except (typer.Exit, typer.Abort, KeyboardInterrupt):
            raise
        except Exception as error:  # the outermost edge: recorded for whoever mends it, shown in one line
            if debugging():
                raise
            raise fail(
                f"something unforeseen happened ({type(error).__name__}); nothing is half-done. "
                "Run it again with --debug and report what it prints"
            ) from None

    return guarded  # type: ignore[return-value]


def _notification_error() -> type[Exception]:
    loaded = sys.modules.get("notifications.errors")
    return loaded.NotificationError if loaded else BreachError


def debugging() -> bool:
    """Return whether --debug was given."""
    return os.environ.get("_BREACH_DEBUG") == "1" or "--debug" in sys.argv


def settings() -> Settings:
    """Return the settings of the environment."""
    return Settings.from_environment()


def now() -> datetime:
    """Return the present instant."""
    return clock.now()


def desk() -> Desk:
    """Return the connected parts of this installation."""
    from incident_flows.wiring import desk_from

    return desk_from(settings())


def actor(at: Desk, name: str | None) -> Actor:
    """Return who is acting; the operating-system user is created on first use, others must exist."""
    from incident_flows.services.desk import acting

    given = settings()
    return acting(at, name or given.actor, now=now(), create=name is None and not os.environ.get("BREACH_ACTOR"))


def path_or_pairs(words: list[str]) -> tuple[Path | None, list[str]]:
    """Return the file that is named, or the key=value words; never both."""
    if len(words) == 1 and "=" not in words[0]:
        return Path(words[0]), []
    return None, words
