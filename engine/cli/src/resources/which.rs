use super::letters::LETTERS;
use super::{ask, below, each_page, with_all};
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

    /// Hands on each that is meant, so many at most.
    pub(super) fn each(
        &self,
        server: &ServerArguments,
        limit: Option<usize>,
        mut take: impl FnMut(Value),
    ) -> Result<(), Failure> {
        each_page(server, &self.path(server)?, limit, |page| page.into_iter().for_each(&mut take))
    }

    /// The path of those that are meant. The API knows letters by the ids of their endpoints; names
    /// are people's.
    fn path(&self, server: &ServerArguments) -> Result<String, Failure> {
        let mut parameters = Vec::new();
        match (&self.endpoint, &self.app) {
            (Some(id), None) if EndpointId::read(id).is_some() => {
                parameters.push(("endpoint", id.clone()));
            }
            (Some(name), app) => {
                let app = app.as_deref().unwrap_or(TenantId::DEFAULT);
                let path = below(&(below("/api/v1/app", app)? + "/endpoint"), name)?;
                let found = ask(server, Method::GET, &path, None)?.json();
                let id = found["id"].as_str().unwrap_or_default();
                parameters.push(("endpoint", id.to_owned()));
            }
            (None, app) => parameters.extend(app.clone().map(|app| ("app", app))),
        }
        parameters.extend(self.types.iter().map(|pattern| ("type", pattern.clone())));
        parameters.extend(self.since.map(|time| ("since", time.to_string())));
        parameters.extend(self.until.map(|time| ("until", time.to_string())));
        Ok(with_all(LETTERS, &parameters))
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
    use super::pattern;

    #[test]
    fn patterns_are_those_of_endpoints() {
        for good in ["order.paid", "order.*", "*"] {
            assert_eq!(pattern(good).as_deref(), Ok(good));
        }
        for bad in ["", "*.paid", "a*", ".*", "a.*.*"] {
            assert!(pattern(bad).is_err(), "{bad}");
        }
    }
}
