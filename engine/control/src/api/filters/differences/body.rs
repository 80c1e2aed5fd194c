//! Bodies, as JSON where both are, else line by line, else from the first byte that differs.

use super::{ChangeOut, Changes, Part};
use serde_json::Value;
use similar::{Algorithm, DiffTag, capture_diff_slices};

/// Of one body: as values of JSON it takes many times its bytes.
const READ_BYTES_MAX: usize = 1 << 20;
/// Between the first and the last that differ. All are compared with all at worst.
const LINES_MAX: usize = 400;
const HEX_BYTES_MAX: usize = 24;

/// `bytes_left` is what may still be read of bodies, and pays for what is.
pub(super) fn compare(old: &[u8], new: &[u8], bytes_left: &mut usize, changes: &mut Changes) {
    if std::ptr::eq(old, new) || old == new {
        return;
    }
    let left = bytes_left.checked_sub(old.len() + new.len());
    let is_small = old.len().max(new.len()) <= READ_BYTES_MAX;
    let Some(left) = left.filter(|_| is_small && changes.room > 0) else {
        return changes.add(|| from_first_byte(old, new));
    };
    *bytes_left = left;
    let json = |body: &[u8]| serde_json::from_slice::<Value>(body).ok();
    match json(old).zip(json(new)) {
        Some((was, is)) if was != is => values(&mut String::new(), &was, &is, changes),
        _ => match str::from_utf8(old).ok().zip(str::from_utf8(new).ok()) {
            Some((was, is)) => lines(was, is, changes),
            None => changes.add(|| from_first_byte(old, new)),
        },
    }
}

/// Of two that differ; `at` is their JSON pointer.
fn values(at: &mut String, old: &Value, new: &Value, changes: &mut Changes) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in old {
                below(at, name, (Some(value), new.get(name)), changes);
            }
            for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
                below(at, name, (None, Some(value)), changes);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            // One that was taken out leaves those behind it alone.
            let (head, tail) = if old.len() == new.len() { (0, 0) } else { alike(old, new) };
            let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
            for n in head..old.len().max(new.len()) {
                below(at, &n.to_string(), (old.get(n), new.get(n)), changes);
            }
        }
        (old, new) => changes.add(|| changed(at, Some(old), Some(new))),
    }
}

type Pair<'a> = (Option<&'a Value>, Option<&'a Value>);

/// At a member or element of what is at `at`.
fn below(at: &mut String, token: &str, (old, new): Pair<'_>, changes: &mut Changes) {
    if old == new {
        return;
    }
    let length = at.len();
    at.push('/');
    at.push_str(&token.replace('~', "~0").replace('/', "~1"));
    match old.zip(new) {
        Some((old, new)) => values(at, old, new, changes),
        None => changes.add(|| changed(at, old, new)),
    }
    at.truncate(length);
}

fn changed(at: &str, old: Option<&Value>, new: Option<&Value>) -> ChangeOut {
    let (old, new) = (old.map(Value::to_string), new.map(Value::to_string));
    ChangeOut::of(Part::Json, Some(at), old.as_deref(), new.as_deref())
}

/// How many are the same at the start of both, and behind these at the end.
fn alike<T: PartialEq>(old: &[T], new: &[T]) -> (usize, usize) {
    let head = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let rest = old[head..].iter().rev().zip(new[head..].iter().rev());
    (head, rest.take_while(|(old, new)| old == new).count())
}

fn lines(old: &str, new: &str, changes: &mut Changes) {
    let (was, is): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let (head, tail) = alike(&was, &is);
    let (was, is) = (&was[head..was.len() - tail], &is[head..is.len() - tail]);
    if was.len().max(is.len()) > LINES_MAX {
        return changes.add(|| from_first_byte(old.as_bytes(), new.as_bytes()));
    }
    for step in capture_diff_slices(Algorithm::Myers, was, is) {
        let (tag, of_old, of_new) = step.as_tag_tuple();
        if tag == DiffTag::Equal {
            continue;
        }
        for n in 0..of_old.len().max(of_new.len()) {
            let (old, new) = (was[of_old.clone()].get(n), is[of_new.clone()].get(n));
            let first = if old.is_some() { of_old.start } else { of_new.start };
            let number = (head + first + n + 1).to_string();
            let (old, new) = (old.copied(), new.copied());
            changes.add(|| ChangeOut::of(Part::Line, Some(&number), old, new));
        }
    }
}

fn from_first_byte(old: &[u8], new: &[u8]) -> ChangeOut {
    let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let at = same.to_string();
    if let Some((old, new)) = str::from_utf8(old).ok().zip(str::from_utf8(new).ok()) {
        return ChangeOut::of(Part::Byte, Some(&at), Some(old), Some(new));
    }
    let rest = |body: &[u8]| {
        let end = body.len().min(same + HEX_BYTES_MAX);
        let more = if end < body.len() { "…" } else { "" };
        match hex::encode(&body[same..end]) {
            none if none.is_empty() => format!("nothing ({} bytes)", body.len()),
            some => format!("{some}{more} ({} bytes)", body.len()),
        }
    };
    ChangeOut { part: Part::Byte, at: Some(at), old: Some(rest(old)), new: Some(rest(new)) }
}

#[cfg(test)]
mod tests {
    use super::super::{BYTES_MAX, CHANGES_MAX};
    use super::*;
    use serde_json::json;

    type Told = (Part, String, Option<String>, Option<String>);

    fn told(old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> Vec<Told> {
        let mut changes = Changes { told: Vec::new(), further: 0, room: CHANGES_MAX };
        let mut bytes_left = BYTES_MAX;
        compare(old.as_ref(), new.as_ref(), &mut bytes_left, &mut changes);
        assert_eq!(changes.further, 0);
        let all = changes.told.into_iter();
        all.map(|change| (change.part, change.at.unwrap(), change.old, change.new)).collect()
    }

    fn change(part: Part, at: &str, old: &str, new: &str) -> Told {
        let text = |text: &str| (text != "-").then(|| text.to_owned());
        (part, at.to_owned(), text(old), text(new))
    }

    #[test]
    fn json_is_told_by_pointers() {
        let old = json!({ "gone": [1], "same": { "x": 1 }, "deep": { "a/b~": [1, { "n": 1 }] } });
        let new = json!({ "same": { "x": 1 }, "deep": { "a/b~": [1, { "n": "1" }] }, "new": null });
        let wanted = [
            change(Part::Json, "/deep/a~1b~0/1/n", "1", "\"1\""),
            change(Part::Json, "/gone", "[1]", "-"),
            change(Part::Json, "/new", "-", "null"),
        ];
        assert_eq!(told(old.to_string(), new.to_string()), wanted);
        assert_eq!(told("[1]", "{}"), [change(Part::Json, "", "[1]", "{}")]);
        assert!(told("[1]", "[1]").is_empty());
    }

    #[test]
    fn elements_behind_one_that_is_taken_out_are_the_same() {
        let text = |all: &[u32]| json!({ "all": all }).to_string();
        let removed = [change(Part::Json, "/all/1", "2", "-")];
        assert_eq!(told(text(&[1, 2, 3, 4]), text(&[1, 3, 4])), removed);
        let added = [change(Part::Json, "/all/0", "-", "0")];
        assert_eq!(told(text(&[1, 2]), text(&[0, 1, 2])), added);
        let replaced = [change(Part::Json, "/all/1", "2", "9")];
        assert_eq!(told(text(&[1, 2, 3]), text(&[1, 9, 3])), replaced);
    }

    #[test]
    fn a_change_far_inside_of_a_value_is_seen() {
        let text = |word: &str| json!({ "text": format!("{}{word}", "x".repeat(9_000)) });
        let all = told(text("one").to_string(), text("two").to_string());
        let (_, at, Some(old), Some(new)) = &all[0] else { panic!("{all:?}") };
        assert_eq!((all.len(), &**at), (1, "/text"));
        assert!(old.ends_with("xone\" (9005 bytes)") && new.ends_with("xtwo\" (9005 bytes)"));
        assert!(old.len() < 100, "{old}");
    }

    #[test]
    fn text_is_told_by_lines() {
        let old = "a\nb\nc\nd\ne";
        let wanted = [
            change(Part::Line, "2", "b", "B"),
            change(Part::Line, "4", "d", "-"),
            change(Part::Line, "5", "-", "f"),
        ];
        assert_eq!(told(old, "a\nB\nc\ne\nf"), wanted);
        assert_eq!(told("a", "a\n"), [change(Part::Line, "2", "-", "")]);
        let spaces = [change(Part::Line, "1", "{\"n\":1}", "{ \"n\": 1 }")];
        assert_eq!(told("{\"n\":1}", "{ \"n\": 1 }"), spaces, "the same JSON, in other bytes");
        assert_eq!(told("{", "{}"), [change(Part::Line, "1", "{", "{}")]);
    }

    #[test]
    fn texts_that_share_little_are_told_from_their_first_difference() {
        let text =
            |word: &str| (0..=LINES_MAX).map(|n| format!("{n} {word}\n")).collect::<String>();
        let all = told(text("one"), text("two"));
        assert_eq!((all.len(), all[0].0, &*all[0].1), (1, Part::Byte, "2"));
    }

    #[test]
    fn other_bytes_are_told_from_the_first_that_differs() {
        let wanted = [change(Part::Byte, "1", "0102 (3 bytes)", "nothing (1 bytes)")];
        assert_eq!(told(b"\xff\x01\x02", b"\xff"), wanted);
        let all = told([0xff_u8; 100], b"text");
        let hex = format!("{}… (100 bytes)", "ff".repeat(HEX_BYTES_MAX));
        assert_eq!(all, [change(Part::Byte, "0", &hex, "74657874 (4 bytes)")]);
    }

    #[test]
    fn what_is_read_is_bounded() {
        let mut changes = Changes { told: Vec::new(), further: 0, room: CHANGES_MAX };
        let mut bytes_left = 20;
        let mut part = |old: &str, new: &str| {
            compare(old.as_bytes(), new.as_bytes(), &mut bytes_left, &mut changes);
            (changes.told.last().unwrap().part, bytes_left)
        };
        assert_eq!(part("{\"a\":1}", "{\"a\":2}"), (Part::Json, 6));
        assert_eq!(part("{\"a\":1}", "{\"a\":2}"), (Part::Byte, 6));
        assert_eq!(part("[1]", "[2]"), (Part::Json, 0));
        let large = |digit: char| format!("[\"{}\"]", digit.to_string().repeat(READ_BYTES_MAX));
        let all = told(large('1'), large('2'));
        assert_eq!((all[0].0, &*all[0].1), (Part::Byte, "2"));
    }
}
