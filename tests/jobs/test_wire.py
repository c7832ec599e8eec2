"""Jobs as JSON: what a worker decodes is what the driver planned."""

import json

import pytest

from randteach.cli.commands import keys
from randteach.config import overrides
from randteach.errors import UserError
from randteach.jobs import study, wire

PLANS = [plan for plan in keys.plans() if " paper" not in plan.name]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_a_job_is_the_same_behind_the_wire(plan: keys.Plan) -> None:
    jobs = study.expand(keys._sweep(plan.sweep), overrides.parse(plan.settings, [])).jobs
    for job in jobs:
        again = wire.loads(wire.dumps(job))
        assert again == job and again.key == job.key and again.entry == job.entry


def changed(**about: object) -> str:
    plan = PLANS[0]
    job = study.expand(keys._sweep(plan.sweep), overrides.parse(plan.settings, [])).jobs[0]
    found = json.loads(wire.dumps(job))
    found["spec"] |= about
    return json.dumps(found)


@pytest.mark.parametrize(
    "about", [{"colour": 1}, {"alpha": "near"}, {"teacher": {"is": "pixels"}}, {"samples": {"is": "draw"}}]
)
def test_a_record_of_another_form_is_refused(about: dict[str, object]) -> None:
    wire.loads(changed())
    with pytest.raises(ValueError, match=r"is no|are no|is none"):
        wire.loads(changed(**about))


def test_an_unknown_kind_is_refused() -> None:
    found = json.loads(changed()) | {"kind": "future"}
    with pytest.raises(UserError, match="future: no such kind of job"):
        wire.loads(json.dumps(found))
