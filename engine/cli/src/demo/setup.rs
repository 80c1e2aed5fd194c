use crate::commands::compile::compiler;
use crate::demo::Sabotage;
use crate::demo::endpoints::{ENDPOINTS, Endpoint};
use crate::demo::payload::Provider;
use anyhow::Context;
use forebay::Plan;
use forebay::config::{Config, Flags, Inputs};
use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Names, modules and configurations.
const FILTERS: &[(&str, &str, &str)] = &[
    ("pushes-to-main", "forebay/pushes-to-main", "{ branch = \"main\" }"),
    ("github-push-to-slack", "forebay/github-push-to-slack", "{ commits_max = 3 }"),
    (
        "redact",
        "forebay/redact",
        "{ pointers = [\"/*/address1\", \"/customer/default_address/address1\", \
         \"/addresses/*/address1\"], patterns = [\"email\", \"card\"] }",
    ),
    ("trap-on-marker", TRAP_FILE, "{}"),
];
/// The one that does not come with the engine.
const TRAP: &[u8] =
    include_bytes!("../../../../examples/filters/trap-on-marker/trap-on-marker.wasm");
const TRAP_FILE: &str = "trap-on-marker.wasm";

/// Fresh at every start; nothing outside of this run can sign or verify with them.
#[derive(Clone)]
pub struct Secrets {
    /// In the order of `Provider::ALL`.
    pub sources: Vec<String>,
    /// In the order of `ENDPOINTS`.
    pub endpoints: Vec<String>,
}

impl Secrets {
    pub fn fresh() -> anyhow::Result<Secrets> {
        let many = |count: usize| (0..count).map(|_| fresh()).collect::<anyhow::Result<Vec<_>>>();
        Ok(Secrets { sources: many(Provider::ALL.len())?, endpoints: many(ENDPOINTS.len())? })
    }
}

fn fresh() -> anyhow::Result<String> {
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).context("the system gives no entropy")?;
    Ok(signature::Secret::fresh(&entropy).to_string())
}

/// Where deliveries go: the receiver, and a port at which nobody answers.
#[derive(Clone, Copy)]
pub struct Ports {
    pub receiver: SocketAddr,
    pub dead: SocketAddr,
}

/// Writes a configuration and its filter into `dir` as any user would, and reads it back.
pub fn plan(
    dir: &Path,
    secrets: &Secrets,
    ports: Ports,
    sabotage: Option<Sabotage>,
) -> anyhow::Result<(Plan, PathBuf)> {
    fs::write(dir.join(TRAP_FILE), TRAP)?;
    let file = dir.join("forebay.toml");
    fs::write(&file, text(secrets, ports, sabotage)?)?;
    // The demo is the same for everybody, so the environment has no say in it.
    let flags = Flags { dev: true, ..Flags::default() };
    let inputs = Inputs { file: Some(file.clone()), flags, ..Inputs::default() };
    let mut plan = Config::load(&inputs)?.plan()?;
    // A small disk is enough for what is deleted in a minute.
    plan.disk_floor_bytes = 16 << 20;
    plan.ballast_bytes = 0;
    plan.compiler = compiler();
    follow_ids(&mut plan);
    Ok((plan, file))
}

/// Shopify and Slack expect an empty answer. Here each gets the event's id, by which the demo
/// follows every event to its end.
fn follow_ids(plan: &mut Plan) {
    let of_github = plan.sources.iter().find(|source| &*source.name == Provider::GitHub.name());
    let Some(receipt) = of_github.map(|source| source.respond.body.clone()) else { return };
    plan.sources.iter_mut().for_each(|source| source.respond.body = receipt.clone());
}

fn text(
    secrets: &Secrets,
    ports: Ports,
    sabotage: Option<Sabotage>,
) -> Result<String, anyhow::Error> {
    let mut text = String::from("data = \"data\"\n\n[server]\nlisten = \"127.0.0.1:0\"\n");
    for (provider, secret) in Provider::ALL.iter().zip(&secrets.sources) {
        let name = provider.name();
        writeln!(text, "\n[[source]]\nname = \"{name}\"\nscheme = \"{name}\"")?;
        writeln!(text, "secret = \"{secret}\"")?;
    }
    for (name, module, config) in FILTERS {
        let config = match sabotage {
            Some(Sabotage::Filter) => config.replace("\"main\"", "\"gentle-ramp\""),
            _ => (*config).to_owned(),
        };
        writeln!(text, "\n[[filter]]\nname = \"{name}\"\nmodule = \"{module}\"")?;
        writeln!(text, "config = {config}")?;
    }
    for (n, endpoint) in ENDPOINTS.iter().enumerate() {
        let secret = match sabotage {
            Some(Sabotage::Sign) if n == 0 => fresh()?,
            _ => secrets.endpoints[n].clone(),
        };
        write_endpoint(&mut text, endpoint, ports, &secret)?;
    }
    Ok(text)
}

fn write_endpoint(
    text: &mut String,
    endpoint: &Endpoint,
    ports: Ports,
    secret: &str,
) -> std::fmt::Result {
    let Endpoint { name, types, filters, schedule, .. } = endpoint;
    let at = if endpoint.is_dead { ports.dead } else { ports.receiver };
    writeln!(text, "\n[[endpoint]]\nname = \"{name}\"\nurl = \"http://{at}/{name}\"")?;
    if !types.is_empty() {
        writeln!(text, "types = {types:?}")?;
    }
    if let Some(condition) = endpoint.condition {
        writeln!(text, "where = \"{condition}\"")?;
    }
    if !filters.is_empty() {
        writeln!(text, "filters = {filters:?}")?;
    }
    writeln!(text, "schedule = {schedule:?}\nsecret = \"{secret}\"")
}
