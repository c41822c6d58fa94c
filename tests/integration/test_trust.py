"""A mailbox that asks mails for proof, as its users have it: Dovecot, the daemon's passes and the commands."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from parsers.providers import directory
from parsers.workers import Limits, WorkerPool
from tests.integration.program import Program, own_mail
from tests.signing import Signer, sealed, signed

pytestmark = pytest.mark.dovecot

PROVEN = b"Authentication-Results: mx.example.net; dmarc=pass header.from=zayo.com\r\n"
OF_ANOTHER = b"Authentication-Results: mx.evil.example; dmarc=pass header.from=zayo.com\r\n"
FORWARDER = b"Authentication-Results: mx.example.net; dkim=pass header.d=example.net\r\n"
TICKET, MOVED = "TTN-0008811204", "TTN-0008820955"


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    workers = WorkerPool(1, Limits(), directory())
    yield workers
    workers.stop()


@pytest.fixture
def program(tmp_path: Path, sqlite_url: str) -> Program:
    return Program(directory=tmp_path, url=sqlite_url)


ZAYO = Signer(domain="zayo.com")
GOOGLE = Signer(domain="google.com", selector="arc")
FIELDS = ("from", "to", "subject", "date", "message-id", "content-type")
SEALED = "mx.google.com; dmarc=pass header.from=zayo.com"


class Names:
    """A DNS that says of every name what it holds of it, nothing where it holds nothing, and may not answer at all."""

    def __init__(self) -> None:
        self.keys: dict[str, str | None] = {**ZAYO.keys, **GOOGLE.keys}
        self.silent = False

    def find(self, names: Collection[str]) -> Mapping[str, str | None]:
        return {name: None if self.silent else self.keys.get(name, "") for name in names}


@pytest.fixture
def names(pool: WorkerPool) -> Iterator[Names]:
    """The DNS that the workers' pool asks."""
    made = Names()
    pool.find_keys = made.find
    yield made
    pool.find_keys = None


@pytest.fixture
def verifying(program: Program, dovecot: Any, user: str) -> Program:
    """A program whose mailbox verifies signatures by itself, and believes one sealer."""
    mailbox = {"port": dovecot.imap, "username": user, "verify_dkim": True, "trusted_arc_sealers": ["google.com"]}
    program.configure(mailbox)
    return program


def waiting(program: Program) -> list[tuple[str, str]]:
    return [(one["reason"], one["subject"]) for one in program.command("quarantine", "list")]


def number(program: Program) -> str:
    (one,) = program.command("quarantine", "list")
    return str(one["id"])


@pytest.fixture
def asking(program: Program, dovecot: Any, user: str) -> Program:
    """A program whose mailbox asks for proof, and believes one colleague."""
    mailbox = {"port": dovecot.imap, "username": user, "authserv_id": "mx.example.net"}
    program.configure(mailbox | {"trusted_forwarders": ["jo.novak@example.net"]})
    return program


def test_what_proves_itself_is_applied_and_verified(asking, dovecot, user, pool) -> None:
    dovecot.deliver(user, [PROVEN + own_mail("zayo/three_nights")])

    asking.poll(pool=pool)

    assert asking.events()[TICKET]["unverified"] is False
    assert waiting(asking) == []


def test_a_forged_cancellation_changes_nothing_until_a_person_releases_it(asking, dovecot, user, pool) -> None:
    forged = own_mail("zayo/three_nights_commencing")
    dovecot.deliver(user, [PROVEN + own_mail("zayo/three_nights"), OF_ANOTHER + forged])

    asking.poll(pool=pool)

    assert asking.events()[TICKET]["status"] == "CONFIRMED"
    assert [reason for reason, _ in waiting(asking)] == ["untrusted"]
    asking.command("quarantine", "retry", "--all")
    asking.command("reparse", "--all", "--apply")
    assert asking.events()[TICKET]["status"] == "CONFIRMED"

    released = asking.command("quarantine", "release", number(asking), "--because", "they called")

    assert released["dispositions"]["applied"] == 1
    event = asking.events()[TICKET]
    assert (event["status"], event["unverified"]) == ("IN-PROCESS", True)
    asking.command("reparse", "--all", "--apply")
    assert asking.events()[TICKET]["status"] == "IN-PROCESS"


def test_a_forward_counts_from_a_trusted_forwarder_who_proves_to_be_one(asking, dovecot, user, pool) -> None:
    forward = own_mail("zayo/forwarded_inline")
    stranger = forward.replace(b"jo.novak@example.net", b"jo.novak@example.org").replace(
        b"Message-ID: <", b"Message-ID: <x"
    )
    dovecot.deliver(user, [FORWARDER.replace(b"net", b"org") + stranger])
    asking.poll(pool=pool)
    assert asking.events() == {}
    assert [reason for reason, _ in waiting(asking)] == ["untrusted"]

    dovecot.deliver(user, [FORWARDER + forward])
    asking.poll(pool=pool)

    assert asking.events()[MOVED]["unverified"] is False


def test_a_mailbox_that_asks_nothing_takes_mails_as_they_come_and_marks_them(program, dovecot, user, pool) -> None:
    program.configure({"port": dovecot.imap, "username": user})
    dovecot.deliver(user, [own_mail("zayo/three_nights"), own_mail("zayo/forwarded_inline")])

    program.poll(pool=pool)

    assert {event["unverified"] for event in program.events().values()} == {True}
    assert waiting(program) == []


@pytest.mark.parametrize(
    "first",
    [
        b"",
        OF_ANOTHER,
        b"Authentication-Results: mx.example.net; dmarc=fail header.from=zayo.com\r\n",
    ],
)
def test_a_copy_that_proves_itself_counts_though_it_comes_second(asking, dovecot, user, pool, first) -> None:
    notice = own_mail("zayo/three_nights")
    dovecot.deliver(user, [first + notice])
    asking.poll(pool=pool)
    assert [reason for reason, _ in waiting(asking)] == ["untrusted"]

    dovecot.deliver(user, [PROVEN + notice])
    asking.poll(pool=pool)

    assert waiting(asking) == []
    assert asking.events()[TICKET]["unverified"] is False
    (message,) = asking.messages()
    assert len(message["sightings"]) == 2
    asking.command("reparse", "--all", "--apply")
    assert asking.events()[TICKET]["updates"] == 1
    assert asking.command("db", "check") == {"problems": []}


def test_a_forged_copy_holds_no_notice_back(asking, dovecot, user, pool) -> None:
    notice = own_mail("zayo/three_nights")
    forged = notice.replace(b"<mr@zayo.com>", b"<mr@evil.example>", 1)
    dovecot.deliver(user, [forged, PROVEN + notice])

    asking.poll(pool=pool)

    assert asking.events()[TICKET]["unverified"] is False
    dovecot.deliver(user, [forged])
    asking.poll(pool=pool)
    assert (waiting(asking), asking.events()[TICKET]["updates"]) == ([], 1)


@pytest.mark.parametrize(
    "make",
    [lambda raw: signed(raw, ZAYO, fields=FIELDS), lambda raw: sealed(raw, GOOGLE, SEALED, fields=FIELDS)],
    ids=["signed", "sealed"],
)
def test_a_signature_proves_a_mail_for_good_though_its_key_is_gone(verifying, dovecot, user, pool, names, make) -> None:
    dovecot.deliver(user, [make(own_mail("zayo/three_nights"))])

    verifying.poll(pool=pool)

    assert verifying.events()[TICKET]["unverified"] is False
    # The commands have workers of their own, which ask nobody for a key that is held.
    names.keys.clear()
    verifying.command("reparse", "--all", "--apply")
    assert verifying.events()[TICKET]["unverified"] is False
    assert verifying.command("db", "check") == {"problems": []}


def test_a_forged_mail_and_one_without_a_signature_wait(verifying, dovecot, user, pool, names) -> None:
    good = signed(own_mail("zayo/three_nights"), ZAYO, fields=FIELDS)
    dovecot.deliver(
        user, [good.replace(b"TTN-0008811204", b"TTN-0008811205"), own_mail("zayo/three_nights_commencing")]
    )

    verifying.poll(pool=pool)

    assert verifying.events() == {}
    assert [reason for reason, _ in waiting(verifying)] == ["untrusted"] * 2


def test_what_came_while_the_dns_was_silent_is_read_again_when_it_answers(
    verifying, dovecot, user, pool, names
) -> None:
    names.silent = True
    dovecot.deliver(user, [signed(own_mail("zayo/three_nights"), ZAYO, fields=FIELDS)])
    verifying.poll(pool=pool)
    assert verifying.events() == {}
    (message,) = verifying.messages()
    assert (message["reason"], "the DNS did not answer" in message["detail"]) == ("untrusted", True)

    verifying.poll(pool=pool)
    assert [reason for reason, _ in waiting(verifying)] == ["untrusted"]

    names.silent = False
    verifying.poll(pool=pool)
    assert verifying.events()[TICKET]["unverified"] is False
    assert waiting(verifying) == []


def test_a_forged_copy_that_comes_first_holds_no_signed_mail_back(verifying, dovecot, user, pool, names) -> None:
    good = signed(own_mail("zayo/three_nights"), ZAYO, fields=FIELDS)
    subject = good[good.index(b"Subject: ") :].partition(b"\n")[0]
    dovecot.deliver(user, [good.replace(subject, b"Subject: Happy new year")])
    verifying.poll(pool=pool)
    assert verifying.events() == {}

    dovecot.deliver(user, [good])
    verifying.poll(pool=pool)

    assert verifying.events()[TICKET]["unverified"] is False
    assert waiting(verifying) == []
