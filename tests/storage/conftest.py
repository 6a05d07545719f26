"""An incident to work on, and the moments these tests are played at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from incident_flows.storage.database import Database
from incident_flows.storage.tables import IncidentRow, NoticeRow

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def noon() -> datetime:
    return NOON


@pytest.fixture
def open_incident() -> Callable[..., IncidentRow]:
    """Return a function that opens an incident in a database."""

    def make(database: Database, **changes: Any) -> IncidentRow:
        asked = {
            "title": "Laptop stolen",
            "organisation_id": "aimigos-studio",
            "drill": False,
            "opened_at": NOON,
            "opened_by": "ana",
            "wrapped_key": b"wrapped",
            "ladder": {"steps": ["24h"]},
        }
        with database.write() as tx:
            return tx.incidents.open(**{**asked, **changes})

    return make


@pytest.fixture
def incident(database: Database, open_incident: Callable[..., IncidentRow]) -> IncidentRow:
    return open_incident(database)


@pytest.fixture
def notice(database: Database, incident: IncidentRow) -> NoticeRow:
    with database.write() as tx:
        return tx.notices.add(
            incident.ref,
            oid="eu-gdpr/tell-authority@es-aepd",
            kind="authority",
            phase="initial",
            language="es",
            subject="Notificación",
            text="Texto",
            sha256="ab" * 32,
            drafted_by="ana",
            drafted_at=NOON,
            missing=["people.total"],
        )
