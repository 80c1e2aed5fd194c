use super::choice::EndpointChoice;
use super::table::Column;
use super::{All, Examples, Fields};
use crate::exit::Failure;
use crate::given::body;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

/// Members by their names, those that were given.
pub(super) struct Members(pub(super) Map<String, Value>);

impl Members {
    pub(super) fn new() -> Members {
        Members(Map::new())
    }

    pub(super) fn with(mut self, name: &str, value: &Option<impl Clone + Into<Value>>) -> Members {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.clone().into());
        }
        self
    }

    /// An empty text clears it.
    pub(super) fn with_text(self, name: &str, text: &Option<String>) -> Members {
        let value = text.as_deref().map(|text| match text {
            "" => Value::Null,
            text => text.into(),
        });
        self.with(name, &value)
    }

    /// One empty text clears it.
    pub(super) fn with_all(mut self, name: &str, values: &[String]) -> Members {
        match values {
            [] => {}
            [empty] if empty.is_empty() => {
                self.0.insert(name.to_owned(), Value::Null);
            }
            values => {
                self.0.insert(name.to_owned(), json!(values));
            }
        }
        self
    }

    /// `KEY=VALUE` each.
    pub(super) fn with_pairs(mut self, name: &str, pairs: &[String]) -> Result<Members, Failure> {
        let mut map = Map::new();
        for pair in pairs {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(Failure::usage(format!("{pair:?}: it has the form KEY=VALUE")));
            };
            map.insert(key.to_owned(), value.into());
        }
        if !map.is_empty() {
            self.0.insert(name.to_owned(), map.into());
        }
        Ok(self)
    }
}

#[derive(Args)]
pub struct AppFields {
    /// For people
    #[arg(long)]
    name: Option<String>,
    /// A name of your own, unique on the server; '' for none
    #[arg(long)]
    uid: Option<String>,
    /// Notes; all of them are replaced
    #[arg(long, value_name = "KEY=VALUE")]
    metadata: Vec<String>,
}

impl Fields for AppFields {
    type Choice = All;

    const COLUMNS: &'static [Column] =
        &[("ID", "id"), ("UID", "uid"), ("NAME", "name"), ("CREATED", "createdAt")];
    const NAME: &'static str = "id";
    const NEEDED: &'static [(&'static str, &'static str, &'static str)] =
        &[("--name", "name", "a name for people")];
    const EXAMPLES: Examples = Examples {
        ls: "Examples:\n  forebay app ls\n  forebay app ls --limit 10 --json",
        get: "Example:\n  forebay app get shop",
        create: "Example:\n  forebay app create --name Shop --uid shop --metadata plan=gold",
        update: "Example:\n  forebay app update shop --name Store",
        rm: "Its events stay in the log until retention takes them, and nobody reads them there.\n\
             To have them gone for good, erase them before or afterwards: then by its id.\n\n\
             Examples:\n  forebay app rm shop\n  \
             forebay erase --app app_2dPhQ0oZ5aVb0wQm8Xr1Tc --everything --wait",
    };
    const LEFT: Option<fn(&str) -> String> = Some(|id| {
        format!(
            "its events stay in the log until retention takes them; to have them gone for good:\n\
             forebay erase --app {id} --everything --wait"
        )
    });

    fn body(&self) -> Result<Map<String, Value>, Failure> {
        let members = Members::new().with("name", &self.name).with_text("uid", &self.uid);
        Ok(members.with_pairs("metadata", &self.metadata)?.0)
    }
}

#[derive(Args)]
pub struct EndpointFields {
    /// The URL that deliveries go to
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// A name of your own, unique in its application; '' for none
    #[arg(long)]
    uid: Option<String>,
    #[arg(long)]
    description: Option<String>,
    /// A type or a pattern such as 'order.*'; every type without any, or with ''
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Messages of this channel; of all channels without any, or with ''
    #[arg(long = "channel", value_name = "CHANNEL")]
    channels: Vec<String>,
    /// A condition over the event, such as 'data.total > 100'; '' for none
    #[arg(long = "where", value_name = "EXPRESSION")]
    condition: Option<String>,
    /// A filter of the application; several run in order. NAME@DIGITS is the version that begins
    /// so, whatever comes into force later
    #[arg(long = "filter", value_name = "NAME")]
    filters: Vec<String>,
    /// What order deliveries keep
    #[arg(long, value_enum)]
    ordering: Option<Ordering>,
    /// The pause before a further attempt, such as 5s; give all of them in order
    #[arg(long, value_name = "PAUSE")]
    schedule: Vec<String>,
    /// Of one attempt, all told; 0 for what is usual on the server
    #[arg(long, value_name = "MILLISECONDS")]
    timeout_ms: Option<u64>,
    /// Attempts that may begin in a second; 0 for what is usual on the server
    #[arg(long, value_name = "N")]
    throttle_rate: Option<u16>,
    /// JavaScript that changes what it is sent, with a `function handler(webhook)`: the code
    /// itself, @FILE, or - for stdin; '' for none
    #[arg(long, value_name = "CODE")]
    transformation: Option<String>,
    /// What that code finds in `webhook.variables`; all of them are replaced
    #[arg(long = "variable", value_name = "KEY=VALUE", requires = "transformation")]
    variables: Vec<String>,
    /// Whether deliveries wait
    #[arg(long, value_name = "BOOL")]
    disabled: Option<bool>,
    /// Notes; all of them are replaced
    #[arg(long, value_name = "KEY=VALUE")]
    metadata: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Ordering {
    None,
    Key,
    Fifo,
}

impl Fields for EndpointFields {
    type Choice = EndpointChoice;

    const COLUMNS: &'static [Column] = &[
        ("ID", "id"),
        ("UID", "uid"),
        ("URL", "url"),
        ("TYPES", "eventTypes"),
        ("DISABLED", "disabled"),
    ];
    const NAME: &'static str = "id";
    const NEEDED: &'static [(&'static str, &'static str, &'static str)] =
        &[("--to", "url", "the URL that deliveries go to")];
    const EXAMPLES: Examples = Examples {
        ls: "Examples:\n  forebay endpoint ls\n  forebay endpoint ls --app shop --json\n  \
             forebay endpoint ls --app shop --type order.paid --disabled\n  \
             forebay endpoint ls --search example.com",
        get: "Example:\n  forebay endpoint get ep_1 --app shop",
        create: "\
Examples:
  forebay endpoint create --to https://example.com/in
  forebay endpoint create --app shop --to https://example.com/in --uid ci --type 'order.*'",
        update: "\
Examples:
  forebay endpoint update ep_1 --app shop --where 'data.total > 100' --filter forebay/redact
  forebay endpoint update ep_1 --app shop --disabled true",
        rm: "Example:\n  forebay endpoint rm ep_1 --app shop",
    };

    fn body(&self) -> Result<Map<String, Value>, Failure> {
        let ordering = self.ordering.and_then(|ordering| {
            let value = ordering.to_possible_value();
            value.map(|value| value.get_name().to_owned())
        });
        let usual_at_0 = |n: u64| if n == 0 { Value::Null } else { n.into() };
        let members = Members::new()
            .with("url", &self.to)
            .with_text("uid", &self.uid)
            .with("description", &self.description)
            .with_all("eventTypes", &self.types)
            .with_all("channels", &self.channels)
            .with_text("where", &self.condition)
            .with_all("filters", &self.filters)
            .with("ordering", &ordering)
            .with_all("schedule", &self.schedule)
            .with("timeoutMs", &self.timeout_ms.map(usual_at_0))
            .with("throttleRate", &self.throttle_rate.map(|rate| usual_at_0(rate.into())))
            .with("disabled", &self.disabled);
        let members = members.with("transformation", &self.script()?);
        Ok(members.with_pairs("metadata", &self.metadata)?.0)
    }
}

impl EndpointFields {
    /// Null takes it off.
    fn script(&self) -> Result<Option<Value>, Failure> {
        let code = match self.transformation.as_deref() {
            None => return Ok(None),
            Some("") => return Ok(Some(Value::Null)),
            Some(argument) => String::from_utf8(body(argument)?),
        };
        let code = code.map_err(|_| Failure::usage("--transformation: the code is text"))?;
        let script = Members::new().with("code", &Some(code));
        Ok(Some(script.with_pairs("variables", &self.variables)?.0.into()))
    }
}

#[derive(Args)]
pub struct TypeFields {
    /// Such as order.paid
    #[arg(long)]
    name: Option<String>,
    #[arg(long)]
    description: Option<String>,
    /// The JSON Schemas of its versions: a JSON object, @FILE, or - for stdin
    #[arg(long, value_name = "JSON")]
    schemas: Option<String>,
    /// One JSON Schema, which takes the place of all: JSON, @FILE, or - for stdin
    #[arg(long, value_name = "JSON", conflicts_with = "schemas")]
    schema: Option<String>,
    /// The version that it is
    #[arg(long, value_name = "VERSION", requires = "schema", default_value = "1")]
    schema_version: String,
    /// Hold messages to the schema of this version; '' for none
    #[arg(long, value_name = "VERSION")]
    enforce: Option<String>,
    /// Whether it is left out of lists
    #[arg(long, value_name = "BOOL")]
    archived: Option<bool>,
}

impl Fields for TypeFields {
    type Choice = All;

    const COLUMNS: &'static [Column] =
        &[("NAME", "name"), ("DESCRIPTION", "description"), ("ARCHIVED", "archived")];
    const NAME: &'static str = "name";
    const NEEDED: &'static [(&'static str, &'static str, &'static str)] =
        &[("--name", "name", "such as order.paid")];
    const EXAMPLES: Examples = Examples {
        ls: "Example:\n  forebay event-type ls --json",
        get: "Example:\n  forebay event-type get order.paid",
        create: "\
Example:
  forebay event-type create --name order.paid --description 'An order was paid'",
        update: "\
Example:
  forebay event-type update order.paid --schema @order.schema.json --enforce 1",
        rm: "Example:\n  forebay event-type rm order.paid",
    };

    fn body(&self) -> Result<Map<String, Value>, Failure> {
        let all = self.schemas.as_deref().map(|text| json_of("--schemas", text)).transpose()?;
        let one = self.schema.as_deref().map(|text| json_of("--schema", text)).transpose()?;
        let schemas = all.or(one.map(|one| json!({ &*self.schema_version: one })));
        let members = Members::new()
            .with("name", &self.name)
            .with("description", &self.description)
            .with("schemas", &schemas)
            .with_text("enforcedSchema", &self.enforce)
            .with("archived", &self.archived);
        Ok(members.0)
    }
}

#[derive(Args)]
pub struct KeyFields {
    /// For people
    #[arg(long)]
    name: Option<String>,
    /// What it may do: admin, manager, producer or reader
    #[arg(long)]
    role: Option<String>,
    /// The application that it is bound to
    #[arg(long, value_name = "APP")]
    app: Option<String>,
    /// For a producer: a type or pattern that it may publish; every type without any
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// When it ends, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
}

impl Fields for KeyFields {
    type Choice = All;

    const COLUMNS: &'static [Column] = &[
        ("ID", "id"),
        ("NAME", "name"),
        ("ROLE", "role"),
        ("APP", "app"),
        ("EXPIRES", "expiresAt"),
        ("LAST USED", "lastUsedAt"),
    ];
    const NAME: &'static str = "id";
    const NEEDED: &'static [(&'static str, &'static str, &'static str)] = &[
        ("--name", "name", "a name for people"),
        ("--role", "role", "admin, manager, producer or reader"),
    ];
    const EXAMPLES: Examples = Examples {
        ls: "Example:\n  forebay key ls --json",
        get: "Example:\n  forebay key get 0aB3dE5fG7",
        create: "\
Example:
  forebay key create --name shop --role producer --app shop --type 'order.*' > shop.key",
        update: "Example:\n  forebay key update 0aB3dE5fG7 --expires-at 2027-01-31T00:00:00Z",
        rm: "Example:\n  forebay key rm 0aB3dE5fG7",
    };

    fn body(&self) -> Result<Map<String, Value>, Failure> {
        let members = Members::new()
            .with("name", &self.name)
            .with("role", &self.role)
            .with("app", &self.app)
            .with_all("types", &self.types)
            .with("expiresAt", &self.expires_at);
        Ok(members.0)
    }
}

#[derive(Args)]
pub struct SourceFields {
    /// Unique in its application
    #[arg(long)]
    name: Option<String>,
    /// How senders sign: a provider such as github, standard-webhooks, hmac, or none; `forebay sign
    /// --list` shows all
    #[arg(long)]
    scheme: Option<String>,
    /// Where it listens [default: /in/<name>, or /in/<the app's id>/<name>]
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// What senders sign with: the text itself, @FILE, or - for stdin; made when it is not said
    #[arg(long, value_name = "SECRET")]
    secret: Option<String>,
    /// What else a configuration file says of sources: a JSON object, @FILE, or - for stdin
    #[arg(long, value_name = "JSON")]
    settings: Option<String>,
}

impl Fields for SourceFields {
    type Choice = All;

    const COLUMNS: &'static [Column] = &[
        ("NAME", "name"),
        ("SCHEME", "scheme"),
        ("PATH", "path"),
        ("DECLARED", "declared"),
        ("UPDATED", "updatedAt"),
    ];
    const NAME: &'static str = "path";
    const NEEDED: &'static [(&'static str, &'static str, &'static str)] = &[
        ("--name", "name", "a name"),
        ("--scheme", "scheme", "a provider such as github, hmac, or none"),
    ];
    const EXAMPLES: Examples = Examples {
        ls: "Example:\n  forebay source ls --app shop",
        get: "Example:\n  forebay source get github",
        create: "\
Examples:
  forebay source create --name github --scheme github --secret @github.secret
  forebay source create --app shop --name till --scheme standard-webhooks",
        update: "Example:\n  forebay source update github --path /in/gh",
        rm: "Example:\n  forebay source rm github",
    };

    fn body(&self) -> Result<Map<String, Value>, Failure> {
        let secret = self.secret.as_deref().map(line).transpose()?;
        let settings = self.settings.as_deref().map(|text| json_of("--settings", text));
        let members = Members::new()
            .with("name", &self.name)
            .with("scheme", &self.scheme)
            .with("path", &self.path)
            .with("secret", &secret)
            .with("settings", &settings.transpose()?);
        Ok(members.0)
    }
}

/// A text without the line's end behind it.
pub(super) fn line(argument: &str) -> Result<String, Failure> {
    let text = String::from_utf8(body(argument)?);
    let text = text.map_err(|_| Failure::usage("a secret is text"))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// JSON of an argument, named in what goes wrong.
pub(super) fn json_of(argument: &str, text: &str) -> Result<Value, Failure> {
    let read: Result<Value, _> = serde_json::from_slice(&body(text)?);
    read.map_err(|error| Failure::usage(format!("{argument}: {error}")))
}
