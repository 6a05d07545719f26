"""Adds or corrects facts; the old ones stay in the record, and everything derived follows at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incident_flows.core.assessment import Assessment
from incident_flows.core.facts import Facts
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import IllegalTransitionError
from incident_flows.knowledge.facts_files import dumped, merged
from incident_flows.services.assess import reassess
from incident_flows.services.desk import Desk, checked_facts, write_journal
from incident_flows.services.story import remarks
from incident_flows.storage.database import Tx


@dataclass(frozen=True)
class Updated:
    """What a change of facts did: the new version, and the answer; None where nothing changed.

    Attributes:
        remarks: What in the facts does not fit together, in words.
    """

    ref: str
    version: int
    changed: tuple[str, ...]
    assessment: Assessment | None
    remarks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what `breach facts --json` prints."""
        return {
            "id": self.ref,
            "facts_version": self.version,
            "changed": list(self.changed),
            "assessment": self.assessment.to_json() if self.assessment else None,
            "remarks": list(self.remarks),
        }


def change_facts(
    desk: Desk,
    ref: str,
    change: Mapping[str, Any],
    *,
    actor: Actor,
    now: datetime,
    source: str,
    learned_at: datetime | None = None,
) -> Updated:
    """Lay `change` over the incident's facts; null makes a fact unknown again.

    Args:
        change: A facts-file fragment; nested keys are laid over each other.
        learned_at: When it became known, if earlier than it is recorded.

    A translation of a sentence that is rewritten here, and not translated anew, is dropped.

    Raises:
        InputError: The facts would not hold together; nothing is stored.
    """
    actor.require("update")
    with desk.database.write() as tx:
        return store_change(
            tx, desk, ref, change, actor=actor.name, now=now, source=source, learned_at=learned_at
        )


def store_change(
    tx: Tx,
    desk: Desk,
    ref: str,
    change: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
    source: str,
    learned_at: datetime | None = None,
) -> Updated:
    """The same within a transaction; the ledger uses it to record what was sent as a fact."""
    incident = tx.incidents.lock(ref)
    if incident.state == "closed":
        raise IllegalTransitionError(f"{ref} is closed; `breach close {ref} --reopen` opens it again")
    stored = tx.incidents.facts(ref)
    new = without_stale_translations(stored.facts, merged(stored.facts, change))
    facts: Facts = checked_facts(desk, new, name=source)
    kept = dumped(facts)
    if kept == stored.facts:
        return Updated(ref, stored.version, (), None, tuple(remarks(kept)))
    version = tx.incidents.add_facts(
        ref,
        facts=kept,
        change=dict(change),
        learned_at=learned_at or now,
        recorded_at=now,
        by=actor,
        source=source,
    )
    changed = tuple(sorted(_paths(stored.facts, kept)))
    write_journal(
        tx,
        desk,
        at=now,
        actor=actor,
        act="facts-changed",
        ref=ref,
        subject=f"facts {version}",
        payload={"version": version, "paths": list(changed), "source": source},
    )
    assessment = reassess(tx, desk, ref, actor=actor, now=now)
    desk.reached("update:before-commit")
    return Updated(ref, version, changed, assessment, tuple(remarks(kept)))


def without_stale_translations(old: Mapping[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return the facts without translations of a sentence that was rewritten and not translated anew.

    They would tell the old story in one language and the new one in another.
    """
    before, now = old.get("narrative") or {}, new.get("narrative") or {}
    changed = [name for name in {*before, *now} - {"language"} if name in before and before[name] != now.get(name)]
    kept = {
        language: {
            name: text
            for name, text in texts.items()
            if name not in changed or text != ((old.get("translations") or {}).get(language) or {}).get(name)
        }
        for language, texts in (new.get("translations") or {}).items()
    }
    scopes = {
        name: without_stale_translations((old.get("scopes") or {}).get(name) or {}, part)
        for name, part in (new.get("scopes") or {}).items()
    }
    return {**new, **({"translations": kept} if kept else {}), **({"scopes": scopes} if scopes else {})}


def _paths(old: Any, new: Any, prefix: str = "") -> set[str]:
    """Return the dotted paths at which two facts differ; values stay out of the journal."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found: set[str] = set()
        for key in {*old, *new}:
            found |= _paths(old.get(key), new.get(key), f"{prefix}.{key}" if prefix else str(key))
        return found
    return set() if old == new else {prefix}
