use crate::run::Folder;

const CONFIG: &str = "[log]\ndurability = \"os\"\n\n[[source]]\nname = \"a\"\n\
                      scheme = \"github\"\nsecret_env = \"SECRET\"\n\n[[source]]\nname = \"b\"\n\
                      scheme = \"github\"\nsecret = \"hunter2\"\n";

#[test]
fn every_value_in_force_is_shown_with_its_origin() {
    let folder = Folder::with(CONFIG);
    let mut command = folder.command(&["config", "show", "--origin"]);
    let output = command.env("FOREBAY_LOG__RETENTION__AGE", "2d").output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let line_of = |key: &str| {
        let line = shown.lines().find(|line| line.starts_with(&format!("{key} = ")));
        line.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line_of("durability"), "durability = \"os\" # forebay.toml:2");
    let age = "age = \"2d\" # environment FOREBAY_LOG__RETENTION__AGE";
    assert_eq!(line_of("age"), age);
    assert_eq!(line_of("drain"), "drain = \"20s\" # default");
    assert_eq!(line_of("secret_env"), "secret_env = \"SECRET\" # forebay.toml:7");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn what_is_shown_is_a_configuration_that_means_the_same() {
    let folder = Folder::with("[log]\ndurability = \"os\"\n[delivery]\njitter = 0.5\n");
    let shown = folder.run(&["config", "show"]).out;
    let again = Folder::with(&shown);
    again.run(&["config", "show"]).expect(0, &shown);
}

#[test]
fn json_has_values_of_their_own_types() {
    let folder = Folder::with(CONFIG);
    let ended = folder.run(&["config", "show", "--origin", "--json"]);
    let found: Vec<serde_json::Value> = serde_json::from_str(&ended.out).unwrap();
    let of = |section: &str, key: &str| {
        let is_meant = |s: &&serde_json::Value| s["section"] == section && s["key"] == key;
        found.iter().find(is_meant).unwrap().clone()
    };
    assert_eq!(of("delivery", "jitter")["value"], 0.2);
    assert_eq!(of("delivery", "allow_networks")["value"], serde_json::json!([]));
    assert_eq!(of("log.group", "events")["value"], 2048);
    assert_eq!(of("log", "durability")["origin"], "forebay.toml:2");
    assert_eq!(of("", "data")["origin"], "default");
    assert!(!ended.out.contains("hunter2"));
}
