"""``maintd outage``: what people say of unplanned losses, held to the workflow.

What is said here is a fact with author and reason: it outlives every reading of the mails again.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click

from domain.errors import NotFound
from domain.events import EventKey, StatedEtr, id_key_of
from domain.outage_edits import OutageAsked
from domain.vocabulary import Impact, Kind, OutageStatus
from ingestor import curation, daemon, pipeline, reports, terminal
from ingestor.cli_cures import CircuitImpact
from ingestor.command import Request, author, one_of_kind, with_output
from ingestor.mistakes import nearest
from ingestor.typed_times import Meant, TypedTime, typed_time
from storage import queries
from storage.database import Store

F = TypeVar("F", bound=Callable[..., Any])

Circuit = tuple[str, Impact | None]

# What the history and the revisions hold as the words in which an estimate was taken back.
NO_ETR = "--no-etr"


class Typed(click.ParamType[TypedTime]):
    """A time as people type it: ISO, ``HH:MM`` with or without a zone, or ``+2h``."""

    name = "time"

    def __init__(self, meant: Meant) -> None:
        self.meant = meant

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> TypedTime:
        """Return the instant, with the words and their zone."""
        if isinstance(value, TypedTime):
            return value
        try:
            return typed_time(value, self.meant, pipeline.utc_now())
        except ValueError as error:
            self.fail(str(error), param, ctx)


class CircuitNamed(click.ParamType[Circuit]):
    """A circuit as ``ID`` or ``ID=IMPACT``; without an impact it is that of ``--impact``."""

    name = "id[=impact]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Circuit:
        """Return the id, and the impact where it is named."""
        if isinstance(value, tuple):
            return value
        name, impact = CircuitImpact().convert(value, param, ctx)
        return name, None if name == value else impact


def _times(*names: str) -> Callable[[F], F]:
    """Return what gives a command options for these times."""
    kinds = {
        "start": (Meant.START, "When the service was lost."),
        "end": (Meant.END, "When it was back."),
        "etr": (Meant.ESTIMATE, 'When it is expected back: ISO, 14:05, "14:05 CET", or +2h.'),
    }

    def give(command: F) -> F:
        for name in reversed(names):
            meant, words = kinds[name]
            command = click.option(f"--{name}", type=Typed(meant), help=words)(command)
        return command

    return give


EVENT = click.argument("event_id", metavar="ID")
PROVIDER = click.option("--provider", metavar="P")
STATUS = click.option("--status", type=click.Choice([one.value for one in OutageStatus], case_sensitive=False))
WITHOUT_ETR = click.option("--no-etr", is_flag=True, help="There is no estimate any more.")
CIRCUITS = click.option("--circuit", "circuits", type=CircuitNamed(), multiple=True, help="May be repeated.")
IMPACT = click.option(
    "--impact",
    type=click.Choice([one.value for one in Impact], case_sensitive=False),
    help="Of the circuits that name none themselves; else OUTAGE.",
)
CAUSE = click.option("--cause", metavar="TEXT", help="The reason for it, as the provider states it.")
SUMMARY = click.option("--summary", metavar="TEXT", help="What it is about.")
NOTE = click.option("--note", metavar="WHY", default="", help="For those who read the history.")


@click.group()
def outage() -> None:
    """Tell of outages: open, correct, resolve, reopen and adopt them."""


@outage.command("open")
@click.option("--provider", metavar="P", required=True)
@click.option("--ticket", metavar="T", help="The provider's; without it the outage gets an id of our own.")
@STATUS
@_times("start", "etr", "end")
@CIRCUITS
@IMPACT
@CAUSE
@SUMMARY
@NOTE
@with_output
def open_command(request: Request, *, provider: str, ticket: str | None, note: str, **said: Any) -> None:
    """Open an outage, before a mail tells of it or where none does. It begins now, if no start is given."""
    asked = _asked(**said)
    with request.store() as store:
        name = _provider(request, store, provider)
        key = curation.open_outage(store, name, ticket, asked, author=author(), reason=note)
        event = one_of_kind(request, store, key.id_key, Kind.OUTAGE, name)
    _print(request, event)
    if ticket is None and not request.as_json:
        reports.print_own_id(event)


@outage.command("update")
@EVENT
@PROVIDER
@STATUS
@_times("start", "etr", "end")
@WITHOUT_ETR
@CIRCUITS
@click.option("--withdraw-circuit", "withdraw_circuits", metavar="ID", multiple=True)
@IMPACT
@CAUSE
@SUMMARY
@NOTE
@with_output
def update_command(request: Request, *, event_id: str, provider: str | None, note: str, **said: Any) -> None:
    """Say what is known now. It holds against mails that repeat what it corrects, and yields to one that says new."""
    _correct(request, event_id, provider, _asked(**said), note=note)


@outage.command("resolve")
@EVENT
@PROVIDER
@_times("end")
@CAUSE
@SUMMARY
@NOTE
@with_output
def resolve_command(request: Request, *, event_id: str, provider: str | None, note: str, **said: Any) -> None:
    """Say that the service is back, and since when."""
    asked = _asked(status=OutageStatus.RESOLVED, **said)
    _correct(request, event_id, provider, asked, note=note)


@outage.command("reopen")
@EVENT
@PROVIDER
@STATUS
@_times("etr")
@click.option("--note", metavar="WHY", required=True, help="Why, for those who read the history.")
@with_output
def reopen_command(request: Request, *, event_id: str, provider: str | None, note: str, **said: Any) -> None:
    """Say that what was resolved is not: it is INVESTIGATING again, unless another status is given."""
    _correct(request, event_id, provider, _asked(**said), note=note, reopens=True)


@outage.command("adopt")
@click.argument("local", metavar="LOCAL")
@click.argument("ticket", metavar="TICKET", required=False)
@PROVIDER
@NOTE
@click.option("--undo", is_flag=True, help="Take LOCAL apart from the ticket again.")
@with_output
def adopt_command(
    request: Request, *, local: str, ticket: str | None, provider: str | None, note: str, undo: bool
) -> None:
    """Join an outage that was opened under an id of our own to the provider's TICKET."""
    if (ticket is None) is not undo:
        raise click.UsageError("name the ticket that it is joined to, or --undo")
    with request.store() as store:
        held = _seen(request, store, local, provider)
        if ticket is None:
            curation.disown(store, _key(held, local), author=author(), reason=note)
        else:
            curation.adopt(store, _key(held, local), ticket, author=author(), reason=note)
        event = one_of_kind(request, store, ticket or local, Kind.OUTAGE, held["provider"])
    if ticket is None:
        _print(request, event)
    elif request.as_json:
        terminal.print_json(event)
    else:
        reports.print_adopted(event, local, utc=request.utc)


def _correct(
    request: Request, event_id: str, provider: str | None, asked: OutageAsked, *, note: str, reopens: bool = False
) -> None:
    with request.store() as store:
        seen = _seen(request, store, event_id, provider)
        curation.correct_outage(
            store, _key(seen, seen["id"]), seen["generation"], asked, author=author(), reason=note, reopens=reopens
        )
        event = one_of_kind(request, store, seen["id"], Kind.OUTAGE, seen["provider"])
    if id_key_of(event_id) != id_key_of(event["id"]):
        terminal.print_error(f"{event_id} is {event['id']} of {event['provider']}")
    _print(request, event)


def _seen(request: Request, store: Store, event_id: str, provider: str | None) -> dict[str, Any]:
    return one_of_kind(request, store, event_id, Kind.OUTAGE, provider)


def _print(request: Request, event: dict[str, Any]) -> None:
    if request.as_json:
        terminal.print_json(event)
    else:
        reports.print_told(event, utc=request.utc)


def _key(event: dict[str, Any], event_id: str) -> EventKey:
    return EventKey(kind=Kind.OUTAGE, provider=event["provider"], id_key=id_key_of(event_id))


# --- what is asked ----------------------------------------------------------------------------------------------


def _asked(
    *,
    status: str | None = None,
    start: TypedTime | None = None,
    end: TypedTime | None = None,
    etr: TypedTime | None = None,
    no_etr: bool = False,
    circuits: Sequence[Circuit] = (),
    impact: str | None = None,
    cause: str | None = None,
    summary: str | None = None,
    withdraw_circuits: tuple[str, ...] = (),
) -> OutageAsked:
    """Return what the options ask. Raises UsageError where they do not go together."""
    if etr and no_etr:
        raise click.UsageError("--etr says when, --no-etr that nobody knows: not both")
    if impact and all(own for _, own in circuits):
        raise click.UsageError("--impact is that of circuits: name them, as in --circuit ID --impact DEGRADED")
    usual = Impact(impact.upper()) if impact else Impact.OUTAGE
    zones = [typed.zone for typed in (start, end, etr) if typed and typed.zone]
    return OutageAsked(
        status=OutageStatus(status.upper()) if status else None,
        start=_at(start),
        end=_at(end),
        etr=StatedEtr(at=None, words=NO_ETR) if no_etr else _etr(etr),
        cause=cause,
        circuits=tuple((name, own or usual) for name, own in circuits),
        withdraw_circuits=withdraw_circuits,
        summary=summary,
        zone=zones[0] if zones else None,
    )


def _at(typed: TypedTime | None) -> datetime | None:
    return typed.at if typed else None


def _etr(typed: TypedTime | None) -> StatedEtr | None:
    return StatedEtr(at=typed.at, words=typed.words) if typed else None


def _provider(request: Request, store: Store, name: str) -> str:
    """Return the provider of a name or an alias, of which there may be mails alone. NotFound where there is none."""
    table = daemon.providers(request.settings(), store)
    if known := table.get(name):
        return known.name
    with store.reading() as connection:
        heard = set(queries.stats(connection, now=pipeline.utc_now(), mailboxes=())["by_provider"])
    if (lower := name.strip().lower()) in heard:
        return lower
    names = heard | {word for provider in table for word in (provider.name, *provider.aliases)}
    raise NotFound(f'no provider "{name}": {nearest(name, names)} `maintd providers` lists those that are known')


COMMANDS: tuple[click.Command, ...] = (outage,)
