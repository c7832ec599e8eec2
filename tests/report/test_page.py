"""The one page: it needs nothing but itself, its anchors resolve, and what a store says is only text."""

import base64
import dataclasses
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from randteach.report.claims import CLAIMS
from randteach.report.page import figures
from randteach.report.page.contents import Contents, contents
from randteach.report.page.render import page, render
from randteach.report.stored import Stored, stored
from randteach.report.verdicts import VERDICTS
from randteach.store import plans
from randteach.store.store import Store
from tests.cli.commands.conftest import Command, command, made, out, planned, store

__all__ = ["command", "made", "out", "store"]  # a small study, made once
HOSTILE = '</code><script src="https://x.example/x.js">alert(1)</script><img src=x onerror=alert(1)>&"\''
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Read(HTMLParser):
    """All tags with their attributes, and all text; a tag that is closed where it is not open is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, name: str) -> Iterator[str]:
        """The values of an attribute."""
        return (attrs[name] for _, attrs in self.tags if name in attrs)


def read(text: str) -> Read:
    """The page, if it needs nothing from outside and all its anchors resolve."""
    found = Read(text)
    assert {tag for tag, _ in found.tags}.isdisjoint({"script", "link", "iframe", "object", "base", "form"})
    assert not [name for _, attrs in found.tags for name in attrs if name.startswith("on")]
    anchors = list(found.of("id"))
    assert len(anchors) == len(set(anchors))
    for target in found.of("href"):
        assert target.startswith("#") and target[1:] in anchors, target
    assert all(source.startswith("data:image/png;base64,") for source in found.of("src"))
    assert "url(" not in text and "@import" not in text
    return found


@pytest.fixture(scope="module")
def whole(made: Path) -> Contents:
    return contents(Store(made / "store"))


def renamed(found: Contents, **changes: Any) -> Contents:
    """The same with changes to all its studies."""
    sections = [
        dataclasses.replace(one, stored=dataclasses.replace(one.stored, **changes))
        for one in found.studies
        if one.stored
    ]
    claims = [dataclasses.replace(one, studies=sections) for one in found.claims]
    return Contents(claims, sections)


def test_a_page_of_a_study(whole: Contents) -> None:
    text = render(whole)
    found = read(text)
    for claim in CLAIMS:
        assert claim.sentence in found.text and f"claim-{claim.name}" in found.of("id")
    assert "Why?" in found.text and "typed" in found.text and "jobs are made." in found.text
    assert "width=device-width" in text and "@media print" in text and "prefers-color-scheme: dark" in text
    assert "default-src 'none'" in text
    (image,) = (source for source in found.of("src"))
    assert base64.b64decode(image.partition(",")[2]).startswith(b"\x89PNG")
    assert "figure-1" in found.of("id") and "Test accuracy in %, n = 1 teacher" in found.text
    assert "net.width = 4" in found.text.replace("\n", "") or "net.width" in found.text
    assert "loader" not in found.text and "data.root" not in found.text


def test_provenance_is_told_once_a_set(whole: Contents) -> None:
    (section,) = whole.studies
    assert section.stored
    told = section.stored.provenance.told()
    assert set(told) == {"Hardware", "Versions", "Commit", "Code digests"}
    assert len(told["Hardware"]) == len(told["Versions"]) == 1 and "Python 3" in told["Versions"][0]
    assert {text.split()[0] for text in told["Code digests"]} == {"distill", "probe", "measure"}
    jobs = len(planned().jobs)
    assert (
        section.stored.provenance.results == jobs
        and section.stored.state == f"{jobs} of {jobs} jobs are made"
    )


def test_all_that_a_store_says_is_text(whole: Contents) -> None:
    (first,) = whole.studies
    assert first.stored
    frame = first.stored.results.table.copy()
    frame["probed_on"] = HOSTILE
    frame["dataset"] = HOSTILE
    results = dataclasses.replace(first.stored.results, table=frame)
    made_by = dataclasses.replace(first.stored.provenance)
    made_by.hardware = type(made_by.hardware)({HOSTILE: 1})
    settings = {**first.stored.settings, HOSTILE: [HOSTILE]}
    changed = renamed(
        whole, question=HOSTILE, command=HOSTILE, settings=settings, results=results, provenance=made_by
    )
    (section,) = changed.studies
    assert section.stored
    shown = figures.shown(section.stored)
    shown.failures.append(HOSTILE)
    section = dataclasses.replace(section, name=HOSTILE, shown=shown)
    found = read(render(Contents(changed.claims, [section])))
    assert found.text.count(HOSTILE) >= 6


def test_a_hostile_study_in_a_store(store: Store, out: Path) -> None:
    """Question, command and start are written by others; a record that is none costs no page."""
    (runs,) = (out / "store" / "studies").glob("*/runs")
    start = next(runs.glob("*.json"))
    about = json.loads(start.read_text())
    start.write_text(json.dumps({**about, "command": HOSTILE}))
    text, _ = page(store)
    assert HOSTILE in read(text).text
    start.write_text("[]")
    assert "No start of this plan is on record." in read(page(store)[0]).text
    for path in (out / "store" / "studies").glob("*/*.json"):
        path.write_text(HOSTILE)
    assert "No plan of this study can be read" in read(page(store)[0]).text


def test_what_is_not_made_is_said(store: Store, out: Path) -> None:
    plans.record(store, planned("seed=0,1"), "And more?", {"command": "typed"})
    for path in list((out / "store" / "objects" / "probe").rglob("metrics.jsonl"))[:1]:
        path.write_text("{}")
    found = stored(store, "small")
    assert 0 < found.made < found.jobs and found.damaged == 1
    assert f"{found.jobs - found.made} missing, 1 damaged" in found.state
    assert "And more?" in read(page(store)[0]).text


def test_a_report_that_fails_costs_no_other(whole: Contents, monkeypatch: pytest.MonkeyPatch) -> None:
    (section,) = whole.studies
    assert section.stored

    def fails(*args: Any) -> Any:
        raise ValueError("a bug")

    broken = dataclasses.replace(figures.report.INIT_DISTANCE, draw=fails)
    monkeypatch.setitem(figures.report.REPORTS, "init_distance", broken)
    shown = figures.shown(section.stored)
    assert shown.failures == ["init_distance: ValueError: a bug"] and not shown.figures


def test_an_empty_store_has_a_page_that_says_so(tmp_path: Path) -> None:
    empty = Store(tmp_path / "store")
    empty.prepare()
    found = read(page(empty)[0])
    assert "The store holds no study yet." in found.text and "not run" in found.text
    assert not list(found.of("src"))


def test_the_command(command: Command, out: Path) -> None:
    printed = command("report")
    assert "report.html: 1 study; verdicts: 0 seen" in printed and all(v in printed for v in VERDICTS)
    read((out / "report.html").read_text())
    (out / "report.html").unlink()
    (out / "report.html").mkdir()
    assert "can't write there" in command("report", code=2)


def test_settings_shown_are_those_that_were_chosen(whole: Contents) -> None:
    (section,) = whole.studies
    assert isinstance(section.stored, Stored)
    chosen = section.stored.chosen
    assert chosen["alpha"] == "0.3, 0.6" and chosen["net.width"] == "4"
    assert chosen["head.hidden_dims"] == "[32]" and "distill.lr" not in chosen
    assert not re.search(r"resources|root", " ".join(chosen))


def test_reports_are_those_that_the_study_names(whole: Contents) -> None:
    """Those of an older plan, which names none, follow from its rows; a name may be anything."""
    (section,) = whole.studies
    assert section.stored
    named = {
        (): ["init_distance"],
        ("arms", "mylab.rank", "along_epoch", "along_../x"): ["arms", "along_epoch"],
    }
    for names, drawn in named.items():
        shown = figures.shown(dataclasses.replace(section.stored, reports=names))
        assert [figure.name for figure in shown.figures] == drawn and shown.failures == []
        assert all(figure.caption for figure in shown.figures)


def test_figures_of_the_preset_smoke_say_so(whole: Contents, monkeypatch: pytest.MonkeyPatch) -> None:
    said = list[str]()
    monkeypatch.setattr(Figure, "text", lambda figure, x, y, text, **style: said.append(text))
    (section,) = whole.studies
    assert section.stored
    for name in ("mini_smoke", "mini"):
        figures.shown(dataclasses.replace(section.stored, name=name))
    assert said == ["preset smoke: not for reading"]
