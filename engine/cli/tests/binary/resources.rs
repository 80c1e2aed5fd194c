use crate::nobody::nobody;
use crate::run::{ADMIN_KEY, Ended, Folder, SECRET};
use crate::serve::{Serving, receiver};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;

/// A server, and a folder to ask it from.
pub struct Place {
    pub folder: Folder,
    pub serving: Serving,
}

impl Place {
    pub fn new() -> Place {
        let folder = Folder::new();
        let serving = Serving::start(&folder);
        Place { folder, serving }
    }

    pub fn with_key(&self, key: &str, line: &str) -> Ended {
        let arguments: Vec<&str> = line.split(' ').collect();
        let mut command = self.folder.command(&arguments);
        command.env("FOREBAY_URL", &self.serving.url).env("FOREBAY_KEY", key);
        Ended::of(command.output().unwrap())
    }

    pub fn run(&self, line: &str) -> Ended {
        self.with_key(ADMIN_KEY, line)
    }

    #[track_caller]
    pub fn out(&self, line: &str) -> String {
        let ended = self.run(line);
        assert_eq!(ended.code, 0, "{line}: {}", ended.err);
        ended.out
    }

    #[track_caller]
    pub fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.out(&format!("{line} --json"))).unwrap()
    }
}

#[test]
fn applications_and_endpoints_are_managed_from_the_command_line() {
    let place = Place::new();
    let app = place.out("app create --name Shop --uid shop --metadata plan=gold");
    assert!(app.starts_with("app_") && app.ends_with('\n'), "{app}");
    let created = place.json("app get shop")["createdAt"].as_str().unwrap().to_owned();
    let table = place.out("app ls");
    let expected = format!(
        "ID                          UID   NAME  CREATED\n{}  shop  Shop  {created}\n",
        app.trim()
    );
    assert_eq!(table, expected);
    place.run("app update shop --name Store").expect(0, &app);
    assert_eq!(place.json("app get shop")["metadata"], json!({ "plan": "gold" }));
    let create = format!(
        "endpoint create --app shop --to {} --uid first --type a.* --type b --schedule 5s \
         --schedule 5m --ordering fifo",
        nobody()
    );
    place.run(&create).expect(0, "ep_1\n");
    let shown = place.json("endpoint get first --app shop");
    assert_eq!(
        (&shown["eventTypes"], &shown["schedule"]),
        (&json!(["a.*", "b"]), &json!(["5s", "5m"]))
    );
    let shown = place.out("endpoint get first --app shop");
    assert!(
        shown.contains("eventTypes  a.*, b\n") && shown.contains("disabled    no\n"),
        "{shown}"
    );
    let secret = place.out("endpoint secret ep_1 --app shop");
    let rotated = place.out("endpoint secret ep_1 --app shop --rotate --grace-seconds 60");
    assert!(secret.starts_with("whsec_") && rotated.starts_with("whsec_") && secret != rotated);
    let listed = place.json("endpoint ls --app shop");
    assert_eq!(listed["data"][0]["id"], "ep_1");
    place.run("endpoint rm first --app shop").expect(0, "").says("removed first");
    place.run("endpoint ls --app shop").expect(0, "").says("there are none");
    place.run("app rm shop").expect(0, "");
    assert_eq!(place.json("app ls"), json!({ "data": [] }));
    assert_eq!(place.serving.stop(), 0);
}

pub const PUSHES: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../filters/pushes-to-main/pushes-to-main.wasm");

#[test]
fn a_filter_is_pushed_configured_and_rolled_back() {
    let place = Place::new();
    place.run("filter ls").expect(0, "").says("there are none");
    let push = format!("filter push main {PUSHES}");
    let first = place.out(&format!("{push} --config {{\"branch\":\"main\"}} --on-error drop"));
    assert_eq!(first.trim().len(), 32);
    place.run(&push).expect(0, &first);
    let second = place.out("filter update main --config {\"branch\":\"next\"}");
    assert_ne!(first, second);
    let shown = place.json("filter get main");
    assert_eq!((&shown["config"]["branch"], &shown["onError"]), (&json!("next"), &json!("drop")));
    assert_eq!(place.json("filter versions main")["data"][1]["version"], first.trim());
    place.run("filter rollback main").expect(0, &first);
    place.run(&format!("filter rollback main --to {}", second.trim())).expect(0, &second);
    place.run("filter rollback main --to 00").expect(1, "").says("no such version");
    let create = |name: &str| place.run(&format!("filter create {name} forebay/redact"));
    create("main").expect(1, "").says("there is a filter `main`: `forebay filter push`");
    assert_eq!(place.json("filter get main")["config"]["branch"], "next");
    assert_eq!(create("new").code, 0);
    assert_eq!(place.json("filter get new")["onError"], "reject");
    place.out("filter update new --fuel 50M --memory-bytes 16MiB");
    let limits = place.json("filter get new");
    assert_eq!((&limits["fuel"], &limits["memoryBytes"]), (&json!(50_000_000), &json!(16 << 20)));
    let odd = place.run("filter update new --memory-bytes 16mb");
    odd.expect(2, "").says("it must be a size such as \"1MiB\"");

    // They are compiled one after the other, and all who ask are served.
    let push = |n: u32| {
        let mut command = place.folder.command(&["filter", "push", &format!("p{n}"), PUSHES]);
        command.env("FOREBAY_URL", &place.serving.url).env("FOREBAY_KEY", ADMIN_KEY);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let pushing: Vec<_> = (0..4).map(push).collect();
    pushing.into_iter().for_each(|mut push| assert!(push.wait().unwrap().success()));
    let filters = "--filter main --filter forebay/redact";
    place.out(&format!("endpoint create --to {} {filters}", nobody()));
    place.run("filter rm main").expect(1, "").says("endpoint `ep_1`");
    let listed = place.out("filter ls");
    assert!(listed.contains("\nforebay/redact  ") && listed.contains("\nmain  "), "{listed}");
    place.out("endpoint rm ep_1");
    place.run("filter rm main").expect(0, "").says("removed main");
}

#[test]
fn a_filter_is_tried_on_live_events_beside_another() {
    let place = Place::new();
    let push = format!("push main {PUSHES} --config {{\"branch\":\"main\"}} --circuit 5/60s");
    place.out(&format!("filter {push}"));
    assert_eq!(place.json("filter get main")["circuit"]["withinMs"], 60_000);
    place.out(&format!("endpoint create --to {} --filter main", nobody()));
    place.run("filter candidate show main").expect(1, "").says("nothing is on trial");
    place.run("filter candidate try main").expect(1, "").says("say what differs");
    place.out("filter candidate try main --config {\"branch\":\"next\"}");
    place.out("send --type push --data {\"ref\":\"refs/heads/next\"}");
    let show = || place.out("filter candidate show main");
    let seen = until(|| Some(show()).filter(|seen| seen.contains("judged 1")));
    assert!(seen.contains("it said something else of 1") && seen.contains("drop → pass"), "{seen}");
    place.run("filter candidate end main").expect(0, "").says("nothing is on trial");
    place.out("filter candidate try main --config {\"branch\":\"next\"} --canary 10");
    place.out("filter candidate promote main");
    assert_eq!(place.json("filter get main")["config"]["branch"], "next");
    place.run("filter update main --circuit often").expect(2, "").says("20/60s");
    let updated = place.run("filter update main --circuit none");
    assert!(updated.code == 0 && !updated.err.contains("on trial"), "{}", updated.err);
    assert!(place.json("filter get main")["circuit"].is_null());
    for change in ["update main --fuel 5000000", &*push, "rollback main"] {
        place.out("filter candidate try main --config {\"branch\":\"other\"}");
        place.run(&format!("filter {change}")).says("what was on trial beside main is over");
        place.run("filter candidate show main").expect(1, "").says("nothing is on trial");
    }
}

#[test]
fn what_a_filter_says_is_shown() {
    let place = Place::new();
    let trap = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/filters/trap-on-marker/trap-on-marker.wasm"
    );
    place.out(&format!("filter push f {trap} --on-error drop"));
    place.out(&format!("endpoint create --to {} --filter f", nobody()));
    assert_eq!(place.out("filter logs f"), "");
    place.out("send --type note --data {\"text\":\"forebay-trap-marker\"}");
    let logs = || place.out("filter logs f --level error");
    let told = until(|| Some(logs()).filter(|told| !told.is_empty()));
    assert!(told.contains("error (trap)  evt_") && told.contains("src/lib.rs"), "{told}");
}

#[test]
fn a_filter_that_is_pushed_judges_what_comes() {
    let place = Place::new();
    place.out(&format!("filter push main {PUSHES} --config {{\"branch\":\"main\"}}"));
    place.out(&format!("endpoint create --to {} --filter main", nobody()));
    let becomes = |branch: &str, state: &str| {
        let body = format!("{{\"ref\":\"refs/heads/{branch}\"}}");
        let event = place.out(&format!("send --type push --data {body}"));
        let explain = format!("explain {}", event.trim());
        until(|| place.out(&explain).contains(&format!("ep_1: {state}")).then_some(()));
    };
    becomes("next", "dropped, its filter `main` did not want it\n");
    becomes("main", "retrying");
    place.out("filter update main --config {\"branch\":\"next\"}");
    becomes("next", "retrying");
    becomes("main", "dropped");
}

#[test]
fn a_source_lets_signed_webhooks_in_also_after_a_restart() {
    let place = Place::new();
    let made = place.out(&format!("source create --name gh --scheme github --secret {SECRET}"));
    assert_eq!(made, "/in/gh\n");
    let trigger = |place: &Place, path: &str, secret: &str| {
        let line = format!("trigger github.push --path {path} --secret-env {secret}");
        let mut command = place.folder.command(&line.split(' ').collect::<Vec<_>>());
        command.env("FOREBAY_URL", &place.serving.url).env("OTHER", "another-secret");
        Ended::of(command.output().unwrap())
    };
    let sent = trigger(&place, "/in/gh", "SECRET");
    assert!(sent.code == 0 && sent.out.starts_with("evt_"), "{}{}", sent.out, sent.err);
    trigger(&place, "/in/gh", "OTHER").expect(1, "").says("401");
    trigger(&place, "/in/gh", "SECRET");
    let journal = place.json("source journal gh");
    let told = |n: usize, member: &str| journal["data"][n][member].clone();
    assert_eq!((told(0, "outcome"), told(1, "outcome")), (json!("accepted"), json!("refused")));
    assert_eq!((told(1, "reason"), told(1, "status")), (json!("mismatch"), json!(401)));
    assert_eq!((told(2, "eventId"), told(2, "peer")), (json!(sent.out.trim()), json!("127.0.0.1")));
    assert!(told(1, "headers").as_array().unwrap().contains(&json!("x-hub-signature-256")));
    assert_eq!(journal["data"].as_array().unwrap().len(), 3);
    assert!(place.out("source journal gh --limit 1").starts_with("AT "));
    place.run("source journal nothing").expect(1, "").says("no such source");
    assert_eq!(place.out("source secret gh --rotate --to another-secret"), "another-secret\n");

    let Place { folder, serving } = place;
    assert_eq!(serving.stop(), 0);
    let place = Place { serving: Serving::start(&folder), folder };
    for secret in ["SECRET", "OTHER"] {
        assert_eq!(trigger(&place, "/in/gh", secret).code, 0, "both verify for a day");
    }
    place.out("source update gh --path /in/github");
    trigger(&place, "/in/gh", "SECRET").expect(1, "").says("401");
    assert_eq!(trigger(&place, "/in/github", "SECRET").code, 0);
    place.out("source secret gh --rotate --grace-seconds 0");
    trigger(&place, "/in/github", "SECRET").expect(1, "").says("401");
    place.run("source create --name x --scheme githib").expect(1, "").says("githib");
    place.run("source create --name x --scheme github --path /v1/x").expect(1, "").says("own");
    assert!(place.out("source ls").starts_with("NAME  SCHEME  PATH        DECLARED"));
    place.run("source rm gh").expect(0, "").says("removed gh");
    trigger(&place, "/in/github", "OTHER").expect(1, "").says("401");
}

#[test]
fn what_is_no_module_is_told_before_anything_changes() {
    let place = Place::new();
    let text = place.folder.write("text.wasm", "hello").display().to_string();
    let refused = place.run(&format!("filter push f {text}"));
    refused.expect(1, "").says("this is not WebAssembly");
    place.run("filter push f nowhere.wasm").expect(2, "").says("nowhere.wasm");
    place.run(&format!("filter push f {PUSHES} --config {{")).expect(2, "").says("--config");
    place.run("filter update f").expect(2, "").says("say what is to change");
    place.run("filter rollback f").expect(1, "").says("404 there is no such filter");
    place.run("filter ls").expect(0, "").says("there are none");
}

#[test]
fn what_a_server_refuses_is_told_with_its_place() {
    let place = Place::new();
    place.out("app create --name Shop --uid shop");
    place.run("app create --name Other --uid shop").expect(1, "").says("409");
    place.run("app get nowhere").expect(1, "").says("404 there is no such application");
    let bad = place.run("endpoint create --app shop --to ftp://example.com");
    bad.expect(1, "").says("url: it is not an http or https URL");
    place.run("app update shop").expect(2, "").says("say what is to change");
    place.run("app create --name x --metadata nope").expect(2, "").says("KEY=VALUE");
    place.with_key("wrong-key-wrong-key", "app ls").expect(1, "").says("FOREBAY_KEY");
    let json = place.run("app get nowhere --json");
    assert_eq!((json.code, json.out.contains("\"code\"")), (1, true), "{}", json.out);
    let mut away = place.folder.command(&["app", "ls", "--url", nobody()]);
    let away = Ended::of(away.env("FOREBAY_KEY", ADMIN_KEY).output().unwrap());
    away.expect(6, "").says("cannot reach");
}

#[test]
fn a_name_that_leads_elsewhere_removes_nothing() {
    let place = Place::new();
    place.out("app create --name Shop --uid shop");
    place.out(&format!("endpoint create --app shop --to {}", nobody()));
    for line in [
        "endpoint rm .. --app shop",
        "endpoint rm . --app shop",
        "endpoint rm  --app shop",
        "endpoint ls --app ..",
        "app get ",
        "key rm ..",
        "dlq purge ..",
        "explain ..",
    ] {
        place.run(line).expect(2, "").says("is no name of anything");
    }
    assert_eq!(place.json("endpoint ls --app shop")["data"][0]["id"], "ep_1");
}

#[test]
fn keys_are_printed_once_and_work() {
    let place = Place::new();
    place.out("app create --name Shop --uid shop");
    let made = place.run("key create --name shop --role producer --app shop --type order.*");
    assert_eq!(made.code, 0, "{}", made.err);
    let key = made.out.trim().to_owned();
    assert!(key.starts_with("fbk_"), "{key}");
    made.says("not shown again");
    let send = |event_type: &str| {
        place.with_key(&key, &format!("send --type {event_type} --data {{\"n\":1}}"))
    };
    let sent = send("order.paid");
    assert!(sent.code == 0 && sent.out.starts_with("evt_"), "{}", sent.err);
    send("user.signup").expect(1, "").says("403");
    place.with_key(&key, "app get shop").expect(1, "").says("403");
    let listed = place.json("key ls");
    let id = listed["data"][0]["id"].as_str().unwrap();
    assert!(!listed.to_string().contains(&key));
    let rotated = place.run(&format!("key rotate {id} --grace-seconds 0"));
    assert_ne!(rotated.out.trim(), key);
    send("order.paid").expect(1, "").says("401");
    place.run(&format!("key rm {id}")).expect(0, "");
}

/// Asks until there is an answer, for ten seconds at most.
pub fn until<T>(ask: impl Fn() -> Option<T>) -> T {
    let wait = || std::thread::sleep(std::time::Duration::from_millis(50));
    let found = (0..200).find_map(|_| {
        ask().or_else(|| {
            wait();
            None
        })
    });
    found.expect("it comes within ten seconds")
}

#[test]
fn a_dead_letter_is_shown_and_purged_and_its_event_explained() {
    let place = Place::new();
    place.out("app create --name Shop --uid shop");
    let app = place.json("app get shop")["id"].as_str().unwrap().to_owned();
    // Nobody listens there, and there is no second attempt.
    let to = format!("--to {} --timeout-ms 500", nobody());
    place.out(&format!("endpoint create --app shop --uid dead {to}"));
    let body = r#"{"schedule":[]}"#;
    let patched = patch(&place, "/api/v1/app/shop/endpoint/dead", body);
    assert!(patched.contains("200 OK"), "{patched}");
    let key = place.out("key create --name p --role producer --app shop");
    let event = place.with_key(key.trim(), "send --type a --data {}").out.trim().to_owned();
    let letter = until(|| place.json("dlq ls")["data"][0]["id"].as_str().map(str::to_owned));
    let shown = place.json(&format!("dlq show {letter}"));
    assert_eq!((&shown["app"], &shown["eventId"]), (&json!(app), &json!(event)));
    let shown = place.out(&format!("dlq show {letter}"));
    assert!(shown.contains("body ") && shown.contains(" {}\n"), "{shown}");
    assert!(place.json(&format!("dlq show {letter}"))["bodyBase64"] == "e30=");
    for of in ["--app shop", "--app shop --endpoint dead", "--endpoint ep_1"] {
        assert_eq!(place.json(&format!("dlq ls {of}"))["data"][0]["id"], letter.as_str(), "{of}");
    }
    place.run("dlq ls --app default").expect(0, "").says("there are none");
    place.run("dlq ls --app shop --endpoint other").expect(1, "").says("no such endpoint");
    let story = place.out(&format!("explain {event}"));
    assert!(story.contains(": dead, ") && story.contains("#1 failed connection failed"), "{story}");
    place.run("explain evt_nope").expect(2, "").says("\"evt_nope\" is not an event id: expected");
    let unknown = place.run("explain evt_00000000000vvvvvvvvvvvv");
    unknown.expect(1, "").says("404 there is no such event");
    let table = place.out("dlq ls");
    assert!(table.starts_with("ID ") && table.contains(&letter), "{table}");
    place.run(&format!("dlq purge {letter}")).expect(0, "").says("purged");
    place.run(&format!("dlq redrive {letter}")).expect(1, "").says("404");
    place.run("dlq ls").expect(0, "").says("there are none");
}

#[test]
fn what_was_acknowledged_survives_kills() {
    let folder = Folder::new();
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..3 {
        let serving = Serving::start(&folder);
        if round == 0 {
            let made = ask(&serving.url, "POST", "/api/v1/app", r#"{"name":"x","uid":"x"}"#);
            assert!(made.starts_with("HTTP/1.1 201"), "{made}");
        }
        let url = serving.url.clone();
        let made = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..6)
                .map(|worker| {
                    let url = &url;
                    scope.spawn(move || make_endpoints(url, &format!("r{round}w{worker}")))
                })
                .collect();
            std::thread::sleep(std::time::Duration::from_millis(700));
            // Without a word to the process.
            drop(serving);
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(!made.is_empty(), "there was work under way");
        acknowledged.extend(made);
    }
    let place = Place { serving: Serving::start(&folder), folder };
    let listed = place.json("endpoint ls --app x");
    let kept: Vec<&str> =
        listed["data"].as_array().unwrap().iter().map(|e| e["uid"].as_str().unwrap()).collect();
    let lost: Vec<_> = acknowledged.iter().filter(|uid| !kept.contains(&uid.as_str())).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), acknowledged.len());
}

/// Makes endpoints until nobody answers, and tells which of them were acknowledged.
fn make_endpoints(url: &str, worker: &str) -> Vec<String> {
    let mut made = Vec::new();
    for n in 0.. {
        let uid = format!("{worker}n{n}");
        let body = json!({ "url": "https://example.com", "uid": uid }).to_string();
        let answer = ask(url, "POST", "/api/v1/app/x/endpoint", &body);
        if !answer.starts_with("HTTP/1.1 201") {
            break;
        }
        made.push(uid);
    }
    made
}

/// What the command line has no option for.
fn patch(place: &Place, path: &str, body: &str) -> String {
    ask(&place.serving.url, "PATCH", path, body)
}

/// The whole answer; empty when there is none.
pub fn ask(url: &str, method: &str, path: &str, body: &str) -> String {
    ask_with(url, method, path, "", body)
}

/// The same, with further lines of its head.
pub fn ask_with(url: &str, method: &str, path: &str, headers: &str, body: &str) -> String {
    use std::io::{Read, Write};
    let address = url.trim_start_matches("http://");
    let Ok(mut stream) = std::net::TcpStream::connect(address) else { return String::new() };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         authorization: Bearer {ADMIN_KEY}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = String::new();
    let asked = stream.write_all(head.as_bytes());
    match asked.and_then(|()| stream.read_to_string(&mut answer)) {
        Ok(_) => answer,
        Err(_) => String::new(),
    }
}

/// What a command that goes on has told so far.
pub struct Going(std::process::Child, std::sync::mpsc::Receiver<String>);

impl Going {
    pub fn start(folder: &Folder, url: &str, line: &str) -> Going {
        let arguments: Vec<&str> = line.split(' ').collect();
        let mut command = folder.command(&arguments);
        command.env("FOREBAY_URL", url).env("FOREBAY_KEY", ADMIN_KEY);
        Going::of(command)
    }

    pub fn of(mut command: std::process::Command) -> Going {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let out: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for pipe in out {
            let tell = tell.clone();
            std::thread::spawn(move || {
                for line in std::io::BufRead::lines(std::io::BufReader::new(pipe)) {
                    let _ = tell.send(line.unwrap());
                }
            });
        }
        Going(child, told)
    }

    #[track_caller]
    pub fn next(&self) -> String {
        self.1.recv_timeout(Duration::from_secs(60)).unwrap()
    }

    /// Waits until it has a socket, and a moment more.
    pub fn connected(self) -> Going {
        let fds = format!("/proc/{}/fd", self.0.id());
        let is_socket = |entry: std::io::Result<std::fs::DirEntry>| {
            let name = entry.and_then(|entry| std::fs::read_link(entry.path()));
            name.is_ok_and(|name| name.to_string_lossy().starts_with("socket:"))
        };
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while !std::fs::read_dir(&fds).unwrap().any(is_socket) {
            assert!(std::time::Instant::now() < until, "it connects to nobody");
            std::thread::park_timeout(Duration::from_millis(10));
        }
        std::thread::park_timeout(Duration::from_secs(1));
        self
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn events_are_shown_as_they_come_also_after_a_restart() {
    let place = Place::new();
    place.out("send --type before --data 1");
    let (folder, url) = (&place.folder, place.serving.url.clone());
    let all = Going::start(folder, &url, "tail --json --since 2001-01-01T00:00:00Z");
    let told = || {
        let line = all.next();
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        told["eventType"].as_str().unwrap().to_owned()
    };
    assert_eq!(told(), "before");
    place.out("send --type order.paid --data 2");
    assert_eq!(told(), "order.paid");
    let rare = Going::start(folder, &url, "tail --type rare").connected();
    assert_eq!(place.serving.stop(), 0, "a stream does not hold up the end");
    assert!(all.next().contains("trying again") && rare.next().contains("trying again"));
    let serving = Serving::start_at(folder, url.strip_prefix("http://").unwrap());
    let place = Place { folder: Folder::new(), serving };
    place.out("send --type after --data 3");
    assert_eq!(told(), "after");
    place.out("send --type rare --data 4");
    assert!(rare.next().ends_with("  rare  api  1 bytes"), "it had seen none before");
    let whole = "tail --since 2001-01-01T00:00:00Z --no-follow --where data>1 --content";
    let whole = place.out(whole);
    assert_eq!(whole.lines().filter(|line| line.starts_with("  ")).count(), 6, "{whole}");
    place.run("tail --where (").expect(1, "").says("`where`");
    assert_eq!(place.serving.stop(), 0);
}

#[test]
fn a_stream_ends_with_its_key() {
    let place = Place::new();
    let made = place.json("key create --name k --role admin");
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let line = format!("tail --json --since 2001-01-01T00:00:00Z --key {token}");
    let tail = Going::start(&place.folder, &place.serving.url, &line);
    place.out("send --type a --data 1");
    assert!(tail.next().contains("\"eventType\":\"a\""));
    place.run(&format!("key rm {id}")).expect(0, "");
    assert!(tail.next().contains("connection lost"));
    assert!(tail.next().contains("401"), "and it is not let in again");
}

#[test]
fn events_are_forwarded_to_this_machine_signed() {
    let place = Place::new();
    let (hooks, received) = receiver();
    place.out("app create --name Shop --uid shop");
    place.out(&format!("endpoint create --app shop --uid e --to {} --type order.*", nobody()));
    let secret = place.out("endpoint secret e --app shop");
    let key = place.out("key create --name k --role producer --app shop");
    let listen = format!("listen --forward {hooks} --app shop --endpoint e --json");
    let listening = Going::start(&place.folder, &place.serving.url, &listen).connected();
    for event_type in ["invoice.sent", "order.paid"] {
        let send = format!("send --type {event_type} --data 2");
        assert_eq!(place.with_key(key.trim(), &send).code, 0);
    }
    let told: Value = serde_json::from_str(&listening.next()).unwrap();
    assert_eq!((&told["eventType"], &told["status"]), (&json!("order.paid"), &json!(200)));
    let (head, body) = received.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(body, "2");
    let mut arguments = vec!["verify", "--scheme", "standard-webhooks", "--body", "2"];
    arguments.extend(["--secret", secret.trim()]);
    let headers: Vec<&str> = head.lines().filter(|line| line.starts_with("webhook-")).collect();
    assert_eq!(headers.len(), 3, "{head}");
    arguments.extend(headers.iter().flat_map(|header| ["--request-header", header]));
    assert_eq!(place.folder.run(&arguments).code, 0, "{head}");
    assert_eq!(place.serving.stop(), 0);
}
