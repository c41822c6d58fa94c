"""The commands of an outage as a user types them: its whole life, and what is refused."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from ingestor.cli import main

MAILS = Path(__file__).parents[1] / "mail"

CONFIGURATION = """
[database]
url = "sqlite:///{directory}/maintd.db"

[log]
level = "error"

[[provider]]
name = "harbourfibre"
senders = ["@harbourfibre.example"]
"""

Maintd = Callable[..., Any]
TICKET = "HF-2027-00418"

# No outage is told of that began more than a year ago.
DAY = f"{datetime.now(UTC) - timedelta(days=30):%Y-%m-%d}"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "config.toml").write_text(CONFIGURATION.format(directory=tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MAINTD_CONFIG", raising=False)
    monkeypatch.setenv("LOGNAME", "alice")
    assert main(["db", "upgrade"]) == 0
    return tmp_path


@pytest.fixture
def maintd(directory: Path, capsys: pytest.CaptureFixture[str]) -> Maintd:
    """Run a command with ``--json`` and return what it printed; of one that fails the lines of its errors."""

    def run(*words: str, status: int = 0) -> Any:
        capsys.readouterr()
        found = main([*words, "--json"])
        output = capsys.readouterr()
        assert found == status, output
        return json.loads(output.out) if status == 0 else output.err.splitlines()

    return run


@pytest.fixture
def plain(directory: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Run a command as in a pipe, and return its lines."""

    def run(*words: str) -> list[str]:
        capsys.readouterr()
        assert main([*words]) == 0
        return capsys.readouterr().out.splitlines()

    return run


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def mail_of(ticket: str, at: datetime, *facts: str) -> str:
    lines = (
        "From: Harbour Fibre NOC <noc@harbourfibre.example>",
        "To: noc@example.net",
        f"Subject: Outage {ticket}: loss of service in Dublin",
        f"Date: {format_datetime(at)}",
        f"Message-ID: <{ticket}-{at.timestamp():.0f}@harbourfibre.example>",
        "",
        f"Ticket Number: {ticket}",
        *facts,
    )
    return "\n".join(lines) + "\n"


def moves(event: dict[str, Any]) -> list[str]:
    return [entry["move"] for entry in event["history"]]


def test_an_outage_from_the_first_alarm_to_the_figures(maintd, plain, directory) -> None:
    # Opened before there is a ticket.
    opened = maintd("outage", "open", "--provider", "HarbourFibre", "--circuit", "HF-DUB-0042", "--etr", "+2h")
    start = instant(opened["start"])
    assert (opened["id"], opened["status"], opened["phase"]) == ("local-1", "REPORTED", "active")
    assert start.second == 0
    assert instant(opened["etr"]) == start + timedelta(hours=2)
    assert opened["circuits"] == [{"circuit_id": "HF-DUB-0042", "impact": "OUTAGE", "withdrawn": False}]

    # The carrier's mail makes an event of its own, which is offered and not merged.
    facts = ("Status: Investigating", f"Start of event: {start:%Y-%m-%d %H:%M} UTC", "Service ID: HF-DUB-0042")
    (directory / "mail.eml").write_text(mail_of(TICKET, datetime.now(UTC), *facts))
    assert maintd("import", "mail.eml")["dispositions"]["applied"] == 1
    assert {one["id"] for one in maintd("events", "--active")} == {"local-1", TICKET}
    assert maintd("show", "local-1")["offered"] == [["outage", "harbourfibre", TICKET]]
    assert f"maybe the same\tmaintd outage adopt local-1 {TICKET} --provider harbourfibre" in plain("show", "local-1")
    assert f"maybe the same\tmaintd outage adopt local-1 {TICKET} --provider harbourfibre" in plain("show", TICKET)

    # Joined by a person.
    adopted = maintd("outage", "adopt", "local-1", TICKET.lower(), "--note", "the same circuit")
    assert (adopted["id"], adopted["references"], adopted["offered"]) == (TICKET, ["local-1"], [])
    assert adopted["etr"] == opened["etr"]
    assert [one["id"] for one in maintd("events")] == [TICKET]
    assert maintd("show", "local-1") == maintd("show", TICKET)
    assert maintd("outage", "adopt", "local-1", "HF-1", status=1) == [
        f"maintd: outage local-1 of harbourfibre was adopted: it is {TICKET} now"
    ]

    # Two estimates, one of them withdrawn, and the way back.
    maintd("outage", "update", TICKET, "--status", "identified", "--etr", "+4h30m", "--cause", "a cable is cut")
    maintd("outage", "update", "local-1", "--etr", "+3h30m", "--circuit", "HF-DUB-0043", "--impact", "degraded")
    told = maintd(
        "outage", "update", TICKET, "--no-etr", "--note", "they do not know", "--withdraw-circuit", "hf-dub-0043"
    )
    assert told["etr"] is None
    assert [(one["move"], one["words"]) for one in told["etr_revisions"]] == [
        ("set", "+2h"),
        ("extended", "+4h30m"),
        ("shortened", "+3h30m"),
        ("withdrawn", "--no-etr"),
    ]
    # A minute may pass between two commands.
    assert [round((one["slip_seconds"] or 0) / 3600) for one in told["etr_revisions"][1:3]] == [2, -1]
    assert [(one["circuit_id"], one["impact"], one["withdrawn"]) for one in told["circuits"]] == [
        ("HF-DUB-0042", "OUTAGE", False),
        ("HF-DUB-0043", "DEGRADED", True),
    ]
    maintd("outage", "resolve", TICKET, "--end", "+0m")
    maintd("outage", "reopen", TICKET, "--note", "down again", "--etr", "+1h")
    resolved = maintd("outage", "resolve", TICKET, "--end", "+0m", "--summary", "Dublin was cut off")
    assert (resolved["status"], resolved["phase"], resolved["end_inferred"]) == ("RESOLVED", "past", False)
    assert resolved["summary"] == "Dublin was cut off"
    assert moves(resolved)[-3:] == ["closed", "reopened", "closed"]
    assert resolved["history"][-2]["changes"]["reason"] == [None, "down again"]

    # None of it is lost by reading the mails again.
    maintd("reparse", "--all", "--apply")
    assert maintd("show", TICKET) == resolved
    assert maintd("db", "check") == {"problems": []}

    (figures,) = maintd("stats", "--etr")
    assert (figures["provider"], figures["outages"], figures["resolved"]) == ("harbourfibre", 1, 1)
    assert figures["moved"] == 2
    assert round(figures["first_error_seconds"] / 3600) == 2
    (row,) = plain("stats", "--etr", "--provider", "HARBOURFIBRE")
    assert row.split("\t")[:3] == ["harbourfibre", "1", "1"]
    assert maintd("stats", "--etr", "--provider", "zayo") == []


def test_times_are_printed_back_in_full(plain) -> None:
    lines = plain("outage", "open", "--provider", "zayo", "--start", f"{DAY}T12:00Z", "--etr", "+2h", "--utc")

    assert lines[0].startswith("zayo local-1: REPORTED, 0 circuits, ETR ")
    assert lines[1] == f"start {DAY} 12:00 UTC"
    assert lines[-1] == "When zayo names its ticket: maintd outage adopt local-1 TICKET --provider zayo"


def test_a_ticket_that_is_known_is_given_at_once_and_opened_once(maintd) -> None:
    opened = maintd(
        *("outage", "open", "--provider", "zayo", "--ticket", "TTN-0044120087", "--status", "investigating"),
        *("--start", f"{DAY}T12:00+01:00", "--circuit", "/OQYX/204417/ /ZYO /=REDUCED-REDUNDANCY"),
        *("--circuit", "X=1", "--impact", "DEGRADED", "--cause", "a digger", "--note", "by phone"),
    )

    assert (opened["id"], opened["status"], opened["start"]) == (
        "TTN-0044120087",
        "INVESTIGATING",
        f"{DAY}T11:00:00Z",
    )
    assert (opened["original_timezone"], opened["cause"]) == ("+01:00", "a digger")
    assert [(one["circuit_id"], one["impact"]) for one in opened["circuits"]] == [
        ("/OQYX/204417/ /ZYO /", "REDUCED-REDUNDANCY"),
        ("X=1", "DEGRADED"),
    ]
    assert maintd("outage", "open", "--provider", "zayo", "--ticket", "ttn-0044120087", status=1) == [
        "maintd: there is an outage TTN-0044120087 of zayo already, it is INVESTIGATING: "
        "`maintd outage update` says what is known now"
    ]


def test_a_ticket_that_was_over_long_ago_is_opened_as_another_outage(maintd, plain) -> None:
    long_ago = f"{datetime.now(UTC) - timedelta(days=200):%Y-%m-%d}"
    times = ("--start", f"{long_ago}T12:00Z", "--end", f"{long_ago}T13:00Z")
    first = maintd("outage", "open", "--provider", "zayo", "--ticket", "T-1", "--status", "resolved", *times)

    again = maintd("outage", "open", "--provider", "zayo", "--ticket", "T-1", "--summary", "dark again")

    assert (first["generation"], again["generation"], again["status"]) == (1, 2, "REPORTED")
    assert plain("outage", "update", "T-1", "--status", "identified")[0].startswith("zayo T-1 (use 2): IDENTIFIED; ")
    assert [(one["generation"], one["status"]) for one in maintd("events")] == [(1, "RESOLVED"), (2, "IDENTIFIED")]
    assert maintd("db", "check") == {"problems": []}


@pytest.mark.parametrize(
    ("words", "problems"),
    [
        (("update", "--status", "reported"), ["status: REPORTED cannot follow IDENTIFIED: allowed are "]),
        (("update", "--status", "resolved"), ["status: RESOLVED needs an end"]),
        (("update", "--end", f"{DAY}T13:00Z"), ["end: an outage that is IDENTIFIED has none"]),
        (("resolve",), ["status: RESOLVED needs an end"]),
        (("resolve", "--end", f"{DAY}T11:00Z"), [f"end: {DAY}T11:00:00Z is before the start"]),
        (("resolve", "--end", "+3h"), ["end: "]),
        (("reopen", "--note", "why"), ["it is IDENTIFIED, and not RESOLVED"]),
        (("update", "--etr", f"{DAY}T11:00Z", "--cause", " "), ["etr: ", "cause: it is empty"]),
        (("update", "--withdraw-circuit", "Y"), ["circuit Y: it is not held, there are X"]),
        (("update",), ["nothing is asked"]),
    ],
)
def test_what_the_workflow_does_not_allow_is_refused_with_what_is(maintd, words, problems) -> None:
    start = ("--start", f"{DAY}T12:00Z", "--status", "identified", "--circuit", "X")
    before = maintd("outage", "open", "--provider", "zayo", "--ticket", "T-1", *start)

    refused = maintd("outage", words[0], "T-1", *words[1:], status=1)

    assert len(refused) == len(problems)
    assert all(line.startswith(f"maintd: {problem}") for line, problem in zip(refused, problems, strict=True))
    assert maintd("show", "T-1") == before


def test_from_resolved_only_reopening_leads_out(maintd) -> None:
    times = ("--start", f"{DAY}T12:00Z", "--end", f"{DAY}T13:00Z")
    maintd("outage", "open", "--provider", "zayo", "--ticket", "T-1", "--status", "resolved", *times)

    (refused,) = maintd("outage", "update", "T-1", "--status", "monitoring", status=1)

    assert "maintd outage reopen" in refused
    assert maintd("outage", "reopen", "T-1", "--note", "it is not", "--status", "monitoring")["status"] == "MONITORING"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("update", "T", "--etr", "5pm"), "'5pm' is no time: write 2026-11-23T04:00Z"),
        (("update", "T", "--etr", "14:05 IST"), "'IST' is no zone that is known: write "),
        (("resolve", "T", "--end", "in an hour"), "or +2h"),
        (("update", "T", "--status", "up"), "'up' is not one of"),
        (("update", "T", "--etr", "+1h", "--no-etr"), "not both"),
        (("update", "T", "--impact", "DEGRADED"), "--circuit"),
        (("update", "T", "--circuit", "X=DOWN"), "DOWN is no impact"),
        (("reopen", "T"), "--note"),
        (("open", "--circuit", "X"), "--provider"),
        (("open", "--provider", "zayo", "--start", "14:05 tomorrow"), "is no zone that is known"),
    ],
)
def test_what_cannot_be_understood_is_a_usage_error_of_one_line(maintd, words, problem) -> None:
    (line,) = maintd("outage", *words, status=2)

    assert problem in line


def test_a_provider_that_nobody_knows_is_asked_about(maintd) -> None:
    (refused,) = maintd("outage", "open", "--provider", "harborfibre", status=1)

    assert 'did you mean "harbourfibre"?' in refused
    assert maintd("events") == []


def test_a_provider_that_is_known_by_its_mails_alone_is_known(maintd, directory) -> None:
    configuration = CONFIGURATION.partition("[[provider]]")[0].format(directory=directory)
    (directory / "config.toml").write_text(configuration)
    maintd("import", str(MAILS / "bcop"))

    opened = maintd("outage", "open", "--provider", "HarbourFibre.example")

    assert opened["provider"] == "harbourfibre.example"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("local-9", "T-2"), "there is no event local-9"),
        (("local-1", " "), '" " is no ticket to which local-1 could be joined'),
        (("local-1", "LOCAL-1"), '"LOCAL-1" is no ticket to which local-1 could be joined'),
        ((TICKET, "T-2"), f"mails tell of {TICKET.lower()}: only an outage that a person opened can be joined"),
    ],
)
def test_only_what_a_person_opened_is_joined_to_another_ticket(maintd, directory, words, problem) -> None:
    maintd("outage", "open", "--provider", "harbourfibre")
    now = datetime.now(UTC)
    facts = ("Status: Investigating", f"Start of event: {now:%Y-%m-%d %H:%M} UTC", "Service ID: HF-DUB-0042")
    (directory / "mail.eml").write_text(mail_of(TICKET, now, *facts))
    maintd("import", "mail.eml")

    (refused,) = maintd("outage", "adopt", *words, status=1)

    assert problem in refused


def test_an_outage_is_joined_to_a_ticket_of_which_no_mail_has_come(maintd) -> None:
    maintd("outage", "open", "--provider", "zayo", "--summary", "no light")

    adopted = maintd("outage", "adopt", "local-1", "TTN-0044120087")

    assert (adopted["id"], adopted["summary"], adopted["references"]) == ("TTN-0044120087", "no light", ["local-1"])
    assert maintd("db", "check") == {"problems": []}


def test_each_kind_has_its_own_command(maintd) -> None:
    maintd("outage", "open", "--provider", "zayo", "--ticket", "T-1")
    maintd("import", str(MAILS / "zayo" / "cancelled.eml"))

    assert maintd("maintenance", "update", "T-1", "--status", "CANCELLED", "--reason", "x", status=1) == [
        "maintd: T-1 of zayo is an outage: `maintd outage update` corrects it"
    ]
    assert maintd("outage", "update", "TTN-0008834771", "--etr", "+1h", status=1) == [
        "maintd: TTN-0008834771 of zayo is a maintenance: `maintd maintenance update` corrects it"
    ]


def test_one_ticket_that_is_both_is_two_events_that_know_of_each_other(maintd, plain) -> None:
    maintd("import", str(MAILS / "zayo" / "cancelled.eml"))
    maintd("outage", "open", "--provider", "zayo", "--ticket", "TTN-0008834771")

    assert maintd("outage", "update", "TTN-0008834771", "--etr", "+1h")["linked"] == [
        ["maintenance", "zayo", "TTN-0008834771"]
    ]
    assert "linked\toutage zayo TTN-0008834771" in plain("show", "TTN-0008834771", "--kind", "maintenance")


def test_an_outage_is_acknowledged_until_something_material_changes_and_hidden_as_any_event_is(maintd) -> None:
    maintd("outage", "open", "--provider", "zayo", "--ticket", "T-1")

    acknowledged = maintd("ack", "T-1", "--ticket", "NOC-7")
    assert (acknowledged["acknowledged"], acknowledged["internal_ticket"]) == (True, "NOC-7")
    assert maintd("outage", "update", "T-1", "--cause", "a digger")["acknowledged"] is True
    assert maintd("outage", "update", "T-1", "--etr", "+1h")["acknowledged"] is False

    maintd("hide", "T-1", "--kind", "outage", "--reason", "not ours")
    assert maintd("events") == []
    maintd("hide", "T-1", "--undo", "--reason", "ours")
    assert [one["id"] for one in maintd("events", "--kind", "outage")] == ["T-1"]


def test_what_a_person_said_stays_when_the_mail_is_retracted(maintd, directory) -> None:
    now = datetime.now(UTC)
    facts = ("Status: Investigating", f"Start of event: {now:%Y-%m-%d %H:%M} UTC", "Service ID: HF-DUB-0042")
    (directory / "mail.eml").write_text(mail_of(TICKET, now, *facts))
    maintd("import", "mail.eml")
    maintd("outage", "open", "--provider", "harbourfibre", "--summary", "no light")
    told = maintd("outage", "adopt", "local-1", TICKET)
    (mail,) = told["messages"]

    maintd("retract", str(mail["id"]), "--reason", "a test")

    alone = maintd("show", TICKET)
    assert (alone["status"], alone["summary"], alone["circuits"]) == ("REPORTED", "no light", [])
    maintd("retract", str(mail["id"]), "--undo", "--reason", "it was none")
    assert maintd("show", TICKET) == told


def test_an_open_outage_is_listed_with_its_estimate_beside_maintenances(maintd, plain) -> None:
    maintd("import", str(MAILS / "zayo" / "three_nights.eml"))
    times = ("--start", f"{DAY}T12:00Z", "--etr", f"{DAY}T18:00Z")
    maintd("outage", "open", "--provider", "zayo", "--ticket", "T-1", *times)
    maintd("outage", "open", "--provider", "zayo", "--ticket", "T-2", "--start", f"{DAY}T12:30Z")

    rows = [line.split("\t") for line in plain("events", "--utc")]

    assert {row[1]: row[4] for row in rows} == {
        "T-1": f"{DAY} 12:00 to open, ETR 18:00 UTC",
        "T-2": f"{DAY} 12:30 UTC to open",
        "TTN-0008811204": "2027-02-09 05:00 to 2027-02-11 11:00 UTC (3 windows)",
    }
    assert {len(row) for row in rows} == {8}
    assert maintd("show", "T-1")["etr_missed"] is True
    assert f"ETR\t{DAY} 18:00 UTC, missed" in plain("show", "T-1", "--utc")


def test_an_outage_of_which_nobody_has_told_for_a_week_is_still_listed_as_going_on(maintd, directory) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=8)
    facts = ("Status: Investigating", f"Start of event: {long_ago:%Y-%m-%d %H:%M} UTC", "Service ID: HF-DUB-0042")
    (directory / "mail.eml").write_text(mail_of(TICKET, long_ago, *facts))
    maintd("import", "mail.eml")

    assert [one["phase"] for one in maintd("events", "--active")] == ["stale"]
    assert maintd("outage", "update", TICKET, "--note", "they still look")["phase"] == "active"
