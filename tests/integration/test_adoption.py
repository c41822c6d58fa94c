"""An outage that a person opened before its mails came is one with them, however often these are read again."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from storage import database, events
from tests.integration.program import Program, state

STORY = Path(__file__).parents[1] / "outages" / "lumen-repair" / "a_cut_found_at_night"
TICKET, CIRCUIT = "28114073", "BBXT88142"


@pytest.fixture
def anywhere(tmp_path: Path, database_url: str) -> Program:
    """A program on an empty database: the same test runs on SQLite and on PostgreSQL."""
    program = Program(directory=tmp_path, url=database_url)
    program.configure()
    database.upgrade(database_url)
    return program


def test_reading_the_mails_again_takes_back_no_adoption(anywhere):
    opened = anywhere.command("outage", "open", "--provider", "lumen", "--circuit", CIRCUIT, "--circuit", "OURS-1")
    anywhere.command("ack", "local-1", "--ticket", "NOC-7")
    anywhere.command("import", str(STORY))
    apart = state(anywhere.url)["events"]

    adopted = anywhere.command("outage", "adopt", "local-1", TICKET, "--note", "their ticket")
    together = state(anywhere.url)["events"]
    would_change = anywhere.command("reparse", "--all")["events"]
    anywhere.command("reparse", "--all", "--apply")

    assert (opened["id"], sorted(of_id[0]["id"] for of_id in apart)) == ("local-1", [TICKET, "local-1"])
    ((event,),) = together
    assert (adopted["id"], event["id"], event["references"][-1:]) == (TICKET, TICKET, ["local-1"])
    assert (event["updates"], event["internal_ticket"]) == (8, "NOC-7")
    assert {one["circuit_id"] for one in event["circuits"]} == {CIRCUIT, "OURS-1"}
    assert would_change == []
    assert state(anywhere.url)["events"] == together


def test_reading_the_mails_again_keeps_what_nobody_else_tells_of(anywhere):
    anywhere.command("outage", "open", "--provider", "lumen", "--circuit", "OURS-1")
    anywhere.command("outage", "update", "local-1", "--etr", "+2h", "--status", "IDENTIFIED")
    anywhere.command("import", str(STORY))
    before = state(anywhere.url)["events"]

    assert anywhere.command("reparse", "--all")["events"] == []
    anywhere.command("reparse", "--all", "--apply")

    assert state(anywhere.url)["events"] == before


def test_what_reading_again_changes_of_an_outage_is_told(anywhere):
    (mail,) = STORY.glob("03_*.eml")
    anywhere.command("import", str(mail))
    ((right,),) = state(anywhere.url)["events"]
    with closing(database.open_store(anywhere.url)) as store, store.writing() as connection:
        (update,) = events.updates_of_message(connection, 1)
        wrong = replace(update, outage=replace(update.outage, etr=None, cause="rain"))
        events.refold(connection, events.replace_updates(connection, 1, [wrong]))

    (change,) = anywhere.command("reparse", "--all")["events"]

    told = [(change[side]["etr"], change[side]["cause"]) for side in ("before", "after")]
    assert told == [(None, "rain"), (right["etr"], right["cause"])]
    assert right["etr"] is not None


def test_a_wrong_adoption_is_undone_and_both_are_what_they_were(anywhere):
    anywhere.command("outage", "open", "--provider", "lumen", "--circuit", "OURS-1")
    anywhere.command("import", str(STORY))
    apart = state(anywhere.url)["events"]

    anywhere.command("outage", "adopt", "local-1", TICKET)
    again = anywhere.command("outage", "adopt", "local-1", "--undo", "--note", "another street")

    assert (again["id"], again["status"]) == ("local-1", "REPORTED")
    facts = ("id", "status", "start", "end", "circuits", "references")
    told = [[{name: event[name] for name in facts} for event in of_id] for of_id in state(anywhere.url)["events"]]
    assert told == [[{name: event[name] for name in facts} for event in of_id] for of_id in apart]
    refused = anywhere.command("outage", "adopt", "local-1", "--undo", status=1)
    assert refused == "maintd: outage local-1 of lumen was not adopted: there is nothing to undo\n"
