"""Make the tables of docs/outages.md out of the code: who writes of outages in which form, and how words are read.

Run as ``python -m tests.gate.outages_document`` (``make docs``). What stands outside of the marks is written by hand.
Each word in a table goes through the reader's own function, so that the table says what is read and not what was meant.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from domain.events import Update, iso_utc
from domain.vocabulary import Impact, OutageStatus
from parsers.clock import Clock
from parsers.forms import DateOrder
from parsers.outage.pages import SYSTEMS
from parsers.outage.readers import READERS
from parsers.outage.times import Moments
from parsers.outage.words import STATUSES, Means, impact_in, meaning_of
from parsers.providers import PROVIDERS
from parsers.statements import NotUnderstood
from tests.readings import OUTAGES, reading_of

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "outages.md"
_MADE = re.compile(
    r"(?P<begin><!-- made by `make docs`: (?P<name>[\w ]+) -->\n)(?P<made>.*?)(?P<end><!-- until here -->)", re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Whose a form is, in words, and where it is known from: addresses, with what each tells where that is a part."""

    whose: str
    sources: tuple[str, ...]


_AWS = "https://docs.aws.amazon.com"
FORMS: Mapping[str, Form] = {
    "cachet": Form(
        whose="status pages of Cachet 2.4 and 2.5",
        sources=("https://github.com/cachethq/cachet (branch 2.5: resources/lang/en, resources/views/notifications)",),
    ),
    "oneuptime": Form(
        whose="status pages of OneUptime",
        sources=(
            "https://github.com/OneUptime/oneuptime (App/FeatureSet/Notification/Templates, "
            "App/FeatureSet/Workers/Jobs)",
        ),
    ),
    "statuspage": Form(
        whose="status pages of Atlassian Statuspage",
        sources=(
            "https://github.com/zgb2mhdh6n-lang/email-incident-monitor (the words above an update)",
            "https://support.atlassian.com/statuspage/docs/update-personal-information-and-notifications/ (sender)",
            "https://support.atlassian.com/statuspage/docs/enable-webhook-notifications (links)",
            "https://support.atlassian.com/statuspage/docs/schedule-maintenance/ (statuses)",
        ),
    ),
    "aws-health": Form(
        whose="AWS: events of AWS Health that a topic of SNS mails",
        sources=(
            f"{_AWS}/health/latest/ug/aws-health-events-eventbridge-schema.html",
            f"{_AWS}/health/latest/APIReference/API_AffectedEntity.html",
            f"{_AWS}/sns/latest/dg/sns-email-notifications.html",
        ),
    ),
    "aws-health-aware": Form(
        whose="AWS: mails of AWS Health Aware",
        sources=("https://github.com/aws-samples/aws-health-aware (messagegenerator.py)",),
    ),
    "globalnoc": Form(
        whose="Global NOC at Indiana University: Internet2 and others",
        sources=(
            "https://docs.globalnoc.iu.edu/i2network/support/weekly-reports/internet2-ip-weekly-reports/20150531.html",
            "http://noc.net.internet2.edu/i2network/support/weekly-reports/internet2-al2s-weekly-reports/"
            "internet2-al2s-weekly-reports/20140721.html",
        ),
    ),
    "heanet": Form(
        whose="HEAnet",
        sources=("https://listserv.heanet.ie (list HEANET-FAULTS, February 2008: P=295594, P=261256, P=215119)",),
    ),
    "lumen-repair": Form(
        whose="Lumen, CenturyLink, Level 3",
        sources=(
            "https://bridgenetcommunications.com/repair-statement/ (the story of a repair)",
            "https://totaluptime.com/major-centurylink-network-outage-to-close-2018/ (the same)",
            "https://puck.nether.net/pipermail/outages/attachments/20200830/609031bb/attachment.htm (the same)",
            "https://status.beyondhosting.net/incidents/9kqn6rvfdk15 (reason for outage)",
            "https://cytranet.com/how-cytranet-responds-to-fiber-cuts-a-real-world-timeline-that-proves-our-commitment-"
            "to-reliability (the labels at the end)",
            "https://status.macstadium.com/incidents/q4qfhq90ppr8 (Incident Start, Incident Clear)",
            "https://mail-archive.com/outages@outages.org/msg04071.html (MTR)",
            "https://apnews.com/6550803e500041b7986286632f6640ee (the estimate in a sentence)",
            "https://centurylink.com/wholesale/help/controlcenter/service-management/"
            "escalating-a-repair-ticket.html (status)",
            "the subject: a customer's notes, which are not linked: a public file that holds passwords",
        ),
    ),
    "equinix-incident": Form(
        whose="Equinix",
        sources=(
            "https://status.faelix.net/event/202205240100/ (an incident, as a customer repeats it)",
            "https://docs.equinix.com/en-us/Content/KnowledgeCenter/EMG/Notifications/IBXNotifications.htm (number)",
        ),
    ),
    "outage-report": Form(
        whose='whoever writes "[Outage report - Occurrence]", "Status", "Recovery", "RFO"; whose it is, is not public',
        sources=("a page in public on GitHub that composes such a mail; its address is not known",),
    ),
    "general": Form(
        whose="every carrier for which no form is public",
        sources=("nobody's form: the labels below",),
    ),
}  # fmt: skip

# Carriers whose form was looked for. What is public all the same: addresses.
NONE_FOUND: Mapping[str, str] = {
    "arelion": 'only that such mails have "Disturbance Information" in the subject: circuit-maintenance-parser leaves '
    "them out",
    "att": "the fields of a page, not of a mail: https://www.cnm.att.com/tmw-docs/help/update_ticket.html",
    "cogent": "nothing but notices of planned work",
    "colt": "that there are such mails, by subscription: https://colt.net/help",
    "crowncastle": "nothing",
    "google": "web pages of incidents, no mail: https://cloud.google.com/network-connectivity/docs/interconnect/support/"
    "infrastructure-maintenance-events",
    "gtt": "ticket types and severities, no mail",
    "megaport": "that there are mails of a service that is up or down, not their text: "
    "https://docs.megaport.com/monitoring/service-status/",
    "ntt": "the words of a ticket's status in a portal: https://support.ntt.com/en/b-portal/faq/detail/pide23000000g7/",
    "packetfabric": "that outages are mailed, not the text: "
    "https://docs.packetfabric.com/reference/support/notifications/",
    "pccw": "nothing",
    "retn": "notices of planned and of emergency works, which are both planned; none of a fault",
    "tata": "a procedure, no mail: http://www.tatacommunications.lk/customer-charter/",
    "telstra": "nothing",
    "telxius": "nothing",
    "verizon": "fields of a web service, no mail: https://info.5y1.org/tech-spec-document-example_1_2d2821.html",
    "zayo": "an interface, not a mail: https://github.com/api-evangelist/zayo; known are numbers like TTN-0001234567, "
    '"Hard Down" and "Impaired"',
}

# Labels as carriers write them. Others are known too: with "Number", "ID" or "Ref" behind, in any case, with or without
# what is in brackets.
LABELS: Mapping[Means | None, tuple[str, ...]] = {
    Means.TICKET: (
        *(
            "Ticket Number",
            "Trouble Ticket",
            "Case #",
            "Incident ID",
            "Fault Reference",
            "TT",
            "Our Reference",
            "Ref No",
        ),
    ),
    Means.OTHER_TICKET: ("Customer Ticket ID", "Your Reference", "Master Ticket", "Parent Ticket", "Vendor Ticket"),
    Means.STATUS: ("Status", "Ticket Status", "Current Status", "Phase"),
    Means.TYPE: ("Type", "Notification Type", "Category"),
    Means.START: (
        "Start Time",
        "Start of event",
        "Outage Start",
        "Down since",
        "Time of Occurrence",
        "Fault occurred at",
    ),
    Means.START_DATE: ("Start Date", "Outage Date"),
    Means.END: ("End Time", "Restored at", "Service Restored", "Time Resolved", "Outage Stop", "Incident Clear"),
    Means.END_DATE: ("End Date", "Restoration Date"),
    Means.REPORTED: ("Reported", "Time Reported", "Opened", "Created", "Logged at"),
    Means.REPORTED_DATE: ("Report Date", "Created Date"),
    Means.ETR: (
        *(
            "ETR",
            "ETTR",
            "Revised ETR",
            "Estimated time to restore",
            "Estimated Time of Repair",
            "Expected Restoration",
        ),
        *("Target Resolution Time", "ETA for restoration", "Time to Restore"),
    ),
    Means.ETR_DATE: ("ETR Date",),
    Means.CIRCUITS: ("Circuit ID", "Service ID", "CID", "Affected Services", "Impacted Circuits", "Link", "EVC"),
    Means.IMPACT: ("Impact", "Service Impact", "Impact Type", "Customer Impact"),
    Means.CAUSE: ("Reason for outage", "RFO", "Root Cause", "RCA", "Cause of fault"),
    Means.SUMMARY: ("Summary", "Description", "Title", "Symptoms", "What happened"),
    Means.ACCOUNT: ("Account", "Customer Number", "Billing Account ID"),
    Means.ZONE: ("Time Zone", "All times in"),
    Means.PLANNED: ("Scheduled Start", "Planned End", "Maintenance Window", "Change Window"),
    None: ("Next Update", "Technician ETA", "Previous ETR", "Duration", "Severity", "Priority", "Contact"),
}

# What stands behind a label of the estimate in a mail of Tuesday, 9 March 2027, 13:40 UTC.
_DATE = datetime(2027, 3, 9, 13, 40, tzinfo=UTC)
_CHICAGO = "America/Chicago"
MOMENTS = Moments(clock=Clock(order=DateOrder.MONTH_BY_NAME, zone=_CHICAGO), date=_DATE)
ESTIMATES = (
    *("2027-03-09 18:30 UTC", "Mar 9, 18:30 UTC", "18:30 CET", "6:30 PM local time", "by 6 PM", "noon"),
    *("tomorrow 03:00 UTC", "Wednesday 04:00 UTC", "within 4 hours", "2-3 hours", "approx. 90 minutes"),
    *("16:00 - 18:00 UTC", "4 hours (18:00 UTC)", "18:30 UTC (was 17:00 UTC)"),
    *("TBD", "N/A", "pending", "to be advised", "unknown at this time", "No ETR at this time"),
    *("crew on site, ETR to follow", "end of day", "later today", "soon", "by midnight", "18:30 XYT"),
    "09/03/2027 18:30 UTC",
)
TIMES = (
    *("2027-03-09 12:04 UTC", "2027-03-09T13:04+01:00", "9 March 2027 12:04 UTC", "March 9, 2027, 12:04 PM UTC"),
    *("09-Mar-2027 06:04", "Mar 9, 12:04 UTC", "12:04 UTC", "2027-03-09 07:04 EST", "2027-03-09 13:04 UTC+1"),
    *("2027-03-09 13:04 Central European Time", "2027-03-09 12:04 GMT (13:04 CET)", "23/03/2027 12:04 UTC"),
    *("08/03/2027 12:04 UTC", "2027-03-09 17:34 IST", "2027-03-09 12:04 XYT", "2027-03-09"),
)
IMPACTS = (
    *("Hard down", "Out of service", "Outage", "Total loss", "Loss of light", "Unavailable", "Interrupted"),
    *("Impaired", "Degraded", "Intermittent", "Flapping", "Bouncing", "Packet loss", "High latency", "Partial"),
    *("Loss of redundancy", "Unprotected", "At risk", "Loss of protection", "Simplex"),
    *("No impact", "Not service affecting", "Unaffected", "Up", "Severity 1"),
)

_NOTHING = "nothing: not stated"


def main() -> int:
    """Write the document anew."""
    held = DOCUMENT.read_text(encoding="utf-8")
    made = document(held)
    DOCUMENT.write_text(made, encoding="utf-8")
    print(f"{DOCUMENT.relative_to(ROOT)}: {'nothing changes' if made == held else 'written anew'}")
    return 0


def document(held: str) -> str:
    """Return the document with its tables as the code gives them."""
    missing = TABLES.keys() - {found["name"] for found in _MADE.finditer(held)}
    if missing:
        raise SystemExit(f"{DOCUMENT}: no marks for the tables {', '.join(sorted(missing))}")
    return _MADE.sub(lambda found: f"{found['begin']}\n{TABLES[found['name']]()}\n{found['end']}", held)


def readers() -> str:
    """Return a line for each reader of outages."""
    return _table(
        ("carrier", "form", "source of the form", "fields read"),
        (
            (
                FORMS[reader.form].whose,
                f"[{reader.form}](../tests/outages/{reader.form})",
                "<br>".join(FORMS[reader.form].sources),
                ", ".join(fields_of(reader.form)),
            )
            for reader in READERS
        ),
    )


def fields_of(form: str) -> list[str]:
    """Return what the mails of ours in a form are read to state, of all of them together."""
    paths = sorted((OUTAGES / form).glob("*/*.eml"))
    stated = {name for path in paths for update in reading_of(path).updates for name in _stated(update)}
    return [name for name in _FIELDS if name in stated]


def none_found() -> str:
    """Return a line for each carrier whose form was looked for in vain, and the providers that were not looked for."""
    names = {provider.name: " / ".join((provider.name, *provider.aliases)) for provider in PROVIDERS}
    found = _table(
        ("carrier", "form", "what is public"),
        ((names[name], "none found: read by the general reader", said) for name, said in sorted(NONE_FOUND.items())),
    )
    own = {provider.name for provider in PROVIDERS if provider.outage_readers}
    others = ", ".join(sorted(names.keys() - NONE_FOUND.keys() - own))
    return f"{found}\nNot looked for, and read by the general reader too: {others}.\n"


def systems() -> str:
    """Return a line for each system that sends mails of status pages."""
    forms = {reader.form for reader in READERS}
    return _table(
        ("system", "sender", "incidents are read", "known from"),
        (
            (
                system.name,
                ", ".join(f"`{sender}`" for sender in system.senders) or "an address of each page's own",
                "yes" if system.name.lower() in forms else "no",
                system.known_from,
            )
            for system in SYSTEMS
        ),
    )


def labels() -> str:
    """Return the labels, with what each is."""
    return _table(
        ("is read as", "labels, for example"), ((_meant(means), ", ".join(said)) for means, said in LABELS.items())
    )


def statuses() -> str:
    """Return the words of a status, with what each means."""
    return _table(("status", "words"), ((status, ", ".join(sorted(STATUSES[status]))) for status in OutageStatus))


def impacts() -> str:
    """Return words of an impact, with what each means."""
    by_impact: dict[Impact | None, list[str]] = {}
    for words in IMPACTS:
        by_impact.setdefault(impact_in(words), []).append(words)
    return _table(
        ("impact", "words, for example"), ((impact or _NOTHING, ", ".join(said)) for impact, said in by_impact.items())
    )


def estimates() -> str:
    """Return words of an estimate, with what each is read as."""
    return _table(("words", "read as"), ((f"`{words}`", _estimate(words)) for words in ESTIMATES))


def times() -> str:
    """Return words of a time, with what each is read as."""
    return _table(("words", "read as"), ((f"`{words}`", _time(words)) for words in TIMES))


TABLES: Mapping[str, Callable[[], str]] = {
    "readers": readers,
    "none found": none_found,
    "systems": systems,
    "labels": labels,
    "statuses": statuses,
    "impacts": impacts,
    "estimates": estimates,
    "times": times,
}

# What an update can state of an outage, in the order in which it is told.
_FIELDS: Mapping[str, Callable[[Update], object]] = {
    "ticket": lambda update: update.event_id,
    "status": lambda update: update.outage and update.outage.status,
    "start": lambda update: update.outage and update.outage.start,
    "end": lambda update: update.outage and update.outage.end,
    "reported": lambda update: update.outage and update.outage.reported_at,
    "ETR": lambda update: update.outage and update.outage.etr,
    "cause": lambda update: update.outage and update.outage.cause,
    "circuits": lambda update: update.circuits,
    "impact": lambda update: any(circuit.impact for circuit in update.circuits or ()),
    "summary": lambda update: update.summary,
    "account": lambda update: update.account,
    "other numbers": lambda update: update.references,
    "zone": lambda update: update.outage and update.outage.zone,
}


def _stated(update: Update) -> list[str]:
    return [name for name, field in _FIELDS.items() if field(update)]


def _meant(means: Means | None) -> str:
    wrong = [label for label in LABELS[means] if meaning_of(label) is not means]
    if wrong:
        raise SystemExit(f"{', '.join(wrong)}: not read as {means or 'nothing'}")
    return str(means or "nothing")


def _estimate(words: str) -> str:
    etr = MOMENTS.etr(words)
    if etr is None:
        return _NOTHING
    return iso_utc(etr.at) if etr.at else "there is none now"


def _time(words: str) -> str:
    try:
        return iso_utc(MOMENTS.instant(words))
    except NotUnderstood as problem:
        return f"not understood: {problem}"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    sys.exit(main())
