use crate::written;
use forebay::config::{Config, Flags, Inputs, Origin};

fn inputs(text: &str, variables: &[(&str, &str)], flags: Flags) -> (tempfile::TempDir, Inputs) {
    let folder = written(text);
    let file = Some(folder.path().join("forebay.toml"));
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    (folder, Inputs { file, environment: variables.collect(), flags })
}

fn origin_of(config: &Config, key: &str) -> Origin {
    config.settings().iter().find(|setting| setting.key == key).unwrap().origin.clone()
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let text =
        "[server]\nlisten = \"127.0.0.1:1\"\n[log.retention]\nage = \"1d\"\nbytes = \"1GiB\"";
    let variables = [
        ("FOREBAY_SERVER__LISTEN", "127.0.0.1:2"),
        ("FOREBAY_LOG__RETENTION__AGE", "2d"),
        ("FOREBAY_DELIVERY__JITTER", "0.5"),
        ("FOREBAY_DELIVERY__SCHEDULE", "1s, 2s"),
        ("FOREBAY_DELIVERY__ALLOW_NETWORKS", "[\"10.0.0.0/8\"]"),
        ("FOREBAY_INGEST__IDEMPOTENCY__KEYS_MAX", "5"),
        ("FOREBAY_DATA", "/tmp/from-environment"),
        // What Kubernetes gives beside a service that is called forebay is none of ours.
        ("FOREBAY_PORT", "tcp://10.0.0.1:80"),
        ("FOREBAY_SERVICE_HOST", "10.0.0.1"),
    ];
    let flags = Flags { listen: Some("127.0.0.1:3".into()), ..Flags::default() };
    let (_folder, inputs) = inputs(text, &variables, flags);
    let config = Config::load(&inputs).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(origin_of(&config, "listen"), Origin::Flag("--listen"));
    assert_eq!(config.log.retention.age.as_secs(), 2 * 24 * 3600);
    let name = "FOREBAY_LOG__RETENTION__AGE".to_owned();
    assert_eq!(origin_of(&config, "age"), Origin::Environment(name));
    assert_eq!(config.log.retention.bytes, 1 << 30, "its neighbour is still the file's");
    assert_eq!(config.delivery.terms.schedule.len(), 2);
    assert_eq!(config.delivery.terms.jitter, 0.5);
    assert_eq!(config.delivery.allow_networks.len(), 1);
    assert_eq!(config.ingest.duplicates_max, 5);
    assert_eq!(config.data.to_str(), Some("/tmp/from-environment"));
    assert_eq!(origin_of(&config, "drain"), Origin::Default);
}

#[test]
fn what_the_environment_gets_wrong_is_told_by_its_name() {
    let variables = [
        ("FOREBAY_SERVER__LISTN", "127.0.0.1:2"),
        ("FOREBAY_LOG__DURABILITY", "fsnc"),
        ("FOREBAY_SOURCE__NAME", "x"),
    ];
    let (_folder, inputs) = inputs("", &variables, Flags::default());
    let told = Config::load(&inputs).unwrap_err().to_string();
    for expected in [
        "error: `FOREBAY_SERVER__LISTN` names no key of [server]\n \
         --> environment variable FOREBAY_SERVER__LISTN\n  \
         = help: did you mean `FOREBAY_SERVER__LISTEN`?\n",
        "error: `durability` must be one of fsync, os, not \"fsnc\"\n \
         --> environment variable FOREBAY_LOG__DURABILITY\n  = help: did you mean \"fsync\"?\n",
        "error: `source` is a list of tables, each under [[source]]\n \
         --> environment variable FOREBAY_SOURCE__NAME\n",
    ] {
        assert!(told.contains(expected), "{expected}\n---\n{told}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let file = Some("no/such/forebay.toml".into());
    let told = Config::load(&Inputs { file, ..Inputs::default() }).unwrap_err().to_string();
    assert!(told.starts_with("error: no/such/forebay.toml cannot be read: "), "{told}");
}

#[test]
fn development_lets_endpoints_be_on_this_machine() {
    let text = "[[endpoint]]\nname = \"a\"\nurl = \"http://localhost:9000/\"\nsecret = \
                \"whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0ISE=\"";
    let (_folder, mut inputs) = inputs(text, &[], Flags::default());
    assert!(Config::load(&inputs).is_err());
    inputs.flags.dev = true;
    let config = Config::load(&inputs).unwrap_or_else(|error| panic!("{error}"));
    assert!(config.dev && config.guard().allow_loopback);
}
