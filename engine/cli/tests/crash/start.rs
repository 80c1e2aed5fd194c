//! Starts that are refused, and stops.

use crate::home::{Home, SOURCE, endpoint};
use crate::http::{get, post};
use crate::letter::Letter;
use crate::node::{Ended, Node};
use crate::place::Place;
use crate::scene::Scene;
use event::Rng;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn refused(node: Node) -> Ended {
    match node.try_listening() {
        Ok(_) => panic!("it started"),
        Err(ended) => ended,
    }
}

/// As another user, whom file modes bind.
const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_directory_that_cannot_be_used_is_named_with_exit_2() {
    let home = Home::with(SOURCE);
    open_to_all(home.path());
    let says = |home: &Home, prefix: &[&str], parts: &[&str]| {
        let ended = refused(Node::spawn(home.serve(prefix)));
        assert_eq!(ended.code, Some(2), "{}", ended.said);
        let data = home.data().to_str().unwrap().to_owned();
        assert!(ended.said.contains(&data), "no {data} in {}", ended.said);
        parts.iter().for_each(|part| assert!(ended.said.contains(part), "{}", ended.said));
    };
    // Nobody may make it there.
    says(&home, &NOBODY, &["cannot use", "ermission denied"]);
    assert!(!home.data().exists());
    // It is somebody else's.
    let (node, _) = Node::start(&home).listening();
    node.stop();
    says(&home, &NOBODY, &["cannot use", "ermission denied"]);
    // Its file system cannot be written to.
    let sealed = Home::with(SOURCE).at(PathBuf::from("/proc/forebay/data"));
    says(&sealed, &[], &["cannot use"]);
    // A file is in the way, here and above.
    let file = home.path().join("a-file");
    std::fs::write(&file, "in the way").unwrap();
    says(&Home::with(SOURCE).at(file.clone()), &[], &["cannot use"]);
    says(&Home::with(SOURCE).at(file.join("below")), &[], &["cannot use"]);
}

#[test]
fn what_is_made_is_for_its_owner_alone() {
    let home = Home::with(SOURCE).at(PathBuf::new());
    let data = home.path().join("a/b/data");
    let home = home.at(data.clone());
    let (node, addr) = Node::start(&home).listening();
    post(addr, &Letter::new(1, 1, &mut Rng::seeded(1))).unwrap();
    node.stop();
    let mut paths = vec![data];
    while let Some(path) = paths.pop() {
        let metadata = std::fs::metadata(&path).unwrap();
        let mode = metadata.permissions().mode() & 0o7777;
        let private = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, private, "{} is {mode:o}", path.display());
        if metadata.is_dir() {
            paths.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}

#[test]
fn the_second_process_exits_with_4_names_the_first_and_leaves_it_unharmed() {
    let scene = Scene::start();
    let (first, addr) = Node::start(&scene.home).listening();
    scene.receiver.turn(1);
    scene.senders.send_to(1, addr);
    scene.senders.wait_for_answer(1);
    let second = refused(Node::start(&scene.home));
    assert_eq!(second.code, Some(4), "{}", second.said);
    let holder = format!("process {}", first.pid());
    assert!(second.said.contains(&holder), "no {holder} in {}", second.said);
    (0..50).for_each(|_| scene.senders.wait_for_answer(1));
    assert_eq!(get(addr, "/readyz").unwrap().status, 200);
    first.kill();
}

/// An endpoint that does not answer: a stop would wait for it.
fn hanging() -> (std::net::TcpListener, Home) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr: SocketAddr = listener.local_addr().unwrap();
    let home = Home::with(&format!("{SOURCE}{}", endpoint(Place::Healthy, addr)));
    (listener, home)
}

#[test]
fn a_second_sigterm_hurries() {
    let (listener, home) = hanging();
    let (mut node, addr) = Node::start(&home).listening();
    let letter = Letter::new(1, 1, &mut Rng::seeded(1));
    assert_eq!(post(addr, &letter).unwrap().status, 202);
    let (held, _) = listener.accept().unwrap();
    node.signal("-TERM");
    node.hear("stopping: what is in flight may finish").unwrap();
    assert!(node.is_alive(), "it waits for the endpoint");
    node.signal("-TERM");
    let ended = node.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.said.contains("stopped in a hurry"), "{}", ended.said);
    drop(held);

    // What was in flight comes again.
    let (node, _) = Node::start(&home).listening();
    listener.accept().unwrap();
    node.kill();
}

#[test]
fn a_stop_with_a_short_grace_ends_what_hangs_in_time() {
    let (listener, home) = hanging();
    let text = std::fs::read_to_string(home.path().join("forebay.toml")).unwrap();
    home.configure(&text.replacen("[server]\n", "[server]\ndrain = \"300ms\"\n", 1));
    let (node, addr) = Node::start(&home).listening();
    assert_eq!(post(addr, &Letter::new(1, 1, &mut Rng::seeded(1))).unwrap().status, 202);
    let (held, _) = listener.accept().unwrap();
    node.signal("-TERM");
    let ended = node.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.said.contains("stopped in time; the rest is tried again"), "{}", ended.said);
    drop(held);
}
