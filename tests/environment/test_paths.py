"""`~` and relative paths mean the same wherever a path is typed; unusable ones are one message."""

import os
from pathlib import Path

import pytest

import randteach
from randteach.cli import main as cli
from randteach.cli.commands import run as command
from randteach.cli.run import Request
from randteach.environment import cluster, paths, security
from randteach.errors import UserError
from randteach.store.store import Store
from randteach.tracking.projector import Projector
from randteach.tracking.tree import Tree
from tests.studies import SMALL, STUDY


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder and a current one of the test's own."""
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def requested(monkeypatch: pytest.MonkeyPatch, *argv: str) -> Request:
    """What a sweep's command line asks to be run."""
    found: list[Request] = []
    monkeypatch.setattr("randteach.cli.run.run", lambda *args: found.append(args[3]) or 0)
    with pytest.raises(SystemExit) as ended:
        randteach.main(STUDY, ["--preset", "mini", "--local", *SMALL, *argv])
    assert ended.value.code == 0
    return found[0]


@pytest.mark.parametrize(("typed", "meant"), [("~/x", "home/x"), ("x", "here/x"), ("../x", "here/../x")])
def test_a_path_means_the_same_in_every_option(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, typed: str, meant: str
) -> None:
    asked = requested(monkeypatch, "--out", typed, "--store", f"{typed}/s", f"data.root={typed}/r")
    there = tmp_path / meant
    assert asked.out == there and asked.root == there / "r"
    assert asked.store.address == str(there / "s")
    asked = requested(monkeypatch, "--out", typed)
    assert asked.root == there / "data" and asked.store.address == str(there / "store")


def test_a_path_means_the_same_in_every_command_and_in_notebooks(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Store("~/out/store").prepare()
    assert (home / "out" / "store" / "format.json").exists()
    for argv in ("ls --out ~/out", "ls --store ~/out/store", "status --out ../home/out"):
        assert command(argv.split()) == 0
    for argv in (["import", "~/none.tar", "--out", "~/out"], ["ui", "--out", "~/none"]):
        with pytest.raises(UserError, match=str(home / "none")):
            command(argv)
    for call in (randteach.load, randteach.table):
        with pytest.raises(UserError, match=str(home / "out" / "store")):
            call("ab", store="~/out/store")
    assert not any((tmp_path / "here").iterdir()) and "nothing runs" in capsys.readouterr().out


def test_the_users_own_folders(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cluster.path() == home / ".config" / "randteach" / "cluster.yaml"
    assert cluster.caches() == home / ".cache" / "randteach"
    assert security.token_file() == home / ".ray" / "auth_token"
    monkeypatch.setenv("XDG_CONFIG_HOME", "~/settings")
    monkeypatch.setenv("XDG_CACHE_HOME", "caches")
    assert cluster.path() == home / "settings" / "randteach" / "cluster.yaml"
    assert cluster.caches() == Path.cwd() / "caches" / "randteach"


NOT_UTF8 = os.fsdecode(b"caf\xe9")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--out", NOT_UTF8], "--out 'caf\\udce9': is no path in UTF-8"),
        (["--store", NOT_UTF8], "--store 'caf\\udce9': is no path in UTF-8"),
        (["--out", ""], "--out: is empty; leave it out, or name a folder"),
        (["--out", "~nobody-of-this-name/x"], "--out ~nobody-of-this-name/x: there is no such home folder"),
        (["data.root=~nobody-of-this-name"], "data.root ~nobody-of-this-name: there is no such home folder"),
    ],
)
def test_an_unusable_path_is_one_message(
    capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    message = refused(capsys, *argv)
    assert message.startswith(f"error: {said}") and not any(Path.cwd().iterdir())


def test_a_file_in_the_study_s_place_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("out/taken").touch()
    assert "--name taken: there is a file of this name in" in refused(capsys, "--name", "taken")


@pytest.mark.parametrize("named", ["~", "~nobody-of-this-name"])
def test_a_home_that_is_not_there_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], named: str
) -> None:
    monkeypatch.setenv("HOME", named)
    message = refused(capsys)
    assert message.startswith("error: HOME ~: there is no such home folder; set HOME to one")
    assert not any(Path.cwd().iterdir())


def test_a_home_in_which_ray_can_keep_no_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setattr("randteach.cli.run.run", lambda *_: pytest.fail("it was run"))
    with pytest.raises(SystemExit) as ended:
        cli.main(STUDY, ["--preset", "mini"])
    assert ended.value.code == 2 and not any(Path.cwd().iterdir())
    told = "/.ray/auth_token: the token for Ray can't be kept there (Not a directory)\n"
    assert capsys.readouterr().err == f"error: {tmp_path}/file{told}"


def test_a_current_folder_that_is_gone_or_not_utf8(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    strange = tmp_path / NOT_UTF8
    strange.mkdir()
    monkeypatch.chdir(strange)
    assert refused(capsys).startswith("error: --out 'out': is no path in UTF-8")
    strange.rmdir()
    assert refused(capsys).startswith("error: --out out: the current folder is gone")


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(STUDY, ["--preset", "mini", "--dry-run", "--local", *argv])
    err = capsys.readouterr().err
    assert ended.value.code == 2 and err.count("\n") == 1
    return err


def test_paths_are_shown_short(tmp_path: Path) -> None:
    assert paths.short(Path.cwd() / "out" / "x") == "out/x" and paths.short(tmp_path) == str(tmp_path)


def test_mlflow_in_a_folder_whose_name_means_something_in_a_url(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its database and its artifacts lie there, and nothing anywhere else."""
    store = Store(tmp_path / "store")
    out = tmp_path / "a?b=c#d %20 é"
    out.mkdir()
    tree = Tree(out, store, {"study": "small", "jobs": [], "settings": {}})
    assert "mlflow" not in capfd.readouterr().err  # which tells of each database that it makes
    (tmp_path / "table.csv").write_text("x")
    tree.close([tmp_path / "table.csv"], "FINISHED")
    (run,) = tree.client.search_runs([tree.experiment])
    assert run.info.status == "FINISHED"
    assert [file.path for file in tree.client.list_artifacts(run.info.run_id)] == ["table.csv"]
    assert {path.name for path in out.iterdir()} == {"mlflow.db", "mlflow-artifacts"}
    assert {path.name for path in tmp_path.iterdir()} == {"home", "here", "table.csv", out.name}
    assert not any(Path.cwd().iterdir())


@pytest.mark.parametrize("broken", ["folder", "no room"])
def test_a_database_that_cannot_be_opened_costs_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    (tmp_path / "mlflow.db").mkdir()
    out = tmp_path if broken == "folder" else Path("/proc/self")  # where no file can be made
    projector = Projector(out, Store(tmp_path / "store"), lambda text: None)
    projector.start({"study": "small", "jobs": [], "settings": {}})
    trouble = projector.finish([], "FINISHED")
    assert ("unable to open database file" if broken == "folder" else f"{out}/") in trouble
    assert sum(slept) < 30
