"""The words of outages, as closed tables: which label means what, how far a repair is, how bad it is for a circuit.

A label or a word that is in no table means nothing. Source: the lists of labels and words that carriers publish, named
in docs/outages.md, and the mails in tests/outages/general.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from itertools import islice

from domain.vocabulary import Impact, OutageStatus

_READ_CHARACTERS = 300
_LABEL_CHARACTERS = 100


class Means(StrEnum):
    """What a label of a notice announces."""

    TICKET = "ticket"
    OTHER_TICKET = "other ticket"
    CIRCUITS = "circuits"
    STATUS = "status"
    TYPE = "type"
    IMPACT = "impact"
    START = "start"
    START_DATE = "start date"
    END = "end"
    END_DATE = "end date"
    REPORTED = "reported"
    REPORTED_DATE = "reported date"
    ETR = "ETR"
    ETR_DATE = "ETR date"
    CAUSE = "cause"
    SUMMARY = "summary"
    ACCOUNT = "account"
    ZONE = "zone"
    PLANNED = "planned work"


# Labels

_NUMBER = (
    r"(?: ?(?:number|numbers|num|nbr|no|nos|nr|id|ids|reference|reference number|reference id|ref|ref no|id number"
    r"|key))?"
)
_CASE = r"(?:ticket|case|incident|fault|outage|event|problem|disturbance)"
_ABOUT = r"(?:of |of the |for |for the )?"
_LOSS = (
    r"(?:outage|event|incident|fault|impact|failure|disruption|interruption|problem|issue|service outage|service loss"
    r"|service impact|service disruption|service interruption|disturbance|loss of service|alarm|ticket|degradation)"
)
_AT = r"(?: (?:at|on|time|date|date time|datetime|date and time|time and date|date and time of|timestamp|local time))?"
_DAY = r" (?:date|day)"
_REPAIR = (
    r"(?:restoration|restoral|restore|restored|repair|repairs|resolution|resolve|resolved|recovery|recover|fix|fixed|completion"
    r"|service restoration|service restore|service recovery|service resolution|fault repair|fault resolution|end|clear)"
)
_GUESSED = r"(?:estimated|estimate|est|expected|anticipated|projected|forecast|forecasted|predicted|target|approximate)"
_NEWEST = r"(?:(?:current|revised|updated|new|latest|our|carrier|vendor|provider|next) )?"

# The first that fits counts. A label is compared in lower case, without brackets and punctuation.
_LABELS: tuple[tuple[Means | None, str], ...] = (
    # What sounds like one of those below and is none.
    (None, r".*\b(?:next|last|previous|prior|old|original|first|initial) (?:update|etr|ettr|estimate\w*)\b.*"),
    (
        None,
        r".*\b(?:technician|technicians|tech|engineer|engineers|crew|crews|arrival|dispatch|contact|phone|email)\b.*",
    ),
    (None, r".*\b(?:by|duration|length|owner|url|link to)"),
    (
        Means.PLANNED,
        r".*\b(?:scheduled|planned|maintenance|proposed|change window|work window|change|backup window)\b.*",
    ),
    (
        Means.PLANNED,
        r"(?:(?:service|outage|repair|time|intervention|activity|execution) )?window(?: (?:start|end|begin|time))?",
    ),
    (
        Means.OTHER_TICKET,
        rf"(?:customer|your|client|customers|end customer|partner|parent|master|related|third party|supplier|vendor"
        rf"|external"
        rf"|internal)(?: \w{{1,12}})? ?(?:{_CASE}|reference|ref|tt){_NUMBER}",
    ),
    (Means.TICKET, rf"(?:\w{{1,20}} ){{0,3}}(?:ticket|tickets){_NUMBER}"),
    (Means.TICKET, rf"(?:\w{{1,20}} )?{_CASE}{_NUMBER}"),
    (Means.TICKET, rf"(?:tt|ttn|inc|tkt|our|{_CASE})(?: ?(?:number|no|nr|id|ref|reference))?"),
    (
        Means.TICKET,
        r"(?:noc |our |trouble )?(?:reference|ref|report number|report no)(?: ?(?:number|no|nr|id|code))?",
    ),
    (
        Means.CIRCUITS,
        r"(?:(?:affected|impacted|affected customer|carrier|provider|our|your|down|failed) )?"
        r"(?:circuit|circuits|service|services|cid|cids|link|links|cct|ckt|ckts|line|asset|assets|connection|path|wavelength|evc"
        r"|vlan|product|products|access)"
        r"(?: ?(?:ids?|identifiers?|numbers?|no|nr|names?|refs?|references?|affected|impacted|list|ids? affected"
        r"|ids? impacted))?",
    ),
    (Means.CIRCUITS, r"(?:affected|impacted|name of (?:ne )?circuit link|name of ne circuit link|circuit service id)"),
    (
        Means.IMPACT,
        r"(?:(?:service|customer|business|network|current|traffic|circuit) )?(?:impact|impacts|effect)"
        r"|(?:service|circuit) state",
    ),
    (Means.IMPACT, r"(?:service|customer|circuit )?impact (?:type|level|description|to service|on service|details)"),
    (
        Means.STATUS,
        rf"(?:(?:current|ticket|case|incident|outage|event|fault|repair|service|update|overall|problem|latest|new) )?"
        rf"(?:{_CASE} )?(?:status|state|phase|stage)",
    ),
    (Means.TYPE, rf"(?:(?:notification|notice|message|report|fault|{_CASE}) )?(?:type|category|class|classification)"),
    (
        Means.ETR_DATE,
        rf"{_NEWEST}(?:etr|ettr|{_GUESSED} {_REPAIR}) date",
    ),
    (Means.ETR, rf"{_NEWEST}(?:etr|ettr|etro|etor)(?: (?:time|date time|local|date and time|estimate|etr))?"),
    (
        Means.ETR,
        rf"{_NEWEST}{_GUESSED} (?:time |date |date time |date and time |timeframe |duration )?"
        rf"(?:(?:to|of|for|until|till) )?(?:the )?(?:service |full |fault |outage |circuit )?{_REPAIR}"
        r"(?: (?:of service|time|date time|date and time|service|at|by|eta|etr|timeframe|of services|datetime))?",
    ),
    (Means.ETR, rf"{_NEWEST}(?:time to|eta (?:for|to|of)) (?:the )?{_REPAIR}(?: service)?"),
    (Means.ETR, rf"{_NEWEST}(?:{_REPAIR}) (?:eta|etr|estimate|forecast|expected)"),
    (Means.ETR, rf"{_NEWEST}(?:{_REPAIR}) time {_GUESSED}"),
    (
        Means.CAUSE,
        rf"(?:(?:root|preliminary|probable|suspected|known|likely|{_LOSS}) )?(?:cause|causes|root cause|reason)"
        rf"(?: (?:of|for)(?: the)? {_LOSS})?(?: rfo)?",
    ),
    (
        Means.CAUSE,
        r"(?:rfo|rca|rfo cause|reason for outage|rfo reason for outage|root cause analysis|rfo details|rfo summary)",
    ),
    (Means.START_DATE, rf"(?:{_LOSS} )?(?:start|begin|occurrence|outage|failure){_DAY}"),
    (Means.END_DATE, rf"(?:{_LOSS} )?(?:end|stop|restoration|restore|clear|resolution|restored){_DAY}"),
    (Means.REPORTED_DATE, rf"(?:{_LOSS} )?(?:reported|report|open|opened|creation|created){_DAY}"),
    (
        Means.START,
        rf"(?:actual )?(?:{_LOSS} )?(?:start|started|starts|begin|began|begins|beginning|occurred|occurrence|onset"
        rf"|commenced){_AT}"
        rf"(?: {_ABOUT}(?:the )?{_LOSS})?",
    ),
    (
        Means.START,
        rf"(?:start|beginning|onset|date|time|date and time|date time|start time|start date and time) (?:of"
        rf"|of the) {_LOSS}",
    ),
    (Means.START, rf"(?:down|{_LOSS}|service down|circuit down|went down|off line|offline)(?: (?:since|from|time|at))"),
    (Means.START, r"(?:outage|failure|fault|alarm) (?:time|date time|date and time)"),
    (Means.START, r"(?:since|time down|down|date (?:and )?time of (?:start|occurrence)|time of occurrence)"),
    (
        Means.END,
        rf"(?:actual )?(?:{_LOSS} )?(?:end|ended|ends|stop|stopped|finish|finished){_AT}(?: {_ABOUT}(?:the )?{_LOSS})?",
    ),
    (
        Means.END,
        rf"(?:actual )?(?:(?:service|services|circuit|{_LOSS}) )?(?:restored|restoration|restoral|restore|cleared|clear"
        rf"|clearance"
        rf"|resolved|resolution|recovered|recovery|repaired|fixed|up){_AT}",
    ),
    (
        Means.END,
        rf"(?:end|time|date|date and time|date time) (?:of|of the)? ?(?:{_LOSS} )?(?:restored|restoration|cleared"
        rf"|resolved|resolution|recovery|end|clear)",
    ),
    (Means.END, rf"end (?:of|of the) {_LOSS}"),
    (Means.END, r"(?:time|date|date and time|date time) (?:service )?(?:restored|cleared|resolved|recovered|up|fixed)"),
    (Means.END, r"(?:up since|service up|back up|service restored|restored service)(?: at| time)?"),
    (
        Means.REPORTED,
        rf"(?:{_LOSS} |customer |case )?(?:reported|report|opened|open|created|creation|logged|raised|registered"
        rf"|received|detected){_AT}",
    ),
    (Means.REPORTED, r"(?:time|date|date and time|date time|when) (?:reported|opened|created|logged|raised|of report)"),
    (Means.SUMMARY, rf"(?:(?:short|brief|{_LOSS}) )?(?:description|summary|synopsis|title|details|nature)"),
    (Means.SUMMARY, r"(?:issue|problem|nature of (?:the )?(?:fault|outage|problem)|what happened|symptoms?)"),
    (Means.ACCOUNT, r"(?:customer |billing )?(?:account|acct)(?: ?(?:number|no|nr|id|name|ids))?"),
    (Means.ACCOUNT, r"customer (?:number|no|nr|id)"),
    (Means.ZONE, r"(?:time ?zone|tz|timezone used|all times(?: are)?(?: in)?)"),
)
_COMPILED = tuple((means, re.compile(pattern)) for means, pattern in _LABELS)
_BRACKETED = re.compile(r"[(\[][^()\[\]]{0,40}[)\]]")
_NOT_WORDS = re.compile(r"[^\w]+|_+")


@lru_cache(maxsize=1024)
def meaning_of(label: str) -> Means | None:
    """Return what a label announces, None where it is in no table."""
    if len(label) > _LABEL_CHARACTERS:
        return None
    bare = _BRACKETED.sub(" ", label.replace("#", " number "))
    words = " ".join(_NOT_WORDS.sub(" ", bare.lower()).split())
    return next((means for means, pattern in _COMPILED if pattern.fullmatch(words)), None)


def in_brackets(label: str) -> str:
    """Return what a label says in brackets, "UTC" say; empty for nothing."""
    found = _BRACKETED.search(label)
    return found[0].strip("()[] ") if found else ""


# How far the repair is

STATUSES: Mapping[OutageStatus, tuple[str, ...]] = {
    OutageStatus.REPORTED: (
        *("new", "open", "opened", "reopened", "re opened", "reported", "registered", "logged", "occurrence"),
        *(
            "ticket opened",
            "ticket created",
            "created",
            "received",
            "initial",
            "initial notification",
            "initial report",
        ),
        *("new incident", "new outage", "opened new", "raised", "detected", "acknowledged", "confirmed", "open new"),
    ),
    OutageStatus.INVESTIGATING: (
        *("investigating", "under investigation", "in investigation", "investigation", "being investigated"),
        *("investigation in progress", "investigation ongoing", "currently investigating", "dispatched", "dispatch"),
        *(
            "technician dispatched",
            "technicians dispatched",
            "tech dispatched",
            "crew dispatched",
            "engineer dispatched",
        ),
        *("field engineer dispatched", "field dispatched", "engineers dispatched", "field crew dispatched"),
        *("isolating", "isolation", "fault isolation", "troubleshooting", "diagnosing", "diagnosis", "diagnostics"),
        *("in progress", "work in progress", "wip", "working", "assigned", "escalated", "analysing", "analyzing"),
        *(
            "analysis",
            "triage",
            "testing",
            "in process",
            "being worked",
            "ongoing",
            "technician on site",
            "tech on site",
        ),
        *("technicians on site", "crew on site", "crews on site", "engineer on site", "localizing", "localising"),
        *("dispatched to site", "escalated to vendor", "escalated to carrier", "locating"),
    ),
    OutageStatus.IDENTIFIED: (
        *("identified", "cause identified", "root cause identified", "issue identified", "problem identified"),
        *("fault located", "fault localised", "fault localized", "fault identified", "fault found", "located"),
        *("fiber cut", "fibre cut", "cable cut", "fiber cut located", "fibre cut located", "splicing", "repairing"),
        *("splicing in progress", "fiber splicing", "fibre splicing", "repair underway", "repair in progress"),
        *("repairs underway", "repairs in progress", "repair ongoing", "repairs ongoing", "under repair", "repair"),
        *("being repaired", "fix in progress", "fix underway", "fix being implemented", "fixing", "fix identified"),
        *("restoration in progress", "restoration underway", "restoring", "a fix is being implemented", "repairs"),
        *("fix is being implemented", "repair works in progress", "splicing underway", "splicing has begun"),
        *("splicing started", "splicing has started", "fault isolated", "isolated", "cable damage", "cable damaged"),
        *("fiber break", "fibre break", "fiber break located", "fibre break located", "cable cut located"),
    ),
    OutageStatus.MONITORING: (
        *("monitoring", "being monitored", "under monitoring", "under observation", "observation", "observing"),
        *("restored temporarily", "temporarily restored", "temporary restoration", "temporary fix", "workaround"),
        *("fix implemented", "fix has been implemented", "a fix has been implemented", "restored monitoring"),
        *("service restored monitoring", "restored under observation", "restored under monitoring", "soaking"),
        *("service restored under observation", "resolved monitoring", "recovered monitoring", "stable monitoring"),
        *("services restored monitoring", "monitor", "rerouted", "traffic rerouted", "temporary repair"),
        *(
            "restored and monitoring",
            "service restored and monitoring",
            "restored and being monitored",
            "temp restored",
        ),
    ),
    OutageStatus.RESOLVED: (
        *("resolved", "restored", "service restored", "services restored", "service has been restored", "cleared"),
        *("closed", "recovered", "concluded", "fixed", "solved", "repaired", "ended", "ticket resolved"),
        *("ticket closed", "closed resolved", "resolved closed", "closed restored", "fully restored", "outage stop"),
        *("fully resolved", "complete", "completed", "repair completed", "repairs completed", "repair complete"),
        *("rfo", "reason for outage", "post mortem", "postmortem", "final rfo", "service recovered", "normal"),
        *("back to normal", "normalised", "normalized", "issue resolved", "incident resolved", "outage resolved"),
        *("fault cleared", "fault resolved", "problem resolved", "restoration complete"),
        *(
            "restored and closed",
            "resolved and closed",
            "service impact has concluded",
            "outage over",
            "incident closed",
        ),
        *("permanently restored", "services are restored", "service is restored", "all services restored"),
        *("closed out", "auto closed"),
    ),
}
_STATUS_OF = {phrase: status for status, phrases in STATUSES.items() for phrase in phrases}
_PIECES = re.compile(r"\s+[-–—]+\s+|[/;,:.()\[\]|>]+")
_FILLING = re.compile(r"^(?:(?:the|status|now|is|currently|ticket|case|has been|have been|been) ){1,4}")
# What is investigated or isolated.
_OBJECT = re.compile(
    r" (?:the|this) (?:fault|issue|problem|outage|incident|break|cut|fib(?:er|re)|cable|circuit|service)$"
)
_AT_WORK = frozenset({OutageStatus.INVESTIGATING, OutageStatus.IDENTIFIED})
# What is said beside a word for over, and takes it back: only a part is, or another ticket goes on.
_N_OF_M = r"\d{1,4} (?:out )?of (?:the )?\d{1,4}\b"
_COUNTED = rf"{_N_OF_M}|\d\s?%"
_HARDLY = re.compile(
    rf"{_COUNTED}|\b(?:partial(?:ly)?|in part|some|most|except|all but|only|not|never|duplicate|merged|but|however"
    r"|still|again|recurred|failed|re-?opened)\b|\?",
    re.IGNORECASE,
)


def status_in(words: str) -> OutageStatus | None:
    """Return the status that the words behind a label of the status name, None where they name none that is known.

    Words that say two things, "Restored - monitoring", say the one that is less than over.
    """
    text = words[:_READ_CHARACTERS]
    whole = _STATUS_OF.get(_phrase(text))
    if whole:
        return whole
    found = [status for piece in _PIECES.split(text)[:4] if (status := _STATUS_OF.get(_phrase(piece)))]
    if _HARDLY.search(text):
        found = [status for status in found if status is not OutageStatus.RESOLVED]
    if OutageStatus.MONITORING in found:
        return OutageStatus.MONITORING
    if found and found[0] is OutageStatus.REPORTED:
        # That a ticket is open says less than what is done about it.
        return next((status for status in found if status in _AT_WORK), found[0])
    return found[0] if found else None


def _phrase(text: str) -> str:
    words = " ".join(_NOT_WORDS.sub(" ", text.lower()).split())
    phrases = (words, _FILLING.sub("", words), _OBJECT.sub("", words))
    return next((phrase for phrase in phrases if phrase in _STATUS_OF), phrases[1])


# How far it is by a subject, or by a sentence. What is not over yet is none of these.
_NOT_OVER = re.compile(
    r"\b(?:not|un|yet to be|to be|until|will be|would be|when|once|if|time to|pending|being|before|partial(?:ly)?"
    r"|in order to|attempts? to|estimated|expected|no|none|never|unable to)[ -]?(?:\w{1,12} ){0,2}$",
    re.IGNORECASE,
)
# What can be closed, cleared or restored too, and is no service.
_ANOTHER_THING = re.compile(
    r"\b(?:roads?|street|highway|lanes?|bridge|debris|trees?|snow|permits?|power|electricity)"
    r"(?: (?:is|are|was|has been))? $",
    re.IGNORECASE,
)
_IN_SUBJECT: tuple[tuple[OutageStatus, re.Pattern[str]], ...] = (
    (
        OutageStatus.MONITORING,
        re.compile(r"\b(?:monitoring|under observation|temporar(?:y|ily) restored)\b", re.IGNORECASE),
    ),
    (
        OutageStatus.RESOLVED,
        re.compile(r"\b(?:resolved|restored|cleared|closed|recovered|concluded)\b", re.IGNORECASE),
    ),
    (OutageStatus.IDENTIFIED, re.compile(r"\b(?:identified|repair underway|splicing)\b", re.IGNORECASE)),
    (OutageStatus.INVESTIGATING, re.compile(r"\b(?:investigating|under investigation|dispatched)\b", re.IGNORECASE)),
    (
        OutageStatus.REPORTED,
        re.compile(
            r"\b(?:new (?:outage|incident|fault|trouble ticket|ticket|case|event)|opened|re-?opened|occurrence|initial"
            r"|(?:ticket|case|incident) (?:open|created))\b",
            re.IGNORECASE,
        ),
    ),
)
_CLAIM_OF_GOOD = frozenset({OutageStatus.MONITORING, OutageStatus.RESOLVED})
# A report on what happened, and words that say it is none yet.
EXPLAINING_WORDS = re.compile(
    r"\b(?:rfo|rca|reason for outage|root cause analysis|post-?mortem|final report)\b", re.IGNORECASE
)
_NO_REPORT_YET = re.compile(
    r"\b(?:no|not|preliminary|interim|draft|initial|to follow|to be|will|request\w*|pending|await\w*|yet|continu\w+"
    r"|ongoing|in progress|under ?way|delayed|still|again)\b|\?",
    re.IGNORECASE,
)
_SUBJECT_PARTS = re.compile(r"[\[\]()|;]|\s[-–—]+\s|:\s")
# What takes a word for over back wherever it stands in a subject, and what does in the same part of it.
_TAKES_BACK = re.compile(
    rf"{_N_OF_M}|\b(?:partial(?:ly)?|again|still|recur(?:s|red|ring|rence)?|re-?occurred|re-?opened|returned|however|but"
    r"|except|then failed|fix failed)\b",
    re.IGNORECASE,
)
_QUALIFIES = re.compile(
    rf"{_TAKES_BACK.pattern}|\d\s?%|\b(?:some|most|many|several|half|majority|failed|fails|failing|continues|delay\w*|yet|suspended"
    r"|attempt|unless|should|may|might|could|in error|by mistake|nothing|none)\b|\?",
    re.IGNORECASE,
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
# Behind the word for over: for whom or where it is, where that is not everybody and everywhere.
_OF_A_PART = re.compile(
    r"\s{1,3}(?:by\s{1,3}\d|(?:for|in|to|on|at|via)\s{1,3}(?!(?:all|every\w*|full|normal\w*|its|a stable|stable|service"
    r"|operation\w*|working|you|your|our|this|these|today|yesterday|(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}|approx\w*|about|around"
    r"|ticket|case|incident|outage|event|tt|circuit|the (?:affected|impacted|customers?|service|below|following|above"
    rf"|same|night|morning|evening|afternoon|end)|{_MONTH})\b|\d|#))",
    re.IGNORECASE,
)
_SUBJECTS_OF = (
    r"(?:services?|circuits?|links?|issue|incident|outage|fault|problem|traffic|connectivity|fib(?:er|re)|cable|event"
    r"|disturbance|interruption)"
)
_SENTENCES: tuple[tuple[OutageStatus, re.Pattern[str]], ...] = (
    (
        OutageStatus.MONITORING,
        re.compile(
            r"\b(?:fix has been implemented|we are (?:now |currently )?monitoring|continue to monitor|being monitored"
            r"|will (?:continue to )?monitor|temporarily restored)\b",
            re.IGNORECASE,
        ),
    ),
    (
        OutageStatus.RESOLVED,
        re.compile(
            rf"\b{_SUBJECTS_OF} (?:has|have|is|are|was|were)(?: now| all| fully| been){{0,3}}"
            r" (?:restored|resolved|cleared|fixed|repaired|recovered|concluded)\b"
            r"|\bthis (?:service impact|incident|outage) (?:has concluded|has been resolved|is resolved)\b",
            re.IGNORECASE,
        ),
    ),
    (
        OutageStatus.IDENTIFIED,
        re.compile(
            rf"\b(?:{_SUBJECTS_OF}|cause|root cause|fib(?:er|re) cut|break|cut) (?:has|have|was"
            rf"|were)(?: now)?(?: been)?"
            r" (?:identified|located|found)\b|\bfix is being implemented\b|\brepairs? (?:is|are) (?:underway"
            r"|in progress"
            r"|ongoing)\b|\bsplicing (?:is )?(?:in progress|underway|ongoing|has (?:begun|started))\b",
            re.IGNORECASE,
        ),
    ),
    (
        OutageStatus.INVESTIGATING,
        re.compile(
            r"\b(?:(?:are|is|still|currently) investigating|being investigated|under investigation"
            r"|(?:technicians?|engineers?|crews?|teams?) (?:has|have|was|were|is|are)(?: been)? dispatched)\b",
            re.IGNORECASE,
        ),
    ),
)


# A sentence ends before a capital, and a line that is none of a text does.
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<![ap]\.m\.)[ \t]+(?=[A-Z])|(?<=[.!?:])\n|\n(?=[^a-z])")
_CLAUSE_END = re.compile(r"[,;]|\band\b|\bas\b|\bsince\b", re.IGNORECASE)
# Before the words for over: in the whole sentence, and in the clause.
_CONDITION = re.compile(
    r"\b(?:until|once|when|if|whether|unless|as soon as|hop(?:e|es|ing)|in order to|to have|working to|ask(?:s|ed)? if"
    r"|please (?:kindly )?(?:confirm|verify|check|test|advise us|let us know)"
    r"|(?:customers?|clients?|end users?) (?:has |have )?"
    r"(?:stat|report|claim|say|said|confirm|advis|indicat|declar|mention|inform|not)\w{0,4})\b",
    re.IGNORECASE,
)
_DENIES = re.compile(
    r"\b(?:no|none|not|never|neither|nor|nothing|only|cannot|unable|will|would|should|may|might|could|expect\w*|before"
    r"|some|most|many|several|half|majority|part|partial(?:ly)?|few|one of|except|all but|previous|prior|earlier"
    r"|related|similar|other|another|attempt\w*)\b|n't\b",
    re.IGNORECASE,
)
_PROVIDED = re.compile(r".{0,40}?\b(?:only|until|unless)\b", re.IGNORECASE)
_FOR_NOW = re.compile(
    r"\b(?:temporar\w+|for now|workaround|(?:backup|alternat\w+|protect(?:ion|ed)?|secondary|diverse)"
    r" (?:path|route|link|fib(?:er|re)|circuit)s?)\b",
    re.IGNORECASE,
)
_CLAIM = re.compile(r"\b(?:is|are)\b", re.IGNORECASE)
_PROVIDED_PRESENT = re.compile(r"\s{1,3}(?:when|once|if|after|as soon as)\b", re.IGNORECASE)
# What goes on all the same, where the words for over stand or in the next sentence.
_GOES_ON = re.compile(
    r"\b(?:but|however|although|though|except|again|still|recur(?:s|red|ring|rence)?|re-?occur(?:s|red|ring)|re-?opened"
    r"|returned|remain(?:s|ed|ing)? (?:down|affected|impaired|impacted|degraded|unavailable|out|in alarm|isolated)"
    r"|(?:it|and|then|services?|circuits?|links?|has|have|which|fix|splice) (?:since |later )?fail(?:ed|s)"
    r"|did not (?:help|hold)|(?:is|are|went|service|services|circuit|circuits|link|links) (?:now )?down)\b",
    re.IGNORECASE,
)
_GOOD_AGAIN = re.compile(
    r"(?:up|working|stable|available|online|normal(?:ly)?|operational|running|functional|reachable|active) $",
    re.IGNORECASE,
)
_ABOUT_THE_CAUSE = re.compile(r"\b(?:cause|rfo|rca|reason|analys\w+|post-?mortem)\b", re.IGNORECASE)
_IN_CASE = re.compile(
    r"\b(?:if|should (?:you|the|there|any|it|this)|in case|in the event|let us know|do not hesitate|please)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_CONTEXT_CHARACTERS = 600
_AROUND_CHARACTERS = 40


def status_by_subject(subject: str, *, explained: bool = False) -> OutageStatus | None:
    """Return the status that a subject states, None for none.

    That something is over is said by "restored", and not by "restoration"; by a report on it only where it is
    ``explained``: the notice states a cause or an end.
    """
    taken_back = _TAKES_BACK.search(subject)
    for status, pattern in _IN_SUBJECT:
        for found in pattern.finditer(subject):
            before, part, behind = _part_of(subject, found)
            if _NOT_OVER.search(before[-_AROUND_CHARACTERS:]) or _ANOTHER_THING.search(before[-_AROUND_CHARACTERS:]):
                continue
            good = status in _CLAIM_OF_GOOD
            if not good or not (taken_back or _QUALIFIES.search(part) or _OF_A_PART.match(behind)):
                return status
    report = EXPLAINING_WORDS.search(subject)
    return OutageStatus.RESOLVED if explained and report and not _NO_REPORT_YET.search(subject) else None


def _part_of(subject: str, found: re.Match[str]) -> tuple[str, str, str]:
    """Return what stands before words, the part of a subject that they are in, and what stands behind them there."""
    first, last = max(0, found.start() - _CONTEXT_CHARACTERS), min(len(subject), found.end() + _CONTEXT_CHARACTERS)
    begin = max((one.end() for one in _SUBJECT_PARTS.finditer(subject, first, found.start())), default=first)
    end = next((one.start() for one in _SUBJECT_PARTS.finditer(subject, found.end(), last)), last)
    return subject[first : found.start()], subject[begin:end], subject[found.end() : end]


def status_by_sentence(text: str, *, before: str = "", behind: str = "") -> OutageStatus | None:
    """Return the status that a sentence which begins in a text states, None for none.

    ``before`` and ``behind``: the lines around it, in which the sentence may begin or go on, and be taken back.
    """
    lead = f"{before[-_CONTEXT_CHARACTERS:]}\n" if before else ""
    whole = f"{lead}{text}\n{behind[:_CONTEXT_CHARACTERS]}" if behind else f"{lead}{text}"
    begin, end = len(lead), len(lead) + len(text)
    for status, pattern in _SENTENCES:
        for found in pattern.finditer(_in_one_line(whole), begin):
            if found.start() < end and _is_stated(status, whole, found):
                return status
    return None


def affirms_end(text: str, found: re.Match[str]) -> bool:
    """Return whether words of a text that say something to be over are not denied, in part, asked or taken back."""
    return _is_stated(OutageStatus.RESOLVED, text, found)


def _in_one_line(text: str) -> str:
    return text.replace("\n", " ")


def _is_stated(status: OutageStatus, text: str, found: re.Match[str]) -> bool:
    """Return whether words state a status: that something is over or held must not be taken back."""
    first, last = max(0, found.start() - _CONTEXT_CHARACTERS), min(len(text), found.end() + _CONTEXT_CHARACTERS)
    begin = max((one.end() for one in _SENTENCE_END.finditer(text, first, found.start())), default=first)
    ends = [one.end() for one in islice(_SENTENCE_END.finditer(text, found.end(), last), 2)]
    end, following = (*ends, last, last)[:2]
    before, behind = _in_one_line(text[begin : found.start()]), _in_one_line(text[found.end() : end])
    if _NOT_OVER.search(before[-_AROUND_CHARACTERS:]):
        return False
    if status not in _CLAIM_OF_GOOD:
        return True
    sentence, following_sentence = _in_one_line(text[begin:end]), _in_one_line(text[end:following])
    if status is OutageStatus.RESOLVED and not _is_whole(before, found[0], behind, sentence):
        return False
    return not (_goes_on(behind) or _goes_on(following_sentence))


def _is_whole(before: str, words: str, behind: str, sentence: str) -> bool:
    """Return whether words for over speak of everything, and of what has happened."""
    clause = _CLAUSE_END.split(f"{before}{words}")[-1]
    conditional = _CONDITION.search(before) or _DENIES.search(clause) or _PROVIDED.match(behind)
    present = _CLAIM.search(words) and _PROVIDED_PRESENT.match(behind)
    asked = sentence.rstrip().endswith("?")
    in_part = _OF_A_PART.match(behind) or _FOR_NOW.search(behind) or re.search(_COUNTED, sentence)
    return not (conditional or present or asked or in_part)


def _goes_on(sentence: str) -> bool:
    """Return whether a sentence says that an outage goes on, and not what is to be done if it should."""
    said = _IN_CASE.sub("", sentence)
    return any(
        not _GOOD_AGAIN.search(said, 0, found.start())
        and not _ABOUT_THE_CAUSE.search(
            said, max(0, found.start() - _AROUND_CHARACTERS), found.end() + _AROUND_CHARACTERS
        )
        for found in _GOES_ON.finditer(said)
    )


# How bad it is for a circuit. The first that is found counts.
_IMPACTS: tuple[tuple[Impact, re.Pattern[str]], ...] = (
    (
        Impact.NO_IMPACT,
        re.compile(
            r"^none\b|\bno (?:service |customer |traffic )?(?:impact|outage|effect)\b|\b(?:non"
            r"|not)[ -]?service[ -](?:affecting"
            r"|impacting)\b|\bno[ -]impact\b|\bnot (?:affected|impacted)\b|\bunaffected\b",
            re.IGNORECASE,
        ),
    ),
    (
        Impact.REDUCED_REDUNDANCY,
        re.compile(
            r"\bredundan|\bunprotected\b|\b(?:loss of|lost|reduced|no|without) (?:protection|diversity|resilien)"
            r"|\bat[ -]risk\b|\bprotection (?:lost|loss|down)\b|\bsimplex\b",
            re.IGNORECASE,
        ),
    ),
    (
        Impact.DEGRADED,
        re.compile(
            r"\bimpair|\bdegrad|\bintermittent|\bpacket loss\b|\blatency\b|\bflap|\bbounc|\bpartial|\berrors?\b|\bslow"
            r"|\bjitter\b|\bcongest",
            re.IGNORECASE,
        ),
    ),
    (
        Impact.OUTAGE,
        re.compile(
            r"\bdown\b|\boutage\b|\bloss of (?:service|signal|light)\b|\b(?:service|signal|total|complete|full) loss\b"
            r"|\bno service\b|\bunavailab|\binterrupt|\bout of service\b|\bdisrupt|\boffline\b|\bservice loss\b",
            re.IGNORECASE,
        ),
    ),
)


def impact_in(words: str) -> Impact | None:
    """Return the impact on a circuit that words name, None where they name none that is known."""
    text = words[:_READ_CHARACTERS]
    return next((impact for impact, pattern in _IMPACTS if pattern.search(text)), None)


# What a notice is about

OUTAGE_WORDS = re.compile(
    r"\b(?:outages?|incidents?|faults?|trouble|disruptions?|disrupted|interruptions?|disturbances?|failures?|failed"
    r"|hard[ -]down|down|loss of (?:service|signal|light|redundancy|protection)|service (?:loss|impact|alert"
    r"|impairment)"
    r"|fib(?:er|re)[ -]cut|cable[ -](?:cut|damage|break)|degrad(?:ed|ation)|impair(?:ed|ment)s?|unplanned|unscheduled"
    r"|rfo|reason for outage|impacted|service affecting|unavailab(?:le|ility)|los|break|störung\w{0,10}|ausfall|panne"
    r"|avería|incidencia|storing|post-?mortem)\b",
    re.IGNORECASE,
)
# What a status says of a service alone.
RESTORED_WORDS = re.compile(
    r"\b(?:restored|restoration|splicing|fib(?:er|re)|repairs?|repairing|dispatched|technicians?|post-?mortem)\b",
    re.IGNORECASE,
)
# Work that somebody plans, where it is no word of what happened unplanned.
PLANNED_WORDS = re.compile(
    r"\b(?<!un-)(?<!non-)(?<!non )(?<!not )"
    r"(?:maintenance|planned|scheduled|planned[ -]work|change (?:request|notification|window|order)"
    r"|work (?:window|notification)|upgrade|migration|relocation|grooming|cut-?over|service[ -]affecting activity"
    r"|power shutdown|advance notice|network (?:change|enhancement)|wartung\w{0,10}"
    r"|geplante\w{0,3}|mantenimiento|travaux|manutenção|manutenzione|onderhoud|decommission\w{0,4}|rescheduled)\b",
    re.IGNORECASE,
)
# What a body says of planned work itself, and not of what caused an outage.
PLANNED_SENTENCES = re.compile(
    r"\b(?<!un-)(?<!non-)(?<!non )"
    r"(?:(?:planned|scheduled|emergency|routine|preventive|urgent) (?:maintenance|works?|outage|activity"
    r"|intervention)|will be (?:down|interrupted|unavailable|out of service)(?! until)"
    r"|maintenance (?:window|notification|activity|work)|will (?:be )?(?:perform|carry|carrying|conduct"
    r"|undertak|performing|conducting)\w{0,4}\b.{0,60}\b(?:maintenance|works?|upgrade|replacement|migration))\b",
    re.IGNORECASE,
)
# Mails about a ticket that say nothing of the service.
OTHER_WORDS = re.compile(
    r"\b(?:survey|feedback|satisfaction|how did we do|rate (?:us|your|our)|credit(?:s| note| request| memo)?|invoice"
    r"|billing|payment|refund|out of (?:the )?office|automatic reply|auto-?reply|auto-?response|autoresponder"
    r"|abwesenheit\w{0,10}|undeliver(?:able|ed)|delivery (?:status|failure|has failed)|mail delivery|returned mail"
    r"|failure notice|newsletter|webinar|password|quotation|quote|offer|renewal|contract|order confirmation"
    r"|(?:daily|weekly|monthly|quarterly|annual|yearly|performance|availability|sla|uptime|usage|traffic|periodic)"
    r"(?: \w{1,20}){0,2} (?:report|summary|review|digest|statistics)|(?:report|summary|digest) (?:for|of) (?:last"
    r"|the (?:week"
    r"|month|quarter)|january|february|march|april|may|june|july|august|september|october|november|december|week|q\d)"
    r"|invitation|accepted|declined|tentative|price|tariff|tell us|how (?:we did|was)"
    r"|verify your|sign(?:ing)? in|registration|welcome|installation|provisioning|activation|order (?:number|no|status)"
    r"|your (?:opinion|experience)|knowledge (?:article|base)|(?:change of|new|updated) (?:\w{1,20} ){0,2}contacts?"
    r"|contact (?:change|update|list))\b",
    re.IGNORECASE,
)
# What somebody practises, or shows.
PRACTICE_WORDS = re.compile(
    r"^\W{0,4}(?:test|drill)\b|[\[(](?:test|drill)[\])]|\b(?:exercise|simulat(?:ed|ion)|please ignore|disregard this"
    r"|(?:generator|notification|ups|failover|dr) (?:test|drill)"
    r"|test (?:message|mail|e-?mail|notification|notice|outage|incident|ticket))\b",
    re.IGNORECASE,
)
PRACTICE_SENTENCES = re.compile(
    r"\bthis is (?:just |only )?an? (?:\w{1,12} )?(?:test|drill|exercise|example|simulation)\b", re.IGNORECASE
)
# The words for how far planned work is, of which an outage has others.
MAINTENANCE_STATUS = re.compile(
    r"\W{0,3}(?:confirmed|completed?|scheduled|tentative|rescheduled|postponed|approved"
    r"|successful(?:ly completed)?)\W{0,3}",
    re.IGNORECASE,
)
