"""The conformance filter: what it must do is in ../README.md."""


def fail(event):
    # An error without a text would be told by its class.
    if not event.text():
        return reject("")
    raise Exception(event.text())


def log_body(event):
    log("info", event.text())
    return True


def measure(event):
    count("seen", 2)
    gauge("depth", 1.5)
    return True


def spin(event):
    while True:
        pass


def with_fewer_headers(event):
    headers = event.header_list
    kept = [(name, value) for name, value in headers if not name.startswith("x-drop-")]
    return Output(headers=[*kept, ("x-conformance", len(headers))])


def stamp(event):
    others = [(name, value) for name, value in event.header_list if name != "x-stamp"]
    return Output(headers=[*others, ("x-stamp", "1")])


def table(event):
    word = table_get("words", event.text())
    return Output(body="none" if word is None else word)


def fan(event):
    return [Output(body=part, key=i) for i, part in enumerate(event.body.split(b"\n"))]


def dump(event):
    lines = [
        f"id={event.id}",
        f"type={event.type}",
        f"key={event.key}",
        f"source={event.source}",
        f"offset={event.offset}",
        f"time_ns={event.time_ns}",
        f"is_json={event.is_json}".lower(),
        f"is_replay={event.is_replay}".lower(),
        f"is_dry_run={event.is_dry_run}".lower(),
    ]
    parts = [line.encode() for line in lines]
    for name, value in event.header_list:
        value = value if isinstance(value, bytes) else value.encode()
        parts.append(name.encode() + b": " + value)
    return Output(body=b"\n".join([*parts, b"", event.body]))


ANSWERS = {
    "pass": lambda event: True,
    "drop": lambda event: False,
    "reject": lambda event: reject(event.text()),
    "fail": fail,
    "retry": lambda event: retry(60_000, "later"),
    "body": lambda event: Output(body=b"<" + event.body + b">"),
    "alias": lambda event: Output(body=event.body[1:-1]),
    "empty": lambda event: Output(body=""),
    "key": lambda event: Output(key=f"key of {event.key}"),
    "type": lambda event: Output(type=f"renamed.{event.id}"),
    "headers": with_fewer_headers,
    "bare": lambda event: Output(headers={}),
    "stamp": stamp,
    "kept": lambda event: event.header("x-kept") == "ok",
    "table": table,
    "fan": fan,
    "copies": lambda event: [Output()] * int(event.text()),
    "none": lambda event: [],
    "dump": dump,
    "log": log_body,
    "count": measure,
    "spin": spin,
}


def filter(event, config):
    if event.type == "config":
        greeting = config.get("greeting")
        return Output(body=greeting if isinstance(greeting, str) else "none")
    if event.type in ANSWERS:
        return ANSWERS[event.type](event)
    return reject(f"unknown type: {event.type}")
