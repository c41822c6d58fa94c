"""What the DNS is asked, and how long for: a server of the test's own answers, or does not."""

import socket
import threading
from collections.abc import Callable, Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from ingestor.names import Names

KEY = "v=DKIM1; k=rsa; p=AAAA"
NAME = "s1._domainkey.zayo.example"


class Server:
    """A DNS server on loopback: ``texts`` by name, None for no answer, a number for an error."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str] | int | None] = {}
        self.asked: list[str] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                packet, client = self.socket.recvfrom(4096)
            except OSError:
                return
            question = dns.message.from_wire(packet)
            name = question.question[0].name.to_text(omit_final_dot=True)
            self.asked.append(name)
            answer = self.texts.get(name, dns.rcode.NXDOMAIN)
            if answer is None:
                continue
            response = dns.message.make_response(question)
            response.flags |= dns.flags.RA
            if isinstance(answer, int):
                response.set_rcode(answer)
            elif answer:
                quoted = [" ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200)) for text in answer]
                response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "TXT", *quoted))
            self.socket.sendto(response.to_wire(), client)

    def names(self, **seconds: float) -> Names:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self.socket.getsockname()[1]
        return Names(resolver, **seconds)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.socket.close()


def test_a_key_is_found_though_it_is_long_or_stands_beside_other_texts(server):
    long = KEY + "A" * 700
    server.texts = {NAME: [KEY], "s2._domainkey.zayo.example": [long, "v=spf1 -all"]}

    found = server.names().find([NAME, "s2._domainkey.zayo.example"])

    assert found == {NAME: KEY, "s2._domainkey.zayo.example": long}


@pytest.mark.parametrize("answer", [dns.rcode.NXDOMAIN, [], ["v=spf1 -all"], [KEY, KEY + "B"]])
def test_where_there_is_no_one_key_there_is_none(server, answer):
    server.texts = {NAME: answer}

    assert server.names().find([NAME]) == {NAME: ""}


@pytest.mark.parametrize("name", ["a" * 64 + ".example", ".".join(["a" * 60] * 5), "a..example"])
def test_a_name_that_cannot_be_asked_for_has_none(server, name):
    assert server.names().find([name]) == {name: ""}
    assert server.asked == []


@pytest.mark.parametrize("answer", [None, dns.rcode.SERVFAIL, dns.rcode.REFUSED])
def test_a_dns_that_does_not_answer_is_told_from_one_that_has_no_key(server, answer):
    server.texts = {NAME: answer}

    assert server.names(name_seconds=0.2).find([NAME]) == {NAME: None}


def test_an_organisation_that_does_not_answer_is_not_asked_again_at_once_and_others_are(server):
    server.texts = {NAME: None, "s1._domainkey.mail.zayo.example": [KEY], "s1._domainkey.lumen.example": [KEY]}
    names = server.names(name_seconds=0.2)

    assert names.find([NAME]) == {NAME: None}
    before = len(server.asked)

    assert names.find([NAME, "s1._domainkey.mail.zayo.example"]) == {
        NAME: None,
        "s1._domainkey.mail.zayo.example": None,
    }
    assert len(server.asked) == before
    assert names.find(["s1._domainkey.lumen.example"]) == {"s1._domainkey.lumen.example": KEY}


def test_all_together_take_no_longer_than_they_may(server):
    wanted = [f"s1._domainkey.a{number}.example" for number in range(50)]
    server.texts = dict.fromkeys(wanted)

    found = server.names(name_seconds=0.2, all_seconds=0.3).find(wanted)

    assert found == dict.fromkeys(wanted)
    assert set(server.asked) < set(wanted)


def test_a_machine_without_a_server_to_ask_gets_no_answer():
    resolver = dns.resolver.Resolver(configure=False)

    assert Names(resolver).find([NAME]) == {NAME: None}


def test_nothing_is_asked_where_nothing_is_wanted(server):
    find: Callable[..., object] = server.names().find

    assert find([]) == {}
    assert server.asked == []
