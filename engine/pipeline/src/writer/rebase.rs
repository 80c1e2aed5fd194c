use event::{Change, Due, EndpointId, RetryKey, RetryRow, Stage, Time};
use std::time::Duration;

/// A receiver may ask for a day, and jitter at most doubles that.
const ASKED_MAX: Duration = Duration::from_secs(48 * 3600);
/// A filter asks for so many milliseconds at most.
const POSTPONED_MAX: Duration = Duration::from_millis(u32::MAX as u64);

/// Clocks that are right differ by less, and nobody minds to wait for so long: it is not worth a
/// row written anew.
const DRIFT_MAX: Duration = Duration::from_secs(60);

/// Due times on disk are of the clock that their process started with. What a clock wrote that was
/// ahead of this one would wait for as long as it was wrong; so due times go back by as much as
/// it shows to have been, and none is farther off than what made it wait could ask for: `longest`
/// is that of an endpoint's own schedule.
///
/// Gives what must be written so that the disk agrees.
pub(super) fn rebase(
    retries: &mut [(RetryKey, RetryRow)],
    now: Time,
    longest: impl Fn(EndpointId) -> Duration,
) -> Vec<Change<RetryKey, RetryRow>> {
    // Nothing can have failed at a time that is still to come.
    let newest = retries.iter().map(|(_, row)| row.since).max().unwrap_or_default();
    let ahead = Some(newest.since(now)).filter(|ahead| *ahead > DRIFT_MAX).unwrap_or_default();
    let mut changes = Vec::new();
    for (key, row) in retries {
        let due = match key.due {
            Due::At(due) if due > now => {
                let most = match row.stage {
                    Stage::Input => POSTPONED_MAX,
                    Stage::Output => longest(key.delivery.lane.endpoint).max(ASKED_MAX),
                };
                Due::At(now + due.since(now).saturating_sub(ahead).min(most + DRIFT_MAX))
            }
            due => due,
        };
        let since = if ahead.is_zero() { row.since } else { row.since.min(now) };
        if (due, since) == (key.due, row.since) {
            continue;
        }
        if due != key.due {
            changes.push(Change::Remove(*key));
        }
        (key.due, row.since) = (due, since);
        changes.push(Change::Put(*key, *row));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{DeliveryId, LaneId, Offset};

    const HOUR: Duration = Duration::from_secs(3600);
    const YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

    fn retry(offset: u64, since: Time, due: Time) -> (RetryKey, RetryRow) {
        let lane = LaneId::main(EndpointId(7));
        let key = RetryKey {
            due: Due::At(due),
            delivery: DeliveryId { lane, offset: Offset(offset), k: 0 },
        };
        let row = RetryRow {
            attempts: 1,
            stage: Stage::Output,
            outputs: 1,
            since,
            ruled_by: Offset::ZERO,
            key_hash: None,
        };
        (key, row)
    }

    fn rebased(retries: &[(RetryKey, RetryRow)], now: Time) -> (Vec<Duration>, usize) {
        let mut retries = retries.to_vec();
        let changes = rebase(&mut retries, now, |_| HOUR * 20);
        let wait = |(key, row): &(RetryKey, RetryRow)| {
            assert!(row.since <= now + DRIFT_MAX);
            match key.due {
                Due::At(due) => due.since(now),
                Due::Parked => Duration::MAX,
            }
        };
        (retries.iter().map(wait).collect(), changes.len())
    }

    #[test]
    fn a_clock_that_went_on_changes_nothing() {
        let now = Time::from_secs(1_790_000_000);
        let retries = [retry(1, now - HOUR, now - HOUR / 2), retry(2, now - HOUR, now + HOUR * 20)];
        assert_eq!(rebased(&retries, now), (vec![Duration::ZERO, HOUR * 20], 0));
    }

    #[test]
    fn a_clock_that_went_back_takes_due_times_with_it() {
        let then = Time::from_secs(1_790_000_000);
        let retries = [retry(1, then, then + HOUR / 60), retry(2, then - HOUR, then + HOUR * 5)];
        let (waits, changes) = rebased(&retries, then - HOUR);
        assert_eq!((waits, changes), (vec![HOUR / 60, HOUR * 5], 4));
    }

    #[test]
    fn clocks_that_drift_apart_have_no_row_written_anew() {
        let then = Time::from_secs(1_790_000_000);
        let retries = [retry(1, then, then + HOUR), retry(2, then - HOUR, then + HOUR * 5)];
        assert_eq!(rebased(&retries, then - DRIFT_MAX).1, 0);
    }

    #[test]
    fn what_was_put_right_stays_so() {
        let then = Time::from_secs(1_790_000_000);
        let mut retries = [retry(1, then, then + HOUR), retry(2, then - HOUR, then + YEARS)];
        let now = then - HOUR * 3;
        assert_eq!(rebase(&mut retries, now, |_| HOUR).len(), 4);
        assert_eq!(rebase(&mut retries, now, |_| HOUR).len(), 0);
    }

    #[test]
    fn what_is_parked_stays_parked() {
        let then = Time::from_secs(1_790_000_000);
        let mut retries = [retry(1, then, then + HOUR), retry(2, then, then)];
        retries[1].0.due = Due::Parked;
        assert_eq!(rebased(&retries, then - HOUR), (vec![HOUR, Duration::MAX], 3));
    }

    /// One began to fail before the clock was wrong, so its row does not show that it was.
    #[test]
    fn what_a_clock_years_ahead_wrote_is_due_within_the_longest_wait() {
        let now = Time::from_secs(1_790_000_000);
        let old = [retry(1, now - HOUR, now + YEARS + HOUR)];
        assert_eq!(rebased(&old, now), (vec![ASKED_MAX + DRIFT_MAX], 2));
        let both = [old[0], retry(2, now + YEARS, now + YEARS + HOUR)];
        assert_eq!(rebased(&both, now).0, [HOUR, HOUR]);
    }
}
