use super::take::Take;
use event::{TenantId, Time};
use ingest::doors::routed;
use ingest::{LiveSecret, Source, SourceTable};
use signature::{Scheme, Secret};

pub const WORDS: &[&str] =
    &["/in/", "{shop}", "{", "}", "//", "/v1/events", "/", "%2f", "..", "?", "#", "\n", "é"];

/// Lines are the paths of sources; behind an empty line, each line is a request's path.
pub fn paths(bytes: &[u8]) {
    let mut take = Take(bytes);
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (wanted, asked) = (text(take.until(b"\n\n")), text(take.rest()));
    let wanted: Vec<&str> = wanted.lines().take(8).collect();
    let sources = wanted.iter().enumerate().map(|(n, path)| source(n, path)).collect();
    let Ok(table) = SourceTable::new(sources) else { return };
    // Nothing else comes over HTTP.
    let paths = asked.lines().chain(wanted.iter().copied()).filter(|path| path.starts_with('/'));
    for path in paths {
        let found = routed(&table, path);
        let fits: Vec<usize> = (0..wanted.len()).filter(|n| fits(wanted[*n], path)).collect();
        assert_eq!(found.is_some(), !fits.is_empty(), "{path} of {wanted:?}");
        let Some((name, captures)) = found else { continue };
        let exact = wanted
            .iter()
            .position(|pattern| *pattern == path && !pattern.split('/').any(is_capture));
        let first = exact.unwrap_or(fits[0]);
        assert_eq!(name, first.to_string(), "{path} of {wanted:?}");
        for (name, value) in captures {
            assert!(!value.is_empty() && !value.contains('/'), "{name} is {value:?}");
            assert!(name.bytes().all(|b| b.is_ascii_graphic()), "{name:?} is no header");
        }
    }
}

/// Segment by segment, as it is documented.
fn fits(pattern: &str, path: &str) -> bool {
    let (wanted, given): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    let fits = |(wanted, given): (&&str, &&str)| match is_capture(wanted) {
        true => !given.is_empty(),
        false => wanted == given,
    };
    wanted.len() == given.len() && path.starts_with('/') && wanted.iter().zip(&given).all(fits)
}

fn is_capture(segment: &str) -> bool {
    segment.len() >= 2 && segment.starts_with('{') && segment.ends_with('}')
}

fn source(n: usize, path: &str) -> Source {
    let scheme = Scheme::preset("github").unwrap();
    let secret = Secret::from_bytes(b"key").unwrap();
    let mut source = Source::new(&n.to_string(), TenantId::new("acme"), path, scheme);
    source.secrets = vec![LiveSecret { secret, until: Time::NEVER }];
    source
}
