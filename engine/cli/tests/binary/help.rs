use crate::run::Folder;

#[test]
fn every_command_has_help_with_an_example() {
    let folder = Folder::new();
    let commands = "serve,check,config show,send,trigger,app,endpoint,event-type,key,dlq,explain,\
                    apply,diff,export,context,man,erase,audit,stats,table,backup,restore,\
                    openapi,sign,verify,bench,filter,filter new,filter build,filter test,\
                    filter bench,filter inspect";
    for command in commands.split(',') {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.push("--help");
        let ended = folder.run(&arguments);
        assert_eq!(ended.code, 0, "{command}");
        assert!(ended.out.contains("Example"), "{command}: {}", ended.out);
        assert!(ended.out.contains(&format!("  forebay {command}")), "{command}");
    }
    let help = folder.run(&["--help"]).out;
    for part in ["0 ok", "2 usage or configuration", "6 unreachable"] {
        assert!(help.contains(part), "{part}: {help}");
    }
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
