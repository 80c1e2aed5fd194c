use crate::demo::audit::Owed;
use crate::demo::endpoints::ENDPOINTS;
use crate::demo::tally::Tally;
use crate::number::grouped;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How far it has come, on standard error: bars on a terminal, else a line now and then.
pub struct Progress {
    started: Instant,
    shape: Shape,
}

enum Shape {
    Bars { all: MultiProgress, sent: ProgressBar, endpoints: Vec<ProgressBar> },
    Lines { said_at: Option<Instant> },
}

const LINE_EVERY: Duration = Duration::from_secs(2);

impl Progress {
    pub fn start(owed: &Owed) -> Progress {
        let shape = match std::io::stderr().is_terminal() {
            true => bars(owed),
            false => Shape::Lines { said_at: None },
        };
        Progress { started: Instant::now(), shape }
    }

    pub fn show(&mut self, tally: &Tally, owed: &Owed, dead: &[usize]) {
        let accepted = tally.events.len();
        let seconds = self.started.elapsed().as_secs_f64();
        match &mut self.shape {
            Shape::Bars { sent, endpoints, .. } => {
                sent.set_position(accepted as u64);
                if !tally.is_all_sent {
                    sent.set_message(format!("{}/s", grouped((accepted as f64 / seconds) as u64)));
                }
                for (n, bar) in endpoints.iter().enumerate() {
                    let endpoint = &tally.endpoints[n];
                    bar.set_position((endpoint.kept.len() + dead[n]) as u64);
                    bar.set_message(remark(endpoint.failed, dead[n]));
                }
            }
            Shape::Lines { said_at } => {
                if said_at.is_some_and(|at| at.elapsed() < LINE_EVERY) {
                    return;
                }
                *said_at = Some(Instant::now());
                let failed: usize = tally.endpoints.iter().map(|endpoint| endpoint.failed).sum();
                eprintln!(
                    "{seconds:5.1} s  accepted {} of {}, delivered {} of {}, failed attempts \
                     {failed}, dead letters {}",
                    grouped(accepted as u64),
                    grouped(owed.events as u64),
                    grouped(tally.arrived as u64),
                    grouped(owed.arrivals.iter().sum::<usize>() as u64),
                    dead.iter().sum::<usize>(),
                );
            }
        }
    }

    /// Takes the bars away, for the summary says it all; lines stay.
    pub fn end(self) {
        if let Shape::Bars { all, .. } = self.shape {
            drop(all.clear());
        }
    }
}

fn bars(owed: &Owed) -> Shape {
    let all = MultiProgress::new();
    let bar = |name: &str, length: usize, colour: &str| {
        let template = format!("  {{prefix:13}} {{bar:36.{colour}}} {{pos:>6}}/{{len:6}} {{msg}}");
        let style = ProgressStyle::with_template(&template).expect("a template that is tested");
        let bar = ProgressBar::new(length as u64).with_style(style.progress_chars("━━╌"));
        all.add(bar.with_prefix(name.to_owned()))
    };
    let sent = bar("accepted", owed.events, "cyan");
    let endpoint = |n: usize| {
        let colour = if owed.arrivals[n] == 0 { "red" } else { "green" };
        bar(ENDPOINTS[n].name, owed.arrivals[n] + owed.dead[n], colour)
    };
    let endpoints = (0..ENDPOINTS.len()).map(endpoint).collect();
    Shape::Bars { all, sent, endpoints }
}

fn remark(failed: usize, dead: usize) -> String {
    match (failed, dead) {
        (0, 0) => String::new(),
        (failed, 0) => format!("{failed} × 503"),
        (0, dead) => format!("{dead} dead"),
        (failed, dead) => format!("{failed} × 503, {dead} dead"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_have_a_template_that_is_valid() {
        let owed = Owed::new(&[], std::iter::empty());
        assert!(matches!(bars(&owed), Shape::Bars { .. }));
    }
}
