//! The runner of Python (`sdk/python`) on this engine, with the limits that filters have by
//! default; only the module is larger than others may be.

use crate::kit::*;
use crate::scripts::*;
use event::{Event, Verdict};
use filter::{ChainSpec, FaultKind, Purpose, Runner, Table, Tables};
use std::sync::Arc;
use std::time::Duration;

static PYTHON: Language = Language::new("python", admit_shipped);

fn script(text: &str) -> ChainSpec {
    PYTHON.script(text)
}

/// A filter whose body is this expression, after the lines before it.
fn expression(before: &str, text: &str) -> ChainSpec {
    script(&format!("{before}\ndef filter(event, config):\n    return {text}\n"))
}

/// What an expression says of one event with this body.
fn verdict(text: &str, body: &[u8]) -> Verdict {
    judged(&expression("", text), body)
}

fn reason(text: &str, body: &[u8]) -> String {
    rejected(&verdict(text, body)).to_string()
}

fn emits(text: &str, body: &[u8]) -> Vec<Arc<Event>> {
    emitted(&verdict(text, body)).to_vec()
}

/// The text that an expression comes to.
fn shown(before: &str, text: &str) -> String {
    let answer = ask(&expression(before, &format!("Output(body=str({text}))")), &events(&[b""]));
    match &answer.verdicts[0] {
        Verdict::Emit(outputs) => String::from_utf8(outputs[0].body.to_vec()).unwrap(),
        other => panic!("{text}: {other:?}, {:?}", answer.logs),
    }
}

#[test]
fn true_passes_and_false_drops() {
    let chain = expression("", "event.json()['amount'] > 10");
    let answer = ask(&chain, &events(&[br#"{"amount":11}"#, br#"{"amount":9}"#]));
    assert_eq!(answer.verdicts, [Verdict::Pass, Verdict::Drop]);
    assert_eq!(verdict("event", b""), Verdict::Pass);
    assert_eq!(verdict("[]", b""), Verdict::Drop);
}

#[test]
fn an_output_replaces_what_it_names() {
    let text = "def filter(event, config):
        order = event.json()
        for i, item in enumerate(order['items']):
            yield {
                'body': {**item, 'order': order['id']},
                'key': f\"{order['id']}/{i}\",
                'type': 'order.item',
                'headers': [*event.header_list, ('X-Items', len(order['items']))],
            }
    ";
    let body = br#"{"id":7,"items":[{"sku":"a"},{"sku":"b"}]}"#;
    let answer = ask(&script(text), &events(&[body]));
    are_items(emitted(&answer.verdicts[0]));
}

#[test]
fn bytes_and_text_are_kept_as_they_are() {
    assert_eq!(emits("{'body': event.body}", b"\xff\0\xfe")[0].body, &b"\xff\0\xfe"[..]);
    let outputs = emits("Output(body=event.text())", b"h\xc3\xa9\0\xff");
    assert_eq!(outputs[0].body, &b"h\xc3\xa9\0\xef\xbf\xbd"[..]);
    let outputs = emits("Output(body=bytearray(b'ab') + event.body[::-1])", b"cd");
    assert_eq!(outputs[0].body, &b"abdc"[..]);
}

#[test]
fn headers_are_a_dict_or_pairs() {
    let text = "{'headers': {'X-A': ['1', 2], 'x-b': b'\\xff', 'x-c': None, 'x-d': True}}";
    let headers = emits(text, b"")[0].envelope.headers.clone();
    let headers: Vec<_> = headers.iter().collect();
    assert_eq!(headers, [("x-a", &b"1"[..]), ("x-a", b"2"), ("x-b", b"\xff"), ("x-d", b"true")]);
    assert_eq!(reason("{'headers': ['x']}", b""), "headers are a dict, or a list of (name, value)");
    assert_eq!(reason("{'headers': {'x': {}}}", b""), "the header x must be a str");
}

#[test]
fn what_a_script_raises_rejects_its_event_alone() {
    let text = "def filter(event, config):
        if event.text() == 'bad':
            raise ValueError('no good')
        return True
    ";
    let answer = ask(&script(text), &events(&[b"a", b"bad", b"b"]));
    the_second_is_no_good(&answer);
    assert_eq!(reason("event.json()['a']", b"{}"), "KeyError: 'a'");
    for (raised, said) in [("ValueError('')", "ValueError"), ("KeyError()", "KeyError")] {
        let text = format!("def filter(event, config):\n    raise {raised}\n");
        assert_eq!(rejected(&ask(&script(&text), &events(&[b""])).verdicts[0]), said);
    }
}

#[test]
fn large_bodies_need_no_more_fuel_together_than_they_are_given() {
    let chain = expression("", "len(event.json()) > 1000");
    let item = |n: usize| format!(r#"{{"id":{n},"name":"n{n}","price":{n}.5,"tags":["a","b"]}}"#);
    let items: Vec<String> = (0..1200).map(item).collect();
    let body = format!("[{}]", items.join(","));
    let bodies = vec![body.as_bytes(); 12];
    let answer = ask(&chain, &events(&bodies));
    assert_eq!(answer.verdicts, vec![Verdict::Pass; 12]);
    assert_eq!(answer.starts, 1, "the batch ran out of fuel, and was asked about again in parts");
}

#[test]
fn cycles_do_not_pile_up_from_event_to_event() {
    let text = "def filter(event, config):
        for _ in range(1000):
            kept = ['x' * 200]
            kept.append(kept)
        return True
    ";
    let chain = script(text);
    let runner = Runner::new(engine().clone());
    for _ in 0..40 {
        let answer = runner.run(&chain, &events(&[&b""[..]; 10]), Purpose::Live);
        assert!(answer.faults.is_empty(), "{:?}", answer.faults);
    }
}

#[test]
fn a_script_says_why_it_rejects_and_when_to_try_again() {
    assert_eq!(reason("reject('not ours')", b""), "not ours");
    let raises = "def filter(event, config):\n    raise reject('raised')\n";
    assert_eq!(rejected(&ask(&script(raises), &events(&[b""])).verdicts[0]), "raised");
    let expected = Verdict::Retry { delay: Duration::from_secs(60), reason: "later".into() };
    assert_eq!(verdict("retry(60_000, 'later')", b""), expected);
    assert!(reason("retry(-1)", b"").starts_with("retry wants milliseconds"));
}

#[test]
fn no_answer_is_not_taken_for_one() {
    assert!(reason("None", b"").starts_with("the script answered nothing"));
    assert_eq!(reason("1", b""), "the script answered with int, which is no verdict");
    let typo = reason("{'boby': 'x'}", b"");
    assert_eq!(typo, "an output has key, type, headers and body; it has no boby");
    assert_eq!(reason("[{}] * 65", b""), "an event may have at most 64 outputs");
    let endless = "def filter(event, config):\n    while True:\n        yield {}\n";
    let answer = ask(&script(endless), &events(&[b""]));
    assert_eq!(rejected(&answer.verdicts[0]), "an event may have at most 64 outputs");
}

#[test]
fn a_script_that_cannot_be_read_refuses_the_start_with_its_place() {
    let text = "def filter(event, config):\n    return tru e\n";
    let answer = ask(&script(text), &events(&[b""]));
    let why = rejected(&answer.verdicts[0]);
    assert!(why.contains("refused its configuration: script:2:"), "{why}");
    assert_eq!(answer.faults[0].kind, FaultKind::Start);
    let raises = ask(&script("import json\n\nx = json.loads('{')\n"), &events(&[b""]));
    let why = rejected(&raises.verdicts[0]);
    assert!(why.contains("script:3: JSONDecodeError: Expecting property name"), "{why}");
    let missing = ask(&PYTHON.configured(&serde_json::json!({})), &events(&[b""]));
    assert!(rejected(&missing.verdicts[0]).contains("has no `script`"));
    let none = ask(&script("x = 1\n"), &events(&[b""]));
    assert!(rejected(&none.verdicts[0]).contains("must define its filter"));
}

#[test]
fn an_endless_loop_costs_one_event() {
    let text = "def filter(event, config):
        while event.text() == 'spin':
            pass
        return True
    ";
    let answer = ask(&script(text), &events(&[b"a", b"spin", b"b"]));
    the_second_spun(&answer);
}

/// Each takes another way into the interpreter, and none may take the host's stack with it.
#[test]
fn recursion_is_an_error_and_not_a_trap() {
    let ways = [
        ("def f(): return f() + 1", "f()"),
        ("class A:\n    def __add__(self, o): return self + o", "A() + A()"),
        ("def f(x): return max([1, 2], key=f)", "f(1)"),
        ("class A:\n    def __repr__(self): return repr([self])", "repr(A())"),
        ("class A:\n    def __eq__(self, o): return [self] == [o]", "A() == A()"),
        ("class A:\n    def __getattr__(self, name): return getattr(self, name + 'x')", "A().x"),
        ("class A:\n    def __iter__(self): return iter(list(self))", "list(A())"),
        ("def f(): yield from f()", "list(f())"),
        ("x = []\nfor _ in range(10_000): x = [x]", "{'body': x}"),
        ("import json", "json.loads('[' * 100_000)"),
        ("import json", "json.dumps(1j, default=lambda x: [x])"),
        ("", "eval('(' * 1000 + ')' * 1000)"),
    ];
    for (before, text) in ways {
        let answer = ask(&expression(before, text), &events(&[b""]));
        assert!(answer.faults.is_empty(), "{before}; {text}: {:?}", answer.faults);
        rejected(&answer.verdicts[0]);
    }
}

/// What nests values or code beyond all measure takes the host's stack, and costs its event.
#[test]
fn the_deepest_nesting_costs_one_event() {
    let nested = "x = []\nfor _ in range(10_000): x = [x]";
    for (before, text) in [(nested, "repr(x)"), ("", "eval('-' * 100_000 + '1')")] {
        let text = format!("event.text() != 'deep' or {text}");
        let answer = ask(&expression(before, &text), &events(&[b"a", b"deep", b"b"]));
        assert_eq!((&answer.verdicts[0], &answer.verdicts[2]), (&Verdict::Pass, &Verdict::Pass));
        assert!(rejected(&answer.verdicts[1]).contains("call stack exhausted"));
        assert_eq!(answer.faults.len(), 1, "{text}");
    }
}

#[test]
fn the_configuration_is_the_scripts_without_the_script() {
    let text = "def filter(event, config):\n    return {'body': config}\n";
    let writes = "def filter(event, config):\n    config['list'][1]['a'] = 1\n";
    let why = keeps_its_configuration(&PYTHON, text, writes);
    assert!(why.contains("'mappingproxy' object does not support item assignment"), "{why}");
}

#[test]
fn time_and_chance_are_the_events_own() {
    let before = "import time, random as r\nfrom datetime import datetime, timezone";
    let text = "{'body': [
        time.time_ns() == event.time_ns,
        datetime.now(timezone.utc) == event.time,
        time.gmtime().tm_year == event.time.year,
        time.strftime('%Y') == event.time.strftime('%Y'),
        r.random(), random(), r.sample(range(1000), 3),
    ]}";
    let made = is_of_each_event(&expression(before, text));
    let text = String::from_utf8(made.to_vec()).unwrap();
    assert!(text.starts_with("[true,true,true,true,0."), "{text}");
}

#[test]
fn an_event_ends_with_its_turn() {
    let text = "kept = []
def filter(event, config):
    kept.append(event)
    return len(kept) == 1 or kept[0].id
";
    let answer = ask(&script(text), &events(&[b"a", b"b"]));
    assert!(rejected(&answer.verdicts[1]).starts_with("the event is over"));
}

#[test]
fn lines_and_measures_reach_the_operator() {
    let text = "def filter(event, config):
    log('warn', event.text())
    print('n', {'a': 1}, 2)
    count('seen')
    gauge('depth', 1.5)
    return missing
";
    let answer = ask(&script(text), &events(&[b"loud"]));
    let lines = lines(&answer);
    assert_eq!(lines[0], (2, "loud".to_string()));
    assert_eq!(lines[1], (1, "n {'a': 1} 2".to_string()));
    // The place of a blunder.
    assert_eq!(lines[2], (3, "    at filter (script:6)".to_string()));
    has_measures(&answer);
    assert_eq!(rejected(&answer.verdicts[0]), "name 'missing' is not defined");
}

#[test]
fn tables_are_looked_up() {
    let packed = Table::pack([(&b"de"[..], &b"Germany"[..])].into_iter()).unwrap();
    let tables: Tables = [("countries".into(), Arc::new(packed))].into_iter().collect();
    let text = "{'body': [str(table_get('countries', key)) for key in ('de', b'de', 'fr')]}";
    let setting = filter::Setting { purpose: Purpose::Live, tables: &tables, age: 0, runs: &[] };
    let runner = Runner::new(engine().clone());
    let answer = runner.run_in(&expression("", text), &events(&[b""]), setting);
    let body = &emitted(&answer.verdicts[0])[0].body;
    assert_eq!(body, &br#"["b'Germany'","b'Germany'","None"]"#[..]);
}

#[test]
fn json_is_as_in_cpython() {
    let cases = [
        (
            r#"json.loads('[1, -2.5, 1e3, true, null, "a\\u00e9\\ud83d\\ude00"]')"#,
            "[1, -2.5, 1000.0, True, None, 'aé😀']",
        ),
        ("json.loads('123456789012345678901234567890') + 1", "123456789012345678901234567891"),
        (r#"json.loads('{"a": 1, "a": 2}')"#, "{'a': 2}"),
        (r#"json.loads(b'\xef\xbb\xbf[1]')"#, "[1]"),
        (r#"json.loads('{"a": 1}', object_pairs_hook=list)"#, "[('a', 1)]"),
        (
            r#"json.dumps({"b": [1, 2.0, True, None], 'a': 'é"\n'})"#,
            r#"{"b": [1, 2.0, true, null], "a": "\u00e9\"\n"}"#,
        ),
        ("json.dumps('é😀', ensure_ascii=False)", "\"é😀\""),
        ("json.dumps('😀')", r#""\ud83d\ude00""#),
        ("json.dumps({2: 1, 'a': {}}, indent=2, sort_keys=True)", "{\n  \"2\": 1,\n  \"a\": {}\n}"),
        ("json.dumps((1, []), separators=(',', ':'))", "[1,[]]"),
        ("json.dumps(2**100)", "1267650600228229401496703205376"),
    ];
    for (text, wanted) in cases {
        assert_eq!(shown("import json", text), wanted, "{text}");
    }
    let told = [
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("[1,]", "Illegal trailing comma before end of array: line 1 column 3 (char 2)"),
        ("{\"é\" 1}", "Expecting ':' delimiter: line 1 column 6 (char 5)"),
        ("[1\n2]", "Expecting ',' delimiter: line 2 column 1 (char 3)"),
        ("\"a", "Unterminated string starting at: line 1 column 1 (char 0)"),
        ("1 2", "Extra data: line 1 column 3 (char 2)"),
    ];
    for (body, wanted) in told {
        assert_eq!(reason("event.json() is None", body.as_bytes()), wanted, "{body}");
    }
}

#[test]
fn of_the_standard_library_there_is_what_the_readme_says() {
    let cases = [
        ("import re", r"re.sub(r'(\w+)@(\w+)', r'\2 at \1', 'me@here')", "here at me"),
        ("import re", "re.findall('(?i)[A-C]+', 'xabCy')", "['abC']"),
        ("import math", "math.floor(math.sqrt(17)) + math.gcd(12, 18)", "10"),
        (
            "from datetime import datetime",
            "datetime.fromisoformat('2026-01-31T12:00:00+00:00')",
            "2026-01-31 12:00:00+00:00",
        ),
        ("from datetime import timedelta", "timedelta(days=1, hours=2)", "1 day, 2:00:00"),
        ("from collections import Counter", "Counter('abca')['a']", "2"),
        ("from functools import reduce", "reduce(lambda a, b: a + b, [1, 2, 3])", "6"),
        ("from enum import Enum\nclass A(Enum):\n    X = 1", "A(1).name", "X"),
        ("import itertools", "list(itertools.islice(itertools.count(5), 2))", "[5, 6]"),
        ("import operator", "operator.itemgetter('a')({'a': 1})", "1"),
        ("from forebay import Output as O", "O is Output", "True"),
    ];
    for (before, text, wanted) in cases {
        assert_eq!(shown(before, text), wanted, "{before}; {text}");
    }
}
