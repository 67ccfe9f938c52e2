//! The API with mocked ports. A test fails if the API calls a method of a mock for which the test set no expectation:
//! the mock panics.

use std::collections::BTreeSet;
use std::io::Read;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{MessageBody, to_bytes};
use actix_web::http::header::HeaderMap;
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::introspection::{IntrospectionReportItem, IntrospectionTree};
use actix_web::test::{TestRequest, call_service, init_service, try_call_service};
use actix_web::web::Data;
use actix_web::{App, HttpResponse};
use async_trait::async_trait;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use taskbridge_domain::Authenticator;
use taskbridge_domain::ports::{
    AuthError, AuthPort, Claims, MockIdentityRepo, MockPasswordHasher, MockRateLimiter, MockSessionRepo,
    MockStoreProbe, MockTaskRepo, MockTokenIssuer, RateLimiter, RejectionKind,
};
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::services::{
    AccountContext, AccountPolicy, ProfileService, SessionService, SignInService, SignUpService, TaskService,
};
use taskbridge_domain::sessions::SessionPolicy;
use taskbridge_domain::tasks::{Task, TaskPage};
use taskbridge_domain::testing::fixtures::{
    clock_at, counting_ids, hasher, identity_repo, moment, session_repo, user_id,
};
use taskbridge_web::{
    AuthServer, BodyLimit, Compatibility, CookieConfig, Docs, DocsConfig, HttpMetrics, RateLimits, RequestTimeout,
    Services, SessionCookies, Stopping, TasksApi, TasksMount, TrustedOrigins, TrustedProxies, UnsentLimits,
    UnsentResponses, UserRateLimit, api, app,
};

pub(crate) const BODY_LIMIT: usize = 4096;
/// The rate limit of requests for tasks.
pub(crate) const PER_MINUTE: u32 = 600;
/// The timeout is short because a test waits until it has passed.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_millis(50);

/// A verifier of access tokens. It accepts tokens of the form `<user>-token`.
pub(crate) struct TestAuth {
    /// The number of times that the verification is polled and still pending, before it returns its result.
    pub(crate) delay: usize,
    /// The reason why other tokens are rejected.
    pub(crate) rejection: RejectionKind,
}

impl TestAuth {
    pub(crate) fn new() -> Self {
        Self { delay: 0, rejection: RejectionKind::WrongSignature }
    }
}

#[async_trait]
impl AuthPort for TestAuth {
    async fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        for _ in 0..self.delay {
            tokio::task::yield_now().await;
        }
        match token.strip_suffix("-token") {
            Some("keyless") => Err(AuthError::Unavailable("the issuer is down: secret detail".into())),
            // This token is for the user whose id is U+FFFD. It is called `lossy`, as a header cannot contain U+FFFD.
            Some("lossy") => Ok(Claims { subject: user_id("\u{fffd}") }),
            Some(user) => Ok(Claims { subject: user_id(user) }),
            None => Err(AuthError::Rejected(self.rejection, "signature: secret detail".into())),
        }
    }
}

/// The mocked ports of the API, and the settings that a test can change.
pub(crate) struct Ports {
    pub(crate) auth: TestAuth,
    pub(crate) tasks: MockTaskRepo,
    pub(crate) identity: MockIdentityRepo,
    pub(crate) sessions: MockSessionRepo,
    pub(crate) hasher: MockPasswordHasher,
    pub(crate) issuer: MockTokenIssuer,
    /// Is `true` if users may delete their own accounts.
    pub(crate) deletion: bool,
    /// Is `true` if users may sign in only after they have verified their email address.
    pub(crate) email_verification: bool,
    pub(crate) store: MockStoreProbe,
    pub(crate) mount: TasksMount,
    pub(crate) compatibility: Compatibility,
    pub(crate) docs: DocsConfig,
    pub(crate) has_auth_server: bool,
    /// The rate limiter, or `None` if rate limits are off.
    pub(crate) limiter: Option<MockRateLimiter>,
    /// The limiter of the requests of each user for tasks, or `None` if there is no limit.
    pub(crate) task_limiter: Option<MockRateLimiter>,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) unsent: UnsentLimits,
    pub(crate) stopping: Stopping,
    pub(crate) metrics: Arc<HttpMetrics>,
}

impl Ports {
    pub(crate) fn new() -> Self {
        Self {
            auth: TestAuth::new(),
            tasks: MockTaskRepo::new(),
            identity: identity_repo(),
            sessions: session_repo(),
            hasher: hasher(),
            issuer: MockTokenIssuer::new(),
            deletion: true,
            email_verification: false,
            store: MockStoreProbe::new(),
            mount: TasksMount { prefix: "/api".into(), without_user_id: false },
            compatibility: Compatibility::default(),
            docs: DocsConfig { openapi: true, page: true },
            has_auth_server: true,
            limiter: None,
            task_limiter: None,
            trusted_proxies: TrustedProxies::default(),
            unsent: UnsentLimits { total: 1 << 20, per_network: 1 << 20 },
            stopping: Stopping::default(),
            metrics: Arc::default(),
        }
    }

    /// Returns ports with the task repository `tasks`, for a test that uses no other mocked port.
    pub(crate) fn with_tasks(tasks: MockTaskRepo) -> Self {
        Self { tasks, ..Self::new() }
    }

    fn services(self) -> Services {
        let Self {
            auth,
            tasks,
            identity,
            sessions,
            hasher,
            issuer,
            deletion,
            email_verification,
            store,
            mount,
            compatibility,
            docs,
            has_auth_server,
            limiter,
            task_limiter,
            trusted_proxies,
            unsent,
            stopping,
            metrics,
        } = self;
        let limiter = limiter.map(|limiter| Arc::new(limiter) as Arc<dyn RateLimiter>);
        let clock = || Arc::new(clock_at(moment()));
        let policy = AccountPolicy {
            allow_sign_up: true,
            allow_deletion: deletion,
            require_email_verification: email_verification,
            rehash: false,
            sessions: SessionPolicy::DEFAULT,
        };
        let sessions = Arc::new(sessions);
        let context = AccountContext {
            identity: Arc::new(identity),
            sessions: Arc::clone(&sessions) as _,
            hasher: Arc::new(hasher),
            limiter: limiter.clone(),
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
        let cookies = SessionCookies::new(secret(), cookie_config);
        let auth_server = has_auth_server.then(|| AuthServer {
            sign_up: Arc::new(SignUpService::new(context.clone())),
            sign_in: Arc::new(SignInService::new(context.clone())),
            profile: Arc::new(ProfileService::new(context)),
            sessions: Arc::new(sessions),
            cookies: Arc::new(cookies),
            limits: limiter.map(|limiter| Arc::new(RateLimits::new(limiter, clock(), RateLimits::DEFAULT))),
        });
        let mut trusted_origins = TrustedOrigins::default();
        trusted_origins.add("https://app.example.test").unwrap();
        let docs = Docs::new(docs, auth_server.as_ref(), &mount, compatibility, &[]).unwrap();
        Services {
            authenticator: Arc::new(Authenticator::new(Arc::new(auth))),
            tasks: TasksApi::new(Arc::new(TaskService::new(Arc::new(tasks), clock()))).unwrap(),
            user_rate_limit: task_limiter.map(|limiter| {
                Arc::new(UserRateLimit::new(Arc::new(limiter), clock(), NonZeroU32::new(PER_MINUTE).unwrap()))
            }),
            auth: auth_server,
            store: Arc::new(store),
            resources: Vec::new(),
            body_limit: BodyLimit(BODY_LIMIT),
            tasks_mount: mount,
            compatibility,
            docs,
            stopping,
            metrics,
            request_timeout: RequestTimeout(REQUEST_TIMEOUT),
            unsent: Arc::new(UnsentResponses::new(unsent)),
            trusted_origins: Arc::new(trusted_origins),
            trusted_proxies: Arc::new(trusted_proxies),
        }
    }

    /// Returns the response of the routes to a request, without the middleware that surrounds them.
    pub(crate) async fn answer(self, request: TestRequest) -> Answer {
        let app = init_service(App::new().configure(api(self.services()))).await;
        Answer::of(call_service(&app, request.to_request()).await.into_parts().1).await
    }

    /// Returns the response of the whole app to a request: the routes and the middleware that surrounds them.
    pub(crate) async fn framed_answer(self, request: TestRequest) -> Answer {
        let outcome = try_call_service(&init_service(app(self.services())).await, request.to_request()).await;
        match outcome {
            Ok(response) => Answer::of(response.into_parts().1).await,
            Err(error) => Answer::of(error.error_response()).await,
        }
    }
}

/// Returns the method and the path pattern of every mounted route. The method is `*` if the route accepts any.
pub(crate) async fn mounted_routes() -> BTreeSet<(String, String)> {
    let app = init_service(App::new().configure(api(Ports::new().services()))).await;
    let response = call_service(&app, TestRequest::get().to_request()).await;
    let tree = response.request().app_data::<Data<IntrospectionTree>>().unwrap();
    let resources = Vec::<IntrospectionReportItem>::from(&tree.root).into_iter();
    let routes = resources.filter(|item| item.resource_type == "resource").flat_map(|item| {
        let methods = if item.methods.is_empty() { vec!["*".to_owned()] } else { item.methods };
        methods.into_iter().map(move |method| (method, item.full_path.clone()))
    });
    routes.collect()
}

/// A route of the OpenAPI document.
pub(crate) struct Documented {
    pub(crate) method: String,
    pub(crate) path: String,
    /// A valid body, with every field; empty if the operation has no body.
    pub(crate) body: String,
    /// The status of the response to a valid request.
    pub(crate) status: u16,
    /// Is `true` if only the owner in the path has access, with an access token.
    pub(crate) is_for_owner: bool,
}

/// Returns the routes of the OpenAPI document, and for each with the method GET another with HEAD.
pub(crate) async fn documented_routes() -> Vec<Documented> {
    let document = Ports::new().answer(anonymous("GET", "/openapi.json")).await.json();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let statuses = operation["responses"].as_object().unwrap().keys();
            let status = statuses.map(|status| status.parse().unwrap()).min().unwrap();
            let body = body(&document, operation).map(|body| body.to_string()).unwrap_or_default();
            let methods = [Some(method.to_uppercase()), (method == "get").then(|| "HEAD".to_owned())];
            routes.extend(methods.into_iter().flatten().map(|method| Documented {
                method,
                path: path.clone(),
                body: body.clone(),
                status,
                is_for_owner: operation["security"] == json!([{ "jwt": [] }]),
            }));
        }
    }
    routes
}

/// Returns the schema of the body of an operation.
pub(crate) fn body_schema<'a>(document: &'a Value, operation: &'a Value) -> Option<&'a Value> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    // The schema of an optional body has alternatives, such as `null`.
    let mut alternatives = schema["oneOf"].as_array().into_iter().flatten().chain([schema]);
    let name = alternatives.find_map(|schema| schema["$ref"].as_str()?.rsplit('/').next())?;
    Some(&document["components"]["schemas"][name])
}

fn body(document: &Value, operation: &Value) -> Option<Value> {
    let properties = body_schema(document, operation)?["properties"].as_object().unwrap();
    let value = |schema: &Value| match &schema["examples"][0] {
        Value::Null if schema["type"] == "boolean" => true.into(),
        Value::Null => "an example".into(),
        example => example.clone(),
    };
    Some(properties.iter().map(|(name, schema)| (name.clone(), value(schema))).collect())
}

pub(crate) fn secret() -> SharedSecret {
    SharedSecret::parse("vectors-secret-not-for-production-0123456789abcdef").unwrap()
}

/// A response whose body has been read and decompressed.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// `true` if the connection closes after this response.
    pub(crate) is_last: bool,
}

impl Answer {
    async fn of<B: MessageBody>(response: HttpResponse<B>) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let is_last = response.head().connection_type() == ConnectionType::Close;
        let bytes = to_bytes(response.into_body()).await.ok().unwrap();
        let mut body = String::new();
        if headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
            GzDecoder::new(&bytes[..]).read_to_string(&mut body).unwrap();
        } else {
            (&bytes[..]).read_to_string(&mut body).unwrap();
        }
        Self { status, headers, body, is_last }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).map(|value| value.to_str().unwrap()).collect()
    }

    /// Returns the status and the error code in the JSON body. The code is empty if the body has none.
    pub(crate) fn verdict(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}

/// Returns the page `tasks`, which is the last one of its list.
pub(crate) fn page(tasks: Vec<Task>) -> TaskPage {
    TaskPage { items: tasks, next: None }
}

/// Returns a request with alice's access token.
pub(crate) fn alice(method: &str, path: &str) -> TestRequest {
    anonymous(method, path).insert_header(("authorization", "Bearer alice-token"))
}

/// Returns a request without credentials.
pub(crate) fn anonymous(method: &str, path: &str) -> TestRequest {
    TestRequest::with_uri(path).method(method.parse().unwrap())
}

/// Returns a request with alice's access token and a JSON body.
pub(crate) fn alice_sends(method: &str, path: &str, body: impl Into<String>) -> TestRequest {
    alice(method, path).insert_header(("content-type", "application/json")).set_payload(body.into())
}
