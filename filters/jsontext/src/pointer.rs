use std::borrow::Cow;

/// A JSON pointer, of which a token `*` stands for every member or element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(Vec<Token>);

const STEPS_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Named(String),
    Each,
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
    /// The error's text says what is wrong with it.
    pub fn read(text: &str) -> Result<Pointer, String> {
        if text.is_empty() {
            return Ok(Pointer(Vec::new()));
        }
        let Some(path) = text.strip_prefix('/') else {
            return Err(format!("a pointer begins with `/`, `{text}` does not"));
        };
        let steps = path.split('/').map(token).collect::<Result<Vec<_>, _>>()?;
        if steps.len() > STEPS_MAX {
            return Err(format!("a pointer has at most {STEPS_MAX} steps, `{text}` has more"));
        }
        Ok(Pointer(steps))
    }

    /// A path of names and indices with dots between them: `a.b.0`.
    pub fn of_path(path: &str) -> Pointer {
        Pointer(path.split('.').map(|name| Token::Named(name.into())).collect())
    }

    /// Steps; none lead to the whole.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether its step of this index, below `len`, may be this one.
    pub fn allows(&self, index: usize, step: &Step<'_>) -> bool {
        self.0[index].allows(step)
    }

    /// The name that a step of this index asks for; none for a `*`.
    pub fn name(&self, index: usize) -> Option<&str> {
        match &self.0[index] {
            Token::Named(name) => Some(name),
            Token::Each => None,
        }
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

    fn leads(text: &str, path: &[Step<'_>]) -> bool {
        let pointer = Pointer::read(text).expect("a pointer");
        let mut steps = path.iter().enumerate();
        pointer.len() == path.len() && steps.all(|(i, step)| pointer.allows(i, step))
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
        assert!(Pointer::read("a/b").is_err());
        assert!(Pointer::read("/a~2").is_err());
        assert!(Pointer::read("/a~").is_err());
    }
}
