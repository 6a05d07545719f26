"""What commands share: the edge where clock and settings are read, and faults become lines and exit codes."""

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
from incident_flows.errors import BreachError, InputError
from incident_flows.settings import Settings

if TYPE_CHECKING:
    from incident_flows.core.lifecycle import Actor
    from incident_flows.services.desk import Desk

Command = TypeVar("Command", bound=Callable[..., Any])
REFUSED = 1
MOST_LINES = 50  # of one refusal; a file with more faults than that is the wrong file

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
As = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="The acting account; default: BREACH_ACTOR or you.")
]
Because = Annotated[str, typer.Option("--because", metavar="TEXT", help="The reason, in a sentence.")]


def fail(message: str) -> typer.Exit:
    """Print a refusal on stderr and return the exit to raise."""
    lines = message.splitlines()
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [f"… and {len(lines) - MOST_LINES} more"]
    print("breach: " + "\n".join(lines), file=sys.stderr)
    return typer.Exit(REFUSED)


def misused(message: str) -> typer.BadParameter:
    """Return the complaint about a command that was typed wrongly: exit code 2."""
    return typer.BadParameter(message)


def edge(command: Command) -> Command:
    """Turn expected failures into one to three lines and exit 1; anything else is a defect, and says so."""

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
        except (typer.Exit, typer.Abort, typer.BadParameter, KeyboardInterrupt):
            raise
        except OSError as error:  # a disk or a terminal; files a person named were dealt with before
            if debugging():
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise fail(
                f"{where}the system refuses: {error.strerror or type(error).__name__}; mend it and repeat"
            ) from None
        except Exception as error:  # the outermost edge: recorded for whoever mends it, shown in one line
            if debugging():
                raise
            raise fail(
                f"something unforeseen happened ({type(error).__name__}); nothing is half-done. "
                "Run it again with --debug and report what it prints"
            ) from None
        finally:
            _let_go()

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
    """Return the connected parts of this installation; they are let go of when the command ends."""
    from incident_flows.wiring import desk_from

    connected = desk_from(settings())
    _connected.append(connected)
    return connected


_connected: list[Desk] = []  # of the running command


def _let_go() -> None:
    while _connected:
        _connected.pop().database.dispose()


def actor(at: Desk, name: str | None) -> Actor:
    """Return who is acting; the operating-system user is created on first use, others must exist."""
    from incident_flows.services.desk import acting

    given = settings()
    return acting(
        at, name or given.actor, now=now(), create=name is None and not os.environ.get("BREACH_ACTOR")
    )


def instant(option: str, text: str) -> datetime:
    """Read an instant given on the command line.

    Raises:
        InputError: It is none, or has no offset.
    """
    from incident_flows.core.instants import parse_instant

    try:
        return parse_instant(text)
    except ValueError as error:
        raise InputError(f"{option}: {error}") from None


def path_or_pairs(words: list[str]) -> tuple[Path | None, list[str]]:
    """Return the file that is named, or the key=value words; never both."""
    if len(words) == 1 and "=" not in words[0]:
        return Path(words[0]), []
    return None, words
