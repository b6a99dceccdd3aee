"""Downloading with retries, from a server on this machine that fails on purpose."""

import http.server
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from alpacasorter.training.open_images.fetch import (
    DownloadError,
    DownloadStopped,
    Interrupted,
    Missing,
    Patience,
    Refused,
    TooLarge,
    Unreachable,
    Unusable,
    Web,
)
from tests.training.open_images.server import HTML, Answer, OpenImagesServer

QUICK = Patience(timeout=0.4, tries=3, pause=0.0, longest_pause=5.0)
BODY = bytes(range(256)) * 400


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web(QUICK)
    yield web
    web.close()


def accept(_: bytes) -> None:
    pass


def get(web: Web, server: OpenImagesServer, *faults: Answer, limit: int = 10**6) -> bytes:
    server.put("/file", BODY)
    server.faults["/file"] = list(faults)
    return web.get(f"{server.base}/file", limit=limit, check=accept)


def test_a_file_arrives_unchanged_and_the_request_names_the_app(web: Web, server: OpenImagesServer) -> None:
    assert get(web, server) == BODY
    assert server.asked[0][2]["User-Agent"].startswith("AlpacaSorter/")


@pytest.mark.parametrize(
    "fault",
    [
        Answer(code=500),
        Answer(code=503),
        Answer(code=429, headers={"Retry-After": "0"}),
        Answer(cut=100),
        Answer(cut=100, reset=True),
        Answer(cut=0, reset=True),
        Answer(hang=True),
        Answer(cut=5000, hang=True),
    ],
    ids=["500", "503", "429", "cut short", "reset", "reset at once", "silent", "silent in the middle"],
)
def test_what_fails_twice_succeeds_at_the_third_attempt(web: Web, server: OpenImagesServer, fault: Answer) -> None:
    assert get(web, server, fault, fault) == BODY
    assert server.times_asked("/file") == 3


def test_after_the_last_attempt_it_gives_up_with_a_sentence(web: Web, server: OpenImagesServer) -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1 is busy .*500"):
        get(web, server, *[Answer(code=500)] * 3)
    assert server.times_asked("/file") == 3


def test_no_server(web: Web, server: OpenImagesServer) -> None:
    server.close()
    with pytest.raises(Unreachable, match=r"The connection to 127\.0\.0\.1 failed\."):
        web.get(f"{server.base}/file", limit=10, check=accept)


def test_an_unknown_host(web: Web) -> None:
    with pytest.raises(Unreachable, match=r"nowhere\.invalid can't be found"):
        web.get("http://nowhere.invalid/file", limit=10, check=accept)


@pytest.mark.parametrize("code", [403, 404, 410])
def test_what_is_missing_is_requested_once(web: Web, server: OpenImagesServer, code: int) -> None:
    with pytest.raises(Missing):
        get(web, server, Answer(code=code))
    assert server.times_asked("/file") == 1


def test_a_refusal_is_final(web: Web, server: OpenImagesServer) -> None:
    with pytest.raises(Refused, match="400"):
        get(web, server, Answer(code=400))
    assert server.times_asked("/file") == 1


def test_retry_after_is_honored(server: OpenImagesServer, monkeypatch: pytest.MonkeyPatch) -> None:
    web = Web(QUICK)
    waited: list[float] = []
    monkeypatch.setattr(web._stopped, "wait", lambda seconds: waited.append(seconds))
    in_three = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    faults = [Answer(code=503, headers={"Retry-After": text}) for text in ("2", in_three)]
    assert get(web, server, *faults) == BODY
    assert waited[0] == 2
    assert 1 < waited[1] <= 3
    web.close()


def test_the_pauses_grow(server: OpenImagesServer, monkeypatch: pytest.MonkeyPatch) -> None:
    web = Web(Patience(timeout=0.4, tries=4, pause=0.5, longest_pause=1.5))
    waited: list[float] = []
    monkeypatch.setattr(web._stopped, "wait", lambda seconds: waited.append(seconds))
    faults = [Answer(code=500, headers={"Retry-After": "nonsense"})] * 3
    assert get(web, server, *faults) == BODY
    assert waited == [0.5, 1.0, 1.5]
    web.close()


def test_a_server_that_asks_for_too_much_time_is_given_up(web: Web, server: OpenImagesServer) -> None:
    with pytest.raises(Unreachable):
        get(web, server, Answer(code=503, headers={"Retry-After": "3600"}))
    assert server.times_asked("/file") == 1


@pytest.mark.parametrize("length", [True, False], ids=["announced", "not announced"])
def test_what_is_too_large_is_refused(web: Web, server: OpenImagesServer, length: bool) -> None:
    with pytest.raises(TooLarge):
        get(web, server, Answer(length=length), limit=len(BODY) - 1)
    assert server.times_asked("/file") == 1
    assert get(web, server, Answer(length=length), limit=len(BODY)) == BODY


def test_wrong_content_is_downloaded_once_more(web: Web, server: OpenImagesServer) -> None:
    def check(data: bytes) -> None:
        if data.startswith(b"<"):
            raise Unusable("This is a web page.")

    server.put("/file", BODY)
    server.faults["/file"] = [Answer(body=HTML)]
    assert web.get(f"{server.base}/file", limit=10**6, check=check) == BODY
    server.faults["/file"] = [Answer(body=HTML)] * 2
    with pytest.raises(Unusable, match="web page"):
        web.get(f"{server.base}/file", limit=10**6, check=check)


def test_a_very_slow_server_is_given_up(server: OpenImagesServer) -> None:
    web = Web(Patience(timeout=5, deadline=-1.0, tries=1))
    with pytest.raises(Unreachable, match="too slow"):
        get(web, server)
    web.close()


def test_redirects(web: Web, server: OpenImagesServer, tmp_path: Path) -> None:
    server.put("/file", BODY)
    server.always["/moved"] = Answer(code=302, headers={"Location": "/file"})
    assert web.get(f"{server.base}/moved", limit=10**6, check=accept) == BODY
    server.always["/round"] = Answer(code=302, headers={"Location": "/about"})
    server.always["/about"] = Answer(code=301, headers={"Location": "/round"})
    with pytest.raises(Refused, match="circles"):
        web.get(f"{server.base}/round", limit=10**6, check=accept)
    (tmp_path / "secret").write_bytes(b"secret")
    server.always["/steal"] = Answer(code=302, headers={"Location": (tmp_path / "secret").as_uri()})
    server.always["/ftp"] = Answer(code=302, headers={"Location": "ftp://127.0.0.1/file"})
    for path in ("/steal", "/ftp"):
        with pytest.raises(Refused, match="insecure"):
            web.get(f"{server.base}{path}", limit=10**6, check=accept)


@pytest.mark.parametrize("url", ["file:///etc/hosts", "ftp://127.0.0.1/x", "nonsense", "data:,x"])
def test_other_kinds_of_address_are_not_opened(web: Web, url: str) -> None:
    with pytest.raises((Refused, Unreachable)):
        web.get(url, limit=10, check=accept)


def test_a_proxy_of_the_system_is_used(server: OpenImagesServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", server.base)
    server.put("/file", BODY)
    web = Web(QUICK)
    assert web.get("http://photos.invalid/file", limit=10**6, check=accept) == BODY
    web.close()
    assert server.asked[0][2]["Host"] == "photos.invalid"


def test_close_stops_what_hangs_and_everything_later(server: OpenImagesServer) -> None:
    web = Web(Patience(timeout=150))
    server.put("/file", BODY)
    server.faults["/file"] = [Answer(cut=1000, hang=True)]
    ended: list[BaseException] = []

    def fetch() -> None:
        try:
            web.get(f"{server.base}/file", limit=10**6, check=accept)
        except DownloadError as error:
            ended.append(error)

    thread = threading.Thread(target=fetch)
    thread.start()
    while not server.sent_bytes["/file"]:
        time.sleep(0.005)
    web.close()
    thread.join(timeout=20)
    assert [type(error) for error in ended] == [DownloadStopped]
    with pytest.raises(DownloadStopped):
        web.get(f"{server.base}/file", limit=10**6, check=accept)
    with pytest.raises(DownloadStopped):
        Web.wait_after(web, Interrupted("x"), 1)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file, that no authority has signed."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("the openssl program is not on this machine")
    key, made = tmp_path / "key.pem", tmp_path / "made.pem"
    options = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    command = [program, "req", "-x509", *options, *names, "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + made.read_bytes())
    return both


def test_certificates_are_verified(
    certificate: Path, server: OpenImagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put("/plain", BODY)

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            if self.path == "/down":
                self.send_response(302)
                self.send_header("Location", f"{server.base}/plain")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

    secure = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    secure.handle_error = lambda *_: None  # the interrupted handshake is expected
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    thread = threading.Thread(target=secure.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    base = f"https://127.0.0.1:{secure.server_port}"
    try:
        web = Web(Patience(timeout=5, tries=1))
        with pytest.raises(Refused, match="certificate"):
            web.get(f"{base}/file", limit=10**6, check=accept)
        web.close()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        web = Web(Patience(timeout=5, tries=1))
        assert web.get(f"{base}/file", limit=10**6, check=accept) == BODY
        with pytest.raises(Refused, match="insecure"):
            web.get(f"{base}/down", limit=10**6, check=accept)
        web.close()
    finally:
        secure.shutdown()
        thread.join()
        secure.server_close()
    assert server.times_asked("/plain") == 0
