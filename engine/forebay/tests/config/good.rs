use crate::{GOOD, load, written};
use forebay::config::{Config, Origin};
use std::fs;
use std::time::Duration;

const FULL: &str = r#"
data = "./data"
[server]
listen = "127.0.0.1:0"
admin_key_file = ""
admin_listen = ""
public_url = "https://in.example.com/"
tls = { cert = "", key = "" }
require_https = "none"
trusted_proxies = []
drain = "20s"
[log]
durability = "os"
group = { bytes = "1MiB", events = 2048 }
retention = { age = "14d", bytes = "20GiB", unread = "refuse" }
backend = "embedded"
[ingest]
max_body = "2MiB"
header_timeout = "10s"
body_timeout = "30s"
idempotency = { window = "24h", keys_max = 10_000_000 }
[delivery]
timeout = "15s"
schedule = ["5s","5m","30m","2h","5h","10h","14h","20h","24h"]
jitter = 0.2
concurrency = { start = 8, max = 64 }
rate = 200
disable_after = "5d"
allow_networks = ["10.0.0.0/8", "127.0.0.1"]
headers = "both"
[filters]
fuel = "100M"
memory = "32MiB"
module_bytes = "8MiB"
[observe]
log = "info"
log_format = "auto"
otlp = ""
[[source]]
name = "github"
app = "default"
path = "/in/github"
scheme = "github"
secret_env = "GOOD"
respond = { status = 202, body = "", duplicate = 202 }
content = "any"
dedupe = "header:x-github-delivery"
[[source]]
name = "orders"
scheme = "hmac"
secrets = [{ env = "GOOD" }, { file = "second" }]
type = "path:kind"
key = "path:order.id"
headers = ["x-shop"]
content = "json"
max_body = "25MiB"
rate = "2k"
[source.hmac]
header = "X-Signature"
algorithm = "sha512"
encoding = "base64"
signed = "{timestamp}.{body}"
timestamp_header = "X-Time"
timestamp = "millis"
tolerance = "10m"
[[endpoint]]
name = "ci"
url = "http://127.0.0.1:9000/hooks"
types = ["push", "pull_request.*"]
ordering = "key"
timeout = "5s"
schedule = ["1s"]
headers = { authorization = "Bearer x" }
disabled = true
secret_file = "second"
"#;

#[test]
fn an_empty_file_is_valid() {
    let config = Config::default();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data.to_str(), Some("./forebay-data"));
    assert_eq!(config.ingest.body_bytes_max, 1 << 20);
    assert_eq!(config.guests.limits.fuel, 100_000_000);
    assert!(config.server.admin_key.is_none());
    assert!(config.settings().iter().all(|setting| setting.origin == Origin::Default));
}

#[test]
fn every_documented_key_is_read() {
    let folder = written(FULL);
    fs::write(folder.path().join("second"), format!("{GOOD}\n")).unwrap();
    let file = folder.path().join("forebay.toml");
    let config = load(&file, &[("GOOD", GOOD)]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.data, folder.path().join("./data"));
    assert_eq!(config.server.public_url, "https://in.example.com");
    assert_eq!(config.delivery.allow_networks.len(), 2);
    assert_eq!(config.sources.len(), 2);

    let declared = config.declared();
    let ci = &declared.endpoints[0];
    assert_eq!(ci.terms.timeout, Duration::from_secs(5));
    assert_eq!(ci.terms.schedule, [Duration::from_secs(1)]);
    assert_eq!(ci.terms.concurrency.max, 64, "what the endpoint leaves open is that of all");
    assert_eq!(ci.terms.rate, Some(200));
    assert_eq!(ci.headers, [("authorization".to_owned(), "Bearer x".to_owned())]);
    assert!(ci.is_disabled);
    // The line break at the end of a file is not part of the secret.
    assert_eq!(ci.secrets.iter().next().unwrap().expose(), GOOD);
    assert!(!format!("{config:?}").contains(GOOD));

    let ways_in = config.ways_in().unwrap();
    assert_eq!(ways_in[0].secrets.len(), 1);
    assert_eq!(ways_in[0].body_bytes_max, 2 << 20);
    let orders = &ways_in[1];
    assert_eq!(orders.path, "/in/orders");
    assert_eq!(orders.secrets.len(), 2);
    assert_eq!(orders.body_bytes_max, 25 << 20);
    assert_eq!((orders.rate.unwrap().get(), ways_in[0].rate), (2_000, None));
    assert_eq!(orders.scheme.signature, ["x-signature"]);
    assert_eq!(orders.content, ingest::Content::Json);
    assert_eq!(orders.key, Some(ingest::KeyFrom::Path("order.id".into())));
    ingest::SourceTable::new(ways_in).unwrap();
}

#[test]
fn settings_of_a_source_survive_the_registry() {
    let folder = written(FULL);
    fs::write(folder.path().join("second"), GOOD).unwrap();
    let config = load(&folder.path().join("forebay.toml"), &[("GOOD", GOOD)]).unwrap();
    for (source, declared) in config.sources.iter().zip(config.declared().sources) {
        let back: forebay::config::SourceSettings =
            serde_json::from_str(&declared.settings).unwrap();
        assert_eq!(back, source.settings);
    }
}

#[test]
fn what_is_shown_is_toml_without_secrets() {
    let folder = written(FULL);
    fs::write(folder.path().join("second"), GOOD).unwrap();
    let config = load(&folder.path().join("forebay.toml"), &[("GOOD", GOOD)]).unwrap();
    let mut text = String::new();
    let mut group = 1;
    for setting in config.settings() {
        if setting.group != group {
            text.push_str(&format!("{}\n", setting.header));
            group = setting.group;
        }
        text.push_str(&format!("{} = {}\n", setting.key, setting.value));
    }
    assert!(!text.contains("whsec_") && !text.contains("Bearer"), "{text}");
    toml::from_str::<toml::Table>(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let line_of = |key: &str| {
        let setting = config.settings().iter().find(|setting| setting.key == key);
        setting.unwrap().origin.to_string().rsplit(':').next().unwrap().to_owned()
    };
    assert_eq!(line_of("durability"), "13");
    assert_eq!(line_of("log_format"), "37");
    assert_eq!(line_of("scheme"), "43");
}

#[test]
fn a_module_is_read_verified_and_named_by_its_digest() {
    let folder = written(
        "[[filter]]\nname = \"mine\"\nmodule = \"mine.wasm\"\n\
         config = { branch = \"main\", n = 1 }\ncircuit = { within = \"30s\" }\n\
         candidate = { module = \"forebay/sample\", canary = 10 }",
    );
    let file = folder.path().join("forebay.toml");
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../filters/redact/redact.wasm");
    let wasm = fs::read(shipped).unwrap();
    fs::write(folder.path().join("mine.wasm"), &wasm).unwrap();
    let config = load(&file, &[]).unwrap_or_else(|error| panic!("{error}"));
    let declared = &config.declared().filters[0];
    assert_eq!(declared.module, forebay::digest_of(&wasm));
    assert_eq!(declared.config, r#"{"branch":"main","n":1}"#);
    let circuit = registry::Circuit { faults: 20, within_ms: 30_000 };
    assert_eq!(declared.circuit, Some(circuit));
    assert_eq!(*config.module_bytes()[&declared.module], wasm[..]);
    let candidate = declared.candidate.as_ref().unwrap();
    assert!(config.module_bytes().contains_key(&candidate.module));
    assert_eq!(candidate.config, declared.config, "the filter's own where it says nothing");
    assert_eq!(candidate.share, registry::Share::Canary(10));

    fs::write(folder.path().join("mine.wasm"), b"\0asm\x01\0\0\0").unwrap();
    let told = load(&file, &[]).unwrap_err().to_string();
    assert!(told.contains("mine.wasm: ") && told.contains(":3:10\n"), "{told}");
}

#[test]
fn which_versions_there_are_to_pin_is_the_nodes_to_say() {
    let with = |filter: &str| {
        let folder = written(&format!(
            "[[filter]]\nname = \"f\"\nmodule = \"forebay/redact\"\n\
             [[endpoint]]\nname = \"e\"\nurl = \"https://example.com\"\n\
             secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\nfilters = [\"{filter}\"]\n"
        ));
        load(&folder.path().join("forebay.toml"), &[]).map_err(|error| error.to_string())
    };
    let pinned: [(&str, &[&str]); 2] =
        [("f@01234567", &["f"]), ("forebay/redact@sha256:01234567", &["f", "forebay/redact"])];
    for (entry, filters) in pinned {
        let declared = with(entry).unwrap_or_else(|error| panic!("{error}")).declared();
        assert_eq!(declared.endpoints[0].filters, [entry]);
        let named: Vec<&str> = declared.filters.iter().map(|filter| &*filter.name).collect();
        assert_eq!(named, filters);
    }
    for (entry, why) in [
        ("g@01234567", "no filter `g`"),
        ("f@0123", "8 to 64 hexadecimal"),
        ("f\", \"f@01234567", "`f` and `f@01234567` are one filter"),
        ("f@01234567\", \"f@89abcdef", "`f@01234567` and `f@89abcdef` are one filter"),
    ] {
        let told = with(entry).map(drop).unwrap_err();
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn of_modules_that_are_too_large_only_shipped_ones_are_taken() {
    let filter = "[filters]\nmodule_bytes = 1000\n[[filter]]\nname = \"mine\"\n";
    let folder = written(&format!("{filter}module = \"mine.wasm\"\n"));
    let file = folder.path().join("forebay.toml");
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../filters/redact/redact.wasm");
    let mut wasm = fs::read(shipped).unwrap();
    fs::write(folder.path().join("mine.wasm"), &wasm).unwrap();
    load(&file, &[]).unwrap_or_else(|error| panic!("{error}"));
    for change in [|wasm: &mut Vec<u8>| wasm[2000] ^= 1, |wasm: &mut Vec<u8>| wasm.push(0)] {
        change(&mut wasm);
        fs::write(folder.path().join("mine.wasm"), &wasm).unwrap();
        let told = load(&file, &[]).unwrap_err().to_string();
        assert!(told.contains("is larger than `module_bytes` allows"), "{told}");
    }
}

#[test]
fn what_waits_for_a_restart_is_named_also_when_it_was_taken_out() {
    let parse = |text: &str| Config::parse(text).unwrap();
    let running = parse("[server]\npublic_url = \"https://in.example.com\"\ndrain = \"5s\"\n");
    assert_eq!(running.waiting(&running.clone()), [""; 0]);
    let mut told = running.waiting(&parse("[server]\ndrain = \"6s\"\n"));
    told.sort();
    assert_eq!(told, ["server.drain", "server.public_url"]);
    let source = "[[source]]\nname = \"a\"\nscheme = \"none\"\n";
    assert_eq!(parse("").waiting(&parse(source)), [""; 0], "sources are taken up at once");
}
