use forebay_filter::Event;
use jsontext::{Part, Place, Pointer, Template, Text, Value, push_within};

/// What to write, in order.
pub struct Plan(pub Vec<Op>);

pub enum Op {
    Literal(Vec<u8>),
    Place(Place, Form),
}

/// How what fills a place is written.
#[derive(Clone, Copy)]
pub enum Form {
    /// As a JSON value.
    Value,
    /// As a part of a JSON string.
    Within,
    /// As it is.
    Text,
}

impl Plan {
    pub fn of_text(text: &str, pointers: &mut Vec<Pointer>) -> Result<Plan, String> {
        let mut plan = Plan(Vec::new());
        for part in Template::read(text, pointers)?.parts {
            match part {
                Part::Literal(text) => plan.literal(text.as_bytes()),
                Part::Place(place) => plan.0.push(Op::Place(place, Form::Text)),
            }
        }
        Ok(plan)
    }

    pub fn of_json(value: &Value, pointers: &mut Vec<Pointer>) -> Result<Plan, String> {
        let mut plan = Plan(Vec::new());
        plan.value(value, pointers)?;
        Ok(plan)
    }

    /// The configuration is not deep.
    fn value(&mut self, value: &Value, pointers: &mut Vec<Pointer>) -> Result<(), String> {
        match value {
            Value::Text(text) => {
                let template = Template::read(text, pointers)?;
                match template.only_place() {
                    Some(place) => self.0.push(Op::Place(place.clone(), Form::Value)),
                    None => self.string(template),
                }
            }
            Value::List(values) => {
                for (i, value) in values.iter().enumerate() {
                    self.literal(if i > 0 { b"," } else { b"[" });
                    self.value(value, pointers)?;
                }
                self.literal(if values.is_empty() { b"[]" } else { b"]" });
            }
            Value::Table(members) => {
                for (i, (name, value)) in members.iter().enumerate() {
                    self.literal(if i > 0 { b"," } else { b"{" });
                    self.string(Template::read(name, pointers)?);
                    self.literal(b":");
                    self.value(value, pointers)?;
                }
                self.literal(if members.is_empty() { b"{}" } else { b"}" });
            }
            plain => {
                let mut json = Vec::new();
                plain.push_json(&mut json);
                self.literal(&json);
            }
        }
        Ok(())
    }

    fn string(&mut self, template: Template) {
        self.literal(b"\"");
        for part in template.parts {
            match part {
                Part::Literal(text) => {
                    let mut json = Vec::new();
                    push_within(&mut json, text.as_bytes());
                    self.literal(&json);
                }
                Part::Place(place) => self.0.push(Op::Place(place, Form::Within)),
            }
        }
        self.literal(b"\"");
    }

    fn literal(&mut self, bytes: &[u8]) {
        match self.0.last_mut() {
            Some(Op::Literal(last)) => last.extend_from_slice(bytes),
            _ => self.0.push(Op::Literal(bytes.into())),
        }
    }
}

impl Form {
    /// Whether there is anything to write.
    pub fn push<'a>(
        self,
        place: &'a Place,
        event: Event<'a>,
        found: &[Option<&'a [u8]>],
        body: &mut Vec<u8>,
    ) -> bool {
        match self {
            Form::Value => place.json(event, found).map(|json| body.extend_from_slice(&json)),
            Form::Text => place.text(event, found).map(|text| body.extend_from_slice(&text)),
            Form::Within => match place.json(event, found) {
                // It is written as a part of a string already.
                Some(json) if Text::of(&json).is_some() => {
                    body.extend_from_slice(&json[1..json.len() - 1]);
                    Some(())
                }
                Some(json) if *json == *b"null" => Some(()),
                Some(json) => Some(push_within(body, &json)),
                None => None,
            },
        }
        .is_some()
    }

    pub fn push_nothing(self, body: &mut Vec<u8>) {
        if let Form::Value = self {
            body.extend_from_slice(b"null");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsontext::push_quoted;

    #[test]
    fn what_is_fixed_is_written_at_once() {
        let value = Value::read(br#"{"a":[1.50,{},[]],"b\n":"{{{{}}x"}"#).expect("JSON");
        let Plan(ops) = Plan::of_json(&value, &mut Vec::new()).expect("a template");
        let mut want = Vec::new();
        want.extend_from_slice(br#"{"a":[1.50,{},[]],"#);
        push_quoted(&mut want, b"b\n");
        want.extend_from_slice(br#":"{{x"}"#);
        assert!(matches!(&ops[..], [Op::Literal(bytes)] if *bytes == want));
    }
}
