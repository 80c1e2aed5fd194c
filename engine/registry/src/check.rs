use crate::{DeclaredEndpoint, Terms};
use event::is_reserved_header;
use event::limits::{HEADERS_BYTES_MAX, HEADERS_MAX, NAME_BYTES_MAX};

/// Further attempts of one delivery.
const SCHEDULE_MAX: usize = 64;
const URL_BYTES_MAX: usize = 2048;
/// Filters of one endpoint.
pub const FILTERS_MAX: usize = 16;
const TYPES_MAX: usize = 256;

pub(crate) type Fault = (&'static str, String);

/// A name becomes part of keys, paths and metrics.
pub(crate) fn name(text: &str) -> Result<(), Fault> {
    let fault = |reason: String| Err(("name", reason));
    if text.is_empty() {
        return fault("a name is needed".into());
    }
    if text.len() > NAME_BYTES_MAX {
        return fault(format!("longer than {NAME_BYTES_MAX} bytes"));
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return fault("no control characters, and no spaces around a name".into());
    }
    Ok(())
}

pub(crate) fn json(field: &'static str, text: &str) -> Result<(), Fault> {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(error) => Err((field, format!("not JSON: {error}"))),
    }
}

pub(crate) fn endpoint(declared: &DeclaredEndpoint) -> Vec<Fault> {
    let mut faults = Vec::new();
    faults.extend(url(&declared.url).err());
    faults.extend(headers(&declared.headers).err());
    faults.extend(terms(&declared.terms).err());
    if declared.filters.len() > FILTERS_MAX {
        faults.push(("filters", format!("more than {FILTERS_MAX}")));
    }
    if declared.types.len() > TYPES_MAX {
        faults.push(("types", format!("more than {TYPES_MAX}")));
    }
    faults
}

// What a URL may point to is the egress guard's to say, when it is dialled.
fn url(text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(("url", "a URL is needed".into()));
    }
    if text.len() > URL_BYTES_MAX || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(("url", format!("at most {URL_BYTES_MAX} bytes, and no spaces")));
    }
    Ok(())
}

fn headers(headers: &[(String, String)]) -> Result<(), Fault> {
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > HEADERS_MAX || bytes > HEADERS_BYTES_MAX {
        return Err(("headers", "too many".into()));
    }
    for (name, value) in headers {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(is_token) {
            return Err(("headers", format!("`{}` is not a header name", name.escape_debug())));
        }
        if is_reserved_header(&name.to_ascii_lowercase()) {
            return Err(("headers", format!("`{name}` is set by every delivery itself")));
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(("headers", format!("the value of `{name}` has control characters")));
        }
    }
    Ok(())
}

fn terms(terms: &Terms) -> Result<(), Fault> {
    if !(0.0..=1.0).contains(&terms.jitter) {
        return Err(("jitter", "between 0 and 1".into()));
    }
    if terms.concurrency.start == 0 || terms.concurrency.start > terms.concurrency.max {
        return Err(("concurrency", "1 <= start <= max".into()));
    }
    if terms.rate == Some(0) {
        return Err(("rate", "at least one a second".into()));
    }
    if terms.timeout.as_millis() == 0 {
        return Err(("timeout", "at least a millisecond".into()));
    }
    if terms.schedule.len() > SCHEDULE_MAX {
        return Err(("schedule", format!("at most {SCHEDULE_MAX} pauses")));
    }
    Ok(())
}
