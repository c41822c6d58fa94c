"""A minute of what benchmarks/soak.py does for half an hour: the daemon on a mail server that breaks in every way."""

import pytest

from benchmarks import soak

SECONDS, MAILS = 66, 40
# What is loaded with the first mails of a kind is no leak, and a minute is too short to wait for the last of them.
SLACK_MIB = 200

pytestmark = [pytest.mark.dovecot, pytest.mark.timeout(1200)]


def test_a_minute_of_every_fault_loses_no_mail_doubles_none_and_leaves_nothing_open(dovecot, tmp_path):
    faults = sorted(set(soak.FAULTS) - soak.SLOW_FAULTS)
    # Each once, after a third of the time in which nothing breaks.
    steps = soak.plan(
        20261123, SECONDS, mails=MAILS, gap=SECONDS * 2 / 3 / (len(faults) + 2), calm=SECONDS / 3, faults=faults
    )

    # A server of its own, which can be restarted; the fixture says whether there can be one.
    with soak.server_of_its_own() as (directory, server):
        outcome = soak.run(directory, server, f"sqlite:///{tmp_path / 'maintd.db'}", steps, sample_seconds=0.5)

    assert sorted(outcome.faults) == faults
    assert len(outcome.sent) == soak.WARM_MAILS + MAILS
    assert (outcome.lost, outcome.doubled) == (0, 0)
    assert soak.broken_laws(outcome, slack_mib=SLACK_MIB) == []
