use crate::Event;
use std::borrow::Cow;

/// A name in lower case and a value.
pub type Header<'a> = (Cow<'a, str>, Cow<'a, [u8]>);

/// What is delivered in place of an event.
///
/// It inherits from the event whatever is `None`; nothing that it inherits or borrows is copied.
#[derive(Clone, Debug)]
pub struct Output<'a> {
    event: Event<'a>,
    pub key: Option<Cow<'a, str>>,
    pub event_type: Option<Cow<'a, str>>,
    /// All of them: what is not here is gone.
    pub headers: Option<Vec<Header<'a>>>,
    pub body: Option<Cow<'a, [u8]>>,
    /// A pipe's declared output by number; 0 is the default one, `u16::MAX` is all.
    pub route: u16,
}

impl<'a> Output<'a> {
    /// The event as it is, until something is set.
    pub fn of(event: Event<'a>) -> Output<'a> {
        Output { event, key: None, event_type: None, headers: None, body: None, route: 0 }
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
        let event = self.event;
        let headers = self.headers.get_or_insert_with(|| inherited(event));
        headers.retain(|(n, _)| n != name);
        headers.push((name.into(), value.into()));
        self
    }

    #[must_use]
    pub fn without_header(mut self, name: &str) -> Output<'a> {
        let event = self.event;
        self.headers.get_or_insert_with(|| inherited(event)).retain(|(n, _)| n != name);
        self
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
            && self.headers == other.headers
            && self.body == other.body
            && self.route == other.route
    }
}

impl Eq for Output<'_> {}

fn inherited(event: Event<'_>) -> Vec<Header<'_>> {
    event.headers().map(|(name, value)| (name.into(), value.into())).collect()
}
