"""Law 2: stopping the process at any point and starting again gives the same result as never stopping.

The program itself, against a real Dovecot, killed by SIGKILL at random moments. ``MAINTD_TORTURE=1`` makes it long.
"""

import os
import random
import re
import time
from collections.abc import Mapping
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from tests.integration.program import NOW, Program, own_mails, state

MAILS, KILLS = (300, 100) if os.environ.get("MAINTD_TORTURE") else (60, 10)

pytestmark = [pytest.mark.dovecot, pytest.mark.timeout(3600)]


def mails(count: int) -> list[bytes]:
    """Return so many distinct mails: our own, and the same again some minutes later, as reminders."""
    own = own_mails()
    return [raw if index < len(own) else reminder(raw, index) for index, raw in enumerate(islice(cycle(own), count))]


def reminder(raw: bytes, number: int) -> bytes:
    head, separator, body = raw.partition(b"\n\n")
    head = re.sub(rb"(?mi)^Message-ID: <", b"Message-ID: <%d." % number, head)

    def later(found: re.Match[bytes]) -> bytes:
        date = parsedate_to_datetime(found[1].decode()) + timedelta(minutes=number)
        return b"Date: " + format_datetime(date).encode()

    return re.sub(rb"(?mi)^Date: ([^\r\n]+)", later, head, count=1) + separator + body


def program(directory: Path, url: str, mailbox: Mapping[str, Any]) -> Program:
    directory.mkdir()
    made = Program(directory=directory, url=url)
    made.configure(
        {**mailbox, "after": "move", "done_folder": "Done", "quarantine_folder": "Quarantine"}, workers={"count": 2}
    )
    return made


def finish(running: Program) -> None:
    assert running.start("poll").wait(timeout=600) == 0, running.log_file.read_text()


def test_sigkill_at_random_moments_changes_nothing(dovecot, database_url, user, tmp_path) -> None:
    chance = random.Random(20261123)
    sent = mails(MAILS)
    undisturbed_url = f"sqlite:///{tmp_path / 'undisturbed.db'}"
    dovecot.deliver(f"{user}-undisturbed", sent, at=NOW)
    finish(program(tmp_path / "u", undisturbed_url, {"port": dovecot.imap, "username": f"{user}-undisturbed"}))

    disturbed = program(tmp_path / "k", database_url, {"port": dovecot.imap, "username": user})
    share = -(-len(sent) // KILLS)
    killed = 0
    for begin in range(0, len(sent), share):
        dovecot.deliver(user, sent[begin : begin + share], at=NOW)
        process = disturbed.start("poll")
        time.sleep(chance.uniform(0.3, 3.0))
        killed += process.poll() is None
        process.kill()
        process.wait()
    finish(disturbed)

    assert state(database_url) == state(undisturbed_url)
    assert dovecot.subjects(user) == []
    assert len(dovecot.subjects(user, "Done")) + len(dovecot.subjects(user, "Quarantine")) == len(sent)
    assert killed >= KILLS // 3
