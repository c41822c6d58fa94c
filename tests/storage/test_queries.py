"""What is printed has exactly the shapes that the product promises."""

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import NotFound
from domain.events import EventKey, StatedCircuit, StatedWindow
from domain.fold import fold
from domain.message import Disposition, Reason
from domain.vocabulary import Impact, Kind, MaintenanceStatus, Phase
from storage import events, messages, queries

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def window(days, hours=4, **facts):
    start = NOW + timedelta(days=days)
    return StatedWindow(start=start, end=start + timedelta(hours=hours), **facts)


def listed(store, **options):
    with store.reading() as conn:
        return [one["id"] for one in queries.events(conn, **{"now": NOW, **options})]


def ledger(store, **options):
    with store.reading() as conn:
        return [one["subject"] for one in queries.messages(conn, **options)]


# --- events ---


def test_an_event_has_the_shape_that_is_promised(store, applied, update):
    circuits = (
        StatedCircuit(circuit_id="/OQYX/234567/ /ZYO /", impact=Impact.OUTAGE),
        StatedCircuit(circuit_id="C-1", impact=Impact.DEGRADED),
    )
    nights = (window(10, circuits=circuits), window(11, circuits=circuits[:1]))
    number = applied("a", update(1, event_id="TTN-0001234567", windows=nights, circuits=()))
    with store.reading() as conn:
        (found,) = queries.events(conn, now=NOW)
        (shown,) = queries.event(conn, " ttn-0001234567", now=NOW)
    assert found == {
        "kind": "maintenance",
        "provider": "zayo",
        "id": "TTN-0001234567",
        "generation": 1,
        "accounts": ["12345"],
        "status": "CONFIRMED",
        "start": "2026-11-30T12:00:00Z",
        "end": "2026-12-01T16:00:00Z",
        "windows": [
            {
                "start": "2026-11-30T12:00:00Z",
                "end": "2026-11-30T16:00:00Z",
                "status": "CONFIRMED",
                "withdrawn": False,
                "circuits": [
                    {"circuit_id": "/OQYX/234567/ /ZYO /", "impact": "OUTAGE"},
                    {"circuit_id": "C-1", "impact": "DEGRADED"},
                ],
            },
            {
                "start": "2026-12-01T12:00:00Z",
                "end": "2026-12-01T16:00:00Z",
                "status": "CONFIRMED",
                "withdrawn": False,
                "circuits": [{"circuit_id": "/OQYX/234567/ /ZYO /", "impact": "OUTAGE"}],
            },
        ],
        "circuits": [
            {"circuit_id": "/OQYX/234567/ /ZYO /", "impact": "OUTAGE", "withdrawn": False},
            {"circuit_id": "C-1", "impact": "DEGRADED", "withdrawn": False},
        ],
        "etr": None,
        "end_inferred": False,
        "reported_at": None,
        "cause": None,
        "original_timezone": None,
        "summary": "Fibre work",
        "organizer": "mr@zayo.example",
        "acknowledged": False,
        "internal_ticket": "",
        "stamp": "2026-11-20T12:01:00Z",
        "stamp_inferred": False,
        "unverified": True,
        "replaces": None,
        "replaced_by": None,
        "linked": [],
        "updates": 1,
        "phase": "upcoming",
    }
    added = {name: value for name, value in shown.items() if name not in found}
    assert {**found, **added} == shown
    names = ["etr_missed", "etr_revisions", "hidden", "history", "messages", "netbox", "offered", "references"]
    assert sorted(added) == names
    assert (added["etr_revisions"], added["netbox"]) == ([], None)
    assert (added["etr_missed"], added["offered"]) == (False, [])
    assert [(one["id"], one["events"]) for one in added["messages"]] == [
        (number, [["maintenance", "zayo", "TTN-0001234567"]])
    ]
    (entry,) = added["history"]
    assert {**entry, "changes": entry["changes"]["status"]} == {
        "stamp": "2026-11-20T12:01:00Z",
        "move": "opened",
        "source": "<1@zayo.example>",
        "superseded": False,
        "changes": [None, "CONFIRMED"],
    }
    assert json.loads(json.dumps(shown)) == shown


def test_a_circuit_that_was_withdrawn_stands_with_the_event_alone(store, applied, update):
    applied("a", update(1, circuits=("C-1", "C-2")))
    applied("b", update(2, circuits=("C-1",)))
    with store.reading() as conn:
        (found,) = queries.events(conn, now=NOW)
    assert [(one["circuit_id"], one["withdrawn"]) for one in found["circuits"]] == [("C-1", False), ("C-2", True)]
    assert [one["circuit_id"] for one in found["windows"][0]["circuits"]] == ["C-1"]


def test_an_event_without_windows_has_neither_start_nor_end(store, applied, update):
    circuits = (StatedCircuit(circuit_id="C-1"),)
    applied("a", update(1, windows=None), update(1, event_id="X", windows=None))
    applied("b", replace(update(2, windows=None), circuits=circuits))
    with store.reading() as conn:
        found = {one["id"]: one for one in queries.events(conn, now=NOW)}
    assert (found["TTN-1"]["start"], found["TTN-1"]["end"], found["TTN-1"]["windows"]) == (None, None, [])
    assert found["TTN-1"]["circuits"] == [{"circuit_id": "C-1", "impact": "OUTAGE", "withdrawn": False}]
    assert found["X"]["circuits"] == []


def test_events_are_listed_by_start_provider_and_id(store, applied, update):
    applied(
        "a",
        update(1, event_id="no window", windows=None),
        update(1, event_id="B", windows=(window(2),)),
        update(1, event_id="A", windows=(window(2),)),
        update(1, event_id="Z", windows=(window(2),), provider="gtt"),
        update(1, event_id="first", windows=(window(1),)),
    )
    assert listed(store) == ["first", "Z", "A", "B", "no window"]


@pytest.fixture
def phases(applied, update):
    """One event in each phase, by its name."""
    stamp = NOW - timedelta(days=20)
    completed = MaintenanceStatus.COMPLETED
    applied(
        "phases",
        update(1, stamp=stamp, event_id="upcoming", windows=(window(1),)),
        update(1, stamp=stamp, event_id="no window", windows=None),
        update(1, stamp=stamp, event_id="active", windows=(window(-0.1),), circuits=()),
        update(1, stamp=stamp, event_id="between", windows=(window(-2), window(2))),
        update(1, stamp=stamp, event_id="just over", windows=(window(-0.5),)),
        update(1, stamp=stamp, event_id="overdue", windows=(window(-0.5),), provider="telia"),
        update(1, stamp=stamp, event_id="long over", windows=(window(-9),), provider="telia"),
        update(1, stamp=stamp, event_id="completed", windows=(window(-0.5),), provider="telia", status=completed),
        update(1, stamp=stamp, event_id="cancelled", windows=(window(3),), status=MaintenanceStatus.CANCELLED),
    )


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([Phase.UPCOMING], ["between", "no window", "upcoming"]),
        ([Phase.ACTIVE], ["active"]),
        ([Phase.OVERDUE], ["overdue"]),
        ([Phase.PAST], ["cancelled", "completed", "just over", "long over"]),
        ([Phase.ACTIVE, Phase.OVERDUE], ["active", "overdue"]),
    ],
)
def test_events_are_chosen_by_phase(store, phases, wanted, expected):
    assert sorted(listed(store, phases=wanted, completions={"telia"})) == expected


def test_all_phases_together_are_all_events(store, phases):
    by_phase = [listed(store, phases=[phase], completions={"telia"}) for phase in Phase]
    assert sorted(itertools.chain(*by_phase)) == sorted(listed(store)) == sorted(listed(store, phases=list(Phase)))


def test_events_are_chosen_by_what_they_are(store, applied, update):
    applied(
        "a",
        update(1, event_id="A", windows=(window(1, circuits=(StatedCircuit(circuit_id="/OQYX/ 1"),)),)),
        update(1, event_id="B", windows=(window(5),), provider="gtt"),
        update(1, event_id="C", windows=(window(9),), provider="telia"),
        update(1, event_id="D", windows=None),
        update(1, event_id="E", windows=None, kind=Kind.OUTAGE, provider="lumen"),
    )
    assert listed(store, kind=Kind.OUTAGE) == ["E"]
    assert listed(store, provider="gtt") == ["B"]
    assert listed(store, circuit=" /oqyx/  1") == ["A"]
    assert listed(store, circuit="/OQYX/") == []
    day = timedelta(days=1)
    assert listed(store, since=NOW + 2 * day) == ["B", "C"]
    assert listed(store, until=NOW + 2 * day) == ["A", "E", "D"]
    assert listed(store, since=NOW + 5 * day, until=NOW + 5 * day + timedelta(seconds=1)) == ["B"]
    assert listed(store, since=NOW, until=NOW + timedelta(hours=1)) == ["E", "D"]
    assert listed(store, provider="zayo", since=NOW + 2 * day, kind=Kind.MAINTENANCE) == []


def test_listing_takes_few_statements_and_reads_no_bodies(store, applied, update, statements):
    applied("a", *(update(1, event_id=str(n), nights=2) for n in range(30)))
    with store.reading() as conn, statements(conn) as said:
        assert len(queries.events(conn, now=NOW)) == 30
        assert len(queries.messages(conn)) == 1
    assert len(said) <= 8
    assert not any("raw_messages" in line for line in said)


def test_an_id_of_several_carriers_shows_all_of_them(store, applied, update):
    applied("a", update(1, provider="zayo"), update(1, provider="gtt"), update(1, provider="gtt", kind=Kind.OUTAGE))

    def shown(**options):
        with store.reading() as conn:
            return [(one["kind"], one["provider"]) for one in queries.event(conn, "TTN-1", now=NOW, **options)]

    assert shown() == [("maintenance", "gtt"), ("maintenance", "zayo"), ("outage", "gtt")]
    assert shown(provider="gtt") == [("maintenance", "gtt"), ("outage", "gtt")]
    assert shown(provider="gtt", kind=Kind.OUTAGE) == [("outage", "gtt")]
    for options in ({"provider": "lumen"}, {"kind": Kind.OUTAGE, "provider": "zayo"}):
        with pytest.raises(NotFound, match="no event TTN-1 of"):
            shown(**options)


def test_the_messages_of_an_event_are_in_the_order_of_their_stamps(store, applied, update):
    applied("later", update(9), update(9, event_id="X"))
    applied("earlier", update(3))
    applied("other", update(1, event_id="X"))
    with store.reading() as conn:
        (shown,) = queries.event(conn, "TTN-1", now=NOW)
    assert [one["subject"] for one in shown["messages"]] == ["earlier", "later"]


def test_facts_are_the_event_as_nobody_has_seen_it(store, applied, update):
    applied("a", update(1))
    with store.reading() as conn:
        (found,) = queries.events(conn, now=NOW)
    (folded,) = fold([update(1)])
    assert queries.facts(folded) == {**found, "phase": None}


# --- messages ---


def test_a_message_has_the_shape_that_is_promised(store, applied, update):
    number = applied("a", update(1), update(1), update(1, event_id="TTN-2"))
    with store.reading() as conn:
        (found,) = queries.messages(conn)
        shown = queries.message(conn, number)
    uid = found["imap_uid"]
    assert found == {
        "id": number,
        "mailbox": "noc",
        "folder": "INBOX",
        "imap_uid": uid,
        "uid_validity": 7,
        "message_id": "<a@zayo.example>",
        "from": "Zayo <mr@zayo.example>",
        "subject": "a",
        "date": "2026-11-20T11:55:00Z",
        "received_at": "2026-11-20T12:00:00Z",
        "size": 25,
        "disposition": "applied",
        "reason": None,
        "provider": "zayo",
        "reader": "zayo",
        "events": [["maintenance", "zayo", "TTN-1"], ["maintenance", "zayo", "TTN-2"]],
    }
    assert shown == {
        **found,
        "detail": "",
        "attempts": 0,
        "sender": "mr@zayo.example",
        "sender_problem": None,
        "reader_version": "2.12.0",
        "stored_at": "2026-11-20T12:00:00Z",
        "settled_at": "2026-11-20T12:00:00Z",
        "pruned_at": None,
        "sightings": [
            {
                "mailbox": "noc",
                "folder": "INBOX",
                "imap_uid": uid,
                "uid_validity": 7,
                "seen_at": "2026-11-20T12:00:00Z",
                "filed_at": None,
            }
        ],
        "trials": [],
        "decision": None,
        "retracted": None,
    }
    assert json.loads(json.dumps(shown)) == shown


def test_what_was_imported_from_a_file_has_no_uid(store, record, arrival):
    record(arrival("a", mailbox="import", folder="/tmp/a.eml", uid_validity=None, imap_uid=None, date=None))
    with store.reading() as conn:
        (found,) = queries.messages(conn)
    assert (found["mailbox"], found["imap_uid"], found["uid_validity"], found["date"]) == ("import", None, None, None)


def test_a_message_stands_where_it_was_first_seen(store, arrival):
    for minutes, mailbox in enumerate(("noc", "archive")):
        with store.writing() as conn:
            messages.record(conn, [arrival("a", mailbox=mailbox)], now=NOW + timedelta(minutes=minutes))
    with store.reading() as conn:
        (found,) = queries.messages(conn)
    assert found["mailbox"] == "noc"


def test_messages_are_chosen_by_what_became_of_them(store, applied, record, arrival, update):
    applied("a", update(1))
    applied("b", update(2), reason=Reason.PARTIAL)
    applied("c", reason=Reason.UNPARSED)
    record(arrival("d", imap_uid=2, received_at=NOW + timedelta(days=1)))
    assert ledger(store) == ["d", "c", "b", "a"]
    assert ledger(store, limit=2) == ["d", "c"]
    assert ledger(store, disposition=Disposition.QUARANTINED) == ["c", "b"]
    assert ledger(store, disposition=Disposition.QUARANTINED, reason=Reason.PARTIAL) == ["b"]
    assert ledger(store, provider="zayo", limit=1) == ["c"]
    assert ledger(store, since=NOW + timedelta(hours=1)) == ["d"]


def test_what_became_of_messages_is_counted(store, applied, update):
    numbers = [applied("a", update(1)), applied("b", update(2)), applied("c", reason=Reason.UNPARSED)]
    with store.reading() as conn:
        counts = queries.dispositions(conn, [*numbers, 999])
        assert {name: count for name, count in counts.items() if count} == {"applied": 2, "quarantined": 1}


def test_what_does_not_exist_is_not_found(store):
    with store.reading() as conn:
        for ask in (queries.message, queries.raw):
            with pytest.raises(NotFound, match="there is no message 5"):
                ask(conn, 5)
        with pytest.raises(NotFound, match="there is no event X"):
            queries.event(conn, "X", now=NOW)


# --- figures ---


def test_figures_have_the_shape_that_is_promised(store, applied, record, arrival, update):
    applied("a", update(1), update(1, event_id="TTN-2"), update(1, event_id="TT-3", kind=Kind.OUTAGE))
    applied("b", reason=Reason.UNPARSED)
    record(arrival("c", imap_uid=2), arrival("d", imap_uid=3, mailbox="peering"))
    with store.writing() as conn:
        messages.record(conn, [arrival("e", imap_uid=4)], now=NOW + timedelta(seconds=50))
        messages.note_success(conn, "noc", "INBOX", NOW)
        messages.note_failure(conn, "peering", "INBOX", NOW, "refused")
        messages.note_success(conn, "peering", "Other", NOW - timedelta(days=1))
    with store.reading() as conn:
        found = queries.stats(conn, now=NOW + timedelta(seconds=90), mailboxes=["noc", "peering", "quiet"])
    assert found == {
        "messages": {"received": 3, "applied": 1, "irrelevant": 0, "ignored": 0, "quarantined": 1},
        "by_provider": {"zayo": 2},
        "events": {"maintenance": 2, "outage": 1},
        "mailboxes": {
            "noc": {"last_success": "2026-11-20T12:00:00Z", "lag_seconds": 90, "error": None},
            "peering": {"last_success": "2026-11-19T12:00:00Z", "lag_seconds": 90, "error": "refused"},
            "quiet": {"last_success": None, "lag_seconds": 0, "error": None},
        },
        "outbox": {"due": 0, "failed": 0, "parked": 0, "to_compare": 0, "oldest_at": None, "problem": None},
    }
    assert json.loads(json.dumps(found)) == found


def test_an_error_stands_until_the_next_success(store):
    def error():
        with store.reading() as conn:
            return queries.stats(conn, now=NOW, mailboxes=["noc"])["mailboxes"]["noc"]["error"]

    with store.writing() as conn:
        messages.note_failure(conn, "noc", "INBOX", NOW, "refused")
        messages.note_failure(conn, "noc", "Other", NOW + timedelta(seconds=1), "no such folder")
    assert error() == "no such folder"
    with store.writing() as conn:
        messages.note_success(conn, "noc", "Other", NOW + timedelta(seconds=2))
    assert error() == "refused"
    with store.writing() as conn:
        messages.note_success(conn, "noc", "INBOX", NOW + timedelta(seconds=3))
    assert error() is None


def test_the_newest_ticket_that_was_named_stands(store, applied, update):
    applied("a", update(1))
    key = EventKey(kind=Kind.MAINTENANCE, provider="zayo", id_key="ttn-1")
    for minutes, ticket in enumerate(("NOC-1", "NOC-2", None)):
        with store.writing() as conn:
            at = NOW + timedelta(minutes=minutes)
            events.acknowledge(conn, key, 1, author="alice", ticket=ticket, comment="", now=at)
    with store.reading() as conn:
        (found,) = queries.events(conn, now=NOW)
    assert (found["acknowledged"], found["internal_ticket"]) == (True, "NOC-2")
