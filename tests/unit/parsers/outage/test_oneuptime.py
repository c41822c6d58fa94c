"""The reader of OneUptime's mails about incidents."""

import random
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import StatedCircuit, StatedOutage
from domain.vocabulary import OutageStatus
from parsers.mime import MalformedMessage, decode
from parsers.outage.oneuptime import READER
from parsers.providers import Provider
from parsers.statements import NotUnderstood, Result
from tests.mutations import mutated

ANY = Provider(name="any")
STORIES = sorted((Path(__file__).parents[3] / "outages" / "oneuptime").glob("*/*.eml"))
IDENT = "0b5c2f8e-11aa-4c1b-9d55-6a2f4e7d9c10"
CHANGED = "The status of an incident affecting services you're subscribed to has been updated."
NEW = "A new incident has been reported that may affect the services you're subscribed to."
POSTMORTEM = "A postmortem report has been published for an incident that affected services you're subscribed to."


def mail(info: str, *fields: tuple[str, str], link: str = f"incidents/{IDENT}") -> EmailMessage:
    cells = "".join(f"<div><p>{label}</p><p>{value}</p></div>" for label, value in fields)
    made = EmailMessage()
    made["From"] = "Acme <status@acme.example>"
    made["Subject"] = "[Resolved Incident] Loss"
    made["Date"] = "Wed, 10 Mar 2027 09:01:00 +0000"
    made.set_content(
        f"<html><body><h2>Incident</h2><table><tr><td>{info}</td></tr></table>{cells}"
        f'<a href="https://status.acme.example/{link}"><span>View Incident Details</span></a></body></html>',
        subtype="html",
    )
    return made


def result(message: EmailMessage) -> Result:
    (found,) = READER.read(decode(bytes(message)), ANY).results
    return found


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("Identified", None),
        ("Acknowledged", OutageStatus.INVESTIGATING),
        ("Investigating", OutageStatus.INVESTIGATING),
        ("Monitoring", OutageStatus.MONITORING),
        ("Resolved", OutageStatus.RESOLVED),
        ("On hold", None),
    ],
)
def test_the_current_state_is_the_status_where_it_can_mean_one_only(state: str, status: OutageStatus | None) -> None:
    found = result(mail(CHANGED, ("Incident", "Loss"), ("Current State", state), ("Affected Resources", "A, B")))

    assert found == Result(
        event_id=IDENT,
        summary="Loss",
        circuits=(StatedCircuit(circuit_id="A"), StatedCircuit(circuit_id="B")),
        outage=StatedOutage(status=status),
    )


def test_a_postmortem_is_of_what_is_resolved_and_states_the_cause_that_it_labels() -> None:
    found = result(mail(POSTMORTEM, ("Incident", "Loss"), ("Postmortem Summary", "Long.<br>Root cause: A card.")))

    assert found.outage == StatedOutage(status=OutageStatus.RESOLVED, cause="A card.")


def test_a_text_in_which_a_label_stands_changes_no_field_above_it() -> None:
    fields = (("Incident", "Loss"), ("Affected Resources", "None"), ("Description", "Incident<br>Another<br>Severity"))
    found = result(mail(NEW, *fields))

    assert (found.summary, found.circuits) == ("Loss", None)


@pytest.mark.parametrize(
    "info", ["A scheduled maintenance event has been announced for services you're subscribed to.", "Hello."]
)
def test_a_mail_about_anything_else_is_not_understood(info: str) -> None:
    with pytest.raises(NotUnderstood, match="reader oneuptime: no update of an incident"):
        result(mail(info))


def test_a_mail_that_links_to_the_page_alone_is_not_understood() -> None:
    with pytest.raises(NotUnderstood, match="reader oneuptime: it links to no incident"):
        result(mail(NEW, ("Incident", "Loss"), link=""))


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
