use crate::api::{ANY_BYTES, Content, Operation, Scope, Verb, captures, operations};
use crate::problem::Form;
use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// What is told of a request that failed (RFC 9457).
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it stands for its schema alone")]
struct Problem {
    r#type: String,
    title: String,
    status: u16,
    /// A stable word for programs.
    code: String,
    detail: String,
    /// What is wrong with the body, place by place.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<ValidationErrorItem>>,
}

/// What is told of a request that failed, under `/api/v1`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it stands for its schema alone")]
pub(crate) struct HttpErrorOut {
    code: String,
    detail: String,
}

/// What is wrong with a request, place by place, under `/api/v1`.
#[derive(JsonSchema)]
#[schemars(rename = "HTTPValidationError")]
#[expect(dead_code, reason = "it stands for its schema alone")]
struct HttpValidationError {
    detail: Vec<ValidationErrorItem>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "it stands for its schema alone")]
struct ValidationErrorItem {
    /// `body` or `query`, then the way to the value.
    loc: Vec<String>,
    msg: String,
    r#type: String,
}

/// The schemas of what is read and of what is written, which differ where a member has a default.
struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

/// The table of operations as an OpenAPI 3.1 document.
pub fn openapi() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for operation in operations() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.verb.name().to_ascii_lowercase()] = schemas.described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Forebay",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The management API of a Forebay node. What stands under `/api/v1` \
                            speaks Svix's wire format.",
        },
        "servers": [{ "url": "http://localhost:8080" }],
        "paths": paths,
        "components": {
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas.definitions(),
        },
    })
}

impl Schemas {
    fn new() -> Schemas {
        let of = |contract| {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            settings.contract = contract;
            settings.into_generator()
        };
        Schemas { read: of(Contract::Deserialize), written: of(Contract::Serialize) }
    }

    fn described(&mut self, operation: &Operation) -> Value {
        let mut described = json!({
            "operationId": operation.id,
            "summary": operation.summary,
            "tags": [tag(operation.id)],
            "parameters": self.parameters(operation),
            "responses": self.responses(operation),
        });
        let content = match operation.body {
            Content::Json(schema) => {
                Some(json!({ "application/json": { "schema": schema(&mut self.read) } }))
            }
            Content::Binary(media_type) => Some(json!({ media_type: {}, ANY_BYTES: {} })),
            Content::Texts(media_types) => {
                Some(media_types.iter().map(|of| (of.to_string(), json!({}))).collect())
            }
            Content::Empty | Content::Text(_) => None,
        };
        if let Some(content) = content {
            described["requestBody"] = json!({ "required": true, "content": content });
        }
        if needs_key(operation) {
            described["security"] = json!([{ "key": [] }]);
        }
        described
    }

    fn parameters(&mut self, operation: &Operation) -> Vec<Value> {
        let in_path = captures(operation.path).map(|capture| {
            json!({
                "name": capture.name,
                "in": "path",
                "required": true,
                "description": capture.doc,
                "example": capture.example,
                "schema": { "type": "string" },
            })
        });
        let mut all: Vec<Value> = in_path.collect();
        all.extend(operation.query.iter().map(|parameter| {
            json!({
                "name": parameter.name,
                "in": "query",
                "description": parameter.doc,
                "schema": (parameter.schema)(&mut self.read),
            })
        }));
        if operation.is_repeatable() || operation.scope == Scope::Publish {
            all.push(json!({
                "name": "idempotency-key",
                "in": "header",
                "description": "The same key with the same request gets the first answer again.",
                "schema": { "type": "string", "minLength": 1, "maxLength": 256 },
            }));
        }
        all
    }

    fn responses(&mut self, operation: &Operation) -> Value {
        let mut responses = Map::new();
        for (status, content) in operation.answers {
            let mut response = json!({ "description": reason(*status) });
            match content {
                Content::Empty | Content::Texts(_) => {}
                Content::Binary(media_type) => response["content"] = json!({ *media_type: {} }),
                Content::Text(media_type) => {
                    response["content"] =
                        json!({ *media_type: { "schema": { "type": "string" } } });
                }
                Content::Json(schema) => {
                    let schema = schema(&mut self.written);
                    response["content"] = json!({ "application/json": { "schema": schema } });
                }
            }
            responses.insert(status.to_string(), response);
        }
        for status in failures(operation) {
            let failure = self.failure(operation, status);
            responses.entry(status.to_string()).or_insert(failure);
        }
        responses.into()
    }

    fn failure(&mut self, operation: &Operation, status: u16) -> Value {
        let (media_type, schema) = match (Form::of(operation.path), status) {
            (Form::Rfc9457, _) => {
                ("application/problem+json", self.written.subschema_for::<Problem>())
            }
            (Form::Svix, 422) => {
                ("application/json", self.written.subschema_for::<HttpValidationError>())
            }
            (Form::Svix, _) => ("application/json", self.written.subschema_for::<HttpErrorOut>()),
        };
        json!({ "description": reason(status), "content": { media_type: { "schema": schema } } })
    }

    fn definitions(mut self) -> Map<String, Value> {
        let mut all = self.written.take_definitions(true);
        for (name, schema) in self.read.take_definitions(true) {
            let known = all.entry(name.clone()).or_insert_with(|| schema.clone());
            assert!(*known == schema, "`{name}` is read otherwise than written: make it two types");
        }
        all
    }
}

fn needs_key(operation: &Operation) -> bool {
    !matches!(operation.scope, Scope::Anyone | Scope::Page | Scope::Local)
}

/// `endpoint` of `v1.endpoint.get`.
fn tag(id: &str) -> &str {
    id.rsplit('.').nth(1).unwrap_or(id)
}

/// How an operation can fail, beside what goes wrong inside.
fn failures(operation: &Operation) -> Vec<u16> {
    let has_body = !matches!(operation.body, Content::Empty);
    let has_captures = captures(operation.path).next().is_some();
    let is_svix = Form::of(operation.path) == Form::Svix;
    let is_plain_post = operation.verb == Verb::Post && operation.scope != Scope::Publish;
    [
        (400, !is_svix || operation.is_repeatable()),
        (401, needs_key(operation)),
        (403, needs_key(operation) && operation.scope != Scope::Keyed),
        (404, has_captures || operation.is_in_app()),
        (408, true),
        (409, operation.is_change()),
        (412, operation.is_change() && !is_plain_post),
        (413, true),
        (415, has_body),
        (421, matches!(operation.scope, Scope::Page | Scope::Local)),
        (422, has_body || is_svix || operation.is_change()),
        (429, needs_key(operation)),
        (503, operation.scope != Scope::Anyone),
        (
            507,
            operation.scope == Scope::Publish
                || matches!(operation.body, Content::Binary(_) | Content::Texts(_)),
        ),
    ]
    .into_iter()
    .filter_map(|(status, can_be)| can_be.then_some(status))
    .collect()
}

fn reason(status: u16) -> &'static str {
    let status = hyper::StatusCode::from_u16(status).ok();
    status.and_then(|status| status.canonical_reason()).unwrap_or("Answered")
}
