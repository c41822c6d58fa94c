"""What is printed of the bytes of old mails: what would go, and what went."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ingestor import terminal
from storage.retention import Prunable

MIB = 1024 * 1024

# What became of the room of a database, in octets; None where it minds that by itself.
Room = Mapping[str, int | None]


def pruned_json(found: Prunable, before: datetime, done: int | None, room: Room) -> dict[str, Any]:
    """Return what went, or would go, in JSON's terms. ``done`` None, here and below: nothing was done."""
    return {**_shape(found, before), "applied": done is not None, "pruned": done or 0, **room}


def print_pruned(found: Prunable, before: datetime, done: int | None, room: Room, *, utc: bool) -> None:
    """Print what went, or would go."""
    limit = before.isoformat()
    if found.messages:
        terminal.print_table(
            ("provider", "mails", "MiB"),
            ((name or "-", count, f"{octets / MIB:.1f}") for name, (count, octets) in found.by_provider.items()),
        )
    oldest = f", the oldest of {terminal.local(found.oldest.isoformat(), utc=utc)}" if found.oldest else ""
    went = f"{found.messages} mails, {found.octets / MIB:.1f} MiB" if done is None else f"{done} mails"
    verb = "would lose their bytes" if done is None else "have lost their bytes"
    terminal.print_line(f"{went} from before {terminal.local(limit, utc=utc)} {verb}{oldest}")
    if found.waiting or found.current:
        kept = f"{found.waiting} that wait to be understood, {found.current} of events that were not over"
        terminal.print_line(f"as old, and kept: {kept}")
    if done is None:
        terminal.print_line("nothing is done without --apply")
        return
    _tell_room(room)


def _tell_room(room: Room) -> None:
    given_back, free = room.get("given_back_octets"), room["free_octets"]
    if given_back is not None:
        terminal.print_line(f"the file is {given_back / MIB:.1f} MiB smaller")
    elif free is None:
        terminal.print_line("PostgreSQL uses the room again by itself (autovacuum)")
    else:
        again = "new mails use them; --vacuum makes the file smaller, while no daemon runs"
        terminal.print_line(f"{free / MIB:.1f} MiB of the file are free: {again}")


def _shape(found: Prunable, before: datetime) -> dict[str, Any]:
    return {
        "before": _iso(before),
        "messages": found.messages,
        "octets": found.octets,
        "oldest": _iso(found.oldest) if found.oldest else None,
        "by_provider": [
            {"provider": name, "messages": count, "octets": octets}
            for name, (count, octets) in found.by_provider.items()
        ],
        "kept_waiting": found.waiting,
        "kept_current": found.current,
    }


def _iso(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
