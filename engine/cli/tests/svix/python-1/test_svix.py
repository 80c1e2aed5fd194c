"""A client of 2024: it sends members of its own with every endpoint and message."""

import http.server
import os
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from svix.api import (
    ApplicationIn,
    EndpointIn,
    EndpointPatch,
    EndpointTransformationIn,
    EndpointUpdate,
    MessageIn,
    RecoverIn,
    Svix,
    SvixOptions,
)
from svix.exceptions import HttpError, HTTPValidationError
from svix.webhooks import Webhook


@pytest.fixture
def svix():
    # The first script has its runner compiled, which may take its time.
    options = SvixOptions(server_url=os.environ["FOREBAY_URL"], timeout=300)
    return Svix(os.environ["FOREBAY_KEY"], options)


@pytest.fixture
def app(svix):
    uid = f"app-{uuid.uuid4().hex}"
    svix.application.create(ApplicationIn(name="Test", uid=uid))
    yield uid
    svix.application.delete(uid)


def test_an_endpoint_lives_its_life(svix, app):
    new = EndpointIn(url="https://example.com/in", uid="e", filter_types=["a.b"], rate_limit=7)
    made = svix.endpoint.create(app, new)
    assert (made.filter_types, made.rate_limit, made.version) == (["a.b"], 7, 1)
    assert svix.endpoint.get(app, "e").id == made.id
    put = svix.endpoint.update(app, "e", EndpointUpdate(url="https://example.com/2", uid="e"))
    assert (put.url, put.filter_types) == ("https://example.com/2", None)
    assert svix.endpoint.patch(app, "e", EndpointPatch(description="d")).description == "d"
    assert [found.id for found in svix.endpoint.list(app).data] == [made.id]
    with pytest.raises(HTTPValidationError) as raised:
        svix.endpoint.create(app, EndpointIn(url="nope"))
    assert raised.value.detail[0].loc == ["body", "url"]
    svix.endpoint.delete(app, "e")
    with pytest.raises(HttpError) as raised:
        svix.endpoint.get(app, "e")
    assert (raised.value.status_code, raised.value.code) == (404, "not_found")


def test_a_message_arrives_signed_and_is_told_of(svix, app):
    seen, arrived = [], threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append((self.headers, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()
            arrived.set()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/in"
    endpoint = svix.endpoint.create(app, EndpointIn(url=url)).id
    message = svix.message.create(app, MessageIn(event_type="a", payload={"n": 1}))
    assert arrived.wait(20)
    server.shutdown()
    [(headers, body)] = seen
    headers = {name.lower(): value for name, value in headers.items()}
    assert headers["webhook-id"] == message.id
    secret = svix.endpoint.get_secret(app, endpoint).key
    assert Webhook(secret).verify(body, headers) == {"n": 1}
    assert [found.id for found in svix.message.list(app).data] == [message.id]
    for _ in range(200):
        attempts = svix.message_attempt.list_by_msg(app, message.id).data
        if attempts:
            break
        time.sleep(0.05)
    told = [(attempt.endpoint_id, attempt.response_status_code) for attempt in attempts]
    assert told == [(endpoint, 204)]
    assert svix.message_attempt.list_by_endpoint(app, endpoint).data[0].id == attempts[0].id
    since = datetime.now(timezone.utc) - timedelta(hours=1)
    assert svix.endpoint.recover(app, endpoint, RecoverIn(since=since)).id


def test_a_script_is_kept(svix, app):
    endpoint = svix.endpoint.create(app, EndpointIn(url="https://example.com/in")).id
    assert not svix.endpoint.transformations_get(app, endpoint).enabled
    code = "function handler(webhook) { return webhook; }"
    change = EndpointTransformationIn(code=code, enabled=True)
    svix.endpoint.transformation_partial_update(app, endpoint, change)
    told = svix.endpoint.transformations_get(app, endpoint)
    assert (told.code, told.enabled) == (code, True)
    with pytest.raises(HTTPValidationError) as raised:
        broken = EndpointTransformationIn(code="function handler(")
        svix.endpoint.transformation_partial_update(app, endpoint, broken)
    assert raised.value.detail[0].loc == ["body", "code"]
