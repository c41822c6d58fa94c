"""A mailbox that asks mails for proof, as its users have it: Dovecot, the daemon's passes and the commands."""

import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from parsers.providers import directory
from parsers.workers import Limits, WorkerPool
from tests.integration.program import Program, own_mail
from tests.signing import WEAK_KEY, WEAK_PEM, Signer, sealed, signed

pytestmark = pytest.mark.dovecot

PROVEN = b"Authentication-Results: mx.example.net; dmarc=pass header.from=zayo.com\r\n"
OF_ANOTHER = b"Authentication-Results: mx.evil.example; dmarc=pass header.from=zayo.com\r\n"
FORWARDER = b"Authentication-Results: mx.example.net; dkim=pass header.d=example.net\r\n"
TICKET, MOVED = "TTN-0008811204", "TTN-0008820955"


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    workers = WorkerPool(1, Limits(), directory())
    yield workers
    workers.stop()


@pytest.fixture
def program(tmp_path: Path, sqlite_url: str) -> Program:
    return Program(directory=tmp_path, url=sqlite_url)


ZAYO = Signer(domain="zayo.com")
GOOGLE = Signer(domain="google.com", selector="arc")
FIELDS = ("from", "to", "subject", "date", "message-id", "content-type")
SEALED = "mx.google.com; dmarc=pass header.from=zayo.com"


class Names:
    """A DNS that says of every name what it holds of it, nothing where it holds nothing, and may not answer at all."""

    def __init__(self) -> None:
        self.keys: dict[str, str | None] = {**ZAYO.keys, **GOOGLE.keys}
        self.silent = False

    def find(self, names: Collection[str]) -> Mapping[str, str | None]:
        return {name: None if self.silent else self.keys.get(name, "") for name in names}


@pytest.fixture
def names(pool: WorkerPool) -> Iterator[Names]:
    """The DNS that the workers' pool asks."""
    made = Names()
    pool.find_keys = made.find
    yield made
    pool.find_keys = None


@pytest.fixture
def verifying(program: Program, dovecot: Any, user: str) -> Program:
    """A program whose mailbox verifies signatures by itself, and believes one sealer."""
    mailbox = {"port": dovecot.imap, "username": user, "verify_dkim": True, "trusted_arc_sealers": ["google.com"]}
    program.configure(mailbox)
    return program


def waiting(program: Program) -> list[tuple[str, str]]:
    return [(one["reason"], one["subject"]) for one in program.command("quarantine", "list")]


def number(program: Program) -> str:
    (one,) = program.command("quarantine", "list")
    return str(one["id"])


@pytest.fixture
def asking(program: Program, dovecot: Any, user: str) -> Program:
    """A program whose mailbox asks for proof, and believes one colleague."""
    mailbox = {"port": dovecot.imap, "username": user, "authserv_id": "mx.example.net"}
    program.configure(mailbox | {"trusted_forwarders": ["jo.novak@example.net"]})
    return program


def test_what_proves_itself_is_applied_and_verified(asking, dovecot, user, pool) -> None:
    dovecot.deliver(user, [PROVEN + own_mail("zayo/three_nights")])

    asking.poll(pool=pool)

    assert asking.events()[TICKET]["unverified"] is False
    assert waiting(asking) == []


def test_a_forged_cancellation_changes_nothing_until_a_person_releases_it(asking, dovecot, user, pool) -> None:
    forged = own_mail("zayo/three_nights_commencing")
    dovecot.deliver(user, [PROVEN + own_mail("zayo/three_nights"), OF_ANOTHER + forged])

    asking.poll(pool=pool)

    assert asking.events()[TICKET]["status"] == "CONFIRMED"
    assert [reason for reason, _ in waiting(asking)] == ["untrusted"]
    asking.command("quarantine", "retry", "--all")
    asking.command("reparse", "--all", "--apply")
    assert asking.events()[TICKET]["status"] == "CONFIRMED"

    released = asking.command("quarantine", "release", number(asking), "--because", "they called")

    assert released["dispositions"]["applied"] == 1
    event = asking.events()[TICKET]
    assert (event["status"], event["unverified"]) == ("IN-PROCESS", True)
    asking.command("reparse", "--all", "--apply")
    assert asking.events()[TICKET]["status"] == "IN-PROCESS"


def test_a_forward_counts_from_a_trusted_forwarder_who_proves_to_be_one(asking, dovecot, user, pool) -> None:
    forward = own_mail("zayo/forwarded_inline")
    stranger = forward.replace(b"jo.novak@example.net", b"jo.novak@example.org").replace(
        b"Message-ID: <", b"Message-ID: <x"
    )
    dovecot.deliver(user, [FORWARDER.replace(b"net", b"org") + stranger])
    asking.poll(pool=pool)
    assert asking.events() == {}
    assert [reason for reason, _ in waiting(asking)] == ["untrusted"]

    dovecot.deliver(user, [FORWARDER + forward])
    asking.poll(pool=pool)

    assert asking.events()[MOVED]["unverified"] is False


def test_a_mailbox_that_asks_nothing_takes_mails_as_they_come_and_marks_them(program, dovecot, user, pool) -> None:
    program.configure({"port": dovecot.imap, "username": user})
    dovecot.deliver(user, [own_mail("zayo/three_nights"), own_mail("zayo/forwarded_inline")])

    program.poll(pool=pool)

    assert {event["unverified"] for event in program.events().values()} == {True}
    assert waiting(program) == []


@pytest.mark.parametrize(
    "first",
    [
        b"",
        OF_ANOTHER,
        b"Authentication-Results: mx.example.net; dmarc=fail header.from=zayo.com\r\n",
    ],
)
def test_a_copy_that_proves_itself_counts_though_it_comes_second(asking, dovecot, user, pool, first) -> None:
    notice = own_mail("zayo/three_nights")
    dovecot.deliver(user, [first + notice])
    asking.poll(pool=pool)
    assert [reason for reason, _ in waiting(asking)] == ["untrusted"]

    dovecot.deliver(user, [PROVEN + notice])
    asking.poll(pool=pool)

    assert waiting(asking) == []
    assert asking.events()[TICKET]["unverified"] is False
    (message,) = asking.messages()
    assert len(message["sightings"]) == 2
    asking.command("reparse", "--all", "--apply")
    assert asking.events()[TICKET]["updates"] == 1
    assert asking.command("db", "check") == {"problems": []}


def test_a_forged_copy_holds_no_notice_back(asking, dovecot, user, pool) -> None:
    notice = own_mail("zayo/three_nights")
    forged = notice.replace(b"<mr@zayo.com>", b"<mr@evil.example>", 1)
    dovecot.deliver(user, [forged, PROVEN + notice])

    asking.poll(pool=pool)

    assert asking.events()[TICKET]["unverified"] is False
    dovecot.deliver(user, [forged])
    asking.poll(pool=pool)
    assert (waiting(asking), asking.events()[TICKET]["updates"]) == ([], 1)


@pytest.mark.parametrize(
    "make",
    [lambda raw: signed(raw, ZAYO, fields=FIELDS), lambda raw: sealed(raw, GOOGLE, SEALED, fields=FIELDS)],
    ids=["signed", "sealed"],
)
def test_a_signature_proves_a_mail_for_good_though_its_key_is_gone(verifying, dovecot, user, pool, names, make) -> None:
    dovecot.deliver(user, [make(own_mail("zayo/three_nights"))])

    verifying.poll(pool=pool)

    assert verifying.events()[TICKET]["unverified"] is False
    # The commands have workers of their own, which ask nobody for a key that is held.
    names.keys.clear()
    verifying.command("reparse", "--all", "--apply")
    assert verifying.events()[TICKET]["unverified"] is False
    assert verifying.command("db", "check") == {"problems": []}


def test_a_forged_mail_and_one_without_a_signature_wait(verifying, dovecot, user, pool, names) -> None:
    good = signed(own_mail("zayo/three_nights"), ZAYO, fields=FIELDS)
    dovecot.deliver(
        user, [good.replace(b"TTN-0008811204", b"TTN-0008811205"), own_mail("zayo/three_nights_commencing")]
    )

    verifying.poll(pool=pool)

    assert verifying.events() == {}
    assert [reason for reason, _ in waiting(verifying)] == ["untrusted"] * 2


def test_what_came_while_the_dns_was_silent_is_read_again_when_it_answers(
    verifying, dovecot, user, pool, names
) -> None:
    names.silent = True
    dovecot.deliver(user, [signed(own_mail("zayo/three_nights"), ZAYO, fields=FIELDS)])
    verifying.poll(pool=pool)
    assert verifying.events() == {}
    (message,) = verifying.messages()
    assert (message["reason"], "the DNS did not answer" in message["detail"]) == ("untrusted", True)

    verifying.poll(pool=pool)
    assert [reason for reason, _ in waiting(verifying)] == ["untrusted"]

    names.silent = False
    verifying.poll(pool=pool)
    assert verifying.events()[TICKET]["unverified"] is False
    assert waiting(verifying) == []


def test_a_forged_copy_that_comes_first_holds_no_signed_mail_back(verifying, dovecot, user, pool, names) -> None:
    good = signed(own_mail("zayo/three_nights"), ZAYO, fields=FIELDS)
    subject = good[good.index(b"Subject: ") :].partition(b"\n")[0]
    dovecot.deliver(user, [good.replace(subject, b"Subject: Happy new year")])
    verifying.poll(pool=pool)
    assert verifying.events() == {}

    dovecot.deliver(user, [good])
    verifying.poll(pool=pool)

    assert verifying.events()[TICKET]["unverified"] is False
    assert waiting(verifying) == []


EVIL = Signer(domain="evil.example")
ALIKE = Signer(domain="zayo.com.evil.example")
SHORT = Signer(domain="zayo.com", selector="short")
REVOKED, HUGE, TRIED = (Signer(domain="zayo.com", selector=selector) for selector in ("revoked", "huge", "tried"))
UNANSWERED, NOWHERE = (Signer(domain="zayo.com", selector=selector) for selector in ("servfail", "nowhere"))
KEYS = {
    **EVIL.keys,
    **ALIKE.keys,
    SHORT.name: WEAK_KEY,
    REVOKED.name: "v=DKIM1; k=rsa; p=",
    HUGE.name: f"v=DKIM1; k=rsa; p={'A' * 65_000}",
    TRIED.name: f"{TRIED.keys[TRIED.name]}; t=y",
    UNANSWERED.name: None,
}
OWN_SERVER, LIST = "mx.example.net", "noc-list@example.net"


def results(text: str) -> Callable[[bytes], bytes]:
    return lambda raw: f"Authentication-Results: {text}\r\n".encode() + raw


def by(signer: Signer, **made: Any) -> Callable[[bytes], bytes]:
    return lambda raw: signed(raw, signer, **{"fields": FIELDS, **made})


def sealed_by(signer: Signer, *, said: str = SEALED, **made: Any) -> Callable[[bytes], bytes]:
    return lambda raw: sealed(raw, signer, said, fields=FIELDS, **made)


def later(*steps: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda raw: functools.reduce(lambda made, step: step(made), steps, raw)


def added(line: str) -> Callable[[bytes], bytes]:
    return lambda raw: f"{line}\r\n".encode() + raw


def below(line: str) -> Callable[[bytes], bytes]:
    return lambda raw: raw.replace(b"\n\n", f"\n{line}\n\n".encode(), 1)


def changed(old: str, new: str) -> Callable[[bytes], bytes]:
    assert old.encode() in own_mail("zayo/three_nights_commencing")
    return lambda raw: raw.replace(old.encode(), new.encode(), 1)


# Each would let the work begin, if it were believed.
FORGERIES: dict[str, Callable[[bytes], bytes]] = {
    "nothing at all": lambda raw: raw,
    "results of another server": results("mx.evil.example; dmarc=pass header.from=zayo.com"),
    "results of ours below those of another": later(
        results(f"{OWN_SERVER}; dmarc=pass header.from=zayo.com"), results("mx.evil.example; dmarc=pass")
    ),
    "results of ours at the end of the headers, below a failure": later(
        below(f"Authentication-Results: {OWN_SERVER}; dmarc=pass header.from=zayo.com"),
        results(f"{OWN_SERVER}; dmarc=fail header.from=zayo.com"),
    ),
    **{
        f"results of {name}": results(f"{name}; dmarc=pass header.from=zayo.com")
        for name in (
            *("mx.example.net.evil.example", "evil-mx.example.net", "mx.example.net/evil", "mx-example.net"),
            *("evil.example (mx.example.net)", '"mx.example.net', "mx.example.net evil.example", "mx．example．net"),
        )
    },
    "dmarc of another domain": results(f"{OWN_SERVER}; dmarc=pass header.from=evil.example"),
    "dmarc of a domain alike": results(f"{OWN_SERVER}; dmarc=pass header.from=zayo.com.evil.example"),
    "a signature of a domain alike in the results": results(f"{OWN_SERVER}; dkim=pass header.d=evilzayo.com"),
    "spf alone": results(f"{OWN_SERVER}; spf=pass smtp.mailfrom=zayo.com"),
    "a pass in a comment": results(f"{OWN_SERVER}; dmarc=fail (dmarc=pass header.from=zayo.com) header.from=zayo.com"),
    "a pass in a quoted word": results(
        f'{OWN_SERVER}; dmarc=fail reason="x; dmarc=pass header.from=zayo.com" header.from=zayo.com'
    ),
    "two From headers, the upper one signed": later(
        added("From: <mr@evil.example>"), results(f"{OWN_SERVER}; dmarc=pass header.from=evil.example")
    ),
    "two From headers, the lower one signed": later(by(EVIL), added("From: <mr@zayo.com>")),
    "two addresses": later(
        changed("MR Zayo <mr@zayo.com>", "mr@zayo.com, mr@evil.example"),
        results(f"{OWN_SERVER}; dmarc=pass header.from=zayo.com"),
    ),
    "an address as the name": later(
        changed("MR Zayo <mr@zayo.com>", '"mr@zayo.com" <mr@evil.example>'),
        results(f"{OWN_SERVER}; dmarc=pass header.from=evil.example"),
    ),
    "signed by another": by(EVIL),
    "signed by a domain alike": by(ALIKE),
    "signed by another in the name of the provider": by(EVIL, i="@zayo.com"),
    "signed with a key of another": by(ZAYO, private=EVIL.private),
    "signed to the middle": by(ZAYO, l="40"),
    "signed to the end, and more below": later(by(ZAYO, l="200"), lambda raw: raw + b"<p>more</p>\r\n"),
    "expired": by(ZAYO, x="1700000000"),
    "signed in the future": by(ZAYO, t="4000000000"),
    "by SHA-1": by(ZAYO, algorithm="rsa-sha1"),
    "by a short key": by(SHORT, private=WEAK_PEM),
    "by a revoked key": by(REVOKED),
    "by a key without end": by(HUGE),
    "by a key that is being tried": by(TRIED),
    "by a key that is nowhere": by(NOWHERE),
    "by a key of which the DNS says nothing": by(UNANSWERED),
    "From is not signed": by(ZAYO, fields=("to", "subject", "date")),
    **{
        f"signed, and {line.partition(':')[0]} added": later(by(ZAYO), added(line))
        for line in (
            *(
                "From: <mr@zayo.com>",
                "Subject: END MAINTENANCE NOTIFICATION***Ridgeline Hosting LLC***ZAYO TTN-0008811204 Planned***",
                "Date: Tue, 09 Feb 2027 04:55:00 +0000",
            ),
            *('Content-Type: text/html; charset="us-ascii"', "Message-ID: <another@zayo.example>"),
        )
    },
    "signed, and the subject changed": later(by(ZAYO), changed("START MAINTENANCE", "END MAINTENANCE")),
    "signed, and the body changed": later(by(ZAYO), changed("</b> Planned", "</b> Emergency")),
    "sealed by another": sealed_by(EVIL),
    "sealed by one alike": sealed_by(Signer(domain="google.com.evil.example")),
    "sealed in the name of a sealer": lambda raw: sealed(raw, EVIL, SEALED, fields=FIELDS).replace(
        b"d=evil.example", b"d=google.com"
    ),
    "a broken chain": sealed_by(GOOGLE, cv="fail"),
    "a broken chain on a good one": later(sealed_by(GOOGLE), sealed_by(GOOGLE, number=2, cv="fail")),
    "a good chain, and another sealer on it": later(sealed_by(GOOGLE), sealed_by(EVIL, number=2)),
    "a chain that begins in the middle": sealed_by(GOOGLE, number=2),
    "sealed, and the body changed": later(sealed_by(GOOGLE), changed("</b> Planned", "</b> Emergency")),
    "sealed, and the results changed": lambda raw: sealed(
        raw, GOOGLE, "mx.google.com; dmarc=fail header.from=zayo.com", fields=FIELDS
    ).replace(b"dmarc=fail", b"dmarc=pass"),
    "a sealer that found a failure": sealed_by(GOOGLE, said="mx.google.com; dmarc=fail header.from=zayo.com"),
    "a sealer that found another domain": sealed_by(GOOGLE, said="mx.google.com; dmarc=pass header.from=evil.example"),
    "sent on in the name of the list": later(
        changed("MR Zayo <mr@zayo.com>", f"Zayo via List <{LIST}>"),
        added("X-Original-From: MR Zayo <mr@zayo.com>"),
        added("Reply-To: mr@zayo.com"),
        by(EVIL),
    ),
}


def test_no_forgery_of_any_kind_changes_an_event(program, dovecot, user, pool, names) -> None:
    names.keys |= KEYS
    program.configure(
        {
            "port": dovecot.imap,
            "username": user,
            "authserv_id": OWN_SERVER,
            "verify_dkim": True,
            "trusted_arc_sealers": ["google.com"],
            "trusted_forwarders": [LIST],
        }
    )
    proven = signed(own_mail("zayo/three_nights"), ZAYO, fields=FIELDS)
    work = own_mail("zayo/three_nights_commencing")
    forged = [
        make(work.replace(b"<mr.0008811204.3@", f"<forged.{number}@".encode()))
        for number, make in enumerate(FORGERIES.values())
    ]
    dovecot.deliver(user, [proven])
    program.poll(pool=pool)
    before = program.command("events")
    assert [(one["id"], one["status"], one["unverified"]) for one in before] == [(TICKET, "CONFIRMED", False)]

    dovecot.deliver(user, forged)
    program.poll(pool=pool)

    assert program.command("events") == before
    listed = {one["imap_uid"]: one for one in program.messages()}
    became = {
        name: (listed[number]["disposition"], listed[number]["reason"]) for number, name in enumerate(FORGERIES, 2)
    }
    assert {name: each for name, each in became.items() if each != ("quarantined", "untrusted")} == {
        # Whose address it is, nobody knows.
        "an address as the name": ("quarantined", "unknown_provider")
    }
    assert len(waiting(program)) == len(forged)

    # The same mail in the same ways, but true.
    for make in (by(ZAYO), sealed_by(GOOGLE), results(f"{OWN_SERVER}; dmarc=pass header.from=zayo.com")):
        dovecot.deliver(user, [make(work)])
    program.poll(pool=pool)
    (event,) = program.command("events")
    assert (event["status"], event["unverified"]) == ("IN-PROCESS", False)


def test_what_a_person_imports_is_taken_and_marked(asking, dovecot, user, pool, tmp_path) -> None:
    dovecot.deliver(user, [OF_ANOTHER + own_mail("zayo/three_nights")])
    asking.poll(pool=pool)
    assert [reason for reason, _ in waiting(asking)] == ["untrusted"]
    (tmp_path / "notice.eml").write_bytes(own_mail("zayo/three_nights"))

    asking.command("import", str(tmp_path / "notice.eml"))

    assert asking.events()[TICKET]["unverified"] is True
    assert waiting(asking) == []
