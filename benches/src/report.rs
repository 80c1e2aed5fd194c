use crate::measure::{Case, Figure};
use cli::bench::{Still, load_average, thousands};
use serde_json::{Value, json};
use std::fmt;
use std::path::Path;

/// All that was measured, and where.
pub struct Report {
    machine: Still,
    pub found: Vec<Found>,
}

/// What one part gave.
pub struct Found {
    pub part: &'static str,
    pub about: &'static str,
    pub cases: Vec<Case>,
}

impl Report {
    /// Looks at the machine; syncs are timed in `folder`.
    pub fn begin(folder: &Path) -> anyhow::Result<Report> {
        Ok(Report { machine: Still::look(folder)?, found: Vec::new() })
    }

    pub fn footer() -> String {
        format!("load average {:.1} at the end", load_average())
    }

    pub fn json(&self) -> Value {
        let [sync_p50, sync_p99] = self.machine.sync.map(|span| span.as_secs_f64() * 1e3);
        json!({
            "machine": {
                "cpu": self.machine.cpu,
                "cores": self.machine.cores,
                "kernel": self.machine.kernel,
                "load_before": self.machine.load,
                "load_after": load_average(),
                "sync_p50_ms": sync_p50,
                "sync_p99_ms": sync_p99,
            },
            "parts": self.found.iter().map(Found::json).collect::<Vec<_>>(),
        })
    }
}

impl Found {
    /// Cases side by side: one row for each contender of the first, and nothing where a case is
    /// without it.
    fn tables(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.cases.chunk_by(|a, b| a.table() == b.table());
        for cases in tables {
            write!(f, "\n  {:<36}", cases[0].table())?;
            for place in cases.iter().filter_map(|case| case.place.as_ref()) {
                write!(f, " {:>12}", place.column)?;
            }
            writeln!(f)?;
            for named in &cases[0].figures {
                let figure = |case: &Case| {
                    let found = case.figures.iter().find(|figure| figure.name == named.name);
                    found.map_or(String::new(), |figure| whole(figure.cpu_us * 1e3))
                };
                let row: String =
                    cases.iter().map(|case| format!(" {:>12}", figure(case))).collect();
                writeln!(f, "{}", format!("    {:<34}{row}", named.name).trim_end())?;
            }
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let figure = |figure: &Figure| {
            json!({
                "name": figure.name,
                "per_s": figure.per_s,
                "cpu_us": figure.cpu_us,
                "p50_us": figure.p50.map(|p50| p50.as_secs_f64() * 1e6),
                "p99_us": figure.p99.map(|p99| p99.as_secs_f64() * 1e6),
            })
        };
        let case = |case: &Case| {
            let figures: Vec<_> = case.figures.iter().map(figure).collect();
            json!({ "case": case.name, "note": case.note, "figures": figures })
        };
        let cases: Vec<_> = self.cases.iter().map(case).collect();
        json!({ "part": self.part, "about": self.about, "cases": cases })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Still { cpu, cores, kernel, load, sync } = &self.machine;
        let [sync_p50, sync_p99] = sync.map(|span| span.as_secs_f64() * 1e3);
        writeln!(f, "{cpu}, {cores} cores, Linux {kernel}; load average {load:.1};")?;
        writeln!(f, "an idle fdatasync takes {sync_p50:.3} ms (p50), {sync_p99:.3} ms (p99)")?;
        writeln!(f, "ratios are ours to what stands below it: more rate and less CPU are better")
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}: {}", self.part, self.about)?;
        if self.cases.iter().all(|case| case.place.is_some()) {
            writeln!(f, "; nanoseconds of processor time an event, by body and batch")?;
            return self.tables(f);
        }
        writeln!(f)?;
        writeln!(
            f,
            "  {:<47} {:>11} {:>9} {:>9} {:>9}   {:<6} {:<6}",
            "", "a second", "CPU-us", "p50 ms", "p99 ms", "rate", "CPU"
        )?;
        for case in &self.cases {
            writeln!(f, "  {}{}", case.name, case.note)?;
            let ours = &case.figures[0];
            for (n, figure) in case.figures.iter().enumerate() {
                line(f, figure, (n > 0).then_some(ours))?;
            }
        }
        Ok(())
    }
}

impl Case {
    fn table(&self) -> &'static str {
        self.place.as_ref().map_or("", |place| place.table)
    }
}

fn line(f: &mut fmt::Formatter<'_>, figure: &Figure, ours: Option<&Figure>) -> fmt::Result {
    let [p50, p99] = [figure.p50, figure.p99].map(|found| {
        found.map_or(String::new(), |found| format!("{:.3}", found.as_secs_f64() * 1e3))
    });
    let ratios = ours.map_or(String::new(), |ours| {
        let (rate, cpu) = (ours.per_s / figure.per_s, ours.cpu_us / figure.cpu_us);
        format!("   ×{rate:<5.2} ×{cpu:<5.2}")
    });
    let text = format!(
        "    {:<45} {:>11} {:>9.3} {p50:>9} {p99:>9}{ratios}",
        figure.name,
        whole(figure.per_s),
        figure.cpu_us
    );
    writeln!(f, "{}", text.trim_end())
}

fn whole(number: f64) -> String {
    thousands(&format!("{number:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_can_be_read() {
        let read = [0.4, 12.0, 1234.0, 1_234_567.0].map(whole);
        assert_eq!(read, ["0", "12", "1,234", "1,234,567"]);
    }
}
