use crate::demo::audit::{Audit, DeadLetter, Owed};
use crate::demo::endpoints::ENDPOINTS;
use crate::demo::payload::{Payload, Provider};
use crate::demo::tally::{Tally, histogram};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// All that the demo found, for people and for programs.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub is_ok: bool,
    pub version: &'static str,
    pub durability: &'static str,
    pub seconds: f64,
    pub sent: Sent,
    pub delivered: Delivered,
    pub providers: Vec<Came>,
    pub endpoints: Vec<Went>,
    pub dead_letters: Vec<Given>,
    pub audit: Audit,
    #[serde(skip)]
    pub samples: Vec<Sample>,
}

#[derive(Debug, Serialize)]
pub struct Sent {
    pub events: usize,
    pub bytes: usize,
    pub connections: usize,
    /// While sending.
    pub per_second: f64,
    pub ack_ms: Latency,
    /// Answered 503 and sent later.
    pub pushed_back: u64,
}

#[derive(Debug, Serialize)]
pub struct Delivered {
    pub deliveries: usize,
    /// While sending.
    pub per_second: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// What one provider sent.
#[derive(Debug, Serialize)]
pub struct Came {
    pub provider: &'static str,
    pub events: usize,
    pub bytes: usize,
    pub sent_again: usize,
    pub forged_refused: usize,
}

/// What one endpoint got.
#[derive(Debug, Serialize)]
pub struct Went {
    pub endpoint: &'static str,
    pub about: &'static str,
    pub matched: usize,
    /// By the endpoint's condition or filters.
    pub dropped: usize,
    pub delivered: usize,
    /// Requests that were answered with an error.
    pub failed_attempts: usize,
    pub dead: usize,
    /// From the first byte that was sent in to the request that came out.
    pub end_to_end_ms: Latency,
}

/// Dead letters of one endpoint with one reason.
#[derive(Debug, Serialize)]
pub struct Given {
    pub endpoint: &'static str,
    pub events: usize,
    pub attempts: u32,
    pub reason: String,
}

/// The first event that an endpoint got, as it went in and as it came out.
#[derive(Debug)]
pub struct Sample {
    pub endpoint: &'static str,
    pub before: String,
    pub after: String,
}

impl Summary {
    pub fn of(
        tally: &Tally,
        owed: &Owed,
        dead: &[DeadLetter],
        payloads: &[Payload],
        took: Duration,
    ) -> Summary {
        let audit = Audit::of(tally, owed, dead);
        let endpoints: Vec<Went> =
            (0..ENDPOINTS.len()).map(|n| went(n, tally, owed, dead)).collect();
        let (sent, per_second) = sent(tally);
        Summary {
            is_ok: audit.is_clean(),
            version: env!("CARGO_PKG_VERSION"),
            durability: "fsync",
            seconds: took.as_secs_f64(),
            sent,
            delivered: Delivered {
                deliveries: endpoints.iter().map(|endpoint| endpoint.delivered).sum(),
                per_second,
            },
            providers: Provider::ALL.iter().map(|provider| came(*provider, tally)).collect(),
            endpoints,
            dead_letters: given(dead),
            audit,
            samples: samples(tally, payloads),
        }
    }
}

/// With it the deliveries a second while it lasted.
fn sent(tally: &Tally) -> (Sent, f64) {
    let window = tally.first_sent.zip(tally.last_acked);
    let seconds = window.map_or(f64::NAN, |(first, last)| (last - first).as_secs_f64());
    let rate = |count: usize| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
    let until = window.map(|(_, last)| last);
    let kept = tally.endpoints.iter().flat_map(|endpoint| endpoint.kept.values());
    let delivered = kept.filter(|kept| until.is_some_and(|last| kept.at <= last)).count();
    let ms = |quantile| tally.acks.value_at_quantile(quantile) as f64 / 1000.0;
    let sent = Sent {
        events: tally.events.len(),
        bytes: tally.providers.iter().map(|provider| provider.bytes).sum(),
        connections: crate::demo::sender::CONNECTIONS,
        per_second: rate(tally.events.len()),
        ack_ms: Latency { p50: ms(0.5), p99: ms(0.99), max: tally.acks.max() as f64 / 1000.0 },
        pushed_back: tally.pushed_back,
    };
    (sent, rate(delivered))
}

fn came(provider: Provider, tally: &Tally) -> Came {
    let counted = &tally.providers[provider as usize];
    Came {
        provider: provider.name(),
        events: counted.events,
        bytes: counted.bytes,
        sent_again: counted.again,
        forged_refused: counted.refused,
    }
}

fn went(n: usize, tally: &Tally, owed: &Owed, dead: &[DeadLetter]) -> Went {
    let endpoint = &tally.endpoints[n];
    let mut spans = histogram();
    for (id, kept) in &endpoint.kept {
        if let Some(known) = tally.events.get(id) {
            let span = kept.at.saturating_duration_since(known.sent_at);
            spans.saturating_record(span.as_micros() as u64);
        }
    }
    let ms = |quantile| spans.value_at_quantile(quantile) as f64 / 1000.0;
    Went {
        endpoint: ENDPOINTS[n].name,
        about: ENDPOINTS[n].about,
        matched: owed.arrivals[n] + owed.dropped[n] + owed.dead[n],
        dropped: owed.dropped[n],
        delivered: endpoint.kept.len(),
        failed_attempts: endpoint.failed,
        dead: dead.iter().filter(|letter| letter.endpoint == n).count(),
        end_to_end_ms: Latency { p50: ms(0.5), p99: ms(0.99), max: spans.max() as f64 / 1000.0 },
    }
}

fn given(dead: &[DeadLetter]) -> Vec<Given> {
    let mut groups: BTreeMap<(usize, &str), (usize, u32)> = BTreeMap::new();
    for letter in dead {
        let group = groups.entry((letter.endpoint, &letter.reason)).or_default();
        *group = (group.0 + 1, group.1.max(letter.attempts));
    }
    let given = |((endpoint, reason), (events, attempts)): ((usize, &str), (usize, u32))| Given {
        endpoint: ENDPOINTS[endpoint].name,
        events,
        attempts,
        reason: reason.to_owned(),
    };
    groups.into_iter().map(given).collect()
}

fn samples(tally: &Tally, payloads: &[Payload]) -> Vec<Sample> {
    let sample = |(n, endpoint): (usize, &crate::demo::tally::AtEndpoint)| {
        let (id, body) = endpoint.sample.as_ref()?;
        let before = &payloads[tally.events.get(id)?.payload].body;
        Some(Sample {
            endpoint: ENDPOINTS[n].name,
            before: String::from_utf8_lossy(before).into_owned(),
            after: String::from_utf8_lossy(body).into_owned(),
        })
    };
    tally.endpoints.iter().enumerate().filter_map(sample).collect()
}
