"""Mistakes that once got through: each ended in a traceback, a wrong value or lost data."""

import errno
from pathlib import Path

import numpy as np
import pytest

from loaders.order import permutation
from randteach import identity
from randteach.cli import main as cli
from randteach.config import overrides
from randteach.config.schema import Config, Distill, check
from randteach.environment import disk
from randteach.errors import UserError
from randteach.identity.artifact import Artifact
from randteach.jobs.resolve import held_out, resolve
from randteach.store import store
from tests.studies import STUDY

MINI = STUDY.presets["mini"] | {"seed": "0", "alpha": "0.3"}


@pytest.mark.parametrize("text", ["'0.3", "[0", "{", "*", "%x", "@x", ":", "???", "${seed}"])
def test_a_value_that_is_no_yaml_or_no_value(text: str) -> None:
    with pytest.raises(UserError, match="alpha="):
        overrides.parse({}, [f"alpha={text}"])


@pytest.mark.parametrize(
    "pair",
    [
        "distill.beta1=1",
        "distill.beta2=1",
        f"seed={2**32}",
        f"seeds.order={2**32}",
        f"distill.epochs={2**31}",
        f"net.width={10**400}",
        "distill.batch_size=1",
    ],
)
def test_a_value_that_would_fail_in_the_job(pair: str) -> None:
    with pytest.raises(UserError, match=pair.partition("=")[0]):
        resolve(next(overrides.parse(MINI, [pair]).points()))


def test_a_seed_that_would_repeat_anothers_orders_is_refused() -> None:
    """In 32-bit words seed 2^32 + s at epoch e is seed s, then 1: the order of another seed's epoch."""
    samples = np.arange(100)
    assert (permutation(samples, 2**32 + 7, 0) == permutation(samples, 7, 1)).all()
    with pytest.raises(UserError) as refused:
        resolve(next(overrides.parse(MINI, [f"seeds.train={2**32}"]).points()))
    assert str(refused.value) == (
        "seeds.train=4294967296: allowed are numbers from 0 to 4294967295; "
        "a larger seed would repeat another one's orders"
    )
    assert resolve(next(overrides.parse(MINI, [f"seed={2**32 - 1}"]).points())).seeds.order == 2**32 - 1


def test_a_share_that_rounds_up_twice() -> None:
    point = next(overrides.parse(MINI, ["data.name=mnist5k", "probe.val_fraction=0.4501"]).points())
    config = resolve(point)
    assert config.probe.train_size is not None
    assert config.probe.train_size + held_out(config) == 4000


@pytest.mark.parametrize("name", ["", "..", "a/b", "../x", "a*", "[/]", "-a"])
def test_a_name_that_is_no_folders(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(STUDY, ["--preset", "mini", f"--name={name}", "--dry-run"])
    assert ended.value.code == 2 and "--name" in capsys.readouterr().err


def test_a_store_below_a_file_or_with_a_broken_format(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    place = store.Store(tmp_path / "file" / "store")
    place.check_format()
    assert (place.storage.free_bytes() or 0) > 0
    with pytest.raises(UserError, match="can't write there"):
        place.prepare()
    (tmp_path / "format.json").write_text("{")
    with pytest.raises(UserError, match="no store"):
        store.Store(tmp_path).check_format()


def test_infinity_is_out_of_bounds() -> None:
    with pytest.raises(UserError, match=r"distill\.lr=inf: allowed are"):
        check(Config(distill=Distill(epochs=1, lr=float("inf"))))


def test_settings_stand_on_both_sides_of_an_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["seed=0", "--preset", "mini", "--dry-run", "alpha=0.3", "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as ended:
        cli.main(STUDY, argv)
    assert ended.value.code == 0
    assert "init_distance: 15 jobs" in capsys.readouterr().out


@pytest.mark.parametrize("error", [OSError(errno.EIO, "I/O error"), KeyboardInterrupt()])
def test_an_interruption_behind_the_marker_leaves_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    place, artifact, flush = (
        store.Store(tmp_path),
        Artifact("probe", identity.digest("probe/1/{}")),
        disk.flush_folder,
    )

    def stop(folder: Path) -> None:
        flush(folder)
        if "done" in folder.parts:
            raise error

    place.prepare()
    monkeypatch.setattr(disk, "flush_folder", stop)
    with pytest.raises(type(error)):
        place.commit(artifact, {"config.json": b"{}"}, status="ok", seconds=0, numerics="")
    assert place.read(artifact, "config.json") == b"{}"


def test_a_stray_file_among_markers(tmp_path: Path) -> None:
    place = store.Store(tmp_path)
    place.prepare()
    (tmp_path / "done" / "probe").mkdir(parents=True)
    (tmp_path / "done" / "probe" / ".DS_Store").touch()
    assert place.done("probe") == set()
