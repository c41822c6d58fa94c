"""Lumen's stories of a repair in other words than those of the stories in tests/outages."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.vocabulary import Impact, OutageStatus
from parsers.mime import decode
from parsers.outage.lumen import READER
from parsers.outage.sorting import Sort, sort_of
from parsers.providers import Provider
from parsers.statements import NotUnderstood
from tests.sheets import changed, notice, outage_of, result_of

LUMEN = Provider(name="lumen", senders=("@lumen.com",))
MAIL = Path(__file__).parents[3] / "mail" / "lumen"
OPENED = "lumen-repair/a_cut_found_at_night/01_opened"
CONCLUDED = "lumen-repair/a_cut_found_at_night/05_concluded"
SUBJECT = "Lumen Ticket #: 28114073, PINEMARSH NETWORKS, LLC-5-PMX7QW2T, Ticket Updated, Customer Ticket ID:"
DATE = "Tue, 11 May 2027 06:00:00 +0000"
START = "On May 11, 2027, at 02:47 GMT, Lumen discovered a service impact in Tulsa, OK."
AT_NOON = datetime(2027, 5, 11, 12, tzinfo=UTC)


def told(text, subject=SUBJECT):
    return notice(text, subject=subject, date=DATE)


@pytest.mark.parametrize(
    ("sentence", "summary"),
    [
        (
            "On May 11, 2027 at 02:47 GMT, CenturyLink reported a service impact in Norwood, OH.",
            "service impact in Norwood, OH",
        ),
        (
            "On May 11, 2027 at 02:47 GMT: CenturyLink identified a service impact in Erie, PA. It",
            "service impact in Erie, PA",
        ),
        ("On May 11, 2027 02:47 GMT, Level 3 identified an issue affecting voice.", "issue affecting voice"),
        (
            "On May 11, 2027, at 02:47 GMT, Lumen observed a service impact in St. Louis, MO.",
            "service impact in St. Louis, MO",
        ),
        ("On May 11, 2027, at\n02:47 GMT, Lumen detected an\noutage in Rome, NY", "outage in Rome, NY"),
    ],
)
def test_a_story_begins_with_when_what_and_where(sentence, summary):
    result = result_of(READER, told(f"Ticket ID: 28114073\n\n{sentence}\n", subject="Service impact"), LUMEN)

    assert (result.event_id, result.summary) == ("28114073", summary)
    assert result.outage.start == datetime(2027, 5, 11, 2, 47, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sentence", "status"),
    [
        ("The NOC was engaged.", OutageStatus.INVESTIGATING),
        ("The NOC is investigating to isolate the cause.", OutageStatus.INVESTIGATING),
        ("Field Operations was dispatched to a hut.", OutageStatus.INVESTIGATING),
        ("Troubleshooting goes on with the vendor of the equipment.", OutageStatus.INVESTIGATING),
        (
            "Initial research indicated a suspected fault of the site's power, and it is being investigated.",
            OutageStatus.INVESTIGATING,
        ),
        ("A technician confirmed approximately 300 feet of damaged fiber.", OutageStatus.IDENTIFIED),
        ("The cable was severed by a boring crew.", OutageStatus.IDENTIFIED),
        ("The damage has been located near a river.", OutageStatus.IDENTIFIED),
        ("The provider advised that repair efforts are underway.", OutageStatus.IDENTIFIED),
        ("Splicing goes on.", OutageStatus.IDENTIFIED),
        ("All services have been restored, and the NOC continues to monitor.", OutageStatus.MONITORING),
        ("The repair is being monitored.", OutageStatus.MONITORING),
        ("This service impact has concluded.", OutageStatus.RESOLVED),
        ("Lumen will advise when this service impact has concluded.", OutageStatus.INVESTIGATING),
        ("Services have been restored in Tampa. The NOC was engaged.", OutageStatus.INVESTIGATING),
        ("This outage has concluded for most customers.", OutageStatus.INVESTIGATING),
    ],
)
def test_the_furthest_that_has_happened_is_the_status(sentence, status):
    text = f"{START} The NOC was engaged and investigates. {sentence}"

    assert outage_of(READER, told(text), LUMEN).status is status


@pytest.mark.parametrize(
    "sentence",
    [
        "Once the damage has been located, a splice team will be engaged.",
        "No damage was found in the first hut.",
        "A splice team may be needed, if the fiber is cut.",
        "It is not known whether the cable was damaged.",
        "All services have been restored once splicing is done.",
        "Field Operations goes to the span to determine if a fault was found.",
    ],
)
def test_what_is_denied_or_still_to_come_is_no_status(sentence):
    assert (
        outage_of(READER, told(f"{START} The NOC investigates. {sentence}"), LUMEN).status is OutageStatus.INVESTIGATING
    )


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("Ticket Opened", OutageStatus.REPORTED),
        ("Ticket Updated", None),
        ("Ticket Closed", OutageStatus.RESOLVED),
        ("Ticket Canceled", OutageStatus.RESOLVED),
    ],
)
def test_a_ticket_without_a_story_has_the_status_of_its_subject(state, status):
    subject = SUBJECT.replace("Ticket Updated", state)

    assert (
        outage_of(READER, told("See Control Center for the trouble on your circuit.", subject), LUMEN).status is status
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("New", OutageStatus.REPORTED),
        ("Assigned", OutageStatus.INVESTIGATING),
        ("Pending", None),
        ("Closed", OutageStatus.RESOLVED),
        ("Canceled", OutageStatus.RESOLVED),
        ("Up", None),
    ],
)
def test_the_words_of_control_center_are_a_status(word, status):
    assert outage_of(READER, told(f"Perceived Severity: Out Of Service\n\nStatus: {word}"), LUMEN).status is status


@pytest.mark.parametrize(
    ("words", "read"),
    [
        ("ETR: 12:00 GMT", AT_NOON),
        ("Estimated Time to Repair: May 11, 2027 at 12:00 GMT", AT_NOON),
        ("MTR: 6 hours", AT_NOON),
        ("The MTR is 12:00 GMT.", AT_NOON),
        ("The ETR was 10:00 GMT. It has been extended. The ETR is now 12:00 GMT.", AT_NOON),
        ("The ETR has been extended to 12:00 GMT due to weather. ", AT_NOON),
        ("The estimated time to restore is 12:00 GMT.", AT_NOON),
        ("It is estimated that the services will be restored within 4-6 hours.", AT_NOON),
        ("It is estimated that services will be restored by 12 p.m. GMT. The crew is at work.", AT_NOON),
    ],
)
def test_an_estimate_is_read_in_each_of_its_ways_and_of_several_the_last(words, read):
    etr = outage_of(READER, told(f"{START}\n\n{words}\n"), LUMEN).etr

    assert etr is not None
    assert etr.at == read


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("ETR: TBD", "TBD"),
        ("There is no ETR at this time. The crew drives.", "no ETR at this time"),
        ("No estimated time to restore is available.", "No estimated time to restore is available"),
    ],
)
def test_that_there_is_no_estimate_is_said_too(words, said):
    etr = outage_of(READER, told(f"{START}\n\n{words}\n"), LUMEN).etr

    assert etr is not None
    assert (etr.at, etr.words) == (None, said)


@pytest.mark.parametrize(
    "words",
    [
        "A firm MTR will be established once the cables are in place.",
        "Technician ETA: 12:00 GMT",
        "Next update: May 11, 2027 at 12:00 GMT",
        "The crew arrives within 2 hours.",
        "The ETR is under review.",
    ],
)
def test_what_is_no_estimate_states_none(words):
    assert outage_of(READER, told(f"{START}\n\n{words}\n"), LUMEN).etr is None


def test_what_is_over_has_no_estimate():
    assert (
        outage_of(READER, told(f"{START} The ETR is 12:00 GMT. This service impact has concluded."), LUMEN).etr is None
    )


@pytest.mark.parametrize(
    ("labels", "end"),
    [
        ("Outage Start: May 11, 2027 at 02:47 GMT\nOutage Stop: May 11, 2027 at 12:00 GMT", AT_NOON),
        ("Incident Start: May 11, 2027 02:47 GMT\nIncident Clear: May 11, 2027 12:00 GMT", AT_NOON),
        ("Outage Start\nMay 11, 2027 at 02:47 GMT\nFix Action\nA card was replaced", None),
    ],
)
def test_labels_close_a_repair_with_its_end_where_they_state_one(labels, end):
    outage = outage_of(READER, told(f"Ticket: 28114073\n{labels}\n", subject="Reason for outage"), LUMEN)

    assert (outage.status, outage.start, outage.end) == (
        OutageStatus.RESOLVED,
        datetime(2027, 5, 11, 2, 47, tzinfo=UTC),
        end,
    )


@pytest.mark.parametrize("words", ["TBD", "Unknown", "N/A", "Pending"])
def test_a_stop_that_is_no_time_is_no_end(words):
    text = (
        f"Outage Start: May 11, 2027 at 02:47 GMT\nOutage Stop: {words}\nFix Action: {words}\nThe NOC investigates.\n"
    )

    outage = outage_of(READER, told(text), LUMEN)

    assert (outage.status, outage.end) == (OutageStatus.INVESTIGATING, None)


def test_a_root_cause_may_take_several_lines():
    text = (
        "Root Cause: A card of nine years failed one night in the hut\nbehind the bridge\nFix Action: It was replaced"
    )

    assert (
        outage_of(READER, told(text), LUMEN).cause
        == "A card of nine years failed one night in the hut behind the bridge"
    )


@pytest.mark.parametrize("after", ["We are sorry.", "Reply to this mail for more.", "The NOC"])
def test_what_follows_a_root_cause_is_none_of_it(after):
    text = f"Root Cause: A card failed in the hut\n\n{after}\n"

    assert outage_of(READER, told(text), LUMEN).cause == "A card failed in the hut"


@pytest.mark.parametrize("words", ["Under investigation", "Unknown", "TBD", "N/A"])
def test_a_root_cause_that_is_not_known_is_not_stated(words):
    assert outage_of(READER, told(f"Root Cause: {words}"), LUMEN).cause is None


@pytest.mark.parametrize(
    ("severity", "impact"),
    [
        ("Out Of Service", Impact.OUTAGE),
        ("Hard down", Impact.OUTAGE),
        ("Affects Service", Impact.DEGRADED),
        ("Impaired", Impact.DEGRADED),
        ("Loss of redundancy", Impact.REDUCED_REDUNDANCY),
        ("Service Not Affected", Impact.NO_IMPACT),
        ("Severe", None),
    ],
)
def test_the_severity_is_the_impact(severity, impact):
    result = result_of(READER, changed(OPENED, ("Out Of Service", severity)), LUMEN)

    assert [(circuit.circuit_id, circuit.impact) for circuit in result.circuits] == [("BBXT88142", impact)]


@pytest.mark.parametrize(
    "listed", ["BBXT1, BBXT2; N/A and BBXT3", "BBXT1\nBBXT2\nN/A\nBBXT3\nThese circuits are down."]
)
def test_several_circuits_stand_behind_one_label(listed):
    result = result_of(READER, told(f"These are down.\n\nCircuit ID: {listed}\n"), LUMEN)

    assert [circuit.circuit_id for circuit in result.circuits] == ["BBXT1", "BBXT2", "BBXT3"]


@pytest.mark.parametrize(
    "below",
    [
        "Ticket State: Reopened",
        "Next visit: 14:00",
        "A connector was cleaned and the errors are gone. This\nservice impact has concluded.",
        "Dear Customer",
    ],
)
def test_what_stands_below_a_circuit_is_none(below):
    result = result_of(READER, told(f"{START}\n\nCircuit ID: BBXT1\n\n{below}\n"), LUMEN)

    assert [circuit.circuit_id for circuit in result.circuits] == ["BBXT1"]


def test_a_table_of_labels_and_values_is_no_table_of_circuits():
    rows = [
        ("Circuit ID", "BBXT1"),
        ("Service Impact", "Impaired"),
        ("Technician", "B. Ortiz"),
        ("Location", "Tulsa, OK"),
    ]
    cells = "".join(f"<tr><td>{label}</td><td>{value}</td></tr>" for label, value in rows)
    text = f"<html><body><table>{cells}</table><p>{START}</p></body></html>"

    result = result_of(READER, notice(text, subject=SUBJECT, date=DATE, subtype="html"), LUMEN)

    assert [(one.circuit_id, one.impact) for one in result.circuits] == [("BBXT1", Impact.DEGRADED)]


@pytest.mark.parametrize(
    "label", ["Customer Ticket", "Customer Ticket ID", "Customer Ticket Number", "Customer Report ID"]
)
def test_the_ticket_of_the_customer_may_stand_behind_a_label(label):
    text = f"{START}\n\n{label}: INC0044\n"

    assert result_of(READER, told(text), LUMEN).references == ("INC0044",)
    assert result_of(READER, told(text.replace("INC0044", "not given")), LUMEN).references == ()


@pytest.mark.parametrize("label", ["Circuits Affected", "Affected Circuits", "Circuit IDs", "Service ID", "Circuit"])
def test_circuits_stand_behind_each_of_their_labels(label):
    result = result_of(READER, told(f"{START}\n\n{label}: BBXT1\nNext Update: 07:00 GMT\n"), LUMEN)

    assert [circuit.circuit_id for circuit in result.circuits] == ["BBXT1"]


def test_start_end_and_cause_are_read_behind_labels_of_other_carriers_too():
    text = (
        "Start Time: May 11, 2027 02:31 GMT\nService Restored: May 11, 2027 05:10 GMT\nCause of outage: A boring crew"
    )
    outage = outage_of(READER, told(f"{START}\n\n{text}\n"), LUMEN)

    assert (outage.status, outage.cause) == (OutageStatus.RESOLVED, "A boring crew")
    assert outage.start == datetime(2027, 5, 11, 2, 31, tzinfo=UTC)
    assert outage.end == datetime(2027, 5, 11, 5, 10, tzinfo=UTC)


def test_a_long_root_cause_ends_before_a_label_that_nobody_knows():
    cause = "A third party that digs for a water main damaged the cable"
    outage = outage_of(READER, told(f"{START}\n\nRoot Cause: {cause}\nDispatch reference: D-44\n"), LUMEN)

    assert outage.cause == cause


@pytest.mark.parametrize(("behind", "references"), [("", ()), (" INC0044", ("INC0044",))])
def test_the_ticket_of_the_customer_finds_it_too(behind, references):
    assert result_of(READER, told(START, SUBJECT + behind), LUMEN).references == references


@pytest.mark.parametrize("text", ["Your question about an order was received.", "Status: New", "Circuit ID: BBXT1"])
def test_a_ticket_that_nothing_says_to_be_about_an_outage_is_not_understood(text):
    with pytest.raises(NotUnderstood, match="nothing says to be about an outage"):
        READER.read(told(text), LUMEN)


def test_what_a_customer_wrote_above_a_quoted_story_says_nothing_of_it():
    text = (
        "Any news? Is it down still?\n\nOn Tue, May 11, 2027 at 3:20 AM Lumen <no-reply@lumen.com> wrote:\n"
        f"> {START}\n> This service impact has concluded.\n"
    )

    outage = outage_of(READER, told(text, f"Re: {SUBJECT}"), LUMEN)

    assert (outage.status, outage.start) == (None, None)


def test_a_date_in_numbers_is_not_guessed():
    with pytest.raises(NotUnderstood, match="day and month"):
        READER.read(changed(CONCLUDED, ("Outage Start: May 11, 2027 at", "Outage Start: 05/11/2027")), LUMEN)


@pytest.mark.parametrize("name", sorted(path.name for path in MAIL.glob("*.eml")))
def test_a_notice_of_planned_work_is_no_repair(name):
    notification = decode((MAIL / name).read_bytes())

    assert sort_of(notification) is not Sort.OUTAGE
    with pytest.raises(NotUnderstood):
        READER.read(notification, LUMEN)


def test_a_story_without_a_ticket_is_not_understood():
    with pytest.raises(NotUnderstood, match="no ticket"):
        READER.read(told(START, subject="Service impact"), LUMEN)
