use event::{TenantId, Time};
use std::collections::BTreeMap;
use std::time::Duration;

/// What customers have written into the registry lately, by application: how often sessions of the
/// portal may change endpoints.
///
/// Every version of an endpoint and of its script stays until retention has taken all events that
/// it may have judged: without a bound a session could fill the memory and the disk with them.
#[derive(Default)]
pub(crate) struct Writes(BTreeMap<TenantId, Window>);

struct Window {
    since: Time,
    bytes: usize,
}

const WINDOW: Duration = Duration::from_secs(3_600);
/// In one window: forty of the largest script, hundreds of usual ones, thousands without one.
const BYTES_MAX: usize = 4 << 20;
/// Of a change that brings nothing.
const CHANGE_BYTES: usize = 1 << 10;
/// Applications of which something is remembered.
const APPS_MAX: usize = 4_096;

impl Writes {
    /// Takes what a change brings and what it leaves as it is. `Err` says how long to wait before
    /// there is room for it, and takes nothing.
    pub fn take(&mut self, app: &TenantId, bytes: usize, now: Time) -> Result<(), Duration> {
        if self.0.len() >= APPS_MAX && !self.0.contains_key(app) {
            self.forget(now);
        }
        let window = self.0.entry(app.clone()).or_insert(Window { since: now, bytes: 0 });
        let passed = now.since(window.since);
        if passed >= WINDOW {
            *window = Window { since: now, bytes: 0 };
        }
        // One that is larger than all that there is finds room in a window of its own.
        let taken = window.bytes.saturating_add(bytes).saturating_add(CHANGE_BYTES);
        if window.bytes > 0 && taken > BYTES_MAX {
            return Err(WINDOW.saturating_sub(passed));
        }
        window.bytes = taken;
        Ok(())
    }

    /// Nothing came of a change for which this was taken.
    pub fn give_back(&mut self, app: &TenantId, bytes: usize) {
        if let Some(window) = self.0.get_mut(app) {
            window.bytes = window.bytes.saturating_sub(bytes.saturating_add(CHANGE_BYTES));
        }
    }

    /// What is over; and when nothing is, the oldest window.
    fn forget(&mut self, now: Time) {
        self.0.retain(|_, window| now.since(window.since) < WINDOW);
        if self.0.len() >= APPS_MAX {
            let oldest = self.0.iter().min_by_key(|(_, window)| window.since);
            let oldest = oldest.map(|(app, _)| app.clone());
            oldest.map(|app| self.0.remove(&app));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_secs(1000);
    const LARGE: usize = 100 << 10;

    fn app(n: usize) -> TenantId {
        TenantId::new(&format!("app{n}"))
    }

    /// How many changes of so many bytes find room.
    fn fill(writes: &mut Writes, bytes: usize, now: Time) -> usize {
        (0..10_000).take_while(|_| writes.take(&app(1), bytes, now).is_ok()).count()
    }

    #[test]
    fn an_application_waits_until_its_window_is_over() {
        let mut writes = Writes::default();
        assert_eq!(fill(&mut writes, LARGE, START), 40);
        let later = START + Duration::from_secs(600);
        let wait = writes.take(&app(1), LARGE, later);
        assert_eq!(wait, Err(Duration::from_secs(3_000)));
        assert_eq!(writes.take(&app(2), LARGE, later), Ok(()), "another has its own room");
        assert_eq!(fill(&mut writes, LARGE, START + WINDOW), 40);
    }

    #[test]
    fn small_changes_are_many_and_none_is_too_large_for_ever() {
        let mut writes = Writes::default();
        assert_eq!(fill(&mut writes, 0, START), BYTES_MAX / CHANGE_BYTES);
        assert_eq!(fill(&mut writes, 2 * BYTES_MAX, START + WINDOW), 1);
    }

    #[test]
    fn what_came_to_nothing_is_given_back() {
        let mut writes = Writes::default();
        for _ in 0..1_000 {
            assert_eq!(writes.take(&app(1), LARGE, START), Ok(()));
            writes.give_back(&app(1), LARGE);
        }
        writes.give_back(&app(2), LARGE);
        assert_eq!(fill(&mut writes, LARGE, START), 40);
    }

    #[test]
    fn the_table_is_bounded_and_the_oldest_goes_first() {
        let mut writes = Writes::default();
        for n in 0..=APPS_MAX {
            let now = START + Duration::from_millis(n as u64);
            assert_eq!(writes.take(&app(n), BYTES_MAX, now), Ok(()));
        }
        assert_eq!(writes.0.len(), APPS_MAX);
        let now = START + Duration::from_secs(60);
        assert!(writes.take(&app(APPS_MAX), LARGE, now).is_err());
        assert!(writes.take(&app(0), LARGE, now).is_ok(), "it was forgotten");
    }
}
