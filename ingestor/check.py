"""``maintd check``: what is wrong, before the daemon finds out at night."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.errors import MailboxError, MaintdError, NetboxError, NetboxFailure
from domain.message import Arrival, Disposition, Terms
from ingestor import daemon, pipeline
from ingestor.config import MailboxTable, Settings
from ingestor.mailbox import MailboxSession, Step, connect, probe
from ingestor.netbox_opening import open_inventory, open_netbox, pushed_since
from parsers.keys import FindKeys
from parsers.providers import Directory
from parsers.workers import WorkerPool
from storage import outbox, queries
from storage.database import Store, open_store, revision
from sync import checking
from sync.checking import Action, Checked, Right
from sync.circuits import slug_of
from sync.dialects import Dialect
from sync.netbox import Netbox

# How many of the newest mails of a mailbox are read on trial, and stored nowhere.
TRIAL_MAILS = 10

# What the DNS is asked on trial; it has no key there.
TRIAL_NAME = "maintd._domainkey.example.com"

# By how much the clock may be behind those of mail servers. Beyond ten minutes a mail's own Date would not be believed.
CLOCK_TOLERANCE = timedelta(minutes=2)

NETBOX = "NetBox"

# Without these rights a push goes on, and leaves something out.
_SPARED = frozenset({"circuits.circuittermination", "extras.journalentry"})

# Without these no provider and no circuit is found.
_LOOKING = frozenset({("circuits.provider", Action.VIEW), ("circuits.circuit", Action.VIEW)})

# What a person does about a NetBox that cannot be asked.
_CURES = {
    NetboxFailure.UNREACHABLE: "look at url of [netbox], and whether this machine gets there",
    NetboxFailure.THROTTLED: "it asks for time: try again later",
    NetboxFailure.FORBIDDEN: "make another token in NetBox, and set token of [netbox] to it",
    NetboxFailure.MISSING: "url of [netbox] must be what people open in a browser, and base_path that of the plugin",
    NetboxFailure.BROKEN: "url of [netbox] must be what people open in a browser; if it is, look at NetBox's own log",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One finding. ``ok`` None is a warning: it works, but a person may care."""

    part: str
    ok: bool | None
    text: str


def check(settings: Settings, *, offline: bool) -> Iterator[Found]:
    """Yield what is found, part by part: the configuration, the database, each mailbox step by step, then NetBox."""
    yield Found(part="configuration", ok=True, text=f"{settings.path}: {len(settings.mailboxes)} mailboxes")
    for warning in settings.warnings:
        yield Found(part="configuration", ok=None, text=warning)
    yield from _database(settings)
    if offline:
        return
    pool = _pool(settings)
    try:
        for table in settings.mailboxes:
            yield from _mailbox(settings, table, pool)
    finally:
        pool.stop()
    if settings.netbox.url:
        yield from netbox(settings)


def _database(settings: Settings) -> Iterator[Found]:
    def ask() -> str:
        if revision(settings.database.url) is None:
            return "there is none yet: the first run, poll or import makes it"
        store = open_store(settings.database.url)
        try:
            with store.reading():
                return f"{store.dialect} is there and of this revision"
        finally:
            store.close()

    yield _attempt("database", ask)


def _pool(settings: Settings) -> WorkerPool:
    """Return a pool that knows the senders that people have assigned, where there is a database to ask."""
    try:
        store = open_store(settings.database.url)
    except MaintdError:
        return daemon.worker_pool(settings, None, count=1)
    try:
        return daemon.worker_pool(settings, store, count=1)
    finally:
        store.close()


def _mailbox(settings: Settings, table: MailboxTable, pool: WorkerPool) -> Iterator[Found]:
    part = f'mailbox "{table.name}"'
    try:
        mailbox = daemon.mailbox_settings(settings, table)
    except MaintdError as error:
        yield Found(part=part, ok=False, text=str(error))
        return
    yield _trust(table)
    yield from names(table, pool.find_keys)
    readable = False
    said = set()
    for finding in probe(mailbox, now=pipeline.utc_now()):
        text = finding.text.removeprefix(f"{part}: ")
        if text not in said:
            yield Found(part=part, ok=finding.ok, text=text)
        said.add(text)
        readable = readable or (finding.step == Step.FOLDER and finding.ok is True)
    if not readable:
        return
    try:
        with connect(mailbox) as session:
            arrivals = next((newest for newest in _newest(session) if newest), ())
    except MaintdError as error:
        yield Found(part=part, ok=False, text=str(error))
        return
    yield from clock(arrivals, now=pipeline.utc_now())
    terms = daemon.asked_of_mails(settings)[table.name]
    yield _attempt(part, lambda: _trial(arrivals, pool, terms))


def _trust(table: MailboxTable) -> Found:
    """Say what a mail must prove here; a mailbox that asks nothing works, and a forged mail with it."""
    part = f'mailbox "{table.name}"'
    by = [f"by what {table.authserv_id} says of it"] if table.authserv_id else []
    by += ["by its DKIM signatures"] if table.verify_dkim else []
    by += [f"by what {' or '.join(table.trusted_arc_sealers)} found before"] if table.trusted_arc_sealers else []
    if not by:
        text = (
            "mails are taken as they come, and their events marked as unverified: set authserv_id to the name under "
            "which your mail server writes Authentication-Results, or verify_dkim = true"
        )
        return Found(part=part, ok=None, text=text)
    forwarders = ", ".join(table.trusted_forwarders or ()) or "nobody: set trusted_forwarders"
    text = f"a mail must prove itself {', or '.join(by)}; forwards count of {forwarders}"
    return Found(part=part, ok=True, text=text)


def names(table: MailboxTable, find: FindKeys | None) -> Iterator[Found]:
    """Say that the DNS does not answer, where signatures are judged by its keys; what it answers is of no matter."""
    asks = table.verify_dkim or table.trusted_arc_sealers
    if asks and find and find([TRIAL_NAME])[TRIAL_NAME] is None:
        text = (
            "the DNS does not answer, so that no signature can be verified: see to the servers in /etc/resolv.conf, "
            "and whether this machine gets there"
        )
        yield Found(part=f'mailbox "{table.name}"', ok=False, text=text)


def clock(arrivals: Sequence[Arrival], *, now: datetime) -> Iterator[Found]:
    """Compare the clock with the newest mail's receipt: it cannot have been received in the future."""
    ahead = max((arrival.received_at - now for arrival in arrivals), default=timedelta(0))
    if ahead > CLOCK_TOLERANCE:
        text = (
            f"the newest mail was received {int(ahead.total_seconds())} seconds from now: "
            "this machine's clock is behind, or its mail server's ahead: see to the time service of both"
        )
        yield Found(part="clock", ok=None, text=text)


def _trial(arrivals: Sequence[Arrival], pool: WorkerPool, terms: Terms) -> str:
    """Read the newest mails of a mailbox and say what they would give; nothing is stored."""
    readings = [pool.submit(arrival.raw, arrival.received_at, terms).result() for arrival in arrivals]
    if not readings:
        return "there is no mail to read on trial"
    understood = sum(reading.disposition is Disposition.APPLIED for reading in readings)
    irrelevant = sum(reading.disposition is Disposition.IRRELEVANT for reading in readings)
    unknown = len(readings) - understood - irrelevant
    return (
        f"of the newest {len(readings)} mails {understood} would give events, "
        f"{irrelevant} are of no concern, {unknown} would be quarantined"
    )


def _newest(session: MailboxSession) -> Iterator[Sequence[Arrival]]:
    """Yield the newest mails of each folder that can be opened; of the others it has been told."""
    for folder in session.settings.folders:
        try:
            yield session.latest(folder, TRIAL_MAILS, now=pipeline.utc_now())
        except MailboxError:
            if not session.usable:
                raise


def _attempt(part: str, ask: Callable[[], str]) -> Found:
    try:
        return Found(part=part, ok=True, text=ask())
    except MaintdError as error:
        return Found(part=part, ok=False, text=str(error))


# --- NetBox -----------------------------------------------------------------------------------------------------


def netbox(settings: Settings) -> Iterator[Found]:
    """Yield what is found of the NetBox: what it is, what the token may do, and what it knows of our events.

    Nothing is written there. What it turns out to lack is noted for `maintd circuits unresolved`.
    """
    try:
        with open_netbox(settings) as connection:
            table = settings.netbox
            checked = checking.check(
                connection,
                clock=pipeline.utc_now,
                base_path=table.base_path,
                create=table.create,
                custom_field=table.custom_field,
            )
            yield from _netbox(checked)
            if not _is_blind(checked.missing):
                yield from _matching(settings, connection)
    except NetboxError as error:
        asked = str(error).removeprefix("NetBox: ")
        yield Found(part=NETBOX, ok=False, text=f"{settings.netbox.url}: {asked}: {_cure(error)}")
    except MaintdError as error:
        yield Found(part=NETBOX, ok=False, text=str(error))


def _cure(error: NetboxError) -> str:
    if "certificate verify failed" in error.words:
        return "name the certificate of its CA, or its own, in ca_file of [netbox]"
    return _CURES.get(error.kind, "look at NetBox's own log")


def _netbox(checked: Checked) -> Iterator[Found]:
    """Yield what was found without looking at our events."""
    oldest, newest = (".".join(map(str, version)) for version in (checking.OLDEST_TRIED, checking.NEWEST_TRIED))
    untried = "" if checked.version_is_tried else f"; it was tried with {oldest} to {newest} only"
    yield Found(part=NETBOX, ok=not untried or None, text=f"{_server(checked.dialect)}{untried}")
    for lack in checked.dialect.lacks:
        yield Found(part=NETBOX, ok=None, text=f"it cannot hold {lack}")
    yield from _rights(checked)
    for fault in checked.custom_field_faults:
        yield Found(part=NETBOX, ok=False, text=fault)
    ahead = checked.ahead or timedelta(0)
    if abs(ahead) > CLOCK_TOLERANCE:
        wrong = f"{int(abs(ahead).total_seconds())} seconds {'ahead of' if ahead > timedelta(0) else 'behind'}"
        text = f"NetBox's clock is {wrong} this machine's: see to the time service of both"
        yield Found(part="clock", ok=None, text=text)


def _server(dialect: Dialect) -> str:
    """Return what a NetBox is: its version, its plugin with its version, and what that was taken for."""
    if dialect.plugin is None:
        return f"{dialect.netbox_version} without a plugin for maintenances"
    plugin = f"netbox-{dialect.plugin.replace('_', '-').removeprefix('netbox-')}"
    version = f"{dialect.netbox_version} with {plugin} {dialect.plugin_version}".rstrip()
    return f"{version}: dialect {dialect.name}"


def _rights(checked: Checked) -> Iterator[Found]:
    missing = [right for right in checked.missing if not checked.reads_only or right.action is Action.VIEW]
    if checked.reads_only:
        text = (
            "the token may change nothing, so that nothing can be pushed: enable writing on it, and give its user the "
            "rights to add and change"
        )
        yield Found(part=NETBOX, ok=False, text=text)
    for right in missing:
        text = f"no right to {right.action} {right.model}, needed to {right.purpose}: give it to the token's user"
        yield Found(part=NETBOX, ok=None if _is_spared(right, checked.dialect) else False, text=text)
    if not checked.missing:
        yield Found(part=NETBOX, ok=True, text="the token has every right that is needed")


def _is_spared(right: Right, dialect: Dialect) -> bool:
    """Say whether a push goes on without a right. Where there is no plugin, the journals are all there is."""
    if dialect.plugin is None:
        return right.model == "circuits.circuittermination"
    return right.action is Action.DELETE or right.model in _SPARED


def _is_blind(missing: Collection[Right]) -> bool:
    """Say whether providers or circuits cannot be looked for."""
    return any((right.model, right.action) in _LOOKING for right in missing)


def _matching(settings: Settings, connection: Netbox) -> Iterator[Found]:
    """Yield which providers and circuits of our events NetBox does not know, and note them."""
    if revision(settings.database.url) is None:
        return
    store = open_store(settings.database.url)
    try:
        yield from _matched(settings, store, connection)
    finally:
        store.close()


def _matched(settings: Settings, store: Store, connection: Netbox) -> Iterator[Found]:
    directory = daemon.providers(settings, store)
    # To look is not to make: what would be made is only told.
    inventory = open_inventory(_making_nothing(settings), store, connection, directory)
    named = _named(pushed_events(settings, store))
    lacking: dict[str, list[str]] = {}
    for provider, circuits in named.items():
        number = inventory.provider(provider)
        if number is None:
            lacking[provider] = [""]
            yield _unknown_provider(settings, directory, provider)
            continue
        found = inventory.circuits(number, circuits)
        lacking[provider] = [circuit_id for circuit_id in circuits if found[circuit_id] is None]
        if lacking[provider]:
            yield _unknown_circuits(settings, provider, len(lacking[provider]), len(circuits))
    if not any(lacking.values()):
        number = sum(map(len, named.values()))
        text = f"it knows all {len(named)} providers and {number} circuits of the events that are pushed"
        yield Found(part=NETBOX, ok=True, text=text)
    if not settings.netbox.create:
        with store.writing() as writing:
            for provider, circuit_ids in lacking.items():
                outbox.note_unresolved(writing, provider, circuit_ids, now=pipeline.utc_now())


def pushed_events(settings: Settings, store: Store) -> list[dict[str, Any]]:
    """Return the events that NetBox is told of, in the shape of ``storage.queries``."""
    since = pushed_since(store, settings, now=pipeline.utc_now())
    with store.reading() as connection:
        return queries.events(connection, now=pipeline.utc_now(), since=since)


def _named(events: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the circuits of events, by their providers."""
    named: dict[str, set[str]] = {}
    for event in events:
        live = {circuit["circuit_id"] for circuit in event["circuits"] if not circuit["withdrawn"]}
        named.setdefault(event["provider"], set()).update(live)
    return {provider: sorted(circuits) for provider, circuits in sorted(named.items())}


def _making_nothing(settings: Settings) -> Settings:
    return settings.model_copy(update={"netbox": settings.netbox.model_copy(update={"create": False})})


def _unknown_provider(settings: Settings, directory: Directory, provider: str) -> Found:
    table = next((one for one in settings.providers if one.name == provider), None)
    known = directory.get(provider)
    slugs = dict.fromkeys(filter(None, (table.netbox if table else None, slug_of(provider))))
    tried = [
        *(f'slug "{slug}"' for slug in slugs),
        f'name "{provider}"',
        *(f'alias "{alias}"' for alias in (known.aliases if known else ())),
        *(f"AS{asn}" for asn in (table.asn if table else None) or ()),
    ]
    unknown = f"provider {provider}: not in NetBox, or there more than once (tried: {', '.join(tried)})"
    if settings.netbox.create:
        return Found(part=NETBOX, ok=None, text=f"{unknown}: it will be made if there is none")
    cure = f'add it there, or set netbox = "SLUG" of [[provider]] "{provider}"'
    return Found(part=NETBOX, ok=None, text=f"{unknown}: its events cannot be pushed: {cure}")


def _unknown_circuits(settings: Settings, provider: str, lacking: int, total: int) -> Found:
    number = f"provider {provider}: {lacking} of {total} circuits are not in NetBox"
    if settings.netbox.create:
        return Found(part=NETBOX, ok=None, text=f"{number}: they will be made")
    return Found(part=NETBOX, ok=None, text=f"{number}: `maintd circuits unresolved --provider {provider}` lists them")
