"""The program as a whole, against a real Dovecot: from a mail in a folder to an event, whatever happens on the way."""

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from parsers.mime import read_envelope
from parsers.providers import directory
from parsers.workers import Limits, WorkerPool
from storage import database
from tests.integration.program import (
    OWN_MAILS,
    Program,
    alive,
    eventually,
    family,
    kill,
    own_mail,
    own_mails,
    state,
)

pytestmark = pytest.mark.dovecot

APPLIED = ("zayo/three_nights", "telstra/out_of_order_first_in_rescheduled", "arelion/confirmed")
NOT_UNDERSTOOD = "unknown/free_text"

# One of our own mails is there twice, by two routes.
MESSAGES = len({read_envelope(raw).identity for raw in own_mails()})

# The library's expression for this form takes time that grows with the cube of the length.
ENDLESS = (
    b"From: g31654@att.com\r\nDate: Fri, 1 Jan 2027 00:00:00 +0000\r\nSubject: endless\r\n"
    b"Message-ID: <endless@att.example>\r\nContent-Type: text/html\r\n\r\n<p>" + b"Start Time: GMT " * 3000
)


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    """One pool of workers for all passes that do not stop their own: a start takes a second."""
    workers = WorkerPool(1, Limits(), directory())
    yield workers
    workers.stop()


@pytest.fixture
def anywhere(tmp_path: Path, database_url: str) -> Program:
    """A program on an empty database: the same test runs on SQLite and on PostgreSQL."""
    return Program(directory=tmp_path, url=database_url)


@pytest.fixture
def program(tmp_path: Path, sqlite_url: str) -> Program:
    """A program on an empty SQLite file, for what the database has no part in."""
    return Program(directory=tmp_path, url=sqlite_url)


def changed(raw: bytes, old: bytes, new: bytes) -> bytes:
    assert old in raw
    return raw.replace(old, new)


# --- a pass -----------------------------------------------------------------------------------------------------


def test_a_pass_stores_reads_and_folds_and_the_next_one_finds_nothing_to_do(anywhere, dovecot, user, pool):
    dovecot.deliver(user, own_mails())
    anywhere.configure({"port": dovecot.imap, "username": user})

    first = anywhere.poll(pool=pool)
    found = state(anywhere.url)
    second = anywhere.poll(pool=pool)

    assert (first.failures, first.fetched) == ([], len(own_mails()))
    assert len(first.said("message_settled")) == MESSAGES
    assert [line["new"] for line in first.said("mailbox_polled")] == [MESSAGES]
    stats = anywhere.command("stats")
    # A survey and a text that nobody can read.
    expected = {"received": 0, "applied": MESSAGES - 2, "irrelevant": 1, "ignored": 0, "quarantined": 1}
    assert (stats["messages"], stats["mailboxes"]["noc"]["error"]) == (expected, None)
    events = anywhere.events()
    (told,) = json.loads((OWN_MAILS / "lumen/circuit_listed_twice.json").read_text())
    event = events[told["id"]]
    assert {name: event[name] for name in ("provider", "id", "status", "accounts", "start", "end")} == {
        "provider": "lumen",
        "id": told["id"],
        "status": told["status"],
        "accounts": [told["account"]],
        **told["windows"][0],
    }
    assert [circuit["circuit_id"] for circuit in event["circuits"]] == [one["circuit_id"] for one in told["circuits"]]
    # An older notice that arrives later, a course of four mails, a cancellation, two accounts and a start.
    facts = {key: (one["status"], one["updates"], len(one["windows"])) for key, one in events.items()}
    expected = {
        "PN418207": ("RE-SCHEDULED", 2, 1),
        "PF-MNT-55021": ("COMPLETED", 4, 1),
        "PWIC204518.1": ("CANCELLED", 2, 1),
        "TTN-0008811204": ("IN-PROCESS", 3, 3),
    }
    assert {key: facts[key] for key in expected} == expected
    assert events["PN418207"]["start"] == "2027-03-10T15:00:00Z"
    assert (second.failures, second.fetched, second.said("message_settled")) == ([], 0, [])
    assert state(anywhere.url) == found


def test_a_changed_uid_validity_is_read_again_and_nothing_is_doubled(anywhere, dovecot, user, pool):
    dovecot.deliver(user, own_mails())
    anywhere.configure({"port": dovecot.imap, "username": user})
    anywhere.poll(pool=pool)
    before = state(anywhere.url)
    dovecot.set_uid_validity(user, 12345)

    again = anywhere.poll(pool=pool)

    assert (again.failures, again.fetched) == ([], len(own_mails()))
    assert [line["uid_validity"] for line in again.said("uid_validity_changed")] == [12345]
    assert again.said("message_settled") == []
    assert state(anywhere.url) == before
    # One of them lay in the folder twice from the beginning.
    assert sorted(len(one["sightings"]) for one in anywhere.messages()) == [2] * (MESSAGES - 1) + [4]


def test_a_mail_in_two_mailboxes_is_one_message_seen_twice(anywhere, dovecot, user, pool):
    for name in (user, f"{user}-second"):
        dovecot.deliver(name, [own_mail(case) for case in APPLIED])
    anywhere.configure(
        {"name": "noc", "port": dovecot.imap, "username": user},
        {"name": "peering", "port": dovecot.imap, "username": f"{user}-second"},
    )

    done = anywhere.poll(pool=pool)

    assert (done.failures, done.fetched, len(done.said("message_settled"))) == ([], 6, 3)
    places = [[place["mailbox"] for place in one["sightings"]] for one in anywhere.messages()]
    assert [sorted(names) for names in places] == [["noc", "peering"]] * 3
    assert {event["updates"] for event in anywhere.events().values()} == {1}


def test_a_message_id_used_again_with_another_body_is_another_message(program, dovecot, user, pool):
    first = own_mail("zayo/three_nights")
    other = changed(changed(first, b"TTN-0008811204", b"TTN-0008811299"), b"204417", b"204418")
    dovecot.deliver(user, [first, other, first])
    program.configure({"port": dovecot.imap, "username": user})

    program.poll(pool=pool)

    messages = program.messages()
    assert len({one["message_id"] for one in messages}) == 1
    assert sorted(len(one["sightings"]) for one in messages) == [1, 2]
    assert set(program.events()) == {"TTN-0008811204", "TTN-0008811299"}


def test_a_folder_read_again_from_its_beginning_changes_no_event(program, dovecot, user, pool):
    dovecot.deliver(user, own_mails())
    program.configure({"port": dovecot.imap, "username": user})
    program.poll(pool=pool)
    before = state(program.url)
    with closing(database.open_store(program.url)) as store, store.writing() as connection:
        connection.execute(sa.text("DELETE FROM cursors"))

    again = program.poll(pool=pool)

    assert (again.failures, again.fetched, again.said("message_settled")) == ([], len(own_mails()), [])
    assert state(program.url) == before


def test_a_database_restored_from_an_older_copy_catches_up(program, dovecot, user, pool):
    mails = own_mails()
    dovecot.deliver(user, mails[:20])
    program.configure({"port": dovecot.imap, "username": user})
    program.poll(pool=pool)
    database.backup(program.url, program.directory / "copy.db")
    dovecot.deliver(user, mails[20:])
    program.poll(pool=pool)
    before = state(program.url)
    for path in program.directory.glob("maintd.db*"):
        path.unlink()
    shutil.move(program.directory / "copy.db", program.directory / "maintd.db")

    again = program.poll(pool=pool)

    assert (again.failures, again.fetched) == ([], len(mails) - 20)
    assert state(program.url) == before


# --- filing -----------------------------------------------------------------------------------------------------


def filing(dovecot: Any, user: str, **changes: Any) -> dict[str, Any]:
    move = {"after": "move", "done_folder": "Done", "quarantine_folder": "Maintd/Quarantine"}
    return {"port": dovecot.imap, "username": user, **move, **changes}


def deliver_some(dovecot: Any, user: str) -> None:
    dovecot.deliver(user, [own_mail(case) for case in (*APPLIED, NOT_UNDERSTOOD)])


def count_in(dovecot: Any, user: str) -> tuple[int, int, int]:
    """Return how many mails are in the folder that is read, in the one of those understood, and of the others."""
    inbox, done, quarantine = (len(dovecot.subjects(user, name)) for name in ("INBOX", "Done", "Maintd/Quarantine"))
    return inbox, done, quarantine


def test_after_a_pass_the_mails_understood_and_the_others_are_moved_and_none_is_left(program, dovecot, user, pool):
    deliver_some(dovecot, user)
    program.configure(filing(dovecot, user))

    first = program.poll(pool=pool)

    assert (first.failures, count_in(dovecot, user)) == ([], (0, 3, 1))
    assert dovecot.subjects(user, "Maintd/Quarantine") == ["Works on your wavelength NLW-4471 next week"]
    assert all(place["filed_at"] for one in program.messages() for place in one["sightings"])
    second = program.poll(pool=pool)
    assert (second.failures, second.fetched, count_in(dovecot, user)) == ([], 0, (0, 3, 1))


def test_a_first_pass_files_as_many_mails_as_there_are(program, dovecot, user, pool):
    dovecot.deliver(user, [own_mail("lumen/survey")] * 1001)
    program.configure(filing(dovecot, user))

    assert program.poll(pool=pool).failures == []

    assert count_in(dovecot, user) == (0, 1001, 0)


def test_after_a_pass_mails_are_flagged_and_stay_unread(program, dovecot, user, pool):
    deliver_some(dovecot, user)
    program.configure(filing(dovecot, user, after="flag"))

    assert program.poll(pool=pool).failures == []

    assert list(dovecot.flags(user).values()) == [{b"maintd"}] * 4


def test_a_pass_killed_between_the_commit_and_the_move_is_made_good_by_the_next(anywhere, dovecot, user, pool, proxy):
    deliver_some(dovecot, user)
    anywhere.configure(filing(dovecot, user, port=proxy.port))
    started = []

    def kill_instead(command: bytes) -> bytes:
        kill(started[0].pid)
        return b""

    proxy.rule("c2s", rb"UID MOVE", kill_instead)
    started.append(anywhere.start("poll"))
    assert started[0].wait(timeout=90) == -signal.SIGKILL
    assert "received" not in {one["disposition"] for one in anywhere.messages()}
    assert count_in(dovecot, user) == (4, 0, 0)

    after = anywhere.poll(pool=pool)

    assert (after.failures, after.fetched, count_in(dovecot, user)) == ([], 0, (0, 3, 1))


def test_a_move_whose_reply_is_lost_is_found_done_by_the_next_pass(program, dovecot, user, pool, proxy):
    deliver_some(dovecot, user)
    program.configure(filing(dovecot, user, port=proxy.port))
    proxy.rule("c2s", rb"UID MOVE", "lose_reply")

    first = program.poll(pool=pool)
    found = state(program.url)

    assert [line["mailbox"] for line in first.said("filing_failed")] == ["noc"]
    assert program.poll(pool=pool).failures == []
    assert (count_in(dovecot, user), state(program.url)) == ((0, 3, 1), found)


def test_what_cannot_be_filed_is_told_and_holds_up_nothing_else(program, dovecot, user, pool):
    dovecot.deliver(user, [own_mail(NOT_UNDERSTOOD)] * 501 + [own_mail(case) for case in APPLIED])
    # Two delimiters in a row: Dovecot makes no such folder.
    program.configure(filing(dovecot, user, quarantine_folder="Maintd//Quarantine"))

    done = program.poll(pool=pool)

    (problem,) = {line["problem"] for line in done.said("filing_failed")}
    assert 'folder "Maintd//Quarantine" is missing and cannot be made' in problem
    assert set(done.failures) == {problem}
    assert count_in(dovecot, user) == (501, 3, 0)


# --- what fails -------------------------------------------------------------------------------------------------


def test_each_mailbox_that_fails_is_named_and_the_healthy_one_is_read(program, dovecot, user, proxy):
    dovecot.deliver(user, [own_mail("zayo/three_nights")])
    proxy.stall()
    program.configure(
        {"name": "hangs", "port": proxy.port, "username": user, "connect_seconds": 1, "read_seconds": 1},
        {"name": "refused", "port": dovecot.imap, "username": user, "password": "hunter2"},
        {"name": "lost", "host": "imap.nowhere.invalid", "tls": "tls", "username": user},
        {"name": "healthy", "port": dovecot.imap, "username": user},
    )

    process = program.start("poll")

    assert process.wait(timeout=90) == 1
    assert list(program.events()) == ["TTN-0008811204"]
    failed = {line["mailbox"]: line for line in program.logged("mailbox_failed")}
    errors = {name: one["error"] for name, one in program.command("stats")["mailboxes"].items()}
    assert {name: line["step"] for name, line in failed.items()} == {
        "hangs": "greeting",
        "refused": "login",
        "lost": "name",
    }
    assert errors == {name: line["problem"] for name, line in failed.items()} | {"healthy": None}
    assert "connected, and then no greeting" in errors["hangs"]
    assert f'login as "{user}" refused' in errors["refused"]
    assert "imap.nowhere.invalid" in errors["lost"]
    assert "hunter2" not in program.log_file.read_text()


def test_a_folder_that_is_missing_keeps_no_other_from_being_read(program, dovecot, user, pool):
    dovecot.deliver(user, [own_mail("zayo/three_nights")])
    dovecot.deliver(user, [own_mail("arelion/confirmed")], folder="Carriers/Arelion")
    folders = ["INBOX", "Carriers/Arelien", "Carriers/Arelion"]
    program.configure({"port": dovecot.imap, "username": user, "folders": folders})

    done = program.poll(pool=pool)

    (failure,) = done.failures
    assert 'folder "Carriers/Arelien" does not exist' in failure
    assert 'there are: "Carriers/Arelion"' in failure
    assert set(program.events()) == {"TTN-0008811204", "PWIC204518.1"}
    assert program.command("stats")["mailboxes"]["noc"]["error"] == failure
    assert [line["folders"] for line in done.said("mailbox_failed")] == [["Carriers/Arelien"]]


def test_a_cut_in_the_middle_of_a_fetch_loses_nothing_and_doubles_nothing(program, dovecot, user, pool, proxy):
    # More than one batch, so that something is stored already.
    more = [changed(own_mail("lumen/survey"), b"Subject: ", b"Subject: %d " % number) for number in range(100)]
    own = own_mails()[:36]
    mails = [*more, *own]
    dovecot.deliver(user, [changed(raw, b"Date: ", b"X-Number: %d\r\nDate: " % n) for n, raw in enumerate(mails)])
    program.configure({"port": proxy.port, "username": user})
    proxy.rule("c2s", rb"UID FETCH 1[0-9][0-9],.*BODY", ("cut", 30_000))

    first = program.poll(pool=pool)
    halfway = len(program.messages())
    second = program.poll(pool=pool)

    assert [line["step"] for line in first.said("mailbox_failed")] == ["fetch"]
    assert "connection lost" in first.failures[0]
    assert (second.failures, second.fetched) == ([], len(own))
    assert halfway == 1
    assert len(program.messages()) == len({read_envelope(raw).identity for raw in mails})
    assert sum(len(one["sightings"]) for one in program.messages()) == len(mails)


def test_of_a_mail_that_is_too_large_the_head_is_kept_in_quarantine(program, dovecot, user, pool):
    large = own_mail("zayo/three_nights").replace(b"\n", b"\r\n") + (b"0123456789" * 7 + b"\r\n") * 20_000
    dovecot.deliver(user, [large, own_mail("arelion/confirmed")])
    program.configure(filing(dovecot, user, max_message_bytes=65_536))

    assert program.poll(pool=pool).failures == []

    kept, read = sorted(program.messages(), key=lambda one: -one["size"])
    assert (kept["disposition"], kept["reason"], kept["size"]) == ("quarantined", "too_large", len(large))
    assert kept["subject"].startswith("***Ridgeline Hosting LLC***ZAYO TTN-0008811204")
    shown = program.command("quarantine", "show", str(kept["id"]))
    assert large.decode().startswith(shown["source"])
    assert read["disposition"] == "applied"
    assert count_in(dovecot, user) == (0, 1, 1)


def test_a_mail_that_kills_its_workers_is_quarantined_after_three_attempts(program, dovecot, user):
    dovecot.deliver(user, [own_mail("zayo/three_nights"), ENDLESS, own_mail("arelion/confirmed")])
    program.configure(filing(dovecot, user), workers={"cpu_seconds": 1, "wall_seconds": 120})

    done = program.poll()

    assert done.failures == []
    assert [line["attempts"] for line in done.said("attempt_failed")] == [1, 2, 3]
    (poison,) = program.command("quarantine", "list")
    assert (poison["subject"], poison["reason"]) == ("endless", "parser_timeout")
    assert "attempt 3 of 3" in program.command("quarantine", "show", str(poison["id"]))["detail"]
    assert set(program.events()) == {"TTN-0008811204", "PWIC204518.1"}
    assert count_in(dovecot, user) == (0, 2, 1)


@pytest.mark.postgresql
def test_two_programs_on_one_database_and_one_mailbox_give_what_one_gives(
    dovecot, user, pool, tmp_path, postgresql_url
):
    programs = [Program(directory=tmp_path / name, url=postgresql_url) for name in ("one", "other")]
    for program in programs:
        program.directory.mkdir()
        program.configure(filing(dovecot, user))
    dovecot.deliver(user, own_mails())
    dovecot.deliver(f"{user}-alone", own_mails())
    alone = Program(directory=tmp_path, url=f"sqlite:///{tmp_path / 'alone.db'}")
    alone.configure({"port": dovecot.imap, "username": f"{user}-alone"})
    alone.poll(pool=pool)

    processes = [program.start("poll") for program in programs]

    assert [process.wait(timeout=90) for process in processes] == [0, 0]
    assert state(postgresql_url) == state(alone.url)
    # Both may move a mail at the same moment: then it lies there twice, and is one message.
    inbox, done, quarantined = count_in(dovecot, user)
    assert (inbox, done >= len(own_mails()) - 1, quarantined >= 1) == (0, True, True)


# --- the daemon -------------------------------------------------------------------------------------------------


@pytest.fixture
def two_mailboxes(program: Program, dovecot: Any, user: str, proxy: Any) -> Program:
    """A program with a healthy mailbox, in which there is a mail, and one whose server hangs for longer than a test."""
    dovecot.deliver(user, [own_mail("zayo/three_nights")])
    proxy.stall()
    program.configure(
        {"name": "hangs", "port": proxy.port, "username": user, "connect_seconds": 300, "read_seconds": 3600},
        {"name": "noc", "port": dovecot.imap, "username": user},
    )
    return program


def settled(program: Program) -> int:
    return len(program.logged("message_settled")) if program.log_file.exists() else 0


def test_the_daemon_reads_what_comes_while_a_server_hangs_and_ends_at_sigterm(two_mailboxes, dovecot, user):
    with two_mailboxes.running() as daemon:
        assert eventually(lambda: settled(two_mailboxes) == 1)
        dovecot.deliver(user, [own_mail("arelion/confirmed")])
        assert eventually(lambda: settled(two_mailboxes) == 2)
        processes = family(daemon.pid)
        daemon.terminate()

        assert daemon.wait(timeout=60) == 0
    assert processes
    assert eventually(lambda: alive(processes) == [])
    assert set(two_mailboxes.events()) == {"TTN-0008811204", "PWIC204518.1"}
    assert two_mailboxes.logged("mailbox_failed") == []
    assert len(two_mailboxes.logged("daemon_stopped")) == 1


def test_beside_a_daemon_a_second_one_is_refused_and_an_import_is_read_by_the_first(two_mailboxes):
    with two_mailboxes.running() as daemon:
        assert eventually(lambda: settled(two_mailboxes) == 1)

        assert two_mailboxes.start("run").wait(timeout=60) == 1
        refusal = f"is in use by maintd with pid {daemon.pid}: stop it first"
        assert refusal in two_mailboxes.log_file.read_text()
        imported = two_mailboxes.command("import", str(OWN_MAILS / "arelion/confirmed.eml"))
        assert (imported["new"], imported["dispositions"]["received"]) == (1, 1)
        assert eventually(lambda: settled(two_mailboxes) == 2)
    assert set(two_mailboxes.events()) == {"TTN-0008811204", "PWIC204518.1"}


def test_no_worker_outlives_a_daemon_that_was_killed(program, dovecot, user):
    dovecot.deliver(user, [own_mail("zayo/three_nights"), ENDLESS])
    program.configure(
        {"port": dovecot.imap, "username": user}, workers={"count": 2, "cpu_seconds": 600, "wall_seconds": 3600}
    )
    with program.running() as daemon:
        # One worker has read its mail and has nothing to do; the other will be busy for longer than a test.
        assert eventually(lambda: settled(program) == 1)
        processes = family(daemon.pid)
        kill(daemon.pid)
        daemon.wait()

    assert processes
    assert eventually(lambda: alive(processes) == [])


# --- check ------------------------------------------------------------------------------------------------------


def test_a_check_says_what_the_newest_mails_would_give_and_stores_nothing(program, dovecot, user):
    deliver_some(dovecot, user)
    program.configure({"port": dovecot.imap, "username": user})

    found = program.command("check")

    # Our own mails are of 2027: until then the clock is told of. This mailbox asks mails for no proof.
    (told,) = [finding["text"] for finding in found if finding["part"] != "clock" and finding["ok"] is not True]
    assert "set authserv_id" in told
    assert found[-1]["text"] == (
        "of the newest 4 mails 3 would give events, 0 are of no concern, 1 would be quarantined"
    )
    assert database.revision(program.url) is None


def test_a_check_finds_a_wrong_password_and_a_folder_by_a_near_name(program, dovecot, user):
    dovecot.deliver(user, [own_mail("zayo/three_nights")], folder="Carriers/Maintenance")
    dovecot.deliver(user, [own_mail("arelion/confirmed")])
    program.configure(
        {"name": "refused", "port": dovecot.imap, "username": user, "password": "hunter2"},
        {"name": "noc", "port": dovecot.imap, "username": user, "folders": ["Carriers/Maintenence", "INBOX"]},
    )

    found = program.command("check", status=1)

    wrong = [finding for finding in found if finding["ok"] is False]
    assert [finding["part"] for finding in wrong] == ['mailbox "refused"', 'mailbox "noc"']
    assert f'login as "{user}" refused' in wrong[0]["text"]
    assert "check username and password" in wrong[0]["text"]
    assert 'folder "Carriers/Maintenence" does not exist (' in wrong[1]["text"]
    assert 'there are: "Carriers/Maintenance"' in wrong[1]["text"]
    # Read on trial is what can be read.
    assert found[-1]["text"].startswith("of the newest 1 mails 1 would give events")
    assert "hunter2" not in json.dumps(found)
