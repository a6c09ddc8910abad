//! The commands and flags that documents name are there.

use regex::Regex;

use crate::process;

/// Every document that names commands of ours.
const DOCUMENTS: [(&str, &str); 8] = [
    ("README.md", include_str!("../../../../README.md")),
    ("agents.md", include_str!("../../../../docs/agents.md")),
    ("api.md", include_str!("../../../../docs/api.md")),
    ("operations.md", include_str!("../../../../docs/operations.md")),
    ("task-types.md", include_str!("../../../../docs/task-types.md")),
    ("testing.md", include_str!("../../../../docs/testing.md")),
    ("tour.md", include_str!("../../../../docs/tour.md")),
    ("work.md", include_str!("../../../../docs/work.md")),
];

/// What a help lists below `Commands:`.
fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    listed.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_commands_and_flags_that_the_documents_name_exist() {
    let called = Regex::new(r"^(?:target/release/|docker exec errand )?errand ([^|;&]*)").unwrap();
    let mut seen = 0;
    for (name, document) in DOCUMENTS {
        let code = document.split('`').skip(1).step_by(2).filter(|code| !code.is_empty());
        for line in code.flat_map(str::lines) {
            let Some(words) = called.captures(line) else { continue };
            let words: Vec<&str> = words[1].split_whitespace().collect();
            let (mut path, mut help) = (Vec::new(), process::output(&["--help"]));
            for word in words.iter().take_while(|word| !word.starts_with('-')) {
                let there = commands(&help);
                if there.is_empty() {
                    break;
                }
                assert!(there.iter().any(|command| command == word), "{name}: errand {words:?}");
                path.push(*word);
                help = process::output(&[&path[..], &["--help"]].concat());
                seen += 1;
            }
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                let flag = flag.trim_end_matches(',');
                assert!(help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}\n")), "{name}: {flag}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 20, "only {seen} are found");
}
