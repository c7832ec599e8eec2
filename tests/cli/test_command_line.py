"""The command line, frozen; and every mistake as one message, before anything starts."""

import importlib
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from loaders import DATASETS
from loaders.datasets import DataSet
from randteach.cli import estimate, machines, options
from randteach.cli import main as cli
from randteach.config.overrides import Axes, parse
from randteach.config.schema import settings
from randteach.engine.ray import connection, placement
from randteach.engine.ray.placement import Cluster, Node
from randteach.environment import numerics
from randteach.storage.folder import Folder

STUDY = importlib.import_module("sweeps.init_distance").STUDY
# Names that scripts, stores and papers rely on: add to these, change none.
OPTIONS = "-h --help --preset --local --dry-run --name --out --store --address --mlflow "
OPTIONS += "--retry --max-failures --max-hours --remake --yes"
SETTINGS = """
alpha variance_preserving seed seeds.teacher seeds.student seeds.order seeds.augment seeds.train
seeds.noise seeds.probe
net.arch net.width net.norm head.hidden_dims head.bottleneck_dim head.out_dim head.weight_norm head.bottleneck
data.name data.size data.channels data.train_size data.like data.sigma data.augment data.root
distill.epochs distill.steps distill.batch_size distill.drop_last distill.lr distill.beta1 distill.beta2
distill.weight_decay distill.loss distill.teacher_temperature distill.student_temperature distill.teacher_norm
distill.precision
probe.data probe.normalise probe.at probe.train_size probe.test_size probe.val_fraction
probe.epochs probe.batch_size probe.lr
probe.weight_decay probe.neighbours
downstream rounds
train.epochs train.batch_size train.lr train.momentum train.weight_decay train.milestones train.decay
train.augment train.padding train.precision
tickets.fraction tickets.scope tickets.rewind tickets.momentum tickets.controls tickets.at tickets.alphas
connect.children connect.points connect.train_size connect.test_size connect.at connect.alphas
plane.alphas plane.of plane.resolution plane.around plane.margin plane.coordinates plane.norm
plane.train_size plane.test_size
loader checkpoint_every
resources.distill.cpus resources.distill.gpus resources.probe.cpus resources.probe.gpus
resources.train.cpus resources.train.gpus resources.connect.cpus resources.connect.gpus
resources.plane.cpus resources.plane.gpus
"""
Fails = Callable[..., str]


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a GPU here nor the environment changes what is printed; nothing is ever run."""
    monkeypatch.setattr("randteach.cli.run.run", lambda *_: pytest.fail("it was run"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1})
    for name in ("FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Fails:
    """Run a sweep that has to be refused; its message."""

    def run(*argv: str, preset: str = "mini") -> str:
        with pytest.raises(SystemExit) as ended:
            cli.main(STUDY, ["--preset", preset, "--local", "--out", str(tmp_path / "out"), *argv])
        found = capsys.readouterr().err
        assert ended.value.code == 2
        assert found.startswith("error: ") and found.count("\n") == 1 and found.endswith("\n")
        return found

    return run


def test_options_and_settings_are_frozen() -> None:
    parser = options.parser(STUDY)
    assert [name for action in parser._actions for name in action.option_strings] == OPTIONS.split()
    defaults = {
        "preset": "paper",
        "out": "out",
        "name": None,
        "store": None,
        "address": None,
        "mlflow": None,
        "retry": 0,
    }
    defaults |= {"max_failures": None, "max_hours": None}
    flags = {"local": False, "dry_run": False, "remake": False, "yes": False, "settings": []}
    assert vars(parser.parse_args([])) == defaults | flags
    assert set(STUDY.presets) == {"smoke", "mini", "paper"}
    assert list(settings()) == SETTINGS.split()


MISTAKES = [
    ("alhpa=0", "alhpa: no such setting; did you mean alpha?"),
    ("arch=vgg11", "arch: no such setting; did you mean net.arch?"),
    ("flavour=sour", "flavour: no such setting; `randteach settings` lists all of them"),
    ("alpha", "'alpha': settings are given as name=value, e.g. alpha=1e-10,0.5,1"),
    ("alpha=", "alpha=: a value is missing"),
    ("alpha=0,,1", "alpha=0,,1: a value is missing beside a comma"),
    ("net.width=x", "net.width=x: takes a value of type int"),
    ("head.out_dim=null", "head.out_dim=null: takes a value of type int"),
    ("alpha=[0,1]", "alpha=[0,1]: takes a value of type float"),
    ("head.hidden_dims=256,256", "head.hidden_dims=256: takes a value of type list[int]"),
    ("head.hidden_dims=[256,x]", "head.hidden_dims=[256,x]: takes a value of type list[int]"),
    ("alpha=2", "alpha=2.0: allowed are numbers from 0 to 1"),
    ("alpha=0,-0.1", "alpha=-0.1: allowed are numbers from 0 to 1"),
    ("alpha=nan", "alpha=nan: allowed are numbers from 0 to 1"),
    ("distill.lr=-1", "distill.lr=-1.0: allowed are "),
    ("probe.at=[0,-1]", "probe.at=-1: allowed are numbers from 0"),
    ("net.arch=vgg12", "net.arch=vgg12: no such network; did you mean vgg1", "there are resnet18, resnet34"),
    ("distill.loss=ce,mae", "distill.loss=mae: no such loss; did you mean mse? there are ce, ce_exact, mse"),
    ("loader=hdf5", "loader=hdf5: allowed are auto, ffcv, memory, device"),
    # What is no part of a result's identity has one value.
    ("loader=ffcv,memory", "loader=ffcv,memory: can't be swept", "give one value"),
    ("distill.epochs=1,2", "distill.epochs=1,2: can't be swept", "the largest value", "probe.at=[...]"),
    ("distill.steps=1,2", "distill.steps=1,2: can't be swept", "probe.at=[...]"),
    ("probe.at=0,1", "probe.at=0,1: can't be swept", "a list in square brackets"),
    ("data.root=a,b", "data.root=a,b: can't be swept"),
    # Data sets and how much they hold.
    (
        "data.name=nist",
        "data.name=nist: no such data set; did you mean mnist? there are",
    ),
    (
        "probe.data=nist",
        "probe.data=nist: no such data set; did you mean mnist? there are",
    ),
    ("data.train_size=60001", "data.train_size=60001: fashion_mnist has 60000", "at most that"),
    ("data.train_size=60000 probe.val_fraction=0.1", "data.train_size=60000: fashion_mnist has 58889"),
    ("probe.train_size=60001", "probe.train_size=60001: fashion_mnist has 60000"),
    ("probe.test_size=10001", "probe.test_size=10001: fashion_mnist has 10000"),
    ("probe.train_size=19", "probe.neighbours=20: there are 19 training samples"),
    # Random inputs and colours.
    ("data.name=gaussian data.like=null", "data.name=gaussian: ", "data.like; set it"),
    (
        "data.name=gaussian data.like=nist",
        "data.like=nist: no such data set; did you mean mnist? there are",
    ),
    ("data.name=gaussian data.like=gaussian", "data.like=gaussian: random inputs have no labels"),
    ("probe.data=gaussian", "probe.data=gaussian", "random inputs have no labels"),
    ("data.name=cifar10 data.channels=1", "data.channels=1: cifar10 (data.name)", "set data.channels=3"),
    ("probe.data=cifar10", "data.channels=1: cifar10 (probe.data)", "set data.channels=3"),
    ("data.name=emnist probe.data=kmnist,stl10", "data.channels=1: stl10 (probe.data) has 3 channels"),
    (
        "data.name=stl10_unlabeled",
        "probe.data=stl10_unlabeled: has no labels to probe with; set it to one of",
    ),
    ("probe.data=stl10_unlabeled", "probe.data=stl10_unlabeled: has no labels", "stl10, tiny_imagenet"),
    # Shapes, batches, lengths and places that can't work.
    ("net.arch=resnet18,vgg11 data.size=28", "data.size=28: vgg11", "set data.size=32"),
    ("data.train_size=129", "distill.batch_size=128: leaves one of 129 samples", "distill.drop_last=true"),
    ("data.train_size=1", "distill.batch_size=128: leaves one of 1 samples"),
    ("data.train_size=100 distill.drop_last=true", "distill.batch_size=128: with drop_last, 100 samples"),
    ("distill.epochs=1 distill.steps=2", "distill.epochs=1 and distill.steps=2: set one of the two"),
    ("distill.epochs=null", "distill.epochs", "distill.steps", "set one of the two, e.g. distill.epochs=10"),
    # What belongs to nothing in the study.
    ("probe.at=[0,50]", "probe.at=50: lies beyond distill.epochs=10; give earlier ones, or train longer"),
    ("distill.epochs=2 probe.at=[3]", "probe.at=3: lies beyond distill.epochs=2"),
    ("distill.steps=100 probe.at=[1,2]", "probe.at=2: lies beyond distill.steps=100, which are 1.266 epochs"),
    (
        "downstream=[tickets] tickets.at=[11]",
        "tickets.at=[11]: the student has snapshots at epochs 0, 1, 2, 5, 10",
    ),
    ("downstream=[connect] connect.at=[0,20]", "connect.at=[20]: the student has snapshots at epochs"),
    ("tickets.alphas=[0]", "tickets.alphas=0: no student has this alpha", "alpha=1e-10,0.3,0.6,0.8,1"),
    ("alpha=0,1 connect.alphas=[1,0.5]", "connect.alphas=0.5: no student has this alpha", "alpha=0,1"),
    ("train.epochs=4,8 train.milestones=[4,9]", "train.milestones=9: lies beyond train.epochs=8"),
    ("data.sigma=2", "data.sigma=2: belongs to data.name=gaussian or pink or patches, and here data.name="),
    ("data.name=phase data.sigma=2", "data.sigma=2: belongs to", "and here data.name=phase; leave it out"),
    ("data.name=phase data.train_size=60001", "data.train_size=60001: fashion_mnist has 60000 such samples"),
    ("seeds.noise=1", "seeds.noise=1: belongs to data.name=gaussian or", "and here data.name=fashion_mnist"),
    ("data.name=mnist,mnist5k data.sigma=1", "data.sigma=1: belongs to data.name=gaussian", "mnist,mnist5k"),
    ("data.like=cifar10", "data.like=cifar10: belongs to data.name=gaussian"),
    (
        "net.arch=vgg11 data.size=32 distill.teacher_norm=identity,batch",
        "distill.teacher_norm=batch: net.arch",
    ),
    # Resources that are not there.
    ("resources.distill.gpus=1", "resources.distill: cpus=1 gpus=1 never fit", "has 2 CPUs and 0 GPUs"),
    ("resources.distill.gpus=0.5 --dry-run", "resources.distill: cpus=1 gpus=0.5 never fit"),
    ("resources.probe.cpus=3 --dry-run", "resources.probe: cpus=3 gpus=0 never fit", "has 2 CPUs"),
    # Names that are something else's, or no folder's.
    ("--name Default", "--name Default: is the name of something else in OUT or MLflow"),
    ("--name STORE", "--name STORE: is the name of something else"),
    ("--name data", "--name data: is the name of something else"),
    ("--name mlflow-artifacts", "--name mlflow-artifacts: is the name of something else"),
    ("--name mlflow.db-wal", "--name mlflow.db-wal: is the name of something else"),
    ("--name " + "x" * 101, ": it names a folder; letters, digits and . _ - are allowed, 100 bytes at most"),
    (
        "--store http://host/x",
        "--store http://host/x: a folder, s3://BUCKET/PATH or gs://BUCKET/PATH can be a store",
    ),
]


@pytest.mark.parametrize(("given", "parts"), [(m[0], m[1:]) for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_one_message(fails: Fails, tmp_path: Path, given: str, parts: tuple[str, ...]) -> None:
    message = fails(*given.split(" "))
    assert all(part in message for part in parts)
    assert not any(tmp_path.iterdir())  # a mistake is found before --out is touched


def test_ffcv_where_it_is_not_installed(
    fails: Fails, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("loaders.ffcv_available", lambda: False)
    message = fails("loader=ffcv")
    assert "loader=ffcv: FFCV is not installed" in message
    assert "make setup" in message and "loader=memory" in message and not any(tmp_path.iterdir())
    assert dry_run(tmp_path, capsys).startswith("FFCV is not installed: images are read from memory")


def test_no_room_on_the_disk(fails: Fails, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Folder, "free_bytes", lambda self: 12_345)
    message = fails()
    assert f"--store {tmp_path / 'out' / 'store'}: the plan needs 69.5 MB, 12.3 kB are free" in message
    assert "another place with --store" in message
    assert not any(tmp_path.iterdir())


def test_a_store_of_a_newer_version(fails: Fails, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "format.json").write_text('{"format": 99}')
    message = fails("--store", str(tmp_path / "kept"))
    assert f"--store {tmp_path / 'kept'}: was written by a newer randteach" in message
    assert not (tmp_path / "out").exists()


def test_a_set_that_is_too_large_to_be_held(
    fails: Fails, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    large = DataSet("my.large", "L", "-", "-", (3, 32, 32), 10, 6_002_688, 0, "v1", lambda *_: iter(()), True)
    typed = ["data.name=my.large", "data.size=32", "probe.data=cifar10", "--dry-run"]
    monkeypatch.setattr(connection, "cluster", lambda address: Cluster({Node(8): 1}))
    with DATASETS.extended(large):
        for loader in ("memory", "device"):
            told = f"loader={loader}: the train split of my.large has 17.2 GiB at 3 x 32 x 32, and 8 GiB"
            assert told in fails(f"loader={loader}", *typed)
            made = ["data.name=phase", "data.like=my.large", *typed[1:]]  # of its images
            assert told in fails(f"loader={loader}", *made)
        assert "--address: the train split of my.large has 17.2 GiB" in fails("--address", "auto", *typed)
        assert "my.large: has no test images" in fails("probe.data=my.large", *typed[:2])
        assert "26 jobs" in dry_run(tmp_path, capsys, "--local", "loader=ffcv", "alpha=0,1", "seed=0", *typed)
        assert dry_run(tmp_path, capsys, "--local", "loader=memory", "data.size=16", typed[0], typed[2])
    assert not any(tmp_path.iterdir())


def test_a_precision_that_the_device_lacks(
    fails: Fails, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numerics, "bf16_units", lambda: "")
    monkeypatch.setattr(Folder, "free_bytes", lambda self: 1)  # which stops all that this check lets pass
    assert "distill.precision=tf32: only GPUs have it, and resources.distill.gpus is 0" in fails(
        "distill.precision=fp32,tf32"
    )
    assert "distill.precision=fp16: allowed are fp32, tf32, bf16" in fails("distill.precision=fp16")
    assert "train.precision=bf16: has no effect" in fails("train.precision=bf16")
    assert "are free" in fails("distill.precision=bf16")
    assert dry_run(tmp_path, capsys, "--local", "distill.precision=tf32")  # for a machine that has a GPU


def test_days_on_a_cpu_have_to_be_asked_for(
    fails: Fails, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [2 * machines.DAY + 7200]
    monkeypatch.setattr(estimate, "measured_seconds", lambda jobs, threads: seconds[0])
    message = fails(preset="paper")
    assert "--preset paper: takes about 2 days 2 h" in message
    assert "--preset mini" in message and "--yes" in message
    assert not any(tmp_path.iterdir())
    # What passes this check is stopped by the next one, that of the disk.
    monkeypatch.setattr(Folder, "free_bytes", lambda self: 1)
    assert "are free" in fails("--yes", preset="paper")
    monkeypatch.setattr(connection, "cluster", lambda address: Cluster({Node(8): 1}))
    assert "are free" in fails("--address", "auto", preset="paper")
    seconds[0] = machines.DAY
    assert "are free" in fails(preset="paper")
    seconds[0] = 2 * machines.DAY
    monkeypatch.setattr(placement, "machine", lambda: Cluster({Node(8, 1): 1}))
    assert "are free" in fails("resources.distill.gpus=1", preset="paper")


def dry_run(folder: Path, capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(STUDY, ["--dry-run", "--preset", "mini", "--out", str(folder / "out"), *argv])
    out, err = capsys.readouterr()
    assert ended.value.code == 0 and not err
    return out


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = dry_run(tmp_path, capsys, "--name", "mine", "alpha=0,1", "seed=0").splitlines()
    assert lines[0] == "mine: 26 jobs, 26 missing"
    assert [line.split() for line in lines[1:4]] == [
        ["distill", "2", "done", "0", "missing", "2"],
        ["probe", "12", "done", "0", "missing", "12"],
        ["measure", "12", "done", "0", "missing", "12"],
    ]
    assert "to store; time unknown, no past jobs" in lines[4] and len(lines) == 5
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "typed",
    [
        "distill.epochs=2",  # the preset's probe.at goes on to 10
        "distill.epochs=2 downstream=[probe,tickets] train.epochs=8 rounds=1 seed=0 alpha=0.3",
        "distill.steps=158 probe.at=[0,2]",
        "data.name=gaussian,fashion_mnist data.sigma=2",
        "data.name=mnist5k data.like=mnist5k",
        "net.arch=resnet18,vgg11 data.size=32 distill.teacher_norm=batch",
        "net.arch=vgg11 data.size=32 distill.teacher_norm=identity",
        "resources.distill.cpus=2",
    ],
)
def test_what_fits_some_of_a_study_is_no_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], typed: str
) -> None:
    assert " missing" in dry_run(tmp_path, capsys, *typed.split())


@pytest.mark.parametrize("there", ["store/studies/Main", "out/Main"])
def test_names_that_some_disks_take_for_the_same(fails: Fails, tmp_path: Path, there: str) -> None:
    (tmp_path / there).mkdir(parents=True)
    message = fails("--store", str(tmp_path / "store"), "--name", "main")
    assert "--name main: there is 'Main', which some disks take for the same; give another name" in message


def test_a_containers_share_of_cores_is_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(64)))
    for text, cpus in (("max 100000", 64), ("250000 100000", 2), ("50000 100000", 1)):
        (tmp_path / "cpu.max").write_text(text)
        monkeypatch.setattr(placement, "LIMIT", tmp_path / "cpu.max")
        assert placement.machine() == Cluster({Node(cpus): 1})


def values(*pairs: str) -> Axes:
    return parse(STUDY.presets["mini"], pairs)


def test_products_in_order_without_duplicates() -> None:
    axes = parse({"seed": "0,1"}, ["alpha=1,1e-1,0.1,1.0,0", "head.hidden_dims=[8,8],[],[8,8]"])
    assert axes.values == {"seed": (0, 1), "alpha": (1.0, 0.1, 0.0), "head.hidden_dims": ([8, 8], [])}
    assert axes.swept == ("seed", "alpha", "head.hidden_dims")
    assert axes.typed == {"alpha", "head.hidden_dims"}
    points = [(p.seed, p.alpha, p.head.hidden_dims) for p in axes.points()]
    assert points == [(s, a, d) for s in (0, 1) for a in (1.0, 0.1, 0.0) for d in ([8, 8], [])]
    assert values("seed=7", "seed=8").values["seed"] == (8,)  # the last one counts
    assert values("data.root='a,b'").values["data.root"] == ("a,b",)


def test_steps_replace_a_presets_epochs_and_epochs_its_steps() -> None:
    assert "distill.epochs" not in values("distill.steps=50").values
    assert values("distill.steps=50").values["distill.steps"] == (50,)
    assert "distill.steps" not in parse({"distill.steps": "5"}, ["distill.epochs=1"]).values
    assert values("distill.steps=null").values["distill.epochs"] == (10,)


@pytest.mark.parametrize("port", [None, "70000"])
def test_ui_on_a_port_that_is_not_to_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], port: str | None
) -> None:
    """Without a database it says so; with one it says what is wrong with the port."""
    monkeypatch.setattr("os.execve", lambda *_: pytest.fail("MLflow was started"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = port or str(other.getsockname()[1])
        argv = ["randteach", "ui", "--out", str(tmp_path), "--port", number]
        for expected in (f"error: --out {tmp_path}: holds no mlflow.db", f"error: --port {number}: "):
            monkeypatch.setattr("sys.argv", argv)
            with pytest.raises(SystemExit) as ended:
                cli.command()
            found = capsys.readouterr().err
            assert ended.value.code == 2 and found.startswith(expected) and found.count("\n") == 1
            (tmp_path / "mlflow.db").touch()


@pytest.mark.parametrize("page", ["settings", "datasets"])
def test_printed_pages_are_those_of_the_documentation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], page: str
) -> None:
    monkeypatch.setattr("sys.argv", ["randteach", page])
    with pytest.raises(SystemExit) as ended:
        cli.command()
    out = capsys.readouterr().out
    assert ended.value.code == 0 and out == Path("docs", f"{page}.md").read_text()
    names = [line.split("`")[1] for line in out.splitlines() if line.startswith("| `")]
    assert names == (SETTINGS.split() if page == "settings" else list(DATASETS))
