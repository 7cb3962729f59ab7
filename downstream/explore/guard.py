"""What stands before the page: nobody but whoever was given its address gets an answer."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MOST_BYTES = 1_000_000
"""Of the body of a request."""
MOST_DISCARDED = 64_000_000
"""Bytes of a body that is too large which are read and thrown away, so that its sender gets to read why."""

Answering = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""An application as WSGI has it (PEP 3333)."""


@dataclass(frozen=True)
class Guard:
    """An application that is answered for only where a request has the token and comes from its own page.

    The token is the first part of the path, so that no cookie is needed. ``Host`` is compared because another web site
    may have its name lead to this machine (DNS rebinding), and ``Origin`` because it may send a form here.

    Attributes:
        inner: the application.
        token: a secret.
        port: that it is served on.
        scripts: sources of Content-Security-Policy that scripts may have beside ``'self'``.
    """

    inner: Answering
    token: str
    port: int
    scripts: Sequence[str] = ()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        headers = [*HEADERS, ("Content-Security-Policy", content_policy(self.scripts))]

        def start(status: str, given: list[tuple[str, str]], *further: Any) -> Any:
            set_here = {name.lower() for name, _ in headers}
            return start_response(status, [one for one in given if one[0].lower() not in set_here] + headers, *further)

        refused = self._refused(environ)
        if refused is None:
            return self.inner(environ, start)
        status, sentence = refused
        _discard(environ)
        body = f"{sentence}\n".encode()
        start(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
        return [body]

    def _refused(self, environ: dict[str, Any]) -> tuple[str, str] | None:
        """The status and a sentence on why a request is not answered; None where it is."""
        hosts = [f"{name}:{self.port}" for name in ("127.0.0.1", "localhost")]
        if environ.get("HTTP_HOST", "").lower() not in hosts:
            return "403 Forbidden", f"This page is at {hosts[0]} alone."
        if environ.get("HTTP_ORIGIN") not in (None, *(f"http://{host}" for host in hosts)):
            return "403 Forbidden", "Requests of other web sites are not answered."
        first = environ.get("PATH_INFO", "").split("/")[1:2]
        if not hmac.compare_digest("".join(first).encode("utf-8", "replace"), self.token.encode()):
            return "403 Forbidden", "Open the whole address that nie explore printed."
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD", "POST"):
            return "405 Method Not Allowed", "Only GET, HEAD and POST are answered."
        if environ.get("HTTP_TRANSFER_ENCODING"):
            return "411 Length Required", "A request must say how long it is."
        if _length(environ) > MOST_BYTES:
            return "413 Content Too Large", f"A request must be at most {MOST_BYTES:,} bytes long."
        return None


HEADERS = [
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]
"""Of every answer."""


def content_policy(scripts: Sequence[str] = ()) -> str:
    """A Content-Security-Policy under which a page gets nothing from elsewhere.

    >>> content_policy(["'sha256-x'"]).split("; ")[:2]
    ["default-src 'none'", "script-src 'self' 'sha256-x'"]
    """
    return "; ".join((
        "default-src 'none'", " ".join(("script-src", "'self'", *scripts)), "connect-src 'self'",
        "style-src 'self' 'unsafe-inline'", "img-src 'self' data:", "font-src 'self'", "base-uri 'none'",
        "form-action 'none'", "frame-ancestors 'none'",
    ))  # fmt: skip


def _length(environ: dict[str, Any]) -> int:
    """The length of the body; of a length that is no number, one that is refused."""
    said = environ.get("CONTENT_LENGTH") or "0"
    return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else MOST_BYTES + 1


def _discard(environ: dict[str, Any]) -> None:
    """Read what was sent along, up to a bound: a connection that is closed before may lose the answer."""
    left = min(_length(environ), MOST_DISCARDED)
    while left > 0 and (read := environ["wsgi.input"].read(min(left, 1 << 16))):
        left -= len(read)
