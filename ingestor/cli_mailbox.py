"""The commands for the logins of mailboxes."""

import sys

import click

from domain.errors import ConfigurationError
from ingestor import daemon, terminal
from ingestor.command import Request, with_config
from ingestor.config import where
from ingestor.oauth import DeviceCode, token_source


@click.group()
def mailbox() -> None:
    """Care for the logins of mailboxes."""


@mailbox.command()
@click.argument("name", metavar="MAILBOX")
@with_config
def login(request: Request, name: str) -> None:
    """Log in for a mailbox with a device code, in any browser, and keep the login."""
    settings = request.settings()
    [table] = daemon.chosen_mailboxes(settings, [name])
    if table.oauth2 is None:
        raise ConfigurationError([f"{where(settings, table, 'oauth2')}: is not set: a password needs no such login."])
    source = token_source(table.oauth2, table.username, where(settings, table, "oauth2"))
    person = source.log_in(_tell)
    terminal.print_line(f"logged in as {person}: kept in {table.oauth2.token_file}")
    terminal.print_line("`maintd check` tries the mailbox with it")


def _tell(code: DeviceCode) -> None:
    terminal.print_line(f"open {code.address} and enter {code.code}, before {code.ends_at.astimezone():%H:%M %Z}")
    # In a pipe too the code is of use at once.
    sys.stdout.flush()


COMMANDS = (mailbox,)
