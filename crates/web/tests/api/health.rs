//! The health checks: liveness and readiness.

use taskbridge_domain::ports::StoreError;

use crate::support::{Ports, anonymous};

#[actix_web::test]
async fn liveness_does_not_check_the_store() {
    let answer = Ports::new().answer(anonymous("GET", "/health/live")).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, r#"{"status":"ok"}"#));
}

#[actix_web::test]
async fn readiness_checks_the_store() {
    let mut ports = Ports::new();
    ports.store.expect_probe().return_once(|| Ok(()));
    assert_eq!(ports.answer(anonymous("GET", "/health/ready")).await.status, 200);

    let mut ports = Ports::new();
    ports.store.expect_probe().return_once(|| Err(StoreError::Unavailable("secret detail".into())));
    let answer = ports.answer(anonymous("GET", "/health/ready")).await;
    assert_eq!(answer.verdict(), (503, "SERVICE_UNAVAILABLE".into()));
    assert!(!answer.body.contains("secret detail"));
}
