"""Times as people type them: an instant in ISO 8601, a time of the day with or without a zone, or so long from now."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import Enum, auto

from domain.outage_edits import AHEAD
from parsers.zones import zone_of

FORMS = 'write 2026-11-23T04:00Z (local time without the Z), 14:05 or "14:05 CET", or +2h, +90m, +1h30m, +1d from now'

_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?) ?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_CLOCK = re.compile(r"([0-9]{2}:[0-9]{2}) ?([A-Za-z+-][A-Za-z0-9:+ -]{0,40})?")
_FROM_NOW = re.compile(r"\+(?=[0-9])(?:([0-9]{1,3})d)?(?:([0-9]{1,4})h)?(?:([0-9]{1,5})m)?")

# What people in the US write of the clock on the wall: summer, or winter.
_SEASON = re.compile(r"(?:E|C|M|P|AK)[SD]T", re.IGNORECASE)

_QUOTED_CHARACTERS = 60
_DAY = timedelta(days=1)


class Meant(Enum):
    """What a time is of: that decides between two days, and between the two passes of an hour that comes twice."""

    START = auto()
    END = auto()
    ESTIMATE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedTime:
    """An instant, the words that were typed, and the zone in which they are; None where they count from now."""

    at: datetime
    words: str
    zone: str | None


def typed_time(text: str, meant: Meant, now: datetime) -> TypedTime:
    """Return the instant that a person means, in UTC. Raises ``ValueError``, with the forms that there are.

    A time of the day is, of a start or an end, the newest one that is not ahead; of an estimate, the next one. Where
    the clock shows an hour twice, a start is in the first, an end and an estimate are in the second, unless that is
    still ahead of an end. ``+2h`` counts from the minute that it is.
    """
    words = " ".join(text.split())
    try:
        if found := _FROM_NOW.fullmatch(words):
            return TypedTime(at=now.replace(second=0, microsecond=0) + _span(found.groups()), words=words, zone=None)
        if found := _ISO.fullmatch(words):
            days, at, name = [datetime.fromisoformat(f"{found[1]}T{found[2]}")], None, found[3]
        elif found := _CLOCK.fullmatch(words):
            days, at, name = [], time.fromisoformat(found[1]), found[2]
        else:
            raise ValueError("no form")
        zone = _zone(name) if name else None
        if at is not None:
            days = _days(at, zone, now)
        instant = _nearest([_instant(day, zone, meant, now, name=name or "") for day in days], meant, now)
    except (ValueError, OverflowError) as error:
        raise ValueError(_refusal(text, error)) from None
    return TypedTime(at=instant, words=words, zone=_named(name, instant))


class _NoZone(ValueError):
    """Say that a word is no zone of the table."""


def _refusal(text: str, error: Exception) -> str:
    if isinstance(error, _NoZone):
        return f"{error} is no zone that is known: {FORMS}"
    shown = text if len(text) <= _QUOTED_CHARACTERS else f"{text[: _QUOTED_CHARACTERS - 1]}…"
    return f"{shown!r} is no time: {FORMS}"


def _span(parts: Sequence[str | None]) -> timedelta:
    days, hours, minutes = (int(part or 0) for part in parts)
    return timedelta(days=days, hours=hours, minutes=minutes)


def _zone(name: str) -> tzinfo:
    zone = zone_of(name)
    if zone is None:
        raise _NoZone(repr(name))
    return zone


def _named(name: str | None, instant: datetime) -> str | None:
    """Return the name of a zone as it was written; of the zone of this machine the one that it has then."""
    if name is None:
        return instant.astimezone().tzname()
    return "UTC" if name in "Zz" else name.strip().upper()


def _days(at: time, zone: tzinfo | None, now: datetime) -> list[datetime]:
    """Return a time of the day on yesterday, today and tomorrow, as they are in its zone."""
    today = now.astimezone(zone).date()
    return [datetime.combine(today + distance * _DAY, at) for distance in (-1, 0, 1)]


def _instant(written: datetime, zone: tzinfo | None, meant: Meant, now: datetime, *, name: str) -> datetime:
    """Return the instant of a time of the clock on the wall; ``zone`` None: on that of this machine.

    Of an hour that comes twice "EDT" is the first and "EST" the second, whatever is meant. A time in the hour that the
    clock leaves out moves forward by it, as in ``parsers.zones.instant``.
    """
    # By the timestamp: ``astimezone`` of a local time in the hour left out goes back by it.
    passes = (written.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
    first, second = (datetime.fromtimestamp(seconds, UTC) for seconds in passes)
    if first < second and _SEASON.fullmatch(name):
        return first if "D" in name.upper() else second
    latest = max(first, second)
    if meant is Meant.START or (meant is Meant.END and latest > now + AHEAD):
        return first
    return latest


def _nearest(found: Sequence[datetime], meant: Meant, now: datetime) -> datetime:
    if len(found) == 1:
        return found[0]
    if meant is Meant.ESTIMATE:
        return min(one for one in found if one > now)
    return max(one for one in found if one <= now + AHEAD)
