use super::{Within, below, encoded, with_parameters};
use crate::exit::Failure;
use clap::Args;
use event::TenantId;

#[derive(Args)]
pub struct OfNode {}

impl Within for OfNode {
    fn path(&self) -> Result<String, Failure> {
        Ok("/api/v1/app".to_owned())
    }
}

#[derive(Args)]
pub struct OfTypes {}

impl Within for OfTypes {
    fn path(&self) -> Result<String, Failure> {
        Ok("/api/v1/event-type".to_owned())
    }
}

#[derive(Args)]
pub struct OfKeys {}

impl Within for OfKeys {
    fn path(&self) -> Result<String, Failure> {
        Ok("/v1/key".to_owned())
    }
}

/// In which application, for what says so in its query.
#[derive(Args)]
pub struct InApp {
    /// The application's id or uid; without it that of the key, else default
    #[arg(long, value_name = "APP", env = "FOREBAY_APP")]
    pub app: Option<String>,
}

impl InApp {
    pub fn path(&self, path: &str) -> String {
        match &self.app {
            Some(app) => with_parameters(path, &format!("app={}", encoded(app))),
            None => path.to_owned(),
        }
    }
}

#[derive(Args)]
pub struct OfSources {
    #[command(flatten)]
    app: InApp,
}

impl Within for OfSources {
    fn path(&self) -> Result<String, Failure> {
        Ok(self.app.path("/v1/source"))
    }
}

#[derive(Args)]
pub struct OfFilters {
    #[command(flatten)]
    app: InApp,
}

impl Within for OfFilters {
    fn path(&self) -> Result<String, Failure> {
        Ok(self.app.path("/v1/filter"))
    }
}

#[derive(Args)]
pub struct OfTables {
    #[command(flatten)]
    app: InApp,
}

impl Within for OfTables {
    fn path(&self) -> Result<String, Failure> {
        Ok(self.app.path("/v1/table"))
    }
}

#[derive(Args)]
pub struct OfApp {
    /// The application's id or uid
    #[arg(long, value_name = "APP", env = "FOREBAY_APP", default_value = TenantId::DEFAULT)]
    app: String,
}

impl OfApp {
    /// The same application, for what says so in its query.
    pub fn in_query(&self, path: &str) -> String {
        with_parameters(path, &format!("app={}", encoded(&self.app)))
    }
}

impl Within for OfApp {
    fn path(&self) -> Result<String, Failure> {
        Ok(below("/api/v1/app", &self.app)? + "/endpoint")
    }
}
