/* What ../README.md says that one filter does in every language, in C. */
#include "forebay.h"

static forebay_verdict with_fewer_headers(const forebay_event *event)
{
    forebay_output output = forebay_output_of(event);
    forebay_headers walk = forebay_headers_of(event);
    forebay_bytes count = {0};
    forebay_clear_headers(&output);
    while (forebay_next_header(&walk)) {
        if (!forebay_starts_with(walk.name, "x-drop-")) {
            forebay_add_header(&output, walk.name, walk.value);
        }
    }
    forebay_add_unsigned(&count, forebay_header_count(event));
    forebay_add_header(&output, forebay_str("x-conformance"), count);
    return forebay_emit(&output);
}

static forebay_verdict fanned(const forebay_event *event)
{
    size_t from = 0;
    uint64_t index = 0;
    for (size_t i = 0; i <= event->body.len; i++) {
        if (i < event->body.len && event->body.ptr[i] != '\n') continue;
        forebay_output output = forebay_output_of(event);
        forebay_bytes key = {0};
        forebay_add_unsigned(&key, index++);
        forebay_set_key(&output, key);
        forebay_set_body(&output, forebay_slice(event->body, from, i));
        forebay_emit(&output);
        from = i + 1;
    }
    return forebay_emitted();
}

static void add_line(forebay_bytes *to, const char *name, forebay_bytes value)
{
    forebay_add_str(to, name);
    forebay_add(to, value);
    forebay_add_str(to, "\n");
}

static forebay_bytes dumped(const forebay_event *event)
{
    forebay_bytes dump = {0};
    forebay_headers walk = forebay_headers_of(event);
    const char *yes = "true", *no = "false";
    add_line(&dump, "id=", event->id);
    add_line(&dump, "type=", event->type);
    add_line(&dump, "key=", event->key);
    add_line(&dump, "source=", forebay_source(event));
    forebay_add_str(&dump, "offset=");
    forebay_add_unsigned(&dump, event->offset);
    forebay_add_str(&dump, "\ntime_ns=");
    forebay_add_signed(&dump, event->time_ns);
    forebay_add_str(&dump, "\n");
    add_line(&dump, "is_json=", forebay_str(forebay_is_json(event) ? yes : no));
    add_line(&dump, "is_replay=", forebay_str(forebay_is_replay(event) ? yes : no));
    add_line(&dump, "is_dry_run=", forebay_str(forebay_is_dry_run(event) ? yes : no));
    while (forebay_next_header(&walk)) {
        forebay_add(&dump, walk.name);
        add_line(&dump, ": ", walk.value);
    }
    forebay_add_str(&dump, "\n");
    forebay_add(&dump, event->body);
    return dump;
}

/* Says what is wrong, if it is. */
static bool read_copies(forebay_bytes body, uint64_t *copies)
{
    return forebay_read_unsigned(body, copies) || forebay_fail(forebay_str("no number of copies"));
}

static forebay_verdict with_body(const forebay_event *event, forebay_bytes body)
{
    forebay_output output = forebay_output_of(event);
    forebay_set_body(&output, body);
    return forebay_emit(&output);
}

forebay_verdict forebay_filter(const forebay_event *event)
{
    forebay_bytes type = event->type, body = event->body, text = {0};
    forebay_output output = forebay_output_of(event);

    if (forebay_is(type, "pass")) return forebay_pass();
    if (forebay_is(type, "drop")) return forebay_drop();
    if (forebay_is(type, "reject")) return forebay_reject(body);
    if (forebay_is(type, "fail")) {
        forebay_fail(body);
        return forebay_failed();
    }
    if (forebay_is(type, "retry")) return forebay_retry(60000, forebay_str("later"));
    if (forebay_is(type, "body")) {
        forebay_add_str(&text, "<");
        forebay_add(&text, body);
        forebay_add_str(&text, ">");
        return with_body(event, text);
    }
    if (forebay_is(type, "alias")) {
        return with_body(event, forebay_slice(body, 1, body.len > 0 ? body.len - 1 : 0));
    }
    if (forebay_is(type, "empty")) return with_body(event, forebay_str(""));
    if (forebay_is(type, "key")) {
        forebay_add_str(&text, "key of ");
        forebay_add(&text, event->key);
        forebay_set_key(&output, text);
        return forebay_emit(&output);
    }
    if (forebay_is(type, "type")) {
        forebay_add_str(&text, "renamed.");
        forebay_add(&text, event->id);
        forebay_set_type(&output, text);
        return forebay_emit(&output);
    }
    if (forebay_is(type, "headers")) return with_fewer_headers(event);
    if (forebay_is(type, "stamp")) {
        forebay_set_header(&output, "x-stamp", forebay_str("1"));
        return forebay_emit(&output);
    }
    if (forebay_is(type, "kept")) {
        return forebay_keep(forebay_header(event, "x-kept", &text) && forebay_is(text, "ok"));
    }
    if (forebay_is(type, "table")) {
        if (!forebay_look_up("words", body, &text)) text = forebay_str("none");
        return with_body(event, text);
    }
    if (forebay_is(type, "bare")) {
        forebay_clear_headers(&output);
        return forebay_emit(&output);
    }
    if (forebay_is(type, "fan")) return fanned(event);
    if (forebay_is(type, "copies")) {
        uint64_t copies;
        if (!read_copies(body, &copies)) return forebay_failed();
        while (copies-- > 0) forebay_emit(&output);
        return forebay_emitted();
    }
    if (forebay_is(type, "none")) return forebay_emitted();
    if (forebay_is(type, "dump")) return with_body(event, dumped(event));
    if (forebay_is(type, "config")) {
        if (!forebay_config("greeting", &text)) text = forebay_str("none");
        return with_body(event, text);
    }
    if (forebay_is(type, "log")) {
        forebay_log(FOREBAY_INFO, body);
        return forebay_pass();
    }
    if (forebay_is(type, "count")) {
        forebay_count("seen", 2);
        forebay_gauge("depth", 1.5);
        return forebay_pass();
    }
    if (forebay_is(type, "spin")) {
        for (;;) { }
    }
    forebay_add_str(&text, "unknown type: ");
    forebay_add(&text, type);
    return forebay_reject(text);
}
