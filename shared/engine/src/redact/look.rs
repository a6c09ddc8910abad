//! What a value looks like: a secret, a word, code, or a place where a secret is to be put.

use std::sync::LazyLock;

use regex::Regex;

use crate::redact::MASK;

/// Stands for a value, or for its type, where a secret would stand.
const NO_VALUES: &str = "none null nil undefined true false yes no on off string str text bool boolean int integer number float any \
    object array bytes char required optional missing invalid expired unset unknown empty hidden redacted masked \
    removed changed reset default example placeholder changeme todo tbd auto manual basic bearer await async new \
    return self this function value uuid jwt opaque rotated revoked set ok";

/// What secrets are called, one of them.
const NAMES: &str = "password passwd passphrase passcode pwd secret token credential key cookie auth hash";

/// Words that go on with a sentence, behind the name of an option.
const IN_SENTENCES: &str = "a an and are as at by can flag for from has if in instead into is it must not of option options or so than \
    that the then to was when which will with without argument parameter before after because but via over twice \
    again";

/// Names with a number in them that everybody knows.
static NUMBERED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^(?i:v?[0-9]{1,3}|[0-9]+(?:\.[0-9]+)*(?:%|[kmgt]i?b?|ms|s|h|d|min)?|[0-9]{4}-[0-9]{2}-[0-9]{2}\S*|[0-9]{1,2}:[0-9]{2}\S*",
        r"|v[0-9]+(?:[a-z]{1,5}[0-9]{0,3})?(?:[.-][0-9a-z]{1,8})*|(?:sha-?|md|base|utf-?|oauth|http|h|[uif]|int|uint|float|[rhep]s|aes-?|ed|x|ipv|tls|argon|p|q|id|part|step|item|page|line|level|phase|section|type|arg|param|var|node|key|token)[0-9]{1,4}(?:id|_t)?)$",
    ))
    .ok()
});

/// `name(…)`, `names[…]`, `Type<…>`, `a.b`, `a::b`.
static CODE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^[&*!]*(?:[A-Za-z_][A-Za-z_0-9]*)(?:(?:\.|::|->|\?\.)[A-Za-z_][A-Za-z_0-9]*)*(?:[(\[<]|!\(|::|->|\?|$)",
    )
    .ok()
});

/// Whether it is a value no more than `<password>`, `$TOKEN` or `required` is.
pub(super) fn is_nothing(value: &str) -> bool {
    let bare = value.trim().trim_matches(['"', '\'', '`', '\\']).trim_end_matches(['.', ',', ';', ')', ']']);
    let bare = bare.strip_prefix("Bearer ").unwrap_or(bare);
    let small = bare.to_ascii_lowercase();
    bare.is_empty()
        || bare.starts_with(['$', '<', '{', '%'])
        || bare.starts_with("#{")
        || is_masked(bare)
        || bare.chars().all(|c| "*.xX-•…?_#".contains(c))
        || has_word(NO_VALUES, &small)
        || is_place(bare)
        || (is_words(bare) && (names_a_secret(bare, &small) || is_constant(bare) || is_stand_in(&small)))
}

/// Whether what was secret in it is masked already.
fn is_masked(value: &str) -> bool {
    value.contains(MASK) && !is_random(&value.replace(MASK, ""))
}

/// Whether it is what nobody would write but as a secret: what is neither a word nor a number, nor code.
pub(super) fn is_random(value: &str) -> bool {
    let bare = value.trim_end_matches(['.', ',', ':', ';', ')', ']', '!', '?']);
    if bare.len() < 4 || is_nothing(bare) || is_words(bare) || is_code(bare) || is_type(bare) {
        return false;
    }
    if NUMBERED.as_ref().is_some_and(|numbered| numbered.is_match(bare)) {
        return bare.len() > 3 && bare.bytes().all(|byte| byte.is_ascii_digit());
    }
    let is_mail = bare.split_once('@').is_some_and(|(_, host)| host.contains('.'));
    let is_base64 = bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte));
    let mixed = is_base64
        && bare.bytes().any(|byte| byte.is_ascii_uppercase())
        && bare.bytes().any(|byte| byte.is_ascii_lowercase());
    let has = |all: &str| bare.chars().any(|c| all.contains(c));
    has("0123456789") && bare.chars().any(char::is_alphabetic)
        || bare.len() >= 6 && has("!@#$%^*~") && !is_mail
        || bare.len() >= 8 && mixed
}

/// `Base64Data`: the name of a type, with a number in its middle. Its words have some letters each, which those of a random
/// value have not.
fn is_type(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let capitals: Vec<usize> = value.char_indices().filter(|(_, c)| c.is_ascii_uppercase()).map(|(at, _)| at).collect();
    let number = value.find(|c: char| c.is_ascii_digit()).unwrap_or_default();
    let behind = value.get(number..).unwrap_or_default().trim_start_matches(|c: char| c.is_ascii_digit());
    digits <= 3
        && capitals.windows(2).skip(1).all(|word| matches!(word, [from, to] if to - from >= 3))
        && behind.len() >= 3
        && [value, behind].iter().all(|part| part.starts_with(|c: char| c.is_ascii_uppercase()))
        && is_name(value)
}

/// Whether it begins as an expression does: what is called, indexed or looked up.
pub(super) fn is_code(value: &str) -> bool {
    let Some(code) = CODE.as_ref().and_then(|code| code.find(value)) else { return false };
    let name = code.as_str().trim_matches(['&', '*', '!', '(', '[', '<', '?']);
    let is_name = name.split(['.', ':', '-', '>', '?']).all(|part| part.is_empty() || is_name(part));
    is_name
        && (code.len() < value.len() || name.contains(['.', ':', '>']) || code.as_str().ends_with(['(', '[', '<', '?']))
}

/// Whether it goes on with a sentence.
pub(super) fn is_in_sentence(value: &str) -> bool {
    has_word(IN_SENTENCES, &value.trim_end_matches(['.', ',', ';', ':', ')']).to_ascii_lowercase())
}

/// Whether it names a kind of secret: as a variable, a type or a label does, of several words or with a capital.
fn names_a_secret(value: &str, small: &str) -> bool {
    let is_one_word = value.bytes().all(|byte| byte.is_ascii_lowercase());
    let of_one = small.strip_suffix('s').unwrap_or(small);
    NAMES.split(' ').any(|name| if is_one_word { of_one == name } else { small.contains(name) })
}

/// `YOUR_TOKEN`.
fn is_constant(value: &str) -> bool {
    value.len() > 3 && value.contains('_') && value.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// `your-value-here`.
fn is_stand_in(small: &str) -> bool {
    ["your", "my", "example", "dummy", "sample", "some", "the"]
        .iter()
        .any(|word| small.strip_prefix(word).is_some_and(|rest| rest.starts_with(['-', '_', ' '])))
}

/// A path of a file.
fn is_place(value: &str) -> bool {
    let is_path =
        value.starts_with("./") || value.starts_with("../") || value.starts_with("~/") || value.starts_with('/');
    is_path
        && value.split('/').all(|part| part.len() < 40)
        && value.matches('/').count() * 12 >= value.len().saturating_sub(12)
}

/// Whether it is made of letters that read as words: `correct-horse`, `getToken`, `refresh_token`.
pub(super) fn is_words(value: &str) -> bool {
    !value.is_empty()
        && value.split(['-', '_', ' ', '.', '/', ':', ',', '\'', '’']).all(|word| word.is_empty() || is_word(word))
}

/// A name in code: words, and numbers in them perhaps.
fn is_name(part: &str) -> bool {
    let letters: String = part.chars().filter(|c| !c.is_ascii_digit()).collect();
    letters.split('_').all(|word| word.is_empty() || is_word(word))
}

/// Letters in which a capital is rarer than one in three, or all of them are capitals.
fn is_word(word: &str) -> bool {
    let letters = word.chars().count();
    let capitals = word.chars().filter(|c| c.is_uppercase()).count();
    word.chars().all(char::is_alphabetic) && letters < 40 && (capitals == letters || capitals * 3 <= letters + 2)
}

fn has_word(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}
