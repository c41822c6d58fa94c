"""What reading one mail gave, as a person reads it and as JSON: what would be recorded, and what each reader found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from domain.events import StatedCircuit, StatedEtr, StatedOutage, StatedWindow, Update, iso_utc
from domain.message import Reading
from ingestor import terminal
from parsers.mime import MalformedMessage, Notification, decode

NOT_STATED = "not stated"


def reading_json(reading: Reading) -> dict[str, Any]:
    """Return what reading one mail gave, in JSON's terms."""
    return {
        "provider": reading.provider,
        "reader": reading.reader,
        "reader_version": reading.reader_version,
        "disposition": reading.disposition.value,
        "reason": reading.reason.value if reading.reason else None,
        "detail": reading.detail,
        "warnings": list(reading.warnings),
        "trials": [asdict(trial) for trial in reading.trials],
        "updates": [_update_json(update) for update in reading.updates],
    }


def _update_json(update: Update) -> dict[str, Any]:
    return {
        "kind": update.kind.value,
        "provider": update.provider,
        "id": update.event_id,
        "account": update.account,
        "status": _status(update),
        "stamp": iso_utc(update.stamp),
        "stamp_inferred": update.stamp_inferred,
        "windows": [
            {
                "start": iso_utc(window.start),
                "end": iso_utc(window.end),
                "status": window.status.value if window.status else None,
                "number": window.number,
                "circuits": [asdict(circuit) for circuit in window.circuits or ()],
            }
            for window in update.windows or ()
        ],
        "circuits": [asdict(circuit) for circuit in update.circuits or ()],
        "outage": _outage_json(update.outage) if update.outage else None,
        "summary": update.summary,
        "organizer": update.organizer,
        "references": list(update.references),
        "replaces": update.replaces,
        "replaced_by": update.replaced_by,
        "unverified": update.unverified,
    }


def _outage_json(outage: StatedOutage) -> dict[str, Any]:
    """Return what is stated of an outage; an ``etr`` without an instant says that there is none now."""
    times = {name: getattr(outage, name) for name in ("start", "end", "reported_at")}
    etr = outage.etr
    return {
        **{name: iso_utc(at) if at else None for name, at in times.items()},
        "etr": {"at": iso_utc(etr.at) if etr.at else None, "words": etr.words} if etr else None,
        "cause": outage.cause,
        "zone": outage.zone,
    }


def _status(update: Update) -> str | None:
    status = update.outage.status if update.outage else update.status
    return status.value if status else None


def print_reading(reading: Reading, *, utc: bool) -> None:
    """Print what reading one mail gave: what became of it, what each reader found, and what would be recorded."""
    terminal.print_facts(
        {
            "provider": reading.provider,
            "reader": f"{reading.reader} {reading.reader_version}" if reading.reader else None,
            "becomes": reading.disposition.value,
            "reason": reading.reason.value if reading.reason else None,
            "because": reading.detail,
        }
    )
    for warning in reading.warnings:
        terminal.print_line(f"warning: {warning}")
    if not reading.updates:
        terminal.print_line("")
        terminal.print_table(
            ("provider", "reader", "made of it"),
            ((trial.provider or "-", trial.reader, trial.outcome) for trial in reading.trials),
        )
    print_matches([asdict(trial) for trial in reading.trials])
    for update in reading.updates:
        _print_update(update, utc=utc)


def print_matches(trials: Sequence[Mapping[str, Any]]) -> None:
    """Print what each reader found, field by field: of trials as they stand in JSON."""
    for trial in trials:
        if trial["matched"]:
            terminal.print_line("")
            terminal.print_line(f"what {trial['reader']} found:")
            terminal.print_table(
                ("field", "in the mail", "value"),
                ((match["field"], match["words"], match["value"] or "-") for match in trial["matched"]),
            )


def _print_update(update: Update, *, utc: bool) -> None:
    terminal.print_line("")
    terminal.print_facts(
        {
            update.kind.value: f"{update.provider} {update.event_id}",
            "status": _status(update) or NOT_STATED,
            **(_course(update.outage, utc=utc) if update.outage else {}),
            "account": update.account,
            "said at": terminal.local(iso_utc(update.stamp), utc=utc)
            + (" (inferred)" if update.stamp_inferred else ""),
            "summary": update.summary,
            "also known as": ", ".join(update.references),
            "replaces": update.replaces,
            "replaced by": update.replaced_by,
        }
    )
    if update.windows:
        terminal.print_table(
            ("window", "status", "circuit", "impact"),
            (
                (
                    terminal.span(iso_utc(window.start), iso_utc(window.end), utc=utc),
                    (window.status or update.status or NOT_STATED),
                    *circuit,
                )
                for window in update.windows
                for circuit in _circuit_rows(window)
            ),
        )
    if update.circuits:
        terminal.print_table(("circuit", "impact"), map(_circuit_row, update.circuits))


def _course(outage: StatedOutage, *, utc: bool) -> dict[str, str]:
    """Return what is stated of the course of an outage, also what is not, which is what a person looks for."""
    times = {"start": outage.start, "reported": outage.reported_at, "end": outage.end}
    return {
        **{name: terminal.local(iso_utc(at), utc=utc) if at else NOT_STATED for name, at in times.items()},
        "ETR": _etr(outage.etr, utc=utc) if outage.etr else NOT_STATED,
        "cause": outage.cause or NOT_STATED,
        "told in zone": outage.zone or "",
    }


def _etr(etr: StatedEtr, *, utc: bool) -> str:
    at = terminal.local(iso_utc(etr.at), utc=utc) if etr.at else "none now"
    return f'{at}, from "{etr.words}"'


def _circuit_row(circuit: StatedCircuit) -> tuple[str, str]:
    return circuit.circuit_id, circuit.impact or NOT_STATED


def _circuit_rows(window: StatedWindow) -> list[tuple[str, str]]:
    """Return the circuits of a window as rows: one that says so where it has none."""
    if window.circuits is None:
        return [(NOT_STATED, "-")]
    return list(map(_circuit_row, window.circuits)) or [("none", "-")]


# --- the text itself --------------------------------------------------------------------------------------------


def print_texts(raw: bytes) -> None:
    """Print the texts of a mail over which the patterns of a template run."""
    try:
        notification = decode(raw)
    except MalformedMessage as problem:
        terminal.print_error(f"it cannot be decoded: {problem}")
        return
    for title, text in _texts_of(notification, ""):
        terminal.print_line(f"--- {title} ---")
        for line in text.splitlines():
            terminal.print_line(line)
        terminal.print_line("")


def _texts_of(notification: Notification, where: str) -> Iterator[tuple[str, str]]:
    # 0.15 s of each command's start: only those who ask for the text pay them.
    from parsers.template import subjects_of, texts_of  # noqa: PLC0415

    yield f"{where}subject", "\n".join(subjects_of(notification))
    for number, text in enumerate(texts_of(notification), start=1):
        yield f"{where}body, text {number}", text
    for number, inner in enumerate(notification.attached, start=1):
        yield from _texts_of(inner, f"{where}attached mail {number}: ")
