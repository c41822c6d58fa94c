"""What is said of the NetBox that is kept in step, as a person reads it, and as JSON."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from domain.events import circuit_key_of, iso_utc
from ingestor import terminal
from ingestor.delivery import Delivered
from storage.outbox import Alias, Name, Unresolved
from sync.push import Outcome

Row = Mapping[str, Any]

# What is said in the place of a difference of an event that is still to be pushed.
WAITING = "waiting"

# How many circuits that NetBox lacks are named.
_SHOWN_CIRCUITS = 3


# --- circuits ---------------------------------------------------------------------------------------------------


def alias_json(alias: Alias) -> dict[str, Any]:
    """Return an alias in JSON's terms."""
    return {
        "provider": alias.provider,
        "alias": alias.alias,
        "circuit_id": alias.circuit_id,
        "author": alias.author,
        "added_at": iso_utc(alias.added_at),
    }


def print_aliases(found: Sequence[Alias], *, utc: bool) -> None:
    """Print which names of circuits mean which in NetBox."""
    if not found:
        terminal.print_error("no aliases: maintd circuits alias ALIAS CIRCUIT adds one")
        return
    terminal.print_table(
        ("provider", "alias", "in NetBox", "by", "since"),
        (
            (one.provider, one.alias, one.circuit_id, one.author, terminal.local(iso_utc(one.added_at), utc=utc))
            for one in found
        ),
    )


def pushed_again(events: int | None) -> str:
    """Return what becomes of the events of a circuit."""
    if events is None:
        return "it counts when a NetBox is configured"
    if not events:
        return "no event waits for it"
    return f"{_count(events)} will be pushed again"


def unresolved_json(found: Iterable[Unresolved], pushed: Iterable[Row]) -> list[dict[str, Any]]:
    """Return what NetBox lacks in JSON's terms, and how many of the events that are pushed wait for it.

    No ``circuit_id``: it is the provider itself.
    """
    waiting = Counter(named for event in pushed for named in _named_by(event))
    return [
        {
            "provider": one.provider,
            "circuit_id": one.circuit_id or None,
            "events": waiting[one.provider, circuit_key_of(one.circuit_id)],
            "first_seen_at": iso_utc(one.first_seen_at),
            "last_tried_at": iso_utc(one.last_tried_at),
        }
        for one in found
    ]


def _named_by(event: Row) -> set[tuple[str, str]]:
    """Return the circuits that an event names, and its provider, whose circuit is empty."""
    live = [circuit["circuit_id"] for circuit in event["circuits"] if not circuit["withdrawn"]]
    return {(event["provider"], circuit_key_of(circuit_id)) for circuit_id in ("", *live)}


def print_unresolved(rows: Sequence[Row], *, utc: bool) -> None:
    """Print what NetBox lacks, and what to do."""
    if not rows:
        terminal.print_error("NetBox lacked nothing of what it was asked for")
        return
    terminal.print_table(
        ("provider", "circuit", "events", "missing since", "last tried"),
        (
            (
                row["provider"],
                row["circuit_id"] or "(the provider itself)",
                row["events"],
                terminal.local(row["first_seen_at"], utc=utc),
                terminal.local(row["last_tried_at"], utc=utc),
            )
            for row in rows
        ),
    )
    terminal.print_error(
        "Add them in NetBox, or say what they are called there (`maintd circuits alias`; netbox of [[provider]]), or "
        "set create = true of [netbox]: their events follow by themselves."
    )


# --- events -----------------------------------------------------------------------------------------------------


def delivered_json(one: Delivered) -> dict[str, Any]:
    """Return what became of an event that was pushed, in JSON's terms."""
    outcome = one.outcome
    return {
        "kind": one.key.kind.value,
        "provider": one.key.provider,
        "id": one.event_id,
        "generation": one.generation,
        "done": list(outcome.done) if outcome else [],
        "drift": _drift_json(outcome) if outcome else [],
        "cannot": list(outcome.cannot) if outcome else [],
        "unresolved": list(outcome.unresolved) if outcome else [],
        "provider_unknown": outcome is not None and outcome.provider_unknown,
        "waits_for": (outcome.waits_for if outcome else "") or None,
        "requests": outcome.requests if outcome else 0,
        "problem": one.problem or None,
        "parked": one.parked,
    }


def _drift_json(outcome: Outcome) -> list[dict[str, str]]:
    return [{"drift": one.kind.value, "record": one.record, "what": one.what} for one in outcome.drift]


def print_delivered(found: Sequence[Delivered], *, named: bool) -> None:
    """Print what was done with each event, and with how many there was nothing to do; ``named``: with each as well."""
    told: dict[Name, list[str]] = {}
    for one in found:
        if not one.problem:
            told.setdefault((one.key, one.generation), []).extend(_told(one))
    ends = {(one.key, one.generation): one for one in found}
    shown = {name: "; ".join(words) or _idle(ends[name]) for name, words in told.items() if named or words}
    if shown:
        rows = ((ends[name].key.provider, _id(ends[name]), words) for name, words in shown.items())
        terminal.print_table(("provider", "id", "what was done"), rows)
    idle = len(told) - len(shown)
    if idle:
        terminal.print_line(f"{_count(idle)}: nothing to do")
    if not found and not named:
        terminal.print_line("no event waits to be pushed")


def _idle(one: Delivered) -> str:
    if one.outcome is None:
        return "NetBox is not told of it: it was over before `since` of [netbox], or is hidden"
    return "nothing to do"


def _told(one: Delivered) -> list[str]:
    """Return what was found and done; nothing where NetBox held all that it can hold."""
    outcome = one.outcome
    if outcome is None:
        return []
    lacking = outcome.unresolved
    names = ", ".join(lacking[:_SHOWN_CIRCUITS]) + (", …" if len(lacking) > _SHOWN_CIRCUITS else "")
    return [
        *(f"{each.kind.value}: {each.record}: {each.what}" for each in outcome.drift),
        *outcome.done,
        *(["acknowledged in NetBox"] if outcome.acknowledged else []),
        *([f"ticket in NetBox: {outcome.internal_ticket}"] if outcome.internal_ticket else []),
        *(f"cannot be held: {each}" for each in outcome.cannot),
        *(["NetBox does not know the provider"] if outcome.provider_unknown else []),
        *([f"not in NetBox: {names}"] if lacking else []),
        *([f"waits for {outcome.waits_for}"] if outcome.waits_for else []),
    ]


def print_taken(events: int) -> None:
    """Print how many events could not be pushed, because somebody else is at them."""
    if events:
        terminal.print_error(f"{_count(events)} left to the daemon, which is pushing just now")


def print_problems(found: Sequence[Delivered], problem: str | None, *, left: int) -> None:
    """Print which events failed, and, if NetBox failed as a whole, that it did, and how many events are ``left``."""
    for one in found:
        if one.problem and one.problem != problem:
            parked = ": parked, it is tried again when it changes, or by its ID" if one.parked else ""
            terminal.print_error(f"maintd: {one.key.provider} {_id(one)}: {one.problem}{parked}")
    if problem:
        terminal.print_error(f"maintd: {problem}: {_count(left)} left, see `maintd netbox check`")


def print_lacking(found: Sequence[Unresolved]) -> None:
    """Print how much NetBox lacks of what our events name."""
    if found:
        words = f"{len(found)} circuits and providers" if len(found) > 1 else "a circuit or provider"
        terminal.print_error(f"NetBox lacks {words}: `maintd circuits unresolved`")


def difference_json(name: Name, record: str, drift: str, what: str) -> dict[str, Any]:
    """Return one difference in JSON's terms: ``record`` is called so in NetBox."""
    key, generation = name
    return {
        "kind": key.kind.value,
        "provider": key.provider,
        "generation": generation,
        "record": record,
        "drift": drift,
        "what": what,
    }


def print_differences(rows: Sequence[Row], *, compared: int) -> None:
    """Print how NetBox differs from what it should hold."""
    if not rows:
        terminal.print_error(f"{_count(compared)} compared: no difference in what NetBox can hold")
        return
    terminal.print_table(
        ("provider", "record", "drift", "what"),
        ((row["provider"], row["record"], row["drift"], row["what"]) for row in rows),
    )
    if any(row["drift"] != WAITING for row in rows):
        terminal.print_error("`maintd netbox push ID` sets an event right, `maintd netbox push --all` every one.")


def _id(one: Delivered) -> str:
    return one.event_id if one.generation == 1 else f"{one.event_id} (use {one.generation})"


def _count(number: int) -> str:
    return f"{number} event" if number == 1 else f"{number} events"
