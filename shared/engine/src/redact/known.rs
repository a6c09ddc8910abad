//! One pattern for a known secret, however it is spelt.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use regex::Regex;

/// Shorter values are ordinary words.
const MIN_BYTES: usize = 8;

/// A long secret is found piece by piece, each of so many characters: a pattern must not become too large to use.
const PIECE_CHARS: usize = 256;

/// What finds `secret` as it is, with any of its characters as JSON (once or twice) or a URL spells them, and within
/// base64 of either alphabet. Nothing if it is too short to be told from ordinary text.
pub(super) fn patterns(secret: &str) -> Vec<Regex> {
    if secret.len() < MIN_BYTES {
        return Vec::new();
    }
    let chars: Vec<char> = secret.chars().collect();
    let pieces = chars.len().div_ceil(PIECE_CHARS);
    // Of equal length, so that the last is no shorter than the others.
    let pieces = chars.chunks(chars.len().div_ceil(pieces)).map(|piece| piece.iter().collect::<String>());
    pieces.filter_map(|piece| pattern(&piece)).collect()
}

fn pattern(secret: &str) -> Option<Regex> {
    let mut forms = vec![secret.chars().map(spellings).collect::<String>()];
    forms.extend((0..3).map(|before| in_base64(secret.as_bytes(), before)));
    Regex::new(&forms.join("|")).ok()
}

/// A character's spellings, as a pattern.
fn spellings(c: char) -> String {
    let plain = regex::escape(c.encode_utf8(&mut [0; 4]));
    if c.is_ascii_alphanumeric() {
        return plain;
    }
    let percent: String = c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")).collect();
    let units: String = c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!(r"\\+u{unit:04x}")).collect();
    // `\"` in JSON is `\\\"` in JSON within JSON.
    let mut all = vec![format!(r"\\*{plain}"), format!("(?i:{percent}|{units})")];
    match c {
        ' ' => all.push(r"\+".into()),
        '\n' => all.push(r"\\+n".into()),
        '\r' => all.push(r"\\+r".into()),
        '\t' => all.push(r"\\+t".into()),
        _ => {}
    }
    format!("(?:{})", all.join("|"))
}

/// What base64 makes of `secret` standing behind `before` bytes (modulo three), without the characters that depend on
/// its neighbours.
fn in_base64(secret: &[u8], before: usize) -> String {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(secret);
    let encoded = STANDARD_NO_PAD.encode(&bytes);
    let (start, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    let own = encoded.get(start..end).unwrap_or(&encoded);
    own.replace('+', "[+-]").replace('/', "[/_]")
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    /// JSON's spelling without the quotes.
    fn json(text: &str) -> String {
        let quoted = serde_json::to_string(text).unwrap();
        quoted[1..quoted.len() - 1].to_owned()
    }

    fn percent(text: &str, keep: &str) -> String {
        let byte = |b: u8| match char::from(b) {
            c if c.is_ascii_alphanumeric() || keep.contains(c) => c.to_string(),
            _ if keep.is_empty() => format!("%{b:02x}"),
            _ => format!("%{b:02X}"),
        };
        text.bytes().map(byte).collect()
    }

    #[test]
    fn a_secret_is_found_however_it_is_spelt() {
        for secret in ["s3cr3t-value", "a\"b\\c/d+e=f g", "pä55wörd€-key", "line one\nline two\ttab", "??>>~~<<//++"]
        {
            let [found] = &patterns(secret)[..] else { panic!() };
            let url = |keep| percent(secret, keep);
            let plus = url("").replace("%20", "+");
            let mut forms =
                vec![secret.to_owned(), json(secret), json(&json(secret)), url("-._~"), url(""), url("!*'()-/"), plus];
            for around in ["", "x", "xy", "xyz"] {
                let bytes = format!("{around}{secret}{around}");
                forms.extend([STANDARD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)]);
            }
            for form in forms {
                assert!(found.is_match(&format!("before {form} after")), "{secret:?} as {form:?}");
            }
        }
    }

    #[test]
    fn short_values_are_no_secrets() {
        assert!(patterns("seven77").is_empty());
        assert!(!patterns("eight888").is_empty());
    }

    #[test]
    fn other_text_is_not_taken_for_a_secret() {
        let [found] = &patterns("s3cr3t-value")[..] else { panic!() };
        for other in ["s3cr3t value", "s3cr3t-valu", "S3CR3T-VALUE", "c3RyYW5nZXI="] {
            assert!(!found.is_match(other), "{other}");
        }
    }

    #[test]
    fn a_very_long_secret_is_found_piece_by_piece() {
        let secret: String = (0..2000).map(|n| format!("{n}ä!")).collect();
        let left =
            patterns(&secret).iter().fold(secret.clone(), |text, piece| piece.replace_all(&text, "").into_owned());
        assert_eq!(left, "");
    }
}
