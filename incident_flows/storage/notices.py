"""Notices: documents with one exact text, moved from state to state by compare-and-set.

Which state may follow which is the core's business; here a move happens only from the state the
caller saw, and a text that was approved can no longer change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import col

from incident_flows.errors import IllegalTransitionError, NotFoundError
from incident_flows.storage.rows import Noun, nearest
from incident_flows.storage.tables import NoticeRow, NoticeState

_TEXT = frozenset({
    "subject", "text", "html", "form", "attachments", "sha256", "language", "kind", "oid", "phase", "facts_version",
    "scope", "changes", "variants",
})  # fmt: skip
_STILL_WRITABLE = frozenset({"draft", "awaiting-approval"})
_FIXED = frozenset({"id", "incident_id", "incident_ref", "ref", "state", "created_at"})


class Notices(Noun):
    """Notices, found by the incident's ref and their own, such as `N-0001`."""

    def add(
        self,
        incident_ref: str,
        oid: str,
        kind: str,
        phase: str,
        language: str,
        subject: str,
        text: str,
        sha256: str,
        drafted_by: str,
        drafted_at: datetime,
        html: str | None = None,
        missing: Sequence[Any] = (),
        route: Mapping[str, Any] | None = None,
        supersedes: str | None = None,
        state: NoticeState = "draft",
        form: Mapping[str, Any] | None = None,
        facts_version: int | None = None,
        scope: str = "",
        changes: Mapping[str, Any] | None = None,
        attachments: Sequence[Any] = (),
        variants: Mapping[str, Any] | None = None,
    ) -> NoticeRow:
        """Store a new notice and give it the next ref of its incident.

        Args:
            incident_ref: The incident.
            oid: The obligation it answers.
            kind: authority, people, controller or other.
            phase: Which of several notices on one obligation it is.
            language: Of the text.
            subject: Its subject line.
            text: As plain text.
            sha256: Over the exact text, as the service defines it.
            drafted_by: Who wrote it.
            drafted_at: When.
            html: As HTML, if any.
            missing: The fields still without an answer.
            route: How it reaches its addressee.
            supersedes: The ref of the notice it replaces.
            state: Where it starts.
            form: The authority's form as filled in, if it has one.
            facts_version: The facts it was made from.
            scope: Whose part of the facts: a controller's id, or "" for all.
            changes: What differs from the last filing to the same addressee.
            attachments: Name and SHA-256 of each.
            variants: Further wordings of a letter to the people: subject, text and HTML by key.
        """
        incident_id = self._incident_id(incident_ref)
        number = self._next_number(f"{incident_ref} notices")
        added = self._one(
            insert(NoticeRow)
            .values(
                incident_id=incident_id,
                incident_ref=incident_ref,
                ref=f"N-{number:04}",
                oid=oid,
                kind=kind,
                phase=phase,
                language=language,
                state=state,
                subject=subject,
                text=text,
                html=html,
                sha256=sha256,
                missing=list(missing),
                drafted_by=drafted_by,
                drafted_at=drafted_at,
                route=dict(route or {}),
                supersedes=supersedes,
                form=dict(form or {}),
                facts_version=facts_version,
                scope=scope,
                changes=dict(changes or {}),
                attachments=list(attachments),
                variants=dict(variants or {}),
                approvals=[],
                created_at=drafted_at,
            )
            .returning(NoticeRow)
        )
        assert added is not None
        return added

    def get(self, incident_ref: str, notice_ref: str) -> NoticeRow:
        """Return one notice, or raise NotFoundError naming the nearest refs."""
        found = self._one(
            select(NoticeRow).where(
                col(NoticeRow.incident_id) == self._incident_id(incident_ref),
                col(NoticeRow.ref) == notice_ref,
            )
        )
        if found is None:
            near = nearest(notice_ref.upper(), [row.ref for row in self.list(incident_ref)])
            raise NotFoundError(
                f"{incident_ref}: no notice {notice_ref}{near}; `breach show {incident_ref}` lists them"
            )
        return found

    def by_id(self, notice_id: int) -> NoticeRow:
        """Return one notice by its row number."""
        found = self._one(select(NoticeRow).where(col(NoticeRow.id) == notice_id))
        if found is None:
            raise NotFoundError(f"no notice has the number {notice_id}")
        return found

    def list(self, incident_ref: str) -> Sequence[NoticeRow]:
        """Return all notices of an incident, in the order they were drafted."""
        return self._all(
            select(NoticeRow)
            .where(col(NoticeRow.incident_id) == self._incident_id(incident_ref))
            .order_by(col(NoticeRow.id))
        )

    def in_state(self, state: NoticeState, limit: int = 100) -> Sequence[NoticeRow]:
        """Return notices of all incidents in one state, oldest first."""
        return self._all(
            select(NoticeRow).where(col(NoticeRow.state) == state).order_by(col(NoticeRow.id)).limit(limit)
        )

    def under_way(self) -> Sequence[tuple[str, str, str, bool]]:
        """Return incident, obligation, state, and whether fields are missing, of all notices not done with."""
        states: Sequence[NoticeState] = (
            "draft", "awaiting-approval", "approved", "sending", "in-doubt", "failed",
        )  # fmt: skip
        row = NoticeRow
        found = self._session.execute(
            select(col(row.incident_ref), col(row.oid), col(row.state), col(row.missing))
            .where(col(row.state).in_(states))
        )
        return [(ref, oid, state, bool(missing)) for ref, oid, state, missing in found]

    def durations(
        self, limit: int = 200
    ) -> Sequence[tuple[str, datetime, datetime | None, datetime | None]]:
        """Return kind, and when drafted, approved and brought to its addressee, of notices done lately."""
        row = NoticeRow
        found: list[tuple[str, datetime, datetime | None, datetime | None]] = []
        for state, done in (("sent", col(row.sent_at)), ("filed", col(row.filed_at))):
            rows = self._session.execute(
                select(col(row.kind), col(row.drafted_at), col(row.approved_at), done)
                .where(col(row.state) == state)
                .order_by(col(row.id).desc())
                .limit(limit)
            )
            found += [(one[0], one[1], one[2], one[3]) for one in rows]
        return found

    def move(
        self,
        notice_id: int,
        expected_state: str | Collection[str],
        new_state: NoticeState,
        **fields: Any,
    ) -> NoticeRow:
        """Move a notice on, only from the state the caller saw, storing `fields` with it.

        Raises:
            IllegalTransitionError: It is in another state by now, or its text is settled.
            NotFoundError: No such notice.
        """
        expected = {expected_state} if isinstance(expected_state, str) else set(expected_state)
        if refused := fields.keys() - (NoticeRow.model_fields.keys() - _FIXED):
            raise TypeError(f"a notice's {sorted(refused)} cannot be set by a move")
        if _TEXT & fields.keys() and not expected <= _STILL_WRITABLE:
            raise IllegalTransitionError(
                "the text of a notice is settled once it is approved; draft a new one that supersedes it"
            )
        moved = self._one(
            update(NoticeRow)
            .where(col(NoticeRow.id) == notice_id, col(NoticeRow.state).in_(sorted(expected)))
            .values(state=new_state, **fields)
            .returning(NoticeRow)
        )
        if moved is None:
            known = self.by_id(notice_id)
            raise IllegalTransitionError(
                f"{known.incident_ref} {known.ref} is {known.state}, not {' or '.join(sorted(expected))}; "
                f"it cannot become {new_state}. Look again, somebody else may have acted."
            )
        return moved
