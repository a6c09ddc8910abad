//! The dashboard: the files of a page that asks `/v1` as any other client does. They are the same for everybody.

use std::{borrow::Cow, sync::LazyLock};

use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use miniz_oxide::deflate::compress_to_vec_zlib;
use uuid::Uuid;

mod files;

use files::{FILES, INDEX};

/// Where the files are, but for the page itself: below a folder that is named by what they are.
const FOLDER: &str = "dashboard/";

/// Nothing but our own files and `/v1` of the same host, and nobody's frame: what a payload holds can load nothing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// How hard the files are compressed, once for each process: from 0 to 10.
const LEVEL: u8 = 9;

/// What every file is served with besides its type.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
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
    compressed: Vec<u8>,
}

/// The page, by which a browser asks each time, and the folder of all that it loads: another one whenever any of it is
/// another, so that it may be kept for ever.
struct Page {
    index: Served,
    folder: String,
    files: Vec<Served>,
}

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    let all: Vec<u8> = FILES.iter().flat_map(|(name, content)| [name.as_bytes(), content].concat()).collect();
    let folder = format!("{FOLDER}{}/", Uuid::new_v5(&Uuid::NAMESPACE_OID, &all).simple());
    let modules = FILES.iter().map(|(name, _)| name).filter(|name| name.ends_with(".js"));
    let preload: String =
        modules.map(|name| format!("<link rel=\"modulepreload\" href=\"{folder}{name}\">\n")).collect();
    let html = INDEX.replace("{files}", &folder).replace("{preload}", &preload);
    let index = Served::new("index.html", Cow::Owned(html.into_bytes()));
    Page {
        index,
        folder,
        files: FILES.iter().map(|(name, content)| Served::new(name, Cow::Borrowed(content))).collect(),
    }
});

/// What is at a path of the server, from its `/` on, for a request with these headers; none where the dashboard has nothing.
pub fn file(path: &str, asked: &HeaderMap) -> Option<Response<&'static [u8]>> {
    let page = &*PAGE;
    let path = path.strip_prefix('/')?;
    if path.is_empty() {
        return Some(page.index.response("no-cache", asked));
    }
    let name = path.strip_prefix(&page.folder)?;
    let file = page.files.iter().find(|file| file.name == name)?;
    Some(file.response("public, max-age=31536000, immutable", asked))
}

/// Whether it may be sent as `deflate`.
fn takes_compressed(asked: &HeaderMap) -> bool {
    let accepted = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|accepted| accepted.split(',')).any(|encoding| encoding.trim() == "deflate")
}

impl Served {
    fn new(name: &'static str, content: Cow<'static, [u8]>) -> Self {
        let compressed = compress_to_vec_zlib(&content, LEVEL);
        Self { name, content, compressed }
    }

    fn response(&'static self, kept: &'static str, asked: &HeaderMap) -> Response<&'static [u8]> {
        let compressed = takes_compressed(asked);
        let mut response = Response::new(if compressed { &self.compressed[..] } else { &self.content[..] });
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
