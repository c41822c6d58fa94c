"""The general reader of outages: labels in many wordings, and strict in what it takes for an outage."""

import random
from datetime import UTC, datetime, timedelta
from email.errors import HeaderParseError
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import StatedCircuit, StatedEtr, StatedOutage
from domain.vocabulary import Impact, OutageStatus
from parsers.mime import MalformedMessage, Notification, decode
from parsers.outage.general import LAX, READER
from parsers.outage.words import Means, impact_in, meaning_of, status_by_sentence, status_by_subject, status_in
from parsers.providers import Provider
from parsers.statements import NotUnderstood, Result
from tests.mutations import mutated

ANY = Provider(name="any")
IN_PARIS = Provider(name="any", zone="Europe/Paris", date_order="day-month")
MAILS = sorted((Path(__file__).parents[3] / "mail").glob("*/*.eml"))
LETTERS = sorted((Path(__file__).parents[3] / "no_outages").glob("*/*.eml"))
AT_TEN = datetime(2027, 3, 4, 10, 0, tzinfo=UTC)
SUBJECT = "Network outage"
FACTS = "Ticket Number: 4711\nStatus: Investigating\nStart Time: 2027-03-04 10:00 UTC\nCircuit ID: ABC-0042\n"


def mail(body: str, subject: str = SUBJECT, kind: str = "plain", head: str = "") -> Notification:
    return decode(
        f"{head}From: noc@carrier.example\nSubject: {subject}\nDate: Thu, 04 Mar 2027 14:00:00 +0000\n"
        f"Content-Type: text/{kind}; charset=utf-8\n\n{body}".encode()
    )


def result(body: str, subject: str = SUBJECT, kind: str = "plain", provider: Provider = ANY) -> Result:
    (found,) = READER.read(mail(body, subject, kind), provider).results
    return found


def outage(body: str, subject: str = SUBJECT, kind: str = "plain", provider: Provider = ANY) -> StatedOutage:
    stated = result(body, subject, kind, provider).outage
    assert stated is not None
    return stated


def test_all_that_a_notice_states_is_read() -> None:
    body = (
        "Ticket Number: 4711\nMaster Ticket: M-100\nAccount Number: 99-1\nStatus: Identified\n"
        "Reported: 2027-03-04 10:12 UTC\nStart of event: 2027-03-04 10:00 UTC\nETR: within 4 hours\n"
        "Circuit ID: ABC-0042, ABC-0043\nService Impact: Hard Down\nReason for outage: Fibre cut near Lyon\n"
        "Description: No light in both directions\n"
    )
    findings = READER.read(mail(body), ANY)
    assert findings.results == (
        Result(
            event_id="4711",
            account="99-1",
            circuits=(
                StatedCircuit(circuit_id="ABC-0042", impact=Impact.OUTAGE),
                StatedCircuit(circuit_id="ABC-0043", impact=Impact.OUTAGE),
            ),
            summary="No light in both directions",
            references=("M-100",),
            outage=StatedOutage(
                status=OutageStatus.IDENTIFIED,
                start=AT_TEN,
                reported_at=AT_TEN + timedelta(minutes=12),
                etr=StatedEtr(at=AT_TEN + timedelta(hours=8), words="within 4 hours"),
                cause="Fibre cut near Lyon",
                zone="UTC",
            ),
        ),
    )
    assert dict(findings.matched) == {
        "ticket": "Ticket Number: 4711",
        "status": "Status: Identified",
        "impact": "Service Impact: Hard Down",
        "start": "Start of event: 2027-03-04 10:00 UTC",
        "reported": "Reported: 2027-03-04 10:12 UTC",
        "ETR": "ETR: within 4 hours",
        "circuits": "Circuit ID: ABC-0042, ABC-0043",
        "cause": "Reason for outage: Fibre cut near Lyon",
        "summary": "Description: No light in both directions",
        "account": "Account Number: 99-1",
    }


def test_what_is_not_stated_is_none() -> None:
    assert result(FACTS).outage == StatedOutage(status=OutageStatus.INVESTIGATING, start=AT_TEN, zone="UTC")
    assert result("Ticket: 4711\nStatus: Investigating\nStart: 2027-03-04 10:00 UTC\n").circuits is None


# Labels


@pytest.mark.parametrize(
    ("means", "labels"),
    [
        (
            Means.TICKET,
            "Ticket|Ticket #|Ticket No.|Ticket Number|Trouble Ticket|Trouble Ticket No|TT#|Case #"
            "|Case Number|Incident ID"
            "|Incident Number|Our Reference|Reference|Event ID|Fault Reference|NOC Ticket ID|Case reference|Ticket Ref",
        ),
        (Means.OTHER_TICKET, "Customer Ticket|Your reference|Master Ticket|Parent Case Number|Customer Reference"),
        (
            Means.CIRCUITS,
            "Circuit|Circuit ID|Circuit ID(s)|Circuit IDs|Service ID|Affected Circuit(s)|Affected Services|CID"
            "|Impacted Circuits|Service ID(s) affected|Circuit Number|Affected Service IDs|Link ID",
        ),
        (Means.STATUS, "Status|Current Status|State|Incident status|Ticket Status"),
        (Means.IMPACT, "Impact|Service Impact|Impact Description|Service State|Customer Impact|Impact Type"),
        (
            Means.START,
            "Start|Start Time|Start Time (UTC)|Outage Start|Start of event|Start of Outage|Began"
            "|Outage began|Started at"
            "|Incident Start Time|Time of Outage|Date and Time of Outage|Occurred at|Start date/time|Down since",
        ),
        (
            Means.END,
            "End|End Time|Outage End|Outage Stop|Restored|Restored at|Service Restored"
            "|Restoration Time|Cleared|Resolved at"
            "|Date and Time Cleared|Time Restored|End of event|Actual restoration time|Incident End Time",
        ),
        (
            Means.REPORTED,
            "Reported|Reported at|Date and Time Reported|Opened|Ticket Opened|Created|Time Reported"
            "|Opened on|Case opened",
        ),
        (
            Means.ETR,
            "ETR|ETTR|ETR (UTC)|Estimated Time to Repair|Estimated time to restore|Estimated Time of Restoration|ETRO"
            "|Estimated restoration|Expected recovery|Estimated Restoration Time|Expected Resolution Time|Revised ETR"
            "|Estimated time of repair|Est. Restore Time|Anticipated restoration time|ETA to restore|Current ETR",
        ),
        (
            Means.CAUSE,
            "RFO|Reason for Outage|Root Cause|Cause|RFO (Reason for Outage)|Cause of outage"
            "|Outage Reason|Preliminary cause",
        ),
        (Means.SUMMARY, "Description|Summary|Problem Description|Issue"),
        (Means.PLANNED, "Maintenance Window|Planned Start|Scheduled End|Change Number"),
        (
            None,
            "Technician ETA|ETA|Next Update|Previous ETR|Original ETR|Reported by|Contact"
            "|Outage Duration|Date|Update #",
        ),
    ],
)
def test_a_label_means_one_thing_in_all_its_wordings(means: Means | None, labels: str) -> None:
    assert {label: meaning_of(label) for label in labels.split("|")} == dict.fromkeys(labels.split("|"), means)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        *[(words, OutageStatus.REPORTED) for words in ("Open", "New", "Ticket opened", "Re-opened", "Reported")],
        *[
            (words, OutageStatus.INVESTIGATING)
            for words in ("Investigating", "Under Investigation", "Technician dispatched")
        ],
        *[(words, OutageStatus.IDENTIFIED) for words in ("Identified", "Fiber cut", "Splicing", "Repair in progress")],
        *[
            (words, OutageStatus.MONITORING)
            for words in ("Monitoring", "Restored - monitoring", "Temporarily restored")
        ],
        *[(words, OutageStatus.RESOLVED) for words in ("Resolved", "Closed/Resolved", "RESTORED", "Cleared", "Fixed")],
        *[(words, None) for words in ("Up", "Down", "Not resolved", "Unresolved", "Partially restored", "Purple", "")],
    ],
)
def test_the_words_of_a_status(words: str, status: OutageStatus | None) -> None:
    assert status_in(words) is status


@pytest.mark.parametrize(
    ("subject", "status"),
    [
        ("[RESOLVED] Outage 4711", OutageStatus.RESOLVED),
        ("Outage 4711 - Service Restored", OutageStatus.RESOLVED),
        ("Outage 4711 has been resolved", OutageStatus.RESOLVED),
        ("Ticket 4711 closed", OutageStatus.RESOLVED),
        ("Service restored for circuit ABC-42", OutageStatus.RESOLVED),
        ("[RESOLVED] Some customers in Lyon, 10% packet loss", OutageStatus.RESOLVED),
        ("[RESOLVED] Failed line card in Lyon", OutageStatus.RESOLVED),
        ("Reason for outage 4711", None),
        ("Outage 4711 restored, monitoring", OutageStatus.MONITORING),
        ("Outage 4711 - restoration in progress", None),
        ("Outage 4711: restoration expected by 22:00 GMT", None),
        ("Outage 4711, service restoration update 3", None),
        ("Outage 4711 - recovery underway", None),
        ("Outage 4711 - closure of a road delays the repair", None),
        ("Outage 4711 - road closed, repair delayed", None),
        ("Outage 4711 - power restored at the site", None),
        ("Outage 4711 - resolution ETA", None),
        ("Outage 4711 restored then failed", None),
        ("Outage 4711 - cleared alarm returned", None),
        ("Outage 4711 restored for 3 of 4 circuits", None),
        ("Outage 4711 restored for most customers", None),
        ("Outage 4711 - service restored in Lyon", None),
        ("Outage 4711 resolved except in Lyon", None),
        ("Outage 4711 restored to 80% of users", None),
        ("Outage 4711 - was it resolved? Please confirm", None),
        ("Resolved outage 4711 has recurred", None),
        ("Outage 4711 reopened after being closed", OutageStatus.REPORTED),
        ("Outage 4711 - no service restored", None),
        ("Outage 4711 - monitoring suspended, still down", None),
        ("New outage 4711", OutageStatus.REPORTED),
        ("Outage 4711 not yet resolved", None),
        ("Outage 4711: estimated time to restoration", None),
        ("Outage 4711: update", None),
    ],
)
def test_the_words_of_a_subject(subject: str, status: OutageStatus | None) -> None:
    assert status_by_subject(subject) is status


@pytest.mark.parametrize(
    ("subject", "status"),
    [
        ("Reason for outage 4711", OutageStatus.RESOLVED),
        ("RFO 4711", OutageStatus.RESOLVED),
        ("Outage 4711 - RFO to follow", None),
        ("Outage 4711 - no RFO yet", None),
        ("Outage 4711 - RFO request received", None),
        ("Outage 4711 - preliminary RFO, repair continues", None),
    ],
)
def test_a_report_is_of_what_is_over_where_it_explains_something(subject: str, status: OutageStatus | None) -> None:
    assert status_by_subject(subject, explained=True) is status
    assert status_by_subject(subject) is None


@pytest.mark.parametrize(
    ("sentence", "status"),
    [
        ("Service has been fully restored.", OutageStatus.RESOLVED),
        ("The fibre cut has been located.", OutageStatus.IDENTIFIED),
        ("We are currently investigating.", OutageStatus.INVESTIGATING),
        ("A fix has been implemented and we are monitoring.", OutageStatus.MONITORING),
        ("The service has not been restored.", None),
        ("We tell you once the service is restored.", None),
        ("Service will be restored soon.", None),
        ("Service was restored at 14:30 GMT.", OutageStatus.RESOLVED),
        ("Service was restored on Thursday at 3 pm. However, the RFO is pending.", OutageStatus.RESOLVED),
        ("The power outage has been resolved.", OutageStatus.RESOLVED),
        ("Please be advised that your service has been restored.", OutageStatus.RESOLVED),
        ("The fault was found, and service has been restored.", OutageStatus.RESOLVED),
        ("The service is restored to all customers.", OutageStatus.RESOLVED),
        ("Service has been restored. If it fails again, please call us.", OutageStatus.RESOLVED),
        ("Service has been restored. The root cause is still being looked for.", OutageStatus.RESOLVED),
        ("Service has been restored. Please call us should you still see errors.", OutageStatus.RESOLVED),
        ("A failed line card was replaced. Services have been restored.", OutageStatus.RESOLVED),
        ("No services have been restored yet.", None),
        ("None of the services has been restored.", None),
        ("Services have not all been restored.", None),
        ("Services were restored in Newark, but New York is still affected.", None),
        ("Service was restored at 14:30 GMT, however it failed again.", None),
        ("Service was restored at 14:30 GMT. It failed again at 15:00 GMT.", None),
        ("Service has been restored on the protect path; the working path is still down.", None),
        ("Service was restored at 14:30 GMT on a temporary path.", None),
        ("Most services have been restored.", None),
        ("Some circuits have been restored. Splicing continues.", None),
        ("All but two circuits have been restored.", None),
        ("3 of 12 services have been restored.", None),
        ("Service is restored to 80 % of users.", None),
        ("The issue has been resolved for IPv4.", None),
        ("This incident has been resolved for most customers.", None),
        ("The customer stated that service is restored.", None),
        ("Service has been restored? Please confirm.", None),
        ("Please confirm that the service has been restored.", None),
        ("The previous outage was resolved yesterday.", None),
        ("Service is restored only when the cable is replaced.", None),
        ("Fiber has been restored. Service is still impaired.", None),
        ("A fix has been implemented but did not help.", None),
    ],
)
def test_the_words_of_a_sentence(sentence: str, status: OutageStatus | None) -> None:
    assert status_by_sentence(sentence) is status


@pytest.mark.parametrize(
    ("words", "impact"),
    [
        ("Hard Down", Impact.OUTAGE),
        ("total loss of service", Impact.OUTAGE),
        ("Impaired", Impact.DEGRADED),
        ("intermittent errors", Impact.DEGRADED),
        ("Loss of redundancy", Impact.REDUCED_REDUNDANCY),
        ("unprotected", Impact.REDUCED_REDUNDANCY),
        ("non service affecting", Impact.NO_IMPACT),
        ("high", None),
    ],
)
def test_the_words_of_an_impact(words: str, impact: Impact | None) -> None:
    assert impact_in(words) is impact


# Tickets and circuits


@pytest.mark.parametrize(
    ("subject", "body", "ticket", "references"),
    [
        ("Outage", "Ticket Number: INC-4711 (open)\n", "INC-4711", ()),
        ("Outage", "Reference: R-1000\nCase #: 00047110\nTicket: 4711\n", "4711", ("00047110", "R-1000")),
        ("Outage", "Incident: 10G link down\nCase: 00047110\n", "00047110", ()),
        ("Outage", "Your Reference: C-778\nIncident ID: 4711\n", "4711", ("C-778",)),
        ("Outage - Trouble Ticket 0047110", "", "0047110", ()),
        ("[INC0047110] outage in Lyon", "", "INC0047110", ()),
        ("Outage (Ticket No: TT-4711) - Lyon", "", "TT-4711", ()),
        ("Outage", "We opened a trouble ticket, reference number 0047110, for you.\n", "0047110", ()),
    ],
)
def test_the_ticket_is_found(subject: str, body: str, ticket: str, references: tuple[str, ...]) -> None:
    found = result(f"{body}Status: Investigating\nStart: 2027-03-04 10:00 UTC\n", subject)
    assert (found.event_id, found.references) == (ticket, references)


@pytest.mark.parametrize(
    ("body", "circuits"),
    [
        ("Circuit ID: ABC-0042", ["ABC-0042"]),
        ("Circuit IDs: ABC-0042; ABC-0043 and ABC-0044", ["ABC-0042", "ABC-0043", "ABC-0044"]),
        ("Service ID: OGYX/123456//ZYX - Paris to Lyon", ["OGYX/123456//ZYX"]),
        ("Circuit: 12 KRFN 004711 (10G)", ["12 KRFN 004711"]),
        ("Affected circuits:\n- ABC-0042\n- ABC-0043 (Lyon)\nPlease call us", ["ABC-0042", "ABC-0043"]),
        ("Service: 10G wave Paris Lyon", []),
        ("Affected services: 3", []),
        ("Circuit ID: N/A", []),
        ("Circuit ID: multiple circuits in Lyon", []),
    ],
)
def test_circuits_are_found_by_their_ids(body: str, circuits: list[str]) -> None:
    found = result(f"Ticket: 4711\nStatus: Investigating\nStart: 2027-03-04 10:00 UTC\n{body}\n").circuits
    assert [circuit.circuit_id for circuit in found or ()] == circuits


def test_a_table_of_circuits_states_the_impact_of_each() -> None:
    rows = "".join(
        f"<tr><td>ABC-{number}</td><td>{words}</td></tr>" for number, words in ((1001, "Hard down"), (1002, "Impaired"))
    )
    body = f"<p>Ticket: 4711</p><p>Status: Open</p><table><tr><th>Circuit ID</th><th>Impact</th></tr>{rows}</table>"
    assert result(body, kind="html").circuits == (
        StatedCircuit(circuit_id="ABC-1001", impact=Impact.OUTAGE),
        StatedCircuit(circuit_id="ABC-1002", impact=Impact.DEGRADED),
    )


def test_a_row_of_headings_over_one_row_is_an_outage() -> None:
    head = "".join(
        f"<th>{label}</th>" for label in ("Case Number", "Circuit ID", "Status", "Outage Start (UTC)", "ETTR")
    )
    row = "".join(f"<td>{value}</td>" for value in ("4711", "ABC-0042", "Identified", "2027-03-04 10:00", "TBD"))
    found = result(f"<table><tr>{head}</tr><tr>{row}</tr></table>", kind="html")
    assert found.event_id == "4711"
    assert found.circuits == (StatedCircuit(circuit_id="ABC-0042"),)
    assert found.outage == StatedOutage(
        status=OutageStatus.IDENTIFIED, start=AT_TEN, etr=StatedEtr(at=None, words="TBD"), zone="UTC"
    )


# Times


@pytest.mark.parametrize(
    ("lines", "provider"),
    [
        ("Start Time: 2027-03-04 10:00 UTC", ANY),
        ("Start Time (UTC): 2027-03-04 10:00", ANY),
        ("Start Time: 2027-03-04 10:00\nTime Zone: UTC", ANY),
        ("All times are in UTC.\nStart Time: 2027-03-04 10:00", ANY),
        ("All times are in Central European Time.\nStart Time: 2027-03-04 11:00", ANY),
        ("All times are in Eastern Time.\nStart Time: 2027-03-04 05:00", IN_PARIS),
        ("All times are Eastern.\nStart Time: 2027-03-04 05:00", IN_PARIS),
        ("All times are Central European.\nStart Time: 2027-03-04 11:00", IN_PARIS),
        ("All times India Standard Time\nStart Time: 2027-03-04 15:30", IN_PARIS),
        ("Start Date: 4 March 2027\nStart Time: 10:00 UTC", ANY),
        ("Start Date: 4 March 2027 10:00 UTC", ANY),
        ("Start Time (DD/MM/YYYY): 04/03/2027 10:00 UTC", ANY),
        ("Start Time: 2027-03-04 05:00 EST", ANY),
        ("Start Time: 2027-03-04 05:00 UTC-5", ANY),
        ("Start Time (local): 2027-03-04 11:00\nStart Time (UTC): 2027-03-04 10:00", IN_PARIS),
        ("Start Time (CET): 2027-03-04 11:59\nStart Time (UTC): 2027-03-04 10:00", ANY),
        ("Start Time: 04/03/2027 11:00", IN_PARIS),
        ("Start Time: 04/03/2027 11:00 local time", IN_PARIS),
        ("Start Time (CET): 2027-03-04 11:00", ANY),
    ],
)
def test_a_start_is_read_with_its_zone_wherever_that_stands(lines: str, provider: Provider) -> None:
    assert outage(f"Ticket: 4711\nStatus: Open\n{lines}\n", provider=provider).start == AT_TEN


@pytest.mark.parametrize(
    "line",
    [
        "Start Time: 04/03/2027 10:00 UTC",
        "Start Time: 2027-03-04 10:00",
        "Start Time: 2027-03-04 10:00 XYZ",
        "Restored at: 04/03/2027 10:00 UTC",
        "ETR: 04/03/2027 22:00 UTC",
        "Reported: 2027-02-31 10:00 UTC",
    ],
)
def test_a_time_that_nobody_can_be_sure_of_is_for_a_person(line: str) -> None:
    with pytest.raises(NotUnderstood):
        result(f"{FACTS.replace('Start Time', 'Contact')}{line}\n")


@pytest.mark.parametrize(
    "line", ["Start: unknown", "Start Date: 4 March 2027", "Restored: no", "Restoration Time: 3 hours"]
)
def test_what_is_no_instant_is_not_stated(line: str) -> None:
    stated = outage(f"Ticket: 4711\nStatus: Open\nCircuit: ABC-0042\n{line}\n")
    assert (stated.start, stated.end) == (None, None)


@pytest.mark.parametrize(
    ("line", "words", "hours"),
    [
        ("ETR: 18:00 UTC", "18:00 UTC", 8),
        ("ETR (CET): 19:00", "19:00", 8),
        ("Previous ETR: 16:00 UTC\nRevised ETR: 18:00 UTC", "18:00 UTC", 8),
        ("ETR: 16:00 UTC\nNew ETR: 18:00 UTC", "18:00 UTC", 8),
        ("ETR Date: 4 March 2027\nETR: 18:00 UTC", "18:00 UTC", 8),
        ("Technician ETA: 15:00 UTC\nNext update: 16:00 UTC\nETTR: 4 hours", "4 hours", 8),
        ("The current ETR is 18:00 UTC.", "18:00 UTC", 8),
    ],
)
def test_the_newest_estimate_is_read(line: str, words: str, hours: int) -> None:
    assert outage(f"{FACTS}{line}\n").etr == StatedEtr(at=AT_TEN + timedelta(hours=hours), words=words)


@pytest.mark.parametrize(
    "line",
    [
        "Technician ETA: 15:00 UTC",
        "Next update: 16:00 UTC",
        "Previous ETR: 16:00 UTC",
        "ETR: crew on site, to follow",
        "",
    ],
)
def test_what_is_no_estimate_is_not_stated(line: str) -> None:
    assert outage(f"{FACTS}{line}\n").etr is None


@pytest.mark.parametrize("lines", ["ETR: 16:00 UTC\nETR: 18:00 UTC", "ETR: TBD\nEstimated Restoration: 18:00 UTC"])
def test_of_two_estimates_that_differ_none_is_stated(lines: str) -> None:
    findings = READER.read(mail(f"{FACTS}{lines}\n"), ANY)
    assert findings.results[0].outage == StatedOutage(status=OutageStatus.INVESTIGATING, start=AT_TEN, zone="UTC")
    assert findings.warnings == (f'several estimates: "{"; ".join(lines.splitlines())}"',)


def test_one_estimate_in_two_zones_is_one() -> None:
    findings = READER.read(mail(f"{FACTS}ETR (CET): 19:00\nETR (UTC): 18:00\n"), ANY)
    assert findings.warnings == ()
    assert findings.results[0].outage is not None
    assert findings.results[0].outage.etr == StatedEtr(at=AT_TEN + timedelta(hours=8), words="19:00")


def test_an_estimate_of_more_than_a_month_is_told() -> None:
    findings = READER.read(mail(f"{FACTS}ETR: 2028-03-04 18:00 UTC\n"), ANY)
    assert findings.results[0].outage is not None
    assert findings.results[0].outage.etr is not None
    assert findings.warnings == ('an estimate more than 31 days ahead: "2028-03-04 18:00 UTC"',)


def test_an_estimate_that_cannot_be_read_is_told() -> None:
    findings = READER.read(mail(f"{FACTS}ETR: by end of day\n"), ANY)
    assert findings.warnings == ('no estimate that can be read: "ETR: by end of day"',)


# How far it is


@pytest.mark.parametrize(
    ("subject", "body", "status"),
    [
        ("Outage resolved", "Status: Monitoring\n", OutageStatus.MONITORING),
        ("Outage resolved", "Status: Up\n", OutageStatus.RESOLVED),
        ("Outage", "Restored at: 2027-03-04 13:00 UTC\n", OutageStatus.RESOLVED),
        ("RFO for the outage", "Root cause: power failure\n", OutageStatus.RESOLVED),
        ("Outage", "Notification type: Reason for outage\n", OutageStatus.RESOLVED),
        ("Outage", "All is well: service has been restored.\n", OutageStatus.RESOLVED),
        ("Outage", "We are investigating.\n", OutageStatus.INVESTIGATING),
        ("New outage", "", OutageStatus.REPORTED),
        ("RE: New outage", "", None),
        ("New outage", "We are investigating.\n", OutageStatus.INVESTIGATING),
        ("New outage", "Restored at: 2027-03-04 13:00 UTC\n", OutageStatus.RESOLVED),
        ("Outage", "Status: Down\n", None),
        ("Outage", "Status: service not yet restored\n", None),
    ],
)
def test_the_status_is_that_of_its_label_or_else_of_the_subject(
    subject: str, body: str, status: OutageStatus | None
) -> None:
    facts = "Ticket: 4711\nStart: 2027-03-04 10:00 UTC\nCircuit: ABC-0042\n"
    assert outage(facts + body, subject).status is status


@pytest.mark.parametrize(
    "body",
    [
        "Service has been restored.\nService was lost again at 13:30 UTC.\n",
        "None of the\nservices have been restored.\n",
        "Service has been restored,\nbut it failed again.\n",
        "Service restored: 2027-03-04 13:00 UTC\nService lost again: 2027-03-04 13:30 UTC\n",
        "Service has been restored.\nETR: 18:00 UTC\n",
    ],
)
def test_what_goes_on_all_the_same_is_not_over(body: str) -> None:
    stated = outage(f"Ticket: 4711\nStart: 2027-03-04 10:00 UTC\nCircuit: ABC-0042\n{body}")
    assert (stated.status, stated.end) == (None, None)


def test_an_end_beside_an_estimate_that_is_over_is_one() -> None:
    body = "Ticket: 4711\nCircuit: ABC-0042\nRestored: 2027-03-04 13:00 UTC\nETR: 18:00 UTC\n"
    assert outage(body).status is OutageStatus.RESOLVED


@pytest.mark.parametrize(
    "words", ["duplicate of TT-4712", "closed as a duplicate of ticket TT-4712", "merged into TT-4712"]
)
def test_what_goes_on_as_another_outage_is_not_over(words: str) -> None:
    found = result(f"Ticket: 4711\nStatus: Closed\nCircuit: ABC-0042\nNote: {words}.\n")
    assert found.outage is not None
    assert (found.outage.status, found.references) == (None, ("TT-4712",))


def test_of_two_ends_behind_one_label_there_is_none() -> None:
    body = f"{FACTS.replace('Investigating', 'Resolved')}End: 2027-03-04 12:00 UTC\nEnd: 2027-03-04 13:00 UTC\n"
    findings = READER.read(mail(body), ANY)
    assert findings.results[0].outage == StatedOutage(status=OutageStatus.RESOLVED, start=AT_TEN, zone="UTC")
    assert findings.warnings == ('several ends: "End: 2027-03-04 12:00 UTC; End: 2027-03-04 13:00 UTC"',)


def test_an_end_is_the_stated_one_and_never_the_date() -> None:
    assert outage(f"{FACTS}", "Outage resolved").end is None
    resolved = FACTS.replace("Investigating", "Resolved")
    assert outage(resolved).end is None
    assert outage(f"{resolved}End Time: 2027-03-04 13:00 UTC\n").end == AT_TEN + timedelta(hours=3)


def test_what_is_not_over_has_no_end() -> None:
    findings = READER.read(mail(f"{FACTS}End Time: 2027-03-04 13:00 UTC\n"), ANY)
    assert findings.results[0].outage == StatedOutage(status=OutageStatus.INVESTIGATING, start=AT_TEN, zone="UTC")
    assert findings.warnings == ('no end of what is not over: "End Time: 2027-03-04 13:00 UTC"',)


@pytest.mark.parametrize(
    "words", ["under investigation", "TBD", "Unknown", "will follow within 5 working days", "to be advised"]
)
def test_a_cause_that_nobody_knows_is_not_stated(words: str) -> None:
    assert outage(f"{FACTS}RFO: {words}\n").cause is None


def test_only_the_newest_text_speaks() -> None:
    body = (
        f"Ticket: 4711\nStatus: Restored\nStart: 2027-03-04 10:00 UTC\n\nOn 4 March NOC wrote:\n> {FACTS}ETR: 4 hours\n"
    )
    found = result(body)
    assert found.circuits is None
    assert found.outage == StatedOutage(status=OutageStatus.RESOLVED, start=AT_TEN, zone="UTC")


# What is no outage


@pytest.mark.parametrize(
    ("subject", "body", "why"),
    [
        (
            "Network outage",
            FACTS.replace("Ticket Number: 4711\n", ""),
            "it names no ticket; found start, status, circuits ABC-0042",
        ),
        (
            "Network outage",
            "Ticket: 4711\nStatus: Open\n",
            "it says too little: .*; found ticket 4711, status; no start, no end",
        ),
        ("Network notice", FACTS, "no word of an outage stands in its subject or status"),
        ("Planned maintenance, outage", FACTS, '"Planned" is a word of planned work'),
        ("Network outage", f"{FACTS}Maintenance Window: tonight\n", '"Maintenance Window" is a word of planned work'),
        ("Network outage", f"Type: Scheduled work\n{FACTS}", '"Scheduled" is a word of planned work'),
        ("Network outage", f"We announce an emergency maintenance.\n{FACTS}", "emergency maintenance"),
        ("Network outage", FACTS.replace("2027-03-04", "2027-03-05"), "its start lies ahead"),
        ("Network outage", "Ticket: 4711\nStart: 10:00 UTC\nEnd: 23:00 UTC\nCircuit: ABC-0042", "its end lies ahead"),
        ("Network outage", f"{FACTS}End: 23:00 UTC\n", "its end lies ahead"),
        (
            "Network outage",
            "Ticket: 4711\nStart: 10:00 UTC\nExpected end time: 23:00 UTC\nCircuit: AB-42\n",
            "its end is expected",
        ),
        ("Network outage", f"{FACTS}Window: 22:00 to 04:00\n", '"Window" is a word of planned work'),
        ("Network outage", f"{FACTS}Service window (UTC): 22:00 - 04:00\n", "is a word of planned work"),
        ("Outage", FACTS.replace("Investigating", "Completed"), '"Status: Completed" is a status of planned work'),
        ("Outage", FACTS.replace("Investigating", "Confirmed"), '"Status: Confirmed" is a status of planned work'),
        ("TEST outage", FACTS, '"TEST" is a word of what is practised'),
        ("Simulated outage", FACTS, "is a word of what is practised"),
        ("Test message: outage", FACTS, "is a word of what is practised"),
        ("Outage", f"This is only a drill.\n{FACTS}", "is a word of what is practised"),
        ("Outage: cable relocation", FACTS, '"relocation" is a word of planned work'),
        ("New contact for outages", FACTS, "no word of an outage"),
        ("Survey: your outage 4711", FACTS, "no word of an outage"),
        ("Credit for outage 4711", FACTS, "no word of an outage"),
        ("Monthly outage report", FACTS, "no word of an outage"),
        ("Automatic reply: outage 4711", FACTS, "no word of an outage"),
        ("Undeliverable: outage 4711", FACTS, "no word of an outage"),
        ("Outage 4711", f"Please take our survey.\n{FACTS}", '"survey" is no word of an outage'),
        ("Outages", f"{FACTS}Ticket Number: 4712\n", "it names several tickets as Ticket Number: 4711, 4712"),
    ],
)
def test_what_is_no_outage_is_refused_with_what_was_found(subject: str, body: str, why: str) -> None:
    with pytest.raises(NotUnderstood, match=rf"^reader general: .*{why}") as refused:
        result(body, subject)
    assert "\n" not in str(refused.value)


def test_the_impact_beside_a_circuit_in_a_list_is_its_own() -> None:
    circuits = " - AB-1 - impaired\n - AB-2\n - AB-3 (loss of redundancy)\n"
    body = f"Ticket: 4711\nImpact: Hard down\nETR: 18:00 UTC\nCircuits:\n{circuits}"

    assert result(body).circuits == (
        StatedCircuit(circuit_id="AB-1", impact=Impact.DEGRADED),
        StatedCircuit(circuit_id="AB-2", impact=Impact.OUTAGE),
        StatedCircuit(circuit_id="AB-3", impact=Impact.REDUCED_REDUNDANCY),
    )


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Outage", f"{FACTS}Service window: 24x7\n"),
        ("Outage", f"{FACTS}ETR: 18:00 UTC\nEnd: 2027-03-04 18:00 UTC\n"),
        ("Outage resolved", FACTS.replace("Investigating", "Completed")),
        ("Outage", f"{FACTS.replace('Investigating', 'Confirmed')}ETR: 18:00 UTC\n"),
        ("Outage: a drill hit the cable during a loop test", FACTS),
    ],
)
def test_what_planned_work_has_as_well_makes_no_outage_one_of_it(subject: str, body: str) -> None:
    assert result(body, subject).event_id == "4711"


def test_what_was_found_of_what_is_refused_is_told_field_by_field() -> None:
    with pytest.raises(NotUnderstood) as refused:
        result(FACTS, "Network notice")
    assert dict(refused.value.matched) == {
        "ticket": "Ticket Number: 4711",
        "status": "Status: Investigating",
        "start": "Start Time: 2027-03-04 10:00 UTC",
        "circuits": "Circuit ID: ABC-0042",
    }


@pytest.mark.parametrize(
    "words",
    [
        "This is no planned maintenance.",
        "Unplanned outage of a cable.",
        "Planned / Unplanned: Unplanned",
        "Type: non-scheduled event",
        "Cause: planned maintenance of a third party went wrong",
        "Due to reach you soon: nothing planned.",
        "Manage your subscription to maintenance notifications in the portal.",
    ],
)
def test_a_word_of_planned_work_in_another_sense_does_not_count(words: str) -> None:
    assert result(f"{FACTS}{words}\n").event_id == "4711"


def test_what_explains_an_outage_may_tell_of_work_to_come() -> None:
    body = f"{FACTS}Root Cause: a cable was cut\nCorrective Action: Scheduled maintenance will follow.\n"
    assert result(body, "Reason for outage 4711").event_id == "4711"
    with pytest.raises(NotUnderstood, match="Scheduled maintenance"):
        result(body, "Outage 4711")


def test_what_a_machine_answers_is_no_outage() -> None:
    with pytest.raises(NotUnderstood, match="a machine answers"):
        READER.read(mail(FACTS, head="Auto-Submitted: auto-replied\n"), ANY)


@pytest.mark.parametrize(
    ("subject", "body", "status"),
    [
        ("Network notice", "Ticket: 4711\nStatus: Open\n", OutageStatus.REPORTED),
        ("Planned maintenance", FACTS, OutageStatus.INVESTIGATING),
        ("Link", "Ticket: 4711\nMaintenance Window: tonight\nCircuit ID: ABC-0042\n", None),
        ("Network outage", "Ticket: 4711\nStart: 2027-03-04 16:00 UTC\n", None),
        ("Network outage", "Ticket: 4711\nCircuit: AB-42\nEnd: 2027-03-04 16:00 UTC\n", None),
    ],
)
def test_of_what_a_person_took_for_an_outage_a_number_and_one_fact_are_enough(
    subject: str, body: str, status: OutageStatus | None
) -> None:
    with pytest.raises(NotUnderstood):
        result(body, subject)

    (found,) = LAX.read(mail(body, subject), ANY).results

    assert found.event_id == "4711"
    assert found.outage is not None
    assert (found.outage.status, found.outage.end) == (status, None)
    assert (LAX.form, LAX.label, LAX.version) == (READER.form, READER.label, READER.version)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("Ticket: 4711\n", "^reader general: it says nothing beside the ticket; found ticket 4711;"),
        (FACTS.replace("Ticket Number: 4711\n", ""), "^reader general: it names no ticket; found start"),
    ],
)
def test_what_a_person_took_for_an_outage_has_a_number_and_a_fact(body: str, why: str) -> None:
    with pytest.raises(NotUnderstood, match=why):
        LAX.read(mail(body, "Network notice"), ANY)


def test_without_a_date_nothing_is_read() -> None:
    with pytest.raises(NotUnderstood, match=r"^reader general: .*no Date"):
        READER.read(decode(f"Subject: Outage\n\n{FACTS}".encode()), ANY)


@pytest.mark.parametrize("path", [*MAILS, *LETTERS], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_maintenance_and_no_letter_of_another_kind_is_an_outage(path: Path) -> None:
    notification = decode(path.read_bytes())
    for provider in (ANY, IN_PARIS):
        for one in (notification, *notification.attached):
            with pytest.raises(NotUnderstood):
                READER.read(one, provider)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(min_value=0, max_value=2**32 - 1))
def test_a_mutated_mail_yields_no_impossible_outage(seed: int) -> None:
    raw = (
        "From: noc@carrier.example\nSubject: Network outage\nDate: Thu, 04 Mar 2027 14:00:00 +0000\n"
        f"Content-Type: text/plain; charset=utf-8\n\n{FACTS}ETR: 4 hours\nReported: 2027-03-04 10:12 UTC\n"
    ).encode()
    try:
        (found,) = READER.read(decode(mutated(raw, random.Random(seed))), ANY).results
    except (NotUnderstood, MalformedMessage, HeaderParseError):
        # Of some damages the library that writes the mail again wants none.
        return
    assert found.event_id
    assert found.outage is not None
    assert found.outage.end is None
