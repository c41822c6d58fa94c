"""Which providers and circuits of a NetBox are meant by the names that notices give them; found in few requests.

All providers are read at once. Circuits are asked for by their ids, many at a time; only where one is not found so,
all circuits of its provider are read, once for a while, and only what was added since then in between. What comes back
is looked at again here, for a list answers with everything where it does not know a filter.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from domain.errors import NetboxError, NetboxFailure
from domain.events import circuit_key_of
from sync.dialects import already_there
from sync.netbox import PAGE_OBJECTS, Netbox, portions

PROVIDERS = "circuits/providers"
CIRCUITS = "circuits/circuits"
CIRCUIT_TYPES = "circuits/circuit-types"
TERMINATIONS = "circuits/circuit-terminations"

# The type of circuits that are made here: a notice tells none.
TYPE_NAME, TYPE_SLUG = "Unspecified", "unspecified"

_MADE_AT_ONCE = 100
# What NetBox stores is no longer. Source: the models of its circuits.
_CID_LENGTH = 100
_XCONNECT_LENGTH = 50
_PROVIDER_LENGTH = 100

# 28 MB and 15 MB, measured with ids of 24 characters.
_MOST_LISTED = 200_000
_MOST_ANSWERS = 50_000

# A known id this short, or without a digit, stands in many texts that do not mean it.
_SHORTEST_CONTAINED = 4
_MOST_WORDS = 64
_WORD = re.compile(r"[^\W_]+")

# No object has this id: several match, or it cannot be told.
_SEVERAL = 0

# The key of a provider's circuit ids that mean others: the provider's name, and the alias as ``circuit_key_of`` has it.
AliasKey = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderNames:
    """How the configuration says that NetBox may know a provider. ``slug`` None: not said."""

    slug: str | None = None
    aliases: tuple[str, ...] = ()
    asns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Provider:
    number: int
    name: str
    slug: str
    asns: frozenset[int]


class Inventory:
    """The providers and circuits of a NetBox, as they are looked for. For one thread, like its connection.

    ``providers``: by our names for them; one that is not there is looked for by its name alone. ``aliases``: ids of
    circuits in NetBox's spelling. What NetBox has is believed for ``lifetime_seconds``, that it lacks something for
    ``miss_seconds``. ``create``: what NetBox lacks is made there; what is ambiguous, or has an alias, is not.
    """

    def __init__(
        self,
        netbox: Netbox,
        providers: Mapping[str, ProviderNames],
        aliases: Mapping[AliasKey, str],
        *,
        clock: Callable[[], datetime],
        lifetime_seconds: float,
        miss_seconds: float = 300,
        create: bool = False,
    ) -> None:
        self._netbox, self._clock, self._create = netbox, clock, create
        self._providers = {name.casefold(): names for name, names in providers.items()}
        self._aliases = dict(aliases)
        self._hit_life = timedelta(seconds=lifetime_seconds)
        self._miss_life = timedelta(seconds=min(miss_seconds, lifetime_seconds))
        self.forget()

    def forget(self) -> None:
        """Believe nothing that was found before."""
        self._directory: tuple[datetime, tuple[_Provider, ...]] | None = None
        self._names: dict[int, set[str]] = {}
        self._answers: dict[tuple[int, str], _Answer] = {}
        self._lists: dict[int, _List] = {}

    def learn(self, aliases: Mapping[AliasKey, str]) -> None:
        """Let these be the aliases from now on. May be called often: where nothing is new, nothing is forgotten."""
        if aliases != self._aliases:
            self._aliases = dict(aliases)
            self._answers.clear()

    # --- providers

    def provider(self, name: str, /) -> int | None:
        """Return the id of a provider: by its configured slug, its slug, its name, an alias or an AS number of it.

        None: NetBox does not know it, or cannot tell it from another. Raises NetboxError.
        """
        found = self._provider(name, self._hit_life)
        if not found:
            found = self._provider(name, self._miss_life)
        if found is None and self._create:
            found = self._made_provider(name)
        if not found:
            return None
        self._names.setdefault(found, set()).add(name)
        return found

    def _provider(self, name: str, life: timedelta) -> int | None:
        names = self._providers.get(name.casefold(), ProviderNames())
        return _first(_provider_rungs(name, names, self._known_providers(life)))

    def _known_providers(self, life: timedelta) -> tuple[_Provider, ...]:
        now = self._clock()
        if self._directory is None or not _is_within(life, self._directory[0], now):
            rows = self._netbox.listed(PROVIDERS, fields="id,name,slug,asns")
            self._directory = (now, tuple(_provider_of(row) for row in rows))
        return self._directory[1]

    def _made_provider(self, name: str) -> int | None:
        names = self._providers.get(name.casefold(), ProviderNames())
        slug = names.slug or slug_of(name)
        if not slug or max(len(slug), len(name)) > _PROVIDER_LENGTH:
            return None
        with _Racing(self, PROVIDERS):
            made = make_provider(self._netbox, name, slug)
        self._directory = None
        return made

    # --- circuits

    def circuits(self, provider_id: int, circuit_ids: Collection[str], /) -> Mapping[str, int | None]:
        """Return the ids of a provider's circuits by the ids that the provider gives them.

        The first of these that holds: the same id; the same without case; without case, spaces and punctuation; an
        alias; a known id that stands in the stated one, in whole words; the cross-connect id of a termination. None:
        NetBox does not know it, or several match. Raises NetboxError; MISSING where the provider is gone.
        """
        now = self._clock()
        found = {each: answer for each in circuit_ids if (answer := self._answer(provider_id, each, now)) is not None}
        unknown = [each for each in dict.fromkeys(circuit_ids) if each not in found]
        if unknown:
            found |= self._looked_for(provider_id, unknown, now)
        return {each: found[each].number for each in circuit_ids}

    def _answer(self, provider_id: int, circuit_id: str, now: datetime) -> "_Answer | None":
        answer = self._answers.get((provider_id, circuit_id))
        if answer is None:
            return None
        life = self._miss_life if answer.number is None else self._hit_life
        return answer if _is_within(life, answer.found_at, now) else None

    def _looked_for(self, provider_id: int, circuit_ids: Sequence[str], now: datetime) -> "dict[str, _Answer]":
        try:
            climbed = self._climbed(provider_id, circuit_ids)
        except NetboxError as error:
            if error.kind is not NetboxFailure.REFUSED:
                raise
            # All values that are sent can be read: what a list refuses is a provider that is there no more.
            self.forget()
            raise NetboxError(f"GET {CIRCUITS}/", kind=NetboxFailure.MISSING, words=error.words) from None
        lacking = [each for each in circuit_ids if climbed[each] is None]
        if self._create and lacking:
            climbed |= self._made_circuits(provider_id, lacking)
        found = {each: _Answer(climbed[each] or None, now) for each in circuit_ids}
        for each, answer in found.items():
            self._answers.pop((provider_id, each), None)
            self._answers[provider_id, each] = answer
        while len(self._answers) > _MOST_ANSWERS:
            del self._answers[next(iter(self._answers))]
        return found

    def _climbed(self, provider_id: int, circuit_ids: Sequence[str]) -> dict[str, int | None]:
        """Return what each id means: None where nothing matches, and no object's id where several do."""
        targets = self._targets(provider_id, circuit_ids)
        same = self._of_same_ids(provider_id, [*circuit_ids, *targets.values()])
        found = {each: same.get(each) for each in circuit_ids}
        rest = [each for each in circuit_ids if not found[each]]
        if rest:
            listed = self._list(provider_id)
            found |= {each: _first(_circuit_rungs(each, targets.get(each), same, listed)) for each in rest}
        rest = [each for each in rest if not found[each]]
        for each, number in self._cross_connected(provider_id, rest).items():
            found[each] = number
        return found | {each: _SEVERAL for each in targets if found[each] is None}

    def _targets(self, provider_id: int, circuit_ids: Iterable[str]) -> dict[str, str]:
        """Return the ids that aliases stand for."""
        names = sorted(self._names.get(provider_id, ()))
        keys = {each: circuit_key_of(each) for each in circuit_ids}
        return {
            each: self._aliases[name, key]
            for each, key in keys.items()
            for name in names
            if (name, key) in self._aliases
        }

    def _of_same_ids(self, provider_id: int, circuit_ids: Iterable[str]) -> "_Same":
        same = _Same()
        for some in portions("cid__ie", _askable(circuit_ids, _CID_LENGTH)):
            rows = self._netbox.listed(CIRCUITS, cid__ie=some, provider_id=provider_id, fields="id,cid,provider")
            for row in rows:
                if _reference(row.get("provider")) == provider_id:
                    same.add(str(row.get("cid")), row["id"])
        return same

    def _cross_connected(self, provider_id: int, circuit_ids: Sequence[str]) -> dict[str, int]:
        """Return the circuits that have a termination with such a cross-connect id. Without the right to look: none."""
        found: dict[str, int] = {}
        for some in portions("xconnect_id__ie", _askable(circuit_ids, _XCONNECT_LENGTH)):
            try:
                rows = self._netbox.listed(TERMINATIONS, xconnect_id__ie=some, fields="id,circuit,xconnect_id")
            except NetboxError as error:
                if error.kind is NetboxFailure.FORBIDDEN:
                    return {}
                raise
            for row in rows:
                circuit = row.get("circuit")
                if isinstance(circuit, dict) and _reference(circuit.get("provider")) == provider_id:
                    _put(found, str(row.get("xconnect_id")).casefold(), circuit["id"])
        return {each: found[key] for each in circuit_ids if (key := each.casefold()) in found}

    def _list(self, provider_id: int) -> "_List":
        """Return all circuits of a provider, read or brought up to date where that is due.

        Where NetBox fails half-way, the next call goes on from there.
        """
        now = self._clock()
        listed = self._lists.pop(provider_id, None)
        if listed is None or not _is_within(self._hit_life, listed.begun_at, now):
            listed = _List(provider_id, begun_at=now)
        self._lists[provider_id] = listed
        # What is about to be made must not have been made meanwhile in another spelling.
        if self._create or listed.read_at is None or not _is_within(self._miss_life, listed.read_at, now):
            listed.read_on(self._netbox)
            listed.read_at = now
            self._make_room()
        return listed

    def _make_room(self) -> None:
        """Let go of the lists that were used longest ago, but of the last one."""
        while len(self._lists) > 1 and sum(len(each) for each in self._lists.values()) > _MOST_LISTED:
            del self._lists[next(iter(self._lists))]

    def _made_circuits(self, provider_id: int, circuit_ids: Sequence[str]) -> dict[str, int]:
        """Make circuits, one for all ids that differ in case, spaces and punctuation alone."""
        spelled: dict[str, str] = {}
        for each in circuit_ids:
            spelling = " ".join(each.split())
            if folded(each) and len(spelling) <= _CID_LENGTH and spelling.isprintable():
                spelled.setdefault(folded(each), spelling)
        with _Racing(self, CIRCUITS):
            made = make_circuits(self._netbox, provider_id, list(spelled.values()))
        return {each: made[spelled[folded(each)]] for each in circuit_ids if folded(each) in spelled}


@dataclass(frozen=True, slots=True)
class _Answer:
    number: int | None
    found_at: datetime


class _Same:
    """The circuits that were found by their ids."""

    def __init__(self) -> None:
        self._exact: dict[str, int] = {}
        self._uncased: dict[str, int] = {}

    def add(self, cid: str, number: int) -> None:
        self._exact[cid] = number
        _put(self._uncased, cid.casefold(), number)

    def get(self, circuit_id: str) -> int | None:
        return self._exact.get(circuit_id) or self._uncased.get(circuit_id.casefold())


@dataclass(slots=True)
class _List:
    """All circuits of a provider, by their ids without case, spaces and punctuation.

    ``read_at`` None: not to the end yet. ``is_too_long``: nothing is kept, and nothing can be told.
    """

    provider_id: int
    begun_at: datetime
    read_at: datetime | None = None
    is_too_long: bool = False
    last: int = 0
    by_key: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.by_key)

    def read_on(self, netbox: Netbox) -> None:
        """Read what is behind the last one that is known. A server may give less at once than is asked for."""
        longest = 0
        while not self.is_too_long:
            page = netbox.listed(
                CIRCUITS,
                most=PAGE_OBJECTS,
                provider_id=self.provider_id,
                id__gt=self.last,
                fields="id,cid,provider",
            )
            self._add(page)
            if not page or len(page) < longest:
                return
            longest = len(page)

    def _add(self, page: Sequence[Mapping[str, Any]]) -> None:
        for row in page:
            if row["id"] <= self.last:
                raise NetboxError(f"GET {CIRCUITS}/", kind=NetboxFailure.BROKEN, words="id__gt was ignored")
            self.last = row["id"]
            key = folded(str(row.get("cid")))
            if key and _reference(row.get("provider")) == self.provider_id:
                _put(self.by_key, key, row["id"])
        if len(self.by_key) > _MOST_LISTED:
            self.is_too_long, self.by_key = True, {}

    def whole(self, text: str) -> int | None:
        """Return the circuit whose id is this text."""
        return _SEVERAL if self.is_too_long else self.by_key.get(folded(text))

    def within(self, text: str) -> int | None:
        """Return the circuit whose id stands in this text."""
        words = _words(text)
        if self.is_too_long or len(words) > _MOST_WORDS:
            return _SEVERAL
        numbers = {self.by_key[key] for key in _runs(words) if key in self.by_key}
        return _only(numbers)


# --- making


def make_provider(netbox: Netbox, name: str, slug: str) -> int:
    """Make a provider and return its id. Raises NetboxError."""
    return _id_of(netbox.create(PROVIDERS, {"name": name, "slug": slug}))


def make_circuits(netbox: Netbox, provider_id: int, cids: Sequence[str]) -> dict[str, int]:
    """Make circuits of a provider, of a type that is made as well where there is none; return their ids by ``cids``.

    Raises NetboxError; then those of the last hundred are not there, and those before them may be.
    """
    made: dict[str, int] = {}
    type_id = _type_id(netbox) if cids else 0
    for begin in range(0, len(cids), _MADE_AT_ONCE):
        some = cids[begin : begin + _MADE_AT_ONCE]
        rows = netbox.create(CIRCUITS, [{"cid": cid, "provider": provider_id, "type": type_id} for cid in some])
        made |= {cid: _id_of(row) for cid, row in zip(some, rows, strict=True)}
    return made


def _type_id(netbox: Netbox) -> int:
    rows = netbox.listed(CIRCUIT_TYPES, slug=TYPE_SLUG, fields="id,slug")
    there = next((row for row in rows if row.get("slug") == TYPE_SLUG), None)
    return _id_of(there or netbox.create(CIRCUIT_TYPES, {"name": TYPE_NAME, "slug": TYPE_SLUG}))


class _Racing:
    """Let what somebody else made meanwhile be a conflict, which ends when all is looked for again."""

    def __init__(self, inventory: Inventory, path: str) -> None:
        self._inventory, self._path = inventory, path

    def __enter__(self) -> None:
        """Nothing is to be done."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, NetboxError) and already_there(error):
            self._inventory.forget()
            raise NetboxError(f"POST {self._path}/", kind=NetboxFailure.CONFLICT, words=error.words) from None


# --- ladders


def _provider_rungs(name: str, names: ProviderNames, providers: Sequence[_Provider]) -> Iterator[int | None]:
    """Yield what each rung says: a provider, none, or several."""
    slugs = {slug for each in names.aliases if (slug := slug_of(each))}
    called = {_name_key(each) for each in names.aliases}
    asns = set(names.asns)
    yield _only({each.number for each in providers if each.slug == names.slug})
    yield _only({each.number for each in providers if each.slug == slug_of(name)})
    yield _only({each.number for each in providers if _name_key(each.name) == _name_key(name)})
    yield _only({each.number for each in providers if each.slug in slugs or _name_key(each.name) in called})
    yield _only({each.number for each in providers if each.asns & asns})


def _circuit_rungs(circuit_id: str, target: str | None, same: _Same, listed: _List) -> Iterator[int | None]:
    """Yield what each rung says below those of the same id, with or without case."""
    yield listed.whole(circuit_id)
    if target is not None:
        yield same.get(target) or listed.whole(target)
    yield listed.within(circuit_id)


def _first(rungs: Iterable[int | None]) -> int | None:
    """Return what the first rung found that found one alone; else whether none or several were found on the way."""
    several = None
    for found in rungs:
        if found:
            return found
        several = found if several is None else several
    return several


def _only(numbers: Collection[int]) -> int | None:
    if len(numbers) > 1:
        return _SEVERAL
    return next(iter(numbers), None)


def _put(held: dict[str, int], key: str, number: int) -> None:
    held[key] = number if held.get(key, number) == number else _SEVERAL


# --- spellings


def folded(text: str) -> str:
    """Return an id as it is compared without case, spaces, punctuation and accents. Empty: nothing is left of it."""
    return "".join(_words(text))


def slug_of(name: str) -> str:
    """Return the slug that NetBox proposes for a name. Empty: there is none."""
    return re.sub(r"[^a-z0-9_]+", "-", unicodedata.normalize("NFKD", name).lower()).strip("-")


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return _WORD.findall("".join(each for each in plain if not unicodedata.combining(each)))


def _runs(words: Sequence[str]) -> Iterator[str]:
    """Yield what stands in words that follow each other, and looks like an id."""
    for begin in range(len(words)):
        run = ""
        for word in words[begin:]:
            run += word
            if len(run) > _CID_LENGTH:
                break
            if len(run) >= _SHORTEST_CONTAINED and any(each.isdigit() for each in run):
                yield run


def _name_key(name: str) -> str:
    return " ".join(name.split()).casefold()


def _askable(texts: Iterable[str], length: int) -> list[str]:
    """Return what can be asked for. An empty value would be no filter at all, and a NUL is refused."""
    return [each for each in dict.fromkeys(texts) if each.strip() and each.isprintable() and len(each) <= length]


# --- what NetBox answered


def _provider_of(row: Mapping[str, Any]) -> _Provider:
    asns = row.get("asns")
    numbers = (each.get("asn") for each in (asns if isinstance(asns, list) else ()) if isinstance(each, dict))
    return _Provider(
        number=row["id"],
        name=str(row.get("name") or ""),
        slug=str(row.get("slug") or ""),
        asns=frozenset(each for each in numbers if isinstance(each, int)),
    )


def _reference(value: Any) -> int | None:
    found = value.get("id") if isinstance(value, dict) else value
    return found if isinstance(found, int) else None


def _id_of(row: Mapping[str, Any]) -> int:
    number = row.get("id")
    if not isinstance(number, int):
        raise NetboxError("POST", kind=NetboxFailure.BROKEN, words="strange answer: expected an id")
    return number


def _is_within(life: timedelta, since: datetime, now: datetime) -> bool:
    """Say whether something still counts; where the clock was set back, nothing does."""
    return timedelta() <= now - since < life
