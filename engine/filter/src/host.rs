use crate::limits::{LOG_BYTES_MAX, LOG_LINES_MAX, METRICS_MAX};
use crate::table::Tables;
use event::limits::{REASON_BYTES_MAX, SLICE_FUEL};
use event::mix;
use std::collections::BTreeMap;
use std::sync::Arc;
use wasmtime::{Memory, StoreLimits};

/// A line that a guest wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub filter: Arc<str>,
    /// Which event of the question it belongs to, where the guest said so.
    pub event: Option<usize>,
    /// 0 debug, 1 info, 2 warn, 3 error.
    pub level: u8,
    /// Control characters are escaped.
    pub text: String,
}

/// A measure that a guest took; `kind` 0 counts up by `value`, 1 sets to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    pub filter: Arc<str>,
    pub name: String,
    pub kind: u8,
    pub value: f64,
}

/// What host calls need to know of one event of the batch, and what it has used up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fact {
    pub time_ns: u64,
    pub seed: u64,
    draws: u64,
    log_bytes: usize,
    log_lines: u32,
}

impl Fact {
    pub(crate) fn new(time_ns: u64, seed: u64) -> Fact {
        Fact { time_ns, seed, ..Fact::default() }
    }
}

/// Where the host reads which event the guest is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// No event: the instance starts.
    Outside,
    /// The guest keeps it at this address of its memory.
    At(usize),
    /// The host knows.
    Fixed(usize),
}

/// A guest's side of the host: what one store carries.
pub(crate) struct Host {
    pub limits: StoreLimits,
    pub memory: Option<Memory>,
    pub config: Arc<BTreeMap<String, Vec<u8>>>,
    /// None outside a batch: what a guest looked up at its start would outlive the version.
    pub tables: Option<Tables>,
    pub progress: Progress,
    pub facts: Vec<Fact>,
    /// Stands in for an event when the guest is at none.
    outside: Fact,
    /// The last message given to `fail`.
    pub failure: Option<String>,
    pub lines: Vec<(Option<usize>, u8, String)>,
    pub metrics: Vec<(String, u8, f64)>,
    pub naps: u32,
    /// The fuel that was left when other guests last had their turn.
    pub slice_from: u64,
}

impl Host {
    pub(crate) fn new(
        limits: StoreLimits,
        config: Arc<BTreeMap<String, Vec<u8>>>,
        seed: u64,
    ) -> Host {
        Host {
            limits,
            memory: None,
            config,
            tables: None,
            progress: Progress::Outside,
            facts: Vec::new(),
            outside: Fact::new(0, seed),
            failure: None,
            lines: Vec::new(),
            metrics: Vec::new(),
            naps: 0,
            slice_from: u64::MAX,
        }
    }

    /// Forgets the last call and learns of the next one's events.
    pub(crate) fn open(&mut self, progress: Progress, facts: Vec<Fact>, fuel: u64) {
        let seed = self.outside.seed;
        self.outside = Fact::new(0, seed);
        self.progress = progress;
        self.facts = facts;
        self.failure = None;
        self.lines.clear();
        self.metrics.clear();
        self.naps = 0;
        self.slice_from = fuel;
    }

    /// True when the guest has run for a slice since other guests last had their turn.
    pub(crate) fn is_slice_over(&mut self, fuel_left: u64) -> bool {
        let is_over = self.slice_from.saturating_sub(fuel_left) >= SLICE_FUEL;
        if is_over {
            self.slice_from = fuel_left;
        }
        is_over
    }

    /// The event that the guest is at, by its own word. The word is not to be trusted.
    pub(crate) fn at(&self, memory: &[u8]) -> Option<usize> {
        let index = match self.progress {
            Progress::Outside => return None,
            Progress::Fixed(index) => index,
            Progress::At(address) => {
                let word = memory.get(address..address + 4)?;
                u32::from_le_bytes(word.try_into().expect("four bytes")) as usize
            }
        };
        (index < self.facts.len()).then_some(index)
    }

    fn fact(&mut self, at: Option<usize>) -> &mut Fact {
        match at {
            Some(index) => &mut self.facts[index],
            None => &mut self.outside,
        }
    }

    pub(crate) fn time_ns(&self, at: Option<usize>) -> u64 {
        at.map_or(self.outside.time_ns, |index| self.facts[index].time_ns)
    }

    /// The next number of the event's own sequence, so that cutting batches differently changes
    /// nothing.
    pub(crate) fn draw(&mut self, at: Option<usize>) -> u64 {
        let fact = self.fact(at);
        fact.draws += 1;
        mix(fact.seed.wrapping_add(fact.draws.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// Keeps as much of a line as the event's caps allow; false when nothing was kept.
    pub(crate) fn log(&mut self, at: Option<usize>, level: u8, text: &[u8]) -> bool {
        let fact = self.fact(at);
        let room = LOG_BYTES_MAX.saturating_sub(fact.log_bytes);
        if fact.log_lines >= LOG_LINES_MAX || room == 0 {
            return false;
        }
        let text = escape(&text[..text.len().min(room)], room);
        fact.log_lines += 1;
        fact.log_bytes += text.len();
        self.lines.push((at, level.min(3), text));
        true
    }

    pub(crate) fn measure(&mut self, name: String, kind: u8, value: f64) -> bool {
        let has_room = self.metrics.len() < METRICS_MAX;
        if has_room {
            self.metrics.push((name, kind, value));
        }
        has_room
    }
}

/// Text from a guest, fit for a log: UTF-8 whatever came, control characters escaped, at most
/// `bytes_max` bytes.
pub(crate) fn escape(text: &[u8], bytes_max: usize) -> String {
    let mut safe = String::new();
    for c in String::from_utf8_lossy(text).chars() {
        let before = safe.len();
        if c.is_control() || reorders(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
        if safe.len() > bytes_max {
            safe.truncate(before);
            break;
        }
    }
    safe
}

/// Separators and marks that turn text around: a line could pose as another.
fn reorders(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A reason that is kept with a row.
pub(crate) fn reason(text: &[u8]) -> String {
    escape(&text[..text.len().min(REASON_BYTES_MAX)], REASON_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_never_reach_a_log() {
        assert_eq!(escape(b"a\nb\x1b[31m\xff", 100), "a\\nb\\u{1b}[31m\u{fffd}");
        assert_eq!(escape("x\u{202e}y".as_bytes(), 100), "x\\u{202e}y");
        assert_eq!(escape(b"ab\n", 3), "ab");
    }

    #[test]
    fn an_event_has_its_own_sequence_of_numbers() {
        let mut host = Host::new(StoreLimits::default(), Arc::default(), 7);
        host.open(Progress::Fixed(0), vec![Fact::new(1, 11), Fact::new(2, 12)], 0);
        let (a, b) = (host.draw(Some(0)), host.draw(Some(1)));
        assert_eq!(host.time_ns(Some(1)), 2);
        host.open(Progress::Fixed(0), vec![Fact::new(2, 12)], 0);
        assert_eq!(host.draw(Some(0)), b);
        assert_ne!(a, b);
    }
}
