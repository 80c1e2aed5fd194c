/// What the machine says of this process, for the `process_*` families. What is not known is left
/// out of the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessUse {
    pub cpu_seconds: Option<f64>,
    pub resident_bytes: Option<u64>,
    pub virtual_bytes: Option<u64>,
    pub threads: Option<u64>,
    pub open_files: Option<u64>,
    pub open_files_max: Option<u64>,
    /// Seconds since the Unix epoch.
    pub started: Option<f64>,
}

/// Files of Linux's /proc, as they were read by whoever may read files.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessTexts<'a> {
    /// `/proc/self/stat`
    pub stat: &'a str,
    /// `/proc/self/status`
    pub status: &'a str,
    /// `/proc/self/limits`
    pub limits: &'a str,
    /// `/proc/stat`
    pub machine: &'a str,
    /// How many entries `/proc/self/fd` has.
    pub open_files: Option<u64>,
}

/// Linux shows times in this unit on every architecture that we are built for.
const TICKS_PER_SECOND: f64 = 100.0;

impl ProcessUse {
    /// Reads what the texts tell and leaves out what they do not.
    pub fn of(texts: &ProcessTexts<'_>) -> ProcessUse {
        // The second field is a name in brackets, in which everything may stand.
        let fields: Vec<&str> =
            texts.stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        // The manual numbers the fields from 1; the first that is left has number 3.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let seconds = |ticks: u64| ticks as f64 / TICKS_PER_SECOND;
        let boot = after(texts.machine, "btime ").and_then(first_number);
        let kilobytes = |name| Some(first_number(after(texts.status, name)?)? * 1024);
        ProcessUse {
            cpu_seconds: field(14).zip(field(15)).map(|(user, system)| seconds(user + system)),
            resident_bytes: kilobytes("VmRSS:"),
            virtual_bytes: field(23),
            threads: field(20),
            open_files: texts.open_files,
            open_files_max: after(texts.limits, "Max open files").and_then(first_number),
            started: boot.zip(field(22)).map(|(boot, start)| boot as f64 + seconds(start)),
        }
    }
}

/// What follows `name` on the line that begins with it.
fn after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_hostile_name_is_read() {
        let stat = "42 (a) R 1 2) S 1 42 42 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 7 0 1000 \
                    8192000 300 18446744073709551615 1 1";
        let texts = ProcessTexts {
            stat,
            status: "Name:\ta) R 1 2\nVmRSS:\t    1200 kB\nThreads:\t7\n",
            limits: "Limit  Soft Limit  Hard Limit  Units\nMax open files  1024  4096  files\n",
            machine: "cpu  1 2 3\nbtime 1700000000\n",
            open_files: Some(12),
        };
        let expected = ProcessUse {
            cpu_seconds: Some(2.0),
            resident_bytes: Some(1200 * 1024),
            virtual_bytes: Some(8_192_000),
            threads: Some(7),
            open_files: Some(12),
            open_files_max: Some(1024),
            started: Some(1_700_000_010.0),
        };
        assert_eq!(ProcessUse::of(&texts), expected);
    }

    #[test]
    fn what_is_not_told_is_left_out() {
        assert_eq!(ProcessUse::of(&ProcessTexts::default()), ProcessUse::default());
        let unlimited = ProcessTexts { limits: "Max open files unlimited", ..Default::default() };
        assert_eq!(ProcessUse::of(&unlimited), ProcessUse::default());
    }
}
