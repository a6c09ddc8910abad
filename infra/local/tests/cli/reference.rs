//! docs/reference.md has the help of each command, as it is.

use std::{fs, path::Path};

use super::Person;

const REFERENCE: &str = include_str!("../../../../docs/reference.md");

/// Where the commands begin.
const MARK: &str = "<!-- From here on as `errand --help` has it; a test compares. -->\n";

/// What stands in every command's help, and in the reference once.
const EVERYWHERE: &str = "Every command:\n";

/// The commands named in a help, but for `help` itself.
fn named(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names =
        listed.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?.split(' ').next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// A help without what stands in every one, and that.
fn parted(help: &str) -> (String, Option<String>) {
    let Some((before, after)) = help.split_once(EVERYWHERE) else { return (help.to_owned(), None) };
    let (shared, after) = after.split_once("\n\n").unwrap_or((after, ""));
    (format!("{}\n{after}", before.trim_end_matches('\n').to_owned() + "\n"), Some(shared.trim_end().to_owned()))
}

/// Adds the help of `command` and of all below it.
fn add(person: &Person, command: &[String], text: &mut String, shared: &mut Option<String>) {
    let args: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
    let help = person.hears(&args);
    let (own, of_all) = parted(&help);
    if let Some(of_all) = of_all {
        assert_eq!(*shared.get_or_insert_with(|| of_all.clone()), of_all, "{command:?}");
    }
    let name = ["errand".to_owned()].iter().chain(command).cloned().collect::<Vec<_>>().join(" ");
    let own = own.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    text.push_str(&format!("\n### {name}\n\n```text\n{}\n```\n", own.trim_end()));
    for below in named(&help) {
        add(person, &[command, &[below]].concat(), text, shared);
    }
}

#[test]
fn the_reference_has_the_help_of_each_command() {
    let (person, mut text, mut shared) = (Person::alone(), String::new(), None);
    for command in named(&person.hears(&["--help"])) {
        add(&person, &[command], &mut text, &mut shared);
    }
    let shared =
        format!("\nThese options are every command's that asks a server:\n\n```text\n{}\n```\n", shared.unwrap());
    let (before, after) = REFERENCE.split_once(MARK).unwrap();
    if after != shared.clone() + &text {
        let renewed = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reference.md");
        fs::write(&renewed, format!("{before}{MARK}{shared}{text}")).unwrap();
        panic!("docs/reference.md is not what the commands say: take {}", renewed.display());
    }
}

#[test]
fn each_command_that_does_something_has_an_example() {
    let commands = REFERENCE.split("\n### errand ").skip(1);
    let (mut with, mut without) = (0, Vec::new());
    for command in commands {
        // One that has others below it is told by them; those of the server itself are its operators'.
        let name = command.lines().next().unwrap();
        if command.contains("\nCommands:\n") || ["serve", "bench", "demo", "token"].contains(&name) {
            continue;
        }
        if command.contains("\nExample") { with += 1 } else { without.push(name) }
    }
    assert!(without.is_empty() && with > 20, "{with} have one, and these none: {without:?}");
}
