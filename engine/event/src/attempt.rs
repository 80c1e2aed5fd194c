use crate::Time;
use std::time::Duration;

/// How one attempt at a delivery ended. Data, not an error: endpoints fail as a matter of course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A 2xx answer.
    Delivered { status: u16 },
    /// To be tried again by the schedule. `retry_after` is what the endpoint asked for.
    Failed { cause: Cause, retry_after: Option<Duration> },
    /// 410: the endpoint wants nothing more, ever.
    Gone,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Any answer that is neither 2xx nor 410; a redirect is one, for it is never followed.
    Status(u16),
    Timeout,
    /// The name did not resolve.
    Dns(Box<str>),
    /// Refused, reset, closed early, or not HTTP.
    Connection(Box<str>),
    Tls(Box<str>),
    /// Never dialled: the egress guard refused the address.
    Refused(Refusal),
}

/// Told to the operator only; a tenant reads it as a refused connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule that refused, such as `loopback (127.0.0.0/8)`.
    pub rule: Box<str>,
    /// The exact configuration line that would allow it, empty when nothing does.
    pub allow: Box<str>,
}

/// One attempt, as the log remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// From 1.
    pub number: u32,
    pub at: Time,
    pub took: Duration,
    pub outcome: Outcome,
}

impl Cause {
    /// The answer's status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Cause::Status(status) => Some(*status),
            _ => None,
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cause::Status(status) => write!(f, "answered {status}"),
            Cause::Timeout => f.write_str("timed out"),
            Cause::Dns(why) => write!(f, "name not resolved: {why}"),
            Cause::Connection(why) => write!(f, "connection failed: {why}"),
            Cause::Tls(why) => write!(f, "TLS failed: {why}"),
            Cause::Refused(refusal) => write!(f, "address refused: {}", refusal.rule),
        }
    }
}
