"""How it stands, as a person is told: what each thing is called, and what is to be done about it."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from ingestor import status_report
from ingestor.config import MailboxTable
from ingestor.status import ask, expected_seconds, to_do
from storage import database

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)

BOX: dict[str, Any] = {
    "mailbox": "noc",
    "folder": "INBOX",
    "watched": "idle",
    "last_success": "2027-03-01T11:58:00Z",
    "lag_seconds": 0,
    "deaf": False,
    "error": None,
}
WELL: dict[str, Any] = {
    "version": "1.2.3",
    "daemons": [{"name": "pid 4711", "alive": True}],
    "health": {"ok": True, "reasons": [], "pid": 4711, "version": "1.2.3", "folders": []},
    "mailboxes": [BOX],
    "messages": {"total": 40, "waiting": 0, "waiting_since": None},
    "quarantine": {"messages": 0, "oldest_at": None, "reasons": {}},
    "silent": [],
    "netbox": {"due": 0, "failed": 0, "parked": 0, "oldest_at": None, "problem": None},
    "database": {"place": "var/maintd.db", "bytes": 4_200_000},
}
GONE = {
    "name": "two",
    "alive": False,
    "started_at": "2027-03-01T00:00:00Z",
    "alive_until": "2027-03-01T01:00:00Z",
    "holds": [],
}


def test_there_is_nothing_to_do_where_all_is_well():
    assert list(to_do(WELL, NOW)) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"daemons": []}, "no daemon is running: `maintd run`, or `systemctl start maintd`"),
        ({"daemons": [GONE]}, "no daemon is running: `maintd run`, or `systemctl start maintd`"),
        (
            {"health": {**WELL["health"], "reasons": ["main loop: late"]}},
            "the daemon is stuck: main loop: late: `systemctl restart maintd`",
        ),
        ({"mailboxes": [{**BOX, "error": "x"}]}, 'mailbox "noc", folder "INBOX": it fails: `maintd check`'),
        ({"mailboxes": [{**BOX, "deaf": True}]}, 'mailbox "noc", folder "INBOX": not read for long: `maintd check`'),
        (
            {"mailboxes": [{**BOX, "deaf": True, "last_success": None}]},
            'mailbox "noc", folder "INBOX": not read yet: `maintd check`',
        ),
        (
            {"messages": {"total": 40, "waiting": 3, "waiting_since": "2027-03-01T11:00:00Z"}},
            "3 messages not read for long: the log of maintd tells why",
        ),
        (
            {"quarantine": {"messages": 1, "oldest_at": None, "reasons": {}}},
            "1 message in quarantine: `maintd quarantine list`",
        ),
        (
            {"silent": [{"provider": "zayo", "last_message": "2027-01-01T00:00:00Z", "silent_after_days": 5}]},
            "zayo: no mail since 2027-01-01T00:00:00Z: ask it whether it still writes to you, "
            "or see `maintd messages --provider zayo`",
        ),
        (
            {"netbox": {**WELL["netbox"], "parked": 2}},
            "NetBox refuses 2 events as they are: mend what it says, then `maintd netbox push`",
        ),
        (
            {"netbox": {**WELL["netbox"], "due": 1, "oldest_at": "2027-03-01T11:59:00Z", "problem": "refused"}},
            "NetBox is left alone: `maintd netbox check`",
        ),
        (
            {"netbox": {**WELL["netbox"], "due": 7, "oldest_at": "2027-03-01T11:00:00Z"}},
            "NetBox is 7 events behind: `maintd netbox check`",
        ),
    ],
)
def test_what_needs_a_person_is_said_with_what_to_type(changes, said):
    assert list(to_do({**WELL, **changes}, NOW)) == [said]


@pytest.mark.parametrize(
    "changes",
    [
        {"health": None},
        {"netbox": None},
        {"daemons": [*WELL["daemons"], GONE]},
        {"messages": {"total": 40, "waiting": 3, "waiting_since": "2027-03-01T11:59:00Z"}},
        {"netbox": {**WELL["netbox"], "due": 7, "oldest_at": "2027-03-01T11:59:00Z"}},
    ],
)
def test_what_passes_by_itself_needs_nobody(changes):
    assert list(to_do({**WELL, **changes}, NOW)) == []


def test_a_person_reads_it_on_one_screen(capsys):
    failed = {**BOX, "folder": "Old", "watched": None, "error": "no such folder", "lag_seconds": 90}
    shape = {**WELL, "mailboxes": [BOX, failed, {**failed, "folder": "Older"}], "to_do": ["do this", "do that"]}
    shape["quarantine"] = {"messages": 3, "oldest_at": "2027-02-01T00:00:00Z", "reasons": {"unparsed": 2, "invalid": 1}}
    shape["netbox"] = {**WELL["netbox"], "due": 2, "parked": 1, "oldest_at": "2027-03-01T11:59:00Z"}
    shape["silent"] = [{"provider": "zayo", "last_message": None, "silent_after_days": 5}]

    status_report.print_status(shape, utc=True)

    assert capsys.readouterr().out.splitlines() == [
        "maintd\t1.2.3",
        "daemon\trunning, pid 4711",
        "health\tok",
        "database\tvar/maintd.db, 4.2 MB",
        "messages\t40, none waits to be read",
        "quarantine\t2 unparsed, 1 invalid; the oldest since 2027-02-01 00:00 UTC",
        "silent\tzayo (never heard of)",
        "NetBox\t2 behind, since 2027-03-01 11:59 UTC, 1 parked",
        "",
        "noc\tINBOX\tidle\t2027-03-01 11:58 UTC\t0 min\tok",
        "noc\tOld\t-\t2027-03-01 11:58 UTC\t1 min\tFAILED",
        "noc\tOlder\t-\t2027-03-01 11:58 UTC\t1 min\tFAILED",
        "",
        "noc, Old; noc, Older: no such folder",
        "",
        "to do: do this",
        "to do: do that",
    ]


@pytest.mark.parametrize(
    ("watch", "by", "seconds"),
    [("idle", "idle", 540), ("idle", "poll", 1200), ("idle", None, 1200), ("poll", "poll", 1200), ("poll", None, 1200)],
)
def test_how_often_a_folder_is_looked_at_depends_on_how_it_is_watched(watch, by, seconds):
    table = MailboxTable.model_validate(
        {"name": "noc", "host": "x.example", "username": "x", "password": "x", "watch": watch, "poll_seconds": 1000}
    )

    assert expected_seconds(table, by) == seconds


@pytest.mark.parametrize("listen", ["off", "127.0.0.1:0", "127.0.0.1:1", "[::1]:1"])
def test_a_daemon_that_cannot_be_asked_has_told_nothing(listen):
    assert ask(listen) is None


def test_who_holds_a_database_file_is_told_as_long_as_it_lives(sqlite_url):
    assert database.lock_holder(sqlite_url) is None
    with database.hold_lock(sqlite_url):
        assert database.lock_holder(sqlite_url) == os.getpid()
    # The file stays, with the number of a process that lives and holds nothing.
    assert database.lock_holder(sqlite_url) is None


def test_only_the_daemon_loads_what_serves_metrics():
    program = "import sys, ingestor.cli; sys.exit('prometheus_client' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
