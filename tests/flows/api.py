"""Prefect's API asked from outside, and patience with a limit."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

PATIENCE = 90.0  # seconds; what is waited for takes a few, on a busy machine many


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(what: Callable[[], Any], *, within: float = PATIENCE, saying: str = "") -> Any:
    """Return the first true answer; look again and again, for a bounded time."""
    ends = time.monotonic() + within
    while True:
        try:
            if answer := what():
                return answer
        except httpx.TransportError:
            pass
        if time.monotonic() > ends:
            pytest.fail(f"waited {within:.0f} s in vain for {saying or what}")
        time.sleep(0.1)


@dataclass
class Api:
    """Prefect's API, asked from outside, as a browser asks it."""

    url: str
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        # No connection is kept: the server closes idle ones, and a request may meet one just being closed.
        kept = httpx.Limits(max_keepalive_connections=0)
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False, limits=kept)

    def ask(self, path: str, **body: Any) -> Any:
        def answer() -> httpx.Response | None:
            said = self.http.post(path, json=body)
            return None if said.status_code == 503 else said

        found: httpx.Response = wait_for(answer, saying="an answer")
        assert found.is_success, found.text
        return found.json()

    def healthy(self) -> bool:
        return self.http.get("/health").is_success

    def runs(self, *tags: str, scheduled: bool = False, **filters: Any) -> list[dict[str, Any]]:
        wanted: dict[str, Any] = {"tags": {"all_": list(tags)}} if tags else {}
        wanted |= {} if scheduled else {"state": {"type": {"not_any_": ["SCHEDULED"]}}}
        found: list[dict[str, Any]] = self.ask(
            "/flow_runs/filter", flow_runs=wanted, sort="EXPECTED_START_TIME_ASC", **filters
        )
        return found

    def run(self, id_: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/flow_runs/{id_}").raise_for_status().json()
        return found

    def artifacts(self) -> dict[str, dict[str, Any]]:
        return {one["key"]: one for one in self.ask("/artifacts/latest/filter")}

    def versions(self, key: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("/artifacts/filter", artifacts={"key": {"any_": [key]}})
        return found

    def deployment(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/deployments/name/{name}").raise_for_status().json()
        return found

    def start(self, deployment: str, **parameters: Any) -> httpx.Response:
        """Fill in the run form of a deployment and send it."""
        id_ = self.deployment(deployment)["id"]

        def answer() -> httpx.Response | None:
            said = self.http.post(f"/deployments/{id_}/create_flow_run", json={"parameters": parameters})
            return (
                None if said.status_code == 503 else said
            )  # "database is locked": Prefect's clients retry too

        found: httpx.Response = wait_for(answer, saying="an answer")
        return found

    def emptied(self) -> None:
        """Delete what tests leave behind; deployments and flows stay."""
        while self.ask("/flow_runs/bulk_delete", limit=50)["deleted"]:
            pass
        for what in ("artifacts", "variables"):
            while found := self.ask(f"/{what}/filter"):
                for one in found:
                    self.http.delete(f"/{what}/{one['id']}")
