use crate::config::load::Reach;
use crate::config::secrets;
use crate::config::section::Section;
use crate::config::sections::terms;
use crate::config::tree::Table;
use event::TenantId;
use registry::{DeclaredEndpoint, Ordering, Terms};
use signature::SecretForm;

pub(crate) fn all(
    top: &mut Section<'_, '_>,
    reach: &Reach,
    default: &Terms,
) -> Vec<DeclaredEndpoint> {
    let mut endpoints = Vec::new();
    for table in top.tables("endpoint") {
        endpoints.extend(one(top.element("endpoint", table), table, reach, default));
    }
    endpoints
}

fn one(
    mut section: Section<'_, '_>,
    table: &Table,
    reach: &Reach,
    default: &Terms,
) -> Option<DeclaredEndpoint> {
    let endpoint = read(&mut section, reach, default);
    let is_given = secrets::KEYS.iter().any(|key| table.node(key).is_some());
    if !is_given {
        let message = "this endpoint has no secret to sign with".to_owned();
        let advice = "set `secret_env`, `secret_file` or `secrets`; `forebay sign --new-secret` \
                      prints one";
        section.refuse("name", message, advice);
    }
    section.finish();
    endpoint
}

/// What a table says of an endpoint, as far as every file can say it.
pub(crate) fn read(
    section: &mut Section<'_, '_>,
    reach: &Reach,
    default: &Terms,
) -> Option<DeclaredEndpoint> {
    let name = section.required::<String>("name", "name it after the receiver, such as \"ci\"");
    let tenant = section.value("app", TenantId::DEFAULT.to_owned());
    let url = section.required::<String>("url", "where the events go: https://…");
    let endpoint = DeclaredEndpoint {
        types: section.list("types", Vec::new()),
        condition: section.text("where"),
        filters: section.list("filters", Vec::new()),
        terms: Terms { ordering: ordering(section), ..terms(section, default) },
        secrets: secrets::secrets(section, reach, SecretForm::Standard),
        headers: headers(section, reach),
        is_disabled: section.value("disabled", false),
        ..DeclaredEndpoint::new(
            TenantId::new(&tenant),
            name.as_deref().unwrap_or_default(),
            url.as_deref().unwrap_or_default(),
        )
    };
    if endpoint.secrets.iter().any(|secret| secret.expose().trim().starts_with("whpk_")) {
        let key = secrets::KEYS.into_iter().find(|key| section.node(key).is_some());
        let message = "`whpk_` is a public key: it verifies, and signs nothing".to_owned();
        let advice = "give the secret that deliveries are signed with: `whsec_…`, or `whsk_…`";
        section.refuse(key.unwrap_or("name"), message, advice);
    }
    section.not_yet("jsonpath", &[""], "say it in `where`");
    section.not_yet("auth", &[], "set `headers`");
    section.not_yet("batch", &[], "take it out: each event is a request");
    (name.is_some() && url.is_some()).then_some(endpoint)
}

fn ordering(section: &mut Section<'_, '_>) -> Ordering {
    let choices = [("none", Ordering::None), ("key", Ordering::Key), ("fifo", Ordering::Fifo)];
    section.choice_or_first("ordering", &choices)
}

/// Values are for the receiver alone, so nothing shows them.
fn headers(section: &mut Section<'_, '_>, reach: &Reach) -> Vec<(String, String)> {
    let mut table = section.section("headers");
    let mut headers = Vec::new();
    for (name, node) in table.entries() {
        let what = format!("the header `{name}`");
        if let Some((value, _)) = secrets::one_of_list(&mut table, reach, node, &what) {
            headers.push((name.to_owned(), value.expose().to_owned()));
        }
    }
    headers
}
