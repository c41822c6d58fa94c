"""What a running daemon tells over HTTP, and what ``maintd status`` makes of it and of the database."""

import contextlib
import http.client
import json
import signal
import socket
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from storage import database
from tests.integration.program import Program, eventually, own_mail

pytestmark = pytest.mark.dovecot


@pytest.fixture
def program(tmp_path: Path, sqlite_url: str) -> Program:
    return Program(directory=tmp_path, url=sqlite_url)


@pytest.fixture
def anywhere(tmp_path: Path, database_url: str) -> Program:
    """A program on an empty database: the same test runs on SQLite and on PostgreSQL."""
    return Program(directory=tmp_path, url=database_url)


def listening(program: Program) -> tuple[str, int]:
    """Return where the daemon that was started last says that it listens."""
    assert eventually(lambda: program.log_file.exists() and program.logged("web_listening"))
    host, _, port = program.logged("web_listening")[-1]["address"].rpartition(":")
    return host, int(port)


def ask(place: tuple[str, int], path: str) -> tuple[int, bytes]:
    with contextlib.closing(http.client.HTTPConnection(*place, timeout=30)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def metrics(place: tuple[str, int]) -> dict[str, dict[str, float]]:
    """Return the values of the metrics, by name and by their labels in one text, as ``mailbox=noc by=idle``."""
    found: dict[str, dict[str, float]] = {}
    status, body = ask(place, "/metrics")
    assert status == 200
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            labels = " ".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


INBOX = "folder=INBOX mailbox=noc"

# The library's expression for this form takes time that grows with the cube of the length.
ENDLESS = (
    b"From: g31654@att.com\r\nDate: Fri, 1 Jan 2027 00:00:00 +0000\r\nSubject: endless\r\n"
    b"Message-ID: <endless@att.example>\r\nContent-Type: text/html\r\n\r\n<p>" + b"Start Time: GMT " * 3000
)


def test_a_daemon_tells_how_it_is_and_what_it_has_read(anywhere, dovecot, user):
    dovecot.deliver(user, [own_mail("zayo/three_nights"), own_mail("unknown/free_text")])
    anywhere.configure({"port": dovecot.imap, "username": user})
    with anywhere.running() as process:
        place = listening(anywhere)
        assert eventually(lambda: len(anywhere.logged("message_settled")) == 2)
        assert eventually(lambda: ask(place, "/readyz")[0] == 200)
        # What was read of the database is believed for some seconds.
        assert eventually(lambda: metrics(place)["maintd_messages"].get("disposition=applied provider=zayo"))

        found = metrics(place)

        assert found["maintd_database_up"] == {"": 1}
        assert found["maintd_stuck"] == {"": 0}
        assert found["maintd_parse_seconds_count"] == {"": 2}
        assert found["maintd_parse_seconds_sum"][""] > 0
        assert sum(found["maintd_messages"].values()) == 2
        assert found["maintd_quarantine_messages"]["reason=unknown_provider"] == 1
        assert time.time() - found["maintd_folder_last_success_timestamp_seconds"][INBOX] < 120
        assert found["maintd_folder_watched"][f"by=idle {INBOX}"] == 1
        assert found["maintd_folder_expected_interval_seconds"] == {INBOX: 540}
        assert sum(found["maintd_events"].values()) == 1
        assert found["maintd_process_resident_memory_bytes"][""] > 1_000_000
        (build,) = found["maintd_build_info"]
        assert f"dialect={'sqlite' if anywhere.url.startswith('sqlite') else 'postgresql'}" in build
        status, body = ask(place, "/healthz")
        assert (status, json.loads(body)["ok"], json.loads(body)["pid"]) == (200, True, process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_a_worker_that_ran_out_of_its_time_is_counted_and_the_mail_that_it_read_is_not(program, dovecot, user):
    dovecot.deliver(user, [ENDLESS])
    program.configure({"port": dovecot.imap, "username": user}, workers={"cpu_seconds": 1})
    with program.running():
        place = listening(program)
        assert eventually(lambda: program.logged("message_settled"))

        found = metrics(place)

        causes = {labels: int(count) for labels, count in found["maintd_worker_failures_total"].items()}
        assert causes == {"cause=crashed": 0, "cause=cpu_time": 3, "cause=wall_time": 0}
        assert found["maintd_parse_seconds_count"] == {"": 0}


def test_a_mailbox_that_is_down_is_not_ready_and_shows_and_is_ready_when_it_is_back(program, dovecot, user, proxy_to):
    proxy = proxy_to(dovecot.imap)
    proxy.rule("c2s", b".", "reset", once=False)
    program.configure({"port": proxy.port, "username": user})
    with program.running():
        place = listening(program)
        assert eventually(lambda: program.logged("mailbox_failed"))

        status, body = ask(place, "/readyz")

        assert (status, json.loads(body)["ok"]) == (503, False)
        assert json.loads(body)["reasons"][0].startswith('mailbox "noc", folder "INBOX": ')
        found = metrics(place)
        assert sum(found["maintd_folder_failures_total"].values()) >= 1
        assert found["maintd_folder_failing_seconds"][INBOX] > 0
        assert found["maintd_folder_watched"][f"by=none {INBOX}"] == 1
        assert "maintd_folder_last_success_timestamp_seconds" not in found
        assert ask(place, "/healthz")[0] == 200

        proxy.mend()

        assert eventually(lambda: ask(place, "/readyz")[0] == 200)
        assert metrics(place)["maintd_folder_failing_seconds"][INBOX] == 0


def test_a_taken_address_is_told_and_the_mailboxes_are_watched_all_the_same(program, dovecot, user, free_port):
    dovecot.deliver(user, [own_mail("zayo/three_nights")])
    program.configure({"port": dovecot.imap, "username": user})
    listen(program, free_port)
    with socket.create_server(("127.0.0.1", free_port)), program.running():
        assert eventually(lambda: program.log_file.exists() and program.logged("message_settled"))
        (told,) = program.logged("web_failed")
        assert told["problem"].startswith(f"127.0.0.1:{free_port}: Address already in use: end what listens there")


def listen(program: Program, port: int) -> None:
    """Let the daemon listen at a port that ``maintd status`` finds in the configuration."""
    program.path.write_text(program.path.read_text().replace('"127.0.0.1:0"', f'"127.0.0.1:{port}"'))


@pytest.mark.postgresql
def test_while_the_database_is_away_the_rest_is_told_and_nobody_waits(
    tmp_path, postgresql_url, dovecot, user, proxy_to
):
    host, _, rest = postgresql_url.partition("@127.0.0.1:")
    port, _, name = rest.partition("/")
    proxy = proxy_to(int(port))
    program = Program(directory=tmp_path, url=f"{host}@127.0.0.1:{proxy.port}/{name}")
    database.upgrade(postgresql_url)
    program.configure({"port": dovecot.imap, "username": user})
    with program.running():
        place = listening(program)
        assert eventually(lambda: ask(place, "/readyz")[0] == 200)

        proxy.stall()

        assert eventually(lambda: metrics(place)["maintd_database_up"] == {"": 0})
        found = metrics(place)
        assert "maintd_messages" not in found
        assert f"by=idle {INBOX}" in found["maintd_folder_watched"]

        proxy.resume()

        assert eventually(lambda: metrics(place)["maintd_database_up"] == {"": 1})


# --- maintd status ----------------------------------------------------------------------------------------------


def test_status_tells_a_running_daemon_and_that_there_is_nothing_to_do(anywhere, dovecot, user, free_port):
    dovecot.deliver(user, [own_mail("zayo/three_nights")])
    anywhere.configure({"port": dovecot.imap, "username": user})
    listen(anywhere, free_port)
    with anywhere.running() as process:
        assert eventually(lambda: anywhere.log_file.exists() and anywhere.logged("message_settled"))
        assert eventually(lambda: ask(listening(anywhere), "/readyz")[0] == 200)

        found = anywhere.command("status")

        assert found["to_do"] == []
        (one,) = found["daemons"]
        assert one["alive"]
        assert str(process.pid) in one["name"]
        assert (found["health"]["ok"], found["health"]["pid"]) == (True, process.pid)
        (box,) = found["mailboxes"]
        assert (box["mailbox"], box["folder"], box["watched"]) == ("noc", "INBOX", "idle")
        assert (box["deaf"], box["error"], box["lag_seconds"]) == (False, None, 0)
        assert (found["messages"], found["netbox"]) == ({"total": 1, "waiting": 0, "waiting_since": None}, None)


def test_status_ends_with_1_and_says_what_to_do_where_a_person_is_needed(program, dovecot, user):
    dovecot.deliver(user, [own_mail("unknown/free_text")])
    program.configure({"port": dovecot.imap, "username": user, "folders": ["INBOX", "Missing"]})
    program.path.write_text(program.path.read_text() + '[[provider]]\nname = "zayo"\nsilent_after = 5\n')
    program.poll()

    found = program.command("status", status=1)

    assert found["daemons"] == []
    assert found["quarantine"]["reasons"] == {"unknown_provider": 1}
    assert [(one["folder"], one["error"] is None) for one in found["mailboxes"]] == [
        ("INBOX", True),
        ("Missing", False),
    ]
    assert found["silent"] == [{"provider": "zayo", "last_message": None, "silent_after_days": 5}]
    assert [line.partition(":")[0] for line in found["to_do"]] == [
        "no daemon is running",
        'mailbox "noc", folder "Missing"',
        "1 message in quarantine",
        "zayo",
    ]
    assert all("`maintd " in line for line in found["to_do"])
