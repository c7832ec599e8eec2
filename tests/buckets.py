"""A real S3 server of the tests' own on loopback, and a proxy before it that lets requests fail."""

import http.client
import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

BUCKET = "bucket"
FAULTS = ("500", "503", "cut request", "cut answer", "lost answer", "time-out")
ANSWERS = {
    "409": b"<Error><Code>ConditionalRequestConflict</Code><Message>Another one runs.</Message></Error>",
    "500": b"<Error><Code>InternalError</Code><Message>We encountered an error.</Message></Error>",
    "503": b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
}


@contextmanager
def server() -> Iterator[str]:
    """moto's server, with an empty bucket; its address."""
    pytest.importorskip("moto.server", reason="needs moto[server]")
    pytest.importorskip("s3fs", reason="needs s3fs")
    import logging

    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    address = f"http://{host}:{port}"
    try:
        boto3.client("s3", endpoint_url=address, **KEYS, region_name="us-east-1").create_bucket(Bucket=BUCKET)
        yield address
    finally:
        moto.stop()


KEYS = {"aws_access_key_id": "tests", "aws_secret_access_key": "tests"}


def environment(address: str, caches: Path) -> dict[str, str]:
    """What s3fs finds its server, and its cache's folder, by."""
    return {
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "XDG_CACHE_HOME": str(caches),
    }


class Proxy:
    """Passes requests on, and makes some fail: those that `choose` names a fault for."""

    def __init__(self, behind: str) -> None:
        self.behind = behind.removeprefix("http://")
        self.choose: Callable[[str, str], str] = lambda method, path: ""
        self.seen: Counter[str] = Counter()  # requests by method
        self.injected: Counter[str] = Counter()
        self.delay = 3.0  # seconds of a time-out
        self.forgets: set[str] = set()  # headers that the server is not shown
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Proxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def once(self, fault: str, method: str, part: str = "", times: int = 1) -> None:
        """The next requests of a method on a path with such a part fail."""
        left = [fault] * times

        def choose(asked: str, path: str) -> str:
            return left.pop() if left and asked == method and part in path else ""

        self.choose = choose

    def at_random(self, seed: int, share: float) -> None:
        """So large a share of all requests fail."""
        generator = random.Random(seed)
        self.choose = lambda method, path: generator.choice(FAULTS) if generator.random() < share else ""

    def fault(self, method: str, path: str) -> str:
        with self._lock:
            self.seen[method] += 1
            found = self.choose(method, path)
            if found:
                self.injected[found] += 1
            return found

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                with suppress(ConnectionError):
                    super().handle_one_request()

            def pass_on(self) -> None:
                fault = proxy.fault(self.command, self.path)
                length = int(self.headers.get("Content-Length") or 0)
                if fault == "cut request":  # in the middle of an upload, where there is one
                    self.rfile.read(length // 2)
                    self.close()
                    return
                body = self.rfile.read(length)
                if fault in ANSWERS:
                    self.reply(int(fault), {}, ANSWERS[fault])
                    return
                if fault == "time-out":
                    time.sleep(proxy.delay)
                    self.close()
                    return
                status, headers, content = self.ask(body)
                if fault == "lost answer":
                    self.close()
                elif fault == "cut answer":
                    self.reply(status, headers, content, len(content) // 2)
                    self.close()
                else:
                    self.reply(status, headers, content)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = pass_on

            def ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
                left_out = {"Transfer-Encoding", "Expect", "Connection", *proxy.forgets}
                connection = http.client.HTTPConnection(proxy.behind, timeout=60)
                sent = {name: value for name, value in self.headers.items() if name not in left_out}
                connection.request(self.command, self.path, body, sent)
                answer = connection.getresponse()
                content = answer.read()
                connection.close()
                return answer.status, dict(answer.getheaders()), content

            def reply(
                self, status: int, headers: dict[str, str], body: bytes, cut: int | None = None
            ) -> None:
                self.send_response_only(status)
                hop = ("transfer-encoding", "connection", "content-length")
                for name, value in headers.items():
                    if name.lower() not in hop:
                        self.send_header(name, value)
                length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
                self.send_header("Content-Length", length)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body if cut is None else body[:cut])

            def close(self) -> None:
                self.close_connection = True
                with suppress(OSError):
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, *args: object) -> None:
                """Tests print what they print."""

        return Handler
