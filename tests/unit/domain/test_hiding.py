"""What stands in place of a secret, in whatever form a server repeats it."""

import base64
import html
import json
from urllib.parse import quote, urlencode

import pytest

from domain.hiding import hide

SECRET = 'p&"ss w\\rd/ü+<1234>'
FORMS = {
    "itself": SECRET,
    "json": json.dumps({"password": SECRET}),
    "json in utf-8": json.dumps({"password": SECRET}, ensure_ascii=False),
    "html": f"<p>{html.escape(SECRET)}</p>",
    "form": urlencode({"client_secret": SECRET}),
    "query": quote(SECRET),
    "one line": " ".join(SECRET.split()),
    **{
        f"base64 after {length}": base64.b64encode(b"u" * length + b"\0" + SECRET.encode() + b"\1\1").decode()
        for length in range(3)
    },
    "base64 alone": base64.b64encode(SECRET.encode()).decode(),
    "base64 of urls": base64.urlsafe_b64encode(b"\xff\xff" + SECRET.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_a_secret_stays(form: str) -> None:
    text = hide(f"NO: {FORMS[form]} is wrong", [SECRET])

    assert text.startswith("NO: ")
    assert "***" in text
    assert text.endswith(" is wrong")
    # Of the octets at its ends a part may stay, of those between them nothing.
    whole = base64.b64encode(SECRET.encode()).decode().rstrip("=")
    assert not any(piece in text for piece in (SECRET, SECRET[4:12], whole[4:16], "w%5C", "w\\\\rd"))


def test_other_words_stay() -> None:
    assert hide("NO: wrong password", [SECRET, "", "abc"]) == "NO: wrong password"


def test_what_begins_with_another_secret_is_hidden_as_a_whole() -> None:
    assert hide("token-of-alice-and-bob", ["token-of-alice", "token-of-alice-and-bob"]) == "***"


def test_a_short_secret_hides_no_base64_that_holds_it_by_chance() -> None:
    assert hide("AGFiYw== ab", ["ab"]) == "AGFiYw== ***"
