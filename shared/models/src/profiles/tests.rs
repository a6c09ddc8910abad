//! What profiles are read from, and what they are refused for.

use serde_json::json;

use super::*;

const KEY: &str = "k-12345678";

/// As a program without Bedrock reads them.
fn read(text: &str) -> Result<(Profiles, Vec<String>), String> {
    let variable = |name: &str| (name == "KEY").then(|| KEY.to_owned());
    Profiles::made(text, &Making { variable, bedrock: None }).map_err(|error| error.to_string())
}

const ALL: &str = r#"{"default": {"kind": "extractive"},
    "fast": {"kind": "openai", "model": "m", "endpoint": "http://me:pass@127.0.0.1:1/v1?key=q", "api_key_env": "KEY",
        "usd_per_million_in": 1, "usd_per_million_out": 2.5, "timeout_s": 1.5, "context_tokens": 128000,
        "parameters": {"max_completion_tokens": 20000, "reasoning_effort": "low"}},
    "big": {"kind": "bedrock", "model": "us.model-v1:0", "region": "eu-west-1"},
    "told": {"kind": "scripted", "answers": [{"text": "so"}]}}"#;

#[test]
fn profiles_are_read_with_their_keys_and_prices() {
    let text = ALL.replace(r#""big": {"kind": "bedrock""#, r#""big": {"kind": "openai", "endpoint": "http://h""#);
    let (profiles, secrets) = read(&text.replace(r#", "region": "eu-west-1""#, "")).unwrap();
    assert_eq!(secrets, [KEY]);
    let usage = Some(crate::Usage { tokens_in: 1_000_000, tokens_out: 500_000 });
    let cost = |name: &str| profiles.get(name).unwrap().prices?.cost_nano_usd(usage);
    assert_eq!((cost("fast"), cost("big")), (Some(2_250_000_000), None));
    assert_eq!((cost("default"), cost("told")), (Some(0), Some(0)));
    assert!(!format!("{profiles:?}").contains("k-1234"), "{profiles:?}");
}

#[test]
fn profiles_are_shown_without_what_is_secret_and_without_being_made() {
    let shown = serde_json::to_value(Profiles::views_of(ALL).unwrap()).unwrap();
    let expected = json!([
        {"name": "big", "kind": "bedrock", "model": "us.model-v1:0", "prices_known": false, "timeout_s": 45.0,
            "context_tokens": 32_000},
        {"name": "default", "kind": "extractive", "model": "extractive (no model)", "prices_known": true, "context_tokens": 32_000},
        {"name": "fast", "kind": "openai", "model": "m", "endpoint": "http://127.0.0.1:1", "prices_known": true,
            "timeout_s": 1.5, "context_tokens": 128_000, "answer_tokens": 20_000},
        {"name": "told", "kind": "scripted", "model": "scripted (no model)", "prices_known": true, "context_tokens": 32_000},
    ]);
    assert_eq!(shown, expected);
    let profiles = Profiles::default();
    let shown: Vec<_> = profiles.views().map(|view| (view.name.as_str(), view.kind)).collect();
    assert_eq!(shown, [("default", "extractive")]);
}

#[cfg(feature = "bedrock")]
#[test]
fn a_program_with_bedrock_makes_its_profiles_without_asking_anybody() {
    let (profiles, _) = Profiles::read(ALL, |_| Some(KEY.to_owned())).unwrap();
    assert_eq!(profiles.get("big").unwrap().view.kind, "bedrock");
}

#[test]
fn an_unknown_profile_is_an_error_and_no_other_takes_its_place() {
    let error = Profiles::default().get("fast").unwrap_err().to_string();
    assert_eq!(error, "there is no model profile `fast`; known are default");
}

#[test]
fn what_is_wrong_with_profiles_is_said() {
    let openai = |more: &str| format!(r#"{{"default": {{"kind": "openai", "model": "m", {more}}}}}"#);
    let bedrock = |more: &str| format!(r#"{{"default": {{"kind": "bedrock", {more}}}}}"#);
    let scripted = |answers: &str| format!(r#"{{"default": {{"kind": "scripted", "answers": {answers}}}}}"#);
    for (text, expected) in [
        ("{}".to_owned(), "there is no profile `default`, which task types use"),
        (r#"{"default": {"kind": "oracle"}}"#.to_owned(), "unknown variant `oracle`"),
        (openai(r#""timeout_s": 1"#), "missing field `endpoint`"),
        (openai(r#""endpoint": "here""#), "expected an http(s) URL"),
        (openai(r#""endpoint": "http://h", "timeout_s": -1"#), "timeout_s"),
        (openai(r#""endpoint": "http://h", "usd_per_million_in": -1"#), "a price is USD for a million tokens"),
        (openai(r#""endpoint": "http://h", "key": "k""#), "unknown field `key`"),
        (openai(r#""endpoint": "http://h", "context_tokens": 999"#), "context_tokens must be 1000 or more, not 999"),
        (openai(r#""endpoint": "http://h", "parameters": {"stream": true}"#), "`stream` is not a profile's to say"),
        (
            openai(r#""endpoint": "http://h", "parameters": {"max_tokens": "many"}"#),
            "`max_tokens` must be a number of tokens",
        ),
        (
            openai(r#""endpoint": "http://h", "api_key_env": "NONE""#),
            "profile `default` takes its key from the environment variable NONE, which is not set",
        ),
        (
            bedrock(r#""model": "m""#),
            "profile `default` is of kind `bedrock`, which this program is built without: only AWS functions have it",
        ),
        (bedrock(r#""region": "eu-west-1""#), "missing field `model`"),
        (bedrock(r#""model": "m", "endpoint": "http://h""#), "unknown field `endpoint`"),
        (scripted("[]"), "profile `default` needs `answers`, each with a text, a tool call or a failure"),
        (scripted(r#"[{"text": "so", "delay_s": 1}]"#), "unknown field `delay_s`"),
        (scripted(r#"[{"fail": "oddly"}]"#), "unknown variant `oddly`"),
        (scripted(r#"[{"tool_calls": [{"name": "n", "arguments": "{}"}]}]"#), "expected a map"),
    ] {
        let error = read(&text).err().unwrap_or_else(|| panic!("{text} is taken"));
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[tokio::test]
async fn a_program_that_asks_no_model_shows_the_same_profile_and_refuses_to_ask_it() {
    let profiles = Profiles::not_asked();
    assert_eq!(profiles.views().collect::<Vec<_>>(), Profiles::default().views().collect::<Vec<_>>());
    let refused = profiles.get("default").unwrap().backend.chat(&ChatRequest::of("", "?".to_owned(), 1)).await;
    let said = "the model backend does not take the request: this program runs no tasks, and is built to ask no model";
    assert_eq!(refused.unwrap_err().to_string(), said);
}
