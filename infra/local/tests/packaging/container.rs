//! The Dockerfile: there may be no engine here, so what it says is compared, and what it runs is run.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{default, of_workspace};
use crate::process::{self, Server};

const FILE: &str = include_str!("../../../../Dockerfile");
const IGNORED: &str = include_str!("../../../../.dockerignore");

/// The instructions of a stage, the first being 0, each with what follows it.
fn stage(number: usize) -> Vec<(&'static str, &'static str)> {
    let stage = FILE.split("\nFROM ").nth(number + 1).unwrap();
    let lines = stage.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut said: Vec<_> = lines.skip(1).filter_map(|line| line.split_once(' ')).collect();
    said.insert(0, ("FROM", stage.lines().next().unwrap()));
    said
}

fn all(stage: &[(&'static str, &'static str)], instruction: &str) -> Vec<&'static str> {
    stage.iter().filter(|(name, _)| *name == instruction).map(|(_, said)| *said).collect()
}

/// The variables that the image sets.
fn variables() -> Vec<(&'static str, &'static str)> {
    let set = all(&stage(1), "ENV");
    set.into_iter().flat_map(str::split_whitespace).filter_map(|pair| pair.split_once('=')).collect()
}

#[test]
fn it_builds_the_program_with_the_projects_rust_and_takes_it_from_where_cargo_puts_it() {
    let build = stage(0);
    assert_eq!(all(&build, "FROM"), [format!("rust:{}-slim-bookworm AS build", of_workspace("rust-version"))]);
    assert!(all(&build, "RUN").contains(&"cargo build --locked --release --package errand-local"));
    let program = Path::new(env!("CARGO_BIN_EXE_errand")).file_name().unwrap().to_str().unwrap();
    let copied = all(&stage(1), "COPY")[0];
    assert_eq!(copied, format!("--from=build /errand/target/release/{program} /usr/local/bin/{program}"));
    assert_eq!(all(&build, "WORKDIR"), ["/errand"]);
    // The C library is that of the same Debian: bookworm is its version 12.
    assert!(all(&stage(1), "FROM")[0].contains("-debian12:"));
}

#[test]
fn the_image_has_no_shell_and_no_root() {
    let image = stage(1);
    assert!(all(&image, "RUN").is_empty(), "there is nothing that could run it");
    for (name, said) in image.iter().filter(|(name, _)| ["ENTRYPOINT", "HEALTHCHECK", "CMD"].contains(name)) {
        let command = &said[said.find('[').unwrap_or_else(|| panic!("{name} needs a shell: {said}"))..];
        let command: Vec<String> = serde_json::from_str(command).unwrap();
        assert!(all(&image, "COPY")[0].ends_with(&format!(" {}", command[0])), "{command:?}");
    }
    let users = all(&image, "USER");
    let [user] = users[..] else { panic!("{users:?}") };
    assert!(user.split(':').all(|id| id.parse::<u32>().unwrap() > 0), "{user}");
    assert!(all(&image, "COPY").contains(&&*format!("--from=build --chown={user} /data /data")));
}

#[test]
fn its_settings_are_the_servers() {
    let (image, help) = (stage(1), process::output(&["serve", "--help"]));
    for (name, _) in variables() {
        assert!(help.contains(&format!("[env: {name}=")), "{name}");
    }
    let of = |wanted: &str| variables().into_iter().find(|(name, _)| *name == wanted).unwrap().1;
    assert_eq!((all(&image, "EXPOSE"), of("ERRAND_PORT")), (vec![&*default("port")], &*default("port")));
    assert_eq!(all(&image, "VOLUME"), [of("ERRAND_DATA")]);
}

#[tokio::test]
async fn a_server_with_these_settings_demands_a_token_and_is_found_healthy_by_it() {
    let data = tempfile::tempdir().unwrap();
    let port = process::free_port();
    let set: Vec<(&str, &str)> = variables()
        .into_iter()
        .map(|(name, value)| match name {
            "ERRAND_DATA" => (name, data.path().to_str().unwrap()),
            "ERRAND_PORT" => (name, &*port),
            _ => (name, value),
        })
        .collect();
    let health = |token: &str| {
        let url = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_errand"));
        command.arg("health").env_clear().envs(set.iter().copied()).env("ERRAND_URL", url).env("ERRAND_TOKEN", token);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().code()
    };
    assert_eq!(health("t"), Some(3), "nobody is there yet");
    let mut without = Command::new(env!("CARGO_BIN_EXE_errand"));
    let mut started = without.env_clear().envs(set.iter().copied()).stderr(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(started.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    let _ = started.kill(); // it has ended already, if it is as it should be
    assert!(!started.wait().unwrap().success() && said.contains("token"), "{said}");

    let with = [&set[..], &[("ERRAND_TOKEN", "t")]].concat();
    let server = Server::start_bare(&with);
    assert_eq!((health("t"), health("other")), (Some(0), Some(1)));
    let tasks: Value = server.get_as("/v1/health", "t").await;
    assert_eq!(tasks["status"], "ok");
}

#[test]
fn what_is_left_out_of_the_build_is_nothing_that_it_needs() {
    let left_out: Vec<&str> = IGNORED.lines().filter(|line| !line.starts_with('#')).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tracked = Command::new("git").arg("-C").arg(root).arg("ls-files").output().unwrap();
    let tracked = String::from_utf8(tracked.stdout).unwrap();
    assert!(tracked.contains("Cargo.lock"), "this is asked of git: {tracked}");
    let is_left_out = |path: &str| {
        let mut parts = path.split('/').enumerate();
        parts.any(|(depth, part)| {
            left_out
                .iter()
                .any(|rule| rule.strip_prefix("**/").map_or(depth == 0 && *rule == part, |name| name == part))
        })
    };
    for path in tracked.lines().filter(|path| !path.starts_with(".github/")) {
        assert!(!is_left_out(path), "{path}");
    }
    for heavy in ["target/debug/errand", ".git/config", "errand-data/errand.db", "clients/typescript/node_modules/x"] {
        assert!(is_left_out(heavy), "{heavy}");
    }
}
