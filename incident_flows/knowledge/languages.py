"""Codes of languages, as lists of people carry them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

_NO_LANGUAGE = frozenset({"mis", "mul", "und", "zxx"})  # codes for several, none, or one without a code


@cache
def language_codes() -> Mapping[str, str]:
    """Return every code of a language in ISO 639, with two or three letters, and the shortest one for it.

    >>> language_codes()["deu"], language_codes()["ger"], language_codes()["de"], "zz" in language_codes()
    ('de', 'de', 'de', False)
    """
    import pycountry  # eight thousand rows: read only where somebody has a language

    found: dict[str, str] = {}
    for one in pycountry.languages:
        codes = [getattr(one, name, None) for name in ("alpha_2", "alpha_3", "bibliographic")]
        shortest = next(code for code in codes if code)
        if shortest not in _NO_LANGUAGE:
            found.update({code: shortest for code in codes if code})
    return found


@cache
def language_named(code: str) -> str:
    """Return a language in English with its code; a code that is none of ISO 639 stays as it is.

    >>> language_named("de"), language_named("pt-BR"), language_named("zz")
    ('German (de)', 'Portuguese, Brazil (pt-BR)', 'zz')
    """
    import pycountry

    tongue, _, place = code.replace("_", "-").partition("-")
    found = pycountry.languages.get(**{f"alpha_{len(tongue)}": tongue.lower()}) if len(tongue) in (2, 3) else None
    if found is None:
        return code
    name = found.name.partition(" (")[0]  # without a remark such as (macrolanguage)
    country = pycountry.countries.get(alpha_2=place.upper()) if len(place) == 2 else None
    return f"{name}{', ' + country.name if country else ''} ({code})"
