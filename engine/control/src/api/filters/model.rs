use crate::api::wire::{Given, told, written};
use crate::problem::Problem;
use event::{TenantId, Time};
use registry::{
    Circuit, DeclaredFilter, FilterLimits, FilterVersion, ModuleDigest, OnError, Origin,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// A whole filter: what is left out has its usual value.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FilterIn {
    /// The SHA-256 of a module that was uploaded, as 64 hexadecimal digits, or the name of one that
    /// comes with the engine, such as `forebay/redact`.
    pub module: String,
    /// Handed to the module as it is written; `{}` when it is not said.
    #[schemars(with = "Option<Value>")]
    config: Option<Box<RawValue>>,
    /// What becomes of an event whose filter fails; `reject` when it is not said.
    #[schemars(with = "Option<OnErrorText>")]
    on_error: Option<OnError>,
    /// For one batch; the node's limit when it is not said, and never more.
    fuel: Option<u64>,
    /// The node's limit when it is not said, and never more.
    memory_bytes: Option<u64>,
    /// A fresh instance for each event.
    #[serde(default)]
    isolate: bool,
    /// When it is not said the filter is asked however often it fails.
    circuit: Option<CircuitText>,
}

/// A filter that fails so often is not asked for as long: its endpoints are paused before the
/// events that it would be asked about, and these wait in the log.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Circuit")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CircuitText {
    #[schemars(range(min = 1, max = 10_000))]
    faults: u32,
    #[schemars(range(min = 1_000, max = 86_400_000))]
    within_ms: u64,
}

/// What is to change; `null` for the usual value.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FilterPatch {
    /// As in a whole filter.
    pub module: Option<String>,
    #[serde(default)]
    #[schemars(with = "Option<Value>")]
    config: Option<Box<RawValue>>,
    #[serde(default)]
    #[schemars(with = "Option<OnErrorText>")]
    on_error: Given<OnError>,
    #[serde(default)]
    fuel: Given<u64>,
    #[serde(default)]
    memory_bytes: Given<u64>,
    isolate: Option<bool>,
    #[serde(default)]
    circuit: Given<CircuitText>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterOut {
    name: String,
    #[serde(flatten)]
    version: VersionOut,
    /// Whether another module or configuration is on trial beside it, or was until it failed too
    /// often.
    has_candidate: bool,
    /// Whether a configuration file declares it: then the API changes nothing of it.
    declared: bool,
    /// Not of what a configuration file declares.
    created_at: Option<String>,
    updated_at: Option<String>,
}

/// A module that was kept and is not in force.
#[derive(Serialize, JsonSchema)]
pub(super) struct StagedOut {
    /// Its SHA-256, in hexadecimal digits.
    pub module: String,
}

/// One version of a filter.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct VersionOut {
    /// A digest of all that says what the filter does.
    version: String,
    /// The SHA-256 of the module, in hexadecimal digits.
    module: String,
    #[schemars(with = "Value")]
    config: Box<RawValue>,
    #[schemars(with = "OnErrorText")]
    on_error: OnError,
    fuel: u64,
    memory_bytes: u64,
    isolate: bool,
    circuit: Option<CircuitText>,
    /// From when it was in force, the last time.
    since: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename = "OnError", rename_all = "lowercase")]
#[expect(dead_code, reason = "it stands for its schema alone")]
enum OnErrorText {
    /// To the dead letters, with the filter's words.
    Reject,
    Drop,
    Pass,
    Retry,
    /// The endpoint is paused before the event.
    Stop,
}

/// What a version of a filter is made of.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub module: ModuleDigest,
    config: Box<str>,
    on_error: OnError,
    limits: FilterLimits,
    isolate: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    circuit: Option<Circuit>,
}

/// What the registry keeps of a filter for this API. Times are milliseconds; what a configuration
/// file declares has none.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct About {
    created: u64,
    updated: u64,
    /// Those that were replaced, the latest first.
    replaced: Vec<Replaced>,
}

#[derive(Serialize, Deserialize)]
struct Replaced {
    since: u64,
    #[serde(flatten)]
    settings: Settings,
}

const CONFIG_BYTES_MAX: usize = 64 << 10;
/// Of one filter, kept beside the version in force.
const REPLACED_MAX: usize = 16;

impl FilterIn {
    pub fn settings(&self, module: ModuleDigest, node: FilterLimits) -> Result<Settings, Problem> {
        let config = self.config.as_deref().map_or("{}", RawValue::get);
        Ok(Settings {
            module,
            config: checked(config)?,
            on_error: self.on_error.unwrap_or_default(),
            limits: limits(self.fuel, self.memory_bytes, node)?,
            isolate: self.isolate,
            circuit: self.circuit.map(CircuitText::checked).transpose()?,
        })
    }
}

impl CircuitText {
    fn of(circuit: Circuit) -> CircuitText {
        CircuitText { faults: circuit.faults, within_ms: circuit.within_ms }
    }

    fn checked(self) -> Result<Circuit, Problem> {
        let CircuitText { faults, within_ms } = self;
        if !(1..=10_000).contains(&faults) {
            return Err(Problem::value(&["circuit", "faults"], "1 to 10000"));
        }
        if !(1_000..=86_400_000).contains(&within_ms) {
            return Err(Problem::value(&["circuit", "withinMs"], "1000 to 86400000, a day"));
        }
        Ok(Circuit { faults, within_ms })
    }
}

impl FilterPatch {
    pub fn over(
        &self,
        old: Settings,
        module: Option<ModuleDigest>,
        node: FilterLimits,
    ) -> Result<Settings, Problem> {
        let config = self.config.as_deref().map(|config| checked(config.get())).transpose()?;
        let (mut on_error, mut fuel, mut memory_bytes) =
            (Some(old.on_error), Some(old.limits.fuel), Some(old.limits.memory_bytes));
        self.on_error.clone().over(&mut on_error);
        self.fuel.clone().over(&mut fuel);
        self.memory_bytes.clone().over(&mut memory_bytes);
        let mut circuit = old.circuit.map(CircuitText::of);
        self.circuit.clone().over(&mut circuit);
        Ok(Settings {
            module: module.unwrap_or(old.module),
            config: config.unwrap_or(old.config),
            on_error: on_error.unwrap_or_default(),
            limits: limits(fuel, memory_bytes, node)?,
            isolate: self.isolate.unwrap_or(old.isolate),
            circuit: circuit.map(CircuitText::checked).transpose()?,
        })
    }
}

fn checked(config: &str) -> Result<Box<str>, Problem> {
    match config.len() <= CONFIG_BYTES_MAX {
        true => Ok(config.into()),
        false => Err(Problem::value(&["config"], format!("{CONFIG_BYTES_MAX} bytes at most"))),
    }
}

/// What the operator gives filters is the most that the API gives.
fn limits(
    fuel: Option<u64>,
    memory_bytes: Option<u64>,
    node: FilterLimits,
) -> Result<FilterLimits, Problem> {
    let within = |member: &str, given: Option<u64>, max: u64| match given.unwrap_or(max) {
        given if (1..=max).contains(&given) => Ok(given),
        _ => {
            let text = format!("1 to {max}, which the node's configuration gives to filters");
            Err(Problem::value(&[member], text))
        }
    };
    Ok(FilterLimits {
        fuel: within("fuel", fuel, node.fuel)?,
        memory_bytes: within("memoryBytes", memory_bytes, node.memory_bytes)?,
    })
}

impl Settings {
    pub fn of(filter: &FilterVersion) -> Settings {
        Settings {
            module: filter.module,
            config: (&*filter.config).into(),
            on_error: filter.on_error,
            limits: filter.limits,
            isolate: filter.isolate,
            circuit: filter.circuit,
        }
    }

    /// The same with another module, configuration or both.
    pub fn with(
        mut self,
        module: Option<ModuleDigest>,
        config: Option<&RawValue>,
    ) -> Result<Settings, Problem> {
        self.module = module.unwrap_or(self.module);
        if let Some(config) = config {
            self.config = checked(config.get())?;
        }
        Ok(self)
    }

    /// Of a filter of which a module is all that is known.
    pub fn usual(module: ModuleDigest, limits: FilterLimits) -> Settings {
        let on_error = OnError::default();
        Settings { module, config: "{}".into(), on_error, limits, isolate: false, circuit: None }
    }

    pub fn configured(self, config: String) -> Settings {
        Settings { config: config.into(), ..self }
    }

    /// As a filter that nothing is kept of.
    pub fn as_version(&self, app: &TenantId, name: &str) -> FilterVersion {
        FilterVersion {
            tenant: app.clone(),
            name: name.into(),
            origin: Origin::Managed,
            module: self.module,
            config: (&*self.config).into(),
            limits: self.limits,
            on_error: self.on_error,
            isolate: self.isolate,
            circuit: self.circuit,
            candidate: None,
            about: "{}".into(),
        }
    }

    pub fn declared(&self, app: &TenantId, name: &str, about: &About) -> DeclaredFilter {
        DeclaredFilter {
            tenant: app.clone(),
            name: name.to_owned(),
            module: self.module,
            config: self.config.to_string(),
            limits: self.limits,
            on_error: self.on_error,
            isolate: self.isolate,
            circuit: self.circuit,
            candidate: None,
            about: written(about),
        }
    }

    /// As a version of this filter.
    fn version(&self, filter: &FilterVersion) -> FilterVersion {
        self.as_version(&filter.tenant, &filter.name)
    }
}

impl About {
    pub fn of(filter: &FilterVersion) -> About {
        serde_json::from_str(&filter.about).unwrap_or_default()
    }

    /// Of the versions that were replaced.
    pub fn modules(&self) -> Vec<ModuleDigest> {
        self.replaced.iter().map(|replaced| replaced.settings.module).collect()
    }

    /// Of the version that replaces this one.
    pub fn after(old: Option<&FilterVersion>, new: &Settings, now: Time) -> About {
        let now = now.millis();
        let Some(old) = old else { return About { created: now, updated: now, replaced: vec![] } };
        let about = About::of(old);
        if Settings::of(old) == *new {
            return About { updated: now, ..about };
        }
        // One that comes back is no longer replaced.
        let others = about.replaced.into_iter().filter(|old| old.settings != *new);
        let newest = Replaced { since: about.updated, settings: Settings::of(old) };
        let replaced = [newest].into_iter().chain(others).take(REPLACED_MAX);
        About { created: about.created, updated: now, replaced: replaced.collect() }
    }

    /// The filter's version that is in force and those that it replaced, the newest first, each
    /// with when it came into force last. Nothing is beside them.
    pub fn versions(&self, filter: &FilterVersion) -> Vec<(FilterVersion, u64)> {
        let replaced = self.replaced.iter();
        let replaced = replaced.map(|old| (old.settings.version(filter), old.since));
        [(filter.alone(), self.updated)].into_iter().chain(replaced).collect()
    }
}

impl VersionOut {
    pub fn of(version: &FilterVersion, since: u64) -> VersionOut {
        let config = RawValue::from_string(version.config.to_string());
        VersionOut {
            version: hex::encode(version.alone().digest()),
            module: version.module.to_string(),
            config: config.expect("what is put in force has been read as JSON"),
            on_error: version.on_error,
            fuel: version.limits.fuel,
            memory_bytes: version.limits.memory_bytes,
            isolate: version.isolate,
            circuit: version.circuit.map(CircuitText::of),
            since: told(since),
        }
    }
}

impl FilterOut {
    pub fn of(filter: &FilterVersion) -> FilterOut {
        let about = About::of(filter);
        FilterOut {
            name: filter.name.to_string(),
            version: VersionOut::of(filter, about.updated),
            has_candidate: filter.candidate.is_some(),
            declared: filter.origin == Origin::Declared,
            created_at: told(about.created),
            updated_at: told(about.updated),
        }
    }
}
