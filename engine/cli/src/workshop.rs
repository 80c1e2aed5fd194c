//! What a filter's author does before any server sees the filter: none of it asks one.

mod bench;
mod build;
mod cases;
mod compare;
mod create;
mod inspect;
mod language;
mod sections;
mod subject;
mod templates;
mod toolchain;
mod trial;
mod watch;

pub use bench::BenchFilter;
pub use build::BuildFilter;
pub use create::NewFilter;
pub use inspect::InspectFilter;
pub use language::Language;
pub use trial::TestFilter;

use crate::number::grouped;
use forebay::FaultNote;
use serde_json::Value;
use std::fmt::Write;

/// Bytes for people: `2,222 bytes`, `22.4 KB`, `1.93 MB`.
pub fn size(bytes: usize) -> String {
    match bytes {
        0..10_000 => format!("{} bytes", grouped(bytes as u64)),
        10_000..1_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        _ => format!("{:.2} MB", bytes as f64 / 1e6),
    }
}

/// Rows of cells in columns as wide as they need to be, each line led by `indent`. Numbers stand
/// at the right, but for the first column.
fn columns(indent: &str, rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cells = |n: usize| rows.iter().filter_map(move |row| row.get(n));
    let width = |n: usize| cells(n).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = indent.to_owned();
        for (n, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let is_number = n > 0 && cell.chars().all(|c| c.is_ascii_digit() || c == ',');
            let _ = match is_number {
                true => write!(line, "{cell:>width$}  "),
                false => write!(line, "{cell:width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Text of a guest or of a file on one line of a terminal.
fn plain(text: &str) -> String {
    crate::resources::text(&Value::from(text))
}

/// How a filter failed, without the name that it has on the workbench.
fn words(fault: &FaultNote) -> &str {
    fault.text.strip_prefix("filter filter: ").unwrap_or(&fault.text)
}

/// At most so many characters of it.
fn shortened(text: &str, characters_max: usize) -> String {
    let plain = plain(text);
    match plain.char_indices().nth(characters_max) {
        Some((end, _)) => format!("{}… ({} in all)", &plain[..end], size(text.len())),
        None => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(size(2222), "2,222 bytes");
        assert_eq!(size(22_400), "22.4 KB");
        assert_eq!(size(1_933_635), "1.93 MB");
    }

    #[test]
    fn columns_stand_one_below_the_other() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        let rows = [row(&["é", "n", "x"]), row(&["abc", "12", "y"])];
        assert_eq!(columns("  ", &rows), "  é    n   x\n  abc  12  y\n");
    }

    #[test]
    fn what_a_guest_says_stays_on_its_line() {
        assert_eq!(shortened("a\n\u{1b}[31mb", 100), "a\u{fffd}\u{fffd}[31mb");
        assert_eq!(shortened("abcdef", 3), "abc… (6 bytes in all)");
    }
}
