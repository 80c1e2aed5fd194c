use super::table::text;
use serde_json::Value;
use std::fmt::Write;

/// An explanation, for people: the event, then each endpoint with its attempts.
pub fn tell(told: &Value) -> String {
    let mut story = String::new();
    let event = &told["event"];
    let of = |value: &Value, member: &str| text(&value[member]);
    if told["damaged"] == true {
        let id = of(event, "id");
        return format!("{id}: its record in the log is damaged, so no endpoint gets it\n");
    }
    let _ = writeln!(
        story,
        "{}  {} from {} of {} at {}, {} bytes",
        of(event, "id"),
        of(event, "type"),
        of(event, "source"),
        of(event, "app"),
        of(event, "time"),
        of(event, "bytes")
    );
    if let Some(time) = event["erasedAt"].as_str() {
        let _ = writeln!(story, "its content was erased at {time}");
    }
    for endpoint in told["endpoints"].as_array().into_iter().flatten() {
        let (state, why) = (of(endpoint, "state"), of(endpoint, "why"));
        let _ = writeln!(story, "\n{}: {state}, {why}", named(endpoint));
        add_filters(&mut story, endpoint);
        for delivery in endpoint["deliveries"].as_array().into_iter().flatten() {
            add_attempts(&mut story, delivery);
            if delivery["version"] != endpoint["version"] {
                let _ = writeln!(story, "  by the version of offset {}:", of(delivery, "version"));
                add_filters(&mut story, delivery);
            }
        }
    }
    for endpoint in told["unwanted"].as_array().into_iter().flatten() {
        let _ = writeln!(story, "\n{}: not wanted, {}", named(endpoint), of(endpoint, "why"));
    }
    story
}

/// Which code judged, of an endpoint or of one of its deliveries.
fn add_filters(story: &mut String, of: &Value) {
    for filter in of["filters"].as_array().into_iter().flatten() {
        let (name, module) = (text(&filter["name"]), text(&filter["module"]));
        let _ = write!(story, "  filter {name}, sha256 {module}");
        let candidate = &filter["candidate"];
        if candidate.is_object() {
            let (percent, module) = (text(&candidate["canary"]), text(&candidate["module"]));
            let _ = write!(story, "; of {percent} in 100 keys, sha256 {module}");
        }
        story.push('\n');
    }
}

fn add_attempts(story: &mut String, delivery: &Value) {
    let of = |value: &Value, member: &str| text(&value[member]);
    for attempt in delivery["attempts"].as_array().into_iter().flatten() {
        let _ = writeln!(
            story,
            "  {}  #{} {} {} in {} ms",
            of(attempt, "at"),
            of(attempt, "number"),
            of(attempt, "outcome"),
            attempt["cause"].as_str().map_or_else(|| of(attempt, "status"), str::to_owned),
            attempt["tookMs"].as_f64().unwrap_or_default().round()
        );
    }
    if !delivery["due"].is_null() {
        let _ = writeln!(story, "  {}  next", of(delivery, "due"));
    }
}

/// An endpoint by its id, and by its name where it has one of its own.
fn named(endpoint: &Value) -> String {
    let (id, name) = (text(&endpoint["id"]), text(&endpoint["name"]));
    if id == name { id } else { format!("{id} {name}") }
}
