//! The runner of JavaScript (`sdk/javascript`) on this engine, with the limits that filters have
//! by default.

use crate::kit::*;
use crate::scripts::*;
use event::{Event, Verdict};
use filter::{ChainSpec, FaultKind};
use std::sync::Arc;
use std::time::Duration;

static JAVASCRIPT: Language = Language::new("javascript", admit_bytes);

fn script(text: &str) -> ChainSpec {
    JAVASCRIPT.script(text)
}

/// What a script says of one event with this body.
fn verdict(text: &str, body: &[u8]) -> Verdict {
    judged(&script(text), body)
}

fn reason(text: &str, body: &[u8]) -> String {
    rejected(&verdict(text, body)).to_string()
}

fn emits(text: &str, body: &[u8]) -> Vec<Arc<Event>> {
    emitted(&verdict(text, body)).to_vec()
}

#[test]
fn true_passes_and_false_drops() {
    let chain = script("export default (event) => event.json().amount > 10");
    let answer = ask(&chain, &events(&[br#"{"amount":11}"#, br#"{"amount":9}"#]));
    assert_eq!(answer.verdicts, [Verdict::Pass, Verdict::Drop]);
    assert_eq!(verdict("export default () => pass()", b""), Verdict::Pass);
    assert_eq!(verdict("export default async () => drop()", b""), Verdict::Drop);
    assert_eq!(verdict("export default (event) => event", b""), Verdict::Pass);
}

#[test]
fn an_output_replaces_what_it_names() {
    let text = "export default (event) => {
        const order = event.json();
        return order.items.map((item, i) => ({
            body: { ...item, order: order.id },
            key: `${order.id}/${i}`,
            type: 'order.item',
            headers: [...event.headerList, ['x-items', order.items.length]],
        }));
    }";
    are_items(&emits(text, br#"{"id":7,"items":[{"sku":"a"},{"sku":"b"}]}"#));
}

#[test]
fn bytes_and_text_are_kept_as_they_are() {
    let outputs = emits("export default (event) => ({ body: event.body })", b"\xff\0\xfe");
    assert_eq!(outputs[0].body, &b"\xff\0\xfe"[..]);
    let outputs = emits("export default (event) => ({ body: event.text() })", b"h\xc3\xa9\0\xff");
    assert_eq!(outputs[0].body, &b"h\xc3\xa9\0\xef\xbf\xbd"[..]);
}

/// As browsers do it, and `from_utf8_lossy`.
#[test]
fn what_is_no_text_becomes_as_many_marks_everywhere() {
    let texts =
        ["event.text()", "new TextDecoder('utf-8', { ignoreBOM: true }).decode(event.body)"];
    let marks = b"\0A\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc2\xdf\xe0\xe1\xed\xef\xf0\xf1\xf4\xf5\xff";
    let mut body = Vec::new();
    for a in marks {
        for b in marks {
            body.extend(marks.iter().flat_map(|c| [*a, *b, *c, 0x80]));
        }
    }
    let bodies: Vec<&[u8]> =
        body.chunks(40).chain([&body[..], b"plain text", b"\xf0\x9f"]).collect();
    for text in texts {
        let chain = script(&format!("export default (event) => ({{ body: {text} }})"));
        for (body, verdict) in bodies.iter().zip(ask(&chain, &events(&bodies)).verdicts) {
            let wanted = String::from_utf8_lossy(body);
            assert_eq!(emitted(&verdict)[0].body, wanted.as_bytes(), "{text} of {body:x?}");
        }
    }
}

#[test]
fn what_a_script_throws_rejects_its_event_alone() {
    let text = "export default (event) => {
        if (event.text() === 'bad') throw new Error('no good');
        return true;
    }";
    let answer = ask(&script(text), &events(&[b"a", b"bad", b"b"]));
    the_second_is_no_good(&answer);
    let async_text = "export default async () => { await 1; throw new Error('later'); }";
    assert_eq!(reason(async_text, b""), "later");
    for (thrown, said) in [("new TypeError('')", "TypeError"), ("''", "an error without a message")]
    {
        assert_eq!(reason(&format!("export default () => {{ throw {thrown} }}"), b""), said);
    }
}

#[test]
fn a_script_says_why_it_rejects_and_when_to_try_again() {
    assert_eq!(reason("export default () => reject('not ours')", b""), "not ours");
    assert_eq!(reason("export default () => { throw reject('thrown') }", b""), "thrown");
    let expected = Verdict::Retry { delay: Duration::from_secs(60), reason: "later".into() };
    assert_eq!(verdict("export default () => retry(60_000, 'later')", b""), expected);
}

#[test]
fn no_answer_is_not_taken_for_one() {
    assert!(reason("export default () => {}", b"").starts_with("the script answered nothing"));
    let typo = reason("export default () => ({ boby: 'x' })", b"");
    assert_eq!(typo, "an output has key, type, headers and body; it has no boby");
    let many = reason("export default () => Array.from({ length: 65 }, () => ({}))", b"");
    assert_eq!(many, "an event may have at most 64 outputs");
}

#[test]
fn a_script_that_cannot_be_read_refuses_the_start_with_its_place() {
    let text = "export default (event) => {\n  return tru e;\n}";
    let answer = ask(&script(text), &events(&[b""]));
    let why = rejected(&answer.verdicts[0]);
    assert!(why.contains("refused its configuration: script:2:14: expecting ';'"), "{why}");
    assert_eq!(answer.faults[0].kind, FaultKind::Start);
    let missing = ask(&JAVASCRIPT.configured(&serde_json::json!({})), &events(&[b""]));
    assert!(rejected(&missing.verdicts[0]).contains("has no `script`"));
    assert!(reason("(event) => true", b"").contains("must `export default` its filter"));
}

#[test]
fn an_endless_loop_costs_one_event() {
    let text = "export default (event) => { while (event.text() === 'spin'); return true; }";
    let answer = ask(&script(text), &events(&[b"a", b"spin", b"b"]));
    the_second_spun(&answer);
}

#[test]
fn recursion_and_hoarding_are_errors_and_not_traps() {
    let deep = "const f = () => f() + 1; export default () => f()";
    assert_eq!(reason(deep, b""), "Maximum call stack size exceeded");
    let hoard = "export default () => { const all = []; for (;;) all.push(new Uint8Array(1e6)); }";
    assert_eq!(reason(hoard, b""), "out of memory");
    let nested = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let why = reason("export default (event) => event.json() !== 1", &nested);
    assert_eq!(why, "JSON is nested more than 1000 deep");
}

#[test]
fn the_configuration_is_the_scripts_without_the_script() {
    let text = "export default (_, config) => ({ body: config })";
    let writes = "export default (_, config) => { config.list[1].a = 1; return true; }";
    let why = keeps_its_configuration(&JAVASCRIPT, text, writes);
    assert_eq!(why, "'a' is read-only");
}

#[test]
fn time_and_chance_are_the_events_own() {
    let text = "export default (event) => ({
        body: [Date.now() === event.time.getTime(), Math.random(), `${random()}`],
    })";
    assert!(is_of_each_event(&script(text)).starts_with(b"[true,0."));
}

#[test]
fn an_event_ends_with_its_turn() {
    let text = "let kept; export default (event) => {
        if (kept) return kept.id;
        kept = event;
        return true;
    }";
    let answer = ask(&script(text), &events(&[b"a", b"b"]));
    assert!(rejected(&answer.verdicts[1]).starts_with("the event is over"));
}

#[test]
fn lines_and_measures_reach_the_operator() {
    let text = "export default (event) => {
        log('warn', event.text());
        console.log('n', { a: 1 }, 2n);
        count('seen');
        gauge('depth', 1.5);
        return missing;
    }";
    let answer = ask(&script(text), &events(&[b"loud"]));
    let lines = lines(&answer);
    assert_eq!(lines[0], (2, "loud".to_string()));
    assert_eq!(lines[1], (1, r#"n {"a":1} 2"#.to_string()));
    // The place of a blunder.
    assert!(lines[2].0 == 3 && lines[2].1.contains("script:6:16"), "{lines:?}");
    has_measures(&answer);
    assert_eq!(rejected(&answer.verdicts[0]), "missing is not defined");
}
