"""What only Svix's cloud has says so in the form of errors."""

import urllib.request
from datetime import datetime, timezone

import pytest
import svix.models as m
from conftest import URL, fails, is_wrong
from svix.api.message import MessageListOptions

NOW = datetime.now(timezone.utc)


@pytest.mark.parametrize(
    "call",
    [
        lambda svix, app: svix.background_task.list(),
        lambda svix, app: svix.connector.list(),
        lambda svix, app: svix.environment.export(),
        lambda svix, app: svix.event_type.import_openapi(m.EventTypeImportOpenApiIn()),
        lambda svix, app: svix.ingest.source.list(),
        lambda svix, app: svix.integration.list(app),
        lambda svix, app: svix.operational_webhook.endpoint.list(),
        lambda svix, app: svix.statistics.aggregate_event_types(),
        lambda svix, app: svix.streaming.stream.list(),
    ],
)
def test_what_svix_has_in_its_cloud_alone_is_not_found(svix, app, call):
    fails(404, "not_found", call, svix, app)


@pytest.mark.parametrize(
    "member, more",
    [
        ("deliverAt", {"deliver_at": NOW}),
        ("payloadRetentionPeriod", {"payload_retention_period": 30}),
        ("tags", {"tags": ["a"]}),
        ("transformationsParams", {"transformations_params": {"rawPayload": "x"}}),
    ],
)
def test_what_would_be_dropped_is_refused(svix, app, member, more):
    new = m.MessageIn(event_type="a", payload={}, **more)
    is_wrong(["body", member], svix.message.create, app, new)
    assert svix.message.list(app).data == []
    options = MessageListOptions(tag="a")
    is_wrong(["query", "tag"], svix.message.list, app, options)


def test_health(svix):
    svix.health.get()
    with urllib.request.urlopen(f"{URL}/api/v1/health/ping") as answer:
        assert answer.status == 204
