import pytest
import svix.models as m
from conftest import fails, is_wrong, name, patch_raw, walk
from svix.api.event_type import EventTypeDeleteOptions, EventTypeListOptions

EXPUNGE = EventTypeDeleteOptions(expunge=True)


def test_an_event_type_lives_its_life(svix):
    order = name("order")
    full = m.EventTypeIn(
        name=order, description="d", schemas={"1": {"type": "object"}}, group_name="orders"
    )
    made = svix.event_type.create(full)
    assert (made.schemas, made.group_name) == (full.schemas, "orders")
    assert (made.archived, made.deprecated) == (False, False)
    assert svix.event_type.get(order) == made
    fails(409, "conflict", svix.event_type.create, full)
    patched = svix.event_type.patch(order, m.EventTypePatch(deprecated=True))
    assert (patched.deprecated, patched.description, patched.schemas) == (True, "d", full.schemas)
    put = svix.event_type.upsert(order, m.EventTypeUpsertIn(description="e"))
    assert (put.description, put.schemas, put.deprecated) == ("e", None, False)
    svix.event_type.delete(order, EXPUNGE)
    fails(404, "not_found", svix.event_type.get, order)
    fails(404, "not_found", svix.event_type.delete, order)


def test_deleted_is_archived_and_comes_back(svix):
    order = name("order")
    svix.event_type.upsert(order, m.EventTypeUpsertIn(description="made by a put"))

    def is_listed(archived):
        def page(iterator):
            options = EventTypeListOptions(include_archived=archived, iterator=iterator)
            return svix.event_type.list(options)

        return order in [found.name for found in walk(page)]

    assert is_listed(False)
    svix.event_type.delete(order)
    assert svix.event_type.get(order).archived
    assert (is_listed(False), is_listed(True)) == (False, True)
    again = svix.event_type.create(m.EventTypeIn(name=order, description="again"))
    assert (again.description, again.archived) == ("again", False)
    svix.event_type.delete(order, EXPUNGE)


@pytest.mark.parametrize("order", m.Ordering)
def test_pages_are_in_the_order_of_names(svix, order):
    group = name("page")
    names = [f"{group}.{n}" for n in range(5)]
    for one in names:
        schemas = {"1": {"type": "object"}}
        svix.event_type.create(m.EventTypeIn(name=one, description="", schemas=schemas))

    def page(iterator):
        options = EventTypeListOptions(limit=2, iterator=iterator, order=order, with_content=True)
        return svix.event_type.list(options)

    ours = [found for found in walk(page) if found.name in names]
    is_descending = order is m.Ordering.DESCENDING
    assert [found.name for found in ours] == sorted(names, reverse=is_descending)
    assert all(found.schemas == {"1": {"type": "object"}} for found in ours)
    for one in names:
        svix.event_type.delete(one, EXPUNGE)


def test_what_is_wrong_is_told_with_its_place(svix):
    new = m.EventTypeIn(name="a b", description="")
    is_wrong(["body", "name"], svix.event_type.create, new)


def test_messages_are_held_to_a_schema_that_is_enforced(svix, app):
    order = name("order")
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    svix.event_type.create(m.EventTypeIn(name=order, description="", schemas={"1": schema}))

    def send(payload):
        return svix.message.create(app, m.MessageIn(event_type=order, payload=payload))

    send({"n": "kept as it is as long as nobody asks for more"})
    path = f"/api/v1/event-type/{order}"
    assert patch_raw(path, {"enforcedSchema": "1"})["enforcedSchema"] == "1"
    assert send({"n": 1}).id
    is_wrong(["body", "payload", "n"], send, {"n": "x"})
    is_wrong(["body", "payload"], send, {})
    # The library does not know of it, so it goes on after a change by the library.
    svix.event_type.upsert(order, m.EventTypeUpsertIn(description="d", schemas={"1": schema}))
    is_wrong(["body", "payload"], send, {})
    svix.event_type.delete(order, EXPUNGE)
    send({})
