//! What the helps show is what the arguments allow.

use crate::arguments::Arguments;
use clap::{Command, CommandFactory, Parser};

/// The lines of a help that call the binary, put together where they go on.
fn lines(help: &str) -> Vec<String> {
    let examples = help.split_once("Example").map_or("", |(_, examples)| examples);
    let whole = examples.replace("\\\n", " ");
    let is_call = |line: &&str| line.starts_with("  ") && line.contains("forebay ");
    whole.lines().filter(is_call).map(|line| line.trim().to_owned()).collect()
}

/// The words of each command of a line, as a shell takes them apart; without redirections.
fn calls(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words) = (Vec::new(), Vec::new());
    let (mut word, mut quote) = (None::<String>, None);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(letters.next()),
            (letter, Some(open)) if letter == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (' ', None) => words.extend(word.take()),
            ('|' | '&' | ';', None) => {
                words.extend(word.take());
                all.push(std::mem::take(&mut words));
            }
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    all.push(words);
    all.into_iter().map(without_redirections).collect()
}

fn without_redirections(words: Vec<String>) -> Vec<String> {
    let mut words = words.into_iter();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            ">" | "<" => drop(words.next()),
            _ => kept.push(word),
        }
    }
    kept
}

/// The arguments of all calls that the helps of a command and of those below it show.
fn shown(command: &Command, all: &mut Vec<Vec<String>>) {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    for call in lines(&help).iter().flat_map(|line| calls(line)) {
        // What stands before the name is set for its environment.
        let own = call.into_iter().skip_while(|word| word.contains('=')).collect::<Vec<_>>();
        all.extend(Some(own).filter(|own| own.first().is_some_and(|name| name == "forebay")));
    }
    command.get_subcommands().for_each(|below| shown(below, all));
}

#[test]
fn every_example_is_one_that_the_binary_takes() {
    let mut all = Vec::new();
    shown(&Arguments::command(), &mut all);
    assert!(all.len() > 100, "{} examples were found", all.len());
    for words in all {
        if let Err(error) = Arguments::try_parse_from(&words) {
            panic!("{words:?}: {error}");
        }
    }
}

#[test]
fn lines_are_taken_apart_as_a_shell_does() {
    let words = |line: &str| calls(line).concat().join("/");
    assert_eq!(words("a 'b c' \"d \\\" e\" f\\ g"), "a/b c/d \" e/f g");
    assert_eq!(words("a '' > file b"), "a//b");
    let calls = calls("A=1 forebay x && forebay y | jq .id");
    assert_eq!(calls[0], ["A=1", "forebay", "x"]);
    assert!(calls.iter().any(|call| *call == ["forebay", "y"]), "{calls:?}");
    assert_eq!(lines("Text.\n\nExamples:\n  forebay a \\\n    b\n  x | forebay c").len(), 2);
    assert_eq!(lines("`forebay x` does it.\n\nExample:\n  forebay a"), ["forebay a"]);
}
