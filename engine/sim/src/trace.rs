use event::Time;

/// What happened, as a running digest and, if somebody reads it, as words.
#[derive(Default)]
pub struct Trace {
    digest: u64,
    steps: u64,
    words: Option<Vec<String>>,
}

impl Trace {
    pub fn new(has_words: bool) -> Trace {
        Trace { digest: 0, steps: 0, words: has_words.then(Vec::new) }
    }

    /// `a` and `b` tell this step from others; the words are made only if they are wanted.
    pub fn note(&mut self, now: Time, a: u64, b: u64, words: impl FnOnce() -> String) {
        self.steps += 1;
        for part in [now.nanos(), a, b] {
            self.digest = (self.digest ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        }
        if let Some(lines) = &mut self.words {
            let ms = now.millis() - START_MS;
            lines.push(format!("{:>5}.{:03} {}", ms / 1000, ms % 1000, words()));
        }
    }

    pub fn digest(&self) -> u64 {
        self.digest
    }

    pub fn steps(&self) -> u64 {
        self.steps
    }

    pub fn words(&self) -> &[String] {
        self.words.as_deref().unwrap_or_default()
    }
}

/// When every run begins, in milliseconds since the Unix epoch.
pub const START_MS: u64 = 1_790_000_000_000;
