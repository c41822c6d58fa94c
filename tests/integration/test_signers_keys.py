"""Mails read by keys that are looked for while they are read: no worker, and nobody else, waits for the DNS."""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from domain.message import Disposition, Reason, Terms
from parsers.providers import directory
from parsers.workers import Limits, WorkerPool
from tests.integration.program import own_mail
from tests.signing import Signer, sealed, signed

RECEIVED = datetime(2027, 2, 8, 12, tzinfo=UTC)
FIELDS = ("from", "to", "subject", "date", "message-id")
ZAYO = Signer(domain="zayo.com")
GOOGLE = Signer(domain="google.com", selector="arc")
LISTS = Signer(domain="lists.example.net")
ASKED = Terms(verify_dkim=True)


class Names:
    """A DNS of some signers' keys; it notes what it was asked, and waits for ``answers`` before it says it."""

    def __init__(self, *holders: Signer) -> None:
        self.keys: dict[str, str | None] = {name: key for holder in holders for name, key in holder.keys.items()}
        self.asked: list[list[str]] = []
        self.answers = threading.Event()
        self.answers.set()

    def find(self, names: Collection[str]) -> Mapping[str, str | None]:
        self.asked.append(sorted(names))
        assert self.answers.wait(60)
        return {name: self.keys.get(name, "") for name in names}


@contextmanager
def a_pool(find: Callable[[Collection[str]], Mapping[str, str | None]]) -> Iterator[WorkerPool]:
    pool = WorkerPool(1, Limits(), directory(), find_keys=find)
    try:
        yield pool
    finally:
        pool.stop()


@pytest.fixture(scope="module")
def notice() -> bytes:
    return signed(own_mail("zayo/three_nights"), ZAYO, fields=FIELDS)


def test_keys_are_found_kept_and_not_asked_for_again(notice):
    names = Names(ZAYO)
    with a_pool(names.find) as pool:
        first = pool.submit(notice, RECEIVED, ASKED).result()
        again = pool.submit(notice, RECEIVED, Terms(verify_dkim=True, keys=first.keys)).result()

    assert (first.disposition, {update.unverified for update in first.updates}) == (Disposition.APPLIED, {False})
    assert first.keys == ZAYO.keys
    assert again == first
    assert names.asked == [[ZAYO.name]]


def test_a_dns_that_does_not_answer_is_told_and_kept_as_such(notice):
    names = Names()
    names.keys[ZAYO.name] = None
    with a_pool(names.find) as pool:
        reading = pool.submit(notice, RECEIVED, ASKED).result()

    assert (reading.reason, reading.keys, reading.wanted) == (Reason.UNTRUSTED, {ZAYO.name: None}, ())
    assert "the DNS did not answer" in reading.detail


def test_a_chain_is_asked_for_in_two_questions():
    below = sealed(own_mail("zayo/three_nights"), LISTS, "lists.example.net; none", fields=FIELDS)
    raw = sealed(below, GOOGLE, "mx.google.com; dmarc=pass header.from=zayo.com", number=2, fields=FIELDS)
    names = Names(GOOGLE, LISTS)
    with a_pool(names.find) as pool:
        reading = pool.submit(raw, RECEIVED, Terms(trusted_arc_sealers=("google.com",))).result()

    assert reading.disposition is Disposition.APPLIED
    assert names.asked == [[GOOGLE.name], [LISTS.name]]


def test_another_copy_may_be_the_one_that_is_proven_by_a_key(notice):
    plain = own_mail("zayo/three_nights")
    names = Names(ZAYO)
    with a_pool(names.find) as pool:
        reading = pool.submit(plain, RECEIVED, ASKED, copies=[(notice, ASKED)]).result()

    assert (reading.disposition, reading.keys) == (Disposition.APPLIED, ZAYO.keys)


def test_others_are_read_while_a_dns_is_silent(notice):
    names = Names(ZAYO)
    names.answers.clear()
    with a_pool(names.find) as pool:
        waiting = pool.submit(notice, RECEIVED, ASKED)
        other = pool.submit(own_mail("zayo/three_nights"), RECEIVED, Terms()).result()
        assert not waiting.done()
        names.answers.set()
        assert waiting.result().disposition is Disposition.APPLIED

    assert other.disposition is Disposition.APPLIED


def test_what_is_called_off_is_read_no_further(notice):
    names = Names(ZAYO)
    names.answers.clear()
    with a_pool(names.find) as pool:
        waiting = pool.submit(notice, RECEIVED, ASKED)
        while not names.asked:
            threading.Event().wait(0.01)
        assert waiting.cancel()
        names.answers.set()
        assert pool.submit(b"From: a@b.example\n\nhello", RECEIVED).result().reason is Reason.UNKNOWN_PROVIDER

    assert waiting.cancelled()


def test_a_fault_in_asking_is_told_to_who_waits(notice):
    def broken(names: Collection[str]) -> Mapping[str, str | None]:
        raise OSError("no network")

    with a_pool(broken) as pool, pytest.raises(OSError, match="no network"):
        pool.submit(notice, RECEIVED, ASKED).result()


def test_without_anybody_to_ask_a_mail_is_read_once(notice):
    pool = WorkerPool(1, Limits(), directory())
    try:
        reading = pool.submit(notice, RECEIVED, ASKED).result()
    finally:
        pool.stop()

    assert (reading.reason, reading.wanted) == (Reason.UNTRUSTED, (ZAYO.name,))
