use crate::source::Sources;
use std::fmt;
use std::sync::Arc;
use wasmtime::{FrameInfo, Trap, WasmBacktrace};

/// How a filter failed, coarse enough for a metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    OutOfFuel,
    /// Any other trap.
    Trap,
    /// It broke a rule of the contract.
    Broken,
    /// It said itself that it failed.
    Failed,
    /// Its instance did not start.
    Start,
    /// It had no room for one single event.
    TooLarge,
    /// The host could not run it, and the filter is not to blame.
    Host,
}

impl FaultKind {
    /// The label's value.
    pub fn label(self) -> &'static str {
        match self {
            FaultKind::OutOfFuel => "out_of_fuel",
            FaultKind::Trap => "trap",
            FaultKind::Broken => "broken",
            FaultKind::Failed => "failed",
            FaultKind::Start => "start",
            FaultKind::TooLarge => "too_large",
            FaultKind::Host => "host",
        }
    }
}

/// A failure that an event met, for counting and for breakers: it is also in the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultNote {
    pub filter: Arc<str>,
    /// Which event of the question.
    pub event: usize,
    pub kind: FaultKind,
    pub text: String,
}

/// Why one call of a guest gave no verdicts.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub kind: FaultKind,
    /// Whose event it was, as an index into the call's batch: by the guest's word or by ours.
    pub at: Option<usize>,
    pub text: String,
    /// The same events in smaller batches may well succeed.
    pub is_size: bool,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, at: Option<usize>, text: String) -> Fault {
        Fault { kind, at, text, is_size: false }
    }

    /// What wasmtime reported, with the guest's frames.
    pub(crate) fn from_wasmtime(
        error: &wasmtime::Error,
        said: Option<&str>,
        sources: Option<&Sources>,
    ) -> Fault {
        let (kind, mut text) = if let Some(trap) = error.downcast_ref::<Trap>() {
            match trap {
                Trap::OutOfFuel => (FaultKind::OutOfFuel, "out of fuel".to_string()),
                other => (FaultKind::Trap, other.to_string()),
            }
        } else if let Some(halt) = error.downcast_ref::<Halt>() {
            (FaultKind::Trap, halt.0.clone())
        } else {
            (FaultKind::Host, format!("{error:#}"))
        };
        if let Some(said) = said.filter(|said| !text.contains(said)) {
            text = format!("{said} ({text})");
        }
        if let Some(frames) =
            error.downcast_ref::<WasmBacktrace>().and_then(|trace| frames(trace, sources))
        {
            text = format!("{text}; at {frames}");
        }
        Fault::new(kind, None, text)
    }
}

/// Innermost first; a reason is bounded, so the inner ones are those that survive.
fn frames(trace: &WasmBacktrace, sources: Option<&Sources>) -> Option<String> {
    let frame = |frame: &FrameInfo| {
        let name: String = match frame.func_name() {
            Some(name) => name.chars().filter(|c| !c.is_control()).take(120).collect(),
            None => format!("function {}", frame.func_index()),
        };
        match sources.zip(frame.module_offset()).and_then(|(sources, at)| sources.place(at)) {
            Some(place) => format!("{name} ({place})"),
            None => name,
        }
    };
    let frames: Vec<String> = trace.frames().iter().take(8).map(frame).collect();
    (!frames.is_empty()).then(|| frames.join(" < "))
}

/// An import ends the call.
#[derive(Debug)]
pub(crate) struct Halt(pub String);

impl Halt {
    pub(crate) fn new(text: &str) -> Halt {
        Halt(text.to_string())
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Halt {}
