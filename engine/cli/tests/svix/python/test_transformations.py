import json

import svix.models as m
from conftest import is_wrong, send, until
from svix.webhooks import Webhook

CODE = """
function handler(webhook) {
  if (webhook.payload.far) webhook.url = "https://elsewhere.example.com/";
  webhook.payload = { said: `${webhook.variables.greeting} ${webhook.payload.name}` };
  return webhook;
}
"""


def test_a_script_changes_what_is_sent(svix, app, receiver):
    endpoint = svix.endpoint.create(app, m.EndpointIn(url=receiver.url)).id
    script = svix.endpoint.transformation
    none = script.get(app, endpoint)
    assert (none.code, none.enabled, none.variables, none.updated_at) == (None, False, {}, None)
    variables = {"greeting": "Hi"}
    change = m.EndpointTransformationPatch(code=CODE, enabled=True, variables=variables)
    script.patch(app, endpoint, change)
    told = script.get(app, endpoint)
    assert (told.code, told.enabled, told.variables) == (CODE, True, variables)
    assert told.updated_at.tzinfo
    message = send(svix, app, payload={"name": "Ada"})
    [(headers, body)] = receiver.wait()
    assert json.loads(body) == {"said": "Hi Ada"}
    assert headers["webhook-id"] == message.id
    Webhook(svix.endpoint.get_secret(app, endpoint).key).verify(body, headers)

    # A client that knows nothing of it leaves it alone.
    svix.endpoint.upsert(app, endpoint, m.EndpointUpsertIn(url=receiver.url, description="d"))
    send(svix, app, payload={"name": "Bob"})
    assert json.loads(receiver.wait(2)[1][1]) == {"said": "Hi Bob"}
    script.patch(app, endpoint, m.EndpointTransformationPatch(code=None))
    assert script.get(app, endpoint).code is None
    send(svix, app, payload={"name": "Eve"})
    assert json.loads(receiver.wait(3)[2][1]) == {"name": "Eve"}


def test_what_no_delivery_can_do_fails_it(svix, app, receiver):
    endpoint = svix.endpoint.create(app, m.EndpointIn(url=receiver.url)).id
    change = m.EndpointTransformationPatch(code=CODE, enabled=True)
    svix.endpoint.transformation.patch(app, endpoint, change)
    message = send(svix, app, payload={"far": True})

    def is_over():
        [told] = svix.message_attempt.list_attempted_destinations(app, message.id).data
        return told.status == m.MessageStatus.FAIL

    until(is_over)
    assert receiver.seen == []


def test_code_that_cannot_be_read_is_refused(svix, app):
    endpoint = svix.endpoint.create(app, m.EndpointIn(url="https://example.com/in")).id
    for code in ["function handler(", "function other() {}", ""]:
        change = m.EndpointTransformationPatch(code=code)
        is_wrong(["body", "code"], svix.endpoint.transformation.patch, app, endpoint, change)
    assert svix.endpoint.transformation.get(app, endpoint).code is None
