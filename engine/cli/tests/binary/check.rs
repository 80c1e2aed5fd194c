use crate::run::Folder;

const GOOD: &str = "[[source]]\nname = \"github\"\nscheme = \"github\"\nsecret_env = \"SECRET\"\n\
                    [[endpoint]]\nname = \"ci\"\nurl = \"https://ci.example.com/\"\n\
                    secret_env = \"SECRET\"\n";

#[test]
fn a_good_configuration_is_valid() {
    let folder = Folder::with(GOOD);
    let told = "forebay.toml is valid: 1 source, 0 filters, 1 endpoint\n";
    assert_eq!(folder.run(&["check"]).expect(0, told).err, "");
    folder.write("other.toml", "");
    let told = "other.toml is valid: 0 sources, 0 filters, 0 endpoints\n";
    folder.run(&["check", "other.toml"]).expect(0, told);
    let found = folder.run(&["check", "--json", "other.toml"]);
    let found: serde_json::Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!(found["valid"], true);
    let told = "the empty configuration is valid: 0 sources, 0 filters, 0 endpoints\n";
    Folder::new().run(&["check"]).expect(0, told);
}

#[test]
fn all_that_is_wrong_is_told_at_once_on_stderr() {
    let folder = Folder::with("[server]\nlistn = \"127.0.0.1:1\"\n\n[delivery]\ntimeout = 15\n");
    let ended = folder.run(&["check"]).expect(2, "");
    let expected = "\
error: unknown key `listn` in [server]
 --> forebay.toml:2:1
  |
2 | listn …
  | ^^^^^
  = help: did you mean `listen`?

error: `timeout` must be a span of time such as \"15s\" (units ms, s, m, h, d), not 15
 --> forebay.toml:5:11
  |
5 | timeout = 15
  |           ^^

2 things are wrong with the configuration
";
    assert_eq!(ended.err, expected);
}

#[test]
fn findings_are_json_on_stdout_when_asked() {
    let folder = Folder::with("[server]\nlistn = \"127.0.0.1:1\"\n");
    let ended = folder.run(&["check", "--json"]);
    assert_eq!((ended.code, &*ended.err), (2, ""));
    let found: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(found["valid"], false);
    let problem = &found["problems"][0];
    assert_eq!(problem["message"], "unknown key `listn` in [server]");
    assert_eq!(problem["advice"], "did you mean `listen`?");
    assert_eq!((&problem["line"], &problem["column"]), (&2.into(), &1.into()));
}

#[test]
fn a_missing_file_and_bad_directives_are_configuration() {
    let folder = Folder::with("[observe]\nlog = \"info,=,=\"\n");
    folder.run(&["check"]).expect(2, "").says("`log` under [observe] is \"info,=,=\"");
    folder.run(&["check", "no.toml"]).expect(2, "").says("error: no.toml cannot be read");
}

#[test]
fn endpoints_of_this_machine_are_for_development() {
    let folder = Folder::with(
        "[[endpoint]]\nname = \"a\"\nurl = \"http://localhost:9000/\"\nsecret_env = \"SECRET\"\n",
    );
    folder.run(&["check"]).expect(2, "").says("start with `--dev`");
    assert_eq!(folder.run(&["check", "--dev"]).code, 0);
}
