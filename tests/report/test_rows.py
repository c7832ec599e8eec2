"""Panels that rows fall into."""

from randteach.report.rows import panels, within

AXES = ("dataset", "arch", "tickets.momentum")


def test_axes_that_do_not_apply_to_either_of_two_make_no_panels_of_their_own() -> None:
    """A teacher has no data set of its own, and its student's rounds are of all kinds of momentum."""
    student = {"role": "student", "dataset": "m", "arch": "r"}
    teachers = [{"role": "teacher", "arch": "r", "tickets.momentum": how} for how in ("zero", "restored")]
    found = panels([student, *teachers], AXES)
    assert found == [("m", "r", "restored"), ("m", "r", "zero")]
    for values in found:
        rows = within([student, *teachers], AXES, values)
        assert [row["role"] for row in rows] == ["student", "teacher"]
