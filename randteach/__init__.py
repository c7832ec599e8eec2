"""Students of random teachers, as studies that can be stopped, resumed, extended and trusted."""

from randteach.api import load, table
from randteach.cli import main
from randteach.study import Study

__all__ = ["Study", "load", "main", "table"]
