use serde::Deserialize;
use std::borrow::Cow;

/// A JSON pointer, of which a token `*` stands for every member or element.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Pointer(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Named(String),
    Each,
}

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Pointer, String> {
        let Some(path) = text.strip_prefix('/') else {
            return Err(format!("a pointer begins with `/`, `{text}` does not"));
        };
        path.split('/').map(token).collect::<Result<_, _>>().map(Pointer)
    }
}

/// `~1` is a slash, `~0` a tilde; `~*`, which RFC 6901 lacks, a member of the name `*`.
fn token(text: &str) -> Result<Token, String> {
    if text == "*" {
        return Ok(Token::Each);
    }
    let mut name = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        name.push(match (char, if char == '~' { chars.next() } else { None }) {
            ('~', Some('0')) => '~',
            ('~', Some('1')) => '/',
            ('~', Some('*')) => '*',
            ('~', _) => return Err(format!("`~` in `{text}` is followed by neither 0 nor 1")),
            (char, _) => char,
        });
    }
    Ok(Token::Named(name))
}

/// The names and indices that lead to a value.
#[derive(Debug)]
pub enum Step<'t> {
    /// A member, by its name without escapes.
    Member(Cow<'t, [u8]>),
    Element(usize),
}

impl Pointer {
    pub fn leads_to(&self, path: &[Step<'_>]) -> bool {
        self.0.len() == path.len() && self.0.iter().zip(path).all(|(t, step)| t.allows(step))
    }
}

impl Token {
    fn allows(&self, step: &Step<'_>) -> bool {
        match (self, step) {
            (Token::Each, _) => true,
            (Token::Named(name), Step::Member(member)) => name.as_bytes() == &**member,
            (Token::Named(name), Step::Element(i)) => {
                let digits = name.bytes().all(|byte| byte.is_ascii_digit());
                let canonical = digits && (name == "0" || !name.starts_with('0'));
                canonical && name.parse() == Ok(*i)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(text: &str) -> Result<Pointer, String> {
        Pointer::try_from(text.to_string())
    }

    fn leads(text: &str, path: &[Step<'_>]) -> bool {
        pointer(text).is_ok_and(|pointer| pointer.leads_to(path))
    }

    fn member(name: &str) -> Step<'_> {
        Step::Member(name.as_bytes().into())
    }

    #[test]
    fn pointers_lead_where_rfc_6901_says() {
        assert!(leads("/a/0", &[member("a"), Step::Element(0)]));
        assert!(leads("/a/0", &[member("a"), member("0")]));
        assert!(leads("/", &[member("")]));
        assert!(leads("/a~1b/m~0n", &[member("a/b"), member("m~n")]));
        assert!(!leads("/a", &[member("a"), member("b")]));
        assert!(!leads("/01", &[Step::Element(1)]));
        assert!(!leads("/+1", &[Step::Element(1)]));
    }

    #[test]
    fn a_star_is_each() {
        assert!(leads("/*/x", &[Step::Element(7), member("x")]));
        assert!(leads("/*/x", &[member("any"), member("x")]));
        assert!(leads("/~*", &[member("*")]));
        assert!(!leads("/~*", &[member("a")]));
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        assert!(pointer("a/b").is_err());
        assert!(pointer("").is_err());
        assert!(pointer("/a~2").is_err());
        assert!(pointer("/a~").is_err());
    }
}
