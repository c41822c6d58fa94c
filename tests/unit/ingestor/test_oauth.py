"""Where access tokens come from: what an issuer is asked, how long a token is used, and what each failure means."""

import fcntl
import json
import logging
import socket
import stat
import threading
import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from domain.errors import TokenError
from ingestor import config
from ingestor import issuer as issuers
from ingestor.config import OAuth2Table
from ingestor.oauth import Renewal, TokenSource, token_source
from ingestor.sockets import Lifeline
from tests.servers.issuer import TENANT, Said, good, login, refusal, running_issuer, signed

SECRET = "s3cr3t of the client/+&="
REFRESH = "r3fr3sh-token-of-the-settings"
USER = "noc@example.net"
WHERE = 'config.toml: mailbox "noc": oauth2'


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = datetime.now(UTC)

    def __call__(self):
        return self.now

    def move(self, **by):
        self.now += timedelta(**by)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def issuer(tmp_path):
    with running_issuer(tmp_path) as server:
        server.says = [good(USER)]
        yield server


@pytest.fixture(scope="module")
def tls_issuer(tmp_path_factory):
    with running_issuer(tmp_path_factory.mktemp("issuer"), tls=True) as server:
        yield server


@pytest.fixture
def microsoft(tls_issuer):
    tls_issuer.says = [good(USER)]
    tls_issuer.asked.clear()
    return tls_issuer


@pytest.fixture(scope="module")
def google_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def other(server, clock, **changes):
    usual = {"issuer": "other", "token_endpoint": f"{server.url}/token", "client_id": "app:1", "client_secret": SECRET}
    table = OAuth2Table(**{key: value for key, value in (usual | changes).items() if value is not None})
    return TokenSource(table, username=USER, where=WHERE, clock=clock)


def of_microsoft(server, clock, **changes):
    usual = {
        "issuer": "microsoft",
        "tenant": TENANT,
        "client_id": "app",
        "authority": server.url,
        "ca_file": server.ca,
    }
    return TokenSource(OAuth2Table(**usual | changes), username=USER, where=WHERE, clock=clock)


def of_app(server, clock, **changes):
    return of_microsoft(server, clock, **{"client_secret": SECRET} | changes)


def of_person(server, clock, path):
    return of_microsoft(server, clock, grant="device-code", token_file=str(path))


def failure_of(source):
    with pytest.raises(TokenError) as caught:
        source.token(Lifeline())
    text = str(caught.value)
    assert "\n" not in text
    assert not any(secret in text for secret in (SECRET, REFRESH))
    return caught.value


# What is asked.


def test_a_client_shows_its_credentials_in_the_header(issuer, clock):
    token = other(issuer, clock, scope="imap").token(Lifeline())

    [asked] = issuer.asked
    assert asked.form == {"grant_type": "client_credentials", "scope": "imap"}
    # Source: RFC 6749 2.3.1, both are encoded as in a form first.
    assert asked.headers["Authorization"].startswith("Basic YXBwJTNBMTpzM2NyM3Qrb2YrdGhlK2NsaWVudCUyRiUyQiUyNiUzRA==")
    assert token.value == issuer.says[0].body["access_token"]


def test_a_client_may_show_its_credentials_in_the_body(issuer, clock):
    other(issuer, clock, client_secret_in="body").token(Lifeline())

    [asked] = issuer.asked
    assert asked.form == {"grant_type": "client_credentials", "client_id": "app:1", "client_secret": SECRET}
    assert "Authorization" not in asked.headers


def test_a_client_without_a_secret_names_itself(issuer, clock):
    other(issuer, clock, client_secret=None, grant="refresh-token", refresh_token=REFRESH).token(Lifeline())

    assert issuer.forms == [{"grant_type": "refresh_token", "refresh_token": REFRESH, "client_id": "app:1"}]


def test_a_service_account_signs_for_the_user_of_the_mailbox(issuer, clock, google_key, tmp_path):
    pem = google_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {"client_email": "maintd@project.example", "private_key": pem, "private_key_id": "7"}
    path = tmp_path / "account.json"
    path.write_text(json.dumps({**account, "token_uri": f"{issuer.url}/token"}, indent=2))
    path.chmod(0o600)
    table = OAuth2Table(issuer="google", service_account={"file": str(path)})

    TokenSource(table, username=USER, where=WHERE, clock=clock).token(Lifeline())

    [form] = issuer.forms
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(
        form["assertion"], google_key.public_key(), algorithms=["RS256"], audience=f"{issuer.url}/token"
    )
    now = int(clock.now.timestamp())
    assert claims == {
        "iss": "maintd@project.example",
        "sub": USER,
        "scope": "https://mail.google.com/",
        "aud": f"{issuer.url}/token",
        "iat": now,
        "exp": now + 3600,
    }
    assert jwt.get_unverified_header(form["assertion"])["kid"] == "7"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no json", "it is no JSON key of a service account"),
        ('{"type": "authorized_user"}', "it is no JSON key of a service account"),
        ('{"client_email": "x", "private_key": "pl4nted", "token_uri": "https://x"}', "its private_key cannot be read"),
    ],
)
def test_a_key_that_is_none_is_named_and_not_shown(clock, text, why):
    table = OAuth2Table(issuer="google", service_account=text)

    error = failure_of(TokenSource(table, username=USER, where=WHERE, clock=clock))

    assert error.permanent
    assert str(error) == f"{WHERE}: service_account: {why}; download another key of it"


def test_an_application_of_microsoft_asks_for_imap(microsoft, clock):
    token = of_app(microsoft, clock).token(Lifeline())

    [form] = microsoft.forms
    assert (form["grant_type"], form["client_id"], form["client_secret"]) == ("client_credentials", "app", SECRET)
    assert form["scope"] == "https://outlook.office365.com/.default"
    assert [asked.path for asked in microsoft.asked] == [
        f"/{TENANT}/v2.0/.well-known/openid-configuration",
        f"/{TENANT}/oauth2/v2.0/token",
    ]
    assert token.claims["roles"] == ["IMAP.AccessAsApp"]


def test_the_environment_sends_no_request_elsewhere(microsoft, clock, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:1")
    monkeypatch.setenv("MSAL_FORCE_REGION", "westeurope")

    of_app(microsoft, clock).token(Lifeline())

    assert len(microsoft.forms) == 1


# How long a token is used.


def test_a_token_is_used_until_shortly_before_its_end(issuer, clock):
    source = other(issuer, clock)
    source.token(Lifeline())
    clock.move(minutes=54)
    source.token(Lifeline())
    assert len(issuer.asked) == 1

    clock.move(minutes=2)
    source.token(Lifeline())

    assert len(issuer.asked) == 2


@pytest.mark.parametrize(
    ("stated", "used", "renewed"), [("3600", 3200, 3400), (60, 40, 50), (-5, 0, 0), (0, 0, 0), ([], 200, 300)]
)
def test_a_life_that_is_short_or_oddly_stated_is_respected(issuer, clock, stated, used, renewed):
    issuer.says = [Said(body={"access_token": "opaque", "expires_in": stated})]
    source = other(issuer, clock)
    start = clock.now
    source.token(Lifeline())

    clock.now = start + timedelta(seconds=used)
    source.token(Lifeline())
    asked_while_good = len(issuer.asked)
    clock.now = start + timedelta(seconds=renewed)
    source.token(Lifeline())

    assert (asked_while_good, len(issuer.asked)) == ((1, 2) if renewed else (2, 3))


def test_a_token_that_states_no_life_is_used_as_long_as_it_says_itself(issuer, clock):
    issuer.says = [Said(body={"access_token": signed(USER, seconds=7200)})]
    source = other(issuer, clock)

    assert abs((source.token(Lifeline()).ends_at - clock.now).total_seconds() - 7200) < 60


def test_a_refused_token_is_replaced_once_for_all_who_were_refused_with_it(issuer, clock):
    issuer.says = [Said(body={"access_token": name, "expires_in": 3600}) for name in ("first", "second", "third")]
    source = other(issuer, clock)
    refused = source.token(Lifeline())

    renewed = [source.renewed(refused, Lifeline()).value for _ in range(3)]

    assert renewed == ["second"] * 3
    assert source.token(Lifeline()).value == "second"


def test_microsoft_is_asked_for_a_fresh_token_when_one_was_refused(microsoft, clock):
    source = of_app(microsoft, clock)
    refused = source.token(Lifeline())
    microsoft.says = [Said(body={"access_token": "fresh", "expires_in": 3600, "token_type": "Bearer"})]

    assert source.renewed(refused, Lifeline()).value == "fresh"


def test_a_token_is_renewed_ahead_and_used_meanwhile(issuer, clock):
    source = other(issuer, clock)
    source.renew_ahead(Lifeline())
    assert issuer.forms == []
    first = source.token(Lifeline())
    clock.move(minutes=49)
    source.renew_ahead(Lifeline())
    assert len(issuer.forms) == 1

    clock.move(minutes=2)
    issuer.says = [Said(silent=True)]
    ahead = Lifeline()

    def fail_to_renew():
        with pytest.raises(TokenError):
            source.renew_ahead(ahead)

    thread = threading.Thread(target=fail_to_renew)
    thread.start()
    while len(issuer.forms) < 2:
        time.sleep(0.01)

    assert source.token(Lifeline()) is first
    ahead.cut("no longer wanted")
    thread.join()

    issuer.says = [good(USER, access_token=signed(USER, number=2))]
    source.renew_ahead(Lifeline())
    assert source.token(Lifeline()).value == issuer.says[0].body["access_token"]
    assert len(issuer.forms) == 3


def test_the_tokens_of_all_mailboxes_are_renewed_ahead_whichever_fails(issuer, tmp_path):
    lines = [
        f'[[mailbox]]\nname = "{name}"\nhost = "localhost"\nusername = "{USER}"\n[mailbox.oauth2]\nissuer = "other"\n'
        f'client_id = "{name}"\nclient_secret = "x"\ntoken_endpoint = "{issuer.url}/token"\n'
        for name in ("one", "two", "never-used")
    ]
    path = tmp_path / "config.toml"
    path.write_text("".join([*lines, '[[mailbox]]\nname = "p"\nhost = "h"\nusername = "u"\npassword = "p"\n']))
    settings = config.load(path)
    issuer.says = [good(USER, expires_in=60)]
    for table in settings.mailboxes[:2]:
        token_source(table.oauth2, table.username, config.where(settings, table, "oauth2")).token(Lifeline())
    issuer.says = [refusal("invalid_client"), good(USER, expires_in=60)]

    renewal = Renewal(settings)
    for _ in range(3):
        renewal.renew()

    # The two that were used, and those alone.
    assert len(issuer.asked) == 2 + 3 * 2
    issuer.says = [Said(silent=True)]
    thread = threading.Thread(target=renewal.renew)
    thread.start()
    while len(issuer.asked) < 9:
        time.sleep(0.01)
    renewal.stop()
    thread.join()
    renewal.renew()
    assert len(issuer.asked) == 9


def test_threads_that_want_a_token_at_once_ask_once(issuer, clock):
    source, got = other(issuer, clock), []
    threads = [threading.Thread(target=lambda: got.append(source.token(Lifeline()).value)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(got) == 8
    assert len(set(got)) == 1
    assert len(issuer.asked) == 1


def test_a_new_secret_is_used_without_a_restart(issuer, clock, tmp_path):
    path = tmp_path / "secret"
    path.write_text("first\n")
    path.chmod(0o600)
    issuer.says = [Said(body={"access_token": "x", "expires_in": 0})]
    source = other(issuer, clock, client_secret={"file": str(path)}, client_secret_in="body")
    source.token(Lifeline())
    path.write_text("second\n")
    source.token(Lifeline())

    assert [form["client_secret"] for form in issuer.forms] == ["first", "second"]


def test_a_secret_that_cannot_be_had_is_named(issuer, clock, tmp_path):
    error = failure_of(other(issuer, clock, client_secret={"file": str(tmp_path / "gone")}))

    assert error.permanent
    assert str(error).startswith(f'{WHERE}: client_secret: the file "{tmp_path}/gone" cannot be read: No such file')
    assert issuer.asked == []


# Refresh tokens that are replaced, and logins of people.


@pytest.mark.parametrize("kept", [True, False])
def test_a_refresh_token_that_was_replaced_is_not_used_again(issuer, clock, tmp_path, kept):
    issuer.says = [
        Said(body={"access_token": "a", "expires_in": 0, "refresh_token": "second"}),
        Said(body={"access_token": "b", "expires_in": 0}),
    ]
    path = tmp_path / "token.json"
    options = {"grant": "refresh-token", "refresh_token": REFRESH, "token_file": str(path) if kept else None}
    source = other(issuer, clock, **options)

    source.token(Lifeline())
    (other(issuer, clock, **options) if kept else source).token(Lifeline())

    assert [form["refresh_token"] for form in issuer.forms] == [REFRESH, "second"]
    assert path.exists() == kept
    if kept:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert REFRESH not in path.read_text()


def test_a_refresh_token_that_was_replaced_is_not_told_where_an_issuer_repeats_it(issuer, clock):
    issuer.says = [
        Said(body={"access_token": "a", "expires_in": 0, "refresh_token": "the-second-token"}),
        refusal("invalid_grant", "the-second-token is revoked"),
    ]
    source = other(issuer, clock, grant="refresh-token", refresh_token=REFRESH)
    source.token(Lifeline())

    assert "invalid_grant: *** is revoked; what was granted has expired" in str(failure_of(source))


def test_what_goes_through_microsofts_library_is_not_told_where_microsoft_repeats_it(microsoft, clock, tmp_path):
    microsoft.says = [good(USER, **login(USER, "app", "r3fresh-of-a-person"))]
    source = of_person(microsoft, clock, tmp_path / "token.json")
    source.log_in(lambda code: None)
    microsoft.says = [Said(repeats=True)]

    text = str(failure_of(source))

    assert "you sent " in text
    assert "r3fresh" not in text
    with pytest.raises(TokenError, match="you sent ") as caught:
        source.log_in(lambda code: None)
    assert "device-code-of-the-test" not in str(caught.value)


def test_a_refresh_token_that_a_person_sets_anew_comes_before_the_kept_one(issuer, clock, tmp_path):
    issuer.says = [Said(body={"access_token": "a", "expires_in": 0, "refresh_token": "rotated"})]
    options = {"grant": "refresh-token", "token_file": str(tmp_path / "token.json")}
    other(issuer, clock, refresh_token=REFRESH, **options).token(Lifeline())

    other(issuer, clock, refresh_token="another", **options).token(Lifeline())

    assert [form["refresh_token"] for form in issuer.forms] == [REFRESH, "another"]


def test_a_token_file_that_cannot_be_written_is_told_before_a_refresh_token_is_used(issuer, clock, tmp_path):
    path = tmp_path / "gone" / "token.json"
    error = failure_of(other(issuer, clock, grant="refresh-token", refresh_token=REFRESH, token_file=str(path)))

    assert error.permanent
    assert (
        str(error) == f'token_file "{path}" cannot be used: No such file or directory; see to the file and its folder'
    )
    assert issuer.asked == []


def test_a_token_file_that_others_can_read_is_refused(issuer, clock, tmp_path):
    path = tmp_path / "token.json"
    path.write_text("{}")
    path.chmod(0o640)
    error = failure_of(other(issuer, clock, grant="refresh-token", refresh_token=REFRESH, token_file=str(path)))

    assert str(error) == f'the file "{path}" can be read by others than its owner; run chmod 600 {path}'
    assert issuer.asked == []


def test_another_program_that_uses_the_token_file_is_waited_for_until_the_end(issuer, clock, tmp_path):
    path, lifeline = tmp_path / "token.json", Lifeline()
    source = other(issuer, clock, grant="refresh-token", refresh_token=REFRESH, token_file=str(path))
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cutter = threading.Timer(0.1, lifeline.cut, ["closed on request"])
        cutter.start()
        with pytest.raises(TokenError, match="another maintd holds") as caught:
            source.token(lifeline)

    assert not caught.value.permanent
    assert issuer.asked == []
    assert source.token(Lifeline()).value


def test_a_person_logs_in_once_and_the_login_lasts(microsoft, clock, tmp_path):
    path = tmp_path / "token.json"
    microsoft.says = [
        refusal("authorization_pending"),
        good(USER, **login(USER, "app", "first-refresh")),
        good(USER, **login(USER, "app", "second-refresh")),
        good(USER, **login(USER, "app", "third-refresh")),
    ]
    told = []

    who = of_person(microsoft, clock, path).log_in(told.append)

    assert who == USER
    [code] = told
    assert (code.address, code.code) == (f"{microsoft.url}/device", "ABCD-EFGH")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # Another process, twice: each has the refresh token that the last one was given.
    for _ in range(2):
        source = of_person(microsoft, clock, path)
        assert source.describe(source.token(Lifeline()))[0]
    assert [form.get("refresh_token") for form in microsoft.forms] == [None, None, "first-refresh", "second-refresh"]
    asked_for = next(asked.form["scope"] for asked in microsoft.asked if asked.path.endswith("/devicecode"))
    assert {"https://outlook.office.com/IMAP.AccessAsUser.All", "offline_access"} <= set(asked_for.split())


def test_a_mailbox_for_which_nobody_has_logged_in_says_so(microsoft, clock, tmp_path):
    error = failure_of(of_person(microsoft, clock, tmp_path / "token.json"))

    assert error.permanent
    assert "nobody has logged in" in str(error)
    assert "run `maintd mailbox login`" in str(error)
    assert microsoft.asked == []


@pytest.mark.parametrize("text", ["[]", "{", '{"Account": 5}', '{"RefreshToken": {"x": {}}}', "{}"])
def test_a_token_file_that_is_damaged_is_an_error_of_one_line(microsoft, clock, tmp_path, text):
    path = tmp_path / "token.json"
    path.write_text(text)
    path.chmod(0o600)

    failure_of(of_person(microsoft, clock, path))


def test_a_code_that_nobody_entered_is_told(microsoft, clock, tmp_path):
    microsoft.says = [refusal("expired_token", "AADSTS70019: Verification code expired.")]

    with pytest.raises(TokenError, match="the code was not entered in time"):
        of_person(microsoft, clock, tmp_path / "token.json").log_in(lambda _: None)
    assert not (tmp_path / "token.json").exists()


def test_nobody_logs_in_for_an_application(issuer, clock):
    with pytest.raises(TokenError, match='needs nobody to log in: grant is "client-credentials"'):
        other(issuer, clock).log_in(print)


# What failures mean.


@pytest.mark.parametrize(
    ("said", "permanent", "words"),
    [
        (refusal("invalid_client", status=401), True, "check client_id and client_secret"),
        (refusal("invalid_grant", "Token has been expired or revoked."), True, "get another refresh token"),
        (refusal("unauthorized_client"), True, "allow this application the grant"),
        (refusal("invalid_scope"), True, "check scope"),
        (refusal("unsupported_grant_type"), True, "check grant and token_endpoint"),
        (refusal("something_new", "odd"), True, "something_new: odd; see what it says"),
        (
            refusal("unauthorized_client", "Client is unauthorized to retrieve access tokens using this method"),
            True,
            "Domain-wide delegation",
        ),
        (refusal("invalid_grant", "Invalid email or User ID"), True, "username must be the address of a user"),
        (refusal("invalid_grant", "Invalid JWT: Token must be a short-lived token"), True, "the clock of this machine"),
        (refusal("invalid_grant", "Invalid JWT Signature."), True, "make another key"),
        (refusal("temporarily_unavailable"), False, "tried again later"),
        (refusal("server_error", status=500), False, "answers HTTP 500: server_error; tried again later"),
        (Said(status=503, body=b"<html>"), False, "answers HTTP 503; tried again later"),
        (Said(status=429, body=b""), False, "answers HTTP 429; tried again later"),
        (Said(status=404, body=b"<html>"), True, "answers HTTP 404; is this the address of a token endpoint?"),
        (Said(status=302, body=b"", headers={"Location": "/elsewhere"}), True, "HTTP 302; is this the address"),
        (Said(body=b"<html>a portal</html>"), False, "not to be understood: it is no JSON"),
        (Said(body=[]), False, "not to be understood: it is no JSON"),
        (Said(body={}), False, "not to be understood: it holds no access token"),
        (Said(body={"access_token": 5}), False, "it holds no access token"),
        (Said(body={"access_token": "a\r\nb"}), False, "it holds no access token"),
        (Said(body={"access_token": "a", "token_type": "mac"}), False, "its token is none of the type Bearer"),
        (Said(body={"access_token": "a", "expires_in": "soon"}), None, ""),
    ],
)
def test_what_an_issuer_says_is_told_with_what_to_do(issuer, clock, said, permanent, words):
    issuer.says = [said]
    source = other(issuer, clock)
    if permanent is None:
        assert source.token(Lifeline()).value == "a"
        return

    error = failure_of(source)

    assert error.permanent == permanent
    assert "localhost" in str(error)
    assert words in str(error)


@pytest.mark.parametrize(
    ("error", "description", "permanent", "words"),
    [
        ("invalid_client", "AADSTS7000222: The provided client secret keys are expired.", True, "has expired: make"),
        ("invalid_client", "AADSTS7000215: Invalid client secret provided.", True, "and not its ID"),
        ("unauthorized_client", "AADSTS700016: Application was not found.", True, "not known in this tenant"),
        ("invalid_grant", "AADSTS65001: The user or administrator has not consented.", True, "consent is missing"),
        ("invalid_resource", "AADSTS500011: The resource principal was not found.", True, "scope must be"),
        ("invalid_grant", "AADSTS50173: The grant has expired.", True, "run `maintd mailbox login` again"),
        ("interaction_required", "AADSTS50076: You must use multi-factor.", True, "run `maintd mailbox login` again"),
        ("access_denied", "AADSTS53003: Blocked by Conditional Access.", True, "conditional access policy"),
        ("temporarily_unavailable", "AADSTS90033: A transient error has occurred.", False, "tried again later"),
        ("invalid_request", "AADSTS90006: External server retryable error.", False, "tried again later"),
    ],
)
def test_what_microsoft_says_is_told_with_what_to_do(microsoft, clock, error, description, permanent, words):
    said = f"{description} Trace ID: 5c-1 Correlation ID: 6d-2 Timestamp: 2027-01-01 00:00:00Z"
    microsoft.says = [refusal(error, said)]

    failure = failure_of(of_app(microsoft, clock))

    assert failure.permanent == permanent
    assert f"localhost gives no token: {error}: {description}" in str(failure)
    assert words in str(failure)
    # The same refusal is the same text each time.
    assert "Trace ID" not in str(failure)


def test_a_tenant_that_does_not_exist_is_named(microsoft, clock, monkeypatch):
    said = {"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant 'x' not found. Trace ID: 1"}
    monkeypatch.setattr(microsoft, "answer", lambda asked: Said(status=400, body=said))

    error = failure_of(of_app(microsoft, clock))

    assert error.permanent
    assert "there is no such tenant" in str(error)


@pytest.mark.parametrize("about", [{}, {"token_endpoint": "https://localhost/x"}, {"token_endpoint": 5}])
def test_a_document_of_an_authority_that_lacks_what_is_needed_is_an_error_of_one_line(
    microsoft, clock, monkeypatch, about
):
    monkeypatch.setattr(microsoft, "answer", lambda asked: Said(body=about))

    assert "not to be understood" in str(failure_of(of_app(microsoft, clock)))


@pytest.mark.parametrize("said", [Said(status=500, body=b"x"), Said(body=b"no json"), Said(status=503, body={})])
def test_a_failure_of_microsofts_server_is_temporary(microsoft, clock, said):
    microsoft.says = [said]

    assert not failure_of(of_app(microsoft, clock)).permanent


def test_an_issuer_that_is_down_is_tried_again(issuer, clock):
    issuer.stop()

    error = failure_of(other(issuer, clock))

    assert not error.permanent
    assert "connection refused; tried again later" in str(error)


def test_an_issuer_whose_name_is_not_found_is_tried_again(clock, monkeypatch):
    def not_found(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", not_found)
    table = OAuth2Table(
        issuer="other", token_endpoint="https://login.invalid/token", client_id="app", client_secret=SECRET
    )

    error = failure_of(TokenSource(table, username=USER, where=WHERE, clock=clock))

    assert not error.permanent
    assert "check the address of the issuer and the resolver of this machine" in str(error)


def test_an_issuer_that_speaks_no_tls_is_tried_again(microsoft, issuer, clock):
    error = failure_of(of_app(microsoft, clock, authority=issuer.url.replace("http", "https")))

    assert not error.permanent
    assert "answered the TLS handshake in plain text; tried again later" in str(error)


def test_an_issuer_without_a_trusted_certificate_is_not_asked(microsoft, clock):
    error = failure_of(of_app(microsoft, clock, ca_file=None))

    assert error.permanent
    assert "the certificate of localhost is not trusted" in str(error)
    assert "set ca_file" in str(error)
    assert microsoft.asked == []


def test_a_ca_file_that_is_missing_is_named(microsoft, clock, tmp_path):
    error = failure_of(of_app(microsoft, clock, ca_file=str(tmp_path / "no.pem")))

    assert (error.permanent, str(error)) == (
        True,
        f"ca_file {tmp_path}/no.pem cannot be used: No such file or directory; expected a readable file with "
        "certificates in PEM form",
    )


@pytest.mark.parametrize("said", [Said(silent=True), Said(drips=True)])
def test_an_issuer_that_is_silent_or_drips_is_left(issuer, clock, monkeypatch, said):
    monkeypatch.setattr(issuers, "ANSWER_SECONDS", 0.3)
    issuer.says = [said]

    error = failure_of(other(issuer, clock))

    assert not error.permanent
    assert "is too slow: not done after 0.3 s; tried again later" in str(error)


def test_a_request_ends_when_its_lifeline_is_cut_and_nobody_else_is_told_of_it(issuer, clock):
    issuer.says = [Said(silent=True), good(USER)]
    lifeline, source, asked, got = Lifeline(), other(issuer, clock), threading.Event(), []
    answer = issuer.answer

    def telling(request):
        asked.set()
        return answer(request)

    issuer.answer = telling

    def ask(line):
        try:
            got.append(source.token(line).value)
        except TokenError as error:
            got.append(str(error))

    first = threading.Thread(target=ask, args=[lifeline])
    first.start()
    assert asked.wait(30)
    second = threading.Thread(target=ask, args=[Lifeline()])
    second.start()
    # The second waits for the first by now; if it does not, it asks later, and learns as little of it.
    second.join(0.1)
    lifeline.cut("closed on request")
    first.join(30)
    second.join(30)

    assert "closed on request" in got[0]
    assert got[1] == source.token(Lifeline()).value


def test_secrets_are_sent_with_encryption_only(clock):
    # As the key of a service account may name any address.
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {"client_email": "x", "private_key": pem, "token_uri": "http://login.example.net/token"}
    table = OAuth2Table(issuer="google", service_account=json.dumps(account))

    error = failure_of(TokenSource(table, username=USER, where=WHERE, clock=clock))

    assert "http://login.example.net/token is not https" in str(error)


def test_threads_that_wait_for_an_issuer_in_vain_are_told_at_once(issuer, clock):
    issuer.says = [Said(status=503, body={})]
    source, began, caught = other(issuer, clock), threading.Barrier(8), []
    answer = issuer.answer

    def slow(asked):
        threading.Event().wait(0.3)
        return answer(asked)

    issuer.answer = slow

    def ask():
        began.wait(30)
        try:
            source.token(Lifeline())
        except TokenError as error:
            caught.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(caught) == 8
    assert len(issuer.asked) == 1
    with pytest.raises(TokenError):
        source.token(Lifeline())
    assert len(issuer.asked) == 2


# What a token says.


@pytest.mark.parametrize(
    ("claims", "good_for_imap", "words"),
    [
        ({"roles": ["IMAP.AccessAsApp", "POP.AccessAsApp"]}, True, "with IMAP.AccessAsApp, POP.AccessAsApp"),
        ({"roles": ["Mail.Read"], "aud": "https://graph.microsoft.com"}, False, "it has Mail.Read, for https://graph"),
        ({"aud": "https://outlook.office365.com"}, False, "it lacks IMAP.AccessAsApp (it has no rights"),
        ({"roles": 5, "scp": None}, False, "it lacks IMAP.AccessAsApp"),
    ],
)
def test_a_token_of_microsoft_says_which_rights_it_has(microsoft, clock, claims, good_for_imap, words):
    microsoft.says = [Said(body={"access_token": signed(USER, **claims), "expires_in": 3600, "token_type": "Bearer"})]
    source = of_app(microsoft, clock)
    token = source.token(Lifeline())

    found, text = source.describe(token)

    assert found == good_for_imap
    assert text.startswith("token of localhost (client-credentials), good until ")
    assert "(60 minutes)" in text
    assert words in text
    assert ("Add-MailboxPermission" in source.cure(token)) == good_for_imap
    assert token.value not in text


@pytest.mark.parametrize("value", ["opaque", "a.b.c", "a.e30.c", "..", "a.WzFd.c", "ya29.A0-x_y~z"])
def test_a_token_that_cannot_be_read_is_taken_as_it_is(microsoft, clock, value):
    microsoft.says = [Said(body={"access_token": value, "expires_in": 3600, "token_type": "Bearer"})]
    source = of_app(microsoft, clock)

    assert source.describe(source.token(Lifeline()))[0]


def test_a_token_that_ended_when_it_was_issued_tells_of_the_clock(issuer, clock):
    issuer.says = [Said(body={"access_token": signed(USER, seconds=-600)})]
    source = other(issuer, clock)

    assert "is the clock of this machine right?" in source.cure(source.token(Lifeline()))


# Secrets.


def test_no_secret_is_logged_or_shown_even_where_an_issuer_repeats_it(issuer, microsoft, clock, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    echoed = refusal("invalid_client", f"{SECRET} is wrong")
    path = tmp_path / "token.json"
    microsoft.says = [good(USER, **login(USER, "app", "first-refresh"))]
    texts = []
    person = of_person(microsoft, clock, path)
    person.log_in(lambda _: None)
    tokens = [
        person.token(Lifeline()),
        of_app(microsoft, clock).token(Lifeline()),
        other(issuer, clock).token(Lifeline()),
    ]
    issuer.says = [echoed]
    microsoft.says = [echoed]
    for source in (
        other(issuer, clock, client_secret_in="body"),
        other(issuer, clock, grant="refresh-token", refresh_token=SECRET),
        of_app(microsoft, clock),
    ):
        with pytest.raises(TokenError) as caught:
            source.token(Lifeline())
        texts += [str(caught.value), repr(source), repr(source.table), repr(vars(source))]
    texts += [repr(token) for token in tokens] + [record.getMessage() for record in caplog.records]

    planted = {SECRET, "first-refresh", "device-code-of-the-test", *(token.value for token in tokens)}
    assert [text for text in texts if any(secret in text for secret in planted)] == []
    assert [text.count("*** is wrong") for text in texts[::4][:3]] == [1, 1, 1]
