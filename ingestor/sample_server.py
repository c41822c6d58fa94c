"""The IMAP server of the demo: pymap over one Maildir, in a process of its own that ``ingestor.demo`` starts.

It is a module of its own because only that process needs pymap.
"""

import asyncio
import sys
from argparse import Namespace
from contextlib import AsyncExitStack
from pathlib import Path

from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.maildir import Config, MaildirBackend
from pymap.backend.maildir.users import PasswordRecord, PasswordsFile, UserRecord, UsersFile
from pymap.imap import IMAPServer
from pysasl.hashing import BuiltinHash

# The password is random and long, so that a slow hash would only make every connection slow.
_HASH = BuiltinHash(rounds=1000)


async def serve(directory: Path, username: str, password: str) -> None:
    """Serve the Maildir ``directory/mail`` to one user on a free loopback port until standard input ends.

    The port is printed on a line of its own once connections are taken. Standard input is a pipe from the parent: it
    ends when the parent closes it and when the parent dies, however it dies, so that no server is left behind.
    """
    backend, config = await MaildirBackend.init(_arguments(directory))
    config.apply_context()
    await _admit(config, username, password)
    accept = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(backend.login, config))
    async with AsyncExitStack() as stack:
        await backend.start(stack)
        server = await asyncio.start_server(accept, host="127.0.0.1", port=0)
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        server.close()


def _arguments(directory: Path) -> Namespace:
    # What pymap's own command line would give for: --host 127.0.0.1 --port 0 --no-tls maildir DIRECTORY
    return Namespace(
        base_dir=str(directory),
        layout="++",
        colon=None,
        concurrency=4,
        host="127.0.0.1",
        port=0,
        debug=False,
        cert=None,
        key=None,
        tls=False,
        passlib_cfg=None,
        proxy_protocol=None,
    )


async def _admit(config: Config, username: str, password: str) -> None:
    base_dir = config.base_dir
    async with UsersFile.with_write(base_dir) as users, PasswordsFile.with_write(base_dir) as passwords:
        users.set(UserRecord(name=username, home_dir="mail"))
        passwords.set(PasswordRecord(name=username, password=_HASH.hash(password)))


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]).read_text(encoding="ascii")))
