use std::{collections::BTreeSet, fs, path::Path};

use miniz_oxide::inflate::decompress_to_vec_zlib;

use super::*;

/// How large all of it may be, as browsers get it.
const MOST_BYTES: usize = 100_000;

/// How long a file of ours may be.
const MOST_LINES: usize = 150;

fn header(response: &Response<&'static [u8]>, name: HeaderName) -> String {
    response.headers()[name].to_str().unwrap().to_owned()
}

/// As who takes nothing compressed gets it.
fn file(path: &str) -> Option<Response<&'static [u8]>> {
    super::file(path, &HeaderMap::new())
}

fn text(path: &str) -> String {
    String::from_utf8(file(path).unwrap().into_body().to_vec()).unwrap()
}

/// The files below `folder` that a browser may ask for.
fn on_disk(folder: &Path, within: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            on_disk(&path, within, found);
        } else if path.extension().is_some_and(|extension| ["js", "css", "svg"].iter().any(|of| extension == *of)) {
            found.insert(path.strip_prefix(within).unwrap().to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn every_file_of_the_folder_is_served_and_all_are_small() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboard");
    let mut found = BTreeSet::new();
    on_disk(&folder, &folder, &mut found);
    assert_eq!(FILES.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>(), found);
    let bytes: usize = LOADED.files.iter().chain([&PLAIN.index]).map(|file| file.compressed().len()).sum();
    assert!(bytes < MOST_BYTES, "{bytes} bytes");
    for (name, content) in FILES.iter().filter(|(name, _)| !name.starts_with("vendor/")) {
        let lines = content.split(|byte| *byte == b'\n').count() - 1;
        assert!(lines <= MOST_LINES, "{name} has {lines} lines");
    }
}

#[test]
fn the_page_is_asked_for_each_time_and_what_it_loads_is_kept() {
    let page = file("/").unwrap();
    assert_eq!(header(&page, header::CACHE_CONTROL), "no-cache");
    assert_eq!(header(&page, header::CONTENT_TYPE), "text/html; charset=utf-8");
    let html = text("/");
    let named = html.split('"').filter(|part| part.starts_with(FOLDER));
    let mut count = 0;
    for path in named {
        let response = file(&format!("/{path}")).unwrap_or_else(|| panic!("{path} is not there"));
        assert!(header(&response, header::CACHE_CONTROL).contains("immutable"), "{path}");
        count += 1;
    }
    assert!(count > 20 && !html.contains('{'), "{html}");
}

#[test]
fn every_file_is_served_with_the_policy_and_its_own_type() {
    for path in ["/".to_owned(), format!("/{}app.js", LOADED.path), format!("/{}style.css", LOADED.path)] {
        let response = file(&path).unwrap();
        assert_eq!(
            header(&response, header::CONTENT_SECURITY_POLICY),
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
             frame-ancestors 'none'; base-uri 'none'"
        );
        assert_eq!(header(&response, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    }
    assert_eq!(
        header(&file(&format!("/{}app.js", LOADED.path)).unwrap(), header::CONTENT_TYPE),
        "text/javascript; charset=utf-8"
    );
}

#[test]
fn who_takes_it_gets_it_compressed_and_the_same() {
    for path in ["/".to_owned(), format!("/{}vendor/uplot.js", LOADED.path)] {
        for (accepted, compressed) in
            [("gzip, deflate, br", true), ("deflate", true), ("gzip", false), ("deflated", false)]
        {
            let asked = HeaderMap::from_iter([(header::ACCEPT_ENCODING, accepted.parse().unwrap())]);
            let response = super::file(&path, &asked).unwrap();
            assert_eq!(header(&response, header::VARY), "accept-encoding");
            assert_eq!(response.headers().contains_key(header::CONTENT_ENCODING), compressed, "{accepted}");
            let whole =
                if compressed { decompress_to_vec_zlib(response.body()).unwrap() } else { response.body().to_vec() };
            assert_eq!(whole, *file(&path).unwrap().body());
        }
    }
}

#[test]
fn nothing_else_is_served() {
    for path in ["", "/index.html", "/dashboard/", "/dashboard/app.js", "/../Cargo.toml", "//", "/v1/health"] {
        assert!(file(path).is_none(), "{path}");
    }
    let here = &LOADED.path;
    for name in ["", "vendor/renew.py", "../index.html", "vendor/LICENSE.htm", "app.js/"] {
        assert!(file(&format!("/{here}{name}")).is_none(), "{name}");
    }
}

#[test]
fn no_file_of_ours_writes_markup_of_data_or_loads_from_elsewhere() {
    assert!(!text("/").contains("<script>") && !text("/").contains("style="));
    for (name, content) in FILES.iter().filter(|(name, _)| !name.starts_with("vendor/")) {
        let text = std::str::from_utf8(content).unwrap();
        for never in
            ["innerHTML", "dangerouslySetInnerHTML", "insertAdjacentHTML", "eval(", "new Function", "javascript:"]
        {
            assert!(!text.contains(never), "{name}: {never}");
        }
        // The name of a namespace is no address that is asked for.
        let outside = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!outside.contains("//cdn") && !outside.contains("https://"), "{name}");
    }
}

/// Where people sign in at an issuer that has its own idea of what is harmless.
fn signing_in(client_id: &str) -> Site {
    Site::new(Some(&SignIn {
        issuer: "https://issuer.example/pool".parse().unwrap(),
        client_id: client_id.to_owned(),
        scopes: "openid errand.read".to_owned(),
        audience: "the-api".to_owned(),
        connect: "https://login.example http://127.0.0.1:9".parse().unwrap(),
    }))
}

#[test]
fn where_people_sign_in_the_page_may_ask_the_issuer_and_nobody_else_besides() {
    let site = signing_in("dashboard");
    let asked = HeaderMap::new();
    for path in ["/".to_owned(), format!("/{}app.js", LOADED.path)] {
        let policy = site.file(&path, &asked).unwrap().headers()[header::CONTENT_SECURITY_POLICY].clone();
        let plain = header(&file(&path).unwrap(), header::CONTENT_SECURITY_POLICY);
        let connect = "connect-src 'self' https://issuer.example https://login.example http://127.0.0.1:9;";
        assert_eq!(policy.to_str().unwrap(), plain.replace("connect-src 'self';", connect));
    }
    let of_files = site.file(&format!("/{}app.js", LOADED.path), &asked).unwrap();
    assert_eq!(of_files.body(), file(&format!("/{}app.js", LOADED.path)).unwrap().body());
}

#[test]
fn the_page_is_told_where_to_sign_in_as_text_of_an_attribute() {
    assert!(!text("/").contains("errand-sign-in"), "nothing is said where nobody signs in");
    let hostile = "\"><script>alert(1)</script><meta a='&quot;";
    let site = signing_in(hostile);
    let html = String::from_utf8(site.file("/", &HeaderMap::new()).unwrap().into_body().to_vec()).unwrap();
    assert!(!html.contains("<script>") && !html.contains("<meta a"), "{html}");
    let (_, said) = html.split_once("<meta name=\"errand-sign-in\" content=\"").unwrap();
    let said = said.split_once("\">\n").unwrap().0;
    assert!(!said.contains(['"', '<', '>']), "{said}");
    let said = said.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let told = serde_json::json!({"issuer": "https://issuer.example/pool", "client_id": hostile, "scope": "openid errand.read",
        "audience": "the-api"});
    assert_eq!(said, told);
}
