"""Builders of what mails say, for a store: what a test does not name is what most mails say."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.events import StatedCircuit, StatedEtr, StatedOutage, StatedWindow, Update
from domain.message import Arrival, Disposition, Envelope, Place, Reading, Reason
from domain.vocabulary import Impact, Kind, MaintenanceStatus, OutageStatus
from storage import events, messages
from storage.database import Store

# The mails of all tests come in on this day, and the work that they announce is ten days later.
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NIGHT = NOW + timedelta(days=10)


def build_arrival(name: str = "a", **facts: Any) -> Arrival:
    """Return the arrival of a mail; arrivals with one name are one message. ``imap_uid`` None: from a file."""
    raw = facts.pop("raw", f"Subject: {name}\r\n\r\nbody of {name}\r\n".encode())
    place = Place(
        mailbox=facts.pop("mailbox", "noc"),
        folder=facts.pop("folder", "INBOX"),
        uid_validity=facts.pop("uid_validity", 7),
        imap_uid=facts.pop("imap_uid", 1),
    )
    values: dict[str, Any] = {"received_at": NOW, "size": len(raw)}
    for field in ("received_at", "size", "too_large"):
        if field in facts:
            values[field] = facts.pop(field)
    envelope: dict[str, Any] = {
        "message_id": f"<{name}@zayo.example>",
        "body_digest": hashlib.sha256(name.encode()).hexdigest(),
        "identity": hashlib.sha256(f"identity of {name}".encode()).hexdigest(),
        "from_header": "Zayo <mr@zayo.example>",
        "sender": "mr@zayo.example",
        "sender_problem": None,
        "subject": name,
        "date": NOW - timedelta(minutes=5),
        "received_at": NOW - timedelta(minutes=1),
        **facts,
    }
    return Arrival(raw=raw, place=place, envelope=Envelope(**envelope), **values)


def build_update(number: int = 1, **facts: Any) -> Update:
    """Return the update of mail ``number``: mails are a minute apart. ``nights`` and ``circuits`` are counts."""
    nights = facts.pop("nights", 1)
    names = facts.pop("circuits", ("C-1", "C-2"))
    listed = tuple(StatedCircuit(circuit_id=name, impact=Impact.OUTAGE) for name in names)
    windows = tuple(
        StatedWindow(
            start=NIGHT + timedelta(days=night),
            end=NIGHT + timedelta(days=night, hours=4),
            circuits=listed,
        )
        for night in range(nights)
    )
    values: dict[str, Any] = {
        "kind": Kind.MAINTENANCE,
        "provider": "zayo",
        "event_id": "TTN-1",
        "stamp": NOW + timedelta(minutes=number),
        "stamp_inferred": False,
        "source": f"<{number}@zayo.example>",
        "body_digest": f"digest {number}",
        "reader": "zayo",
        "reader_version": "2.12.0",
        "status": MaintenanceStatus.CONFIRMED,
        "windows": windows,
        "summary": "Fibre work",
        "organizer": "mr@zayo.example",
        "account": "12345",
        **facts,
    }
    return Update(**values)


def build_outage(number: int = 1, **facts: Any) -> Update:
    """Return the update of mail ``number`` about an outage that began an hour before. ``etr``: in minutes from NOW."""
    etr = facts.pop("etr", None)
    names = ("status", "start", "end", "reported_at", "cause", "zone")
    stated = {"status": OutageStatus.INVESTIGATING, "start": NOW - timedelta(hours=1)}
    stated |= {name: facts.pop(name) for name in names if name in facts}
    if etr is not None:
        stated["etr"] = StatedEtr(at=NOW + timedelta(minutes=etr), words=f"ETR: in {etr} minutes")
    listed = tuple(StatedCircuit(circuit_id=name, impact=Impact.OUTAGE) for name in facts.pop("circuits", ("C-1",)))
    values: dict[str, Any] = {
        "kind": Kind.OUTAGE,
        "event_id": "TT-1",
        "status": None,
        "windows": None,
        "summary": "Fibre cut",
        "account": None,
        **facts,
    }
    return replace(build_update(number, **values), circuits=listed, outage=StatedOutage(**stated))


def build_reading(*updates: Update, **facts: Any) -> Reading:
    """Return a reading that is applied; with ``reason`` one that is quarantined."""
    quarantined = facts.get("reason") is not None
    values: dict[str, Any] = {
        "provider": "zayo",
        "reader": "zayo",
        "reader_version": "2.12.0",
        "disposition": Disposition.QUARANTINED if quarantined else Disposition.APPLIED,
        **facts,
    }
    return Reading(updates=updates, **values)


def apply(store: Store, name: str, *updates: Update, reason: Reason | None = None) -> int:
    """Let a mail come in and be read as these updates, as the pipeline does; return its number."""
    number = int(hashlib.sha256(name.encode()).hexdigest()[:6], 16) + 1
    with store.writing() as conn:
        (recorded,) = messages.record(conn, [build_arrival(name, imap_uid=number)], now=NOW)
    with store.writing() as conn:
        assert messages.settle(conn, recorded.message, build_reading(*updates, reason=reason), now=NOW)
        events.refold(conn, events.replace_updates(conn, recorded.message, updates))
    return recorded.message
