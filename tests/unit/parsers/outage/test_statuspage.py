"""The reader of Statuspage's mails about incidents, in the wordings that its sources have and in their variants."""

import random
import textwrap
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import StatedCircuit
from domain.vocabulary import Impact, OutageStatus
from parsers.mime import MalformedMessage, decode
from parsers.outage.statuspage import READER
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Result
from tests.mutations import mutated

ANY = Provider(name="any")
LINK = "https://stspg.io/4kq81zvn0d2r"
DATE = "Wed, 15 Nov 2027 16:19:00 +0000"
STORIES = sorted((Path(__file__).parents[3] / "outages" / "statuspage").glob("*/*.eml"))


def mail(
    *lines: str, html: str = "", subject: str = "Acme Incident - Errors in Perth", date: str | None = DATE
) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Acme <noreply@statuspage.io>"
    message["Subject"] = subject
    if date:
        message["Date"] = date
    if lines or not html:
        message.set_content("\n".join((*lines, "")))
    if html and lines:
        message.add_alternative(html, subtype="html")
    elif html:
        message.set_content(html, subtype="html")
    return message


def read(message: EmailMessage | bytes, provider: Provider = ANY) -> Findings:
    return READER.read(decode(bytes(message)), provider)


def result(message: EmailMessage | bytes, provider: Provider = ANY) -> Result:
    (found,) = read(message, provider).results
    return found


def update(head: str, *body: str, posted: str = "Nov 15, 08:18 PST", components: tuple[str, ...] = ()) -> list[str]:
    named = ["Components affected", *components, ""] if components else []
    return ["Errors in Perth", "", head, "", *body, "", "Time posted", posted, "", *named, f"View incident: {LINK}"]


# Status


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("New incident: Investigating", OutageStatus.INVESTIGATING),
        ("New incident: Identified", OutageStatus.IDENTIFIED),
        ("New Incident: Monitoring", OutageStatus.MONITORING),
        ("New incident: Resolved", OutageStatus.RESOLVED),
        ("New incident", None),
        ("Incident status: Investigating", OutageStatus.INVESTIGATING),
        ("Incident status: Identified", OutageStatus.IDENTIFIED),
        ("Incident Status:  Monitoring", OutageStatus.MONITORING),
        ("Incident status: Resolved", OutageStatus.RESOLVED),
        ("Incident status: Postmortem", OutageStatus.RESOLVED),
        ("Incident status: Up", None),
        ("**Incident resolved**", OutageStatus.RESOLVED),
        ("Incident resolved", OutageStatus.RESOLVED),
        ("An update has been posted", None),
        ("Postmortem", OutageStatus.RESOLVED),
        ("A postmortem has been published", OutageStatus.RESOLVED),
    ],
)
def test_the_line_above_an_update_states_its_status(head: str, status: OutageStatus | None) -> None:
    found = result(mail(*update(head, "We look into it.")))

    assert found.outage is not None
    assert (found.event_id, found.outage.status) == ("4kq81zvn0d2r", status)


@pytest.mark.parametrize(
    "head", ["Scheduled", "In progress", "Maintenance status: Verifying", "Errors in Perth: Investigating", "Hello"]
)
def test_a_mail_without_a_line_of_an_incident_is_not_understood(head: str) -> None:
    with pytest.raises(NotUnderstood, match="reader statuspage: no update of an incident"):
        read(mail(*update(head)))


def test_a_mail_without_a_link_of_an_incident_is_not_understood() -> None:
    lines = update("Incident resolved")[:-1]

    with pytest.raises(NotUnderstood, match="reader statuspage: it links to no incident"):
        read(mail(*lines))


@pytest.mark.parametrize("subject", ["Acme Scheduled Maintenance - Core", "Core upgrade"])
def test_an_update_that_no_subject_calls_an_incident_is_none(subject: str) -> None:
    with pytest.raises(NotUnderstood, match="reader statuspage: it is about planned work"):
        read(mail(*update("An update has been posted"), subject=subject))


def test_of_several_updates_the_newest_alone_speaks() -> None:
    lines = (
        *update("Incident status: Monitoring", "We watch.", posted="Nov 15, 08:50 PST", components=("API",))[:-1],
        *update("Incident status: Identified", "ETR: 10:00 PST", posted="Nov 15, 08:30 PST", components=("Old",)),
        *update("New incident: Investigating", "Root cause: unknown"),
    )
    found = result(mail(*lines))

    assert found.outage is not None
    assert found.outage.status is OutageStatus.MONITORING
    assert (found.outage.start, found.outage.etr, found.outage.cause) == (None, None, None)
    assert found.circuits == (StatedCircuit(circuit_id="API"),)


def test_what_an_answer_quotes_says_nothing() -> None:
    quoted = [f"> {line}" for line in update("Incident resolved")]

    with pytest.raises(NotUnderstood):
        read(mail("Thank you!", "", "On Monday Acme wrote:", *quoted, subject="Re: Acme Incident - Errors"))


# Times


@pytest.mark.parametrize(
    ("posted", "date", "instant"),
    [
        ("Nov 15, 08:18 PST", DATE, datetime(2027, 11, 15, 16, 18, tzinfo=UTC)),
        ("Nov 15, 16:18 UTC", DATE, datetime(2027, 11, 15, 16, 18, tzinfo=UTC)),
        ("Dec 31, 23:58 UTC", "Sat, 01 Jan 2028 00:01:00 +0000", datetime(2027, 12, 31, 23, 58, tzinfo=UTC)),
        ("Jan 1, 00:01 CET", "Fri, 31 Dec 2027 23:02:00 +0000", datetime(2027, 12, 31, 23, 1, tzinfo=UTC)),
        ("Feb 29, 12:00 UTC", "Tue, 29 Feb 2028 12:01:00 +0000", datetime(2028, 2, 29, 12, tzinfo=UTC)),
    ],
)
def test_the_first_update_was_posted_when_the_incident_was_reported(posted: str, date: str, instant: datetime) -> None:
    found = result(mail(*update("New incident: Investigating", posted=posted), date=date))

    assert found.outage is not None
    assert (found.outage.start, found.outage.reported_at, found.outage.end) == (instant, instant, None)


@pytest.mark.parametrize("head", ["Incident status: Identified", "An update has been posted", "Incident resolved"])
def test_when_a_later_update_was_posted_is_neither_start_nor_end(head: str) -> None:
    found = result(mail(*update(head)))

    assert found.outage is not None
    assert (found.outage.start, found.outage.reported_at, found.outage.end) == (None, None, None)
    assert found.outage.zone == "PST"


def test_a_time_in_a_zone_that_nobody_knows_is_not_stated_and_warned_of() -> None:
    findings = read(mail(*update("New incident: Investigating", posted="Nov 15, 08:18 XYZT")))
    (found,) = findings.results

    assert found.outage is not None
    assert (found.outage.start, found.outage.status) == (None, OutageStatus.INVESTIGATING)
    assert len(findings.warnings) == 1
    assert "XYZT" in findings.warnings[0]


def test_a_zone_that_means_several_is_that_of_the_providers_home() -> None:
    lines = update("New incident: Investigating", posted="Nov 15, 14:30 IST")
    found = result(mail(*lines), Provider(name="any", zone="Asia/Kolkata"))

    assert found.outage is not None
    assert found.outage.start == datetime(2027, 11, 15, 9, tzinfo=UTC)


def test_an_end_is_read_where_a_resolved_incident_names_it() -> None:
    resolved = result(mail(*update("Incident resolved", "All is well.", "Resolved at: Nov 15, 07:55 PST")))
    watched = result(mail(*update("Incident status: Monitoring", "End time: Nov 15, 07:55 PST")))

    assert resolved.outage is not None
    assert resolved.outage.end == datetime(2027, 11, 15, 15, 55, tzinfo=UTC)
    assert watched.outage is not None
    assert watched.outage.end is None


def test_a_start_that_the_text_names_counts_before_when_it_was_posted() -> None:
    found = result(mail(*update("New incident: Investigating", "Start time: Nov 15, 07:40 PST")))

    assert found.outage is not None
    assert found.outage.start == datetime(2027, 11, 15, 15, 40, tzinfo=UTC)
    assert found.outage.reported_at == datetime(2027, 11, 15, 16, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("ETR: Nov 15, 12:00 PST", datetime(2027, 11, 15, 20, tzinfo=UTC)),
        ("Estimated time to restore: within 4 hours", datetime(2027, 11, 15, 20, 19, tzinfo=UTC)),
        ("ETR: TBD", None),
    ],
)
def test_an_estimate_is_read_where_it_is_labelled(line: str, at: datetime | None) -> None:
    found = result(mail(*update("Incident status: Identified", "We know why.", line)))

    assert found.outage is not None
    assert found.outage.etr is not None
    assert found.outage.etr.at == at


@pytest.mark.parametrize(
    "line",
    ["Next update: 10:00 PST", "We will post again within 2 hours.", "Technician ETA: 09:30 PST", "ETR to follow"],
)
def test_what_is_no_estimate_is_not_read_as_one(line: str) -> None:
    found = result(mail(*update("Incident status: Identified", line)))

    assert found.outage is not None
    assert found.outage.etr is None


@pytest.mark.parametrize(
    "body",
    [
        ("Root cause: A card failed.",),
        ("Summary", "We lost a card.", "Root cause", "A card failed.", "What we do", "Two cards."),
        ("*Cause:*", "A card failed."),
        ("Reason for outage: A card failed.", "Root cause: unclear"),
    ],
)
def test_a_postmortem_states_the_cause_that_it_labels(body: tuple[str, ...]) -> None:
    found = result(mail(*update("Incident status: Postmortem", *body)))

    assert found.outage is not None
    assert found.outage.cause == "A card failed."


def test_a_mail_without_a_date_is_not_understood() -> None:
    with pytest.raises(NotUnderstood, match="no Date"):
        read(mail(*update("Incident resolved"), date=None))


# Components


@pytest.mark.parametrize(
    ("components", "named"),
    [
        (("API",), ["API"]),
        (("API, Labs",), ["API", "Labs"]),
        (("- API", "* Labs"), ["API", "Labs"]),
        (("Frankfurt (FR5, FR7), London",), ["Frankfurt (FR5, FR7)", "London"]),
        (("Frankfurt, DE", "London, UK"), ["Frankfurt, DE", "London, UK"]),
        (("API", "api"), ["API"]),
    ],
)
def test_each_component_is_a_circuit(components: tuple[str, ...], named: list[str]) -> None:
    found = result(mail(*update("Incident status: Identified", components=components)))

    assert [circuit.circuit_id for circuit in found.circuits or ()] == named


@pytest.mark.parametrize(
    ("state", "impact"),
    [
        ("Operational", None),
        ("Degraded Performance", Impact.DEGRADED),
        ("degraded_performance", Impact.DEGRADED),
        ("Partial Outage", Impact.DEGRADED),
        ("Major Outage", Impact.OUTAGE),
        ("Under Maintenance", None),
    ],
)
@pytest.mark.parametrize("form", ["LON - PAR 10G - {}", "LON - PAR 10G ({})", "LON - PAR 10G: {}", "LON - PAR 10G\n{}"])
def test_the_state_of_a_component_is_its_impact(form: str, state: str, impact: Impact | None) -> None:
    lines = tuple(form.format(state).split("\n"))
    found = result(mail(*update("Incident status: Identified", components=lines)))

    assert found.circuits == (StatedCircuit(circuit_id="LON - PAR 10G", impact=impact),)


def test_a_mail_without_components_states_none() -> None:
    assert result(mail(*update("Incident status: Identified"))).circuits is None


HTML = """\
<html><body><table><tr><td><a href="{link}">Errors in Perth</a></td></tr>
<tr><td>Incident status: <b>Identified</b><p>We know why.</p>
<p><b>Time posted</b><br>Nov 15, 08:18 PST</p>
<p><b>Components affected</b><br>
<span><img src="x.png"> API</span> <span><img src="x.png"> Labs - Major Outage</span></p></td></tr>
<tr><td>New incident: <b>Investigating</b><p>We look.</p><p><b>Time posted</b><br>Nov 15, 08:00 PST</p>
<p><b>Components affected</b><br><span>Old</span></p></td></tr>
<tr><td>You received this email because you are subscribed to Acme&#39;s service status notifications.</td></tr>
</table></body></html>
"""
IN_HTML = (StatedCircuit(circuit_id="API"), StatedCircuit(circuit_id="Labs", impact=Impact.OUTAGE))


def test_components_that_stand_beside_each_other_in_html_are_told_apart() -> None:
    alone = result(mail(html=HTML.format(link=LINK)))
    beside = result(mail(*update("Incident status: Identified", components=("API Labs",)), html=HTML.format(link=LINK)))

    assert alone.circuits == beside.circuits == IN_HTML
    assert alone.outage == beside.outage


def test_components_of_an_older_update_in_html_are_not_the_newest_ones() -> None:
    bare = HTML.replace("<p><b>Components affected</b>", "<p><b>Nothing</b>", 1).format(link=LINK)

    assert result(mail(html=bare)).circuits is None


# The rest


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("Acme Incident - Errors in Perth", "Errors in Perth"),
        ("Re: [EXT] Acme Status Incident - Loss - Perth", "Loss - Perth"),
        ("[Acme] changed by a filter", "Errors in Perth"),
    ],
)
def test_the_name_of_an_incident_is_in_the_subject_or_above_the_update(subject: str, name: str) -> None:
    assert result(mail(*update("Incident status: Identified"), subject=subject)).summary == name


def test_an_incident_that_the_text_mentions_is_not_the_one_that_it_is_about() -> None:
    found = result(mail(*update("Incident status: Identified", "As in https://stspg.io/0ther0ne before.")))
    linked = result(mail(*update("Incident resolved", "x")[:-1], "Status: https://status.acme.example/incidents/zz9x8"))

    assert (found.event_id, found.references) == ("4kq81zvn0d2r", ())
    assert linked.event_id == "zz9x8"


def test_the_long_link_beside_the_short_one_is_another_name_of_the_incident() -> None:
    found = result(mail(*update("Incident resolved"), "Or: https://status.acme.example/incidents/zz9x8"))

    assert (found.event_id, found.references) == ("4kq81zvn0d2r", ("zz9x8",))


def test_a_person_sees_the_words_of_each_field() -> None:
    lines = update("New incident: Identified", "Root cause: rain", "ETR: in 2 hours", components=("API",))

    assert read(mail(*lines)).matched == (
        ("ticket", "4kq81zvn0d2r"),
        ("status", "New incident: Identified"),
        ("start", "Nov 15, 08:18 PST"),
        ("reported_at", "Nov 15, 08:18 PST"),
        ("etr", "in 2 hours"),
        ("cause", "rain"),
        ("circuit", "API"),
        ("summary", "Errors in Perth"),
    )


# Damage


def facts(raw: bytes | EmailMessage) -> tuple[object, ...]:
    found = result(raw)
    return found.event_id, found.summary, found.circuits, found.outage


@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64"])
@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
def test_a_mail_says_the_same_however_it_is_encoded(encoding: str, charset: str) -> None:
    lines = update("New incident: Identified", "Root cause: rain", components=("API", "Labs - Major Outage"))
    again = EmailMessage()
    for name, value in mail(*lines).items():
        if not name.lower().startswith(("content-", "mime-")):
            again[name] = value
    again.set_content("\n".join((*lines, "")), charset=charset, cte=encoding)

    assert facts(again) == facts(mail(*lines))


def test_a_mail_says_the_same_when_its_text_is_wrapped_more_narrowly() -> None:
    sentence = "A long sentence about what happens, which gateways like to break somewhere in the middle of it. " * 3
    lines = update("New incident: Identified", sentence.strip(), components=("API",))
    narrow = [piece for line in lines for piece in (textwrap.wrap(line, 40) or [""])]

    assert facts(mail(*narrow)) == facts(mail(*lines))


@settings(max_examples=60, deadline=None)
@given(story=st.sampled_from(STORIES), seed=st.integers(min_value=0, max_value=2**32))
def test_a_damaged_mail_is_read_or_not_understood(story: Path, seed: int) -> None:
    raw = mutated(story.read_bytes(), random.Random(seed))
    try:
        (found,) = READER.read(decode(raw), ANY).results
    except (NotUnderstood, MalformedMessage):
        return

    assert found.outage is not None
    assert found.event_id
    assert len(found.circuits or ()) <= 100
    assert all(circuit.circuit_id.strip() for circuit in found.circuits or ())


@settings(max_examples=60, deadline=None)
@given(story=st.sampled_from(STORIES), share=st.floats(min_value=0, max_value=1))
def test_a_mail_that_was_cut_states_nothing_that_the_whole_one_does_not(story: Path, share: float) -> None:
    raw = story.read_bytes()
    whole = result(raw)
    try:
        cut = result(raw[: int(len(raw) * share)])
    except (NotUnderstood, MalformedMessage):
        return

    assert cut.event_id == whole.event_id[: len(cut.event_id)]
    assert cut.outage is not None
    assert whole.outage is not None
    assert cut.outage.status in (whole.outage.status, None)
    assert cut.outage.start in (whole.outage.start, None)
