"""Steps fire once, late rather than never, whoever ticks."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from incident_flows.errors import IllegalTransitionError, NotFoundError
from incident_flows.storage.database import Database
from incident_flows.storage.steps import Fired
from incident_flows.storage.tables import IncidentRow

HOUR, LEASE = timedelta(hours=1), timedelta(minutes=2)
OID = "eu-gdpr/tell-authority@es-aepd"
Opener = Callable[..., Database]


@pytest.fixture
def planned(database: Database, incident: IncidentRow, noon: datetime) -> IncidentRow:
    """Plan steps one, two and three hours from noon."""
    with database.write() as tx:
        steps = [(f"{hours}h", noon + hours * HOUR, {"tell": ["ana"]}) for hours in (3, 1, 2)]
        assert tx.steps.plan(incident.id, OID, 1, steps) == 3
        assert tx.steps.plan(incident.id, OID, 1, steps) == 0
    return incident


def test_only_what_is_due_is_claimed_soonest_first(
    database: Database, planned: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        assert tx.steps.claim(noon, "w1", LEASE, 10) == []
        assert tx.steps.next_due() == noon + HOUR
        assert [row.name for row in tx.steps.claim(noon + HOUR, "w1", LEASE, 10)] == ["1h"]
        assert [row.name for row in tx.steps.claim(noon + 3 * HOUR, "w1", LEASE, 1)] == ["1h"]  # lapsed
        claimed = tx.steps.claim(noon + 3 * HOUR, "w1", LEASE, 10)
        assert [(row.name, row.claimed_by, row.incident_ref) for row in claimed] == [
            ("2h", "w1", planned.ref),
            ("3h", "w1", planned.ref),
        ]
        assert tx.steps.next_due() is None


def test_a_step_fires_once(database: Database, planned: IncidentRow, noon: datetime) -> None:
    at = noon + 4 * HOUR
    with database.write() as tx:
        (first, *_) = tx.steps.claim(at, "w1", LEASE, 10)
        assert first.detail == {"tell": ["ana"]}
        fired = tx.steps.fired(first.id, at, 10_800.5, "engine was down", {"told": ["ana"]}, owner="w1")
    assert (fired.state, fired.fired_at, fired.late_seconds) == ("fired", at, 10_800.5)
    assert (fired.late_because, fired.detail) == ("engine was down", {"told": ["ana"]})
    for owner in ("w1", "w2"):
        with pytest.raises(IllegalTransitionError, match="is fired by w1"), database.write() as tx:
            tx.steps.fired(first.id, at, owner=owner)
    with database.write() as tx:
        assert [row.name for row in tx.steps.claim(at + HOUR, "w2", LEASE, 10)] == ["2h", "3h"]


def test_many_steps_fire_in_one_sweep_and_those_of_others_are_named(
    database: Database, planned: IncidentRow, noon: datetime
) -> None:
    at = noon + 9 * HOUR
    with database.write() as tx:
        (other,) = tx.steps.claim(noon + HOUR, "w2", 99 * HOUR, 1)
        first, second = tx.steps.claim(at, "w1", LEASE, 10)
        tx.steps.acknowledge(second.id, "ana", at)
        results = [Fired(first.id, 25_200.0, "engine was down"), Fired(second.id), Fired(other.id)]
        assert tx.steps.fired_all(results, at, owner="w1") == [other.id]
        stored = {row.id: row for row in tx.steps.list(planned.id)}
        assert (stored[first.id].state, stored[first.id].late_seconds) == ("fired", 25_200.0)
        assert (stored[second.id].state, stored[second.id].fired_at) == ("acknowledged", at)
        assert (stored[other.id].state, stored[other.id].claimed_by) == ("claimed", "w2")
        assert tx.steps.fired_all([Fired(other.id)], at, owner="w2") == []
        assert tx.steps.fired_all([Fired(first.id)], at + HOUR, owner="w1") == [first.id]
        assert tx.steps.fired_all([], at, owner="w1") == []


def test_a_lapsed_claim_goes_to_the_next_and_the_first_can_no_longer_fire(
    database: Database, planned: IncidentRow, noon: datetime
) -> None:
    at = noon + HOUR
    with database.write() as tx:
        (step,) = tx.steps.claim(at, "w1", LEASE, 10)
        assert tx.steps.claim(at + LEASE / 2, "w2", LEASE, 10) == []
        (again,) = tx.steps.claim(at + LEASE, "w2", LEASE, 10)
        assert (again.id, again.claimed_by) == (step.id, "w2")
    with pytest.raises(IllegalTransitionError, match="claimed by w2; w1 cannot fire"), database.write() as tx:
        tx.steps.fired(step.id, at, owner="w1")
    with database.write() as tx:
        assert tx.steps.fired(step.id, at, owner="w2").state == "fired"


def test_a_moved_deadline_cancels_older_plans_only(
    database: Database, planned: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        (fired,) = tx.steps.claim(noon + HOUR, "w1", LEASE, 10)
        tx.steps.fired(fired.id, noon + HOUR, owner="w1")
        tx.steps.plan(planned.id, "other", 1, [("1h", noon + HOUR, {})])
        assert tx.steps.plan(planned.id, OID, 2, [("1h", noon + 9 * HOUR, {})]) == 1
        assert tx.steps.cancel(planned.id, OID, before_version=2) == 2
        assert [(row.oid, row.plan_version, row.state) for row in tx.steps.list(planned.id)] == [
            (OID, 1, "fired"),
            ("other", 1, "pending"),
            (OID, 1, "cancelled"),
            (OID, 1, "cancelled"),
            (OID, 2, "pending"),
        ]
        assert tx.steps.cancel(planned.id) == 2
        assert tx.steps.upcoming() == []


def test_a_step_cancelled_while_it_fires_still_counts_as_fired(
    database: Database, planned: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        (step,) = tx.steps.claim(noon + HOUR, "w1", LEASE, 10)
        tx.steps.cancel(planned.id)
        assert tx.steps.claim(noon + 9 * HOUR, "w2", LEASE, 10) == []
        assert tx.steps.fired(step.id, noon + HOUR, owner="w1").state == "fired"


def test_acknowledging_stops_a_step_and_the_first_one_counts(
    database: Database, planned: IncidentRow, noon: datetime
) -> None:
    at = noon + HOUR
    with database.write() as tx:
        (step,) = tx.steps.claim(at, "w1", LEASE, 10)
        tx.steps.fired(step.id, at, owner="w1")
        seen = tx.steps.acknowledge(step.id, "ana", at)
        assert (seen.state, seen.acknowledged_by, seen.acknowledged_at) == ("acknowledged", "ana", at)
        assert tx.steps.acknowledge(step.id, "bo", at + HOUR) == seen
        early = tx.steps.upcoming(planned.id, 1)[0]
        tx.steps.acknowledge(early.id, "ana", at)
        assert [row.name for row in tx.steps.claim(noon + 9 * HOUR, "w1", LEASE, 10)] == ["3h"]
        tx.steps.cancel(planned.id)
        last = tx.steps.list(planned.id)[-1]
    with pytest.raises(IllegalTransitionError, match="was cancelled"), database.write() as tx:
        tx.steps.acknowledge(last.id, "ana", at)
    with pytest.raises(NotFoundError), database.write() as tx:
        tx.steps.acknowledge(999, "ana", at)


def test_a_step_acknowledged_while_it_fires_stays_acknowledged(
    database: Database, planned: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        (step,) = tx.steps.claim(noon + HOUR, "w1", LEASE, 10)
        tx.steps.acknowledge(step.id, "ana", noon + HOUR)
        fired = tx.steps.fired(step.id, noon + HOUR, owner="w1")
        assert (fired.state, fired.fired_at) == ("acknowledged", noon + HOUR)


def test_the_auditor_sees_what_is_due_and_has_not_fired(
    database: Database, planned: IncidentRow, noon: datetime
) -> None:
    now = noon + 3 * HOUR

    def unfired(grace: timedelta) -> list[str]:
        return [row.name for row in tx.steps.due_unfired(now, grace)]

    with database.write() as tx:
        assert unfired(timedelta(0)) == ["1h", "2h", "3h"]
        assert unfired(HOUR) == ["1h", "2h"]
        first, second, third = tx.steps.claim(now, "w1", LEASE, 10)
        assert unfired(timedelta(0)) == ["1h", "2h", "3h"]  # claimed is not fired
        tx.steps.fired(first.id, now, owner="w1")
        tx.steps.acknowledge(second.id, "ana", now)
        assert unfired(timedelta(0)) == ["3h"]
        tx.steps.cancel(planned.id)
        assert unfired(timedelta(0)) == []
        assert tx.steps.get(third.id).state == "cancelled"


def test_workers_at_once_never_hold_the_same_step(
    database: Database, database_url: str, open_database: Opener, incident: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        tx.steps.plan(incident.id, OID, 1, [(f"s{number}", noon, {}) for number in range(200)])
    start = threading.Barrier(4)
    fired: dict[str, list[int]] = {f"w{number}": [] for number in range(4)}

    def tick(owner: str) -> None:
        own = open_database(database_url)
        start.wait()
        while True:
            with own.write() as tx:
                rows = tx.steps.claim(noon, owner, LEASE, 7)
            if not rows:
                return
            with own.write() as tx:
                fired[owner] += [tx.steps.fired(row.id, noon, owner=owner).id for row in rows]

    threads = [threading.Thread(target=tick, args=(owner,)) for owner in fired]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [step for taken in fired.values() for step in taken]
    assert len(everything) == len(set(everything)) == 200


_TICK = """
import sys
from datetime import datetime, timedelta
from incident_flows.storage.database import Database
database, owner, now = Database(sys.argv[1]), sys.argv[2], datetime.fromisoformat(sys.argv[3])
database.check()
print("ready", flush=True)
sys.stdin.readline()
while True:
    with database.write() as tx:
        rows = tx.steps.claim(now, owner, timedelta(minutes=2), 5)
    if not rows:
        break
    print(*(row.id for row in rows), flush=True)
"""


def test_processes_at_once_never_hold_the_same_step(
    database: Database, database_url: str, incident: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        tx.steps.plan(incident.id, OID, 1, [(f"s{number}", noon, {}) for number in range(150)])
    ticking = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _TICK, database_url, owner, noon.isoformat()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for owner in ("w1", "w2", "w3")
    ]
    for process in ticking:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in ticking:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    claimed = [int(step) for process in ticking for step in process.communicate()[0].split()]
    assert [process.returncode for process in ticking] == [0, 0, 0]
    assert len(claimed) == len(set(claimed)) == 150
