"""``maintd netbox`` and ``maintd circuits``: the NetBox that is kept in step, by hand, and how it calls circuits."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from domain.errors import ConfigurationError, NetboxError, NetboxFailure, NotFound
from domain.events import EventKey, circuit_key_of, id_key_of
from domain.vocabulary import Kind
from ingestor import check as checks
from ingestor import daemon, logs, netbox_reports, pipeline, terminal
from ingestor.cli_cures import KINDS
from ingestor.command import (
    FOUND_SOMETHING,
    Request,
    author,
    one_event,
    provider_named,
    tell_findings,
    with_output,
)
from ingestor.config import Settings
from ingestor.delivery import Delivered, Delivery
from ingestor.mistakes import nearest
from ingestor.netbox_opening import pushed_since
from storage import outbox, queries
from storage.database import Store
from storage.outbox import Alias, Name

# NetBox takes no longer id of a circuit.
CID_CHARACTERS = 100

# Failures to look at one event, after which others can be looked at.
_OF_ONE_EVENT = frozenset({NetboxFailure.MISSING, NetboxFailure.CONFLICT, NetboxFailure.REFUSED})

IDS = click.argument("event_ids", metavar="[ID]...", nargs=-1)
KIND = click.option("--kind", type=KINDS)
PROVIDER = click.option("--provider", metavar="P")


@click.group()
def circuits() -> None:
    """See to circuits that NetBox calls otherwise than their provider."""


@circuits.command("alias")
@click.argument("alias", metavar="[ALIAS]", required=False)
@click.argument("circuit", metavar="[CIRCUIT]", required=False)
@click.option("--provider", metavar="P", help="Whose circuit it is, where no event tells.")
@click.option("--remove", is_flag=True, help="Let ALIAS mean no other circuit any more.")
@with_output
def alias_command(
    request: Request, *, alias: str | None, circuit: str | None, provider: str | None, remove: bool
) -> None:
    """Say that what a provider calls ALIAS is CIRCUIT in NetBox. Without both, list what was said."""
    if alias is None:
        if remove:
            raise click.UsageError("name the ALIAS to remove")
        _list_aliases(request, provider)
    elif remove:
        if circuit is not None:
            raise click.UsageError("--remove takes an ALIAS alone")
        _remove_alias(request, alias, provider)
    elif circuit is None:
        raise click.UsageError(f'name the CIRCUIT too, as NetBox has it: maintd circuits alias "{alias}" CIRCUIT')
    else:
        _add_alias(request, _circuit_id(alias, "ALIAS"), _circuit_id(circuit, "CIRCUIT"), provider)


def _circuit_id(text: str, name: str) -> str:
    """Return the id of a circuit as it was typed. Raises UsageError where it can be none."""
    text = text.strip()
    if not text or not text.isprintable():
        raise click.UsageError(f"{name}: got {text!r}, expected the id of a circuit")
    return text


def _list_aliases(request: Request, provider: str | None) -> None:
    with request.store() as store:
        name = provider_named(request, store, provider)
        with store.reading() as connection:
            found = [one for one in outbox.aliases(connection) if name in (None, one.provider)]
    if request.as_json:
        terminal.print_json([netbox_reports.alias_json(one) for one in found])
    else:
        netbox_reports.print_aliases(found, utc=request.utc)


def _add_alias(request: Request, alias: str, circuit: str, provider: str | None) -> None:
    if circuit_key_of(alias) == circuit_key_of(circuit):
        raise click.UsageError(f'"{alias}" is "{circuit}" without an alias: NetBox is asked for it by that id')
    if len(circuit) > CID_CHARACTERS:
        raise click.UsageError(f"CIRCUIT has {len(circuit)} characters, and no id in NetBox more than {CID_CHARACTERS}")
    with request.store() as store:
        name = _whose(request, store, alias, provider)
        _warn_of_a_strange_alias(store, name, alias, circuit)
        since, now = _since(request, store), pipeline.utc_now()
        with store.writing() as connection:
            before = next((one for one in outbox.aliases(connection) if _is_of(one, name, alias)), None)
            outbox.add_alias(connection, name, alias, circuit, author=author(), now=now)
            again = outbox.enqueue_circuits(connection, name, [alias], since=since, now=now) if since else None
    said = {"provider": name, "alias": alias, "circuit_id": circuit, "before": before and before.circuit_id}
    if request.as_json:
        terminal.print_json({**said, "pushed_again": again})
        return
    was = f", no longer {before.circuit_id}" if before and before.circuit_id != circuit else ""
    terminal.print_line(f'{name}: "{alias}" is {circuit} in NetBox{was}; {netbox_reports.pushed_again(again)}')


def _remove_alias(request: Request, alias: str, provider: str | None) -> None:
    with request.store() as store:
        asked = provider_named(request, store, provider)
        since, now = _since(request, store), pipeline.utc_now()
        with store.writing() as connection:
            name = _whose_alias(outbox.aliases(connection), alias, asked)
            outbox.remove_alias(connection, name, alias)
            again = outbox.enqueue_circuits(connection, name, [alias], since=since, now=now) if since else None
    if request.as_json:
        terminal.print_json({"provider": name, "alias": alias, "removed": True, "pushed_again": again})
        return
    terminal.print_line(f'{name}: "{alias}" stands for itself again; {netbox_reports.pushed_again(again)}')


def _since(request: Request, store: Store) -> datetime | None:
    """Return since when events are pushed; None where there is no NetBox to push them to."""
    settings = request.settings()
    return pushed_since(store, settings, now=pipeline.utc_now()) if settings.netbox.url else None


def _whose_alias(held: Sequence[Alias], alias: str, provider: str | None) -> str:
    """Return the provider of an alias. ``provider`` None: not said, and the only one that has it is meant."""
    names = sorted({one.provider for one in held if _is_of(one, provider or one.provider, alias)})
    if not names:
        raise NotFound(f'there is no alias "{alias}": `maintd circuits alias` lists them')
    if len(names) > 1:
        raise click.UsageError(f'"{alias}" is an alias of {" and ".join(names)}: add --provider')
    return names[0]


def _is_of(held: Alias, provider: str, alias: str) -> bool:
    return held.provider == provider and circuit_key_of(held.alias) == circuit_key_of(alias)


def _whose(request: Request, store: Store, alias: str, provider: str | None) -> str:
    """Return the provider that is named, or the one whose events name a circuit."""
    name = provider_named(request, store, provider)
    with store.reading() as connection:
        if name is not None:
            heard = queries.stats(connection, now=pipeline.utc_now(), mailboxes=())["by_provider"]
        else:
            naming = queries.events(connection, now=pipeline.utc_now(), circuit=alias)
    if name is None:
        return _only(sorted({event["provider"] for event in naming}), alias)
    table = daemon.providers(request.settings(), store)
    if table.get(name) is None and name not in heard:
        known = {*heard, *(one.name for one in table)}
        terminal.print_error(f'warning: no provider "{name}" is known: {nearest(name, known)}')
    return name


def _only(names: list[str], alias: str) -> str:
    if len(names) == 1:
        return names[0]
    by = f"events of {' and '.join(names)} name it" if names else "no event names it"
    raise click.UsageError(f'add --provider, for it is not clear whose "{alias}" is: {by}')


def _warn_of_a_strange_alias(store: Store, provider: str, alias: str, circuit: str) -> None:
    """Say if no event names an alias, and whether the other one of the two is named."""
    with store.reading() as connection:
        named, turned = (
            bool(queries.events(connection, now=pipeline.utc_now(), provider=provider, circuit=one))
            for one in (alias, circuit)
        )
    if named:
        return
    order = f'; "{circuit}" is named: the name in the mails comes first, that in NetBox second' if turned else ""
    terminal.print_error(f'warning: no event of {provider} names "{alias}" yet{order}')


@circuits.command("unresolved")
@PROVIDER
@with_output
def unresolved_command(request: Request, provider: str | None) -> None:
    """List the circuits and providers of our events that NetBox did not know when it was last asked."""
    with request.store() as store:
        name = provider_named(request, store, provider)
        with store.reading() as connection:
            found = [one for one in outbox.unresolved(connection) if name in (None, one.provider)]
        pushed = checks.pushed_events(request.settings(), store) if found else []
    rows = netbox_reports.unresolved_json(found, pushed)
    if request.as_json:
        terminal.print_json(rows)
    else:
        netbox_reports.print_unresolved(rows, utc=request.utc)


# --- NetBox -----------------------------------------------------------------------------------------------------


@click.group()
def netbox() -> None:
    """Look after the NetBox that is kept in step."""


@netbox.command("check")
@with_output
def check_command(request: Request) -> None:
    """Ask NetBox what it is, what the token may do, and which providers and circuits it knows. Writes nothing there."""
    tell_findings(request, checks.netbox(_with_netbox(request)))


@netbox.command("push")
@IDS
@KIND
@PROVIDER
@click.option("--all", "everything", is_flag=True, help="All events, looked at anew and set right.")
@with_output
def push_command(
    request: Request, *, event_ids: Sequence[str], kind: str | None, provider: str | None, everything: bool
) -> None:
    """Push the events of these IDs, looked at anew; without any, all that wait, also those postponed and parked."""
    if event_ids and everything:
        raise click.UsageError("name events, or --all: not both")
    waiting: Sequence[Name] | None
    with _delivering(request) as (store, delivery):
        if event_ids:
            anew = waiting = _named(request, store, event_ids, kind, provider)
        else:
            # Whoever has just added a circuit in NetBox does not want to wait.
            delivery.look_for_missing(tried_before=pipeline.utc_now())
            counting = _counting(request, store, delivery, kind, provider)
            anew = counting if everything else []
            waiting = [*counting, *_held(request, store, kind, provider)] if kind or provider else None
        found = _push(store, delivery, anew, waiting)
        with store.reading() as connection:
            problem = outbox.meta(connection, outbox.PROBLEM) if delivery.is_paused else None
            figures, lacking = outbox.figures(connection), outbox.unresolved(connection)
    if request.as_json:
        terminal.print_json([netbox_reports.delivered_json(one) for one in found])
    else:
        netbox_reports.print_delivered(found, named=bool(event_ids))
        netbox_reports.print_lacking(lacking)
    if event_ids and not problem:
        netbox_reports.print_taken(len({*anew} - {(one.key, one.generation) for one in found}))
    netbox_reports.print_problems(found, problem, left=figures.due + figures.to_compare)
    if problem or any(one.problem for one in found):
        click.get_current_context().exit(FOUND_SOMETHING)


@netbox.command("diff")
@IDS
@KIND
@PROVIDER
@with_output
def diff_command(request: Request, *, event_ids: Sequence[str], kind: str | None, provider: str | None) -> None:
    """Compare the events of these IDs with NetBox; without any, all that are pushed. Writes nothing there."""
    with _delivering(request) as (store, delivery):
        if event_ids:
            names = _named(request, store, event_ids, kind, provider)
        else:
            names = _counting(request, store, delivery, kind, provider)
        rows = []
        with terminal.progress("comparing", len(names)) as bar:
            for name in names:
                rows += _differences(store, delivery, name)
                bar.advance()
        with store.reading() as connection:
            lacking = outbox.unresolved(connection)
    if request.as_json:
        terminal.print_json(rows)
    else:
        netbox_reports.print_differences(rows, compared=len(names))
        netbox_reports.print_lacking(lacking)
    if any(row["drift"] != netbox_reports.WAITING for row in rows):
        click.get_current_context().exit(FOUND_SOMETHING)


@contextmanager
def _delivering(request: Request) -> Iterator[tuple[Store, Delivery]]:
    """Give the database and what delivers out of it; what goes wrong is told by the command, not by the log."""
    settings = _with_netbox(request)
    logs.configure(settings.log.format, "critical", sys.stderr)
    with request.store() as store, Delivery(settings, store, daemon.providers(settings, store)) as delivery:
        yield store, delivery


def _with_netbox(request: Request) -> Settings:
    """Return the settings. Raises ConfigurationError where they name no NetBox."""
    settings = request.settings()
    if not settings.netbox.url:
        expected = 'expected where NetBox is, as in url = "https://netbox.example.net"'
        raise ConfigurationError([f"{settings.path}: netbox: url: missing, {expected}"])
    return settings


def _named(
    request: Request, store: Store, event_ids: Sequence[str], kind: str | None, provider: str | None
) -> list[Name]:
    """Return the events of these ids. Raises NotFound."""
    found = [one_event(request, store, event_id, kind, provider) for event_id in event_ids]
    keys = [EventKey(kind=Kind(one["kind"]), provider=one["provider"], id_key=id_key_of(one["id"])) for one in found]
    return [(key, one["generation"]) for key, one in zip(keys, found, strict=True)]


def _counting(request: Request, store: Store, delivery: Delivery, kind: str | None, provider: str | None) -> list[Name]:
    """Return the events of a kind and of a provider that are pushed."""
    with store.reading() as connection:
        return _of(request, store, outbox.names_after(connection, delivery.since), kind, provider)


def _held(request: Request, store: Store, kind: str | None, provider: str | None) -> list[Name]:
    """Return the events of a kind and of a provider that NetBox knows of, also those that are no more."""
    with store.reading() as connection:
        held = [(key, generation) for key, generation, _ in outbox.remotes(connection)]
    return _of(request, store, held, kind, provider)


def _of(request: Request, store: Store, names: Sequence[Name], kind: str | None, provider: str | None) -> list[Name]:
    name = provider_named(request, store, provider)
    return [one for one in names if kind in (None, one[0].kind) and name in (None, one[0].provider)]


def _push(store: Store, delivery: Delivery, anew: Sequence[Name], waiting: Sequence[Name] | None) -> list[Delivered]:
    """Push what waits of some events, None: of all, and look at others ``anew``; return what became of each.

    One that people have changed in NetBox comes twice: then it was pushed again with what came back.
    """
    now = pipeline.utc_now()
    with store.writing() as connection:
        outbox.look_again(connection, anew, now=now)
        total = outbox.hurry(connection, waiting, now=now)
        due = None if waiting is None else [name for name in dict.fromkeys(waiting) if outbox.owed(connection, *name)]
    found: list[Delivered] = []
    with terminal.progress("pushing", total) as bar:

        def told(one: Delivered) -> None:
            found.append(one)
            bar.advance()

        delivery.deliver(names=due, told=told)
    return found


def _differences(store: Store, delivery: Delivery, name: Name) -> list[dict[str, Any]]:
    """Return how NetBox differs from what it should hold of an event. Raises NetboxError where all NetBox fails."""
    try:
        drift = delivery.compare(name)
    except NetboxError as error:
        if error.kind not in _OF_ONE_EVENT:
            raise
        return [netbox_reports.difference_json(name, name[0].id_key, "failed", str(error))]
    if drift is not None:
        return [netbox_reports.difference_json(name, one.record, one.kind.value, one.what) for one in drift]
    with store.reading() as connection:
        owed = outbox.owed(connection, *name)
        event_id = next((one.event_id for one in queries.events_of_key(connection, name[0])), name[0].id_key)
    problem = f": {owed.problem}" if owed and owed.problem else ""
    return [
        netbox_reports.difference_json(name, event_id, netbox_reports.WAITING, f"it is still to be pushed{problem}")
    ]


COMMANDS: tuple[click.Command, ...] = (circuits, netbox)
