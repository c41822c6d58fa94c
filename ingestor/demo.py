"""The sample mailbox of ``maintd demo``: notices dated relative to now, behind a real IMAP server on loopback.

The notices are templates in ``ingestor/sample``: whole mails in which ``{{OFFSET FORMAT}}`` stands for an instant.
OFFSET is ``+3d 23:00`` (that time of the day, in UTC, so many days from today), ``-2h`` (so many hours from now, the
hour begun) or ``-90m`` (the minute begun); FORMAT is that of ``strftime``.
"""

import fcntl
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import IO, NamedTuple

from domain.errors import ConfigurationError, MailboxError

USERNAME = "demo"
_PLACEHOLDER = re.compile(r"\{\{([+-]\d+)(d (\d\d):(\d\d)|h|m) ([^{}]+)\}\}")
_LOCK = ".maintd-demo"
_PASSWORD = "password"  # noqa: S105 - the name of the file that holds it
_STOP_SECONDS = 5


class Server(NamedTuple):
    """Where the sample mailbox is served, and who may log in."""

    host: str
    port: int
    username: str
    password: str


def render(template: str, now: datetime) -> str:
    """Return ``template`` with every placeholder written out for the aware instant ``now``.

    Raise ValueError where a placeholder cannot be read.
    """
    text = _PLACEHOLDER.sub(lambda found: _instant(found, now).strftime(found[5]), template)
    if "{{" in text:
        found = text[text.index("{{") :][:60]
        raise ValueError(f"sample notice: got {found!r}, expected a placeholder like {{{{+3d 23:00 %Y-%m-%d}}}}")
    return text


def samples() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each template, in the order in which the notices arrive."""
    folder = resources.files("ingestor") / "sample"
    for template in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if template.name.endswith(".eml"):
            yield template.name, template.read_text(encoding="utf-8")


def prepare(directory: Path, now: datetime) -> int:
    """Write the sample mailbox into ``directory`` and return how many messages it holds.

    A sample mailbox that stands there is replaced, with its database: what an earlier run found was dated relative to
    an earlier ``now``. Raise ConfigurationError where another demo runs there or the directory holds anything else.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()) and not (directory / _LOCK).exists():
        problem = f"{directory}: got a folder with other files, expected an empty one or an earlier sample mailbox"
        raise ConfigurationError([problem])
    with _held(directory):
        _clear(directory)
        _write_password(directory / _PASSWORD)
        return _write_maildir(directory / "mail", now)


@contextmanager
def serve(directory: Path) -> Generator[Server]:
    """Serve the prepared mailbox of ``directory`` on a free loopback port until the block is left.

    A mail put into ``directory/mail/new`` is in the folder INBOX at once. The server is a process of its own, out of
    reach of Ctrl-C, which stops when the block is left and also when this process dies. Raise MailboxError where it
    does not start.
    """
    with _held(directory), (directory / "server.log").open("wb") as log, _server(directory, log) as process:
        line = process.stdout.readline() if process.stdout else b""
        if not line.strip().isdigit():
            text = f"sample mailbox: the IMAP server did not start: see {directory / 'server.log'}"
            raise MailboxError(text, step="start", permanent=True)
        password = (directory / _PASSWORD).read_text(encoding="ascii")
        yield Server(host="127.0.0.1", port=int(line), username=USERNAME, password=password)


def configuration(directory: Path, port: int) -> str:
    """Return the configuration, in TOML, with which the daemon watches the sample mailbox at ``port``."""
    root = directory.resolve()
    # A string of JSON is a basic string of TOML.
    return f"""\
[database]
url = {json.dumps(f"sqlite:///{root / 'maintd.db'}")}

[[mailbox]]
name = "demo"
host = "127.0.0.1"
port = {port}
tls = "none"
username = "{USERNAME}"
password = {{ file = {json.dumps(str(root / _PASSWORD))} }}
folders = ["INBOX"]
initial = "all"
watch = "poll"
poll_seconds = 10
after = "keep"
"""


def _instant(found: re.Match[str], now: datetime) -> datetime:
    utc = now.astimezone(UTC).replace(second=0, microsecond=0)
    count, unit, hour, minute = int(found[1]), found[2], found[3], found[4]
    if unit == "m":
        return utc + timedelta(minutes=count)
    if unit == "h":
        return utc.replace(minute=0) + timedelta(hours=count)
    return utc.replace(hour=int(hour), minute=int(minute)) + timedelta(days=count)


@contextmanager
def _held(directory: Path) -> Generator[None]:
    """Hold ``directory`` against another demo, which would pull the mailbox from under this one."""
    with (directory / _LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            problem = f"{directory}: another maintd demo runs here: stop it, or name another folder"
            raise ConfigurationError([problem]) from None
        yield


def _clear(directory: Path) -> None:
    for entry in directory.iterdir():
        if entry.name == _LOCK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _write_password(path: Path) -> None:
    # Other users of this machine reach the loopback port too, so the password is a new one and theirs to guess.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(24))


def _write_maildir(maildir: Path, now: datetime) -> int:
    for part in ("cur", "new", "tmp"):
        (maildir / part).mkdir(parents=True)
    names = []
    for name, template in samples():
        names.append(f"{name}:2,")
        (maildir / "cur" / names[-1]).write_text(render(template, now), encoding="utf-8", newline="")
    # Without this list the server would number the messages in the order of the directory, which is none.
    # Source: Dovecot's documentation of the Maildir format, "dovecot-uidlist", version 3.
    lines = [f"3 V{int(now.timestamp())} N{len(names) + 1} G{secrets.token_hex(16)}"]
    lines += [f"{uid} :{name}" for uid, name in enumerate(names, start=1)]
    (maildir / "dovecot-uidlist").write_text("".join(f"{line}\r\n" for line in lines), encoding="ascii", newline="")
    return len(names)


@contextmanager
def _server(directory: Path, log: IO[bytes]) -> Generator[subprocess.Popen[bytes]]:
    root = directory.resolve()
    environment = os.environ | {
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
        # pymap writes a file here and renames it into the mailbox, which fails across file systems.
        "TMPDIR": str(root),
        # Without it pymap asks the resolver for this machine's name on every connection.
        "FQDN": "localhost",
    }
    command = [sys.executable, "-P", "-m", "ingestor.sample_server", str(root), USERNAME, str(root / _PASSWORD)]
    with subprocess.Popen(  # noqa: S603 - no part of the command comes from outside
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
