"""Zones as carriers write them: a closed table of abbreviations, and how a local time becomes an instant.

A word that is not in the table is no zone: it is never guessed. Three abbreviations mean different zones in different
places (CST, IST, BST; in Australia EST too), so the zone where the provider is at home decides between them.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# What people in the US write means the clock on the wall there, in July as in January: "EST" is what New York has.
_WALL_CLOCKS: Mapping[str, str] = {
    "ET": "America/New_York",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "EASTERN": "America/New_York",
    "CT": "America/Chicago",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "CENTRAL": "America/Chicago",
    "MT": "America/Denver",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "MOUNTAIN": "America/Denver",
    "PT": "America/Los_Angeles",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "PACIFIC": "America/Los_Angeles",
    "AKST": "America/Anchorage",
    "AKDT": "America/Anchorage",
    "ALASKA": "America/Anchorage",
    "HST": "Pacific/Honolulu",
    "HAWAII": "Pacific/Honolulu",
}
# Names of a zone, without saying whether it is summer or winter.
_PLACES: Mapping[str, str] = {
    "AET": "Australia/Sydney",
    "AWT": "Australia/Perth",
    "NZT": "Pacific/Auckland",
    "UK": "Europe/London",
}
# Hours ahead of UTC.
_HOURS: Mapping[str, float] = {
    "UTC": 0,
    "GMT": 0,
    "Z": 0,
    "ZULU": 0,
    "WET": 0,
    "WEST": 1,
    "BST": 1,
    "CET": 1,
    "CEST": 2,
    "MET": 1,
    "MEST": 2,
    "EET": 2,
    "EEST": 3,
    "SAST": 2,
    "MSK": 3,
    "TRT": 3,
    "AST": -4,
    "ADT": -3,
    "BRT": -3,
    "BRST": -2,
    "ART": -3,
    "CLT": -4,
    "CLST": -3,
    "COT": -5,
    "PET": -5,
    "GST": 4,
    "PKT": 5,
    "ICT": 7,
    "WIB": 7,
    "HKT": 8,
    "SGT": 8,
    "MYT": 8,
    "PHT": 8,
    "AWST": 8,
    "JST": 9,
    "KST": 9,
    "ACST": 9.5,
    "ACDT": 10.5,
    "AEST": 10,
    "AEDT": 11,
    "NZST": 12,
    "NZDT": 13,
}
_LITERAL_HOURS: Mapping[str, float] = {
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "AKST": -9,
    "AKDT": -8,
    "HST": -10,
}
# What an abbreviation means to a provider whose home is in one of these zones, or in a continent.
_AT_HOME: Mapping[tuple[str, str], str] = {
    ("IST", "Asia/Kolkata"): "Asia/Kolkata",
    ("IST", "Asia/Jerusalem"): "Asia/Jerusalem",
    ("IST", "Europe/Dublin"): "Europe/Dublin",
    ("BST", "Asia/Dhaka"): "Asia/Dhaka",
    ("CST", "Asia"): "Asia/Shanghai",
    ("EST", "Australia"): "Australia/Sydney",
    ("EDT", "Australia"): "Australia/Sydney",
    ("ET", "Australia"): "Australia/Sydney",
    ("CST", "Australia"): "Australia/Adelaide",
    ("WST", "Australia"): "Australia/Perth",
}

_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])\s*(\d{1,2})(?::?(\d{2}))?(?:\s*(?:UTC|GMT))?")
_NAMED = re.compile(r"([A-Z]+)(?: (?:STANDARD|DAYLIGHT))?(?: TIME)?")
_LONGEST_OFFSET_HOURS = 14


def zone_of(words: str, *, home: str | None = None, literal: bool = False) -> tzinfo | None:
    """Return the zone that words name: "ET", "Eastern Time", "CEST", "UTC+8", "GMT-05:00"; None where they name none.

    ``home`` is the IANA name of the provider's own zone. ``literal``: EST, CST, MST and PST are five to eight hours
    behind UTC all the year round, and not what the clock shows. "GMT+3" is three hours ahead of GMT.
    """
    text = " ".join(words.strip(" ()[],.;:").upper().split())
    if offset := _OFFSET.fullmatch(text):
        return _offset(offset)
    name = _NAMED.fullmatch(text)
    if text in ("UTC TIME", "GMT TIME", "GREENWICH MEAN TIME", "COORDINATED UNIVERSAL TIME"):
        return UTC
    key = name[1] if name else text
    for place in (home, home.partition("/")[0]) if home else ():
        if (key, place) in _AT_HOME:
            return ZoneInfo(_AT_HOME[key, place])
    if literal and key in _LITERAL_HOURS:
        return timezone(timedelta(hours=_LITERAL_HOURS[key]))
    if key in _WALL_CLOCKS or key in _PLACES:
        return ZoneInfo({**_PLACES, **_WALL_CLOCKS}[key])
    return timezone(timedelta(hours=_HOURS[key])) if key in _HOURS else None


def named_zone(name: str) -> ZoneInfo | None:
    """Return the zone of an IANA name; None where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def instant(local: datetime, zone: tzinfo, *, latest: bool) -> datetime:
    """Return a naive local time of a zone as an instant in UTC.

    Of an hour that the clock shows twice this is the earlier one, or with ``latest`` the later: a start is never too
    late, an end or an estimate never too early. A time in the hour that the clock leaves out moves forward by it.
    Raises ``OverflowError`` for what lies beyond the years 1 to 9999.
    """
    earlier, later = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    # In the hour left out, fold 0 is the later instant, and the one that moves forward.
    return max(earlier, later) if latest else earlier


def _offset(match: re.Match[str]) -> tzinfo | None:
    ahead = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if ahead > timedelta(hours=_LONGEST_OFFSET_HOURS) or int(match[3] or 0) > 59:
        return None
    return timezone(ahead if match[1] == "+" else -ahead)
