"""What a node knows of its cluster, and the digest of the installed code."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from randteach.cli import main as cli
from randteach.cli import options
from randteach.environment import cluster, code
from randteach.errors import UserError
from tests.studies import STUDY


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "config" / "randteach" / "cluster.yaml"
    path.parent.mkdir(parents=True)
    return path


def test_without_the_file_this_is_no_node() -> None:
    assert cluster.here() is None


def test_what_set_up_writes_is_read(config: Path) -> None:
    config.write_text("store: s3://bucket/x\nmlflow: http://127.0.0.1:5000\naddress: auto\n")
    assert cluster.here() == cluster.Cluster("s3://bucket/x", "http://127.0.0.1:5000", "auto")
    config.write_text("store: /shared\n")
    assert cluster.here() == cluster.Cluster("/shared")


@pytest.mark.parametrize("text", ["stoer: /shared\n", "mlflow: http://x\n", "store: [\n", "- a\n"])
def test_a_broken_file_is_one_message(config: Path, text: str) -> None:
    config.write_text(text)
    with pytest.raises(UserError, match=r"cluster.yaml: .*infra/node.sh writes it anew"):
        cluster.here()


def test_a_sweep_on_a_node_takes_what_was_not_said(config: Path, tmp_path: Path) -> None:
    config.write_text(f"store: {tmp_path}/shared\naddress: 127.0.0.1:1\nmlflow: http://127.0.0.1:2\n")
    parser = options.parser(STUDY)

    def taken(*argv: str) -> tuple[str | None, ...]:
        args = parser.parse_args([*argv])
        cli._on_cluster(args, Console(quiet=True))
        return args.address, args.store, args.mlflow

    assert taken() == ("127.0.0.1:1", f"{tmp_path}/shared", "http://127.0.0.1:2")
    assert taken("--store", "here", "--address", "there") == ("there", "here", "http://127.0.0.1:2")
    assert taken("--local") == (None, None, None)


def test_the_digest_is_that_of_the_files(tmp_path: Path) -> None:
    """The same wherever the packages lie; another one with any change of a module."""
    for name in ("randteach", "loaders"):
        shutil.copytree(name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "randteach" / "notes.txt").write_text("no module")

    def there() -> str:
        program = "from randteach.environment import code; print(code.digest())"
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        return done.stdout.strip()

    assert there() == code.digest()
    with open(tmp_path / "loaders" / "noise.py", "a") as file:
        file.write("\n")
    assert there() not in ("", code.digest())
