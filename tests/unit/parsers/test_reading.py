"""From the bytes of a message to what it says, or why it says nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.events import StatedCircuit, StatedWindow, Update
from domain.message import Decision, Disposition, Reading, Reason, Terms, Trial
from domain.vocabulary import Impact, Kind, MaintenanceStatus
from parsers.mime import read_envelope
from parsers.providers import Directory, Provider, directory
from parsers.reading import read_message

OWN = Path(__file__).parents[2] / "mail"
RECEIVED = datetime(2026, 11, 23, 12, tzinfo=UTC)
DATE = "Mon, 23 Nov 2026 11:59:00 +0000"
STAMP = datetime(2026, 11, 23, 11, 59, tzinfo=UTC)
NTT = "noc@us.ntt.net"


def event(**changes: str | None) -> str:
    lines = {
        "UID": "uid-1",
        "SEQUENCE": "3",
        "DTSTAMP": "20261101T000000Z",
        "DTSTART": "20261201T220000Z",
        "DTEND": "20261202T040000Z",
        "SUMMARY": "Splicing",
        "ORGANIZER": "mailto:noc@us.ntt.net",
        "X-MAINTNOTE-PROVIDER": "ntt",
        "X-MAINTNOTE-ACCOUNT": "137",
        "X-MAINTNOTE-MAINTENANCE-ID": "M-1",
        "X-MAINTNOTE-STATUS": "CONFIRMED",
        "X-MAINTNOTE-IMPACT": "DEGRADED",
        "X-MAINTNOTE-OBJECT-ID": "C-1",
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    stated = [f"{name}:{value}" for name, value in lines.items() if value is not None]
    return "\n".join(("BEGIN:VEVENT", *stated, "END:VEVENT"))


def calendar(*events: str) -> str:
    return "\n".join(("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *events, "END:VCALENDAR", ""))


def mail(*events: str, sender: str = NTT, date: str | None = DATE, subject: str = "Notice") -> bytes:
    headers = [f"From: {sender}", f"Subject: {subject}", "Message-ID: <1@x>", "Content-Type: text/calendar"]
    if date:
        headers.append(f"Date: {date}")
    return ("\n".join(headers) + "\n\n" + calendar(*(events or (event(),)))).encode()


def attached(*inner: bytes, sender: str = "me@example.com", date: str = DATE) -> bytes:
    parts = [b"Content-Type: text/plain\n\nfyi\n", *(b"Content-Type: message/rfc822\n\n" + raw for raw in inner)]
    head = f'From: {sender}\nDate: {date}\nSubject: Fwd\nContent-Type: multipart/mixed; boundary="b0"\n\n'.encode()
    return head + b"".join(b"--b0\n" + part + b"\n" for part in parts) + b"--b0--\n"


def read(raw: bytes, known: Directory | None = None, provider: str | None = None) -> Reading:
    return read_message(
        raw, received_at=RECEIVED, directory=known or directory(), terms=Terms(decision=Decision(provider=provider))
    )


def own(name: str) -> bytes:
    return (OWN / f"{name}.eml").read_bytes()


def read_own(name: str) -> Reading:
    raw = own(name)
    return read_message(raw, received_at=read_envelope(raw).date, directory=directory())


class TestUpdates:
    def test_a_calendar_states_all_that_it_says(self):
        reading = read(mail())

        envelope = read_envelope(mail())
        assert reading == Reading(
            provider="ntt",
            reader="maintd/bcop",
            reader_version="1",
            disposition=Disposition.APPLIED,
            updates=(
                Update(
                    kind=Kind.MAINTENANCE,
                    provider="ntt",
                    event_id="M-1",
                    stamp=STAMP,
                    stamp_inferred=False,
                    source="<1@x>",
                    body_digest=envelope.body_digest,
                    reader="maintd/bcop",
                    reader_version="1",
                    sequence=3,
                    ical_uid="uid-1",
                    account="137",
                    status=MaintenanceStatus.CONFIRMED,
                    windows=(
                        StatedWindow(
                            start=datetime(2026, 12, 1, 22, tzinfo=UTC),
                            end=datetime(2026, 12, 2, 4, tzinfo=UTC),
                            circuits=(StatedCircuit(circuit_id="C-1", impact=Impact.DEGRADED),),
                            ical_uid="uid-1",
                        ),
                    ),
                    summary="Splicing",
                    organizer="mailto:noc@us.ntt.net",
                ),
            ),
            trials=(Trial(provider="ntt", reader="bcop", outcome="found 1"),),
            text=calendar(event()).rstrip(),
        )

    def test_what_a_calendar_does_not_say_is_not_stated(self):
        bare = event(UID=None, SEQUENCE=None, SUMMARY=None, ORGANIZER=None, X_MAINTNOTE_STATUS=None)
        (update,) = read(mail(bare)).updates

        assert (update.ical_uid, update.sequence, update.status) == (None, None, None)
        assert (update.summary, update.organizer) == (None, None)

    def test_an_html_form_that_states_no_impact_states_no_uid_and_no_sequence(self):
        (update,) = read_own("telstra/out_of_order_then_in_original").updates

        assert (update.ical_uid, update.sequence) == (None, None)
        assert {circuit.impact for window in update.windows for circuit in window.circuits} == {None}

    def test_an_html_form_that_states_impacts_states_them(self):
        (update,) = read_own("zayo/three_nights").updates

        assert all(circuit.impact for window in update.windows for circuit in window.circuits)

    @pytest.mark.parametrize("account", ["N/A", "unknown", "Customer info unavailable", "not Found", "Not Available"])
    def test_a_placeholder_is_no_account(self, account):
        (update,) = read(mail(event(X_MAINTNOTE_ACCOUNT=account))).updates

        assert update.account is None

    def test_several_windows_of_one_id_are_one_update(self):
        nights = read_own("zayo/three_nights")

        (update,) = nights.updates
        assert len(update.windows) == 3

    def test_several_events_of_one_id_are_one_update_with_their_own_uids_and_statuses(self):
        second = event(
            UID="uid-2", DTSTART="20261202T220000Z", DTEND="20261203T040000Z", X_MAINTNOTE_STATUS="CANCELLED"
        )
        (update,) = read(mail(event(), second)).updates

        assert (update.ical_uid, update.sequence, update.status) == (None, None, MaintenanceStatus.CONFIRMED)
        assert [window.ical_uid for window in update.windows] == ["uid-1", "uid-2"]
        assert [window.status for window in update.windows] == [None, MaintenanceStatus.CANCELLED]

    def test_one_id_for_two_accounts_is_two_updates(self):
        updates = read(mail(event(), event(UID="2", X_MAINTNOTE_ACCOUNT="138"))).updates

        assert [update.account for update in updates] == ["137", "138"]

    def test_a_window_that_is_said_twice_counts_once_with_the_circuits_of_both(self):
        (update,) = read(mail(event(), event(X_MAINTNOTE_OBJECT_ID="C-2"))).updates

        (window,) = update.windows
        assert [circuit.circuit_id for circuit in window.circuits] == ["C-1", "C-2"]

    def test_a_circuit_that_is_listed_twice_counts_once_with_its_worst_impact(self):
        listed = [
            f"X-MAINTNOTE-OBJECT-ID;X-MAINTNOTE-OBJECT-IMPACT={impact}:{circuit}"
            for circuit, impact in (("A  1", "NO-IMPACT"), ("a 1", "OUTAGE"), ("A 1", "DEGRADED"))
        ]
        text = event(X_MAINTNOTE_OBJECT_ID=None).replace("END:VEVENT", "\n".join((*listed, "END:VEVENT")))

        (update,) = read(mail(text)).updates
        assert update.windows[0].circuits == (StatedCircuit(circuit_id="A  1", impact=Impact.OUTAGE),)

    def test_a_cancellation_without_circuits_does_not_state_them(self):
        (update,) = read_own("eunetworks/cancelled_without_circuits").updates

        assert update.status is MaintenanceStatus.CANCELLED
        assert [window.circuits for window in update.windows] == [None]

    def test_random_uids_are_not_stated(self):
        (update,) = read_own("pccw/planned").updates

        assert update.ical_uid is None
        assert update.windows[0].ical_uid is None

    def test_control_characters_reach_no_update(self):
        (update,) = read(mail(event(X_MAINTNOTE_MAINTENANCE_ID="M\x1b[31m-1\u202e", SUMMARY="a\x00b"))).updates

        assert (update.event_id, update.summary) == ("M[31m-1", "ab")


class TestStamp:
    def test_the_notices_date_is_the_stamp_and_dtstamp_is_not(self):
        assert read(mail()).updates[0].stamp == STAMP

    def test_dtstamp_is_the_stamp_where_there_is_no_date(self):
        (update,) = read(mail(event(DTSTAMP="20261123T100000Z"), date=None)).updates

        assert (update.stamp, update.stamp_inferred) == (datetime(2026, 11, 23, 10, tzinfo=UTC), False)

    @pytest.mark.parametrize("date", ["Tue, 24 Nov 2026 12:00:00 +0000", "Sun, 1 Nov 2026 12:00:00 +0000"])
    def test_the_receipt_stands_for_a_wrong_date(self, date):
        (update,) = read(mail(date=date)).updates

        assert (update.stamp, update.stamp_inferred) == (RECEIVED, True)


class TestDispositions:
    def test_an_unknown_sender_at_a_hoster_of_free_mail_is_told_the_reader_and_the_command(self):
        reading = read(mail(sender="noc.of.harbour@gmail.com"))

        assert (reading.disposition, reading.reason) == (Disposition.QUARANTINED, Reason.UNKNOWN_PROVIDER)
        assert reading.detail == (
            "no provider has the sender noc.of.harbour@gmail.com; understood by: bcop; "
            "then: maintd quarantine assign MESSAGE PROVIDER"
        )
        assert reading.trials == (Trial(provider="", reader="bcop", outcome="understands it"),)

    def test_an_unknown_sender_of_a_known_form_is_told_that_form(self):
        raw = own("zayo/cancelled").replace(b"zayo.com>", b"new.example>")

        assert "understood by: zayo; then: maintd quarantine assign MESSAGE zayo" in read(raw).detail

    def test_an_unknown_sender_that_nobody_understands_is_told_so(self):
        assert read(b"From: a@b.example\n\nhello").detail == (
            "no provider has the sender a@b.example; no reader understands it"
        )

    def test_a_sender_that_is_not_one_is_untrusted(self):
        reading = read(mail(sender="noc@us.ntt.net, x@evil.example"))

        assert reading.reason is Reason.UNTRUSTED
        assert reading.detail == "2 addresses in the From header: only a person can say whose it is"
        assert reading.updates == ()

    def test_a_display_name_does_not_make_a_provider(self):
        harbour = event(X_MAINTNOTE_PROVIDER="Harbour Fibre")

        assert read(mail(harbour, sender="noc@us.ntt.net <x@evil.example>")).provider == "evil.example"

    def test_what_the_reader_does_not_understand_is_unparsed_in_one_line(self):
        reading = read(mail(event(X_MAINTNOTE_MAINTENANCE_ID=None)))

        assert (reading.provider, reading.reason) == ("ntt", Reason.UNPARSED)
        assert reading.detail.startswith("provider ntt: a calendar without X-MAINTNOTE-MAINTENANCE-ID")
        assert "\n" not in reading.detail

    def test_what_the_readers_own_filter_passes_over_is_irrelevant(self):
        reading = read(b"From: mr@zayo.com\nSubject: Your invoice\nContent-Type: text/html\n\n<p>Your invoice")

        assert (reading.disposition, reading.reason, reading.updates) == (Disposition.IRRELEVANT, None, ())

    def test_a_calendar_that_is_not_understood_is_not_irrelevant(self):
        unnamed = event(X_MAINTNOTE_MAINTENANCE_ID=None)

        assert read(mail(unnamed, sender="mr@zayo.com")).reason is Reason.UNPARSED

    def test_good_results_are_kept_when_others_are_refused(self):
        reading = read(mail(event(), event(X_MAINTNOTE_MAINTENANCE_ID="M-2", DTSTART="20100101T000000Z")))

        assert (reading.disposition, reading.reason) == (Disposition.QUARANTINED, Reason.PARTIAL)
        assert [update.event_id for update in reading.updates] == ["M-1"]
        assert "M-2" in reading.detail

    def test_nothing_is_kept_when_all_results_are_refused(self):
        reading = read(mail(event(DTSTART="20100101T000000Z")))

        assert (reading.reason, reading.updates) == (Reason.INVALID, ())

    def test_times_beyond_any_calendar_are_refused(self):
        text = (
            "Example (AS65001),\n\nNetflix will be performing maintenance in X, at 2026-12-01 18:00:00+00:00 UTC.\n"
            "Expected downtime will be approximately 1000000000000000 hours.\n192.0.2.1\n"
        )
        reading = read(f"From: cdnetops@netflix.com\nDate: {DATE}\n\n{text}".encode())

        assert reading.reason is Reason.INVALID
        assert reading.detail.endswith("a window that no calendar can hold")

    def test_a_long_window_is_applied_and_warned_of(self):
        reading = read(mail(event(DTEND="20270115T040000Z")))

        assert reading.disposition is Disposition.APPLIED
        assert "longer than 31 days" in reading.warnings[0]

    def test_a_message_that_is_not_built_as_mail_is_malformed(self):
        nested = b"From: noc@us.ntt.net\n" + b"Content-Type: message/rfc822\n\n" * 100

        assert read(nested).reason is Reason.MALFORMED

    def test_what_was_left_out_is_said(self):
        raw = b"From: noc@us.ntt.net\nContent-Type: text/html\n\n" + b"<table>" * 60

        assert "left out a text/html part with more than 50 tables in each other" in read(raw).detail

    def test_a_provider_without_a_reader_is_told_so(self):
        known = directory([Provider(name="new", senders=("@new.example",))])

        assert read(b"From: noc@new.example\n\nPlanned work", known).detail == (
            "provider new has no reader: set one in the configuration"
        )


class TestForcedProvider:
    def test_a_forced_provider_reads_whoever_sent_it(self):
        for sender in ("noc@new.example", "a@b.example, c@d.example"):
            assert read(mail(sender=sender), provider="ntt").updates[0].provider == "ntt"

    def test_a_forced_provider_reads_what_is_attached(self):
        reading = read(attached(mail(sender="noc@new.example", date="Mon, 23 Nov 2026 09:00:00 +0000")), provider="ntt")

        assert reading.updates[0].stamp == datetime(2026, 11, 23, 9, tzinfo=UTC)

    def test_an_unknown_name_is_told_so(self):
        assert read(mail(), provider="nobody").detail == "there is no provider named nobody: see maintd providers"


class TestForwards:
    def test_the_sender_and_the_date_of_an_attached_notice_count(self):
        (update,) = read(attached(mail(date="Wed, 11 Nov 2026 12:00:00 +0000"))).updates

        assert (update.provider, update.stamp) == ("ntt", datetime(2026, 11, 11, 12, tzinfo=UTC))
        assert not update.stamp_inferred

    def test_the_message_that_came_is_the_source(self):
        raw = attached(mail())

        (update,) = read(raw).updates
        assert update.source == update.body_digest == read_envelope(raw).body_digest

    def test_every_attached_notice_is_read(self):
        reading = read(attached(mail(), own("zayo/cancelled")))

        assert [update.provider for update in reading.updates] == ["ntt", "zayo"]
        assert reading.disposition is Disposition.APPLIED

    def test_an_attached_mail_of_an_unknown_sender_beside_a_notice_is_told(self):
        reading = read(attached(mail(), b"From: noc@new.example\n\nPlanned work"))

        assert reading.reason is Reason.PARTIAL
        assert reading.detail == "an attached mail of noc@new.example is of no provider"

    def test_a_forward_of_a_forward_is_read(self):
        assert read(attached(attached(mail()))).updates[0].provider == "ntt"

    def test_a_notice_without_a_date_takes_that_of_the_forward(self):
        (update,) = read(attached(mail(date=None))).updates

        assert (update.stamp, update.stamp_inferred) == (STAMP, True)

    def test_an_inline_forward_is_read_as_its_sender_with_its_date(self):
        raw = own("zayo/forwarded_inline")
        outer = read_envelope(raw)

        reading = read_message(raw, received_at=outer.date, directory=directory())
        (update,) = reading.updates
        assert (reading.provider, update.source) == ("zayo", outer.message_id)
        assert (update.stamp, update.stamp_inferred) == (datetime(2027, 2, 16, 22, 30, tzinfo=UTC), False)

    def test_an_inline_forward_with_another_date_form_takes_that_of_the_forward(self):
        raw = own("zayo/forwarded_inline").replace(b"Tue, Feb 16, 2027 at 10:30 PM", b"gestern")
        outer = read_envelope(raw)

        (update,) = read_message(raw, received_at=outer.date, directory=directory()).updates
        assert (update.stamp, update.stamp_inferred) == (outer.date, True)

    def test_an_inline_forward_of_an_unknown_sender_names_both(self):
        raw = own("zayo/forwarded_inline").replace(b"mr@zayo.com", b"mr@new.example")

        detail = read(raw).detail
        assert detail.startswith("no provider has the sender jo.novak@example.net, forwarding mr@new.example; ")
        assert "maintd quarantine assign MESSAGE zayo" in detail

    def test_a_providers_own_mail_is_not_searched_for_forwards(self):
        raw = own("zayo/forwarded_inline").replace(b"jo.novak@example.net", b"noc@us.ntt.net")

        assert read(raw).provider == "ntt"


def test_what_is_read_does_not_depend_on_the_age_of_the_receipt():
    raw = own("zayo/cancelled")
    date = read_envelope(raw).date

    early, late = (
        read_message(raw, received_at=date + delay, directory=directory())
        for delay in (timedelta(0), timedelta(days=1))
    )
    assert early == late


class TestCalendars:
    FORWARDED = (
        "fyi\n\n---------- Forwarded message ---------\nFrom: NTT <noc@us.ntt.net>\n"
        "Date: Wed, Nov 11, 2026 at 12:00 PM\nSubject: Notice\nTo: <me@example.com>\n\nSee the calendar.\n"
    )

    def both(self, name: str, *events: str, text: str | None = None) -> bytes:
        """Return a notice in an html form with a calendar beside it."""
        raw = own(name)
        head, _, body = raw.partition(b"\n\n")
        lines = head.decode().replace("\n ", " ").replace("\n\t", " ").split("\n")
        content = [line for line in lines if line.lower().startswith("content-")]
        other = [line for line in lines if line not in content and not line.lower().startswith("mime-")]
        inner = "\n".join(content).encode() + b"\n\n" + body
        return (
            "\n".join((*other, 'Content-Type: multipart/mixed; boundary="outermost"', "", "--outermost", "")).encode()
            + inner
            + b"\n--outermost\nContent-Type: text/calendar\n\n"
            + (text or calendar(*events)).encode()
            + b"\n--outermost--\n"
        )

    def dated(self, raw: bytes) -> Reading:
        return read_message(raw, received_at=read_envelope(raw).date, directory=directory())

    def test_a_calendar_beside_an_html_form_is_what_counts(self):
        at = {"DTSTART": "20270301T220000Z", "DTEND": "20270302T040000Z", "X_MAINTNOTE_PROVIDER": "zayo"}
        reading = self.dated(self.both("zayo/cancelled", event(**at)))

        assert [(update.event_id, update.reader) for update in reading.updates] == [("M-1", "maintd/bcop")]
        assert [trial.reader for trial in reading.trials] == ["bcop"]

    @pytest.mark.parametrize("change", [{"X_MAINTNOTE_MAINTENANCE_ID": None}, {"DTSTART": "soon"}])
    def test_an_html_form_beside_a_calendar_of_no_use_is_read(self, change):
        reading = self.dated(self.both("zayo/cancelled", event(X_MAINTNOTE_PROVIDER="zayo", **change)))

        alone = [update.event_id for update in self.dated(own("zayo/cancelled")).updates]
        assert [update.event_id for update in reading.updates] == alone != []
        assert {update.reader for update in reading.updates} == {"circuit-maintenance-parser/zayo"}
        assert [trial.reader for trial in reading.trials] == ["bcop", "zayo"]

    def test_no_other_reader_reads_a_calendar_that_is_not_understood(self):
        mixed = event() + "\n" + event(X_MAINTNOTE_PROVIDER="Harbour Fibre")
        reading = read(mail(mixed))

        assert (reading.reason, reading.updates) == (Reason.UNPARSED, ())
        assert [trial.reader for trial in reading.trials] == ["bcop", "ntt"]
        assert "one calendar of several providers" in reading.trials[0].outcome

    def test_a_calendar_forwarded_in_the_running_text_is_the_carriers(self):
        body = f"{self.FORWARDED}\n--b0\nContent-Type: text/calendar\n\n{calendar(event())}\n--b0--\n"
        raw = (
            f"From: me@example.com\nDate: {DATE}\nSubject: Fwd: Notice\n"
            f'Content-Type: multipart/mixed; boundary="b0"\n\n--b0\nContent-Type: text/plain\n\n{body}'
        ).encode()
        (update,) = read(raw).updates

        assert (update.provider, update.reader) == ("ntt", "maintd/bcop")
        assert update.stamp == datetime(2026, 11, 11, 12, tzinfo=UTC)

    def test_a_calendar_of_a_stranger_forwarded_in_the_running_text_is_the_strangers(self):
        text = self.FORWARDED.replace("us.ntt.net", "mail.harbourfibre.example")
        harbour = calendar(event(X_MAINTNOTE_PROVIDER="Harbour Fibre"))
        body = f"{text}\n--b0\nContent-Type: text/calendar\n\n{harbour}\n--b0--\n"
        raw = (
            f"From: me@example.com\nDate: {DATE}\nSubject: Fwd: Notice\n"
            f'Content-Type: multipart/mixed; boundary="b0"\n\n--b0\nContent-Type: text/plain\n\n{body}'
        ).encode()
        (update,) = read(raw).updates

        assert update.provider == "harbourfibre.example"

    def test_a_mail_with_more_maintenances_than_one_can_have_is_invalid(self):
        reading = read(
            mail(*[event(UID=str(number), X_MAINTNOTE_MAINTENANCE_ID=f"M-{number}") for number in range(201)])
        )

        assert (reading.reason, reading.updates) == (Reason.INVALID, ())
        assert reading.detail == "201 events, more than 200"


def test_a_form_that_a_filter_does_not_know_is_no_mail_of_no_concern():
    raw = own("zayo/three_nights").replace(b"Maintenance Ticket #", b"Maintenance Ticket Number")

    reading = read_message(raw, received_at=read_envelope(raw).date, directory=directory())

    assert (reading.disposition, reading.reason) == (Disposition.QUARANTINED, Reason.UNPARSED)
    assert "speaks of planned work" in reading.detail


@pytest.mark.parametrize(
    ("word", "status"),
    [("CANCELLED ", "CANCELLED"), ("RESCHEDULED ", "RE-SCHEDULED"), ("[CANCELLATION] SCHEDULED ", "CANCELLED")],
)
def test_a_subject_of_telxius_in_other_words_is_not_an_announcement(word: str, status: str):
    raw = own("telxius/backup_window").replace(b"Subject: SCHEDULED ", b"Subject: " + word.encode())
    assert raw != own("telxius/backup_window")

    (update,) = read_message(raw, received_at=read_envelope(raw).date, directory=directory()).updates

    assert update.status == status


def test_a_row_of_lumen_without_impact_says_so():
    raw = own("lumen/two_windows").replace(b">Outage<", b">No Impact<", 1)
    assert raw != own("lumen/two_windows")

    (update,) = read_message(raw, received_at=read_envelope(raw).date, directory=directory()).updates

    impacts = [circuit.impact for window in update.windows for circuit in window.circuits]
    assert Impact.NO_IMPACT in impacts


def test_forms_at_a_shared_address_tell_whose_they_are():
    raw = own("seaborn/scheduled").replace(
        read_envelope(own("seaborn/scheduled")).sender.encode(), b"inoc@superonline.net"
    )

    reading = read_message(raw, received_at=read_envelope(raw).date, directory=directory())

    assert (reading.provider, reading.disposition) == ("seaborn", Disposition.APPLIED)


def test_a_night_that_ends_before_it_starts_takes_no_other_with_it():
    raw = own("zayo/three_nights")
    spoilt = raw.replace(b"09-Feb-2027 11:00", b"08-Feb-2027 11:00")
    assert spoilt != raw

    reading = read_message(spoilt, received_at=read_envelope(raw).date, directory=directory())

    assert (reading.disposition, reading.reason) == (Disposition.QUARANTINED, Reason.PARTIAL)
    assert "ends before it starts" in reading.detail
    assert [len(update.windows) for update in reading.updates] == [2]


def test_a_message_that_states_something_has_a_text_for_people():
    told = attached(mail(), sender=NTT)
    assert read(told).text.startswith("fyi\n\nNotice\n\nBEGIN:VCALENDAR")
    assert not read(b"From: noc@us.ntt.net\nSubject: Newsletter\n\nGreetings\n").text
