"""A real web server on this machine that serves files, cuts transfers and knows byte ranges, or does not."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Site:
    """What the server has, how it behaves, and what it was asked.

    Parameters
    ----------
    files
        Path to content.
    cuts
        How many more transfers are cut, each after half of what it should send.
    ranges
        Whether it sends parts.
    etag
        The files' validator; empty for none.
    gate
        Where there is one, every transfer waits in its middle until it is set.
    asked
        Path, Range header and status of every request.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: int = 0
    ranges: bool = True
    etag: str = '"one"'
    gate: threading.Event | None = None
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    address: str = ""


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        """Answer with a file, a part of it, or a cut one."""
        site, wanted = self.site, self.headers.get("Range", "")
        # A proxy is asked for whole addresses.
        path = self.path.removeprefix(site.address) if site.address else self.path
        path = "/" + path.split("://", 1)[-1].split("/", 1)[-1] if "://" in path else path
        content = site.files.get(path)
        if content is None:
            site.asked.append((path, wanted, 404))
            self.send_error(404)
            return
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.ranges else 0
        if begin and self.headers.get("If-Range", site.etag) != site.etag:
            begin = 0
        if wanted and site.ranges and begin >= len(content):
            site.asked.append((path, wanted, 416))
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        if site.etag:
            self.send_header("ETag", site.etag)
        rest = content[begin:]
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        site.asked.append((path, wanted, 206 if begin else 200))
        if site.cuts:
            site.cuts -= 1
            rest = rest[: len(rest) // 2]
            self.close_connection = True
        if site.gate is not None:
            self.wfile.write(rest[: len(rest) // 2])
            self.wfile.flush()
            site.gate.wait(60)
            rest = rest[len(rest) // 2 :]
        # Who cancelled has closed the connection.
        with suppress(ConnectionError):
            self.wfile.write(rest)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[Site]:
    """Serve a site on a free port of this machine."""
    served = Site()
    handler = type("Handler", (_Handler,), {"site": served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    served.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
