"""What is sent to NetBox for an event, in which order and in how many requests; and what people write there."""

from dataclasses import replace

import pytest

from domain.errors import NetboxError, NetboxFailure
from domain.events import EventKey
from domain.vocabulary import Kind
from sync.mapping import gone
from sync.plan import Drift, DriftKind
from sync.push import compare
from sync.state import State
from tests.pushing import (
    DIALECTS,
    WITH_OUTAGES,
    Killed,
    at,
    history,
    holds_as_desired,
    maintenance,
    notice,
    notices,
    outage,
    sends_no_more,
    window,
    world,
)
from tests.servers.netbox.faults import cut

PLUGINS = [name for name in DIALECTS if name != "plain"]
OUTAGE = Kind.OUTAGE
NOTHING = "null"


TAKEN_BACK = {"called": "PW-1", "why": "taken back", "since": "2027"}


def many(count: int) -> dict[str, str]:
    return {f"WL-{number}": "OUTAGE" for number in range(count)}


def knows_many(w, count: int) -> dict[str, str]:
    for cid in many(count):
        w.inventory.known[cid] = w.circuit_ids[cid] = w.server.add_circuit(w.provider_id, cid)
    return many(count)


# --- how many requests, and in which order


@pytest.mark.parametrize("dialect", PLUGINS)
def test_a_new_event_with_fifty_circuits_takes_six_requests_at_most(dialect: str) -> None:
    with world(dialect) as w:
        event = maintenance(window(status="COMPLETED", **knows_many(w, 50)), history=history(1))
        outcome = w.push(event, notices(1))

        assert [method for method, _ in w.asked()] == ["GET", "POST", "POST", "POST", "POST", "PATCH"]
        assert outcome.requests == len(w.server.log) == 6
        assert w.impacts("PW-1") == many(50)
        assert w.records()["PW-1"]["status"] == "COMPLETED"


def test_many_impacts_are_written_and_deleted_some_at_a_time() -> None:
    with world() as w:
        w.push(maintenance(window(**knows_many(w, 120))))
        made = [len(each.body) for each in w.server.requests("POST", "impact")]
        w.push(maintenance(window()), notices(1))
        deleted = [len(each.body) for each in w.server.requests("DELETE")]

        assert made == deleted == [50, 50, 20]
        assert w.impacts("PW-1") == {}


def test_an_event_that_is_not_over_needs_no_last_word() -> None:
    with world() as w:
        w.push(maintenance(), notices(1))

        assert w.asked() == [
            ("GET", "circuitmaintenance"),
            ("POST", "circuitmaintenance"),
            ("POST", "circuitmaintenanceimpact"),
            ("POST", "circuitmaintenancenotifications"),
        ]


def test_a_reminder_takes_one_request_and_none_without_its_mail() -> None:
    with world() as w:
        w.push(maintenance(), notices(1))
        w.push(maintenance(updates=2), notices(2))
        reminder = w.asked()
        w.push(maintenance(updates=3), notices(2))

        assert (reminder, w.asked()) == ([("POST", "circuitmaintenancenotifications")], [])


@pytest.mark.parametrize("dialect", PLUGINS)
def test_the_impact_of_a_withdrawn_circuit_goes_before_the_final_status_comes(dialect: str) -> None:
    with world(dialect) as w:
        w.push(maintenance(window(XC1="OUTAGE", XC2="OUTAGE")))
        w.push(maintenance(window(status="COMPLETED", XC1="OUTAGE")))

        assert [method for method, _ in w.asked()] == ["GET", "DELETE", "PATCH"]
        assert w.impacts("PW-1") == {"XC-1": "OUTAGE"}


@pytest.mark.parametrize("dialect", PLUGINS)
def test_a_frozen_record_is_opened_for_a_new_impact_and_closed_again(dialect: str) -> None:
    with world(dialect) as w:
        w.push(maintenance(window(status="COMPLETED", XC1="OUTAGE")))
        w.push(maintenance(window(status="COMPLETED", XC1="DEGRADED", XC2="OUTAGE")))

        assert [method for method, _ in w.asked()] == ["GET", "PATCH", "PATCH", "POST", "PATCH"]
        assert w.impacts("PW-1") == {"XC-1": "DEGRADED", "XC-2": "OUTAGE"}
        assert w.records()["PW-1"]["status"] == "COMPLETED"


def test_a_circuit_that_appears_in_netbox_is_pushed_by_itself() -> None:
    with world() as w:
        event = maintenance(window(XC1="OUTAGE", XC5="DEGRADED"))
        assert w.push(event).unresolved == ("XC-5",)
        w.inventory.known["XC-5"] = w.server.add_circuit(w.provider_id, "XC-5")
        outcome = w.push(event)

        assert (outcome.unresolved, w.asked()) == ((), [("POST", "circuitmaintenanceimpact")])
        assert w.impacts("PW-1") == {"XC-1": "OUTAGE", "XC-5": "DEGRADED"}


def test_two_ids_of_one_circuit_are_one_impact_the_worst() -> None:
    with world() as w:
        w.inventory.known["XC-5"] = w.circuit_ids["XC-1"]
        w.push(maintenance(window(XC1="DEGRADED", XC5="OUTAGE")))

        assert w.impacts("PW-1") == {"XC-1": "OUTAGE"}


# --- several windows


def test_windows_are_records_and_are_never_renumbered() -> None:
    with world() as w:
        w.push(maintenance(window(24), window(48)))
        w.push(maintenance(window(0), window(24), window(48)))
        w.push(maintenance(window(0), window(48)))
        starts = {name: row["start"] for name, row in w.records().items()}
        statuses = {name: row["status"] for name, row in w.records().items()}

    assert starts == {"PW-1": at(24), "PW-1 [2]": at(48), "PW-1 [3]": at(0)}
    assert statuses == {"PW-1": "CANCELLED", "PW-1 [2]": "CONFIRMED", "PW-1 [3]": "CONFIRMED"}


def test_three_windows_take_no_more_requests_than_one() -> None:
    with world() as w:
        outcome = w.push(maintenance(*(window(24 * day, XC1="OUTAGE") for day in range(3))), notices(1))

        assert outcome.requests == 4
        assert [w.impacts(name) for name in ("PW-1", "PW-1 [2]", "PW-1 [3]")] == [{"XC-1": "OUTAGE"}] * 3


def test_an_event_of_which_nothing_counts_any_more_is_cancelled() -> None:
    with world() as w:
        w.push(maintenance())
        w.push(gone(EventKey(kind=Kind.MAINTENANCE, provider="example-net", id_key="pw-1"), 1, **TAKEN_BACK))

        assert (w.records()["PW-1"]["status"], w.impacts("PW-1")) == ("CANCELLED", {})
        w.push(gone(EventKey(kind=Kind.MAINTENANCE, provider="example-net", id_key="pw-1"), 1, **TAKEN_BACK))
        assert w.asked() == []


def test_an_event_without_a_window_waits_for_one() -> None:
    with world() as w:
        outcome = w.push(replace(maintenance(), windows=()))

        assert (w.asked(), outcome.waits_for) == ([], "a start and an end: no mail has stated any")


# --- what is there already


def test_a_record_that_is_there_is_taken_over_and_another_of_its_name_is_told() -> None:
    with world() as w:
        w.push(maintenance(), notices(1))
        w.kept = NOTHING
        row = w.records()["PW-1"]
        other = w.server.add_provider("Other")
        base = {"status": "CONFIRMED", "summary": "By hand", "start": row["start"], "end": row["end"]}
        w.netbox.create(f"{w.dialect.root}/circuitmaintenance", sendable(base | {"name": "PW-1", "provider": other}))
        twin = sendable(base | {"name": "PW-1", "provider": w.provider_id})
        number = w.netbox.create(f"{w.dialect.root}/circuitmaintenance", twin)["id"]
        outcome = w.push(maintenance(), notices(1), fresh=True)

    assert outcome.state.records[1].number == row["id"]
    assert outcome.drift == (
        Drift(kind=DriftKind.DUPLICATE, record="PW-1", what=f"another record of this name: {number}"),
    )
    assert outcome.done == ()


def sendable(fields: dict) -> dict:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in fields.items()}


def test_a_record_deleted_behind_our_back_is_made_again() -> None:
    with world() as w:
        w.push(maintenance(), notices(1))
        w.server.remove("maintenance", w.records()["PW-1"]["id"])
        w.push(maintenance(window(XC1="OUTAGE", XC3="OUTAGE")), notices(2))

        assert w.impacts("PW-1") == {"XC-1": "OUTAGE", "XC-3": "OUTAGE"}
        assert sum(w.mails("PW-1").values()) == 2


def test_a_record_completed_behind_our_back_takes_its_impacts_all_the_same() -> None:
    with world() as w:
        event = maintenance(window(XC1="OUTAGE", XC5="OUTAGE"))
        w.push(event)
        w.server.edit("maintenance", w.records()["PW-1"]["id"], status="COMPLETED")
        w.inventory.known["XC-5"] = w.server.add_circuit(w.provider_id, "XC-5")
        w.push(event)

        assert w.impacts("PW-1") == {"XC-1": "OUTAGE", "XC-5": "OUTAGE"}
        assert w.records()["PW-1"]["status"] == "CONFIRMED"


def test_a_record_renamed_in_netbox_is_found_by_the_proof_that_it_bears() -> None:
    with world() as w:
        w.server.add_custom_field("maintd_id", unique=True)
        w.push(maintenance(), custom_field="maintd_id")
        (row,) = w.records().values()
        w.server.edit("maintenance", row["id"], name="Another name")
        w.kept = NOTHING
        w.push(maintenance(), custom_field="maintd_id")

        assert [(each["id"], each["name"]) for each in w.records().values()] == [(row["id"], "PW-1")]
        assert row["custom_fields"] == {"maintd_id": "maintenance:example-net:pw-1:1:1"}


def test_what_differs_is_told_and_repaired_and_what_is_foreign_left_alone() -> None:
    with world() as w:
        w.push(maintenance(), notices(1))
        number = w.records()["PW-1"]["id"]
        w.server.edit("maintenance", number, summary="Something else")
        w.server.remove("impact", w.server.rows("impact")[0]["id"])
        w.server.remove("notice", w.server.rows("notice")[0]["id"])
        foreign = w.circuit_ids["XC-4"]
        sent = {"circuitmaintenance": number, "circuit": foreign, "impact": "OUTAGE"}
        w.netbox.create(f"{w.dialect.root}/circuitmaintenanceimpact", sent)
        desired = w.desired(maintenance(), notices(1))
        compared = compare(w.netbox, w.dialect, w.inventory, desired, w.state)
        outcome = w.push(desired, fresh=True)

        assert compared == outcome.drift
        assert [(each.kind.value, each.what) for each in outcome.drift] == [
            ("different", "summary: Something else → Fibre work"),
            ("foreign", "an impact on the circuit XC-4"),
            ("missing", f"the impact on the circuit {w.circuit_ids['XC-1']}"),
            ("missing", "the notification mail-1"),
        ]
        assert w.impacts("PW-1") == {"XC-1": "OUTAGE", "XC-2": "DEGRADED", "XC-4": "OUTAGE"}
        assert w.push(desired, fresh=True).done == ()


@pytest.mark.parametrize("dialect", ["0.6", "fork"])
def test_an_impact_and_a_mail_that_came_twice_are_there_once_after_a_fresh_look(dialect: str) -> None:
    with world(dialect) as w:
        w.push(maintenance(), notices(1))
        root, number = w.dialect.root, w.records()["PW-1"]["id"]
        sent = {"circuitmaintenance": number, "circuit": w.circuit_ids["XC-1"], "impact": "OUTAGE"}
        w.netbox.create(f"{root}/circuitmaintenanceimpact", sent)
        (mail,) = w.server.rows("notice")
        names = ("subject", "email_from", "email_body", "email_recieved", "circuitmaintenance")
        again = sendable({name: mail[name] for name in names})
        w.netbox.create(f"{root}/circuitmaintenancenotifications", again)
        outcome = w.push(maintenance(), notices(1), fresh=True)

        assert [each.kind for each in outcome.drift] == [DriftKind.DUPLICATE] * 2
        assert w.impacts("PW-1") == {"XC-1": "OUTAGE", "XC-2": "DEGRADED"}
        assert sum(w.mails("PW-1").values()) == 1


@pytest.mark.parametrize("dialect", PLUGINS)
def test_a_record_that_was_repaired_asks_nothing_more(dialect: str) -> None:
    with world(dialect) as w:
        w.push(maintenance(), notices(1))
        w.server.edit("maintenance", w.records()["PW-1"]["id"], summary="Something else")
        w.push(maintenance(), notices(1), fresh=True)
        w.push(maintenance(), notices(1))

        assert (w.state.dirty, w.asked()) == (False, [])


def test_journals_that_were_repaired_ask_nothing_more() -> None:
    with world("plain") as w:
        w.push(maintenance())
        w.server.remove("journal", w.server.rows("journal")[0]["id"])
        w.push(maintenance(), fresh=True)
        w.push(maintenance())

        assert (w.state.dirty, w.asked()) == (False, [])


def test_an_impact_on_a_circuit_that_is_gone_is_deleted_and_keeps_nothing_else_from_being_held() -> None:
    with world("notices") as w:
        w.push(maintenance(window(XC1="OUTAGE", XC2="OUTAGE")))
        w.server.remove("circuit", w.circuit_ids["XC-2"])
        event = maintenance(window(status="COMPLETED", XC1="DEGRADED", XC2="DEGRADED"))
        outcome = w.push(event, notices(1))

        assert [each.partition(":")[0] for each in outcome.cannot] == [f"an impact on circuit {w.circuit_ids['XC-2']}"]
        assert outcome.done[-2:] == ("changed PW-1", "deleted 1 that were there for nothing")
        assert w.impacts("PW-1") == {"XC-1": "DEGRADED"}
        assert (w.records()["PW-1"]["status"], sum(w.mails("PW-1").values())) == ("COMPLETED", 1)


def test_what_hits_a_circuit_that_is_gone_is_told_as_a_difference() -> None:
    with world("notices") as w:
        w.push(maintenance(window(XC1="OUTAGE", XC2="OUTAGE")))
        w.server.remove("circuit", w.circuit_ids["XC-2"])
        gone = w.inventory.known.pop("XC-2")
        desired = w.desired(maintenance(window(XC1="OUTAGE", XC2="OUTAGE")))

        assert [each.what for each in compare(w.netbox, w.dialect, w.inventory, desired, w.state)] == [
            f"the impact on the circuit {gone}, which is gone: → nothing"
        ]
        assert (w.push(desired, fresh=True).unresolved, w.push(desired, fresh=True).done) == (("XC-2",), ())


@pytest.mark.parametrize("custom_field", [None, "maintd_id"])
@pytest.mark.parametrize(
    "event_id", ["巡" * 100, "\N{ROCKET}" * 300, "a\0b\ud800c" * 100], ids=["three octets", "four octets", "untaken"]
)
def test_many_windows_of_a_long_name_are_found_in_requests_that_a_server_takes(
    event_id: str, custom_field: str | None
) -> None:
    with world() as w:
        if custom_field:
            w.server.add_custom_field(custom_field, unique=True)
        event = maintenance(*(window(24 * day) for day in range(6)), event_id=event_id)
        w.push(event, custom_field=custom_field)
        w.kept = NOTHING
        if custom_field:
            for row in w.records().values():
                w.server.edit("maintenance", row["id"], name=f"Another name {row['id']}")
        w.push(event, custom_field=custom_field, fresh=True)

        assert len(w.records()) == 6
        assert w.push(event, custom_field=custom_field, fresh=True).done == ()


# --- what people own


def test_what_people_wrote_in_netbox_comes_back_and_is_not_overwritten() -> None:
    with world() as w:
        w.push(maintenance())
        number = w.records()["PW-1"]["id"]
        w.server.edit("maintenance", number, acknowledged=True, internal_ticket="CHG-7", comments="Seen.")
        w.push(maintenance(summary="Fibre works"))
        outcome = w.push(maintenance(summary="Fibre works"), fresh=True)
        row = w.records()["PW-1"]

    assert (outcome.acknowledged, outcome.internal_ticket) == (True, "CHG-7")
    assert (row["acknowledged"], row["internal_ticket"], row["comments"]) == (True, "CHG-7", "Seen.")
    assert row["summary"] == "Fibre works"


def test_what_came_back_is_ours_once_it_was_taken_over() -> None:
    with world() as w:
        w.push(maintenance())
        w.server.edit("maintenance", w.records()["PW-1"]["id"], internal_ticket="CHG-7")
        w.push(maintenance(), fresh=True)
        agreed = w.push(maintenance(), internal_ticket="CHG-7")
        w.push(maintenance(), internal_ticket="CHG-8")

        assert (agreed.done, agreed.internal_ticket) == ((), None)
        assert w.records()["PW-1"]["internal_ticket"] == "CHG-8"


def test_an_acknowledgement_is_taken_back_when_the_event_changes_and_the_journal_says_so() -> None:
    with world() as w:
        w.push(maintenance(), acknowledged=True)
        changed = maintenance(window(24, XC1="OUTAGE"), history=history(1))
        w.push(changed)
        row = w.records()["PW-1"]

        assert (row["acknowledged"], len(w.journal("PW-1"))) == (False, 2)
        assert "acknowledged again" in w.journal("PW-1")[1]
        w.push(changed, fresh=True)
        assert len(w.journal("PW-1")) == 2


def test_an_acknowledgement_of_what_was_before_a_change_does_not_count_for_it() -> None:
    with world() as w:
        w.push(maintenance())
        w.server.edit("maintenance", w.records()["PW-1"]["id"], acknowledged=True)
        outcome = w.push(maintenance(window(24, XC1="OUTAGE")))

        assert (outcome.acknowledged, w.records()["PW-1"]["acknowledged"]) == (None, False)


# --- outages


def test_each_estimate_is_told_in_the_history_of_netbox_itself() -> None:
    with world("notices") as w:
        w.push(outage("INVESTIGATING", 4, 6), notices(1))
        first = w.asked()
        w.push(outage("RESOLVED", 4, 6, None, 8), notices(2))
        (row,) = w.records(OUTAGE).values()
        changes = [
            (each["message"], each["postchange_data"]["estimated_time_to_repair"])
            for each in w.server.changes_of("outage", row["id"])
            if each["message"]
        ]

    assert [method for method, _ in first] == ["GET", "POST", "POST", "POST", "PATCH"]
    assert [message.split(" (")[0] for message, _ in changes] == [
        "ETR set to 2027-03-02T02:00:00Z",
        "ETR extended to 2027-03-02T04:00:00Z, +2.0 h",
        "ETR withdrawn",
        "ETR set to 2027-03-02T06:00:00Z",
    ]
    assert (row["status"], row["end"]) == ("RESOLVED", at(9))


@pytest.mark.parametrize("dialect", WITH_OUTAGES)
@pytest.mark.parametrize("fresh", [True, False])
def test_the_estimates_of_an_outage_that_was_deleted_are_told_again(dialect: str, fresh: bool) -> None:
    with world(dialect) as w:
        w.push(outage("INVESTIGATING", 4, 6))
        w.server.remove("outage", w.records(OUTAGE)["TT-1"]["id"])
        event = outage("RESOLVED", 4, 6, 8)
        w.push(event, fresh=fresh)

        holds_as_desired(w, w.desired(event))


def test_circuits_of_an_outage_stand_in_a_block_of_the_comments_where_there_are_no_impacts() -> None:
    with world("fork") as w:
        w.push(outage())
        (row,) = w.records(OUTAGE).values()
        w.server.edit("outage", row["id"], comments=f"Called them.\n\n{row['comments']}\n\nTwice.")
        w.push(outage(circuits=("XC-3",)))
        (row,) = w.records(OUTAGE).values()

    assert row["comments"] == (
        "Called them.\n\n<!-- maintd: circuits -->\nCircuits:\n\n"
        "* XC-3: OUTAGE\n<!-- maintd: end of circuits -->\n\nTwice."
    )


def test_a_block_that_people_deleted_is_there_again_and_their_words_stay() -> None:
    with world("fork") as w:
        w.push(outage())
        (row,) = w.records(OUTAGE).values()
        w.server.edit("outage", row["id"], comments="Mine.\n<!-- maintd: circuits -->")
        w.push(outage(), fresh=True)
        (row,) = w.records(OUTAGE).values()
        w.push(outage(), fresh=True)

        assert row["comments"].startswith("Mine.\n<!-- maintd: circuits -->\n\n<!-- maintd: circuits -->\nCircuits:")
        assert {each.method for each in w.server.log} == {"GET"}


@pytest.mark.parametrize("dialect", WITH_OUTAGES)
def test_a_reopened_outage_has_no_end(dialect: str) -> None:
    with world(dialect) as w:
        w.push(outage("RESOLVED"))
        w.push(outage("INVESTIGATING"))
        (row,) = w.records(OUTAGE).values()

    assert (row["status"], row["end"]) == ("INVESTIGATING", None)


def test_an_outage_that_ends_before_it_began_ends_as_early_as_can_be_held() -> None:
    with world("notices") as w:
        w.push(outage("RESOLVED", end=at(-1)))

        assert [row["end"] for row in w.records(OUTAGE).values()] == [at(0)]


# --- what cannot be held


@pytest.mark.parametrize("dialect", ["0.6", "0.7", "0.8"])
def test_that_outages_cannot_be_held_is_told_once_and_asks_nothing(dialect: str) -> None:
    with world(dialect) as w:
        told = [w.push(outage()).cannot for _ in range(2)]

        assert (told, w.asked()) == ([("outages: the plugin has none",), ()], [])


def test_an_unknown_provider_is_told_and_asks_nothing() -> None:
    with world() as w:
        w.inventory.providers.clear()

        assert (w.push(maintenance()).provider_unknown, w.asked(), w.saves) == (True, [], 0)


@pytest.mark.parametrize("dialect", PLUGINS)
def test_a_provider_that_is_gone_is_missing_and_refuses_nothing_for_ever(dialect: str) -> None:
    with world(dialect) as w:
        w.push(maintenance(event_id="PW-2"))
        for number in w.circuit_ids.values():
            w.server.remove("circuit", number)
        w.server.remove("provider", w.provider_id)
        w.circuit_ids.clear()
        for event_id in ("PW-1", "PW-2"):
            with pytest.raises(NetboxError) as caught:
                w.push(maintenance(event_id=event_id, summary="Other work"))
            assert (caught.value.kind, caught.value.permanent) == (NetboxFailure.MISSING, False)


def test_what_is_refused_is_tried_again_after_a_look_at_what_is_there() -> None:
    with world() as w:
        w.server.plan.when(bad_request(), method="POST", path="notifications")
        outcome = w.push(maintenance(window(status="COMPLETED", XC1="OUTAGE")), notices(3))

        assert w.records()["PW-1"]["status"] == "COMPLETED"
        assert (sum(w.mails("PW-1").values()), outcome.cannot) == (3, ())


def bad_request():
    refused = cut(applied=False)
    body = b'{"circuitmaintenance": ["Related object not found"]}'
    return replace(
        refused, name="400", status=400, octets=None, headers=(("Content-Type", "application/json"),), body=body
    )


def test_a_mail_that_is_refused_for_ever_is_told_once() -> None:
    with world() as w:
        w.push(maintenance())
        w.server.plan.when(bad_request(), method="POST", path="notifications", times=4)
        first = w.push(maintenance(), notices(2))
        w.server.plan.clear()
        second = w.push(maintenance(), notices(2))

        assert [each.split(":")[0] for each in first.cannot] == ["the notification mail-1", "the notification mail-2"]
        assert (second.cannot, w.asked()) == ((), [])


def test_without_the_right_to_write_journals_all_else_is_held() -> None:
    with world() as w:
        permit(w, "add", "view", "change", but="add extras.journalentry")
        event = maintenance(window(status="COMPLETED", XC1="OUTAGE"), history=history(1))
        outcome = w.push(event, notices(1))
        again = w.push(event, notices(1))

        assert outcome.cannot == ("journal entries: the token has no right to view and to add them",)
        assert (w.records()["PW-1"]["status"], again.done, w.asked()) == ("COMPLETED", (), [])


def permit(w, *actions: str, but: str = "") -> None:
    rights = {f"{action} {model.label}" for action in actions for model in w.server.dialect.models}
    for token in w.server.api.tokens.values():
        token.rights = rights - {but}


def test_without_the_right_to_delete_an_impact_stays_until_there_is_the_right() -> None:
    with world() as w:
        permit(w, "add", "view", "change")
        w.push(maintenance(window(XC1="OUTAGE", XC2="OUTAGE")))
        event = maintenance(window(status="COMPLETED", XC1="OUTAGE"))
        told = [w.push(event).cannot for _ in range(2)]
        without, status = w.impacts("PW-1"), w.records()["PW-1"]["status"]
        permit(w, "add", "view", "change", "delete")
        w.push(event, fresh=True)

        assert told == [("what is withdrawn or there twice stays: the token has no right to delete it",), ()]
        assert (status, without) == ("COMPLETED", {"XC-1": "OUTAGE", "XC-2": "OUTAGE"})
        assert (w.impacts("PW-1"), w.state.told) == ({"XC-1": "OUTAGE"}, [])


def test_strange_senders_and_texts_are_held_as_far_as_they_can_be() -> None:
    with world() as w:
        strange = notice(1, sender="NOC <noc>", subject="", text="\0 \n", received_at=at(1))
        w.push(maintenance(summary="x" * 500, event_id="P" * 300), (strange,))
        (row,) = w.server.rows("notice")

    assert (row["email_from"], row["subject"]) == ("unknown@sender.invalid", "(no subject)")
    assert row["email_body"] == "From: NOC <noc>\n\n(no text)"


def test_a_refusal_is_raised_with_the_words_of_the_server() -> None:
    with world() as w:
        w.server.plan.when(bad_request(), method="POST", times=-1)
        with pytest.raises(NetboxError, match="Related object not found") as caught:
            w.push(maintenance())

    assert caught.value.kind is NetboxFailure.REFUSED


ZONES = {
    "W. Europe Standard Time": "UTC",
    "Mars/Phobos": "UTC",
    "europe/berlin": "UTC",
    "posixrules": "UTC",
    "Factory": "UTC",
    "localtime": "UTC",
    "../../etc/passwd": "UTC",
    "Europe": "UTC",
    "A\0b": "UTC",
    "x" * 300: "UTC",
    "US/Eastern": "US/Eastern",
    None: "UTC",
}


@pytest.mark.parametrize("zone", ZONES)
def test_a_zone_that_a_server_would_refuse_keeps_no_event_from_being_held(zone: str | None) -> None:
    with world() as w:
        w.push(maintenance(original_timezone=zone))

        assert w.records()["PW-1"]["time_zone"] == ZONES[zone]


# --- another plugin


def test_the_state_under_another_plugin_keeps_its_numbers_and_none_of_its_ids() -> None:
    with world("plain") as plain:
        plain.push(maintenance(window(0), window(24), history=history(1)))
        kept = plain.kept
    with world("notices") as w:
        w.kept = kept
        w.push(maintenance(window(0, XC1="OUTAGE"), window(24), history=history(1)), notices(1))

        assert set(w.records()) == {"PW-1", "PW-1 [2]"}
        assert (w.impacts("PW-1"), len(w.journal("PW-1"))) == ({"XC-1": "OUTAGE"}, 1)


def test_a_plugin_of_another_age_holds_the_same_records() -> None:
    with world("0.6") as w:
        w.push(maintenance(), notices(1))
        state = w.state
        w.kept = w.kept.replace("up to 0.6", "0.5")
        outcome = w.push(maintenance(), notices(1))

        assert (outcome.done, {each.method for each in w.server.log}) == ((), {"GET"})
        assert outcome.state == state


def test_nothing_is_known_at_first() -> None:
    assert State.from_json(None) == State()


# --- killed


@pytest.mark.parametrize("dialect", PLUGINS)
@pytest.mark.parametrize("applied", [True, False])
def test_killed_at_any_request_nothing_is_there_twice_or_missing(dialect: str, applied: bool) -> None:
    for number in range(1, 7):
        with world(dialect) as w:
            event = maintenance(window(0, "COMPLETED", XC1="OUTAGE", XC2="OUTAGE"), window(24), history=history(1))
            w.wire.kill_at, w.wire.applied = number, applied
            with pytest.raises(Killed):
                w.push(event, notices(4))
            desired = w.desired(event, notices(4))
            w.push(desired)
            holds_as_desired(w, desired)
            sends_no_more(w, desired)


def test_killed_after_a_journal_was_written_it_is_not_written_again_though_the_circuit_was_away_meanwhile() -> None:
    with world("plain") as w:
        event = maintenance(window(0, XC1="OUTAGE"))
        w.wire.kill_at, w.wire.applied = 2, True
        with pytest.raises(Killed):
            w.push(event)
        w.push(maintenance(window(0, XC2="OUTAGE")))
        w.push(event)

        assert len(w.server.journal_of("circuit", w.circuit_ids["XC-1"])) == 1


def test_mails_stay_with_the_record_that_was_there_first() -> None:
    with world() as w:
        both = maintenance(window(0), window(24))
        w.wire.kill_at, w.wire.applied = 2, False
        with pytest.raises(Killed):
            w.push(both, notices(1))
        w.push(maintenance(window(24)), notices(1))
        w.push(both, notices(2))

        assert [sum(w.mails(name).values()) for name in ("PW-1", "PW-1 [2]")] == [0, 2]
