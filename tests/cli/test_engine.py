"""watch, status and doctor on the terminal, and what `up` makes of the environment; no Prefect is started."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from incident_flows.cli.engine import only_engine_of
from incident_flows.cli.main import app
from incident_flows.errors import InputError, UnreachableError
from incident_flows.flows import connected
from incident_flows.flows.engine import prefect_environment, reserve_port, ui_address
from incident_flows.settings import Settings

SAMPLE = Path(__file__).parents[2] / "playbooks" / "samples" / "aimigos-studio.yaml"
SECRET = "SG.hunter2"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from incident_flows.wiring import library_from

    home = tmp_path_factory.mktemp("compiled")
    library_from(Settings.from_environment({"BREACH_HOME": str(home)}))
    return home / "cache"


@pytest.fixture
def home(tmp_path: Path, compiled: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    shutil.copytree(compiled, home / "cache")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("BREACH_HOME", str(home))
    monkeypatch.setenv("BREACH_PREFECT_PORT", str(port))
    for name in ("PREFECT_API_URL", "BREACH_PLAYBOOKS", "BREACH_SENDER", "BREACH_PAGING", "SENDGRID_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    connected.desk.cache_clear()
    yield home
    connected.desk.cache_clear()


def breach(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def _levels(result: Result) -> dict[str, str]:
    return {one["name"]: one["level"] for one in json.loads(result.stdout)}


def test_a_folder_has_one_engine_and_a_process_that_is_gone_holds_it_no_longer(tmp_path: Path) -> None:
    holds = "from pathlib import Path; from incident_flows.cli.engine import only_engine_of as one; import sys;"
    holds += "kept = one(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", holds, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UnreachableError, match=f"already, process {other.pid}") as refused:
            only_engine_of(tmp_path)
        assert len(str(refused.value).splitlines()) == 2
        other.kill()
    only_engine_of(tmp_path).close()


def test_watch_ticks_once_and_says_what_it_did(home: Path) -> None:
    assert breach("open", str(SAMPLE)).exit_code == 0
    done = breach("watch", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert {"at", "fired", "late", "sent", "in_doubt", "missed", "reminders"} <= set(found)
    again = json.loads(breach("watch", "--json").stdout)
    assert again["fired"] == 0
    assert "0 fired" in breach("watch").stdout


def test_status_refuses_while_nothing_ticks_and_is_content_after_a_tick(home: Path) -> None:
    never = breach("status")
    assert never.exit_code == 1
    assert "NOT TICKING: last tick never" in never.stdout
    assert "breach watch --loop" in never.stderr
    breach("watch")
    after = breach("status", "--json")
    assert after.exit_code == 0
    found = json.loads(after.stdout)
    assert found["ticking"] is True
    assert found["prefect"]["answers"] is False


def test_a_password_in_the_address_of_prefect_is_never_printed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://ana:hunter2@127.0.0.1:9/api")
    for verb in ("status", "doctor"):
        result = breach(verb)
        assert "127.0.0.1:9/api" in result.stdout
        assert "hunter2" not in result.output


def test_doctor_finds_a_fresh_installation_fit_to_start(home: Path) -> None:
    result = breach("doctor", "--json")
    assert result.exit_code == 0, result.output
    levels = _levels(result)
    assert levels["lawbook"] == "ok"
    assert levels["zone data"] == "ok"
    assert levels["Prefect"] == "ok"
    assert {levels[one] for one in ("database", "master key", "mail", "sender", "paging", "four eyes")} == {
        "warn"
    }
    assert not (home / "breach.db").exists()


def test_doctor_on_a_running_installation_names_what_to_do(home: Path) -> None:
    breach("open", str(SAMPLE))
    (home / "keys" / "master.key").chmod(0o644)
    result = breach("doctor")
    assert result.exit_code == 1
    assert f"chmod 600 {home / 'keys' / 'master.key'}" in result.stdout
    assert "breach account add NAME --role approver" in result.stdout
    assert "tables of this version" in result.stdout


def test_doctor_fails_when_the_key_is_gone_while_the_database_stands(home: Path) -> None:
    breach("open", str(SAMPLE))
    (home / "keys" / "master.key").unlink()
    assert _levels(breach("doctor", "--json"))["master key"] == "fail"


def test_doctor_shows_no_secret_and_wants_a_sender_where_mail_leaves(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENDGRID_API_KEY", SECRET)
    monkeypatch.setenv("BREACH_PAGING", "slack://token/very/hunter2")
    result = breach("doctor", "--json")
    assert result.exit_code == 1
    assert _levels(result)["sender"] == "fail"
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    ("value", "level", "says"),
    [
        ("wazuh@aimigos-studio=SECRET", "ok", "/intake/wazuh"),
        ("wazuh@aimigos-studio=SECRET,SECRETSECRET", "ok", "2 secrets"),
        ("wazu@aimigos-studio=SECRET", "fail", "no such product"),
        ("wazuh@acme=SECRET", "fail", "no such organisation"),
        ("wazuh@aimigos-studio=short", "fail", "24 random bytes"),
    ],
)
def test_doctor_looks_at_who_may_hand_in_alerts_and_shows_no_secret(
    home: Path, monkeypatch: pytest.MonkeyPatch, value: str, level: str, says: str
) -> None:
    secret = "5f" * 24
    monkeypatch.setenv("BREACH_INTAKE", value.replace("SECRET", secret))
    result = breach("doctor", "--json")
    [found] = [one for one in json.loads(result.stdout) if one["name"] == "intake"]
    assert found["level"] == level
    assert says in found["words"] + found["then"]
    assert secret not in result.stdout


def test_doctor_finds_a_key_of_the_provider_that_is_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREACH_SENDGRID_WEBHOOK_KEYS", "bm8ga2V5")
    assert _levels(breach("doctor", "--json"))["events"] == "fail"


def test_doctor_says_that_the_port_is_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("BREACH_PREFECT_PORT", str(taken.getsockname()[1]))
        result = breach("doctor", "--json")
    assert _levels(result)["Prefect"] == "fail"
    assert "BREACH_PREFECT_PORT" in result.stdout


def test_doctor_with_a_broken_lawbook_still_looks_at_the_rest(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "law").mkdir()
    (tmp_path / "law" / "x.yaml").write_text("id: [")
    monkeypatch.setenv("BREACH_PLAYBOOKS", str(tmp_path))
    levels = _levels(breach("doctor", "--json"))
    assert levels["lawbook"] == "fail"
    assert levels["outbox"] == "ok"


def test_a_taken_port_is_refused_in_lines_that_name_the_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UnreachableError, match="BREACH_PREFECT_PORT") as refused:
            reserve_port(taken.getsockname()[1])
    assert len(str(refused.value).splitlines()) <= 3


def _settings(tmp_path: Path, **environ: str) -> Settings:
    return Settings.from_environment({"BREACH_HOME": str(tmp_path), **environ})


def test_the_engine_has_a_prefect_of_its_own_and_hears_no_variable_of_the_users(tmp_path: Path) -> None:
    theirs = {"PREFECT_HOME": "/elsewhere", "PREFECT_LOGGING_LEVEL": "DEBUG", "PATH": "/bin"}
    found = prefect_environment(_settings(tmp_path), theirs)
    assert found["PREFECT_HOME"] == str(tmp_path / "prefect")
    assert found["PREFECT_API_URL"] == "http://127.0.0.1:4290/api"
    assert found["PREFECT_SERVER_API_HOST"] == "127.0.0.1"
    assert found["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert found["DO_NOT_TRACK"] == "1"
    assert "PREFECT_LOGGING_LEVEL" not in found
    assert found["PATH"] == "/bin"


@pytest.mark.parametrize("name", ["BREACH_HOST", "BREACH_PREFECT_HOST"])
def test_beyond_loopback_prefect_asks_for_a_secret_that_stays_the_same(tmp_path: Path, name: str) -> None:
    assert "PREFECT_SERVER_API_AUTH_STRING" not in prefect_environment(_settings(tmp_path), {})
    settings = _settings(tmp_path, **{name: "0.0.0.0", "BREACH_CONSOLE_URL": "https://breach.example.org"})
    found = prefect_environment(settings, {})
    secret = found["PREFECT_SERVER_API_AUTH_STRING"]
    assert len(secret) > 30
    assert found["PREFECT_API_AUTH_STRING"] == secret  # our own client knows it
    assert prefect_environment(settings, {})["PREFECT_SERVER_API_AUTH_STRING"] == secret
    assert (tmp_path / "keys" / "prefect.auth").stat().st_mode & 0o077 == 0
    assert found["PREFECT_API_URL"] == "http://127.0.0.1:4290/api"


def test_beyond_loopback_the_console_wants_tls_in_front(tmp_path: Path) -> None:
    for address in ("", "http://breach.example.org"):
        with pytest.raises(InputError, match="BREACH_CONSOLE_URL"):
            _settings(tmp_path, BREACH_HOST="0.0.0.0", BREACH_CONSOLE_URL=address)


def test_a_prefect_set_on_purpose_is_used_with_all_that_was_set_for_it(tmp_path: Path) -> None:
    theirs = {"PREFECT_API_URL": "https://prefect.example/api", "PREFECT_API_KEY": "k"}
    settings = _settings(tmp_path, **theirs)
    found: dict[str, Any] = prefect_environment(settings, theirs)
    assert {name: found[name] for name in theirs} == theirs
    assert "PREFECT_HOME" not in found
    assert ui_address(settings) == "https://prefect.example"
