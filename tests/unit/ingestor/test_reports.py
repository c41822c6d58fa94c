"""What a person sees of events, line by line."""

import io
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ingestor import reports, terminal

NOW = datetime(2027, 2, 9, 18, 30, tzinfo=UTC)

OUTAGE: dict[str, Any] = {
    "kind": "outage",
    "provider": "zayo",
    "id": "TTN-0044120087",
    "generation": 1,
    "accounts": [],
    "status": "IDENTIFIED",
    "start": "2027-02-09T13:05:00Z",
    "end": None,
    "windows": [],
    "circuits": [{"circuit_id": "/OQYX/204417/ /ZYO /", "impact": "OUTAGE", "withdrawn": False}],
    "etr": "2027-02-09T17:00:00Z",
    "end_inferred": False,
    "reported_at": "2027-02-09T13:20:00Z",
    "cause": None,
    "original_timezone": "EST",
    "summary": "no light",
    "organizer": "",
    "acknowledged": False,
    "internal_ticket": "",
    "stamp": "2027-02-09T16:00:00Z",
    "stamp_inferred": False,
    "unverified": False,
    "replaces": None,
    "replaced_by": None,
    "linked": [],
    "updates": 2,
    "phase": "active",
    "history": [
        {
            "stamp": "2027-02-09T13:20:00Z",
            "move": "opened",
            "source": "<1@zayo.example>",
            "superseded": False,
            "changes": {"status": [None, "REPORTED"], "circuits": [[], [{}]], "etr": [None, "2027-02-09T15:00:00Z"]},
        },
        {
            "stamp": "2027-02-09T16:00:00Z",
            "move": "advanced",
            "source": "person:alice",
            "superseded": False,
            "changes": {
                "status": ["REPORTED", "IDENTIFIED"],
                "etr": ["2027-02-09T15:00:00Z", "2027-02-09T17:00:00Z"],
                "reason": [None, "by phone"],
            },
        },
    ],
    "etr_revisions": [
        {
            "stamp": "2027-02-09T13:20:00Z",
            "etr": "2027-02-09T15:00:00Z",
            "previous": None,
            "move": "set",
            "slip_seconds": None,
            "source": "<1@zayo.example>",
            "words": "ETR: 10:00 EST",
        },
        {
            "stamp": "2027-02-09T16:00:00Z",
            "etr": "2027-02-09T17:00:00Z",
            "previous": "2027-02-09T15:00:00Z",
            "move": "extended",
            "slip_seconds": 7200,
            "source": "person:alice",
            "words": "17:00 UTC",
        },
    ],
    "etr_missed": True,
    "offered": [],
    "messages": [
        {
            "id": 7,
            "message_id": "<1@zayo.example>",
            "received_at": "2027-02-09T13:20:00Z",
            "from": "noc@zayo.example",
            "subject": "TTN-0044120087",
            "disposition": "applied",
            "retracted": None,
        }
    ],
    "netbox": None,
    "references": ["local-1"],
    "hidden": None,
}


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_an_open_outage_is_shown_with_its_course_its_estimates_and_its_history(capsys) -> None:
    reports.print_event(OUTAGE, now=NOW, utc=True)

    assert lines_of(capsys) == [
        "outage\tzayo TTN-0044120087",
        "status\tIDENTIFIED",
        "phase\tactive",
        "start\t2027-02-09 13:05 UTC",
        "reported\t2027-02-09 13:20 UTC",
        "end\topen",
        "lasted\t5 h 25 min so far",
        "ETR\t2027-02-09 17:00 UTC, missed",
        "told in zone\tEST",
        "summary\tno light",
        "acknowledged\tno",
        "said at\t2027-02-09 16:00 UTC",
        "proven\tyes",
        "also known as\tlocal-1",
        "",
        "2027-02-09 13:20 UTC\t2027-02-09 15:00 UTC\t—\tset\tmail 7\tETR: 10:00 EST",
        "2027-02-09 16:00 UTC\t2027-02-09 17:00 UTC\t+2 h\textended\tperson:alice\t17:00 UTC",
        "",
        "/OQYX/204417/ /ZYO /\tOUTAGE",
        "",
        "2027-02-09 13:20 UTC\topened\tREPORTED, 1 circuit, ETR 2027-02-09 15:00 UTC\tmail 7",
        "2027-02-09 16:00 UTC\tadvanced\tstatus REPORTED > IDENTIFIED; "
        "ETR 2027-02-09 15:00 UTC > 2027-02-09 17:00 UTC; because: by phone\tperson:alice",
        "",
        "7\t2027-02-09 13:20 UTC\tnoc@zayo.example\tTTN-0044120087\tapplied",
    ]


def test_an_end_that_nobody_stated_says_so(capsys) -> None:
    over = {**OUTAGE, "status": "RESOLVED", "end": "2027-02-11T14:06:00Z", "end_inferred": True, "cause": "a digger"}

    reports.print_event(over, now=NOW, utc=True)

    lines = lines_of(capsys)
    assert "end\t2027-02-11 14:06 UTC (inferred: nobody has said when)" in lines
    assert "lasted\t2 d 1 h" in lines
    assert "cause\ta digger" in lines


def test_what_is_linked_and_what_may_be_the_same_is_shown(capsys) -> None:
    kin = {"linked": [["maintenance", "zayo", "TTN-0044120087"]], "offered": [["outage", "zayo", "local-2"]]}

    reports.print_event({**OUTAGE, **kin}, now=NOW, utc=True)

    lines = lines_of(capsys)
    assert "linked\tmaintenance zayo TTN-0044120087" in lines
    assert "maybe the same\tmaintd outage adopt local-2 TTN-0044120087 --provider zayo" in lines


def test_an_id_with_a_space_is_quoted_in_a_command(capsys) -> None:
    by_hand = {**OUTAGE, "id": "local-1", "messages": [], "offered": [["outage", "zayo", "INC 7"]]}

    reports.print_told(by_hand, utc=True)

    assert lines_of(capsys)[-1] == "maybe the same: maintd outage adopt local-1 'INC 7' --provider zayo"


def test_events_of_both_kinds_stand_in_one_list(capsys) -> None:
    maintenance = {
        **OUTAGE,
        "kind": "maintenance",
        "end": "2027-02-09T16:00:00Z",
        "windows": [{"withdrawn": False}, {"withdrawn": False}],
    }
    tomorrow = {**OUTAGE, "etr": "2027-02-10T01:00:00Z"}
    unknown = {**OUTAGE, "start": None, "etr": None}

    reports.print_events([maintenance, OUTAGE, tomorrow, unknown], utc=True)

    assert [line.split("\t")[4] for line in lines_of(capsys)] == [
        "2027-02-09 13:05 to 16:00 UTC (2 windows)",
        "2027-02-09 13:05 to open, ETR 17:00 UTC",
        "2027-02-09 13:05 to open, ETR 2027-02-10 01:00 UTC",
        "- to open",
    ]


def test_figures_of_estimates_are_hours_with_their_sign(capsys) -> None:
    figures = {"provider": "zayo", "outages": 3, "resolved": 2, "repair_seconds": 12_300, "moved": 4, "missed": 1}

    reports.print_etr_figures(
        [
            {**figures, "first_error_seconds": -9000, "last_error_seconds": 900},
            {**figures, "repair_seconds": None, "first_error_seconds": None, "last_error_seconds": 0},
        ]
    )

    assert lines_of(capsys) == [
        "zayo\t3\t2\t3 h 25 min\t4\t1\t\u22122.5 h\t+0.25 h",
        "zayo\t3\t2\t—\t4\t1\t—\t0 h",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "—"),
        (0, "0 h"),
        (9000, "+2.5 h"),
        (-3600, "\u22121 h"),
        (7620, "+2.1 h"),
        (600, "+0.17 h"),
        (-60, "\u22120.02 h"),
        (360_000, "+100 h"),
    ],
)
def test_a_slip_is_told_in_hours(seconds, words) -> None:
    assert terminal.slip(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "—"), (0, "0 min"), (59, "0 min"), (3599, "59 min"), (3600, "1 h 0 min"), (90_000, "1 d 1 h")],
)
def test_a_length_is_told_in_two_units(seconds, words) -> None:
    assert terminal.length(seconds) == words


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("instant", "utc", "words"),
    [
        ("2027-02-09T13:05:00Z", False, "2027-02-09 14:05 CET (13:05Z)"),
        ("2027-02-09T23:30:00Z", False, "2027-02-10 00:30 CET (2027-02-09 23:30Z)"),
        ("2027-07-09T13:05:00Z", False, "2027-07-09 15:05 CEST (13:05Z)"),
        ("2027-02-09T13:05:00Z", True, "2027-02-09 13:05 UTC"),
    ],
)
def test_a_time_in_full_is_local_and_in_utc(instant, utc, words) -> None:
    assert terminal.in_full(instant, utc=utc) == words


@pytest.mark.usefixtures("in_berlin")
def test_an_estimate_in_another_half_of_the_year_names_its_own_zone() -> None:
    assert terminal.since("2027-03-27T22:00:00Z", "2027-03-28T09:00:00Z", utc=False) == (
        "2027-03-27 23:00 CET to open, ETR 2027-03-28 11:00 CEST"
    )


class Wide(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def seen_at(monkeypatch: pytest.MonkeyPatch, width: int, columns: list[str], rows: list[list[object]]) -> list[str]:
    output = Wide()
    with monkeypatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        patch.setenv("TERM", "xterm")
        patch.setenv("NO_COLOR", "1")
        patch.setattr(sys, "stdout", output)
        terminal.print_table(columns, rows)
    return [line.replace("\x1b[1m", "").replace("\x1b[0m", "").rstrip() for line in output.getvalue().splitlines()]


COLUMNS = ["provider", "id", "status", "from / to", "summary"]
ROWS: list[list[object]] = [["zayo", "TTN-0044120087", "REPORTED", "2027-02-09 13:05 to open", "a long story " * 20]]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (
            90,
            [
                "provider  id              status    from / to                 summary",
                "zayo      TTN-0044120087  REPORTED  2027-02-09 13:05 to open  a long story a long story…",
            ],
        ),
        (
            64,
            [
                "provider  id              status    from / to       summary",
                "zayo      TTN-0044120087  REPORTED  2027-02-09      a long stor…",
                "                                    13:05 to open",
            ],
        ),
        (
            50,
            [
                "provider  id              status    from / to",
                "zayo      TTN-0044120087  REPORTED  2027-02-09",
                "                                    13:05 to open",
            ],
        ),
    ],
)
def test_a_table_is_pressed_between_its_words(monkeypatch, width, lines) -> None:
    assert seen_at(monkeypatch, width, COLUMNS, ROWS) == lines


def test_where_a_terminal_is_narrower_than_its_words_nothing_is_lost(monkeypatch) -> None:
    lines = seen_at(monkeypatch, 30, COLUMNS[:4], [row[:4] for row in ROWS])

    assert max(map(len, lines)) <= 30
    shown = "".join(character for line in lines for character in line if not character.isspace())
    assert sorted(shown) == sorted("".join(map(str, (*COLUMNS[:4], *ROWS[0][:4]))).replace(" ", ""))
