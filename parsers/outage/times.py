"""Times of outages as notices write them: instants by explicit forms, and estimates in words that are no date.

Nothing is guessed: all words of a time must be understood, a zone above all, and whatever an estimate may mean that
these forms do not hold is not stated. Relative words count from the Date of the notice.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from domain.events import StatedEtr
from parsers.clock import MONTHS, Clock
from parsers.forms import BY_NAME, DateOrder
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import NotUnderstood
from parsers.zones import in_doubt, instant, named_zone, zone_of

_READ_CHARACTERS = 200
_QUOTED_CHARACTERS = 80
# A mail may be an hour late with what it expects.
_LATE = timedelta(hours=1)
# A time alone that has passed by hours can be that of tomorrow, or one that nobody removed.
_SOON = timedelta(hours=16)
# Two ways to say one time are not always of one clock: "EST" is said in summer too.
_ABOUT = timedelta(hours=1)
_LONGEST = timedelta(days=31)
_DAY = timedelta(days=1)

_ORDERS = frozenset({DateOrder.DAY_MONTH, DateOrder.MONTH_DAY})
_MONTH = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY = re.compile(
    r"(?<![\w/])(?:mon(?:day)?|tue(?:s|sday)?|wed(?:s|nesday)?|thu(?:r|rs|rsday)?|fri(?:day)?|sat(?:urday)?"
    r"|sun(?:day)?)\b\.?",
    re.IGNORECASE,
)
_NEAR_DAYS: Mapping[str, int] = {"yesterday": -1, "today": 0, "tomorrow": 1}
_NEAR_DAY = re.compile(r"\b(?:yesterday|today|tomorrow)\b", re.IGNORECASE)

# As the command "date" writes it, with the year behind the zone.
_YEAR_LAST = re.compile(
    rf"^(?:(?P<weekday>(?:mon|tue|wed|thu|fri|sat|sun),? )|\w{{3}},? )?{_MONTH}"
    r" (?P<day>\d{1,2}) (?P<time>\d\d:\d\d:\d\d)(?P<zone> [A-Z]{1,5})?"
    r" (?P<year>\d{4})\b",
    re.IGNORECASE,
)
# ISO 8601 without seconds: its offset is no end of a span.
_SHORT_ISO = re.compile(r"(?<=\d)T(\d{2}:\d{2})(?=[+-]\d{2}:?\d{2})")
_ISO = re.compile(r"(?<=\d)T(?=\d)")
_COMPACT = re.compile(r"(?<![\w-])(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})?(?=Z\b|[+-]\d|[ ]|$)")
_AFTER_YEAR = r"(?![\d:.h]|\s?[ap]\.?m\b|\s?(?:hrs?|hours?|h|uhr)\b)"
_DATES = (
    re.compile(r"(?<!\d)(?P<year>\d{4})(?P<sep>[-/. ])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})(?!\d)"),
    re.compile(rf"(?<!\d)(?P<year>\d{{4}})[-/. ]{_MONTH}[-/. ](?P<day>\d{{1,2}})(?!\d)", re.IGNORECASE),
    re.compile(
        rf"(?<!\d)(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)?[-/ .]{{0,2}}{_MONTH}\.?[-/ .,']{{0,3}}"
        rf"(?P<year>\d{{4}}|\d{{2}}){_AFTER_YEAR}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b{_MONTH}\.?[-/ ]{{0,2}}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[-/ .,]{{1,3}}(?P<year>\d{{4}}){_AFTER_YEAR}",
        re.IGNORECASE,
    ),
)
_NUMBERS = re.compile(r"(?<!\d)(?P<first>\d{1,2})(?P<sep>[-/.])(?P<second>\d{1,2})(?P=sep)(?P<year>\d{4}|\d{2})(?!\d)")
_WITHOUT_YEAR = (
    re.compile(
        rf"(?<![\d.:])(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)?[-/ .]{{0,2}}{_MONTH}\b\.?(?![-/.]\d)", re.IGNORECASE
    ),
    re.compile(
        rf"\b{_MONTH}\.?[-/ ]{{0,2}}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\d:]|h\d|\s?[ap]\.?m\b)", re.IGNORECASE
    ),
)
_NUMBERS_WITHOUT_YEAR = re.compile(
    r"(?<![\d/.:-])(?P<first>\d{1,2})(?:/(?P<second>\d{1,2})(?![\d/.:])|\.(?P<dotted>\d{1,2})\.(?!\d))"
)
_DAYS = (*_DATES, _NUMBERS, *_WITHOUT_YEAR, _NUMBERS_WITHOUT_YEAR)

_HALF = r"(?P<half>[ap])\.?\s?m\b\.?"
# What follows a time and is an offset from UTC, and not the end of a span: "18:00:00-05:00", "18:00 +01:00".
_OFFSET_BEHIND = (
    r"(?P<offset>(?:\s?\+\d{2}:?\d{2}|(?<=:\d\d:\d\d)-\d{2}:?\d{2}|(?<=\d\.\d{3})-\d{2}:?\d{2}|\s-\d{4})(?![\d:]))?"
)
_TIMES = (
    re.compile(
        rf"(?<![\d:.,])(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}})(?::(?P<second>\d{{2}})(?:[.,]\d{{1,9}})?)?(?![\d:])"
        rf"(?:\s?{_HALF})?{_OFFSET_BEHIND}",
        re.IGNORECASE,
    ),
    re.compile(rf"(?<![\d:.,])(?P<hour>\d{{1,2}})\s?{_HALF}", re.IGNORECASE),
    re.compile(rf"(?<![\d:.,])(?P<hour>\d{{1,2}})\.(?P<minute>\d{{2}})\s?{_HALF}", re.IGNORECASE),
    re.compile(r"(?<![\d:.,])(?P<hour>\d{1,2})h(?P<minute>\d{2})\b", re.IGNORECASE),
    re.compile(r"(?<![\d:.,])(?P<hour>\d{1,2})\.(?P<minute>\d{2})(?=\s?(?:hrs?|h|hours|uhr)\b)", re.IGNORECASE),
    re.compile(r"(?<![\d:.,+-])(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)(?![\d:.,%/-])(?P<bare>)"),
    re.compile(r"\b(?P<noon>noon)\b", re.IGNORECASE),
)
# "2:54 AM (0254) UTC" says the same time twice.
_TWICE = re.compile(r"\s?\((?P<hour>\d{2}):?(?P<minute>\d{2})(?:\s?(?:hrs|h|hours))?\)")

_NAMED_OFFSET = re.compile(
    r"\b(?:UTC|GMT)(?:\s?[+-]\d{1,2}(?::?\d{2})?|\s\+\s\d{1,2}(?::?\d{2})?|\s-\s\d{1,2})(?![\d:])", re.IGNORECASE
)
_FILLERS = re.compile(
    r"\b(?:at|on|by|the|of|hrs?|h|hours|uhr|approx(?:imately)?|about|around|circa|ca|local(?: standard)? time|local"
    r"|timezone|time zone|tz)\b\.?|\b(?:us|u\.s\.) (?:&|and) canada\b",
    re.IGNORECASE,
)
_PUNCTUATION = re.compile(r"[()\[\],;|@~]+|(?<!\S)[-–—.:]+(?!\S)|[.:]+(?=\s|$)")
_SAID_TWICE = re.compile(r"(?P<first>[^()/]{2,90}[^()/ ]) ?(?:/ |\()(?P<second>[^()/]{3,90})\)?")
_ANY_OFFSET = re.compile(rf"{_NAMED_OFFSET.pattern}|\+\d{{2}}:?\d{{2}}", re.IGNORECASE)
_UTC_NAMED = re.compile(r"\b(?:UTC|GMT)\b|\dZ\b")
_END_OF_SPAN = re.compile(r"- ?\d{1,2}:\d{2}")
_ZULU = re.compile(r"(?<=\d)(?:Z|(?=UTC\b|GMT\b))")
# What follows a time and a zone and says nothing more of when.
_PROSE = re.compile(
    r"[,;.]\s+(?=[A-Za-z])|\s+[-–—]\s+(?=[A-Za-z])"
    r"|\s+\((?=(?:estimated?|approx|revised|updated|subject|depending|provided|weather|tentative|best|if|unless)\b)"
)
_NO_PROSE = re.compile(
    r"\d|\b[A-Z]{2,5}\b|\b(?i:[ap]\.?m|time|local|zone|noon|midnight|tomorrow|today|tonight|yesterday|next|last|mon(?:day)?"
    r"|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?|jan|feb|mar|apr|may|jun|jul|aug"
    r"|sep|oct|nov|dec|eastern|central|mountain|pacific|no|not|cannot|never|longer|missed|passed|was|were|withdrawn"
    r"|earlier|previous\w*|originally|utc|gmt)\b|n't\b"
)


class OrderUnknown(NotUnderstood):
    """Say that a date can be two days, because nobody told in which order its numbers are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """A day as it is written: with its year, or without, or as a weekday, or as a distance from the Date.

    ``beside`` is the weekday that stands beside a date.
    """

    year: int | None = None
    month: int = 0
    day: int = 0
    weekday: int | None = None
    distance: int | None = None
    beside: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """What a text says of a moment. None: it does not say."""

    day: _Day | None
    time: time | None
    zones: tuple[tzinfo, ...]
    zone_words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """How a notice writes times: ``clock`` knows order and zone, ``date`` is the Date of the notice, in UTC."""

    clock: Clock
    date: datetime

    def instant(self, text: str, *, latest: bool = False) -> datetime:
        """Return the instant that a text states: a time, its day and its zone, or else the provider's zone.

        A date without a year is in the year nearest to the Date, a time alone on the nearest day. ``latest``: it is an
        end. Raises ``NotUnderstood`` where anything is missing or any word of it is not known.
        """
        words = " ".join(text[:_READ_CHARACTERS].split())
        return self._stated(_without_prose(words), words, latest=latest, ahead=False)

    def etr(self, text: str) -> StatedEtr | None:
        """Return the estimated time of restoration that a text states, with no instant where it says there is none.

        None: it states neither, or in words that nobody can be sure of. Of a span it is the upper end.
        """
        words = " ".join(text.split())[:_READ_CHARACTERS].rstrip()
        plain = self._without_former(words.strip(" .:;-–—*_"))
        if not plain:
            return None
        if _withdrawn(plain):
            return StatedEtr(at=None, words=words)
        try:
            at = self._counted(plain) or self._estimate(plain)
        except (NotUnderstood, OverflowError):
            return None
        return StatedEtr(at=at, words=words)

    def zone_in(self, text: str) -> str | None:
        """Return the words in which a text names its zone, None where it names none or cannot be read."""
        words = " ".join(text[:_READ_CHARACTERS].split())
        try:
            return self._moment(_without_prose(words), words).zone_words or None
        except NotUnderstood:
            return None

    def names_time(self, text: str) -> bool:
        """Return whether a text names a time of the day, in a form that is known."""
        words = _COMPACT.sub(_expanded, " ".join(text[:_READ_CHARACTERS].split()))
        # The year of a date is no time.
        found = next((found for pattern in _DAYS if (found := pattern.search(words))), None)
        rest = f"{words[: found.start()]} {words[found.end() :]}" if found else words
        return _timed(_ZULU.sub(" ", rest))

    def names_day(self, text: str) -> bool:
        """Return whether a text names a day, in a form that is known."""
        words = " ".join(text[:_READ_CHARACTERS].split())
        return any(pattern.search(words) for pattern in (_COMPACT, *_DAYS, _WEEKDAY, _NEAR_DAY))

    def _without_former(self, words: str) -> str:
        """Return an estimate without the one that it replaces: "18:30 CET (was 17:00 CET)"."""
        found = _FORMER.search(words)
        if found is None:
            return words
        try:
            former = _duration(found["former"]) or self._moment(found["former"], words)
        except NotUnderstood:
            return words
        return words[: found.start()] if former else words

    def _estimate(self, words: str) -> datetime:
        text = _without_prose(_LEAD.sub("", words))
        for bounds in _spans(text):
            try:
                first, last = (self._moment(bound, words) for bound in bounds)
            except NotUnderstood:
                continue
            return self._upper(first, last, words)
        return self._stated(text, words, latest=True, ahead=True)

    def _counted(self, words: str) -> datetime | None:
        """Return the end of a time counted from the Date, None for what is none.

        Of one with a moment beside it, "4 hours (18:00 UTC)", the moment counts where it is about the same.
        """
        twice = _SAID_TWICE.fullmatch(words)
        bounds = (twice["first"], twice["second"]) if twice else (words, "")
        spans = [_duration(bound) for bound in bounds]
        span = spans[0] or spans[1]
        if not span:
            return None
        counted = self.date + span
        other = bounds[1] if spans[0] else bounds[0]
        stated = self._estimate(other) if twice else counted
        if abs(stated - counted) > _ABOUT:
            raise NotUnderstood(f'it names two times: "{words[:_QUOTED_CHARACTERS]}"')
        return stated

    def _stated(self, text: str, words: str, *, latest: bool, ahead: bool) -> datetime:
        """Return the instant of a text that states one, or one in two zones, of which that in UTC counts."""
        twice = _SAID_TWICE.fullmatch(text)
        bounds = [twice["first"], twice["second"]] if twice else []
        if not twice or not all(_timed(_ANY_OFFSET.sub(" ", bound)) for bound in bounds):
            return self._instant(self._moment(text, words), words, latest=latest, ahead=ahead)
        first, second = (self._moment(bound, words) for bound in bounds)
        at = self._instant(first, words, latest=latest, ahead=ahead)
        # A day that only one of them names need not be that of the other.
        near = replace(self, date=at)
        again = near._instant(second, words, latest=latest, ahead=False)
        in_utc = [moment for moment, bound in zip((at, again), bounds, strict=True) if _UTC_NAMED.search(bound)]
        if abs(again - at) > _ABOUT or (again != at and len(in_utc) != 1):
            raise NotUnderstood(f'it names two times: "{words[:_QUOTED_CHARACTERS]}"')
        return in_utc[0] if in_utc else at

    def _upper(self, first: _Moment, last: _Moment, words: str) -> datetime:
        """Return the upper end of a span, each of whose ends may leave to the other what both share."""
        zones = last.zones or first.zones
        if not first.day:
            return self._instant(replace(last, zones=zones), words, latest=True, ahead=True)
        earlier = self._instant(replace(first, zones=first.zones or zones), words, latest=False, ahead=True)
        later = self._instant(replace(last, day=last.day or first.day, zones=zones), words, latest=True, ahead=True)
        if later < earlier and last.day:
            raise NotUnderstood(f'it ends before it begins: "{words[:_QUOTED_CHARACTERS]}"')
        return later if later >= earlier else later + _DAY

    # Which moment a text names

    def _moment(self, text: str, words: str) -> _Moment:
        text = _YEAR_LAST.sub(r"\g<weekday>\g<day> \g<name> \g<year> \g<time>\g<zone>", text)
        rest = _COMPACT.sub(_expanded, _ZULU.sub(lambda found: f" {found[0]}", text))
        rest = _ISO.sub(" ", _SHORT_ISO.sub(r" \1:00", rest))
        named = [found[0] for found in _NAMED_OFFSET.finditer(rest)]
        day, rest = self._day(_NAMED_OFFSET.sub(" ", rest), words)
        at, offset, rest = _time(rest, words)
        left = _PUNCTUATION.sub("|", _FILLERS.sub(" ", rest).strip())
        chunks = dict.fromkeys(stripped for chunk in left.split("|") if (stripped := " ".join(chunk.split())))
        if at is None and day is None:
            raise NotUnderstood(f'no date and time in "{words[:_QUOTED_CHARACTERS]}"')
        zones = (
            *(self._zone(chunk, words) for chunk in (*named, offset) if chunk),
            *(self._left_zone(chunk, words) for chunk in chunks),
        )
        return _Moment(day=day, time=at, zones=zones, zone_words=" ".join(filter(None, (*named, offset, *chunks))))

    def _left_zone(self, chunk: str, words: str) -> tzinfo:
        if _END_OF_SPAN.fullmatch(chunk):
            raise NotUnderstood(f'is "{chunk}" a zone, or an end: "{words[:_QUOTED_CHARACTERS]}"')
        if _timed(chunk):
            raise NotUnderstood(f'it names two times, is it a span? "{words[:_QUOTED_CHARACTERS]}"')
        more = [word for word in chunk.split() if zone_of(word) is None]
        if len(more) < len(chunk.split()) and zone_of(chunk, home=self.clock.zone) is None:
            raise NotUnderstood(f'"{" ".join(more)}" is not understood in "{words[:_QUOTED_CHARACTERS]}"')
        return self._zone(chunk, words)

    def _zone(self, chunk: str, words: str) -> tzinfo:
        region = self.clock.region
        if region is not None and in_doubt(chunk, home=self.clock.zone, region=region):
            raise NotUnderstood(
                f'"{chunk}" can be several zones: "{words[:_QUOTED_CHARACTERS]}": '
                "set zone of the provider in the configuration, or of the template"
            )
        zone = zone_of(chunk, home=self.clock.zone, literal=self.clock.literal)
        zone = zone or (named_zone(chunk) if "/" in chunk else None)
        if zone is None:
            raise NotUnderstood(f'"{chunk}" is no zone that is known: "{words[:_QUOTED_CHARACTERS]}"')
        return zone

    def _day(self, text: str, words: str) -> tuple[_Day | None, str]:
        """Return the day that a text names, and the text without it."""
        found = self._numbered_day(text, words)
        rest = text if found is None else f"{text[: found[1]]} {text[found[2] :]}"
        weekday = _WEEKDAY.search(rest)
        if weekday:
            rest = f"{rest[: weekday.start()]} {rest[weekday.end() :]}"
        if found:
            beside = _WEEKDAYS.index(weekday[0][:3].lower()) if weekday else None
            return replace(found[0], beside=beside), rest
        near = _NEAR_DAY.search(rest)
        if near:
            rest = f"{rest[: near.start()]} {rest[near.end() :]}"
            return _Day(distance=_NEAR_DAYS[near[0].lower()]), rest
        return (_Day(weekday=_WEEKDAYS.index(weekday[0][:3].lower())), rest) if weekday else (None, rest)

    def _numbered_day(self, text: str, words: str) -> tuple[_Day, int, int] | None:
        """Return the day that a text names by numbers or by the name of its month, and where that stands."""
        for pattern in _DAYS:
            if found := pattern.search(text):
                named = found.groupdict()
                digits = named.get("year")
                year = self._year(digits, words) if digits else None
                if "first" in named:
                    month, number = self._ordered(
                        int(named["first"]), int(named["second"] or named["dotted"]), digits, words
                    )
                else:
                    name = named.get("name")
                    month = MONTHS.index(name[:3].lower()) + 1 if name else int(named["month"])
                    number = int(named["day"])
                return _Day(year=year, month=month, day=number), found.start(), found.end()
        return None

    def _year(self, digits: str, words: str) -> int:
        if len(digits) == 4:
            return int(digits)
        year = 2000 + int(digits)
        if abs(year - self.date.year) > 1:
            raise NotUnderstood(f'no year near the Date of the notice: "{words[:_QUOTED_CHARACTERS]}"')
        return year

    def _ordered(self, first: int, second: int, year: str | None, words: str) -> tuple[int, int]:
        """Return month and day of two numbers, in the order that is known or that alone is possible."""
        order = self.clock.order
        if order is DateOrder.DAY_MONTH:
            return second, first
        if order is DateOrder.MONTH_DAY:
            return first, second
        if year is None or len(year) == 4:
            if first == second or 12 < second <= 31:
                return first, second
            if 12 < first <= 31:
                return second, first
        raise OrderUnknown(
            f'"{words[:_QUOTED_CHARACTERS]}": day and month in an order that is not known: '
            "set date_order of the provider in the configuration"
        )

    # When that is

    def _instant(self, moment: _Moment, words: str, *, latest: bool, ahead: bool) -> datetime:
        """Return when a moment is; ``ahead``: it is expected, so that a day that is not stated lies ahead."""
        at = moment.time
        if at is None:
            raise NotUnderstood(f'no time of the day in "{words[:_QUOTED_CHARACTERS]}"')
        zones = moment.zones or (self._own(words),)
        try:
            found = {self._in_zone(moment.day, at, zone, latest=latest, ahead=ahead) for zone in zones}
        except (ValueError, OverflowError):
            raise NotUnderstood(f'no such date or time: "{words[:_QUOTED_CHARACTERS]}"') from None
        if len(found) > 1:
            raise NotUnderstood(f'its zones are not one: "{words[:_QUOTED_CHARACTERS]}"')
        return found.pop()

    def _own(self, words: str) -> tzinfo:
        zone = named_zone(self.clock.zone) if self.clock.zone else None
        if zone is None:
            raise NotUnderstood(
                f'"{words[:_QUOTED_CHARACTERS]}": no zone is stated: set zone of the provider in the configuration, '
                "or of the template"
            )
        return zone

    def _in_zone(self, day: _Day | None, at: time, zone: tzinfo, *, latest: bool, ahead: bool) -> datetime:
        """Return the one of the days that can be meant on which this time is nearest, or the next."""
        days = _days(day, self.date.astimezone(zone).date())
        found = {instant(datetime.combine(one, at), zone, latest=latest): one for one in days}
        if not found:
            raise ValueError("no such day")
        if ahead and (day is None or day.weekday is not None):
            ahead_of_it = [one for one in found if one > self.date - _LATE]
            expected = [one for one in ahead_of_it if day or one < self.date + _SOON]
            if not expected:
                raise ValueError("past, or tomorrow")
            return min(expected)
        nearest = min(found, key=lambda one: abs(one - self.date))
        if day and day.beside not in (None, found[nearest].weekday()):
            raise NotUnderstood(f"{found[nearest]:%Y-%m-%d} is no {_WEEKDAYS[day.beside].title()}")
        return nearest


def moments_of(
    notification: Notification, provider: Provider, *, order: DateOrder | None = None, zone: str | None = None
) -> Moments:
    """Return how a notice writes times: as the configuration says, else in the order and zone of its form.

    Where its form has no order, it is that in which the provider writes of its maintenances.

    Raises ``NotUnderstood`` where the notice has no Date, from which much is counted.
    """
    if notification.date is None:
        raise NotUnderstood("it has no Date, without which its times cannot be read")
    # Of an order that is not known, numbers that can be only one are read.
    known = DateOrder(provider.date_order) if provider.date_order else order or _order_of(provider)
    clock = Clock(order=known, zone=provider.zone or zone, literal=provider.literal_zones, region=provider.region)
    return Moments(clock=clock, date=notification.date.astimezone(UTC))


def _order_of(provider: Provider) -> DateOrder:
    """Return the order in which all the forms of a provider's maintenances write day and month, if there is one."""
    forms = (BY_NAME.get(reader) for reader in provider.readers)
    orders = {form.date_order for form in forms if form and form.date_order in _ORDERS}
    return orders.pop() if len(orders) == 1 else DateOrder.MONTH_BY_NAME


# Parts of a moment


def _days(day: _Day | None, today: date) -> list[date]:
    """Return the days that can be meant, near the day of the notice."""
    if day is None:
        return [today + distance * _DAY for distance in (-1, 0, 1)]
    if day.distance is not None:
        return [today + day.distance * _DAY]
    if day.weekday is not None:
        near = (today + distance * _DAY for distance in range(-7, 8))
        return [one for one in near if one.weekday() == day.weekday]
    if day.year is not None:
        return [date(day.year, day.month, day.day)]
    return list(_in_years(day, today.year))


def _in_years(day: _Day, year: int) -> Iterator[date]:
    for near in (year - 1, year, year + 1):
        try:
            yield date(near, day.month, day.day)
        except ValueError:
            # The 29th of February of another year.
            continue


def _time(text: str, words: str) -> tuple[time | None, str, str]:
    """Return the time of the day that a text names, the offset behind it, and the text without both."""
    for pattern in _TIMES:
        found = pattern.search(text)
        if not found:
            continue
        rest = text[found.end() :]
        named = found.groupdict()
        at = time(12) if named.get("noon") else _clock_time(named, words)
        if (twice := _TWICE.match(rest)) and (int(twice["hour"]), int(twice["minute"])) == (at.hour, at.minute):
            rest = rest[twice.end() :]
        return at, (named.get("offset") or "").strip(), f"{text[: found.start()]} {rest}"
    return None, "", text


def _timed(text: str) -> bool:
    return any(pattern.search(text) for pattern in _TIMES)


def _clock_time(named: Mapping[str, str | None], words: str) -> time:
    hour, minute, second = (int(named.get(name) or 0) for name in ("hour", "minute", "second"))
    half = (named.get("half") or "").lower()
    if half and not 1 <= hour <= 12:
        raise NotUnderstood(f'no hour of a half day: "{words[:_QUOTED_CHARACTERS]}"')
    try:
        return time(hour % 12 + (12 if half == "p" else 0) if half else hour, minute, second)
    except ValueError:
        raise NotUnderstood(f'no such time: "{words[:_QUOTED_CHARACTERS]}"') from None


def _expanded(found: re.Match[str]) -> str:
    return f"{found[1]}-{found[2]}-{found[3]} {found[4]}:{found[5]}:{found[6] or '00'}"


def _without_prose(words: str) -> str:
    """Return a text without what follows its time and says nothing of when, nor can be the name of a zone."""
    for found in _PROSE.finditer(words):
        behind = words[found.end() :]
        timed = _timed(words[: found.start()])
        plain = behind[0].islower() or bool(_ANY_ZONE.search(words, 0, found.start())) or " " in behind
        if timed and plain and not _NO_PROSE.search(behind):
            return words[: found.start()]
    return words


# Estimates in words

_LEAD = re.compile(
    r"^(?:(?:the|service|services|is|are|will be|to be|currently|now|revised|updated|extended|new|latest|estimated"
    r"|expected|estimate|anticipated|restored|etr|ettr|time|set|for|no later than|not later than|before|until|till|by"
    r"|to"
    r"|approx(?:imately)?\.?|about|around|circa|ca\.?|roughly|at|on|within|from|between)[ :]{1,2}){1,8}",
    re.IGNORECASE,
)
# The estimate that one replaces, behind it.
_FORMER = re.compile(
    r"\s?[(\[,;]\s?(?:was|previous(?:ly)?|prior|original(?:ly)?|former(?:ly)?|old|instead of"
    r"|(?:changed|moved|extended|revised|updated|up) from)(?: (?:etr|ettr|estimate))?[ :]{1,2}"
    r"(?P<former>[^()\[\],;]{1,60})[)\]]?$",
    re.IGNORECASE,
)
_SPACED_SPAN = re.compile(r"\s(?:-|–|—|to|until|till|and)\s", re.IGNORECASE)
_TIGHT_SPAN = re.compile(r"(?<=[\dm])[-–—](?=\d)", re.IGNORECASE)
_ANY_ZONE = re.compile(r"\b(?:UTC|GMT|Z|[A-Z]{1,2}[SD]?T)\b|\dZ\b")

_NOW = (
    r"(?: (?:(?:is|are|was|has been|yet|available|known|provided|given|determined|established|stated|currently|now"
    r"|still|at|the|this|that|present|point|time|moment|stage|from|carrier|vendor|provider|as|of|so|far))){0,9}"
)
_WITHDRAWN = re.compile(
    r"(?:(?:the |an )?(?:etr|ettr|eta|estimate|estimated time of (?:restoration|repair)|restoration time)"
    r"(?: (?:is|:|=|remains))?[ :]{1,2})?(?:is |are |currently |still |yet |now )?"
    r"(?:t\.?b\.?[dac]|n[/.]?a|none|nil|unknown|undetermined|pending|unavailable"
    r"|(?:not|un)(?: yet| currently| presently)?(?: been)? ?(?:known|available"
    r"|determined|confirmed|established|provided|given)"
    r"|(?:yet )?to be (?:advised|determined|announced|confirmed|established)"
    r"|no(?:t)?(?: (?:an?|current|firm|definite|confirmed|reliable))? (?:etr|ettr|eta|estimate|estimated time of"
    r" (?:restoration|repair)|estimated (?:restoration|repair) time|time))"
    rf"{_NOW}",
    re.IGNORECASE,
)
_NONE_NOW = re.compile(
    r"(?:there is (?:currently |still |as yet )?no|no"
    r"|we (?:currently )?(?:do not|don't) (?:currently |yet )?have an?y?)"
    r"(?: (?:firm|current|confirmed|definite|exact|reliable|estimated))?(?: (?:etr|ettr|estimates?)"
    r"| (?:restoration|repair) time)\b\D{0,200}",
    re.IGNORECASE,
)
_AFTER_WITHDRAWN = re.compile(r"\s?(?:[.;,(\[]|\s[-–—]\s)\s?")
_OTHER_TIMES = re.compile(r"\b(?:next update|technicians?|eta|crews?|dispatch\w*|update)\b", re.IGNORECASE)

_UNITS: Mapping[str, timedelta] = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_COUNTS: Mapping[str, float] = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twelve": 12, "half an": 0.5,
}  # fmt: skip
_COUNT = rf"(?:\d{{1,4}}(?:[.,]\d)?|{'|'.join(sorted(_COUNTS, key=len, reverse=True))})"
_UNIT = r"(?:minutes?|mins?\.?|m|hours?|hrs?\.?|h|days?|d)"
_PLURAL = r"(?:\(s\))?"
_DURATION = re.compile(
    rf"(?:(?:the|is|it|will be|restored|expected|estimated|time|approx(?:imately)?\.?|about|around|circa|ca\.?|roughly"
    r"|within|in|next|up to|less than|under|no more than|not more than|max\.?|maximum|another"
    r"|further|additional|~|<)[ :]?){0,6}"
    rf"(?:(?P<low>{_COUNT}) ?(?:{_UNIT}{_PLURAL} ?)?(?:-|–|—|to|or) ?)?"
    rf"(?P<count>{_COUNT})[ -]?(?P<unit>{_UNIT}){_PLURAL}"
    rf"(?:,? ?(?:and )?(?P<more>\d{{1,2}}) ?(?P<small>minutes?|mins?\.?|m))?"
    r"(?: (?:from now|max\.?|maximum|approx(?:imately)?\.?|at most"
    r"|or (?:less|sooner|so)|\((?:estimated?|approx\.?)\)))?",
    re.IGNORECASE,
)


def _withdrawn(words: str) -> bool:
    """Return whether words say that there is no estimate now, and nothing else of when."""
    if _NONE_NOW.fullmatch(words):
        return True
    found = _WITHDRAWN.match(words)
    if not found:
        return False
    rest = words[found.end() :]
    if rest and not _AFTER_WITHDRAWN.match(rest):
        return False
    return not any(character.isdigit() for character in rest) or bool(_OTHER_TIMES.search(rest))


def _duration(words: str) -> timedelta | None:
    """Return the time that words name, of a span the longer one; None where they name none, or more than that."""
    found = _DURATION.fullmatch(words)
    if not found:
        return None
    unit = _UNITS[found["unit"][0].lower()]
    span = _count(found["count"]) * unit
    if found["more"]:
        span += int(found["more"]) * _UNITS["m"]
    if found["low"] and _count(found["low"]) * unit > span:
        return None
    return span if timedelta(0) < span <= _LONGEST else None


def _count(text: str) -> float:
    return _COUNTS.get(text.lower()) or float(text.replace(",", "."))


def _spans(text: str) -> Iterator[tuple[str, str]]:
    """Yield the ways to take a text apart into the two ends of a span, each with a time of its own."""
    # Without a blank, and without a zone, the second time can be the offset of the first.
    patterns = (_SPACED_SPAN, _TIGHT_SPAN) if _ANY_ZONE.search(text) else (_SPACED_SPAN,)
    for pattern in patterns:
        for found in pattern.finditer(text):
            bounds = text[: found.start()], text[found.end() :]
            if all(_timed(bound) for bound in bounds):
                yield bounds
