"""What becomes of a mail that no reader of maintenances wants, but that can be one of an outage."""

import pytest

from domain.message import Decision, Disposition, Reading, Reason, Terms
from parsers.mime import decode, read_envelope
from parsers.outage.sorting import Sort, sort_of
from parsers.providers import directory
from parsers.reading import read_message

LOSS = ("Case 70012233", "Ticket: 70012233", "Start: 4 March 2027 14:02 UTC", "Circuit ID: HF-1001")


def mail(subject: str, *lines: str, headers: tuple[str, ...] = ()) -> bytes:
    """Return a mail of a carrier whose reader says of all that is no maintenance that it is nothing for us."""
    head = ("From: noc@zayo.com", f"Subject: {subject}", "Date: Thu, 04 Mar 2027 15:10:00 +0000", "Message-ID: <1@x>")
    return "\n".join((*head, *headers, "", *lines, "")).encode()


def read(raw: bytes, decision: Decision | None = None) -> Reading:
    envelope = read_envelope(raw)
    assert envelope.date
    terms = Terms(decision=decision or Decision())
    return read_message(raw, received_at=envelope.date, directory=directory(), terms=terms)


def test_a_ticket_with_a_fact_is_not_irrelevant() -> None:
    raw = mail(*LOSS)

    reading = read(raw)

    assert sort_of(decode(raw)) is Sort.OTHER
    assert (reading.disposition, reading.reason) == (Disposition.QUARANTINED, Reason.UNPARSED)
    assert "found ticket 70012233, start, circuits HF-1001" in reading.detail
    assert "maintd quarantine accept MESSAGE --reader general" in reading.detail
    (library, general) = reading.trials
    assert (library.reader, general.reader) == ("zayo", "general")
    assert {match.field for match in general.matched} >= {"ticket", "start", "circuits"}


@pytest.mark.parametrize(
    ("subject", "lines", "headers"),
    [
        ("Case 70012233", ("Please send us the contract.",), ()),
        ("News", ("Start: 4 March 2027 14:02 UTC", "Circuit ID: HF-1001"), ()),
        ("Your invoice", LOSS[1:], ()),
        ("Case 70012233", ("How did we do? Take our survey.", *LOSS[1:]), ()),
        ("Case 70012233", LOSS[1:], ("Auto-Submitted: auto-replied",)),
        ("Automatic reply: Case 70012233", LOSS[1:], ()),
    ],
)
def test_a_letter_an_answer_and_what_says_nothing_stay_irrelevant(
    subject: str, lines: tuple[str, ...], headers: tuple[str, ...]
) -> None:
    reading = read(mail(subject, *lines, headers=headers))

    assert reading.disposition is Disposition.IRRELEVANT
    assert "general" not in [trial.reader for trial in reading.trials]


@pytest.mark.parametrize("reader", ["general", "maintd/general"])
@pytest.mark.parametrize(
    "lines", [LOSS[1:], ("Ticket: 70012233", "ETR: 4 March 2027 18:00 UTC"), ("Case 70012233", "Status: Resolved")]
)
def test_what_a_person_has_the_general_reader_read_needs_a_ticket_and_one_fact(
    reader: str, lines: tuple[str, ...]
) -> None:
    raw = mail(LOSS[0], *lines)

    (update,) = read(raw, Decision(reader=reader)).updates

    assert (update.event_id, read(raw).updates) == ("70012233", ())


def test_a_person_s_word_for_another_reader_is_heeded() -> None:
    assert read(mail(*LOSS), Decision(reader="zayo")).disposition is Disposition.IRRELEVANT
