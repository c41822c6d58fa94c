"""Readers that a user writes in the configuration: patterns with named groups, over the subject and the text.

A template fills a closed list of groups. It is asked before every other reader of its provider, and reads what it can
be sure of: a time that it cannot read, or starts without as many ends, make the notice not understood. The manual is
docs/templates.md.
"""

import functools
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import TypeVar

from domain.errors import MaintdError
from domain.events import StatedCircuit, StatedEtr, StatedOutage
from domain.vocabulary import Impact, Kind
from parsers.limits import TooSlow, limited
from parsers.lines import lines_of, plain_lines_of, rows_of
from parsers.mime import Notification
from parsers.outage.labels import newest_text
from parsers.outage.times import Moments, moments_of
from parsers.patterns import ID_GROUPS, MAINTENANCE_STATUSES, OUTAGE_STATUSES, STATUSES, compiled, word_key
from parsers.providers import Provider, Template
from parsers.statements import Findings, NotUnderstood, Reader, Result, joined

READER_PREFIX = "template/"

# CPU time for all the patterns of a template over one notice. Good ones take a thousandth of it, and over the longest
# text 2 ms each; the first attempt at a mail has a second for everything.
PATTERN_SECONDS = 0.25
MOST_CHARACTERS = 200_000
MOST_MATCHES = 1000

_IMPACTS = tuple(Impact)

# Every match of these counts; of the others the first.
_EACH: Mapping[Kind, frozenset[str]] = {
    Kind.OUTAGE: frozenset({"circuit", "impact"}),
    Kind.MAINTENANCE: frozenset({"circuit", "impact", "start", "end", "date", "zone"}),
}
# What stands in a field that has no value. Words of an ETR, a status and an impact have their own meaning.
_PLACEHOLDERS = frozenset(
    {
        "",
        "-",
        "--",
        "---",
        "n/a",
        "na",
        "none",
        "null",
        "not available",
        "not known",
        "not yet",
        "not yet known",
        "ongoing",
        "pending",
        "tba",
        "tbc",
        "tbd",
        "to be advised",
        "to be announced",
        "to be confirmed",
        "to be determined",
        "unknown",
    }
)
_WITH_A_MEANING = frozenset({"etr", "status", "impact", "summary"})
_QUOTED_CHARACTERS = 60
_VALUE_CHARACTERS = 2000
# What is put before a subject on the way.
_PREFIX = re.compile(
    r"\s{0,9}(?:(?:re|fw|fwd|aw|wg|sv|vs|tr|rv|antw|odp)\s{0,5}(?:\[\d{1,3}\])?:"
    r"|\[(?:ext|extern|external)\b[^\]\[]{0,20}\]|external\s{0,5}:)\s{0,9}",
    re.IGNORECASE,
)
_MOST_PREFIXES = 10
_TIME_ALONE = re.compile(
    r"\d{1,4}(?:[:.h]\d{2}){0,2}(?:\s?[ap]\.?m\b\.?)?(?:[^\d+-]{0,40}(?:[+-]\s?\d{1,2}(?::?\d{2})?[^\d]{0,20})?)?",
    re.IGNORECASE,
)
_DAY = timedelta(days=1)

_Row = Mapping[str, str]
_Word = TypeVar("_Word", bound=StrEnum)


class PatternStopped(MaintdError):
    """Say that a pattern of a template was stopped, because it took too long; ``provider`` is whose it is."""

    def __init__(self, text: str, *, provider: str) -> None:
        super().__init__(text)
        self.provider = provider


def reader_of(template: Template) -> Reader:
    """Return the reader that reads by a template; another version wherever the template is another."""
    digest = hashlib.sha256(repr(template).encode()).hexdigest()
    return Reader(
        form=template.name,
        label=READER_PREFIX + template.name,
        version=digest[:8],
        read=functools.partial(_read, template),
    )


def subjects_of(notification: Notification) -> tuple[str, ...]:
    """Return the texts over which the patterns of the subject run, until one matches: without "Re:" too."""
    subjects = (notification.subject, notification.other_subject)
    return tuple(dict.fromkeys(text for subject in subjects for text in (subject, _bare(subject)) if text))


def texts_of(notification: Notification) -> tuple[str, ...]:
    """Return the texts over which each pattern of the body runs, until one matches.

    They are the lines of the longest html part, a cell of a table as a line, else those of the plain text; the lines of
    the plain text; and the rows of the tables with " | " between their cells. Without what is quoted in the notice.
    """
    newest = newest_text(notification)
    rows = [" | ".join(row) for row in rows_of(newest) if any(row)]
    texts = ("\n".join(lines) for lines in (lines_of(newest), plain_lines_of(newest), rows))
    return tuple(dict.fromkeys(text[:MOST_CHARACTERS] for text in texts if text))


def _bare(subject: str) -> str:
    for _ in range(_MOST_PREFIXES):
        if not (prefix := _PREFIX.match(subject)):
            break
        subject = subject[prefix.end() :]
    return subject


# What the patterns find


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the patterns of a template found: a row for each match, in the order of the patterns and of the text.

    ``unmatched`` are the patterns without a match.
    """

    kind: Kind
    rows: tuple[_Row, ...]
    unmatched: tuple[str, ...]

    def first(self, field: str) -> tuple[str, _Row] | None:
        """Return the first words of a field, and the row in which they stand."""
        return next(((row[field], row) for row in self.rows if field in row), None)

    def text(self, field: str) -> str | None:
        """Return the first words of a field, None where it has none."""
        found = self.first(field)
        return found[0] if found else None

    def matched(self) -> tuple[tuple[str, str], ...]:
        """Return what a person sees of it, if anything was found: each field, and the patterns that found nothing."""
        pairs = []
        seen: set[str] = set()
        for field, words in (pair for row in self.rows for pair in row.items()):
            if field not in seen or field in _EACH[self.kind]:
                pairs.append((field, words))
            seen.add(field)
        return (*pairs, *(("(no match)", pattern) for pattern in self.unmatched)) if pairs else ()


def _find(template: Template, notification: Notification, provider: Provider) -> _Found:
    """Return what the patterns find. Raises ``PatternStopped``."""
    subjects = subjects_of(notification)
    texts = texts_of(notification)
    jobs = [
        *((f"subject {number}", pattern, subjects) for number, pattern in enumerate(template.subject, 1)),
        *((f"body {number}", pattern, texts) for number, pattern in enumerate(template.body, 1)),
    ]
    rows: list[_Row] = []
    unmatched = []
    place = pattern = ""
    try:
        with limited(PATTERN_SECONDS):
            for place, pattern, tried in jobs:
                found = _rows(_cached(pattern), tried)
                rows += found
                unmatched += [] if found else [f"{place}: {pattern}"]
    except TooSlow:
        raise PatternStopped(
            f"provider {provider.name}: template {template.name}: the pattern {place} {_quoted(pattern)} was stopped "
            f"after {PATTERN_SECONDS:g} s of CPU time: it must not repeat what is itself a repetition",
            provider=provider.name,
        ) from None
    return _Found(kind=template.kind, rows=tuple(rows), unmatched=tuple(unmatched))


def _rows(pattern: re.Pattern[str], texts: Sequence[str]) -> list[_Row]:
    """Return the groups of each match in the first of the texts in which there is one."""
    for text in texts:
        if found := [match.groupdict() for match in islice(pattern.finditer(text), MOST_MATCHES)]:
            rows = ({field: " ".join((words or "").split()) for field, words in groups.items()} for groups in found)
            return [{field: words for field, words in row.items() if _states(field, words)} for row in rows]
    return []


def _states(field: str, words: str) -> bool:
    if field in _WITH_A_MEANING:
        return bool(words)
    return words.casefold() not in _PLACEHOLDERS


@functools.lru_cache(maxsize=1000)
def _cached(pattern: str) -> re.Pattern[str]:
    return compiled(pattern)


# What it means


def _read(template: Template, notification: Notification, provider: Provider) -> Findings:
    """Return what a notice says by a template. Raises ``NotUnderstood`` and ``PatternStopped``."""
    found = _find(template, notification, provider)
    try:
        event_id = _event_id(template, found)
        moments = _moments(template, notification, provider)
        results = _results(event_id, found, template, moments)
        if not any(map(_tells, results)):
            raise NotUnderstood(f"{_quoted(event_id)}, and nothing else of an event")
    except NotUnderstood as problem:
        raise NotUnderstood(f"template {template.name}: {problem}", matched=found.matched()) from None
    return Findings(results=results, warnings=tuple(_unknown_words(found, template)), matched=found.matched())


def _event_id(template: Template, found: _Found) -> str:
    group = ID_GROUPS[template.kind]
    event_id = found.text(group)
    if not event_id:
        missed = [place for place in found.unmatched if f"(?P<{group}>" in place]
        raise NotUnderstood(f"no {group}: no match for {', '.join(map(_cut, missed)) or 'it'}")
    return event_id


def _results(event_id: str, found: _Found, template: Template, moments: Moments) -> tuple[Result, ...]:
    if template.kind is Kind.OUTAGE:
        return (_outage(event_id, found, template, moments),)
    return tuple(_maintenance(event_id, found, template, moments))


def _tells(result: Result) -> bool:
    """Return whether a notice says anything of its event beside its id, a summary, an account and a zone."""
    outage = result.outage and replace(result.outage, zone=None)
    return bool(result.status or result.start or result.circuits or (outage and outage != StatedOutage()))


def _moments(template: Template, notification: Notification, provider: Provider) -> Moments:
    """Return how the times are written: as the template says, else as the provider's configuration does."""
    order, zone = template.date_order or provider.date_order, template.zone or provider.zone
    return moments_of(notification, replace(provider, date_order=order, zone=zone))


def _outage(event_id: str, found: _Found, template: Template, moments: Moments) -> Result:
    start = _instant("start", found, moments)
    stated = StatedOutage(
        status=_status(found, template, OUTAGE_STATUSES),
        start=start,
        end=_end_of_outage(found, start, moments),
        reported_at=_instant("reported_at", found, moments),
        etr=_etr(found, moments),
        cause=_cut_value(found.text("cause")),
        zone=_stated_zone(found, moments),
    )
    return Result(
        event_id=event_id,
        account=found.text("account"),
        circuits=_circuits(found.rows, found, template),
        summary=_cut_value(found.text("summary")),
        outage=stated,
    )


def _end_of_outage(found: _Found, start: datetime | None, moments: Moments) -> datetime | None:
    """Return the end; a time alone in one match with the start is the first such time after it."""
    stated = found.first("end")
    if stated and start and "start" in stated[1]:
        return _end_after(start, stated[0], stated[1], found, moments)
    return _instant("end", found, moments, latest=True)


def _maintenance(event_id: str, found: _Found, template: Template, moments: Moments) -> Iterator[Result]:
    """Yield what is said of each window, or of the maintenance where none is stated."""
    whole = Result(
        event_id=event_id,
        account=found.text("account"),
        status=_status(found, template, MAINTENANCE_STATUSES),
        summary=_cut_value(found.text("summary")),
    )
    windows = list(_windows(found, moments))
    # What stands in one match with a window is said of that one.
    loose = [row for row in found.rows if not {"start", "end"} <= row.keys()]
    everywhere = _circuits(loose, found, template)
    for start, end, row in windows:
        own = _circuits([row], found, template)
        circuits = joined((*(own or ()), *(everywhere or ()))) if own or everywhere else None
        yield replace(whole, start=start, end=end, circuits=circuits)
    if not windows:
        yield replace(whole, circuits=everywhere)


def _windows(found: _Found, moments: Moments) -> Iterator[tuple[datetime, datetime, _Row]]:
    """Yield the windows: those whose start and end are in one match, else each start with the end of its number."""
    whole = [row for row in found.rows if {"start", "end"} <= row.keys()]
    starts = [row for row in found.rows if "start" in row and "end" not in row]
    ends = [row for row in found.rows if "end" in row and "start" not in row]
    if len(starts) != len(ends):
        raise NotUnderstood(f"{len(starts)} starts and {len(ends)} ends: which belongs to which is not guessed")
    pairs = [*((row, row) for row in whole), *zip(starts, ends, strict=True)]
    for first, last in pairs:
        start = _moment("start", first["start"], first, found, moments, alone=False)
        yield start, _end_after(start, last["end"], last, found, moments), first


# Times


def _instant(field: str, found: _Found, moments: Moments, *, latest: bool = False) -> datetime | None:
    """Return the instant that a field of an outage states, None where it states none."""
    stated = found.first(field)
    return _moment(field, *stated, found, moments, latest=latest) if stated else None


def _moment(
    field: str, words: str, row: _Row, found: _Found, moments: Moments, *, latest: bool = False, alone: bool = True
) -> datetime:
    """Return the instant of words: with the date and the zone of their own match, else those of the notice.

    ``alone``: a time without a date is that of the day nearest to the Date of the notice.
    """
    date = (row.get("date") or found.text("date")) if _TIME_ALONE.fullmatch(words) else None
    try:
        if not alone and date is None and _TIME_ALONE.fullmatch(words):
            raise NotUnderstood(f"a time without a date: {_quoted(words)}")
        return moments.instant(_with_zone(f"{date} {words}" if date else words, row, found, moments), latest=latest)
    except NotUnderstood as problem:
        raise NotUnderstood(f"{field}: {problem}") from None


def _end_after(start: datetime, words: str, row: _Row, found: _Found, moments: Moments) -> datetime:
    """Return the end that belongs to a start; a time alone is the first such time after it."""
    if not _TIME_ALONE.fullmatch(words):
        return _moment("end", words, row, found, moments, latest=True)
    try:
        ends = [
            moments.instant(_with_zone(f"{day.date().isoformat()} {words}", row, found, moments), latest=True)
            for day in (start - _DAY, start, start + _DAY, start + 2 * _DAY)
        ]
    except (NotUnderstood, OverflowError) as problem:
        raise NotUnderstood(f"end: {problem}") from None
    return min(end for end in ends if end > start)


def _with_zone(text: str, row: _Row, found: _Found, moments: Moments) -> str:
    """Return the words of a time with a zone behind them, if one is stated beside them and none in them."""
    if moments.zone_in(text):
        return text
    beside = (moments.zone_in(row[field]) for field in ("start", "end") if field in row)
    zone = row.get("zone") or next((words for words in beside if words), None) or found.text("zone")
    return f"{text} {zone}" if zone else text


def _stated_zone(found: _Found, moments: Moments) -> str | None:
    """Return the words for the zone in which the notice writes its times, None where it names none."""
    if zone := found.text("zone"):
        return zone
    times = (found.text(field) for field in ("start", "reported_at", "end", "etr"))
    return next((zone for words in times if words and (zone := moments.zone_in(words))), None)


def _etr(found: _Found, moments: Moments) -> StatedEtr | None:
    stated = found.first("etr")
    if not stated:
        return None
    words, row = stated
    zone = row.get("zone") or found.text("zone")
    with_zone = moments.etr(f"{words} {zone}") if zone and not moments.zone_in(words) else None
    etr = with_zone or moments.etr(words)
    return replace(etr, words=words) if etr else None


# Words of a closed set


def _status(found: _Found, template: Template, statuses: Sequence[_Word]) -> _Word | None:
    words = found.text("status")
    return _known(words, template.status, statuses) if words else None


def _circuits(rows: Sequence[_Row], found: _Found, template: Template) -> tuple[StatedCircuit, ...] | None:
    """Return the circuits of rows, each with the impact of its match, else with that of the notice."""
    loose = next((row["impact"] for row in found.rows if "impact" in row and "circuit" not in row), None)
    circuits = [
        StatedCircuit(circuit_id=row["circuit"], impact=_known(row.get("impact") or loose, template.impact, _IMPACTS))
        for row in rows
        if "circuit" in row
    ]
    return joined(circuits) or None


def _known(words: str | None, table: Sequence[tuple[str, str]], values: Sequence[_Word]) -> _Word | None:
    """Return what words mean by a table, or by themselves; None for words that are not known."""
    if words is None:
        return None
    named = {word_key(value.value): value for value in values}
    meanings = named | {word_key(word): named[word_key(value)] for word, value in table}
    key = word_key(words)
    return meanings.get(key) or meanings.get(re.sub(r"[ _]", "-", key))


def _unknown_words(found: _Found, template: Template) -> Iterator[str]:
    """Yield a warning for each word of a status or an impact that no table knows."""
    tables: tuple[tuple[str, Sequence[tuple[str, str]], Sequence[StrEnum]], ...] = (
        ("status", template.status, STATUSES[template.kind]),
        ("impact", template.impact, _IMPACTS),
    )
    for field, table, values in tables:
        for words in dict.fromkeys(row[field] for row in found.rows if field in row):
            if _known(words, table, values) is None:
                yield f"template {template.name}: {_quoted(words)} is no {field} that it knows: not stated"


def _cut_value(text: str | None) -> str | None:
    return text[:_VALUE_CHARACTERS] if text else None


def _cut(text: str) -> str:
    return text if len(text) <= _QUOTED_CHARACTERS else f"{text[: _QUOTED_CHARACTERS - 1]}…"


def _quoted(text: str) -> str:
    return f'"{_cut(text)}"'
