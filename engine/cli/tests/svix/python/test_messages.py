import json
from datetime import datetime, timedelta, timezone

import pytest
import svix.models as m
from conftest import fails, is_wrong, name, send, walk
from svix.api.message import MessageCreateOptions, MessageGetOptions, MessageListOptions
from svix.api.message_poller import MessagePollerConsumerPollOptions, MessagePollerPollOptions
from svix.webhooks import Webhook, WebhookVerificationError


def test_a_message_arrives_signed(svix, app, receiver):
    svix.endpoint.create(app, m.EndpointIn(url=receiver.url, uid="e"))
    payload = {"text": "ü", "n": 1.5, "none": None, "deep": [{}]}
    message = send(svix, app, payload=payload)
    [(headers, body)] = receiver.wait()
    assert (headers["webhook-id"], json.loads(body)) == (message.id, payload)
    assert headers["content-type"] == "application/json"
    secret = svix.endpoint.get_secret(app, "e").key
    Webhook(secret).verify(body, headers)
    for secret, sent in [("whsec_" + "A1" * 16, body), (secret, body + b" ")]:
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(sent, headers)


def test_types_and_channels_choose(svix, app, receiver):
    svix.endpoint.create(
        app, m.EndpointIn(url=receiver.url, event_types=["a.b"], channels=["blue", "green"])
    )
    unwanted = [
        send(svix, app, "a.c", channels=["blue"]),
        send(svix, app, "a.b", channels=["red"]),
        send(svix, app, "a.b"),
    ]
    wanted = send(svix, app, "a.b", {"n": 4}, channels=["green", "red"])
    [(headers, _)] = receiver.wait()
    assert headers["webhook-id"] == wanted.id
    for message in unwanted:
        assert svix.message_attempt.list_attempted_destinations(app, message.id).data == []
        assert svix.message_attempt.list_by_msg(app, message.id).data == []


def test_one_key_makes_one_message(svix, app):
    options = MessageCreateOptions(idempotency_key=name("k"))
    body = m.MessageIn(event_type="a", payload={"n": 1})
    first = svix.message.create(app, body, options)
    assert svix.message.create(app, body, options).id == first.id
    other = m.MessageIn(event_type="a", payload={"n": 2})
    fails(409, "conflict", svix.message.create, app, other, options)
    assert svix.message.create(app, body).id != first.id
    assert len(svix.message.list(app).data) == 2


def test_an_event_id_is_taken_once(svix, app):
    named = send(svix, app, event_id="own-id")
    assert named.event_id == "own-id"
    assert svix.message.get(app, "own-id").id == named.id
    fails(409, "conflict", lambda: send(svix, app, event_id="own-id"))
    other = svix.application.create(m.ApplicationIn(name="Other")).id
    assert send(svix, other, event_id="own-id").id != named.id
    fails(404, "not_found", svix.message.get, other, named.id)
    svix.application.delete(other)


def test_a_message_can_bring_its_application(svix):
    uid = name("fresh")
    fails(404, "not_found", send, svix, uid)
    message = send(svix, uid, application=m.ApplicationIn(name="Fresh", uid=uid))
    assert svix.application.get(uid).name == "Fresh"
    assert svix.message.list(uid).data == [message]
    svix.application.delete(uid)


def test_payloads_are_shown_to_who_asks(svix, app):
    body = m.MessageIn(event_type="t", payload={"n": 0}, channels=["c"])
    bare = svix.message.create(app, body)
    full = svix.message.create(app, body, MessageCreateOptions(with_content=True))
    assert (bare.payload, full.payload) == ({}, {"n": 0})
    assert svix.message.get(app, full.id).payload == {}
    assert svix.message.get(app, full.id, MessageGetOptions(with_content=True)) == full
    shown = svix.message.list(app, MessageListOptions(with_content=True)).data
    assert shown == [full, bare.model_copy(update={"payload": {"n": 0}})]
    assert svix.message.list(app).data == [full.model_copy(update={"payload": {}}), bare]


def test_messages_are_listed(svix, app):
    now = datetime.now(timezone.utc)
    made = [send(svix, app, f"t.{n}", {"n": n}, channels=[f"c{n % 2}"]).id for n in range(5)]

    def ids(**options):
        return [found.id for found in svix.message.list(app, MessageListOptions(**options)).data]

    def page(iterator):
        return svix.message.list(app, MessageListOptions(limit=2, iterator=iterator))

    assert ids() == [found.id for found in walk(page)] == made[::-1]
    second = page(page(None).iterator)
    assert [found.id for found in second.data] == made[2:0:-1]
    assert [found.id for found in page(second.prev_iterator).data] == made[:2:-1]
    assert ids(event_types=["t.1", "t.3"]) == [made[3], made[1]]
    assert ids(channel="c1") == [made[3], made[1]]
    assert ids(channel="c1", event_types=["t.1"]) == [made[1]]
    hour = timedelta(hours=1)
    assert ids(before=now - hour) == ids(after=now + hour) == []
    assert ids(after=now - hour, before=now + hour) == made[::-1]
    middle = svix.message.get(app, made[2]).timestamp
    assert made[2] not in ids(after=middle) and made[4] in ids(after=middle - hour)


@pytest.mark.parametrize(
    "member, wrong",
    [
        ("eventType", {"event_type": "a b"}),
        ("eventId", {"event_id": "a/b"}),
        ("channels", {"channels": []}),
        ("channels", {"channels": ["a", "b", "c", "d", "e", "f"]}),
    ],
)
def test_what_is_wrong_is_told_with_its_place(svix, app, member, wrong):
    new = m.MessageIn(**{"event_type": "a", "payload": {}, **wrong})
    is_wrong(["body", member], svix.message.create, app, new)
    assert svix.message.list(app).data == []


def test_what_is_not_there_is_not_found(svix, app):
    for ghost in ("evt_00000000000000000000000", "msg_2xyz", "own-id"):
        fails(404, "not_found", svix.message.get, app, ghost)


def test_a_messages_content_is_expunged(svix, app):
    message = send(svix, app, payload={"secret": 1})
    svix.message.expunge_content(app, message.id)
    shown = svix.message.get(app, message.id, MessageGetOptions(with_content=True))
    assert shown.payload == {"expired": True}
    svix.message.expunge_content(app, message.id)
    fails(404, "not_found", svix.message.expunge_content, app, "nothing")


def test_a_polled_endpoint_is_fetched_from(svix, app):
    svix.endpoint.create(app, m.EndpointIn(url="poll:", uid="sink", event_types=["order.*"]))
    poller = svix.message.poller
    sent = [send(svix, app, name, {"n": n}).id for n, name in enumerate(["order.a", "b", "order.c"])]

    def ids(page):
        return [message.id for message in page.data]

    page = poller.poll(app, "sink", MessagePollerPollOptions(limit=1))
    assert (ids(page), page.done) == ([sent[0]], False)
    assert (page.data[0].event_type, page.data[0].payload) == ("order.a", {"n": 0})
    page = poller.poll(app, "sink", MessagePollerPollOptions(iterator=page.iterator))
    assert (ids(page), page.done) == ([sent[2]], True)
    more = send(svix, app, "order.d").id
    page = poller.poll(app, "sink", MessagePollerPollOptions(iterator=page.iterator))
    assert ids(page) == [more]
    page = poller.poll(app, "sink", MessagePollerPollOptions(event_type="order.c"))
    assert ids(page) == [sent[2]]

    def consume(**options):
        return poller.consumer_poll(app, "sink", "me", MessagePollerConsumerPollOptions(**options))

    first = consume(limit=2)
    assert ids(first) == ids(consume(limit=2)) == [sent[0], sent[2]]
    assert ids(consume(limit=2, iterator=first.iterator)) == ids(consume()) == [more]
    past = m.PollingEndpointConsumerSeekIn(after=datetime.now(timezone.utc) - timedelta(hours=1))
    assert poller.consumer_seek(app, "sink", "me", past).iterator
    assert ids(consume()) == [sent[0], sent[2], more]
    svix.message.expunge_content(app, sent[2])
    assert ids(consume()) == [sent[0], more]
    fails(404, "not_found", poller.poll, app, "nothing")
