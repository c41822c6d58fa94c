"""What a mail proves about its sender, and whether that is enough for what it would change.

Believed is only the topmost Authentication-Results, and only where it is of our own mail server: what stands below
may have been in the mail when it came. Besides, where the mailbox asks for it, what we find of its signatures
ourselves, and what a sealer that is trusted found before us. Proof is a DMARC pass for the domain of the From header,
or a DKIM pass of a domain of the same organisation; SPF says nothing of the From header.
Source: RFC 8601, RFC 7489 3.1.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from tldextract import TLDExtract

from domain.errors import MaintdError
from domain.message import Terms
from parsers.keys import Signed
from parsers.mime import Notification
from parsers.outage.pages import page_of, writers_of
from parsers.providers import Directory, Provider
from parsers.sources import Source

# Microsoft 365 does not write its name into the header.
MICROSOFT_365 = "microsoft365"

LONGEST_HEADER = 8192
_RELEASE = "maintd quarantine release MESSAGE lets it in"

_METHOD = re.compile(r"([a-z][a-z0-9-]*)(?:\s*/\s*\d+)?\s*=\s*([a-z]+)(?=\s|$)", re.IGNORECASE)
_PROPERTY = re.compile(r"\s*([a-z0-9_-]+(?:\.[a-z0-9_-]+)?)\s*=\s*(\"[^\"]*\"|[^\s\";]+)(?=\s|$)", re.IGNORECASE)
_WORD = re.compile(r"\"[^\"]*\"|[^\s\";=]+")


class Untrusted(MaintdError):
    """Say what a mail does not prove, and what lets it in, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What our mail server found: the domain that DMARC passed for, and those whose DKIM signatures are good.

    ``words`` say for a person what was found, or why nothing was.
    """

    dmarc: str | None = None
    dkim: tuple[str, ...] = ()
    words: str = ""


def verified(
    source: Source, provider: Provider, message: Notification, directory: Directory, terms: Terms, signed: Signed
) -> bool:
    """Return whether it is proven that a notice is a provider's; raises ``Untrusted`` if that is asked and it is not.

    ``message`` is the mail that came, whose headers count: in a forward the notice's own ones prove nothing. ``signed``
    is the same as it came, with the keys that are known, and learns which others could have proven it.
    """
    if terms.decision.released:
        return False
    handed_on = source.forwarded or trusts(message.sender, terms)
    if handed_on and provider not in writers_of(message.sender, message, directory):
        return _forward_verified(source, message, terms, signed)
    return _own_mail_verified(provider, message, directory, terms, signed)


def claimed(stated: str, directory: Directory) -> tuple[Provider, ...]:
    """Return the known providers that a notice means by the name that it gives: a name, an alias, or a domain."""
    named = directory.get(stated)
    if named:
        return (named,)
    domain = stated.strip().lower().rpartition("@")[2]
    if "." not in domain or " " in domain:
        return ()
    return directory.identify(f"@{domain}")


@lru_cache(maxsize=4096)
def organisation_of(domain: str) -> str | None:
    """Return the organisational domain of a domain, ``a.co.uk`` of ``mx.noc.a.co.uk``; None where it has none."""
    found = _suffixes()(domain.strip().rstrip(".").lower())
    if found.top_domain_under_public_suffix:
        return str(found.top_domain_under_public_suffix)
    labels = domain.strip().rstrip(".").lower().split(".")
    unknown = not found.suffix and len(labels) > 1 and all(labels) and not labels[-1].isdigit() and "]" not in domain
    # A domain at the top that is not in the list has no suffixes of its own below it.
    return ".".join(labels[-2:]) if unknown else None


@cache
def _suffixes() -> TLDExtract:
    """Return the list of public suffixes that comes with the package; no network is asked, and no file written."""
    return TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)


# What must be proven


def _own_mail_verified(
    provider: Provider, message: Notification, directory: Directory, terms: Terms, signed: Signed
) -> bool:
    if not terms.asks_proof:
        return False
    sender = message.sender or "the sender"
    # Who sent it must be the provider whose event it would change, not merely somebody.
    if provider not in writers_of(message.sender, message, directory):
        raise Untrusted(f"{sender} does not prove that it is of {provider.name}; {_RELEASE}")
    # What is known of a provider's own mails says nothing of those that the system of a status page sends.
    by = None if page_of(message.sender, message) else provider.authentication
    lack = _lack(message, message.sender, terms, signed, by=by)
    if lack is None or by == "none":
        return lack is None
    asked = {"dkim": "a good DKIM signature", "dmarc": "a DMARC pass"}.get(
        by or "", "a DMARC pass or a good DKIM signature"
    )
    raise Untrusted(f"{sender} does not prove {asked} of its domain: {lack}; {_RELEASE}")


def _forward_verified(source: Source, message: Notification, terms: Terms, signed: Signed) -> bool:
    """Return whether a forward counts as verified: that of a trusted forwarder who proves to be one."""
    if terms.trusted_forwarders is None and not terms.asks_proof:
        return False
    forwarder = source.forwarder or message.sender
    if not trusts(forwarder, terms):
        raise Untrusted(
            f"forwarded by {forwarder or 'no one sender'}, who is not among the trusted_forwarders of the mailbox; "
            f"{_RELEASE}"
        )
    if not terms.asks_proof:
        return False
    lack = _lack(message, forwarder, terms, signed, by=None)
    if lack is not None:
        raise Untrusted(
            f"the trusted forwarder {forwarder} does not prove a DMARC pass or a good DKIM signature of its domain: "
            f"{lack}; {_RELEASE}"
        )
    return True


def trusts(forwarder: str | None, terms: Terms) -> bool:
    """Return whether an address is one of the mailbox's trusted forwarders, or of a domain of theirs."""
    if not forwarder:
        return False
    domain = forwarder.rpartition("@")[2]
    trusted = {entry.lower() for entry in terms.trusted_forwarders or ()}
    return forwarder.lower() in trusted or f"@{domain.lower()}" in trusted


def _lack(message: Notification, sender: str | None, terms: Terms, signed: Signed, *, by: str | None) -> str | None:
    """Return what was found of a sender where nothing of it is the proof that is asked for; None where it is proven."""
    words = []
    for proof in _proofs(message, sender, terms, signed):
        if _proves(proof, sender, by=by):
            return None
        words.append(proof.words)
    return ", ".join(words)


def _proofs(message: Notification, sender: str | None, terms: Terms, signed: Signed) -> Iterator[Proof]:
    """Yield what there is for a sender, the cheapest first, by every way that the mailbox believes."""
    if terms.authserv_id:
        yield proof_of(message.authentication_results, terms.authserv_id)
    domain = (sender or "").rpartition("@")[2].lower()
    if terms.verify_dkim:
        yield _signed_proof(signed, domain)
    if terms.trusted_arc_sealers:
        yield _sealed_proof(signed, terms.trusted_arc_sealers)


def _signed_proof(signed: Signed, domain: str) -> Proof:
    """Return what the signatures of a mail prove that could be those of a domain."""
    # 0.3 s of a worker's start: only mailboxes that ask for it pay them.
    from parsers.signatures import signers  # noqa: PLC0415

    found = signers(signed, domain, lambda signer: _is_aligned(signer, domain))
    return Proof(dkim=found.domains, words=found.words)


def _sealed_proof(signed: Signed, sealers: tuple[str, ...]) -> Proof:
    """Return what a trusted sealer found when it received a mail."""
    from parsers.signatures import sealing  # noqa: PLC0415, as above

    found = sealing(signed, sealers)
    if found.results is None:
        return Proof(words=found.words)
    # The name of the server that found it comes first.
    _, *pieces = _pieces(found.results)
    proof = _proof([result for piece in pieces if (result := _result(piece))])
    return replace(proof, words=f"{found.words}: {proof.words}")


def _proves(proof: Proof, sender: str | None, *, by: str | None) -> bool:
    """Return whether a proof is one for a sender, by the way that is asked for: "dmarc", "dkim", or either."""
    domain = (sender or "").rpartition("@")[2].lower()
    if not domain:
        return False
    signed = any(_is_aligned(each, domain) for each in proof.dkim)
    passed = proof.dmarc == domain
    return {"dmarc": passed, "dkim": signed}.get(by or "", passed or signed)


def _is_aligned(signer: str, domain: str) -> bool:
    """Return whether a signature of one domain speaks for another: that of the same organisation."""
    if not domain:
        return False
    organisation = organisation_of(domain)
    return signer == domain or (organisation is not None and organisation_of(signer) == organisation)


# Authentication-Results


def proof_of(headers: tuple[str, ...], authserv_id: str) -> Proof:
    """Return what the topmost of the Authentication-Results headers says, if it is of the server of this name."""
    if not headers:
        return Proof(words="it has no Authentication-Results")
    if len(headers[0]) > LONGEST_HEADER:
        return Proof(words=f"its topmost Authentication-Results has {len(headers[0])} characters")
    pieces = list(_pieces(headers[0]))
    if authserv_id.lower() != MICROSOFT_365:
        if not _is_of(pieces.pop(0), authserv_id):
            return Proof(words=f"its topmost Authentication-Results is not of {authserv_id}")
    elif not _METHOD.match(pieces[0].strip()):
        return Proof(words="its topmost Authentication-Results is not of Microsoft 365")
    return _proof([result for piece in pieces if (result := _result(piece))])


@dataclass(frozen=True, slots=True)
class _MethodResult:
    """What one method found: its result, and the properties that it looked at."""

    method: str
    result: str
    properties: dict[str, str]


def _proof(results: list[_MethodResult]) -> Proof:
    told = ", ".join(f"{one.method}={one.result}" for one in results) or "no results"
    dmarc = [one for one in results if one.method == "dmarc"]
    # There is one From header, and so one result: of two that say different things none counts.
    domains = {_domain(one.properties.get("header.from", "")) for one in dmarc if one.result == "pass"}
    passed = domains.pop() if len(domains) == 1 and all(one.result == "pass" for one in dmarc) else None
    signers = [
        _domain(one.properties.get("header.d") or one.properties.get("header.i", ""))
        for one in results
        if one.method == "dkim" and one.result == "pass"
    ]
    return Proof(
        dmarc=passed or None,
        dkim=tuple(signer for signer in signers if signer),
        words=f"Authentication-Results says {told[:200]}",
    )


def _domain(text: str) -> str:
    return text.strip('"').rpartition("@")[2].rstrip(".").lower()


def _is_of(piece: str, authserv_id: str) -> bool:
    """Return whether the first piece of a header is an authserv-id, with a version or without, and the one asked."""
    words = _WORD.findall(piece)
    if _WORD.sub("", piece).strip() or not 1 <= len(words) <= 2:
        return False
    name = words[0].strip('"')
    # The sign for kelvin in lower case is a "k", but to no server that takes its own name out of what comes in.
    same = name == authserv_id or (name.isascii() and name.lower() == authserv_id.lower())
    return same and all(word.isdigit() for word in words[1:])


def _result(piece: str) -> _MethodResult | None:
    """Return the result of one method; None for what is not written as one."""
    piece = piece.strip()
    method = _METHOD.match(piece)
    if not method:
        return None
    properties: dict[str, str] = {}
    position = method.end()
    while position < len(piece):
        stated = _PROPERTY.match(piece, position)
        # What is said twice, or says another result of the method, says nothing.
        if not stated or stated[1].lower() in (*properties, method[1].lower()):
            return None
        properties[stated[1].lower()] = stated[2]
        position = stated.end()
    return _MethodResult(method[1].lower(), method[2].lower(), properties)


def _pieces(header: str) -> Iterator[str]:
    """Yield what stands between the semicolons of a header, without comments; quoted strings without their escapes."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for character in header:
        if escaped:
            escaped = False
            if quoted and character not in '"\\':
                kept.append(character)
        elif character == "\\" and (quoted or depth):
            escaped = True
        elif depth:
            depth += (character == "(") - (character == ")")
        elif character == '"':
            quoted = not quoted
            kept.append(character)
        elif character == "(" and not quoted:
            depth = 1
            kept.append(" ")
        elif character == ";" and not quoted:
            yield "".join(kept).strip()
            kept = []
        else:
            kept.append(character)
    yield "".join(kept).strip()
