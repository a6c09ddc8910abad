//! The template that the command of docs/engine.md makes of Errand's.

use std::{fs, path::Path, process::Command};

#[test]
fn the_documents_command_makes_a_template_of_this_packages_functions_and_changes_nothing_else() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.join("../..");
    let document = fs::read_to_string(root.join("docs/engine.md")).unwrap();
    let command = document.lines().find(|line| line.starts_with("sed ")).unwrap();
    let (command, _) =
        command.replace("ERRAND/", "").split_once(" > ").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let made = Command::new("sh").args(["-c", &command]).current_dir(&root).output().unwrap();
    assert!(made.status.success(), "{command}: {}", String::from_utf8_lossy(&made.stderr));
    let (made, of) =
        (String::from_utf8(made.stdout).unwrap(), fs::read_to_string(root.join("infra/template.yaml")).unwrap());

    assert_eq!(made.lines().count(), of.lines().count());
    let changed: Vec<(&str, &str)> = of.lines().zip(made.lines()).filter(|(old, new)| old != new).collect();
    let programs = fs::read_to_string(here.join("lambda/Cargo.toml")).unwrap();
    let functions = of.matches("BuildMethod: rust-cargolambda").count();
    assert_eq!(changed.len(), functions, "each has where its program is: {changed:#?}");
    for (old, new) in changed {
        assert_eq!(new.trim(), "CodeUri: lambda", "{old}");
    }
    // What each is built from: here its program has another name, since that of the function is taken.
    for (_, binary) in of.lines().filter_map(|line| line.split_once("Binary: ")) {
        let binary = binary.split(' ').next().unwrap();
        let program = format!("name = \"outside-{binary}\"\npath = \"src/bin/{binary}.rs\"");
        assert!(programs.contains(&program), "there is no program {binary}");
    }
}
