use crate::Source;
use crate::source::Door;
use event::{TenantId, Time, limits};
use signature::{CustomHmac, Secret};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All sources, found by path. Made anew for each change and swapped whole.
#[derive(Debug)]
pub struct SourceTable {
    doors: Vec<Door>,
    exact: BTreeMap<Box<str>, usize>,
    patterns: Vec<(Pattern, usize)>,
    decoy: Door,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadTable {
    #[error(
        "source `{0}`: a path begins with `/` and holds no space, `?`, `#`, `/./` or `/../`: `{1}`"
    )]
    BadPath(Arc<str>, String),
    #[error("source `{0}`: the path `{1}` is the engine's own")]
    TakenPath(Arc<str>, String),
    #[error("source `{0}`: a path that begins with a capture takes the engine's own: `{1}`")]
    OpenPath(Arc<str>, String),
    #[error("sources `{0}` and `{1}` share the path `{2}`")]
    SharedPath(Arc<str>, Arc<str>, String),
    #[error("source `{0}`: `{1}` cannot be kept: it is a credential or belongs to the connection")]
    BadHeader(Arc<str>, String),
    #[error("source `{0}`: `{1}` is no status for what was accepted")]
    BadStatus(Arc<str>, u16),
    #[error("source `{0}`: the largest body may be 25 MiB")]
    BodyTooLarge(Arc<str>),
}

/// Where a request goes.
pub(crate) enum Route<'t> {
    Source(&'t Door, Captures<'t>),
    /// Looks like a source and is none: answered as one whose signature is wrong.
    Unknown(&'t Door),
    Events,
    Elsewhere,
}

/// Names and values of the segments in braces.
pub(crate) type Captures<'t> = Vec<(&'t str, &'t str)>;

type Pattern = Vec<Segment>;

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Text(Box<str>),
    Capture(Box<str>),
}

pub(crate) const EVENTS: &str = "/v1/events";
const SOURCES: &str = "/in/";
const TAKEN: &[&str] = &["/v1/", "/api/", "/metrics", "/livez", "/readyz", "/.well-known/"];
/// Never kept, whatever a source names.
const UNKEPT: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl SourceTable {
    pub fn new(sources: Vec<Source>) -> Result<SourceTable, BadTable> {
        let mut table = SourceTable {
            doors: Vec::new(),
            exact: BTreeMap::new(),
            patterns: Vec::new(),
            decoy: decoy(),
        };
        sources.into_iter().try_for_each(|source| table.add(source))?;
        Ok(table)
    }

    /// What is refused leaves the table as it was.
    pub fn add(&mut self, source: Source) -> Result<(), BadTable> {
        check(&source)?;
        self.place(source)
    }

    fn place(&mut self, mut source: Source) -> Result<(), BadTable> {
        let number = self.doors.len();
        let pattern = pattern(&source.path);
        let is_exact = pattern.iter().all(|segment| matches!(segment, Segment::Text(_)));
        let other = match is_exact {
            true => self.exact.get(source.path.as_str()).copied(),
            false => {
                let same = self.patterns.iter().find(|(other, _)| is_alike(other, &pattern));
                same.map(|(_, number)| *number)
            }
        };
        if let Some(other) = other {
            let first = self.doors[other].source.name.clone();
            return Err(BadTable::SharedPath(first, source.name, source.path));
        }
        match is_exact {
            true => drop(self.exact.insert(source.path.as_str().into(), number)),
            false => self.patterns.push((pattern, number)),
        }
        source.headers.iter_mut().for_each(|name| name.make_ascii_lowercase());
        self.doors.push(Door::new(source));
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.doors.len()
    }

    pub(crate) fn has_path(&self, path: &str) -> bool {
        self.doors.iter().any(|door| door.source.path == path)
    }

    pub(crate) fn route<'t>(&'t self, path: &'t str) -> Route<'t> {
        if let Some(number) = self.exact.get(path) {
            return Route::Source(&self.doors[*number], Captures::new());
        }
        if path == EVENTS {
            return Route::Events;
        }
        for (pattern, number) in &self.patterns {
            if let Some(captures) = matched(pattern, path) {
                return Route::Source(&self.doors[*number], captures);
            }
        }
        if path.starts_with(SOURCES) { Route::Unknown(&self.decoy) } else { Route::Elsewhere }
    }
}

fn check(source: &Source) -> Result<(), BadTable> {
    let name = || source.name.clone();
    let path = &source.path;
    let is_plain = path.bytes().all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#');
    // Who is in between takes them for folders, and nothing would ever come.
    let is_folder = |segment: &str| matches!(segment, "." | "..");
    if !path.starts_with('/') || !is_plain || path.split('/').any(is_folder) {
        return Err(BadTable::BadPath(name(), path.clone()));
    }
    if path == "/" || TAKEN.iter().any(|taken| path.starts_with(taken)) {
        return Err(BadTable::TakenPath(name(), path.clone()));
    }
    let pattern = pattern(path);
    if matches!(pattern.first(), Some(Segment::Capture(_))) {
        return Err(BadTable::OpenPath(name(), path.clone()));
    }
    let captures = pattern.into_iter().filter_map(|segment| match segment {
        Segment::Capture(name) => Some(name.into_string()),
        Segment::Text(_) => None,
    });
    for header in captures.chain(source.headers.iter().cloned()) {
        let lower = header.to_ascii_lowercase();
        let is_token = hyper::header::HeaderName::try_from(lower.as_str()).is_ok();
        if !is_token || UNKEPT.contains(&&*lower) || source.scheme.signature.contains(&lower) {
            return Err(BadTable::BadHeader(name(), header));
        }
    }
    for status in [source.respond.status, source.respond.duplicate] {
        if !(200..300).contains(&status) {
            return Err(BadTable::BadStatus(name(), status));
        }
    }
    if source.body_bytes_max > limits::BODY_BYTES_MAX {
        return Err(BadTable::BodyTooLarge(name()));
    }
    Ok(())
}

fn pattern(path: &str) -> Pattern {
    let segment = |text: &str| match text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
        Some(name) => Segment::Capture(name.to_ascii_lowercase().into()),
        None => Segment::Text(text.into()),
    };
    path.split('/').skip(1).map(segment).collect()
}

/// Whether two patterns take the same paths.
fn is_alike(one: &Pattern, other: &Pattern) -> bool {
    let alike = |(a, b): (&Segment, &Segment)| match (a, b) {
        (Segment::Text(a), Segment::Text(b)) => a == b,
        (Segment::Capture(_), Segment::Capture(_)) => true,
        _ => false,
    };
    one.len() == other.len() && one.iter().zip(other).all(alike)
}

fn matched<'t>(pattern: &'t Pattern, path: &'t str) -> Option<Captures<'t>> {
    let mut segments = path.split('/').skip(1);
    let mut captures = Captures::new();
    for wanted in pattern {
        match (wanted, segments.next()?) {
            (Segment::Text(text), segment) if **text == *segment => {}
            (Segment::Capture(name), segment) if !segment.is_empty() => {
                captures.push((name, segment));
            }
            _ => return None,
        }
    }
    segments.next().is_none().then_some(captures)
}

/// Does all the work of a source, so that an unknown one takes as long to be refused.
fn decoy() -> Door {
    let scheme = CustomHmac::default().scheme().expect("the default scheme is well-formed");
    let secret = Secret::from_bytes(b"nobody's").expect("it is neither empty nor zero");
    let mut source = Source::new("", TenantId::new(""), "", scheme);
    source.secrets = vec![crate::LiveSecret { secret, until: Time::NEVER }];
    Door::new(source)
}
