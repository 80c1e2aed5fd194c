use forebay::config::{Config, Problem, Setting, Spot};

pub const WORDS: &[&str] = &[
    "[server]\n",
    "[log]\n",
    "[ingest]\n",
    "[delivery]\n",
    "[filters]\n",
    "[observe]\n",
    "[[source]]\n",
    "[[filter]]\n",
    "[[endpoint]]\n",
    "name = \"a\"\n",
    "path = \"/in/a\"\n",
    "scheme = \"github\"\n",
    "url = \"https://example.com\"\n",
    "secret_env = \"X\"\n",
    "where = \"data.a = 1\"\n",
    "types = [\"a.*\"]\n",
    "schedule = [\"5s\", \"1h\"]\n",
    "listen = \"127.0.0.1:0\"\n",
    "allow_networks = [\"10.0.0.0/8\"]\n",
    "headers = { x-a = \"b\" }\n",
    "\"1MiB\"",
    "\"0s\"",
    "\"99999999999d\"",
    "1e400",
    "nan",
    "{ }",
    "[ ]",
    "'''",
    "\"\"\"",
    "\u{feff}",
    "é",
];

/// The text of a configuration. No secret and no module lies where it is read.
pub fn configurations(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // Files are named by paths, and this target is about text.
    if ["file", "module", "pem", "/dev", "/proc"].iter().any(|word| text.contains(word)) {
        return;
    }
    match Config::parse(text) {
        Err(error) => {
            assert!(!error.0.is_empty(), "refused for nothing");
            error.0.iter().for_each(|problem| points_into(problem, text));
            assert_eq!(Config::parse(text).unwrap_err(), error, "told otherwise");
        }
        Ok(config) => {
            // What cannot be built of it is said, not met with a panic.
            let _ = config.plan();
            let shown = shown(config.settings());
            let again = match Config::parse(&shown) {
                Ok(again) => again,
                Err(error) => panic!("what is shown is refused: {error}\n{shown}"),
            };
            let values = |config: &Config| {
                let of = |s: &Setting| (s.group, s.header.clone(), s.key, s.value.clone());
                config.settings().iter().map(of).collect::<Vec<_>>()
            };
            assert_eq!(values(&again), values(&config), "read again it is another");
        }
    }
}

fn points_into(problem: &Problem, text: &str) {
    assert!(!problem.message.is_empty());
    assert!(problem.to_string().starts_with("error: "));
    if let Spot::File { line, column, text: shown, width, .. } = &problem.spot {
        assert!((1..=text.matches('\n').count() + 1).contains(line), "line {line}");
        assert!(*column >= 1 && *width >= 1);
        assert!(!shown.contains(['\n', '\r']), "more than one line: {shown:?}");
    }
}

/// As `config show` writes it.
fn shown(settings: &[Setting]) -> String {
    let mut text = String::new();
    let mut group = None;
    for setting in settings {
        if group != Some(setting.group) && !setting.header.is_empty() {
            text += &format!("{}\n", setting.header);
        }
        group = Some(setting.group);
        text += &format!("{} = {}\n", setting.key, setting.value);
    }
    text
}
