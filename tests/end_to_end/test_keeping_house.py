"""``maintd db``: what an operator does so that a database stays small and safe."""

import json
import random
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.events import StatedCircuit, StatedWindow
from domain.message import Reason
from domain.vocabulary import Impact
from ingestor import housekeeping
from ingestor.cli import main
from storage import database, messages
from storage.database import Store
from tests.building import apply, build_arrival, build_update

MIB = 1024 * 1024
OLD = datetime(2021, 3, 1, tzinfo=UTC)
NOISE = random.Random(20270101)


def night(at: datetime) -> tuple[StatedWindow, ...]:
    listed = (StatedCircuit(circuit_id="C-1", impact=Impact.OUTAGE),)
    return (StatedWindow(start=at, end=at + timedelta(hours=4), circuits=listed),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A configuration, and a ledger: three old mails that may go, one of work to come, one in quarantine, a new one."""
    url = f"sqlite:///{tmp_path / 'maintd.db'}"
    database.upgrade(url)
    store = database.open_store(url)
    soon = datetime.now(UTC) + timedelta(days=30)
    apply(store, "a", build_update(1, event_id="OLD-1", windows=night(OLD)))
    apply(store, "b", build_update(2, event_id="OLD-1", windows=night(OLD), summary="Fibre work, again"))
    apply(store, "c", build_update(3, provider="gtt", event_id="OLD-2", windows=night(OLD)))
    apply(store, "d", build_update(4, event_id="NEXT-1", windows=night(soon)))
    apply(store, "e", reason=Reason.UNPARSED)
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE messages SET provider = 'gtt' WHERE id = 3")
        connection.exec_driver_sql("UPDATE raw_messages SET compressed = ? WHERE message = 1", (_packed(3 * MIB),))
        for column in ("received_at", "stored_at"):
            connection.exec_driver_sql(f"UPDATE messages SET {column} = '2021-02-01T00:00:00.000000Z'")
    with store.writing() as connection:
        messages.record(connection, [build_arrival("f", imap_uid=99)], now=datetime.now(UTC))
    store.close()
    configuration = tmp_path / "config.toml"
    configuration.write_text(f'[database]\nurl = "{url}"\n')
    return configuration


def _packed(size: int) -> bytes:
    return zlib.compress(NOISE.randbytes(size), 1)


@pytest.fixture
def maintd(path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    def run(*words: str, status: int = 0, plain: bool = False) -> Any:
        capsys.readouterr()
        found = main([*words, "--config", str(path), *(() if plain else ("--json",))])
        output = capsys.readouterr()
        assert found == status, output
        return (output.out if plain else json.loads(output.out)) if output.out else output.err

    return run


PRUNE = ("db", "prune", "--older-than", "365")


def test_without_apply_it_is_only_said_what_would_go(maintd) -> None:
    for _ in range(2):
        said = maintd(*PRUNE)
        assert (said["messages"], said["oldest"], said["applied"], said["pruned"]) == (
            3,
            "2021-02-01T00:00:00Z",
            False,
            0,
        )
        assert (said["kept_waiting"], said["kept_current"]) == (1, 1)
        assert [(one["provider"], one["messages"]) for one in said["by_provider"]] == [("zayo", 2), ("gtt", 1)]
        assert 3 * MIB < said["octets"] < 3.1 * MIB
    lines = maintd(*PRUNE, "--utc", plain=True).splitlines()
    assert lines[0] == "zayo\t2\t3.0"
    assert lines[2].startswith("3 mails, 3.0 MiB from before ")
    assert lines[2].endswith(" would lose their bytes, the oldest of 2021-02-01 00:00 UTC")
    assert lines[3] == "as old, and kept: 1 that wait to be understood, 1 of events that were not over"
    assert lines[4] == "nothing is done without --apply"


def test_with_apply_they_go_and_the_events_stay(maintd) -> None:
    before = maintd("events"), maintd("show", "OLD-1")
    said = maintd(*PRUNE, "--apply")
    assert (said["applied"], said["pruned"]) == (True, 3)
    assert said["free_octets"] > 3 * MIB
    assert (maintd("events"), maintd("show", "OLD-1")) == before
    assert maintd("db", "check") == {"problems": []}
    assert maintd(*PRUNE, "--apply")["pruned"] == 0


def test_the_age_is_that_of_the_configuration(maintd, path) -> None:
    unset = maintd("db", "prune", status=2)
    assert (
        unset == f"{path}: retention: raw_days is not set, so all bytes are kept: name an age with --older-than DAYS\n"
    )
    with path.open("a") as file:
        file.write("[retention]\nraw_days = 730\n")
    assert maintd("db", "prune")["messages"] == 3
    assert maintd("db", "prune", "--older-than", "36000")["messages"] == 0
    assert "6 is not in the range" in maintd("db", "prune", "--older-than", "6", status=2)


def test_a_file_becomes_smaller_where_that_is_asked_for(maintd, path) -> None:
    file = path.parent / "maintd.db"
    size = file.stat().st_size
    maintd(*PRUNE, "--apply")
    assert file.stat().st_size >= size
    said = maintd(*PRUNE, "--apply", "--vacuum")
    assert 3 * MIB < said["given_back_octets"] == size - file.stat().st_size
    assert maintd("db", "check") == {"problems": []}
    assert "--vacuum goes with --apply" in maintd(*PRUNE, "--vacuum", status=2)


def test_a_file_that_a_daemon_holds_is_not_made_smaller_and_nothing_goes(maintd, path) -> None:
    with database.hold_lock(f"sqlite:///{path.parent / 'maintd.db'}"):
        assert "stop it first" in maintd(*PRUNE, "--apply", "--vacuum", status=1)
        assert maintd(*PRUNE)["messages"] == 3
        assert maintd(*PRUNE, "--apply")["pruned"] == 3


# --- what has no bytes any more ---


@pytest.fixture
def pruned(maintd: Callable[..., Any]) -> Callable[..., Any]:
    maintd(*PRUNE, "--apply")
    return maintd


def test_it_is_shown_without_its_text(pruned) -> None:
    said = pruned("quarantine", "show", "1")
    assert (said["source"], said["headers"], said["commands"]) == (None, [], [])
    assert said["pruned_at"]
    assert "bytes\tpruned " in pruned("quarantine", "show", "1", plain=True)


def test_its_source_and_its_file_are_refused_with_the_reason(pruned, path) -> None:
    gone = "maintd: message 1: its bytes were pruned at "
    assert pruned("quarantine", "show", "1", "--source", status=1).startswith(gone)
    to = path.parent / "exported"
    assert pruned("quarantine", "export", "4", "1", "--to", str(to), status=1).startswith(gone)
    assert not to.exists()
    assert pruned("quarantine", "export", "1", status=1).startswith(gone)


def test_it_is_not_retried(pruned) -> None:
    said = pruned("quarantine", "retry", "--forget", "1", status=1)
    assert said.startswith("maintd: message 1: its bytes were pruned at ")
    assert pruned("db", "check") == {"problems": []}


def test_it_is_passed_over_when_mails_are_read_again(pruned) -> None:
    events = pruned("events")
    said = pruned("reparse", "--provider", "gtt", "--apply")
    assert (said["read"], said["pruned"], said["events"], said["messages"]) == (0, 1, [], [])
    lines = pruned("reparse", "--provider", "gtt", plain=True)
    assert "1 messages passed over: their bytes went, and what they said stays" in lines
    assert pruned("events") == events


def test_what_it_said_is_folded_again_when_mails_are_read_again(pruned, path) -> None:
    events = pruned("events")
    with closing(sqlite3.connect(path.parent / "maintd.db")) as connection, connection:
        # As if the rules of the fold had been others once.
        connection.execute("UPDATE events SET status = 'TENTATIVE' WHERE event_id = 'OLD-2'")
    (difference,) = pruned("reparse", "--provider", "gtt")["events"]
    assert (difference["before"]["status"], difference["after"]["status"]) == ("TENTATIVE", "CONFIRMED")
    assert pruned("db", "check", status=1)["problems"]
    pruned("reparse", "--provider", "gtt", "--apply")
    assert pruned("events") == events
    assert pruned("db", "check") == {"problems": []}


def test_it_is_retracted_and_counts_again(pruned) -> None:
    pruned("retract", "3", "--reason", "not ours")
    assert "OLD-2" not in [event["id"] for event in pruned("events")]
    pruned("retract", "3", "--undo", "--reason", "ours")
    assert "OLD-2" in [event["id"] for event in pruned("events")]


# --- the job of the daemon ---


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = database.open_store(f"sqlite:///{path.parent / 'maintd.db'}")
    yield opened
    opened.close()


def test_the_daemon_tells_how_many_went_and_nothing_where_none_did(store) -> None:
    with capture_logs() as said:
        for _ in range(2):
            housekeeping.prune_by_age(store, 365, threading.Event())
    (line,) = said
    assert (line["event"], line["messages"], line["log_level"]) == ("messages_pruned", 3, "info")


def test_the_daemon_ends_between_two_steps(store, monkeypatch) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 1)
    stopping = threading.Event()
    before = datetime.now(UTC) - timedelta(days=365)
    assert housekeeping.prune(store, before, stopping=stopping, pruned=lambda _: stopping.set()) == 1
    assert housekeeping.prune(store, before, stopping=threading.Event()) == 2


def test_a_database_that_fails_is_told_and_ends_no_job(store, path) -> None:
    store.close()
    file = path.parent / "maintd.db"
    file.write_bytes(b"\xff" * file.stat().st_size)
    with capture_logs() as said:
        housekeeping.prune_by_age(store, 365, threading.Event())
    (line,) = said
    assert (line["event"], line["log_level"]) == ("pruning_failed", "error")
    assert "the file is not a database" in line["problem"]
