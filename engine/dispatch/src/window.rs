/// How many attempts an endpoint may have in flight: more by one each time a whole window went
/// well, half after a failure.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    size: u32,
    max: u32,
    /// Successes towards the next growth.
    good: u32,
}

impl Window {
    pub fn new(start: u32, max: u32) -> Window {
        let max = max.max(1);
        Window { size: start.clamp(1, max), max, good: 0 }
    }

    pub fn size(&self) -> u32 {
        self.size
    }

    pub fn has_place(&self, in_flight: u32) -> bool {
        in_flight < self.size
    }

    /// `in_flight` counts the attempt that succeeded: a window that is not used does not grow.
    pub fn attempt_succeeded(&mut self, in_flight: u32) {
        if in_flight < self.size {
            return;
        }
        self.good += 1;
        if self.good >= self.size {
            self.good = 0;
            self.size = (self.size + 1).min(self.max);
        }
    }

    pub fn attempt_failed(&mut self) {
        self.good = 0;
        self.size = (self.size / 2).max(1);
    }

    /// New limits for a window in use.
    pub fn limit(&mut self, max: u32) {
        self.max = max.max(1);
        self.size = self.size.min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_when_used_and_halves_on_failure() {
        let mut window = Window::new(2, 3);
        window.attempt_succeeded(1);
        window.attempt_succeeded(1);
        assert_eq!(window.size(), 2, "an unused window says nothing");
        (0..20).for_each(|_| window.attempt_succeeded(window.size()));
        assert_eq!(window.size(), 3);
        (0..9).for_each(|_| window.attempt_failed());
        assert_eq!(window.size(), 1);
        assert!(window.has_place(0) && !window.has_place(1));
    }
}
