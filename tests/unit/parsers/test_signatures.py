"""What signatures prove, and that nothing passes that was changed, added, or signed in a way that is not believed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.message import Decision, Disposition, Reading, Reason, Terms
from parsers.authenticity import organisation_of
from parsers.keys import Signed
from parsers.providers import Provider, directory
from parsers.reading import read_message
from parsers.signatures import Signers, sealing, signers
from tests.signing import USUAL_FIELDS, WEAK_KEY, WEAK_PEM, Signer, sealed, signed

RECEIVED = datetime(2027, 2, 8, 12, tzinfo=UTC)
ZAYO = Signer(domain="zayo.com")
OTHER = Signer(domain="evil.example")
GOOGLE = Signer(domain="google.com", selector="arc-20240605")
LISTS = Signer(domain="lists.example.net")
ASKED = Terms(verify_dkim=True)
SEALED = Terms(trusted_arc_sealers=("google.com",))
PASSED = "mx.google.com; dkim=pass header.i=@zayo.com header.s=s1; dmarc=pass (p=REJECT) header.from=zayo.com"

CALENDAR = """BEGIN:VCALENDAR
BEGIN:VEVENT
UID:1
DTSTAMP:20270208T120000Z
DTSTART:20270223T210000Z
DTEND:20270224T030000Z
X-MAINTNOTE-PROVIDER:zayo
X-MAINTNOTE-MAINTENANCE-ID:TTN-1
X-MAINTNOTE-OBJECT-ID:RING-7
X-MAINTNOTE-STATUS:CANCELLED
END:VEVENT
END:VCALENDAR
"""


def notice(*further: str, sender: str = "mr@zayo.com", body: str = CALENDAR) -> bytes:
    headers = (
        f"From: Zayo <{sender}>",
        "To: noc@example.net",
        "Subject: Maintenance  TTN-1",
        "Date: Mon, 08 Feb 2027 11:59:00 +0000",
        "Message-ID: <1@x.example>",
        "Content-Type: text/calendar",
        *further,
    )
    return ("\n".join(headers) + "\n\n" + body).replace("\n", "\r\n").encode()


def read(raw: bytes, *holders: Signer, terms: Terms = ASKED, keys: dict[str, str | None] | None = None) -> Reading:
    known = {name: key for holder in holders for name, key in holder.keys.items()} | (keys or {})
    asked = Terms(**{field: getattr(terms, field) for field in ASKS} | {"keys": known})
    return read_message(raw, received_at=RECEIVED, directory=directory(), terms=asked)


ASKS = ("authserv_id", "trusted_forwarders", "verify_dkim", "trusted_arc_sealers", "decision")


def is_verified(reading: Reading) -> bool:
    (update,) = reading.updates
    assert (reading.disposition, update.provider, reading.wanted) == (Disposition.APPLIED, "zayo", ())
    return not update.unverified


def is_refused(reading: Reading, *words: str) -> bool:
    assert (reading.disposition, reading.reason, reading.updates) == (Disposition.QUARANTINED, Reason.UNTRUSTED, ())
    assert [word for word in words if word not in reading.detail] == [], reading.detail
    return True


def found(raw: bytes, *holders: Signer, at: datetime = RECEIVED, domain: str = "zayo.com") -> Signers:
    known = {name: key for holder in holders for name, key in holder.keys.items()}
    return signers(Signed(raw=raw, received_at=at, keys=known), domain, lambda one: organisation_of(one) == domain)


def lines(raw: bytes) -> list[bytes]:
    """Return the lines of a mail, but for empty ones at its end, wherever they end."""
    return raw.replace(b"\r", b"").rstrip(b"\n").split(b"\n")


class TestGoodSignatures:
    @pytest.mark.parametrize("kind", ["rsa", "ed25519"])
    @pytest.mark.parametrize(
        "canonical", ["simple/simple", "relaxed/relaxed", "simple/relaxed", "relaxed/simple", "relaxed", "simple"]
    )
    def test_one_of_the_provider_verifies_however_lines_end(self, kind, canonical):
        signer = Signer(domain="zayo.com", kind=kind)
        raw = signed(notice(), signer, canonical=canonical)

        assert is_verified(read(raw, signer))
        assert is_verified(read(raw.replace(b"\r\n", b"\n"), signer))

    def test_the_example_of_the_standard_verifies(self):
        # Source: RFC 8463 A.2 and A.3.
        raw = """DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""
        keys = {
            "brisbane._domainkey.football.example.com": (
                "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
            ),
            "test._domainkey.football.example.com": (
                "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bd"
                "OKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G"
                "+2kryOTIKT+l/K4w3QIDAQAB"
            ),
        }
        mail = Signed(raw=raw.encode(), received_at=RECEIVED, keys=keys)

        assert signers(mail, "example.com", lambda one: True).domains == ("football.example.com",) * 2

    def test_one_of_several_is_enough(self):
        both = signed(signed(notice(), ZAYO), OTHER)
        broken = b"DKIM-Signature: v=1; a=rsa-sha256; d=zayo.com; s=s1; h=from; bh=AAAA; b=AAAA\r\n"

        assert is_verified(read(both, ZAYO, OTHER))
        assert is_verified(read(broken + signed(notice(), ZAYO), ZAYO))
        assert is_verified(read(b"DKIM-Signature: nonsense\r\n" + both, ZAYO))

    def test_one_of_a_part_of_the_providers_domain_verifies(self):
        part = Signer(domain="mail.zayo.com", bits=2048)

        assert is_verified(read(signed(notice(), part), part))
        assert is_verified(read(signed(notice(), part, d="Mail.ZAYO.com"), part))
        assert is_verified(read(signed(notice(sender="mr@noc.zayo.com"), part), part))

    def test_headers_written_on_the_way_do_not_disturb_it(self):
        raw = b"Received: from a by b; Mon, 08 Feb 2027 12:00:00 +0000\r\n" + signed(notice("X-Spam: no"), ZAYO)

        assert is_verified(read(b"Authentication-Results: mx.example.net; dmarc=fail\r\n" + raw, ZAYO))

    def test_it_makes_up_for_what_our_own_server_does_not_say(self):
        both = Terms(authserv_id="mx.example.net", verify_dkim=True)
        said = b"Authentication-Results: mx.example.net; dmarc=none header.from=zayo.com\r\n"

        assert is_verified(read(said + signed(notice(), ZAYO), ZAYO, terms=both))
        assert is_refused(read(said + notice(), ZAYO, terms=both), "dmarc=none", "no DKIM signature of zayo.com")


class TestSignaturesThatAreNotBelieved:
    @pytest.mark.parametrize(
        ("made", "words"),
        [
            ({"l": "40"}, "covers only the beginning of the body"),
            ({"l": "999999"}, "covers only the beginning of the body"),
            ({"x": str(int(RECEIVED.timestamp()) - 1)}, "had expired when the mail came"),
            ({"x": "never"}, "states a time that is none"),
            ({"t": str(int(RECEIVED.timestamp()) + 7200)}, "was made after the mail came"),
            ({"algorithm": "rsa-sha1"}, "no longer believed"),
            ({"v": "2"}, "not written as one"),
            ({"q": "dns/other"}, "not written as one"),
            ({"i": "@evil.example"}, "not written as one"),
            ({"fields": ("to", "subject", "date")}, "does not cover every From header"),
            ({"fields": ("from", "date")}, "does not cover every Subject header"),
            ({"fields": ("from", "subject")}, "does not cover every Date header"),
        ],
    )
    def test_those_made_so(self, made, words):
        assert is_refused(read(signed(notice(), ZAYO, **made), ZAYO), "the DKIM signature of zayo.com", words)

    @pytest.mark.parametrize(
        ("key", "words"),
        [
            ("", "no key in the DNS"),
            ("v=DKIM1; k=rsa; p=", "revoked"),
            ("v=DKIM1; k=rsa", "revoked"),
            (ZAYO.keys[ZAYO.name] + "; t=y", "only being tried"),
            (ZAYO.keys[ZAYO.name] + "; t=s:y", "only being tried"),
            (ZAYO.keys[ZAYO.name] + "; h=sha1", "of another kind"),
            (ZAYO.keys[ZAYO.name].replace("k=rsa", "k=ed25519"), "of another kind"),
            (ZAYO.keys[ZAYO.name] + "; s=tlsrpt", "does not fit"),
            (ZAYO.keys[ZAYO.name].replace("DKIM1", "DKIM2"), "does not fit"),
            (ZAYO.keys[ZAYO.name] + "; p=AAAA", "cannot be read"),
            ("v=DKIM1; k=rsa; p=AAAA", "cannot be read"),
            ("v=DKIM1; k=rsa; p=BQA=", "cannot be read"),
            ("v=DKIM1; k=rsa; p=not base64 at all", "cannot be read"),
            ("nonsense", "cannot be read"),
            ("v=DKIM1; p=" + "A" * 5000, "too long"),
            (OTHER.keys[OTHER.name], "does not fit"),
        ],
    )
    def test_those_by_such_a_key(self, key, words):
        assert is_refused(read(signed(notice(), ZAYO), keys={ZAYO.name: key}), words)

    def test_those_by_a_key_of_fewer_than_1024_bits(self):
        raw = signed(notice(), ZAYO, private=WEAK_PEM)

        assert is_refused(read(raw, keys={ZAYO.name: WEAK_KEY}), "less than 1024 bits")

    def test_a_key_for_the_domain_alone_does_not_speak_for_a_part_of_it(self):
        strict = {ZAYO.name: ZAYO.keys[ZAYO.name] + "; t=s"}

        assert is_verified(read(signed(notice(), ZAYO, i="mr@zayo.com"), keys=strict))
        assert is_refused(read(signed(notice(), ZAYO, i="mr@noc.zayo.com"), keys=strict), "part of the domain")

    def test_those_of_somebody_else(self):
        raw = signed(notice(), OTHER)
        for domain in ("evil.example", "com", "zayo.com.evil.example", "evilzayo.com", "xn--zyo-8cd.com"):
            other = Signer(domain=domain)
            assert is_refused(read(signed(notice(), other), other), "no DKIM signature of zayo.com")
        assert is_refused(read(signed(raw, OTHER, i="mr@zayo.com"), OTHER))

    def test_those_of_another_carrier_for_its_own_mail(self):
        lumen = Signer(domain="lumen.com")
        raw = signed(notice(sender="noc@lumen.com"), lumen)

        assert is_refused(read(raw, lumen), "it names zayo")

    def test_those_of_a_mail_inside_of_another(self):
        inner = signed(notice(), ZAYO)
        head = b"From: x@evil.example\r\nDate: Mon, 08 Feb 2027 11:59:30 +0000\r\nContent-Type: message/rfc822\r\n\r\n"
        forwarding = Terms(verify_dkim=True, trusted_forwarders=("@evil.example",))

        assert is_refused(read(head + inner, ZAYO), "trusted_forwarders")
        assert is_refused(read(head + inner, ZAYO, terms=forwarding), "the trusted forwarder x@evil.example")
        with_its_own = signed(head + inner, OTHER, fields=("from", "date", "subject"))
        assert is_verified(read(with_its_own, OTHER, terms=forwarding))

    def test_not_where_dmarc_is_asked_of_the_provider(self):
        known = directory([Provider(name="zayo", authentication="dmarc")])
        terms = Terms(verify_dkim=True, keys=dict(ZAYO.keys))

        reading = read_message(signed(notice(), ZAYO), received_at=RECEIVED, directory=known, terms=terms)

        assert is_refused(reading, "does not prove a DMARC pass")

    def test_expiry_is_judged_by_when_the_mail_came(self):
        came = datetime(2020, 2, 8, 12, tzinfo=UTC)
        raw = signed(notice(), ZAYO, x=str(int(came.timestamp())))

        assert found(raw, ZAYO, at=came).domains == ("zayo.com",)
        assert found(raw, ZAYO, at=came + timedelta(seconds=1)).domains == ()


class TestKeys:
    def test_those_that_are_not_known_are_wanted_and_only_they(self):
        raw = signed(signed(notice(), ZAYO), OTHER)

        reading = read(raw)

        assert reading.wanted == ("s1._domainkey.zayo.com",)
        assert is_refused(reading, "the DNS was not asked for")

    def test_none_is_wanted_where_nothing_depends_on_it(self):
        raw = signed(notice(), ZAYO)
        proven = b"Authentication-Results: mx.example.net; dmarc=pass header.from=zayo.com\r\n" + raw

        assert read(raw, terms=Terms()).wanted == ()
        assert read(raw, terms=Terms(authserv_id="mx.example.net")).wanted == ()
        assert read(proven, terms=Terms(authserv_id="mx.example.net", verify_dkim=True)).wanted == ()
        assert read(signed(notice(sender="mr@evil.example"), OTHER)).wanted == ()
        assert read(signed(notice(), ZAYO, l="5")).wanted == ()
        assert read(signed(notice(body="Happy new year!\n"), ZAYO)).wanted == ()
        said = Terms(verify_dkim=True, decision=Decision(provider="zayo"))
        assert is_refused(read(signed(notice(sender="mr@evil.example"), OTHER), terms=said), "that it is of zayo")
        assert read(signed(notice(sender="mr@evil.example"), OTHER), terms=said).wanted == ()

    def test_that_the_dns_did_not_answer_is_told(self):
        reading = read(signed(notice(), ZAYO), keys={ZAYO.name: None})

        assert is_refused(reading, "the DNS did not answer", "s1._domainkey.zayo.com")
        assert reading.wanted == ()

    @pytest.mark.parametrize("name", ["", "..", "a b", "x\n", "s1/..", "é", "a" * 64, ".".join(["a" * 60] * 5)])
    def test_names_that_are_none_are_not_asked_for(self, name):
        for tags in ({"s": name}, {"d": name}):
            assert read(signed(notice(), ZAYO, **tags)).wanted == ()

    def test_a_mail_full_of_signatures_asks_for_few(self):
        raw = notice()
        for number in range(20):
            raw = (
                b"DKIM-Signature: v=1; a=rsa-sha256; d=zayo.com; s=k%d; h=from:subject:date; bh=AA==; b=AA==\r\n"
                % (number)
                + raw
            )

        assert len(read(raw).wanted) == 5


class TestForgeries:
    RAW = signed(notice(), ZAYO, canonical="simple/simple")
    START = RAW.index(b"From: ")

    def test_as_it_is_it_is_good(self):
        assert found(self.RAW, ZAYO).domains == ("zayo.com",)

    @given(position=st.integers(0, len(RAW) - START - 8), octet=st.integers(0, 255))
    def test_no_octet_of_what_is_signed_can_be_changed(self, position, octet):
        at = self.START + position
        changed = self.RAW[:at] + bytes([octet]) + self.RAW[at + 1 :]

        assert changed == self.RAW or found(changed, ZAYO).domains == ()

    @given(position=st.integers(0, len(RAW) - START - 8), length=st.integers(1, 40))
    def test_nothing_of_it_can_be_left_out(self, position, length):
        at = self.START + position
        changed = self.RAW[:at] + self.RAW[at + length :]

        assert found(changed, ZAYO).domains == () or lines(changed) == lines(self.RAW)

    @given(
        target=st.sampled_from(["From: Zayo <mr@zayo.com>", "Maintenance", "08 Feb 2027", "CANCELLED", "20270223"]),
        text=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30),
    )
    def test_nor_can_other_words_stand_in_it_however_it_is_written(self, target, text):
        for canonical in ("simple/simple", "relaxed/relaxed"):
            raw = signed(notice(), ZAYO, canonical=canonical)
            changed = raw.replace(target.encode(), text.encode())
            assert found(changed, ZAYO).domains == ()

    @pytest.mark.parametrize("name", ["From", "Subject", "Date", "SUBJECT", "Content-Type", "Message-ID"])
    @pytest.mark.parametrize("above", [True, False])
    def test_no_header_can_be_added_that_would_be_read_instead(self, name, above):
        line = f"{name}: x@evil.example\r\n".encode()
        changed = line + self.RAW if above else self.RAW.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n", 1)

        assert found(changed, ZAYO).domains == ()

    @pytest.mark.parametrize(
        "line",
        [
            b"Subject : other\r\n",
            b"nonsense\r\n",
            b"X: a\rSubject: other\r\n",
            b" folded\r\n",
            b"\xff: x\r\n",
            b"From x\r\n",
        ],
    )
    def test_headers_that_could_be_read_in_two_ways_prove_nothing(self, line):
        assert found(line + self.RAW, ZAYO).domains == ()

    def test_a_content_type_that_is_not_signed_may_stand_there_once(self):
        fields = [field for field in USUAL_FIELDS if field != "content-type"]
        raw = signed(notice(), ZAYO, fields=fields)

        assert found(raw, ZAYO).domains == ("zayo.com",)
        assert found(b"Content-Type: text/html\r\n" + raw, ZAYO).domains == ()

    def test_signatures_of_one_mail_do_not_fit_another(self):
        head = self.RAW[: self.START]

        assert found(head + notice(body=CALENDAR.replace("TTN-1", "TTN-2")), ZAYO).domains == ()

    @given(st.binary(max_size=300))
    def test_whatever_stands_in_a_signature_it_is_no_more_than_not_good(self, value):
        assert found(b"DKIM-Signature: " + value.replace(b"\n", b"") + b"\r\n" + notice(), ZAYO).domains == ()

    @given(st.text(max_size=200))
    def test_whatever_the_dns_says_it_is_no_more_than_no_key(self, key):
        mail = Signed(raw=self.RAW, received_at=RECEIVED, keys={ZAYO.name: key})
        assert signers(mail, "zayo.com", lambda one: True).domains == ()

    @pytest.mark.parametrize(
        "body", [" " * 3_000_000 + "x", "\n" * 1_000_000 + "x", " \n" * 500_000, "\t \r" * 500_000], ids=len
    )
    def test_a_body_of_white_space_takes_no_more_time_than_another(self, body):
        raw = signed(notice(body="x\n"), ZAYO).replace(b"\r\n\r\nx\r\n", b"\r\n\r\n" + body.encode())

        assert found(raw, ZAYO).domains == ()

    def test_nor_do_headers_of_many_lines(self):
        raw = b"X: a\n" + b" \n" * 120_000 + signed(notice(), ZAYO)

        assert found(raw, ZAYO).domains == ("zayo.com",)

    def test_nor_does_a_signature_of_white_space(self):
        raw = b"DKIM-Signature: v=1; d=zayo.com; b=" + b"\r\n " * 2500 + b"!\r\n" + notice()

        assert found(raw, ZAYO).domains == ()


class TestSeals:
    ONCE = sealed(notice(), GOOGLE, PASSED)
    TWICE = sealed(
        sealed(notice(), LISTS, "lists.example.net; dmarc=fail header.from=zayo.com"), GOOGLE, PASSED, number=2
    )

    def test_what_a_trusted_sealer_found_counts(self):
        assert is_verified(read(self.ONCE, GOOGLE, terms=SEALED))
        assert is_verified(read(self.ONCE.replace(b"\r\n", b"\n"), GOOGLE, terms=SEALED))
        assert is_verified(read(self.TWICE, GOOGLE, LISTS, terms=SEALED))

    def test_a_good_signature_counts_as_well_as_a_dmarc_pass(self):
        raw = sealed(notice(), GOOGLE, "mx.google.com; dkim=pass header.i=@mail.zayo.com; dmarc=none")

        assert is_verified(read(raw, GOOGLE, terms=SEALED))

    @pytest.mark.parametrize(
        "results",
        [
            "mx.google.com; dmarc=fail header.from=zayo.com",
            "mx.google.com; dmarc=pass header.from=evil.example",
            "mx.google.com; dkim=pass header.i=@evil.example",
            "mx.google.com; spf=pass smtp.mailfrom=zayo.com; arc=pass",
            "mx.google.com; arc=none (dmarc=pass header.from=zayo.com)",
            "dmarc=pass header.from=zayo.com",
            "",
        ],
    )
    def test_what_it_did_not_find_does_not(self, results):
        assert is_refused(read(sealed(notice(), GOOGLE, results), GOOGLE, terms=SEALED), "sealed by google.com")

    def test_the_word_of_others_does_not_count(self):
        for raw in (sealed(notice(), OTHER, PASSED), sealed(self.ONCE, OTHER, PASSED, number=2)):
            reading = read(raw, GOOGLE, OTHER, terms=SEALED)
            assert is_refused(reading, "sealed by evil.example", "trusted_arc_sealers")

    def test_who_only_says_that_they_are_a_sealer_is_found_out(self):
        for forger in (Signer(domain="google.com", selector="x"), Signer(domain="google.com", selector="y")):
            raw = sealed(notice(), forger, PASSED)
            assert is_refused(read(raw, keys={forger.name: GOOGLE.keys[GOOGLE.name]}, terms=SEALED), "does not fit")
            assert is_refused(read(raw, keys={forger.name: ""}, terms=SEALED), "no key in the DNS")
            assert is_refused(read(raw, keys={forger.name: None}, terms=SEALED), "the DNS did not answer")

    def test_a_signature_of_another_under_the_seal_does_not_count(self):
        own = sealed(notice(), OTHER, PASSED)
        seal = self.ONCE[: self.ONCE.index(b"ARC-Message-Signature")]
        below = own[own.index(b"ARC-Message-Signature") :]

        assert is_refused(read(seal + below, GOOGLE, OTHER, terms=SEALED), "sealed by")

    def test_a_chain_below_that_does_not_hold_proves_nothing(self):
        forged = sealed(notice(), LISTS, "lists.example.net; dmarc=pass header.from=zayo.com")
        forged = forged.replace(b"i=1; lists.example.net; dmarc=pass", b"i=1; lists.example.net; dmarc=fail")
        raw = sealed(forged, GOOGLE, PASSED, number=2)

        assert is_refused(read(raw, GOOGLE, LISTS, terms=SEALED), "a chain that does not hold")

    @pytest.mark.parametrize(("number", "cv"), [(1, "pass"), (1, "fail"), (2, "none"), (2, "fail")])
    def test_a_seal_that_says_that_the_chain_is_broken_proves_nothing(self, number, cv):
        raw = notice() if number == 1 else sealed(notice(), LISTS, PASSED)

        reading = read(sealed(raw, GOOGLE, PASSED, number=number, cv=cv), GOOGLE, LISTS, terms=SEALED)

        assert is_refused(reading, f"the seal {number}", "broken")

    @pytest.mark.parametrize(
        ("number", "words"), [(0, "its number"), (2, "a chain"), (3, "a chain"), (51, "a chain"), (100, "its number")]
    )
    def test_gaps_and_numbers_that_are_none_prove_nothing(self, number, words):
        raw = sealed(notice(), GOOGLE, PASSED, number=number, cv="pass")

        assert is_refused(read(raw, GOOGLE, terms=SEALED), words)
        assert number == 2 or is_refused(read(sealed(self.ONCE, GOOGLE, PASSED, number=number), GOOGLE, terms=SEALED))

    def test_half_a_set_or_one_twice_proves_nothing(self):
        lines = self.ONCE.split(b"\r\nARC-")
        for raw in (self.ONCE[self.ONCE.index(b"ARC-M") :], b"\r\nARC-".join((*lines[:2], *lines[1:]))):
            assert is_refused(read(raw, GOOGLE, terms=SEALED), "not a chain")
        assert is_refused(read(notice(), GOOGLE, terms=SEALED), "no ARC headers")

    def test_more_than_fifty_sets_prove_nothing(self):
        line = b"ARC-%b: i=%d; d=google.com; s=a; cv=pass\r\n"
        kinds = (b"Seal", b"Message-Signature", b"Authentication-Results")
        raw = b"".join(line % (kind, number) for number in range(1, 52) for kind in kinds) + notice()

        assert is_refused(read(raw, GOOGLE, terms=SEALED), "not a chain")

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (b"Maintenance", b"Cancellation"),
            (b"From: Zayo <mr@", b"From: Zayo <xx@"),
            (b"08 Feb", b"09 Feb"),
            (b"CANCELLED", b"CONFIRMED"),
            (b"header.from=zayo.com", b"header.from=zayo.com "),
            (b"dkim=pass", b"dkim=pass;dkim=fail"),
        ],
    )
    def test_nothing_can_be_changed_after_it_was_sealed(self, before, after):
        assert before in self.TWICE
        changed = self.TWICE.replace(before, after)
        mail = Signed(raw=changed, received_at=RECEIVED, keys={**GOOGLE.keys, **LISTS.keys})
        sealing_found = sealing(mail, ["google.com"])

        assert sealing_found.results is None or after.endswith(b" ")

    def test_nothing_can_be_added_that_would_be_read_instead(self):
        for line in (b"Subject: other\r\n", b"Date: Tue, 09 Feb 2027 11:59:00 +0000\r\n", b"From: mr@zayo.com\r\n"):
            assert read(line + self.ONCE, GOOGLE, terms=SEALED).reason is Reason.UNTRUSTED

    def test_a_seal_that_covers_too_little_proves_nothing(self):
        raw = sealed(notice(), GOOGLE, PASSED, fields=("from", "date"))

        assert is_refused(read(raw, GOOGLE, terms=SEALED), "does not cover every Subject header")
        assert is_refused(read(sealed(notice(), GOOGLE, PASSED, l="20"), GOOGLE, terms=SEALED), "beginning of the body")

    def test_keys_are_asked_for_from_the_newest_seal_down(self):
        assert read(self.TWICE, terms=SEALED).wanted == (GOOGLE.name,)
        assert read(self.TWICE, GOOGLE, terms=SEALED).wanted == (LISTS.name,)
        assert read(self.TWICE, LISTS, terms=Terms(trusted_arc_sealers=("example.net",))).wanted == ()
        assert read(sealed(self.ONCE, OTHER, PASSED, number=2), terms=SEALED).wanted == ()

    def test_a_forward_by_a_trusted_forwarder_counts_by_its_seal(self):
        list_mail = notice(sender="list@example.org")
        said = "mx.google.com; dmarc=pass header.from=example.org"
        terms = Terms(trusted_arc_sealers=("google.com",), trusted_forwarders=("list@example.org",))

        assert is_verified(read(sealed(list_mail, GOOGLE, said), GOOGLE, terms=terms))
        assert is_refused(read(sealed(list_mail, GOOGLE, PASSED), GOOGLE, terms=terms), "the trusted forwarder")
