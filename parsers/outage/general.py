"""The general reader of outages: labels in many wordings, in text and in tables, from any provider that is known.

It is strict where a mail can be about something else: an outage has a number and at least two more facts, a word of an
outage stands in its subject or status, and nothing of planned work or of a start that lies ahead does. A label that is
not in the tables of ``parsers.outage.words`` says nothing. Source: tests/outages/general, and the public lists of
labels that docs/outages.md names.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.events import StatedCircuit, StatedEtr, StatedOutage
from domain.vocabulary import Impact, OutageStatus
from parsers.forms import DateOrder
from parsers.lines import lines_of, one_line
from parsers.mime import Notification
from parsers.outage.labels import Field, fields_of, newest_text, tables_of
from parsers.outage.naming import circuit_doubts_of, circuits_of, ticket_of
from parsers.outage.sheets import etr_in
from parsers.outage.times import Moments, OrderUnknown, moments_of
from parsers.outage.words import (
    EXPLAINING_WORDS,
    MAINTENANCE_STATUS,
    OTHER_WORDS,
    OUTAGE_WORDS,
    PLANNED_SENTENCES,
    PLANNED_WORDS,
    PRACTICE_SENTENCES,
    PRACTICE_WORDS,
    RESTORED_WORDS,
    Means,
    impact_in,
    in_brackets,
    meaning_of,
    status_by_sentence,
    status_by_subject,
    status_in,
)
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result
from parsers.zones import LONG_NAMES

# Clocks differ.
_AHEAD = timedelta(minutes=15)
_FEWEST_FACTS = 2
_SUMMARY_CHARACTERS = 500
_MOST_LINES = 400
_ETR_CHARACTERS = 200

_ALL_TIMES = re.compile(
    r"\b(?i:all (?:dates and )?times)\b(?:\s\w{1,12}){0,5}?[\s:(]{1,3}(?P<zone>(?:UTC|GMT)(?:[+-]\d{1,2}(?::\d{2})?)?"
    rf"|{LONG_NAMES}\b|(?:Eastern|Central|Mountain|Pacific)(?i: (?:standard|daylight))?(?:(?i: time)\b|(?=[.,;)]|$))"
    r"|[A-Z]{2,5}\b)"
)
# What is a label, or is of another time than that of restoration.
_NO_PROSE = re.compile(
    r"[^.:]{1,50}:\s|.{0,200}\b(?:previous|prior|original|technician|next update|was)\b", re.IGNORECASE
)
_STATED_ORDER = (
    (DateOrder.DAY_MONTH, re.compile(r"\bdd[-/.]mm[-/.]yy", re.IGNORECASE)),
    (DateOrder.MONTH_DAY, re.compile(r"\bmm[-/.]dd[-/.]yy", re.IGNORECASE)),
)
_NEGATIVE = re.compile(r"\W*(?:no|none|n/?a|not applicable|false|unplanned|unscheduled|-)?\W*", re.IGNORECASE)
_WINDOW_ALONE = re.compile(
    r"(?:(?:service|outage|repair|time|intervention|activity|execution) )?window"
    r"(?: (?:start|end|begin|time))?\b.{0,20}",
    re.IGNORECASE,
)
_TIME_OF_DAY = re.compile(r"\d[:.h]\d\d|\b\d{4} ?(?:UTC|GMT|Z)\b|\d ?[ap]\.?m\b", re.IGNORECASE)
_EXPECTED_END = re.compile(r".{0,20}\bend\b.{0,30}", re.IGNORECASE)
_LONGEST_ESTIMATE = timedelta(days=31)
# What a line says to go on, whatever another says to be over.
_LOST_AGAIN = re.compile(
    r"\b(?:lost|down|fail(?:ed|s|ing)?|dropped|out|affected|degraded|interrupted|flapp\w+|alarm|back) again\b"
    r"|\bagain (?:lost|down|failed|dropped|out|affected|degraded|interrupted)\b"
    r"|\b(?:has|have|had) (?:recurred|re-?occurred|returned)\b"
    r"|\b(?:still|remains?) (?:down|out|affected|impaired|impacted|degraded|unavailable|interrupted|isolated)\b",
    re.IGNORECASE,
)
_MAYBE = re.compile(r"\b(?:if|should|may|might|could|in case|please|not|no)\b", re.IGNORECASE)
_MERGED = re.compile(
    r"\b(?:duplicate of|merged (?:in)?to|merged with|consolidated (?:in)?to|superseded by)"
    r"(?: (?:the|our|master|parent|ticket|case|incident)){0,3}"
    r"[ :#]{1,3}(?P<id>(?=\S{0,40}\d)[A-Za-z0-9][\w/-]{2,40})",
    re.IGNORECASE,
)
# A cause that nobody knows yet, in words that are not the cause.
_NO_CAUSE = re.compile(
    r"\W*(?:(?:is |are |being |currently |still |yet )*(?:under investigation|investigat\w+|pending|awaiting|awaited"
    r"|tbd|tba|tbc|n/?a|none|unknown|undetermined|to be \w+|will (?:be|follow)\b.*|not (?:yet )?\w+|to follow"
    r"|in progress|rfo (?:will|to) .*|ongoing)\b.{0,80})?\W*",
    re.IGNORECASE,
)
# A line in which planned work is what happened, or what one can be told of, and not what is announced.
_ABOUT_SOMETHING_ELSE = re.compile(r"\b(?:cause[ds]?|reason|subscri\w+|portal|preferences)\b", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:no|not|unrelated)(?: \w{1,12}){0,3} $", re.IGNORECASE)
_QUESTION = re.compile(
    r"\b(?:survey|rate your|tell us how|your feedback|how we did|out of (?:the )?office|automatic reply"
    r"|could not be delivered|credit (?:note|memo|request|has been|will be)|invoice)\b",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"\s*(?:re|aw|sv|antw|fwd?|wg)\s?:", re.IGNORECASE)
_REVISED = re.compile(r"\b(?:revised|updated|new|latest|current)\b", re.IGNORECASE)
_UTC = re.compile(r"\b(?:UTC|GMT)\b|\dZ\b")
_UTC_LETTER = re.compile(r"^Z$")
_ZONED = re.compile(r"\b(?:[A-Z]{1,4}T|UTC|GMT)\b|\dZ\b")
_DATES_OF = {
    Means.START: Means.START_DATE,
    Means.END: Means.END_DATE,
    Means.REPORTED: Means.REPORTED_DATE,
}
_NOT_OVER = frozenset({OutageStatus.REPORTED, OutageStatus.INVESTIGATING, OutageStatus.IDENTIFIED})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Notice:
    """What a notice is read from: its subject, its lines, and its fields, each with what its label means."""

    subject: str
    lines: tuple[str, ...]
    fields: tuple[tuple[Means, Field], ...]
    moments: Moments
    zone: str

    def all(self, *means: Means) -> Iterator[Field]:
        """Yield the fields whose labels have one of these meanings."""
        return (field for one, field in self.fields if one in means and field.value)

    def first(self, *means: Means) -> Field | None:
        """Return the first field whose label has one of these meanings, None for none."""
        return next(self.all(*means), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Time:
    """An instant, and the field that states it."""

    at: datetime
    field: Field


@dataclass(frozen=True, slots=True, kw_only=True)
class _Status:
    """How far it is, and the words that say it; ``is_guessed``: they stand behind no label of a status."""

    status: OutageStatus | None = None
    words: str = ""
    is_guessed: bool = False


_Tables = Sequence[Sequence[Sequence[Field]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What was found in a notice. None, and empty: not found."""

    ticket: str
    references: tuple[str, ...]
    status: OutageStatus | None
    start: _Time | None
    end: _Time | None
    reported: _Time | None
    etr: tuple[StatedEtr, Field] | None
    circuits: tuple[StatedCircuit, ...]
    cause: str | None
    words: dict[str, str]
    # An end of what nothing else says to be over.
    end_ahead: _Time | None
    # The number of the outage with which it goes on.
    merged: tuple[str, ...]

    def missing(self) -> list[str]:
        """Return the names of what was not found."""
        return [name for name, found in self._all() if not found]

    def found(self) -> list[str]:
        """Return the names of what was found, beside the ticket."""
        return [name for name, found in self._all() if found]

    def _all(self) -> tuple[tuple[str, object], ...]:
        return (
            ("start", self.start),
            ("end", self.end),
            ("status", self.status),
            ("ETR", self.etr),
            ("circuits", self.circuits),
            ("cause", self.cause),
            ("reported", self.reported),
        )


def read(notification: Notification, provider: Provider) -> Findings:
    """Return the one outage that a notice is about. Raises ``NotUnderstood`` with what it did find of one."""
    with _named():
        if notification.automatic or notification.of_type("text/calendar"):
            raise NotUnderstood("a machine answers, or somebody invites")
        return _read(newest_text(notification), provider, _objection)


def read_accepted(notification: Notification, provider: Provider) -> Findings:
    """Return the same of a notice which a person took for one of an outage: a number, and one fact more."""
    with _named():
        return _read(newest_text(notification), provider, _objection_to_accepted)


@contextmanager
def _named() -> Iterator[None]:
    """Say of what is not understood that it was this reader."""
    try:
        yield
    except NotUnderstood as problem:
        raise NotUnderstood(f"reader general: {problem}", matched=problem.matched) from None


def _read(
    notification: Notification, provider: Provider, objection_to: Callable[[_Notice, _Facts, _Tables], str]
) -> Findings:
    notice = _notice(notification, moments_of(notification, provider))
    tables = tables_of(notification)
    ticket, references, words = ticket_of(notice.fields, notice.subject, notice.lines)
    start, (end, end_doubts) = _time(notice, Means.START), _stated_end(notice)
    etr, etr_doubts = _etr(notice)
    merged = _merged(notice, ticket)
    status = _Status() if merged else _status(notice, ended=end is not None and not _lies_ahead(notice, end))
    if status.is_guessed and _goes_on(notice, status, etr, end):
        status, end, end_doubts = _Status(), None, (*end_doubts, "what it says to be over goes on")
    end_ahead = end if end and _is_planned_end(notice, status.status, end) else None
    end, doubts = _end(notice, status.status, end)
    impact, impact_words = _impact(notice)
    facts = _Facts(
        ticket=ticket,
        references=(*references, *(one for one in merged if one not in references)),
        status=status.status,
        start=start,
        end=end,
        reported=_time(notice, Means.REPORTED),
        etr=etr,
        circuits=circuits_of(notice.fields, tables, (notice.subject, notice.lines), impact),
        cause=_cause(notice),
        words={"ticket": words, "status": status.words, "impact": impact_words},
        end_ahead=end_ahead,
        merged=merged,
    )
    if objection := objection_to(notice, facts, tables):
        raise NotUnderstood(f"{objection}; {_told(facts)}", matched=tuple(_matched(notice, facts)))
    return Findings(
        results=(_result(notice, facts),),
        warnings=(
            *end_doubts,
            *doubts,
            *etr_doubts,
            *circuit_doubts_of(notice.fields, tables, (notice.subject, notice.lines)),
        ),
        matched=tuple(_matched(notice, facts)),
    )


def _notice(notification: Notification, moments: Moments) -> _Notice:
    fields = [(means, field) for field in fields_of(notification) if (means := meaning_of(field.label))]
    lines = lines_of(notification)[:_MOST_LINES]
    stated = next((field.value for means, field in fields if means is Means.ZONE), "")
    everywhere = next((found["zone"] for line in lines if (found := _ALL_TIMES.search(line))), "")
    return _Notice(
        subject=notification.subject,
        lines=tuple(lines),
        fields=tuple(fields),
        moments=moments,
        zone=stated or everywhere,
    )


def _result(notice: _Notice, facts: _Facts) -> Result:
    summary = notice.first(Means.SUMMARY)
    account = notice.first(Means.ACCOUNT)
    return Result(
        event_id=facts.ticket,
        account=account.value if account else None,
        circuits=facts.circuits or None,
        summary=one_line(summary.value)[:_SUMMARY_CHARACTERS] if summary else None,
        references=facts.references,
        outage=StatedOutage(
            status=facts.status,
            start=facts.start.at if facts.start else None,
            end=facts.end.at if facts.end else None,
            reported_at=facts.reported.at if facts.reported else None,
            etr=facts.etr[0] if facts.etr else None,
            cause=facts.cause,
            zone=_zone(notice, facts),
        ),
    )


def _matched(notice: _Notice, facts: _Facts) -> Iterator[tuple[str, str]]:
    yield from ((name, one_line(words)) for name, words in facts.words.items() if words)
    for name, found in (("start", facts.start), ("end", facts.end), ("reported", facts.reported)):
        if found:
            yield name, _words(found.field)
    if facts.etr:
        yield "ETR", _words(facts.etr[1])
    for means in (Means.CIRCUITS, Means.CAUSE, Means.SUMMARY, Means.ACCOUNT):
        if field := notice.first(means):
            yield str(means), _words(field)


# Whether it is an outage


def _objection_to_accepted(_notice: _Notice, facts: _Facts, _tables: _Tables) -> str:
    if not facts.ticket:
        return "it names no ticket"
    return "" if facts.found() else "it says nothing beside the ticket"


def _objection(notice: _Notice, facts: _Facts, tables: _Tables) -> str:
    """Return why a notice is not taken for one of an outage, empty where it is one."""
    if not facts.ticket:
        return "it names no ticket"
    if objection := _of_something_else(notice, facts):
        return objection
    if not _says_outage(notice):
        return "no word of an outage stands in its subject or status"
    if objection := _objection_to_times(notice, facts):
        return objection
    if len((*facts.found(), *facts.merged)) < _FEWEST_FACTS:
        return (
            f"it says too little: {_FEWEST_FACTS} facts beside the ticket are needed, or a person who knows it: "
            "maintd quarantine accept MESSAGE --reader general --because WHY, or maintd outage update"
        )
    return _objection_to_tables(notice, tables)


def _objection_to_times(notice: _Notice, facts: _Facts) -> str:
    if facts.start and _lies_ahead(notice, facts.start):
        return "its start lies ahead, as that of planned work does"
    if facts.end_ahead:
        return f'its end lies ahead, as that of planned work does: "{_words(facts.end_ahead.field)}"'
    if facts.etr and not facts.status and _EXPECTED_END.fullmatch(facts.etr[1].label):
        return f'its end is expected, as that of planned work is: "{_words(facts.etr[1])}"'
    return ""


def _objection_to_tables(notice: _Notice, tables: _Tables) -> str:
    """Return why tables are not those of an outage: a column of theirs states when something will begin."""
    fields = (field for rows in tables for row in rows for field in row if meaning_of(field.label) is Means.START)
    starts = (_instant(notice, Means.START, field, latest=False) for field in fields if field.value)
    ahead = any(start and start > notice.moments.date + _AHEAD for start in starts)
    return "a start in its table lies ahead, as that of planned work does" if ahead else ""


def _of_something_else(notice: _Notice, facts: _Facts) -> str:
    if planned := _planned(notice):
        return f'"{planned}" is a word of planned work'
    if word := _practice(notice):
        return f'"{word}" is a word of what is practised or shown'
    if status := _of_maintenance(notice):
        return f'"{status}" is a status of planned work'
    other = OTHER_WORDS.search(notice.subject)
    words = other[0] if other else _asks(notice, facts)
    return f'"{words}" is no word of an outage' if words else ""


def _practice(notice: _Notice) -> str:
    """Return the words of a test, a drill or an example in the subject or a sentence, empty for none."""
    sentences = (PRACTICE_SENTENCES.search(line) for line in notice.lines)
    found = PRACTICE_WORDS.search(notice.subject) or next(filter(None, sentences), None)
    return found[0].strip() if found else ""


def _of_maintenance(notice: _Notice) -> str:
    """Return the status of planned work behind a label where nothing says how far a repair is, empty for none."""
    statuses = list(notice.all(Means.STATUS))
    planned = [field for field in statuses if MAINTENANCE_STATUS.fullmatch(field.value)]
    if not planned or notice.first(Means.ETR, Means.ETR_DATE, Means.REPORTED):
        return ""
    stated = any(status_in(field.value) for field in statuses if field not in planned)
    if stated or status_by_subject(notice.subject, explained=_is_explained(notice)) or _status_in_text(notice):
        return ""
    return _words(planned[0])


def _told(facts: _Facts) -> str:
    circuits = ", ".join(circuit.circuit_id for circuit in facts.circuits[:3])
    names = [f"circuits {circuits}" if name == "circuits" else name for name in facts.found()]
    found = [*([f"ticket {facts.ticket}"] if facts.ticket else []), *names]
    missing = ", ".join(f"no {name}" for name in facts.missing())
    return "; ".join(part for part in (f"found {', '.join(found)}" if found else "found nothing", missing) if part)


def _planned(notice: _Notice) -> str:
    """Return the word of planned work in the subject, a status, a label or a sentence of a notice, empty for none."""
    values = (field.value for field in notice.all(Means.STATUS, Means.TYPE))
    found = next((one for text in (notice.subject, *values) if (one := PLANNED_WORDS.search(text))), None)
    if found:
        return found[0]
    labels = [field.label for field in notice.all(Means.PLANNED) if _is_planned(field)]
    if labels:
        return labels[0]
    # What explains an outage tells of work as well, past and to come.
    over = status_by_subject(notice.subject) is OutageStatus.RESOLVED or EXPLAINING_WORDS.search(notice.subject)
    explains = over and notice.first(Means.CAUSE)
    causes = {one_line(field.value) for field in notice.all(Means.CAUSE)}
    for line in () if explains else notice.lines:
        sentence = PLANNED_SENTENCES.search(line)
        if not sentence or any(line in cause for cause in causes) or _ABOUT_SOMETHING_ELSE.search(line):
            continue
        if not _DENIED.search(line[: sentence.start()]):
            return sentence[0]
    return ""


def _is_planned(field: Field) -> bool:
    """Return whether a label of planned work is filled in; one of a window with a time of the day."""
    if _WINDOW_ALONE.fullmatch(field.label):
        return bool(_TIME_OF_DAY.search(field.value))
    return not _NEGATIVE.fullmatch(field.value)


def _asks(notice: _Notice, facts: _Facts) -> str:
    """Return the words of a survey, a credit or an answering machine: before the first field, or without a time."""
    labels = {field.label for _, field in notice.fields}
    timeless = not (facts.start or facts.end or facts.reported or facts.etr)
    for line in notice.lines:
        if not timeless and line.partition(":")[0].strip(" *._-") in labels:
            return ""
        if found := _QUESTION.search(line):
            return found[0]
    return ""


def _says_outage(notice: _Notice) -> bool:
    if OUTAGE_WORDS.search(notice.subject):
        return True
    said = [field.value for field in notice.all(Means.STATUS, Means.TYPE, Means.IMPACT)]
    return any(OUTAGE_WORDS.search(text) or RESTORED_WORDS.search(text) for text in said)


# Its facts


def _status(notice: _Notice, *, ended: bool) -> _Status:
    """Return the status by its label, else by the subject, by the kind of the notice, by a sentence, or by an end.

    What was new when a thread began is not in every answer of it, nor where an end is told.
    """
    for field in notice.all(Means.STATUS):
        if status := status_in(field.value):
            return _Status(status=status, words=_words(field))
    by_subject = status_by_subject(notice.subject, explained=_is_explained(notice))
    if by_subject and by_subject is not OutageStatus.REPORTED:
        return _Status(status=by_subject, words=notice.subject, is_guessed=True)
    if said := _status_in_text(notice):
        return said
    if ended:
        return _Status(status=OutageStatus.RESOLVED, is_guessed=True)
    if by_subject and not _ANSWER.match(notice.subject):
        return _Status(status=by_subject, words=notice.subject, is_guessed=True)
    return _Status()


def _is_explained(notice: _Notice) -> bool:
    """Return whether a notice states a cause or an end, as one does that explains what is over."""
    return _cause(notice) is not None or notice.first(Means.END, Means.END_DATE) is not None


def _status_in_text(notice: _Notice) -> _Status | None:
    for field in notice.all(Means.TYPE):
        if status := status_in(field.value):
            return _Status(status=status, words=_words(field))
    labelled = {one_line(field.value) for field in notice.all(Means.CAUSE, Means.ETR, Means.SUMMARY)}
    for number, line in enumerate(notice.lines):
        if any(line in value for value in labelled):
            continue
        before, behind = (
            "".join(notice.lines[max(0, number - 1) : number]),
            "\n".join(notice.lines[number + 1 : number + 4]),
        )
        if status := status_by_sentence(line, before=before, behind=behind):
            return _Status(status=status, words=line, is_guessed=True)
    return None


def _goes_on(notice: _Notice, status: _Status, etr: tuple[StatedEtr, Field] | None, end: _Time | None) -> bool:
    """Return whether a notice whose words say that something is over tells that it will be, or is there again."""
    if status.status not in (OutageStatus.MONITORING, OutageStatus.RESOLVED):
        return False
    if (
        status.status is OutageStatus.RESOLVED
        and etr
        and end is None
        and etr[0].at
        and etr[0].at > notice.moments.date + _AHEAD
    ):
        return True
    found = ((line, _LOST_AGAIN.search(line)) for line in notice.lines)
    return any(again and not _MAYBE.search(line, 0, again.start()) for line, again in found)


def _merged(notice: _Notice, ticket: str) -> tuple[str, ...]:
    """Return the number of the outage with which this one goes on, empty where it is one of its own."""
    found = next((one for text in (notice.subject, *notice.lines) if (one := _MERGED.search(text))), None)
    return (found["id"].rstrip("-/"),) if found and found["id"].rstrip("-/") != ticket else ()


def _impact(notice: _Notice) -> tuple[Impact | None, str]:
    for field in notice.all(Means.IMPACT, Means.STATUS):
        if impact := impact_in(field.value):
            return impact, _words(field)
    return None, ""


def _end(notice: _Notice, status: OutageStatus | None, end: _Time | None) -> tuple[_Time | None, tuple[str, ...]]:
    """Return the end where it can be one, and what is to be said of one that cannot."""
    if end is None:
        return None, ()
    if _lies_ahead(notice, end) or status in _NOT_OVER:
        return None, (f'no end of what is not over: "{_words(end.field)}"',)
    return end, ()


def _stated_end(notice: _Notice) -> tuple[_Time | None, tuple[str, ...]]:
    """Return the end, none where one label states two."""
    end = _time(notice, Means.END, latest=True)
    if end is None:
        return None, ()
    same = [field for field in notice.all(Means.END) if field.label.lower() == end.field.label.lower()]
    ends = {at for field in same if (at := _instant(notice, Means.END, field, latest=True))}
    if len(ends) > 1:
        return None, (f'several ends: "{"; ".join(_words(field) for field in same[:3])}"',)
    return end, ()


def _is_planned_end(notice: _Notice, status: OutageStatus | None, end: _Time) -> bool:
    """Return whether an end is still to come where it is no other word for an estimate."""
    if status is OutageStatus.RESOLVED or not _lies_ahead(notice, end):
        return False
    return status is None or not notice.first(Means.ETR, Means.ETR_DATE)


def _lies_ahead(notice: _Notice, time: _Time) -> bool:
    return time.at > notice.moments.date + _AHEAD


def _etr(notice: _Notice) -> tuple[tuple[StatedEtr, Field] | None, tuple[str, ...]]:
    """Return the estimate, that of a label that says it is revised before others, and what is to be said of it.

    There is none where two labels of a kind state different ones.
    """
    fields = sorted(notice.all(Means.ETR), key=lambda field: not _REVISED.search(field.label))
    unread = []
    for number, field in enumerate(fields or list(notice.all(Means.ETR_DATE))):
        if etr := _estimate(notice, field):
            others = fields[number + 1 :]
            differing = [other for other in others if _differs(notice, (etr, field), other)]
            if differing:
                return None, (f'several estimates: "{"; ".join(map(_words, (field, *differing[:2])))}"',)
            return (etr, field), _far(notice, etr)
        unread.append(f'no estimate that can be read: "{_words(field)}"')
    return (None if unread else _etr_in_prose(notice)), tuple(unread)


def _estimate(notice: _Notice, field: Field) -> StatedEtr | None:
    text = _with_date(notice, Means.ETR_DATE, field)
    moments = _moments(notice, field)
    zone = in_brackets(field.label) or notice.zone
    # A zone beside the label is that of a time which names none itself.
    with_zone = moments.etr(f"{text} {zone}") if zone and moments.zone_in(text) is None else None
    if etr := with_zone or moments.etr(text):
        return replace(etr, words=one_line(field.value)[:_ETR_CHARACTERS].rstrip())
    _raise_for_order(moments, text)
    return None


def _differs(notice: _Notice, stated: tuple[StatedEtr, Field], other: Field) -> bool:
    """Return whether a label of the same kind as that of an estimate states another one."""
    etr, field = stated
    if bool(_REVISED.search(other.label)) is not bool(_REVISED.search(field.label)):
        return False
    try:
        found = _estimate(notice, other)
    except NotUnderstood:
        return False
    return found is not None and found.at != etr.at


def _far(notice: _Notice, etr: StatedEtr) -> tuple[str, ...]:
    far = etr.at is not None and etr.at > notice.moments.date + _LONGEST_ESTIMATE
    return (f'an estimate more than {_LONGEST_ESTIMATE.days} days ahead: "{etr.words}"',) if far else ()


def _etr_in_prose(notice: _Notice) -> tuple[StatedEtr, Field] | None:
    """Return the estimate of a sentence that names it as one."""
    for line in notice.lines:
        if not _NO_PROSE.match(line) and (etr := etr_in(line, notice.moments)):
            return etr, Field(label="ETR", value=etr.words)
    return None


def _raise_for_order(moments: Moments, text: str) -> None:
    """Raise where day and month are in an order that is not known, which a person must settle."""
    try:
        moments.instant(text)
    except OrderUnknown:
        raise
    except NotUnderstood:
        return


def _time(notice: _Notice, means: Means, *, latest: bool = False) -> _Time | None:
    """Return the instant of a label, in UTC where it is stated several times; raises where it cannot be read."""
    fields = list(notice.all(means)) or list(notice.all(_DATES_OF[means]))
    found = [
        _Time(at=at, field=field)
        for field in fields
        if (at := _instant(notice, means, field, latest=latest)) is not None
    ]
    in_utc = [one for one in found if _UTC.search(f"{one.field.label} {one.field.value}")]
    return next(iter(in_utc or found), None)


def _instant(notice: _Notice, means: Means, field: Field, *, latest: bool) -> datetime | None:
    text = _with_date(notice, _DATES_OF[means], field)
    moments = _moments(notice, field)
    if not moments.names_time(text) or (means is Means.END and not moments.names_day(text) and not _ZONED.search(text)):
        # A word, a day alone, or how long something took.
        return None
    zone = in_brackets(field.label) or notice.zone
    if zone and moments.zone_in(text) is None and moments.zone_in(f"{text} {zone}"):
        return moments.instant(f"{text} {zone}", latest=latest)
    return moments.instant(text, latest=latest)


def _with_date(notice: _Notice, means: Means, field: Field) -> str:
    """Return the words of a time, with the day before them that another label names where they name none."""
    day = notice.first(means)
    if day is None or day == field or notice.moments.names_day(field.value):
        return one_line(field.value)
    return (
        f"{one_line(day.value)} {one_line(field.value)}"
        if notice.moments.names_time(field.value)
        else one_line(field.value)
    )


def _moments(notice: _Notice, field: Field) -> Moments:
    """Return how a field writes times, which its label may say: "Start (DD/MM/YYYY)"."""
    order = next((order for order, pattern in _STATED_ORDER if pattern.search(field.label)), None)
    if order is None:
        return notice.moments
    return replace(notice.moments, clock=replace(notice.moments.clock, order=order))


def _cause(notice: _Notice) -> str | None:
    found = (one_line(field.value) for field in notice.all(Means.CAUSE))
    return next((words for words in found if not _NO_CAUSE.fullmatch(words)), None)


def _zone(notice: _Notice, facts: _Facts) -> str | None:
    """Return the zone in which the notice writes its times, as it writes it."""
    for found in (facts.start, facts.end, facts.reported):
        if found:
            zone = (
                _UTC_LETTER.sub("UTC", notice.moments.zone_in(found.field.value) or "")
                or in_brackets(found.field.label)
                or notice.zone
            )
            if zone:
                return zone
    return notice.zone or None


def _words(field: Field) -> str:
    return f"{field.label}: {one_line(field.value)}"


READER = Reader(form="general", label="maintd/general", version="1", read=read)

# Of what a person took for an outage: nothing is held against it.
LAX = Reader(form="general", label="maintd/general", version="1", read=read_accepted)
