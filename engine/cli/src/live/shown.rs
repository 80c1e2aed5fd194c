//! Requests and answers as people read them.

use std::fmt::Write;

/// Of a body; what is beyond says how much there is.
const SHOWN_BYTES_MAX: usize = 4 << 10;

/// The first line and the headers.
pub fn head_of(first: &str, headers: impl IntoIterator<Item = (String, String)>) -> String {
    headers.into_iter().fold(format!("{first}\n"), |mut head, (name, value)| {
        let _ = writeln!(head, "{name}: {value}");
        head
    })
}

/// Head and body, line by line behind a mark. Control characters of a sender stay its own, but
/// tabs.
pub fn marked(mark: char, head: &str, body: &str) -> String {
    let lines = head.lines().chain((!body.is_empty()).then_some("")).chain(body.lines());
    lines.fold(String::new(), |mut text, line| {
        let plain = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
        let line: String = line.chars().map(plain).collect();
        let _ = writeln!(text, "{}", format!("  {mark} {line}").trim_end());
        text
    })
}

/// A body as text: JSON with a line for each member, and what is long cut off.
pub fn readable(body: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(body) else {
        return format!("({} bytes that are not text)", body.len());
    };
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let mut shown = if is_json { spread(text) } else { text.to_owned() };
    if shown.len() > SHOWN_BYTES_MAX {
        shown.truncate(shown.floor_char_boundary(SHOWN_BYTES_MAX));
        let _ = write!(shown, "…\n({} bytes in all)", body.len());
    }
    shown
}

/// JSON with a line for each member, in its order, with its numbers and texts as they are written.
/// Ends when it is longer than anybody is shown.
fn spread(json: &str) -> String {
    let (mut text, mut depth, mut is_in_text) = (String::new(), 0_usize, false);
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if text.len() > SHOWN_BYTES_MAX {
            break;
        }
        match letter {
            '\\' if is_in_text => {
                text.push(letter);
                text.extend(letters.next());
            }
            '"' => {
                is_in_text = !is_in_text;
                text.push(letter);
            }
            _ if is_in_text => text.push(letter),
            '{' | '[' => {
                while letters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                text.push(letter);
                match letters.next_if(|next| matches!(*next, '}' | ']')) {
                    Some(close) => text.push(close),
                    None => {
                        depth += 1;
                        new_line(&mut text, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut text, depth);
                text.push(letter);
            }
            ',' => {
                text.push(letter);
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            ' ' | '\t' | '\n' | '\r' => {}
            _ => text.push(letter),
        }
    }
    text
}

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_spread_and_stays_as_it_was_written() {
        let json = "{\"b\":1.50, \"a\" : [ ],\"c\":{\"d\":[1,\"x, \\\"{y\"]}}";
        let lines = [
            "{",
            "  \"b\": 1.50,",
            "  \"a\": [],",
            "  \"c\": {",
            "    \"d\": [",
            "      1,",
            "      \"x, \\\"{y\"",
            "    ]",
            "  }",
            "}",
        ];
        assert_eq!(readable(json.as_bytes()), lines.join("\n"));
    }

    #[test]
    fn what_is_no_json_is_shown_as_it_is_or_counted() {
        assert_eq!(readable(b"{a,b}"), "{a,b}");
        assert_eq!(readable(b"\xff\xfe"), "(2 bytes that are not text)");
        assert_eq!(readable(b""), "");
    }

    #[test]
    fn what_is_long_or_deep_is_cut() {
        for text in ["é".repeat(10_000), "[".repeat(9_000) + &"]".repeat(9_000)] {
            let shown = readable(text.as_bytes());
            assert!(shown.len() < 2 * SHOWN_BYTES_MAX, "{}", shown.len());
            assert!(shown.ends_with(&format!("…\n({} bytes in all)", text.len())), "{shown}");
        }
    }

    #[test]
    fn lines_stand_behind_their_mark() {
        let head = head_of("POST /in", [("a".to_owned(), "b\u{1b}c".to_owned())]);
        assert_eq!(
            marked('>', &head, "x\n\ty\u{7}\tz"),
            "  > POST /in\n  > a: b\u{fffd}c\n  >\n  > x\n  > \ty\u{fffd}\tz\n"
        );
        assert_eq!(marked('<', "200\n", ""), "  < 200\n");
    }
}
