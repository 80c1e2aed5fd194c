use crate::config::problem::{ConfigError, Place, Problem, Shows, Spot};
use crate::config::shown::{Origin, Setting};
use std::path::Path;

/// What is found out while a configuration is read: what is wrong, and what it comes to.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    problems: Vec<Found>,
    settings: Vec<Read>,
    groups: usize,
}

#[derive(Debug)]
struct Found {
    place: Place,
    shows: Shows,
    message: String,
    advice: Option<String>,
}

#[derive(Debug)]
struct Read {
    group: usize,
    header: String,
    key: &'static str,
    value: String,
    place: Place,
}

impl Notes {
    pub fn refuse(
        &mut self,
        place: Place,
        shows: Shows,
        message: impl Into<String>,
        advice: Option<String>,
    ) {
        self.problems.push(Found { place, shows, message: message.into(), advice });
    }

    /// A section that is about to be read.
    pub fn group(&mut self) -> usize {
        self.groups += 1;
        self.groups
    }

    pub fn set(
        &mut self,
        (group, header): (usize, &str),
        key: &'static str,
        value: String,
        place: Place,
    ) {
        self.settings.push(Read { group, header: header.to_owned(), key, value, place });
    }

    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether something is wrong there already, so that more would only be noise.
    pub fn has_problem_at(&self, place: &Place) -> bool {
        self.problems.iter().any(|found| found.place == *place)
    }

    pub fn error(&self, path: &Path, text: &str) -> ConfigError {
        let problem = |found: &Found| Problem {
            message: found.message.clone(),
            advice: found.advice.clone(),
            spot: Spot::of(&found.place, found.shows, path, text),
        };
        let mut problems: Vec<Problem> = self.problems.iter().map(problem).collect();
        problems.sort_by_key(|problem| problem.spot.order());
        ConfigError(problems)
    }

    pub fn settings(mut self, path: &Path, text: &str) -> Vec<Setting> {
        self.settings.sort_by_key(|read| read.group);
        let setting = |read: Read| Setting {
            group: read.group,
            header: read.header,
            key: read.key,
            value: read.value,
            origin: Origin::of(&read.place, path, text),
        };
        self.settings.into_iter().map(setting).collect()
    }
}
