/// What is signed, as text: `v0:{timestamp}:{body}`.
///
/// `{body}` is the raw body; `{id}` and `{timestamp}` are the headers' text as sent; `{url}` is the
/// public address that the sender called, `{method}` its verb. Anything else stands for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Body,
    Id,
    Timestamp,
    Url,
    Method,
}

/// What a template is filled with.
#[derive(Clone, Copy, Default)]
pub(crate) struct Pieces<'a> {
    pub id: &'a str,
    pub timestamp: &'a str,
    pub url: &'a str,
    pub method: &'a str,
    pub body: &'a [u8],
}

/// Why a configured scheme cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadScheme {
    #[error("unknown {what} `{got}`; one of {choices}")]
    Unknown { what: &'static str, got: String, choices: &'static str },
    #[error("the signed text `{0}` has a brace that is not closed")]
    Unclosed(String),
    #[error("the signed text does not contain {{body}}, so it would protect nothing")]
    BodyNotSigned,
    #[error("the signed text contains {{{0}}}, but no header is named for it")]
    HeaderMissing(&'static str),
    #[error("a {0} header is named, but the signed text does not contain {{{0}}}")]
    HeaderNotSigned(&'static str),
    #[error("`{0}` is not a header's name")]
    HeaderName(String),
}

impl Template {
    pub fn parse(text: &str) -> Result<Template, BadScheme> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(BadScheme::Unclosed(text.into()));
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.into()));
            }
            parts.push(Part::named(name)?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.into()));
        }
        if !parts.contains(&Part::Body) {
            return Err(BadScheme::BodyNotSigned);
        }
        Ok(Template(parts))
    }

    /// The body alone.
    pub(crate) fn body() -> Template {
        Template(vec![Part::Body])
    }

    pub(crate) fn has_id(&self) -> bool {
        self.0.contains(&Part::Id)
    }

    pub(crate) fn has_timestamp(&self) -> bool {
        self.0.contains(&Part::Timestamp)
    }

    /// Whether the sender's view of the address is signed, so that it must be configured.
    pub fn has_url(&self) -> bool {
        self.0.contains(&Part::Url)
    }

    pub(crate) fn fill<'a>(&'a self, pieces: &Pieces<'a>) -> Vec<&'a [u8]> {
        let fill = |part: &'a Part| match part {
            Part::Literal(text) => text.as_bytes(),
            Part::Body => pieces.body,
            Part::Id => pieces.id.as_bytes(),
            Part::Timestamp => pieces.timestamp.as_bytes(),
            Part::Url => pieces.url.as_bytes(),
            Part::Method => pieces.method.as_bytes(),
        };
        self.0.iter().map(fill).collect()
    }
}

impl Part {
    fn named(name: &str) -> Result<Part, BadScheme> {
        match name {
            "body" => Ok(Part::Body),
            "id" => Ok(Part::Id),
            "timestamp" => Ok(Part::Timestamp),
            "url" => Ok(Part::Url),
            "method" => Ok(Part::Method),
            _ => Err(BadScheme::Unknown {
                what: "placeholder",
                got: name.into(),
                choices: "body, id, timestamp, url, method",
            }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_in_order() {
        let template = Template::parse("v0:{timestamp}:{id}.{body}!").unwrap();
        let pieces = Pieces { id: "a", timestamp: "1", body: b"{}", ..Pieces::default() };
        assert_eq!(template.fill(&pieces).concat(), b"v0:1:a.{}!");
    }

    #[test]
    fn a_template_that_protects_nothing_is_refused() {
        assert_eq!(Template::parse("{timestamp}"), Err(BadScheme::BodyNotSigned));
        assert_eq!(Template::parse(""), Err(BadScheme::BodyNotSigned));
        assert_eq!(Template::parse("{body"), Err(BadScheme::Unclosed("{body".into())));
        assert!(matches!(Template::parse("{bod}"), Err(BadScheme::Unknown { .. })));
    }
}
