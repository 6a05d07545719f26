"""Signing in by a company's sign-on: OpenID Connect, code flow with PKCE, state and nonce."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from incident_flows.console.page import desk_of, now_of
from incident_flows.console.server import address_of
from incident_flows.console.signed import stranger
from incident_flows.console.signing_in import device_of, let_in, local
from incident_flows.errors import NotFoundError, PermissionDeniedError, UnreachableError
from incident_flows.services.company import sign_in_by_company
from incident_flows.services.secrets_kept import house_sign
from incident_flows.settings import Settings

router = APIRouter(dependencies=[Depends(stranger)])
COOKIE, PATH = "breach_company", "/sign-in/company"
LASTS = 600  # seconds between going to the company's sign-on and coming back
LEEWAY = 60  # seconds its clock may differ from ours
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]  # none with a shared secret, and not `none`
BROKEN = "the company's sign-on could not be taken; begin again, or sign in with name and password"


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    if settings.oidc_issuer is None:
        raise NotFoundError("no company's sign-on is set up (BREACH_OIDC_ISSUER)")
    return settings


def _asked(method: str, url: str, **how: Any) -> Mapping[str, Any]:
    try:
        answer = httpx.request(method, url, timeout=10, follow_redirects=False, **how)
        answer.raise_for_status()
        found = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        raise UnreachableError(
            "the company's sign-on does not answer as it should; try again later"
        ) from None
    if not isinstance(found, dict):
        raise UnreachableError("the company's sign-on does not answer as it should; try again later")
    return found


def _discovered(settings: Settings) -> Mapping[str, Any]:
    found = _asked("GET", f"{settings.oidc_issuer}/.well-known/openid-configuration")
    if str(found.get("issuer", "")).rstrip("/") != settings.oidc_issuer:
        raise UnreachableError("the company's sign-on calls itself otherwise than BREACH_OIDC_ISSUER does")
    return found


def _signer(request: Request) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(house_sign(desk_of(request), "company-cookie", ""), salt="company")


def _back(settings: Settings) -> str:
    return f"{address_of(settings)}{PATH}/back"


@router.get(PATH)
def go(request: Request, to: str = "/") -> Response:
    """Send the browser to the company's sign-on."""
    settings = _settings(request)
    known = _discovered(settings)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": settings.oidc_client_id,
        "redirect_uri": _back(settings),
        "scope": "openid profile",
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    join = "&" if "?" in known["authorization_endpoint"] else "?"
    answer = RedirectResponse(f"{known['authorization_endpoint']}{join}{urlencode(asked)}", 303)
    kept = _signer(request).dumps([state, nonce, verifier, local(to)])
    answer.set_cookie(
        COOKIE,
        kept,
        max_age=LASTS,
        path=PATH,
        httponly=True,
        samesite="lax",
        secure=settings.console_is_https,
    )
    return answer


@router.get(f"{PATH}/back")
def back(request: Request, state: str = "", code: str = "") -> Response:
    """Take the browser back, with a code that only we can change into who it is."""
    settings = _settings(request)
    try:
        kept = _signer(request).loads(request.cookies.get(COOKIE, ""), max_age=LASTS)
        asked_state, nonce, verifier, to = kept
    except (BadSignature, ValueError):
        raise PermissionDeniedError(BROKEN) from None
    if not code or not secrets.compare_digest(asked_state.encode(), state.encode()):
        raise PermissionDeniedError(BROKEN)
    known = _discovered(settings)
    token = _asked(
        "POST",
        known["token_endpoint"],
        data={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": _back(settings),
            "client_id": settings.oidc_client_id,
            "code_verifier": verifier,
        },
        auth=(settings.oidc_client_id, settings.oidc_client_secret) if settings.oidc_client_secret else None,
    )
    claims = _verified(
        settings, known, str(token.get("id_token", "")), nonce, now=now_of(request).timestamp()
    )
    word = sign_in_by_company(
        desk_of(request),
        str(settings.oidc_issuer),
        claims,
        mapping=settings.oidc_roles,
        device=device_of(request),
        now=now_of(request),
    )
    answer = let_in(request, word, "full", to)
    answer.delete_cookie(COOKIE, path=PATH)
    return answer


def _verified(
    settings: Settings, known: Mapping[str, Any], token: str, nonce: str, *, now: float
) -> Mapping[str, Any]:
    """Return what an ID token says, once its signature and everything it must say hold."""
    try:
        keys = KeySet.import_key_set(_asked("GET", known["jwks_uri"]))  # type: ignore[arg-type]
        claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
    except (JoseError, ValueError, KeyError):
        raise PermissionDeniedError(BROKEN) from None
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    expires, issued = claims.get("exp"), claims.get("iat")
    holds = (
        claims.get("iss") in (known["issuer"], settings.oidc_issuer)
        and settings.oidc_client_id in audiences
        and (len(audiences) == 1 or claims.get("azp") == settings.oidc_client_id)
        and isinstance(expires, int | float)
        and expires > now - LEEWAY
        and isinstance(issued, int | float)
        and issued < now + LEEWAY
        and secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode())
        and isinstance(claims.get("sub"), str)
        and claims["sub"]
    )
    if not holds:
        raise PermissionDeniedError(BROKEN)
    return claims
