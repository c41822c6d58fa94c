"""Faults that the whole program meets: a dripping server, a certificate that is wrong, a clock that is."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from ingestor import pipeline
from storage.database import upgrade
from tests.integration.program import NOW, Program, eventually, own_mail, own_mails, state
from tests.servers.dovecot import make_certificate

pytestmark = pytest.mark.dovecot

MAIL = own_mail("zayo/three_nights")


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(directory=tmp_path, url=f"sqlite:///{tmp_path / 'maintd.db'}")


def settled(program: Program, mailbox: str) -> bool:
    return any(one["mailbox"] == mailbox and one["disposition"] == "applied" for one in program.messages())


def test_a_server_that_drips_holds_up_no_other_and_its_mails_are_read_when_it_is_well_again(
    dovecot, user, proxy, program
):
    program.configure(
        {"name": "slow", "port": proxy.port, "username": user},
        {"name": "well", "port": dovecot.imap, "username": f"{user}-well"},
    )
    upgrade(program.url)
    # The greeting alone would take minutes.
    proxy.drip(2)
    with program.running():
        dovecot.deliver(user, [MAIL])
        dovecot.deliver(f"{user}-well", [MAIL.replace(b"TTN-0008811204", b"TTN-0008811205")])

        assert eventually(lambda: settled(program, "well"))
        assert not settled(program, "slow")
        proxy.drip(0)
        assert eventually(lambda: settled(program, "slow"))


def test_a_server_with_a_wrong_certificate_gets_no_password_and_is_read_once_it_is_right(
    dovecot, user, proxy_to, program
):
    dovecot.deliver(user, [MAIL])
    other = program.directory / "other"
    other.mkdir()
    make_certificate(other)
    ca = program.directory / "ca.pem"
    shutil.copy(other / "cert.pem", ca)
    passed: list[bytes] = []
    proxy = proxy_to(dovecot.imap)
    proxy.rule("c2s", rb"AUTHENTICATE|LOGIN", lambda chunk: passed.append(chunk) or b"", once=False)
    mailbox = {"host": "localhost", "port": proxy.port, "tls": "starttls", "username": user, "ca_file": str(ca)}
    program.configure(mailbox)

    (failure,) = program.poll().failures

    assert "certificate" in failure
    assert passed == []
    assert program.messages() == []
    shutil.copy(dovecot.ca, ca)
    assert program.poll().failures == []
    assert len(program.messages()) == 1


@pytest.mark.parametrize("off", [timedelta(days=-3000), timedelta(days=3000)])
def test_a_clock_that_is_years_off_changes_no_event(dovecot, user, tmp_path, monkeypatch, off):
    dovecot.deliver(user, own_mails()[::4], at=NOW)
    right, wrong = (
        Program(directory=tmp_path / name, url=f"sqlite:///{tmp_path / name}.db") for name in ("right", "wrong")
    )
    for one in (right, wrong):
        one.directory.mkdir()
        one.configure({"port": dovecot.imap, "username": user})
    right.poll()
    told = pipeline.utc_now
    monkeypatch.setattr(pipeline, "utc_now", lambda: told() + off)

    wrong.poll()

    assert state(wrong.url) == state(right.url)
    assert len(state(right.url)["events"]) > 5
