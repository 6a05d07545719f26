"""The Prefect UI in a headless browser, as a person uses it: open, decide, approve, and look at the board."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyotp
import pytest

from incident_flows.clock import now
from incident_flows.knowledge.facts_files import read_facts
from incident_flows.services.desk import Desk, acting, checked_facts
from incident_flows.services.draft import draft
from incident_flows.services.open import open_incident
from incident_flows.services.secrets_kept import OWNER, house_key
from incident_flows.services.show import show
from incident_flows.services.update import change_facts
from incident_flows.settings import Settings
from incident_flows.wiring import desk_from
from tests.console.house import CHROMIUM
from tests.flows.api import Api, free_port, wait_for
from tests.flows.up import Up

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
OFFICER = {"organisation": {"dpo": {"name": "Ana", "email": "dpo@aimigos.example", "phone": "+34 600 000 000"}}}
UNKNOWN, KNOWN = "INC-2026-0001", "INC-2026-0002"
SAMPLES = Path(__file__).parents[2] / "playbooks" / "samples"
LETTER = "eu-gdpr/tell-people"


@dataclass
class Team:
    """A running engine, what stands in our database, and a browser before the Prefect UI."""

    address: str
    api: Api
    desk: Desk
    page: Page
    shots: Path

    def goto(self, path: str) -> None:
        self.page.goto(f"{self.address}/v2{path}")
        self.page.wait_for_load_state("networkidle")

    def shot(self, name: str) -> None:
        self.page.screenshot(path=self.shots / f"{name}.png", full_page=True)

    def ended(self, id_: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            run = self.api.run(id_)
            return run if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED") else None

        found: dict[str, Any] = wait_for(ended, saying="the run to end")
        return found

    def form(self, tag: str, ref: str, **parameters: str) -> dict[str, Any]:
        """Wait until the tick offers a form."""

        def waiting() -> Any:
            runs = [one for one in self.api.runs(ref, tag) if one["state_name"] == "Suspended"]
            return next((one for one in runs if parameters.items() <= one["parameters"].items()), None)

        found: dict[str, Any] = wait_for(waiting, saying=f"a form of {tag}")
        return found

    def answer(self, run: dict[str, Any], answer: str, **fields: str) -> dict[str, Any]:
        """Answer a suspended form in its dialog; return the run at its end."""
        self.goto(f"/runs/flow-run/{run['id']}")
        self.page.get_by_role("button", name="Open menu").click()
        self.page.get_by_role("menuitem", name="Resume").click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Select Answer").click()
        self.page.get_by_role("option", name=answer, exact=True).click()
        _fill(dialog, fields)
        self.shot(f"answer-{run['name'].partition(' · ')[2].replace(' ', '-')}")
        self.press(dialog.get_by_role("button", name="Resume"), f"/flow_runs/{run['id']}/resume")
        return self.ended(run["id"])

    def press(self, button: Locator, path: str) -> None:
        """Press a button, once more where Prefect's database was locked: its clients repeat that, its pages do not."""
        for _ in range(5):
            with self.page.expect_response(lambda answer: path in answer.url) as awaited:
                button.click()
            if awaited.value.status != 503:
                assert awaited.value.ok, awaited.value.text()
                return
        pytest.fail(f"{path}: Prefect's database was locked five times")


def _fill(form: Locator | Page, fields: dict[str, str]) -> None:
    for label, value in fields.items():
        form.get_by_label(label.replace("_", " ").title()).last.fill(value)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, lawbook_cache: Path, request: Any) -> Iterator[Team]:
    """Start an engine on two incidents, one of which waits for decisions, the other for approvals."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser: {CHROMIUM} is not installed")
    from playwright.sync_api import sync_playwright

    home, port = tmp_path_factory.mktemp("browser") / "home", free_port()
    shutil.copytree(lawbook_cache, home / "cache")
    desk = desk_from(Settings.from_environment({"BREACH_HOME": str(home)}))
    _prepare(desk)
    shots = request.config.rootpath / ".artefacts" / "prefect"
    shots.mkdir(parents=True, exist_ok=True)
    api, up = Api(f"http://127.0.0.1:{port}/api"), Up(home, port)
    try:
        up.line("(ready)")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.set_default_timeout(60_000)
            yield Team(f"http://127.0.0.1:{port}", api, desk, page, shots)
            browser.close()
    finally:
        up.end(signal.SIGINT)
        api.http.close()
        desk.database.dispose()


def _prepare(desk: Desk) -> None:
    at = now()
    key = house_key(desk)
    with desk.database.write() as tx:
        for name in ("anna", "boris"):
            row = tx.accounts.ensure(name, ["handler", "approver"], at)
            sealed = desk.vault.seal(key, OWNER, f"second-{row.id}", SEED.encode())
            tx.access.set_credential(row.id, at, second=sealed)
    anna = acting(desk, "anna", now=at)
    unknown = {"organisation": "aimigos-studio", "role": "controller", "moments": {"aware_at": at.isoformat()}}
    library = desk.library
    sample = read_facts(SAMPLES / "aimigos-studio.yaml", lawbook=library.lawbook, profiles=library.profiles)
    for facts in (checked_facts(desk, unknown, name="test"), sample):
        ref = open_incident(desk, facts, actor=anna, now=at, source="test").ref
    change_facts(desk, ref, OFFICER, actor=anna, now=at, source="call")
    draft(desk, ref, LETTER, actor=anna, now=at, language="en")


def test_an_incident_is_opened_from_the_run_form(team: Team) -> None:
    team.goto(f"/deployments/deployment/{team.api.deployment('open incident/open-incident')['id']}/run")
    _fill(team.page, {"Organisation": "aimigos-studio", "Acting As": "anna"})
    team.shot("open-incident")
    team.press(team.page.get_by_role("button", name="Submit"), "/create_flow_run")

    def begun() -> Any:
        return next((one for one in team.api.runs() if "report" in one["parameters"]), None)

    run = team.ended(wait_for(begun, saying="the run")["id"])
    assert run["state_name"] == "Opened", run["state"]
    opened = show(team.desk, run["state"]["message"])
    assert (opened["organisation"], opened["opened_by"]) == ("aimigos-studio", "anna")


def test_a_risk_is_decided_in_the_dialog_that_shows_its_grounds(team: Team) -> None:
    form = team.form("decision", UNKNOWN, subject="risk")
    run = team.answer(form, "high-risk", because="bank data, stranger", acting_as="anna")
    assert run["state_name"] == "Decided", run["state"]
    [decided] = [one for one in show(team.desk, UNKNOWN)["decisions"] if one["subject"] == "risk"]
    assert (decided["answer"], decided["by"], decided["because"]) == ("high-risk", "anna", "bank data, stranger")


def test_a_text_is_approved_with_a_code_in_the_dialog_that_shows_it(team: Team) -> None:
    form = team.form("approval", KNOWN)
    notice = form["parameters"]["notice"]
    run = team.answer(form, "approve", acting_as="boris", code=pyotp.TOTP(SEED).now())
    assert run["state_name"] == "Approved", run["state"]
    with team.desk.database.read() as tx:
        row = tx.notices.get(KNOWN, notice)
    assert (row.state, row.approved_by) == ("approved", "boris")


def test_the_board_says_what_is_due_and_where_each_notice_stands(team: Team) -> None:
    team.goto(f"/runs?tags={KNOWN}")
    card = team.page.get_by_text(f"{KNOWN} · ICO notice")
    card.wait_for()
    assert team.page.get_by_text("ClockStarted").first.is_visible()
    team.shot("runs")
    artifacts = team.api.artifacts()
    for key, words in (
        ("wall-of-clocks", "Information Commissioner's Office"),
        (f"{KNOWN.lower()}-obligations", "risk to people is high"),
        (f"{KNOWN.lower()}-notices", "breach notify"),
        (f"{KNOWN.lower()}-timeline", "approved"),
        (f"{KNOWN.lower()}-status", "AEPD notice"),
    ):
        team.goto(f"/artifacts/artifact/{artifacts[key]['latest_id']}")
        team.page.get_by_text(words).first.wait_for()
        team.shot(key)
