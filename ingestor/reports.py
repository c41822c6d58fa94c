"""Each kind of answer as a person reads it; as JSON, where the shape is not that of ``storage.queries``."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from domain.vocabulary import Kind
from ingestor import terminal
from ingestor.curation import Difference, Reread
from parsers.forms import BCOP, BY_NAME
from parsers.providers import Directory, Provider

Row = Mapping[str, Any]

# In this order what changed in an event is told.
_CHANGES = (
    *("status", "start", "end", "etr", "reported_at", "windows", "circuits", "cause", "summary", "accounts"),
    *("organizer", "replaces", "replaced_by", "reason"),
)

# Changes that are instants, and how they are called.
_TIMES = {"start": "start", "end": "end", "etr": "ETR", "reported_at": "reported"}

# What a provider's mails state beside the times, and where that stands in its row.
_STATED = {"impact": "states_impact", "completion": "sends_completions"}


# --- events -----------------------------------------------------------------------------------------------------


def print_events(found: Sequence[Row], *, utc: bool) -> None:
    """Print events as a list."""
    if not found:
        terminal.print_error("no events")
        return
    terminal.print_table(
        ("provider", "id", "status", "phase", "from / to", "circuits", "ack", "summary"),
        (
            (
                event["provider"],
                _id(event),
                event["status"],
                event["phase"],
                _when(event, utc=utc),
                len([circuit for circuit in event["circuits"] if not circuit["withdrawn"]]),
                "yes" if event["acknowledged"] else "no",
                event["summary"],
            )
            for event in found
        ),
    )


def print_event(event: Row, *, now: datetime, utc: bool) -> None:
    """Print all that is known of one event. ``now`` says how long an open outage has lasted."""
    is_outage = event["kind"] == Kind.OUTAGE
    by = _speakers(event)
    terminal.print_facts(
        {
            event["kind"]: f"{event['provider']} {_id(event)}",
            "status": event["status"],
            "phase": event["phase"],
            **(_course(event, now=now, utc=utc) if is_outage else {}),
            "summary": event["summary"],
            "accounts": ", ".join(event["accounts"]),
            "organizer": event["organizer"],
            "acknowledged": "yes" if event["acknowledged"] else "no",
            "ticket": event["internal_ticket"],
            "said at": terminal.local(event["stamp"], utc=utc) + (" (inferred)" if event["stamp_inferred"] else ""),
            "proven": _proven(event),
            "hidden": f"by {event['hidden']['author']}: {event['hidden']['reason']}" if event["hidden"] else "",
            "replaces": event["replaces"],
            "replaced by": event["replaced_by"],
            "also known as": ", ".join(event["references"]),
            "linked": ", ".join(f"{kind} {provider} {event_id}" for kind, provider, event_id in event["linked"]),
            "maybe the same": "; ".join(_adoptions(event)),
            "NetBox": _netbox(event, utc=utc),
        }
    )
    if is_outage:
        _print_revisions(event, utc=utc)
    else:
        _print_windows(event["windows"], utc=utc)
    terminal.print_line("")
    terminal.print_table(
        ("circuit", "impact"),
        (
            (circuit["circuit_id"], "withdrawn" if circuit["withdrawn"] else circuit["impact"])
            for circuit in event["circuits"]
        ),
    )
    terminal.print_line("")
    terminal.print_table(
        ("said at", "move", "what changed", "by"),
        (
            (
                terminal.local(entry["stamp"], utc=utc),
                entry["move"],
                _changes(event["kind"], entry["changes"], utc=utc),
                by.get(entry["source"], entry["source"]),
            )
            for entry in event["history"]
        ),
    )
    terminal.print_line("")
    terminal.print_table(
        ("mail", "received", "from", "subject", "became"),
        (
            (
                message["id"],
                terminal.local(message["received_at"], utc=utc),
                message["from"],
                message["subject"],
                message["disposition"] + _retracted(message["retracted"]),
            )
            for message in event["messages"]
        ),
    )


def _print_windows(windows: Sequence[Row], *, utc: bool) -> None:
    terminal.print_line("")
    terminal.print_table(
        ("window", "status", "circuits"),
        (
            (
                terminal.span(window["start"], window["end"], utc=utc),
                "withdrawn" if window["withdrawn"] else window["status"],
                len([circuit for circuit in window["circuits"] if not circuit.get("withdrawn")]),
            )
            for window in windows
        ),
    )


def _print_revisions(event: Row, *, utc: bool) -> None:
    """Print how the estimate of an outage moved; nothing where there never was one."""
    if not event["etr_revisions"]:
        return
    by = _speakers(event)
    terminal.print_line("")
    terminal.print_table(
        ("said at", "ETR", "slip", "move", "by", "words"),
        (
            (
                terminal.local(one["stamp"], utc=utc),
                terminal.local(one["etr"], utc=utc),
                terminal.slip(one["slip_seconds"]),
                one["move"],
                by.get(one["source"], one["source"]),
                one["words"],
            )
            for one in event["etr_revisions"]
        ),
    )


def _speakers(event: Row) -> dict[str, str]:
    """Return how the mails of an event are named by their numbers, as they stand in its list of mails."""
    numbers: dict[str, list[int]] = {}
    for message in event["messages"]:
        numbers.setdefault(message["message_id"] or "", []).append(message["id"])
    return {source: f"mail {of_source[0]}" for source, of_source in numbers.items() if len(of_source) == 1 and source}


def _course(event: Row, *, now: datetime, utc: bool) -> dict[str, object]:
    """Return when an outage began, was reported, is expected to end and ended, and why it was."""
    end = terminal.local(event["end"], utc=utc) if event["end"] else "open"
    etr = terminal.local(event["etr"], utc=utc) if event["etr"] else ""
    if event["etr_missed"]:
        etr = f"{etr}, missed" if etr else "missed"
    return {
        "start": terminal.local(event["start"], utc=utc) if event["start"] else "nobody has said",
        "reported": terminal.local(event["reported_at"], utc=utc),
        "end": f"{end} (inferred: nobody has said when)" if event["end_inferred"] else end,
        "lasted": _lasted(event, now),
        "ETR": etr,
        "cause": event["cause"],
        "told in zone": event["original_timezone"],
    }


def _lasted(event: Row, now: datetime) -> str:
    if event["start"] is None:
        return ""
    end = datetime.fromisoformat(event["end"]) if event["end"] else now
    seconds = int((end - datetime.fromisoformat(event["start"])).total_seconds())
    return terminal.length(max(seconds, 0)) + ("" if event["end"] else " so far")


def _proven(event: Row) -> str:
    if event["unverified"]:
        return "no: its mails, or one of them, prove nothing"
    return "yes" if event["messages"] else ""


def _netbox(event: Row, *, utc: bool) -> str:
    """Return which records of NetBox are this event's, by the numbers behind their names, and what it has to learn."""
    held = event["netbox"]
    if held is None:
        return ""
    numbers = [f"{one['id']} [{one['slot']}]" if one["slot"] > 1 else str(one["id"]) for one in held["records"]]
    parts = [f"record{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}" if numbers else "no record"]
    if held["pushed_at"]:
        parts.append(f"pushed {terminal.local(held['pushed_at'], utc=utc)}")
    problem = f": {held['problem']}" if held["problem"] else ""
    if held["parked"]:
        command = shlex.join(["maintd", "netbox", "push", event["id"]])
        parts.append(f"parked{problem}: `{command}` tries it again")
    elif held["waiting_since"]:
        parts.append(f"waits since {terminal.local(held['waiting_since'], utc=utc)}{problem}")
    return "; ".join(parts)


def _adoptions(event: Row) -> list[str]:
    """Return the commands that join an outage that a person opened to a ticket that may be the same."""
    by_hand, commands = not event["messages"], []
    for _, provider, event_id in event["offered"]:
        local, ticket = (event["id"], event_id) if by_hand else (event_id, event["id"])
        commands.append(shlex.join(["maintd", "outage", "adopt", local, ticket, "--provider", provider]))
    return commands


def print_corrected(event: Row, *, utc: bool) -> None:
    """Print what an event is after a person's word, and what that word changed."""
    _print_said(event, utc=utc)
    for number, window in enumerate((one for one in event["windows"] if not one["withdrawn"]), start=1):
        span = terminal.span(window["start"], window["end"], utc=utc)
        terminal.print_line(f"window {number}: {span} {window['status']}")
    terminal.print_line("It holds until a mail says something new.")


def print_told(event: Row, *, utc: bool) -> None:
    """Print what an outage is after a person's word, its times in full, and what that word changed."""
    _print_said(event, utc=utc)
    _print_times(event, utc=utc)


def print_adopted(event: Row, local: str, *, utc: bool) -> None:
    """Print what an outage is after one that a person opened was joined to it."""
    terminal.print_line(f"{event['provider']} {_id(event)}: {event['status']}; it was {local}")
    _print_times(event, utc=utc)


def _print_times(event: Row, *, utc: bool) -> None:
    """Print the times of an outage in full, so that a person sees what theirs were taken for, and what may be next."""
    times = {"start": "start", "ETR": "etr", "end": "end"}
    for name, fact in times.items():
        if event[fact]:
            terminal.print_line(f"{name} {terminal.in_full(event[fact], utc=utc)}")
    for command in _adoptions(event):
        terminal.print_line(f"maybe the same: {command}")


def print_own_id(event: Row) -> None:
    """Print how an outage that has an id of our own is joined to the provider's ticket."""
    command = shlex.join(["maintd", "outage", "adopt", event["id"]])
    terminal.print_line(f"When {event['provider']} names its ticket: {command} TICKET --provider {event['provider']}")


def _print_said(event: Row, *, utc: bool) -> None:
    """Print what the newest word of a person changed."""
    entry = next(one for one in reversed(event["history"]) if one["source"].startswith("person:"))
    said = _changes(event["kind"], entry["changes"], utc=utc)
    # What opened an event begins with its status.
    said = said if _opens(entry["changes"]) else f"{event['status']}; {said}"
    terminal.print_line(f"{event['provider']} {_id(event)}: {said}")


def _retracted(said: Row | None) -> str:
    return f", retracted by {said['author']}: {said['reason']}" if said else ""


def _id(event: Row) -> str:
    return event["id"] if event["generation"] == 1 else f"{event['id']} (use {event['generation']})"


def _when(event: Row, *, utc: bool) -> str:
    """Return from when to when an event goes, or, of an open outage, since when and until when it is expected to."""
    if event["kind"] == Kind.OUTAGE and event["end"] is None:
        return terminal.since(event["start"], event["etr"], utc=utc)
    return terminal.span(event["start"], event["end"], utc=utc) + _nights(event)


def _nights(event: Row) -> str:
    live = [window for window in event["windows"] if not window["withdrawn"]]
    return f" ({len(live)} windows)" if len(live) > 1 else ""


def _changes(kind: str, changes: Mapping[str, Sequence[Any]], *, utc: bool) -> str:
    """Return what an update changed; of the first one what it opened the event with."""
    if _opens(changes):
        return _opening(kind, changes, utc=utc)
    # The windows say what start and end do, where there is more than one.
    return "; ".join(_change(name, *changes[name], utc=utc) for name in _CHANGES if name in changes) or "nothing"


def _opening(kind: str, changes: Mapping[str, Sequence[Any]], *, utc: bool) -> str:
    windows, circuits = (len(changes.get(name, ["", ""])[1]) for name in ("windows", "circuits"))
    parts = [changes["status"][1], *([] if kind == Kind.OUTAGE else [_count(windows, "window")])]
    parts.append(_count(circuits, "circuit"))
    if "etr" in changes:
        parts.append(f"ETR {terminal.local(changes['etr'][1], utc=utc)}")
    reason = f"; {_change('reason', *changes['reason'], utc=utc)}" if "reason" in changes else ""
    return ", ".join(parts) + reason


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _opens(changes: Mapping[str, Sequence[Any]]) -> bool:
    return changes.get("status", [""])[0] is None


def _change(name: str, old: Any, new: Any, *, utc: bool) -> str:
    if name == "circuits":
        changes = [f"-{each}" for each in _circuits(old, impacts=False)] + [f"+{each}" for each in _circuits(new)]
        return f"circuits {_cut(', '.join(changes), 80)}"
    if name == "windows":
        return _windows_change(old, new, utc=utc)
    if name == "reason":
        return f"because: {_cut(_value(new), 80)}"
    if name in _TIMES:
        return f"{_TIMES[name]} {terminal.local(old, utc=utc)} > {terminal.local(new, utc=utc)}"
    return f"{name} {_cut(_value(old), 40)} > {_cut(_value(new), 40)}"


def _circuits(listed: Sequence[Row], *, impacts: bool = True) -> list[str]:
    """Return each circuit once, and in how many windows where it is not all of them."""
    said = Counter((one["circuit_id"] + (f" {one['impact']}" if impacts else ""), "window" in one) for one in listed)
    return [f"{words} in {_count(number, 'window')}" if some else words for (words, some), number in said.items()]


def _windows_change(old: Sequence[Row], new: Sequence[Row], *, utc: bool) -> str:
    """Return what changed in which window; where there are more or fewer, how many."""
    if len(old) != len(new):
        return f"windows {len(old)} > {len(new)}"
    changed = [
        f"window {number}{_window_change(was, now, utc=utc)}"
        for number, (was, now) in enumerate(zip(old, new, strict=True), start=1)
        if was != now
    ]
    return _cut("; ".join(changed), 160)


def _window_change(was: Row, now: Row, *, utc: bool) -> str:
    times = [
        f" {name} {terminal.local(was[name], utc=utc)} > {terminal.local(now[name], utc=utc)}"
        for name in ("start", "end")
        if was[name] != now[name]
    ]
    status = [f" {was['status']} > {now['status']}"] if was["status"] != now["status"] else []
    return ",".join([*times, *status])


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "-")


def _cut(text: str, width: int) -> str:
    text = terminal.one_line(text)
    return text if len(text) <= width else f"{text[: width - 1]}…"


# --- messages ---------------------------------------------------------------------------------------------------


def print_messages(found: Sequence[Row], *, utc: bool) -> None:
    """Print the ledger."""
    terminal.print_table(
        ("id", "received", "from", "subject", "became", "events"),
        (
            (
                message["id"],
                terminal.local(message["received_at"], utc=utc),
                message["from"],
                message["subject"],
                message["disposition"] + (f" ({message['reason']})" if message["reason"] else ""),
                ", ".join(f"{provider} {event_id}" for _, provider, event_id in message["events"]),
            )
            for message in found
        ),
    )


# --- reading again ----------------------------------------------------------------------------------------------


def reparse_json(reread: Reread, differences: Sequence[Difference], *, applied: bool) -> dict[str, Any]:
    """Return what reading again gave, in JSON's terms."""
    return {
        "read": reread.read,
        "pruned": reread.pruned,
        "applied": applied,
        "events": [
            {"kind": one.key.kind.value, "provider": one.key.provider, "before": one.before, "after": one.after}
            for one in differences
        ],
        "messages": [
            {"id": message, "before": before, "after": after} for message, before, after in reread.settled_otherwise
        ],
        "unread": [{"id": message, "problem": problem} for message, problem in reread.unread],
    }


def print_reparse(reread: Reread, differences: Sequence[Difference], *, applied: bool) -> None:
    """Print what reading again changes, event by event."""
    for one in differences:
        name = f"{one.key.provider} {(one.after or one.before or {}).get('id', one.key.id_key)}"
        if one.before is None or one.after is None:
            terminal.print_line(f"{name}: {'new' if one.before is None else 'gone'}")
            continue
        changed = [fact for fact in one.after if one.before[fact] != one.after[fact]]
        for fact in changed:
            terminal.print_line(f"{name}: {fact}: {one.before[fact]} > {one.after[fact]}")
        if not changed:
            terminal.print_line(f"{name}: its history is told otherwise")
    for message, before, after in reread.settled_otherwise:
        terminal.print_line(f"message {message}: {before} > {after}")
    for message, problem in reread.unread:
        terminal.print_error(f"message {message}: kept as it was: {problem}")
    if reread.pruned:
        terminal.print_line(f"{reread.pruned} messages passed over: their bytes went, and what they said stays")
    changes = len(differences) + len(reread.settled_otherwise)
    done = "recorded" if applied else "nothing is recorded without --apply"
    terminal.print_line(
        f"{reread.read} messages read again: " + (f"{changes} changes; {done}" if changes else "nothing changes")
    )


# --- what there is ----------------------------------------------------------------------------------------------


def providers_json(table: Directory, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the providers that are known, in JSON's terms, with the number of mails of each.

    Among them those whom nobody knew before their first calendar came.
    """
    newcomers = [Provider(name=name) for name in counts if name and table.get(name) is None]
    return [
        {
            "name": provider.name,
            "aliases": list(provider.aliases),
            "senders": list(provider.senders),
            # Calendars come before every form.
            "readers": [BCOP, *provider.readers],
            "outage_readers": list(provider.outage_readers),
            "templates": [template.name for template in provider.templates],
            **_writes(provider),
            "messages": counts.get(provider.name, 0),
        }
        for provider in sorted((*table, *newcomers), key=lambda provider: provider.name)
    ]


def _writes(provider: Provider) -> dict[str, Any]:
    """Return how a provider writes in its likeliest form; one that has none sends calendars."""
    form = BY_NAME[provider.readers[0] if provider.readers else BCOP]
    return {
        "ids": form.id_rule.value,
        "date_order": provider.date_order or form.date_order.value,
        "zone": provider.zone or form.zone,
        "literal_zones": provider.literal_zones,
        "states_impact": form.states_impact,
        "sends_completions": provider.sends_completions,
    }


def print_providers(table: Iterable[Row]) -> None:
    """Print the providers that are known."""
    terminal.print_table(
        ("provider", "senders", "readers", "ids", "dates", "zone", "states", "mails"),
        (
            (
                " = ".join((row["name"], *row["aliases"])),
                ", ".join(row["senders"]) or "-",
                ", ".join(_all_readers(row)) or BCOP,
                row["ids"],
                row["date_order"],
                row["zone"] + (", EST is literal" if row["literal_zones"] else ""),
                ", ".join(word for word, fact in _STATED.items() if row[fact]) or "-",
                row["messages"],
            )
            for row in table
        ),
    )


def _all_readers(row: Row) -> list[str]:
    """Return the readers of a provider, calendars apart: those of the configuration first."""
    return [*row["templates"], *row["outage_readers"], *(one for one in row["readers"] if one != BCOP)]


def print_counts(counts: Mapping[str, int]) -> None:
    """Print how many messages became what, in one line."""
    total = sum(counts.values())
    words = ", ".join(f"{count} {disposition}" for disposition, count in counts.items() if count)
    terminal.print_line(f"\n{total} messages{f': {words}' if words else ''}")


def print_stats(found: Row, *, utc: bool) -> None:
    """Print counts and how far behind each mailbox is."""
    terminal.print_table(("messages", "count"), found["messages"].items())
    terminal.print_line("")
    terminal.print_table(("provider", "mails"), sorted(found["by_provider"].items()))
    terminal.print_line("")
    terminal.print_table(("events", "count"), found["events"].items())
    terminal.print_line("")
    terminal.print_table(
        ("mailbox", "last success", "lag", "error"),
        (
            (name, terminal.local(box["last_success"], utc=utc), f"{box['lag_seconds']} s", box["error"] or "-")
            for name, box in found["mailboxes"].items()
        ),
    )
    outbox = found["outbox"]
    terminal.print_line("")
    terminal.print_table(
        ("outbox", "due", "failed", "parked", "to compare", "waits since", "error"),
        (
            (
                "NetBox",
                *(outbox[name] for name in ("due", "failed", "parked", "to_compare")),
                terminal.local(outbox["oldest_at"], utc=utc),
                outbox["problem"] or "-",
            ),
        ),
    )


def print_etr_figures(found: Sequence[Row]) -> None:
    """Print for each provider how long its outages lasted, and how right it was about their ends."""
    if not found:
        terminal.print_error("no outages")
        return
    terminal.print_table(
        (*("provider", "outages", "resolved", "repair", "ETR moved", "missed", "first off", "last off"),),
        (
            (
                one["provider"],
                one["outages"],
                one["resolved"],
                terminal.length(one["repair_seconds"]),
                one["moved"],
                one["missed"],
                terminal.slip(one["first_error_seconds"]),
                terminal.slip(one["last_error_seconds"]),
            )
            for one in found
        ),
    )
