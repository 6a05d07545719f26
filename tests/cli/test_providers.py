"""A mail provider that refuses, is busy, breaks or stays silent: nothing is lost, and nothing goes out twice."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import respx

from incident_flows import clock
from tests.cli.terminal import SAMPLES, Terminal

REF = "INC-2026-0001"
PEOPLE = "email,name,language,place\nana@people.example,Ana,es,ES\n"
Answer = httpx.Response | Exception
ACCEPTED = httpx.Response(202, headers={"X-Message-Id": "14c5d75ce93.dfd"})


class Letter:
    """One approved letter to one person, and the terminal it is sent from."""

    def __init__(self, breach: Terminal, name: str) -> None:
        self.breach, self.name = breach, name

    def notify(self, more: str = "") -> dict[str, object]:
        (sent,) = self.breach.json(f"notify {REF} {self.name} {more}")
        return dict(sent)

    def tick(self, **later: float) -> dict[str, object]:
        self.breach.advance(**later)
        return dict(self.breach.json("watch"))

    @property
    def state(self) -> str:
        shown = self.breach.json(f"show {REF}")
        (state,) = [one["state"] for one in shown["notices"] if one["id"] == self.name]
        return str(state)

    @property
    def deliveries(self) -> dict[str, int]:
        return dict(self.breach.json(f"show {REF}")["deliveries"])


@dataclass
class SendGrid:
    """The provider, answering what the test says and counting what it was asked."""

    route: respx.Route
    answers: list[Answer] = field(default_factory=list)

    def will(self, *answers: Answer) -> None:
        self.route.side_effect = list(answers)

    @property
    def asked(self) -> int:
        return self.route.call_count


@pytest.fixture(scope="module")
def written(
    new_home: Callable[[Path], Terminal], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """Return a home in which one letter is approved, to make copies of, and the letter's name."""
    folder = tmp_path_factory.mktemp("written")
    breach = new_home(folder / "home")
    (folder / "people.csv").write_text(PEOPLE)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(clock, "now", lambda: breach.now)
        breach("open", SAMPLES / "aimigos-studio.yaml")
        breach(f"facts {REF} 'organisation.dpo={{name: Data protection, email: dpo@aimigos.example}}'")
        breach(f"recipients {REF} import", folder / "people.csv")
        breach("account add boris --role approver")
        drafted = breach.json(f"draft {REF}")["notices"]
        (name,) = [one["id"] for one in drafted if one["kind"] == "people"]
        breach(f"explain {REF} --because 'a part of them'")
        breach(f"approve {REF} {name} --as boris")
    return breach.home, name


@pytest.fixture
def letter(breach: Terminal, written: tuple[Path, str]) -> Letter:
    home, name = written
    shutil.rmtree(breach.home)
    shutil.copytree(home, breach.home, symlinks=True)
    breach.settings["BREACH_SENDER"] = "Aimigos Studio <privacy@aimigos.example>"
    return Letter(breach, name)


@pytest.fixture
def sendgrid(letter: Letter) -> Iterator[SendGrid]:
    letter.breach.settings["SENDGRID_API_KEY"] = "SG.opensesame"
    with respx.mock(base_url="https://api.sendgrid.com", assert_all_called=False) as router:
        router.get(path__regex="/v3/suppression/.*").respond(200, json=[])
        yield SendGrid(router.post("/v3/mail/send"))


def test_an_accepted_letter_is_sent_once_to_one_person(letter: Letter, sendgrid: SendGrid) -> None:
    sendgrid.will(ACCEPTED)
    sent = letter.notify()
    assert (sent["state"], sent["counts"]) == ("sent", {"sent": 1})
    body = json.loads(sendgrid.route.calls[0].request.content)
    assert [to["email"] for to in body["personalizations"][0]["to"]] == ["ana@people.example"]
    assert letter.notify()["next"] == "nothing: it is done already"
    letter.tick(hours=1)
    assert sendgrid.asked == 1
    met = {one["id"]: one["met_by"] for one in letter.breach.json(f"show {REF}")["obligations"]}
    assert met["eu-gdpr/tell-people@people"] == letter.name


def test_a_refused_key_fails_and_says_what_to_do(letter: Letter, sendgrid: SendGrid) -> None:
    sendgrid.will(httpx.Response(401, json={"errors": [{"message": "The key is invalid: SG.opensesame"}]}))
    sent = letter.notify()
    assert (sent["state"], sent["counts"]) == ("failed", {"failed": 1})
    assert "refused: see `breach show INC-2026-0001`; after mending the cause" in str(sent["next"])
    letter.tick(minutes=2)
    letter.tick(hours=2)
    assert (sendgrid.asked, letter.state, letter.deliveries) == (1, "failed", {"failed": 1})
    assert "cannot be closed yet" in letter.breach.refused("close", REF, lines=9)
    assert "opensesame" not in str(letter.breach.stored())


def test_a_refused_letter_goes_out_once_the_cause_is_mended(letter: Letter, sendgrid: SendGrid) -> None:
    sendgrid.will(httpx.Response(401), ACCEPTED)
    assert letter.notify()["state"] == "failed"
    assert letter.notify()["state"] == "sent"
    assert sendgrid.asked == 2


def test_too_many_requests_stay_planned_and_go_out_with_a_later_tick(
    letter: Letter, sendgrid: SendGrid
) -> None:
    sendgrid.will(httpx.Response(429, headers={"Retry-After": "600"}), ACCEPTED)
    sent = letter.notify()
    assert (sent["state"], sent["counts"]) == ("sending", {"planned": 1})
    assert str(sent["next"]).endswith("the next tick goes on with it")
    letter.tick(minutes=5)
    assert (sendgrid.asked, letter.state) == (1, "sending")  # it asked for ten
    letter.tick(minutes=6)
    assert (sendgrid.asked, letter.state, letter.deliveries) == (2, "sent", {"sent": 1})
    letter.tick(minutes=6)
    assert sendgrid.asked == 2


def test_no_connection_stays_planned_and_goes_out_with_a_later_tick(
    letter: Letter, sendgrid: SendGrid
) -> None:
    sendgrid.will(httpx.ConnectError("refused"), httpx.ConnectTimeout("late"), ACCEPTED)
    assert letter.notify()["state"] == "sending"
    letter.tick(minutes=2)
    letter.tick(minutes=2)
    assert (sendgrid.asked, letter.state) == (3, "sent")


UNCLEAR = {
    "500": httpx.Response(500),
    "503": httpx.Response(503, headers={"Retry-After": "1"}),
    "timeout": httpx.ReadTimeout("late"),
    "broken off": httpx.RemoteProtocolError("gone"),
}


@pytest.mark.parametrize("answer", UNCLEAR.values(), ids=UNCLEAR.keys())
def test_an_unclear_end_is_in_doubt_and_never_sent_again_by_itself(
    letter: Letter, sendgrid: SendGrid, answer: Answer
) -> None:
    sendgrid.will(answer)
    sent = letter.notify()
    assert (sent["state"], sent["counts"]) == ("in-doubt", {"in-doubt": 1})
    assert "--in-doubt arrived|not-arrived --because TEXT" in str(sent["next"])
    for _ in range(3):
        letter.tick(hours=3)
    letter.breach.refused("notify", REF, letter.name)
    assert (sendgrid.asked, letter.state) == (1, "in-doubt")
    assert letter.deliveries == {"in-doubt": 1}
    assert f"{letter.name}: is in-doubt" in letter.breach.refused("close", REF, lines=9)


def test_a_doubt_is_resolved_by_a_person_on_evidence(letter: Letter, sendgrid: SendGrid) -> None:
    sendgrid.will(httpx.Response(500), ACCEPTED)
    letter.notify()
    refused = letter.breach.refused
    assert "--because: say on what evidence" in refused("notify", REF, letter.name, "--in-doubt", "arrived")
    assert "'perhaps' is no answer; write arrived or not-arrived" in refused(
        "notify", REF, letter.name, "--in-doubt", "perhaps", "--because", "x"
    )
    assert letter.breach.run("notify", REF, "--in-doubt", "arrived", "--because", "x").code == 2
    sent = letter.notify("--in-doubt arrived --because 'Its event feed says delivered'")
    assert (sent["state"], sent["counts"]) == ("sent", {"sent": 1})
    assert "nothing of it is in doubt" in refused(
        "notify", REF, letter.name, "--in-doubt", "arrived", "--because", "x"
    )
    letter.tick(hours=1)
    assert sendgrid.asked == 1
    entry = next(
        one for one in letter.breach.json(f"show {REF}")["journal"] if one["act"] == "doubt-resolved"
    )
    assert (entry["actor"], entry["payload"]["outcome"]) == ("ana", "arrived")


def test_what_did_not_arrive_is_sent_again_once(letter: Letter, sendgrid: SendGrid) -> None:
    sendgrid.will(httpx.ReadTimeout("late"), ACCEPTED)
    letter.notify()
    sent = letter.notify("--in-doubt not-arrived --because 'Not in its log'")
    assert sent["state"] == "sending"
    letter.tick(minutes=2)
    assert (sendgrid.asked, letter.state, letter.deliveries) == (2, "sent", {"sent": 1})
    letter.tick(hours=1)
    assert sendgrid.asked == 2


def test_an_authority_is_written_to_where_a_person_says_so(letter: Letter, sendgrid: SendGrid) -> None:
    breach = letter.breach
    breach(f"approve {REF} N-0001 --as boris")
    assert "address: " in breach.refused("notify", REF, "N-0001", "--to", "nobody")
    sendgrid.will(httpx.Response(500))
    (sent,) = breach.json(f"notify {REF} N-0001 --to registro@aepd.example")
    assert sent["state"] == "in-doubt"
    (sent,) = breach.json(f"notify {REF} N-0001 --in-doubt arrived --because 'They confirmed by phone'")
    assert sent["state"] == "sent"
    assert sendgrid.asked == 1


def test_a_sender_that_is_not_set_fails_before_anything_leaves(letter: Letter, sendgrid: SendGrid) -> None:
    del letter.breach.settings["BREACH_SENDER"]
    assert "BREACH_SENDER is not set" in letter.breach.refused("notify", REF, letter.name)
    assert (sendgrid.asked, letter.state) == (0, "approved")


# SMTP


class Sink:
    """A mail server that follows a script: answers by command, for one connection after the other."""

    def __init__(self) -> None:
        self.letters: list[bytes] = []
        self.scripts: list[dict[str, str]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self._listener.getsockname()[1]}?starttls=0"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._talk(connection, self.scripts.pop(0) if self.scripts else {})

    def _talk(self, connection: socket.socket, script: dict[str, str]) -> None:
        lines = connection.makefile("rb")

        def say(text: str) -> None:
            connection.sendall(text.encode() + b"\r\n")

        say(script.get("greeting", "220 sink"))
        for line in lines:
            word = line.split(b" ")[0].strip().upper().decode()
            answer = script.get(word, {"DATA": "354 go on", "QUIT": "221 bye"}.get(word, "250 ok"))
            say(answer)
            if word == "QUIT":
                break
            if word == "DATA" and answer.startswith("354"):
                content = b"".join(iter(lines.readline, b".\r\n"))
                end = script.get("end", "250 2.0.0 queued as 4F2AB")
                if end == "silence":
                    break
                self.letters.append(content)
                say(end)
        lines.close()


@pytest.fixture
def sink(letter: Letter) -> Iterator[Sink]:
    made = Sink()
    letter.breach.settings["BREACH_SMTP_URL"] = made.url
    yield made
    made.stop()


def test_a_relay_that_takes_the_letter_has_sent_it(letter: Letter, sink: Sink) -> None:
    assert letter.notify()["state"] == "sent"
    letter.tick(hours=1)
    assert len(sink.letters) == 1
    assert b"\r\nTo: " in b"\r\n" + sink.letters[0]


BUSY = {
    "greeting": {"greeting": "421 too busy"},
    "sender": {"MAIL": "452 no room"},
    "recipient": {"RCPT": "450 try later"},
    "data": {"DATA": "451 not now"},
    "end": {"end": "452 full"},
}


@pytest.mark.parametrize("script", BUSY.values(), ids=BUSY.keys())
def test_a_busy_relay_is_asked_again_by_a_later_tick(
    letter: Letter, sink: Sink, script: dict[str, str]
) -> None:
    sink.scripts = [script]
    assert letter.notify()["counts"] == {"planned": 1}
    letter.tick(minutes=2)
    assert (letter.state, letter.deliveries) == ("sent", {"sent": 1})


@pytest.mark.parametrize(
    "script", [{"RCPT": "550 no such box"}, {"MAIL": "530 log in"}, {"end": "554 no"}], ids=str
)
def test_a_relay_that_refuses_is_not_asked_again(letter: Letter, sink: Sink, script: dict[str, str]) -> None:
    sink.scripts = [script]
    assert letter.notify()["counts"] == {"failed": 1}
    before = len(sink.letters)
    letter.tick(hours=2)
    assert (letter.state, len(sink.letters)) == ("failed", before)


def test_a_relay_that_stays_silent_leaves_a_doubt(letter: Letter, sink: Sink) -> None:
    sink.scripts = [{"end": "silence"}]
    assert letter.notify()["state"] == "in-doubt"
    letter.tick(hours=2)
    assert (letter.state, sink.letters) == ("in-doubt", [])
    assert letter.notify("--in-doubt not-arrived --because 'Not in its queue'")["state"] == "sending"
    letter.tick(minutes=2)
    assert (letter.state, len(sink.letters)) == ("sent", 1)


# The master key


def test_another_master_key_sends_nothing_and_puts_nothing_in_doubt(
    letter: Letter, sendgrid: SendGrid
) -> None:
    breach = letter.breach
    sendgrid.will(httpx.Response(429), ACCEPTED)
    letter.notify()
    breach.settings["BREACH_MASTER_KEY"] = "22" * 32
    breach.advance(minutes=5)
    breach.run("watch", "--json")
    del breach.settings["BREACH_MASTER_KEY"]
    letter.tick(hours=1)
    assert (letter.state, letter.deliveries, sendgrid.asked) == ("sent", {"sent": 1}, 2)


def test_another_master_key_does_not_stop_reminders(letter: Letter) -> None:
    letter.breach.settings["BREACH_MASTER_KEY"] = "22" * 32
    assert int(str(letter.tick(hours=60)["fired"])) > 0
