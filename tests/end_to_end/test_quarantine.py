"""The quarantine as a person works in it: on mails of every kind that waits, with the workers that read them."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.message import Disposition, Reading, Reason
from ingestor import quarantine, quarantine_reports
from ingestor.cli import main
from ingestor.cli_quarantine import quarantine as commands
from storage import database, messages, queries

ROOT = Path(__file__).parents[2]
MAILS = ROOT / "tests" / "mail"

Maintd = Callable[..., Any]

# Whatever a terminal obeys, and what turns or hides text.
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")

VEVENT = """BEGIN:VEVENT
SUMMARY:Splicing
DTSTART:{start}
DTEND:{end}
DTSTAMP:20270105T180000Z
UID:{name}@carrier.example
SEQUENCE:1
X-MAINTNOTE-PROVIDER:{provider}
X-MAINTNOTE-ACCOUNT:Ridgeline
X-MAINTNOTE-MAINTENANCE-ID:{name}
X-MAINTNOTE-OBJECT-ID;X-MAINTNOTE-OBJECT-IMPACT=OUTAGE:RHL-{name}
X-MAINTNOTE-STATUS:CONFIRMED
END:VEVENT
"""


def mail(sender: str, subject: str, name: str, body: str, content_type: str = "text/plain") -> bytes:
    return (
        f"From: {sender}\nTo: noc@example.net\nSubject: {subject}\nDate: Tue, 05 Jan 2027 18:00:00 +0000\n"
        f"Message-ID: <{name}@carrier.example>\nMIME-Version: 1.0\nContent-Type: {content_type}; charset=utf-8\n\n"
        f"{body}"
    ).encode()


def vevent(name: str, provider: str, start: str = "20270119T070000Z", end: str = "20270119T110000Z") -> str:
    return VEVENT.format(name=name, provider=provider, start=start, end=end)


def calendar(sender: str, name: str, *events: str) -> bytes:
    body = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//carrier//EN\n{''.join(events)}END:VCALENDAR\n"
    return mail(sender, f"Planned work {name}", name, body, "text/calendar")


def resold(number: str, sender: str) -> bytes:
    notice = (MAILS / "zayo" / "cancelled.eml").read_bytes()
    number = number.encode()
    return notice.replace(b"mr@zayo.com", sender.encode()).replace(b"TTN-0008834771", b"TTN-" + number)


# Longer than any work is: more than 180 days.
ENDLESS = {"start": "20270119T070000Z", "end": "20271119T110000Z"}

WAITING = {
    "new_1": mail("Ops <ops@unknown.example>", "Work on line L-4711, 3 February 2027", "new1", "hello"),
    "new_2": mail("Ops <ops@unknown.example>", "[EXTERNAL] Work on line L-4712, 28 May 2027", "new2", "hello"),
    "new_3": mail("Desk <desk@unknown.example>", "FW: Re: work on line 99, 1 Jan 2027", "new3", "hello"),
    "unparsed": mail("INOC <inoc@tisparkle.com>", "How did we do?", "unparsed", "Tell us."),
    "invalid": calendar("support@packetfabric.com", "PF-INVALID", vevent("PF-INVALID", "packetfabric", **ENDLESS)),
    "partial": calendar(
        "support@packetfabric.com",
        "PF-PARTIAL",
        vevent("PF-GOOD", "packetfabric"),
        vevent("PF-BAD", "packetfabric", **ENDLESS),
    ),
    "ambiguous": calendar("noc@shared.example", "SH-1", vevent("SH-1", "some carrier")),
    "untrusted": calendar("support@packetfabric.com", "TTN-7", vevent("TTN-7", "zayo")),
    "two_senders": calendar("a@packetfabric.com, b@packetfabric.com", "PF-TWO", vevent("PF-TWO", "packetfabric")),
    "resold_1": resold("0008834001", "notices@reseller.example"),
    "resold_2": resold("0008834002", "alerts@reseller.example"),
}

CONFIG = """[database]
url = "sqlite:///{database}"
[log]
level = "error"
[[provider]]
name = "alpha"
senders = ["@shared.example"]
[[provider]]
name = "beta"
senders = ["@shared.example"]
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which each of these mails has been read once."""
    directory = tmp_path_factory.mktemp("quarantine")
    for name, raw in WAITING.items():
        (directory / f"{name}.eml").write_bytes(raw)
    config = directory / "config.toml"
    config.write_text(CONFIG.format(database=directory / "maintd.db"))
    assert main(["import", *(str(directory / f"{name}.eml") for name in WAITING), "--config", str(config)]) == 0
    assert main(["db", "backup", str(directory / "copy.db"), "--config", str(config)]) == 0
    return directory / "copy.db"


@pytest.fixture
def config(template: Path, tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(database=shutil.copy(template, tmp_path / "maintd.db")))
    return path


@pytest.fixture
def maintd(config: Path, capsys: pytest.CaptureFixture[str]) -> Maintd:
    """Run a command with ``--json`` and return what it printed, or its errors where it printed nothing."""

    def run(*words: object, status: int = 0) -> Any:
        capsys.readouterr()
        found = main([*map(str, words), "--config", str(config), "--json"])
        output = capsys.readouterr()
        assert found == status, output
        return json.loads(output.out) if output.out else output.err

    return run


@pytest.fixture
def said(config: Path, capsys: pytest.CaptureFixture[str]) -> Maintd:
    """Run a command as in a pipe; return what it printed, and its errors."""

    def run(*words: object, status: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        found = main([*map(str, words), "--config", str(config)])
        output = capsys.readouterr()
        assert found == status, output
        return output.out, output.err

    return run


@pytest.fixture
def number(maintd: Maintd) -> Callable[[str], int]:
    """Return the number of one of the mails, by its name above."""
    numbers = {Path(one["folder"]).stem: one["id"] for one in maintd("messages")}
    return lambda name: numbers[name]


@pytest.fixture
def became(maintd: Maintd) -> Callable[[int], str]:
    """Return what became of a message: its reason in quarantine, else its disposition."""

    def of(message: int) -> str:
        found = maintd("quarantine", "show", message)
        return found["reason"] or found["disposition"]

    return of


def ids(maintd: Maintd) -> set[str]:
    return {event["id"] for event in maintd("events")}


# --- look ---


def test_each_mail_waits_for_its_reason(maintd, number) -> None:
    reasons = {one["id"]: one["reason"] for one in maintd("quarantine", "list")}

    assert {name: reasons[number(name)] for name in WAITING} == {
        "new_1": "unknown_provider",
        "new_2": "unknown_provider",
        "new_3": "unknown_provider",
        "unparsed": "unparsed",
        "invalid": "invalid",
        "partial": "partial",
        "ambiguous": "ambiguous",
        "untrusted": "untrusted",
        "two_senders": "untrusted",
        "resold_1": "unknown_provider",
        "resold_2": "unknown_provider",
    }


def test_mails_that_are_alike_are_one_line(maintd, said, number) -> None:
    groups = maintd("quarantine", "list", "--groups")
    new = next(group for group in groups if group["mails"] == 3)

    assert [group["mails"] for group in groups].count(1) == 6
    assert new["subject"].lower() == "work on line #"
    assert new["from"] == "@unknown.example"
    assert new["commands"][0] == f"maintd quarantine assign --group {new['group']} PROVIDER"
    lines = said("quarantine", "list")[0].splitlines()
    assert len(lines) == len(groups)
    assert [line.split("\t")[:2] for line in lines] == [[group["group"], str(group["mails"])] for group in groups]
    (by_name,) = maintd("quarantine", "list", "--groups", "--group", new["group"])
    assert by_name == new
    assert {one["id"] for one in maintd("quarantine", "list", "--group", new["group"])} == {
        number(name) for name in ("new_1", "new_2", "new_3")
    }
    assert len(said("quarantine", "list", "--each")[0].splitlines()) == len(WAITING)


def test_a_group_keeps_its_name_when_others_come_and_go(maintd, number) -> None:
    before = {one["id"]: one["group"] for one in maintd("quarantine", "list")}

    maintd("quarantine", "ignore", number("new_2"))

    after = {one["id"]: one["group"] for one in maintd("quarantine", "list")}
    assert after == {message: group for message, group in before.items() if message != number("new_2")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("TTN-0001 planned", "ttn-99 Planned"),
        ("Planned work 3 February 2027 10:00 PM", "Planned work Tue 28 May 2027 09:30 am"),
        ("Re: FW: [EXTERNAL] Work #12: done", "Work #9: done"),
        ("AW: WG: *EXT* Work 1", "work 2"),
        ("Circuits A-1, B-2 and C-3", "Circuits A-1 and C-9"),
        ("Case (12) [ID:4]", "Case (9)  [ID:77]"),
    ],
)
def test_what_varies_in_a_subject_makes_no_other_shape(one, other) -> None:
    assert quarantine.shape_of(one).casefold() == quarantine.shape_of(other).casefold()


@pytest.mark.parametrize(
    ("one", "other"),
    [("Work 1 planned", "Work 1 cancelled"), ("Market report", "April report"), ("external work", "work"), ("1", "")],
)
def test_other_words_make_another_shape(one, other) -> None:
    assert quarantine.shape_of(one).casefold() != quarantine.shape_of(other).casefold()


def test_a_reason_a_provider_and_a_sender_each_make_another_group() -> None:
    row = {"reason": "unparsed", "disposition": "quarantined", "provider": "zayo", "sender": "a@b.example"}
    rows = [
        {**row, "subject": "work 1"},
        {**row, "subject": "work 2", "sender": "c@d.example"},
        {**row, "subject": "work 3", "reason": "invalid"},
        {**row, "subject": "work 4", "provider": "gtt"},
        {**row, "subject": "work 5", "provider": None},
        {**row, "subject": "work 6", "provider": None, "sender": "a@c.example"},
        {**row, "subject": "work 7", "provider": None, "sender": None},
    ]
    names = [quarantine.group_of(one) for one in rows]

    assert names[0] == names[1]
    assert len(set(names)) == 6
    assert all(re.fullmatch("[0-9a-f]{6}", name) for name in names)


def test_the_list_is_chosen_by_every_option(maintd, number) -> None:
    def listed(*words: str) -> set[int]:
        return {one["id"] for one in maintd("quarantine", "list", *words)}

    assert listed("--reason", "unparsed") == {number("unparsed")}
    assert listed("--provider", "sparkle") == {number("unparsed")}
    assert listed("--sender", "desk@unknown.example") == {number("new_3")}
    assert listed("--sender", "@reseller.example") == {number("resold_1"), number("resold_2")}
    assert listed("--since", "2030-01-01") == set()
    assert listed("--sender", "@unknown.example", "--reason", "unparsed") == set()


def test_the_list_in_json_has_the_shape_of_the_ledger_and_more(maintd) -> None:
    ledger = maintd("messages")[0]
    listed = maintd("quarantine", "list")[0]

    assert list(listed) == [*ledger, "detail", "group"]


def test_five_thousand_mails_that_are_alike_are_one_line(tmp_path, capsys) -> None:
    config = tmp_path / "config.toml"
    url = f"sqlite:///{tmp_path / 'maintd.db'}"
    config.write_text(f'[database]\nurl = "{url}"\n[log]\nlevel = "error"\n')
    database.upgrade(url)
    many = tmp_path / "many"
    many.write_bytes(
        b"".join(
            b"From x Tue Jan  5 18:00:00 2027\n" + mail("a@b.example", f"Work {n}", str(n), "hello") + b"\n\n"
            for n in range(5000)
        )
    )
    unread = Reading(
        provider="zayo",
        reader=None,
        reader_version="",
        updates=(),
        disposition=Disposition.QUARANTINED,
        reason=Reason.UNPARSED,
    )
    store = database.open_store(url)
    try:
        with many.open("rb") as stdin:
            quarantine_import(store, many, stdin)
        with store.writing() as connection:
            for one in queries.outlines(connection):
                messages.settle(connection, one["id"], unread, now=quarantine.pipeline.utc_now())
    finally:
        store.close()

    assert main(["quarantine", "list", "--groups", "--json", "--config", str(config)]) == 0
    (group,) = json.loads(capsys.readouterr().out)
    assert (group["mails"], group["subject"], group["from"]) == (5000, "Work #", "a@b.example")
    assert main(["quarantine", "ignore", "--group", group["group"], "--json", "--config", str(config)]) == 0
    assert len(json.loads(capsys.readouterr().out)["ignored"]) == 5000


def quarantine_import(store: database.Store, path: Path, stdin: Any) -> None:
    from ingestor import curation

    assert curation.import_paths(store, [str(path)], stdin, skipped=print, read=lambda: None).read == 5000


def test_show_tells_why_what_each_reader_made_of_it_and_what_to_do(said, maintd, number) -> None:
    text, _ = said("quarantine", "show", number("ambiguous"), "--utc")

    assert "reason\tambiguous" in text
    assert "From\tnoc@shared.example" in text
    assert "bcop\talpha\tfound 1" in text
    assert "bcop\tbeta\tfound 1" in text
    assert f"maintd quarantine accept {number('ambiguous')} --as PROVIDER --because WHY" in text
    assert "X-MAINTNOTE-MAINTENANCE-ID:SH-1" in text
    shown = maintd("quarantine", "show", number("ambiguous"))
    assert ["Subject", "Planned work SH-1"] in shown["headers"]
    assert {trial["provider"] for trial in shown["trials"]} == {"alpha", "beta"}
    assert shown["source"] == WAITING["ambiguous"].decode()


def test_show_of_a_group_is_its_newest_mail(maintd) -> None:
    (group, *_) = maintd("quarantine", "list", "--groups", "--sender", "@unknown.example")

    assert maintd("quarantine", "show", "--group", group["group"])["id"] == group["message"]


def test_every_command_that_is_shown_is_one(maintd, number) -> None:
    for name in WAITING:
        for command in maintd("quarantine", "show", number(name))["commands"]:
            words = command.replace("PROVIDER", "zayo").replace("FORM", "zayo").split()[1:]
            if "export" not in words:
                maintd(*words, "--dry-run")


def test_html_is_shown_as_the_text_that_it_shows(said, maintd, tmp_path) -> None:
    page = (
        "<html><head><style>p{color:red}</style><script>evil()</script></head><body><p>Seen&#27;[2J</p></body></html>"
    )
    (tmp_path / "page.eml").write_bytes(mail("a@pages.example", "page", "page", page, "text/html"))
    maintd("import", tmp_path / "page.eml")
    message = maintd("quarantine", "list", "--sender", "a@pages.example")[0]["id"]

    text, _ = said("quarantine", "show", message)

    assert "Seen[2J" in text
    assert not re.search("<|evil|color", text.partition("---")[2])


def test_no_mail_writes_on_a_terminal(said, maintd, tmp_path) -> None:
    nasty = "a\x1b]0;owned\x07b\x9b31mc\u202ed\x00e\x7ff\u2066g"
    encoded = "=?utf-8?q?" + "".join(f"={byte:02X}" for byte in nasty.encode()) + "?="
    names = ("X-Other", "Authentication-Results", "List-Id", "To", "Cc")
    head = "".join(f"{name}: {nasty} {encoded}\n" for name in names)
    parts = "".join(
        f'--b\nContent-Type: {kind}; charset=utf-8; name="{nasty}"\n'
        f'Content-Disposition: attachment; filename="{nasty}.csv"\n\n{content}\n'
        for kind, content in (
            ("text/plain", nasty),
            ("text/html", f"<p>{nasty}&#27;[1m&#x202e;</p>"),
            ("text/calendar", f"BEGIN:VCALENDAR\nSUMMARY:{nasty}\nEND:VCALENDAR"),
            ("text/csv", nasty),
            ("message/rfc822", f"From: {nasty}@x.example\nSubject: {encoded}\n\n{nasty}"),
        )
    )
    raw = (
        f"From: {encoded} <x@nobody.example>\nSubject: {encoded}\nDate: {nasty}\nMessage-ID: <{nasty}@nobody.example>\n"
        f'{head}MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n{parts}--b--\n'
    ).encode()
    (tmp_path / "nasty.eml").write_bytes(raw)
    (tmp_path / "broken.eml").write_bytes(b"Subject: " + nasty.encode() + b"\n" + b"X-Y: \x1b\x9b\n" * 60_000 + b"\n")
    maintd("import", tmp_path / "nasty.eml", tmp_path / "broken.eml")
    for message in (one["id"] for one in maintd("messages")[:2]):
        for words in (
            ("quarantine", "list"),
            ("quarantine", "list", "--each"),
            ("quarantine", "show", message),
            ("quarantine", "show", message, "--source"),
            ("quarantine", "show", message, "--json"),
            ("quarantine", "list", "--json"),
            ("quarantine", "list", "--groups", "--json"),
            ("quarantine", "retry", message, "--dry-run"),
            ("quarantine", "retry", message),
            ("messages",),
            ("messages", "--json"),
        ):
            assert not CONTROLS.search("".join(said(*words))), words


def test_the_source_is_shown_with_what_steers_a_terminal_written_out(said, maintd, tmp_path) -> None:
    (tmp_path / "escape.eml").write_bytes(mail("a@escape.example", "escape", "escape", "a\x1b[2Jb\u202ec") + b"\xff")
    maintd("import", tmp_path / "escape.eml")
    message = maintd("quarantine", "list", "--sender", "a@escape.example")[0]["id"]

    text, _ = said("quarantine", "show", message, "--source")

    assert "a\\x1b[2Jb\\u202ec\\xff" in text


def test_a_mail_is_exported_as_it_came_under_a_name_of_ours(maintd, said, number, tmp_path, config) -> None:
    for _ in range(2):
        files = maintd("quarantine", "export", "--sender", "@unknown.example", "--to", tmp_path / "new" / "folder")

    digests = [hashlib.sha256(WAITING[name]).hexdigest()[:16] for name in ("new_1", "new_2", "new_3")]
    assert {Path(file).name for file in files["files"]} == {
        f"{number(name)}-{digest}.eml" for name, digest in zip(("new_1", "new_2", "new_3"), digests, strict=True)
    }
    assert {Path(file).read_bytes() for file in files["files"]} == {WAITING[f"new_{n}"] for n in (1, 2, 3)}
    assert Path(files["files"][0]).stat().st_mode & 0o077 == 0
    assert "--to" in said("quarantine", "export", number("new_1"), number("new_2"), status=2)[1]
    assert "no message 999" in said("quarantine", "export", 999, "--to", tmp_path, status=1)[1]
    assert "cannot be written" in said("quarantine", "export", number("new_1"), "--to", config / "x", status=1)[1]


def test_one_mail_is_exported_to_standard_output(config, capfdbinary, template) -> None:
    assert main(["quarantine", "export", "1", "--config", str(config)]) == 0

    assert capfdbinary.readouterr().out in WAITING.values()


# --- whose it is ---


def test_an_assigned_sender_is_that_provider_until_it_is_taken_back(maintd, said, number, became) -> None:
    assert maintd("quarantine", "assign", number("resold_1"), "Zayo")["dispositions"]["applied"] == 1

    assert "TTN-0008834001" in ids(maintd)
    assert became(number("resold_2")) == "unknown_provider"
    (held,) = maintd("quarantine", "assignments")
    assert (held["sender"], held["provider"]) == ("notices@reseller.example", "zayo")
    assert said("quarantine", "assignments")[0].startswith("notices@reseller.example\tzayo\t")
    maintd("quarantine", "assign", "--undo", "Notices@reseller.example")
    assert maintd("quarantine", "assignments") == []
    assert "TTN-0008834001" in ids(maintd)
    assert "assigned to nobody" in said("quarantine", "assign", "--undo", "notices@reseller.example", status=1)[1]


def test_a_sender_can_be_assigned_before_it_writes(maintd, became, tmp_path) -> None:
    maintd("quarantine", "assign", "--sender", "NEW@reseller.example", "zayo")
    (tmp_path / "later.eml").write_bytes(resold("0008834003", "new@reseller.example"))

    assert maintd("import", tmp_path / "later.eml")["dispositions"]["applied"] == 1


def test_the_senders_of_a_group_are_assigned_together(maintd) -> None:
    (group,) = maintd("quarantine", "list", "--groups", "--sender", "@reseller.example")
    assert group["mails"] == 2

    dry = maintd("quarantine", "assign", "--group", group["group"], "zayo", "--dry-run")
    assert len(dry["messages"]) == 2
    assert maintd("quarantine", "assignments") == []
    result = maintd("quarantine", "assign", "--group", group["group"], "zayo")

    assert result["dispositions"]["applied"] == 2
    assert {one["sender"] for one in maintd("quarantine", "assignments")} == {
        "alerts@reseller.example",
        "notices@reseller.example",
    }


@pytest.mark.parametrize(
    ("words", "status", "problem"),
    [
        (("1", "zayoo"), 1, 'did you mean "zayo"?'),
        (("zayo",), 2, "say whose sender"),
        ((), 2, "say which provider"),
        (("999", "zayo"), 1, "no message 999"),
        (("x", "zayo"), 2, "not a valid integer"),
        (("1", "zayo", "--sender", "a@b.example"), 2, "say whose sender"),
        (("zayo", "--sender", "@b.example"), 2, "is not an address"),
        (("zayo", "--group", "abcdef"), 1, 'no group "abcdef"'),
        (("zayo", "--undo", "a@b.example"), 2, "takes nothing else"),
    ],
)
def test_an_assignment_that_makes_no_sense_is_refused_in_words(said, maintd, words, status, problem) -> None:
    assert problem in said("quarantine", "assign", *words, status=status)[1]
    assert maintd("quarantine", "assignments") == []


def test_a_mail_without_one_sender_has_nobody_to_assign(said, number) -> None:
    assert "has not one sender" in said("quarantine", "assign", number("two_senders"), "zayo", status=1)[1]


# --- release and accept ---


def after_reading_again(maintd: Maintd, message: int) -> None:
    """Let everything be read again in each way that there is."""
    maintd("reparse", "--all", "--apply")
    assert maintd("db", "check") == {"problems": []}
    assert maintd("quarantine", "show", message)["disposition"] == "applied"


def test_a_released_mail_counts_and_still_does_when_it_is_read_again(maintd, said, number, became) -> None:
    assert "TTN-7" not in ids(maintd)

    result = maintd("quarantine", "release", number("untrusted"), "--because", "they  called")

    assert result["dispositions"]["applied"] == 1
    assert maintd("show", "TTN-7")["provider"] == "zayo"
    after_reading_again(maintd, number("untrusted"))
    assert "TTN-7" in ids(maintd)
    decision = maintd("quarantine", "show", number("untrusted"))["decision"]
    assert (decision["released"], decision["accepted"], decision["reason"]) == (True, False, "they  called")
    assert "released by" in said("quarantine", "show", number("untrusted"))[0]


def test_a_mail_of_two_senders_is_released_as_the_mail_of_one_provider(maintd, said, number, became) -> None:
    message = number("two_senders")
    out, err = said("quarantine", "release", message, "--because", "it is theirs")
    assert out.startswith("1 read again: 1 quarantined")
    assert f"message {message}: untrusted" in err

    maintd("quarantine", "release", message, "--as", "packetfabric", "--because", "it is theirs")

    assert maintd("show", "PF-TWO")["provider"] == "packetfabric"
    after_reading_again(maintd, message)


def test_an_accepted_mail_is_applied_as_it_was_read(maintd, number) -> None:
    for name, event in (("invalid", "PF-INVALID"), ("partial", "PF-BAD"), ("ambiguous", "SH-1")):
        assert event not in ids(maintd)
        maintd("quarantine", "accept", number(name), "--because", "it is right")
        assert event in ids(maintd)
        after_reading_again(maintd, number(name))


def test_an_ambiguous_mail_is_accepted_as_that_of_one_provider(maintd, number) -> None:
    maintd("quarantine", "accept", number("ambiguous"), "--as", "beta", "--because", "the subject says so")

    assert maintd("show", "SH-1")["provider"] == "beta"
    decision = maintd("quarantine", "show", number("ambiguous"))["decision"]
    # What a name settles is judged like any other mail.
    assert (decision["provider"], decision["accepted"]) == ("beta", False)
    after_reading_again(maintd, number("ambiguous"))


def test_one_mail_of_an_unknown_sender_is_accepted_without_assigning_the_sender(maintd, number, became) -> None:
    maintd("quarantine", "accept", number("resold_1"), "--as", "zayo", "--because", "a colleague sent it on")

    assert maintd("show", "TTN-0008834001")["provider"] == "zayo"
    assert became(number("resold_2")) == "unknown_provider"
    assert maintd("quarantine", "assignments") == []
    after_reading_again(maintd, number("resold_1"))


SHORT = mail("Zayo <noc@zayo.com>", "Outage TTN-0008834009", "short", "Ticket: TTN-0008834009\nStatus: Resolved")


def test_a_mail_that_nobody_reads_although_it_is_accepted_is_told_with_a_cure(maintd, said, tmp_path) -> None:
    (tmp_path / "short.eml").write_bytes(SHORT)
    maintd("import", tmp_path / "short.eml")
    (message,) = (one["id"] for one in maintd("quarantine", "list") if one["subject"].startswith("Outage"))

    output, errors = said("quarantine", "accept", message, "--as", "zayo", "--because", "it is news", status=1)

    cure = f"maintd quarantine accept {message} --reader general --because WHY"
    assert "1 read again: 1 quarantined" in output
    assert "it says too little" in errors
    assert f"nothing could be applied of 1: {cure}" in errors
    said("quarantine", "accept", message, "--reader", "general", "--because", "it is news")
    assert maintd("show", "TTN-0008834009")["status"] == "RESOLVED"
    again = said("quarantine", "accept", message, "--reader", "general", "--because", "x", status=1)[1]
    assert "not in quarantine but applied" in again


def test_what_was_decided_can_be_forgotten(maintd, said, number, became) -> None:
    message = number("unparsed")
    maintd("quarantine", "accept", message, "--reader", "circuit-maintenance-parser/gtt", "--because", "a try")
    shown = maintd("quarantine", "show", message)
    assert (shown["decision"]["reader"], {trial["reader"] for trial in shown["trials"]}) == ("gtt", {"gtt"})

    maintd("quarantine", "retry", "--forget", message)

    shown = maintd("quarantine", "show", message)
    assert (shown["decision"], {trial["reader"] for trial in shown["trials"]}) == (None, {"sparkle"})
    assert became(message) == "unparsed"


def test_what_was_let_in_by_mistake_is_taken_back(maintd, said, number, became) -> None:
    message = number("untrusted")
    maintd("quarantine", "release", message, "--because", "they called")
    assert "TTN-7" in ids(maintd)
    assert "not in quarantine but applied" in said("quarantine", "retry", message, status=1)[1]
    shown = maintd("quarantine", "show", message)
    assert (shown["group"], shown["commands"]) == (None, [f"maintd quarantine retry --forget {message}"])

    maintd("quarantine", "retry", "--forget", message)

    assert became(message) == "untrusted"
    assert "TTN-7" not in ids(maintd)
    assert maintd("db", "check") == {"problems": []}


def test_a_later_decision_keeps_what_was_decided_before(maintd, tmp_path) -> None:
    mail = calendar("support@packetfabric.com", "TTN-8", vevent("TTN-8", "zayo", **ENDLESS))
    (tmp_path / "both.eml").write_bytes(mail)
    maintd("import", tmp_path / "both.eml")
    (message,) = (one["id"] for one in maintd("quarantine", "list") if one["subject"].endswith("TTN-8"))

    maintd("quarantine", "release", message, "--because", "it is theirs")
    assert maintd("quarantine", "show", message)["reason"] == "invalid"
    maintd("quarantine", "accept", message, "--because", "it is right")

    decision = maintd("quarantine", "show", message)["decision"]
    assert (decision["released"], decision["accepted"]) == (True, True)
    assert maintd("show", "TTN-8")["provider"] == "zayo"


@pytest.mark.parametrize(
    ("command", "name", "problem"),
    [
        ("release", "unparsed", "is unparsed: release is for untrusted"),
        ("release", "invalid", "is invalid: release is for untrusted"),
        ("accept", "untrusted", "is untrusted: accept is for ambiguous, invalid, partial, proposal"),
        ("accept", "unparsed", "is unparsed: accept is for"),
    ],
)
def test_a_mail_in_another_state_is_refused_and_the_others_go_on(
    maintd, said, number, became, command, name, problem
) -> None:
    good = {"release": "untrusted", "accept": "invalid"}[command]
    before = became(number(name))

    out, err = said("quarantine", command, number(name), 999, number(good), "--because", "yes", status=1)

    assert f"message {number(name)} {problem}" in err
    assert "there is no message 999" in err
    assert out.startswith("1 read again: 1 applied")
    assert became(number(name)) == before
    assert became(number(good)) == "applied"


def test_a_filter_passes_over_what_does_not_fit(maintd, said, became, number, monkeypatch) -> None:
    monkeypatch.setattr(quarantine, "BATCH", 2)

    result = maintd("quarantine", "accept", "--all", "--because", "all are right")

    assert result["dispositions"]["applied"] == 3
    assert became(number("untrusted")) == "untrusted"
    assert (
        "nothing to accept among 1 unparsed"
        in said("quarantine", "accept", "--provider", "sparkle", "--because", "x", status=1)[1]
    )


@pytest.mark.parametrize(
    ("words", "status", "problem"),
    [
        (("release", "--because", "x"), 2, "say which"),
        (("accept", "1", "--all", "--because", "x"), 2, "not both"),
        (("accept", "--all", "--as", "packetfabrik", "--because", "x"), 1, 'did you mean "packetfabric"?'),
        (("accept", "--all", "--reader", "zajo", "--because", "x"), 1, 'did you mean "zayo"?'),
        (("retry",), 2, "say which"),
        (("ignore",), 2, "say which"),
        (("ignore", "--group", "abcdef"), 1, 'no group "abcdef"'),
        (("show",), 2, "name a message"),
        (("list", "--each", "--groups"), 2, "exclude"),
    ],
)
def test_what_is_not_said_or_not_known_is_an_error_and_changes_nothing(said, maintd, words, status, problem) -> None:
    before = maintd("quarantine", "list")

    assert problem in said("quarantine", *words, status=status)[1]

    assert maintd("quarantine", "list") == before


@pytest.mark.parametrize(
    "words",
    [
        ("retry", "--all"),
        ("ignore", "--all"),
        ("release", "--all", "--because", "x"),
        ("accept", "--all", "--because", "x"),
        ("retry", "--group", "GROUP"),
    ],
)
def test_a_dry_run_names_what_would_be_touched_and_touches_nothing(maintd, said, words) -> None:
    before = maintd("quarantine", "list")
    words = tuple(before[0]["group"] if word == "GROUP" else word for word in words)

    touched = maintd("quarantine", *words, "--dry-run")
    out, err = said("quarantine", *words, "--dry-run")

    assert touched["dry_run"] is True
    assert touched["messages"]
    assert sorted(int(line.split("\t")[0]) for line in out.splitlines()) == touched["messages"]
    assert f"{len(touched['messages'])} mails would be touched" in err
    assert maintd("quarantine", "list") == before


# --- ignore and retry ---


def test_what_is_ignored_stays_so_until_it_is_asked_for_again(maintd, said, number, became) -> None:
    message = number("unparsed")

    assert maintd("quarantine", "ignore", message, "--because", "a survey") == {"ignored": [message]}

    shown = maintd("quarantine", "show", message)
    assert shown["detail"].startswith("ignored by ")
    assert shown["detail"].endswith(": a survey")
    assert shown["commands"] == [f"maintd quarantine retry --ignored {message}"]
    maintd("quarantine", "retry", "--all")
    maintd("reparse", "--all", "--apply")
    assert became(message) == "ignored"
    assert [one["id"] for one in maintd("quarantine", "list", "--ignored")] == [message]
    assert "not in quarantine but ignored" in said("quarantine", "retry", message, status=1)[1]
    maintd("quarantine", "retry", "--ignored", message)
    assert became(message) == "unparsed"
    assert "is not ignored but quarantined" in said("quarantine", "retry", "--ignored", message, status=1)[1]


def test_what_was_applied_of_an_ignored_mail_stays(maintd, number, became) -> None:
    maintd("quarantine", "ignore", number("partial"))

    assert became(number("partial")) == "ignored"
    assert "PF-GOOD" in ids(maintd)
    maintd("reparse", "--all", "--apply")
    assert "PF-GOOD" in ids(maintd)
    (row,) = [one for one in maintd("messages") if one["id"] == number("partial")]
    assert row["events"] == [["maintenance", "packetfabric", "PF-GOOD"]]
    assert maintd("db", "check") == {"problems": []}


def test_a_group_is_ignored_with_one_command(maintd, number, became) -> None:
    group = next(one for one in maintd("quarantine", "list", "--groups") if one["mails"] == 3)

    assert len(maintd("quarantine", "ignore", "--group", group["group"])["ignored"]) == 3

    assert {became(number(name)) for name in ("new_1", "new_2", "new_3")} == {"ignored"}
    assert maintd("stats")["messages"]["quarantined"] == len(WAITING) - 3


def test_a_mail_of_which_only_the_beginning_is_kept_can_be_ignored_and_not_read(
    maintd, said, config, number, became
) -> None:
    message = number("unparsed")
    store = database.open_store(f"sqlite:///{config.parent / 'maintd.db'}")
    try:
        with store.writing() as connection:
            connection.exec_driver_sql(f"UPDATE messages SET too_large = 1, reason = 'too_large' WHERE id = {message}")
    finally:
        store.close()

    assert "only its beginning is kept" in said("quarantine", "retry", message, status=1)[1]
    assert maintd("quarantine", "retry", "--reason", "too_large") == {
        "messages": 0,
        "dispositions": dict.fromkeys(("received", "applied", "irrelevant", "ignored", "quarantined"), 0),
    }
    maintd("quarantine", "ignore", message)
    assert became(message) == "ignored"


# --- the manual ---


def test_the_manual_explains_every_reason_and_names_every_command() -> None:
    manual = (ROOT / "docs" / "quarantine.md").read_text()

    assert re.findall("^## ([a-z_]+)$", manual, re.MULTILINE) == [reason.value for reason in Reason]
    assert [name for name in commands.commands if not re.search(rf"quarantine {name}\b", manual)] == []
    assert quarantine_reports.CURES.keys() == {reason.value for reason in Reason}
