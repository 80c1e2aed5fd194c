use super::counts::NUMBERS;
use super::sketch::Sketch;
use super::{Series, Totals};
use event::{EndpointId, TenantId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A line of a file of counts. The names of its members never change; new ones may be added.
#[derive(Serialize, Deserialize)]
struct Record<'a> {
    /// The minute or the hour since 1970.
    t: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    app: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ep: Option<u64>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    event_type: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<[u64; NUMBERS]>,
    /// How long attempts took.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    a: Vec<(u8, u32)>,
    /// End to end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    e: Vec<(u8, u32)>,
}

pub(super) enum Line {
    Cell(u64, Series, Totals),
    /// All of the slot stands above.
    End(u64),
}

pub(super) fn write(text: &mut String, slot: u64, series: &Series, totals: &Totals) {
    put(
        text,
        &Record {
            t: slot,
            app: Some(series.app.as_str().into()),
            ep: series.endpoint.map(|endpoint| endpoint.0),
            event_type: Some((&*series.event_type).into()),
            n: Some(totals.numbers),
            a: totals.attempts.pairs().to_vec(),
            e: totals.end_to_end.pairs().to_vec(),
        },
    );
}

pub(super) fn close(text: &mut String, slot: u64) {
    let (app, ep, event_type, n, a, e) = Default::default();
    put(text, &Record { t: slot, app, ep, event_type, n, a, e });
}

fn put(text: &mut String, record: &Record<'_>) {
    text.push_str(&serde_json::to_string(record).expect("texts and numbers can be written"));
    text.push('\n');
}

/// None for what was cut off or is not what was written.
pub(super) fn read(line: &str) -> Option<Line> {
    let record: Record<'_> = serde_json::from_str(line).ok()?;
    let (Some(app), Some(event_type), Some(numbers)) = (record.app, record.event_type, record.n)
    else {
        return Some(Line::End(record.t));
    };
    let series = Series {
        app: TenantId::new(&app),
        endpoint: record.ep.map(EndpointId),
        event_type: event_type.into(),
    };
    let (attempts, end_to_end) = (Sketch::of(record.a)?, Sketch::of(record.e)?);
    Some(Line::Cell(record.t, series, Totals { numbers, attempts, end_to_end }))
}
