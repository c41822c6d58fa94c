"""Mails signed and sealed as their senders and forwarders do it, and what the DNS then says of the keys."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dkim.canonicalization import CanonicalizationPolicy
from dkim.crypto import HASH_ALGORITHMS, parse_pem_private_key
from nacl.encoding import Base64Encoder
from nacl.signing import SigningKey

# Of 512 bits, which nobody makes any more, and so no library.
WEAK_PEM = b"""-----BEGIN RSA PRIVATE KEY-----
MIIBPAIBAAJBAMKP6tVLcHgCDpKvVTNE4Q4HF/dy1yNwLLhfDJdm6UHtI29D9BPa
LWJMFBb2SSOBX++Y9Cgh46iSb530iDjo40MCAwEAAQJAEDBDXN37DLE3HzNhhnOL
ukwSzW8LwZIa1nhqJsrUS7zXVVDlkLWasNtx+Cx5kGp77lsr0DoTjNqTGywsSfcQ
yQIhAOc1rLRJGWyYOsEfmBQiQR3n0l2d/6AYvbtPD6fDRxEvAiEA12xUTxFyVVqQ
IpUKd3CDI/31htc5s2RaOPG9I2Yfgi0CIQDaVS5MZQcULEC3ZB1ZTeuN0P8vFmdx
CEwKmCMhed8fUwIhAJtJYbTldK+GauQi37qdhksJpFWhC9z+9/KYf6jm0su5AiEA
0IEytn2l/5eDtXZ6Rt+HeKitXLL0OjdNQ6KHQOccmTA=
-----END RSA PRIVATE KEY-----
"""
WEAK_KEY = (
    "v=DKIM1; k=rsa; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMKP6tVLcHgCDpKvVTNE4Q4HF/dy1y"
    "NwLLhfDJdm6UHtI29D9BPaLWJMFBb2SSOBX++Y9Cgh46iSb530iDjo40MCAwEAAQ=="
)

USUAL_FIELDS = ("from", "to", "subject", "date", "message-id", "mime-version", "content-type")


@dataclass(frozen=True, kw_only=True)
class Signer:
    """A domain that signs, by one key under one selector."""

    domain: str
    selector: str = "s1"
    kind: str = "rsa"
    bits: int = 1024

    @property
    def private(self) -> bytes:
        """Return the private key as dkimpy takes it."""
        return _pair(self)[0]

    @property
    def name(self) -> str:
        """Return where in the DNS the key is."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def keys(self) -> dict[str, str]:
        """Return what the DNS says."""
        return {self.name: _pair(self)[1]}


@cache
def _pair(signer: Signer) -> tuple[bytes, str]:
    if signer.kind == "ed25519":
        key = SigningKey.generate()
        public = key.verify_key.encode(Base64Encoder).decode()
        return key.encode(Base64Encoder), f"v=DKIM1; k=ed25519; p={public}"
    private = rsa.generate_private_key(public_exponent=65537, key_size=signer.bits)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    der = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem, f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


def signed(
    raw: bytes,
    signer: Signer,
    *,
    fields: Sequence[str] = USUAL_FIELDS,
    canonical: str = "relaxed/relaxed",
    algorithm: str = "",
    private: bytes | None = None,
    **tags: str,
) -> bytes:
    """Return a mail with a DKIM signature on top. ``tags`` are its further ones, or others than the usual."""
    calculation = dkim.DKIM(raw)
    made_by = (algorithm or ("ed25519-sha256" if signer.kind == "ed25519" else "rsa-sha256")).encode()
    policy = CanonicalizationPolicy.from_c_value(canonical.encode())
    stated = {"v": "1", "a": made_by.decode(), "c": canonical, "d": signer.domain, "s": signer.selector, **tags}
    body = policy.canonicalize_body(calculation.body)
    if "l" in tags:
        body = body[: int(tags["l"])]
    stated |= {"h": " : ".join(fields), "bh": _digest(made_by, body)}
    key = private or signer.private
    value = _signature(calculation, "DKIM-Signature", stated, fields, policy, made_by, key)
    return b"DKIM-Signature: " + value + raw


def sealed(
    raw: bytes,
    signer: Signer,
    results: str,
    *,
    number: int = 1,
    cv: str | None = None,
    fields: Sequence[str] = USUAL_FIELDS,
    **tags: str,
) -> bytes:
    """Return a mail with one more ARC set on top, in which its sealer states these results."""
    policy = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
    common = {"a": "rsa-sha256", "d": signer.domain, "s": signer.selector}
    calculation = dkim.ARC(raw)
    authentication = f" i={number}; {results}\r\n".encode()
    body = policy.canonicalize_body(calculation.body)
    stated = {"i": str(number), **common, "c": "relaxed/relaxed", **tags, "h": ":".join(fields)}
    stated["bh"] = _digest(b"rsa-sha256", body)
    message = b" " + _signature(
        calculation, "ARC-Message-Signature", stated, fields, policy, b"rsa-sha256", signer.private
    )
    raw = b"ARC-Message-Signature:" + message + b"ARC-Authentication-Results:" + authentication + raw
    calculation = dkim.ARC(raw)
    _, headers = calculation.sorted_arc_headers()
    calculation.headers = [field for _, field in headers]
    names = [name.decode() for name, _ in reversed(calculation.headers)]
    stated = {"i": str(number), "cv": cv or ("none" if number == 1 else "pass"), **common}
    seal = _signature(calculation, "ARC-Seal", stated, names, policy, b"rsa-sha256", signer.private)
    return b"ARC-Seal: " + seal + raw


def _digest(algorithm: bytes, content: bytes) -> str:
    return base64.b64encode(HASH_ALGORITHMS[algorithm](content).digest()).decode()


def _signature(
    calculation: dkim.DKIM | dkim.ARC,
    name: str,
    tags: dict[str, str],
    fields: Sequence[str],
    policy: CanonicalizationPolicy,
    algorithm: bytes,
    private: bytes,
) -> bytes:
    """Return the value of a header field with its signature."""
    calculation.signature_algorithm = algorithm
    calculation.hasher = HASH_ALGORITHMS[algorithm]
    is_rsa = algorithm.startswith(b"rsa")
    key = parse_pem_private_key(private) if is_rsa else SigningKey(private, encoder=Base64Encoder)
    pairs = [(tag.encode(), value.encode()) for tag, value in tags.items()] + [(b"b", b"0" * 60)]
    return bytes(
        calculation.gen_header(pairs, [field.lower().encode() for field in fields], policy, name.encode(), key)
    )
