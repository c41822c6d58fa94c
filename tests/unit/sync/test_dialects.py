"""The table of dialects: what each can hold, and how things are named and linked in it."""

from dataclasses import replace

import pytest

from domain.errors import NetboxError, NetboxFailure
from domain.vocabulary import Kind
from sync.dialects import (
    CIRCUITMAINTENANCE_0_6,
    CIRCUITMAINTENANCE_0_8,
    CIRCUITMAINTENANCE_OUTAGES,
    DIALECTS,
    NOTICES,
    PLAIN,
    already_there,
)

OF_THIS_SERVER = replace(NOTICES, types={"notices.maintenance": 151, "notices.outage": 152, "circuits.circuit": 8})


def test_names_of_dialects_are_their_own():
    assert len({dialect.name for dialect in DIALECTS}) == len(DIALECTS)


def test_plain_netbox_holds_no_event():
    assert PLAIN.events(Kind.MAINTENANCE) is PLAIN.events(Kind.OUTAGE) is None
    assert PLAIN.endpoints() == ()


def test_a_link_by_field_names_the_event_by_its_id():
    dialect = CIRCUITMAINTENANCE_0_8

    assert dialect.event_link(Kind.MAINTENANCE, 4) == {"circuitmaintenance": 4}
    assert dialect.event_filter(Kind.MAINTENANCE, 4) == {"circuitmaintenance": 4}
    assert dialect.circuit_link(9) == {"circuit": 9}
    assert dialect.path(dialect.maintenances) == "plugins/maintenance/circuitmaintenance"


@pytest.mark.parametrize(
    "row", [{"circuitmaintenance": 4, "circuit": 9}, {"circuitmaintenance": {"id": 4}, "circuit": {"id": 9}}]
)
def test_a_row_linked_by_field_belongs_to_the_event_that_it_names(row):
    dialect = CIRCUITMAINTENANCE_0_6

    assert dialect.belongs(row, Kind.MAINTENANCE, 4)
    assert not dialect.belongs(row, Kind.MAINTENANCE, 5)
    assert not dialect.belongs({"circuitmaintenance": None}, Kind.MAINTENANCE, 4)
    assert dialect.circuit_of(row) == 9


def test_a_link_by_type_is_written_by_number_and_looked_for_by_name():
    assert OF_THIS_SERVER.event_link(Kind.OUTAGE, 4) == {"event_content_type": 152, "event_object_id": 4}
    assert OF_THIS_SERVER.event_filter(Kind.OUTAGE, 4) == {"event_content_type": "notices.outage", "event_object_id": 4}
    assert OF_THIS_SERVER.circuit_link(9) == {"target_content_type": 8, "target_object_id": 9}


def test_a_row_linked_by_type_belongs_to_the_event_of_that_type_alone():
    row = {"event_content_type": 151, "event_object_id": 4, "target_content_type": 8, "target_object_id": 9}

    assert OF_THIS_SERVER.belongs(row, Kind.MAINTENANCE, 4)
    assert not OF_THIS_SERVER.belongs(row, Kind.OUTAGE, 4)
    assert not OF_THIS_SERVER.belongs(row, Kind.MAINTENANCE, 5)
    assert OF_THIS_SERVER.circuit_of(row) == 9
    assert OF_THIS_SERVER.circuit_of(row | {"target_content_type": 57}) is None


def test_a_dialect_is_not_asked_to_link_what_it_cannot_hold():
    assert CIRCUITMAINTENANCE_0_8.events(Kind.OUTAGE) is None
    with pytest.raises(AssertionError, match="holds no outage"):
        replace(OF_THIS_SERVER, outages=None).event_link(Kind.OUTAGE, 4)


def test_outages_of_the_fork_have_no_list_of_circuits_and_must_have_a_start():
    outages = CIRCUITMAINTENANCE_OUTAGES.outages

    assert outages is not None
    assert not outages.impacts
    assert not outages.notifications
    assert outages.needs_start
    assert outages.reported_field is None
    assert outages.needs_end == {"RESOLVED"}


@pytest.mark.parametrize(
    ("kind", "words", "there"),
    [
        (NetboxFailure.REFUSED, "400: Impact with this Circuit already exists.", True),
        (NetboxFailure.BROKEN, '500: error: duplicate key value violates unique constraint "x"', True),
        (NetboxFailure.REFUSED, "400: custom_fields: noc: must have a unique value", True),
        (NetboxFailure.REFUSED, "400: end: End must be after start.", False),
    ],
)
def test_a_refusal_tells_whether_such_an_object_is_already_there(kind, words, there):
    assert already_there(NetboxError("POST x/", kind=kind, words=words)) is there
