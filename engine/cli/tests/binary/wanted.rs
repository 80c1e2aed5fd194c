mod candidates;
mod pins;

use crate::nobody::nobody;
use crate::resources::{Place, ask};
use crate::run::{Ended, Folder, SECRET};
use crate::serve::Serving;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;

const PUSHES: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../filters/pushes-to-main/pushes-to-main.wasm");

/// Something of each kind; `NOBODY` stands for an address.
const FILE: &str = r#"[[app]]
uid = "shop"
name = "Shop"
metadata = { plan = "gold" }

[[event_type]]
name = "order.paid"
description = "An order was paid"
schemas = { "1" = { type = "object" } }

[[table]]
name = "countries"
app = "shop"
file = "countries.csv"
key = "code"
value = "name"

[[filter]]
name = "main"
app = "shop"
module = "main.wasm"
config = { branch = "main" }
on_error = "drop"

[[source]]
name = "till"
app = "shop"
scheme = "hmac"
secret_env = "SECRET"
content = "json"
max_body = "64KiB"
hmac = { header = "x-till", tolerance = "5m" }

[[endpoint]]
name = "ci"
app = "shop"
url = "NOBODY"
types = ["order.*", "a"]
where = "data.total > 100"
filters = ["main", "forebay/redact"]
ordering = "key"
schedule = ["5s", "90m"]
timeout = "1500ms"
rate = 7
secret_env = "SECRET"
headers = { x-team = "a", authorization = { env = "SECRET" } }
"#;

const COUNTRIES: &str = "name,code\nGermany,DE\nFrance,FR\n";

fn place() -> Place {
    let place = Place::new();
    std::fs::copy(PUSHES, place.folder.path().join("main.wasm")).unwrap();
    place.folder.write("countries.csv", COUNTRIES);
    place.folder.write("all.toml", &FILE.replace("NOBODY", nobody()));
    place
}

impl Place {
    /// The text with this in the place of that, applied.
    fn write(&self, from: &str, to: &str) {
        let path = self.folder.path().join("all.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    /// What is piped through.
    fn run_with(&self, line: &str, input: &str) -> Ended {
        let arguments: Vec<&str> = line.split(' ').collect();
        let url = ["--url", &self.serving.url, "--key", crate::run::ADMIN_KEY];
        self.folder.run_with(&[&arguments[..], &url[..]].concat(), input.as_bytes())
    }
}

const PLAN: &str = r#"+ app `shop`  (all.toml:2)
    metadata = { plan = "gold" }
    name = "Shop"

+ event type `order.paid`  (all.toml:7)
    description = "An order was paid"
    schemas = { 1 = { type = "object" } }

+ lookup table `countries` of `shop`  (all.toml:12)
    content = "VERSION"

+ filter `main` of `shop`  (all.toml:19)
    config = { branch = "main" }
    module = "sha256:DIGEST"
    on_error = "drop"

+ source `till` of `shop`  (all.toml:26)
    content = "json"
    hmac = { header = "x-till", tolerance = "5m" }
    max_body = "64KiB"
    scheme = "hmac"
    secret: as given, not shown

+ endpoint `ci` of `shop`  (all.toml:35)
    filters = ["main", "forebay/redact"]
    ordering = "key"
    rate = 7
    schedule = ["5s", "90m"]
    timeout = "1500ms"
    types = ["a", "order.*"]
    url = "NOBODY"
    where = "data.total > 100"
    headers.authorization: as given, not shown
    headers.x-team: as given, not shown
    secret: as given, not shown

6 to create, 0 to change, 0 to remove; 0 as they should be
"#;

#[test]
fn a_file_is_made_true_once() {
    let place = place();
    let plan = place.out("apply -f all.toml --dry-run");
    let after = |text: &str, digits: usize| plan.split(text).nth(1).unwrap()[..digits].to_owned();
    let (digest, version) = (after("sha256:", 64), after("content = \"", 32));
    let told = plan.replace(&digest, "DIGEST").replace(&version, "VERSION");
    assert_eq!(told.replace(nobody(), "NOBODY"), PLAN);
    place.run("app get shop").expect(1, "");
    place.run("apply -f all.toml").expect(2, &plan);
    place.run("app get shop").expect(1, "");
    place.run("diff -f all.toml").expect(1, &plan);
    let applied = place.run("apply -f all.toml --yes");
    assert_eq!(applied.code, 0, "{}", applied.err);
    applied.says("created endpoint `ci` of `shop`");
    let same = "nothing to change: all 6 are as they should be\n";
    place.run("apply -f all.toml").expect(0, same);
    place.run("diff -f all.toml").expect(0, "");

    let endpoint = place.json("endpoint get ci --app shop");
    assert_eq!(
        (&endpoint["timeoutMs"], &endpoint["schedule"], &endpoint["declared"]),
        (&json!(1500), &json!(["5s", "1h 30m"]), &json!(false))
    );
    assert_eq!(place.out("endpoint secret ci --app shop").trim(), SECRET);
    let settings = &place.json("source get till --app shop")["settings"];
    assert_eq!(
        settings,
        &json!({ "json_only": true, "body_bytes_max": 65536,
                 "hmac": { "header": "x-till", "tolerance_secs": 300 } })
    );
    assert_eq!(place.json("event-type get order.paid")["schemas"]["1"]["type"], "object");
    assert_eq!(place.out("table lookup countries FR --app shop"), "France\n");
}

#[test]
fn what_a_lookup_table_holds_comes_from_its_file() {
    let place = place();
    assert_eq!(place.run("apply -f all.toml --yes").code, 0);
    let first = place.json("table get countries --app shop")["version"].clone();
    let exported = place.out("export --app shop");
    assert!(exported.contains(&format!("content = {first}")), "{exported}");
    assert!(!exported.contains("Germany"), "{exported}");

    // Order and form of a file say nothing; what it holds does.
    place.folder.write("countries.csv", "name,code\nFrance,FR\nGermany,DE\n");
    place.run("diff -f all.toml").expect(0, "");
    place.folder.write("countries.csv", "name,code\nFrance,FR\nAustria,AT\n");
    let differs = place.run("diff -f all.toml");
    assert_eq!(differs.code, 1, "{}", differs.err);
    assert!(differs.out.contains(&format!("content: {first} -> ")), "{}", differs.out);
    assert_eq!(place.run("apply -f all.toml --yes").code, 0);
    assert_eq!(place.out("table lookup countries AT --app shop"), "Austria\n");

    // What was exported names a version that the server still has.
    assert_eq!(place.run_with("apply -f - --yes", &exported).code, 0);
    assert_eq!(place.out("table lookup countries DE --app shop"), "Germany\n");
    place.run_with("diff -f - --prune", &exported).expect(0, "");
    let bare: Vec<&str> = exported.split("\n\n").filter(|t| !t.starts_with("[[table]]")).collect();
    place.run_with("diff -f - --prune", &bare.join("\n\n")).expect(0, "");

    // A version that is gone is told before anything is changed.
    let gone = exported.replace(first.as_str().unwrap(), &"0".repeat(32));
    let lost = place.run_with("apply -f - --yes", &format!("[[app]]\nuid = \"new\"\n{gone}"));
    assert_eq!(lost.code, 2, "{}", lost.err);
    lost.says(&format!("the server has its version `{}` no more", "0".repeat(32)));
    place.run("app get new").expect(1, "");

    let other = Place::new();
    let refused = other.run_with("apply -f - --yes", &exported);
    assert_eq!(refused.code, 2, "{}", refused.err);
    refused
        .says("lookup table `countries` of `shop`: the server has no such table: name its `file`");
    place.write("file = \"countries.csv\"", "file = \"countries.csv\"\ncontent = \"00\"");
    place.run("diff -f all.toml").says("`file` and `content` cannot stand together");
}

#[test]
fn what_is_exported_is_what_is_there() {
    let place = place();
    assert_eq!(place.run("apply -f all.toml --yes").code, 0);
    // What has no name of its own is named by its id; the default application is one of them.
    place.out("app create --name Unnamed");
    place.out(&format!("endpoint create --to {} --description plain", nobody()));
    let schemas = r#"{"1":{"default":null}}"#;
    place.out(&format!(
        "event-type create --name old --description Old --archived true --schemas {schemas}"
    ));
    let exported = place.out("export");
    assert!(!exported.contains(SECRET) && !exported.contains("authorization"), "{exported}");
    assert!(exported.contains("app = \"shop\"\nurl = ") && exported.contains("name = \"ep_2\""));
    assert!(exported.contains("schemas_json = '{\"1\":{\"default\":null}}'"), "{exported}");
    place.run_with("diff -f -", &exported).expect(0, "");
    let again = place.run_with("apply -f - --yes", &exported);
    assert_eq!(
        (again.code, again.out.starts_with("nothing to change")),
        (0, true),
        "{}",
        again.err
    );
    place.run_with("diff -f - --prune", &exported).expect(0, "");
    assert_eq!(place.out("endpoint secret ci --app shop").trim(), SECRET);

    let of_app = place.out("export --app shop --secrets -o shop.toml");
    assert_eq!(of_app, "");
    let path = place.folder.path().join("shop.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(SECRET).count(), 3, "{text}");
    assert!(!text.contains("event_type") && !text.contains("ep_2"), "{text}");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    // Another server becomes the same, once it has the module and what the table holds.
    let other = Place::new();
    let (start, version) = text.split_once("content = ").unwrap();
    let (_, end) = version.split_once('\n').unwrap();
    let columns = "file = \"countries.csv\"\nkey = \"code\"\nvalue = \"name\"";
    let text = format!("{start}{columns}\n{end}");
    other.folder.write("countries.csv", COUNTRIES);
    other.folder.write("shop.toml", &text);
    let refused = other.run("apply -f shop.toml --yes");
    assert_eq!(refused.code, 1, "{}", refused.err);
    refused.says("no module of this SHA-256 was uploaded");
    std::fs::copy(PUSHES, other.folder.path().join("main.wasm")).unwrap();
    let digest = text.split("sha256:").nth(1).unwrap()[..64].to_owned();
    other.folder.write("shop.toml", &text.replace(&format!("sha256:{digest}"), "main.wasm"));
    assert_eq!(other.run("apply -f shop.toml --yes").code, 0);
    let both = [place.out("export --app shop"), other.out("export --app shop")];
    assert_eq!(both[0], both[1]);
    place.run("export --app nowhere").expect(1, "").says("no such application");
}

#[test]
fn changes_are_told_field_by_field_and_made() {
    let place = place();
    assert_eq!(place.run("apply -f all.toml --yes").code, 0);
    place.write("timeout = \"1500ms\"\n", "");
    place.write("types = [\"order.*\", \"a\"]", "types = [\"order.*\"]");
    place.write("x-team = \"a\", authorization = { env = \"SECRET\" }", "x-new = \"b\"");
    place.write("branch = \"main\"", "branch = \"next\"");
    let told = place.run("diff -f all.toml");
    let expected = "\
~ filter `main` of `shop`  (all.toml:19)
    config: { branch = \"main\" } -> { branch = \"next\" }

~ endpoint `ci` of `shop`  (all.toml:35)
    timeout: \"1500ms\" -> as usual
    types: [\"a\", \"order.*\"] -> [\"order.*\"]
    headers.x-new: as given, not shown
    headers.x-team: taken out

0 to create, 2 to change, 0 to remove; 4 as they should be
";
    let told = told.expect(1, expected);
    assert!(told.err.is_empty(), "{}", told.err);
    let applied = place.json("apply -f all.toml --yes");
    let first = &applied["changes"][0];
    assert_eq!((&first["state"], &first["kind"]), (&json!("done"), &json!("filter")));
    assert_eq!(first["fields"][0]["after"], json!({ "branch": "next" }));
    place.run("diff -f all.toml").expect(0, "");
    assert_eq!(place.json("endpoint get ci --app shop")["timeoutMs"], 15_000);
    let headers = ask(&place.serving.url, "GET", "/api/v1/app/shop/endpoint/ci/headers", "");
    assert!(
        headers.contains(r#"{"headers":{"x-new":"b"},"sensitive":["authorization"]}"#),
        "one that holds a credential stays: {headers}"
    );
}

#[test]
fn a_script_and_a_polled_endpoint_are_made_true_and_exported() {
    let place = Place::new();
    let code = "function handler(webhook) {\n  return webhook; // 'it' is \"so\"\n}\n";
    place.folder.write("same.js", code);
    let file = "[[endpoint]]\nname = \"e\"\nurl = \"NOBODY\"\n\
                transformation = { file = \"same.js\", variables = { team = \"red\" } }\n\
                [[endpoint]]\nname = \"sink\"\nurl = \"poll:\"\ntypes = [\"order.*\"]\n";
    place.folder.write("all.toml", &file.replace("NOBODY", nobody()));
    assert_eq!(place.run("apply -f all.toml --yes").code, 0);
    place.run("diff -f all.toml --prune").expect(0, "");
    let told = place.json("endpoint get e")["transformation"].clone();
    assert_eq!(told, json!({ "code": code, "enabled": true, "variables": { "team": "red" } }));
    assert_eq!(place.json("endpoint get sink")["url"], "poll:");

    let exported = place.out("export");
    place.run_with("diff -f - --prune", &exported).expect(0, "");
    let other = Place::new();
    other.run_with("apply -f - --yes", &exported);
    assert_eq!(other.out("export"), exported);

    place.write("file = \"same.js\"", "code = \"function handler(\"");
    let refused = place.run("apply -f all.toml --yes");
    assert_eq!(refused.code, 1, "{}", refused.err);
    refused.says("line 2:");
    place.write("transformation = {", "# {");
    let told = place.run("apply -f all.toml --yes");
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!(place.json("endpoint get e")["transformation"], Value::Null);
    place.write("types = [", "transformation = { code = \"\" }\ntypes = [");
    place.run("diff -f all.toml").says("changes nothing of what is polled");
}

#[test]
fn a_secret_is_changed_where_the_file_names_another() {
    let place = place();
    assert_eq!(place.run("apply -f all.toml --yes").code, 0);
    place.write("secret_env = \"SECRET\"\n", "");
    place.run("apply -f all.toml --yes").expect(0, &place.out("apply -f all.toml --dry-run"));
    assert_eq!(place.out("source secret till --app shop").trim(), SECRET);
    let other = SECRET.replace("c2Vj", "b3Ro");
    place.folder.write("secret.txt", &format!("{other}\n"));
    place.write("rate = 7", "rate = 7\nsecret_file = \"secret.txt\"");
    let plan = place.out("apply -f all.toml --dry-run");
    assert!(plan.contains("~ endpoint") && plan.contains("    secret: as given"), "{plan}");
    assert!(!plan.contains(&other), "{plan}");
    assert_eq!(place.run("apply -f all.toml --yes").code, 0);
    assert_eq!(place.out("endpoint secret ci --app shop").trim(), other);
    place.run("diff -f all.toml").expect(0, "");
}

#[test]
fn what_the_file_does_not_name_is_removed_on_demand_alone() {
    let place = place();
    assert_eq!(place.run("apply -f all.toml --yes").code, 0);
    place.out("app create --name Other --uid other");
    place.out(&format!("endpoint create --app other --to {}", nobody()));
    let extra = "--app shop --uid extra --filter main";
    place.out(&format!("endpoint create --to {} {extra}", nobody()));
    place.out("source create --app shop --name extra --scheme none");
    place.out("event-type create --name extra --description x");
    place.run("diff -f all.toml").expect(0, "");
    let text = std::fs::read_to_string(place.folder.path().join("all.toml")).unwrap();
    let from = text.find("[[filter]]").unwrap();
    let to = text.find("[[source]]").unwrap();
    place.write(&text[from..to], "");
    place.write("[\"main\", \"forebay/redact\"]", "[\"forebay/redact\"]");
    let told = place.run("apply -f all.toml --prune --yes");
    assert_eq!(told.code, 0, "{}", told.err);
    let gone: Vec<&str> = told.out.lines().filter(|line| line.starts_with("- ")).collect();
    assert_eq!(gone.len(), 4, "{}", told.out);
    for name in ["endpoint `extra`", "source `extra`", "filter `main`", "event type `extra`"] {
        assert!(gone.iter().any(|line| line.contains(name)), "{name}: {gone:?}");
    }
    place.run("diff -f all.toml --prune").expect(0, "");
    assert_eq!(place.json("endpoint ls --app other")["data"].as_array().unwrap().len(), 1);
}

#[test]
fn tables_are_removed_of_applications_alone_whose_files_have_some() {
    let place = place();
    let table = |app: &str, name: &str| {
        format!("[[table]]\nname = \"{name}\"\napp = \"{app}\"\nfile = \"countries.csv\"\n")
    };
    let app = |uid: &str| format!("[[app]]\nuid = \"{uid}\"\n");
    let all = [app("a"), app("b"), table("a", "one"), table("a", "two"), table("b", "three")];
    place.folder.write("tables.toml", &all.concat());
    let made = place.run("apply -f tables.toml --yes");
    assert_eq!(made.code, 0, "{}", made.err);
    place.folder.write("a.toml", &[app("a"), table("a", "one")].concat());
    place.folder.write("b.toml", &app("b"));
    let told = place.run("apply -f a.toml -f b.toml --prune --yes");
    assert_eq!(told.code, 0, "{}", told.err);
    let gone: Vec<&str> = told.out.lines().filter(|line| line.starts_with("- ")).collect();
    assert_eq!(gone, ["- lookup table `two` of `a`"], "{}", told.out);
    assert_eq!(place.json("table ls --app b")["data"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_place() {
    let place = place();
    let config = "[[endpoint]]\nname = \"a b\"\nurl = \"http://x/\"\nwhere = \"total >\"\n\
                  tipes = []\njitter = 0.1\n[[filtr]]\n[[endpoint]]\nname = \"c\"\n\
                  secrets = [\"x\"]\n[server]\nlisten = \"x\"\n";
    place.folder.write("bad.toml", config);
    let told = place.run("diff -f bad.toml");
    assert_eq!((told.code, &*told.out), (2, ""), "{}", told.err);
    for part in [
        "--> bad.toml:2:8",
        "did you mean `types`?",
        "sets no `jitter`",
        "did you mean `filter`?",
        "[[endpoint]] has no `url`",
        "`secrets` is for the file that a server reads itself",
        "`server` is a server's own",
    ] {
        assert!(told.err.contains(part), "no {part:?}: {}", told.err);
    }
    // One folder is one whole: what is wrong between its files is told too.
    std::fs::create_dir(place.folder.path().join("dir")).unwrap();
    let endpoint = format!("[[endpoint]]\nname = \"e\"\nurl = \"{}\"\n", nobody());
    place.folder.write("dir/a.toml", &endpoint);
    place.folder.write("dir/b.toml", &endpoint);
    place.run("apply -f dir --yes").expect(2, "").says("is wanted at dir/a.toml:2 already");
    place.folder.write("dir/b.toml", &endpoint.replace("\"e\"", "\"f\"\nwhere = \"data.x >\""));
    place.run("apply -f dir --yes").expect(2, "").says("--> dir/b.toml:3:");
    // What the server knows is told before anything is changed.
    let lost = endpoint.replace("\"e\"", "\"g\"\nfilters = [\"nowhere\"]\napp = \"lost\"");
    place.folder.write("dir/b.toml", &lost);
    let told = place.run("apply -f dir --yes").expect(2, "");
    assert!(told.err.contains("dir/b.toml:2: endpoint `g` of `lost`: the server has no"));
    told.says("neither the server nor the file has its filter `nowhere`");
    place.run("endpoint ls").expect(0, "").says("there are none");
    place.run("apply -f nowhere.toml").expect(2, "").says("nowhere.toml");
    let away = ["diff", "-f", "dir/a.toml", "--url", nobody(), "--key", "x"];
    place.folder.run(&away).expect(6, "");
}

#[test]
fn what_the_servers_own_file_declares_is_left_to_it() {
    let own =
        format!("[[endpoint]]\nname = \"ci\"\nurl = \"{}\"\nsecret_env = \"SECRET\"\n", nobody());
    let folder = Folder::with(&own);
    let place = Place { serving: Serving::start(&folder), folder };
    place.folder.write("same.toml", &own);
    place
        .run("apply -f same.toml --yes")
        .expect(0, "nothing to change: all 1 are as they should be\n");
    place.folder.write(
        "other.toml",
        &format!("[[event_type]]\nname = \"a\"\n{}", own.replace("/in\"", "/other\"")),
    );
    let told = place.run("apply -f other.toml --yes").expect(2, "");
    told.says("other.toml:4: endpoint `ci` is declared by the server's own configuration file");
    place.run("event-type ls").expect(0, "").says("there are none");
    place.run("export").says("left out: 1 that the server's own configuration file declares");
}

#[test]
fn what_fails_midway_is_told_and_a_second_apply_finishes_it() {
    let place = Place::new();
    let endpoint =
        |name: &str, url: &str| format!("[[endpoint]]\nname = \"{name}\"\nurl = \"{url}\"\n");
    let near = nobody();
    let file = |second: &str| {
        let all = [endpoint("a", near), endpoint("b", second), endpoint("c", near)];
        place.folder.write("three.toml", &all.concat());
    };
    // Only the server knows where it lets deliveries go.
    file("http://10.0.0.1/");
    let broken = place.run("apply -f three.toml --yes");
    assert_eq!(broken.code, 1, "{}", broken.err);
    let text = &broken.err[broken.err.find("error").unwrap()..];
    assert!(text.starts_with("error: endpoint `b`: 422 url: no delivery would go there"), "{text}");
    assert!(text.contains("\ndone before it: endpoint `a`\nnot begun: endpoint `c`\n"), "{text}");
    file(near);
    let mended: Value = place.json("apply -f three.toml --yes");
    let names: Vec<&str> =
        mended["changes"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!((names, &mended["unchanged"]), (vec!["b", "c"], &json!(1)));
    place.run("diff -f three.toml").expect(0, "");
}

#[test]
fn a_filter_that_does_not_start_stops_it_before_the_first_change() {
    let place = Place::new();
    let text = "[[event_type]]\nname = \"a\"\n[[filter]]\nname = \"f\"\n\
                module = \"forebay/redact\"\nconfig = { odd = 1 }\n";
    place.folder.write("f.toml", text);
    let told = place.run("apply -f f.toml --yes");
    assert_eq!(told.code, 1, "{}", told.out);
    told.says("the filter does not start");
    told.says("done before it: nothing\nnot begun: event type `a`, filter `f`\n");
    place.run("event-type ls").expect(0, "").says("there are none");
}

/// Forwards requests to a server, one connection each, and does something before the first PATCH.
fn proxy(server: &str, before: impl Fn() + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = server.trim_start_matches("http://").to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            client.read_exact(&mut body).unwrap();
            if head.starts_with("PATCH") {
                before();
            }
            let mut onward = std::net::TcpStream::connect(&server).unwrap();
            let head = head.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
            onward.write_all(&[head.as_bytes(), &body].concat()).unwrap();
            std::io::copy(&mut onward, &mut client).unwrap();
        }
    });
    url
}

#[test]
fn what_somebody_else_changes_meanwhile_is_not_overwritten() {
    let place = place();
    assert_eq!(place.run("apply -f all.toml --yes").code, 0);
    place.write("rate = 7", "rate = 8");
    let url = place.serving.url.clone();
    let other = move || {
        let path = "/api/v1/app/shop/endpoint/ci";
        let changed = ask(&url, "PATCH", path, r#"{"description":"theirs"}"#);
        assert!(changed.starts_with("HTTP/1.1 200"), "{changed}");
    };
    let proxy = proxy(&place.serving.url, other);
    let arguments =
        ["apply", "-f", "all.toml", "--yes", "--url", &proxy, "--key", crate::run::ADMIN_KEY];
    let told = place.folder.run(&arguments);
    assert_eq!(told.code, 1, "{}", told.err);
    told.says("somebody has changed it since");
    let endpoint = place.json("endpoint get ci --app shop");
    assert_eq!(
        (&endpoint["description"], &endpoint["throttleRate"]),
        (&json!("theirs"), &json!(7))
    );
}

#[test]
fn a_manager_applies_to_its_own_application() {
    let place = place();
    assert_eq!(place.run("apply -f all.toml --yes").code, 0);
    let key = place.out("key create --name m --role manager --app shop");
    let text = std::fs::read_to_string(place.folder.path().join("all.toml")).unwrap();
    let own = &text[text.find("[[filter]]").unwrap()..];
    place.folder.write("own.toml", &own.replace(", authorization = { env = \"SECRET\" }", ""));
    place.with_key(key.trim(), "diff -f own.toml").expect(0, "");
    place.folder.write("own.toml", own);
    let told = place.with_key(key.trim(), "diff -f own.toml");
    told.expect(2, "").says("this key may not read the header `authorization`");
}
