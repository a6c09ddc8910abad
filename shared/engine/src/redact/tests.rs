//! A corpus, and a secret that never survives.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const CORPUS: &str = include_str!("corpus.txt");

#[test]
fn every_pattern_compiles() {
    assert!(forms::compiled() && KEY.is_some());
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

/// The cases of a file: those lines that are no remarks, with their line ends.
fn cases(file: &'static str) -> Vec<String> {
    let lines = file.lines().filter(|line| !line.starts_with("# "));
    lines.map(|line| line.replace('⏎', "\n").replace('¦', "")).collect()
}

#[test]
fn of_a_hundred_secrets_none_is_left_and_of_a_hundred_other_texts_none_is_touched() {
    let (secrets, innocent) = (cases(include_str!("secrets.txt")), cases(include_str!("innocent.txt")));
    assert!(secrets.len() >= 100 && innocent.len() >= 100, "{} and {}", secrets.len(), innocent.len());
    let is_left = |case: &&String| {
        let (seeded, secret) = case.split_once('\t').unwrap();
        assert!(seeded.contains(secret), "{case}");
        text(seeded).contains(secret)
    };
    // Most patterns have one case here that nothing else masks: to leave a few would be to do without their patterns.
    let left: Vec<_> = secrets.iter().filter(is_left).collect();
    let touched: Vec<_> = innocent.iter().filter(|case| text(case) != **case).map(|case| text(case)).collect();
    assert!(
        left.is_empty() && touched.is_empty(),
        "{left:#?} of {}, {touched:#?} of {}",
        secrets.len(),
        innocent.len()
    );
    for case in secrets.iter().chain(&innocent) {
        let once = text(case);
        assert_eq!(text(&once), once, "again");
    }
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
fn what_belongs_to_somebody_is_kept_whole_but_for_the_installations_own_secrets() {
    know_secrets(["the-installations-own-7".to_owned()]);
    let mut json =
        json!({"a": ["password=hunter2, the-installations-own-7"], "the-installations-own-7": 1, "token": "abc"});
    own_value(&mut json);
    assert_eq!(json, json!({"a": ["password=hunter2, [redacted]"], "[redacted]": 1, "token": "abc"}));
}

#[test]
fn ordinary_text_is_left_alone_without_a_copy() {
    assert!(matches!(text("no conversation is active for user u-1"), Cow::Borrowed(_)));
}

#[test]
fn what_is_spread_over_fields_and_items_is_masked() {
    let mut json = json!({
        "env": [{"name": "DB_PASSWORD", "value": "swordfish"}, {"Name": "HOME", "Value": "/home"}, {"Key": "API_TOKEN", "Value": 5}],
        "lines": ["a", "-----BEGIN PRIVATE KEY-----", "MIIEvQIB", "-----END PRIVATE KEY-----", "b"],
        "text": "{\"name\": \"DB_PASSWORD\", \"value\": \"swordfish\"}",
        "pwd": "/home/app", "password": "required", "token": "<token>",
    });
    value(&mut json);
    let expected = json!({
        "env": [{"name": "DB_PASSWORD", "value": MASK}, {"Name": "HOME", "Value": "/home"}, {"Key": "API_TOKEN", "Value": MASK}],
        "lines": ["a", "-----BEGIN PRIVATE KEY-----[redacted]", MASK, MASK, "b"],
        "text": "{\"name\": \"DB_PASSWORD\", \"value\": \"[redacted]\"}",
        "pwd": "/home/app", "password": "required", "token": "<token>",
    });
    assert_eq!(json, expected);
}

/// What begins as something whose end is far away, or never comes.
const HOSTILE: [&str; 22] = [
    "token=[",
    "token={",
    "token={'a':",
    "password=\"",
    "password='",
    "token=\\\"",
    "token=`$",
    "<token>",
    "<token",
    "--token-",
    "token:\n",
    "token: |\n",
    "token:\n - ",
    "key=name=",
    "name: token value: ",
    "token=f(",
    "token=",
    "a://b:",
    "Cookie: a=",
    "mysql ",
    " -u a:",
    "-----BEGIN PRIVATE KEY-----",
];

#[test]
fn a_hostile_text_takes_no_more_than_a_multiple_of_what_another_of_its_length_takes() {
    let took = |fragment: &str| {
        let text = fragment.repeat(96 * 1024 / fragment.len());
        let begin = std::time::Instant::now();
        std::hint::black_box(super::text(&text));
        begin.elapsed()
    };
    let beside = took("password: hunter2, and more. ");
    for hostile in HOSTILE {
        let took = took(hostile);
        // A pass over the rest for each fragment would be some thousand times.
        assert!(took < beside * 100, "{hostile:?}: {took:?}, and {beside:?} beside it");
    }
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
        // What reads as words is one that nobody can tell from words.
        prop_assume!(look::is_random(&secret));
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
