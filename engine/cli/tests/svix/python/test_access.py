import svix.models as m
from conftest import client, fails, is_wrong, name, send

NEW = m.EndpointIn(url="https://example.com/in")


def session(svix, app, **given):
    return client(svix.authentication.app_portal_access(app, m.AppPortalAccessIn(**given)).token)


def test_a_wrong_key_opens_nothing(svix, app):
    wrong = client("wrong")
    fails(401, "authentication_failed", wrong.application.list)
    fails(401, "authentication_failed", send, wrong, app)
    assert svix.message.list(app).data == []


def test_a_customer_sees_their_own(svix, app):
    access = svix.authentication.app_portal_access(app, m.AppPortalAccessIn())
    assert access.token in access.url
    customer = client(access.token)
    made = customer.endpoint.create(app, NEW)
    assert svix.endpoint.get(app, made.id) == customer.endpoint.get(app, made.id) == made
    other = svix.application.create(m.ApplicationIn(name="Other"))
    fails(404, "not_found", customer.endpoint.list, other.id)
    svix.application.delete(other.id)
    fails(403, "insufficient_access", customer.application.list)
    fails(403, "insufficient_access", send, customer, app)
    customer.authentication.logout()
    fails(401, "authentication_failed", customer.endpoint.list, app)


def test_a_customer_may_what_the_session_says(svix, app):
    endpoint = svix.endpoint.create(app, NEW).id
    may = m.AppPortalCapability
    for given, reveals, writes in [
        ({"read_only": True}, False, False),
        ({"capabilities": [may.VIEW_BASE]}, False, False),
        ({"capabilities": [may.VIEW_ENDPOINT_SECRET]}, True, False),
        ({"capabilities": [may.MANAGE_ENDPOINT]}, True, True),
    ]:
        customer = session(svix, app, **given)
        assert customer.endpoint.list(app).data[0].id == endpoint
        tries = [
            (reveals, customer.endpoint.get_secret, app, endpoint),
            (writes, customer.endpoint.patch, app, endpoint, m.EndpointPatch(description="d")),
        ]
        for allowed, call, *args in tries:
            if allowed:
                call(*args)
            else:
                fails(403, "insufficient_access", call, *args)


def test_a_customer_needs_leave_to_change_scripts(svix, app):
    endpoint = svix.endpoint.create(app, NEW).id
    patch = m.EndpointTransformationPatch(code="function handler(webhook) { return webhook; }")
    may = m.AppPortalCapability
    one = session(svix, app, capabilities=[may.MANAGE_ENDPOINT])
    assert one.endpoint.transformation.get(app, endpoint).code is None
    fails(403, "insufficient_access", one.endpoint.transformation.patch, app, endpoint, patch)
    other = session(svix, app, capabilities=[may.MANAGE_TRANSFORMATIONS])
    other.endpoint.transformation.patch(app, endpoint, patch)
    assert one.endpoint.transformation.get(app, endpoint).code == patch.code


def test_sessions_end_by_their_names(svix, app):
    one, two = [session(svix, app, session_id=of) for of in ("one", "two")]
    svix.authentication.expire_all(app, m.ApplicationTokenExpireIn(session_ids=["one"]))
    fails(401, "authentication_failed", one.endpoint.list, app)
    assert two.endpoint.list(app).data == []
    svix.authentication.expire_all(app, m.ApplicationTokenExpireIn())
    fails(401, "authentication_failed", two.endpoint.list, app)


def test_a_session_can_bring_its_application(svix):
    uid = name("fresh")
    new = m.ApplicationIn(name="Fresh", uid=uid)
    assert session(svix, uid, application=new).endpoint.list(uid).data == []
    assert svix.application.get(uid).name == "Fresh"
    svix.application.delete(uid)


def test_a_session_has_bounds(svix, app):
    short = m.AppPortalAccessIn(expiry=60)
    is_wrong(["body", "expiry"], svix.authentication.app_portal_access, app, short)
