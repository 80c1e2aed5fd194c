import json
import time
from datetime import datetime, timedelta, timezone

import pytest
import svix.models as m
from conftest import fails, name, patch_raw, send, until, walk
from svix.api.endpoint import EndpointGetStatsOptions
from svix.api.message_attempt import (
    MessageAttemptListAttemptedDestinationsOptions,
    MessageAttemptListAttemptedMessagesOptions,
    MessageAttemptListByEndpointOptions,
    MessageAttemptListByMsgOptions,
)

HOUR = timedelta(hours=1)
NOW = datetime.now(timezone.utc)


@pytest.fixture
def endpoint(svix, app, receiver):
    """Goes to the receiver, and tries twice."""
    svix.endpoint.create(app, m.EndpointIn(url=receiver.url, uid="e"))
    assert patch_raw(f"/api/v1/app/{app}/endpoint/e", {"schedule": ["1ms"]})["schedule"] == ["1ms"]
    return svix.endpoint.get(app, "e")


def stands(svix, app, message, status):
    """How the message stands at its only endpoint; waits until it is so."""

    def read():
        [found] = svix.message_attempt.list_attempted_destinations(app, message.id).data
        return found.status_text == status and found

    return until(read)


def by_msg(svix, app, message, **options):
    options = MessageAttemptListByMsgOptions(**options)
    return svix.message_attempt.list_by_msg(app, message.id, options).data


def test_attempts_tell_how_it_went(svix, app, receiver, nobody):
    good = svix.endpoint.create(app, m.EndpointIn(url=receiver.url, uid="good")).id
    bad = svix.endpoint.create(app, m.EndpointIn(url=nobody, uid="bad")).id
    message = send(svix, app)
    attempts = until(lambda: len(found := by_msg(svix, app, message)) == 2 and found)
    by_endpoint = {attempt.endpoint_id: attempt for attempt in attempts}
    ok, failed = by_endpoint[good], by_endpoint[bad]
    assert (ok.status, ok.response_status_code) == (m.MessageStatus.SUCCESS, 200)
    assert (ok.url, ok.status_text) == (receiver.url, m.MessageStatusText.SUCCESS)
    assert (failed.status, failed.response_status_code) == (m.MessageStatus.FAIL, 0)
    assert "refused" in failed.response and ok.msg_id == failed.msg_id == message.id
    assert abs(ok.timestamp - message.timestamp) < HOUR and ok.response_duration_ms < 20_000
    for attempt in (ok, failed):
        assert svix.message_attempt.get(app, message.id, attempt.id) == attempt
        assert by_msg(svix, app, message, status=attempt.status) == [attempt]
        assert by_msg(svix, app, message, endpoint_id=attempt.endpoint_id) == [attempt]
        listed = svix.message_attempt.list_by_endpoint(app, attempt.endpoint_id).data
        assert [found.id for found in listed] == [attempt.id]

    def page(iterator):
        options = MessageAttemptListAttemptedDestinationsOptions(limit=1, iterator=iterator)
        return svix.message_attempt.list_attempted_destinations(app, message.id, options)

    destinations = walk(page)
    told = [(found.id, found.status_text.value) for found in destinations]
    assert told == [(good, "success"), (bad, "pending")]
    assert destinations[0].next_attempt is None
    assert destinations[1].next_attempt > datetime.now(timezone.utc)


def test_what_is_given_up_on_is_resent(svix, app, receiver, endpoint):
    receiver.status = 500
    message = send(svix, app)
    assert stands(svix, app, message, m.MessageStatusText.FAIL).id == endpoint.id
    first, second = by_msg(svix, app, message)[::-1]
    assert first.timestamp < second.timestamp
    for attempt in (first, second):
        assert (attempt.status, attempt.response_status_code) == (m.MessageStatus.FAIL, 500)
    receiver.status = 200
    svix.message_attempt.resend(app, message.id, "e")
    stands(svix, app, message, m.MessageStatusText.SUCCESS)
    svix.message_attempt.resend(app, message.id, endpoint.id)
    assert [headers["webhook-id"] for headers, _ in receiver.wait(4)] == [message.id] * 4
    all_four = until(lambda: len(found := by_msg(svix, app, message)) == 4 and found)
    assert [found.response_status_code for found in all_four] == [200, 200, 500, 500]
    assert all_four[2:] == [second, first]


def test_what_was_given_up_on_since_a_time_is_recovered(svix, app, receiver, endpoint):
    receiver.status = 500
    message = send(svix, app)
    stands(svix, app, message, m.MessageStatusText.FAIL)
    receiver.status = 200
    before = m.RecoverIn(since=NOW - 2 * HOUR, until=NOW - HOUR)
    svix.endpoint.recover(app, "e", before)
    assert stands(svix, app, message, m.MessageStatusText.FAIL)
    task = svix.endpoint.recover(app, "e", m.RecoverIn(since=NOW - HOUR))
    assert task.id.startswith("qtask_") and task.task == m.BackgroundTaskType.ENDPOINT_RECOVER
    stands(svix, app, message, m.MessageStatusText.SUCCESS)
    assert [headers["webhook-id"] for headers, _ in receiver.wait(3)] == [message.id] * 3


def test_what_was_never_sent_is_sent(svix, app, receiver):
    early = [send(svix, app, payload={"n": n}) for n in range(3)]
    svix.endpoint.create(app, m.EndpointIn(url=receiver.url, uid="e"))
    late = send(svix, app, payload={"n": 3})
    receiver.wait(1)
    before = m.ReplayIn(since=NOW - 2 * HOUR, until=NOW - HOUR)
    svix.endpoint.replay_missing(app, "e", before)
    task = svix.endpoint.replay_missing(app, "e", m.ReplayIn(since=NOW - HOUR))
    assert task.id.startswith("qtask_") and task.task == m.BackgroundTaskType.ENDPOINT_REPLAY
    assert task.status == m.BackgroundTaskStatus.RUNNING
    ids = [headers["webhook-id"] for headers, _ in receiver.wait(4)]
    assert sorted(ids) == sorted(message.id for message in [*early, late])
    svix.endpoint.replay_missing(app, "e", m.ReplayIn(since=NOW - HOUR))
    send(svix, app)
    assert len(receiver.wait(5)) == 5, "what was sent is not sent again"
    nothing = m.ReplayIn(since=NOW)
    fails(404, "not_found", svix.endpoint.replay_missing, app, "nothing", nothing)


def test_an_example_goes_to_one_endpoint_alone(svix, app, receiver, endpoint):
    other = m.EndpointIn(url=receiver.url + "/other", uid="other", channels=["red"])
    svix.endpoint.create(app, other)
    event_type, bare = name("example"), name("bare")
    schemas = {"1": {"type": "object", "examples": [{"n": 7}]}}
    new = m.EventTypeIn(name=event_type, description="d", schemas=schemas)
    svix.event_type.create(new)
    svix.event_type.create(m.EventTypeIn(name=bare, description="d"))
    example = m.EventExampleIn(event_type=event_type)
    message = svix.endpoint.send_example(app, "other", example)
    assert (message.event_type, message.payload) == (event_type, {"n": 7})
    [(headers, body)] = receiver.wait(1)
    assert (headers["webhook-id"], json.loads(body)) == (message.id, {"n": 7})
    ping = svix.endpoint.send_example(app, "e", m.EventExampleIn(event_type="svix.ping"))
    receiver.wait(2)
    destinations = svix.message_attempt.list_attempted_destinations
    for sent, uid in [(message, "other"), (ping, "e")]:
        [found] = destinations(app, sent.id).data
        assert found.uid == uid
    assert len(receiver.seen) == 2
    bad = m.EventExampleIn(event_type=bare)
    fails(400, "invalid_scheme", svix.endpoint.send_example, app, "e", bad)
    unknown = m.EventExampleIn(event_type="unknown")
    fails(404, "not_found", svix.endpoint.send_example, app, "e", unknown)
    svix.event_type.delete(event_type)
    svix.event_type.delete(bare)


@pytest.fixture
def history(svix, app, receiver, endpoint):
    """A message that did not arrive and one that did."""
    receiver.status = 503
    bad = send(svix, app, "t.bad", {"n": 1}, channels=["red"])
    stands(svix, app, bad, m.MessageStatusText.FAIL)
    receiver.status = 200
    good = send(svix, app, "t.good", {"n": 2}, channels=["blue"])
    stands(svix, app, good, m.MessageStatusText.SUCCESS)
    return bad, good


BAD, GOOD, NONE = [0, 0], [1], []
BOTH = GOOD + BAD
WANTS = [
    ({}, BOTH),
    ({"status": m.MessageStatus.FAIL}, BAD),
    ({"status": m.MessageStatus.SUCCESS}, GOOD),
    ({"status": m.MessageStatus.PENDING}, NONE),
    ({"channel": "red"}, BAD),
    ({"channel": "green"}, NONE),
    ({"event_types": ["t.good"]}, GOOD),
    ({"event_types": ["t.good", "t.bad"]}, BOTH),
    ({"event_types": ["t"]}, NONE),
    ({"after": NOW - HOUR, "before": NOW + HOUR}, BOTH),
    ({"before": NOW - HOUR}, NONE),
    ({"after": NOW + HOUR}, NONE),
]
CODES = [
    ({"status_code_class": m.StatusCodeClass.CODE5XX}, BAD),
    ({"status_code_class": m.StatusCodeClass.CODE2XX}, GOOD),
    ({"status_code_class": m.StatusCodeClass.CODE4XX}, NONE),
]


def test_attempts_are_filtered(svix, app, history):
    for options, wanted in WANTS + CODES:

        def page(iterator):
            asked = MessageAttemptListByEndpointOptions(limit=2, iterator=iterator, **options)
            return svix.message_attempt.list_by_endpoint(app, "e", asked)

        found = [attempt.msg_id for attempt in walk(page)]
        assert found == [history[n].id for n in wanted], options
        of_bad = by_msg(svix, app, history[0], **options)
        assert len(of_bad) == wanted.count(0), options
    options = MessageAttemptListByEndpointOptions(limit=1, with_msg=True)
    [attempt] = svix.message_attempt.list_by_endpoint(app, "e", options).data
    assert (attempt.msg.id, attempt.msg.event_type) == (history[1].id, "t.good")


def test_attempted_messages_are_filtered(svix, app, history):
    for options, wanted in WANTS:

        def page(iterator):
            asked = MessageAttemptListAttemptedMessagesOptions(
                limit=1, iterator=iterator, with_content=True, **options
            )
            return svix.message_attempt.list_attempted_messages(app, "e", asked)

        found = walk(page)
        expected = dict.fromkeys(wanted)
        assert [message.id for message in found] == [history[n].id for n in expected], options
        for message, n in zip(found, expected):
            assert message.status_text.value == ["fail", "success"][n]
            assert message.payload == {"n": n + 1}


def test_an_attempts_content_is_expunged(svix, app, history):
    [attempt] = by_msg(svix, app, history[1])
    svix.message_attempt.expunge_content(app, history[1].id, attempt.id)
    fails(404, "not_found", svix.message_attempt.expunge_content, app, history[0].id, attempt.id)


def test_what_is_not_there_is_not_found(svix, app, endpoint):
    message, attempts = send(svix, app).id, svix.message_attempt
    for call, *args in [
        (attempts.get, message, "atmpt_1"),
        (attempts.get, "msg_1", "atmpt_1"),
        (attempts.list_by_msg, "msg_1"),
        (attempts.list_by_endpoint, "nowhere"),
        (attempts.list_attempted_messages, "nowhere"),
        (attempts.list_attempted_destinations, "msg_1"),
        (attempts.resend, message, "nowhere"),
        (attempts.resend, "msg_1", "e"),
    ]:
        fails(404, "not_found", call, app, *args)


def test_an_endpoint_that_is_gone_is_disabled_until_it_is_enabled(svix, app, receiver, endpoint):
    receiver.status = 410
    send(svix, app)
    until(lambda: svix.endpoint.get(app, "e").disabled)
    [listed] = svix.endpoint.list(app).data
    assert listed.disabled
    receiver.status = 200
    later = send(svix, app)
    assert not svix.endpoint.patch(app, "e", m.EndpointPatch(disabled=False)).disabled
    stands(svix, app, later, m.MessageStatusText.SUCCESS)
    assert not svix.endpoint.get(app, "e").disabled


def test_the_rate_of_an_application_holds_all_of_its_endpoints(svix, receiver):
    uid = name("rate")
    svix.application.create(m.ApplicationIn(name="Rate", uid=uid, throttle_rate=10))
    for path in ["a", "b"]:
        svix.endpoint.create(uid, m.EndpointIn(url=f"{receiver.url}/{path}"))
    begun = time.monotonic()
    for _ in range(10):
        send(svix, uid)
    receiver.wait(20)
    assert time.monotonic() - begun >= 1.8
    svix.application.patch(uid, m.ApplicationPatch(throttle_rate=None))
    for _ in range(10):
        send(svix, uid)
    receiver.wait(40)
    svix.application.delete(uid)


def test_a_disabled_endpoint_is_sent_nothing_until_it_is_enabled(svix, app, receiver, endpoint):
    svix.endpoint.patch(app, "e", m.EndpointPatch(disabled=True))
    other = svix.endpoint.create(app, m.EndpointIn(url=receiver.url + "/other")).id
    message = send(svix, app)
    until(lambda: by_msg(svix, app, message, endpoint_id=other))
    assert [attempt.endpoint_id for attempt in by_msg(svix, app, message)] == [other]
    svix.endpoint.patch(app, "e", m.EndpointPatch(disabled=False))
    until(lambda: by_msg(svix, app, message, endpoint_id=endpoint.id))


def test_an_endpoints_deliveries_are_counted(svix, app, receiver, nobody):
    endpoint = svix.endpoint.create(app, m.EndpointIn(url=receiver.url, uid="e")).id
    dead = svix.endpoint.create(app, m.EndpointIn(url=nobody, uid="dead")).id
    patch_raw(f"/api/v1/app/{app}/endpoint/dead", {"schedule": []})
    tried = svix.endpoint.create(app, m.EndpointIn(url=nobody)).id
    for _ in range(3):
        send(svix, app)
    receiver.wait(3)

    def numbers(endpoint, **options):
        found = svix.endpoint.get_stats(app, endpoint, EndpointGetStatsOptions(**options))
        return found.success, found.fail, found.pending, found.sending

    until(lambda: numbers(endpoint) == (3, 0, 0, 0))
    until(lambda: numbers(dead) == (0, 3, 0, 0))
    until(lambda: numbers(tried)[2] == 3)
    now = datetime.now(timezone.utc)
    assert numbers("e", since=now - HOUR, until=now + HOUR) == (3, 0, 0, 0)
    assert numbers(endpoint, since=now - 3 * HOUR, until=now - 2 * HOUR) == (0, 0, 0, 0)
    fails(404, "not_found", svix.endpoint.get_stats, app, "nothing")
