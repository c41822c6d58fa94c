"""What a notice is about is told by its headers, its subject and the beginning of its text."""

import json
from pathlib import Path

import pytest

from parsers.mime import Notification, decode
from parsers.outage.sorting import Sort, sort_of
from parsers.providers import directory
from parsers.sources import choices
from tests.readings import AMAZON, HARBOUR_FIBRE, OUTAGES

KNOWN = directory([HARBOUR_FIBRE, AMAZON])
# The mails that the stories tell of: those that change no outage are of other sorts, or say nothing.
TOLD = [
    story.parent / mail["file"]
    for story in sorted(OUTAGES.glob("*/*/story.json"))
    for mail in json.loads(story.read_text(encoding="utf-8"))["mails"]
    if mail["status"]
]


def mail(subject: str, text: str = "", *headers: str) -> Notification:
    lines = (f"Subject: {subject}", "From: noc@zayo.com", "Content-Type: text/plain; charset=utf-8", *headers)
    return decode("\n".join((*lines, "", text)).encode())


@pytest.mark.parametrize(
    "subject",
    [
        "Outage notification: ticket 4471120",
        "Re: [Ticket 4471120] Circuit RL-1 down in Denver",
        "Unplanned outage, ticket 4471120",
        "Unscheduled service interruption INC0044711",
        "Reason for Outage INC0044711",
        "RFO 4471120",
        "Service Restored - TT 4471120",
        "Trouble Ticket 4471120 opened",
        "Major incident MI-2027-004: update 3",
        "Disturbance Information 4471120",
        "Fibre cut between Leeds and York",
        "Störungsmeldung 4471120: ungeplanter Ausfall",
        "Incidencia 4471120 - corte de fibra",
        "Falha no circuito RL-1",
        "Panne sur le lien Lyon - Marseille",
        "Storing 4471120 gemeld",
        "Arıza bildirimi 4471120",
        "Unplanned event 4471120",
        "INC4471120 - Created - P1",
        "Kabelschaden in Köln",
        "Rotura de cable 4471120",
    ],
)
def test_a_subject_with_a_word_of_a_loss_is_an_outage(subject: str) -> None:
    assert sort_of(mail(subject)) is Sort.OUTAGE


@pytest.mark.parametrize(
    "subject",
    [
        "Planned Outage Notification RPO 4471120",
        "Scheduled maintenance (SERVICE IMPACTING) 4471120",
        "Emergency maintenance: fibre cut between Leeds and York",
        "Re: Urgent works after cable damage CHG0044711",
        "Geplante Arbeiten mit Ausfall der Leitung",
        "Wartungsarbeiten: Unterbrechung am 12.02.",
        "Trabajos programados con corte de servicio",
        "Manutenção emergencial - interrupção de 30 minutos",
        "Travaux programmés : coupure de 5 minutes",
        "Werkzaamheden met storing van de dienst",
        "Planlı çalışma: kesinti 02:00-04:00",
    ],
)
def test_words_of_planned_work_win(subject: str) -> None:
    assert sort_of(mail(subject, "Ticket 4471120\nStatus: outage\n")) is Sort.MAINTENANCE


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Outage notification 4471120",
        "Abwesenheitsnotiz: Outage notification 4471120",
        "Réponse automatique : panne 4471120",
        "Undeliverable: Outage notification 4471120",
        "Survey about ticket 4471120 (outage)",
        "RFO credit request 4471120",
        "Your invoice 4471120: outage credits applied",
        "Monthly incident report, January 2027",
        "Webinar: surviving the next outage",
        "Order confirmation 4471120 - restoration service",
    ],
)
def test_a_letter_that_names_an_outage_is_neither(subject: str) -> None:
    assert sort_of(mail(subject, "Ticket 4471120\nStatus: outage\n")) is Sort.OTHER


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Outage 4471120", "On February 11, 2027, at 10:14 GMT, Lumen discovered a service impact in Denver, CO."),
        ("Outage 4471120", "Please quote the reference 4471120 in all your mails."),
        ("Outage 4471120", "Please verify your service and reply to this mail."),
        ("Outage 4471120", "A ticket was opened on your account.\nBilling account: 77120\n"),
        ("Outage 4471120 - circuit of service order 1-300481207", "Contract: 88120"),
        ("Störung 4471120", "Auftragsnummer: 1-448120\nUrsache: Bauarbeiten\n"),
        ("Absence de signal, ticket 4471120", "Panne en cours, une enquête est ouverte."),
        ("Indisponibilidade: ausência de sinal 4471120", "Pesquisa da causa em andamento."),
        ("Guasto 4471120", "Sono in corso i lavori di riparazione."),
        ("SMS message delivery degraded 4471120", "Messages are delayed."),
        ("Technician scheduled: circuit down 4471120", "A site survey is under way."),
        ("Outage 4471120", "Conference bridge: +1 555 0100, passcode 4471120. The next update is overdue."),
    ],
)
def test_words_of_a_letter_in_another_sense_make_none_of_an_outage(subject: str, text: str) -> None:
    assert sort_of(mail(subject, text)) is Sort.OUTAGE


def test_a_window_in_the_text_makes_planned_work_of_what_the_subject_calls_an_outage() -> None:
    text = "Dear customer,\nTicket: 4471120\nMaintenance Window: 12 Feb 2027 01:00 - 03:00 UTC\n"

    assert sort_of(mail("Emergency: outage of RL-1", text)) is Sort.MAINTENANCE


def test_where_the_subject_says_nothing_the_text_does() -> None:
    lost = "We are aware of a loss of service in Denver.\nTicket: 4471120\n"
    planned = "We will perform maintenance in Denver, with an outage of 5 minutes.\nTicket: 4471120\n"

    assert sort_of(mail("Ticket 4471120", lost)) is Sort.OUTAGE
    assert sort_of(mail("Ticket 4471120", planned)) is Sort.MAINTENANCE
    assert sort_of(mail("Ticket 4471120", "Hello.\n")) is Sort.OTHER


def test_what_is_quoted_below_says_nothing() -> None:
    text = (
        "Thank you, noted.\n\n"
        "From: Zayo NOC <noc@zayo.com>\nSent: Monday, 1 February 2027 10:00\nTo: noc@ridgeline.example\n"
        "Subject: Outage notification\n\nLoss of service in Denver.\n"
    )

    assert sort_of(mail("Ticket 4471120", text)) is Sort.OTHER


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-replied (vacation)",
        "X-Autoreply: yes",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
        "From: MAILER-DAEMON@zayo.com",
    ],
)
def test_what_a_machine_answered_with_is_neither(header: str) -> None:
    # Of two headers of one name the first counts, but of senders there may be one alone.
    name = header.partition(":")[0]
    lines = [line for line in ("From: noc@zayo.com", "Subject: Outage 4471120") if not line.startswith(name)]

    assert sort_of(decode("\n".join((header, *lines, "", "Outage\n")).encode())) is Sort.OTHER


def test_a_notice_that_a_program_wrote_is_no_answer() -> None:
    assert sort_of(mail("Outage 4471120", "", "Auto-Submitted: auto-generated")) is Sort.OUTAGE


def test_what_is_attached_to_a_bounce_is_part_of_it() -> None:
    raw = (
        "From: MAILER-DAEMON@mail.ridgeline.example\nSubject: failed\n"
        "Content-Type: multipart/mixed; boundary=b\n\n"
        "--b\nContent-Type: message/rfc822\n\nFrom: noc@zayo.com\nSubject: Outage 4471120\n\nDown.\n--b--\n"
    )

    (inner,) = decode(raw.encode()).attached

    assert sort_of(inner) is Sort.OTHER


def test_an_invitation_without_a_calendar_of_maintenances_is_neither() -> None:
    def invitation(more: str) -> Notification:
        calendar = f"BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:1\n{more}END:VEVENT\nEND:VCALENDAR\n"
        headers = "From: noc@zayo.com\nSubject: Outage review 4471120\nContent-Type: text/calendar\n\n"
        return decode((headers + calendar).encode())

    assert sort_of(invitation("")) is Sort.OTHER
    assert sort_of(invitation("X-MAINTNOTE-MAINTENANCE-ID:1\n")) is Sort.MAINTENANCE


@pytest.mark.parametrize("path", TOLD, ids=lambda path: "/".join(path.with_suffix("").parts[-3:]))
def test_every_mail_of_the_story_of_an_outage_is_sorted_as_one(path: Path) -> None:
    ways = choices(decode(path.read_bytes()), KNOWN, None)

    assert Sort.OUTAGE in {sort_of(source.notification) for sources in ways for source in sources if source.providers}
