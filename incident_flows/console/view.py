"""How one reader sees the console: their zone, light or dark, the present moment; and instants in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from markupsafe import Markup, escape

from incident_flows.core.instants import parse_instant

ZONE_COOKIE, THEME_COOKIE = "breach_zone", "breach_theme"
Theme = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = ("auto", "light", "dark")


@cache
def zones() -> tuple[str, ...]:
    """Return the zones a person may choose among, UTC first."""
    usual = (
        zone
        for zone in available_timezones()
        if "/" in zone and not zone.startswith(("Etc/", "posix", "right"))
    )
    return ("UTC", *sorted(usual))


@cache
def zone_options(selected: str) -> Markup:
    """Return the choice of zones as the options of a select; long, and the same on every page."""
    options = (
        f"<option{' selected' if zone == selected else ''}>{escape(zone)}</option>" for zone in zones()
    )
    return Markup("".join(options))


@dataclass(frozen=True)
class View:
    """One reader at one moment.

    Attributes:
        chosen: Whether the reader's zone is known; else it is UTC.
    """

    zone: str
    chosen: bool
    theme: Theme
    now: datetime

    @classmethod
    def of(cls, cookies: Mapping[str, str], *, now: datetime) -> View:
        """Return the view a browser's cookies ask for; what is no zone or theme is passed over."""
        zone, theme = cookies.get(ZONE_COOKIE, ""), cookies.get(THEME_COOKIE, "")
        known = zone in zones()
        return cls(zone if known else "UTC", known, theme if theme in THEMES else "auto", now)

    @property
    def tz(self) -> ZoneInfo:
        """The reader's zone."""
        return ZoneInfo(self.zone)

    def instant(self, at: datetime | str) -> datetime:
        """Return an instant, as such or as our JSON writes it."""
        return parse_instant(at)

    def utc(self, at: datetime | str) -> str:
        """Return an instant as programs read it."""
        return self.instant(at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def local(self, at: datetime | str, zone: str | None = None) -> str:
        """Return an instant on a wall clock, the reader's if no zone is given: `Mon 23 Nov 18:00`."""
        there = self.instant(at).astimezone(ZoneInfo(zone or self.zone))
        year = "" if there.year == self.now.year else f" {there.year}"
        return f"{there:%a} {there.day} {there:%b}{year} {there:%H:%M}"

    def day(self, day: date | str) -> str:
        """Return a civil date: `Mon 23 Nov`."""
        one = date.fromisoformat(day) if isinstance(day, str) else day
        year = "" if one.year == self.now.year else f" {one.year}"
        return f"{one:%a} {one.day} {one:%b}{year}"

    def offset(self, at: datetime | str) -> str:
        """Return the reader's offset from UTC at an instant, such as `UTC+1`."""
        shift = self.instant(at).astimezone(self.tz).strftime("%z")
        hours, minutes = int(shift[:3]), shift[3:5]
        return (
            "UTC" if shift.strip("+-0") == "" else f"UTC{hours:+d}{'' if minutes == '00' else ':' + minutes}"
        )

    def left(self, at: datetime | str) -> str:
        """Return the time left, or since, in the two largest units: `2 d 22 h`, `13 min`."""
        return span(int((self.instant(at) - self.now).total_seconds()))

    def passed(self, at: datetime | str) -> bool:
        """Return whether an instant lies behind."""
        return self.instant(at) <= self.now


def span(seconds: int) -> str:
    """Return a stretch of time in its two largest units, without sign.

    >>> span(252_000), span(-47_000), span(780)
    ('2 d 22 h', '13 h 03 min', '13 min')
    """
    days, rest = divmod(abs(seconds), 86_400)
    hours, minutes = rest // 3600, rest % 3600 // 60
    return f"{days} d {hours} h" if days else f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
