"""What is the paper's setting: each sweep's preset `paper`, for every claim that it tests."""

from importlib import import_module
from pathlib import Path

import pytest

from randteach.config import overrides
from randteach.jobs.study import expand
from randteach.report import findings, table
from randteach.report.claims import CLAIMS
from randteach.report.findings import Finding
from randteach.report.results import Results
from randteach.store.store import Store

SWEEPS = sorted({sweep for claim in CLAIMS for sweep in claim.sweeps})


def judged(folder: Path, sweep: str, *typed: str) -> dict[str, list[Finding]]:
    """Findings on the claims that a sweep tests, as if its preset `paper` had been run with one seed."""
    study = import_module(f"sweeps.{sweep}").STUDY
    plan = expand(study, overrides.parse(study.presets["paper"], ["seed=0", *typed]))
    frame = table.build(Store(folder), study.name, [job.entry for job in plan.jobs], plan.settings)
    made = frame.assign(status="ok", value=50.0 + frame.index.to_numpy() % 7)
    results = {study.name: Results(made, plan.settings, {})}
    tested = [claim for claim in CLAIMS if sweep in claim.sweeps]
    return {claim.name: [one for one in findings.findings(claim, results) if one.study] for claim in tested}


@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_sweeps_preset_paper_is_the_papers_setting_for_its_claims(tmp_path: Path, sweep: str) -> None:
    for claim, found in judged(tmp_path, sweep).items():
        arms = next(one.arms for one in CLAIMS if one.name == claim)
        assert len({one.arm for one in found if one.in_paper and one.difference.n}) == len(arms), claim
    for claim, found in judged(tmp_path, sweep, "distill.lr=0.01").items():
        assert found and not any(one.in_paper for one in found), claim


def test_statistics_of_the_probed_set_are_not_the_papers(tmp_path: Path) -> None:
    """Tables 2 and 4 were probed with those of the source."""
    found = judged(tmp_path, "transfer")["transfer"]
    source = [one for one in found if "distilled on TinyImageNet" in one.setting]
    assert {one.in_paper for one in source if one.setting.endswith("=distilled")} == {True}
    assert {one.in_paper for one in source if one.setting.endswith("=own")} == {False}
    (unlike,) = {one.unlike for one in source if not one.in_paper}
    assert unlike == "probe.normalise=own (distilled)"
