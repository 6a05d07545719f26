"""A company's sign-on, played by a small OpenID provider on loopback; and one person never being two."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from httpx import Response
from joserfc import jwt
from joserfc.jwk import ECKey

from incident_flows.errors import InputError, PermissionDeniedError
from incident_flows.knowledge.facts_files import read_facts
from incident_flows.services.approve import approve
from incident_flows.services.company import bind
from incident_flows.services.draft import draft
from incident_flows.services.open import open_incident
from incident_flows.services.update import change_facts
from tests.access.conftest import Browser, House
from tests.cli.terminal import SAMPLES

CLIENT, SECRET = "breach", "s3cret"


class Provider:
    """Gives codes to who asks, and changes each once into a signed token, checking what a real one would."""

    def __init__(self) -> None:
        self.key, self.claims, self.signed_by = ECKey.generate_key("P-256"), dict[str, Any](), None
        self.asked: dict[str, dict[str, str]] = {}
        self.refusals: list[str] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                at = f"{provider.issuer}"
                self._says(
                    {"issuer": at, "authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token",
                     "jwks_uri": f"{at}/keys"} if self.path.startswith("/.well-known/")
                    else {"keys": [{**provider.key.as_dict(private=False), "kid": "1"}]}
                )  # fmt: skip

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                self._says(
                    *provider.token({key: one[0] for key, one in parse_qs(body).items()}, self.headers)
                )

            def _says(self, said: Any, status: int = 200) -> None:
                data = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def authorize(self, location: str) -> dict[str, str]:
        """Play the browser at the provider: return what it comes back with."""
        asked = {key: one[0] for key, one in parse_qs(urlsplit(location).query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.asked[code] = asked
        return {"code": code, "state": asked["state"]}

    def token(self, form: dict[str, str], headers: Any) -> tuple[Any, int]:
        asked = self.asked.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        login = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if (
            asked is None
            or challenge.rstrip(b"=").decode() != asked["code_challenge"]
            or form["redirect_uri"] != asked["redirect_uri"]
            or headers["authorization"] != f"Basic {login}"
        ):
            self.refusals.append(form["code"])
            return {"error": "invalid_grant"}, 400
        claims = {"iss": self.issuer, "aud": CLIENT, "nonce": asked["nonce"], **self.claims}
        key = self.signed_by or self.key
        token = jwt.encode(
            {"alg": "ES256", "kid": "1"}, {k: v for k, v in claims.items() if v is not None}, key
        )
        return {"id_token": token, "access_token": "x", "token_type": "Bearer"}, 200


@pytest.fixture
def provider() -> Iterator[Provider]:
    found = Provider()
    yield found
    found.server.shutdown()
    found.thread.join()
    found.server.server_close()


@pytest.fixture
def firm(house: House, provider: Provider) -> House:
    """Return a house that takes this provider's word, with one account bound to somebody there."""
    settings = replace(
        house.settings, oidc_issuer=provider.issuer, oidc_client_id=CLIENT, oidc_client_secret=SECRET
    )
    found = House(house.desk, settings, house._opened)
    found.account("root", "admin")
    found.account("anna", "handler")
    bind(found.desk, "anna", "u-1", issuer=provider.issuer, actor=found.actor("root"), now=found.now)
    at = int(found.now.timestamp())
    provider.claims = {"sub": "u-1", "iat": at, "exp": at + 300}
    return found


def comes_back(
    house: House, provider: Provider, browser: Browser | None = None, **change: str
) -> tuple[Browser, Response]:
    browser = browser or house.browser()
    gone = browser.get("/sign-in/company?to=/incidents")
    assert gone.headers["location"].startswith(f"{provider.issuer}/authorize?")
    return browser, browser.get(
        "/sign-in/company/back", params={**provider.authorize(gone.headers["location"]), **change}
    )


def test_who_the_company_vouches_for_is_in_with_the_roles_of_their_account(
    firm: House, provider: Provider
) -> None:
    browser, answer = comes_back(firm, provider)
    assert answer.headers["location"] == "/incidents"
    page = browser.get("/you").text
    assert "anna" in page
    assert "handler" in page
    assert "signed-in" in firm.acts()


@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": "another"}, {"aud": "another"}, {"aud": [CLIENT, "another"]}, {"iss": "https://evil.example"},
        {"exp": 1}, {"exp": None}, {"iat": 4_000_000_000}, {"sub": None}, {"sub": ""},
    ],
    ids=str,
)  # fmt: skip
def test_a_token_that_says_something_else_lets_nobody_in(
    firm: House, provider: Provider, lie: dict[str, Any]
) -> None:
    provider.claims |= lie
    browser, answer = comes_back(firm, provider)
    assert answer.status_code == 403
    assert browser.get("/you").status_code == 303


def test_a_token_signed_by_somebody_else_lets_nobody_in(firm: House, provider: Provider) -> None:
    provider.signed_by = ECKey.generate_key("P-256")  # type: ignore[assignment]
    assert comes_back(firm, provider)[1].status_code == 403


def test_a_way_back_begun_elsewhere_or_used_before_lets_nobody_in(firm: House, provider: Provider) -> None:
    assert comes_back(firm, provider, state="another")[1].status_code == 403
    victim, attacker = firm.browser(), firm.browser()
    theirs = provider.authorize(attacker.get("/sign-in/company").headers["location"])
    assert victim.get("/sign-in/company/back", params=theirs).status_code == 403  # no cookie of this way
    victim.get("/sign-in/company")
    assert victim.get("/sign-in/company/back", params=theirs).status_code == 403  # another's state
    gone = firm.browser()
    way = provider.authorize(gone.get("/sign-in/company").headers["location"])
    assert gone.get("/sign-in/company/back", params=way).status_code == 303
    assert gone.get("/sign-in/company/back", params=way).status_code in (403, 503)


def test_a_stranger_to_us_is_told_whom_to_ask_and_a_barred_account_stays_out(
    firm: House, provider: Provider
) -> None:
    provider.claims["sub"] = "u-2"
    answer = comes_back(firm, provider)[1]
    assert answer.status_code == 403
    assert "breach account bind NAME u-2" in answer.text
    provider.claims["sub"] = "u-1"
    with firm.desk.database.write() as tx:
        tx.accounts.set_disabled("anna", True)
    assert comes_back(firm, provider)[1].status_code == 403


def test_a_mapping_gives_roles_by_a_claim_and_the_journal_says_so(firm: House, provider: Provider) -> None:
    mapped = House(
        firm.desk, replace(firm.settings, oidc_roles="groups: ir=handler dpo=approver"), firm._opened
    )
    provider.claims["groups"] = ["dpo", "everybody"]
    comes_back(mapped, provider)
    assert mapped.actor("anna").roles == {"approver"}
    assert "roles-changed" in mapped.acts()
    provider.claims["groups"] = ["everybody"]
    assert comes_back(mapped, provider)[1].status_code == 403


def test_without_the_setting_there_is_no_such_door(house: House) -> None:
    assert house.browser().get("/sign-in/company").status_code == 404
    assert "/sign-in/company" not in house.browser().get("/sign-in").text


def test_one_person_is_never_two_people(firm: House, provider: Provider) -> None:
    """Neither by a second account of the same person, nor by the company's sign-on."""
    root, now, desk = firm.actor("root"), firm.now, firm.desk
    firm.account("anna-approves", "approver", person="anna")
    firm.account("boris", "approver")
    for name, subject in (("anna-approves", "u-1"), ("anna", "u-2")):
        with pytest.raises(InputError, match="one account"):
            bind(desk, name, subject, issuer=provider.issuer, actor=root, now=now)
    bind(desk, "anna", "u-1", issuer=provider.issuer, actor=root, now=now)  # said again: as before
    facts = read_facts(
        SAMPLES / "aimigos-studio.yaml", lawbook=desk.library.lawbook, profiles=desk.library.profiles
    )
    anna = firm.actor("anna")
    ref = open_incident(desk, facts, actor=anna, now=now, source="x").ref
    contact = {"organisation": {"dpo": {"name": "A. Officer", "phone": "+34 600 000 000"}}}
    change_facts(desk, ref, contact, actor=anna, now=now, source="x")
    done, _ = draft(desk, ref, "eu-gdpr/tell-authority@es-aepd", actor=anna, now=now, phased=True)
    notice = done[0].notice.ref
    with pytest.raises(PermissionDeniedError, match="somebody else has to approve"):
        approve(desk, ref, notice, actor=firm.actor("anna-approves"), now=now, sha256=done[0].notice.sha256)
    page = firm.browser("anna-approves").send_form(
        f"/incidents/{ref}/notices/{notice}/approve", sha256=done[0].notice.sha256
    )
    assert page.status_code == 403
    approve(desk, ref, notice, actor=firm.actor("boris"), now=now, sha256=done[0].notice.sha256)
