"""The API: the verbs of the command line as JSON, for programs that hold a token; and its description."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response

from incident_flows.console.api import alerts, facts, incidents, law, notices, people
from incident_flows.console.api.base import V1
from incident_flows.console.gate import SAFE
from incident_flows.console.signed import stranger

description = APIRouter()
NOUNS: tuple[APIRouter, ...] = tuple(
    module.router for module in (incidents, facts, notices, people, alerts, law)
)
API_ROUTERS = (*NOUNS, description)
ABOUT = (
    "Whom a personal-data breach must be told to, by when, in which form. Not legal advice.\n\n"
    "Send a token: `Authorization: Bearer …` (`breach token add`). A request that writes may name itself by an "
    "`Idempotency-Key`: the same one again within 24 hours gets the same answer. What takes two people takes a "
    "one-time code of the account's second factor, as `Breach-Code`."
)
KEY = {
    "name": "Idempotency-Key", "in": "header", "required": False,
    "description": "Names the request, so that it is done once; with another body it is refused",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]+$"},
}  # fmt: skip


@description.get(f"{V1}/openapi.json", dependencies=[Depends(stranger)], include_in_schema=False)
def openapi(request: Request) -> Response:
    """Describe the API."""
    found = getattr(request.app.state, "openapi", None)
    if found is None:
        found = request.app.state.openapi = described()
    return JSONResponse(found)


def described() -> dict[str, Any]:
    """Return the description."""
    routes = [route for router in NOUNS for route in router.routes]
    found = get_openapi(title="Breach engine", version="1", description=ABOUT, routes=routes)
    for verbs in found["paths"].values():
        for method, operation in verbs.items():
            if method.upper() not in SAFE:
                operation.setdefault("parameters", []).append(KEY)
    found.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    found["security"] = [{"token": []}]
    return found
