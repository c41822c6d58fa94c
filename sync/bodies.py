"""What is sent to NetBox for each thing that is desired, and what of it is found in an answer: pure functions.

Both are written the same way, so that what came is what was sent exactly if they are equal.
"""

import functools
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from hashlib import sha256
from typing import Any
from zoneinfo import available_timezones

from domain.events import JsonValue, iso_utc
from domain.vocabulary import Impact
from sync.dialects import Ends, Events, Notifications
from sync.mapping import DesiredRecord, JournalEntry, Notice, clean, clipped
from sync.netbox import Object
from sync.state import ACKNOWLEDGED, INTERNAL_TICKET, PEOPLES

# The field of a state in which the block of the comments stands that is ours.
BLOCK = "block"
CHANGELOG_MESSAGE = "changelog_message"

_BEGIN, _END = "<!-- maintd: circuits -->", "<!-- maintd: end of circuits -->"
_MARKER = re.compile(r"`maintd ([0-9a-f]{16})`")
_ADDRESS = re.compile(
    r"[A-Za-z0-9_+-]{1,64}(?:[.][A-Za-z0-9_+-]{1,64}){0,8}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?[.]){1,8}"
    r"[A-Za-z]{2,63}"
)
_NO_ADDRESS = "unknown@sender.invalid"
_SHORTEST = timedelta(minutes=1)


# --- events


def fields_of(record: DesiredRecord, events: Events, provider_id: int) -> dict[str, JsonValue]:
    """Return the fields of a record, in the names of the dialect."""
    fields: dict[str, JsonValue] = {
        "name": record.name,
        "summary": clipped(record.summary, events.summary_length),
        "status": record.status,
        "provider": provider_id,
        "start": iso_utc(record.start),
        "end": _end(record, events),
    }
    if events.zone_field:
        fields[events.zone_field] = _zone(record.zone, events)
    if events.etr_field:
        fields[events.etr_field] = iso_utc(record.etr) if record.etr else None
    if events.reported_field and record.reported_at:
        fields[events.reported_field] = iso_utc(record.reported_at)
    if not events.impacts:
        fields[BLOCK] = block_of(record.impacts)
    return fields


def _end(record: DesiredRecord, events: Events) -> str | None:
    """Return an end that the dialect takes: the nearest one to what is known."""
    end = record.end
    if end is None:
        needed = events.needs_end is None or record.status in events.needs_end
        return iso_utc(record.start + _SHORTEST) if needed else None
    if events.ends is Ends.NOT_BEFORE_START:
        end = max(end, record.start)
    elif events.ends is Ends.AFTER_START and end <= record.start:
        end = record.start + _SHORTEST
    return iso_utc(end)


def _zone(zone: str | None, events: Events) -> str:
    text = clean(zone or "").strip()
    if not events.zone_is_checked:
        return clipped(text, events.zone_length)
    return text if text in _zones() else "UTC"


@functools.cache
def _zones() -> frozenset[str]:
    """Return the time zones that a server takes which checks them: those of the world, none of a machine's own."""
    return frozenset(available_timezones() - {"Factory", "localtime"})


def found_fields(row: Object, events: Events) -> dict[str, JsonValue]:
    """Return the same fields as a NetBox answered them."""
    provider, status = row.get("provider"), row.get("status")
    found: dict[str, JsonValue] = {
        "name": row.get("name"),
        "summary": row.get("summary"),
        "status": status.get("value") if isinstance(status, dict) else status,
        "provider": provider.get("id") if isinstance(provider, dict) else provider,
    }
    if events.zone_field:
        found[events.zone_field] = row.get(events.zone_field)
    for name in ("start", "end", events.etr_field, events.reported_field):
        if name:
            found[name] = instant(row.get(name))
    if not events.impacts:
        found[BLOCK] = found_block(comments_of(row))
    return found


def found_peoples(row: Object) -> dict[str, JsonValue]:
    """Return the fields that people own, as a NetBox answered them; nothing is what it is at first."""
    return {name: row.get(name) or nothing for name, nothing in PEOPLES.items()}


def desired_peoples(*, acknowledged: bool, internal_ticket: str, events: Events) -> dict[str, JsonValue]:
    """Return the fields that people own, as they are sent."""
    ticket = clipped(" ".join(clean(internal_ticket).split()), events.ticket_length)
    return {ACKNOWLEDGED: acknowledged, INTERNAL_TICKET: ticket}


def comments_of(row: Object) -> str:
    """Return the comments of a record."""
    return str(row.get("comments") or "")


def instant(value: Any) -> str | None:
    """Return an instant as it is sent, of one that a NetBox answered. None: there is none."""
    try:
        read = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return iso_utc(read if read.tzinfo else read.replace(tzinfo=UTC))


# --- circuits in the comments


def block_of(impacts: Mapping[str, Impact]) -> str:
    """Return the block that tells the circuits where no impact can be held; empty where there is none."""
    if not impacts:
        return ""
    lines = [f"* {_in_comments(circuit)}: {impact.value}" for circuit, impact in sorted(impacts.items())]
    return "\n".join([_BEGIN, "Circuits:", "", *lines, _END])


def _in_comments(circuit: str) -> str:
    return " ".join(clean(circuit).replace("<", "‹").replace(">", "›").split())


def found_block(comments: str) -> str:
    """Return our block of the comments; empty where there is none."""
    begin, end = _place(comments)
    return comments[begin:end].replace("\r\n", "\n")


def with_block(comments: str, block: str) -> str:
    """Return the comments with our block in the place of an earlier one, or behind what people wrote."""
    begin, end = _place(comments)
    if end:
        return (comments[:begin] + block + comments[end:]).strip()
    return f"{comments.rstrip()}\n\n{block}".strip()


def _place(comments: str) -> tuple[int, int]:
    """Return where our block begins and ends; a half of one is a person's."""
    end = comments.find(_END)
    begin = comments.rfind(_BEGIN, 0, max(end, 0))
    return (begin, end + len(_END)) if begin >= 0 else (0, 0)


# --- notifications


def notification_of(notice: Notice, notifications: Notifications) -> dict[str, JsonValue]:
    """Return the fields of a mail, without the event that it belongs to."""
    address = parseaddr(notice.sender)[1]
    known = bool(_ADDRESS.fullmatch(address)) and len(address) <= notifications.sender_length
    text = clean(notice.text).strip() or "(no text)"
    return {
        "subject": clipped(" ".join(clean(notice.subject).split()) or "(no subject)", notifications.subject_length),
        "email_from": address if known else _NO_ADDRESS,
        "email_body": text if known else f"From: {clean(notice.sender).strip()}\n\n{text}",
        notifications.received_field: iso_utc(notice.received_at),
    }


def found_notification(row: Object, notifications: Notifications) -> tuple[JsonValue, ...]:
    """Return what tells a mail from others, as a NetBox answered it."""
    received = notifications.received_field
    return told_apart({**row, received: instant(row.get(received))}, notifications)


def told_apart(fields: Mapping[str, Any], notifications: Notifications) -> tuple[JsonValue, ...]:
    """Return what tells a mail from others."""
    body = str(fields.get("email_body") or "").replace("\r\n", "\n").strip()
    digest = sha256(body.encode("utf-8", "replace")).hexdigest()
    return (fields.get("subject"), fields.get("email_from"), fields.get(notifications.received_field), digest)


# --- journal


def marker_of(identity: str, key: str) -> str:
    """Return what names an entry of the journal among all others, in 16 characters."""
    return sha256(f"{identity}\n{key}".encode("utf-8", "replace")).hexdigest()[:16]


def entry_of(entry: JournalEntry, marker: str, *, model: str, number: int) -> dict[str, JsonValue]:
    """Return an entry for the journal of an object."""
    return {
        "assigned_object_type": model,
        "assigned_object_id": number,
        "kind": entry.level,
        "comments": f"{entry.text.strip()}\n\n`maintd {marker}`",
    }


def found_marker(row: Object) -> str | None:
    """Return the marker of an entry. None: it is not ours."""
    found = _MARKER.findall(str(row.get("comments") or ""))
    return found[-1] if found else None


def worst(impacts: Iterable[Impact]) -> Impact:
    """Return the worst of several."""
    return max(impacts, key=lambda impact: impact.severity)
