"""``maintd quarantine``: work on the mails that were not understood."""

from datetime import datetime

import click

from domain.errors import NotFound
from domain.message import Disposition, Reason
from ingestor import curation, daemon, reports, terminal
from ingestor.command import INSTANT, MESSAGE, Request, author, not_in_quarantine, read_again, with_output
from storage import messages, queries


@click.group()
def quarantine() -> None:
    """Work on the mails that were not understood."""


@quarantine.command("list")
@click.option("--reason", type=click.Choice([one.value for one in Reason]))
@click.option("--provider", metavar="P")
@click.option("--since", type=INSTANT)
@with_output
def quarantine_list(request: Request, reason: str | None, provider: str | None, since: datetime | None) -> None:
    """List what waits for a person."""
    with request.store() as store, store.reading() as connection:
        found = queries.messages(
            connection,
            disposition=Disposition.QUARANTINED,
            reason=Reason(reason) if reason else None,
            provider=provider,
            since=since,
        )
    if request.as_json:
        terminal.print_json(found)
    else:
        reports.print_quarantine(found, utc=request.utc)


@quarantine.command("show")
@click.argument("message", type=MESSAGE)
@with_output
def quarantine_show(request: Request, message: int) -> None:
    """Show a mail, why it is here, and what can be done."""
    with request.store() as store, store.reading() as connection:
        found = queries.message(connection, message)
        raw = queries.raw(connection, message)
    if request.as_json:
        terminal.print_json({**found, "source": raw.decode("utf-8", "replace")})
    else:
        reports.print_message(found, raw, utc=request.utc)


@quarantine.command("retry")
@click.argument("numbers", metavar="[MESSAGE]...", type=MESSAGE, nargs=-1)
@click.option("--reason", type=click.Choice([one.value for one in Reason]))
@click.option("--all", "everything", is_flag=True, help="All of the quarantine.")
@with_output
def quarantine_retry(request: Request, numbers: tuple[int, ...], reason: str | None, *, everything: bool) -> None:
    """Read mails of the quarantine again."""
    if not (numbers or reason or everything):
        raise click.UsageError("name messages, or --reason, or --all")
    with request.store() as store:
        if not numbers:
            with store.reading() as connection:
                numbers = tuple(messages.select_quarantined(connection, reason=Reason(reason) if reason else None))
        refused = [number for number in numbers if not curation.requeue(store, number)]
        # One that is not there does not keep the others from being read.
        if len(refused) < len(numbers) or not numbers:
            read_again(request, store, [number for number in numbers if number not in refused])
        if refused:
            raise not_in_quarantine(store, refused[0])


@quarantine.command("assign")
@click.argument("message", type=MESSAGE)
@click.argument("provider")
@with_output
def quarantine_assign(request: Request, message: int, provider: str) -> None:
    """Say that the sender of a mail is a provider, from now on; its mails in quarantine are read again."""
    with request.store() as store:
        known = daemon.providers(request.settings(), store).get(provider)
        if known is None:
            raise NotFound(f'no provider "{provider}": maintd providers lists those that are known')
        sender, again = curation.assign(store, message, known.name, author=author())
        terminal.print_error(f"{sender} is {known.name} from now on.")
        read_again(request, store, again)


@quarantine.command("ignore")
@click.argument("numbers", metavar="MESSAGE...", type=MESSAGE, nargs=-1, required=True)
@with_output
def quarantine_ignore(request: Request, numbers: tuple[int, ...]) -> None:
    """Say that mails are of no concern; they are kept."""
    with request.store() as store:
        for number in numbers:
            if not curation.ignore(store, number, author=author()):
                raise not_in_quarantine(store, number)
    if request.as_json:
        terminal.print_json({"ignored": list(numbers)})
    else:
        terminal.print_line(f"{len(numbers)} ignored")
