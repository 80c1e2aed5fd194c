use event::limits::{SLICE_FUEL, SLICE_TIME};
use pipeline::Answer;
use runtime::{Clock, processor_time};
use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// How many turns of a run are still to be measured, because one took much longer than a slice. The
/// time that a thread had of the processor costs a call of the system to ask for, so those of other
/// runs are not.
#[derive(Default)]
pub struct Suspicion(Cell<u32>);

/// A turn that takes longer than this by the clock may have been interrupted, or be a heavy one.
const HEAVY: Duration = Duration::from_millis(1);
const MEASURED: u32 = 64;

/// A question that is charged for the time that it takes where that is more than its fuel says:
/// one instruction may fill all memory that a guest has. It is pending for as many turns as it took
/// the time of, and its answer names no less fuel than that.
pub async fn by_time(
    clock: &dyn Clock,
    suspicion: &Suspicion,
    judging: impl Future<Output = Answer>,
) -> Answer {
    let mut judging = pin!(judging);
    let (mut owed, mut paid) = (0, 0);
    poll_fn(|context| {
        if owed > 0 {
            owed -= 1;
            return Poll::Pending;
        }
        let began = clock.now();
        let left = suspicion.0.get();
        let before = (left > 0).then(processor_time);
        let step = judging.as_mut().poll(context);
        let is_heavy = clock.now().since(began) >= HEAVY;
        suspicion.0.set(if is_heavy { MEASURED } else { left.saturating_sub(1) });
        let slices = match before {
            Some(before) if is_heavy => slices(processor_time().saturating_sub(before)),
            _ => 0,
        };
        paid += slices;
        owed = slices.saturating_sub(1);
        step.map(|answer| Answer { fuel: answer.fuel.max(paid * SLICE_FUEL), ..answer })
    })
    .await
}

fn slices(time: Duration) -> u64 {
    u64::try_from(time.as_nanos() / SLICE_TIME.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline::Pairs;
    use runtime::OsClock;
    use std::task::{Context, Waker};

    const BUSY: Duration = Duration::from_millis(8);

    /// Judges in this many turns, each of which burns a slice and this much time.
    async fn judging(turns: u64, time: Duration) -> Answer {
        let mut left = turns;
        poll_fn(|_| {
            let before = processor_time();
            while processor_time().saturating_sub(before) < time {
                std::hint::spin_loop();
            }
            left -= 1;
            if left == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let fuel = turns * SLICE_FUEL;
        Answer { id: 1, shard: 0, verdicts: Vec::new(), unmet: Pairs::default(), fuel }
    }

    /// How often it is pending, and the fuel that it names.
    fn watched(suspicion: &Suspicion, turns: u64, time: Duration) -> (u64, u64) {
        let clock = OsClock::new();
        let mut judged = pin!(by_time(&clock, suspicion, judging(turns, time)));
        let mut pending = 0;
        loop {
            match judged.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(answer) => return (pending, answer.fuel),
                Poll::Pending => pending += 1,
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn turns_that_take_long_are_charged_from_the_second_on() {
        let suspicion = Suspicion::default();
        let (pending, fuel) = watched(&suspicion, 3, BUSY);
        // The first is a suspicion, the second is owed for, the third is in the answer.
        let slices = slices(BUSY);
        assert!(pending > slices, "pending {pending} times for {slices} slices");
        assert!(fuel >= 2 * slices * SLICE_FUEL, "{fuel} for {slices} slices twice");
        let (_, fuel) = watched(&suspicion, 1, BUSY);
        assert!(fuel >= slices * SLICE_FUEL, "{fuel}: its run is known");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_light_turn_does_not_clear_a_run() {
        let suspicion = Suspicion::default();
        watched(&suspicion, 1, BUSY);
        watched(&suspicion, 1, Duration::ZERO);
        let (_, fuel) = watched(&suspicion, 1, BUSY);
        assert!(fuel >= slices(BUSY) * SLICE_FUEL, "{fuel}: it is still measured");
    }

    #[test]
    fn turns_that_take_what_their_fuel_says_are_charged_for_it() {
        let (pending, fuel) = watched(&Suspicion::default(), 3, Duration::ZERO);
        assert_eq!((pending, fuel), (2, 3 * SLICE_FUEL));
    }
}
