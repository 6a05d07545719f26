"""An SMTP relay that writes down, durably, what it accepted, before it says so. Run as its own process."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

MESSAGE_ID = re.compile(rb"^Message-ID: (\S+)", re.MULTILINE | re.IGNORECASE)


class Book:
    """Keeps one line per accepted message: its Message-ID and how many recipients it had."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("ab", buffering=0)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        found = MESSAGE_ID.search(envelope.content or b"")
        line = b"%s %d\n" % (found[1] if found else b"-", len(envelope.rcpt_tos))
        self.file.write(line)
        os.fsync(self.file.fileno())
        await asyncio.sleep(0)
        return "250 OK"


async def serve(path: Path) -> None:
    """Listen on a free port, say which, and end when the parent does."""
    book = Book(path)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(book, hostname="sink"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
