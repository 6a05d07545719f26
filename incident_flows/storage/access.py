"""Getting in: credentials, sessions, links, tries and reports. Secrets come here hashed or sealed only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, select, update
from sqlmodel import col

from incident_flows.errors import IllegalTransitionError, InputError, NotFoundError
from incident_flows.storage.rows import Noun
from incident_flows.storage.tables import AccountRow
from incident_flows.storage.tables_access import (
    CredentialRow,
    LinkRow,
    ReportRow,
    SessionRow,
    SubjectRow,
    TriedRow,
)

FULL = "full"


class Access(Noun):
    """What lets somebody in, and what keeps others out."""

    def credential(self, account_id: int) -> CredentialRow | None:
        """Return what an account proves itself with, if anything was set up; locked, for using a code up."""
        statement = select(CredentialRow).where(col(CredentialRow.account_id) == account_id)
        return self._one(statement.with_for_update() if self._writing else statement)

    def set_credential(self, account_id: int, now: datetime, **values: Any) -> None:
        """Change some of what an account proves itself with."""
        self._insert_new(
            CredentialRow,
            [{"account_id": account_id, "password": None, "second": None, "second_step": 0, "recovery": [],
              "changed_at": now}],
        )  # fmt: skip
        self._run(
            update(CredentialRow)
            .where(col(CredentialRow.account_id) == account_id)
            .values(changed_at=now, **values)
        )

    def take_step(self, account_id: int, step: int) -> bool:
        """Use up the code of one 30-second step; False if it or a later one was used before."""
        return bool(
            self._run(
                update(CredentialRow)
                .where(col(CredentialRow.account_id) == account_id, col(CredentialRow.second_step) < step)
                .values(second_step=step)
            )
        )

    def account(self, account_id: int) -> AccountRow:
        """Return an account by its number."""
        found = self._one(select(AccountRow).where(col(AccountRow.id) == account_id))
        if found is None:
            raise NotFoundError(f"no account has the number {account_id}")
        return found

    def account_of_subject(self, issuer: str, subject: str) -> AccountRow | None:
        """Return the account of somebody a company's sign-on vouches for."""
        return self._one(
            select(AccountRow)
            .join(SubjectRow, col(SubjectRow.account_id) == col(AccountRow.id))
            .where(col(SubjectRow.issuer) == issuer, col(SubjectRow.subject) == subject)
        )

    def bind_subject(self, account_id: int, issuer: str, subject: str, at: datetime) -> None:
        """Tie an account to one person of a company's sign-on, for good.

        Raises:
            InputError: The account is another person's, or this person has another account.
        """
        row = {"account_id": account_id, "issuer": issuer, "subject": subject, "at": at}
        if self._insert_new(SubjectRow, [row]):
            return
        known = self.account_of_subject(issuer, subject)
        if known is None or known.id != account_id:
            raise InputError(
                "one person of the company's sign-on has one account, and one account one person; "
                "this one is taken already"
            )

    # sessions

    def open_session(self, **values: Any) -> None:
        """Store a browser that is signed in, or half-way there."""
        self._insert_new(SessionRow, [values])

    def session(self, sha256: str) -> tuple[SessionRow, AccountRow] | None:
        """Return a session with its account, whatever the time."""
        row = self._one(select(SessionRow).where(col(SessionRow.sha256) == sha256))
        return None if row is None else (row, self.account(row.account_id))

    def seen(self, session_id: int, now: datetime) -> None:
        """Note that a session is in use."""
        self._run(update(SessionRow).where(col(SessionRow.id) == session_id).values(seen_at=now))

    def sessions(self, account_id: int, now: datetime, idle: timedelta) -> Sequence[SessionRow]:
        """Return the sessions of an account that still hold, the newest first."""
        return self._all(
            select(SessionRow)
            .where(
                col(SessionRow.account_id) == account_id,
                col(SessionRow.expires_at) > now,
                col(SessionRow.seen_at) > now - idle,
                col(SessionRow.stage) == FULL,
            )
            .order_by(col(SessionRow.id).desc())
        )

    def end_session(self, account_id: int, session_id: int) -> int:
        """End one session of an account; return 0 if there is none such."""
        return self._run(
            delete(SessionRow).where(
                col(SessionRow.account_id) == account_id, col(SessionRow.id) == session_id
            )
        )

    def end_sessions(self, account_id: int) -> int:
        """End all sessions of an account; return how many there were."""
        return self._run(delete(SessionRow).where(col(SessionRow.account_id) == account_id))

    def tidy(self, now: datetime) -> None:
        """Forget sessions, links and tries that hold no longer."""
        self._run(delete(SessionRow).where(col(SessionRow.expires_at) <= now))
        self._run(delete(LinkRow).where(col(LinkRow.expires_at) <= now))
        self._run(delete(TriedRow).where(col(TriedRow.until) <= now))

    # links

    def add_link(self, **values: Any) -> None:
        """Store a secret address."""
        self._insert_new(LinkRow, [values])

    def link(self, sha256: str, purpose: str, now: datetime) -> LinkRow | None:
        """Return a link that can be used."""
        found = self._one(
            select(LinkRow).where(
                col(LinkRow.sha256) == sha256, col(LinkRow.purpose) == purpose, col(LinkRow.used_at).is_(None)
            )
        )
        return None if found is None or (found.expires_at is not None and found.expires_at <= now) else found

    def use_link(self, link_id: int, now: datetime) -> bool:
        """Use a link up; False if somebody was quicker."""
        return bool(
            self._run(
                update(LinkRow)
                .where(col(LinkRow.id) == link_id, col(LinkRow.used_at).is_(None))
                .values(used_at=now)
            )
        )

    def has_link(self, account_id: int, purpose: str) -> bool:
        """Return whether an account has a link for this purpose."""
        return self._one(self._links(account_id, purpose)) is not None

    def _links(self, account_id: int, purpose: str) -> Any:
        return select(LinkRow).where(
            col(LinkRow.account_id) == account_id, col(LinkRow.purpose) == purpose,
            col(LinkRow.used_at).is_(None),
        )  # fmt: skip

    def drop_links(self, account_id: int, purpose: str) -> int:
        """Take an account's links for one purpose away."""
        return self._run(
            delete(LinkRow).where(col(LinkRow.account_id) == account_id, col(LinkRow.purpose) == purpose)
        )

    # tries

    def tried(self, name: str, now: datetime) -> int:
        """Return how often something was tried in the stretch of time that still runs."""
        found = self._one(select(TriedRow).where(col(TriedRow.name) == name, col(TriedRow.until) > now))
        return 0 if found is None else found.count

    def free_again(self, name: str) -> datetime | None:
        """Return when the stretch of time something was tried in ends."""
        found = self._one(select(TriedRow).where(col(TriedRow.name) == name))
        return None if found is None else found.until

    def count_try(self, name: str, now: datetime, within: timedelta) -> int:
        """Count one try; return how many there were within the stretch of time its first one began."""
        upsert = self._upsert(TriedRow).values(name=name, count=1, since=now, until=now + within)
        over = col(TriedRow.until) <= now
        self._run(
            upsert.on_conflict_do_update(
                index_elements=["name"],
                set_={
                    "count": case((over, 1), else_=col(TriedRow.count) + 1),
                    "since": case((over, now), else_=col(TriedRow.since)),
                    "until": case((over, now + within), else_=col(TriedRow.until)),
                },
            )
        )
        return self.tried(name, now)

    def forget_tries(self, name: str) -> None:
        """Begin to count anew."""
        self._run(delete(TriedRow).where(col(TriedRow.name) == name))

    # reports

    def add_report(self, *, received_at: datetime, wrapped_key: bytes) -> str:
        """Give a report its number; what it says is sealed under that and follows."""
        ref = f"REP-{received_at.year}-{self._next_number(f'report-{received_at.year}'):04}"
        self._insert_new(
            ReportRow,
            [{"ref": ref, "received_at": received_at, "wrapped_key": wrapped_key, "state": "new"}],
        )
        return ref

    def keep_report(self, ref: str, sealed: bytes) -> None:
        """Store what a report says, sealed."""
        self._run(update(ReportRow).where(col(ReportRow.ref) == ref).values(sealed=sealed))

    def report(self, ref: str) -> ReportRow:
        """Return one report."""
        found = self._one(select(ReportRow).where(col(ReportRow.ref) == ref))
        if found is None:
            raise NotFoundError(f"{ref}: no such report")
        return found

    def reports(self, state: str, limit: int = 200) -> Sequence[ReportRow]:
        """Return reports in one state, the newest first."""
        return self._all(
            select(ReportRow)
            .where(col(ReportRow.state) == state)
            .order_by(col(ReportRow.id).desc())
            .limit(limit)
        )

    def handle_report(
        self, ref: str, *, state: str, by: str, at: datetime, incident_ref: str | None, because: str | None
    ) -> None:
        """Record what became of a report.

        Raises:
            IllegalTransitionError: Somebody dealt with it before.
        """
        done = self._run(
            update(ReportRow)
            .where(col(ReportRow.ref) == ref, col(ReportRow.state) == "new")
            .values(state=state, handled_by=by, handled_at=at, incident_ref=incident_ref, because=because)
        )
        if not done:
            raise IllegalTransitionError(f"{ref} was dealt with before")
