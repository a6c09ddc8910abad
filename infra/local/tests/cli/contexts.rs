//! Servers by name: whom a command asks, and as whom.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;

use super::Person;
use crate::process::{Server, free_port};

#[tokio::test]
async fn the_context_that_is_used_says_whom_to_ask_and_as_whom() {
    let (open, closed) = (Server::start(&[]), Server::start(&["--token", "right"]));
    let person = Person::alone();
    person.hears(&["context", "set", "open", "--url", &open.url]);
    person.hears(&["context", "set", "closed", "--url", &closed.url, "--token", "right", "--tenant", "acme"]);
    person.hears(&["context", "use", "closed"]);
    let add = ["tasks", "add", "scripted", "{}", "--in", "1h"];
    person.hears(&add);
    assert_eq!(person.lines(&["tasks", "ls"])[0]["tenant"], "acme");
    // Another for once, by a flag or a variable; and for all that follows.
    assert_eq!(person.lines(&["tasks", "ls", "--context", "open"]).len(), 0);
    let came = person.says_with(&["tasks", "ls"], &[("ERRAND_CONTEXT", "open")], "");
    assert_eq!((came.code, &*came.out), (Some(0), ""), "{came:?}");
    let listed = person.lines(&["context", "ls"]);
    let expected =
        json!({"name": "closed", "current": true, "url": closed.url, "tenant": "acme", "token": "kept here"});
    assert_eq!((&listed[0], &listed[1]["current"]), (&expected, &json!(false)));
    person.hears(&["context", "rm", "closed"]);
    assert_eq!(person.says(&["tasks", "ls", "--context", "closed"]).code, Some(2));
}

#[tokio::test]
async fn a_contexts_token_stands_in_a_file_or_a_variable() {
    let server = Server::start(&["--token", "right"]);
    let person = Person::alone();
    let file = person.home.path().join("token");
    fs::write(&file, "right\n").unwrap();
    person.hears(&["context", "set", "c", "--url", &server.url, "--token-file", file.to_str().unwrap()]);
    person.hears(&["context", "use", "c"]);
    assert_eq!(person.says(&["tasks", "ls"]).code, Some(0));
    person.hears(&["context", "set", "c", "--token-env", "PROD_TOKEN"]);
    assert_eq!(person.says_with(&["tasks", "ls"], &[("PROD_TOKEN", "right")], "").code, Some(0));
    let came = person.says(&["tasks", "ls"]);
    assert_eq!(came.code, Some(2));
    assert!(came.err.contains("the variable PROD_TOKEN, which is not set"), "{}", came.err);
}

#[tokio::test]
async fn a_token_is_told_to_no_server_that_it_is_not_meant_for() {
    let server = Server::start(&["--token", "right"]);
    let person = Person::alone();
    let nobody = format!("http://127.0.0.1:{}", free_port());
    person.hears(&["context", "set", "c", "--url", &nobody, "--token", "right"]);
    person.hears(&["context", "use", "c"]);
    // Its token is the context's, not that of whom flag or variable name; nor is a variable's the context's.
    assert_eq!(person.says(&["tasks", "ls", "--url", &server.url]).code, Some(1));
    assert_eq!(person.says_with(&["tasks", "ls"], &[("ERRAND_URL", &*server.url)], "").code, Some(1));
    person.hears(&["context", "set", "bare", "--url", &server.url]);
    let came = person.says_with(&["tasks", "ls", "--context", "bare"], &[("ERRAND_TOKEN", "right")], "");
    assert_eq!(came.code, Some(1), "{came:?}");
}

#[test]
fn the_config_file_is_its_owners_alone() {
    let person = Person::alone();
    person.hears(&["context", "set", "c", "--url", "http://127.0.0.1:9", "--token", "secret"]);
    let file = person.home.path().join(".config/errand/config.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!person.hears(&["context", "ls"]).contains("secret"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let came = person.says(&["tasks", "ls", "--context", "c"]);
    assert_eq!(came.code, Some(2));
    assert!(came.err.contains("others can read the tokens in it"), "{}", came.err);
    // Where XDG says it is.
    let xdg = tempfile::tempdir().unwrap();
    let at = [("XDG_CONFIG_HOME", xdg.path().to_str().unwrap())];
    let set = ["context", "set", "d", "--url", "http://127.0.0.1:9"];
    assert_eq!(person.says_with(&set, &at, "").code, Some(0));
    assert!(xdg.path().join("errand/config.json").exists());
}

#[test]
fn completions_are_what_bash_takes() {
    let person = Person::alone();
    let script = person.hears(&["completions", "bash"]);
    let file = person.home.path().join("completions");
    fs::write(&file, script).unwrap();
    // Taken in, it says what may follow `errand tasks `.
    let ask =
        "source \"$1\"; COMP_WORDS=(errand tasks re) COMP_CWORD=2; _errand errand re tasks; echo \"${COMPREPLY[@]}\"";
    let checked = std::process::Command::new("bash").args(["-c", ask, "bash"]).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(said, "retry reschedule\n", "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn completions_for_zsh_know_every_command_and_every_option() {
    let person = Person::alone();
    let script = person.hears(&["completions", "zsh"]);
    assert!(script.starts_with("#compdef errand\n") && script.contains("\n_errand() {\n"));
    let [commands, options] =
        [r"(?m)^  ([a-z]+)  ", r"(?m)^ +(?:-\w, )?(--[a-z-]+)"].map(|of| regex::Regex::new(of).unwrap());
    for path in [&[][..], &["tasks"], &["tasks", "add"], &["serve"], &["failures", "redrive"], &["runs", "start"]] {
        let help = person.hears(&[path, &["--help"]].concat());
        for found in commands.captures_iter(&help) {
            let offered = format!("({})", &found[1]);
            assert!(script.lines().any(|line| line.trim_start() == offered), "{path:?}: {offered}");
        }
        for found in options.captures_iter(&help) {
            let offered = [format!("{}[", &found[1]), format!("{}=[", &found[1])];
            assert!(offered.iter().any(|offer| script.contains(offer)), "{path:?}: {}", &found[1]);
        }
    }
}
