"""The name of the code that makes a job, while the process goes on importing."""

import sys
import threading
from collections.abc import Iterator
from itertools import count
from types import ModuleType

import pytest

from randteach.environment import outside
from randteach.jobs import made_by
from randteach.stages.losses import Loss


@pytest.fixture
def imports() -> Iterator[None]:
    """A thread that imports without end, as that of MLflow does at the start of a sweep."""
    over, every = threading.Event(), sys.getswitchinterval()

    def run() -> None:
        for number in count():
            name = f"tests.imported_{number % 1000}"
            if sys.modules.pop(name, None) is None:
                sys.modules[name] = ModuleType(name)
            if over.is_set():
                return

    thread = threading.Thread(target=run, daemon=True)
    sys.setswitchinterval(1e-6)
    thread.start()
    yield
    over.set()
    thread.join()
    sys.setswitchinterval(every)
    for name in [name for name in sys.modules if name.startswith("tests.imported_")]:
        del sys.modules[name]


def test_a_declaration_is_found_while_another_thread_imports(imports: None) -> None:
    module = outside.load(
        outside.Source("loss.py", "import randteach as rt\nLOSS = rt.Loss.of('my.l', max)\n")
    )
    assert isinstance(module.LOSS, Loss)
    for _ in range(300):
        assert made_by._unit(module.LOSS) == (module.__name__, "LOSS")
