use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub message: String,
    /// What to do about it.
    pub advice: Option<String>,
    pub spot: Spot,
}

/// Where a problem shows, for a person to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    File {
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// The line, without anything that may be a secret.
        text: String,
        /// In characters.
        width: usize,
    },
    /// The name of the variable.
    Environment(String),
    Flag(&'static str),
    Nowhere,
}

/// Everything that is wrong with a configuration, in the order of the file; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.0))]
pub struct ConfigError(pub Vec<Problem>);

fn list(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Bytes of the file.
    File(Range<usize>),
    Environment(String),
    Flag(&'static str),
    Nowhere,
}

/// How much of its line a problem may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    Line,
    /// Nothing from the place's end on: what follows may be a secret.
    UpToPlace,
    /// Nothing from the place's start on.
    BeforePlace,
}

impl Spot {
    pub(crate) fn of(place: &Place, shows: Shows, path: &Path, text: &str) -> Spot {
        let range = match place {
            Place::File(range) => range,
            Place::Environment(name) => return Spot::Environment(name.clone()),
            Place::Flag(name) => return Spot::Flag(name),
            Place::Nowhere => return Spot::Nowhere,
        };
        let from = floor(text, range.start);
        let start = text[..from].rfind('\n').map_or(0, |at| at + 1);
        let end = text[from..].find('\n').map_or(text.len(), |at| from + at);
        let to = floor(text, range.end).clamp(from, end);
        let values = headers(&text[start..end]).map(|at| start + at);
        let values = values.filter(|at| *at < to || shows == Shows::Line);
        let shown = match (values, shows) {
            (Some(values), _) => format!("{}…", &text[start..values]),
            (None, Shows::Line) => without_secret(text[start..end].trim_end()),
            (None, Shows::UpToPlace) => format!("{} …", &text[start..to]),
            (None, Shows::BeforePlace) => format!("{}…", &text[start..from]),
        };
        let column = text[start..from].chars().count() + 1;
        let room = shown.chars().count().saturating_sub(column - 1).max(1);
        Spot::File {
            path: path.to_owned(),
            line: text[..from].matches('\n').count() + 1,
            column,
            text: shown.replace(char::is_control, " "),
            width: text[from..to].trim_end().chars().count().clamp(1, room),
        }
    }

    /// Orders by file position; what has none comes last.
    pub(crate) fn order(&self) -> (usize, usize) {
        match self {
            Spot::File { line, column, .. } => (*line, *column),
            _ => (usize::MAX, 0),
        }
    }
}

fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Where the values of a table of headers begin, which are for their receiver alone.
fn headers(line: &str) -> Option<usize> {
    let (before, after) = line.split_once("headers")?;
    let rest = after.trim_start().strip_prefix('=')?.trim_start();
    rest.starts_with('{').then(|| before.len() + "headers".len() + after.len() - rest.len())
}

/// A line that assigns something that sounds like a secret ends at its `=`.
fn without_secret(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let sounds_secret = |word: &&str| {
        lower.match_indices(*word).any(|(at, word)| {
            let rest = &lower[at + word.len()..];
            !rest.starts_with("_env") && !rest.starts_with("_file")
        })
    };
    let words = ["secret", "password", "token", "authorization", "whsec_", "whsk_", "admin_key"];
    match words.iter().any(sounds_secret) {
        true => match line.split_once('=') {
            Some((key, _)) => format!("{key}= …"),
            None => "…".into(),
        },
        false => line.to_owned(),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        let mut margin = String::from(" ");
        match &self.spot {
            Spot::File { path, line, column, text, width } => {
                margin = " ".repeat(line.to_string().len());
                let (pad, carets) = (" ".repeat(column - 1), "^".repeat(*width));
                writeln!(f, "{margin}--> {}:{line}:{column}", path.display())?;
                writeln!(f, "{margin} |")?;
                writeln!(f, "{line} | {text}")?;
                writeln!(f, "{margin} | {pad}{carets}")?;
            }
            Spot::Environment(name) => writeln!(f, "{margin}--> environment variable {name}")?,
            Spot::Flag(name) => writeln!(f, "{margin}--> flag {name}")?,
            Spot::Nowhere => {}
        }
        match &self.advice {
            Some(advice) => writeln!(f, "{margin} = help: {advice}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, range: Range<usize>, shows: Shows) -> String {
        let spot = Spot::of(&Place::File(range), shows, Path::new("a.toml"), text);
        Problem { message: "no".into(), advice: Some("yes".into()), spot }.to_string()
    }

    #[test]
    fn a_problem_points_at_its_place() {
        let expected = "error: no\n --> a.toml:2:5\n  |\n2 | é = 1\n  |     ^\n  = help: yes\n";
        assert_eq!(shown("a = 2\né = 1\n", 11..12, Shows::Line), expected);
        // A place at the end of the text, past it, or inside of a character, is none to panic at.
        for range in [6..6, 7..99, 13..13, 99..200, 5..6] {
            assert!(shown("a = 2\né = 1\n", range, Shows::Line).contains('^'));
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let line = "sceret = 'hunter2'";
        assert!(!shown(line, 0..6, Shows::UpToPlace).contains("hunter2"));
        assert!(!shown(line, 9..18, Shows::BeforePlace).contains("hunter2"));
        for line in ["secret = 'hunter2", "x = { token = 'hunter2' }", "a = ['whsec_hunter2']"] {
            assert!(!shown(line, 0..1, Shows::Line).contains("hunter2"), "{line}");
        }
        let line = "headers = { a = 'hunter2', b = 5, c = 'hunter3' }";
        for shows in [Shows::Line, Shows::UpToPlace, Shows::BeforePlace] {
            let shown = shown(line, 31..32, shows);
            assert!(shown.contains("headers = …") && !shown.contains("hunter"), "{shown}");
        }
        assert!(shown("secret_env = 'NAME'", 0..1, Shows::Line).contains("NAME"));
    }
}
