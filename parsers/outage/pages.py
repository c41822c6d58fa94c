"""Status pages: which systems send their mails, whose page it is that a mail comes from, and what such a mail is about.

One system sends for the pages of many providers, under its own address. So the page's name says whose its mails are,
and their proof is that of the system: whoever can send there in a provider's name has a page of that name there.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.vocabulary import Kind
from parsers.lines import lines_of, plain_lines_of
from parsers.mime import Notification
from parsers.outage.labels import newest_text
from parsers.providers import Directory, Provider

_NAME_CHARACTERS = 100
_TOP_LINES = 25
_LINE_CHARACTERS = 300
_PRINTED_LINKS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A system that sends mails for the status pages of many.

    ``senders`` are addresses or domains as in ``parsers.providers``; empty where each page has an address of its own.
    ``subject`` and ``footer`` find the name of the page, if they name it; the name beside the address does always.
    ``incident`` is what stands at the top of a mail about an incident, in a line or in the subject, ``planned`` in the
    subject of one about planned work. ``known_from`` is the public source of all this.
    """

    name: str
    known_from: str
    senders: tuple[str, ...] = ()
    subject: re.Pattern[str] | None = None
    footer: re.Pattern[str] | None = None
    incident: re.Pattern[str] | None = None
    planned: re.Pattern[str] | None = None


# What stands above the newest update of a mail of Statuspage.
STATUSPAGE_UPDATE = re.compile(
    r"(?:(?P<new>new incident)(?:\s?[:–-]\s?(?P<first>[a-z][a-z_-]{1,30}))?"
    r"|incident status\s?:\s?(?P<status>[a-z][a-z_-]{1,30})"
    r"|incident (?P<resolved>resolved)|(?P<update>an update has been posted)"
    r"|(?:an? |the |incident )?(?P<postmortem>post-?mortem)(?: has been)?(?: posted| published| available)?)\.?",
    re.IGNORECASE,
)

SYSTEMS: tuple[System, ...] = (
    System(
        name="Statuspage",
        known_from="https://support.atlassian.com/statuspage/docs/update-personal-information-and-notifications/ and "
        "https://github.com/zgb2mhdh6n-lang/email-incident-monitor",
        senders=("@statuspage.io",),
        subject=re.compile(r"(?P<page>\S.{0,99}?) Incident - \S"),
        footer=re.compile(r"\byou are subscribed to (?P<page>\S.{0,99}?)['’]s\b", re.IGNORECASE),
        incident=STATUSPAGE_UPDATE,
        planned=re.compile(r"\b(?:scheduled )?maintenance\b", re.IGNORECASE),
    ),
    System(
        name="incident.io",
        known_from="https://docs.incident.io/status-pages/maintenance",
        senders=("@status.incident.io",),
    ),
    System(
        name="OpenStatus",
        known_from="https://github.com/openstatusHQ/openstatus, packages/emails/src/client.tsx",
        senders=("notifications@notifications.openstatus.dev",),
    ),
    System(
        name="Cachet",
        known_from="https://github.com/cachethq/cachet, branch 2.5, resources/lang/en/notifications.php",
        incident=re.compile(
            r"new incident reported|incident updated|(?:# )?a new incident was reported at \S.{0,200}\."
            r"|(?:# )?\S.{0,250} was updated to (?:investigating|identified|watching|fixed)",
            re.IGNORECASE,
        ),
        planned=re.compile(r"new schedule created", re.IGNORECASE),
    ),
    System(
        name="OneUptime",
        known_from="https://github.com/OneUptime/oneuptime, App/FeatureSet/Notification/Templates",
        incident=re.compile(
            r"a new incident has been reported that may affect the services you're subscribed to\."
            r"|the status of an incident affecting services you're subscribed to has been updated\."
            r"|a new note has been added to the incident\. here are the details:"
            r"|a postmortem report has been published for an incident that affected services you're subscribed to\.",
            re.IGNORECASE,
        ),
        planned=re.compile(r"\[.{0,40}scheduled maintenance", re.IGNORECASE),
    ),
)

# What mail programs and servers put before a subject.
_LEAD = re.compile(r"\s{0,5}(?:\[[^\]\[]{1,40}\]|(?:re|aw|fwd?|wg|tr)\s?:)", re.IGNORECASE)
_OWN_LEAD = re.compile(r"incident|postmortem|maintenance", re.IGNORECASE)
_MOST_LEADS = 5
_VIA_SYSTEM = re.compile(r"\s{0,3}\(?\bvia (?:incident\.io|statuspage|openstatus)\)?\s{0,3}$", re.IGNORECASE)

# What a page may be called beside its provider's name.
_TAILS = (
    *("status page", "statuspage", "service status", "system status", "network status", "status", "notifications"),
    *("incorporated", "inc", "llc", "ltd", "limited", "corporation", "corp", "plc", "gmbh", "ag", "sa", "bv"),
    *("group", "networks", "network"),
)
_NO_NAMES = frozenset({"", "atlassian", "incidentio", "openstatus", "noreply", "statuspageio"})

_LINKS = (
    re.compile(r"(?:(?<![a-z0-9.-])|(?<=%2f))stspg\.io(?:/|%2f)([a-z0-9]{4,40})", re.IGNORECASE),
    re.compile(r"(?:/|%2f)incidents(?:/|%2f)([a-z0-9][a-z0-9-]{0,59})", re.IGNORECASE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A status page as a mail of its system names it: ``names`` are the different ones, none where it names none."""

    system: System
    names: tuple[str, ...]


def page_of(sender: str | None, notification: Notification) -> Page | None:
    """Return which status page a mail comes from; None where its sender is no system that sends for many.

    ``sender`` is whose mail it was, where it was sent on.
    """
    system = next((one for one in SYSTEMS if sender and _sends(one, sender)), None)
    if system is None:
        return None
    names: dict[str, str] = {}
    for named in _named(system, notification):
        name = " ".join(named.split())[:_NAME_CHARACTERS]
        if (key := _keys(name)[-1]) not in _NO_NAMES:
            names.setdefault(key, name)
    return Page(system=system, names=tuple(names.values()))


def is_system(sender: str) -> bool:
    """Return whether an address is that of a system which sends for the pages of many."""
    return any(_sends(system, sender) for system in SYSTEMS)


def writers_of(sender: str | None, notification: Notification, directory: Directory) -> tuple[Provider, ...]:
    """Return whose mail it is: of a status page the provider that bears its name, otherwise whose its sender is.

    That a page's system writes for many is so, whoever was assigned its address: it counts only for a page without a
    name. Of a page that is named in two ways both must mean one provider.
    """
    page = page_of(sender, notification)
    if page is None or not page.names:
        return directory.identify(sender) if sender else ()
    found = [named_provider(name, directory) for name in page.names]
    named = {provider.name: provider for provider in found if provider}
    return tuple(named.values()) if None not in found and len(named) == 1 else ()


def named_provider(name: str, directory: Directory) -> Provider | None:
    """Return the provider that bears the name of a page, whose words for a page or a company may follow; None: nobody.

    Case, blanks and punctuation do not count, what is only a part of a name does not either.
    """
    known = {_key(own): provider for provider in directory for own in provider.aliases}
    known |= {_key(provider.name): provider for provider in directory}
    return next((known[key] for key in _keys(name) if key in known), None)


def advice_for(page: Page, directory: Directory) -> str:
    """Return what a person can do so that the mails of a page become those of a provider, in one line."""
    told = " and ".join(f'"{name}"' for name in page.names)
    unknown = [slug for name in page.names if not named_provider(name, directory) and (slug := _slug(name))]
    aliases = ", ".join(f'"{slug}"' for slug in unknown)
    how = f": give its provider aliases = [{aliases}] in the configuration" if aliases else ""
    return f"the {page.system.name} page that it comes from is called {told}, and no one provider is{how}"


def page_sort(notification: Notification) -> Kind | None:
    """Return what a mail of a status page is about, whoever sent it; None: it is none, or does not say."""
    # Hardly a mail has such a link, and to look for one is quick.
    if incidents_in(notification):
        lines = (subject_of(notification), *top_lines(notification))
        if any(_is_incident(system, lines) for system in SYSTEMS):
            return Kind.OUTAGE
    return Kind.MAINTENANCE if is_planned(notification) else None


def is_planned(notification: Notification) -> bool:
    """Return whether the subject of a mail of a status page says that it is about planned work."""
    subject = subject_of(notification)
    sent_by = page_of(notification.sender, notification)
    known = (sent_by.system,) if sent_by else tuple(system for system in SYSTEMS if not system.senders)
    named = any(system.subject and system.subject.match(subject) for system in known)
    return not named and any(system.planned and system.planned.search(subject) for system in known)


def _is_incident(system: System, lines: Sequence[str]) -> bool:
    """Return whether subject and first lines are those of a mail about an incident.

    That there is an update is said of planned work too: then the subject must call it an incident.
    """
    found = next((found for line in lines if system.incident and (found := system.incident.fullmatch(line))), None)
    if found is None:
        return False
    return not found.groupdict().get("update") or bool(system.subject and system.subject.match(lines[0]))


def subject_of(notification: Notification) -> str:
    """Return the subject without what mail programs and servers put before it."""
    subject = notification.subject
    for _ in range(_MOST_LEADS):
        lead = _LEAD.match(subject)
        # A subject may begin with a word in brackets that is its own.
        if not lead or _OWN_LEAD.search(lead[0]):
            break
        subject = subject[lead.end() :]
    return subject.strip()


def top_lines(notification: Notification) -> list[str]:
    """Return the first lines of what is new in a mail, of its plain text and of its html, without their marks."""
    newest = newest_text(notification)
    return [bare(line)[:_LINE_CHARACTERS] for found in ways(newest) for line in found[:_TOP_LINES]]


def ways(newest: Notification) -> Iterator[list[str]]:
    """Yield the lines of the plain text, then those of the html, of each that there is."""
    for found in (plain_lines_of(newest), lines_of(newest) if newest.of_type("text/html") else []):
        if found:
            yield found


def bare(line: str) -> str:
    """Return a line without the marks of emphasis and of headings."""
    return line.strip("*_ \t").removeprefix("#").strip("*_# \t")


def incidents_in(notification: Notification, *, apart_from: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the incidents that a mail links to, each by the last part of the link, short links first.

    ``apart_from``: lines in which others may be linked; an incident that stands there alone is still one.
    """
    texts = [text.text for kind in ("text/html", "text/plain") for text in notification.texts if text.type == kind]
    found = dict.fromkeys(link[1] for pattern in _LINKS for text in texts for link in pattern.finditer(text))
    others = {link[1] for pattern in _LINKS for line in apart_from for link in pattern.finditer(line)}
    own = [incident for incident in found if incident not in others]
    return tuple(own or found)[:_PRINTED_LINKS]


def _sends(system: System, sender: str) -> bool:
    sender = sender.lower()
    domain = sender.rpartition("@")[2]
    return any(
        domain == known[1:] or domain.endswith(f".{known[1:]}") if known.startswith("@") else sender == known
        for known in system.senders
    )


def _named(system: System, notification: Notification) -> Iterator[str]:
    """Yield the names of the page that a mail gives, in its From header, its subject and its footer."""
    if notification.sender and _sends(system, notification.sender):
        yield _VIA_SYSTEM.sub("", notification.sender_name)
    if system.subject and (found := system.subject.match(subject_of(notification))):
        yield found["page"]
    if system.footer:
        for lines in ways(newest_text(notification)):
            if found := system.footer.search(" ".join(lines)):
                yield found["page"]


def _keys(name: str) -> list[str]:
    """Return a name as names are compared: whole, then without each word that may follow a provider's name."""
    words = [word for word in re.split(r"[\s,.()-]+", unicodedata.normalize("NFKC", name).lower()) if word]
    keys = [_key(name)]
    while tail := next((tail for tail in _TAILS if _ends_in(words, tail.split())), ""):
        words = words[: len(words) - len(tail.split())]
        keys.append(_key("".join(words)))
    return keys


def _ends_in(words: Sequence[str], tail: Sequence[str]) -> bool:
    return len(words) >= len(tail) and list(words[len(words) - len(tail) :]) == list(tail)


def _key(name: str) -> str:
    return "".join(character for character in unicodedata.normalize("NFKC", name).lower() if character.isalnum())


def _slug(name: str) -> str:
    """Return a name as the configuration writes one; empty where nothing of it can stand there."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
