"""Who wrote the notices in a message: its sender, those of the mails attached, or whom a list or a person sent on."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from parsers.forwarding import forwards_in
from parsers.mime import Notification
from parsers.outage.pages import Page, page_of, writers_of
from parsers.providers import Directory, Provider
from parsers.repairs import versions

# Behind what a list or a mail server puts before a subject.
_REPLY = re.compile(
    r"\s{0,9}(?:\[[^\]\[]{1,40}\]\s{0,9}){0,3}(?:re|aw|sv|antw|antwoord|odp|r|rif|réf|res)\s{0,5}:", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A notice in a message, and the provider whose its sender is: none, or several that share an address.

    ``date`` is its own, or ``date_inferred`` that of the mail that forwards it. ``forwarded``: the sender of the
    message is not who wrote the notice; ``forwarder`` is the sender then, None where there is none or more than one,
    and where the notice came from its writer.
    """

    notification: Notification
    providers: tuple[Provider, ...]
    date: datetime | None
    date_inferred: bool = False
    forwarded: bool = False
    forwarder: str | None = None


def choices(notification: Notification, directory: Directory, forced: Provider | None) -> Iterator[list[Source]]:
    """Yield the ways to understand a message, the likeliest first: each the notices that are in it, in one version.

    A provider's mail is its notice; otherwise those attached to it are, otherwise the one that a list sent on under its
    own address, or that was forwarded in the body. Where a person says whose it is, and they did not send it
    themselves, what is forwarded comes first.
    """
    for sources in _sources(notification, directory, forced):
        yield from _versions(sources)


def page_in(notification: Notification) -> Page | None:
    """Return the status page with a name that a mail comes from, or one that it brings, as whose mail it is."""
    mails = [(notification.sender, notification), *((inner.sender, inner) for inner in notification.attached)]
    mails += [
        (forward.sender, replace(notification, subject=forward.subject, texts=forward.texts))
        for forward in forwards_in(notification)
    ]
    return next((page for sender, mail in mails if (page := page_of(sender, mail)) and page.names), None)


def _versions(sources: list[Source]) -> Iterator[list[Source]]:
    """Yield the notices with what happened to their texts on the way undone or left."""
    found = [list(versions(source.notification)) for source in sources]
    for number in range(max(map(len, found), default=0)):
        chosen = [notifications[min(number, len(notifications) - 1)] for notifications in found]
        yield [replace(source, notification=one) for source, one in zip(sources, chosen, strict=True)]


def _sources(notification: Notification, directory: Directory, forced: Provider | None) -> Iterator[list[Source]]:
    senders = writers_of(notification.sender, notification, directory)
    whose = (forced,) if forced else senders
    if forced and forced not in senders:
        yield from (_sent_on(sources, notification) for sources in _inside(notification, directory, forced))
    if whose:
        yield [Source(notification=notification, providers=whose, date=notification.date)]
    yield from (_sent_on(sources, notification) for sources in _attached_in(notification, directory, whose))
    if not whose:
        yield from (_sent_on(sources, notification) for sources in _inside(notification, directory, None))


def _sent_on(sources: list[Source], message: Notification) -> list[Source]:
    return [replace(source, forwarded=True, forwarder=message.sender) for source in sources]


def _attached_in(
    notification: Notification, directory: Directory, whose: tuple[Provider, ...]
) -> Iterator[list[Source]]:
    """Yield the notices attached to a message; of one forwarded in a body first what stands below the headers."""
    for whole in (False, True):
        if sources := _attached(notification, directory, whose, whole=whole):
            yield sources


def _attached(
    notification: Notification, directory: Directory, otherwise: tuple[Provider, ...], *, whole: bool
) -> list[Source]:
    """Return the notices attached to a message as mails, however deep; one of an unknown sender among them too."""
    sources = []
    for inner in notification.attached:
        providers = writers_of(inner.sender, inner, directory)
        deeper = [] if providers else _deeper(inner, directory, otherwise, whole=whole)
        sources += deeper or [_dated(inner, providers or otherwise, inner.date, notification)]
    return sources


def _deeper(inner: Notification, directory: Directory, otherwise: tuple[Provider, ...], *, whole: bool) -> list[Source]:
    """Return the notices in an attached mail that is of no provider itself."""
    attached = _attached(inner, directory, otherwise, whole=whole)
    if any(source.providers for source in attached):
        return attached
    inside = list(_inside(inner, directory, None))
    return inside[-1 if whole else 0] if inside else attached


def _inside(notification: Notification, directory: Directory, only: Provider | None) -> Iterator[list[Source]]:
    """Yield the notice that a list sent on, or that was forwarded: what stands below its headers, then all."""
    if providers := _narrowed(writers_of(notification.list_sender, notification, directory), only):
        yield [_dated(notification, providers, notification.date, notification)]
    for forward in forwards_in(notification):
        inner = replace(notification, subject=forward.subject, other_subject=notification.subject)
        notice = replace(inner, texts=forward.texts)
        providers = _narrowed(writers_of(forward.sender, notice, directory), only)
        answer = bool(_REPLY.match(notification.subject))
        # What is quoted in an answer says nothing new: at most it is the old notice once more.
        if providers and (forward.date or not answer):
            yield [_dated(notice, providers, forward.date, notification)]
            if not answer:
                yield [_dated(inner, providers, forward.date, notification)]
            return


def _narrowed(providers: tuple[Provider, ...], only: Provider | None) -> tuple[Provider, ...]:
    if only is None:
        return providers
    return (only,) if only in providers else ()


def _dated(inner: Notification, providers: tuple[Provider, ...], date: datetime | None, outer: Notification) -> Source:
    """Return a forwarded notice with its own date, or with that of the mail that forwards it."""
    dated = date or outer.date
    return Source(
        notification=replace(inner, date=dated),
        providers=providers,
        date=dated,
        date_inferred=date is None,
        forwarded=True,
    )
