"""How it all stands, as a person reads it."""

from collections.abc import Mapping, Sequence
from typing import Any

from ingestor import terminal

Row = Mapping[str, Any]


def print_status(found: Row, *, utc: bool) -> None:
    """Print how it stands, and at the end what is to be done."""
    terminal.print_facts(
        {
            "maintd": found["version"],
            "daemon": _daemons(found, utc=utc),
            "health": _health(found["health"]),
            "database": f"{found['database']['place']}, {found['database']['bytes'] / 1_000_000:.1f} MB",
            "messages": _messages(found["messages"], utc=utc),
            "quarantine": _quarantine(found["quarantine"], utc=utc),
            "silent": ", ".join(_silent(one, utc=utc) for one in found["silent"]),
            "NetBox": _netbox(found["netbox"], utc=utc),
        }
    )
    terminal.print_line("")
    terminal.print_table(
        ("mailbox", "folder", "watched", "last success", "lag", "state"),
        (
            (
                one["mailbox"],
                one["folder"],
                one["watched"] or "-",
                terminal.local(one["last_success"], utc=utc),
                terminal.length(one["lag_seconds"]),
                "FAILED" if one["error"] else "deaf" if one["deaf"] else "ok",
            )
            for one in found["mailboxes"]
        ),
    )
    for error, folders in _errors(found["mailboxes"]).items():
        terminal.print_line(f"\n{'; '.join(folders)}: {error}")
    terminal.print_line("")
    for line in found["to_do"]:
        terminal.print_line(f"to do: {line}")
    if not found["to_do"]:
        terminal.print_line("nothing to do")


def _errors(mailboxes: Sequence[Row]) -> Mapping[str, Sequence[str]]:
    """Return each error once, with the folders that have it."""
    errors: dict[str, list[str]] = {}
    for one in mailboxes:
        if one["error"]:
            errors.setdefault(one["error"], []).append(f"{one['mailbox']}, {one['folder']}")
    return errors


def _daemons(found: Row, *, utc: bool) -> str:
    alive = [_daemon(one, utc=utc) for one in found["daemons"] if one["alive"]]
    gone = [one["name"] for one in found["daemons"] if not one["alive"]]
    return "; ".join([*(alive or ["not running"]), *(f"{name} is gone" for name in gone)])


def _daemon(one: Row, *, utc: bool) -> str:
    if "started_at" not in one:
        return f"running, {one['name']}"
    holds = f", holds {', '.join(one['holds'])}" if one["holds"] else ""
    return f"{one['name']} since {terminal.local(one['started_at'], utc=utc)}{holds}"


def _health(health: Row | None) -> str:
    if health is None:
        return "not known: no maintd answers at listen of [web]"
    return "ok" if health["ok"] else f"stuck: {'; '.join(health['reasons'])}"


def _messages(messages: Row, *, utc: bool) -> str:
    if not messages["waiting"]:
        return f"{messages['total']}, none waits to be read"
    since = terminal.local(messages["waiting_since"], utc=utc)
    return f"{messages['total']}, of which {messages['waiting']} wait to be read, the oldest since {since}"


def _quarantine(quarantine: Row, *, utc: bool) -> str:
    if not quarantine["messages"]:
        return "empty"
    reasons = ", ".join(f"{count} {reason}" for reason, count in quarantine["reasons"].items())
    return f"{reasons}; the oldest since {terminal.local(quarantine['oldest_at'], utc=utc)}"


def _silent(one: Row, *, utc: bool) -> str:
    if not one["last_message"]:
        return f"{one['provider']} (never heard of)"
    last = terminal.local(one["last_message"], utc=utc)
    return f"{one['provider']} since {last} (silent_after = {one['silent_after_days']})"


def _netbox(netbox: Row | None, *, utc: bool) -> str:
    if netbox is None:
        return ""
    parts = [f"{netbox['due']} behind" if netbox["due"] else "in step"]
    if netbox["oldest_at"]:
        parts.append(f"since {terminal.local(netbox['oldest_at'], utc=utc)}")
    parts += [f"{netbox['parked']} parked"] if netbox["parked"] else []
    parts += [f"left alone: {netbox['problem']}"] if netbox["problem"] else []
    return ", ".join(parts)
