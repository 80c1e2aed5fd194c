"""A client, an application of its own for each test, and a receiver of deliveries."""

import http.server
import os
import threading
import time
import uuid

import pytest
from svix.api import ApplicationIn, Svix, SvixOptions

URL = os.environ["FOREBAY_URL"]
KEY = os.environ["FOREBAY_KEY"]


def client(key=KEY):
    # The library tries again what answers 5xx, which no answer here is meant to be.
    return Svix(key, SvixOptions(server_url=URL, retry_schedule=[]))


class Receiver:
    """Keeps what it was sent, and answers with `status`."""

    def __init__(self):
        self.status, self.seen = 200, []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.seen.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/in"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count=1):
        until(lambda: len(self.seen) >= count)
        return self.seen


def until(what, seconds=20):
    """Waits until it is so, and answers what it was."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it does not come to pass")


@pytest.fixture
def svix():
    return client()


@pytest.fixture
def app(svix):
    uid = f"app-{uuid.uuid4().hex}"
    svix.application.create(ApplicationIn(name="Test", uid=uid))
    yield uid
    svix.application.delete(uid)


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
