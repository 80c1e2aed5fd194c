use crate::api::{Operation, Verb, operations};
use crate::letter;
use event::EventId;
use hyper::Method;
use std::borrow::Cow;
use std::fmt::Write;
use std::sync::LazyLock;

/// What may stand at a place of a path.
#[derive(Clone, Copy)]
pub struct Capture {
    pub name: &'static str,
    pub doc: &'static str,
    pub example: &'static str,
    /// What cannot be one is no path of ours: 404, whoever asks.
    fits: fn(&str) -> bool,
}

pub(super) const APP: &str = "app_id";
/// Longer than any id or name of ours.
const CAPTURE_BYTES_MAX: usize = 256;

const CAPTURES: &[Capture] = &[
    Capture { name: APP, doc: "The application's id or uid.", example: "app_1", fits: any },
    Capture { name: "endpoint_id", doc: "The endpoint's id or uid.", example: "ep_1", fits: any },
    Capture {
        name: "sink_id",
        doc: "The id or uid of an endpoint that is polled.",
        example: "ep_1",
        fits: any,
    },
    Capture { name: "consumer_id", doc: "A name of the consumer's own.", example: "a", fits: any },
    Capture {
        name: "event_type_name",
        doc: "The event type's name.",
        example: "user.signup",
        fits: any,
    },
    Capture {
        name: "msg_id",
        doc: "The message's id, or the sender's own `eventId` for a day.",
        example: "evt_00000000000000000000000",
        fits: any,
    },
    Capture { name: "attempt_id", doc: "An attempt.", example: "atmpt_1-0-0-0-1", fits: any },
    Capture {
        name: "filter_name",
        doc: "The filter's name; a slash in it is written `%2F`.",
        example: "big-orders",
        fits: |text| text.bytes().filter(|&byte| byte == b'/').count() <= 1,
    },
    Capture { name: "table_name", doc: "The table's name.", example: "countries", fits: any },
    Capture { name: "source_name", doc: "The source's name.", example: "github", fits: any },
    Capture {
        name: "version",
        doc: "The digest of a version.",
        example: "00000000000000000000000000000000",
        fits: any,
    },
    Capture {
        name: "key_id",
        doc: "The key's id: the ten characters behind `fbk_`.",
        example: "k000000000",
        fits: |text| text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    },
    Capture {
        name: "letter_id",
        doc: "A dead letter: endpoint, lane, offset and output.",
        example: "dl_1-0-0-0",
        fits: |text| letter::read(text).is_some(),
    },
    Capture {
        name: "event_id",
        doc: "An event.",
        example: "evt_00000000000000000000000",
        fits: |text| text.parse::<EventId>().is_ok(),
    },
];

fn any(text: &str) -> bool {
    !text.contains('/')
}

/// What the captures of a path can be, by their names.
pub fn captures(path: &str) -> impl Iterator<Item = &'static Capture> {
    path.split('/').filter_map(name_of).map(capture)
}

fn name_of(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn capture(name: &str) -> &'static Capture {
    CAPTURES.iter().find(|capture| capture.name == name).expect("every capture is listed")
}

/// What a path captured, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Captured(Vec<(&'static str, String)>);

impl Captured {
    /// Of a capture that the operation's path has.
    pub fn named(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| &**value).expect("the operation's path has this capture")
    }

    pub fn app(&self) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == APP).map(|(_, value)| &**value)
    }
}

/// What a method and a path lead to.
pub(crate) enum Matched {
    Operation(&'static Operation, Captured),
    /// The path is known; these are its methods, as for `Allow`.
    OtherMethod(String),
    Nothing,
}

/// A pattern, cut at its slashes.
struct Pattern {
    segments: Vec<&'static str>,
    captures: usize,
    operation: &'static Operation,
}

/// The patterns of as many segments as the index says, those of fewer captures first.
static PATTERNS: LazyLock<Vec<Vec<Pattern>>> = LazyLock::new(|| {
    let mut all: Vec<Vec<Pattern>> = Vec::new();
    for operation in operations() {
        let segments: Vec<_> = operation.path.split('/').filter(|s| !s.is_empty()).collect();
        let captures = segments.iter().filter(|segment| name_of(segment).is_some()).count();
        all.resize_with(all.len().max(segments.len() + 1), Vec::new);
        all[segments.len()].push(Pattern { segments, captures, operation });
    }
    all.iter_mut().for_each(|patterns| patterns.sort_by_key(|pattern| pattern.captures));
    all
});

/// A slash at the end does not count. An exact segment goes before a capture.
pub(crate) fn find(method: &Method, path: &str) -> Matched {
    let Some(segments) = segments(path) else { return Matched::Nothing };
    let patterns = PATTERNS.get(segments.len()).map_or(&[][..], |patterns| patterns);
    let mut fitting = patterns.iter().filter(|pattern| fits(pattern, &segments)).peekable();
    let Some(fewest) = fitting.peek().map(|first| first.captures) else {
        return Matched::Nothing;
    };
    let mut verbs = Vec::new();
    for pattern in fitting.take_while(|pattern| pattern.captures == fewest) {
        if pattern.operation.verb.is(method) {
            return Matched::Operation(pattern.operation, captured(pattern, segments));
        }
        verbs.push(pattern.operation.verb);
    }
    Matched::OtherMethod(allow(verbs))
}

fn fits(pattern: &Pattern, segments: &[Cow<'_, str>]) -> bool {
    let mut pairs = pattern.segments.iter().zip(segments);
    pairs.all(|(wanted, given)| match name_of(wanted) {
        Some(name) => (capture(name).fits)(given),
        None => wanted == given,
    })
}

fn captured(pattern: &Pattern, segments: Vec<Cow<'_, str>>) -> Captured {
    let pairs = pattern.segments.iter().zip(segments);
    let captured = pairs.filter_map(|(wanted, given)| Some((name_of(wanted)?, given.into_owned())));
    Captured(captured.collect())
}

fn allow(mut verbs: Vec<Verb>) -> String {
    verbs.sort_unstable();
    let mut names = String::new();
    for verb in verbs {
        let separator = if names.is_empty() { "" } else { ", " };
        let head = if verb == Verb::Get { ", HEAD" } else { "" };
        let _ = write!(names, "{separator}{}{head}", verb.name());
    }
    names
}

/// Decoded. None for what is no path of ours: an empty segment, a broken escape, one that hides
/// a control character.
fn segments(path: &str) -> Option<Vec<Cow<'_, str>>> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
    if path.is_empty() {
        return Some(Vec::new());
    }
    path.split('/').map(segment).collect()
}

fn segment(text: &str) -> Option<Cow<'_, str>> {
    let decoded = match text.contains('%') {
        true => Cow::Owned(decode(text)?),
        false => Cow::Borrowed(text),
    };
    let is_fit = !decoded.is_empty() && decoded.len() <= CAPTURE_BYTES_MAX;
    (is_fit && !decoded.chars().any(char::is_control)).then_some(decoded)
}

/// Percent-encoding taken back. None when it is broken or does not hold UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push((digit(*high)? * 16 + digit(*low)?) as u8);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}
