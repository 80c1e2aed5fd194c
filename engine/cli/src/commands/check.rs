use crate::arguments::CheckArguments;
use crate::exit::{Exit, Failure};
use crate::given::{inputs, print};
use crate::subscriber;
use forebay::config::{Config, Flags, Problem, Spot};
use serde_json::{Value, json};

pub fn run(arguments: &CheckArguments) -> Result<Exit, Failure> {
    let flags = Flags { dev: arguments.dev, ..Flags::default() };
    let inputs = inputs(arguments.file.as_deref(), flags);
    let name = match &inputs.file {
        Some(path) => path.display().to_string(),
        None => "the empty configuration".to_owned(),
    };
    let checked = Config::load(&inputs);
    if !arguments.json {
        let config = checked?;
        subscriber::check(&config.observe)?;
        let [sources, filters, endpoints] = [
            counted(config.sources.len(), "source"),
            counted(config.filters.len(), "filter"),
            counted(config.endpoints.len(), "endpoint"),
        ];
        print(&format!("{name} is valid: {sources}, {filters}, {endpoints}\n"))?;
        return Ok(Exit::Ok);
    }
    let problems: Vec<Value> = match &checked {
        Ok(config) => match subscriber::check(&config.observe) {
            Ok(()) => Vec::new(),
            Err(failure) => vec![json!({ "message": failure.to_string() })],
        },
        Err(error) => error.0.iter().map(problem).collect(),
    };
    let found = json!({ "file": name, "valid": problems.is_empty(), "problems": problems });
    print(&format!("{found:#}\n"))?;
    Ok(if problems.is_empty() { Exit::Ok } else { Exit::Usage })
}

fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

fn problem(problem: &Problem) -> Value {
    let mut found = json!({ "message": problem.message, "advice": problem.advice });
    match &problem.spot {
        Spot::File { path, line, column, .. } => {
            found["file"] = json!(path);
            found["line"] = json!(line);
            found["column"] = json!(column);
        }
        Spot::Environment(name) => found["environment"] = json!(name),
        Spot::Flag(name) => found["flag"] = json!(name),
        Spot::Nowhere => {}
    }
    found
}
