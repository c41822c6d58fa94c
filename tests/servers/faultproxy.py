"""A proxy in front of a server that breaks what passes: cut, stalled, changed, or a command whose reply is lost.

Speak IMAP without TLS through it, so that it can see the commands. A pattern is looked for in what arrives at one time,
which on loopback is a command, or an answer or a part of it.
"""

import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

Direction = Literal["c2s", "s2c"]
# "stall"      nothing passes any more, on no connection, until ``resume``
# "reset"      the command does not pass; both sides lose the connection
# "lose_reply" the command passes and is done; the client loses the connection in place of the reply
# ("cut", n)   the client gets n octets more, and then loses the connection
# a function   what passes in place of what came
Action = Literal["stall", "reset", "lose_reply"] | tuple[Literal["cut"], int] | Callable[[bytes], bytes]

_AT_ONCE = 65_536
# On close, a socket that lingers for no second sends RST in place of FIN.
_RESETS = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    direction: Direction
    pattern: re.Pattern[bytes]
    action: Action
    once: bool


class FaultProxy:
    """Carry connections to a port, each in a thread of its own, as a context manager."""

    def __init__(self, target_port: int, *, host: str = "127.0.0.1") -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server((host, 0))
        self.port = int(self._listener.getsockname()[1])
        self._rules: list[_Rule] = []
        self._flowing = threading.Event()
        self._ended = False
        # How many seconds the client waits for each octet of the server.
        self._drip = 0.0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        self._flowing.set()
        threading.Thread(target=self._accept, name="faultproxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._flowing.set()
        with self._lock:
            for sock in (self._listener, *self._open):
                # Wakes the thread that waits for it, which a close would not.
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def rule(self, direction: Direction, pattern: bytes, action: Action, *, once: bool = True) -> None:
        """Do something to what matches a pattern on its way from client to server ("c2s") or back ("s2c")."""
        compiled = re.compile(pattern, re.IGNORECASE | re.DOTALL)
        self._rules.append(_Rule(direction=direction, pattern=compiled, action=action, once=once))

    def mend(self) -> None:
        """Forget every rule."""
        self._rules.clear()

    def stall(self) -> None:
        """Let nothing pass any more, neither on old connections nor on new ones, as if the network were gone."""
        self._flowing.clear()

    def resume(self) -> None:
        """Let what was held pass, and what comes."""
        self._flowing.set()

    def drip(self, seconds: float) -> None:
        """Let what the server says pass octet by octet, each after so many seconds; 0: as it comes."""
        self._drip = seconds

    def drop(self, *, reset: bool) -> None:
        """End every connection now, on both sides, by FIN or by RST."""
        with self._lock:
            for sock in self._open:
                with suppress(OSError):
                    if reset:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESETS)
                    # Its thread finds the end, and closes both.
                    sock.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), name="faultproxy", daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with ExitStack() as stack, suppress(OSError):
            stack.enter_context(client)
            server = stack.enter_context(socket.create_connection(self._target))
            with self._lock:
                self._open |= {client, server}
            stack.callback(self._forget, client, server)
            connection = _Connection(client, server, lambda: self._drip)
            while not self._ended and connection.step(self._match, self._hold):
                pass

    def _forget(self, *socks: socket.socket) -> None:
        with self._lock:
            self._open -= set(socks)

    def _match(self, direction: Direction, chunk: bytes) -> Action | None:
        """Return what is to be done to a chunk; a rule for one time is used up by it."""
        for rule in self._rules:
            if rule.direction == direction and rule.pattern.search(chunk):
                if rule.once:
                    self._rules.remove(rule)
                return rule.action
        return None

    def _hold(self, *, stall: bool) -> None:
        if stall:
            self.stall()
        self._flowing.wait()


class _Connection:
    """One connection that is carried: what came in is looked at before it goes out."""

    def __init__(self, client: socket.socket, server: socket.socket, drip: Callable[[], float]) -> None:
        self._client, self._server = client, server
        self._drip = drip
        # How many octets the client still gets; None: all.
        self._allowed: int | None = None
        # The tag of the command whose reply is to be lost.
        self._lost: bytes | None = None

    def step(self, match: Callable[[Direction, bytes], Action | None], hold: Callable[..., None]) -> bool:
        """Carry what comes next; False at the end of the connection."""
        ready, _, _ = select.select([self._client, self._server], [], [])
        for sock in ready:
            chunk = sock.recv(_AT_ONCE)
            if not chunk:
                return False
            direction: Direction = "c2s" if sock is self._client else "s2c"
            action = match(direction, chunk)
            hold(stall=action == "stall")
            if action == "reset":
                return self._reset()
            if not self._pass_on(direction, self._changed(chunk, action)):
                return self._reset()
        return True

    def _changed(self, chunk: bytes, action: Action | None) -> bytes:
        if callable(action):
            return action(chunk)
        if action == "lose_reply":
            self._lost = chunk.split()[0]
        elif isinstance(action, tuple):
            self._allowed = action[1]
        return chunk

    def _pass_on(self, direction: Direction, chunk: bytes) -> bool:
        """Send a chunk on; False where the connection is to be lost now."""
        if direction == "c2s":
            self._server.sendall(chunk)
            return True
        if self._lost is not None:
            # The tag stands in the last line of the reply: until then the server is at work.
            return self._lost not in chunk
        if self._allowed is None:
            while chunk and (seconds := self._drip()):
                self._client.sendall(chunk[:1])
                chunk = chunk[1:]
                time.sleep(seconds)
            self._client.sendall(chunk)
            return True
        self._client.sendall(chunk[: self._allowed])
        self._allowed -= len(chunk)
        return self._allowed > 0

    def _reset(self) -> bool:
        for sock in (self._client, self._server):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESETS)
        return False
