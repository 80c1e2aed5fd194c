use cli::bench::Sample;
use std::time::{Duration, Instant};

/// Turns that each contender has; the median counts.
const TURNS: u32 = 5;
/// Who does nothing in a turn of so long does nothing.
const SPAN_MAX: Duration = Duration::from_secs(10);
/// Between two looks at the clock a loop works for so long, so that looking costs nothing.
const LOOK_EACH: Duration = Duration::from_micros(200);

/// What was done in one turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turn {
    pub ops: u64,
    pub wall: Duration,
    /// Processor time.
    pub cpu: Duration,
    /// Of one operation, or of the group that it came in, where that was measured.
    pub p50: Option<Duration>,
}

/// One way to do a thing.
pub struct Contender<'a> {
    name: String,
    run: Box<dyn FnMut(Duration) -> anyhow::Result<Turn> + 'a>,
}

/// The medians of a contender's turns.
#[derive(Clone, Debug)]
pub struct Figure {
    pub name: String,
    pub per_s: f64,
    /// Microseconds of processor time an operation.
    pub cpu_us: f64,
    pub p50: Option<Duration>,
    pub p99: Option<Duration>,
}

/// One question and what was measured for it: ours first, what stands beside it after that.
pub struct Case {
    pub name: String,
    pub figures: Vec<Figure>,
    /// What else is to be known, such as the size of groups.
    pub note: String,
    /// Where it stands among cases that are shown as a table.
    pub place: Option<Place>,
}

/// Cases of one table are columns, their contenders rows.
pub struct Place {
    pub table: &'static str,
    pub column: String,
}

impl<'a> Contender<'a> {
    /// `run` works for about the time that it is given.
    pub fn new(
        name: impl Into<String>,
        run: impl FnMut(Duration) -> anyhow::Result<Turn> + 'a,
    ) -> Contender<'a> {
        Contender { name: name.into(), run: Box::new(run) }
    }

    /// Calls `work` on this thread again and again; each call does `ops` operations.
    pub fn repeated(
        name: impl Into<String>,
        ops: u64,
        mut work: impl FnMut() + 'a,
    ) -> Contender<'a> {
        work();
        let mut calls = 1;
        Contender::new(name, move |span| {
            let meter = Meter::start();
            let mut done = 0;
            loop {
                let before = meter.start.elapsed();
                (0..calls).for_each(|_| work());
                done += calls * ops;
                let after = meter.start.elapsed();
                if after >= span {
                    return Ok(meter.stop(done));
                }
                if after - before < LOOK_EACH {
                    calls *= 2;
                }
            }
        })
    }
}

/// Lets the contenders take turns, so that a busy moment falls on all of them.
pub fn compare(
    name: impl Into<String>,
    span: Duration,
    mut contenders: Vec<Contender<'_>>,
) -> anyhow::Result<Case> {
    let mut turns: Vec<Vec<Turn>> = vec![Vec::new(); contenders.len()];
    for _ in 0..TURNS {
        for (contender, turns) in contenders.iter_mut().zip(&mut turns) {
            turns.push(a_turn(contender, span / TURNS)?);
        }
    }
    let figures = contenders.into_iter().zip(turns);
    let figures = figures.map(|(contender, turns)| Figure {
        name: contender.name,
        per_s: median(turns.iter().map(|turn| turn.ops as f64 / turn.wall.as_secs_f64())),
        cpu_us: median(turns.iter().map(|turn| turn.cpu.as_secs_f64() * 1e6 / turn.ops as f64)),
        p50: turns.iter().map(|turn| turn.p50).min().flatten(),
        p99: None,
    });
    Ok(Case { name: name.into(), figures: figures.collect(), note: String::new(), place: None })
}

/// A turn that did something: on a busy machine a server may not get to its first answer in a
/// short span, so what did nothing is asked again for longer, up to [`SPAN_MAX`].
fn a_turn(contender: &mut Contender<'_>, mut span: Duration) -> anyhow::Result<Turn> {
    loop {
        let turn = (contender.run)(span)?;
        if turn.ops > 0 {
            return Ok(turn);
        }
        anyhow::ensure!(span < SPAN_MAX, "`{}` did nothing in {span:?}", contender.name);
        span *= 4;
    }
}

pub fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Wall time and the processor time of the whole process.
pub struct Meter {
    start: Instant,
    cpu: Duration,
}

impl Meter {
    pub fn start() -> Meter {
        Meter { cpu: process_cpu(), start: Instant::now() }
    }

    pub fn stop(&self, ops: u64) -> Turn {
        let wall = self.start.elapsed();
        Turn { ops, wall, cpu: process_cpu().saturating_sub(self.cpu), p50: None }
    }
}

/// Of all threads that live; those that run at the moment may be one tick behind. Asking costs
/// tens of microseconds.
fn process_cpu() -> Duration {
    let sample = Sample::take().unwrap_or_default();
    sample.cpu.values().sum()
}
