"""Providers that nobody has named yet: an unknown sender whose calendar is valid makes its own.

It bears the name of its organisational domain. Addresses at a hoster of free mail have no organisation that could be a
provider, and an unknown address of a known provider's organisation is left to a person.
"""

import re
from collections.abc import Iterator

from domain.message import Terms
from parsers.authenticity import claimed, organisation_of, trusts
from parsers.forwarding import forwards_in
from parsers.mime import Notification
from parsers.outage.pages import is_system
from parsers.own import bcop
from parsers.providers import Directory, Provider
from parsers.repairs import decoded
from parsers.statements import Findings, NotUnderstood

_DOMAIN = re.compile(r"[a-z0-9.-]{1,253}")
_FREE_MAIL = frozenset(
    {
        "126.com",
        "163.com",
        "aol.com",
        "fastmail.com",
        "gmail.com",
        "gmx.at",
        "gmx.com",
        "gmx.de",
        "gmx.net",
        "googlemail.com",
        "hotmail.com",
        "icloud.com",
        "live.com",
        "mac.com",
        "mail.com",
        "mail.ru",
        "me.com",
        "msn.com",
        "outlook.com",
        "pm.me",
        "proton.me",
        "protonmail.com",
        "qq.com",
        "t-online.de",
        "web.de",
        "yahoo.co.in",
        "yahoo.co.jp",
        "yahoo.co.uk",
        "yahoo.com",
        "yahoo.de",
        "yahoo.fr",
        "yandex.com",
        "yandex.ru",
        "ymail.com",
        "zoho.com",
    }
)


def joined_by_newcomers(directory: Directory, notification: Notification, terms: Terms) -> Directory:
    """Return the directory with those who write to us for the first time in this message, by a valid calendar.

    What a trusted forwarder hands on is no calendar of its own: it is that of the provider it names, or nobody's.
    """
    found = {}
    for writer, notice in _writers(notification):
        newcomer = _newcomer(writer, directory)
        findings = _valid_findings(notice, newcomer) if newcomer else None
        if newcomer and findings and (claimed(findings.stated_provider or "", directory) or not trusts(writer, terms)):
            found[newcomer.name] = newcomer
    return directory.joined_by(tuple(found.values())) if found else directory


def _writers(notification: Notification) -> Iterator[tuple[str, Notification]]:
    """Yield who may have written each notice of a message: where it was forwarded, not those who forward it."""
    house = _organisation_of(notification.sender or "")
    forwarded = next((one.sender for one in forwards_in(notification) if _organisation_of(one.sender) != house), None)
    writer = forwarded or notification.list_sender or notification.sender
    if writer and bcop.calendars_of(notification):
        yield writer, decoded(notification)
    for inner in notification.attached:
        yield from _writers(inner)


def _newcomer(writer: str, directory: Directory) -> Provider | None:
    """Return the provider that an address makes; None where it is a known one's, or none's."""
    organisation = _organisation_of(writer)
    if not organisation or organisation in _FREE_MAIL or not _DOMAIN.fullmatch(organisation):
        return None
    if directory.identify(writer) or directory.get(organisation) or is_system(writer):
        return None
    domains = (sender[1:] for provider in directory for sender in provider.senders if sender.startswith("@"))
    if any(organisation_of(domain) == organisation for domain in domains):
        return None
    return Provider(name=organisation, senders=(f"@{organisation}",))


def _organisation_of(address: str) -> str | None:
    return organisation_of(address.rpartition("@")[2])


def _valid_findings(notice: Notification, provider: Provider) -> Findings | None:
    """Return what a calendar says, None where nothing of it can be used."""
    try:
        findings = bcop.read(notice, provider)
    except NotUnderstood:
        return None
    return findings if any(result.event_id and not result.fault for result in findings.results) else None
