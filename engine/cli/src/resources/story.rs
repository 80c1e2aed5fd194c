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
            if ["version", "or"].iter().any(|member| delivery[*member] != endpoint[*member]) {
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

/// Which code judged, of an endpoint or of one of its deliveries; where that cannot be told, which
/// codes it may have been.
fn add_filters(story: &mut String, of: &Value) {
    add_version(story, of);
    for other in of["or"].as_array().into_iter().flatten() {
        let _ = writeln!(story, "  or by the version of offset {}:", text(&other["version"]));
        add_version(story, other);
    }
    if of["orMore"].as_u64() > Some(0) {
        let _ = writeln!(story, "  or by one of {} more", text(&of["orMore"]));
    }
}

fn add_version(story: &mut String, of: &Value) {
    for filter in of["filters"].as_array().into_iter().flatten() {
        let (name, module) = (text(&filter["name"]), text(&filter["module"]));
        let _ = write!(story, "  filter {name}, sha256 {module}");
        let candidate = &filter["candidate"];
        if candidate.is_object() {
            let (percent, module) = (text(&candidate["canary"]), text(&candidate["module"]));
            let judged = match candidate["judged"].as_bool() {
                Some(true) => "which judged this one",
                Some(false) => "which did not judge this one",
                None => "which may have judged this one",
            };
            let _ = write!(story, "; of {percent} in 100 keys, {judged}, sha256 {module}");
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_may_have_judged_is_told_as_that() {
        let of = |module: &str, judged: Value| {
            let candidate = json!({ "module": "cc", "canary": 5, "judged": judged });
            json!([{ "name": "f", "module": module, "candidate": candidate }])
        };
        let or = json!([{ "version": 7, "filters": of("bb", json!(null)) }]);
        let endpoint = json!({
            "id": "ep_1", "name": "ep_1", "state": "dropped", "why": "so", "version": 3,
            "filters": of("aa", json!(false)), "or": or, "orMore": 2, "deliveries": [],
        });
        let story = tell(&json!({ "event": {}, "endpoints": [endpoint] }));
        let first = "  filter f, sha256 aa; of 5 in 100 keys, which did not judge this one, ";
        assert!(story.contains(first), "{story}");
        let other = "  or by the version of offset 7:\n  filter f, sha256 bb; of 5 in 100 keys, \
                     which may have judged this one, sha256 cc\n  or by one of 2 more\n";
        assert!(story.ends_with(other), "{story}");
    }
}
