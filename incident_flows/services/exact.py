"""The exact thing that is approved, and the proof that it was: nothing leaves without it.

One hash covers what the addressee reads: subject, text, HTML, the filled form, the attachments, every wording.
A second one seals it with what decides where it goes. Approvals are entries of the sealed journal, and it is the
journal that is asked before anything is sent; the columns of the notice only show what it says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from incident_flows.errors import NotApprovedError, TamperedError
from incident_flows.services.desk import Desk
from incident_flows.storage.chain import verify_incident_chain
from incident_flows.storage.database import Tx
from incident_flows.storage.journal import entry_of


def exact_sha256(
    subject: str,
    text: str,
    html: str | None,
    form: Mapping[str, Any] | None = None,
    attachments: Sequence[Mapping[str, Any]] = (),
    variants: Mapping[str, Any] | None = None,
) -> str:
    """Return the hash approvals are given for.

    Without form, attachments and further wordings it is that of subject, plain text and HTML alone, as it always
    was; so hashes given before there were forms keep their meaning.
    """
    exact: list[Any] = [subject, text, html]
    if form or attachments or variants:
        exact += [dict(form or {}), [[one["name"], one["sha256"]] for one in attachments]]
    if variants:
        exact.append({key: [one["subject"], one["text"], one["html"]] for key, one in variants.items()})
    return hashlib.sha256(_canonical(exact)).hexdigest()


def exact_of(notice: Any) -> str:
    """Return the hash of a stored notice, computed now."""
    return exact_sha256(notice.subject, notice.text, notice.html, notice.form, notice.attachments, notice.variants)


def sealed_sha256(notice: Any) -> str:
    """Return the hash of a notice with its addressee, language, phase and route."""
    parts = [notice.ref, notice.oid, notice.kind, notice.language, notice.phase, notice.scope, notice.route]
    return hashlib.sha256(_canonical([*parts, exact_of(notice)])).hexdigest()


def _canonical(value: Any) -> bytes:
    # Keys keep their order where only text is hashed; a form comes back from the database in its own.
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def require_approved(tx: Tx, desk: Desk, ref: str, notice: Any) -> None:
    """Refuse unless the sealed journal shows that these very bytes were approved, for this addressee.

    Raises:
        NotApprovedError: The text, form, attachments, route or state are not those that were approved.
    """
    exact, sealed = exact_of(notice), sealed_sha256(notice)
    again = f"draft it anew (`breach draft {ref} {notice.oid}`) and approve that"
    if exact != notice.sha256:
        raise NotApprovedError(f"{notice.ref}: its text is not the one that was approved; {again}")
    entries = [entry_of(row) for row in tx.journal.entries(ref)]
    try:
        verify_incident_chain(entries)
    except TamperedError as error:
        raise NotApprovedError(
            f"{notice.ref}: the journal of {ref} was changed, so it proves nothing: {error}"
        ) from None
    given: list[dict[str, Any]] = []
    drafter = None
    for entry in entries:
        if entry["subject"] != notice.ref:
            continue
        if entry["act"] == "drafted":
            drafter = entry["actor"]
        elif entry["act"] == "approved":
            given.append(entry)
        elif entry["act"] == "rejected":
            given.clear()
    own = _person(tx, drafter)
    good = [one for one in given if one["payload"].get("sha256") == exact and _person(tx, one["actor"]) != own]
    if not good:
        raise NotApprovedError(f"{notice.ref}: the journal holds no approval of this text; {again}")
    if any(one["payload"].get("sealed", sealed) != sealed for one in good):
        raise NotApprovedError(
            f"{notice.ref}: its addressee, language, phase or route is not the one that was approved; {again}"
        )
    missing = {"approver", *needed(desk, notice)} - {one["payload"].get("as", "approver") for one in good}
    if missing:
        raise NotApprovedError(f"{notice.ref}: the approval of {' and '.join(sorted(missing))} is missing")


def _person(tx: Tx, account: str | None) -> str | None:
    """Return the natural person behind an account; two accounts of one are one pair of eyes."""
    return None if account is None else str(tx.accounts.get(account).person)


def needed(desk: Desk, notice: Any) -> dict[str, str]:
    """Return whose approval a notice needs beside the second pair of eyes, and why."""
    because = desk.library.approval.counsel_for(covered(notice))
    return {"counsel": because} if because else {}


def covered(notice: Any) -> list[str]:
    """Return the duties a notice answers."""
    oids = (notice.route or {}).get("covers") or [notice.oid]
    return [str(oid).partition("@")[0] for oid in oids]
