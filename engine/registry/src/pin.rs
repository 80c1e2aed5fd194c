use crate::diff::Diff;
use crate::{Endpoint, FilterVersion, Wrong};
use event::TenantId;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// An entry of an endpoint's filters that names one version of a filter, whatever comes into force
/// later: `big-orders@9f86d081`, or `big-orders@sha256:9f86d081` for the module alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin<'a> {
    /// The filter's name.
    pub filter: &'a str,
    /// The first digits of the version, or of the SHA-256 of its module.
    digits: &'a str,
    /// Whether they cannot be those of a version.
    is_of_module: bool,
}

/// What an endpoint had, and versions of filters that the registry itself may have no more.
pub(crate) type Known<'a> = (Option<&'a Endpoint>, &'a [Arc<FilterVersion>]);

const DIGITS: RangeInclusive<usize> = 8..=64;
/// Versions that a refusal lists.
const LISTED_MAX: usize = 20;
/// Digits of each that it tells: enough to pin it.
const LISTED_DIGITS: usize = 12;

impl<'a> Pin<'a> {
    /// None for what pins nothing: it is the name of a filter.
    pub fn read(entry: &'a str) -> Option<Pin<'a>> {
        let (filter, digest) = entry.rsplit_once('@')?;
        let of_module = digest.strip_prefix("sha256:");
        let digits = of_module.unwrap_or(digest);
        let is_fit = DIGITS.contains(&digits.len()) && !filter.is_empty();
        let is_pin = is_fit && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_pin.then_some(Pin { filter, digits, is_of_module: of_module.is_some() })
    }

    /// The name of the filter that an entry is about.
    pub fn filter_of(entry: &'a str) -> &'a str {
        Pin::read(entry).map_or(entry, |pin| pin.filter)
    }

    /// The first of these versions that it names, without what is tried beside it.
    ///
    /// Errors: none begins with these digits, or several digests do.
    fn among(
        &self,
        versions: impl Iterator<Item = Arc<FilterVersion>>,
    ) -> Result<Arc<FilterVersion>, String> {
        let (mut listed, mut seen) = (Vec::new(), BTreeSet::new());
        let (mut first, mut named) = (None, BTreeSet::<String>::new());
        let mut met = BTreeSet::new();
        for version in versions {
            // Many endpoints may hold the same one, and a digest reads its whole configuration.
            if !met.insert(Arc::as_ptr(&version).addr()) {
                continue;
            }
            let version = version.pinned();
            let (own, module) = (hex::encode(version.digest()), version.module.to_string());
            if !seen.insert(own.clone()) {
                continue;
            }
            let short = |digest: &str| digest[..LISTED_DIGITS].to_owned();
            listed.push(format!("{} of the module {}", short(&own), short(&module)));
            let both = [(!self.is_of_module).then_some(own), Some(module)];
            let meant: Vec<String> =
                both.into_iter().flatten().filter(|digest| self.begins(digest)).collect();
            if !meant.is_empty() {
                first = first.or(Some(version));
                named.extend(meant);
            }
        }
        match (first, named.len()) {
            (Some(first), 1) => Ok(Arc::new(first)),
            (None, _) => Err(self.nothing(&listed)),
            (Some(_), _) => {
                let all: Vec<String> = named.into_iter().collect();
                let digits = self.digits;
                Err(format!("`{digits}` begins several: {}; say more digits", all.join(", ")))
            }
        }
    }

    fn begins(&self, digest: &str) -> bool {
        digest.get(..self.digits.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(self.digits))
    }

    fn nothing(&self, listed: &[String]) -> String {
        let Pin { filter, digits, .. } = self;
        let shown = listed.iter().take(LISTED_MAX).map(String::as_str);
        let shown = shown.collect::<Vec<_>>().join(", ");
        let more = match listed.len().saturating_sub(LISTED_MAX) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        format!("no version of filter `{filter}` begins with `{digits}`; kept are {shown}{more}")
    }
}

impl Diff<'_> {
    /// The version that an endpoint's entry names after this change. What the endpoint pins by the
    /// same words already stays, whatever has come since.
    pub(crate) fn version_of(
        &self,
        tenant: &TenantId,
        entry: &str,
        (old, kept): Known<'_>,
    ) -> Result<Arc<FilterVersion>, (Wrong, String)> {
        let pinned = old.and_then(|old| old.pinned(entry));
        if pinned.is_none()
            && let Some(version) = self.filter(tenant, entry)
        {
            return Ok(version);
        }
        let Some(pin) = Pin::read(entry) else { return Err(self.no_such_filter(tenant, entry)) };
        let Some(now) = self.filter(tenant, pin.filter) else {
            return Err(self.no_such_filter(tenant, pin.filter));
        };
        if let Some(version) = pinned {
            return Ok(version.clone());
        }
        if self.keeps_all_versions {
            return Ok(now);
        }
        let before = self.base.filter(tenant, pin.filter).cloned();
        let kept = kept.iter().filter(|version| *version.name == *pin.filter).cloned();
        let others = self.base.pins_of(tenant, pin.filter).map(|(_, version)| version.clone());
        let all = [now].into_iter().chain(before).chain(kept).chain(others);
        pin.among(all).map_err(|reason| (Wrong::Invalid, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Declared, DeclaredFilter, History, ModuleDigest};
    use event::Offset;

    #[test]
    fn a_pin_is_a_name_and_eight_digits_or_more() {
        let all = "9f86d081".repeat(8);
        for (entry, filter, digits, is_of_module) in [
            ("f@9f86d081", "f", "9f86d081", false),
            ("a@b@9F86D0811", "a@b", "9F86D0811", false),
            ("forebay/redact@sha256:9f86d081", "forebay/redact", "9f86d081", true),
            (&*format!("f@sha256:{all}"), "f", &*all, true),
        ] {
            assert_eq!(Pin::read(entry), Some(Pin { filter, digits, is_of_module }), "{entry}");
            assert_eq!(Pin::filter_of(entry), filter);
        }
        let long = format!("f@{all}0");
        for entry in ["f", "f@9f86d08", "f@", "@9f86d081", "f@9f86d08x", "f@sha256:", &long] {
            assert_eq!(Pin::read(entry), None, "{entry}");
            assert_eq!(Pin::filter_of(entry), entry);
        }
    }

    /// Versions of one filter by the last bytes of their modules and their configurations.
    fn versions(made: &[(u8, &str)]) -> Vec<Arc<FilterVersion>> {
        let tenant = TenantId::new("a");
        let version = |(last, config): &(u8, &str)| {
            let mut module = [7; 32];
            module[31] = *last;
            let mut filter = DeclaredFilter::new(tenant.clone(), "f", ModuleDigest(module));
            filter.config = (*config).to_owned();
            let declared = Declared { filters: vec![filter], ..Declared::default() };
            let mut history = History::default();
            let set = history.latest().diff(&declared).unwrap();
            history.apply(set, Offset(1)).unwrap();
            history.latest().filter(&tenant, "f").unwrap().clone()
        };
        made.iter().map(version).collect()
    }

    #[test]
    fn the_newest_of_a_module_is_meant_or_the_version_itself_and_never_one_of_several() {
        let all = versions(&[(1, "{}"), (2, "[2]"), (2, "[1]")]);
        let among = |entry: &str| Pin::read(entry).unwrap().among(all.iter().cloned());
        let module = |n: usize| all[n].module.to_string();
        let found = among(&format!("f@{}", module(2))).unwrap();
        assert_eq!(&*found.config, "[2]", "the newest of the module");
        let own = hex::encode(all[2].digest());
        assert_eq!(&*among(&format!("f@{}", &own[..10])).unwrap().config, "[1]");
        assert_eq!(&*among(&format!("f@{}", own.to_uppercase())).unwrap().config, "[1]");
        assert!(among(&format!("f@sha256:{own}")).is_err(), "no module is called so");
        let several = among("f@07070707").unwrap_err();
        assert!(several.contains(&module(0)) && several.contains(&module(1)), "{several}");
        let nothing = among("f@ffffffff").unwrap_err();
        for version in &all {
            let own = hex::encode(version.digest());
            assert!(nothing.contains(&own[..LISTED_DIGITS]), "{nothing}");
        }
    }
}
