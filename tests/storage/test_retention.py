"""The bytes of old mails go, and nothing else does."""

import random
import shutil
from datetime import timedelta

import pytest
import sqlalchemy as sa

from domain.edits import Asked
from domain.errors import NotFound
from domain.message import Disposition, Reason
from domain.vocabulary import Kind, MaintenanceStatus, OutageStatus
from ingestor import curation
from storage import database, events, messages, queries, retention, schema
from tests.building import NIGHT, NOW, apply, build_outage, build_update

DAY = timedelta(days=1)
# The work of the mails was over for more than a month by then.
LATER = NIGHT + timedelta(days=45)


def due(store, before=LATER):
    with store.reading() as conn:
        return retention.numbers(conn, before=before)


def prune(store, before=LATER, chosen=None):
    with store.writing() as conn:
        return retention.prune(conn, chosen or due(store, before), before=before, now=before)


def sound(store):
    with store.reading() as conn:
        return list(queries.check_laws(conn)) == []


def without_bytes(store):
    with store.reading() as conn:
        return [row["id"] for row in reversed(queries.outlines(conn)) if row["pruned_at"]]


def settle(store, number, disposition):
    with store.writing() as conn:
        row = schema.messages.c.id == number
        conn.execute(sa.update(schema.messages).where(row).values(disposition=disposition, settled_at=NOW))


# --- what goes ---


def test_what_is_settled_goes_and_what_waits_stays(store, record, arrival, applied, update):
    a = applied("a", update(1))
    b, c, d = record(*(arrival(name, imap_uid=number) for number, name in enumerate("bcd", start=2)))
    quarantined = applied("e", reason=Reason.UNPARSED)
    settle(store, b, Disposition.IRRELEVANT)
    settle(store, c, Disposition.IGNORED)
    assert due(store) == [a, b, c]
    assert prune(store) == 3
    assert without_bytes(store) == [a, b, c]
    with store.reading() as conn:
        for number in (a, b, c):
            with pytest.raises(NotFound, match=rf"message {number}: its bytes were pruned at {LATER:%Y-%m-%dT%H}"):
                queries.raw(conn, number)
        assert queries.raw(conn, d) == arrival("d").raw
        assert queries.raw(conn, quarantined)
    assert due(store) == []
    assert prune(store, chosen=[a, b, c, d]) == 0
    assert sound(store)


@pytest.mark.parametrize(("received", "stored"), [(NOW, LATER), (LATER, NOW)])
def test_both_its_receipt_and_its_storing_are_long_ago(store, applied, update, received, stored):
    number = applied("a", update(1))
    assert due(store) == [number]
    with store.writing() as conn:
        conn.execute(sa.update(schema.messages).values(received_at=received, stored_at=stored))
    assert due(store) == []
    assert prune(store, chosen=[number]) == 0


def test_a_mail_goes_when_its_event_was_over_before_the_instant(store, applied, update):
    end = NIGHT + DAY + timedelta(hours=4)
    number = applied("a", update(1, nights=2), update(1, event_id="TTN-2"))
    assert due(store, end) == []
    assert due(store, end + timedelta(seconds=1)) == [number]


def test_work_without_windows_stays_until_it_is_closed(store, applied, update):
    numbers = [applied("a", update(1, windows=None))]
    assert due(store) == []
    numbers.append(applied("b", update(2, windows=None, status=MaintenanceStatus.CANCELLED)))
    assert due(store) == sorted(numbers)


def test_an_outage_stays_until_it_is_resolved(store, applied, outage):
    numbers = [applied("a", outage(1))]
    assert due(store) == []
    numbers.append(applied("b", outage(2, status=OutageStatus.RESOLVED, end=NOW)))
    assert due(store) == sorted(numbers)


def test_one_that_became_current_meanwhile_is_left(store, applied, update, outage):
    number = applied("a", outage(1, status=OutageStatus.RESOLVED, end=NOW))
    chosen = due(store)
    applied("b", outage(2))
    with store.reading() as conn:
        (event,) = queries.events(conn, now=NOW, completions=(), kind=Kind.OUTAGE)
    assert event["status"] != "RESOLVED"
    assert prune(store, chosen=chosen) == 0
    assert number not in without_bytes(store)


def test_what_would_go_is_counted_without_reading_it(store, record, arrival, applied, update):
    a = applied("a", update(1))
    big = arrival("b", imap_uid=2, raw=random.Random(1).randbytes(50_000), received_at=NOW - DAY)
    (b,) = record(big)
    settle(store, b, Disposition.IRRELEVANT)
    record(arrival("c", imap_uid=3))
    applied("d", update(4, event_id="TTN-9", windows=None))
    with store.reading() as conn:
        found = retention.prunable(conn, before=LATER)
        nothing = retention.prunable(conn, before=NOW - DAY)
    assert (found.messages, found.oldest, found.waiting, found.current) == (2, NOW - DAY, 1, 1)
    assert list(found.by_provider) == [None, "zayo"]
    assert 50_000 < found.by_provider[None][1] < 50_100
    assert found.octets == sum(octets for _, octets in found.by_provider.values())
    assert (nothing.messages, nothing.octets, nothing.oldest, nothing.by_provider) == (0, 0, None, {})
    assert due(store) == [a, b]


def test_copies_go_with_their_message(store, record, arrival):
    (number,) = record(arrival("a", evidence="one"))
    assert record(arrival("a", evidence="two", imap_uid=2)) == [number]
    with store.reading() as conn:
        (waiting,) = messages.load(conn, [number])
    assert len(waiting.copies) == 1
    settle(store, number, Disposition.IGNORED)
    assert prune(store) == 1
    with store.reading() as conn:
        assert conn.execute(sa.select(schema.copies)).all() == []


# --- what becomes of a message without bytes ---


def test_the_same_mail_again_is_known_and_stays_pruned(store, record, arrival, applied, update):
    number = applied("a", update(1))
    prune(store)
    assert record(arrival("a", evidence="other", uid_validity=8, imap_uid=99)) == [number]
    assert without_bytes(store) == [number]
    with store.reading() as conn:
        found = queries.message(conn, number)
        assert messages.waiting(conn, limit=10) == []
        assert queries.stats(conn, now=NOW, mailboxes=())["messages"]["applied"] == 1
    assert len(found["sightings"]) == 2
    assert (found["disposition"], found["pruned_at"]) == ("applied", f"{LATER:%Y-%m-%dT%H:%M:%S}Z")
    assert sound(store)


def test_it_is_not_read_again_whatever_asks_for_it(store, record, arrival, applied, update, reading):
    a, b = applied("a", update(1)), applied("b", update(2, event_id="TTN-2"))
    with store.reading() as conn:
        (held, _) = messages.load(conn, [a, b])
    prune(store, chosen=[a])
    with store.writing() as conn:
        everywhere = list(Disposition)
        again = messages.set_disposition(conn, [a], Disposition.RECEIVED, expected=everywhere, now=NOW)
        # By who had it in hand when its bytes went.
        settled = messages.settle(
            conn, a, reading(reason=Reason.UNPARSED), now=NOW, expected=Disposition(held.disposition)
        )
    assert (again, settled) == ([], False)
    with store.reading() as conn:
        assert [message.id for message in messages.load(conn, [a, b])] == [b]
        assert messages.select_numbers(conn) == [b]
        assert messages.select_numbers(conn, pruned=True) == [a]
        with pytest.raises(NotFound, match="there is no message 99"):
            messages.load(conn, [a, 99])
    assert sound(store)


def test_the_text_for_netbox_stays(store, record, arrival, update, reading):
    (number,) = record(arrival("a"))
    with store.writing() as conn:
        stated = [update(1)]
        assert messages.settle(conn, number, reading(*stated, text="Dear customer"), now=NOW)
        events.refold(conn, events.replace_updates(conn, number, stated))
    assert prune(store) == 1
    with store.reading() as conn:
        assert conn.scalar(sa.select(schema.message_texts.c.text)) == "Dear customer"


def test_it_is_retracted_and_restored_as_any_other(store, applied, update):
    number = applied("a", update(1))
    prune(store)
    curation.retract(store, number, author="ann", reason="not ours")
    with store.reading() as conn:
        assert queries.events(conn, now=NOW, completions=()) == []
    curation.restore(store, number)
    with store.reading() as conn:
        assert len(queries.events(conn, now=NOW, completions=())) == 1
    assert sound(store)


# --- no event changes ---


@pytest.fixture
def twin(sqlite_template, tmp_path):
    """Another store, in which nothing is ever pruned."""
    opened = database.open_store(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'twin.db')}")
    yield opened
    opened.close()


def told(store):
    """All that a store says of its events, with their history and mails."""
    with store.reading() as conn:
        listed = queries.events(conn, now=LATER, completions=frozenset())
        return [
            queries.event(conn, one["id"], now=LATER, completions=frozenset(), kind=Kind(one["kind"])) for one in listed
        ]


def random_updates(chance, count):
    for number in range(1, count + 1):
        name = f"E-{chance.randrange(3)}"
        if chance.random() < 0.5:
            status = chance.choice([MaintenanceStatus.CONFIRMED, MaintenanceStatus.CANCELLED, None])
            yield build_update(number, event_id=name, status=status, nights=chance.randrange(1, 4))
        else:
            resolved = chance.random() < 0.5
            facts = {"status": OutageStatus.RESOLVED, "end": NOW + timedelta(minutes=number)} if resolved else {}
            yield build_outage(number, event_id=name, etr=chance.choice([None, 60, 90]), **facts)


def live(store, seed, *, pruning):
    """Let mails come, people speak and events be folded again, with or without pruning between; return all it says."""
    stated = list(random_updates(random.Random(seed), 12))
    said = []
    for number, update in enumerate(stated):
        apply(store, f"{seed}-{number}", update)
        said.append(told(store))
        if pruning and number % 3 == 2:
            prune(store, LATER)
            assert told(store) == said[-1]
    keys = {update.key for update in stated}
    with store.writing() as conn:
        events.refold(conn, keys)
    said.append(told(store))
    for key in sorted(keys):
        if key.kind is Kind.MAINTENANCE:
            asked = Asked(status=MaintenanceStatus.COMPLETED)
            (event, *_) = curation.correct(store, key, 1, asked, author="ann", reason="it is done")
            said.append(event.status)
    assert sound(store)
    return said


@pytest.mark.parametrize("seed", range(3))
def test_pruning_changes_no_event_whatever_is_said_afterwards(store, twin, seed):
    assert live(store, seed, pruning=True) == live(twin, seed, pruning=False)
    assert without_bytes(store)
    assert without_bytes(twin) == []
