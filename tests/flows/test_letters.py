"""A wave of letters as a flow run: parts as tasks, counts only, nobody's address anywhere in Prefect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from incident_flows.flows.letters import send_wave
from incident_flows.services.approve import approve
from incident_flows.services.broadcast import begin
from incident_flows.services.desk import acting
from incident_flows.services.draft import draft
from incident_flows.services.packing import pack
from incident_flows.services.recipients import import_recipients
from incident_flows.services.story import explain
from incident_flows.services.update import change_facts
from notifications.sendgrid_batches import SendGridBatches
from tests.chaos.letters.stub import Provider

OFFICER = {"organisation": {"dpo": {"name": "Ana", "email": "dpo@aimigos.example", "phone": "+34 600 000 000"}}}


def test_a_wave_is_one_run_of_tasks_with_counts_only(
    board: Any, house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("incident_flows.services.packing.LARGEST_BATCH", 10)
    monkeypatch.setattr("incident_flows.flows.letters.BATCHES_A_TASK", 2)
    desk, provider = house.desk, Provider()

    def answer(request: httpx.Request) -> httpx.Response:
        status, headers, content = provider.answer(request.method, request.url.path, request.content) or (500, {}, b"")
        return httpx.Response(status, headers=headers, content=content)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    desk.batches = SendGridBatches("SG.key", base_url="https://provider.example", client=client)
    desk.sender = "Data protection <privacy@acme.example>"
    ref, now = house.open(), house.now
    with desk.database.write() as tx:
        for name in ("anna", "boris"):
            tx.accounts.ensure(name, ["handler", "approver"], now)
    anna, boris = acting(desk, "anna", now=now), acting(desk, "boris", now=now)
    change_facts(desk, ref, OFFICER, actor=anna, now=now, source="call")
    people = tmp_path / "people.csv"
    people.write_text("email,language\n" + "".join(f"person{n}@people.example,en\n" for n in range(45)))
    import_recipients(desk, ref, people, actor=anna, now=now)
    [drafted], _ = draft(desk, ref, "eu-gdpr/tell-people", actor=anna, now=now)
    explain(desk, ref, [], because="a part of them", actor=anna, now=now)
    notice = approve(desk, ref, drafted.notice.ref, actor=boris, now=now)
    begin(desk, ref, notice, actor=anna, now=now)
    pack(desk, ref, notice, actor="anna", now=now)

    state = send_wave(ref, notice.ref, 1, return_state=True)

    assert state.name == "Sent"
    account = provider.account({})
    assert (account["people"], account["doubled"]) == (45, 0)
    with desk.database.read() as tx:
        assert tx.notices.get(ref, notice.ref).state == "sent"
    progress = board.artifacts()[f"{ref.lower()}-{notice.ref.lower()}-letters"]
    assert (progress["type"], progress["data"]) == ("progress", 100.0)
    assert "45 of 45 people told" in progress["description"]
    [run] = [one for one in board.runs() if "wave 1" in one["name"]]
    assert run["parameters"] == {"incident": ref, "notice": notice.ref, "wave": 1}
    assert "people.example" not in str(board.runs())
