import pytest
import svix.models as m
from conftest import fails, is_wrong, name, walk
from svix.api.application import ApplicationCreateOptions, ApplicationListOptions


def test_an_application_lives_its_life(svix):
    uid = name("shop")
    made = svix.application.create(m.ApplicationIn(name="Shop", uid=uid, metadata={"plan": "a"}))
    assert (made.name, made.uid, made.metadata) == ("Shop", uid, {"plan": "a"})
    assert svix.application.get(uid) == svix.application.get(made.id) == made
    put = svix.application.upsert(uid, m.ApplicationIn(name="Store", uid=uid))
    assert (put.name, put.metadata, put.created_at) == ("Store", {}, made.created_at)
    patched = svix.application.patch(made.id, m.ApplicationPatch(metadata={"plan": "b"}))
    assert (patched.name, patched.uid, patched.metadata) == ("Store", uid, {"plan": "b"})
    assert patched.updated_at > put.updated_at
    assert svix.application.patch(uid, m.ApplicationPatch(uid=None)).uid is None
    fails(404, "not_found", svix.application.get, uid)
    svix.application.delete(made.id)
    fails(404, "not_found", svix.application.get, made.id)
    fails(404, "not_found", svix.application.delete, made.id)


def test_what_there_is_is_got_and_what_there_is_not_is_made(svix):
    uid = name("shop")
    made = svix.application.get_or_create(m.ApplicationIn(name="Shop", uid=uid))
    assert svix.application.get_or_create(m.ApplicationIn(name="Other", uid=uid)) == made
    other = svix.application.upsert(name("put"), m.ApplicationIn(name="Put"))
    assert svix.application.get(other.uid) == other
    for app in (made, other):
        svix.application.delete(app.id)


def test_a_uid_is_taken_once(svix, app):
    new = m.ApplicationIn(name="x", uid=app)
    fails(409, "conflict", svix.application.create, new)
    other = svix.application.create(m.ApplicationIn(name="Other"))
    fails(409, "conflict", svix.application.patch, other.id, m.ApplicationPatch(uid=app))
    fails(409, "conflict", svix.application.upsert, other.id, new)
    assert svix.application.get(other.id) == other
    svix.application.delete(other.id)


def test_one_key_makes_one_application(svix):
    new = m.ApplicationIn(name="Once")
    options = ApplicationCreateOptions(idempotency_key=name("k"))
    made = svix.application.create(new, options)
    assert svix.application.create(new, options) == made
    another = svix.application.create(new)
    assert another.id != made.id
    for app in (made, another):
        svix.application.delete(app.id)


@pytest.mark.parametrize("order", m.Ordering)
def test_pages_go_through_all(svix, order):
    ids = [svix.application.create(m.ApplicationIn(name=f"p{n}")).id for n in range(5)]
    # Those of one millisecond are in any order.
    ids.sort(reverse=order is m.Ordering.DESCENDING)

    def page(iterator, limit=2):
        options = ApplicationListOptions(limit=limit, iterator=iterator, order=order)
        page = svix.application.list(options)
        assert len(page.data) <= limit
        return page

    found = [app.id for app in walk(page)]
    assert len(set(found)) == len(found)
    assert [app for app in found if app in ids] == ids
    two, four = page(ids[1]), page(ids[1], limit=4)
    assert [app.id for app in two.data] == ids[2:4]
    assert [app.id for app in page(four.prev_iterator).data] == ids[:2]
    for app in ids:
        svix.application.delete(app)


@pytest.mark.parametrize(
    "member, new",
    [
        ("name", m.ApplicationIn(name="")),
        ("uid", m.ApplicationIn(name="x", uid="a b")),
        ("uid", m.ApplicationIn(name="x", uid="app_looks_like_an_id")),
        ("throttleRate", m.ApplicationIn(name="x", throttle_rate=0)),
    ],
)
def test_what_is_wrong_is_told_with_its_place(svix, member, new):
    is_wrong(["body", member], svix.application.create, new)


@pytest.mark.parametrize("limit", [0, 251])
def test_a_page_has_bounds(svix, limit):
    is_wrong(["query", "limit"], svix.application.list, ApplicationListOptions(limit=limit))
