use crate::config::load::Reach;
use crate::config::problem::Shows;
use crate::config::secrets::secrets;
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
    let name = section.required::<String>("name", "name it after the receiver, such as \"ci\"");
    let tenant = section.value("app", TenantId::DEFAULT.to_owned());
    let url = section.required::<String>("url", "where the events go: https://…");
    let endpoint = DeclaredEndpoint {
        types: section.list("types", Vec::new()),
        condition: section.text("where"),
        filters: section.list("filters", Vec::new()),
        terms: Terms { ordering: ordering(&mut section), ..terms(&mut section, default) },
        secrets: secrets(&mut section, reach, SecretForm::Standard),
        headers: headers(&mut section),
        is_disabled: section.value("disabled", false),
        ..DeclaredEndpoint::new(
            TenantId::new(&tenant),
            name.as_deref().unwrap_or_default(),
            url.as_deref().unwrap_or_default(),
        )
    };
    let is_given = ["secret", "secret_env", "secret_file", "secrets"]
        .iter()
        .any(|key| table.node(key).is_some());
    if !is_given {
        let message = "this endpoint has no secret to sign with".to_owned();
        let advice = "set `secret_env`, `secret_file` or `secrets`; `forebay sign --new-secret` \
                      prints one";
        section.refuse("name", message, advice);
    }
    section.not_yet("jsonpath", &[""], "say it in `where`");
    section.not_yet("auth", &[], "set `headers`");
    section.not_yet("batch", &[], "take it out: each event is a request");
    section.finish();
    (name.is_some() && url.is_some()).then_some(endpoint)
}

fn ordering(section: &mut Section<'_, '_>) -> Ordering {
    let choices = [("none", Ordering::None), ("key", Ordering::Key), ("fifo", Ordering::Fifo)];
    section.choice_or_first("ordering", &choices)
}

/// Values are for the receiver alone, so nothing shows them.
fn headers(section: &mut Section<'_, '_>) -> Vec<(String, String)> {
    let mut table = section.section("headers");
    let mut headers = Vec::new();
    for (name, node) in table.entries() {
        match node.value.text() {
            Some(text) => headers.push((name.to_owned(), text.to_owned())),
            None => {
                let message = format!("the header `{name}` must be a text");
                table.notes.refuse(node.place.clone(), Shows::BeforePlace, message, None);
            }
        }
    }
    headers
}
