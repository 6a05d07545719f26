"""Plays every situation of tests/cases/*.yaml: facts in, expected obligations and instants out.

The expected values are typed from the sources. Format: see tests/cases/eu-gdpr.yaml.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from incident_flows.core.assessment import Assessment, assess, obligation_json
from incident_flows.knowledge.facts_files import Profiles, facts_from
from incident_flows.knowledge.files import Document, read_yaml
from incident_flows.knowledge.library import Library

FOLDER = Path(__file__).parent.parent / "cases"
LIBRARY = Library.load(cache=None)


def _laid_under(base: Any, top: Any) -> Any:
    if isinstance(base, dict) and isinstance(top, dict):
        return {
            key: _laid_under(base.get(key), top[key]) if key in top else base[key] for key in {**base, **top}
        }
    return base if top is None else top


def _cases() -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        document = read_yaml(path)
        base = document.data.get("base", {})
        for number, case in enumerate(document.data["cases"]):
            line = document.line(("cases", number))
            found.append(pytest.param(path.name, base, case, id=f"{path.stem}:{line} {case['title']}"))
    return found


def _assessed(name: str, base: dict[str, Any], case: dict[str, Any]) -> Assessment:
    facts = facts_from(
        Document(name, _laid_under(base, case.get("facts") or {})),
        lawbook=LIBRARY.lawbook,
        profiles=Profiles.at(),
    )
    as_of = case.get("as_of")
    return assess(
        facts,
        lawbook=LIBRARY.lawbook,
        policy=LIBRARY.risk_policy,
        open_days=LIBRARY.open_days,
        today=date(2026, 11, 22),
        as_of=date.fromisoformat(as_of) if as_of else None,
        proposals=bool(case.get("proposals")),
    )


@pytest.mark.parametrize(("name", "base", "case"), _cases())
def test_situation(name: str, base: dict[str, Any], case: dict[str, Any]) -> None:
    assessment = _assessed(name, base, case)
    rows = {one.id: obligation_json(one) for one in (*assessment.obligations, *assessment.promises)}
    if "risk" in case:
        assert assessment.risk.level == case["risk"]
    assert case.get("expect"), "a case without expectations proves nothing"
    for id_, expected in case["expect"].items():
        if id_.endswith("*"):
            assert expected == "absent"
            assert [row for row in rows if row.startswith(id_[:-1])] == []
        elif expected == "absent":
            assert id_ not in rows
        else:
            _check(id_, rows, {"status": expected} if isinstance(expected, str) else expected)


def _check(id_: str, rows: dict[str, dict[str, Any]], expected: dict[str, Any]) -> None:
    assert id_ in rows, f"not among {sorted(row for row in rows if row.split('/')[0] == id_.split('/')[0])}"
    row = rows[id_]
    clock, counting = row["clock"] or {}, row["counting"] or {}
    for key, value in expected.items():
        if key in ("missing", "after"):
            assert set(value) <= set(row[key]), (key, row[key], row["because"])
        elif key in ("waits_for", "starts", "started_at"):
            assert clock.get(key) == value, (key, clock)
        elif key in ("rule", "strict", "rounded", "extended", "relief"):
            assert counting.get(key) == value, (key, counting)
        elif key == "candidates":
            assert set(value) <= set(row["addressee"].get("candidates", ())), row["addressee"]
        elif key == "source_id":
            assert row[key] == value
        else:
            assert row[key] == value, (key, row[key], row["because"], row["missing"])
