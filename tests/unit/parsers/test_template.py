"""Readers that a user writes in the configuration: what their patterns find, and what is made of it."""

import pickle
import threading
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from domain.events import StatedCircuit, StatedEtr, StatedOutage, StatedWindow
from domain.message import Decision, Disposition, Match, Reading, Reason, Terms
from domain.vocabulary import Impact, Kind, MaintenanceStatus, OutageStatus
from parsers.limits import TooSlow, limited
from parsers.mime import decode
from parsers.patterns import compiled
from parsers.providers import Provider, Template, directory
from parsers.reading import read_message
from parsers.statements import NotUnderstood
from parsers.template import reader_of, texts_of

RECEIVED = datetime(2027, 3, 8, 13, 0, tzinfo=UTC)
OUTAGE = Template(
    name="acme-tt",
    kind=Kind.OUTAGE,
    subject=(r"^\[(?P<ticket>ACM-\d+)\] (?P<status>\w+)",),
    body=(
        r"^Circuit:\s*(?P<circuit>\S+)(?: \((?P<impact>[^)]+)\))?",
        r"^Down since:\s*(?P<start>.+)",
        r"^Reported:\s*(?P<reported_at>.+)",
        r"^Restored:\s*(?P<end>.+)",
        r"^ETR:\s*(?P<etr>.+)",
        r"^Cause:\s*(?P<cause>.+)",
        r"^Customer:\s*(?P<account>.+)",
        r"^Summary:\s*(?P<summary>.+)",
    ),
    status=(("Opened", "REPORTED"), ("Fixed", "RESOLVED")),
    impact=(("hard down", "OUTAGE"), ("flapping", "DEGRADED")),
    date_order="day-month",
    zone="Europe/Paris",
)
WORK = Template(
    name="acme-work",
    kind=Kind.MAINTENANCE,
    subject=(r"(?P<maintenance_id>CRQ\d+)",),
    body=(
        r"^Window: (?P<start>.+?) - (?P<end>.+)",
        r"^Circuit: (?P<circuit>\S+)",
        r"^State: (?P<status>.+)",
    ),
    date_order="day-month",
    zone="Europe/Paris",
)
TEXT = """\
Customer: 4711
Circuit: AC/PAR-AMS/01 (Hard Down)
Circuit: AC/PAR-FRA/07 (flapping)
Down since: 08/03/2027 12:04
Reported: 08/03/2027 12:20
ETR: within 4 hours
Cause: a digger
   at Saint-Denis
Summary: Paris metro ring
"""


def mail(text: str = TEXT, subject: str = "[ACM-204417] Opened", *, html: str = "") -> bytes:
    message = EmailMessage()
    message["From"] = "noc@acme.example"
    message["Subject"] = subject
    message["Date"] = "Mon, 08 Mar 2027 12:30:00 +0000"
    message["Message-ID"] = "<1@acme.example>"
    if text:
        message.set_content(text)
    if html:
        (message.add_alternative if text else message.set_content)(html, subtype="html")
    return message.as_bytes()


def read(raw: bytes, *templates: Template, decision: Decision | None = None, **facts: object) -> Reading:
    acme = Provider(name="acme", senders=("@acme.example",), templates=templates or (OUTAGE,), **facts)
    return read_message(
        raw, received_at=RECEIVED, directory=directory([acme]), terms=Terms(decision=decision or Decision())
    )


def outage(raw: bytes, template: Template = OUTAGE) -> StatedOutage:
    reading = read(raw, template)
    assert len(reading.updates) == 1, reading.detail
    assert reading.updates[0].outage
    return reading.updates[0].outage


def windows(raw: bytes, template: Template = WORK) -> list[tuple[str, str]]:
    (update,) = read(raw, template).updates
    return [(f"{one.start:%d %H:%M}", f"{one.end:%d %H:%M}") for one in update.windows or ()]


def refusal(raw: bytes, template: Template = OUTAGE) -> str:
    reading = read(raw, template)
    assert (reading.disposition, reading.reason) == (Disposition.QUARANTINED, Reason.UNPARSED)
    return reading.trials[0].outcome


# What is read.


def test_a_template_fills_all_that_an_outage_has():
    (update,) = read(mail()).updates

    assert (update.kind, update.provider, update.event_id, update.account) == (
        Kind.OUTAGE,
        "acme",
        "ACM-204417",
        "4711",
    )
    assert update.reader == "template/acme-tt"
    assert update.outage == StatedOutage(
        status=OutageStatus.REPORTED,
        start=datetime(2027, 3, 8, 11, 4, tzinfo=UTC),
        reported_at=datetime(2027, 3, 8, 11, 20, tzinfo=UTC),
        etr=StatedEtr(at=datetime(2027, 3, 8, 16, 30, tzinfo=UTC), words="within 4 hours"),
        cause="a digger",
    )
    assert update.circuits == (
        StatedCircuit(circuit_id="AC/PAR-AMS/01", impact=Impact.OUTAGE),
        StatedCircuit(circuit_id="AC/PAR-FRA/07", impact=Impact.DEGRADED),
    )
    assert update.summary == "Paris metro ring"


def test_a_pattern_is_compared_without_case_and_at_the_ends_of_lines():
    template = replace(OUTAGE, body=(r"^CAUSE: (?P<cause>[a-z]+)$",))

    assert outage(mail("First line\nCause: Digger\nlast line\n"), template).cause == "Digger"


def test_a_pattern_may_go_over_several_lines():
    template = replace(OUTAGE, body=(r"^Cause:\s*(?P<cause>.+\n.+)$",))

    assert outage(mail(), template).cause == "a digger at Saint-Denis"


@pytest.mark.parametrize("prefix", ["Re: ", "RE: FW: ", "[EXTERNAL] ", "AW: [Ext] Re[2]: "])
def test_what_was_put_before_a_subject_does_no_harm(prefix):
    assert outage(mail(subject=f"{prefix}[ACM-204417] Fixed")).status is OutageStatus.RESOLVED


@pytest.mark.parametrize(
    "html",
    [
        "<table><tr><td>Circuit:</td><td>AC/1</td></tr><tr><td>Restored:</td><td>08/03/2027 13:00</td></tr></table>",
        "<p>Circuit: <b>AC/1</b><br>Restored: 08/03/2027&nbsp;13:00</p>",
    ],
)
def test_html_is_read_as_the_lines_that_a_person_sees(html):
    reading = read(mail("", html=html))

    (update,) = reading.updates
    assert update.circuits == (StatedCircuit(circuit_id="AC/1"),)
    assert update.outage.end == datetime(2027, 3, 8, 12, 0, tzinfo=UTC)


def test_a_row_of_a_table_can_be_read_as_one_line():
    html = "<table><tr><th>ID</th><th>State</th></tr><tr><td>AC/1</td><td>hard down</td></tr></table>"
    template = replace(OUTAGE, body=(r"^(?P<circuit>AC/\d+) \| (?P<impact>.+)$",))

    (update,) = read(mail("", html=html), template).updates

    assert update.circuits == (StatedCircuit(circuit_id="AC/1", impact=Impact.OUTAGE),)


def test_what_the_html_does_not_say_may_stand_in_the_plain_text():
    (update,) = read(mail("Circuit: AC/1\nCause: a digger\n", html="<p>Circuit: AC/2</p>")).updates

    assert update.circuits == (StatedCircuit(circuit_id="AC/2"),)
    assert update.outage.cause == "a digger"


def test_only_the_newest_text_speaks():
    text = "Restored: 08/03/2027 13:00\n\n> Circuit: AC/1\n> Cause: a digger\n"

    (update,) = read(mail(text)).updates

    assert (update.circuits, update.outage.cause) == (None, None)


def test_of_several_matches_the_first_counts_and_of_circuits_each():
    text = "Circuit: AC/1\nCircuit: AC/2\nCircuit: ac/1\nCause: a digger\nCause: an excavator\n"

    (update,) = read(mail(text)).updates

    assert [circuit.circuit_id for circuit in update.circuits or ()] == ["AC/1", "AC/2"]
    assert update.outage.cause == "a digger"


def test_an_earlier_pattern_goes_before_a_later_one():
    template = replace(OUTAGE, body=(r"^Because: (?P<cause>.+)", r"^Cause: (?P<cause>.+)"))

    assert outage(mail("Cause: x\nBecause: y\n"), template).cause == "y"
    assert outage(mail("Cause: x\n"), template).cause == "x"


@pytest.mark.parametrize("nothing", ["-", "N/A", "TBD", "pending", "Unknown"])
def test_a_field_that_is_left_open_is_not_stated(nothing):
    text = f"Down since: {nothing}\nRestored: {nothing}\nCircuit: {nothing}\nCause: {nothing}\n"

    reading = read(mail(text))

    assert reading.updates[0].outage == StatedOutage(status=OutageStatus.REPORTED)
    assert reading.updates[0].circuits is None


def test_an_impact_that_stands_alone_is_that_of_all_circuits_without_one():
    template = replace(OUTAGE, body=(*OUTAGE.body, r"^Impact: (?P<impact>.+)"))

    (update,) = read(mail("Circuit: AC/1 (hard down)\nCircuit: AC/2\nImpact: flapping\n"), template).updates

    assert [circuit.impact for circuit in update.circuits or ()] == [Impact.OUTAGE, Impact.DEGRADED]


# Words of a closed set.


@pytest.mark.parametrize(
    ("words", "status"),
    [("opened", "REPORTED"), ("FIXED", "RESOLVED"), ("Monitoring", "MONITORING"), ("identified", "IDENTIFIED")],
)
def test_a_status_is_read_by_the_table_and_by_its_own_name(words, status):
    assert outage(mail(subject=f"[ACM-1] {words}")).status == status


def test_the_table_goes_before_the_name_of_a_status():
    template = replace(OUTAGE, status=(("resolved", "MONITORING"),))

    assert outage(mail(subject="[ACM-1] Resolved"), template).status is OutageStatus.MONITORING


def test_an_unknown_word_is_no_status_and_a_warning():
    reading = read(mail(subject="[ACM-1] Bouncing"))

    assert reading.updates[0].outage.status is None
    assert reading.warnings == ('template acme-tt: "Bouncing" is no status that it knows: not stated',)


def test_a_status_may_be_said_in_a_sentence():
    template = replace(
        OUTAGE,
        subject=(r"(?P<ticket>ACM-\d+)",),
        body=(r"(?P<status>has been restored|is\s+being looked at)",),
        status=(("has been restored", "RESOLVED"), ("is being looked at", "INVESTIGATING")),
    )

    assert outage(mail("Your service is\nbeing looked at.\n"), template).status is OutageStatus.INVESTIGATING


def test_that_a_status_is_unknown_is_no_status_of_a_maintenance():
    reading = read(mail("State: unknown\nCircuit: AC/1\n", "CRQ1"), WORK)

    assert reading.updates[0].status is None


# Times.


def test_the_order_and_zone_of_the_template_go_before_those_of_the_provider():
    reading = read(mail(), OUTAGE, date_order="month-day", zone="UTC")

    assert reading.updates[0].outage.start == datetime(2027, 3, 8, 11, 4, tzinfo=UTC)


def test_those_of_the_provider_hold_where_the_template_has_none():
    raw = mail("Down since: 03/08/2027 12:04\n")

    reading = read(raw, replace(OUTAGE, date_order="", zone=""), date_order="month-day", zone="UTC")

    assert reading.updates[0].outage.start == datetime(2027, 3, 8, 12, 4, tzinfo=UTC)


def test_an_order_is_never_guessed():
    assert "day and month" in refusal(mail(), replace(OUTAGE, date_order=""))


def test_a_zone_is_never_guessed():
    assert "no zone is stated" in refusal(mail(), replace(OUTAGE, zone=""))


def test_a_zone_that_stands_elsewhere_is_that_of_all_times():
    template = replace(OUTAGE, body=(*OUTAGE.body, r"^All times in (?P<zone>\w+)"))
    text = "Down since: 08/03/2027 12:04\nETR: 18:00\nRestored: 08/03/2027 14:00 CET\nAll times in UTC.\n"

    found = outage(mail(text), template)

    assert (found.start, found.end) == (
        datetime(2027, 3, 8, 12, 4, tzinfo=UTC),
        datetime(2027, 3, 8, 13, 0, tzinfo=UTC),
    )
    assert found.etr == StatedEtr(at=datetime(2027, 3, 8, 18, 0, tzinfo=UTC), words="18:00")
    assert found.zone == "UTC"


def test_a_date_that_stands_elsewhere_is_that_of_a_time_alone():
    template = replace(OUTAGE, body=(r"^Date: (?P<date>\S+)", r"^From (?P<start>\S+) to (?P<end>\S+)"))

    found = outage(mail("Date: 06/03/2027\nFrom 23:10 to 01:40\n"), template)

    assert (found.start, found.end) == (
        datetime(2027, 3, 6, 22, 10, tzinfo=UTC),
        datetime(2027, 3, 7, 0, 40, tzinfo=UTC),
    )


@pytest.mark.parametrize("words", ["to be advised", "TBD", "N/A"])
def test_an_estimate_can_be_withdrawn(words):
    assert outage(mail(f"ETR: {words}\n")).etr == StatedEtr(at=None, words=words)


def test_an_estimate_in_other_words_is_not_stated():
    assert outage(mail("ETR: crew on site, ETR to follow\n")).etr is None


def test_a_time_that_cannot_be_read_is_named():
    problem = refusal(mail("Down since: the small hours\n"))

    assert problem.startswith('template acme-tt: start: no date and time in "the small hours"')


# Maintenances.


def test_a_template_reads_windows_circuits_and_status():
    text = "State: in process\nCircuit: AC/1\nWindow: 09/03/2027 23:00 - 10/03/2027 05:00\n"

    (update,) = read(mail(text, "Planned work CRQ0042"), WORK).updates

    assert (update.kind, update.event_id, update.outage) == (Kind.MAINTENANCE, "CRQ0042", None)
    assert update.status is MaintenanceStatus.IN_PROCESS
    assert update.windows == (
        StatedWindow(
            start=datetime(2027, 3, 9, 22, 0, tzinfo=UTC),
            end=datetime(2027, 3, 10, 4, 0, tzinfo=UTC),
            circuits=(StatedCircuit(circuit_id="AC/1"),),
        ),
    )


def test_every_match_is_a_window_and_an_end_alone_is_the_next_such_time():
    text = "Window: 09/03/2027 23:00 - 05:00\nWindow: 12/03/2027 01:00 - 05:00 UTC\n"

    assert windows(mail(text, "CRQ1")) == [("09 22:00", "10 04:00"), ("12 01:00", "12 05:00")]


def test_starts_and_ends_in_lines_of_their_own_are_paired_in_turn():
    template = replace(WORK, body=(r"^Start: (?P<start>.+)", r"^End: (?P<end>.+)"))
    text = "Start: 09/03/2027 23:00\nEnd: 05:00\nStart: 10/03/2027 23:00\nEnd: 11/03/2027 05:00\n"

    assert windows(mail(text, "CRQ1"), template) == [("09 22:00", "10 04:00"), ("10 22:00", "11 04:00")]
    assert "2 starts and 1 ends" in refusal(mail(text.replace("End: 05:00\n", ""), "CRQ1"), template)


def test_a_circuit_in_one_match_with_a_window_is_that_windows():
    template = replace(WORK, body=(r"^(?P<circuit>AC/\d): (?P<start>.+) - (?P<end>.+)", r"^Also (?P<circuit>\S+)"))
    text = "AC/1: 09/03/2027 23:00 - 05:00\nAC/2: 10/03/2027 23:00 - 05:00\nAlso AC/3\n"

    (update,) = read(mail(text, "CRQ1"), template).updates

    found = [[circuit.circuit_id for circuit in window.circuits or ()] for window in update.windows or ()]
    assert found == [["AC/1", "AC/3"], ["AC/2", "AC/3"]]


def test_a_window_without_a_date_is_not_guessed():
    assert 'start: a time without a date: "23:00"' in refusal(mail("Window: 23:00 - 05:00\n", "CRQ1"), WORK)


@pytest.mark.parametrize("date", ["01/01/0001", "31/12/9999", "31/02/2027", "00/00/0000"])
def test_a_date_beyond_all_dates_is_not_understood(date):
    assert "template acme-work: " in refusal(mail(f"Window: {date} 23:00 - 05:00\n", "CRQ1"), WORK)


def test_a_cancellation_needs_no_window():
    (update,) = read(mail("State: cancelled\n", "CRQ1"), WORK).updates

    assert (update.status, update.windows) == (MaintenanceStatus.CANCELLED, None)


# What is not this template's.


def test_without_a_ticket_a_mail_is_another_readers_and_the_pattern_is_named():
    reading = read(mail(subject="Your invoice"))

    assert reading.reason is Reason.UNPARSED
    assert reading.trials[0].outcome == (
        r"template acme-tt: no ticket: no match for subject 1: ^\[(?P<ticket>ACM-\d+)\] (?P<status>\w+)"
    )
    assert Match(field="cause", words="a digger", value="") in reading.trials[0].matched


def test_a_ticket_alone_is_no_event():
    assert (
        refusal(mail("Dear customer\n", "[ACM-1] Survey")) == 'template acme-tt: "ACM-1", and nothing else of an event'
    )


def test_what_matched_is_told_field_by_field():
    (trial,) = read(mail("Circuit: AC/1 (hard down)\nDown since: 08/03/2027 12:04\nETR: TBD\n")).trials

    told = [(match.field, match.words, match.value) for match in trial.matched]
    assert told[:6] == [
        ("ticket", "ACM-204417", "ACM-204417"),
        ("status", "Opened", "REPORTED"),
        ("circuit", "AC/1", "AC/1 OUTAGE"),
        ("impact", "hard down", "OUTAGE"),
        ("start", "08/03/2027 12:04", "2027-03-08T11:04:00Z"),
        ("etr", "TBD", "none now"),
    ]
    assert ("(no match)", r"body 6: ^Cause:\s*(?P<cause>.+)", "") in told


# Who is asked.


def test_a_template_is_asked_first_and_the_others_where_it_does_not_understand():
    reading = read(mail("Dear customer\n", "hello"), replace(WORK, name="first"), OUTAGE, readers=("zayo",))

    assert [trial.reader for trial in reading.trials][:2] == ["first", "acme-tt"]
    assert reading.trials[-1].reader == "zayo"


def test_a_template_is_asked_whatever_a_mail_looks_like():
    reading = read(mail(subject="[ACM-1] Opened: planned maintenance window, invoice, out of office"))

    assert [update.event_id for update in reading.updates] == ["ACM-1"]


def test_a_person_can_name_a_template():
    for name in ("acme-work", "template/acme-work"):
        reading = read(mail("State: completed", "[ACM-1] CRQ1"), OUTAGE, WORK, decision=Decision(reader=name))

        assert [trial.reader for trial in reading.trials] == ["acme-work"]
        assert reading.updates[0].event_id == "CRQ1"


def test_another_template_is_another_version():
    assert reader_of(OUTAGE).version == reader_of(replace(OUTAGE)).version
    assert reader_of(OUTAGE).version != reader_of(replace(OUTAGE, zone="UTC")).version


def test_a_template_can_be_sent_to_a_worker():
    assert pickle.loads(pickle.dumps(OUTAGE)) == OUTAGE


# What runs away.


def test_a_pattern_that_runs_away_is_stopped_and_named():
    template = replace(OUTAGE, body=(r"^Circuit: (?P<circuit>\S+)", r"^(?P<cause>(a+)+)$"))

    reading = read(mail(f"Circuit: AC/1\n{'a' * 60}b\n"), template)

    assert (reading.disposition, reading.reason, reading.provider) == (
        Disposition.QUARANTINED,
        Reason.PARSER_TIMEOUT,
        "acme",
    )
    assert reading.detail.startswith(
        'provider acme: template acme-tt: the pattern body 2 "^(?P<cause>(a+)+)$" was stopped after 0.25 s of CPU time'
    )
    assert [trial.outcome for trial in reading.trials] == [reading.detail]


def test_after_one_that_ran_away_others_are_read():
    runaway = replace(OUTAGE, body=(r"^(?P<cause>(a+)+)$",))
    for _ in range(2):
        assert read(mail(f"{'a' * 60}b\n"), runaway).reason is Reason.PARSER_TIMEOUT
        assert read(mail()).disposition is Disposition.APPLIED


def test_beside_the_main_thread_nothing_is_limited_and_all_is_read():
    found = []
    thread = threading.Thread(target=lambda: found.append(read(mail())))
    thread.start()
    thread.join()

    assert found == [read(mail())]


def test_a_limit_ends_with_what_it_is_for():
    def endless() -> None:
        with limited(0.01):
            while True:
                pass

    with pytest.raises(TooSlow):
        endless()
    with limited(0.01):
        pass
    assert sum(range(2_000_000)) > 0


def test_a_pattern_of_which_python_warns_is_compiled():
    assert compiled("[[a]").search("[")


def test_the_texts_are_those_of_html_of_plain_text_and_of_tables():
    raw = mail("plain\n", html="<p>seen</p><table><tr><td>a</td><td>b</td></tr></table>")

    assert texts_of(decode(raw)) == ("seen\na\nb", "plain", "a | b")


def test_a_notice_without_a_date_is_not_understood():
    raw = mail().replace(b"Date: Mon, 08 Mar 2027 12:30:00 +0000\n", b"")
    acme = Provider(name="acme", templates=(OUTAGE,))

    with pytest.raises(NotUnderstood, match="template acme-tt: it has no Date"):
        reader_of(OUTAGE).read(decode(raw), acme)
