"""Collecting from a real server: nothing is lost, nothing doubled, and nothing changed there."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import MailboxError
from ingestor.mailbox import Position, connect

pytestmark = pytest.mark.dovecot

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_every_message_arrives_once_with_its_place_and_receipt(dovecot, user, ledger, mail):
    received = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
    raw = mail(1)
    dovecot.deliver(user, [raw], at=received)

    first = ledger.visit(dovecot.settings(user))
    second = ledger.visit(dovecot.settings(user))

    assert (first.fetched, first.first_contact, second.fetched, second.first_contact) == (1, True, 0, False)
    (arrival,) = ledger.arrivals
    assert arrival.raw == raw
    assert (arrival.size, arrival.too_large, arrival.received_at) == (len(raw), False, received)
    assert (arrival.place.mailbox, arrival.place.folder, arrival.place.imap_uid) == ("noc", "INBOX", 1)
    assert arrival.place.uid_validity == first.position.uid_validity


def test_collecting_leaves_the_mailbox_as_it_was(dovecot, user, ledger, mails):
    dovecot.deliver(user, mails(2))
    dovecot.deliver(user, mails(1), flags=[b"\\Seen", b"\\Flagged", b"label"])
    before = dovecot.flags(user)

    ledger.visit(dovecot.settings(user, after="move", done_folder="Done"))

    assert dovecot.flags(user) == before == {1: set(), 2: set(), 3: {b"\\Seen", b"\\Flagged", b"label"}}


def test_several_folders_each_have_their_own_cursor(dovecot, user, ledger, mails):
    dovecot.deliver(user, mails(2))
    dovecot.deliver(user, mails(3), folder="Carriers/Zayo")
    positions = {}
    with connect(dovecot.settings(user)) as session:
        for folder in ("INBOX", "Carriers/Zayo"):
            ledger.position = None
            positions[folder] = ledger.collect(session, folder).position.last_uid

    assert positions == {"INBOX": 2, "Carriers/Zayo": 3}
    assert [arrival.place.folder for arrival in ledger.arrivals] == ["INBOX"] * 2 + ["Carriers/Zayo"] * 3


def test_what_comes_between_two_visits_of_one_session_is_found(dovecot, user, ledger, mail):
    with connect(dovecot.settings(user)) as session:
        ledger.collect(session)
        dovecot.deliver(user, [mail(1)])
        ledger.collect(session)
        dovecot.deliver(user, [mail(2)])
        ledger.collect(session)

    assert ledger.subjects == ["mail 1", "mail 2"]


def test_the_first_run_may_leave_out_what_was_there_before(dovecot, user, ledger, mail):
    settings = dovecot.settings(user, initial="new")
    dovecot.deliver(user, [mail(1), mail(2)])

    assert ledger.visit(settings).position.last_uid == 2
    dovecot.deliver(user, [mail(3)])
    ledger.visit(settings)

    assert ledger.subjects == ["mail 3"]


def test_the_first_run_is_committed_before_anything_is_read(dovecot, user, ledger, mails):
    dovecot.deliver(user, mails(3))
    ledger.fail_at_commit = 1
    with pytest.raises(RuntimeError, match="disk full"):
        ledger.visit(dovecot.settings(user, initial=14))

    assert ledger.position is not None
    assert ledger.arrivals == []


def test_the_first_run_may_go_back_some_days(dovecot, user, ledger, mail):
    for number, days in enumerate((40, 20, 10, 1), start=1):
        dovecot.deliver(user, [mail(number)], at=NOW - timedelta(days=days))

    ledger.visit(dovecot.settings(user, initial=14))

    assert ledger.subjects == ["mail 3", "mail 4"]


def test_the_first_run_over_days_without_mail_begins_with_what_comes(dovecot, user, ledger, mail):
    settings = dovecot.settings(user, initial=14)
    dovecot.deliver(user, [mail(1)], at=NOW - timedelta(days=40))

    ledger.visit(settings)
    dovecot.deliver(user, [mail(2)], at=NOW)
    ledger.visit(settings)

    assert ledger.subjects == ["mail 2"]


def test_an_empty_folder_is_read_to_its_end(dovecot, user, ledger):
    assert ledger.visit(dovecot.settings(user)).position.last_uid == 0


def test_many_messages_come_in_batches_in_their_order(dovecot, user, ledger, mails):
    dovecot.deliver(user, mails(301))

    summary = ledger.visit(dovecot.settings(user))

    assert summary.fetched == 301
    assert ledger.uids == list(range(1, 302))
    assert ledger.commits == 1 + 4


def test_a_batch_ends_where_it_grows_too_big(dovecot, user, ledger, mail):
    dovecot.deliver(user, [mail(number, body="x" * 70 + "\r\n" + "y" * 1_900_000) for number in range(1, 6)])

    ledger.visit(dovecot.settings(user))

    assert ledger.uids == [1, 2, 3, 4, 5]
    assert ledger.commits == 1 + 3


def test_stopping_ends_after_the_batch_in_hand_and_the_rest_comes_later(dovecot, user, ledger, mails):
    dovecot.deliver(user, mails(130))
    with connect(dovecot.settings(user)) as session:
        summary = ledger.collect(session, stopping=lambda: True)
    assert (summary.fetched, summary.position.last_uid) == (100, 100)

    ledger.visit(dovecot.settings(user))

    assert ledger.uids == list(range(1, 131))


def test_a_ledger_that_fails_gets_the_batch_again(dovecot, user, ledger, mails):
    dovecot.deliver(user, mails(130))
    ledger.fail_at_commit = 2
    with pytest.raises(RuntimeError, match="disk full"):
        ledger.visit(dovecot.settings(user))
    assert ledger.position == Position(uid_validity=ledger.position.uid_validity, last_uid=100)

    ledger.fail_at_commit = None
    ledger.visit(dovecot.settings(user))

    assert ledger.uids == list(range(1, 131))


def test_a_changed_uid_validity_makes_everything_be_read_again(dovecot, user, ledger, mails):
    dovecot.deliver(user, mails(3))
    before = ledger.visit(dovecot.settings(user))
    dovecot.set_uid_validity(user, 12345)

    summary = ledger.visit(dovecot.settings(user))

    assert (before.uid_validity_changed, summary.uid_validity_changed) == (False, True)
    assert summary.position == Position(uid_validity=12345, last_uid=3)
    assert ledger.uids == [1, 2, 3, 1, 2, 3]
    assert [arrival.raw for arrival in ledger.arrivals[:3]] == [arrival.raw for arrival in ledger.arrivals[3:]]


@pytest.mark.parametrize("octets", [200, 20_000, 60_000])
def test_a_cut_in_the_middle_of_a_fetch_loses_and_doubles_nothing(dovecot, user, ledger, mail, proxy, octets):
    dovecot.deliver(user, [mail(number, body="line of text\r\n" * 800) for number in range(1, 9)])
    proxy.rule("c2s", rb"UID FETCH .*BODY", ("cut", octets))

    with pytest.raises(MailboxError) as caught:
        ledger.visit(dovecot.plain(user, proxy.port))
    assert (caught.value.step, caught.value.permanent) == ("fetch", False)
    assert "connection lost; it is tried again" in str(caught.value)
    ledger.visit(dovecot.plain(user, proxy.port))

    assert ledger.uids == list(range(1, 9))


@pytest.mark.parametrize("command", [rb"EXAMINE", rb"UID SEARCH", rb"UID FETCH .*SIZE", rb"UID FETCH .*BODY"])
def test_a_server_that_hangs_is_given_up_at_any_step(dovecot, user, ledger, mails, proxy, command):
    dovecot.deliver(user, mails(2))
    proxy.rule("c2s", command, "stall")
    with connect(dovecot.plain(user, proxy.port, read_seconds=1.5)) as session:
        with pytest.raises(MailboxError, match="timed out"):
            ledger.collect(session)
        assert not session.usable
        with pytest.raises(MailboxError, match="the session is over"):
            ledger.collect(session)
    proxy.resume()

    ledger.visit(dovecot.plain(user, proxy.port))

    assert ledger.subjects == ["mail 1", "mail 2"]


def test_a_server_that_ends_the_session_is_quoted(dovecot, user, ledger, mails, proxy):
    dovecot.deliver(user, mails(2))
    with connect(dovecot.plain(user, proxy.port)) as session:
        proxy.rule("s2c", rb"FETCH", lambda _: b"* BYE Session invalidated - AccessTokenExpired\r\n")
        with pytest.raises(
            MailboxError, match="the server said BYE: Session invalidated - AccessTokenExpired; it is tried"
        ):
            ledger.collect(session)


def test_a_message_that_vanishes_before_it_is_fetched_is_counted(dovecot, user, ledger, mails, proxy):
    dovecot.deliver(user, mails(5))

    def remove_one(command):
        with dovecot.client(user) as client:
            client.select_folder("INBOX")
            client.delete_messages([3])
            client.expunge()
        return command

    proxy.rule("c2s", rb"UID FETCH .*BODY", remove_one)
    summary = ledger.visit(dovecot.plain(user, proxy.port))

    assert (summary.fetched, summary.vanished, summary.position.last_uid) == (4, 1, 5)
    assert ledger.uids == [1, 2, 4, 5]


def test_messages_that_vanish_before_they_are_listed_are_counted(dovecot, user, ledger, mails, proxy):
    dovecot.deliver(user, mails(5))

    def remove_two(command):
        with dovecot.client(user) as client:
            client.select_folder("INBOX")
            client.delete_messages([2, 5])
            client.expunge()
        return command

    proxy.rule("c2s", rb"UID FETCH .*RFC822.SIZE", remove_two)
    summary = ledger.visit(dovecot.plain(user, proxy.port))

    assert (summary.fetched, summary.vanished, summary.position.last_uid) == (3, 2, 5)
    assert ledger.uids == [1, 3, 4]


def test_of_a_message_that_is_too_large_the_beginning_is_kept(dovecot, user, ledger, mail):
    large = mail(2, body="x" * 70 + "\r\n" + "0123456789" * 100_000)
    dovecot.deliver(user, [mail(1), large, mail(3)])

    summary = ledger.visit(dovecot.settings(user, max_message_bytes=600_000))

    assert (summary.fetched, summary.too_large) == (3, 1)
    assert [(arrival.too_large, arrival.envelope.subject) for arrival in ledger.arrivals] == [
        (False, "mail 1"),
        (True, "mail 2"),
        (False, "mail 3"),
    ]
    kept = ledger.arrivals[1]
    assert (len(kept.raw), kept.size) == (512 * 1024, len(large))
    assert large.startswith(kept.raw)


def test_a_missing_folder_is_named_with_its_neighbours_and_hinders_no_other(dovecot, user, ledger, mails):
    dovecot.deliver(user, mails(1))
    dovecot.deliver(user, mails(1), folder="Carriers/Maintenance")
    with connect(dovecot.settings(user)) as session:
        with pytest.raises(MailboxError) as caught:
            ledger.collect(session, "Carriers/Maintenence")
        assert session.usable
        ledger.collect(session, "INBOX")

    assert (caught.value.step, caught.value.permanent) == ("folder", True)
    assert 'folder "Carriers/Maintenence" does not exist' in str(caught.value)
    assert 'there are: "Carriers/Maintenance"' in str(caught.value)
    assert ledger.subjects == ["mail 1"]
    assert dovecot.subjects(user, "Carriers/Maintenence") == []


@pytest.mark.parametrize("name", ["inbox", "Störungen/Größe & Maß", 'with "quotes"', "back\\slash", "percent%star"])
def test_folders_may_have_any_name(dovecot, user, ledger, mails, name):
    dovecot.deliver(user, mails(1), folder=name)

    ledger.visit(dovecot.settings(user), name)

    assert [arrival.place.folder for arrival in ledger.arrivals] == [name]


@pytest.mark.parametrize("variant", ["courier", "courier_no_namespace"])
@pytest.mark.parametrize("spelling", ["Carriers/Zayo", "Carriers.Zayo", "INBOX/Carriers/Zayo", "INBOX.Carriers.Zayo"])
def test_folders_below_a_prefix_are_found_in_each_spelling(dovecot_servers, user, ledger, mails, variant, spelling):
    server = dovecot_servers.get(variant)
    server.deliver(user, mails(2), folder="INBOX.Carriers.Zayo")

    ledger.visit(server.settings(user), spelling)

    assert ledger.subjects == ["mail 1", "mail 2"]
    assert {arrival.place.folder for arrival in ledger.arrivals} == {spelling}


def test_an_old_server_is_read_like_any_other(dovecot_servers, user, ledger, mails):
    server = dovecot_servers.get("no_move_no_uidplus")
    server.deliver(user, mails(3))

    ledger.visit(server.settings(user))

    assert ledger.subjects == ["mail 1", "mail 2", "mail 3"]


def test_a_second_login_beyond_the_limit_of_the_server_is_no_wrong_password(dovecot_servers, user, ledger):
    server = dovecot_servers.get("one_connection")
    with connect(server.settings(user)), pytest.raises(MailboxError) as caught, connect(server.settings(user)):
        pass

    assert (caught.value.step, caught.value.permanent) == ("login", False)
    assert "Maximum number of connections" in str(caught.value)


def test_settings_do_not_show_the_password(dovecot, user):
    settings = replace(dovecot.settings(user), credential="hunter2")

    assert "hunter2" not in repr(settings)


def test_the_newest_messages_can_be_looked_at_on_trial(dovecot, user, mails):
    dovecot.deliver(user, mails(5))
    before = dovecot.flags(user)
    with connect(dovecot.settings(user)) as session:
        newest = session.latest("INBOX", 2, now=NOW)
        more = session.latest("INBOX", 10, now=NOW)

    assert [arrival.envelope.subject for arrival in newest] == ["mail 4", "mail 5"]
    assert len(more) == 5
    assert dovecot.flags(user) == before


def test_of_an_empty_folder_there_is_nothing_newest(dovecot, user):
    with connect(dovecot.settings(user)) as session:
        assert session.latest("INBOX", 10, now=NOW) == []
