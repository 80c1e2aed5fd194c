use crate::nobody::nobody;
use crate::resources::{Going, Place, until};

const TRAP: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/filters/trap-on-marker/trap-on-marker.wasm"
);

/// With a filter that fails at what `send` sends.
fn place() -> Place {
    let place = Place::new();
    place.out(&format!("filter push f {TRAP} --on-error drop"));
    place.out(&format!("endpoint create --to {} --filter f", nobody()));
    place
}

fn send(place: &Place) -> String {
    let event = place.out("send --type note --data {\"text\":\"forebay-trap-marker\"}");
    event.trim().to_owned()
}

/// The first line has been told before the second event is sent, so that one is followed.
#[test]
fn what_a_filter_says_is_followed() {
    let place = place();
    for flags in ["-f", "--follow --level error --limit 1"] {
        let first = send(&place);
        let line = format!("filter logs f {flags}");
        let following = Going::start(&place.folder, &place.serving.url, &line);
        let until = |id: &str| {
            let mut lines = std::iter::repeat_with(|| following.next());
            lines.find(|line| line.contains(id)).unwrap()
        };
        assert!(until(&first).contains("error (trap)"));
        assert!(until(&send(&place)).contains("error (trap)"));
    }
    assert_eq!(place.serving.stop(), 0);
}

/// A guest's words may quote the event, and an erasure does not reach what was printed.
#[test]
fn the_servers_own_log_names_a_failure_without_its_words() {
    let place = place();
    let event = send(&place);
    let line = place.serving.wait_for("a filter failed");
    assert!(line.contains(&format!("\"event\":\"{event}\"")), "{line}");
    assert!(line.contains("forebay filter logs f"), "{line}");
    assert!(line.contains("WARN") && line.contains("trap"), "{line}");
    let told = until(|| Some(place.out("filter logs f")).filter(|told| !told.is_empty()));
    assert!(told.contains("src/lib.rs") && !line.contains("src/lib.rs"), "{line}");
    assert_eq!(place.serving.stop(), 0);
}

#[test]
fn an_endpoint_that_an_open_circuit_will_pause_again_is_not_enabled_without_a_word() {
    let place = place();
    place.out("filter update f --circuit 1/600s");
    let endpoint = |more: &str| place.run(&format!("endpoint {more}"));
    assert_eq!(endpoint("get ep_1").err, "");
    send(&place);
    until(|| place.run("filter logs f").err.contains("its circuit is open").then_some(()));
    send(&place);
    until(|| (place.json("endpoint get ep_1")["paused"] == "filter").then_some(()));
    let open = "the circuit of its filter `f` is open until ";
    endpoint("get ep_1").says(open);
    endpoint("update ep_1 --disabled false").expect(0, "ep_1\n").says(open);
    place.out("filter update f --circuit none");
    let enabled = endpoint("update ep_1 --disabled false").expect(0, "ep_1\n");
    assert_eq!(enabled.err, "");
    assert_eq!(place.serving.stop(), 0);
}

#[test]
fn a_pause_is_told_with_what_a_filter_may_have_done() {
    let place = place();
    place.out("filter update f --on-error stop");
    send(&place);
    until(|| (place.json("endpoint get ep_1")["paused"] == "filter").then_some(()));
    place.run("endpoint get ep_1").says("a filter failed and its policy is to stop");
    assert_eq!(place.serving.stop(), 0);
}

#[test]
fn an_explanation_has_the_words_that_an_event_died_of() {
    let place = place();
    place.out("filter update f --on-error reject");
    let explain = format!("explain {}", send(&place));
    let is_dead = |told: &String| told.contains("ep_1: dead, 1 of 1 outputs: ");
    let told = until(|| Some(place.out(&explain)).filter(is_dead));
    assert!(told.contains("src/lib.rs"), "{told}");
    assert_eq!(place.serving.stop(), 0);
}

#[test]
fn an_explanation_names_the_module_that_judged() {
    let place = place();
    let told = place.out(&format!("explain {}", send(&place)));
    let filter = place.json("filter get f");
    let module = filter["module"].as_str().unwrap();
    assert!(told.contains(&format!("\n  filter f, sha256 {module}\n")), "{told}");
    assert_eq!(place.serving.stop(), 0);
}
