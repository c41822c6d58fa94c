"""Forged mails change nothing where a mailbox asks for proof, and never the events of another carrier."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.message import Decision, Disposition, Reading, Reason, Terms
from parsers.authenticity import MICROSOFT_365, claimed, organisation_of, proof_of
from parsers.mime import read_envelope
from parsers.providers import Directory, Provider, directory
from parsers.reading import read_message

OWN = Path(__file__).parents[2] / "mail"
RECEIVED = datetime(2027, 2, 8, 12, tzinfo=UTC)
OURS = "mx.example.net"
ASKED = Terms(authserv_id=OURS)
ZAYO = "mr@zayo.com"
PASSED = f"{OURS}; dmarc=pass header.from=zayo.com"
SIGNED = f"{OURS}; dkim=pass header.d=zayo.com header.s=s1"


def calendar(named: str | None = "zayo", event_id: str = "TTN-1", status: str = "CANCELLED") -> str:
    lines = (
        "UID:1",
        "DTSTAMP:20270208T120000Z",
        "DTSTART:20270223T210000Z",
        "DTEND:20270224T030000Z",
        *([f"X-MAINTNOTE-PROVIDER:{named}"] if named else []),
        f"X-MAINTNOTE-MAINTENANCE-ID:{event_id}",
        "X-MAINTNOTE-OBJECT-ID:RING-7",
        f"X-MAINTNOTE-STATUS:{status}",
    )
    return "\n".join(("BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""))


def mail(*results: str, sender: str = ZAYO, named: str | None = "zayo", above: tuple[str, ...] = ()) -> bytes:
    headers = (
        *above,
        *(f"Authentication-Results: {result}" for result in results),
        f"From: {sender}",
        "Date: Mon, 08 Feb 2027 11:59:00 +0000",
        "Message-ID: <1@x.example>",
        "Content-Type: text/calendar",
    )
    return ("\n".join(headers) + "\n\n" + calendar(named)).encode()


def attached(inner: bytes, *results: str, sender: str) -> bytes:
    headers = (
        *(f"Authentication-Results: {result}" for result in results),
        f"From: {sender}",
        "Date: Mon, 08 Feb 2027 11:59:30 +0000",
        'Content-Type: multipart/mixed; boundary="b"',
    )
    return "\n".join(headers).encode() + b"\n\n--b\nContent-Type: message/rfc822\n\n" + inner + b"\n--b--\n"


def read(raw: bytes, terms: Terms = ASKED, known: Directory | None = None) -> Reading:
    return read_message(raw, received_at=RECEIVED, directory=known or directory(), terms=terms)


def is_verified(reading: Reading) -> bool:
    (update,) = reading.updates
    assert reading.disposition is Disposition.APPLIED
    assert update.provider == "zayo"
    return not update.unverified


def is_refused(reading: Reading, *words: str) -> bool:
    assert (reading.disposition, reading.reason, reading.updates) == (Disposition.QUARANTINED, Reason.UNTRUSTED, ())
    assert "maintd quarantine release MESSAGE" in reading.detail
    missing = [word for word in words if word not in reading.detail]
    assert missing == [], reading.detail
    return True


class TestNothingAsked:
    def test_every_mail_is_taken_and_unverified(self):
        for results in ((), (PASSED,), (f"{OURS}; dmarc=fail header.from=zayo.com",)):
            assert not is_verified(read(mail(*results), Terms()))

    def test_every_forward_is_taken_and_unverified(self):
        assert not is_verified(read(attached(mail(), sender="x@evil.example"), Terms()))


class TestProof:
    @pytest.mark.parametrize(
        "result",
        [
            PASSED,
            SIGNED,
            f"{OURS} 1; dmarc=pass header.from=zayo.com",
            f"(by us) {OURS} (really); dmarc=pass (p=reject dis=none) header.from=ZAYO.com",
            f'"{OURS}"; dmarc/1 = pass reason="all is well; dmarc=fail" header.from = zayo.com',
            f"{OURS}; spf=softfail smtp.mailfrom=x@evil.example;\n\tdkim=pass header.i=@mail.zayo.com",
            f"{OURS}; dkim=fail header.d=zayo.com; dkim=pass header.d=Zayo.com header.b=a+/=",
            OURS.upper() + "; dkim=pass header.d=tickets.zayo.com",
        ],
    )
    def test_a_dmarc_pass_or_an_aligned_signature_verifies(self, result):
        assert is_verified(read(mail(result)))

    @pytest.mark.parametrize(
        "result",
        [
            f"{OURS}; none",
            f"{OURS}",
            f"{OURS}; spf=pass smtp.mailfrom=mr@zayo.com",
            f"{OURS}; dmarc=fail header.from=zayo.com",
            f"{OURS}; dmarc=bestguesspass header.from=zayo.com",
            f"{OURS}; dmarc=pass",
            f"{OURS}; dmarc=pass header.from=evil.example",
            f"{OURS}; dmarc=pass header.from=zayo.com.evil.example",
            f"{OURS}; dmarc=pass header.from=zayo.com@evil.example",
            f"{OURS}; dmarc=pass header.from=evilzayo.com",
            f"{OURS}; dkim=pass header.d=evil.example",
            f"{OURS}; dkim=pass header.d=evil.example header.i=@zayo.com",
            f"{OURS}; dkim=pass header.d=zayo.com.evil.example",
            f"{OURS}; dkim=pass header.d=com",
            f"{OURS}; dkim=none header.d=zayo.com",
            f"{OURS}; x-dkim=pass header.d=zayo.com",
            # What the sender wrote, in a string, in a comment, or as a second opinion.
            f'{OURS}; spf=fail smtp.mailfrom="x; dmarc=pass header.from=zayo.com"',
            f"{OURS}; spf=fail (x; dmarc=pass header.from=zayo.com)",
            f"{OURS}; spf=fail (x \\) ; dmarc=pass header.from=zayo.com)",
            f"{OURS}; dmarc=fail header.from=evil.example; dmarc=pass header.from=zayo.com",
            f"{OURS}; dmarc=pass header.from=evil.example; dmarc=pass header.from=zayo.com",
            f"{OURS}; dmarc=pass header.from=evil.example header.from=zayo.com",
            f"{OURS}; spf=fail (x dmarc=pass header.from=zayo.com; dmarc=pass header.from=zayo.com",
            # The name of another server.
            "evil.example; dmarc=pass header.from=zayo.com",
            f"({OURS}) evil.example; dmarc=pass header.from=zayo.com",
            f"evil.example ({OURS}); dmarc=pass header.from=zayo.com",
            f'"{OURS} x"; dmarc=pass header.from=zayo.com',
            f"{OURS} evil.example; dmarc=pass header.from=zayo.com",
            f"evil.{OURS}; dmarc=pass header.from=zayo.com",
            f"{OURS}.evil.example; dmarc=pass header.from=zayo.com",
            "dmarc=pass header.from=zayo.com",
            "",
            f"{OURS}; dmarc=pass header.from=zayo.com; " + "x" * 10_000,
        ],
    )
    def test_nothing_else_does(self, result):
        assert is_refused(read(mail(result)), ZAYO)

    def test_a_mail_without_the_header_is_told_so(self):
        assert is_refused(
            read(mail()), "mr@zayo.com does not prove a DMARC pass or", "it has no Authentication-Results"
        )

    @pytest.mark.parametrize(
        "results",
        [
            (f"{OURS}; dmarc=fail header.from=zayo.com", PASSED),
            (f"{OURS}; none", PASSED),
            ("evil.example; dmarc=pass header.from=zayo.com", PASSED),
            ("relay.example; none", PASSED),
        ],
    )
    def test_only_the_topmost_header_counts(self, results):
        assert is_refused(read(mail(*results)))

    def test_what_stands_below_ours_is_not_asked(self):
        assert is_verified(read(mail(PASSED, f"{OURS}; dmarc=fail header.from=zayo.com")))

    def test_a_header_of_ours_in_the_body_or_in_a_part_proves_nothing(self):
        head, _, body = mail().partition(b"\n\n")
        in_body = head + f"\n\nAuthentication-Results: {PASSED}\n".encode() + body
        in_part = head.replace(b"text/calendar", b'multipart/mixed; boundary="b"')
        in_part += f"\n\n--b\nAuthentication-Results: {PASSED}\nContent-Type: text/calendar\n\n".encode() + body

        assert is_refused(read(in_body))
        assert is_refused(read(in_part))

    def test_a_name_is_ours_in_either_case_and_not_in_signs_that_only_look_so(self):
        passed = "; dmarc=pass header.from=zayo.com"

        assert proof_of((f"MX.kpn.example{passed}",), "mx.KPN.example").dmarc == "zayo.com"
        assert proof_of((f"mx.bücher.example{passed}",), "mx.bücher.example").dmarc == "zayo.com"
        for alike in ("mx.\N{KELVIN SIGN}pn.example", "mx．kpn．example", "mx.kpn.example\N{ZERO WIDTH SPACE}"):
            assert proof_of((f"{alike}{passed}",), "mx.kpn.example").dmarc is None

    def test_a_header_of_another_name_proves_nothing(self):
        for name in ("ARC-Authentication-Results", "X-Authentication-Results", "Authentication-Results-Original"):
            assert is_refused(read(mail(above=(f"{name}: {PASSED}",))))

    def test_a_header_written_into_another_proves_nothing(self):
        assert is_refused(read(mail(above=(f"Subject: a\n Authentication-Results: {PASSED}",))))
        encoded = "=?utf-8?q?a=0AAuthentication-Results=3A_mx=2Eexample=2Enet=3B_dmarc=3Dpass?="
        assert is_refused(read(mail(above=(f"Subject: {encoded}",))))


class TestServers:
    """What the usual servers write, as they write it, with the headers around it."""

    RSPAMD = (
        f'{OURS};\n\tdkim=pass header.d={{signer}} header.s=s1 header.b="Kx/7b+2Q";\n\t'
        f'spf=pass ({OURS}: domain of "bounce+a=b"@mail.zayo.com designates 192.0.2.9 as permitted sender) '
        'smtp.mailfrom="bounce+a=b"@mail.zayo.com;\n\tdmarc={dmarc} (policy=reject) header.from=zayo.com'
    )
    OPENDMARC = f"{OURS}; dmarc={{dmarc}} (p=reject dis=none) header.from=zayo.com"
    OPENDKIM = (
        f"{OURS};\n\tdkim=pass (2048-bit key; unprotected) header.d=zayo.com header.i=@zayo.com header.a=rsa-sha256 "
        "header.s=s1 header.b=f3Jx1QeA;\n\tdkim-atps=neutral"
    )
    GOOGLE = (
        "mx.google.com;\n       dkim=pass header.i=@{signer} header.s=s1 header.b=K7nT1aYz;\n       "
        "dkim=neutral (body hash did not verify) header.i=@relay.example header.s=r header.b=bPq0Zr2x;\n       "
        "spf=pass (google.com: domain of bounce@mail.zayo.com designates 192.0.2.9 as permitted sender) "
        "smtp.mailfrom=bounce@mail.zayo.com;\n       dmarc={dmarc} (p=REJECT sp=REJECT dis=NONE) header.from=zayo.com"
    )
    # On top of it Google writes a seal, with what it found once more; below stands what came with the mail.
    AROUND = (
        "Delivered-To: noc@example.net",
        "Received: by 2002:a05:6402:1d4a:b0:4bd:1111:2222 with SMTP id a; Mon, 08 Feb 2027 03:59:30 -0800 (PST)",
        "ARC-Seal: i=1; a=rsa-sha256; t=1802087970; cv=none; d=google.com; s=arc-20240605; b=AAAA",
        "ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=google.com; s=arc-20240605; h=from; bh=A; b=A",
        f"ARC-Authentication-Results: i=1; {PASSED}",
    )

    @pytest.mark.parametrize(
        ("server", "text"),
        [
            (OURS, RSPAMD.format(signer="mailer.example", dmarc="pass")),
            (OURS, RSPAMD.format(signer="zayo.com", dmarc="none")),
            (OURS, OPENDMARC.format(dmarc="pass")),
            (OURS, OPENDKIM),
            ("mx.google.com", GOOGLE.format(signer="mailer.example", dmarc="pass")),
            ("mx.google.com", GOOGLE.format(signer="mail.zayo.com", dmarc="none")),
        ],
    )
    def test_what_proves_a_sender_is_read(self, server, text):
        assert is_verified(read(mail(text, above=self.AROUND), Terms(authserv_id=server)))

    @pytest.mark.parametrize(
        ("server", "text"),
        [
            (OURS, RSPAMD.format(signer="mailer.example", dmarc="fail")),
            (OURS, RSPAMD.format(signer="evil.example", dmarc="none")),
            (OURS, OPENDMARC.format(dmarc="none")),
            (OURS, OPENDKIM.replace("dkim=pass", "dkim=fail")),
            (OURS, GOOGLE.format(signer="zayo.com", dmarc="pass")),
            ("mx.google.com", GOOGLE.format(signer="evil.example", dmarc="fail")),
            ("google.com", GOOGLE.format(signer="zayo.com", dmarc="pass")),
        ],
    )
    def test_what_does_not_is_not(self, server, text):
        assert is_refused(read(mail(text, above=self.AROUND), Terms(authserv_id=server)))

    def test_of_two_headers_of_one_server_the_upper_counts(self):
        none, signed = self.OPENDMARC.format(dmarc="none"), self.OPENDKIM

        assert is_refused(read(mail(none, signed)))
        assert is_verified(read(mail(signed, none)))


class TestForgedResults:
    """What a sender can write, or have our own server write for it."""

    @pytest.mark.parametrize(
        "result",
        [
            # What stands in the address of the envelope, which the sender chooses.
            f'{OURS}; spf=fail smtp.mailfrom="a; dmarc=pass header.from=zayo.com; b"@evil.example',
            f'{OURS}; spf=fail smtp.mailfrom="a\\"; dmarc=pass header.from=zayo.com; b"@evil.example',
            f"{OURS}; spf=fail (domain of a) dmarc=pass header.from=zayo.com (b@evil.example) smtp.mailfrom=b",
            f"{OURS}; spf=fail (a ((b) dmarc=pass header.from=zayo.com; dmarc=pass header.from=zayo.com) c",
            f"{OURS}; spf=fail smtp.helo=x dmarc=pass header.from=zayo.com",
            # Two results of one method, or one result said in two ways.
            f"{OURS}; dmarc=pass header.from=zayo.com; dmarc=fail header.from=zayo.com",
            f"{OURS}; dmarc=pass header.from=zayo.com; DMARC=none",
            f"{OURS}; dmarc=pass dmarc=fail header.from=zayo.com",
            f"{OURS}; dmarc=fail pass header.from=zayo.com",
            f"{OURS}; dmarc=(pass) fail header.from=zayo.com",
            f"{OURS}; dmarc=passed header.from=zayo.com",
            f"{OURS}; dmarc=pass; header.from=zayo.com",
            f"{OURS}; dmarc=pass (header.from=zayo.com) header.from=evil.example",
            f"{OURS}; dmarc=pass header.from=evil.example (zayo.com)",
            f'{OURS}; dmarc=pass header.from="zayo.com\\@evil.example"',
            f"{OURS}; dmarc=pass header.from=zayo.com/evil.example",
            f"{OURS}; dmarc=pass smtp.from=zayo.com",
            f"{OURS}; compauth=pass reason=100 header.from=zayo.com",
            f"{OURS}; arc=pass header.d=zayo.com; auth=pass smtp.auth=mr@zayo.com; dkim-adsp=pass header.from=zayo.com",
            # A good signature of another; the identity in it is not who signed.
            f"{OURS}; dkim=pass header.i=@zayo.com header.d=evil.example",
            f"{OURS}; dkim=pass header.i=@evil.example header.b=zayo.com",
            f"{OURS}; dkim=pass header.i=zayo.com@evil.example",
            f"{OURS}; dkim=pass header.d=evil.example; dkim=fail header.d=zayo.com",
            f"{OURS}; dkim=pass header.d=zayo.com header.d=evil.example",
            f"{OURS}; dkim=pass (header.d=zayo.com)",
            # Domains that only look alike: a Cyrillic letter, as it is and as it is written in the DNS.
            f"{OURS}; dmarc=pass header.from=z\u0430yo.com",
            f"{OURS}; dmarc=pass header.from=xn--zyo-7cd.com",
            f"{OURS}; dkim=pass header.d=zayo.com\u3002evil.example",
            f"{OURS}; dmarc=pass header.from=.zayo.com",
            # Another server, whatever it looks like.
            f"{OURS}1; dmarc=pass header.from=zayo.com",
            f"{OURS} 1 2; dmarc=pass header.from=zayo.com",
            f"{OURS}\u200b; dmarc=pass header.from=zayo.com",
            f"{OURS}=x; dmarc=pass header.from=zayo.com",
            f"{OURS}., dmarc=pass header.from=zayo.com",
            f"; {OURS}; dmarc=pass header.from=zayo.com",
        ],
    )
    def test_none_proves_anything(self, result):
        assert is_refused(read(mail(result)), ZAYO)

    @pytest.mark.parametrize(
        "result",
        [
            f"{OURS}; dmarc=pass header.from=zayo.com.",
            f"{OURS} 1; dmarc=PASS header.From=Zayo.COM",
            f"{OURS}\n\t;\n\tdmarc\n\t=\n\tpass\n\theader.from=zayo.com",
            f"{OURS}; dkim=pass header.d=zayo.com. header.i=@evil.example",
            f"{OURS} (a (nested \\) one)); dmarc=pass (p=none) header.from=(of)zayo.com",
        ],
    )
    def test_what_is_only_written_otherwise_does(self, result):
        assert is_verified(read(mail(result)))

    def test_one_that_claims_to_be_ours_below_ours_does_not_count(self):
        said = f"{OURS};\n spf=none smtp.mailfrom=evil.example"

        assert is_refused(read(mail(said, PASSED)))
        assert is_refused(read(mail(said, SIGNED, PASSED)))

    def test_nor_does_the_name_that_is_shown_beside_the_address(self):
        for sender in ("mr@zayo.com <x@evil.example>", '"Zayo <mr@zayo.com>" <x@evil.example>'):
            passed = f"{OURS}; dmarc=pass header.from=evil.example"
            assert is_refused(read(mail(passed, sender=sender)), "it names zayo")

    def test_nor_does_a_second_from(self):
        for first, second in ((ZAYO, "x@evil.example"), ("x@evil.example", ZAYO)):
            reading = read(mail(PASSED, sender=f"{first}\nfrom: {second}"))
            assert (reading.reason, reading.updates) == (Reason.UNTRUSTED, ())


class TestMicrosoft365:
    TERMS = Terms(authserv_id=MICROSOFT_365)
    TEXT = (
        "spf=pass (sender IP is 192.0.2.1)\n smtp.mailfrom=zayo.com; dkim=pass (signature was verified)\n "
        "header.d={signer};dmarc={dmarc} action=none\n header.from=zayo.com;compauth=pass reason=100"
    )
    # Until 2021 the recipient's domain stood between the results, as if it were the server's name.
    OLDER = (
        "spf=pass (sender IP is 192.0.2.1)\n smtp.mailfrom=zayo.com; example.onmicrosoft.com; dkim=pass (signature "
        "was\n verified) header.d={signer};example.onmicrosoft.com; dmarc={dmarc}\n action=none header.from=zayo.com;"
        "compauth=pass reason=100"
    )
    # Several signatures, and a policy that was not kept.
    SEVERAL = (
        "spf=softfail (sender IP is 192.0.2.1)\n smtp.mailfrom=em.mailer.example; dkim=pass (signature was\n verified) "
        "header.d={signer};dkim=pass (signature was verified)\n header.d=mailer.example;dmarc={dmarc} "
        "action=oreject\n header.from=zayo.com;compauth=other reason=501"
    )
    # What the tenant of the sender wrote when it sent the mail; it names the recipient's domain, or nobody.
    SENDING = "dkim=none (message not signed)\n header.d=none;dmarc=none action=none header.from=zayo.com;"
    AROUND = (
        "Received: from AM0PR01MB0001.eurprd01.prod.example (2001:db8::1) by AM0PR01MB0002.eurprd01.prod.example with "
        "HTTPS; Mon, 8 Feb 2027 11:59:31 +0000",
        "X-MS-Exchange-Organization-AuthSource: AM0EUR01FT001.example",
        "X-MS-Exchange-Authentication-Results: dmarc=pass header.from=zayo.com",
        "ARC-Authentication-Results: i=1; mx.microsoft.com 1; spf=pass\n smtp.mailfrom=zayo.com; dmarc=pass "
        "action=none header.from=zayo.com; dkim=pass\n header.d=zayo.com; arc=none",
    )

    @pytest.mark.parametrize("text", [TEXT, OLDER, SEVERAL])
    def test_the_header_without_a_name_is_read(self, text):
        for signer, dmarc in (("zayo.com", "pass"), ("zayo.com", "none"), ("mailer.example", "pass")):
            raw = mail(text.format(signer=signer, dmarc=dmarc), self.SENDING, above=self.AROUND)
            assert is_verified(read(raw, self.TERMS))

    @pytest.mark.parametrize("text", [TEXT, OLDER, SEVERAL])
    def test_what_is_only_thought_likely_is_not_proven(self, text):
        for dmarc in ("fail", "none", "bestguesspass", "temperror", "permerror"):
            raw = mail(text.format(signer="evil.example", dmarc=dmarc), PASSED, above=self.AROUND)
            assert is_refused(read(raw, self.TERMS))

    @pytest.mark.parametrize(
        "results",
        [
            (SENDING, TEXT.format(signer="zayo.com", dmarc="pass")),
            # A server that writes its name is not Microsoft's.
            ("evil.example; dmarc=pass header.from=zayo.com",),
            ("evil.example;", TEXT.format(signer="zayo.com", dmarc="pass")),
            (f"noc.example.net; {SENDING}", TEXT.format(signer="zayo.com", dmarc="pass")),
            (PASSED,),
            (),
        ],
    )
    def test_what_it_does_not_say_is_not_proven(self, results):
        assert is_refused(read(mail(*results, above=self.AROUND), self.TERMS))


class TestProvider:
    @pytest.mark.parametrize(
        ("asked", "result", "verified"),
        [
            ("dmarc", PASSED, True),
            ("dmarc", SIGNED, None),
            ("dkim", SIGNED, True),
            ("dkim", PASSED, None),
            ("none", PASSED, True),
            ("none", f"{OURS}; none", False),
            ("none", "evil.example; none", False),
            (None, SIGNED, True),
        ],
    )
    def test_a_provider_proves_what_is_asked_of_it(self, asked, result, verified):
        known = directory([Provider(name="zayo", authentication=asked)])
        reading = read(mail(result), known=known)

        if verified is None:
            assert is_refused(reading)
        else:
            assert is_verified(reading) is verified

    def test_one_carrier_changes_nothing_of_another(self):
        proven = f"{OURS}; dmarc=pass header.from=lumen.com"

        for terms in (ASKED, Terms()):
            reading = read(mail(proven, sender="noc@lumen.com"), terms)
            assert is_refused(reading, "it names zayo", "a mail of lumen", "maintd quarantine assign MESSAGE zayo")

    def test_nor_does_a_stranger(self):
        proven = f"{OURS}; dmarc=pass header.from=evil.example"

        for terms in (ASKED, Terms()):
            assert is_refused(read(mail(proven, sender="noc@evil.example"), terms), "it names zayo")

    def test_a_stranger_cannot_take_anothers_name_by_an_alias_or_a_domain(self):
        for named in ("Telia", "ARELION.com", "noc.arelion.com", "www.teliacarrier.com", "noc@arelion.com"):
            assert is_refused(read(mail(sender="noc@evil.example", named=named), Terms()), "it names arelion")

    def test_a_name_that_is_nobodys_is_the_senders_own_affair(self):
        (update,) = read(mail(sender="noc@harbourfibre.example", named="Harbour Fibre Ltd"), Terms()).updates

        assert update.provider == "harbourfibre.example"

    def test_a_name_of_the_sender_itself_is_right(self):
        for named in ("zayo", "Zayo", "zayo.com", "noc.zayo.com", "Zayo Group, LLC", None):
            assert is_verified(read(mail(PASSED, named=named)))


class TestNewcomers:
    def test_an_unknown_sender_makes_its_provider_by_its_organisational_domain(self):
        for domain in ("harbour.co.uk", "noc.harbour.co.uk", "mx.noc.Harbour.co.uk"):
            (update,) = read(mail(sender=f"noc@{domain}", named="Harbour"), Terms()).updates
            assert update.provider == "harbour.co.uk"

    def test_it_must_prove_itself_where_that_is_asked(self):
        proven = f"{OURS}; dkim=pass header.d=harbourfibre.example"
        raw = mail(proven, sender="noc@mail.harbourfibre.example", named="Harbour")

        assert [update.unverified for update in read(raw).updates] == [False]
        assert is_refused(read(mail(sender="noc@harbourfibre.example", named="Harbour")), "noc@harbourfibre.example")

    @pytest.mark.parametrize("sender", ["noc@gmail.com", "noc@co.uk", "noc@[192.0.2.1]", "noc@localhost", "x@ntt.net"])
    def test_an_address_without_an_organisation_of_its_own_makes_none(self, sender):
        assert read(mail(sender=sender, named="Harbour"), Terms()).reason is Reason.UNKNOWN_PROVIDER

    def test_a_calendar_that_is_not_valid_makes_none(self):
        raw = mail(sender="noc@harbourfibre.example", named="Harbour").replace(b"DTSTART:2027", b"DTSTART:soon")

        assert read(raw, Terms()).reason is Reason.UNKNOWN_PROVIDER

    def test_what_a_colleague_forwards_is_not_the_colleagues(self):
        inner = mail(sender="noc@harbourfibre.example", named="Harbour")

        (update,) = read(attached(inner, sender="jo@example.net"), Terms()).updates
        assert update.provider == "harbourfibre.example"


class TestFrom:
    @pytest.mark.parametrize(
        "sender",
        [
            "mr@zayo.com, x@evil.example",
            "mr@zayo.com\nFrom: x@evil.example",
            "carriers: mr@zayo.com, x@evil.example;",
            "",
            "mr@zayo.com <x@evil.example",
        ],
    )
    def test_a_mail_without_one_sender_is_nobodys(self, sender):
        for terms in (ASKED, Terms()):
            reading = read(mail(PASSED, sender=sender), terms)
            assert (reading.reason, reading.updates) == (Reason.UNTRUSTED, ())

    @pytest.mark.parametrize(
        "sender", ["mr@zayo.com <x@evil.example>", '"mr@zayo.com" <x@evil.example>', "x@evil.example (mr@zayo.com)"]
    )
    def test_the_address_is_not_what_is_shown(self, sender):
        assert is_refused(read(mail(PASSED, sender=sender), Terms()), "it names zayo", "a mail of evil.example")

    def test_only_a_person_who_names_the_provider_lets_it_in(self):
        raw = mail(PASSED, sender="mr@zayo.com, x@evil.example")

        assert read(raw, Terms(decision=Decision(released=True))).reason is Reason.UNTRUSTED
        assert not is_verified(read(raw, Terms(decision=Decision(provider="zayo"))))
        assert is_refused(read(raw, Terms(authserv_id=OURS, decision=Decision(provider="zayo"))))
        named = Decision(provider="zayo", released=True)
        assert not is_verified(read(raw, Terms(authserv_id=OURS, decision=named)))


class TestForwards:
    COLLEAGUE = "jo@example.net"
    PROVEN = f"{OURS}; dmarc=pass header.from=example.net"

    def terms(self, *forwarders: str, asked: bool = True) -> Terms:
        return Terms(authserv_id=OURS if asked else None, trusted_forwarders=forwarders)

    @pytest.mark.parametrize("trusted", ["jo@example.net", "@example.net", "Jo@Example.net"])
    def test_a_trusted_forwarder_who_proves_to_be_one_verifies(self, trusted):
        raw = attached(mail(), self.PROVEN, sender=self.COLLEAGUE)

        assert is_verified(read(raw, self.terms("list@example.org", trusted)))
        assert not is_verified(read(raw, self.terms(trusted, asked=False)))

    @pytest.mark.parametrize("results", [(), (f"{OURS}; dmarc=fail header.from=example.net",), (PASSED,)])
    def test_one_who_does_not_is_refused(self, results):
        raw = attached(mail(PASSED), *results, sender=self.COLLEAGUE)

        assert is_refused(read(raw, self.terms(self.COLLEAGUE)), "the trusted forwarder jo@example.net does not prove")

    @pytest.mark.parametrize("sender", ["x@evil.example", "jo@sub.example.net", "xjo@example.net", "jo@example.net.x"])
    def test_a_stranger_forwards_nothing(self, sender):
        proven = f"{OURS}; dmarc=pass header.from={sender.rpartition('@')[2]}"

        for terms in (self.terms(self.COLLEAGUE), self.terms(self.COLLEAGUE, asked=False), self.terms(), ASKED):
            raw = attached(mail(PASSED), proven, sender=sender)
            assert is_refused(read(raw, terms), f"forwarded by {sender}", "trusted_forwarders")

    def test_a_forward_in_the_running_text_is_held_to_the_same(self):
        raw = (OWN / "zayo/forwarded_inline.eml").read_bytes()
        received = datetime(2027, 2, 17, 8, tzinfo=UTC)
        taken = read_message(raw, received_at=received, directory=directory(), terms=Terms())
        refused = read_message(raw, received_at=received, directory=directory(), terms=self.terms())

        assert taken.updates
        assert is_refused(refused, "forwarded by jo.novak@example.net")

    def test_a_calendar_that_a_trusted_forwarder_attaches_is_that_of_the_provider_it_names(self):
        raw = mail(self.PROVEN, sender=self.COLLEAGUE)

        assert is_verified(read(raw, self.terms(self.COLLEAGUE)))
        assert is_refused(read(raw, self.terms("list@example.org")))

    def test_a_trusted_forwarder_is_no_provider(self):
        raw = mail(self.PROVEN, sender=self.COLLEAGUE, named="Harbour Fibre")

        assert read(raw, self.terms(self.COLLEAGUE)).reason is Reason.UNKNOWN_PROVIDER

    def test_what_a_carrier_attaches_of_its_own_is_its_own(self):
        assert is_verified(read(attached(mail(), PASSED, sender="noc@zayo.com")))
        assert is_refused(read(attached(mail(PASSED), sender="noc@zayo.com")))


class TestDecisions:
    def test_what_is_released_is_taken_and_unverified(self):
        assert not is_verified(read(mail(), Terms(authserv_id=OURS, decision=Decision(released=True))))

    def test_what_is_released_is_what_it_says_that_it_is(self):
        for sender in ("noc@lumen.com", "noc@evil.example"):
            assert not is_verified(read(mail(sender=sender), Terms(decision=Decision(released=True))))

    def test_a_provider_that_a_person_names_counts_before_the_one_that_stands_in_it(self):
        (update,) = read(mail(), Terms(decision=Decision(provider="lumen"))).updates

        assert update.provider == "lumen"

    def test_what_a_person_accepts_is_applied_as_it_was_read(self):
        raw = mail().replace(b"DTSTART:2027", b"DTSTART:2025")

        assert read(raw, Terms()).reason is Reason.INVALID
        accepted = read(raw, Terms(decision=Decision(accepted=True)))
        assert not is_verified(accepted)
        assert "more than 400 days before" in " ".join(accepted.warnings)

    def test_a_forced_reader_reads_in_no_other_form(self):
        reading = read(mail(), Terms(decision=Decision(reader="lumen")))

        assert [trial.reader for trial in reading.trials] == ["lumen"]
        assert reading.updates == ()
        assert is_verified(read(mail(PASSED), Terms(authserv_id=OURS, decision=Decision(reader="maintd/bcop"))))

    def test_a_reader_that_does_not_exist_is_told_so(self):
        assert "nobody reads the form nonsense" in read(mail(), Terms(decision=Decision(reader="nonsense"))).detail


class TestSharedAddresses:
    SHARED = ("noc@shared.example",)
    KNOWN = directory(
        [
            Provider(name="zayo", senders=SHARED),
            Provider(name="lumen", senders=SHARED),
            Provider(name="ebb", senders=SHARED, readers=("zayo",)),
        ]
    )
    PAIR = directory([Provider(name="zayo", senders=SHARED), Provider(name="lumen", senders=SHARED)])

    def notice(self, name: str) -> bytes:
        raw = (OWN / f"{name}.eml").read_bytes()
        head, _, body = raw.partition(b"\n\n")
        lines = [b"From: noc@shared.example" if line.startswith(b"From:") else line for line in head.split(b"\n")]
        return b"\n".join(lines) + b"\n\n" + body

    @pytest.mark.parametrize(("name", "provider"), [("zayo/cancelled", "zayo"), ("lumen/scheduled", "lumen")])
    def test_they_are_told_apart_by_their_forms(self, name, provider):
        raw = self.notice(name)
        reading = read_message(raw, received_at=read_envelope(raw).date or RECEIVED, directory=self.PAIR)

        assert {update.provider for update in reading.updates} == {provider}
        assert {trial.provider for trial in reading.trials} == {"zayo", "lumen"}

    def test_a_calendar_names_the_one(self):
        assert not is_verified(read(mail(sender=self.SHARED[0]), Terms(), self.KNOWN))

    def test_what_each_may_have_written_is_ambiguous(self):
        reading = read(mail(sender=self.SHARED[0], named=None), Terms(), self.PAIR)

        assert (reading.reason, reading.updates) == (Reason.AMBIGUOUS, ())
        assert "zayo by the reader bcop: TTN-1; lumen by the reader bcop: TTN-1" in reading.detail

    def test_a_person_who_names_the_provider_solves_it(self):
        raw = mail(sender=self.SHARED[0], named=None)
        (update,) = read(raw, Terms(decision=Decision(provider="lumen")), self.PAIR).updates

        assert update.provider == "lumen"

    def test_a_person_who_names_the_reader_solves_it_where_one_alone_writes_so(self):
        raw = self.notice("zayo/cancelled")
        accepted = Decision(accepted=True)

        assert read(raw, Terms(), self.KNOWN).reason is Reason.AMBIGUOUS
        assert {update.provider for update in read(raw, Terms(decision=accepted), self.KNOWN).updates} == {"zayo"}


@pytest.mark.parametrize(
    ("domain", "organisation"),
    [
        ("zayo.com", "zayo.com"),
        ("mx.noc.zayo.com", "zayo.com"),
        ("noc.harbour.co.uk", "harbour.co.uk"),
        ("a.b.harbourfibre.example", "harbourfibre.example"),
        ("co.uk", None),
        ("com", None),
        ("[192.0.2.1]", None),
        ("192.0.2.1", None),
        ("", None),
        (".", None),
    ],
)
def test_an_organisation_has_one_domain(domain, organisation):
    assert organisation_of(domain) == organisation


def test_a_provider_is_meant_by_its_name_its_aliases_and_its_domains():
    known = directory()
    arelion = known.get("arelion")

    for stated in ("Arelion", " telia ", "arelion.com", "noc.arelion.com"):
        assert claimed(stated, known) == (arelion,)
    for stated in ("", "Arelion Sweden AB", "the.best provider", "nobody.example", "com"):
        assert claimed(stated, known) == ()


def test_a_proof_is_told_in_words_without_what_the_sender_wrote():
    proof = proof_of((f"{OURS}; spf=fail smtp.mailfrom=x@evil.example; dmarc=fail header.from=zayo.com",), OURS)

    assert (proof.dmarc, proof.dkim) == (None, ())
    assert proof.words == "Authentication-Results says spf=fail, dmarc=fail"
