"""Forms that show one exact text and take its approval. The name alone proves nothing: a one-time code does.

A form is bound to the SHA-256 of what it shows. Where the text has changed since, or nobody's approval is
waited for any more, the form is removed, and with it the text: it stands in Prefect only while it is asked about.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from prefect import State, flow, suspend_flow_run
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.input import RunInput, read_flow_run_input
from prefect.input.run_input import keyset_from_paused_state
from prefect.runtime import flow_run as this_run
from prefect.states import Completed, Suspended
from pydantic import Field

from incident_flows.core.form_text import as_text
from incident_flows.core.forms import Filled
from incident_flows.errors import InputError
from incident_flows.flows import connected
from incident_flows.flows.asking import FORM_STAYS, FORMS_A_TICK, HALF_MADE, KEY, live, offer
from incident_flows.flows.guard import guarded
from incident_flows.flows.mirror import Shown, mirror
from incident_flows.flows.phases import Ref
from incident_flows.services.approve import approve, reject
from incident_flows.services.desk import Desk
from incident_flows.services.exact import exact_of
from incident_flows.services.prove import proof_of

APPROVE = "approve/approve"
NoticeRef = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9.-]{1,60}$", description="The notice, as `breach show` names it")
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the text that was read")]
_ADDRESS = re.compile(r"\S+@\S+\.\S+")


class Approval(RunInput):
    """What an approver answers to the text above."""

    answer: Literal["approve", "send-back"]
    acting_as: Annotated[str, Field(pattern=r"^[\w.-]{1,80}$", description="Your account; not the drafter's")]
    code: Annotated[
        str,
        Field(
            pattern=r"^[0-9a-fA-F -]{6,30}$",
            description="The six digits your second factor shows now, or a recovery code; set up in the console",
        ),
    ]
    because: Annotated[
        str,
        Field(
            default="",
            max_length=2000,
            json_schema_extra={"format": "textarea"},
            description="For sending back: the reason in a sentence; no names of affected people",
        ),
    ]


@flow(name="approve", flow_run_name="{incident} · approve {notice}", persist_result=False)
@guarded()
def approve_text(incident: Ref, notice: NoticeRef, sha256: Sha256) -> State[None]:
    """Approve the text of this SHA-256, or send it back to its drafter."""
    form = _form(connected.desk(), incident, notice, sha256)
    keys = keyset_from_paused_state(Suspended(pause_key=KEY))
    stored = read_flow_run_input(keys["response"], flow_run_id=UUID(this_run.id))
    if stored is None:  # started by hand: wait for the answer now; never returns
        suspend_flow_run(wait_for_input=form, timeout=int(FORM_STAYS.total_seconds()), key=KEY)
        return Completed(name="Suspended")
    try:
        return answered(incident, notice, sha256, Approval.model_validate(stored))
    finally:
        with get_client(sync_client=True) as client:
            for part in ("response", "description"):
                client.delete_flow_run_input(UUID(this_run.id), keys[part])


def answered(incident: str, notice: str, sha256: str, given: Approval) -> State[None]:
    """Check who answers, then approve or send back as the terminal does; four eyes hold there."""
    if _ADDRESS.search(given.because):
        raise InputError("because: holds an address; a reason names no affected person")
    desk, now = connected.desk(), connected.now()
    if given.answer == "send-back" and not given.because.strip():
        raise InputError("because: a text that is sent back needs the reason; write one sentence")
    proof = proof_of(desk, given.acting_as, given.code, now=now)
    actor = proof.actor
    if given.answer == "send-back":
        with desk.database.read() as tx:
            row = tx.notices.get(incident, notice)
        if exact_of(row) != sha256:
            raise InputError(f"{notice}: its text has changed since it was read; a new form shows it")
        moved = reject(desk, incident, notice, because=given.because, actor=actor, now=now, proof=proof)
    else:
        moved = approve(desk, incident, notice, actor=actor, now=now, sha256=sha256, proof=proof)
    mirror(desk, now=now, only=incident, wait=10)
    name = {"approved": "Approved", "draft": "SentBack"}.get(moved.state, "AwaitingApproval")
    return Completed(name=name, message=f"{notice}: {moved.state}, SHA-256 {sha256[:12]}…")


def words_of(notice: Any, incident: str) -> str:
    """Return what the form shows: all that the hash covers, with the hash; HTML is told by its length."""
    parts = [
        f"**{incident}**: approve `{notice.ref}` ({notice.language}), drafted by `{notice.drafted_by}`.",
        f"SHA-256 `{exact_of(notice)}` over all of this:",
        f"Subject: {_fenced(notice.subject)}",
        _fenced(notice.text),
    ]
    if notice.form:
        parts.append(f"The authority's form:\n{_fenced(as_text(Filled.model_validate(notice.form)))}")
    parts += [f"Attachment `{one['name']}`, SHA-256 `{one['sha256']}`" for one in notice.attachments or ()]
    for key, one in sorted(notice.variants.items()):
        parts += [f"Its wording for {key}:", _fenced(f"{one['subject']}\n\n{one['text']}")]
    if notice.html:
        parts.append(f"It goes with HTML too ({len(notice.html)} characters); the console shows that.")
    return "\n\n".join(parts)


def _fenced(text: str) -> str:
    """Return text in a code block that nothing in it can end."""
    longest = max((len(one) for one in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"\n{fence}text\n{text}\n{fence}"


def _form(desk: Desk, incident: str, notice: str, sha256: str) -> type[Approval]:
    with desk.database.read() as tx:
        row = tx.notices.get(incident, notice)
    if exact_of(row) != sha256:
        raise InputError(f"{notice}: its text has changed; a new form shows it as it is")
    return Approval.with_initial_data(description=words_of(row, incident))


def offer_approvals(desk: Desk, shown: Shown) -> int:
    """Offer a form for every text that waits for approval and has none; remove what is settled or changed."""
    wanted: set[tuple[str, str, str]] = set()
    for ref in shown.decisions:
        with desk.database.read() as tx:
            rows = [row for row in tx.notices.list(ref) if row.state == "awaiting-approval"]
        wanted |= {(ref, row.ref, exact_of(row)) for row in rows}
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(APPROVE)
        except ObjectNotFound:
            return 0
        standing: set[tuple[str, str, str]] = set()
        for run in live(client, deployment.id):
            said = run.parameters
            one = (str(said.get("incident")), str(said.get("notice")), str(said.get("sha256")))
            waits = run.state_type is not None and run.state_type.value == "PAUSED"
            settled = one[0] in shown.decisions and one not in wanted
            if run.state_name == HALF_MADE or (waits and (settled or one in standing)):
                client.delete_flow_run(run.id)
            else:
                standing.add(one)
        missing = sorted(wanted - standing)[:FORMS_A_TICK]
        for ref, notice, sha256 in missing:
            offer(
                client,
                deployment.id,
                {"incident": ref, "notice": notice, "sha256": sha256},
                _form(desk, ref, notice, sha256),
                name=f"{ref} · approve {notice}",
                tags=[ref, "approval"],
                message=f"AwaitingApproval: {notice}",
            )
    return len(missing)
