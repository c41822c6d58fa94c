"""A connection to a server, made step by step so that each failure has a name, and ended from outside at any moment.

Knows nothing of IMAP. The errors that leave this module are those of ``socket`` and ``ssl``; ``explain`` turns them
into words for a person.
"""

import errno
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 20), (socket.TCP_KEEPCNT, 3))

# What OpenSSL says of a peer that answers a handshake with text.
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL"})
# X.509 verification results. Source: OpenSSL's x509_vfy.h.
_EXPIRED = frozenset({9, 10})
_WRONG_NAME = frozenset({62, 64})

_Address = tuple[int, tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What went wrong on a connection: what was found, what to do, and whether only a person can mend it."""

    found: str
    advice: str
    permanent: bool = False


class Lifeline:
    """A second handle on a connection, by which another thread or a deadline can end it.

    It is a duplicate of the descriptor: a TLS object, which replaces the socket in the middle of STARTTLS and falls
    back to plain text once it is told to shut down, is never touched by another thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self.cut_because: str | None = None

    def attach(self, sock: socket.socket) -> None:
        """Hold this connection from now on; end it at once if the lifeline was cut before."""
        with self._lock:
            self._release()
            self._handle = sock.dup()
            if self.cut_because is not None:
                self._shut()

    def cut(self, because: str) -> None:
        """End the connection: whoever waits on it fails within the second. May be called twice, from any thread."""
        with self._lock:
            self.cut_because = self.cut_because or because
            self._shut()

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Cut the connection unless the block ends in time: a socket's timeout is per packet, so a server may drip."""
        timer = threading.Timer(seconds, self.cut, [f"not done after {seconds:g} s"])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def close(self) -> None:
        """Give the handle back. The connection itself is closed by its owner."""
        with self._lock:
            self._release()

    def _shut(self) -> None:
        if self._handle is None:
            return
        try:
            self._handle.shutdown(socket.SHUT_RDWR)
        except OSError:
            # The connection has ended by itself, or was never made.
            return

    def _release(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine by its very spelling; a name is never looked up for it."""
    if host.casefold() in ("localhost", "localhost.localdomain"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def look_up(host: str, port: int) -> list[_Address]:
    """Return the addresses of a host, in the order in which they are to be tried. Raises ``socket.gaierror``."""
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def reach(addresses: Sequence[_Address], lifeline: Lifeline, *, seconds: float, silent_seconds: float) -> socket.socket:
    """Return a socket connected to the first address that answers; each is given ``seconds``.

    ``silent_seconds`` is how long sent data may stay unacknowledged before the kernel gives the peer up.
    Raises the error of the last address.
    """
    trouble: OSError = OSError(errno.EADDRNOTAVAIL, "the name has no address")
    for family, address in addresses:
        if lifeline.cut_because is not None:
            break
        try:
            return _reach_one(family, address, lifeline, seconds=seconds, silent_seconds=silent_seconds)
        except OSError as error:
            trouble = error
    raise trouble


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return a context that verifies certificate and host name, by ``ca_file`` alone or else by the system's CAs.

    Raises OSError (which ``ssl.SSLError`` is) for a file that is missing or holds no certificate.
    """
    return ssl.create_default_context(cafile=ca_file)


def secure(sock: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """Return the socket after a TLS handshake."""
    return context.wrap_socket(sock, server_hostname=host.strip("[]"))


def explain(error: Exception, *, host: str, port: int, ca_file: str | None) -> Trouble | None:
    """Return what an error of a connection means, or None if it is none of a network's."""
    for kind, words in _EXPLANATIONS:
        if isinstance(error, kind):
            return words(error, host, port, ca_file)
    return None


def _reach_one(
    family: int, address: tuple[Any, ...], lifeline: Lifeline, *, seconds: float, silent_seconds: float
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        # Some commands leave in two pieces, the second of which would wait 40 ms for the receipt of the first.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(silent_seconds * 1000))
        lifeline.attach(sock)
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


def _of_name(error: Exception, host: str, port: int, ca_file: str | None) -> Trouble:
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return Trouble(found="the name server did not answer", advice="check the resolver of this machine")
    return Trouble(found="host name not found", advice=f'check host = "{host}"', permanent=True)


def _of_certificate(error: Exception, host: str, port: int, ca_file: str | None) -> Trouble:
    assert isinstance(error, ssl.SSLCertVerificationError)
    found = f"the certificate of {host} is not trusted: {error.verify_message.rstrip('.')}"
    trusted = f"the CAs of ca_file {ca_file}" if ca_file else "the CAs of this system"
    if error.verify_code in _EXPIRED:
        advice = "it must be renewed on the server, or the clock here is wrong"
    elif error.verify_code in _WRONG_NAME:
        advice = "set host to a name that the certificate bears"
    else:
        advice = f"it was checked against {trusted}; set ca_file to a file with the CA that signed it"
    return Trouble(found=found, advice=advice, permanent=True)


def _of_tls(error: Exception, host: str, port: int, ca_file: str | None) -> Trouble:
    assert isinstance(error, ssl.SSLError)
    if error.reason in _NOT_TLS:
        advice = f'port {port} does not begin with TLS: use tls = "starttls" (port 143 as a rule), or port 993'
        return Trouble(found="the server answered the TLS handshake in plain text", advice=advice, permanent=True)
    return Trouble(found=f"TLS failed: {error.reason or error}", advice="see the log of the server")


def _of_silence(error: Exception, host: str, port: int, ca_file: str | None) -> Trouble:
    return Trouble(found="timed out", advice="check host, port and the firewalls between; it is tried again")


def _of_refusal(error: Exception, host: str, port: int, ca_file: str | None) -> Trouble:
    return Trouble(found="connection refused", advice=f"nothing listens on port {port} there, or a firewall forbids it")


def _of_loss(error: Exception, host: str, port: int, ca_file: str | None) -> Trouble:
    return Trouble(found="connection lost", advice="it is tried again")


def _of_system(error: Exception, host: str, port: int, ca_file: str | None) -> Trouble:
    assert isinstance(error, OSError)
    return Trouble(found=error.strerror or str(error), advice="check host, port and the network of this machine")


# The first kind that fits explains, so the narrow ones stand above the wide ones.
_EXPLANATIONS: tuple[tuple[type[Exception], Callable[[Exception, str, int, str | None], Trouble]], ...] = (
    (socket.gaierror, _of_name),
    (ssl.SSLCertVerificationError, _of_certificate),
    (ssl.SSLEOFError, _of_loss),
    (ssl.SSLZeroReturnError, _of_loss),
    (ssl.SSLError, _of_tls),
    (TimeoutError, _of_silence),
    (ConnectionRefusedError, _of_refusal),
    (ConnectionError, _of_loss),
    (OSError, _of_system),
)
