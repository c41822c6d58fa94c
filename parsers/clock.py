"""Dates and times as a provider writes them, by a closed set of forms: which number is the day is never guessed.

The order of day and month, and the zone where none is stated, are those of the form, or of the configuration.
"""

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo

from parsers.forms import BY_NAME, DateOrder
from parsers.providers import Provider
from parsers.statements import NotUnderstood
from parsers.zones import LONG_NAMES, instant, named_zone, zone_of

_READ_CHARACTERS = 200
_QUOTED_CHARACTERS = 80
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<name>(?:{'|'.join(MONTHS)})[a-z]*)"
_TIME = re.compile(
    r"(?<![\d:])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?(?![\d:])"
    r"\s*(?P<half>[ap]\.?m\b\.?)?",
    re.IGNORECASE,
)
_YEAR_FIRST = re.compile(
    rf"(?<!\d)(?P<year>\d{{4}})(?P<sep>[-/. ])(?:(?P<month>\d{{1,2}})|{_MONTH})(?P=sep)(?P<day>\d{{1,2}})(?!\d)",
    re.IGNORECASE,
)
_BY_NAME = (
    re.compile(
        rf"(?<!\d)(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[-/ .]*{_MONTH}[-/ .,]*(?P<year>\d{{4}}|\d{{2}})(?![\d:])",
        re.IGNORECASE,
    ),
    re.compile(rf"\b{_MONTH}[-/ .]*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[-/ .,]+(?P<year>\d{{4}})(?!\d)", re.IGNORECASE),
)
_NUMBERS = re.compile(r"(?<!\d)(?P<first>\d{1,2})(?P<sep>[-/.])(?P<second>\d{1,2})(?P=sep)(?P<year>\d{4}|\d{2})(?!\d)")
# What may stand for a zone behind a time or a date: "GMT+3", "+0000 UTC", "ET", "(local time)", "Eastern Time".
_ZONE = re.compile(
    r"\s*[(\[]?\s*(?P<words>(?:(?:UTC|GMT)\s*)?[+-]\s*\d{1,2}(?::?\d{2})?(?!\d)(?:\s*(?:UTC|GMT)\b)?"
    # Before "Central" alone, which is a zone of the US.
    rf"|{LONG_NAMES}\b|[A-Za-z]+(?:\s+(?i:standard|daylight|mean))?\s+(?i:time)\b"
    r"|[A-Z]{1,5}\b|(?i:utc|gmt)\b|(?:Eastern|Central|Mountain|Pacific)\b)"
)
_LOCAL = frozenset({"local time", "local standard time", "local"})
_NO_ZONES = frozenset(
    month.upper() for month in (*MONTHS, "mon", "tue", "wed", "thu", "fri", "sat", "sun", "to", "on", "at")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How a provider writes times. ``zone`` is the IANA name of its own zone, None where it has none.

    ``literal``: see ``parsers.zones.zone_of``. ``region`` is where the provider is at home, as in
    ``parsers.zones.in_doubt``; None where every abbreviation has the one meaning that it has in forms we know.
    """

    order: DateOrder
    zone: str | None = None
    literal: bool = False
    region: str | None = None

    def instant(self, text: str, *, latest: bool = False) -> datetime:
        """Return the instant that a text states: a date, a time, and the zone behind either, or else the provider's.

        ``latest``: it is an end. Raises ``NotUnderstood`` where something is missing or the zone is not known.
        """
        text = text[:_READ_CHARACTERS]
        date, time = self._date(text), _TIME.search(text)
        if not date or not time:
            raise NotUnderstood(f'no date and time in "{text[:_QUOTED_CHARACTERS]}"')
        zone = self._stated_zone(text, time.end()) or self._stated_zone(text, date[1]) or self._own_zone(text)
        try:
            year, month, day = date[0]
            hour, minute, second = _hour(time), int(time["minute"]), int(time["second"] or 0)
            local = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 -- its zone comes now
            return instant(local, zone, latest=latest)
        except (ValueError, OverflowError):
            raise NotUnderstood(f'no such date or time: "{text[:_QUOTED_CHARACTERS]}"') from None

    def _date(self, text: str) -> tuple[tuple[int, int, int], int] | None:
        """Return year, month and day, and where they end."""
        for pattern in (_YEAR_FIRST, *_BY_NAME):
            if found := pattern.search(text):
                named = found["name"]
                month = MONTHS.index(named[:3].lower()) + 1 if named else int(found["month"])
                return (_year(found["year"]), month, int(found["day"])), found.end()
        found = _NUMBERS.search(text) if self.order in (DateOrder.DAY_MONTH, DateOrder.MONTH_DAY) else None
        if not found:
            return None
        numbers = int(found["first"]), int(found["second"])
        day, month = numbers if self.order is DateOrder.DAY_MONTH else reversed(numbers)
        return (_year(found["year"]), month, day), found.end()

    def _stated_zone(self, text: str, position: int) -> tzinfo | None:
        found = _ZONE.match(text, position)
        words = " ".join(found["words"].split()) if found else ""
        if not words or words.lower() in _LOCAL or words in _NO_ZONES:
            return None
        zone = zone_of(words, home=self.zone, literal=self.literal)
        if zone is None:
            raise NotUnderstood(f'"{words}" is no zone that is known: "{text[:_QUOTED_CHARACTERS]}"')
        return zone

    def _own_zone(self, text: str) -> tzinfo:
        zone = named_zone(self.zone) if self.zone else None
        if zone is None:
            raise NotUnderstood(f'no zone is stated: "{text[:_QUOTED_CHARACTERS]}"')
        return zone


def clock_of(form: str, provider: Provider) -> Clock:
    """Return how a provider writes times in a form: as the configuration says, else as that form does."""
    known = BY_NAME[form]
    return Clock(
        order=DateOrder(provider.date_order) if provider.date_order else known.date_order,
        zone=provider.zone or (None if known.zone == "stated" else known.zone),
        literal=provider.literal_zones,
    )


def _hour(time: re.Match[str]) -> int:
    hour = int(time["hour"])
    if not time["half"]:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError(f"no hour of a half day: {hour}")
    return hour % 12 + (12 if time["half"][0] in "pP" else 0)


def _year(digits: str) -> int:
    return int(digits) if len(digits) == 4 else 2000 + int(digits)
