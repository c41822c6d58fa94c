"""The zones of calendars: what a TZID means, and the instant of a time that is written in it.

TZIDs are IANA names, names of Windows, the texts that Windows shows for its zones, or names that the calendar itself
defines. Of an hour that comes twice a start is the first and an end the second; one that does not come at all is as
long after the hour before it as it would be otherwise.
"""

import re
from calendar import monthcalendar
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from icalendar.windows_to_olson import WINDOWS_TO_OLSON

from parsers.zones import instant, named_zone
from parsers.zones import zone_of as named_in_words

_IANA = re.compile(r"[A-Za-z_]{2,40}(?:/[A-Za-z0-9_+-]{1,40}){0,2}")
_UTC = frozenset({"utc", "gmt", "z", "etc/utc", "etc/gmt", "zulu", "coordinated universal time"})
_OFFSET_TEXT = re.compile(r"\(?(?:UTC|GMT)\s?([+-])(\d{1,2}):?(\d{2})?\)?", re.IGNORECASE)
_NTH_WEEKDAY = re.compile(r"([+-]?\d)(SU|MO|TU|WE|TH|FR|SA)")
_UNTIL = re.compile(r"\d{8}(?:T\d{6})?")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY = timedelta(days=1)

# What Windows shows for the zones whose clocks change; for the others the offset before the text says all.
_SHOWN_BY_WINDOWS = {
    "eastern time (us & canada)": "America/New_York",
    "central time (us & canada)": "America/Chicago",
    "mountain time (us & canada)": "America/Denver",
    "pacific time (us & canada)": "America/Los_Angeles",
    "atlantic time (canada)": "America/Halifax",
    "newfoundland": "America/St_Johns",
    "alaska": "America/Anchorage",
    "dublin, edinburgh, lisbon, london": "Europe/London",
    "amsterdam, berlin, bern, rome, stockholm, vienna": "Europe/Berlin",
    "brussels, copenhagen, madrid, paris": "Europe/Paris",
    "belgrade, bratislava, budapest, ljubljana, prague": "Europe/Budapest",
    "sarajevo, skopje, warsaw, zagreb": "Europe/Warsaw",
    "athens, bucharest": "Europe/Bucharest",
    "helsinki, kyiv, riga, sofia, tallinn, vilnius": "Europe/Kyiv",
    "jerusalem": "Asia/Jerusalem",
    "canberra, melbourne, sydney": "Australia/Sydney",
    "adelaide": "Australia/Adelaide",
    "hobart": "Australia/Hobart",
    "auckland, wellington": "Pacific/Auckland",
}
_OF_WINDOWS = {name.lower(): place for name, place in WINDOWS_TO_OLSON.items()}

Zone = Callable[[datetime, bool], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observance:
    """A STANDARD or DAYLIGHT of a VTIMEZONE: from when on, on the clock before it, the clock is how far from UTC.

    ``rule`` is its RRULE, empty for one that begins once.
    """

    begins: datetime
    offset_before: timedelta
    offset: timedelta
    rule: str = ""


def zone_of(tzid: str, defined: Sequence[Observance] = ()) -> Zone | None:
    """Return what turns a time on the clock of a zone into an instant; None for a zone that nobody knows.

    ``defined`` is what the calendar itself says of the zone: it counts where the name is not known everywhere. The
    second argument of a zone says that the later of two instants is meant, where a time comes twice.
    """
    name = tzid.strip().strip('"')
    if name.lower() in _UTC:
        return _on_clock(UTC)
    place = _place(name) if "/" in name else _of_windows(name)
    if place:
        return _on_clock(place)
    if defined:
        return _as_defined(defined)
    place = _shown(name) or named_in_words(name) or _iana(name)
    return _on_clock(place) if place else None


def _place(name: str) -> tzinfo | None:
    """Return the zone of an IANA name, also of one that a program put a prefix of its own before."""
    parts = name.strip("/").split("/")
    tails = ("/".join(parts[-length:]) for length in (3, 2) if len(parts) >= length)
    return next((zone for tail in tails if (zone := _iana(tail))), None)


def _iana(name: str) -> tzinfo | None:
    return named_zone(name) if _IANA.fullmatch(name) else None


def _of_windows(name: str) -> tzinfo | None:
    place = _OF_WINDOWS.get(name.lower())
    return _iana(place) if place else None


def _shown(name: str) -> tzinfo | None:
    """Return the zone of ``(UTC-05:00) Eastern Time (US & Canada)``: by its words, else by its offset."""
    offset = _OFFSET_TEXT.match(name)
    words = name[offset.end() :] if offset else name
    if place := _SHOWN_BY_WINDOWS.get(words.strip().lower()):
        return _iana(place)
    if not offset:
        return None
    ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
    return timezone(ahead if offset[1] == "+" else -ahead) if ahead < _DAY else None


def _on_clock(zone: tzinfo) -> Zone:
    return lambda local, later: instant(local, zone, latest=later)


# Zones that a calendar defines


def _as_defined(defined: Sequence[Observance]) -> Zone:
    def moment_of(local: datetime, later: bool) -> datetime:
        offsets = sorted({observance.offset for observance in defined}, reverse=True)
        possible = [local - offset for offset in offsets if _offset_at(local - offset, defined) == offset]
        if not possible:
            possible = [local - _offset_at(local - _DAY, defined)]
        return possible[-1 if later else 0].replace(tzinfo=UTC)

    return moment_of


def _offset_at(moment: datetime, defined: Sequence[Observance]) -> timedelta:
    """Return how far from UTC the clock is at a moment, which is in UTC without saying so."""
    begun = [
        (onset - observance.offset_before, observance.offset)
        for observance in defined
        for onset in _onsets(observance, moment.year)
        if onset - observance.offset_before <= moment
    ]
    return max(begun)[1] if begun else min(defined, key=lambda observance: observance.begins).offset_before


def _onsets(observance: Observance, year: int) -> list[datetime]:
    """Return when an observance begins, in a year and the one before it; for one without such a rule, the first."""
    rule = dict(part.split("=", 1) for part in observance.rule.split(";") if "=" in part)
    weekday = _NTH_WEEKDAY.fullmatch(rule.get("BYDAY", ""))
    month = rule.get("BYMONTH", "")
    first = observance.begins
    if rule.get("FREQ") != "YEARLY" or not weekday or not month.isdecimal():
        return [first]
    until = _UNTIL.match(rule.get("UNTIL", ""))
    last = datetime.fromisoformat(until[0]) if until else None
    week, day_of_week = int(weekday[1]), _WEEKDAYS.index(weekday[2])
    days = [(each, _day(each, int(month), week, day_of_week)) for each in (year - 1, year)]
    onsets = [first.replace(year=each, month=int(month), day=day) for each, day in days if day]
    return [onset for onset in onsets if first <= onset and (last is None or onset <= last)]


def _day(year: int, month: int, week: int, weekday: int) -> int:
    """Return the day of a month that is its first, second, … or, counted from -1 back, last such weekday; 0: none."""
    days = [row[weekday] for row in monthcalendar(year, month) if row[weekday]]
    return days[week - 1 if week > 0 else week] if week and abs(week) <= len(days) else 0
