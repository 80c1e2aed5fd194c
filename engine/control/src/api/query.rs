use crate::api::Parameter;
use crate::api::path::decode;
use crate::problem::Problem;
use std::ops::RangeInclusive;

/// The parameters of a query: known names alone, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    pub fn of(text: &str, known: &'static [Parameter]) -> Result<Query, Problem> {
        let mut query = Query::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text: &str| decode(&text.replace('+', " "));
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                return Err(Problem::parameter(name, "it is not percent-encoded UTF-8"));
            };
            let Some(parameter) = known.iter().find(|parameter| parameter.name == name) else {
                return Err(Problem::parameter(&name, &there_are(known)));
            };
            query.0.push((parameter.name, value));
        }
        Ok(query)
    }

    /// Every value of a parameter that may stand several times.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| *known == name).map(|(_, value)| &**value)
    }

    /// None when it is not there; refused when it is there twice.
    pub fn one(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        let mut all = self.all(name);
        match (all.next(), all.next()) {
            (_, Some(_)) => Err(Problem::parameter(name, "it may stand once")),
            (value, None) => Ok(value),
        }
    }

    pub fn number(
        &self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, Problem> {
        let Some(value) = self.one(name)? else { return Ok(None) };
        match value.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => {
                let (least, most) = (range.start(), range.end());
                let detail = format!("it is a number from {least} to {most}");
                Err(Problem::parameter(name, &detail))
            }
        }
    }
}

fn there_are(known: &[Parameter]) -> String {
    let names: Vec<String> = known.iter().map(|known| format!("`{}`", known.name)).collect();
    match names.is_empty() {
        true => "this takes no parameters".to_owned(),
        false => format!("there are {}", names.join(", ")),
    }
}
