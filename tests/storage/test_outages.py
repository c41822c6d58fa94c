"""Outages are kept as maintenances are, also those that people open before the provider's ticket is known."""

import itertools
import random
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from domain.edits import Asked, edit_of
from domain.events import EventKey, OutageCorrection, StatedEtr
from domain.fold import fold
from domain.outage_edits import OutageAsked, opening_of, outage_edit_of
from domain.vocabulary import EtrMove, Impact, Kind, MaintenanceStatus, OutageStatus, Phase
from storage import database, events, messages, queries, schema
from storage.migrations import HOME

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TT_1 = EventKey(kind=Kind.OUTAGE, provider="zayo", id_key="tt-1")
LOCAL = EventKey(kind=Kind.OUTAGE, provider="zayo", id_key="local-1")


def held(store, key=TT_1):
    with store.reading() as conn:
        assert list(queries.check_laws(conn)) == []
        return queries.events_of_key(conn, key)


def shown(store, event_id, **options):
    with store.reading() as conn:
        found = queries.event(conn, event_id, **{"now": NOW + HOUR, **options})
    assert len(found) == 1
    return found[0]


def listed(store, **options):
    with store.reading() as conn:
        return [one["id"] for one in queries.events(conn, **{"now": NOW, **options})]


def opened(store, event_id="local-1", *, provider="zayo", circuits=("C-1",), at=NOW, **asked):
    """Let a person open an outage; return its key."""
    named = tuple((name, Impact.OUTAGE) for name in circuits)
    edit = opening_of(
        provider, event_id, OutageAsked(circuits=named, **asked), author="alice", reason="a customer called", now=at
    )
    with store.writing() as conn:
        events.add_edit(conn, edit)
        events.refold(conn, [edit.key])
    return edit.key


def corrected(store, key, *, minutes=10, **asked):
    (seen,) = held(store, key)
    now = NOW + timedelta(minutes=minutes)
    edit = outage_edit_of(seen, OutageAsked(**asked), author="alice", reason="they called", now=now)
    with store.writing() as conn:
        events.add_edit(conn, edit)
        events.refold(conn, [key])


def adopted(store, into=TT_1, event_id="TT-1", *, held=LOCAL):
    with store.writing() as conn:
        events.adopt(conn, held, into, event_id, author="bob", reason="their ticket", now=NOW + HOUR)


def story(outage):
    """Return the updates of one outage: told of, estimated, put off, over, back, over again with its reason."""
    return [
        outage(1, zone="CET"),
        outage(10, status=OutageStatus.IDENTIFIED, etr=120, circuits=("C-1", "C-2")),
        outage(20, status=None, etr=180),
        outage(150, status=OutageStatus.RESOLVED),
        outage(160, status=OutageStatus.INVESTIGATING, etr=300),
        outage(400, status=OutageStatus.RESOLVED, end=NOW + 6 * HOUR, cause="A digger"),
    ]


# --- what is kept ---


def test_a_stored_outage_is_the_fold_of_its_updates(store, applied, outage):
    updates = story(outage)
    for number, one in enumerate(updates):
        applied(str(number), one)
    (folded,) = fold(updates)
    assert held(store) == (folded,)
    with store.reading() as conn:
        (found,) = queries.events(conn, now=NOW)
    assert {**queries.facts(folded), "phase": "past"} == found
    assert [one.move for one in folded.etr_revisions] == [EtrMove.SET, EtrMove.EXTENDED, EtrMove.EXTENDED]
    assert (folded.end, folded.end_inferred, folded.cause) == (NOW + 6 * HOUR, False, "A digger")


@pytest.mark.parametrize("seed", range(2))
def test_any_order_of_mails_gives_the_same_outage(store, applied, outage, seed):
    updates = dict(enumerate(story(outage)))
    for number in random.Random(seed).sample(list(updates), len(updates)):
        applied(str(number), updates[number])
    assert held(store) == fold(updates.values())


def test_an_outage_is_shown_in_the_shape_that_is_promised(store, applied, outage):
    for number, one in enumerate(story(outage)[:3]):
        applied(str(number), one)
    found = shown(store, "TT-1", now=NOW + timedelta(minutes=181))
    expected = {
        "kind": "outage",
        "status": "IDENTIFIED",
        "start": "2026-11-20T11:00:00Z",
        "end": None,
        "windows": [],
        "etr": "2026-11-20T15:00:00Z",
        "end_inferred": False,
        "reported_at": "2026-11-20T12:01:00Z",
        "cause": None,
        "original_timezone": "CET",
        "phase": "active",
        "etr_missed": True,
        "offered": [],
        "linked": [],
        "etr_revisions": [
            {
                "stamp": "2026-11-20T12:10:00Z",
                "etr": "2026-11-20T14:00:00Z",
                "previous": None,
                "move": "set",
                "slip_seconds": None,
                "source": "<10@zayo.example>",
                "words": "ETR: in 120 minutes",
            },
            {
                "stamp": "2026-11-20T12:20:00Z",
                "etr": "2026-11-20T15:00:00Z",
                "previous": "2026-11-20T14:00:00Z",
                "move": "extended",
                "slip_seconds": 3600,
                "source": "<20@zayo.example>",
                "words": "ETR: in 180 minutes",
            },
        ],
    }
    assert {name: found[name] for name in expected} == expected
    assert not shown(store, "TT-1", now=NOW + timedelta(minutes=179))["etr_missed"]


def test_an_etr_that_is_withdrawn_is_kept_as_a_revision(store, applied, outage):
    gone = outage(5)
    gone = replace(gone, outage=replace(gone.outage, etr=StatedEtr(at=None, words="ETR: TBA")))
    applied("a", outage(1, etr=60))
    applied("b", gone)
    (event,) = held(store)
    assert [(one.etr, one.move, one.slip_seconds, one.words) for one in event.etr_revisions] == [
        (NOW + HOUR, EtrMove.SET, None, "ETR: in 60 minutes"),
        (None, EtrMove.WITHDRAWN, None, "ETR: TBA"),
    ]
    assert event.etr is None


def test_reading_again_what_says_the_same_writes_no_outage(store, applied, outage, statements):
    updates = story(outage)
    numbers = [applied(str(number), one) for number, one in enumerate(updates)]
    with store.writing() as conn, statements(conn) as said:
        events.refold(conn, events.replace_updates(conn, numbers[2], updates[2:3]))
    written = [line for line in said if not line.startswith("SELECT")]
    assert [line.split()[2] for line in written] == ["updates", "updates"]


def test_an_outage_takes_one_statement_more_than_a_maintenance(store, applied, outage, update, statements):
    def counted(name, *stated):
        number = applied(name)
        with store.writing() as conn, statements(conn) as said:
            events.refold(conn, events.replace_updates(conn, number, stated))
        return len(said)

    told = [outage(1, etr=60, event_id=f"{number}") for number in range(3)]
    planned = [update(1, event_id=f"{number}") for number in range(3)]
    assert counted("outage", told[0]) <= counted("maintenance", planned[0]) + 1


# --- when it is ---


def test_open_outages_last_until_now(store, applied, outage, update):
    days = timedelta(days=1)
    over = {"status": OutageStatus.RESOLVED, "end": NOW - 19 * days}
    applied("a", outage(1, event_id="stale", stamp=NOW - 20 * days, start=NOW - 21 * days))
    applied("b", outage(1, event_id="over", stamp=NOW - 20 * days, start=NOW - 21 * days, **over))
    applied("c", outage(1, event_id="active", stamp=NOW - HOUR, start=None, reported_at=NOW - 2 * days))
    applied("d", update(1, event_id="no window", stamp=NOW - 20 * days, windows=None))

    assert listed(store, phases=[Phase.ACTIVE]) == ["active"]
    assert listed(store, phases=[Phase.STALE]) == ["stale"]
    assert listed(store, phases=[Phase.ACTIVE, Phase.STALE]) == ["stale", "active"]
    assert listed(store, phases=[Phase.PAST]) == ["over"]
    assert listed(store, since=NOW - HOUR) == ["stale", "active"]
    assert listed(store, since=NOW) == ["stale", "active"]
    assert listed(store, since=NOW + HOUR) == []
    assert sorted(listed(store, since=NOW - 20 * days)) == ["active", "no window", "over", "stale"]
    assert listed(store, since=NOW - days, until=NOW - days + HOUR) == ["stale", "active"]
    # It was reported after that, though it was heard of an hour ago for the last time.
    assert listed(store, since=NOW - 3 * days, until=NOW - 2 * days) == ["stale"]


# --- links ---


def test_an_emergency_that_is_both_is_linked_both_ways(store, applied, update, outage):
    applied("a", update(1, event_id="TT-1"))
    applied("b", outage(1), outage(1, provider="gtt"))
    with store.reading() as conn:
        links = {(one["kind"], one["provider"]): one["linked"] for one in queries.events(conn, now=NOW)}
    assert links == {
        ("maintenance", "zayo"): [["outage", "zayo", "TT-1"]],
        ("outage", "zayo"): [["maintenance", "zayo", "TT-1"]],
        ("outage", "gtt"): [],
    }
    assert shown(store, "TT-1", kind=Kind.MAINTENANCE)["linked"] == [["outage", "zayo", "TT-1"]]


@pytest.mark.parametrize("refers", ["maintenance", "outage"])
def test_what_refers_to_the_other_is_linked_both_ways(store, applied, update, outage, refers):
    applied("a", update(1, event_id="TTN-1", references=(" tt-1",) if refers == "maintenance" else ()))
    applied("b", outage(1, event_id="TT-1", references=("ttn-1",) if refers == "outage" else ()))
    assert shown(store, "TTN-1", kind=Kind.MAINTENANCE)["linked"] == [["outage", "zayo", "TT-1"]]
    assert shown(store, "TT-1", kind=Kind.OUTAGE)["linked"] == [["maintenance", "zayo", "TTN-1"]]


def test_what_is_hidden_is_linked_no_more(store, applied, update, outage):
    applied("a", update(1, event_id="TT-1"), outage(1))
    with store.writing() as conn:
        events.hide(conn, TT_1, 1, author="alice", reason="a test", now=NOW)
    assert shown(store, "TT-1", kind=Kind.MAINTENANCE)["linked"] == []


# --- what a person opens ---


def test_no_local_id_is_given_out_twice_or_taken_from_somebody(store, applied, outage):
    applied("a", outage(1, event_id="LOCAL-2"))
    opened(store, "local-4")
    with store.writing() as conn:
        given = [events.next_local_id(conn, "zayo"), events.next_local_id(conn, "gtt")]
    with store.writing() as conn:
        given += [events.next_local_id(conn, "zayo"), events.next_local_id(conn, "zayo")]
    assert given == ["local-1", "local-2", "local-3", "local-5"]


@pytest.mark.postgresql
def test_two_writers_at_once_get_different_local_ids(postgresql_url):
    database.upgrade(postgresql_url)
    store = database.open_store(postgresql_url)
    given, both = [], threading.Barrier(2, timeout=10)

    def ask():
        for _ in range(10):
            with store.writing() as conn:
                given.append(events.next_local_id(conn, "zayo"))
                # Neither has committed when the other asks.
                both.wait()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    store.close()
    assert len(given) == len(set(given)) == 20


def test_an_outage_of_which_no_mail_tells_is_an_event_like_others(store):
    key = opened(store, summary="Paris is dark")
    corrected(store, key, status=OutageStatus.IDENTIFIED, etr=StatedEtr(at=NOW + 2 * HOUR, words="+2h"))

    (event,) = held(store, key)
    assert (event.event_id, event.status, event.updates) == ("local-1", OutageStatus.IDENTIFIED, 2)
    assert listed(store, phases=[Phase.ACTIVE], circuit="c-1") == ["local-1"]
    found = shown(store, "local-1")
    assert (found["messages"], found["summary"], found["unverified"]) == ([], "Paris is dark", False)
    assert [one["source"] for one in found["etr_revisions"]] == ["person:alice"]
    with store.reading() as conn:
        assert queries.stats(conn, now=NOW, mailboxes=[])["events"] == {"maintenance": 0, "outage": 1}


def test_what_a_person_opened_stays_when_its_mails_are_retracted(store, applied, outage):
    opened(store, "TT-1")
    number = applied("a", outage(30, cause="A digger"))
    for said, cause, told in ((messages.retract, None, 1), (messages.restore, "A digger", 2)):
        with store.writing() as conn:
            if said is messages.retract:
                messages.retract(conn, number, author="alice", reason="a test", now=NOW)
            else:
                messages.restore(conn, number)
            assert events.refold_message(conn, number) == [("outage", "zayo", "TT-1")]
        (event,) = held(store)
        assert (event.cause, event.updates) == (cause, told)


# --- adoption ---


def test_what_was_said_of_an_adopted_outage_is_said_of_the_ticket(store, applied, outage):
    opened(store, summary="Paris is dark")
    corrected(store, LOCAL, etr=StatedEtr(at=NOW + 2 * HOUR, words="+2h"))
    applied("a", outage(30, circuits=("C-2",)))
    adopted(store)

    assert held(store, LOCAL) == ()
    (event,) = held(store)
    assert (event.event_id, event.updates, event.references) == ("TT-1", 3, ("local-1",))
    assert {one.circuit_id for one in event.circuits} == {"C-1", "C-2"}
    assert [one.source for one in event.etr_revisions] == ["person:alice"]
    with store.reading() as conn:
        assert events.edits_of_key(conn, LOCAL) == []
        first, second = events.edits_of_key(conn, TT_1)
        assert events.adopted_into(conn, LOCAL) == (TT_1, "TT-1")
        assert events.adopted_into(conn, TT_1) is None
    assert (first.key, first.opens, first.outage.adopted_from) == (TT_1, "TT-1", "local-1")
    assert (second.key, second.opens, second.outage.adopted_from) == (TT_1, None, "local-1")
    assert shown(store, "LOCAL-1")["id"] == "TT-1"


def test_a_ticket_of_which_no_mail_tells_yet_may_adopt(store, applied, outage):
    opened(store)
    adopted(store)
    (event,) = held(store)
    assert (event.event_id, event.references) == ("TT-1", ("local-1",))

    applied("a", outage(90, status=OutageStatus.IDENTIFIED, event_id="tt-1"))
    (event,) = held(store)
    assert (event.event_id, event.status, event.updates) == ("tt-1", OutageStatus.IDENTIFIED, 2)


def test_adoption_and_mails_in_any_order_give_the_same_outage(store, applied, outage):
    mails = [outage(number, etr=60 + number) for number in (5, 30, 120)]
    found = []
    for turn, place in enumerate(range(4)):
        ticket, local = f"TT-{turn}", f"local-{turn}"
        told = [replace(one, event_id=ticket) for one in mails]
        key, into = replace(TT_1, id_key=local), replace(TT_1, id_key=ticket.casefold())
        opened(store, local)
        for number, one in enumerate(told):
            if number == place:
                adopted(store, into, ticket, held=key)
            applied(f"{turn} {number}", one)
        if place == len(told):
            adopted(store, into, ticket, held=key)
        (event,) = held(store, into)
        found.append(replace(event, event_id="", references=()))
    assert found == found[:1] * 4


def test_what_people_saw_goes_over_with_the_outage(store, applied, outage):
    opened(store)
    for minutes, ticket in enumerate(("NOC-1", None)):
        with store.writing() as conn:
            at = NOW + timedelta(minutes=minutes)
            events.acknowledge(conn, LOCAL, 1, author="alice", ticket=ticket, comment="", now=at)
    applied("a", outage(30, circuits=("C-2",)))
    adopted(store)
    found = shown(store, "TT-1")
    # The mail knows of another circuit, which nobody has seen yet.
    assert (found["internal_ticket"], found["acknowledged"]) == ("NOC-1", False)


def test_what_people_saw_goes_to_the_use_of_the_ticket_that_it_is(store, applied, outage):
    long_ago = NOW - timedelta(days=300)
    applied("a", outage(1, stamp=long_ago, start=long_ago, status=OutageStatus.RESOLVED, end=long_ago + HOUR))
    opened(store)
    with store.writing() as conn:
        events.acknowledge(conn, LOCAL, 1, author="alice", ticket="NOC-1", comment="", now=NOW)
    adopted(store)
    assert [one.references for one in held(store)] == [(), ("local-1",)]
    with store.reading() as conn:
        tickets = {one["generation"]: one["internal_ticket"] for one in queries.events(conn, now=NOW)}
    assert tickets == {1: "", 2: "NOC-1"}


def test_what_was_adopted_goes_on_with_what_adopted_it(store, applied, outage):
    typo = replace(TT_1, id_key="tt-11")
    opened(store)
    adopted(store, typo, "TT-11")
    adopted(store, held=typo)
    (event,) = held(store)
    assert event.event_id == "TT-1"
    assert "local-1" in event.references
    with store.reading() as conn:
        assert events.adopted_into(conn, LOCAL) == events.adopted_into(conn, typo) == (TT_1, "TT-1")


def test_nothing_is_adopted_twice(store):
    opened(store)
    adopted(store)
    with pytest.raises(sa.exc.IntegrityError):
        adopted(store, replace(TT_1, id_key="tt-2"), "TT-2")
    assert len(held(store)) == 1


def test_an_adoption_outlives_every_reading_of_the_mails(store, applied, outage):
    opened(store)
    number = applied("a", outage(30))
    adopted(store)
    before = held(store)
    for updates in ([], [outage(30)]):
        with store.writing() as conn:
            events.refold(conn, events.replace_updates(conn, number, updates))
        with store.reading() as conn:
            (event,) = queries.events_of_key(conn, TT_1)
        assert (event.references, event.updates) == (("local-1",), 1 + len(updates))
    assert held(store) == before


def test_an_adoption_of_which_an_edit_says_nothing_of_outages_is_named_in_it(store):
    opened(store)
    (edit,) = edits(store, LOCAL)
    with store.writing() as conn:
        plain = replace(edit, outage=None, circuits=(), summary=("", "Dark"), stamp=NOW + timedelta(minutes=1))
        events.add_edit(conn, plain)
    adopted(store)
    assert edits(store, TT_1)[1].outage == OutageCorrection(adopted_from="local-1")
    assert held(store)[0].summary == "Dark"


def edits(store, key):
    with store.reading() as conn:
        return events.edits_of_key(conn, key)


@pytest.mark.postgresql
def test_who_sees_an_outage_while_it_is_adopted_waits_and_is_told(postgresql_url):
    database.upgrade(postgresql_url)
    store = database.open_store(postgresql_url)
    opened(store)
    told = []

    def see():
        with store.writing() as conn:
            try:
                events.acknowledge(conn, LOCAL, 1, author="alice", ticket="NOC-1", comment="", now=NOW)
            except queries.NotFound as error:
                told.append(str(error))

    thread = threading.Thread(target=see)
    with store.writing() as conn:
        events.adopt(conn, LOCAL, TT_1, "TT-1", author="bob", reason="their ticket", now=NOW)
        thread.start()
        thread.join(0.3)
        assert told == []
    thread.join(10)
    store.close()
    assert told == ["there is no outage local-1 of zayo: `maintd events` lists them"]


# --- what may be the same ---


@pytest.fixture
def offers(store, applied, outage):
    opened(store, start=NOW, circuits=("C-1", "C-2"))
    applied(
        "a",
        outage(1, event_id="near", start=NOW + 2 * HOUR, circuits=("c-1",)),
        outage(1, event_id="reported", start=None, reported_at=NOW - 2 * HOUR, circuits=("C-2", "X")),
        outage(1, event_id="late", start=NOW + 2 * HOUR + timedelta(seconds=1)),
        outage(1, event_id="elsewhere", start=NOW, circuits=("C-3",)),
        outage(1, event_id="theirs", start=NOW, provider="gtt"),
        outage(1, event_id="hidden", start=NOW),
    )
    applied("b", outage(1, event_id="withdrawn", start=NOW, circuits=("C-1", "C-9")))
    applied("c", outage(2, event_id="withdrawn", start=NOW, circuits=("C-9",)))
    with store.writing() as conn:
        events.hide(conn, replace(TT_1, id_key="hidden"), 1, author="alice", reason="a test", now=NOW)


def test_what_may_be_the_same_outage_is_offered_and_not_merged(store, offers):
    assert shown(store, "local-1")["offered"] == [["outage", "zayo", "near"], ["outage", "zayo", "reported"]]
    for event_id in ("near", "reported"):
        assert shown(store, event_id)["offered"] == [["outage", "zayo", "local-1"]]
    for event_id in ("late", "elsewhere", "theirs", "withdrawn"):
        assert shown(store, event_id)["offered"] == []


def test_what_mails_tell_of_or_what_was_adopted_is_offered_no_more(store, offers, applied, outage):
    adopted(store, replace(TT_1, id_key="near"), "near")
    assert shown(store, "near")["offered"] == shown(store, "reported")["offered"] == []

    opened(store, "local-2", start=NOW, circuits=("C-2",))
    assert shown(store, "reported")["offered"] == [["outage", "zayo", "local-2"]]
    number = applied("d", outage(3, event_id="local-2", start=NOW, circuits=("C-2",)))
    assert shown(store, "reported")["offered"] == []
    with store.writing() as conn:
        messages.retract(conn, number, author="alice", reason="a test", now=NOW)
        events.refold_message(conn, number)
    assert shown(store, "reported")["offered"] == [["outage", "zayo", "local-2"]]


# --- figures ---


def test_figures_are_of_each_provider_and_without_what_is_hidden(store, applied, outage, update):
    over = {"status": OutageStatus.RESOLVED, "end": NOW + HOUR}
    applied("a", outage(1, etr=30), outage(1, provider="gtt"), outage(1, event_id="hidden"), update(1))
    applied("b", outage(90, **over))
    with store.writing() as conn:
        events.hide(conn, replace(TT_1, id_key="hidden"), 1, author="alice", reason="a test", now=NOW)
        gtt, zayo = queries.etr_figures(conn, now=NOW + 2 * HOUR)
    assert (gtt["provider"], gtt["outages"], gtt["resolved"], gtt["repair_seconds"]) == ("gtt", 1, 0, None)
    assert zayo == {
        "provider": "zayo",
        "outages": 1,
        "resolved": 1,
        "repair_seconds": 7200,
        "with_etr": 1,
        "moved": 0,
        "moved_mean": 0.0,
        "slip_seconds": 0,
        "missed": 1,
        "first_error_seconds": -1800,
        "first_absolute_seconds": 1800,
        "last_error_seconds": -1800,
        "last_absolute_seconds": 1800,
    }


# --- the revision before ---


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_database_of_the_revision_before_is_upgraded_with_what_it_holds(store, database_url, applied, update):
    applied("a", update(1, nights=2, references=("CHG-7",)))
    applied("b", update(2, status=MaintenanceStatus.RE_SCHEDULED))
    key = update(1).key
    with store.writing() as conn:
        (seen,) = queries.events_of_key(conn, key)
        asked = Asked(status=MaintenanceStatus.TENTATIVE)
        events.add_edit(conn, edit_of(seen, asked, author="alice", reason="they called", now=NOW + HOUR))
        events.refold(conn, [key])
        expected = queries.event(conn, "TTN-1", now=NOW)
    if database_url == f"sqlite:///{store.place}":
        database_url = f"sqlite:///{store.place}.before"

    config = Config()
    config.set_main_option("script_location", str(HOME))
    engine = sa.create_engine(database_url)
    with engine.begin() as conn, store.reading() as source:
        config.attributes["connection"] = conn
        command.upgrade(config, "0002")
        for table in schema.metadata.sorted_tables:
            rows = [dict(row) for row in source.execute(sa.select(table)).mappings()]
            if rows:
                columns = {column["name"] for column in sa.inspect(conn).get_columns(table.name)}
                conn.execute(sa.insert(table), [{name: row[name] for name in columns} for row in rows])
    engine.dispose()

    database.upgrade(database_url)

    upgraded = database.open_store(database_url)
    try:
        with upgraded.writing() as conn:
            assert list(queries.check_laws(conn)) == []
            assert queries.event(conn, "TTN-1", now=NOW) == expected
            events.refold(conn, [key])
            assert list(queries.check_laws(conn)) == []
            assert queries.event(conn, "TTN-1", now=NOW) == expected
            digest = conn.scalar(sa.select(schema.events.c.etr_digest))
    finally:
        upgraded.close()
    # The next fold has written what the migration could not know.
    assert digest


# --- the laws ---


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("UPDATE etr_revisions SET words = 'other' WHERE ordinal = 1", "outage tt-1 of zayo is not what"),
        ("DELETE FROM etr_revisions WHERE ordinal = 0", "outage tt-1 of zayo is not what"),
        ("UPDATE events SET etr_at = NULL WHERE id_key = 'tt-1'", "outage tt-1 of zayo is not what"),
        ("UPDATE events SET cause = 'rain' WHERE id_key = 'tt-1'", "outage tt-1 of zayo is not what"),
        ("UPDATE events SET end_inferred = NOT end_inferred WHERE id_key = 'tt-1'", "outage tt-1 of zayo is not what"),
        ("UPDATE events SET reported_at = NULL WHERE id_key = 'tt-1'", "outage tt-1 of zayo is not what"),
        ("UPDATE events SET original_timezone = 'EST' WHERE id_key = 'tt-1'", "outage tt-1 of zayo is not what"),
        ("DELETE FROM events WHERE id_key = 'local-2'", "outage local-2 of zayo has 0 generations, its updates make 1"),
        ("DELETE FROM edits WHERE id_key = 'local-2'", "outage local-2 of zayo is stored and nobody tells of it"),
        ("DELETE FROM edits WHERE id_key = 'local-1'", "outage tt-3 of zayo is stored and nobody tells of it"),
        (
            "UPDATE adoptions SET into_id_key = 'local-2', id_key = 'tt-3' WHERE id_key = 'local-3'",
            "outage local-1 of zayo was adopted into tt-3, which was itself adopted",
        ),
    ],
)
def test_a_broken_law_of_outages_is_named(store, applied, outage, broken, expected):
    for number, one in enumerate(story(outage)):
        applied(str(number), one)
    for event_id in ("local-1", "local-2", "local-3"):
        opened(store, event_id)
    adopted(store, replace(TT_1, id_key="tt-3"), "TT-3")
    adopted(store, replace(TT_1, id_key="tt-4"), "TT-4", held=replace(TT_1, id_key="local-3"))
    held(store)
    with store.writing() as conn:
        conn.execute(sa.text(broken))
    with store.reading() as conn:
        assert any(fault.startswith(expected) for fault in queries.check_laws(conn))


def test_many_outages_that_people_open_are_checked_in_parts(store, monkeypatch):
    monkeypatch.setattr(queries, "_AT_ONCE", 3)
    for number in range(5):
        opened(store, f"local-{number}")
    adopted(store, replace(TT_1, id_key="zz-1"), "ZZ-1")
    adopted(store, replace(TT_1, id_key="a-1"), "A-1", held=replace(TT_1, id_key="local-2"))
    with store.reading() as conn:
        assert list(queries.check_laws(conn)) == []
        found = itertools.chain(*(queries.events_of_key(conn, replace(TT_1, id_key=key)) for key in ("zz-1", "a-1")))
        assert [one.event_id for one in found] == ["ZZ-1", "A-1"]


def test_the_status_of_an_event_is_of_its_kind(store, applied, update, outage):
    applied("a", update(1), outage(1))
    with store.reading() as conn:
        (planned,) = queries.events_of_key(conn, replace(TT_1, kind=Kind.MAINTENANCE, id_key="ttn-1"))
        (lost,) = queries.events_of_key(conn, TT_1)
    assert type(planned.status) is MaintenanceStatus
    assert type(lost.status) is OutageStatus
