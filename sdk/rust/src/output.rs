use crate::Event;
use std::borrow::Cow;

/// A name in lower case and a value.
pub type Header<'a> = (Cow<'a, str>, Cow<'a, [u8]>);

/// What is delivered in place of an event.
///
/// It inherits from the event whatever is `None`; nothing that it inherits or borrows is copied.
#[derive(Clone, Debug)]
pub struct Output<'a> {
    pub(crate) event: Event<'a>,
    pub key: Option<Cow<'a, str>>,
    pub event_type: Option<Cow<'a, str>>,
    pub(crate) headers: Rewrite<'a>,
    pub body: Option<Cow<'a, [u8]>>,
    /// A pipe's declared output by number; 0 is the default one, `u16::MAX` is all.
    pub route: u16,
}

/// What becomes of the headers.
#[derive(Clone, Debug)]
pub(crate) enum Rewrite<'a> {
    Inherited,
    /// This one in place of all of its name; the others are copied in one piece when the answer is
    /// written.
    One(Header<'a>),
    /// These and no others.
    All(Vec<Header<'a>>),
}

impl<'a> Output<'a> {
    /// The event as it is, until something is set.
    pub fn of(event: Event<'a>) -> Output<'a> {
        let headers = Rewrite::Inherited;
        Output { event, key: None, event_type: None, headers, body: None, route: 0 }
    }

    #[must_use]
    pub fn key(mut self, key: impl Into<Cow<'a, str>>) -> Output<'a> {
        self.key = Some(key.into());
        self
    }

    #[must_use]
    pub fn event_type(mut self, event_type: impl Into<Cow<'a, str>>) -> Output<'a> {
        self.event_type = Some(event_type.into());
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Cow<'a, [u8]>>) -> Output<'a> {
        self.body = Some(body.into());
        self
    }

    /// Sets one header and keeps the others; `name` in lower case. The host refuses names that
    /// belong to the delivery: `webhook-*`, `host`, `content-length`, `transfer-encoding`.
    #[must_use]
    pub fn header(mut self, name: &'a str, value: impl Into<Cow<'a, [u8]>>) -> Output<'a> {
        let header = (name.into(), value.into());
        self.headers = match self.headers {
            Rewrite::Inherited => Rewrite::One(header),
            _ => {
                let mut headers = self.others(name);
                headers.push(header);
                Rewrite::All(headers)
            }
        };
        self
    }

    #[must_use]
    pub fn without_header(mut self, name: &str) -> Output<'a> {
        self.headers = Rewrite::All(self.others(name));
        self
    }

    /// These in place of all headers that there are.
    #[must_use]
    pub fn headers(mut self, headers: Vec<Header<'a>>) -> Output<'a> {
        self.headers = Rewrite::All(headers);
        self
    }

    /// All that the output will have, where any was changed.
    pub fn changed_headers(&self) -> Option<Vec<Header<'a>>> {
        match &self.headers {
            Rewrite::Inherited => None,
            Rewrite::One((name, value)) => {
                let mut headers = inherited(self.event, name);
                headers.push((name.clone(), value.clone()));
                Some(headers)
            }
            Rewrite::All(headers) => Some(headers.clone()),
        }
    }

    /// Its headers but those of this name.
    fn others(&mut self, name: &str) -> Vec<Header<'a>> {
        let mut headers = match &mut self.headers {
            Rewrite::Inherited => return inherited(self.event, name),
            Rewrite::One(_) => self.changed_headers().unwrap_or_default(),
            Rewrite::All(headers) => std::mem::take(headers),
        };
        headers.retain(|(n, _)| n != name);
        headers
    }

    #[must_use]
    pub fn route(mut self, route: u16) -> Output<'a> {
        self.route = route;
        self
    }
}

/// Equal when they say the same, whatever the event is.
impl PartialEq for Output<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
            && self.event_type == other.event_type
            && self.changed_headers() == other.changed_headers()
            && self.body == other.body
            && self.route == other.route
    }
}

impl Eq for Output<'_> {}

fn inherited<'a>(event: Event<'a>, without: &str) -> Vec<Header<'a>> {
    let others = event.headers().filter(|(name, _)| *name != without);
    others.map(|(name, value)| (name.into(), value.into())).collect()
}
