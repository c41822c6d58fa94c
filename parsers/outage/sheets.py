"""Notices that are a sheet of known labels with prose behind some of them: what stands behind each, and in the prose.

Unlike the fields of ``parsers.outage.labels`` a value goes on until the next label of the form, over several lines,
and nothing else on the sheet is taken for a label.
"""

import re
from collections.abc import Mapping
from itertools import zip_longest

from domain.events import StatedEtr
from domain.vocabulary import OutageStatus
from parsers.lines import lines_of, one_line
from parsers.mime import Notification
from parsers.outage.labels import newest_text
from parsers.outage.times import Moments

_VALUE_CHARACTERS = 4000
_CAUSE_CHARACTERS = 500

# A sentence ends before a word with a capital: "2:00 p.m. UTC" stays whole.
_SENTENCE_END = re.compile(r"(?<![ap]\.m\.)(?<=[.!?])\s+(?=[A-Z](?:[a-z]|\s[a-z]))")
_CAUSE = re.compile(
    r"\b(?:due to|caused by|as a result of|root cause (?:is|was)|reason for (?:the )?outage (?:is|was|:)"
    r"|(?:caused? of (?:the )?(?:outage|issue|problem)) (?:is|was))(?!\w)",
    re.IGNORECASE,
)
_NO_CAUSE = re.compile(
    r"\b(?:unknown|undetermined|investigat\w*|not (?:yet )?(?:been )?(?:known|determined|identified|found)|pending"
    r"|whether|may|might|could|possibl[ey]|suspect\w*)\b",
    re.IGNORECASE,
)
_NO_REASON = re.compile(
    r"(?:(?:still )?(?:under|being|now|pending) investigat\w*|investigating"
    r"|(?:yet )?to be (?:determined|advised|confirmed)|t\.?b\.?[ad]\.?|n/?a|unknown|undetermined|pending|none|-{1,9})"
    r"(?: (?:at this time|yet|now))?[.\s]{0,3}",
    re.IGNORECASE,
)
# How far a provider is with an outage that goes on; the first that any sentence says counts.
_COURSES = (
    (
        OutageStatus.MONITORING,
        re.compile(
            r"\b(?:are|is|being|and|under|for|continue to) monitor(?:ing|ed)?\b"
            r"|\bfix (?:has been |have been |was )(?:implemented|applied|deployed)\b|\bunder observation\b"
            r"|[,;–-]\s?(?:now )?monitoring\.?$",
            re.IGNORECASE,
        ),
    ),
    (
        OutageStatus.IDENTIFIED,
        re.compile(
            r"\b(?:has been|have been|was|were|is|are) (?:now )?(?:located|identified|isolated|found)\b"
            r"|\b(?:fault|cut|break|damage|root cause)(?: point)? (?:located|identified|isolated|found)\b"
            r"|\b(?:cut|break|damage) confirmed\b"
            r"|\bfound (?:an? |the )?(?:bad|faulty|failed|broken|damaged|defective)\b"
            r"|\bidentified (?:the|an?|that)\b|\bsplicing\b|\bsplice (?:team|crew)s?\b|\bfix is being\b"
            r"|\b(?:repairs?|repair works?|replacement)(?: \w{1,12}){0,2}"
            r" (?:under ?way|in progress|ongoing|begun|started)\b",
            re.IGNORECASE,
        ),
    ),
    (
        OutageStatus.INVESTIGATING,
        re.compile(r"\binvestigat(?:ing|ion|ions|e)\b|\bdispatched\b|\btroubleshooting\b|\bisolating\b", re.IGNORECASE),
    ),
)
_DENIED = re.compile(r"\b(?:not|never|neither)\s(?:\w{1,12}\s){0,2}$", re.IGNORECASE)
# What is denied, or still to come: before the words that would say it, and behind them.
_NOT_YET = re.compile(
    r"\b(?:no|not|nor|never|nothing|unable|cannot|will|once|until|if|when|whether)\b|n't\b", re.IGNORECASE
)
_NO_LONGER = re.compile(r"\s(?:will|to (?:begin|start|follow)|(?:is |was |has been )?completed?)\b", re.IGNORECASE)
# What people write before an estimate; also where a form has no label for one.
ETR_LABEL = (
    r"(?:(?:current|new|revised|updated|latest) )?(?:ETT?R"
    r"|(?:ETA|(?:estimated|expected) time) (?:to|of|for) (?:service )?(?:restor(?:e|ation)|repair|resolution|recovery)"
    r"(?: (?:of )?services?)?"
    r"|(?:estimated|expected) (?:restoration|repair|recovery|resolution)(?: time)?)"
)
_ETR_LABELLED = re.compile(ETR_LABEL, re.IGNORECASE)
_ETR = re.compile(
    r"\b(?P<no>no (?:current |firm )?)?(?:ETT?R|estimated (?:time (?:of|to|for) (?:restor\w+|repair|resolution)"
    r"|(?:restoration|repair) time))\b(?:\s(?:is|was|remains|now|of)\b|\s?[:=–-]){0,3}\s?(?P<value>[^;\n]{0,160})",
    re.IGNORECASE,
)


def sheet_of(notification: Notification, label: re.Pattern[str]) -> Mapping[str, str]:
    """Return what stands behind each label of the newest text, by the label in lower case; the first of each counts.

    ``label`` matches one label of the form and its colon in text of several lines; its first group is the name.
    """
    text = "\n".join(lines_of(newest_text(notification)))
    found = list(label.finditer(text))
    ends = [one.start() for one in found[1:]]
    sheet: dict[str, str] = {}
    for one, end in zip_longest(found, ends):
        sheet.setdefault(one[1].lower(), text[one.end() : end][:_VALUE_CHARACTERS].strip())
    return sheet


def etr_on(sheet: Mapping[str, str], moments: Moments) -> StatedEtr | None:
    """Return the estimate behind a label for it, on a sheet whose labels have ``ETR_LABEL`` among them."""
    words = next((value for label, value in sheet.items() if is_etr_label(label)), "")
    return moments.etr(one_line(words)) if words else None


def is_etr_label(label: str) -> bool:
    """Return whether a label is one of those of ``ETR_LABEL``."""
    return bool(_ETR_LABELLED.fullmatch(label))


def stated_cause(text: str) -> str | None:
    """Return the reason for an outage that stands behind a label for it, None where it is not known."""
    words = one_line(text)
    return None if not words or _NO_REASON.fullmatch(words) else words[:_CAUSE_CHARACTERS].rstrip(". ") or None


def cause_in(prose: str) -> str | None:
    """Return the sentence in which a text says what caused an outage, None where none does or it is not certain."""
    for sentence in _SENTENCE_END.split(one_line(prose)):
        found = _CAUSE.search(sentence)
        if found and not _NO_CAUSE.search(sentence) and not _DENIED.search(sentence[: found.start()]):
            return sentence[:_CAUSE_CHARACTERS].rstrip(". ")
    return None


def course_in(prose: str) -> OutageStatus | None:
    """Return how far a provider is with an outage that goes on, None where a text does not say."""
    sentences = _SENTENCE_END.split(one_line(prose))
    return next((status for status, words in _COURSES if any(_says(words, one) for one in sentences)), None)


def etr_in(prose: str, moments: Moments) -> StatedEtr | None:
    """Return the estimated time of restoration that a text names as such."""
    for sentence in _SENTENCE_END.split(one_line(prose)):
        if found := _ETR.search(sentence):
            words = found["value"].strip(" .")
            return StatedEtr(at=None, words=found[0].strip(" .")) if found["no"] else moments.etr(words)
    return None


def _says(words: re.Pattern[str], sentence: str) -> bool:
    found = words.search(sentence)
    return bool(
        found and not _NOT_YET.search(sentence, 0, found.start()) and not _NO_LONGER.match(sentence, found.end())
    )
