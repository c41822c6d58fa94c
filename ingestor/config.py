"""The configuration: one TOML file, read once, checked as a whole.

``load`` gives Settings or a ConfigurationError that lists every mistake. The manual is ``config.example.toml``.
"""

import ipaddress
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from domain.errors import ConfigurationError
from domain.vocabulary import Impact, Kind
from ingestor.mistakes import Mistake, duplicates, found, line, nearest, repeated, unexpected, without_password
from ingestor.secrets import (
    SOURCES,
    PlainSecret,
    Secret,
    hidden,
    secret_of,
)
from parsers.forms import FORMS
from parsers.patterns import GROUPS, ID_GROUPS, STATUSES, TELLING_GROUPS, compiled, word_key
from parsers.providers import PROVIDERS
from parsers.zones import named_zone

DEFAULT_PLACES = (Path("config.toml"), Path("/etc/maintd/config.toml"))
DAY_SECONDS = 86_400
FORM_NAMES = frozenset(form.name for form in FORMS)
KNOWN_PROVIDERS = frozenset(name for provider in PROVIDERS for name in (provider.name, *provider.aliases))

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SENDER = re.compile(r"[^@\s<>]*@[^@\s<>]+")
_DOMAIN = re.compile(r"(?=.{3,253}\Z)(?:[A-Za-z0-9-]{1,63}\.){1,126}[A-Za-z0-9-]{2,63}")
_AUTHSERV_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_SLUG = re.compile(r"[A-Za-z0-9_-]{1,100}")
_API_PATH = re.compile(r"/?(?:api/)?plugins/[A-Za-z0-9_-]{1,100}/?")
# The time of day at which nothing is done.
NEVER = "never"
# Nothing is served.
OFF = "off"

# Source: the model of NetBox's custom fields.
_CUSTOM_FIELD = re.compile(r"(?!.{0,50}__)[A-Za-z0-9_]{1,50}")
_TIME_OF_DAY = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_EMPTY_LIST = "got an empty list, expected at least one entry"
# Source: RFC 9051 9, flag-keyword: an atom.
_IMAP_FLAG = re.compile(r"\\(?:Seen|Flagged|Answered)|[!#$&'+-\[^-z|}~]+")


def outage_form_names() -> frozenset[str]:
    """Return the names of the readers of outages that are built in."""
    # 0.2 s of each command's start: only a configuration that names readers of outages, or has templates, pays them.
    from parsers.outage.readers import READERS  # noqa: PLC0415

    return frozenset(reader.form for reader in READERS)


# What a value may be.


def _text(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise unexpected(value, "some text without control characters")
    return value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise unexpected(value, 'letters, digits, ".", "_" and "-"')
    return value


def _provider_name(value: str) -> str:
    if value != value.lower() or not _NAME.fullmatch(value):
        raise unexpected(value, 'small letters, digits, ".", "_" and "-"')
    return value


def _sender(value: str) -> str:
    if not _SENDER.fullmatch(value):
        raise unexpected(value, 'an address or a domain, as in "noc@carrier.example" or "@carrier.example"')
    return value.lower()


def _authserv_id(value: str) -> str:
    if not _AUTHSERV_ID.fullmatch(value):
        raise unexpected(value, 'the name at the beginning of Authentication-Results, or "microsoft365"')
    return value.lower()


def _domain(value: str) -> str:
    if not _DOMAIN.fullmatch(value):
        raise unexpected(value, 'a domain, as in "google.com"')
    return value.lower()


def _zone(value: str) -> str:
    if named_zone(value) is None:
        raise unexpected(value, 'the name of a zone, as in "Europe/Amsterdam", "America/New_York" or "UTC"')
    return value


def _host(value: str) -> str:
    if _is_address(value):
        return value
    if not value or any(character in value for character in ":/@") or " " in value or not value.isprintable():
        raise unexpected(value, 'a host name or an address alone, as in "imap.example.net"')
    return value


def _imap_flag(value: str) -> str:
    if not _IMAP_FLAG.fullmatch(value):
        raise unexpected(
            value, 'an IMAP keyword without spaces, as in "maintd", or "\\\\Seen", "\\\\Flagged", "\\\\Answered"'
        )
    return value


def _initial(value: object) -> object:
    if value in ("all", "new") or (type(value) is int and 1 <= value <= 36_500):
        return value
    raise unexpected(value, '"all", "new", or a number of days from 1 to 36500')


def _database_url(value: str) -> str:
    if value.startswith("sqlite:///") and len(value) > len("sqlite:///") and ":memory:" not in value:
        return value
    if value.startswith("postgresql+psycopg://"):
        return value
    raise Mistake(
        f'got "{without_password(value)}", expected "sqlite:///FILE" or "postgresql+psycopg://USER@HOST/NAME"'
    )


def _is_address_of_a_server(value: str) -> bool:
    """Tell whether a value is a URL of HTTP, without a login, that may stand in the first line of a request."""
    try:
        url = urlsplit(value)
        good = url.hostname and url.port != 0 and not (url.username or url.password or url.query or url.fragment)
    except ValueError:
        return False
    plain = value.isascii() and not re.search(r"[\x00-\x20\x7f]", value)
    return bool(good) and url.scheme in ("https", "http") and plain


def _base_url(value: str) -> str:
    if not _is_address_of_a_server(value):
        raise unexpected(value, 'the address of an endpoint without a login, as in "https://api.openai.com/v1"')
    url = urlsplit(value)
    if url.scheme == "http" and not _is_loopback(url.hostname or ""):
        raise unexpected(value, "https: without encryption only loopback is allowed")
    return value


def _token_url(value: str) -> str:
    if not _is_address_of_a_server(value):
        raise unexpected(value, 'an address without a login, as in "https://login.example.net/oauth2/token"')
    url = urlsplit(value)
    if url.scheme == "http" and not _is_loopback(url.hostname or ""):
        raise unexpected(value, "https: without encryption only loopback is allowed")
    return value


def _tenant(value: str) -> str:
    if not _TENANT.fullmatch(value):
        raise unexpected(value, 'the ID or a domain of the tenant, as in "example.onmicrosoft.com"')
    return value


def _netbox_url(value: str) -> str:
    if not _is_address_of_a_server(value):
        raise unexpected(value, 'the address of a NetBox without a login, as in "https://netbox.example.net"')
    return value


def _slug(value: str) -> str:
    if not _SLUG.fullmatch(value):
        raise unexpected(value, 'a slug of NetBox, as in "zayo-group"')
    return value


def _api_path(value: str) -> str:
    if not _API_PATH.fullmatch(value):
        raise unexpected(value, 'a path below /api/, as in "/api/plugins/maintenance/"')
    return value


def _custom_field(value: str) -> str:
    if not _CUSTOM_FIELD.fullmatch(value):
        raise unexpected(value, 'the name of a custom field: letters, digits and single "_"')
    return value


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host.lower() == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _listen(value: str) -> str:
    if value == OFF:
        return value
    host, _, port = value.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not port.isascii() or not port.isdecimal() or int(port) > 65_535 or not _is_loopback(bare):
        raise unexpected(value, 'an address of loopback and a port, as in "127.0.0.1:8480", or "off"')
    return value


def _time_of_day(value: str) -> str:
    if value != NEVER and not _TIME_OF_DAY.fullmatch(value):
        raise unexpected(value, 'a time of day, as in "03:30", or "never"')
    return value


def _instant(value: object) -> datetime:
    """Return a date of TOML, from its first moment in UTC, or an instant of it."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    raise unexpected(value, "a date without quotation marks, as in 2027-01-31, or a time with its zone")


def _one_or_several_numbers(value: object) -> object:
    return [value] if type(value) is int else value


def _template_name(value: str) -> str:
    if _provider_name(value) in FORM_NAMES | outage_form_names():
        raise unexpected(value, "another name: a reader that is built in is called so")
    return value


def _pattern(value: str, info: ValidationInfo) -> str:
    """Return a pattern of a template, whose groups are those of its kind, or of any where that is not known."""
    try:
        groups = compiled(value).groupindex
    # A repetition can be too often, or the pattern too deep.
    except (re.error, OverflowError, RecursionError) as error:
        raise Mistake(f"got {_shown_pattern(value)}, which is no pattern: {error}") from None
    kind = info.data.get("kind")
    known = GROUPS[Kind(kind)] if kind else tuple(dict.fromkeys(group for one in Kind for group in GROUPS[one]))
    if not groups:
        named = f"'(?P<{known[0]}>\\S+)': one of {', '.join(known)}"
        raise Mistake(f"got {_shown_pattern(value)}, expected a group with a name, as in {named}")
    unknown = [group for group in groups if group not in known]
    if unknown:
        raise Mistake("; ".join(f"no group {found(group)}, {_nearest_group(group, known)}" for group in unknown))
    return value


def _shown_pattern(value: str) -> str:
    """Return a pattern as TOML takes it without doubling what stands before a letter, so that positions are right."""
    line = value.replace("\n", "\\n")
    return f"'{line if len(line) <= 60 else line[:57] + '...'}'"


def _nearest_group(group: str, known: Sequence[str]) -> str:
    """Return which group may be meant: for the id of the other kind of event that of this one."""
    ids = ID_GROUPS.values()
    own = next((one for one in known if one in ids), "")
    return f'did you mean "{own}"?' if group in ids else nearest(group, known)


def _stated_word(value: str, info: ValidationInfo) -> str:
    kind = info.data.get("kind")
    return _one_of(value, STATUSES[Kind(kind)]) if kind else value


def _words_of_a_provider(table: dict[str, str]) -> dict[str, str]:
    """Return a table of words, each of which is one word more: neither case nor white space tells them apart."""
    held: dict[str, str] = {}
    for word in table:
        key = word_key(word)
        if not key:
            raise Mistake(f"got an empty word for {table[word]}, expected a word of the provider")
        if key in held:
            raise Mistake(
                f"got {found(held[key])} and {found(word)}, which are one word: case does not tell them apart"
            )
        held[key] = word
    return table


def _impact_word(value: str) -> str:
    return _one_of(value, Impact)


def _one_of(value: str, words: Iterable[StrEnum]) -> str:
    known = [word.value for word in words]
    if value.upper() not in known:
        raise Mistake(f"got {found(value)}, {nearest(value, known)}")
    return value.upper()


def _one_or_several(value: object) -> object:
    return [value] if isinstance(value, str) else value


_Text = Annotated[str, AfterValidator(_text)]
_Patterns = Annotated[
    tuple[Annotated[str, AfterValidator(_pattern)], ...],
    BeforeValidator(_one_or_several),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
_TemplateName = Annotated[str, AfterValidator(_template_name)]
_Name = Annotated[str, AfterValidator(_name)]
_ProviderName = Annotated[str, AfterValidator(_provider_name)]
_Sender = Annotated[str, AfterValidator(_sender)]
_AuthservId = Annotated[str, AfterValidator(_authserv_id)]
_Domain = Annotated[str, AfterValidator(_domain)]
_Zone = Annotated[str, AfterValidator(_zone)]
_Host = Annotated[str, AfterValidator(_host)]
_ImapFlag = Annotated[str, AfterValidator(_imap_flag)]
_Initial = Annotated[
    Literal["all", "new"] | int,
    PlainValidator(_initial),
    WithJsonSchema({"anyOf": [{"enum": ["all", "new"]}, {"type": "integer", "minimum": 1, "maximum": 36_500}]}),
]
_BaseUrl = Annotated[str, AfterValidator(_base_url)]
_TokenUrl = Annotated[str, AfterValidator(_token_url)]
_Tenant = Annotated[str, AfterValidator(_tenant)]
_NetboxUrl = Annotated[str, AfterValidator(_netbox_url)]
_Slug = Annotated[str, AfterValidator(_slug)]
_ApiPath = Annotated[str, AfterValidator(_api_path)]
_CustomField = Annotated[str, AfterValidator(_custom_field)]
_Listen = Annotated[str, AfterValidator(_listen)]
_TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
_Instant = Annotated[datetime, PlainValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
_AsNumbers = Annotated[
    tuple[Annotated[int, Field(ge=1, le=4_294_967_295)], ...],
    BeforeValidator(_one_or_several_numbers),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}),
]
_DatabaseUrl = Annotated[str, AfterValidator(_database_url), PlainSerializer(without_password, return_type=str)]
_Secret = Annotated[
    Secret,
    PlainValidator(secret_of),
    PlainSerializer(hidden, return_type=str),
    WithJsonSchema(
        {
            "oneOf": [
                {"type": "string", "description": "The secret itself: works, with a warning."},
                *(
                    {
                        "type": "object",
                        "properties": {
                            kind: {"type": "array", "items": {"type": "string"}, "minItems": 1}
                            if kind == "command"
                            else {"type": "string"}
                        },
                        "required": [kind],
                        "additionalProperties": False,
                    }
                    for kind in SOURCES
                ),
            ]
        }
    ),
]


class _Table(BaseModel):
    """Be the base of every table: nothing unknown, nothing converted, nothing changed afterwards."""

    # TOML has types of its own, so "60" for 60 is a mistake. hide_input_in_errors keeps secrets out of tracebacks.
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, validate_default=True, hide_input_in_errors=True
    )


class DatabaseTable(_Table):
    """[database]: where messages and events are kept."""

    url: _DatabaseUrl = Field(
        default="sqlite:///var/maintd.db", repr=False, description="A file of SQLite, or a database of PostgreSQL."
    )


_Grant = Literal["client-credentials", "device-code", "service-account", "refresh-token"]
# The grants of each issuer, the usual one first, and what each needs and may have besides.
_GRANTS: Mapping[str, Mapping[str, tuple[Sequence[str], Sequence[str]]]] = {
    "microsoft": {
        "client-credentials": (("tenant", "client_id", "client_secret"), ("authority", "scope")),
        "device-code": (("tenant", "client_id", "token_file"), ("authority", "scope")),
    },
    "google": {
        "service-account": (("service_account",), ("scope",)),
        "refresh-token": (("client_id", "client_secret", "refresh_token"), ("token_file", "scope")),
    },
    "other": {
        "client-credentials": (("token_endpoint", "client_id", "client_secret"), ("client_secret_in", "scope")),
        "refresh-token": (
            ("token_endpoint", "client_id", "refresh_token"),
            ("client_secret", "client_secret_in", "token_file", "scope"),
        ),
    },
}


class OAuth2Table(_Table):
    """[mailbox.oauth2]: where the mailbox above it has its access tokens from, instead of a password."""

    issuer: Literal["microsoft", "google", "other"] = Field(
        examples=["microsoft"], description="Who issues the tokens: Microsoft 365, Google, or whoever is named below."
    )
    grant: _Grant | None = Field(default=None, description="How one is asked for: not set, the usual way.")
    tenant: _Tenant | None = Field(
        default=None, examples=["example.onmicrosoft.com"], description="Microsoft: the tenant's ID, or a domain of it."
    )
    client_id: _Text | None = Field(
        default=None, examples=["11111111-2222-3333-4444-555555555555"], description="The ID of the application."
    )
    client_secret: _Secret | None = Field(
        default=None, examples=[{"file": "/etc/maintd/noc-client-secret"}], description="Its secret, a secret."
    )
    client_secret_in: Literal["header", "body"] = Field(
        default="header", description="Where another issuer looks for the client's secret."
    )
    refresh_token: _Secret | None = Field(
        default=None, examples=[{"file": "/etc/maintd/noc-refresh-token"}], description="A refresh token, a secret."
    )
    service_account: _Secret | None = Field(
        default=None,
        examples=[{"file": "/etc/maintd/noc-service-account.json"}],
        description="Google: the JSON key of a service account, a secret.",
    )
    token_endpoint: _TokenUrl | None = Field(
        default=None,
        examples=["https://login.example.net/oauth2/token"],
        description="Where another issuer is asked.",
    )
    authority: _TokenUrl = Field(
        default="https://login.microsoftonline.com", description="Microsoft: another one in a national cloud."
    )
    scope: _Text | None = Field(default=None, description="What is asked for: not set, IMAP where that has a name.")
    token_file: Path | None = Field(
        default=None,
        strict=False,
        examples=["/var/lib/maintd/noc-token.json"],
        description="Where a login, or a refresh token that replaces another, is kept.",
    )
    ca_file: Path | None = Field(
        default=None, strict=False, description="Certificates in PEM that are trusted instead of the system's."
    )

    @field_validator("grant")
    @classmethod
    def _usual_grant(cls, grant: str | None, info: ValidationInfo) -> str | None:
        issuer = info.data.get("issuer")
        if issuer is None:
            return grant
        known = _GRANTS[issuer]
        if grant is not None and grant not in known:
            raise unexpected(grant, f'{" or ".join(map(found, known))}, which "{issuer}" has')
        return grant or next(iter(known))

    @field_validator(
        "tenant", "client_id", "client_secret", "refresh_token", "service_account", "token_endpoint", "token_file"
    )
    @classmethod
    def _needed_for_the_grant(cls, value: object, info: ValidationInfo) -> object:
        issuer, grant, key = info.data.get("issuer"), info.data.get("grant"), info.field_name or ""
        if value is None and issuer and grant and key in _GRANTS[issuer][grant][0]:
            example = f"{key} = {_toml(cls.model_fields[key].examples[0])}"  # type: ignore[index]  # each has one
            raise Mistake(f'missing, expected because issuer is "{issuer}" and grant "{grant}", as in {example}')
        return value

    @field_validator("token_file", "ca_file", mode="before")
    @classmethod
    def _named_file(cls, file: object) -> object:
        if file == "":
            raise unexpected(file, "the path of a file")
        return file

    @property
    def idle_keys(self) -> tuple[str, ...]:
        """Return the settings that are set and have no effect with this grant."""
        needed, possible = _GRANTS[self.issuer][self.grant or ""]
        used = {"issuer", "grant", "ca_file", *needed, *possible}
        return tuple(key for key in type(self).model_fields if key in self.model_fields_set and key not in used)


class MailboxTable(_Table):
    """[[mailbox]]: one IMAP login and its folders."""

    name: _Name = Field(examples=["noc"], description="How this mailbox is called in logs, tables and commands.")
    host: _Host = Field(examples=["imap.example.net"], description="The IMAP server.")
    tls: Literal["tls", "starttls", "none"] = Field(
        default="tls", description="Encrypted from the start, after STARTTLS, or not at all (loopback only)."
    )
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        default=None, description='The TCP port: 993, or 143 where tls is "starttls" or "none".'
    )
    ca_file: Path | None = Field(
        default=None, strict=False, description="Certificates in PEM that are trusted instead of the system's."
    )
    username: _Text = Field(examples=["maint@example.net"], description="The login.")
    oauth2: OAuth2Table | None = Field(default=None, description="Where access tokens come from, if not a password.")
    password: _Secret | None = Field(
        default=None, examples=[{"file": "/etc/maintd/noc-password"}], description="The password, a secret."
    )
    folders: tuple[_Text, ...] = Field(
        default=("INBOX",), strict=False, json_schema_extra={"minItems": 1}, description="The folders that are read."
    )
    watch: Literal["idle", "poll"] = Field(
        default="idle", description="Be told of new mail by the server (IMAP IDLE), or ask for it."
    )
    poll_seconds: int = Field(
        default=60, ge=10, le=DAY_SECONDS, description="Seconds between two looks where the server is asked."
    )
    initial: _Initial = Field(default=14, description="What is read at the first look at a folder.")
    after: Literal["keep", "flag", "move"] = Field(
        default="keep", description="What is done with a mail in its folder once it is in the database."
    )
    flag: _ImapFlag = Field(default="maintd", description='The flag that after = "flag" sets.')
    done_folder: _Text | None = Field(default=None, description='Where after = "move" puts a mail that was understood.')
    quarantine_folder: _Text | None = Field(default=None, description='Where after = "move" puts a mail that was not.')
    max_message_bytes: int = Field(
        default=26_214_400, ge=65_536, le=1_073_741_824, description="Of a larger mail only the beginning is kept."
    )
    connect_seconds: int = Field(default=10, ge=1, le=300, description="How long a connection may take.")
    read_seconds: int = Field(default=60, ge=1, le=3600, description="How long the server may be silent.")
    authserv_id: _AuthservId | None = Field(
        default=None, description="The name that our own mail server writes into Authentication-Results."
    )
    trusted_forwarders: tuple[_Sender, ...] | None = Field(
        default=None, strict=False, description="Addresses and domains whose forwards count."
    )
    verify_dkim: bool = Field(
        default=False, description="Whether DKIM signatures are verified here, by keys that the DNS is asked for."
    )
    trusted_arc_sealers: tuple[_Domain, ...] | None = Field(
        default=None, strict=False, description="Domains that are believed what they found before they sent a mail on."
    )

    @field_validator("tls")
    @classmethod
    def _encrypt_beyond_loopback(cls, tls: str, info: ValidationInfo) -> str:
        host = info.data.get("host", "localhost")
        if tls == "none" and not _is_loopback(host):
            raise unexpected(tls, f'"tls" or "starttls": without encryption only loopback is allowed, not "{host}"')
        return tls

    @field_validator("password")
    @classmethod
    def _either_a_password_or_tokens(cls, password: Secret | None, info: ValidationInfo) -> Secret | None:
        oauth2 = info.data.get("oauth2", ...)
        if password is None and oauth2 is None:
            raise Mistake(
                'missing, expected for example password = { file = "/etc/maintd/noc-password" }, '
                "or a table [mailbox.oauth2]"
            )
        if password is not None and oauth2 is not None:
            raise Mistake("stands beside [mailbox.oauth2], expected one of them: take the other away")
        return password

    @field_validator("port")
    @classmethod
    def _usual_port(cls, port: int | None, info: ValidationInfo) -> int:
        return port or (993 if info.data.get("tls", "tls") == "tls" else 143)

    @field_validator("ca_file", mode="before")
    @classmethod
    def _named_file(cls, ca_file: object) -> object:
        if ca_file == "":
            raise unexpected(ca_file, "the path of a file")
        return ca_file

    @field_validator("folders")
    @classmethod
    def _each_folder_once(cls, folders: tuple[str, ...]) -> tuple[str, ...]:
        if not folders:
            raise Mistake(_EMPTY_LIST)
        twice = repeated([_folder_key(folder) for folder in folders])
        if twice:
            raise Mistake(f"{', '.join(map(found, twice))} stands twice, expected each folder once")
        return folders

    @field_validator("done_folder", "quarantine_folder")
    @classmethod
    def _target_of_move(cls, folder: str | None, info: ValidationInfo) -> str | None:
        if folder is None and info.data.get("after") == "move":
            raise Mistake(f'missing, expected a folder because after is "move", as in {info.field_name} = "Archive"')
        if folder is not None and _folder_key(folder) in map(_folder_key, info.data.get("folders", ())):
            raise unexpected(folder, "a folder that is not among the folders that are read")
        return folder


class TemplateTable(_Table):
    """[[provider.template]]: a reader of a provider's mails, as patterns with named groups."""

    name: _TemplateName = Field(examples=["acme-tt"], description="How the reader is called in lists and commands.")
    kind: Literal["outage", "maintenance"] = Field(examples=["outage"], description="What such a mail is about.")
    date_order: Literal["day-month", "month-day"] | None = Field(
        default=None, description="Which number of a date is the month: not set, as of the provider."
    )
    zone: _Zone | None = Field(
        default=None,
        examples=["Europe/Paris"],
        description="The zone of times that state none: not set, the provider's.",
    )
    status: Annotated[dict[str, Annotated[str, AfterValidator(_stated_word)]], AfterValidator(_words_of_a_provider)] = (
        Field(default={}, description="The words of the provider for a status, and what each means.")
    )
    impact: Annotated[dict[str, Annotated[str, AfterValidator(_impact_word)]], AfterValidator(_words_of_a_provider)] = (
        Field(default={}, description="The words of the provider for an impact, and what each means.")
    )
    subject: _Patterns = Field(default=(), strict=False, description="Patterns for the subject, with named groups.")
    body: _Patterns = Field(default=(), strict=False, description="Patterns for the text, with named groups.")

    @field_validator("body")
    @classmethod
    def _names_its_event(cls, body: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        kind, subject = info.data.get("kind"), info.data.get("subject")
        if kind is None or subject is None:
            return body
        group, telling = ID_GROUPS[Kind(kind)], TELLING_GROUPS[Kind(kind)]
        named = {name for pattern in (*subject, *body) for name in compiled(pattern).groupindex}
        if group not in named:
            raise Mistake(f"no group \"{group}\" here or in subject, expected one, as in '(?P<{group}>\\S+)'")
        if not named.intersection(telling):
            more = f"expected one of {', '.join(telling)} here or in subject"
            raise Mistake(f'nothing but "{group}" tells of an event, {more}')
        return body


class ProviderTable(_Table):
    """[[provider]]: changes a provider that maintd knows, or adds one. None: as it is known."""

    name: _ProviderName = Field(examples=["zayo"], description="The provider's name.")
    senders: tuple[_Sender, ...] | None = Field(
        default=None,
        examples=[("@zayo.com",)],
        strict=False,
        json_schema_extra={"minItems": 1},
        description="Addresses and domains that its notices come from.",
    )
    readers: tuple[_ProviderName, ...] | None = Field(
        default=None,
        strict=False,
        description="The forms in which it writes, the likeliest first, beside calendars, which all may send.",
    )
    outage_readers: tuple[_ProviderName, ...] | None = Field(
        default=None,
        strict=False,
        description="The forms in which it writes of outages, the likeliest first, beside those that all may send.",
    )
    aliases: tuple[_ProviderName, ...] | None = Field(
        default=None, strict=False, description="Other names under which notices speak of this provider."
    )
    sends_completions: bool | None = Field(
        default=None, description="Whether it says when work is done: without that a maintenance becomes overdue."
    )
    authentication: Literal["none", "dkim", "dmarc"] | None = Field(
        default=None, description="What its mails must prove where the mailbox has an authserv_id: not set, either."
    )
    date_order: Literal["day-month", "month-day"] | None = Field(
        default=None, description="Which number of a date is the month, where that is not as in its form."
    )
    zone: _Zone | None = Field(
        default=None,
        examples=["America/Chicago"],
        description="Its own zone: of times that state none, and what CST, IST and BST mean to it.",
    )
    literal_zones: bool | None = Field(
        default=None,
        description="Whether EST, CST, MST and PST are literal to it: not the clock on the wall in summer.",
    )
    netbox: _Slug | None = Field(
        default=None, examples=["zayo-group"], description="The slug of the provider in NetBox, where names differ."
    )
    asn: _AsNumbers | None = Field(
        default=None, strict=False, examples=[6461], description="Its AS numbers, by which NetBox may know it."
    )
    silent_after: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        default=None,
        examples=[30],
        description="After how many days without a mail of it somebody should ask why: not set, never.",
    )
    template: tuple[TemplateTable, ...] | None = Field(
        default=None, strict=False, description="Readers of your own for its mails, asked before all others."
    )

    @field_validator("senders")
    @classmethod
    def _needed_by_a_new_provider(cls, senders: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if senders == ():
            raise Mistake(_EMPTY_LIST)
        name = info.data.get("name")
        if senders is None and name is not None and name not in KNOWN_PROVIDERS:
            raise Mistake(f'missing: "{name}" is not built in, {nearest(name, KNOWN_PROVIDERS)}')
        return senders

    @field_validator("readers")
    @classmethod
    def _known_forms(cls, readers: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for form in readers or ():
            if form not in FORM_NAMES:
                raise Mistake(f"no form {found(form)}, {nearest(form, FORM_NAMES)}")
        return readers

    @field_validator("outage_readers")
    @classmethod
    def _known_outage_forms(cls, readers: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for form in readers or ():
            if form not in outage_form_names():
                raise Mistake(f"no form of outages {found(form)}, {nearest(form, outage_form_names())}")
        return readers


class WorkersTable(_Table):
    """[workers]: the processes that read mails, and what one mail may cost."""

    count: int = Field(default=2, ge=1, le=64, description="How many processes read mails.")
    cpu_seconds: int = Field(default=5, ge=1, le=600, description="CPU time for one mail.")
    wall_seconds: int = Field(default=30, ge=1, le=3600, description="Time by the clock for one mail.")
    memory_mib: int = Field(default=1536, ge=512, le=65_536, description="Memory of one process.")
    idle_seconds: int = Field(
        default=60, ge=1, le=DAY_SECONDS, description="All but one end after so long without mail."
    )

    @field_validator("wall_seconds")
    @classmethod
    def _not_below_cpu_time(cls, wall_seconds: int, info: ValidationInfo) -> int:
        cpu_seconds = info.data.get("cpu_seconds", 0)
        if wall_seconds < cpu_seconds:
            raise unexpected(wall_seconds, f"cpu_seconds ({cpu_seconds}) or more")
        return wall_seconds


class LlmTable(_Table):
    """[llm]: a language model that reads what no reader understands, as a proposal. None: not set."""

    enabled: bool = Field(default=False, description="Whether the texts of such mails are sent to it.")
    base_url: _BaseUrl = Field(
        default="https://api.openai.com/v1", repr=False, description="Where it is asked, in the manner of OpenAI."
    )
    model: _Text | None = Field(default=None, examples=["gpt-4o-mini"], description="The name of the model.")
    api_key: _Secret | None = Field(
        default=None, examples=[{"file": "/etc/maintd/llm-key"}], description="Its key, a secret."
    )
    providers: tuple[_ProviderName, ...] | None = Field(
        default=None,
        strict=False,
        json_schema_extra={"minItems": 1},
        description="The providers whose mails it may see: not set, all.",
    )

    @field_validator("model")
    @classmethod
    def _named_model(cls, model: str | None, info: ValidationInfo) -> str | None:
        if model is None and info.data.get("enabled"):
            raise Mistake('missing, expected the name of a model because enabled is true, as in model = "gpt-4o-mini"')
        return model

    @field_validator("api_key")
    @classmethod
    def _key_beyond_loopback(cls, api_key: Secret | None, info: ValidationInfo) -> Secret | None:
        host = urlsplit(info.data.get("base_url", "")).hostname or "localhost"
        if api_key is None and info.data.get("enabled") and not _is_loopback(host):
            raise Mistake(
                'missing, expected a secret because enabled is true, as in api_key = { file = "/etc/maintd/llm-key" }'
            )
        return api_key

    @field_validator("providers")
    @classmethod
    def _some_provider(cls, providers: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if providers == ():
            raise Mistake(_EMPTY_LIST)
        return providers


class NetboxTable(_Table):
    """[netbox]: the NetBox that is kept in step. None: not set."""

    url: _NetboxUrl | None = Field(
        default=None, examples=["https://netbox.example.net"], description="Where NetBox is: not set, none is kept."
    )
    token: _Secret | None = Field(
        default=None, examples=[{"file": "/etc/maintd/netbox-token"}], description="The token of an API user, a secret."
    )
    ca_file: Path | None = Field(
        default=None, strict=False, description="Certificates in PEM that are trusted instead of the system's."
    )
    timeout_seconds: int = Field(default=30, ge=1, le=600, description="How long NetBox may be silent.")
    base_path: _ApiPath | None = Field(
        default=None, description="Where the plugin is, if not where its package puts it: not set, it is found."
    )
    since: _Instant | None = Field(
        default=None, description="Events that end after it are pushed: not set, a week before the first run."
    )
    notifications: Literal["all", "material", "none"] = Field(
        default="all", description="Which mails of an event are attached to it."
    )
    create: bool = Field(default=False, description="Whether providers and circuits that NetBox lacks are made there.")
    custom_field: _CustomField | None = Field(
        default=None, description="A unique custom field of text that proves which record is whose."
    )
    circuit_cache_seconds: int = Field(
        default=3600, ge=60, le=DAY_SECONDS, description="How long it is believed which circuits NetBox has."
    )
    reconcile_at: _TimeOfDay = Field(
        default="03:30", description='The time of day at which all is compared with NetBox, or "never".'
    )

    @field_validator("token")
    @classmethod
    def _needed_for_the_url(cls, token: Secret | None, info: ValidationInfo) -> Secret | None:
        if token is None and info.data.get("url"):
            raise Mistake(
                'missing, expected a secret because url is set, as in token = { file = "/etc/maintd/netbox-token" }'
            )
        return token

    @field_validator("ca_file", mode="before")
    @classmethod
    def _named_file(cls, ca_file: object) -> object:
        if ca_file == "":
            raise unexpected(ca_file, "the path of a file")
        return ca_file


class WebTable(_Table):
    """[web]: what is served over HTTP, on loopback alone."""

    listen: _Listen = Field(
        default="127.0.0.1:8480", description='Where metrics and health are served, on loopback alone, or "off".'
    )


class RetentionTable(_Table):
    """[retention]: what is kept for how long. None: for ever."""

    raw_days: Annotated[int, Field(ge=7, le=36_500)] | None = Field(
        default=None, description="How many days the bytes of settled mails are kept: not set, for ever."
    )


class LogTable(_Table):
    """[log]: what is logged, and in which form. The log goes to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least that is logged.")
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="Lines for people, JSON for programs, or lines on a terminal and JSON elsewhere."
    )


class Settings(_Table):
    """The whole configuration. ``warnings`` has one line for each thing that works but should be changed."""

    database: DatabaseTable = DatabaseTable()
    mailboxes: tuple[MailboxTable, ...] = Field(default=(), alias="mailbox", strict=False)
    providers: tuple[ProviderTable, ...] = Field(default=(), alias="provider", strict=False)
    workers: WorkersTable = WorkersTable()
    llm: LlmTable = LlmTable()
    netbox: NetboxTable = NetboxTable()
    web: WebTable = WebTable()
    retention: RetentionTable = RetentionTable()
    log: LogTable = LogTable()

    _path: Path = PrivateAttr(Path("config.toml"))
    _warnings: tuple[str, ...] = PrivateAttr(())

    @field_validator("llm")
    @classmethod
    def _known_providers(cls, llm: LlmTable, info: ValidationInfo) -> LlmTable:
        known = KNOWN_PROVIDERS | {table.name for table in info.data.get("providers", ())}
        for name in llm.providers or ():
            if name not in known:
                raise Mistake(f"providers: no provider {found(name)}, {nearest(name, known)}")
        return llm

    @property
    def path(self) -> Path:
        """Return the file that was read."""
        return self._path

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return one line for each thing that works but should be changed."""
        return self._warnings


# Those at the top of the file.
TABLES: Mapping[str, type[_Table]] = {
    "database": DatabaseTable,
    "mailbox": MailboxTable,
    "provider": ProviderTable,
    "workers": WorkersTable,
    "llm": LlmTable,
    "netbox": NetboxTable,
    "web": WebTable,
    "retention": RetentionTable,
    "log": LogTable,
}


# Finding and reading the file.


def find(explicit: str | None, environment: Mapping[str, str]) -> Path:
    """Return the configuration file to use: ``explicit`` (--config), else $MAINTD_CONFIG, else the usual places.

    Raises ConfigurationError, which names every place tried, when there is none.
    """
    if explicit:
        return Path(explicit)
    named = environment.get("MAINTD_CONFIG")
    if named:
        return Path(named)
    for place in DEFAULT_PLACES:
        if place.exists():
            return place
    tried = ", ".join(str(place) for place in DEFAULT_PLACES)
    raise ConfigurationError(
        [
            f"no configuration: $MAINTD_CONFIG is not set, and none of these exists: {tried}. "
            "Copy config.example.toml to config.toml and edit it, or name a file with --config."
        ]
    )


def load(path: Path) -> Settings:
    """Return the settings of a file. Raises ConfigurationError with one line for each mistake in it."""
    data = _parse(path, _read(path))
    settings, problems = _checked(data)
    if settings is None or problems:
        raise ConfigurationError([f"{path}: {_ended(problem)}" for problem in problems])
    settings._path = path
    settings._warnings = tuple(f"{path}: {warning}." for warning in _warnings_of(settings))
    return settings


def _checked(data: dict[str, Any]) -> tuple[Settings | None, list[str]]:
    """Return the settings, None if they cannot be made, and what is wrong with them."""
    problems = list(duplicates(data))
    try:
        return Settings.model_validate(data), problems
    except ValidationError as error:
        # The error of pydantic holds the whole input, secrets too, so it goes no further.
        sections: dict[str, type[_Table]] = {
            **TABLES,
            "mailbox.oauth2": OAuth2Table,
            "provider.template": TemplateTable,
        }
        known = {section: _examples(table) for section, table in sections.items()}
        return None, [*(line(details, data, known) for details in error.errors()), *problems]


def _examples(table: type[_Table]) -> dict[str, str]:
    fields = table.model_fields.items()
    return {key: f"{key} = {_toml(field.examples[0])}" if field.examples else "" for key, field in fields}


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith("?") else f"{sentence}."


def where(settings: Settings, mailbox: MailboxTable, key: str) -> str:
    """Return how an error names a setting of a mailbox, for ``ingestor.secrets.resolve``."""
    return f'{settings.path}: mailbox "{mailbox.name}": {key}'


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        problem = "no such file: copy config.example.toml there and edit it, or name another with --config"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        number = error.object.count(b"\n", 0, error.start) + 1
        problem = f"line {number}: not UTF-8: save the file as UTF-8"
    raise ConfigurationError([f"{path}: {problem}."])


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f"{path}: {_syntax_problem(str(error))}."]) from None


_SYNTAX_HINTS = {
    "Invalid value": "not a value of TOML: text needs quotation marks",
    "Cannot overwrite a value": "a key that was set before, expected each once",
}


def _syntax_problem(message: str) -> str:
    """Return the message of tomllib, which ends with "(at line 3, column 5)", with the place first."""
    problem, _, place = message.rpartition(" (at ")
    return f"{place.rstrip(')')}: {_SYNTAX_HINTS.get(problem, problem)}"


# Warnings.


def _warnings_of(settings: Settings) -> Iterator[str]:
    if without_password(settings.database.url) != settings.database.url:
        yield "database: url: holds a password: put it into ~/.pgpass, or into a file named by ?passfile=FILE"
    if not settings.mailboxes:
        yield "no [[mailbox]]: nothing is watched"
    for mailbox in settings.mailboxes:
        for warning in _mailbox_warnings(mailbox):
            yield f'mailbox "{mailbox.name}": {warning}'
    for warning in _llm_warnings(settings.llm):
        yield f"llm: {warning}"
    for warning in _netbox_warnings(settings.netbox):
        yield f"netbox: {warning}"


def _netbox_warnings(netbox: NetboxTable) -> Iterator[str]:
    if netbox.url is None:
        yield from (f"{key}: has no effect while url is not set" for key in sorted(netbox.model_fields_set))
        return
    if isinstance(netbox.token, PlainSecret):
        yield 'token: stands in the file itself: put it elsewhere and write { file = "…" } or another source'
    url = urlsplit(netbox.url)
    if url.scheme == "http" and not _is_loopback(url.hostname or ""):
        yield "url: the token goes to it without encryption: write https"
    if url.scheme == "http" and netbox.ca_file:
        yield "ca_file: has no effect without https"


def _llm_warnings(llm: LlmTable) -> Iterator[str]:
    if isinstance(llm.api_key, PlainSecret):
        yield 'api_key: stands in the file itself: put it elsewhere and write { file = "…" } or another source'
    if llm.enabled:
        host = urlsplit(llm.base_url).hostname
        whose = f"of {', '.join(llm.providers)}" if llm.providers else "of every provider"
        yield f"enabled: mails {whose} that no reader understands are sent to {host}, who may keep them"


def _mailbox_warnings(mailbox: MailboxTable) -> Iterator[str]:
    if isinstance(mailbox.password, PlainSecret):
        yield 'password: stands in the file itself: put it elsewhere and write { file = "…" } or another source'
    if mailbox.oauth2 is not None:
        yield from (f"oauth2: {warning}" for warning in _oauth2_warnings(mailbox.oauth2))
    if mailbox.after != "flag" and "flag" in mailbox.model_fields_set:
        yield f'flag: has no effect while after is "{mailbox.after}"'
    for key in ("done_folder", "quarantine_folder"):
        if mailbox.after != "move" and key in mailbox.model_fields_set:
            yield f'{key}: has no effect while after is "{mailbox.after}"'
    if mailbox.tls == "none" and mailbox.ca_file:
        yield 'ca_file: has no effect while tls is "none"'


def _oauth2_warnings(oauth2: OAuth2Table) -> Iterator[str]:
    for key in ("client_secret", "refresh_token", "service_account"):
        if isinstance(getattr(oauth2, key), PlainSecret):
            yield f'{key}: stands in the file itself: put it elsewhere and write {{ file = "…" }} or another source'
    for key in oauth2.idle_keys:
        yield f'{key}: has no effect while issuer is "{oauth2.issuer}" and grant "{oauth2.grant}"'


# Showing.


def shown(settings: Settings) -> str:
    """Return the settings in force as TOML, secrets hidden, with a mark on what the file leaves to the default."""
    blocks = [_shown_table("[database]", settings.database)]
    for mailbox in settings.mailboxes:
        blocks.append(_shown_table("[[mailbox]]", mailbox))
        blocks += [_shown_table("[mailbox.oauth2]", mailbox.oauth2)] if mailbox.oauth2 else []
    for provider in settings.providers:
        blocks.append(_shown_table("[[provider]]", provider))
        blocks += [_shown_table("[[provider.template]]", template) for template in provider.template or ()]
    blocks += [
        _shown_table("[workers]", settings.workers),
        _shown_table("[llm]", settings.llm),
        _shown_table("[netbox]", settings.netbox),
        _shown_table("[web]", settings.web),
        _shown_table("[retention]", settings.retention),
        _shown_table("[log]", settings.log),
    ]
    return "\n\n".join(blocks) + "\n"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the file, for editors that complete and check as one types."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Settings.model_json_schema(by_alias=True)}


def _shown_table(header: str, table: _Table) -> str:
    # Tables in it are shown below it.
    keys = [key for key in type(table).model_fields if not _holds_tables(getattr(table, key))]
    return "\n".join([header, *(_shown_setting(table, key) for key in keys)])


def _holds_tables(value: object) -> bool:
    return any(isinstance(item, _Table) for item in (value if isinstance(value, tuple) else [value]))


def _shown_setting(table: _Table, key: str) -> str:
    value = getattr(table, key)
    if value is None:
        return f"# {key} is not set"
    return f"{key} = {_shown_value(key, value)}{'' if key in table.model_fields_set else '  # default'}"


def _shown_value(key: str, value: object) -> str:
    if isinstance(value, Secret):
        return hidden(value)
    return _toml(without_password(value) if key == "url" and isinstance(value, str) else value)


def _toml(value: object) -> str:
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml_key(key)} = {_toml(item)}' for key, item in value.items())} }}"
    return json.dumps(str(value), ensure_ascii=False)


def _toml_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _toml(key)


# Folders.


def _folder_key(folder: str) -> str:
    # Source: RFC 9051 5.1: INBOX is the one folder whose name has no case.
    return "INBOX" if folder.upper() == "INBOX" else folder
