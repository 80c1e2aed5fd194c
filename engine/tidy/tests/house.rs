//! The house style of this repository, a test a rule.

use std::path::Path;
use std::sync::OnceLock;
use tidy::{Finding, Tree};

fn keep(rule: fn(&Tree) -> Vec<Finding>) {
    static TREE: OnceLock<Tree> = OnceLock::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tree = TREE.get_or_init(|| Tree::read(&root).expect("the repository can be read"));
    assert!(tree.has("engine/tidy/src/lib.rs"), "{} is not the repository", root.display());
    let mut findings = rule(tree);
    findings.sort();
    findings.dedup();
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} to mend:\n\n{}\n", lines.len(), lines.join("\n"));
}

#[test]
fn rooms_know_only_whom_the_list_of_arrows_allows() {
    keep(tidy::arrows::arrows);
}

#[test]
fn test_arrows_are_needed() {
    keep(tidy::arrows::unused_test_arrows);
}

#[test]
fn exceptions_are_needed() {
    keep(tidy::lists::stale);
}

#[test]
fn manifests_are_alike() {
    keep(tidy::arrows::manifests_are_alike);
}

#[test]
fn heavy_dependencies_stay_in_one_room() {
    keep(tidy::dependencies::exclusive);
}

#[test]
fn banned_dependencies_stay_out() {
    keep(tidy::dependencies::banned);
}

#[test]
fn what_we_name_is_built_once() {
    keep(tidy::dependencies::doubles);
}

#[test]
fn lock_files_name_public_registries() {
    keep(tidy::dependencies::registries);
}

#[test]
fn rooms_open_with_owns_imports_never() {
    keep(tidy::shape::openings);
}

#[test]
fn files_are_short() {
    keep(tidy::shape::files);
}

#[test]
fn functions_are_short() {
    keep(tidy::shape::functions);
}

#[test]
fn lines_are_short() {
    keep(tidy::shape::lines);
}

#[test]
fn modules_are_files_beside_their_folder() {
    keep(tidy::shape::module_files);
}

#[test]
fn the_map_is_short() {
    keep(tidy::shape::map);
}

#[test]
fn rooms_keep_to_their_words() {
    keep(tidy::bans::words);
}

#[test]
fn selects_are_biased() {
    keep(tidy::bans::unbiased_selects);
}

#[test]
fn there_are_no_macros_of_ours() {
    keep(tidy::bans::macros);
}

#[test]
fn bans_are_lifted_by_carriers_and_tests_alone() {
    keep(tidy::bans::opt_outs);
}

#[test]
fn no_test_is_ignored() {
    keep(tidy::bans::ignored_tests);
}

#[test]
fn names_say_something() {
    keep(tidy::names::names);
}

#[test]
fn promises_link_their_issue() {
    keep(tidy::notes::promises);
}

#[test]
fn decisions_are_whole_and_listed() {
    keep(tidy::notes::decisions);
}

#[test]
fn links_lead_somewhere() {
    keep(tidy::links::dead_links);
}

#[test]
fn code_points_to_documents_that_are_there() {
    keep(tidy::links::dead_pointers);
}

#[test]
fn every_rust_file_is_compiled() {
    keep(tidy::reach::dead_files);
}

#[test]
fn the_top_is_short() {
    keep(tidy::layout::top);
}

#[test]
fn nothing_that_was_fetched_lies_here() {
    keep(tidy::layout::fetched);
}

#[test]
fn no_file_names_a_machine() {
    keep(tidy::layout::machine_paths);
}
