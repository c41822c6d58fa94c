"""What is needed to choose among messages is found at once, however many there are."""

from datetime import UTC, datetime, timedelta

from domain.message import Disposition, Reason
from storage import messages, queries

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def outlined(store, **options):
    with store.reading() as conn:
        found = [one["id"] for one in queries.outlines(conn, **options)]
    assert found == sorted(found, reverse=True)
    return set(found)


def test_an_outline_has_what_is_needed_to_choose(store, record, arrival):
    (number,) = record(arrival("big", raw=b"x" * 5, too_large=True, size=9))
    with store.reading() as conn:
        assert queries.outlines(conn) == [
            {
                "id": number,
                "received_at": "2026-11-20T12:00:00Z",
                "from": "Zayo <mr@zayo.example>",
                "sender": "mr@zayo.example",
                "subject": "big",
                "disposition": "quarantined",
                "reason": "too_large",
                "provider": None,
                "detail": "9 octets, over the limit: only the first 5 are kept",
                "whole": False,
                "pruned_at": None,
            }
        ]


def test_outlines_are_chosen_by_what_is_known_of_messages(store, record, arrival, reading):
    a, b, c, d = record(
        arrival("a"),
        arrival("b", imap_uid=2, received_at=NOW + timedelta(days=1)),
        arrival("c", imap_uid=3, sender="x@evil.example"),
        arrival("d", imap_uid=4, sender="x@not-evil.example"),
    )
    for number, facts in (
        (a, {"disposition": Disposition.IRRELEVANT}),
        (b, {"reason": Reason.UNPARSED}),
        (c, {"reason": Reason.UNKNOWN_PROVIDER, "provider": None}),
        (d, {"reason": Reason.UNTRUSTED, "provider": None}),
    ):
        with store.writing() as conn:
            messages.settle(conn, number, reading(**facts), now=NOW)
    assert outlined(store) == {d, c, b, a}
    assert outlined(store, disposition=Disposition.QUARANTINED) == {d, c, b}
    assert outlined(store, reasons=[Reason.UNPARSED, Reason.UNTRUSTED]) == {d, b}
    assert outlined(store, provider="zayo") == {b, a}
    assert outlined(store, sender="X@evil.example") == {c}
    assert outlined(store, sender="@evil.example") == {c}
    assert outlined(store, sender="@zayo_example") == set()
    assert outlined(store, since=NOW + timedelta(hours=1)) == {b}
    assert outlined(store, numbers=[a, c, 999]) == {c, a}
    assert outlined(store, numbers=[a, c], disposition=Disposition.QUARANTINED) == {c}


def test_five_thousand_outlines_take_one_statement_and_read_no_bodies(store, arrival, reading, statements):
    with store.writing() as conn:
        recorded = messages.record(conn, [arrival(str(n), imap_uid=n) for n in range(1, 5001)], now=NOW)
    with store.writing() as conn:
        for one in recorded:
            messages.settle(conn, one.message, reading(reason=Reason.UNPARSED), now=NOW)
    with store.reading() as conn, statements(conn) as said:
        assert len(queries.outlines(conn, disposition=Disposition.QUARANTINED)) == 5000
    assert len(said) == 1
    assert "raw_messages" not in said[0]
