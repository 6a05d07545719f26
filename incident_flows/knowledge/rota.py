"""Reads the rota file of an installation, or refuses it with every fault and its line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from incident_flows.core.rota import Rota
from incident_flows.errors import InputError
from incident_flows.knowledge.files import Readable, faults_of, read_yaml


def read_rota(path: Readable) -> Rota:
    """Return the rota in a file.

    Raises:
        InputError: One line per fault; the file is not used until all are mended.
    """
    document = read_yaml(path)
    try:
        return Rota.model_validate(document.data)
    except ValidationError as error:
        raise InputError(faults_of(error, document)) from None


@dataclass
class RotaFile:
    """A rota that may change while the engine runs: read again when the file does.

    A file that can no longer be read leaves the rota in force as it was, and says so.

    Attributes:
        path: Where it is; without the file there is no rota.
        fault: Why the newest state of the file is not in force.
    """

    path: Path
    read: Callable[[Readable], Rota] = read_rota
    fault: str | None = None
    _stamp: tuple[int, int] | None = field(default=None, repr=False)
    _rota: Rota | None = field(default=None, repr=False)

    def current(self) -> Rota | None:
        """Return the rota in force; None if there is none."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._stamp, self._rota, self.fault = None, None, None
            return None
        except OSError as error:
            self.fault = f"{self.path.name}: cannot be read: {error.strerror}"
            return self._rota
        stamp = (found.st_mtime_ns, found.st_size)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._rota, self.fault = self.read(self.path), None
            except InputError as error:
                self.fault = str(error)
        return self._rota
