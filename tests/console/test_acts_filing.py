"""What is done in the room beyond draft, approve and send does what the terminal does, and says why it will not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from httpx import Response

from incident_flows.console.lacks import lacks_of
from incident_flows.services.draft import draft
from incident_flows.services.show import one_notice, show
from incident_flows.services.update import change_facts
from tests.console.test_acts import AEPD, _refusal, _send, browser, ref

__all__ = ["browser", "ref"]
TELLING = ("what_happened", "consequences", "measures_taken", "measures_proposed", "advice")
LETTER = "eu-gdpr/tell-people@people"


def _ready(house: Any, ref: str, language: str = "es", **people: Any) -> None:
    change = {
        "narrative": dict.fromkeys(TELLING, "Se dice.") | {"language": language},
        "organisation": {"dpo": {"name": "A. Officer", "phone": "+34 600 000 000"}},
        **({"people": people} if people else {}),
    }
    change_facts(house.desk, ref, change, actor=house.person(), now=house.now, source="t")


def _drafted(house: Any, ref: str, oid: str) -> Any:
    (done, *_), _ = draft(house.desk, ref, oid, actor=house.person(), now=house.now, phased=True)
    return done.notice


def _approved(browser: Any, ref: str, notice: Any) -> str:
    path = f"/incidents/{ref}/notices/{notice.ref}"
    answer = _send(browser("boris"), f"{path}/approve", sha256=notice.sha256)
    assert answer.status_code == 303, _refusal(answer)
    return path


def test_a_further_filing_a_question_and_its_answer_are_drafted_in_the_room(
    house: Any, ref: str, browser: Any
) -> None:
    _ready(house, ref)
    anna, duty = browser("anna"), f"/incidents/{ref}/duties/{AEPD}"
    assert 'name="phase"' not in anna.get(duty).text  # nothing was filed that could be followed
    path = _approved(browser, ref, _drafted(house, ref, AEPD))
    assert _send(anna, f"{path}/filed", filed_as="REF-24", zone="UTC").status_code == 303
    assert 'value="withdrawal"' in anna.get(duty).text
    asked = {"obligation": AEPD, "from": "duty", "phase": "withdrawal"}
    refused = _send(anna, f"/incidents/{ref}/draft", **asked)
    assert refused.status_code == 422
    assert 'value="withdrawal" required checked' in refused.text
    answer = _send(anna, f"/incidents/{ref}/draft", **asked, because="It was another company's laptop.")
    assert answer.status_code == 303, _refusal(answer)
    taken_back = one_notice(house.desk, ref, answer.headers["location"].rsplit("/")[-1].partition("?")[0])
    assert (taken_back["phase"], taken_back["obligation"]) == ("withdrawal", AEPD)

    hours = [(house.now + timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M") for n in (-1, 48)]
    question = {"obligation": AEPD, "question": "¿Estaba cifrado?", "received": hours[0], "zone": "UTC"}
    assert _send(anna, f"/incidents/{ref}/questions", **question).status_code == 422  # until when?
    answer = _send(anna, f"/incidents/{ref}/questions", **question, due=hours[1])
    assert answer.status_code == 303, _refusal(answer)
    page = anna.get(answer.headers["location"]).text
    assert "¿Estaba cifrado?" in page
    assert 'name="answer"' in page
    oid = answer.headers["location"].partition("/duties/")[2].partition("?")[0]
    answer = _send(anna, f"/incidents/{ref}/draft", **{"obligation": oid, "from": "duty", "answer": "Sí, el disco."})
    assert answer.status_code == 303, _refusal(answer)
    found = one_notice(house.desk, ref, answer.headers["location"].rsplit("/")[-1].partition("?")[0])
    assert found["phase"] == "answer"
    assert "Sí, el disco." in found["text"]


def test_a_mistyped_reference_is_corrected_with_a_reason(house: Any, ref: str, browser: Any) -> None:
    _ready(house, ref)
    anna = browser("anna")
    path = _approved(browser, ref, _drafted(house, ref, AEPD))
    assert _send(anna, f"{path}/filed", filed_as="REF-24", zone="UTC").status_code == 303
    assert _send(anna, f"{path}/reference", filed_as="REF-42", because=" ").status_code == 422
    assert _send(anna, f"{path}/reference", filed_as="REF-42", because="Digits swapped.").status_code == 303
    assert one_notice(house.desk, ref, path.rpartition("/")[2])["filed_as"] == "REF-42"
    with house.desk.database.read() as tx:
        [kept] = [row for row in tx.journal.entries(ref) if row.act == "reference-corrected"]
    assert kept.payload["before"] == "REF-24"


def test_a_list_that_differs_from_the_facts_is_explained_where_it_stops_approval_and_letters_obey_the_switch(
    house: Any, ref: str, browser: Any
) -> None:
    _ready(house, ref, "en", total=3, by_place={"GB": 3, "ES": None})
    anna, boris = browser("anna"), browser("boris")
    content = "email,place\np1@home.example,GB\np2@home.example,GB\n"
    _send(anna, f"/incidents/{ref}/people", files={"file": ("p.csv", content)})
    notice = _drafted(house, ref, LETTER)
    path = f"/incidents/{ref}/notices/{notice.ref}"
    assert _send(boris, f"{path}/approve", sha256=notice.sha256).status_code == 409
    page = anna.get(path).text
    assert "list.people: 3 in the facts, 2 here" in page
    assert _send(anna, f"{path}/explain", because="One has died.").status_code == 422  # of what?
    keys = ["list.people", "list.GB"]
    assert _send(anna, f"{path}/explain", key=keys, because="").status_code == 422
    assert _send(anna, f"{path}/explain", key=keys, because="One has died.").status_code == 303
    assert "3 in the facts" not in anna.get(path).text
    assert _send(boris, f"{path}/switch", switch="pause").status_code == 409  # nothing is under way
    _approved(browser, ref, notice)
    assert _send(boris, f"{path}/switch", switch="faster").status_code == 422
    assert _send(boris, f"{path}/send").status_code == 200
    assert len(house.channel.messages) == 2
    assert [one["state"] for one in show(house.desk, ref)["notices"] if one["id"] == notice.ref] == ["sent"]


def test_what_a_form_asks_is_answered_where_the_notice_is_read(house: Any, ref: str, browser: Any) -> None:
    _ready(house, ref)
    anna = browser("anna")
    notice = _drafted(house, ref, AEPD)
    path = f"/incidents/{ref}/notices/{notice.ref}"
    asked = {lack.key: lack for lack in lacks_of(house.desk, notice) if lack.field}
    kinds = {key: lack.field.kind for key, lack in asked.items() if lack.field and lack.settled}
    assert {"number", "choice", "longtext"} <= set(kinds.values())
    number, text = (next(key for key, kind in kinds.items() if kind == one) for one in ("number", "longtext"))
    page = anna.get(path).text
    assert all(f'name="key" value="{key}"' in page for key in asked)

    def answers(key: str, **given: str) -> Response:
        return _send(anna, f"{path}/answer", **{"key": key, "zone": "UTC", f"{key}?": "1", **given})

    assert answers(number, **{number: "many"}).status_code == 422
    assert answers(number, **{number: "12"}).status_code == 303
    assert answers(text).status_code == 422  # nothing was said
    assert answers(text, way="not-applicable").status_code == 422  # why?
    assert answers(text, way="later", owner="Anna", follows_on="soon").status_code == 422
    assert answers(text, way="later", owner="Anna", follows_on="2026-12-01").status_code == 303
    facts = show(house.desk, ref)["facts"]["dossier"]
    assert facts[number.partition(".")[2]] in (12, {"value": 12})
    assert facts[text.partition(".")[2]] == {"owner": "Anna", "follows_on": "2026-12-01"}
    assert answers("title", title="Another").status_code == 422  # not asked by this notice
    again = _drafted(house, ref, AEPD)
    assert number not in {lack.key for lack in lacks_of(house.desk, again)}


def test_a_translation_is_given_where_it_is_missed(house: Any, ref: str, browser: Any) -> None:
    _ready(house, ref, "en")
    anna, key = browser("anna"), "translations.es.what_happened"
    notice = _drafted(house, ref, AEPD)
    sent = {"key": key, f"{key}?": "1", key: "Robaron un portátil.", "zone": "UTC"}
    answer = _send(anna, f"/incidents/{ref}/notices/{notice.ref}/answer", **sent)
    assert answer.status_code == 303, _refusal(answer)
    again = _drafted(house, ref, AEPD)
    assert "Robaron un portátil." in again.text
    assert key not in {lack.key for lack in lacks_of(house.desk, again)}
