import asyncio

import svix.models as m
from conftest import KEY, URL, name
from svix.api import SvixAsync, SvixOptions
from svix.api.message import MessageListOptions


async def story():
    svix = SvixAsync(KEY, SvixOptions(server_url=URL, retry_schedule=[]))
    app = name("app")
    await svix.application.create(m.ApplicationIn(name="Test", uid=app))
    new = [m.MessageIn(event_type="a", payload={"n": n}) for n in range(40)]
    made = await asyncio.gather(*(svix.message.create(app, message) for message in new))
    found, iterator, done = [], None, False
    while not done:
        options = MessageListOptions(limit=15, iterator=iterator)
        page = await svix.message.list(app, options)
        found += [message.id for message in page.data]
        iterator, done = page.iterator, page.done
    await svix.application.delete(app)
    return sorted(found), sorted(message.id for message in made)


def test_forty_at_once_are_all_kept():
    found, made = asyncio.run(story())
    assert found == made and len(set(found)) == 40
