//! Creates, rotates, withdraws and lists the key pairs in Better Auth's table `jwks`.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::EncodingKey;
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{Clock, SigningError, StoreError};
use thiserror::Error;

use super::algorithm::SigningAlgorithm;
use super::key_pair::{KeyPair, encoding_key};
use super::stored_key::{SigningKeyRepo, StoredKey};
use crate::jwt::encryption::{DecryptionError, decrypt, encrypt};
use crate::jwt::versioned_secrets::VersionedSecrets;

/// Configuration of a [`KeyTable`].
#[derive(Debug, Clone, Copy)]
pub struct KeyTableConfig {
    /// The algorithm of new keys. If it is `None`, tokens are signed with the shared secret, and no key is created.
    pub algorithm: Option<SigningAlgorithm>,
    /// Time for which a key remains published after it has expired, so that the tokens that it has signed stay valid.
    pub grace: Duration,
}

/// The key pairs in Better Auth's table `jwks`, in the form in which Better Auth creates and reads them.
///
/// Several processes, including Better Auth, can share the table. Nothing is cached here;
/// [`StoredKeys`](crate::jwt::StoredKeys) caches the keys that sign and verify.
pub struct KeyTable {
    /// The repository that reads and writes the rows.
    pub repo: Arc<dyn SigningKeyRepo>,
    /// The clock that determines which keys have expired.
    pub clock: Arc<dyn Clock>,
    /// The secrets that decrypt the private keys; the current one also encrypts new keys.
    pub secrets: VersionedSecrets,
    /// The algorithm of new keys and the time for which expired keys remain published.
    pub config: KeyTableConfig,
}

/// A decrypted key that signs tokens.
pub(in crate::jwt) struct SigningKey {
    pub(in crate::jwt) id: String,
    pub(in crate::jwt) algorithm: SigningAlgorithm,
    pub(in crate::jwt) key: EncodingKey,
    pub(in crate::jwt) expires_at: Option<Timestamp>,
}

/// What a stored key is used for at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredKeyStatus {
    /// The key signs new tokens, and verifies tokens.
    Signs,
    /// The key is published and verifies tokens, but does not sign.
    Verifies,
    /// The key is published and verifies tokens. It would also be allowed to sign, but cannot be decrypted; the field
    /// says why.
    Undecryptable(DecryptionError),
    /// The key neither signs nor verifies tokens, because it is not published.
    Unused,
}

/// A description of a stored key for the operator, without the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKeyInfo {
    /// The id of the key, which is the `kid` of the tokens that it signs.
    pub id: String,
    /// The algorithm of the key; empty if it is unknown.
    pub algorithm: String,
    /// Time at which the key was created.
    pub created_at: Timestamp,
    /// What the key is used for at present.
    pub status: StoredKeyStatus,
}

/// Reasons why there is no key to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoSigningKey {
    /// The table contains keys that may sign, but none of them can be decrypted.
    ///
    /// No key is created in this case. If the secret of this process is wrong, an instance of Better Auth that uses the
    /// same table could not decrypt the new key, and could no longer issue tokens.
    #[error(
        "no key can be decrypted; set BETTER_AUTH_SECRET or BETTER_AUTH_SECRETS, or replace the keys by: taskbridge keys rotate"
    )]
    Undecryptable,
    /// A new key could not be encrypted, or could not be decrypted afterwards in a test, so it was not stored.
    #[error("a new key cannot be encrypted")]
    CannotEncrypt,
    /// Every attempt to add a key failed, because other processes were adding keys at the same time.
    #[error("other processes are adding keys at the same time; try again")]
    Contention,
    /// Taskbridge is configured to sign tokens with the shared secret, so no key pair is needed.
    #[error("tokens are signed with the secret")]
    SharedSecret,
}

impl From<NoSigningKey> for SigningError {
    fn from(why: NoSigningKey) -> Self {
        Self::NoKey(why.into())
    }
}

impl KeyTable {
    /// Maximum number of attempts to add a key while other processes add keys.
    pub(in crate::jwt) const ATTEMPTS: usize = 5;

    /// Returns the algorithm of new keys, or an error if tokens are signed with the shared secret.
    pub(in crate::jwt) fn algorithm(&self) -> Result<SigningAlgorithm, NoSigningKey> {
        self.config.algorithm.ok_or(NoSigningKey::SharedSecret)
    }

    /// Returns `true` if the key may sign tokens: it has the configured algorithm and has not expired.
    pub(in crate::jwt) fn is_candidate(&self, key: &StoredKey, now: Timestamp) -> bool {
        key.may_sign(now) && self.has_configured_algorithm(key)
    }

    /// Returns `true` if the key is published, so that its tokens are accepted. A key is published until the grace
    /// period after its expiry has passed.
    pub(in crate::jwt) fn is_published(&self, key: &StoredKey, now: Timestamp) -> bool {
        key.expires_at.is_none_or(|end| end.after(self.config.grace) > now) && key.public_key().is_some()
    }

    fn has_configured_algorithm(&self, key: &StoredKey) -> bool {
        self.config.algorithm.is_some_and(|configured| key.algorithm_name().as_deref() == Some(configured.name()))
    }

    /// Decrypts the private half of `key` so that it can sign. Returns an error if `key` does not have the configured
    /// algorithm.
    pub(in crate::jwt) fn signing_key(&self, key: &StoredKey) -> Result<SigningKey, DecryptionError> {
        let private = decrypt(&key.private, &self.secrets)?;
        let algorithm = self.config.algorithm.ok_or(DecryptionError::Malformed)?;
        let encoding_key = encoding_key(&private, algorithm).ok_or(DecryptionError::Malformed)?;
        Ok(SigningKey { id: key.id.clone(), algorithm, key: encoding_key, expires_at: key.expires_at })
    }

    /// Creates a key, adds it to the table and returns its id. If the table contains a key that is not in `known`,
    /// another process has added one in the meantime; then adds nothing and returns `None`.
    pub(in crate::jwt) async fn create(&self, known: &[StoredKey]) -> Result<Option<String>, SigningError> {
        let algorithm = self.algorithm()?;
        let KeyPair { public, private } = KeyPair::generate(algorithm);
        let key = StoredKey {
            id: self.repo.next_id().await?,
            public,
            private: encrypt(&private, &self.secrets).ok_or(NoSigningKey::CannotEncrypt)?,
            algorithm: Some(algorithm.name().into()),
            curve: Some(algorithm.curve().into()),
            created_at: self.clock.now(),
            expires_at: None,
        };
        self.signing_key(&key).map_err(|_unlikely| NoSigningKey::CannotEncrypt)?;
        Ok(self.repo.add(&key, &ids(known)).await?.then_some(key.id))
    }

    /// Creates a key that signs from now on, expires the other keys of its algorithm, and returns its id.
    ///
    /// Other processes begin to sign with the new key within [`StoredKeys::REFRESH`](crate::jwt::StoredKeys::REFRESH).
    ///
    /// # Errors
    /// [`SigningError`] if no key could be created, or if a key was created but the other keys could not be expired. In
    /// the second case, the new key nevertheless signs tokens.
    pub async fn rotate(&self) -> Result<String, SigningError> {
        for _ in 0..Self::ATTEMPTS {
            let keys = self.repo.all().await?;
            if let Some(created) = self.create(&keys).await? {
                let old: Vec<_> = keys.into_iter().filter(|key| self.has_configured_algorithm(key)).collect();
                self.repo.expire(&ids(&old), self.clock.now()).await?;
                return Ok(created);
            }
        }
        Err(NoSigningKey::Contention.into())
    }

    /// Withdraws the keys with the ids in `wanted`, or all keys if `wanted` is empty. Returns the number of withdrawn
    /// keys.
    ///
    /// Every Taskbridge process that uses this table stops accepting tokens of these keys within
    /// [`StoredKeys::REFRESH`](crate::jwt::StoredKeys::REFRESH).
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or written.
    pub async fn withdraw(&self, wanted: &[String]) -> Result<usize, StoreError> {
        let mut withdrawn = ids(&self.repo.all().await?);
        withdrawn.retain(|id| wanted.is_empty() || wanted.contains(id));
        // The keys expire so far in the past that no process publishes them any more, however long its grace period is.
        self.repo.expire(&withdrawn, Timestamp::EPOCH).await?;
        Ok(withdrawn.len())
    }

    /// Returns a description of every key in the table, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn list(&self) -> Result<Vec<StoredKeyInfo>, StoreError> {
        let now = self.clock.now();
        let keys = self.repo.all().await?;
        let signs = |key: &&StoredKey| self.is_candidate(key, now) && self.signing_key(key).is_ok();
        let signing_id = keys.iter().rev().find(signs).map(|key| &key.id);
        let status = |key: &StoredKey| match self.signing_key(key) {
            _ if signing_id == Some(&key.id) => StoredKeyStatus::Signs,
            _ if !self.is_published(key, now) => StoredKeyStatus::Unused,
            Err(why) if self.is_candidate(key, now) => StoredKeyStatus::Undecryptable(why),
            _ => StoredKeyStatus::Verifies,
        };
        let info = |key: &StoredKey| StoredKeyInfo {
            id: key.id.clone(),
            algorithm: key.algorithm_name().unwrap_or_default(),
            created_at: key.created_at,
            status: status(key),
        };
        Ok(keys.iter().map(info).collect())
    }
}

fn ids(keys: &[StoredKey]) -> Vec<String> {
    keys.iter().map(|key| key.id.clone()).collect()
}
