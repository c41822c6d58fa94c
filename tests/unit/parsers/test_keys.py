"""Reading a message by keys that are found meanwhile: how often it is read, and who hears of what."""

import threading
from collections.abc import Collection, Mapping
from concurrent.futures import Future

import pytest

from domain.message import Disposition, Reading, Terms
from parsers.keys import Ways, read_with_keys

WAYS: Ways = ((b"first", Terms(keys={"old": "k0"})), (b"copy", Terms()))


def reading(*wanted: str) -> Reading:
    return Reading(
        provider=None,
        reader=None,
        reader_version="",
        updates=(),
        disposition=Disposition.IRRELEVANT,
        wanted=wanted,
    )


class Workers:
    """What reads: it answers when it is told to, and notes the keys by which each attempt was made."""

    def __init__(self) -> None:
        self.attempts: list[tuple[list[Mapping[str, str | None]], Future[Reading]]] = []
        self.came = threading.Semaphore(0)

    def submit(self, ways: Ways) -> Future[Reading]:
        future: Future[Reading] = Future()
        self.attempts.append(([dict(terms.keys) for _, terms in ways], future))
        self.came.release()
        return future

    def answer(self, answer: Reading) -> None:
        """Answer the next attempt, when it comes."""
        assert self.came.acquire(timeout=60)
        self.attempts[-1][1].set_result(answer)


def found(names: Collection[str]) -> dict[str, str | None]:
    return {name: None if name == "silent" else f"key of {name}" for name in names}


def test_a_message_that_wants_no_key_is_read_once():
    workers = Workers()
    answer = read_with_keys(workers.submit, WAYS, found)
    workers.answer(reading())

    assert answer.result(60).keys == {"old": "k0"}
    assert len(workers.attempts) == 1


def test_every_copy_is_read_with_every_key_that_was_found():
    workers = Workers()
    answer = read_with_keys(workers.submit, WAYS, found)
    workers.answer(reading("a", "silent"))
    workers.answer(reading("b"))
    workers.answer(reading())

    assert answer.result(60).keys == {"old": "k0", "a": "key of a", "silent": None, "b": "key of b"}
    last = {"a": "key of a", "silent": None, "b": "key of b"}
    assert workers.attempts[-1][0] == [{"old": "k0", **last}, last]


def test_what_still_wants_keys_in_the_end_is_told_to_ask_again():
    workers = Workers()
    answer = read_with_keys(workers.submit, WAYS, found)
    for name in ("a", "b", "c"):
        workers.answer(reading(name))

    assert answer.result(60).wanted == ()
    assert answer.result(60).keys == {"old": "k0", "a": "key of a", "b": "key of b", "c": None}
    assert len(workers.attempts) == 3


def test_what_is_called_off_while_keys_are_looked_for_is_not_read_again():
    workers, asked, answers = Workers(), threading.Event(), threading.Event()

    def slowly(names: Collection[str]) -> dict[str, str | None]:
        asked.set()
        assert answers.wait(60)
        return found(names)

    before = set(threading.enumerate())
    answer = read_with_keys(workers.submit, WAYS, slowly)
    workers.answer(reading("a"))
    assert asked.wait(60)
    assert answer.cancel()
    answers.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(60)

    assert len(workers.attempts) == 1


def test_who_calls_it_off_calls_off_the_attempt_and_the_other_way_round():
    workers = Workers()
    answer = read_with_keys(workers.submit, WAYS, found)
    assert answer.cancel()
    assert workers.attempts[0][1].cancelled()

    other = read_with_keys(workers.submit, WAYS, found)
    workers.attempts[1][1].cancel()
    assert other.cancelled()


def test_a_failure_is_told():
    workers = Workers()
    answer = read_with_keys(workers.submit, WAYS, found)
    workers.attempts[0][1].set_exception(OSError("the worker died"))

    with pytest.raises(OSError, match="the worker died"):
        answer.result(60)
