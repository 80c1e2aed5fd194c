import pytest
import svix.models as m
from conftest import fails, is_wrong, send, walk
from svix.api.endpoint import EndpointCreateOptions, EndpointListOptions
from svix.webhooks import Webhook, WebhookVerificationError

ELSEWHERE = "https://example.com/in"


def test_an_endpoint_lives_its_life(svix, app):
    full = m.EndpointIn(
        url=ELSEWHERE,
        uid="first",
        description="d",
        event_types=["user.signup"],
        channels=["blue"],
        metadata={"k": "v"},
        disabled=True,
        throttle_rate=7,
        secret="whsec_" + "C2" * 16,
        headers={"X-Team": "a"},
    )
    made = svix.endpoint.create(app, full)
    shown = set(m.EndpointIn.model_fields) - {"secret", "headers"}
    for member in shown:
        assert getattr(made, member) == getattr(full, member), member
    assert svix.endpoint.get(app, "first") == svix.endpoint.get(app, made.id) == made
    assert svix.endpoint.get_secret(app, "first").key == full.secret
    patch = m.EndpointPatch(channels=None, disabled=False)
    patched = svix.endpoint.patch(app, "first", patch)
    for member in shown - {"channels", "disabled"}:
        assert getattr(patched, member) == getattr(full, member), member
    assert (patched.channels, patched.disabled) == (None, False)
    put = m.EndpointUpsertIn(url="https://example.com/2", uid="first")
    put = svix.endpoint.upsert(app, made.id, put)
    assert (put.id, put.url, put.description) == (made.id, "https://example.com/2", "")
    assert (put.event_types, put.metadata, put.throttle_rate) == (None, {}, None)
    assert svix.endpoint.get_secret(app, "first").key == full.secret
    svix.endpoint.delete(app, "first")
    for call in (svix.endpoint.get, svix.endpoint.get_secret, svix.endpoint.delete):
        fails(404, "not_found", call, app, made.id)


def test_a_uid_is_taken_once_in_an_application(svix, app):
    svix.endpoint.create(app, m.EndpointIn(url=ELSEWHERE, uid="first"))
    fails(409, "conflict", svix.endpoint.create, app, m.EndpointIn(url=ELSEWHERE, uid="first"))
    other = svix.endpoint.upsert(app, "other", m.EndpointUpsertIn(url=ELSEWHERE))
    assert svix.endpoint.get(app, "other") == other
    fails(409, "conflict", svix.endpoint.patch, app, "other", m.EndpointPatch(uid="first"))
    elsewhere = svix.application.create(m.ApplicationIn(name="Elsewhere")).id
    fails(404, "not_found", svix.endpoint.get, elsewhere, other.id)
    svix.endpoint.create(elsewhere, m.EndpointIn(url=ELSEWHERE, uid="first"))
    svix.application.delete(elsewhere)
    fails(404, "not_found", svix.endpoint.list, elsewhere)


def test_one_key_makes_one_endpoint(svix, app):
    options = EndpointCreateOptions(idempotency_key=f"once-{app}")
    new = m.EndpointIn(url=ELSEWHERE)
    made = svix.endpoint.create(app, new, options)
    assert svix.endpoint.create(app, new, options) == made
    assert svix.endpoint.list(app).data == [made]


@pytest.mark.parametrize("order", m.Ordering)
def test_pages_go_both_ways(svix, app, order):
    ids = [svix.endpoint.create(app, m.EndpointIn(url=ELSEWHERE)).id for _ in range(5)]
    if order is m.Ordering.DESCENDING:
        ids.reverse()

    def page(iterator=None):
        options = EndpointListOptions(limit=2, iterator=iterator, order=order)
        return svix.endpoint.list(app, options)

    assert [endpoint.id for endpoint in walk(page)] == ids
    second = page(page().iterator)
    assert [endpoint.id for endpoint in second.data] == ids[2:4]
    assert [endpoint.id for endpoint in page(second.prev_iterator).data] == ids[:2]


@pytest.mark.parametrize(
    "member, wrong",
    [
        ("url", {"url": "ftp://example.com"}),
        ("uid", {"uid": "a/b"}),
        ("eventTypes", {"event_types": []}),
        ("channels", {"channels": []}),
        ("secret", {"secret": "short"}),
        ("headers", {"headers": {"webhook-id": "x"}}),
        ("headers", {"headers": {"Content-Length": "1"}}),
    ],
)
def test_what_is_wrong_is_told_with_its_place(svix, app, member, wrong):
    new = m.EndpointIn(**{"url": ELSEWHERE, **wrong})
    is_wrong(["body", member], svix.endpoint.create, app, new)
    assert svix.endpoint.list(app).data == []


def test_headers_are_sent_and_the_sensitive_ones_not_shown(svix, app, receiver):
    svix.endpoint.create(app, m.EndpointIn(url=receiver.url, uid="e", headers={"X-Old": "a"}))
    given = m.EndpointHeadersIn(headers={"X-Team": "a", "X-Gone": "g", "Authorization": "marker"})
    svix.endpoint.set_headers(app, "e", given)
    shown = svix.endpoint.get_headers(app, "e")
    assert shown.headers == {"X-Team": "a", "X-Gone": "g"}
    assert shown.sensitive == ["Authorization"]
    patch = m.EndpointHeadersPatchIn(headers={"X-New": "b"}, delete_headers=["X-Gone"])
    svix.endpoint.patch_headers(app, "e", patch)
    shown = svix.endpoint.get_headers(app, "e")
    assert (shown.headers, shown.sensitive) == ({"X-Team": "a", "X-New": "b"}, ["Authorization"])
    send(svix, app)
    [(headers, _)] = receiver.wait()
    sent = [headers.get(name) for name in ("x-team", "x-new", "authorization", "x-gone", "x-old")]
    assert sent == ["a", "b", "marker", None, None]
    place = ["body", "headers"]
    wrong = m.EndpointHeadersIn(headers={"webhook-id": "x"})
    is_wrong(place, svix.endpoint.set_headers, app, "e", wrong)


def signs(secret, delivery):
    headers, body = delivery
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def test_both_secrets_sign_while_one_retires(svix, app, receiver):
    first, second = "whsec_" + "C2" * 16, "D2" * 16
    svix.endpoint.create(app, m.EndpointIn(url=receiver.url, uid="e", secret=first))
    svix.endpoint.rotate_secret(app, "e", m.EndpointSecretRotateIn(key=second))
    assert svix.endpoint.get_secret(app, "e").key == "whsec_" + second
    send(svix, app)
    [delivery] = receiver.wait()
    assert [signs(secret, delivery) for secret in (first, second)] == [True, True]
    place = ["body", "key"]
    short = m.EndpointSecretRotateIn(key="short")
    is_wrong(place, svix.endpoint.rotate_secret, app, "e", short)


def test_a_secret_without_grace_signs_no_more(svix, app, receiver):
    svix.endpoint.create(app, m.EndpointIn(url=receiver.url, uid="e"))
    old = svix.endpoint.get_secret(app, "e").key
    svix.endpoint.rotate_secret(app, "e", m.EndpointSecretRotateIn(grace_period_seconds=0))
    new = svix.endpoint.get_secret(app, "e").key
    send(svix, app)
    [delivery] = receiver.wait()
    assert [signs(secret, delivery) for secret in (old, new)] == [False, True]
