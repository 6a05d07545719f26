"""Reads pieces of a list of people, in several processes where that pays, and gives the results back in order.

A piece is whole rows of CSV in UTF-8. Pieces and results go through pipes only: no argument, file or name of a
process holds anything of a person. A worker whose parent is gone finds its pipe closed, and ends.
"""

from __future__ import annotations

import csv
import io
import os
import pickle
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from incident_flows.services.people_rows import Layout, Rows, Taken

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

PAYS_FROM = 4_000_000  # bytes; below, starting workers takes longer than reading
MOST_WORKERS = 4
DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole rows of a file.

    Attributes:
        number: From 0, in the file's order.
        first: The line of its first row, or the row where rows are counted.
        by_row: Whether each row counts as one line, as in a spreadsheet.
    """

    number: int
    first: int
    data: bytes
    by_row: bool


@dataclass(frozen=True, slots=True)
class PackedBlock:
    """Up to a block of people, ready to be sealed.

    Attributes:
        without_address: Places within it of people who can be reached by post only.
        guarded: How many of them are written to through a guardian.
        alone: How many of these are minors and have no guardian on the list.
    """

    count: int
    packed: bytes
    digests: bytes
    summary: list[tuple[str | None, str | None, int]]
    without_address: list[int]
    guarded: int = 0
    alone: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What a piece holds."""

    number: int
    rows: int
    blocks: list[PackedBlock]
    refused: list[tuple[int, str]]
    refused_values: list[list[str]]
    warned: list[tuple[int, str]]
    noted: Counter[str]


def results(
    pieces: Iterable[Piece], layout: Layout, *, block: int, size: int, workers: int | None = None
) -> Iterator[Result]:
    """Yield what each piece holds, in order.

    Args:
        pieces: The file's.
        layout: How to read them.
        block: The most people of one block.
        size: Bytes of the whole, by which the number of workers is chosen unless it is given.
        workers: How many processes; 0 reads here.
    """
    if workers is None:
        workers = min(os.cpu_count() or 1, MOST_WORKERS) if size >= PAYS_FROM else 0
    if workers == 0:
        rows = Rows(layout)
        for piece in pieces:
            yield read_piece(rows, layout, piece, block)
        return
    yield from _in_workers(iter(pieces), layout, block, workers)


def read_piece(rows: Rows, layout: Layout, piece: Piece, block: int) -> Result:
    """Return what a piece holds."""
    taken, line = Taken(), piece.first
    text = io.StringIO(piece.data.decode(), newline="")
    reader = csv.reader(text, delimiter=layout.delimiter, strict=True)
    for count, values in enumerate(reader, start=1):
        if values:
            rows.take(values, line, taken)
        line = piece.first + (count if piece.by_row else reader.line_num)
    return Result(
        piece.number,
        taken.rows,
        [_packed(taken, start, block) for start in range(0, len(taken.people), block)],
        taken.refused,
        taken.refused_values,
        taken.warned,
        taken.noted,
    )


def _packed(taken: Taken, start: int, block: int) -> PackedBlock:
    from incident_flows.services.packed import alone_in, guarded_in, pack

    people = taken.people[start : start + block]
    counts = Counter([(one[2], one[3]) for one in people])
    return PackedBlock(
        len(people),
        pack(people),
        b"".join(taken.digests[start : start + block]),
        [(language, place, count) for (language, place), count in counts.items()],
        [place for place, one in enumerate(people) if not one[0]],
        guarded_in(people),
        alone_in(people),
    )


def _in_workers(pieces: Iterator[Piece], layout: Layout, block: int, workers: int) -> Iterator[Result]:
    """Give each worker one piece at a time: a pipe that is full in both directions would stand still."""
    from multiprocessing import Pipe
    from multiprocessing.connection import Connection, wait

    idle: list[Connection] = []
    busy: list[Connection] = []
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(workers):
            here, there = Pipe()
            processes.append(_started(there.fileno()))
            there.close()
            here.send_bytes(pickle.dumps((layout, block)))
            idle.append(here)
        done: dict[int, Result] = {}
        following, more = 0, True
        while more or busy or done:
            while more and idle:
                piece = next(pieces, None)
                if piece is None:
                    more = False
                    break
                idle[-1].send_bytes(pickle.dumps(piece))
                busy.append(idle.pop())
            if busy and following not in done:
                for ready in wait(busy):
                    assert isinstance(ready, Connection)
                    result = pickle.loads(ready.recv_bytes())
                    done[result.number] = result
                    busy.remove(ready)
                    idle.append(ready)
                continue
            if following in done:
                yield done.pop(following)
                following += 1
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
        for pipe in (*idle, *busy):
            pipe.close()


def _started(descriptor: int) -> subprocess.Popen[bytes]:
    """Start a worker on its end of a pipe; unlike a spawned process it does not load the parent's program."""
    return subprocess.Popen(
        [sys.executable, "-c", f"from {__name__} import work; work({descriptor})"],
        stdin=subprocess.DEVNULL,
        pass_fds=[descriptor],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)},
    )


def work(descriptor: int) -> None:
    """Read pieces that come through a pipe, until it is closed."""
    from multiprocessing.connection import Connection

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    pipe: Connection = Connection(descriptor)
    try:
        layout, block = pickle.loads(pipe.recv_bytes())
        rows = Rows(layout)
        while True:
            piece = pickle.loads(pipe.recv_bytes())
            pipe.send_bytes(pickle.dumps(read_piece(rows, layout, piece, block)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
