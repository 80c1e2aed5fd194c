import json
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timedelta, timezone

import pytest
import svix.models as m
from conftest import KEY, URL, client, until
from svix.api.application import ApplicationCreateOptions, ApplicationListOptions
from svix.api.endpoint import EndpointListOptions
from svix.api.errors.http_error import HttpError
from svix.api.errors.http_validation_error import HTTPValidationError
from svix.api.event_type import EventTypeDeleteOptions, EventTypeListOptions
from svix.api.message import MessageCreateOptions, MessageGetOptions, MessageListOptions
from svix.api.message_attempt import (
    MessageAttemptListByEndpointOptions,
    MessageAttemptListByMsgOptions,
)
from svix.webhooks import Webhook, WebhookVerificationError


def fails(status, code, call, *args):
    with pytest.raises(HttpError) as raised:
        call(*args)
    assert (raised.value.status_code, raised.value.code) == (status, code), raised.value
    assert raised.value.detail


def send(svix, app, event_type="user.signup", payload=None, **more):
    message = m.MessageIn(event_type=event_type, payload=payload or {"n": 1}, **more)
    return svix.message.create(app, message)


def patch_raw(path, body):
    """For members that the library does not know."""
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), method="PATCH")
    request.add_header("authorization", f"Bearer {KEY}")
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_applications(svix):
    uid = f"shop-{uuid.uuid4().hex}"
    made = svix.application.create(m.ApplicationIn(name="Shop", uid=uid, metadata={"plan": "a"}))
    assert made.id.startswith("app_") and made.metadata == {"plan": "a"}
    assert svix.application.get(uid) == svix.application.get(made.id) == made
    assert svix.application.get_or_create(m.ApplicationIn(name="Other", uid=uid)) == made
    fails(409, "conflict", svix.application.create, m.ApplicationIn(name="x", uid=uid))
    put = svix.application.upsert(uid, m.ApplicationIn(name="Store", uid=uid))
    assert (put.name, put.metadata, put.created_at) == ("Store", {}, made.created_at)
    patched = svix.application.patch(made.id, m.ApplicationPatch(metadata={"plan": "b"}))
    assert (patched.name, patched.metadata) == ("Store", {"plan": "b"})
    svix.application.delete(uid)
    fails(404, "not_found", svix.application.get, uid)


def test_pages_of_applications(svix):
    ids = [svix.application.create(m.ApplicationIn(name=f"p{n}")).id for n in range(5)]
    for order in (m.Ordering.ASCENDING, m.Ordering.DESCENDING):
        found, iterator = [], None
        while True:
            options = ApplicationListOptions(limit=2, iterator=iterator, order=order)
            page = svix.application.list(options)
            assert len(page.data) <= 2
            found += [app.id for app in page.data]
            iterator = page.iterator
            if page.done:
                break
        ours = [app for app in found if app in ids]
        assert ours == (ids if order is m.Ordering.ASCENDING else ids[::-1])
    for app in ids:
        svix.application.delete(app)


def test_wrong_keys_and_wrong_bodies(svix, app):
    fails(401, "authentication_failed", client("wrong").application.list)
    with pytest.raises(HTTPValidationError) as raised:
        svix.endpoint.create(app, m.EndpointIn(url="ftp://example.com"))
    assert raised.value.status_code == 422
    assert raised.value.detail[0].loc == ["body", "url"]


def test_endpoints(svix, app):
    full = m.EndpointIn(
        url="https://example.com/in",
        uid="first",
        description="d",
        event_types=["user.signup"],
        channels=["blue"],
        metadata={"k": "v"},
        disabled=True,
        secret="whsec_" + "C2" * 16,
        headers={"X-Team": "a"},
    )
    made = svix.endpoint.create(app, full)
    for member in ("url", "uid", "description", "event_types", "channels", "metadata", "disabled"):
        assert getattr(made, member) == getattr(full, member), member
    assert svix.endpoint.get(app, "first") == svix.endpoint.get(app, made.id) == made
    assert svix.endpoint.get_secret(app, "first").key == full.secret
    fails(409, "conflict", svix.endpoint.create, app, m.EndpointIn(url=full.url, uid="first"))
    patched = svix.endpoint.patch(app, "first", m.EndpointPatch(channels=None, disabled=False))
    assert (patched.channels, patched.disabled, patched.event_types) == (None, False, ["user.signup"])
    put = svix.endpoint.upsert(app, "first", m.EndpointUpsertIn(url="https://example.com/2", uid="first"))
    assert (put.url, put.description, put.event_types) == ("https://example.com/2", "", None)
    more = [svix.endpoint.create(app, m.EndpointIn(url=full.url)).id for _ in range(3)]
    page = svix.endpoint.list(app, EndpointListOptions(limit=2))
    assert [e.id for e in page.data] == [made.id, more[0]] and not page.done
    page = svix.endpoint.list(app, EndpointListOptions(limit=2, iterator=page.iterator))
    assert [e.id for e in page.data] == more[1:] and page.done
    back = svix.endpoint.list(app, EndpointListOptions(limit=2, iterator=page.prev_iterator))
    assert [e.id for e in back.data] == [made.id, more[0]]
    svix.endpoint.delete(app, "first")
    fails(404, "not_found", svix.endpoint.get, app, "first")


def test_headers_of_endpoints(svix, app):
    endpoint = svix.endpoint.create(app, m.EndpointIn(url="https://example.com/in")).id
    svix.endpoint.set_headers(
        app, endpoint, m.EndpointHeadersIn(headers={"X-Team": "a", "Authorization": "marker"})
    )
    shown = svix.endpoint.get_headers(app, endpoint)
    assert (shown.headers, shown.sensitive) == ({"X-Team": "a"}, ["Authorization"])
    svix.endpoint.patch_headers(app, endpoint, m.EndpointHeadersPatchIn(headers={"X-New": "b"}))
    assert svix.endpoint.get_headers(app, endpoint).headers == {"X-Team": "a", "X-New": "b"}


def test_event_types(svix):
    name = f"order.{uuid.uuid4().hex}"
    made = svix.event_type.create(
        m.EventTypeIn(name=name, description="d", schemas={"1": {"type": "object"}})
    )
    assert svix.event_type.get(name) == made and made.schemas == {"1": {"type": "object"}}
    new = m.EventTypeIn(name=name, description="again")
    fails(409, "conflict", svix.event_type.create, new)
    assert svix.event_type.patch(name, m.EventTypePatch(deprecated=True)).deprecated
    assert svix.event_type.upsert(name, m.EventTypeUpsertIn(description="e")).description == "e"
    svix.event_type.delete(name)

    def names(archived):
        options = EventTypeListOptions(include_archived=archived, limit=250)
        return [found.name for found in svix.event_type.list(options).data]

    assert name not in names(False) and name in names(True)
    assert svix.event_type.create(new).description == "again"
    svix.event_type.delete(name, EventTypeDeleteOptions(expunge=True))
    fails(404, "not_found", svix.event_type.get, name)


def test_a_message_arrives_signed(svix, app, receiver):
    svix.endpoint.create(app, m.EndpointIn(url=receiver.url, uid="e", headers={"X-Team": "a"}))
    message = send(svix, app, payload={"text": "ü", "n": 1.5})
    [(headers, body)] = receiver.wait()
    assert headers["webhook-id"] == message.id and headers["x-team"] == "a"
    assert json.loads(body) == {"text": "ü", "n": 1.5}
    secret = svix.endpoint.get_secret(app, "e").key
    Webhook(secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A1" * 16).verify(body, headers)


def test_both_secrets_sign_while_one_retires(svix, app, receiver):
    svix.endpoint.create(app, m.EndpointIn(url=receiver.url, uid="e"))
    old = svix.endpoint.get_secret(app, "e").key
    svix.endpoint.rotate_secret(app, "e", m.EndpointSecretRotateIn())
    new = svix.endpoint.get_secret(app, "e").key
    assert old != new
    send(svix, app)
    [(headers, body)] = receiver.wait()
    for secret in (old, new):
        Webhook(secret).verify(body, headers)


def test_types_and_channels_choose(svix, app, receiver):
    svix.endpoint.create(
        app, m.EndpointIn(url=receiver.url, event_types=["a.b"], channels=["blue", "green"])
    )
    send(svix, app, "a.c", channels=["blue"])
    send(svix, app, "a.b", channels=["red"])
    send(svix, app, "a.b")
    wanted = send(svix, app, "a.b", {"n": 4}, channels=["green", "red"])
    [(headers, _)] = receiver.wait()
    assert headers["webhook-id"] == wanted.id


def test_messages_are_not_made_twice(svix, app):
    options = MessageCreateOptions(idempotency_key=f"k-{uuid.uuid4()}")
    body = m.MessageIn(event_type="a", payload={"n": 1})
    first = svix.message.create(app, body, options)
    assert svix.message.create(app, body, options).id == first.id
    other = m.MessageIn(event_type="a", payload={"n": 2})
    fails(409, "conflict", svix.message.create, app, other, options)
    named = send(svix, app, event_id="own-id")
    assert named.event_id == "own-id"
    assert svix.message.get(app, "own-id").id == named.id
    again = m.MessageIn(event_type="user.signup", payload={"n": 1}, event_id="own-id")
    fails(409, "conflict", svix.message.create, app, again)


def test_messages_are_listed(svix, app):
    start = datetime.now(timezone.utc) - timedelta(seconds=1)
    made = [send(svix, app, f"t.{n}", {"n": n}, channels=[f"c{n % 2}"]).id for n in range(5)]

    def ids(**options):
        return [found.id for found in svix.message.list(app, MessageListOptions(**options)).data]

    assert ids() == made[::-1]
    page = svix.message.list(app, MessageListOptions(limit=2))
    assert [found.id for found in page.data] == made[:2:-1] and not page.done
    assert ids(limit=3, iterator=page.iterator) == made[2::-1]
    assert ids(event_types=["t.1", "t.3"]) == [made[3], made[1]]
    assert ids(channel="c1") == [made[3], made[1]]
    assert ids(before=start) == [] and ids(after=start) == made[::-1]
    shown = svix.message.get(app, made[0], MessageGetOptions(with_content=True))
    assert (shown.payload, shown.channels, shown.event_type) == ({"n": 0}, ["c0"], "t.0")
    assert svix.message.get(app, made[0]).payload == {}


def test_attempts_tell_how_it_went(svix, app, receiver):
    good = svix.endpoint.create(app, m.EndpointIn(url=receiver.url, uid="good")).id
    bad = svix.endpoint.create(app, m.EndpointIn(url="http://127.0.0.1:1/in", uid="bad")).id
    message = send(svix, app)
    attempts = until(
        lambda: len(found := svix.message_attempt.list_by_msg(app, message.id).data) == 2 and found
    )
    by_endpoint = {attempt.endpoint_id: attempt for attempt in attempts}
    ok, failed = by_endpoint[good], by_endpoint[bad]
    assert (ok.status, ok.response_status_code, ok.url) == (m.MessageStatus.SUCCESS, 200, receiver.url)
    assert (failed.status, failed.response_status_code) == (m.MessageStatus.FAIL, 0)
    assert "refused" in failed.response and ok.msg_id == failed.msg_id == message.id
    options = MessageAttemptListByMsgOptions(status=m.MessageStatus.SUCCESS)
    assert svix.message_attempt.list_by_msg(app, message.id, options).data == [ok]
    listed = svix.message_attempt.list_by_endpoint(app, "bad").data
    assert [attempt.id for attempt in listed] == [failed.id]
    options = MessageAttemptListByEndpointOptions(status=m.MessageStatus.FAIL, limit=1)
    assert svix.message_attempt.list_by_endpoint(app, good, options).data == []
    assert svix.message_attempt.get(app, message.id, ok.id) == ok
    destinations = svix.message_attempt.list_attempted_destinations(app, message.id).data
    told = [(found.id, found.status_text.value) for found in destinations]
    assert told == [(good, "success"), (bad, "pending")]
    assert destinations[1].next_attempt > datetime.now(timezone.utc)
    messages = svix.message_attempt.list_attempted_messages(app, good).data
    assert [(found.id, found.status_text.value) for found in messages] == [(message.id, "success")]


def test_what_has_arrived_is_resent(svix, app, receiver):
    svix.endpoint.create(app, m.EndpointIn(url=receiver.url, uid="e"))
    message = send(svix, app)
    receiver.wait()
    until(lambda: svix.message_attempt.list_by_msg(app, message.id).data)
    svix.message_attempt.resend(app, message.id, "e")
    seen = receiver.wait(2)
    assert [headers["webhook-id"] for headers, _ in seen] == [message.id] * 2


def test_what_was_given_up_on_is_recovered(svix, app, receiver):
    svix.endpoint.create(app, m.EndpointIn(url=receiver.url, uid="e"))
    assert patch_raw(f"/api/v1/app/{app}/endpoint/e", {"schedule": []})["schedule"] == []
    receiver.status = 500
    message = send(svix, app)
    until(
        lambda: [
            found.status_text.value == "fail"
            for found in svix.message_attempt.list_attempted_messages(app, "e").data
        ]
        == [True]
    )
    receiver.status = 200
    since = datetime.now(timezone.utc) - timedelta(hours=1)
    task = svix.endpoint.recover(app, "e", m.RecoverIn(since=since))
    assert task.id.startswith("qtask_") and task.task == m.BackgroundTaskType.ENDPOINT_RECOVER
    assert [h["webhook-id"] for h, _ in receiver.wait(2)] == [message.id] * 2


def test_a_customer_sees_their_own(svix, app):
    access = svix.authentication.app_portal_access(app, m.AppPortalAccessIn())
    assert access.token in access.url
    customer = client(access.token)
    assert customer.endpoint.list(app).data == []
    made = customer.endpoint.create(app, m.EndpointIn(url="https://example.com/in"))
    assert svix.endpoint.get(app, made.id).url == "https://example.com/in"
    other = svix.application.create(m.ApplicationIn(name="Other"))
    fails(404, "not_found", customer.endpoint.list, other.id)
    svix.application.delete(other.id)
    customer.authentication.logout()
    fails(401, "authentication_failed", customer.endpoint.list, app)


def test_what_is_not_there_yet_says_so(svix, app):
    endpoint = svix.endpoint.create(app, m.EndpointIn(url="https://example.com/in")).id
    message = send(svix, app)
    fails(501, "not_implemented", svix.endpoint.get_stats, app, endpoint)
    fails(501, "not_implemented", svix.message.expunge_content, app, message.id)
    example = m.EventExampleIn(event_type="a")
    fails(501, "not_implemented", svix.endpoint.send_example, app, endpoint, example)


def test_health(svix):
    svix.health.get()
    with urllib.request.urlopen(f"{URL}/api/v1/health/ping") as answer:
        assert answer.status == 204
