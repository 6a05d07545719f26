"""A whole breach in a headless browser: opened, decided, drafted, approved by somebody else, sent, closed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from incident_flows.services.show import show
from tests.console.house import Console, signed_in

REF = "INC-2026-0001"
AEPD = "eu-gdpr/tell-authority@es-aepd"
PARTS = ("", "/facts", "/duties", f"/duties/{AEPD}", "/risk", "/notices", "/notices/N-0001", "/people", "/tasks",
         "/timeline", "/close")  # fmt: skip

TINTED = """() => [...document.querySelectorAll("main *")].filter((one) => one.checkVisibility())
  .map((one) => getComputedStyle(one).backgroundColor)
  .filter((colour) => !["rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"].includes(colour))"""


def test_a_whole_breach_from_opening_to_closing(console: Console) -> None:
    """One test, for each step stands on the one before."""
    house = console.house
    anna, boris = console.person("anna"), console.person("boris")
    page = anna.goes("/open")
    page.get_by_label("Organisation").select_option("aimigos-studio")
    page.get_by_label("What happened").fill("Laptop stolen from a parked car")
    page.get_by_label("Reasonably certain").fill("2026-11-21T12:00")
    page.get_by_label("These times are in").select_option("Europe/Madrid")
    anna.presses("Begin")
    assert page.get_by_text("Question 1").is_visible()
    answers = {
        "Whose data are they": lambda: page.get_by_label("Ours (controller)", exact=True).check(),
        "Where they live, and how many": lambda: page.get_by_label("Where they live").fill("ES=120"),
        "How many people": lambda: page.get_by_label("How many people").fill("120"),
    }
    asked = []
    for _ in range(12):
        if not page.get_by_role("heading", name="Question").count():
            break
        field = page.locator("form.panel .field label, form.panel legend").first.inner_text()
        asked.append(field)
        if field in answers:
            answers[field]()
            anna.presses("Next")
        else:
            anna.presses("Not known")
    assert {"Whose data are they", "Where they live, and how many"} <= set(asked)
    anna.keeps("open-question")
    before = len(asked)
    anna.presses("Back")
    assert page.locator("form.panel legend, form.panel .field label").first.inner_text() == asked[before - 1]
    anna.presses("Open it now")
    assert page.url.endswith(f"/incidents/{REF}?done=opened")
    stored = show(house.desk, REF)
    assert stored["facts"]["moments"]["aware_at"] == "2026-11-21T12:00:00+01:00"
    assert stored["facts"]["people"] == {"total": {"at_least": 120, "at_most": 120}, "by_place": {"ES": 120}}
    assert "breach" not in stored["facts"]  # not known stays not known

    # Facts: what is asked for the notices, and the rest that decides the risk
    page = anna.goes(f"/incidents/{REF}/facts")
    all_facts = page.locator("section", has=page.get_by_role("heading", name="All facts"))
    for label in (
        "What happened",
        "Likely consequences",
        "Measures taken",
        "Measures proposed",
        "Advice to the people",
    ):
        all_facts.get_by_label(label, exact=True).fill("It is said here.")
    all_facts.locator("summary", has_text="What was lost").click()
    all_facts.get_by_label("Confidentiality").check()
    all_facts.get_by_label("Contact for the notices").fill("A. Officer")
    all_facts.get_by_label("Phone of that contact").fill("+34 600 000 000")
    with page.expect_navigation():
        all_facts.get_by_role("button", name="Save and assess anew").click()
    anna.looks()
    assert page.get_by_text("Saved and assessed anew.").is_visible()

    # The risk, then every obligation, decided with a reason
    page = anna.goes(f"/incidents/{REF}/risk")
    page.get_by_label("High risk").check()
    page.get_by_label("Because").fill("Nobody knows who has the laptop.")
    anna.presses("Decide")
    assert show(house.desk, REF)["assessment"]["risk"]["level"] == "high"
    page = anna.goes(f"/incidents/{REF}/duties/{AEPD}")
    page.get_by_label("Owed", exact=True).check()
    page.get_by_label("Because").fill("We are the controller, in Spain.")
    anna.presses("Decide")
    assert page.get_by_text("Decided.", exact=True).is_visible()

    # A draft, read and approved by somebody else only
    page = anna.goes(f"/incidents/{REF}/duties/{AEPD}")
    page.get_by_label("Say “not yet known").check()
    page.get_by_label("Accept sentences in the language they are in").check()
    anna.presses("Draft")
    assert "/notices/N-0001" in page.url
    assert not page.get_by_text("(required").count(), page.locator("#missing-h ~ ul").inner_text()
    assert page.get_by_text("Waits for approval").first.is_visible()
    anna.presses("Approve these words")
    assert "somebody else has to approve" in page.get_by_role("alert").inner_text()
    page = boris.goes(f"/incidents/{REF}/notices/N-0001")
    boris.keeps("notice")
    page.get_by_label("Because").fill("Say it more plainly.")
    boris.presses("Reject")
    page = anna.goes(f"/incidents/{REF}/facts")
    all_facts = page.locator("section", has=page.get_by_role("heading", name="All facts"))
    all_facts.get_by_label("Measures taken", exact=True).fill("It is said more plainly.")
    with page.expect_navigation():
        all_facts.get_by_role("button", name="Save and assess anew").click()
    page = anna.goes(f"/incidents/{REF}/notices/N-0001")
    page.get_by_label("Say “not yet known").check()
    page.get_by_label("Accept sentences in the language they are in").check()
    anna.presses("Draft")
    assert "/notices/N-0002" in page.url
    page = boris.goes(f"/incidents/{REF}/notices/N-0002")
    assert "more plainly" in " ".join(page.locator("ins").all_inner_texts())
    boris.keeps("notice-difference")
    boris.presses("Approve these words")
    assert page.get_by_text("Approved, these very words.").is_visible()

    # Sent by mail to a mailbox a person has checked
    page.get_by_label("A mailbox you have checked yourself").fill("inbox@aepd.example")
    boris.presses("Send now")
    assert not page.get_by_role("alert").count(), page.get_by_role("alert").inner_text()
    stored = show(house.desk, REF)
    assert {one["id"]: one["state"] for one in stored["notices"]}["N-0002"] == "sent"
    page = boris.goes(f"/incidents/{REF}/duties/{AEPD}")
    assert page.get_by_text("met by N-0002").first.is_visible()

    # The rest is decided not to be owed, the second person saying the same where it lowers protection
    for _ in range(30):
        left = [one for one in show_against(house, REF) if "/" in one]
        if not left:
            break
        for subject in left:
            for person in (anna, boris):
                page = person.goes(f"/incidents/{REF}/duties/{subject}")
                if not page.get_by_label("Not owed", exact=True).count():
                    break
                page.get_by_label("Not owed", exact=True).check()
                page.get_by_label("Because").fill("Told by the notice to the authority.")
                person.presses("Decide")
                if page.get_by_text("Decided.", exact=True).count():
                    break
    page = anna.goes(f"/incidents/{REF}/close")
    if page.get_by_role("heading", name="stand against closing").count():
        decide_the_rest(house, REF)
        page = anna.goes(f"/incidents/{REF}/close")
    anna.presses("Close the incident")
    assert show(house.desk, REF)["state"] == "closed"
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the dossier").click()
    assert download.value.suggested_filename == f"{REF}-dossier.zip"
    anna.goes(f"/incidents/{REF}/timeline")
    anna.keeps("timeline")


def show_against(house: object, ref: str) -> list[str]:
    """Return what stands against closing one by one."""
    from incident_flows.services.close import against_closing

    with house.desk.database.read() as tx:  # type: ignore[attr-defined]
        return [one.subject for one in against_closing(tx, ref)]


def decide_the_rest(house: object, ref: str) -> None:
    """Decide by the service what only may apply; the pages for it were pressed above."""
    from incident_flows.services.decide import decide

    desk, now = house.desk, house.now  # type: ignore[attr-defined]
    with desk.database.read() as tx:
        rows = [
            row.oid
            for row in tx.obligations.list(ref)
            if row.running and row.reach == "unknown" and row.decided is None
        ]
    for oid in rows:
        decide(desk, ref, oid, "not-owed", because="does not apply", actor=house.person("anna"), now=now)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def told(console: Console) -> str:
    """Open one incident with drafts, and a drill."""
    from incident_flows.knowledge.facts_files import read_facts
    from incident_flows.services.draft import draft
    from incident_flows.services.open import open_incident
    from tests.cli.terminal import SAMPLES

    house = console.house
    ref: str = house.open("aimigos-studio")
    draft(house.desk, ref, None, actor=house.person(), now=house.now)
    library = house.desk.library
    facts = read_facts(SAMPLES / "nero-studio.yaml", lawbook=library.lawbook, profiles=library.profiles)
    open_incident(house.desk, facts, actor=house.person(), now=house.now, source="drill", drill=True)
    return ref


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (375, True)])
def test_every_page_is_whole_at_a_desk_and_on_a_phone(
    console: Console, told: str, width: int, dark: bool
) -> None:
    person = console.person("anna", width=width, dark=dark)
    pages = {
        "wall": "/",
        "incidents": "/incidents",
        "open": "/open",
        "open-quick": "/open/quick",
        "law": "/law",
        "law-place": "/law?place=US-CA",
        "law-duty": "/law/eu-gdpr/tell-authority",
        "rota": "/rota",
        "accounts": "/accounts",
        "gone": "/nowhere",
        **{f"room{part.replace('/', '-').split('@')[0]}": f"/incidents/{told}{part}" for part in PARTS},
    }
    for name, path in pages.items():
        person.goes(path, status=404 if name == "gone" else 200)
        person.keeps(f"{name}-{width}-{'dark' if dark else 'light'}")
    page = person.goes(f"/incidents/{told}/notices/N-0001")
    for summary in page.locator("section[aria-labelledby=lacks-h] summary").all():
        summary.click()
    person.looks()
    person.keeps(f"answering-{width}")
    person.context.close()


def test_the_wall_says_what_is_next_where_and_when(console: Console, told: str) -> None:
    page = console.person("anna").goes(f"/?incident={told}")
    first = page.locator(".first")
    assert "Agencia Española de Protección de Datos" in first.inner_text()
    assert "Mon 23 Nov 18:00" in first.inner_text()  # theirs
    assert "Mon 23 Nov 12:00" in first.inner_text()  # the reader's, in New York
    until = page.locator(".first [data-until]").get_attribute("data-until")
    assert datetime.fromisoformat(until) == datetime(2026, 11, 23, 17, tzinfo=UTC)
    page.goto(console.url)
    assert page.locator("tr.is-drill").first.get_by_text("DRILL").first.is_visible()
    assert not page.locator("tbody tr:not(.is-drill)").get_by_text("DRILL").count()
    page.goto(f"{console.url}/?q=footage&drills=false")
    assert page.get_by_role("heading", name="No clock runs").is_visible()


def test_the_countdown_runs_and_the_wall_renews_itself(console: Console, told: str) -> None:
    from incident_flows.services.update import change_facts

    person = console.person("anna")
    person.page.clock.install(time=console.house.now)
    page = person.goes(f"/?incident={told}")
    assert page.locator(".first .left").inner_text() == "1 d 9 h"
    change_facts(
        console.house.desk, told, {"title": "Laptop found again"}, actor=console.house.person(),
        now=console.house.now, source="test",
    )  # fmt: skip
    with console.house.desk.database.write() as tx:
        tx.incidents.rename(told, "Laptop found again")
    page.clock.run_for(19_000)
    assert not page.get_by_text("Laptop found again").count()
    with page.expect_response(lambda answer: "incident=" in answer.url):
        page.clock.run_for(2_000)
    page.get_by_text("Laptop found again").first.wait_for()
    page.clock.fast_forward(10 * 3600 * 1000)
    assert page.locator(".first .left").inner_text() == "22 h 59 min"
    person.context.close()


def test_everything_is_there_without_scripts(console: Console, told: str) -> None:
    context = console.browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "breach", "value": signed_in(console.house, "anna"), "url": console.url}])
    page = context.new_page()
    page.goto(f"{console.url}/incidents/{told}")
    assert page.locator(".first .left").inner_text() == "1 d 9 h"
    page.get_by_label("Your time zone").select_option("Asia/Kolkata")
    page.get_by_label("Colours").select_option("dark")
    page.get_by_role("button", name="Use").click()
    assert page.url == f"{console.url}/incidents/{told}"
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert "Mon 23 Nov 22:30" in page.locator(".first").inner_text()
    context.close()


def test_the_keyboard_reaches_the_content_and_the_first_thing_to_do(console: Console, told: str) -> None:
    page = console.person("anna").goes(f"/incidents/{told}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'main'")
    seen = []
    for _ in range(30):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.textContent.trim()"))
        if seen[-1] == "Complete the draft":
            break
    assert seen[-1] == "Complete the draft"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.goto(f"{console.url}/law")
    page.get_by_label("As of").focus()
    page.keyboard.press("Tab")  # from the day to the month, or whichever part comes first
    assert page.evaluate("[document.activeElement.type, getComputedStyle(document.activeElement).outlineStyle]") == [
        "date", "solid"
    ]


@pytest.mark.parametrize("dark", [False, True])
def test_the_wall_and_the_room_print(console: Console, told: str, dark: bool) -> None:
    person = console.person("anna", dark=dark)
    for path in ("/", f"/incidents/{told}"):
        page = person.goes(path)
        page.emulate_media(media="print")
        assert not page.locator("header.bar").is_visible()
        assert page.locator(".first .left").first.is_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.evaluate(TINTED) == []
        page.set_viewport_size({"width": 690, "height": 980})  # A4 less its margins
        assert page.evaluate("document.documentElement.scrollWidth") <= 690
        assert page.locator(".clocks td:nth-child(2)").first.bounding_box()["width"] >= 170
        page.pdf(path=console.artefacts / f"print{path.replace('/', '-')}.pdf", format="A4")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(media="screen")
    page = person.goes(f"/incidents/{told}/duties/{AEPD}")
    page.emulate_media(media="print")
    assert page.get_by_text("Tell the supervisory authority").first.is_visible()
    assert not page.locator("main form:visible").count()
    person.context.close()


def test_somebody_new_sets_up_their_account_and_reads_the_wall(console: Console, told: str) -> None:
    import pyotp

    from incident_flows.services.set_up import set_up_link

    house = console.house
    with house.desk.database.write() as tx:
        tx.accounts.add("dora", "dora", ["handler", "approver"], house.now)
    link = set_up_link(house.desk, "dora", actor=house.person(), now=house.now)
    dora = console.person(None)
    page = dora.goes(f"/set-up/{link.word}")
    page.locator("[name=password]").fill("a sentence that is easy to keep")
    page.locator("[name=again]").fill("a sentence that is easy to keep")
    dora.presses("Go on")
    seed = page.locator("main").inner_text().split("Or type this key ")[1].split()[0]
    page.locator("main input[name=code]").fill(pyotp.TOTP(seed).at(house.now))
    dora.presses("Take this second factor")
    page = dora.goes("/")
    assert page.get_by_text("dora").first.is_visible()
    assert page.locator(".first").is_visible()
    dora.context.close()


def test_a_token_is_made_shown_once_and_revoked(console: Console, told: str) -> None:
    anna = console.person("anna")
    anna.goes("/you").get_by_role("link", name="Tokens of programs").click()
    anna.page.get_by_label("What the program is called").fill("siem")
    page = anna.presses("Make it")  # for nothing
    assert "choose among" in page.get_by_role("alert").inner_text()
    page.get_by_label("read", exact=True).check()
    page = anna.presses("Make it")
    word = page.locator(".panel .mono").inner_text()
    asked = page.request.get(f"{console.url}/api/v1/incidents", headers={"authorization": f"Bearer {word}"})
    assert [one["id"] for one in asked.json()].count(told) == 1
    anna.keeps("tokens")
    page = anna.goes("/you/tokens")
    assert word not in page.content()
    page = anna.presses("Revoke")
    assert page.get_by_role("row", name="siem").get_by_text("revoked").is_visible()
    anna.page.set_viewport_size({"width": 390, "height": 800})
    anna.goes("/you/tokens")
    anna.keeps("tokens-phone")


def test_nobody_sees_anything_unless_signed_in(console: Console, told: str) -> None:
    page = console.person(None).goes(f"/incidents/{told}")
    assert page.url == f"{console.url}/sign-in?to=%2Fincidents%2F{told}"
    assert "Laptop" not in page.content()


def test_no_page_asked_for_anything_elsewhere_or_complained(console: Console, told: str) -> None:
    """Runs last: over all that the tests above did."""
    assert console.elsewhere() == []
    expected = (  # the refusals that were provoked
        "status of 403",
        "status of 404",
        "status of 409",
        "/you/tokens: Failed to load resource: the server responded with a status of 422",
    )
    assert [line for line in console.said if not any(one in line for one in expected)] == []
