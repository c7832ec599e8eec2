"""What studies have to say on the claims: an arm and a setting each, with its verdict."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from randteach.config import presets
from randteach.errors import UserError
from randteach.kinds import of_features
from randteach.report import connect, paper
from randteach.report.claim import Claim
from randteach.report.results import Results
from randteach.report.rows import NETWORK, Row, owners, panels, settings, within
from randteach.report.statistics import Estimate, estimates, gains, interval
from randteach.report.style import networks
from randteach.report.verdicts import NOT_RUN


@dataclass(frozen=True)
class Finding:
    """The verdict on an arm of a claim in one setting, and the numbers that it rests on."""

    arm: str
    verdict: str = NOT_RUN
    in_paper: bool = False
    setting: str = ""
    unlike: str = ""  # what is not as in the paper
    study: str = ""
    difference: Estimate = field(default_factory=Estimate)  # or the number alone
    low: float = math.nan
    high: float = math.nan
    note: str = ""
    ours: Estimate = field(default_factory=Estimate)
    theirs: Estimate = field(default_factory=Estimate)


def findings(claim: Claim, studies: Mapping[str, Results]) -> list[Finding]:
    """For each arm a line in the paper's setting, and one in each other; "not run" where there is none."""
    results = {
        name: own for name, own in studies.items() if any(is_of(name, sweep) for sweep in claim.sweeps)
    }
    lines = []
    for arm in claim.arms:
        found = [one for name, own in results.items() for one in _found(claim, arm, name, own)]
        for in_paper in (True, False):
            made = [one for one in found if one.in_paper == in_paper]
            lines += made or [Finding(arm_title(claim, arm), in_paper=in_paper)]
    return lines


def is_of(study: str, sweep: str) -> bool:
    """Whether a study is of a sweep: it has its name, or one that begins with it, as restart-small.

    Studies of the preset smoke are of none: they are not for reading.
    """
    own = study == sweep or (study.startswith(sweep) and study[len(sweep)] in "-_.")
    return own and not presets.is_smoke(study)


def arm_title(claim: Claim, arm: str) -> str:
    """What an arm is called."""
    return connect.BN.get(arm, arm) if claim.kind == "connect" else arm


def _found(claim: Claim, arm: str, study: str, results: Results) -> Iterator[Finding]:
    axes = [name for name in (*NETWORK, *settings(results.rows)) if name not in claim.varies]
    made = [row for row in results.rows if row["role"] != "input" and _gives(claim, row["kind"])]
    for values in panels(made, axes):
        sides = claim.sides(within(results.rows, axes, values), arm)
        ours = sides.ours
        if not ours:
            continue
        own, theirs = _only(estimates(ours, ())), Estimate()
        difference = own
        if sides.theirs is not None:
            difference = _only(estimates(gains(ours, sides.theirs, sides.without), ()))
            theirs = _only(estimates(owners(ours, sides.theirs, (), sides.without), ()))
        named = {name: value for name, value in zip(axes, values, strict=True) if value is not None}
        apart = _unlike(claim, results, named, ours)
        low, high = interval(difference.draws, claim.rule.level)
        yield Finding(
            arm_title(claim, arm),
            claim.rule.verdict(difference.draws),
            apart == "",
            networks(axes, values),
            apart,
            study,
            difference,
            low,
            high,
            claim.rule.beside(difference.draws),
            own,
            theirs,
        )


def _gives(claim: Claim, kind: str) -> bool:
    """Whether jobs of a kind name settings that a claim is judged in; students have those of their probes."""
    return of_features(kind) if claim.kind in ("probe", "distill") else kind == claim.kind


def _only(found: Mapping[Any, Estimate]) -> Estimate:
    return next(iter(found.values()), Estimate())


def _unlike(claim: Claim, results: Results, named: Mapping[str, Any], ours: Sequence[Row]) -> str:
    """What in a setting is not as in the paper's, (the paper's) in brackets; nothing where all is."""
    own = {name: ours[0][name] for name in ("alpha", *claim.varies) if name in ours[0]}  # a teacher has none
    row = {**dict.fromkeys(NETWORK), **named, **own}
    theirs = replace(results, paper={**presets.PAPER, **claim.setting})
    try:
        apart = paper.differences(theirs, {**claim.setting, **row}, claim.kind)
    except (UserError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return "settings that this version can't compare with the paper's"
    told = [
        f"{name}={paper.text(here)} ({paper.text(there)})"
        for name, (here, there) in apart.items()
        if name not in claim.varies
    ]
    sources, targets, networks_ = (dict.fromkeys(key[at] for key in claim.known) for at in (0, 1, 2))
    for name, value, known in (
        ("data.name", row["dataset"], sources),
        ("probe.data", row["probed_on"], targets),
        ("net.arch", row["arch"], networks_),
    ):
        if value not in known:
            told.insert(0, f"{name}={value} ({' or '.join(known)})")
    return "; ".join(told)
