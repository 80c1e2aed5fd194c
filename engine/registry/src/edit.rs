use crate::check;
use crate::diff::{Diff, changed, how, itself, name_of};
use crate::record::{RECORDS_MAX, RecordName};
use crate::shelves::Name;
use crate::{
    ChangeSet, Declared, DeclaredEndpoint, DeclaredTenant, Endpoint, How, Kind, Origin, Record,
    RecordKind, Rejected, Tenant, Wrong,
};
use event::{EndpointId, TenantId, Throttle};
use std::sync::Arc;

/// A change of managed resources in the making: what the management API does to one snapshot.
/// Nothing is in force before the change set that `finish` gives has been applied.
///
/// What a configuration file declares is refused as read-only, and a name that somebody else has
/// as taken; both come out of `finish`.
pub struct Edit<'a>(pub(crate) Diff<'a>);

impl Edit<'_> {
    /// Creates a tenant or gives it another uid or text.
    pub fn put_tenant(&mut self, declared: &DeclaredTenant) {
        let name = itself(&declared.id);
        let old = self.0.base.tenant(&declared.id);
        if !self.0.may_put(Kind::Tenant, &name, old.map(|old| old.origin)) {
            return;
        }
        let faults = [
            check::json("about", &declared.about).err(),
            declared.uid.as_deref().and_then(|uid| check::name(uid).err()),
        ];
        let is_sound = faults.iter().all(Option::is_none);
        faults.into_iter().flatten().for_each(|fault| self.0.refuse(Kind::Tenant, &name, fault));
        let uid = declared.uid.as_deref();
        if let Some(other) = uid.and_then(|uid| self.owner_of(uid)).filter(|o| *o != declared.id) {
            let reason = format!("tenant `{}` has it", other.as_str());
            self.0.refuse_as(Wrong::Taken, Kind::Tenant, &name, ("uid", reason));
            return;
        }
        let known = old.and_then(|old| old.throttle.clone());
        let known = known.filter(|known| Some(known.rate()) == declared.rate);
        let new = Tenant {
            id: declared.id.clone(),
            origin: Origin::Managed,
            uid: uid.map(Arc::from),
            throttle: known.or_else(|| declared.rate.map(|rate| Arc::new(Throttle::new(rate)))),
            about: declared.about.as_str().into(),
        };
        if is_sound && old.is_none_or(|old| **old != new) {
            let line = changed(Kind::Tenant, &declared.id, "", how(old.is_some()));
            self.0.set.tenants.push((declared.id.clone(), Some(Arc::new(new))));
            self.0.set.changed.push(line);
        }
    }

    /// The tenant that a uid leads to, or an id that is one letter for letter.
    fn owner_of(&self, uid: &str) -> Option<TenantId> {
        let base = self.0.base;
        let mut put = self.0.set.tenants.iter().filter_map(|(_, tenant)| tenant.as_ref());
        let known = base.tenant_with_uid(uid).or_else(|| base.tenant(&TenantId::new(uid)));
        let owner = put.find(|tenant| tenant.uid.as_deref() == Some(uid)).or(known);
        owner.map(|tenant| tenant.id.clone())
    }

    /// Removes a tenant with everything that is its own.
    pub fn remove_tenant(&mut self, id: &TenantId) {
        let base = self.0.base;
        let Some(tenant) = base.tenant(id) else { return };
        if !self.0.is_own(Kind::Tenant, &itself(id), tenant.origin) {
            return;
        }
        for (name, _) in base.filters.iter().filter(|(name, _)| name.0 == *id) {
            self.0.remove(Kind::Filter, name);
        }
        for (name, _) in base.tables.iter().filter(|(name, _)| name.0 == *id) {
            self.0.remove(Kind::Table, name);
        }
        for (name, _) in base.sources.iter().filter(|(name, _)| name.0 == *id) {
            self.0.remove(Kind::Source, name);
        }
        base.endpoints_of(id)
            .for_each(|endpoint| self.0.remove(Kind::Endpoint, &name_of(endpoint)));
        self.0.set.tenants.push((id.clone(), None));
        self.0.set.changed.push(changed(Kind::Tenant, id, "", How::Removed));
    }

    /// The id that the next endpoint gets which this change creates.
    pub fn next_endpoint(&self) -> EndpointId {
        EndpointId(self.0.set.next_endpoint)
    }

    /// Creates an endpoint. Without a name it is named by its id, `ep_7`.
    pub fn create_endpoint(&mut self, declared: &DeclaredEndpoint) -> EndpointId {
        let id = self.0.give_id();
        self.write_endpoint(id, None, declared);
        id
    }

    /// Puts a new version of an endpoint of `declared.tenant` in force; the name may be new too.
    /// What that tenant does not have is refused as missing.
    pub fn update_endpoint(&mut self, id: EndpointId, declared: &DeclaredEndpoint) {
        let old = self.0.base.endpoint(id).filter(|old| old.tenant == declared.tenant);
        let Some(old) = old else {
            let name: Name = (declared.tenant.clone(), id.to_string().into());
            let fault = ("name", "there is no such endpoint".to_owned());
            return self.0.refuse_as(Wrong::Missing, Kind::Endpoint, &name, fault);
        };
        let own = name_of(old);
        if self.0.is_own(Kind::Endpoint, &own, old.origin) {
            self.write_endpoint(id, Some(old), declared);
            self.0.named.insert((Kind::Endpoint, own));
        }
    }

    fn write_endpoint(
        &mut self,
        id: EndpointId,
        old: Option<&Arc<Endpoint>>,
        declared: &DeclaredEndpoint,
    ) {
        let mut declared = declared.clone();
        if declared.name.is_empty() {
            declared.name = id.to_string();
        }
        let name: Name = (declared.tenant.clone(), declared.name.as_str().into());
        if !self.0.may_put(Kind::Endpoint, &name, None) {
            return;
        }
        let namesake = self.0.base.endpoint_named(&name.0, &name.1);
        if let Some(other) = namesake.filter(|other| other.id != id) {
            let reason = format!("{} has it", other.id);
            return self.0.refuse_as(Wrong::Taken, Kind::Endpoint, &name, ("uid", reason));
        }
        if is_id_name(&name.1) && *name.1 != *id.to_string() {
            let reason = "looks like the id of another endpoint".to_owned();
            return self.0.refuse(Kind::Endpoint, &name, ("uid", reason));
        }
        if let Err(fault) = check::json("about", &declared.about) {
            return self.0.refuse(Kind::Endpoint, &name, fault);
        }
        self.0.write_endpoint(id, old, &declared);
    }

    /// Removes an endpoint of a tenant, if there is one.
    pub fn remove_endpoint(&mut self, tenant: &TenantId, id: EndpointId) {
        let endpoint = self.0.base.endpoint(id).filter(|endpoint| endpoint.tenant == *tenant);
        if let Some(endpoint) = endpoint {
            self.0.remove(Kind::Endpoint, &name_of(endpoint));
        }
    }

    /// Creates or changes what has a name, each named once.
    pub fn put(&mut self, managed: &Declared) {
        self.0.put_all(managed);
    }

    /// Removes a filter, a table, a source or an endpoint by name, if there is one.
    pub fn remove(&mut self, kind: Kind, tenant: &TenantId, name: &str) {
        self.0.remove(kind, &(tenant.clone(), name.into()));
    }

    /// Creates or changes a record. `about` is a JSON text.
    pub fn put_record(&mut self, kind: RecordKind, name: &str, about: &str) {
        let key: RecordName = (kind, name.into());
        let old = self.0.base.record(kind, name);
        let fault = check::name(name).and_then(|()| check::json("about", about)).err();
        let is_full = old.is_none() && self.0.base.records(kind).count() >= RECORDS_MAX;
        let full = is_full.then(|| ("name", format!("there are {RECORDS_MAX} already")));
        if let Some(fault) = fault.or(full) {
            return self.0.refuse(kind.into(), &nobodys(name), fault);
        }
        let origin = Origin::Managed;
        let new = Record { kind, name: key.1.clone(), origin, about: about.into() };
        if old.is_none_or(|old| **old != new) {
            self.0.set.records.push((key, Some(Arc::new(new))));
            self.0.note(kind.into(), &nobodys(name), how(old.is_some()));
        }
    }

    /// Removes a record, if there is one.
    pub fn remove_record(&mut self, kind: RecordKind, name: &str) {
        if self.0.base.record(kind, name).is_some() {
            self.0.set.records.push(((kind, name.into()), None));
            self.0.note(kind.into(), &nobodys(name), How::Removed);
        }
    }

    /// What leads from the snapshot to what was asked for, whole; an empty set when that is so
    /// already.
    pub fn finish(mut self) -> Result<ChangeSet, Rejected> {
        self.0.follow();
        self.0.finish()
    }
}

/// A record has no tenant.
fn nobodys(name: &str) -> Name {
    (TenantId::new(""), name.into())
}

fn is_id_name(name: &str) -> bool {
    name.strip_prefix("ep_").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}
