"""Cogent: lines of text, month/day, and the local time of the city that the notice names or a zone like "CT".

Source: tests/mail/cogent/planned.eml, tests/mail/cogent/local_time_in_portland_maine.eml.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from domain.events import StatedCircuit
from domain.vocabulary import MaintenanceStatus
from parsers.cities import zone_of_city
from parsers.clock import Clock, clock_of
from parsers.lines import lines_of, plain_lines_of, values_after
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result

_ORGANIZER = "support@cogentco.com"
_START = re.compile(r"start time\b", re.IGNORECASE)
_END = re.compile(r"end time\b", re.IGNORECASE)
_ORDER_NUMBER = re.compile(r"work order number\b", re.IGNORECASE)
_CIRCUITS = re.compile(r"order id\(s\) impacted\b", re.IGNORECASE)
_CUSTOMER = re.compile(r"dear (.{1,200}),$", re.IGNORECASE)
_TITLE = re.compile(r"[^:]{0,100}\bmaintenance", re.IGNORECASE)
_PLACE = r"([A-Z][A-Za-z.'’ -]{1,40}), ([A-Z]{2}\b|[A-Z][a-z]+(?: [A-Z][a-z]+)?)"
_CITY = re.compile(r"\bservice in (?:the )?(?:greater )?" + _PLACE)
_CITY_IN_SUBJECT = re.compile(r"[-–] " + _PLACE)
_CIRCUIT_IN_SUBJECT = re.compile(r"(\d-\d{6,12})\s*$")

# The first word that a subject holds counts.
_STATUSES = (
    ("complet", MaintenanceStatus.COMPLETED),
    ("cancel", MaintenanceStatus.CANCELLED),
    ("correction", MaintenanceStatus.RE_SCHEDULED),
    ("reschedul", MaintenanceStatus.RE_SCHEDULED),
    ("planned", MaintenanceStatus.CONFIRMED),
    ("provider", MaintenanceStatus.CONFIRMED),
    ("emergency", MaintenanceStatus.CONFIRMED),
)


def read(notification: Notification, provider: Provider) -> Findings:
    """Return the one window of a notice. Raises ``NotUnderstood`` where a line of it is missing."""
    lines = next((text for text in (lines_of(notification), plain_lines_of(notification)) if _is_notice(text)), [])
    if not lines:
        raise NotUnderstood("reader cogent: no start time and work order number")
    start, end, number = (next(values_after(lines, label), "") for label in (_START, _END, _ORDER_NUMBER))
    clock = _clock(lines, notification.subject, provider)
    circuits = _circuits(lines, notification.subject)
    return Findings(
        results=(
            Result(
                event_id=number,
                account=next((match[1] for line in lines if (match := _CUSTOMER.fullmatch(line))), None),
                status=_status(lines, notification),
                start=clock.instant(start),
                end=clock.instant(end, latest=True),
                circuits=circuits or None,
                summary=next((line for line in lines if _TITLE.fullmatch(line)), None),
                organizer=_ORGANIZER,
            ),
        )
    )


def _is_notice(lines: Sequence[str]) -> bool:
    return all(any(label.match(line) for line in lines) for label in (_START, _END, _ORDER_NUMBER))


def _clock(lines: Sequence[str], subject: str, provider: Provider) -> Clock:
    """Return the clock of the city that the notice names, unless the configuration says which the provider's is."""
    clock = clock_of("cogent", provider)
    if clock.zone:
        return clock
    cities = (*(_CITY.search(line) for line in lines), _CITY_IN_SUBJECT.search(subject))
    return replace(clock, zone=next((zone_of_city(city[1], city[2]) for city in cities if city), None))


def _status(lines: Sequence[str], notification: Notification) -> MaintenanceStatus | None:
    """Return the status that the subject states, or the title that a forwarder has left in the text."""
    titles = (notification.subject, notification.other_subject, *lines[:3])
    found = [_status_of(title) for title in titles]
    if MaintenanceStatus.RE_SCHEDULED in found and found[0] in (None, MaintenanceStatus.CONFIRMED):
        return MaintenanceStatus.RE_SCHEDULED
    return next((status for status in found if status), None)


def _status_of(title: str) -> MaintenanceStatus | None:
    return next((status for word, status in _STATUSES if word in title.lower()), None)


def _circuits(lines: Sequence[str], subject: str) -> tuple[StatedCircuit, ...]:
    listed = next(values_after(lines, _CIRCUITS), "")
    in_subject = _CIRCUIT_IN_SUBJECT.search(subject)
    names = listed.split(",") if listed else [in_subject[1]] if in_subject else []
    return tuple(StatedCircuit(circuit_id=name.strip()) for name in names if name.strip())


READER = Reader(form="cogent", label="maintd/cogent", version="1", read=read)
