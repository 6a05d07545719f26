"""The people to be told: as counts only; a list goes in, and no name comes out."""

from __future__ import annotations

import codecs
import tempfile
from email.message import Message
from pathlib import Path as File
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from incident_flows.console.api import asked, shapes
from incident_flows.console.api.base import (
    PROBLEMS,
    V1,
    At,
    Code,
    Now,
    Once,
    Ref,
    Upload,
    answered,
    file_of,
    shown_to_be,
)
from incident_flows.console.signed import may
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import InputError, PermissionDeniedError
from incident_flows.services.people_rows import NAMES
from incident_flows.services.recipients import import_recipients, imported_json, recipients, refused_rows
from incident_flows.services.shred import shred

router = APIRouter(
    prefix=f"{V1}/incidents/{{ref}}/recipients", route_class=Once, responses=PROBLEMS, tags=["people"]
)
Reads = Annotated[Actor, Depends(may("read"))]
Takes = Annotated[Actor, Depends(may("recipients"))]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
KINDS = {
    "text/csv": ".csv", "text/plain": ".csv", "text/tab-separated-values": ".csv", XLSX: ".xlsx",
    "application/vnd.ms-excel": ".xls", "application/vnd.oasis.opendocument.spreadsheet": ".ods",
}  # fmt: skip


@router.get("", response_model=shapes.People)
def counts(desk: At, ref: Ref, actor: Reads) -> Response:
    """Return who is to be told, as counts by language, place and state."""
    return answered(recipients(desk, ref))


@router.get("/refused", response_model=list[dict[str, Any]])
def refused(desk: At, ref: Ref, actor: Reads) -> Response:
    """Return the refused lines of every list taken in, with their reasons and without what stood there."""
    return answered(refused_rows(desk, ref))


@router.post("/import", response_model=shapes.Imported, openapi_extra=file_of("text/csv", XLSX))
def taken_in(
    request: Request,
    desk: At,
    now: Now,
    ref: Ref,
    actor: Takes,
    upload: Upload,
    delimiter: Annotated[str | None, Query(min_length=1, max_length=1)] = None,
    encoding: Annotated[
        str | None,
        Query(pattern=r"^[A-Za-z0-9_-]{1,30}$", description="As charset of Content-Type; UTF-8 if neither says"),
    ] = None,
    column: Annotated[list[str] | None, Query(description="OURS=HEADING; may be repeated")] = None,
    sheet: Annotated[str | None, Query(max_length=100)] = None,
    expect: Annotated[int | None, Query(ge=0, le=1_000_000_000)] = None,
    preview: Annotated[bool, Query(description="Say what would happen; store nothing")] = False,
) -> Response:
    """Take in a list, sent as the body; every refused row is named by its line. Nobody is stored twice."""
    if delimiter is not None and delimiter in '"\r\n\0':
        raise InputError("delimiter: write one character, such as ;")
    columns = {}
    for one in column or ():
        ours, equals, heading = one.partition("=")
        if not equals or ours not in NAMES:
            raise InputError(f"column: write OURS=HEADING, OURS being one of {', '.join(NAMES)}")
        columns[ours] = heading
    suffix, charset = _kind_of(request.headers.get("content-type", ""), encoding)
    with tempfile.TemporaryDirectory() as folder:
        path = File(folder) / f"list{suffix}"
        with path.open("wb") as kept:
            while chunk := upload.read(1 << 20):
                kept.write(chunk)
        done = import_recipients(
            desk, ref, path, actor=actor, now=now, delimiter=delimiter, encoding=charset, columns=columns,
            sheet=sheet, expect=expect, preview=preview,
        )  # fmt: skip
    return answered({**imported_json(done), **({"preview": True} if preview else {})})


def _kind_of(said: str, encoding: str | None) -> tuple[str, str]:
    """Return the ending and the encoding of a list, as the request says; nothing is guessed."""
    header = Message()
    header["content-type"] = said
    kind = said.partition(";")[0].strip().lower()
    if kind not in KINDS:
        raise InputError(
            f"Content-Type: {f'{kind[:60]!r} is no list' if kind else 'is missing'}; send the file itself as the body, "
            "as text/csv; charset=utf-8 (or what it is in), or as the kind of a spreadsheet"
        )
    charset = header.get_content_charset()
    if charset and encoding and not _same(charset, encoding):
        raise InputError(
            f"encoding: {encoding} where charset of Content-Type is {charset[:30]!r}; say one, or the same"
        )
    return KINDS[kind], encoding or charset or "utf-8"


def _same(one: str, other: str) -> bool:
    try:
        return codecs.lookup(one).name == codecs.lookup(other).name
    except LookupError:
        return False


@router.post("/shred", response_model=shapes.Shredded)
def shredded(desk: At, now: Now, ref: Ref, body: asked.Reason, actor: Takes, code: Code = None) -> Response:
    """Destroy the incident's key, and with it every name; takes a Breach-Code, and two people while any is needed."""
    if (proof := shown_to_be(desk, actor, code, now=now)) is None:
        raise PermissionDeniedError(
            "shredding cannot be undone: send a one-time code of the account's second factor as Breach-Code, "
            "or do it in the terminal"
        )
    return answered(shred(desk, ref, because=body.because, actor=actor, now=now, proof=proof).to_json())
