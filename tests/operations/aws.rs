//! The commands of docs/operations.md that ask AWS are asked rightly: they are run as they stand there, and the real `aws`
//! takes each of them, though there is no account that it could ask. What `sam deploy` is given has a name in the template.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use integration_tests::{
    apt,
    venv::{program, venv},
};
use regex::Regex;

use super::GUIDE;
use crate::template::written;

const TEMPLATE: &str = include_str!("../../infra/template.yaml");

/// In place of `aws`: the real one reads the command and finds nobody to ask. What it complains of besides is kept, and each
/// command; what is printed is what a scan or a query finds: in the table that is restored an item less.
const NOBODY: &str = r#"#!/bin/sh
echo "$*" >> asked
"$REAL_AWS" "$@" > "said.$$" 2>&1
grep -q "Could not connect to the endpoint URL" "said.$$" || { echo "aws $*"; cat "said.$$"; } >> refused
there='{"pk": {"S": "t#acme#1"}, "sk": {"S": "task"}}'
since='{"pk": {"S": "acme#run_event#1"}, "sk": {"S": "1"}}'
case "$*" in
*errand-restored*) echo "{\"Items\": [$there]}" ;;
*) echo "{\"Items\": [$there, $since]}" ;;
esac
"#;

/// What stands for what a person puts in, where `aws` looks at its form.
const PLACEHOLDERS: [(&str, &str); 3] = [
    ("--uuid UUID", "--uuid 00000000-0000-0000-0000-000000000000"),
    ("PRINCIPAL-ARN", "arn:aws:iam::123456789012:role/somebody"),
    ("FUNCTION-ARN", "arn:aws:lambda:us-east-1:123456789012:function:errand-enqueue"),
];

/// The blocks of commands that ask AWS.
fn blocks() -> Vec<&'static str> {
    let shell = GUIDE.split("```sh\n").skip(1).filter_map(|block| block.split_once("```"));
    shell.map(|(block, _)| block).filter(|block| block.contains("aws ")).collect()
}

/// Every command that these blocks come to.
fn asked(blocks: &[&str]) -> String {
    let (folder, here) = (tempfile::tempdir().unwrap(), Path::new(env!("CARGO_MANIFEST_DIR")));
    let venv = venv("aws", &here.join("requirements-aws.txt")).unwrap();
    if Command::new("jq").arg("--version").output().is_err() {
        apt::install(&["jq"]).unwrap_or_else(|error| panic!("{error}"));
    }
    let aws = folder.path().join("aws");
    fs::write(&aws, NOBODY).unwrap();
    fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).unwrap();
    for block in blocks {
        let put_in = |text: String, (name, value): (&str, &str)| text.replace(name, value);
        let typed = PLACEHOLDERS.into_iter().fold((*block).to_owned(), put_in);
        let mut bash = Command::new("bash");
        // Nothing of this machine's: neither its proxies nor what its owner has set for AWS.
        bash.args(["-euc", &typed]).current_dir(folder.path()).env_clear().env("REAL_AWS", program(&venv, "aws"));
        bash.env("PATH", format!("{}:{}", folder.path().display(), std::env::var_os("PATH").unwrap().display()));
        // Nobody listens there, and it is asked once.
        bash.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").env("AWS_MAX_ATTEMPTS", "1");
        bash.env("AWS_DEFAULT_REGION", "us-east-1").env("HOME", folder.path());
        bash.env("AWS_ACCESS_KEY_ID", "none").env("AWS_SECRET_ACCESS_KEY", "none");
        let run = bash.output().unwrap();
        assert!(run.status.success(), "{block}\n{}", String::from_utf8_lossy(&run.stderr));
    }
    let refused = fs::read_to_string(folder.path().join("refused")).unwrap_or_default();
    assert_eq!(refused, "");
    fs::read_to_string(folder.path().join("asked")).unwrap()
}

#[test]
fn the_guides_commands_for_aws_are_asked_rightly() {
    let blocks = blocks();
    let asked = asked(&blocks);
    for line in blocks.iter().flat_map(|block| block.lines()) {
        for (_, command) in line.match_indices("aws ").map(|(at, _)| line.split_at(at)) {
            let words: Vec<&str> = command.split_whitespace().skip(1).take(2).collect();
            assert!(asked.contains(&words.join(" ")), "{command} was not come to");
        }
    }
    assert!(
        asked.contains("--item {\"pk\"") && asked.contains("--key {\"pk\":{\"S\":\"acme#run_event#1\"}"),
        "{asked}"
    );
}

#[test]
fn what_the_guides_commands_for_aws_name_is_in_the_template() {
    let function = Regex::new(r"(?:/aws/lambda/|--function-name )errand-([a-z-]+)").unwrap();
    let commands = blocks().concat();
    let mut named: BTreeSet<&str> =
        function.captures_iter(&commands).map(|found| found.get(1).unwrap().as_str()).collect();
    let (_, looped) = commands.split_once("for f in ").unwrap();
    named.extend(looped.split(';').next().unwrap().split(' '));
    assert!(named.len() > 3, "{named:?}");
    for name in named {
        assert!(TEMPLATE.contains(&format!("FunctionName: !Sub ${{AWS::StackName}}-{name}\n")), "there is no {name}");
    }
    let template = written();
    for rest in commands.split("\"IndexName\": \"").skip(1) {
        let (index, _) = rest.split_once('"').unwrap();
        assert!(TEMPLATE.contains(&format!("- IndexName: {index}\n")), "there is no index {index}");
    }
    let parameter = Regex::new(r"\b([A-Z]\w+)=").unwrap();
    let given: Vec<&str> = GUIDE.match_indices("--parameter-overrides").map(|(at, _)| GUIDE.split_at(at).1).collect();
    let mut seen = 0;
    for given in given {
        for found in parameter.captures_iter(given.split('`').next().unwrap()) {
            assert!(template["Parameters"].get(&found[1]).is_some(), "there is no parameter {}", &found[1]);
            seen += 1;
        }
    }
    assert!(seen >= 4, "only {seen} are found");
}
