use jsontext::{Given, Pointer, push_quoted};

/// What is redacted, and what stands there afterwards.
pub struct Config {
    pub pointers: Vec<Pointer>,
    pub is_for_emails: bool,
    pub is_for_cards: bool,
    /// Members and elements go; what a pattern finds goes from its string.
    pub removes: bool,
    /// As plain text, within a JSON string, and as a JSON value.
    pub plain: Vec<u8>,
    pub within: Vec<u8>,
    pub quoted: Vec<u8>,
    unreadable: Option<Unreadable>,
}

/// What becomes of a body that is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    Search,
    Reject,
    Drop,
}

impl Config {
    pub fn unreadable(&self) -> Unreadable {
        let usual = if self.pointers.is_empty() { Unreadable::Search } else { Unreadable::Reject };
        self.unreadable.unwrap_or(usual)
    }
}

impl forebay_filter::Config for Config {
    fn read(bytes: &[u8]) -> Result<Config, String> {
        let mut given = Given::read(bytes)?;
        let pointers = given.pointers("pointers")?;
        if pointers.iter().any(Pointer::is_empty) {
            return Err(given.bad("pointers", "leads to the whole body; a pointer begins with `/`"));
        }
        let (mut is_for_emails, mut is_for_cards) = (false, false);
        match given.value("patterns") {
            None => (is_for_emails, is_for_cards) = (true, true),
            Some(list) => {
                let mut only = Given::of(vec![("patterns".into(), list)], "");
                for pattern in only.texts("patterns")? {
                    match &*pattern {
                        "email" => is_for_emails = true,
                        "card" => is_for_cards = true,
                        _ => {
                            let why = format!("has `email` and `card`, not `{pattern}`");
                            return Err(given.bad("patterns", why));
                        }
                    }
                }
            }
        }
        let removes = given.choice("action", &[("mask", false), ("remove", true)])?;
        let removes = removes.unwrap_or(false);
        let mask = given.text("mask")?;
        if removes && mask.is_some() {
            return Err(given.bad("mask", "is for the action `mask`, not for `remove`"));
        }
        let usual = if removes { "" } else { "[redacted]" };
        let plain = mask.unwrap_or(usual.into()).into_bytes();
        let mut quoted = Vec::new();
        push_quoted(&mut quoted, &plain);
        let within = quoted[1..quoted.len() - 1].to_vec();
        if removes {
            quoted = b"null".to_vec();
        }
        let choices = [
            ("search", Unreadable::Search),
            ("reject", Unreadable::Reject),
            ("drop", Unreadable::Drop),
        ];
        let unreadable = given.choice("not_json", &choices)?;
        given.finish()?;
        Ok(Config {
            pointers,
            is_for_emails,
            is_for_cards,
            removes,
            plain,
            within,
            quoted,
            unreadable,
        })
    }
}
