use crate::run::Folder;

/// A command that only has others below it does nothing by itself: its help lists them, and each
/// of them has the example. All others need one of their own, that begins with their own name.
#[test]
fn every_command_that_does_something_has_help_with_an_example() {
    let folder = Folder::new();
    let mut left: Vec<Vec<String>> = vec![Vec::new()];
    let mut seen = Vec::new();
    while let Some(command) = left.pop() {
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        arguments.push("--help");
        let (ended, name) = (folder.run(&arguments), command.join(" "));
        assert_eq!((ended.code, &*ended.err), (0, ""), "{name}");
        let below = commands(&ended.out);
        if below.is_empty() {
            let example = format!("  forebay {name}");
            let mut lines = ended.out.lines().skip_while(|line| !line.starts_with("Example"));
            assert!(lines.any(|line| line.starts_with(&example)), "{name}: {}", ended.out);
        }
        left.extend(below.into_iter().map(|verb| [&command[..], &[verb]].concat()));
        seen.push(name);
    }
    // Of each depth, so that a change of the layout does not end the walk.
    for name in ["demo", "tail", "app ls", "key rotate", "dlq purge", "filter candidate try"] {
        assert!(seen.iter().any(|seen| seen == name), "{name}: {seen:?}");
    }
    let help = folder.run(&["--help"]).out;
    for part in ["0 ok", "2 usage or configuration", "6 unreachable"] {
        assert!(help.contains(part), "{part}: {help}");
    }
}

/// Those that a help lists below the command. The second lines of their texts stand further in.
pub fn commands(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let list = list.take_while(|line| !line.is_empty());
    let names = list.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect()
}

#[test]
fn what_is_no_command_is_usage() {
    let folder = Folder::new();
    for arguments in [&[][..], &["srve"], &["send"], &["serve", "--nope"], &["completions", "x"]] {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, 2, "{arguments:?}: {}", ended.err);
        assert_eq!(ended.out, "", "{arguments:?}");
    }
}

#[test]
fn every_command_has_a_page_for_man() {
    let folder = Folder::new();
    folder.run(&["man", "--dir", "man"]).expect(0, "").says("the pages are in man");
    for (name, part) in [
        ("forebay", "forebay-apply(1)"),
        ("forebay-apply", "forebay apply -f resources.toml --dry-run"),
        ("forebay-filter-dry-run", "deliver"),
        ("forebay-context-add", "key-env"),
    ] {
        let page = std::fs::read_to_string(folder.path().join(format!("man/{name}.1"))).unwrap();
        let plain = page.replace("\\-", "-");
        assert!(plain.starts_with(".ie") && plain.contains(part), "{name}: {plain}");
    }
    assert!(!folder.path().join("man/forebay-compile.1").exists(), "what is hidden stays so");
    assert!(folder.run(&["man"]).out.contains(".SH NAME"));
}

#[test]
fn completions_are_scripts() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = folder.run(&["completions", shell]);
        assert_eq!(ended.code, 0);
        assert!(ended.out.contains("trigger"), "{shell}");
    }
}
