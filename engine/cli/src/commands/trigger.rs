use crate::arguments::TriggerArguments;
use crate::client::{Call, parse_url};
use crate::commands::send::tell;
use crate::exit::{Exit, Failure};
use crate::given::{SERVER, inputs, now, print};
use crate::samples::{SAMPLES, Sample};
use forebay::config::{Config, Flags, Source};
use hyper::Method;
use serde_json::{Value, json};
use signature::{Draft, Scheme, Secret};

/// Where a sample goes, and how it is signed.
struct Way {
    url: String,
    path: String,
    scheme: Scheme,
    secrets: Vec<Secret>,
    /// As the source knows its own address.
    public_url: String,
}

pub fn run(arguments: &TriggerArguments) -> Result<Exit, Failure> {
    if arguments.list {
        return list(arguments.json);
    }
    let name = arguments.name.as_deref().unwrap_or_default();
    let sample = SAMPLES.iter().find(|sample| sample.name == name);
    let sample = sample.ok_or_else(|| {
        Failure::usage(format!("no sample {name:?}; `forebay trigger --list` shows all"))
    })?;
    let way = way(arguments, sample)?;
    let mut url = parse_url("--url", &way.url)?;
    url.set_path(&format!("{}{}", url.path().trim_end_matches('/'), way.path));
    let at = now();
    // Each trigger is another delivery, as each push is.
    let id = format!("sample-{}", at.nanos());
    let body = sample.body_with(&id, at);
    let draft = Draft {
        id: &id,
        at,
        method: "POST",
        url: &format!("{}{}", way.public_url, way.path),
        body: body.as_bytes(),
    };
    let mut headers = way.scheme.sign(&draft, &way.secrets).map_err(Failure::usage)?;
    headers.push(("content-type".into(), "application/json".into()));
    headers.extend(sample.headers_with(&id));
    let answer = Call { method: Method::POST, url, headers, body: body.into_bytes() }.ask()?;
    if answer.status == 401 {
        if arguments.json {
            answer.print()?;
        }
        let why =
            format!("401: the server has no source at {}, or its secret is another", way.path);
        return Err(Failure::new(Exit::Failed, why));
    }
    tell(&answer, arguments.json)
}

/// What is given counts; what is not is that of the configured source.
fn way(arguments: &TriggerArguments, sample: &Sample) -> Result<Way, Failure> {
    let context = arguments.target.context(&arguments.context)?;
    let url = context.map(|context| context.url).or_else(|| arguments.target.url.clone());
    let is_complete = arguments.secret.is_given() && arguments.source.is_none();
    let preset = || Scheme::preset(sample.scheme).expect("samples are of presets");
    if is_complete {
        let scheme = preset();
        let path = arguments.path.clone();
        return Ok(Way {
            url: url.unwrap_or_else(|| SERVER.into()),
            path: path.unwrap_or_else(|| format!("/in/{}", sample.scheme)),
            secrets: arguments.secret.secrets(&scheme)?,
            scheme,
            public_url: String::new(),
        });
    }
    // Endpoints are not this command's business, so they may be anywhere.
    let flags = Flags { dev: true, ..Flags::default() };
    let config = Config::load(&inputs(arguments.file.config.as_deref(), flags))?;
    let source = configured(&config, arguments.source.as_deref(), sample)?;
    let scheme = source.settings.scheme(&source.scheme).and_then(Result::ok).unwrap_or_else(preset);
    let secrets = match arguments.secret.is_given() {
        true => arguments.secret.secrets(&scheme)?,
        false => {
            let parse = |text| Secret::parse(text, scheme.secret).map_err(Failure::usage);
            source.secrets.iter().map(|secret| parse(secret.expose())).collect::<Result<_, _>>()?
        }
    };
    Ok(Way {
        url: url.unwrap_or_else(|| format!("http://{}", config.server.listen)),
        path: arguments.path.clone().unwrap_or_else(|| source.path.clone()),
        scheme,
        secrets,
        public_url: config.server.public_url.clone(),
    })
}

fn configured<'c>(
    config: &'c Config,
    name: Option<&str>,
    sample: &Sample,
) -> Result<&'c Source, Failure> {
    let mut sources = config.sources.iter();
    match name {
        Some(name) => sources
            .find(|source| source.name == name)
            .ok_or_else(|| Failure::usage(format!("the configuration has no source {name:?}"))),
        None => sources.find(|source| source.scheme == sample.scheme).ok_or_else(|| {
            let scheme = sample.scheme;
            Failure::usage(format!(
                "the configuration has no source of scheme {scheme:?}: name one by --source, or \
                 give --url and --secret-env"
            ))
        }),
    }
}

fn list(is_json: bool) -> Result<Exit, Failure> {
    let text = match is_json {
        true => {
            let one = |s: &Sample| json!({ "name": s.name, "scheme": s.scheme, "what": s.what });
            format!("{:#}\n", SAMPLES.iter().map(one).collect::<Value>())
        }
        false => SAMPLES.iter().map(|s| format!("{:28} {}\n", s.name, s.what)).collect(),
    };
    print(&text)?;
    Ok(Exit::Ok)
}
