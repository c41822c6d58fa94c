"""Reader of the mails of OneUptime about incidents on a status page.

A mail names no time. What it calls a severity is that of the incident, and not of each component.
Source: https://github.com/OneUptime/oneuptime, App/FeatureSet/Notification/Templates (SubscriberIncidentCreated.hbs,
SubscriberIncidentStateChanged.hbs, SubscriberIncidentNoteCreated.hbs, SubscriberIncidentPostmortemCreated.hbs) and
App/FeatureSet/Workers/Jobs/Incident*/ (subjects, links, how the components are joined).
"""

import re
from collections.abc import Mapping, Sequence

from domain.events import StatedCircuit
from domain.vocabulary import OutageStatus
from parsers.mime import Notification
from parsers.outage.labels import newest_text
from parsers.outage.page_updates import told_by
from parsers.outage.pages import bare, incidents_in, ways
from parsers.outage.times import moments_of
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result, joined

# "Identified" is where an incident begins, unless a page has other states: that nobody can see.
_STATUSES: Mapping[str, OutageStatus] = {
    "acknowledged": OutageStatus.INVESTIGATING,
    "investigating": OutageStatus.INVESTIGATING,
    "monitoring": OutageStatus.MONITORING,
    "resolved": OutageStatus.RESOLVED,
}
_POSTMORTEM = "a postmortem report has been published"
_HEAD = re.compile(
    r"a new incident has been reported that may affect the services you're subscribed to\."
    r"|the status of an incident affecting services you're subscribed to has been updated\."
    r"|a new note has been added to the incident\. here are the details:"
    rf"|{_POSTMORTEM} for an incident that affected services you're subscribed to\.",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?P<label>incident(?: title)?|severity|current state|affected resources|resources affected|description|note"
    r"|postmortem summary)\s?:?",
    re.IGNORECASE,
)
_END = re.compile(r"view (?:incident details|status page)|read full postmortem|find further information", re.IGNORECASE)
_TEXTS = ("description", "note", "postmortem summary")
_MOST_COMPONENTS = 100


def _read(notification: Notification, provider: Provider) -> Findings:
    newest = newest_text(notification)
    head, stated = _update(newest)
    message = [line for label in _TEXTS for line in stated.get(label, ())]
    ids = incidents_in(newest, apart_from=message)
    if not ids:
        raise NotUnderstood("reader oneuptime: it links to no incident")
    state = "resolved" if head.lower().startswith(_POSTMORTEM) else _first(stated, "current state")
    told = told_by(message, _STATUSES.get(state.lower()), moments_of(notification, provider))
    circuits = _circuits(_first(stated, "affected resources", "resources affected"))
    summary = _first(stated, "incident", "incident title") or None
    found = Result(event_id=ids[0], circuits=circuits, summary=summary, outage=told.outage)
    seen = (
        ("ticket", ids[0]),
        *([("status", state)] if state else []),
        *told.matched,
        *(("circuit", circuit.circuit_id) for circuit in circuits or ()),
        *([("summary", summary)] if summary else []),
    )
    return Findings(results=(found,), warnings=told.warnings, matched=seen)


def _update(newest: Notification) -> tuple[str, Mapping[str, Sequence[str]]]:
    """Return the sentence that says what a mail is, and what stands below each label of it."""
    for lines in ways(newest):
        for number, line in enumerate(lines):
            if _HEAD.fullmatch(bare(line).replace("’", "'")):
                return bare(line), _below_labels(lines[number + 1 :])
    raise NotUnderstood("reader oneuptime: no update of an incident stands in it")


def _below_labels(lines: Sequence[str]) -> Mapping[str, Sequence[str]]:
    stated: dict[str, list[str]] = {}
    under = ""
    for line in lines:
        text = bare(line)
        if _END.match(text):
            break
        label = _LABEL.fullmatch(text)
        # Below a text nothing is a label that was there before.
        if label and label["label"].lower() not in stated:
            under = label["label"].lower()
            stated[under] = []
        elif under:
            stated[under].append(text)
    return stated


def _first(stated: Mapping[str, Sequence[str]], *labels: str) -> str:
    return next((line for label in labels for line in stated.get(label, ())), "")


def _circuits(words: str) -> tuple[StatedCircuit, ...] | None:
    names = [name.strip() for name in words.split(", ")[:_MOST_COMPONENTS] if name.strip()]
    if not names or names == ["None"]:
        return None
    return joined([StatedCircuit(circuit_id=name) for name in names])


READER = Reader(form="oneuptime", label="maintd/oneuptime", version="1", read=_read)
