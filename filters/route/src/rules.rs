use forebay_filter::Event;
use jsontext::{Given, Part, Pointer, Template, Value};

/// Values, and what becomes of events that have one of them.
pub struct Rule {
    is: Vec<String>,
    starts: Vec<String>,
    pub deed: Deed,
}

/// What becomes of an event.
#[derive(Clone)]
pub struct Deed {
    pub outcome: Outcome,
    /// One output for each.
    pub types: Vec<Template>,
    pub key: Option<Template>,
    /// The number of a pipe's output.
    pub to: u16,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    Pass,
    Drop,
    Reject(String),
    Emit,
}

/// As the host has it.
const OUTPUTS_MAX: usize = 64;

impl Rule {
    pub fn all(given: &mut Given, pointers: &mut Vec<Pointer>) -> Result<Vec<Rule>, String> {
        let mut rules = Vec::new();
        for (i, value) in given.list("rules")?.into_iter().enumerate() {
            let Value::Table(members) = value else {
                return Err(given.bad("rules", format_args!("[{i}] must be a table")));
            };
            let mut given = Given::of(members, &format!("rules[{i}]."));
            let is = match given.value("is") {
                None => Vec::new(),
                Some(Value::List(values)) => values.iter().map(text).collect(),
                Some(value) => vec![text(&value)],
            };
            let starts = given.texts("starts")?;
            if is.is_empty() && starts.is_empty() {
                return Err(given.missing("is", "a value or a list of them; or `starts`"));
            }
            let deed = Deed::read(&mut given, pointers)?;
            given.finish()?;
            rules.push(Rule { is, starts, deed });
        }
        if rules.is_empty() {
            return Err(given.missing("rules", "a list such as [{ is = \"a\", drop = true }]"));
        }
        Ok(rules)
    }

    pub fn suits(&self, value: &[u8]) -> bool {
        self.is.iter().any(|is| is.as_bytes() == value)
            || self.starts.iter().any(|start| value.starts_with(start.as_bytes()))
    }
}

impl Deed {
    pub const PASS: Deed = Deed::plain(Outcome::Pass);

    const fn plain(outcome: Outcome) -> Deed {
        Deed { outcome, types: Vec::new(), key: None, to: 0 }
    }

    /// A word or a table under this key.
    pub fn of(
        given: &mut Given,
        key: &'static str,
        pointers: &mut Vec<Pointer>,
    ) -> Result<Option<Deed>, String> {
        let outcome = match given.value(key) {
            None => return Ok(None),
            Some(Value::Table(members)) => {
                let mut within = Given::of(members, &format!("{key}."));
                let deed = Deed::read(&mut within, pointers)?;
                within.finish()?;
                return Ok(Some(deed));
            }
            Some(Value::Text(word)) => match &*word {
                "pass" => Outcome::Pass,
                "drop" => Outcome::Drop,
                "reject" => Outcome::Reject("no rule is for this event".into()),
                _ => return Err(given.bad(key, "is `pass`, `drop`, `reject` or a table")),
            },
            Some(_) => return Err(given.bad(key, "is `pass`, `drop`, `reject` or a table")),
        };
        Ok(Some(Deed::plain(outcome)))
    }

    fn read(given: &mut Given, pointers: &mut Vec<Pointer>) -> Result<Deed, String> {
        let drops = given.flag("drop")?.unwrap_or(false);
        let reason = given.text("reject")?;
        let mut types = Vec::new();
        for text in given.texts("type")? {
            let template = Template::read(&text, pointers);
            types.push(template.map_err(|why| given.bad("type", why))?);
        }
        if types.len() > OUTPUTS_MAX {
            return Err(given.bad("type", format_args!("has more than {OUTPUTS_MAX} types")));
        }
        let key = match given.text("key")? {
            Some(text) => {
                Some(Template::read(&text, pointers).map_err(|why| given.bad("key", why))?)
            }
            None => None,
        };
        let to = given.count("to")?.unwrap_or(0);
        let to = u16::try_from(to).map_err(|_| given.bad("to", "is at most 65535"))?;
        let changes = !types.is_empty() || key.is_some() || to != 0;
        let outcome = match (drops, reason) {
            (true, Some(_)) => return Err(given.bad("drop", "is given, and `reject` is, too")),
            (true, None) if !changes => Outcome::Drop,
            (false, Some(reason)) if !changes => Outcome::Reject(reason),
            (false, None) if changes => Outcome::Emit,
            (false, None) => Outcome::Pass,
            (true, None) => return Err(given.bad("drop", "leaves nothing to change")),
            (false, Some(_)) => return Err(given.bad("reject", "leaves nothing to change")),
        };
        Ok(Deed { outcome, types, key, to })
    }
}

/// As a field's value is compared.
fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Null => String::new(),
        other => {
            let mut json = Vec::new();
            other.push_json(&mut json);
            String::from_utf8_lossy(&json).into_owned()
        }
    }
}

/// A place that the event leaves open has nothing in it.
pub fn filled<'a>(template: &'a Template, event: Event<'a>, found: &[Option<&'a [u8]>]) -> String {
    let mut filled = String::new();
    for part in &template.parts {
        match part {
            Part::Literal(text) => filled.push_str(text),
            Part::Place(place) => {
                let text = place.text(event, found).unwrap_or_default();
                filled.push_str(&String::from_utf8_lossy(&text));
            }
        }
    }
    filled
}
