"""A file of the rows that were refused, for the person who asked for it and nobody else."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from incident_flows.errors import InputError

# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = tuple("=+-@\t\r＝＋－＠")


class RefusedFile:
    """A new CSV file, readable by its owner only: line, reason, and the row as it stood.

    Raises:
        InputError: It exists, or cannot be made.
    """

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise InputError(f"{path}: exists already; name a new file for the refused rows") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be made: {error.strerror}; name another place") from None
        self._file = open(descriptor, "w", encoding="utf-8-sig", newline="")  # noqa: SIM115
        self._writer = csv.writer(self._file)
        self._writer.writerow(["line", "because", *(defused(heading) for heading in header)])

    def write(self, refused: Sequence[tuple[int, str]], values: Sequence[Sequence[str]]) -> None:
        """Add rows with their lines and reasons."""
        for (line, reason), row in zip(refused, values, strict=True):
            self._writer.writerow([line, reason, *(defused(value) for value in row)])

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def defused(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    >>> defused("=1+1"), defused("Ana")
    ("'=1+1", 'Ana')
    """
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
