use crate::{DeclaredSource, Origin, Secrets};
use event::{Offset, TenantId};
use std::sync::Arc;

/// One version of a verified way in.
#[derive(Clone, Debug)]
pub struct Source {
    pub tenant: TenantId,
    /// Unique among the tenant's sources.
    pub name: Arc<str>,
    /// The offset from which this version rules.
    pub since: Offset,
    pub origin: Origin,
    /// Where it listens, such as `/in/github`. Unique on the node.
    pub path: Arc<str>,
    /// The name of a signature scheme.
    pub scheme: Arc<str>,
    /// The rest of what was declared, a JSON text that ingest reads.
    pub settings: Arc<str>,
    pub secrets: Secrets,
    /// What the management API keeps of it: a JSON text that the engine does not read.
    pub about: Arc<str>,
    /// As this version's row has them; the secrets above are those of today.
    pub(crate) secret_digests: Vec<String>,
}

impl Source {
    /// What would make it again.
    pub fn as_declared(&self) -> DeclaredSource {
        DeclaredSource {
            tenant: self.tenant.clone(),
            name: self.name.to_string(),
            path: self.path.to_string(),
            scheme: self.scheme.to_string(),
            settings: self.settings.to_string(),
            secrets: self.secrets.clone(),
            about: self.about.to_string(),
        }
    }
}
