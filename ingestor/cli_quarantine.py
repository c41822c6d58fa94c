"""``maintd quarantine``: work on the mails that were not understood.

Mails are chosen by their numbers, or by options that mean the same in every command. Why a person does something is
``--because``; ``--reason`` is why a mail is in quarantine.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import click

from domain.errors import NotFound, StorageError
from domain.message import Disposition, Reason
from ingestor import daemon, quarantine_reports, terminal
from ingestor import quarantine as work
from ingestor.command import FOUND_SOMETHING, INSTANT, MESSAGE, Request, author, read_again, with_output
from ingestor.config import outage_form_names
from ingestor.mistakes import nearest
from ingestor.quarantine import ACCEPTABLE, NAMEABLE, RELEASABLE, Chosen, Filter, Fit
from parsers.forms import BY_NAME
from parsers.providers import forms_of
from storage import queries
from storage.database import Store

F = TypeVar("F", bound=Callable[..., Any])

# How many mails are named one by one, where nothing or not all could be done.
SHOWN_REFUSED = 10

WAITING_OR_IGNORED = frozenset({Disposition.QUARANTINED, Disposition.IGNORED})

BECAUSE = click.option("--because", metavar="WHY", default="", help="Why, for those who look at this mail after you.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Print what would be touched, and touch nothing.")
AS = click.option("--as", "as_provider", metavar="PROVIDER", help="Read it as this provider's, whoever sent it.")


def with_filter(command: F) -> F:
    """Give a command the options that choose mails of the quarantine."""
    for option in (
        click.option("--since", type=INSTANT, help="Received at or after this time."),
        click.option("--sender", metavar="ADDRESS", help="From this address, or @domain."),
        click.option("--provider", metavar="P", help="Taken for this provider's."),
        click.option("--reason", type=click.Choice([one.value for one in Reason]), help="In quarantine for this."),
        click.option("--group", metavar="G", help="A line of `quarantine list`: mails that are alike."),
    ):
        command = option(command)
    return command


def with_selection(command: F) -> F:
    """Give a command the numbers of messages, or the options that choose them."""
    everything = click.option("--all", "everything", is_flag=True, help="All that wait.")
    numbers = click.argument("numbers", metavar="[MESSAGE]...", type=MESSAGE, nargs=-1)
    return numbers(with_filter(everything(command)))


def _selected(chosen: dict[str, Any]) -> Filter:
    """Return what the options of ``with_selection`` mean. Raises UsageError where nothing is chosen, or in two ways."""
    everything = chosen.pop("everything")
    by_option = any(value is not None for name, value in chosen.items() if name != "numbers") or everything
    if chosen["numbers"] and by_option:
        raise click.UsageError("name messages, or choose them by options, not both")
    if not (chosen["numbers"] or by_option):
        raise click.UsageError(
            "say which: MESSAGE..., or --group G, --reason R, --provider P, --sender A, --since T, or --all"
        )
    return _filter(**chosen)


def _filter(*, reason: str | None, **chosen: Any) -> Filter:
    return Filter(reason=Reason(reason) if reason else None, **chosen)


@click.group()
def quarantine() -> None:
    """Work on the mails that were not understood."""


# --- look ---------------------------------------------------------------------------------------------------------


@quarantine.command("list")
@with_filter
@click.option("--each", is_flag=True, help="Every mail, not one line for those that are alike.")
@click.option("--groups", is_flag=True, help="Mails that are alike as one, also in JSON.")
@click.option("--ignored", is_flag=True, help="Those that were ignored.")
@with_output
def quarantine_list(request: Request, *, each: bool, groups: bool, ignored: bool, **chosen: Any) -> None:
    """List what waits for a person; mails that are alike are one line."""
    if each and groups:
        raise click.UsageError("--each and --groups exclude each other")
    wanted = _filter(**chosen)
    disposition = Disposition.IGNORED if ignored else Disposition.QUARANTINED
    with request.store() as store:
        rows = work.rows_of(store, wanted, disposition)
        if request.as_json and not groups:
            terminal.print_json(_messages_json(store, rows, wanted, disposition))
            return
    if each:
        quarantine_reports.print_each([{**row, "group": work.group_of(row)} for row in rows], utc=request.utc)
    elif request.as_json:
        found = work.groups(rows)
        terminal.print_json([{**group, "commands": _group_commands(group)} for group in found])
    else:
        quarantine_reports.print_groups(work.groups(rows), utc=request.utc)


def _messages_json(
    store: Store, rows: Sequence[work.Row], wanted: Filter, disposition: Disposition
) -> list[dict[str, Any]]:
    outlines = {row["id"]: row for row in rows}
    with store.reading() as connection:
        shapes = queries.messages(
            connection,
            disposition=disposition,
            reason=wanted.reason,
            provider=wanted.provider,
            since=wanted.since,
        )
    return [
        {**shape, "detail": outlines[shape["id"]]["detail"], "group": work.group_of(outlines[shape["id"]])}
        for shape in shapes
        if shape["id"] in outlines
    ]


def _group_commands(group: work.Row) -> list[str]:
    which = f"--group {group['group']}"
    return [command for command, _ in quarantine_reports.commands(group, which)]


@quarantine.command("show")
@click.argument("message", type=MESSAGE, required=False)
@click.option("--group", metavar="G", help="The newest mail of this group.")
@click.option("--source", is_flag=True, help="The mail as it came, with control characters written out.")
@with_output
def quarantine_show(request: Request, *, message: int | None, group: str | None, source: bool) -> None:
    """Show a mail, why it is here, what each reader made of it, and what can be done."""
    if (message is None) == (group is None):
        raise click.UsageError("name a message, or a --group")
    with request.store() as store:
        number = message if message is not None else work.rows_of(store, Filter(group=group))[0]["id"]
        with store.reading() as connection:
            found = queries.message(connection, number)
            raw = None if found["pruned_at"] and not source else queries.raw(connection, number)
        (outline,) = work.rows_of(store, Filter(numbers=(number,)), None)
    group = work.group_of(outline) if found["disposition"] in WAITING_OR_IGNORED else None
    if source and raw is not None:
        for line in quarantine_reports.source_lines(raw):
            terminal.print_line(line)
    elif request.as_json:
        terminal.print_json(quarantine_reports.message_json(found, raw, group))
    else:
        quarantine_reports.print_message(found, raw, group, utc=request.utc)


@quarantine.command("export")
@with_selection
@click.option("--to", "directory", metavar="DIRECTORY", type=click.Path(path_type=Path, file_okay=False))
@with_output
def quarantine_export(request: Request, *, directory: Path | None, **chosen: Any) -> None:
    """Write mails as they came: to files that are named by number and digest, or one to standard output."""
    wanted = _selected(chosen)
    with request.store() as store:
        # Any message of the ledger can be had by its number.
        found = work.rows_of(store, wanted, None if wanted.numbers else Disposition.QUARANTINED)
        known = {row["id"] for row in found}
        for number in wanted.numbers:
            if number not in known:
                raise NotFound(f"there is no message {number}: `maintd messages` lists them")
        for row in found:
            if row["pruned_at"]:
                raise NotFound(f"message {row['id']}: {queries.gone(row['pruned_at'])}")
        if directory is None:
            _print_bytes(request, store, sorted(known))
            return
        written = [str(_write(store, number, directory)) for number in sorted(known)]
    if request.as_json:
        terminal.print_json({"files": written})
    else:
        for path in written:
            terminal.print_line(path)


def _print_bytes(request: Request, store: Store, numbers: Sequence[int]) -> None:
    if len(numbers) != 1 or request.as_json:
        raise click.UsageError("--to DIRECTORY: only one mail can go to standard output, and not as JSON")
    if sys.stdout.isatty():
        raise click.UsageError("a mail can steer a terminal: add --to DIRECTORY, or > FILE")
    with store.reading() as connection:
        raw = queries.raw(connection, numbers[0])
    sys.stdout.flush()
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()


def _write(store: Store, number: int, directory: Path) -> Path:
    """Write a mail to a file of its own, which nobody else may read; one that is there already is the same mail."""
    with store.reading() as connection:
        raw = queries.raw(connection, number)
    path = directory / f"{number}-{hashlib.sha256(raw).hexdigest()[:16]}.eml"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError), open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(raw)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}: name another directory with --to") from error
    return path


# --- decide -------------------------------------------------------------------------------------------------------


@quarantine.command("retry")
@with_selection
@click.option("--ignored", is_flag=True, help="Of those that were ignored.")
@click.option("--forget", is_flag=True, help="And forget what people decided of them, also of those that were applied.")
@DRY_RUN
@with_output
def quarantine_retry(request: Request, *, ignored: bool, forget: bool, dry_run: bool, **chosen: Any) -> None:
    """Read mails again: of the quarantine, or that were ignored."""
    disposition = Disposition.IGNORED if ignored else Disposition.QUARANTINED
    elsewhere = work.DECIDED if forget and not ignored else frozenset()
    wanted, fit = _selected(chosen), Fit(act="retry", disposition=disposition, elsewhere=elsewhere)
    with request.store() as store:
        found = work.choose(store, wanted, fit)
        if dry_run:
            _print_dry_run(request, found, fit.act)
            return
        again = work.requeue(store, found.numbers, expected={disposition, *elsewhere}, forget=forget)
        _read_again(request, store, found, again)


@quarantine.command("assign")
@click.argument("words", metavar="[MESSAGE]... PROVIDER", nargs=-1)
@click.option("--sender", metavar="ADDRESS", help="This address, not the sender of a message.")
@click.option("--group", metavar="G", help="The senders of this group.")
@click.option("--undo", metavar="ADDRESS", help="Take back what this address was assigned.")
@DRY_RUN
@with_output
def quarantine_assign(
    request: Request,
    *,
    words: tuple[str, ...],
    sender: str | None,
    group: str | None,
    undo: str | None,
    dry_run: bool,
) -> None:
    """Say that a sender is a provider, from now on; its mails in quarantine are read again."""
    numbers, provider = _assigned(words, sender=sender, group=group, undo=undo)
    with request.store() as store:
        if provider is None:
            _unassign(request, store, str(undo).strip().lower(), dry_run=dry_run)
            return
        name = _provider(request, store, provider)
        senders = [_address(sender)] if sender else _senders_of(store, Filter(numbers=numbers, group=group))
        if dry_run:
            rows = [row for one in senders for row in work.rows_of(store, Filter(sender=one))]
            terminal.print_error(f"{', '.join(senders)} would be {name} from now on.")
            _print_dry_run(request, Chosen(rows, []), "assign")
            return
        again = work.assign(store, senders, name, author=author())
        for one in senders:
            terminal.print_error(f"{one} is {name} from now on.")
        _read_again(request, store, Chosen([], []), again)


def _assigned(
    words: tuple[str, ...], *, sender: str | None, group: str | None, undo: str | None
) -> tuple[tuple[int, ...], str | None]:
    """Return the messages and the provider that the words name; no provider where something is taken back."""
    if undo is not None:
        if words or sender or group:
            raise click.UsageError("--undo ADDRESS takes nothing else")
        return (), None
    if not words:
        raise click.UsageError("say which provider, at the end")
    *named, provider = words
    if sum(map(bool, (named, sender, group))) != 1:
        raise click.UsageError(
            "say whose sender: MESSAGE... PROVIDER, --sender ADDRESS PROVIDER, or --group G PROVIDER"
        )
    return tuple(MESSAGE(word, None, click.get_current_context()) for word in named), provider


def _senders_of(store: Store, wanted: Filter) -> list[str]:
    rows = work.rows_of(store, wanted, None if wanted.numbers else Disposition.QUARANTINED)
    for number in wanted.numbers:
        if number not in {row["id"] for row in rows}:
            raise NotFound(f"there is no message {number}: `maintd messages` lists them")
    return work.senders_of(rows)


def _address(sender: str) -> str:
    local, at, domain = sender.strip().lower().rpartition("@")
    if not (local and at and domain):
        raise click.UsageError(
            f"--sender: {sender!r} is not an address; a whole domain is a sender of a [[provider]] in the configuration"
        )
    return f"{local}@{domain}"


def _unassign(request: Request, store: Store, address: str, *, dry_run: bool) -> None:
    if dry_run:
        _print_dry_run(request, Chosen(work.rows_of(store, Filter(sender=address)), []), "assign --undo")
        return
    again = work.unassign(store, address)
    terminal.print_error(f"{address} is nobody's by a person's word. What was applied stays: see maintd reparse.")
    _read_again(request, store, Chosen([], []), again)


@quarantine.command("assignments")
@with_output
def quarantine_assignments(request: Request) -> None:
    """List the senders that people have assigned to a provider."""
    with request.store() as store, store.reading() as connection:
        found = queries.assignments(connection)
    if request.as_json:
        terminal.print_json(found)
    else:
        quarantine_reports.print_assignments(found, utc=request.utc)


@quarantine.command("release")
@with_selection
@AS
@BECAUSE
@DRY_RUN
@with_output
def quarantine_release(
    request: Request, *, as_provider: str | None, because: str, dry_run: bool, **chosen: Any
) -> None:
    """Let in mails that do not prove whose they are. This holds for every later reading."""
    wanted, fit = _selected(chosen), Fit(act="release", reasons=RELEASABLE)
    with request.store() as store:
        provider = _provider(request, store, as_provider) if as_provider is not None else None
        found = work.choose(store, wanted, fit)
        if dry_run:
            _print_dry_run(request, found, fit.act)
            return
        again = work.release(store, found.rows, provider, author=author(), because=because)
        _read_again(request, store, found, again)


@quarantine.command("accept")
@with_selection
@AS
@click.option("--reader", metavar="FORM", help="Read it in this form.")
@BECAUSE
@DRY_RUN
@with_output
def quarantine_accept(
    request: Request, *, as_provider: str | None, reader: str | None, because: str, dry_run: bool, **chosen: Any
) -> None:
    """Apply what was read of mails, although it could not be applied by itself. This holds for every later reading."""
    fit = Fit(act="accept", reasons=ACCEPTABLE, hint=", and with --as or --reader for what was not read at all")
    if as_provider or reader:
        fit = Fit(act="accept", reasons=ACCEPTABLE | NAMEABLE)
    wanted = _selected(chosen)
    with request.store() as store:
        provider = _provider(request, store, as_provider) if as_provider is not None else None
        form = _form(request, store, reader) if reader is not None else None
        found = work.choose(store, wanted, fit)
        if dry_run:
            _print_dry_run(request, found, fit.act)
            return
        again = work.accept(store, found.rows, provider=provider, reader=form, author=author(), because=because)
        if waiting := _read_again(request, store, found, again):
            _tell_waiting(waiting, reader=form)


@quarantine.command("ignore")
@with_selection
@click.option("--because", metavar="WHY", help="Why, for those who look at this mail after you.")
@DRY_RUN
@with_output
def quarantine_ignore(request: Request, *, because: str | None, dry_run: bool, **chosen: Any) -> None:
    """Say that mails are of no concern; they are kept, and what was applied of them stays."""
    wanted, fit = _selected(chosen), Fit(act="ignore", also_beginnings=True)
    with request.store() as store:
        found = work.choose(store, wanted, fit)
        if dry_run:
            _print_dry_run(request, found, fit.act)
            return
        done = work.ignore(store, found.numbers, author=author(), because=because)
    if request.as_json and (done or not found.refused):
        terminal.print_json({"ignored": done})
    elif done or not found.refused:
        terminal.print_line(f"{len(done)} ignored")
    _tell_refused(found.refused)


# --- helpers ------------------------------------------------------------------------------------------------------


def _provider(request: Request, store: Store, name: str) -> str:
    """Return the provider of a name or an alias. NotFound where there is none, with the nearest name."""
    table = daemon.providers(request.settings(), store)
    known = table.get(name)
    if known is None:
        names = {word for provider in table for word in (provider.name, *provider.aliases)}
        raise NotFound(f'no provider "{name}": {nearest(name, names)} `maintd providers` lists those that are known')
    return known.name


def _form(request: Request, store: Store, reader: str) -> str:
    """Return the form of a reader's name. NotFound where there is none, with the nearest name."""
    table = daemon.providers(request.settings(), store)
    names = BY_NAME.keys() | outage_form_names() | {form for one in table for form in forms_of(one)}
    form = reader.rpartition("/")[2].lower()
    if form not in names:
        raise NotFound(f'no reader "{reader}": {nearest(form, names)} `maintd providers` lists those that are known')
    return form


def _print_dry_run(request: Request, found: Chosen, act: str) -> None:
    """Print which mails a command would touch."""
    if request.as_json:
        terminal.print_json({"dry_run": True, "messages": found.numbers})
    else:
        if found.rows:
            rows = [{**row, "group": work.group_of(row)} for row in found.rows]
            quarantine_reports.print_each(rows, utc=request.utc)
        terminal.print_error(f"{act}: {len(found.rows)} mails would be touched; nothing is done with --dry-run")
    _tell_refused(found.refused)


def _read_again(request: Request, store: Store, found: Chosen, again: Sequence[int]) -> Sequence[work.Row]:
    """Read mails again, say what became of them, and of those that stay in quarantine why; return these."""
    # One that is refused does not keep the others from being read.
    if again or not found.refused:
        read_again(request, store, again)
    rows = work.rows_of(store, Filter(numbers=tuple(again)), Disposition.QUARANTINED) if again else []
    for row in rows[:SHOWN_REFUSED]:
        terminal.print_error(f"message {row['id']}: {row['reason']}: {row['detail']}")
    if len(rows) > SHOWN_REFUSED:
        terminal.print_error(f"and {len(rows) - SHOWN_REFUSED} more: maintd quarantine list")
    _tell_refused(found.refused)
    return rows


def _tell_waiting(rows: Sequence[work.Row], *, reader: str | None) -> None:
    """Say of mails that wait although a person accepted them what else can be done, and end with the status of that."""
    number = rows[0]["id"] if len(rows) == 1 else "MESSAGE"
    cures = (
        [] if reader else [f"maintd quarantine accept {number} --reader general --because WHY for news of an outage"]
    )
    cures += ["maintd outage update or maintd maintenance update", f"maintd quarantine ignore {number}"]
    terminal.print_error(f"maintd: nothing could be applied of {len(rows)}: {', or '.join(cures)}")
    click.get_current_context().exit(FOUND_SOMETHING)


def _tell_refused(refused: Sequence[str]) -> None:
    """Say with which mails nothing could be done, and end with the status of that."""
    for problem in refused[:SHOWN_REFUSED]:
        terminal.print_error(f"maintd: {problem}")
    if len(refused) > SHOWN_REFUSED:
        terminal.print_error(f"maintd: and {len(refused) - SHOWN_REFUSED} more")
    if refused:
        click.get_current_context().exit(FOUND_SOMETHING)
