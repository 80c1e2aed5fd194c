//! A disk that fills up and is freed again, on a file system of our own.

use crate::home::{Home, config};
use crate::http::{get, post};
use crate::judge::{Death, judge};
use crate::letter::Letter;
use crate::node::{Node, PATIENCE};
use crate::receiver::Receiver;
use crate::scene::Scene;
use crate::senders::Senders;
use crate::tell;
use event::Rng;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const MIB: u64 = 1 << 20;
/// Room with which a node is at ease: above its floor and its ballast.
const AMPLE: u64 = 600 * MIB;

/// A file system in memory, whose size is whatever leaves the room that is wanted.
struct Disk {
    dir: TempDir,
}

impl Disk {
    fn mount() -> Disk {
        let disk = Disk { dir: tempfile::tempdir().unwrap() };
        disk.resize(&["-t", "tmpfs", "-o", &format!("size={AMPLE}"), "none"]);
        disk
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn leave(&self, free: u64) {
        let told = rustix::fs::statvfs(self.path()).unwrap();
        let used = (told.f_blocks - told.f_bfree) * told.f_frsize;
        self.resize(&["-o", &format!("remount,size={}", used + free)]);
    }

    fn resize(&self, arguments: &[&str]) {
        let output = Command::new("mount").args(arguments).arg(self.path()).output().unwrap();
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "a file system cannot be mounted here: {why}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn scene_on(disk: &Disk) -> Scene {
    let receiver = Receiver::start();
    let home = Home::with(&config(receiver.addr())).at(disk.path().join("data"));
    Scene { home, receiver, senders: Senders::start() }
}

/// Until what is asked for is so.
#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "it never is so: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// What a stranger's post is answered: true for 202, false for 507 with Retry-After.
fn is_taken(addr: SocketAddr, n: u64) -> bool {
    let answer = post(addr, &Letter::new(77, n, &mut Rng::seeded(n))).unwrap();
    assert!(answer.status == 202 || answer.status == 507, "{answer:?}");
    assert!(answer.status == 202 || answer.has_retry_after(), "{answer:?}");
    answer.status == 202
}

#[test]
fn a_full_disk_refuses_events_delivers_on_and_recovers_by_itself() {
    let disk = Disk::mount();
    let scene = scene_on(&disk);
    scene.receiver.turn(1);
    let (node, addr) = Node::start(&scene.home).listening();
    scene.senders.send_to(1, addr);
    (0..300).for_each(|_| scene.senders.wait_for_answer(1));
    let ready = || get(addr, "/readyz").unwrap();
    assert_eq!(ready().status, 200);

    disk.leave(200 * MIB);
    wait_until("refused with 507", || !is_taken(addr, 1));
    let told = ready();
    assert!(told.status == 503 && told.body.contains("disk_floor"), "{told:?}");
    let lag = || crate::http::metric(addr, "forebay_lane_lag_events");
    let behind = lag().unwrap();
    wait_until("what was accepted is delivered", || lag() == Some(0.0));
    assert!(!is_taken(addr, 2), "the disk is as full as before");

    disk.leave(AMPLE);
    wait_until("accepted again", || is_taken(addr, 3));
    (0..300).for_each(|_| scene.senders.wait_for_answer(1));
    let at = node.kill();
    let deaths = [Death { life: 1, at, open: 0, listening: None, first: None }];
    let report = judge_but_for_strangers(scene, &deaths);
    tell(&format!("a full disk, {behind} events behind when it was: {report}"));
}

/// Those that `is_taken` sent are in nobody's list.
fn judge_but_for_strangers(scene: Scene, deaths: &[Death]) -> String {
    let mut ended = scene.end(2);
    let strangers: Vec<_> = (1..=3).map(|n| Letter::new(77, n, &mut Rng::seeded(n)).sum).collect();
    ended.seen.retain(|seen| !strangers.contains(&seen.sum));
    ended.dead.retain(|grave| !strangers.contains(&grave.sum));
    judge(&ended, deaths).to_string()
}
