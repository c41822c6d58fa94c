"""Lumen, CenturyLink and Level 3: a story of the repair that grows from mail to mail, at last with labelled facts.

Ticket, the customer's own ticket, and that it was opened: in the subject ("Lumen Ticket #: N, CUSTOMER, Ticket Opened,
Customer Ticket ID: N", from no-reply@lumen.com), as a customer quotes it in public notes; else behind a label.
Start: "On November 17, 2023, at 01:28 GMT, Lumen discovered a service impact in Orlando, FL"; its close: "This service
impact has concluded". Source: bridgenetcommunications.com/repair-statement; with "identified" and "reported" in
totaluptime.com/major-centurylink-network-outage-to-close-2018, status.beyondhosting.net/incidents/9kqn6rvfdk15 and
puck.nether.net/pipermail/outages/attachments/20200830/609031bb/attachment.htm, whose words of the course are read too.
Root Cause, Outage Start, Outage Stop, Fix Action: cytranet.com/how-cytranet-responds-to-fiber-cuts-a-real-world-
timeline-that-proves-our-commitment-to-reliability; "Incident Start" and "Incident Clear":
status.macstadium.com/incidents/q4qfhq90ppr8. "MTR", Level 3's word for the estimate:
mail-archive.com/outages@outages.org/msg04071.html; the estimate in a sentence:
apnews.com/6550803e500041b7986286632f6640ee. The words of "Status":
centurylink.com/wholesale/help/controlcenter/service-management/escalating-a-repair-ticket.html. Circuit ID, Customer
Report ID and the severity: centurylink.com/wholesale/systems/cemr_mtg_webhelp. The table of circuits is that of Lumen's
notices of planned work, tests/mail/lumen. Where a person writes start, end or cause under a label that is none of
these, it is read as that of all carriers.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from domain.events import StatedCircuit, StatedEtr, StatedOutage
from domain.vocabulary import Impact, OutageStatus
from parsers.lines import lines_of, one_line, rows_of
from parsers.mime import Notification
from parsers.outage.labels import fields_of, newest_text
from parsers.outage.sheets import ETR_LABEL, is_etr_label, sheet_of, stated_cause
from parsers.outage.times import Moments, moments_of
from parsers.outage.words import OUTAGE_WORDS, Means, affirms_end, impact_in, meaning_of, status_in
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result, joined

_SEARCHED_CHARACTERS = 50_000
_FEWEST_FACTS = 2
# A line of this length that ends no sentence may go on in the next.
_FULL_CHARACTERS = 45

_OTHER_LABEL = re.compile(r"[A-Z][\w/()#-]{0,20}(?: [\w/()#-]{1,20}){0,4}:\s")

_CARRIER = r"(?:lumen|centurylink|level ?3)"
_SUBJECT = re.compile(rf"\b{_CARRIER}\s(?:repair )?ticket\s?#?\s?:?\s?(\d{{6,12}})\b(.{{0,400}})", re.IGNORECASE)
_CUSTOMERS = re.compile(r"\bcustomer ticket id\s?:\s?([\w./#-]{2,40})", re.IGNORECASE)
_CUSTOMERS_LABELS = ("customer ticket", "customer report")
_CUSTOMERS_NUMBER = re.compile(r"(?=.{0,40}\d)[\w./#-]{2,40}")
_TICKET_STATE = re.compile(r"\bticket (opened|created|closed|resolved|cancell?ed)\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d{6,12}\b")

_DISCOVERED = re.compile(
    r"\bon ([a-z]{3,9} \d{1,2},? \d{4},?(?: at)? \d{1,2}:\d{2} [a-z]{2,4})[:,]? "
    rf"{_CARRIER} (?:discovered|identified|reported|observed|detected) an?"
    r" ((?:service impact|issue|outage)\b(?:[^.]|(?<=\bSt)\.|(?<=\bFt)\.){0,160})",
    re.IGNORECASE,
)
_CONCLUDED = re.compile(r"\bthis (?:service impact|event|outage) has concluded\b", re.IGNORECASE)
# A label begins its line; and a sentence of the story ends what stands behind a label.
_CIRCUIT_LABEL = r"(?:affected |impacted )?circuits?(?: ids?| id\(s\)| affected| impacted)?|service ids?"
_LABEL = re.compile(
    r"^\W{0,4}((?:lumen |repair )?ticket(?: id| number| #)?|event(?: id)?|customer (?:ticket|report)(?: id| number| #)?"
    rf"|{_CIRCUIT_LABEL}|perceived severity|service impact|(?:ticket )?status"
    r"|repair area|repair action|location|root cause|fix action|outage start|outage stop"
    rf"|incident start|incident clear|mtr|{ETR_LABEL}|next update|technician eta|customer impact"
    r"|(?:outage |event |reason for outage \(rfo\) )?summary|on(?= [a-z]{3,9} \d)|this service impact has concluded)"
    r"(?:\s{0,2}#?:|\s{0,2}$|(?<=\bon)|(?<=concluded))",
    re.IGNORECASE | re.MULTILINE,
)
_OWN = frozenset(
    {"repair area", "repair action", "outage start", "outage stop", "fix action", "incident start", "incident clear"}
)
_ABOUT_A_LOSS = _OWN | {"perceived severity", "root cause"}
_CIRCUIT_LABELLED = re.compile(_CIRCUIT_LABEL)
_ID_WORDS = 3
_LABEL_AND_VALUE = 2
_DIGIT = re.compile(r"\d")
_TICKET_LABELS = (
    "lumen ticket",
    "repair ticket",
    "ticket",
    "ticket id",
    "ticket number",
    "ticket #",
    "event",
    "event id",
)
# The words of the ticket system that are not those of all carriers: Pending says nothing of the outage.
_STATUSES = {"canceled": OutageStatus.RESOLVED, "cancelled": OutageStatus.RESOLVED}
_SEVERITIES = {"affects service": Impact.DEGRADED, "service not affected": Impact.NO_IMPACT}

# What is denied or still to come says nothing of the course; of the rest the furthest counts.
_TO_COME = re.compile(
    r"\b(?:once|until|unless|if|whether|when|as soon as|will|would|can|may|might|must|should|no|not|cannot"
    r"|to (?:locate|find|isolate|identify|determine|confirm))\b",
    re.IGNORECASE,
)
# Who is engaged to find something is looking for it.
_PURPOSE = re.compile(r"\bto (?:locate|find|isolate|identify|determine|confirm)\b.*", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[.,;:]\s")
_COURSES = (
    (
        OutageStatus.MONITORING,
        re.compile(
            r"\bservices? [^.]{0,40}\b(?:returning to a stable state|(?:has|have) been (?:fully )?restored)"
            r"|\bbeing monitored|\bcontinu\w{1,3} to monitor",
            re.IGNORECASE,
        ),
    ),
    (
        OutageStatus.IDENTIFIED,
        re.compile(
            r"\b(?:found|located|confirmed|identified|isolated)\b[^.]{0,80}\b(?:damage|cuts?\b|faults?\b|break|severed)"
            r"|\b(?:damage|cut|fault|break|cause|fiber|cable)\b[^.]{0,60}\b(?:was|were|been) (?:found|located"
            r"|identified|isolated|confirmed|severed|damaged|cut)\b|\bresearch identified"
            r"|\bsplic(?:ing|ed|e (?:crew|team))\b"
            r"|\brepair (?:efforts|activities|work) [^.]{0,20}\b(?:under ?way|in progress|ongoing)",
            re.IGNORECASE,
        ),
    ),
    (OutageStatus.INVESTIGATING, re.compile(r"\b(?:engaged|investigat|dispatched|troubleshoot|isolat)", re.IGNORECASE)),
)

_SENTENCE_END = re.compile(r"(?<=[A-Za-z0-9)][.!])(?<![ap]\.m\.)\s+(?=[A-Z])")
_ESTIMATE = r"(?:MTR|ETT?R|[Ee]stimated time (?:to|of) (?:restore|repair|restoration))"
_ESTIMATED = re.compile(
    rf"\b(?P<none>[Nn]o (?:current |firm )?{_ESTIMATE}\b[^.]{{0,40}})"
    rf"|(?:\b{_ESTIMATE}(?: (?:is|was|has been|remains|now|set|extended|updated|revised|moved|out|to|for)\b){{0,5}}"
    r"|\bestimated that (?:the )?services? will be restored\b):? (?P<value>[^;]{3,120})"
)
_WHY = re.compile(r",?\s(?:due to|because|as|while|since|so that)\s")
_BETWEEN_CIRCUITS = re.compile(r"\s?[,;]\s?|\s+and\s+")
_NO_CIRCUIT = frozenset({"", "n/a", "na", "none", "-"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Notice:
    """A notice in this form: its newest text, what stands behind its labels, and what of it is in the subject.

    ``said``: what stands behind labels of other carriers, where a person writes those.
    ``state`` is the word of the subject for what became of the ticket; ``discovered`` the beginning of the story.
    """

    text: str
    sheet: Mapping[str, str]
    said: Mapping[Means, str]
    ticket: str | None
    customers_ticket: str | None
    state: str
    discovered: re.Match[str] | None

    def value(self, *labels: str) -> str:
        """Return what stands behind the first of the labels that the notice has: a line, and how it goes on."""
        return next((value for label in labels if (value := _first_lines(self.sheet.get(label, "")))), "")

    def time(self, *labels: str) -> str:
        """Return the same of a label of a time, empty where no time stands there, "Ongoing" say."""
        return _with_digits(self.value(*labels))

    def other_time(self, means: Means) -> str:
        """Return what stands behind another carrier's label of a time, empty where no time stands there."""
        return _with_digits(self.said.get(means, ""))


def read(notification: Notification, provider: Provider) -> Findings:
    """Return what a notice says of one outage. Raises ``NotUnderstood`` where it is not in this form, or has no ticket.

    Of a story only what has happened counts, and of its estimates the last.
    """
    notice = _notice_in(notification)
    if not notice.ticket:
        raise NotUnderstood("reader lumen-repair: no ticket")
    result = Result(
        event_id=notice.ticket,
        circuits=_circuits(rows_of(newest_text(notification)), notice) or None,
        summary=one_line(notice.discovered[2]) if notice.discovered else None,
        references=(notice.customers_ticket,) if notice.customers_ticket else (),
        outage=_outage(notice, moments_of(notification, provider)),
    )
    facts = ((label, one_line(value)) for label, value in notice.sheet.items() if label != "on")
    story = (("story", notice.discovered[0]),) if notice.discovered else ()
    return Findings(results=(result,), matched=(("ticket", notice.ticket), *story, *facts))


def _notice_in(notification: Notification) -> _Notice:
    newest = newest_text(notification)
    text = one_line("\n".join(lines_of(newest)))[:_SEARCHED_CHARACTERS]
    sheet = sheet_of(notification, _LABEL)
    discovered = _DISCOVERED.search(text)
    subject = _SUBJECT.search(notification.subject) or _SUBJECT.search(notification.other_subject)
    if not (discovered or _CONCLUDED.search(text) or len(_OWN & sheet.keys()) >= _FEWEST_FACTS):
        # A ticket can be about an invoice too.
        if not subject:
            raise NotUnderstood("reader lumen-repair: no ticket of Lumen in the subject, and no story of a repair")
        if not (_ABOUT_A_LOSS & sheet.keys() or any(map(_is_etr, sheet)) or OUTAGE_WORDS.search(text)):
            raise NotUnderstood("reader lumen-repair: a ticket that nothing says to be about an outage")
    behind = subject[2] if subject else ""
    number = next((found for label in _TICKET_LABELS if (found := _NUMBER.match(sheet.get(label, "")))), None)
    customers = _CUSTOMERS.search(behind)
    state = _TICKET_STATE.search(behind)
    return _Notice(
        text=text,
        sheet=sheet,
        said={means: one.value for one in reversed(fields_of(newest)) if (means := meaning_of(one.label))},
        ticket=subject[1] if subject else number[0] if number else None,
        customers_ticket=customers[1] if customers else _customers_ticket(sheet),
        state=state[1] if state else "",
        discovered=discovered,
    )


def _with_digits(value: str) -> str:
    return value if any(map(str.isdigit, value)) else ""


def _customers_ticket(sheet: Mapping[str, str]) -> str | None:
    labelled = (value.partition("\n")[0] for label, value in sheet.items() if label.startswith(_CUSTOMERS_LABELS))
    return next((value for value in labelled if _CUSTOMERS_NUMBER.fullmatch(value)), None)


def _first_lines(value: str) -> str:
    lines = value.splitlines()
    lines = [*lines[:1], *takewhile(lambda line: not _OTHER_LABEL.match(line), lines[1:])]
    full = (len(line) >= _FULL_CHARACTERS and not line.endswith((".", "!")) for line in lines)
    broken = sum(1 for _ in takewhile(bool, full))
    return " ".join(lines[: broken + 1])


def _outage(notice: _Notice, moments: Moments) -> StatedOutage:
    start = notice.time("outage start", "incident start") or notice.other_time(Means.START)
    start = start or (notice.discovered[1] if notice.discovered else "")
    end = notice.time("outage stop", "incident clear") or notice.other_time(Means.END)
    status = _status(notice, ended=bool(end))
    return StatedOutage(
        status=status,
        start=moments.instant(start) if start else None,
        end=moments.instant(end, latest=True) if end else None,
        etr=None if status is OutageStatus.RESOLVED else _etr(notice, moments),
        cause=stated_cause(notice.value("root cause") or notice.said.get(Means.CAUSE, "")),
        zone=moments.zone_in(start) if start else None,
    )


def _status(notice: _Notice, *, ended: bool) -> OutageStatus | None:
    """Return how far a repair has come by its story, else by the words of the ticket."""
    stated, state = (
        _STATUSES.get(words.lower()) or status_in(words)
        for words in (notice.value("status", "ticket status"), notice.state)
    )
    fixed = stated_cause(notice.value("fix action"))
    concluded = any(affirms_end(notice.text, found) for found in _CONCLUDED.finditer(notice.text))
    if ended or fixed or concluded or OutageStatus.RESOLVED in (stated, state):
        return OutageStatus.RESOLVED
    clauses = _CLAUSE_END.split(notice.text)
    course = next((one for one, words in _COURSES if any(_says(one, words, clause) for clause in clauses)), None)
    return course or stated or state


def _says(status: OutageStatus, words: re.Pattern[str], clause: str) -> bool:
    told = _PURPOSE.sub("", clause) if status is OutageStatus.INVESTIGATING else clause
    found = words.search(told)
    if not found or _TO_COME.search(told):
        return False
    return not found[0].endswith("restored") or affirms_end(told, found)


def _etr(notice: _Notice, moments: Moments) -> StatedEtr | None:
    if labelled := notice.value(*filter(_is_etr, notice.sheet)):
        return moments.etr(labelled)
    found = [found for sentence in _SENTENCE_END.split(notice.text) if (found := _ESTIMATED.search(sentence))]
    return next((etr for one in reversed(found) if (etr := _estimate(one, moments))), None)


def _is_etr(label: str) -> bool:
    return label == "mtr" or is_etr_label(label)


def _estimate(found: re.Match[str], moments: Moments) -> StatedEtr | None:
    if found["none"]:
        return StatedEtr(at=None, words=found["none"].strip())
    return moments.etr(_WHY.split(found["value"], maxsplit=1)[0].strip(" ."))


def _circuits(rows: Sequence[Sequence[str]], notice: _Notice) -> tuple[StatedCircuit, ...]:
    """Return the circuits of the table, else those behind the label."""
    impact = _impact(notice.value("perceived severity", "service impact"))
    labelled = (value for label, value in notice.sheet.items() if _CIRCUIT_LABELLED.fullmatch(label))
    lines = next(labelled, "").splitlines()
    listed = [*lines[:1], *takewhile(_goes_on, lines[1:])]
    named = [name for line in listed for name in _BETWEEN_CIRCUITS.split(line)]
    behind_label = [StatedCircuit(circuit_id=name, impact=impact) for name in named if name.lower() not in _NO_CIRCUIT]
    return joined(list(_listed(rows)) or behind_label)


def _goes_on(line: str) -> bool:
    """Return whether a line below circuits has more of them, and is neither prose nor another label."""
    names = _BETWEEN_CIRCUITS.split(line.rstrip(" ,;"))
    ids = [name for name in names if name.lower() not in _NO_CIRCUIT]
    return ": " not in line and all(len(name.split()) <= _ID_WORDS and _DIGIT.search(name) for name in ids)


def _listed(rows: Sequence[Sequence[str]]) -> Iterator[StatedCircuit]:
    headings: list[str] = []
    for row in rows:
        # In a row of two cells it is a label.
        if "Circuit ID" in row and (len(row) > _LABEL_AND_VALUE or "Impact Type" in row):
            headings = list(row)
        elif headings and len(row) == len(headings):
            cells = dict(zip(headings, row, strict=True))
            if cells["Circuit ID"].lower() not in _NO_CIRCUIT:
                yield StatedCircuit(circuit_id=cells["Circuit ID"], impact=_impact(cells.get("Impact Type", "")))


def _impact(words: str) -> Impact | None:
    return _SEVERITIES.get(words.lower()) or impact_in(words)


READER = Reader(form="lumen-repair", label="maintd/lumen-repair", version="1", read=read)
