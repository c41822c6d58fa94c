"""Reader of the mails of Atlassian Statuspage about incidents; planned work has a form that is not known.

The newest update stands first: its status, its text, when it was posted, and the components that are affected. When
it was posted is when the incident was reported there, of the first update; of any other it is no time of the loss, and
of the last one no end, for incidents are often closed hours after it.
Source: https://github.com/zgb2mhdh6n-lang/email-incident-monitor (the words above an update, "Time posted"),
https://support.atlassian.com/statuspage/docs/ (statuses of incidents and components).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from domain.events import StatedCircuit
from domain.vocabulary import Impact, OutageStatus
from parsers.lines import lines_of, pieces_of
from parsers.mime import Notification
from parsers.outage.labels import newest_text
from parsers.outage.page_updates import told_by
from parsers.outage.pages import STATUSPAGE_UPDATE, bare, incidents_in, is_planned, subject_of, ways
from parsers.outage.times import moments_of
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result, joined

_STATUSES: Mapping[str, OutageStatus] = {
    "investigating": OutageStatus.INVESTIGATING,
    "identified": OutageStatus.IDENTIFIED,
    "monitoring": OutageStatus.MONITORING,
    "resolved": OutageStatus.RESOLVED,
    "postmortem": OutageStatus.RESOLVED,
    "post-mortem": OutageStatus.RESOLVED,
}
# A partial outage is one of some customers: to a circuit it is no loss of all. What is operational again was hit all
# the same, and the status of a component that is being worked on says nothing of the loss.
_IMPACTS: Mapping[str, Impact | None] = {
    "operational": None,
    "under maintenance": None,
    "degraded performance": Impact.DEGRADED,
    "partial outage": Impact.DEGRADED,
    "major outage": Impact.OUTAGE,
}

_NAMED = re.compile(r"\S.{0,99}? Incident - (?P<name>\S.*)")
_LABEL = re.compile(r"(time posted|components? affected|affected components?)\s?:?(?:\s(?P<value>.*))?$", re.IGNORECASE)
_END = re.compile(
    r"view\b|see (?:the|all|more)\b|visit\b|read\b|manage\b|unsubscribe\b|you (?:are )?receiv|powered by|sent by"
    r"|(?:previous|past|earlier|all|latest) updates?\b|incident history|getting too much|<?https?://|[-_=~]{3,}|©",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^(?:[-•·▪*●○]\s?)+")
_STATE = r"operational|under[ _]maintenance|degraded[ _]performance|partial[ _]outage|major[ _]outage"
_WITH_STATE = re.compile(rf"(?P<name>\S.{{0,150}}?)(?:\s?[-–—:]\s?|\s?\()(?P<state>{_STATE})\)?", re.IGNORECASE)
_STATE_ALONE = re.compile(rf"\(?({_STATE})\)?", re.IGNORECASE)
_COMMA = re.compile(r",\s(?![^()]{0,100}\))")
_COMPONENT_CHARACTERS = 150
_MOST_COMPONENTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Posted:
    """The newest update of a mail: the line above it, the line above that, and what stands below it."""

    head: re.Match[str]
    above: str
    message: tuple[str, ...]
    posted: str
    components: tuple[str, ...]


def _read(notification: Notification, provider: Provider) -> Findings:
    newest = newest_text(notification)
    update = _newest_update(newest)
    if is_planned(notification) or (update.head["update"] and not _NAMED.match(subject_of(notification))):
        raise NotUnderstood("reader statuspage: it is about planned work, whose form is not known")
    ids = incidents_in(newest, apart_from=update.message)
    if not ids:
        raise NotUnderstood("reader statuspage: it links to no incident")
    told = told_by(
        update.message,
        _status(update.head),
        moments_of(notification, provider),
        reported=update.posted if update.head["new"] else "",
        posted=update.posted,
    )
    circuits = _circuits(newest, update)
    summary = _summary(notification, update)
    found = Result(event_id=ids[0], references=ids[1:3], circuits=circuits, summary=summary, outage=told.outage)
    seen = (
        ("ticket", ids[0]),
        ("status", update.head[0]),
        *told.matched,
        *(("circuit", circuit.circuit_id) for circuit in circuits or ()),
        *([("summary", summary)] if summary else []),
    )
    return Findings(results=(found,), warnings=told.warnings, matched=seen)


def _newest_update(newest: Notification) -> _Posted:
    update = next(filter(None, map(_first_of, ways(newest))), None)
    if update is None:
        raise NotUnderstood("reader statuspage: no update of an incident stands in it")
    return update


def _first_of(lines: Sequence[str]) -> _Posted | None:
    """Return the first update that stands in some lines, to the beginning of the next one."""
    heads = [(number, head) for number, line in enumerate(lines) if (head := STATUSPAGE_UPDATE.fullmatch(bare(line)))]
    if not heads:
        return None
    first, head = heads[0]
    section = lines[first + 1 : heads[1][0] if len(heads) > 1 else len(lines)]
    return _posted(head, bare(lines[first - 1]) if first else "", section)


def _posted(head: re.Match[str], above: str, section: Sequence[str]) -> _Posted:
    found: dict[str, list[str]] = {"": []}
    part = ""
    for line in section:
        if label := _LABEL.match(bare(line)):
            part = "components" if _is_of_components(label) else "time"
            # What is said once more is of an older update.
            found.setdefault(part, [label["value"]] if label["value"] else [])
        elif part == "components" and (_END.match(bare(line)) or bare(line) == above):
            break
        else:
            found[part].append(line)
    return _Posted(
        head=head,
        above=above,
        message=tuple(bare(line) for line in found[""]),
        posted=next(iter(found.get("time", ())), ""),
        components=tuple(found.get("components", ())),
    )


def _is_of_components(label: re.Match[str]) -> bool:
    return "component" in label[1].lower()


def _status(head: re.Match[str]) -> OutageStatus | None:
    """Return the status that the line above an update states; None where it states none, or none that is known."""
    words = head["first"] or head["status"] or head["resolved"] or head["postmortem"] or ""
    return _STATUSES.get(words.strip().lower())


def _summary(notification: Notification, update: _Posted) -> str | None:
    named = _NAMED.match(subject_of(notification))
    return (named["name"].strip() if named else update.above) or None


def _circuits(newest: Notification, update: _Posted) -> tuple[StatedCircuit, ...] | None:
    """Return the components of an update, as the html has them, where each stands alone."""
    named = [_BULLET.sub("", piece) for piece in (*_components_in_html(newest),) or update.components]
    if len(named) == 1:
        named = _COMMA.split(named[0])
    circuits: list[StatedCircuit] = []
    for piece in named[:_MOST_COMPONENTS]:
        alone = _STATE_ALONE.fullmatch(piece.strip())
        if alone and circuits:
            circuits[-1] = StatedCircuit(circuit_id=circuits[-1].circuit_id, impact=_impact(alone[1]))
        elif not alone and (circuit := _circuit(piece)):
            circuits.append(circuit)
    return joined(circuits) if circuits else None


def _circuit(piece: str) -> StatedCircuit | None:
    text = bare(piece).rstrip(",; ")
    found = _WITH_STATE.fullmatch(text)
    name = found["name"].strip() if found else text
    if len(name) > _COMPONENT_CHARACTERS or not any(character.isalnum() for character in name):
        return None
    return StatedCircuit(circuit_id=name, impact=_impact(found["state"]) if found else None)


def _impact(state: str) -> Impact | None:
    return _IMPACTS[state.lower().replace("_", " ")]


def _components_in_html(newest: Notification) -> Iterator[str]:
    """Yield the components of the newest update in the html, where several that stand in a line are told apart."""
    update = _first_of(lines_of(newest)) if newest.of_type("text/html") else None
    left = "".join("".join(update.components).split()) if update else ""
    pieces = pieces_of(newest) if left else []
    labels = [
        number
        for number, piece in enumerate(pieces)
        if (label := _LABEL.match(bare(piece))) and _is_of_components(label)
    ]
    for piece in pieces[labels[0] + 1 :][: 2 * _MOST_COMPONENTS] if labels else ():
        solid = "".join(piece.split())
        if not left.startswith(solid):
            return
        left = left.removeprefix(solid)
        yield piece


READER = Reader(form="statuspage", label="maintd/statuspage", version="1", read=_read)
