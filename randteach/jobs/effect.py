"""Find typed settings that decide nothing in a study, by trying other values."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from randteach.config.labels import label
from randteach.config.overrides import Axes, with_values
from randteach.config.schema import Config, get, settings
from randteach.config.setting import Setting
from randteach.errors import UserError
from randteach.jobs.choices import CATALOGUES
from randteach.jobs.point import Point
from randteach.jobs.resolve import resolve
from randteach.jobs.study import Study

# They decide where and how fast jobs run, and so have an effect in every study; `contradictions.py` looks at
# `data.like`.
ALWAYS = ("checkpoint_every", "data.like", "data.root", "loader", "resources.")


def check(study: Study, axes: Axes) -> None:
    """UserError for a typed setting that decides nothing."""
    for name in useless(study, axes):
        given = ",".join(map(label, axes.values[name]))
        raise UserError(f"{name}={given}: has no effect in {study.name}; leave it out")


def useless(study: Study, axes: Axes) -> Iterator[str]:
    """Name typed settings whose other values leave the jobs of the first and the last point as they are."""
    typed = [name for name in axes.values if name in axes.typed and not name.startswith(ALWAYS)]
    points = list(axes.points()) if typed else []
    for name in typed:
        if not any(_decides(study, point, settings()[name]) for point in (points[0], points[-1])):
            yield name


def _decides(study: Study, config: Config, item: Setting) -> bool:
    """Whether another value of a setting, before or after nulls are filled in, means other jobs."""
    resolved = resolve(config)
    jobs = _jobs(study, resolved)
    for value in _others(item, get(config, item.name)):
        try:
            changed = with_values(config, {item.name: value})
            if jobs != _jobs(study, resolve(changed)):
                return True
        except UserError:
            return True  # it is refused, and so it matters
    return any(
        jobs != _jobs(study, with_values(resolved, {item.name: value}))
        for value in islice(_others(item, get(resolved, item.name)), 2)
    )


def _jobs(study: Study, point: Point) -> set[Any]:
    """All that a plan has of a point's jobs."""
    return {
        (job.key, *job.steps.items(), *sorted(job.states), repr(sorted(job.labels.items(), key=str)))
        for job in study.jobs(point)
    }


def _others(item: Setting, value: Any) -> Iterator[Any]:
    """Some other values of a setting, as allowed."""
    names = CATALOGUES.get(item.name, item.choices or ())
    for other in _near(item, value, list(names)):
        try:
            for one in other if isinstance(other, list) else [other]:
                if one is not None:
                    item.check(one)
        except UserError:
            continue
        if other != value:
            yield other


def _near(item: Setting, value: Any, names: list[str]) -> Iterable[Any]:
    kind = item.type.partition(" | ")[0]
    if kind == "bool":
        return [not value]
    if kind == "str":
        return names or [f"{value}_"]
    if kind == "int":
        return [0, 1, 2, 3, (value or 4) // 2, (value or 4) + 1]
    if kind == "float":
        return [0.0, 0.25, 0.75, 2 * (value or 1.0)]
    one: list[Any] = [[name] for name in names] if kind == "list[str]" else [[0], [1], [2], [1, 1]]
    return [*one, [], *([value[:-1]] if value else [])]
