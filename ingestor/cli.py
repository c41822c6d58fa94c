"""The command line: each command in a few lines, over the same functions that the daemon uses."""

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click

from domain.errors import ConfigurationError, EditRefused, MaintdError
from domain.events import EventKey, id_key_of
from domain.message import Disposition
from domain.vocabulary import Kind, Phase
from ingestor import check as checks
from ingestor import (
    cli_cures,
    cli_mailbox,
    cli_netbox,
    cli_outage,
    cli_status,
    config,
    curation,
    daemon,
    demo,
    housekeeping,
    housekeeping_reports,
    logs,
    pipeline,
    quarantine_reports,
    reading_reports,
    reports,
    terminal,
)
from ingestor.cli_quarantine import quarantine
from ingestor.command import (
    FOUND_SOMETHING,
    INSTANT,
    USAGE,
    Request,
    author,
    completions,
    one_event,
    process,
    provider_named,
    tell_findings,
    with_config,
    with_output,
)
from ingestor.quarantine import groups
from ingestor.stopping import aside, stopped_by_signals
from ingestor.systemd import Service
from storage import database, events, queries, retention
from storage.database import Store

# As in [retention]: what came in this week may still be asked about.
DAYS = click.IntRange(7, 36_500)

# How many files that are no mails an import names one by one.
SHOWN_SKIPPED = 5


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="maintd", prog_name="maintd")
@click.option("--config", "config_file", metavar="FILE", help="The configuration, for every command.")
@click.pass_context
def cli(context: click.Context, config_file: str | None) -> None:
    """Watch mailboxes for carriers' maintenance and outage notices, keep the events, keep NetBox in step."""
    context.ensure_object(Request).config_file = config_file


# --- the daemon -------------------------------------------------------------------------------------------------


@cli.command()
@with_config
def run(request: Request) -> None:
    """Watch the mailboxes until stopped: the daemon, in the foreground."""
    settings = request.logged()

    def watch() -> None:
        with request.store(create=True, wait=True) as store, database.hold_lock(settings.database.url):
            daemon.run(settings, store, service)

    with Service() as service, stopped_by_signals(service.stopping):
        aside(watch)


@cli.command()
@click.argument("mailboxes", metavar="[MAILBOX]...", nargs=-1)
@with_config
def poll(request: Request, mailboxes: tuple[str, ...]) -> None:
    """Look into the mailboxes once, read what came, and exit."""
    settings = request.logged()

    def look() -> list[str]:
        with request.store(create=True) as store, database.hold_lock(settings.database.url):
            return daemon.poll(settings, store, mailboxes)

    with stopped_by_signals():
        failures = aside(look)
    # Each failure stands in the log already, where it happened.
    if failures:
        click.get_current_context().exit(FOUND_SOMETHING)


@cli.command()
@click.option("--offline", is_flag=True, help="Ask no server.")
@with_output
def check(request: Request, *, offline: bool) -> None:
    """Try everything that the daemon needs, step by step, and say what is wrong."""
    tell_findings(request, checks.check(request.settings(), offline=offline))


@cli.command("demo")
@click.option("--directory", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True)
@click.option("--once", is_flag=True, help="Print the events found and exit.")
def demo_command(directory: Path, *, once: bool) -> None:
    """Watch a sample mailbox: a real IMAP server on loopback, with notices of this week."""
    demo.prepare(directory, pipeline.utc_now())
    with demo.serve(directory) as server:
        path = directory / "config.toml"
        path.write_text(demo.configuration(directory, server.port), encoding="utf-8")
        settings = config.load(path)
        logs.configure("auto", "warning", sys.stderr)
        url = settings.database.url
        database.upgrade(url)
        store = database.open_store(url)
        try:
            with database.hold_lock(url):
                daemon.poll(settings, store)
                _print_found(store, settings)
                if not once:
                    _print_what_next(directory)
                    logs.configure("auto", "info", sys.stderr)
                    daemon.run(settings, store)
        finally:
            store.close()


def _print_found(store: Store, settings: config.Settings) -> None:
    now = pipeline.utc_now()
    with store.reading() as connection:
        found = queries.events(connection, now=now, completions=completions(settings, store))
        counts = queries.stats(connection, now=now, mailboxes=["demo"])["messages"]
        waiting = queries.outlines(connection, disposition=Disposition.QUARANTINED)
    reports.print_events(found, utc=False)
    reports.print_counts(counts)
    quarantine_reports.print_groups(groups(waiting), utc=False)


def _print_what_next(directory: Path) -> None:
    terminal.print_line("")
    terminal.print_line(f"Look closer:   .venv/bin/maintd show ID --config {directory / 'config.toml'}")
    terminal.print_line(f"Drop a mail:   cp tests/mail/zayo/three_nights.eml {directory / 'mail' / 'new'}/")
    terminal.print_line("Watching the sample mailbox; Ctrl-C ends.")


# --- mails ------------------------------------------------------------------------------------------------------


@cli.command("import")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@with_output
def import_command(request: Request, paths: tuple[str, ...]) -> None:
    """Read .eml files, mboxes, Maildirs, folders of them, or - for standard input."""
    settings = request.settings()
    skipped: list[str] = []
    with request.store(create=True) as store:
        with terminal.progress("storing", None) as bar:
            imported = curation.import_paths(store, paths, sys.stdin.buffer, skipped=skipped.append, read=bar.advance)
        _tell_skipped(skipped)
        settled = process(request, store, settings, total=len(imported.new))
        with store.reading() as connection:
            became = queries.dispositions(connection, imported.new)
    result = {"messages": imported.read, "new": len(imported.new), "skipped": len(skipped), "dispositions": became}
    if request.as_json:
        terminal.print_json(result)
    else:
        _print_imported(imported, became, settled=settled)
    if imported.failure:
        raise imported.failure


def _print_imported(imported: curation.Imported, became: Mapping[str, int], *, settled: bool) -> None:
    words = ", ".join(f"{count} {disposition}" for disposition, count in became.items() if count)
    terminal.print_line(f"{imported.read} messages, {len(imported.new)} of them new{f': {words}' if words else ''}")
    if not settled:
        terminal.print_line("The running daemon reads them.")


def _tell_skipped(skipped: Sequence[str]) -> None:
    for text in skipped[:SHOWN_SKIPPED]:
        terminal.print_error(f"maintd: left out: {text}")
    if len(skipped) > SHOWN_SKIPPED:
        terminal.print_error(f"maintd: left out: {len(skipped) - SHOWN_SKIPPED} more files that are no mails")


@cli.command()
@click.argument("file", metavar="FILE")
@click.option("--provider", metavar="P", help="Read it as this provider's, whoever sent it.")
@click.option("--text", is_flag=True, help="Print the text itself, as a template of the configuration is given it.")
@with_output
def parse(request: Request, file: str, provider: str | None, *, text: bool) -> None:
    """Say what would be recorded of a mail, and what each reader found in it. Touches no database."""
    raw = curation.one_mail(file, sys.stdin.buffer)
    if text:
        reading_reports.print_texts(raw)
        return
    try:
        settings = request.settings()
    except ConfigurationError:
        if request.config_file or os.environ.get("MAINTD_CONFIG"):
            raise
        # Without a configuration the built-in providers and limits are as good as any.
        settings = config.Settings()
    pool = daemon.worker_pool(settings, None, count=1)
    try:
        reading = curation.read_one(pool, raw, provider)
    finally:
        pool.stop()
    if request.as_json:
        terminal.print_json(reading_reports.reading_json(reading))
    else:
        reading_reports.print_reading(reading, utc=request.utc)
    if reading.disposition is Disposition.QUARANTINED:
        click.get_current_context().exit(FOUND_SOMETHING)


@cli.command("messages")
@click.option("--disposition", type=click.Choice([one.value for one in Disposition]))
@click.option("--provider", metavar="P")
@click.option("--since", type=INSTANT, help="Received at or after this time.")
@with_output
def messages_command(request: Request, disposition: str | None, provider: str | None, since: datetime | None) -> None:
    """List the ledger of mails, and what became of each."""
    with request.store() as store, store.reading() as connection:
        found = queries.messages(
            connection,
            disposition=Disposition(disposition) if disposition else None,
            provider=provider_named(request, store, provider),
            since=since,
        )
    if request.as_json:
        terminal.print_json(found)
    else:
        reports.print_messages(found, utc=request.utc)


# --- events -----------------------------------------------------------------------------------------------------


@cli.command("events")
@click.option("--active", is_flag=True, help="Going on now; open outages too that nobody speaks of any more.")
@click.option("--upcoming", is_flag=True, help="Ahead.")
@click.option("--past", is_flag=True, help="Over, or overdue.")
@click.option("--kind", type=click.Choice([one.value for one in Kind]))
@click.option("--provider", metavar="P")
@click.option("--circuit", metavar="C", help="That name this circuit.")
@click.option("--since", type=INSTANT, help="That end at or after this time.")
@click.option("--until", type=INSTANT, help="That start before this time.")
@click.option("--hidden", is_flag=True, help="Those that were hidden, and no others.")
@with_output
def events_command(
    request: Request,
    *,
    active: bool,
    upcoming: bool,
    past: bool,
    kind: str | None,
    provider: str | None,
    circuit: str | None,
    since: datetime | None,
    until: datetime | None,
    hidden: bool,
) -> None:
    """List maintenances and outages."""
    wanted = [
        *([Phase.ACTIVE, Phase.STALE] if active else []),
        *([Phase.UPCOMING] if upcoming else []),
        *([Phase.PAST, Phase.OVERDUE] if past else []),
    ]
    with request.store() as store:
        known = completions(request.settings(), store)
        with store.reading() as connection:
            found = queries.events(
                connection,
                now=pipeline.utc_now(),
                completions=known,
                hidden=hidden,
                phases=wanted,
                kind=Kind(kind) if kind else None,
                provider=provider_named(request, store, provider),
                circuit=circuit,
                since=since,
                until=until,
            )
    if request.as_json:
        terminal.print_json(found)
    else:
        reports.print_events(found, utc=request.utc)


@cli.command()
@click.argument("event_id", metavar="ID")
@click.option("--kind", type=click.Choice([one.value for one in Kind]))
@click.option("--provider", metavar="P")
@with_output
def show(request: Request, event_id: str, kind: str | None, provider: str | None) -> None:
    """Show one event: state, windows or estimates, circuits, history and mails."""
    with request.store() as store:
        event = one_event(request, store, event_id, kind, provider)
    if request.as_json:
        terminal.print_json(event)
    else:
        reports.print_event(event, now=pipeline.utc_now(), utc=request.utc)


@cli.command()
@click.argument("event_id", metavar="ID")
@click.option("--kind", type=click.Choice([one.value for one in Kind]))
@click.option("--provider", metavar="P")
@click.option("--ticket", metavar="T", help='Our own ticket; "" takes it away.')
@click.option("--comment", metavar="C", default="")
@with_output
def ack(
    request: Request, *, event_id: str, kind: str | None, provider: str | None, ticket: str | None, comment: str
) -> None:
    """Acknowledge an event as it is now; a material change takes the acknowledgement back."""
    with request.store() as store:
        seen = one_event(request, store, event_id, kind, provider)
        with store.writing() as connection:
            events.acknowledge(
                connection,
                EventKey(kind=Kind(seen["kind"]), provider=seen["provider"], id_key=id_key_of(seen["id"])),
                seen["generation"],
                author=author(),
                ticket=ticket,
                comment=comment,
                now=pipeline.utc_now(),
            )
        event = one_event(request, store, event_id, seen["kind"], seen["provider"])
    if request.as_json:
        terminal.print_json(event)
    else:
        note = f", ticket {event['internal_ticket']}" if event["internal_ticket"] else ""
        terminal.print_line(f"{event['provider']} {event['id']}: acknowledged{note}")


# --- stored mails -------------------------------------------------------------------------------------------------


@cli.command()
@click.option("--all", "everything", is_flag=True, help="All stored mails.")
@click.option("--provider", metavar="P")
@click.option("--disposition", type=click.Choice([one.value for one in curation.REREAD]))
@click.option("--since", type=INSTANT, help="Received at or after this time.")
@click.option("--apply", is_flag=True, help="Record what changes; else it is only printed.")
@with_output
def reparse(
    request: Request,
    *,
    everything: bool,
    provider: str | None,
    disposition: str | None,
    since: datetime | None,
    apply: bool,
) -> None:
    """Read stored mails again, and print what changes, event by event."""
    if not (everything or provider or disposition or since):
        raise click.UsageError("say which: --all, --provider P, --disposition D, --since T")
    settings = request.settings()
    with request.store() as store:
        selection = curation.Selection(
            provider=provider_named(request, store, provider),
            disposition=Disposition(disposition) if disposition else None,
            since=since,
        )
        pool = daemon.worker_pool(settings, store)
        try:
            with terminal.progress("reading", None) as bar:
                asked = daemon.asked_of_mails(settings)
                reread, differences = curation.reparse(
                    store, pool, selection, asked=asked, apply=apply, read=bar.advance
                )
        finally:
            pool.stop()
    if request.as_json:
        terminal.print_json(reports.reparse_json(reread, differences, applied=apply))
    else:
        reports.print_reparse(reread, differences, applied=apply)
    if reread.unread:
        click.get_current_context().exit(FOUND_SOMETHING)


# --- what there is ----------------------------------------------------------------------------------------------


@cli.command("providers")
@with_output
def providers_command(request: Request) -> None:
    """List the providers that are known, by which senders and readers, and how many mails of each there are."""
    settings = request.settings()
    if database.revision(settings.database.url) is None:
        table = reports.providers_json(daemon.providers(settings, None), {})
    else:
        with request.store() as store:
            with store.reading() as connection:
                counts = queries.stats(connection, now=pipeline.utc_now(), mailboxes=())["by_provider"]
            table = reports.providers_json(daemon.providers(settings, store), counts)
    if request.as_json:
        terminal.print_json(table)
    else:
        reports.print_providers(table)


@cli.command()
@click.option("--etr", is_flag=True, help="Outages: how long repairs took, and how right the estimates were.")
@click.option("--provider", metavar="P", help="With --etr: this provider alone.")
@with_output
def stats(request: Request, *, etr: bool, provider: str | None) -> None:
    """Count messages, events and mailboxes."""
    if provider and not etr:
        raise click.UsageError("--provider goes with --etr")
    if etr:
        _print_etr_figures(request, provider)
        return
    settings = request.settings()
    names = [table.name for table in settings.mailboxes]
    with request.store() as store, store.reading() as connection:
        found = queries.stats(connection, now=pipeline.utc_now(), mailboxes=names)
    if request.as_json:
        terminal.print_json(found)
    else:
        reports.print_stats(found, utc=request.utc)


def _print_etr_figures(request: Request, provider: str | None) -> None:
    with request.store() as store:
        name = provider_named(request, store, provider)
        with store.reading() as connection:
            figures = queries.etr_figures(connection, now=pipeline.utc_now())
    chosen = [one for one in figures if name in (None, one["provider"])]
    if request.as_json:
        terminal.print_json(chosen)
    else:
        reports.print_etr_figures(chosen)


@cli.group()
def db() -> None:
    """Care for the database."""


@db.command("upgrade")
@with_config
def db_upgrade(request: Request) -> None:
    """Create the schema, or bring it to this revision. May be repeated."""
    url = request.settings().database.url
    with database.hold_lock(url):
        database.upgrade(url)
    terminal.print_line(f"the schema is of revision {database.revision(url)}")


@db.command("check")
@with_output
def db_check(request: Request) -> None:
    """Verify that the database is sound: nothing is lost, and every event is what its mails say."""
    with request.store() as store, store.reading() as connection:
        problems = list(queries.check_laws(connection))
    if request.as_json:
        terminal.print_json({"problems": problems})
    for problem in problems if not request.as_json else ():
        terminal.print_line(problem)
    if not problems and not request.as_json:
        terminal.print_line("sound: nothing is lost, and every event is what its mails say")
    if problems:
        click.get_current_context().exit(FOUND_SOMETHING)


@db.command("backup")
@click.argument("target", type=click.Path(path_type=Path))
@with_config
def db_backup(request: Request, target: Path) -> None:
    """Write a copy of the database, also while the daemon runs."""
    database.backup(request.settings().database.url, target)
    terminal.print_line(f"written to {target}")


@db.command("prune")
@click.option("--older-than", "days", type=DAYS, metavar="DAYS", help="Else raw_days of [retention].")
@click.option("--apply", is_flag=True, help="Let them go; else it is only printed what would go.")
@click.option("--vacuum", is_flag=True, help="And make the file of SQLite smaller: the daemon must not run.")
@with_output
def db_prune(request: Request, *, days: int | None, apply: bool, vacuum: bool) -> None:
    """Let go the bytes of old mails that are settled and whose events are over. Events, history and the list stay."""
    url = request.settings().database.url
    before = pipeline.utc_now() - timedelta(days=_age(request, days))
    with request.store() as store:
        if vacuum and not (apply and store.dialect == "sqlite"):
            raise click.UsageError("--vacuum goes with --apply, and is for SQLite: PostgreSQL does it by itself")
        with store.reading() as connection:
            found = retention.prunable(connection, before=before)
        if not vacuum:
            done = _prune(store, before, found) if apply else None
            freed = database.free_octets(store)
            _tell_pruned(request, found, before, done, {"free_octets": freed})
            return
        with database.hold_lock(url):
            done = _prune(store, before, found)
            smaller = database.vacuum(store)
    _tell_pruned(request, found, before, done, {"free_octets": 0, "given_back_octets": smaller})


def _age(request: Request, days: int | None) -> int:
    settings = request.settings()
    age = days or settings.retention.raw_days
    if age is None:
        unset = "retention: raw_days is not set, so all bytes are kept: name an age with --older-than DAYS"
        raise ConfigurationError([f"{settings.path}: {unset}"])
    return age


def _prune(store: Store, before: datetime, found: retention.Prunable) -> int:
    with terminal.progress("pruning", found.messages) as bar:
        return housekeeping.prune(store, before, stopping=threading.Event(), pruned=lambda count: bar.advance(by=count))


def _tell_pruned(
    request: Request, found: retention.Prunable, before: datetime, done: int | None, room: dict[str, int | None]
) -> None:
    if request.as_json:
        terminal.print_json(housekeeping_reports.pruned_json(found, before, done, room))
    else:
        housekeeping_reports.print_pruned(found, before, done, room, utc=request.utc)


@cli.group("config")
def config_group() -> None:
    """Look at the configuration."""


@config_group.command("check")
@with_output
def config_check(request: Request) -> None:
    """Read the configuration and list every mistake in it."""
    try:
        settings = request.settings()
    except ConfigurationError as error:
        if not request.as_json:
            raise
        terminal.print_json({"problems": list(error.problems), "warnings": []})
        click.get_current_context().exit(USAGE)
    if request.as_json:
        terminal.print_json({"problems": [], "warnings": list(settings.warnings)})
        return
    for warning in settings.warnings:
        terminal.print_line(f"warning: {warning}")
    terminal.print_line(f"{settings.path}: sound, {len(settings.mailboxes)} mailboxes")


@config_group.command("show")
@with_config
def config_show(request: Request) -> None:
    """Print the settings in force, defaults included, secrets hidden."""
    terminal.print_line(config.shown(request.settings()))


@config_group.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    terminal.print_json(config.schema())


for command in (
    quarantine,
    *cli_cures.COMMANDS,
    *cli_mailbox.COMMANDS,
    *cli_outage.COMMANDS,
    *cli_netbox.COMMANDS,
    *cli_status.COMMANDS,
):
    cli.add_command(command)


# --- helpers ----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status. An error is one line on standard error, never a traceback."""
    try:
        status = cli.main(args=arguments, standalone_mode=False, prog_name="maintd")
    except ConfigurationError as error:
        for problem in error.problems:
            terminal.print_error(problem)
        return USAGE
    except EditRefused as error:
        for problem in error.problems:
            terminal.print_error(f"maintd: {problem}")
        return FOUND_SOMETHING
    except MaintdError as error:
        terminal.print_error(f"maintd: {error}")
        return FOUND_SOMETHING
    except click.ClickException as error:
        help_of = getattr(error, "ctx", None)
        more = f"; see {help_of.command_path} --help" if help_of else ""
        terminal.print_error(f"maintd: {error.format_message().rstrip('.')}{more}")
        return error.exit_code
    except click.Abort:
        return 130
    return status if isinstance(status, int) else 0
