"""Begin with NetBox: the connection that the configuration asks for, its inventory, and since when events count."""

from collections.abc import Callable
from datetime import datetime, timedelta

from domain.errors import ConfigurationError
from domain.events import circuit_key_of
from ingestor.config import Settings
from ingestor.pipeline import utc_now
from ingestor.secrets import resolve
from ingestor.wanted import state_of
from parsers.providers import Directory
from storage import outbox
from storage.database import Store
from sync.circuits import AliasKey, Inventory, ProviderNames
from sync.netbox import Netbox

# What is pushed where the configuration does not say: what ends later than this before the first run.
PUSHED_BEFORE_FIRST_RUN = timedelta(days=7)


def open_netbox(settings: Settings) -> Netbox:
    """Return the connection that the configuration asks for; nothing is asked yet. Raises ConfigurationError."""
    table = settings.netbox
    if table.url is None or table.token is None:
        raise ConfigurationError(
            [f'{settings.path}: netbox: url: missing, expected the address of a NetBox, as in "https://netbox.example"']
        )
    return Netbox(
        table.url,
        resolve(table.token, where=f"{settings.path}: netbox: token"),
        timeout_seconds=table.timeout_seconds,
        ca_file=str(table.ca_file) if table.ca_file else None,
    )


def open_inventory(
    settings: Settings,
    store: Store,
    netbox: Netbox,
    directory: Directory,
    *,
    clock: Callable[[], datetime] = utc_now,
) -> Inventory:
    """Return the providers and circuits of a NetBox, by the names that the configuration and people give them."""
    tables = {table.name: table for table in settings.providers}
    names = {}
    for one in directory:
        table = tables.get(one.name)
        slug, asns = (table.netbox, table.asn or ()) if table else (None, ())
        names[one.name] = ProviderNames(slug=slug, aliases=tuple(one.aliases), asns=tuple(asns))
    return Inventory(
        netbox,
        names,
        aliases(store),
        clock=clock,
        lifetime_seconds=settings.netbox.circuit_cache_seconds,
        create=settings.netbox.create,
    )


def aliases(store: Store) -> dict[AliasKey, str]:
    """Return the ids in NetBox of the circuits that people have given another name."""
    with store.reading() as connection:
        return {(one.provider, circuit_key_of(one.alias)): one.circuit_id for one in outbox.aliases(connection)}


def pushed_since(store: Store, settings: Settings, *, now: datetime) -> datetime:
    """Return since when events count, or will when the first one is pushed: what ended before is not pushed."""
    with store.reading() as connection:
        held = outbox.meta(connection, outbox.SINCE)
    return settings.netbox.since or (datetime.fromisoformat(held) if held else now - PUSHED_BEFORE_FIRST_RUN)


def begin(store: Store, settings: Settings, *, now: datetime) -> datetime:
    """Return since when events count; where that, or the NetBox, is another than before, all events are due.

    Nothing that was believed of another NetBox is believed of this one. May be called often.
    """
    url, since = settings.netbox.url, pushed_since(store, settings, now=now)
    with store.reading() as connection:
        known, held = outbox.meta(connection, outbox.URL), outbox.meta(connection, outbox.SINCE)
    if (known, held) == (url, since.isoformat()) or url is None:
        return since
    with store.writing() as connection:
        if known not in (None, url):
            for key, generation, remote in list(outbox.remotes(connection)):
                state = state_of(remote).elsewhere()
                outbox.save_remote(connection, key, generation, state.as_json(), dirty=True, now=now)
        outbox.enqueue_all(connection, since=since, now=now)
        outbox.save_meta(connection, outbox.COMPARED_AT, now.isoformat())
        outbox.save_meta(connection, outbox.SINCE, since.isoformat())
        outbox.save_meta(connection, outbox.URL, url)
    return since
