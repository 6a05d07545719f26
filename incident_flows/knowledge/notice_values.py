"""Facts as the words of one language: dates, numbers, countries, coded words, contacts. None is unknown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pycountry
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal

from incident_flows.core.facts import Contact, CountRange, Establishment, Facts
from incident_flows.core.forms import UNSTATED
from incident_flows.errors import InputError
from incident_flows.knowledge.notice_words import UnknownWordError, Words

Value = str | list[str] | None

TEXT_LIMIT = 20_000  # characters of one free text
LINE_LIMIT = 500  # characters of a name or an address

_EMAIL = re.compile(r"[^@\s\[\]<>{}()]+@[^@\s\[\]<>{}()]+\.[^@\s\[\]<>{}()]+")
_PLACEHOLDER = re.compile(r"[\[\]{}<>]|_{3,}|\bTODO\b")
_REGISTRATION = re.compile(r"(?<!\d)(\d{10}|\d{12}|\d{13}|\d{15})(?!\d)")  # INN 10, 12; OGRN 13, 15
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # make text read backwards


def one_line(text: str) -> str:
    """Return the text on one line, single-spaced."""
    return " ".join(text.split())


def checked(path: str, text: str | None, *, limit: int = LINE_LIMIT) -> str | None:
    """Return a fact's text with its ends trimmed; None if there is nothing in it.

    Raises:
        InputError: It is too long for a notice, or holds control characters.
    """
    if text is None or not text.strip():
        return None
    if len(text) > limit:
        raise InputError(
            f"{path}: is {len(text):,} characters long, and a notice takes at most {limit:,} there; "
            "shorten it (nothing was cut off, and nothing drafted)"
        )
    for sign in text:
        if (unicodedata.category(sign) == "Cc" and sign not in "\t\r\n") or sign in _TURNING:
            raise InputError(f"{path}: holds the control character U+{ord(sign):04X}; remove it")
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def language_name(words: Words, code: str) -> str:
    """Return what a language is called in the words' own."""
    code = code.partition("-")[0]
    return str(Locale.parse(words.locale).languages.get(code, code))


def language_mark(words: Words, code: str) -> str:
    """Return the mark of a text that is in another language than the words, or in one nobody stated (`und`)."""
    if code == UNSTATED:
        return words.say("language_unstated")
    return words.say("to_translate", language=language_name(words, code))


class Values:
    """The facts of one incident in one language.

    Args:
        zone: The addressee's zone; None shows each instant at the offset it was given with.
    """

    def __init__(self, facts: Facts, words: Words, zone: str | None) -> None:
        self.facts = facts
        self.words = words
        self.zone = zone
        self.locale = Locale.parse(words.locale)

    def value(self, path: str) -> Value:
        """Return one field of the facts, by its path; None or an empty list if it is unknown."""
        if path.startswith("narrative.") and path[10:] in type(self.facts.narrative).model_fields:
            return self.translated(path) or checked(path, getattr(self.facts.narrative, path[10:]), limit=TEXT_LIMIT)
        if path.startswith("moments."):
            instant = getattr(self.facts.moments, path[8:], None)
            if isinstance(instant, datetime):
                return self.instant(instant)
            if path[8:] in type(self.facts.moments).model_fields:
                return None
        if path not in _FIELDS:
            raise UnknownWordError(f"the field {path!r}")
        return _FIELDS[path](self)

    def translated(self, path: str) -> str | None:
        """Return a sentence of the narrative as a person translated it into this language; None if nobody did."""
        found = self.facts.translations.get(self.words.language)
        text = getattr(found, path.removeprefix("narrative."), None)
        return checked(f"translations.{self.words.language}{path[9:]}", text, limit=TEXT_LIMIT)

    def original(self) -> str | None:
        """Return the name of the language the narrative is in, if it is known not to be this one."""
        code = self.facts.narrative.language
        if code is None or code.split("-")[0] == self.words.language:
            return None
        return language_name(self.words, code)

    # Numbers, days, places

    def number(self, number: float) -> str:
        """Return a number with this language's separators."""
        return str(format_decimal(number, locale=self.locale))

    def day(self, instant: datetime) -> str:
        """Return the date of an instant, on the calendar of the one who gave it."""
        return str(format_date(instant.date(), self.words.date, locale=self.locale))

    def instant(self, instant: datetime) -> str:
        """Return an instant on the addressee's wall clock, and in UTC."""
        local = instant.astimezone(ZoneInfo(self.zone)) if self.zone else instant
        offset = local.utcoffset()
        shift = "" if not offset else local.strftime("%z")
        name = f"UTC{shift[:3]}:{shift[3:]}" if shift else "UTC"
        utc = instant.astimezone(UTC)
        blanks = {"date": self.day(local), "time": _clock(local)}
        if name == "UTC" and self.zone in (None, "UTC"):
            return self.words.say("instant_plain", **blanks, zone=name)
        zone = f"{self.zone}, {name}" if self.zone else name
        in_utc = f"{utc.date().isoformat()} {_clock(utc)} UTC"
        return self.words.say("instant", **blanks, zone=zone, utc=in_utc)

    def place(self, code: str) -> str:
        """Return the name of a country, or of a country and a part of it."""
        code = "GB" if code == "UK" else code
        country = code.split("-")[0]
        name = str(self.locale.territories.get(country, country))
        if code == country:
            return name
        found = pycountry.subdivisions.get(code=code)  # type: ignore[no-untyped-call]
        return self.words.say("place_part", place=name, part=found.name if found else code)

    def counted(self, counts: Iterable[tuple[str, int]]) -> list[str]:
        """Return places with their numbers of people, the largest first."""
        return [
            self.words.say("place_count", place=self.place(code), number=self.number(count))
            for code, count in sorted(counts, key=lambda pair: (-pair[1], pair[0]))
        ]

    def labels(self, vocabulary: str, given: Iterable[str] | None) -> list[str]:
        """Return coded words in this language, each once."""
        return [self.words.label(vocabulary, word) for word in dict.fromkeys(given or ())]

    # Fields

    def name(self) -> str | None:
        """Return the name people know the organisation by."""
        return self._own("trading_name") or self._own("legal_name")

    def contact(self, contact: Contact | None, path: str) -> str | None:
        """Return a contact as name and e-mail or phone; None if it lacks them or is a placeholder."""
        if contact is None or contact.placeholder:
            return None
        name, email, phone = (
            self._line(f"{path}.{part}", getattr(contact, part)) for part in ("name", "email", "phone")
        )
        if name is None or _PLACEHOLDER.search(name):
            return None
        email = email if email and _EMAIL.fullmatch(email) else None
        if phone and (sum(map(str.isdigit, phone)) < 5 or _PLACEHOLDER.search(phone)):
            phone = None
        return ", ".join(filter(None, (name, email, phone))) if email or phone else None

    def _line(self, path: str, text: str | None) -> str | None:
        found = checked(path, text)
        return one_line(found) if found else None

    def _own(self, field: str) -> str | None:
        return self._line(f"organisation.{field}", getattr(self.facts.organisation, field))

    def _who_to_ask(self) -> str | None:
        organisation = self.facts.organisation
        officer = self.contact(organisation.dpo, "organisation.dpo")
        if officer:
            return self.words.say("dpo", contact=officer)
        found = (self.contact(one, "organisation.contacts") for one in organisation.contacts)
        return next(filter(None, found), None)

    def _representatives(self) -> list[str]:
        named = [
            (place, self.contact(contact, f"organisation.representatives.{place}"))
            for place, contact in sorted((self.facts.organisation.representatives or {}).items())
        ]
        return [
            self.words.say("representative", contact=one, place=self.place(place))
            for place, one in named
            if one
        ]

    def _establishments(self) -> list[str]:
        spots = sorted(self.facts.organisation.establishments or (), key=lambda spot: not spot.main)
        return [self._establishment(spot) for spot in spots]

    def _establishment(self, spot: Establishment) -> str:
        shown = self.place(spot.place)
        address = self._line("organisation.establishments.address", spot.address)
        if address:
            shown = self.words.say("with_address", place=shown, address=address)
        return self.words.say("main_establishment", place=shown) if spot.main else shown

    def _address(self) -> str | None:
        for spot in self.facts.organisation.establishments or ():
            address = self._line("organisation.establishments.address", spot.address)
            if spot.main and address:
                return self.words.say("postal", address=address, place=self.place(spot.place.split("-")[0]))
        return None

    def _total(self) -> str | None:
        total = self.facts.people.total or CountRange()
        low, high = total.at_least, total.at_most
        if high is None:
            return self.words.say("at_least", number=self.number(low)) if low else None
        if low == high:
            return self.number(low)
        if low == 0:
            return self.words.say("at_most", number=self.number(high))
        return self.words.say("between", low=self.number(low), high=self.number(high))

    def _protection(self) -> str | None:
        data = self.facts.data
        if data.protection is None:
            return None
        shown = self.words.label("protections", data.protection)
        if data.protection != "encrypted":
            return shown
        key = {True: "exposed", False: "safe", None: "unknown"}[data.key_exposed]
        return self.words.say("protection_with_key", protection=shown, key=self.words.label("keys", key))

    def _occurred_days(self) -> str | None:
        moments = self.facts.moments
        if moments.occurred_from is None:
            return None
        first = self.day(moments.occurred_from)
        if moments.occurred_until is None:
            return self.words.say("since", first=first)
        last = self.day(moments.occurred_until)
        return first if first == last else self.words.say("from_to", first=first, last=last)

    def _yes_no(self, answer: bool | None) -> str | None:
        return None if answer is None else self.words.say("yes" if answer else "no")

    def _label(self, vocabulary: str, word: str | None) -> str | None:
        return None if word is None else self.words.label(vocabulary, word)

    def _amount(self, number: float | None, phrase: str | None = None) -> str | None:
        if number is None:
            return None
        return self.words.say(phrase, number=self.number(number)) if phrase else self.number(number)


def _clock(instant: datetime) -> str:
    return instant.strftime("%H:%M:%S" if instant.second else "%H:%M")


def _inn_or_ogrn(self: Values) -> str | None:
    text = self._own("registration")
    return text if text and _REGISTRATION.search(text) else None


def _detected_day(self: Values) -> str | None:
    found = self.facts.moments.detected_at or self.facts.moments.aware_at
    return self.day(found) if found else None


_FIELDS: dict[str, Callable[[Values], Value]] = {
    "organisation.name": Values.name,
    "organisation.legal_name": lambda v: v._own("legal_name"),
    "organisation.trading_name": lambda v: v._own("trading_name"),
    "organisation.registration": lambda v: v._own("registration"),
    "organisation.inn_ogrn": _inn_or_ogrn,
    "organisation.establishments": Values._establishments,
    "organisation.address": Values._address,
    "organisation.representatives": Values._representatives,
    "organisation.sectors": lambda v: v.labels("sectors", v.facts.organisation.sectors),
    "organisation.dpo": Values._who_to_ask,
    "role": lambda v: v._label("roles", v.facts.role),
    "days.occurred": Values._occurred_days,
    "days.detected": _detected_day,
    "breach.kinds": lambda v: v.labels("breach_kinds", v.facts.breach.kinds),
    "breach.cause": lambda v: v._label("causes", v.facts.breach.cause),
    "breach.medium": lambda v: v._label("mediums", v.facts.breach.medium),
    "breach.exposure": lambda v: v._label("exposures", v.facts.breach.exposure),
    "breach.acquired": lambda v: v._yes_no(v.facts.breach.acquired),
    "breach.ongoing": lambda v: v._yes_no(v.facts.breach.ongoing),
    "data.kinds": lambda v: v.labels("data_kinds", v.facts.data.kinds),
    "data.records": lambda v: v._amount(v.facts.data.records),
    "data.protection": Values._protection,
    "data.backup": lambda v: v._label("backups", v.facts.data.backup),
    "data.unavailable_hours": lambda v: v._amount(v.facts.data.unavailable_hours or None, "hours"),
    "people.total": Values._total,
    "people.groups": lambda v: v.labels("groups", v.facts.people.groups),
    "people.by_place": lambda v: v.counted((v.facts.people.by_place or {}).items()),
    "harm.measures": lambda v: v.labels("measures", v.facts.harm.measures),
    "harm.expected": lambda v: v._label("harm_levels", v.facts.harm.expected),
    "harm.because": lambda v: checked("harm.because", v.facts.harm.because, limit=TEXT_LIMIT),
    "harm.by": lambda v: v._line("harm.by", v.facts.harm.by),
}
LISTS = frozenset((
    "organisation.establishments", "organisation.representatives", "organisation.sectors", "breach.kinds",
    "data.kinds", "people.groups", "people.by_place", "harm.measures",
))
