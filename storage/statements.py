"""What messages and people state, as the JSON of a row: only what is stated is kept, so that the row tells what it was.

Whatever is written here is read back as it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Row

from domain.events import (
    CircuitCorrection,
    Edit,
    OutageCorrection,
    Span,
    StatedCircuit,
    StatedEtr,
    StatedOutage,
    StatedWindow,
    Update,
    WindowCorrection,
)
from domain.vocabulary import Impact, Kind, MaintenanceStatus, OutageStatus

Statement = dict[str, Any]


def _stated(**said: Any) -> Statement:
    """Return what is stated, without what is not."""
    return {name: value for name, value in said.items() if value is not None}


# --- updates ----------------------------------------------------------------------------------------------------


def statement_of(update: Update) -> Statement:
    """Return all that an update says beside its key, its id, its stamp and its reader, which are columns."""
    return _stated(
        source=update.source,
        body_digest=update.body_digest,
        stamp_inferred=update.stamp_inferred,
        unverified=update.unverified,
        sequence=update.sequence,
        ical_uid=update.ical_uid,
        account=update.account,
        status=update.status,
        windows=None if update.windows is None else [_window_statement(window) for window in update.windows],
        circuits=_circuits_statement(update.circuits),
        summary=update.summary,
        organizer=update.organizer,
        references=list(update.references) or None,
        replaces=update.replaces,
        replaced_by=update.replaced_by,
        outage=None if update.outage is None else _outage_statement(update.outage),
    )


def update_of(row: Row[Any] | SimpleNamespace) -> Update:
    """Return the update that a row of the table holds."""
    said: Mapping[str, Any] = row.statement
    stated_windows = said.get("windows")
    return Update(
        kind=Kind(row.kind),
        provider=row.provider,
        event_id=row.event_id,
        stamp=row.stamp,
        stamp_inferred=said["stamp_inferred"],
        source=said["source"],
        body_digest=said["body_digest"],
        reader=row.reader,
        reader_version=row.reader_version,
        sequence=said.get("sequence"),
        ical_uid=said.get("ical_uid"),
        account=said.get("account"),
        status=_status(said.get("status")),
        windows=None if stated_windows is None else tuple(_stated_window(window) for window in stated_windows),
        circuits=_stated_circuits(said.get("circuits")),
        summary=said.get("summary"),
        organizer=said.get("organizer"),
        references=tuple(said.get("references", ())),
        replaces=said.get("replaces"),
        replaced_by=said.get("replaced_by"),
        outage=_stated_outage(said["outage"]) if "outage" in said else None,
        unverified=said["unverified"],
    )


def _window_statement(window: StatedWindow) -> Statement:
    return _stated(
        start=window.start.isoformat(),
        end=window.end.isoformat(),
        status=window.status,
        circuits=_circuits_statement(window.circuits),
        ical_uid=window.ical_uid,
        number=window.number,
    )


def _circuits_statement(stated: Iterable[StatedCircuit] | None) -> list[list[str | None]] | None:
    return None if stated is None else [[circuit.circuit_id, circuit.impact] for circuit in stated]


def _outage_statement(outage: StatedOutage) -> Statement:
    return _stated(**{one.name: _word(getattr(outage, one.name)) for one in fields(outage)})


def _stated_window(said: Mapping[str, Any]) -> StatedWindow:
    return StatedWindow(
        start=datetime.fromisoformat(said["start"]),
        end=datetime.fromisoformat(said["end"]),
        status=_status(said.get("status")),
        circuits=_stated_circuits(said.get("circuits")),
        ical_uid=said.get("ical_uid"),
        number=said.get("number"),
    )


def _stated_circuits(said: Sequence[Sequence[str]] | None) -> tuple[StatedCircuit, ...] | None:
    if said is None:
        return None
    return tuple(StatedCircuit(circuit_id=circuit_id, impact=_impact(impact)) for circuit_id, impact in said)


def _stated_outage(said: Mapping[str, Any]) -> StatedOutage:
    return StatedOutage(
        status=_outage_status(said.get("status")),
        start=_instant(said.get("start")),
        end=_instant(said.get("end")),
        reported_at=_instant(said.get("reported_at")),
        etr=_etr(said["etr"]) if "etr" in said else None,
        cause=said.get("cause"),
        zone=said.get("zone"),
    )


# --- edits ------------------------------------------------------------------------------------------------------


def statement_of_edit(edit: Edit) -> Statement:
    """Return all that a person says beside the key, the stamp and the reason, which are columns."""
    return _stated(
        status=list(edit.status) if edit.status else None,
        windows=[[_span_row(one.was), _span_row(one.now), one.status] for one in edit.windows] or None,
        held=[_span_row(span) for span in edit.held] or None,
        circuits=[[one.circuit_id, one.was, one.now] for one in edit.circuits] or None,
        summary=list(edit.summary) if edit.summary else None,
        seen_start=_word(edit.seen_start),
        outage=None if edit.outage is None else _correction_statement(edit.outage),
    )


def edit_of(row: Row[Any]) -> Edit:
    """Return the edit that a row of the table holds."""
    said: Mapping[str, Any] = row.statement
    status, summary = said.get("status"), said.get("summary")
    return Edit(
        kind=Kind(row.kind),
        provider=row.provider,
        id_key=row.id_key,
        generation=row.generation,
        stamp=row.stamp,
        author=row.author,
        reason=row.why,
        status=(MaintenanceStatus(status[0]), MaintenanceStatus(status[1])) if status else None,
        windows=tuple(
            WindowCorrection(was=_span(was), now=_span(now), status=_status(of_window))
            for was, now, of_window in said.get("windows", ())
        ),
        held=tuple(span for span in map(_span, said.get("held", ())) if span),
        circuits=tuple(
            CircuitCorrection(circuit_id=circuit_id, was=_impact(was), now=_impact(now))
            for circuit_id, was, now in said.get("circuits", ())
        ),
        summary=(summary[0], summary[1]) if summary else None,
        seen_start=_instant(said.get("seen_start")),
        outage=_correction(said["outage"]) if "outage" in said else None,
    )


def _correction_statement(correction: OutageCorrection) -> Statement:
    said = {one.name: getattr(correction, one.name) for one in fields(correction)}
    pairs = {name: [_word(one) for one in value] for name, value in said.items() if isinstance(value, tuple)}
    return _stated(**(said | pairs))


def _correction(said: Mapping[str, Any]) -> OutageCorrection:
    status, etr, cause = said.get("status"), said.get("etr"), said.get("cause")
    return OutageCorrection(
        opens=said.get("opens"),
        adopted_from=said.get("adopted_from"),
        status=(_outage_status(status[0]), OutageStatus(status[1])) if status else None,
        start=_instants(said.get("start")),
        end=_instants(said.get("end")),
        reported_at=_instants(said.get("reported_at")),
        etr=(_instant(etr[0]), _etr(etr[1])) if etr else None,
        cause=(cause[0], cause[1]) if cause else None,
        zone=said.get("zone"),
    )


# --- their parts ------------------------------------------------------------------------------------------------


def _word(value: datetime | StatedEtr | str | None) -> Any:
    """Return a value as JSON."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, StatedEtr):
        return _stated(at=_word(value.at), words=value.words)
    return value


def _etr(said: Mapping[str, Any]) -> StatedEtr:
    return StatedEtr(at=_instant(said.get("at")), words=said["words"])


def _instant(said: str | None) -> datetime | None:
    return None if said is None else datetime.fromisoformat(said)


def _instants(said: Sequence[str | None] | None) -> tuple[datetime | None, datetime] | None:
    """Return what a person saw and what is right instead."""
    if said is None:
        return None
    was, now = said
    return _instant(was), datetime.fromisoformat(now or "")


def _span_row(span: Span | None) -> list[str] | None:
    return None if span is None else [instant.isoformat() for instant in span]


def _span(said: Sequence[str] | None) -> Span | None:
    return None if said is None else (datetime.fromisoformat(said[0]), datetime.fromisoformat(said[1]))


def _status(said: str | None) -> MaintenanceStatus | None:
    return None if said is None else MaintenanceStatus(said)


def _outage_status(said: str | None) -> OutageStatus | None:
    return None if said is None else OutageStatus(said)


def _impact(said: str | None) -> Impact | None:
    return None if said is None else Impact(said)
