//! The release's workflow: what it builds, takes and names is there.

use std::path::Path;

use super::of_workspace;

const WORKFLOW: &str = include_str!("../../../../.github/workflows/release.yml");

#[test]
fn it_builds_with_the_projects_rust_and_packs_what_is_there() {
    let rust = of_workspace("rust-version");
    assert!(WORKFLOW.contains(&format!("rustup toolchain install {rust} ")), "{rust}");
    assert!(WORKFLOW.contains("cargo build --locked --release --package errand-local\n"));
    let packed = WORKFLOW.lines().find_map(|line| line.trim().strip_prefix("cp target/release/errand ")).unwrap();
    let files: Vec<&str> = packed.split(' ').take_while(|word| !word.starts_with('"')).collect();
    assert_eq!(files, ["infra/systemd/errand.service", "README.md", "LICENSE"]);
    for file in files {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file).exists(), "{file}");
    }
}

#[test]
fn it_is_made_for_both_processors_and_a_version_alone_sets_it_going() {
    for target in ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"] {
        assert_eq!(WORKFLOW.matches(&format!("target: {target}\n")).count(), 1, "{target}");
    }
    assert!(WORKFLOW.contains("on:\n  push:\n    tags: [\"v*\"]\n"));
    assert_eq!(WORKFLOW.matches("contents: write").count(), 1, "only what makes the release may write");
}
