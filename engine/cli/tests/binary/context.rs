use crate::nobody::nobody;
use crate::resources::Place;
use crate::run::{ADMIN_KEY, Ended, Folder};
use std::os::unix::fs::PermissionsExt;

impl Folder {
    /// With these variables set.
    fn run_in(&self, line: &str, variables: &[(&str, &str)]) -> Ended {
        let mut command = self.command(&line.split(' ').collect::<Vec<_>>());
        command.env("XDG_CONFIG_HOME", self.path()).envs(variables.iter().copied());
        Ended::of(command.output().unwrap())
    }
}

#[test]
fn servers_are_asked_by_their_names() {
    let (one, two) = (Place::new(), Place::new());
    two.out("app create --name Second --uid second");
    let folder = Folder::new();
    folder.write("key", &format!("{ADMIN_KEY}\n"));
    let run = |line: &str| folder.run_in(line, &[]);
    run("context ls").expect(0, "").says("there are none");
    run(&format!("context add one --url {} --key-file key", one.serving.url)).expect(0, "");
    run(&format!("context add two --url {} --key-env ADMIN_KEY", two.serving.url)).expect(0, "");
    let path = folder.path().join("forebay/contexts.toml");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let listed = run("context ls").out;
    assert!(listed.starts_with(&format!("* one  {}  key: file /", one.serving.url)), "{listed}");

    run("app ls").expect(0, "").says("there are none");
    let is_two = |ended: Ended| {
        assert!(ended.out.contains("second"), "{}{}", ended.out, ended.err);
    };
    is_two(run("app ls --context two"));
    is_two(folder.run_in("app ls", &[("FOREBAY_CONTEXT", "two")]));
    is_two(folder.run_in("app ls --context two", &[("FOREBAY_URL", nobody())]));
    is_two(folder.run_in("app ls --context two", &[("FOREBAY_KEY", "of-another-server")]));
    run("context use two").expect(0, "").says("in use: two");
    is_two(run("app ls"));
    // A context's key is for its own server alone.
    let away = folder.run_in("app ls", &[("FOREBAY_URL", &one.serving.url)]);
    away.says("give the server's key");
    let given = [("FOREBAY_URL", &*one.serving.url), ("FOREBAY_KEY", ADMIN_KEY)];
    folder.run_in("app ls", &given).expect(0, "").says("there are none");
    run("context show")
        .expect(0, &format!("name  two\nurl   {}\nkey   environment ADMIN_KEY\n", two.serving.url));
    // It says where a sample goes, too.
    run("trigger github.push --context two --secret x").expect(1, "").says("401");
    run("app ls --context three").expect(2, "").says("known are: one, two");
    run("context rm two").expect(0, "").says("none is in use");
    run("context use two").expect(2, "").says("there is no context");
}

#[test]
fn a_key_that_is_kept_is_not_shown() {
    let folder = Folder::new();
    let add = ["context", "add", "kept", "--url", nobody(), "--store-key"];
    let mut command = folder.command(&add);
    command
        .env("HOME", folder.path())
        .stdin(std::fs::File::open(folder.write("k", "sesame\n")).unwrap());
    assert_eq!(Ended::of(command.output().unwrap()).code, 0);
    let path = folder.path().join(".config/forebay/contexts.toml");
    assert!(std::fs::read_to_string(&path).unwrap().contains("sesame"));
    for line in ["context ls", "context show", "context ls --json", "context show kept --json"] {
        let shown = folder
            .run_in(line, &[("XDG_CONFIG_HOME", ""), ("HOME", folder.path().to_str().unwrap())]);
        assert!(shown.out.contains("kept") && !shown.out.contains("sesame"), "{}", shown.out);
    }
    std::fs::write(&path, "[context.x]\nurl = 1\nkey = \"sesame\"\n").unwrap();
    let broken = folder.run_in(
        "context ls",
        &[("XDG_CONFIG_HOME", ""), ("HOME", folder.path().to_str().unwrap())],
    );
    assert_eq!(broken.code, 2);
    assert!(!broken.err.contains("sesame"), "{}", broken.err);
}
