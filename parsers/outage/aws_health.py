"""Events of AWS Health as EventBridge gives them and a topic of SNS mails them: JSON in plain text, with a footer.

Only what AWS calls an issue is read: a scheduled change is planned work, and an account notification nothing for us.
The last part of the ARN is the ticket; the ARN is the same in all accounts and mails of an event. ``statusCode`` is
"open" until it is "closed", which alone gives ``endTime`` its meaning; how far AWS is stands in the newest entry of the
description. The form has no label for cause and estimate: a sentence of the description says the cause. That an entity
is IMPAIRED says that the event concerns it, and not how much.

Sources: docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html (each field; times "DoW, DD MMM
YYYY HH:MM:SS TZ"), docs.aws.amazon.com/health/latest/APIReference/API_AffectedEntity.html (entities),
docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html (mails).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.events import StatedCircuit, StatedOutage
from domain.vocabulary import OutageStatus
from parsers.forms import DateOrder
from parsers.mime import Notification
from parsers.outage.sheets import cause_in, course_in
from parsers.outage.times import Moments, moments_of
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result

_ARN = re.compile(
    r"arn:aws[a-z-]{0,20}:health:[a-z0-9-]{0,30}:\d{0,12}:event/[\w-]{1,60}/(?P<code>\w{1,120})/(?P<id>[\w-]{1,200})"
)
_ISSUES = ("issue", "investigation")
# What stands for the whole account is no circuit.
_ACCOUNT = re.compile(r"\d{12}|AWS_ACCOUNT|UNKNOWN|All (?:services related )?resources.{0,20}", re.IGNORECASE)
_ENTRY = re.compile(r"\[(?P<stamp>[^\]]{0,30}\d{1,2}:\d{2}[^\]]{0,30})\]")
_CLOCKS_DIFFER = timedelta(minutes=10)
_DAY = timedelta(days=1)
_MOST_JSON = 300_000
_MOST_ENTRIES = 200


def read(notification: Notification, provider: Provider) -> Findings:
    """Return the outage that an event is about, or nothing for a notification. Raises ``NotUnderstood`` otherwise."""
    envelope = _event(notification)
    event = envelope["detail"]
    category = str(event.get("eventTypeCategory"))
    if category == "accountNotification":
        return Findings()
    ticket, code = ticket_of(str(event.get("eventArn")))
    if category not in _ISSUES or not ticket:
        raise NotUnderstood(f'reader aws-health: "{category[:40]}" is no issue, or it has no ARN')
    entities = [str(entity.get("entityValue")) for entity in _objects(event.get("affectedEntities"))]
    result = Result(
        event_id=ticket,
        account=_text(event.get("affectedAccount")) or _text(envelope.get("account")),
        circuits=circuits_of(entities) or None,
        summary=f"{code} {event.get('eventRegion') or envelope.get('region') or ''}".strip(),
        outage=_outage(event, moments_of(notification, provider, order=DateOrder.MONTH_BY_NAME, zone="UTC")),
    )
    shown = ("eventArn", "statusCode", "startTime", "endTime")
    return Findings(results=(result,), matched=tuple((name, str(event[name])) for name in shown if event.get(name)))


def ticket_of(arn: str) -> tuple[str, str]:
    """Return the id of an event and the code of its type, empty where a text is no ARN of an event."""
    found = _ARN.search(arn)
    return (found["id"], found["code"]) if found else ("", "")


def circuits_of(resources: Sequence[str]) -> tuple[StatedCircuit, ...]:
    """Return the resources that are not an account as a whole."""
    names = dict.fromkeys(name.strip() for name in resources)
    return tuple(StatedCircuit(circuit_id=name) for name in names if name and not _ACCOUNT.fullmatch(name))


def course_of(status_code: str, description: str, moments: Moments) -> OutageStatus | None:
    """Return how far AWS is with an issue: closed, else what the newest entry of its description says."""
    if status_code.lower() == "closed":
        return OutageStatus.RESOLVED
    return course_in(_newest_entry(description, moments))


def _newest_entry(description: str, moments: Moments) -> str:
    """Return the newest entry of a log, which stands first or last in it; nothing where nobody can say which it is.

    An entry bears a time of the day, and a notice goes out with the newest.
    """
    entries = list(_ENTRY.finditer(description))[:_MOST_ENTRIES]
    if len(entries) < 2:
        return description
    try:
        stamps = [_before(moments.instant(entry["stamp"]), moments) for entry in entries]
    except NotUnderstood:
        return ""
    newest = [number for number, stamp in enumerate(stamps) if stamp == max(stamps)]
    if newest == [0]:
        return description[: entries[1].start()]
    return description[entries[-1].start() :] if newest == [len(entries) - 1] else ""


def _before(stamp: datetime, moments: Moments) -> datetime:
    """Return when an entry was written: no time of the day is later than the notice."""
    return stamp - _DAY if stamp > moments.date + _CLOCKS_DIFFER else stamp


def _outage(event: Mapping[str, Any], moments: Moments) -> StatedOutage:
    closed = str(event.get("statusCode")).lower() == "closed"
    start, end = _text(event.get("startTime")), _text(event.get("endTime"))
    description = "\n".join(str(one.get("latestDescription")) for one in _objects(event.get("eventDescription")))
    return StatedOutage(
        status=course_of(str(event.get("statusCode")), description, moments),
        start=moments.instant(start) if start else None,
        end=moments.instant(end, latest=True) if end and closed else None,
        cause=cause_in(_ENTRY.sub("", description)),
        zone=moments.zone_in(start) if start else None,
    )


def _event(notification: Notification) -> Mapping[str, Any]:
    """Return the JSON object of an event of AWS Health that stands in the plain text."""
    for text in notification.of_type("text/plain"):
        start = text.find("{")
        if '"aws.health"' not in text or start < 0:
            continue
        try:
            found, _ = json.JSONDecoder(strict=False).raw_decode(text[start : start + _MOST_JSON])
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and isinstance(found.get("detail"), dict) and found.get("source") == "aws.health":
            return found
    raise NotUnderstood("reader aws-health: no event of AWS Health in its text")


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


READER = Reader(form="aws-health", label="maintd/aws-health", version="1", read=read)
