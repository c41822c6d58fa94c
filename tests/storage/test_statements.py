"""What mails and people state is read from a row as it was written to it, with what they do not state."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from domain.events import CircuitCorrection, Edit, OutageCorrection, StatedEtr, StatedOutage, Update
from domain.vocabulary import Impact, Kind, OutageStatus
from storage import events, schema
from storage.statements import edit_of, statement_of, statement_of_edit, update_of

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

# NUL and lone surrogates are replaced, as everywhere: see test_schema.
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
INSTANTS = st.datetimes(timezones=st.just(UTC))
STATUSES = st.sampled_from(OutageStatus)
ETRS = st.builds(StatedEtr, at=st.none() | INSTANTS, words=WORDS)
OUTAGES = st.builds(
    StatedOutage,
    status=st.none() | STATUSES,
    start=st.none() | INSTANTS,
    end=st.none() | INSTANTS,
    reported_at=st.none() | INSTANTS,
    etr=st.none() | ETRS,
    cause=st.none() | WORDS,
    zone=st.none() | WORDS,
)
INSTANT_PAIRS = st.none() | st.tuples(st.none() | INSTANTS, INSTANTS)
CORRECTIONS = st.builds(
    OutageCorrection,
    opens=st.none() | WORDS,
    adopted_from=st.none() | WORDS,
    status=st.none() | st.tuples(st.none() | STATUSES, STATUSES),
    start=INSTANT_PAIRS,
    end=INSTANT_PAIRS,
    reported_at=INSTANT_PAIRS,
    etr=st.none() | st.tuples(st.none() | INSTANTS, ETRS),
    cause=st.none() | st.tuples(st.none() | WORDS, WORDS),
    zone=st.none() | WORDS,
)


def kept(value):
    """Return a JSON value as it comes back from a column."""
    column = schema.Json()
    return column.process_result_value(column.process_bind_param(value, sqlite.dialect()), sqlite.dialect())


def build(outage):
    return Update(
        kind=Kind.OUTAGE,
        provider="zayo",
        event_id="TT-1",
        stamp=NOW,
        stamp_inferred=False,
        source="<1@zayo.example>",
        body_digest="digest",
        reader="zayo-outage",
        reader_version="1",
        outage=outage,
    )


@given(OUTAGES)
def test_what_is_stated_of_an_outage_is_read_as_it_was_written(outage):
    update = build(outage)
    assert events.proposal_of(kept(events.proposal_row([update]))) == (update,)
    row = SimpleNamespace(
        kind="outage",
        provider="zayo",
        event_id="TT-1",
        stamp=NOW,
        reader="zayo-outage",
        reader_version="1",
        statement=kept(statement_of(update)),
    )
    assert update_of(row) == update


@given(CORRECTIONS)
def test_what_a_person_says_of_an_outage_is_read_as_it_was_written(correction):
    edit = Edit(
        kind=Kind.OUTAGE,
        provider="zayo",
        id_key="tt-1",
        generation=1,
        stamp=NOW,
        author="alice",
        reason="they called",
        circuits=(CircuitCorrection(circuit_id="C-1", was=None, now=Impact.OUTAGE),),
        summary=("", "Fibre cut"),
        seen_start=NOW - timedelta(hours=1),
        outage=correction,
    )
    row = SimpleNamespace(
        kind="outage",
        provider="zayo",
        id_key="tt-1",
        generation=1,
        stamp=NOW,
        author="alice",
        why="they called",
        statement=kept(statement_of_edit(edit)),
    )
    assert edit_of(row) == edit


def test_only_what_is_stated_is_kept():
    etr = StatedEtr(at=None, words="to be advised")
    assert statement_of(build(StatedOutage()))["outage"] == {}
    assert statement_of(build(StatedOutage(etr=etr, cause="")))["outage"] == {
        "etr": {"words": "to be advised"},
        "cause": "",
    }
    assert "outage" not in statement_of(build(None))
