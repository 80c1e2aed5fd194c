//! The conformance filter of every language (`sdk/conformance/README.md`) on this engine.

use crate::kit::*;
use event::{Event, Verdict};
use filter::{FilterLimits, FilterModule, FilterSpec, Purpose, Runner, Table, Tables};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

mod cases;
mod compare;
mod wanted;

use cases::{big, sample, typed, with_body};
use compare::compare;

/// These must be there; whatever else lies beside them is held to the same. All have the limits
/// that a filter has by default.
const LANGUAGES: &[&str] =
    &["rust", "c", "cpp", "zig", "assemblyscript", "go", "javascript", "python"];

/// Those whose buffer cannot say by a 0 that there is no memory: their runtime ends the module.
const TRAP_WITHOUT_MEMORY: &[&str] = &["go"];

/// The members of a configuration, and the `greeting` among them.
const CONFIGS: &[(&str, Option<&str>)] = &[
    ("", None),
    ("{}", None),
    (r#"{"other":"hello"}"#, None),
    (r#"{"greeting":"hello","other":1}"#, Some("hello")),
    (r#"{"greeting":""}"#, Some("")),
    (r#"{"greeting":"Gr\u00fc\u00dfe, \"東京\"\n🎉"}"#, Some("Grüße, \"東京\"\n🎉")),
];

/// Whose filter is a script: the runner that it is configuration of, and the script.
const SCRIPTS: &[(&str, &str, &str)] = &[
    (
        "javascript",
        "../../sdk/javascript/runner.wasm",
        include_str!("../../../../sdk/conformance/javascript/conformance.js"),
    ),
    (
        "python",
        "../../sdk/python/runner.wasm",
        include_str!("../../../../sdk/conformance/python/conformance.py"),
    ),
];

struct Language {
    name: String,
    module: Arc<FilterModule>,
    /// The member `script` of every configuration.
    script: Option<&'static str>,
}

fn words() -> &'static Tables {
    static WORDS: OnceLock<Tables> = OnceLock::new();
    WORDS.get_or_init(|| {
        let mut entries = cases::WORDS.to_vec();
        entries.sort_unstable();
        let entries = entries.iter().map(|(key, word)| (key.as_bytes(), word.as_bytes()));
        [("words".into(), Arc::new(Table::pack(entries).unwrap()))].into_iter().collect()
    })
}

/// What Python starts in, and 3 MiB, beside what its module asks for.
const PYTHON_BYTES: usize = 7 << 20;

/// One question to one language, and what it must come to.
struct Question<'a> {
    config: &'a str,
    greeting: Option<&'a str>,
    purpose: Purpose,
    events: &'a [Arc<Event>],
}

impl<'a> Question<'a> {
    fn of(events: &'a [Arc<Event>]) -> Question<'a> {
        Question { config: "", greeting: None, purpose: Purpose::Live, events }
    }
}

fn languages() -> &'static [Language] {
    static ALL: OnceLock<Vec<Language>> = OnceLock::new();
    ALL.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = fs::read_dir(here.join("../../sdk/conformance/modules")).unwrap();
        let paths = folder.map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> =
            paths.filter(|path| path.extension().is_some_and(|end| end == "wasm")).collect();
        paths.sort();
        let compiled = |path: &PathBuf| {
            let name = path.file_stem().unwrap().to_str().unwrap();
            Language::admitted(name, path, None)
        };
        let interpreted = |(name, runner, script): &(&str, &str, &'static str)| {
            Language::admitted(name, &here.join(runner), Some(script))
        };
        paths.iter().map(compiled).chain(SCRIPTS.iter().map(interpreted)).collect()
    })
}

impl Language {
    fn admitted(name: &str, path: &Path, script: Option<&'static str>) -> Language {
        let module = admit_shipped(&fs::read(path).unwrap())
            .unwrap_or_else(|failure| panic!("{}: {failure}", path.display()));
        Language { name: name.into(), module, script }
    }

    fn filter(&self, config: &str, limits: FilterLimits) -> Arc<FilterSpec> {
        let setting = Setting { limits, ..Setting::default() };
        let Some(script) = self.script else { return setting.configured(&self.module, config) };
        let config = if config.is_empty() { "{}" } else { config };
        let mut config: serde_json::Value = serde_json::from_str(config).unwrap();
        config["script"] = script.into();
        setting.configured(&self.module, &config.to_string())
    }

    /// Asks and compares; every difference is one line that names language, type and field.
    fn check(&self, runner: &Runner, question: &Question<'_>, differences: &mut Vec<String>) {
        let filter = self.filter(question.config, FilterLimits::default());
        let setting =
            filter::Setting { purpose: question.purpose, tables: words(), age: 0, runs: &[] };
        let answer = runner.run_in(&chain(&[filter]), question.events, setting);
        compare(&self.name, question, &answer, differences);
    }
}

/// Asks every language, and fails with all that differs in any.
fn ask_all(questions: &[Question<'_>]) {
    let mut differences = Vec::new();
    for language in languages() {
        let runner = Runner::new(engine().clone());
        for question in questions {
            language.check(&runner, question, &mut differences);
        }
    }
    assert!(differences.is_empty(), "{}", compare::report(&differences));
}

#[test]
fn every_language_is_there() {
    for wanted in LANGUAGES {
        let is_there = languages().iter().any(|language| language.name == *wanted);
        assert!(is_there, "sdk/conformance/modules/{wanted}.wasm is missing");
    }
}

#[test]
fn every_event_alone() {
    let events = cases::all();
    let questions: Vec<_> = events.chunks(1).map(Question::of).collect();
    ask_all(&questions);
}

#[test]
fn every_event_in_one_question_and_in_reverse() {
    let events = cases::all();
    let reversed: Vec<_> = events.iter().rev().cloned().collect();
    ask_all(&[Question::of(&events), Question::of(&reversed), Question::of(&[])]);
}

#[test]
fn batches_of_every_size_up_to_256() {
    let events: Vec<_> = cases::all().into_iter().cycle().take(1000).collect();
    let sizes = [1, 2, 3, 63, 64, 65, 255, 256, 257, 1000];
    ask_all(&sizes.map(|size| Question::of(&events[..size])));
}

/// What an SDK answers in the short forms: all pass, and no more than a verdict each.
#[test]
fn batches_of_plain_verdicts() {
    let batch = |types: &[&str]| -> Vec<Arc<Event>> {
        let events = types.iter().cycle().take(256).enumerate();
        events.map(|(n, event_type)| typed(n as u64, event_type, b"")).collect()
    };
    let batches = [
        batch(&["pass"]),
        batch(&["drop"]),
        batch(&["none"]),
        batch(&["pass", "drop", "pass"]),
        batch(&["reject"]),
        batch(&["reject", "pass", "drop", "fail"]),
        batch(&["pass", "pass", "pass", "pass", "pass", "retry"]),
        batch(&["drop", "pass", "reject", "empty"]),
    ];
    ask_all(&batches.each_ref().map(|events| Question::of(events)));
}

#[test]
fn the_purpose_is_told() {
    let events = cases::all();
    let purposes = [Purpose::Live, Purpose::Replay, Purpose::DryRun];
    ask_all(&purposes.map(|purpose| Question { purpose, ..Question::of(&events) }));
}

#[test]
fn the_configuration_is_there_or_absent() {
    let events: Vec<_> =
        ["config", "pass", "config", "dump"].iter().map(|name| sample(1, name)).collect();
    let long = "0123456789ü".repeat(9000);
    let long_config = format!(r#"{{"greeting":"{long}"}}"#);
    let mut questions: Vec<_> = CONFIGS
        .iter()
        .map(|(config, greeting)| Question { config, greeting: *greeting, ..Question::of(&events) })
        .collect();
    questions.push(Question {
        config: &long_config,
        greeting: Some(&long),
        ..Question::of(&events)
    });
    ask_all(&questions);
}

#[test]
fn large_bodies_between_small_ones() {
    for event_type in ["pass", "body", "alias", "dump", "fan", "key", "headers", "empty"] {
        let small = sample(1, event_type);
        let sizes = [100, 70_000, 1 << 20, 300, 200_000, 3 << 19, 1 << 20, 0, 65_536];
        let mut events = vec![small.clone()];
        // `fan` looks at every byte in the language's own code, which may be slow.
        let fits = |size: &usize| event_type != "fan" || *size <= 70_000;
        for (n, size) in sizes.into_iter().filter(fits).enumerate() {
            events.push(with_body(&small, n as u64 + 2, &big(size)));
            events.push(typed(n as u64 + 100, event_type, b"between"));
        }
        let alone: Vec<_> = events.chunks(1).map(Question::of).collect();
        ask_all(&alone);
        ask_all(&[Question::of(&events)]);
    }
}

#[test]
fn of_events_that_never_end_only_they_suffer() {
    let others = ["pass", "body", "log", "fan", "dump", "count", "headers", "reject", "drop"];
    let batch = |len: usize, spins: &[usize]| -> Vec<Arc<Event>> {
        let type_of = |n: usize| if spins.contains(&n) { "spin" } else { others[n % others.len()] };
        (0..len).map(|n| sample(n as u64, type_of(n))).collect()
    };
    let batches = [
        batch(1, &[0]),
        batch(2, &[0]),
        batch(2, &[1]),
        batch(9, &[4]),
        batch(40, &[0, 17, 39]),
        batch(256, &[200]),
    ];
    ask_all(&batches.each_ref().map(|events| Question::of(events)));
}

/// The host refuses the 65th output; that is for the event at fault alone.
#[test]
fn of_too_many_outputs_only_their_event_suffers() {
    let lines = "\n".repeat(64);
    let events = [
        sample(1, "body"),
        typed(2, "fan", lines.as_bytes()),
        sample(3, "dump"),
        sample(4, "pass"),
    ];
    for language in languages() {
        let filter = language.filter("", FilterLimits::default());
        let answer = ask(&chain(&[filter]), &events);
        assert!(matches!(answer.verdicts[1], Verdict::Reject { .. }), "{}", language.name);
        let others = [0, 2, 3].map(|n| (events[n].clone(), answer.verdicts[n].clone()));
        let mut differences = Vec::new();
        for (event, verdict) in others {
            let one = [event];
            let wanted = wanted::verdict(&Question::of(&one), &one[0]);
            compare::verdicts(&wanted, &verdict, &mut |field, wanted, got| {
                differences.push(format!("{}: {field}: {wanted}, not {got}", language.name));
            });
        }
        assert!(differences.is_empty(), "{}", compare::report(&differences));
    }
}

/// A body for which there is no room is refused, alone, and leaves the buffer in order.
#[test]
fn of_a_body_that_is_too_large_only_its_event_suffers() {
    let events = [
        sample(1, "body"),
        with_body(&sample(2, "alias"), 2, &big(6 << 20)),
        sample(3, "dump"),
        with_body(&sample(4, "alias"), 4, &big(400_000)),
        with_body(&sample(5, "alias"), 5, &big(7 << 20)),
        sample(6, "headers"),
    ];
    let mut differences = Vec::new();
    for language in languages() {
        let runs_python = language.name == "python";
        let own_bytes = if runs_python { PYTHON_BYTES } else { 3 << 20 };
        let memory_bytes = language.module.report().memory_bytes as usize + own_bytes;
        let limits = FilterLimits { memory_bytes, ..FilterLimits::default() };
        let filter = language.filter("", limits);
        let answer = ask(&chain(&[filter]), &events);
        let name = &language.name;
        for (event, got) in events.iter().zip(&answer.verdicts) {
            if event.body.len() > 6_000_000 {
                let reason = rejected(got);
                let is_said = reason == "filter f: too large for the filter";
                assert!(is_said || TRAP_WITHOUT_MEMORY.contains(&&**name), "{name}: {reason}");
                continue;
            }
            let wanted = wanted::verdict(&Question::of(&events), event);
            compare::verdicts(&wanted, got, &mut |field, wanted, got| {
                differences.push(format!("{name}: {field}: {wanted}, not {got}"));
            });
        }
    }
    assert!(differences.is_empty(), "{}", compare::report(&differences));
}

/// Larger than the whole memory: no runtime need try, so all say so.
#[test]
fn a_body_larger_than_memory_is_said_to_be_too_large() {
    let large = vec![b'x'; 40 << 20];
    let events = [sample(1, "body"), with_body(&sample(2, "alias"), 2, &large), sample(3, "dump")];
    for language in languages() {
        let filter = language.filter("", FilterLimits::default());
        let answer = ask(&chain(&[filter]), &events);
        let name = &language.name;
        assert_eq!(rejected(&answer.verdicts[1]), "filter f: too large for the filter", "{name}");
        assert_eq!(emitted(&answer.verdicts[0])[0].body, &br#"<{"amount":1999}>"#[..], "{name}");
        assert_eq!(emitted(&answer.verdicts[2]).len(), 1, "{name}");
    }
}

#[test]
fn batches_that_chance_made() {
    let batches: Vec<_> = (1..=60).map(cases::by_chance).collect();
    let questions: Vec<_> = batches.iter().map(|events| Question::of(events)).collect();
    ask_all(&questions);
}

/// The comparison finds a filter that does something else, and names what differs.
#[test]
fn another_filter_is_found_out() {
    let language = Language { name: "other".into(), module: admit(BY_BODY), script: None };
    let event = typed(1, "body", b"a");
    let mut differences = Vec::new();
    let runner = Runner::new(engine().clone());
    language.check(&runner, &Question::of(&[event]), &mut differences);
    let body = r#"other: body (event 0 of 1): body: b"<a>" is wanted, not b"""#;
    assert!(differences.iter().any(|line| line == body), "{differences:?}");
}

/// An instance that grew with every batch would be thrown away before the end.
#[test]
fn an_instance_lasts() {
    let events = cases::all();
    let large = [with_body(&sample(1, "body"), 1, &big(1 << 20))];
    for language in languages() {
        let runner = Runner::new(engine().clone());
        let mut differences = Vec::new();
        for round in 0..60 {
            language.check(&runner, &Question::of(&events), &mut differences);
            language.check(&runner, &Question::of(&large), &mut differences);
            let idle = runner.idle_instances();
            assert_eq!(idle, 1, "{}: the instance was worn in round {round}", language.name);
        }
        assert!(differences.is_empty(), "{}", compare::report(&differences));
    }
}
