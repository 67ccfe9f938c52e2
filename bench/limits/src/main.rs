//! The upper limit: a minimal tasks API without the features of a product, on several database libraries.
//!
//! `limits` serves with these environment variables:
//!   `BACKEND`       `tokio-postgres`: one pipelined connection for each worker, JSON directly from the row: the limit
//!                   `sqlx`, `sea-orm`: a shared pool, as in their manuals
//!                   `sqlite`: sqlx on an embedded database
//!   `PORT`, `DATABASE_URL`, `BETTER_AUTH_SECRET`; `WORKERS`, one for each core by default
//!
//! `limits hash` prints the milliseconds that one thread needs to verify a bcrypt hash with cost 12.

mod api;
mod hash;
mod json;
mod orm;
mod pipelined;
mod sqlite;
mod store;
mod token;
mod with_sqlx;

use std::thread::available_parallelism;

use anyhow::{Context, Result, bail};

#[actix_web::main]
async fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("hash") {
        println!("{:.3}", hash::milliseconds()?);
        return Ok(());
    }
    let url = variable("DATABASE_URL")?;
    let server = api::Server {
        port: variable("PORT")?.parse().context("PORT")?,
        workers: match variable("WORKERS") {
            Ok(workers) => workers.parse().context("WORKERS")?,
            Err(_) => available_parallelism()?.get(),
        },
        secret: variable("BETTER_AUTH_SECRET")?,
    };
    match variable("BACKEND")?.as_str() {
        "tokio-postgres" => server.serve(move || pipelined::connect(url.clone())).await,
        "sqlx" => {
            let store = with_sqlx::connect(&url).await?;
            server.serve(move || std::future::ready(Ok(store.clone()))).await
        }
        "sea-orm" => {
            let store = orm::connect(url).await?;
            server.serve(move || std::future::ready(Ok(store.clone()))).await
        }
        "sqlite" => {
            let store = sqlite::connect(&url).await?;
            server.serve(move || std::future::ready(Ok(store.clone()))).await
        }
        other => bail!("BACKEND cannot be {other}"),
    }
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}
