"""The commands as a user types them, on a database that our own mails were imported into."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestor.cli import main

ROOT = Path(__file__).parents[2]
MAILS = ROOT / "tests" / "mail"

Maintd = Callable[..., Any]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("maintd")
    path = directory / "config.toml"
    path.write_text(f'[database]\nurl = "sqlite:///{directory / "maintd.db"}"\n[log]\nlevel = "error"\n')
    assert main(["import", str(MAILS), "--config", str(path)]) == 0
    return path


@pytest.fixture
def maintd(config: Path, capsys: pytest.CaptureFixture[str]) -> Maintd:
    """Run a command with ``--json`` and return what it printed; ``status`` is the exit status that is expected."""

    def run(*words: str, status: int = 0) -> Any:
        capsys.readouterr()
        found = main([*words, "--config", str(config), "--json"])
        output = capsys.readouterr()
        assert found == status, output
        return json.loads(output.out) if output.out else output.err

    return run


@pytest.fixture
def plain(config: Path, capsys: pytest.CaptureFixture[str]) -> Maintd:
    """Run a command as in a pipe; return its lines, split at tabs."""

    def run(*words: str, status: int = 0) -> list[list[str]]:
        capsys.readouterr()
        assert main([*words, "--config", str(config)]) == status
        return [line.split("\t") for line in capsys.readouterr().out.splitlines()]

    return run


def test_events_have_the_shape_that_is_documented(maintd) -> None:
    event = next(event for event in maintd("events") if event["id"] == "TTN-0008811204")

    assert list(event) == [
        *("kind", "provider", "id", "generation", "accounts", "status", "start", "end", "windows", "circuits"),
        *("etr", "end_inferred", "reported_at", "cause", "original_timezone", "summary", "organizer"),
        *("acknowledged", "internal_ticket"),
        *("stamp", "stamp_inferred", "unverified", "replaces", "replaced_by", "linked", "updates", "phase"),
    ]
    assert [set(window) for window in event["windows"]] == [{"start", "end", "status", "withdrawn", "circuits"}] * 3
    assert event["start"] == event["windows"][0]["start"]
    assert event["end"] == event["windows"][-1]["end"]


def test_events_are_sorted_by_start_provider_and_id(maintd) -> None:
    keys = [
        (event["start"] is None, event["start"] or "", event["provider"], event["id"]) for event in maintd("events")
    ]

    assert keys == sorted(keys)
    assert len(keys) > 10


def test_events_can_be_chosen(maintd) -> None:
    every = maintd("events")
    circuit = every[0]["circuits"][0]["circuit_id"]

    assert {event["provider"] for event in maintd("events", "--provider", "zayo")} == {"zayo"}
    assert every[0] in maintd("events", "--circuit", circuit.lower())
    assert maintd("events", "--kind", "outage") == []
    assert len(maintd("events", "--upcoming")) + len(maintd("events", "--past")) + len(
        maintd("events", "--active")
    ) == len(every)
    assert maintd("events", "--until", "2020-01-01") == []


def test_show_tells_history_and_mails(maintd) -> None:
    event = maintd("show", "ttn-0008811204")

    assert len(event["history"]) == event["updates"]
    assert set(event["history"][0]) == {"stamp", "move", "source", "superseded", "changes"}
    assert event["history"][0]["move"] == "opened"
    assert {message["disposition"] for message in event["messages"]} == {"applied"}
    assert event["etr_revisions"] == []
    assert event["netbox"] is None


def test_an_event_that_does_not_exist_is_an_error_of_one_line(maintd) -> None:
    error = maintd("show", "NO-SUCH-ID", status=1)

    assert error.count("\n") == 1
    assert "NO-SUCH-ID" in error
    assert "maintd events" in error


def test_messages_have_the_shape_that_is_documented(maintd) -> None:
    found = maintd("messages", "--disposition", "applied", "--provider", "zayo")

    assert list(found[0]) == [
        *("id", "mailbox", "folder", "imap_uid", "uid_validity", "message_id", "from", "subject", "date"),
        *("received_at", "size", "disposition", "reason", "provider", "reader", "events"),
    ]
    assert all(["maintenance", "zayo", event_id] in one["events"] for one in found for _, _, event_id in one["events"])


def test_stats_count_every_message_once(maintd) -> None:
    stats = maintd("stats")

    assert list(stats["messages"]) == ["received", "applied", "irrelevant", "ignored", "quarantined"]
    assert sum(stats["messages"].values()) == len(maintd("messages"))
    assert stats["events"] == {"maintenance": len(maintd("events")), "outage": 0}


def test_an_acknowledgement_holds_until_something_material_changes(maintd, tmp_path) -> None:
    (event,) = maintd("events", "--circuit", "RHL-DEN-0042") or [maintd("events", "--provider", "ntt")[0]]

    acknowledged = maintd("ack", event["id"], "--provider", event["provider"], "--ticket", "NOC-7", "--comment", "seen")

    assert acknowledged["acknowledged"] is True
    assert acknowledged["internal_ticket"] == "NOC-7"
    assert maintd("show", event["id"], "--provider", event["provider"])["acknowledged"] is True


def test_an_import_again_finds_nothing_new(maintd) -> None:
    again = maintd("import", str(MAILS))

    assert again["new"] == 0
    assert again["messages"] == len(list(MAILS.glob("*/*.eml")))


def test_reading_again_with_the_same_readers_changes_nothing(maintd) -> None:
    assert maintd("reparse", "--all", "--apply") == {
        "read": sum(1 for one in maintd("messages")),
        "pruned": 0,
        "applied": True,
        "events": [],
        "messages": [],
        "unread": [],
    }


def test_reading_again_can_be_narrowed_down_to_a_disposition(maintd) -> None:
    waiting = maintd("messages", "--disposition", "quarantined")

    assert maintd("reparse", "--disposition", "quarantined")["read"] == len(waiting)


def test_an_assigned_sender_is_that_provider_from_now_on(maintd, tmp_path) -> None:
    notice = (MAILS / "zayo" / "cancelled.eml").read_bytes()
    resold = tmp_path / "resold.eml"
    resold.write_bytes(
        notice.replace(b"mr@zayo.com", b"notices@reseller.example").replace(b"TTN-0008834771", b"TTN-0008834779")
    )
    maintd("import", str(resold))
    unknown = next(
        one for one in maintd("quarantine", "list", "--reason", "unknown_provider") if "reseller" in one["from"]
    )
    shown = maintd("quarantine", "show", str(unknown["id"]))
    assert "zayo" in shown["detail"]

    result = maintd("quarantine", "assign", str(unknown["id"]), "zayo")

    assert result["dispositions"]["applied"] == 1
    assert maintd("show", "TTN-0008834779")["provider"] == "zayo"
    assert maintd("db", "check") == {"problems": []}


def test_a_carrier_that_nobody_knew_is_known_by_its_calendar(maintd) -> None:
    providers = {event["provider"] for event in maintd("events")}

    assert "harbourfibre.example" in providers


def test_a_mail_can_be_ignored_and_stays_ignored(maintd) -> None:
    waiting = maintd("quarantine", "list")[0]

    maintd("quarantine", "ignore", str(waiting["id"]))

    assert waiting["id"] in [one["id"] for one in maintd("messages", "--disposition", "ignored")]
    assert "not in quarantine" in maintd("quarantine", "ignore", str(waiting["id"]), status=1)
    maintd("reparse", "--all", "--apply")
    assert waiting["id"] in [one["id"] for one in maintd("messages", "--disposition", "ignored")]


def test_a_person_corrects_an_event_and_it_outlives_a_reparse(maintd, plain) -> None:
    (event,) = [one for one in maintd("events") if one["id"] == "TTN-0008820955"]

    corrected = maintd(
        *("maintenance", "update", event["id"], "--status", "cancelled", "--circuit", "NEW-1=DEGRADED"),
        *("--end", "2027-02-19T11:00Z", "--summary", "put off", "--reason", "they called"),
    )

    assert (corrected["status"], corrected["end"], corrected["summary"]) == (
        "CANCELLED",
        "2027-02-19T11:00:00Z",
        "put off",
    )
    assert {"circuit_id": "NEW-1", "impact": "DEGRADED", "withdrawn": False} in corrected["circuits"]
    assert corrected["history"][-1]["changes"]["reason"] == [None, "they called"]
    maintd("reparse", "--all", "--apply")
    assert maintd("show", event["id"])["status"] == "CANCELLED"
    rows = plain("maintenance", "update", event["id"], "--status", "CONFIRMED", "--reason", "they called again")
    assert "CONFIRMED" in rows[0][0]
    assert maintd("db", "check") == {"problems": []}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--window", "7", "--status", "COMPLETED"), "window 7: no such window, there are 1"),
        (("--withdraw-circuit", "X-1"), "circuit X-1: it is not held"),
        ((), "nothing is asked"),
    ],
)
def test_what_cannot_be_corrected_is_refused_in_words(maintd, words, problem) -> None:
    said = maintd("maintenance", "update", "TTN-0008820955", *words, "--reason", "they called", status=1)

    assert problem in said


def test_a_retracted_mail_does_not_count_until_it_is_restored(maintd) -> None:
    event = maintd("show", "TTN-0008834771")
    (mail,) = event["messages"]

    assert maintd("retract", str(mail["id"]), "--reason", "a test")["retracted"] is True
    assert "there is no event" in maintd("show", "TTN-0008834771", status=1)
    maintd("reparse", "--all", "--apply")
    assert "there is no event" in maintd("show", "TTN-0008834771", status=1)
    maintd("retract", str(mail["id"]), "--undo", "--reason", "it was none")
    assert maintd("show", "TTN-0008834771") == event


def test_an_id_to_which_two_events_refer_is_none_of_a_single_one(tmp_path, capsys) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[database]\nurl = "sqlite:///{tmp_path / "maintd.db"}"\n')
    mail = (MAILS / "eunetworks" / "announced.eml").read_text()
    own_id = "X-MAINTNOTE-MAINTENANCE-ID:03417720\n"
    for number in ("03417720", "03417721"):
        both = f"X-MAINTNOTE-MAINTENANCE-ID;X-MAINTNOTE-PRECEDENCE=PRIMARY:{number}\nX-MAINTNOTE-MAINTENANCE-ID:CHG-7\n"
        (tmp_path / f"{number}.eml").write_text(mail.replace(own_id, both).replace("<03417720", f"<{number}"))
        assert main(["import", str(tmp_path / f"{number}.eml"), "--config", str(config)]) == 0

    assert main(["hide", "CHG-7", "--reason", "not ours", "--config", str(config)]) == 1
    assert '"CHG-7" is another id of 03417720 and 03417721: name one of these' in capsys.readouterr().err


def test_a_hidden_event_is_not_listed_until_it_is_shown_again(maintd) -> None:
    before = maintd("events")

    hidden = maintd("hide", "TTN-0008834771", "--reason", "not ours")

    assert hidden["hidden"]["reason"] == "not ours"
    assert [one["id"] for one in maintd("events", "--hidden")] == ["TTN-0008834771"]
    assert len(maintd("events")) == len(before) - 1
    maintd("hide", "TTN-0008834771", "--undo", "--reason", "ours")
    assert maintd("events") == before
    assert "is not hidden" in maintd("hide", "TTN-0008834771", "--undo", "--reason", "ours", status=1)


def test_parse_says_what_would_be_recorded_and_touches_no_database(maintd) -> None:
    before = maintd("stats")

    reading = maintd("parse", str(MAILS / "zayo" / "three_nights.eml"))

    assert reading["reader"] == "circuit-maintenance-parser/zayo"
    assert [len(update["windows"]) for update in reading["updates"]] == [3]
    assert maintd("stats") == before
    assert maintd("parse", str(MAILS / "unknown" / "free_text.eml"), status=1)["reason"] == "unknown_provider"


def test_in_a_pipe_rows_are_lines_with_tabs(plain, maintd) -> None:
    rows = plain("events", "--utc")

    # An id that was used before says so.
    assert [row[1].partition(" (use ")[0] for row in rows] == [event["id"] for event in maintd("events")]
    assert all(len(row) == 8 for row in rows)


def test_the_database_is_sound_and_can_be_copied(maintd, plain, config, tmp_path) -> None:
    assert maintd("db", "check") == {"problems": []}
    assert plain("db", "upgrade")

    plain("db", "backup", str(tmp_path / "copy.db"))

    copy = tmp_path / "config.toml"
    copy.write_text(config.read_text().replace(str(config.parent / "maintd.db"), str(tmp_path / "copy.db")))
    assert main(["db", "check", "--config", str(copy)]) == 0


def test_providers_are_listed_with_their_mails(maintd) -> None:
    providers = {provider["name"]: provider for provider in maintd("providers")}

    assert len(providers) >= 37
    assert providers["zayo"]["senders"] == ["@zayo.com"]
    assert providers["zayo"]["messages"] >= 4


def test_every_mistake_of_a_configuration_is_one_line_and_exit_status_two(tmp_path, capsys) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[[mailbox]]\nname = "noc"\nhost = "imap.example.net"\nusrname = "x"\npoll_seconds = 0\n')

    assert main(["config", "check", "--config", str(path)]) == 2

    errors = capsys.readouterr().err.splitlines()
    assert any("usrname" in line and "username" in line for line in errors)
    assert any("poll_seconds" in line for line in errors)


def test_a_configuration_that_is_missing_says_what_to_do(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MAINTD_CONFIG", raising=False)

    assert main(["events"]) == 2
    assert "config.example.toml" in capsys.readouterr().err


def test_a_database_that_is_missing_says_what_to_do(tmp_path, capsys) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'[database]\nurl = "sqlite:///{tmp_path / "none.db"}"\n')

    assert main(["events", "--config", str(path)]) == 1
    assert "maintd db upgrade" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


def test_usage_errors_exit_with_two(capsys) -> None:
    assert main(["reparse"]) == 2
    assert main(["nonsense"]) == 2


@pytest.mark.parametrize(
    "words", [["events", "--since", "99999999999d"], ["events", "--since", "\u00b2d"], ["quarantine", "show", "9" * 23]]
)
def test_a_number_that_is_too_large_is_a_usage_error(plain, words) -> None:
    plain(*words, status=2)


def test_a_retry_reads_the_others_where_one_is_not_in_quarantine(maintd, plain, tmp_path) -> None:
    mail = tmp_path / "waits.eml"
    mail.write_bytes(b"From: x@waits.example\nSubject: work\nMessage-ID: <waits@waits.example>\n\nhello\n")
    maintd("import", str(mail))
    waiting = maintd("quarantine", "list")[0]["id"]
    settled = maintd("messages", "--disposition", "applied")[0]["id"]

    assert plain("quarantine", "retry", str(waiting), str(settled), status=1)[0][0].startswith("1 read again")
    assert maintd("stats")["messages"]["received"] == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_cannot_be_written_is_an_error_of_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ingestor", "config", "schema"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=ROOT,
        )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "disk is full" in done.stderr


def test_no_mail_writes_on_a_terminal(tmp_path, capsys) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'[database]\nurl = "sqlite:///{tmp_path / "x.db"}"\n[log]\nlevel = "error"\n')
    (tmp_path / "evil.eml").write_bytes(
        b"From: x@nobody.example\nSubject: =?utf-8?b?G1syShtdMDtvd25lZAc=?=\nDate: Mon, 23 Nov 2026 10:00:00 +0000\n"
        b"Message-ID: <evil@nobody.example>\n\nhello \x1b[2J \x9b31m \xe2\x80\xae\n"
    )
    assert main(["import", str(tmp_path / "evil.eml"), "--config", str(path)]) == 0
    for words in (
        ["messages"],
        ["quarantine", "list"],
        ["quarantine", "show", "1"],
        ["quarantine", "show", "1", "--json"],
    ):
        assert main([*words, "--config", str(path)]) == 0

    written = capsys.readouterr().out
    assert "\x1b" not in written
    assert "\x9b" not in written
    assert "\u202e" not in written


def test_the_program_is_a_command_and_a_module(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ingestor", "--version"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("maintd")


def test_the_demo_shows_its_events_and_ends_at_a_signal(tmp_path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ingestor", "demo", "--directory", str(tmp_path / "demo")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    config = tmp_path / "demo" / "config.toml"
    try:
        lines = []
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.decode())
            if "Ctrl-C" in lines[-1]:
                break
        assert any("TTN-0009120417" in line and "3 windows" in line for line in lines)
        # A mail dropped into the mailbox appears.
        target = tmp_path / "demo" / "mail" / "new" / "dropped.eml"
        target.write_bytes((MAILS / "zayo" / "three_nights.eml").read_bytes())
        assert appears("TTN-0008811204", config)
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0


def appears(event_id: str, config: Path) -> bool:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        done = subprocess.run(
            [sys.executable, "-m", "ingestor", "show", event_id, "--config", str(config), "--json"],
            capture_output=True,
            check=False,
            cwd=ROOT,
            env={**os.environ},
        )
        if done.returncode == 0:
            return True
        time.sleep(1)
    return False


def test_a_provider_may_be_named_by_an_alias_and_a_newcomer_is_listed(maintd) -> None:
    assert maintd("events", "--provider", "TELIA") == maintd("events", "--provider", "arelion") != []
    assert maintd("messages", "--provider", "exa") == maintd("messages", "--provider", "gtt") != []
    rows = {row["name"]: row for row in maintd("providers")}
    assert rows["harbourfibre.example"]["messages"] > 0


def test_parse_tells_of_windows_without_circuits_and_of_every_reader(maintd, plain) -> None:
    notice = str(MAILS / "lumen" / "alternate_night.eml")

    reading = maintd("parse", notice)

    (update,) = reading["updates"]
    assert [(window["number"], window["status"], len(window["circuits"])) for window in update["windows"]] == [
        (1, None, 2),
        (2, "TENTATIVE", 0),
    ]
    assert [trial["outcome"] for trial in reading["trials"]] == ["found 2"]
    assert [row[1:] for row in plain("parse", notice, "--utc")][-1] == ["TENTATIVE", "none", "-"]
