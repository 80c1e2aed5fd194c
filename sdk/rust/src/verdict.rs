use crate::Output;
use std::borrow::Cow;
use std::fmt;

/// What a filter says of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Not wanted: nothing is delivered.
    Drop,
    /// Delivered as it is.
    Pass,
    /// Delivered as these instead, in this order. None is the same as `Drop`.
    Emit(Vec<Output<'a>>),
    /// To the dead letters, where a person finds it with this reason.
    Reject(Cow<'a, str>),
    /// Shown to the filter again, not before so many milliseconds.
    Retry { delay_ms: u32, reason: Cow<'a, str> },
}

impl<'a> Verdict<'a> {
    pub fn reject(reason: impl Into<Cow<'a, str>>) -> Verdict<'a> {
        Verdict::Reject(reason.into())
    }

    pub fn retry(delay_ms: u32, reason: impl Into<Cow<'a, str>>) -> Verdict<'a> {
        Verdict::Retry { delay_ms, reason: reason.into() }
    }
}

/// What a filter may answer with.
pub trait IntoVerdict<'a> {
    fn into_verdict(self) -> Verdict<'a>;
}

impl<'a> IntoVerdict<'a> for Verdict<'a> {
    fn into_verdict(self) -> Verdict<'a> {
        self
    }
}

/// Keep it?
impl<'a> IntoVerdict<'a> for bool {
    fn into_verdict(self) -> Verdict<'a> {
        if self { Verdict::Pass } else { Verdict::Drop }
    }
}

/// This instead.
impl<'a> IntoVerdict<'a> for Output<'a> {
    fn into_verdict(self) -> Verdict<'a> {
        Verdict::Emit(vec![self])
    }
}

/// These instead.
impl<'a> IntoVerdict<'a> for Vec<Output<'a>> {
    fn into_verdict(self) -> Verdict<'a> {
        Verdict::Emit(self)
    }
}

/// An error rejects the event, its text is the reason.
impl<'a, V: IntoVerdict<'a>, E: fmt::Display> IntoVerdict<'a> for Result<V, E> {
    fn into_verdict(self) -> Verdict<'a> {
        match self {
            Ok(verdict) => verdict.into_verdict(),
            Err(error) => Verdict::Reject(error.to_string().into()),
        }
    }
}
