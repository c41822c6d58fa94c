"""Who writes to us: one literal table of the providers, and how a sender is found in it.

A provider is whose event it is; its reader is how its mails are read, by the key of circuit-maintenance-parser.
A test compares the table with the installed library, so that a new release of it shows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider. ``senders`` are addresses, or ``@domain`` for a domain and those below it.

    ``reader`` None: nothing reads its mails. ``states_impact``: its own form says what happens to a circuit, and
    OUTAGE is not merely what the library fills in (calendars always say it). ``sends_completions``: no news of
    completion a day after the end means something. ``random_uids``: each of its calendars bears a new UID, which
    therefore identifies no window.
    """

    name: str
    senders: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    reader: str | None = None
    states_impact: bool = False
    sends_completions: bool = False
    random_uids: bool = False


# Senders: the library's default organizers and those seen in real mails. A domain stands here only where it is the
# carrier's own and serves no customers' or other mail. Impact: by the library's parsers of 2.12.0. Completions: seen in
# the library's test data. Random UIDs: there too, in two calendars of one event whose UIDs are of a moment and a host.
PROVIDERS: tuple[Provider, ...] = (
    Provider(name="apple", reader="apple", senders=("peering-noc@group.apple.com",)),
    Provider(name="aquacomms", reader="aquacomms", senders=("@aquacomms.com",)),
    Provider(name="arelion", reader="arelion", senders=("@arelion.com", "@teliacarrier.com"), aliases=("telia",)),
    Provider(name="att", reader="att", senders=("g31654@att.com",)),
    Provider(
        name="aws",
        reader="aws",
        senders=("aws-account-notifications@amazon.com", "no-reply-aws@amazon.com", "health@aws.com"),
    ),
    Provider(name="bso", reader="bso", senders=("@bso.co",), states_impact=True, sends_completions=True),
    Provider(
        name="cirion", reader="cirion", senders=("@ciriontechnologies.com",), states_impact=True, sends_completions=True
    ),
    Provider(name="cogent", reader="cogent", senders=("@cogentco.com",)),
    Provider(name="colt", reader="colt", senders=("@colt.net",), sends_completions=True),
    Provider(
        name="crowncastle",
        reader="crowncastle",
        senders=("@crowncastle.com",),
        states_impact=True,
        sends_completions=True,
    ),
    Provider(name="equinix", reader="equinix", senders=("@equinix.com",), states_impact=True, sends_completions=True),
    Provider(name="eunetworks", reader="eunetworks", senders=("@eunetworks.com",)),
    Provider(name="flag", reader="flag", senders=("@flagtel.com",), states_impact=True),
    # Reads BCOP calendars, whoever wrote them; its name is for a provider of the configuration to read by.
    Provider(name="genericprovider", reader="genericprovider"),
    Provider(
        name="globalcloudxchange", reader="globalcloudxchange", senders=("@globalcloudxchange.com",), states_impact=True
    ),
    Provider(name="google", reader="google", senders=("noc-noreply@google.com",)),
    Provider(name="gtt", reader="gtt", senders=("@exainfra.net", "@gtt.net"), aliases=("exa",), sends_completions=True),
    Provider(name="hgc", reader="hgc", senders=("hgcinocpw@hgc.com.hk",)),
    Provider(
        name="lumen",
        reader="lumen",
        senders=("@lumen.com", "@centurylink.com"),
        aliases=("centurylink",),
        states_impact=True,
        sends_completions=True,
    ),
    Provider(name="megaport", reader="megaport", senders=("@megaport.com",)),
    Provider(name="momentum", reader="momentum", senders=("@momentumtelecom.com",)),
    Provider(name="netflix", reader="netflix", senders=("cdnetops@netflix.com", "cdnetops@saasmail.netflix.com")),
    Provider(name="ntt", reader="ntt", senders=("@us.ntt.net",), sends_completions=True),
    Provider(name="packetfabric", reader="packetfabric", senders=("@packetfabric.com",)),
    Provider(name="pccw", reader="pccw", senders=("@pccwglobal.com",), sends_completions=True, random_uids=True),
    Provider(name="retn", reader="retn", senders=("@retn.net",), states_impact=True),
    # The library gives Turkcell's address as Seaborn's.
    Provider(name="seaborn", reader="seaborn", senders=("@seabornnetworks.com",)),
    Provider(name="sparkle", reader="sparkle", senders=("@tisparkle.com",)),
    Provider(name="summitig", reader="summitig", senders=("@summitig.net",)),
    Provider(name="tata", reader="tata", senders=("@tatacommunications.com",), sends_completions=True),
    Provider(name="telstra", reader="telstra", senders=("@team.telstra.com",), sends_completions=True),
    Provider(name="telxius", reader="telxius", senders=("@telxius.com",)),
    Provider(name="turkcell", reader="turkcell", senders=("inoc@superonline.net",)),
    Provider(name="verizon", reader="verizon", senders=("@verizonbusiness.com",)),
    Provider(name="vodafone", reader="vodafone", senders=("networkchangemanagement@vodafone.com",), states_impact=True),
    Provider(name="windstream", reader="windstream", senders=("@windstream.com",), states_impact=True),
    Provider(name="zayo", reader="zayo", senders=("@zayo.com",), states_impact=True, sends_completions=True),
)


@dataclass(frozen=True, slots=True)
class Directory:
    """The providers in force, by name and by sender. Made by ``directory``; can be sent to another process."""

    providers: tuple[Provider, ...]
    _by_name: dict[str, Provider] = field(repr=False)
    _by_sender: dict[str, Provider] = field(repr=False)

    def __iter__(self) -> Iterator[Provider]:
        """Yield the providers, the built-in ones first."""
        return iter(self.providers)

    def get(self, name: str) -> Provider | None:
        """Return the provider of a name or an alias, in any case; None where there is none."""
        return self._by_name.get(name.strip().lower())

    def identify(self, sender: str) -> Provider | None:
        """Return whose address this is: by the address, else by its domain, else by the next domain above it."""
        sender = sender.strip().lower()
        if found := self._by_sender.get(sender):
            return found
        domain = sender.rpartition("@")[2]
        while domain:
            if found := self._by_sender.get(f"@{domain}"):
                return found
            domain = domain.partition(".")[2]
        return None


def directory(extra: Sequence[Provider] = (), assignments: Mapping[str, str] | None = None) -> Directory:
    """Return the directory of the built-in providers, those of the configuration, and single senders assigned to one.

    An entry of ``extra`` that bears the name or an alias of a built-in provider changes it: its senders and reader,
    where given, replace the built-in ones. ``assignments`` map an address to the name of a provider, and win; one
    that names no provider is left out.
    """
    providers = {provider.name: provider for provider in PROVIDERS}
    for entry in extra:
        held = _named(providers.values()).get(entry.name.lower())
        changed = _changed(held, entry) if held else _with_reader(replace(entry, name=entry.name.lower()))
        # A changed provider goes to the end, so that its senders win over those of the others.
        providers.pop(changed.name, None)
        providers[changed.name] = changed
    by_name = _named(providers.values())
    by_sender = {sender.lower(): provider for provider in providers.values() for sender in provider.senders}
    for sender, name in (assignments or {}).items():
        if name.lower() in by_name:
            by_sender[sender.lower()] = by_name[name.lower()]
    return Directory(tuple(providers.values()), by_name, by_sender)


def _named(providers: Iterable[Provider]) -> dict[str, Provider]:
    """Return providers by name and alias; a name wins over an alias."""
    aliases = {alias.lower(): provider for provider in providers for alias in provider.aliases}
    return aliases | {provider.name: provider for provider in providers}


def _changed(held: Provider, entry: Provider) -> Provider:
    """Return a built-in provider with what a configuration entry says otherwise."""
    changed = replace(
        held,
        senders=entry.senders or held.senders,
        aliases=(*held.aliases, *entry.aliases),
        sends_completions=held.sends_completions or entry.sends_completions,
    )
    return changed if entry.reader in (None, held.reader) else _with_reader(replace(changed, reader=entry.reader))


def _with_reader(provider: Provider) -> Provider:
    """Return a provider with what the form that its reader reads states."""
    for built_in in PROVIDERS:
        if provider.reader == built_in.reader:
            return replace(provider, states_impact=built_in.states_impact, random_uids=built_in.random_uids)
    return provider
