//! Requests that the keys of an AWS profile sign. What a signature is made of is tested beside it.

use super::{Person, scripts};

#[tokio::test]
async fn a_profiles_keys_sign_each_request_in_place_of_a_token() {
    let (url, heard) = scripts::remote().await;
    let person = Person::alone();
    let path = scripts::aws(&person);
    let says = move |args: &[&str]| {
        let came = person.says_with(args, &[("PATH", &path), ("ERRAND_TOKEN", "not this")], "");
        (came.code, came.err)
    };
    tokio::task::spawn_blocking(move || {
        assert_eq!(
            says(&["workers", "ls", "--json", "--url", &url, "--aws-profile", "prod"]),
            (Some(0), String::new())
        );
        says(&["context", "set", "prod", "--url", &url, "--aws-profile", "prod"]);
        assert_eq!(says(&["workers", "ls", "--json", "--context", "prod"]).0, Some(0));
        let (code, err) = says(&["workers", "ls", "--url", &url, "--aws-profile", "other"]);
        assert_eq!(code, Some(1));
        assert!(err.contains("The config profile could not be found"), "{err}");
    })
    .await
    .unwrap();
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 2);
    for (_, headers) in &*heard {
        let header = |name: &str| headers[name].to_str().unwrap();
        let authorization = header("authorization");
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{authorization}");
        assert!(authorization.contains("/eu-central-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date;"));
        assert_eq!((header("x-amz-security-token"), header("x-amz-date").len()), ("session", 16));
    }
}
