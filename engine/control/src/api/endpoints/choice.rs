//! Which endpoints a list is to have, by what they are and what they would be sent.

use super::model::Pause;
use crate::api::wire::{Look, Word, flag};
use crate::api::{Parameter, Query, messages};
use crate::problem::Problem;
use event::limits::EVENT_TYPE_BYTES_MAX;
use event::{EndpointId, Why};
use registry::Endpoint;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Without one, or with none of these, a list has all.
pub(super) struct Choice {
    types: Vec<String>,
    /// As it stands in a list that is written as JSON.
    channel: Option<String>,
    disabled: Option<bool>,
    /// In lower case.
    search: Option<String>,
}

pub(super) const TYPES: Parameter = Parameter::of::<String>(
    messages::EVENT_TYPES.name,
    "Those that want one of these types alone; several, or one with commas.",
);
pub(super) const CHANNEL: Parameter = Parameter::of::<Word>(
    messages::CHANNEL.name,
    "Those that want messages of this channel alone; one that names no channels wants all.",
);
pub(super) const DISABLED: Parameter = Parameter::of::<bool>(
    "disabled",
    "Those that are shown as disabled alone, or those that are not alone.",
);
pub(super) const SEARCH: Parameter = Parameter::of::<SearchText>(
    "search",
    "Those with this text in their url, uid or description alone, in whichever case.",
);

#[derive(JsonSchema)]
#[expect(dead_code, reason = "it stands for its schema alone")]
struct SearchText(#[schemars(length(min = 1, max = 256))] String);

const TYPES_MAX: usize = 32;
const SEARCH_BYTES_MAX: usize = 256;
/// What one page looks at: so many endpoints, fewer when they have much that is to be read.
const LOOKS_MAX: usize = 4_000;
const BYTES_OF_A_LOOK: usize = 512;
const PATTERNS_OF_A_LOOK: usize = 64;

impl Choice {
    pub fn of(query: &Query) -> Result<Choice, Problem> {
        let types = messages::types(query);
        let is_type = |text: &String| (1..=EVENT_TYPE_BYTES_MAX).contains(&text.len());
        if types.len() > TYPES_MAX || !types.iter().all(is_type) {
            let text = format!("{TYPES_MAX} at most, of 1 to {EVENT_TYPE_BYTES_MAX} bytes");
            return Err(Problem::parameter(TYPES.name, &text));
        }
        let channel = query.one(CHANNEL.name)?.map(|text| Word::try_from(text.to_owned()));
        let channel = channel.transpose().map_err(|why| Problem::parameter(CHANNEL.name, &why))?;
        let disabled = match query.one(DISABLED.name)? {
            None => None,
            Some(_) => Some(flag(query, DISABLED.name, false)?),
        };
        let search = query.one(SEARCH.name)?;
        if search.is_some_and(|text| !(1..=SEARCH_BYTES_MAX).contains(&text.len())) {
            let text = format!("1 to {SEARCH_BYTES_MAX} bytes");
            return Err(Problem::parameter(SEARCH.name, &text));
        }
        Ok(Choice {
            types,
            channel: channel.map(|name| format!("\"{}\"", name.as_str())),
            disabled,
            search: search.map(|text| text.chars().flat_map(char::to_lowercase).collect()),
        })
    }

    /// Looks through a list, with what has paused endpoints.
    pub fn look(self, pauses: Arc<BTreeMap<EndpointId, Why>>) -> Search {
        Search { choice: self, pauses, looks: 0 }
    }

    fn is_by_notes(&self) -> bool {
        self.channel.is_some() || self.search.is_some()
    }

    fn wants(&self, endpoint: &Endpoint) -> bool {
        let is_wanted = |of: &String| endpoint.wants_type(of);
        self.types.is_empty() || self.types.iter().any(is_wanted)
    }
}

/// What the registry keeps of an endpoint and a list looks for, where it stands.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Notes<'a> {
    #[serde(borrow)]
    description: Cow<'a, str>,
    #[serde(borrow)]
    channels: Option<&'a RawValue>,
}

/// One page's look at a list.
pub(super) struct Search {
    choice: Choice,
    pauses: Arc<BTreeMap<EndpointId, Why>>,
    looks: usize,
}

impl Search {
    pub fn at<O>(&mut self, endpoint: &Endpoint, show: impl FnOnce() -> O) -> Look<O> {
        if self.looks >= LOOKS_MAX {
            return Look::Tired;
        }
        let patterns = self.choice.types.len() * endpoint.types.len();
        self.looks += 1 + patterns / PATTERNS_OF_A_LOOK;
        if !self.is_meant(endpoint) {
            return Look::Passed;
        }
        // Whoever is shown it is shown this too.
        self.looks += endpoint.about.len() / BYTES_OF_A_LOOK;
        Look::Shown(show())
    }

    fn is_meant(&mut self, endpoint: &Endpoint) -> bool {
        let is_disabled = || {
            let why = self.pauses.get(&endpoint.id);
            endpoint.is_disabled || why.is_some_and(|why| Pause::of(*why).is_some())
        };
        let choice = &self.choice;
        if choice.disabled.is_some_and(|wanted| wanted != is_disabled()) || !choice.wants(endpoint)
        {
            return false;
        }
        if !choice.is_by_notes() {
            return true;
        }
        let read = endpoint.url.len() + endpoint.name.len() + endpoint.about.len();
        self.looks += read / BYTES_OF_A_LOOK;
        let notes: Notes<'_> = serde_json::from_str(&endpoint.about).unwrap_or_default();
        let has_channel = |wanted: &String| {
            notes.channels.is_none_or(|channels| channels.get().contains(&**wanted))
        };
        let has_text = |wanted: &String| {
            has(&endpoint.url, wanted)
                || has(&notes.description, wanted)
                // One without a uid is named by its id.
                || (has(&endpoint.name, wanted) && *endpoint.name != *endpoint.id.to_string())
        };
        let choice = &self.choice;
        choice.channel.as_ref().is_none_or(has_channel)
            && choice.search.as_ref().is_none_or(has_text)
    }
}

/// Whether a text has another in it, which is in lower case. It makes no copy of either.
fn has(text: &str, wanted: &str) -> bool {
    text.char_indices().any(|(at, _)| {
        let mut here = text[at..].chars().flat_map(char::to_lowercase);
        wanted.chars().all(|letter| here.next() == Some(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_whichever_case() {
        for (text, wanted, is) in [
            ("https://Example.com/In", "example.com/in", true),
            ("https://example.com/in", "com/out", false),
            ("Bestellungen GRÖSSE", "größe", false),
            ("Bestellungen GRÖßE", "größe", true),
            ("ab", "abc", false),
            ("aab", "ab", true),
            ("", "a", false),
        ] {
            assert_eq!(has(text, wanted), is, "{text} {wanted}");
        }
    }
}
