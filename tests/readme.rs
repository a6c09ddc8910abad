//! docs/task-types.md tells the truth: it lists all types there are, and adding one is as it says.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use errand_models::Profiles;
use shared::handlers::{Installation, types};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text of a section, up to the next heading.
fn section(heading: &str) -> String {
    let document = fs::read_to_string(root().join("docs/task-types.md")).unwrap();
    let (_, after) = document.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let mut fenced = false;
    let inside = after.lines().take_while(|line| {
        fenced ^= line.starts_with("```");
        fenced || !line.starts_with('#')
    });
    inside.collect::<Vec<_>>().join("\n")
}

/// The blocks in a language in a text.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    text.split(&format!("```{language}\n")).skip(1).map(|block| block.split_once("```").unwrap().0).collect()
}

#[test]
fn the_table_of_task_types_is_complete() {
    let section = section("| type | what it does |\n|---|---|");
    let rows = section.lines().map_while(|line| line.strip_prefix("| `")?.split('`').next());
    let mut listed: Vec<String> = rows.map(str::to_owned).collect();
    listed.sort();
    assert_eq!(listed, types(&Installation::default()).names().map(ToString::to_string).collect::<Vec<_>>());
}

#[test]
fn the_model_profiles_can_be_used_and_every_kind_is_explained() {
    let section = section("## Models");
    let [profiles] = blocks(&section, "json").try_into().unwrap();
    let (profiles, _) = Profiles::read(profiles, |name| Some(format!("the value of {name}"))).unwrap();
    let shown: BTreeSet<&str> = profiles.views().map(|view| view.kind).collect();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(shown, rows.collect());
}

/// Follows the document in a copy of `shared`, whose own tests then look at the new type as at every other.
#[test]
fn a_task_type_is_added_by_one_file_and_three_lines() {
    let section = section("## Add a task type");
    let [file, lines] = blocks(&section, "rust").try_into().unwrap();
    let path = section.split('`').find(|code| code.ends_with(".rs")).unwrap();
    let name = Path::new(path).file_stem().unwrap().to_str().unwrap();
    let copy = tempfile::tempdir().unwrap();
    copied(&root().join("shared"), &copy.path().join("shared"));
    fs::copy(root().join("Cargo.lock"), copy.path().join("Cargo.lock")).unwrap();
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, after) = manifest.split_once("[workspace.package]").unwrap();
    let manifest = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [\"shared\", \"shared/engine\", \"shared/models\", \"shared/http\", \"shared/agents\"]\n\n[workspace.package]{after}"
    );
    fs::write(copy.path().join("Cargo.toml"), manifest).unwrap();

    fs::write(copy.path().join(path), file).unwrap();
    let list = copy.path().join("shared/src/handlers.rs");
    let mut code = fs::read_to_string(&list).unwrap();
    assert_eq!(lines.lines().count(), 3, "{lines}");
    for line in lines.lines() {
        code = among_its_like(&code, line);
    }
    fs::write(&list, code).unwrap();

    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--offline", "--package", "shared", "--lib", "handlers::"]).current_dir(copy.path());
    // Kept from run to run, so that only the copy is compiled; apart from the build that runs this test.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("add-a-type");
    let tested = cargo.env("CARGO_TARGET_DIR", target).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&tested.stdout), String::from_utf8_lossy(&tested.stderr));
    assert!(tested.status.success(), "{name}\n{out}\n{err}");
    assert!(out.contains("every_type_is_described_with_its_fields_and_an_example_that_it_takes ... ok"), "{out}");
    assert!(!err.contains("warning: unused"), "{err}");
}

/// `code` with `line` before the first line that reads like it: what begins and ends the same, as deep.
fn among_its_like(code: &str, line: &str) -> String {
    let (head, tail) = match line.trim_start() {
        module if module.starts_with("mod ") => ("mod ", ";"),
        named if named.starts_with("pub use ") => ("pub use ", ";"),
        _ => (".add::<", ">(())"),
    };
    let indent = &line[..line.len() - line.trim_start().len()];
    let like = |other: &str| {
        let inner = other.strip_prefix(indent).filter(|inner| !inner.starts_with(' '));
        inner.is_some_and(|inner| inner.starts_with(head) && inner.ends_with(tail))
    };
    let mut lines: Vec<&str> = code.lines().collect();
    let place = lines.iter().position(|other| like(other)).unwrap_or_else(|| panic!("nothing is like {line:?}"));
    lines.insert(place, line);
    lines.join("\n") + "\n"
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
