//! Each package stands on those below it: nothing that another repository uses reaches the task types of this installation.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

/// What the libraries of the functions may use.
const BELOW_FUNCTIONS: [&str; 9] = [
    "errand",
    "errand-agents",
    "errand-aws",
    "errand-http",
    "errand-mcp",
    "errand-models",
    "errand-outbound",
    "errand-schedules",
    "errand-work",
];

/// The libraries of the functions.
const FUNCTIONS: [&str; 8] = ["control", "dashboard", "enqueue", "mcp", "poller", "process-task", "relay", "status"];

/// Every package that may be built upon, the features of its library, and which packages of ours this may use.
fn libraries() -> Vec<(&'static str, &'static [&'static str], BTreeSet<&'static str>)> {
    let mut libraries = vec![
        ("errand", &[][..], [].into()),
        ("errand-outbound", &[], ["errand"].into()),
        ("errand-models", &["bedrock"], ["errand", "errand-outbound"].into()),
        ("errand-http", &[], ["errand"].into()),
        ("errand-work", &[], ["errand", "errand-http", "errand-outbound"].into()),
        ("errand-schedules", &[], ["errand", "errand-http"].into()),
        ("errand-aws", &[], ["errand", "errand-models", "errand-outbound", "errand-schedules", "errand-work"].into()),
        (
            "errand-agents",
            &[],
            ["errand", "errand-http", "errand-models", "errand-outbound", "errand-schedules", "errand-work"].into(),
        ),
        ("errand-mcp", &[], ["errand", "errand-http", "errand-work"].into()),
        // It speaks the API as anybody does, and so knows nothing of what is behind that.
        ("errand-client", &[], [].into()),
        // It runs tasks by the code of the function that does.
        (
            "errand-local",
            &[],
            [
                "errand",
                "errand-agents",
                "errand-client",
                "errand-http",
                "errand-mcp",
                "errand-models",
                "errand-outbound",
                "errand-schedules",
                "errand-work",
                "process-task",
            ]
            .into(),
        ),
        // It is a model of what the others do, and so uses none of them.
        ("errand-model-check", &[], [].into()),
        ("outside", &[], ["errand", "errand-local"].into()),
        ("outside-lambda", &[], FUNCTIONS.into_iter().chain(["outside"]).collect()),
    ];
    libraries.extend(FUNCTIONS.map(|name| (name, &["lambda"][..], BELOW_FUNCTIONS.into())));
    libraries
}

/// The packages of this workspace that `arguments` have cargo find in a tree of dependencies.
fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["tree", "--offline", "--prefix", "none"]).args(arguments);
    let output = cargo.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {err}");
    // `name v0.1.0 (/its/folder)`: only what lies here has a folder.
    let ours = out.lines().filter(|line| line.contains(" (/"));
    ours.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// Of `package` with these features alone, the packages of ours that it uses, itself or through others.
fn used_by(package: &str, features: &[&str], more: &[&str]) -> BTreeSet<String> {
    let features = features.join(",");
    let arguments = ["--package", package, "--no-default-features", "--features", &features, "--edges", "normal,build"];
    let mut used = tree(&[&arguments, more].concat());
    used.remove(package);
    used
}

#[test]
fn no_library_reaches_the_task_types_of_this_installation() {
    for (package, features, _) in libraries() {
        let used = used_by(package, features, &[]);
        assert!(!used.contains("shared"), "{package} uses {used:?}");
    }
    let of_tests = tree(&["--package", "outside", "--edges", "all"]);
    assert!(!of_tests.contains("shared"), "what stands for another repository uses {of_tests:?}");
}

#[test]
fn each_package_uses_those_below_it_and_no_other() {
    let below: BTreeMap<_, _> = libraries().into_iter().map(|(package, _, below)| (package, below)).collect();
    for (package, features, _) in libraries() {
        let used = used_by(package, features, &["--depth", "1"]);
        assert!(used.iter().all(|name| below[package].contains(&**name)), "{package} uses {used:?}");
    }
    // The task types, and what runs them here: a program is its library with these types.
    let types = used_by("shared", &[], &["--depth", "1"]);
    assert!(types.iter().all(|name| name.starts_with("errand")), "shared uses {types:?}");
    assert!(!types.contains("errand-local") && !types.contains("errand-aws"), "shared uses {types:?}");
    for package in FUNCTIONS.into_iter().chain(["errand-local"]) {
        let used = used_by(package, &["bin"], &["--depth", "1"]);
        let may = |name: &str| name == "shared" || below[package].contains(name);
        assert!(used.iter().all(|name| may(name)), "the program of {package} uses {used:?}");
    }
}

#[test]
fn every_package_has_its_layer() {
    let all = tree(&["--workspace", "--depth", "0"]);
    let known = libraries().into_iter().map(|(package, ..)| package).chain(["shared", "integration-tests", "simulate"]);
    assert_eq!(all, known.map(str::to_owned).collect());
}
