"""Tokens of programs, and requests named by a key. Secrets come here hashed or sealed only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlmodel import col

from incident_flows.errors import NotFoundError
from incident_flows.storage.rows import Noun
from incident_flows.storage.tables import AccountRow
from incident_flows.storage.tables_tokens import NamedRequestRow, TokenRow


class Tokens(Noun):
    """What programs show to act as an account."""

    def add(self, **values: Any) -> TokenRow:
        """Store a token and give it its number."""
        ref = f"T-{self._next_number('token'):04}"
        self._insert_new(TokenRow, [{**values, "ref": ref}])
        return self.get(ref)

    def get(self, ref: str) -> TokenRow:
        """Return a token by its number, revoked ones included."""
        found = self._one(select(TokenRow).where(col(TokenRow.ref) == ref))
        if found is None:
            raise NotFoundError(f"{ref}: no such token; `breach token list` shows all")
        return found

    def by_hash(self, sha256: str) -> tuple[TokenRow, AccountRow] | None:
        """Return a token with its account, whatever the time."""
        row = self._one(select(TokenRow).where(col(TokenRow.sha256) == sha256))
        if row is None:
            return None
        account = self._one(select(AccountRow).where(col(AccountRow.id) == row.account_id))
        return None if account is None else (row, account)

    def list(self, account_id: int | None = None) -> Sequence[TokenRow]:
        """Return the tokens of one account, or all, the newest first."""
        chosen = select(TokenRow).order_by(col(TokenRow.id).desc())
        return self._all(chosen if account_id is None else chosen.where(col(TokenRow.account_id) == account_id))

    def used(self, token_id: int, at: datetime) -> None:
        """Note that a token was shown."""
        self._run(update(TokenRow).where(col(TokenRow.id) == token_id).values(used_at=at))

    def revoke(self, ref: str, *, by: str, at: datetime) -> bool:
        """Let a token work no more; False if it did not before."""
        return bool(
            self._run(
                update(TokenRow)
                .where(col(TokenRow.ref) == ref, col(TokenRow.revoked_at).is_(None))
                .values(revoked_at=at, revoked_by=by)
            )
        )

    def revoke_all(self, account_id: int, *, by: str, at: datetime) -> int:
        """Let no token of an account work any more; return how many still did."""
        return self._run(
            update(TokenRow)
            .where(
                col(TokenRow.account_id) == account_id,
                col(TokenRow.revoked_at).is_(None),
                col(TokenRow.expires_at) > at,
            )
            .values(revoked_at=at, revoked_by=by)
        )


class NamedRequests(Noun):
    """Requests with a key of their own, and what was answered."""

    def claim(
        self, name: str, *, request: str, claim: str, until: datetime, expires_at: datetime, now: datetime
    ) -> NamedRequestRow:
        """Claim a name nobody has, or whose claim lapsed without an answer; return what stands there now.

        The caller has it if `claim` is theirs.
        """
        self.tidy(now)
        values = {"request": request, "claim": claim, "claimed_until": until, "expires_at": expires_at}
        if not self._insert_new(NamedRequestRow, [{"name": name, "answer": None, **values}]):
            self._run(
                update(NamedRequestRow)
                .where(
                    col(NamedRequestRow.name) == name,
                    col(NamedRequestRow.request) == request,
                    col(NamedRequestRow.answer).is_(None),
                    col(NamedRequestRow.claimed_until) <= now,
                )
                .values(**values)
            )
        found = self._one(select(NamedRequestRow).where(col(NamedRequestRow.name) == name))
        assert found is not None
        return found

    def tidy(self, now: datetime) -> int:
        """Forget requests whose time is over; return how many."""
        return self._run(delete(NamedRequestRow).where(col(NamedRequestRow.expires_at) <= now))

    def answer(self, name: str, claim: str, answer: bytes) -> None:
        """Store what was answered, if the claim still holds."""
        self._run(
            update(NamedRequestRow)
            .where(col(NamedRequestRow.name) == name, col(NamedRequestRow.claim) == claim)
            .values(answer=answer)
        )

    def release(self, name: str, claim: str) -> None:
        """Forget a name nothing came of."""
        self._run(
            delete(NamedRequestRow).where(
                col(NamedRequestRow.name) == name,
                col(NamedRequestRow.claim) == claim,
                col(NamedRequestRow.answer).is_(None),
            )
        )
