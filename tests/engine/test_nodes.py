"""What nodes' answers mean; the questions are asked for real in `tests/cluster`."""

import pytest

from randteach.engine.ray import nodes
from randteach.engine.ray.nodes import Answer
from randteach.environment import code
from randteach.errors import UserError


def ask(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(nodes, "on_each", lambda question: list(answers))
    nodes.check("/store", "session", said.append)
    return said


def test_a_node_that_is_lost_is_no_node_with_other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = Answer("a", 0, 0, (code.digest(), ""))
    assert ask(monkeypatch, fine) == []
    said = ask(monkeypatch, fine, Answer("b", 0, 0, error="the node has died", lost=True))
    assert len(said) == 1 and said[0].startswith("b does not answer") and "has died" in said[0]


def test_other_code_and_other_stores_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = Answer("a", 0, 0, (code.digest(), ""))
    with pytest.raises(UserError, match=r"others do not: b: 123; c: No module .*ray up"):
        ask(monkeypatch, fine, Answer("b", 0, 0, ("123", "")), Answer("c", 0, 0, error="No module named x"))
    with pytest.raises(UserError, match=r"--store /store: b can't read it; mount the same folder"):
        ask(monkeypatch, fine, Answer("b", 0, 0, (code.digest(), "can't read it")))
