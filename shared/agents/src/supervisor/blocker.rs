//! How an agent says that it cannot go on.
//!
//! Either the whole answer is a JSON object `{"status": "blocked", "missing": "…"}`, or it has a line that begins with
//! `BLOCKED:` in capitals, as the first prompt asks for; emphasis, a list mark and a heading mark before it are passed
//! over, and quotes and code blocks are not the agent's word. What is missing is the rest of the line and of its
//! paragraph. Of several the last counts, and `BLOCKED: none` is none.

use serde_json::Value;

use errand::spi::json::first;

/// How much of what is missing is kept, in characters.
const MISSING_CHARS: usize = 1000;

/// What stands for "what is missing" if the agent does not say it.
const UNSAID: &str = "the agent does not say what is missing";

/// How agents fill in that nothing blocks them, without a full stop.
const NOTHING: [&str; 9] = ["", "none", "no", "nothing", "n/a", "na", "not blocked", "false", "-"];

/// What the agent says is missing, if it says that it is blocked.
pub fn blocker(answer: &str) -> Option<String> {
    structured(answer).or_else(|| stated(answer)).map(|missing| match missing.trim() {
        "" => UNSAID.to_owned(),
        missing => first(missing, MISSING_CHARS).to_owned(),
    })
}

fn structured(answer: &str) -> Option<String> {
    let answer = answer.trim();
    if !answer.starts_with('{') {
        return None;
    }
    let answer: Value = serde_json::from_str(answer).ok()?;
    let blocked = answer.get("status")?.as_str()?.eq_ignore_ascii_case("blocked");
    let missing = answer.get("missing").map_or(String::new(), |missing| match missing {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    blocked.then_some(missing)
}

fn stated(answer: &str) -> Option<String> {
    let (mut newest, mut in_code, mut open) = (None, false, false);
    for line in answer.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            in_code = !in_code;
            open = false;
        } else if in_code || trimmed.is_empty() {
            open = false;
        } else if let Some(rest) = after_keyword(trimmed) {
            open = true;
            newest = Some(rest.to_owned());
        } else if let Some(missing) = newest.as_mut().filter(|_| open) {
            missing.push('\n');
            missing.push_str(trimmed);
        }
    }
    newest.filter(|missing| !says_nothing(missing))
}

/// What follows `BLOCKED:`, without the emphasis around.
fn after_keyword(line: &str) -> Option<&str> {
    let emphasis = ['*', '_'];
    let line =
        line.trim_start_matches(|c: char| c.is_whitespace() || emphasis.contains(&c) || matches!(c, '#' | '-' | '•'));
    let rest = line.strip_prefix("BLOCKED")?.trim_start_matches(emphasis).strip_prefix(':')?;
    Some(rest.trim_matches(|c: char| c.is_whitespace() || emphasis.contains(&c)))
}

fn says_nothing(missing: &str) -> bool {
    let said = missing.trim().trim_end_matches('.').to_lowercase();
    // An empty one is a blocker without words: the prompt asks to leave the line out otherwise.
    !missing.is_empty() && NOTHING.contains(&said.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stated_blocker_says_what_is_missing() {
        let long = format!("BLOCKED: {}", "é".repeat(5000));
        let kept = "é".repeat(MISSING_CHARS);
        for (answer, missing) in [
            ("BLOCKED: the API key of the mail server", "the API key of the mail server"),
            ("I tried.\n\n**BLOCKED:** access to `prod`", "access to `prod`"),
            ("**BLOCKED**: access", "access"),
            ("__BLOCKED: access__", "access"),
            ("- BLOCKED: access", "access"),
            ("## BLOCKED: access", "access"),
            ("  BLOCKED: a\n  and b\n\nThanks.", "a\nand b"),
            ("BLOCKED:\nthe key", "the key"),
            ("BLOCKED:", UNSAID),
            ("BLOCKED: ключ", "ключ"),
            ("BLOCKED: first\n\nBLOCKED: second", "second"),
            ("BLOCKED: none of the servers answers", "none of the servers answers"),
            ("```\ncode\n```\nBLOCKED: a", "a"),
            (r#"{"status": "blocked", "missing": "a key"}"#, "a key"),
            (r#" {"status": "BLOCKED", "missing": ["a", "b"]}"#, r#"["a","b"]"#),
            (r#"{"status": "blocked"}"#, UNSAID),
            (&long, &kept),
        ] {
            assert_eq!(blocker(answer).as_deref(), Some(missing), "{}", first(answer, 80));
        }
    }

    #[test]
    fn what_only_looks_like_a_blocker_is_none() {
        for answer in [
            "",
            "All done.",
            "BLOCKED: none",
            "BLOCKED: None.",
            "BLOCKED: n/a",
            "**BLOCKED:** nothing",
            "BLOCKED: a\n\nAnd then it worked.\nBLOCKED: no",
            "Nothing is blocked: all is well",
            "Blocked: the port was, and is free now",
            "It was UNBLOCKED: good",
            "The status is BLOCKED: see above",
            "BLOCKED by nothing",
            "> BLOCKED: what the ticket said",
            "```\nBLOCKED: a line of a log\n```",
            "~~~\nBLOCKED: x\n~~~\ndone",
            r#"{"status": "done", "missing": "nothing"}"#,
            r#"{"status": "blocked""#,
            r#"{"blocked": true}"#,
            r#"["blocked"]"#,
        ] {
            assert_eq!(blocker(answer), None, "{answer}");
        }
    }
}
