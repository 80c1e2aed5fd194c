//! The versions of a filter that can be named: the one in force, those that it replaced last, and
//! those that endpoints pin, however long ago they were replaced.

use super::model::{About, Settings, VersionOut};
use event::{EndpointId, TenantId};
use registry::{FILTERS_MAX, FilterVersion, Pin, Snapshot};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One of them.
struct Kept {
    version: FilterVersion,
    /// From when it was in force, the last time; 0 when nobody knows.
    since: u64,
    pinned_by: Vec<EndpointId>,
}

/// One version of a filter.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VersionOut")]
#[serde(rename_all = "camelCase")]
pub(super) struct KeptOut {
    #[serde(flatten)]
    version: VersionOut,
    /// The endpoints that pin it, the first hundred.
    pinned_by: Vec<String>,
}

const PINNED_BY_MAX: usize = 100;

/// All of a filter, the newest first; those that are known by their pins alone come last.
fn all(snapshot: &Snapshot, filter: &FilterVersion) -> Vec<Kept> {
    let known = About::of(filter).versions(filter).into_iter();
    let kept = known.map(|(version, since)| Kept { version, since, pinned_by: Vec::new() });
    let mut all: Vec<Kept> = kept.collect();
    for (endpoint, pinned) in snapshot.pins_of(&filter.tenant, &filter.name) {
        match all.iter_mut().find(|kept| is_same(&kept.version, pinned)) {
            Some(kept) => kept.pinned_by.push(endpoint.id),
            None => {
                let version = FilterVersion::clone(pinned);
                all.push(Kept { version, since: 0, pinned_by: vec![endpoint.id] });
            }
        }
    }
    all
}

/// Whether two versions of one filter, with nothing beside them, have one digest.
fn is_same(one: &FilterVersion, other: &FilterVersion) -> bool {
    let what = |version: &FilterVersion| {
        (version.module, version.limits, version.on_error, version.isolate, version.circuit)
    };
    what(one) == what(other) && one.config == other.config
}

pub(super) fn shown(snapshot: &Snapshot, filter: &FilterVersion) -> Vec<KeptOut> {
    let show = |Kept { version, since, pinned_by }: Kept| KeptOut {
        version: VersionOut::of(&version, since),
        pinned_by: pinned_by.iter().take(PINNED_BY_MAX).map(EndpointId::to_string).collect(),
    };
    all(snapshot, filter).into_iter().map(show).collect()
}

/// The one of this digest.
pub(super) fn find(snapshot: &Snapshot, filter: &FilterVersion, digest: &str) -> Option<Settings> {
    let all = all(snapshot, filter);
    let found = all.iter().find(|kept| hex::encode(kept.version.digest()) == digest);
    found.map(|kept| Settings::of(&kept.version))
}

/// Versions that entries of an endpoint may pin, of each filter the newest first. What endpoints
/// pin already the registry knows by itself.
pub(crate) fn to_pin(
    snapshot: &Snapshot,
    app: &TenantId,
    entries: &[String],
) -> Vec<Arc<FilterVersion>> {
    let named = entries.iter().filter_map(|entry| Pin::read(entry));
    let named: BTreeSet<&str> = named.map(|pin| pin.filter).collect();
    let filters = named.into_iter().filter_map(|name| snapshot.filter(app, name));
    let versions = filters.flat_map(|filter| About::of(filter).versions(filter));
    versions.map(|(version, _)| Arc::new(version)).collect()
}

/// What the pins among these entries add to an endpoint, in bytes, whichever versions they name.
pub(crate) fn pinned_bytes(snapshot: &Snapshot, app: &TenantId, entries: &[String]) -> usize {
    let known = to_pin(snapshot, app, entries);
    let largest = |pin: Pin<'_>| {
        let own = known.iter().filter(|version| *version.name == *pin.filter);
        let pinned = snapshot.pins_of(app, pin.filter).map(|(_, version)| version);
        own.chain(pinned).map(|version| version.config.len()).max().unwrap_or(0)
    };
    // More entries than an endpoint may have are refused.
    let pins = entries.iter().take(FILTERS_MAX).filter_map(|entry| Pin::read(entry));
    pins.map(largest).sum()
}
