use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

const NAMES: [&str; 4] = ["a", "b", "", "é\n"];
const SCALARS: [&str; 10] = [
    "null",
    "true",
    "0",
    "-0",
    "-7",
    "1.5",
    "18446744073709551615",
    "1e300",
    "\"x\"",
    "\"\\u00e9\\n\"",
];
/// Each spoils a whole body, wherever it stands.
const SPOILT: [&str; 5] = ["1e999", "\"\\ud800\"", "01", "nul", "[1,]"];

fn wanted(paths: &[Vec<Step>], looks_inside: bool) -> (Wanted, Vec<usize>) {
    let mut wanted = Wanted::default();
    let slots: Vec<_> = paths.iter().map(|path| wanted.add(path.clone())).collect();
    if looks_inside {
        slots.iter().for_each(|slot| {
            wanted.count(*slot);
            wanted.search(*slot);
        });
    }
    (wanted.sorted(), slots)
}

fn data(names: &[&str]) -> Vec<Step> {
    names.iter().map(|name| Step::Member((*name).into())).collect()
}

/// Members in all, those inside of lists too.
fn kept(found: &Found) -> usize {
    fn count(member: &Member) -> usize {
        let Member::List { entries, .. } = member else { return 1 };
        1 + entries.iter().map(count).sum::<usize>()
    }
    found.iter().flatten().map(count).sum()
}

/// What was a hundred times a body's size: a table for each of its objects.
#[test]
fn what_a_hostile_body_leaves_goes_with_the_condition() {
    for unit in ["0", "[]", "[0]", r#"{"":0}"#, r#"{"a":{"a":[]}}"#, r#""text""#] {
        let body = format!(r#"{{"o":[{}],"a":1}}"#, vec![unit; 10_000].join(","));
        let (wanted, _) = wanted(&[data(&["o"]), data(&["a"]), data(&["o", "a"])], false);
        let found = wanted.find(body.as_bytes());
        assert_eq!(kept(&found), 2, "{unit}");
        assert!(matches!(found[0], Some(Member::List { count: 10_000, .. })));
    }
}

#[test]
fn a_member_is_never_taken_for_a_word_of_the_reader() {
    let body = br#"{"$serde_json::private::RawValue":"[1]"}"#;
    let (wanted, _) = wanted(&[data(&[])], true);
    assert!(matches!(wanted.find(body)[0], Some(Member::Object(1))));
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        40 => proptest::sample::select(&SCALARS[..]),
        1 => proptest::sample::select(&SPOILT[..]),
    ];
    leaf.prop_map(String::from).prop_recursive(4, 24, 4, |inner| {
        let name = proptest::sample::select(&NAMES[..]);
        let member = (name, inner.clone())
            .prop_map(|(name, value)| format!("{}:{value}", serde_json::to_string(name).unwrap()));
        prop_oneof![
            vec(inner, 0..4).prop_map(|list| format!("[{}]", list.join(","))),
            vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

fn path() -> impl Strategy<Value = Vec<Step>> {
    let name = proptest::sample::select(&NAMES[..]).prop_map(|name| Step::Member(name.into()));
    vec(prop_oneof![name, (0usize..4).prop_map(Step::Item)], 0..4)
}

fn walk<'v>(body: &'v Value, path: &[Step]) -> Option<&'v Value> {
    path.iter().try_fold(body, |value, step| match step {
        Step::Member(name) => value.as_object()?.get(&**name),
        Step::Item(at) => value.as_array()?.get(*at),
    })
}

fn is_alike(member: &Member, value: &Value, looks_inside: bool) -> bool {
    match (member, value) {
        (Member::Null, Value::Null) => true,
        (Member::Bool(a), Value::Bool(b)) => a == b,
        (Member::Number(a), Value::Number(b)) => a == b,
        (Member::Text(a), Value::String(b)) => **a == **b,
        (Member::Object(count), Value::Object(members)) => !looks_inside || *count == members.len(),
        (Member::List { count, entries }, Value::Array(list)) => {
            let are_alike = |(a, b): (&Member, &Value)| match b {
                Value::Array(_) => matches!(a, Member::List { .. }),
                Value::Object(_) => matches!(a, Member::Object(_)),
                scalar => is_alike(a, scalar, false),
            };
            *count == list.len()
                && entries.len() == if looks_inside { list.len() } else { 0 }
                && entries.iter().zip(list).all(are_alike)
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// What is found is what stands in the whole body, read into a tree and walked.
    #[test]
    fn places_hold_what_a_whole_reading_has_there(
        body in json(),
        paths in vec(path(), 1..8),
        looks_inside in any::<bool>(),
    ) {
        let (wanted, slots) = wanted(&paths, looks_inside);
        let found = wanted.find(body.as_bytes());
        let whole = serde_json::from_str::<Value>(&body).ok();
        for (path, slot) in paths.iter().zip(slots) {
            let value = whole.as_ref().and_then(|whole| walk(whole, path));
            match (&found[slot], value) {
                (None, None) => {}
                (Some(member), Some(value)) => {
                    prop_assert!(is_alike(member, value, looks_inside), "{path:?} of {body}");
                }
                (member, value) => {
                    prop_assert!(false, "{path:?} of {body}: {member:?}, not {value:?}");
                }
            }
        }
    }
}
