"""The program as a whole, where what it stands on fails."""

from contextlib import contextmanager
from typing import Any, cast

from domain.errors import StorageError
from ingestor.config import MailboxTable, Settings
from ingestor.daemon import Watch, providers
from storage.database import Store


class FullDisk:
    """A store to which nothing can be written."""

    @contextmanager
    def writing(self) -> Any:
        raise StorageError("maintd.db: the disk is full")
        yield


def test_a_visit_does_not_raise_where_its_failure_cannot_be_kept() -> None:
    # Nothing listens on port 1.
    table = MailboxTable.model_validate(
        {"name": "noc", "host": "127.0.0.1", "port": 1, "tls": "none", "username": "x", "password": "x"}
    )
    watch = Watch(settings=Settings(mailbox=(table,)), store=cast("Store", FullDisk()))

    assert watch.collect(table) == ["maintd.db: the disk is full"]


def test_what_the_configuration_asks_of_a_provider_is_in_the_directory() -> None:
    settings = Settings.model_validate({"provider": [{"name": "zayo", "authentication": "dkim"}]})

    known = providers(settings, None)

    asked = {name: provider.authentication for name in ("zayo", "lumen") if (provider := known.get(name))}
    assert asked == {"zayo": "dkim", "lumen": None}
