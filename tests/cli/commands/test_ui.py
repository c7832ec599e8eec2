"""`randteach ui`: where it opens, without the server."""

import os
import re
from pathlib import Path

import pytest

from randteach.cli.commands import ui
from randteach.errors import UserError


def test_the_port_that_is_printed_is_the_one_that_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Port 0 is one that is free."""
    (tmp_path / "mlflow.db").touch()
    called: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda program, *started: called.append(started))
    assert ui.ui(tmp_path, 0) == 0
    ((command, environment),) = called
    assert environment["PYTHONSAFEPATH"] == "1"  # the current folder shadows nothing
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", capsys.readouterr().out)
    assert found and int(found[1]) > 0 and command[command.index("--port") + 1] == found[1]


def test_a_database_that_can_be_kept_nowhere_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="can't write there"):
        ui.serve("store", 0)
