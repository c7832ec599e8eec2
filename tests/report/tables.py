"""Tidy tables for tests of reports, made by hand or at random, as `report.table` builds them."""

import itertools
import random
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from randteach.report.table import COLUMNS

Row = dict[str, Any]
FLOATS = ("epoch", "alpha", "value", "at", "kept", "rewind", "gamma", "x", "y", "distill.lr")
INTEGERS = ("width", "seed", "step", "round", "seeds.order", "seeds.teacher", "seeds.probe", "data.size")
NET: Row = {"arch": "resnet18", "width": 8}
SKIPPED = "skipped: parent diverged"


def frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows as a table: swept settings last, floats and exact integers as their columns have them."""
    rows = list(rows)
    swept = sorted({name for row in rows for name in row} - set(COLUMNS))
    found = pd.DataFrame(rows).reindex(columns=[*COLUMNS, *swept])
    for name in found.columns:
        if name in FLOATS:
            found[name] = pd.to_numeric(found[name], errors="coerce").astype("float64")
        elif name in INTEGERS or name.endswith("_size"):
            found[name] = pd.array(found[name], dtype="Int64")
    return found


def number(kind: str, role: str, measure: str, value: float | None, **more: Any) -> Row:
    """A row of a made job, or of a lost one where it has no value and names its status."""
    base: Row = {"study": "s", "kind": kind, "role": role, "measure": measure, "split": "test"}
    base |= {"value": value, "status": "ok" if value is not None else "missing"} | more
    named = sorted((n, str(v)) for n, v in base.items() if n not in ("measure", "split", "value", "status"))
    return {**base, "key": str(named)}


def student(seed: int, value: float | None, epoch: int = 10, **more: Any) -> Row:
    """A student's probe; its teacher is that of its seed unless `draw` says otherwise."""
    place = {"probed_on": "fashion_mnist", "dataset": "fashion_mnist", **NET, "alpha": 0.3, "seed": seed}
    place |= {"draw": f"d{seed}", "teacher": f"d{more.get('draw', f'd{seed}')}", "epoch": float(epoch)}
    return number(
        "probe", "student", **{"measure": "linear", "value": value, "step": 10 * epoch, **place, **more}
    )


def teacher(seed: int, value: float | None, **more: Any) -> Row:
    """The probe of a student's teacher."""
    place = {"probed_on": "fashion_mnist", **NET, "seed": seed, "draw": f"d{seed}", "teacher": f"dd{seed}"}
    return number("probe", "teacher", **{"measure": "linear", "value": value, **place, **more})


def pixels(value: float | None, **more: Any) -> Row:
    """The probe of raw pixels."""
    place = {"probed_on": "fashion_mnist"}
    return number("probe", "input", **{"measure": "linear", "value": value, **place, **more})


AXES: dict[str, list[Any]] = {
    "seeds.order": [0, 1],
    "seeds.teacher": [0, 1, 2],
    "seeds.probe": [0, 1],
    "distill.lr": [1e-3, 1e-2],
    "distill.teacher_norm": ["identity", "calibrated"],
    "data.size": [16, 28],
    "probe.train_size": [100, 1000],
    "probe.epochs": [10, 100],
    "width": [8, 16],
    "dataset": ["fashion_mnist", "cifar10"],
}
OF_PROBES = ("seeds.probe", "probe.train_size", "probe.epochs", "data.size", "probed_on")


def features(rng: random.Random, rounds: int = 0) -> list[Row]:
    """A random study of students along training, with teachers and pixels; of restarts where `rounds`."""
    axes: dict[str, list[Any]] = {"seed": list(range(rng.choice((1, 2, 2, 3, 4))))}
    axes["alpha"] = sorted(rng.sample([0.0, 1e-10, 0.3, 1.0], rng.choice((1, 1, 2))))
    for name in rng.sample(sorted(AXES), rng.choice((0, 1, 2, 2, 3))):
        if len(list(itertools.product(*axes.values()))) <= 6:
            axes[name] = AXES[name]
    epochs = rng.choice(([0, 1, 4], [0, 2], [0], [1, 4]))
    splits = ("test", "val") if rng.random() < 0.5 else ("test",)
    measures = (
        {"probe": ("linear", "knn"), "measure": ("logistic",)} if rng.random() < 0.5 else {"probe": ("knn",)}
    )
    rows: dict[Any, Row] = {}

    def add(kind: str, role: str, labels: Mapping[str, Any], lost: str | None) -> None:
        own = {n: v for n, v in labels.items() if not (n == "probe.epochs" and kind == "measure")}
        key = str(sorted((kind, role, *map(str, own.items()))))
        lost = lost or rng.choices([None, "missing", "failed"], [12, 1, 1])[0]
        for measure, split in itertools.product(measures[kind], splits):
            value = None if lost else rng.randrange(9) * 12.5 + rng.choice((0.0, 0.1))
            row: Row = {"study": "s", "key": key, "kind": kind, "role": role, **own, "measure": measure}
            row |= {"split": split, "value": value, "status": lost or "ok"}
            rows.setdefault((key, measure, split), row)

    for values in itertools.product(*axes.values()):
        point = dict(zip(axes, values, strict=True))
        seed = point.get("seeds.teacher", point["seed"])
        norm = point.get("distill.teacher_norm", "identity")
        net = {"arch": "resnet18", "width": point.get("width", 8)}
        draw = f"d{seed}w{net['width']}"
        named = {"probed_on": "fashion_mnist", **{n: point[n] for n in OF_PROBES if n in point}}
        about = {"dataset": "fashion_mnist", **point, **net, "draw": draw, "probed_on": "fashion_mnist"}
        drawn = {**named, **net, "seed": seed, "draw": draw, "teacher": draw + norm}
        drawn |= {name: point[name] for name in ("distill.teacher_norm", "seeds.teacher") if name in point}
        if norm == "calibrated":
            drawn["dataset"] = about["dataset"]
        above = draw + norm
        for number in range(1, rounds + 1) if rounds else [0]:
            student: Row = {**about, "teacher": above} | ({"round": number} if number else {})
            own = {n: v for n, v in student.items() if n not in OF_PROBES or n == "data.size"}
            above = str(sorted(map(str, own.items())))  # how it is probed makes no other student
            if ("distill", above) not in rows:
                fate = rng.choices(["ok", "diverged", "unmoved"], [8, 1, 1])[0]
                base: Row = {"study": "s", "key": above, "kind": "distill", "role": "student", **own}
                rows["distill", above] = base | {"measure": "loss", "value": 1.0, "status": fate, "step": 0}
            fate, since = rows["distill", above]["status"], rng.choice(epochs)
            for kind, epoch in itertools.product(measures, epochs):
                place = {"step": 10 * epoch, "epoch": float(epoch)}
                lost = SKIPPED if fate == "diverged" and epoch >= min(since, max(epochs)) else None
                add(kind, "student", {**student, **place}, lost)
        for kind in measures:
            add(kind, "teacher", drawn, None)
            add(kind, "input", named, None)
    found = list(rows.values())
    for row in rng.sample(found, min(len(found), rng.choice((0, 0, 2)))):
        again = row["value"] if row["value"] is None or rng.random() < 0.5 else row["value"] + 1
        found.append({**row, "value": again})
    rng.shuffle(found)
    return found


def tickets(rng: random.Random) -> list[Row]:
    """A random study of lottery tickets: of students, of their teachers rewound, and of controls."""
    axes: dict[str, list[Any]] = {"seed": list(range(rng.choice((1, 2, 3))))}
    for name in rng.sample(["seeds.teacher", "tickets.scope", "distill.lr"], rng.choice((0, 1, 2))):
        axes[name] = {**AXES, "tickets.scope": ["weights", "all"]}[name]
    alphas, rewinds = rng.choice(([1e-10], [1e-10, 1.0])), rng.choice(([0.0], [0.0, 2.0], []))
    controls = rng.choice(((), ("random",), ("random", "transfer")))
    rows: dict[str, Row] = {}

    def add(number: int, kept: float, **labels: Any) -> None:
        own = {"probed_on": "fashion_mnist", **NET, **labels, "round": number, "kept": kept}
        key = str(sorted(map(str, own.items())))
        status = rng.choices(["ok", "missing", "diverged", SKIPPED], [14, 1, 1, 1])[0]
        value = None if status in ("missing", SKIPPED) else rng.uniform(0, 90)
        base: Row = {"study": "s", "key": key, "kind": "train", **own, "measure": "error", "split": "test"}
        rows.setdefault(key, base | {"value": value, "status": status, "step": 80})

    for values in itertools.product(*axes.values()):
        point = dict(zip(axes, values, strict=True))
        draw = f"d{point.get('seeds.teacher', point['seed'])}"
        shrunk = 0.5 if point.get("tickets.scope") == "all" else 0.6
        at = {"draw": draw, "teacher": draw, **point}
        drawn = {"role": "teacher", **{n: v for n, v in at.items() if n != "distill.lr"}}
        students = [
            {"role": "student", "dataset": "fashion_mnist", "alpha": alpha, "at": 10.0, **at}
            for alpha in alphas
        ]
        starts = [{**drawn, "rewind": epoch} for epoch in rewinds] + students
        for dense in [drawn, *students]:
            add(0, 1.0, **{n: v for n, v in dense.items() if n != "tickets.scope"})
        for start in starts:
            for number in (1, 2):
                add(number, shrunk**number, **start)
        for control, start in itertools.product(controls, students + starts[:1]):
            of = {"alpha": alphas[0], "at": 10.0} if control == "transfer" else {}
            if start["role"] == "student" or control == "random" or rewinds:
                add(
                    1,
                    shrunk,
                    **{**start, **of, **{n: start[n] for n in ("alpha", "at") if n in start}},
                    control=control,
                )
    return list(rows.values())


def lines(rng: random.Random) -> list[Row]:
    """A random study of mode connectivity: lines between children of teachers and of students."""
    seeds, children = range(rng.choice((1, 2, 3))), rng.choice((2, 3))
    swept = rng.choice(
        ({}, {"connect.points": [3, 5]}, {"seeds.train": [0, 1]}, {"distill.lr": [1e-3, 1e-2]})
    )
    alphas, epochs = rng.choice(([1e-10], [0.3, 1.0])), rng.choice(([10.0], [1.0, 10.0]))
    modes = rng.choice((("none",), ("interpolated", "reestimated")))
    rows: dict[Any, Row] = {}

    def add(labels: Row) -> None:
        key = str(sorted(map(str, labels.items())))
        status = rng.choices(["ok", "missing", SKIPPED], [10, 1, 1])[0]
        base: Row = {"study": "s", "key": key, "kind": "connect", **labels, "status": status}
        gammas = (0.0, 0.5, 1.0) if status == "ok" else (None,)
        places = [{"measure": "error", "split": "test", "bn": bn, "gamma": g} for bn in modes for g in gammas]
        places += [
            {"measure": f"barrier_{m}", "split": "test", "bn": b} for m in ("error", "loss") for b in modes
        ]
        places += [{"measure": name} for name in ("distance", "cosine")]
        for place in places:
            value = rng.uniform(0, 60) if status == "ok" and rng.random() < 0.97 else None
            rows.setdefault((key, str(place)), {**base, **place, "value": value})

    for seed, point in itertools.product(seeds, itertools.product(*swept.values())):
        at = dict(zip(swept, point, strict=True))
        base = {"probed_on": "fashion_mnist", **NET, "draw": f"d{seed}", "teacher": f"d{seed}", "seed": seed}
        starts = [{"role": "teacher", **base, **{n: v for n, v in at.items() if n != "distill.lr"}}]
        starts += [
            {"role": "student", "dataset": "fashion_mnist", **base, **at, "alpha": alpha, "at": epoch}
            for alpha, epoch in itertools.product(alphas, epochs)
        ]
        for start, pair in itertools.product(starts, itertools.combinations(range(children), 2)):
            add({**start, "pair": "{}-{}".format(*pair)})
    return list(rows.values())


def planes(rng: random.Random) -> list[Row]:
    """A random study of loss planes, or of lines."""
    flat = rng.random() < 0.4
    seeds = range(rng.choice((1, 2)))
    swept = rng.choice(({}, {"seeds.order": [0, 1]}, {"plane.margin": [0.1, 0.5]}))
    rows: list[Row] = []
    places = ["corners", "0"] if flat else ["corners", "0", "0.5", "1"]
    measures = [("kl", "train"), ("kl", "test"), ("linear", "test"), ("linear_std", "test"), ("knn", "test")]
    for seed, point in itertools.product(seeds, itertools.product(*swept.values())):
        at = dict(zip(swept, point, strict=True))
        base: Row = {"study": "s", "kind": "plane", "role": "student", "probed_on": "fashion_mnist", **NET}
        base |= {
            "dataset": "fashion_mnist",
            "draw": f"d{seed}",
            "seed": seed,
            "at": 10.0,
            "bn": "reestimated",
            **at,
        }
        for number, place in enumerate(places):
            lost = rng.random() < 0.1
            row = {
                **base,
                "place": place,
                "key": str((seed, point, place)),
                "status": "missing" if lost else "ok",
            }
            points = [(x, 0.5 * number - 0.5) for x in (-0.5, 0.0, 1.0, 1.5)]
            if place == "corners":
                points = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)][: 2 if flat else 3]
            for x, y in [(None, None)] if lost else points:
                for measure, split in [*measures, ("norm", None)]:
                    value = None if lost else rng.uniform(0.1, 90)
                    where = {"x": x, "y": None if flat else y, "measure": measure, "split": split}
                    rows.append({**row, **where, "value": value})
    return rows
