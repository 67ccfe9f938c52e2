//! The API in this process, called by several users.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::rt::Runtime;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, HttpResponse};
use serde_json::Value;
use taskbridge_domain::Authenticator;
use taskbridge_domain::ports::{
    AuthError, Claims, MockAuthPort, MockStoreProbe, MockTokenIssuer, RejectionKind, TaskRepo,
};
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::services::{
    AccountContext, AccountPolicy, ProfileService, SessionService, SignInService, SignUpService, TaskService,
};
use taskbridge_domain::sessions::{Jwt, SessionPolicy};
use taskbridge_domain::testing::fixtures::{
    clock_at, counting_ids, hasher, identity_repo, moment, session_repo, user_id,
};
use taskbridge_domain::users::PasswordHash;
use taskbridge_web::{
    AuthServer, BodyLimit, Compatibility, CookieConfig, Docs, DocsConfig, RequestTimeout, Services, SessionCookies,
    Stopping, TasksApi, TasksMount, UnsentLimits, UnsentResponses, api,
};

/// The callers' user ids; their tokens are `caller-0` and `caller-1`.
pub(crate) const CALLERS: [&str; 2] = ["bob", "b%6Fb/ö ?#"];

/// An answer of the API.
pub(crate) struct Answer {
    pub(crate) status: u16,
    body: Vec<u8>,
}

impl Answer {
    /// Parses the body as JSON; `null` if it is empty.
    pub(crate) fn json(&self) -> Value {
        if self.body.is_empty() { Value::Null } else { serde_json::from_slice(&self.body).unwrap() }
    }
}

/// Sends a request, and asserts that the answer is not a server error. It is never dropped, because its runtime must
/// not end with the thread.
pub(crate) type Api = &'static dyn Fn(TestRequest) -> Answer;

/// Creates the API with this store. Every sign-in succeeds, and nothing is remembered.
pub(crate) fn api_on(tasks: Arc<dyn TaskRepo>) -> Api {
    let runtime = Runtime::new().unwrap();
    let app = runtime.block_on(init_service(App::new().configure(api(services(tasks)))));
    Box::leak(Box::new(move |request: TestRequest| {
        runtime.block_on(async {
            let response: HttpResponse = call_service(&app, request.to_request()).await.into_parts().1;
            let status = response.status().as_u16();
            assert!(status < 500, "{status}");
            Answer { status, body: to_bytes(response.into_body()).await.unwrap().into() }
        })
    }))
}

fn services(tasks: Arc<dyn TaskRepo>) -> Services {
    let clock = || Arc::new(clock_at(moment()));
    let mut tokens = MockAuthPort::new();
    tokens.expect_verify().returning(|token| {
        let caller = token.strip_prefix("caller-").and_then(|number| CALLERS.get(number.parse::<usize>().ok()?));
        let subject = user_id(caller.ok_or_else(|| AuthError::Rejected(RejectionKind::Malformed, "forged".into()))?);
        Ok(Claims { subject })
    });
    let mut identity = identity_repo();
    identity.expect_find_credential().returning(|_| Ok(None));
    identity.expect_register().returning(|_| Ok(()));
    let mut sessions = session_repo();
    sessions.expect_find().returning(|_| Ok(None));
    sessions.expect_delete().returning(|_| Ok(()));
    let mut hasher = hasher();
    hasher.expect_hash().returning(|_, _| Ok(PasswordHash::new("hash".into())));
    hasher.expect_verify().returning(|_, _, _| Ok(false));
    let mut issuer = MockTokenIssuer::new();
    issuer.expect_issue().returning(|_| Ok(Jwt::new("jwt".into())));
    let mut store = MockStoreProbe::new();
    store.expect_probe().returning(|| Ok(()));
    let policy = AccountPolicy {
        allow_sign_up: true,
        allow_deletion: true,
        require_email_verification: false,
        rehash: false,
        sessions: SessionPolicy::DEFAULT,
    };
    let sessions = Arc::new(sessions);
    let context = AccountContext {
        identity: Arc::new(identity),
        sessions: Arc::clone(&sessions) as _,
        hasher: Arc::new(hasher),
        limiter: None,
        ids: Arc::new(counting_ids()),
        clock: clock(),
        policy,
    };
    let sessions = SessionService::new(sessions, Arc::new(issuer), clock(), policy.sessions);
    let cookie_config = CookieConfig {
        prefix: "better-auth".into(),
        domain: None,
        secure: false,
        max_age: policy.sessions.lifetime,
        accept_unsigned_bearer: true,
    };
    let secret = SharedSecret::parse("the-secret-of-the-fuzz-targets-0123456789").unwrap();
    let cookies = SessionCookies::new(secret, cookie_config);
    let mount = TasksMount { prefix: "/api".into(), without_user_id: false };
    let compatibility = Compatibility::default();
    let auth = AuthServer {
        limits: None,
        sign_up: Arc::new(SignUpService::new(context.clone())),
        sign_in: Arc::new(SignInService::new(context.clone())),
        profile: Arc::new(ProfileService::new(context)),
        sessions: Arc::new(sessions),
        cookies: Arc::new(cookies),
    };
    let docs = Docs::new(DocsConfig { openapi: true, page: true }, Some(&auth), &mount, compatibility, &[]).unwrap();
    Services {
        resources: Vec::new(),
        authenticator: Arc::new(Authenticator::new(Arc::new(tokens))),
        tasks: TasksApi::new(Arc::new(TaskService::new(tasks, clock()))).unwrap(),
        user_rate_limit: None,
        auth: Some(auth),
        store: Arc::new(store),
        body_limit: BodyLimit(4096),
        request_timeout: RequestTimeout(Duration::from_secs(30)),
        unsent: Arc::new(UnsentResponses::new(UnsentLimits { total: 1 << 26, per_network: 1 << 24 })),
        trusted_proxies: Arc::default(),
        trusted_origins: Arc::default(),
        tasks_mount: mount,
        compatibility,
        docs,
        stopping: Stopping::default(),
        metrics: Arc::default(),
    }
}
