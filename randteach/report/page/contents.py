"""What the page says, as plain texts: claims with their lines, then studies."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from randteach.errors import Unreadable
from randteach.report.claim import Claim
from randteach.report.claims import CLAIMS
from randteach.report.findings import Finding, findings
from randteach.report.page.figures import Shown, shown
from randteach.report.statistics import Estimate
from randteach.report.stored import Stored, stored
from randteach.report.summary import number
from randteach.report.verdicts import VERDICTS
from randteach.store import plans
from randteach.store.store import Store


@dataclass(frozen=True)
class Line:
    """A verdict with its numbers, as texts."""

    verdict: str
    in_paper: bool
    setting: str
    mark: str  # of the note on what is unlike the paper
    study: str
    n: str
    ours: str
    theirs: str
    difference: str
    interval: str
    note: str


@dataclass(frozen=True)
class Argued:
    """A claim, its lines by arm, and the studies that they rest on."""

    claim: Claim
    arms: Mapping[str, Sequence[Line]]
    counts: Mapping[bool, Mapping[str, int]]  # verdicts, in the paper's setting or not
    paper: Sequence[tuple[str, Sequence[str]]]  # what it says, and of which arms
    notes: Sequence[tuple[str, str]]  # a mark, and what is unlike the paper
    studies: Sequence["Section"]


@dataclass(frozen=True)
class Section:
    """A study on the page; without results where its plan can't be read."""

    anchor: str
    name: str
    stored: Stored | None
    shown: Shown = field(default_factory=lambda: Shown([], [], []))
    first: int = 0  # number of its first figure


@dataclass(frozen=True)
class Contents:
    """All of the page."""

    claims: Sequence[Argued]
    studies: Sequence[Section]


def contents(store: Store) -> Contents:
    """Read all studies of a store, and judge the claims by them."""
    sections: list[Section] = []
    figures = 0
    for number_of, name in enumerate(plans.studies(store), start=1):
        anchor = f"study-{number_of}"
        try:
            found = stored(store, name)
        except Unreadable:
            sections.append(Section(anchor, name, None))
            continue
        section = Section(anchor, name, found, shown(found), figures + 1)
        figures += len(section.shown.figures)
        sections.append(section)
    return Contents([_argued(claim, sections) for claim in CLAIMS], sections)


def _argued(claim: Claim, sections: Sequence[Section]) -> Argued:
    results = {one.name: one.stored.results for one in sections if one.stored}
    found = findings(claim, results)
    settings = list(dict.fromkeys((one.setting, one.unlike) for one in found if one.unlike))
    marks = {about: chr(ord("a") + at) if at < 26 else str(at) for at, about in enumerate(settings)}
    arms: dict[str, list[Line]] = {}
    for one in found:
        arms.setdefault(one.arm, []).append(_line(one, claim.form, marks.get((one.setting, one.unlike), "")))
    counts = {
        in_paper: _counts([one.verdict for one in found if one.in_paper == in_paper])
        for in_paper in (True, False)
    }
    notes = [
        (marks[one], f"{one[0]}. Unlike the paper, whose values are in brackets: {one[1]}")
        for one in settings
    ]
    used = {one.study for one in found}
    said = [(text, [arm for arm in claim.arms if claim.said(arm) == text]) for text in _said(claim)]
    return Argued(claim, _joined(arms), counts, said, notes, [one for one in sections if one.name in used])


def _joined(arms: Mapping[str, Sequence[Line]]) -> dict[str, Sequence[Line]]:
    """The lines by arm; arms that nothing was run of have theirs in common."""
    idle = [arm for arm, lines in arms.items() if not any(line.study for line in lines)]
    found = {arm: lines for arm, lines in arms.items() if arm not in idle}
    return found | ({", ".join(idle): arms[idle[0]]} if idle else {})


def _said(claim: Claim) -> list[str]:
    return list(dict.fromkeys(map(claim.said, claim.arms)))


def _counts(verdicts: Sequence[str]) -> dict[str, int]:
    counts = Counter(verdicts)
    return {verdict: counts[verdict] for verdict in VERDICTS if counts[verdict]}


def _line(one: Finding, form: str, mark: str) -> Line:
    low, high = (minus(number(end, f"+{form}")) for end in (one.low, one.high))
    return Line(
        one.verdict,
        one.in_paper,
        one.setting,
        mark,
        one.study,
        one.difference.count if one.study else "",
        _mean(one.ours, form),
        _mean(one.theirs, form),
        minus(number(one.difference.mean, f"+{form}")) if one.difference.n else "",
        f"{low} … {high}" if one.difference.n > 1 else "",
        one.note,
    )


def _mean(point: Estimate, form: str) -> str:
    return minus(number(point.mean, form)) if point.n else ""


def minus(text: str) -> str:
    """A number's text with a proper minus sign."""
    return text.replace("-", "\N{MINUS SIGN}")
