"""A client without the token: tries each port given as ADDRESS:PORT and prints what it was told, as JSON.

    python stranger.py [--token] 10.77.0.2:6379 ...

A port is spoken to by gRPC, every method of every service that Ray has, and by HTTP. With `--token`, one
harmless method of each service is called with Ray's token: what tells that a refusal is one.
"""

import importlib
import json
import pkgutil
import sys
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import grpc
import ray.core.generated

PATHS = ("/", "/api/version", "/api/jobs/", "/metrics", "/logs/", "/nodes?view=summary")
HARMLESS = (
    "ray.rpc.NodeInfoGcsService/CheckAlive",
    "ray.rpc.NodeManagerService/GetSystemConfig",
    "ray.rpc.CoreWorkerService/GetCoreWorkerStats",
    "ray.rpc.ReporterService/HealthCheck",
)
PATIENCE = 5.0


def methods() -> list[str]:
    """Every unary method of Ray's services."""
    found = []
    for module in pkgutil.iter_modules(ray.core.generated.__path__):
        if module.name.endswith("_pb2"):
            described = importlib.import_module(f"ray.core.generated.{module.name}").DESCRIPTOR
            for service in described.services_by_name.values():
                found += [f"{service.full_name}/{method.name}" for method in service.methods]
    return found + [f"ray.rpc.ObjectManagerService/{name}" for name in ("Push", "Pull")]


def by_grpc(place: str, names: list[str], token: str) -> dict[str, int]:
    """How often each status was answered."""
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    statuses: Counter[str] = Counter()
    with grpc.insecure_channel(place) as channel:
        try:
            grpc.channel_ready_future(channel).result(PATIENCE)
        except grpc.FutureTimeoutError:
            return {"no gRPC": 1}
        for name in names:
            call = channel.unary_unary(f"/{name}", lambda request: request, lambda answer: answer)
            try:
                call(b"", timeout=PATIENCE, metadata=metadata)
                statuses["OK"] += 1
            except grpc.RpcError as error:
                statuses[error.code().name] += 1
    return dict(statuses)


def by_http(place: str) -> dict[str, str]:
    """What each path answers: a status, or that it is no HTTP."""
    found = {}
    for path in PATHS:
        try:
            with urllib.request.urlopen(f"http://{place}{path}", timeout=PATIENCE) as answer:
                found[path] = str(answer.status)
        except urllib.error.HTTPError as error:
            found[path] = str(error.code)
        except (OSError, ValueError) as error:
            found[path] = type(error).__name__
        except Exception:  # what http.client makes of another protocol
            found[path] = "no HTTP"
    return found


def main(argv: list[str]) -> None:
    token = (Path.home() / ".ray" / "auth_token").read_text().strip() if "--token" in argv else ""
    names = list(HARMLESS) if token else methods()
    said = {}
    for place in argv:
        if not place.startswith("--"):
            said[place] = {"grpc": by_grpc(place, names, token), "http": {} if token else by_http(place)}
    print("SAID " + json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1:])
