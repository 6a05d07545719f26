"""Why a notice goes where it goes, and how: in sentences, each with the source it was read in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from incident_flows.core.facts import Facts
from incident_flows.core.lifecycle import effective_status
from incident_flows.core.situation import inside
from incident_flows.services.desk import FRESH_DAYS, Desk
from incident_flows.storage.database import Tx


def routes(tx: Tx, desk: Desk, ref: str, *, today: date) -> list[dict[str, Any]]:
    """Return, for every authority and controller to be told, the sentences that explain the route."""
    facts = Facts.model_validate(tx.incidents.facts(ref).facts)
    rows = [
        row
        for row in tx.obligations.list(ref)
        if row.standing == "live"
        and row.addressee_kind in ("authority", "controller")
        and row.kind != "question"
        and effective_status(row.status, row.decided) != "not-owed"
        and row.reach != "unknown"
    ]
    return [
        {
            "obligation": row.oid,
            "addressee": row.addressee_name,
            "because": route_of(desk, facts, row, rows, today=today),
        }
        for row in rows
    ]


def route_of(desk: Desk, facts: Facts, row: Any, rows: list[Any], *, today: date) -> list[str]:
    """Return the sentences for one obligation; `rows` are all that are owed."""
    if row.addressee_kind == "controller":
        return _controller(facts, row, rows)
    return [*_competence(desk, facts, row, rows), *_way(desk, row, today=today)]


def _competence(desk: Desk, facts: Facts, row: Any, rows: list[Any]) -> list[str]:
    book = desk.library.lawbook
    regime, _, key = row.duty.partition("/")
    known = book.regimes.get(regime)
    duty = known.duties.get(key) if known else None
    if duty is None or duty.to.scheme is None:
        return [f"{row.addressee_name} is the authority the law names ({row.cite})."]
    scheme = book.schemes[duty.to.scheme]
    because = (row.detail or {}).get("because") or []
    taken = next((one for one in scheme.routes if f"{one.because} ({one.cite})" in because), None)
    if taken is None:
        return [f"Which authority is competent is not settled: {'; '.join(because[-2:]) or scheme.undetermined}."]
    found = [f"{_sentence(taken.because)} ({taken.cite})."]
    abroad = sorted(
        book.places.get(code, code)
        for code, count in (facts.people.by_place or {}).items()
        if count and inside(code, scheme.area, book.groups) and not _home(desk, row, code)
    )
    same = [one for one in rows if one.duty == row.duty]
    if taken.by == "main-establishment" and abroad:
        found.append(
            f"People also live in {', '.join(abroad)}: their authorities are concerned, and are not told by this one."
        )
    if taken.by == "residence":
        names = ", ".join(one.addressee_name for one in same)
        found.append(f"That makes {len(same)} filing(s) under {row.duty}: {names}.")
        agents = facts.organisation.representatives
        if agents:
            found.append(f"A representative is named for {', '.join(sorted(agents))}; it may hand the notice in.")
        else:
            found.append(
                "No representative is recorded (organisation.representatives); whether one has to be named is a "
                "question of its own."
            )
    return found


def _home(desk: Desk, row: Any, code: str) -> bool:
    authority = desk.library.lawbook.authorities.get(row.addressee_id or "")
    return authority is not None and code.split("-")[0] == authority.place.split("-")[0]


def _way(desk: Desk, row: Any, *, today: date) -> list[str]:
    authority = desk.library.lawbook.authorities.get(row.addressee_id or "")
    if authority is None:
        return []
    way = authority.route
    found = [f"How: {way.text}" + (f", {way.url}" if way.url else "") + f"; in {', '.join(authority.languages)}."]
    checked = way.checked_on
    if checked is None or (today - checked).days > FRESH_DAYS:
        since = f"was last checked on {checked}" if checked else "was never checked"
        found.append(
            f"This route {since}: before anything is mailed a person confirms it (--to MAILBOX) or files by hand."
        )
    else:
        found.append(f"This route was checked on {checked}.")
    return found


def _controller(facts: Facts, row: Any, rows: list[Any]) -> list[str]:
    partners = facts.organisation.controllers or ()
    others = len({one.addressee_id for one in rows if one.addressee_kind == "controller"}) - 1
    mine: Mapping[str, Any] | None = None
    found = [f"A processor tells each controller it works for, without undue delay ({row.cite})."]
    if row.addressee_id is None:
        return [*found, "Which controllers are concerned is not recorded (organisation.controllers)."]
    if row.addressee_id in facts.scopes:
        mine = facts.scopes[row.addressee_id].model_dump(exclude_none=True)
    if mine:
        found.append(
            f"The package holds {row.addressee_name}'s own part (scopes.{row.addressee_id}) and nothing of the "
            f"{others} other(s)."
        )
    elif len(partners) > 1:
        found.append(
            f"{row.addressee_name}'s own part is not recorded (scopes.{row.addressee_id}); until it is, numbers and "
            "kinds of data are left open, since the whole would tell it of others."
        )
    clocks = [one for one in rows if one.addressee_id == row.addressee_id and one.kind == "contract"]
    for one in clocks:
        end = (one.detail or {}).get("due_local") or (one.detail or {}).get("due_at") or "no number"
        found.append(f"The contract's clock: {(one.detail or {}).get('standard')} ({one.cite}): {end}.")
    if not clocks:
        found.append("No contract with a period of its own is recorded for it (organisation.promises).")
    return found


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
