"""Values as text for people."""

import re

EMPTY = ("NoneType", "NAType")  # the types of what has no value, pandas' own among them


def label(value: object) -> str:
    """The shortest text that reads back as the same value; empty where there is none.

    Labels of different values of one setting differ: 1e-10 is "1e-10", 1.0 is "1".
    """
    if type(value).__name__ in EMPTY or value != value:
        return ""
    if not isinstance(value, float):
        return str(value)
    text = repr(float(value)).removesuffix(".0")  # numpy's own repr names its type
    return re.sub(r"e([+-])0*(\d)", lambda power: f"e{power[1].strip('+')}{power[2]}", text)
