"""A throw-away Dovecot, started by root or by an ordinary user, with every file under one folder.

Source: Dovecot's documentation, "Rootless Installation".
"""

import base64
import functools
import grp
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from imapclient import IMAPClient, SocketTimeout

from ingestor.mailbox import MailboxSettings

PASSWORD = "secret"
UMLAUTS = "geheimnis-äöü€"
# Who signs the tokens that are taken, and with what.
TOKEN_ISSUER = "https://issuer.example"
TOKEN_KEY = b"k" * 32
START_SECONDS = 30

# What is appended to the configuration of each server.
_COURIER = "namespace inbox {\n  prefix = INBOX.\n  separator = .\n}\n"
VARIANTS = {
    "plain": "",
    "courier": _COURIER,
    "no_move": "imap_capability = IMAP4rev1 LITERAL+ UIDPLUS NAMESPACE\n",
    "no_move_no_uidplus": "imap_capability = IMAP4rev1 LITERAL+ ID\n",
    "courier_no_namespace": f"{_COURIER}imap_capability = IMAP4rev1\n",
    "one_connection": "mail_max_userip_connections = 1\n",
    # Logins with a token alone; those of the test's people come in with a password all the same.
    "tokens": "@TOKENS@",
    "xoauth2_only": "@TOKENS@auth_mechanisms = plain xoauth2\n",
    "read_only": "mail_plugins = acl\nprotocol imap {\n  mail_plugins = acl imap_acl\n}\n",
}

_CONFIGURATION = """
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
mail_fsync = never
first_valid_uid = 1
auth_failure_delay = 0
mail_max_userip_connections = 100

namespace inbox {{
  inbox = yes
  separator = /
}}

# An ordinary user may not chroot.
service anvil {{
  chroot =
  # Every failed login would make the next one from this address wait longer: 2, 4, 8, 15 seconds.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
"""
_OF_2_3 = """
ssl_cert = <{root}/cert.pem
ssl_key = <{root}/key.pem
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
passdb {{
  driver = passwd-file
  args = {root}/users
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/mail/%u
}}
plugin {{
  acl = vfile
}}
"""
_OF_2_4 = """
ssl_server_cert_file = {root}/cert.pem
ssl_server_key_file = {root}/key.pem
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = ~/Maildir
passdb passwd-file {{
  passwd_file_path = {root}/users
}}
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {root}/mail/%{{user}}
  }}
}}
acl_driver = vfile
"""
# Tokens are JWTs, which the server verifies itself, with a key for each name in their header.
_TOKENS_OF_2_3 = """
auth_mechanisms = plain xoauth2 oauthbearer
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = @ROOT@/oauth2.ext
}
"""
_OAUTH2_EXT_OF_2_3 = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=@ROOT@/keys/
username_attribute = email
username_format = %n
active_attribute =
active_value =
issuers = @ISSUER@
"""
_TOKENS_OF_2_4 = """
auth_mechanisms = plain xoauth2 oauthbearer
oauth2 {
  introspection_mode = local
  username_attribute = email
  issuers = @ISSUER@
}
oauth2_local_validation {
  dict fs {
    fs posix {
      prefix = @ROOT@/keys/
    }
  }
}
passdb oauth2 {
  mechanisms_filter = xoauth2 oauthbearer
}
"""
# These come first in a file for 2.4.
_VERSIONS_OF_2_4 = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n"


@dataclass(frozen=True, kw_only=True)
class Dovecot:
    """A running server. Any user name exists, with the password ``PASSWORD``; "umlaut" has ``UMLAUTS``."""

    root: Path
    imap: int
    imaps: int
    process: "subprocess.Popen[bytes]"

    @property
    def ca(self) -> str:
        """The file with the certificate, which is its own CA."""
        return str(self.root / "cert.pem")

    @contextmanager
    def client(self, user: str) -> Iterator[IMAPClient]:
        """Log in as a person with a mail program would, on a connection of her own."""
        context = ssl.create_default_context(cafile=self.ca)
        timeout = SocketTimeout(5, 30)
        with IMAPClient("localhost", port=self.imaps, ssl_context=context, timeout=timeout) as client:
            client.login(user, PASSWORD)
            yield client

    def make_folder(self, user: str, folder: str) -> None:
        """Make an empty folder."""
        with self.client(user) as client:
            client.create_folder(folder)

    def deliver(
        self,
        user: str,
        raws: Sequence[bytes],
        *,
        folder: str = "INBOX",
        flags: Sequence[bytes] = (),
        at: datetime | None = None,
    ) -> None:
        """Put messages into a folder, which is made where it is missing, byte by byte as they are."""
        with self.client(user) as client:
            if not client.folder_exists(folder):
                client.create_folder(folder)
            if not client.has_capability("MULTIAPPEND"):
                for raw in raws:
                    client.append(folder, raw, flags, at)
                return
            about = {"flags": flags} | ({"date": at} if at else {})
            client.multiappend(folder, [{"msg": raw} | about for raw in raws])

    def flags(self, user: str, folder: str = "INBOX") -> dict[int, set[bytes]]:
        """Return the flags of each message, by its UID."""
        with self.client(user) as client:
            client.select_folder(folder, readonly=True)
            uids = client.search()
            return {uid: set(flags) - {b"\\Recent"} for uid, flags in client.get_flags(uids).items()}

    def subjects(self, user: str, folder: str = "INBOX") -> list[str]:
        """Return the subjects in a folder, in the order of the UIDs; none for a folder that does not exist."""
        with self.client(user) as client:
            if not client.folder_exists(folder):
                return []
            client.select_folder(folder, readonly=True)
            found = client.fetch(client.search(), ["BODY.PEEK[HEADER.FIELDS (SUBJECT)]"])
            return [found[uid][b"BODY[HEADER.FIELDS (SUBJECT)]"].decode().strip()[9:] for uid in sorted(found)]

    def set_uid_validity(self, user: str, uid_validity: int, folder: str = "INBOX") -> None:
        """Change a folder's UIDVALIDITY, as after a restore from a backup; the UIDs stay."""
        command = ["doveadm", "-c", str(self.root / "dovecot.conf"), "mailbox", "update"]
        subprocess.run([*command, "--uid-validity", str(uid_validity), "-u", user, folder], check=True)

    def settings(self, user: str, **changes: Any) -> MailboxSettings:
        """Return the settings of a mailbox on this server, over TLS unless changed."""
        usual = MailboxSettings(
            name="noc", host="localhost", port=self.imaps, username=user, credential=PASSWORD, ca_file=self.ca
        )
        return replace(usual, **changes)

    def plain(self, user: str, port: int | None = None, **changes: Any) -> MailboxSettings:
        """Return settings without TLS, so that a proxy can see the commands."""
        return self.settings(
            user, **{"host": "127.0.0.1", "port": port or self.imap, "tls": "none", "ca_file": None} | changes
        )

    def kick(self, user: str) -> None:
        """End a user's sessions, with a word of farewell."""
        command = ["doveadm", "-c", str(self.root / "dovecot.conf"), "kick", user]
        subprocess.run(command, check=True, capture_output=True)

    def start_again(self) -> "Dovecot":
        """Return the server as it runs again, on the same ports, after ``stop``."""
        server = replace(self, process=_run(self.root))
        assert _answers(server), _said(self.root)
        return server

    def shut_down(self) -> None:
        """End the server as an operator does, with a word to its clients; ``start_again`` brings it back."""
        self.process.terminate()
        self.process.wait(30)

    def stop(self) -> None:
        """End the server and whatever it has started, at once: nobody needs its files any more."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def program() -> str | None:
    """Return the path of Dovecot, None where it is not installed."""
    # Debian keeps it where the path of an ordinary user does not look.
    return shutil.which("dovecot", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


@contextmanager
def running_dovecot(root: Path, variant: str = "plain") -> Iterator[Dovecot]:
    """Run a server with its files in a folder, which is made; others must be able to enter the folder above it."""
    server = start(root, variant)
    try:
        yield server
    finally:
        server.stop()


def start(root: Path, variant: str = "plain", attempts: int = 3) -> Dovecot:
    """Return a server that answers; its files are in a folder, which is made. The caller stops it."""
    root.mkdir(exist_ok=True)
    make_certificate(root)
    (root / "users").write_text(f"umlaut:{{PLAIN}}{UMLAUTS}::::::\n")
    imap, imaps = _free_ports(2)
    (root / "dovecot.conf").write_text(_configuration(root, imap, imaps) + _of_variant(root, variant))
    server = Dovecot(root=root, imap=imap, imaps=imaps, process=_run(root))
    if _answers(server):
        return server
    server.stop()
    # Another process may have taken a port meanwhile.
    assert attempts > 1, f"Dovecot does not start: {_said(root)}"
    return start(root, variant, attempts - 1)


def _of_variant(root: Path, variant: str) -> str:
    """Return what is appended to the configuration; the files for tokens are made where they are asked for."""
    text = VARIANTS[variant]
    if "@TOKENS@" not in text:
        return text
    key = root / "keys" / "default" / "HS256" / "default"
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_bytes(base64.b64encode(TOKEN_KEY))

    def placed(pattern: str) -> str:
        return pattern.replace("@ROOT@", str(root)).replace("@ISSUER@", TOKEN_ISSUER)

    (root / "oauth2.ext").write_text(placed(_OAUTH2_EXT_OF_2_3))
    return text.replace("@TOKENS@", placed(_TOKENS_OF_2_3 if _version() < (2, 4) else _TOKENS_OF_2_4))


def _run(root: Path) -> "subprocess.Popen[bytes]":
    with (root / "output").open("ab") as output:
        return subprocess.Popen(
            [str(program()), "-F", "-c", str(root / "dovecot.conf")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _configuration(root: Path, imap: int, imaps: int) -> str:
    # Dovecot gives no mail to root.
    mail = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    (root / "mail").mkdir(exist_ok=True)
    if os.geteuid() == 0:
        os.chown(root / "mail", mail.pw_uid, mail.pw_gid)
    head, body = ("", _OF_2_3) if _version() < (2, 4) else (_VERSIONS_OF_2_4, _OF_2_4)
    facts = {"root": root, "imap": imap, "imaps": imaps, "uid": mail.pw_uid, "gid": mail.pw_gid, "password": PASSWORD}
    return head + _owner() + (_CONFIGURATION + body).format(**facts)


@functools.cache
def _version() -> tuple[int, ...]:
    """Return the version of Dovecot, as in (2, 3, 19)."""
    said = subprocess.run([str(program()), "--version"], check=True, capture_output=True, text=True).stdout
    return tuple(int(number) for number in re.findall(r"\d+", said.split()[0])[:3])


def _owner() -> str:
    """Return the settings by which an ordinary user runs all of it; root has users of the package for that."""
    if os.geteuid() == 0:
        return ""
    name, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    return f"default_internal_user = {name}\ndefault_internal_group = {group}\ndefault_login_user = {name}\n"


def make_certificate(root: Path) -> None:
    """Put into a folder, as key.pem and cert.pem, a key and a certificate for localhost that is its own CA."""
    # Dovecot's package depends on this program.
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "3650", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(root / "key.pem"), "-out", str(root / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )


def _answers(server: Dovecot) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", server.imap), timeout=START_SECONDS) as sock:
                return sock.recv(100).startswith(b"* OK")
        except OSError:
            time.sleep(0.02)
    return False


def _said(root: Path) -> str:
    texts = (path.read_text(errors="replace") for path in (root / "output", root / "log") if path.exists())
    return "\n".join(texts)


def _free_ports(count: int) -> list[int]:
    """Return ports where nothing listens, all different."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
