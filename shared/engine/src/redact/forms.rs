//! Secrets that show what they are: by their form, or by the words around them. Sources: the forms of tokens as their
//! issuers document them; RFC 3986 and RFC 7617 for those in URLs and headers.

use std::{borrow::Cow, sync::LazyLock};

use regex::{Captures, Regex, RegexSet};

use crate::redact::{MASK, look};

/// A pattern, and a test for whether a find is a secret. The texts of the first and second group stay in place.
type Form = (&'static str, fn(&str) -> bool);

/// Word boundaries are ASCII's, so that the engine's fast ways stay open to it in any text.
const FORMS: &[Form] = &[
    // To the end of the text if the key's end is cut off.
    (
        r"(?s)(-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----).*?(-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
        any,
    ),
    // Headers whose value has several words.
    (r#"(?i)(cookie\\*["']?\s*:\s*\\*["']?)[^\s"'\\=]+=[^\r\n"'\\]+"#, any),
    (
        r#"(?i)(authorization\\*["']?\s*[:=]\s*\\*["']?)(?:digest\s[^\r\n]+|(?:bearer|basic|token|negotiate|apikey|hawk|oauth|aws4-hmac-sha256)\s[^\r\n"'\\]+)"#,
        is_authorization,
    ),
    (r"(?i)((?-u:\b)bearer\s+)[A-Za-z0-9._~+/=-]{8,}", look::is_random),
    // Base64 has a capital or digit after a small letter, or ends in `=`; "basic authentication" does not.
    (
        r"((?-u:\b)(?i:basic)\s+)(?:[A-Za-z0-9+/_-]*[a-z][A-Z0-9+/][A-Za-z0-9+/_-]*={0,2}|[A-Za-z0-9+/_-]{6,}={1,2})",
        any,
    ),
    (r#"(?i)((?-u:\b)[a-z][a-z0-9+.-]*://[^\s/?#@:"'\\<>$]*:)[^\s/?#"'\\]+(@)"#, is_value),
    (r"(?i)((?-u:\b)https?://)[A-Za-z0-9_-]{12,}((?::|:x-oauth-basic)?@)", look::is_random),
    (r"(?i)([?&](?:sig|x-(?:amz|goog)-signature|x-amz-security-token)=)[A-Za-z0-9%+/=_-]{8,}", any),
    (r"((?-u:\b)hooks\.slack\.com/(?:services|workflows)/)[A-Za-z0-9/_-]{8,}", any),
    (r"((?-u:\b)discord(?:app)?\.com/api/webhooks/[0-9]+/)[A-Za-z0-9_-]{8,}", any),
    (r"((?-u:\b)sk-)[A-Za-z0-9_-]{8,}", is_issued),
    (
        concat!(
            r"((?-u:\b)(?:gh[pousr]_|github_pat_|gl(?:pat|dt|rt|ptt|cbt|oas)-|xox[abceoprs]-|xapp-|AIza|ya29\.|GOCSPX-",
            r"|[sr]k_(?:live|test)_|whsec_|npm_|hf_|pypi-AgE|rubygems_|dckr_pat_|dop_v1_|shp(?:at|ca|pa|ss)_",
            r"|sq0(?:atp|csp)-|hv[sbr]\.|lin_api_|PMAK-|ATATT3|sntry[su]_|NRAK-|NRII-|gl(?:sa|c)_|gsk_|pplx-|xai-|tskey-",
            r"|sbp_|nfp_|ntn_|r8_|figd_|dp\.(?:pt|st|ct|sa)\.|AGE-SECRET-KEY-1))[A-Za-z0-9._/+=-]{8,}"
        ),
        is_issued,
    ),
    (r"((?-u:\b)(?:key-|dapi|SK))[0-9a-f]{32}(?-u:\b)", any),
    (r"((?-u:\b)SG\.)[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", any),
    (r"((?-u:\b)s\.)[A-Za-z0-9]{24}(?-u:\b)", look::is_random),
    (r"((?-u:\b)[0-9]{8,10}:)AA[A-Za-z0-9_-]{30,}", any),
    (r"((?-u:\b)(?:AKIA|ASIA))[A-Z0-9]{12,}", any),
    (r"((?-u:\b)eyJ)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*", any),
    // `curl -u name:password`; not `docker run -u 1000:1000`, nor a path behind the colon.
    (r#"((?:\s|^)(?:-u|--user|--proxy-user)[ =]?["']?[^\s:"'$/<]+:)[^\s"'/][^\s"']*"#, is_password),
    (r"((?-u:\b)(?:mysql|mysqldump|mysqladmin|mariadb)\s[^\r\n]{0,100}?\s-p)[^\s-][^\s]*", is_value),
    (r"((?-u:\b)sshpass\s+-p\s+)[^\s]+", is_value),
];

fn any(_: &str) -> bool {
    true
}

fn is_value(found: &str) -> bool {
    !look::is_nothing(found)
}

fn is_password(found: &str) -> bool {
    is_value(found) && !found.bytes().all(|byte| byte.is_ascii_digit())
}

/// What stands behind an issuer's prefix: random, or longer in one piece than a word is.
fn is_issued(found: &str) -> bool {
    look::is_random(found) || found.len() >= 16 && found.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What stands in a header behind its scheme; `Bearer ${token}` and "bearer tokens" are no secrets.
fn is_authorization(found: &str) -> bool {
    let (scheme, rest) = found.split_once(char::is_whitespace).unwrap_or((found, ""));
    let is_long = ["digest", "aws4-hmac-sha256"].iter().any(|long| scheme.eq_ignore_ascii_case(long));
    is_long && rest.contains('=') || rest.split_whitespace().next().is_some_and(look::is_random)
}

static ANY: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(FORMS.iter().map(|(pattern, _)| pattern)).ok());
static EACH: LazyLock<Vec<Regex>> =
    LazyLock::new(|| FORMS.iter().filter_map(|(pattern, _)| Regex::new(pattern).ok()).collect());

/// `text` without the secrets that have one of the forms.
pub(super) fn masked(text: &str) -> Cow<'_, str> {
    let mut out = Cow::Borrowed(text);
    if ANY.as_ref().is_some_and(|any| any.is_match(text)) {
        for (pattern, (_, is_secret)) in EACH.iter().zip(FORMS) {
            if let Cow::Owned(masked) = pattern.replace_all(&out, |found: &Captures<'_>| replaced(found, *is_secret)) {
                out = Cow::Owned(masked);
            }
        }
    }
    out
}

fn replaced(found: &Captures<'_>, is_secret: fn(&str) -> bool) -> String {
    let part = |group| found.get(group).map_or("", |part| part.as_str());
    let (all, before, after) = (part(0), part(1), part(2));
    let secret = all.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).unwrap_or_default();
    if is_secret(secret) { format!("{before}{MASK}{after}") } else { all.to_owned() }
}

#[cfg(test)]
pub(super) fn compiled() -> bool {
    EACH.len() == FORMS.len() && ANY.is_some()
}
