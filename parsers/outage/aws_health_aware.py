"""Mails of AWS Health Aware, which tells of events of AWS Health from one's own account: lines of labels in html.

One mail for each new description of an event, and one when it is closed, under any subject, from the address that one
gave it; so the sender must be set for the provider aws. It tells of scheduled changes in the same words: only a type
of event that is an issue is read.

Source: github.com/aws-samples/aws-health-aware, messagegenerator.py: get_message_for_email,
get_org_message_for_email, cleanup_time.
"""

import re

from domain.events import StatedCircuit, StatedOutage
from domain.vocabulary import OutageStatus
from parsers.forms import DateOrder
from parsers.lines import one_line
from parsers.mime import Notification
from parsers.outage.aws_health import circuits_of, course_of, ticket_of
from parsers.outage.sheets import cause_in, sheet_of
from parsers.outage.times import moments_of
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result

_LABEL = re.compile(
    r"^(Account\(s\)|Resource\(s\)|Service|Region|Start Time \(UTC\)|End Time \(UTC\)|Status|Event ARN|Updates"
    r"|For updates, please visit|If you are (?:still )?experiencing|Thanks,)(?:\s?:|(?=\s|$))\s?",
    re.IGNORECASE | re.MULTILINE,
)
_ACCOUNT = re.compile(r"\d{12}")


def read(notification: Notification, provider: Provider) -> Findings:
    """Return the outage that a mail is about. Raises ``NotUnderstood`` for every other form and type of event."""
    sheet = {label: one_line(value) for label, value in sheet_of(notification, _LABEL).items()}
    ticket, code = ticket_of(sheet.get("event arn", ""))
    if not ticket or not code.endswith("_ISSUE"):
        raise NotUnderstood("reader aws-health-aware: no ARN of an issue")
    moments = moments_of(notification, provider, order=DateOrder.YEAR_MONTH_DAY, zone="UTC")
    status = course_of(sheet.get("status", ""), sheet.get("updates", ""), moments)
    start, end = sheet.get("start time (utc)"), sheet.get("end time (utc)")
    accounts = _ACCOUNT.findall(sheet.get("account(s)", ""))
    result = Result(
        event_id=ticket,
        account=accounts[0] if len(accounts) == 1 else None,
        circuits=_circuits(sheet.get("resource(s)", "")),
        summary=f"{code} {sheet.get('region', '')}".strip(),
        outage=StatedOutage(
            status=status,
            start=moments.instant(f"{start} UTC") if start else None,
            end=moments.instant(f"{end} UTC", latest=True) if end and status is OutageStatus.RESOLVED else None,
            cause=cause_in(sheet.get("updates", "")),
            zone="UTC",
        ),
    )
    return Findings(results=(result,), matched=tuple(sheet.items()))


def _circuits(resources: str) -> tuple[StatedCircuit, ...] | None:
    """Return the resources, which are ids without blanks; "All resources in region" names none."""
    return None if resources.lower().startswith("all ") else circuits_of(resources.split()) or None


READER = Reader(form="aws-health-aware", label="maintd/aws-health-aware", version="1", read=read)
