"""When a mailbox that has failed is tried again, and what wakes a watcher."""

import pytest

from domain.errors import MailboxFailure
from ingestor.watching import Bell, Registry, pause_after


@pytest.mark.parametrize(
    ("kind", "pauses"),
    [
        (MailboxFailure.UNREACHABLE, [5, 10, 20, 40, 80, 160, 300, 300]),
        (MailboxFailure.DATABASE, [2, 4, 8, 15, 15, 15, 15, 15]),
        (MailboxFailure.REFUSED, [60, 120, 240, 480, 960, 1800, 1800, 1800]),
        (MailboxFailure.FOLDER, [60, 120, 240, 480, 960, 1800, 1800, 1800]),
        (MailboxFailure.LIMITED, [30, 60, 120, 240, 300, 300, 300, 300]),
    ],
)
def test_pauses_double_up_to_a_limit_that_the_kind_of_failure_decides(kind, pauses):
    assert [pause_after(kind, failures) for failures in range(1, 9)] == pauses
    assert pause_after(kind, 100_000) == pauses[-1]


@pytest.mark.parametrize(
    ("kind", "most"),
    [(MailboxFailure.UNREACHABLE, 60), (MailboxFailure.ENDED, 60), (MailboxFailure.LIMITED, 300)],
)
def test_a_server_that_showed_its_folder_is_waited_for_a_minute_unless_it_asked_for_less(kind, most):
    assert pause_after(kind, 100, looked=True) == most


def test_a_bell_that_was_rung_wakes_whoever_waits_next_and_once_cleared_nobody():
    bell = Bell()
    try:
        assert not bell.wait(0)
        # More than it can hold, by a thread that must not be held up.
        for _ in range(100_000):
            bell.ring()
        assert bell.wait(0)
        assert bell.wait(0)
        bell.clear()
        assert not bell.wait(0)
    finally:
        bell.close()
    bell.ring()


def test_the_health_of_a_folder_keeps_what_is_not_named_and_counts_failures_by_kind():
    registry = Registry()
    registry.note("noc", "INBOX", by="idle", problem="x")
    registry.note("noc", "INBOX", by=None)
    for kind in (MailboxFailure.REFUSED, MailboxFailure.REFUSED, MailboxFailure.ENDED):
        registry.count("noc", "INBOX", kind)

    (health,) = registry.all()

    assert (health.by, health.problem) == (None, "x")
    assert health.failures == {MailboxFailure.REFUSED: 2, MailboxFailure.ENDED: 1}
