"""Zones as carriers write them: a closed table of abbreviations, and how a local time becomes an instant.

A word that is not in the table is no zone: it is never guessed. Some abbreviations mean different zones in different
places (AST, BST, CST, IST; in Australia EST too), so the zone where the provider is at home decides between them; see
``in_doubt``.
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
    "MEZ": 1,
    "MESZ": 2,
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
# Names that are written out: the abbreviation that each stands for, or its place where the abbreviation alone is
# no one zone. A name that is not here, or only a part of one, is no zone.
_NAMES: Mapping[str, str] = {
    "COORDINATED UNIVERSAL TIME": "UTC",
    "GREENWICH MEAN TIME": "GMT",
    "WESTERN EUROPEAN TIME": "WET",
    "WESTERN EUROPEAN SUMMER TIME": "WEST",
    "BRITISH SUMMER TIME": "BST",
    "IRISH STANDARD TIME": "Europe/Dublin",
    "CENTRAL EUROPEAN TIME": "CET",
    "CENTRAL EUROPEAN SUMMER TIME": "CEST",
    "EASTERN EUROPEAN TIME": "EET",
    "EASTERN EUROPEAN SUMMER TIME": "EEST",
    "MOSCOW TIME": "MSK",
    "MOSCOW STANDARD TIME": "MSK",
    "SOUTH AFRICA STANDARD TIME": "SAST",
    "SOUTH AFRICAN STANDARD TIME": "SAST",
    "GULF STANDARD TIME": "GST",
    "INDIA STANDARD TIME": "Asia/Kolkata",
    "INDIAN STANDARD TIME": "Asia/Kolkata",
    "SINGAPORE TIME": "SGT",
    "SINGAPORE STANDARD TIME": "SGT",
    "HONG KONG TIME": "HKT",
    "HONG KONG STANDARD TIME": "HKT",
    "CHINA STANDARD TIME": "Asia/Shanghai",
    "JAPAN STANDARD TIME": "JST",
    "KOREA STANDARD TIME": "KST",
    "AUSTRALIAN WESTERN STANDARD TIME": "AWST",
    "AUSTRALIAN CENTRAL STANDARD TIME": "ACST",
    "AUSTRALIAN CENTRAL DAYLIGHT TIME": "ACDT",
    "AUSTRALIAN EASTERN TIME": "AET",
    "AUSTRALIAN EASTERN STANDARD TIME": "AEST",
    "AUSTRALIAN EASTERN DAYLIGHT TIME": "AEDT",
    "NEW ZEALAND TIME": "NZT",
    "NEW ZEALAND STANDARD TIME": "NZST",
    "NEW ZEALAND DAYLIGHT TIME": "NZDT",
    "BRASILIA TIME": "BRT",
    "BRASÍLIA TIME": "BRT",
    "BRASILIA SUMMER TIME": "BRST",
}
# The same as a pattern, in any case.
LONG_NAMES = "(?i:" + "|".join(name.replace(" ", r"\s{1,3}") for name in sorted(_NAMES, reverse=True)) + ")"
# What an abbreviation means to a provider whose home is in one of these zones, or in a continent.
_AT_HOME: Mapping[tuple[str, str], str] = {
    ("IST", "Asia/Kolkata"): "Asia/Kolkata",
    ("IST", "Asia/Jerusalem"): "Asia/Jerusalem",
    ("IST", "Europe/Dublin"): "Europe/Dublin",
    ("AST", "Asia/Aden"): "Asia/Aden",
    ("AST", "Asia/Baghdad"): "Asia/Baghdad",
    ("AST", "Asia/Bahrain"): "Asia/Bahrain",
    ("AST", "Asia/Kuwait"): "Asia/Kuwait",
    ("AST", "Asia/Qatar"): "Asia/Qatar",
    ("AST", "Asia/Riyadh"): "Asia/Riyadh",
    ("BST", "Asia/Dhaka"): "Asia/Dhaka",
    ("CST", "Asia"): "Asia/Shanghai",
    ("EST", "Australia"): "Australia/Sydney",
    ("EDT", "Australia"): "Australia/Sydney",
    ("ET", "Australia"): "Australia/Sydney",
    ("EASTERN", "Australia"): "Australia/Sydney",
    ("CST", "Australia"): "Australia/Adelaide",
    ("CDT", "Australia"): "Australia/Adelaide",
    ("CENTRAL", "Australia"): "Australia/Adelaide",
    ("WST", "Australia"): "Australia/Perth",
}
# Of whom nothing is known: what is not of the US alone. "EST" is, where nothing speaks for Australia.
_OF_SEVERAL = frozenset({"ADT", "AST", "BST", "CST", "IST"})
_WRITTEN_OUT = frozenset(word for word in _WALL_CLOCKS if len(word) > 4)
_OF_THE_US = frozenset(_WALL_CLOCKS) - _WRITTEN_OUT
# What remains in doubt, where _AT_HOME does not say it: by the part of the world of a zone that somebody set.
_IN_DOUBT_AT_HOME: Mapping[str, frozenset[str]] = {
    "US": frozenset({"IST"}),
    "America": frozenset({"IST"}),
    "Canada": frozenset({"IST"}),
    "Europe": _OF_SEVERAL - {"BST"},
    "Asia": _OF_SEVERAL | {"MST", "PST"},
    "Australia": _OF_SEVERAL | {"CT"},
}
# And by that in which a provider is at home, where nobody set a zone.
_IN_DOUBT_FROM: Mapping[str, frozenset[str]] = {
    "": _OF_SEVERAL,
    "US": frozenset({"IST"}),
    "Europe": _OF_THE_US | _OF_SEVERAL - {"BST"},
    "Australia": _OF_THE_US | _OF_SEVERAL | _WRITTEN_OUT,
}

_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])\s*(\d{1,2})(?::?(\d{2}))?(?:\s*(?:UTC|GMT))?")
_NAMED = re.compile(r"([A-Z]+)(?: (?:STANDARD|DAYLIGHT))?(?: TIME)?")
_LONGEST_OFFSET_HOURS = 14


def zone_of(words: str, *, home: str | None = None, literal: bool = False) -> tzinfo | None:
    """Return the zone that words name: "ET", "Eastern Time", "CEST", "UTC+8", "GMT-05:00"; None where they name none.

    A name that is written out, "Central European Time", is that of its abbreviation, whatever the provider's home.

    ``home`` is the IANA name of the provider's own zone. ``literal``: EST, CST, MST and PST are five to eight hours
    behind UTC all the year round, and not what the clock shows. "GMT+3" is three hours ahead of GMT.
    """
    text = _plain(words)
    if offset := _OFFSET.fullmatch(text):
        return _offset(offset)
    if text in _NAMES:
        short = _NAMES[text]
        return ZoneInfo(short) if "/" in short else zone_of(short)
    key = _key(text)
    if at_home := _at_home(key, home):
        return ZoneInfo(at_home)
    if literal and key in _LITERAL_HOURS:
        return timezone(timedelta(hours=_LITERAL_HOURS[key]))
    if key in _WALL_CLOCKS or key in _PLACES:
        return ZoneInfo({**_PLACES, **_WALL_CLOCKS}[key])
    return timezone(timedelta(hours=_HOURS[key])) if key in _HOURS else None


def in_doubt(words: str, *, home: str | None, region: str) -> bool:
    """Return whether words are an abbreviation of several zones, between which nothing decides that is known.

    ``home`` is the IANA name of the provider's own zone, ``region`` where else the provider is at home: the "US", or a
    part of the world as IANA names them; empty where nobody knows. "CST" of a carrier in Asia can be of Shanghai or of
    Chicago, "EST" of one in Australia of Sydney or of New York.
    """
    text = _plain(words)
    key = _key(text)
    if text in _NAMES or _at_home(key, home):
        return False
    area, _, place = (home or "").partition("/")
    # Times in UTC are written by carriers everywhere.
    if place:
        return key in _IN_DOUBT_AT_HOME.get(area, _OF_SEVERAL)
    return key in _IN_DOUBT_FROM.get(region, _OF_THE_US | _OF_SEVERAL)


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


def _plain(words: str) -> str:
    return " ".join(words.strip(" ()[],.;:").upper().split())


def _key(text: str) -> str:
    name = _NAMED.fullmatch(text)
    return name[1] if name else text


def _at_home(key: str, home: str | None) -> str | None:
    """Return the name of the zone that an abbreviation means at home, None where that is no other than elsewhere."""
    places = (home, home.partition("/")[0]) if home else ()
    return next((_AT_HOME[key, place] for place in places if (key, place) in _AT_HOME), None)


def _offset(match: re.Match[str]) -> tzinfo | None:
    ahead = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if ahead > timedelta(hours=_LONGEST_OFFSET_HOURS) or int(match[3] or 0) > 59:
        return None
    return timezone(ahead if match[1] == "+" else -ahead)
