use event::TenantId;
use registry::TypePattern;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The key's id, `admin` for the configured one; empty without a key.
    pub id: Arc<str>,
    pub role: Role,
}

/// What a key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Came without a key, or with one that is not known or has expired.
    Nobody,
    /// Everything.
    Admin,
    /// Everything within one application.
    Manager(TenantId),
    /// Publishes events of these types, `None` for all, into one application.
    Producer { tenant: TenantId, types: Option<Arc<[TypePattern]>> },
    /// Reads one application, or the whole node; never a secret.
    Reader(Option<TenantId>),
    /// What a customer may do with their own endpoints.
    Portal { tenant: TenantId, deeds: Vec<Deed> },
}

/// Who may ask for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Anyone,
    /// Anyone who names the node as people on this machine do; elsewhere like `Anyone`.
    Page,
    /// On a loopback listener like `Page`; elsewhere like `Read`.
    Local,
    /// Whoever has any key.
    Keyed,
    /// Whoever may read an application: one that is bound to one sees that one alone.
    Apps,
    /// Whoever may read the whole node.
    Read,
    Admin,
    /// Within the application of the path.
    Tenant(Deed),
    /// Like `Tenant`, and the application's customers too.
    Portal(Deed),
    /// Whoever may put events into the application of the path.
    Publish,
}

/// Records keep these by their names, which never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deed {
    Read,
    Write,
    /// Reads what signs or lets in.
    Reveal,
    /// Changes the scripts of endpoints.
    Transform,
}

impl Deed {
    pub const ALL: [Deed; 4] = [Deed::Read, Deed::Write, Deed::Reveal, Deed::Transform];
}

/// What an operation is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    Node,
    /// The application that the path names. None: there is none of this name.
    App(Option<&'a TenantId>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Granted,
    /// 401: no key that is known.
    Unknown,
    /// 403: a key whose role may not.
    Forbidden,
    /// 404: for this key there is no such application, whether or not there is.
    Hidden,
}

impl Principal {
    pub fn nobody() -> Principal {
        Principal { id: "".into(), role: Role::Nobody }
    }

    pub fn admin() -> Principal {
        Principal { id: "admin".into(), role: Role::Admin }
    }
}

impl Role {
    /// Of a customer's session that is not held to less than all.
    pub fn portal(tenant: TenantId) -> Role {
        Role::Portal { tenant, deeds: Deed::ALL.to_vec() }
    }

    /// Whether it may put an event of this type in, where it may put any.
    pub fn may_publish(&self, event_type: &str) -> bool {
        match self {
            Role::Producer { types: Some(types), .. } => {
                types.iter().any(|pattern| pattern.matches(event_type))
            }
            _ => true,
        }
    }

    /// The one application that it is bound to.
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Role::Nobody | Role::Admin => None,
            Role::Reader(tenant) => tenant.as_ref(),
            Role::Manager(tenant) | Role::Producer { tenant, .. } | Role::Portal { tenant, .. } => {
                Some(tenant)
            }
        }
    }
}

/// Whether a principal may do what an operation of this scope does. `Page` and `Local` are judged
/// as elsewhere: the listener knows whether its place opens them.
pub fn permits(principal: &Principal, scope: Scope, whose: Whose<'_>) -> Access {
    let role = &principal.role;
    match (role, scope) {
        (_, Scope::Anyone | Scope::Page) => return Access::Granted,
        (Role::Nobody, _) => return Access::Unknown,
        _ => {}
    }
    if let (Some(own), Whose::App(app)) = (role.tenant(), whose)
        && app != Some(own)
    {
        return Access::Hidden;
    }
    match may(role, scope) && is_within(role, scope, whose) {
        true => Access::Granted,
        false => Access::Forbidden,
    }
}

/// By the role alone.
fn may(role: &Role, scope: Scope) -> bool {
    let reads = matches!(scope, Scope::Tenant(Deed::Read) | Scope::Portal(Deed::Read));
    match role {
        Role::Nobody => false,
        Role::Admin => true,
        Role::Manager(_) => {
            let may = [Scope::Keyed, Scope::Apps, Scope::Publish];
            may.contains(&scope) || matches!(scope, Scope::Tenant(_) | Scope::Portal(_))
        }
        Role::Producer { .. } => matches!(scope, Scope::Keyed | Scope::Publish),
        Role::Reader(Some(_)) => reads || matches!(scope, Scope::Keyed | Scope::Apps),
        Role::Reader(None) => {
            let may = [Scope::Keyed, Scope::Apps, Scope::Read, Scope::Local];
            reads || may.contains(&scope)
        }
        Role::Portal { deeds, .. } => match scope {
            Scope::Portal(deed) => deeds.contains(&deed),
            scope => scope == Scope::Keyed,
        },
    }
}

/// A role that is bound to an application does nothing to the node by a scope within one.
fn is_within(role: &Role, scope: Scope, whose: Whose<'_>) -> bool {
    let is_bound = role.tenant().is_some();
    !(is_bound && whose == Whose::Node) || matches!(scope, Scope::Keyed | Scope::Apps)
}
