"""What the DNS has at a name: the keys of those who sign mails. No other module asks it."""

import threading
import time
from collections.abc import Collection

import dns.exception
import dns.rdatatype
import dns.resolver

from parsers.authenticity import organisation_of

NAME_SECONDS = 3.0
ALL_SECONDS = 5.0

# How long an organisation whose servers did not answer is not asked again: it holds up nobody else's mails.
SILENT_SECONDS = 60.0
MOST_SILENT = 1000
MOST_ANSWERS = 1000


class Names:
    """The DNS, by the servers of this machine's ``/etc/resolv.conf``, or by a given resolver. Safe to use from threads.

    What it says is kept for as long as it says itself.
    """

    def __init__(
        self,
        resolver: dns.resolver.Resolver | None = None,
        *,
        name_seconds: float = NAME_SECONDS,
        all_seconds: float = ALL_SECONDS,
    ) -> None:
        self._given = resolver
        self._own: dns.resolver.Resolver | None = None
        self._cache = dns.resolver.LRUCache(MOST_ANSWERS)
        self._name_seconds = name_seconds
        self._all_seconds = all_seconds
        self._lock = threading.Lock()
        self._silent: dict[str, float] = {}

    def find(self, names: Collection[str]) -> dict[str, str | None]:
        """Return the text at each name, empty where there is none; None where the DNS does not answer in time."""
        end = time.monotonic() + self._all_seconds
        return {name: self._text_in_time(name, end) for name in names}

    def _text_in_time(self, name: str, end: float) -> str | None:
        owner = _owner_of(name)
        seconds = min(self._name_seconds, end - time.monotonic())
        with self._lock:
            if seconds <= 0 or time.monotonic() < self._silent.get(owner, 0):
                return None
        text = self._text(name, seconds)
        # Of one that had less time than others it is not known.
        if text is None and seconds == self._name_seconds:
            self._note_silence(owner)
        return text

    def _text(self, name: str, seconds: float) -> str | None:
        try:
            answer = self._asked().resolve(f"{name}.", dns.rdatatype.TXT, lifetime=seconds, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.exception.FormError, dns.exception.SyntaxError):
            return ""
        # Also a server's failure, which may pass, and a machine that knows no server.
        except (dns.exception.DNSException, OSError):
            return None
        texts = [b"".join(record.strings) for record in answer.rrset or ()]
        keys = [text for text in texts if b"p=" in text]
        # Source: RFC 6376 3.6.2.2: of several nobody knows which counts.
        return keys[0].decode("utf-8", "replace") if len(keys) == 1 else ""

    def _asked(self) -> dns.resolver.Resolver:
        with self._lock:
            if self._given:
                return self._given
            if self._own is None:
                self._own = dns.resolver.Resolver()
                self._own.cache = self._cache
            return self._own

    def _note_silence(self, owner: str) -> None:
        with self._lock:
            # The servers may be others by now.
            self._own = None
            if len(self._silent) >= MOST_SILENT:
                self._silent.clear()
            self._silent[owner] = time.monotonic() + SILENT_SECONDS


def _owner_of(name: str) -> str:
    """Return whose servers are asked for a name, as well as can be told without asking."""
    return organisation_of(name) or name
