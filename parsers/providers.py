"""Who writes to us: one literal table of the providers, and how a sender is found in it.

A provider is whose event it is; its readers say in which forms it writes (``parsers.forms``). A test compares the
table with the installed library, so that a new release of it shows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.vocabulary import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """How a user says that a provider writes of one kind of event; ``parsers.template`` reads notices by it.

    ``subject`` and ``body`` are patterns with named groups. ``status`` and ``impact`` map the provider's words to those
    of ``domain.vocabulary``. ``date_order`` and ``zone`` are empty where those of the provider hold.
    """

    name: str
    kind: Kind
    subject: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    status: tuple[tuple[str, str], ...] = ()
    impact: tuple[tuple[str, str], ...] = ()
    date_order: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider. ``senders`` are addresses, or ``@domain`` for a domain and those below it.

    ``readers`` are the forms in which it writes of maintenances, the likeliest first, beside calendars, which all may
    send; ``outage_readers`` those in which it writes of outages, before the general one, which reads what all may send.
    ``templates`` are those that the configuration adds, asked before all others.
    ``sends_completions``: no news of completion a day after the end means something. ``random_uids``: each of its
    calendars bears a new UID, which therefore identifies no window.

    ``date_order`` and ``zone``, an IANA name, say how it writes times, where that is not as in its form; ``zone`` also
    decides what CST, IST and the like mean. ``literal_zones``: EST, CST, MST and PST are no clock on the wall to it.

    ``authentication`` is what its mails must prove where a mailbox asks for proof: "dkim", "dmarc", either of them
    (None), or nothing ("none").

    ``region`` is where a built-in provider is at home: the "US", or a part of the world as IANA names them. It tells
    what zones its abbreviations cannot be, and is empty for a provider of the configuration.
    """

    name: str
    senders: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    outage_readers: tuple[str, ...] = ()
    templates: tuple[Template, ...] = ()
    sends_completions: bool = False
    random_uids: bool = False
    date_order: str = ""
    zone: str = ""
    literal_zones: bool = False
    authentication: str | None = None
    region: str = ""


def forms_of(provider: Provider) -> tuple[str, ...]:
    """Return the forms that are a provider's own: templates first, then those of outages and of maintenances."""
    return (*(template.name for template in provider.templates), *provider.outage_readers, *provider.readers)


# Regions: a carrier between two of them has none of both, "America" that of the whole continent.
# Senders: the library's default organizers and those seen in real mails. A domain stands here only where it is the
# carrier's own and serves no customers' or other mail. Completions: seen in the library's test data.
# Random UIDs: there too, in two calendars of one event whose UIDs are of a moment and a host.
PROVIDERS: tuple[Provider, ...] = (
    Provider(name="apple", region="US", readers=("apple",), senders=("peering-noc@group.apple.com",)),
    Provider(name="aquacomms", region="Europe", readers=("aquacomms",), senders=("@aquacomms.com",)),
    Provider(
        name="arelion",
        region="Europe",
        readers=("arelion",),
        senders=("@arelion.com", "@teliacarrier.com"),
        aliases=("telia",),
    ),
    Provider(name="att", region="US", readers=("att",), senders=("g31654@att.com",)),
    Provider(
        name="aws",
        region="US",
        readers=("aws",),
        outage_readers=("aws-health", "aws-health-aware"),
        senders=("aws-account-notifications@amazon.com", "no-reply-aws@amazon.com", "health@aws.com"),
    ),
    Provider(name="bso", region="Europe", readers=("bso",), senders=("@bso.co",), sends_completions=True),
    Provider(
        name="cirion",
        region="America",
        readers=("cirion",),
        senders=("@ciriontechnologies.com",),
        sends_completions=True,
    ),
    Provider(name="cogent", region="US", readers=("cogent",), senders=("@cogentco.com",)),
    # What was Lumen's in Europe writes in Lumen's form still. Source: issue 333 of circuit-maintenance-parser.
    Provider(name="colt", region="Europe", readers=("colt", "lumen"), senders=("@colt.net",), sends_completions=True),
    Provider(
        name="crowncastle",
        region="US",
        readers=("crowncastle",),
        senders=("@crowncastle.com",),
        sends_completions=True,
    ),
    Provider(
        name="equinix",
        region="US",
        readers=("equinix",),
        outage_readers=("equinix-incident",),
        senders=("@equinix.com",),
        sends_completions=True,
    ),
    Provider(name="eunetworks", region="Europe", readers=("eunetworks",), senders=("@eunetworks.com",)),
    Provider(name="flag", region="Asia", readers=("flag",), senders=("@flagtel.com",)),
    Provider(
        name="globalcloudxchange", region="Asia", readers=("globalcloudxchange",), senders=("@globalcloudxchange.com",)
    ),
    Provider(name="google", region="US", readers=("google",), senders=("noc-noreply@google.com",)),
    Provider(
        name="gtt",
        region="US",
        readers=("gtt",),
        senders=("@exainfra.net", "@gtt.net"),
        aliases=("exa",),
        sends_completions=True,
    ),
    # Its address is known from pull request 428 of networktocode/circuit-maintenance-parser.
    Provider(
        name="hawaiki",
        region="Pacific",
        readers=("hawaiki",),
        senders=("support@bw-digital.com",),
        sends_completions=True,
    ),
    Provider(name="hgc", region="Asia", readers=("hgc",), senders=("hgcinocpw@hgc.com.hk",)),
    # Its address is known from pull request 433 of networktocode/circuit-maintenance-parser.
    Provider(name="kpn", region="Europe", readers=("kpn",), senders=("gwc-noreply@kpn.com",), sends_completions=True),
    Provider(
        name="lumen",
        region="US",
        readers=("lumen",),
        outage_readers=("lumen-repair",),
        senders=("@lumen.com", "@centurylink.com"),
        aliases=("centurylink",),
        sends_completions=True,
    ),
    Provider(name="megaport", region="Australia", readers=("megaport",), senders=("@megaport.com",)),
    Provider(name="momentum", region="US", readers=("momentum",), senders=("@momentumtelecom.com",)),
    Provider(
        name="netflix",
        region="US",
        readers=("netflix",),
        senders=("cdnetops@netflix.com", "cdnetops@saasmail.netflix.com"),
    ),
    Provider(name="ntt", region="US", readers=("ntt",), senders=("@us.ntt.net",), sends_completions=True),
    Provider(name="packetfabric", region="US", readers=("packetfabric",), senders=("@packetfabric.com",)),
    Provider(
        name="pccw",
        region="Asia",
        readers=("pccw",),
        senders=("@pccwglobal.com",),
        sends_completions=True,
        random_uids=True,
    ),
    Provider(name="retn", region="Europe", readers=("retn",), senders=("@retn.net",)),
    # The library gives Turkcell's address as Seaborn's too: they are told apart by the form.
    Provider(
        name="seaborn", region="America", readers=("seaborn",), senders=("@seabornnetworks.com", "inoc@superonline.net")
    ),
    Provider(name="sparkle", region="Europe", readers=("sparkle",), senders=("@tisparkle.com",)),
    Provider(name="summitig", region="US", readers=("summitig",), senders=("@summitig.net",)),
    Provider(
        name="tata", region="Asia", readers=("tata",), senders=("@tatacommunications.com",), sends_completions=True
    ),
    Provider(
        name="telstra", region="Australia", readers=("telstra",), senders=("@team.telstra.com",), sends_completions=True
    ),
    Provider(name="telxius", region="Europe", readers=("telxius",), senders=("@telxius.com",)),
    Provider(name="turkcell", region="Europe", readers=("turkcell",), senders=("inoc@superonline.net",)),
    Provider(name="verizon", region="US", readers=("verizon",), senders=("@verizonbusiness.com",)),
    Provider(
        name="vodafone", region="Europe", readers=("vodafone",), senders=("networkchangemanagement@vodafone.com",)
    ),
    Provider(name="windstream", region="US", readers=("windstream",), senders=("@windstream.com",)),
    Provider(name="zayo", region="US", readers=("zayo",), senders=("@zayo.com",), sends_completions=True),
)


@dataclass(frozen=True, slots=True)
class Directory:
    """The providers in force, by name and by sender. Made by ``directory``; can be sent to another process."""

    providers: tuple[Provider, ...]
    _by_name: dict[str, Provider] = field(repr=False)
    _by_sender: dict[str, tuple[Provider, ...]] = field(repr=False)

    def __iter__(self) -> Iterator[Provider]:
        """Yield the providers, the built-in ones first."""
        return iter(self.providers)

    def get(self, name: str) -> Provider | None:
        """Return the provider of a name or an alias, in any case; None where there is none."""
        return self._by_name.get(name.strip().lower())

    def identify(self, sender: str) -> tuple[Provider, ...]:
        """Return whose address this is: by the address, else by its domain, else by the next domain above it.

        Empty: nobody's. Several: an address that providers share, who are told apart by their forms.
        """
        sender = sender.strip().lower()
        if found := self._by_sender.get(sender):
            return found
        domain = sender.rpartition("@")[2]
        while domain:
            if found := self._by_sender.get(f"@{domain}"):
                return found
            domain = domain.partition(".")[2]
        return ()

    def joined_by(self, newcomers: Sequence[Provider]) -> "Directory":
        """Return the directory with more providers, whose names and senders are nobody's yet."""
        return Directory(
            (*self.providers, *newcomers),
            _named(newcomers) | self._by_name,
            _senders(newcomers) | self._by_sender,
        )


def directory(extra: Sequence[Provider] = (), assignments: Mapping[str, str] | None = None) -> Directory:
    """Return the directory of the built-in providers, those of the configuration, and single senders assigned to one.

    An entry of ``extra`` that bears the name or an alias of a built-in provider changes it: its senders and readers,
    where given, replace the built-in ones. A sender of the configuration is taken from the built-in providers, and one
    of ``assignments``, which map an address to the name of a provider, from all; one that names no provider is left
    out.
    """
    providers = {provider.name: provider for provider in PROVIDERS}
    configured = []
    for entry in extra:
        held = _named(providers.values()).get(entry.name.lower())
        changed = _changed(held, entry) if held else replace(entry, name=entry.name.lower())
        providers[changed.name] = changed
        configured += [changed.name] if entry.senders else []
    by_name = _named(providers.values())
    by_sender = _senders(providers[name] for name in providers if name not in configured)
    by_sender |= _senders(providers[name] for name in dict.fromkeys(configured))
    for sender, name in (assignments or {}).items():
        if name.lower() in by_name:
            by_sender[sender.lower()] = (by_name[name.lower()],)
    return Directory(tuple(providers.values()), by_name, by_sender)


def _senders(providers: Iterable[Provider]) -> dict[str, tuple[Provider, ...]]:
    found: dict[str, tuple[Provider, ...]] = {}
    for provider in providers:
        for sender in provider.senders:
            found[sender.lower()] = (*found.get(sender.lower(), ()), provider)
    return found


def _named(providers: Iterable[Provider]) -> dict[str, Provider]:
    """Return providers by name and alias; a name wins over an alias."""
    aliases = {alias.lower(): provider for provider in providers for alias in provider.aliases}
    return aliases | {provider.name: provider for provider in providers}


def _changed(held: Provider, entry: Provider) -> Provider:
    """Return a built-in provider with what a configuration entry says otherwise."""
    return replace(
        held,
        senders=entry.senders or held.senders,
        aliases=(*held.aliases, *entry.aliases),
        readers=entry.readers or held.readers,
        outage_readers=entry.outage_readers or held.outage_readers,
        templates=entry.templates or held.templates,
        sends_completions=held.sends_completions or entry.sends_completions,
        date_order=entry.date_order or held.date_order,
        zone=entry.zone or held.zone,
        literal_zones=held.literal_zones or entry.literal_zones,
        authentication=entry.authentication or held.authentication,
    )
