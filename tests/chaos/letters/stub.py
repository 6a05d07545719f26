"""A double of the mail provider, as its own process: takes requests, and on demand renders every letter.

It keeps what it accepted in memory and answers at once, or after a set time, in which the sender may be
killed: *after accept, before record*. It knows batches, cancelled batches (at most ten at a time, and not in
the last ten minutes before they are due), refusals and cut connections. Its account of what reached whom is
the only evidence the tests go by: it is made by rendering each letter as the provider would, tag by tag, and
hashing it.

    python -m tests.chaos.letters.stub [--tls CERTIFICATE KEY] [--core N]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from typing import Any

ADDRESS = re.compile(r"[\w.+-]+@people\.example")
MARGIN = 600.0  # seconds before a scheduled batch is due in which it cannot be cancelled
CANCELLED_AT_ONCE = 10


class Provider:
    """What was accepted, what was cancelled, and how the next answers are to be."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.accepted: list[bytes] = []
        self.cancelled: dict[str, float] = {}
        self.latency = 0.0
        self.now: float | None = None
        self.script: list[Any] = []
        self.bad: set[str] = set()
        self.issued = 0

    def time(self) -> float:
        """Return the set time, or the real one."""
        return time.time() if self.now is None else self.now

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes] | None:
        """Return the answer to one request; None cuts the connection."""
        if path == "/v3/mail/send":
            return self._send(body)
        if path == "/v3/mail/batch":
            with self.lock:
                self.issued += 1
                return 201, {}, json.dumps({"batch_id": f"b{self.issued}-{os.urandom(6).hex()}"}).encode()
        if path == "/v3/user/scheduled_sends":
            return self._cancel(json.loads(body))
        if path == "/stub/set":
            return self._set(json.loads(body))
        if path == "/stub/account":
            return 200, {}, json.dumps(self.account(json.loads(body or b"{}"))).encode()
        return 404, {}, b"{}"

    def _send(self, body: bytes) -> tuple[int, dict[str, str], bytes] | None:
        with self.lock:
            step = self.script.pop(0) if self.script else None
        if isinstance(step, dict) and step.get("status"):
            return step["status"], step.get("headers", {}), json.dumps(step.get("answer", {})).encode()
        if self.bad and (wrong := self._refused(body)):
            return 400, {}, json.dumps({"errors": wrong}).encode()
        with self.lock:
            self.accepted.append(body)
            number = len(self.accepted)
        if step == "cut":
            return None
        if step == "500":
            return 500, {}, b"{}"
        if self.latency:
            time.sleep(self.latency)
        return 202, {"X-Message-Id": f"m{number}"}, b""

    def _refused(self, body: bytes) -> list[dict[str, str]]:
        people = json.loads(body)["personalizations"]
        return [
            {"field": f"personalizations.{number}.to.0.email", "message": "no such mailbox"}
            for number, one in enumerate(people)
            if one["to"][0]["email"] in self.bad
        ]

    def _cancel(self, wanted: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        with self.lock:
            now = self.time()
            pending = [one for one, until in self.cancelled.items() if until > now]
            known = self.cancelled.get(wanted["batch_id"])
            if known is None and len(pending) >= CANCELLED_AT_ONCE:
                return 400, {}, b'{"errors": [{"message": "too many", "field": null}]}'
            due = now + 2 * MARGIN
            for body in self.accepted:
                if wanted["batch_id"].encode() in body:
                    due = json.loads(body).get("send_at", 0)
                    if due - now <= MARGIN:
                        return 400, {}, b'{"errors": [{"message": "too late", "field": null}]}'
            self.cancelled[wanted["batch_id"]] = due
        return 201, {}, b"{}"

    def _set(self, wanted: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        with self.lock:
            if wanted.get("clear"):
                self.clear()
            self.latency = wanted.get("latency", self.latency)
            self.now = wanted.get("now", self.now)
            self.script = wanted.get("script", self.script)
            self.bad = set(wanted.get("bad", self.bad))
        return 200, {}, json.dumps({"accepted": len(self.accepted)}).encode()

    def account(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Render everything that goes out and return who got how much, as counts and one digest.

        The digest is over all rendered letters in the order of their addresses, so two senders that
        deliver the same letters have the same one.
        """
        with self.lock:
            bodies, cancelled = list(self.accepted), set(self.cancelled)
        got: Counter[str] = Counter()
        letters: dict[str, bytes] = {}
        foreign = shown_together = requests = 0
        for body in bodies:
            payload = json.loads(body)
            requests += 1
            if payload.get("batch_id") in cancelled:
                continue
            subject = payload.get("subject", "")
            parts = {part["type"]: part["value"] for part in payload["content"]}
            text, html = parts["text/plain"], parts.get("text/html", "")
            for one in payload["personalizations"]:
                seen = [entry["email"] for kind in ("to", "cc", "bcc") for entry in one.get(kind, ())]
                shown_together += len(seen) != 1
                mine_text, mine_html = text, html
                for tag, value in one.get("substitutions", {}).items():
                    mine_text, mine_html = mine_text.replace(tag, value), mine_html.replace(tag, value)
                whole = json.dumps([subject, mine_text, mine_html], ensure_ascii=False)
                foreign += any(found not in seen for found in ADDRESS.findall(whole))
                got.update(seen)
                letters[seen[0]] = hashlib.sha256(whole.encode()).digest()
        digest = hashlib.sha256()
        for email in sorted(letters):
            digest.update(email.encode() + letters[email])
        found: dict[str, Any] = {
            "requests": requests,
            "people": len(got),
            "doubled": sum(count - 1 for count in got.values()),
            "foreign": foreign,
            "shown_together": shown_together,
            "digest": digest.hexdigest(),
        }
        if wanted.get("list"):
            found["got"] = dict(got)
        return found


def serve(provider: Provider, connection: socket.socket) -> None:
    """Answer the requests of one connection until it ends."""
    buffer = bytearray(1 << 18)
    kept = b""
    with connection:
        while True:
            head = kept
            while b"\r\n\r\n" not in head:
                more = connection.recv(65536)
                if not more:
                    return
                head += more
            head, _, kept = head.partition(b"\r\n\r\n")
            method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            wanted = int(length[1]) if length else 0
            if len(buffer) < wanted:
                buffer = bytearray(wanted)
            got = min(len(kept), wanted)
            buffer[:got] = kept[:got]
            kept = kept[got:]
            view = memoryview(buffer)
            while got < wanted:
                count = connection.recv_into(view[got:wanted])
                if not count:
                    return  # a request that did not arrive whole is none
                got += count
            answer = provider.answer(method, path, bytes(view[:wanted]))
            if answer is None:
                return
            status, headers, body = answer
            lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)


def main() -> None:
    """Listen on a free port, say which, and end when the parent does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    parser.add_argument("--core", type=int)
    wanted = parser.parse_args()
    if wanted.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {wanted.core})
    context = None
    if wanted.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*wanted.tls)
    provider = Provider()
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    while True:
        plain, _ = listener.accept()
        threading.Thread(target=_serve, args=(provider, plain, context), daemon=True).start()


def _serve(provider: Provider, plain: socket.socket, context: ssl.SSLContext | None) -> None:
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        serve(provider, plain if context is None else context.wrap_socket(plain, server_side=True))
    except OSError:
        return


if __name__ == "__main__":
    main()
