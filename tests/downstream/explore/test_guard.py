"""Who is answered by the page: downstream.explore.guard and downstream.explore.server."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from downstream.explore.guard import MOST_BYTES, Guard
from downstream.explore.server import LocalServer
from nie.errors import NieError

pytest.importorskip("dash")
pytest.importorskip("dash_cytoscape")


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "public")])
    return [str(len(body)).encode()]


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    served = LocalServer()
    app = SimpleNamespace(server=SimpleNamespace(wsgi_app=application), csp_hashes=lambda: ["'sha256-x'"])
    thread = threading.Thread(target=served.serve, args=(app,), daemon=True)
    thread.start()
    yield served
    served.close()
    thread.join(10)
    assert not thread.is_alive()


def ask(
    server: LocalServer, path: str | None = None, method: str = "GET", body: Any = None, **headers: str
) -> tuple[int, str, http.client.HTTPMessage]:  # fmt: skip
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, f"/{server.token}/" if path is None else path, body=body, headers=given)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, answer.headers


def test_the_whole_address_is_answered(server: LocalServer) -> None:
    status, text, headers = ask(server)
    assert (status, text) == (200, "0")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "'unsafe-eval'" not in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Set-Cookie"] is None
    assert headers.get_all("Cache-Control") == ["no-store"]
    assert ask(server, Host=f"localhost:{server.port}")[0] == 200


@pytest.mark.parametrize("path", ["/", "/wrong/", "/wrong/_dash-layout", "//", "/%00/", "/%E9/"])
def test_without_the_token_nothing_is(server: LocalServer, path: str) -> None:
    status, text, _ = ask(server, path)
    assert status == 403
    assert text.count("\n") == 1
    assert server.token not in text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", ""])
def test_another_host_is_refused(server: LocalServer, host: str) -> None:
    assert ask(server, Host=host)[0] == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_another_site_is_refused(server: LocalServer, origin: str) -> None:
    assert ask(server, method="POST", body=b"{}", Origin=origin)[0] == 403
    assert ask(server, method="POST", body=b"{}", Origin=f"http://127.0.0.1:{server.port}")[0] == 200


def test_ten_megabytes_are_refused(server: LocalServer) -> None:
    status, text, _ = ask(server, method="POST", body=b"x" * 10_000_000)
    assert status == 413
    assert "at most 1,000,000 bytes" in text
    assert ask(server, method="POST", body=b"x" * MOST_BYTES)[0] == 200
    assert ask(server, method="POST", body=iter([b"x"] * 3))[0] == 411  # a body that does not say how long it is
    assert ask(server, method="DELETE")[0] == 405


@pytest.mark.parametrize("length", ["-1", "many", "9" * 30])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    started: list[str] = []
    guard = Guard(application, "t", 1)
    environ = {
        "HTTP_HOST": "localhost:1", "PATH_INFO": "/t/", "REQUEST_METHOD": "POST", "CONTENT_LENGTH": length,
        "wsgi.input": SimpleNamespace(read=lambda _: b""),
    }  # fmt: skip
    guard(environ, lambda status, _: started.append(status))
    assert started == ["413 Content Too Large"]


def test_a_port_in_use_is_one_sentence(server: LocalServer) -> None:
    with pytest.raises(NieError, match=rf"^Port {server.port} is in use; .*\.$"):
        LocalServer(server.port)


def test_it_listens_on_loopback_alone(server: LocalServer) -> None:
    with socket.socket() as other:  # 127.0.0.2 is this machine, too, and not where the page is
        other.settimeout(5)
        assert other.connect_ex(("127.0.0.2", server.port)) != 0
