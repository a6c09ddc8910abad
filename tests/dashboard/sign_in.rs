//! Signing in with the issuer of the API's tokens, where the page is served from AWS.

use serde_json::{Value, json};

use super::{
    deployed::Deployed,
    issuer::{Asked, Issuer},
    looks::{axe, faults},
};

/// Whether the overview shows three tasks that wait.
const THREE_WAIT: &str = "[...document.querySelectorAll('.tiles li')].some((tile) => /^3/.test(tile.innerText) && tile.innerText.includes('pending'))";

async fn task(deployed: &Deployed) -> String {
    deployed.stage.task(json!({}), json!({"delay_s": 3600})).await
}

/// Answers by which the issuer sends people back, in place of its own.
fn answers(given: &[(&str, &str)]) -> Asked {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The page says so, and has got no token.
async fn refused(deployed: &Deployed, words: &str) {
    let said = format!("return document.querySelector('[role=alert]')?.innerText.includes({})", json!(words));
    deployed.stage.browser.until(&said).await;
    assert_eq!(deployed.remembered("token").await, Value::Null);
    assert_eq!(deployed.stage.browser.run("return location.search").await, "");
}

#[tokio::test]
async fn who_signs_in_comes_back_to_the_view_and_sees_what_there_is() {
    let deployed = Deployed::new().await;
    let browser = &deployed.stage.browser;
    task(&deployed).await;
    deployed.open("tasks?status=pending").await;
    // Nothing is asked in vain, and nobody is sent away without being asked.
    browser.shows("Sign in").await;
    assert_eq!(faults(&deployed.stage, &axe()).await, Vec::<Value>::new());
    browser.click("form [type=submit]", "Sign in").await;
    deployed.stage.rows(1).await;

    let address = browser.run("return location.href").await;
    assert_eq!(address, format!("{}/#/tasks?status=pending", deployed.url));
    let asked = deployed.issuer.asked("authorize").remove(0);
    assert_eq!(asked["redirect_uri"], format!("{}/", deployed.url));
    let token = deployed.remembered("token").await.as_str().unwrap().to_owned();
    assert!(deployed.issuer.kept().tokens.contains(&token));
    let kept = browser.run("return [localStorage.length, document.cookie, sessionStorage.getItem('sign-in')]").await;
    assert_eq!(kept, json!([0, "", null]), "the tab alone keeps it, and no verifier is left");
    let ours =
        [&deployed.url, &deployed.issuer.elsewhere, deployed.issuer.url.trim_end_matches("/pool")].map(str::to_owned);
    for address in browser.asked_for().await {
        assert!(ours.iter().any(|origin| address.starts_with(&format!("{origin}/"))), "{address}");
        assert!(!address.contains(&token), "{address}");
    }
    // Another page of the same tab has it still.
    browser.reload().await;
    deployed.stage.rows(1).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_that_this_tab_has_not_asked_for_is_refused() {
    let deployed = Deployed::new().await;
    deployed.issuer.kept().ways.answers = answers(&[("state", "another's")]);
    deployed.open("overview").await;
    deployed.stage.browser.click("form [type=submit]", "Sign in").await;
    refused(&deployed, "no answer to what this tab has asked").await;
    assert_eq!(deployed.issuer.asked("token"), Vec::<Asked>::new(), "the code is not even exchanged");
    // A link that somebody has made, which has the page say what they like: neither a code nor their words are taken.
    for made in ["code=stolen&state=undefined", "error=x&error_description=Call+555&state=", "code=stolen"] {
        deployed.stage.browser.open(&format!("{}/?{made}", deployed.url)).await;
        refused(&deployed, "no answer to what this tab has asked").await;
        assert_eq!(deployed.stage.browser.run("return document.body.innerText.includes('555')").await, false);
    }
    assert_eq!(deployed.issuer.asked("token"), Vec::<Asked>::new());
    // Who is signed in stays it.
    deployed.issuer.kept().ways.answers = answers(&[]);
    deployed.sign_in("overview").await;
    deployed.stage.browser.open(&format!("{}/?code=stolen&state=x#/tasks", deployed.url)).await;
    deployed.stage.browser.shows("no answer to what this tab has asked").await;
    deployed.stage.browser.until("return !document.querySelector('form.card')").await;
}

#[tokio::test]
async fn what_the_issuer_refuses_is_said_as_text() {
    let deployed = Deployed::new().await;
    let said = "<img src=x onerror=\"document.title='owned'\"> is not one of us";
    deployed.issuer.kept().ways.answers = answers(&[("error", "access_denied"), ("error_description", said)]);
    deployed.open("tasks").await;
    deployed.stage.browser.click("form [type=submit]", "Sign in").await;
    refused(&deployed, &format!("access_denied: {said}")).await;
    assert_eq!(deployed.stage.browser.run("return document.querySelectorAll('main img').length").await, 0);
    assert_eq!(deployed.stage.browser.run("return location.hash").await, "#/tasks");
    assert_eq!(deployed.stage.browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn another_issuer_than_the_one_of_the_servers_tokens_is_refused() {
    let deployed = Deployed::new().await;
    deployed.issuer.kept().ways.says_to_be = Some("https://another.example".to_owned());
    deployed.open("overview").await;
    deployed.stage.browser.click("form [type=submit]", "Sign in").await;
    refused(&deployed, "says to be https://another.example").await;
    assert_eq!(deployed.issuer.asked("authorize"), Vec::<Asked>::new(), "nobody is sent there");
    // One that mixes its answers into another's, and one that leaves out who answers though it says that it never does.
    deployed.issuer.kept().ways.says_to_be = None;
    for iss in ["https://another.example", ""] {
        deployed.issuer.kept().ways.answers = answers(&[("iss", iss)]);
        deployed.stage.browser.reload().await;
        deployed.stage.browser.click("form [type=submit]", "Sign in").await;
        refused(&deployed, "Another issuer has answered").await;
    }
    assert_eq!(deployed.issuer.asked("token"), Vec::<Asked>::new());
}

#[tokio::test]
async fn each_sign_in_proves_by_a_verifier_of_its_own_that_it_has_asked() {
    let deployed = Deployed::new().await;
    deployed.sign_in("overview").await;
    let exchanged = deployed.issuer.asked("token").remove(0);
    let challenges: Vec<String> =
        deployed.issuer.asked("authorize").iter().map(|asked| asked["code_challenge"].clone()).collect();
    assert_eq!((challenges[0].len(), exchanged["code_verifier"].len()), (43, 43));
    assert!(!challenges.contains(&exchanged["code_verifier"]), "what is sent ahead is not what proves it");
    deployed.open("token").await;
    deployed.stage.browser.click("form [type=submit]", "Sign in").await;
    deployed.stage.browser.until("return location.hash === '#/overview'").await;
    deployed.stage.settled().await;
    let asked = deployed.issuer.asked("authorize");
    assert_ne!(asked[0]["code_challenge"], asked[1]["code_challenge"]);
    assert_ne!(asked[0]["state"], asked[1]["state"]);
}

#[tokio::test]
async fn a_token_that_is_over_is_renewed_once_and_nothing_that_was_being_done_is_lost() {
    let deployed = Deployed::new().await;
    let browser = &deployed.stage.browser;
    task(&deployed).await;
    deployed.sign_in("tasks").await;
    deployed.stage.rows(1).await;
    browser.click("tbody input[type=checkbox]", "").await;
    browser.shows("1 task selected").await;
    let first = deployed.remembered("token").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    deployed.issuer.expire();
    task(&deployed).await;
    deployed.stage.rows(2).await;
    browser.shows("1 task selected").await;
    assert_ne!(deployed.remembered("token").await, first);
    let renewals = |issuer: &Issuer| {
        let asked = issuer.asked("token");
        asked.iter().filter(|asked| asked["grant_type"] == "refresh_token").count()
    };
    assert_eq!(renewals(&deployed.issuer), 1);
    // Where many ask at the same time, one of them renews it for all.
    deployed.open("overview").await;
    deployed.issuer.expire();
    task(&deployed).await;
    browser.until(&format!("return {THREE_WAIT}")).await;
    assert_eq!(renewals(&deployed.issuer), 2);
    // The browser itself tells of what was refused for being over.
    assert!(browser.complaints().await.iter().all(|line| line.contains("401")));

    deployed.issuer.expire();
    deployed.issuer.kept().ways.forgets = true;
    browser.until("return document.querySelector('[role=alert]')").await;
    browser.shows("invalid_grant").await;
    deployed.issuer.kept().ways.forgets = false;
    browser.click("form [type=submit]", "Sign in").await;
    browser.until("return !document.querySelector('form.card')").await;
    assert_eq!(browser.run("return location.hash").await, "#/overview");
}

#[tokio::test]
async fn who_signs_out_is_forgotten_by_the_tab_and_by_the_issuer() {
    let deployed = Deployed::new().await;
    let browser = &deployed.stage.browser;
    deployed.sign_in("overview").await;
    let hint = deployed.remembered("id-token").await;
    deployed.open("token").await;
    browser.click("form button", "Sign out").await;
    browser.until("return !sessionStorage.token && document.querySelector('form [type=submit]')").await;
    browser.until(&format!("return location.href === {}", json!(format!("{}/", deployed.url)))).await;
    let asked = deployed.issuer.asked("logout").remove(0);
    let home = format!("{}/", deployed.url);
    assert_eq!((&asked["post_logout_redirect_uri"], &asked["logout_uri"]), (&home, &home));
    assert_eq!(hint, asked["id_token_hint"].as_str());
    for name in ["refresh-token", "id-token", "sign-in"] {
        assert_eq!(deployed.remembered(name).await, Value::Null, "{name}");
    }
    browser.shows("Sign in").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_token_that_somebody_brings_is_taken_as_well_and_is_not_renewed_as_another() {
    let deployed = Deployed::new().await;
    let browser = &deployed.stage.browser;
    deployed.sign_in("overview").await;
    deployed.issuer.kept().tokens.insert("brought".to_owned());
    deployed.open("token").await;
    browser.write("[name=token]", "brought").await;
    browser.click("form [type=submit]", "Enter").await;
    browser.until("return sessionStorage.token === 'brought' && location.hash === '#/overview'").await;
    deployed.issuer.expire();
    browser.shows("The server does not take the token").await;
    assert!(deployed.issuer.asked("token").iter().all(|asked| asked["grant_type"] == "authorization_code"));
}

#[tokio::test]
async fn the_page_asks_nobody_whom_it_was_not_told_of() {
    let deployed = Deployed::with(|_| "https://elsewhere.example".parse().unwrap()).await;
    deployed.open("overview").await;
    deployed.stage.browser.click("form [type=submit]", "Sign in").await;
    refused(&deployed, &format!("{} does not answer this page", deployed.issuer.elsewhere)).await;
    assert_eq!(deployed.issuer.asked("token"), Vec::<Asked>::new());
    let told = deployed.stage.browser.complaints().await;
    assert!(told.iter().any(|line| line.contains("Content Security Policy")), "{told:#?}");
}
