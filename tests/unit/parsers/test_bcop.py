"""What our reader of BCOP calendars makes of each way in which they are written."""

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.events import StatedCircuit
from domain.vocabulary import Impact, MaintenanceStatus
from parsers.mime import Notification, decode
from parsers.own import bcop
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Result

CARRIER = Provider(name="harbour")
START = datetime(2027, 2, 23, 21, tzinfo=UTC)
END = datetime(2027, 2, 24, 3, tzinfo=UTC)

# One window in the zone of New York, by rules that a calendar states itself.
NEW_YORK = """BEGIN:VTIMEZONE
TZID:Our own zone
BEGIN:STANDARD
DTSTART:16011104T020000
RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010311T020000
RRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
END:DAYLIGHT
END:VTIMEZONE"""


def vevent(*lines: str, without: str = "") -> str:
    stated = (
        "UID:hf-31@harbourfibre.example",
        "SEQUENCE:2",
        "DTSTAMP:20270208T120000Z",
        "DTSTART:20270223T210000Z",
        "DTEND:20270224T030000Z",
        "SUMMARY:Quay cabinet",
        "ORGANIZER;CN=NOC:mailto:noc@harbourfibre.example",
        "X-MAINTNOTE-PROVIDER:harbourfibre.example",
        "X-MAINTNOTE-ACCOUNT:C-1188",
        "X-MAINTNOTE-MAINTENANCE-ID:HF-31",
        "X-MAINTNOTE-OBJECT-ID:RING-7",
        "X-MAINTNOTE-IMPACT:DEGRADED",
        "X-MAINTNOTE-STATUS:CONFIRMED",
    )
    changed = {line.split(":")[0].split(";")[0] for line in lines} | set(without.split())
    kept = [line for line in stated if line.split(":")[0].split(";")[0] not in changed]
    return "\n".join(("BEGIN:VEVENT", *kept, *lines, "END:VEVENT"))


def vcalendar(*components: str) -> str:
    return "\n".join(("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Harbour//EN", *components, "END:VCALENDAR", ""))


def notification(*calendars: str, kind: str = "text/calendar") -> Notification:
    parts = [f"--b\nContent-Type: {kind}; charset=utf-8\n\n{calendar}\n" for calendar in calendars]
    head = 'From: noc@harbourfibre.example\nContent-Type: multipart/mixed; boundary="b"\n\n'
    return decode((head + "".join(parts) + "--b--\n").encode())


def read(*calendars: str, provider: Provider = CARRIER) -> Findings:
    return bcop.read(notification(*calendars), provider)


def one(*lines: str, without: str = "", calendar: tuple[str, ...] = ()) -> Result:
    (result,) = read(vcalendar(*calendar, vevent(*lines, without=without))).results
    return result


def span(begin: str, finish: str, *calendar: str) -> tuple[datetime | None, datetime | None]:
    result = one(begin, finish, calendar=calendar)
    assert result.fault == ""
    return result.start, result.end


def at(day: int, hour: int, minute: int = 0, month: int = 2) -> datetime:
    return datetime(2027, month, day, hour, minute, tzinfo=UTC)


def test_a_calendar_states_all_that_it_says():
    assert read(vcalendar(vevent())) == Findings(
        results=(
            Result(
                event_id="HF-31",
                account="C-1188",
                status=MaintenanceStatus.CONFIRMED,
                start=START,
                end=END,
                circuits=(StatedCircuit(circuit_id="RING-7", impact=Impact.DEGRADED),),
                summary="Quay cabinet",
                organizer="mailto:noc@harbourfibre.example",
                stated_stamp=datetime(2027, 2, 8, 12, tzinfo=UTC),
                sequence=2,
                ical_uid="hf-31@harbourfibre.example",
            ),
        ),
        stated_provider="harbourfibre.example",
    )


class TestIds:
    IDS = ("X-MAINTNOTE-MAINTENANCE-ID:EXT-9", "X-MAINTNOTE-MAINTENANCE-ID;X-MAINTNOTE-PRECEDENCE=PRIMARY:HF-31")

    def test_the_primary_id_is_the_key_and_the_others_are_references(self):
        result = one(*self.IDS, "X-MAINTNOTE-MAINTENANCE-ID;X-MAINTNOTE-PRECEDENCE=NON-PRIMARY:EXT-8")

        assert (result.event_id, result.references) == ("HF-31", ("EXT-9", "EXT-8"))

    def test_the_first_id_is_the_key_where_none_is_primary(self):
        result = one("X-MAINTNOTE-MAINTENANCE-ID:A", "X-MAINTNOTE-MAINTENANCE-ID:B", "X-MAINTNOTE-MAINTENANCE-ID:A")

        assert (result.event_id, result.references) == ("A", ("B",))

    def test_a_calendar_without_an_id_is_not_understood(self):
        with pytest.raises(NotUnderstood, match="without X-MAINTNOTE-MAINTENANCE-ID"):
            read(vcalendar(vevent(without="X-MAINTNOTE-MAINTENANCE-ID")))

    def test_an_ordinary_calendar_is_none_of_a_maintenance(self):
        plain = vcalendar("BEGIN:VEVENT\nUID:1\nDTSTART:20270223T210000Z\nEND:VEVENT")

        assert bcop.calendars_of(notification(plain)) == []
        with pytest.raises(NotUnderstood, match="no calendar of a maintenance"):
            read(plain)

    def test_an_ordinary_vevent_beside_a_maintenance_is_left_out(self):
        reminder = "BEGIN:VEVENT\nUID:1\nDTSTART:20270223T210000Z\nEND:VEVENT"

        assert [result.event_id for result in read(vcalendar(reminder, vevent())).results] == ["HF-31"]

    def test_random_uids_and_their_sequences_are_not_stated(self):
        (result,) = read(vcalendar(vevent()), provider=replace(CARRIER, random_uids=True)).results

        assert (result.ical_uid, result.sequence) == (None, None)

    @pytest.mark.parametrize("sequence", ["-1", "", "two", "9" * 5000, "²"])
    def test_a_sequence_that_is_no_number_is_not_stated(self, sequence):
        assert one(f"SEQUENCE:{sequence}").sequence is None


class TestStatus:
    @pytest.mark.parametrize(
        ("stated", "status"),
        [
            ("tentative", MaintenanceStatus.TENTATIVE),
            ("Confirmed", MaintenanceStatus.CONFIRMED),
            ("RE-SCHEDULED", MaintenanceStatus.RE_SCHEDULED),
            ("RESCHEDULED", MaintenanceStatus.RE_SCHEDULED),
            ("CANCELED", MaintenanceStatus.CANCELLED),
            ("IN PROCESS", MaintenanceStatus.IN_PROCESS),
            ("in_process", MaintenanceStatus.IN_PROCESS),
            (" COMPLETED ", MaintenanceStatus.COMPLETED),
        ],
    )
    def test_a_status_is_known_in_every_spelling(self, stated, status):
        assert one(f"X-MAINTNOTE-STATUS:{stated}").status is status

    @pytest.mark.parametrize("stated", ["NO-CHANGE", "UNKNOWN", "PERHAPS", ""])
    def test_another_word_states_no_status(self, stated):
        assert one(f"X-MAINTNOTE-STATUS:{stated}").status is None

    def test_a_word_that_nobody_knows_is_warned_of(self):
        assert read(vcalendar(vevent("X-MAINTNOTE-STATUS:PERHAPS"))).warnings == (
            'the status "PERHAPS" is none of the BCOP\'s: not stated',
        )

    @pytest.mark.parametrize(("line", "lines"), [("METHOD:cancel", ()), ("METHOD:PUBLISH", ("STATUS:Cancelled",))])
    def test_icalendars_own_words_cancel_where_no_status_is_stated(self, line, lines):
        result = one(*lines, without="X-MAINTNOTE-STATUS", calendar=(line,))

        assert result.status is MaintenanceStatus.CANCELLED

    def test_the_bcops_status_counts_before_icalendars(self):
        assert one("STATUS:CANCELLED", calendar=("METHOD:CANCEL",)).status is MaintenanceStatus.CONFIRMED

    def test_icalendars_other_words_state_nothing(self):
        assert one("STATUS:CONFIRMED", without="X-MAINTNOTE-STATUS", calendar=("METHOD:REQUEST",)).status is None

    def test_a_method_holds_for_its_own_calendar_alone(self):
        silent = vevent(without="X-MAINTNOTE-STATUS")
        results = read(vcalendar("METHOD:CANCEL", silent) + vcalendar(silent)).results

        assert [result.status for result in results] == [MaintenanceStatus.CANCELLED, None]


class TestCircuits:
    def test_one_object_may_have_an_impact_of_its_own(self):
        result = one("X-MAINTNOTE-OBJECT-ID;X-MAINTNOTE-OBJECT-IMPACT=NO-IMPACT:RING-7", "X-MAINTNOTE-IMPACT:OUTAGE")

        assert result.circuits == (StatedCircuit(circuit_id="RING-7", impact=Impact.NO_IMPACT),)

    def test_each_object_has_its_own_impact_or_that_of_the_event(self):
        result = one(
            'X-MAINTNOTE-OBJECT-ID;X-MAINTNOTE-OBJECT-IMPACT="no impact":A',
            "x-maintnote-object-id;x-maintnote-object-impact=Reduced_Redundancy:B",
            "X-MAINTNOTE-OBJECT-ID:C",
            without="X-MAINTNOTE-OBJECT-ID",
        )

        assert [circuit.impact for circuit in result.circuits or ()] == [
            Impact.NO_IMPACT,
            Impact.REDUCED_REDUNDANCY,
            Impact.DEGRADED,
        ]

    @pytest.mark.parametrize("impact", [(), ("X-MAINTNOTE-IMPACT:X-FLAPPING",), ("X-MAINTNOTE-IMPACT:",)])
    def test_an_impact_that_is_not_known_is_an_outage(self, impact):
        (circuit,) = one(*impact, without="X-MAINTNOTE-IMPACT").circuits or ()

        assert circuit.impact is Impact.OUTAGE

    def test_a_calendar_without_objects_does_not_state_circuits(self):
        assert one(without="X-MAINTNOTE-OBJECT-ID").circuits is None

    def test_an_object_without_an_id_is_left_out_and_said(self):
        result = one("X-MAINTNOTE-OBJECT-ID:", "X-MAINTNOTE-OBJECT-ID:RING-8")

        assert [circuit.circuit_id for circuit in result.circuits or ()] == ["RING-8"]
        assert result.nameless

    def test_of_several_accounts_the_first_counts_and_that_is_said(self):
        findings = read(vcalendar(vevent("X-MAINTNOTE-ACCOUNT:A", "X-MAINTNOTE-ACCOUNT:B")))

        assert findings.results[0].account == "A"
        assert findings.warnings == ("2 accounts in one VEVENT: the first counts",)


class TestTimes:
    @pytest.mark.parametrize(
        ("begin", "finish"),
        [
            ("DTSTART:20270223T210000Z", "DTEND:20270224T030000Z"),
            ("DTSTART:20270223T210000", "DTEND:20270224T030000"),
            ("DTSTART;VALUE=DATE-TIME:20270223T210000Z", "DTEND;VALUE=DATE-TIME:20270224T030000Z"),
            ("DTSTART:2027-02-23T21:00:00Z", "DTEND:2027-02-24T03:00:00+00:00"),
            ("DTSTART;TZID=UTC:20270223T210000", "DTEND;TZID=GMT:20270224T030000"),
            ("DTSTART;TZID=America/New_York:20270223T160000", "DTEND;TZID=America/New_York:20270223T220000"),
            (
                "DTSTART;TZID=/freeassociation.sourceforge.net/America/New_York:20270223T160000",
                "DTEND;TZID=US/Eastern:20270223T220000",
            ),
            ("DTSTART;TZID=Eastern Standard Time:20270223T160000", "DTEND;TZID=EST:20270223T220000"),
            (
                'DTSTART;TZID="(UTC-05:00) Eastern Time (US & Canada)":20270223T160000',
                'DTEND;TZID="(UTC-05:00) Eastern Time (US & Canada)":20270223T220000',
            ),
            ('DTSTART;TZID="(UTC+05:30) Chennai, Kolkata":20270224T023000', "DTEND;TZID=Asia/Kolkata:20270224T083000"),
            ('DTSTART;TZID="America/New_York":20270223T210000Z', "DURATION:PT6H"),
        ],
    )
    def test_a_window_is_the_same_however_its_times_are_written(self, begin, finish):
        without = "DTEND" if finish.startswith("DURATION") else ""
        result = one(begin, finish, without=without)

        assert (result.start, result.end, result.fault) == (START, END, "")

    def test_summer_time_is_that_of_the_zone_and_not_of_its_name(self):
        shown = 'TZID="(UTC-05:00) Eastern Time (US & Canada)"'

        assert span(f"DTSTART;{shown}:20270723T220000", "DTEND;TZID=Eastern Standard Time:20270724T040000") == (
            at(24, 2, month=7),
            at(24, 8, month=7),
        )

    def test_a_calendars_own_zone_is_read_by_its_own_rules(self):
        winter = span("DTSTART;TZID=Our own zone:20270223T160000", "DTEND;TZID=Our own zone:20270223T220000", NEW_YORK)
        summer = span("DTSTART;TZID=Our own zone:20270723T220000", "DTEND;TZID=Our own zone:20270724T040000", NEW_YORK)

        assert winter == (START, END)
        assert summer == (at(24, 2, month=7), at(24, 8, month=7))

    @pytest.mark.parametrize("zone", ["America/New_York", "Our own zone"])
    def test_an_hour_that_comes_twice_begins_early_and_ends_late(self, zone):
        twice = "20271107T013000"

        assert span(f"DTSTART;TZID={zone}:{twice}", f"DTEND;TZID={zone}:{twice}", NEW_YORK) == (
            at(7, 5, 30, month=11),
            at(7, 6, 30, month=11),
        )

    @pytest.mark.parametrize("zone", ["America/New_York", "Our own zone"])
    def test_an_hour_that_does_not_come_moves_forward(self, zone):
        start, end = span(f"DTSTART;TZID={zone}:20270314T013000", f"DTEND;TZID={zone}:20270314T023000", NEW_YORK)

        assert (start, end) == (at(14, 6, 30, month=3), at(14, 7, 30, month=3))

    def test_a_zone_of_one_mail_is_not_left_behind_for_the_next(self):
        with_zone = one("DTSTART;TZID=Our own zone:20270223T160000", calendar=(NEW_YORK,))
        without_zone = one("DTSTART;TZID=Our own zone:20270223T160000")

        assert with_zone.start == START
        assert without_zone.fault == 'the zone "Our own zone" is not known'

    def test_a_zone_that_pretends_to_be_new_york_is_not_believed(self):
        forged = NEW_YORK.replace("Our own zone", "America/New_York").replace("-0500", "+0900")

        assert one("DTSTART;TZID=America/New_York:20270223T160000", calendar=(forged,)).start == START

    @pytest.mark.parametrize(
        "lines",
        [
            ("DTSTART;VALUE=DATE:20270223", "DTEND;VALUE=DATE:20270224"),
            ("DTSTART;VALUE=DATE:20270223", "DTEND;VALUE=DATE:20270223"),
            ("DTSTART;VALUE=DATE:20270223",),
            ("DTSTART;VALUE=DATE:20270223", "DURATION:P1D"),
        ],
    )
    def test_a_date_is_a_whole_day_in_utc(self, lines):
        result = one(*lines, without="DTEND")

        assert (result.start, result.end, result.fault) == (at(23, 0), at(24, 0), "")

    @pytest.mark.parametrize(
        ("line", "fault"),
        [
            ("DTSTART:tomorrow", '"tomorrow" is no time'),
            ("DTSTART:20270231T210000Z", '"20270231T210000Z" is no time'),
            ("DTSTART:\x1b[31m2027", '"[31m2027" is no time'),
            ("DTSTART;TZID=Atlantis:20270223T210000", 'the zone "Atlantis" is not known'),
            ("DTSTART;TZID=../../etc/passwd:20270223T210000", 'the zone "../../etc/passwd" is not known'),
            ("DTSTART;TZID=Asia/Tokyo:00010101T000000", "a window that no calendar can hold"),
        ],
    )
    def test_a_time_that_cannot_be_used_is_the_fault_of_its_window_alone(self, line, fault):
        good, bad = read(vcalendar(vevent(), vevent(line))).results

        assert (good.fault, bad.fault) == ("", fault)
        assert (bad.event_id, bad.start, bad.end) == ("HF-31", None, None)

    @pytest.mark.parametrize("lines", [(), ("DURATION:soon",), ("DURATION:P999999999999W",)])
    def test_a_window_without_an_end_cannot_be_used(self, lines):
        assert one(*lines, without="DTEND").fault

    def test_a_vevent_without_any_time_states_no_window(self):
        result = one(without="DTSTART DTEND")

        assert (result.start, result.end, result.fault) == (None, None, "")

    def test_a_stamp_that_cannot_be_read_is_not_stated(self):
        assert one("DTSTAMP:now").stated_stamp is None


class TestWriting:
    @pytest.mark.parametrize(
        "written",
        [
            lambda text: text.replace("\n", "\r\n"),
            lambda text: text.replace("\n", "\r"),
            lambda text: "\ufeff" + text,
            lambda text: "\n\n" + text.replace("SUMMARY:Quay", "SUMMARY:Qu\n  ay").replace("  ay", " ay"),
            lambda text: text.replace("MAINTENANCE-ID:HF", "MAINTENANCE-\r\n\tID:HF"),
            lambda text: text.replace("X-MAINTNOTE-OBJECT", "X-MAINT\n NOTE-OBJECT"),
            lambda text: "".join(
                f"{line.partition(':')[0].lower()}:{line.partition(':')[2]}\n" for line in text.splitlines()
            ),
            lambda text: text.replace("SUMMARY:Quay", "this line is none\nSUMMARY:Quay"),
            lambda text: b64encode(text.encode()).decode(),
            lambda text: "".join(f"> {line}\n" for line in text.splitlines()),
        ],
    )
    def test_a_calendar_is_the_same_however_it_is_written(self, written):
        assert read(written(vcalendar(vevent()))) == read(vcalendar(vevent()))

    def test_a_text_loses_its_escapes_and_its_line_ends(self):
        assert one("SUMMARY:Quay\\, cabinet\\; north\\nby night").summary == "Quay, cabinet; north by night"

    def test_a_calendar_in_the_running_text_is_read(self):
        findings = bcop.read(notification("Hello,\n\n" + vcalendar(vevent()), kind="text/plain"), CARRIER)

        assert findings.results == read(vcalendar(vevent())).results

    def test_an_alarm_says_nothing_of_its_event(self):
        alarm = "BEGIN:VALARM\nSUMMARY:Wake up\nX-MAINTNOTE-STATUS:CANCELLED\nDURATION:PT5M\nEND:VALARM"
        result = one(alarm, without="SUMMARY")

        assert (result.summary, result.status) == (None, MaintenanceStatus.CONFIRMED)

    def test_several_calendars_and_parts_are_one_notice(self):
        second = vevent("UID:2", "DTSTART:20270301T210000Z", "DTEND:20270302T030000Z")
        third = vevent("UID:3", "DTSTART:20270308T210000Z", "DTEND:20270309T030000Z")
        findings = read(vcalendar(vevent()) + vcalendar(second), vcalendar(third))

        assert [result.ical_uid for result in findings.results] == ["hf-31@harbourfibre.example", "2", "3"]

    def test_the_same_calendar_in_two_parts_counts_once(self):
        assert len(read(vcalendar(vevent()), vcalendar(vevent())).results) == 1

    def test_a_calendar_that_is_cut_off_cannot_be_used(self):
        text = vcalendar(vevent())
        (result,) = read(text[: text.index("X-MAINTNOTE-STATUS")]).results

        assert result.fault == "the calendar is cut off in the middle of it"

    def test_control_characters_reach_nothing(self):
        result = one("X-MAINTNOTE-MAINTENANCE-ID:M\x1b[31m-1\u202e", "SUMMARY:a\x00b")

        assert (result.event_id, result.summary) == ("M[31m-1", "ab")

    def test_one_calendar_of_two_providers_is_nobodys(self):
        with pytest.raises(NotUnderstood, match="of several providers"):
            read(vcalendar(vevent(), vevent("X-MAINTNOTE-PROVIDER:zayo")))

    def test_a_calendar_with_more_events_than_a_mail_can_have_is_refused_whole(self):
        (result,) = read(
            vcalendar(*[vevent(f"X-MAINTNOTE-MAINTENANCE-ID:M-{number}") for number in range(1001)])
        ).results

        assert result.fault == "more than 1000 VEVENTs"

    def test_components_in_each_other_are_not_understood_beyond_a_depth(self):
        with pytest.raises(NotUnderstood, match="more than 10 components in each other"):
            read("BEGIN:VCALENDAR\n" * 20_000 + vcalendar(vevent()))
