"""The same facts give the same answer at every door: terminal, Prefect form, stored incident."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner

from incident_flows.cli.main import app
from incident_flows.flows.forms import Report
from incident_flows.knowledge.library import Library
from incident_flows.services.desk import Desk, acting, checked_facts
from incident_flows.services.open import open_incident
from incident_flows.services.show import show
from incident_flows.storage.database import Database
from incident_flows.storage.vault import Vault
from notifications.memory import MemoryChannel

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
REPORT = Report(
    organisation="aimigos-studio",
    role="controller",
    aware_at=datetime(2026, 11, 20, 17, 0, tzinfo=UTC),
    kinds=["confidentiality"],
    cause="mistake",
    exposure="unknown-recipient",
    acquired=True,
    medium="electronic",
    data_kinds=["name", "health"],
    protection="none",
    people_total=12,
    people_by_place={"ES": 12},
)


def _answer(assessment: dict[str, Any]) -> dict[str, Any]:
    return {
        "risk": assessment["risk"],
        "obligations": [(one["id"], one["status"], one["due_at"], one["because"]) for one in assessment["obligations"]],
    }


def test_terminal_form_and_service_give_the_same_answer(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("BREACH_HOME", str(tmp_path / "home"))
    file = tmp_path / "facts.yaml"
    file.write_text(yaml.safe_dump(REPORT.facts()))
    said = CliRunner().invoke(app, ["assess", str(file), "--json"])
    assert said.exit_code == 0, said.output
    at_the_terminal = _answer(json.loads(said.stdout))

    database = Database(f"sqlite:///{tmp_path / 'breach.db'}")
    database.migrate()
    library = Library.load(cache=None)
    desk = Desk(database=database, library=library, vault=Vault(b"k" * 32), channel=MemoryChannel(), owner="test")
    facts = checked_facts(desk, REPORT.facts(), name="form")
    anna = acting(desk, "anna", now=NOW, create=True)
    ref = open_incident(desk, facts, actor=anna, now=NOW, source="form").ref
    stored = _answer(show(desk, ref)["assessment"])
    database.dispose()
    assert at_the_terminal == stored
    assert stored["risk"]["level"] == "high"
