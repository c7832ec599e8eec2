"""A plan as it is recorded: plain data, and the jobs that it consists of."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from randteach.identity import plain
from randteach.jobs.about import About
from randteach.jobs.job import Entry
from randteach.jobs.study import LABELS, Plan


def project(plan: Plan, question: str) -> dict[str, Any]:
    """A plan as it is recorded."""
    jobs, abouts = [], list[Any]()  # what many jobs have in common stands once
    for job in plan.jobs:
        item = job.entry.as_json()
        if "about" in item:
            if item["about"] not in abouts:
                abouts.append(item["about"])
            item["about"] = abouts.index(item["about"])
        jobs.append(item)
    about = {"study": plan.study, "question": question, "labels": LABELS, "about": abouts}
    return {**about, "reports": list(plan.reports), "settings": dict(plan.settings), "jobs": jobs}


def jobs_of(content: Mapping[str, Any], study: str) -> list[Entry]:
    """The jobs of a study's plan; ValueError where anything in it is not as it is written."""
    try:
        abouts = [About.from_json(item) for item in content.get("about", [])]
        jobs = [_entry(item, abouts) for item in content["jobs"]]
        settings = list(content["settings"].values())
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(str(error)) from None
    known = content.get("study") == study and isinstance(content.get("question", ""), str)
    known = known and isinstance(content.get("labels", 1), int)
    reports = content.get("reports", [])
    known = known and isinstance(reports, list) and all(isinstance(name, str) for name in reports)
    if not known or not all(isinstance(values, list) for values in settings):
        raise ValueError("is no plan of the study")
    above = set[str]()
    for job in jobs:
        if not all(parent.key in above for parent in job.parents):
            raise ValueError("has jobs before their parents")
        above.add(job.key)
    return jobs


def _entry(item: Mapping[str, Any], abouts: Sequence[About]) -> Entry:
    """A job of a plan; what is told of it stands beside the jobs."""
    own = {name: value for name, value in item.items() if name != "about"}
    number = item.get("about")
    if number is not None and not plain.is_count(number):
        raise ValueError("tells of no kind of job")
    return replace(Entry.from_json(own), about=None if number is None else abouts[number])
