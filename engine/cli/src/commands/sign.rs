use crate::arguments::SignArguments;
use crate::exit::{Exit, Failure};
use crate::given::{body, print};
use serde_json::{Map, Value};
use signature::{Draft, Scheme, Secret};

pub fn run(arguments: &SignArguments) -> Result<Exit, Failure> {
    if arguments.list {
        return list(arguments.json);
    }
    if arguments.new_secret {
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy).map_err(|error| Failure::new(Exit::Failed, error))?;
        print(&format!("{}\n", *Secret::fresh(&entropy)))?;
        return Ok(Exit::Ok);
    }
    let scheme = arguments.scheme.scheme()?;
    let secrets = arguments.secret.secrets(&scheme)?;
    let given = &arguments.body;
    let body = body(&given.body)?;
    if scheme.signed.has_url() && given.url.is_empty() {
        let message = format!("scheme {} signs the address that is called: --url", scheme.name);
        return Err(Failure::usage(message));
    }
    let draft = Draft {
        id: &arguments.id,
        at: given.at(),
        method: &given.method,
        url: &given.url,
        body: &body,
    };
    let headers = scheme.sign(&draft, &secrets).map_err(Failure::usage)?;
    let text = match arguments.json {
        true => {
            let headers = headers.into_iter().map(|(name, value)| (name, Value::from(value)));
            format!("{:#}\n", Value::from(headers.collect::<Map<_, _>>()))
        }
        false => headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect(),
    };
    print(&text)?;
    Ok(Exit::Ok)
}

fn list(is_json: bool) -> Result<Exit, Failure> {
    let mut names = [Scheme::names(), vec!["hmac".into()]].concat();
    names.sort_unstable();
    let text = match is_json {
        true => format!("{:#}\n", Value::from(names)),
        false => names.join("\n") + "\n",
    };
    print(&text)?;
    Ok(Exit::Ok)
}
