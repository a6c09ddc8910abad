//! What packages the program says of it what is so: the container, the unit of systemd, the release.

mod container;
mod release;
mod unit;

use crate::process;

/// What stands in a workspace's manifest after `key = "`.
fn of_workspace(key: &str) -> &'static str {
    let manifest = include_str!("../../../Cargo.toml");
    manifest.split_once(&format!("\n{key} = \"")).unwrap().1.split('"').next().unwrap()
}

/// The default of a flag of `errand serve`, as its help has it.
fn default(flag: &str) -> String {
    let help = process::output(&["serve", "--help"]);
    let (_, after) = help.split_once(&format!("--{flag} ")).unwrap();
    after.split_once("[default: ").unwrap().1.split(']').next().unwrap().to_owned()
}

#[test]
fn what_is_installed_from_the_repository_is_the_command() {
    let manifest = include_str!("../Cargo.toml");
    assert!(manifest.contains("[[bin]]\nname = \"errand\"\n") && manifest.contains("\ndefault-run = \"errand\"\n"));
    // `cargo install` builds what the default features allow.
    assert!(manifest.contains("required-features = [\"bin\"]") && manifest.contains("\ndefault = [\"bin\"]\n"));
    assert!(include_str!("../../../Cargo.toml").contains("\ndefault-members = [\"infra/local\"]\n"));
    assert_eq!(manifest.matches("[[bin]]").count(), 1);
}
