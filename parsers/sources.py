"""Who wrote the notices in a message: its sender, those of the mails attached to it, or whom a person forwarded."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from parsers.forwarding import forwards_in
from parsers.mime import Notification
from parsers.providers import Directory, Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A notice in a message, and the provider whose its sender is: none, or several that share an address.

    ``date`` is its own, or ``date_inferred`` that of the mail that forwards it. ``forwarded``: the sender of the
    message is not who wrote the notice.
    """

    notification: Notification
    providers: tuple[Provider, ...]
    date: datetime | None
    date_inferred: bool = False
    forwarded: bool = False


def choices(notification: Notification, directory: Directory, forced: Provider | None) -> Iterator[list[Source]]:
    """Yield the ways to understand a message, the likeliest first: each the notices that are in it.

    A provider's mail is its notice; otherwise those attached to it are, otherwise the one that was forwarded in its
    body. Where a person says whose it is, and they did not send it themselves, what is forwarded comes first.
    """
    senders = _providers_of(notification.sender, directory)
    whose = (forced,) if forced else senders
    if forced and forced not in senders:
        yield _forwarded(notification, directory, only=forced)
    if whose:
        yield [Source(notification=notification, providers=whose, date=notification.date)]
    yield _attached(notification, directory, otherwise=whose)
    if not whose:
        yield _forwarded(notification, directory, only=None)


def _providers_of(sender: str | None, directory: Directory) -> tuple[Provider, ...]:
    return directory.identify(sender) if sender else ()


def _attached(notification: Notification, directory: Directory, otherwise: tuple[Provider, ...]) -> list[Source]:
    """Return the notices attached to a message as mails, however deep; one of an unknown sender among them too."""
    sources = []
    for inner in notification.attached:
        providers = _providers_of(inner.sender, directory) or otherwise
        deeper = [] if providers else _attached(inner, directory, otherwise)
        sources += deeper or [_dated(inner, providers, inner.date, notification)]
    return sources


def _forwarded(notification: Notification, directory: Directory, only: Provider | None) -> list[Source]:
    """Return the notice that was forwarded in the body: the outermost one whose sender is a provider's."""
    for forward in forwards_in(notification):
        providers = directory.identify(forward.sender)
        if only:
            providers = (only,) if only in providers else ()
        if providers:
            inner = replace(notification, subject=forward.subject, other_subject=notification.subject)
            return [_dated(inner, providers, forward.date, notification)]
    return []


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
