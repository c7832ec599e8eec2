"""The share of a miniature sweep's time that no stage gets, and where it goes."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def run() -> None:
    """A fresh sweep of the preset `mini`: all its cores' seconds, less those of the stages."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "sweeps/init_distance.py", "--preset", "mini", "--out", out]
        began = time.time()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        ended = time.time()
        found = [json.loads(path.read_text()) for path in Path(out).glob("store/objects/*/*/*/*/prov*.json")]
    cores = len(os.sched_getaffinity(0))
    whole = cores * (ended - began)
    stages = sum(item["seconds"] for item in found)
    opening = sum(item["opening_seconds"] for item in found)
    first = min(item["began"] - item["opening_seconds"] for item in found)
    last = max(item["began"] + item["seconds"] for item in found)
    parts = {
        "start: imports, plan, Ray, workers": cores * (first - began),
        "end: table, figure, MLflow, Ray": cores * (ended - last),
        "opening data in workers": opening,
    }
    parts["between jobs, commits, idle"] = whole - stages - sum(parts.values())
    print(f"Overhead of one sweep, --preset mini, {cores} cores, {ended - began:.0f} s, {len(found)} results")
    print(f"  students' steps and probes {stages / whole:6.1%}")
    print(f"  all else                   {1 - stages / whole:6.1%}, of which")
    for name, seconds in parts.items():
        print(f"    {name:36} {seconds / whole:6.1%}  {seconds:6.1f} core seconds")
