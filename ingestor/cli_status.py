"""``maintd status``: how it all stands, in one screen, and what a person is to do."""

import click

from ingestor import pipeline, status_report, terminal
from ingestor.command import FOUND_SOMETHING, Request, completions, with_output
from ingestor.status import status as status_of


@click.command()
@with_output
def status(request: Request) -> None:
    """Say how it stands: the daemon, mailboxes, quarantine, providers, NetBox. Exit 1 where a person is needed."""
    settings = request.settings()
    with request.store() as store:
        found = status_of(settings, store, now=pipeline.utc_now(), completions=completions(settings, store))
    if request.as_json:
        terminal.print_json(found)
    else:
        status_report.print_status(found, utc=request.utc)
    if found["to_do"]:
        click.get_current_context().exit(FOUND_SOMETHING)


COMMANDS = (status,)
