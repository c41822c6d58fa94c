"""The reader of Cachet's mails about incidents."""

import random
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import StatedEtr, StatedOutage
from domain.vocabulary import OutageStatus
from parsers.mime import MalformedMessage, decode
from parsers.outage.cachet import READER
from parsers.providers import Provider
from parsers.statements import NotUnderstood, Result
from tests.mutations import mutated

ANY = Provider(name="any")
STORIES = sorted((Path(__file__).parents[3] / "outages" / "cachet").glob("*/*.eml"))
NEW = "A new incident was reported at Acme."
TEXT = """\
[Acme](https://status.acme.example)

# {headline}

{message}

View: https://status.acme.example/incidents/7

Thanks,
Acme

[Unsubscribe](https://status.acme.example/u/1) — [Manage subscription](https://status.acme.example/m/1)
"""


def mail(headline: str, message: str = "We look into it.", *, text: str = TEXT) -> EmailMessage:
    made = EmailMessage()
    made["From"] = "Acme <status@acme.example>"
    made["Subject"] = "Incident Updated"
    made["Date"] = "Wed, 10 Mar 2027 09:01:00 +0000"
    made.set_content(text.format(headline=headline, message=message))
    return made


def result(message: EmailMessage) -> Result:
    (found,) = READER.read(decode(bytes(message)), ANY).results
    return found


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Investigating", OutageStatus.INVESTIGATING),
        ("Identified", OutageStatus.IDENTIFIED),
        ("Watching", OutageStatus.MONITORING),
        ("Fixed", OutageStatus.RESOLVED),
    ],
)
def test_the_headline_of_an_update_states_name_and_status(word: str, status: OutageStatus) -> None:
    found = result(mail(f"Core was updated to new was updated to {word}"))

    assert found == Result(event_id="7", summary="Core was updated to new", outage=StatedOutage(status=status))


def test_the_first_mail_states_neither_name_nor_status() -> None:
    assert result(mail(NEW)) == Result(event_id="7", outage=StatedOutage())


def test_the_message_states_what_it_labels_and_nothing_below_it_does() -> None:
    message = "Start: 2027-03-10 08:40 UTC\n\nETR: 2027-03-10 12:00 UTC\n\nRoot cause: A card failed."
    found = result(mail("Core was updated to Identified", message, text=TEXT.replace("Thanks,", "Cause: thanks,")))

    assert found.outage == StatedOutage(
        status=OutageStatus.IDENTIFIED,
        start=datetime(2027, 3, 10, 8, 40, tzinfo=UTC),
        etr=StatedEtr(at=datetime(2027, 3, 10, 12, tzinfo=UTC), words="2027-03-10 12:00 UTC"),
        cause="A card failed.",
    )


@pytest.mark.parametrize("label", ["New ETR", "**Revised ETTR**", "Updated estimated time of restoration"])
def test_an_estimate_that_is_called_a_new_one_is_read(label: str) -> None:
    found = result(mail("Core was updated to Identified", f"We need more time.\n\n{label}: 2027-03-10 12:00 UTC"))

    assert found.outage is not None
    assert found.outage.etr == StatedEtr(at=datetime(2027, 3, 10, 12, tzinfo=UTC), words="2027-03-10 12:00 UTC")


@pytest.mark.parametrize(
    ("label", "behind"),
    [("Root cause: ", "\nThat was all."), ("Root cause\n", "\n\nthanks for reading."), ("RFO: ", "")],
)
def test_a_cause_goes_on_where_its_line_was_wrapped(label: str, behind: str) -> None:
    cause = "An excavator on a building site cut the duct near Hainburg in which\nall of our fibres run."
    found = result(mail("Core was updated to Fixed", f"{label}{cause}{behind}"))

    assert found.outage is not None
    assert found.outage.cause == " ".join(cause.split())


def test_a_cause_ends_before_what_is_no_more_of_its_sentence() -> None:
    cause = "An excavator on a building site cut the duct near Hainburg there"
    found = result(mail("Core was updated to Fixed", f"Cause: {cause}\n\nSorry for it all."))

    assert found.outage is not None
    assert found.outage.cause == cause


@pytest.mark.parametrize(
    "headline",
    ["A new scheduled maintenance was created.", "A component's status was updated!", "Core was updated to x"],
)
def test_a_mail_about_anything_else_is_not_understood(headline: str) -> None:
    with pytest.raises(NotUnderstood, match="reader cachet: no update of an incident"):
        result(mail(headline))


def test_a_mail_without_a_link_of_an_incident_is_not_understood() -> None:
    with pytest.raises(NotUnderstood, match="reader cachet: it links to no incident"):
        result(mail(NEW, text=TEXT.replace("/incidents/7", "/")))


def test_an_incident_that_the_message_links_to_is_not_its_own() -> None:
    found = result(mail("Core was updated to Fixed", "As https://status.acme.example/incidents/3 said."))

    assert found.event_id == "7"


@settings(max_examples=80, deadline=None)
@given(story=st.sampled_from(STORIES), seed=st.integers(min_value=0, max_value=2**32))
def test_a_damaged_mail_is_read_or_not_understood(story: Path, seed: int) -> None:
    raw = mutated(story.read_bytes(), random.Random(seed))
    try:
        (found,) = READER.read(decode(raw), ANY).results
    except (NotUnderstood, MalformedMessage):
        return

    assert found.outage is not None
    assert found.event_id
