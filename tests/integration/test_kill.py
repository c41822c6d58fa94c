"""Law 2: stopping the process at any point and starting again gives the same result as never stopping.

The program itself, against a real Dovecot, killed by SIGKILL at random moments. ``MAINTD_TORTURE=1`` makes it long.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from storage import database, queries

OWN_MAILS = sorted((Path(__file__).parents[1] / "mail").glob("*/*.eml"))
MAILS, KILLS = (300, 100) if os.environ.get("MAINTD_TORTURE") else (60, 10)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

pytestmark = [pytest.mark.dovecot, pytest.mark.timeout(3600)]


def mails(count: int) -> list[bytes]:
    """Return so many distinct mails: our own, and the same again some minutes later, as reminders."""
    made = []
    for index in range(count):
        raw = OWN_MAILS[index % len(OWN_MAILS)].read_bytes()
        made.append(raw if index < len(OWN_MAILS) else reminder(raw, index))
    return made


def reminder(raw: bytes, number: int) -> bytes:
    head, separator, body = raw.partition(b"\n\n")
    head = re.sub(rb"(?mi)^Message-ID: <", b"Message-ID: <%d." % number, head)

    def later(found: re.Match[bytes]) -> bytes:
        date = parsedate_to_datetime(found[1].decode()) + timedelta(minutes=number)
        return b"Date: " + format_datetime(date).encode()

    return re.sub(rb"(?mi)^Date: ([^\r\n]+)", later, head, count=1) + separator + body


def configuration(path: Path, url: str, user: str, port: int) -> Path:
    path.write_text(
        f"""
[database]
url = {json.dumps(url)}
[[mailbox]]
name = "noc"
host = "127.0.0.1"
port = {port}
tls = "none"
username = "{user}"
password = {{ env = "MAINTD_TEST_PASSWORD" }}
initial = "all"
after = "move"
done_folder = "Done"
quarantine_folder = "Quarantine"
""",
        encoding="utf-8",
    )
    return path


def start(config: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ingestor", "poll", "--config", str(config)],
        env={**os.environ, "MAINTD_TEST_PASSWORD": "secret"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=Path(__file__).parents[2],
    )


def finish(config: Path) -> None:
    process = start(config)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output.decode()


def state(url: str) -> dict[str, Any]:
    """Return all that the database says, but for row numbers and times of storing."""
    store = database.open_store(url)
    try:
        with store.reading() as connection:
            listed = queries.events(connection, now=NOW, completions=frozenset())
            events = []
            for one in listed:
                found = queries.event(connection, one["id"], now=NOW, completions=frozenset(), provider=one["provider"])
                for event in found:
                    event["messages"] = sorted(message["message_id"] for message in event["messages"])
                events.append(sorted(found, key=lambda event: event["generation"]))
            messages = sorted(
                (message["message_id"], message["disposition"], message["reason"])
                for message in queries.messages(connection)
            )
            assert list(queries.check_laws(connection)) == []
    finally:
        store.close()
    return {"events": events, "messages": messages}


def test_sigkill_at_random_moments_changes_nothing(dovecot, database_url, tmp_path) -> None:
    chance = random.Random(20261123)
    sent = mails(MAILS)
    undisturbed_url = f"sqlite:///{tmp_path / 'undisturbed.db'}"
    dovecot.deliver("undisturbed-" + tmp_path.name, sent, at=NOW)
    finish(configuration(tmp_path / "undisturbed.toml", undisturbed_url, "undisturbed-" + tmp_path.name, dovecot.imap))

    config = configuration(tmp_path / "killed.toml", database_url, "killed-" + tmp_path.name, dovecot.imap)
    share = -(-len(sent) // KILLS)
    killed = 0
    for begin in range(0, len(sent), share):
        dovecot.deliver("killed-" + tmp_path.name, sent[begin : begin + share], at=NOW)
        process = start(config)
        time.sleep(chance.uniform(0.3, 3.0))
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    finish(config)

    assert state(database_url) == state(undisturbed_url)
    assert killed >= KILLS // 3
