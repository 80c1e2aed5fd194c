// What ../README.md says that one filter does in every language, in C++.
#include "forebay.hpp"

using forebay::answer;
using forebay::concat;
using forebay::event;
using forebay::output;
using forebay::view;

static answer with_fewer_headers(event event)
{
    output fewer(event);
    fewer.without_headers();
    for (auto [name, value] : event.headers()) {
        if (!name.starts_with("x-drop-")) fewer.add_header(name, value);
    }
    return fewer.add_header("x-conformance", concat(event.headers().size()));
}

static answer fanned(event event)
{
    forebay::outputs parts;
    view rest = event.body();
    for (unsigned index = 0;; index++) {
        size_t end = rest.find("\n");
        parts.add(output(event).key(concat(index)).body(rest.substr(0, end)));
        if (end == view::npos) return parts;
        rest = rest.substr(end + 1);
    }
}

static answer copied(event event)
{
    auto copies = forebay::read_unsigned(event.body());
    if (!copies) return copies.error();
    forebay::outputs outputs;
    for (uint64_t i = 0; i < *copies; i++) outputs.add(output(event));
    return outputs;
}

static view dumped(event event)
{
    forebay::text dump;
    dump << "id=" << event.id() << "\ntype=" << event.type() << "\nkey=" << event.key();
    dump << "\nsource=" << event.source() << "\noffset=" << event.offset();
    dump << "\ntime_ns=" << event.time_ns() << "\nis_json=" << event.is_json();
    dump << "\nis_replay=" << event.is_replay() << "\nis_dry_run=" << event.is_dry_run() << '\n';
    for (auto [name, value] : event.headers()) dump << name << ": " << value << '\n';
    dump << '\n' << event.body();
    return dump;
}

static answer conform(event event)
{
    view type = event.type(), body = event.body();

    if (type == "pass") return forebay::pass();
    if (type == "drop") return forebay::drop();
    if (type == "reject") return forebay::reject(body);
    if (type == "fail") return forebay::error{body};
    if (type == "retry") return forebay::retry(60000, "later");
    if (type == "body") return output(event).body(concat('<', body, '>'));
    if (type == "alias") {
        return output(event).body(body.size() > 2 ? body.substr(1, body.size() - 2) : "");
    }
    if (type == "empty") return output(event).body("");
    if (type == "key") return output(event).key(concat("key of ", event.key()));
    if (type == "type") return output(event).type(concat("renamed.", event.id()));
    if (type == "headers") return with_fewer_headers(event);
    if (type == "stamp") return output(event).header("x-stamp", "1");
    if (type == "kept") return event.header("x-kept").value_or("") == "ok";
    if (type == "table") return output(event).body(forebay::look_up("words", body).value_or("none"));
    if (type == "bare") return output(event).without_headers();
    if (type == "fan") return fanned(event);
    if (type == "copies") return copied(event);
    if (type == "none") return forebay::outputs();
    if (type == "dump") return output(event).body(dumped(event));
    if (type == "config") return output(event).body(forebay::config("greeting").value_or("none"));
    if (type == "log") {
        forebay::log(forebay::level::info, body);
        return forebay::pass();
    }
    if (type == "count") {
        forebay::count("seen", 2);
        forebay::gauge("depth", 1.5);
        return forebay::pass();
    }
    if (type == "spin") {
        // A loop without effects is one that C++ may take away.
        for (volatile bool is_on = true; is_on;) { }
    }
    return forebay::reject(concat("unknown type: ", type));
}

FOREBAY_FILTER(conform)
