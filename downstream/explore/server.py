"""The page on this machine's own address, for as long as the command runs."""

from __future__ import annotations

import errno
import secrets
import socket
from typing import Any

from downstream.explore.guard import Guard
from nie.errors import NieError
from nie.extras import Package, require, require_all
from nie.progress import log

ADDRESS = "127.0.0.1"
PACKAGES = (
    Package("dash", "explore"), Package("dash_cytoscape", "explore"), Package("matplotlib", "explore"),
    Package("jinja2", "explore"),
)  # fmt: skip
"""What the page needs."""
PATIENCE = 60
"""Seconds that a connection may say nothing."""


class LocalServer:
    """A port on loopback that is taken at once, and an address on it that nobody can guess.

    Args:
        port: to listen on; any free one where 0.

    Attributes:
        token: the first part of every path.
        port: that is listened on.

    Raises:
        NieError: the extra ``explore`` is not installed, or the port is in use.
    """

    def __init__(self, port: int = 0) -> None:
        require_all(PACKAGES)
        self._socket = _listening(port)
        self.port: int = self._socket.getsockname()[1]
        self.token = secrets.token_urlsafe(24)
        self._server: Any = None

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{ADDRESS}:{self.port}/{self.token}/"

    def serve(self, app: Any) -> None:
        """Answer requests to a Dash app until `close` is called."""
        serving = require("werkzeug.serving", "explore")

        # It logs no request, as each has the token in it, and waits for no one for ever.
        silent = type("Silent", (serving.WSGIRequestHandler,), {"timeout": PATIENCE, "log": lambda *_: None})
        guarded = Guard(app.server.wsgi_app, self.token, self.port, app.csp_hashes())
        self._server = serving.make_server(
            ADDRESS, self.port, guarded, threaded=True, request_handler=silent, fd=self._socket.fileno()
        )
        log.debug("serving on port %d", self.port)
        self._server.serve_forever()

    def close(self) -> None:
        """Stop answering, and give the port back."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self._socket.close()


def _listening(port: int) -> socket.socket:
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((ADDRESS, port))
        taken.listen(128)
    except OSError as error:
        taken.close()
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise NieError(f"Port {port} {why}; give another one, or leave --port out for any that is free.") from error
    return taken
