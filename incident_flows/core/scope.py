"""A processor's breach, one controller's part of it: that controller hears of its own people and data only. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OWN = {"people": None, "data": ("kinds", "records", "already_public")}  # None: every key of it


def scoped(facts: Mapping[str, Any], scope: str) -> Mapping[str, Any]:
    """Return the facts as far as they concern one controller; all of them for the scope "".

    People and data come from `scopes.CONTROLLER`. Where several controllers are concerned and one's part was
    not recorded, its numbers are unknown: the whole would tell it of the others.

    >>> facts = {"people": {"total": 9}, "scopes": {"a": {"people": {"total": 4}}}, "organisation": {}}
    >>> scoped(facts, "a")["people"], scoped(facts, "")["people"]
    ({'total': 4}, {'total': 9})
    """
    if not scope:
        return facts
    own: Mapping[str, Any] = (facts.get("scopes") or {}).get(scope) or {}
    organisation = dict(facts.get("organisation") or {})
    controllers = organisation.get("controllers") or ()
    alone = len(controllers) <= 1 and not facts.get("scopes")
    if "controllers" in organisation:
        organisation["controllers"] = [one for one in controllers if one.get("id") == scope]
    part: dict[str, Any] = {}
    for name, keys in OWN.items():
        whole = facts.get(name) or {}
        shared = whole if alone else {k: v for k, v in whole.items() if keys is not None and k not in keys}
        part[name] = {**shared, **_known(own.get(name))}
    narrative = {**(facts.get("narrative") or {}), **_known(own.get("narrative"))}
    translations = _translations(facts.get("translations") or {}, own)
    rest = {key: value for key, value in facts.items() if key != "scopes"}
    return {**rest, **part, "organisation": organisation, "narrative": narrative, "translations": translations}


def _translations(whole: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the translations of what this controller reads: none of a sentence it has a version of its own of."""
    replaced = _known(own.get("narrative"))
    found = {
        language: {key: text for key, text in _known(one).items() if key not in replaced}
        for language, one in whole.items()
    }
    for language, one in (own.get("translations") or {}).items():
        found[language] = {**found.get(language, {}), **_known(one)}
    return found


def _known(part: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (part or {}).items() if value is not None}
