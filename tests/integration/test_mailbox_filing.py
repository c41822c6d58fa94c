"""Filing on a real server: a courtesy to people that may be repeated, and that proves itself."""

from datetime import UTC, datetime

import pytest

from domain.errors import MailboxError
from ingestor.mailbox import Filed, connect, probe

pytestmark = pytest.mark.dovecot

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def file(settings, wishes, folder="INBOX", uid_validity=None):
    with connect(settings) as session:
        known = uid_validity or uid_validity_of(session, folder)
        return session.file(folder, known, wishes)


def uid_validity_of(session, folder):
    position = session.collect(folder, None, lambda *_: None, now=NOW, stopping=lambda: True).position
    return position.uid_validity


def test_a_flag_is_set_on_what_is_wished_and_on_nothing_else(dovecot, user, mails):
    dovecot.deliver(user, mails(3))
    settings = dovecot.settings(user, after="flag")

    assert file(settings, [(1, "maintd"), (3, "maintd-quarantine")]) == Filed(uids=(1, 3))
    assert dovecot.flags(user) == {1: {b"maintd"}, 2: set(), 3: {b"maintd-quarantine"}}


def test_a_flag_of_the_standard_may_be_used(dovecot, user, mails):
    dovecot.deliver(user, mails(2))

    assert file(dovecot.settings(user, after="flag"), [(2, "\\Flagged")]) == Filed(uids=(2,))
    assert dovecot.flags(user) == {1: set(), 2: {b"\\Flagged"}}


def test_what_somebody_took_away_needs_no_flag_any_more(dovecot, user, mails):
    dovecot.deliver(user, mails(1))

    assert file(dovecot.settings(user, after="flag"), [(1, "maintd"), (77, "maintd")]) == Filed(uids=(1, 77))


def test_messages_are_moved_to_the_folder_wished(dovecot, user, mails):
    dovecot.deliver(user, mails(4))
    settings = dovecot.settings(user, after="move")

    assert file(settings, [(1, "Processed"), (2, "Maintd/Quarantine"), (4, "Processed")]) == Filed(uids=(1, 2, 4))
    assert dovecot.subjects(user) == ["mail 3"]
    assert dovecot.subjects(user, "Processed") == ["mail 1", "mail 4"]
    assert dovecot.subjects(user, "Maintd/Quarantine") == ["mail 2"]


def test_a_move_repeated_is_harmless(dovecot, user, mails):
    dovecot.deliver(user, mails(2))
    settings = dovecot.settings(user, after="move")

    assert file(settings, [(1, "Processed")]) == file(settings, [(1, "Processed")]) == Filed(uids=(1,))
    assert dovecot.subjects(user, "Processed") == ["mail 1"]


def test_a_move_whose_reply_is_lost_is_found_done(dovecot, user, mails, proxy):
    dovecot.deliver(user, mails(3))
    settings = dovecot.plain(user, proxy.port, after="move")
    proxy.rule("c2s", rb"UID MOVE", "lose_reply")
    with pytest.raises(MailboxError, match="connection lost"):
        file(settings, [(1, "Processed"), (2, "Processed")])

    assert file(settings, [(1, "Processed"), (2, "Processed")]) == Filed(uids=(1, 2))
    assert dovecot.subjects(user) == ["mail 3"]
    assert dovecot.subjects(user, "Processed") == ["mail 1", "mail 2"]


def test_a_move_that_never_reached_the_server_is_done_the_next_time(dovecot, user, mails, proxy):
    dovecot.deliver(user, mails(1))
    settings = dovecot.plain(user, proxy.port, after="move")
    proxy.rule("c2s", rb"UID MOVE", "reset")
    with pytest.raises(MailboxError, match="connection lost"):
        file(settings, [(1, "Processed")])
    assert dovecot.subjects(user) == ["mail 1"]

    assert file(settings, [(1, "Processed")]) == Filed(uids=(1,))
    assert dovecot.subjects(user, "Processed") == ["mail 1"]


def test_a_move_that_is_refused_is_one_problem_and_leaves_the_session_well(dovecot, user, mails, proxy):
    dovecot.deliver(user, mails(2))
    with connect(dovecot.plain(user, proxy.port, after="move")) as session:
        known = uid_validity_of(session, "INBOX")
        # The folder goes away between the look at it and the move.
        session.file("INBOX", known, [(99, "Other")])
        proxy.rule("c2s", rb"UID MOVE .*Processed", lambda command: command.replace(b"Processed", b"Vanished!"))
        refused = session.file("INBOX", known, [(1, "Processed")])
        repeated = session.file("INBOX", known, [(1, "Processed")])

    assert refused.uids == ()
    assert 'messages of folder "INBOX" stay there, not moved to "Processed": ' in refused.problem
    assert "Mailbox doesn't exist: Vanished!" in refused.problem
    assert repeated == Filed(uids=(1,))


def test_wishes_of_an_older_uid_validity_are_dropped(dovecot, user, mails):
    dovecot.deliver(user, mails(2))
    settings = dovecot.settings(user, after="move")

    assert file(settings, [(1, "Processed"), (2, "Processed")], uid_validity=4711) == Filed(obsolete=(1, 2))
    assert dovecot.subjects(user) == ["mail 1", "mail 2"]


def test_many_messages_are_moved(dovecot, user, mails):
    dovecot.deliver(user, mails(230))

    filed = file(dovecot.settings(user, after="move"), [(uid, "Processed") for uid in range(1, 230)])

    assert filed == Filed(uids=tuple(range(1, 230)))
    assert dovecot.subjects(user) == ["mail 230"]


def test_a_mailbox_that_is_kept_is_not_touched(dovecot, user, mails):
    dovecot.deliver(user, mails(1))

    assert file(dovecot.settings(user, after="keep"), [(1, "Processed")]) == Filed()
    assert dovecot.subjects(user) == ["mail 1"]


@pytest.mark.parametrize("target", ["INBOX", "inbox"])
def test_nothing_is_moved_into_the_folder_where_it_is(dovecot, user, mails, target):
    dovecot.deliver(user, mails(1))

    filed = file(dovecot.settings(user, after="move"), [(1, target)])

    assert filed == Filed(problem=f'messages of folder "INBOX" cannot be moved to "{target}": it is the same folder')
    assert list(dovecot.flags(user)) == [1]


def test_without_move_a_message_is_copied_and_expunged_and_nothing_else_is(dovecot_servers, user, mails):
    server = dovecot_servers.get("no_move")
    server.deliver(user, mails(3))
    server.deliver(user, mails(1), flags=[b"\\Deleted"])
    settings = server.settings(user, after="move")

    assert file(settings, [(1, "Processed")]) == file(settings, [(1, "Processed")]) == Filed(uids=(1,))
    assert server.flags(user) == {2: set(), 3: set(), 4: {b"\\Deleted"}}
    assert server.subjects(user, "Processed") == ["mail 1"]


def test_without_uidplus_a_message_is_copied_once_and_marked(dovecot_servers, user, mails):
    server = dovecot_servers.get("no_move_no_uidplus")
    server.deliver(user, mails(2))
    settings = server.settings(user, after="move")

    assert file(settings, [(1, "Processed")]) == file(settings, [(1, "Processed")]) == Filed(uids=(1,))
    assert server.flags(user) == {1: {b"\\Deleted"}, 2: set()}
    assert server.subjects(user, "Processed") == ["mail 1"]
    assert [finding.ok for finding in findings_of(settings, "capabilities")] == [None]


def test_without_move_a_lost_connection_between_copy_and_mark_costs_a_second_copy_alone(
    dovecot_servers, user, mails, proxy_to
):
    server = dovecot_servers.get("no_move")
    server.deliver(user, mails(2))
    proxy = proxy_to(server.imap)
    settings = server.plain(user, proxy.port, after="move")
    proxy.rule("c2s", rb"UID STORE", "reset")
    with pytest.raises(MailboxError, match="connection lost"):
        file(settings, [(1, "Processed")])

    assert file(settings, [(1, "Processed")]) == Filed(uids=(1,))
    assert server.subjects(user) == ["mail 2"]
    assert server.subjects(user, "Processed") == ["mail 1", "mail 1"]


@pytest.mark.parametrize("variant", ["courier", "courier_no_namespace"])
@pytest.mark.parametrize("spelling", ["Maintd/Done", "INBOX.Maintd.Done"])
def test_a_target_is_made_below_the_prefix_of_the_server(dovecot_servers, user, mails, variant, spelling):
    server = dovecot_servers.get(variant)
    server.deliver(user, mails(1))

    assert file(server.settings(user, after="move"), [(1, spelling)]) == Filed(uids=(1,))
    assert server.subjects(user, "INBOX.Maintd.Done") == ["mail 1"]
    with server.client(user) as client:
        assert "INBOX.Maintd.Done" in {name for _, _, name in client.list_sub_folders()}


@pytest.mark.parametrize("after", ["flag", "move"])
def test_a_folder_that_may_only_be_read_is_one_problem(dovecot_servers, user, mails, after):
    server = dovecot_servers.get("read_only")
    server.deliver(user, mails(2))
    maildir = server.root / "mail" / user / "Maildir"
    (maildir / "dovecot-acl").write_text("owner lr\n")
    settings = server.settings(user, after=after, done_folder="Processed")

    filed = file(settings, [(1, "Processed"), (2, "Processed")])

    assert filed.uids == ()
    assert 'folder "INBOX" is read-only for this login' in filed.problem
    assert findings_of(settings, "file")[0].ok is False


def test_a_folder_that_keeps_no_keywords_is_one_problem(dovecot, user, mails, proxy):
    dovecot.deliver(user, mails(2))
    settings = dovecot.plain(user, proxy.port, after="flag")

    def without_keywords(answer):
        return answer.replace(b" \\*)]", b")]")

    proxy.rule("s2c", rb"PERMANENTFLAGS \(", without_keywords, once=False)
    filed = file(settings, [(1, "maintd"), (2, "maintd")])

    assert filed == Filed(problem='folder "INBOX" takes no flag "maintd": use after = "move" or "keep"')
    assert [finding.ok for finding in findings_of(settings, "file")] == [False]


def test_a_flag_that_the_server_forgets_is_not_taken_for_set(dovecot, user, mails, proxy):
    dovecot.deliver(user, mails(1))
    proxy.rule("c2s", rb"UID STORE", lambda command: command.replace(b"+FLAGS", b"-FLAGS"))

    filed = file(dovecot.plain(user, proxy.port, after="flag"), [(1, "maintd")])

    assert filed.uids == ()
    assert 'the server does not keep the flag "maintd"' in filed.problem


def findings_of(settings, step):
    return [finding for finding in probe(settings, now=NOW) if finding.step == step]
