use super::letters::LETTERS;
use super::{ask, below, each_page, encoded};
use crate::exit::Failure;
use crate::given::ServerArguments;
use clap::Args;
use event::{EndpointId, TenantId};
use hyper::Method;
use jiff::Timestamp;
use serde_json::Value;

/// Which dead letters are meant.
#[derive(Args)]
pub struct Which {
    /// Of this application alone
    #[arg(long, value_name = "APP", env = "FOREBAY_APP")]
    app: Option<String>,
    /// Of this endpoint alone: an id such as ep_7, or its name in the application
    #[arg(long, value_name = "ENDPOINT")]
    endpoint: Option<String>,
    /// Of events of this type or pattern, such as 'order.*', alone; may be given several times
    #[arg(long = "type", value_name = "TYPE", value_parser = pattern)]
    types: Vec<String>,
    /// Given up on at this time or later, such as 2026-01-31T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Given up on before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
}

impl Which {
    /// Whether it says more than the application, which the environment may have said.
    pub(super) fn is_told(&self) -> bool {
        self.endpoint.is_some()
            || !self.types.is_empty()
            || self.since.is_some()
            || self.until.is_some()
    }

    /// The id of the application, where one is said.
    pub(super) fn app(&self, server: &ServerArguments) -> Result<Option<Value>, Failure> {
        let Some(app) = &self.app else { return Ok(None) };
        let path = below("/api/v1/app", app)?;
        Ok(Some(ask(server, Method::GET, &path, None)?.json()["id"].take()))
    }

    /// Hands on each that is meant, so many at most. The API tells endpoints apart, this the rest.
    pub(super) fn each(
        &self,
        server: &ServerArguments,
        limit: Option<usize>,
        mut take: impl FnMut(Value),
    ) -> Result<(), Failure> {
        let (path, app) = self.place(server)?;
        let takes_all =
            app.is_none() && self.types.is_empty() && self.since.is_none() && self.until.is_none();
        let (mut left, mut unknown) = (limit.unwrap_or(usize::MAX), 0_usize);
        each_page(server, &path, limit.filter(|_| takes_all), |page| {
            for letter in page {
                match self.fits(&letter, app.as_ref()) {
                    Some(true) if left > 0 => {
                        left -= 1;
                        take(letter);
                    }
                    Some(_) => {}
                    None => unknown += 1,
                }
            }
            left > 0
        })?;
        if unknown > 0 {
            eprintln!(
                "warning: {unknown} others are damaged and do not say whether they are meant"
            );
        }
        Ok(())
    }

    /// The path of those that may be meant, and the application that they have to be of. The API
    /// knows letters by the ids of their endpoints; names are people's.
    fn place(&self, server: &ServerArguments) -> Result<(String, Option<Value>), Failure> {
        let of_app = below("/api/v1/app", self.app.as_deref().unwrap_or(TenantId::DEFAULT))?;
        let of_endpoint = match &self.endpoint {
            Some(id) if self.app.is_none() && EndpointId::read(id).is_some() => id.clone(),
            Some(name) => {
                let path = below(&format!("{of_app}/endpoint"), name)?;
                let endpoint = ask(server, Method::GET, &path, None)?.json();
                endpoint["id"].as_str().unwrap_or_default().to_owned()
            }
            None => return Ok((LETTERS.to_owned(), self.app(server)?)),
        };
        Ok((format!("{LETTERS}?endpoint={}", encoded(&of_endpoint)), None))
    }

    /// None when the letter is damaged and what was asked for is not known of it.
    fn fits(&self, letter: &Value, app: Option<&Value>) -> Option<bool> {
        let of_app = match app {
            Some(app) => letter["app"].as_str().map(|of| app == of),
            None => Some(true),
        };
        let of_type = match self.types.is_empty() {
            true => Some(true),
            false => letter["eventType"].as_str().map(|of| self.types.iter().any(|t| is_of(of, t))),
        };
        let of_time = match (self.since, self.until) {
            (None, None) => Some(true),
            (since, until) => {
                letter["diedAt"].as_str().and_then(|at| at.parse().ok()).map(|at: Timestamp| {
                    since.is_none_or(|since| since <= at) && until.is_none_or(|until| at < until)
                })
            }
        };
        let all = [of_app, of_type, of_time];
        if all.contains(&Some(false)) {
            return Some(false);
        }
        (!all.contains(&None)).then_some(true)
    }
}

/// Whether a type is of a pattern: `a.*` is every type below `a`, `*` is every type.
fn is_of(event_type: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(stem) => event_type.len() > stem.len() && event_type.starts_with(stem),
        None => event_type == pattern,
    }
}

fn pattern(text: &str) -> Result<String, String> {
    let stem = text.strip_suffix(".*").unwrap_or(text);
    match text == "*" || !(stem.is_empty() || stem.contains('*')) {
        true => Ok(text.to_owned()),
        false => Err("it is a type, or a pattern such as order.*".to_owned()),
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "it is a time such as 2026-01-31T00:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn which(types: &[&str], since: Option<&str>, until: Option<&str>) -> Which {
        let types = types.iter().map(|text| (*text).to_owned()).collect();
        let at = |text: Option<&str>| text.map(|text| time(text).expect("it is a time"));
        Which { app: None, endpoint: None, types, since: at(since), until: at(until) }
    }

    #[test]
    fn patterns_are_those_of_endpoints() {
        for (event_type, text, is) in [
            ("order.paid", "order.paid", true),
            ("order.paid", "order.*", true),
            ("order.paid.late", "order.*", true),
            ("order", "order.*", false),
            ("orders.paid", "order.*", false),
            ("order.paid", "order", false),
            ("order", "*", true),
        ] {
            let known = pattern(text).expect("it is a pattern");
            assert_eq!(is_of(event_type, &known), is, "{event_type} {text}");
        }
        for bad in ["", "*.paid", "a*", ".*", "a.*.*"] {
            assert!(pattern(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_span_has_its_begin_and_not_its_end() {
        let at = |text: &str| json!({ "diedAt": text });
        let which = which(&[], Some("2026-01-01T00:00:00Z"), Some("2026-01-02T00:00:00Z"));
        for (text, is) in [
            ("2025-12-31T23:59:59.9Z", false),
            ("2026-01-01T00:00:00Z", true),
            ("2026-01-01T23:59:59.999Z", true),
            ("2026-01-02T00:00:00Z", false),
        ] {
            assert_eq!(which.fits(&at(text), None), Some(is), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_of_a_letter_is_no_reason_to_take_it() {
        let damaged = json!({ "app": null, "eventType": null, "diedAt": "2026-01-01T00:00:00Z" });
        assert_eq!(which(&[], None, None).fits(&damaged, None), Some(true));
        assert_eq!(which(&["a"], None, None).fits(&damaged, None), None);
        assert_eq!(which(&[], None, None).fits(&damaged, Some(&json!("app_1"))), None);
        let later = which(&["a"], Some("2026-02-01T00:00:00Z"), None);
        assert_eq!(later.fits(&damaged, None), Some(false), "its time says enough");
    }
}
