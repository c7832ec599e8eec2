"""Events as workers send them."""

from typing import get_args

import pytest

from randteach.engine import events


def test_each_event_is_read_as_it_was_sent() -> None:
    """Numbers to the last bit, those that are not finite too."""
    sent = [
        events.Began("a"),
        events.Placed("a", "node"),
        events.Reported("a", {"step": 3, "loss": 0.1 + 0.2, "kl": float("inf"), "split": None}),
        events.Committed("a", None),
        events.Committed("a", 7),
        events.FoundDamaged("a", "what"),
        events.Returned("a", "failed", "Traceback\n  é"),
        events.Waiting("a", ""),
        events.Again("a", "died"),
        events.Refused("a", "why"),
        events.Halted("a"),
        events.Ended("a", "done", theirs=True),
    ]
    assert {type(event) for event in sent} == set(get_args(events.Event))
    assert events.loads(events.dumps(sent)) == sent


@pytest.mark.parametrize("text", ['[["Began", {"who": "a"}]]', '[["Ran", {"key": "a"}]]'])
def test_other_events_are_errors(text: str) -> None:
    with pytest.raises((TypeError, KeyError)):
        events.loads(text)
