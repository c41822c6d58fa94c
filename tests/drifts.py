"""What may become of a carrier's form from one year to the next: the bytes of a notice go in, those in a new form out.

Planned work stays planned work, though its own reader may not know it any more. What is damaged on the way is a matter
of tests/mutations.py, and what happens to a mail that is sent on one of tests/transformations.py.
"""

import re
from collections.abc import Callable
from email import message_from_bytes

from tests.transformations import Notice, again, as_text, body_of, taken_apart

Drift = Callable[[bytes], bytes]

_OF_WORK = r"(?:maintenance |planned |scheduled |event |activity |work |implementation )?"
# Labels as other carriers write them, those of outages among them.
_LABELS = {
    rf"{_OF_WORK}start(?: ?date)?(?: ?/? ?time)?": "Start",
    rf"{_OF_WORK}(?:end|finish)(?: ?date)?(?: ?/? ?time)?": "End",
    r"(?:maintenance |planned |expected |estimated )?(?:duration|downtime)": "Estimated time to restore",
    r"(?:expected |service |potential |customer )?impact": "Service impact",
    r"(?:reason|purpose|description|summary|details)": "Reason for outage",
    r"(?:circuit|service|order|cid|line)s?(?: ?ids?| ?numbers?| ?#)?": "Affected circuit",
    r"(?:status|state)": "Current status",
}
_IDS = (
    r"(?:maintenance|change|event|work|reference|ticket|notification|case|scheduled maintenance|rfc|project|pwic|gcr"
    r"|crq)"
    r"(?: ?ticket| ?reference| ?request| ?notification| ?event)?(?: ?ids?| ?no\.?| ?numbers?| ?ref\.?| ?#)?"
)
_SUBJECT_WORDS = re.compile(
    r"\b(?:re-?scheduled?|scheduled|planned|emergency|urgent|demand|maintenance|works?|window|outage|notification"
    r"|mantenimiento|programado|manutenção|programada|geplande|werkzaamheden|completed|cancell?ed|reminder)\b",
    re.IGNORECASE,
)
_WORDS = (
    (r"maintenances?", "activity"),
    (r"(?:pre-?)?planned|scheduled", "upcoming"),
    (r"works?\b", "activity"),
    (r"window", "period"),
)


def labels_renamed(raw: bytes) -> bytes:
    return _in_texts(raw, _relabelled)


def id_label_replaced(raw: bytes) -> bytes:
    return _in_texts(raw, lambda text: _label(_IDS).sub(r"\g<before>Trouble ticket number\g<after>", text))


def table_flattened_to_text(raw: bytes) -> bytes:
    """A html notice comes as plain text, each row of its tables in one line behind its first cell."""
    notice = taken_apart(raw)
    return _with(raw, notice, text=_flat(notice.html) if notice.html else notice.text, html="")


def text_put_into_a_table(raw: bytes) -> bytes:
    """A notice in lines comes as a table with a row for each label."""
    notice = taken_apart(raw)
    lines = (notice.text or as_text(notice.html)).splitlines()
    rows = [line.partition(":") for line in lines if line.strip()]
    cells = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>\n" if colon else f"<tr><td>{name}</td></tr>\n"
                    for name, colon, value in rows)  # fmt: skip
    return _with(raw, notice, text="", html=f"<html><body><table>\n{cells}</table></body></html>\n")


def subject_of_an_outage(raw: bytes) -> bytes:
    """The subject calls the work what it does to the customer."""
    left = " ".join(_SUBJECT_WORDS.sub(" ", taken_apart(raw).subject).split())
    return _again(raw, subject=f"Service impact {left}: outage")


def subject_without_its_words(raw: bytes) -> bytes:
    left = " ".join(_SUBJECT_WORDS.sub(" ", taken_apart(raw).subject).split())
    return _again(raw, subject=left)


def said_in_other_words(raw: bytes) -> bytes:
    """Nothing is called maintenance, planned or scheduled any more, neither in the subject nor in the text."""
    changed = _in_texts(raw, _reworded)
    return _again(changed, subject=_reworded(taken_apart(changed).subject))


def in_the_labels_of_a_trouble_ticket(raw: bytes) -> bytes:
    """All at once: another subject, the ticket under another label, the labels of an outage."""
    return subject_of_an_outage(id_label_replaced(labels_renamed(raw)))


def nothing_says_that_it_is_planned(raw: bytes) -> bytes:
    """All at once, and no word of planned work is left: that it lies ahead is all that tells it from an outage."""
    return in_the_labels_of_a_trouble_ticket(said_in_other_words(raw))


DRIFTS: dict[str, Drift] = {
    drift.__name__: drift
    for drift in (
        labels_renamed,
        id_label_replaced,
        table_flattened_to_text,
        text_put_into_a_table,
        subject_of_an_outage,
        subject_without_its_words,
        said_in_other_words,
        in_the_labels_of_a_trouble_ticket,
    )
}


def _label(words: str) -> re.Pattern[str]:
    """Return a label at the beginning of a line or a cell, before a colon or at the end of its cell."""
    return re.compile(
        rf"(?P<before>^[ \t*]{{0,8}}|>\s{{0,8}}){words}(?P<after>[ \t*]{{0,4}}(?::|</))", re.IGNORECASE | re.MULTILINE
    )


def _relabelled(text: str) -> str:
    for words, label in _LABELS.items():
        text = _label(words).sub(rf"\g<before>{label}\g<after>", text)
    return text


def _reworded(text: str) -> str:
    for words, other in _WORDS:
        text = re.sub(rf"\b(?:{words})", other, text, flags=re.IGNORECASE)
    return text


def _flat(html: str) -> str:
    rows = re.sub(r"(?i)</t[dh]>\s*<t[dh]\b[^>]*>", ": ", html)
    return "\n".join(" ".join(line.split()) for line in as_text(rows).splitlines() if line.strip()) + "\n"


def _in_texts(raw: bytes, change: Callable[[str], str]) -> bytes:
    notice = taken_apart(raw)
    return _with(raw, notice, text=change(notice.text), html=change(notice.html))


def _with(raw: bytes, notice: Notice, *, text: str, html: str) -> bytes:
    """Return a mail with other texts; one that has none, but calendars or files, stays as it is."""
    return again(raw, body_of(text, html, notice.others)) if text or html else raw


def _again(raw: bytes, *, subject: str) -> bytes:
    """Return a mail under another subject, its body untouched."""
    message = message_from_bytes(raw)
    del message["Subject"]
    message["Subject"] = subject if subject.isascii() else f"=?utf-8?q?{_encoded(subject)}?="
    return message.as_bytes()


def _encoded(subject: str) -> str:
    return "".join(f"={byte:02X}" for byte in subject.encode())
