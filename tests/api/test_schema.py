"""Every route against its own description: whatever a program sends, the answer is a documented one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from incident_flows.console.api import described
from incident_flows.console.api.people import XLSX
from incident_flows.knowledge.library import Library
from incident_flows.services.tokens import SCOPES
from incident_flows.storage.database import Database
from tests.api.conftest import FACTS, V1, Programs, _programs

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
THERE = {
    "ref": "INC-2026-0001", "notice": "N-0001", "source": "generic", "organisation": "aimigos-studio",
    "subject": "risk", "regime": "eu-gdpr", "duty": "tell-authority",
}  # fmt: skip
EXAMPLES = 8  # of each route


@schemathesis.serializer("application/zip", "text/csv", XLSX)
def as_it_is(_context: Any, value: Any) -> bytes:
    """Send a file's bytes as they were made up."""
    return value if isinstance(value, bytes) else bytes(getattr(value, "data", str(value).encode()))


schema = schemathesis.openapi.from_dict(described())


@pytest.fixture(scope="module")
def before(migrated_sqlite: Path, library: Library, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return programs before a console with one incident, for the module."""
    path = tmp_path_factory.mktemp("schema") / "breach.db"
    shutil.copyfile(migrated_sqlite, path)
    database = Database(f"sqlite:///{path}")
    programs = _programs(database, library)
    program = programs.program(scopes=SCOPES)
    assert program.post(f"{V1}/incidents", json=FACTS).status_code == 201
    assert program.post(f"{V1}/incidents/INC-2026-0001/drafts", json={}).status_code == 200
    yield programs, program.headers["authorization"]
    database.dispose()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case: Any, before: tuple[Programs, str]) -> None:
    programs, token = before
    case.operation.app = programs.app
    # Names that are there, so that not every answer is *there is none*.
    for names in (case.path_parameters, case.body):
        if isinstance(names, dict):
            names |= {name: value for name, value in THERE.items() if name in names}
    answer = case.call(
        app=programs.app, base_url="http://127.0.0.1:4280", headers={"authorization": token}
    )
    case.validate_response(answer, checks=CHECKS)
