//! How secrets lie in a store: sealed, so that who reads the store's files, tables or copies learns none of them.
//!
//! One key is the installation's. Whoever has the store and not the key cannot open what is sealed, nor move it: each
//! text opens only as the record it was sealed for.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use errand::{Name, spi::store::RecordKey};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Okm, Prk, Salt},
    hmac,
};
use uuid::Uuid;

use crate::random::{NoRandomness, random};

/// How many bytes the installation's key has.
const KEY_BYTES: usize = 32;

/// What a sealed text of this form begins with.
const FORM: &str = "v1.";

/// What the keys in use are derived for.
const SEALING: &[u8] = b"errand sealing v1";
const CALLBACKS: &[u8] = b"errand callbacks v1";
const PSEUDONYMS: &[u8] = b"errand pseudonyms v1";

/// Why a secret could not be kept, or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is nothing to seal it with.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// It is not sealed, was sealed for another record, or under another key.
    #[error("a kept secret does not open with this installation's key")]
    NotOurs,
    /// The text is no key.
    #[error("expected the base64 of {KEY_BYTES} bytes")]
    NoKey,
}

/// The keys that are derived from the installation's: one for each use. An installation that has one has it among the state
/// of its types, as an `Arc`: `app.types.state::<Arc<Keyring>>()`.
pub struct Keyring {
    sealing: LessSafeKey,
    /// Signs the tokens of callbacks.
    pub(crate) callbacks: hmac::Key,
    pseudonyms: hmac::Key,
}

/// A log line that shows it by mistake shows nothing.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring")
    }
}

impl Keyring {
    /// The text of a new key, as [`Keyring::read`] reads it.
    pub fn new_key() -> Result<String, NoRandomness> {
        Ok(BASE64.encode(random::<KEY_BYTES>()?))
    }

    /// That of the key `text`: base64 of whichever alphabet, with or without white space around it.
    pub fn read(text: &str) -> Result<Self, SecretError> {
        let text = text.trim().trim_end_matches('=').replace('+', "-").replace('/', "_");
        let key = BASE64.decode(text).ok().filter(|key| key.len() == KEY_BYTES).ok_or(SecretError::NoKey)?;
        let derived = Salt::new(HKDF_SHA256, &[]).extract(&key);
        let sealing: UnboundKey = derive(&derived, SEALING, &AES_256_GCM)?;
        let callbacks = derive(&derived, CALLBACKS, hmac::HMAC_SHA256)?;
        let pseudonyms = derive(&derived, PSEUDONYMS, hmac::HMAC_SHA256)?;
        Ok(Self { sealing: LessSafeKey::new(sealing), callbacks, pseudonyms })
    }

    /// What stands for `name` of `tenant` where nobody is to read it: the same each time, and told from the name by nobody
    /// who has not the key.
    pub fn pseudonym(&self, tenant: &Name, name: &str) -> Uuid {
        let mut bytes = [0; 16];
        let of = [tenant.as_str().as_bytes(), b"#", name.as_bytes()].concat(); // no name has a `#`
        let hash = hmac::sign(&self.pseudonyms, &of);
        bytes.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// Seals `text` for the record `of`: what lies in it then is plain text without quotes, a third longer.
    pub fn seal(&self, of: &RecordKey, text: &str) -> Result<String, SecretError> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut sealed = text.as_bytes().to_vec();
        let bound = Aad::from(bound_to(of));
        let done = self.sealing.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound, &mut sealed);
        done.map_err(|_| SecretError::NotOurs)?; // of a text of 64 GiB
        Ok(format!("{FORM}{}", BASE64.encode([&nonce[..], &sealed].concat())))
    }

    /// Opens what was sealed for the record `of`.
    pub fn open(&self, of: &RecordKey, sealed: &str) -> Result<String, SecretError> {
        let text = || {
            let bytes = BASE64.decode(sealed.strip_prefix(FORM)?).ok()?;
            let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
            let (mut opened, nonce) = (sealed.to_vec(), Nonce::assume_unique_for_key(*nonce));
            let text = self.sealing.open_in_place(nonce, Aad::from(bound_to(of)), &mut opened).ok()?;
            String::from_utf8(text.to_vec()).ok()
        };
        text().ok_or(SecretError::NotOurs)
    }
}

fn derive<L: KeyType, K: for<'a> From<Okm<'a, L>>>(of: &Prk, purpose: &[u8], length: L) -> Result<K, SecretError> {
    // It fails for lengths that no key has.
    of.expand(&[purpose], length).map(K::from).map_err(|_| SecretError::NoKey)
}

/// The record's key as bytes: no two records have the same.
fn bound_to(of: &RecordKey) -> Vec<u8> {
    let parts = [of.tenant.as_str(), of.kind.as_str(), of.id.as_str()];
    parts.iter().flat_map(|part| (part.len() as u64).to_be_bytes().into_iter().chain(part.bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use errand::Id;

    fn fresh() -> Keyring {
        Keyring::read(&Keyring::new_key().unwrap()).unwrap()
    }

    fn key(tenant: &'static str, kind: &'static str, id: &'static str) -> RecordKey {
        RecordKey { tenant: Name::of(tenant), kind: Name::of(kind), id: Id::of(id) }
    }

    #[test]
    fn what_is_sealed_opens_as_it_was_and_looks_otherwise_each_time() {
        let (keyring, of) = (fresh(), key("acme", "webhook", "audit"));
        for text in ["", "whsec_abc", "ä\u{0}\n", &"x".repeat(9_999)] {
            let sealed = keyring.seal(&of, text).unwrap();
            assert_ne!(keyring.seal(&of, text).unwrap(), sealed);
            assert!(text.is_empty() || !sealed.contains(text), "{sealed}");
            assert!(sealed.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{sealed}");
            assert_eq!(keyring.open(&of, &sealed).unwrap(), text);
        }
    }

    #[test]
    fn a_pseudonym_is_of_one_name_of_one_tenant_under_one_key() {
        let (keyring, acme) = (fresh(), Name::of("acme"));
        let ada = keyring.pseudonym(&acme, "ada");
        assert_eq!(keyring.pseudonym(&acme, "ada"), ada);
        let others = [(&keyring, "acme", "bob"), (&keyring, "other", "ada"), (&fresh(), "acme", "ada")];
        assert!(others.iter().all(|(keyring, tenant, name)| keyring.pseudonym(&Name::of(tenant), name) != ada));
    }

    #[test]
    fn it_opens_for_its_record_alone() {
        let (keyring, of) = (fresh(), key("acme", "webhook", "audit"));
        let sealed = keyring.seal(&of, "s3cret").unwrap();
        let others = [("other", "webhook", "audit"), ("acme", "task_type", "audit"), ("acme", "webhook", "audits")];
        // The same letters, otherwise divided.
        for (tenant, kind, id) in others.into_iter().chain([("acmew", "ebhook", "audit"), ("acme", "webhooka", "udit")])
        {
            assert_eq!(
                keyring.open(&key(tenant, kind, id), &sealed),
                Err(SecretError::NotOurs),
                "{tenant} {kind} {id}"
            );
        }
        assert_eq!(fresh().open(&of, &sealed), Err(SecretError::NotOurs), "another key");
    }

    #[test]
    fn what_was_touched_does_not_open() {
        let (keyring, of) = (fresh(), key("acme", "webhook", "audit"));
        let sealed = keyring.seal(&of, "s3cret").unwrap();
        for at in 0..sealed.len() {
            let mut other = sealed.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(keyring.open(&of, &other), Err(SecretError::NotOurs), "at {at}");
            assert_eq!(keyring.open(&of, &sealed[..at]), Err(SecretError::NotOurs), "cut at {at}");
        }
    }

    #[test]
    fn a_key_is_so_long_and_its_text_may_end_a_line() {
        let key = Keyring::new_key().unwrap();
        // As `openssl rand -base64 32` writes it, too.
        let other = STANDARD.encode([0xff; KEY_BYTES]);
        assert!(other.ends_with('=') && other.contains('/'));
        for text in [&*format!("{key}\n"), &other] {
            assert!(Keyring::read(text).is_ok(), "{text}");
        }
        for text in ["", "x", &key[1..], &format!("{key}AAAA"), "%%%"] {
            assert_eq!(Keyring::read(text).unwrap_err(), SecretError::NoKey, "{text}");
        }
        assert_eq!(format!("{:?}", Keyring::read(&key).unwrap()), "Keyring");
    }
}
