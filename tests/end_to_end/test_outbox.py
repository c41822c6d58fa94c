"""Where the configuration names a NetBox, what changes is due there, with the texts of the mails that changed it."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from domain.events import EventKey, id_key_of
from domain.vocabulary import Kind
from ingestor.cli import main
from storage import database
from storage.notices import notices_of

MAILS = Path(__file__).parents[1] / "mail" / "zayo"
NETBOX = '[netbox]\nurl = "https://netbox.example"\ntoken = { env = "NOWHERE" }\n'


def configured(directory: Path, more: str) -> Path:
    path = directory / "config.toml"
    path.write_text(f'[database]\nurl = "sqlite:///{directory / "maintd.db"}"\n[log]\nlevel = "error"\n{more}')
    return path


def run(capsys: pytest.CaptureFixture[str], config: Path, *words: str) -> Any:
    capsys.readouterr()
    assert main([*words, "--config", str(config), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("named", [True, False])
def test_what_mails_and_people_change_is_due_where_a_netbox_is_named(tmp_path, capsys, named) -> None:
    config = configured(tmp_path, NETBOX if named else "")
    run(capsys, config, "import", str(MAILS))
    events = run(capsys, config, "events")
    assert len(events) > 1
    assert run(capsys, config, "stats")["outbox"]["due"] == (len(events) if named else 0)
    shown = run(capsys, config, "ack", events[0]["id"])
    assert (shown["netbox"] is not None) == named
    assert main(["db", "check", "--config", str(config)]) == 0

    key = EventKey(kind=Kind(shown["kind"]), provider=shown["provider"], id_key=id_key_of(shown["id"]))
    with closing(database.open_store(f"sqlite:///{tmp_path / 'maintd.db'}")) as store, store.reading() as connection:
        notices = notices_of(connection, key, shown["generation"])
    assert len(notices) == shown["updates"]
    assert all("Zayo" in notice.text for notice in notices)
