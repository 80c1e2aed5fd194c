use crate::check::{self, Fault};
use crate::draft::{self, Drafter, owner, uses};
use crate::pin::Known;
use crate::row::{EndpointRow, FilterRow, Form, SourceRow, TableRow, TermsRow};
use crate::shelves::Name;
use crate::{
    Chain, ChangeSet, Changed, Declared, DeclaredEndpoint, DeclaredError, DeclaredFilter,
    DeclaredSource, DeclaredTable, Endpoint, FilterVersion, How, Kind, Origin, Rejected, Snapshot,
    Source, TableVersion, Tenant, TypePattern, Wrong,
};
use event::{EndpointId, Offset, TenantId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What stands in for the offset that `History::apply` puts in.
const UNSET: Offset = Offset::MAX;
/// Configurations that one endpoint pins, together: they are written with each of its versions.
const PINNED_BYTES_MAX: usize = 64 << 10;

/// One change set in the making.
pub(crate) struct Diff<'a> {
    pub(crate) base: &'a Snapshot,
    /// Of what is put.
    pub(crate) origin: Origin,
    pub(crate) set: ChangeSet,
    errors: Vec<DeclaredError>,
    drafter: Drafter<'a>,
    /// What this change makes of filters; None removes.
    filters: BTreeMap<Name, Option<Arc<FilterVersion>>>,
    /// What this change names, put or removed.
    pub(crate) named: BTreeSet<(Kind, Name)>,
    /// The tenants that this change needs.
    tenants: BTreeSet<TenantId>,
    /// Whether those that are not there are made.
    pub(crate) makes_tenants: bool,
    /// Those that are made in any case.
    given: BTreeSet<TenantId>,
    /// Whether a version that is pinned is there, whatever its digits.
    pub(crate) keeps_all_versions: bool,
}

impl<'a> Diff<'a> {
    pub(crate) fn new(base: &'a Snapshot, origin: Origin) -> Diff<'a> {
        let set = ChangeSet {
            base: base.revision,
            next_endpoint: base.next_endpoint.max(1),
            tenants: Vec::new(),
            records: Vec::new(),
            sources: Vec::new(),
            filters: Vec::new(),
            tables: Vec::new(),
            endpoints: Vec::new(),
            changed: Vec::new(),
        };
        Diff {
            base,
            origin,
            set,
            errors: Vec::new(),
            drafter: Drafter::with(base),
            filters: BTreeMap::new(),
            named: BTreeSet::new(),
            tenants: BTreeSet::new(),
            makes_tenants: true,
            given: BTreeSet::new(),
            keeps_all_versions: false,
        }
    }

    pub(crate) fn finish(self) -> Result<ChangeSet, Rejected> {
        if self.errors.is_empty() { Ok(self.set) } else { Err(Rejected(self.errors)) }
    }

    pub(crate) fn put_all(&mut self, declared: &Declared) {
        declared.filters.iter().for_each(|filter| self.put_filter(filter));
        declared.tables.iter().for_each(|table| self.put_table(table));
        declared.sources.iter().for_each(|source| self.put_source(source));
        declared.endpoints.iter().for_each(|endpoint| self.put_endpoint(endpoint));
        self.tenants.extend(declared.tenants.iter().cloned());
        self.given.extend(declared.tenants.iter().cloned());
    }

    /// Removes what has the origin of this change and is not named by it.
    pub(crate) fn remove_the_rest(&mut self) {
        let base = self.base;
        let own = self.origin;
        for (name, _) in base.filters.iter().filter(|(_, filter)| filter.origin == own) {
            self.remove_unless_named(Kind::Filter, name);
        }
        for (name, _) in base.tables.iter().filter(|(_, table)| table.origin == own) {
            self.remove_unless_named(Kind::Table, name);
        }
        for (name, _) in base.sources.iter().filter(|(_, source)| source.origin == own) {
            self.remove_unless_named(Kind::Source, name);
        }
        for endpoint in base.endpoints().into_iter().filter(|e| e.origin == own) {
            self.remove_unless_named(Kind::Endpoint, &name_of(endpoint));
        }
    }

    /// Carries the change to what depends on it.
    pub(crate) fn follow(&mut self) {
        self.follow_filters();
        self.check_paths();
        self.put_tenants();
    }

    fn remove_unless_named(&mut self, kind: Kind, name: &Name) {
        if !self.named.contains(&(kind, name.clone())) {
            self.remove(kind, name);
        }
    }

    pub(crate) fn remove(&mut self, kind: Kind, name: &Name) {
        let origin = match kind {
            Kind::Filter => self.base.filters.get(name).map(|filter| filter.origin),
            Kind::Table => self.base.tables.get(name).map(|table| table.origin),
            Kind::Source => self.base.sources.get(name).map(|source| source.origin),
            Kind::Endpoint => self.base.endpoint_named(&name.0, &name.1).map(|e| e.origin),
            Kind::Tenant | Kind::Counter | Kind::EventType | Kind::Key => None,
        };
        let Some(origin) = origin else { return };
        if !self.is_own(kind, name, origin) {
            return;
        }
        self.named.insert((kind, name.clone()));
        match kind {
            Kind::Filter => {
                self.filters.insert(name.clone(), None);
                self.set.filters.push((name.clone(), None));
            }
            Kind::Table => self.set.tables.push((name.clone(), None)),
            Kind::Source => self.set.sources.push((name.clone(), None)),
            _ => {
                let id = self.base.endpoint_named(&name.0, &name.1).map(|e| e.id);
                self.set.endpoints.extend(id.map(|id| (id, None)));
            }
        }
        self.note(kind, name, How::Removed);
    }

    /// The management API leaves alone what a file declares, and the other way round.
    pub(crate) fn is_own(&mut self, kind: Kind, name: &Name, origin: Origin) -> bool {
        if self.origin == origin {
            return true;
        }
        let (wrong, reason) = match origin {
            Origin::Declared => (Wrong::ReadOnly, READ_ONLY),
            Origin::Managed => (Wrong::Taken, MANAGED),
        };
        self.refuse_as(wrong, kind, name, ("name", reason.into()));
        false
    }

    fn put_filter(&mut self, declared: &DeclaredFilter) {
        let name: Name = (declared.tenant.clone(), declared.name.as_str().into());
        let old = self.base.filters.get(&name);
        if !self.may_put(Kind::Filter, &name, old.map(|old| old.origin)) {
            return;
        }
        if let Err(fault) = check::json("config", &declared.config) {
            return self.refuse(Kind::Filter, &name, fault);
        }
        let candidate = declared.candidate.as_ref();
        if let Some(Err(fault)) = candidate.map(|other| check::json("candidate", &other.config)) {
            return self.refuse(Kind::Filter, &name, fault);
        }
        let new = FilterVersion {
            tenant: declared.tenant.clone(),
            name: name.1.clone(),
            origin: self.origin,
            module: declared.module,
            config: declared.config.as_str().into(),
            limits: declared.limits,
            on_error: declared.on_error,
            isolate: declared.isolate,
            circuit: declared.circuit,
            candidate: declared.candidate.clone(),
            about: declared.about.as_str().into(),
        };
        // A file says again what the engine has ended: that alone begins nothing anew.
        let is_file = self.origin == Origin::Declared;
        let row = FilterRow::of(&new);
        let is_same = |old: &FilterVersion| {
            FilterRow::of(old) == row || (is_file && FilterRow::of(&old.as_begun()) == row)
        };
        if old.is_some_and(|old| is_same(old)) {
            return;
        }
        self.set_filter(name, how(old.is_some()), new);
    }

    pub(crate) fn set_filter(&mut self, name: Name, how: How, new: FilterVersion) {
        self.note(Kind::Filter, &name, how);
        let new = Arc::new(new);
        self.filters.insert(name.clone(), Some(new.clone()));
        self.set.filters.push((name, Some(new)));
    }

    fn put_table(&mut self, declared: &DeclaredTable) {
        let name: Name = (declared.tenant.clone(), declared.name.as_str().into());
        let old = self.base.tables.get(&name);
        if !self.may_put(Kind::Table, &name, old.map(|old| old.origin)) {
            return;
        }
        let new = TableVersion {
            tenant: declared.tenant.clone(),
            name: name.1.clone(),
            origin: self.origin,
            content: declared.content,
            earlier: declared.earlier.as_slice().into(),
            about: declared.about.as_str().into(),
        };
        if old.is_some_and(|old| TableRow::of(old) == TableRow::of(&new)) {
            return;
        }
        self.note(Kind::Table, &name, how(old.is_some()));
        self.set.tables.push((name, Some(Arc::new(new))));
    }

    fn put_source(&mut self, declared: &DeclaredSource) {
        let name: Name = (declared.tenant.clone(), declared.name.as_str().into());
        let old = self.base.sources.get(&name);
        if !self.may_put(Kind::Source, &name, old.map(|old| old.origin)) {
            return;
        }
        if let Err(fault) = check::json("settings", &declared.settings) {
            return self.refuse(Kind::Source, &name, fault);
        }
        let row = SourceRow {
            v: Form,
            origin: self.origin,
            path: declared.path.clone(),
            scheme: declared.scheme.clone(),
            settings: declared.settings.clone(),
            secret_digests: declared.secrets.digests(&owner(&name.0, &name.1)),
            sealed: draft::sealed(&declared.secrets),
            about: declared.about.clone(),
        };
        if old.is_some_and(|old| SourceRow::of(old) == row) {
            return;
        }
        self.note(Kind::Source, &name, how(old.is_some()));
        let source = draft::source(&name, UNSET, row, declared.secrets.clone());
        self.set.sources.push((name, Some(source)));
    }

    fn put_endpoint(&mut self, declared: &DeclaredEndpoint) {
        let name: Name = (declared.tenant.clone(), declared.name.as_str().into());
        let old = self.base.endpoint_named(&name.0, &name.1);
        if self.may_put(Kind::Endpoint, &name, old.map(|old| old.origin)) {
            let id = old.map_or_else(|| self.give_id(), |old| old.id);
            self.write_endpoint(id, old, declared);
        }
    }

    /// A new version of an endpoint whose name has been found in order.
    pub(crate) fn write_endpoint(
        &mut self,
        id: EndpointId,
        old: Option<&Arc<Endpoint>>,
        declared: &DeclaredEndpoint,
    ) {
        let name: Name = (declared.tenant.clone(), declared.name.as_str().into());
        let faults = check::endpoint(declared);
        let is_sound = faults.is_empty();
        faults.into_iter().for_each(|fault| self.refuse(Kind::Endpoint, &name, fault));
        let types = self.types(&name, &declared.types);
        // More than those are refused above, and each is looked for among all versions.
        let filters = declared.filters.iter().take(check::FILTERS_MAX).map(String::as_str);
        let known = (old.map(|old| &**old), &*declared.kept);
        let chain = self.chain(&name, declared.condition.as_deref(), filters, known);
        let (true, Some(types), Some(chain)) = (is_sound, types, chain) else { return };
        let row = self.endpoint_row(declared, types, chain.as_deref());
        if old.is_some_and(|old| EndpointRow::of(old) == row) {
            return;
        }
        if row.pinned_bytes() > PINNED_BYTES_MAX {
            let text =
                format!("pins configurations of more than {PINNED_BYTES_MAX} bytes together");
            return self.refuse(Kind::Endpoint, &name, ("filters", text));
        }
        self.note(Kind::Endpoint, &name, how(old.is_some()));
        match draft::endpoint(id, UNSET, row, chain, declared.secrets.clone()) {
            Ok(endpoint) => self.set.endpoints.push((id, Some(endpoint))),
            Err(reason) => self.refuse(Kind::Endpoint, &name, ("types", reason)),
        }
    }

    fn endpoint_row(
        &self,
        declared: &DeclaredEndpoint,
        types: Vec<String>,
        chain: Option<&Chain>,
    ) -> EndpointRow {
        EndpointRow {
            v: Form,
            tenant: declared.tenant.as_str().to_owned(),
            name: declared.name.clone(),
            origin: self.origin,
            url: declared.url.clone(),
            types,
            condition: declared.condition.clone(),
            filters: chain.map_or(Vec::new(), |chain| {
                uses(declared.filters.iter().map(String::as_str), &chain.filters)
            }),
            terms: TermsRow::of(&declared.terms),
            headers: declared.headers.clone(),
            secret_digests: declared.secrets.digests(&owner(&declared.tenant, &declared.name)),
            sealed: draft::sealed(&declared.secrets),
            disabled: declared.is_disabled,
            about: declared.about.clone(),
        }
    }

    /// Endpoints that this change does not name get a new version if a filter of theirs does.
    fn follow_filters(&mut self) {
        if self.filters.is_empty() {
            return;
        }
        for old in self.base.endpoints() {
            let name = name_of(old);
            if self.named.contains(&(Kind::Endpoint, name.clone())) || !self.is_touched(old) {
                continue;
            }
            let condition = old.chain.as_ref().and_then(|chain| chain.condition.as_ref());
            let text = condition.map(|condition| condition.text());
            let filters = old.filters.iter().map(|filter| &**filter);
            let known: Known<'_> = (Some(&**old), &[]);
            let Some(chain) = self.chain(&name, text, filters, known) else { continue };
            self.note(Kind::Endpoint, &name, How::Updated);
            let new = Endpoint { since: UNSET, chain, ..Endpoint::clone(old) };
            self.set.endpoints.push((old.id, Some(new)));
        }
    }

    /// Whether the endpoint runs something else by what this change makes of filters, or cannot go
    /// on. What it pins stays as long as the filter does.
    fn is_touched(&self, endpoint: &Endpoint) -> bool {
        endpoint.uses().any(|(entry, version)| {
            let made = self.filters.get(&(endpoint.tenant.clone(), version.name.clone()));
            made.is_some_and(|made| made.is_none() || *entry == version.name)
        })
    }

    /// Makes the tenants that are named and not there yet. The default one is always there.
    fn put_tenants(&mut self) {
        let is_put = |id: &TenantId| self.set.tenants.iter().any(|(put, _)| put == id);
        let is_there = |id: &TenantId| self.base.tenant(id).is_some() || is_put(id);
        let missing: Vec<_> = self.tenants.iter().filter(|id| !is_there(id)).cloned().collect();
        for tenant in missing {
            let is_made = self.makes_tenants || self.given.contains(&tenant);
            if !is_made && tenant.as_str() != TenantId::DEFAULT {
                let fault = ("app", "there is no such application".to_owned());
                self.refuse_as(Wrong::Missing, Kind::Tenant, &itself(&tenant), fault);
                continue;
            }
            if let Err(fault) = check::name(tenant.as_str()) {
                self.refuse(Kind::Tenant, &itself(&tenant), fault);
            }
            if let Some(other) = self.base.tenant_with_uid(tenant.as_str()) {
                let reason = format!("the uid of tenant `{}`, which is managed", other.id.as_str());
                let fault = ("app", reason);
                self.refuse_as(Wrong::Taken, Kind::Tenant, &itself(&tenant), fault);
            }
            let plain = Arc::new(Tenant::plain(&tenant, self.origin));
            self.set.changed.push(changed(Kind::Tenant, &tenant, "", How::Created));
            self.set.tenants.push((tenant, Some(plain)));
        }
    }

    /// Removes the tenants of this origin that neither the change nor a managed resource names.
    pub(crate) fn remove_idle_tenants(&mut self) {
        let base = self.base;
        let mut in_use = self.tenants.clone();
        let managed = |origin| origin == Origin::Managed;
        let filters = base.filters.iter().filter(|(_, filter)| managed(filter.origin));
        let tables = base.tables.iter().filter(|(_, table)| managed(table.origin));
        let sources = base.sources.iter().filter(|(_, source)| managed(source.origin));
        let endpoints = base.endpoints.iter().filter(|(_, endpoint)| managed(endpoint.origin));
        in_use.extend(filters.map(|(_, filter)| filter.tenant.clone()));
        in_use.extend(tables.map(|(_, table)| table.tenant.clone()));
        in_use.extend(sources.map(|(_, source)| source.tenant.clone()));
        in_use.extend(endpoints.map(|(_, endpoint)| endpoint.tenant.clone()));
        for tenant in base.tenants() {
            let is_own = base.tenant(tenant).is_some_and(|tenant| tenant.origin == self.origin);
            if is_own && !in_use.contains(tenant) {
                self.set.tenants.push((tenant.clone(), None));
                self.set.changed.push(changed(Kind::Tenant, tenant, "", How::Removed));
            }
        }
    }

    /// A path leads to one source.
    fn check_paths(&mut self) {
        let put: BTreeMap<&Name, Option<&Source>> =
            self.set.sources.iter().map(|(name, source)| (name, source.as_ref())).collect();
        let kept = self.base.sources.iter().filter(|(name, _)| !put.contains_key(name));
        let kept = kept.map(|(name, source)| (name, &source.path));
        let new = put.iter().filter_map(|(name, source)| Some((*name, &source.as_ref()?.path)));
        let mut owners: BTreeMap<&Arc<str>, &Name> = BTreeMap::new();
        let mut clashes = Vec::new();
        for (name, path) in kept.chain(new) {
            if let Some(owner) = owners.insert(path, name) {
                let reason = format!("`{path}` is the path of source `{}` already", owner.1);
                clashes.push((name.clone(), reason));
            }
        }
        for (name, reason) in clashes {
            self.refuse(Kind::Source, &name, ("path", reason));
        }
    }

    pub(crate) fn may_put(&mut self, kind: Kind, name: &Name, old: Option<Origin>) -> bool {
        if old.is_some_and(|origin| !self.is_own(kind, name, origin)) {
            return false;
        }
        if !self.named.insert((kind, name.clone())) {
            self.refuse(kind, name, ("name", "declared twice".into()));
            return false;
        }
        let fault = check::name(name.0.as_str()).map_err(|(_, reason)| ("app", reason)).err();
        if fault.is_none() {
            self.tenants.insert(name.0.clone());
        }
        let fault = fault.or(check::name(&name.1).err());
        let is_sound = fault.is_none();
        fault.into_iter().for_each(|fault| self.refuse(kind, name, fault));
        is_sound
    }

    /// The patterns as they will be written, each checked.
    fn types(&mut self, name: &Name, texts: &[String]) -> Option<Vec<String>> {
        let mut is_sound = true;
        for text in texts {
            if let Err(error) = TypePattern::parse(text) {
                is_sound = false;
                self.refuse(Kind::Endpoint, name, ("types", format!("`{text}`: {error}")));
            }
        }
        is_sound.then(|| texts.to_vec())
    }

    fn chain<'b>(
        &mut self,
        name: &Name,
        condition: Option<&str>,
        entries: impl Iterator<Item = &'b str>,
        known: Known<'_>,
    ) -> Option<Option<Arc<Chain>>> {
        let mut versions = Vec::new();
        let mut seen: BTreeMap<Arc<str>, &str> = BTreeMap::new();
        let mut is_sound = true;
        for entry in entries {
            let found = self.version_of(&name.0, entry, known).and_then(|version| {
                // What is told of a run goes by the names of its filters, so each is one version.
                match *seen.entry(version.name.clone()).or_insert(entry) {
                    other if other != entry => {
                        let reason = format!("`{other}` and `{entry}` are one filter: name one");
                        Err((Wrong::Invalid, reason))
                    }
                    _ => Ok(version),
                }
            });
            match found {
                Ok(version) => versions.push(version),
                Err((wrong, reason)) => {
                    is_sound = false;
                    self.refuse_as(wrong, Kind::Endpoint, name, ("filters", reason));
                }
            }
        }
        match self.drafter.chain(&name.0, condition, versions) {
            Ok(chain) => is_sound.then_some(chain),
            Err(error) => {
                self.refuse(Kind::Endpoint, name, ("where", error.to_string()));
                if let Some(last) = self.errors.last_mut() {
                    last.place = Some(error);
                }
                None
            }
        }
    }

    /// The version of a filter that will be in force after this change.
    pub(crate) fn filter(&self, tenant: &TenantId, name: &str) -> Option<Arc<FilterVersion>> {
        let name: Name = (tenant.clone(), name.into());
        match self.filters.get(&name) {
            Some(changed) => changed.clone(),
            None => self.base.filters.get(&name).cloned(),
        }
    }

    pub(crate) fn no_such_filter(&self, tenant: &TenantId, name: &str) -> (Wrong, String) {
        let put = self.filters.iter().filter(|(_, filter)| filter.is_some()).map(|(name, _)| name);
        let known = put.chain(self.base.filters.iter().map(|(name, _)| name));
        let known = known.filter(|known| known.0 == *tenant).map(|known| &*known.1);
        if self.filters.contains_key(&(tenant.clone(), name.into())) {
            let reason = format!("filter `{name}` cannot be removed: this endpoint needs it");
            return (Wrong::Needed, reason);
        }
        if let Some((pinned, _)) = name.rsplit_once('@')
            && self.filter(tenant, pinned).is_some()
        {
            let reason = format!(
                "no filter `{name}`; a version of `{pinned}` is pinned by `{pinned}@` and 8 to 64 \
                 hexadecimal digits"
            );
            return (Wrong::Invalid, reason);
        }
        let reason = match condition::nearest(name, known) {
            Some(near) => format!("no filter `{name}`; did you mean `{near}`?"),
            None => format!("no filter `{name}`"),
        };
        (Wrong::Invalid, reason)
    }

    pub(crate) fn give_id(&mut self) -> EndpointId {
        let id = EndpointId(self.set.next_endpoint);
        self.set.next_endpoint += 1;
        id
    }

    pub(crate) fn note(&mut self, kind: Kind, name: &Name, how: How) {
        self.set.changed.push(changed(kind, &name.0, &name.1, how));
    }

    pub(crate) fn refuse(&mut self, kind: Kind, name: &Name, fault: Fault) {
        self.refuse_as(Wrong::Invalid, kind, name, fault);
    }

    pub(crate) fn refuse_as(
        &mut self,
        wrong: Wrong,
        kind: Kind,
        name: &Name,
        (field, reason): Fault,
    ) {
        self.errors.push(DeclaredError {
            kind: kind.name(),
            tenant: name.0.as_str().into(),
            name: (*name.1).into(),
            field,
            reason,
            wrong,
            place: None,
        });
    }
}

const READ_ONLY: &str = "declared in the configuration file: change it there";
const MANAGED: &str = "made through the management API, so the file cannot declare it too: remove \
                       it there, or name this one otherwise";

pub(crate) fn changed(kind: Kind, tenant: &TenantId, name: &str, how: How) -> Changed {
    Changed { kind, tenant: tenant.clone(), name: name.into(), how }
}

pub(crate) fn how(is_known: bool) -> How {
    if is_known { How::Updated } else { How::Created }
}

/// What a tenant is called where everything else has a name within one.
pub(crate) fn itself(tenant: &TenantId) -> Name {
    (tenant.clone(), tenant.as_str().into())
}

pub(crate) fn name_of(endpoint: &Endpoint) -> Name {
    (endpoint.tenant.clone(), endpoint.name.clone())
}
