"""A reader that a user writes in the configuration, through the commands: the worked example of docs/templates.md."""

import json
import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from ingestor.cli import main

DOCUMENT = Path(__file__).parents[2] / "docs" / "templates.md"
RUNAWAY = """
[[provider.template]]
name = "runaway"
kind = "outage"
body = ['^(?P<ticket>(a+)+)$', '^Status: (?P<status>.+)']
"""

Maintd = Callable[..., Any]


def blocks_of(language: str) -> list[str]:
    """Return the blocks of the document in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def told(line: str) -> str:
    """Return a line without its white space; the version of a reader changes with all that a template can have."""
    return re.sub(r"(?<=^reader template/acme-tt )[0-9a-f]{8}$", "version", " ".join(line.split()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the configuration and the mails of the document."""
    database = f'[database]\nurl = "sqlite:///{tmp_path / "maintd.db"}"\n[log]\nlevel = "error"\n'
    configuration = "".join(blocks_of("toml")[:2])
    (tmp_path / "config.toml").write_text(database + configuration, encoding="utf-8")
    mails = blocks_of("eml")
    assert len(mails) == 3
    for number, text in enumerate(mails, start=1):
        (tmp_path / f"{number}.eml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def maintd(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Maintd]:
    """Run a command in the folder and return what it printed: the lines, or what its JSON says."""

    def run(*words: str, status: int = 0) -> Any:
        capsys.readouterr()
        found = main([*words, "--config", str(folder / "config.toml")])
        output = capsys.readouterr()
        assert found == status, output
        if "--json" in words:
            return json.loads(output.out)
        return [line.split("\t") for line in output.out.splitlines()]

    return run


def test_the_document_shows_what_is_printed(maintd: Maintd, folder: Path) -> None:
    printed = maintd("parse", str(folder / "1.eml"), "--provider", "acme", "--utc")

    shown = [line for line in blocks_of("text")[0].splitlines() if not line.startswith("$")]
    assert [told(" ".join(line)) for line in printed if line != [""]] == [told(line) for line in shown if line]


def test_what_matched_is_shown_field_by_field(maintd: Maintd, folder: Path) -> None:
    reading = maintd("parse", str(folder / "1.eml"), "--provider", "acme", "--json")

    (trial,) = reading["trials"]
    assert (trial["reader"], trial["outcome"]) == ("acme-tt", "found 1")
    assert {"field": "etr", "words": "within 4 hours", "value": "2027-03-08T16:30:00Z"} in trial["matched"]
    (update,) = reading["updates"]
    assert (update["kind"], update["id"], update["status"]) == ("outage", "ACM-204417", "REPORTED")
    assert update["outage"] == {
        "start": "2027-03-08T11:04:00Z",
        "end": None,
        "reported_at": None,
        "etr": {"at": "2027-03-08T16:30:00Z", "words": "within 4 hours"},
        "cause": None,
        "zone": None,
    }


def test_the_text_that_the_patterns_are_given_can_be_seen(maintd: Maintd, folder: Path) -> None:
    lines = maintd("parse", str(folder / "1.eml"), "--text")

    assert ["--- subject ---"] in lines
    assert ["Down since: 08/03/2027 12:04"] in lines


def test_mails_become_events_by_templates_alone(maintd: Maintd, folder: Path) -> None:
    maintd("import", *(str(folder / f"{number}.eml") for number in (1, 2, 3)))

    outage = maintd("show", "ACM-204417", "--json")
    assert (outage["kind"], outage["status"]) == ("outage", "RESOLVED")
    assert (outage["start"], outage["end"]) == ("2027-03-08T11:04:00Z", "2027-03-08T15:12:00Z")
    assert outage["cause"] == "a digger at Saint-Denis"
    assert outage["circuits"] == [
        {"circuit_id": "AC/PAR-AMS/01", "impact": "OUTAGE", "withdrawn": False},
        {"circuit_id": "AC/PAR-FRA/07", "impact": "DEGRADED", "withdrawn": False},
    ]
    work = maintd("show", "CRQ88120", "--json")
    assert (work["kind"], work["status"]) == ("maintenance", "CONFIRMED")
    assert [(window["start"], window["end"]) for window in work["windows"]] == [
        ("2027-03-14T22:00:00Z", "2027-03-15T04:00:00Z"),
        ("2027-03-15T22:00:00Z", "2027-03-16T04:00:00Z"),
    ]
    readers = {message["reader"] for message in maintd("messages", "--json")}
    assert readers == {"template/acme-tt", "template/acme-work"}


def test_a_runaway_holds_up_its_own_mail_alone_and_is_named(maintd: Maintd, folder: Path) -> None:
    config = folder / "config.toml"
    config.write_text(config.read_text(encoding="utf-8") + RUNAWAY, encoding="utf-8")
    mail = EmailMessage()
    mail["From"] = "noc@acme.example"
    mail["Date"] = "Mon, 08 Mar 2027 12:30:00 +0000"
    mail["Subject"] = "hello"
    mail.set_content("a" * 60 + "!")
    (folder / "0.eml").write_bytes(mail.as_bytes())

    maintd("import", *(str(folder / f"{number}.eml") for number in range(4)))

    (waiting,) = maintd("quarantine", "list", "--json")
    assert (waiting["reason"], waiting["provider"]) == ("parser_timeout", "acme")
    shown = maintd("quarantine", "show", str(waiting["id"]), "--json")
    assert 'template runaway: the pattern body 1 "^(?P<ticket>(a+)+)$" was stopped' in shown["detail"]
    assert len(maintd("events", "--json")) == 2
    parsed = maintd("parse", str(folder / "0.eml"), "--json", status=1)
    assert (parsed["reason"], parsed["detail"]) == ("parser_timeout", shown["detail"])


def test_a_mail_that_no_template_understands_shows_what_it_did_find(maintd: Maintd, folder: Path) -> None:
    mail = (folder / "1.eml").read_text(encoding="utf-8").replace("ACM-204417", "no number")
    (folder / "0.eml").write_text(mail, encoding="utf-8")
    maintd("import", str(folder / "0.eml"))

    (waiting,) = maintd("quarantine", "list", "--json")
    shown = maintd("quarantine", "show", str(waiting["id"]), "--utc")

    assert "template acme-tt: no ticket: no match for subject 1: " in waiting["detail"]
    assert ["start", "08/03/2027 12:04", "-"] in shown


def test_a_person_can_have_a_mail_read_by_a_template(maintd: Maintd, folder: Path) -> None:
    mail = (folder / "1.eml").read_text(encoding="utf-8").replace("noc@acme.example", "someone@elsewhere.example")
    (folder / "0.eml").write_text(mail, encoding="utf-8")
    maintd("import", str(folder / "0.eml"))
    (waiting,) = maintd("quarantine", "list", "--json")

    maintd(
        *("quarantine", "accept", str(waiting["id"]), "--as", "acme", "--reader", "acme-tt", "--because", "a reseller"),
    )

    assert maintd("show", "ACM-204417", "--json")["status"] == "REPORTED"


def test_a_name_that_is_no_readers_is_answered_with_the_nearest(
    maintd: Maintd, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maintd("import", str(folder / "1.eml"))
    words = [
        "quarantine",
        "accept",
        "1",
        "--reader",
        "acme-t",
        "--because",
        "x",
        "--config",
        str(folder / "config.toml"),
    ]

    assert main(words) == 1

    assert 'no reader "acme-t": did you mean "acme-tt"?' in capsys.readouterr().err


def test_templates_are_listed_with_their_provider(maintd: Maintd) -> None:
    rows = {row["name"]: row for row in maintd("providers", "--json")}

    assert rows["acme"]["templates"] == ["acme-tt", "acme-work"]
