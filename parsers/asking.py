"""A language model behind an endpoint in the manner of OpenAI: what may be reached of it, and one question to it.

No other module of this room speaks over a network. A worker that was told of a model reaches it and nothing else.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from domain.errors import MaintdError

READER_PREFIX = "llm/"
LONGEST_ANSWER = 262_144


class NoAnswer(MaintdError):
    """Say why a model gave no answer, in one line that holds neither the key nor what its server wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model and where it is asked. ``providers``: it is asked of their mails alone, None: of everybody's.

    ``seconds`` is how long one question may take, from the look-up of the name to the last octet of the answer.
    """

    name: str
    host: str
    port: int
    tls: bool
    path: str
    key: str = field(repr=False)
    seconds: float
    providers: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adviser:
    """A model that can be asked. ``ask`` takes a question and returns its server's answer, both JSON.

    It raises a ``MaintdError`` that says why there is none. ``providers``: whose mails it may see, None: everybody's.
    """

    name: str
    ask: Callable[[bytes], bytes]
    providers: frozenset[str] | None = None

    @property
    def label(self) -> str:
        """Return the name under which what it reads is told."""
        return READER_PREFIX + self.name


class Door:
    """The one way out of a worker: to a model's host and port, by the addresses that its name has."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._addresses: frozenset[tuple[Any, ...]] = frozenset()

    def lets(self, event: str, arguments: tuple[Any, ...]) -> bool:
        """Say whether what a process is about to do, in the words of an audit event, is on the way to the model."""
        if event == "socket.getaddrinfo":
            return arguments[:2] == (self.model.host, self.model.port)
        return event == "socket.connect" and arguments[1] in self._addresses

    def connect(self) -> socket.socket:
        """Return a connection to the first address that answers. Raises OSError."""
        found = socket.getaddrinfo(self.model.host, self.model.port, type=socket.SOCK_STREAM)
        self._addresses = frozenset(address for *_, address in found)
        failure: OSError = ConnectionError("its name has no address")
        for family, kind, protocol, _, address in found:
            plain = socket.socket(family, kind, protocol)
            try:
                plain.settimeout(self.model.seconds)
                plain.connect(address)
                return self._encrypted(plain)
            except OSError as error:
                plain.close()
                failure = error
        raise failure

    def _encrypted(self, plain: socket.socket) -> socket.socket:
        if not self.model.tls:
            return plain
        return ssl.create_default_context().wrap_socket(plain, server_hostname=self.model.host)


def ask(door: Door, question: bytes) -> bytes:
    """Return what the model's server answers to a question in JSON, as it came. Raises ``NoAnswer``."""
    exchange = _Exchange(door, question)
    # Neither the look-up of a name nor a server that sends an octet a second heeds a time limit of a socket.
    thread = threading.Thread(target=exchange.run, name="question", daemon=True)
    thread.start()
    thread.join(door.model.seconds)
    if thread.is_alive():
        exchange.give_up()
        raise NoAnswer(_too_late(door.model))
    if exchange.problem:
        raise NoAnswer(exchange.problem)
    return exchange.answer


def _too_late(model: Model) -> str:
    return f"no answer within {model.seconds:g} seconds"


class _Exchange:
    """One question and its answer, in a thread of its own."""

    def __init__(self, door: Door, question: bytes) -> None:
        self.answer = b""
        self.problem = ""
        self._door = door
        self._question = question
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        try:
            self.answer = self._answer()
        except NoAnswer as problem:
            self.problem = str(problem)
        except TimeoutError:
            self.problem = _too_late(self._door.model)
        except OSError as error:
            self.problem = f"the connection failed: {error.strerror or type(error).__name__}"
        # Its words may hold the key: "invalid header value", for one.
        except Exception as error:  # noqa: BLE001, the boundary of a thread
            self.problem = f"the connection failed: {type(error).__name__}"
        finally:
            if self._connection:
                self._connection.close()

    def give_up(self) -> None:
        """End the connection, and with it the thread."""
        channel = self._connection.sock if self._connection else None
        if channel is not None:
            with suppress(OSError):
                # Of an encrypted one, not what its own method does, which the thread could not bear.
                socket.socket.shutdown(channel, socket.SHUT_RDWR)

    def _answer(self) -> bytes:
        model = self._door.model
        # The kind of the connection decides no more than how the port stands in the Host header.
        kind = http.client.HTTPSConnection if model.tls else http.client.HTTPConnection
        self._connection = kind(model.host, model.port)
        self._connection.sock = self._door.connect()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if model.key:
            headers["Authorization"] = f"Bearer {model.key}"
        self._connection.request("POST", model.path, body=self._question, headers=headers)
        response = self._connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise NoAnswer(f"its server answers HTTP {response.status}")
        answer = response.read(LONGEST_ANSWER + 1)
        if len(answer) > LONGEST_ANSWER:
            raise NoAnswer(f"its server answers more than {LONGEST_ANSWER} octets")
        return answer
