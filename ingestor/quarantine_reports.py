"""The quarantine as a person reads it: what waits, and one mail shown safely, with what can be done about it.

Nothing of a mail is printed as it is: html as the text that it shows, and no control character of any part.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingestor import terminal
from ingestor.reading_reports import print_matches
from parsers.lines import lines_of
from parsers.mime import MalformedMessage, Notification, decode, headers_of

Row = Mapping[str, Any]

# How much of each text of a mail is shown on a terminal, how many header fields of one name, and how many places.
SHOWN_LINES = 120
SHOWN_FIELDS = 10
SHOWN_PLACES = 10

HEADERS = ("From", "To", "Subject", "Date", "Message-ID", "Authentication-Results", "List-Id")

_IGNORE = ("ignore {which}", "it is nothing for us")
_EXPORT = ("export {which} --to DIRECTORY", "the mail as it came, to be looked at or reported")
_AS = ("accept {which} --as PROVIDER --because WHY", "it is this provider's, whoever sent it: as with a forward")
_FORM = ("accept {which} --reader FORM --because WHY", "read it in this form")

# What can be done about each reason of quarantine. The long form is docs/quarantine.md.
CURES: Mapping[str, Sequence[tuple[str, str]]] = {
    "unknown_provider": (
        ("assign {which} PROVIDER", "all that its sender writes is this provider's, from now on"),
        _AS,
        _IGNORE,
    ),
    "unparsed": (_IGNORE, ("retry {which}", "after an upgrade, or a change of the configuration"), _FORM, _EXPORT),
    "ambiguous": (
        ("accept {which} --as PROVIDER --because WHY", "it is this provider's"),
        ("assign {which} PROVIDER", "all that its sender writes is this provider's, from now on"),
        _IGNORE,
    ),
    "partial": (
        ("ignore {which}", "what is applied is enough, and stays"),
        ("accept {which} --because WHY", "apply the rest too, as it was read"),
    ),
    "invalid": (
        _IGNORE,
        ("accept {which} --because WHY", "it is right all the same: apply it as it was read"),
        _EXPORT,
    ),
    "untrusted": (
        ("release {which} --because WHY", "the carrier has said that it is theirs"),
        ("release {which} --as PROVIDER --because WHY", "the same, where its From is not one address"),
        _IGNORE,
    ),
    "proposal": (
        ("accept {which} --because WHY", "it was read well: apply it"),
        ("retry {which}", "ask the model again"),
        _IGNORE,
    ),
    "malformed": (_EXPORT, _IGNORE),
    "too_large": (_EXPORT, _IGNORE),
    "parser_crashed": (("retry {which}", "after an upgrade"), _EXPORT, _IGNORE),
    "parser_timeout": (
        ("retry {which}", "after an upgrade, a change of the configuration, or with more cpu_seconds"),
        _EXPORT,
        _IGNORE,
    ),
}
_FORGET = ("retry --forget {which}", "forget what was decided of it, and read it again")
_IGNORED = (("retry --ignored {which}", "read it again: it is for us after all"),)


# --- what waits ---------------------------------------------------------------------------------------------------


def commands(row: Row, which: str) -> list[tuple[str, str]]:
    """Return what can be done with a message or a group, each as a command and what it means."""
    if row.get("pruned_at"):
        return []
    if row["disposition"] == "ignored":
        cures: Sequence[tuple[str, str]] = _IGNORED
    else:
        cures = CURES[row["reason"]] if row["reason"] else ()
    decided = (_FORGET,) if row.get("decision") else ()
    return [(f"maintd quarantine {command.format(which=which)}", words) for command, words in (*cures, *decided)]


def print_groups(found: Sequence[Row], *, utc: bool) -> None:
    """Print what waits for a person, mails that are alike as one line."""
    if not found:
        terminal.print_error("no such mail waits in the quarantine")
        return
    terminal.print_table(
        ("group", "mails", "newest", "mail", "from", "subject", "reason", "what to do"),
        (
            (
                group["group"],
                group["mails"],
                terminal.local(group["newest"], utc=utc),
                group["message"],
                group["from"],
                group["subject"] or "(none)",
                group["reason"] or group["disposition"],
                ", ".join(_verbs(group)),
            )
            for group in found
        ),
    )


def _verbs(row: Row) -> list[str]:
    return list(dict.fromkeys(command.split()[2] for command, _ in commands(row, "")))


def print_each(found: Sequence[Row], *, utc: bool) -> None:
    """Print mails one by one."""
    if not found:
        terminal.print_error("no such mail waits in the quarantine")
        return
    terminal.print_table(
        ("id", "group", "received", "from", "subject", "reason"),
        (
            (
                message["id"],
                message["group"],
                terminal.local(message["received_at"], utc=utc),
                message["from"],
                message["subject"],
                message["reason"] or message["disposition"],
            )
            for message in found
        ),
    )


def print_assignments(found: Sequence[Row], *, utc: bool) -> None:
    """Print which senders people have assigned to a provider."""
    if not found:
        terminal.print_error("no sender is assigned")
        return
    terminal.print_table(
        ("sender", "provider", "by", "since"),
        ((row["sender"], row["provider"], row["author"], terminal.local(row["at"], utc=utc)) for row in found),
    )


# --- one mail -----------------------------------------------------------------------------------------------------


def message_json(message: Row, raw: bytes | None, group: str | None) -> dict[str, Any]:
    """Return all of one mail in JSON's terms: ``source`` is the mail as it came, None where its bytes went.

    ``group`` is None, here and below, for a mail that is neither in quarantine nor ignored.
    """
    return {
        **message,
        "group": group,
        "headers": [list(pair) for pair in _headers(raw)],
        "commands": [command for command, _ in commands(message, str(message["id"]))],
        "source": None if raw is None else raw.decode("utf-8", "replace"),
    }


def print_message(message: Row, raw: bytes | None, group: str | None, *, utc: bool) -> None:
    """Print a mail, why it is where it is, what each reader made of it, and what can be done about it.

    ``raw`` is None where its bytes went.
    """
    terminal.print_facts(
        {
            "message": message["id"],
            "group": group,
            "became": message["disposition"],
            "reason": message["reason"],
            "because": message["detail"],
            "decided": _decided(message["decision"], utc=utc),
            "retracted": _by(message["retracted"], utc=utc) if message["retracted"] else "",
            "provider": message["provider"],
            "reader": f"{message['reader']} {message['reader_version']}" if message["reader"] else "",
            "events": ", ".join(f"{provider} {event_id}" for _, provider, event_id in message["events"]),
            "received": terminal.local(message["received_at"], utc=utc),
            "size": f"{message['size']} bytes",
            "bytes": f"pruned {terminal.local(message['pruned_at'], utc=utc)}" if message["pruned_at"] else "",
            "attempts": message["attempts"] or "",
            "seen": "; ".join(_seen(place, utc=utc) for place in message["sightings"][:SHOWN_PLACES]),
        }
    )
    _print_titled("headers", ("header", "value"), _headers(raw))
    _print_titled(
        "what each reader made of it",
        ("reader", "provider", "what it made of it"),
        [(trial["reader"], trial["provider"] or "-", trial["outcome"]) for trial in message["trials"]],
    )
    print_matches(message["trials"])
    _print_titled("what to do", ("command", "what it means"), commands(message, str(message["id"])))
    for title, lines in _texts(raw):
        _print_text(title, lines)


def _seen(place: Row, *, utc: bool) -> str:
    where = " ".join(str(place[key]) for key in ("mailbox", "folder", "imap_uid") if place[key])
    return f"{where}, {terminal.local(place['seen_at'], utc=utc)}"


def _decided(decision: Row | None, *, utc: bool) -> str:
    """Return what a person said of a mail, in one line."""
    if decision is None:
        return ""
    said = [word for word in ("released", "accepted") if decision[word]]
    said += [f"as {decision['provider']}"] if decision["provider"] else []
    said += [f"in the form {decision['reader']}"] if decision["reader"] else []
    return f"{', '.join(said)} {_by(decision, utc=utc)}"


def _by(said: Row, *, utc: bool) -> str:
    return f"by {said['author']}, {terminal.local(said['at'], utc=utc)}: {said['reason']}"


def _headers(raw: bytes | None) -> list[tuple[str, str]]:
    found = headers_of(raw, HEADERS) if raw is not None else []
    return [pair for name in HEADERS for pair in [one for one in found if one[0] == name][:SHOWN_FIELDS]]


def _print_titled(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    if rows:
        terminal.print_line("")
        terminal.print_line(f"{title}:")
        terminal.print_table(columns, rows)


def _texts(raw: bytes | None) -> Iterator[tuple[str, list[str]]]:
    """Yield the texts of a mail, each with a title; of a mail that is not built as mail is, its source."""
    if raw is None:
        return
    try:
        notification = decode(raw)
    except MalformedMessage as problem:
        yield f"source, for it cannot be decoded: {problem}", source_lines(raw)
        return
    yield from _texts_of(notification, "")


def _texts_of(notification: Notification, where: str) -> Iterator[tuple[str, list[str]]]:
    for text in notification.texts:
        if text.type == "text/html":
            continue
        yield f"{where}{text.type}", text.text.splitlines()
    if notification.of_type("text/html"):
        yield f"{where}text of the html", lines_of(notification)
    if notification.files:
        yield f"{where}files", [f"{file.name or '(no name)'} {file.type}" for file in notification.files]
    for number, inner in enumerate(notification.attached, start=1):
        place = f"{where}attached mail {number}: "
        date = inner.date.isoformat() if inner.date else "-"
        yield f"{place}headers", [f"From: {inner.sender}", f"Date: {date}", f"Subject: {inner.subject}"]
        yield from _texts_of(inner, place)


def _print_text(title: str, lines: Sequence[str]) -> None:
    shown = list(_without_runs_of_blanks(lines))
    terminal.print_line("")
    terminal.print_line(f"--- {title} ---")
    for line in shown[:SHOWN_LINES]:
        terminal.print_line(line.rstrip())
    if len(shown) > SHOWN_LINES:
        terminal.print_line(f"… and {len(shown) - SHOWN_LINES} more lines: --source shows all")


def _without_runs_of_blanks(lines: Sequence[str]) -> Iterator[str]:
    before = ""
    for line in lines:
        if line.strip() or before.strip():
            yield line
        before = line


def source_lines(raw: bytes) -> list[str]:
    """Return a mail as it came, line by line, with what a terminal obeys written out."""
    return [
        terminal.escaped(line) for line in raw.decode("utf-8", "backslashreplace").replace("\r\n", "\n").split("\n")
    ]
