"""What the commands share: where the configuration is, how to print, and the kinds of arguments."""

import getpass
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, TypeVar

import click

from domain.errors import DatabaseInUse, NotFound
from domain.events import id_key_of
from domain.vocabulary import Kind
from ingestor import config, daemon, logs, pipeline, terminal
from ingestor.check import Found
from ingestor.patience import waited_for
from ingestor.sharing import Sharing
from storage import database, queries
from storage.database import Store

F = TypeVar("F", bound=Callable[..., Any])

FOUND_SOMETHING = 1
USAGE = 2


@dataclass(slots=True)
class Request:
    """What every command is given: where the configuration is, and how to print."""

    config_file: str | None = None
    as_json: bool = False
    utc: bool = False
    _settings: config.Settings | None = None

    def settings(self) -> config.Settings:
        """Return the settings, read once. Raises ConfigurationError."""
        if self._settings is None:
            self._settings = config.load(config.find(self.config_file, os.environ))
            # A command tells what it did itself; the log is for what runs without anybody looking.
            logs.configure(self._settings.log.format, "error", sys.stderr)
        return self._settings

    def logged(self) -> config.Settings:
        """Return the settings with the log set up as they say: for the daemon, and for a pass under cron."""
        settings = self.settings()
        logs.configure(settings.log.format, settings.log.level, sys.stderr)
        for warning in settings.warnings:
            terminal.print_error(f"warning: {warning}")
        return settings

    @contextmanager
    def store(self, *, create: bool = False, wait: bool = False) -> Iterator[Store]:
        """Open the database. ``create``: an empty one is given its schema, so that a first run needs no other step.

        ``wait``: a PostgreSQL that cannot be reached is waited for.
        """
        settings = self.settings()
        url = settings.database.url

        def opened() -> Store:
            if create and database.revision(url) is None:
                database.upgrade(url)
            store = database.open_store(url, outbox_clock=pipeline.utc_now if settings.netbox.url else None)
            if settings.netbox.url:
                store.follow(pipeline.utc_now())
            return store

        store = waited_for(opened) if wait and not url.startswith("sqlite") else opened()
        try:
            yield store
        finally:
            store.close()


pass_request = click.make_pass_decorator(Request, ensure=True)


def with_config(command: F) -> F:
    """Give a command ``--config``."""
    return click.option(
        "--config", "config_file", metavar="FILE", help="The configuration (else $MAINTD_CONFIG, ./config.toml, /etc)."
    )(_remembering(command))


def with_output(command: F) -> F:
    """Give a command ``--config``, ``--json`` and ``--utc``."""
    for option in (
        click.option("--utc", is_flag=True, help="Times in UTC, not in local time."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
    ):
        command = option(command)
    return with_config(command)


def _remembering(command: F) -> F:
    @wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        request = click.get_current_context().ensure_object(Request)
        request.config_file = options.pop("config_file", None) or request.config_file
        request.as_json = options.pop("as_json", False)
        request.utc = options.pop("utc", False)
        return command(request, *arguments, **options)

    return wrapped  # type: ignore[return-value]


class Instant(click.ParamType[datetime]):
    """A date or an instant: ``2026-11-23``, ``2026-11-23T04:00Z``, or ``7d`` for so many days ago."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return an aware instant; a time without a zone is local."""
        if isinstance(value, datetime):
            return value
        try:
            if value[:-1].isdecimal() and value[-1] in "dh":
                number = int(value[:-1])
                return pipeline.utc_now() - (timedelta(days=number) if value[-1] == "d" else timedelta(hours=number))
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is no time: write 2026-11-23, 2026-11-23T04:00Z, or 7d for seven days ago", param, ctx
            )


INSTANT = Instant()

# No database numbers its rows higher.
MESSAGE = click.IntRange(1, 2**63 - 1)


def process(request: Request, store: Store, settings: config.Settings, *, total: int) -> bool:
    """Settle what waits; False if a running daemon has the database and will do that itself."""
    try:
        with database.hold_lock(settings.database.url), Sharing(store) as sharing:
            pool = daemon.worker_pool(settings, store, asking=True)
            try:
                with terminal.progress("reading", total) as bar:
                    asked = daemon.asked_of_mails(settings)
                    processor = pipeline.Processor(store=store, pool=pool, asked=asked, claimant=sharing.claimant)
                    processor.process_all(stopping=lambda: False, settled=bar.advance)
            finally:
                pool.stop()
    except DatabaseInUse:
        return False
    return True


def read_again(request: Request, store: Store, again: Sequence[int]) -> None:
    """Settle messages that wait again, and print what became of them."""
    done = process(request, store, request.settings(), total=len(again))
    with store.reading() as connection:
        became = queries.dispositions(connection, again)
    if request.as_json:
        terminal.print_json({"messages": len(again), "dispositions": became})
        return
    words = ", ".join(f"{count} {disposition}" for disposition, count in became.items() if count)
    terminal.print_line(f"{len(again)} read again{f': {words}' if words else ''}" if done else "the daemon reads them")


def one_event(request: Request, store: Store, event_id: str, kind: str | None, provider: str | None) -> dict[str, Any]:
    """Return the one event of an id. Raises NotFound where there is none, or more than one."""
    known = completions(request.settings(), store)
    with store.reading() as connection:
        found = queries.event(
            connection,
            event_id,
            now=pipeline.utc_now(),
            completions=known,
            kind=Kind(kind) if kind else None,
            provider=provider_named(request, store, provider),
        )
    keys = {(one["kind"], one["provider"]) for one in found}
    if len(keys) > 1:
        names = " and ".join(f"{provider} ({kind})" for kind, provider in sorted(keys))
        raise NotFound(f'"{event_id}" is an event of {names}: add --provider or --kind')
    ids = {id_key_of(one["id"]): one["id"] for one in found}
    if len(ids) > 1:
        raise NotFound(f'"{event_id}" is another id of {" and ".join(sorted(ids.values()))}: name one of these')
    return max(found, key=lambda one: one["generation"])


def one_of_kind(request: Request, store: Store, event_id: str, kind: Kind, provider: str | None) -> dict[str, Any]:
    """Return the one event of an id that is of a kind. NotFound for one of the other kind names the command for it."""
    try:
        return one_event(request, store, event_id, kind.value, provider)
    except NotFound as error:
        raise _of_the_other_kind(request, store, event_id, kind, provider) or error from None


def _of_the_other_kind(
    request: Request, store: Store, event_id: str, kind: Kind, provider: str | None
) -> NotFound | None:
    try:
        event = one_event(request, store, event_id, None, provider)
    except NotFound:
        return None
    if event["kind"] == kind:
        return None
    article = "an" if event["kind"] == Kind.OUTAGE else "a"
    name = f"{event['id']} of {event['provider']}"
    return NotFound(f"{name} is {article} {event['kind']}: `maintd {event['kind']} update` corrects it")


def provider_named(request: Request, store: Store, name: str | None) -> str | None:
    """Return the name under which a provider's mails and events stand, whatever case or alias a person wrote."""
    if name is None:
        return None
    known = daemon.providers(request.settings(), store).get(name)
    return known.name if known else name.strip().lower()


def completions(settings: config.Settings, store: Store) -> frozenset[str]:
    """Return the names of the providers that are known to send completions."""
    return frozenset(one.name for one in daemon.providers(settings, store) if one.sends_completions)


def tell_findings(request: Request, findings: Iterable[Found]) -> None:
    """Print what is found, as it is found, and let the command end as one that found something if anything failed."""
    found = []
    for one in findings:
        found.append(one)
        if not request.as_json:
            terminal.print_finding(one.part, one.ok, one.text)
    if request.as_json:
        terminal.print_json([{"part": one.part, "ok": one.ok, "text": one.text} for one in found])
    if any(one.ok is False for one in found):
        click.get_current_context().exit(FOUND_SOMETHING)


def author() -> str:
    """Return who is at the keyboard, as it stands in the history."""
    return getpass.getuser()
