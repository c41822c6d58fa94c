"""What changes is delivered to NetBox: at once, after it was away, after a kill, and what cannot be is told."""

import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.events import EventKey, StatedCircuit, StatedWindow
from domain.vocabulary import Impact, Kind, MaintenanceStatus, OutageStatus
from ingestor import config, delivery
from ingestor.delivery import Delivery
from parsers.providers import directory
from storage import database, events, outbox, queries
from tests.building import NIGHT, NOW, apply, build_outage, build_update
from tests.pushing import DIALECTS
from tests.servers.netbox import faults
from tests.servers.netbox.server import Netbox, serving

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
KEY = EventKey(kind=Kind.MAINTENANCE, provider="zayo", id_key="ttn-1")


class World:
    """A database, a NetBox, a clock, and who delivers from one to the other."""

    def __init__(self, path: Path, server: Netbox) -> None:
        self.server, self.now, self.told, self.mails = server, NOW, [], 0
        self.url = f"sqlite:///{path}"
        self.store = database.open_store(self.url, outbox_clock=lambda: self.now)
        self.provider = server.add_provider("Zayo", "zayo")
        self.config_file = path.with_suffix(".toml")
        self.configure()

    def configure(self, more: str = "", *, url: str | None = None, token: str | None = None) -> None:
        self.config_file.write_text(
            f'[database]\nurl = "{self.url}"\n[netbox]\nurl = "{url or self.server.url}"\n'
            f'token = "{token or self.server.token}"\ntimeout_seconds = 5\n{more}'
        )
        self.settings = config.load(self.config_file)
        self.delivery = self.somebody()

    def somebody(self) -> Delivery:
        return Delivery(self.settings, self.store, directory(), clock=lambda: self.now, draw=lambda: 0.0)

    def mail(self, *updates, name: str | None = None) -> None:
        self.mails += 1
        apply(self.store, name or f"mail {self.mails}", *updates)

    def deliver(self, **more: object) -> list[delivery.Delivered]:
        found: list[delivery.Delivered] = []
        self.delivery.deliver(told=found.append, **more)
        return found

    def circuits(self, *cids: str) -> None:
        for cid in cids:
            self.server.add_circuit(self.provider, cid)

    def waits(self, **passed: float) -> None:
        self.now += timedelta(**passed)

    def ask(self, function, *arguments, **facts):
        with self.store.reading() as connection:
            return function(connection, *arguments, **facts)

    def do(self, function, *arguments, **facts):
        with self.store.writing() as connection:
            return function(connection, *arguments, **facts)

    @property
    def behind(self) -> outbox.Figures:
        return self.ask(outbox.figures)

    def names(self) -> list[tuple[str, str]]:
        return sorted((row["name"], row["status"]) for row in self.server.events())

    @property
    def problem(self) -> str | None:
        return self.ask(outbox.meta, outbox.PROBLEM)


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("template") / "maintd.db"
    database.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def world(template, tmp_path) -> Iterator[Callable[..., World]]:
    """Return what opens a world with a NetBox of a dialect; the circuits C-1 and C-2 are there."""

    @contextmanager
    def opened(dialect: str, number: int, **options: object) -> Iterator[World]:
        with serving(DIALECTS[dialect], **options) as server:
            w = World(Path(shutil.copy(template, tmp_path / f"{number}.db")), server)
            w.circuits("C-1", "C-2")
            yield w
            w.delivery.close()
            w.store.close()

    managers = []

    def enter(dialect: str = "0.8", **options: object) -> World:
        managers.append(opened(dialect, len(managers), **options))
        return managers[-1].__enter__()

    yield enter
    for manager in reversed(managers):
        manager.__exit__(None, None, None)


def listed(*names: str) -> tuple[StatedCircuit, ...]:
    return tuple(StatedCircuit(circuit_id=name, impact=Impact.OUTAGE) for name in names)


# --- as it should be ---


def test_a_change_is_delivered_and_then_nothing_is_due(world) -> None:
    w = world()
    w.mail(build_update(1))
    (told,) = w.deliver()
    assert (told.event_id, told.problem, told.parked) == ("TTN-1", "", False)
    (row,) = w.server.rows("maintenance")
    assert w.server.impacts_of("maintenance", row["id"]) == {"C-1": "OUTAGE", "C-2": "OUTAGE"}
    assert [one["subject"] for one in w.server.notices_of("maintenance", row["id"])] == ["mail 1"]
    assert w.behind == outbox.Figures(due=0, failed=0, parked=0, to_compare=0, oldest_at=None)
    w.server.forget()
    assert w.deliver() == []
    assert w.server.requests() == []


def test_a_reminder_costs_one_request_and_none_where_only_what_changes_is_wanted(world) -> None:
    for notifications, expected in (("all", 1), ("material", 0), ("none", 0)):
        w = world()
        w.configure(f'notifications = "{notifications}"')
        w.mail(build_update(1))
        w.deliver()
        w.server.forget()
        w.mail(build_update(2))
        (told,) = w.deliver()
        assert told.outcome is not None
        assert len(w.server.requests()) == told.outcome.requests == expected, notifications
    assert w.server.rows("notice") == []


def test_only_what_ends_after_the_first_week_before_is_pushed(world) -> None:
    w = world()
    old = StatedWindow(start=NOW - 9 * DAY, end=NOW - 8 * DAY, circuits=listed("C-1"))
    recent = StatedWindow(start=NOW - 9 * DAY, end=NOW - 6 * DAY, circuits=listed("C-1"))
    w.mail(build_update(1, event_id="OLD", windows=(old,)), build_update(2, event_id="RECENT", windows=(recent,)))
    w.deliver()
    assert [name for name, _ in w.names()] == ["RECENT"]
    assert w.behind.due == 0
    # Weeks later it still counts from the first run.
    w.waits(days=60)
    w.delivery = w.somebody()
    assert w.delivery.since == NOW - 7 * DAY


def test_what_was_there_before_netbox_was_configured_is_pushed(world, template, tmp_path) -> None:
    w = world()
    w.store.close()
    shutil.copy(template, tmp_path / "0.db")
    w.store = database.open_store(w.url)
    w.mail(build_update(1))
    assert w.behind.due == 0
    w.store = database.open_store(w.url, outbox_clock=lambda: w.now)
    w.delivery = w.somebody()
    w.deliver()
    assert w.names() == [("TTN-1", "CONFIRMED")]


@pytest.mark.parametrize("dialect", ["0.8", "plain"])
def test_what_is_hidden_is_cancelled_there_with_the_reason_and_comes_back_when_it_is_shown(world, dialect) -> None:
    w = world(dialect)
    w.mail(build_update(1))
    w.deliver()
    w.do(events.hide, KEY, 1, author="alice", reason="a test", now=w.now)
    w.deliver()
    where = ("circuit", 1) if dialect == "plain" else ("maintenance", 1)
    *_, told = w.server.journal_of(*where)
    assert "maintenance zayo TTN-1: hidden in maintd by alice, not cancelled by the provider: a test" in told
    if dialect != "plain":
        assert w.names() == [("TTN-1", "CANCELLED")]
    assert w.do(events.show_again, KEY, 1)
    w.deliver()
    if dialect != "plain":
        assert w.names() == [("TTN-1", "CONFIRMED")]
        assert w.server.impacts_of("maintenance", 1) == {"C-1": "OUTAGE", "C-2": "OUTAGE"}


def test_that_a_mail_was_taken_back_the_journal_says(world) -> None:
    w = world()
    w.mail(build_update(1))
    w.deliver()
    w.do(lambda conn: events.refold(conn, events.replace_updates(conn, 1, [])))
    for _ in range(2):
        w.deliver()
        assert w.names() == [("TTN-1", "CANCELLED")]
        (told,) = w.server.journal_of("maintenance", 1)
        assert "maintenance zayo TTN-1: no mail that counts says anything of it any more" in told
        w.do(outbox.enqueue, [(KEY, 1)], now=w.now)


def test_what_is_hidden_before_it_was_pushed_is_never_pushed(world) -> None:
    w = world()
    w.mail(build_update(1))
    w.do(events.hide, KEY, 1, author="alice", reason="a test", now=w.now)
    w.deliver()
    assert w.names() == []
    assert w.behind.due == 0


# --- NetBox fails ---


def test_a_week_without_netbox_loses_no_chapter(world) -> None:
    w = world("notices")
    statuses = [MaintenanceStatus.TENTATIVE, MaintenanceStatus.CONFIRMED, MaintenanceStatus.RE_SCHEDULED]
    tried = []
    with w.server.down():
        for day, status in enumerate(statuses):
            w.mail(build_update(day + 1, status=status), build_outage(day + 1, etr=60 * (day + 1)))
            for _ in range(8):
                w.waits(hours=7)
                tried += w.deliver()
        assert "Connection refused" in (w.problem or "")
        assert w.behind.due == 2
    assert all("Connection refused" in one.problem for one in tried)
    w.waits(minutes=2)
    assert [one.problem for one in w.deliver()] == ["", ""]
    assert (w.problem, w.behind.due) == (None, 0)
    assert w.names() == [("TT-1", "INVESTIGATING"), ("TTN-1", "RE-SCHEDULED")]
    assert [one["subject"] for one in w.server.notices_of("maintenance", 1)] == ["mail 1", "mail 2", "mail 3"]
    messages = [one["message"] for one in w.server.changes_of("outage", 1)]
    assert [words.split(" (")[0] for words in messages if words.startswith("ETR")] == [
        "ETR set to 2026-11-20T13:00:00Z",
        "ETR extended to 2026-11-20T14:00:00Z, +1.0 h",
        "ETR extended to 2026-11-20T15:00:00Z, +1.0 h",
    ]


def test_while_netbox_is_away_it_is_asked_less_and_less_but_once_a_minute(world) -> None:
    w = world()
    for number in range(50):
        w.mail(build_update(number, event_id=f"TTN-{number}"))
    with w.server.down():
        gaps, last = [], w.now
        for _ in range(90):
            if w.deliver():
                gaps.append((w.now - last).total_seconds())
                last = w.now
            w.waits(seconds=5)
    assert gaps[:5] == [0, 5, 10, 20, 40]
    assert set(gaps[5:]) == {60}
    assert w.behind.due == 50
    w.waits(minutes=1)
    assert len(w.deliver()) == 50


def owed_of(connection, id_key: str) -> outbox.Owed:
    owed = outbox.owed(connection, EventKey(kind=Kind.MAINTENANCE, provider="zayo", id_key=id_key), 1)
    assert owed
    return owed


def test_an_event_that_fails_alone_does_not_hold_up_the_others(world) -> None:
    w = world()
    w.server.plan.when(faults.broken(), method="POST", path="circuitmaintenance/", body=b"BAD", times=-1)
    w.mail(*(build_update(number, event_id=f"TTN-{number}") for number in range(3)), build_update(9, event_id="BAD"))
    problems = {one.event_id: one.problem for one in w.deliver()}
    assert {name for name, problem in problems.items() if problem} == {"BAD"}
    assert (w.behind.due, w.behind.failed, w.problem) == (1, 1, None)
    waits = []
    for _ in range(11):
        row = w.ask(owed_of, "bad")
        waits.append((row.due_at - w.now).total_seconds())
        w.now = row.due_at
        assert len(w.deliver()) == 1
    assert waits == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]


def test_what_netbox_refuses_is_parked_with_its_words_until_it_changes_or_a_person_asks(world) -> None:
    w = world()
    ugly = faults.refused({"name": ["too ugly"]})
    w.server.plan.when(ugly, method="POST", path="circuitmaintenance/", body=b"BAD", times=-1)
    w.mail(build_update(1, event_id="BAD"), build_update(1))
    parked = [one for one in w.deliver() if one.parked]
    assert [one.event_id for one in parked] == ["BAD"]
    assert "too ugly" in parked[0].problem
    w.waits(days=30)
    w.server.forget()
    assert w.deliver() == []
    (shown,) = w.ask(queries.event, "BAD", now=w.now)
    assert shown["netbox"]["parked"]
    assert "too ugly" in shown["netbox"]["problem"]

    w.do(outbox.hurry, now=w.now)
    assert [one.parked for one in w.deliver()] == [True]
    w.mail(build_update(2, event_id="BAD", summary="Other work"))
    w.server.plan.clear()
    assert [one.problem for one in w.deliver()] == [""]
    assert len(w.names()) == 2


@pytest.mark.parametrize("status", [429, 503])
def test_netbox_is_left_alone_for_as_long_as_it_asks(world, status) -> None:
    w = world()
    w.mail(build_update(1), build_update(1, event_id="TTN-2"))
    w.server.plan.at(1, faults.throttled(600, status=status))
    assert len(w.deliver()) == 1
    w.server.forget()
    w.waits(seconds=599)
    assert w.deliver() == []
    assert w.server.requests() == []
    w.waits(seconds=2)
    assert len(w.deliver()) == 2


def test_a_token_that_is_refused_is_left_alone_longer_and_read_anew(world, tmp_path) -> None:
    w = world()
    secret = tmp_path / "token"
    secret.write_text("0123456789012345678901234567890123456789")
    secret.chmod(0o600)
    w.config_file.write_text(
        f'[database]\nurl = "{w.url}"\n[netbox]\nurl = "{w.server.url}"\ntoken = {{ file = "{secret}" }}\n'
    )
    w.settings = config.load(w.config_file)
    w.delivery = w.somebody()
    w.mail(build_update(1))
    tries = 0
    for _ in range(360):
        tries += len(w.deliver())
        w.waits(seconds=10)
    assert 8 <= tries <= 12
    assert "Invalid" in (w.problem or "")
    secret.write_text(w.server.token)
    w.waits(minutes=10)
    assert [one.problem for one in w.deliver()] == [""]
    assert w.problem is None


def test_a_right_that_is_missing_is_named_and_blocks_only_what_needs_it(world) -> None:
    w = world("notices")
    rights = {
        f"{action} {model}"
        for action in ("view", "add", "change", "delete")
        for model in ("notices.maintenance", "notices.impact", "notices.eventnotification", "extras.journalentry")
    }
    rights |= {f"view circuits.{model}" for model in ("provider", "circuit", "circuittermination")}
    w.configure(token=w.server.add_token(rights={*rights, "view core.objecttype"}))
    w.mail(build_outage(1))
    w.mail(build_update(1))
    by_kind = {one.key.kind: one.problem for one in w.deliver()}
    assert "permission" in by_kind[Kind.OUTAGE]
    assert by_kind[Kind.MAINTENANCE] == ""
    assert w.problem is None


def test_a_secret_that_cannot_be_had_is_told_and_waited_for(world, tmp_path) -> None:
    w = world()
    w.config_file.write_text(
        f'[database]\nurl = "{w.url}"\n[netbox]\nurl = "{w.server.url}"\ntoken = {{ file = "{tmp_path}/token" }}\n'
    )
    w.settings = config.load(w.config_file)
    w.delivery = w.somebody()
    w.mail(build_update(1))
    (told,) = w.deliver()
    assert f"{tmp_path}/token" in told.problem
    (tmp_path / "token").write_text(w.server.token)
    (tmp_path / "token").chmod(0o600)
    w.waits(minutes=1)
    assert [one.problem for one in w.deliver()] == [""]


# --- circuits and providers that are not there ---


def test_a_circuit_is_pushed_by_itself_when_it_appears(world) -> None:
    w = world()
    w.mail(build_update(1, circuits=("C-1", "C-9")), build_update(1, event_id="TTN-2", circuits=("C-1",)))
    assert {one.event_id: one.outcome.unresolved for one in w.deliver()} == {"TTN-1": ("C-9",), "TTN-2": ()}
    assert [one.circuit_id for one in w.ask(outbox.unresolved)] == ["C-9"]
    w.waits(minutes=11)
    assert w.delivery.look_for_missing() == 0
    assert w.delivery.look_for_missing() == 0
    w.circuits("C-9")
    w.waits(minutes=11)
    assert w.delivery.look_for_missing() == 1
    assert w.ask(outbox.unresolved) == []
    w.deliver()
    assert w.server.impacts_of("maintenance", 1) == {"C-1": "OUTAGE", "C-9": "OUTAGE"}


def test_the_events_of_a_provider_are_pushed_when_it_appears(world) -> None:
    w = world()
    w.mail(build_update(1, provider="lumen", circuits=()))
    (told,) = w.deliver()
    assert told.outcome.provider_unknown
    assert [(one.provider, one.circuit_id) for one in w.ask(outbox.unresolved)] == [("lumen", "")]
    assert w.behind.due == 0
    w.server.add_provider("Lumen", "lumen")
    w.waits(minutes=11)
    assert w.delivery.look_for_missing() == 1
    w.deliver()
    assert [name for name, _ in w.names()] == ["TTN-1"]
    assert w.ask(outbox.unresolved) == []


def test_an_alias_counts_for_the_events_that_are_delivered_after_it(world) -> None:
    w = world()
    w.mail(build_update(1, circuits=("OLD-NAME",)))
    w.deliver()
    w.do(outbox.add_alias, "zayo", "old-name", "C-2", author="alice", now=w.now)
    w.do(outbox.enqueue_circuits, "zayo", ["OLD-NAME"], since=NOW, now=w.now)
    w.deliver()
    assert w.server.impacts_of("maintenance", 1) == {"C-2": "OUTAGE"}
    assert w.ask(outbox.unresolved) == []


def test_a_circuit_that_no_event_names_any_more_is_not_looked_for(world) -> None:
    w = world()
    w.mail(build_update(1, circuits=("C-1", "C-9")))
    w.deliver()
    w.mail(build_update(2, circuits=("C-1",)))
    w.deliver()
    w.waits(minutes=11)
    w.delivery.look_for_missing()
    assert w.ask(outbox.unresolved) == []


# --- what people do in NetBox ---


def said(w: World) -> tuple[bool, str]:
    (shown,) = w.ask(queries.event, "TTN-1", now=w.now)
    return shown["acknowledged"], shown["internal_ticket"]


def test_an_event_that_is_asked_for_alone_is_done_with_what_comes_back(world) -> None:
    w = world()
    w.mail(build_update(1), build_update(1, event_id="TTN-2"))
    assert [one.event_id for one in w.deliver(names=[(KEY, 1)])] == ["TTN-1"]
    assert w.behind.due == 1
    w.server.edit("maintenance", 1, acknowledged=True)
    w.do(outbox.look_again, [(KEY, 1)], now=w.now)
    assert [one.event_id for one in w.deliver(names=[(KEY, 1)])] == ["TTN-1", "TTN-1"]
    assert w.ask(outbox.owed, KEY, 1) is None


def test_what_is_acknowledged_in_netbox_comes_back_until_something_material_changes(world) -> None:
    w = world()
    w.mail(build_update(1))
    w.deliver()
    w.server.edit("maintenance", 1, acknowledged=True, internal_ticket="NOC-7", comments="ours", tags=[])
    w.delivery.compare_all(now=w.now, since=NOW)
    (told, again) = w.deliver()
    assert (told.outcome.drift, again.outcome.done) == ((), ())
    assert said(w) == (True, "NOC-7")
    assert w.behind.due == 0
    w.mail(build_update(2, circuits=("C-1",)))
    assert said(w) == (False, "NOC-7")
    w.deliver()
    (row,) = w.server.rows("maintenance")
    assert (row["acknowledged"], row["internal_ticket"], row["comments"]) == (False, "NOC-7", "ours")
    assert any("to be acknowledged again" in words for words in w.server.journal_of("maintenance", 1))
    # And here: the newest of both counts.
    w.do(events.acknowledge, KEY, 1, author="alice", ticket="NOC-8", now=w.now)
    w.deliver()
    (row,) = w.server.rows("maintenance")
    assert (row["acknowledged"], row["internal_ticket"]) == (True, "NOC-8")
    w.server.edit("maintenance", 1, acknowledged=False, internal_ticket="")
    w.delivery.compare_all(now=w.now, since=NOW)
    w.deliver()
    assert said(w) == (False, "")
    assert w.behind.due == 0


# --- comparing ---


def test_what_people_break_is_found_told_and_set_right_once_a_day(world) -> None:
    w = world()
    names = [(EventKey(kind=Kind.MAINTENANCE, provider="zayo", id_key=f"ttn-{number}"), 1) for number in (1, 2, 3)]
    w.mail(*(build_update(number, event_id=f"TTN-{number}") for number in (1, 2, 3)))
    w.deliver()
    w.server.edit("maintenance", 1, summary="somebody's words")
    w.server.remove("maintenance", 2)
    assert [len(w.delivery.compare(name)) for name in names] == [1, 1, 0]
    before = w.server.rows("maintenance")
    assert w.deliver() == []
    assert w.server.rows("maintenance") == before

    stopping = threading.Event()
    w.delivery._turn(stopping)
    assert w.server.rows("maintenance") == before
    w.waits(days=1)
    w.delivery._turn(stopping)
    assert [w.delivery.compare(name) for name in names] == [()] * 3
    assert w.names() == [(f"TTN-{number}", "CONFIRMED") for number in (1, 2, 3)]
    w.server.forget()
    w.delivery._turn(stopping)
    assert w.server.requests() == []


def test_what_waits_to_be_pushed_is_no_drift(world) -> None:
    w = world()
    w.mail(build_update(1))
    assert w.delivery.compare((KEY, 1)) is None
    w.deliver()
    assert w.delivery.compare((KEY, 1)) == ()


def test_another_netbox_is_told_all_anew_and_nothing_of_it_is_taken_for_ours(world) -> None:
    w, other = world(), world("notices")
    w.mail(build_update(1, nights=2))
    w.deliver()
    somebodys = other.server.make(
        "maintenance",
        name="X",
        summary="x",
        status="CONFIRMED",
        provider=other.provider,
        start=NIGHT,
        end=NIGHT + HOUR,
    )
    w.server = other.server
    w.configure()
    w.deliver()
    assert other.names() == [("TTN-1", "CONFIRMED"), ("TTN-1 [2]", "CONFIRMED"), ("X", "CONFIRMED")]
    assert other.server.rows("maintenance")[0]["id"] == somebodys
    assert len(other.server.rows("notice")) == 1


@pytest.mark.parametrize(
    ("reconcile_at", "now", "expected"),
    [
        ("03:30", "2026-11-23T04:00:00", "2026-11-23T03:30:00"),
        ("03:30", "2026-11-23T03:00:00", "2026-11-22T03:30:00"),
        ("never", "2026-11-23T03:00:00", None),
    ],
)
def test_the_last_time_of_day_is_by_the_clock_of_the_machine(reconcile_at, now, expected) -> None:
    found = delivery.last_time_of_day(reconcile_at, datetime.fromisoformat(now).astimezone().astimezone(UTC))
    assert found == (datetime.fromisoformat(expected).astimezone() if expected else None)


# --- many at once ---


def many(count: int, **facts: object) -> list:
    return [build_update(number, event_id=f"TTN-{number}", **facts) for number in range(count)]


def test_events_that_netbox_was_never_told_of_are_made_there_together(world) -> None:
    w = world()
    w.mail(build_update(1, event_id="FIRST"))
    w.deliver()
    w.server.forget()
    w.mail(*many(120))
    told = w.deliver()
    assert [one.problem for one in told] == [""] * 120
    # In 50, 50 and 20: a look for the names, the events, their two impacts each, and their mails.
    asked = [(each.method, each.path.rstrip("/").rpartition("/")[2]) for each in w.server.requests()]
    assert asked.count(("GET", "circuitmaintenance")) == asked.count(("POST", "circuitmaintenance")) == 3
    assert asked.count(("POST", "circuitmaintenancenotifications")) == 3
    assert asked.count(("POST", "circuitmaintenanceimpact")) == 2 + 2 + 1
    assert len(asked) == 3 + 3 + 3 + 5
    assert w.behind == outbox.Figures(due=0, failed=0, parked=0, to_compare=0, oldest_at=None)
    assert len(w.server.rows("notice")) == 121
    assert [w.delivery.compare(name) for name in w.ask(outbox.names_after, NOW)] == [()] * 121
    w.server.forget()
    w.do(outbox.enqueue_all, since=NOW, now=w.now)
    assert [one.outcome.done for one in w.deliver()] == [()] * 121
    assert w.server.requests() == []


def test_one_that_is_refused_among_fifty_is_parked_alone(world) -> None:
    w = world()
    ugly = faults.refused({"name": ["too ugly"]})
    w.server.plan.when(ugly, method="POST", path="circuitmaintenance/", body=b'"TTN-7"', times=-1)
    w.mail(*many(50))
    told = w.deliver()
    assert [one.event_id for one in told if one.parked] == ["TTN-7"]
    assert [one.event_id for one in told if one.problem] == ["TTN-7"]
    assert len(w.names()) == 49
    assert (w.behind.due, w.behind.parked) == (0, 1)


def test_one_that_cannot_be_read_waits_and_the_others_are_there(world, monkeypatch) -> None:
    w = world()
    w.mail(*many(3))
    read = delivery.wanted

    def broken(store, settings, name, **facts):
        if name[0].id_key == "ttn-1":
            raise KeyError("a fault")
        return read(store, settings, name, **facts)

    monkeypatch.setattr(delivery, "wanted", broken)
    assert {one.event_id: one.problem for one in w.deliver()} == {
        "TTN-0": "",
        "ttn-1": "KeyError: 'a fault'",
        "TTN-2": "",
    }
    assert [name for name, _ in w.names()] == ["TTN-0", "TTN-2"]


def test_what_netbox_knows_by_name_is_not_made_twice_beside_the_others(world) -> None:
    w = world()
    w.server.make(
        "maintenance",
        name="TTN-3",
        summary="a person's",
        status="CONFIRMED",
        provider=w.provider,
        start=NIGHT,
        end=NIGHT + HOUR,
    )
    w.mail(*many(5))
    w.deliver()
    assert [name for name, _ in w.names()] == [f"TTN-{number}" for number in range(5)]
    assert [w.delivery.compare(name) for name in w.ask(outbox.names_after, NOW)] == [()] * 5


def attempts(w: World) -> list[int]:
    owed = [w.ask(outbox.owed, *name) for name in w.ask(outbox.names_after, NOW)]
    return sorted(one.attempts for one in owed if one)


@pytest.mark.parametrize("fault", [faults.gateway(502), faults.cut(applied=True), faults.throttled(20)])
def test_when_netbox_goes_away_what_was_not_tried_is_due_as_before_and_what_was_is_looked_at(world, fault) -> None:
    w = world()
    w.mail(build_update(1, event_id="FIRST"))
    w.deliver()
    w.mail(*many(60))
    before = w.now

    def goes_away(request) -> None:
        if request.method == "POST" and request.path.endswith("impact/"):
            w.server.plan.when(fault, times=-1)

    w.server.watch = goes_away
    told = w.deliver()
    assert len(told) == 50
    assert all(one.problem for one in told)
    assert w.delivery.is_paused
    assert attempts(w) == [0] * 10 + [1] * 50
    w.server.watch = lambda _: None
    w.server.plan.clear()
    # Whoever is not paused gets what was not tried at once.
    with w.somebody() as other:
        assert other.deliver() == 10
    assert w.now == before
    w.waits(minutes=2)
    assert [one.problem for one in w.deliver()] == [""] * 50
    assert len(w.names()) == len({name for name, _ in w.names()}) == 61
    assert [w.delivery.compare(name) for name in w.ask(outbox.names_after, NOW)] == [()] * 61


def test_what_is_claimed_and_not_tried_is_let_go_when_it_is_to_stop(world) -> None:
    w = world()
    w.mail(*many(4))
    w.deliver()
    w.mail(*many(4, summary="Other work"))
    assert len(w.deliver(stopping=lambda: True)) == 1
    assert w.behind.due == 3
    with w.somebody() as other:
        assert other.deliver() == 3


def test_a_change_is_not_held_up_by_a_long_comparison(world) -> None:
    w = world()
    w.mail(*many(40))
    w.deliver()
    w.delivery.compare_all(now=w.now, since=NOW)
    asked = []

    def slow(request) -> None:
        w.now += timedelta(seconds=1)
        asked.append(request)
        if len(asked) == 8:
            w.mail(build_update(9, event_id="URGENT"))

    w.server.watch = slow
    told = [one.event_id for one in w.deliver()]
    assert len(told) == 41
    assert told.index("URGENT") <= 4


@pytest.mark.parametrize("dialect", ["0.8", "fork", "notices"])
def test_killed_at_any_request_of_many_nothing_is_there_twice(world, dialect) -> None:
    for when in range(1, 30):
        w = world(dialect)
        w.mail(*many(3, status=MaintenanceStatus.CANCELLED), *(build_outage(number) for number in (1,)))
        with pytest.MonkeyPatch.context() as patch:
            die_at(patch, when)
            try:
                w.deliver()
            except Killed:
                killed = True
            else:
                killed = False
        w.delivery = w.somebody()
        w.waits(seconds=31)
        w.deliver()
        assert w.behind.due == 0
        outages = [] if dialect == "0.8" else ["TT-1"]
        assert [name for name, _ in w.names()] == [*outages, "TTN-0", "TTN-1", "TTN-2"]
        assert len(w.server.rows("notice")) == (4 if dialect == "notices" else 3)
        for name in w.ask(outbox.names_after, NOW):
            assert w.delivery.compare(name) == ()
        if not killed:
            return
    raise AssertionError("it was never done in less than 30 requests")


# --- stopped anywhere ---


class Killed(BaseException):
    """The end of the process."""


@pytest.mark.parametrize("dialect", ["0.6", "0.8", "fork", "notices", "plain"])
def test_killed_at_any_request_nothing_is_lost_and_nothing_is_there_twice(world, dialect) -> None:
    for when in range(1, 30):
        w = world(dialect)
        w.mail(build_update(1, nights=2), name="a")
        w.deliver()
        w.mail(
            build_update(2, circuits=("C-2",), status=MaintenanceStatus.CANCELLED),
            build_outage(2, etr=60),
            name="b",
        )
        with pytest.MonkeyPatch.context() as patch:
            die_at(patch, when)
            try:
                w.deliver()
            except Killed:
                killed = True
            else:
                killed = False
        # Whoever was killed has it for as long as the lease lasts.
        w.delivery = w.somebody()
        w.waits(seconds=31)
        w.deliver()
        assert w.behind.due == 0
        assert [one for one, _ in w.names()] == [
            name
            for name, can in (
                ("TT-1", dialect in ("fork", "notices")),
                ("TTN-1", dialect != "plain"),
                ("TTN-1 [2]", dialect != "plain"),
            )
            if can
        ]
        subjects = [row["subject"] for row in w.server.rows("notice")]
        assert sorted(subjects) == {"plain": [], "notices": ["a", "b", "b"]}.get(dialect, ["a", "b"])
        for name in ((KEY, 1), (EventKey(kind=Kind.OUTAGE, provider="zayo", id_key="tt-1"), 1)):
            assert w.delivery.compare(name) == ()
        if not killed:
            return
    raise AssertionError("it was never done in less than 30 requests")


def die_at(patch: pytest.MonkeyPatch, when: int) -> None:
    """Let the process end with the n-th request from now on: half of them before it is answered."""
    from sync import netbox

    send, sent = netbox._Session.send, []

    def counted(session, request, **options):
        sent.append(request)
        if len(sent) == when:
            if when % 2:
                send(session, request, **options)
            raise Killed
        return send(session, request, **options)

    patch.setattr(netbox._Session, "send", counted)


def test_two_who_deliver_at_once_share_the_work(world) -> None:
    w = world()
    w.mail(*(build_update(number, event_id=f"TTN-{number}", circuits=()) for number in range(120)))
    counts = {}

    def work(number: int) -> None:
        with w.somebody() as one:
            counts[number] = one.deliver()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts.values()) == 120
    assert len(w.names()) == len(set(w.names())) == 120


def test_who_lost_the_lease_writes_no_more(world) -> None:
    w = world()
    w.mail(build_update(1))
    taken = []

    def late(request) -> None:
        if not taken:
            w.waits(minutes=1)
            taken.append(request)

    w.server.watch = late
    (told,) = w.deliver(stopping=lambda: True)
    assert told.problem == "somebody else is at it"
    assert w.server.rows("maintenance") == []
    w.deliver()
    assert len(w.server.rows("maintenance")) == 1


# --- any sequence ---


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("dialect", ["0.8", "notices"])
def test_whatever_happens_netbox_ends_as_it_should(world, dialect, seed) -> None:
    draw = random.Random(f"{dialect} {seed}")
    w = world(dialect)
    statuses = [one for one in MaintenanceStatus if one is not MaintenanceStatus.COMPLETED]
    for number in range(12):
        w.server.plan.by_chance(draw.random(), draw.choice((0, 0.3, 0.6)))
        name = f"TTN-{draw.randrange(2)}"
        circuits = draw.choice((("C-1",), ("C-1", "C-2"), ("C-2", "C-9")))
        w.mail(build_update(number, event_id=name, status=draw.choice(statuses), circuits=circuits))
        if draw.random() < 0.4:
            w.mail(build_outage(number, status=draw.choice(list(OutageStatus)), etr=60 * draw.randrange(1, 5)))
        w.deliver()
        if draw.random() < 0.3:
            w.delivery.close()
            w.delivery = w.somebody()
        w.waits(minutes=draw.choice((0, 5, 90)))
    w.server.plan.clear()
    for _ in range(3):
        w.waits(hours=2)
        w.delivery.look_for_missing()
        w.deliver()
    assert w.behind.due == w.behind.parked == 0
    for name in w.ask(outbox.names_after, NOW - DAY):
        assert w.delivery.compare(name) == (), name
