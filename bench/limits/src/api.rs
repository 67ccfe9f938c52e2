//! The routes, the same on every store.

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Json, Path};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use anyhow::Result;

use crate::store::{NewTask, Store};
use crate::token::Tokens;

/// The settings that all stores share.
pub struct Server {
    pub port: u16,
    pub workers: usize,
    pub secret: String,
}

struct State<S> {
    store: S,
    tokens: Tokens,
}

impl Server {
    /// Serves requests. Each worker creates its own store.
    pub async fn serve<S: Store, F>(self, store: impl Fn() -> F + Clone + Send + 'static) -> Result<()>
    where
        F: Future<Output = Result<S>> + 'static,
    {
        let tokens = Tokens::new(&self.secret);
        let app = move || {
            let (store, tokens) = (store.clone(), tokens.clone());
            App::new()
                .data_factory(move || {
                    let (store, tokens) = (store(), tokens.clone());
                    async move { anyhow::Ok(State { store: store.await?, tokens }) }
                })
                .route("/health", web::get().to(|| async { "ok" }))
                .route("/api/{user}/tasks", web::get().to(list::<S>))
                .route("/api/{user}/tasks", web::post().to(create::<S>))
                .route("/api/{user}/tasks/{id}", web::get().to(get::<S>))
                .route("/api/{user}/tasks/{id}/complete", web::patch().to(complete::<S>))
        };
        HttpServer::new(app).workers(self.workers).backlog(2048).bind(("127.0.0.1", self.port))?.run().await?;
        Ok(())
    }
}

async fn list<S: Store>(state: Data<State<S>>, request: HttpRequest, path: Path<String>) -> HttpResponse {
    if let Err(status) = state.tokens.check(&request, &path) {
        return refusal(status);
    }
    answer(StatusCode::OK, state.store.list(&path).await.map(Some))
}

async fn get<S: Store>(state: Data<State<S>>, request: HttpRequest, path: Path<(String, i64)>) -> HttpResponse {
    let (user, id) = path.into_inner();
    if let Err(status) = state.tokens.check(&request, &user) {
        return refusal(status);
    }
    answer(StatusCode::OK, state.store.get(&user, id).await)
}

async fn create<S: Store>(
    state: Data<State<S>>,
    request: HttpRequest,
    path: Path<String>,
    new: Json<NewTask>,
) -> HttpResponse {
    if let Err(status) = state.tokens.check(&request, &path) {
        return refusal(status);
    }
    if new.title.trim().is_empty() || new.title.len() > 800 {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY);
    }
    answer(StatusCode::CREATED, state.store.create(&path, new.into_inner()).await)
}

async fn complete<S: Store>(state: Data<State<S>>, request: HttpRequest, path: Path<(String, i64)>) -> HttpResponse {
    let (user, id) = path.into_inner();
    if let Err(status) = state.tokens.check(&request, &user) {
        return refusal(status);
    }
    answer(StatusCode::OK, state.store.complete(&user, id).await)
}

fn answer(status: StatusCode, json: Result<Option<Vec<u8>>>) -> HttpResponse {
    match json {
        Ok(Some(json)) => HttpResponse::build(status).content_type("application/json").body(json),
        Ok(None) => refusal(StatusCode::NOT_FOUND),
        Err(error) => {
            eprintln!("{error:#}");
            refusal(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

fn refusal(status: StatusCode) -> HttpResponse {
    HttpResponse::build(status).content_type("application/json").body(r#"{"detail":"no"}"#)
}
