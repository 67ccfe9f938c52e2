//! Repositories on databases whose ids are UUIDs or integers, for suites that use names such as `ann` as ids.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use taskbridge_adapters::jwt::{SigningKeyRepo, StoredKey};
use taskbridge_domain::ports::{
    BanError, CreateError, Credential, IdentityRepo, NewBan, OwnedRepo, PasswordChange, PasswordReset, RegisterError,
    Registration, RegistrationIds, SessionRepo, StoreError, TaskRepo, UserAdminRepo, UserTotals,
};
use taskbridge_domain::sessions::{Session, SessionToken};
use taskbridge_domain::tasks::{NewTask, Task, TaskFilter, TaskId, TaskPage, TaskPatch, TaskQuery};
use taskbridge_domain::testing::fixtures::{owner, user_id};
use taskbridge_domain::users::{Account, BanReason, Email, PasswordHash, ProfileUpdate, User};
use taskbridge_domain::{Owner, Timestamp, UserId};
use taskbridge_schema::IdKind;
use uuid::Uuid;

/// Replaces the names that a suite uses as ids by ids of the kind that the database has, and the reverse.
#[derive(Clone)]
pub(crate) struct Translator {
    kind: IdKind,
    /// The names, by the ids that replace them.
    names: Arc<Mutex<HashMap<String, String>>>,
}

impl Translator {
    pub(crate) fn new(kind: IdKind) -> Self {
        Self { kind, names: Arc::default() }
    }

    /// Returns the id that replaces a name. A name that is already an id of the database stays as it is.
    pub(crate) fn id(&self, name: &str) -> String {
        if self.kind.accepts(name) {
            return name.to_owned();
        }
        let hash = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, name).hash(&mut hasher);
            hasher.finish()
        };
        let id = match self.kind {
            IdKind::Text => name.to_owned(),
            IdKind::Uuid => Uuid::from_u64_pair(hash(0), hash(1)).to_string(),
            // The upper half of the integers, so that the sequence does not generate the same ids.
            IdKind::Integer { .. } => ((1 << 30) + hash(0) % (1 << 30)).to_string(),
        };
        self.names.lock().unwrap().insert(id.clone(), name.to_owned());
        id
    }

    fn name(&self, id: &str) -> String {
        self.names.lock().unwrap().get(id).map_or(id, String::as_str).to_owned()
    }

    fn user_id(&self, user: &UserId) -> UserId {
        user_id(&self.id(user.as_str()))
    }

    fn user_name(&self, user: &UserId) -> UserId {
        user_id(&self.name(user.as_str()))
    }

    async fn owner(&self, of: &Owner) -> Owner {
        owner(&self.id(of.id().as_str())).await
    }

    fn user(&self, user: User) -> User {
        User { id: self.user_name(&user.id), ..user }
    }

    fn stored_session(&self, session: &Session) -> Session {
        Session { id: self.id(&session.id), user_id: self.user_id(&session.user_id), ..session.clone() }
    }

    fn session(&self, session: Session) -> Session {
        Session { id: self.name(&session.id), user_id: self.user_name(&session.user_id), ..session }
    }

    fn task(&self, task: Task) -> Task {
        Task { owner: self.user_name(&task.owner), ..task }
    }
}

/// A repository whose ids are translated.
pub(crate) struct Translated<R> {
    pub(crate) repo: R,
    pub(crate) ids: Translator,
}

#[async_trait]
impl<R: IdentityRepo> IdentityRepo for Translated<R> {
    async fn next_ids(&self) -> Result<RegistrationIds, StoreError> {
        self.repo.next_ids().await
    }

    async fn register(&self, registration: &Registration) -> Result<(), RegisterError> {
        let Registration { user, account_id, password, session } = registration;
        let registration = Registration {
            user: User { id: self.ids.user_id(&user.id), ..user.clone() },
            account_id: self.ids.id(account_id),
            password: password.clone(),
            session: session.as_ref().map(|session| self.ids.stored_session(session)),
        };
        self.repo.register(&registration).await
    }

    async fn find_credential(&self, email: &Email) -> Result<Option<Credential>, StoreError> {
        let found = self.repo.find_credential(email).await?;
        Ok(found.map(|Credential { user, password }| Credential { user: self.ids.user(user), password }))
    }

    async fn find_password(&self, user: &UserId) -> Result<Option<PasswordHash>, StoreError> {
        self.repo.find_password(&self.ids.user_id(user)).await
    }

    async fn change_password(&self, change: &PasswordChange) -> Result<bool, StoreError> {
        let change = PasswordChange {
            user: self.ids.user_id(&change.user),
            only_session: change.only_session.as_ref().map(|session| self.ids.stored_session(session)),
            ..change.clone()
        };
        self.repo.change_password(&change).await
    }

    async fn list_accounts(&self, user: &UserId, limit: u32) -> Result<Vec<Account>, StoreError> {
        let accounts = self.repo.list_accounts(&self.ids.user_id(user), limit).await?;
        let translated = |account: Account| Account {
            id: self.ids.name(&account.id),
            account_id: self.ids.name(&account.account_id),
            user_id: self.ids.user_name(&account.user_id),
            ..account
        };
        Ok(accounts.into_iter().map(translated).collect())
    }

    async fn update_profile(&self, user: &UserId, update: &ProfileUpdate, now: Timestamp) -> Result<bool, StoreError> {
        self.repo.update_profile(&self.ids.user_id(user), update, now).await
    }

    async fn delete(&self, user: &UserId) -> Result<(), StoreError> {
        self.repo.delete(&self.ids.user_id(user)).await
    }
}

#[async_trait]
impl<R: SessionRepo> SessionRepo for Translated<R> {
    async fn next_id(&self) -> Result<String, StoreError> {
        self.repo.next_id().await
    }

    async fn create(&self, session: &Session, password: &PasswordHash) -> Result<bool, StoreError> {
        self.repo.create(&self.ids.stored_session(session), password).await
    }

    async fn find(&self, token: &SessionToken) -> Result<Option<(Session, User)>, StoreError> {
        let found = self.repo.find(token).await?;
        Ok(found.map(|(session, user)| (self.ids.session(session), self.ids.user(user))))
    }

    async fn extend(
        &self,
        token: &SessionToken,
        expires_at: Timestamp,
        updated_at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.repo.extend(token, expires_at, updated_at).await
    }

    async fn list(&self, user: &UserId, now: Timestamp, limit: u32) -> Result<Vec<Session>, StoreError> {
        let sessions = self.repo.list(&self.ids.user_id(user), now, limit).await?;
        Ok(sessions.into_iter().map(|session| self.ids.session(session)).collect())
    }

    async fn has_session_from(&self, email: &Email, ip_address: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.repo.has_session_from(email, ip_address, now).await
    }

    async fn delete(&self, token: &SessionToken) -> Result<(), StoreError> {
        self.repo.delete(token).await
    }

    async fn delete_owned(&self, user: &UserId, token: &SessionToken) -> Result<(), StoreError> {
        self.repo.delete_owned(&self.ids.user_id(user), token).await
    }

    async fn delete_all(&self, user: &UserId) -> Result<(), StoreError> {
        self.repo.delete_all(&self.ids.user_id(user)).await
    }

    async fn delete_others(&self, user: &UserId, kept: &SessionToken) -> Result<(), StoreError> {
        self.repo.delete_others(&self.ids.user_id(user), kept).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.repo.delete_expired(now).await
    }
}

#[async_trait]
impl<R: TaskRepo> OwnedRepo<Task> for Translated<R> {
    async fn list(&self, owner: &Owner, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        let page = self.repo.list(&self.ids.owner(owner).await, query).await?;
        Ok(TaskPage { items: page.items.into_iter().map(|task| self.ids.task(task)).collect(), next: page.next })
    }

    async fn find(&self, owner: &Owner, id: TaskId) -> Result<Option<Task>, StoreError> {
        let found = self.repo.find(&self.ids.owner(owner).await, id).await?;
        Ok(found.map(|task| self.ids.task(task)))
    }

    async fn create(&self, owner: &Owner, task: NewTask, now: Timestamp) -> Result<Task, CreateError> {
        let created = self.repo.create(&self.ids.owner(owner).await, task, now).await?;
        Ok(self.ids.task(created))
    }

    async fn update(
        &self,
        owner: &Owner,
        id: TaskId,
        patch: TaskPatch,
        now: Timestamp,
    ) -> Result<Option<Task>, StoreError> {
        let updated = self.repo.update(&self.ids.owner(owner).await, id, patch, now).await?;
        Ok(updated.map(|task| self.ids.task(task)))
    }

    async fn delete(&self, owner: &Owner, id: TaskId) -> Result<bool, StoreError> {
        self.repo.delete(&self.ids.owner(owner).await, id).await
    }
}

#[async_trait]
impl<R: TaskRepo> TaskRepo for Translated<R> {
    async fn count(&self, owner: &Owner, filter: &TaskFilter) -> Result<u64, StoreError> {
        self.repo.count(&self.ids.owner(owner).await, filter).await
    }

    async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError> {
        let toggled = self.repo.toggle(&self.ids.owner(owner).await, id, now).await?;
        Ok(toggled.map(|task| self.ids.task(task)))
    }
}

#[async_trait]
impl<R: UserAdminRepo> UserAdminRepo for Translated<R> {
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let found = self.repo.find(&self.ids.user_id(id)).await?;
        Ok(found.map(|user| self.ids.user(user)))
    }

    async fn list(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        let users = self.repo.list(after.map(|id| self.ids.user_id(&id)), limit).await?;
        Ok(users.into_iter().map(|user| self.ids.user(user)).collect())
    }

    async fn totals(&self, user: &UserId, now: Timestamp) -> Result<UserTotals, StoreError> {
        self.repo.totals(&self.ids.user_id(user), now).await
    }

    async fn reset_password(&self, reset: &PasswordReset) -> Result<bool, StoreError> {
        let reset = PasswordReset { user: self.ids.user_id(&reset.user), ..reset.clone() };
        self.repo.reset_password(&reset).await
    }

    async fn has_email(&self, email: &Email) -> Result<bool, StoreError> {
        self.repo.has_email(email).await
    }

    async fn has_bans(&self) -> Result<bool, StoreError> {
        self.repo.has_bans().await
    }

    async fn ban_reason(&self, user: &UserId) -> Result<Option<BanReason>, StoreError> {
        self.repo.ban_reason(&self.ids.user_id(user)).await
    }

    async fn ban(&self, ban: &NewBan) -> Result<bool, BanError> {
        self.repo.ban(&NewBan { user: self.ids.user_id(&ban.user), ..ban.clone() }).await
    }

    async fn unban(&self, user: &UserId, now: Timestamp) -> Result<bool, BanError> {
        self.repo.unban(&self.ids.user_id(user), now).await
    }
}

#[async_trait]
impl<R: SigningKeyRepo> SigningKeyRepo for Translated<R> {
    async fn next_id(&self) -> Result<String, StoreError> {
        self.repo.next_id().await
    }

    async fn all(&self) -> Result<Vec<StoredKey>, StoreError> {
        let keys = self.repo.all().await?;
        Ok(keys.into_iter().map(|key| StoredKey { id: self.ids.name(&key.id), ..key }).collect())
    }

    async fn add(&self, key: &StoredKey, known: &[String]) -> Result<bool, StoreError> {
        let known: Vec<_> = known.iter().map(|id| self.ids.id(id)).collect();
        self.repo.add(&StoredKey { id: self.ids.id(&key.id), ..key.clone() }, &known).await
    }

    async fn expire(&self, ids: &[String], end: Timestamp) -> Result<(), StoreError> {
        let ids: Vec<_> = ids.iter().map(|id| self.ids.id(id)).collect();
        self.repo.expire(&ids, end).await
    }
}
