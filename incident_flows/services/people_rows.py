"""One row of a list of people: which column means what, what is accepted, and why a row is refused.

A worker process imports this and little else, so that it starts quickly. No reason quotes the row.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any

# Our name of a column, and what files call it, in small letters without signs.
NAMES: Mapping[str, tuple[str, ...]] = {
    "email": (
        "email", "mail", "emailaddress", "mailaddress", "correo", "correoelectrónico", "emailadresse",
        "mailadresse", "adresseemail", "adressemail", "courriel", "adresseélectronique", "indirizzoemail",
        "postaelettronica", "endereçodeemail", "emailadres", "epost", "epostadress", "epostadresse",
        "sähköposti", "adresemail", "eposta", "электроннаяпочта", "メールアドレス", "이메일", "电子邮件", "邮箱",
    ),
    "second-email": ("secondemail", "otheremail", "email2", "correo2", "zweiteemail", "autreemail"),
    "name": (
        "name", "fullname", "nombre", "nombrecompleto", "nom", "nomcomplet", "nome", "nomecompleto",
        "naam", "namn", "navn", "nimi", "imięinazwisko", "имя", "фио", "氏名", "名前", "이름", "姓名",
    ),
    "language": ("language", "lang", "idioma", "lengua", "langue", "sprache", "lingua", "língua", "taal", "言語"),
    "place": ("place", "country", "país", "pays", "land", "paese", "countrycode", "estado", "state", "国", "국가"),
    "postal": ("postal", "postaladdress", "address", "dirección", "anschrift", "postanschrift", "adressepostale"),
    "guardian-name": ("guardianname", "guardian", "tutor", "tutora", "vormund", "tuteur"),
    "guardian-email": ("guardianemail", "correotutor", "vormundemail", "emailtuteur"),
    "birth-date": ("birthdate", "dateofbirth", "dob", "fechadenacimiento", "geburtsdatum", "datedenaissance"),
}  # fmt: skip
SEVERAL = frozenset({"postal"})  # columns of which there may be more than one, such as the lines of an address
LONGEST = 2000  # characters of one value
OLDEST = 125  # years; nobody is known to have lived much longer

UNKNOWN_LANGUAGE, BIRTH_SET_ASIDE = "language-unknown", "birth-date-set-aside"  # what is counted of doubts

_KNOWN = {alias: ours for ours, aliases in NAMES.items() for alias in aliases}
_SIGNS = re.compile(r"[\s_.\-:*()]+")
_LINE = re.compile(r"(postal|postaladdress|address|addressline|anschrift|dirección)[1-9]")

# Strictly what `notifications.Address` accepts and leaves as it is; a property test holds them together.
_LOCAL = re.compile(r"[a-zA-Z0-9_!#$%&'*+\-/=?^`{|}~]+(?:\.[a-zA-Z0-9_!#$%&'*+\-/=?^`{|}~]+)*")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}")
_RESERVED = re.compile(r"(?:.*\.)?(?:arpa|invalid|local|localhost|onion|test)")
_ROLES = frozenset(
    {"abuse", "ftp", "hostmaster", "info", "marketing", "news", "noc", "postmaster", "sales", "security"}
    | {"support", "usenet", "uucp", "webmaster", "www"}
)  # the validator writes them in small letters
_SURELY_SHORT = 190  # characters of a domain that leave room for any local part
_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_REMEMBERED = 200_000  # domains


def meaning_of(heading: str) -> str | None:
    """Return our name of a column by its heading, or None.

    >>> meaning_of("E-Mail-Adresse"), meaning_of("Address line 2"), meaning_of("Shoe size")
    ('email', 'postal', None)
    """
    plain = _SIGNS.sub("", unicodedata.normalize("NFC", heading).lower())
    return "postal" if _LINE.fullmatch(plain) else _KNOWN.get(plain)


def pads_of(key: bytes) -> tuple[bytes, bytes]:
    """Return the inner and the outer pad of HMAC-SHA-256; keys here have 32 bytes, never more than 64."""
    whole = key.ljust(64, b"\0")
    return bytes(one ^ 0x36 for one in whole), bytes(one ^ 0x5C for one in whole)


class RefusedRowError(Exception):
    """One row cannot be taken in; the reason never quotes it."""


@dataclass
class Taken:
    """What a piece of a file holds.

    Attributes:
        rows: Lines that are not blank.
        people: Those that can be taken in, as they are packed.
        digests: Keyed hashes, 16 bytes each, in the same order.
        refused: Line and reason.
        refused_values: The refused rows themselves, if they are to be exported.
        warned: Line and what a person should look at; taken in all the same.
        noted: How many rows lack something that could not be used.
    """

    rows: int = 0
    people: list[list[Any]] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    refused_values: list[list[str]] = field(default_factory=list)
    warned: list[tuple[int, str]] = field(default_factory=list)
    noted: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Layout:
    """How the rows of one file are to be read; goes to each worker through its pipe.

    Attributes:
        columns: Places of our columns.
        places: Every known code of country or state.
        languages: Every code of a language, with its shortest; empty where the file has no such column.
        lookup_key: Makes the keyed hashes.
        today: By which a date of birth is possible or not.
        minors_from: Whoever was born after this day is a minor; None where the house names no age.
        keep_refused: Whether refused rows are handed back whole.
    """

    width: int
    columns: Mapping[str, tuple[int, ...]]
    delimiter: str
    places: frozenset[str]
    languages: Mapping[str, str]
    lookup_key: bytes = field(repr=False)
    minors_from: date | None
    today: date
    keep_refused: bool = False


class Rows:
    """Checks the rows of one file, remembering domains, languages and places it has met."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        columns = layout.columns
        self._email = columns["email"][0]
        self._name, self._language, self._place = (
            columns[key][0] if key in columns else None for key in ("name", "language", "place")
        )
        self._more = bool(columns.keys() - {"email", "name", "language", "place"})
        self._width = layout.width
        self._inner, self._outer = pads_of(layout.lookup_key)
        self._domains: dict[str, str | None] = {}
        self._places: dict[str, str | None] = {"": None}
        self._languages: dict[str, str | None] = {"": None}

    def take(self, values: Sequence[str], line: int, into: Taken) -> None:
        """Check one row and add it to what is taken, refused or warned about."""
        into.rows += 1
        doubts: list[tuple[str, str]] = []
        try:
            if len(values) != self._width:
                raise RefusedRowError(
                    f"has {len(values)} columns where the header names {self._width}; check quotes and separators"
                )
            email = values[self._email].strip()
            address = self.address(email) if email else ""
            person = [
                address,
                None if self._name is None else self.text(values[self._name], "name"),
                None if self._language is None else self.language(values[self._language], doubts),
                None if self._place is None else self.place(values[self._place]),
            ]
            if self._more:
                self._add_more(person, values, doubts)
            elif not address:
                raise RefusedRowError("address is empty")
        except RefusedRowError as error:
            into.refused.append((line, str(error)))
            if self._layout.keep_refused:
                into.refused_values.append(list(values))
            return
        if not email.isascii() and (odd := _odd(email)):
            into.warned.append((line, odd))
        for what, doubt in doubts:
            into.noted[what] += 1
            into.warned.append((line, doubt))
        into.people.append(person)
        into.digests.append(self.digest(person))

    def digest(self, person: Sequence[Any]) -> bytes:
        """Return the keyed hash a person is known by: of the address, or of name and postal address."""
        address: str = person[0]  # in ASCII by now
        known_by = address.lower() or "\0".join(("post", person[1] or "", *person[5])).casefold()
        # HMAC-SHA-256 as RFC 2104 writes it: two plain hashes take a third of what hmac.digest does.
        return sha256(self._outer + sha256(self._inner + known_by.encode()).digest()).digest()[:16]

    def address(self, email: str) -> str:
        """Return an address in the form mail is sent to."""
        local, _, domain = email.rpartition("@")
        if len(local) <= 64 and _LOCAL.fullmatch(local) and local.lower() not in _ROLES:
            known = self._domains.get(domain)
            if known is None:
                known = _plain_domain(domain)
                if known is not None and len(self._domains) < _REMEMBERED:
                    self._domains[domain] = known
            if known is not None:
                return f"{local}@{known}"
        return _validated(email)

    def place(self, text: str) -> str | None:
        """Return the code of a country or state."""
        try:
            return self._places[text]
        except KeyError:
            pass
        code = text.strip().upper() or None
        if code is not None and code not in self._layout.places:
            raise RefusedRowError("place is no country or state; write an ISO code such as ES or US-CA")
        return self._places.setdefault(text, code)

    def language(self, text: str, doubts: list[tuple[str, str]]) -> str | None:
        """Return the code of a language; what is none is no reason to leave somebody untold, and is noted."""
        try:
            found = self._languages[text]
        except KeyError:
            code = text.strip().lower().replace("_", "-").split("-")[0]
            found = self._layout.languages.get(code)
            if len(self._languages) < _REMEMBERED:
                self._languages[text] = found
        if found is None and text and not text.isspace():
            doubts.append(
                (UNKNOWN_LANGUAGE, "language is no code of one, such as es or de; taken in with language not known")
            )
        return found

    def text(self, value: str, column: str) -> str | None:
        """Return a line of text, without breaks."""
        found = value.strip()
        if found.isprintable() and len(found) <= LONGEST:
            return found or None
        if not found.isprintable():
            found = " ".join(found.split())
            if any(unicodedata.category(character) in ("Cc", "Cs") for character in found):
                raise RefusedRowError(f"{column} holds control characters; remove them")
        if len(found) > LONGEST:
            raise RefusedRowError(f"{column} is longer than {LONGEST} characters")
        return found or None

    def _add_more(self, person: list[Any], values: Sequence[str], doubts: list[tuple[str, str]]) -> None:
        columns = self._layout.columns

        def value(key: str) -> str:
            return values[columns[key][0]].strip() if key in columns else ""

        second = self._other_address(value("second-email"), "second address")
        postal = [
            line
            for number in columns.get("postal", ())
            for part in values[number].splitlines()
            if (line := self.text(part, "postal address"))
        ]
        if not person[0] and not postal:
            raise RefusedRowError("address is empty")
        guardian = self._other_address(value("guardian-email"), "guardian's address")
        person += [
            second,
            postal or None,
            self.text(value("guardian-name"), "guardian's name"),
            guardian,
            self._minor(value("birth-date"), doubts),
        ]
        if person[0]:
            while person[-1] is None and len(person) > 4:
                person.pop()

    def _other_address(self, email: str, what: str) -> str | None:
        if not email:
            return None
        try:
            return self.address(email)
        except RefusedRowError as error:
            raise RefusedRowError(str(error).replace("address", what, 1)) from None

    def _minor(self, born: str, doubts: list[tuple[str, str]]) -> bool | None:
        if not born:
            return None
        today = self._layout.today
        try:
            if not _ISO_DAY.fullmatch(born):
                raise ValueError
            day = date.fromisoformat(born)
            if day > today or day.year < today.year - OLDEST:
                when = "lies in the future" if day > today else f"is more than {OLDEST} years ago"
                doubts.append((BIRTH_SET_ASIDE, f"birth date {when}; taken in without it"))
                return None
            return None if self._layout.minors_from is None else day > self._layout.minors_from
        except ValueError:
            raise RefusedRowError("birth date is no date; write it as 2012-05-30") from None


def minors_from(today: date, of_age: int | None) -> date | None:
    """Return the day after which those were born who are under age today; None where no age is named.

    >>> minors_from(date(2028, 2, 29), 18)
    datetime.date(2010, 2, 28)
    """
    if of_age is None:
        return None
    day = 28 if (today.month, today.day) == (2, 29) else today.day
    return today.replace(year=today.year - of_age, day=day)


def _plain_domain(domain: str) -> str | None:
    """Return the domain in small letters if it is surely usable; None leaves it to the validator."""
    lowered = domain.lower() if domain.isascii() else ""
    if not _DOMAIN.fullmatch(lowered) or "--" in lowered or len(lowered) > _SURELY_SHORT:
        return None
    return None if _RESERVED.fullmatch(lowered) else lowered


def _validated(email: str) -> str:
    from notifications.errors import InvalidMessageError  # loads every channel: only where it is needed
    from notifications.message import Address

    try:
        return Address(email).email
    except InvalidMessageError as error:
        raise RefusedRowError(f"address {error.reason}") from None


def _odd(email: str) -> str | None:
    """Return what a person should look at in an address outside ASCII: letters that look like others."""
    if unicodedata.normalize("NFKC", email) != unicodedata.normalize("NFC", email):
        return "address has full-width or other compatibility letters; it was taken in with the usual ones"
    for label in email.rpartition("@")[2].split("."):
        alphabets = {unicodedata.name(sign, "?").split()[0] for sign in label if sign.isalpha()}
        if len(alphabets & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}) > 1:
            return "address mixes alphabets whose letters look alike; check that it is the person's own"
    return None
