"""A real HTTP server that serves one file, supports ranges and can cut the connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """The server's content and faults; ``ranges_requested`` holds the Range of every GET, ``probes`` counts HEADs."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.ranges_requested: list[str] = []
        self.probes = 0
        self.cut_after: int | None = None
        """Bytes of the next answer after which the connection is cut."""
        self.ranges = True
        self.status = 200
        self.url = ""


@contextmanager
def site(content: bytes) -> Iterator[Site]:
    """Run the server on a free port."""
    served = Site(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served))
    served.url = f"http://127.0.0.1:{server.server_address[1]}/model.bin"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(served: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            served.probes += 1
            self.send_response(200)
            self.end_headers()

        def do_GET(self) -> None:
            requested = self.headers.get("Range", "")
            served.ranges_requested.append(requested)
            begin = int(requested.removeprefix("bytes=").rstrip("-")) if requested and served.ranges else 0
            if begin >= len(served.content) > 0 and requested:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(served.content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if begin else served.status)
            self.send_header("Content-Length", str(len(served.content) - begin))
            self.end_headers()
            self._send(served.content[begin:])

        def _send(self, body: bytes) -> None:
            cut, served.cut_after = served.cut_after, None
            self.wfile.write(body if cut is None else body[:cut])
            if cut is not None:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    return Handler
