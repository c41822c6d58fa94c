"""Calendars after the BCOP maintnote, whoever wrote them: one VEVENT is one window of a maintenance.

Read line by line, so that a line that is none costs itself alone, and so that no zone which one mail defines is left
behind for the next. Naive times are in UTC. Source: github.com/jda/maintnote-std, standard.md; RFC 5545.
"""

import binascii
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from icalendar import vDuration
from icalendar.parser import Contentline, Contentlines, unescape_char

from domain.events import StatedCircuit
from domain.plausibility import MOST_WINDOWS
from domain.vocabulary import Impact, MaintenanceStatus
from parsers.calendar_zones import Observance, zone_of
from parsers.forms import BCOP
from parsers.mime import Notification, Text, without_controls
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result, joined

_MARK = "X-MAINTNOTE-"
_ID = "X-MAINTNOTE-MAINTENANCE-ID"
_ACCOUNT = "X-MAINTNOTE-ACCOUNT"
_EVENT_LINES = frozenset(
    {
        "UID",
        "SEQUENCE",
        "DTSTAMP",
        "DTSTART",
        "DTEND",
        "DURATION",
        "RRULE",
        "SUMMARY",
        "ORGANIZER",
        "STATUS",
        "X-MAINTNOTE-PROVIDER",
        _ACCOUNT,
        _ID,
        "X-MAINTNOTE-STATUS",
        "X-MAINTNOTE-IMPACT",
        "X-MAINTNOTE-OBJECT-ID",
    }
)
_ZONE_LINES = frozenset({"TZID", "DTSTART", "TZOFFSETFROM", "TZOFFSETTO", "RRULE"})
_LINES_OF = {
    "VCALENDAR": frozenset({"METHOD"}),
    "VEVENT": _EVENT_LINES,
    "VTIMEZONE": _ZONE_LINES,
    "STANDARD": _ZONE_LINES,
    "DAYLIGHT": _ZONE_LINES,
}

_NAME = re.compile(r"\s*([\w.-]+)")
_FOLD = re.compile(r"[\r\n]+[ \t]")
_QUOTATION_MARKS = re.compile(r"^(?:> ?)+", re.MULTILINE)
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+")
_TIME = re.compile(r"\d{4}-?\d{2}-?\d{2}(?:T\d{2}:?\d{2}(?::?\d{2})?(?:Z|[+-]\d{2}:?\d{2})?)?")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})(\d{2})?")
_BETWEEN_WORDS = re.compile(r"[\s_-]+")

_STATUSES = {status.value: status for status in MaintenanceStatus if status is not MaintenanceStatus.UNKNOWN} | {
    "RESCHEDULED": MaintenanceStatus.RE_SCHEDULED,
    "CANCELED": MaintenanceStatus.CANCELLED,
    "CANCEL": MaintenanceStatus.CANCELLED,
    "IN-PROGRESS": MaintenanceStatus.IN_PROCESS,
    "INPROCESS": MaintenanceStatus.IN_PROCESS,
    "COMPLETE": MaintenanceStatus.COMPLETED,
}
_IMPACTS = {impact.value: impact for impact in Impact}
_CHARACTERS_SHOWN = 60
_MOST_NESTED = 10

_EMPTY_CALENDAR = "BEGIN:VCALENDAR\nEND:VCALENDAR\n"


def calendars_of(notification: Notification) -> list[str]:
    """Return the calendars of maintenances in a notification, each once; those in the running text too."""
    texts = [_plain(text) for text in notification.texts if text.type in ("text/calendar", "text/plain")]
    return list(dict.fromkeys(text for text in texts if _is_maintnote(text)))


def without_calendar(text: Text) -> Text:
    """Return a part of a mail with an empty calendar in place of one of a maintenance."""
    if text.type != "text/calendar" or not _is_maintnote(_plain(text)):
        return text
    return Text(type=text.type, text=_EMPTY_CALENDAR)


def read(notification: Notification, provider: Provider) -> Findings:
    """Return the windows that the calendars of a notification state. Raises ``NotUnderstood``.

    An id that is PRIMARY names the maintenance, else the first; the others are references. An unusable time is the
    fault of its own window. One calendar that names two providers is nobody's.
    """
    calendars = calendars_of(notification)
    if not calendars:
        raise NotUnderstood("no calendar of a maintenance")
    # Counted before they are read: 5,000 take more than a second.
    if sum(text.upper().count("BEGIN:VEVENT") for text in calendars) > MOST_WINDOWS:
        return Findings(results=(Result(event_id="the calendar", fault=f"more than {MOST_WINDOWS} VEVENTs"),))
    components = [component for text in calendars for component in _components(text)]
    events = [event for event in components if event.name == "VEVENT" and event.of(_ID)]
    if not events:
        raise NotUnderstood(f"a calendar without {_ID}")
    named = {name.casefold(): name for event in events if (name := event.text("X-MAINTNOTE-PROVIDER"))}
    if len(named) > 1:
        raise NotUnderstood(f"one calendar of several providers: {', '.join(map(_shown, named.values()))}")
    return Findings(
        results=tuple(_result(event, random_uids=provider.random_uids) for event in events),
        warnings=tuple(dict.fromkeys(warning for event in events for warning in _warnings(event))),
        stated_provider=next(iter(named.values()), None),
    )


def _is_maintnote(text: str) -> bool:
    return "BEGIN:VCALENDAR" in text.upper() and _MARK in _FOLD.sub("", text).upper()


def _plain(text: Text) -> str:
    """Return a calendar with LF line ends; one that was encoded twice, or quoted in running text, as it was."""
    if "\n> " in text.text or text.text.startswith("> "):
        return _QUOTATION_MARKS.sub("", text.text)
    if text.type == "text/calendar" and "BEGIN" not in text.text.upper() and _BASE64.fullmatch(text.text):
        try:
            return binascii.a2b_base64(text.text).decode("utf-8", "replace")
        except binascii.Error:
            return text.text
    return text.text


# Lines and components


@dataclass(frozen=True, slots=True)
class _Value:
    """A property: its value as it stands in the line, and its parameters, whose names are in upper case."""

    text: str
    parameters: dict[str, str]


@dataclass(slots=True)
class _Component:
    """A VEVENT, or a part of a zone, with the properties that are of use, and the calendar in which it stands."""

    name: str
    calendar: "_Calendar"
    values: dict[str, list[_Value]] = field(default_factory=lambda: defaultdict(list))
    parts: list["_Component"] = field(default_factory=list)
    closed: bool = False

    def of(self, name: str) -> list[_Value]:
        """Return the properties of a name, in the order of the calendar."""
        return self.values.get(name, [])

    def first(self, name: str) -> _Value | None:
        """Return the first property of a name."""
        return self.values[name][0] if name in self.values else None

    def text(self, name: str) -> str:
        """Return the first property of a name as a text in one line, empty where there is none."""
        found = self.first(name)
        return _text(found) if found else ""


@dataclass(slots=True)
class _Calendar:
    """What holds for all of a calendar: its METHOD, and the zones that it defines."""

    method: str = ""
    zones: dict[str, list[Observance]] = field(default_factory=dict)


def _components(text: str) -> list[_Component]:
    """Return the components of a calendar; each knows its METHOD and its zones, wherever they stand in it."""
    calendar = _Calendar()
    stack: list[_Component] = []
    found: list[_Component] = []
    for line in _lines(text):
        name = match[1].upper() if (match := _NAME.match(line)) else ""
        if name == "BEGIN":
            kind = line.partition(":")[2].strip().upper()
            calendar = _Calendar() if kind == "VCALENDAR" else calendar
            if len(stack) >= _MOST_NESTED:
                raise NotUnderstood(f"a calendar with more than {_MOST_NESTED} components in each other")
            stack.append(_Component(kind, calendar))
            found.append(stack[-1])
        elif name == "END":
            _end(line.partition(":")[2].strip().upper(), stack)
        elif stack and name in _LINES_OF.get(stack[-1].name, ()) and (value := _value(line)):
            stack[-1].values[name].append(value)
            if name == "METHOD":
                calendar.method = value.text.strip().upper()
    return found


def _lines(text: str) -> Sequence[Contentline]:
    """Return the lines of a calendar, unfolded."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\ufeff", "")
    lines: Sequence[Contentline] = Contentlines.from_ical(plain)
    return lines


def _end(kind: str, stack: list[_Component]) -> None:
    """Close the component of a kind, with those in it that were not closed."""
    if all(component.name != kind for component in stack):
        return
    while stack:
        component = stack.pop()
        component.closed = component.name == kind
        if stack:
            stack[-1].parts.append(component)
        if component.name == "VTIMEZONE":
            observances = [_observance(part) for part in component.parts]
            component.calendar.zones[component.text("TZID")] = [known for known in observances if known]
        if component.closed:
            return


def _observance(part: _Component) -> Observance | None:
    """Return what a part of a VTIMEZONE says of the zone; None where it cannot be read."""
    before, offset = (_offset(part.text(name)) for name in ("TZOFFSETFROM", "TZOFFSETTO"))
    try:
        begins = datetime.fromisoformat(part.text("DTSTART")).replace(tzinfo=None)
    except ValueError:
        return None
    if before is None or offset is None:
        return None
    return Observance(begins=begins, offset_before=before, offset=offset, rule=part.text("RRULE").upper())


def _offset(text: str) -> timedelta | None:
    stated = _OFFSET.fullmatch(text)
    if not stated:
        return None
    ahead = timedelta(hours=int(stated[2]), minutes=int(stated[3]), seconds=int(stated[4] or 0))
    return -ahead if stated[1] == "-" else ahead


def _value(line: Contentline) -> _Value | None:
    """Return a property; None for a line that is none."""
    try:
        _, parameters, value = Contentline(line.strip()).parts()
    except ValueError:
        return None
    return _Value(value, {name.upper(): _parameter(stated) for name, stated in parameters.items()})


def _parameter(stated: str | list[str]) -> str:
    return stated if isinstance(stated, str) else ",".join(stated)


def _text(value: _Value) -> str:
    return without_controls(unescape_char(value.text))


def _shown(text: str) -> str:
    return f'"{text[:_CHARACTERS_SHOWN]}"'


# From a VEVENT to a window


def _result(event: _Component, *, random_uids: bool) -> Result:
    ids = [_text(value) for value in _primary_first(event.of(_ID))]
    accounts = [_text(value) for value in _primary_first(event.of(_ACCOUNT))]
    circuits, nameless = _circuits(event)
    start, end, fault = _window(event)
    if not event.closed:
        fault = "the calendar is cut off in the middle of it"
    identified = not random_uids and bool(event.text("UID"))
    return Result(
        event_id=ids[0],
        account=accounts[0] if accounts else None,
        status=_status(event),
        start=start,
        end=end,
        circuits=circuits or None,
        nameless=nameless,
        summary=event.text("SUMMARY") or None,
        organizer=event.text("ORGANIZER") or None,
        stated_stamp=_stamp(event),
        sequence=_sequence(event) if identified else None,
        ical_uid=event.text("UID") if identified else None,
        references=tuple(dict.fromkeys(other for other in ids[1:] if other and other != ids[0])),
        fault=fault,
    )


def _primary_first(values: Sequence[_Value]) -> list[_Value]:
    """Return the instances of a property with the one of the highest precedence before the others."""
    return sorted(values, key=lambda value: value.parameters.get("X-MAINTNOTE-PRECEDENCE", "").upper() != "PRIMARY")


def _status(event: _Component) -> MaintenanceStatus | None:
    """Return the status that is stated: by the BCOP's own property, else by iCalendar's words for a cancellation."""
    stated = _STATUSES.get(_word(event.text("X-MAINTNOTE-STATUS")))
    if stated:
        return stated
    cancelled = event.calendar.method == "CANCEL" or _word(event.text("STATUS")) in ("CANCELLED", "CANCELED")
    return MaintenanceStatus.CANCELLED if cancelled else None


def _word(text: str) -> str:
    return _BETWEEN_WORDS.sub("-", text.strip()).upper()


def _circuits(event: _Component) -> tuple[tuple[StatedCircuit, ...], bool]:
    """Return the objects with the impact on each, and whether there is one without an id.

    An impact that is not stated, or that nobody knows, is an outage (BCOP 3.6.5).
    """
    of_all = event.text("X-MAINTNOTE-IMPACT")
    objects = event.of("X-MAINTNOTE-OBJECT-ID")
    stated = [
        StatedCircuit(
            circuit_id=_text(each),
            impact=_IMPACTS.get(_word(each.parameters.get("X-MAINTNOTE-OBJECT-IMPACT") or of_all), Impact.OUTAGE),
        )
        for each in objects
        if _text(each)
    ]
    return joined(stated), len(stated) < len(objects)


def _sequence(event: _Component) -> int | None:
    text = event.text("SEQUENCE")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _warnings(event: _Component) -> Iterator[str]:
    """Yield what of a VEVENT is not understood, although the rest of it is."""
    status = event.text("X-MAINTNOTE-STATUS")
    if status and _word(status) not in (*_STATUSES, "NO-CHANGE"):
        yield f"the status {_shown(status)} is none of the BCOP's: not stated"
    accounts = {_text(value).casefold() for value in event.of(_ACCOUNT)}
    if len(accounts) > 1:
        yield f"{len(accounts)} accounts in one VEVENT: the first counts"
    if event.of("RRULE"):
        yield "the repetitions of a VEVENT are not read"


# Times


def _window(event: _Component) -> tuple[datetime | None, datetime | None, str]:
    """Return the start and end that a VEVENT states, and why they cannot be used, empty where they can."""
    begin, finish, length = event.first("DTSTART"), event.first("DTEND"), event.first("DURATION")
    if not begin and not finish:
        return None, None, ""
    try:
        if not begin:
            raise ValueError("no DTSTART")
        start = _instant(begin, event, later=False)
        return start, _finish(start, begin, finish, length, event), ""
    except ValueError as fault:
        return None, None, str(fault)
    except OverflowError:
        return None, None, "a window that no calendar can hold"


def _finish(
    start: datetime, begin: _Value, finish: _Value | None, length: _Value | None, event: _Component
) -> datetime:
    """Return the end of a VEVENT that begins at an instant: DTEND, DURATION, or the end of the one day."""
    whole_days = "T" not in begin.text.upper()
    if finish:
        end = _instant(finish, event, later=True)
        # The end of whole days is the day after them (RFC 5545 3.6.1); some write the day itself.
        return end + timedelta(days=1) if whole_days and end == start else end
    if length:
        try:
            duration: timedelta = vDuration.from_ical(length.text.strip().upper())
        except (ValueError, TypeError):
            raise ValueError(f"DURATION {_shown(length.text)} is no duration") from None
        return start + duration
    if whole_days:
        return start + timedelta(days=1)
    raise ValueError("no DTEND and no DURATION")


def _instant(value: _Value, event: _Component, *, later: bool) -> datetime:
    """Return a time in UTC; ``later``: the second of two hours with one name. Raises ValueError, OverflowError."""
    text = value.text.strip().upper()
    try:
        moment = datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError(f"{_shown(without_controls(value.text))} is no time")
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    tzid = without_controls(value.parameters.get("TZID", ""))
    if not tzid or "T" not in text:
        return moment.replace(tzinfo=UTC)
    zone = zone_of(tzid, event.calendar.zones.get(tzid, ()))
    if zone is None:
        raise ValueError(f"the zone {_shown(tzid)} is not known")
    return zone(moment, later)


def _stamp(event: _Component) -> datetime | None:
    stated = event.first("DTSTAMP")
    try:
        return _instant(stated, event, later=False) if stated else None
    except (ValueError, OverflowError):
        return None


READER = Reader(form=BCOP, label="maintd/bcop", version="1", read=read)
