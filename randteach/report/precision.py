"""Students in another precision against those in float32, and a control: equivalence within a point."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from randteach.config.labels import label
from randteach.kinds import measured, measures
from randteach.report import features
from randteach.report.grid import Grid
from randteach.report.results import Results
from randteach.report.rows import NETWORK, Row, panels, settings, where, within
from randteach.report.statistics import Estimate, estimates, gains, interval, sample, teachers_needed
from randteach.report.style import INK, INPUT, TEACHER, networks, page, save
from randteach.report.verdicts import CONTRADICTED, NOT_RUN, SEEN, UNDECIDED, Alike

SETTING, USUAL = "distill.precision", "fp32"
RULE = Alike(1.0)
CONTROL = "control"
NEIGHBOUR = 1e-6  # from an alpha to that of its control
WORDS = {SEEN: "equal", CONTRADICTED: "unequal", UNDECIDED: UNDECIDED, NOT_RUN: NOT_RUN}
MOST = 16  # teachers of a study
CAPTION = (
    f"control: {USUAL} from a start of which the last bits differ. equal: the 90 % interval of the mean of "
    f"paired differences lies within ±{label(RULE.margin)} point (TOST). takes n: teachers with which the "
    "test succeeds in four of five studies where there is no difference, by the spread of these."
)


@dataclass(frozen=True)
class Line:
    """Differences of an arm from float32, in points of test accuracy, teacher by teacher."""

    network: str
    measure: str
    alpha: float
    arm: str
    usual: Estimate
    difference: Estimate

    @property
    def interval(self) -> tuple[float, float]:
        """The 90 % interval of the mean."""
        return interval(self.difference.draws, RULE.level)


def contents(results: Results) -> list[Line]:
    """All arms, by network, measure and alpha."""
    students = _students(results)
    axes = _axes(students)
    return [
        line
        for values in panels(students, axes)
        for line in _network(networks(axes, values), within(students, axes, values))
    ]


def _students(results: Results) -> list[Row]:
    return [row for row in features.students(results.rows) if SETTING in row]


def _axes(students: Sequence[Row]) -> list[str]:
    return [*NETWORK, *(name for name in settings(students) if name != SETTING)]


def _sample(results: Results) -> str:
    """The teachers of a network: those with other norm layers are other draws."""
    students = _students(results)
    return sample(students, _axes(students))


def _network(network: str, rows: Sequence[Row]) -> Iterator[Line]:
    arms = sorted({row[SETTING] for row in rows} - {USUAL})
    alphas = sorted({row["alpha"] for row in rows if row[SETTING] in arms})
    made = {row["measure"] for row in rows}
    for measure in [name for name in measures() if name in made]:
        own = where(rows, measure=measure)
        for alpha in alphas:
            usual = where(own, alpha=alpha, **{SETTING: USUAL})
            beside = [row for row in where(own, **{SETTING: USUAL}) if _is_control(row["alpha"], alpha)]
            for arm in arms:
                yield _line(network, arm, where(own, alpha=alpha, **{SETTING: arm}), usual, (SETTING,))
            if beside:
                yield _line(network, CONTROL, beside, usual, ("alpha",))


def _is_control(alpha: float, of: float) -> bool:
    return alpha != of and abs(alpha - of) < NEIGHBOUR


def _line(
    network: str, arm: str, ours: Sequence[Row], usual: Sequence[Row], without: tuple[str, ...]
) -> Line:
    (one,) = estimates(usual, ()).values()
    (difference,) = estimates(gains(ours, usual, without), ()).values()
    return Line(network, usual[0]["measure"], usual[0]["alpha"], arm, one, difference)


def show(results: Results) -> list[Grid]:
    """The table: each arm's difference, its test, and how many teachers such a test takes."""
    lines = contents(results)
    n = _sample(results)
    heads = ["network", "measure", "alpha", "arm", USUAL, "difference", "90 % interval", "", "p", "takes n ="]
    rows: list[Sequence[str]] = []
    for line in lines:
        (low, high), values = line.interval, line.difference.draws
        verdict = RULE.verdict(values)
        takes = teachers_needed(values, RULE.margin, MOST)
        rows.append(
            [
                line.network,
                line.measure,
                label(line.alpha),
                line.arm,
                f"{line.usual.mean:.1f}",
                f"{line.difference.mean:+.2f}",
                f"{low:+.2f} … {high:+.2f}",
                WORDS[verdict],
                RULE.beside(values).removeprefix("TOST p ").removeprefix("= "),
                f"> {MOST}" if takes is None else str(takes),
            ]
        )
    title = f"Students in other precisions less those in {USUAL}, points of test accuracy ({n})"
    return [Grid(title, heads, 4, CAPTION, rows)] if rows else []


def draw(results: Results, folder: Path, name: str = "figure") -> None:
    """A panel a network: differences by measure and alpha, an arm a colour, with the margin as a band."""
    lines = contents(results)
    found = list(dict.fromkeys(line.network for line in lines))
    if not any(line.difference.n for line in lines):
        return
    arms = list(dict.fromkeys(line.arm for line in sorted(lines, key=lambda line: line.arm == CONTROL)))
    places = list(dict.fromkeys((line.measure, line.alpha) for line in lines))
    with page(2.6 * len(found) + 2.6, 0.32 * len(places) + 1.6) as figure:
        panels_ = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
        for panel, network in zip(panels_, found, strict=True):
            panel.axvspan(-RULE.margin, RULE.margin, color="#dddddd", alpha=0.5, lw=0)
            panel.axvline(0, color=INK, linewidth=0.8)
            for line in lines:
                if line.network == network and line.difference.n:
                    _draw(
                        panel, line, places.index((line.measure, line.alpha)), arms.index(line.arm), len(arms)
                    )
            panel.set_title(network.replace(", ", ",\n"), fontsize=8)
            panel.set_xlabel(f"difference from {USUAL} (points)")
        names = [f"{measured(measure)}, alpha {label(alpha)}" for measure, alpha in places]
        panels_[0].set_yticks(range(len(places)), names)
        panels_[0].set_ylim(len(places) - 0.5, -0.5)
        figure.suptitle(
            f"Equal within {label(RULE.margin)} point? ({_sample(results)}; bars: 90 % interval)", fontsize=10
        )
        handles = [
            Line2D([], [], color=_color(at), marker="o", linewidth=1, label=arm)
            for at, arm in enumerate(arms)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(arms), fontsize=8)
        save(figure, folder, name)


def _draw(panel: Axes, line: Line, at: int, arm: int, arms: int) -> None:
    mean, (low, high) = line.difference.mean, line.interval
    ends = [[mean - low], [high - mean]] if line.difference.n > 1 else None
    place = at + 0.6 * ((arm + 0.5) / arms - 0.5)
    panel.errorbar(
        [mean], [place], xerr=ends, fmt="o", color=_color(arm), markersize=4, capsize=2, linewidth=1
    )


def _color(arm: int) -> str:
    return (INK, TEACHER, INPUT)[arm]
