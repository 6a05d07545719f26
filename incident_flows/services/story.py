"""One story towards everybody: what filings of an incident say differently, and a person's word why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from incident_flows.core.facts import People
from incident_flows.core.instants import show_utc
from incident_flows.core.lifecycle import Actor
from incident_flows.core.listed import LIST, against_facts
from incident_flows.core.scope import scoped
from incident_flows.core.story import Difference, Said, differences, said, shown, unplaced
from incident_flows.errors import IllegalTransitionError, InputError
from incident_flows.services.desk import Desk, write_journal
from incident_flows.storage.database import Tx

TOLD = ("sending", "sent", "filed", "in-doubt")  # has left the house, or may have
TO_COME = ("draft", "awaiting-approval", "approved")
COMPARED_KINDS = ("authority", "controller", "other", "people")


class Telling:
    """What was told in one incident, read once: many addressees are compared with many.

    Args:
        tx: The transaction it is read in; it does not see what is written after.
    """

    def __init__(self, tx: Tx, ref: str) -> None:
        self._tx, self._ref = tx, ref
        self.notices = tx.notices.list(ref)
        self.explanations = tx.filings.explanations(ref)
        self._explained = {(row.key, row.before, row.now) for row in self.explanations}
        self._facts: dict[int, Any] = {}
        self._told = [self._said(one) for one in self.notices if one.state in TOLD and _counts(one)]
        self._listed = list_differences(tx, ref)

    def differs(self, notice: Any) -> list[Difference]:
        """Return where a notice differs from what was told before, as far as nobody has explained it.

        A letter to the people differs too where the list it goes to contradicts the facts.
        """
        if not _counts(notice):
            return []
        found = [*differences(self._said(notice), self._told), *self.adds_up(notice)]
        return [one for one in found if one.told_apart_by not in self._explained] + (
            self.unexplained_of_list() if notice.kind == "people" else []
        )

    def unexplained_of_list(self) -> list[Difference]:
        """Return where the list of people contradicts the facts, as far as nobody has explained it."""
        return [one for one in self._listed if one.told_apart_by not in self._explained]

    def explains(self, one: Difference) -> bool:
        """Return whether somebody has said why these two values differ."""
        return one.told_apart_by in self._explained

    def adds_up(self, notice: Any) -> list[Difference]:
        """Return how the places a notice names fall short of its number of people, if nobody has explained it."""
        if not _counts(notice) or notice.kind not in ("authority", "controller", "other"):
            return []  # a letter names neither
        self._said(notice)
        short = unplaced(scoped(self._facts[notice.facts_version], notice.scope))
        return [short] if short is not None and short.told_apart_by not in self._explained else []

    def _said(self, notice: Any) -> Said:
        version = notice.facts_version
        if version not in self._facts:
            self._facts[version] = self._tx.incidents.facts(self._ref, version).facts
        return said(notice.ref, notice.scope, scoped(self._facts[version], notice.scope), notice.form)


def list_differences(tx: Tx, ref: str) -> list[Difference]:
    """Return where the list of people contradicts the present facts, explained or not."""
    listed: Counter[str | None] = Counter()
    for (_, place), count in tx.people.by_language_and_place(tx.incidents.get(ref).id).items():
        listed[place] += count
    return against_facts(People.model_validate(tx.incidents.facts(ref).facts.get("people") or {}), listed)


def in_words(difference: Difference) -> str:
    """Return what a list of people and the facts say differently, as one line.

    >>> in_words(Difference("list.US-CA", "the facts", 1000, 12))
    'list.US-CA: 1000 in the facts, 12 on the list'
    """
    return f"{difference.key}: {shown(difference.before)} in {difference.notice}, {shown(difference.now)} on {LIST}"


def require_list_agrees(tx: Tx, ref: str, notice: Any) -> None:
    """Refuse a letter whose list contradicts the facts while nobody has said why."""
    if notice.kind != "people":
        return
    found = Telling(tx, ref).unexplained_of_list()
    if found:
        more = f"; and {len(found) - 8} more" if len(found) > 8 else ""
        raise IllegalTransitionError(
            f"{notice.ref} cannot be approved: {'; '.join(in_words(one) for one in found[:8])}{more}.\n"
            f"Correct the facts or the list and draft again, or say why: `breach explain {ref} KEY --because TEXT`"
        )


def falls_short(short: Difference) -> str:
    """Return in words that the places hold fewer people than there are."""
    return f"people.total is {shown(short.before)}, but people.by_place adds up to {shown(short.now)}"


def remarks(facts: Mapping[str, Any]) -> list[str]:
    """Return what in the facts does not fit together and would stop a notice."""
    found = [short for short in (unplaced(facts),) if short is not None]
    return [
        f"{falls_short(one)}: correct one of them, or say why (`breach explain`)"
        for one in found
    ]


def require_one_story(tx: Tx, ref: str, notice: Any) -> None:
    """Refuse a notice that says another thing than an earlier one while nobody has said why."""
    telling = Telling(tx, ref)
    for short in telling.adds_up(notice):
        raise IllegalTransitionError(
            f"{notice.ref} cannot be approved: {falls_short(short)}.\n"
            f"Correct one of them and draft again, or say why: `breach explain {ref} {short.key} --because TEXT`"
        )
    for other in (notice.route or {}).get("bundles") or ():
        theirs = str(other["incident"])
        odd = unplaced(tx.incidents.facts(theirs).facts)
        if odd is not None and not Telling(tx, theirs).explains(odd):
            raise IllegalTransitionError(
                f"{notice.ref} cannot be approved: of {theirs}, {falls_short(odd)}.\n"
                f"Correct one of them and draft again, or say why: `breach explain {theirs} {odd.key} --because TEXT`"
            )
    found = [one for one in telling.differs(notice) if not one.key.startswith("list.")]
    if found:
        listed = "; ".join(
            f"{one.key}: {shown(one.before)} in {one.notice}, now {shown(one.now)}" for one in found[:8]
        )
        more = f" and {len(found) - 8} more" if len(found) > 8 else ""
        raise IllegalTransitionError(
            f"{notice.ref} cannot be approved: it says other things than were told before: {listed}{more}.\n"
            f"Correct the facts and draft again, or say why: `breach explain {ref} KEY --because TEXT`"
        )


def require_present_facts(tx: Tx, ref: str, notice: Any) -> None:
    """Refuse a notice to an authority whose numbers, dates or causes the facts have left behind since its draft."""
    if not _counts(notice) or notice.facts_version is None:
        return
    then, today = tx.incidents.facts(ref, notice.facts_version), tx.incidents.facts(ref)
    if then.version == today.version:
        return
    found = differences(
        said("the facts", notice.scope, scoped(today.facts, notice.scope)),
        [said(notice.ref, notice.scope, scoped(then.facts, notice.scope))],
    )
    if found:
        listed = "; ".join(f"{one.key}: {shown(one.before)}, by now {shown(one.now)}" for one in found[:8])
        raise IllegalTransitionError(
            f"{notice.ref} cannot be approved: the facts have changed since it was drafted: {listed}.\n"
            f"Draft it again: `breach draft {ref} {notice.oid}`"
        )


def explain(
    desk: Desk, ref: str, keys: Sequence[str], *, because: str, actor: Actor, now: datetime
) -> list[Difference]:
    """Record why the notices still to come say other things than earlier ones.

    Args:
        keys: Such as people.total; empty for all that are open.

    Raises:
        InputError: No reason, or a key nothing differs in.
    """
    actor.require("draft", to="explain what filings say differently")
    if not because.strip():
        raise InputError("--because: say why the filings differ, in one sentence")
    with desk.database.write() as tx:
        tx.incidents.lock(ref)
        found: dict[tuple[str, str, str], Difference] = {}
        telling = Telling(tx, ref)
        found.update({one.told_apart_by: one for one in telling.unexplained_of_list()})
        if (short := unplaced(tx.incidents.facts(ref).facts)) is not None and not telling.explains(short):
            found[short.told_apart_by] = short
        for notice in telling.notices:
            if notice.state in TO_COME:
                found.update({one.told_apart_by: one for one in telling.differs(notice)})
        known = {one.key for one in found.values()}
        if odd := sorted(set(keys) - known):
            raise InputError(
                f"{', '.join(odd)}: no notice still to come differs in it from an earlier one; "
                f"what differs: {', '.join(sorted(known)) or 'nothing'}"
            )
        chosen = [one for one in found.values() if not keys or one.key in keys]
        for one in chosen:
            key, before, after = one.told_apart_by
            tx.filings.explain(
                ref, key=key, before=before, now=after, notice=one.notice, because=because, by=actor.name, at=now
            )
        if chosen:
            write_journal(
                tx,
                desk,
                at=now,
                actor=actor.name,
                act="difference-explained",
                ref=ref,
                subject=ref,
                payload={
                    "differences": [{"key": one.key, "notice": one.notice} for one in chosen],
                    "because": because,
                },
            )
    return chosen


def story_of(desk: Desk, ref: str) -> dict[str, Any]:
    """Return what `breach explain --json` prints."""
    with desk.database.read() as tx:
        tx.incidents.get(ref)
        return story_json(tx, ref)


def story_json(tx: Tx, ref: str) -> dict[str, Any]:
    """Return what differs and waits for a word, and what was explained, for people and programs."""
    telling = Telling(tx, ref)
    still_open = [
        {
            "key": one.key,
            "told_in": one.notice,
            "before": shown(one.before),
            "differs_in": notice.ref,
            "now": shown(one.now),
        }
        for notice in telling.notices
        if notice.state in TO_COME
        for one in telling.differs(notice)
    ]
    explained = [
        {
            "key": row.key,
            "label": row.key,
            "notice": row.notice,
            "before": _again(row.key, row.before),
            "now": _again(row.key, row.now),
            "because": row.because,
            "by": row.by,
            "at": show_utc(row.at),
        }
        for row in telling.explanations
    ]
    return {"open": still_open, "explained": explained}


def _again(key: str, text: str) -> str:
    value = json.loads(text)
    if key.startswith("moments.") and isinstance(value, int | float):
        return show_utc(datetime.fromtimestamp(value, UTC))
    return shown(value)


def _counts(notice: Any) -> bool:
    return (
        notice.facts_version is not None
        and notice.kind in COMPARED_KINDS
        and notice.phase not in ("withdrawal", "answer")
    )
