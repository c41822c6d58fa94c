"""Maintenances out of notifications, by circuit-maintenance-parser. No other module imports it.

Importing this module loads the library and makes it safe to call: it asks no network, writes no log and no warning,
and reads no environment. It is handed parts that we decoded, never a whole mail: its own way in loses mails, is
exponential in their nesting, and depends on the order of a set. Measured with 2.12.0.
"""

import binascii
import io
import logging
import os
import re
import sys
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from importlib import import_module
from importlib.metadata import version

from domain.errors import MaintdError
from domain.events import StatedCircuit, StatedWindow, Update, circuit_key_of, id_key_of
from domain.plausibility import stamp_of
from domain.vocabulary import Impact, Kind, MaintenanceStatus
from parsers.mime import SPREADSHEET, Notification, to_text, without_controls
from parsers.providers import Provider

# pandas reads the spreadsheets of one provider and costs 35 MiB and a third of the time of this import. Without it
# the library goes on and says so; load_spreadsheets gives it back when the first spreadsheet comes.
sys.modules["pandas"] = None  # type: ignore[assignment]
try:
    from circuit_maintenance_parser import SUPPORTED_PROVIDER_NAMES, Maintenance, init_provider
    from circuit_maintenance_parser import parser as library_parser
    from circuit_maintenance_parser import provider as library_provider
    from circuit_maintenance_parser.data import DataPart, NotificationData
    from circuit_maintenance_parser.utils import Geolocator
finally:
    del sys.modules["pandas"]

READER_VERSION = version("circuit-maintenance-parser")
READER_PREFIX = "circuit-maintenance-parser/"
GENERIC_READER = "genericprovider"
REASON_CHARACTERS = 300

_SPREADSHEET_BYTES = 20_000_000
_VARIANTS = 4

_META_CHARSET = re.compile(r"<meta\b[^<>]{0,300}?charset[^<>]{0,200}>", re.IGNORECASE)
_SUBJECT_PREFIX = re.compile(
    r"\s*(?:(?:re|fw|fwd|aw|wg|tr|rv|antw|doorst)\s*:\s*"
    r"|\[\s*(?:ext|extern|external|external email|external sender|suspicious|spam)\s*\]:?\s*"
    r"|(?:external|ext)\s*:\s*)",
    re.IGNORECASE,
)
_QUOTED_PRINTABLE = re.compile(r"=3D[\"']|=\r?\n[^\n]*[^>=\n]=\r?\n")
_QUOTED = re.compile(r"^> ?", re.MULTILINE)
_FIRST_TABLE = re.compile(r"<table\b(?:(?!<table\b|</table>).){0,6000}?</table>", re.IGNORECASE | re.DOTALL)
_BANNER_WORDS = re.compile(
    r"outside (?:of )?(?:the|your|our) (?:organi[sz]ation|company)|external (?:email|sender|mail)"
    r"|(?:caution|warning)\b.{0,80}\bextern",
    re.IGNORECASE,
)
_BANNER_CHARACTERS = 700
_TAG = re.compile(r"<[^>]+>")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_PLACEHOLDER_ACCOUNTS = frozenset(
    {
        "",
        "-",
        "_",
        "none",
        "n/a",
        "unknown",
        "not available",
        "not found",
        "customer info unavailable",
        "cogent customer",
    }
)


class NotUnderstood(MaintdError):
    """Say that a reader does not understand a notification, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What stands in every update of a notice, whatever its form.

    ``date`` is the notice's own Date, None where it cannot be read; ``date_inferred`` says that it is that of the mail
    which forwards it. ``forwarded``: somebody sent the notice on. ``source`` and ``body_digest`` are those of the
    message that came.
    """

    date: datetime | None
    date_inferred: bool
    received_at: datetime
    forwarded: bool
    source: str
    body_digest: str
    unverified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a reader makes of a notification: its updates, and what of it cannot be used, one line for each."""

    updates: tuple[Update, ...] = ()
    refused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read(notification: Notification, provider: Provider, notice: Notice) -> Statement:
    """Return what a notification states, read by the provider's reader.

    Empty means understood and nothing for us: the reader's own filter says that it is no maintenance. Raises
    ``NotUnderstood`` where the reader fails, or is not one of the library's.
    """
    if provider.reader is None or provider.reader not in SUPPORTED_PROVIDER_NAMES:
        raise NotUnderstood(f"provider {provider.name} has no reader: set one in the configuration")
    results = _results(notification, provider.reader)
    if not results and has_maintenance_calendar(notification):
        raise NotUnderstood(f"reader {provider.reader} passes over a mail with a maintenance calendar")
    return _statement(results, provider, notice)


def readers_of(notification: Notification) -> list[str]:
    """Return the readers that understand a notification. A calendar counts once: each reader of it reads the same."""
    return [reader for reader in _distinct_readers() if _understands(notification, reader)]


def has_maintenance_calendar(notification: Notification) -> bool:
    """Say whether a notification has a calendar with the properties of BCOP maintnote."""
    return any("X-MAINTNOTE-" in calendar.upper() for calendar in notification.of_type("text/calendar"))


def load_what_is_read(raw: bytes) -> None:
    """Load what only some messages need, before the time spent on this one is measured."""
    if SPREADSHEET.encode("ascii") in raw:
        _load_spreadsheets()


# Making the library safe


def _no_location(city: str) -> tuple[float, float]:
    raise LookupError(f"city {city} is not in the table of cities, and no network is asked")


class _Charsets:
    """What the library asks for the charset of a part, in place of chardet: we hand over UTF-8 and nothing else.

    Guessing took 5 % of the time of a mail, and could be wrong.
    """

    @staticmethod
    def detect(content: bytes) -> dict[str, str]:
        """Return the charset in the form of chardet's answer."""
        return {"encoding": "utf-8"}


def _tame_library() -> None:
    """Close the library's ways out: its log holds whole mails, and its look-ups go over the network."""
    library_provider.chardet = _Charsets
    logging.getLogger("circuit_maintenance_parser").setLevel(logging.CRITICAL)
    Geolocator.get_location_from_api = staticmethod(_no_location)
    # The switch of its LLM reader is looked up at every failure: what it reads must not become an event by itself.
    for name in [name for name in os.environ if name.startswith("PARSER_")]:
        del os.environ[name]


def _load_spreadsheets() -> None:
    if not library_parser.READ_EXCEL_PRESENT:
        library_parser.read_excel = import_module("pandas").read_excel
        library_parser.READ_EXCEL_PRESENT = True


_tame_library()


# From a notification to the library's results


@cache
def _distinct_readers() -> tuple[str, ...]:
    """Return the library's readers without those that do what another does: aliases, and calendars alone."""
    return tuple(
        name for name in SUPPORTED_PROVIDER_NAMES if name == "genericprovider" or not _reads_only_calendars(name)
    )


def _reads_only_calendars(reader: str) -> bool:
    parsers = [parser for processor in init_provider(reader)._processors for parser in processor.data_parsers]
    return parsers == [library_parser.ICal]


def _understands(notification: Notification, reader: str) -> bool:
    try:
        found = _results(notification, reader)
    except NotUnderstood:
        return False
    return any(reader == GENERIC_READER or not _is_calendar(maintenance) for maintenance in found)


def _results(notification: Notification, reader: str) -> list[Maintenance]:
    """Return the library's maintenances of the first candidate that gives any; none if its filter passes all over."""
    failures = []
    for data in _candidates(notification, reader):
        try:
            found = _parse(data, reader)
        # The library lets KeyError, TypeError, UnicodeDecodeError and AttributeError escape, by 15,000 mutated mails.
        except Exception as error:  # noqa: BLE001
            failures.append(_reason_of(error))
            continue
        if found:
            return found
    if failures:
        raise NotUnderstood(f"reader {reader}: {failures[0]}")
    return []


def _parse(data: NotificationData, reader: str) -> list[Maintenance]:
    if any(part.type == SPREADSHEET for part in data.data_parts):
        _load_spreadsheets()
    # What the libraries below warn of is the doing of whoever wrote the mail.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(init_provider(reader).get_maintenances(data))


def _reason_of(error: Exception) -> str:
    """Return why the library failed, in one line; what ran out of memory is no failure to understand."""
    causes = [_root(cause) for cause in getattr(error, "related_exceptions", ())] or [_root(error)]
    if any(isinstance(cause, MemoryError) for cause in causes):
        raise MemoryError from error
    reasons = dict.fromkeys(_in_words(cause) for cause in causes)
    return "; ".join(reasons)[:REASON_CHARACTERS]


def _root(error: BaseException) -> BaseException:
    while error.__cause__:
        error = error.__cause__
    return error


def _in_words(error: BaseException) -> str:
    # Later lines of the library's messages hold the mail itself.
    lines = str(error).splitlines()[:2]
    text = ": ".join(lines) if hasattr(error, "error_count") else "".join(lines[:1])
    return without_controls(f"{type(error).__name__}: {text}")[:REASON_CHARACTERS]


def _candidates(notification: Notification, reader: str) -> Iterator[NotificationData]:
    """Yield what to hand to the library, the likeliest first, each with one part of a type."""
    written_at = notification.date or notification.relayed_at
    date = format_datetime(written_at) if written_at else ""
    variants = {
        "text/html": _htmls(notification, date if reader == "aws" else ""),
        "text/plain": _plains(notification),
        "text/calendar": [calendar.encode() for calendar in notification.of_type("text/calendar")],
        **_files(notification, reader),
    }
    for index in range(min(_VARIANTS, max(1, *map(len, variants.values())))):
        chosen = {kind: texts[min(index, len(texts) - 1)] for kind, texts in variants.items() if texts}
        # The filters of these two ask for a part that no mail has, for one with a calendar.
        if reader in ("pccw", "gtt") and "text/calendar" in chosen:
            chosen["ical"] = chosen["text/calendar"]
        if date:
            chosen["email-header-date"] = date.encode()
        for subject in _subjects(notification):
            chosen["email-header-subject"] = subject.encode()
            yield NotificationData(data_parts=[DataPart(kind, chosen[kind]) for kind in sorted(chosen)])


def _htmls(notification: Notification, aws_date: str) -> list[bytes]:
    """Return the html parts, the longest first, and then again without the banner that a mail server put on top.

    What passed through a careless forwarder is still in quoted-printable, and is decoded once more.
    """
    texts = sorted(notification.of_type("text/html"), key=len, reverse=True)
    texts = [decoded for text in texts if (decoded := _decoded_again(text))] + texts
    texts += [text for text in map(_without_banner, texts) if text]
    if aws_date:
        # This reader takes the stamp from the third line of the text.
        texts = [f"x\nx\n{aws_date}\n{text}" for text in texts]
    return [_ascii_html(text) for text in texts]


def _ascii_html(text: str) -> bytes:
    """Return html that the library reads as it is: without guessing its charset, which takes 75 % of its time.

    It decodes quoted-printable once more, so "=" is written as such.
    """
    html = '<meta charset="utf-8">' + _META_CHARSET.sub("", text)
    return html.encode("ascii", "xmlcharrefreplace").replace(b"=", b"=3D")


def _decoded_again(text: str) -> str | None:
    return to_text(binascii.a2b_qp(text.encode()), "utf-8") if _QUOTED_PRINTABLE.search(text) else None


def _without_banner(text: str) -> str | None:
    banner = _FIRST_TABLE.search(text, 0, 20_000)
    if not banner or len(_TAG.sub("", banner[0])) >= _BANNER_CHARACTERS or not _BANNER_WORDS.search(banner[0]):
        return None
    return text[: banner.start()] + text[banner.end() :]


def _plains(notification: Notification) -> list[bytes]:
    texts = []
    for text in notification.of_type("text/plain"):
        if "\n> " in text or text.startswith("> "):
            texts.append(_QUOTED.sub("", text))
        texts.append(text)
    return [text.encode() for text in texts]


def _files(notification: Notification, reader: str) -> dict[str, list[bytes]]:
    files: dict[str, list[bytes]] = {}
    for file in notification.files:
        if file.type != SPREADSHEET or (reader == "att" and _is_small_spreadsheet(file.content)):
            files.setdefault(file.type, []).append(file.content)
    return files


def _is_small_spreadsheet(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return sum(entry.file_size for entry in archive.infolist()) <= _SPREADSHEET_BYTES
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def _subjects(notification: Notification) -> list[str]:
    """Return the subjects to try: without what was put in front of it on the way, then as it stands."""
    subjects = [subject for subject in (notification.subject, notification.other_subject) if subject]
    bare = [_bare(subject, notification.list_name) for subject in subjects]
    return list(dict.fromkeys((*bare, *subjects))) or [""]


def _bare(subject: str, list_name: str) -> str:
    tag = re.compile(rf"\s*\[[^\]]{{0,20}}{re.escape(list_name)}[^\]]{{0,20}}\]\s*", re.IGNORECASE)
    while True:
        prefix = _SUBJECT_PREFIX.match(subject) or (tag.match(subject) if list_name else None)
        if not prefix:
            return subject
        subject = subject[prefix.end() :]


# From the library's results to updates


def _statement(results: Sequence[Maintenance], provider: Provider, notice: Notice) -> Statement:
    """Return the results as updates: those with one id and account are one, with several windows."""
    groups: dict[tuple[str, str | None], list[_Result]] = {}
    refused = []
    for found in results:
        result = _result(found, provider)
        if result.fault:
            refused.append(f"{result.event_id}: {result.fault}")
        else:
            groups.setdefault((id_key_of(result.event_id), result.account), []).append(result)
    nameless = any(result.nameless for group in groups.values() for result in group)
    return Statement(
        updates=tuple(_update(group, provider, notice) for group in groups.values()),
        refused=tuple(refused),
        warnings=("a circuit without an id was left out",) if nameless else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """One result of the library, with None for what it only fills in. ``fault``: its times are no times at all."""

    event_id: str
    account: str | None
    status: MaintenanceStatus | None
    start: datetime | None
    end: datetime | None
    circuits: tuple[StatedCircuit, ...] | None
    nameless: bool
    summary: str | None
    organizer: str | None
    stated_stamp: datetime | None
    sequence: int | None
    ical_uid: str | None
    fault: str = ""


def _result(found: Maintenance, provider: Provider) -> _Result:
    calendar = _is_calendar(found)
    timed = not _times_are_invented(found, provider)
    start, end = _instant(found.start), _instant(found.end)
    circuits = _circuits(found, states_impact=calendar or provider.states_impact)
    identified = calendar and not provider.random_uids and found.uid != "0"
    return _Result(
        event_id=_line(found.maintenance_id),
        account=None if _line(found.account).lower() in _PLACEHOLDER_ACCOUNTS else _line(found.account),
        status=None if found.status.value == "NO-CHANGE" else MaintenanceStatus(found.status.value),
        start=start if timed else None,
        end=end if timed else None,
        circuits=circuits or None,
        nameless=any(not _line(circuit.circuit_id) for circuit in found.circuits),
        summary=_text(found.summary) or None,
        organizer=_line(found.organizer) or None,
        stated_stamp=_instant(found.stamp) if calendar else None,
        sequence=found.sequence if identified and found.sequence >= 0 else None,
        ical_uid=_line(found.uid) if identified else None,
        fault="" if start and end else "a window that no calendar can hold",
    )


def _is_calendar(found: Maintenance) -> bool:
    return "ICal" in found.metadata.parsers


def _times_are_invented(found: Maintenance, provider: Provider) -> bool:
    """Say whether a cancellation states no times: the library then writes the first second of 1970."""
    return provider.reader == "gtt" and (found.start, found.end) == (0, 1)


def _circuits(found: Maintenance, *, states_impact: bool) -> tuple[StatedCircuit, ...]:
    """Return the circuits of a result, each once, with the worst impact that is stated of it."""
    circuits: dict[str, StatedCircuit] = {}
    for named in found.circuits:
        circuit_id = _line(named.circuit_id)
        impact = Impact(named.impact.value) if states_impact else None
        if circuit_id:
            _join(circuits, StatedCircuit(circuit_id=circuit_id, impact=impact))
    return tuple(circuits.values())


def _join(circuits: dict[str, StatedCircuit], circuit: StatedCircuit) -> None:
    held = circuits.setdefault(circuit_key_of(circuit.circuit_id), circuit)
    if held.impact and circuit.impact and circuit.impact.severity > held.impact.severity:
        circuits[circuit_key_of(circuit.circuit_id)] = replace(held, impact=circuit.impact)


def _update(group: Sequence[_Result], provider: Provider, notice: Notice) -> Update:
    first = group[0]
    status = next((result.status for result in group if result.status), None)
    uids = {result.ical_uid for result in group}
    stamp, stamp_inferred = stamp_of(notice.date or first.stated_stamp, notice.received_at, forwarded=notice.forwarded)
    return Update(
        kind=Kind.MAINTENANCE,
        provider=provider.name,
        event_id=first.event_id,
        stamp=stamp,
        stamp_inferred=stamp_inferred or notice.date_inferred,
        source=notice.source,
        body_digest=notice.body_digest,
        reader=READER_PREFIX + str(provider.reader),
        reader_version=READER_VERSION,
        # SEQUENCE counts within one UID: of several it says nothing.
        sequence=first.sequence if len(uids) == 1 else None,
        ical_uid=first.ical_uid if len(uids) == 1 else None,
        account=first.account,
        status=status,
        windows=_windows(group, status) or None,
        circuits=_joined([result for result in group if result.start is None]),
        summary=next((result.summary for result in group if result.summary), None),
        organizer=next((result.organizer for result in group if result.organizer), None),
        unverified=notice.unverified,
    )


def _windows(group: Sequence[_Result], status: MaintenanceStatus | None) -> tuple[StatedWindow, ...]:
    """Return the windows of a group in the order of the notice; what is said twice of one window is joined."""
    spans: dict[tuple[datetime, datetime, str | None], list[_Result]] = {}
    for result in group:
        if result.start and result.end:
            spans.setdefault((result.start, result.end, result.ical_uid), []).append(result)
    return tuple(
        StatedWindow(
            start=start,
            end=end,
            status=said[-1].status if said[-1].status is not status else None,
            circuits=_joined(said),
            ical_uid=ical_uid,
        )
        for (start, end, ical_uid), said in spans.items()
    )


def _joined(results: Sequence[_Result]) -> tuple[StatedCircuit, ...] | None:
    circuits: dict[str, StatedCircuit] = {}
    for result in results:
        for circuit in result.circuits or ():
            _join(circuits, circuit)
    return tuple(circuits.values()) or None


def _instant(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _line(text: str) -> str:
    return without_controls(str(text))


def _text(text: str) -> str:
    return _UNPRINTABLE.sub("", str(text)).strip()
