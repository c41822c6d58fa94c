"""Equinix: incidents in its data centres ("IBX"): what the staff of the site reports, and the condition of the site.

"Equinix IBX Site Staff reports that …", "Situation Status: Stable", "Equipment/Condition: Power Disturbance - Customer
Loads on Utility Power", "Current System Redundancy", "Resources on Site/Pending", as a customer repeats the notices of
one incident: status.faelix.net/event/202205240100. The number ("5-204454471282") is that which Equinix gives incidents
and maintenances alike: docs.equinix.com/en-us/Content/KnowledgeCenter/EMG/Notifications/IBXNotifications.htm. Where it
stands, the labels IBX(s) and IMPACT and the table of services are those of the notices of planned work,
tests/mail/equinix. For start, end, estimate and cause no label is known: those of all carriers are read, and without
the table those of account and circuits too; in the interface beside it they are "AccountNumber" and "Assets".
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from domain.events import StatedCircuit, StatedEtr, StatedOutage
from domain.vocabulary import OutageStatus
from parsers.forms import DateOrder
from parsers.lines import lines_of, one_line, rows_of
from parsers.mime import Notification
from parsers.outage.labels import Field, fields_of, newest_text
from parsers.outage.sheets import course_in, stated_cause
from parsers.outage.times import Moments, moments_of
from parsers.outage.words import Means, impact_in, meaning_of, status_by_sentence, status_in
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result, joined

_SEARCHED_CHARACTERS = 50_000
_NUMBER = re.compile(r"(?<![\w-])5-\d{9,13}(?![\w-])")
_SITE = frozenset(
    {
        "situation status",
        "equipment/condition",
        "current system redundancy",
        "resources on site/pending",
        "current colo temperature status",
        "current colo humidity rh status",
    }
)
_REPORTS = re.compile(r"\bIBX (?:site )?staff report(?:s|ed)?\b", re.IGNORECASE)
# The site holds, and they watch it.
_STATUSES = {"stable": OutageStatus.MONITORING}
_CIRCUITS = re.compile(r"\b(?:asset|circuit)s?\b", re.IGNORECASE)
_BETWEEN = re.compile(r"\s?[,;]\s?|\n")
_ACCOUNT, _SERIAL = "Account #", "Service Serial #"


def read(notification: Notification, provider: Provider) -> Findings:
    """Return what a notice says of one incident, for each account. Raises ``NotUnderstood`` for every other form."""
    newest = newest_text(notification)
    text = one_line("\n".join(lines_of(newest)))[:_SEARCHED_CHARACTERS]
    fields = fields_of(newest)
    site = {field.label.lower(): field.value for field in reversed(fields)}
    if not (site.keys() & _SITE or _REPORTS.search(text)):
        raise NotUnderstood("reader equinix-incident: no condition of a site, and no report of its staff")
    number = next(filter(None, map(_NUMBER.search, (notification.subject, notification.other_subject, text))), None)
    if not number:
        raise NotUnderstood("reader equinix-incident: no number of the incident")
    said = {means: field.value for field in reversed(fields) if (means := meaning_of(field.label))}
    outage = _outage(site, said, text, moments_of(notification, provider, order=DateOrder.MONTH_BY_NAME))
    impact = impact_in(site.get("impact", ""))
    accounts: dict[str | None, list[StatedCircuit]] = {}
    for account, circuit in list(_services(rows_of(newest))) or _labelled(fields, said.get(Means.ACCOUNT)):
        accounts.setdefault(account, []).append(StatedCircuit(circuit_id=circuit, impact=impact))
    results = tuple(
        Result(
            event_id=number[0],
            account=account,
            circuits=joined(circuits) or None,
            summary=_summary(site.get("ibx(s)") or site.get("ibx") or "", site.get("equipment/condition", "")),
            outage=outage,
        )
        for account, circuits in (accounts or {said.get(Means.ACCOUNT): []}).items()
    )
    facts = ((one.label, one.value) for one in fields if one.label.lower() in _SITE or meaning_of(one.label))
    return Findings(results=results, matched=(("ticket", number[0]), *facts))


def _summary(site: str, condition: str) -> str | None:
    if status_in(condition) is OutageStatus.RESOLVED:
        return None
    return f"{site}: {condition}" if site and condition else condition or None


def _outage(site: Mapping[str, str], said: Mapping[Means, str], text: str, moments: Moments) -> StatedOutage:
    start, end = (_time(said.get(means, "")) for means in (Means.START, Means.END))
    status = OutageStatus.RESOLVED if end else _status(site.get("situation status", ""), text)
    return StatedOutage(
        status=status,
        start=moments.instant(start) if start else None,
        end=moments.instant(end, latest=True) if end else None,
        etr=None if status is OutageStatus.RESOLVED else _etr(said, moments),
        cause=stated_cause(said.get(Means.CAUSE, "")),
        zone=moments.zone_in(start) if start else None,
    )


def _time(value: str) -> str:
    """Return what stands behind a label of a time, empty where it is no time, "Ongoing" say."""
    return value if any(map(str.isdigit, value)) else ""


def _status(situation: str, text: str) -> OutageStatus | None:
    """Return the status that the situation has by its label, else by the report of the staff."""
    stated = _STATUSES.get(situation.strip(" .").lower()) or status_in(situation)
    return stated or status_by_sentence(text) or course_in(text)


def _etr(said: Mapping[Means, str], moments: Moments) -> StatedEtr | None:
    return moments.etr(said[Means.ETR]) if Means.ETR in said else None


def _labelled(fields: Sequence[Field], account: str | None) -> Iterator[tuple[str | None, str]]:
    """Yield account and circuit of each that stands behind a label for them; a product is none."""
    for field in fields:
        if meaning_of(field.label) is Means.CIRCUITS and _CIRCUITS.search(field.label):
            yield from ((account, name) for name in _BETWEEN.split(field.value) if name)


def _services(rows: Sequence[Sequence[str]]) -> Iterator[tuple[str | None, str]]:
    """Yield account and service of each row below the headings of the table."""
    headings: Sequence[str] = ()
    for row in rows:
        if _ACCOUNT in row and _SERIAL in row:
            headings = row
        elif headings and len(row) == len(headings):
            cells = dict(zip(headings, row, strict=True))
            if cells[_SERIAL]:
                yield cells[_ACCOUNT] or None, cells[_SERIAL]


READER = Reader(form="equinix-incident", label="maintd/equinix-incident", version="1", read=read)
