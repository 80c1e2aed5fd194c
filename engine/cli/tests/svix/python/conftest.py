"""A client, an application of its own for each test, and a receiver of deliveries."""

import http.server
import json
import os
import socket
import threading
import time
import urllib.request
import uuid

import pytest
from svix.api import ApplicationIn, MessageIn, Svix, SvixOptions
from svix.api.errors.http_error import HttpError
from svix.api.errors.http_validation_error import HTTPValidationError

URL = os.environ["FOREBAY_URL"]
KEY = os.environ["FOREBAY_KEY"]


def client(key=KEY):
    # The library tries again what answers 5xx, which no answer here is meant to be.
    # The first script has its runner compiled, which may take its time.
    return Svix(key, SvixOptions(server_url=URL, retry_schedule=[], timeout=300))


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
        threading.Thread(target=self.server.serve_forever, args=[0.05], daemon=True).start()

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


def fails(status, code, call, *args):
    with pytest.raises(HttpError) as raised:
        call(*args)
    assert (raised.value.status_code, raised.value.code) == (status, code), raised.value
    assert raised.value.detail


def is_wrong(place, call, *args):
    """It is refused, and `place` is what is wrong."""
    with pytest.raises(HTTPValidationError) as raised:
        call(*args)
    [problem] = raised.value.detail
    assert (raised.value.status_code, problem.loc) == (422, place), problem
    assert problem.msg and problem.type


def walk(page_of):
    """All that the pages have; each is asked for by the `iterator` of the one before."""
    page = page_of(None)
    found = page.data
    while not page.done:
        page = page_of(page.iterator)
        found = found + page.data
    return found


def name(prefix):
    return f"{prefix}.{uuid.uuid4().hex}"


def send(svix, app, event_type="user.signup", payload=None, **more):
    message = MessageIn(event_type=event_type, payload=payload or {"n": 1}, **more)
    return svix.message.create(app, message)


def patch_raw(path, body):
    """For members that the library does not know."""
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), method="PATCH")
    request.add_header("authorization", f"Bearer {KEY}")
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


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


@pytest.fixture
def nobody():
    """The URL of a port that is taken, and at which nobody listens: connections are refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/in"
