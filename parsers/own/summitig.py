"""SummitIG: one table of an event, month/day, with the zone in the labels: "Start Time (EST)", "Start Time (UTC)".

Source: tests/mail/summitig/scheduled.eml, tests/mail/summitig/scheduled_in_utc.eml.
"""

import re
from collections.abc import Mapping

from domain.events import StatedCircuit
from domain.vocabulary import Impact, MaintenanceStatus
from parsers.clock import clock_of
from parsers.lines import rows_of
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result

_ORGANIZER = "outages@summitig.net"
_TIME_LABEL = re.compile(r"(start|end)\b.*?(?:\(([^)]{1,40})\))?$", re.IGNORECASE)
_STATUSES: Mapping[str, MaintenanceStatus] = {
    "scheduled": MaintenanceStatus.CONFIRMED,
    "splicing": MaintenanceStatus.IN_PROCESS,
    "restored": MaintenanceStatus.COMPLETED,
    "rescheduled": MaintenanceStatus.RE_SCHEDULED,
    "cancelled": MaintenanceStatus.CANCELLED,
    "canceled": MaintenanceStatus.CANCELLED,
}
_IMPACTS: Mapping[str, Impact] = {
    "outage": Impact.OUTAGE,
    "degraded": Impact.DEGRADED,
    "no impact": Impact.NO_IMPACT,
    "none": Impact.NO_IMPACT,
}


def read(notification: Notification, provider: Provider) -> Findings:
    """Return the one window of a notice. Raises ``NotUnderstood`` where no table of it is of a maintenance."""
    fields = {row[0].strip(" :").lower(): row[1] for row in rows_of(notification) if len(row) == 2}
    if not fields.get("event"):
        raise NotUnderstood("reader summitig: no row with the event")
    if "maint" not in fields.get("type", "maintenance").lower():
        raise NotUnderstood(f"reader summitig: an event of type {fields['type'][:40]}")
    clock = clock_of("summitig", provider)
    labels = ((label, _TIME_LABEL.match(label)) for label in fields)
    times = {match[1].lower(): f"{fields[label]} {(match[2] or '').upper()}" for label, match in labels if match}
    impact = _IMPACTS.get(fields.get("impact", "").lower())
    circuits = (name.strip() for name in fields.get("circuits", "").split(","))
    return Findings(
        results=(
            Result(
                event_id=fields["event"],
                account=fields.get("company"),
                status=_STATUSES.get(fields.get("status", "").lower()),
                start=clock.instant(times.get("start", "")),
                end=clock.instant(times.get("end", ""), latest=True),
                circuits=tuple(StatedCircuit(circuit_id=name, impact=impact) for name in circuits if name) or None,
                summary=fields.get("description"),
                organizer=_ORGANIZER,
            ),
        )
    )


READER = Reader(form="summitig", label="maintd/summitig", version="1", read=read)
