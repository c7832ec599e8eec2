"""`ray up`, `ray submit`, `ray exec`, `ray down` over ssh, as a user types them."""

from pathlib import Path

import pytest

from tests.cluster.onprem import STUDY, Onprem

pytestmark = pytest.mark.slow
MLFLOW = """
from mlflow import MlflowClient
client = MlflowClient("http://127.0.0.1:5000")
found = client.get_experiment_by_name("init_distance")
runs = client.search_runs([found.experiment_id])
sweep = next(run for run in runs if run.data.tags["key"] == "sweep")
files = [file.path for file in client.list_artifacts(sweep.info.run_id)]
print("MLFLOW", sorted(run.data.tags.get("kind", "sweep") for run in runs), sweep.info.status, sorted(files))
"""


def test_submit_ends_in_the_figure_and_a_second_one_trains_nothing(cluster: Onprem, tmp_path: Path) -> None:
    study = [*STUDY.split(), "probe.test_size=310"]  # no job in common with what other tests have left
    said = cluster.submit(*study, step="ray submit: 2 students, 8 probes, 8 measures")
    assert "18 made, 0 cached" in said, said
    folder = cluster.results / "init_distance"
    assert (folder / "figure.png").stat().st_size > 10_000
    table = (folder / "results.csv").read_bytes()
    again = cluster.submit(*study, step="ray submit again")
    assert "18 jobs, 0 missing" in again and "0 made, 18 cached" in again, again
    assert (folder / "results.csv").read_bytes() == table
    # The same table as on one machine, in one process, without a cluster.
    alone = tmp_path / "alone"
    command = ["python", "sweeps/init_distance.py", *study, "--local", "--out", str(alone)]
    cluster.type(*command, step="the same in one process")
    assert (alone / "init_distance" / "results.csv").read_bytes() == table


@pytest.mark.parametrize("name", ["feature_rank", "own_images"])
def test_a_file_from_outside_is_all_that_is_copied(cluster: Onprem, name: str) -> None:
    """Ray copies the file to the head; workers on both machines get it with their jobs."""
    from tests.examples.test_examples import EXAMPLES

    typed, count = EXAMPLES[name]
    own = cluster.checkout / f"{name}_of_ones_own.py"
    own.write_text((cluster.checkout / "examples" / f"{name}.py").read_text())
    args = ("--preset", "mini", *typed)
    said = cluster.submit(*args, sweep=own.name, step=f"ray submit {own.name}")
    assert f"{count} made, 0 cached" in said, said
    assert (cluster.results / name / "figure.png").stat().st_size > 10_000
    again = cluster.submit(*args, sweep=own.name)
    assert f"0 made, {count} cached" in again, again


def test_mlflow_has_the_runs_and_listens_on_loopback(cluster: Onprem) -> None:
    (cluster.head.home / "look.py").write_text(MLFLOW)
    said = cluster.exec("python ~/look.py")
    kinds = ["distill"] * 2 + ["measure"] * 8 + ["probe"] * 8 + ["sweep"]
    assert f"MLFLOW {kinds} FINISHED" in said and "figure.png" in said and "results.csv" in said, said
    assert ("127.0.0.1", 5000) in cluster.head.ports()
    assert {host for host, port in cluster.head.ports() if port == 5000} == {"127.0.0.1"}


def test_the_doctor_finds_all_well_on_both_machines(cluster: Onprem) -> None:
    said = cluster.exec("COLUMNS=200 randteach doctor")
    assert f"head ({cluster.head.ip})" in said and f"worker ({cluster.worker.ip})" in said, said
    assert "0 broken" in said
    for what in ("code", "versions", "clock", "FFCV", "store", "disk", "token", "MLflow"):
        assert what in said
