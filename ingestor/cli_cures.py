"""A person's cures for a wrong event: ``maintd maintenance update``, ``maintd retract``, ``maintd hide``.

What is said here is a fact with author and reason: it outlives every reading of the mails again.
"""

from datetime import UTC, datetime
from typing import Any

import click

from domain.edits import Asked
from domain.events import EventKey, Span, id_key_of
from domain.vocabulary import Impact, Kind, MaintenanceStatus
from ingestor import curation, reports, terminal
from ingestor.command import MESSAGE, Request, author, one_event, one_of_kind, with_output

KINDS = click.Choice([one.value for one in Kind])


class Moment(click.ParamType[datetime]):
    """An instant: ``2026-11-23T04:00Z``, ``2026-11-23T04:00+01:00``, or local time where no zone is named."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return an aware instant in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            # A day alone is no time of a window.
            moment = datetime.fromisoformat(value if "T" in value.upper() else "")
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            words = f"{value!r} is no time of a window: write 2026-11-23T04:00Z, or without Z for local time"
            self.fail(words, param, ctx)


class Window(click.ParamType[Span]):
    """A window as ``START/END``."""

    name = "start/end"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Span:
        """Return start and end."""
        if isinstance(value, tuple):
            return value
        start, slash, end = value.partition("/")
        if not slash:
            self.fail(f"{value!r} is no window: write 2026-11-23T04:00Z/2026-11-23T08:00Z", param, ctx)
        return MOMENT.convert(start, param, ctx), MOMENT.convert(end, param, ctx)


class CircuitImpact(click.ParamType[tuple[str, Impact]]):
    """A circuit with its impact: ``ID`` for an outage, or ``ID=IMPACT``."""

    name = "id[=impact]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Impact]:
        """Return the id and the impact; an id may hold an equals sign itself."""
        if isinstance(value, tuple):
            return value
        name, equals, word = value.rpartition("=")
        if equals and word.upper() in list(Impact):
            return name, Impact(word.upper())
        if equals and word.replace("-", "").isalpha() and word.isupper():
            self.fail(f"{word} is no impact, expected one of {', '.join(Impact)}", param, ctx)
        return value, Impact.OUTAGE


MOMENT = Moment()
STATUSES = [status.value for status in MaintenanceStatus if status is not MaintenanceStatus.UNKNOWN]
REASON = click.option(
    "--reason", "--because", "reason", metavar="WHY", required=True, help="Why, for those who read the history."
)


@click.group()
def maintenance() -> None:
    """Correct maintenances."""


@maintenance.command("update")
@click.argument("event_id", metavar="ID")
@click.option("--provider", metavar="P")
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False))
@click.option("--window", type=int, metavar="N", help="The window that is meant: 1 is the first that is shown.")
@click.option("--start", type=MOMENT)
@click.option("--end", type=MOMENT)
@click.option("--add-window", "add_windows", type=Window(), multiple=True)
@click.option("--withdraw-window", "withdraw_windows", type=int, metavar="N", multiple=True)
@click.option("--circuit", "circuits", type=CircuitImpact(), multiple=True, help="Add it, or say its impact.")
@click.option("--withdraw-circuit", "withdraw_circuits", metavar="ID", multiple=True)
@click.option("--summary", metavar="TEXT")
@REASON
@with_output
def maintenance_update(
    request: Request, *, event_id: str, provider: str | None, status: str | None, reason: str, **said: Any
) -> None:
    """Correct an event. It holds against mails that repeat what it corrects, and yields to one that says new."""
    asked = Asked(status=MaintenanceStatus(status.upper()) if status else None, **said)
    with request.store() as store:
        seen = one_of_kind(request, store, event_id, Kind.MAINTENANCE, provider)
        curation.correct(store, _key(seen), seen["generation"], asked, author=author(), reason=reason)
        event = one_event(request, store, seen["id"], seen["kind"], seen["provider"])
    if request.as_json:
        terminal.print_json(event)
    else:
        reports.print_corrected(event, utc=request.utc)


@click.command()
@click.argument("message", type=MESSAGE)
@click.option("--undo", is_flag=True, help="Let what it says count again.")
@REASON
@with_output
def retract(request: Request, *, message: int, undo: bool, reason: str) -> None:
    """Let what a mail says count no more: it was wrong, or not for us. The mail is kept."""
    with request.store() as store:
        if undo:
            touched = curation.restore(store, message)
        else:
            touched = curation.retract(store, message, author=author(), reason=reason)
    if request.as_json:
        terminal.print_json({"message": message, "retracted": not undo, "events": [list(one) for one in touched]})
        return
    names = ", ".join(f"{provider} {name}" for _, provider, name in touched) or "no event"
    terminal.print_line(f"message {message} {'counts again' if undo else 'counts no more'}: {names} told anew")


@click.command()
@click.argument("event_id", metavar="ID")
@click.option("--kind", type=KINDS)
@click.option("--provider", metavar="P")
@click.option("--undo", is_flag=True, help="Show it again.")
@REASON
@with_output
def hide(request: Request, *, event_id: str, kind: str | None, provider: str | None, undo: bool, reason: str) -> None:
    """Show an event no more, whatever is heard of it. Its mails are kept."""
    with request.store() as store:
        seen = one_event(request, store, event_id, kind, provider)
        curation.hide(store, _key(seen), seen["generation"], undo=undo, author=author(), reason=reason)
        event = one_event(request, store, seen["id"], seen["kind"], seen["provider"])
    if request.as_json:
        terminal.print_json(event)
    else:
        terminal.print_line(f"{event['provider']} {event['id']}: {'shown again' if undo else 'hidden'}")


def _key(event: dict[str, Any]) -> EventKey:
    return EventKey(kind=Kind(event["kind"]), provider=event["provider"], id_key=id_key_of(event["id"]))


COMMANDS: tuple[click.Command, ...] = (maintenance, retract, hide)
