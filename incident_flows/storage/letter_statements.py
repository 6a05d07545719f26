"""The statements between two requests of a sender, made once: read ahead, ask, claim, record.

They are plain Core over few columns, for what a row object costs is a good part of what a request costs.
"""

from __future__ import annotations

from sqlalchemy import and_, bindparam, exists, or_, select, update
from sqlmodel import col

from incident_flows.storage.rows import literally, table_of
from incident_flows.storage.tables import LeaseRow
from incident_flows.storage.tables_letters import LetterBatchRow, LetterBodyRow, LetterRunRow

PLANNED = literally("letter_batch.state = 'planned'")
TABLE, BODY = table_of(LetterBatchRow), table_of(LetterBodyRow)
CLAIM = (
    update(LetterBatchRow)
    .where(col(LetterBatchRow.id) == bindparam("the"), col(LetterBatchRow.state) == "planned")
    .values(
        state="claimed",
        attempts=LetterBatchRow.attempts + 1,
        claimed_by=bindparam("owner"),
        claimed_at=bindparam("at"),
        channel=bindparam("through"),
        batch_id=bindparam("batch"),
        send_at=bindparam("due"),
        retry_at=None,
    )
)
ACCEPT = (
    update(LetterBatchRow)
    .where(
        col(LetterBatchRow.id) == bindparam("the"),
        literally("state IN ('claimed', 'in-doubt')"),
        col(LetterBatchRow.claimed_by) == bindparam("owner"),
    )
    .values(
        state="accepted",
        x_message_id=bindparam("known_as"),
        done_at=bindparam("at"),
        progress=LetterBatchRow.count,
        error_kind=None,
    )
)
# The gate once more, within the claim: one statement less before every request.
CLAIM_UNDER = CLAIM.where(
    exists(
        select(1)
        .select_from(LetterRunRow)
        .join(LeaseRow, and_(col(LeaseRow.name) == bindparam("lease"), col(LeaseRow.owner) == bindparam("owner")))
        .where(col(LetterRunRow.notice_id) == col(LetterBatchRow.notice_id), col(LetterRunRow.switch) == "go")
        .correlate(LetterBatchRow)
    )
)
LIGHT = select(
    *(TABLE.c[name] for name in ("id", "wave", "variant", "seed", "count", "nonce", "template_sha256", "form")),
    BODY.c.sealed,
).join(BODY, BODY.c.nonce == TABLE.c.nonce)
READY = (
    LIGHT.where(
        PLANNED,
        TABLE.c.notice_id == bindparam("notice"),
        TABLE.c.wave <= bindparam("upto"),
        or_(TABLE.c.retry_at.is_(None), TABLE.c.retry_at <= bindparam("now")),
    )
    .order_by(TABLE.c.wave, TABLE.c.id)
    .limit(bindparam("most"))
)
GATE = (
    select(col(LetterRunRow.switch), col(LeaseRow.owner))
    .join(LeaseRow, col(LeaseRow.name) == bindparam("lease"), isouter=True)
    .where(col(LetterRunRow.notice_id) == bindparam("the"))
)
