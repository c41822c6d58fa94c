"""Access tokens for mailboxes: where they come from, how long they are used, and what one must say.

A TokenSource belongs to one mailbox. It asks the issuer before a token ends, and again when a server refuses one that
should be good. Only this module knows msal and PyJWT.

Source: RFC 6749; RFC 7523 (service accounts); RFC 8628 (device codes); RFC 6750 (bearer tokens).
"""

import base64
import fcntl
import functools
import hashlib
import json
import logging
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlsplit

from domain.errors import ConfigurationError, TokenError
from ingestor.config import OAuth2Table, Settings, where
from ingestor.issuer import ANSWER_SECONDS, Answer, Conversation
from ingestor.secrets import Secret, resolve
from ingestor.sockets import Lifeline

GOOGLE_TOKEN_ENDPOINT = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
GOOGLE_SCOPE = "https://mail.google.com/"
MICROSOFT_APP_SCOPE = "https://outlook.office365.com/.default"
MICROSOFT_USER_SCOPE = "https://outlook.office.com/IMAP.AccessAsUser.All"

# A token is replaced so long before its end, or after three quarters of a life shorter than twenty minutes.
MARGIN_SECONDS = 300.0
# And so long before that by a job that nobody waits for.
AHEAD_SECONDS = 300.0
# The life of a token whose issuer does not state it.
ASSUMED_SECONDS = 300.0
# Google allows an hour at most.
ASSERTION_SECONDS = 3600

# Source: RFC 6750 2.1. Nothing else can stand in a login.
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_SERVICE_ACCOUNT_KEYS = ("client_email", "private_key", "token_uri")
# What msal raises on an answer that it does not understand.
_FOREIGN = (ValueError, LookupError, TypeError, AttributeError, RuntimeError)


def _msal() -> Any:
    """Return Microsoft's library."""
    # 0.1 s of each command's start: only a mailbox at Microsoft pays them.
    import msal  # noqa: PLC0415

    # Below this it logs what it was sent, device codes among it.
    logging.getLogger("msal").setLevel(logging.WARNING)
    return msal


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token. ``claims`` is what it says of itself where it can be read, unverified: for people alone."""

    value: str = field(repr=False)
    renew_at: datetime
    ends_at: datetime
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode:
    """What a person is told to log in with."""

    address: str
    code: str
    ends_at: datetime


class TokenSource:
    """Where the tokens of one mailbox come from. For any number of threads: one asks, the others get its token.

    ``where`` begins the message of an error in the settings, as in ``config.toml: mailbox "noc": oauth2``.
    """

    def __init__(
        self, table: OAuth2Table, *, username: str, where: str, clock: Callable[[], datetime] = _utc_now
    ) -> None:
        self.table = table
        self._username = username
        self._where = where
        self._clock = clock
        self._lock = threading.Lock()
        self._held: Token | None = None
        self._failures = 0
        self._failure: TokenError | None = None
        self._in_memory = ""

    def __repr__(self) -> str:
        return f"<TokenSource {self.name}>"

    @property
    def name(self) -> str:
        """Return the issuer and the way in which it is asked, for people."""
        host = urlsplit(self.table.token_endpoint or "").hostname
        issuer = {"microsoft": urlsplit(self.table.authority).hostname, "google": "Google"}.get(self.table.issuer, host)
        return f"{issuer} ({self.table.grant})"

    def token(self, lifeline: Lifeline) -> Token:
        """Return a token that has not ended, from the issuer where none is held. Raises TokenError.

        The request to the issuer ends at once when the lifeline is cut.
        """
        return self._get(lifeline, lambda held: self._clock() < held.renew_at)

    def renewed(self, refused: Token, lifeline: Lifeline) -> Token:
        """Return another token than the one that a server has refused. Raises TokenError."""
        return self._get(lifeline, lambda held: held.value != refused.value and self._clock() < held.renew_at)

    def renew_ahead(self, lifeline: Lifeline) -> None:
        """Replace the token that is held, if there is one, that would have to be replaced soon. Raises TokenError.

        Meanwhile the others go on with the one that is held.
        """
        if self._held is not None:
            ahead = timedelta(seconds=AHEAD_SECONDS)
            self._get(lifeline, lambda held: self._clock() < held.renew_at - ahead)

    def describe(self, token: Token) -> tuple[bool, str]:
        """Return whether a token can be good for IMAP, as far as it can be read, and one line on it."""
        minutes = max(0, int((token.ends_at - self._clock()).total_seconds() // 60))
        said = f"token of {self.name}, good until {token.ends_at:%Y-%m-%d %H:%M} UTC ({minutes} minutes)"
        lacking = self._lacking(token)
        if lacking:
            return False, f"{said}; {lacking}"
        rights = _rights(token.claims)
        return True, f"{said}{f', with {rights}' if rights else ''}"

    def cure(self, token: Token) -> str:
        """Return what to do when a server refuses a token that was just issued."""
        lacking = self._lacking(token)
        if lacking:
            return lacking
        if token.ends_at <= self._clock():
            return "the issuer hands out tokens that have ended: is the clock of this machine right?"
        return _REFUSED[self.table.issuer, self.table.grant].format(
            username=self._username, client_id=self.table.client_id
        )

    def log_in(self, tell: Callable[[DeviceCode], None]) -> str:
        """Have a person log in with a device code, keep what comes of it, and return who it was.

        ``tell`` shows the code. Waits until the person is done or the code has ended. Raises TokenError.
        """
        if self.table.grant != "device-code":
            raise TokenError(
                f'{self.name} needs nobody to log in: grant is "{self.table.grant}"',
                "`maintd check` tries it",
                permanent=True,
            )
        conversation = Conversation(self._ca_file)
        with self._keeping(conversation):
            # That the file can be written is known before a person does anything.
            pass
        cache, app = self._msal_for_people(conversation, "")
        with _understood(conversation, self.table.authority):
            flow = app.initiate_device_flow([self._scope])
            if "user_code" not in flow:
                raise conversation.refused(self.table.authority, flow)
            ends_at = self._clock() + timedelta(seconds=flow["expires_in"])
            tell(DeviceCode(address=flow["verification_uri"], code=flow["user_code"], ends_at=ends_at))
            answer = app.acquire_token_by_device_flow(flow)
        self._accept(conversation, self.table.authority, answer)
        with self._keeping(conversation) as kept:
            kept.save(cache.serialize())
        return str(answer.get("id_token_claims", {}).get("preferred_username", "an unnamed user"))

    # Asking

    def _get(self, lifeline: Lifeline, good: Callable[[Token], bool]) -> Token:
        before, held = self._failures, self._held
        if held is not None and good(held):
            return held
        with self._lock:
            if self._held is not None and good(self._held):
                return self._held
            if self._failures != before and self._failure is not None:
                # Another thread has asked meanwhile, in vain: the next one to ask would wait as long.
                raise self._failure
            try:
                self._held = self._ask(lifeline)
            except TokenError as error:
                if lifeline.cut_because is None:
                    self._failures, self._failure = self._failures + 1, error
                raise
            return self._held

    def _ask(self, lifeline: Lifeline) -> Token:
        conversation = Conversation(self._ca_file, lifeline)
        try:
            return _GRANTS[self.table.issuer, self.table.grant](self, conversation)
        except ConfigurationError as error:
            raise TokenError(str(error).rstrip("."), "no token was asked for", permanent=True) from None

    @property
    def _ca_file(self) -> str | None:
        return str(self.table.ca_file) if self.table.ca_file else None

    @property
    def _scope(self) -> str:
        usual: Mapping[tuple[str, str | None], str] = {
            ("microsoft", "client-credentials"): MICROSOFT_APP_SCOPE,
            ("microsoft", "device-code"): MICROSOFT_USER_SCOPE,
            ("google", "service-account"): GOOGLE_SCOPE,
        }
        return self.table.scope or usual.get((self.table.issuer, self.table.grant), "")

    def _secret(self, conversation: Conversation, key: str, *, several_lines: bool = False) -> str:
        """Return a secret of the settings, looked up again, so that a new one is used without a restart."""
        secret: Secret | None = getattr(self.table, key)
        if secret is None:
            return ""
        return conversation.hide(resolve(secret, where=f"{self._where}: {key}", several_lines=several_lines))

    def _accept(self, conversation: Conversation, url: str, fields: Mapping[str, Any] | None) -> Token:
        """Return the token of an answer."""
        if fields is None:
            raise self._nobody_logged_in()
        if "error" in fields:
            raise conversation.refused(url, fields)
        value = fields.get("access_token")
        if not isinstance(value, str) or not _BEARER.fullmatch(value):
            raise conversation.not_understood(url, "it holds no access token")
        if str(fields.get("token_type", "Bearer")).lower() != "bearer":
            raise conversation.not_understood(url, "its token is none of the type Bearer")
        claims = _claims(value)
        now = self._clock()
        seconds = _seconds(fields.get("expires_in"), claims, now)
        margin = min(MARGIN_SECONDS, seconds / 4)
        return Token(
            value=value,
            renew_at=now + timedelta(seconds=seconds - margin),
            ends_at=now + timedelta(seconds=seconds),
            claims=claims,
        )

    def _lacking(self, token: Token) -> str:
        """Return what a readable token of Microsoft lacks, and what to do; "" where nothing is known to be missing."""
        needed: Mapping[str | None, str] = {
            "client-credentials": "IMAP.AccessAsApp",
            "device-code": "IMAP.AccessAsUser.All",
        }
        right = needed.get(self.table.grant, "") if self.table.issuer == "microsoft" else ""
        if not right or not token.claims or right in _rights(token.claims).split(", "):
            return ""
        kind = "application" if self.table.grant == "client-credentials" else "delegated"
        return (
            f"it lacks {right} (it has {_rights(token.claims) or 'no rights'}, for "
            f"{token.claims.get('aud', 'nobody')}): add the {kind} permission {right} of Office 365 Exchange Online to "
            "the app registration, and have an administrator grant consent"
        )

    # Grants

    def _client_credentials(self, conversation: Conversation) -> Token:
        fields = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
        return self._token_from(conversation, self.table.token_endpoint or "", fields)

    def _refresh_token(self, conversation: Conversation) -> Token:
        url = self.table.token_endpoint or GOOGLE_TOKEN_ENDPOINT
        given = self._secret(conversation, "refresh_token")
        origin = hashlib.sha256(given.encode()).hexdigest()
        with self._keeping(conversation) as kept:
            # Some issuers replace it with each use. One that was set anew in the configuration comes first.
            held = _object(kept.text)
            latest = str(held.get("refresh_token", given)) if held.get("origin") == origin else given
            fields = {"grant_type": "refresh_token", "refresh_token": latest}
            answer = self._answer(conversation, url, fields | ({"scope": self._scope} if self._scope else {}))
            token = self._accept(conversation, url, answer.fields)
            following = answer.fields.get("refresh_token")
            if isinstance(following, str) and following not in ("", latest):
                kept.save(json.dumps({"origin": origin, "refresh_token": following}))
        return token

    def _service_account(self, conversation: Conversation) -> Token:
        # 0.2 s of each command's start.
        import jwt  # noqa: PLC0415

        text = self._secret(conversation, "service_account", several_lines=True)
        account = _object(text)
        if not all(isinstance(account.get(key), str) for key in _SERVICE_ACCOUNT_KEYS):
            raise self._unfit("service_account", "it is no JSON key of a service account")
        conversation.hide(account["private_key"])
        now = int(self._clock().timestamp())
        claims = {
            "iss": account["client_email"],
            "sub": self._username,
            "scope": self._scope,
            "aud": account["token_uri"],
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        try:
            signed = jwt.encode(claims, account["private_key"], "RS256", {"kid": account.get("private_key_id", "")})
        except (jwt.PyJWTError, *_FOREIGN):
            # The error may hold the key.
            raise self._unfit("service_account", "its private_key cannot be read") from None
        fields = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": signed,
        }
        url = account["token_uri"]
        return self._accept(conversation, url, conversation.post(url, fields).fields)

    def _token_from(self, conversation: Conversation, url: str, fields: Mapping[str, str]) -> Token:
        return self._accept(conversation, url, self._answer(conversation, url, fields).fields)

    def _answer(self, conversation: Conversation, url: str, fields: Mapping[str, str]) -> Answer:
        """Ask a token endpoint as the client of the settings. Source: RFC 6749 2.3.1."""
        client_id, secret = self.table.client_id or "", self._secret(conversation, "client_secret")
        if not secret:
            return conversation.post(url, {**fields, "client_id": client_id})
        place = "body" if self.table.issuer == "google" else self.table.client_secret_in
        if place == "body":
            return conversation.post(url, {**fields, "client_id": client_id, "client_secret": secret})
        pair = base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
        return conversation.post(url, fields, {"Authorization": f"Basic {conversation.hide(pair)}"})

    def _unfit(self, key: str, why: str) -> TokenError:
        return TokenError(f"{self._where}: {key}: {why}", "download another key of it", permanent=True)

    # Microsoft

    def _microsoft_app(self, conversation: Conversation) -> Token:
        msal = _msal()
        secret = self._secret(conversation, "client_secret")
        with _understood(conversation, self.table.authority):
            # A new one for each token: msal holds what it was given, and gives it again instead of a fresh one.
            app = msal.ConfidentialClientApplication(
                client_credential=secret,
                # Else the environment could send it to another address.
                azure_region=False,
                **self._msal_options(conversation),
            )
            answer = app.acquire_token_for_client([self._scope])
        return self._accept(conversation, self.table.authority, answer)

    def _microsoft_person(self, conversation: Conversation) -> Token:
        with self._keeping(conversation) as kept:
            if not kept.text:
                raise self._nobody_logged_in()
            cache, app = self._msal_for_people(conversation, kept.text)
            with _understood(conversation, self.table.authority):
                accounts = app.get_accounts()
                if not accounts:
                    raise self._nobody_logged_in()
                answer = app.acquire_token_silent_with_error([self._scope], accounts[0], force_refresh=True)
            token = self._accept(conversation, self.table.authority, answer)
            if cache.has_state_changed:
                kept.save(cache.serialize())
        return token

    def _msal_for_people(self, conversation: Conversation, text: str) -> tuple[Any, Any]:
        """Return msal's cache, filled from the token file, and the application that uses it."""
        msal = _msal()
        cache = msal.SerializableTokenCache()
        with _understood(conversation, self.table.authority):
            cache.deserialize(text or None)
            return cache, msal.PublicClientApplication(token_cache=cache, **self._msal_options(conversation))

    def _msal_options(self, conversation: Conversation) -> dict[str, Any]:
        return {
            "client_id": self.table.client_id,
            "authority": f"{self.table.authority.rstrip('/')}/{self.table.tenant}",
            "http_client": _Transport(conversation),
            # The authority is the operator's: Microsoft is not asked whether it is one.
            "instance_discovery": False,
        }

    def _nobody_logged_in(self) -> TokenError:
        found = f"nobody has logged in: {self.table.token_file} holds no login"
        return TokenError(found, "run `maintd mailbox login` with the name of this mailbox", permanent=True)

    # Keeping

    @contextmanager
    def _keeping(self, conversation: Conversation) -> Iterator["_Kept"]:
        """Give what was kept of the issuer's, and a way to replace it; nobody else uses it meanwhile."""
        path = self.table.token_file
        if path is None:
            yield _Kept(text=self._in_memory, save=self._remember)
            return
        with _locked(path, conversation):
            text = _text_of(path)
            with _replacement(path) as save:
                yield _Kept(text=text, save=save)

    def _remember(self, text: str) -> None:
        self._in_memory = text


@functools.cache
def token_source(table: OAuth2Table, username: str, where: str) -> TokenSource:
    """Return the one source of a mailbox in this process: sessions come and go, and its token is used by all."""
    return TokenSource(table, username=username, where=where)


class Renewal:
    """Renew the tokens of all mailboxes ahead, so that no login waits for an issuer. Any thread may stop it.

    One thread calls ``renew`` every ``AHEAD_SECONDS`` or more often. A failure is left to the login that needs a token.
    """

    def __init__(self, settings: Settings) -> None:
        self._sources = [
            token_source(table.oauth2, table.username, where(settings, table, "oauth2"))
            for table in settings.mailboxes
            if table.oauth2 is not None
        ]
        self._lifeline = Lifeline()
        self._stopped = False

    def renew(self) -> None:
        """Replace each token that is held and would have to be replaced soon."""
        for source in self._sources:
            # Of each its own: one that an issuer was too slow for is of no use to the next.
            self._lifeline = Lifeline()
            if self._stopped:
                return
            with suppress(TokenError):
                source.renew_ahead(self._lifeline)

    def stop(self) -> None:
        """End a request that is under way, and begin no other."""
        self._stopped = True
        self._lifeline.cut("closed on request")


_GRANTS: Mapping[tuple[str, str | None], Callable[[TokenSource, Conversation], Token]] = {
    ("microsoft", "client-credentials"): TokenSource._microsoft_app,
    ("microsoft", "device-code"): TokenSource._microsoft_person,
    ("google", "service-account"): TokenSource._service_account,
    ("google", "refresh-token"): TokenSource._refresh_token,
    ("other", "client-credentials"): TokenSource._client_credentials,
    ("other", "refresh-token"): TokenSource._refresh_token,
}

_SAME_USER = "whoever gave the refresh token must be {username}, or have all rights in that mailbox"
# What to do when a server refuses a token that was just issued.
_REFUSED: Mapping[tuple[str, str | None], str] = {
    ("microsoft", "client-credentials"): (
        "the token is good, so the application has no rights in the mailbox: in Exchange Online's PowerShell run "
        "New-ServicePrincipal -AppId {client_id} -ObjectId OBJECT (the object ID of the enterprise application, not of "
        "the app registration) and Add-MailboxPermission -Identity {username} -User OBJECT -AccessRights FullAccess; "
        "username must be the address of the mailbox, and IMAP be on for it (Set-CASMailbox -ImapEnabled $true)"
    ),
    ("microsoft", "device-code"): (
        "the token is good, so whoever logged in is not {username} and has no full access to that mailbox, or IMAP is "
        "off for it (Set-CASMailbox -ImapEnabled $true)"
    ),
    ("google", "service-account"): "username must be the address of a user of the domain, with Gmail and IMAP on",
    ("google", "refresh-token"): _SAME_USER,
    ("other", "client-credentials"): (
        "the mail server must trust this issuer, and the token speak of {username} with the scope that the server asks "
        "for: see the log of the server"
    ),
    ("other", "refresh-token"): _SAME_USER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    text: str = field(repr=False)
    save: Callable[[str], None]


class _Transport:
    """A conversation in the shape that msal asks for. Its failures pass through msal as they are."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def post(
        self, url: str, params: Any = None, data: Any = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> Answer:
        return self._conversation.post(url, data or {}, headers)

    def get(self, url: str, params: Any = None, headers: Mapping[str, str] | None = None, **_: Any) -> Answer:
        return self._conversation.get(url, headers)

    def close(self) -> None:
        """Do nothing: each request has a connection of its own."""


@contextmanager
def _understood(conversation: Conversation, url: str) -> Iterator[None]:
    """Run msal; what it raises on an answer becomes a TokenError without a trace of what it held."""
    try:
        yield
    except _FOREIGN as error:
        raise conversation.not_understood(url, type(error).__name__) from None


def _seconds(stated: object, claims: Mapping[str, Any], now: datetime) -> float:
    """Return for how long a token is good: what was stated, else what it says itself."""
    with suppress(ValueError, TypeError, OverflowError):
        # Some issuers write the number as text.
        return min(max(float(stated), 0.0), 86_400.0 * 365)  # type: ignore[arg-type]
    with suppress(ValueError, TypeError, OverflowError, KeyError):
        return min(max(float(claims["exp"]) - now.timestamp(), 0.0), 86_400.0 * 365)
    return ASSUMED_SECONDS


def _claims(value: str) -> Mapping[str, Any]:
    """Return what a token says of itself, where it is a JWT. Not verified: that is for the server to do."""
    parts = value.split(".")
    if len(parts) != 3:
        return {}
    with suppress(ValueError):
        return _object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)).decode())
    return {}


def _rights(claims: Mapping[str, Any]) -> str:
    """Return the rights in a token: the roles of an application, or what a person has let it do."""
    roles, scopes = claims.get("roles"), claims.get("scp") or claims.get("scope")
    said = [*(roles if isinstance(roles, list) else []), *(scopes.split() if isinstance(scopes, str) else [])]
    return ", ".join(sorted(str(right) for right in said))


def _object(text: str) -> dict[str, Any]:
    """Return an object in JSON, empty where the text is none."""
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
        return found if isinstance(found, dict) else {}
    return {}


# The token file


@contextmanager
def _locked(path: Path, conversation: Conversation) -> Iterator[None]:
    """Keep other threads and programs from a token file meanwhile: a refresh token may be good for one use."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _give_to_owner(descriptor, path)
    except OSError as error:
        raise _unusable(path, error) from None
    try:
        _wait_for(descriptor, lock, conversation)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, lock: Path, conversation: Conversation) -> None:
    ends = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if conversation.cut or time.monotonic() > ends:
                found = f"another maintd holds {lock}"
                raise TokenError(found, "tried again later", permanent=False) from None
            time.sleep(0.05)
        else:
            return


def _text_of(path: Path) -> str:
    """Return what a token file holds, "" where there is none."""
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            found = f'the file "{path}" can be read by others than its owner'
            raise TokenError(found, f"run chmod 600 {path}", permanent=True)
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, error) from None


@contextmanager
def _replacement(path: Path) -> Iterator[Callable[[str], None]]:
    """Give a way to replace a token file as a whole; that it can be written is known before anything is asked for."""
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        _give_to_owner(descriptor, path)
    except OSError as error:
        raise _unusable(path, error) from None

    def save(text: str) -> None:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            new.replace(path)
        except OSError as error:
            raise _unusable(path, error) from None

    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        try:
            yield save
        finally:
            new.unlink(missing_ok=True)


def _give_to_owner(descriptor: int, path: Path) -> None:
    """Have the owner of the folder own what root makes in it: the daemon is somebody else as a rule."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.fchown(descriptor, folder.st_uid, folder.st_gid)


def _unusable(path: Path, error: Exception) -> TokenError:
    why = error.strerror if isinstance(error, OSError) else "it is not text"
    return TokenError(f'token_file "{path}" cannot be used: {why}', "see to the file and its folder", permanent=True)
