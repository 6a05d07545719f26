"""Letters to many at the terminal: a bar with rate and time left while they leave, and the switch that stops them."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from incident_flows.cli import common

if TYPE_CHECKING:
    from incident_flows.core.lifecycle import Actor
    from incident_flows.services.desk import Desk
    from incident_flows.services.sending import Progress
    from incident_flows.services.sent import Sent

LONGEST_WAIT = timedelta(minutes=2)  # a longer one is left to the tick


def switched(
    desk: Desk,
    incident: str,
    notice: str,
    wanted: Literal["paused", "go", "stopped"] | str,
    *,
    because: str,
    actor: Actor,
    now: datetime,
) -> Sent:
    """Pause, resume or stop the letters of a notice."""
    from incident_flows.services.broadcast import switch_letters

    return switch_letters(desk, incident, notice, wanted, because=because, actor=actor, now=now)  # type: ignore[arg-type]


def with_progress(
    desk: Desk,
    incident: str,
    notice: str | None,
    *,
    actor: Actor,
    now: datetime,
    filed_as: str | None,
    filed_at: datetime | None,
    to: str | None,
    mode: str | None,
    shown: bool,
    because: str = "",
) -> list[Sent]:
    """Send; on a terminal with a bar, waiting out short pauses the provider asks for."""
    from incident_flows.services.notify import notify

    with _Bar(shown and sys.stdout.isatty()) as bar:
        done = notify(
            desk, incident, notice, actor=actor, now=now, filed_as=filed_as, filed_at=filed_at, to=to, mode=mode,
            because=because, tell=bar.told,
        )  # fmt: skip
        while bar.visible and (wait := _short_wait(done)) is not None:
            time.sleep(wait)
            refs = [one.notice for one in done if one.resume_at is not None]
            again = [
                one
                for ref in refs
                for one in notify(desk, incident, ref, actor=actor, now=common.now(), tell=bar.told)
            ]
            done = [*(one for one in done if one.notice not in refs), *again]
    return done


def _short_wait(done: list[Sent]) -> float | None:
    ends = [one.resume_at for one in done if one.resume_at is not None]
    if not ends:
        return None
    wait = min(ends) - common.now()
    return max(wait.total_seconds(), 0.0) + 0.1 if wait <= LONGEST_WAIT else None


class _Bar:
    """People told, of how many, how fast, and how long it will take; nothing where nobody looks."""

    def __init__(self, visible: bool) -> None:
        self.visible = visible

    def __enter__(self) -> _Bar:
        if self.visible:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("letters, wave {task.fields[wave]}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]:.0f}/s"),
                TimeRemainingColumn(),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("letters", total=None, wave=0, rate=0.0)
        return self

    def __exit__(self, *_: object) -> None:
        if self.visible:
            self._bar.stop()

    def told(self, progress: Progress) -> None:
        """Take the figures of the round."""
        if self.visible:
            done = progress.people - progress.left + progress.sent
            self._bar.update(
                self._task, completed=done, total=progress.people or None, wave=progress.wave, rate=progress.rate
            )
