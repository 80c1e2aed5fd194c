//! A filter's view of an event, through the host's own form of it.

use forebay_filter::{Event, IntoVerdict, Output, Sample, Verdict, look_up, set_entry};

fn push() -> Sample {
    Sample::new("push", br#"{"ref":"refs/heads/main"}"#)
        .id("evt_1")
        .key("octo/repo")
        .header("X-GitHub-Event", "push")
        .header("ce-source", "github")
        .header("webhook-id", "theirs")
        .header("x-raw", [0xff])
        .offset(1 << 40)
        .time_ns(1_700_000_000_123_456_789)
}

#[test]
fn every_field_is_what_the_host_wrote() {
    let sample = push();
    let event = sample.event();
    assert_eq!((event.id(), event.event_type()), ("evt_1", "push"));
    assert_eq!(event.key(), Some("octo/repo"));
    assert_eq!(event.header("x-github-event"), Some("push"));
    assert_eq!(event.source(), "github");
    assert_eq!(event.body(), br#"{"ref":"refs/heads/main"}"#);
    assert_eq!((event.offset(), event.time_ns()), (1 << 40, 1_700_000_000_123_456_789));
    assert!(event.is_json());
    assert!(!event.is_timer() && !event.is_replay() && !event.is_dry_run());
    assert_eq!((event.partition(), event.runs()), (u32::MAX, 0));
}

#[test]
fn what_is_missing_is_none() {
    let sample = Sample::new("x", b"");
    let event = sample.event();
    assert_eq!(event.key(), None);
    assert_eq!(event.header("x"), None);
    assert_eq!(event.headers().count(), 0);
    assert_eq!((event.source(), event.body()), ("", &b""[..]));
}

#[test]
fn a_header_that_is_no_text_is_bytes_only() {
    let sample = push();
    assert_eq!(sample.event().header("x-raw"), None);
    assert_eq!(sample.event().headers().first("x-raw"), Some(&[0xff][..]));
}

#[test]
fn setting_a_header_keeps_the_others() {
    let sample = push();
    let output =
        Output::of(sample.event()).header("x-github-event", &b"ping"[..]).without_header("x-raw");
    let names = |output: Output<'_>| -> Vec<String> {
        output.changed_headers().into_iter().flatten().map(|(n, _)| n.to_string()).collect()
    };
    assert_eq!(names(output), ["ce-source", "webhook-id", "x-github-event"]);
    let set = |name| Output::of(sample.event()).header(name, &b"1"[..]);
    assert_eq!(names(set("ce-source")), ["x-github-event", "webhook-id", "x-raw", "ce-source"]);
    let twice = set("x-new").header("x-raw", &b"2"[..]);
    assert_eq!(names(twice), ["x-github-event", "ce-source", "webhook-id", "x-new", "x-raw"]);
    assert_eq!(Output::of(sample.event()).changed_headers(), None);
}

#[test]
fn answers_become_verdicts() {
    fn verdict_of<'a>(answer: impl IntoVerdict<'a>) -> Verdict<'a> {
        answer.into_verdict()
    }
    assert_eq!(verdict_of(true), Verdict::Pass);
    assert_eq!(verdict_of(false), Verdict::Drop);
    assert_eq!(verdict_of(Err::<bool, _>("no")), Verdict::reject("no"));
    assert_eq!(verdict_of(Ok::<_, String>(Verdict::retry(5, "r"))), Verdict::retry(5, "r"));
    let sample = push();
    let output = || Output::of(sample.event()).body(&b"b"[..]);
    assert_eq!(verdict_of(output()), Verdict::Emit(vec![output()]));
}

#[cfg(feature = "json")]
#[test]
fn a_body_reads_as_a_type_or_says_why_not() {
    #[derive(serde::Deserialize)]
    struct Push<'a> {
        r#ref: &'a str,
    }
    let sample = push();
    assert_eq!(sample.event().json::<Push>().map(|push| push.r#ref), Ok("refs/heads/main"));
    let other = Sample::new("push", b"[1,");
    let error = other.event().json::<Push>().err();
    assert!(error.is_some_and(|e| e.starts_with("the body: ")));
}

// The macro's two forms, as an author writes them.
fn keep(event: Event) -> bool {
    !event.body().is_empty()
}

forebay_filter::filter!(keep);

#[test]
fn tables_are_set_by_the_test() {
    assert_eq!(look_up("countries", "DE"), None);
    set_entry("countries", "DE", "Germany");
    assert_eq!(look_up("countries", "DE").as_deref(), Some(&b"Germany"[..]));
    assert_eq!((look_up("countries", "FR"), look_up("cities", "DE")), (None, None));
}
