//! Owns:    a filter with a bug, to see what an engine does about it.
//! Imports: forebay-filter.
//! Never:   in production.

use forebay_filter::{Event, filter};

pub const MARKER: &[u8] = b"forebay-trap-marker";

/// Keeps every event, but panics at the first one whose body has the marker.
pub fn keep(event: Event) -> bool {
    let is_marked = event.body().windows(MARKER.len()).any(|window| window == MARKER);
    assert!(!is_marked, "the body has the marker on which this filter breaks");
    true
}

filter!(keep);
