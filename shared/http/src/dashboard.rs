//! The dashboard: the files of a page that asks `/v1` as any other client does. They are the same for everybody.

use std::{
    borrow::Cow,
    sync::{LazyLock, OnceLock},
};

use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use miniz_oxide::deflate::compress_to_vec_zlib;
use uuid::Uuid;

mod files;
mod sign_in;

use files::{FILES, INDEX};
pub use sign_in::{Issuer, NoOrigin, Origins, SignIn};

/// Where the files are, but for the page itself: below a folder that is named by what they are.
const FOLDER: &str = "dashboard/";

/// Nothing but our own files and `/v1` of the same host, and nobody's frame: what a payload holds can load nothing. Where people
/// sign in with an issuer, the page asks that, too.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// What of it says whom the page may ask.
const CONNECT: &str = "connect-src 'self'";

/// How hard the files are compressed, each when it is first asked for: from 0 to 10.
const LEVEL: u8 = 9;

/// What every file is served with besides its type and the policy.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::VARY, "accept-encoding"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// One of them, as it is and as it is sent to whoever takes it compressed.
struct Served {
    name: &'static str,
    content: Cow<'static, [u8]>,
    compressed: OnceLock<Vec<u8>>,
}

/// The folder of all that the page loads: another one whenever any of it is another, so that it may be kept for ever.
struct Folder {
    path: String,
    files: Vec<Served>,
}

static LOADED: LazyLock<Folder> = LazyLock::new(|| {
    let all: Vec<u8> = FILES.iter().flat_map(|(name, content)| [name.as_bytes(), content].concat()).collect();
    let path = format!("{FOLDER}{}/", Uuid::new_v5(&Uuid::NAMESPACE_OID, &all).simple());
    Folder { path, files: FILES.iter().map(|(name, content)| Served::new(name, Cow::Borrowed(content))).collect() }
});

static PLAIN: LazyLock<Site> = LazyLock::new(|| Site::new(None));

/// The page, by which a browser asks each time, and what it loads, as a server serves it.
pub struct Site {
    index: Served,
    policy: HeaderValue,
}

impl Site {
    /// Where people sign in as `sign_in` says, or not at all.
    pub fn new(sign_in: Option<&SignIn>) -> Self {
        let modules = FILES.iter().map(|(name, _)| name).filter(|name| name.ends_with(".js"));
        let folder = &LOADED.path;
        let preload: String =
            modules.map(|name| format!("<link rel=\"modulepreload\" href=\"{folder}{name}\">\n")).collect();
        let html = INDEX.replace("{files}", folder).replace("{preload}", &preload);
        let html = html.replace("{sign_in}", &sign_in.map(SignIn::meta).unwrap_or_default());
        let asked = sign_in.map(SignIn::origins).unwrap_or_default();
        let policy = POLICY.replace(CONNECT, &[&[CONNECT][..], &asked[..]].concat().join(" "));
        Self {
            index: Served::new("index.html", Cow::Owned(html.into_bytes())),
            // What an origin consists of fits into a header.
            policy: HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static(POLICY)),
        }
    }

    /// What is at a path of the server, from its `/` on, for a request with these headers; none where the dashboard has
    /// nothing.
    pub fn file(&self, path: &str, asked: &HeaderMap) -> Option<Response<&[u8]>> {
        let path = path.strip_prefix('/')?;
        let (file, kept) = if path.is_empty() {
            (&self.index, "no-cache")
        } else {
            let name = path.strip_prefix(&LOADED.path)?;
            (LOADED.files.iter().find(|file| file.name == name)?, "public, max-age=31536000, immutable")
        };
        let mut response = file.response(kept, asked);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        Some(response)
    }
}

/// What is at a path of a server where people sign in with no issuer: see [`Site::file`].
pub fn file(path: &str, asked: &HeaderMap) -> Option<Response<&'static [u8]>> {
    PLAIN.file(path, asked)
}

/// Whether it may be sent as `deflate`.
fn takes_compressed(asked: &HeaderMap) -> bool {
    let accepted = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|accepted| accepted.split(',')).any(|encoding| encoding.trim() == "deflate")
}

impl Served {
    fn new(name: &'static str, content: Cow<'static, [u8]>) -> Self {
        Self { name, content, compressed: OnceLock::new() }
    }

    fn compressed(&self) -> &[u8] {
        self.compressed.get_or_init(|| compress_to_vec_zlib(&self.content, LEVEL))
    }

    fn response(&self, kept: &'static str, asked: &HeaderMap) -> Response<&[u8]> {
        let compressed = takes_compressed(asked);
        let mut response = Response::new(if compressed { self.compressed() } else { &self.content[..] });
        let headers = response.headers_mut();
        let own = [(header::CONTENT_TYPE, content_type(self.name)), (header::CACHE_CONTROL, kept)];
        let encoding = compressed.then_some((header::CONTENT_ENCODING, "deflate"));
        let all = HEADERS.into_iter().chain(own).chain(encoding);
        headers.extend(all.map(|(name, value)| (name, HeaderValue::from_static(value))));
        response
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
