"""How many people the provider's limit still lets us write to, counted from the ledger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from incident_flows.services.desk import Desk
from incident_flows.services.letters import window_of


class Allowance:
    """What is left of the limits set up, for one sender.

    Attributes:
        free_at: When more may be sent, once it is used up.
    """

    def __init__(self, desk: Desk, at: Callable[[], datetime]) -> None:
        self._desk, self._at = desk, at
        self.free_at = at()
        self._left = self._look()

    def take(self, people: int) -> bool:
        """Return whether so many more may be written to now, and count them as such."""
        if self._left is None:
            return True
        if self._left < people:
            self._left = self._look()
            if self._left is not None and self._left < people:
                return False
        self._left = None if self._left is None else self._left - people
        return True

    def _look(self) -> int | None:
        left: int | None = None
        with self._desk.database.read() as tx:
            for window, most in window_of(self._desk.sending_limit):
                gone, first = tx.letters.claimed_since(self._at() - window)
                if left is None or most - gone < left:
                    left = most - gone
                    self.free_at = (first or self._at()) + window
        return left
