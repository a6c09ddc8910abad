//! A corpus, and a secret that never survives.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const CORPUS: &str = include_str!("corpus.txt");

#[test]
fn every_pattern_compiles() {
    assert_eq!(EACH.len(), PATTERNS.len());
    assert!(ANY.is_some() && KEY.is_some());
}

#[test]
fn the_corpus_is_redacted_as_it_says_and_no_further_the_second_time() {
    let mut cases = 0;
    for line in CORPUS.lines().filter(|line| !line.starts_with("# ")) {
        let line = line.replace('⏎', "\n");
        let (input, expected) = line.split_once('\t').unwrap_or((&line, &line));
        assert_eq!(text(input), expected, "{input}");
        assert_eq!(text(expected), expected, "again");
        cases += 1;
    }
    assert!(cases >= 60, "{cases}");
}

#[test]
fn json_is_masked_by_key_and_by_content() {
    let mut json = json!({
        "api_key": "k", "SecretKey": "k", "signing-key": "k", "key": "k", "Cookie": "c", "secret": 12345, "credentials": {"a": ["b"]}, "passwords": ["a", "b"],
        "password": null, "has_token": true, "auth-token": false,
        "tokens": 5, "tokens_in": 12, "list": ["sk-abcdefgh1234", {"authorization": "Basic x"}],
        "text": "password=hunter2", "key sk-abcdefgh1234": 1,
    });
    value(&mut json);
    let expected = json!({
        "api_key": MASK, "SecretKey": MASK, "signing-key": MASK, "key": "k", "Cookie": MASK, "secret": MASK, "credentials": MASK, "passwords": MASK,
        "password": null, "has_token": true, "auth-token": false,
        "tokens": 5, "tokens_in": 12, "list": ["sk-[redacted]", {"authorization": MASK}],
        "text": "password=[redacted]", "key sk-[redacted]": 1,
    });
    assert_eq!(json, expected);
}

#[test]
fn ordinary_text_is_left_alone_without_a_copy() {
    assert!(matches!(text("no conversation is active for user u-1"), Cow::Borrowed(_)));
}

/// Where a secret may stand: what is around it, as `{}` shows.
const PLACES: [&str; 19] = [
    "password={}",
    "SIGNING_KEY={}",
    "api_key: {}",
    "x-api-key: {} and more",
    r#"{"token": "{}"}"#,
    r#"{\"client_secret\":\"{}\"}"#,
    "{'passwd': '{}'}",
    r#"secrets = ["{}", "b"]"#,
    "Authorization: Bearer {}",
    "Authorization: {}",
    r#"-H "Authorization: Token {}""#,
    "Cookie: a=1; sid={}; b=2",
    "sent bearer {} there",
    "https://u:{}@host/path",
    "https://host/?access_token={}&x=1",
    "sk-{}",
    "ghp_{}",
    "AIza{}",
    "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_seeded_secret_never_survives(
        secret in "[A-Za-z0-9]{6}[A-Za-z0-9_-]{6,40}[A-Za-z0-9]",
        place in prop::sample::select(&PLACES),
        before in "[a-zäß \n\"',;{}\\[\\]=:]{0,20}",
        after in "[a-zäß \n\"',;{}\\[\\]=:]{0,20}",
    ) {
        let seeded = format!("{before} {} {after}", place.replace("{}", &secret));
        let stored = text(&seeded);
        prop_assert!(!stored.contains(&secret), "{stored}");
        prop_assert_eq!(text(&stored), &*stored, "again");

        let mut json = json!({"a": [{"b": seeded.clone()}], "password": {"c": [secret.clone()]}});
        value(&mut json);
        prop_assert!(!json.to_string().contains(&secret), "{}", json);
    }

    #[test]
    fn a_known_secret_never_survives(
        secret in "[!-~äé€\n ]{8,40}",
        before in "[a-z \n\"]{0,10}",
        after in "[a-z \n\"]{0,10}",
    ) {
        let patterns = known::patterns(&secret);
        let seeded = format!("{before}{secret}{after}");
        let as_json = json!({"a": seeded.clone()}).to_string();
        for seeded in [seeded, as_json.clone(), json!(as_json).to_string()] {
            let stored = masked(&seeded, &patterns);
            prop_assert!(stored.contains(MASK), "{stored}");
            prop_assert!(!stored.contains(&secret), "{stored}");
        }
    }
}
