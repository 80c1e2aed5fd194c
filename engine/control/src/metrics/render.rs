use super::histogram::Histogram;
use super::{CodeClass, GAPS, Metrics, NONE, OTHER, ProcessUse, Readings, SourceCounts, VERDICTS};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What this build is, and how durable it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    pub version: String,
    /// Of the source, or empty.
    pub revision: String,
    /// `fsync` or `os`.
    pub durability: String,
}

/// The type of what `Metrics::render` gives.
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Metrics {
    /// Everything as OpenMetrics text. Without readings their families are left out: a state that
    /// is not known is not zero.
    pub fn render(
        self: &Arc<Metrics>,
        readings: Option<Readings>,
        process: ProcessUse,
        build: &Build,
    ) -> String {
        let mut text = String::with_capacity(32 << 10);
        let mut ours = Registry::with_prefix("forebay");
        let counted = Counted { metrics: self.clone(), readings, build: build.clone() };
        ours.register_collector(Box::new(counted));
        // The names that every exporter uses for a process, so that dashboards find them.
        let mut of_process = Registry::with_prefix("process");
        of_process.register_collector(Box::new(process));
        let encoded = text::encode_registry(&mut text, &ours)
            .and_then(|()| text::encode_registry(&mut text, &of_process))
            .and_then(|()| text::encode_eof(&mut text));
        encoded.expect("writing to a string does not fail");
        text
    }
}

struct Counted {
    metrics: Arc<Metrics>,
    readings: Option<Readings>,
    build: Build,
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}

impl Collector for Counted {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.sources(&mut page)?;
        self.road(&mut page)?;
        self.guests(&mut page)?;
        self.states(&mut page)?;
        let Build { version, revision, durability } = &self.build;
        let build = [("version", version), ("revision", revision), ("durability", durability)];
        page.0
            .encode_descriptor("build", "What runs, and how durably.", None, MetricType::Info)?
            .encode_info(&build)
    }
}

impl Counted {
    fn sources(&self, page: &mut Page<'_>) -> fmt::Result {
        let kept = self.metrics.sources.kept();
        let sources: Vec<_> = with_others(&kept, self.metrics.sources.others()).collect();
        let (mut answered, mut refused) = (Vec::new(), Vec::new());
        for (source, counts) in &sources {
            let labels = |name, value| vec![("source", source.clone()), (name, value)];
            let codes = counts.answered.kept();
            for (code, count) in with_others(&codes, counts.answered.others()) {
                answered.push((labels("code", code), read(count)));
            }
            let reasons = counts.refused.kept();
            for (reason, count) in with_others(&reasons, counts.refused.others()) {
                refused.push((labels("reason", reason), read(count)));
            }
        }
        let help = "Requests to sources, by the answer's status.";
        page.counters("ingest_requests", help, answered)?;
        let help = "From a request's head to its answer.";
        page.histogram("ingest_seconds", help, &self.metrics.ingest)?;
        let help = "Requests of which nothing was accepted.";
        page.counters("ingest_refused", help, refused)?;
        let of_sources = |pick: fn(&SourceCounts) -> &AtomicU64| {
            let known = sources.iter().filter(|(source, _)| source != NONE);
            known
                .map(move |(source, counts)| (vec![("source", source.clone())], read(pick(counts))))
        };
        let help = "Events that were known already and were not stored again.";
        page.counters("ingest_duplicates", help, of_sources(|counts| &counts.duplicates))?;
        let help = "Events stored although their provider's id was known with another body.";
        page.counters("ingest_conflicts", help, of_sources(|counts| &counts.conflicts))
    }

    fn road(&self, page: &mut Page<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        page.histogram("commit_events", "Events that one commit holds.", &metrics.commits)?;
        page.histogram("fsync_seconds", "Synced commits to the log.", &metrics.fsyncs)?;
        let classes = CodeClass::ALL.iter().map(|class| {
            let labels = vec![("code_class", class.label().to_owned())];
            (labels, read(&metrics.deliveries[*class as usize]))
        });
        page.counters("deliveries", "Attempts at deliveries, by how they ended.", classes)?;
        page.histogram("delivery_seconds", "One attempt, all told.", &metrics.delivery)?;
        let help = "From an event's arrival to its delivery.";
        page.histogram("end_to_end_seconds", help, &metrics.end_to_end)?;
        let help = "Events that an endpoint does not get: a gap is on record.";
        let gaps = GAPS.iter().zip(&metrics.gaps);
        let gaps = gaps.map(|(why, count)| (vec![("reason", (*why).to_owned())], read(count)));
        page.counters("gap_events", help, gaps)
    }

    fn guests(&self, page: &mut Page<'_>) -> fmt::Result {
        let help = "One batch through a chain's filters.";
        page.histogram("filter_seconds", help, &self.metrics.filter)?;
        let kept = self.metrics.filters.kept();
        let mut judged = Vec::new();
        for (filter, counts) in with_others(&kept, self.metrics.filters.others()) {
            for (verdict, count) in VERDICTS.iter().zip(counts) {
                let labels = vec![("filter", filter.clone()), ("verdict", (*verdict).to_owned())];
                judged.push((labels, read(count)));
            }
        }
        page.counters("filter_events", "Events judged, by filter and verdict.", judged)?;
        let kept = self.metrics.traps.kept();
        let traps = with_others(&kept, self.metrics.traps.others());
        let traps = traps.map(|(reason, count)| (vec![("reason", reason)], read(count)));
        page.counters("filter_traps", "Events at which a filter failed.", traps)?;
        let kept = self.metrics.circuits.kept();
        let opened = with_others(&kept, self.metrics.circuits.others());
        let opened = opened.map(|(filter, count)| (vec![("filter", filter)], read(count)));
        let help = "How often a filter failed so often that it was not asked for a while.";
        page.counters("filter_circuits_opened", help, opened)?;
        let kept = self.metrics.canaries.kept();
        let ended = with_others(&kept, self.metrics.canaries.others());
        let ended = ended.map(|(filter, count)| (vec![("filter", filter)], read(count)));
        let help = "How often a canary of a filter was ended because it failed too often.";
        page.counters("filter_canaries_ended", help, ended)
    }

    fn states(&self, page: &mut Page<'_>) -> fmt::Result {
        let Some(now) = &self.readings else { return Ok(()) };
        let help = "Events of the log that the lane furthest behind has not passed.";
        page.gauge("lane_lag_events", help, now.lane_lag_events)?;
        let help = "The age of the first of these events.";
        page.gauge("lane_lag_seconds", help, now.lane_lag.as_secs_f64())?;
        let help = "Deliveries that wait for another attempt, counted up to 100000.";
        page.gauge("retries_scheduled", help, now.retries_scheduled)?;
        let help = "Deliveries that were given up on, counted up to 100000.";
        page.gauge("dead_letters", help, now.dead_letters)?;
        page.gauge("breaker_open", "Lanes whose breaker is open.", now.breakers_open)?;
        page.gauge("log_bytes", "What the log's events take on the disk.", now.log_bytes)?;
        page.gauge("disk_free_bytes", "What the log's disk has left.", now.disk_free_bytes)
    }
}

impl Collector for ProcessUse {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        if let Some(seconds) = self.cpu_seconds {
            page.counter("cpu_seconds", "Processor time, user and system.", seconds)?;
        }
        if let Some(seconds) = self.started {
            page.gauge("start_time_seconds", "When it started, since 1970.", seconds)?;
        }
        let gauges = [
            ("resident_memory_bytes", "Memory that is resident.", self.resident_bytes),
            ("virtual_memory_bytes", "Memory that is mapped.", self.virtual_bytes),
            ("open_fds", "Open file descriptors.", self.open_files),
            ("max_fds", "How many may be open.", self.open_files_max),
            ("threads", "Threads.", self.threads),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                page.gauge(name, help, value)?;
            }
        }
        Ok(())
    }
}

type Labels = Vec<(&'static str, String)>;

/// The page that is written, a family after the other.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    /// The format adds `_total` to the name.
    fn counters(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, count) in rows {
            let mut row = family.encode_family(&labels)?;
            row.encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        family.encode_counter::<NoLabelSet, f64, f64>(&value, None)
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl EncodeGaugeValue) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) -> fmt::Result {
        let (buckets, sum, count) = histogram.read();
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        family.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// Each name's value, and the shared one last.
fn with_others<'a, K: ToString, V>(
    kept: &'a std::collections::BTreeMap<K, Arc<V>>,
    others: Option<&'a V>,
) -> impl Iterator<Item = (String, &'a V)> {
    let named = kept.iter().map(|(name, value)| (name.to_string(), &**value));
    named.chain(others.map(|value| (OTHER.to_owned(), value)))
}
